"""What was signed at a unit that is no more, and is sent back: its successor signs anew, under its own name.

Source: S1 「7月底前撤销非公有制经济组织党工委、社会组织党工委,成立新兴组织党工委」, R070.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import SHEET, World, worlds
from workflow import Actor, orgbook
from workflow.clock import local_day
from workflow.errors import NotHolder, OutOfTurn, WrongMeaning
from workflow.trace import trace

ABOVE, TOP = Actor("s1-secretary", "secretary", "s1"), Actor("g1-secretary", "secretary", "g1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def dissolved(world: World, unit: str, successor: str, by: Actor = ABOVE) -> tuple[str, ...]:
    world.clock.advance(timedelta(days=1))
    on = local_day(world.clock.now(), "Asia/Shanghai").isoformat()
    with world.engine.desk() as desk:
        return orgbook.dissolve(desk, by, "an invented reform", unit=unit, on=on, successor=successor).items


def places(world: World) -> list[str]:
    return [f"{s.post}@{s.unit} {s.state}" for s in world.case("m1").slots[:3]]


def test_what_is_sent_back_is_signed_anew_at_the_successor(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    world.sign("m1")
    assert dissolved(world, "o1", "o3") == ("m1",)
    assert places(world) == ["handler@o1 signed", "secretary@o1 signed", "handler@t1 open"]  # signed under the old name
    seen = world.case("m1").content
    world.engine.send_back("m1", Actor("t1-handler", "handler", "t1"), seen, "look again")
    assert places(world) == ["handler@o3 open", "secretary@o3 waiting", "handler@t1 waiting"]
    with pytest.raises(OutOfTurn):  # nobody signs any more for a unit that is no more
        world.engine.sign("m1", Actor("t1-handler", "handler", "o1"), seen, opinion="agreed")
    world.engine.submit("m1", Actor("o3-handler", "handler", "o3"), SHEET, outcome="found")
    world.sign("m1")
    world.sign("m1")
    assert places(world)[1] == "secretary@o3 signed"
    with world.engine.look() as desk:
        found = trace(desk, "m1", world.clock.now()).root
    assert [(s.person, s.unit, s.superseded) for s in found.signers] == [
        ("o1-handler", "o1", True),
        ("o1-secretary", "o1", True),
        ("o3-handler", "o3", False),
        ("o3-secretary", "o3", False),
    ]
    report = world.verify()
    assert report.holds and report.rules == "hold"


def test_whoever_follows_the_successor_signs_what_is_sent_back_later(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    dissolved(world, "o1", "o3")
    dissolved(world, "o3", "o2")
    assert places(world) == ["handler@o1 signed", "secretary@o2 open", "handler@t1 waiting"]
    with world.engine.desk() as desk:
        assert orgbook.follow(desk, "o1") == () and orgbook.follow(desk, "o3") == ()
    holder = Actor("t1-secretary", "secretary", "o2")  # o2 has nobody: the superior answers
    world.engine.send_back("m1", holder, world.case("m1").content, "look again")
    assert places(world) == ["handler@o2 open", "secretary@o2 waiting", "handler@t1 waiting"]
    assert [s.was for s in world.case("m1").slots[:2]] == ["o1", "o1"]  # two persons at one unit stay two
    assert world.verify().rules == "hold"


def test_a_level_of_the_line_that_is_dissolved_signs_what_is_sent_back_no_more(world: World) -> None:
    """The item is of another unit, and nothing of it waits at the one that goes: it moves all the same."""
    world.begin("m1")
    while world.case("m1").open_slots[0].unit != "s1":
        world.sign("m1")
    at_t1 = [s.key for s in world.case("m1").slots if s.unit == "t1"]
    assert dissolved(world, "t1", "t2") == ("m1",)
    by = Actor("s1-handler", "handler", "s1")
    world.engine.send_back("m1", by, world.case("m1").content, "look again")
    back = world.case("m1").open_slots[0]
    assert (back.key, back.unit, back.was) == (at_t1[0], "t2", "t1")
    with pytest.raises(NotHolder):
        world.engine.sign("m1", Actor("t1-handler", "handler", "t2"), world.case("m1").content, opinion="agreed")
    world.sign("m1")
    assert world.verify().rules == "hold"


def test_nobody_is_added_at_a_unit_that_is_no_more(world: World) -> None:
    """The superior would have signed there for good (兜底)."""
    world.begin("m1")
    world.sign("m1")
    dissolved(world, "o1", "o3")
    secretary = Actor("o3-secretary", "secretary", "o3")
    with pytest.raises(WrongMeaning, match="o3 took its matters over; got o1"):
        world.engine.add_signer("m1", secretary, "2", "o1", "handler", "before")
    world.engine.add_signer("m1", secretary, "2", "o3", "handler", "before")
    assert world.verify().rules == "hold"
