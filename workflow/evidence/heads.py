"""The heads tree: at one moment, the last entry of every chain there is, so that a chain left out is seen.

A Merkle tree over (chain, number of its last entry, hash of that entry), sorted by chain. Its root and its size stand in
an entry of the log. A chain that is there has a path; a chain that is not has two neighbours with nothing between them.
A proof that does not hold raises ``BadProof``; it never returns False. Source: R055 「应报未报」 must be provable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from workflow.errors import NotCanonical
from workflow.evidence import canonical
from workflow.evidence.merkle import (
    HASH_LENGTH,
    BadProof,
    HashFunction,
    empty_root,
    leaf_hash,
    levels,
    path_in,
    root_from_path,
)


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """The last entry of a chain: its number there and its hash, 32 bytes."""

    chain: str
    seq: int
    hash: bytes

    def leaf(self, new: HashFunction = sha256) -> bytes:
        """The leaf hash, over the head's canonical bytes."""
        return leaf_hash(canonical.encode(self.record()), new)

    def record(self) -> dict[str, Any]:
        """The head as plain data."""
        return {"chain": self.chain, "seq": self.seq, "hash": self.hash.hex()}

    @classmethod
    def of_record(cls, record: Any) -> Head:
        """Raises BadProof: the record is not exactly that of a head."""
        if type(record) is not dict or record.keys() != {"chain", "seq", "hash"}:
            raise BadProof("expected a head with chain, seq and hash")
        chain, seq, hash_ = record["chain"], record["seq"], record["hash"]
        if type(chain) is not str or type(seq) is not int or seq < 1 or type(hash_) is not str:
            raise BadProof("expected a chain's name, a number from 1 and a hash")
        if len(hash_) != 2 * HASH_LENGTH or not set(hash_) <= _HEX:
            raise BadProof("expected a hash as 64 lowercase hex digits")
        return cls(chain, seq, bytes.fromhex(hash_))


_HEX = frozenset("0123456789abcdef")


class HeadsTree:
    """All heads of one moment, in order, with their paths.

    Raises:
        ValueError: a chain comes twice.
    """

    def __init__(self, heads: Iterable[Head], new: HashFunction = sha256) -> None:
        self.heads = tuple(sorted(heads, key=_place))
        self._chains = [_place(h) for h in self.heads]
        if len(set(self._chains)) != len(self._chains):
            raise ValueError("expected every chain once")
        self._levels = levels([h.leaf(new) for h in self.heads], new)
        self.root = self._levels[-1][0] if self.heads else empty_root(new)

    @property
    def size(self) -> int:
        return len(self.heads)

    def prove(self, chain: str) -> dict[str, Any]:
        """The proof that a chain is there, or that it is not, as plain data for ``verify``."""
        at = bisect_left(self._chains, chain.encode())
        if at < self.size and self.heads[at].chain == chain:
            return {"head": self._proven(at)}
        return {
            "before": self._proven(at - 1) if at > 0 else None,
            "after": self._proven(at) if at < self.size else None,
        }

    def _proven(self, index: int) -> dict[str, Any]:
        path = [part.hex() for part in path_in(self._levels, index)]
        return {"index": index, "path": path, **self.heads[index].record()}


def verify(chain: str, proof: Mapping[str, Any], root: bytes, size: int, new: HashFunction = sha256) -> Head | None:
    """Check a proof against a root and size that the caller trusts.

    Returns:
        The head of the chain; None when the proof shows that there is no such chain.

    Raises:
        BadProof: it shows neither.
    """
    if type(size) is not int or size < 0:
        raise BadProof("expected the size of the tree")
    if set(proof) == {"head"}:
        _, head = _verified(proof["head"], root, size, new)
        if head.chain != chain:
            raise BadProof(f"the proof is for {head.chain!r}, not for {chain!r}")
        return head
    if set(proof) != {"before", "after"}:
        raise BadProof("expected a head, or the neighbours before and after")
    wanted = chain.encode()
    end = 0  # where the chain would stand
    if proof["before"] is not None:
        index, head = _verified(proof["before"], root, size, new)
        if _place(head) >= wanted:
            raise BadProof(f"{head.chain!r} does not come before {chain!r}")
        end = index + 1
    if proof["after"] is not None:
        index, head = _verified(proof["after"], root, size, new)
        if _place(head) <= wanted:
            raise BadProof(f"{head.chain!r} does not come after {chain!r}")
        if index != end:
            raise BadProof("the neighbours do not stand side by side")
    elif end != size:
        raise BadProof("expected the last head of the tree, or a neighbour after the chain")
    elif size == 0 and root != empty_root(new):
        raise BadProof("expected the root of an empty tree")
    return None


def _place(head: Head) -> bytes:
    """Sorted by UTF-8 bytes, the same in every language."""
    return head.chain.encode()


def _verified(given: Any, root: bytes, size: int, new: HashFunction) -> tuple[int, Head]:
    if not isinstance(given, Mapping) or set(given) != {"index", "path", "chain", "seq", "hash"}:
        raise BadProof("expected a head with index and path")
    index, path = given["index"], given["path"]
    head = Head.of_record({name: given[name] for name in ("chain", "seq", "hash")})
    if type(index) is not int or type(path) is not list:
        raise BadProof("expected an index and a path")
    try:
        parts = [bytes.fromhex(part) for part in path]
    except (TypeError, ValueError):
        raise BadProof("expected a path of hex digits") from None
    try:
        leaf = head.leaf(new)
    except NotCanonical as bad:
        raise BadProof(str(bad)) from None
    if root_from_path(index, size, leaf, parts, new) != root:
        raise BadProof(f"the path of {head.chain!r} does not lead to the root")
    return index, head
