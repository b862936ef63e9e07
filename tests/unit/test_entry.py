"""Entries and their seals."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from workflow.errors import KeyUnavailable, NotCanonical
from workflow.evidence import canonical, merkle
from workflow.evidence.digest import hash_parts, pae
from workflow.evidence.entry import (
    BadSeal,
    SealVerifier,
    entry_hash,
    parse_seal,
    read_body,
    seal_entries,
    verify_seal,
)
from workflow.evidence.keys import key_id_of


class Signer:
    """A key for tests, made from one number."""

    def __init__(self, number: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.signatures = 0

    def key_id(self) -> bytes:
        return key_id_of(self.public_key())

    def sign(self, data: bytes) -> bytes:
        self.signatures += 1
        return self._key.sign(data)

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


def batched_by_two(some: list[bytes]) -> list[list[bytes]]:
    return [some[n : n + 2] for n in range(0, len(some), 2)]


class CountingKey:
    """A public key that counts how often it is asked."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.checks = 0

    def verify(self, signature: bytes, data: bytes) -> None:
        self.checks += 1
        self._key.verify(signature, data)


ENGINE = Signer(1)
TRUSTED = {ENGINE.key_id(): Ed25519PublicKey.from_public_bytes(ENGINE.public_key())}
lookup: Callable[[bytes], Ed25519PublicKey | None] = TRUSTED.get


def bodies(count: int) -> list[bytes]:
    return [
        canonical.encode({"v": 1, "chain": f"item/unit-{n:04}", "seq": n, "prev": "", "at": 1_700_000_000_000_000})
        for n in range(count)
    ]


def forged_head(seal: bytes, index: int, size: int) -> bytes:
    return seal[:72] + struct.pack(">II", index, size) + seal[80:]


def test_a_lone_seal_is_laid_out_as_documented() -> None:
    body = bodies(1)[0]
    (seal,) = seal_entries([body], ENGINE)
    assert seal[:8] == ENGINE.key_id()
    assert seal[72:] == b"\0\0\0\0" + b"\0\0\0\1"
    TRUSTED[seal[:8]].verify(seal[8:72], pae("application/vnd.signoff.seal+v1", merkle.leaf_hash(body) + b"\0\0\0\1"))


def test_a_batch_carries_one_signature_over_the_root_of_all() -> None:
    signer = Signer(1)
    written = bodies(5)
    seals = seal_entries(written, signer)
    assert signer.signatures == 1
    assert len({seal[:72] for seal in seals}) == 1
    root = merkle.root([merkle.leaf_hash(body) for body in written])
    TRUSTED[seals[0][:8]].verify(seals[0][8:72], pae("application/vnd.signoff.seal+v1", root + b"\0\0\0\5"))
    assert [(parse_seal(seal).index, parse_seal(seal).size) for seal in seals] == [(n, 5) for n in range(5)]


@given(st.integers(0, 40))
def test_every_entry_of_every_batch_verifies_alone(count: int) -> None:
    written = bodies(count)
    seals = seal_entries(written, ENGINE)
    assert len(seals) == count
    for body, seal in zip(written, seals, strict=True):
        verify_seal(body, seal, lookup)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_changed_byte_of_a_body_is_detected(count: int) -> None:
    body, seal = bodies(count)[-1], seal_entries(bodies(count), ENGINE)[-1]
    for place in range(len(body)):
        with pytest.raises(BadSeal):
            verify_seal(body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :], seal, lookup)


@pytest.mark.parametrize("index", range(7))
def test_every_changed_byte_of_a_seal_is_detected(index: int) -> None:
    body, seal = bodies(7)[index], seal_entries(bodies(7), ENGINE)[index]
    for place in range(len(seal)):
        for flip in range(1, 256) if 72 <= place < 80 else (1, 128):
            changed = seal[:place] + bytes([seal[place] ^ flip]) + seal[place + 1 :]
            assert entry_hash(body, changed) != entry_hash(body, seal)
            with pytest.raises(BadSeal):
                verify_seal(body, changed, lookup)


def test_a_seal_does_not_fit_another_entry_of_its_batch() -> None:
    written = bodies(4)
    seals = seal_entries(written, ENGINE)
    for n, body in enumerate(written):
        for other, seal in enumerate(seals):
            if n != other:
                with pytest.raises(BadSeal, match="does not cover"):
                    verify_seal(body, seal, lookup)


def test_a_seal_by_a_key_nobody_trusts_is_refused() -> None:
    body = bodies(1)[0]
    (seal,) = seal_entries([body], Signer(2))
    with pytest.raises(BadSeal, match=f"no trusted key has the id {seal[:8].hex()}"):
        verify_seal(body, seal, lookup)
    with pytest.raises(BadSeal, match="does not cover"):
        verify_seal(body, ENGINE.key_id() + seal[8:], lookup)


GOOD = seal_entries(bodies(3), ENGINE)[0]


@pytest.mark.parametrize(
    "seal",
    [
        b"",
        GOOD[:79],
        GOOD[:-1],
        GOOD + b"\0",
        GOOD + bytes(32),
        GOOD[:-32],
        GOOD + bytes(32 * 40),
        forged_head(GOOD, 3, 3),
        forged_head(GOOD, 0, 0),
        forged_head(GOOD, 2**32 - 1, 2**32 - 1),
        "text",
        None,
    ],
)
def test_a_malformed_seal_is_refused_and_nothing_else_is_raised(seal: Any) -> None:
    with pytest.raises(BadSeal):
        parse_seal(seal)
    with pytest.raises(BadSeal):
        verify_seal(bodies(3)[0], seal, lookup)


