"""``workflow why`` and ``workflow calendar import``: how a date came about, and the year it was waiting for."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Home, Lang, home_of, key_held, opened, say, told, url_of
from workflow.cli.warned import warned

if TYPE_CHECKING:
    from workflow.errors import Language

Db = Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")]

calendars = typer.Typer(help="Working-day calendars · 工作日历", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(why)
    app.command()(counts)
    app.add_typer(calendars, name="calendar")


def why(
    item: Annotated[str, typer.Argument(help="The item · 事项")],
    db: Db,
    lang: Lang = "",
) -> None:
    """Explain every date of an item, day by day: what it was counted from, what moved it, what fired · 逐日说明时限

    Exit code 0: every date is what counting again gives. 1: one is not. 2: it could not be asked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.clock import SystemClock
        from workflow.store import database
        from workflow.why import count_lines, counts_of_item, definition_of, ledger, lines

        with opened(db, language) as engine, database.reading(engine) as connection:
            dues = ledger(connection, item, SystemClock().now())
            zone = definition_of(connection, item).flow.timezone
            counted = counts_of_item(connection, item)
        if not dues:
            say(f"{item} 没有时限" if lang == "zh" else f"{item} has no dues")
        for line in (*lines(dues, zone, language), *count_lines(counted, language)):
            say(line)
    if not all(due.agrees for due in dues):
        raise typer.Exit(1)


def counts(
    person: Annotated[str, typer.Argument(help="The person · 人员")],
    db: Db,
    lang: Lang = "",
) -> None:
    """List what was held with a person and counts, over all items; facts for those who decide · 个人累计计次

    Exit code 0: listed, or there is nothing. 2: it could not be asked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.store import database
        from workflow.why import count_lines, counts_of_person

        with opened(db, language) as engine, database.reading(engine) as connection:
            found = counts_of_person(connection, person)
        for line in count_lines(found, language):
            say(line)
        if not found:
            say(f"{person} 没有累计计次" if lang == "zh" else f"nothing is counted of {person}")


@calendars.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A calendar file · 日历文件")],
    db: Db,
    home: Home = None,
    every: Annotated[
        bool,
        typer.Option(
            "--every",
            help="Where it corrects a published year, count all dates again that have not passed · 更正时重新推算全部未到期时限",
        ),
    ] = False,
    lang: Lang = "",
) -> None:
    """Publish a calendar and count again the dates that waited for it · 公布日历并重新推算暂定时限

    A calendar that corrects a published year also moves the dates of reports owed for periods that are not over; every other
    date that was settled stays, unless --every is given. What has passed stays. Each date that moves has an entry of its own.

    Exit code 0: done. 1: dates of some items could not be counted again; they are named, and the others were. 2: it could not
    be published.
    """
    language = cast("Language", lang)
    with told(language), warned(language):
        from workflow.calendar_file import load_calendar
        from workflow.engine import Engine
        from workflow.reprojection import publish

        calendar = load_calendar(file)
        here = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        with closing(here) as engine:
            done = publish(engine, calendar, every=every)
        years = f"{calendar.published[0].year}-{calendar.published[-1].year}" if calendar.published else "-"
        say(
            f"已公布日历 {calendar.name}({years});暂定时限的事项 {done.items},重新推算 {done.entries}"
            if lang == "zh"
            else f"published calendar {calendar.name} ({years}); items with provisional dates: {done.items}, "
            f"counted again: {done.entries}"
        )
        if done.moved:
            say(
                f"更正已公布年度,时限变动的事项 {done.moved}"
                if lang == "zh"
                else f"it corrects a published year: items whose date moved: {done.moved}"
            )
    if done.failed:
        raise typer.Exit(1)
