"""What must not be got round when one person stands in for another, signs on paper, has two ids or leaves. R020, R026, R203."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_between import CAUSE, ROOTED
from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, Receipt, loads, orgbook
from workflow.acts import HandOver
from workflow.errors import (
    AlreadySeen,
    Avoidance,
    BadMaterial,
    DateRequired,
    GateClosed,
    MandateExpired,
    NotHolder,
    SamePerson,
    WrongMeaning,
)
from workflow.handover import hand_over

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
DELEGATE = Actor("o1-scrutineer", "secretary", "o1")
ABOVE = Actor("s1-secretary", "secretary", "s1")
OFFICE = Actor("s1-department", "department", "s1")
T1 = Actor("t1-secretary", "secretary", "t1")
WHY = "away for the day"
DAY = timedelta(days=1)

# a check in the same item, apart from whoever reported; and a tracking that names who stands aside
CHECKED = SHEETS.replace("flow: sheets", "flow: checked").replace(
    "apart: [{posts: [department, secretary], by: subordinate}]",
    "apart: [{posts: [department, handler], by: person, over: item}]",
)
CHECKED = CHECKED.replace("    apart:\n      - {posts: [handler, department], by: person, over: item}\n", "")
TRACKED = """flow: tracked
title: {zh: 示例回访, en: an invented tracking}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: work
    duty: secretary
    slots: secretary
    exits: {done: closed}
  - stage: closed
    duty: {secretary: third}
    not-by: [secretary]
    tracking: {for: 12 months, look-backs: [90 days], by: {secretary: third}, held: held, rebound: rebound}
    exits: {held: archived, rebound: work}
  - stage: archived
    final: true
"""
PAIR = """flow: pair
title: {zh: 示例双签, en: an invented pair}
chains:
  two:
    steps: [handler, secretary]
    two-persons: [[handler, secretary]]
    override: [{secretary: second}, {department: second}]
stages:
  - stage: signing
    duty: secretary
    chain: two
    exits: {done: over}
  - stage: over
    final: true
