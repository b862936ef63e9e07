"""Every bulk act can be tried first: what would happen is listed item by item, then it happens, and before that nothing did."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.test_keybook import run
from tests.contract.test_personal import MARKED
from tests.contract.world import START, World, flow_text, make_world
from workflow import Actor, loads
from workflow.acts import Open, Sign
from workflow.clock import micros
from workflow.errors import Conflict, OneByOne, Stale, Unknown, WorkflowError
from workflow.keeping import over
from workflow.store.tables import metadata
from workflow.sweep import ATTEMPTS, foresee, retry, tick

HANDLER = Actor("o1-handler", "handler", "o1")
S1 = Actor("s1-secretary", "secretary", "s1")


def everything(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with world.engine.reading() as connection:
        return {
            t.name: sorted((tuple(row) for row in connection.execute(sa.select(t))), key=repr)
            for t in metadata.sorted_tables
        }


def test_signing_many_comes_to_what_its_dry_run_said(world: World) -> None:
    world.walk_to("acceptance", "m1")
    for item, unit in (("m2", "o1"), ("m3", "o1"), ("m4", "o1")):
        world.begin(item, unit)
    case = {i: world.case(i) for i in ("m1", "m2", "m3", "m4")}
    acts = [Sign(item="m1", by=S1, seen=case["m1"].content, opinion="agreed")]
    acts += [Sign(item=i, by=HANDLER, seen=case[i].content, opinion="agreed") for i in ("m2", "m3", "m2")]
    acts += [Sign(item="m4", by=HANDLER, seen="sha256:" + "0" * 64), Sign(item="ghost", by=HANDLER, seen="")]
    before = everything(world)
    with world.engine.look() as desk:
        said = desk.foresee(acts)
    assert everything(world) == before
    assert [type(m.refusal) for m in said[:1] + said[3:]] == [OneByOne, Conflict, Stale, Unknown]
    with world.engine.desk() as desk:
        done = desk.sign_many(acts)
    for would, did in zip(said, done, strict=True):
        if isinstance(did, WorkflowError):
            assert would.refusal is not None and str(would.refusal) == str(did)
        else:
            assert would.before == case[would.item] and would.after == world.case(would.item)
            assert would.seq == did.seq and [e["e"] for e in would.effects][:1] == ["signed"]


def test_opening_many_comes_to_what_its_dry_run_said(world: World) -> None:
    world.begin("m1")
    opens = [
        Open(item=i, flow=flow, unit=unit, campaign="c1", category="leak")
        for i, flow, unit in (
            ("m1", "matter", "o1"), ("n1", "matter", "o3"), ("n2", "matter", "nowhere"), ("n3", "nothing", "o1"),
        )
    ]  # fmt: skip
    before = everything(world)
    with world.engine.look() as desk:
        there, new, nowhere, nothing = desk.foresee(opens)
    assert everything(world) == before
    assert there.before == there.after == world.case("m1") and not there.effects
    assert nowhere.refusal is not None and isinstance(nothing.refusal, Unknown)
    assert world.engine.open_many(opens[:2]) == 1
    assert new.after == world.case("n1") and new.refusal is None
    with pytest.raises(type(nowhere.refusal)):
        world.engine.open_many(opens[2:3])


def test_a_sweep_comes_to_what_its_dry_run_said(world: World) -> None:
    world.begin("m1")
    world.begin("m2", "o3")
    at = micros(START + timedelta(days=200))
    before = everything(world)
    said, calls = foresee(world.engine, at)
    assert everything(world) == before and calls == []
    assert {m.item for m in said} >= {"m1", "m2"} and all(m.refusal is None for m in said)
    world.clock.advance(timedelta(days=200))
    swept = tick(world.engine, at)
    assert swept.fired == len(said)
    for each in said:
        assert each.after == world.case(each.item)


def test_parked_rungs_an_erasure_and_a_removal_are_listed_and_nothing_is_changed(world: World) -> None:
    engine = world.engine
    engine.publish(loads(flow_text(MARKED, "2")))
    engine.open("matter", "o1", item="m1", campaign="c1", category="leak")
    sheet = {"count": 3, "words": "invented words", "whom": "visitor-7", "fit": False}
    engine.submit("m1", HANDLER, {"sheet": sheet}, outcome="found")
    due = metadata.tables["wf_due"]
    with engine.desk() as desk:
        desk.connection.execute(due.update().values(attempts=ATTEMPTS))
    before = everything(world)
    parked = retry(engine, dry=True)
    assert parked and retry(engine, "m1", dry=True) == parked and retry(engine, "m2", dry=True) == []
    kept = {subject: engine.kept_of(subject) for subject in ("visitor-7", "item:m1")}
    assert sum(n for n, _ in kept.values()) == 3
    assert all(n > 0 and where == [("m1", "sheet", n)] for n, where in kept.values())
    assert engine.kept_of("nobody") == (0, [])
    with engine.look() as desk:
        assert over(desk, micros(START + timedelta(days=900))) == over(desk) == {}
    assert everything(world) == before
    assert retry(engine) == parked


def test_the_commands_try_first(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    before = everything(world)
    world.engine.close()
    db, home = tmp_path / "w.db", ("--home", world.home)
    said = run("tick", db, *home, "--dry-run", "--lang", "en").output
    assert "nothing was changed" in said and "  m1: report/1 rung 1 remind -> secretary@o1 o1-secretary" in said
    assert "将触发" in run("tick", db, *home, "--preview", "--lang", "zh").output
    by = ("--by", "p-0001", "--reason", "invented")
    assert "0 values" in run("erase", db, "visitor-7", *by, *home, "--dry-run", "--lang", "en").output
    said = run("contents", "retire", db, "--before", "2019-09-01", *by, *home, "--dry-run", "--lang", "en").output
    assert "whose period is over: 0 documents" in said
    run("rungs", "retry", db, "--all", *home, "--dry-run", code=1)
    world = World(
        type(world.engine).at(f"sqlite:///{db}", world.home, durable=False), world.clock, world.url, world.home
    )
    assert everything(world) == before
    world.engine.close()
