"""Facts entered once serve every form; reports that say nothing of one side are flagged; one export for an inspector.

Source: S0 「不做重复工作,减轻基层负担」, R202; 「不能走极端,只浮在上面或只限于下面」, R062; R085, R176.
"""

# ruff: noqa: E501  a flow reads better with one stage a line
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads, obligations
from workflow.cli.main import app
from workflow.drafting import Draft
from workflow.seen import seen_by, seen_by_operator

LADDER = "ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}\n"
FILE = "{title: file, fields: {members: {type: integer, min: 0}, address: text, secret: {type: text, delicate: health, personal: true, purpose: {zh: 示例, en: invented}, readers: [secretary], keep-for: 1 year, required: false}}}"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def published(w: World, name: str, body: str) -> None:
    w.engine.publish(loads(flow_text(f"flow: {name}\ntitle: {{zh: 示例, en: invented}}\n{LADDER}{body}")))


def at(unit: str, post: str = "handler") -> Actor:
    return Actor(f"{unit}-{post}", post, unit)


def drafted(w: World, item: str) -> list[Draft]:
    with seen_by_operator(w.engine) as seen:
        return seen.draft(item)


def test_a_fact_entered_once_fills_the_next_form_and_says_where_it_is_from(world: World) -> None:
    """R202: of the same unit, in whichever flow; what is delicate is asked for again, and nothing is handed in."""
    for name in ("screening", "yearly-report"):
        published(
            world,
            name,
            f"materials: {{file: {FILE}}}\nstages:\n  - {{stage: told, due: 5 workdays, materials: file, slots: secretary, exits: {{told: done}}}}\n  - {{stage: done, final: true}}\n",
        )
    for item, members, address in (("s1", 7, "an invented street"), ("s2", 9, "an invented lane")):
        world.engine.open("screening", "o1", item=item, campaign=item)
        world.engine.submit(item, at("o1"), {"file": {"members": members, "address": address, "secret": "x"}})
        world.clock.advance(timedelta(minutes=5))
    world.engine.open("screening", "o3", item="neighbour", campaign="s1")
    world.engine.submit("neighbour", at("o3"), {"file": {"members": 40, "address": "elsewhere"}})
    world.engine.open("yearly-report", "o1", item="y1", campaign="2019")
    before = world.entries()
    assert drafted(world, "y1") == [
        Draft("file", "address", "an invented lane", ("s2",)),
        Draft("file", "members", 9, ("s2",)),
    ]
    assert world.entries() == before and "file" not in world.case("y1").materials
    world.engine.submit("y1", at("o1"), {"file": {d.field: d.value for d in drafted(world, "y1")}})
    world.sign("y1")
    assert world.case("y1").final
    with seen_by(world.engine, "o1-secretary") as seen:
        assert seen.draft("y1") == []  # nothing more is asked for
    said = CliRunner().invoke(app, ["draft", "y1", "--db", world.url, "--home", str(world.home), "--lang", "en"])
    assert said.exit_code == 0 and "nothing" in said.output


def test_what_is_delicate_where_it_is_from_fills_no_form_that_does_not_know_it_is(world: World) -> None:
    """A flow of another office that calls the same field plain text is not told what one marked it as. R202, R028."""
    body = "materials: {{file: {}}}\nstages:\n  - {{stage: told, due: 5 workdays, materials: file, slots: secretary, exits: {{told: done}}}}\n  - {{stage: done, final: true}}\n"
    published(world, "screening", body.format(FILE))
    plain = "{title: file, fields: {members: {type: integer, min: 0}, secret: {type: text, required: false}}}"
    published(world, "careless", body.format(plain))
    world.engine.open("screening", "o1", item="s1", campaign="c1")
    world.engine.submit(
        "s1", at("o1"), {"file": {"members": 7, "address": "a lane (invented)", "secret": "an illness"}}
    )
    world.engine.open("careless", "o1", item="c1", campaign="c1")
    assert drafted(world, "c1") == [Draft("file", "members", 7, ("s1",))]
    with seen_by(world.engine, "o1-secretary") as seen:
        assert [d.field for d in seen.draft("c1")] == ["members"]


