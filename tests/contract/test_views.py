"""What people ask to see, as of any instant: it follows from what was signed, and a later day never changes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.contract.world import SHEET, World, imported, person_row, tenure_row
from workflow import Actor, tick, views
from workflow.clock import micros

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


def shanghai(text: str) -> int:
    return micros(datetime.fromisoformat(text + "+08:00").astimezone(UTC))


def zero(world: World, unit: str) -> None:
    holder = "t1" if unit == "o2" else unit
    world.engine.open("survey", unit, item=f"s-{unit}", campaign="c1")
    by = Actor(f"{holder}-handler", "handler", unit)
    world.engine.report_zero(f"s-{unit}", by, {"statement": {"statement": "nil"}})
    world.through(f"s-{unit}")


def test_the_roll_call_tells_reported_zero_and_missing_apart_and_they_sum_to_what_is_owed(world: World) -> None:
    """Source: S0 「应报必报」, R023, R054."""
    zero(world, "o1")
    world.engine.open("survey", "o3", item="s-o3", campaign="c1")
    world.engine.submit(
        "s-o3", Actor("o3-handler", "handler", "o3"), {"found": [{"unit": "o3", "result": "found"}]}, outcome="reported"
    )
    world.through("s-o3")
    with world.engine.look() as desk:
        before = views.roll_call(desk, "survey", "c1", world.clock.now(), "organisation")
        after = views.roll_call(desk, "survey", "c1", shanghai("2019-08-31T00:00"), "organisation")
    assert before.owed == after.owed == ("o1", "o2", "o3")
    assert (before.zero, before.reported, before.missing) == (("o1",), ("o3",), ())
    assert (after.zero, after.reported, after.missing) == (("o1",), ("o3",), ("o2",))


def test_what_is_missing_needs_no_sweep_and_no_item_to_be_seen(world: World) -> None:
    with world.engine.look() as desk:
        call = views.roll_call(desk, "survey", "c1", shanghai("2019-08-31T00:00"), "third")
    assert call.missing == call.owed == ("t1", "t2")


def test_a_register_as_of_an_instant_is_what_stood_in_it_then(world: World) -> None:
    world.begin("m1")
    first = world.clock.now()
    world.clock.advance(timedelta(days=1))
    world.through("m1")
    world.begin("m2", "o3")
    with world.engine.look() as desk:
        then = views.register(desk, "matter", "c1", first)
        now = views.register(desk, "matter", "c1", world.clock.now())
        earlier = views.register(desk, "matter", "c1", first - 1)
    assert [(r.item, r.stage) for r in then] == [("m1", "report")]
    assert [(r.item, r.stage) for r in now] == [("m1", "plan"), ("m2", "report")]
    assert earlier == []


def test_the_signature_sheet_keeps_what_was_superseded_and_who_held_the_post_then(world: World) -> None:
    """时任 and 现任 are kept apart. Source: R037, R041."""
    world.begin("m1")
    world.sign("m1")
    world.engine.submit("m1", HANDLER, {"sheet": {"count": 4, "words": "a fourth pipe"}}, outcome="found")
    world.sign("m1")
    world.sign("m1")
    old = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-20")
    rows = [old, tenure_row("successor", "o1", "secretary", "2019-08-20")]
    world.engine.import_org(imported(persons=[person_row("successor")], tenures=rows))
    world.clock.advance(timedelta(days=10))
    with world.engine.look() as desk:
        sheet = views.signatures(desk, "m1", world.clock.now())
    assert [(r.person, r.superseded) for r in sheet] == [
        ("o1-handler", True),
        ("o1-handler", False),
        ("o1-secretary", False),
    ]
    assert sheet[-1].now == ("successor",) and sheet[0].now == ("o1-handler",)


def test_missed_nodes_stay_on_record_when_they_are_met_late(world: World) -> None:
    world.begin("m1")
    world.clock.set(shanghai("2019-09-02T09:00"))
    world.through("m1")
    with world.engine.look() as desk:
        assert views.missed(desk, shanghai("2019-08-31T00:00") - 1) == []
        (row,) = [r for r in views.missed(desk, world.clock.now()) if r.rule == "report/1"]
    assert (row.item, row.missed_at, row.met_at) == ("m1", shanghai("2019-08-31T00:00"), world.clock.now())


def test_every_rung_that_fired_is_listed_with_what_it_opened(world: World) -> None:
    world.begin("m1")
    world.clock.set(shanghai("2019-10-08T09:00"))
    for _ in range(4):
        tick(world.engine)
        world.clock.advance(timedelta(seconds=5))
    with world.engine.look() as desk:
        rungs = views.rungs(desk)
    assert [(r.step, r.what) for r in rungs] == [(0, "reminded"), (1, "reminded"), (2, "proposed")]
    assert world.case(rungs[2].opened).flow == "talk" and rungs[2].whom[0]["person"] == "o1-secretary"


def test_the_list_of_what_waits_for_a_post_follows_every_signature(world: World) -> None:
    from workflow.store import queries

    world.begin("m1")
    world.begin("m2", "o3")
    for by, expected in ((HANDLER, ["m1"]), (SECRETARY, [])):
        with world.engine.reading() as connection:
            assert [r["item"] for r in queries.pending(connection, [(by.unit, by.post)], 10)] == expected
    world.sign("m1")
    for by, expected in ((HANDLER, []), (SECRETARY, ["m1"])):
        with world.engine.reading() as connection:
            assert [r["item"] for r in queries.pending(connection, [(by.unit, by.post)], 10)] == expected
    assert world.engine.show("m2").contents == SHEET
