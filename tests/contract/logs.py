"""What tests of the log share: an engine without flows, entries in chains of their own, and faults at every statement."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from workflow import Engine, SettableClock
from workflow.evidence import canonical
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.logcheck import LogReport, check
from workflow.store import appending

START = datetime(2019, 8, 12, 1, 0, tzinfo=UTC)


@dataclass
class Writer:
    """An engine on a database, and entries written past all rules."""

    engine: Engine
    clock: SettableClock
    home: Path

    def write(self, connection: Any, chain: str, words: str = "invented") -> tuple[str, int]:
        """One entry in a chain that is no item, on a connection."""
        at = self.clock.now()

        def make(seq: int, prev: bytes) -> dict[str, Any]:
            act = {"kind": "note", "words": words}
            body = canonical.encode({"v": 1, "chain": chain, "seq": seq, "prev": prev.hex(), "at": at, "act": act})
            (seal,) = seal_entries([body], self.engine.key)
            return {"at": at, "act": "note", "body": body, "seal": seal, "hash": entry_hash(body, seal)}

        return chain, appending.append_chain(connection, chain, make)[0]

    def add(self, *chains: str) -> list[tuple[str, int]]:
        """One entry in each of these chains, committed together."""
        with self.engine.desk() as desk:
            return [self.write(desk.connection, chain) for chain in chains]

    def check(self) -> LogReport:
        with self.engine.reading() as connection:
            return check(connection)


def open_writer(url: str, home: Path) -> Writer:
    clock = SettableClock(START)
    return Writer(Engine.at(url, home, clock=clock, durable=False), clock, home)


class Died(Exception):
    """The process ended here. Nothing in the library catches all exceptions; a lint rule holds that."""


@contextmanager
def dying_at(db: Any, statement: int, *, after: bool) -> Iterator[None]:
    """Die before, or right after, the nth statement that reaches the database."""
    left = count(1)

    def die(*_: Any) -> None:
        if next(left) == statement:
            raise Died

    name = "after_cursor_execute" if after else "before_cursor_execute"
    event.listen(db, name, die)
    try:
        yield
    finally:
        event.remove(db, name, die)


def nothing() -> None:
    return None


def at_every_statement(
    db: Any, act: Callable[[], object], then: Callable[[], object], first: Callable[[], object] = nothing
) -> int:
    """Do something, dying at its first statement, then at its second, and so on until it lives; look after each death.

    Two rounds: one dies before each statement, one right after it; each begins with ``first``.

    Returns:
        How many deaths there were.
    """
    deaths = 0
    for after in (False, True):
        first()
        for statement in count(1):
            with dying_at(db, statement, after=after):
                try:
                    act()
                except Died:
                    deaths += 1
                else:
                    break
            then()
    then()
    return deaths


@contextmanager
def dying_in_files(patch: pytest.MonkeyPatch, call: int) -> Iterator[None]:
    """Die before the nth call that writes, syncs or renames a file."""
    left = count(1)

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call_or_die(*args: Any, **kwargs: Any) -> Any:
            if next(left) == call:
                raise Died
            return real(*args, **kwargs)

        return call_or_die

    with patch.context() as patched:
        for name in ("open", "fdopen", "fsync", "replace"):
            patched.setattr(os, name, dying(getattr(os, name)))
        yield
