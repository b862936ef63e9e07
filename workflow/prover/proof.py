"""What is claimed of a flow, and whether it holds in every state: proved, or refuted with a shortest way there.

The claims: no item closes without every required level's signature; every state in which somebody is awaited has a due
whose ladder ends at a person; from every state there is a way to the end; every place can be signed by somebody, with all
that keeps persons apart. Source: S0 「逐级签字上报」, R036, R037.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from time import perf_counter

from workflow.calendar import Calendar
from workflow.clock import start_of_day
from workflow.definition.definition import Definition
from workflow.definition.problem import Said
from workflow.errors import Unknown, WorkflowError
from workflow.org.model import Org
from workflow.prover.offices import Offices, first_day, invented, kinds
from workflow.prover.space import Explorer, Space, State, chain_levels, place_of

AT_MOST = 200_000
MORNING = 9 * 3_600_000_000  # an item is opened at nine
CLAIMS = {
    "levels-signed": Said(
        "no item closes without every required level's signature", "未经各应签层级签字,任何事项不得办结"
    ),
    "due-and-ladder": Said(
        "every waiting state has a due, and its ladder ends at a person", "每个待办状态都有时限,且督办措施最终落到人"
    ),
    "way-out": Said("no state is a dead end", "任何状态都有出路"),
    "apart": Said(
        "every place can be signed, with all that keeps persons apart", "在回避与不相容职务之下,每个签批处都有人可签"
    ),
}
APART = ("same-person", "avoidance", "not-holder", "in-person")  # refusals that keep persons from a place
KEPT = 3  # counter-examples told for each claim


@dataclass(frozen=True)
class Counter:
    """A claim that does not hold: why, and the shortest way there."""

    claim: str
    unit: str
    why: Said
    way: tuple[str, ...]


Found = Callable[[str, int, str, str], Counter]


@dataclass
class Proof:
    """What was found. ``whole`` is False where a bound was reached: then what was not refuted is not proved either."""

    definition: Definition
    units: list[tuple[str, int]] = field(default_factory=list)  # explored, and how many are like it
    entrances: int = 0
    states: int = 0
    decisions: int = 0
    seconds: float = 0.0
    at_most: int = AT_MOST
    required: tuple[str, ...] = ()
    whole: bool = True
    counters: list[Counter] = field(default_factory=list)

    def of(self, claim: str) -> list[Counter]:
        return [c for c in self.counters if c.claim == claim]

    @property
    def holds(self) -> bool:
        return self.whole and not self.counters

    @property
    def exit_code(self) -> int:
        """0 proved, 1 refuted, 2 neither."""
        return 1 if self.counters else 0 if self.whole else 2


def prove(
    definition: Definition,
    calendar: Calendar,
    org: Org | None = None,
    *,
    units: tuple[str, ...] = (),
    level: str = "",
    require: tuple[str, ...] = (),
    day: str = "",
    others: Sequence[Definition] = (),
    at_most: int = AT_MOST,
) -> Proof:
    """Explore every state of one item of a flow, for one unit of each kind.

    Args:
        org: whose posts are held by whom; one invented from the definition when not given.
        units, level: which units the item is about; those of the lowest level unless told.
        require: levels that must have signed before an item closes; those that chains through the levels name unless told.
        day: the day on which it is opened; ``first_day`` unless told.
        others: flows whose signed reports may lead in by an exit of the first stage.
        at_most: states for each unit.

    Raises:
        Unknown: a unit, or no unit of that level.
    """
    began = perf_counter()
    flow = definition.flow
    org = org or invented(definition)
    first = day or first_day(definition, org)
    start = start_of_day(date.fromisoformat(first), flow.timezone) + MORNING
    proof = Proof(definition, at_most=at_most)
    proof.units = _units(org, definition, first, units, level or _lowest(definition))
    for unit, _ in proof.units:
        offices = Offices(org, definition)
        required = frozenset(require) or chain_levels(definition, offices.path(unit, first))
        proof.required = tuple(x for x in flow.levels if x in required | set(proof.required))
        explorer = Explorer(definition, calendar, offices, unit, start, required=required, at_most=at_most)
        enters = ("", *_entrances(definition, others))
        space = explorer.walk(enters)
        proof.entrances = len(enters)
        proof.states += len(space.states)
        proof.decisions += space.decisions
        proof.whole &= not space.cut
        for counter in _examined(explorer, space, unit, required):
            if len(proof.of(counter.claim)) < KEPT and counter.why not in [c.why for c in proof.counters]:
                proof.counters.append(counter)
    proof.seconds = perf_counter() - began
    return proof


def _lowest(definition: Definition) -> str:
    flow = definition.flow
    owed_by = {x for o in flow.obligations.values() for x in o.owed_by}
    owed_by |= set(flow.reports.owed_by) if flow.reports is not None else set()
    owing = [x for x in flow.levels if x in owed_by]
    return owing[0] if owing else flow.levels[0]


def _units(org: Org, definition: Definition, day: str, units: tuple[str, ...], level: str) -> list[tuple[str, int]]:
    if units:
        for name in units:
            if name not in org.unit_by_id:
                raise Unknown(kind="unit", name=name)
        return [(u, 1) for u in units]
    found = list(kinds(org, definition, day, level))
    if not found:
        levels = ", ".join(sorted({u.level for u in org.units}))
        raise Unknown(
            kind="unit of the level",
            name=level,
            hint=Said(f" on {day}; there are {levels}", f"({day});现有层级:{levels}"),
        )
    return found


def _entrances(definition: Definition, others: Sequence[Definition]) -> list[str]:
    """Exits of the first stage by which a line of another flow's signed report leads in."""
    found: dict[str, None] = {}
    for other in others:
        for stage in other.flow.stages:
            for opens in (way.opens for way in stage.exits.values() if way.opens is not None):
                if opens.flow == definition.name:
                    field = other.flow.materials[opens.list].fields.get(opens.exit_by)
                    found |= dict.fromkeys((field.choices or ()) if field is not None else ())
    return [name for name in found if name in definition.first.exits]


