"""A campaign at a glance, as somebody may see it and as of any instant: ready, covered, claimed, overdue, closed.

Nothing here ranks units by what they found: units stand in the order of offices' lists, and what is counted by category,
cause and level is for learning how problems come about. Source: R006, R061, R114, R115, R156; S0 「不作为考核的衡量指标」, R051.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, TypeVar

from workflow import lists, obligations, views
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import NotUnderstood, Said, Unknown, among
from workflow.past import organisation_at, past
from workflow.rules.authority import backstop
from workflow.sight import Sight, hidden_from
from workflow.store import items, queries, shelves
from workflow.store import obligations as store
from workflow.store.groups import GroupReader
from workflow.store.listing import Wanted
from workflow.store.org import Stretches
from workflow.sums import Sums
from workflow.targets import Target

DAY = 86_400_000_000
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Ready:
    """Which of the things asked for a unit has, and which it lacks."""

    unit: str
    has: tuple[str, ...]
    lacks: tuple[str, ...]


def readiness(desk: Desk, sight: Sight, campaign: str, at: int, level: str, needs: Sequence[str]) -> list[Ready]:
    """Every unit of a level with what it has of the things needed to begin, in offices' order.

    Args:
        needs: ``flow:NAME`` the unit's item of that flow in the campaign is signed through; ``body:KIND`` it formed a body
            of that kind; ``looked-after:KIND`` one looks after it; ``one-person:POST+POST`` one person holds both posts.
            Source: S0 「全部制定工作方案,全部完成动员部署,全部明确领导小组、工作机构和巡回指导组」, R006.

    Raises:
        NotUnderstood: a need is none of these.
    """
    day = local_day(at, "Asia/Shanghai").isoformat()
    units = [u for u in organisation_at(desk, at).roster([level], day) if sight.sees(u)]
    held = {need: _having(desk, need, campaign, at, day, units) for need in needs}
    return [
        Ready(u, tuple(n for n in needs if u in held[n]), tuple(n for n in needs if u not in held[n])) for u in units
    ]


def _having(desk: Desk, need: str, campaign: str, at: int, day: str, units: Sequence[str]) -> set[str]:
    kind, _, name = need.partition(":")
    if kind == "flow" and name:
        finals = {s.stage for s in obligations.in_force(desk, name, at).flow.stages if s.final}
        return {r["unit"] for r in queries.items_at(desk.connection, name, campaign, at) if r["stage"] in finals}
    if kind == "body" and name:
        return GroupReader(desk.connection).formed(name, day)
    if kind == "looked-after" and name:
        return set(units).difference(GroupReader(desk.connection).coverage(name, units, day)[0])
    posts = name.split("+")
    if kind == "one-person" and len(posts) == 2 and all(posts):
        org = organisation_at(desk, at)
        first, second = ({u: {t["person"] for t in org.tenures(u, p, day)} for u in units} for p in posts)
        return {u for u in units if first[u] & second[u]}
    known = "flow:NAME, body:KIND, looked-after:KIND, one-person:POST+POST"
    raise NotUnderstood(expected=known, actual=need[:80] or "-")


@dataclass(frozen=True)
class Coverage:
    """How many of a level owe a report or an explicit zero, how many gave one, and who did not.

    Attributes:
        zero: zero reports that stand.
        contradicted: units whose zero does not: it was found false, or rests on one below that was.
    """

    level: str
    owed: int
    covered: int
    zero: int
    uncovered: tuple[str, ...]
    contradicted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What a unit reported and signed for, beside what others found of it.

    Attributes:
        claimed: ``zero`` or ``reported``.
        verified: ``contradicted``, ``contradicted-below`` where it rests on a zero report that was, ``supplemented``, or
            empty: nobody has said otherwise, which is no confirmation.
    """

    unit: str
    item: str
    claimed: str
    verified: str


def coverage(desk: Desk, sight: Sight, flow: str, campaign: str, at: int, level: str) -> Coverage:
    """Whether every unit of a level has a result or an explicit zero. Source: S0 「横向到边,纵向到底」, R061."""
    rows = [r for r in _reports(desk, flow, campaign, at, level) if sight.sees(r.unit) and r.state != "EXEMPT"]
    open_ = tuple(r.unit for r in rows if r.received is None)
    above = _resting_on_false(desk, flow, campaign, at)
    false = tuple(r.unit for r in rows if r.zero and (r.state == "CONTRADICTED" or r.item in above))
    zero = sum(r.zero for r in rows) - len(false)
    return Coverage(level, len(rows), len(rows) - len(open_), zero, open_, false)


