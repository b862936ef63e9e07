"""How far a database can be trusted depends on what the auditor brings; each level is reached only with all below."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.attack.making import STRANGER, WITNESSES, witness_key
from tests.contract.world import World
from workflow import bundle
from workflow.audit import Audit, anchor, audit, brought, kept_in
from workflow.cli.main import app
from workflow.errors import BadKept, BadOwnCheckpoint
from workflow.evidence.checkpoint import cosign
from workflow.evidence.standalone import Checkpoint, Policy
from workflow.logbook import Logbook
from workflow.store import tables as t
from workflow.verify import verify

ORIGIN = "signoff.local/log"


@pytest.fixture(scope="module")
def book(shared: World, tmp_path_factory: pytest.TempPathFactory) -> Logbook:
    """A log over a few acts, fixed by a heads tree, signed, and cosigned by three witnesses."""
    shared.begin("m1")
    shared.sign("m1")
    made = Logbook.at(shared.engine, tmp_path_factory.mktemp("signer"))
    made.sequence()
    made.checkpoint()
    shared.sign("m1")
    made.heads(shared.clock.now())
    made.sequence()
    made.checkpoint()
    shared.engine.db.dispose()
    return made


@pytest.fixture(scope="module")
def note(book: Logbook) -> str:
    """The auditor's copy of the checkpoint, taken while all was well."""
    return note_of(book)


def note_of(book: Logbook, *witnesses: str) -> str:
    """The newest checkpoint as an auditor keeps it, cosigned by these witnesses."""
    note = book.checkpoint().note
    for name in witnesses:
        note = note.with_mark(cosign(note.text, name, WITNESSES[name], 1_574_643_600))
    return str(note)


def policy_of(book: Logbook, **more: Any) -> Policy:
    plain = {
        "origin": ORIGIN,
        "engine_keys": [{"key": book.engine.key.public_key().hex()}],
        "checkpoint_keys": [str(book.note_key(1))],
        "witnesses": [str(witness_key(name)) for name in WITNESSES],
        "quorum": 2,
    }
    return Policy.read(json.dumps({**plain, **more}).encode())


def look(world: World, policy: Policy | None = None, note: str | None = None, **more: Any) -> Audit:
    own = Checkpoint.read(note) if note is not None else None
    return audit(world.url, world.engine.contents, policy, own, processes=1, **more)


def test_each_level_takes_what_the_auditor_brings(shared: World, book: Logbook) -> None:
    """Source: evidence levels V1 to V5; nothing is claimed that was not checked."""
    own, cosigned = note_of(book), note_of(book, "superior.example", "archive.example")
    steps = [
        (None, None, "V1", {"no-policy", "no-checkpoint"}),
        (policy_of(book), None, "V2", {"no-checkpoint"}),
        (policy_of(book), own, "V3", {"no-quorum"}),
        (policy_of(book), cosigned, "V5", set()),
    ]
    for policy, note, level, unchecked in steps:
        found = look(shared, policy, note)
        assert (found.failures, found.level) == ([], level)
        assert unchecked - {"no-checkpoint"} <= set(found.unchecked)
        assert found.anchored == (found.chains.entries if note else 0)


def test_what_was_asked_for_and_not_reached_is_no_success(shared: World, book: Logbook) -> None:
    assert look(shared, policy_of(book), wanted="V3").exit_code == 2
    assert look(shared, policy_of(book), note_of(book), wanted="V3").exit_code == 0


def test_a_quorum_counts_witnesses_and_not_lines(shared: World, book: Logbook) -> None:
    twice = note_of(book, "archive.example")
    assert look(shared, policy_of(book), twice + twice.splitlines()[-1] + "\n").level == "V3"


