"""A whole database, checked by somebody who trusts none of it: chains, rules, log, and what the auditor brought.

``verify`` looks at the chains and ``logcheck`` at the log; neither can tell whether the database is the one that others
saw. Here the auditor's own policy and checkpoint are held against it, and the level really reached is worked out:

V1 the chains hold; V2 every seal is by a key of the policy; V3 every entry lies in the log that the auditor's checkpoint
fixes; V4 a quorum of the policy's witnesses cosigned that; V5 a heads tree in that log proves that no chain was cut.
Each takes the one below; what was lacking is said. Read only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from workflow import keybook, logbook, logcheck
from workflow.errors import BadKept, BadOwnCheckpoint, LogBroken, Said, Unknown, WorkflowError
from workflow.evidence.checkpoint import BadNote, Note, parse_mark
from workflow.evidence.content import ContentStore
from workflow.evidence.standalone import COSIGNS, ED25519, LEVELS, Checkpoint, Policy, check
from workflow.logcheck import LogReport
from workflow.store import database, library, scan
from workflow.store import log as store
from workflow.store.log import Epoch
from workflow.verify import Failure, Progress, Report, verify_database

RECEIPT_LIMIT = 1 << 16


@dataclass(frozen=True)
class Kept:
    """An entry that somebody took home, in a bundle or by the receipt of their own act.

    Attributes:
        entry: its hash, in hex.
        file: where it was kept.
    """

    chain: str
    seq: int
    entry: str
    file: str


@dataclass
class Audit:
    """What an audit found.

    Attributes:
        chains: of the entries, rules, contents and the organisation.
        log: None where no log was begun.
        kept: how many entries that somebody took home are there unchanged.
        level: V0 to V5, what was really reached for every entry there is.
        anchored: entries in the log that the auditor's checkpoint fixes; the others are the unanchored tail.
        cosigned: by how many of the policy's witnesses.
        complete_at: the moment of the heads tree that proves completeness, microseconds UTC; 0 without one.
        unchecked: code -> how many; 0 where a number says nothing. The codes are those of the stand-alone verifier.
        wanted: the level without which the audit is no success.
    """

    chains: Report
    log: LogReport | None = None
    kept: int = 0
    anchored: int = 0
    cosigned: int = 0
    complete_at: int = 0
    level: str = "V0"
    wanted: str = "V1"
    unchecked: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> list[Failure]:
        return self.chains.failures

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong; how much that says is the level's to tell."""
        return self.chains.holds

    @property
    def exit_code(self) -> int:
        """0 holds, 1 does not hold, 2 could not be checked, or not up to the level asked for."""
        if self.chains.exit_code:
            return self.chains.exit_code
        return 2 if self.level < self.wanted else 0


def as_named_here(connection: Any) -> dict[str, Any]:
    """A policy that pins what a database says of itself: its origin, keys and witnesses, and as quorum all of them.

    It proves nothing about that database. Whoever answers for the keys hands it over, or reads it out, when they are made;
    whoever is to rely on it compares each key with what reached them another way, and keeps it outside.
    """
    ring, origin = keybook.ring(connection), library.meta(connection, "origin") or ""
    sealing = {*library.engine_keys(connection).values(), *(k.public for k in ring.keys.values() if k.use == "engine")}
    plain: dict[str, Any] = {"origin": origin, "engine_keys": [{"key": key} for key in sorted(sealing)]}
    epoch = store.newest_epoch(connection)
    if epoch is not None:
        plain |= {"log": epoch.origin, "log_hash": epoch.algorithm}
        plain["checkpoint_keys"] = [named] if (named := library.meta(connection, f"log/{epoch.epoch}")) else []
        plain["witnesses"] = sorted({row.witness for row in store.cosignatures(connection, epoch.epoch)})
        plain["quorum"] = len(plain["witnesses"])
    signers: dict[str, list[str]] = {}
    for key in sorted(ring.keys.values(), key=lambda k: (k.of, k.public)):
        if key.use == "signer" and key.algorithm == ED25519:  # a policy can pin no other
            signers.setdefault(key.of, []).append(key.public)
    return plain | ({"signers": signers} if signers else {})


def audit(
    url: str,
    contents: ContentStore | None = None,
    policy: Policy | None = None,
    own: Checkpoint | None = None,
    *,
    wanted: str = "V1",
    kept: Sequence[Kept] = (),
    progress: Progress | None = None,
    processes: int = 0,
) -> Audit:
    """Check a whole database.

    Args:
        policy: the auditor's own; without one V1 at most.
        own: a checkpoint that the auditor brought; without one V2 at most. See ``brought``.
        kept: entries that people took home, each of which must be there as it was. See ``kept_in``.
        wanted: one of ``LEVELS``.
    """
    chains = verify_database(url, contents, progress, processes, policy)
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            return anchor(connection, chains, policy, own, wanted=wanted, kept=kept)
    finally:
        db.dispose()


