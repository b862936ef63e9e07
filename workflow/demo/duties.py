"""What people do at each stage of an item: they read it as it stands and hand the engine one act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from workflow.case import Case, Slot
from workflow.clock import local_day
from workflow.demo.frame import NEW_DATE, RETURNED, ZONE, report_of
from workflow.demo.hours import DAY
from workflow.demo.org import LEAD_POST, WATCH_CATEGORY
from workflow.demo.people import People, Plan
from workflow.demo.polls import hold
from workflow.demo.proposals import Proposals
from workflow.demo.words import (
    AGAIN,
    CAUSES,
    EVIDENCE,
    MANIFESTATIONS,
    MEASURES,
    OPINIONS,
    REBOUND,
    RETURNS,
    ROOTS,
    TARGET,
    TASKS,
    UPDATED,
    own,
)
from workflow.desk import Desk
from workflow.receipt import Receipt

CLOSED_IN_TURN = ("measure-list", "responsibility-list", "task-list")  # a task is done when what belongs to it is


class Duties:
    """The next act on an item, whoever's turn it is."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.random = people.random
        self._stages: Mapping[str, Callable[[Desk, Case, Plan], Receipt | None]] = {
            "report": self._report,
            "determination": self._determination,
            "plan": self._make_plan,
            "rectification": self._rectify,
            "self-check": self._self_check,
            "mass-evaluation": self._evaluate,
            "rework": self._rework,
            "preliminary-acceptance": self._preliminary,
            "look-back-first": self._look_back,
            "acceptance": self._accept,
            "result-notice": self._notice,
            "watched": self._watch,
            "closed": self._track,
            **Proposals(people, self._sign).stages,
        }

    def act(self, desk: Desk, case: Case, plan: Plan) -> Receipt | None:
        """Do what is next on an item. None: somebody looked, and it is not time yet."""
        return self._stages[case.stage](desk, case, plan)

    def _report(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        if plan.revise or not case.materials:
            plan.revise = False
            return self.hand_in_report(desk, case)
        slot = case.open_slots[0]
        if slot is case.slots[-1] and not plan.returned and self.random.random() < RETURNED:
            return self._send_back(desk, case, slot, plan)
        return self._sign(desk, case, slot)

    def hand_in_report(self, desk: Desk, case: Case) -> Receipt:
        by = self.people.actor(case.unit, "handler")
        lines = self._lines_of(desk, case.unit)
        found = sum(1 for line in lines if line["result"] == "found")
        looked_at = len(self.people.organisations(case.unit))
        watched = len(lines) - found
        sheet = {
            "investigated": looked_at,
            "analysis": f"共排查党组织{looked_at}个,列入整顿对象{found}个,列入关注对象{watched}个。",
        }
        if found:
            return desk.submit(case.item, by, {"analysis-sheet": sheet, "found-list": lines}, outcome="reported")
        values: dict[str, Any] = {"analysis-sheet": sheet}
        if lines:
            values["found-list"] = lines
        statement = "已逐一排查,未发现软弱涣散党组织,特此零报告。"
        return desk.report_zero(case.item, by, {**values, "zero-statement": {"statement": statement}})

    def _lines_of(self, desk: Desk, unit: str) -> list[dict[str, Any]]:
        """What a unit reports: its own finding, or the lines that its children signed."""
        category = self.people.world.found.get(unit) or (WATCH_CATEGORY if unit in self.people.world.watch else "")
        if category:
            words = Random(unit)
            return [
                {
                    "unit": unit,
                    "result": "watch" if unit in self.people.world.watch else "found",
                    "category": category,
                    "manifestation": words.choice(MANIFESTATIONS[category])[0],
                    "cause": words.choice(CAUSES)[0],
                }
            ]
        return [
            line["cells"] for child in self.people.below[unit] for line in desk.lines_of(report_of(child), "found-list")
        ]

    def _sign(
        self, desk: Desk, case: Case, slot: Slot, *, outcome: str = "", due: str = "", reason: str = ""
    ) -> Receipt:
        avoid = frozenset(s.person for s in case.slots if s.state == "signed" and s.post == slot.post == "scrutineer")
        by = self.people.actor(slot.unit, slot.post, case.unit, avoid)
        opinion = OPINIONS.get(slot.kind, OPINIONS["sign"])[0]
        seen = case.content
        if slot.kind == "decision":
            day = self.people.today
            minutes = f"{day} {slot.unit} 党委会会议纪要(虚构):研究 {case.item} {case.stage},同意。"
            return desk.decide(
                case.item, by, seen, minutes=minutes, outcome=outcome, opinion=opinion, due=due, reason=reason
            )
        if case.stage == "rectification":
            return desk.close_out(case.item, by, seen, opinion=opinion)
        if case.stage in ("acceptance", "preliminary-acceptance"):
            return desk.accept(case.item, by, seen, outcome=outcome, opinion=opinion, due=due)
        return desk.sign(case.item, by, seen, outcome=outcome, opinion=opinion, due=due)

    def _send_back(self, desk: Desk, case: Case, slot: Slot, plan: Plan) -> Receipt:
        """A superior's department returns a paper with its reason. Source: S0 「层层把关」, R038."""
        plan.returned = plan.revise = True
        by = self.people.actor(slot.unit, slot.post, case.unit)
        return desk.send_back(case.item, by, case.content, self.random.choice(RETURNS)[0])

    def _gate_keep(self, case: Case, plan: Plan) -> bool:
        """Whether the superior's department, whose turn it is, returns this paper."""
        slot = case.open_slots[0]
        keeps = slot.post == "department" and slot.unit != case.unit and not plan.returned
        return keeps and self.random.random() < RETURNED

    def _determination(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        first = case.open_slots[0] is case.slots[0]
        return self._sign(desk, case, case.open_slots[0], outcome="entered-in-register" if first else "")

    def _make_plan(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        above = self.people.superior(case.unit)
        handler = self.people.actor(case.unit, "handler")
        if not case.lead:
            lead = self.people.actor(above, LEAD_POST)
            return desk.name_lead(case.item, self.people.actor(above, "secretary"), lead)
        if plan.revise or "measure-list" not in case.materials:
            plan.revise = False
            values: dict[str, Any] = {
                "task-list": [_task(case, "2019-10-31")],
                "responsibility-list": [self._responsible(case, 1)],
                "measure-list": self._measures(case),
            }
            if case.category in ROOTS:  # a problem that comes back easily needs its root cause (R150)
                values["root-cause"] = {"root": own(ROOTS[case.category][0], case.unit)}
            return desk.submit(case.item, handler, values)
        slot = case.open_slots[0]
        if slot is case.slots[-1] and not _posted(case, "plan"):
            return desk.post_notice(case.item, handler, "plan", channel="公开栏", place="职工之家")
        if self._gate_keep(case, plan):
            return self._send_back(desk, case, slot, plan)
        return self._sign(desk, case, slot)

    def _measures(self, case: Case) -> list[dict[str, Any]]:
        days = Random(case.item)
        person = self.people.actor(case.unit, "secretary").person
        manifestation = str(case.fields_.get("manifestation", "")) or "见研判表"
        return [
            {
                "task": 1,
                "problem": manifestation,
                "measure": own(measure, case.unit),
                "target": TARGET[0],
                "unit": case.unit,
                "person": person,
                "due": (date(2019, 10, 8) + timedelta(days=days.randrange(0, 22))).isoformat(),
                "evidence": EVIDENCE[0],
                "track": "at-once",
            }
            for measure, _ in MEASURES[case.category or "other"]  # what a check opened has no category of a report
        ]

    def _rectify(self, desk: Desk, case: Case, plan: Plan) -> Receipt | None:
        handler = self.people.actor(case.unit, "handler")
        if not plan.updated and self.people.now >= plan.update:
            plan.updated = True
            return desk.submit(case.item, handler, self._further(desk, case))
        lists = {name: case.lists[name]["open"] for name in CLOSED_IN_TURN}
        open_ = lists["measure-list"]
        if open_ and (plan.updated or open_ > 1):
            return self._close_next(desk, case, "measure-list")
        if not open_ and any(lists.values()):  # what a task asks for is done: whoever answers says so, then the task
            return self._close_next(desk, case, next(name for name in CLOSED_IN_TURN if lists[name]))
        if not _posted(case, "progress"):
            return desk.post_notice(case.item, handler, "progress", channel="公开栏", place="职工之家")
        if open_ or self.people.now < plan.finish:
            return None
        return self._sign(desk, case, case.open_slots[0])

    def _further(self, desk: Desk, case: Case) -> dict[str, Any]:
        """The lists brought up to date: a measure more; after a rebound a task more with all that belongs to it, since
        what was closed stays closed (R099, R150)."""
        held = {name: [line["cells"] for line in desk.lines_of(case.item, name)] for name in CLOSED_IN_TURN}
        more = {
            **held["measure-list"][0],
            "measure": own(UPDATED[0], case.unit),
            "due": "2019-10-30",
            "track": "long-term",
        }
        if case.round == 1:
            return {"measure-list": [*held["measure-list"], more]}
        until, task = (self.people.today + timedelta(days=20)).isoformat(), len(held["task-list"]) + 1
        more |= {"measure": own(REBOUND[0], case.unit), "due": until, "task": task}
        return {
            "task-list": [*held["task-list"], _task(case, until)],
            "responsibility-list": [*held["responsibility-list"], self._responsible(case, task)],
            "measure-list": [*held["measure-list"], more],
        }

    def _close_next(self, desk: Desk, case: Case, name: str) -> Receipt:
        handler = self.people.actor(case.unit, "handler")
        no = next(line["no"] for line in desk.lines_of(case.item, name) if line["closed_seq"] is None)
        evidence = f"{case.item} {name} 第{no}项 {EVIDENCE[0]}(虚构)".encode()
        return desk.close_line(case.item, handler, name, no, evidence)

    def _responsible(self, case: Case, task: int) -> dict[str, Any]:
        above = self.people.superior(case.unit)
        secretary = self.people.actor(case.unit, "secretary").person
        return {"task": task, "first-responsible": secretary, "lead-department": f"{above} 党委工作部门"}

    def _self_check(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        if plan.revise or "self-check-report" not in case.materials:
            plan.revise = False
            by = self.people.actor(case.unit, "handler")
            closed = case.lists["measure-list"]["lines"]
            report = {"result": f"{closed}项措施已全部完成,佐证齐全。", "self-evaluation": "问题已解决,可以测评。"}
            return desk.submit(case.item, by, {"self-check-report": report})
        if self._gate_keep(case, plan):
            return self._send_back(desk, case, case.open_slots[0], plan)
        return self._sign(desk, case, case.open_slots[0])

    def _evaluate(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        fails = case.unit == self.people.failing and case.round == 1
        if "mass-tally" not in case.materials:
            by = self.people.actor(case.unit, "scrutineer", case.unit)
            eligible = Random(f"{case.unit} roll").randrange(12, 60)  # the same people vote again in a later round
            voted = eligible - self.random.randrange(0, max(eligible // 8, 1))
            content = self.random.randrange(0, max(voted // 6, 1))
            tally = {
                "eligible": eligible,
                "voted": voted,
                "aware": voted - self.random.randrange(0, max(voted // 12, 1)),
                "dissatisfied": voted * 6 // 10 + 1 if fails else content,
            }
            if case.unit == self.people.failing:
                return hold(desk, case, self.people, tally)
            return desk.record_tally(case.item, by, {"mass-tally": tally})
        slot = case.open_slots[0]
        return self._sign(desk, case, slot, due=NEW_DATE if fails and slot is case.slots[-1] else "")

    def _preliminary(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if "superior-checks" not in case.materials:
            by = self.people.actor(slot.unit, slot.post)
            return desk.submit(case.item, by, {"superior-checks": {"findings": "逐项核对台账与佐证,与自查一致。"}})
        return self._sign(desk, case, slot, outcome="passed")

    def _look_back(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if "look-back-sheet" not in case.materials:
            by = self.people.actor(slot.unit, slot.post, case.unit)
            sheet = {
                "ledger": "台账逐条销号,佐证在案。",
                "plan": "方案所列措施均已实施。",
                "result": "走访职工,反映良好。",
            }
            return desk.submit(case.item, by, {"look-back-sheet": sheet})
        return self._sign(desk, case, slot, outcome="held")

    def _accept(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if "acceptance-scorecard" not in case.materials:
            by = self.people.actor(slot.unit, slot.post, case.unit)
            card = {"total": self.random.randrange(78, 97), "opinion": "逐个评估,问题已解决。"}
            return desk.submit(case.item, by, {"acceptance-scorecard": card})
        return self._sign(desk, case, slot)

    def _notice(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        posted = case.notices.get("result", {})
        slot = case.open_slots[0]
        if posted.get("stay") != case.stays:
            by = self.people.actor(slot.unit, slot.post, case.unit)
            receipt = desk.post_notice(case.item, by, "result", channel="公开栏", place="办公楼一层")
            until = desk.case_of(case.item)[0].notices["result"]["until"]
            run = self.people.hours.minute(until) + self.random.uniform(20, 0.8 * DAY)
            plan.times = [run]
            if case.unit == self.people.objected and not self.people.told.objected:
                plan.times = [self.people.now + 1.5 * DAY, self.people.now + 1.8 * DAY]
            return receipt
        if case.unit == self.people.objected and not self.people.told.objected:
            self.people.told.objected = case.item
            return desk.object_to(case.item, "公示期间有职工反映第1项措施尚未全部落实(虚构)。")
        return self._sign(desk, case, slot)

    def _rework(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        self.people.told.failing = case.item
        return self._sign(desk, case, case.open_slots[0])

    def _watch(self, desk: Desk, case: Case, plan: Plan) -> Receipt | None:
        """A look within three months: sound, or watched for another three. Source: R024."""
        if not plan.updated:
            plan.updated = True
            last = self.people.hours.minute(min(d["missed"] for d in case.dues.values()) - 1)
            plan.times = [max(last - self.random.uniform(0.5, 8) * DAY, self.people.now + 30)]
            return None
        keep = case.entries.get("watched", 1) == 1 and self.random.random() < 0.15
        return self._sign(desk, case, case.open_slots[0], outcome="keep" if keep else "sound")

    def _track(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        """A look-back after close-out; one of them finds that the problem is back (反弹). Source: R147, R148."""
        slot = case.open_slots[0]
        by = self.people.actor(slot.unit, slot.post, case.unit)
        back = case.unit == self.people.rebounding and case.round == 1
        if back:
            self.people.told.rebounding = case.item
        words = "回头看发现问题反弹(虚构)" if back else "查台账、查方案、查结果,未见反弹(虚构)"
        on = local_day(desk.engine.now(desk.connection), ZONE).isoformat() if back else ""
        return desk.look_back(case.item, by, case.content, outcome="rebound" if back else "held", opinion=words, on=on)


def _task(case: Case, due: str) -> dict[str, Any]:
    task = TASKS[case.category or "other"] if case.round == 1 else AGAIN
    return {"task": own(task[0], case.unit), "due": due}


def _posted(case: Case, content: str) -> bool:
    """Whether a notice hangs in this stage, of the papers as they are now."""
    notice = case.notices.get(content, {})
    return bool(notice.get("stay") == case.stays and notice.get("papers") == case.papers)
