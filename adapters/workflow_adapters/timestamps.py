"""RFC 3161 timestamps on ``rfc3161-client``; install the extra ``certified``.

A token holds the certificate of the authority that made it (a request says ``certReq``), and those between it and the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.x509 import load_der_x509_certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from workflow.clock import micros
from workflow.evidence.certified import BadToken, unreadable

_GRANTED = bytes.fromhex("3003020100")  # the status of a response that has a token


class _RFC3161:
    def moment(self, token: bytes, signed: bytes, roots: Sequence[bytes]) -> int:
        try:
            read = decode_timestamp_response(_response(token))
            _each_once(read.signed_data.certificates)
            verifier = VerifierBuilder(roots=[load_der_x509_certificate(root) for root in roots]).build()
            verifier.verify_message(read, signed)
            return micros(read.tst_info.gen_time)
        except unreadable(VerificationError) as error:
            raise BadToken(str(error)[:120] or "no token") from None


def _each_once(certificates: Iterable[bytes]) -> None:
    """No two embedded certificates, which nobody signed for, answer to one issuer and serial number.

    The library takes the first that the token's signer names out of a set, and so by chance. Names are compared as loosely
    as some checker may: in any letters and spaces.
    """
    held = set()
    for one in map(load_der_x509_certificate, certificates):
        named = "".join(one.issuer.rfc4514_string().casefold().split()), one.serial_number
        if named in held:
            raise BadToken("two of its certificates have one issuer and serial number")
        held.add(named)


def _response(token: bytes) -> bytes:
    """The token in a response as the library reads it: a DER sequence of the status and the token."""
    held = _GRANTED + token
    size = len(held).to_bytes((len(held).bit_length() + 7) // 8, "big")
    return b"\x30" + (size if len(held) < 128 else bytes([0x80 + len(size)]) + size) + held


RFC3161 = _RFC3161()
"""For ``workflow.evidence.certified.register``; found by itself through the entry point ``workflow.timestamps``."""
