"""Certified keys and trusted timestamps: what makes a signature by a person's own key S3.

A key event says whose a key is in the word of this log; a certificate says it in the word of an authority outside, and an
RFC 3161 token over the signature says, in the word of another, by when the signature was there. A record holds both
(``certificate``, ``timestamp``); which authorities count is told to the engine that signs, and to whoever verifies later,
by themselves: nothing in a record is trusted.

Not looked at are lists of what an authority revoked (CRL, OCSP): a key that was lost is revoked here, by a key event.

How a host comes to one::

    engine = Engine.at(url, home, certified=Authorities(cas=[pem, ...], tsas=[pem, ...]))
    prepared = engine.prepare(Sign(item=..., by=..., seen=...))
    signature = ...  # the person's key signs prepared.to_sign()
    token = ...      # the host asks its timestamp authority (with certReq) for a token over the bytes of the signature
    engine.sign(..., proof={"nonce": prepared.nonce, "at": prepared.at, "key": public.hex(), "signature": signature.hex(),
                            "certificate": certificate.hex(), "timestamp": token.hex()})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workflow.clock import micros, moment
from workflow.errors import BadAuthority, Said, Unknown
from workflow.evidence.signatures import ED25519

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ENTRY_POINTS = "workflow.timestamps"
MEMBERS = ("certificate", "timestamp")
"""What a proof has beside key and signature when it is S3, each DER in hex."""
TOLERANCE = 60_000_000
"""How far the clock of a timestamp authority may stand from the engine's, microseconds."""
LIMIT = 1 << 15  # bytes of a certificate or a token; they stand in the record


class NotCertified(Exception):
    """A certificate or a timestamp does not hold.

    Attributes:
        code: ``certificate`` or ``timestamp``.
    """

    def __init__(self, code: str, expected: Said, actual: str | Said) -> None:
        super().__init__(f"expected {expected}; got {actual}")
        self.code, self.expected, self.actual = code, expected, actual


class BadToken(ValueError):
    """Bytes are no token of an authority that counts over what was signed; the text says why."""


class Timestamps(Protocol):
    """Reads RFC 3161 tokens. MUST check signature, path to one of the roots, purpose and imprint."""

    def moment(self, token: bytes, signed: bytes, roots: Sequence[bytes]) -> int:
        """The moment, microseconds UTC, that the token puts on exactly these bytes.

        Args:
            roots: certificates of the authorities that count, DER.

        Raises:
            BadToken: it is none, by none of these, or over something else.
        """
        ...


_known: list[Timestamps] = []


def register(stamps: Timestamps) -> None:
    """Make a reader of tokens known to this process, in place of the one that the extra ``certified`` brings."""
    _known[:] = [stamps]


def timestamps() -> Timestamps:
    """The reader of tokens.

    Raises:
        Unknown: none is installed.
        BadAuthority: more than one is, and none was registered: which one counts is not for the order of packages to say.
    """
    if not _known:
        from importlib.metadata import entry_points

        found: dict[str, Timestamps] = {}
        for point in entry_points(group=ENTRY_POINTS):
            try:
                found[point.value] = point.load()
            except ImportError:  # the package names it, and the extra is not installed
                continue
        if len(found) > 1:
            expected = Said(
                "one checker of timestamps installed, or one named by evidence.certified.register",
                "只安装一个时间戳核验组件,或以 evidence.certified.register 指定其一",
            )
            raise BadAuthority(place=ENTRY_POINTS, expected=expected, actual=", ".join(sorted(found)))
        _known.extend(found.values())
    if not _known:
        hint = Said(
            "; it takes the extra: pip install 'signoff-workflow[certified]'",
            ";请安装附加组件:pip install 'signoff-workflow[certified]'",
        )
        raise Unknown(kind=Said("checker of timestamps", "时间戳核验组件"), name="rfc3161", hint=hint)
    return _known[0]


