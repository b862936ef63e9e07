"""Withdrawing, adding and removing signers, handing over, urging: on the chain of a stage under way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.test_mandates import alone
from tests.contract.test_verify import forge
from tests.contract.weekly import shanghai
from tests.contract.world import BAD_VOTE, SHEET, SHEETS, World, flow_text, imported, tenure_row, worlds
from workflow import Actor, loads
from workflow.case import Case
from workflow.errors import AlreadySeen, LimitReached, NotApart, OutOfTurn, WrongMeaning, WrongStage
from workflow.orgbook import appoint
from workflow.possible import may
from workflow.store.items import came_to
from workflow.store.tables import outbox
from workflow.trace import trace
from workflow.views import signatures


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
DEPARTMENT = Actor("t1-department", "department", "t1")


def reported(world: World, item: str) -> None:
    """A matter whose handler stands at the first place with everything handed in."""
    world.begin(item)


def open_now(world: World, item: str) -> list[str]:
    return [f"{s.key}:{s.post}@{s.unit}" for s in world.case(item).open_slots]


def sign(world: World, item: str, by: Actor) -> None:
    world.engine.sign(item, by, world.case(item).content, opinion="同意")


def test_one_takes_back_a_signature_that_nobody_has_followed(world: World) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    world.engine.withdraw("m1", HANDLER, "1")
    assert open_now(world, "m1") == ["1:handler@o1"]
    sign(world, "m1", HANDLER)
    assert open_now(world, "m1") == ["2:secretary@o1"]
    assert world.verify().holds
    assert world.verify().rules == "hold"


def test_a_signature_stays_once_the_next_has_signed_or_looked(world: World) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    world.engine.view("m1", SECRETARY, world.case("m1").content)
    with pytest.raises(AlreadySeen, match="o1-secretary"):
        world.engine.withdraw("m1", HANDLER, "1")
    sign(world, "m1", SECRETARY)
    with pytest.raises(AlreadySeen):
        world.engine.withdraw("m1", HANDLER, "1")


@pytest.mark.parametrize(
    "by",
    [
        HANDLER,  # has signed before
        Actor("t1-secretary", "secretary", "t1"),  # has a place further on
        Actor("t2-secretary", "secretary", "t2"),  # has none
    ],
)
def test_a_look_of_somebody_who_does_not_act_next_holds_up_no_withdrawal(world: World, by: Actor) -> None:
    """撤回 until the next actor has opened or signed: nobody else's look counts."""
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    sign(world, "m1", SECRETARY)
    world.engine.view("m1", by, world.case("m1").content)
    world.engine.withdraw("m1", SECRETARY, "2")
    assert open_now(world, "m1") == ["2:secretary@o1"]
    assert world.verify().holds


def test_a_look_of_whoever_acts_next_counts_in_whatever_post_they_look(world: World) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    sign(world, "m1", SECRETARY)
    next_ = world.actor(world.case("m1").open_slots[0])
    assert (next_.person, next_.post) == ("t1-handler", "handler")
    with world.engine.desk() as desk:
        appoint(desk, None, "beside", person="t1-handler", unit="t2", post="scrutineer", from_on="2019-08-01")
    world.engine.view("m1", Actor("t1-handler", "scrutineer", "t2"), world.case("m1").content)
    with pytest.raises(AlreadySeen, match="t1-handler"):
        world.engine.withdraw("m1", SECRETARY, "2")


