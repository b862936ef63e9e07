"""A Merkle tree that grows without being held: its frontier, and proofs from a few stored nodes.

The *frontier* of a tree are the roots of the perfect subtrees it consists of, the largest first: one for each bit of
its size. Appending needs nothing else, so a log of any length grows in memory for a few dozen hashes.

Of the nodes above the leaves every eighth level is kept (*tiles* of 256): a proof in a tree of a million leaves then
reads a few hundred hashes instead of a million.
Source: RFC 6962 section 2.1; the frontier is the "compact range" of transparency logs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from workflow.evidence.merkle import HASH_LENGTH, HashFunction, above, empty_root, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
_REMEMBERED = 256  # tiles, of at most 511 hashes each

FetchTile = Callable[[int, int], Sequence[bytes]]
"""``fetch(level, tile)``: the hashes of a level from ``tile * 256`` on, at most 256, in order. Levels are 0, 8, 16 ..."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A node to be kept: the root of the leaves from ``index << level`` on, ``1 << level`` of them."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of ``size`` leaves, held by the roots of its perfect subtrees, the largest first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    @classmethod
    def of_bytes(cls, size: int, data: bytes) -> Frontier:
        """The frontier as ``to_bytes`` wrote it.

        Raises:
            ValueError: no tree of that size has a frontier of that length.
        """
        if size < 0 or len(data) != size.bit_count() * HASH_LENGTH:
            raise ValueError(f"expected {size.bit_count()} hashes for a tree of {size}; got {len(data)} bytes")
        return cls(size, tuple(data[at : at + HASH_LENGTH] for at in range(0, len(data), HASH_LENGTH)))

    def to_bytes(self) -> bytes:
        return b"".join(self.nodes)

    def root(self, new: HashFunction = sha256) -> bytes:
        """The root of the whole tree."""
        return _joined(self.nodes, new)

    def extended(self, leaves: Sequence[bytes], new: HashFunction = sha256) -> tuple[Frontier, list[Kept]]:
        """The tree after these leaf hashes, and the nodes to be kept that they completed, lower levels first.

        Level by level, so that a million leaves cost little more than their hash calls.
        """
        if leaves and set(map(len, leaves)) != {HASH_LENGTH}:
            raise ValueError(f"expected leaf hashes of {HASH_LENGTH} bytes")
        size = self.size + len(leaves)
        peaks = dict(zip(_bits(self.size), self.nodes, strict=True))  # height -> root of the perfect subtree there
        kept: list[Kept] = []
        fresh: Sequence[bytes] = leaves
        height, first = 0, self.size  # `first` is the index on this level of the first fresh node
        while fresh:
            if height and height % TILE_HEIGHT == 0:
                kept.extend(Kept(height, first + n, node) for n, node in enumerate(fresh))
            row = [peaks.pop(height), *fresh] if first & 1 else fresh
            if len(row) & 1:
                peaks[height] = row[-1]
                row = row[:-1]
            fresh = above(row, new) if row else ()
            height, first = height + 1, first >> 1
        return Frontier(size, tuple(peaks[h] for h in _bits(size))), kept


class Tree:
    """Proofs over the first ``size`` leaves of a log, from its kept nodes.

    One tree serves one consistent reading; tiles it has read are remembered.
    """

    def __init__(self, size: int, fetch: FetchTile, new: HashFunction = sha256) -> None:
        self.size = size
        self._fetch = fetch
        self._new = new
        self._tiles: OrderedDict[tuple[int, int], list[Sequence[bytes]]] = OrderedDict()

    def frontier(self) -> Frontier:
        """The tree as something that can grow."""
        return Frontier(self.size, tuple(self._perfect(0, self.size)))

    def root(self) -> bytes:
        return _joined(tuple(self._perfect(0, self.size)), self._new)

    def inclusion(self, index: int) -> list[bytes]:
        """The neighbours from a leaf to the root, nearest first.

        Raises:
            IndexError: there is no leaf at ``index``.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"expected an index from 0 to {self.size - 1}; got {index}")
        found: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            split = start + _half(end - start)
            if index < split:
                found.append(self._range(split, end))
                end = split
            else:
                found.append(self._range(start, split))
                start = split
        return found[::-1]

    def consistency(self, m: int) -> list[bytes]:
        """The proof that the tree of the first ``m`` leaves is a beginning of this one; empty for 0 and the size itself.

        Raises:
            IndexError: ``m`` is larger than the tree.
        """
        if not 0 <= m <= self.size:
            raise IndexError(f"expected a size from 0 to {self.size}; got {m}")
        if m in (0, self.size):
            return []
        found: list[bytes] = []
        start, end, whole = 0, self.size, True  # RFC 6962 SUBPROOF; `whole` is its flag b
        while m != end:
            split = start + _half(end - start)
            if m <= split:
                found.append(self._range(split, end))
                end = split
            else:
                found.append(self._range(start, split))
                start, whole = split, False
        if not whole:
            found.append(self._range(start, end))
        return found[::-1]

    def _range(self, start: int, end: int) -> bytes:
        return _joined(tuple(self._perfect(start, end)), self._new)

    def _perfect(self, start: int, end: int) -> Iterator[bytes]:
        """The roots of the perfect subtrees of leaves ``start`` to ``end``, the largest first."""
        for height in _bits(end - start):
            yield self._node(height, start >> height)
            start += 1 << height

    def _node(self, height: int, index: int) -> bytes:
        base, up = height - height % TILE_HEIGHT, height % TILE_HEIGHT
        levels = self._tile(base, index >> (TILE_HEIGHT - up))
        try:
            return levels[up][index & ((TILE_WIDTH >> up) - 1)]
        except IndexError:
            raise ValueError(
                f"the log lacks nodes it must have: level {base}, tile {index >> (TILE_HEIGHT - up)}"
            ) from None

    def _tile(self, level: int, tile: int) -> list[Sequence[bytes]]:
        """A tile and the levels within it, each cut to its complete nodes."""
        held = self._tiles.get((level, tile))
        if held is None:
            row = self._fetch(level, tile)
            held = [row]
            while len(row) > 1:
                row = above(row[: len(row) & ~1], self._new)
                held.append(row)
            held.extend([] for _ in range(TILE_HEIGHT - len(held)))
            self._tiles[level, tile] = held
            if len(self._tiles) > _REMEMBERED:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end((level, tile))
        return held


def _joined(nodes: Sequence[bytes], new: HashFunction) -> bytes:
    """The root over perfect subtrees, the largest first."""
    if not nodes:
        return empty_root(new)
    made = nodes[-1]
    for node in reversed(nodes[:-1]):
        made = node_hash(node, made, new)
    return made


def _bits(size: int) -> list[int]:
    """The heights of the perfect subtrees of a tree, the largest first."""
    return [height for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1]


def _half(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << ((count - 1).bit_length() - 1)
