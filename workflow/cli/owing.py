"""``workflow owed``: who owes which report, and what came of it at any instant, past ones included."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Lang, say, say_error, told, url_of

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.errors import Language
    from workflow.obligations import Owed, Rates
    from workflow.seen import Seen

BACK = timedelta(days=70)  # of the periods listed: so far back from the moment asked about, and those that have begun
SHOWN = 20  # units of a state in text; JSON has all
STATES = {
    "DUE": ("未到期", "not yet due"),
    "SUBMITTED": ("已报", "submitted"),
    "ZERO": ("零报告", "zero"),
    "LATE": ("迟报", "late"),
    "MISSING": ("应报未报", "missing"),
    "EXEMPT": ("免报", "exempt"),
    "SUPPLEMENTED": ("补报", "supplemented"),
    "CONTRADICTED": ("与事实不符", "contradicted"),
}


def register(app: typer.Typer) -> None:
    app.command()(owed)


def owed(
    db: Database,
    flow: Annotated[str, typer.Option("--flow", help="The flow; all that owe reports when not given · 流程")] = "",
    rule: Annotated[str, typer.Option("--rule", help="The obligation; all when not given · 报送义务")] = "",
    period: Annotated[
        str, typer.Option("--period", help="One period (2019-W41): every unit with its state · 报送期,逐单位列出")
    ] = "",
    under: Annotated[str, typer.Option("--under", metavar="UNIT", help="This unit and all below it · 下属范围")] = "",
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="MOMENT",
            help="As of 2019-10-08T12:00, or of the end of 2019-10-08; now when not given · 截至",
        ),
    ] = "",
    person: Annotated[
        str, typer.Option("--as", metavar="PERSON", help="As this person may see it · 按此人可见范围")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Reports owed: in time, late, zero, missing, at any instant; computed when asked · 应报、按时、迟报、零报告、缺报

    Exit code 0: nobody is missing. 1: somebody is. 2: it could not be told.
    """
    language = cast("Language", lang)
    asked_of = _read(at, language)
    with told(language):
        from workflow.engine import Engine
        from workflow.seen import seen_by, seen_by_operator

        engine = Engine.looking(url_of(db, language, read_only=True))
        try:
            with seen_by(engine, person) if person else seen_by_operator(engine) as seen:
                found = list(_found(seen, flow, rule, period, under, asked_of))
                if as_json:
                    say(json.dumps([_plain(one) for one in found], ensure_ascii=False, indent=2))
                else:
                    for line in _lines(seen, found, language):
                        say(line)
        finally:
            engine.close()
        if not found:
            say_error("没有应报的报送期" if lang == "zh" else "there is no period of which a report is owed")
    if any(one.rates.missing for one in found):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Period:
    """A period with its rates at a moment; its units only where that period was asked for."""

    definition: Definition
    rule: str
    rates: Rates
    units: tuple[Owed, ...] = ()


def _read(at: str, lang: Language) -> date | datetime | None:
    """The day or the moment that was typed."""
    if not at:
        return None
    try:
        return date.fromisoformat(at) if len(at) == len("2019-10-08") else datetime.fromisoformat(at)
    except ValueError:
        wanted = f"应为日期或时刻,如 2019-10-08、2019-10-08T12:00;实为 {at}"
        en = f"expected a day or a moment such as 2019-10-08 or 2019-10-08T12:00; got {at}"
        raise typer.BadParameter(wanted if lang == "zh" else en, param_hint="--at") from None


def _found(seen: Seen, flow: str, rule: str, name: str, under: str, at: date | datetime | None) -> Iterator[_Period]:
    """The periods asked about, the newest of an obligation first.

    Raises:
        Unknown: no such flow, obligation, unit, or period of any of them.
    """
    from workflow.clock import local_day
    from workflow.errors import Unknown, among

    owing = {d.name: d for d in seen.owing()}
    if flow and flow not in owing:
        raise Unknown(kind="flow of which reports are owed", name=flow, hint=among(owing))
    asked = [(d, r) for d in owing.values() if flow in ("", d.name) for r in d.flow.obligations if rule in ("", r)]
    if rule and not asked:
        known = {r for d in owing.values() if flow in ("", d.name) for r in d.flow.obligations}
        raise Unknown(kind="obligation", name=rule, hint=among(sorted(known)))
    no_period: Unknown | None = None
    some = False
    for definition, one in asked:
        moment = _moment(seen, definition, at)
        today = local_day(moment, definition.flow.timezone)
        if not name:
            for each in reversed(seen.periods(definition.name, one, today - BACK, today + BACK, moment)):
                if each.opens <= moment:
                    yield _Period(definition, one, seen.rates(definition.name, one, each.name, moment, under))
            continue
        try:
            rates = seen.rates(definition.name, one, name, moment, under)
        except Unknown as other:  # a week is no period of what is owed every month
            if other.facts["kind"] != "period":
                raise
            no_period = other
            continue
        some = True
        yield _Period(definition, one, rates, tuple(seen.owed(definition.name, one, name, moment, under)))
    if no_period is not None and not some:
        raise no_period


