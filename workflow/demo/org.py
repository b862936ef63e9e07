"""The invented organisation of the demonstration: numbered units and persons, no name of anybody real.

Only the aggregates are those of the source: 99 enterprises, 22 of them under two supervision groups of 11 each, 107
organisations to be found in 39 of them, 90 of a lesser class in one that reports zero. Source: S0, R005, R022-R024.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from random import Random
from typing import Any

from workflow.org.model import Org, Parent, Person, Tenure, Unit
from workflow.org.sheet import COLUMNS

ENTERPRISES, FINDING, WATCHED = 99, 39, 90
GUIDED, GROUPS = 22, 2
CATEGORIES = {
    "team-incomplete": 35,
    "irregular-life": 35,
    "two-skins": 14,
    "election-overdue": 11,
    "not-established": 5,
    "other": 7,
}
WATCH_CATEGORY = "responsibility-not-solid"
CHANGES = 8  # of secretaries of organisations found and of those above them
VACANT = 12  # of the organisations whose team is incomplete, how many have no secretary
BEGAN = "2016-01-01"
REGULATOR = "regulator"
LEAD_POST = "deputy-secretary"
OFFICES = ("handler", "department", "secretary", "seal-keeper", LEAD_POST, "scrutineer", "scrutineer")
BRANCH = ("handler", "secretary", "scrutineer", "scrutineer")


@dataclass(frozen=True)
class Change:
    """A change of secretary: the successor's tenure begins on the day the other's ends. Source: 时任/现任, R041."""

    day: str
    unit: str
    ended: Tenure
    begun: Tenure
    successor: Person


@dataclass(frozen=True)
class World:
    """The organisation as it stands on 2019-08-20, and what is hidden in it for the investigation to find.

    Attributes:
        found: branch -> category of what its investigation will find; ``watch``: branches of the lesser class.
        changes: changes of secretary during the autumn; not yet in ``org``.
        overlooked: a branch with a problem that it, and every level above it, reports as zero; a check finds it.
    """

    org: Org
    found: dict[str, str]
    watch: frozenset[str]
    watch_enterprise: str
    groups: dict[str, tuple[str, ...]]
    changes: tuple[Change, ...]
    overlooked: str = ""

    def files(self) -> dict[str, bytes]:
        """The organisation of the first day as the three CSV files that an office hands in."""
        return csv_files(self.org)

    def files_of(self, change: Change) -> dict[str, bytes]:
        """What an office hands in when a secretary changes: one tenure ended, one begun, and the successor."""
        ended = replace(change.ended, until_on=change.day)
        return csv_files(Org(persons=(change.successor,), tenures=(ended, change.begun)))


@dataclass
class _Builder:
    random: Random
    units: list[Unit] = field(default_factory=list)
    parents: list[Parent] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    tenures: list[Tenure] = field(default_factory=list)

    def unit(self, id_: str, level: str, zh: str, en: str, above: str = "", *, established: bool = True) -> str:
        name_zh, name_en = f"{zh}(虚构)", f"{en} (invented)"
        self.units.append(Unit(id_, level, name_zh, name_en, len(self.units) + 1, BEGAN if established else None))
        if above:
            self.parents.append(Parent(id_, above, "managing", BEGAN))
        return id_

    def person(self) -> Person:
        n = len(self.persons) + 1
        self.persons.append(Person(f"p{n:05}", f"人员{n:05}(虚构)", f"Person {n:05} (invented)"))
        return self.persons[-1]

    def staff(self, unit: str, posts: tuple[str, ...]) -> None:
        for post in posts:
            self.tenures.append(Tenure(f"t{len(self.tenures) + 1:05}", self.person().id, unit, post, BEGAN))


def build(seed: int) -> World:
    """The whole organisation from a seed; the same seed gives the same one."""
    b = _Builder(Random(f"organisation {seed}"))
    b.unit(REGULATOR, "regulator", "示例监管机构", "Regulator")
    b.staff(REGULATOR, ("handler", *["department"] * 6, "secretary", "seal-keeper"))
    enterprises = [f"e{n:02}" for n in range(1, ENTERPRISES + 1)]
    finding = sorted(b.random.sample(enterprises, FINDING))
    watch_enterprise = b.random.choice([e for e in enterprises if e not in finding])
    guided = sorted({watch_enterprise, *b.random.sample([e for e in enterprises if e != watch_enterprise], GUIDED - 1)})
    counts = _shares(b.random, finding)
    hidden = [c for c, n in CATEGORIES.items() for _ in range(n)]
    b.random.shuffle(hidden)
    found: dict[str, str] = {}
    watch: list[str] = []
    for e in enterprises:
        n = int(e[1:])
        b.unit(e, "group", f"示例企业{n:02}", f"Enterprise {n:02}", REGULATOR)
        b.staff(e, OFFICES)
        if e == watch_enterprise:
            watch += _branches(b, e, _places(b, e, WATCHED), ["" for _ in range(WATCHED)])
            continue
        here = [hidden.pop() for _ in range(counts.get(e, 0))]
        healthy = 1 if not here or b.random.random() < 0.4 else 0
        kinds = [*here, *[""] * healthy]
        b.random.shuffle(kinds)
        branches = _branches(b, e, _places(b, e, len(kinds)), kinds)
        found.update({u: k for u, k in zip(branches, kinds, strict=True) if k})
    groups = _supervise(b, guided)
    _vacate(b, found)
    org = Org(tuple(b.units), tuple(b.parents), tuple(b.persons), tuple(b.tenures))
    zero = [e for e in guided if e not in finding and e != watch_enterprise]
    overlooked = _overlooked(org, zero)
    changes = (*_changes(b, org, found), _change_at(org, overlooked, "2019-11-11", CHANGES + 1))
    return World(org, found, frozenset(watch), watch_enterprise, groups, changes, overlooked)


def _overlooked(org: Org, enterprises: list[str]) -> str:
    """A branch at the bottom of four levels of an enterprise that reports zero, one that a supervision group guides."""
    above = {p.unit: p.parent for p in org.parents if p.kind == "managing"}
    branches = [u.id for u in org.units if u.level == "organisation" and u.id.split("-")[0] in enterprises]
    return next(u for u in branches if above[above[u]] not in enterprises)


def _shares(random: Random, finding: list[str]) -> dict[str, int]:
    """How many organisations each finding enterprise will find: at least one each, all of them together."""
    counts = dict.fromkeys(finding, 1)
    weights = [random.paretovariate(1.4) for _ in finding]
    for e in random.choices(finding, weights, k=sum(CATEGORIES.values()) - len(finding)):
        counts[e] += 1
    return counts


def _places(b: _Builder, enterprise: str, branches: int) -> list[str]:
    """The units directly above the branches of an enterprise. Some enterprises lack a level. Source: R002."""
    n = int(enterprise[1:])
    shape = b.random.random()
    thirds = max(1, -(-branches // 6))
    seconds = max(1, -(-thirds // 4))
    zh, en = f"示例企业{n:02}", f"E{n:02}"
    above = [enterprise]
    if shape > 0.12 or seconds > 1:
        above = [
            b.unit(f"{enterprise}-s{k}", "second", f"{zh}二级单位{k}", f"{en} second-level {k}", enterprise)
            for k in range(1, seconds + 1)
        ]
        if shape > 0.9 and branches <= 2:  # branches directly under the second level
            for u in above:
                b.staff(u, OFFICES)
            return above
    places = [
        b.unit(
            f"{enterprise}-t{k:02}", "third", f"{zh}三级单位{k:02}", f"{en} third-level {k:02}", above[k % len(above)]
        )
        for k in range(1, thirds + 1)
    ]
    for u in (*places, *(a for a in above if a != enterprise)):
        b.staff(u, OFFICES)
    return places


def _branches(b: _Builder, enterprise: str, places: list[str], kinds: list[str]) -> list[str]:
    n = int(enterprise[1:])
    made = []
    for k, kind in enumerate(kinds, start=1):
        there = kind != "not-established"
        above = places[(k - 1) * len(places) // len(kinds)]
        zh, en = f"示例企业{n:02}党支部{k:02}", f"E{n:02} branch {k:02}"
        made.append(b.unit(f"{enterprise}-b{k:02}", "organisation", zh, en, above, established=there))
        if there:
            b.staff(made[-1], BRANCH)
    return made


def _supervise(b: _Builder, guided: list[str]) -> dict[str, tuple[str, ...]]:
    """Two supervision groups of 11 enterprises each: none twice, none left out. They guide, they do not sign."""
    b.random.shuffle(guided)
    groups = {}
    for g in range(1, GROUPS + 1):
        group = b.unit(f"sup{g}", "supervision-group", f"示例巡回督导组{g}", f"Roving supervision group {g}", REGULATOR)
        b.staff(group, ("group-leader", "deputy-group-leader", "member"))
        share = tuple(sorted(guided[(g - 1) * GUIDED // GROUPS : g * GUIDED // GROUPS]))
        b.parents.extend(Parent(e, group, "guiding", "2019-08-01") for e in share)
        groups[group] = share
    return groups


def _vacate(b: _Builder, found: dict[str, str]) -> None:
    """Some of the incomplete teams lack their secretary. The direct superior answers for them (兜底). Source: R017."""
    incomplete = [u for u, kind in found.items() if kind == "team-incomplete"]
    vacant = set(b.random.sample(incomplete, VACANT))
    b.tenures = [t for t in b.tenures if not (t.unit in vacant and t.post == "secretary")]


def _changes(b: _Builder, org: Org, found: dict[str, str]) -> tuple[Change, ...]:
    """Eight changes of secretary: four branches, and the level above two of them, and two enterprises."""
    holder = {t.unit for t in org.tenures if t.post == "secretary"}
    above = {p.unit: p.parent for p in org.parents if p.kind == "managing"}
    branches = b.random.sample([u for u in found if u in holder and above[u].count("-")], 4)
    upper = list(dict.fromkeys(above[u] for u in branches[:2]))
    tops = list(dict.fromkeys(u.split("-")[0] for u in branches))[:2]
    days = [
        "2019-09-16",
        "2019-10-08",
        "2019-10-14",
        "2019-10-21",
        "2019-11-01",
        "2019-11-04",
        "2019-11-25",
        "2019-12-02",
    ]
    units = [*branches, *upper, *tops]
    return tuple(_change_at(org, u, day, k) for k, (day, u) in enumerate(zip(days, units, strict=False), start=1))


def _change_at(org: Org, unit: str, day: str, k: int) -> Change:
    """The ``k``-th change of secretary: who holds the post goes on that day, somebody new comes."""
    holder = next(t for t in org.tenures if t.unit == unit and t.post == "secretary")
    n = len(org.persons) + k
    successor = Person(f"p{n:05}", f"人员{n:05}(虚构)", f"Person {n:05} (invented)")
    begun = Tenure(f"t{len(org.tenures) + 1000 + k:05}", successor.id, unit, "secretary", day)
    return Change(day, unit, holder, begun, successor)


def csv_files(org: Org) -> dict[str, bytes]:
    """An organisation as the three files that an office would hand in."""
    rows_of_units: list[tuple[Any, ...]] = []
    told: set[str] = set()
    parents: dict[str, list[Parent]] = {}
    for p in org.parents:
        parents.setdefault(p.unit, []).append(p)
    for u in org.units:
        for line in [*parents.get(u.id, ())] or [None]:
            above = (line.parent, line.kind, line.from_on, line.until_on) if line is not None else ("", "", "", "")
            own = ("", "", "") if u.id in told else (u.ordinal, u.established_on, u.dissolved_on)
            told.add(u.id)
            rows_of_units.append((u.id, u.level, above[0], u.name_zh, u.name_en, *own, *above[1:]))
    files = {
        "units.csv": rows_of_units,
        "persons.csv": [(p.id, p.name_zh, p.name_en) for p in org.persons],
        "tenures.csv": [
            (t.person, t.unit, t.post, t.from_on, t.until_on, "yes" if t.acting else "") for t in org.tenures
        ],
    }
    return {name: _csv(COLUMNS[name], rows) for name, rows in files.items() if rows}


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return out.getvalue().encode()
