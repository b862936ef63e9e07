"""The logbook: one log over all entries, signed at one size after another, and never twice differently.

``Logbook`` is what the node that signs holds: the checkpoint's key and the lock, both outside the database. Before every
signature the log is recomputed from the stored bytes, from the last signed size on, and held against the lock. Where
that does not hold it refuses, and says what to do; the way through after an honest loss is ``workflow.epochs``.

Reading needs none of this: ``published``, ``tree``, ``places`` and ``heads_tree`` work on any connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow import sealing
from workflow.clock import moment
from workflow.engine import Engine
from workflow.errors import (
    ClockBackwards,
    EpochHalfOpen,
    LockLost,
    LogBehindLock,
    LogBroken,
    LogRecreated,
    LogRefused,
    LogRewritten,
    Said,
    Unknown,
    UnknownOrigin,
    WitnessRefused,
)
from workflow.evidence import canonical
from workflow.evidence.checkpoint import SIGNATURE, BadNote, Checkpoint, Mark, Note, NoteKey, parse_mark, sign
from workflow.evidence.compact import Tree
from workflow.evidence.entry import entry_hash
from workflow.evidence.heads import Head, HeadsTree
from workflow.evidence.keys import FileKeyProvider, KeyProvider
from workflow.evidence.lock import Locked, LockFile
from workflow.evidence.merkle import empty_root, hash_function, leaf_hash
from workflow.sequencer import Drained, Links, drain, frontier_of
from workflow.store import database, items, library
from workflow.store import log as store
from workflow.store.log import Epoch, Stored
from workflow.witness import Send, collect, drop, request_text

CHAIN = "log"
COSIGNED = Said("a cosignature", "联署")
"""The log's own chain: what it says of itself, as entries like all others."""
KEY, LOCK = "checkpoint.key", "checkpoint.lock"
PLACES = 1_000  # entries asked for in one statement


@dataclass(frozen=True)
class Published:
    """A signed checkpoint with the cosignatures that came for it.

    Attributes:
        algorithm: the hash of the log, for every proof against this checkpoint.
        at: when it was signed, microseconds UTC.
        note: text and signature lines, as they are handed on.
    """

    epoch: int
    origin: str
    algorithm: str
    size: int
    root: bytes
    at: int
    note: Note


@dataclass(frozen=True)
class DatedHeads:
    """A heads tree and the entry that fixed it: the one with number ``seq`` in chain ``log``."""

    seq: int
    at: int
    epoch: int
    size: int
    tree: HeadsTree


# --- reading --------------------------------------------------------------------------------------------------------


def published(connection: Any, size: int | None = None) -> Published | None:
    """The newest checkpoint of the newest epoch that has one, or that epoch's of a given size; None when there is none."""
    stored = store.newest_checkpoint(connection)
    if stored is not None and size is not None:
        stored = store.checkpoint(connection, stored.epoch, size)
    if stored is None:
        return None
    epoch = next(e for e in store.epochs(connection) if e.epoch == stored.epoch)
    note = Note.parse(stored.note)
    for row in store.cosignatures(connection, stored.epoch):
        if row.size == stored.size:
            note = note.with_mark(parse_mark(row.line))
    return Published(epoch.epoch, epoch.origin, epoch.algorithm, stored.size, stored.root, stored.at, note)


def tree(connection: Any, epoch: int, size: int) -> Tree:
    """The first ``size`` leaves of an epoch, for inclusion and consistency proofs. Valid as long as the transaction."""
    algorithm = next((e.algorithm for e in store.epochs(connection) if e.epoch == epoch), None)
    if algorithm is None:
        raise Unknown(kind="epoch of the log", name=str(epoch))
    return Tree(size, lambda level, n: store.tile(connection, epoch, level, n), hash_function(algorithm))