# --- the claims ----------------------------------------------------------------------------------------------------


def _examined(explorer: Explorer, space: Space, unit: str, required: frozenset[str]) -> Iterator[Counter]:
    def found(claim: str, number: int, en: str, zh: str) -> Counter:
        return Counter(claim, unit, Said(en, zh), tuple(space.way_to(number)))

    yield from _closings(explorer, space, required, found)
    yield from _clocks(explorer, space, found)
    yield from _ways_out(space, found)


def _closings(explorer: Explorer, space: Space, required: frozenset[str], found: Found) -> Iterator[Counter]:
    for number, who in space.skipped:
        stage = space.states[number].case.stage
        yield found(
            "levels-signed", number, f"{stage} is left although {who} did not sign", f"{who} 未签,却离开了 {stage}"
        )
    levels = explorer.definition.flow.levels
    present = {u["level"] for u in explorer.path(explorer.start)}
    for number, state in enumerate(space.states):
        if not state.case.final:
            continue
        lacking = [x for x in levels if x in required and x in present and x not in state.signed]
        if lacking:
            names = ", ".join(lacking)
            yield found(
                "levels-signed",
                number,
                f"{state.case.stage} is reached without a signature of {names}",
                f"未经 {names} 签字即进入 {state.case.stage}",
            )
        elif not required and not state.signed:
            yield found(
                "levels-signed",
                number,
                f"{state.case.stage} is reached without any signature",
                f"无人签字即进入 {state.case.stage}",
            )


def _clocks(explorer: Explorer, space: Space, found: Found) -> Iterator[Counter]:
    """A share of a chain may go without a ladder of its own: it says who was late. The state itself may not."""
    seen: set[object] = set()
    flow = explorer.definition.flow
    for number, state in enumerate(space.states):
        case = state.case
        if case.final or (flow.obligations and not case.dues):
            continue
        climbing = {rule: due for rule, due in case.dues.items() if due["ladder"]}
        if not climbing:
            if case.stage not in seen:
                seen.add(case.stage)
                why = "a due" if not case.dues else "a due that has a ladder"
                zh = "时限" if not case.dues else "带督办措施的时限"
                yield found("due-and-ladder", number, f"{case.stage} waits without {why}", f"{case.stage} 待办而无{zh}")
            continue
        for rule, due in climbing.items():
            shape = (case.stage, *rule.split("/")[2:], due["ladder"], tuple(s.unit for s in case.open_slots))
            if shape not in seen:
                seen.add(shape)
                yield from _ladder(explorer, state, rule, due["ladder"], number, found)