def claims(desk: Desk, sight: Sight, flow: str, campaign: str, at: int, level: str) -> list[Claim]:
    """Claimed beside verified, unit by unit. Source: S2 「至今各单位党委…都已制定」「有的…至今还没有制定」, R114, R115."""
    said = {"CONTRADICTED": "contradicted", "SUPPLEMENTED": "supplemented"}
    above = _resting_on_false(desk, flow, campaign, at)

    def found(r: store.Row) -> str:
        return said.get(r.state, "contradicted-below" if r.item in above else "")

    return [
        Claim(r.unit, r.item or "", "zero" if r.zero else "reported", found(r))
        for r in _reports(desk, flow, campaign, at, level)
        if r.received is not None and sight.sees(r.unit)
    ]


def _resting_on_false(desk: Desk, flow: str, campaign: str, at: int) -> set[str]:
    """The reports that rely on a zero report found false by then, directly or through one between: each says on record which
    reports of those below it was drawn up from. Source: 「谁签字上报谁负责」, R055, R041."""
    found: set[str] = set()
    org = desk.organisation()
    for report, unit, said_at in queries.contradicted(desk.connection, flow, campaign, at):
        case, _ = desk.case_of(report)
        if not case.final or case.entered > said_at:  # said while it was missing; what came in since is another report
            continue
        known = {report}
        day = local_day(said_at, desk.engine.newest(desk.connection, flow).flow.timezone).isoformat()
        line = [u["unit"] for u in org.path(unit, day)[1:]]
        for row in items.reports_of(desk.connection, flow, campaign, line):  # from the unit's superior upward
            if "item" in row and any(r.get("item") in known for r in desk.case_of(row["item"])[0].relies):
                known.add(row["item"])
        found |= known - {report}
    return found


def _reports(desk: Desk, flow: str, campaign: str, at: int, level: str) -> list[store.Row]:
    definition = obligations.in_force(desk, flow, at)
    if level not in definition.flow.levels:
        raise Unknown(kind="level", name=level, hint=among(definition.flow.levels))
    if definition.flow.reports is not None:
        return store.rows(desk.connection, obligations.asked_once(desk, definition, campaign, at, (level,)))
    owing = [rule for rule, spec in definition.flow.obligations.items() if level in spec.owed_by]
    if not owing:
        raise NotUnderstood(
            expected=Said("a flow whose reports that level owes", "该层级应当报送的流程"), actual=f"{flow}, {level}"
        )
    found: dict[str, store.Row] = {}
    refused: Unknown | None = None
    for rule in owing:  # each kept to some subtrees, or of another cycle
        try:
            rows = obligations.owed(desk, flow, rule, campaign, at)
        except Unknown as other:
            refused = other
            continue
        for r in rows:
            found.setdefault(r.unit, store.Row(r.unit, r.state, r.received, r.zero, r.item))
    if refused is not None and not found:
        raise refused
    return list(found.values())


@dataclass(frozen=True)
class Late:
    """A node missed and not met by an instant, with whose duty it was on its last day."""

    item: str
    unit: str
    stage: str
    rule: str
    missed_at: int
    of: str
    post: str
    persons: tuple[str, ...]
    as_: str