ATTACKS: dict[str, tuple[Any, set[str]]] = {
    "a leaf was exchanged": (
        t.log_leaf.update().where(t.log_leaf.c.idx == 1).values(leaf=b"\x01" * 32),
        {"log-leaf"},
    ),
    "a leaf is gone": (t.log_leaf.delete().where(t.log_leaf.c.idx == 1), {"log-leaf"}),
    "a checkpoint has another root": (t.checkpoint.update().values(root=b"\x01" * 32), {"log-checkpoint"}),
    "the log forgot its size": (t.log_epoch.update().values(size=1), {"lost", "log-epoch"}),
    "the log has another name": (t.log_epoch.update().values(origin="other.example"), {"lost", "log-epoch"}),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_log_that_was_tampered_with_is_found(shared: World, book: Logbook, note: str, attack: str) -> None:
    statement, expected = ATTACKS[attack]
    policy = policy_of(book)
    with shared.engine.db.connect() as connection, connection.begin() as transaction:
        connection.execute(statement)
        found = anchor(connection, verify(connection, policy=policy), policy, Checkpoint.read(note))
        transaction.rollback()
    assert expected <= {f.code for f in found.failures} and (found.exit_code, found.level) == (1, "V0")


def test_a_key_that_counts_only_in_a_part_of_the_log_seals_nothing_behind_it(
    shared: World, book: Logbook, note: str
) -> None:
    """A stolen key: what it sealed before the theft stands, what it seals later does not."""
    key = book.engine.key.public_key().hex()
    size = Checkpoint.read(note).size
    assert look(shared, policy_of(book, engine_keys=[{"key": key, "before": size}]), note).level == "V3"
    found = look(shared, policy_of(book, engine_keys=[{"key": key, "before": size - 2}]), note)
    assert {f.code for f in found.failures} == {"key-position"} and len(found.failures) == 2
    assert look(shared, policy_of(book, engine_keys=[{"key": key, "before": size}])).level == "V1"


@pytest.mark.parametrize(
    ("pinned", "code"),
    [
        ({"origin": "other.example/log", "log": ORIGIN}, "origin"),
        ({"digests": ["sm3"]}, "algorithm"),
        ({"log_hash": "sm3"}, "algorithm"),
        ({"strength": "S1"}, "strength"),
    ],
)
def test_what_the_policy_pins_is_held_against_the_database(
    shared: World, book: Logbook, pinned: dict[str, Any], code: str
) -> None:
    assert code in {f.code for f in look(shared, policy_of(book, **pinned)).failures}


def test_entries_after_the_checkpoint_are_the_tail_and_hold_back_the_level(world: World, tmp_path: Path) -> None:
    world.begin("m1")
    made = Logbook.at(world.engine, tmp_path / "signer")
    made.sequence()
    note = note_of(made)
    world.sign("m1")
    found = look(world, policy_of(made), note)
    assert (found.level, found.unchecked["tail"], found.anchored) == ("V2", 1, world.entries() - 1)
    assert found.log is not None and found.log.waiting == 1


def test_a_tail_that_no_checkpoint_fixed_is_missed_by_those_alone_who_took_something_home(
    world: World, tmp_path: Path
) -> None:
    """Cut with all it led to, nothing in the database shows it; a bundle or a receipt does. Source: evidence, receipts."""
    world.begin("m1")
    taken, receipt = tmp_path / "m1.wfproof", tmp_path / "receipt.json"
    slot, content, engine = world.case("m1").open_slots[0], world.case("m1").content, world.engine
    with engine.db.connect() as connection, connection.begin() as transaction:
        with engine.on(connection) as desk:
            signed = desk.sign("m1", world.actor(slot), content, slot=slot.key, opinion="agreed")
        with taken.open("wb") as out:
            bundle.write(connection, engine.contents, out, "item", "m1", made_at=world.clock.now())
        transaction.rollback()  # as if it had never been
    receipt.write_text(
        json.dumps({"item": "m1", "seq": signed.seq, "entry": signed.entry.hex(), "stage": signed.stage})
    )
    assert (look(world).exit_code, look(world).level) == (0, "V1")
    policy = Policy.read(
        json.dumps({"origin": ORIGIN, "engine_keys": [{"key": engine.key.public_key().hex()}]}).encode()
    )
    for path, still in ((taken, signed.seq - 1 + world.entries("org")), (receipt, 0)):
        found = look(world, policy, kept=kept_in(str(path), policy))
        assert [(f.code, f.place) for f in found.failures] == [("lost", f"m1#{signed.seq}")]
        assert (found.exit_code, found.level, found.kept) == (1, "V0", still)
    world.sign("m1")  # another entry in its place
    found = look(world, policy, kept=kept_in(str(taken), policy))
    assert [(f.code, f.place) for f in found.failures] == [("changed", f"m1#{signed.seq}")]
    done = CliRunner().invoke(app, ["verify", world.url, "--since", str(receipt), "--lang", "en"])
    assert done.exit_code == 1 and f"[changed] m1#{signed.seq}: kept in {receipt}" in done.output


def test_what_was_kept_must_hold_itself(shared: World, book: Logbook, tmp_path: Path) -> None:
    whole, other = tmp_path / "m1.wfproof", tmp_path / "other"
    with shared.engine.reading() as connection, whole.open("wb") as out:
        bundle.write(connection, shared.engine.contents, out, "item", "m1", made_at=shared.clock.now())
    policy, stranger = policy_of(book), policy_of(book, engine_keys=[{"key": STRANGER.public_key().hex()}])
    kept = kept_in(str(whole), policy)
    found = look(shared, policy, kept=kept)
    assert found.kept == len(kept) > 3 and found.exit_code == 0
    with pytest.raises(BadKept, match="seal"):
        kept_in(str(whole), stranger)
    for wrong in (
        b"",
        b"{}",
        b"nothing",
        whole.read_bytes()[:-5],
        b'{"item": "m1", "seq": 0, "entry": "' + b"0" * 64 + b'"}',
    ):
        other.write_bytes(wrong)
        with pytest.raises(BadKept):
            kept_in(str(other), policy)
    done = CliRunner().invoke(app, ["verify", shared.url, "--since", str(other), "--lang", "zh"])
    assert done.exit_code == 2 and "未作任何核验" in done.output


def test_who_verifies_is_on_record_and_loses_no_level_by_it(world: World, tmp_path: Path) -> None:
    """What says that somebody checked is written behind the check: no checkpoint fixes it yet."""
    world.begin("m1")
    made = Logbook.at(world.engine, tmp_path / "signer")
    made.sequence()
    policy, kept = tmp_path / "policy.json", tmp_path / "checkpoint.txt"
    kept.write_text(note_of(made))
    pinned = {"origin": ORIGIN, "engine_keys": [{"key": world.engine.key.public_key().hex()}]}
    policy.write_text(json.dumps({**pinned, "checkpoint_keys": [str(made.note_key(1))]}))
    brings = ["verify", world.url, "--policy", str(policy), "--checkpoint", str(kept), "--by", "p-0009", "--json"]
    entries = world.entries()
    told = json.loads(CliRunner().invoke(app, [*brings, "--home", str(world.home)]).stdout)
    assert (told["level"], told["on_record"], world.entries()) == ("V3", "access#1", entries + 1)
    done = CliRunner().invoke(app, [*brings, "--home", str(tmp_path / "elsewhere")])
    assert done.exit_code == 2 and done.stdout == "" and "database names" in done.stderr
    assert world.entries() == entries + 1


def test_a_checkpoint_that_is_not_the_logs_is_refused_before_anything_is_checked(book: Logbook, note: str) -> None:
    policy = policy_of(book)
    forged = Checkpoint.read(note)
    for other in ("", "x\n", note.replace(ORIGIN, "other.example/log")):
        with pytest.raises(BadOwnCheckpoint):
            brought(other, policy)
    with pytest.raises(BadOwnCheckpoint, match=r"checkpoint_keys of a policy \(--policy\); got no such key"):
        brought(note, Policy())
    assert brought(note, policy) == forged
    later = policy_of(book)
    later.log = ORIGIN.removesuffix("/log")
    with pytest.raises(BadOwnCheckpoint, match="a later epoch of the log: ask why it was begun"):
        brought(note, later)
    with pytest.raises(BadOwnCheckpoint, match="got one that no such key signed"):
        brought(note.replace("\n", "\n1", 1), policy)  # of another size
    assert STRANGER.public_key() not in policy.engine_keys


def test_the_command_says_it_in_words_and_as_data(shared: World, book: Logbook, note: str, tmp_path: Path) -> None:
    policy, kept = tmp_path / "policy.json", tmp_path / "checkpoint.txt"
    pinned = {"origin": ORIGIN, "engine_keys": [{"key": book.engine.key.public_key().hex()}]}
    policy.write_text(json.dumps({**pinned, "checkpoint_keys": [str(book.note_key(1))]}))
    kept.write_text(note)
    run = CliRunner().invoke
    brings = ["--policy", str(policy), "--checkpoint", str(kept)]
    done = run(app, ["verify", shared.url, *brings, "--lang", "en"])
    assert done.exit_code == 0, done.output
    for words in ("V3: every entry is in the log", "unanchored tail: 0", "tables of the organisation: not checked"):
        assert words in done.output
    assert "V4" not in done.output.replace("V4 ", "")
    done = run(app, ["verify", shared.url, *brings, "--lang", "zh", "--contents", str(shared.home), "--require", "V5"])
    assert done.exit_code == 2 and "未达到要求的 V5" in done.output and "组织机构表:与组织链一致" in done.output
    told = json.loads(run(app, ["verify", shared.url, *brings, "--json"]).output)
    assert (told["level"], told["unanchored"], told["log"]["waiting"]) == ("V3", 0, 0)
    policy.write_text("{")
    done = run(app, ["verify", shared.url, *brings, "--lang", "en"])
    assert done.exit_code == 2 and "the policy cannot be used" in done.output and "Traceback" not in done.output
    assert run(app, ["verify", shared.url, "--require", "V9"]).exit_code == 2