class Authorities:
    """Who certifies keys, and who puts timestamps on signatures, for an engine that signs or a person who verifies.

    Args:
        cas: certificates of the authorities that issue persons' certificates themselves, each PEM, DER or DER in hex.
        tsas: certificates that a timestamp authority's own leads to, likewise.
        names: what certificates call a person, where that is not the person's id. Looked at is the serial number of the
            subject; where it has none its UID, else its common name.

    Raises:
        BadAuthority: one of them is no certificate, or several, or one of ``cas`` that may not issue any; or there are none;
            or two checkers of timestamps are installed.
        Unknown: nothing here reads timestamps.
    """

    def __init__(
        self, cas: Sequence[str | bytes], tsas: Sequence[str | bytes], names: Mapping[str, str] | None = None
    ) -> None:
        for kind, given in (("cas", cas), ("tsas", tsas)):
            if not given:
                raise BadAuthority(
                    place=kind, expected=Said("at least one certificate", "至少一份证书"), actual=Said("none", "无")
                )
        self.names = dict(names or {})
        self._stamps = timestamps()
        self._cas = [_issuer(_given(one, f"cas[{n}]"), f"cas[{n}]") for n, one in enumerate(cas)]
        self._tsas = [_der(_given(one, f"tsas[{n}]")) for n, one in enumerate(tsas)]

    def check(self, proof: Mapping[str, Any], person: str, since: int, until: int) -> int:
        """Whether a certificate names the person and the key of a proof, and a timestamp its signature.

        Args:
            since, until: when the statement was prepared, and when it was recorded; the token is of between, give or take
                ``TOLERANCE``. Microseconds UTC.

        Returns:
            The moment of the token.

        Raises:
            NotCertified: says what does not hold.
        """
        token, signed = written(proof, "timestamp"), bytes.fromhex(proof["signature"])
        try:
            at = self._stamps.moment(token, signed, self._tsas)
        except BadToken as bad:
            expected = Said(
                "an RFC 3161 token (with its certificates, without the response around it) over the bytes of the "
                "signature, by one of the timestamp authorities given",
                "由所列时间戳机构就签名字节签发的 RFC 3161 时间戳令牌(附证书,不含外层响应)",
            )
            actual = Said(f"one that does not hold: {bad}", f"核验不通过的令牌:{bad}")
            raise NotCertified("timestamp", expected, actual) from None
        if not since - TOLERANCE <= at <= until + TOLERANCE:
            within = f"{_told(since)} … {_told(until)} ± {TOLERANCE // 1_000_000} s"
            expected = Said(
                f"a timestamp from between prepare and record: {within}", f"备签至记录之间的时间戳:{within}"
            )
            raise NotCertified("timestamp", expected, _told(at))
        certificate = written(proof, "certificate")
        from cryptography import x509

        try:  # it is read piece by piece, as each is asked for
            self._certificate(x509.load_der_x509_certificate(certificate), proof, person, at)
        except unreadable() as error:
            expected = Said("an X.509 certificate in DER", "DER 编码的 X.509 证书")
            actual = Said(f"one that cannot be read: {str(error)[:120]}", f"无法读取的内容:{str(error)[:120]}")
            raise NotCertified("certificate", expected, actual) from None
        return at

    def _certificate(self, certificate: Certificate, proof: Mapping[str, Any], person: str, at: int) -> None:
        """The certificate is of this key and this person, issued by one of ``cas``, and good at the moment."""

        def need(holds: object, en: str, zh: str, actual: str | Said) -> None:
            if not holds:
                raise NotCertified("certificate", Said(en, zh), actual)

        public, named, unfit = _key(certificate), _name(certificate), _unfit(certificate)
        key, algorithm = proof["key"], proof.get("algorithm", ED25519)
        need(
            algorithm == ED25519 and public == key,
            f"the certificate of the Ed25519 key {key}",
            f"Ed25519 密钥 {key} 的证书",
            public or Said("one of another kind of key", "其他类型密钥的证书"),
        )
        name = self.names.get(person, person)
        need(
            named == name,
            f"a certificate that names {name} (serial number of the subject, else UID, else common name)",
            f"记名为 {name} 的证书(依次取主体序列号、UID、通用名)",
            named or Said("one that names nobody alone", "未记载唯一名称"),
        )
        need(
            not unfit,
            "a certificate for signing, with no critical extension that is unknown here",
            "用于签名且无未识别关键扩展的证书",
            unfit,
        )
        issuers = [ca for ca in self._cas if _issued(certificate, ca)]
        need(
            issuers,
            "a certificate issued by one of the authorities given, itself",
            "由所列认证机构直接签发的证书",
            certificate.issuer.rfc4514_string(),
        )
        need(
            _good(certificate, at) and any(_good(ca, at) for ca in issuers),
            f"a certificate and an authority that were good at {_told(at)}",
            f"在 {_told(at)} 有效的证书及认证机构",
            " · ".join(_span(one) for one in (certificate, *issuers)),
        )


