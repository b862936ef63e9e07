"""Which keys a database names: a wrong home mints none, and events say what became of each."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from tests.contract.logs import START, Writer, open_writer
from tests.contract.world import World, make_world
from workflow import Actor, Engine, SettableClock
from workflow.acts import Sign
from workflow.cli.main import app
from workflow.clock import micros
from workflow.errors import (
    BadSignature,
    ClockBackwards,
    KeyEventRefused,
    KeyUnavailable,
    LockLost,
    LogBehindLock,
    UnknownOrigin,
)
from workflow.evidence.checkpoint import COSIGNATURE, NoteKey, cosign
from workflow.evidence.keys import FileKeyProvider
from workflow.keybook import Keybook, handed_over, settle
from workflow.logbook import Logbook
from workflow.verify import Report, verify

BY = {"by": "p-0001", "reason": "an invented reason"}
HOUR = 3_600_000_000
HANDLER = Actor("o1-handler", "handler", "o1")


def run(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner(env={"LANG": "C", "LC_ALL": "C", "WORKFLOW_HOME": ""}).invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert isinstance(result.exception, (SystemExit, type(None)))
    return result


@pytest.fixture
def writer(database_url: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    made = open_writer(database_url, tmp_path / "home")
    yield made
    made.engine.close()


def book(writer: Writer, connection: object) -> Keybook:
    return Keybook(connection, writer.engine.key, writer.clock.now())


def checked(writer: Writer) -> Report:
    with writer.engine.reading() as connection:
        return verify(connection)


def reopened(writer: Writer, **options: object) -> Writer:
    url = writer.engine.db.url.render_as_string(hide_password=False)
    return Writer(Engine.at(url, writer.home, clock=writer.clock, durable=False, **options), writer.clock, writer.home)


def rotate(writer: Writer, grace: int = 0) -> Writer:
    """Hand over to a new key, and start again with it."""
    with writer.engine.desk() as desk:
        at = writer.clock.now()
        handed_over(desk.connection, writer.home / "engine.key", at=at, until=at + grace, **BY)
    settle(writer.home / "engine.key")
    return reopened(writer)


def codes(report: Report) -> set[str]:
    return {f.code for f in report.failures}


# --- no key is minted by mistake ------------------------------------------------------------------------------------


def test_a_wrong_home_makes_no_key_and_leaves_nothing_behind(writer: Writer, tmp_path: Path, database_url: str) -> None:
    writer.add("a")
    wrong = tmp_path / "wrong"
    with pytest.raises(KeyUnavailable, match=f"{writer.engine.key.key_id().hex()}.*--home.*workflow keys new"):
        Engine.at(database_url, wrong, clock=SettableClock(START))
    assert not wrong.exists()
    wrong.mkdir()
    FileKeyProvider.create(wrong / "engine.key")
    with pytest.raises(KeyUnavailable, match="one of the keys that the database names"):
        Engine.at(database_url, wrong, clock=SettableClock(START))
    assert checked(writer).keys == {writer.engine.key.key_id().hex(): 1}


def test_a_lost_key_file_is_not_replaced_in_silence(writer: Writer, database_url: str) -> None:
    (writer.home / "engine.key").unlink()
    with pytest.raises(KeyUnavailable, match="no file"):
        Engine.at(database_url, writer.home, clock=SettableClock(START))
    assert not (writer.home / "engine.key").exists()


def test_a_node_gets_a_key_of_its_own_only_on_record(writer: Writer, tmp_path: Path, database_url: str) -> None:
    writer.add("a")
    second = Engine.at(
        database_url, tmp_path / "second", clock=writer.clock, durable=False, new_key=("p-0001", "a second node")
    )
    other = Writer(second, writer.clock, tmp_path / "second")
    other.add("a")
    found = checked(writer)
    mine, theirs = writer.engine.key.key_id().hex(), second.key.key_id().hex()
    assert found.holds and found.keys == {mine: 1, theirs: 3}  # two events: the key that was there, and the new one
    assert found.unvouched == [theirs]
    second.close()
    Engine.at(database_url, tmp_path / "second", clock=writer.clock).close()  # known from now on


def test_a_checkpoint_with_the_wrong_home_makes_neither_key_nor_lock(tmp_path: Path) -> None:
    writer = open_writer(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    writer.add("a")
    Logbook.at(writer.engine, writer.home).sequence()
    said = run("log", "checkpoint", tmp_path / "w.db", code=2).stderr
    assert "one of the keys that the database names" in said
    assert not (tmp_path / "w.db.home").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "engine.key").write_bytes((writer.home / "engine.key").read_bytes())
    os.chmod(elsewhere / "engine.key", 0o600)
    with pytest.raises(LockLost):
        Logbook.at(writer.engine, elsewhere)
    assert [p.name for p in elsewhere.iterdir()] == ["engine.key"]


def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Of the database, its journals, documents, keys and bundles, nothing is readable by others."""
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    home, db = world.home, tmp_path / "w.db"
    with world.engine.reading():
        files = [p for p in tmp_path.rglob("*") if p.is_file()]
        assert {p.stat().st_mode & 0o777 for p in files} == {0o600}, files
    assert {p.stat().st_mode & 0o777 for p in [home, *home.rglob("*")] if p.is_dir()} == {0o700}
    world.engine.close()
    run("bundle", "m1", "--db", db, "--contents", home, "--out", tmp_path / "m1.wfproof")
    assert (tmp_path / "m1.wfproof").stat().st_mode & 0o777 == 0o600
    os.chmod(home / "engine.key", 0o640)
    with pytest.raises(KeyUnavailable, match="mode 0640"):
        Engine.at(f"sqlite:///{db}", home)


