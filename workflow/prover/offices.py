"""The offices of a proof: a given organisation, or one invented from the definition; and the facts rules ask of it.

Two units are alike for a flow when the levels above them and the pattern of who holds what are alike; one of each kind is
enough. Without an organisation every level has one unit and every post as many persons as one stage needs side by side.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from workflow.acts import Actor
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.org.model import ALWAYS, Org, OrgOnDay, Parent, Person, Tenure, Unit
from workflow.rules.authority import backstop
from workflow.rules.context import Need


def invented(definition: Definition) -> Org:
    """One unit for each level, each below the next, and for every post there persons of its own; ids say what they are."""
    levels = definition.flow.levels
    units = tuple(
        Unit(f"{level}-1", level, f"示例{level}", f"invented {level}", n, "2000-01-01")
        for n, level in enumerate(levels)
    )
    parents = tuple(Parent(unit.id, above.id, "managing", ALWAYS) for unit, above in itertools.pairwise(units))
    needed = side_by_side(definition)
    tenures, persons = [], []
    for unit in units:
        for post in definition.flow.posts:
            for n in range(needed[post]):
                person = f"{post}@{unit.id}" + (f"#{n + 1}" if needed[post] > 1 else "")
                persons.append(Person(person, f"示例 {person}", f"invented {person}"))
                tenures.append(Tenure(f"{person}/1", person, unit.id, post, "2000-01-01"))
    return Org(units, parents, tuple(persons), tuple(tenures))


def first_day(definition: Definition, org: Org) -> str:
    """The day on which a trial begins unless one is told: the first of the earliest set of nodes; where a flow has none,
    the first on which every unit of the organisation stands and everybody is in office."""
    sets = [n.in_force.isoformat() for n in definition.flow.nodes.values()]
    days = [u.established_on for u in org.units if u.established_on and u.dissolved_on is None]
    days += [t.from_on for t in org.tenures if t.until_on is None]
    return min(sets, default=max(["2019-08-01", *days]))


def side_by_side(definition: Definition) -> Counter[str]:
    """How many persons a post needs, so that a stage which wants its places signed by different persons has them."""
    most: Counter[str] = Counter(dict.fromkeys(definition.flow.posts, 1))
    for stage in definition.flow.stages:
        chain = definition.chain_of(stage)
        alone = {group[0] for group in chain.two_persons if len(group) == 1}
        used = Counter(leaf.post for step in chain.steps for _, leaf in step.leaves() if leaf.post in alone)
        for post, n in used.items():
            if post is not None:
                most[post] = max(most[post], n)
    return most


def kinds(org: Org, definition: Definition, day: str, level: str) -> Iterator[tuple[str, int]]:
    """One unit of each kind at a level, and how many there are of it; in the order in which offices list them."""
    today = OrgOnDay(org, day)
    found: dict[tuple[Any, ...], list[str]] = {}
    for unit in org.units:
        if unit.level == level and unit.listed(day):
            found.setdefault(_kind(today, definition, unit.id), []).append(unit.id)
    for alike in found.values():
        yield alike[0], len(alike)


def _kind(today: OrgOnDay, definition: Definition, unit: str) -> tuple[Any, ...]:
    numbers: dict[str, int] = {}
    line: list[Any] = []
    for above in today.path(unit):
        held = []
        for post in definition.flow.posts:
            persons = today.answerable(above, post, backstop(definition, post) == "backstop")
            held.append(tuple((numbers.setdefault(t.person, len(numbers)), how) for t, how in persons))
        line.append((today.org.unit_by_id[above].level, tuple(held)))
    return tuple(line)


SUPPOSED = 12  # results of other flows within a campaign: a month each
NOTHING = (
    "children",
    "roll",
    "viewed-since",
    "counted",
    "same-words",
    "known-of",
    "same-person",
    "seats",
    "register-of",
)


class Offices:
    """What rules ask of an organisation, answered from memory; nothing is read and nothing written."""

    def __init__(self, org: Org, definition: Definition) -> None:
        self.org = org
        self.definition = definition
        self._days: dict[str, OrgOnDay] = {}
        self._facts: dict[Need, Any] = {}
        self._actors: dict[tuple[str, str, str], list[Actor]] = {}

    def _on(self, day: str) -> OrgOnDay:
        return self._days.setdefault(day, OrgOnDay(self.org, day))

    def path(self, unit: str, day: str) -> list[dict[str, str]]:
        return [{"unit": u, "level": self.org.unit_by_id[u].level} for u in self._on(day).path(unit)]

    def answerable(self, unit: str, post: str, day: str, backed: str) -> list[dict[str, str]]:
        return [
            {"tenure": t.id, "person": t.person, "post": post, "unit": unit, "as": how, "at": t.unit}
            for t, how in self._on(day).answerable(unit, post, backed == "backstop")
        ]

    def actors(self, unit: str, post: str, day: str) -> list[Actor]:
        """Everybody who may act as a post of a unit on a day, those of its own first."""
        key = (unit, post, day)
        if key not in self._actors:
            held = self.answerable(unit, post, day, backstop(self.definition, post))
            self._actors[key] = [Actor(p, post, unit) for p in dict.fromkeys(h["person"] for h in held)]
        return self._actors[key]

    def fact(self, need: Need, case: Case) -> Any:
        """One fact. Reports of children count as settled; a line of a list is open while the case says so.

        Raises:
            KeyError: a fact that no single item has.
        """
        kind = need[0]
        if kind in NOTHING:
            return []
        if kind == "became":  # no unit is merged here
            return need[1]
        if kind == "standing":  # nobody else was graded
            return {"rows": [], "waiting": []}
        if kind == "results":  # what others gave the unit within the year, see assessing.supposed
            return [{"item": "-", "campaign": "-", "total": "75"}] * SUPPOSED
        if kind == "burden":  # nobody else is there
            return {"n": 0, "rows": []}
        if kind == "everyone":  # every item that has to be finished first counts as finished
            return {"items": 1, "others": []}
        if kind == "prior":  # what has to come before is counted as done
            return [{"item": "-", "signed": []}]
        if kind == "opened":  # and what it opened as finished
            return []
        if kind == "guard":  # the host's own system lets everything pass
            return {}
        if kind == "looks-after":  # and every unit as looked after by whoever signs for it
            return [case.unit]
        if kind == "line":
            return "open" if case.lists.get(need[2], {}).get("open") else "closed"
        if kind == "lines":
            return []
        if need not in self._facts:
            self._facts[need] = self._of_the_org(need)
        return self._facts[need]

    def _of_the_org(self, need: Need) -> Any:
        if need[0] == "path":
            return self.path(need[1], need[2])
        if need[0] == "answerable":
            return self.answerable(*need[1:])
        if need[0] == "appointed":
            found = self.answerable(*need[1:])
            if not found:
                return None
            began = next(t.from_on for t in self.org.tenures if t.id == found[0]["tenure"])
            return {**found[0], "from": began}
        if need[0] == "authority":
            _, person, unit, post, day, backed = need
            held = self.answerable(unit, post, day, backed)
            return next((h for h in held if h["person"] == person), {"answerable": held})
        raise KeyError(f"expected a fact of an organisation; got {' '.join(need)}")
