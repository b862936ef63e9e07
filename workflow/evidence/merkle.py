"""Merkle trees as certificate transparency builds them: leaves hashed under 0x00, nodes under 0x01.

Everywhere below a *leaf* is the 32-byte ``leaf_hash`` of an entry, not the entry. Paths run from the leaf to the root.
A proof that does not hold raises; it never returns False, so that forgetting to look at an answer cannot pass one.
Source: RFC 6962 section 2.1; the two verifying walks are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()


class BadProof(ValueError):
    """A Merkle proof is malformed or leads elsewhere."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def leaf_hash(data: bytes) -> bytes:
    """The leaf of an entry's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two neighbours."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves, in log order. No leaves have a root too: ``EMPTY_ROOT``.

    Raises:
        ValueError: something is not a leaf hash.
    """
    _check(leaves)
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else EMPTY_ROOT


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The neighbours that lead from one leaf to the root over all, nearest first.

    Raises:
        IndexError: there is no leaf at ``index``.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"expected an index from 0 to {len(leaves) - 1}; got {index}")
    _check(leaves)
    return _path(index, _levels(leaves))


def paths(leaves: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """The root, and every leaf's path, each node hashed once."""
    _check(leaves)
    levels = _levels(leaves)
    top = levels[-1][0] if leaves else EMPTY_ROOT
    return top, [_path(index, levels) for index in range(len(leaves))]


def path_length(index: int, size: int) -> int:
    """How many hashes the path of a leaf has in a tree of ``size`` leaves."""
    last, length = size - 1, 0
    while last:
        length += 1 if index & 1 or index < last else 0
        index, last = index >> 1, last >> 1
    return length


def root_from_path(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to. The caller compares it with a root it trusts.

    Raises:
        BadProof: no tree of ``size`` leaves has a path of this shape at ``index``.
    """
    if not 0 <= index < size:
        raise BadProof(f"expected an index below the size {size}; got {index}")
    if len(path) != path_length(index, size):
        raise BadProof(f"expected a path of {path_length(index, size)} hashes for {index} of {size}; got {len(path)}")
    if any(len(part) != HASH_LENGTH for part in (leaf, *path)):
        raise BadProof(f"expected hashes of {HASH_LENGTH} bytes")
    last, made, neighbours = size - 1, leaf, iter(path)
    while last:
        if index & 1:
            made = node_hash(next(neighbours), made)
        elif index < last:
            made = node_hash(made, next(neighbours))
        # else: the last node of an odd level rises as it is
        index, last = index >> 1, last >> 1
    return made


def consistency_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The proof that the tree over the first ``m`` leaves is a beginning of the tree over all.

    Empty for ``m == 0`` and ``m == len(leaves)``, where there is nothing to prove.

    Raises:
        IndexError: ``m`` is larger than the tree.
    """
    n = len(leaves)
    if not 0 <= m <= n:
        raise IndexError(f"expected a size from 0 to {n}; got {m}")
    _check(leaves)
    if m in (0, n):
        return []
    found: list[bytes] = []
    start, end, whole = 0, n, True
    # RFC 6962 SUBPROOF, from the root downwards; `whole` is its flag b: the left end of the old tree is still in sight.
    while m != end - start:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if m <= split - start:
            found.append(root(leaves[split:end]))
            end = split
        else:
            found.append(root(leaves[start:split]))
            m, start, whole = m - (split - start), split, False
    if not whole:
        found.append(root(leaves[start:end]))
    return found[::-1]


def verify_consistency(m: int, n: int, root_m: bytes, root_n: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree of ``n`` leaves begins with the tree of ``m`` leaves: nothing was rewritten, only appended.

    From ``m == 0`` anything follows; it is accepted only from ``EMPTY_ROOT``, and says nothing about ``root_n``.

    Raises:
        BadProof: it does not, or the proof is malformed.
    """
    if not 0 <= m <= n:
        raise BadProof(f"expected an older size from 0 to {n}; got {m}")
    if any(len(part) != HASH_LENGTH for part in (root_m, root_n, *path)):
        raise BadProof(f"expected hashes of {HASH_LENGTH} bytes")
    if m in (0, n):
        if path:
            raise BadProof(f"expected an empty proof from {m} to {n}; got {len(path)} hashes")
        if m == 0 and root_m != EMPTY_ROOT:
            raise BadProof("expected the root of an empty tree")
        if m == n and root_m != root_n:
            raise BadProof(f"expected one root for one size {n}; got two")
        return
    # A power of two is a whole subtree of the new tree: its root is the first hash, and is not sent.
    hashes = [root_m, *path] if m & (m - 1) == 0 else list(path)
    if not hashes:
        raise BadProof("expected a proof; got none")
    node, last = m - 1, n - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for part in hashes[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, part)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if old != root_m:
        raise BadProof("the proof does not lead to the older root")
    if new != root_n:
        raise BadProof("the proof does not lead to the newer root")


def _check(leaves: Sequence[bytes]) -> None:
    if leaves and set(map(len, leaves)) != {HASH_LENGTH}:
        raise ValueError(f"expected leaf hashes of {HASH_LENGTH} bytes; got other lengths. Pass leaf_hash(data)")


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The next level. An odd last node rises unchanged, which is RFC 6962's split at the largest power of two."""
    pairs = iter(level)
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    return levels


def _path(index: int, levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    found = []
    for level in levels[:-1]:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(level[neighbour])
        index >>= 1
    return found
