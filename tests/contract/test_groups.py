"""Places that sign side by side, by quorum and in nested turn, through the engine. Source: M46."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads
from workflow.errors import OutOfTurn, WrongMeaning
from workflow.trace import trace

JOINT = """flow: joint
title: {zh: 示例联审, en: an invented joint review}
stages:
  - stage: review
    duty: secretary
    slots:
      - handler
      - together: [{department: third}, {department: second}, {department: group}]
        need: ">= 2/3"
        veto: [department]
      - {secretary: second}
    exits: {passed: done, refused: dropped}
  - stage: done
    final: true
  - stage: dropped
    final: true
"""
PLAIN = JOINT.replace("flow: joint", "flow: plain").replace("        veto: [department]\n", "")
RESTARTING = (
    PLAIN.replace("flow: plain", "flow: restarting")
    .replace(", refused: dropped", "")
    .replace("  - stage: dropped\n    final: true\n", "")
)
HANDLER = Actor("o1-handler", "handler", "o1")


def department(unit: str) -> Actor:
    return Actor(f"{unit}-department", "department", unit)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (JOINT, PLAIN, RESTARTING):
            made.engine.publish(loads(flow_text(text)))
        yield made


def begun(world: World, flow: str) -> None:
    world.engine.open(flow, "o1", item="m1")
    vote(world, HANDLER)


def vote(world: World, by: Actor, cast: str = "") -> None:
    world.engine.sign("m1", by, world.case("m1").content, vote=cast)


def open_now(world: World) -> list[str]:
    return [f"{s.post}@{s.unit}" for s in world.case("m1").open_slots]


def test_whoever_signs_after_a_group_is_not_said_to_have_closed_it_and_may_take_it_back(world: World) -> None:
    """What was needless or passed over before a signature stays so when that signature goes. Source: R037, R041."""
    begun(world, "plain")
    vote(world, department("g1"), "agree")
    vote(world, department("t1"), "agree")
    superior = Actor("s1-secretary", "secretary", "s1")
    world.engine.add_signer("m1", superior, "5", "g1", "secretary", "after")
    vote(world, superior)
    with world.engine.look() as desk:
        found = trace(desk, "m1", world.clock.now()).root
    assert [r.person for r in found.signers if "early-closed" in r.marks] == ["t1-department"]
    assert [(i.kind, i.persons) for i in found.irregular] == [
        ("early-closed", ("t1-department",)),
        ("signer-added", ("s1-secretary",)),
    ]
    world.engine.withdraw("m1", superior, "5")
    assert [s.state for s in world.case("m1").slots[:5]] == ["signed", "signed", "not-needed", "signed", "open"]
    vote(world, superior)
    report = world.verify()
    assert report.holds and report.rules == "hold"


def test_taking_a_vote_back_that_decided_a_group_opens_it_again_to_the_rest(world: World) -> None:
    begun(world, "plain")
    vote(world, department("g1"), "agree")
    vote(world, department("t1"), "agree")
    world.engine.withdraw("m1", department("t1"), "2")
    assert open_now(world) == ["department@t1", "department@s1"]
    vote(world, department("s1"), "agree")
    assert open_now(world) == ["secretary@s1"]
    report = world.verify()
    assert report.holds and report.rules == "hold"


def test_a_group_opens_together_and_two_of_three_are_enough(world: World) -> None:
    begun(world, "plain")
    assert open_now(world) == ["department@t1", "department@s1", "department@g1"]
    vote(world, department("g1"), "agree")
    vote(world, department("t1"))
    assert open_now(world) == ["secretary@s1"]
    assert [s.state for s in world.case("m1").slots] == ["signed", "signed", "not-needed", "signed", "open"]
    with pytest.raises(OutOfTurn, match="not-needed"):
        vote(world, department("s1"))
    vote(world, Actor("s1-secretary", "secretary", "s1"))
    assert world.case("m1").stage == "done"
    assert world.verify().holds
    assert world.verify().rules == "hold"


def test_a_quorum_out_of_reach_leaves_by_refused(world: World) -> None:
    begun(world, "plain")
    vote(world, department("t1"), "against")
    assert world.case("m1").stage == "review"
    vote(world, department("s1"), "abstain")
    assert world.case("m1").stage == "dropped"
    assert world.verify().holds


def test_a_veto_ends_it_at_once(world: World) -> None:
    begun(world, "joint")
    vote(world, department("t1"), "against")
    assert world.case("m1").stage == "dropped"


def test_without_such_an_exit_a_refusal_starts_the_chain_anew_and_keeps_what_was_signed(world: World) -> None:
    begun(world, "restarting")
    vote(world, department("t1"), "against")
    vote(world, department("g1"), "against")
    assert open_now(world) == ["handler@o1"]
    assert {s.state for s in world.case("m1").slots} == {"open", "waiting"}
    assert world.entries("m1") == 4
    assert world.verify().holds


AT_ONCE = """flow: at-once
title: {zh: 示例会签, en: an invented signing side by side}
stages:
  - stage: review
    duty: secretary
    slots: [{together: [handler, {department: third}]}, {secretary: second}]
    exits: {passed: done}
  - stage: done
    final: true