def _ladder(explorer: Explorer, state: State, rule: str, ladder: str, number: int, found: Found) -> Iterator[Counter]:
    name = rule.split("/")[0]
    try:
        fired = explorer.climb(state, rule)
    except WorkflowError as refusal:
        yield found(
            "due-and-ladder",
            number,
            f"a rung of {ladder} cannot fire in {name}: {refusal}",
            f"{name} 的督办措施 {ladder} 无法触发:{refusal.text('zh')}",
        )
        return
    if not fired:
        yield found(
            "due-and-ladder",
            number,
            f"the due of {name} has no rung ahead (ladder {ladder or 'none'})",
            f"{name} 的时限之后没有督办措施({ladder or '无'})",
        )
    elif not fired[-1][1]:
        yield found(
            "due-and-ladder",
            number,
            f"the last rung of {ladder} in {name} reaches nobody: the post is vacant",
            f"{name} 的督办措施 {ladder} 最后一级无人:职务空缺",
        )


def _ways_out(space: Space, found: Found) -> Iterator[Counter]:
    """States from which no way leads to the end; told where the trouble begins: with the last act before it."""
    if space.cut:
        return
    ends = {n for n, s in enumerate(space.states) if s.case.final}
    before: list[list[int]] = [[] for _ in space.states]
    for number, after in enumerate(space.following):
        for other in after:
            before[other].append(number)
    good, waiting = set(ends), list(ends)
    while waiting:
        for other in before[waiting.pop()]:
            if other not in good:
                good.add(other)
                waiting.append(other)
    first = next((n for n in range(len(space.states)) if n not in good), None)
    if first is None:
        return
    seen = _reachable(space, first)
    nowhere = next((n for n in seen if not space.following[n]), None)
    barred = (n for n in seen if _never_signed(space, n) and any(c in APART for c, _ in space.refusals.get(n, ())))
    kept_apart = next(barred, None)
    worst = nowhere if nowhere is not None else kept_apart
    number = first if worst is None else worst
    case, refusals = space.states[number].case, space.refusals.get(number, [])
    waiting_for = ", ".join(f"{s.post}@{s.unit}" for s in case.open_slots) or "nobody"
    said = next((text for code, text in refusals if code in APART), refusals[0][1] if refusals else "")
    nobody = nowhere is not None and bool(case.open_slots) and not refusals
    if number == first and nowhere is None:
        stages = ", ".join(dict.fromkeys(space.states[n].case.stage for n in seen))
        said = f"it goes round for ever through {stages}"
        if unsigned := [n for n in seen if _never_signed(space, n) and space.refusals.get(n)]:
            said += f"; in {space.states[unsigned[-1]].case.stage}: {space.refusals[unsigned[-1]][0][1]}"
    why = said or ("nobody holds the post or answers for it" if nobody else "nothing can be done there")
    claim = "apart" if nobody or number == kept_apart else "way-out"
    en = f"from {case.stage} (waiting for {waiting_for}) no way leads to the end: {why}"
    yield found(claim, number, en, f"{case.stage}(待 {waiting_for})无路可达办结:{why}")


def _never_signed(space: Space, number: int) -> bool:
    """Whether a place is open in a state that nobody signs in any state."""
    case = space.states[number].case
    return any(place_of(case, s.key) not in space.signable for s in case.open_slots)


def _reachable(space: Space, number: int) -> list[int]:
    """Every state that follows from one, the nearest first."""
    seen, waiting = {number}, [number]
    for at in waiting:
        for other in space.following[at]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return waiting


__all__ = ["AT_MOST", "CLAIMS", "Counter", "Proof", "prove"]
