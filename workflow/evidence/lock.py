"""The lock outside the database: the last thing a log signed, so that no restored or rewritten database signs another.

It is a small JSON file beside the checkpoint's key, replaced as a whole (written, synced, renamed) and only while it
still says what the signer read. It must not be part of the database's backup, or it goes back together with it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow.errors import LockDamaged, LockMoved, Said

_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Locked:
    """What was signed last.

    Attributes:
        origin: the name of the log in this epoch.
        key: the checkpoint's public key, as it is handed on.
        root: hex.
        at: microseconds UTC.
        note: the signed checkpoint; empty in an epoch that has signed none.
    """

    origin: str
    epoch: int
    algorithm: str
    key: str
    size: int
    root: str
    at: int
    note: str = ""

    def brief(self) -> str:
        """For an error's sentence."""
        return Said(f"{self.origin} of size {self.size}", f"{self.origin}(共 {self.size} 条)")


class LockFile:
    """A lock at a path. Any number of processes on one machine may share it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def read(self) -> Locked | None:
        """What the lock says; None when there is no file.

        Raises:
            LockDamaged: there is a file, and it is not a lock.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._damaged(type(error).__name__) from None
        try:
            return _locked(json.loads(data))
        except (ValueError, TypeError):
            raise self._damaged(f"{len(data)} bytes of something else") from None

    def _damaged(self, actual: str) -> LockDamaged:
        return LockDamaged(path=str(self.path), expected="a lock as JSON", actual=actual)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else holds it meanwhile. Waits; the operating system lets go of it when its holder dies."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A file of its own: the lock itself is replaced, and whoever waits on a replaced file waits on nothing.
        handle = os.open(self.path.with_name(self.path.name + ".held"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def replace(self, expected: Locked | None, new: Locked) -> None:
        """Move the lock from what the caller read to what it signs. Hold it meanwhile (``held``).

        When it returns, the new lock survives a power cut; when it raises, the old one or the new one stands, whole.

        Raises:
            LockMoved: the lock no longer says what the caller read.
        """
        found = self.read()
        if found != expected:
            told = [lock.brief() if lock else "no lock" for lock in (expected, found)]
            raise LockMoved(path=str(self.path), expected=told[0], actual=told[1])
        part = self.path.with_name(self.path.name + ".new")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(asdict(new), indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _locked(facts: Any) -> Locked:
    made = Locked(**facts)
    for name, kind in Locked.__annotations__.items():
        if type(getattr(made, name)).__name__ != kind:
            raise TypeError(name)
    if made.size < 0 or made.epoch < 1 or len(bytes.fromhex(made.root)) != 32:
        raise ValueError("no lock")
    return made
