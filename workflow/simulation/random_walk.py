"""Many invented items at once, each going its way by chance: the same seed gives the same figures.

``Behaviour`` says how people are. Nothing decides but the rules; chance only chooses among what they allow. What is counted
is read from the entries, so that nothing is counted which the engine did not do.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from time import perf_counter

from workflow.calendar import Calendar
from workflow.case import Case
from workflow.clock import local_day
from workflow.definition.check import check
from workflow.definition.definition import Definition
from workflow.definition.model import Node
from workflow.definition.positions import Positions
from workflow.definition.problem import Problem
from workflow.errors import Said, Unknown, WorkflowError, among
from workflow.evidence import canonical
from workflow.org.model import Org
from workflow.prover.moves import moves, waits_until
from workflow.prover.offices import kinds
from workflow.simulation.behaviour import Behaviour, by_choice
from workflow.simulation.office import DAY, HOUR, Office, office
from workflow.store import scan

MINUTE = HOUR // 60


@dataclass
class Figures:
    """What happened. ``paths``: of each item its stages in order; ``load``: signatures by post and level, ``busiest``: the
    most that one office had of them in a week; ``stays``: how often each stage was entered. ``armed`` and ``missed``: how
    many items had a due, and how many of these missed it; a due is a stage, or a stage and what in it is due
    (``investigation/second``), ``nodes`` names the node that dates it."""

    items: int = 0
    seconds: float = 0.0
    acts: int = 0
    finals: Counter[str] = field(default_factory=Counter)
    dead_ends: list[tuple[str, str]] = field(default_factory=list)
    unfinished: Counter[str] = field(default_factory=Counter)
    days: list[int] = field(default_factory=list)
    paths: dict[str, list[str]] = field(default_factory=dict)
    load: Counter[str] = field(default_factory=Counter)
    busiest: Counter[str] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    armed: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    nodes: dict[str, str] = field(default_factory=dict)
    rungs: Counter[str] = field(default_factory=Counter)

    @property
    def longest(self) -> tuple[str, list[str]]:
        """The item with the most stages, and these."""
        return max(self.paths.items(), key=lambda kv: (len(kv[1]), kv[0]), default=("", []))


def simulate(
    definition: Definition,
    calendar: Calendar,
    n: int,
    seed: int,
    behaviour: Behaviour | None = None,
    *,
    others: Sequence[Definition] = (),
    org: Org | None = None,
    day: date | None = None,
    horizon: int = 900,
    at_most: int = 400,
    calendars: Sequence[Calendar] = (),
) -> Figures:
    """Send ``n`` items through a flow.

    Args:
        others: flows that this one may open; only those it speaks of are put in force.
        horizon: days after which an item counts as unfinished; ``at_most`` acts likewise.
        calendars: those that units have of their own.

    Raises:
        Unknown: the organisation has no unit of the lowest level, or the behaviour names a way that is none.
    """
    began = perf_counter()
    behaviour = behaviour or Behaviour()
    behaviour.known_to(definition)
    figures = Figures(items=n)
    with office(definition, calendar, others, org, day, calendars) as here:
        first = definition.flow.levels[0]
        units = [u for u, _ in kinds(here.org, definition, here.today.isoformat(), first)]
        if not units:
            on, levels = here.today.isoformat(), ", ".join(sorted({u.level for u in here.org.units}))
            raise Unknown(
                kind="unit of the level",
                name=first,
                hint=Said(f" on {on}; there are {levels}", f"({on});现有层级:{levels}"),
            )
        rngs = [Random(f"{seed}/{k}") for k in range(n)]  # each item has its own chance
        names: dict[int, str] = {}
        begins = _begins(here, [units[k % len(units)] for k in range(n)])
        waiting = [(at, k) for k, (at, _) in enumerate(begins)]
        heapq.heapify(waiting)
        counts: Counter[str] = Counter()
        while waiting:
            at, k = heapq.heappop(waiting)
            here.move_to(at)
            start, period = begins[k]
            if k not in names:
                item = names[k] = here.open(f"s{k:04}", units[k % len(units)], period)
                pause = _pause(rngs[k], behaviour, here.case(item), here.clock.now(), fresh=True)
                heapq.heappush(waiting, (here.clock.now() + pause, k))
                continue
            item = names[k]
            case = here.case(item)
            if at > start + horizon * DAY or counts[item] >= at_most:
                figures.unfinished[case.stage] += 1
                continue
            later = waits_until(case, definition.stage(case.stage), at)
            if not _step(here, case, rngs[k], behaviour, idle=later is not None):
                if later is None:
                    figures.dead_ends.append((item, case.stage))
                else:
                    heapq.heappush(waiting, (later, k))
                continue
            counts[item] += 1
            after = here.case(item)
            if after.final:
                figures.finals[after.stage] += 1
                figures.days.append((here.clock.now() - start) // DAY)
            else:
                pause = _pause(rngs[k], behaviour, after, here.clock.now(), fresh=after.stays != case.stays)
                heapq.heappush(waiting, (here.clock.now() + pause, k))
        figures.acts = counts.total()
        _count(here, figures, set(names.values()))
    figures.seconds = perf_counter() - began
    return figures


def _begins(here: Office, units: Sequence[str]) -> list[tuple[int, str]]:
    """When each unit's next item begins, µs UTC: now; or with the next period of which it owes a report, and that period.

    Raises:
        Unknown: a unit owes no report.
    """
    now = here.clock.now()
    if not here.definition.flow.obligations:
        return [(now, "")] * len(units)
    ahead = {unit: here.reports_of(unit) for unit in dict.fromkeys(units)}
    owed = (next(ahead[unit]) for unit in units)
    return [(max(opens, now), period) for opens, period in owed]


def _pause(rng: Random, behaviour: Behaviour, case: Case, now: int, *, fresh: bool) -> int:
    """How long until the next act; at the beginning of a stay a duty may be let lie until its date has passed."""
    quick = int(min(rng.expovariate(1 / max(behaviour.days, 0.01)), 20 * behaviour.days + 1) * DAY)
    lies, lateness = rng.random() < behaviour.lie, rng.uniform(0, behaviour.late)
    if not fresh or not lies or not case.dues:
        return max(quick, MINUTE)
    missed: int = min(d["missed"] for d in case.dues.values())
    return max(missed - now + int(lateness * DAY), HOUR)


def _step(here: Office, case: Case, rng: Random, behaviour: Behaviour, *, idle: bool) -> bool:
    """One act, by chance among those that the rules allow; False where there is none, or where people rather wait.

    Args:
        idle: something is to come by itself (a window ends), so that people may do nothing.
    """
    options = list(moves(here.definition, here.offices, case, here.clock.now()))
    for act in by_choice(rng, behaviour, here.definition, case, options, idle=idle):
        if act is None:
            return False
        try:
            here.do(act)
        except WorkflowError:
            continue
        return True
    return False


def _count(here: Office, figures: Figures, ours: set[str]) -> None:
    """Count from the entries themselves: only what the engine really did."""
    zone, now = here.definition.flow.timezone, here.clock.now()
    levels = {u.id: u.level for u in here.org.units}
    armed: set[tuple[str, str]] = set()
    missed: set[tuple[str, str]] = set()
    weeks: Counter[tuple[str, str, tuple[int, int]]] = Counter()
    with here.engine.reading() as connection:
        for chain, rows in scan.chains(connection):
            if chain not in ours:
                continue
            places: dict[str, str] = {}
            for row in rows:
                body = canonical.decode(row.body)
                for e in body["effects"]:
                    kind = e["e"]
                    if kind == "entered":
                        places = {s["key"]: f"{s['post']}@{s['level']}" for s in e.get("slots", ())}
                        figures.paths.setdefault(chain, []).append(e["stage"])
                        figures.stays[e["stage"]] += 1
                    elif kind == "signed":
                        office_ = f"{e['post']}@{levels.get(e['unit'], e['unit'])}"
                        week = local_day(body["at"], zone).isocalendar()
                        figures.load[office_] += 1
                        weeks[office_, e["unit"], (week.year, week.week)] += 1
                    elif kind == "due-armed":
                        armed.add((chain, _due(e["rule"], places)))
                    elif kind == "due-met" and e["late"]:
                        missed.add((chain, _due(e["rule"], places)))
                    elif kind in ("reminded", "proposed"):
                        figures.rungs[kind] += 1
    for item in ours:
        case = here.case(item)
        places = {s.key: f"{s.post}@{s.level}" for s in case.slots}
        missed |= {(item, _due(rule, places)) for rule, due in case.dues.items() if now >= due["missed"]}
    figures.armed, figures.missed = Counter(due for _, due in armed), Counter(due for _, due in missed)
    for (office_, _, _), n in weeks.items():
        figures.busiest[office_] = max(figures.busiest[office_], n)
    for stage in here.definition.flow.stages:
        if stage.due is not None and stage.due.node is not None:
            figures.nodes[stage.stage] = stage.due.node
        figures.nodes |= {f"{stage.stage}/{also.node}": also.node for also in stage.also_due}


def _due(rule: str, places: Mapping[str, str]) -> str:
    """What is due, without which stay it was and how often it was armed; of a place in the chain, whose place."""
    stage, _, more = rule.partition("/")
    parts = [part for part in more.split("/") if not part.isdecimal()]
    return "/".join([stage, *(places.get(part.removeprefix("slot-"), part) for part in parts)])


def with_node(definition: Definition, node: str, on: date) -> tuple[Definition, list[Problem]]:
    """The same definition with a node on another date, in every set that has it; and what lint would say of that date.

    Raises:
        Unknown: no set has such a node.
    """
    flow = definition.flow
    if not any(node in s.nodes for s in flow.nodes.values()):
        known = sorted({n for s in flow.nodes.values() for n in s.nodes})
        raise Unknown(kind="node", name=node, hint=among(known))
    sets = {
        name: s.model_copy(update={"nodes": {n: Node(on=on) if n == node else held for n, held in s.nodes.items()}})
        for name, s in flow.nodes.items()
    }
    moved = flow.model_copy(update={"nodes": sets, "version": f"{flow.version}~"})
    before = {(p.code, p.message) for p in check(flow, Positions())}
    return Definition.of(moved), [p for p in check(moved, Positions()) if (p.code, p.message) not in before]
