"""Merkle trees as certificate transparency builds them: leaves hashed under 0x00, nodes under 0x01.

Everywhere below a *leaf* is the 32-byte ``leaf_hash`` of an entry, not the entry. Paths run from the leaf to the root.
A proof that does not hold raises; it never returns False, so that forgetting to look at an answer cannot pass one.
Every function takes the hash as ``new``, SHA-256 unless told: a log names its own (``hash_function``).
Source: RFC 6962 section 2.1; the two verifying walks are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Protocol

from workflow.errors import KeyUnavailable, Unknown, among

HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()


class Hashed(Protocol):
    """Bytes on their way through a hash."""

    def digest(self) -> bytes: ...


HashFunction = Callable[[bytes], Hashed]
"""``hashlib.sha256`` or another of the same form, with digests of ``HASH_LENGTH`` bytes."""


class BadProof(ValueError):
    """A Merkle proof is malformed or leads elsewhere."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def hash_function(algorithm: str) -> HashFunction:
    """The hash by its name: ``sha256`` or ``sm3``.

    Raises:
        Unknown: it has another name. KeyUnavailable: this Python was built without it.
    """
    if algorithm == "sha256":
        return sha256
    if algorithm != "sm3":
        raise Unknown(kind="hash of a log", name=algorithm, hint=among(("sha256", "sm3")))
    if algorithm not in hashlib.algorithms_available:
        expected = "an OpenSSL with SM3 (mend: use a Python built against OpenSSL 1.1.1 or newer, with SM3 enabled)"
        raise KeyUnavailable(name=algorithm, expected=expected, actual="hashlib without sm3")
    return partial(hashlib.new, "sm3")


def empty_root(new: HashFunction = sha256) -> bytes:
    """The root over no leaves."""
    return new(b"").digest()


def leaf_hash(data: bytes, new: HashFunction = sha256) -> bytes:
    """The leaf of an entry's bytes."""
    return new(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes, new: HashFunction = sha256) -> bytes:
    """The node above two neighbours."""
    return new(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes], new: HashFunction = sha256) -> bytes:
    """The root over leaves, in log order. No leaves have a root too: ``empty_root``.

    Raises:
        ValueError: something is not a leaf hash.
    """
    _check(leaves)
    level = leaves
    while len(level) > 1:
        level = above(level, new)
    return level[0] if level else empty_root(new)


def inclusion_path(index: int, leaves: Sequence[bytes], new: HashFunction = sha256) -> list[bytes]:
    """The neighbours that lead from one leaf to the root over all, nearest first.

    Raises:
        IndexError: there is no leaf at ``index``.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"expected an index from 0 to {len(leaves) - 1}; got {index}")
    _check(leaves)
    return path_in(levels(leaves, new), index)


def paths(leaves: Sequence[bytes], new: HashFunction = sha256) -> tuple[bytes, list[list[bytes]]]:
    """The root, and every leaf's path, each node hashed once."""
    _check(leaves)
    made = levels(leaves, new)
    top = made[-1][0] if leaves else empty_root(new)
    found: list[list[bytes]] = [[]] if leaves else []
    for level in reversed(made[:-1]):  # the path of a node is its neighbour, and the path of the node above
        last = len(level) - 1
        found = [[level[n ^ 1], *found[n >> 1]] if n ^ 1 <= last else found[n >> 1] for n in range(last + 1)]
    return top, found


def path_length(index: int, size: int) -> int:
    """How many hashes the path of a leaf has in a tree of ``size`` leaves."""
    last, length = size - 1, 0
    while last:
        length += 1 if index & 1 or index < last else 0
        index, last = index >> 1, last >> 1
    return length


def root_from_path(index: int, size: int, leaf: bytes, path: Sequence[bytes], new: HashFunction = sha256) -> bytes:
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
            made = node_hash(next(neighbours), made, new)
        elif index < last:
            made = node_hash(made, next(neighbours), new)
        # else: the last node of an odd level rises as it is
        index, last = index >> 1, last >> 1
    return made


def consistency_path(m: int, leaves: Sequence[bytes], new: HashFunction = sha256) -> list[bytes]:
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
            found.append(root(leaves[split:end], new))
            end = split
        else:
            found.append(root(leaves[start:split], new))
            m, start, whole = m - (split - start), split, False
    if not whole:
        found.append(root(leaves[start:end], new))
    return found[::-1]


def verify_consistency(
    m: int, n: int, root_m: bytes, root_n: bytes, path: Sequence[bytes], new: HashFunction = sha256
) -> None:
    """Check that the tree of ``n`` leaves begins with the tree of ``m`` leaves: nothing was rewritten, only appended.

    From ``m == 0`` anything follows; it is accepted only from ``empty_root``, and says nothing about ``root_n``.

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
        if m == 0 and root_m != empty_root(new):
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
    older = newer = hashes[0]
    for part in hashes[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if node & 1 or node == last:
            older, newer = node_hash(part, older, new), node_hash(part, newer, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            newer = node_hash(newer, part, new)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if older != root_m:
        raise BadProof("the proof does not lead to the older root")
    if newer != root_n:
        raise BadProof("the proof does not lead to the newer root")


def _check(leaves: Sequence[bytes]) -> None:
    if leaves and set(map(len, leaves)) != {HASH_LENGTH}:
        raise ValueError(f"expected leaf hashes of {HASH_LENGTH} bytes; got other lengths. Pass leaf_hash(data)")


def above(level: Sequence[bytes], new: HashFunction = sha256) -> list[bytes]:
    """The next level of a tree. An odd last node rises unchanged, which is RFC 6962's split at the largest power of two."""
    pairs = iter(level)
    nodes = [new(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) & 1:
        nodes.append(level[-1])
    return nodes


def levels(leaves: Sequence[bytes], new: HashFunction = sha256) -> list[Sequence[bytes]]:
    """All levels of a tree, the leaves first, for ``path_in``."""
    made = [leaves]
    while len(made[-1]) > 1:
        made.append(above(made[-1], new))
    return made


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The path of a leaf in a tree whose levels are at hand."""
    found = []
    for level in levels[:-1]:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(level[neighbour])
        index >>= 1
    return found
