"""What is owed for which period, until when, and which of eight states it is in at an instant. No I/O, no clock.

The period of an obligation is the campaign of its reports: ``2019-10-07`` (a day), ``2019-W41`` (a week),
``2w-2019-10-07`` (two weeks), ``2019-10``, ``2019-Q4``, ``2019-H2``, ``2019``. It runs from the day after the date before
to its own date; it is missed at the end of that date, or of the working day that the definition reads it as.
Source: S0 「应报必报」, R054; S0 「每周一报送情况」, R082.
"""

from __future__ import annotations

import hashlib
import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from workflow.calendar import Calendar
from workflow.clock import local_day, start_of_day
from workflow.definition.check_obligations import LAST, WEEKDAYS
from workflow.definition.definition import Definition
from workflow.definition.model import Obligation, Rung
from workflow.errors import BadMaterial, CalendarMissing, Said, Unknown, WrongStage, among
from workflow.rules import dues, reckoning
from workflow.rules.context import Context

State = Literal["DUE", "SUBMITTED", "ZERO", "LATE", "MISSING", "EXEMPT", "SUPPLEMENTED", "CONTRADICTED"]
STATES: tuple[State, ...] = (
    *("DUE", "SUBMITTED", "ZERO", "LATE", "MISSING", "EXEMPT", "SUPPLEMENTED", "CONTRADICTED"),
)
OWED = "owed"  # the end of the rule of a report's due
DAY = timedelta(days=1)
_MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
_FORMS = {
    "day": r"\d{4}-\d{2}-\d{2}",
    "workday": r"\d{4}-\d{2}-\d{2}",
    "week": r"(\d{4})-W(\d{2})",
    "2 weeks": r"2w-(\d{4}-\d{2}-\d{2})",
    "month": r"(\d{4})-(\d{2})",
    "quarter": r"(\d{4})-Q([1-4])",
    "half-year": r"(\d{4})-H([12])",
    "year": r"(\d{4})",
}


@dataclass(frozen=True, slots=True)
class Period:
    """One period of an obligation.

    Attributes:
        name: as it stands in ``campaign``; ``nominal`` the date it is called after, ``day`` the date it is due on.
        opens: the first instant at which it may be reported; ``missed`` the first that counts as missed (µs UTC).
        provisional: a calendar to come may move ``day``.
    """

    rule: str
    name: str
    nominal: date
    day: date
    opens: int
    missed: int
    provisional: bool


def report_id(flow: str, unit: str, period: str) -> str:
    """The id of a unit's report for a period: there is one, whoever opens it."""
    return "r" + hashlib.sha256(f"{flow}\x1f{period}\x1f{unit}".encode()).hexdigest()[:20]


def name_of(spec: Obligation, nominal: date) -> str:
    """What the period that ends on a date is called."""
    if spec.every == "week":
        year, week, _ = nominal.isocalendar()
        return f"{year}-W{week:02}"
    if spec.every == "2 weeks":
        return f"2w-{nominal.isoformat()}"
    if spec.every == "month":
        return f"{nominal:%Y-%m}"
    if spec.every == "quarter":
        return f"{nominal.year}-Q{(nominal.month + 2) // 3}"
    if spec.every == "half-year":
        return f"{nominal.year}-H{(nominal.month + 5) // 6}"
    if spec.every == "year":
        return f"{nominal.year}"
    return nominal.isoformat()


def period(definition: Definition, calendar: Calendar, rule: str, name: str) -> Period:
    """A period by its name.

    Raises:
        Unknown: the flow has no such obligation, or that is no period of it.
    """
    spec = definition.flow.obligations.get(rule)
    if spec is None:
        raise Unknown(kind="obligation", name=rule, hint=among(definition.flow.obligations))
    nominal = _nominal(spec, calendar, name) if name.isascii() else None  # ２０１９ is no other year, and no name
    if nominal is None:
        raise Unknown(
            kind="period",
            name=name,
            hint=Said(
                f" of {definition.name} {rule} (every {spec.every})", f"({definition.name} {rule},每 {spec.every})"
            ),
        )
    return _period(definition, calendar, rule, spec, nominal)


def _period(definition: Definition, calendar: Calendar, rule: str, spec: Obligation, nominal: date) -> Period:
    zone = definition.flow.timezone
    found = reckoning.reckon(calendar, zone, basis(rule, spec, nominal))
    # A date read so much earlier that it lies before the period's own beginning: there is at least that day to report on.
    opens = start_of_day(min(_step(spec, calendar, nominal, -1) + DAY, found.day), zone)
    unsure = spec.every == "workday" and not calendar.settled(nominal)  # whether there is such a period at all
    return Period(rule, name_of(spec, nominal), nominal, found.day, opens, found.missed, found.provisional or unsure)


def basis(rule: str, spec: Obligation, nominal: date) -> reckoning.Basis:
    """What the date of a period rests on, for the due of its report."""
    out: reckoning.Basis = {"on": nominal.isoformat(), "obligation": rule}
    if spec.reading not in (None, "keep"):
        out["reading"] = spec.reading
    if spec.at is not None:
        out["cut"] = spec.at
    return out


