"""What people do with what a ladder or a count proposed: criticism, talks, organisational measures. The engine only proposes.

Source: S4 「累计约谈两次以上的要进行组织处理」, R168, R169, R170, R174.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflow.case import Case
from workflow.demo.frame import MEASURES
from workflow.demo.hours import DAY
from workflow.demo.people import People, Plan
from workflow.desk import Desk
from workflow.receipt import Receipt

FACTS = {
    "duty": "10月20日前更新整顿对象名册和整改措施清单。",
    "facts": "经核实,更新后的清单未按期报送,已多次催办。",
    "reason": "经办人外出,支部未另行安排。",
}
COUNTED = {
    "talks": "同一任期内就所属两个支部先后约谈两次,均有记录。",
    "facts": "所属两个支部均未按期更新整改措施清单。",
    "after": "约谈后两个支部均已补报清单并按期完成整改。",
}
NOT_APPLIED = "两个支部约谈后均已补报并完成整改,会议研究决定不予组织处理(虚构)。"


class Proposals:
    """The next act on a proposal, whoever's turn it is."""

    def __init__(self, people: People, sign: Callable[..., Receipt]) -> None:
        self.people = people
        self.sign = sign
        self.stages: Mapping[str, Callable[[Desk, Case, Plan], Receipt | None]] = {
            "facts-and-statement": self._establish,
            "decision": self._decide,
            "circular": self._issue,
            "talk": self._talk,
            "appeal": self._serve,
        }

    def _establish(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        """The facts are established and the person is heard before anybody decides. Source: R168, R169."""
        slot = case.open_slots[0]
        by = self.people.actor(slot.unit, slot.post, case.unit)
        if "facts-sheet" not in case.materials:
            statement = {
                "person": case.fields_["whom"][0]["person"],
                "given-on": self.people.today.isoformat(),
                "words": "情况属实,本人负责,三日内报送。",
            }
            facts = COUNTED if case.flow == MEASURES else FACTS
            return desk.submit(case.item, by, {"facts-sheet": facts, "statement": statement})
        return self.sign(desk, case, slot, outcome="heard")

    def _decide(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if slot is not case.slots[0]:
            return self.sign(desk, case, slot)
        if case.flow == MEASURES:
            return self.sign(desk, case, slot, outcome="not-applied", reason=NOT_APPLIED)
        return self.sign(desk, case, slot, outcome="hold")

    def _issue(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if "circular" not in case.materials:
            self.people.told.circulars += 1
            by = self.people.actor(slot.unit, slot.post, case.unit)
            circular = {
                "number": f"示例通报〔2019〕{self.people.told.circulars}号(虚构)",
                "issued-on": self.people.today.isoformat(),
                "to": "所属各单位",
                "text": "对未按期更新整改措施清单的情况予以通报,请引以为戒。",
            }
            return desk.submit(case.item, by, {"circular": circular})
        return self.sign(desk, case, slot)

    def _talk(self, desk: Desk, case: Case, plan: Plan) -> Receipt | None:
        """The secretary of the level above talks with each of them, on record; two sittings are never on one day."""
        slot = case.open_slots[0]
        if "talk-record" not in case.materials:
            day = self.people.today.isoformat()
            if day in self.people.told.talks:
                return None
            self.people.told.talks.append(day)
            by = self.people.actor(slot.unit, slot.post, case.unit)
            line: dict[str, Any] = {
                "talker": self.people.actor(slot.unit, "secretary").person,
                "held-on": day,
                "place": "一号会议室(虚构)",
                "points": "限期补报清单,说明原因。",
                "commitment": "三日内补报,逐项核对。",
                "acknowledged": "signed",
            }
            persons = list(dict.fromkeys(w["person"] for w in case.fields_["whom"]))
            return desk.submit(case.item, by, {"talk-record": [{"person": p, **line} for p in persons]})
        return self.sign(desk, case, slot)

    def _serve(self, desk: Desk, case: Case, plan: Plan) -> Receipt:
        slot = case.open_slots[0]
        if case.notices.get("decision", {}).get("stay") != case.stays:
            by = self.people.actor(slot.unit, slot.post, case.unit)
            receipt = desk.post_notice(case.item, by, "decision", channel="送达", place="本人签收")
            until = desk.case_of(case.item)[0].notices["decision"]["until"]
            plan.times = [self.people.hours.minute(until) + self.people.random.uniform(20, DAY / 2)]
            return receipt
        return self.sign(desk, case, slot)
