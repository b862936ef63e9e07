"""委托签批: who signs in whose place, what both names on record mean, and every way in which a mandate does not hold."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.world import MATTER, World, flow_text, imported, make_world, person_row, tenure_row
from workflow import Actor, Receipt, bundle, loads, orgbook
from workflow.errors import (
    InPerson,
    MandateBeyondTenure,
    MandateCircular,
    MandateExpired,
    MandateOutOfScope,
    MandateRefused,
    MandateRevoked,
    NotHandedOn,
    NotHolder,
    SamePerson,
    WorkflowError,
)
from workflow.evidence import canonical
from workflow.evidence.standalone import Policy, Verifier
from workflow.org.hindsight import Hindsight
from workflow.store import items, scan
from workflow.store.mandates import given_to

T1 = Actor("t1-secretary", "secretary", "t1")
DEPUTY = Actor("deputy", "secretary", "t1")
SECOND = Actor("second-deputy", "secretary", "t1")
TEXT = "委托书(虚构)".encode()


@pytest.fixture
def staffed(world: World) -> World:
    """Two deputies of t1 who hold no post of their own; the secretary's tenure ends with the year 2019."""
    ends = tenure_row("t1-secretary", "t1", "secretary", until="2020-01-01")
    world.engine.import_org(imported(persons=[person_row("deputy"), person_row("second-deputy")], tenures=[ends]))
    return world


def give(world: World, name: str = "w1", by: Actor = T1, to: str = "deputy", **more: Any) -> Receipt:
    wanted: dict[str, Any] = {"from_on": "2019-08-12", "until_on": "2019-09-01", "text": TEXT, **more}
    with world.engine.desk() as desk:
        return orgbook.give_mandate(desk, by, "away on business", mandate=name, person=to, **wanted)


def revoke(world: World, name: str = "w1", by: Actor = T1) -> Receipt:
    with world.engine.desk() as desk:
        return orgbook.revoke_mandate(desk, by, "back again", mandate=name)


def at_t1_secretary(world: World, item: str) -> str:
    """A matter that waits for the secretary of t1."""
    world.begin(item)
    while (world.case(item).open_slots[0].unit, world.case(item).open_slots[0].post) != ("t1", "secretary"):
        world.sign(item)
    return item


def test_a_deputy_signs_in_the_place_of_the_holder_and_both_are_on_record(staffed: World) -> None:
    item = at_t1_secretary(staffed, "m1")
    with pytest.raises(NotHolder):
        staffed.sign(item, by=DEPUTY)
    given = give(staffed)
    receipt = staffed.sign(item, by=DEPUTY)
    with staffed.engine.reading() as connection:
        entry = next(e for e in items.entries(connection, item) if e.seq == receipt.seq)
        act = canonical.read(next(e for e in items.entries(connection, "org") if e.seq == given.seq).body)["act"]
    body = canonical.read(entry.body)
    held = body["statement"]
    assert (held["person"], held["principal"], held["mandate"], held["as"]) == (
        "deputy",
        "t1-secretary",
        "w1",
        "mandate",
    )
    assert held["tenure"] == "t1-secretary/t1/secretary/2015-01-01"
    assert body["org"] == given.entry.hex(), "the signature cites the entry that gave the mandate"
    assert staffed.engine.contents.get(act["rows"]["mandates"][0]["content"]) == TEXT
    assert act["reason"] == "away on business" and act["by"]["person"] == "t1-secretary"
    slot = next(s for s in staffed.case(item).slots if s.seq == receipt.seq)
    assert (slot.person, slot.principal) == ("deputy", "t1-secretary")
    assert staffed.verify().exit_code == 0
    assert alone(staffed, item) == []


