"""``workflow visits``: who was visited, by how many, and which visits count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.burdens import Borne
    from workflow.errors import Language
    from workflow.seen import Seen

STATES = {
    "fixed": ("已定", "fixed"),
    "held": ("已办", "held"),
    "empty": ("无结果,不计", "no outcome, does not count"),
    "called-off": ("取消", "called off"),
}


def register(app: typer.Typer) -> None:
    app.command()(visits)


def visits(
    db: Database,
    since: Annotated[datetime, typer.Option("--since", formats=["%Y-%m-%d"], help="From this day on · 自")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="To this day, included · 至(含)")],
    kind: Annotated[str, typer.Option("--kind", help="visit, request, or what a flow calls it · 种类")] = "visit",
    level: Annotated[str, typer.Option("--level", help="With --at-least: whose units · 层级")] = "",
    at_least: Annotated[
        int, typer.Option("--at-least", min=0, help="Name units with fewer visits that count · 每单位至少次数")
    ] = 0,
    person: Annotated[str, typer.Option("--as", metavar="PERSON", help="As this person may see it · 按此人可见")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Visits to units, or requests to them: what is fixed, what counts, and units visited too seldom · 督导走访计次

    A visit without an outcome is listed and counts for nothing. Exit code 0: shown. 1: a unit had fewer visits than asked
    for. 2: it could not be shown.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.burdens import counted, short
        from workflow.engine import Engine
        from workflow.seen import seen_by, seen_by_operator

        engine = Engine.looking(url_of(db, language, read_only=True))
        try:
            with seen_by(engine, person) if person else seen_by_operator(engine) as seen:
                rows = seen.burdens(kind, since.date(), until.date())
                units = seen.roster(level, until.date()) if level else list(dict.fromkeys(r.unit for r in rows))
                few = short(units, rows, at_least)
                if as_json:
                    found = {"visits": [asdict(r) for r in rows], "counted": asdict(counted(rows)), "fewer": few}
                    say(json.dumps(found, ensure_ascii=False, indent=2))
                else:
                    for line in _lines(seen, rows, few, since.date(), until.date(), language):
                        say(line)
        finally:
            engine.close()
    if few:
        raise typer.Exit(1)


def _lines(
    seen: Seen, rows: Sequence[Borne], few: Sequence[tuple[str, int]], since: date, until: date, lang: Language
) -> Iterator[str]:
    from workflow.burdens import counted

    zh = lang == "zh"
    all_of = counted(rows)
    names = seen.names([*(r.unit for r in rows), *(unit for unit, _ in few)], lang)
    yield f"{since} - {until}"
    if zh:
        yield f"走访 {all_of.units} 家、{all_of.visits} 次、{all_of.persons} 人次"
        yield f"无结果不计 {all_of.empty},已定 {all_of.fixed},取消 {all_of.called_off}"
    else:
        yield f"{all_of.visits} visits to {all_of.units} units by {all_of.persons} persons"
        yield f"{all_of.empty} without an outcome do not count; {all_of.fixed} fixed, {all_of.called_off} called off"
    for r in rows:
        days = r.from_on if r.from_on == r.until_on else f"{r.from_on} - {r.until_on}"
        yield f"  {days}  {names[r.unit]}  {r.flow}  {STATES[r.state][0 if zh else 1]}"
    for unit, n in few:
        yield f"  {'次数不足' if zh else 'too few'}: {names[unit]} ({n})"
