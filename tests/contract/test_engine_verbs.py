"""Every verb's way through, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.world import BAD_VOTE, GOOD_VOTE, MATTER, SHEET, START, World, flow_text, make_world
from workflow import Actor, loads, tick
from workflow.acts import Return, Sign
from workflow.clock import micros
from workflow.errors import BadSignature, Conflict, Stale, Unknown
from workflow.evidence import canonical
from workflow.recording import prepared_nonce
from workflow.store import items

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


def body(world: World, item: str, seq: int) -> dict:
    with world.engine.reading() as connection:
        return next(canonical.decode(e.body) for e in items.entries(connection, item) if e.seq == seq)


def test_a_matter_walks_from_report_to_archive_and_its_history_verifies(world: World) -> None:
    """Source: S0 「抓好责任落实」, M09."""
    world.walk_to("closed", "m1")
    world.clock.advance(timedelta(days=80))
    world.sign("m1")
    world.clock.advance(timedelta(days=300))
    assert world.through("m1").stage == "archived"
    found = world.verify()
    assert (found.level, found.rules, found.exit_code) == ("V1", "hold", 0), found.failures
    assert found.contents > 0


def test_signatures_go_level_by_level_from_the_organisation_to_the_second_level(shared: World) -> None:
    """Source: S0 「逐级签字上报」, R036."""
    case = shared.case(shared.begin("levels"))
    assert [(s.unit, s.post) for s in case.slots] == [
        ("o1", "handler"),
        ("o1", "secretary"),
        *[("t1", p) for p in ("handler", "department", "department", "secretary")],
        *[("s1", p) for p in ("handler", "department", "department", "secretary")],
    ]
    for slot in case.slots:
        assert [s.key for s in shared.case("levels").open_slots] == [slot.key]
        shared.sign("levels")
    assert shared.case("levels").stage == "plan"


def test_a_unit_without_its_own_organisation_is_signed_for_by_its_superior_and_marked_so(shared: World) -> None:
    """Source: S1 「兜底管理」, R017."""
    shared.engine.open("matter", "o2", item="vacant", campaign="c1")
    shared.engine.submit("vacant", Actor("t1-handler", "handler", "o2"), SHEET, outcome="found")
    receipt = shared.sign("vacant", by=Actor("t1-handler", "handler", "o2"))
    assert body(shared, "vacant", receipt.seq)["statement"]["as"] == "backstop"


def test_a_receipt_names_the_entry_that_stands_in_the_chain(shared: World) -> None:
    shared.begin("receipt")
    receipt = shared.sign("receipt")
    with shared.engine.reading() as connection:
        stored = items.entries(connection, "receipt")[-1]
    assert (receipt.seq, receipt.entry, receipt.seal, receipt.at) == (stored.seq, stored.hash, stored.seal, stored.at)
    assert receipt.stage == "report" and receipt.item == "receipt"


def test_what_is_shown_is_what_was_handed_in_and_its_digest_is_what_signing_asks_for(shared: World) -> None:
    shared.begin("shown")
    shown = shared.engine.show("shown")
    assert shown.contents == SHEET
    assert [s.post for s in shown.waiting] == ["handler"]
    shared.engine.sign("shown", HANDLER, shown.digest, opinion="agreed")


def test_handing_in_again_supersedes_the_signatures_that_covered_the_old_content(shared: World) -> None:
    shared.begin("again")
    shared.sign("again")
    shared.sign("again")
    shared.engine.submit("again", HANDLER, {"sheet": {"count": 4, "words": "a fourth pipe"}}, outcome="found")
    assert [s.key for s in shared.case("again").open_slots] == ["1"]
    assert not [s for s in shared.case("again").slots if s.state == "signed"]


def test_a_return_goes_to_the_level_below_and_keeps_what_was_signed_on_record(shared: World) -> None:
    """Source: S0 「层层把关」, R038."""
    shared.begin("back")
    for _ in range(3):
        shared.sign("back")
    by = Actor("t1-department", "department", "t1")
    shared.engine.send_back("back", by, shared.case("back").content, "the count is not right")
    assert [s.unit for s in shared.case("back").open_slots] == ["t1"]
    shared.engine.send_back(
        "back", Actor("t1-handler", "handler", "t1"), shared.case("back").content, "ask the organisation"
    )
    assert [(s.unit, s.post) for s in shared.case("back").open_slots] == [("o1", "handler")]
    with shared.engine.reading() as connection:
        assert [e.act for e in items.entries(connection, "back")].count("sign") == 3


def test_the_first_signer_may_choose_the_way_and_everyone_after_signs_over_it(shared: World) -> None:
    shared.begin("choice", outcome="")
    shared.sign("choice", outcome="found")
    assert shared.case("choice").outcome == "found"
    assert shared.through("choice").stage == "plan"


def test_an_exit_that_needs_a_reason_is_taken_with_one(shared: World) -> None:
    shared.begin("dropped", outcome="")
    assert shared.through("dropped", outcome="dropped", reason="it was never there").stage == "nothing"
    assert shared.case("dropped").final


def test_a_failed_tally_leads_to_rework_by_a_date_and_the_next_round(shared: World) -> None:
    """Source: R079, R137."""
    shared.walk_to("vote", "failed")
    shared.engine.record_tally("failed", Actor("o1-scrutineer", "scrutineer", "o1"), BAD_VOTE)
    case = shared.through("failed", due="2020-12-30")
    assert (case.stage, case.round, case.due_set) == ("rework", 2, "2020-12-30")
    assert case.closed[0]["round"] == 1 and "o1-secretary" in case.closed[0]["signers"]


def test_too_few_voters_are_no_result_and_the_vote_is_held_again(shared: World) -> None:
    shared.walk_to("vote", "few")
    tally = {"votes": {"eligible": 20, "voted": 15, "aware": 15, "dissatisfied": 0}}
    shared.engine.record_tally("few", Actor("o1-scrutineer", "scrutineer", "o1"), tally)
    case = shared.through("few")
    assert (case.stage, case.round, case.entries["vote"]) == ("vote", 1, 2)


def test_the_second_rework_goes_to_the_level_above_instead(shared: World) -> None:
    shared.walk_to("vote", "twice")
    scrutineer = Actor("o1-scrutineer", "scrutineer", "o1")
    shared.engine.record_tally("twice", scrutineer, BAD_VOTE)
    shared.through("twice", due="2021-03-30")
    shared.through("twice")
    shared.engine.record_tally("twice", scrutineer, BAD_VOTE)
    case = shared.through("twice", due="2021-03-30")
    assert case.stage == "above" and [s.unit for s in case.open_slots] == ["t1"]


def test_an_objection_sends_the_result_back_to_acceptance(shared: World) -> None:
    shared.walk_to("published", "objection")
    shared.engine.object_to("objection", "this is not repaired")
    assert shared.through("objection").stage == "acceptance"


def test_a_rebound_reopens_the_same_matter_as_its_next_round(world: World) -> None:
    """Source: S4 「防止旧问题反弹」, R148."""
    world.walk_to("closed", "m1")
    by = Actor("s1-department", "department", "s1")
    world.engine.reopen("m1", by, world.case("m1").content, "it drips again")
    case = world.case("m1")
    assert (case.stage, case.round, case.item) == ("work", 2, "m1")
    assert world.verify().exit_code == 0


def test_closed_lines_stay_closed_when_the_list_is_handed_in_unchanged_beside_new_lines(shared: World) -> None:
    shared.walk_to("work", "lines")
    shared.engine.close_line("lines", SECRETARY, "measures", 1, b"photograph")
    old = [r["cells"] for r in shared.engine.lines_of("lines", "measures")]
    new = [*old, {"measure": "a third one", "due": "2020-11-01"}]
    shared.engine.submit("lines", SECRETARY, {"measures": new})
    assert [r["closed_seq"] is not None for r in shared.engine.lines_of("lines", "measures")] == [True, False, False]
    assert shared.case("lines").lists["measures"]["open"] == 2


def test_a_matter_moves_to_a_later_set_of_nodes_and_its_due_with_it(world: World) -> None:
    """Source: R068. Source: S0 「监督指导各企业 10 月中旬前更新整顿对…」, R068, R052, M05."""
    world.begin("m1")
    before = world.case("m1").dues["report/1"]["missed"]
    world.clock.advance(timedelta(days=25))
    world.engine.adopt_nodes("m1", Actor("g1-secretary", "secretary", "g1"), "2")
    after = world.case("m1")
    assert after.nodes == "2" and after.dues["report/1"]["missed"] - before == 21 * 86_400_000_000
    assert world.verify().exit_code == 0


def test_a_view_stands_in_a_log_of_its_own_and_leaves_the_item_as_it_was(shared: World) -> None:
    shared.begin("viewed")
    before = shared.case("viewed")
    first = shared.engine.view("viewed", HANDLER, before.content)
    second = shared.engine.view("viewed", SECRETARY, before.content)
    assert (first.item, first.seq, second.seq) == ("view:viewed", 1, 2)
    assert shared.case("viewed") == before


def test_lines_of_a_signed_report_open_items_that_cite_it(world: World) -> None:
    """Source: S0 「逐级签字上报」, R036."""
    e = world.engine
    for unit, holder in (("o1", "o1"), ("o2", "t1"), ("o3", "o3")):
        e.open("survey", unit, item=f"survey-{unit}", campaign="c1")
        e.report_zero(
            f"survey-{unit}", Actor(f"{holder}-handler", "handler", unit), {"statement": {"statement": "nil"}}
        )
        world.through(f"survey-{unit}")
    e.open("survey", "t1", item="survey-t1", campaign="c1")
    found = {"found": [{"unit": "o3", "result": "found"}]}
    definition = e.case_of("survey-t1")[1]
    assert definition.first.exits["reported"].opens is not None
    e.submit("survey-t1", Actor("t1-handler", "handler", "t1"), found, outcome="reported")
    world.sign("survey-t1")
    receipt = world.sign("survey-t1")
    assert len(receipt.opened) == 1
    opened = world.case(receipt.opened[0])
    assert (opened.flow, opened.unit, opened.stage) == ("matter", "o3", "plan")
    assert opened.cites == {"item": "survey-t1", "seq": receipt.seq, "entry": receipt.entry.hex(), "line": 1}
    assert world.verify().exit_code == 0


def test_publishing_the_same_bytes_twice_is_once_and_other_bytes_need_a_new_version(shared: World) -> None:
    text = flow_text(MATTER)
    shared.engine.publish(loads(text))
    with pytest.raises(Conflict):
        shared.engine.publish(loads(text.replace("10 workdays", "11 workdays")))


def test_items_stay_under_the_version_they_were_opened_under(world: World) -> None:
    """Source: S0 「坚持从实际出发」, R117."""
    world.begin("old")
    world.clock.advance(timedelta(hours=1))
    world.engine.publish(loads(flow_text(MATTER, "2").replace("[handler, secretary]", "[secretary]")))
    world.begin("new")
    assert len(world.case("old").slots) == 10 and len(world.case("new").slots) == 9
    world.through("old")
    assert world.verify().exit_code == 0


@pytest.mark.parametrize("verb", ["show", "case_of"])
def test_an_item_that_is_not_there_is_unknown_by_name(shared: World, verb: str) -> None:
    with pytest.raises(Unknown, match="ghost"):
        getattr(shared.engine, verb)("ghost")


def test_a_flow_that_is_not_published_is_unknown(shared: World) -> None:
    with pytest.raises(Unknown, match="publish its definition first"):
        shared.engine.open("unheard-of", "o1", item="u1")


def test_opening_the_same_item_twice_is_a_conflict(shared: World) -> None:
    shared.begin("once")
    with pytest.raises(Conflict):
        shared.engine.open("matter", "o3", item="once")
    assert shared.case("once").unit == "o1"


def test_several_items_open_with_one_seal_and_those_that_exist_are_left_alone(world: World) -> None:
    from workflow.acts import Open

    opens = [Open(item=f"bulk-{n}", flow="talk", unit="t1") for n in range(50)]
    with world.engine.desk() as desk:
        assert desk.open_many(opens[:10]) == 10
        assert desk.open_many(opens) == 40
    assert world.case("bulk-49").stage == "proposed"
    assert world.verify().exit_code == 0


# --- prepared signatures ---------------------------------------------------------------------------------------------


def prepared(world: World, item: str, by: Actor) -> tuple[Sign, dict, bytes, bytes]:
    act = Sign(item=item, by=by, seen=world.case(item).content, opinion="agreed")
    made = world.engine.prepare(act)
    return act, {"nonce": made.nonce, "at": made.at}, made.statement, made.to_sign()


def test_the_statement_on_record_is_the_one_prepared_even_if_a_reminder_landed_between(world: World) -> None:
    world.begin("m1")
    world.clock.set(micros(START) + 15 * 86_400_000_000)
    _, proof, statement, _ = prepared(world, "m1", HANDLER)
    assert tick(world.engine).fired == 1
    receipt = world.engine.sign(
        "m1", HANDLER, world.case("m1").content, opinion="agreed", proof={**proof, "method": "pin"}
    )
    held = body(world, "m1", receipt.seq)
    assert canonical.encode(held["statement"]) == statement
    assert held["proof"] == {"strength": "S1", "method": "pin", "prepared": True}
    assert body(world, "m1", receipt.seq - 1)["act"]["kind"] == "fire"
    assert world.verify().strengths == {"S1": 1}


def test_a_statement_is_not_prepared_for_somebody_who_could_not_sign_it(shared: World) -> None:
    shared.begin("premature")
    with pytest.raises(Stale):
        shared.engine.prepare(Sign(item="premature", by=HANDLER, seen="sha256:" + "0" * 64))


@pytest.fixture
def keyed(database_url: str, tmp_path):  # type: ignore[no-untyped-def]
    key = Ed25519PrivateKey.generate()
    world = make_world(database_url, tmp_path, key_of={"o1-handler": key.public_key().public_bytes_raw()}.get)
    yield world, key
    world.engine.close()


def test_a_signature_by_the_persons_own_key_is_checked_and_kept(keyed: tuple[World, Ed25519PrivateKey]) -> None:
    world, key = keyed
    world.begin("m1")
    act, proof, _, to_sign = prepared(world, "m1", HANDLER)
    proof |= {"key": key.public_key().public_bytes_raw().hex(), "signature": key.sign(to_sign).hex()}
    receipt = world.engine.sign("m1", HANDLER, act.seen, opinion="agreed", proof=proof)
    assert body(world, "m1", receipt.seq)["proof"]["strength"] == "S2"
    assert world.verify().strengths == {"S2": 1}


@pytest.mark.parametrize("fault", ["other-key", "other-opinion", "bare-statement", "broken", "nobody's"])
def test_a_signature_that_does_not_cover_the_statement_is_refused(
    keyed: tuple[World, Ed25519PrivateKey], fault: str
) -> None:
    world, key = keyed
    world.begin("m1")
    by = SECRETARY if fault == "nobody's" else HANDLER
    if fault == "nobody's":
        world.sign("m1")
    act, proof, statement, to_sign = prepared(world, "m1", by)
    signer = Ed25519PrivateKey.generate() if fault == "other-key" else key
    signature = signer.sign(statement if fault == "bare-statement" else to_sign).hex()
    proof |= {"key": signer.public_key().public_bytes_raw().hex(), "signature": signature}
    if fault == "broken":
        proof["signature"] = "not hex"
    before = world.entries("m1")
    with pytest.raises(BadSignature):
        world.engine.sign(
            "m1", by, act.seen, opinion="something else" if fault == "other-opinion" else "agreed", proof=proof
        )
    assert world.entries("m1") == before


def own_proof(world: World, act: Return | Sign, key: Ed25519PrivateKey) -> dict:
    made = world.engine.prepare(act)
    signed = {"key": key.public_key().public_bytes_raw().hex(), "signature": key.sign(made.to_sign()).hex()}
    return {"nonce": made.nonce, "at": made.at, **signed}


def test_a_return_is_prepared_and_signed_by_the_persons_own_key_too(keyed: tuple[World, Ed25519PrivateKey]) -> None:
    world, key = keyed
    world.engine.key_of = {"o1-secretary": key.public_key().public_bytes_raw()}.get
    world.begin("m1")
    world.sign("m1")
    seen = world.case("m1").content
    proof = own_proof(world, Return(item="m1", by=SECRETARY, seen=seen, reason="count again"), key)
    world.engine.send_back("m1", SECRETARY, seen, "count again", proof=proof)
    found = world.verify()
    assert found.exit_code == 0 and found.strengths == {"S0": 1, "S2": 1}, found.failures


@pytest.mark.parametrize("strength", ["S1", "S2"])
def test_a_statement_signed_once_is_not_accepted_again_after_a_return(
    keyed: tuple[World, Ed25519PrivateKey], strength: str
) -> None:
    """Whoever kept the bytes cannot sign again in the person's name, though slot, round and content are the same."""
    world, key = keyed
    seen = world.case(world.begin("m1")).content
    proof = own_proof(world, Sign(item="m1", by=HANDLER, seen=seen, opinion="agreed"), key)
    if strength == "S1":
        proof = {"nonce": proof["nonce"], "at": proof["at"], "method": "pin"}
    first = world.engine.sign("m1", HANDLER, seen, opinion="agreed", proof=proof, request_id="r1")
    world.engine.send_back("m1", SECRETARY, seen, "count again")
    with pytest.raises(BadSignature, match=f"that of entry {first.seq}"):
        world.engine.sign("m1", HANDLER, seen, opinion="agreed", proof=proof)
    again = world.engine.sign("m1", HANDLER, seen, opinion="agreed", proof=proof, request_id="r1")
    assert again.entry == first.entry  # the same request is only answered once more
    assert [s.post for s in world.case("m1").open_slots] == ["handler"]


@pytest.mark.parametrize("at", [micros(START) + 1, "today"])
def test_a_statement_is_not_prepared_in_the_future(shared: World, at: int | str) -> None:
    shared.clock.set(START)
    item = f"future-{at}"
    seen = shared.case(shared.begin(item)).content
    with pytest.raises(BadSignature, match="prepared before now"):
        shared.engine.sign(
            item, HANDLER, seen, opinion="agreed", proof={"nonce": prepared_nonce(item), "at": at, "method": "pin"}
        )


def test_a_decision_made_ready_with_good_votes_is_computed_not_chosen(shared: World) -> None:
    shared.walk_to("vote", "computed")
    shared.engine.record_tally("computed", Actor("o1-scrutineer", "scrutineer", "o1"), GOOD_VOTE)
    assert shared.through("computed").stage == "acceptance"
