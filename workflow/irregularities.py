"""What is out of the ordinary, listed: facts to be looked into (待核查), never a verdict.

Two lists. Typed irregularities are what the record says of itself: late, acting, backstop, by mandate, by delegation, a
group decided early, a place passed over by two persons. To be looked into is what only the times show: a superior's
signature seconds after the item arrived with nobody of them having opened it, many in one burst (R039), and days said to
have been earlier, many recorded in a burst (R203), each with both times. Signatures in ink are registered later by their
nature: they stand in neither of these. An entry whose moment lies before that of the entry it follows is listed too: the
chain, not the clock, says what came first, so it is recorded and never refused. A report of less, or of lighter things, than
is known of the unit from elsewhere is listed with the reason that was given (R057, R059).
Source: S0 「上级把关不严格不到位,下面报什么是什么」「打印机冒烟,碎纸机烧坏」.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from workflow.case import Case
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.recording import WET
from workflow.store import items, queries
from workflow.views import marks_of

SECOND = 1_000_000
DAY = 86_400 * SECOND
Kind = Literal["unread-at-once", "burst", "back-dated", "clock-back", "told-less"]
NOTICE = {
    "zh": "以上为待核查事实,不是认定。",
    "en": "These are facts to be looked into. They are not findings.",
}


@dataclass(frozen=True)
class Thresholds:
    """From when on something is listed.

    Attributes:
        seconds: a superior's signature so soon after the place opened, unopened.
        burst, burst_seconds: so many signatures of one person within so many seconds.
        days_back: a day said to have been so many days before it was recorded.
        dated, dated_days: so many of those recorded by one unit within so many days; before an inspection, within that
            many days before it.
        skew: an entry so many seconds before the one it follows: more than clocks of several nodes may differ by.
    """

    seconds: int = 60
    burst: int = 10
    burst_seconds: int = 300
    days_back: int = 3
    dated: int = 3
    dated_days: int = 7
    skew: int = 2


@dataclass(frozen=True)
class Signed:
    """One signature with the times around it, microseconds UTC.

    Attributes:
        arrived: when the place opened; opened: when the person opened the content between then and signing, or None.
        upper: whether it was given above the unit that the item is about.
    """

    item: str
    seq: int
    at: int
    arrived: int
    opened: int | None
    person: str
    principal: str
    post: str
    unit: str
    upper: bool
    strength: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Dated:
    """An act that says it happened on an earlier day than it was recorded: both stay. ``day`` is that of the record, where
    the flow is done."""

    item: str
    seq: int
    kind: str
    person: str
    post: str
    unit: str
    on: str
    recorded: int
    day: str


@dataclass(frozen=True)
class Passed:
    """A place that two persons let the chain pass over. Nobody signed it."""

    item: str
    seq: int
    at: int
    place: str
    post: str
    unit: str
    persons: tuple[str, str]


@dataclass(frozen=True)
class Turned:
    """An entry recorded at an earlier moment than the one it follows, microseconds UTC: a clock was set back, or the
    clocks of two nodes differ. ``person`` is empty where the engine itself acted."""

    item: str
    seq: int
    kind: str
    person: str
    post: str
    unit: str
    at: int
    before: int


@dataclass(frozen=True)
class Reported:
    """A unit's report that leaves something out.

    Attributes:
        less: by what reports are compared by (a category, a severity), how many more are known from elsewhere; ``known``
            the items that say so, ``reason`` why the report has fewer.
    """

    item: str
    seq: int
    at: int
    unit: str
    person: str
    less: dict[str, int]
    known: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class ToLookInto:
    """One thing to be looked into: what kind, who (of a clock the item, of a report the unit), and what shows it."""

    kind: Kind
    who: str
    shown: tuple[Signed | Dated | Turned | Reported, ...]


@dataclass(frozen=True)
class Irregularities:
    """Both lists, for entries of a period."""

    since: int
    until: int
    typed: tuple[Signed, ...]
    passed: tuple[Passed, ...]
    to_look_into: tuple[ToLookInto, ...]


@dataclass
class _Read:
    signed: list[Signed] = field(default_factory=list)
    dated: list[Dated] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    turned: list[Turned] = field(default_factory=list)
    reported: list[Reported] = field(default_factory=list)


def irregularities(
    desk: Desk,
    since: int,
    until: int,
    thresholds: Thresholds | None = None,
    *,
    inspection: date | None = None,
    sees: Callable[[str], bool] = lambda item: True,
) -> Irregularities:
    """Both lists over what was recorded from ``since`` to ``until`` (exclusive), in order of items and entries.

    Args:
        inspection: the day of an inspection: back-dated acts are listed if recorded in the days before it.
        sees: which items whoever asks may see.
    """
    known = thresholds or Thresholds()
    read = _Read()
    for item in queries.acted_between(desk.connection, since, until):
        if sees(item):
            _read(desk, item, since, until, read)
    found = [*_unread(read.signed, known), *_bursts(read.signed, known), *_back_dated(read.dated, known, inspection)]
    found += _turned(read.turned, known)
    found += [ToLookInto("told-less", r.unit, (r,)) for r in read.reported]
    typed = tuple(s for s in read.signed if s.marks)
    return Irregularities(since, until, typed, tuple(read.passed), tuple(found))


def _read(desk: Desk, item: str, since: int, until: int, read: _Read) -> None:
    looked: dict[str, list[int]] = defaultdict(list)
    for row in items.entries(desk.connection, f"view:{item}"):
        looked[canonical.read(row.body)["act"]["by"]["person"]].append(row.at)
    case = Case()
    arrived: dict[str, int] = {}
    zone = desk.case_of(item)[1].flow.timezone
    last = 0
    for row in items.entries(desk.connection, item):
        body = canonical.read(row.body)
        act, effects, listed = body["act"], body["effects"], since <= row.at < until
        by = act.get("by") or {"person": "", "post": "", "unit": ""}
        if row.at < last and listed:
            read.turned.append(Turned(item, row.seq, act["kind"], by["person"], by["post"], by["unit"], row.at, last))
        last = row.at
        for effect in effects:
            if effect["e"] == "signed" and listed:
                came = arrived.get(effect["slot"], row.at)
                seen = [at for at in looked[effect["person"]] if came <= at <= row.at]
                read.signed.append(
                    Signed(
                        item=item,
                        seq=row.seq,
                        at=row.at,
                        arrived=came,
                        opened=seen[0] if seen else None,
                        person=effect["person"],
                        principal=effect.get("principal", ""),
                        post=effect["post"],
                        unit=effect["unit"],
                        upper=effect["unit"] != case.unit,
                        strength=body["proof"]["strength"],
                        marks=marks_of(effect, effects),
                    )
                )
            if effect["e"] == "overridden" and listed:
                place = case.slot(effect["place"])
                persons = (effect["first"], effect["person"])
                at = (place.post, place.unit) if place else ("", "")
                read.passed.append(Passed(item, row.seq, row.at, effect["place"], *at, persons))
            if effect["e"] == "compared" and effect["less"] and listed:
                known, why = tuple(k["item"] for k in effect["known"]), act.get("reason", "")
                read.reported.append(
                    Reported(item, row.seq, row.at, case.unit, by["person"], effect["less"], known, why)
                )
        case = case.fold(effects, row.seq, row.at)
        open_ = {s.key for s in case.open_slots}
        arrived = {key: arrived.get(key, row.at) for key in open_}
        on, day = act.get("on", ""), local_day(row.at, zone).isoformat()
        if on and listed and "paper" not in act and on < day:
            read.dated.append(Dated(item, row.seq, act["kind"], by["person"], by["post"], by["unit"], on, row.at, day))


def _unread(signed: Sequence[Signed], known: Thresholds) -> Iterable[ToLookInto]:
    for s in signed:
        at_once = s.at - s.arrived < known.seconds * SECOND
        if s.upper and s.opened is None and at_once and s.strength != WET:
            yield ToLookInto("unread-at-once", s.person, (s,))


def _bursts(signed: Sequence[Signed], known: Thresholds) -> Iterable[ToLookInto]:
    """The longest runs: signatures of one person with so many of them within any window."""
    by_person: dict[str, list[Signed]] = defaultdict(list)
    for s in signed:
        if s.upper and s.strength != WET:
            by_person[s.person].append(s)
    for person, mine in sorted(by_person.items()):
        mine.sort(key=lambda s: (s.at, s.item))
        for run in _runs(mine, [s.at for s in mine], known.burst, known.burst_seconds * SECOND):
            yield ToLookInto("burst", person, tuple(run))


def _back_dated(dated: Sequence[Dated], known: Thresholds, inspection: date | None) -> Iterable[ToLookInto]:
    by_unit: dict[str, list[Dated]] = defaultdict(list)
    for d in dated:
        recorded = date.fromisoformat(d.day)
        if (recorded - date.fromisoformat(d.on)).days < known.days_back:
            continue
        if inspection is not None and not 0 <= (inspection - recorded).days <= known.dated_days:
            continue
        by_unit[d.unit].append(d)
    for unit, theirs in sorted(by_unit.items()):
        theirs.sort(key=lambda d: (d.recorded, d.item, d.seq))
        for run in _runs(theirs, [d.recorded for d in theirs], known.dated, known.dated_days * DAY):
            yield ToLookInto("back-dated", unit, tuple(run))


def _turned(turned: Sequence[Turned], known: Thresholds) -> Iterable[ToLookInto]:
    for t in turned:
        if t.before - t.at > known.skew * SECOND:
            yield ToLookInto("clock-back", t.item, (t,))


def _runs(rows: Sequence[Any], times: Sequence[int], count: int, window: int) -> Iterable[list[Any]]:
    """Maximal runs of rows in order of time in which every row is in a window with ``count`` of them."""
    inside = [False] * len(rows)
    first = 0
    for last in range(len(rows)):
        while times[last] - times[first] > window:
            first += 1
        if last - first + 1 >= count:
            inside[first : last + 1] = [True] * (last - first + 1)
    run: list[Any] = []
    for n, row in enumerate(rows):
        if inside[n] and (not run or times[n] - times[n - 1] <= window):
            run.append(row)
            continue
        if run:
            yield run
        run = [row] if inside[n] else []
    if run:
        yield run
