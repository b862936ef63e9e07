"""Rules of sense for one stage: its places, exits, dues, notice, and what chooses or holds its exit."""

from __future__ import annotations

from collections.abc import Sequence

from workflow import guards
from workflow.calendar_file import load_calendar
from workflow.definition.checking import Checking, Loc, minutes
from workflow.definition.model import Assess, Chain, Due, FieldSpec, Gate, Material, Stage, Threshold
from workflow.definition.problem import Said, nearest
from workflow.definition.shipped import shipped_calendar, shipped_calendars

TALLY_EXITS = ("passed", "failed", "no-quorum")
TALLY_FIELDS = ("eligible", "voted", "aware", "dissatisfied")
RULE_NAMES = 84  # the key of a further due is the stage, the stay and the node, and has 96 characters in the tables


class StagesChecking(Checking):
    """Stage by stage."""

    def all_stages(self) -> None:
        for index, stage in enumerate(self.flow.stages):
            self._stage(("stages", index), stage)

    def _stage(self, loc: Loc, stage: Stage) -> None:
        name = stage.stage
        index = loc[1]
        if any(s.stage == name for s in self.flow.stages[: int(index)]):
            self.say("duplicate-stage", (*loc, "stage"), f"the stage {name} stands here twice", f"阶段 {name} 重复")
        self._duty(loc, stage)
        for at, step in enumerate(stage.slots):
            for below, leaf in step.leaves():
                self.step(leaf, (*loc, "slots", at, *below))
        for at, who in enumerate(stage.not_by):
            self.who(who, (*loc, "not-by", at), ("lead", "concerned"))
        for at, post in enumerate(stage.looks_after):
            self.known("post", post, self.flow.posts, (*loc, "looks-after", at))
        for at, other in enumerate(stage.other_body_than):
            others = [n for n in self.stages if n != stage.stage]
            self.known("stage", other, others, (*loc, "other-body-than", at))
        self.two_persons(stage.two_persons, (*loc, "two-persons"))
        self.apart(stage.apart, (*loc, "apart"))
        for at, material in enumerate(stage.materials):
            self.known("material", material, self.flow.materials, (*loc, "materials", at))
        if stage.chain is not None:
            self.known("chain", stage.chain, self.flow.chains, (*loc, "chain"))
            for field, given in (("slots", stage.slots), ("two-persons", stage.two_persons), ("apart", stage.apart)):
                if given:
                    self.say(
                        "chain-and-slots",
                        (*loc, field),
                        f"{field} would be passed over: the stage has a chain",
                        f"本阶段已有签字链,{field} 不起作用",
                        expected=Said("chain, or slots with two-persons", "chain,或 slots 与 two-persons"),
                        key=True,
                    )
        for category, names in stage.materials_for.items():
            known = (*self.flow.categories, *self.flow.watch_class)
            self.known("category", category, known, (*loc, "materials-for", category), key=True)
            for at, material in enumerate(names):
                self.known("material", material, self.flow.materials, (*loc, "materials-for", category, at))
        for level, names in stage.materials_at.items():
            self.known("level", level, self.flow.levels, (*loc, "materials-at", level), key=True)
            for at, material in enumerate(names):
                self.known("material", material, self.flow.materials, (*loc, "materials-at", level, at))
        self._unannounced(loc, stage)
        self._exits(loc, stage)
        self._dues(loc, stage)
        self._notice(loc, stage)
        self._decided(loc, stage)
        for role, wanted in (stage.needs.assigned if stage.needs is not None else {}).items():
            here = (*loc, "needs", "assigned", role)
            if wanted.post is not None:
                self.known("post", wanted.post, self.flow.posts, (*here, "post"))
            if wanted.at_least is not None:
                self.known("level", wanted.at_least, self.flow.levels, (*here, "at-least"))
            for at, post in enumerate(wanted.named_by):
                self.known("post", post, self.flow.posts, (*here, "named-by", at))
        if stage.compare is not None:
            lines = self.lines_of(stage.compare.list, (*loc, "compare", "list"), stage)
            for field, code in (("field", stage.compare.field), ("unit-by", stage.compare.unit_by)):
                if lines is not None:
                    self.known("field", code, lines.fields, (*loc, "compare", field))
            if lines is not None and stage.compare.severity is not None:
                self.known("field", stage.compare.severity, lines.fields, (*loc, "compare", "severity"))
            for at, flow in enumerate(stage.compare.with_):
                self.near_flow(flow, (*loc, "compare", "with", at))
        if stage.gate is not None:
            self._gate(loc, stage, stage.gate)
        children = stage.gate is not None and stage.gate.children is not None
        if children and self.flow.reports is None and not self.flow.obligations:
            self.say(
                "gate-without-reports",
                (*loc, "gate"),
                "a gate on children needs reports: nobody owes one here",
                "设有下级门槛(gate),但本流程未规定应报(reports)",
                key=True,
            )

    def _gate(self, loc: Loc, stage: Stage, gate: Gate) -> None:
        """What a gate names must be there: stages of this flow, lists whose lines open items."""
        at = (*loc, "gate")
        if gate == Gate():
            self.say("empty-gate", at, "a gate without a condition", "门槛未写任何条件", key=True)
        opening = [e.opens.list for s in self.flow.stages for e in s.exits.values() if e.opens is not None]
        for number, name in enumerate(gate.opened):
            self.known("list", name, opening, (*at, "opened", number), code="opens-nothing")
        here = guards.installed() if gate.guards else []
        for number, name in enumerate(gate.guards):
            if name not in here:
                self.say(
                    "guard-not-here",
                    (*at, "guards", number),
                    f"no guard called {name} is installed here",
                    f"此处未安装名为 {name} 的外部条件",
                    expected=Said(
                        f"one of {', '.join(here)}" if here else "a package of the host that offers it",
                        f"{'、'.join(here)} 之一" if here else "由使用单位的系统提供",
                    ),
                    actual=name,
                    hint=nearest(name, here),
                    severity="warning",
                )
        for number, every in enumerate(gate.everyone):
            if every.flow == self.flow.flow:
                self.say(
                    "gate-on-itself",
                    (*at, "everyone"),
                    "an item would wait for itself",
                    "事项以自身为前置",
                    expected=Said("another flow", "另一流程"),
                )
            self.near_flow(every.flow, (*at, "everyone", number, "flow"))
        for number, prior in enumerate(gate.prior):
            if prior.flow == self.flow.flow:
                for n, code in enumerate(prior.in_):
                    self.known("stage", code, self.stages, (*at, "prior", number, "in", n))
            if prior.flow == self.flow.flow and prior.of == "own":
                self.say(
                    "gate-on-itself",
                    (*at, "prior"),
                    "an item would wait for itself",
                    "事项以自身为前置",
                    expected=Said("of: superior, or another flow", "of: superior,或另一流程"),
                )

    def _duty(self, loc: Loc, stage: Stage) -> None:
        if "duty" in stage.model_fields_set or stage.duty.post in self.flow.posts:
            self.who(stage.duty, (*loc, "duty"))
        elif not stage.final:  # nobody acts in a final one
            first = [name for name, post in self.flow.posts.items() if post.first_responsible] or list(self.flow.posts)
            self.say(
                "duty-not-stated",
                (*loc, "stage"),
                f"{stage.stage} does not say who answers for it; unsaid it is {stage.duty.post}, and there is no such post",
                f"阶段 {stage.stage} 未写明责任职务;默认为 {stage.duty.post},而本流程无此职务",
                expected=Said(f"duty: {first[0]}", f"duty: {first[0]}") if first else Said("duty: ...", "duty: …"),
            )

    def _unannounced(self, loc: Loc, stage: Stage) -> None:
        """Nobody of the unit that is checked has a part in it before it is carried out. Source: S0 「不打招呼」, R119."""
        if stage.class_ != "unannounced":
            return
        chain = self.flow.chains.get(stage.chain) if stage.chain is not None else None
        steps = chain.steps if chain is not None else stage.slots
        own = [leaf.post for step in steps for _, leaf in step.leaves() if leaf.of == "own"]
        levels = chain.levels if chain is not None else None
        if stage.duty.of == "own" or own or (levels is not None and levels.from_ == "own"):
            self.say(
                "unannounced-told",
                (*loc, "duty") if stage.duty.of == "own" else loc,
                f"the unit that {stage.stage} checks would be told of it before it is carried out",
                f"{stage.stage} 未实施前即告知受检单位",
                expected=Said("duty and places of units above only", "责任人与签位均属上级单位"),
                actual=f"{stage.duty.post} of the own unit" if stage.duty.of == "own" else str(own),
            )

    def _exits(self, loc: Loc, stage: Stage) -> None:
        for name, way in stage.exits.items():
            at: Loc = (*loc, "exits", name)
            self.known("stage", way.to, self.stages, (*at, "to"))
            for number, need in enumerate(way.needs):
                self.written_or_material(need, (*at, "needs", number))
            for key, counter in (("counts", way.counts), ("reverses", way.reverses)):
                if counter is not None:
                    self.known("counter", counter, self.flow.counters, (*at, key))
            if way.opens is not None:
                self.known("level", way.opens.at_level, self.flow.levels, (*at, "opens", "at-level"))
                lines = self.lines_of(way.opens.list, (*at, "opens", "list"), stage)
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
        elif (
            not stage.final and stage.tracking is None and not (self.flow.obligations and stage is self.flow.stages[0])
        ):
            self.say(
                "no-due",
                (*loc, "stage"),
                f"the stage {stage.stage} has no due: it could lie forever",
                f"阶段 {stage.stage} 没有时限,可能无限期搁置",
                expected=Said("due: ...", "due: …"),
                severity="error" if stage.new_round else "warning",  # a return for rework carries a new date (R079)
            )
        for index, also in enumerate(stage.also_due):
            at: Loc = (*loc, "also-due", index)
            self.node(also.node, (*at, "node"))
            self.known("material", also.met_by, self.flow.materials, (*at, "met-by"))
            self.lasts(also.or_within, (*at, "or-within"))
            self.known("ladder", also.ladder, self.flow.ladder, (*at, "ladder"))
            if len(stage.stage) + len(also.node) > RULE_NAMES:
                self.say(
                    "names-too-long",
                    (*at, "node"),
                    f"{stage.stage} and {also.node} together have more than {RULE_NAMES} characters",
                    f"阶段 {stage.stage} 与节点 {also.node} 的代码合计超过 {RULE_NAMES} 个字符",
                    expected=Said("shorter codes: the two make the key of a due", "较短的代码(二者合为时限的键)"),
                )

    def _due(self, due: Due, loc: Loc, stage: Stage) -> None:
        at: Loc = (*loc, "due")
        self.known("ladder", due.ladder, self.flow.ladder, (*at, "ladder"))
        for name, span in (
            *(("within", due.within), ("or-within", due.or_within)),
            *(("after", due.after), ("ahead", due.ahead)),
        ):
            self.lasts(span, (*at, name))
        self.in_days(due.at_most, (*at, "at-most"))
        if due.before is not None:
            self.in_days(due.before.by, (*at, "before", "by"))
        if due.extend is not None:
            self.in_days(due.extend.at_most, (*at, "extend", "at-most"))
        self._no_day(due, at)
        if due.pause is not None:
            self.lasts(due.pause.starts.within, (*at, "pause", "starts", "within"))
        if due.node is not None:
            self.node(due.node, (*at, "node"))
        elif due.or_within is not None and due.before is None and due.event is None:
            self.say(
                "or-within-without-node",
                (*at, "or-within"),
                "or-within stands in for a day that has passed; there is no node, holiday or appointment",
                "or-within 用于节点等已过时,此处没有 node、before 或 event",
                key=True,
            )
        if due.not_after is not None:
            self.node(due.not_after, (*at, "not-after"))
        if due.before is not None:
            self._festival(due.before.festival, (*at, "before", "festival"))
        if due.extend is not None:
            self.known("unit", due.extend.by, self.units, (*at, "extend", "by"), code="unknown-of")
        if due.pause is not None:
            self._pause(due, at)
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

    def _no_day(self, due: Due, at: Loc) -> None:
        """Hours from a moment end at a moment: there is no day off to read, and no time at which a day ends."""
        if due.within is None or due.within.unit != "hours" or due.event is not None:
            return
        for key, given in (("reading", due.reading != "keep"), ("at", due.at is not None)):
            if given:
                self.say(
                    "hours-have-no-day",
                    (*at, key),
                    f"{due.within} end at a moment: {key} would be passed over",
                    f"{due.within.n} 小时止于某一时刻,{key} 不起作用",
                    expected=Said(f"no {key}, or a span of days", f"删去 {key},或按天数写明"),
                    key=True,
                )

    def _festival(self, name: str, loc: Loc) -> None:
        """A holiday must stand in the calendar, where the calendar can be found."""
        if self.flow.calendar not in shipped_calendars():
            return
        calendar = load_calendar(shipped_calendar(self.flow.calendar))
        known = {n for code, text in calendar.festivals.items() for n in (code, text.zh, text.en)}
        if name.strip().casefold() in {n.casefold() for n in known}:
            return
        listed = sorted(calendar.festivals)
        self.say(
            "unknown-festival",
            loc,
            f"the calendar {calendar.name} has no holiday called {name}",
            f"日历 {calendar.name} 没有名为 {name} 的节日",
            expected=Said(f"one of {', '.join(listed)}", "、".join(t.zh for t in calendar.festivals.values())),
            actual=name,
            hint=nearest(name, sorted(known)),
        )

    def _pause(self, due: Due, at: Loc) -> None:
        """Only a length of time can be paused, and a pause names whose clock runs meanwhile."""
        assert due.pause is not None
        if due.fixed:
            self.say(
                "pause-of-fixed-date",
                (*at, "pause"),
                "a fixed date can be extended, never paused",
                "固定日期的时限只能延期,不能中止计时",
                expected=Said("within: ..., or extend instead of pause", "within: …,或以 extend 代替 pause"),
                key=True,
            )
        for index, who in enumerate(due.pause.by):
            self.who(who, (*at, "pause", "by", index))
        self.who(due.pause.starts.duty, (*at, "pause", "starts", "duty"))
        self.known("ladder", due.pause.starts.ladder, self.flow.ladder, (*at, "pause", "starts", "ladder"))

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
        self.in_days(notice.for_, (*at, "for"))
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
            sheet = self.own_material(score.material, (*at, "material"), stage)
            if sheet is not None and self.known("field", score.field, sheet.fields, (*at, "field")):
                self._integer(sheet, score.field, (*at, "field"))
            if score.pass_.denominator != 1:
                self._threshold(
                    (*at, "pass"), "a score is compared with a number of points", "评分须与分数比较", '">= 70"'
                )
        if stage.assess is not None:
            self._assess((*loc, "assess"), stage.assess, stage)
        if stage.zero is not None:
            zero, at = stage.zero, (*loc, "zero")
            self.known("exit", zero.exit, stage.exits, (*at, "exit"))
            if zero.contradicted is not None:
                self.near_flow(zero.contradicted.flow, (*at, "contradicted", "flow"))
            lines = self.lines_of(zero.list, (*at, "list"), stage)
            for field, values in zero.counts.items():
                where: Loc = (*at, "counts", field)
                if lines is not None and self.known("field", field, lines.fields, where, key=True):
                    self._values(lines.fields[field], values, where)
        if stage.close_out is not None:
            self.lines_of(stage.close_out.list, (*loc, "close-out", "list"), None)
            for index, name in enumerate(stage.close_out.and_lists):
                self.lines_of(name, (*loc, "close-out", "and-lists", index), None)
            lines = self.flow.materials.get(stage.close_out.list)
            if lines is not None:
                for index, need in enumerate(stage.close_out.each_needs):
                    at = (*loc, "close-out", "each-needs", index)
                    self.known("field", need, ("evidence", "lead", *lines.fields), at)
        if stage.tracking is not None:
            tracking, at = stage.tracking, (*loc, "tracking")
            for field, code in (("held", tracking.held), ("rebound", tracking.rebound)):
                self.known("exit", code, stage.exits, (*at, field))
            self.who(tracking.by, (*at, "by"))
            self.known("ladder", tracking.ladder, self.flow.ladder, (*at, "ladder"))
            self.lasts(tracking.for_, (*at, "for"))
            self.in_days(tracking.early, (*at, "early"))
            for category, longer in tracking.longer.items():
                known = (*self.flow.categories, *self.flow.watch_class)
                self.known("category", category, known, (*at, "longer", category), key=True)
                self.lasts(longer, (*at, "longer", category))
            for index, look in enumerate(tracking.look_backs):
                self.lasts(look, (*at, "look-backs", index))
                if index and minutes(look) <= minutes(tracking.look_backs[index - 1]):
                    self.say(
                        "look-backs-not-rising",
                        (*at, "look-backs", index),
                        f"the look-back after {look} does not come after the one after {tracking.look_backs[index - 1]}",
                        f"“回头看”({look})不晚于上一次({tracking.look_backs[index - 1]})",
                        expected=Said("look-backs in the order in which they come", "按先后次序排列"),
                        actual=str(look),
                    )
                if minutes(look) > minutes(tracking.for_):
                    self.say(
                        "look-back-too-late",
                        (*at, "look-backs", index),
                        f"a look-back after {look} comes after the end of tracking ({tracking.for_})",
                        f"“回头看”({look})晚于跟踪期({tracking.for_})",
                    )

    def _assess(self, loc: Loc, assess: Assess, stage: Stage) -> None:
        """Every judgement is there to be put together, every grade can be told from the one above."""
        if not assess.sources or not assess.grades:
            self.say(
                "assess-empty",
                loc,
                "an assessment without a source or a grade",
                "综合评定未写评价方或等次",
                expected=Said("at least one source and one grade", "至少一个评价方、一个等次"),
                key=True,
            )
        for name, source in assess.sources.items():
            at: Loc = (*loc, "sources", name)
            if source.flow is not None:
                self.near_flow(source.flow, (*at, "flow"))
                continue
            if not self.known("material", source.material, self.flow.materials, (*at, "material")):
                continue
            sheet = self.flow.materials[source.material]
            for key, code in (("field", source.field), ("part", source.part), ("whole", source.whole)):
                if code is not None and self.known("field", code, sheet.fields, (*at, key)):
                    self._integer(sheet, code, (*at, key))
            if source.field is None and source.part is None and sheet.kind != "scorecard":
                self._not_a_scorecard((*at, "material"), source.material, sheet)
        for name, floor in assess.floors.items():
            at = (*loc, "floors", name)
            if floor.source is not None:
                self.known("field", floor.source, assess.sources, (*at, "source"))
            if floor.material is None or not self.known(
                "material", floor.material, self.flow.materials, (*at, "material")
            ):
                continue
            sheet = self.flow.materials[floor.material]
            for key, code in (("part", floor.part), ("whole", floor.whole)):
                if code is None or (key == "part" and code in sheet.parts):
                    continue
                if self.known("field", code, sheet.fields, (*at, key)):
                    self._integer(sheet, code, (*at, key))
            if floor.whole is not None and not _is_share(floor.holds):
                self._threshold(
                    (*at, "holds"), f"{floor.holds} is not a share", f"{floor.holds} 不是可达到的比例", '">= 80%"'
                )
        above: Threshold | None = None
        for name, grade in assess.grades.items():
            at = (*loc, "grades", name)
            self.known("exit", grade.exit, stage.exits, (*at, "exit"))
            if grade.from_.denominator != 1 or grade.from_.op not in (">=", ">") or grade.from_.numerator > 100:
                self._threshold(
                    (*at, "from"), "a grade begins at points of 100", "等次须以百分制的下限分数表示", '">= 70"'
                )
            elif above is not None and _least(grade.from_) >= _least(above):
                self.say(
                    "grades-not-falling",
                    (*at, "from"),
                    f"{name} ({grade.from_}) is never reached: the grade above it begins at {above}",
                    f"等次 {name}({grade.from_})无法取得:上一等次为 {above}",
                    expected=Said("grades from the best to the least", "等次由高到低排列"),
                    actual=str(grade.from_),
                )
            above = grade.from_
        self.known("exit", assess.failed, stage.exits, (*loc, "failed"))
        for index, name in enumerate(assess.ties if assess.ties != "shared" else ()):
            self.known("field", name, assess.sources, (*loc, "ties", index))

    def _not_a_scorecard(self, loc: Loc, code: str, sheet: Material) -> None:
        self.say(
            "not-a-scorecard",
            loc,
            f"{code} is a {sheet.kind}: say which field, or which part of which whole, is the judgement",
            f"{code} 不是评分表:须写明以哪个字段或哪个比例(part、whole)为准",
            expected=Said(
                "a material of kind scorecard, or field, or part and whole",
                "kind: scorecard 的材料,或 field,或 part 与 whole",
            ),
            actual=sheet.kind,
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
        sheet = self.own_material(tally.material, (*at, "material"), stage)
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
        if sheet.fields[code].type != "integer" or sheet.fields[code].masked:
            self.say(
                "field-not-integer",
                loc,
                f"the field {code} must be an integer that is known: rules decide on it",
                f"字段 {code} 须为已知的整数:规则据以判断",
                expected=Said("type: integer", "type: integer"),
                actual=sheet.fields[code].type,
            )

    def _values(self, spec: FieldSpec, values: Sequence[str], loc: Loc) -> None:
        for index, value in enumerate(values):
            if spec.choices_from == "categories":
                self.known("category", value, (*self.flow.categories, *self.flow.watch_class), (*loc, index))
            elif spec.choices is not None:
                self.known("field", value, spec.choices, (*loc, index), code="unknown-choice")


def _least(threshold: Threshold) -> tuple[int, bool]:
    """Where a grade begins; ``> 70`` begins above ``>= 70``."""
    return threshold.numerator, threshold.op == ">"


def _is_share(threshold: Threshold) -> bool:
    """Whether a share of a whole can be compared so, and not always in vain."""
    if threshold.denominator <= 1 or threshold.numerator > threshold.denominator:
        return False
    return not (threshold.op == ">" and threshold.numerator == threshold.denominator)
