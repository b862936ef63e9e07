"""Running the scenarios of a suite, each on a world of its own, and holding what happened against what was expected."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from workflow import guards
from workflow.case import Case
from workflow.definition.problem import Said
from workflow.errors import Refused, WorkflowError
from workflow.evidence import canonical
from workflow.scenario.coverage import Coverage
from workflow.scenario.model import Expect, Rung, Scenario, Step, Suite
from workflow.scenario.world import Ended, Stuck, World, first_world
from workflow.store import scan


@dataclass(frozen=True)
class Mismatch:
    """One expectation that does not hold, and the line it stands on."""

    line: int
    expected: Said
    actual: Said


@dataclass(frozen=True)
class Failure:
    """Where a scenario stopped. ``step`` counts from 1; 0 is the scenario itself (its database does not hold)."""

    step: int
    text: str
    at: str
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True)
class Outcome:
    """How one scenario went. ``skipped``: the one it begins after failed."""

    scenario: Scenario
    seconds: float = 0.0
    entries: int = 0
    failure: Failure | None = None
    skipped: bool = False

    @property
    def passed(self) -> bool:
        return self.failure is None and not self.skipped


@dataclass
class Result:
    """How a suite went."""

    suite: Suite
    outcomes: list[Outcome] = field(default_factory=list)
    coverage: dict[str, Coverage] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return all(o.passed for o in self.outcomes)


@guards.supposed()
def run(suite: Suite, only: frozenset[str] = frozenset()) -> Result:
    """Run the scenarios in file order; those after a failed one that begin at its end are skipped.

    Args:
        only: codes of scenarios to run, with those they begin after; all when empty.
    """
    result = Result(suite, coverage={d.name: Coverage(d) for d in suite.definitions})
    wanted = _with_given(suite, only) if only else {s.code for s in suite.scenarios}
    with tempfile.TemporaryDirectory(prefix="workflow-test-") as name:
        folder = Path(name)
        first = first_world(folder, suite)
        ended: dict[str, Ended] = {}
        for number, scenario in enumerate(suite.scenarios, start=1):
            if scenario.code not in wanted:
                continue
            before = ended.get(scenario.given) if scenario.given else first
            if before is None:
                result.outcomes.append(Outcome(scenario, skipped=True))
                continue
            world = World(suite, before, folder, str(number))
            outcome = _run_one(world, scenario, result.coverage)
            result.outcomes.append(outcome)
            after = world.end()
            if outcome.passed:
                ended[scenario.code] = after
    return result


def _with_given(suite: Suite, only: frozenset[str]) -> set[str]:
    before = {s.code: s.given for s in suite.scenarios}
    found: set[str] = set()
    for code in only:
        while code and code not in found:
            found.add(code)
            code = before.get(code, "")
    return found


def _run_one(world: World, scenario: Scenario, coverage: dict[str, Coverage]) -> Outcome:
    began = perf_counter()
    failure: Failure | None = None
    if scenario.start:
        failure = _moved(world, Step(scenario.line, at=scenario.start), 0)
    for number, step in enumerate(scenario.steps, start=1):
        if failure is not None:
            break
        failure = _moved(world, step, number) or _stepped(world, step, number, coverage)
    entries = _count(world, coverage)
    if failure is None:
        report = world.verify()
        entries = report.entries
        if report.level != "V1" or report.rules != "hold":
            failure = _unsound(world, scenario, [str(f) for f in report.failures])
    return Outcome(scenario, perf_counter() - began, entries, failure)


def _unsound(world: World, scenario: Scenario, faults: list[str]) -> Failure:
    said = "; ".join(faults[:3]) or "nothing was written"
    mismatch = Mismatch(
        scenario.line,
        Said("the database verifies (level V1, the rules hold)", "数据库核验通过(V1 级,规则成立)"),
        Said(said),
    )
    return Failure(0, "verify", world.said(world.clock.now()), (mismatch,))


def _moved(world: World, step: Step, number: int) -> Failure | None:
    if step.at is None:
        return None
    try:
        world.move(step.at)
    except Stuck as stuck:
        said = Said(f"the clock moves to {world.said(step.at)}", f"时钟拨至 {world.said(step.at)}")
        return _failure(world, step, number, [Mismatch(step.line, said, Said(str(stuck)))])
    return None


def _stepped(world: World, step: Step, number: int, coverage: dict[str, Coverage]) -> Failure | None:
    """Do a step and hold everything it expects against what there is."""
    refusal: WorkflowError | None = None
    try:
        if step.do:
            world.act(step)
        elif step.item:
            world.item = world.find(step.item)
    except WorkflowError as error:
        refusal = error
        _note_refusal(world, step, error, coverage)
    except Stuck as stuck:
        said = Said(f"{step} can be carried out", f"可以办理 {step}")
        return _failure(world, step, number, [Mismatch(step.line, said, Said(str(stuck)))])
    found = list(_refusal(step, refusal)) or list(_state(world, step))
    return _failure(world, step, number, found) if found else None


def _note_refusal(world: World, step: Step, error: WorkflowError, coverage: dict[str, Coverage]) -> None:
    flow = step.args.get("flow", world.suite.definition.name)
    if world.item and step.do != "open":
        flow = world.engine.case_of(world.item)[1].name
    if step.expect.refused == error.code:
        coverage[flow].refused(error.code)


def _failure(world: World, step: Step, number: int, mismatches: list[Mismatch]) -> Failure:
    return Failure(number, str(step), world.said(world.clock.now()), tuple(mismatches))


def _refusal(step: Step, refusal: WorkflowError | None) -> Iterator[Mismatch]:
    expect = step.expect
    if expect.refused is None:
        if refusal is not None:
            said = Said(
                f"refused ({refusal.code}): {refusal.text('en')}", f"被拒绝({refusal.code}):{refusal.text('zh')}"
            )
            yield Mismatch(step.line, Said(f"{step} is done", f"{step} 办理成功"), said)
        return
    line = expect.line("refused", step.line)
    wanted = Said(f"refused ({expect.refused})", f"被拒绝({expect.refused})")
    if refusal is None:
        yield Mismatch(line, wanted, Said("it was done", "办理成功"))
    elif expect.refused not in _codes(refusal):
        actual = Said(f"refused ({refusal.code}): {refusal.text('en')}", f"被拒绝({refusal.code}):{refusal.text('zh')}")
        yield Mismatch(line, wanted, actual)
    elif expect.names is not None:
        told = _told(refusal)
        lacking = [name for name in expect.names if name not in told]
        if lacking:
            names = ", ".join(expect.names)
            line = expect.line("names", step.line)
            yield Mismatch(line, Said(f"the refusal names {names}", f"拒绝理由点明 {names}"), Said(", ".join(told)))


def _codes(refusal: WorkflowError) -> set[str]:
    """The code of a refusal, and of those that it is a kind of: who expects no-such-exit is answered by exit-open too."""
    return {refusal.code, *(c.code for c in type(refusal).__mro__ if issubclass(c, Refused) and c is not Refused)}


def _told(refusal: WorkflowError) -> list[str]:
    """The single names that a refusal gives, as its facts hold them."""
    out: list[str] = []
    for name in ("expected", "actual"):
        value = refusal.facts.get(name, ())
        out += [str(v) for v in value] if isinstance(value, (list, tuple, set, frozenset)) else [str(value)]
    return out if isinstance(refusal, Refused) else [*out, str(refusal)]


def _state(world: World, step: Step) -> Iterator[Mismatch]:
    expect = step.expect
    if not expect.lines:
        return
    item = world.find(step.item or world.item)
    case, _ = world.engine.case_of(item)
    for name, zh, wanted, actual in _compared(world, case, expect):
        if wanted != actual:
            yield Mismatch(expect.line(name, step.line), Said(f"{name} {wanted}", f"{zh} {wanted}"), Said(f"{actual}"))
    yield from _rungs(world, item, step)


def _compared(world: World, case: Case, expect: Expect) -> Iterator[tuple[str, str, object, object]]:
    """Each plain expectation as (key, its Chinese name, what was wanted, what there is)."""
    if expect.stage is not None:
        yield "stage", "阶段", expect.stage, case.stage
    if expect.round is not None:
        yield "round", "轮次", expect.round, case.round
    if expect.open is not None:
        actual = ", ".join(f"{s.post}@{s.unit}" for s in case.open_slots)
        yield "open", "当前待办", ", ".join(expect.open) or "none", actual or "none"
    if expect.klass is not None:
        yield "class", "类", expect.klass or "none", case.klass or "none"
    if expect.category is not None:
        yield "category", "类别", expect.category, case.category
    if expect.final is not None:
        yield "final", "办结", expect.final, case.final
    if expect.signed_as is not None:
        yield "as", "身份", expect.signed_as, world.signed_as or "nobody signed"
    if expect.owed is not None:
        yield "owed", "应报状态", expect.owed, world.owed(case)
    if expect.flagged is not None:
        yield "flagged", "标明雷同", ", ".join(expect.flagged) or "none", ", ".join(world.flagged) or "none"
    for rule, day in (expect.dues or {}).items():
        stage, _, extra = rule.partition("/")
        due = case.dues.get(f"{stage}/{case.stays}" + (f"/{extra}" if extra else ""))
        yield "dues", "时限", f"{rule} {day}", f"{rule} {world.due_day(due) if due else 'none'}"
    if expect.items is not None:
        behind = [r.flow for r in world.rows() if r.id not in world.named]
        if isinstance(expect.items, int):
            yield "items", "启动事项数", expect.items, len(behind)
        else:
            for flow, n in expect.items.items():
                yield "items", "启动事项数", f"{flow} {n}", f"{flow} {behind.count(flow)}"


def _rungs(world: World, item: str, step: Step) -> Iterator[Mismatch]:
    wanted = step.expect.rungs
    if wanted is None:
        return
    actual = world.rungs(item)
    if len(wanted) == len(actual) and all(_fits(w, a) for w, a in zip(wanted, actual, strict=True)):
        return
    listed = "; ".join(str(r) for r in wanted) or "none"
    found = "; ".join(str(r) for r in actual) or "none"
    yield Mismatch(step.expect.line("rungs", step.line), Said(f"rungs {listed}", f"督办措施 {listed}"), Said(found))


def _fits(wanted: Rung, actual: Rung) -> bool:
    return (
        wanted.what == actual.what
        and wanted.on in ("", actual.on)
        and wanted.to in ((), actual.to)
        and wanted.whom in ((), actual.whom)
    )


def _count(world: World, coverage: dict[str, Coverage]) -> int:
    """Count what the items of a world went through; returns how many entries there are."""
    entries = 0
    with world.engine.reading() as connection:
        flows = {row.id: row.flow for row in scan.items(connection).values()}
        for chain, rows in scan.chains(connection):
            entries += len(rows)
            if chain in flows:
                coverage[flows[chain]].follow(e for row in rows for e in canonical.decode(row.body)["effects"])
    return entries