def test_a_weekly_duty_of_ones_own_beside_the_regulators_is_filled_from_it(world: World) -> None:
    """The group asks only those below it, on a day of its own; what was told on Monday is there on Friday.
    Source: S0 「公司将继续在第二批主题教育中执行周动态上报工作」, R085."""
    week = "materials: {week: {title: week, fields: {held: {type: integer, min: 0}, matters: text}}}\nobligations:\n  told: {owed-by: organisation, every: week, on: MONDAY, from: 2019-09-02, reading: keep, ladder: overdueUNDER}\nstages:\n  - {stage: told, materials: week, slots: [handler, secretary], exits: {told: done}}\n  - {stage: done, final: true}\n"
    published(world, "regulators-week", week.replace("MONDAY", "monday").replace("UNDER", ""))
    published(world, "groups-week", week.replace("MONDAY", "friday").replace("UNDER", ", under: t1"))
    world.clock.set(datetime(2019, 9, 6, 2, tzinfo=UTC))
    made: dict[str, str] = {}
    for flow, period in (("regulators-week", "2019-W36"), ("groups-week", "2019-W36")):
        with world.engine.desk() as desk:
            made[flow] = obligations.open_report(desk, flow, "o1", period)
    first, second = made["regulators-week"], made["groups-week"]
    world.engine.submit(first, at("o1"), {"week": {"held": 3, "matters": "an invented week"}})
    world.through(first)
    values = {d.field: d.value for d in drafted(world, second)}
    assert values == {"held": 3, "matters": "an invented week"}
    world.engine.submit(second, at("o1"), {"week": values})
    world.through(second)
    with world.engine.look() as desk:
        owed = {f: obligations.owed(desk, f, "told", "2019-W36", world.clock.now()) for f in made}
    assert all(next(r.received for r in rows if r.unit == "o1") for rows in owed.values())
    assert {r.unit for r in owed["groups-week"]} == {"o1", "o2", "o3"}


def test_a_list_set_beside_the_record_is_filled_from_it(world: World) -> None:
    """R176: what is known of the unit is there to be taken over; leaving a line out wants a reason."""
    published(
        world,
        "yearly",
        "materials: {known: {title: known, kind: list, fields: {unit: unit, category: text, item: text}}}\nstages:\n  - {stage: told, due: 5 workdays, materials: known, compare: {with: matter, list: known}, slots: secretary, exits: {told: done}}\n  - {stage: done, final: true}\n",
    )
    world.begin("m1")
    world.engine.open("yearly", "o1", item="y1", campaign="2019")
    (found,) = drafted(world, "y1")
    assert (found.material, found.value, found.of) == (
        "known",
        [{"unit": "o1", "category": "leak", "item": "m1"}],
        ("m1",),
    )
    world.engine.submit("y1", at("o1"), {"known": found.value})
    world.sign("y1")
    assert world.case("y1").final
    shown = CliRunner().invoke(app, ["draft", "y1", "--db", world.url, "--home", str(world.home), "--json"])
    assert json.loads(shown.output) == []


SIDES = """materials:
  found: {title: found, kind: list, fields: {unit: unit, result: {type: choice, choices: [found, watch]}}}
  statement: {title: statement, fields: {statement: text}}
nodes: {"1": {in-force: 2019-08-01, told: 2019-08-30}}
reports: {owed-by: [organisation, third], node: told}
stages:
  - stage: told
    due: {node: told}
    materials: found
    slots: secretary
    zero: {exit: zero, list: found, counts: {result: found}}
    exits: {reported: reported, zero: {to: none-found, needs: statement}}
  - {stage: reported, final: true}
  - {stage: none-found, final: true}
"""


@pytest.mark.parametrize(("named", "flag"), [(["t1"], "itself"), (["o1", "o3"], "below"), (["t1", "o1"], "")])
def test_a_report_of_one_side_only_is_flagged(world: World, named: list[str], flag: str) -> None:
    """R062: only about itself, or only about those below; of a unit with nobody below nothing is said."""
    published(world, "sides", SIDES)
    for unit, units in (("t1", named), ("o1", ["o1"])):
        world.engine.open("sides", unit, item=f"r-{unit}", campaign="c1")
        lines: list[dict[str, Any]] = [{"unit": u, "result": "found"} for u in units]
        world.engine.submit(f"r-{unit}", at(unit), {"found": lines})
        world.sign(f"r-{unit}", outcome="reported")
    with seen_by_operator(world.engine) as seen:
        rows = seen.one_sided("sides", "c1")
    assert [(r.unit, r.about) for r in rows] == ([("t1", flag)] if flag else [])
    asked = ["campaign", world.url, "--flow", "sides", "--campaign", "c1", "--reports", "sides", "--level", "third"]
    told = CliRunner().invoke(app, [*asked, "--lang", "en"]).output
    assert ("alone (1, to be looked into)" in told) is bool(flag), told
    with seen_by(world.engine, "o3-secretary") as seen:
        assert seen.one_sided("sides", "c1") == []
