"""What people arranged at a place goes along with a live item, or keeps it on its version; nothing is dropped unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.test_migration import TOP, holds, moved
from tests.contract.world import SHEET, SHEETS, World, flow_text, worlds
from workflow import Actor, loads, migration
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.errors import Refused
from workflow.store.tables import metadata
from workflow.sweep import ATTEMPTS, parked, retry, tick

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
OTHER = Actor("o1-scrutineer", "secretary", "o1")
ABOVE, OFFICE = Actor("s1-secretary", "secretary", "s1"), Actor("s1-department", "department", "s1")
BRANCH = "branch: [handler, {secretary: own, delegable: true}]"
LONGER_BRANCH = (BRANCH, BRANCH.replace("}]", "}, handler]"))
LONGER_LEVEL = ("minutes: required}, secretary]", "minutes: required}, secretary, handler]")
WHY = "an invented reason"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(SHEETS)))
        made.engine.open("sheets", "o1", item="m1")
        made.engine.submit("m1", HANDLER, SHEET)
        yield made


def version(world: World, *changes: tuple[str, str]) -> Definition:
    text = flow_text(SHEETS, "2")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    made = loads(text)
    world.engine.put_in_force(made, TOP, "the office decided so")
    return made


def stays(world: World, to: Definition, said: str) -> None:
    """It is refused, the plan says so beforehand, and the item is as it was."""
    before = world.case("m1")
    (one,) = migration.plan(world.engine, "sheets", "2", TOP).items
    assert one.refusal is not None and said in str(one.refusal)
    with pytest.raises(Refused, match=said):
        moved(world, "m1", to)
    assert world.case("m1") == before
    assert holds(world)


def state(case: Case, key: str) -> str:
    slot = case.slot(key)
    assert slot is not None
    return slot.state


def up_to(world: World, key: str) -> None:
    while world.case("m1").open_slots[0].key != key:
        world.sign("m1")


def seen(world: World) -> str:
    return world.case("m1").content


def test_a_version_with_several_ways_out_takes_no_item_that_is_signed_without_naming_one(world: World) -> None:
    """Whoever signs first names the way out, and everybody after signs over it: nobody could name it any more."""
    world.sign("m1")
    stays(world, version(world, ("exits: {done: check,", "exits: {done: check, dropped: archived,")), "named none")


def test_a_delegated_place_goes_along_with_whoever_it_was_delegated_to(world: World) -> None:
    world.sign("m1")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    before = world.case("m1").slot("2")
    after = moved(world, "m1", version(world, LONGER_BRANCH))
    assert after.slot("2") == before and before is not None and before.delegate == "o1-scrutineer"
    world.sign("m1", by=OTHER)
    assert world.case("m1").open_slots[0].post == "handler"
    assert holds(world)


def test_a_delegated_place_that_the_new_chain_lacks_keeps_the_item_on_its_version(world: World) -> None:
    world.sign("m1")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    to = version(world, (BRANCH, "branch: [handler, department]"))
    stays(world, to, "recall it first")
    world.engine.recall("m1", SECRETARY, seen(world), "2")
    assert moved(world, "m1", to).open_slots[0].post == "department"
    assert holds(world)


def test_a_place_passed_over_stays_passed_over(world: World) -> None:
    up_to(world, "4")
    world.engine.ask_override("m1", OFFICE, seen(world), "4", WHY)
    to = version(world, LONGER_LEVEL)
    stays(world, to, "asked to pass over")
    world.engine.override("m1", ABOVE, seen(world), "4", WHY)
    after = moved(world, "m1", to)
    assert (state(after, "4"), state(after, "5")) == ("overridden", "open")
    assert holds(world)
    assert world.through("m1").stage == "check"
    assert holds(world)


def test_a_place_passed_over_before_anybody_signed_is_not_opened_again(world: World) -> None:
    world.engine.ask_override("m1", OFFICE, seen(world), "1", WHY)
    world.engine.override("m1", ABOVE, seen(world), "1", WHY)
    after = moved(world, "m1", version(world, LONGER_LEVEL))
    assert (state(after, "1"), state(after, "2")) == ("overridden", "open")
    assert holds(world)


def test_an_item_that_rests_keeps_the_clock_of_whoever_must_see_that_it_goes_on(world: World) -> None:
    world.engine.suspend("m1", ABOVE, seen(world), "a court decides first")
    before = world.case("m1")
    assert "report/1/suspend-1" in before.dues
    after = moved(world, "m1", version(world, LONGER_LEVEL))
    assert after.dues == before.dues and after.suspended == before.suspended
    world.clock.advance(timedelta(days=7))
    world.engine.activate("m1", OFFICE, seen(world), "it has decided")
    assert list(world.case("m1").dues) == ["report/1"]
    world.sign("m1")
    assert holds(world)


def test_an_item_that_rests_does_not_move_where_nobody_could_activate_it_or_its_dates_change(world: World) -> None:
    world.engine.suspend("m1", ABOVE, seen(world), "a court decides first")
    text = SHEETS[SHEETS.index("suspend:") : SHEETS.index("materials:")]
    stays(world, version(world, (text, "")), "activate")


def test_a_span_that_stands_still_is_not_counted_anew(world: World) -> None:
    world.engine.suspend("m1", ABOVE, seen(world), "a court decides first")
    stays(world, version(world, ("due: 20 workdays", "due: 15 workdays")), "paused")


def test_a_signature_in_ink_stays_one(world: World) -> None:
    world.sign("m1")
    world.clock.advance(timedelta(days=1))
    world.engine.sign_in_ink("m1", SECRETARY, seen(world), scan=b"a scan", on="2019-08-12", registrar=HANDLER)
    before = [s for s in world.case("m1").slots if s.state == "signed"]
    after = moved(world, "m1", version(world, LONGER_LEVEL))
    assert [s for s in after.slots if s.state == "signed"] == before
    assert world.verify().strengths["WET"] == 1
    assert holds(world)


def test_the_date_of_a_return_goes_along(world: World) -> None:
    up_to(world, "3")
    by = world.actor(world.case("m1").open_slots[0])
    world.engine.send_back("m1", by, seen(world), WHY, to="2", due="2019-09-02")
    before = world.case("m1").dues
    assert "report/1/rework-1" in before
    after = moved(world, "m1", version(world, LONGER_LEVEL))
    assert after.dues == before
    assert holds(world)


def test_a_parked_rung_stays_in_the_list_of_those_that_wait_for_somebody(world: World) -> None:
    due = metadata.tables["wf_due"]
    with world.engine.desk() as desk:
        desk.connection.execute(due.update().values(attempts=ATTEMPTS))
    assert [p.item for p in parked(world.engine)] == ["m1"]
    moved(world, "m1", version(world, ("due: 20 workdays", "due: 15 workdays")))
    world.clock.advance(timedelta(days=60))
    listed = [p.item for p in parked(world.engine)]
    fired = tick(world.engine).fired
    assert (listed, fired) in ((["m1"], 0), ([], 1))  # never neither: it waits for somebody, or it fires
    if listed:
        assert [p.item for p in retry(world.engine)] == ["m1"] and tick(world.engine).fired == 1
    assert holds(world)


def test_a_batch_taken_back_gives_the_delegate_the_place_again(world: World) -> None:
    world.sign("m1")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    before = world.case("m1")
    version(world, LONGER_BRANCH)
    body = migration.plan(world.engine, "sheets", "2", TOP).body
    assert migration.apply(world.engine, body, TOP, WHY).moved == ["m1"]
    back = migration.roll_back(world.engine, body, TOP)
    assert migration.apply(world.engine, back.body, TOP, WHY).moved == ["m1"]
    after = world.case("m1")
    assert (after.slots, after.dues, after.definition) == (before.slots, before.dues, before.definition)
    assert holds(world)
