"""Many invented items at once, each going its way by chance: the same seed gives the same figures.

``Behaviour`` says how people are: how long they take, how often they let a duty lie until it is missed, how often they
send back. Nothing decides but the rules; chance only chooses among what they allow.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from time import perf_counter
from typing import Any

from workflow.acts import Act, Objection, Reopen, Return, Submit
from workflow.calendar import Calendar
from workflow.definition.definition import Definition
from workflow.definition.model import Node
from workflow.errors import Unknown, WorkflowError
from workflow.evidence import canonical
from workflow.org.model import Org
from workflow.prover.offices import kinds
from workflow.simulation.office import DAY, HOUR, Office, office
from workflow.store import scan

AGAIN = 0.2


@dataclass(frozen=True)
class Behaviour:
    """How people are. ``days`` they take for an act, on average; shares between 0 and 1 of duties let lie until ``late``
    days after the date, of signatures refused by a return, of votes and scores that fail."""

    days: float = 1.0
    lie: float = 0.0
    late: float = 8.0
    send_back: float = 0.05
    fail: float = 0.2


@dataclass
class Figures:
    """What happened. ``paths``: of each item its stages in order; ``load``: signatures by level and post."""

    items: int = 0
    seconds: float = 0.0
    acts: int = 0
    finals: Counter[str] = field(default_factory=Counter)
    dead_ends: list[tuple[str, str]] = field(default_factory=list)
    unfinished: int = 0
    days: list[int] = field(default_factory=list)
    paths: dict[str, list[str]] = field(default_factory=dict)
    load: Counter[str] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
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
) -> Figures:
    """Send ``n`` items through a flow.

    Args:
        horizon: days after which an item counts as unfinished; ``at_most`` acts likewise.

    Raises:
        Unknown: the organisation has no unit of the lowest level.
    """
    began = perf_counter()
    behaviour = behaviour or Behaviour()
    figures = Figures(items=n)
    with office(definition, calendar, others, org, day) as here:
        first = definition.flow.levels[0]
        units = [u for u, _ in kinds(here.org, definition, here.today.isoformat(), first)]
        if not units:
            raise Unknown(kind="unit of the level", name=first)
        start = here.clock.now()
        waiting: list[tuple[int, int, str]] = []
        rngs = {f"s{k:04}": Random(f"{seed}/{k}") for k in range(n)}  # each item has its own chance
        for k, item in enumerate(rngs):
            here.open(item, units[k % len(units)])
            heapq.heappush(waiting, (start + _pause(rngs[item], behaviour, here, item, ""), k, item))
        counts: Counter[str] = Counter()
        while waiting:
            at, k, item = heapq.heappop(waiting)
            if at > start + horizon * DAY or counts[item] >= at_most:
                figures.unfinished += 1
                continue
            here.move_to(at)
            before = here.case(item).stage
            done = _step(here, item, rngs[item], behaviour)
            if done is None:
                later = here.waits_until(item)
                if later is None:
                    figures.dead_ends.append((item, before))
                else:
                    heapq.heappush(waiting, (later, k, item))
                continue
            counts[item] += 1
            case = here.case(item)
            if case.final:
                figures.finals[case.stage] += 1
                figures.days.append((here.clock.now() - start) // DAY)
            else:
                pause = _pause(rngs[item], behaviour, here, item, before)
                heapq.heappush(waiting, (here.clock.now() + pause, k, item))
        figures.acts = counts.total()
        _count(here, figures, set(rngs))
    figures.seconds = perf_counter() - began
    return figures


def _pause(rng: Random, behaviour: Behaviour, here: Office, item: str, before: str) -> int:
    """How long until the next act; at the beginning of a stay a duty may be let lie until its date has passed."""
    quick = int(min(rng.expovariate(1 / max(behaviour.days, 0.01)), 20 * behaviour.days + 1) * DAY)
    case = here.case(item)
    lies = rng.random() < behaviour.lie
    if case.stage == before or not lies or not case.dues:
        return max(quick, HOUR // 60)
    missed: int = min(d["missed"] for d in case.dues.values())
    return max(missed - here.clock.now() + int(rng.uniform(0, behaviour.late) * DAY), HOUR)


def _step(here: Office, item: str, rng: Random, behaviour: Behaviour) -> Act | None:
    """One act, by chance among those allowed; None where there is none."""
    options, handed = here.options(item), here.case(item).materials
    while options:
        act = rng.choices(options, [_weight(o, behaviour, handed) for o in options])[0]
        try:
            here.do(act)
        except WorkflowError:  # the real paper is looked at more closely than its figures
            options.remove(act)
            continue
        return act
    return None


def _weight(act: Act, behaviour: Behaviour, handed: Mapping[str, str]) -> float:
    """How likely people do this rather than that: what is handed in already is rarely handed in again."""
    if isinstance(act, Submit) and act.materials.keys() <= handed.keys():
        return AGAIN * (max(behaviour.fail, 1e-6) if _poor(act) else 1.0)
    if isinstance(act, (Return, Reopen, Objection)):
        return max(behaviour.send_back, 1e-6)
    return max(behaviour.fail, 1e-6) if isinstance(act, Submit) and _poor(act) else 1.0


def _poor(act: Submit) -> bool:
    """A vote without a quorum or with a majority against; for scores chance alone decides."""
    figures: list[dict[str, Any]] = list(act.figures.values())
    return any(f.get("voted") == 0 or f.get("dissatisfied", 0) > 0 for f in figures)


def _count(here: Office, figures: Figures, ours: set[str]) -> None:
    """Count from the entries themselves: only what the engine really did."""
    levels = {u.id: u.level for u in here.org.units}
    now = here.clock.now()
    with here.engine.reading() as connection:
        for chain, rows in scan.chains(connection):
            if chain not in ours:
                continue
            for row in rows:
                for e in canonical.decode(row.body)["effects"]:
                    if e["e"] == "entered":
                        figures.paths.setdefault(chain, []).append(e["stage"])
                        figures.stays[e["stage"]] += 1
                    elif e["e"] == "signed":
                        figures.load[f"{e['post']}@{levels.get(e['unit'], e['unit'])}"] += 1
                    elif e["e"] == "due-met" and e["late"]:
                        figures.missed[e["rule"].split("/")[0]] += 1
                    elif e["e"] in ("reminded", "proposed"):
                        figures.rungs[e["e"]] += 1
    for item in ours:
        for rule, due in here.case(item).dues.items():
            if now >= due["missed"]:
                figures.missed[rule.split("/")[0]] += 1


def with_node(definition: Definition, node: str, on: date) -> Definition:
    """The same definition with a node on another date, in every set that has it.

    Raises:
        Unknown: no set has such a node.
    """
    flow = definition.flow
    if not any(node in s.nodes for s in flow.nodes.values()):
        known = sorted({n for s in flow.nodes.values() for n in s.nodes})
        raise Unknown(kind="node", name=node, hint=f"; there are {', '.join(known) or 'none'}")
    sets = {
        name: s.model_copy(update={"nodes": {n: Node(on=on) if n == node else held for n, held in s.nodes.items()}})
        for name, s in flow.nodes.items()
    }
    return Definition.of(flow.model_copy(update={"nodes": sets, "version": f"{flow.version}~"}))
