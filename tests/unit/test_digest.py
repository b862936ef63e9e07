"""Digests, hashes over parts, and DSSE's encoding."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workflow.errors import KeyUnavailable, Unknown
from workflow.evidence.digest import digest, hash_parts, pae, parse, sha256, sm3

ABC_SHA256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
ABC_SM3 = "sm3:66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"  # GB/T 32905-2016, example 1


def test_digests_match_the_vectors_of_their_standards() -> None:
    assert sha256(b"abc") == digest(b"abc") == ABC_SHA256
    assert sm3(b"abc") == digest(b"abc", "sm3") == ABC_SM3


def test_an_unknown_algorithm_is_named_with_the_known_ones() -> None:
    with pytest.raises(Unknown, match=r"'md5'.*sha256, sm3"):
        digest(b"abc", "md5")


def test_a_python_without_sm3_says_so_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str, data: bytes = b"") -> Any:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", lacking)
    with pytest.raises(KeyUnavailable, match=r"sm3.*mend"):
        digest(b"abc", "sm3")


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "ab" * 32, "sha256:" + "a" * 63, "sha256:" + "a" * 65, "sha256:" + "A" * 64, "md5:" + "a" * 64,
     "sha256:" + "a" * 64 + "\n", " sha256:" + "a" * 64, "sha256:" + "a" * 63 + "\u0661", "sha256:../" + "a" * 61, None, 5],
)  # fmt: skip
def test_parse_takes_nothing_but_a_digest(text: Any) -> None:
    assert parse(text) is None


def test_parse_takes_a_digest_apart() -> None:
    assert parse(ABC_SM3) == ("sm3", ABC_SM3.removeprefix("sm3:"))


def test_hash_parts_is_sha256_over_lengths_and_parts() -> None:
    expected = hashlib.sha256(b"\0\0\0\0\0\0\0\x03dom" + b"\0\0\0\0\0\0\0\x01a" + b"\0\0\0\0\0\0\0\0").digest()
    assert hash_parts("dom", b"a", b"") == expected


@given(st.tuples(st.text(), st.lists(st.binary())), st.tuples(st.text(), st.lists(st.binary())))
def test_other_parts_or_another_domain_hash_to_something_else(
    one: tuple[str, list[bytes]], other: tuple[str, list[bytes]]
) -> None:
    assume(one != other)
    assert hash_parts(one[0], *one[1]) != hash_parts(other[0], *other[1])


def test_moving_a_byte_between_parts_changes_the_hash() -> None:
    made = {
        hash_parts("d", b"ab", b"c"),
        hash_parts("d", b"a", b"bc"),
        hash_parts("d", b"abc"),
        hash_parts("da", b"bc"),
    }
    assert len(made) == 4


def test_pae_matches_the_example_of_the_dsse_protocol() -> None:
    made = pae("http://example.com/HelloWorld", b"hello world")
    assert made == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_pae_counts_bytes_not_characters() -> None:
    assert pae("类", "文".encode()) == b"DSSEv1 3 \xe7\xb1\xbb 3 \xe6\x96\x87"
