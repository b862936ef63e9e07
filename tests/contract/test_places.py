"""What people do with one place in a chain: delegate, recall, hand over, pass over, return, sign in ink, keep apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, Receipt, loads, orgbook
from workflow.acts import Sign
from workflow.blocked import blocked, escalate
from workflow.cli import irregular
from workflow.errors import (
    DateRequired,
    MaterialMissing,
    NotApart,
    NotHandedOn,
    NotHolder,
    OutOfTurn,
    Refused,
    SamePerson,
    WrongMeaning,
    WrongStage,
)
from workflow.evidence import canonical
from workflow.handover import hand_over
from workflow.rules import signing
from workflow.store import items

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
ABOVE = Actor("s1-secretary", "secretary", "s1")
OFFICE = Actor("s1-department", "department", "s1")
WHY = "away for the day"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(SHEETS)))
        made.engine.open("sheets", "o1", item="m1")
        made.engine.submit("m1", HANDLER, SHEET)
        yield made


def seen(world: World) -> str:
    return world.case("m1").content


def up_to(world: World, unit: str, post: str) -> None:
    while (world.case("m1").open_slots[0].unit, world.case("m1").open_slots[0].post) != (unit, post):
        sign(world)


def sign(world: World, **more: Any) -> Any:
    slot = world.case("m1").open_slots[0]
    if slot.unit == "t1" and slot.post == "handler":
        more.setdefault("by", Actor("t1-handler", "handler", "t1"))
    return world.sign("m1", **more)


def states(world: World) -> dict[str, str]:
    return {s.key: s.state for s in world.case("m1").slots}


def holds(world: World) -> None:
    report = world.verify()
    assert (report.holds, report.rules) == (True, "hold"), report.failures


def test_what_was_delegated_is_signed_by_the_other_and_both_are_on_record_until_it_is_recalled(world: World) -> None:
    sign(world)
    engine, by = world.engine, Actor("o1-handler", "secretary", "o1")
    with pytest.raises(NotHolder):
        sign(world, by=by)
    with pytest.raises(NotHolder):  # nobody of the unit
        engine.delegate("m1", SECRETARY, seen(world), "2", "t2-handler", "handler", WHY)
    engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    engine.recall("m1", SECRETARY, seen(world), "2")
    with pytest.raises(NotHolder):
        sign(world, by=Actor("o1-scrutineer", "secretary", "o1"))
    engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    with pytest.raises(NotHandedOn):
        engine.delegate("m1", Actor("o1-scrutineer", "secretary", "o1"), seen(world), "2", "o1-handler", "handler", WHY)
    receipt = sign(world, by=Actor("o1-scrutineer", "secretary", "o1"))
    with engine.reading() as connection:
        body = canonical.read(next(e for e in items.entries(connection, "m1") if e.seq == receipt.seq).body)
    said = body["statement"]
    assert (said["person"], said["principal"], said["as"]) == ("o1-scrutineer", "o1-secretary", "delegate")
    holds(world)


def test_a_place_to_sign_is_delegated_only_where_the_definition_says_so(world: World) -> None:
    up_to(world, "t1", "secretary")
    by = Actor("t1-secretary", "secretary", "t1")
    with pytest.raises(WrongMeaning):
        world.engine.delegate("m1", by, seen(world), "6", "t1-handler", "handler", WHY)


def test_what_waits_passes_to_a_successor_who_holds_the_post(world: World) -> None:
    sign(world)
    args = ("m1", Actor("t1-secretary", "secretary", "t1"), seen(world), "2", "o1-secretary")
    with pytest.raises(NotHolder, match="o1-secretary"):
        world.engine.hand_over(*args, "new-secretary", "retired")
    until = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-12")
    since = tenure_row("new-secretary", "o1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-secretary")], tenures=[until, since]))
    with pytest.raises(OutOfTurn):
        world.engine.hand_over("m1", Actor("t2-secretary", "secretary", "t2"), *args[2:], "new-secretary", "retired")
    world.engine.hand_over(*args, "new-secretary", "retired")
    sign(world, by=Actor("new-secretary", "secretary", "o1"))
    holds(world)


def test_two_persons_together_let_the_chain_pass_over_a_place_and_nobody_signed_it(world: World) -> None:
    up_to(world, "t1", "department")
    args = (seen(world), "4", "the department has nobody who may sign")
    with pytest.raises(OutOfTurn):
        world.engine.override("m1", ABOVE, *args)
    with pytest.raises(OutOfTurn):
        world.engine.ask_override("m1", Actor("t1-secretary", "secretary", "t1"), *args)
    world.engine.ask_override("m1", OFFICE, *args)
    with pytest.raises(SamePerson):
        world.engine.override("m1", OFFICE, *args)
    world.engine.override("m1", ABOVE, *args)
    assert states(world)["4"] == "overridden" and world.case("m1").open_slots[0].key == "5"
    assert world.through("m1").stage == "check"
    holds(world)


def test_the_last_place_of_a_chain_is_not_passed_over(world: World) -> None:
    up_to(world, "s1", "secretary")
    world.engine.ask_override("m1", OFFICE, seen(world), "10", "…")
    with pytest.raises(WrongMeaning, match="last one"):
        world.engine.override("m1", ABOVE, seen(world), "10", "…")


def test_a_return_comes_straight_back_unless_the_papers_changed(world: World) -> None:
    """Source: S0 「层层把关」, R038."""
    up_to(world, "s1", "department")
    with pytest.raises(DateRequired):
        world.engine.send_back("m1", OFFICE, seen(world), "say more", to="2", straight=True)
    world.engine.send_back("m1", OFFICE, seen(world), "say more", to="2", due="2019-08-20", straight=True)
    now = states(world)
    assert now["2"] == "open" and now["8"] == "waiting" and {now[k] for k in "134567"} == {"signed"}
    assert any("rework" in rule for rule in world.case("m1").dues)
    sign(world)
    assert [s.key for s in world.case("m1").open_slots] == ["8"]
    assert not any("rework" in rule for rule in world.case("m1").dues)
    world.engine.send_back("m1", OFFICE, seen(world), "say more", to="1", due="2019-08-20", straight=True)
    world.engine.submit("m1", HANDLER, {"sheet": {"count": 4, "words": "a fourth pipe"}})
    assert [s.key for s in world.case("m1").open_slots] == ["1"]
    assert {s.state for s in world.case("m1").slots[1:]} == {"waiting"}
    holds(world)


def test_a_return_may_lead_to_a_stage_and_what_was_signed_there_is_superseded(world: World) -> None:
    up_to(world, "t1", "department")
    by = Actor("t1-department", "department", "t1")
    for due in ("", "2019-08-12"):  # a return for rework without a new date is refused, whichever way it leads
        with pytest.raises(DateRequired):
            world.engine.send_back("m1", by, seen(world), "anew", to="returned-anew", due=due)
    world.engine.send_back("m1", by, seen(world), "anew", to="returned-anew", due="2019-08-20")
    case = world.case("m1")
    assert (case.stage, case.stays, [s.key for s in case.open_slots]) == ("report", 2, ["1"])
    assert case.dues["report/2/rework-1"]["basis"]["on"] == "2019-08-20"
    holds(world)


def test_an_item_that_rests_waits_for_nobody_and_its_span_goes_on_afterwards(world: World) -> None:
    before = world.case("m1").dues["report/1"]["missed"]
    with pytest.raises(OutOfTurn):
        world.engine.suspend("m1", SECRETARY, seen(world), "a court decides first")
    world.engine.suspend("m1", ABOVE, seen(world), "a court decides first")
    assert world.engine.pending([("o1", "handler")]) == []
    with pytest.raises(WrongStage, match="suspended"):
        world.engine.sign("m1", HANDLER, seen(world))
    assert [r for r in world.case("m1").dues if "suspend" in r]
    world.clock.advance(timedelta(days=7))
    world.engine.activate("m1", OFFICE, seen(world), "it has decided")
    case = world.case("m1")
    assert case.dues["report/1"]["missed"] - before == 8 * 86_400_000_000  # five working days, and a holiday in them
    assert [p["item"] for p in world.engine.pending([("o1", "handler")])] == ["m1"]
    assert not case.suspended and list(case.dues) == ["report/1"]
    holds(world)


def test_a_signature_in_ink_has_a_scan_a_registrar_and_two_times(world: World) -> None:
    """Source: R203."""
    sign(world)
    world.clock.advance(timedelta(days=3))
    registrar = HANDLER
    given: dict[str, Any] = {"scan": b"a scan", "on": "2019-08-13", "registrar": registrar}
    for wrong, error in (
        ({"scan": b""}, MaterialMissing),
        ({"on": "2019-08-11"}, DateRequired),
        ({"on": "2019-08-16"}, DateRequired),
        ({"registrar": Actor("o1-secretary", "handler", "o1")}, SamePerson),
        ({"registrar": Actor("o1-scrutineer", "scrutineer", "o1")}, OutOfTurn),
        ({"registrar": Actor("o1-scrutineer", "handler", "o1")}, NotHolder),
    ):
        with pytest.raises(error):
            world.engine.sign_in_ink("m1", SECRETARY, seen(world), **{**given, **wrong})
    receipt = world.engine.sign_in_ink("m1", SECRETARY, seen(world), **given)
    with world.engine.reading() as connection:
        body = canonical.read(next(e for e in items.entries(connection, "m1") if e.seq == receipt.seq).body)
    assert body["proof"] == {"strength": "WET"}
    assert body["statement"]["paper"]["on"] == "2019-08-13" and body["at"] == world.clock.now()
    assert world.verify().strengths["WET"] == 1
    holds(world)


def test_who_signed_in_one_round_may_not_sign_as_the_other_post_in_any(world: World) -> None:
    """t1's department also holds the post of handler at t1."""
    up_to(world, "t1", "handler")
    both = Actor("t1-department", "handler", "t1")
    world.sign("m1", by=both)
    with pytest.raises(SamePerson):
        sign(world)
    world.engine.send_back(
        "m1",
        Actor("t1-department", "department", "t1"),
        seen(world),
        "anew",
        to="3",
        due="2019-08-20",
    )
    sign(world)  # the other handler, now; but the department did sign as handler in this item
    with pytest.raises(SamePerson):
        sign(world)
    holds(world)


