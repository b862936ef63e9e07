"""The wire form of an evidence entry: a body, and a seal by which it verifies alone.

The body is canonical JSON. The seal is made by the engine over all entries written together, with one signature::

    key id (8) | Ed25519 signature (64) | index (4) | size (4) | path hashes (32 each, nearest first)

Numbers are most significant byte first. The signature covers ``pae(SEAL_TYPE, root | size (4))``, the root being
RFC 6962's over the leaf hashes of all bodies in order. A lone entry is its own root: index 0, size 1, no path. The size
is signed because two sizes can have a path of one shape (a first entry of 3 and of 4).
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow.errors import KeyUnavailable, NotCanonical
from workflow.evidence import canonical, merkle
from workflow.evidence.digest import hash_parts, pae
from workflow.evidence.keys import KEY_ID_LENGTH, KeyProvider

SEAL_TYPE = "application/vnd.signoff.seal+v1"
ENTRY_DOMAIN = "signoff/entry/v1"
SIGNATURE_LENGTH = 64

_HEAD = struct.Struct(f">{KEY_ID_LENGTH}s{SIGNATURE_LENGTH}sII")
_LONGEST_PATH = 32  # of a tree of 2**32 - 1 leaves
_LONGEST_SEAL = _HEAD.size + _LONGEST_PATH * merkle.HASH_LENGTH
_ALONE = struct.pack(">II", 0, 1)
_COVERED_ALONE = pae(SEAL_TYPE, bytes(merkle.HASH_LENGTH) + _ALONE[4:])[: -merkle.HASH_LENGTH - 4]
"""What stands before root and size in that which the signature of a lone entry covers."""
_HEX = frozenset("0123456789abcdef")

PublicKeyLookup = Callable[[bytes], Ed25519PublicKey | None]
"""From a key id to the key that the verifier trusts under it, or None."""


class BadSeal(ValueError):
    """An entry's seal is malformed, by an unknown key, or does not belong to its body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal taken apart. ``index`` counts from 0; ``path`` runs from the leaf to the root."""

    key_id: bytes
    signature: bytes
    index: int
    size: int
    path: tuple[bytes, ...]


def read_body(body: bytes) -> dict[str, Any]:
    """The facts of an entry's body, with the members that every entry has checked.

    Those are ``v`` (version of the form), ``chain``, ``seq`` (its place there, not negative), ``prev`` (hex of the
    previous entry's hash, or empty at a chain's beginning) and ``at`` (microseconds UTC). Whether they continue a chain
    is for the chain.

    Raises:
        NotCanonical: the bytes are not canonical, or a member is absent or of another form.
        TooLarge: the bytes pass the limits of ``canonical.decode``.
    """
    facts = canonical.decode(body)
    if type(facts) is not dict:
        raise NotCanonical(path="$", expected="an object", actual=type(facts).__name__)
    for name, kind, expected in _MEMBERS:
        if name not in facts:
            raise NotCanonical(path=f"$.{name}", expected=expected, actual="nothing")
        if type(facts[name]) is not kind:
            raise NotCanonical(path=f"$.{name}", expected=expected, actual=type(facts[name]).__name__)
    if facts["seq"] < 0:
        raise NotCanonical(path="$.seq", expected="an int of 0 or more", actual=facts["seq"])
    if facts["prev"] and not (len(facts["prev"]) == 64 and _HEX.issuperset(facts["prev"])):
        raise NotCanonical(path="$.prev", expected="64 lowercase hex digits or empty", actual="other text")
    return dict(facts)


_MEMBERS: tuple[tuple[str, type, str], ...] = (
    ("v", int, "an int"),
    ("chain", str, "a str"),
    ("seq", int, "an int of 0 or more"),
    ("prev", str, "64 lowercase hex digits or empty"),
    ("at", int, "microseconds UTC as an int"),
)


def entry_hash(body: bytes, seal: bytes) -> bytes:
    """What the next entry of the chain cites as ``prev`` (in hex): body and seal, so no seal can be exchanged later."""
    return hash_parts(ENTRY_DOMAIN, body, seal)


def seal_entries(bodies: Sequence[bytes], signer: KeyProvider) -> list[bytes]:
    """Seal entries written in one transaction with one signature; one seal for each body, in the same order.

    Raises:
        KeyUnavailable: the signer answered with something that is not an Ed25519 signature and key id.
    """
    if not bodies:
        return []
    if len(bodies) == 1:
        return [_signed(merkle.leaf_hash(bodies[0]), 1, signer) + _ALONE]
    size = len(bodies)
    root, paths = merkle.paths([merkle.leaf_hash(body) for body in bodies])
    signed = _signed(root, size, signer)
    return [b"".join((signed, struct.pack(">II", index, size), *path)) for index, path in enumerate(paths)]


