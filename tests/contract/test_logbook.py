"""The logbook on both databases: what it signs, when it refuses to, and how an honest loss goes on record."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.contract.logs import (
    START,
    Died,
    Writer,
    at_every_statement,
    dying_in_files,
    open_writer,
)
from workflow import Engine, SettableClock
from workflow.cli import evidence
from workflow.clock import micros
from workflow.epochs import hand_over_key, open_epoch
from workflow.errors import (
    ClockBackwards,
    EpochHalfOpen,
    LockDamaged,
    LockLost,
    LockMoved,
    LogBehindLock,
    LogBroken,
    LogRecreated,
    LogRefused,
    LogRewritten,
    Unknown,
    UnknownOrigin,
)
from workflow.evidence import canonical, heads, merkle
from workflow.evidence.checkpoint import COSIGNATURE, Checkpoint, NoteKey, cosign
from workflow.evidence.entry import entry_hash
from workflow.evidence.keys import FileKeyProvider, key_id_of
from workflow.evidence.lock import LockFile
from workflow.evidence.merkle import hash_function, leaf_hash
from workflow.keybook import ring
from workflow.logbook import (
    KEY,
    LOCK,
    Logbook,
    Published,
    heads_tree,
    newest_heads,
    places,
    published,
    tree,
)
from workflow.logcheck import check
from workflow.store import log as store
from workflow.store.tables import chain as chains
from workflow.store.tables import checkpoint as checkpoints
from workflow.store.tables import entry, log_epoch, log_leaf, log_node, metadata
from workflow.verify import verify


@pytest.fixture
def writer(database_url: str, tmp_path: Path) -> Iterator[Writer]:
    made = open_writer(database_url, tmp_path / "home")
    yield made
    made.engine.close()


@pytest.fixture
def lite(sqlite_url: str, tmp_path: Path) -> Iterator[Writer]:
    """On SQLite only, for what has nothing to do with the database."""
    made = open_writer(sqlite_url, tmp_path / "home")
    yield made
    made.engine.close()


def sign(writer: Writer, *names: str) -> Published:
    """One more entry in each of these chains, in the log, under a checkpoint."""
    writer.add(*names)
    book = Logbook.at(writer.engine, writer.home)
    book.sequence()
    writer.clock.advance(timedelta(seconds=1))
    return book.checkpoint()


def backup(writer: Writer) -> dict[str, list[dict[str, Any]]]:
    with writer.engine.reading() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(table.select())]
            for name, table in metadata.tables.items()
        }


def restore(writer: Writer, rows: dict[str, list[dict[str, Any]]]) -> None:
    with writer.engine.db.begin() as connection:
        for name, table in metadata.tables.items():
            connection.execute(table.delete())
            if rows[name]:
                connection.execute(table.insert(), rows[name])


def lock_of(writer: Writer) -> Any:
    return LockFile(writer.home / LOCK).read()


# --- what is signed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_a_checkpoint_proves_every_entry_and_every_checkpoint_before_it(writer: Writer, algorithm: str) -> None:
    book, new = Logbook.at(writer.engine, writer.home, algorithm=algorithm), hash_function(algorithm)
    written, signed = [], []
    for n in range(6):
        written += writer.add(*(f"c{i}" for i in range(n + 1)), "d")
        book.sequence()
        signed.append(book.checkpoint())
    last = signed[-1]
    assert (last.origin, last.algorithm, last.size) == ("signoff.local/log", algorithm, len(written))
    assert list(last.note.verified([book.note_key(1)])) == [book.note_key(1)]
    text = Checkpoint.parse(last.note.text)
    assert (text.origin, text.size, text.root) == (last.origin, last.size, last.root)
    assert text.extension("epoch") == f"1 {algorithm}"
    with writer.engine.reading() as connection:
        log = tree(connection, last.epoch, last.size)
        indexes = places(connection, last.epoch, written)
        for chain, seq in written:
            stored = store.entry(connection, chain, seq)
            assert stored is not None
            leaf = leaf_hash(entry_hash(*stored), new)
            index = indexes[chain, seq]
            assert merkle.root_from_path(index, last.size, leaf, log.inclusion(index), new) == last.root
        for older in signed:
            proof = log.consistency(older.size)
            merkle.verify_consistency(older.size, last.size, older.root, last.root, proof, new)
        assert published(connection, signed[0].size) == signed[0]
    report = writer.check()
    assert report.holds and (report.size, report.signed, report.checkpoints) == (last.size, last.size, 6)


def test_signing_again_without_new_entries_gives_the_same_checkpoint(writer: Writer) -> None:
    first = sign(writer, "a")
    writer.clock.advance(timedelta(days=1))
    assert Logbook.at(writer.engine, writer.home).checkpoint() == first


def test_nothing_is_signed_over_nothing(lite: Writer) -> None:
    with pytest.raises(LogRefused, match="an entry in the log"):
        Logbook.at(lite.engine, lite.home).checkpoint()


def test_the_checkpoints_key_is_another_than_the_engines(lite: Writer) -> None:
    book = Logbook.at(lite.engine, lite.home)
    assert book.key.public_key() != lite.engine.key.public_key()
    assert (lite.home / KEY).stat().st_mode & 0o077 == 0


def test_the_lock_says_what_was_signed_last(lite: Writer) -> None:
    made = sign(lite, "a", "b")
    lock = json.loads((lite.home / LOCK).read_bytes())
    assert (lock["size"], lock["root"], lock["at"]) == (made.size, made.root.hex(), made.at)
    assert lock["note"] == str(made.note)


def test_the_logs_own_entries_verify_like_all_others(writer: Writer) -> None:
    sign(writer, "a")
    Logbook.at(writer.engine, writer.home).heads(writer.clock.now())
    sign(writer, "b")
    with writer.engine.reading() as connection:
        report = verify(connection)
    assert report.holds, report.failures


# --- refusals -------------------------------------------------------------------------------------------------------


def refuses(writer: Writer, error: type[LogRefused]) -> LogRefused:
    """Neither starts nor signs, and leaves lock and checkpoints as they are."""
    lock = (writer.home / LOCK).read_bytes() if (writer.home / LOCK).exists() else None
    with pytest.raises(error) as caught:
        Logbook.at(writer.engine, writer.home).checkpoint()
    assert type(caught.value) is error
    assert caught.value.text("zh") != caught.value.text("en")
    if lock is not None:
        assert (writer.home / LOCK).read_bytes() == lock
    return caught.value


def test_a_clock_that_went_backwards(writer: Writer) -> None:
    sign(writer, "a")
    writer.clock.advance(timedelta(hours=-1))
    refuses(writer, ClockBackwards)
    writer.clock.advance(timedelta(hours=2))
    assert sign(writer, "a").size == 2


def test_a_clock_that_goes_backwards_while_the_log_is_open(writer: Writer) -> None:
    sign(writer, "a")
    book = Logbook.at(writer.engine, writer.home)
    writer.add("a")
    book.sequence()
    writer.clock.advance(timedelta(hours=-1))
    with pytest.raises(ClockBackwards):
        book.checkpoint()


def test_a_restored_backup(writer: Writer) -> None:
    sign(writer, "a", "b")
    kept = backup(writer)
    sign(writer, "a")
    restore(writer, kept)
    told = refuses(writer, LogBehindLock)
    assert "size 3" in str(told) and "size 2" in str(told)


def test_a_restored_backup_that_went_on_differently(writer: Writer) -> None:
    sign(writer, "a", "b")
    kept = backup(writer)
    sign(writer, "a")
    restore(writer, kept)
    writer.add("other", "others")
    Logbook(writer.engine, FileKeyProvider(writer.home / KEY), LockFile(writer.home / LOCK)).sequence()
    refuses(writer, LogRewritten)


def test_an_empty_database_under_a_known_origin(writer: Writer) -> None:
    empty = backup(writer)
    sign(writer, "a")
    restore(writer, empty)
    refuses(writer, LogRecreated)


def test_another_log_in_the_database_or_in_the_lock(writer: Writer, tmp_path: Path) -> None:
    sign(writer, "a")
    writer.engine.origin = "signoff.local/another"
    refuses(writer, UnknownOrigin)
    with writer.engine.db.begin() as connection:
        connection.execute(metadata.tables["wf_meta"].delete().where(metadata.tables["wf_meta"].c.key == "origin"))
    refuses(writer, UnknownOrigin)


def test_a_lost_lock(writer: Writer) -> None:
    sign(writer, "a")
    (writer.home / LOCK).unlink()
    refuses(writer, LockLost)
    assert not (writer.home / LOCK).exists()


def test_a_lost_lock_and_an_empty_database_with_the_key_still_there(writer: Writer) -> None:
    empty = backup(writer)
    sign(writer, "a")
    (writer.home / LOCK).unlink()
    restore(writer, empty)
    refuses(writer, LockLost)


def test_a_second_node_with_a_home_of_its_own_does_not_sign(writer: Writer, tmp_path: Path) -> None:
    sign(writer, "a")
    with pytest.raises(LockLost):
        Logbook.at(writer.engine, tmp_path / "second")
    assert not (tmp_path / "second" / KEY).exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense", '{"origin": 5}', "null"])
def test_a_damaged_lock(lite: Writer, content: str) -> None:
    sign(lite, "a")
    (lite.home / LOCK).write_text(content)
    refuses(lite, LockDamaged)


def test_another_key_than_the_one_that_signed(lite: Writer) -> None:
    sign(lite, "a")
    (lite.home / KEY).unlink()
    FileKeyProvider.create(lite.home / KEY)
    refuses(lite, LogRefused)


def test_a_rewritten_leaf_below_what_was_signed(writer: Writer) -> None:
    sign(writer, "a", "b", "c")
    with writer.engine.db.begin() as connection:
        connection.execute(log_leaf.update().where(log_leaf.c.idx == 1).values(leaf=bytes(32)))
    refuses(writer, LogRewritten)


def test_a_removed_leaf_below_what_was_signed(writer: Writer) -> None:
    sign(writer, "a", "b", "c")
    with writer.engine.db.begin() as connection:
        connection.execute(log_leaf.delete().where(log_leaf.c.idx == 1))
    refuses(writer, LogRewritten)


@pytest.mark.parametrize("column", ["body", "seal", "hash"])
def test_an_entry_changed_between_sequencing_and_signing(writer: Writer, column: str) -> None:
    sign(writer, "a")
    writer.add("a", "b")
    Logbook.at(writer.engine, writer.home).sequence()
    here = (entry.c.chain == "a") & (entry.c.seq == 2)
    with writer.engine.db.begin() as connection:
        data = bytearray(connection.execute(entry.select().where(here)).one()._mapping[column])
        data[-1] ^= 1
        connection.execute(entry.update().where(here).values({column: bytes(data)}))
    refuses(writer, LogBroken)


def test_an_entry_rewritten_with_all_its_columns_between_sequencing_and_signing(writer: Writer) -> None:
    """Whoever holds the engine's key and the database still meets the leaf."""
    sign(writer, "a")
    writer.add("b")
    Logbook.at(writer.engine, writer.home).sequence()
    with writer.engine.db.begin() as connection:
        connection.execute(entry.delete().where(entry.c.chain == "b"))
        connection.execute(chains.delete().where(chains.c.chain == "b"))
        writer.write(connection, "b", "another story")
        new = connection.execute(entry.select().where(entry.c.chain == "b")).one()
        connection.execute(log_leaf.update().where(log_leaf.c.idx == 1).values(entry=new.id))
    refuses(writer, LogBroken)


