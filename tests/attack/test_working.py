"""Whoever edits what pages are read from, and no entry: a late report made one in time, another name, another stage.

Each attack changes what a reader is shown and nothing that is sealed. V1 must catch it; what V1 does not look at is not
there. Source: evidence, columns equal bodies; R037, R100.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.contract.test_personal import MARKED
from tests.contract.world import MATTER, World, flow_text, make_world, worlds
from workflow import Actor, access, loads, logcheck, sealing
from workflow.audit import anchor
from workflow.cli.evidence import lines
from workflow.epochs import open_epoch
from workflow.evidence import canonical
from workflow.evidence.content import MemoryContentStore
from workflow.evidence.keys import FileKeyProvider
from workflow.logbook import Logbook
from workflow.seen import seen_by, seen_by_operator
from workflow.store import tables as t
from workflow.verify import verify, verify_database

TOP, HANDLER = Actor("g1-secretary", "secretary", "g1"), Actor("o1-handler", "handler", "o1")
DAY = 86_400_000_000


def worked(url: str, home: Path) -> Iterator[World]:
    """One item with personal values, whose report went up after its node had passed, and a copy of it."""
    for made in worlds(url, home):
        made.engine.publish(loads(flow_text(MARKED, "2")))
        made.engine.open("matter", "o1", item="m1", campaign="c1", category="leak")
        sheet = {"count": 3, "words": "three doors down (invented)", "whom": "visitor-7", "fit": False}
        made.engine.submit("m1", HANDLER, {"sheet": sheet}, outcome="found")
        made.clock.advance(timedelta(days=30))
        while made.case("m1").stage == "report":
            made.sign("m1")
        made.engine.copy_to("m1", TOP, HANDLER)
        yield made


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worked(database_url, tmp_path / "home")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def looked_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same, one for all attacks that are rolled back."""
    folder = tmp_path_factory.mktemp("working")
    if request.param == "sqlite":
        yield from worked(f"sqlite:///{folder / 'workflow.db'}", folder / "home")
        return
    server = request.getfixturevalue("postgres_server")
    name = server.create()
    yield from worked(server.url(name), folder / "home")
    server.drop(name)


def change(world: World, *statements: Any) -> None:
    with world.engine.db.begin() as connection:
        for one in statements:
            connection.execute(one)


def codes(world: World) -> set[str]:
    return {failure.code for failure in world.verify().failures}


def met() -> Any:
    return t.due.update().where(t.due.c.item == "m1", t.due.c.state == 1)


def first(table: sa.Table, n: int = 1) -> Any:
    return table.update().where(table.c.item == "m1", table.c.n == n)


