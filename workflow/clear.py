"""What each level must be able to say at once, answered from the record; and who could not (一问三不知).

Everybody that the campaign runs and its nodes; the highest levels their totals; the level above the third its list; the
level directly above the organisations every detail of each. Where an answer is not to be had, the unit is listed with what
it cannot say and why. Source: S0 「4个清楚」「坚决杜绝“一问三不知”」, R157-R161, M08.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflow import campaign as looking
from workflow import obligations, views
from workflow.case import Case
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import NotUnderstood, Said, Unknown
from workflow.past import organisation_at, past
from workflow.rules.authority import backstop
from workflow.sight import Sight, hidden_from
from workflow.store import library, queries
from workflow.store.org import OrgReader


@dataclass(frozen=True)
class Detail:
    """What the level above an organisation has to know of an item: what, why, who, by when, how far.

    Attributes:
        who: who answers for it; ``due`` the last instant of the next open node, µs UTC, or None.
    """

    item: str
    unit: str
    category: str
    cause: str
    stage: str
    round: int
    who: tuple[str, ...]
    due: int | None


@dataclass(frozen=True)
class Gap:
    """A unit that cannot answer: ``question`` is what, why, who, by-when, detail, list or totals, or directive (it has not
    acknowledged one); ``about`` the item, the units or the directive."""

    unit: str
    level: str
    question: str
    about: tuple[str, ...]


@dataclass(frozen=True)
class Relayed:
    """How far a directive has come down, level by level. ``silent`` are the units that have not acknowledged, in offices'
    order; ``missing`` those of them whose time has passed. Source: S0 「下级党委清楚上级党委工作部署」, R165."""

    flow: str
    campaign: str
    level: str
    owed: int
    acknowledged: int
    silent: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Clear:
    """The answers of one campaign at an instant. ``lists`` and ``details`` are by unit, in offices' order.

    Attributes:
        nodes: what everybody may know: each set of nodes with its days.
        totals: items by stage, for the levels above.
    """

    flow: str
    campaign: str
    at: int
    nodes: dict[str, dict[str, str]]
    totals: dict[str, int]
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    details: dict[str, tuple[Detail, ...]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    relays: tuple[Relayed, ...] = ()


def clear(desk: Desk, sight: Sight, flow: str, campaign: str, at: int, relays: Sequence[tuple[str, str]] = ()) -> Clear:
    """Every level's answers, as far as they may be seen, and everyone who could not give theirs.

    Args:
        relays: directives that every level is to have acknowledged, each a flow and a campaign; those relayed under this
            campaign's own name when none is given.

    Raises:
        Unknown: no such flow.
    """
    definition = obligations.in_force(desk, flow, at)
    levels, org = definition.flow.levels, organisation_at(desk, at)
    day = local_day(at, definition.flow.timezone).isoformat()
    hidden = hidden_from(desk, sight)
    rows = [r for r in views.register(desk, flow, campaign, at) if sight.sees(r.unit) and r.item not in hidden]
    lines = org.paths(dict.fromkeys(r.unit for r in rows), day)
    totals: dict[str, int] = {}
    told: dict[str, list[str]] = {}
    details: dict[str, list[Detail]] = {}
    gaps: list[Gap] = []
    for row in rows:
        totals[row.stage] = totals.get(row.stage, 0) + 1
        above = {u["level"]: u["unit"] for u in lines[row.unit]}
        if len(levels) > 2 and levels[2] in above:
            told.setdefault(above[levels[2]], []).append(row.item)
        one, missing = _detail(desk, org, definition, row, at, day)
        if len(levels) > 1 and levels[1] in above:
            details.setdefault(above[levels[1]], []).append(one)
            gaps += [Gap(above[levels[1]], levels[1], question, (row.item,)) for question in missing]
    gaps += _unreported(desk, sight, definition, campaign, at, day)
    relayed = [r for name, of in relays or _relays(desk, campaign) for r in _relayed(desk, sight, name, of, at)]
    gaps += [Gap(unit, r.level, "directive", (f"{r.flow} {r.campaign}",)) for r in relayed for unit in r.missing]
    return Clear(
        flow,
        campaign,
        at,
        {name: {n: str(node.on) for n, node in nodes.nodes.items()} for name, nodes in definition.flow.nodes.items()},
        totals,
        {u: tuple(i) for u, i in told.items() if sight.sees(u)},
        {u: tuple(d) for u, d in details.items() if sight.sees(u)},
        tuple(g for g in gaps if sight.sees(g.unit)),
        tuple(relayed),
    )


def _relays(desk: Desk, campaign: str) -> list[tuple[str, str]]:
    """The flows relayed from level to level under a campaign's name: each unit acknowledges after its superior has."""
    found = []
    for name in sorted({desk.engine.definition(desk.connection, d).name for d in library.digests(desk.connection)}):
        spec = desk.engine.newest(desk.connection, name).flow
        down = (p.flow == name and p.of == "superior" for s in spec.stages if s.gate is not None for p in s.gate.prior)
        if spec.reports is not None and any(down) and queries.any_of(desk.connection, name, campaign):
            found.append((name, campaign))
    return found


