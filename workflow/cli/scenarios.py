"""``workflow test``: run scenario tests, say where one fails and what no test reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import COULD_NOT, Lang, say_error, wrong

if TYPE_CHECKING:
    from workflow.definition.problem import Said
    from workflow.errors import Language
    from workflow.scenario.model import Suite


def register(app: typer.Typer) -> None:
    app.command("test")(test)


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files *.test.yaml, or folders; when none is given this folder, or those shipped · 场景测试文件或目录"
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", "-s", help="Only scenarios with this code · 仅运行此代码的场景")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Fail when a stage, exit or rung is uncovered · 未全覆盖即失败")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Run scenario tests on the real engine under a settable clock · 运行流程场景测试

    Exit code 0: all passed. 1: one failed, or a file does not hold. 2: there is no such file, or it is no test.
    """
    from workflow.definition.problem import nearest
    from workflow.errors import WorkflowError
    from workflow.scenario import report
    from workflow.scenario.read import load_suite
    from workflow.scenario.run import run

    language = cast("Language", lang)
    try:
        suites = [load_suite(path) for path in _files(paths or [], language)]
    except WorkflowError as error:
        typer.echo(error.text(language), err=True)
        raise typer.Exit(1) from None
    codes = [s.code for suite in suites for s in suite.scenarios]
    if unknown := [s for s in scenario or () if s not in codes]:
        near = nearest(unknown[0], codes)
        raise wrong(f"no scenario {unknown[0]}. {near}", f"没有场景 {unknown[0]}。{near.zh}", "--scenario")
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


def _files(paths: list[Path], lang: Language) -> list[Path]:
    from workflow.definition.shipped import shipped_root

    found: list[Path] = []
    for path in paths or [Path() if any(Path().glob("*.test.yaml")) else shipped_root() / "flows"]:
        inside = sorted(path.glob("**/*.test.yaml")) if path.is_dir() else [path]
        refusal = _refusal(path, inside)
        if refusal is not None:
            say_error(refusal.get(lang))
            raise typer.Exit(COULD_NOT)
        found += inside
    return found


def _refusal(path: Path, inside: list[Path]) -> Said | None:
    """Why nothing can be tested there, and what to do."""
    from workflow.definition.problem import Said, nearest

    if not path.exists():
        beside = [p.name for p in path.parent.glob("*.test.yaml")] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        return Said(
            f"there is no file or folder {path}. {near or 'Look at the path'}",
            f"没有文件或目录 {path}。{near.zh or '请核对路径'}",
        )
    if not inside:
        return Said(
            f"no *.test.yaml in {path}: a scenario test stands in a file NAME.test.yaml beside the flow NAME.yaml. "
            "workflow init makes one",
            f"{path} 中没有 *.test.yaml:场景测试写在流程 NAME.yaml 旁的 NAME.test.yaml 中,workflow init 可生成样例",
        )
    if path.is_file() and not path.name.endswith(".test.yaml"):
        tests = path.with_name(f"{path.stem}.test.yaml")
        if tests.is_file():
            return Said(
                f"{path} is no scenario test. Run: workflow test {tests}",
                f"{path} 不是场景测试。请运行:workflow test {tests}",
            )
        return Said(
            f"{path} is no scenario test. To check a flow run: workflow lint {path}. Its tests would stand in {tests}",
            f"{path} 不是场景测试。检查流程请运行:workflow lint {path};其测试应写在 {tests}",
        )
    return None