def _items(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> Iterator[Mapping[str, Any]]:
    """The items of a campaign that may be seen, as they stood at an instant: of the own unit no check that nobody announced,
    not even in a total. Source: S0 「不打招呼」, R119."""
    hidden = hidden_from(desk, sight)
    for row in queries.items_at(desk.connection, flow, campaign, at):
        if sight.sees(row["unit"]) and row["id"] not in hidden:
            yield row


def late(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> list[Late]:
    """Every node overdue at an instant, the longest overdue first; ``by_person`` and ``by_matter`` count them."""
    org, out = organisation_at(desk, at), []
    here = {r["id"] for r in _items(desk, sight, flow, campaign, at)}
    for item in dict.fromkeys(r.item for r in views.missed(desk, at) if r.item in here and _open(r, at)):
        found = past(desk, item, at)
        for due in found.missed if found is not None else ():
            if found is None or due.met_at is not None or due.rule not in found.case.dues:
                continue
            day = due.last_day(found.definition.flow.timezone)
            unit, post = due.duty(found.definition, org.path(due.case.unit, day))
            answer = org.answerable(unit, post, day, backstop(found.definition, post) == "backstop")
            persons, as_ = tuple(a["person"] for a in answer), answer[0]["as"] if answer else "vacant"
            out.append(Late(item, found.case.unit, _stage(due.rule), due.rule, due.since, unit, post, persons, as_))
    return sorted(out, key=lambda r: (r.missed_at, r.item, r.rule))


def by_person(rows: Iterable[Late]) -> dict[str, int]:
    """person -> overdue nodes they answered for; the most first."""
    return dict(Counter(p for r in rows for p in r.persons or ("",)).most_common())


def by_matter(rows: Iterable[Late]) -> dict[tuple[str, str], int]:
    """(item, stage) -> overdue nodes; the most first."""
    return dict(Counter((r.item, r.stage) for r in rows).most_common())


def heat(
    desk: Desk, sight: Sight, at: int, under: str = "", *, flow: str = "", campaign: str = ""
) -> dict[tuple[str, str], int]:
    """Overdue nodes by unit and stage, for each unit directly below one, with all that is below it; without one, by the
    unit itself. In the order of offices' lists.

    Raises:
        Unknown: no such unit.
    """
    found: Counter[tuple[str, str]] = Counter()
    for (unit, _, stage), n in heat_of_flows(desk, sight, at, under, flow=flow, campaign=campaign).items():
        found[unit, stage] += n
    return dict(found)


Node = tuple[str, str, str, bool]
"""Flow, campaign and stage of a due, and whether its item is an unannounced check."""


def missed_sums(desk: Desk, day: str, at: int) -> Sums[Node]:
    """All nodes missed and not met by an instant, counted once for ``heat_of_flows``, whoever asks."""
    return _sums(desk, day, shelves.missed_units(desk.connection, at), lambda key: key[3])


def late_sums(desk: Desk, day: str, at: int) -> Sums[bool]:
    """All nodes met by an instant later than they should have been, counted once for ``met_late``, whoever asks."""
    return _sums(desk, day, shelves.late_units(desk.connection, at), lambda covert: covert)


def _sums(desk: Desk, day: str, found: Sequence[tuple[K, list[str]]], covert: Callable[[K], bool]) -> Sums[K]:
    told = [(key, units) for key, units in found if not covert(key)]
    hidden = [(key, unit) for key, units in found if covert(key) for unit in units]
    return Sums(desk.organisation(), day, told, hidden)


def _learnt(counted: Sums[K], part: Stretches, sight: Sight) -> Iterator[tuple[K, str]]:
    """What is missed of unannounced checks of a part that may be known of."""
    return ((key, unit) for key, unit in counted.covert if sight.learns(unit) and counted.holds(part, unit))


def met_late(desk: Desk, sight: Sight, at: int, *, counted: Sums[bool] | None = None) -> int:
    """How many nodes were met by an instant, later than they should have been."""
    known = late_sums(desk, sight.day, at) if counted is None else counted
    part = known.part(desk.organisation(), sight.units)
    return known.count(False, part) + sum(1 for _ in _learnt(known, part, sight))


def missed_count(desk: Desk, sight: Sight, at: int, *, counted: Sums[Node] | None = None) -> int:
    """How many nodes are missed and not met by an instant."""
    known = missed_sums(desk, sight.day, at) if counted is None else counted
    part = known.part(desk.organisation(), sight.units)
    return sum(known.count(key, part) for key in known.keys) + sum(1 for _ in _learnt(known, part, sight))


def heat_of_flows(
    desk: Desk,
    sight: Sight,
    at: int,
    under: str = "",
    *,
    flow: str = "",
    campaign: str = "",
    counted: Sums[Node] | None = None,
) -> dict[tuple[str, str, str], int]:
    """The same by unit, flow and stage: stages of two flows may have one name.

    Args:
        counted: ``missed_sums`` of the sight's day and the instant, where they are known already.
    """
    known = missed_sums(desk, sight.day, at) if counted is None else counted
    keys = [k for k in known.keys if _matches(k, flow, campaign)]
    found: Counter[tuple[str, str, str]] = Counter()
    if not under:
        seen = known.part(desk.organisation(), sight.units)
        for key in keys:
            for unit, n in known.by_unit([key], seen).items():
                found[unit, key[0], key[2]] += n
        for key, unit in _learnt(known, seen, sight):
            if _matches(key, flow, campaign):
                found[unit, key[0], key[2]] += 1
        return dict(sorted(found.items()))
    org = desk.organisation()
    parts = [(under, known.part(org, frozenset((under,)) if sight.sees(under) else frozenset()))]
    parts += [(u, lists.seen_below(org, sight, known, u)) for u in org.children(under, sight.day)]
    for unit, part in parts:
        row: Counter[tuple[str, str]] = Counter()
        for key in keys:
            row[key[0], key[2]] += known.count(key, part)
        for key, _ in _learnt(known, part, sight):
            if _matches(key, flow, campaign):
                row[key[0], key[2]] += 1
        for (of, stage), n in sorted(row.items()):
            if n:
                found[unit, of, stage] += n
    return dict(found)


def _matches(key: Node, flow: str, campaign: str) -> bool:
    return flow in ("", key[0]) and (not (campaign and flow) or campaign == key[1])


def _open(row: views.MissedRow, at: int) -> bool:
    return row.met_at is None or row.met_at > at


def _stage(rule: str) -> str:
    """The stage of a due, from the key of its rule (``plan/3``, ``plan/3/<node>``)."""
    return rule.split("/")[0]


@dataclass(frozen=True)
class Group:
    """Items with something in common. ``days`` are whole days from opening to closing, of those closed, sorted; ``back``:
    those whose problem came back after close-out (反弹), whatever became of it then."""

    items: int
    closed: int
    days: tuple[int, ...]
    back: int = 0

    @property
    def middle(self) -> int | None:
        """The median of the days to close, the lower of two; None where none is closed."""
        return median_low(self.days) if self.days else None


def statistics(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> dict[str, dict[str, Group]]:
    """Items by ``category``, ``cause``, ``level`` of their unit and ``class``, with the days they took to close: for
    learning what problems have in common. Source: S0 「认真总结问题发生特点及规律」, R156; 「有的甚至容易反弹」, R151.

    A cause is what the item's field ``cause`` says; where it says none, it counts under no name.
    """
    definition = obligations.in_force(desk, flow, at)
    closing = [s.stage for s in definition.flow.stages if s.final or s.tracking is not None]
    closed = queries.closings(desk.connection, flow, campaign, closing, at)
    rows = list(_items(desk, sight, flow, campaign, at))
    level = _levels(desk, definition, at)
    ways = [f"{s.stage}/{s.tracking.rebound}" for s in definition.flow.stages if s.tracking is not None]
    back = queries.came_back(desk.connection, flow, campaign, ways, at)
    found: dict[str, dict[str, list[tuple[bool, int, bool]]]] = {
        name: defaultdict(list) for name in ("category", "cause", "level", "class")
    }
    said = queries.said(desk.connection, flow, campaign, "fields_")
    for r in rows:
        fields = said[r["id"]].get("fields_", {})
        days = (closed[r["id"]] - r["opened_at"]) // DAY if r["id"] in closed else 0
        keys = {"category": r["category"], "cause": str(fields.get("cause", "")), "class": r["klass"]}
        for name, key in {**keys, "level": level.get(r["unit"], "")}.items():
            found[name][key].append((r["id"] in closed, days, r["id"] in back))
    return {name: {k: _group(some) for k, some in sorted(groups.items())} for name, groups in found.items()}


def _levels(desk: Desk, definition: Definition, at: int) -> dict[str, str]:
    day = local_day(at, definition.flow.timezone).isoformat()
    org = organisation_at(desk, at)
    return {u: level for level in definition.flow.levels for u in org.roster([level], day)}


def _group(some: Sequence[tuple[bool, int, bool]]) -> Group:
    days = tuple(sorted(d for closed, d, _ in some if closed))
    return Group(len(some), len(days), days, sum(back for _, _, back in some))


def workload(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> dict[str, int]:
    """person -> items not yet closed out that the person leads or was assigned to; the most first. Source: S4
    「统筹安排工作力量」, R116.
    """
    definition = obligations.in_force(desk, flow, at)
    over = {s.stage for s in definition.flow.stages if s.final or s.tracking is not None}
    found: Counter[str] = Counter()
    present = desk.is_now(at)
    said = queries.said(desk.connection, flow, campaign, "lead", "assigned") if present else {}
    for r in _items(desk, sight, flow, campaign, at):
        if r["stage"] in over:
            continue
        if present:
            lead, assigned = said[r["id"]].get("lead", {}), said[r["id"]].get("assigned", {})
        else:  # as it was then is folded from the entries, item by item
            told = past(desk, r["id"], at)
            if told is None:
                continue
            lead, assigned = told.case.lead, told.case.assigned
        found.update({p["person"] for p in (lead, *assigned.values()) if p})
    return dict(sorted(found.items(), key=lambda kv: (-kv[1], kv[0])))


def measure(
    desk: Desk, sight: Sight, wanted: Target, flow: str, campaign: str, at: int, level: str, needs: Sequence[str] = ()
) -> tuple[int, int]:
    """Part and whole, exact, of what a target measures: units of a level, or for ``closed`` the items."""
    if wanted.what == "covered":
        told = coverage(desk, sight, flow, campaign, at, level)
        return told.covered, told.owed
    if wanted.what == "closed":
        if desk.is_now(at):
            tally = lists.tally(desk, sight, Wanted(flow=flow, campaign=campaign))
            return tally.closed, tally.items
        groups = statistics(desk, sight, flow, campaign, at)["class"].values()
        return sum(g.closed for g in groups), sum(g.items for g in groups)
    asked = needs if wanted.what == "ready" else (wanted.what,)
    rows = readiness(desk, sight, campaign, at, level, asked)
    return sum(not r.lacks for r in rows), len(rows)
