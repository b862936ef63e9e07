"""What must fit before a node starts: the name of the log, its clock, and the lock beside its keys.

A database that was restored from an old backup, or a clock that was set back, would write a second past beside the one
that signers hold receipts of. The way through after an honest loss is ``workflow log epochs --open``, which says so in a
signed entry (``workflow.epochs``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow.clock import moment
from workflow.errors import ClockBackwards, LogBehindLock, LogRecreated, Said, UnknownOrigin
from workflow.evidence.lock import LockFile
from workflow.store import library
from workflow.store import log as store

LOCK = "checkpoint.lock"
ORIGIN = "signoff.local/log"
TOLERANCE_S = 60
"""By how much the clocks of two nodes may differ."""


def origin_here(connection: Any, given: str | None) -> str:
    """The log's name: the database's own, which whoever names one must name.

    Raises:
        UnknownOrigin: the database belongs to the log of another name.
    """
    known = library.meta(connection, "origin")
    if known is not None and given not in (None, known):
        raise UnknownOrigin(expected=given, actual=f"{known} in the database")
    return known or given or ORIGIN


def refuse(connection: Any, home: Path, origin: str, now: int) -> None:
    """Refuse to start where database, clock and lock do not fit each other.

    Raises:
        LogRefused: a subclass says what does not. LockDamaged: the lock cannot be read.
    """
    last, latest = store.last_moment(connection), now + TOLERANCE_S * 1_000_000
    if latest < last:
        raise ClockBackwards(expected=moment(last).isoformat(), actual=moment(now).isoformat())
    locked = LockFile(home / LOCK).read()
    if locked is None:
        return
    if locked.origin != origin and not locked.origin.startswith(f"{origin}/"):
        raise UnknownOrigin(expected=origin, actual=f"{locked.origin} in the lock {home / LOCK}")
    epoch = store.newest_epoch(connection)
    if locked.size and epoch is None:
        raise LogRecreated(origin=locked.origin, expected=f"size {locked.size}", actual="no log")
    if epoch is not None and (epoch.epoch, epoch.size) < (locked.epoch, locked.size):
        raise LogBehindLock(
            expected=locked.brief(),
            actual=Said(f"{epoch.origin} of size {epoch.size}", f"{epoch.origin}(共 {epoch.size} 条)"),
        )
    if latest < locked.at:
        raise ClockBackwards(expected=moment(locked.at).isoformat(), actual=moment(now).isoformat())
