"""Who may be given a place is asked when it is given and again when it is signed; a trace names who passed one over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, tenure_row, worlds
from workflow import Actor, loads
from workflow.acts import Sign
from workflow.cli import tracing
from workflow.errors import Avoidance, SamePerson, WrongMeaning
from workflow.trace import trace

PAIR = """flow: pair
title: {zh: 示例分离, en: an invented separation}
chains:
  two: {steps: [handler, {post: secretary, delegable: true}], two-persons: [[handler, secretary]]}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: first
    duty: secretary
    chain: two
    due: 5 workdays
    exits: {done: second}
  - stage: second
    duty: {department: third}
    slots: [{department: third}]
    not-by: [secretary]
    due: 5 workdays
    exits: {done: end}
  - stage: end
    final: true
"""
HANDLER, SECRETARY = Actor("o1-handler", "handler", "o1"), Actor("o1-secretary", "secretary", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(PAIR)))
        made.engine.publish(loads(flow_text(SHEETS)))
        yield made


def seen(world: World) -> str:
    return world.case("m1").content


def test_whoever_signed_is_not_given_the_place_that_wants_another_person(world: World) -> None:
    world.engine.open("pair", "o1", item="m1")
    world.sign("m1")
    with pytest.raises(SamePerson):
        world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-handler", "handler", "away")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", "away")
    assert world.verify().rules == "hold"


def test_a_place_is_not_handed_to_a_post_whose_only_holder_must_stand_aside(world: World) -> None:
    """The secretary of the unit also holds the handler's post above it."""
    both = tenure_row("o1-secretary", "t1", "handler", "2015-01-01")
    only = [tenure_row(p, "t1", "handler", until="2019-08-01") for p in ("t1-handler", "t1-department")]
    world.engine.import_org(imported(tenures=[both, *only]))
    world.engine.open("pair", "o1", item="m1")
    world.sign("m1")
    world.sign("m1")
    by = Actor("t1-department", "department", "t1")
    with pytest.raises(Avoidance):
        world.engine.transfer("m1", by, world.case("m1").open_slots[0].key, "t1", "handler")
    with pytest.raises(Avoidance):
        world.engine.add_signer("m1", by, world.case("m1").open_slots[0].key, "t1", "handler", where="before")
    assert world.verify().rules == "hold"


def test_a_place_is_not_handed_on_nor_added_where_nobody_could_sign_it(world: World) -> None:
    """A post that nobody holds would have kept the place for good: only whoever stands there may hand it back. Source: R038."""
    world.engine.open("sheets", "o1", item="m1")
    world.engine.submit("m1", HANDLER, SHEET)
    with pytest.raises(WrongMeaning, match=r"appoint them first; got department@o1, which is vacant"):
        world.engine.transfer("m1", HANDLER, "1", "o1", "department")
    with pytest.raises(WrongMeaning, match="somebody holds or answers for"):
        world.engine.add_signer("m1", HANDLER, "1", "o1", "department")
    world.engine.add_signer("m1", HANDLER, "1", "o2", "secretary")  # for which the superior answers
    assert [s.key for s in world.case("m1").slots][:3] == ["1", "1+1", "2"]
    assert world.verify().rules == "hold"


def test_a_trace_names_what_was_passed_over_by_whom_and_what_was_recorded_later(world: World) -> None:
    office, above = Actor("s1-department", "department", "s1"), Actor("s1-secretary", "secretary", "s1")
    world.engine.open("sheets", "o1", item="m1")
    world.engine.submit("m1", HANDLER, SHEET)
    world.engine.act(Sign(item="m1", by=HANDLER, seen=seen(world), on="2019-08-10"))
    world.engine.ask_override("m1", office, seen(world), "2", "vacant for weeks")
    world.engine.override("m1", above, seen(world), "2", "vacant for weeks")
    with world.engine.look() as desk:
        found = trace(desk, "m1", world.clock.now())
        said = {lang: "\n".join(tracing.lines(desk, found, lang)) for lang in ("en", "zh")}
    kinds = [(i.kind, i.place, i.persons, i.on) for i in found.root.irregular]
    assert kinds == [
        ("back-dated", "1", ("o1-handler",), "2019-08-10"),
        ("overridden", "2", ("s1-department", "s1-secretary"), ""),
    ]
    assert "passed-over" in found.persons()["s1-secretary"]
    assert "signed by nobody" in said["en"] and "两人同意越过" in said["zh"] and "2019-08-10" in said["zh"]
    assert found.record()["root"]["irregular"][1]["kind"] == "overridden"
