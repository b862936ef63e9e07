"""``workflow test``: run scenario tests, say where one fails and what no test reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workflow.scenario.model import Suite


def register(app: typer.Typer) -> None:
    app.command("test")(test)


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files *.test.yaml, or folders of them; those shipped when none is given · 场景测试文件或目录"
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", "-s", help="Only scenarios with this code · 仅运行此代码的场景")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Fail when a stage, exit or rung is uncovered · 未全覆盖即失败")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Annotated[str, typer.Option("--lang", help="zh or en · 语言")] = "en",
) -> None:
    """Run scenario tests on the real engine under a settable clock · 运行流程场景测试

    Exit code 0: all passed. 1: one failed, or a file does not hold.
    """
    from workflow.definition.problem import nearest
    from workflow.errors import Language, WorkflowError
    from workflow.scenario import report
    from workflow.scenario.read import load_suite
    from workflow.scenario.run import run

    language: Language = "zh" if lang == "zh" else "en"
    if lang not in ("zh", "en"):
        raise typer.BadParameter(f"expected zh or en; got {lang}", param_hint="--lang")
    try:
        suites = [load_suite(path) for path in _files(paths or [])]
    except WorkflowError as error:
        typer.echo(error.text(language), err=True)
        raise typer.Exit(1) from None
    codes = [s.code for suite in suites for s in suite.scenarios]
    if unknown := [s for s in scenario or () if s not in codes]:
        raise typer.BadParameter(f"no scenario {unknown[0]}. {nearest(unknown[0], codes)}", param_hint="--scenario")
    results = [run(suite, frozenset(scenario or ())) for suite in suites if not scenario or _has(suite, scenario)]
    if as_json:
        typer.echo(json.dumps(report.as_data(results, language), ensure_ascii=False, indent=2))
    else:
        for line in report.lines(results, language):
            typer.echo(line)
    gaps = complete and not all(c.whole for c in report.coverages(results).values())
    if gaps or not all(r.passed for r in results) or not any(r.outcomes for r in results):
        raise typer.Exit(1)


def _has(suite: Suite, codes: list[str]) -> bool:
    return any(s.code in codes for s in suite.scenarios)


def _files(paths: list[Path]) -> list[Path]:
    from workflow.definition.shipped import shipped_root

    found: list[Path] = []
    for path in paths or [shipped_root() / "flows"]:
        inside = sorted(path.glob("**/*.test.yaml")) if path.is_dir() else [path]
        if not inside:
            raise typer.BadParameter(f"no *.test.yaml in {path} · {path} 中没有 *.test.yaml", param_hint="PATH")
        found += inside
    return found
