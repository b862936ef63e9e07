"""The sweep of periods: at each rung of an obligation, whoever has not reported is followed up, exactly once.

A roll call computes the missing set, opens their reports and is noted under (flow, rule, period, step); from then on
each report's own due climbs like any other. Any number of nodes may call: the row of the roll call is the lock, a
report's id is its unit and period, so nothing is opened twice. After a crash the next sweep completes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from workflow import log, obligations, periods
from workflow.acts import Open
from workflow.calendar import Calendar
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import DatabaseBusy, Unknown
from workflow.evidence.digest import digest
from workflow.rules.obligations import Occurrence, next_moment, occurrences, report_id
from workflow.store import library
from workflow.store import obligations as store

CHUNK = 500
NAME = 64  # characters of a column that names something


@dataclass
class _Known:
    """What a process remembers so that an idle sweep asks nothing but how many versions of flows and calendars there are."""

    published: int = 0
    next_: int | None = None
    fresh: bool = False


_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()


def waits(engine: Engine, published: int, at: int) -> bool:
    """Whether a roll call's moment may have come: asked in each sweep, and mostly answered from memory.

    Args:
        published: how many versions of flows and of calendars there are; either may bring a moment forward.
    """
    known = _known.setdefault(engine, _Known())
    if published != known.published:
        known.published, known.fresh = published, False
    return not known.fresh or (known.next_ is not None and known.next_ <= at)


def sweep(engine: Engine, at: int) -> tuple[int, int]:
    """Hold every roll call whose moment has come. Returns how many reports were opened, and how many roll calls could not be
    held: each is tried again at the next sweep, before later ones of its obligation, and keeps no other obligation from being
    followed up.

    Raises:
        DatabaseBusy: another writer did not let go in time; the next sweep goes on.
    """
    opened = failed = 0
    behind: set[tuple[str, str]] = set()  # obligations with a call that failed: a later one done would hide it for good
    for call in list(_pending(engine, at)):
        if call.key[:2] in behind:
            continue
        try:
            opened += _hold(engine, call, at)
        except DatabaseBusy:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with one flow, the others are swept
            log.roll_call_failed(*call.key[:3], error)
            behind.add(call.key[:2])
            failed += 1
    known = _known.setdefault(engine, _Known())
    known.next_, known.fresh = upcoming(engine, at), not failed
    return opened, failed


@dataclass(frozen=True)
class _Call:
    """A roll call whose moment has come: one rung of one period, of those who count by one calendar."""

    flow: str
    rule: str
    each: Occurrence
    calendar: str | None

    @property
    def key(self) -> store.Key:
        """Units with another calendar than the flow's are called at moments of their own, under a name of its own."""
        return self.flow, _named(self.rule, self.calendar), self.each.period.name, self.each.step


def _named(rule: str, calendar: str | None) -> str:
    """What the roll calls of an obligation are kept under: ``weekly``; ``weekly@six-days`` for those with that calendar."""
    if calendar is None:
        return rule
    name = f"{rule}@{calendar}"
    return name if len(name) <= NAME else f"{rule[:31]}@{digest(name.encode())[-32:]}"


def _pending(engine: Engine, at: int) -> Iterator[_Call]:
    """Roll calls whose moment has come and that are not done, in order of their moments within each obligation.

    Periods that were over before the flow was first published are asked about, never followed up; those of a calendar,
    before the first version that names it.
    """
    with engine.look() as desk:
        for flow, (published, _) in store.published(desk.connection).items():
            definition = obligations.in_force(desk, flow, at)
            for rule in definition.flow.obligations:
                for name, calendar in _calendars(desk, definition):
                    since = published if name is None else periods.named_since(desk, flow, name)
                    low, done = store.low_water(desk.connection, flow, _named(rule, name))
                    after = since - 1 if low is None else low - 1
                    for each in occurrences(definition, calendar, rule, after, at):
                        if each.period.missed > since and (each.period.name, each.step) not in done:
                            yield _Call(flow, rule, each, name)


def _calendars(desk: Desk, definition: Definition) -> list[tuple[str | None, Calendar]]:
    """The calendars by which units of a flow count; None names the flow's own. Where one is lacking nobody of this flow is
    called, and everybody of the others is (``lacking``)."""
    try:
        every = {name: desk.engine.calendar(desk.connection, name) for name in periods.calendars_of(definition)}
    except Unknown:
        return []
    return [(None if name == definition.flow.calendar else name, calendar) for name, calendar in every.items()]