def _good(certificate: Certificate, at: int) -> bool:
    return micros(certificate.not_valid_before_utc) <= at <= micros(certificate.not_valid_after_utc)


def _span(certificate: Certificate) -> str:
    return f"{certificate.not_valid_before_utc.isoformat()} … {certificate.not_valid_after_utc.isoformat()}"


def _told(us: int) -> str:
    return moment(us, "UTC").isoformat(timespec="milliseconds")


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def written(proof: Mapping[str, Any], member: str) -> bytes:
    """What a proof has as hex, as it goes on record.

    Raises:
        NotCertified: it is something else.
    """
    text = proof.get(member)
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if not 0 < len(data) <= LIMIT or data.hex() != text:
        expected = Said(
            f"{member}: DER in lowercase hex, up to {LIMIT} bytes", f"{member}:小写十六进制 DER,不超过 {LIMIT} 字节"
        )
        actual = Said("nothing", "无") if member not in proof else Said(f"{str(text)[:40]}…", f"{str(text)[:40]}…")
        raise NotCertified(member, expected, actual)
    return data


def unreadable(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """What reading a certificate raises where it is none, not all of it a ``ValueError``; and ``also`` beside it."""
    from cryptography import x509

    return ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType, *also


def _given(one: str | bytes, place: str) -> Certificate:
    """A certificate as people write them: PEM, DER, or DER in hex."""
    from cryptography import x509

    try:
        data = one.encode() if isinstance(one, str) else one
        if data.count(b"-----BEGIN") > 1:
            raise ValueError("several PEM blocks, of which only one would be read; give each by itself")
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(bytes.fromhex(one) if isinstance(one, str) else one)
    except unreadable() as error:
        expected = Said("an X.509 certificate: PEM, DER, or DER in hex", "X.509 证书:PEM、DER 或十六进制 DER")
        raise BadAuthority(place=place, expected=expected, actual=str(error)[:120]) from None


def _issuer(certificate: Certificate, place: str) -> Certificate:
    """A certificate that may issue others."""
    from cryptography import x509

    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        issues, unfit = basic.ca, _unfit(certificate, issuing=True)
    except unreadable(x509.ExtensionNotFound):
        issues, unfit = False, ""
    if not issues or unfit:
        expected = Said(
            "the certificate of an authority that may issue certificates (basic constraints: CA)",
            "可签发证书的认证机构证书(基本约束:CA)",
        )
        raise BadAuthority(place=place, expected=expected, actual=unfit or certificate.subject.rfc4514_string())
    return certificate


def _key(certificate: Certificate) -> str:
    """The Ed25519 key of a certificate in hex; empty for another kind."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        return ""
    return key.public_bytes_raw().hex() if isinstance(key, Ed25519PublicKey) else ""


def _name(certificate: Certificate) -> str:
    """Whom a certificate names: the serial number of the subject, else its UID, else its common name."""
    from cryptography.x509 import NameOID

    for kind in (NameOID.SERIAL_NUMBER, NameOID.USER_ID, NameOID.COMMON_NAME):
        held = certificate.subject.get_attributes_for_oid(kind)
        if held:
            return str(held[0].value) if len(held) == 1 else ""
    return ""


def _unfit(certificate: Certificate, *, issuing: bool = False) -> str | Said:
    """Why a certificate is not for this purpose: its key is for others, or it makes a demand that nobody here can meet."""
    from cryptography import x509

    for extension in certificate.extensions:
        held = extension.value
        if isinstance(held, x509.KeyUsage):
            if not (held.key_cert_sign if issuing else held.digital_signature or held.content_commitment):
                return Said("one whose key usage is another", "密钥用途不符的证书")
        elif extension.critical and not isinstance(held, x509.BasicConstraints):
            named = extension.oid.dotted_string
            return Said(f"one with the critical extension {named}", f"含关键扩展 {named} 的证书")
    return ""


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether one certificate was signed with the key of the other, under a hash that still counts."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        hashed = certificate.signature_hash_algorithm  # None for Ed25519
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return hashed is None or hashed.digest_size >= 32