def anchor(
    connection: Any,
    chains: Report,
    policy: Policy | None,
    own: Checkpoint | None,
    *,
    wanted: str = "V1",
    kept: Sequence[Kept] = (),
) -> Audit:
    """Hold the log, and what the auditor brought, against a database whose chains were verified by the same policy."""
    found = Audit(chains, wanted=wanted)
    auditing = _Audit(connection, policy or Policy(), own, found)
    if not chains.unread:
        auditing.hold(kept)
    auditing.run()
    return found


def kept_in(path: str, policy: Policy | None = None) -> list[Kept]:
    """The entries of a bundle, checked by the policy, or the one of a receipt (``{"item", "seq", "entry", ...}``).

    A cut tail that no checkpoint had fixed shows nowhere but here. A bundle proves what it holds by its seals; a receipt is
    the word of whoever kept it.

    Raises:
        BadKept: it is neither, or a bundle that does not hold.
    """
    with open(path, "rb") as file:
        start = file.read(RECEIPT_LIMIT)
    with suppress(ValueError, TypeError, LookupError):
        plain = json.loads(start)
        entry = bytes.fromhex(plain["entry"])
        if isinstance(plain["item"], str) and type(plain["seq"]) is int and plain["seq"] > 0 and len(entry) == 32:
            return [Kept(plain["item"], plain["seq"], entry.hex(), path)]
    read = check(path, policy or Policy(), None)
    if read.report.failures:
        code, place, detail = read.report.failures[0]
        raise BadKept(path=path, actual=f"[{code}] {place}: {detail}")
    return [
        Kept(c, n, hash_.hex(), path) for c, chain in read.chains.items() for n, hash_ in enumerate(chain.hashes, 1)
    ]


def brought(note: str, policy: Policy) -> Checkpoint:
    """The checkpoint that an auditor brought, if it is one of the policy's log.

    Raises:
        BadOwnCheckpoint: it is not one, or not signed by a key of the policy.
    """
    try:
        own = Checkpoint.read(note)
    except ValueError as error:
        raise BadOwnCheckpoint(expected=Said("a signed checkpoint", "已签署的检查点"), actual=str(error)) from None
    if not policy.checkpoint_keys:
        expected = Said(
            "one signed by a key that you named yourself, in checkpoint_keys of a policy (--policy)",
            "由您自己在核验策略(--policy)的 checkpoint_keys 中指定的公钥签署",
        )
        raise BadOwnCheckpoint(expected=expected, actual=Said("no such key", "未指定公钥"))
    if own.origin != policy.log or not own.by(policy.checkpoint_keys):
        expected = Said(
            f"one of {policy.log}, signed by a key of the policy", f"{policy.log} 的检查点,由核验策略所列公钥签署"
        )
        raise BadOwnCheckpoint(expected=expected, actual=_other(own.origin, policy.log))
    return own


def _other(origin: str, pinned: str) -> Said:
    """What a checkpoint is of that does not count; a later epoch is the same office's log begun anew."""
    if origin == pinned:
        return Said("one that no such key signed", "并非由其签署")
    if origin.startswith(f"{pinned}/"):
        return Said(
            f"one of {origin}, a later epoch of the log: ask why it was begun, and for its key",
            f"{origin} 的检查点,系该日志的后续纪元:请问明开启原因并索取其公钥",
        )
    return Said(f"one of {origin}", f"{origin} 的检查点")