def lacking(engine: Engine, at: int) -> list[tuple[str, str]]:
    """Calendars that nobody has published, by which periods of a flow are counted: flow, calendar."""
    with engine.look() as desk:
        owing = [obligations.in_force(desk, flow, at) for flow in sorted(store.published(desk.connection))]
        named = [(d.name, c) for d in owing if d.flow.obligations for c in periods.calendars_of(d)]
        return [(flow, c) for flow, c in named if library.newest_calendar(desk.connection, c) is None]


def unknown_units(engine: Engine, at: int) -> list[tuple[str, str]]:
    """Units by which obligations say who owes, or who is excused, and that the organisation has never had: flow, unit."""
    with engine.look() as desk:
        named: dict[tuple[str, str], None] = {}
        for flow in sorted(store.published(desk.connection)):
            for spec in obligations.in_force(desk, flow, at).flow.obligations.values():
                named |= dict.fromkeys((flow, u) for u in (*spec.under, *(u for e in spec.excused for u in e.units)))
        known = desk.organisation().names([u for _, u in named], "unit") if named else {}
        return [one for one in named if one[1] not in known]


def upcoming(engine: Engine, after: int) -> int | None:
    """The first moment after an instant at which a roll call comes, of any flow; None where there is none."""
    found: list[int] = []
    with engine.look() as desk:
        for flow in store.published(desk.connection):
            definition = obligations.in_force(desk, flow, after)
            for _, calendar in _calendars(desk, definition):
                moments = [next_moment(definition, calendar, rule, after) for rule in definition.flow.obligations]
                found += [m for m in moments if m is not None]
    return min(found, default=None)


def pending(engine: Engine, at: int) -> list[tuple[str, str, str, int, int]]:
    """Roll calls nobody has held by an instant: flow, rule (and calendar), period, step, moment."""
    return [(*call.key, call.each.moment) for call in _pending(engine, at)]


def _hold(engine: Engine, call: _Call, at: int) -> int:
    flow, name = call.flow, call.each.period.name
    with engine.look() as desk:
        own = call.calendar or obligations.in_force(desk, flow, at).flow.calendar
        units = obligations.missing(desk, flow, call.rule, name, at, calendar=own)
        ids = {report_id(flow, u, name): u for u in units}
        present = store.present(desk.connection, ids)
    waiting = [Open(item=i, flow=flow, unit=u, campaign=name) for i, u in ids.items() if i not in present]
    opened = 0
    for start in range(0, max(len(waiting), 1), CHUNK):
        some = waiting[start : start + CHUNK]
        last = start + CHUNK >= len(waiting)
        done, mine = _chunk(engine, call.key, call.each.moment, some, at, len(units) if last else None)
        opened += mine
        if done:
            break
    return opened


def _chunk(
    engine: Engine, key: store.Key, moment: int, some: list[Open], at: int, missing: int | None
) -> tuple[bool, int]:
    """Open some reports under the roll call's lock; when anything fails, one by one, so that only the culprit is left
    out. It stays MISSING, and is opened by hand.

    Returns:
        Whether somebody else had finished the roll call already, and how many were opened now.

    Raises:
        DatabaseBusy: another writer did not let go in time; the next sweep goes on.
    """
    try:
        with engine.desk() as desk:
            if not store.claim(desk.connection, key, moment):
                return True, 0
            mine = desk.open_many(some) if some else 0
            store.count_opened(desk.connection, key, mine)
            if missing is not None:
                store.finish(desk.connection, key, at, missing)
            return False, mine
    except DatabaseBusy:
        raise
    except Exception:  # a broken unit may fail in any way; none may keep the others from being followed up
        if not some:
            raise
        if len(some) == 1:
            log.parked(some[0].item, key[1], key[3], 1)
            return _chunk(engine, key, moment, [], at, missing)
    opened = 0
    for n, one in enumerate(some, start=1):
        done, mine = _chunk(engine, key, moment, [one], at, missing if n == len(some) else None)
        opened += mine
        if done:
            return True, opened
    return False, opened