ATTACKS: dict[str, Callable[[], Any]] = {
    "a report came in time": lambda: first(t.stay, 2).values(entered_at=t.stay.c.entered_at - 20 * DAY),
    "it left the stage earlier": lambda: first(t.stay).values(left_at=t.stay.c.left_at - 20 * DAY),
    "it left by another exit": lambda: first(t.stay).values(exit="nothing"),
    "it stood in another stage": lambda: first(t.stay).values(stage="nothing"),
    "it came back once": lambda: first(t.stay).values(round=2),
    "a stage was never entered": lambda: t.stay.delete().where(t.stay.c.item == "m1", t.stay.c.n == 1),
    "another stage was entered": lambda: t.stay.insert().values(
        item="m1", n=9, stage="archived", round=1, entered_at=1, left_at=2, exit=""
    ),
    "stages of an item that is not there": lambda: first(t.stay).values(item="m9"),
    "a node was met in time": lambda: met().values(met_at=t.due.c.missed_at - 1),
    "a node was later": lambda: met().values(missed_at=t.due.c.missed_at + 40 * DAY),
    "a missed node was cancelled": lambda: met().values(state=3),
    "a missed node never was": lambda: t.due.delete().where(t.due.c.item == "m1", t.due.c.state == 1),
    "an open node has nothing left to fire": lambda: (
        t.due.update().where(t.due.c.item == "m1", t.due.c.state == 0).values(next_at=None)
    ),
    "a place waits since yesterday": lambda: (
        t.slot.update().where(t.slot.c.item == "m1").values(opened_at=t.slot.c.opened_at + DAY)
    ),
    "a copy was sent to somebody else": lambda: (
        t.outbox.update().where(t.outbox.c.topic == "copied").values(recipient="o3-handler")
    ),
    "a copy was never sent": lambda: t.outbox.delete().where(t.outbox.c.topic == "copied"),
    "a copy was sent of an item that is not there": lambda: t.outbox.insert().values(
        dedupe="m9 copied 1 o3-handler",
        topic="copied",
        recipient="o3-handler",
        payload=canonical.encode({"item": "m9"}),
        created_at=1,
        next_try_at=1,
    ),
    "a message that nobody can read": lambda: (
        t.outbox.update().where(t.outbox.c.topic == "copied").values(payload=b"nothing")
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_pages_are_read_from_is_what_the_entries_say(looked_at: World, attack: str) -> None:
    with looked_at.engine.db.connect() as connection, connection.begin() as transaction:
        changed = connection.execute(ATTACKS[attack]())
        assert {f.code for f in verify(connection, looked_at.engine.contents).failures} == {"projection"}, changed
        transaction.rollback()


def test_what_nobody_changed_holds(looked_at: World) -> None:
    assert looked_at.verify().failures == []


def test_a_late_report_that_was_made_one_in_time_is_shown_so_and_found(world: World) -> None:
    """The attack itself: the list of missed nodes is one shorter, and the verification says which row is another."""
    at = world.clock.now()
    with seen_by_operator(world.engine) as seen:
        assert [row.item for row in seen.missed(at)] == ["m1"]
    change(world, met().values(met_at=t.due.c.missed_at - 1))
    with seen_by_operator(world.engine) as seen:
        assert list(seen.missed(at)) == []
    (found,) = world.verify().failures
    assert (found.place, found.code) == ("m1", "projection") and found.detail.startswith("dues: expected [('report")


def test_a_copy_made_up_lets_somebody_see_an_item_and_is_found(world: World) -> None:
    stranger = "o3-handler"
    with world.engine.db.begin() as connection:
        row = dict(connection.execute(t.outbox.select().where(t.outbox.c.topic == "copied")).one()._mapping)
        del row["id"]
        connection.execute(t.outbox.insert(), {**row, "dedupe": f"m1 copied 99 {stranger}", "recipient": stranger})
    with seen_by(world.engine, stranger) as seen:
        assert seen.show("m1").digest
    assert codes(world) == {"projection"}


# --- personal values -------------------------------------------------------------------------------------------------


def _reseal(world: World, value: Any, key: bytes | None = None) -> None:
    """Another value under the commitment of the words: with the subject's own key, or with one of the attacker's."""
    commitment = canonical.decode(world.engine.contents.get(world.case("m1").materials["sheet"]))["words"]
    where = t.personal.c.commitment == commitment
    with world.engine.db.begin() as connection:
        subject = connection.execute(sa.select(t.personal.c.subject).where(where)).scalar_one()
        own = sa.select(t.subject.c.key).where(t.subject.c.subject == subject)
        used, nonce = key or bytes(connection.execute(own).scalar_one()), os.urandom(12)
        sealed = nonce + AESGCM(used).encrypt(nonce, canonical.encode(value), commitment.encode())
        connection.execute(t.personal.update().where(where).values(sealed=sealed))
        connection.execute(t.subject.update().where(t.subject.c.subject == subject).values(key=used))


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_another_personal_value_is_not_shown_and_is_found(world: World, key: bytes | None) -> None:
    _reseal(world, "somebody else (invented)", key)
    shown = world.engine.show("m1").contents["sheet"]["words"]
    assert shown.startswith("personal:"), "nothing is better than something made up"
    found = world.verify()
    assert {f.code for f in found.failures} == {"personal"} and "somebody else" not in str(found.failures)


def test_a_personal_value_that_went_off_the_record_is_found_and_one_erased_on_record_is_not(world: World) -> None:
    with world.engine.db.connect() as connection, connection.begin() as transaction:
        connection.execute(t.personal.delete().where(t.personal.c.subject == "visitor-7"))
        found = verify(connection, world.engine.contents)
        assert {(f.code, f.place) for f in found.failures} == {("personal", "m1#2")}
        assert {f.code for f in verify(connection).failures} == set()  # without the papers nobody knows what was there
        transaction.rollback()
    world.engine.erase("visitor-7", by="p-0001", reason="an invented request")
    assert codes(world) == set()


def test_an_erasure_whose_list_is_not_there_explains_nothing(world: World) -> None:
    world.engine.erase("visitor-7", by="p-0001", reason="an invented request")
    kept, some = world.engine.contents, MemoryContentStore()
    with world.engine.reading() as connection:
        for one in sorted({*world.case("m1").materials.values()}):
            some.put(kept.get(one))
        found = {f.code for f in verify(connection, some).failures}
    assert "personal" in found and "content" in found


# --- which version was in force ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_a_version_published_at_another_moment_than_its_entry_says_is_found(world: World, by: int) -> None:
    world.engine.put_in_force(loads(flow_text(MATTER, "3")), TOP, "an invented reason")
    assert codes(world) == set()
    where = t.definition.update().where(t.definition.c.flow == "matter", t.definition.c.version == "3")
    change(world, where.values(published_at=t.definition.c.published_at + by))
    assert codes(world) == {"library"}


@pytest.mark.parametrize("table", [t.definition, t.calendar], ids=["definition", "calendar"])
def test_a_version_published_after_something_rested_on_it_is_told(world: World, table: sa.Table) -> None:
    """No failure: a clock that was wrong and set right leaves the same."""
    with world.engine.reading() as connection:
        body = canonical.decode(connection.execute(t.entry.select().where(t.entry.c.chain == "m1")).first().body)
    digest = body[table.name.removeprefix("wf_")]
    assert world.verify().misdated == []
    change(world, table.update().where(table.c.digest == digest).values(published_at=2**52))
    found = world.verify()
    assert (found.failures, found.misdated) == ([], [digest])


# --- back-dated with the engine's key ----------------------------------------------------------------------------------


def test_an_entry_that_says_an_earlier_moment_than_the_one_before_it_is_told(world: World) -> None:
    assert world.verify().backwards == []
    world.clock.advance(-timedelta(days=3))
    access.record(world.engine, "look", by="p", what="x")
    world.engine.urge("m1", world.actor(world.case("m1").open_slots[0]))
    found = world.verify()
    assert found.failures == [] and [one.partition("#")[0] for one in found.backwards] == ["m1"]


def test_an_entry_written_behind_a_checkpoint_that_is_later_than_it_says_is_told(world: World, tmp_path: Path) -> None:
    """Whoever holds the engine's key writes any moment they like, into a chain that is new; not into what was signed."""
    book = Logbook.at(world.engine, tmp_path / "signer")
    book.sequence()
    book.checkpoint()
    world.clock.advance(-timedelta(minutes=50))
    access.record(world.engine, "look", by="p", what="kept back by a transaction")
    book.sequence()
    with world.engine.reading() as connection:
        assert logcheck.check(connection).late == []
    world.clock.advance(-timedelta(days=30))
    world.engine.open("talk", "t1", item="back-dated", campaign="c1")
    book.sequence()
    with world.engine.reading() as connection:
        found = anchor(connection, verify(connection, world.engine.contents), None, None)
    assert found.failures == [] and found.log is not None and found.log.late == ["back-dated#1"]
    said = [*lines(found, "en", True)]
    assert any(line.startswith("to be asked about: 1 entries came into the log") for line in said)
    assert any(line.startswith("待问明:1 条记录编入日志") for line in lines(found, "zh", True))


def test_a_second_engine_key_that_no_event_brought_is_named(world: World, tmp_path: Path) -> None:
    """The first key needs no event; with a second one in the table, whoever put it there seals what they like."""
    other = FileKeyProvider.create(tmp_path / "other.key")
    id_ = other.key_id().hex()
    change(world, t.meta.insert().values(key=f"key/{id_}", value=other.public_key().hex()))
    with world.engine.desk() as desk:
        act = {"kind": "look", "person": "p", "unit": "", "what": "x", "reason": ""}
        sealing.append(desk.connection, other, access.CHAIN, act, world.clock.now())
    assert world.verify().unvouched == [id_]


def test_an_entry_behind_the_last_checkpoint_of_an_earlier_epoch_is_told_and_what_it_took_over_is_not(
    world: World, tmp_path: Path
) -> None:
    """Only what an epoch took over stood in the log before; what came after it began is looked at like all the rest."""
    home = tmp_path / "signer"
    book = Logbook.at(world.engine, home)
    book.sequence()
    book.checkpoint()
    world.clock.advance(timedelta(days=1))
    open_epoch(world.engine, home, reason="another hash (invented)", by="p")
    with world.engine.reading() as connection:
        assert logcheck.check(connection).late == []
    world.clock.advance(-timedelta(days=30))
    world.engine.open("talk", "t1", item="back-dated", campaign="c1")
    book.sequence()
    with world.engine.reading() as connection:
        assert logcheck.check(connection).late == ["back-dated#1"]


@pytest.mark.parametrize(
    "effect",
    [
        {"e": "due-armed", "rule": "zz", "missed": 1, "step": 0, "next": None},
        {"e": "seat-taken", "seat": "zz", "n": []},
    ],
    ids=lambda effect: effect["e"],
)
def test_effects_that_lead_to_what_nobody_can_read_are_told_and_no_traceback(
    world: World, effect: dict[str, Any], database_url: str
) -> None:
    """Whoever writes into the last entry keeps its chain; its fold goes through, and what it leads to does not."""
    with world.engine.db.begin() as connection:
        last = connection.execute(
            t.entry.select().where(t.entry.c.chain == "m1").order_by(t.entry.c.seq.desc()).limit(1)
        ).one()
        body = canonical.decode(last.body)
        body["effects"].append(effect)
        connection.execute(t.entry.update().where(t.entry.c.id == last.id).values(body=canonical.encode(body)))
    assert ("fold", "m1") in {(f.code, f.place) for f in world.verify().failures}
    found = verify_database(str(database_url), world.engine.contents)
    assert {"fold", "hash", "seal"} <= {f.code for f in found.failures}


# --- the database itself ----------------------------------------------------------------------------------------------


def test_a_view_in_the_place_of_a_table_is_found(world: World) -> None:
    """It could answer one reader otherwise than another."""
    with world.engine.db.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE wf_claim RENAME TO claim_held")
        connection.exec_driver_sql("CREATE VIEW wf_claim AS SELECT * FROM claim_held")
        found = verify(connection, world.engine.contents)
        assert {(f.code, f.place) for f in found.failures} == {("storage", "wf_claim")}
        connection.exec_driver_sql("DROP VIEW wf_claim")
        connection.exec_driver_sql("ALTER TABLE claim_held RENAME TO wf_claim")
    assert codes(world) == set()


SWALLOWS = {
    "sqlite": ["CREATE TRIGGER swallows AFTER INSERT ON wf_outbox BEGIN DELETE FROM wf_outbox WHERE id = NEW.id; END"],
    "postgresql": [
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN DELETE FROM wf_outbox WHERE id = NEW.id; RETURN NULL; END'",
        "CREATE TRIGGER swallows AFTER INSERT ON wf_outbox FOR EACH ROW EXECUTE FUNCTION swallow()",
    ],
}
RULE = "CREATE RULE swallows AS ON INSERT TO wf_outbox DO INSTEAD NOTHING"
ELSEWHERE = "CREATE TRIGGER swallows AFTER INSERT ON hosts BEGIN DELETE FROM wf_outbox; END"
HARMLESS = "CREATE TRIGGER counts AFTER INSERT ON hosts BEGIN DELETE FROM hosts WHERE a < 0; END"


def test_a_trigger_or_a_rule_that_swallows_messages_to_come_is_found(world: World) -> None:
    """No row is other than it should be until the next message; then there is none. A host's own triggers are its own."""
    name = world.engine.db.dialect.name
    cases = [(SWALLOWS[name], "wf_outbox")]
    cases += [([RULE], "wf_outbox")] if name == "postgresql" else [([ELSEWHERE], "hosts"), ([HARMLESS], "")]
    for statements, place in cases:
        with world.engine.db.connect() as connection, connection.begin() as transaction:
            connection.exec_driver_sql("CREATE TABLE hosts (a INTEGER)")
            for one in statements:
                connection.exec_driver_sql(one)
            found = verify(connection, world.engine.contents)
            assert {(f.code, f.place) for f in found.failures} == ({("storage", place)} if place else set())
            transaction.rollback()
    assert codes(world) == set()


LIE = "CASE WHEN flow = 'matter' THEN 'archived' ELSE stage END"


@pytest.mark.parametrize("processes", [1, 2])
def test_an_index_that_says_something_else_than_its_table_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """Counts are read from an index alone. Whoever can write a SQLite file can have one that was made of other values;
    every row, entry and seal is as it was."""
    path = tmp_path / "w.db"
    world = make_world(f"sqlite:///{path}", tmp_path / "home")
    world.walk_to("work", "m1")
    world.engine.close()
    with sqlite3.connect(path) as raw:
        (honest,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'wf_item_flow'").fetchone()
        raw.execute("DROP INDEX wf_item_flow")
        raw.execute(f"CREATE INDEX wf_item_flow ON wf_item (flow, campaign, {LIE}, klass, final, unit)")
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'wf_item_flow'", (honest,))
    raw.close()
    with sqlite3.connect(path) as raw:
        asked = "SELECT stage, COUNT(*) FROM wf_item WHERE flow = 'matter' AND campaign = 'c1' GROUP BY stage"
        assert raw.execute(asked).fetchall() == [("archived", 1)]
        assert raw.execute("SELECT stage FROM wf_item WHERE id = 'm1'").fetchall() == [("work",)]
    raw.close()
    monkeypatch.setattr("workflow.verify.WORTH_SHARING", 1)
    found = verify_database(f"sqlite:///{path}", world.engine.contents, processes=processes)
    assert {f.code for f in found.failures} == {"storage"} and "wf_item_flow" in found.failures[0].detail
