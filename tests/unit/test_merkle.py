"""Merkle trees against public vectors and against the recursion that RFC 6962 writes down."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.evidence.merkle import (
    EMPTY_ROOT,
    BadProof,
    consistency_path,
    inclusion_path,
    leaf_hash,
    path_length,
    paths,
    root,
    root_from_path,
    verify_consistency,
)

# The eight entries, and their trees' roots, that implementations of certificate transparency test themselves with.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
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
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

sizes = st.integers(1, 70)


def numbered(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


def split(count: int) -> int:
    """The largest power of two below a count, found the slow way."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def rfc_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    k = split(len(leaves))
    return sha256(b"\x01" + rfc_root(leaves[:k]) + rfc_root(leaves[k:])).digest()


def rfc_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*rfc_path(m, leaves[:k]), rfc_root(leaves[k:])]
    return [*rfc_path(m - k, leaves[k:]), rfc_root(leaves[:k])]


def rfc_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [rfc_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*rfc_subproof(m, leaves[:k], whole), rfc_root(leaves[k:])]
    return [*rfc_subproof(m - k, leaves[k:], False), rfc_root(leaves[:k])]


def hexes(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


@pytest.mark.parametrize("size", range(9))
def test_roots_match_the_public_vectors(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("place", "expected"), INCLUSION.items())
def test_inclusion_paths_match_the_public_vectors(place: tuple[int, int], expected: list[str]) -> None:
    index, size = place
    assert hexes(inclusion_path(index, LEAVES[:size])) == expected
    assert root_from_path(index, size, LEAVES[index], [bytes.fromhex(h) for h in expected]).hex() == ROOTS[size]


@pytest.mark.parametrize(("growth", "expected"), CONSISTENCY.items())
def test_consistency_proofs_match_the_public_vectors(growth: tuple[int, int], expected: list[str]) -> None:
    m, n = growth
    assert hexes(consistency_path(m, LEAVES[:n])) == expected
    verify_consistency(m, n, bytes.fromhex(ROOTS[m]), bytes.fromhex(ROOTS[n]), [bytes.fromhex(h) for h in expected])


@given(sizes)
def test_every_tree_is_the_one_that_the_recursion_of_the_rfc_defines(size: int) -> None:
    leaves = numbered(size)
    top, all_paths = paths(leaves)
    assert top == root(leaves) == rfc_root(leaves)
    assert all_paths == [rfc_path(index, leaves) for index in range(size)]
    assert all(len(path) == path_length(index, size) for index, path in enumerate(all_paths))
    assert all(
        root_from_path(i, size, leaf, path) == top for i, (leaf, path) in enumerate(zip(leaves, all_paths, strict=True))
    )


@given(sizes, st.data())
def test_a_single_path_is_the_one_made_in_bulk(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert inclusion_path(index, numbered(size)) == paths(numbered(size))[1][index]


@given(sizes, st.data())
def test_every_growth_proves_itself_with_the_proof_of_the_rfc(n: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(0, n))
    leaves = numbered(n)
    proof = consistency_path(m, leaves)
    assert proof == (rfc_subproof(m, leaves, True) if m else [])
    verify_consistency(m, n, root(leaves[:m]), root(leaves), proof)


@given(st.integers(2, 70), st.data())
def test_a_rewritten_past_has_no_consistency_proof(n: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(1, n - 1))
    old, new = numbered(n), numbered(n)
    new[data.draw(st.integers(0, m - 1))] = leaf_hash(b"rewritten")
    for proof in (consistency_path(m, old), consistency_path(m, new)):
        with pytest.raises(BadProof):
            verify_consistency(m, n, root(old[:m]), root(new), proof)


@given(st.integers(2, 70), st.data())
def test_a_changed_consistency_proof_is_refused(n: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(1, n - 1))
    leaves = numbered(n)
    good = consistency_path(m, leaves)
    place = data.draw(st.integers(0, len(good) - 1))
    changes: list[list[bytes]] = [
        good[:-1],
        [*good, good[-1]],
        [*good[:place], bytes(32), *good[place + 1 :]],
        [*good[:place], b"short", *good[place + 1 :]],
        [],
    ]
    for bad in changes:
        with pytest.raises(BadProof):
            verify_consistency(m, n, root(leaves[:m]), root(leaves), bad)


@given(sizes, st.data())
def test_another_index_leaf_or_path_leads_to_another_root(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    top, all_paths = paths(leaves)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path = all_paths[index]
    assert root_from_path(index, size, leaf_hash(b"other"), path) != top
    for place in range(len(path)):
        assert root_from_path(index, size, leaves[index], [*path[:place], bytes(32), *path[place + 1 :]]) != top
    if other != index:
        with suppress(BadProof):  # the path of another place may have another length
            assert root_from_path(other, size, leaves[index], path) != top


@pytest.mark.parametrize(
    ("index", "size", "leaf", "path"),
    [
        (-1, 1, bytes(32), []),
        (1, 1, bytes(32), []),
        (0, 0, bytes(32), []),
        (0, 1, bytes(32), [bytes(32)]),
        (0, 2, bytes(32), []),
        (0, 2, bytes(32), [bytes(31)]),
        (0, 1, b"entry", []),
    ],
)
def test_a_malformed_path_is_refused(index: int, size: int, leaf: bytes, path: list[bytes]) -> None:
    with pytest.raises(BadProof):
        root_from_path(index, size, leaf, path)


@pytest.mark.parametrize(
    ("m", "n", "root_m", "root_n", "path"),
    [
        (-1, 1, EMPTY_ROOT, bytes(32), []),
        (2, 1, bytes(32), bytes(32), []),
        (0, 1, bytes(32), bytes(32), []),
        (0, 1, EMPTY_ROOT, bytes(32), [bytes(32)]),
        (3, 3, bytes(32), EMPTY_ROOT, []),
        (3, 3, bytes(32), bytes(32), [bytes(32)]),
        (3, 4, bytes(32), bytes(32), []),
        (1, 2, b"", bytes(32), [bytes(32)]),
    ],
)
def test_a_malformed_growth_is_refused(m: int, n: int, root_m: bytes, root_n: bytes, path: list[bytes]) -> None:
    with pytest.raises(BadProof):
        verify_consistency(m, n, root_m, root_n, path)


def test_entries_passed_in_place_of_their_leaf_hashes_are_refused() -> None:
    calls: list[Any] = [
        root,
        paths,
        lambda leaves: inclusion_path(0, leaves),
        lambda leaves: consistency_path(1, leaves),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="leaf_hash"):
            call([b"an entry", b"another"])


def test_a_node_cannot_pass_for_a_leaf() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != root(LEAVES[:2])


def test_places_outside_the_tree_are_refused() -> None:
    with pytest.raises(IndexError):
        inclusion_path(8, LEAVES)
    with pytest.raises(IndexError):
        inclusion_path(-1, LEAVES)
    with pytest.raises(IndexError):
        consistency_path(9, LEAVES)