def periods(definition: Definition, calendar: Calendar, rule: str, since: date, until: date) -> Iterator[Period]:
    """The periods whose date lies between two days, both included, in order."""
    spec = definition.flow.obligations[rule]
    last = min(until, spec.until) if spec.until is not None else until
    nominal = _first(spec, calendar, max(since, spec.from_))
    while nominal <= last:
        yield _period(definition, calendar, rule, spec, nominal)
        nominal = _step(spec, calendar, nominal, 1)


def _nominal(spec: Obligation, calendar: Calendar, name: str) -> date | None:
    match = re.fullmatch(_FORMS[spec.every], name)
    if match is None:
        return None
    try:
        if spec.every in ("day", "workday"):
            found = date.fromisoformat(name)
        elif spec.every == "week":
            found = date.fromisocalendar(int(match[1]), int(match[2]), _weekday(spec) + 1)
        elif spec.every == "2 weeks":
            found = date.fromisoformat(match[1])
        else:
            number = int(match[2]) if match.lastindex == 2 else 1
            found = _in_month(spec, int(match[1]), number * _MONTHS[spec.every])
    except ValueError:
        return None
    if found < spec.from_ or found.year > int(dues.LAST_YEAR) or (spec.until is not None and found > spec.until):
        return None
    return found if _first(spec, calendar, found) == found else None


def _weekday(spec: Obligation) -> int:
    return WEEKDAYS.index(str(spec.on))


def _in_month(spec: Obligation, year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1] if spec.on == LAST else int(spec.on or 1))


