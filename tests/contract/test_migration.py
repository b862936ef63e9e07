"""Live items move to another version: dates and places anew, signatures untouched, nothing half-moved. Source: R068."""

from __future__ import annotations

import contextlib
import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from tests.contract.polling import GOOD, POLL, Poll
from tests.contract.world import MATTER, MEASURES, World, flow_text
from workflow import Actor, bundle, loads, migration, tick
from workflow.acts import Migrate
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.errors import (
    CannotMove,
    NotHolder,
    NotPublisher,
    NotUsable,
    OutOfTurn,
    ReasonRequired,
    Unknown,
    VersionTaken,
)
from workflow.evidence.standalone import Policy, Verifier
from workflow.store import items
from workflow.store.tables import item as item_table
from workflow.store.tables import outbox
from workflow.why import lines, why

TOP = Actor("g1-secretary", "secretary", "g1")


def version(world: World, number: str, *changes: tuple[str, str]) -> Definition:
    """Another version of the invented flow, published by somebody of the top unit."""
    text = flow_text(MATTER, number)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    made = loads(text)
    world.engine.put_in_force(made, TOP, "the office decided so")
    return made


def tighter(world: World, number: str = "2") -> Definition:
    """Plans are due within 7 working days instead of 10."""
    return version(
        world,
        number,
        ("    notice: {content: plan}\n    due: 10 workdays", "    notice: {content: plan}\n    due: 7 workdays"),
    )


def test_a_version_is_replaced_by_the_unit_that_published_it_or_one_above(world: World) -> None:
    branch, town = Actor("o1-secretary", "secretary", "o1"), Actor("t1-secretary", "secretary", "t1")
    with pytest.raises(NotPublisher, match="the engine's administrator"):  # who brought version 1 in
        world.engine.put_in_force(loads(flow_text(MATTER, "2")), town, "easier for us")
    own = flow_text(MATTER, "1").replace("matter", "o1-matter")
    world.engine.put_in_force(loads(own), branch, "a flow of our own")
    again = [own.replace("version: '1'", f"version: '{n}'").replace('version: "1"', f'version: "{n}"') for n in "2345"]
    assert again[0] != own
    with pytest.raises(NotPublisher, match="published by o1, and o1, t1, s1, g1 may replace it"):
        world.engine.put_in_force(loads(again[0]), Actor("o3-secretary", "secretary", "o3"), "we like it so")
    world.clock.advance(timedelta(seconds=1))
    world.engine.put_in_force(loads(again[1]), town, "for all of the town")
    with pytest.raises(NotPublisher, match="published by t1"):  # whoever is above has taken it over
        world.engine.put_in_force(loads(again[2]), branch, "back to ours")
    assert newest(world, "o1-matter").version == "3"
    assert world.verify().failures == []


def moved(world: World, item: str, to: Definition, **more: object) -> Case:
    world.engine.act(Migrate(item=item, by=TOP, to=to.digest, reason="the version in force", **more))  # type: ignore[arg-type]
    return world.case(item)


def newest(world: World, flow: str) -> Definition:
    with world.engine.reading() as connection:
        return world.engine.newest(connection, flow)


def holds(world: World) -> bool:
    report = world.verify()
    assert report.failures == []
    return report.level == "V1" and report.rules == "hold"


def test_publishing_by_a_person_is_one_signed_entry_and_immutable(world: World) -> None:
    made = tighter(world)
    with world.engine.reading() as connection:
        (entry,) = items.entries(connection, items.FLOWS)
    assert entry.act == "publish" and made.digest.encode() in entry.body
    assert newest(world, "matter").version == "2"
    with pytest.raises(VersionTaken, match="published already"):
        world.engine.put_in_force(made, TOP, "again")
    with pytest.raises(NotHolder):
        world.engine.put_in_force(loads(flow_text(MATTER, "3")), Actor("nobody", "secretary", "g1"), "why not")
    with pytest.raises(ReasonRequired):
        world.engine.put_in_force(loads(flow_text(MATTER, "3")), TOP, " ")
    assert world.case(world.begin("m1")).definition == made.digest
    assert holds(world)


