"""``workflow demo``: run the campaign of 2019 with an invented organisation and print what an office would print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow.cli.arguments import Lang, wrong

if TYPE_CHECKING:
    from workflow.demo.tables import Paper

SEED = 2019


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    lang: Lang = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print only JSON · 仅输出 JSON")] = False,
    seed: Annotated[int, typer.Option("--seed", help="What the invented people are drawn from · 随机种子")] = SEED,
    out: Annotated[Path, typer.Option("--out", help="Folder to leave everything in · 输出目录")] = Path("demo-out"),
    db: Annotated[str, typer.Option("--db", help="URL of an empty database instead of demo.db · 空数据库")] = "",
    again: Annotated[bool, typer.Option("--again", help="Print what the last run left · 只打印上次结果")] = False,
) -> None:
    """Run a whole campaign of investigation and rectification, signed level by level · 运行演示

    Leaves demo.db, its home folder, that of the log, ledger.csv and result.json in the folder. Exit code 0: everything that must hold
    holds. 1: something does not. 2: it could not be run.
    """
    import json

    from workflow.demo.tables import Paper, console
    from workflow.demo.workspace import RESULT, CannotRun
    from workflow.errors import WorkflowError

    paper = Paper(console(), lang)
    try:
        if again:
            if not (out / RESULT).is_file():
                raise wrong(f"no finished run in {out}. Run it first", f"{out} 中没有已完成的演示,请先运行", "--out")
            result = json.loads((out / RESULT).read_text(encoding="utf-8"))
        else:
            result = _run(out, seed, db, paper, quiet=as_json)
        if as_json:
            typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            _print(out, db, result, paper)
    except CannotRun as refusal:
        typer.echo(paper.say(refusal.zh, str(refusal)), err=True)
        raise typer.Exit(2) from None
    except WorkflowError as error:
        typer.echo(error.text("zh" if lang == "zh" else "en"), err=True)
        raise typer.Exit(2) from None
    failing = [i["name"] for i in result["invariants"] if not i["holds"]]
    if failing:
        typer.echo(paper.say("不成立:", "does not hold: ") + ", ".join(failing), err=True)
        raise typer.Exit(1)


def _run(out: Path, seed: int, db: str, paper: Paper, *, quiet: bool) -> dict[str, Any]:
    from workflow.demo.ledger import Ledger
    from workflow.demo.progress import shown_progress
    from workflow.demo.run import reopened, run
    from workflow.demo.workspace import replaced

    if not quiet:
        paper.title(seed)
    with replaced(out) as folder:
        with shown_progress(paper, quiet) as steps:
            result = run(folder, seed, url=db, steps=steps)
        engine = reopened(folder, db)
        try:
            with engine.look() as desk:
                Ledger(desk, paper).write(folder / "ledger.csv")
        finally:
            engine.close()
    return result


def _print(out: Path, db: str, result: dict[str, Any], paper: Paper) -> None:
    from workflow.demo.run import DATABASE, reopened
    from workflow.demo.sheets import Sheets

    engine = reopened(out, db)
    try:
        with engine.look() as desk:
            named = "URL" if db else str(out / DATABASE)  # a URL may hold a password
            Sheets(desk, result, paper, named).print_all()
    finally:
        engine.close()
    paper.line(
        f"留存:{out}/(demo.db、home、log、ledger.csv、result.json)",
        f"left in {out}/: demo.db, home, log, ledger.csv, result.json",
    )