def parse_seal(seal: bytes) -> Seal:
    """Take a seal apart. Only its form is checked here.

    Raises:
        BadSeal: the bytes are not exactly one seal.
    """
    if not isinstance(seal, bytes):
        raise BadSeal(f"expected bytes; got {type(seal).__name__}")
    if not _HEAD.size <= len(seal) <= _LONGEST_SEAL:
        raise BadSeal(f"expected {_HEAD.size} to {_LONGEST_SEAL} bytes; got {len(seal)}")
    key_id, signature, index, size = _HEAD.unpack_from(seal)
    if index >= size:
        raise BadSeal(f"expected an index below the size {size}; got {index}")
    expected = _HEAD.size + merkle.path_length(index, size) * merkle.HASH_LENGTH
    if len(seal) != expected:
        raise BadSeal(f"expected {expected} bytes for entry {index} of {size}; got {len(seal)}")
    path = tuple(seal[at : at + merkle.HASH_LENGTH] for at in range(_HEAD.size, len(seal), merkle.HASH_LENGTH))
    return Seal(key_id, signature, index, size, path)


def verify_seal(body: bytes, seal: bytes, public_key_lookup: PublicKeyLookup) -> None:
    """Check that a seal is by a key the verifier trusts, and covers exactly this body.

    Raises:
        BadSeal: it is not, or does not.
    """
    parsed = parse_seal(seal)
    _verify_root(_key(parsed.key_id, public_key_lookup), parsed, _root(body, parsed))


class SealVerifier:
    """Checks many entries; what was sealed by one signature costs one signature check.

    Only what held is remembered, and only the last ``remembered`` roots. One verifier serves one run in one thread.
    """

    def __init__(self, public_key_lookup: PublicKeyLookup, remembered: int = 65_536) -> None:
        self._lookup = public_key_lookup
        self._remembered = remembered
        self._held: OrderedDict[tuple[bytes, bytes, bytes, int], None] = OrderedDict()

    def verify(self, body: bytes, seal: bytes) -> None:
        """The same as ``verify_seal``.

        Raises:
            BadSeal: the seal is not by a trusted key, or does not cover exactly this body.
        """
        if type(seal) is bytes and len(seal) == _HEAD.size and seal.endswith(_ALONE):  # no other has its signature
            key_id, signature = seal[:KEY_ID_LENGTH], seal[KEY_ID_LENGTH : -len(_ALONE)]
            covered = b"".join((_COVERED_ALONE, merkle.leaf_hash(body), _ALONE[4:]))
            _verify(_key(key_id, self._lookup), key_id, signature, covered)
            return
        parsed = parse_seal(seal)
        key = _key(parsed.key_id, self._lookup)
        root = _root(body, parsed)
        known = (parsed.key_id, parsed.signature, root, parsed.size)
        if known in self._held:
            self._held.move_to_end(known)  # the roots of large batches stay while lone entries pass by
            return
        _verify_root(key, parsed, root)
        self._held[known] = None
        if len(self._held) > self._remembered:
            self._held.popitem(last=False)


def _covered(root: bytes, size: int) -> bytes:
    return pae(SEAL_TYPE, root + size.to_bytes(4, "big"))


def _signed(root: bytes, size: int, signer: KeyProvider) -> bytes:
    key_id, signature = signer.key_id(), signer.sign(_covered(root, size))
    if len(key_id) != KEY_ID_LENGTH or len(signature) != SIGNATURE_LENGTH:
        raise KeyUnavailable(
            name=repr(signer),
            expected=f"a key id of {KEY_ID_LENGTH} and a signature of {SIGNATURE_LENGTH} bytes",
            actual=f"{len(key_id)} and {len(signature)} bytes",
        )
    return key_id + signature


def _key(key_id: bytes, lookup: PublicKeyLookup) -> Ed25519PublicKey:
    key = lookup(key_id)
    if key is None:
        raise BadSeal(f"no trusted key has the id {key_id.hex()}")
    return key


def _root(body: bytes, seal: Seal) -> bytes:
    if seal.size == 1:  # a lone entry is its own root
        return merkle.leaf_hash(body)
    try:
        return merkle.root_from_path(seal.index, seal.size, merkle.leaf_hash(body), seal.path)
    except merkle.BadProof as bad:
        raise BadSeal(bad.reason) from None


def _verify_root(key: Ed25519PublicKey, seal: Seal, root: bytes) -> None:
    _verify(key, seal.key_id, seal.signature, _covered(root, seal.size))


def _verify(key: Ed25519PublicKey, key_id: bytes, signature: bytes, covered: bytes) -> None:
    try:
        key.verify(signature, covered)
    except InvalidSignature:
        raise BadSeal(f"the signature of key {key_id.hex()} does not cover this entry") from None
