"""What units had to bear: visits to them and requests to them, and which visits count.

A visit counts when it was held and led to something; one without an outcome is listed and counts for nothing. Person-visits
and units visited are counted apart. Source: S0 「不能为督导而督导」, R212; 「30 人次对委管中央企业 9 家……」, R125; R200, R201.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from workflow.desk import Desk
from workflow.store import burdens as store


@dataclass(frozen=True)
class Borne:
    """One visit or request. Days are YYYY-MM-DD, both included.

    Attributes:
        state: ``fixed``, ``held``, ``empty`` (held without an outcome) or ``called-off``.
        persons: how many came, where it was held and they were counted.
    """

    item: str
    unit: str
    flow: str
    from_on: str
    until_on: str
    state: str
    persons: int


@dataclass(frozen=True)
class Counted:
    """What some visits add up to. ``visits`` and ``persons`` are of those that count; ``units`` are those so visited."""

    units: int
    visits: int
    persons: int
    empty: int
    fixed: int
    called_off: int


def burdens(desk: Desk, kind: str, since: date, until: date) -> list[Borne]:
    """Everything of a kind that begins between two days, both included, by day."""
    rows = store.between(desk.connection, kind, since.isoformat(), until.isoformat())
    return [Borne(r.item, r.unit, r.flow, r.from_on, r.until_on, r.state, r.persons) for r in rows]


def counted(rows: Iterable[Borne]) -> Counted:
    """What they add up to."""
    found = list(rows)
    held = [r for r in found if r.state == "held"]
    states = [r.state for r in found]
    return Counted(
        len({r.unit for r in held}),
        len(held),
        sum(r.persons for r in held),
        states.count("empty"),
        states.count("fixed"),
        states.count("called-off"),
    )


def short(units: Sequence[str], rows: Iterable[Borne], at_least: int) -> list[tuple[str, int]]:
    """The units with fewer visits that count than ``at_least``, in the order given, with how many they had.
    Source: S2 「每年到联系点调研和指导不少于1次」, R090."""
    had = dict.fromkeys(units, 0)
    for r in rows:
        if r.state == "held" and r.unit in had:
            had[r.unit] += 1
    return [(unit, n) for unit, n in had.items() if n < at_least]
