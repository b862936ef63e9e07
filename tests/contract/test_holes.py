"""What a careless or malicious host could try with acts of its own making: each is refused, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import GOOD_VOTE, MEASURES, SHEET, World, worlds
from workflow import Actor
from workflow.acts import Open, RecordTally, Submit
from workflow.errors import (
    BadMaterial,
    ContentMissing,
    MaterialMissing,
    NoSuchExit,
    OutOfTurn,
    WorkflowError,
    WrongMeaning,
)
from workflow.evidence import canonical

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
