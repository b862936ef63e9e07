"""Checking the log as a database holds it: every leaf, node, gap, epoch, checkpoint and cosignature, from the bytes up.

Nothing is trusted but the entries' bytes and what is signed; even so the keys are those that the database names, so it
shows that the log is whole, not that it is the one others saw. For that bring a checkpoint of your own
(``workflow.logbook.published`` gives one to keep). Read only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from workflow.errors import LogBroken, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.checkpoint import BadNote, Checkpoint, Note, NoteKey, parse_mark
from workflow.evidence.compact import Frontier
from workflow.evidence.merkle import HashFunction, hash_function
from workflow.logbook import CHAIN, heads_tree, origin_of
from workflow.sequencer import Links
from workflow.store import items, library
from workflow.store import log as store
from workflow.store.log import Epoch, Gap, Stored
from workflow.verified import Failure

Progress = Callable[[int, int], None]
AN_HOUR = 3_600_000_000  # µs


@dataclass(frozen=True)
class Begun:
    """A later epoch, as the sealed entry that opened it says.

    Attributes:
        because: the code of why the old log could not be signed any more (``log-behind-lock``); empty: for another key or hash.
        by, reason: who answers for it, and why in their words.
        previous: the last checkpoint signed before (origin, size, root); ``size``: how many entries it covered.
        found: how many entries the log then had in this database; fewer than ``size``: the others were lost.
    """

    epoch: int
    because: str
    by: str
    reason: str
    previous: str
    size: int
    found: int


@dataclass
class LogReport:
    """What a check of the log found.

    Attributes:
        size: leaves in the newest epoch.
        signed: of them, how many a checkpoint covers; the rest, and ``waiting``, is the unanchored tail.
        waiting: entries that are not in the newest epoch yet.
        witnesses: the cosignatures on the newest checkpoint, by name.
        begun: the later epochs, each with why it was begun.
        late: entries that came into the log behind a checkpoint signed more than an hour after the moment they say: written
            later than that, kept back by a transaction, or by a clock that was wrong. A fact to ask about.
    """

    epochs: int = 0
    size: int = 0
    signed: int = 0
    waiting: int = 0
    checkpoints: int = 0
    witnesses: list[str] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    problems: list[Failure] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether something was checked and all of it holds."""
        return self.size > 0 and not self.problems


def check(connection: Any, progress: Progress | None = None) -> LogReport:
    """Check every epoch of the log in full. One consistent reading is expected (``engine.reading()``)."""
    return _Check(connection, progress).run()