def test_a_date_is_counted_anew_from_the_entry_or_from_now(world: World) -> None:
    world.walk_to("plan", "m1")
    world.walk_to("plan", "m2")
    before = world.case("m1").dues["plan/2"]
    to = tighter(world)
    world.clock.advance(timedelta(days=1))
    entry, now = moved(world, "m1", to), moved(world, "m2", to, count="now")
    assert entry.definition == to.digest and entry.stage == "plan"
    assert entry.dues["plan/2"]["missed"] < now.dues["plan/2"]["missed"] < before["missed"]
    assert entry.slots == world.case("m1").slots
    assert holds(world)


def test_why_tells_each_date_by_the_version_that_set_it(world: World) -> None:
    """A stage and a set of nodes that the new version calls otherwise are still those of the old dates."""
    world.begin("m1")
    to = version(
        world,
        "2",
        ('  "1": {in-force: 2019-08-01, report: 2019-08-30}', "  one: {in-force: 2019-08-01, report: 2019-08-29}"),
        ("  - stage: report\n", "  - stage: reporting\n"),
    )
    moved(world, "m1", to, stage="reporting")
    with world.engine.look() as desk:
        dues = why(desk, "m1")
        for lang in ("zh", "en"):
            text = "\n".join(lines(dues, "Asia/Shanghai", lang))  # type: ignore[arg-type]
            assert "2019-08-30" in text and "2019-08-29" in text
    assert all(due.agrees for due in dues) and {due.title.en for due in dues} == {"report", "reporting"}
    assert holds(world)


def test_an_item_can_be_overdue_at_once_and_its_rungs_fire_in_turn(world: World) -> None:
    world.walk_to("plan", "m1")
    world.clock.advance(timedelta(days=11))  # 9 working days
    to = tighter(world)
    found = migration.plan(world.engine, "matter", "2", TOP)
    assert [i.overdue_at_once for i in found.items] == [True]
    moved(world, "m1", to)
    assert world.case("m1").dues["plan/2"]["step"] == 1  # a reminder before the date is not sent after it
    assert tick(world.engine).fired == 1
    assert world.case("m1").dues["plan/2"]["step"] == 2
    assert holds(world)


def test_what_is_overdue_stays_overdue_whatever_the_new_version_says(world: World) -> None:
    world.walk_to("plan", "m1")
    world.clock.advance(timedelta(days=20))
    missed = world.case("m1").dues["plan/2"]["missed"]
    to = version(
        world,
        "2",
        ("    notice: {content: plan}\n    due: 10 workdays", "    notice: {content: plan}\n    due: 60 workdays"),
    )
    assert moved(world, "m1", to).dues["plan/2"]["missed"] == missed
    assert holds(world)


def test_a_rung_that_fired_does_not_fire_again_on_another_ladder(world: World) -> None:
    world.walk_to("plan", "m1")
    world.clock.advance(timedelta(days=30))
    while tick(world.engine).fired:
        world.clock.advance(timedelta(seconds=5))
    assert world.case("m1").dues["plan/2"]["next"] is None
    earlier = "    - {before: 5 workdays, do: remind, to: responsible}\n"
    to = version(world, "2", ("    - {before: 3 workdays,", earlier + "    - {before: 3 workdays,"))
    after = moved(world, "m1", to)
    assert after.dues["plan/2"]["step"] == 4 and after.dues["plan/2"]["next"] is None
    before = world.entries()
    tick(world.engine)
    assert world.entries() == before
    assert holds(world)


