"""Overlays: a lower level tightens a higher level's flow, and can never loosen it.

An overlay is a file of its own. It says over which version of which flow it lies and repeats, under the keys of the flow,
only what is tighter: an earlier date, a shorter span, a higher threshold, fewer returns, a longer notice, a further
material, an extra place in a chain (as many as the higher definition grants). Everything else is refused with the key that
offends. What comes out is an ordinary definition with a version of its own. Source: S0 「坚持主题不变、标准不降、力度不减」, R209.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from workflow.definition.check import check
from workflow.definition.checking import Checking, Loc, minutes
from workflow.definition.definition import Definition
from workflow.definition.keys import in_english, written_in_chinese
from workflow.definition.load import shape_problems
from workflow.definition.model import (
    Code,
    Codes,
    Count,
    Day,
    Due,
    Flow,
    Material,
    Model,
    Post,
    Rung,
    Span,
    Step,
    Text,
    Threshold,
    TimeOfDay,
    Whos,
    _one_or_many,
)
from workflow.definition.positions import Positions
from workflow.definition.problem import Problem, Said, nearest
from workflow.definition.source import Source, read

Steps = Annotated[tuple[Step, ...], BeforeValidator(_one_or_many)]


class TighterTally(Model):
    """Higher shares that a vote must reach, and a lower one that it must not."""

    turnout: Threshold | None = None
    aware: Threshold | None = None
    dissatisfied: Threshold | None = None


class TighterScore(Model):
    """More points to pass."""

    pass_: Threshold = Field(alias="pass")


class TighterLimit(Model):
    """Fewer times."""

    times: Count


class TighterNotice(Model):
    """A longer window."""

    for_: Span = Field(alias="for")


class TighterTracking(Model):
    """A longer period, further look-backs."""

    for_: Span | None = Field(default=None, alias="for")
    look_backs: tuple[Span, ...] = ()


class TighterCloseOut(Model):
    """Further needs of each line."""

    each_needs: Codes


class TighterStage(Model):
    """What is tighter in one stage; lists are added to those of the flow."""

    due: Due | None = None
    materials: Codes = ()
    slots: Steps = ()
    not_by: Whos = ()
    two_persons: tuple[Codes, ...] = ()
    tally: TighterTally | None = None
    score: TighterScore | None = None
    at_most: TighterLimit | None = None
    notice: TighterNotice | None = None
    tracking: TighterTracking | None = None
    close_out: TighterCloseOut | None = None


class TighterLevels(Model):
    """A shorter share for each level."""

    within: Span


class TighterChain(Model):
    """What is tighter in one chain; steps go before its last place."""

    levels: TighterLevels | None = None
    steps: Steps = ()
    two_persons: tuple[Codes, ...] = ()


class TighterObligation(Model):
    """An earlier time of day."""

    at: TimeOfDay


class Over(Model):
    """The version of the flow over which an overlay lies."""

    flow: Code
    version: str


class Overlay(Model):
    """A whole overlay."""

    overlay: Code
    version: str
    title: Text
    over: Over
    nodes: dict[str, dict[Code, Day]] = Field(default={})
    posts: dict[Code, Post] = Field(default={})
    materials: dict[Code, Material] = Field(default={})
    chains: dict[Code, TighterChain] = Field(default={})
    ladder: dict[Code, tuple[Rung, ...]] = Field(default={})
    stages: dict[Code, TighterStage] = Field(default={})
    obligations: dict[Code, TighterObligation] = Field(default={})


@dataclass(frozen=True)
class Tightened:
    """What the reading of an overlay found: the definition that results where there is no error."""

    problems: tuple[Problem, ...]
    definition: Definition | None = None


def examine_overlay(raw: bytes, file: str, flows: Mapping[str, Flow]) -> Tightened:
    """Read an overlay and lay it over the flow that it names. Never raises for what stands in the file."""
    source = read(raw, file)
    if not isinstance(source.data, dict) or source.problems:
        return Tightened(source.problems)
    positions, problems = source.positions, list(source.problems)
    if written_in_chinese(positions):
        positions, twice, _ = in_english(source.data, positions, Overlay)
        problems += twice
    try:
        overlay = Overlay.model_validate(positions.data if positions.data is not None else source.data)
    except ValidationError as error:
        source = Source(positions.data, positions, (), source.bad)
        return Tightened((*problems, *shape_problems(error, source, Overlay)))
    base = flows.get(overlay.over.flow)
    if base is None or base.version != overlay.over.version:
        return Tightened((*problems, _nowhere(overlay, base, flows, positions)))
    laying = _Laying(base, overlay, positions)
    tighter = laying.run()
    problems += laying.problems
    definition: Definition | None = None
    if not problems:
        flow = Flow.model_validate(tighter)
        before = {(p.code, p.message) for p in check(base)}
        for found in check(flow):
            if (found.code, found.message) not in before:
                said = Said(f"laid over {base.flow}: {found.message}", f"叠加于 {base.flow} 之后:{found.message.zh}")
                problems.append(
                    positions.problem(
                        found.code, positions.key("overlay"), said, found.expected, severity=found.severity
                    )
                )
        if not any(p.severity == "error" for p in problems):
            definition = Definition.of(flow)
    return Tightened(tuple(sorted(problems, key=lambda p: (p.line, p.column))), definition)


def _nowhere(overlay: Overlay, base: Flow | None, flows: Mapping[str, Flow], positions: Positions) -> Problem:
    over = overlay.over
    if base is None:
        listed = ", ".join(flows)
        alone = Said(
            "the flow it lies over among the files checked: workflow lint FOLDER",
            "把上级流程一并检查:workflow lint 目录",
        )
        said = Said(f"no flow called {over.flow} stands in this project", f"本项目中没有名为 {over.flow} 的流程")
        expected = Said(f"one of {listed}", f"{listed} 之一") if listed else alone
        return positions.problem(
            "unknown-flow", positions.at("over", "flow"), said, expected, over.flow, nearest(over.flow, flows)
        )
    said = Said(
        f"{over.flow} is here in version {base.version}, not {over.version}: tighten what is in force",
        f"{over.flow} 的现有版本为 {base.version},不是 {over.version}",
    )
    return positions.problem(
        "overlay-version",
        positions.at("over", "version"),
        said,
        Said(f'"{base.version}"', f'"{base.version}"'),
        over.version,
    )


class _Laying(Checking):
    """One overlay over one flow: gathers what offends, and the flow as plain data with everything tighter in it."""

    def __init__(self, base: Flow, overlay: Overlay, positions: Positions) -> None:
        super().__init__(base, positions)
        self.overlay = overlay
        self.data: dict[str, Any] = base.canonical()
        self.extra: list[Loc] = []

    def run(self) -> dict[str, Any]:
        over = self.overlay
        self._new_entries("posts", over.posts)
        self._new_entries("materials", over.materials)
        self._nodes()
        for name, chain in over.chains.items():
            if self.known("chain", name, self.flow.chains, ("chains", name), key=True):
                self._chain(name, chain)
        for name, rungs in over.ladder.items():
            if self.known("ladder", name, self.flow.ladder, ("ladder", name), key=True):
                merged = [*self.flow.ladder[name], *rungs]
                merged.sort(key=_moment)
                self.data["ladder"][name] = [_plain(r) for r in merged]
        for index, stage in enumerate(self.flow.stages):
            if stage.stage in over.stages:
                self._stage(self.data["stages"][index], index, over.stages[stage.stage])
        for name in over.stages:
            self.known("stage", name, self.stages, ("stages", name), key=True)
        for name, owed in over.obligations.items():
            if name in self.flow.obligations:
                was = self.flow.obligations[name].at or "24:00"
                self._not_looser(
                    ("obligations", name, "at"), owed.at <= was, owed.at, f"{was} or earlier", f"不晚于 {was}"
                )
                self.data["obligations"][name]["at"] = owed.at
            else:
                self.known(
                    "flow", name, self.flow.obligations, ("obligations", name), code="unknown-obligation", key=True
                )
        granted = self.flow.overlays.extra_steps if self.flow.overlays is not None else 0
        for loc in self.extra[granted:]:
            self.say(
                "overlay-too-many-steps",
                loc,
                f"{self.flow.flow} grants {granted} extra places, and this is one more",
                f"{self.flow.flow} 准许增加 {granted} 个环节,此处已超出",
                expected=Said(f"at most {granted} in all", f"合计不超过 {granted} 个"),
                hint=Said(
                    "the higher definition grants more in overlays: extra-steps",
                    "由上级定义在 overlays: extra-steps 中放宽",
                ),
            )
        self.data["version"] = f"{self.flow.version}+{over.overlay}.{over.version}"
        return self.data

    def _not_looser(self, loc: Loc, tighter: bool, given: object, en: str, zh: str) -> None:
        if not tighter:
            where = ".".join(str(part) for part in loc)
            self.say(
                "overlay-loosens",
                loc,
                f"{where}: {given} is looser than {self.flow.flow} allows; a lower level may only tighten",
                f"{where}:{given} 宽于上级定义 {self.flow.flow};下级只可加严,不可放宽",
                expected=Said(en, zh),
                actual=str(given),
            )

    def _shorter(self, loc: Loc, given: Span, was: Span | None) -> None:
        if was is not None:
            self._not_looser(loc, _at_most(given, was), given, f"{was} or less", f"不超过 {was}")

    def _longer(self, loc: Loc, given: Span, was: Span | None) -> None:
        if was is not None:
            self._not_looser(loc, _at_most(was, given), given, f"{was} or more", f"不少于 {was}")

    def _new_entries(self, part: str, given: Mapping[str, Model]) -> None:
        for name, spec in given.items():
            if name in self.data.get(part, {}):
                self.say(
                    "overlay-redefines",
                    (part, name),
                    f"{name} is defined by {self.flow.flow}; an overlay adds and never redefines",
                    f"{name} 已由 {self.flow.flow} 定义;加严只可增加,不可改写",
                    key=True,
                )
            else:
                self.data.setdefault(part, {})[name] = _plain(spec)

    def _nodes(self) -> None:
        for name, days in self.overlay.nodes.items():
            if not self.known("node", name, self.flow.nodes, ("nodes", name), key=True):
                continue
            known = self.flow.nodes[name].nodes
            for node, day in days.items():
                loc: Loc = ("nodes", name, node)
                if self.known("node", node, known, loc, key=True):
                    was: date = known[node].on
                    self._not_looser(loc, day <= was, day, f"{was} or earlier", f"不晚于 {was}")
                    self.data["nodes"][name]["nodes"][node]["on"] = day.isoformat()

    def _chain(self, name: str, given: TighterChain) -> None:
        loc: Loc = ("chains", name)
        data, chain = self.data["chains"][name], self.flow.chains[name]
        if given.levels is not None:
            was = chain.levels.within if chain.levels is not None else None
            self._shorter((*loc, "levels", "within"), given.levels.within, was)
            if "levels" in data:
                data["levels"]["within"] = str(given.levels.within)
        self._steps(data, "steps", given.steps, loc)
        data.setdefault("two-persons", []).extend([*map(list, given.two_persons)])

    def _steps(self, data: dict[str, Any], key: str, steps: tuple[Step, ...], loc: Loc) -> None:
        """Extra places stand before the last one, whose signature still decides."""
        self.extra += [(*loc, key, n) for n in range(len(steps))]
        if steps:
            here = data.setdefault(key, [])
            here[max(len(here) - 1, 0) : max(len(here) - 1, 0)] = [_plain(s) for s in steps]

    def _stage(self, data: dict[str, Any], index: int, given: TighterStage) -> None:
        stage = self.flow.stages[index]
        loc: Loc = ("stages", stage.stage)
        if given.due is not None:
            self._due((*loc, "due"), data, index, given.due)
        for key, more in (("materials", given.materials), ("two-persons", [*map(list, given.two_persons)])):
            if more:
                data.setdefault(key, []).extend([m for m in more if m not in data.get(key, [])])
        if given.not_by:
            data.setdefault("not-by", []).extend([_plain(w) for w in given.not_by])
        if given.slots:
            self._steps(data, "slots", given.slots, loc)
        if given.tally is not None and self._has(stage.tally, (*loc, "tally")):
            for field in ("turnout", "aware", "dissatisfied"):
                self._threshold(
                    (*loc, "tally", field),
                    data["tally"],
                    field,
                    getattr(given.tally, field),
                    getattr(stage.tally, field),
                )
        if given.score is not None and self._has(stage.score, (*loc, "score")):
            assert stage.score is not None
            self._threshold((*loc, "score", "pass"), data["score"], "pass", given.score.pass_, stage.score.pass_)
        if given.at_most is not None:
            if stage.at_most is None:
                self._has(None, (*loc, "at-most"))
            else:
                was = stage.at_most.times
                times = given.at_most.times
                self._not_looser((*loc, "at-most", "times"), times <= was, times, f"{was} or less", f"不超过 {was}")
                data["at-most"]["times"] = times
        if given.notice is not None and self._has(stage.notice, (*loc, "notice")):
            assert stage.notice is not None
            self._longer((*loc, "notice", "for"), given.notice.for_, stage.notice.for_)
            data["notice"]["for"] = str(given.notice.for_)
        if given.tracking is not None and self._has(stage.tracking, (*loc, "tracking")):
            assert stage.tracking is not None
            if given.tracking.for_ is not None:
                self._longer((*loc, "tracking", "for"), given.tracking.for_, stage.tracking.for_)
                data["tracking"]["for"] = str(given.tracking.for_)
            looks = {str(s): s for s in (*stage.tracking.look_backs, *given.tracking.look_backs)}
            data["tracking"]["look-backs"] = sorted(looks, key=lambda s: minutes(looks[s]))
        if given.close_out is not None and self._has(stage.close_out, (*loc, "close-out")):
            assert stage.close_out is not None
            data["close-out"]["each-needs"] = list(
                dict.fromkeys((*stage.close_out.each_needs, *given.close_out.each_needs))
            )

    def _has(self, part: object, loc: Loc) -> bool:
        if part is None:
            self.say(
                "overlay-redefines",
                loc,
                f"{loc[1]} has no {loc[2]} in {self.flow.flow}: there is nothing to tighten",
                f"上级定义 {self.flow.flow} 的阶段 {loc[1]} 没有 {loc[2]},无可加严",
                key=True,
            )
        return part is not None

    def _due(self, loc: Loc, data: dict[str, Any], index: int, given: Due) -> None:
        was = self.flow.stages[index].due
        if was is None:
            data["due"] = _plain(given)
            return
        written = given.model_fields_set
        if written - {"within", "at_most", "at"} or (given.within is not None and was.within is None):
            self.say(
                "overlay-redefines",
                loc,
                f"the due counts from another thing in {self.flow.flow}",
                f"上级定义 {self.flow.flow} 的时限另有依据",
                expected=Said(
                    "a shorter within, an at-most, or an earlier at; or an earlier node",
                    "更短的 within、at-most、更早的 at,或更早的节点",
                ),
            )
            return
        if given.within is not None:
            self._shorter((*loc, "within"), given.within, was.within)
            data["due"]["within"] = str(given.within)
        if given.at_most is not None:
            self._shorter((*loc, "at-most"), given.at_most, was.at_most)
            data["due"]["at-most"] = str(given.at_most)
        if given.at is not None:
            latest = was.at or "24:00"
            self._not_looser((*loc, "at"), given.at <= latest, given.at, f"{latest} or earlier", f"不晚于 {latest}")
            data["due"]["at"] = given.at

    def _threshold(self, loc: Loc, data: dict[str, Any], key: str, given: Threshold | None, was: Threshold) -> None:
        if given is None:
            return
        down = was.op in ("<=", "<")
        one, other = Fraction(given.numerator, given.denominator), Fraction(was.numerator, was.denominator)
        tighter = one < other if down else one > other
        same = one == other and (given.op == was.op or given.op in ("<", ">"))
        fits = (given.op in ("<=", "<")) == down and (given.denominator == 1) == (was.denominator == 1)
        self._not_looser(loc, fits and (tighter or same), given, f"{was} or tighter", f"{was} 或更严")
        data[key] = str(given)


def _plain(value: Model) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _moment(rung: Rung) -> int:
    if rung.before is not None:
        return -minutes(rung.before)
    return minutes(rung.after) if rung.after is not None else 0


# The least and the most that one of a unit can be, in minutes; a working day may be weeks away.
_DAY = 1440
_BOUNDS = {
    "hours": (60, 60),
    "days": (_DAY, _DAY),
    "weeks": (7 * _DAY, 7 * _DAY),
    "workdays": (_DAY, 10**9),
    "months": (28 * _DAY, 31 * _DAY),
    "years": (365 * _DAY, 366 * _DAY),
}


def _at_most(one: Span, other: Span) -> bool:
    """Whether one span is never longer than another, whatever the calendar."""
    if one.unit == other.unit:
        return one.n <= other.n
    return one.n * _BOUNDS[one.unit][1] <= other.n * _BOUNDS[other.unit][0]
