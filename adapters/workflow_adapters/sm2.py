"""SM2 (GB/T 32918.2) for persons' own keys, on ``gmssl-pyx``; install the extra ``sm2``.

Keys are the 64 bytes x | y of the point, signatures DER, the signer id the standard's default ``1234567812345678``.
"""

from __future__ import annotations

import gmssl_pyx

KEY_LENGTH = 64
SIGNATURE_LENGTH = 72  # DER of two numbers of 256 bits, at most


class _SM2:
    name = "sm2"

    def valid_key(self, public: bytes) -> bool:
        try:
            return len(public) == KEY_LENGTH and gmssl_pyx.normalize_sm2_public_key(public) == public
        except gmssl_pyx.GmsslInnerError:
            return False

    def verify(self, public: bytes, signature: bytes, data: bytes) -> bool:
        if len(public) != KEY_LENGTH or not 8 <= len(signature) <= SIGNATURE_LENGTH:
            return False
        try:
            return bool(gmssl_pyx.sm2_verify(public, data, signature))
        except gmssl_pyx.GmsslInnerError:
            return False


SM2 = _SM2()
"""For ``workflow.evidence.signatures.register``; found by itself through the entry point ``workflow.signatures``."""