def _first(spec: Obligation, calendar: Calendar, day: date) -> date:
    """The first date of the cycle on or after a day."""
    if spec.every == "day":
        return day
    if spec.every == "workday":
        return day if _works(calendar, day) else _step(spec, calendar, day, 1)
    if spec.every == "week":
        return day + (_weekday(spec) - day.weekday()) % 7 * DAY
    if spec.every == "2 weeks":
        return day + (spec.from_ - day).days % 14 * DAY
    length = _MONTHS[spec.every]
    found = _in_month(spec, day.year, (day.month - 1) // length * length + length)
    return found if found >= day else _step(spec, calendar, found, 1)


def _step(spec: Obligation, calendar: Calendar, day: date, n: int) -> date:
    """The date of the cycle after one (``n`` is 1), or the one before it (-1)."""
    if spec.every == "day":
        return day + n * DAY
    if spec.every == "workday":
        return reckoning.count(calendar, day, n, "workdays")[0]
    if spec.every in ("week", "2 weeks"):
        return day + n * (7 if spec.every == "week" else 14) * DAY
    year, month = divmod(day.year * 12 + day.month - 1 + n * _MONTHS[spec.every], 12)
    return _in_month(spec, year, month + 1)


def _works(calendar: Calendar, day: date) -> bool:
    try:
        return calendar.is_workday(day)
    except CalendarMissing:
        return day.weekday() not in calendar.weekend


def excused(spec: Obligation, nominal: date, line: Iterable[str]) -> bool:
    """Whether a class exempts a unit from a period; ``line`` is the unit and everything above it."""
    above = set(line)
    return any(each.binds(nominal) and above.intersection(each.units) for each in spec.excused)


# --- the report of a period ----------------------------------------------------------------------------------------


Line = Callable[[Period], Iterable[str]]
"""The unit and everything above it, as of a period."""


def candidates(definition: Definition, calendar: Calendar, level: str, name: str) -> Iterator[Period]:
    """The periods of that name for which a level owes a report of this flow: at most one for any one unit, but two rules
    kept to different subtrees (``under``) may each have one."""
    for rule, spec in definition.flow.obligations.items():
        if level in spec.owed_by:
            nominal = _nominal(spec, calendar, name)
            if nominal is not None:
                yield _period(definition, calendar, rule, spec, nominal)


def owed(definition: Definition, calendar: Calendar, level: str, name: str, line: Line | None = None) -> Period | None:
    """The period of that name for which a unit of a level owes a report of this flow; None where it owes none.

    Args:
        line: the unit's own line, which rules kept to some subtrees are held against; without it every rule of the level
            binds, as rules before version 5 had it.
    """
    for found in candidates(definition, calendar, level, name):
        under = definition.flow.obligations[found.rule].under
        if line is None or not under or not set(under).isdisjoint(line(found)):
            return found
    return None


def opened(
    context: Context, item: str, unit: str, level: str, campaign: str, by_engine: bool, line: Line | None
) -> dict[str, Any]:
    """The due of a report that is opened for a period, as the effect that arms it.

    A rung "before" whose moment has passed fires only for a report the engine opened in order to fire it: whoever opens
    a report needs no reminder to.

    Raises:
        BadMaterial: the unit owes no report of that period, or its report has another id.
        WrongStage: the period has not begun.
    """
    definition, calendar = context.definition, context.calendar
    named = campaign.isascii() or context.rules < 6  # a name in other digits would be a second report of one period
    found = owed(definition, calendar, level, campaign, line) if named else None
    place = definition.place("obligations")
    if found is None:
        raise BadMaterial(
            path="$.campaign",
            expected=f"a period for which {unit}, a {level}, owes {definition.name}",
            actual=campaign or "none",
            place=place,
        )
    wanted = report_id(definition.name, unit, campaign)
    if item != wanted:
        raise BadMaterial(path="$.item", expected=f"{wanted}, the report of {unit}", actual=item, place=place)
    if context.at < found.opens:
        begins = local_day(found.opens, definition.flow.timezone)
        raise WrongStage(
            act="reporting", expected=f"a period that has begun ({begins})", actual=f"{campaign}", place=place
        )
    spec = definition.flow.obligations[found.rule]
    rungs = definition.flow.ladder.get(spec.ladder or "", ())
    step = 0
    while step < len(rungs) and _behind(context, rungs, step, found.missed, by_engine):
        step += 1
    rule = dues.rule_of(definition.first, 1, OWED)
    moment, unsure = dues.upcoming(context, spec.ladder or "", step, found.missed)
    effect: dict[str, Any] = {
        "e": "due-armed",
        "rule": rule,
        "ladder": spec.ladder or "",
        "missed": found.missed,
        "step": step,
        "next": moment,
        "basis": basis(found.rule, spec, found.nominal),
    }
    if unsure or (found.provisional and (context.rules >= 6 or spec.every != "workday")):
        effect["provisional"] = True
    return effect


def _behind(context: Context, rungs: tuple[Rung, ...], step: int, missed: int, by_engine: bool) -> bool:
    if rungs[step].before is None or dues.rung_at(context, rungs[step], missed) > context.at:
        return False
    if not by_engine or missed <= context.at:
        return True
    later = rungs[step + 1] if step + 1 < len(rungs) else None
    return later is not None and dues.rung_at(context, later, missed) <= context.at


# --- rungs of a period ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The moment of one rung for one period: then whoever has not reported is reminded, or proposed about."""

    moment: int
    period: Period
    step: int


def occurrences(definition: Definition, calendar: Calendar, rule: str, after: int, until: int) -> list[Occurrence]:
    """The rungs of an obligation's periods whose moment is after one instant and not after another, in order."""
    spec = definition.flow.obligations[rule]
    zone, rungs = definition.flow.timezone, definition.flow.ladder.get(spec.ladder or "", ())
    if not rungs or until < after:
        return []
    reach = timedelta(days=_reach(rungs))
    found = [
        Occurrence(reckoning.rung_at(calendar, zone, rung, each.missed)[0], each, step)
        for each in periods(definition, calendar, rule, local_day(after, zone) - reach, local_day(until, zone) + reach)
        for step, rung in enumerate(rungs)
    ]
    return sorted((o for o in found if after < o.moment <= until), key=lambda o: (o.moment, o.period.nominal, o.step))


def next_moment(definition: Definition, calendar: Calendar, rule: str, after: int) -> int | None:
    """The first moment after an instant at which a rung of the obligation comes; None where it has no more."""
    spec = definition.flow.obligations[rule]
    rungs = definition.flow.ladder.get(spec.ladder or "", ())
    if not rungs:
        return None
    zone = definition.flow.timezone
    start = local_day(after, zone) - timedelta(days=_reach(rungs))
    best: int | None = None
    seen_ahead = 0
    for each in periods(definition, calendar, rule, start, date(9000, 1, 1)):
        moments = [reckoning.rung_at(calendar, zone, rung, each.missed)[0] for rung in rungs]
        ahead = [m for m in moments if m > after]
        best = min([*ahead, *([best] if best is not None else [])], default=None)
        seen_ahead += min(moments) > after  # rungs of later periods come later still
        if seen_ahead > 1:
            break
    return best


_DAYS = {"hours": 1, "days": 1, "workdays": 3, "weeks": 7, "months": 31, "years": 366}
HOLIDAY = 20  # days by which a reading may move a date, and more


def _reach(rungs: tuple[Rung, ...]) -> int:
    """How many days a rung may lie from the date of its period, at most."""
    spans = [span for rung in rungs for span in (rung.before, rung.after) if span is not None]
    return HOLIDAY + max((span.n * _DAYS[span.unit] for span in spans), default=0)


def state(
    *, received: int | None, zero: bool, missed: int, at: int, exempt: bool, supplemented: bool, contradicted: bool
) -> State:
    """The one state of an obligation at an instant, from what had happened by then.

    On time is judged on the first valid report. A contradicted zero stays contradicted, whatever is handed in after; one
    that its own unit corrected before any check cannot be contradicted (``marking``).
    """
    if exempt:
        return "EXEMPT"
    if received is None:
        return "MISSING" if at >= missed else "DUE"
    if contradicted:
        return "CONTRADICTED"
    if supplemented:
        return "SUPPLEMENTED"
    if received >= missed:
        return "LATE"
    return "ZERO" if zero else "SUBMITTED"
