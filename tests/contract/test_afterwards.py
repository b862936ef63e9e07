"""Notices by several channels; look-backs, rebounds and what must be there before a campaign is archived.

Source: S4 「通过召开党员大会、在醒目位置张贴公告等方式」, R162; 「防止旧问题反弹,新问题发生」, R148; 「深究问题根源」, R150;
S0 「长效机制」, R155.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads, orgbook
from workflow.assessments import acceptors
from workflow.clock import local_day
from workflow.definition.load import examine
from workflow.errors import BadMaterial, DateRequired, GateClosed, MaterialMissing, WindowOpen
from workflow.possible import may
from workflow.trace import trace

FLOW = """flow: tracked
title: {zh: 虚构跟踪, en: an invented tracking}
categories: {leak: {zh: 漏水, en: leak}, crack: {zh: 裂缝, en: crack}}
materials:
  card: {title: card, fields: {total: {type: integer, min: 0, max: 100}}}
  cause: {title: {zh: 根源分析, en: root cause}, fields: {root: {type: text, max: 500}}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: work
    duty: {secretary: second}
    due: 5 workdays
    materials: card
    materials-for: {leak: cause}
    slots: {secretary: second}
    score: {material: card, field: total, pass: ">= 70", passed: passed, failed: failed}
    one-by-one: true
    exits: {passed: posted, failed: work}
  - stage: posted
    duty: {department: second}
    due: 10 workdays
    slots: {department: second}
    notice: {content: result, channels: [meeting, board], for: 3 workdays, both-ends: counted, objection: objected}
    exits: {unopposed: closed, objected: work}
  - stage: closed
    duty: {department: second}
    tracking:
      for: 6 months
      longer: {leak: 12 months}
      look-backs: [90 days]
      by: {department: second}
      held: held
      rebound: rebound
      dated: true
    exits: {held: archived, rebound: work}
  - {stage: archived, title: archived, final: true}
"""
ARCHIVE = """flow: archive
title: {zh: 虚构归档, en: an invented archiving}
materials:
  lessons: {title: {zh: 经验教训, en: lessons}, fields: {text: {type: text, max: 500}}}
  long-term: {title: {zh: 长效机制, en: long-term measures}, kind: list, at-least: 1, fields: {measure: text}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: archive
    due: 30 days
    materials: [lessons, long-term]
    gate: {everyone: {flow: tracked, in: [closed, archived]}}
    slots: secretary
    exits: {archived: done}
  - {stage: done, title: done, final: true}
"""
ABOVE, OFFICE = Actor("s1-secretary", "secretary", "s1"), Actor("s1-department", "department", "s1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (FLOW, ARCHIVE):
            made.engine.publish(loads(flow_text(text)))
        yield made


def posted(w: World, item: str, category: str = "crack") -> str:
    """An item accepted, whose result is to be posted."""
    w.engine.open("tracked", "o1", item=item, campaign="c1", category=category)
    return accepted(w, item)


def accepted(w: World, item: str) -> str:
    w.engine.submit(item, ABOVE, {"card": {"total": 80}})
    if w.case(item).category == "leak":
        w.engine.submit(item, ABOVE, {"cause": {"root": "an invented cause"}})
    w.engine.accept(item, ABOVE, w.case(item).content)
    return item


def put_up(w: World, item: str, *channels: str) -> None:
    for channel in channels:
        w.engine.post_notice(item, OFFICE, "result", channel=channel, place="hall")


def closed(w: World, item: str, category: str = "crack") -> str:
    posted(w, item, category)
    return close(w, item)


def close(w: World, item: str) -> str:
    put_up(w, item, "meeting", "board")
    w.clock.advance(timedelta(days=7))
    w.sign(item)
    assert w.case(item).stage == "closed"
    return item


def test_a_notice_is_posted_by_every_channel_and_the_window_runs_from_the_last(world: World) -> None:
    """Source: S4 「整顿工作全过程要在本村进行公示」, R162, R167, M42."""
    posted(world, "m1")
    with pytest.raises(BadMaterial, match="one of meeting, board"):
        put_up(world, "m1", "rumour")
    put_up(world, "m1", "meeting")
    world.clock.advance(timedelta(days=4))  # Friday: the meeting's own window is over
    with pytest.raises(WindowOpen, match="none by board"):
        world.sign("m1")
    put_up(world, "m1", "board")
    world.clock.advance(timedelta(days=4))  # Tuesday: Friday, Monday and Tuesday count
    with pytest.raises(WindowOpen, match="3 workdays"):
        world.sign("m1")
    world.clock.advance(timedelta(days=1))
    world.sign("m1")
    assert world.case("m1").stage == "closed" and world.verify().exit_code == 0


def test_an_objection_holds_the_item_and_every_channel_posts_again(world: World) -> None:
    posted(world, "m1")
    put_up(world, "m1", "meeting", "board")
    world.engine.object_to("m1", "invented: the pipe still drips")
    world.clock.advance(timedelta(days=14))
    world.sign("m1")
    assert (world.case("m1").stage, world.case("m1").round) == ("work", 1)
    accepted(world, "m1")
    put_up(world, "m1", "board")
    world.clock.advance(timedelta(days=14))
    with pytest.raises(WindowOpen, match="none by meeting"):  # that of before the objection does not count
        world.sign("m1")
    close(world, "m1")


def test_a_category_that_comes_back_easily_needs_its_root_cause_and_is_tracked_longer(world: World) -> None:
    """R150."""
    world.engine.open("tracked", "o1", item="m1", campaign="c1", category="leak")
    world.engine.submit("m1", ABOVE, {"card": {"total": 80}})
    with pytest.raises(MaterialMissing, match="cause"):
        world.engine.accept("m1", ABOVE, world.case("m1").content)
    world.engine.submit("m1", ABOVE, {"cause": {"root": "an invented cause"}})
    world.engine.accept("m1", ABOVE, world.case("m1").content)
    close(world, "m1")
    closed(world, "m2")
    ends = [world.case(m).slots[-1].not_before // 86_400_000_000 for m in ("m1", "m2")]
    assert 170 < ends[0] - ends[1] < 186  # twelve months against six, begun seven days earlier
    world.engine.open("tracked", "o1", item="m3", campaign="c1", category="crack")
    with pytest.raises(MaterialMissing):
        world.engine.submit("m3", ABOVE, {"cause": {"root": "not asked for"}})
    wrong = (
        flow_text(FLOW).replace("materials-for: {leak", "materials-for: {leek").replace("longer: {leak", "longer: {lek")
    )
    assert [p.code for p in examine(wrong.encode()).problems] == ["unknown-category", "unknown-category"]


def test_a_rebound_reopens_the_same_item_and_stale_evidence_does_not(world: World) -> None:
    """Source: S4 「加强对验收合格党支部的动态跟踪管理」, R148, M41."""
    closed(world, "m1")
    world.clock.advance(timedelta(days=30))
    seen = world.case("m1").content
    for on in ("", "2019-08-18"):  # it was closed out on the 19th
        with pytest.raises(DateRequired, match="not before 2019-08-19"):
            world.engine.reopen("m1", OFFICE, seen, "it drips", on=on)
    with world.engine.desk() as desk:
        assert next(p for p in may(desk, "m1", OFFICE) if p.verb == "reopen").refusal is None
    world.clock.advance(timedelta(days=60))
    with pytest.raises(DateRequired, match="not before 2019-08-19"):
        world.engine.look_back("m1", OFFICE, seen, outcome="rebound", on="2019-08-18")
    world.engine.look_back("m1", OFFICE, seen, outcome="rebound", on="2019-09-10")
    case = world.case("m1")
    assert (case.stage, case.round, case.materials) == ("work", 2, {})
    accepted(world, "m1")
    with world.engine.desk() as desk:
        by = acceptors(desk, "m1", world.clock.now())
        found = trace(desk, "m1", world.clock.now())
    assert [(r, s.person, s.stage) for r, rows in by.items() for s in rows] == [
        (1, "s1-secretary", "work"),
        (2, "s1-secretary", "work"),
    ]
    assert "s1-secretary" in str(found.record()) and world.verify().exit_code == 0


def test_an_organisation_dissolved_while_it_is_tracked_leaves_its_item_to_the_successor(world: World) -> None:
    """Source: S1 「防止“边建边散”」, R154: the item records it, and is looked back at where it went."""
    closed(world, "m1")
    world.clock.advance(timedelta(days=5))
    day = local_day(world.clock.now(), "Asia/Shanghai").isoformat()
    before = world.entries("m1")
    with world.engine.desk() as desk:
        done = orgbook.dissolve(desk, ABOVE, "dissolved again", unit="o1", successor="o3", on=day)
    assert done.items == ("m1",) and world.entries("m1") == before + 1
    case = world.case("m1")
    assert (case.unit, case.stage, case.open_slots[0].kind) == ("o3", "closed", "look-back")
    world.clock.advance(timedelta(days=90))
    world.engine.look_back("m1", OFFICE, case.content, outcome="held")
    assert world.verify().exit_code == 0


def test_a_new_problem_is_a_new_item_that_names_the_old_one(world: World) -> None:
    closed(world, "m1")
    world.engine.open("tracked", "o1", item="m2", campaign="c1", category="leak", fields={"about": "m1"})
    assert (world.case("m1").stage, world.case("m2").round) == ("closed", 1)
    with world.engine.desk() as desk:
        found = trace(desk, "m2", world.clock.now()).record()
    assert "m1" in str(found) and "s1-secretary" in str(found)


def test_a_campaign_is_archived_with_its_lessons_when_every_item_is_closed(world: World) -> None:
    """R155: no archive without lessons and long-term measures; no archive over an open item.

    Source: S4 「同时」, R107.
    """
    by = Actor("g1-secretary", "secretary", "g1")
    world.engine.open("archive", "g1", item="a1", campaign="c1")
    papers = {"lessons": {"text": "an invented lesson"}, "long-term": [{"measure": "an invented rule"}]}
    with pytest.raises(GateClosed, match="none was opened"):
        world.engine.submit("a1", by, papers)
    posted(world, "m1")
    with pytest.raises(GateClosed, match=r"m1 \(posted\)"):
        world.engine.submit("a1", by, papers)
    close(world, "m1")
    world.engine.open("tracked", "o3", item="x", campaign="c2", category="crack")  # another batch runs beside it
    world.engine.submit("a1", by, {"lessons": papers["lessons"]})
    with pytest.raises(MaterialMissing, match="long-term"):
        world.sign("a1")
    world.engine.submit("a1", by, {"long-term": papers["long-term"]})
    posted(world, "m2")
    with pytest.raises(GateClosed, match="m2"):  # opened since the papers were handed in
        world.sign("a1")
    close(world, "m2")
    world.sign("a1")
    assert world.case("a1").final and world.verify().exit_code == 0
