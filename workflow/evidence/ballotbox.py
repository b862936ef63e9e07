"""A paper sealed to all scrutineers together: whoever opens it needs every one of their keys.

An ephemeral X25519 key meets each scrutineer's; the shared secrets, in the order of the keys, give a key that seals this
one paper with ChaCha20-Poly1305. All papers of a vote are of one length.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CODE = b"signoff.ballot.code/1\0"
_VOTER = b"signoff.ballot.voter/1\0"
_KEY = b"signoff.ballot.seal/1\0"
MARK = 16
CODE_BYTES = 16


def new_codes(number: int) -> list[str]:
    """One-time codes of 128 bits, for the issuer, who hands one to each voter and writes down nowhere which."""
    return [secrets.token_hex(CODE_BYTES) for _ in range(number)]


def hash_of_code(code: str) -> bytes:
    """What the engine holds of a code."""
    return hashlib.sha256(_CODE + code.strip().lower().encode()).digest()


def hash_of_voter(voter: str) -> bytes:
    """What stands for a voter in an open vote."""
    return hashlib.sha256(_VOTER + voter.encode()).digest()


def new_key() -> tuple[str, str]:
    """A scrutineer's key for one vote: private and public, hex. The private one stays with the scrutineer."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw().hex(), private.public_key().public_bytes_raw().hex()


def public_of(private: str) -> str:
    """The public key of a private one, both hex.

    Raises:
        ValueError: it is no key.
    """
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(private)).public_key().public_bytes_raw().hex()


def is_public(key: str) -> bool:
    """Whether papers can be sealed to a key."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(key)))
    except ValueError:
        return False
    return True


def seal(paper: bytes, keys: Iterable[str]) -> bytes:
    """A paper that only all scrutineers together open.

    Args:
        keys: their public keys, hex.
    """
    own = X25519PrivateKey.generate()
    public = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    shared = [own.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(k))) for k in sorted(keys)]
    return public + ChaCha20Poly1305(_one_key(public, shared)).encrypt(bytes(12), paper, b"")


def unseal(sealed: Sequence[bytes], keys: Iterable[str]) -> list[bytes]:
    """The papers of a box, in the order of their own random bytes, which is that of nothing else.

    Args:
        keys: the private keys of all scrutineers, hex.

    Raises:
        ValueError: these keys do not open it.
    """
    held = [X25519PrivateKey.from_private_bytes(bytes.fromhex(k)) for k in sorted(keys, key=public_of)]
    out = []
    for one in sealed:
        public = one[:32]
        shared = [k.exchange(X25519PublicKey.from_public_bytes(public)) for k in held]
        try:
            out.append(ChaCha20Poly1305(_one_key(public, shared)).decrypt(bytes(12), one[32:], b""))
        except InvalidTag:
            raise ValueError("these keys do not open the box") from None
    return sorted(out)


def _one_key(public: bytes, shared: Sequence[bytes]) -> bytes:
    return hmac.digest(_KEY, public + b"".join(shared), "sha256")
