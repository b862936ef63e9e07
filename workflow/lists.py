"""Lists of items as somebody may see them, a page at a time, and what they add up to for a unit and those below.

Lists show the present; for the past there are ``views.register`` and ``views.ledger``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workflow.desk import Desk
from workflow.errors import NotUnderstood
from workflow.sight import Sight
from workflow.store import listing
from workflow.store.groups import GroupReader
from workflow.store.listing import Wanted
from workflow.store.org import LARGE, OrgReader, Stretches
from workflow.sums import Sums

MOST = 500
EVERY = Wanted()


@dataclass(frozen=True)
class Row:
    """One item as it is now. ``opened_at`` in microseconds UTC; ``claimed`` is what its own signers say it is, ``verified``
    what a check found since: confirmed, refuted, or empty."""

    item: str
    flow: str
    definition: str
    campaign: str
    unit: str
    stage: str
    round: int
    klass: str
    category: str
    final: bool
    opened_at: int
    claimed: str = ""
    verified: str = ""


@dataclass(frozen=True)
class Page:
    """Some rows and where to go on; ``after`` is empty on the last page."""

    rows: tuple[Row, ...]
    after: str


def items(desk: Desk, sight: Sight, wanted: Wanted, *, under: str = "", after: str = "", limit: int = 50) -> Page:
    """A page of the items that may be seen, those opened last first.

    Args:
        under: only those about this unit and the units below it.
        after: ``Page.after`` of the page before.
        limit: rows a page, at most 500.

    Raises:
        Unknown: no such unit. NotUnderstood: ``after`` is not from a page.
    """
    limit = max(1, min(limit, MOST))
    found = listing.page(desk.connection, asked(desk, sight, wanted, under), before=_read(after), limit=limit + 1)
    rows = tuple(_row(r) for r in found[:limit])
    more = len(found) > limit
    return Page(rows, f"{rows[-1].opened_at}.{rows[-1].item}" if more else "")


def _row(r: Any) -> Row:
    key = (r.id, r.flow, r.definition, r.campaign, r.unit)
    said = (r.claimed or "", r.verified or "")
    return Row(*key, r.stage, r.round, r.klass, r.category, bool(r.final), r.opened_at, *said)


@dataclass(frozen=True)
class Tally:
    """How many items there are about a unit and those below it.

    Attributes:
        stages: items by ``(flow, stage)``. klasses: by class (register, watch, ...).
        units: units with at least one item.
    """

    unit: str
    items: int
    open: int
    closed: int
    units: int
    stages: dict[tuple[str, str], int] = field(default_factory=dict)
    klasses: dict[str, int] = field(default_factory=dict)


Key = tuple[str, str, str, str, bool]
"""Flow, campaign, stage, class, and whether the item is closed."""


def sums(desk: Desk, day: str) -> Sums[Key]:
    """All items there are, counted once for ``tally``, ``by_unit`` and ``campaigns``, whoever asks; unannounced checks apart."""
    counted, covert = [], []
    for key, units in listing.everywhere(desk.connection):
        if key[3] == listing.UNANNOUNCED:
            covert += [(key, unit) for unit in units]
        else:
            counted.append((key, units))
    return Sums(desk.organisation(), day, counted, covert)


def tally(desk: Desk, sight: Sight, wanted: Wanted, under: str = "", *, counted: Sums[Key] | None = None) -> Tally:
    """What the items that may be seen add up to, for one unit and those below; for everything without one.

    Args:
        counted: ``sums`` of the sight's day, where they are known already.

    Raises:
        Unknown: no such unit.
    """
    if counted is None or not _by_key(wanted):
        rows, units = listing.totals(desk.connection, asked(desk, sight, wanted, under))
        return _added(under, rows, units)
    org = desk.organisation()
    part = seen_below(org, sight, counted, under) if under else counted.part(org, sight.units)
    return _Picked(counted, sight, wanted).tally(under, part)


def seen_below(org: OrgReader, sight: Sight, counted: Sums[Any], unit: str) -> Stretches:
    """A unit and what is below it, as far as it may be seen."""
    if sight.sees(unit):
        return counted.below(org, unit)  # who sees a unit sees all below it
    return counted.part(org, org.union(frozenset((unit,)), sight.day).intersection(sight.units or ()))


def campaigns(
    desk: Desk, sight: Sight, wanted: Wanted = EVERY, *, counted: Sums[Key] | None = None
) -> list[tuple[str, str, int]]:
    """The flows and campaigns with items that may be seen: ``(flow, campaign, items)``, the largest first."""
    if counted is None or not _by_key(wanted):
        found = listing.campaigns(desk.connection, asked(desk, sight, wanted, ""))
    else:
        part, by = counted.part(desk.organisation(), sight.units), Counter[tuple[str, str]]()
        for key, n in _Picked(counted, sight, wanted).counts(part):
            by[key[:2]] += n
        found = [(flow, campaign, n) for (flow, campaign), n in by.items() if n]
    return sorted(found, key=lambda c: (-c[2], c[0], c[1]))


def by_unit(
    desk: Desk, sight: Sight, wanted: Wanted, units: Iterable[str], *, counted: Sums[Key] | None = None
) -> list[Tally]:
    """What the items add up to for each of some units and those below it, from one counting.

    Raises:
        Unknown: no such unit.
    """
    org, wished = desk.organisation(), list(units)
    if counted is not None and _by_key(wanted):
        picked, nothing = _Picked(counted, sight, wanted), Stretches(())
        return [picked.tally(u, counted.below(org, u) if sight.sees(u) else nothing) for u in wished]
    owners: dict[str, tuple[str, ...]] = {}
    for unit in wished:
        for one in org.subtree(unit, sight.day) if sight.sees(unit) else ():
            owners[one] = (*owners[one], unit) if one in owners else (unit,)
    found: dict[str, Counter[tuple[str, str, str, bool]]] = {u: Counter() for u in wished}
    having: set[str] = set()
    for flow, stage, klass, final, about in listing.units_of(desk.connection, asked(desk, sight, wanted, "")):
        having.update(about)
        for owned, n in Counter(map(owners.get, about)).items():
            for unit in owned or ():
                found[unit][flow, stage, klass, final] += n
    with_items: Counter[str] = Counter()
    for owned, n in Counter(map(owners.get, having)).items():
        with_items.update(dict.fromkeys(owned or (), n))
    return [_added(u, ((*key, n) for key, n in found[u].items()), with_items[u]) for u in wished]


def _by_key(wanted: Wanted) -> bool:
    """Whether what is wanted can be told from a ``Key`` alone."""
    return wanted.units is None and not (wanted.but or wanted.category or wanted.claimed or wanted.verified)


def _is_wanted(wanted: Wanted, key: Key) -> bool:
    flow, campaign, stage, klass, final = key
    texts = ((wanted.flow, flow), (wanted.campaign, campaign), (wanted.stage, stage), (wanted.klass, klass))
    return all(asked_for in ("", held) for asked_for, held in texts) and wanted.final in (None, final)


class _Picked:
    """What is wanted of what was counted, as far as it may be known of."""

    def __init__(self, counted: Sums[Key], sight: Sight, wanted: Wanted) -> None:
        self.counted = counted
        self.keys = [key for key in counted.keys if _is_wanted(wanted, key)]
        self.covert = [(key, u) for key, u in counted.covert if _is_wanted(wanted, key) and sight.learns(u)]

    def counts(self, part: Stretches) -> list[tuple[Key, int]]:
        """How many there are of each key in a part of the organisation."""
        found = [(key, n) for key in self.keys if (n := self.counted.count(key, part))]
        return found + [(key, 1) for key, unit in self.covert if self.counted.holds(part, unit)]

    def tally(self, unit: str, part: Stretches) -> Tally:
        units = self.counted.units(self.keys, part)
        for one in {u for _, u in self.covert if self.counted.holds(part, u)}:
            units += not self.counted.has(self.keys, one)
        return _added(unit, ((k[0], *k[2:], n) for k, n in self.counts(part)), units)


def by_body(desk: Desk, sight: Sight, wanted: Wanted, kind: str) -> list[Tally]:
    """What the items add up to for each body of a kind: about the units that it looks after and those below these. A second
    dimension beside the tree: a province is a body of kind ``province``. Source: S0 「三级单位分省分区清单」, R003, R004.
    """
    org, out = desk.organisation(), []
    for body, units in GroupReader(desk.connection).looked_after(kind, sight.day).items():
        theirs = org.union(frozenset(units), sight.day)
        told = tally(desk, sight, replace(wanted, units=sorted(theirs)))
        out.append(replace(told, unit=body))
    return out


def _added(unit: str, rows: Iterable[Any], units: int) -> Tally:
    """Rows of ``flow, stage, klass, final, items`` as one tally."""
    stages: Counter[tuple[str, str]] = Counter()
    klasses: Counter[str] = Counter()
    closed = every = 0
    for flow, stage, klass, final, n in rows:
        stages[flow, stage] += n
        klasses[klass] += n
        every += n
        closed += n if final else 0
    return Tally(unit, every, every - closed, closed, units, dict(stages), dict(klasses))


def rungs(desk: Desk, sight: Sight, *, before: int | None = None, limit: int = 100) -> Sequence[Any]:
    """The entries of rungs that fired about units that may be seen, newest first. See ``listing.fired``."""
    return listing.fired(desk.connection, asked(desk, sight), before=before, limit=limit)


def asked(desk: Desk, sight: Sight, wanted: Wanted = EVERY, under: str = "") -> Wanted:
    """What is wanted, of the units asked for less those that may not be seen. Where these are most of all there are, those
    that are left out are named instead: a database compares with the shorter list.

    Raises:
        Unknown: no such unit.
    """
    org, day = desk.organisation(), sight.day
    scope = sight.units
    if under:
        below = org.union(frozenset((under,)), day)
        scope = (
            below if sight.sees(under) else below.intersection(sight.units or ())
        )  # who sees a unit sees all below it
    if wanted.units is not None:
        units = list(wanted.units) if scope is None else [u for u in wanted.units if u in scope]
        return replace(wanted, units=units, own=sight.own)
    if scope is None:
        return wanted
    if len(scope) <= LARGE or 2 * len(scope) <= org.known(day):
        return replace(wanted, units=scope, own=sight.own)
    return replace(wanted, but=org.without(scope, day), own=sight.own)


def _read(after: str) -> tuple[int, str] | None:
    if not after:
        return None
    moment, dot, item = after.partition(".")
    if not (dot and item and moment.isascii() and moment.isdigit() and len(moment) < 19):
        raise NotUnderstood(expected="the mark at the end of a page", actual=after[:80])
    return int(moment), item