@given(st.binary(max_size=200))
def test_any_bytes_in_place_of_a_seal_are_refused(seal: bytes) -> None:
    with pytest.raises(BadSeal):
        verify_seal(bodies(1)[0], seal, lookup)


def test_the_reason_of_a_bad_seal_is_a_value_error_with_its_text() -> None:
    with pytest.raises(ValueError, match="80 to 1104 bytes") as refused:
        parse_seal(b"")
    assert isinstance(refused.value, BadSeal)
    assert refused.value.reason == "expected 80 to 1104 bytes; got 0"


def test_the_hash_of_an_entry_covers_body_and_seal() -> None:
    body, seal = bodies(1)[0], seal_entries(bodies(1), ENGINE)[0]
    assert entry_hash(body, seal) == hash_parts("signoff/entry/v1", body, seal)
    assert entry_hash(body + seal[:1], seal[1:]) != entry_hash(body, seal)


def test_a_verifier_checks_each_signature_over_a_root_once() -> None:
    key = CountingKey(ENGINE.public_key())
    verifier = SealVerifier({ENGINE.key_id(): key}.get)  # type: ignore[arg-type]
    first, second = bodies(20), bodies(3)
    for written in (first, second):
        for body, seal in zip(written, seal_entries(written, ENGINE), strict=True):
            verifier.verify(body, seal)
    assert key.checks == 2


def test_a_verifier_that_remembers_a_batch_still_refuses_what_is_not_in_it() -> None:
    verifier = SealVerifier(lookup)
    written = bodies(4)
    seals = seal_entries(written, ENGINE)
    verifier.verify(written[0], seals[0])
    for body, seal in [(b"forged", seals[1]), (written[2], seals[1]), (written[1], seals[1][:-1] + b"\0")]:
        for _ in range(2):  # a refusal is not remembered as success
            with pytest.raises(BadSeal):
                verifier.verify(body, seal)
    verifier.verify(written[1], seals[1])


def test_a_verifier_asks_for_the_key_each_time_so_that_a_withdrawn_key_counts_at_once() -> None:
    keys = dict(TRUSTED)
    verifier = SealVerifier(keys.get)
    written = bodies(2)
    seals = seal_entries(written, ENGINE)
    verifier.verify(written[0], seals[0])
    keys.clear()
    with pytest.raises(BadSeal, match="no trusted key"):
        verifier.verify(written[1], seals[1])


def test_a_verifier_forgets_the_root_that_was_asked_for_longest_ago() -> None:
    key = CountingKey(ENGINE.public_key())
    verifier = SealVerifier({ENGINE.key_id(): key}.get, remembered=2)  # type: ignore[arg-type]
    batch = list(zip(bodies(6), seal_entries(bodies(6), ENGINE), strict=True))
    pairs = [list(zip(two, seal_entries(two, ENGINE), strict=True)) for two in batched_by_two(bodies(12))]
    for in_batch, (first, _) in zip(batch, pairs, strict=True):
        verifier.verify(*in_batch)
        verifier.verify(*first)
    assert key.checks == 1 + len(pairs)
    verifier.verify(*pairs[-1][1])
    assert key.checks == 1 + len(pairs)
    verifier.verify(*pairs[0][1])
    assert key.checks == 2 + len(pairs)


def test_what_was_sealed_alone_is_checked_each_time_and_keeps_no_batch_from_being_remembered() -> None:
    key = CountingKey(ENGINE.public_key())
    verifier = SealVerifier({ENGINE.key_id(): key}.get, remembered=1)  # type: ignore[arg-type]
    batch = list(zip(bodies(6), seal_entries(bodies(6), ENGINE), strict=True))
    for body, in_batch in zip(bodies(6), batch, strict=True):
        verifier.verify(*in_batch)
        verifier.verify(body, seal_entries([body], ENGINE)[0])
    assert key.checks == 1 + len(batch)


def test_a_signer_that_answers_with_something_else_is_not_believed() -> None:
    class Broken(Signer):
        def sign(self, data: bytes) -> bytes:
            return b"no signature"

    with pytest.raises(KeyUnavailable, match="12 bytes"):
        seal_entries(bodies(2), Broken(1))


def test_a_body_gives_its_facts() -> None:
    facts = {"v": 1, "chain": "item/1", "seq": 4, "prev": "0a" * 32, "at": 5, "act": "sign", "opinion": "同意"}
    assert read_body(canonical.encode(facts)) == facts


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"v": None}, "$.v"),
        ({"v": True}, "$.v"),
        ({"chain": 5}, "$.chain"),
        ({"seq": -1}, "$.seq"),
        ({"seq": "1"}, "$.seq"),
        ({"prev": None}, "$.prev"),
        ({"prev": "0a" * 31}, "$.prev"),
        ({"prev": "0A" * 32}, "$.prev"),
        ({"prev": "zz" * 32}, "$.prev"),
        ({"at": "2025"}, "$.at"),
    ],
)
def test_a_body_without_what_every_entry_has_is_refused(change: dict[str, Any], path: str) -> None:
    facts = {"v": 1, "chain": "item/1", "seq": 0, "prev": "", "at": 5}
    with pytest.raises(NotCanonical) as refused:
        read_body(canonical.encode(facts | change))
    assert refused.value.facts["path"] == path
    without = {name: fact for name, fact in facts.items() if name not in change}
    with pytest.raises(NotCanonical) as absent:
        read_body(canonical.encode(without))
    assert (absent.value.facts["path"], absent.value.facts["actual"]) == (path, "nothing")


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"v": 1}', b"\xff"])
def test_a_body_that_is_no_canonical_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_body(body)
