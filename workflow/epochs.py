"""A new epoch of the log: for another hash or key, or after a loss that nothing can mend.

An honest restore goes so: restore what can be restored; the log refuses to sign, because the lock knows more than the
database; open an epoch with the reason. What was lost stays visible for good: in a sealed entry of chain ``log``, in every
checkpoint of the new epoch, and with every witness and auditor who holds the old checkpoint.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow.engine import Engine
from workflow.errors import LogRefused, UnknownOrigin
from workflow.evidence import canonical
from workflow.evidence.checkpoint import Checkpoint, Note
from workflow.evidence.entry import BadSeal, verify_seal
from workflow.evidence.keys import FileKeyProvider, KeyProvider
from workflow.evidence.lock import Locked, LockFile
from workflow.evidence.merkle import empty_root, hash_function
from workflow.keybook import Keybook
from workflow.logbook import CHAIN, KEY, LOCK, Logbook, Published, append, origin_of
from workflow.sequencer import frontier_of
from workflow.store import database, library
from workflow.store import log as store
from workflow.store.log import Epoch


def open_epoch(
    engine: Engine,
    home: str | Path,
    *,
    reason: str,
    by: str,
    algorithm: str | None = None,
    lock: str | Path | None = None,
    key: KeyProvider | None = None,
    next_key: KeyProvider | None = None,
) -> Published:
    """Begin a new tree over all entries: to change the log's hash or key, or after a loss that nothing can mend.

    A sealed entry in chain ``log`` cites the last checkpoint that was signed, what the database still holds, why and by
    whom; every checkpoint of the new epoch cites it too. The epoch has an origin of its own, so that whoever pinned the
    old log (witnesses, auditors) must consent knowingly. Interrupted anywhere, it is finished by calling it again.

    Args:
        reason: in plain words, on record for good.
        algorithm: the hash of the new epoch; the old one's unless told.
        next_key: signs the new epoch, where the log's key is handed over; ``key`` still signs what is of the old one.

    Raises:
        UnknownOrigin: the lock or the database belongs to another log; that is not a loss.
        LockDamaged: the lock is there and cannot be read.
        LogBroken: an entry is not what its chain says; no new tree can hold it either.
    """
    home = Path(home)
    file = LockFile(lock or home / LOCK)
    if key is None:
        key = FileKeyProvider(home / KEY) if (home / KEY).exists() else FileKeyProvider.create(home / KEY)
    book, locked = Logbook(engine, key, file), file.read()
    later = Logbook(engine, next_key, file) if next_key is not None else book
    if locked is not None and next_key is not None and locked.key == str(later.note_key(locked.epoch)):
        later.sequence()
        return later.checkpoint()  # handed over already by an interrupted call
    begun = locked is not None and locked.epoch > 1 and locked.size == 0 and next_key is None
    book.sequence()  # an entry that does not fit would stop the new tree as well: better now than then
    try:
        signed = book.checkpoint()  # what can still be signed under the old epoch is
        if begun:
            return signed  # an interrupted call came this far
    except UnknownOrigin:
        raise
    except LogRefused:
        pass
    with file.held():
        locked = file.read()
        with database.writing(engine.db) as connection:
            opened = _opened(book, connection, locked, reason, by, algorithm)
            named = str(later.note_key(opened.epoch))
            library.set_meta(connection, f"log/{opened.epoch}", named)
            at = engine.now(connection)
        root = empty_root(hash_function(opened.algorithm)).hex()
        file.replace(locked, Locked(opened.origin, opened.epoch, opened.algorithm, named, 0, root, at))
    later.sequence()
    return later.checkpoint()


def hand_over_key(engine: Engine, home: str | Path, *, reason: str, by: str) -> tuple[KeyProvider, Published]:
    """Hand over from the log's key to a new one, which both sign in chain ``keys``; the new one signs a new epoch.

    An epoch of its own, because whoever pinned the old key must consent knowingly. Interrupted anywhere, it is finished
    by calling it again.

    Returns:
        The new key, and the first checkpoint it signed.

    Raises:
        LogRefused: the log cannot be signed as it is; mend that first.
    """
    home = Path(home)
    path, part = home / KEY, home / f"{KEY}.next"
    old = FileKeyProvider(path)
    new = FileKeyProvider(part) if part.exists() else FileKeyProvider.create(part)
    book = Logbook(engine, old, LockFile(home / LOCK))
    with database.writing(engine.db) as connection:
        at = engine.now(connection)
        keys = Keybook(connection, engine.key, at)
        if ("checkpoint", new.public_key().hex()) not in keys.ring.keys:
            book.refuse(connection, book.lock.read())
            if ("checkpoint", old.public_key().hex()) not in keys.ring.keys:
                keys.register("checkpoint", engine.origin, old.public_key(), by=by, reason=reason, holder=old)
            keys.rotate("checkpoint", old, new, until=at, by=by, reason=reason)
    made = open_epoch(engine, home, reason=reason, by=by, key=old, next_key=new)
    os.replace(part, path)
    return FileKeyProvider(path), made


def _opened(
    book: Logbook, connection: Any, locked: Locked | None, reason: str, by: str, algorithm: str | None
) -> Epoch:
    """The new epoch with its entry; the one that an interrupted call began, if there is one."""
    engine, newest = book.engine, store.newest_epoch(connection)
    because = ""
    try:
        book.refuse(connection, locked)
    except UnknownOrigin:
        raise
    except LogRefused as refusal:
        because = refusal.code
    stored = store.newest_checkpoint(connection)
    if locked is not None:
        previous = Checkpoint(locked.origin, locked.size, bytes.fromhex(locked.root)).cited()
        signed_at, before = locked.at, locked.epoch
    elif stored is not None:
        previous, signed_at, before = Checkpoint.parse(Note.parse(stored.note).text).cited(), stored.at, stored.epoch
    else:
        previous, signed_at, before = "", 0, 0
    interrupted = newest is not None and (newest.epoch, newest.previous) == (before + 1, previous)
    if newest is not None and interrupted and _ours(engine, connection, newest):
        return newest
    number = max(before, newest.epoch if newest else 0) + 1
    chosen = algorithm or (newest.algorithm if newest else locked.algorithm if locked else "sha256")
    hash_function(chosen)
    found = {"epoch": 0, "size": 0, "root": ""}
    if newest is not None:
        frontier = frontier_of(newest)
        found = {
            "epoch": newest.epoch,
            "size": newest.size,
            "root": frontier.root(hash_function(newest.algorithm)).hex(),
        }
    origin = origin_of(engine.origin, number)
    act = {
        "kind": "incarnation" if because else "open-epoch",
        "because": because,
        "by": by,
        "reason": reason,
        "epoch": number,
        "origin": origin,
        "algorithm": chosen,
        "previous": previous,
        "previous-at": signed_at,
        "found": found,
    }
    seq = append(engine, connection, act)
    opened = Epoch(number, origin, chosen, seq, previous or None, 0, b"", 0)
    store.open_epoch(connection, opened)
    return opened


def _ours(engine: Engine, connection: Any, epoch: Epoch) -> bool:
    """Whether the entry that an epoch's row names did open it, and was sealed here."""
    stored = store.entry(connection, CHAIN, epoch.opened_seq or 0)
    if stored is None:
        return False
    public = Ed25519PublicKey.from_public_bytes(engine.key.public_key())
    try:
        verify_seal(*stored, lambda key_id: public if key_id == engine.key.key_id() else None)
    except BadSeal:
        return False
    act = canonical.decode(stored[0])["act"]
    opened = (act.get("epoch"), act.get("origin"), act.get("algorithm"), act.get("previous"))
    return bool(opened == (epoch.epoch, epoch.origin, epoch.algorithm, epoch.previous or ""))