def _relayed(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> Iterator[Relayed]:
    """Level by level from the top: who was to acknowledge, who has, and who has not."""
    definition = obligations.in_force(desk, flow, at)
    reports = definition.flow.reports
    if reports is None:
        raise NotUnderstood(expected=Said("a flow that units acknowledge (reports)", "由各单位签收的流程"), actual=flow)
    for level in reversed([one for one in definition.flow.levels if one in reports.owed_by]):
        told = views.roll_call(desk, flow, campaign, at, level)
        owed = [u for u in told.owed if sight.sees(u)]
        done = {*told.reported, *told.zero}
        silent = tuple(u for u in owed if u not in done)
        missing = tuple(u for u in silent if u in told.missing)
        yield Relayed(flow, campaign, level, len(owed), len(owed) - len(silent), silent, missing)


def _detail(
    desk: Desk, org: OrgReader, definition: Definition, row: views.RegisterRow, at: int, day: str
) -> tuple[Detail, list[str]]:
    found = past(desk, row.item, at)
    case = found.case if found is not None else desk.case_of(row.item)[0]
    post = next(name for name, spec in definition.flow.posts.items() if spec.first_responsible)
    who = org.answerable(case.unit, post, day, backstop(definition, post) == "backstop")
    dues = [d["missed"] - 1 for d in case.dues.values() if "paused" not in d]
    cause = _cause(desk, case)
    stage = next((s for s in definition.flow.stages if s.stage == case.stage), None)
    ended = case.final or (stage is not None and stage.tracking is not None)
    missing = [
        question
        for question, lacks in (
            ("what", not case.category and bool(definition.flow.categories)),
            ("why", not cause and _asks_cause(definition) and case.stays > 1 and not case.final),
            ("who", not who),
            ("by-when", not dues and not ended and not case.suspended),
        )
        if lacks
    ]
    persons = tuple(a["person"] for a in who)
    due = min(dues, default=None)
    return Detail(row.item, case.unit, case.category, cause, case.stage, case.round, persons, due), missing


def _asks_cause(definition: Definition) -> bool:
    return any("cause" in spec.fields for spec in definition.flow.materials.values())


def _cause(desk: Desk, case: Case) -> str:
    if case.fields_.get("cause"):
        return str(case.fields_["cause"])
    held: dict[str, Any] = views.contents(desk, case.item) if case.materials else {}
    return next((str(d["cause"]) for d in held.values() if isinstance(d, dict) and d.get("cause")), "")


def _unreported(desk: Desk, sight: Sight, definition: Definition, campaign: str, at: int, day: str) -> Iterator[Gap]:
    """Above whom somebody has not reported: neither the list nor the totals of these units are whole."""
    levels, org = definition.flow.levels, organisation_at(desk, at)
    silent: list[str] = []
    for reports in _opening(desk, definition.name):
        owing = {*(reports.flow.reports.owed_by if reports.flow.reports else ())}
        owing |= {one for spec in reports.flow.obligations.values() for one in spec.owed_by}
        for level in [one for one in levels[:1] if one in owing]:
            try:
                silent += looking.coverage(desk, sight, reports.name, campaign, at, level).uncovered
            except Unknown as other:  # a flow whose reports are owed by period, and the campaign is none of them
                if other.facts["kind"] != "period":
                    raise
    above: dict[str, tuple[str, list[str]]] = {}
    for unit, line in org.paths(dict.fromkeys(silent), day).items():
        for step in line[1:]:
            above.setdefault(step["unit"], (step["level"], []))[1].append(unit)
    for unit, (level, missing) in above.items():
        question = "detail" if level == levels[1] else "list" if level in levels[2:3] else "totals"
        yield Gap(unit, level, question, tuple(missing))


def _opening(desk: Desk, flow: str) -> Iterator[Definition]:
    """The flows whose signed lists open items of a flow: the reports that an answer about it rests on."""
    names = {desk.engine.definition(desk.connection, d).name for d in library.digests(desk.connection)}
    for name in sorted(names):
        found = desk.engine.newest(desk.connection, name)
        if any(e.opens is not None and e.opens.flow == flow for s in found.flow.stages for e in s.exits.values()):
            yield found