def places(connection: Any, epoch: int, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The indexes of entries, given as (chain, number there), in an epoch; those it does not hold are left out."""
    asked, found = list(wanted), {}
    for start in range(0, len(asked), PLACES):
        for key, (index, _) in store.placed(connection, epoch, asked[start : start + PLACES]).items():
            found[key] = index
    return found


def heads_tree(connection: Any, seq: int) -> DatedHeads:
    """The heads tree that the entry with number ``seq`` of chain ``log`` fixed, computed again and held against its root.

    Raises:
        Unknown: there is no such entry, or it fixes no heads. LogBroken: the entries no longer lead to its root.
    """
    stored = store.entry(connection, CHAIN, seq)
    act = canonical.decode(stored[0])["act"] if stored else {}
    if act.get("kind") != "heads":
        raise Unknown(kind="heads entry", name=f"{CHAIN}#{seq}")
    made = _heads(connection, act["epoch"], act["size"], act["node"])
    found = {"root": f"{act['algorithm']}:{made.root.hex()}", "chains": made.size}
    if found != {"root": act["root"], "chains": act["chains"]}:
        raise LogBroken(place=f"{CHAIN}#{seq}", expected=f"heads {act['root'][:23]}", actual=found["root"])
    return DatedHeads(seq, act["node"], act["epoch"], act["size"], made)


def newest_heads(connection: Any) -> int | None:
    """The number in chain ``log`` of the last entry that fixed a heads tree."""
    found = [row.seq for row in items.entries(connection, CHAIN) if row.act == "heads"]
    return found[-1] if found else None


def _heads(connection: Any, epoch: int, size: int, at: int) -> HeadsTree:
    algorithm = next(e.algorithm for e in store.epochs(connection) if e.epoch == epoch)
    new, found = hash_function(algorithm), []
    for row in store.heads(connection, epoch, size, at):
        made = entry_hash(row.body, row.seal)
        if leaf_hash(made, new) != row.leaf:
            raise LogBroken(place=f"{row.chain}#{row.seq}", expected="the leaf in the log", actual="other bytes")
        found.append(Head(row.chain, row.seq, made))
    return HeadsTree(found, new)


# --- signing --------------------------------------------------------------------------------------------------------


class Logbook:
    """The log of an engine, on the node that signs it.

    Args:
        engine: its database, clock, origin, and the key that seals the log's own entries.
        key: signs checkpoints; another one than the engine's.
        lock: outside the database and outside its backup.
    """

    def __init__(self, engine: Engine, key: KeyProvider, lock: LockFile) -> None:
        self.engine = engine
        self.key = key
        self.lock = lock

    @classmethod
    def at(
        cls,
        engine: Engine,
        home: str | Path,
        *,
        algorithm: str = "sha256",
        lock: str | Path | None = None,
        key: KeyProvider | None = None,
    ) -> Logbook:
        """Open the log in a home folder; the first time ever, begin it.

        Args:
            algorithm: the hash of a log that is begun now: ``sha256`` or ``sm3``. One that exists keeps its own.
            lock: where the lock is, when not in ``home``.
            key: another holder of the checkpoint's key than the file in ``home``.

        Raises:
            LogRefused: a subclass says what does not hold; nothing was changed.
            Unknown, KeyUnavailable: there is no such hash, or the key cannot be used.
        """
        book = cls._bare(engine, home, algorithm, lock, key)
        with book.lock.held(), engine.reading() as connection:
            locked = book.lock.read()
            book.refuse(connection, locked)
        if locked is not None and locked.size:
            book._publish(locked)  # a crash may have come between the lock and the database
        return book

    @classmethod
    def _bare(
        cls, engine: Engine, home: str | Path, algorithm: str, lock: str | Path | None, key: KeyProvider | None
    ) -> Logbook:
        """A log is begun only where neither lock, key nor database knows of one: whichever is lost later, the others tell.

        The key takes its name only after the lock holds it, so that what was interrupted can be told from a lost lock.
        """
        home = Path(home)
        file, path = LockFile(lock or home / LOCK), home / KEY
        part = path.with_name(path.name + ".new")
        if not file.path.exists():  # looked at before anything is made, so that a wrong home is left as it was
            _refuse_lost(engine, file, None if key is not None else path)
        with file.held():
            locked = file.read()
            with engine.reading() as connection:
                epoch, at = store.newest_epoch(connection), engine.now(connection)
            if locked is None:
                _refuse_lost(engine, file, None if key is not None else path)
                part.unlink(missing_ok=True)
                fresh = key or FileKeyProvider.create(part)
                root = empty_root(hash_function(algorithm)).hex()
                named = NoteKey(engine.origin, SIGNATURE, fresh.public_key())
                locked = Locked(engine.origin, 1, algorithm, str(named), 0, root, at)
                file.replace(None, locked)
            if key is None and part.exists() and not path.exists():
                os.replace(part, path)
            book = cls(engine, key or FileKeyProvider(path), file)
            if epoch is None and (locked.epoch, locked.size) == (1, 0):
                with database.writing(engine.db) as connection:
                    if store.newest_epoch(connection) is None:
                        first = Epoch(1, locked.origin, locked.algorithm, None, None, 0, b"", 0)
                        store.open_epoch(connection, first)
                        library.set_meta(connection, "log/1", locked.key)
        return book

    def note_key(self, epoch: int) -> NoteKey:
        """The checkpoint's public key under the name it has in an epoch, as verifiers and witnesses are given it."""
        return NoteKey(origin_of(self.engine.origin, epoch), SIGNATURE, self.key.public_key())

    def sequence(self, progress: Callable[[int], None] | None = None) -> Drained:
        """Bring everything visible into the log. See ``workflow.sequencer``; needs neither key nor lock."""
        return drain(self.engine.db, progress=progress)

    def checkpoint(self) -> Published:
        """Sign the log as it stands; when nothing was added, the last checkpoint again.

        Every leaf since the last signature is computed from its stored bytes, and must be the one the log holds.

        Raises:
            LogRefused: a subclass says what does not hold; nothing was signed.
        """
        with self.lock.held():
            locked = self.lock.read()
            with self.engine.reading() as connection:
                epoch = self.refuse(connection, locked)
                assert locked is not None
                if epoch.size == 0:
                    raise LogRefused(expected="an entry in the log (run: workflow log sequence)", actual="none")
                if epoch.size > locked.size:
                    root = self._recomputed(connection, epoch, locked)
                    new = self._signed(epoch, root, self.engine.now(connection))
                else:
                    new = locked
            if new is not locked:
                self.lock.replace(locked, new)
        self._publish(new)
        with self.engine.reading() as connection:
            found = published(connection, new.size)
        assert found is not None
        return found

    def heads(self, at: int) -> DatedHeads:
        """Fix the last entry of every chain at a dated node (microseconds UTC), as a sealed entry of chain ``log``.

        What is visible is brought into the log first; the entry itself is, and is signed, with what follows it.

        Raises:
            LogBroken: an entry is not what the log holds.
        """
        self.sequence()
        with self.engine.reading() as connection:
            epoch = store.newest_epoch(connection)
            if epoch is None:
                raise Unknown(
                    kind="log",
                    name=self.engine.origin,
                    hint=Said("; begin it: workflow log checkpoint", ";请先建立:workflow log checkpoint"),
                )
            made = _heads(connection, epoch.epoch, epoch.size, at)
        act = {
            "kind": "heads",
            "node": at,
            "epoch": epoch.epoch,
            "size": epoch.size,
            "algorithm": epoch.algorithm,
            "root": f"{epoch.algorithm}:{made.root.hex()}",
            "chains": made.size,
        }
        with database.writing(self.engine.db) as connection:
            seq = append(self.engine, connection, act)
        return DatedHeads(seq, at, epoch.epoch, epoch.size, made)

    # --- witnesses ------------------------------------------------------------------------------------------------

    def request(self, witness: NoteKey, old: int | None = None) -> bytes:
        """What a witness is asked with: the size it saw last, the proof from there, the newest checkpoint.

        Args:
            old: the size the witness says it saw last; else the last one it cosigned for us.

        Raises:
            LogRefused: nothing is signed yet. WitnessRefused: the witness saw more than we have.
        """
        with self.engine.reading() as connection:
            newest = published(connection)
            if newest is None:
                raise LogRefused(expected="a checkpoint (run: workflow log checkpoint)", actual="none")
            seen = store.cosigned_size(connection, newest.epoch, str(witness)) if old is None else old
            if seen > newest.size:
                raise WitnessRefused(
                    witness=witness.name, expected=f"size {newest.size} at most", actual=f"size {seen}"
                )
            proof = tree(connection, newest.epoch, newest.size).consistency(seen)
        return request_text(seen, proof, Note(newest.note.text, newest.note.marks[:1]))

    def ask(self, witness: NoteKey, send: Send) -> Published:
        """Have the newest checkpoint cosigned by a witness; it is asked again where it tells another size it saw last.

        Raises:
            WitnessRefused: it did not cosign, or not validly. LogRefused: nothing is signed yet.
        """
        answer = send(self.request(witness))
        if answer.size is not None:
            answer = send(self.request(witness, answer.size))
        if answer.status != 200:
            raise WitnessRefused(witness=witness.name, expected=COSIGNED, actual=answer.said)
        if self.cosigned(answer.body, [witness]) == []:
            raise WitnessRefused(witness=witness.name, expected=COSIGNED, actual=Said("another's", "他人的联署"))
        with self.engine.reading() as connection:
            found = published(connection)
        assert found is not None
        return found

    def exchange(self, witness: NoteKey, folder: str | Path) -> bool:
        """The same by files, where there is no network: take in what came back, and leave a request when one is needed.

        Carry ``*.request`` from the folder to the witness and its ``*.answer`` back (``Witness.serve_folder``).

        Returns:
            Whether the newest checkpoint is cosigned now.

        Raises:
            WitnessRefused: the witness did not cosign the newest checkpoint, or an answer is not valid.
        """
        try:
            answers = collect(folder)
        except BadNote as bad:
            raise WitnessRefused(witness=witness.name, expected=Said("an answer", "应答"), actual=bad.reason) from bad
        with self.engine.reading() as connection:
            newest = published(connection)
        if newest is None:
            raise LogRefused(expected="a checkpoint (run: workflow log checkpoint)", actual="none")
        told: int | None = None
        for name, answer in answers.items():
            words = name.split("-")
            if words[:2] != [witness.key_id.hex(), str(newest.epoch)] or not words[2].isdecimal():
                continue
            if answer.status == 200:
                self.cosigned(answer.body, [witness], int(words[2]))
            elif answer.size is not None:
                told = max(told or 0, answer.size)
            elif int(words[2]) == newest.size:
                raise WitnessRefused(witness=witness.name, expected=COSIGNED, actual=answer.said)
        with self.engine.reading() as connection:
            seen = store.cosigned_size(connection, newest.epoch, str(witness))
        if seen == newest.size:
            return True
        old = max(seen, told or 0)
        drop(folder, f"{witness.key_id.hex()}-{newest.epoch}-{newest.size}-{old}", self.request(witness, old))
        return False

    def cosigned(self, lines: str, witnesses: Iterable[NoteKey], size: int | None = None) -> list[NoteKey]:
        """Take in signature lines for a checkpoint (the newest unless told). Lines by others than ``witnesses`` are left
        aside.

        Returns:
            Whose signatures were taken in, or had been before.

        Raises:
            WitnessRefused: a line that claims to be by one of them does not hold. Unknown: no such checkpoint.
        """
        with database.writing(self.engine.db) as connection:
            found = published(connection, size)
            if found is None:
                raise Unknown(kind="checkpoint", name=str(size))
            try:
                marks: tuple[Mark, ...] = tuple(parse_mark(line) for line in lines.splitlines() if line)
                held = Note(found.note.text, marks).verified(witnesses)
            except BadNote as bad:
                raise WitnessRefused(witness="-", expected="a cosignature over it", actual=bad.reason) from bad
            for key, mark in held.items():
                store.add_cosignature(connection, found.epoch, found.size, str(key), str(mark))
        return list(held)

    # --- what must hold before anything is signed ------------------------------------------------------------------

    def refuse(self, connection: Any, locked: Locked | None) -> Epoch:
        """The epoch that grows, if the database, the lock and the clock fit each other.

        Raises:
            LogRefused: they do not.
        """
        engine, epoch = self.engine, store.newest_epoch(connection)
        known = library.meta(connection, "origin")
        if known not in (None, engine.origin):
            raise UnknownOrigin(expected=engine.origin, actual=f"{known} in the database")
        if locked is None:
            found = store.newest_checkpoint(connection)
            size = found.size if found else 0
            raise LockLost(path=str(self.lock.path), expected="the lock of the node that signs", actual=f"size {size}")
        if locked.origin != origin_of(engine.origin, locked.epoch):
            raise UnknownOrigin(expected=origin_of(engine.origin, locked.epoch), actual=f"{locked.origin} in the lock")
        if locked.key != str(self.note_key(locked.epoch)):
            raise LogRefused(expected=f"the key {locked.key}", actual=str(self.note_key(locked.epoch)))
        if epoch is None or (epoch.size == 0 and locked.size and epoch.epoch <= locked.epoch):
            raise LogRecreated(origin=locked.origin, expected=f"size {locked.size}", actual="an empty log")
        if epoch.epoch > locked.epoch:
            raise EpochHalfOpen(expected=locked.epoch, actual=epoch.epoch)
        if epoch.epoch < locked.epoch or epoch.size < locked.size:
            actual: str = Said(f"{epoch.origin} of size {epoch.size}", f"{epoch.origin}(共 {epoch.size} 条)")
            raise LogBehindLock(expected=locked.brief(), actual=actual)
        if (epoch.origin, epoch.algorithm) != (locked.origin, locked.algorithm):
            actual = f"{epoch.origin} by {epoch.algorithm}"
            raise LogRewritten(size=0, expected=f"{locked.origin} by {locked.algorithm}", actual=actual)
        root = _root(connection, epoch.epoch, locked.size)
        if root != locked.root:
            raise LogRewritten(size=locked.size, expected=locked.root[:16], actual=root[:16])
        now = engine.now(connection)
        if now < locked.at:
            raise ClockBackwards(expected=moment(locked.at).isoformat(), actual=moment(now).isoformat())
        return epoch

    def _recomputed(self, connection: Any, epoch: Epoch, locked: Locked) -> bytes:
        """The root of the epoch, from the signed tree on, out of the stored bytes of every entry since.

        Raises:
            LogBroken: a leaf is not that of its entry, an index is missing, or the result is not what the row says.
        """
        new = hash_function(epoch.algorithm)
        frontier = tree(connection, epoch.epoch, locked.size).frontier()
        links = Links(connection, epoch.epoch, new)
        for rows in store.leaves(connection, epoch.epoch, locked.size, epoch.size):
            for n, row in enumerate(rows):
                if row.idx != frontier.size + n or row.body is None:
                    raise LogBroken(place=f"index {frontier.size + n}", expected="an entry", actual="none")
            made = links.leaves(rows, bound=frontier.size)
            for row, leaf in zip(rows, made, strict=True):
                if row.leaf != leaf:
                    raise LogBroken(place=f"index {row.idx}", expected=leaf.hex()[:16], actual=row.leaf.hex()[:16])
            frontier, _ = frontier.extended(made, new)
        if frontier != frontier_of(epoch):
            raise LogBroken(place=f"epoch {epoch.epoch}", expected=f"size {frontier.size}", actual=f"size {epoch.size}")
        if epoch.opened_seq is not None and store.placed(connection, epoch.epoch, [(CHAIN, epoch.opened_seq)]) == {}:
            opened = f"{CHAIN}#{epoch.opened_seq}"
            raise LogRefused(expected=f"{opened} in the log (run: workflow log sequence)", actual="not yet")
        return frontier.root(new)

    def _signed(self, epoch: Epoch, root: bytes, at: int) -> Locked:
        more = [f"epoch {epoch.epoch} {epoch.algorithm}", f"at {at}"]
        if epoch.previous:
            more.append(f"previous {epoch.previous}")
        text = Checkpoint(epoch.origin, epoch.size, root, tuple(more)).text
        note = Note(text, (sign(text, epoch.origin, self.key),))
        key = str(self.note_key(epoch.epoch))
        return Locked(epoch.origin, epoch.epoch, epoch.algorithm, key, epoch.size, root.hex(), at, str(note))

    def _publish(self, locked: Locked) -> None:
        """Keep what the lock says was signed in the database too."""
        if not locked.note:
            return
        stored = Stored(locked.epoch, locked.size, bytes.fromhex(locked.root), locked.at, locked.note)
        with self.engine.reading() as connection:
            if store.checkpoint(connection, locked.epoch, locked.size) is not None:
                return
        with database.writing(self.engine.db) as connection:
            store.add_checkpoint(connection, stored)


def _refuse_lost(engine: Engine, file: LockFile, key: Path | None) -> None:
    """A log that was begun has a lock; without it nothing is signed.

    Args:
        key: where the checkpoint's key lies once a log was begun here; None for a key held elsewhere.
    """
    with engine.reading() as connection:
        epoch = store.newest_epoch(connection)
    if epoch is not None or (key is not None and key.exists()):
        found = f"epoch {epoch.epoch} of size {epoch.size}" if epoch else "a key that signed"
        raise LockLost(path=str(file.path), expected="the lock of the node that signs", actual=found)


def append(engine: Engine, connection: Any, act: dict[str, Any]) -> int:
    """One sealed entry in chain ``log`` on the caller's transaction; its number there."""
    return sealing.append(connection, engine.key, CHAIN, act, engine.now(connection)).seq


def origin_of(origin: str, epoch: int) -> str:
    """The name of a log in an epoch: its own in the first, with the number behind it later."""
    return origin if epoch == 1 else f"{origin}/{epoch}"


def _root(connection: Any, epoch: int, size: int) -> str:
    """The root that the database leads to at a size, in hex; empty when it lacks nodes."""
    made = tree(connection, epoch, size)
    try:
        return made.root().hex()
    except ValueError:
        return ""
