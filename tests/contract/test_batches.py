"""Batches side by side: numbers that stay, what a later batch takes over, and a second screening beside the first.

Source: S0 「统筹解决第一批需要第二批承接落实」, R027; S4 「重新摸排」, R031, R032, R065; S3 「台账销号」, R099, R101.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads
from workflow.batches import carried, compare, numbers
from workflow.cli.main import app
from workflow.orgbook import merge
from workflow.views import ledger, register

FLOW = """flow: batch
title: {zh: 虚构排查, en: an invented screening}
nodes:
  "1": {in-force: 2019-08-01, done: 2019-09-30}
  "2": {in-force: 2019-10-01, done: 2019-11-29}
categories: {leak: {zh: 漏水, en: leak}, crack: {zh: 裂缝, en: crack}}
materials: {sheet: {title: sheet, fields: {words: {type: text, max: 200}}}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: look
    duty: secretary
    due: {node: done}
    materials: sheet
    slots: secretary
    exits: {found: work, nothing: {to: zero, needs: reason}}
  - stage: work
    class: register
    duty: secretary
    due: {node: done}
    slots: secretary
    exits: {done: tracked}
  - stage: tracked
    duty: {department: second}
    tracking: {for: 6 months, look-backs: [90 days], by: {department: second}, held: held, rebound: work}
    exits: {held: archived, work: work}
  - {stage: zero, title: zero, final: true}
  - {stage: archived, title: archived, final: true}
"""


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(FLOW)))
        yield made


def screened(w: World, item: str, unit: str, campaign: str, category: str = "leak", outcome: str = "found") -> None:
    by = Actor(f"{unit}-secretary", "secretary", unit)
    w.engine.open("batch", unit, item=item, campaign=campaign, category=category)
    w.engine.submit(item, by, {"sheet": {"words": "three pipes drip"}})
    w.engine.sign(item, by, w.case(item).content, outcome=outcome, reason="looked at")


def test_a_number_stays_with_its_item_whatever_becomes_of_it(world: World) -> None:
    """R101 「台账销号」: closed, zero, or of a unit that is no more, its number is never given again."""
    screened(world, "a", "o1", "b1")
    screened(world, "b", "o3", "b1")
    screened(world, "c", "o1", "b1", outcome="nothing")
    first = world.clock.now()
    world.clock.advance(timedelta(days=1))
    world.sign("a")  # closed out
    screened(world, "d", "o1", "b1")
    screened(world, "e", "o1", "b2")
    with world.engine.desk() as desk:
        assert numbers(desk, "batch", "b1") == {"a": "o1-1", "b": "o3-1", "c": "o1-2", "d": "o1-3"}
        assert numbers(desk, "batch", "b2") == {"e": "o1-1"}
        rows = {r.item: r.number for r in ledger(desk, "batch", "b1", world.clock.now())}
        assert rows == {"a": "o1-1", "d": "o1-3", "b": "o3-1"}
        then = {r.item: (r.stage, r.number) for r in register(desk, "batch", "b1", first)}
        assert then == {"a": ("work", "o1-1"), "b": ("work", "o3-1"), "c": ("zero", "o1-2")}
    world.clock.advance(timedelta(days=30))
    with world.engine.desk() as desk:
        by = Actor("t1-secretary", "secretary", "t1")
        merge(desk, by, "an invented merger", units=["o1", "o3"], into="o1", on="2019-09-12")
    screened(world, "f", "o1", "b1")
    with world.engine.desk() as desk:
        assert world.case("b").unit == "o1"
        assert numbers(desk, "batch", "b1")["b"] == "o3-1" and numbers(desk, "batch", "b1")["f"] == "o1-4"
    assert world.verify().exit_code == 0


def test_the_register_of_a_past_day_has_the_classes_of_that_day(world: World) -> None:
    """R024, R099: what was only being looked at then is not in the register of then."""
    by = Actor("o1-secretary", "secretary", "o1")
    world.engine.open("batch", "o1", item="a", campaign="b1", category="leak")
    first = world.clock.now()
    world.clock.advance(timedelta(days=3))
    world.engine.submit("a", by, {"sheet": {"words": "three pipes drip"}})
    world.engine.sign("a", by, world.case("a").content, outcome="found")
    world.clock.advance(timedelta(days=3))
    with world.engine.desk() as desk:
        assert [(r.stage, r.klass) for r in register(desk, "batch", "b1", first)] == [("look", "")]
        assert ledger(desk, "batch", "b1", first) == []
        assert [r.klass for r in register(desk, "batch", "b1", world.clock.now())] == ["register"]
        assert [r.item for r in ledger(desk, "batch", "b1", world.clock.now())] == ["a"]


def test_two_batches_run_over_one_unit_and_the_later_takes_over_what_is_open(world: World) -> None:
    """R027, R032, M03: each with its own nodes; identity, number and history are kept.

    Source: S0 「把第一批整改和第二批开展贯通起来」, M11.
    """
    for n, unit in enumerate(("o1", "o3")):
        screened(world, f"first-{unit}", unit, "b1")
        assert world.case(f"first-{unit}").nodes == "1", n
    world.sign("first-o3")
    world.clock.advance(timedelta(days=60))
    screened(world, "second-o1", "o1", "b2", "crack")
    assert (world.case("second-o1").nodes, world.case("first-o1").nodes) == ("2", "1")
    at = world.clock.now()
    with world.engine.desk() as desk:
        assert carried(desk, "batch", "b2", ["b1"]) == {"first-o1": "b1"}
        rows = {r.item: (r.campaign, r.number) for r in register(desk, "batch", "b2", at, carried=["b1"])}
        assert rows == {"first-o1": ("b1", "o1-1"), "second-o1": ("b2", "o1-1")}
        assert {r.item for r in register(desk, "batch", "b2", at)} == {"second-o1"}
        assert carried(desk, "batch", "b3", ["b1"]) == {}
    world.engine.adopt_nodes("first-o1", Actor("g1-secretary", "secretary", "g1"), "2")
    world.sign("first-o1")
    with world.engine.desk() as desk:
        over = {r.item: r.stage for r in register(desk, "batch", "b2", world.clock.now(), carried=["b1"])}
    assert over == {"first-o1": "tracked", "second-o1": "work"}  # it stays the later batch's work until it is done
    said = CliRunner().invoke(
        app, ["campaign", world.url, "--flow", "batch", "--campaign", "b2", "--carries", "b1", "--lang", "en"]
    )
    assert said.exit_code == 0 and "carried over: 1" in said.output and "o1-1 · b1" in said.output, said.output


def test_a_second_screening_is_set_beside_the_first(world: World) -> None:
    """R065: new, gone and again; what nobody looked at again is not gone, and a zero is a look."""
    screened(world, "1a", "o1", "b1", "leak")
    screened(world, "1b", "o3", "b1", "leak")
    screened(world, "1c", "t1", "b1", outcome="nothing")
    world.clock.advance(timedelta(days=50))
    screened(world, "2a", "o1", "b2", "leak")
    screened(world, "2b", "o1", "b2", "crack")
    screened(world, "2c", "t1", "b2", "crack")
    with world.engine.desk() as desk:
        rows = {r.unit: r for r in compare(desk, "batch", "b1", "b2", world.clock.now())}
    assert (rows["o1"].again, rows["o1"].fresh, rows["o1"].gone) == (("leak",), ("crack",), ())
    assert (rows["o3"].seen_second, rows["o3"].gone) == (False, ())
    assert (rows["t1"].first, rows["t1"].seen_first, rows["t1"].fresh) == ((), True, ("crack",))
    asked = ["campaign", world.url, "--flow", "batch", "--campaign", "b2", "--against", "b1"]
    said = CliRunner().invoke(app, [*asked, "--lang", "en"])
    assert said.exit_code == 0, said.output
    assert "rounds compared: 3 units, 0 the same" in said.output and "not looked at again" in said.output
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert [r["unit"] for r in found["rounds"]] == ["o1", "o3", "t1"]
    as_one = CliRunner().invoke(app, [*asked, "--json", "--as", "o1-secretary"])
    assert [r["unit"] for r in json.loads(as_one.output)["rounds"]] == ["o1"]
