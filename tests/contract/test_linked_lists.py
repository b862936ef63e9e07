"""Three lists linked line by line: nothing is closed before what belongs to it, numbers stay, plain copies are flagged.

Source: S3 「推行任务清单、责任清单、整改清单“三单”和台账销号」, R101; S0 「简单照搬照抄,缺乏针对性」, R111; S4 「**个」, R031.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, bundle, loads
from workflow.cli.main import app
from workflow.definition.load import examine
from workflow.errors import BadMaterial, LinesOpen, WrongStage
from workflow.evidence.standalone import Policy, Verifier
from workflow.likeness import Repeated, alike
from workflow.rules import materials
from workflow.seen import seen_by
from workflow.sight import all_of

FLOW = """flow: three
title: {zh: 虚构三单, en: three invented lists}
materials:
  tasks:
    title: tasks
    kind: list
    keep-lines: true
    fields: {task: {type: text, max: 100}, due: date}
  duties:
    title: duties
    kind: list
    fields: {task: {type: integer, line-of: tasks, covering: true}, owner: person}
  measures:
    title: measures
    kind: list
    fields:
      task: {type: integer, line-of: tasks, covering: true}
      measure: {type: text, max: 500, own-words: true}
      asked: {type: integer, min: 0, masked: true, required: false}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: plan
    due: 5 workdays
    materials: [tasks, duties, measures]
    slots: secretary
    exits: {done: work}
  - stage: work
    due: 5 workdays
    materials: [tasks, duties, measures]
    slots: secretary
    close-out: {list: tasks, and-lists: [duties, measures]}
    exits: {done: closed}
  - {stage: closed, title: closed, final: true}
"""
DEFINITION = loads(flow_text(FLOW))
ONE, THREE = Actor("o1-secretary", "secretary", "o1"), Actor("o3-secretary", "secretary", "o3")
COPY = "虚构:每月第一个星期五由书记召集联席会议,逐项通报整改进展,会后三日内张贴纪要。"
TASKS = [{"task": "elect a team", "due": "2019-10-01"}, {"task": "meet monthly", "due": "2019-10-31"}]
DUTIES = [{"task": 1, "owner": "p1"}, {"task": 2, "owner": "p1"}]


def measures(*tasks: int, text: str = COPY) -> list[dict[str, Any]]:
    return [{"task": t, "measure": f"虚构第{n}条措施:由示例人员落实到位" if n else text} for n, t in enumerate(tasks)]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(DEFINITION)
        yield made


def planned(w: World, item: str = "m1", by: Actor = ONE, **more: Any) -> None:
    w.engine.open("three", by.unit, item=item, campaign="c1")
    w.engine.submit(item, by, {"tasks": TASKS, "duties": DUTIES, "measures": measures(1, 2, 2)} | more)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"measures": measures(1, 3)}, "$.measures[2].task"),
        ({"measures": measures(1, 0)}, "$.measures[2].task"),
        ({"duties": DUTIES[:1]}, "$.duties"),
        ({"tasks": []}, "$.duties[1].task"),
    ],
)
def test_every_line_belongs_to_one_and_every_task_has_an_owner_and_a_measure(
    world: World, more: dict[str, Any], path: str
) -> None:
    planned(world, **more)
    with pytest.raises(BadMaterial) as refused:
        world.sign("m1")
    assert refused.value.path == path  # type: ignore[attr-defined]


def test_a_task_is_closed_after_everything_that_belongs_to_it_and_the_item_after_all(world: World) -> None:
    """Source: S3 「推行任务清单」, R101, M20."""
    planned(world)
    world.sign("m1")
    close = world.engine.close_line
    with pytest.raises(LinesOpen, match="duties 2, measures 2, measures 3"):
        close("m1", ONE, "tasks", 2, b"a photograph")
    for name, no in (("duties", 2), ("measures", 2)):
        close("m1", ONE, name, no, b"a photograph")
    with pytest.raises(LinesOpen, match="measures 3"):
        close("m1", ONE, "tasks", 2, b"a photograph")
    close("m1", ONE, "measures", 3, b"a photograph")
    close("m1", ONE, "tasks", 2, b"a photograph")
    with pytest.raises(LinesOpen, match="tasks"):
        world.engine.close_out("m1", ONE, world.case("m1").content)
    for name in ("duties", "measures", "tasks"):
        close("m1", ONE, name, 1, b"a photograph")
    world.engine.close_out("m1", ONE, world.case("m1").content)
    assert world.case("m1").final and world.verify().exit_code == 0
    out = io.BytesIO()
    with world.engine.reading() as connection:
        bundle.write(connection, world.engine.contents, out, "item", "m1", made_at=world.clock.now())
    keys = [{"key": world.engine.key.public_key().hex()}]
    policy = Policy.read(json.dumps({"origin": world.engine.origin, "engine_keys": keys}).encode())
    found = Verifier(policy).run(io.BytesIO(out.getvalue()))  # which line belongs to which is a part of what was signed
    assert found.failures == [] and found.entries > 8


def test_numbers_stay_what_they_were(world: World) -> None:
    planned(world)
    world.sign("m1")
    for name, no in (("duties", 1), ("measures", 1), ("tasks", 1)):
        world.engine.close_line("m1", ONE, name, no, b"a photograph")
    for wrong, expected in ((TASKS[:1], "2 lines or more"), ([{**TASKS[0], "task": "another"}, TASKS[1]], "1 closed")):
        with pytest.raises(BadMaterial, match=expected):
            world.engine.submit("m1", ONE, {"tasks": wrong})
    grown = [TASKS[0], {**TASKS[1], "due": "2019-11-30"}, {"task": "a third", "due": "2019-12-31"}]
    world.engine.submit("m1", ONE, {"tasks": grown})
    held = world.engine.lines_of("m1", "tasks")
    assert [(r["no"], r["closed_seq"] is not None) for r in held] == [(1, True), (2, False), (3, False)]
    with pytest.raises(BadMaterial, match="none for 3"):  # the new task has nobody yet
        world.sign("m1")
    with pytest.raises(WrongStage):
        world.engine.close_line("m1", ONE, "reports", 1, b"x")


def test_near_identical_plans_are_flagged_with_the_passages_and_refused_nowhere(world: World) -> None:
    planned(world)
    planned(world, "m2", THREE, measures=measures(1, 2, text=COPY.replace("星期五", "星期一").replace(",", " ")))
    planned(world, "m3", THREE, measures=measures(1, 2, text="虚构:补选书记一名,九月底前完成选举并报批,由示例人员负责"))
    with world.engine.desk() as desk:
        every = all_of("2019-09-02")
        found = alike(desk, every, "m1")
        assert alike(desk, every, "m3", at_least=100)[0].other in (
            "m1",
            "m2",
        )  # their second lines are word for word the same
    near = next(a for a in found if a.line == 1)
    assert (near.other, near.other_unit, near.other_line, near.field) == ("m2", "o3", 1, "measure")
    assert 90 < near.of_100 < 100
    assert "召集联席会议逐项通报整改进展会后三日内张贴纪要" in near.passages[0]
    assert not [a for a in found if a.line == 1 and a.other == "m3"]
    told = CliRunner().invoke(app, ["alike", "m1", "--db", world.url, "--home", str(world.home), "--lang", "zh"])
    assert told.exit_code == 1 and "measures.measure 第 1 条 与 m2 (o3) 第 1 条" in told.output
    plain = CliRunner().invoke(app, ["alike", "m1", "--db", world.url, "--home", str(world.home), "--json"])
    assert {row["other"] for row in json.loads(plain.output)} >= {"m2"}


def test_a_copied_plan_is_told_to_who_stands_above_both_and_to_no_neighbour(world: World) -> None:
    """Source: S0 「简单照搬照抄,缺乏针对性」, R111; S0 「三级企业清楚每个…详细情况」, R160: nobody learns of a sibling's."""
    planned(world)
    planned(world, "m2", THREE)
    for person, others in (("t1-secretary", {"m2"}), ("o1-secretary", set())):
        with seen_by(world.engine, person) as seen:
            assert {a.other for a in seen.alike("m1")} - {"m1"} == others  # two lines of m1 itself are nearly one
            assert {o for r in seen.repeated("m1") for o, _, _ in r.others} == others
    with seen_by(world.engine, "t1-secretary") as seen:
        assert seen.repeated("m1")[0] == Repeated("measures", "measure", 1, (("m2", "o3", 1),))
    told = CliRunner().invoke(
        app, ["alike", "m1", "--db", world.url, "--home", str(world.home), "--as", "o1-secretary", "--lang", "en"]
    )
    assert told.exit_code == 1 and "m2" not in told.output


