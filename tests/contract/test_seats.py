"""What only so many items have at once has numbered places: the second of two at the same moment is refused.

Source: S2 「对定格为优秀党支部档次中的前三名颁发……流动红旗」, R094; S4 「指派工委科级干部专人包抓」, R180.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.test_first_three import award, graded
from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads, orgbook
from workflow.clock import local_day
from workflow.definition.load import load
from workflow.definition.shipped import shipped_flow
from workflow.errors import Conflict, LimitReached
from workflow.store import items
from workflow.store import tables as t

GUIDED = """flow: guided
title: {zh: 示例, en: invented}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: named
    due: 5 workdays
    duty: {secretary: third}
    needs: {assigned: {officer: {sole: true}}}
    slots: {secretary: third}
    exits: {named: work}
  - {stage: work, due: 20 workdays, slots: secretary, exits: {done: done}}
  - {stage: done, final: true}
"""
BY, OFFICER = Actor("t1-secretary", "secretary", "t1"), Actor("t1-department", "department", "t1")
OTHER = Actor("t2-department", "department", "t2")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(load(shipped_flow("quarterly-appraisal")))
        made.engine.publish(loads(flow_text(GUIDED)))
        yield made


def seats(w: World) -> list[tuple[str, int, str]]:
    with w.engine.reading() as connection:
        return [tuple(r) for r in connection.execute(sa.select(t.seat).order_by(t.seat.c.seat, t.seat.c.n))]


def test_two_awards_at_one_instant_do_not_take_one_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [graded(world, unit) for unit in ("o3", "t1", "t2")]
    award(world, made[0])
    world.sign(made[1], outcome="awarded")
    before = world.entries()
    with monkeypatch.context() as patched:
        patched.setattr(items, "seats", lambda *_: [])  # what it saw before the other was committed
        with pytest.raises(Conflict, match="place 1 of first/quarterly-appraisal/2019-Q3/flag-holder"):
            world.sign(made[1])
    assert world.entries() == before
    world.sign(made[1])
    place = "first/quarterly-appraisal/2019-Q3/flag-holder"
    assert seats(world) == [(place, 1, made[0]), (place, 2, made[1])]
    assert world.verify().exit_code == 0


def test_an_officer_is_dedicated_to_one_open_item_and_free_when_replaced_or_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item, unit in (("gd-1", "o1"), ("gd-2", "o3")):
        world.engine.open("guided", unit, item=item, campaign="c1")
    world.engine.name_lead("gd-1", BY, OFFICER, role="officer")
    with monkeypatch.context() as patched:
        patched.setattr(items, "seats", lambda *_: [])
        with pytest.raises(Conflict):
            world.engine.name_lead("gd-2", BY, OFFICER, role="officer")
    with pytest.raises(LimitReached) as refused:
        world.engine.name_lead("gd-2", BY, OFFICER, role="officer")
    assert "gd-1" not in refused.value.text("en") and "专人包抓" in refused.value.text("zh")
    world.engine.name_lead("gd-1", BY, OTHER, role="officer")  # replaced: free
    world.engine.name_lead("gd-2", BY, OFFICER, role="officer")
    world.through("gd-1")
    world.through("gd-1")
    assert world.case("gd-1").final and seats(world) == [("sole/t1-department", 1, "gd-2")]
    assert world.verify().exit_code == 0


def test_one_person_under_two_ids_is_dedicated_once(world: World) -> None:
    for item, unit in (("gd-1", "o1"), ("gd-2", "o3")):
        world.engine.open("guided", unit, item=item, campaign="c1")
    world.engine.name_lead("gd-1", BY, OFFICER, role="officer")
    with world.engine.desk() as desk:
        above = Actor("g1-secretary", "secretary", "g1")
        day = local_day(world.clock.now(), "Asia/Shanghai").isoformat()
        orgbook.merge_persons(desk, above, "one and the same", person="t1-department", into="t2-department", on=day)
    with pytest.raises(LimitReached):
        world.engine.name_lead("gd-2", BY, OTHER, role="officer")


def test_a_place_that_the_entries_do_not_give_is_found(world: World) -> None:
    world.engine.open("guided", "o1", item="gd-1", campaign="c1")
    world.engine.name_lead("gd-1", BY, OFFICER, role="officer")
    with world.engine.desk() as desk:
        desk.connection.execute(sa.text("UPDATE wf_seat SET n = 2"))
    report = world.verify()
    assert report.exit_code == 1 and any(f.detail.startswith("seats") for f in report.failures)
