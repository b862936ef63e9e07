"""What a careless or malicious host could try with acts of its own making: each is refused, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import BAD_VOTE, GOOD_VOTE, MEASURES, SHEET, World, worlds
from workflow import Actor
from workflow.acts import MoveItem, Open, RecordTally, Submit
from workflow.errors import (
    Avoidance,
    BadMaterial,
    BadSignature,
    ContentMissing,
    DateRequired,
    MaterialMissing,
    NoSuchExit,
    OutOfTurn,
    SamePerson,
    WindowOpen,
    WorkflowError,
    WrongMeaning,
)
from workflow.evidence import canonical
from workflow.rules.opening import item_id
from workflow.store.items import entries

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def refused(world: World, error: type[WorkflowError], item: str, act: Submit) -> None:
    before = world.entries()
    with pytest.raises(error):
        world.engine.act(act)
    assert world.entries() == before


def test_a_tally_whose_figures_are_not_those_of_the_sheet_is_refused(world: World) -> None:
    world.walk_to("vote", "m1")
    sheet = {"eligible": 20, "voted": 18, "aware": 1, "dissatisfied": 17}
    kept = world.engine.contents.put(canonical.encode(sheet))
    by = Actor("o1-scrutineer", "scrutineer", "o1")
    lie = RecordTally(item="m1", by=by, materials={"votes": kept}, figures={"votes": GOOD_VOTE["votes"]})
    refused(world, BadMaterial, "m1", lie)
    refused(world, MaterialMissing, "m1", replace(lie, materials={}))
    refused(world, ContentMissing, "m1", replace(lie, materials={"votes": "sha256:" + "0" * 64}))


def test_a_list_cannot_be_called_shorter_than_it_is_nor_closed_when_it_was_not(world: World) -> None:
    world.walk_to("work", "m1")
    kept = world.engine.contents.put(canonical.encode(MEASURES["measures"]))
    honest = Submit(item="m1", by=SECRETARY, materials={"measures": kept}, figures={"measures": {"lines": 2}})
    refused(world, BadMaterial, "m1", replace(honest, figures={"measures": {"lines": 0}}))
    refused(world, BadMaterial, "m1", replace(honest, figures={"measures": {"lines": 2, "closed": [1, 2]}}))


@pytest.mark.parametrize("outcome", ["returned", "refused", "objected", "passed"])
def test_an_exit_that_another_kind_of_act_takes_is_not_chosen(world: World, outcome: str) -> None:
    stage = {"objected": "published", "passed": "vote"}.get(outcome, "plan")
    case = world.walk_to(stage, "m1")
    world.clock.advance(timedelta(days=14))  # past the window of a notice
    with pytest.raises(NoSuchExit):
        world.engine.sign("m1", world.actor(case.open_slots[0]), case.content, outcome=outcome)
    assert world.case("m1").stage == stage


def test_nobody_is_let_in_behind_an_investigation_that_no_report_made(world: World) -> None:
    with pytest.raises(WrongMeaning, match="opened behind it"):
        world.engine.act(Open(item="m1", flow="matter", unit="o1", enter="found"))


def test_a_notice_is_posted_by_somebody_of_the_line(world: World) -> None:
    world.walk_to("plan", "m1")
    stranger = Actor("t2-secretary", "secretary", "t2")
    with pytest.raises(OutOfTurn):
        world.engine.post_notice("m1", stranger, "plan", channel="board", place="hall")


def test_papers_of_another_item_stay_there(world: World) -> None:
    world.begin("m1")
    world.begin("m2", "o3")
    with pytest.raises(OutOfTurn):
        world.engine.submit("m2", HANDLER, SHEET, outcome="found")


def test_only_a_change_of_units_moves_an_item(world: World) -> None:
    world.begin("m1")
    with pytest.raises(WrongMeaning, match="change of units"):
        world.engine.act(MoveItem(item="m1", gone="s1", successor="t1"))


@pytest.mark.parametrize("item", ["", "view:m1", "org", "a\x00b", "x" * 65, item_id("m1", "report/1", "2")])
def test_an_id_of_the_engines_own_or_of_no_use_is_refused(world: World, item: str) -> None:
    with pytest.raises(WrongMeaning):
        world.engine.open("matter", "o1", item=item)


def test_handing_over_does_not_make_one_person_two(world: World) -> None:
    world.begin("m1")
    while world.case("m1").open_slots[0].unit != "t1":
        world.sign("m1")
    department = Actor("t1-department", "handler", "t1")
    world.sign("m1", by=department)
    slot = world.case("m1").open_slots[0]
    world.engine.transfer("m1", Actor("t1-department", "department", "t1"), slot.key, "t1", "handler")
    with pytest.raises(SamePerson):
        world.sign("m1", by=department)


def test_one_more_signer_beside_does_not_let_the_others_abstain(world: World) -> None:
    world.begin("m1")
    world.engine.add_signer("m1", HANDLER, "1", "t1", "department", "beside")
    with pytest.raises(WrongMeaning, match="in a group that votes"):
        world.engine.sign("m1", HANDLER, world.case("m1").content, opinion="…", vote="abstain")


def test_whoever_was_lead_stands_aside_even_after_another_was_named(world: World) -> None:
    world.walk_to("acceptance", "m1")
    superior = Actor("t1-secretary", "secretary", "t1")
    accepting = Actor("s1-secretary", "secretary", "s1")
    world.engine.name_lead("m1", superior, accepting)
    world.engine.name_lead("m1", superior, Actor("t1-handler", "handler", "t1"))
    with pytest.raises(Avoidance):
        world.engine.accept("m1", accepting, world.case("m1").content)


def test_the_moment_of_a_statement_is_not_made_up(world: World) -> None:
    world.begin("m1")
    seen = world.case("m1").content
    with pytest.raises(BadSignature):
        world.engine.sign("m1", HANDLER, seen, opinion="…", proof={"nonce": "0" * 24, "at": 1})
    world.engine.sign("m1", HANDLER, seen, opinion="…", proof={"at": 4_102_444_800_000_000})
    with world.engine.reading() as connection:
        body = canonical.read(entries(connection, "m1")[-1].body)
    assert body["statement"]["at"] == body["at"] == world.clock.now()


def test_a_date_that_is_none_is_refused_in_a_sentence(world: World) -> None:
    world.walk_to("vote", "m1")
    scrutineer = Actor("o1-scrutineer", "scrutineer", "o1")
    world.engine.record_tally("m1", scrutineer, BAD_VOTE)
    world.sign("m1")
    for due in ("20190101", "zzz", "2019-08-01"):
        with pytest.raises(DateRequired):
            world.sign("m1", due=due)


def test_posting_again_does_not_make_an_objection_go_away(world: World) -> None:
    world.walk_to("published", "m1")
    department = Actor("s1-department", "department", "s1")
    world.engine.object_to("m1", "the pipe still drips")
    with pytest.raises(WindowOpen):
        world.engine.post_notice("m1", department, "result", channel="board", place="hall")
    world.clock.advance(timedelta(days=14))
    world.sign("m1")
    assert world.case("m1").stage == "acceptance"
    world.through("m1")
    world.engine.post_notice("m1", department, "result", channel="board", place="hall")
    world.clock.advance(timedelta(days=14))
    world.through("m1")
    assert world.case("m1").stage == "closed"
