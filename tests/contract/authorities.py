"""An invented authority that certifies keys, an invented one for timestamps, and the hand of a person who uses both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.contract.world import World
from workflow import Actor
from workflow.acts import Sign
from workflow.clock import moment
from workflow.evidence import canonical, certified
from workflow.evidence.certified import Authorities
from workflow.evidence.standalone import Policy
from workflow.keybook import Keybook
from workflow.store import tables as t
from workflow_adapters.timestamps import RFC3161

HANDLER = Actor("o1-handler", "handler", "o1")

FROM, UNTIL = datetime(2019, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)


def known_as(text: str, kind: x509.ObjectIdentifier = NameOID.COMMON_NAME) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text)])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def newer(certificate: x509.Certificate) -> bytes:
    """The DER of a certificate of a version that there is not: v4."""
    version = bytes.fromhex("a003020102")
    assert version in der(certificate)
    return der(certificate).replace(version, bytes.fromhex("a003020103"), 1)


def doubled(certificate: x509.Certificate) -> bytes:
    """The DER of a certificate that has its last extension twice."""
    held = asn1.Certificate.load(der(certificate))
    extensions = held["tbs_certificate"]["extensions"]
    extensions.append(extensions[len(extensions) - 1].copy())
    made: bytes = held.dump(force=True)
    return made


class Authority:
    """Issues certificates with a key of its own."""

    def __init__(self, called: str, key: Any = None, **how: Any) -> None:
        self.key = key or Ed25519PrivateKey.generate()
        self.name = known_as(called)
        self.certificate = self.issue(self.key.public_key(), self.name, **{"ca": True, **how})

    def issue(
        self,
        public: Any,
        subject: x509.Name,
        *,
        since: datetime = FROM,
        until: datetime = UNTIL,
        ca: bool = False,
        serial: int = 0,
        also: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> x509.Certificate:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        made = made.serial_number(serial or x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        for extension, critical in also:
            made = made.add_extension(extension, critical=critical)
        return made.sign(self.key, None if isinstance(self.key, Ed25519PrivateKey) else hashes.SHA256())


class Stamps:
    """Puts RFC 3161 timestamps on bytes, with a certificate under a root of its own."""

    def __init__(
        self, called: str = "invented timestamps", purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING
    ) -> None:
        self.root = Authority(called, ec.generate_private_key(ec.SECP256R1()))
        self.key = ec.generate_private_key(ec.SECP256R1())
        also = ((x509.ExtendedKeyUsage([purpose]), True),)
        self.certificate = self.root.issue(self.key.public_key(), known_as(f"{called} 1"), also=also)

    def token(self, signed: bytes, at: datetime, hash_: str = "sha256", also: Sequence[bytes] = ()) -> bytes:
        """A token over bytes; times in it are of whole seconds, as most authorities have them. ``also``: certificates put
        in beside the one that made it; nothing is signed over them."""
        imprint = {"hash_algorithm": {"algorithm": hash_}, "hashed_message": hashlib.new(hash_, signed).digest()}
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4",
                "message_imprint": imprint,
                "serial_number": 1,
                "gen_time": at.replace(microsecond=0),
            }
        ).dump()
        mine = asn1.Certificate.load(der(self.certificate))
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(info).digest()]},
            ]
        )
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {"issuer_and_serial_number": {"issuer": mine.issuer, "serial_number": mine.serial_number}}
                ),
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": self.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )
        signed_data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
                "certificates": [mine, *map(asn1.Certificate.load, also)],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump()


certified.register(RFC3161)
CA, STAMPS = Authority("invented authority"), Stamps()
OURS = Authorities([pem(CA.certificate)], [der(STAMPS.root.certificate)])


@dataclass
class Hand:
    """A person's key, and what the host adds to a signature by it."""

    world: World
    ca: Authority = field(default_factory=lambda: CA)
    stamps: Stamps = field(default_factory=lambda: STAMPS)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    person: str = HANDLER.person

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def certificate(self, **how: Any) -> x509.Certificate:
        how.setdefault("subject", known_as(self.person))
        return self.ca.issue(how.pop("public", self.key.public_key()), **how)

    def prepare(self, item: str = "m1") -> tuple[Sign, dict[str, Any], bytes]:
        act = Sign(item=item, by=HANDLER, seen=self.world.case(item).content, opinion="agreed")
        made = self.world.engine.prepare(act)
        signature = self.key.sign(made.to_sign())
        return (
            act,
            {"nonce": made.nonce, "at": made.at, "key": self.public.hex(), "signature": signature.hex()},
            signature,
        )

    def proof(self, item: str = "m1", *, late: float = 0, hash_: str = "sha256", **how: Any) -> dict[str, Any]:
        _, proof, signature = self.prepare(item)
        token = self.stamps.token(signature, now(self.world) + timedelta(seconds=late), hash_)
        return proof | {"certificate": der(self.certificate(**how)).hex(), "timestamp": token.hex()}

    def sign(self, proof: dict[str, Any], item: str = "m1") -> dict[str, Any]:
        seen = self.world.case(item).content
        receipt = self.world.engine.sign(item, HANDLER, seen, opinion="agreed", proof=proof)
        with self.world.engine.reading() as connection:
            rows = connection.execute(t.entry.select().where(t.entry.c.chain == item, t.entry.c.seq == receipt.seq))
            recorded: dict[str, Any] = canonical.decode(rows.mappings().one()["body"])["proof"]
        return recorded


def now(world: World) -> datetime:
    return moment(world.clock.now(), "UTC")


def registered(hand: Hand) -> Hand:
    """The hand with its key on record, in an engine that knows both authorities."""
    with hand.world.engine.desk() as desk:
        book = Keybook(desk.connection, hand.world.engine.key, hand.world.clock.now())
        book.register("signer", hand.person, hand.public, by="p-0001", reason="an invented reason")
    hand.world.engine.certified = OURS
    return hand


def policy(**more: Any) -> Policy:
    plain = {"authorities": [pem(CA.certificate)], "timestamps": [der(STAMPS.root.certificate).hex()]} | more
    return Policy.read(json.dumps(plain).encode())