"""
AGAIN = ROOTED.replace("flow: rooted", "flow: again").replace(
    "exits: {done: closed}", "exits: {done: closed, returned-found: found}"
)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (SHEETS, CHECKED, TRACKED, PAIR, CAUSE, ROOTED, AGAIN):
            made.engine.publish(loads(flow_text(text)))
        yield made


def begun(world: World, flow: str = "sheets", item: str = "m1") -> str:
    world.engine.open(flow, "o1", item=item)
    world.engine.submit(item, HANDLER, SHEET)
    return item


def seen(world: World, item: str = "m1") -> str:
    return world.case(item).content


def sign(world: World, item: str = "m1", **more: Any) -> Receipt:
    slot = world.case(item).open_slots[0]
    if slot.unit == "t1" and slot.post == "handler":
        more.setdefault("by", Actor("t1-handler", "handler", "t1"))
    return world.sign(item, **more)


def up_to(world: World, unit: str, post: str, item: str = "m1") -> None:
    while (world.case(item).open_slots[0].unit, world.case(item).open_slots[0].post) != (unit, post):
        sign(world, item)


def ink(world: World, by: Actor, on: date | str, item: str = "m1", registrar: Actor = HANDLER, **more: Any) -> Receipt:
    return world.engine.sign_in_ink(
        item, by, seen(world, item), scan=b"a scan", on=on, registrar=registrar, opinion="agreed", **more
    )


def merge(world: World, person: str, into: str) -> None:
    with world.engine.desk() as desk:
        orgbook.merge_persons(desk, None, "twice on file", person=person, into=into, on="2019-08-12")


def holds(world: World) -> None:
    report = world.verify()
    assert (report.holds, report.rules, report.organisation) == (True, "hold", "holds"), report.failures


# --- ink ---------------------------------------------------------------------------------------------------------------


def test_ink_is_never_older_than_its_papers_nor_than_the_ink_before_it(world: World) -> None:
    """Both times are on record; the day on the sheet is not before the sheet was there. Source: R203."""
    begun(world)
    world.clock.advance(2 * DAY)
    world.engine.submit("m1", HANDLER, {"sheet": {"count": 4, "words": "a fourth pipe"}})  # on the 14th
    world.clock.advance(3 * DAY)
    with world.engine.desk() as desk:
        text = "委托书(虚构)".encode()
        given = {"from_on": "2019-08-14", "until_on": "2019-08-16", "text": text}
        orgbook.give_mandate(desk, SECRETARY, WHY, mandate="w1", person="t1-department", **given)
    sign(world)  # the handler by a click, on the 17th
    for on in ("2019-08-13", "2019-08-16"):  # before the papers; before the handler signed them
        with pytest.raises(DateRequired, match="from 2019-08-17"):
            ink(world, SECRETARY, on)
    world.clock.advance(DAY)
    with pytest.raises(MandateExpired):  # the mandate had ended by the day on the paper
        ink(world, Actor("t1-department", "secretary", "o1"), "2019-08-17")
    ink(world, SECRETARY, "2019-08-17")
    world.clock.advance(DAY)
    up_to(world, "t1", "department")
    by = Actor("t1-department", "department", "t1")
    world.engine.send_back("m1", by, seen(world), "look again", to="2", due="2019-09-30")  # on the 19th
    with pytest.raises(DateRequired, match="from 2019-08-19"):  # the ink from before it was sent back is used up
        ink(world, SECRETARY, "2019-08-17")
    ink(world, SECRETARY, "2019-08-19")
    holds(world)


def test_a_sheet_that_went_round_on_paper_is_registered_in_its_order(world: World) -> None:
    """Registered days later, place by place: each not before the one that signed before it."""
    begun(world)
    world.clock.advance(4 * DAY)
    other = Actor("t1-handler", "handler", "t1")
    sign(world)
    world.clock.advance(4 * DAY)
    ink(world, SECRETARY, "2019-08-17")
    with pytest.raises(DateRequired, match="from 2019-08-17"):
        ink(world, Actor("t1-department", "handler", "t1"), "2019-08-16", registrar=other)
    ink(world, Actor("t1-department", "handler", "t1"), "2019-08-18", registrar=other)
    holds(world)


def test_a_mandate_covers_ink_by_the_day_on_the_paper(world: World) -> None:
    begun(world)
    sign(world)
    world.clock.advance(9 * DAY)
    with world.engine.desk() as desk:
        given = {"from_on": "2019-08-20", "until_on": "2019-08-30", "text": b"in my place"}
        orgbook.give_mandate(desk, SECRETARY, WHY, mandate="w1", person="t1-department", **given)
    deputy = Actor("t1-department", "secretary", "o1")
    with pytest.raises(MandateExpired):  # today it holds; on the day on the paper it had not begun
        ink(world, deputy, "2019-08-19")
    ink(world, deputy, "2019-08-20")
    holds(world)


# --- delegates -----------------------------------------------------------------------------------------------------------


def test_a_delegate_whose_own_post_ended_signs_no_more(world: World) -> None:
    begun(world)
    sign(world)
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    world.clock.advance(2 * DAY)
    world.engine.recall("m1", SECRETARY, seen(world), "2")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    assert [(p["item"], p["principal"]) for p in world.engine.pending("o1-scrutineer")] == [("m1", "o1-secretary")]
    with pytest.raises(NotHolder):  # not on a day before it was delegated
        ink(world, DELEGATE, "2019-08-13")
    world.engine.import_org(imported(tenures=[tenure_row("o1-scrutineer", "o1", "scrutineer", until="2019-08-14")]))
    with pytest.raises(NotHolder):
        sign(world, by=DELEGATE)
    assert world.engine.pending("o1-scrutineer") == []  # nor does it wait for them
    sign(world)
    holds(world)


def test_a_look_of_the_delegate_holds_up_a_withdrawal(world: World) -> None:
    """撤回 only until the next actor has opened it, and a delegate is one."""
    begun(world)
    sign(world)
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    for person in (Actor("o1-scrutineer", "scrutineer", "o1"), DELEGATE):
        world.engine.view("m1", person, seen(world))
        with pytest.raises(AlreadySeen):
            world.engine.withdraw("m1", HANDLER, "1")


def test_who_leaves_was_there_and_what_others_delegated_stands(world: World) -> None:
    begun(world)
    sign(world)
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", WHY)
    for leaver in ("t2-handler", "o1-handler"):
        with pytest.raises(NotHolder, match=leaver):
            world.engine.hand_over("m1", T1, seen(world), "2", leaver, "o1-secretary", "left")
    with pytest.raises(NotHolder, match="scrutineer"):  # what was given to a scrutineer goes on to a scrutineer
        world.engine.hand_over("m1", T1, seen(world), "2", "o1-scrutineer", "o1-handler", "left")
    world.engine.hand_over("m1", T1, seen(world), "2", "o1-scrutineer", "o1-scrutineer-2", "left")
    slot = world.case("m1").slot("2")
    assert slot is not None and (slot.delegate, slot.giver, slot.own_post) == (
        "o1-scrutineer-2",
        "o1-secretary",
        "scrutineer",
    )
    ended = tenure_row("gone", "o1", "secretary", "2012-01-01", "2015-01-01")
    world.engine.import_org(imported(persons=[person_row("gone")], tenures=[ended]))
    world.engine.hand_over("m1", T1, seen(world), "2", "gone", "o1-secretary", "left long ago")
    slot = world.case("m1").slot("2")
    assert slot is not None and slot.delegate == "o1-scrutineer-2"
    until = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-12")
    since = tenure_row("new-secretary", "o1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-secretary")], tenures=[until, since]))
    with world.engine.desk() as desk:
        ((_, _, done),) = hand_over(desk, T1, "o1-secretary", "new-secretary", "retired")
    assert isinstance(done, Receipt)
    slot = world.case("m1").slot("2")
    assert slot is not None and not slot.delegate  # what the leaver delegated ended with them
    holds(world)


def test_what_is_accepted_one_by_one_passes_on_together(world: World) -> None:
    """A hand-over signs nothing, so a place that refuses bulk passes on with the others."""
    for item in ("m1", "m2"):
        world.walk_to("acceptance", item)
    until = tenure_row("s1-secretary", "s1", "secretary", until="2019-08-12")
    since = tenure_row("new-secretary", "s1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-secretary")], tenures=[until, since]))
    with world.engine.desk() as desk:
        above = Actor("g1-secretary", "secretary", "g1")
        done = hand_over(desk, above, "s1-secretary", "new-secretary", "retired")
    assert [(item, type(result)) for item, _, result in done] == [("m1", Receipt), ("m2", Receipt)]


# --- one person, two ids -------------------------------------------------------------------------------------------------


def test_two_ids_of_one_person_are_one_where_two_are_asked_for(world: World) -> None:
    """Source: R020."""
    world.engine.open("pair", "o1", item="m1")
    sign(world)
    merge(world, "o1-handler", "o1-secretary")
    with pytest.raises(SamePerson):
        sign(world)
    holds(world)


def test_two_ids_of_one_person_are_one_over_the_stages_of_an_item(world: World) -> None:
    begun(world, "checked")
    up_to(world, "t1", "department")
    merge(world, "t1-handler", "t1-department")
    while world.case("m1").stage == "report":
        sign(world)
    with pytest.raises(SamePerson):
        sign(world)
    holds(world)


def test_two_ids_of_one_person_do_not_make_an_override(world: World) -> None:
    world.engine.open("pair", "o1", item="m1")
    world.engine.ask_override("m1", OFFICE, seen(world), "1", "nobody there")
    merge(world, "s1-department", "s1-secretary")
    with pytest.raises(NotHolder, match="s1-department"):  # that id holds the office no more
        world.engine.override("m1", ABOVE, seen(world), "1", "nobody there")
    world.engine.ask_override("m1", Actor("s1-secretary", "department", "s1"), seen(world), "1", "nobody there")
    with pytest.raises(SamePerson):
        world.engine.override("m1", ABOVE, seen(world), "1", "nobody there")


# --- stages, overrides, returns --------------------------------------------------------------------------------------------


def test_kept_apart_over_an_item_holds_between_its_stages(world: World) -> None:
    """Whoever reported as handler does not check as department, though only the check says so. t1's department is both."""
    begun(world, "checked")
    up_to(world, "t1", "handler")
    world.sign("m1", by=Actor("t1-department", "handler", "t1"))
    up_to(world, "t1", "secretary")
    while world.case("m1").stage == "report":
        sign(world)
    with pytest.raises(SamePerson):
        sign(world)
    holds(world)