# --- what must fit before a node starts -----------------------------------------------------------------------------


def test_a_database_older_than_its_lock_is_not_written_on(tmp_path: Path) -> None:
    writer = open_writer(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    log = Logbook.at(writer.engine, writer.home)
    writer.add("a")
    log.sequence()
    log.checkpoint()
    writer.engine.close()
    old = (tmp_path / "w.db").read_bytes()
    later = reopened(writer)
    later.add("a", "b")
    log = Logbook.at(later.engine, later.home)
    log.sequence()
    log.checkpoint()
    later.engine.close()
    (tmp_path / "w.db").write_bytes(old)
    with pytest.raises(LogBehindLock, match=r"epochs --open"):
        reopened(writer)
    # the way through, on record for good; with the machine's own clock, which the command reads
    said = run("log", "epochs", tmp_path / "w.db", "--home", writer.home, "--open", *by_options()).output
    assert "signoff.local/log/2" in said
    again = Engine.at(f"sqlite:///{tmp_path / 'w.db'}", writer.home)
    with again.reading() as connection:
        assert verify(connection).holds
    again.close()


def by_options() -> list[str]:
    return ["--by", "p-0001", "--reason", "restored from the nightly backup", "--lang", "en"]


def test_a_clock_that_went_back_and_an_origin_that_is_not_the_databases_are_refused(
    writer: Writer, database_url: str
) -> None:
    writer.clock.advance(timedelta(minutes=5))
    writer.add("a")
    with pytest.raises(ClockBackwards):
        Engine.at(database_url, writer.home, clock=SettableClock(START))
    Engine.at(database_url, writer.home, clock=SettableClock(START + timedelta(minutes=4, seconds=1))).close()
    with pytest.raises(UnknownOrigin):
        Engine.at(database_url, writer.home, clock=writer.clock, origin="another.example/log")


# --- events ---------------------------------------------------------------------------------------------------------


def test_a_key_hands_over_to_a_new_one_and_both_sign(writer: Writer) -> None:
    writer.add("a")
    old = writer.engine.key.key_id().hex()
    again = rotate(writer)
    again.clock.advance(timedelta(seconds=1))
    again.add("a")
    found = checked(again)
    assert found.holds and found.keys == {old: 3, again.engine.key.key_id().hex(): 1} and found.unvouched == []
    writer.add("a")  # a process that still holds the old key
    assert codes(checked(again)) == {"key-not-good"}


def test_the_old_key_is_good_until_the_grace_ends(writer: Writer) -> None:
    again = rotate(writer, grace=HOUR)
    writer.clock.advance(timedelta(minutes=59))
    writer.add("a")
    assert checked(again).holds
    writer.clock.advance(timedelta(minutes=2))
    writer.add("a")
    assert codes(checked(again)) == {"key-not-good"}


def test_an_interrupted_handing_over_is_finished_by_doing_it_again(writer: Writer) -> None:
    path = writer.home / "engine.key"
    with writer.engine.desk() as desk:
        at = writer.clock.now()
        handed_over(desk.connection, path, at=at, until=at + HOUR, **BY)
    # killed here: the event stands, the file is still the old one
    with writer.engine.desk() as desk:
        _, made = handed_over(desk.connection, path, at=at, until=at + HOUR, **BY)
    settle(path)
    assert FileKeyProvider(path).key_id().hex() == made.id and checked(writer).holds
    assert [p.name for p in writer.home.glob("engine.key*")] == ["engine.key"]


def test_what_a_stolen_key_made_is_reported_whatever_moment_it_names(writer: Writer) -> None:
    writer.add("a")
    again = rotate(writer)
    again.clock.advance(timedelta(hours=3))
    with again.engine.desk() as desk:
        stolen = writer.engine.key.key_id().hex()
        book(again, desk.connection).revoke(stolen, since=micros(START) + HOUR, **BY)
    Logbook.at(again.engine, again.home).sequence()
    assert checked(again).holds  # all of the old key's work is older than its loss
    thief = Writer(writer.engine, SettableClock(START), writer.home)
    thief.add("b")  # back-dated to before the loss
    Logbook.at(again.engine, again.home).sequence()
    found = checked(again)
    assert codes(found) == {"key-not-good"} and "came into the log" in found.failures[0].detail
    thief.clock.set(START + timedelta(hours=2))
    thief.add("c")
    assert len(checked(again).failures) == 2


def test_a_checkpoint_signed_with_a_revoked_key_is_reported(writer: Writer) -> None:
    log = Logbook.at(writer.engine, writer.home)
    writer.add("a")
    log.sequence()
    log.checkpoint()
    with writer.engine.desk() as desk:
        keys = book(writer, desk.connection)
        keys.register("checkpoint", writer.engine.origin, log.key.public_key(), holder=log.key, **BY)
    writer.clock.advance(timedelta(hours=1))
    with writer.engine.desk() as desk:
        book(writer, desk.connection).revoke(log.key.key_id().hex(), since=writer.clock.now(), **BY)
    assert checked(writer).holds  # what it signed before stands
    log.sequence()
    log.checkpoint()
    found = checked(writer)
    assert codes(found) == {"key-not-good"} and found.failures[0].place.startswith("checkpoint 1/")


def test_a_key_nobody_registered_is_reported_once_there_are_key_events(writer: Writer, tmp_path: Path) -> None:
    again = rotate(writer)
    again.clock.advance(timedelta(seconds=1))
    from workflow.store import library

    forged = FileKeyProvider.create(tmp_path / "forged.key")
    with again.engine.desk() as desk:
        library.set_meta(desk.connection, f"key/{forged.key_id().hex()}", forged.public_key().hex())
    again.engine.key = forged
    again.add("x")
    assert codes(checked(again)) == {"key-unregistered"}


def test_an_event_that_does_not_follow_is_refused(writer: Writer, tmp_path: Path) -> None:
    old, new = writer.engine.key, FileKeyProvider.create(tmp_path / "n.key")
    at = writer.clock.now()
    with writer.engine.desk() as desk:
        keys = book(writer, desk.connection)
        with pytest.raises(KeyEventRefused, match="hand over first"):
            keys.revoke(old.key_id().hex(), since=at, **BY)
        with pytest.raises(KeyEventRefused, match="workflow keys list"):
            keys.revoke("00" * 8, since=at, **BY)
        with pytest.raises(KeyEventRefused, match="never registered"):
            keys.rotate("engine", new, FileKeyProvider.create(tmp_path / "m.key"), until=at, **BY)
        with pytest.raises(KeyEventRefused, match="of another form"):
            keys.register("signer", "p-0002", b"short", **BY)
        keys.register("witness", "w", new.public_key(), **BY)
        with pytest.raises(KeyEventRefused, match="a moment to come"):
            keys.revoke(new.key_id().hex(), since=at + 1, **BY)
    assert checked(writer).holds


def test_a_database_without_key_events_writes_none(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    found = world.verify()
    assert found.holds and list(found.keys) == [world.engine.key.key_id().hex()]
    assert world.entries("keys") == 0


# --- signers' own keys ----------------------------------------------------------------------------------------------


def own(world: World, key: Ed25519PrivateKey, item: str = "m1") -> None:
    seen = world.case(item).content
    made = world.engine.prepare(Sign(item=item, by=HANDLER, seen=seen, opinion="agreed"))
    proof = {"nonce": made.nonce, "at": made.at, "key": key.public_key().public_bytes_raw().hex()}
    proof["signature"] = key.sign(made.to_sign()).hex()
    world.engine.sign(item, HANDLER, seen, opinion="agreed", proof=proof)


def test_a_persons_key_is_known_by_its_event_and_good_until_it_is_revoked(world: World) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    for item in ("m1", "m2"):
        world.begin(item)
    with pytest.raises(BadSignature, match="registered key"):
        own(world, key)
    with world.engine.desk() as desk:
        made = Keybook(desk.connection, world.engine.key, world.clock.now())
        made.register("signer", "o1-handler", public, **BY)
    own(world, key)
    assert world.verify().holds and world.verify().unregistered == 0
    world.clock.advance(timedelta(hours=1))
    with world.engine.desk() as desk:
        made = Keybook(desk.connection, world.engine.key, world.clock.now())
        (held,) = made.ring.signers("o1-handler")
        made.revoke(held.id, since=world.clock.now(), **BY)
    with pytest.raises(BadSignature, match="registered key"):
        own(world, key, "m2")
    assert world.verify().holds  # what was signed before the loss stands
    with world.engine.desk() as desk:
        made = Keybook(desk.connection, world.engine.key, world.clock.now())
        made.revoke(held.id, since=micros(START), **BY)
    assert codes(world.verify()) == {"key-not-good"}  # lost longer than was thought


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_policy_that_a_database_names_is_one_an_auditor_can_go_by(tmp_path: Path) -> None:
    """Printed where keys are made, compared where they are relied on; with a checkpoint of one's own it leads to V4."""
    db, home, out, own = tmp_path / "w.db", tmp_path / "home", tmp_path / "policy.json", tmp_path / "own.txt"
    engine = Engine.at(f"sqlite:///{db}", home)
    with engine.desk() as desk:
        keys = Keybook(desk.connection, engine.key, engine.now(desk.connection))
        keys.register("signer", "p-0002", Ed25519PrivateKey.generate().public_key().public_bytes_raw(), **BY)
    said = run("keys", "policy", db)
    assert json.loads(said.stdout).keys() == {"origin", "engine_keys", "signers"} and "compare every key" in said.stderr
    book = Logbook.at(engine, home)
    book.sequence()
    note, key = book.checkpoint().note, FileKeyProvider.create(tmp_path / "witness.key")
    witness = NoteKey("archive.example", COSIGNATURE, key.public_key())
    line = str(cosign(note.text, witness.name, key, 1))
    book.cosigned(line, [witness])
    own.write_text(f"{note}{line.rstrip()}\n", encoding="utf-8")
    engine.close()
    run("keys", "policy", db, "-o", out)
    pinned = json.loads(out.read_text(encoding="utf-8"))
    assert (pinned["witnesses"], pinned["quorum"], list(pinned["signers"])) == ([str(witness)], 1, ["p-0002"])
    told = run("verify", db, "--policy", out, "--checkpoint", own, "--require", "V4", "--json").stdout
    assert json.loads(told)["level"] == "V4"


def test_keys_are_listed_handed_over_registered_and_revoked_by_command(tmp_path: Path) -> None:
    db, home = tmp_path / "w.db", tmp_path / "home"
    engine = Engine.at(f"sqlite:///{db}", home)
    old = engine.key.key_id().hex()
    with engine.desk() as desk:
        Keybook(desk.connection, engine.key, engine.now(desk.connection)).register(
            "witness", "archive.example", Ed25519PrivateKey.generate().public_key().public_bytes_raw(), **BY
        )
    engine.close()
    assert f"engine     {old}" in run("keys", "list", db).output
    run("keys", "rotate", db, "--home", home, code=2)  # nobody answers for it
    assert f"{old} handed over to" in run("keys", "rotate", db, "--home", home, "--grace", 0, *by_options()).output
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    signer = ["--use", "signer", "--of", "p-0002", "--key", public]
    assert "registered: keys#4" in run("keys", "register", db, *signer, "--home", home, *by_options()).output
    run("keys", "register", db, *signer[:-1], "what", "--home", home, *by_options(), code=2)
    assert "revoked: keys#5" in run("keys", "revoke", db, old, "--home", home, *by_options()).output
    listed = run("keys", "list", db).output
    assert listed.count("\n") == 4 and "revoked, not good since" in listed and "p-0002" in listed
    assert f"keys#4  {public}\n" in listed  # what an auditor compares with what the person handed over
    said = run("verify", db).output
    assert f"engine key {old}: sealed 3 entries" in said
    (home / "engine.key").unlink()
    assert "database names" in run("keys", "register", db, *signer, "--home", home, *by_options(), code=2).stderr
    assert "engine key: " in run("keys", "new", db, "--home", home, *by_options()).output
    assert "which no older key signed for" in run("verify", db).output
