"""Checking a database: does its history hold, and how far was it really checked?

V1: bodies are canonical, chains unbroken, columns equal bodies, seals verify, snapshots equal the fold, definitions and
contents match their digests, the organisation's tables are those its chain made, and what one chain cites of another
stands there. Beside it the rules: every entry is replayed through the same ``decide`` that made it, the figures it
decided on are read from the documents again, and what it was told of the organisation is asked of it as it was known
then. Every failure is collected with a code and its place; a check of nothing is never a success. Levels above V1 take
something of the auditor's own: see ``audit``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

from workflow import orgcheck, personal
from workflow.crossing import Crossing
from workflow.errors import WorkflowError
from workflow.evidence import keyring
from workflow.evidence.content import ContentStore
from workflow.evidence.entry import read_body
from workflow.evidence.keyring import Keyring
from workflow.evidence.standalone import Policy
from workflow.store import database, items, scan
from workflow.verified import TYPE, Failure, Report
from workflow.verifier import Progress, Verifier

__all__ = ["Failure", "Progress", "Report", "Verifier", "settle", "verify", "verify_database"]

SAME_MOMENT = 60_000_000  # µs by which two readings of one moment may differ, as two nodes' clocks may
WORTH_SHARING = 2_000  # entries; below, starting a process costs more than it saves
TAKEN_AT_ONCE = 2_500  # entries of a range, more or less: a fraction of a second


def verify(
    connection: Any,
    contents: ContentStore | None = None,
    progress: Progress | None = None,
    policy: Policy | None = None,
    **checks: bool,
) -> Report:
    """Verify a whole database on one connection, with one consistent moment. See ``Report`` for what was reached."""
    if unread := _unreadable(connection):
        return unread
    unplain = scan.unplain(connection)
    report = Verifier(connection, contents, policy, **checks).run(progress)
    return settle(connection, contents, report, unplain)


def _unreadable(connection: Any) -> Report | None:
    """A report of the values that no column of theirs should hold, if there are any; the other checks are left out."""
    misfits = scan.misfits(connection)
    if not misfits:
        return None
    report = Report(entries=scan.count(connection))
    for table, key, column, held in misfits:
        report.fail(TYPE, f"{table} {key}", f"column {column} holds a value of type {held}")
    return report


def settle(
    connection: Any, contents: ContentStore | None, report: Report, unplain: Iterable[tuple[str, str]] = ()
) -> Report:
    """What only shows when every chain has been read: citations between them, and the organisation's tables.

    Args:
        unplain: what ``scan.unplain`` found.
    """
    for place, detail in unplain:
        report.fail("storage", place, detail)
    for code, place, detail in report.crossing.settle(connection):
        report.fail(code, place, detail)
    report.crossing = Crossing()
    for place, detail in personal.faults(connection, contents, report.committed):
        report.fail("personal", place, detail)
    _dated(connection, report)
    if not Keyring.of(scan.bodies(connection, keyring.CHAIN)) and len(report.keys) > 1:
        report.unvouched = sorted(report.keys.keys() - {scan.first_key(connection)})
    faults, checked = orgcheck.check(connection, contents)
    for place, detail in faults:
        report.fail("organisation", place, detail)
    report.organisation = "not checked" if not checked else "does not hold" if faults else "holds"
    return report


def _dated(connection: Any, report: Report) -> None:
    """Versions said to be published at another moment than their entry says, or behind an entry that rests on them. By
    that moment the reports of a period are owed under one version or another. A clock that was wrong and set right leaves
    the second too, so it is told, and no failure."""
    said = {}
    for body in scan.bodies(connection, items.FLOWS):
        with suppress(WorkflowError, LookupError, TypeError):  # told where the chain is read
            plain = read_body(body)
            said[plain["act"]["definition"]] = plain["at"]
    for digest_, at in scan.moments(connection).items():
        if abs(at - said.get(digest_, at)) > SAME_MOMENT:
            report.fail("library", digest_, "it was published at another moment than the entry of chain flows says")
        elif at > report.used.get(digest_, at) + SAME_MOMENT:
            report.misdated.append(digest_)


class _Sharing:
    """What processes that verify one database together tell each other: which ranges are taken, how far all of them are.

    Whoever has finished a range takes the next one, so none waits for another that has the slower core or the longer
    chains.
    """

    def __init__(self, parts: Sequence[scan.Range], context: Any) -> None:
        self._parts = parts
        self._taken = context.Value("q", 0)
        self._done = context.Value("q", 0)

    def read(self, verifier: Verifier, progress: Progress | None = None) -> dict[int, Report]:
        """Verify one range after the other until all are taken: by their number, what was found in them."""
        found: dict[int, Report] = {}
        while (number := self._next()) < len(self._parts):
            found[number] = verifier.run(self._counting(progress), self._parts[number])
        return found

    @property
    def done(self) -> int:
        """How many entries all of them have looked at."""
        return int(self._done.value)

    def stop(self) -> None:
        """Let nobody take another."""
        with self._taken.get_lock():
            self._taken.value = len(self._parts)

    def _next(self) -> int:
        with self._taken.get_lock():
            number = int(self._taken.value)
            self._taken.value += 1
        return number

    def _counting(self, progress: Progress | None) -> Progress:
        before = 0

        def count(done: int, total: int) -> None:
            nonlocal before
            with self._done.get_lock():
                self._done.value += done - before
                of_all = self._done.value
            before = done
            if progress:
                progress(of_all, total)

        return count


_sharing: _Sharing | None = None  # in a process that helps


def _share(sharing: _Sharing) -> None:
    global _sharing
    _sharing = sharing


def _help(url: str, contents: ContentStore | None, policy: Policy | None, checks: dict[str, bool]) -> dict[int, Report]:
    assert _sharing is not None
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            return _sharing.read(Verifier(connection, contents, policy, **checks))
    finally:
        db.dispose()


def verify_database(
    url: str,
    contents: ContentStore | None = None,
    progress: Progress | None = None,
    processes: int = 0,
    policy: Policy | None = None,
    **checks: bool,
) -> Report:
    """Verify a whole database on several cores: ranges of chains, those of each process from one consistent moment of its
    own; then, from a later one, what ties them to each other. A program that calls this guards its own start with
    ``if __name__ == "__main__"``, because the other processes import it.

    Args:
        contents: a store that processes can share (on disk).
        processes: how many; all cores of this machine unless told. A small database is read by one.
        checks: as ``Verifier`` takes them.
    """
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            entries, wanted = scan.count(connection), processes or os.cpu_count() or 1
            shared = wanted > 1 and entries >= WORTH_SHARING
            parts = scan.cuts(connection, max(wanted, entries // TAKEN_AT_ONCE)) if shared else []
            helpers = min(wanted, len(parts)) - 1
            if helpers < 1:
                return verify(connection, contents, progress, policy, **checks)
            context = get_context("spawn")
            sharing = _Sharing(parts, context)
            pool = ProcessPoolExecutor(helpers, context, _share, (sharing,))
            try:
                waiting = [pool.submit(_help, url, contents, policy, checks) for _ in range(helpers)]
                if unread := _unreadable(connection):  # what the others stumbled over is not asked for
                    return unread
                unplain = scan.unplain(connection)
                found = sharing.read(Verifier(connection, contents, policy, **checks), progress)
                for one in waiting:
                    found |= one.result()
                    if progress:
                        progress(sharing.done, entries)
            finally:
                sharing.stop()
                pool.shutdown(cancel_futures=True)  # whoever is still starting needs what they share
        report = found[0]
        for number in range(1, len(parts)):
            report.add(found[number])
        with database.reading(db) as connection:
            return settle(connection, contents, report, unplain)
    finally:
        db.dispose()