def summary(world: World, item: str) -> None:
    """A summary sheet whose chain leads through three levels, handed in at o1."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item=item, campaign="c1")
    world.engine.submit(item, HANDLER, SHEET)


def ended(world: World, item: str, **more: Any) -> tuple[Case, Actor, str]:
    """Everybody signs until the stage is left: how it stood before the last of them, who that was, and at which place."""
    stay = world.case(item).stays
    while world.case(item).stays == stay:
        before = world.case(item)
        slot = before.open_slots[0]
        world.sign(item, **more)
        world.clock.advance(timedelta(hours=1))
    return before, world.actor(slot), slot.key


def test_the_signature_that_ended_a_stage_is_taken_back_until_the_next_to_act_has_opened_or_signed(
    world: World,
) -> None:
    """撤回 until the next actor has opened or signed. The stage stands as it stood, by the same date, and whoever signed there
    signed exactly what is there. R037, R038."""
    summary(world, "m1")
    before, by, key = ended(world, "m1")
    assert world.case("m1").stage == "check"
    with world.engine.look() as desk:
        assert [p.slot for p in may(desk, "m1", by) if p.verb == "withdraw" and p.allowed] == [key]
        assert not [p for p in may(desk, "m1", HANDLER) if p.verb == "withdraw" and p.allowed]
    with pytest.raises(OutOfTurn):
        world.engine.withdraw("m1", HANDLER, "1")
    world.engine.urge("m1", Actor("s1-secretary", "secretary", "s1"))
    world.engine.copy_to("m1", by, Actor("o1-scrutineer", "scrutineer", "o1"))
    world.engine.withdraw("m1", by, key)
    here = world.case("m1")
    assert (here.stage, here.slots, here.content, here.entries) == ("report", *_stood(before))
    assert [d["missed"] for d in here.dues.values()] == [d["missed"] for d in before.dues.values()]
    with world.engine.look() as desk:
        rows = signatures(desk, "m1", world.clock.now())
        odd = trace(desk, "m1", world.clock.now()).root.irregular
    assert [r.superseded for r in rows] == [False] * (len(rows) - 1) + [True]
    assert [(i.kind, i.stage, i.place, i.persons) for i in odd] == [("withdrawn", "report", key, (by.person,))]
    world.sign("m1")
    assert world.case("m1").stage == "check"
    next_ = world.actor(world.case("m1").open_slots[0])
    world.engine.view("m1", next_, world.case("m1").content)
    with pytest.raises(AlreadySeen, match=next_.person):
        world.engine.withdraw("m1", by, key)
    world.sign("m1", by=next_)
    with pytest.raises(OutOfTurn):
        world.engine.withdraw("m1", by, key)
    assert world.verify().rules == "hold" and world.verify().holds
    assert alone(world, "m1") == []


def _stood(case: Case) -> tuple[Any, ...]:
    return case.slots, case.content, case.entries


def test_a_delegate_takes_back_what_they_ended(world: World) -> None:
    """As within a stage: by what they signed by, while it holds. R044."""
    text = SHEETS.replace("slots: [{department: third}, {secretary: second}]", "slots: [{secretary: third}]")
    text = text.replace(
        "levels: {from: organisation, to: second, each: level",
        "levels: {from: organisation, to: organisation, each: level",
    )
    world.engine.publish(loads(flow_text(text)))
    world.engine.open("sheets", "o1", item="m1", campaign="c1")
    world.engine.submit("m1", HANDLER, SHEET)
    world.sign("m1")
    seen = world.case("m1").content
    world.engine.delegate("m1", SECRETARY, seen, "2", "o1-scrutineer", "scrutineer", "away for the day")
    delegate = Actor("o1-scrutineer", "secretary", "o1")
    world.engine.sign("m1", delegate, seen, opinion="agreed")
    assert world.case("m1").stage == "check"
    world.engine.withdraw("m1", delegate, "2")
    assert (world.case("m1").stage, world.case("m1").content) == ("report", seen)
    assert world.case("m1").open_slots[0].delegate == "o1-scrutineer"
    world.engine.sign("m1", SECRETARY, seen, opinion="agreed")
    assert world.case("m1").stage == "check"
    assert world.verify().holds and alone(world, "m1") == []


def test_after_the_end_of_a_stage_was_taken_back_a_return_supersedes_what_was_signed_before_it(world: World) -> None:
    summary(world, "m1")
    _, by, key = ended(world, "m1")
    world.engine.withdraw("m1", by, key)
    why = {"reason": "count again", "to": "1", "due": "2019-12-30"}
    world.engine.send_back("m1", by, world.case("m1").content, why.pop("reason"), **why)
    assert open_now(world, "m1") == ["1:handler@o1"]
    with world.engine.look() as desk:
        assert all(r.superseded for r in signatures(desk, "m1", world.clock.now()))
    world.through("m1")
    with world.engine.reading() as connection:
        signed = [s["person"] for s in came_to(connection, "sheets", "c1", "o1", ["check"])[0]["signed"]]
    assert len(signed) == len(set(zip(signed, range(len(signed)), strict=True))) == 10
    assert world.verify().holds and alone(world, "m1") == []


def test_what_a_signature_set_going_elsewhere_is_not_taken_back(world: World) -> None:
    """An item opened by it, a round that began, an end that was reached: others rest on these."""
    found = [{"unit": "o3", "result": "found"}]
    for unit in ("o1", "o2", "o3", "t1"):
        world.engine.open("survey", unit, item=f"s-{unit}", campaign="c1")
        by = Actor(f"{'t1' if unit == 'o2' else unit}-handler", "handler", unit)
        world.engine.submit(f"s-{unit}", by, {"found": found}, outcome="reported")
        _, last, key = ended(world, f"s-{unit}")
    with pytest.raises(WrongStage):
        world.engine.withdraw("s-t1", last, key)
    world.walk_to("vote", "m1")
    world.engine.record_tally("m1", Actor("o1-scrutineer", "scrutineer", "o1"), BAD_VOTE)
    _, last, key = ended(world, "m1", due="2019-12-30")
    with pytest.raises(AlreadySeen, match="round"):
        world.engine.withdraw("m1", Actor("o1-scrutineer-2", "scrutineer", "o1"), key)
    assert world.verify().holds


def test_a_forged_account_of_what_ended_a_stage_is_found(world: World) -> None:
    """Somebody with the engine's key lets a stage go on otherwise than it stood."""
    summary(world, "m1")
    _, by, key = ended(world, "m1")
    world.engine.withdraw("m1", by, key)
    seq = world.entries("m1")

    def nobody_signed(body: dict[str, Any]) -> None:
        (told,) = [fact for name, fact in body["facts"].items() if name.startswith("ending ")]
        (entered,) = [e for e in body["effects"] if e["e"] == "entered"]
        for slots in (told["case"]["slots"], entered["slots"]):
            slots[0].update(person="nobody")

    with world.engine.desk() as desk:
        forge(desk.connection, "m1", seq, nobody_signed, world.engine.key)
    assert {f.code for f in world.verify().failures} - {"projection"} == {"facts"}


