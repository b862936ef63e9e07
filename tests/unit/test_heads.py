"""The heads tree: what is there is proven, what is not there is proven, and nothing else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.evidence import canonical, merkle
from workflow.evidence.heads import Head, HeadsTree, verify
from workflow.evidence.merkle import BadProof, hash_function, leaf_hash

names = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=6) | st.sampled_from(
    ["整改", "事项"]
)


def head(chain: str, seq: int = 3) -> Head:
    return Head(chain, seq, leaf_hash(chain.encode()))


def tree(*chains: str) -> HeadsTree:
    return HeadsTree([head(c) for c in chains])


@given(st.sets(names, max_size=20), names)
def test_every_chain_is_proven_there_or_proven_not_there(chains: set[str], asked: str) -> None:
    made = tree(*chains)
    found = verify(asked, made.prove(asked), made.root, made.size)
    assert found == (head(asked) if asked in chains else None)


def test_the_root_is_that_of_the_sorted_canonical_heads() -> None:
    made = tree("b", "a", "整改")
    leaves = [leaf_hash(canonical.encode(head(c).record())) for c in ("a", "b", "整改")]
    assert made.root == merkle.root(leaves)
    assert tree().root == merkle.EMPTY_ROOT


def test_a_chain_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="once"):
        HeadsTree([head("a", 1), head("a", 2)])


def test_a_proof_for_one_chain_says_nothing_of_another() -> None:
    made = tree("a", "b", "c")
    with pytest.raises(BadProof, match="is for"):
        verify("b", made.prove("a"), made.root, made.size)


def test_a_chain_that_is_there_cannot_be_proven_absent() -> None:
    made = tree("a", "b", "c", "d")
    apart = {"before": made.prove("a")["head"], "after": made.prove("c")["head"]}
    with pytest.raises(BadProof, match="side by side"):
        verify("b", apart, made.root, made.size)
    with pytest.raises(BadProof, match="last head"):
        verify("d", {"before": made.prove("c")["head"], "after": None}, made.root, made.size)
    with pytest.raises(BadProof, match="side by side"):
        verify("a", {"before": None, "after": made.prove("b")["head"]}, made.root, made.size)
    with pytest.raises(BadProof, match="not come before"):
        verify("b", {"before": made.prove("b")["head"], "after": made.prove("c")["head"]}, made.root, made.size)


def test_an_empty_tree_is_only_believed_with_its_root() -> None:
    nothing = {"before": None, "after": None}
    assert verify("a", nothing, merkle.EMPTY_ROOT, 0) is None
    with pytest.raises(BadProof, match="empty"):
        verify("a", nothing, tree("a").root, 0)
    with pytest.raises(BadProof, match="last head"):
        verify("a", nothing, tree("a").root, 1)


@pytest.mark.parametrize("field", ["index", "path", "chain", "seq", "hash"])
def test_every_field_of_a_proof_counts(field: str) -> None:
    made = tree("a", "b", "c")
    proof = copy.deepcopy(made.prove("b"))
    other: dict[str, Any] = {"index": 0, "path": proof["head"]["path"][::-1], "chain": "a", "seq": 4, "hash": "00" * 32}
    proof["head"][field] = other[field]
    with pytest.raises(BadProof):
        verify("b", proof, made.root, made.size)


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"head": None},
        {"head": {}},
        {"before": None},
        {"before": 5, "after": None},
        {"head": {"index": "0", "path": [], "chain": "a", "seq": 3, "hash": "00" * 32}},
        {"head": {"index": 0, "path": ["x"], "chain": "a", "seq": 3, "hash": "00" * 32}},
        {"head": {"index": 0, "path": [5], "chain": "a", "seq": 3, "hash": "00" * 32}},
        {"head": {"index": 0, "path": [], "chain": "a", "seq": True, "hash": "00" * 32}},
        {"head": {"index": 0, "path": [], "chain": "a", "seq": 0, "hash": "00" * 32}},
        {"head": {"index": 0, "path": [], "chain": "a", "seq": 3, "hash": "0G" * 32}},
        {"head": {"index": 0, "path": [], "chain": "a", "seq": 2**60, "hash": "00" * 32}},
        {"head": {"index": -1, "path": [], "chain": "a", "seq": 3, "hash": "00" * 32}},
    ],
)
def test_malformed_proofs_are_refused_as_proofs(proof: dict[str, Any]) -> None:
    made = tree("a")
    with pytest.raises(BadProof):
        verify("a", proof, made.root, made.size)


def test_a_tree_hashed_with_sm3_proves_with_sm3() -> None:
    sm3 = hash_function("sm3")
    made = HeadsTree([head("a"), head("b")], sm3)
    assert verify("a", made.prove("a"), made.root, made.size, sm3) == head("a")
    with pytest.raises(BadProof):
        verify("a", made.prove("a"), made.root, made.size)