"""


@pytest.mark.parametrize("first", [HANDLER, department("t1")])
def test_a_group_at_the_beginning_that_votes_against_signs_anew_and_nobody_is_left_out(
    world: World, first: Actor
) -> None:
    """Whoever votes against, everybody of the group has the place again: no stage is left waiting for nobody."""
    world.engine.publish(loads(flow_text(AT_ONCE)))
    world.engine.open("at-once", "o1", item="m1")
    vote(world, first, "against")
    assert open_now(world) == ["handler@o1", "department@t1"]
    vote(world, HANDLER)
    vote(world, department("t1"), "against")  # the second voice takes the first back, which stays on record
    assert open_now(world) == ["handler@o1", "department@t1"]
    for each in (HANDLER, department("t1"), Actor("s1-secretary", "secretary", "s1")):
        vote(world, each)
    assert world.case("m1").stage == "done"
    assert world.verify().holds and world.verify().rules == "hold"


def test_a_return_out_of_a_group_supersedes_its_siblings_and_opens_the_handler(world: World) -> None:
    begun(world, "plain")
    vote(world, department("t1"))
    world.engine.send_back("m1", department("s1"), world.case("m1").content, "figures do not add up")
    assert open_now(world) == ["handler@o1"]
    vote(world, HANDLER)
    assert open_now(world) == ["department@t1", "department@s1", "department@g1"]
    assert world.verify().holds


def test_who_stands_alone_in_turn_does_not_vote(world: World) -> None:
    world.engine.open("matter", "o1", item="m1", campaign="c1")
    with pytest.raises(WrongMeaning, match="in a group that votes"):
        vote(world, HANDLER, "against")


BRANCHES = """flow: branches
title: {zh: 示例分支, en: invented branches}
chains:
  both:
    steps:
      - together: [{in-turn: [{department: third}, {secretary: third}]}, {department: second}]
        need: all
      - {secretary: second}
    return: {to: any}
stages:
  - stage: review
    duty: secretary
    chain: both
    exits: {passed: done}
  - stage: done
    final: true
"""


def test_a_return_inside_a_group_supersedes_what_signed_behind_it_and_leaves_what_signs_beside_it(world: World) -> None:
    world.engine.publish(loads(flow_text(BRANCHES)))
    world.engine.open("branches", "o1", item="m1")
    secretary = Actor("t1-secretary", "secretary", "t1")
    vote(world, department("s1"))
    vote(world, department("t1"))
    world.engine.send_back("m1", secretary, world.case("m1").content, "look again", to="1")
    assert [s.state for s in world.case("m1").slots] == ["open", "waiting", "signed", "waiting"]
    with pytest.raises(OutOfTurn):  # nothing signs before the first of a branch but what signs beside it
        world.engine.send_back("m1", department("t1"), world.case("m1").content, "nobody before me")
    vote(world, department("t1"))
    vote(world, secretary)
    vote(world, Actor("s1-secretary", "secretary", "s1"))
    assert world.case("m1").final and world.verify().rules == "hold"
