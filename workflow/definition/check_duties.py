"""Rules of sense for who does what: nobody shut out of every place, nobody judging their own work, order within a chain, no
level passed over, nothing defined that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import Chain, Flow, Stage, Step
from workflow.definition.problem import Said

_VERDICT = re.compile(
    r"软弱涣散|落后|后进|问题(?:单位|组织|支部)|不合格|\b(?:weak|lax|backward|failing|bad)\b", re.IGNORECASE
)
_USED = {  # part of a definition: the code of what nothing uses, its noun
    "posts": ("unused-post", "post", "职务"),
    "bodies": ("unused-body", "body", "会议机构"),
    "materials": ("unused-material", "material", "材料"),
    "chains": ("unused-chain", "chain", "签字链"),
    "ladder": ("unused-ladder", "ladder", "督办阶梯"),
}


class DutiesChecking(Checking):
    """Who acts, in which order, and who is passed over."""

    def duties(self) -> None:
        for index, stage in enumerate(self.flow.stages):
            loc: Loc = ("stages", index)
            self._barred(loc, stage)
            self._own_work(loc, stage)
            self._rework(loc, stage)
            self._final_work(loc, stage)
            if stage.slots:
                self._places([((*loc, "slots", n), s) for n, s in enumerate(stage.slots)])
                self._idle_pairs(stage.two_persons, stage.slots, (*loc, "two-persons"))
            if stage.due is not None and stage.due.extend is not None and stage.due.extend.by == "own":
                self.say(
                    "extends-own-due",
                    (*loc, "due", "extend"),
                    "whoever is late could give themselves more time",
                    "逾期者可自行延期",
                    expected=Said("by: superior, or a level", "by: superior 或某一层级"),
                    actual="own",
                    severity="warning",
                )
        for name, chain in self.flow.chains.items():
            at: Loc = ("chains", name)
            self._places([((*at, "steps", n), s) for n, s in enumerate(chain.steps)])
            self._idle_pairs(chain.two_persons, tuple(self._all_steps(chain)), (*at, "two-persons"))
            if "reason" not in chain.return_.needs:
                self.say(
                    "return-without-reason",
                    (*at, "return", "needs"),
                    "a paper could be returned without a reason",
                    "退回可不说明理由",
                    expected=Said("needs: reason", "needs: reason"),
                    severity="warning",
                )
        self._label()
        self._result_notice()
        if not any(p.severity == "error" for p in self.problems):  # else these would only echo what is wrong already
            self._left_out()
            self._unused()

    def _barred(self, loc: Loc, stage: Stage) -> None:
        """Avoidance (回避) must leave somebody who may sign. Source: R142."""
        leaves = [leaf for step in stage.slots for _, leaf in step.leaves()]
        barred = {(w.post, w.of) for w in stage.not_by}
        if leaves and barred and all((leaf.post, leaf.of) in barred for leaf in leaves):
            self.say(
                "all-barred",
                (*loc, "not-by"),
                f"everybody who signs in {stage.stage} is barred from it",
                f"阶段 {stage.stage} 的签批人全部须回避",
                expected=Said("a signer who is not barred", "至少一名无须回避的签批人"),
                key=True,
            )

    def _own_work(self, loc: Loc, stage: Stage) -> None:
        """Whoever did the work does not score it alone. Source: R138."""
        if (stage.score is None and stage.assess is None) or stage.not_by or stage.chain is not None or not stage.slots:
            return
        if all(leaf.of == "own" for step in stage.slots for _, leaf in step.leaves()):
            self.say(
                "accepts-own-work",
                (*loc, "slots"),
                f"in {stage.stage} the unit scores its own work, and nobody above signs",
                f"阶段 {stage.stage} 由本单位自行评分,上级无人签批",
                expected=Said("a place of a superior: {secretary: superior}", "上级签位:{secretary: superior}"),
                severity="warning",
            )

    def _rework(self, loc: Loc, stage: Stage) -> None:
        if any(s.at_most is not None and s.at_most.then == stage.stage for s in self.flow.stages):
            return  # where a limit leads is the end of the line
        if (stage.new_round or (stage.due is not None and stage.due.set_by)) and stage.at_most is None:
            self.say(
                "rework-without-limit",
                (*loc, "stage"),
                f"{stage.stage} could go round without end: no limit to how often",
                f"阶段 {stage.stage} 可无限次重复,未设次数上限",
                expected=Said("at-most: {times: 2, then: a-stage-above}", "at-most: {times: 2, then: 上级阶段}"),
                severity="warning",
            )

    def _final_work(self, loc: Loc, stage: Stage) -> None:
        for key, given in (
            ("due", stage.due),
            ("chain", stage.chain),
            ("slots", stage.slots),
            ("materials", stage.materials),
        ):
            if stage.final and given:
                self.say(
                    "final-with-work",
                    (*loc, key),
                    f"{stage.stage} is final: nothing is done there, so its {key} would be passed over",
                    f"阶段 {stage.stage} 为终结阶段,不再办理,{key} 不起作用",
                    expected=Said(f"no {key}, or not final", f"删去 {key},或不设 final"),
                    key=True,
                    severity="warning",
                )

    def _places(self, steps: Sequence[tuple[Loc, Step]]) -> None:
        """What a paper goes through in order: prepared, signed, sealed; a meeting leaves minutes. Source: S0 「签字盖章」."""
        signed, sealed = False, False
        for loc, step in steps:
            for below, leaf in step.leaves():
                kind = self._kind(leaf)
                if kind == "prepare" and signed:
                    self.say(
                        "prepared-after-signing",
                        (*loc, *below),
                        "a paper would be prepared after it was signed",
                        "签批之后才经办",
                        expected=Said("prepare first, then sign", "先经办,后签批"),
                        severity="warning",
                    )
                if sealed and kind in ("sign", "review", "decision"):
                    self.say(
                        "seal-before-signature",
                        (*loc, *below),
                        "the seal would stand on the paper before this signature",
                        "此签批之前已先盖章",
                        expected=Said("the seal last", "盖章在最后"),
                        severity="warning",
                    )
                if kind == "decision" and leaf.minutes is None:
                    self.say(
                        "decision-without-minutes",
                        (*loc, *below),
                        "a meeting would decide and leave no minutes",
                        "会议研究而不要求会议纪要",
                        expected=Said("minutes: required", "minutes: required"),
                        severity="warning",
                    )
                signed = signed or kind == "sign"
                sealed = sealed or kind == "seal"

    def _kind(self, step: Step) -> str:
        if step.kind is not None:
            return step.kind
        post = self.flow.posts.get(step.post or "")
        return post.may if post is not None else "sign"

    def _all_steps(self, chain: Chain) -> Iterator[Step]:
        levels = chain.levels
        for name in dict.fromkeys((levels.each, *levels.at.values()) if levels is not None else ()):
            yield from self.flow.chains[name].steps if name in self.flow.chains else ()
        yield from chain.steps

    def _idle_pairs(self, groups: Sequence[Sequence[str]], steps: Sequence[Step], loc: Loc) -> None:
        if any(p.severity == "error" for p in self.problems):
            return
        posts = [leaf.post for step in steps for _, leaf in step.leaves()]
        for index, group in enumerate(groups):
            if any(p not in self.flow.posts for p in group):
                continue
            meeting = sum(posts.count(p) for p in set(group))
            absent = [p for p in group if p not in posts]
            if absent or meeting < 2:
                who = ", ".join(absent or group)
                self.say(
                    "two-persons-idle",
                    (*loc, index),
                    f"this keeps nobody apart: {who} signs {'not here' if absent else 'here once only'}",
                    f"此项不起作用:{who} {'不在此链签批' if absent else '在此只签一处'}",
                    expected=Said("posts that sign here in two places or more", "在此链中有两处以上签位的职务"),
                    severity="warning",
                )

    def _left_out(self) -> None:
        """A level between others, at which nobody signs, answers or is told, is passed over. Source: S0 「逐级签字上报」, R036."""
        order = self.flow.levels
        used = _levels(self.flow)
        if "next-above" in used or len(used & set(order)) < 2:
            return
        numbers = [order.index(level) for level in used if level in order]
        for index in range(min(numbers) + 1, max(numbers)):
            if order[index] not in used:
                self.say(
                    "level-left-out",
                    ("levels", index),
                    f"nobody at the level {order[index]} signs, answers or is told: it is passed over",
                    f"层级 {order[index]} 无人签批、负责或知情,被越过",
                    expected=Said(
                        f"a chain through {order[index]}, or no such level", f"签字链经过 {order[index]},或删去该层级"
                    ),
                    actual=order[index],
                    severity="warning",
                )

    def _label(self) -> None:
        """The state an item is in is no verdict on anybody. Source: S0 「不对“软弱涣散”作定性」, R050."""
        label = self.flow.label
        for lang, text in (("zh", label.zh), ("en", label.en)) if label is not None else ():
            found = _VERDICT.search(text)
            if found:
                self.say(
                    "verdict-label",
                    ("label", lang),
                    f"the label pronounces a verdict ({found[0]}); it says where the work stands",
                    f"标签含定性用语({found[0]});标签只说明工作进度(R050 「不作定性」)",
                    expected=Said("such as: under rectification", "如:整顿中"),
                    actual=found[0],
                )
                return

    def _result_notice(self) -> None:
        """A result is posted when there is one: after whatever scores the work. Source: S4 「公示」, R164."""
        scoring = {s.stage for s in self.flow.stages if s.score is not None or s.assess is not None}
        if not scoring or not self.flow.stages:
            return
        reached: set[str] = set()
        ahead = [self.flow.stages[0].stage]
        while ahead:
            name = ahead.pop()
            if name in reached or name in scoring or name not in self.stages:
                continue
            reached.add(name)
            ahead += [way.to for way in self.stages[name].exits.values()]
        for index, stage in enumerate(self.flow.stages):
            if stage.notice is not None and stage.notice.content == "result" and stage.stage in reached:
                self.say(
                    "notice-before-acceptance",
                    ("stages", index, "notice"),
                    f"the result would be posted in {stage.stage} before {', '.join(sorted(scoring))} has one",
                    f"阶段 {stage.stage} 公示结果,而 {'、'.join(sorted(scoring))} 尚未作出结果",
                    expected=Said("a notice after acceptance, or of another content", "验收之后公示,或公示其他内容"),
                )

    def _unused(self) -> None:
        body = self.flow.canonical()
        said = {*mentioned(body)} | {"secretary", "overdue"}  # the defaults of duty and ladder
        for part, (code, noun, zh) in _USED.items():
            for name in body.get(part, {}):
                if name not in said:
                    self.say(
                        code,
                        (part, name),
                        f"nothing uses the {noun} {name}",
                        f"{zh} {name} 未被使用",
                        expected=Said("a use, or no such entry", "使用它,或删去"),
                        key=True,
                        severity="warning",
                    )


def _levels(flow: Flow) -> set[str]:
    """Levels at which somebody signs, answers, is told or reports; ``next-above`` where that is open."""
    order = flow.levels
    used: set[str] = set(order[:1])

    def take(start: str, of: str) -> None:
        at = order.index(start) if start in order else 0
        if of in order:
            used.add(of)
        elif of == "superior":
            used.update(order[at + 1 : at + 2])
        elif of == "next-above":
            used.add("next-above")

    for chain in flow.chains.values():
        if chain.levels is not None:
            first = chain.levels.from_ if chain.levels.from_ in order else order[0] if order else ""
            take(first, chain.levels.to)
            if chain.levels.to in order or chain.levels.to == "top":
                last = order.index(chain.levels.to) if chain.levels.to in order else len(order) - 1
                used.update(order[order.index(first) : last + 1] if first else ())
        for step in chain.steps:
            for _, leaf in step.leaves():
                take("", leaf.of)
    for stage in flow.stages:
        take("", stage.duty.of)
        for step in stage.slots:
            for _, leaf in step.leaves():
                take("", leaf.of)
        for way in stage.exits.values():
            if way.opens is not None:
                used.add(way.opens.at_level)
    for rungs in flow.ladder.values():
        for rung in rungs:
            for who in (*rung.to, *rung.whom):
                take("", who.of)
    used.update(flow.reports.owed_by if flow.reports is not None else ())
    for owed in flow.obligations.values():
        used.update(owed.owed_by)
    return used


def mentioned(value: Any) -> Iterator[str]:
    """Every text in a definition that is no key; names of posts are values there, as short forms are written out."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, dict) and here.keys() - {"zh", "en"}:  # what people read names nothing
            waiting += here.values()
