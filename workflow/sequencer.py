"""The sequencer: brings every entry into the log, once, whatever the order in which transactions commit.

One transaction for each portion: leaves, kept nodes, gaps and the guarded row of the epoch stand together or not at all,
so that a crash anywhere leaves nothing to repair. Any number of sequencers may run; they take turns on the row.
Nothing is taken over from columns: each leaf is computed from the stored bytes, and each entry must continue the one
that the log holds before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workflow.errors import LogBroken
from workflow.evidence import canonical
from workflow.evidence.compact import Frontier
from workflow.evidence.entry import entry_hash
from workflow.evidence.merkle import HashFunction, hash_function, leaf_hash
from workflow.store import database
from workflow.store import log as store
from workflow.store.log import Epoch, Gap

PORTION = 500


@dataclass(frozen=True)
class Drained:
    """What a run of the sequencer did: entries added, and the size of the log after it."""

    epoch: int
    size: int
    added: int


def drain(db: Any, *, portion: int = PORTION, progress: Callable[[int], None] | None = None) -> Drained:
    """Bring all entries that are visible now into the newest epoch. Does nothing before the log was begun.

    Raises:
        LogBroken: an entry's bytes are not what its chain says; the log stops in front of it.
    """
    added = 0
    while True:
        with database.writing(db) as connection:
            epoch, count = sequence(connection, portion)
        added += count
        if progress and count:
            progress(epoch.size if epoch else 0)
        if count < portion:
            return Drained(epoch.epoch, epoch.size, added) if epoch else Drained(0, 0, 0)


def sequence(connection: Any, most: int = PORTION) -> tuple[Epoch | None, int]:
    """Add up to ``most`` entries on the caller's transaction: the epoch as it then stands, and how many there were."""
    epoch = store.newest_epoch(connection, lock=True)
    if epoch is None:
        return None, 0
    late, after = store.visible(connection, epoch, most)
    rows = store.entries(connection, [*late, *after])
    if not rows:
        return epoch, 0
    new = hash_function(epoch.algorithm)
    leaves = Links(connection, epoch.epoch, new).leaves(rows, bound=epoch.size)
    frontier, kept = frontier_of(epoch).extended(leaves, new)
    low, gaps = gaps_after(epoch.low, after)
    gone: list[Gap] = []
    if late:
        gone, left = gaps_filled(store.gaps(connection, epoch.epoch), late)
        gaps = [*left, *gaps]
    grown = epoch._replace(size=frontier.size, frontier=frontier.to_bytes(), low=low)
    nodes = [(node.level, node.index, node.hash) for node in kept]
    store.grow(connection, epoch, grown, list(zip([r.id for r in rows], leaves, strict=True)), nodes, gone, gaps)
    return grown, len(rows)


def frontier_of(epoch: Epoch) -> Frontier:
    """The frontier that an epoch's row holds.

    Raises:
        LogBroken: it is none of a tree of that size.
    """
    try:
        return Frontier.of_bytes(epoch.size, epoch.frontier)
    except ValueError as bad:
        raise LogBroken(place=f"epoch {epoch.epoch}", expected="the frontier of its size", actual=str(bad)) from bad


class Links:
    """Computes leaves from stored bytes, in log order, and holds each against the one it continues.

    Entries are given as rows with chain, seq, body, seal and hash. One object serves one run: it remembers the last
    entry of every chain that it has seen.
    """

    def __init__(self, connection: Any, epoch: int, new: HashFunction) -> None:
        self._connection = connection
        self._epoch = epoch
        self._new = new
        self._last: dict[str, tuple[int, bytes]] = {}

    def leaves(self, rows: Sequence[Any], bound: int) -> list[bytes]:
        """The leaf hashes of entries.

        Args:
            bound: the index of the first of them; what they continue must stand below it, or among them.

        Raises:
            LogBroken: an entry is not canonical, not what its columns say, or does not continue what the log holds.
        """
        first: dict[str, int] = {}
        for row in rows:
            if row.chain not in self._last:
                first.setdefault(row.chain, row.seq)
        needed = [(chain, seq - 1) for chain, seq in first.items() if seq > 1]
        held = store.placed(self._connection, self._epoch, needed)
        return [self._leaf(row, held, bound) for row in rows]

    def _leaf(self, row: Any, held: dict[tuple[str, int], tuple[int, bytes]], bound: int) -> bytes:
        place = f"{row.chain}#{row.seq}"
        try:  # whether all of it is canonical is for verification; here it must only say what it continues
            body = canonical.read(row.body)
            chain, seq, prev = body["chain"], body["seq"], body["prev"]
            before = bytes.fromhex(prev)
        except (LookupError, TypeError, ValueError) as error:
            raise LogBroken(place=place, expected="an entry", actual=f"other bytes ({type(error).__name__})") from error
        made = entry_hash(row.body, row.seal)
        if (chain, seq) != (row.chain, row.seq):
            raise LogBroken(place=place, expected=place, actual=f"{chain}#{seq} in its bytes")
        if made != row.hash:
            raise LogBroken(place=place, expected=f"hash {made.hex()[:16]} of its bytes", actual=_brief(row.hash))
        self._continues(place, row, before, held, bound)
        self._last[row.chain] = (row.seq, made)
        return leaf_hash(made, self._new)

    def _continues(
        self, place: str, row: Any, prev: bytes, held: dict[tuple[str, int], tuple[int, bytes]], bound: int
    ) -> None:
        known = self._last.get(row.chain)
        if known is not None:
            if known != (row.seq - 1, prev):
                raise LogBroken(place=place, expected=f"to continue {known[0]} {_brief(known[1])}", actual=_brief(prev))
        elif row.seq == 1:
            if prev:
                raise LogBroken(place=place, expected="nothing before a chain's first entry", actual=_brief(prev))
        else:
            index, leaf = held.get((row.chain, row.seq - 1), (bound, b""))
            if index >= bound:
                expected = f"{row.chain}#{row.seq - 1} before it in the log"
                raise LogBroken(place=place, expected=expected, actual="nothing")
            if leaf != leaf_hash(prev, self._new):
                raise LogBroken(place=place, expected=f"to continue the leaf at {index}", actual=_brief(prev))


def gaps_after(low: int, ids: Sequence[int]) -> tuple[int, list[Gap]]:
    """Where everything is known up to, after these ids (ascending, above ``low``), and the holes between them."""
    gaps = []
    for one in ids:
        if one > low + 1:
            gaps.append(Gap(low + 1, one - 1))
        low = one
    return low, gaps


def gaps_filled(gaps: Sequence[Gap], ids: Sequence[int]) -> tuple[list[Gap], list[Gap]]:
    """The gaps that these ids lie in, and what is left of them."""
    gone: list[Gap] = []
    left: list[Gap] = []
    ids = sorted(ids)
    for gap in gaps:
        inside = ids[bisect_left(ids, gap.first) : bisect_right(ids, gap.last)]
        if inside:
            gone.append(gap)
            low, rest = gaps_after(gap.first - 1, inside)
            left += rest
            if low < gap.last:
                left.append(Gap(low + 1, gap.last))
    return gone, left


def _brief(hash_: Any) -> str:
    return f"hash {hash_.hex()[:16]}" if isinstance(hash_, bytes) and hash_ else "no hash"