def test_nobody_takes_back_anothers_signature(world: World) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    with pytest.raises(OutOfTurn):
        world.engine.withdraw("m1", SECRETARY, "1")


@pytest.mark.parametrize(
    ("where", "opened", "then"),
    [
        ("before", ["2+1:department@t1"], ["2:secretary@o1"]),
        ("after", ["2:secretary@o1"], ["2+1:department@t1"]),
        ("beside", ["2:secretary@o1", "2+1:department@t1"], ["2:secretary@o1"]),
    ],
)
def test_a_signer_is_added_before_after_or_beside(world: World, where: str, opened: list[str], then: list[str]) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    world.engine.add_signer("m1", SECRETARY, "2", "t1", "department", where)
    assert open_now(world, "m1") == opened
    sign(world, "m1", SECRETARY if where == "after" else DEPARTMENT)
    assert open_now(world, "m1") == then
    sign(world, "m1", DEPARTMENT if where == "after" else SECRETARY)
    assert all(s.state == "signed" for s in world.case("m1").slots[:3])
    assert world.verify().holds


def test_only_what_was_added_can_be_taken_away(world: World) -> None:
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    world.engine.add_signer("m1", SECRETARY, "2", "t1", "department", "before")
    with pytest.raises(WrongMeaning, match="demands it"):
        world.engine.remove_signer("m1", SECRETARY, "3")
    world.engine.remove_signer("m1", SECRETARY, "2+1")
    assert open_now(world, "m1") == ["2:secretary@o1"]
    assert world.verify().holds


def test_half_an_override_does_not_outlive_a_return(world: World) -> None:
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="m1", campaign="c1")
    world.engine.submit("m1", HANDLER, SHEET)
    sign(world, "m1", HANDLER)
    first, second = Actor("s1-secretary", "secretary", "s1"), Actor("s1-department", "department", "s1")
    world.engine.ask_override("m1", first, world.case("m1").content, "2", "nobody there")
    why = {"reason": "count again", "to": "1", "due": "2019-09-30"}
    world.engine.send_back("m1", SECRETARY, world.case("m1").content, **why)
    sign(world, "m1", HANDLER)
    with pytest.raises(OutOfTurn, match="sent back"):
        world.engine.override("m1", second, world.case("m1").content, "2", "nobody there")
    world.engine.ask_override("m1", first, world.case("m1").content, "2", "nobody there")
    world.engine.override("m1", second, world.case("m1").content, "2", "nobody there")
    report = world.verify()
    assert report.holds and report.rules == "hold"


