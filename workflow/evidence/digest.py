"""Digests that say how they were made, and hashes over several parts that cannot be confused with each other."""

from __future__ import annotations

import hashlib
import re
from functools import cache

from workflow.errors import KeyUnavailable, Unknown, among

ALGORITHMS = ("sha256", "sm3")
"""Both are 32 bytes long. Which of them counts is the verifier's policy, never what a bundle says of itself."""

_DIGEST = re.compile(r"(sha256|sm3):([0-9a-f]{64})")


def sha256(data: bytes) -> str:
    """The SHA-256 digest as ``sha256:`` and 64 lowercase hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sm3(data: bytes) -> str:
    """The SM3 digest (GB/T 32905-2016) as ``sm3:`` and 64 lowercase hex digits.

    Raises:
        KeyUnavailable: the OpenSSL of this Python was built without SM3. There is no slow substitute on purpose.
    """
    try:
        made = hashlib.new("sm3", data)
    except ValueError:
        raise KeyUnavailable(
            name="sm3",
            expected="an OpenSSL with SM3 (mend: use a Python built against OpenSSL 1.1.1 or newer, with SM3 enabled)",
            actual="hashlib without sm3",
        ) from None
    return "sm3:" + made.hexdigest()


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """The digest by a named algorithm.

    Raises:
        Unknown: the algorithm is not one of ``ALGORITHMS``.
        KeyUnavailable: it is, and this Python lacks it.
    """
    if algorithm == "sha256":
        return sha256(data)
    if algorithm == "sm3":
        return sm3(data)
    raise Unknown(kind="digest algorithm", name=algorithm, hint=among(ALGORITHMS))


def parse(text: object) -> tuple[str, str] | None:
    """Algorithm and hex digits of a digest, or None for anything that is not exactly one."""
    match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
    return (match[1], match[2]) if match else None


def hash_parts(domain: str, *parts: bytes) -> bytes:
    """SHA-256 over a domain and parts, each preceded by its length in 8 bytes, most significant first.

    The lengths keep parts apart (``ab, c`` is not ``a, bc``); the domain keeps kinds of hashes apart.
    """
    pieces = [_named(domain)]
    for part in parts:
        pieces += (len(part).to_bytes(8, "big"), part)
    return hashlib.sha256(b"".join(pieces)).digest()


@cache
def _named(domain: str) -> bytes:
    """What a hash of a domain begins with. There are few domains, and many hashes."""
    name = domain.encode()
    return len(name).to_bytes(8, "big") + name


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed in place of a payload: DSSE's pre-authentication encoding, which binds the type.

    Source: DSSE v1 protocol, "PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body".
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
