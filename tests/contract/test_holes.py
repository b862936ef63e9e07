"""What a careless or malicious host could try with acts of its own making: each is refused, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.test_groups import JOINT, PLAIN
from tests.contract.world import BAD_VOTE, GOOD_VOTE, MEASURES, SHEET, SHEETS, TALK, World, flow_text, worlds
from workflow import Actor, Receipt, loads
from workflow.acts import MoveItem, Open, RecordTally, Sign, Submit, Supplement
from workflow.errors import (
    AlreadySeen,
    Avoidance,
    BadMaterial,
    BadSignature,
    ContentMissing,
    DateRequired,
    MaterialMissing,
    NoSuchExit,
    NotHolder,
    OneByOne,
    OutOfTurn,
    SamePerson,
    Stale,
    Unknown,
    WindowOpen,
    WorkflowError,
    WrongMeaning,
)
from workflow.evidence import canonical
from workflow.recording import prepared_nonce
from workflow.rules.opening import item_id
from workflow.store.items import entries

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def refused(world: World, error: type[WorkflowError], item: str, act: Submit) -> None:
    before = world.entries()
    with pytest.raises(error):
        world.engine.act(act)
    assert world.entries() == before


def test_a_tally_whose_figures_are_not_those_of_the_sheet_is_refused(world: World) -> None:
    world.walk_to("vote", "m1")
    sheet = {"eligible": 20, "voted": 18, "aware": 1, "dissatisfied": 17}
    kept = world.engine.contents.put(canonical.encode(sheet))
    by = Actor("o1-scrutineer", "scrutineer", "o1")
    lie = RecordTally(item="m1", by=by, materials={"votes": kept}, figures={"votes": GOOD_VOTE["votes"]})
    refused(world, BadMaterial, "m1", lie)
    refused(world, MaterialMissing, "m1", replace(lie, materials={}))
    refused(world, ContentMissing, "m1", replace(lie, materials={"votes": "sha256:" + "0" * 64}))


def test_a_list_cannot_be_called_shorter_than_it_is_nor_closed_when_it_was_not(world: World) -> None:
    world.walk_to("work", "m1")
    kept = world.engine.contents.put(canonical.encode(MEASURES["measures"]))
    honest = Submit(item="m1", by=SECRETARY, materials={"measures": kept}, figures={"measures": {"lines": 2}})
    refused(world, BadMaterial, "m1", replace(honest, figures={"measures": {"lines": 0}}))
    refused(world, BadMaterial, "m1", replace(honest, figures={"measures": {"lines": 2, "closed": [1, 2]}}))


@pytest.mark.parametrize("outcome", ["returned", "refused", "objected", "passed"])
def test_an_exit_that_another_kind_of_act_takes_is_not_chosen(world: World, outcome: str) -> None:
    stage = {"objected": "published", "passed": "vote"}.get(outcome, "plan")
    case = world.walk_to(stage, "m1")
    world.clock.advance(timedelta(days=14))  # past the window of a notice
    with pytest.raises(NoSuchExit):
        world.engine.sign("m1", world.actor(case.open_slots[0]), case.content, outcome=outcome)
    assert world.case("m1").stage == stage


def test_nobody_is_let_in_behind_an_investigation_that_no_report_made(world: World) -> None:
    with pytest.raises(WrongMeaning, match="opened behind it"):
        world.engine.act(Open(item="m1", flow="matter", unit="o1", enter="found"))


def test_a_notice_is_posted_by_somebody_of_the_line(world: World) -> None:
    world.walk_to("plan", "m1")
    stranger = Actor("t2-secretary", "secretary", "t2")
    with pytest.raises(OutOfTurn):
        world.engine.post_notice("m1", stranger, "plan", channel="board", place="hall")


def test_papers_of_another_item_stay_there(world: World) -> None:
    world.begin("m1")
    world.begin("m2", "o3")
    with pytest.raises(OutOfTurn):
        world.engine.submit("m2", HANDLER, SHEET, outcome="found")


def test_only_a_change_of_units_moves_an_item(world: World) -> None:
    world.begin("m1")
    with pytest.raises(WrongMeaning, match="change of units"):
        world.engine.act(MoveItem(item="m1", gone="s1", successor="t1"))


@pytest.mark.parametrize("item", ["", "view:m1", "org", "a\x00b", "x" * 65, item_id("m1", "report/1", "2")])
def test_an_id_of_the_engines_own_or_of_no_use_is_refused(world: World, item: str) -> None:
    with pytest.raises(WrongMeaning):
        world.engine.open("matter", "o1", item=item)


def test_handing_over_does_not_make_one_person_two(world: World) -> None:
    world.begin("m1")
    while world.case("m1").open_slots[0].unit != "t1":
        world.sign("m1")
    department = Actor("t1-department", "handler", "t1")
    world.sign("m1", by=department)
    slot = world.case("m1").open_slots[0]
    world.engine.transfer("m1", Actor("t1-department", "department", "t1"), slot.key, "t1", "handler")
    with pytest.raises(SamePerson):
        world.sign("m1", by=department)


def test_one_more_signer_beside_does_not_let_the_others_abstain(world: World) -> None:
    world.begin("m1")
    world.engine.add_signer("m1", HANDLER, "1", "t1", "department", "beside")
    with pytest.raises(WrongMeaning, match="in a group that votes"):
        world.engine.sign("m1", HANDLER, world.case("m1").content, opinion="…", vote="abstain")


def test_whoever_was_lead_stands_aside_even_after_another_was_named(world: World) -> None:
    world.walk_to("acceptance", "m1")
    superior = Actor("t1-secretary", "secretary", "t1")
    accepting = Actor("s1-secretary", "secretary", "s1")
    world.engine.name_lead("m1", superior, accepting)
    world.engine.name_lead("m1", superior, Actor("t1-handler", "handler", "t1"))
    with pytest.raises(Avoidance):
        world.engine.accept("m1", accepting, world.case("m1").content)


def test_the_moment_of_a_statement_is_not_made_up(world: World) -> None:
    world.begin("m1")
    seen = world.case("m1").content
    with pytest.raises(BadSignature):
        world.engine.sign("m1", HANDLER, seen, opinion="…", proof={"nonce": prepared_nonce("m1"), "at": 1})
    world.engine.sign("m1", HANDLER, seen, opinion="…", proof={"at": 4_102_444_800_000_000})
    with world.engine.reading() as connection:
        body = canonical.read(entries(connection, "m1")[-1].body)
    assert body["statement"]["at"] == body["at"] == world.clock.now()


def test_a_date_that_is_none_is_refused_in_a_sentence(world: World) -> None:
    world.walk_to("vote", "m1")
    scrutineer = Actor("o1-scrutineer", "scrutineer", "o1")
    world.engine.record_tally("m1", scrutineer, BAD_VOTE)
    world.sign("m1")
    for due in ("20190101", "zzz", "2019-08-01"):
        with pytest.raises(DateRequired):
            world.sign("m1", due=due)


def test_posting_again_does_not_make_an_objection_go_away(world: World) -> None:
    world.walk_to("published", "m1")
    department = Actor("s1-department", "department", "s1")
    world.engine.object_to("m1", "the pipe still drips")
    with pytest.raises(WindowOpen):
        world.engine.post_notice("m1", department, "result", channel="board", place="hall")
    world.clock.advance(timedelta(days=14))
    world.sign("m1")
    assert world.case("m1").stage == "acceptance"
    world.through("m1")
    world.engine.post_notice("m1", department, "result", channel="board", place="hall")
    world.clock.advance(timedelta(days=14))
    world.through("m1")
    assert world.case("m1").stage == "closed"


def test_a_vote_held_again_is_not_decided_by_the_old_tally(world: World) -> None:
    world.walk_to("vote", "m1")
    few = {"votes": {"eligible": 20, "voted": 15, "aware": 15, "dissatisfied": 0}}
    scrutineer = Actor("o1-scrutineer", "scrutineer", "o1")
    world.engine.record_tally("m1", scrutineer, few)
    world.through("m1")
    assert world.case("m1").stage == "vote" and "votes" not in world.case("m1").materials
    with pytest.raises(MaterialMissing):
        world.sign("m1")
    world.engine.record_tally("m1", scrutineer, GOOD_VOTE)
    assert world.through("m1").stage == "acceptance"
    assert world.verify().rules == "hold"


def test_a_look_back_is_not_held_before_its_day(world: World) -> None:
    world.walk_to("closed", "m1")
    with pytest.raises(WindowOpen, match="a day from"):
        world.sign("m1")
    world.clock.advance(timedelta(days=80))  # of 90: within the two weeks that it may be early
    world.sign("m1")


def test_a_short_nonce_neither_passes_nor_meets_another_by_chance(world: World) -> None:
    world.begin("m1")
    seen = world.case("m1").content
    for nonce in ("a", "", "0" * 23, "0" * 24, 7, f" {prepared_nonce('m1')[1:]}"):
        with pytest.raises(BadSignature, match="24 hex digits"):
            world.engine.sign("m1", HANDLER, seen, opinion="…", proof={"nonce": nonce, "at": world.clock.now()})
    word = prepared_nonce("m1")  # stands in the history, as words that somebody wrote
    given = {"nonce": prepared_nonce("m1"), "at": world.clock.now()}
    world.engine.sign("m1", HANDLER, seen, opinion=word, proof=given)
    world.engine.sign("m1", SECRETARY, seen, opinion="…", proof={"nonce": word, "at": world.clock.now()})


def test_one_nonce_is_not_good_for_two_items(world: World) -> None:
    """It would stay on record, and no verification of the database would hold any more."""
    for item in ("m1", "m2"):
        world.begin(item)
    given = {"nonce": prepared_nonce("m1"), "at": world.clock.now(), "method": "pin"}
    world.engine.sign("m1", HANDLER, world.case("m1").content, opinion="…", proof=given)
    with pytest.raises(BadSignature, match="for this item"):
        world.engine.sign("m2", HANDLER, world.case("m2").content, opinion="…", proof=given)
    assert world.verify().failures == []


def test_a_notice_is_of_the_papers_it_was_posted_over(world: World) -> None:
    case = world.walk_to("plan", "m1")
    with pytest.raises(Stale):
        world.engine.post_notice("m1", HANDLER, "plan", channel="board", place="hall", seen="sha256:" + "0" * 64)
    other = [{"measure": "paint over it", "due": "2019-10-01"}]
    world.engine.submit("m1", SECRETARY, {"measures": other})
    assert world.case("m1").papers != case.papers
    with pytest.raises(WindowOpen, match="posted again"):
        world.sign("m1")
    words = "整顿方案公示(虚构)"
    world.engine.post_notice("m1", HANDLER, "plan", channel="board", place="hall", text=words)
    kept = world.case("m1").notices["plan"]["papers"]
    assert kept == world.case("m1").papers
    assert world.through("m1").stage == "work"
    assert world.verify().rules == "hold"


def test_a_window_into_a_year_not_published_is_counted_for_now_and_again_when_it_is(world: World) -> None:
    world.walk_to("published", "m1")
    last = max(world.engine.calendar(None, "cn").years)
    world.clock.set(datetime(last, 12, 30, 1, 0, tzinfo=UTC))
    department = Actor("s1-department", "department", "s1")
    world.engine.post_notice("m1", department, "result", channel="board", place="hall")
    assert world.case("m1").notices["result"]["from"] == f"{last}-12-30"
    with pytest.raises(WindowOpen):
        world.sign("m1")
    world.clock.advance(timedelta(days=20))
    assert world.through("m1").stage == "closed"
    assert world.verify().rules == "hold"


def test_a_look_by_somebody_who_has_no_place_does_not_hold_up_a_withdrawal(world: World) -> None:
    world.begin("m1")
    seen = world.case("m1").content
    world.sign("m1")
    with pytest.raises(NotHolder):
        world.engine.view("m1", Actor("nobody", "secretary", "o1"), seen)
    world.engine.view("m1", Actor("t2-secretary", "secretary", "t2"), seen)
    world.engine.withdraw("m1", HANDLER, "1")
    world.sign("m1")
    world.engine.view("m1", SECRETARY, seen)
    with pytest.raises(AlreadySeen):
        world.engine.withdraw("m1", HANDLER, "1")


def test_in_bulk_what_one_item_lacks_is_its_own_result(world: World) -> None:
    for item in ("m1", "m2", "m3", "m4"):
        world.begin(item)
    good = {n: Sign(item=n, by=HANDLER, seen=world.case(n).content, opinion="…") for n in ("m1", "m2", "m3", "m4")}
    forged = replace(
        good["m2"], proof={"nonce": prepared_nonce("m2"), "at": world.clock.now(), "key": "00" * 32, "signature": "00"}
    )
    with world.engine.desk() as desk:
        one, two, three, four = desk.sign_many([good["m1"], forged, replace(good["m3"], by=None), good["m4"]])
    assert isinstance(one, Receipt) and isinstance(four, Receipt)
    assert isinstance(two, BadSignature) and isinstance(three, Unknown)
    assert [world.case(n).open_slots[0].key for n in good] == ["2", "1", "1", "2"]
    assert world.verify().rules == "hold"


def test_a_receipt_of_many_names_what_was_opened_behind_it(world: World) -> None:
    """t1 reports over its children, and every line of its list opens a matter."""
    statement = {"found": [], "statement": {"statement": "nothing was found"}}
    for unit in ("o1", "o2", "o3", "t1"):
        world.engine.open("survey", unit, item=f"s-{unit}")
        at = "t1" if unit == "o2" else unit
        found = {"found": [{"unit": "o1", "result": "found"}]}
        if unit == "t1":
            world.engine.submit("s-t1", Actor("t1-handler", "handler", "t1"), found, outcome="reported")
        else:
            world.engine.report_zero(f"s-{unit}", Actor(f"{at}-handler", "handler", unit), statement)
            world.through(f"s-{unit}")
    world.sign("s-t1")
    case = world.case("s-t1")
    with world.engine.desk() as desk:
        (receipt,) = desk.sign_many([Sign(item="s-t1", by=world.actor(case.open_slots[0]), seen=case.content)])
    assert isinstance(receipt, Receipt) and len(receipt.opened) == 1
    assert world.case(receipt.opened[0]).cites["entry"] == receipt.entry.hex()


def test_a_place_marked_one_by_one_refuses_to_be_signed_among_many(world: World) -> None:
    """Source: S0 「逐个评估」, R134."""
    text = TALK.replace("flow: talk", "flow: single").replace(
        "    slots: secretary\n", "    slots: [{secretary: own, one-by-one: true}]\n"
    )
    world.engine.publish(loads(flow_text(text)))
    for n in ("a", "b"):
        world.engine.open("single", "o1", item=n)
    acts = [Sign(item=n, by=SECRETARY, seen=world.case(n).content, outcome="held") for n in ("a", "b")]
    with world.engine.desk() as desk:
        assert [type(r) for r in desk.sign_many(acts)] == [OneByOne, OneByOne]
        assert [type(r) for r in desk.sign_many(acts[:1])] == [Receipt]


def test_what_brings_documents_along_is_not_taken_in_bulk(world: World) -> None:
    """What carries documents or opens a vote is vouched for one by one."""
    item = world.begin("bulk-1")
    act = Supplement(
        item=item, by=HANDLER, seen=world.case(item).content, reason="more", materials={"sheet": "sha256:" + "0" * 64}
    )
    with world.engine.desk() as desk:
        (result,) = desk.sign_many([act])
    assert isinstance(result, WrongMeaning) and world.entries(item) == 2


def test_a_scan_that_is_nowhere_and_an_override_of_other_papers_count_for_nothing(world: World) -> None:
    """Source: R203: paper without its scan proves nothing; and what the first of two saw must still be what is there."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="s1")
    world.engine.submit("s1", HANDLER, SHEET)
    world.sign("s1")
    paper = {
        "scan": "sha256:" + "0" * 64,
        "on": "2019-08-12",
        "person": HANDLER.person,
        "post": "handler",
        "unit": "o1",
    }
    with pytest.raises(ContentMissing):
        world.engine.act(Sign(item="s1", by=SECRETARY, seen=world.case("s1").content, paper=paper))
    office = Actor("s1-department", "department", "s1")
    world.engine.ask_override("s1", office, world.case("s1").content, "2", "nobody answers")
    assert world.case("s1").overriding
    world.engine.submit("s1", HANDLER, {"sheet": {"count": 99, "words": "quite other words"}})
    assert not world.case("s1").overriding


