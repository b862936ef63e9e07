"""Whether a flow makes sense: every name it uses exists, every stage is reached and left, every rule can be met.

Each rule has a stable code. Errors stop a load, warnings do not. What a single file cannot know (other flows) is asked
by ``check_project``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from workflow.definition.model import (
    RELATIVE,
    Chain,
    Due,
    FieldSpec,
    Flow,
    Material,
    Rung,
    Span,
    Stage,
    Step,
    Threshold,
    Who,
)
from workflow.definition.problem import NOTHING, Problem, Said, Severity, nearest
from workflow.definition.quota import quotas
from workflow.definition.shipped import shipped_calendars
from workflow.definition.source import Positions

TALLY_EXITS = ("passed", "failed", "no-quorum")
TALLY_FIELDS = ("eligible", "voted", "aware", "dissatisfied")
WRITTEN = ("reason", "opinion")  # what a person writes into the act itself; anything else is a material

Loc = tuple[str | int, ...]


def check(flow: Flow, positions: Positions | None = None) -> list[Problem]:
    """Every error and warning of one flow, in file order; without positions all stand at the top."""
    checking = _Checking(flow, positions or Positions())
    checking.run()
    return sorted(checking.problems, key=lambda p: (p.line, p.column))


def check_project(flows: Sequence[tuple[Flow, Positions]]) -> list[Problem]:
    """What flows say about one another: names in ``opens.flow`` and in a rung's ``item``, and whether reported lines
    fit the flow they open. Each flow comes with its positions."""
    known = {flow.flow: flow for flow, _ in flows}
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
}


class _Checking:
    """One flow under examination; gathers problems."""

    def __init__(self, flow: Flow, positions: Positions) -> None:
        self.flow = flow
        self.positions = positions
        self.problems: list[Problem] = []
        self.stages = {s.stage: s for s in flow.stages}
        self.units = (*RELATIVE, *flow.levels)

    def run(self) -> None:
        self._head()
        self.problems += quotas(self.flow, self.positions)
        self._posts()
        self._nodes()
        self._materials()
        self._chains()
        self._ladders()
        for index, stage in enumerate(self.flow.stages):
            self._stage(("stages", index), stage)
        self._paths()
        self._reports()

    # How problems are said.

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
        if name in names:
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

    def _who(self, who: Who | Step, loc: Loc, keywords: Sequence[str] = ()) -> None:
        if who.post not in keywords:
            self.known("post", who.post, self.flow.posts, (*loc, "post"))
        self.known("unit", who.of, self.units, (*loc, "of"), code="unknown-of")

    # The parts, from top to bottom.

    def _head(self) -> None:
        flow = self.flow
        if not _zone_exists(flow.timezone):
            self.say(
                "unknown-timezone",
                ("timezone",),
                f"no time zone called {flow.timezone}",
                f"没有名为 {flow.timezone} 的时区",
                expected=Said(
                    "a name of the IANA time zone database, such as Asia/Shanghai", "IANA 时区名,如 Asia/Shanghai"
                ),
                actual=flow.timezone,
                hint=_nearest_zone(flow.timezone),
            )
        if flow.calendar not in shipped_calendars() and not self._calendar_beside(flow.calendar):
            self.say(
                "unknown-calendar",
                ("calendar",),
                f"the calendar {flow.calendar} neither ships with the library nor stands beside this file",
                f"日历 {flow.calendar} 既非随附日历,也不在本文件旁",
                expected=Said(", ".join(shipped_calendars())),
                actual=flow.calendar,
                hint=nearest(flow.calendar, shipped_calendars()),
                severity="warning",
            )
        if not flow.levels:
            self.say("no-level", ("levels",), "no level is named", "未列出任何层级")
        for index, level in enumerate(flow.levels):
            if level in flow.levels[:index]:
                self.say(
                    "duplicate-level", ("levels", index), f"the level {level} stands here twice", f"层级 {level} 重复"
                )
            if level in RELATIVE:
                self.say(
                    "reserved-name",
                    ("levels", index),
                    f"{level} means a unit relative to the item; a level cannot be called so",
                    f"{level} 指相对单位,不能作层级名",
                )
        for name in flow.watch_class:
            if name in flow.categories:
                self.say(
                    "duplicate-category",
                    ("watch-class", name),
                    f"the category {name} is also in categories",
                    f"类别 {name} 已列入 categories",
                    key=True,
                )

    def _calendar_beside(self, name: str) -> bool:
        folder = Path(self.positions.file).parent
        return any((place / f"{name}.yaml").is_file() for place in (folder, folder.parent / "calendars"))

    def _posts(self) -> None:
        posts = self.flow.posts
        if not any(p.first_responsible for p in posts.values()):
            self.say(
                "no-first-responsible",
                ("posts",),
                "no post is first-responsible: nobody would answer first",
                "没有第一责任人职务",
                expected=Said(
                    "first-responsible: true at one post at least", "至少一个职务写明 first-responsible: true"
                ),
                key=True,
            )
        if "responsible" in posts:
            self.say(
                "reserved-name",
                ("posts", "responsible"),
                "responsible means whoever has the duty; a post cannot be called so",
                "responsible 指负有责任者,不能作职务代码",
                key=True,
            )

    def _nodes(self) -> None:
        first: dict[str, str] = {}
        for name, node_set in self.flow.nodes.items():
            day = node_set.in_force.isoformat()
            if day in first:
                self.say(
                    "duplicate-in-force",
                    ("nodes", name, "in-force"),
                    f"the node sets {first[day]} and {name} are both in force from {day}",
                    f"节点版本 {first[day]} 与 {name} 的生效日同为 {day}",
                    expected=Said("a day of its own for each set", "各版本生效日不同"),
                )
            first.setdefault(day, name)

    def _node(self, node: str, loc: Loc) -> None:
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

    def _materials(self) -> None:
        for name, material in self.flow.materials.items():
            if material.at_least is not None and material.kind != "list":
                self._not_a_list(name, ("materials", name, "at-least"))
            for code, spec in material.fields.items():
                self._field(("materials", name, "fields", code), spec)

    def _field(self, loc: Loc, spec: FieldSpec) -> None:
        if spec.choices_from == "categories" and not self.flow.categories:
            self.known("category", "categories", (), (*loc, "choices-from"))
        if (spec.type == "choice") != (spec.choices is not None or spec.choices_from is not None):
            self.say(
                "field-choices",
                loc,
                "a choice needs choices or choices-from, and only a choice has them",
                "choice 字段须有 choices 或 choices-from,其他字段不得有",
                key=True,
            )
        if spec.min is not None and spec.max is not None and spec.min > spec.max:
            self.say(
                "min-above-max",
                (*loc, "min"),
                f"min {spec.min} is above max {spec.max}",
                f"min {spec.min} 大于 max {spec.max}",
            )

    def _chains(self) -> None:
        for name, chain in self.flow.chains.items():
            loc: Loc = ("chains", name)
            if chain.levels is None and not chain.steps:
                self.say(
                    "empty-chain",
                    loc,
                    f"the chain {name} has no place for a signature",
                    f"签字链 {name} 没有签批环节",
                    key=True,
                )
            for index, step in enumerate(chain.steps):
                self._step(step, (*loc, "steps", index))
            self._two_persons(chain.two_persons, (*loc, "two-persons"))
            for index, need in enumerate(chain.requires):
                self._written_or_material(need, (*loc, "requires", index))
            for index, need in enumerate(chain.return_.needs):
                self._written_or_material(need, (*loc, "return", "needs", index))
            if chain.levels is not None:
                self._levels(chain, loc)

    def _levels(self, chain: Chain, loc: Loc) -> None:
        levels = chain.levels
        assert levels is not None
        order = self.flow.levels
        from_ok = self.known("level", levels.from_, ("own", *order), (*loc, "levels", "from"))
        to_ok = self.known("level", levels.to, ("own", "superior", "top", *order), (*loc, "levels", "to"))
        both = from_ok and to_ok and levels.from_ in order and levels.to in order
        if both and order.index(levels.from_) > order.index(levels.to):
            self.say(
                "chain-not-rising",
                (*loc, "levels", "to"),
                f"the chain runs from {levels.from_} down to {levels.to}",
                f"签字链由 {levels.from_} 向下到 {levels.to}",
                expected=Said(f"a level from {levels.from_} upward", f"{levels.from_} 或其以上层级"),
                actual=levels.to,
            )
        inner: list[tuple[str, Loc]] = [(levels.each, (*loc, "levels", "each"))]
        for level, name in levels.at.items():
            self.known("level", level, order, (*loc, "levels", "at", level), key=True)
            inner.append((name, (*loc, "levels", "at", level)))
        for name, where in inner:
            if self.known("chain", name, self.flow.chains, where) and self.flow.chains[name].levels is not None:
                self.say(
                    "chain-nested",
                    where,
                    f"the chain {name} itself climbs levels; inside a level stand single steps only",
                    f"签字链 {name} 本身逐级上行,层级之内只能是单级环节",
                )

    def _step(self, step: Step, loc: Loc) -> None:
        self._who(step, loc)
        if step.body is not None:
            self.known("body", step.body, self.flow.bodies, (*loc, "body"))

    def _two_persons(self, groups: Sequence[Sequence[str]], loc: Loc) -> None:
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

    def _written_or_material(self, need: str, loc: Loc) -> None:
        self.known("material", need, (*WRITTEN, *self.flow.materials), loc)

    def _ladders(self) -> None:
        for name, rungs in self.flow.ladder.items():
            last: int | None = None
            for index, rung in enumerate(rungs):
                loc: Loc = ("ladder", name, index)
                for field, whos in (("to", rung.to), ("whom", rung.whom)):
                    for at, who in enumerate(whos):
                        self._who(who, (*loc, field, at), ("responsible",))
                lacking = [f for f, whos in (("to", rung.to), ("whom", rung.whom)) if not whos]
                if rung.do == "propose" and lacking:
                    self.say(
                        "proposal-without-recipient",
                        loc,
                        f"a proposal needs {' and '.join(lacking)}",
                        f"建议须写明 {'、'.join(lacking)}",
                        expected=Said("to: who decides; whom: whom it concerns", "to: 由谁决定;whom: 针对谁"),
                    )
                elif not rung.to:
                    self.say("rung-without-recipient", (*loc, "to"), "a reminder needs a recipient", "催办须有对象")
                moment = _moment(rung)
                if last is not None and (moment < last or rung in rungs[:index]):
                    self.say(
                        "ladder-not-rising",
                        (*loc, "before" if rung.before else "after"),
                        f"this rung of {name} does not come after the one above it",
                        f"{name} 的此项督办措施不晚于上一项",
                        expected=Said(
                            "before: descending, then after: ascending", "先 before 由多到少,后 after 由少到多"
                        ),
                    )
                last = moment if last is None else max(last, moment)

    def _stage(self, loc: Loc, stage: Stage) -> None:
        name = stage.stage
        index = loc[1]
        if any(s.stage == name for s in self.flow.stages[: int(index)]):
            self.say("duplicate-stage", (*loc, "stage"), f"the stage {name} stands here twice", f"阶段 {name} 重复")
        self._who(stage.duty, (*loc, "duty"))
        for at, step in enumerate(stage.slots):
            self._step(step, (*loc, "slots", at))
        for at, who in enumerate(stage.not_by):
            self._who(who, (*loc, "not-by", at), ("lead",))
        self._two_persons(stage.two_persons, (*loc, "two-persons"))
        for at, material in enumerate(stage.materials):
            self.known("material", material, self.flow.materials, (*loc, "materials", at))
        if stage.chain is not None:
            self.known("chain", stage.chain, self.flow.chains, (*loc, "chain"))
            for field, given in (("slots", stage.slots), ("two-persons", stage.two_persons)):
                if given:
                    self.say(
                        "chain-and-slots",
                        (*loc, field),
                        f"{field} would be passed over: the stage has a chain",
                        f"本阶段已有签字链,{field} 不起作用",
                        expected=Said("chain, or slots with two-persons", "chain,或 slots 与 two-persons"),
                        key=True,
                    )
        self._exits(loc, stage)
        self._dues(loc, stage)
        self._notice(loc, stage)
        self._decided(loc, stage)
        if stage.gate is not None and self.flow.reports is None:
            self.say(
                "gate-without-reports",
                (*loc, "gate"),
                "a gate on children needs reports: nobody owes one here",
                "设有下级门槛(gate),但本流程未规定应报(reports)",
                key=True,
            )

    def _exits(self, loc: Loc, stage: Stage) -> None:
        for name, way in stage.exits.items():
            at: Loc = (*loc, "exits", name)
            self.known("stage", way.to, self.stages, (*at, "to"))
            for number, need in enumerate(way.needs):
                self._written_or_material(need, (*at, "needs", number))
            if way.opens is not None:
                self.known("level", way.opens.at_level, self.flow.levels, (*at, "opens", "at-level"))
                lines = self._list(way.opens.list, (*at, "opens", "list"), stage)
                for field, code in (("unit-by", way.opens.unit_by), ("exit-by", way.opens.exit_by)):
                    if lines is not None:
                        self.known("field", code, lines.fields, (*at, "opens", field))
        if stage.at_most is not None:
            self.known("stage", stage.at_most.then, self.stages, (*loc, "at-most", "then"))
        if stage.final and stage.exits:
            self.say(
                "final-with-exits",
                (*loc, "exits"),
                f"the stage {stage.stage} is final and has exits",
                f"阶段 {stage.stage} 为终结阶段,却有流转去向",
                expected=Said("no exits, or not final", "删去 exits,或不设 final"),
                key=True,
            )
        if not stage.final and not stage.exits:
            self.say(
                "dead-end",
                (*loc, "stage"),
                f"there is no way out of {stage.stage}, and it is not final",
                f"阶段 {stage.stage} 没有流转去向,也不是终结阶段",
                expected=Said("exits, or final: true", "exits,或 final: true"),
            )
        if not stage.final and stage.exits and stage.chain is None and not stage.slots and stage.tracking is None:
            self.say(
                "nobody-signs",
                (*loc, "stage"),
                f"nobody signs in {stage.stage}",
                f"阶段 {stage.stage} 无人签批",
                expected=Said("chain or slots", "chain 或 slots"),
                severity="warning",
            )

    def _dues(self, loc: Loc, stage: Stage) -> None:
        if stage.due is not None:
            self._due(stage.due, loc, stage)
        elif not stage.final and stage.tracking is None:
            self.say(
                "no-due",
                (*loc, "stage"),
                f"the stage {stage.stage} has no due: it could lie forever",
                f"阶段 {stage.stage} 没有时限,可能无限期搁置",
                expected=Said("due: ...", "due: …"),
                severity="warning",
            )
        for index, also in enumerate(stage.also_due):
            at: Loc = (*loc, "also-due", index)
            self._node(also.node, (*at, "node"))
            self.known("material", also.met_by, self.flow.materials, (*at, "met-by"))
            self.known("ladder", also.ladder, self.flow.ladder, (*at, "ladder"))

    def _due(self, due: Due, loc: Loc, stage: Stage) -> None:
        at: Loc = (*loc, "due")
        self.known("ladder", due.ladder, self.flow.ladder, (*at, "ladder"))
        if due.node is not None:
            self._node(due.node, (*at, "node"))
        elif due.or_within is not None:
            self.say(
                "or-within-without-node",
                (*at, "or-within"),
                "or-within stands in for a node that has passed; there is no node",
                "or-within 用于节点已过时,此处没有 node",
                key=True,
            )
        if due.field is not None:
            dates = [f for m in self.flow.materials.values() for f, spec in m.fields.items() if spec.type == "date"]
            self.known("field", due.field, dates, (*at, "field"))
        if due.set_by == "acceptor":
            self._acceptor(due, at, stage)
        if due.within is not None and due.within.unit == "workdays" and stage.chain in self.flow.chains:
            needed = self._chain_workdays(self.flow.chains[stage.chain])
            if due.within.n < needed:
                self.say(
                    "due-shorter-than-chain",
                    at,
                    f"{due.within} are less than the {needed} workdays that the chain {stage.chain} may take",
                    f"{due.within.n} 个工作日短于签字链 {stage.chain} 合计所需的 {needed} 个工作日",
                    expected=Said(f"{needed} workdays or more", f"不少于 {needed} 个工作日"),
                    actual=str(due.within),
                    severity="warning",
                )

    def _acceptor(self, due: Due, at: Loc, stage: Stage) -> None:
        if not due.required:
            self.say(
                "acceptor-date-optional",
                (*at, "required"),
                "a return without a date is refused: the date cannot be optional",
                "退回整改须注明期限,不得设为可选",
                expected=Said("required: true", "required: true"),
                actual="false",
            )
        first = self.flow.stages[0]
        if stage.stage == first.stage:
            self.say(
                "no-acceptor",
                at,
                "an item starts here: nobody before could set the date",
                "事项由此开始,此前无人可定期限",
            )
        for index, other in enumerate(self.flow.stages):
            if other.chain is None and not other.slots:
                for name, way in other.exits.items():
                    if way.to == stage.stage:
                        self.say(
                            "no-acceptor",
                            ("stages", index, "exits", name, "to"),
                            f"{stage.stage} needs a date set by an acceptor, and nobody signs in {other.stage}",
                            f"{stage.stage} 的期限由验收人确定,但 {other.stage} 无人签批",
                            expected=Said(f"chain or slots in {other.stage}", f"{other.stage} 有 chain 或 slots"),
                        )

    def _chain_workdays(self, chain: Chain) -> int:
        """The working days that all places of a chain may take one after another; places without a span count none."""
        days = sum(s.within.n for s in chain.steps if s.within is not None and s.within.unit == "workdays")
        levels = chain.levels
        if levels is not None and levels.within is not None and levels.within.unit == "workdays":
            order = self.flow.levels
            start = order.index(levels.from_) if levels.from_ in order else 0
            if levels.to in order:
                count = order.index(levels.to) - start + 1 if levels.from_ in order else 1
            else:
                count = {"own": 1, "superior": 2, "top": len(order) - start if levels.from_ in order else 1}.get(
                    levels.to, 1
                )
            days += levels.within.n * max(count, 1)
        return days

    def _notice(self, loc: Loc, stage: Stage) -> None:
        notice = stage.notice
        if notice is None:
            return
        at: Loc = (*loc, "notice")
        if notice.objection is not None:
            self.known("exit", notice.objection, stage.exits, (*at, "objection"))
        if notice.for_ is None:
            return
        if notice.both_ends is None:
            self.say(
                "window-ends",
                (*at, "for"),
                "a window must say that both its end days count",
                "公示期须写明首尾两日均计入",
                expected=Said("both-ends: counted", "both-ends: counted"),
            )
        within = stage.due.within if stage.due is not None else None
        if within is not None and notice.for_.unit == within.unit == "workdays" and notice.for_.n > within.n:
            self.say(
                "window-longer-than-due",
                (*at, "for"),
                f"the window of {notice.for_} is longer than the stage's due of {within}",
                f"公示期 {notice.for_.n} 个工作日长于本阶段时限 {within.n} 个工作日",
                expected=Said(f"at most {within}", f"不超过 {within.n} 个工作日"),
                actual=str(notice.for_),
            )

    def _decided(self, loc: Loc, stage: Stage) -> None:
        """The parts that choose an exit or hold it: tally, score, zero, close-out, tracking."""
        if stage.tally is not None:
            self._tally(loc, stage)
        if stage.score is not None:
            score, at = stage.score, (*loc, "score")
            for field, code in (("passed", score.passed), ("failed", score.failed)):
                self.known("exit", code, stage.exits, (*at, field))
            sheet = self._own_material(score.material, (*at, "material"), stage)
            if sheet is not None and self.known("field", score.field, sheet.fields, (*at, "field")):
                self._integer(sheet, score.field, (*at, "field"))
            if score.pass_.denominator != 1:
                self._threshold(
                    (*at, "pass"), "a score is compared with a number of points", "评分须与分数比较", '">= 70"'
                )
        if stage.zero is not None:
            zero, at = stage.zero, (*loc, "zero")
            self.known("exit", zero.exit, stage.exits, (*at, "exit"))
            lines = self._list(zero.list, (*at, "list"), stage)
            for field, values in zero.counts.items():
                where: Loc = (*at, "counts", field)
                if lines is not None and self.known("field", field, lines.fields, where, key=True):
                    self._values(lines.fields[field], values, where)
        if stage.close_out is not None:
            self._list(stage.close_out.list, (*loc, "close-out", "list"), None)
            lines = self.flow.materials.get(stage.close_out.list)
            if lines is not None:
                for index, need in enumerate(stage.close_out.each_needs):
                    at = (*loc, "close-out", "each-needs", index)
                    self.known("field", need, ("evidence", "lead", *lines.fields), at)
        if stage.tracking is not None:
            tracking, at = stage.tracking, (*loc, "tracking")
            for field, code in (("held", tracking.held), ("rebound", tracking.rebound)):
                self.known("exit", code, stage.exits, (*at, field))
            self._who(tracking.by, (*at, "by"))
            self.known("ladder", tracking.ladder, self.flow.ladder, (*at, "ladder"))
            for index, look in enumerate(tracking.look_backs):
                if _minutes(look) > _minutes(tracking.for_):
                    self.say(
                        "look-back-too-late",
                        (*at, "look-backs", index),
                        f"a look-back after {look} comes after the end of tracking ({tracking.for_})",
                        f"“回头看”({look})晚于跟踪期({tracking.for_})",
                    )

    def _tally(self, loc: Loc, stage: Stage) -> None:
        tally = stage.tally
        assert tally is not None
        at: Loc = (*loc, "tally")
        for code in TALLY_EXITS:
            if code not in stage.exits:
                self.say(
                    "tally-exits",
                    at,
                    f"a tally needs the exit {code}",
                    f"计票阶段缺少流转去向 {code}",
                    expected=Said(f"the exits {', '.join(TALLY_EXITS)}", f"流转去向 {', '.join(TALLY_EXITS)}"),
                    key=True,
                )
        sheet = self._own_material(tally.material, (*at, "material"), stage)
        if sheet is not None and sheet.kind != "tally":
            self.say(
                "not-a-tally",
                (*at, "material"),
                f"{tally.material} is a {sheet.kind}",
                f"{tally.material} 不是计票单",
                expected=Said("a material of kind tally", "kind: tally 的材料"),
                actual=sheet.kind,
            )
        for code in TALLY_FIELDS if sheet is not None else ():
            if sheet is not None and code not in sheet.fields:
                self.say(
                    "tally-fields",
                    (*at, "material"),
                    f"the tally sheet {tally.material} has no field {code}",
                    f"计票单 {tally.material} 缺少字段 {code}",
                    expected=Said(f"the fields {', '.join(TALLY_FIELDS)}", f"字段 {', '.join(TALLY_FIELDS)}"),
                    hint=nearest(code, sheet.fields),
                )
            elif sheet is not None:
                self._integer(sheet, code, (*at, "material"))
        for field, threshold in (
            ("turnout", tally.turnout),
            ("aware", tally.aware),
            ("dissatisfied", tally.dissatisfied),
        ):
            if not _is_share(threshold):
                self._threshold(
                    (*at, field),
                    f"{threshold} is not a share that a vote can meet",
                    f"{threshold} 不是可达到的比例",
                    '">= 80%"',
                )

    def _threshold(self, loc: Loc, en: str, zh: str, example: str) -> None:
        self.say("threshold", loc, en, zh, expected=Said(f"a comparison such as {example}", f"比较式,如 {example}"))

    def _integer(self, sheet: Material, code: str, loc: Loc) -> None:
        if sheet.fields[code].type != "integer":
            self.say(
                "field-not-integer",
                loc,
                f"the field {code} must be an integer",
                f"字段 {code} 须为整数",
                expected=Said("type: integer", "type: integer"),
                actual=sheet.fields[code].type,
            )

    def _own_material(self, code: str, loc: Loc, stage: Stage) -> Material | None:
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

    def _list(self, code: str, loc: Loc, stage: Stage | None) -> Material | None:
        if stage is not None:
            material = self._own_material(code, loc, stage)
        else:
            self.known("material", code, self.flow.materials, loc)
            material = self.flow.materials.get(code)
        if material is not None and material.kind != "list":
            self._not_a_list(code, loc)
            return None
        return material

    def _not_a_list(self, code: str, loc: Loc) -> None:
        self.say(
            "not-a-list",
            loc,
            f"{code} is a {self.flow.materials[code].kind}, not a list",
            f"{code} 不是清单",
            expected=Said("a material of kind list", "kind: list 的材料"),
        )

    def _values(self, spec: FieldSpec, values: Sequence[str], loc: Loc) -> None:
        for index, value in enumerate(values):
            if spec.choices_from == "categories":
                self.known("category", value, (*self.flow.categories, *self.flow.watch_class), (*loc, index))
            elif spec.choices is not None:
                self.known("field", value, spec.choices, (*loc, index), code="unknown-choice")

    def _reports(self) -> None:
        reports = self.flow.reports
        if reports is not None:
            for index, level in enumerate(reports.owed_by):
                self.known("level", level, self.flow.levels, ("reports", "owed-by", index))
            self._node(reports.node, ("reports", "node"))

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
            elif finals and name not in ends and stage.exits:
                self.say("no-end", loc, f"no way leads from {name} to a final stage", f"从阶段 {name} 无法到达终结阶段")

    def across(self, flows: dict[str, Flow]) -> None:
        """What this flow says about others."""
        for name, rungs in self.flow.ladder.items():
            for index, rung in enumerate(rungs):
                if rung.item is not None:
                    self.known("flow", rung.item, flows, ("ladder", name, index, "item"))
        for index, stage in enumerate(self.flow.stages):
            for name, way in stage.exits.items():
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


# Only for comparing spans of different units with one another: a working day is 7/5 of a day, a month 30 days.
_MINUTES = {"hours": 60, "days": 1440, "workdays": 2016, "weeks": 10_080, "months": 43_200, "years": 525_600}


def _minutes(span: Span) -> int:
    return span.n * _MINUTES[span.unit]


def _moment(rung: Rung) -> int:
    """When a rung comes, in minutes from the due."""
    if rung.before is not None:
        return -_minutes(rung.before)
    return _minutes(rung.after) if rung.after is not None else 0


def _is_share(threshold: Threshold) -> bool:
    """Whether a share of a whole can be compared so, and not always in vain."""
    if threshold.denominator <= 1 or threshold.numerator > threshold.denominator:
        return False
    return not (threshold.op == ">" and threshold.numerator == threshold.denominator)


def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return bool(name)


def _nearest_zone(name: str) -> Said:
    return nearest(name, available_timezones()) or nearest(f"Asia/{name}".title(), available_timezones())