def test_an_entry_deleted_between_sequencing_and_signing(writer: Writer) -> None:
    sign(writer, "a")
    writer.add("b")
    Logbook.at(writer.engine, writer.home).sequence()
    with writer.engine.db.begin() as connection:
        connection.execute(entry.delete().where(entry.c.chain == "b"))
    refuses(writer, LogBroken)


def test_a_size_that_the_leaves_do_not_reach(writer: Writer) -> None:
    sign(writer, "a")
    with writer.engine.db.begin() as connection:
        connection.execute(log_epoch.update().values(size=3, frontier=bytes(64)))
    refuses(writer, LogBroken)


def test_of_two_signers_with_one_lock_the_slower_one_signs_nothing(lite: Writer) -> None:
    sign(lite, "a")
    file = LockFile(lite.home / LOCK)
    stale = file.read()
    sign(lite, "a")
    assert stale is not None
    with file.held(), pytest.raises(LockMoved):
        file.replace(stale, stale)
    assert lock_of(lite).size == 2


# --- faults ---------------------------------------------------------------------------------------------------------


def whole(writer: Writer) -> None:
    """The log is whole, and the lock is not behind any checkpoint that the database holds."""
    report = writer.check()
    assert report.problems == []
    lock = lock_of(writer)
    assert lock is None or report.signed <= lock.size


