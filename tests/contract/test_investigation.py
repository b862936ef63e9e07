"""A report beside what is known of the unit before it is signed; and an overdue election that proposes a finding by itself.

Source: S0 「不排除有的企业巡视反馈存在问题却没上报」, R056, R057; S4 「重新摸排」, R065;
S0 「认真填写党组织成立、换届、组织生活等信息」, R064.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads
from workflow.definition.load import examine
from workflow.errors import ReasonRequired
from workflow.evidence import canonical
from workflow.store.items import entries
from workflow.sweep import tick

FEEDBACK = """flow: feedback
title: {zh: 虚构巡视反馈, en: an invented inspection's feedback}
categories: {leak: {zh: 漏水, en: leak}, crack: {zh: 裂缝, en: crack}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: told
    due: 30 days
    slots: secretary
    exits: {taken: done}
  - {stage: done, title: done, final: true}
"""
REPORT = """flow: screening
title: {zh: 虚构排查, en: an invented screening}
categories: {leak: {zh: 漏水, en: leak}, crack: {zh: 裂缝, en: crack}}
materials:
  found:
    title: found
    kind: list
    fields: {unit: unit, category: {type: choice, choices-from: categories}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: fill
    due: 5 workdays
    materials: found
    compare: {with: [feedback, matter], list: found}
    slots: [handler, secretary]
    exits: {reported: done}
  - {stage: done, title: done, final: true}
"""
FILE = """flow: file
title: {zh: 虚构组织档案, en: an invented organisation file}
materials: {sheet: {title: sheet, fields: {last-election: date}}}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
  election:
    - {after: 0 workdays, do: propose, item: talk, to: {secretary: superior}, whom: responsible}
stages:
  - stage: enter
    due: 5 workdays
    materials: sheet
    slots: secretary
    exits: {entered: standing}
  - stage: standing
    due: {field: last-election, after: 3 years, ladder: election}
    materials: sheet
    slots: secretary
    exits: {elected: enter, ended: {to: gone, needs: reason}}
  - {stage: gone, title: gone, final: true}
"""
HANDLER, SECRETARY = Actor("o1-handler", "handler", "o1"), Actor("o1-secretary", "secretary", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (FEEDBACK, REPORT, FILE):
            made.engine.publish(loads(flow_text(text)))
        yield made


def compared(w: World, item: str) -> list[dict[str, Any]]:
    with w.engine.reading() as connection:
        bodies = [canonical.read(row.body) for row in entries(connection, item)]
    return [e for b in bodies for e in b["effects"] if e["e"] == "compared"]


def test_what_is_known_and_not_reported_is_listed_before_anybody_signs(world: World) -> None:
    for item, category in (("f1", "leak"), ("f2", "leak"), ("f3", "crack")):
        world.engine.open("feedback", "o1", item=item, campaign="inspection-2018", category=category)
    world.engine.open("feedback", "o3", item="f4", campaign="inspection-2018", category="crack")  # a neighbour's
    world.begin("m1")  # an earlier round found a leak here
    world.engine.open("screening", "o1", item="r1", campaign="c2")
    world.engine.submit(
        "r1", HANDLER, {"found": [{"unit": "o1", "category": "leak"}, {"unit": "o2", "category": "crack"}]}
    )
    before = world.entries()
    with pytest.raises(ReasonRequired, match="known of o1: crack 1, leak 2"):
        world.engine.sign("r1", HANDLER, world.case("r1").content)
    assert world.entries() == before
    world.engine.sign("r1", HANDLER, world.case("r1").content, reason="two leaks were mended, as found on the spot")
    (found,) = compared(world, "r1")
    assert found["less"] == {"crack": 1, "leak": 2} and found["told"] == {"leak": 1}
    assert [k["item"] for k in found["known"]] == ["f1", "f2", "f3", "m1"]
    world.sign("r1")  # asked of the first alone: everybody after signs over it
    assert world.case("r1").final and len(compared(world, "r1")) == 1 and world.verify().exit_code == 0


def test_a_report_that_leaves_nothing_out_needs_no_reason(world: World) -> None:
    world.engine.open("feedback", "o1", item="f1", category="leak")
    world.engine.open("screening", "o1", item="r1")
    world.engine.submit(
        "r1", HANDLER, {"found": [{"unit": "o1", "category": "leak"}, {"unit": "o1", "category": "crack"}]}
    )
    world.sign("r1")
    assert compared(world, "r1")[0]["less"] == {}
    wrong = flow_text(REPORT).replace("list: found}", "list: found, field: kind}")
    assert [p.code for p in examine(wrong.encode()).problems] == ["unknown-field"]


def test_a_report_that_is_lighter_than_what_inspectors_found_says_why(world: World) -> None:
    """Source: S0 「上报小问题、容易整改的问题,回避大问题、不好整改的问题」, R059."""
    scaled = REPORT.replace("flow: screening", "flow: scaled").replace(
        "category: {type: choice, choices-from: categories}}",
        "category: {type: choice, choices-from: categories}, severity: {type: choice, choices: [light, medium, grave]}}",
    )
    scaled = scaled.replace(
        "[feedback, matter], list: found", "feedback, list: found, severity: severity, within: 12 months"
    )
    world.engine.publish(loads(flow_text(scaled)))
    grave = {"severity": "grave"}
    world.engine.open("feedback", "o1", item="long-ago", campaign="2017", category="crack", fields=grave)
    world.clock.advance(timedelta(days=370))
    world.engine.open("feedback", "o1", item="f1", campaign="2019", category="leak", fields={"severity": "medium"})
    lines = [
        {"unit": "o1", "category": "leak", "severity": "light"},
        {"unit": "o2", "category": "leak", "severity": "grave"},
    ]
    for item in ("r1", "r2"):
        world.engine.open("scaled", "o1", item=item, campaign=item)
    world.engine.submit("r1", HANDLER, {"found": lines})
    with pytest.raises(ReasonRequired, match="known of o1: severity medium"):
        world.engine.sign("r1", HANDLER, world.case("r1").content)
    world.engine.sign("r1", HANDLER, world.case("r1").content, reason="half of it was mended (invented)")
    (found,) = compared(world, "r1")
    assert found["lighter"] == {"severity": "medium"} and [k["item"] for k in found["known"]] == ["f1"]
    world.engine.submit("r2", HANDLER, {"found": [{**lines[0], "severity": "medium"}]})
    world.engine.sign("r2", HANDLER, world.case("r2").content)
    assert "lighter" not in compared(world, "r2")[0] and world.verify().exit_code == 0


def test_an_overdue_election_proposes_a_finding_by_itself(world: World) -> None:
    """R064: from the file alone; the machine proposes, people decide."""
    world.engine.open("file", "o1", item="file-o1")
    world.engine.submit("file-o1", SECRETARY, {"sheet": {"last-election": "2016-09-16"}})
    world.sign("file-o1")
    world.clock.advance(timedelta(days=30))  # 11 September: three years end on the 16th
    assert tick(world.engine).fired == 0
    world.clock.advance(timedelta(days=7))
    assert tick(world.engine).fired == 1
    with world.engine.reading() as connection:
        bodies = [canonical.read(row.body) for row in entries(connection, "file-o1")]
    (opened,) = [e for b in bodies for e in b["effects"] if e["e"] == "item-opened"]
    case = world.case(opened["item"])
    assert (case.stage, case.fields_["about"]) == ("proposed", "file-o1") and world.case("file-o1").stage == "standing"