def test_a_subordinate_does_not_sign_beside_the_superior_they_check(world: World) -> None:
    assert world.through("m1").stage == "check"
    sign(world)
    with pytest.raises(NotApart, match="subordinate"):
        sign(world)


def test_units_that_must_be_apart_stay_one_when_they_are_merged(world: World) -> None:
    """Whoever took a unit over does not check what that unit signed. R070."""
    text = SHEETS.replace("by: subordinate", "by: unit").replace("flow: sheets", "flow: checked")
    text = text.replace(
        "slots: [{department: third}, {secretary: second}]", "slots: [{department: third}, {secretary: top}]"
    )
    world.engine.publish(loads(flow_text(text)))
    world.engine.open("checked", "o1", item="m2")
    world.engine.submit("m2", HANDLER, SHEET)
    assert world.through("m2").stage == "check"
    world.sign("m2")  # the department of t1
    top = world.case("m2").open_slots[0].unit
    with world.engine.desk() as desk:
        orgbook.dissolve(desk, None, "reform", unit="t1", successor=top, on="2019-08-12")
    assert world.case("m2").slots[0].unit == "t1" and world.case("m2").open_slots[0].unit == top
    with pytest.raises(NotApart, match="the same unit"):
        world.sign("m2")
    report = world.verify()
    assert (report.holds, report.rules) == (True, "hold"), report.failures