class _Audit:
    def __init__(self, connection: Any, policy: Policy, own: Checkpoint | None, found: Audit) -> None:
        self.connection, self.policy, self.own, self.found = connection, policy, own, found
        self.epochs = store.epochs(connection)

    def run(self) -> None:
        found = self.found
        if not found.chains.entries or found.chains.unread:
            return
        self._origin()
        self._algorithms()
        if self.epochs:
            found.log = logcheck.check(self.connection)
            for problem in found.log.problems:
                found.chains.fail(problem.code, problem.place, problem.detail)
        if found.chains.unpinned:
            found.unchecked["signer-unknown"] = found.chains.unpinned
        if found.chains.uncertified:
            found.unchecked["no-authorities"] = found.chains.uncertified
        epoch = self._anchored()
        if epoch is not None:
            self._places(epoch)
            found.cosigned = max(self._cosigners(epoch))
        found.level = self._level(epoch)

    def hold(self, kept: Sequence[Kept]) -> None:
        """Is every entry that somebody took home still where it was?"""
        here = {(c, seq): hash_.hex() for c, seq, hash_ in scan.hashes(self.connection, {k.chain for k in kept})}
        for one in kept:
            found, place = here.get((one.chain, one.seq)), f"{one.chain}#{one.seq}"
            if found is None:
                self._fail("lost", place, f"kept in {one.file}; no entry stands there now")
            elif found != one.entry:
                self._fail("changed", place, f"kept in {one.file}; another entry stands there now")
            else:
                self.found.kept += 1

    def _fail(self, code: str, place: str, detail: str) -> None:
        self.found.chains.fail(code, place, detail)

    def _origin(self) -> None:
        origin = scan.origin(self.connection)
        if self.policy.origin and origin != self.policy.origin:
            self._fail("origin", "database", f"expected {self.policy.origin}; got {origin}")

    def _algorithms(self) -> None:
        """Digests and logs are by algorithms that the policy allows."""
        for digest, _, _ in scan.published(self.connection):
            if digest.partition(":")[0] not in self.policy.digests:
                self._fail("algorithm", digest, f"allowed: {', '.join(self.policy.digests)}")
        newest = self.epochs[-1] if self.epochs else None
        if newest is not None and self.policy.given and newest.algorithm != self.policy.log_hash:
            self._fail(
                "algorithm",
                f"epoch {newest.epoch}",
                f"a log by {newest.algorithm}; the policy pins {self.policy.log_hash}",
            )

    def _anchored(self) -> Epoch | None:
        """The epoch whose log is the one that the auditor's checkpoint fixes; None where that could not be checked."""
        own, found = self.own, self.found
        if own is None or not self.epochs:
            found.unchecked["no-checkpoint" if self.epochs else "no-log"] = 0
            return None
        epoch = next((e for e in self.epochs if e.origin == own.origin), None)
        if epoch is None or epoch.size < own.size:
            size = f"size {epoch.size}" if epoch else "no such log"
            self._fail(
                "lost",
                f"size {own.size}",
                f"your checkpoint is newer than the database, which has {size}: a restored backup?",
            )
            return None
        try:
            root = logbook.tree(self.connection, epoch.epoch, own.size).root()
        except (ValueError, LookupError, WorkflowError):
            root = b""
        if root != own.root:
            self._fail("fork", f"size {own.size}", "the log of the database is not the one of your checkpoint")
            return None
        found.anchored = own.size
        return epoch

    def _places(self, epoch: Epoch) -> None:
        """Keys that count only in a part of the log: each entry they sealed lies there."""
        bounds = {key_id: before for key_id, (_, before) in self.policy.engine_keys.items() if before is not None}
        if not bounds:
            return
        for chain, seq, key_id, index in scan.sealed(self.connection, epoch.epoch):
            before = bounds.get(key_id)
            if before is not None and (index is None or index >= before):
                self._fail(
                    "key-position", f"{chain}#{seq}", f"key {key_id.hex()} counts only below index {before} of the log"
                )

    def _level(self, epoch: Epoch | None) -> str:
        found, policy = self.found, self.policy
        if not found.chains.holds:
            return "V0"
        if not policy.engine_keys:
            found.unchecked["no-engine-keys" if policy.given else "no-policy"] = 0
            return "V1"
        if any(before is not None for _, before in policy.engine_keys.values()) and epoch is None:
            found.unchecked["key-position"] = 0
            return "V1"
        if epoch is None:
            return "V2"
        complete = self._complete(epoch)
        if found.anchored < found.chains.entries:
            found.unchecked["tail"] = found.chains.entries - found.anchored
            return "V2"
        if not 0 < policy.quorum <= found.cosigned:
            found.unchecked["no-quorum"] = 0
            return "V3"
        return "V5" if complete else "V4"

    def _cosigners(self, epoch: Epoch) -> Iterator[int]:
        """By checkpoint from the auditor's own on, how many of the policy's witnesses cosigned it."""
        assert self.own is not None
        yield len(self.own.by(self.policy.witnesses, COSIGNS))
        marks = []
        for row in store.cosignatures(self.connection, epoch.epoch):
            with suppress(BadNote):  # told by logcheck
                marks.append((row.size, parse_mark(row.line)))
        for stored in store.checkpoints(self.connection, epoch.epoch):
            if stored.size >= self.own.size:
                try:
                    note = Note.parse(stored.note)
                except BadNote:
                    continue  # told by logcheck
                for size, mark in marks:
                    note = note.with_mark(mark) if size == stored.size else note
                yield len(Checkpoint.read(str(note)).by(self.policy.witnesses, COSIGNS))

    def _complete(self, epoch: Epoch) -> bool:
        """Does the newest heads tree under the auditor's checkpoint know every chain? ``logcheck`` has recomputed it."""
        assert self.own is not None
        newest = logbook.newest_heads(self.connection)
        place = logbook.places(self.connection, epoch.epoch, [(logbook.CHAIN, newest)]) if newest else {}
        if newest is None or not any(index < self.own.size for index in place.values()):
            self.found.unchecked["no-heads"] = 0
            return False
        try:
            heads = logbook.heads_tree(self.connection, newest)
        except (LogBroken, Unknown):
            return False  # told by logcheck
        known = {head.chain for head in heads.tree.heads} | {logbook.CHAIN}
        self.found.complete_at = heads.at
        unproven = len(scan.chain_names(self.connection) - known)
        if unproven:
            self.found.unchecked["no-heads"] = unproven
        return not unproven


__all__ = ["LEVELS", "Audit", "audit", "brought"]
