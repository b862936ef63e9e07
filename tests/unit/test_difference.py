"""What another version means, in words: nothing is left out, and what asks for more is told from what asks for less."""

from __future__ import annotations

import pytest

from tests.contract.world import MATTER, flow_text
from workflow import loads
from workflow.definition.definition import Definition
from workflow.definition.difference import differences
from workflow.definition.load import load
from workflow.definition.shipped import shipped_flow, shipped_flows

OLD = loads(flow_text(MATTER))


def changed(*changes: tuple[str, str]) -> Definition:
    text = flow_text(MATTER, "2")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return loads(text)


PLAN = "    notice: {content: plan}\n    due: 10 workdays"


@pytest.mark.parametrize(
    ("old", "new", "stage", "en", "zh"),
    [
        (PLAN, PLAN.replace("10", "7"), "plan", "due 10 → 7 working days: tighter", "时限 10 → 7 个工作日:更严"),
        (PLAN, PLAN.replace("10", "12"), "plan", "due 10 → 12 working days: looser", "时限 10 → 12 个工作日:更宽"),
        (
            'pass: ">= 70"',
            'pass: ">= 80"',
            "acceptance",
            "score pass >= 70 → >= 80: tighter",
            "评分 及格 >= 70 → >= 80:更严",
        ),
        (
            '"<= 50%"',
            '"<= 30%"',
            "vote",
            "tally dissatisfied <= 50% → <= 30%: tighter",
            "计票 不满意率 <= 50% → <= 30%:更严",
        ),
        ("{times: 1, then", "{times: 2, then", "rework", "at-most times 1 → 2: looser", "至多 次数 1 → 2:更宽"),
        (
            "report: 2019-08-30",
            "report: 2019-08-20",
            "",
            "nodes 1 report 2019-08-30 → 2019-08-20: tighter",
            "节点表 1 report 2019-08-30 → 2019-08-20:更严",
        ),
        (
            "for: 5 workdays",
            "for: 7 workdays",
            "published",
            "notice for 5 → 7 working days: tighter",
            "公示 为期 5 → 7 个工作日:更严",
        ),
        (
            "not-by: [secretary, lead]",
            "not-by: [lead]",
            "acceptance",
            "not-by secretary, lead → lead: looser",
            "回避 secretary、lead → lead:更宽",
        ),
    ],
)
def test_a_change_is_said_as_a_rule(old: str, new: str, stage: str, en: str, zh: str) -> None:
    (found,) = differences(OLD, changed((old, new)))
    assert (found.stage, found.text("en")) == (stage, f"{stage} {en}".strip())
    assert found.text("zh") == f"{stage} {zh}".strip()


def test_a_place_more_in_a_chain_is_tighter_and_one_less_looser() -> None:
    more = changed(("branch: [handler, secretary]", "branch: [handler, department, secretary]"))
    (found,) = differences(OLD, more)
    assert found.direction == "tighter" and "handler, department, secretary" in found.text("en")
    assert [c.direction for c in differences(more, OLD)] == ["looser"]


def test_a_stage_added_or_taken_away_is_one_difference() -> None:
    checked = "  - stage: checked\n    slots: secretary\n    due: 5 workdays\n    exits: {on: work}\n"
    new = changed(
        ("exits: {accepted: work}", "exits: {accepted: checked}"),
        (
            "  - stage: work\n",
            checked + "  - stage: work\n",
        ),
    )
    found = differences(OLD, new)
    assert [c.path for c in found] == [("stages", "plan", "exits", "accepted", "to"), ("stages", "checked")]


def test_the_same_meaning_has_no_difference_and_another_always_has() -> None:
    assert differences(OLD, changed()) == []
    flows = [load(shipped_flow(n)) for n in shipped_flows()]
    for one in flows:
        assert differences(one, one) == []
        for other in flows:
            if one is not other:
                assert differences(one, other)