def test_signatures_stay_where_they_are_and_new_places_follow_them(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    world.sign("m1")
    signed = [s for s in world.case("m1").slots if s.state == "signed"]
    to = version(world, "2", ("level: [handler, department,", "level: [handler, handler, department,"))
    after = moved(world, "m1", to)
    assert [s for s in after.slots if s.state == "signed"] == signed
    assert [(s.post, s.unit, s.state) for s in after.slots[2:5]] == [
        ("handler", "t1", "open"),
        ("handler", "t1", "waiting"),
        ("department", "t1", "waiting"),
    ]
    assert world.through("m1").stage == "plan"
    assert holds(world)


def test_a_version_that_would_drop_a_signature_is_refused_and_the_item_stays(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    to = version(world, "2", ("branch: [handler, secretary]", "branch: [secretary, handler]"))
    with pytest.raises(CannotMove):
        moved(world, "m1", to)
    (one,) = migration.plan(world.engine, "matter", "2", TOP).items
    assert not one.moves and one.refusal is not None and one.refusal.code == "cannot-move"
    assert world.case("m1").definition != to.digest
    assert holds(world)


def test_a_renamed_stage_needs_its_counterpart_named(world: World) -> None:
    world.walk_to("plan", "m1")
    text = (
        flow_text(MATTER, "2")
        .replace("stage: plan\n", "stage: planning\n")
        .replace("exits: {found: plan,", "exits: {found: planning,")
    )
    to = loads(text)
    world.engine.put_in_force(to, TOP, "a better name")
    with pytest.raises(CannotMove):
        moved(world, "m1", to)
    with pytest.raises(Unknown):
        moved(world, "m1", to, stage="nowhere")
    after = moved(world, "m1", to, stage="planning")
    assert after.stage == "planning" and set(after.dues) == {"planning/2"}
    assert holds(world)
    assert world.through("m1").stage == "work"
    assert holds(world)


def test_only_the_top_unit_moves_items_and_only_to_another_version_of_the_flow(world: World) -> None:
    world.begin("m1")
    to = tighter(world)
    with pytest.raises(OutOfTurn):
        world.engine.act(Migrate(item="m1", by=Actor("s1-secretary", "secretary", "s1"), to=to.digest, reason="x"))
    with pytest.raises(ReasonRequired):
        world.engine.act(Migrate(item="m1", by=TOP, to=to.digest, reason=" "))
    moved(world, "m1", to)
    with pytest.raises(CannotMove):
        moved(world, "m1", to)
    with pytest.raises(CannotMove):
        moved(world, "m1", newest(world, "talk"))
    with pytest.raises(CannotMove):
        moved(world, "m1", tighter(world, "3"), undoes=2)
    assert holds(world)


def test_a_batch_from_two_versions_is_taken_back_each_item_to_its_own(world: World) -> None:
    world.walk_to("plan", "m1")
    second = tighter(world)
    world.walk_to("plan", "m2")
    third = version(world, "3", ("    notice: {content: plan}\n    due: 10", "    notice: {content: plan}\n    due: 5"))
    before = {name: world.case(name).snapshot() for name in ("m1", "m2")}
    plan = migration.plan(world.engine, "matter", "3", TOP)
    assert len(migration.apply(world.engine, plan.body, TOP, "the version in force").moved) == 2
    assert {world.case(name).definition for name in before} == {third.digest}
    with pytest.raises(NotUsable, match="items of 2 versions"):
        migration.roll_back(world.engine, plan.body, TOP)
    backs = migration.roll_backs(world.engine, plan.body, TOP)
    assert sorted((b.version, len(b.moving)) for b in backs) == [("1", 1), ("2", 1)]
    for back in backs:
        assert migration.apply(world.engine, back.body, TOP, "taken back").refused == []
    assert {name: world.case(name).snapshot() for name in before} == before
    assert world.case("m2").definition == second.digest
    with pytest.raises(NotUsable, match="taken back already"):
        migration.roll_backs(world.engine, plan.body, TOP)
    assert holds(world)


def test_plan_apply_and_roll_back_give_every_item_its_clocks_again(world: World) -> None:
    for n in range(5):
        world.walk_to("plan", f"m{n}")
    world.begin("early")
    before = {i: world.case(i) for i in ("m0", "m1", "m2", "m3", "m4", "early")}
    tighter(world)
    entries = world.entries()
    plan = migration.plan(world.engine, "matter", "2", TOP)
    assert (len(plan.moving), plan.overdue_at_once, world.entries()) == (6, 0, entries)
    done = migration.apply(world.engine, plan.body, TOP, "the version in force", chunk=2)
    assert (len(done.moved), done.already, done.refused) == (6, [], [])
    assert world.case("m0").dues["plan/2"]["missed"] < before["m0"].dues["plan/2"]["missed"]
    again = migration.apply(world.engine, plan.body, TOP, "the version in force")
    assert (again.moved, len(again.already)) == ([], 6)
    world.engine.submit("m4", Actor("o1-secretary", "secretary", "o1"), MEASURES)
    world.through("m4")  # went on by the new version
    back = migration.roll_back(world.engine, plan.body, TOP)
    assert [(i.item, i.refusal and i.refusal.code) for i in back.staying] == [("m4", "cannot-move")]
    undone = migration.apply(world.engine, back.body, TOP, "taken back")
    assert len(undone.moved) == 5
    for name in ("m0", "m1", "m2", "m3", "early"):
        assert world.case(name).snapshot() == before[name].snapshot(), name
    assert holds(world)


def test_an_extension_outlives_a_batch_that_is_taken_back(world: World) -> None:
    extendable = version(
        world,
        "1a",
        (
            "    notice: {content: plan}\n    due: 10 workdays",
            "    notice: {content: plan}\n    due: {within: 10 workdays, extend: {by: superior, at-most: 10 workdays}}",
        ),
    )
    world.walk_to("plan", "m1")
    assert world.case("m1").definition == extendable.digest
    case = world.case("m1")
    world.engine.extend("m1", Actor("t1-secretary", "secretary", "t1"), case.content, due="2019-08-30", reason="rain")
    held = world.case("m1").dues
    tighter(world)
    plan = migration.plan(world.engine, "matter", "2", TOP)
    migration.apply(world.engine, plan.body, TOP, "on")
    assert world.case("m1").dues["plan/2"]["missed"] < held["plan/2"]["missed"]
    migration.apply(world.engine, migration.roll_back(world.engine, plan.body, TOP).body, TOP, "back")
    assert world.case("m1").dues == held
    assert holds(world)


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


def test_after_a_kill_at_any_statement_every_item_is_wholly_moved_or_not_at_all(world: World) -> None:
    for n in range(20):
        world.begin(f"m{n:02}")
    to = version(world, "2", ("duty: secretary\n    due: {node: report}", "duty: secretary\n    due: 9 workdays"))
    plans = [
        migration.plan(world.engine, "matter", "2", TOP, only=[f"m{n:02}", f"m{n + 1:02}"]) for n in range(0, 20, 2)
    ]
    for after, plan in enumerate(plans, start=1):
        statements = 0

        def dies(*_: object, last: int = after) -> None:
            nonlocal statements
            statements += 1
            if statements == last:
                raise Killed

        event.listen(world.engine.db, "before_cursor_execute", dies)
        with contextlib.suppress(Killed):
            migration.apply(world.engine, plan.body, TOP, "on", chunk=1 if after > 5 else 2)
        event.remove(world.engine.db, "before_cursor_execute", dies)
        assert statements >= after
        for one in plan.items:
            case = world.case(one.item)
            on = case.definition == to.digest
            assert ("span" in case.dues["report/1"]["basis"]) is on
        assert holds(world)
    for plan in plans:
        done = migration.apply(world.engine, plan.body, TOP, "on")
        assert len(done.moved) + len(done.already) == 2 and done.refused == []
    assert {world.case(f"m{n:02}").definition for n in range(20)} == {to.digest}
    assert holds(world)


def test_the_stand_alone_verifier_follows_a_migration_and_refuses_a_dropped_signature(
    world: World,
) -> None:
    world.begin("m1")
    world.sign("m1")
    moved(world, "m1", version(world, "2", ("level: [handler, department,", "level: [handler, handler, department,")))
    world.through("m1")
    made = io.BytesIO()
    with world.engine.reading() as connection:
        bundle.write(connection, world.engine.contents, made, "item", "m1", made_at=world.clock.now())
    report = Verifier(Policy()).run(io.BytesIO(made.getvalue()))
    assert (report.failures, report.level) == ([], "V1")


def test_an_item_with_an_open_vote_stays_on_its_version_until_the_vote_is_over(world: World) -> None:
    """Papers are cast by the rules their box was opened under; what is voted on does not change meanwhile."""
    poll = Poll(world, "p1", 10)
    poll.cast([GOOD] * 4)
    world.engine.open("poll", "o3", item="p2")  # its box is not open yet
    world.engine.put_in_force(
        loads(flow_text(POLL.replace("due: 5 workdays", "due: 4 workdays", 1), "2")), TOP, "sooner"
    )
    plan = migration.plan(world.engine, "poll", "2", TOP)
    assert ([i.item for i in plan.moving], [i.item for i in plan.staying]) == (["p2"], ["p1"])
    (stays,) = plan.staying
    assert isinstance(stays.refusal, CannotMove) and "an open vote" in str(stays.refusal)
    assert "票" in stays.refusal.text("zh") and "papers" not in stays.refusal.text("zh")
    before = world.entries("p1")
    with pytest.raises(CannotMove):
        world.engine.act(Migrate(item="p1", by=TOP, to=plan.to, reason="now"))
    done = migration.apply(world.engine, plan.body, TOP, "sooner")
    assert (done.moved, done.refused, world.entries("p1")) == (["p2"], [], before)
    world.engine.cast("p1", poll.codes[-1], GOOD)  # the vote goes on
    assert world.case("p1").ballot is not None
    assert world.verify().failures == []


CLIMBING = """flow: climbing
title: {zh: 示例催办, en: an invented ladder}
ladder:
  overdue:
    - {before: 3 days, do: remind, to: responsible}
    - {after: 0 days, do: remind, to: responsible}
    - {after: 2 days, do: propose, item: talk, to: {secretary: superior}, whom: responsible}
    - {after: 4 days, do: propose, item: talk, to: {secretary: superior}, whom: responsible}
stages:
  - stage: look
    duty: secretary
    due: 10 days
    slots: secretary
    exits: {looked: done}
  - stage: done
    final: true
"""


def test_a_ladder_climbs_on_after_the_rungs_of_another_version_took_its_numbers(world: World) -> None:
    """The version has a rung less, so each later one has the number of one that fired: the sweep once failed on it for good,
    and nobody above was told. Source: R168, R170."""
    world.engine.put_in_force(loads(flow_text(CLIMBING)), TOP, "the first")
    world.engine.open("climbing", "o1", item="m1")
    fired = []

    def days(count: int) -> None:
        for _ in range(count):
            world.clock.advance(timedelta(days=1))
            swept = tick(world.engine)
            assert swept.failed == 0
            fired.extend([world.clock.now()] * swept.fired)

    days(13)
    assert len(fired) == 3  # reminded twice, one talk proposed
    less = flow_text(CLIMBING, "2").replace("    - {before: 3 days, do: remind, to: responsible}\n", "")
    second = loads(less)
    world.engine.put_in_force(second, TOP, "one reminder is enough")
    assert [d["step"] for d in moved(world, "m1", second).dues.values()] == [2]
    days(3)
    assert len(fired) == 4
    with world.engine.reading() as connection:
        told = connection.execute(sa.select(outbox.c.topic)).scalars().all()
        talks = connection.execute(sa.select(sa.func.count()).where(item_table.c.flow == "talk")).scalar_one()
    assert (sorted(told), talks) == (["proposed", "proposed", "reminded", "reminded"], 2)
    report = world.verify()
    assert report.holds and report.rules == "hold"