def _moment(seen: Seen, definition: Definition, at: date | datetime | None) -> int:
    """The moment asked about: now unless told, by the flow's own zone where none was typed, a day as of its last instant."""
    from workflow.clock import micros, start_of_day

    if at is None:
        return seen.now
    if isinstance(at, datetime) and at.tzinfo is not None:
        return micros(at)
    if isinstance(at, datetime):
        return start_of_day(at.date(), definition.flow.timezone, at.time())
    return start_of_day(at + timedelta(days=1), definition.flow.timezone) - 1


def _plain(one: _Period) -> dict[str, Any]:
    r = one.rates
    out: dict[str, Any] = {
        "flow": one.definition.name,
        "rule": one.rule,
        "period": r.period.name,
        "due": r.period.day.isoformat(),
        "missed": r.period.missed,
        "at": r.at,
        "provisional": r.period.provisional,
        "expected": r.expected,
        "received": r.received,
        "on-time": r.on_time,
        "late": r.late,
        "zero": r.zero,
        "missing": r.missing,
        "states": dict(r.counts),
    }
    if one.units:
        out["units"] = [asdict(u) for u in one.units]
    return out


def _lines(seen: Seen, found: list[_Period], lang: Language) -> Iterator[str]:
    from workflow.clock import moment

    zh, before = lang == "zh", ("", "")
    for one in found:
        r, zone = one.rates, one.definition.flow.timezone
        if before != (one.definition.name, one.rule):
            before = one.definition.name, one.rule
            until = f"{moment(r.at, zone):%Y-%m-%d %H:%M}"
            flow = one.definition.flow
            called = f"{flow.titles[one.rule].get(lang)} ({one.rule})" if one.rule in flow.titles else one.rule
            yield f"{flow.title.get(lang)} · {called} · {'截至' if zh else 'as of'} {until}"
        due = f"{moment(r.period.missed, zone):%Y-%m-%d %H:%M}"
        unsure = ("(暂定)" if zh else " (provisional)") if r.period.provisional else ""
        yield (
            f"  {r.period.name}({due} 截止{unsure}):应报 {r.expected},已报 {r.received}(按时 {r.on_time},迟报 {r.late},"
            f"零报告 {r.zero}),缺报 {r.missing}"
            if zh
            else f"  {r.period.name} (until {due}{unsure}): {r} in; {r.on_time} in time, {r.late} late, {r.zero} zero; "
            f"{r.missing} missing"
        )
        yield from _other_dates(one, zone, zh)
        yield from _units(seen, one, lang)


def _other_dates(one: _Period, zone: str, zh: bool) -> Iterator[str]:
    """Until when units with a calendar of their own had."""
    from workflow.clock import moment

    dates = Counter(u.missed for u in one.units if u.missed != one.rates.period.missed)
    for missed, n in sorted(dates.items()):
        until = f"{moment(missed, zone):%Y-%m-%d %H:%M}"
        yield (
            f"    另有 {n} 个单位按各自日历 {until} 截止" if zh else f"    {n} by calendars of their own until {until}"
        )


def _units(seen: Seen, one: _Period, lang: Language) -> Iterator[str]:
    """Each state with how many are in it, and by name the first of those who are not simply in."""
    zh = lang == "zh"
    names = seen.names([u.unit for u in one.units if u.state not in ("SUBMITTED", "ZERO")], lang)
    for state, words in STATES.items():
        some = [u.unit for u in one.units if u.state == state]
        if not some:
            continue
        count = f"    {words[0] if zh else words[1]} {len(some)}"
        if state in ("SUBMITTED", "ZERO"):
            yield count
        else:
            yield count + (":" if zh else ": ") + _named([names[u] for u in some], zh)


def _named(names: list[str], zh: bool) -> str:
    rest = len(names) - SHOWN
    more = ([f"等,另有 {rest} 个"] if zh else [f"and {rest} more"]) if rest > 0 else []
    return ("、" if zh else ", ").join([*names[:SHOWN], *more])