def test_a_signer_that_dies_at_any_statement_never_signs_one_size_twice(writer: Writer) -> None:
    sign(writer, "a")
    roots: dict[int, str] = {}

    def look() -> None:
        whole(writer)
        lock = lock_of(writer)
        assert roots.setdefault(lock.size, lock.note) == lock.note
        writer.clock.advance(timedelta(seconds=1))

    def act() -> None:
        book = Logbook.at(writer.engine, writer.home)
        book.sequence()
        book.checkpoint()

    deaths = at_every_statement(writer.engine.db, act, look, lambda: writer.add("a", "b"))
    assert deaths > 20
    assert sorted(roots) == [1, 3, 5]
    report = writer.check()
    assert report.holds and (report.signed, report.checkpoints) == (5, 3)


def dying_in_every_file_call(patch: pytest.MonkeyPatch, act: Callable[[], object], look: Callable[[], object]) -> int:
    for call in count(1):
        with dying_in_files(patch, call):
            try:
                act()
            except Died:
                pass
            else:
                return call - 1
        look()
    raise AssertionError


def test_a_signer_that_dies_in_any_file_call_signs_the_same_afterwards(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(writer, "a")
    roots: dict[int, str] = {}

    def look() -> None:
        whole(writer)
        assert roots.setdefault(lock_of(writer).size, lock_of(writer).note) == lock_of(writer).note
        writer.clock.advance(timedelta(seconds=1))

    writer.add("a", "b")
    Logbook.at(writer.engine, writer.home).sequence()
    book = Logbook.at(writer.engine, writer.home)
    assert dying_in_every_file_call(monkeypatch, book.checkpoint, look) >= 6
    look()
    Logbook.at(writer.engine, writer.home)  # brings into the database what only the lock knew
    assert writer.check().signed == 3
    assert sorted(roots) == [1, 3]


def test_a_log_whose_beginning_dies_anywhere_begins_later(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.add("a")

    def begin() -> None:
        Logbook.at(writer.engine, writer.home)

    assert at_every_statement(writer.engine.db, begin, lambda: None) > 6
    for name in (KEY, LOCK):
        (writer.home / name).unlink()
    with writer.engine.db.begin() as connection:
        connection.execute(log_epoch.delete())
        connection.execute(metadata.tables["wf_meta"].delete().where(metadata.tables["wf_meta"].c.key == "log/1"))
    assert dying_in_every_file_call(monkeypatch, begin, lambda: None) > 6
    assert sign(writer, "a").size == 2
    whole(writer)


CHILD = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.contract.logs import open_writer
from workflow.logbook import Logbook
writer = open_writer(sys.argv[1], Path(sys.argv[2]))
book = Logbook.at(writer.engine, writer.home)
while True:
    for chain, seq in writer.add("a", "b") + writer.add("a"):
        print("entry", chain, seq, flush=True)
    book.sequence()
    writer.clock.advance(timedelta(seconds=1))
    made = book.checkpoint()
    print("signed", made.size, made.root.hex(), flush=True)
"""


def test_killed_without_warning_it_loses_nothing_it_acknowledged(database_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    acknowledged: list[list[str]] = []
    for lines in (23, 31):
        command = [sys.executable, "-c", CHILD, database_url, str(home)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as child:
            assert child.stdout is not None
            for _ in range(lines):
                acknowledged.append(child.stdout.readline().split())
            child.send_signal(signal.SIGKILL)
            acknowledged += [line.split() for line in child.stdout if line.endswith("\n")]
        if not acknowledged[-1]:
            raise AssertionError("the child ended by itself")
        writer = open_writer(database_url, home)
        writer.clock.advance(timedelta(days=lines))
        book = Logbook.at(writer.engine, home)
        book.sequence()
        last = book.checkpoint()
        whole(writer)
        assert writer.check().waiting == 0
        entries = [(a[1], int(a[2])) for a in acknowledged if a[0] == "entry"]
        with writer.engine.reading() as connection:
            assert places(connection, last.epoch, entries).keys() == set(entries)
            for _, size, root in (a for a in acknowledged if a[0] == "signed"):
                older = published(connection, int(size))
                assert older is not None and older.root.hex() == root
        writer.engine.close()
        if lines == 23:  # the next child begins earlier than this check: its clock must not seem to go backwards
            lock = json.loads((home / LOCK).read_bytes())
            (home / LOCK).write_text(json.dumps({**lock, "at": micros(START)}))


# --- a new epoch ----------------------------------------------------------------------------------------------------


def test_an_honest_restore_goes_on_record_and_the_log_goes_on(writer: Writer) -> None:
    sign(writer, "a", "b")
    kept = backup(writer)
    lost = sign(writer, "a", "a2")
    restore(writer, kept)
    refuses(writer, LogBehindLock)
    writer.clock.advance(timedelta(hours=1))
    made = open_epoch(writer.engine, writer.home, reason="invented: the disk broke", by="admin-1")
    assert (made.epoch, made.origin, made.size) == (2, "signoff.local/log/2", 3)
    cited = Checkpoint.parse(lost.note.text).cited()
    assert Checkpoint.parse(made.note.text).extension("previous") == cited
    with writer.engine.reading() as connection:
        stored = store.entry(connection, "log", 1)
        assert stored is not None
        act = canonical.decode(stored[0])["act"]
        assert places(connection, 2, [("a", 1), ("b", 1), ("log", 1)]) == {("a", 1): 0, ("b", 1): 1, ("log", 1): 2}
        assert verify(connection).holds
    assert (act["kind"], act["because"], act["previous"]) == ("incarnation", "log-behind-lock", cited)
    assert (act["by"], act["reason"], act["found"]["size"]) == ("admin-1", "invented: the disk broke", 2)
    assert sign(writer, "c").size == 4
    report = writer.check()
    (begun,) = report.begun
    assert report.holds and (begun.size, begun.found) == (lost.size, 2)
    assert evidence._begun(begun, zh=False) == (
        "log: epoch 2 was begun by admin-1 (log-behind-lock): invented: the disk broke; "
        "4 entries had been signed before, 2 were found: at least 2 are lost"
    )
    assert "此前签署过 4 条,当时库内只有 2 条,至少丢失 2 条" in evidence._begun(begun, zh=True)


def test_a_restore_that_lost_an_epoch_too_goes_on_and_an_epoch_taken_out_is_told(writer: Writer) -> None:
    """Its number is not given again, and the entry that opened the next says what the restored database knew."""
    sign(writer, "a")
    old = backup(writer)
    open_epoch(writer.engine, writer.home, reason="invented: national algorithms", by="admin-1", algorithm="sm3")
    restore(writer, old)
    writer.clock.advance(timedelta(hours=1))
    refuses(writer, LogBehindLock)
    third = open_epoch(writer.engine, writer.home, reason="invented: a backup was restored", by="admin-1")
    assert third.epoch == 3 and sign(writer, "b").epoch == 3
    report = writer.check()
    assert (report.problems, report.epochs) == ([], 2)
    with writer.engine.reading() as connection:
        assert verify(connection).holds
    open_epoch(writer.engine, writer.home, reason="invented", by="admin-1")
    with writer.engine.db.begin() as connection:
        for table in (log_leaf, log_node, checkpoints, log_epoch):
            connection.execute(table.delete().where(table.c.epoch == 3))
    assert ("log-epoch", "epoch 4") in [(p.code, p.place) for p in writer.check().problems]


def test_a_planned_epoch_changes_the_hash_and_signs_the_old_tree_to_its_end(writer: Writer) -> None:
    sign(writer, "a", "b")
    writer.add("c")
    made = open_epoch(writer.engine, writer.home, reason="invented: national algorithms", by="admin-1", algorithm="sm3")
    assert (made.epoch, made.algorithm, made.size) == (2, "sm3", 4)
    with writer.engine.reading() as connection:
        last = store.checkpoints(connection, 1)[-1]
        assert last.size == 3
        sm3 = hash_function("sm3")
        stored = store.entry(connection, "c", 1)
        assert stored is not None
        index = places(connection, 2, [("c", 1)])["c", 1]
        path = tree(connection, 2, made.size).inclusion(index)
        leaf = leaf_hash(entry_hash(*stored), sm3)
        assert merkle.root_from_path(index, made.size, leaf, path, sm3) == made.root
    report = writer.check()
    assert report.holds and report.epochs == 2


def test_a_third_epoch_cites_the_second(lite: Writer) -> None:
    sign(lite, "a")
    second = open_epoch(lite.engine, lite.home, reason="invented", by="admin-1", algorithm="sm3")
    third = open_epoch(lite.engine, lite.home, reason="invented", by="admin-1", algorithm="sha256")
    assert (third.epoch, third.origin, third.algorithm) == (3, "signoff.local/log/3", "sha256")
    cited = Checkpoint.parse(third.note.text).extension("previous")
    assert cited is not None and cited.startswith("signoff.local/log/2 ")
    assert Checkpoint.parse(second.note.text).size == second.size
    assert lite.check().holds


@pytest.mark.parametrize("lost", ["lock", "key", "both"])
def test_a_lost_lock_or_key_needs_an_epoch_that_says_so(lite: Writer, lost: str) -> None:
    before = sign(lite, "a")
    if lost in ("lock", "both"):
        (lite.home / LOCK).unlink()
    if lost in ("key", "both"):
        (lite.home / KEY).unlink()
    made = open_epoch(lite.engine, lite.home, reason="invented", by="admin-1")
    assert (made.epoch, made.size) == (2, 2)
    assert Checkpoint.parse(made.note.text).extension("previous") == Checkpoint.parse(before.note.text).cited()
    assert sign(lite, "a").size == 3
    assert lite.check().holds


def test_the_logs_key_is_handed_over_by_both_and_the_new_one_signs_an_epoch_of_its_own(writer: Writer) -> None:
    sign(writer, "a")
    old = FileKeyProvider(writer.home / KEY).public_key()
    writer.clock.advance(timedelta(hours=1))
    key, made = hand_over_key(writer.engine, writer.home, reason="invented: its year is over", by="admin-1")
    assert key.public_key() == FileKeyProvider(writer.home / KEY).public_key() != old
    assert (made.epoch, made.origin) == (2, "signoff.local/log/2") and not (writer.home / f"{KEY}.next").exists()
    with writer.engine.reading() as connection:
        held = ring(connection).keys
        assert held["checkpoint", old.hex()].until is not None and held["checkpoint", old.hex()].vouched
        assert held["checkpoint", key.public_key().hex()].vouched
        act = canonical.decode(store.entry(connection, "log", 1)[0])["act"]  # type: ignore[index]
        assert (act["kind"], act["because"]) == ("open-epoch", "")  # nothing was lost
        assert verify(connection).holds
    assert sign(writer, "b").epoch == 2
    assert writer.check().problems == []
    again, third = hand_over_key(writer.engine, writer.home, reason="invented", by="admin-1")
    assert third.epoch == 3 and again.public_key() != key.public_key()
    assert writer.check().holds


def test_the_logs_key_is_not_handed_over_where_the_log_cannot_be_signed(lite: Writer) -> None:
    sign(lite, "a")
    held = FileKeyProvider(lite.home / KEY).public_key()
    (lite.home / LOCK).unlink()
    with pytest.raises(LockLost):
        hand_over_key(lite.engine, lite.home, reason="invented", by="admin-1")
    assert FileKeyProvider(lite.home / KEY).public_key() == held
    with lite.engine.reading() as connection:
        assert not ring(connection)


def test_handing_over_the_logs_key_survives_dying_in_any_file_call(
    lite: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(lite, "a")

    def act() -> None:
        hand_over_key(lite.engine, lite.home, reason="invented", by="admin-1")

    assert dying_in_every_file_call(monkeypatch, act, lambda: whole(lite)) > 6
    assert sign(lite, "b").epoch == lock_of(lite).epoch
    assert lite.check().holds
    with lite.engine.reading() as connection:
        assert verify(connection).holds and len(ring(connection).current("checkpoint")) == 1


def test_handing_over_the_logs_key_survives_dying_at_any_statement(writer: Writer) -> None:
    sign(writer, "a")
    keys: list[bytes] = []

    def act() -> None:
        keys.append(hand_over_key(writer.engine, writer.home, reason="invented", by="admin-1")[0].public_key())

    def look() -> None:
        whole(writer)
        writer.clock.advance(timedelta(seconds=1))

    assert at_every_statement(writer.engine.db, act, look, lambda: writer.add("a")) > 30
    assert keys[-1] == FileKeyProvider(writer.home / KEY).public_key()
    assert not (writer.home / f"{KEY}.next").exists()
    assert sign(writer, "b").epoch == lock_of(writer).epoch
    assert writer.check().holds
    with writer.engine.reading() as connection:
        assert verify(connection).holds
        assert [k.id for k in ring(connection).current("checkpoint")] == [key_id_of(keys[-1]).hex()]


def test_an_unknown_origin_is_no_loss(lite: Writer) -> None:
    sign(lite, "a")
    lite.engine.origin = "signoff.local/another"
    with pytest.raises(UnknownOrigin):
        open_epoch(lite.engine, lite.home, reason="invented", by="admin-1")


def test_no_epoch_is_opened_over_an_entry_that_does_not_fit(lite: Writer) -> None:
    sign(lite, "a")
    lite.add("b")
    with lite.engine.db.begin() as connection:
        connection.execute(entry.update().where(entry.c.chain == "b").values(hash=bytes(32)))
    with pytest.raises(LogBroken):
        open_epoch(lite.engine, lite.home, reason="invented", by="admin-1")
    assert lock_of(lite).epoch == 1


def test_an_epoch_that_somebody_else_put_into_the_database_is_not_followed(lite: Writer) -> None:
    made = sign(lite, "a")
    cited = Checkpoint.parse(made.note.text).cited()
    forged = store.Epoch(2, "signoff.local/log/2", "sha256", 1, cited, 0, b"", 0)
    with lite.engine.db.begin() as connection:
        store.open_epoch(connection, forged)
    refuses(lite, EpochHalfOpen)
    honest = open_epoch(lite.engine, lite.home, reason="invented: after an inquiry", by="admin-1")
    assert honest.epoch == 3
    assert [p.place for p in lite.check().problems] == ["epoch 2"]


def test_opening_an_epoch_survives_dying_at_any_statement(writer: Writer) -> None:
    sign(writer, "a")
    epochs: list[int] = []

    def act() -> None:
        epochs.append(open_epoch(writer.engine, writer.home, reason="invented", by="admin-1").epoch)

    def look() -> None:
        assert writer.check().problems == []
        writer.clock.advance(timedelta(seconds=1))

    deaths = at_every_statement(writer.engine.db, act, look, lambda: writer.add("a"))
    assert deaths > 30
    assert epochs[-1] == lock_of(writer).epoch
    assert sign(writer, "a").epoch == epochs[-1]
    assert writer.check().holds


def test_opening_an_epoch_survives_dying_in_any_file_call(lite: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(lite, "a")

    def act() -> None:
        open_epoch(lite.engine, lite.home, reason="invented", by="admin-1")

    assert dying_in_every_file_call(monkeypatch, act, lambda: whole(lite)) > 6
    assert lock_of(lite).epoch == 2
    assert lite.check().holds and lite.check().epochs == 2


# --- heads ----------------------------------------------------------------------------------------------------------


def test_a_dated_node_fixes_who_is_there_and_who_is_not(writer: Writer) -> None:
    """R055: that a report owed was not handed in by its date can be proven, not only said."""
    sign(writer, "report:u1", "report:u3")
    node = writer.clock.now()
    writer.clock.advance(timedelta(days=1))
    writer.add("report:u1", "report:u2")
    fixed = Logbook.at(writer.engine, writer.home).heads(node)
    last = sign(writer, "later")
    with writer.engine.reading() as connection:
        again = heads_tree(connection, fixed.seq)
        assert newest_heads(connection) == fixed.seq
        stored = store.entry(connection, "log", fixed.seq)
        assert stored is not None
        act = canonical.decode(stored[0])["act"]
        assert places(connection, last.epoch, [("log", fixed.seq)])
    assert again.tree.root == fixed.tree.root == bytes.fromhex(act["root"].partition(":")[2])
    root, size = fixed.tree.root, act["chains"]
    present = heads.verify("report:u1", again.tree.prove("report:u1"), root, size)
    assert present is not None and present.seq == 1  # what came after the node does not count
    assert heads.verify("report:u2", again.tree.prove("report:u2"), root, size) is None


def test_heads_that_no_longer_follow_from_the_entries_are_told(lite: Writer) -> None:
    sign(lite, "a")
    fixed = Logbook.at(lite.engine, lite.home).heads(lite.clock.now())
    with lite.engine.db.begin() as connection:
        connection.execute(entry.update().where(entry.c.chain == "a").values(at=lite.clock.now() + 1))
    with lite.engine.reading() as connection, pytest.raises(LogBroken):
        heads_tree(connection, fixed.seq)
    assert "log-heads" in {p.code for p in lite.check().problems}


def test_only_an_entry_that_fixed_heads_has_a_tree(lite: Writer) -> None:
    sign(lite, "a")
    with lite.engine.reading() as connection:
        assert newest_heads(connection) is None
        with pytest.raises(Unknown):
            heads_tree(connection, 1)


# --- every stored byte ----------------------------------------------------------------------------------------------

LOG_TABLES = ("wf_log_epoch", "wf_log_leaf", "wf_log_node", "wf_log_gap", "wf_checkpoint", "wf_cosignature")


def variants(value: Any) -> list[Any]:
    """The same value with one thing changed, for every byte of it."""
    if value is None:
        return [1]
    if isinstance(value, int):
        return [value + 1, value + 1000]
    if isinstance(value, bytes):
        return [value[:n] + bytes([value[n] ^ 1]) + value[n + 1 :] for n in range(len(value))] + [value + b"\0"]
    return [value[:n] + ("x" if value[n] != "x" else "y") + value[n + 1 :] for n in range(len(value))] + [value + " "]


def test_every_changed_byte_of_the_logs_tables_is_found(postgres_url: str, tmp_path: Path) -> None:
    """PostgreSQL, because only there gaps come about. No column is left out."""
    writer = open_writer(postgres_url, tmp_path / "home")
    book = Logbook.at(writer.engine, writer.home)
    with writer.engine.db.connect() as lost:
        undone = lost.begin()
        writer.write(lost, "lost")
        writer.add(*(f"c{n}" for n in range(257)))
        undone.rollback()
    book.sequence()
    book.heads(writer.clock.now())
    open_epoch(writer.engine, writer.home, reason="invented", by="admin-1", algorithm="sm3")
    book = Logbook.at(writer.engine, writer.home)
    witness = FileKeyProvider.create(tmp_path / "witness.key")
    with writer.engine.reading() as connection:
        note = published(connection)
    assert note is not None
    key = NoteKey("witness-1.example", COSIGNATURE, witness.public_key())
    assert book.cosigned(str(cosign(note.note.text, key.name, witness, 1_565_000_000)), [key]) == [key]
    report = writer.check()
    assert report.problems == [] and report.witnesses == ["witness-1.example"]
    tried = 0
    with writer.engine.reading() as connection:
        rows = {name: list(connection.execute(metadata.tables[name].select())) for name in LOG_TABLES}
    assert all(rows.values()), {name: len(found) for name, found in rows.items()}
    for name, found in rows.items():
        table = metadata.tables[name]
        row = found[len(found) // 2]
        where = [table.c[c.name] == row._mapping[c.name] for c in table.primary_key]
        for column in table.c:
            values = variants(row._mapping[column.name])
            for value in [*values[:: max(1, len(values) // 4)], values[-1]]:
                with writer.engine.db.connect() as connection:
                    changing = connection.begin()
                    with suppress(IntegrityError):  # the database itself refuses two rows of one place
                        connection.execute(table.update().where(*where).values({column.name: value}))
                        assert check(connection).problems, f"{name}.{column.name} = {value!r}"
                    changing.rollback()
                tried += 1
    assert tried > 80
    for name in LOG_TABLES:
        table = metadata.tables[name]
        with writer.engine.db.connect() as connection:
            changing = connection.begin()
            row = rows[name][0]
            connection.execute(
                table.delete().where(*(table.c[c.name] == row._mapping[c.name] for c in table.primary_key))
            )
            problems = check(connection).problems
            # A checkpoint or a cosignature that is gone leaves a whole log; whoever has a copy sees that it is gone.
            assert problems or name in ("wf_checkpoint", "wf_cosignature"), name
            changing.rollback()
    writer.engine.close()


def test_an_entry_that_nothing_would_bring_into_the_log_is_found(lite: Writer) -> None:
    sign(lite, "a")
    lite.add("b")
    with lite.engine.db.begin() as connection:
        connection.execute(log_epoch.update().values(low=5))
    codes = {p.code for p in lite.check().problems}
    assert {"log-lost", "log-gap"} <= codes


def test_nothing_checked_is_no_success(lite: Writer) -> None:
    assert not lite.check().holds
    Logbook.at(lite.engine, lite.home)
    assert not lite.check().holds


def test_the_signed_tables_have_no_row_that_was_ever_changed(writer: Writer) -> None:
    """Leaves, nodes and checkpoints are only added to."""
    tables = (log_leaf, log_node, checkpoints)

    def rows() -> list[set[Any]]:
        with writer.engine.reading() as connection:
            return [set(connection.execute(table.select())) for table in tables]

    sign(writer, *(f"c{n}" for n in range(260)))
    before = rows()
    sign(writer, *(f"c{n}" for n in range(260)))
    assert all(old <= new for old, new in zip(before, rows(), strict=True))


def test_an_engine_and_a_clock_of_ones_own_are_enough(sqlite_url: str, tmp_path: Path) -> None:
    engine = Engine.at(sqlite_url, tmp_path, clock=SettableClock(START), durable=False, origin="example.org/signoff")
    book = Logbook.at(engine, tmp_path, lock=tmp_path / "elsewhere" / "lock.json")
    book.heads(engine.clock.now())
    book.sequence()
    assert book.checkpoint().origin == "example.org/signoff"
    assert (tmp_path / "elsewhere" / "lock.json").exists()
    engine.close()