class _Check:
    def __init__(self, connection: Any, progress: Progress | None) -> None:
        self.connection = connection
        self.progress = progress
        self.report = LogReport()
        self._signed_at = 0  # the newest checkpoint of the epochs that were read

    def fail(self, code: str, place: str, detail: str) -> None:
        self.report.problems.append(Failure(code, place, detail))

    def run(self) -> LogReport:
        epochs = store.epochs(self.connection)
        self.report.epochs = len(epochs)
        last = 0
        for epoch in epochs:
            if epoch.epoch != last + 1 and not self._restored(epoch, last):
                self.fail("log-epoch", f"epoch {epoch.epoch}", f"expected epoch {last + 1}")
            self._epoch(epoch)
            last = epoch.epoch
        known = {e.epoch for e in epochs}
        for stray in store.strays(self.connection, known):
            self.fail("log-stray", stray, "belongs to no epoch of the log")
        if epochs:
            self._outside(epochs[-1])
            self._heads()
        return self.report

    def _epoch(self, epoch: Epoch) -> None:
        name, report = f"epoch {epoch.epoch}", self.report
        try:
            new = hash_function(epoch.algorithm)
        except WorkflowError as error:
            self.fail("log-epoch", name, str(error))
            return
        self._opening(epoch)
        report.size, report.signed, report.witnesses = epoch.size, 0, []
        stored = {c.size: c for c in store.checkpoints(self.connection, epoch.epoch)}
        notes = self._notes(epoch, stored)
        self._grown(epoch, new, stored)
        self._cosignatures(epoch, notes)
        self._late(epoch, stored)
        if stored:
            report.checkpoints += len(stored)
            report.signed = max(stored)

    def _grown(self, epoch: Epoch, new: HashFunction, stored: dict[int, Stored]) -> None:
        """The tree again, leaf by leaf, stopping at every checkpoint to compare roots."""
        frontier, links = Frontier(), Links(self.connection, epoch.epoch, new)
        nodes, ids = store.nodes(self.connection, epoch.epoch), []
        stops = sorted({*(s for s in stored if s <= epoch.size), epoch.size} - {0})
        start = 0
        for stop in stops:
            for rows in store.leaves(self.connection, epoch.epoch, start, stop):
                leaves = self._leaves(epoch, frontier.size, rows, links)
                if leaves is None:
                    return
                ids += [row.entry for row in rows]
                frontier, kept = frontier.extended(leaves, new)
                for node in kept:
                    if nodes.pop((node.level, node.index), None) != node.hash:
                        where = f"epoch {epoch.epoch} level {node.level} index {node.index}"
                        self.fail("log-node", where, "a kept node is not that of its leaves")
                if self.progress:
                    self.progress(frontier.size, epoch.size)
            start = stop
            if frontier.size == stop and stop in stored and frontier.root(new) != stored[stop].root:
                self.fail("log-root", f"epoch {epoch.epoch} size {stop}", "the checkpoint signs another root")
        self._row(epoch, frontier, nodes, ids)

    def _late(self, epoch: Epoch, stored: dict[int, Stored]) -> None:
        """Entries that say a moment long before a checkpoint that did not have them yet: whoever holds the engine's key can
        write any moment, and no place in the log that was signed before. Only what is new in an epoch: what a later
        one took over from those before it stood there then."""
        signed, before = sorted(stored.values(), reverse=True), self._signed_at
        self._signed_at = max([before, *(one.at for one in signed)])
        for index, chain, seq, at in store.moments(self.connection, epoch.epoch):
            while signed and signed[-1].size <= index:
                before = max(before, signed.pop().at)
            if at < before - AN_HOUR:
                self.report.late.append(f"{chain}#{seq}")

    def _leaves(self, epoch: Epoch, size: int, rows: list[Any], links: Links) -> list[bytes] | None:
        """The leaves of a portion; None where going on would only repeat one fault for every entry after it."""
        for n, row in enumerate(rows):
            if row.idx != size + n or row.body is None:
                self.fail("log-leaf", f"epoch {epoch.epoch} index {size + n}", "no entry stands here")
                return None
        try:
            leaves = links.leaves(rows, bound=size)
        except LogBroken as broken:
            self.fail("log-leaf", str(broken.facts["place"]), str(broken))
            return None
        for row, leaf in zip(rows, leaves, strict=True):
            if row.leaf != leaf:
                self.fail("log-leaf", f"{row.chain}#{row.seq}", f"the leaf at {row.idx} is not that of the entry")
        return leaves

    def _row(self, epoch: Epoch, frontier: Frontier, nodes: dict[tuple[int, int], bytes], ids: list[int]) -> None:
        """What the epoch's row and the gaps say, against the leaves."""
        name = f"epoch {epoch.epoch}"
        if (frontier.size, frontier.to_bytes()) != (epoch.size, epoch.frontier):
            self.fail("log-epoch", name, f"the leaves lead to size {frontier.size} and another frontier")
        if store.beyond(self.connection, epoch.epoch, epoch.size):
            self.fail("log-leaf", name, f"there are leaves beyond size {epoch.size}")
        for level, index in nodes:
            self.fail("log-node", f"{name} level {level} index {index}", "a kept node that no leaves lead to")
        if epoch.low != max(ids, default=0):
            self.fail("log-gap", name, f"known up to id {epoch.low}; the last in the log is {max(ids, default=0)}")
        if holes(ids) != (stored := store.gaps(self.connection, epoch.epoch)):
            self.fail("log-gap", name, f"{len(stored)} gaps are not the holes between the ids in the log")

    def _restored(self, epoch: Epoch, last: int) -> bool:
        """Whether the entry that opened an epoch says that a restored database knew of none behind ``last``: those between
        were lost with what came after the backup, and their numbers are not given again."""
        act = self._opened_by(epoch)
        found = act.get("found")
        return act.get("kind") == "incarnation" and isinstance(found, dict) and found.get("epoch") == last > 0

    def _opened_by(self, epoch: Epoch) -> dict[str, Any]:
        """The act of the entry that a row says opened its epoch; empty where there is none to be read."""
        stored = store.entry(self.connection, CHAIN, epoch.opened_seq or 0)
        try:
            act = canonical.decode(stored[0])["act"] if stored else {}
        except (WorkflowError, LookupError, TypeError):
            return {}
        return act if isinstance(act, dict) else {}

    def _opening(self, epoch: Epoch) -> None:
        """The row of an epoch against the log's name, and a later one against the entry that opened it."""
        name = f"epoch {epoch.epoch}"
        origin = library.meta(self.connection, "origin") or ""
        if epoch.origin != origin_of(origin, epoch.epoch):
            self.fail("log-epoch", name, f"its origin is {epoch.origin}, that of the database {origin}")
        if epoch.epoch == 1 and epoch.opened_seq is None and epoch.previous is None:
            return
        act = self._opened_by(epoch)
        said = tuple(act.get(word) for word in ("epoch", "origin", "algorithm", "previous"))
        if said != (epoch.epoch, epoch.origin, epoch.algorithm, epoch.previous or ""):
            self.fail("log-epoch", name, f"entry {CHAIN}#{epoch.opened_seq} did not open it so")
            return
        because, by, reason, previous = (str(act.get(word, "")) for word in ("because", "by", "reason", "previous"))
        found, signed = act.get("found"), re.fullmatch(r"\S+ ([0-9]{1,18}) \S+", previous)
        here = found.get("size") if isinstance(found, dict) else 0
        size = int(signed[1]) if signed else 0
        self.report.begun.append(
            Begun(epoch.epoch, because, by, reason, previous, size, here if isinstance(here, int) else 0)
        )

    def _notes(self, epoch: Epoch, stored: dict[int, Stored]) -> dict[int, Note]:
        """Every checkpoint's note against its columns, its epoch and the key the database names."""
        found: dict[int, Note] = {}
        named = library.meta(self.connection, f"log/{epoch.epoch}") or ""
        for size, one in stored.items():
            place = f"epoch {epoch.epoch} size {size}"
            try:
                key, note = NoteKey.parse(named), Note.parse(one.note)
                made = Checkpoint.parse(note.text)
                if (
                    str(key) != named
                    or key.name != epoch.origin
                    or set(note.verified([key])) != {key}
                    or len(note.marks) != 1
                ):
                    raise BadNote("not signed by the log's key alone")
            except BadNote as bad:
                self.fail("log-checkpoint", place, bad.reason)
                continue
            found[size] = note
            said = (made.origin, made.size, made.root, *map(made.extension, ("epoch", "at", "previous")))
            algorithm = f"{epoch.epoch} {epoch.algorithm}"
            if said != (epoch.origin, size, one.root, algorithm, str(one.at), epoch.previous):
                self.fail("log-checkpoint", place, "the note says something else than its columns or its epoch")
            if size > epoch.size:
                self.fail("log-checkpoint", place, f"the log has only {epoch.size} leaves")
        return found

    def _cosignatures(self, epoch: Epoch, notes: dict[int, Note]) -> None:
        for row in store.cosignatures(self.connection, epoch.epoch):
            place = f"epoch {epoch.epoch} size {row.size} {row.witness[:40]}"
            try:
                key, mark = NoteKey.parse(row.witness), parse_mark(row.line)
                if row.size not in notes:
                    raise BadNote("there is no such checkpoint")
                if (
                    str(key) != row.witness
                    or str(mark) != row.line
                    or key not in Note(notes[row.size].text, (mark,)).verified([key])
                ):
                    raise BadNote("not a signature by that witness")
            except BadNote as bad:
                self.fail("log-cosignature", place, bad.reason)
                continue
            if row.size == max(notes):
                self.report.witnesses.append(key.name)

    def _outside(self, epoch: Epoch) -> None:
        """Entries not in the newest epoch: waiting for the sequencer, or lost to it."""
        gaps = store.gaps(self.connection, epoch.epoch)
        for row in store.outside(self.connection, epoch.epoch):
            self.report.waiting += 1
            if row.id <= epoch.low and not any(g.first <= row.id <= g.last for g in gaps):
                self.fail(
                    "log-lost", f"{row.chain}#{row.seq}", "it is not in the log, and nothing would bring it there"
                )

    def _heads(self) -> None:
        for row in items.entries(self.connection, CHAIN):
            if row.act == "heads":
                try:
                    heads_tree(self.connection, row.seq)
                except (WorkflowError, LookupError, TypeError, ValueError, StopIteration) as error:
                    self.fail("log-heads", f"{CHAIN}#{row.seq}", f"{type(error).__name__}: {error}")


def holes(ids: Iterable[int]) -> list[Gap]:
    """The ids from 1 up to the largest that are not among these."""
    found, low = [], 0
    for one in sorted(ids):
        if one > low + 1:
            found.append(Gap(low + 1, one - 1))
        low = one
    return found