def test_of_very_many_plans_those_of_the_nearest_units_are_compared(world: World) -> None:
    for n, unit in enumerate(("o1", "o3", "o2")):
        by = Actor(f"{unit}-secretary", "secretary", unit) if unit != "o2" else Actor("t1-secretary", "secretary", unit)
        planned(world, f"m{n}", by, tasks=TASKS)
    world.engine.open("three", "t2", item="far", campaign="c1")
    world.engine.submit(
        "far",
        Actor("t2-secretary", "secretary", "t2"),
        {"tasks": TASKS, "duties": DUTIES, "measures": measures(1, 2, 2)},
    )
    with world.engine.desk() as desk:
        every = all_of("2019-09-02")
        assert {a.other for a in alike(desk, every, "m0")} == {"m0", "m1", "m2", "far"}
        assert {a.other for a in alike(desk, every, "m0", among=2)} == {"m0", "m1", "m2"}


def test_an_unknown_number_is_unknown_and_not_zero() -> None:
    """R031: counts that the source masks are stored as unknown."""
    line = measures(1)[0]
    assert materials.check(DEFINITION, "measures", [{**line, "asked": "**"}])["lines"] == 1
    for wrong in ("*", "", -1, "0"):
        if wrong != "":
            with pytest.raises(BadMaterial, match=r"or \*\* where it is unknown"):
                materials.check(DEFINITION, "measures", [{**line, "asked": wrong}])
    deciding = flow_text(FLOW).replace("due: date}", "due: date, points: {type: integer, masked: true}}")
    score = 'score: {material: tasks, field: points, pass: ">= 1", passed: done, failed: done}'
    scored = deciding.replace("    exits: {done: work}", f"    {score}\n    exits: {{done: work}}")
    assert "field-not-integer" in {p.code for p in examine(scored.encode()).problems}
