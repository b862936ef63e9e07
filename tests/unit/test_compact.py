"""A tree that grows by its frontier, and proofs from kept nodes, against the plain tree over all leaves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.errors import Unknown
from workflow.evidence import merkle
from workflow.evidence.compact import TILE_HEIGHT, TILE_WIDTH, Frontier, Kept, Tree
from workflow.evidence.merkle import hash_function, leaf_hash

# The eight entries, and their trees' roots, that implementations of certificate transparency test themselves with.
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# GB/T 32905-2016, appendix A.1: the SM3 of "abc".
SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def numbered(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


def grown(leaves: Sequence[bytes], cuts: Sequence[int], algorithm: str = "sha256") -> tuple[Frontier, list[Kept]]:
    """A frontier that took the leaves in portions, and everything it said to keep."""
    new, frontier, kept = hash_function(algorithm), Frontier(), []
    for start, end in pairwise([0, *cuts, len(leaves)]):
        frontier, more = frontier.extended(leaves[start:end], new)
        kept += more
    return frontier, kept


def tree(leaves: Sequence[bytes], kept: Sequence[Kept], size: int, algorithm: str = "sha256") -> Tree:
    """A tree over stored leaves and kept nodes; the store may hold more than the tree's size."""
    nodes = {(k.level, k.index): k.hash for k in kept}

    def fetch(level: int, tile: int) -> list[bytes]:
        if level == 0:
            return list(leaves[tile * TILE_WIDTH : (tile + 1) * TILE_WIDTH])
        found = (nodes.get((level, tile * TILE_WIDTH + n)) for n in range(TILE_WIDTH))
        return [node for node in found if node is not None]

    return Tree(size, fetch, hash_function(algorithm))


def test_appending_one_by_one_gives_the_public_roots() -> None:
    frontier = Frontier()
    found = [frontier.root().hex()]
    for entry in ENTRIES:
        frontier, _ = frontier.extended([leaf_hash(bytes.fromhex(entry))])
        found.append(frontier.root().hex())
    assert found == ROOTS


@given(st.integers(0, 1100), st.lists(st.integers(0, 1100), max_size=5))
def test_in_whatever_portions_leaves_come_the_tree_is_the_same(count: int, cuts: list[int]) -> None:
    leaves = numbered(count)
    frontier, kept = grown(leaves, sorted(c for c in cuts if c <= count))
    assert frontier.root() == merkle.root(leaves)
    assert frontier.size == count
    assert frontier == tree(leaves, kept, count).frontier()
    assert [(k.level, k.index) for k in kept] == [(TILE_HEIGHT, n) for n in range(count // TILE_WIDTH)]
    assert all(k.hash == merkle.root(leaves[k.index << k.level : (k.index + 1) << k.level]) for k in kept)


@given(st.integers(1, 1100), st.data())
def test_proofs_from_kept_nodes_are_those_over_all_leaves(count: int, data: st.DataObject) -> None:
    leaves = numbered(count)
    _, kept = grown(leaves, [])
    size = data.draw(st.integers(1, count))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    made = tree(leaves, kept, size)
    assert made.root() == merkle.root(leaves[:size])
    assert made.inclusion(index) == merkle.inclusion_path(index, leaves[:size])
    assert made.consistency(old) == merkle.consistency_path(old, leaves[:size])


def test_a_tree_with_two_kept_levels_proves_first_middle_and_last() -> None:
    count = TILE_WIDTH * TILE_WIDTH + TILE_WIDTH + 3
    leaves = numbered(count)
    _, kept = grown(leaves, [1000, 70_000])
    assert {k.level for k in kept} == {8, 16}
    made = tree(leaves, kept, count)
    root = merkle.root(leaves)
    for index in (0, 255, 256, 40_000, 65_535, 65_536, count - 1):
        assert merkle.root_from_path(index, count, leaves[index], made.inclusion(index)) == root
    for old in (1, 256, 65_535, 65_536, count - 1):
        merkle.verify_consistency(old, count, merkle.root(leaves[:old]), root, made.consistency(old))


def test_a_proof_in_a_long_log_reads_few_hashes() -> None:
    count = 3 * TILE_WIDTH * TILE_WIDTH + 777
    leaves = numbered(count)
    _, kept = grown(leaves, [])
    nodes = {(k.level, k.index): k.hash for k in kept}
    read: list[int] = []

    def fetch(level: int, tile: int) -> Sequence[bytes]:
        span = range(tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH)
        found = leaves[span.start : span.stop] if level == 0 else [nodes[level, n] for n in span if (level, n) in nodes]
        read.append(len(found))
        return found

    Tree(count, fetch).inclusion(100_000)
    assert sum(read) < 4 * TILE_WIDTH + 10


def test_a_log_hashed_with_sm3_grows_and_proves_with_sm3_alone() -> None:
    sm3 = hash_function("sm3")
    assert sm3(b"abc").digest().hex() == SM3_ABC
    leaves = [leaf_hash(b"%d" % n, sm3) for n in range(600)]
    frontier, kept = grown(leaves, [100, 300], "sm3")
    assert frontier.root(sm3) == merkle.root(leaves, sm3) != merkle.root(leaves)
    path = tree(leaves, kept, 600, "sm3").inclusion(333)
    assert merkle.root_from_path(333, 600, leaves[333], path, sm3) == frontier.root(sm3)
    assert merkle.root_from_path(333, 600, leaves[333], path) != frontier.root(sm3)
    old = merkle.root(leaves[:257], sm3)
    merkle.verify_consistency(257, 600, old, frontier.root(sm3), tree(leaves, kept, 600, "sm3").consistency(257), sm3)
    assert Frontier().root(sm3) == merkle.empty_root(sm3) != merkle.EMPTY_ROOT


def test_a_hash_nobody_knows_is_refused() -> None:
    with pytest.raises(Unknown):
        hash_function("md5")


@given(st.integers(0, 700))
def test_a_frontier_survives_its_bytes(count: int) -> None:
    frontier, _ = grown(numbered(count), [])
    assert Frontier.of_bytes(count, frontier.to_bytes()) == frontier


@pytest.mark.parametrize(("size", "data"), [(1, b""), (3, bytes(32)), (2, bytes(33)), (-1, b""), (0, bytes(32))])
def test_bytes_that_are_no_frontier_of_that_size_are_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        Frontier.of_bytes(size, data)


def test_a_lost_node_is_told_and_not_guessed() -> None:
    leaves = numbered(600)
    _, kept = grown(leaves, [])
    with pytest.raises(ValueError, match="lacks nodes"):
        tree(leaves, kept[:1], 600).root()


@pytest.mark.parametrize("index", [-1, 5])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        tree(numbered(5), [], 5).inclusion(index)
    with pytest.raises(IndexError):
        tree(numbered(5), [], 5).consistency(index if index < 0 else 6)
