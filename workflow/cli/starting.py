"""``workflow init``, ``schema`` and ``tighten``: a folder to begin with, the schema for an editor, an overlay laid over."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, cast

import typer

from workflow.cli.arguments import COULD_NOT, Lang, say, say_error, told, wrong


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("schema")(schema_)
    app.command()(tighten)


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A folder that is not there yet, or empty; this one when not given · 新目录或空目录"
        ),
    ] = Path(),
    keys: Annotated[
        str, typer.Option("--keys", help="Keys in zh or en; the language's when not given · 键名语言")
    ] = "",
    lang: Lang = "",
) -> None:
    """Make a folder that runs: flow, test, organisation, calendar, schema, guide · 新建可运行的流程目录

    Exit code 2: it could not be made; what is there stays.
    """
    from workflow.errors import Language

    language = cast("Language", lang)
    if keys not in ("", "zh", "en"):
        raise wrong(f"expected zh or en; got {keys}", f"应为 zh 或 en;实为 {keys}", "--keys")
    with told(language):
        from workflow.definition.fmt import Keys
        from workflow.lint.starter import start

        try:
            made = start(folder, cast("Keys", keys or language))
        except FileExistsError:
            say_error(
                f"{folder.resolve()} 中已有内容,未作改动;请另取目录名"
                if language == "zh"
                else f"there is something in {folder.resolve()} already, and nothing was changed. Give another name"
            )
            raise typer.Exit(COULD_NOT) from None
        for path in made:
            say(f"  {folder / path}")
    then = "workflow lint && workflow test"
    if folder.resolve() != Path.cwd():
        then = f"cd {shlex.quote(str(folder))} && {then}"
    if language == "zh":
        say(f"已就绪。请看 {folder / 'GUIDE.zh.md'};再运行:{then}")
    else:
        say(f"ready. Read {folder / 'GUIDE.en.md'}, then: {then}")


def schema_(
    overlay: Annotated[bool, typer.Option("--overlay", help="Of overlays instead of flows · 加严文件的")] = False,
) -> None:
    """Print the JSON Schema (draft-07) of flow files, with keys in both languages · 输出 JSON Schema"""
    from workflow.definition.model import Flow
    from workflow.definition.overlay import Overlay
    from workflow.definition.schema import schema

    say(json.dumps(schema(Overlay if overlay else Flow), ensure_ascii=False, indent=1))


def tighten(
    overlay: Annotated[Path, typer.Argument(metavar="OVERLAY", help="The overlay · 加严文件")],
    flow: Annotated[Path, typer.Argument(metavar="FLOW", help="The flow that it lies over · 上级流程文件")],
    out: Annotated[Path | None, typer.Option("--out", help="Write here; print when not given · 输出文件")] = None,
    lang: Lang = "",
) -> None:
    """Lay an overlay over a flow, and write the flow that results · 由上级流程与加严文件生成下级流程

    Exit code 1: the overlay loosens something or does not fit, and where. 2: a file cannot be read.
    """
    from workflow.errors import Language

    language = cast("Language", lang)
    with told(language):
        from io import StringIO

        from ruamel.yaml import YAML

        from workflow.definition.load import load
        from workflow.definition.overlay import examine_overlay
        from workflow.definition.problem import render

        base = load(flow)
        found = examine_overlay(overlay.read_bytes(), str(overlay), {base.name: base.flow})
        for problem in found.problems:
            say_error(render(problem, language))
        if found.definition is None:
            raise typer.Exit(1)
        text = StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.allow_unicode, yaml.default_flow_style = True, False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump(found.definition.flow.canonical(), text)
        if out is None:
            say(text.getvalue())
        else:
            out.write_text(text.getvalue(), encoding="utf-8")
            say(f"{out}: {found.definition.name}@{found.definition.version}")