def test_adding_a_signer_behind_the_last_place_lets_nobody_pass_over_it(world: World) -> None:
    """What the definition demands last is signed, whoever was added behind it. Source: R205."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="m1")
    world.engine.submit("m1", HANDLER, SHEET)
    last = world.case("m1").slots[-1].key
    while world.case("m1").open_slots[0].key != last:
        world.sign("m1")
    secretary, department = Actor("s1-secretary", "secretary", "s1"), Actor("s1-department", "department", "s1")
    world.engine.add_signer("m1", secretary, last, "s1", "handler", "after")
    seen = world.case("m1").content
    world.engine.ask_override("m1", secretary, seen, last, "busy")
    with pytest.raises(WrongMeaning, match="the last one of the chain"):
        world.engine.override("m1", department, seen, last, "busy")
    assert world.verify().rules == "hold"


def test_an_outcome_that_came_back_is_changed_by_handing_in_again(world: World) -> None:
    """Nobody stands before whoever signs first, so they cannot return it: the refusal says what they can do."""
    world.begin("m1", outcome="")
    seen = world.case("m1").content
    world.engine.sign("m1", HANDLER, seen, opinion="agreed", outcome="dropped", reason="a storm")
    world.engine.send_back("m1", SECRETARY, world.case("m1").content, "it still drips")
    with pytest.raises(WrongMeaning, match="hand in again, with another"):
        world.engine.sign("m1", HANDLER, world.case("m1").content, opinion="agreed", outcome="found")
    world.engine.submit("m1", HANDLER, SHEET, outcome="found")
    sign(world, "m1", HANDLER)
    assert world.case("m1").outcome == "found" and world.verify().rules == "hold"


def test_taking_back_undoes_no_passing_over_and_waits_for_none(world: World) -> None:
    """Two persons let the chain pass over a place: what was signed after goes alone, what they passed on from stays."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="m1", campaign="c1")
    world.engine.submit("m1", HANDLER, SHEET)
    sign(world, "m1", HANDLER)
    sign(world, "m1", SECRETARY)
    seen = world.case("m1").content
    world.engine.ask_override("m1", Actor("s1-secretary", "secretary", "s1"), seen, "3", "nobody there")
    world.engine.override("m1", Actor("s1-department", "department", "s1"), seen, "3", "nobody there")
    with pytest.raises(AlreadySeen, match="handler@t1"):
        world.engine.withdraw("m1", SECRETARY, "2")
    sign(world, "m1", DEPARTMENT)
    world.engine.withdraw("m1", DEPARTMENT, "4")
    assert [s.state for s in world.case("m1").slots[:5]] == ["signed", "signed", "overridden", "open", "waiting"]
    report = world.verify()
    assert report.holds and report.rules == "hold"


@pytest.mark.parametrize("first", ["beside", "before"])
def test_taking_an_added_place_away_lets_nobody_sign_before_another_that_was_added(world: World, first: str) -> None:
    """Source: S0 「规定动作一个不能少」, R205."""
    reported(world, "m1")
    sign(world, "m1", HANDLER)
    world.engine.add_signer("m1", SECRETARY, "2", "t1", "department", first)
    by, slot = (SECRETARY, "2") if first == "beside" else (DEPARTMENT, "2+1")
    world.engine.add_signer("m1", by, slot, "t1", "handler", "before")
    gone, left = ("2+1", "2+2:handler@t1") if first == "beside" else ("2+2", "2+1:department@t1")
    world.engine.remove_signer("m1", SECRETARY, gone)
    assert open_now(world, "m1") == [left]
    with pytest.raises(OutOfTurn):
        sign(world, "m1", SECRETARY)
    sign(world, "m1", DEPARTMENT if first == "before" else Actor("t1-handler", "handler", "t1"))
    assert open_now(world, "m1") == ["2:secretary@o1"]
    report = world.verify()
    assert report.holds and report.rules == "hold"


def test_preparing_is_handed_over_and_signing_is_not(world: World) -> None:
    reported(world, "m1")
    world.engine.transfer("m1", HANDLER, "1", "o1", "secretary")
    assert open_now(world, "m1") == ["1:secretary@o1"]
    sign(world, "m1", SECRETARY)
    with pytest.raises(WrongMeaning, match="prepare or review"):
        world.engine.transfer("m1", SECRETARY, "2", "o1", "handler")