def test_a_deputy_takes_their_own_signature_back_but_does_nothing_else_of_the_post(staffed: World) -> None:
    item = at_t1_secretary(staffed, "m1")
    give(staffed)
    key = staffed.case(item).open_slots[0].key
    staffed.sign(item, by=DEPUTY)
    staffed.engine.withdraw(item, DEPUTY, key)
    assert staffed.case(item).open_slots[0].key == key
    with pytest.raises(NotHolder):
        staffed.engine.urge(item, DEPUTY)
    assert staffed.verify().exit_code == 0


def alone(world: World, item: str) -> list[Any]:
    """What the one-file verifier finds wrong in a bundle of the item."""
    out = io.BytesIO()
    with world.engine.reading() as connection:
        bundle.write(connection, world.engine.contents, out, "item", item, made_at=world.clock.now())
    pinned = {"origin": world.engine.origin, "engine_keys": [{"key": world.engine.key.public_key().hex()}]}
    return list(Verifier(Policy.read(json.dumps(pinned).encode())).run(io.BytesIO(out.getvalue())).failures)


Case = tuple[type[MandateRefused], Callable[[World], Any], str]
REFUSED: dict[str, Case] = {
    "not yet": (MandateExpired, lambda w: give(w, from_on="2019-08-20"), "a day from 2019-08-20 to before 2019-09-01"),
    "revoked": (MandateRevoked, lambda w: (give(w), revoke(w)), "w1 was revoked"),
    "another flow": (MandateOutOfScope, lambda w: give(w, flow="talk"), "covers flow talk; got matter"),
    "another stage": (MandateOutOfScope, lambda w: give(w, stage="plan"), "covers stage plan; got report"),
    "another kind of place": (MandateOutOfScope, lambda w: give(w, kind="seal"), "covers kind seal; got sign"),
    "other units": (MandateOutOfScope, lambda w: give(w, units=["o2", "o3"]), "covers items of o2, o3; got o1"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_mandate_that_does_not_hold_here_is_refused_in_words_that_say_why(staffed: World, why: str) -> None:
    expected, prepare, words = REFUSED[why]
    item = at_t1_secretary(staffed, "m1")
    prepare(staffed)
    before = staffed.entries(item)
    with pytest.raises(expected) as refused:
        staffed.sign(item, by=DEPUTY)
    assert words in str(refused.value) and "t1-secretary" in str(refused.value)
    assert refused.value.text("zh") != str(refused.value)
    assert staffed.entries(item) == before
    staffed.sign(item)


def test_what_a_mandate_names_it_covers_with_the_units_below(staffed: World) -> None:
    item = at_t1_secretary(staffed, "m1")
    give(staffed, flow="matter", stage="report", kind="sign", units=["t1"])
    staffed.sign(item, by=DEPUTY)
    assert staffed.verify().exit_code == 0


def test_a_mandate_ends_on_its_day_and_with_the_tenure_it_rests_on(staffed: World) -> None:
    item = at_t1_secretary(staffed, "m1")
    give(staffed)
    with staffed.engine.desk() as desk:
        tenure = "t1-secretary/t1/secretary/2015-01-01"
        orgbook.end_tenure(
            desk, Actor("s1-secretary", "secretary", "s1"), "called away for good", tenure=tenure, on="2019-08-20"
        )
    staffed.clock.advance(timedelta(days=8))
    with pytest.raises(MandateBeyondTenure):
        staffed.sign(item, by=DEPUTY)
    staffed.clock.advance(timedelta(days=13))
    with pytest.raises(MandateExpired):
        staffed.sign(item, by=DEPUTY)


def test_nobody_gives_what_they_do_not_hold_nor_for_longer_than_they_hold_it(staffed: World) -> None:
    with pytest.raises(NotHolder):
        give(staffed, by=Actor("t1-department", "secretary", "t1"))
    with pytest.raises(MandateBeyondTenure, match="2020-01-01"):
        give(staffed, until_on="2020-02-01")
    with pytest.raises(MandateExpired):
        give(staffed, until_on="2019-08-12")
    with pytest.raises(MandateCircular):
        give(staffed, to="t1-secretary")
    give(staffed)
    with pytest.raises(NotHolder, match="t1-secretary"):
        revoke(staffed, by=DEPUTY)


def test_a_mandate_is_handed_on_only_where_it_says_so_never_wider_and_never_back(staffed: World) -> None:
    give(staffed, "closed")
    with pytest.raises(NotHandedOn):
        give(staffed, "on", by=DEPUTY, to="second-deputy", under="closed")
    give(staffed, "open", handing_on=True, flow="matter", units=["o1"])
    inside = {"flow": "matter", "units": ["o1"], "under": "open", "by": DEPUTY, "to": "second-deputy"}
    wider: tuple[dict[str, Any], ...] = ({"flow": ""}, {"units": []}, {"units": ["o2"]}, {"until_on": "2019-10-01"})
    for change in wider:
        with pytest.raises(NotHandedOn):
            give(staffed, "on", **{**inside, **change})
    for back in ("t1-secretary", "deputy"):
        with pytest.raises(MandateCircular):
            give(staffed, "on", **{**inside, "to": back})
    give(staffed, "on", **inside)
    first, second = at_t1_secretary(staffed, "m1"), at_t1_secretary(staffed, "m2")
    receipt = staffed.sign(first, by=SECOND)
    slot = next(s for s in staffed.case(first).slots if s.seq == receipt.seq)
    assert (slot.person, slot.principal) == ("second-deputy", "t1-secretary")
    revoke(staffed, "open")
    with pytest.raises(MandateRevoked, match="open was revoked"):
        staffed.sign(second, by=SECOND)
    with pytest.raises(MandateRevoked):
        give(staffed, "again", **inside)
    assert staffed.verify().exit_code == 0


def test_a_step_in_person_refuses_every_mandate_and_whoever_is_not_the_holder(staffed: World) -> None:
    """亲自: a deputy's signature is refused even with a delegation. R044."""
    text = MATTER.replace(
        "    slots: secretary\n    notice", "    slots: [{secretary: own, in-person: true}]\n    notice", 1
    )
    staffed.engine.publish(loads(flow_text(text, version="2")))
    e = staffed.engine
    for unit in ("o1", "o2"):
        item = f"m-{unit}"
        handler = Actor("o1-handler" if unit == "o1" else "t1-handler", "handler", unit)
        e.open("matter", unit, item=item, campaign="c1", category="leak")
        if unit == "o2":
            handler = Actor("t1-department", "handler", unit)
        e.submit(item, handler, {"sheet": {"count": 3, "words": "drips"}}, outcome="found")
        while staffed.case(item).stage == "report":
            staffed.sign(item)
        e.name_lead(item, T1, Actor("t1-department", "department", "t1"))
        boss = Actor("o1-secretary" if unit == "o1" else "t1-secretary", "secretary", unit)
        e.submit(item, boss, {"measures": [{"measure": "replace", "due": "2019-10-01"}]})
        e.post_notice(item, handler, "plan", channel="board", place="hall")
        assert staffed.case(item).open_slots[0].in_person
    give(staffed, by=Actor("o1-secretary", "secretary", "o1"))
    with pytest.raises(InPerson, match="in person"):
        staffed.sign("m-o1", by=Actor("deputy", "secretary", "o1"))
    with pytest.raises(InPerson, match="backstop"):
        staffed.sign("m-o2", by=Actor("t1-secretary", "secretary", "o2"))
    staffed.sign("m-o1")
    assert staffed.case("m-o1").stage == "work"


def test_two_persons_count_the_deputy_and_the_one_in_whose_place(staffed: World) -> None:
    """The department of t1 signs for itself; it may not sign for the secretary too, nor may a deputy of both."""
    item = at_t1_secretary(staffed, "m1")
    give(staffed, to="t1-department")
    with pytest.raises(SamePerson, match="t1-department"):
        staffed.sign(item, by=Actor("t1-department", "secretary", "t1"))
    other = staffed.begin("m2")
    give(staffed, "dep", by=Actor("t1-department", "department", "t1"), to="deputy")
    give(staffed, "sec", to="deputy")
    while staffed.case(other).open_slots[0].post != "department" or staffed.case(other).open_slots[0].unit != "t1":
        staffed.sign(other)
    staffed.sign(other, by=Actor("deputy", "department", "t1"))
    while staffed.case(other).open_slots[0].kind == "decision":
        staffed.sign(other)
    with pytest.raises(SamePerson, match="deputy"):
        staffed.sign(other, by=DEPUTY)
    staffed.sign(other)
    assert staffed.verify().exit_code == 0


def test_what_was_given_stays_readable_as_it_was_known(staffed: World) -> None:
    give(staffed)
    known = staffed.clock.now() + 10
    staffed.clock.advance(timedelta(hours=1))
    with staffed.engine.reading() as connection:
        before = given_to(connection, "deputy", "t1", "secretary", known)
    revoke(staffed)
    with staffed.engine.reading() as connection:
        assert given_to(connection, "deputy", "t1", "secretary", known) == before
        then, now = Hindsight(scan.organisation(connection)), staffed.clock.now()
        assert then.mandates("deputy", "t1", "secretary", known) == before
        assert then.mandates("deputy", "t1", "secretary", now) == given_to(connection, "deputy", "t1", "secretary")
        assert before[0]["links"][0]["revoked"] is None
        assert given_to(connection, "deputy", "t1", "secretary")[0]["links"][0]["revoked"] is not None


def test_a_revocation_committed_before_is_seen_although_the_signer_waited_for_the_item(
    postgres_url: str, tmp_path: Any
) -> None:
    """PostgreSQL only: the signer has begun and waits for the item while the mandate is revoked. A snapshot taken when
    the statement began would still show it in force."""
    world = make_world(postgres_url, tmp_path / "home")
    world.engine.import_org(imported(persons=[person_row("deputy")]))
    item = at_t1_secretary(world, "m1")
    give(world)
    seen, caught = world.case(item).content, []

    def sign() -> None:
        try:
            world.engine.sign(item, DEPUTY, seen, opinion="agreed")
        except WorkflowError as error:
            caught.append(error)

    thread = threading.Thread(target=sign)
    with world.engine.desk() as desk:
        items.lock_many(desk.connection, [item])
        thread.start()
        wait_for_a_lock(world)
        revoke(world)
    thread.join(20)
    assert [type(e) for e in caught] == [MandateRevoked]
    world.engine.close()


def test_a_revocation_waits_for_the_signature_that_rests_on_the_mandate(postgres_url: str, tmp_path: Any) -> None:
    """PostgreSQL only: the signature is first in both chains, and says so by citing the head before the revocation."""
    world = make_world(postgres_url, tmp_path / "home")
    world.engine.import_org(imported(persons=[person_row("deputy")]))
    item = at_t1_secretary(world, "m1")
    given = give(world)
    seen = world.case(item).content
    done: list[Receipt] = []
    thread = threading.Thread(target=lambda: done.append(revoke(world)))
    with world.engine.desk() as desk:
        signed = desk.sign(item, DEPUTY, seen, opinion="agreed")
        thread.start()
        wait_for_a_lock(world)
        assert done == []
    thread.join(20)
    assert done[0].seq == given.seq + 1
    with world.engine.reading() as connection:
        (body,) = [canonical.read(e.body) for e in items.entries(connection, item) if e.seq == signed.seq]
    assert body["org"] == given.entry.hex()
    assert world.verify().exit_code == 0
    world.engine.close()


def wait_for_a_lock(world: World) -> None:
    """Until another connection of this database waits for a lock."""
    with world.engine.db.connect() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        for _ in range(10_000):
            if connection.exec_driver_sql(asked).scalar():
                return
            connection.rollback()
    raise AssertionError("expected a connection to wait for a lock; got none")
