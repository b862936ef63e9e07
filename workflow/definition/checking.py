"""How a rule of sense looks names up and says what is wrong: the ground on which the checks of check.py stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from workflow.definition.model import RELATIVE, Apart, Flow, Material, Span, Stage, Step, Who
from workflow.definition.positions import Positions
from workflow.definition.problem import NOTHING, Problem, Said, Severity, nearest
from workflow.definition.shipped import shipped_flows

Loc = tuple[str | int, ...]

WRITTEN = ("reason", "opinion")  # what a person writes into the act itself; anything else is a material

_NOUNS = {
    "stage": "阶段",
    "post": "职务",
    "unit": "单位层级",
    "chain": "签字链",
    "body": "会议机构",
    "material": "材料",
    "node": "节点",
    "ladder": "督办阶梯",
    "category": "类别",
    "level": "层级",
    "exit": "流转去向",
    "field": "字段",
    "flow": "流程",
    "counter": "计次",
    "list": "可立项清单",
}


class Checking:
    """One flow under examination; gathers problems."""

    def __init__(self, flow: Flow, positions: Positions) -> None:
        self.flow = flow
        self.positions = positions
        self.problems: list[Problem] = []
        self.stages = {s.stage: s for s in flow.stages}
        self.units = (*RELATIVE, *flow.levels)

    def say(
        self,
        code: str,
        loc: Loc,
        en: str,
        zh: str,
        *,
        expected: Said = NOTHING,
        actual: str = "",
        hint: Said = NOTHING,
        severity: Severity = "error",
        key: bool = False,
    ) -> None:
        place = self.positions.key(*loc) if key else self.positions.at(*loc)
        self.problems.append(self.positions.problem(code, place, Said(en, zh), expected, actual, hint, severity))

    def known(
        self, noun: str, name: str, names: Collection[str], loc: Loc, *, code: str = "", key: bool = False
    ) -> bool:
        """Whether a name is one of the known ones; if not, says so with the nearest."""
        if name in names or (noun == "level" and not self.flow.levels):  # that there is none is told already
            return True
        listed = ", ".join(names)
        self.say(
            code or f"unknown-{noun}",
            loc,
            f"no {noun} called {name}",
            f"没有名为 {name} 的{_NOUNS[noun]}",
            expected=Said(f"one of {listed}", f"{listed} 之一")
            if listed
            else Said(f"no {noun} is defined", f"未定义任何{_NOUNS[noun]}"),
            actual=name,
            hint=nearest(name, names),
            key=key,
        )
        return False

    def near_flow(self, name: str, loc: Loc) -> None:
        """A flow that stands neither beside this file nor among those that ship may be published elsewhere, unless its
        name is nearly that of one of these: then it is misspelt, and what it opens could never be opened."""
        file = Path(self.positions.file)
        beside = {p.stem for p in file.parent.glob("*.yaml") if "." not in p.stem} if file.is_file() else set()
        near = {*beside, *shipped_flows(), self.flow.flow}
        found = get_close_matches(name, sorted(near), n=1, cutoff=0.85)
        if name not in near and found:
            self.known("flow", name, sorted(near), loc)

    def beside(self, name: str, folder: str = "") -> bool:
        """Whether a file of this name stands beside the flow, or in a folder beside the flow's folder."""
        here = Path(self.positions.file).parent
        places = (here, here.parent / folder) if folder else (here,)
        return any((place / f"{name}.yaml").is_file() for place in places)

    def who(self, who: Who | Step, loc: Loc, keywords: Sequence[str] = ()) -> None:
        if who.post is not None and who.post not in keywords:
            self.known("post", who.post, self.flow.posts, (*loc, "post"))
        self.known("unit", who.of, self.units, (*loc, "of"), code="unknown-of")

    def node(self, node: str, loc: Loc) -> None:
        """A node must exist in one set at least; a later set that drops it while it is still to come is told."""
        sets = sorted(self.flow.nodes.items(), key=lambda s: s[1].in_force)
        holding = [(name, s) for name, s in sets if node in s.nodes]
        if not holding:
            self.known("node", node, {n: 0 for _, s in sets for n in s.nodes}, loc)
            return
        last = holding[-1][1]
        for name, later in sets:
            if later.in_force > last.in_force and last.nodes[node].on >= later.in_force:
                self.say(
                    "node-dropped",
                    loc,
                    f"the node {node} is still to come when node set {name} takes force, and lacking there",
                    f"节点 {node} 在节点版本 {name} 生效时尚未到期,但该版本未列",
                    expected=Said(f"{node} in node set {name}", f"节点版本 {name} 列明 {node}"),
                    severity="warning",
                )

    def step(self, step: Step, loc: Loc) -> None:
        self.who(step, loc)
        if step.body is not None:
            self.known("body", step.body, self.flow.bodies, (*loc, "body"))
        self.clock(step.within, step.ladder, loc)

    def clock(self, within: Span | None, ladder: str | None, loc: Loc) -> None:
        """The clock of a place, a group or a level's share: its ladder exists, and there is a span for it to follow."""
        self.lasts(within, (*loc, "within"))
        if ladder is None:
            return
        self.known("ladder", ladder, self.flow.ladder, (*loc, "ladder"))
        if within is None:
            self.say(
                "ladder-without-within",
                (*loc, "ladder"),
                "a ladder follows a span; there is no within",
                "督办阶梯依时限而行,此处没有 within",
                expected=Said("within: ..., or no ladder", "within: …,或删去 ladder"),
                key=True,
            )

    def lasts(self, span: Span | None, loc: Loc) -> None:
        """A length of time that is none leaves nobody any: what is due at once is missed before it is known."""
        self.not_for_ever(span, loc)
        if span is not None and span.n == 0:
            self.say(
                "zero-span",
                loc,
                f"{span} leave no time at all",
                "时长为零,等于没有时限",
                expected=Said("1 or more", "不少于 1"),
                actual=str(span),
            )

    def not_for_ever(self, span: Span | None, loc: Loc) -> None:
        """A span whose end nobody lives to see is a slip of the pen, and no calendar reaches it."""
        if span is not None and minutes(span) > LONGEST * _MINUTES["years"]:
            self.say(
                "span-too-long",
                loc,
                f"{span} are longer than anybody waits",
                "时长过长",
                expected=Said(f"{LONGEST} years at most", f"至多 {LONGEST} 年"),
                actual=str(span),
            )

    def in_days(self, span: Span | None, loc: Loc) -> None:
        """What is added to a date, or held against one, is a number of days: of hours nobody could say on which day."""
        self.lasts(span, loc)
        if span is not None and span.unit == "hours":
            self.say(
                "span-of-days",
                loc,
                f"{span} cannot be counted from one day to another",
                "此处从某日推算至某日,不能按小时",
                expected=Said("days, workdays, weeks, months or years", "按天、工作日、周、月或年"),
                actual=str(span),
            )

    def two_persons(self, groups: Sequence[Sequence[str]], loc: Loc) -> None:
        for index, group in enumerate(groups):
            for at, post in enumerate(group):
                self.known("post", post, self.flow.posts, (*loc, index, at))
                if post in group[:at]:
                    self.say(
                        "duplicate-two-persons",
                        (*loc, index, at),
                        f"{post} stands twice in one group",
                        f"同一组中 {post} 重复",
                        hint=Said(
                            f"write [{post}] to have two different persons in two places of one post",
                            f"同一职务两处须为两人时写 [{post}]",
                        ),
                    )
            if set(group) in [set(g) for g in groups[:index]]:
                self.say("duplicate-two-persons", (*loc, index), "the same group stands here twice", "同一组重复")

    def apart(self, rules: Sequence[Apart], loc: Loc) -> None:
        for index, rule in enumerate(rules):
            for at, post in enumerate(rule.posts):
                self.known("post", post, self.flow.posts, (*loc, index, "posts", at))

    def written_or_material(self, need: str, loc: Loc) -> None:
        self.known("material", need, (*WRITTEN, *self.flow.materials), loc)

    def own_material(self, code: str, loc: Loc, stage: Stage) -> Material | None:
        """A material that exists and that this stage asks for."""
        if not self.known("material", code, self.flow.materials, loc):
            return None
        if code not in stage.materials:
            self.say(
                "material-not-in-stage",
                loc,
                f"{code} is not among the materials of {stage.stage}",
                f"{code} 不在阶段 {stage.stage} 的材料之中",
                expected=Said(f"materials: [..., {code}]", f"materials: […, {code}]"),
            )
        return self.flow.materials[code]

    def lines_of(self, code: str, loc: Loc, stage: Stage | None) -> Material | None:
        if stage is not None:
            material = self.own_material(code, loc, stage)
        else:
            self.known("material", code, self.flow.materials, loc)
            material = self.flow.materials.get(code)
        if material is not None and material.kind != "list":
            self.not_a_list(code, loc)
            return None
        return material

    def not_a_list(self, code: str, loc: Loc) -> None:
        self.say(
            "not-a-list",
            loc,
            f"{code} is a {self.flow.materials[code].kind}, not a list",
            f"{code} 不是清单",
            expected=Said("a material of kind list", "kind: list 的材料"),
        )


LONGEST = 100  # years

# Only for comparing spans of different units with one another: a working day is 7/5 of a day, a month 30 days.
_MINUTES = {"hours": 60, "days": 1440, "workdays": 2016, "weeks": 10_080, "months": 43_200, "years": 525_600}


def minutes(span: Span) -> int:
    return span.n * _MINUTES[span.unit]