def test_who_asked_for_an_override_is_in_office_still_when_it_is_done(world: World) -> None:
    begun(world)
    up_to(world, "t1", "department")
    world.engine.ask_override("m1", OFFICE, seen(world), "4", "nobody there")
    world.engine.import_org(imported(tenures=[tenure_row("s1-department", "s1", "department", until="2019-08-12")]))
    with pytest.raises(NotHolder, match="ask-override anew"):
        world.engine.override("m1", ABOVE, seen(world), "4", "nobody there")
    since = tenure_row("o3-handler", "s1", "department", "2019-08-12")
    world.engine.import_org(
        imported(tenures=[tenure_row("s1-department", "s1", "department", until="2019-08-12"), since])
    )
    world.engine.ask_override("m1", Actor("o3-handler", "department", "s1"), seen(world), "4", "nobody there")
    world.engine.override("m1", ABOVE, seen(world), "4", "nobody there")
    holds(world)


def test_a_return_to_another_stage_never_comes_straight_back(world: World) -> None:
    begun(world)
    up_to(world, "t1", "department")
    by = Actor("t1-department", "department", "t1")
    with pytest.raises(WrongMeaning, match="straight"):
        world.engine.send_back("m1", by, seen(world), "anew", to="returned-anew", due="2019-08-20", straight=True)