def test_nobody_is_put_into_a_group_where_somebody_has_a_veto(world: World) -> None:
    """Another voter would take the weight and the veto out of what the definition says."""
    world.engine.publish(loads(flow_text(JOINT)))
    world.engine.open("joint", "o1", item="w1")
    world.engine.sign("w1", HANDLER, world.case("w1").content)
    by = Actor("t1-department", "department", "t1")
    slot = next(s for s in world.case("w1").open_slots if s.unit == "t1")
    for where in ("before", "after", "beside"):
        with pytest.raises(WrongMeaning, match="weights or a veto"):
            world.engine.add_signer("w1", by, slot.key, unit="t1", post="secretary", where=where)
    world.engine.publish(loads(flow_text(PLAIN)))
    world.engine.open("plain", "o1", item="w2")
    world.engine.sign("w2", HANDLER, world.case("w2").content)
    slot = next(s for s in world.case("w2").open_slots if s.unit == "t1")
    world.engine.add_signer("w2", by, slot.key, unit="t1", post="secretary", where="after")


@pytest.mark.parametrize("where", ["before", "after", "beside"])
@pytest.mark.parametrize("vote", ["agree", "against", "abstain"])
def test_whoever_votes_in_a_group_still_does_when_somebody_was_added_to_the_place(
    world: World, where: str, vote: str
) -> None:
    """加签 asks for one more look; it takes no vote away and gives none. Rules 6."""
    world.engine.publish(loads(flow_text(PLAIN)))
    world.engine.open("plain", "o1", item="w2")
    world.engine.sign("w2", HANDLER, world.case("w2").content)
    by = Actor("t1-department", "department", "t1")
    slot = next(s for s in world.case("w2").open_slots if s.unit == "t1")
    world.engine.add_signer("w2", by, slot.key, unit="t1", post="secretary", where=where)
    added = Actor("t1-secretary", "secretary", "t1")
    with pytest.raises(WorkflowError):
        world.engine.sign("w2", added, world.case("w2").content, vote="against")
    if where != "after":
        world.engine.sign("w2", added, world.case("w2").content)
    world.engine.sign("w2", by, world.case("w2").content, vote=vote)
    assert world.case("w2").slot(slot.key).vote == vote  # type: ignore[union-attr]
    report = world.verify()
    assert (report.holds, report.rules) == (True, "hold"), report.failures
