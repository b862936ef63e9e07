"""An organisation as frozen values, and what it looks like on one day.

Days are ISO text (``2019-08-31``), which sorts as it stands. Every period's end (``until_on``) is exclusive: the first
day on which it no longer holds. ``ALWAYS`` as a beginning says that none was recorded.

``Org.on(day)`` answers in memory what the store's reader answers by SQL. Import checks and ``org_check`` need no
database; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

ALWAYS = "0001-01-01"

ParentKind = Literal["managing", "guiding", "entrusted"]
PARENT_KINDS: tuple[ParentKind, ...] = ("managing", "guiding", "entrusted")
As = Literal["holder", "acting", "backstop"]


@dataclass(frozen=True)
class Unit:
    """A node of the organisation. Depth is data: the level is a word, the parents are rows of their own.
    Source: S0 「集团、二级单位、三级单位三个层级」, R002."""

    id: str
    level: str
    name_zh: str
    name_en: str
    ordinal: int  # the order in which offices list their units
    established_on: str | None = None  # None: should be established but is not yet (应建未建)
    dissolved_on: str | None = None

    def established(self, day: str) -> bool:
        """Whether the unit has an organisation that can sign on that day."""
        if self.established_on is None or self.established_on > day:
            return False
        return self.dissolved_on is None or day < self.dissolved_on

    def listed(self, day: str) -> bool:
        """Whether the unit is in the lists of that day: it exists, or should but does not yet."""
        if self.dissolved_on is not None and self.dissolved_on <= day:
            return False
        return self.established_on is None or self.established_on <= day


@dataclass(frozen=True)
class Parent:
    """A dated line upwards: managing 主管, guiding 指导, entrusted 代管.

    The managing parent signs; for the days of an entrustment the entrusted one signs in its place. A guiding parent
    is told and may urge, it does not sign. Source: S4 「代管的县委机关工委」, R014, R015.
    """

    unit: str
    parent: str
    kind: ParentKind
    from_on: str
    until_on: str | None = None

    def in_force(self, day: str) -> bool:
        return _in_force(self, day)


@dataclass(frozen=True)
class Person:
    id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Tenure:
    """Who holds a post from when to when. One person may hold several posts. Source: S3, R012."""

    id: str
    person: str
    unit: str
    post: str
    from_on: str
    until_on: str | None = None
    acting: bool = False

    def in_force(self, day: str) -> bool:
        return _in_force(self, day)


def _in_force(dated: Parent | Tenure, day: str) -> bool:
    return dated.from_on <= day and (dated.until_on is None or day < dated.until_on)


Row = TypeVar("Row", Unit, Parent, Person, Tenure)


@dataclass(frozen=True)
class Org:
    """A whole organisation, all its days."""

    units: tuple[Unit, ...] = ()
    parents: tuple[Parent, ...] = ()
    persons: tuple[Person, ...] = ()
    tenures: tuple[Tenure, ...] = ()

    @classmethod
    def from_rows(cls, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Self:
        """The organisation from rows as ``to_rows`` gives them and the store reads them back."""
        return cls(
            units=_read(Unit, rows.get("units", ())),
            parents=_read(Parent, rows.get("parents", ())),
            persons=_read(Person, rows.get("persons", ())),
            tenures=_read(Tenure, rows.get("tenures", ())),
        )

    def to_rows(self) -> dict[str, list[dict[str, Any]]]:
        """Plain rows by table: ``units``, ``parents``, ``persons``, ``tenures``; the keys are the columns' names."""
        return {
            "units": [dict(vars(u)) for u in self.units],
            "parents": [dict(vars(p)) for p in self.parents],
            "persons": [dict(vars(p)) for p in self.persons],
            "tenures": [dict(vars(t)) for t in self.tenures],
        }

    def on(self, day: str) -> OrgOnDay:
        return OrgOnDay(self, day)

    @cached_property
    def unit_by_id(self) -> dict[str, Unit]:
        return {u.id: u for u in self.units}

    @cached_property
    def person_by_id(self) -> dict[str, Person]:
        return {p.id: p for p in self.persons}


def _read(of: type[Row], rows: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    names = [f.name for f in fields(of)]
    return tuple(of(**{n: r[n] for n in names}) for r in rows)


def in_listing_order(unit: Unit) -> tuple[int, str]:
    """The sort key of siblings: as offices list them, then by id so that the order is one."""
    return (unit.ordinal, unit.id)


class OrgOnDay:
    """The organisation of one day: who stands above whom, who holds what, who answers."""

    def __init__(self, org: Org, day: str) -> None:
        self.org = org
        self.day = day

    @cached_property
    def superior(self) -> dict[str, str]:
        """The one unit above each unit. Where rows overlap the latest beginning counts, as in the store."""
        best: dict[str, Parent] = {}
        for p in self.org.parents:
            if p.kind == "guiding" or not p.in_force(self.day):
                continue
            other = best.get(p.unit)
            if other is None or (p.kind == "entrusted", p.from_on) > (other.kind == "entrusted", other.from_on):
                best[p.unit] = p
        return {unit: p.parent for unit, p in best.items()}

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for unit in sorted(self.org.units, key=in_listing_order):
            above = self.superior.get(unit.id)
            if above is not None and unit.listed(self.day):
                found.setdefault(above, []).append(unit.id)
        return found

    @cached_property
    def _holders(self) -> dict[tuple[str, str], list[Tenure]]:
        found: dict[tuple[str, str], list[Tenure]] = {}
        for tenure in sorted(self.org.tenures, key=lambda t: (t.acting, t.id)):
            if tenure.in_force(self.day):
                found.setdefault((tenure.unit, tenure.post), []).append(tenure)
        return found

    def path(self, unit: str) -> list[str]:
        """The unit and everything above it, own unit first. A cycle ends where it would repeat itself."""
        found: list[str] = []
        at: str | None = unit
        while at is not None and at in self.org.unit_by_id and at not in found:
            found.append(at)
            at = self.superior.get(at)
        return found

    def children(self, unit: str) -> list[str]:
        return self._children.get(unit, [])

    def subtree(self, unit: str) -> list[str]:
        """The unit and everything below it, depth first in the order in which offices list them."""
        found: dict[str, None] = {}
        waiting = [unit]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found[at] = None
                waiting.extend(reversed(self.children(at)))
        return list(found)

    def established(self, unit: str) -> bool:
        return self.org.unit_by_id[unit].established(self.day)

    def holders(self, unit: str, post: str) -> list[Tenure]:
        """Who holds the post on the day: holders before acting ones, then by tenure id."""
        return self._holders.get((unit, post), [])

    def answerable(self, unit: str, post: str, backstop: bool) -> list[tuple[Tenure, As]]:
        """Who answers for the post: its holders; where it is vacant and ``backstop``, the nearest superior's (兜底).
        Source: S1 「由园区、乡镇(场、街道)、村(社区)党组织兜底管理」, R017."""
        for place in self.path(unit):
            if self.established(place) and (held := self.holders(place, post)):
                if place != unit:
                    return [(t, "backstop") for t in held]
                return [(t, "acting" if t.acting else "holder") for t in held]
            if not backstop:
                break
        return []
