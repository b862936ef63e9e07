"""``workflow lint``, ``explain`` and ``fmt``: what is wrong with a folder of flows, why, and writing it in order."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from workflow.cli.arguments import COULD_NOT, Lang, say, say_error, told, wrong

FORMATS = ("text", "json", "github", "sarif")


def register(app: typer.Typer) -> None:
    app.command()(lint)
    app.command()(explain)
    app.command()(fmt)


def _format(given: str) -> str:
    if given not in FORMATS:
        raise wrong(
            f"expected one of {', '.join(FORMATS)}; got {given}", f"应为 {'、'.join(FORMATS)} 之一;实为 {given}"
        )
    return given


def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files or folders; this folder when none is given · 文件或目录"),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", "-f", callback=_format, help="text, json, github or sarif · 输出格式")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="A warning fails too · 有提醒即失败")] = False,
    on: Annotated[
        datetime | None,
        typer.Option(
            "--on", formats=["%Y-%m-%d"], help="The day the organisation is looked at; today · 核对组织的日期"
        ),
    ] = None,
    lang: Lang = "",
) -> None:
    """Check flows, tests, calendars, overlays and the organisation of a folder together · 检查整个项目

    Exit code 0: no error. 1: an error (with --strict a warning too). 2: nothing there to check.
    """
    from workflow.clock import SystemClock, local_day
    from workflow.errors import Language
    from workflow.lint import report
    from workflow.lint.project import lint as run

    language = cast("Language", lang)
    day = on.date() if on else local_day(SystemClock().now(), "Asia/Shanghai")
    done = run(paths or [Path()], day)
    if not done.files:
        where = ", ".join(map(str, paths or [Path()]))
        say_error(
            f"{where} 中没有可检查的文件(*.yaml);新建请运行:workflow init"
            if language == "zh"
            else f"there is nothing to check in {where} (*.yaml). workflow init makes a folder that runs"
        )
        raise typer.Exit(COULD_NOT)
    if form == "json":
        say(json.dumps(report.as_data(done, language), ensure_ascii=False, indent=2))
    elif form == "sarif":
        from importlib.metadata import version

        say(json.dumps(report.sarif(done, language, version("signoff-workflow")), ensure_ascii=False, indent=2))
    else:
        for line in report.github(done, language) if form == "github" else report.text(done, language):
            say(line)
    if done.errors or (strict and done.problems):
        raise typer.Exit(1)


def explain(
    code: Annotated[
        str, typer.Argument(help="The code in brackets behind a problem; all when none is given · 代码")
    ] = "",
    lang: Lang = "",
) -> None:
    """Why a problem is one, with an example that has it and one that has not · 说明代码的含义

    Exit code 2: there is no such code.
    """
    from workflow.errors import Language
    from workflow.lint.explain import explanation, listing

    language = cast("Language", lang)
    with told(language):
        for line in explanation(code, language) if code else listing(language):
            say(line)


def fmt(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Flow files, overlays · 流程文件")],
    keys: Annotated[
        str, typer.Option("--keys", help="Write keys in zh or en; as they are when not given · 键名语言")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if something would · 只检查")] = False,
    lang: Lang = "",
) -> None:
    """Write flow files in order; comments, order and meaning stay · 整理流程文件

    Exit code 0: done. 1: with --check, a file would change. 2: a file cannot be read; none was changed.
    """
    from workflow.definition.fmt import Keys, formatted
    from workflow.definition.model import Flow
    from workflow.definition.overlay import Overlay
    from workflow.errors import Language
    from workflow.lint.project import kind_of

    if keys not in ("", "zh", "en"):
        raise wrong(f"expected zh or en; got {keys}", f"应为 zh 或 en;实为 {keys}", "--keys")
    language = cast("Language", lang)
    with told(language):
        wanted = {}
        for path in paths:
            raw = path.read_bytes()
            root = Overlay if kind_of(path) == "overlay" else Flow
            new = formatted(raw, str(path), cast("Keys | None", keys or None), root)
            if new != raw:
                wanted[path] = new
        for path, new in wanted.items():
            if not check:
                _replace(path, new)
            if language == "zh":
                say(f"{path}:{'将改写' if check else '已改写'}")
            else:
                say(f"{path}: {'would change' if check else 'written'}")
    if check and wanted:
        raise typer.Exit(1)


def _replace(path: Path, content: bytes) -> None:
    """All of it or nothing: a full disk leaves the old file."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        beside.chmod(path.stat().st_mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
