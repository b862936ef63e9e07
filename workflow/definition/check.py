"""Whether a flow makes sense: every name it uses exists, every stage is reached and left, every rule can be met.

Each rule has a stable code. Errors stop a load, warnings do not. What a single file cannot know (other flows) is asked
by ``check_project``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from workflow.definition.check_ballots import BallotsChecking
from workflow.definition.check_checks import ChecksChecking
from workflow.definition.check_dates import DatesChecking
from workflow.definition.check_duties import DutiesChecking
from workflow.definition.check_obligations import ObligationsChecking
from workflow.definition.check_parts import PartsChecking
from workflow.definition.check_privacy import PrivacyChecking
from workflow.definition.check_scores import ScoresChecking
from workflow.definition.check_stages import StagesChecking
from workflow.definition.checking import Loc
from workflow.definition.model import Flow
from workflow.definition.positions import Positions
from workflow.definition.problem import Problem, Said
from workflow.definition.quota import quotas

_NONE: Mapping[str, Flow] = {}


def check(flow: Flow, positions: Positions | None = None) -> list[Problem]:
    """Every error and warning of one flow, in file order; without positions all stand at the top."""
    checking = _Checking(flow, positions or Positions())
    checking.run()
    return sorted(checking.problems, key=lambda p: (p.line, p.column))


def check_project(flows: Sequence[tuple[Flow, Positions]], others: Mapping[str, Flow] = _NONE) -> list[Problem]:
    """What flows say about one another: names in ``opens.flow`` and in a rung's ``item``, and whether reported lines
    fit the flow they open. Each flow comes with its positions; ``others`` may be spoken of and are not checked."""
    known = {**others, **{flow.flow: flow for flow, _ in flows}}
    problems: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for flow, positions in flows:
        checking = _Checking(flow, positions)
        if (flow.flow, flow.version) in seen:
            checking.say(
                "duplicate-flow",
                ("flow",),
                f"{flow.flow}@{flow.version} is defined twice",
                f"{flow.flow}@{flow.version} 重复定义",
                hint=Said("a change is a new version", "修改须用新版本号"),
            )
        seen.add((flow.flow, flow.version))
        checking.across(known)
        problems += sorted(checking.problems, key=lambda p: (p.line, p.column))
    return problems


class _Checking(
    PartsChecking,
    StagesChecking,
    ObligationsChecking,
    DatesChecking,
    ScoresChecking,
    BallotsChecking,
    ChecksChecking,
    PrivacyChecking,
    DutiesChecking,
):
    """The whole flow: its parts, its stages, the paths through them, and what it says about other flows."""

    def run(self) -> None:
        self.problems += quotas(self.flow, self.positions)
        self.parts()
        self.all_stages()
        self._paths()
        self._reports()
        self.obligations()
        self.dates()
        self.scores()
        self.ballots()
        self.checks()
        self.privacy()
        self.duties()

    def _reports(self) -> None:
        reports = self.flow.reports
        if reports is not None:
            for index, level in enumerate(reports.owed_by):
                self.known("level", level, self.flow.levels, ("reports", "owed-by", index))
            self.node(reports.node, ("reports", "node"))

    def _paths(self) -> None:
        """Every stage is reached from the first, and a final one is reached from every stage."""
        stages = self.flow.stages
        if not stages:
            self.say("no-stage", ("stages",), "the flow has no stage", "流程没有阶段", key=True)
            return
        ways = {s.stage: [w.to for w in s.exits.values()] + ([s.at_most.then] if s.at_most else []) for s in stages}
        reached = _closure([stages[0].stage], ways)
        finals = [s.stage for s in stages if s.final]
        if not finals:
            self.say(
                "no-final-stage",
                ("stages",),
                "no stage is final: nothing could ever be finished",
                "没有终结阶段,事项无法办结",
                expected=Said("final: true at one stage at least", "至少一个阶段写明 final: true"),
                key=True,
            )
        back: dict[str, list[str]] = {}
        for name, targets in ways.items():
            for target in targets:
                back.setdefault(target, []).append(name)
        ends = _closure(finals, back)
        for index, stage in enumerate(stages):
            loc: Loc = ("stages", index, "stage")
            name = stage.stage
            if name not in reached:
                self.say(
                    "unreachable-stage",
                    loc,
                    f"no way leads from {stages[0].stage} to {name}",
                    f"从 {stages[0].stage} 无法到达阶段 {name}",
                    expected=Said("an exit that leads here, or no such stage", "有流转去向通往此阶段,或删去此阶段"),
                )
            elif stage.exits and all(way.to == name for way in stage.exits.values()):
                self.say(
                    "exit-to-itself-only",
                    ("stages", index, "exits"),
                    f"every way out of {name} leads back into it",
                    f"阶段 {name} 的去向全部回到自身",
                    expected=Said("an exit that leads elsewhere", "通往其他阶段的去向"),
                    key=True,
                )
            elif finals and name not in ends and stage.exits:
                self.say("no-end", loc, f"no way leads from {name} to a final stage", f"从阶段 {name} 无法到达终结阶段")

    def across(self, flows: dict[str, Flow]) -> None:
        """What this flow says about others."""
        for name, rungs in self.flow.ladder.items():
            for index, rung in enumerate(rungs):
                if rung.item is not None:
                    self.known("flow", rung.item, flows, ("ladder", name, index, "item"))
        for name, counter in self.flow.counters.items():
            self.known("flow", counter.propose, flows, ("counters", name, "propose"))
        counters = {c for f in flows.values() for c in f.counters}
        for index, stage in enumerate(self.flow.stages):
            left_out = stage.zero.contradicted if stage.zero is not None else None
            if left_out is not None:
                where: Loc = ("stages", index, "zero", "contradicted")
                if self.known("flow", left_out.flow, flows, (*where, "flow")) and left_out.enter is not None:
                    self.known("exit", left_out.enter, flows[left_out.flow].stages[0].exits, (*where, "enter"))
            for name, way in stage.exits.items():
                if way.while_ is not None:
                    self.known("counter", way.while_, counters, ("stages", index, "exits", name, "while"))
                at: Loc = ("stages", index, "exits", name, "opens")
                opens = way.opens
                if opens is None or not self.known("flow", opens.flow, flows, (*at, "flow")):
                    continue
                other = flows[opens.flow]
                self.known("level", opens.at_level, other.levels, (*at, "at-level"))
                lines = self.flow.materials.get(opens.list)
                spec = lines.fields.get(opens.exit_by) if lines is not None else None
                for choice in (spec.choices or ()) if spec is not None and other.stages else ():
                    self.known("exit", choice, other.stages[0].exits, (*at, "exit-by"))


def _closure(start: Iterable[str], ways: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += ways.get(name, ())
    return found
