"""Batches of one flow: numbers that are never given twice, what a later batch takes over, and one round beside another.

A batch is a campaign. Two of them may run over the same units at once, each with nodes of its own; what is still open when a
later one begins stands in its register too, with the identity, number and history it has. Source: S0 「统筹解决第一批需要
第二批承接落实」, R027; S4 「重新摸排」, R031, R032, R065; S3 「台账销号」, R101.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass

from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.store import items, queries, shelves


def numbers(desk: Desk, flow: str, campaign: str) -> dict[str, str]:
    """item -> its number: the unit it was opened about, and which of that unit's items in the batch it is (``u1-2``).

    A number says nothing of other units, and keeps standing when its item is closed, leaves the register or moves to the
    successor of its unit: a later item takes the next one.
    """
    merged = queries.successors(desk.connection)
    counted: Counter[str] = Counter()
    out: dict[str, str] = {}
    for item, unit in queries.of_campaign(desk.connection, flow, campaign).items():
        first = _opened_about(desk, item) if unit in merged else unit
        counted[first] += 1
        out[item] = f"{first}-{counted[first]}"
    return out


def numbers_about(desk: Desk, flow: str, campaign: str, units: Collection[str]) -> dict[str, str]:
    """The same for the items about some units, without reading those of all others."""
    if queries.successors(desk.connection):  # what a unit's items count may lie at its successor
        return numbers(desk, flow, campaign)
    counted: Counter[str] = Counter()
    out: dict[str, str] = {}
    for item, unit in shelves.in_order(desk.connection, flow, campaign, units):
        counted[unit] += 1
        out[item] = f"{unit}-{counted[unit]}"
    return out


def _opened_about(desk: Desk, item: str) -> str:
    body = canonical.read(items.entries(desk.connection, item)[0].body)
    return str(next(e["unit"] for e in body["effects"] if e["e"] == "opened"))


def carried(desk: Desk, flow: str, campaign: str, earlier: Sequence[str]) -> dict[str, str]:
    """The items of earlier batches that were not finished when a batch began: item -> the batch it comes from.

    Empty while the batch has no item. An item that is tracked after close-out is not carried over: it has been closed.
    """
    began = queries.began(desk.connection, flow, campaign)
    if began is None:
        return {}
    definitions = {s.stage: s for s in desk.engine.newest(desk.connection, flow).flow.stages}
    over = {name for name, s in definitions.items() if s.final or s.tracking is not None}
    out: dict[str, str] = {}
    for batch in earlier:
        rows = queries.items_at(desk.connection, flow, batch, began - 1)
        out |= {r["id"]: batch for r in rows if r["stage"] not in over}
    return out


@dataclass(frozen=True)
class Compared:
    """One unit in two rounds: how many items of each category there were, and whether it was looked at.

    Attributes:
        first, second: (category, items), in order of category; of items about the unit that were not found to be nothing.
        seen_first, seen_second: whether the unit had any item, a zero among them: what was not looked at is not zero.
    """

    unit: str
    first: tuple[tuple[str, int], ...]
    second: tuple[tuple[str, int], ...]
    seen_first: bool
    seen_second: bool

    @property
    def fresh(self) -> tuple[str, ...]:
        """Categories that only the second round has."""
        return _only(self.second, self.first)

    @property
    def gone(self) -> tuple[str, ...]:
        """Categories that only the first round had; nothing is gone where the second did not look."""
        return _only(self.first, self.second) if self.seen_second else ()

    @property
    def again(self) -> tuple[str, ...]:
        """Categories that both have."""
        return tuple(sorted(dict(self.first).keys() & dict(self.second).keys()))


def compare(desk: Desk, flow: str, first: str, second: str, at: int, *, hidden: Container[str] = ()) -> list[Compared]:
    """Two rounds of a flow over the same units, unit by unit, as of an instant; by unit id.

    An item counts where it is in a class (register or watch); one that ended as a zero counts as looked at. ``hidden`` are
    items that are left out.
    """
    held = [queries.items_at(desk.connection, flow, c, at) for c in (first, second)]
    before, after = (_by_unit(r for r in rows if r["id"] not in hidden) for rows in held)

    def told(side: dict[str, Counter[str]], unit: str) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(side.get(unit, Counter()).items()))

    units = sorted(before.keys() | after.keys())
    return [Compared(u, told(before, u), told(after, u), u in before, u in after) for u in units]


def _by_unit(rows: Iterable[dict[str, str]]) -> dict[str, Counter[str]]:
    out: dict[str, Counter[str]] = {}
    for r in rows:
        held = out.setdefault(r["unit"], Counter())
        if r["klass"]:
            held[r["category"]] += 1
    return out


def _only(one: Sequence[tuple[str, int]], other: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(sorted(dict(one).keys() - dict(other).keys()))