def test_a_rebound_is_told_by_somebody_not_barred_and_is_late_where_it_is(world: World) -> None:
    world.engine.open("tracked", "o1", item="m1")
    sign(world)
    both = tenure_row("o1-secretary", "t1", "secretary", "2019-08-12")
    world.engine.import_org(imported(tenures=[tenure_row("t1-secretary", "t1", "secretary", until="2019-08-12"), both]))
    barred = Actor("o1-secretary", "secretary", "t1")
    world.clock.advance(100 * DAY)
    with pytest.raises(Avoidance):
        world.engine.reopen("m1", barred, seen(world), "it drips again")
    since = tenure_row("new", "t1", "secretary", "2019-09-01")
    world.engine.import_org(
        imported(
            persons=[person_row("new")],
            tenures=[
                tenure_row("t1-secretary", "t1", "secretary", until="2019-08-12"),
                tenure_row("o1-secretary", "t1", "secretary", "2019-08-12", "2019-09-01"),
                since,
            ],
        )
    )
    world.engine.reopen("m1", Actor("new", "secretary", "t1"), seen(world), "it drips again")
    with world.engine.look() as desk:
        from workflow.views import signatures

        assert [s.late for s in signatures(desk, "m1", world.clock.now())] == [False, True]
    holds(world)


# --- causes above ------------------------------------------------------------------------------------------------------------


def test_a_cause_above_stays_awaited_whatever_the_list_says_later(world: World) -> None:
    """根子在上面: handing in another list, or none, steps round nothing. Source: S0 「表现在基层、根子在上面」, R026."""
    e = world.engine
    e.open("again", "o1", item="m1", campaign="c1")
    e.submit("m1", HANDLER, {"causes": [{"unit": "t1", "way": "above"}]})
    (first,) = sign(world).opened
    e.send_back("m1", SECRETARY, seen(world), "look again", to="returned-found")
    e.submit("m1", HANDLER, {"causes": [{"unit": "t1", "way": "above"}]})
    assert sign(world).opened == ()  # the same cause: opened once
    e.send_back("m1", SECRETARY, seen(world), "look again", to="returned-found")
    e.submit("m1", HANDLER, {"causes": [{"unit": "s1", "way": "above"}]})
    (second,) = sign(world).opened
    assert second != first and world.case(second).unit == "s1"
    e.send_back("m1", SECRETARY, seen(world), "look again", to="returned-found")
    with pytest.raises(BadMaterial):
        e.submit("m1", HANDLER, {"causes": [{"unit": "nowhere", "way": "no"}]})
    e.submit("m1", HANDLER, {"causes": []})
    sign(world)
    with pytest.raises(GateClosed) as missing:
        sign(world)
    assert first in str(missing.value) and second in str(missing.value)
    for item in (first, second):
        while not world.case(item).final:
            sign(world, item)
    sign(world)
    assert world.case("m1").final
    holds(world)


def test_an_act_of_an_older_day_reads_as_it_was(world: World) -> None:
    """What earlier rules wrote folds as it did: a delegation without a post, an override asked without an office."""
    case = world.case(begun(world))
    after = case.fold([{"e": "delegated", "slot": "1", "delegate": "a", "giver": "b"}], 3, 0)
    assert after.slots[0].record().keys() & {"own_post", "given_on", "day"} == set()
    assert case.fold([{"e": "override-asked", "place": "1", "person": "a"}], 3, 0).overriding == {"1": "a"}
    assert case.fold([{"e": "item-opened", "item": "x"}], 3, 0).behind == {}
    assert HandOver.kind == "hand-over"
