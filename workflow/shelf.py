"""A register a page at a time: the same rows in the same order as ``views.register``, without reading all of them.

How many items each unit has is counted once; a page then reads the items of the few units it shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from workflow import batches
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.lists import Key
from workflow.obligations import in_force
from workflow.past import organisation_at, past
from workflow.sight import Sight, hidden_from
from workflow.store import shelves
from workflow.sums import Sums
from workflow.views import RegisterRow


@dataclass(frozen=True)
class Shelf:
    """Where each unit's items stand in a register.

    Attributes:
        at: the instant; ``now`` whether it was the present when this was counted.
        units: those with items that may be seen, in organisation order. upto: how many items stand up to and with each.
        hidden: checks that may not be known of.
    """

    flow: str
    campaign: str
    klass: str
    at: int
    now: bool
    units: Sequence[str]
    upto: Sequence[int]
    hidden: frozenset[str]

    @property
    def every(self) -> int:
        """How many items there are."""
        return self.upto[-1] if self.upto else 0


def shelf(
    desk: Desk, sight: Sight, flow: str, campaign: str, at: int, klass: str = "", *, counted: Sums[Key] | None = None
) -> Shelf:
    """Count the items of a flow and campaign that may be seen, as they stood at an instant; ``klass`` empty: of any class.

    Args:
        counted: ``lists.sums`` of the sight's day, where they are known already; they are of now.
    """
    now = desk.is_now(at)
    then = None if now else at
    hidden = hidden_from(desk, sight)
    none = klass or (now and counted is not None and all(key[:2] != (flow, campaign) for key, _ in counted.covert))
    checks = [] if none else shelves.checks(desk.connection, flow, campaign, then)

    def placed() -> tuple[Sequence[str], Sequence[int]]:
        found = _by_unit(desk, sight, flow, campaign, klass, then, counted)
        found.update(u for item, u in checks if item not in hidden)
        definition = in_force(desk, flow, at)
        day = local_day(at, definition.flow.timezone).isoformat()
        order = [u for u in organisation_at(desk, at).roster(definition.flow.levels, day) if u in found]
        order += sorted(found.keys() - set(order))  # units that are in no list of that day
        units = [u for u in order if sight.sees(u)]
        return units, list(accumulate(found[u] for u in units))

    if counted is None or checks or not now:
        units, upto = placed()
    else:
        units, upto = counted.once(("shelf", flow, campaign, klass, sight.units), placed)
    return Shelf(flow, campaign, klass, at, now, units, upto, hidden)


def _by_unit(
    desk: Desk, sight: Sight, flow: str, campaign: str, klass: str, then: int | None, counted: Sums[Key] | None
) -> Counter[str]:
    """How many items each unit has, unannounced checks left out."""
    if counted is None or then is not None:
        return Counter(dict(shelves.by_unit(desk.connection, flow, campaign, klass, then)))
    keys = [k for k in counted.keys if k[:2] == (flow, campaign) and klass in ("", k[3])]
    return counted.by_unit(keys, counted.part(desk.organisation(), sight.units))


def page(desk: Desk, on: Shelf, first: int = 0, limit: int = 50) -> list[RegisterRow]:
    """Some rows of a register, from the one that ``first`` others stand before."""
    if not 0 <= first < on.every or limit < 1:
        return []
    begin = bisect_right(on.upto, first)
    end = bisect_right(on.upto, min(first + limit, on.every) - 1) + 1
    some = on.units[begin:end]
    order = {u: n for n, u in enumerate(some)}
    then = None if on.now else on.at
    rows = [
        r for r in shelves.rows(desk.connection, on.flow, on.campaign, on.klass, then, some) if r.id not in on.hidden
    ]
    rows.sort(key=lambda r: (order[r.unit], r.opened_at, r.id))
    skipped = first - (on.upto[begin - 1] if begin else 0)
    shown = rows[skipped : skipped + limit]
    said = _claims(desk, [r.id for r in shown], on.at)
    no = batches.numbers_about(desk, on.flow, on.campaign, {r.unit for r in shown})
    return [
        RegisterRow(
            *(r.id, r.unit, r.klass, r.category, r.stage, r.round, r.opened_at),
            *said.get(r.id, ("", "")),
            number=no[r.id],
            campaign=on.campaign,
        )
        for r in shown
    ]


def _claims(desk: Desk, items: list[str], at: int) -> dict[str, tuple[str, str]]:
    """What each of some items is claimed to be, and what was found since, by an instant."""
    found = {}
    for r in shelves.claims(desk.connection, items):
        if max(r.claimed_at or 0, r.verified_at or 0) <= at:
            found[r.item] = (r.claimed, r.verified)
        elif (then := past(desk, r.item, at)) is not None:  # something came later
            found[r.item] = (str(then.case.claimed.get("as", "")), str(then.case.verified.get("says", "")))
    return found


def within(on: Shelf, units: Collection[str]) -> Shelf:
    """The same shelf, of some units only."""
    before = [0, *on.upto]
    kept = [(unit, on.upto[n] - before[n]) for n, unit in enumerate(on.units) if unit in units]
    return replace(on, units=[unit for unit, _ in kept], upto=list(accumulate(count for _, count in kept)))
