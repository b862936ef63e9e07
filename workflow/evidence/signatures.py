"""Signature algorithms of keys that are not the engine's own: Ed25519 is built in, others come by an adapter.

An adapter (SM2, say) registers an ``Algorithm``, or names it as an entry point of the group ``workflow.signatures``; it
is loaded when a record first asks for it. Where it is absent a signature is not verified and never called good.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow.errors import Unknown

ED25519 = "ed25519"
# The points of small order, by their y modulo P. Under such a key anybody writes signatures that fit any text, so that
# whoever had one registered could say of each of his own that it was somebody else's. Source: RFC 8032, 5.1.
_P, _EIGHTH = 2**255 - 19, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK = frozenset({0, 1, _P - 1, _EIGHTH, _P - _EIGHTH})
ENTRY_POINTS = "workflow.signatures"


class Algorithm(Protocol):
    """Verifies one kind of signature. MUST answer False, never raise, for keys and signatures of another form."""

    @property
    def name(self) -> str:
        """What records call it: lowercase, ``sm2``."""
        ...

    def valid_key(self, public: bytes) -> bool:
        """Whether these bytes are a public key of this kind."""
        ...

    def verify(self, public: bytes, signature: bytes, data: bytes) -> bool:
        """Whether the signature covers exactly the data."""
        ...


class _Ed25519:
    name = ED25519

    def valid_key(self, public: bytes) -> bool:
        return len(public) == 32 and int.from_bytes(public, "little") % 2**255 % _P not in _WEAK

    def verify(self, public: bytes, signature: bytes, data: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return self.valid_key(public)


_known: dict[str, Algorithm] = {ED25519: _Ed25519()}


def register(algorithm: Algorithm) -> None:
    """Make an algorithm known to this process."""
    _known[algorithm.name] = algorithm


def algorithm(name: str) -> Algorithm:
    """An algorithm by its name.

    Raises:
        Unknown: neither built in nor installed.
    """
    if name not in _known:
        from importlib.metadata import entry_points

        for point in entry_points(group=ENTRY_POINTS, name=name):
            register(point.load())
    if name not in _known:
        raise Unknown(
            kind="signature algorithm", name=name, hint=f"; known are {', '.join(sorted(_known))}; install its adapter"
        )
    return _known[name]


def verifies(name: str, public: str, signature: str, data: bytes) -> bool:
    """Whether a signature, key and signature in hex, covers the data; False for what is malformed.

    A key in other letters than lowercase ones is malformed: it would be another one wherever keys are compared as texts.

    Raises:
        Unknown: the algorithm is not known here, so that nothing can be said.
    """
    known = algorithm(name)
    try:
        key = bytes.fromhex(public)
        return key.hex() == public and known.verify(key, bytes.fromhex(signature), data)
    except (ValueError, TypeError):
        return False
