"""``workflow rungs list`` and ``retry``: rungs that could not fire, and trying them again once the cause is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, DryRun, Home, Lang, home_of, key_held, say, told, url_of, wrong

if TYPE_CHECKING:
    from workflow.errors import Language
    from workflow.sweep import Parked

rungs = typer.Typer(help="Rungs that could not fire · 搁置的督办措施", no_args_is_help=True)

Item = Annotated[str, typer.Option("--item", help="Those of one item only · 仅此事项")]
Rule = Annotated[str, typer.Option("--rule", help="Those of one due only, as list names it · 仅此时限")]


def register(app: typer.Typer) -> None:
    app.add_typer(rungs, name="rungs")


@rungs.command("list")
def list_(db: Database, home: Home = None, lang: Lang = "") -> None:  # home: as retry has it; nothing is signed here
    """Name every rung that was tried too often and waits for somebody to look; read only · 列出搁置的督办措施(只读)

    Exit code 0: there is none. 1: there is one or more. 2: it could not be told.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.sweep import parked

        engine = Engine.looking(url_of(db, language, read_only=True))
        try:
            found = parked(engine)
        finally:
            engine.close()
    for each in found:
        say(_line(each, language))
    if not found:
        say("没有搁置的督办措施" if lang == "zh" else "no rung is parked")
    else:
        raise typer.Exit(1)


@rungs.command()
def retry(
    db: Database,
    item: Item = "",
    rule: Rule = "",
    everything: Annotated[bool, typer.Option("--all", help="All that are parked · 全部")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Let parked rungs be tried again at the next sweep, once the cause is mended · 排除故障后重新触发

    Exit code 0: some will be tried. 1: none was parked. 2: it could not be done.
    """
    language = cast("Language", lang)
    if not everything and not item:
        raise wrong("expected --item ID, or --all", "请写 --item 编号,或 --all")
    with told(language):
        from workflow.engine import Engine
        from workflow.sweep import retry as again

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            found = again(engine, item, rule, dry=dry_run)
        finally:
            engine.close()
    for each in found:
        say(_line(each, language))
    if not found:
        say("没有符合条件的搁置措施" if lang == "zh" else "no such rung is parked")
        raise typer.Exit(1)
    if dry_run:
        say("试运行,未作任何改动" if lang == "zh" else "a dry run: nothing was changed")
        return
    say(
        f"{len(found)} 项将在下次巡查时重新触发"
        if lang == "zh"
        else f"{len(found)} will be tried again at the next sweep"
    )


def _line(each: Parked, lang: Language) -> str:
    from workflow.clock import moment

    since = f"{moment(each.since):%Y-%m-%d %H:%M} UTC"
    if lang == "zh":
        return f"{each.item} {each.rule} 第 {each.step + 1} 项措施:已试 {each.attempts} 次,最近一次定于 {since}"
    return f"{each.item} {each.rule} rung {each.step + 1}: tried {each.attempts} times, last to be tried from {since}"