def test_on_which_day_it_happened_stands_beside_the_day_it_was_recorded(world: World) -> None:
    from workflow.acts import Sign

    for on in ("2019-08-13", "yesterday"):
        with pytest.raises(DateRequired):
            world.engine.act(Sign(item="m1", by=HANDLER, seen=seen(world), on=on))
    receipt = world.engine.act(Sign(item="m1", by=HANDLER, seen=seen(world), on="2019-08-10"))
    with world.engine.reading() as connection:
        body = canonical.read(next(e for e in items.entries(connection, "m1") if e.seq == receipt.seq).body)
    assert body["statement"]["on"] == "2019-08-10"


def test_a_copy_is_on_record_and_so_is_who_read_it(world: World) -> None:
    reader = Actor("t1-department", "department", "t1")
    with pytest.raises(NotHolder):
        world.engine.copy_to("m1", HANDLER, Actor("nobody", "department", "t1"))
    with pytest.raises(OutOfTurn):
        world.engine.copy_to("m1", Actor("t2-handler", "handler", "t2"), reader)
    world.engine.copy_to("m1", HANDLER, reader)
    holds(world)


def test_a_place_that_nobody_may_sign_is_shown_and_escalated_once_and_never_passed(world: World) -> None:
    """t1's department holds the post of handler too: once they sign as handler, nobody is left for the department."""
    up_to(world, "t1", "handler")
    with world.engine.look() as desk:
        assert blocked(desk, world.clock.now()) == []
    world.sign("m1", by=Actor("t1-department", "handler", "t1"))
    with world.engine.desk() as desk:
        (one,) = escalate(desk, world.clock.now())
        assert escalate(desk, world.clock.now()) == []
        assert [(b.item, b.slot) for b in blocked(desk, world.clock.now())] == [("m1", "4")]
    assert (one.item, one.slot, one.post, one.unit) == ("m1", "4", "department", "t1")
    assert [(p, type(e)) for p, e in one.why] == [("t1-department", SamePerson)]
    assert [a["person"] for a in one.above] == ["s1-secretary"]
    assert states(world)["4"] == "open"
    assert "t1-department" in "\n".join(irregular.blocked_lines([one], "zh"))
    ends = tenure_row("t1-department", "t1", "department", until="2019-08-12")
    world.engine.import_org(imported(tenures=[ends]))
    with world.engine.look() as desk:
        (vacant,) = blocked(desk, world.clock.now())
    assert vacant.why == ()
    since = tenure_row("new-department", "t1", "department", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-department")], tenures=[ends, since]))
    with world.engine.look() as desk:
        assert blocked(desk, world.clock.now()) == []


def asked_of_each(world: World, item: str) -> set[tuple[bool, bool]]:
    """Of every open place of an item: is it told to be open to any holder, and does somebody who answers get refused?"""
    found, at = set(), world.clock.now()
    with world.engine.look() as desk:
        head = items.read(desk.connection, item)
        case, definition = desk.case_of(item)
        for slot in case.open_slots:
            refused = False
            for held in desk.organisation().answerable(slot.unit, slot.post, "2019-08-12", True):
                by = Actor(held["person"], slot.post, slot.unit)
                act = Sign(item=item, by=by, seen=case.content, slot=slot.key)
                try:
                    signing.may_sign(desk.ask(act, case, head.org, head.seq + 1, at))
                except Refused:
                    refused = True
            found.add((signing.open_to_holders(definition, case, slot), refused))
    return found


def test_a_place_told_to_be_open_to_its_holders_refuses_none_of_them(world: World) -> None:
    """What a sweep passes over without asking rules of each person, they would have let through."""
    barred = SHEETS.replace("flow: sheets", "flow: barred").replace(
        "slots: [{department: third}, {secretary: second}]\n    apart: [{posts: [department, secretary], by: subordinate}]",
        "slots: [{department: third, in-person: true}, {secretary: second, in-person: true}]",
    )
    world.engine.publish(loads(flow_text(barred)))
    world.engine.open("barred", "o2", item="b1")
    world.engine.submit("b1", Actor("t1-handler", "handler", "o2"), SHEET)
    world.walk_to("acceptance", "m2")
    world.begin("m3")
    found: set[tuple[bool, bool]] = set()
    for item in ("m1", "m2", "m3", "b1"):
        with suppress(Refused):  # what comes next would need more than a signature, or nobody may sign it
            while world.case(item).open_slots:
                found |= asked_of_each(world, item)
                world.sign(item)
    assert found == {(True, False), (False, False), (False, True)}


def test_everything_that_waits_for_a_leaver_is_handed_over_with_a_result_for_each_place(world: World) -> None:
    for item in ("m2", "m3"):
        world.engine.open("sheets", "o1", item=item)
    for item in ("m1", "m2"):
        if item != "m1":
            world.engine.submit(item, HANDLER, SHEET)
        world.sign(item)
    above = Actor("t1-secretary", "secretary", "t1")
    with world.engine.desk() as desk:
        refused = hand_over(desk, above, "o1-secretary", "new-secretary", "retired")
    assert [(i, k, type(r)) for i, k, r in refused] == [("m1", "2", NotHolder), ("m2", "2", NotHolder)]
    until = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-12")
    since = tenure_row("new-secretary", "o1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-secretary")], tenures=[until, since]))
    with world.engine.desk() as desk:
        done = hand_over(desk, above, "o1-secretary", "new-secretary", "retired")
    assert [(i, k, type(r)) for i, k, r in done] == [("m1", "2", Receipt), ("m2", "2", Receipt)]
    holds(world)