def test_urging_in_quiet_hours_is_on_record_at_once_and_told_in_the_morning(world: World) -> None:
    """R168: quiet hours hold for what a person sends as for what the machine does."""
    from tests.contract.world import MATTER, flow_text
    from workflow import loads
    from workflow.delivery import deliver

    text = flow_text(MATTER).replace('version: "1"', 'version: "2"')
    world.engine.publish(loads(text.replace("ladder:\n", 'quiet: {from: "18:00", until: "08:30"}\nladder:\n')))
    reported(world, "m1")
    world.clock.set(shanghai("2019-08-20 23:00"))
    world.engine.urge("m1", DEPARTMENT)
    sent: list[str] = []
    world.clock.set(shanghai("2019-08-21 08:30") - 1)
    assert deliver(world.engine, lambda n: sent.append(n.messages[0].topic)).notices == 0
    world.clock.set(shanghai("2019-08-21 08:30"))
    assert deliver(world.engine, lambda n: sent.append(n.messages[0].topic)).notices == 1 and sent == ["urged"]
    assert world.verify().holds


def test_urging_is_for_whoever_is_awaited_and_once_a_day(world: World) -> None:
    reported(world, "m1")
    world.engine.urge("m1", DEPARTMENT)
    with pytest.raises(LimitReached):
        world.engine.urge("m1", DEPARTMENT)
    world.clock.advance(timedelta(hours=1))
    sign(world, "m1", HANDLER)
    world.engine.urge("m1", DEPARTMENT)  # another is awaited now, whom nobody has urged
    with pytest.raises(LimitReached):
        world.engine.urge("m1", DEPARTMENT)
    world.clock.advance(timedelta(days=1))
    world.engine.urge("m1", DEPARTMENT)
    assert world.verify().holds and alone(world, "m1") == []


TWICE = """flow: twice
title: {zh: 示例并列, en: two places of one post side by side}
stages:
  - stage: count
    duty: secretary
    slots:
      - together: [scrutineer, scrutineer]
      - secretary
    exits: {counted: done}
  - stage: done
    final: true
"""


def test_whoever_is_awaited_at_two_places_is_urged_with_one_message(world: World) -> None:
    """Two places of one post wait at once, by the definition or because one was added: the urging once ended in an error."""
    world.engine.publish(loads(flow_text(TWICE)))
    world.engine.open("twice", "o1", item="m1")
    world.engine.urge("m1", DEPARTMENT)
    reported(world, "m2")
    world.engine.add_signer("m2", HANDLER, "1", "o1", "handler", "beside")
    world.engine.urge("m2", DEPARTMENT)
    with world.engine.reading() as connection:
        told = connection.execute(sa.select(outbox.c.recipient).where(outbox.c.topic == "urged")).scalars()
        assert sorted(told) == ["handler@o1", "scrutineer@o1"]
    with pytest.raises(LimitReached):  # both places were urged
        world.engine.urge("m1", DEPARTMENT)
    assert world.verify().rules == "hold"


UNITS_APART = """flow: kept-apart
title: {zh: 示例分离, en: units that are kept apart}
chains:
  two:
    steps: [handler, {department: third, kind: review}, {secretary: third}]
    apart: [{posts: [handler, department], by: unit}]
stages:
  - stage: look
    duty: secretary
    chain: two
    exits: {looked: done}
  - stage: done
    final: true
"""


def test_a_place_is_handed_on_and_added_to_where_units_are_kept_apart(world: World) -> None:
    """A place handed on keeps the post the definition demands, and the rule asks about that; one that is added has its own.
    Source: R038."""
    world.engine.import_org(imported(tenures=[tenure_row("nobody", "o1", "department")]))
    world.engine.publish(loads(flow_text(UNITS_APART)))
    world.engine.open("kept-apart", "o1", item="m1")
    sign(world, "m1", HANDLER)
    world.engine.transfer("m1", DEPARTMENT, "2", "t1", "secretary")
    secretary = Actor("t1-secretary", "secretary", "t1")
    world.engine.add_signer("m1", secretary, "2", "t1", "handler", "before")
    with pytest.raises(NotApart, match="the same unit"):
        world.engine.add_signer("m1", Actor("t1-handler", "handler", "t1"), "2+1", "o1", "department", "before")
    with world.engine.look() as desk:
        assert {a.verb for a in may(desk, "m1", Actor("t1-handler", "handler", "t1")) if a.allowed} >= {"transfer"}
    assert world.verify().rules == "hold"
