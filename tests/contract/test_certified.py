"""A person's certified key with a trusted timestamp: signing with it. Source: evidence, strength S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.authorities import (
    CA,
    HANDLER,
    STAMPS,
    Authority,
    Hand,
    Stamps,
    der,
    doubled,
    known_as,
    newer,
    now,
    pem,
    policy,
    registered,
)
from tests.contract.world import World
from workflow.clock import micros
from workflow.errors import BadAuthority, BadSignature, Unknown
from workflow.evidence import certified
from workflow.evidence.certified import Authorities, BadToken
from workflow.evidence.standalone import Policy
from workflow.verify import Report, Verifier, verify
from workflow_adapters.timestamps import RFC3161


@pytest.fixture(scope="module")
def hand(shared: World) -> Hand:
    shared.begin("m1")
    return registered(Hand(shared))


ENDS = datetime(2019, 8, 12, 1, 0, 30, tzinfo=UTC)
OVER = Authority("an authority until soon", until=ENDS)
TOKEN, ROOTS = STAMPS.token(b"signed", ENDS), [der(STAMPS.root.certificate)]
NO_STAMPS = Stamps("another purpose", ExtendedKeyUsageOID.CODE_SIGNING)


def looked_at(world: World, given: Policy) -> Report:
    with world.engine.reading() as connection:
        return verify(connection, policy=given)


def test_a_certified_key_and_a_timestamp_make_s3(hand: Hand) -> None:
    hand.world.begin("happy")
    recorded = hand.sign(proof := hand.proof("happy"), "happy")
    kept = {m: proof[m] for m in ("key", "signature", "certificate", "timestamp")}
    assert recorded == {"strength": "S3", "prepared": True, **kept}
    found = looked_at(hand.world, policy(strength="S3"))
    assert found.holds and found.strengths["S3"] >= 1 and not found.strengths["S3?"], found.failures
    assert (found.unpinned, found.uncertified, found.unregistered) == (0, 0, 0)


def bitten(proof: dict[str, Any], member: str, at: int) -> dict[str, Any]:
    data = bytearray.fromhex(proof[member])
    data[at] ^= 1
    return proof | {member: data.hex()}


def response(proof: dict[str, Any]) -> dict[str, Any]:
    """The whole answer of a timestamp authority instead of the token in it."""
    made = tsp.TimeStampResp(
        {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(bytes.fromhex(proof["timestamp"]))}
    )
    return proof | {"timestamp": made.dump().hex()}


def without(proof: dict[str, Any], *gone: str) -> dict[str, Any]:
    return {m: value for m, value in proof.items() if m not in gone}


def intermediate() -> Authority:
    made = Authority("an authority below")
    made.certificate = CA.issue(made.key.public_key(), made.name, ca=True)
    return made


def beside(hand: Hand, *also: bytes) -> dict[str, Any]:
    """A token with further certificates in it."""
    proof = hand.proof()
    token = hand.stamps.token(bytes.fromhex(proof["signature"]), now(hand.world), also=also)
    return proof | {"timestamp": token.hex()}


def namesake(called: str) -> bytes:
    """A certificate with the serial number of the one that makes timestamps, by another issuer."""
    other = Authority(called)
    return der(other.issue(other.key.public_key(), known_as("x"), serial=STAMPS.certificate.serial_number))


SOON = timedelta(seconds=30)
TWICE = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text) for text in (HANDLER.person, "another")])
NUMBERED = x509.Name(
    [x509.NameAttribute(NameOID.COMMON_NAME, HANDLER.person), x509.NameAttribute(NameOID.SERIAL_NUMBER, "another")]
)
AGREES = x509.KeyUsage(False, False, False, False, True, False, False, False, False)
ISSUES_TOO = x509.KeyUsage(True, True, False, False, False, True, True, False, False)
LIMITED = x509.NameConstraints([x509.DNSName("example.org")], None)

REFUSED: dict[str, tuple[Callable[[Hand], dict[str, Any]], str]] = {
    "another key": (
        lambda h: h.proof(public=Ed25519PrivateKey.generate().public_key()),
        "certificate of the Ed25519 key",
    ),
    "another kind of key": (
        lambda h: h.proof(public=ec.generate_private_key(ec.SECP256R1()).public_key()),
        "another kind of key",
    ),
    "another person": (lambda h: h.proof(subject=known_as("o1-secretary")), "names o1-handler .*; got o1-secretary"),
    "nobody": (lambda h: h.proof(subject=x509.Name([])), "names nobody alone"),
    "two names": (lambda h: h.proof(subject=TWICE), "names nobody alone"),
    "a serial number before the name": (lambda h: h.proof(subject=NUMBERED), "got another"),
    "another authority": (
        lambda h: replace(h, ca=Authority("invented authority")).proof(),
        "authorities given, itself",
    ),
    "an authority below": (lambda h: replace(h, ca=intermediate()).proof(), "itself; got CN=an authority below"),
    "itself": (lambda h: replace(h, ca=Authority(h.person, h.key)).proof(), "itself; got CN=o1-handler"),
    "over when stamped": (lambda h: h.proof(late=40, until=now(h.world) + SOON), "were good at"),
    "not begun when stamped": (lambda h: h.proof(since=now(h.world) + SOON), "were good at"),
    "of an authority that is over": (lambda h: replace(h, ca=OVER).proof(late=40), "were good at"),
    "not for signing": (lambda h: h.proof(also=((AGREES, True),)), "for signing.*key usage"),
    "an unknown demand": (lambda h: h.proof(also=((LIMITED, True),)), "critical extension 2.5.29.30"),
    "no certificate": (lambda h: h.proof() | {"certificate": "3000"}, "certificate in DER"),
    "a certificate and more": (
        lambda h: (p := h.proof()) | {"certificate": p["certificate"] + "00"},
        "certificate in DER",
    ),
    "capital letters": (lambda h: (p := h.proof()) | {"certificate": p["certificate"].upper()}, "lowercase hex"),
    "no text": (lambda h: h.proof() | {"certificate": 7}, "lowercase hex"),
    "too large": (lambda h: h.proof() | {"timestamp": "00" * (certified.LIMIT + 1)}, "up to 32768 bytes"),
    "the certificate alone": (lambda h: without(h.proof(), "timestamp"), "timestamp: DER.*nothing"),
    "the timestamp alone": (lambda h: without(h.proof(), "certificate"), "certificate: DER.*nothing"),
    "beside a PIN": (
        lambda h: without(h.proof(), "key", "signature") | {"method": "pin"},
        "own key .*no such signature",
    ),
    "beside a click": (lambda h: without(h.proof(), "key", "signature", "nonce", "at"), "own key .*no such signature"),
    "over something else": (
        lambda h: h.proof() | {"timestamp": STAMPS.token(b"something else", now(h.world)).hex()},
        "RFC 3161 token",
    ),
    "over another signature": (lambda h: h.proof() | {"timestamp": h.proof()["timestamp"]}, "RFC 3161 token"),
    "by another authority": (lambda h: replace(h, stamps=Stamps()).proof(), "RFC 3161 token"),
    "by one whose certificate is for other things": (lambda h: replace(h, stamps=NO_STAMPS).proof(), "RFC 3161 token"),
    "too early": (lambda h: h.proof(late=-61), "from between prepare and record.*± 60 s; got 2019-08-12T00:58:59"),
    "too late": (lambda h: h.proof(late=61), "from between prepare and record"),
    "the answer around the token": (lambda h: response(h.proof()), "without the response around it"),
    "two of its certificates named alike": (
        lambda h: beside(h, namesake("invented timestamps")),
        "two of its certificates have one issuer and serial number",
    ),
    "named alike but for letters": (
        lambda h: beside(h, namesake("INVENTED  Timestamps")),
        "two of its certificates have one issuer and serial number",
    ),
    "a certificate of version 4 in the token": (
        lambda h: beside(h, newer(CA.certificate)),
        "RFC 3161 token.*version",
    ),
    "a certificate of version 4": (
        lambda h: h.proof() | {"certificate": newer(h.certificate()).hex()},
        "certificate in DER.*version",
    ),
    "an extension twice": (
        lambda h: h.proof() | {"certificate": doubled(h.certificate()).hex()},
        "certificate in DER.*uplicate",
    ),
    "a token cut short": (lambda h: (p := h.proof()) | {"timestamp": p["timestamp"][:-2]}, "RFC 3161 token"),
    "no token": (lambda h: h.proof() | {"timestamp": "00"}, "RFC 3161 token"),
    "a changed end of the token": (lambda h: bitten(h.proof(), "timestamp", -1), "RFC 3161 token"),
    "other bytes signed": (lambda h: bitten(h.proof(), "signature", 0), "other bytes were signed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_is_refused_and_never_recorded_as_less(
    case: str, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, said = REFUSED[case]
    tsas = [der(s.root.certificate) for s in (STAMPS, NO_STAMPS)]
    monkeypatch.setattr(hand.world.engine, "certified", Authorities([pem(CA.certificate), pem(OVER.certificate)], tsas))
    before = hand.world.entries("m1")
    with pytest.raises(BadSignature, match=said) as refused:
        hand.sign(make(hand))
    assert hand.world.entries("m1") == before
    assert "应为" in refused.value.text("zh")


WAYS: dict[str, dict[str, Any]] = {
    "a UID": {"subject": x509.Name([x509.NameAttribute(NameOID.USER_ID, HANDLER.person)])},
    "a minute before": {"late": -60},
    "a minute after": {"late": 60},
    "its purpose": {"also": ((ISSUES_TOO, True),)},
    "SHA-512": {"hash_": "sha512"},
}


@pytest.mark.parametrize("case", WAYS)
def test_what_holds_in_another_way_is_s3_too(case: str, hand: Hand) -> None:
    item = hand.world.begin(case.replace(" ", "-"))
    assert hand.sign(hand.proof(item, **WAYS[case]), item)["strength"] == "S3"


def test_a_token_may_bring_the_certificates_above_its_own(hand: Hand) -> None:
    item = hand.world.begin("whole-path")
    _, proof, signature = hand.prepare(item)
    token = STAMPS.token(signature, now(hand.world), also=[der(STAMPS.root.certificate), namesake("another issuer")])
    proof |= {"certificate": der(hand.certificate()).hex(), "timestamp": token.hex()}
    assert hand.sign(proof, item)["strength"] == "S3"


def test_an_authority_may_have_another_kind_of_key_and_call_persons_otherwise(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Authority("by RSA", rsa.generate_private_key(65537, 2048))
    known = Authorities([der(ca.certificate).hex()], [pem(STAMPS.root.certificate)], {HANDLER.person: "another"})
    monkeypatch.setattr(hand.world.engine, "certified", known)
    item = hand.world.begin("by-RSA")
    with pytest.raises(BadSignature, match="names another"):
        hand.sign(replace(hand, ca=ca).proof(item), item)
    assert hand.sign(replace(hand, ca=ca).proof(item, subject=NUMBERED), item)["strength"] == "S3"


@given(st.integers(0), st.integers(1, 255))
def test_whatever_byte_of_a_token_changes_it_never_says_another_moment_or_anything_else(at: int, by: int) -> None:
    changed = bytearray(TOKEN)
    changed[at % len(TOKEN)] ^= by
    try:
        assert RFC3161.moment(bytes(changed), b"signed", ROOTS) == micros(ENDS)
    except BadToken:
        return
    assert RFC3161.moment(TOKEN, b"signed", ROOTS) == micros(ENDS)


@given(st.binary(max_size=300))
def test_whatever_is_no_token_is_called_none(data: bytes) -> None:
    with pytest.raises(BadToken):
        RFC3161.moment(data, b"signed", ROOTS)


def test_an_engine_without_authorities_says_what_to_do(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand.world.engine, "certified", None)
    for gone in ((), ("certificate",), ("timestamp",)):
        with pytest.raises(BadSignature, match=r"leave both out, or give it some: Engine.at\(") as refused:
            hand.sign(without(hand.proof(), *gone))
    assert "本引擎未配置认证机构和时间戳机构" in refused.value.text("zh")
    hand.world.begin("plain")
    assert hand.sign(without(hand.proof("plain"), "certificate", "timestamp"), "plain")["strength"] == "S2"


@pytest.mark.parametrize(
    ("cas", "tsas", "said"),
    [
        ([], ["x"], "cas: expected at least one"),
        ([pem(CA.certificate)], [], "tsas: expected at least one"),
        ([pem(CA.certificate), "zz"], ["x"], r"cas\[1\]: expected an X.509 certificate"),
        ([pem(CA.certificate)], [b"no certificate"], r"tsas\[0\]: expected an X.509 certificate"),
        (["-----BEGIN CERTIFICATE-----"], ["x"], r"cas\[0\]: expected an X.509 certificate"),
        ([newer(CA.certificate)], ["x"], r"cas\[0\]: expected an X.509 certificate.*version"),
        ([newer(CA.certificate).hex()], ["x"], r"cas\[0\]: expected an X.509 certificate.*version"),
        ([pem(CA.certificate)], [newer(STAMPS.root.certificate)], r"tsas\[0\]: expected an X.509 .*version"),
        ([doubled(CA.certificate)], ["x"], r"cas\[0\]: expected .* may issue certificates"),
        ([pem(CA.certificate) + pem(OVER.certificate)], ["x"], r"cas\[0\]: .*several PEM blocks.*give each by itself"),
        ([pem(CA.certificate)], [pem(OVER.certificate).encode() * 2], r"tsas\[0\]: .*several PEM blocks"),
        ([pem(Authority("none", ca=False).certificate)], ["x"], "may issue certificates .*; got CN=none"),
        ([pem(Authority("none", also=((AGREES, True),)).certificate)], ["x"], "got one whose key usage is another"),
    ],
)
def test_what_is_no_authority_is_refused_at_once(cas: list[Any], tsas: list[Any], said: str) -> None:
    with pytest.raises(BadAuthority, match=said) as refused:
        Authorities(cas, tsas)
    assert "应为" in refused.value.text("zh")


def test_without_the_extra_nothing_is_called_good(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> None:
            raise ModuleNotFoundError("rfc3161_client")

    monkeypatch.setattr(certified, "_known", [])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()])
    with pytest.raises(Unknown, match=r"pip install 'signoff-workflow\[certified\]'"):
        Authorities([pem(CA.certificate)], [pem(STAMPS.root.certificate)])
    with pytest.raises(Unknown, match="rfc3161"):
        Verifier(None, policy=policy())


def test_of_two_checkers_installed_none_is_taken_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, value: str, checker: object) -> None:
            self.value, self.checker = value, checker

        def load(self) -> object:
            return self.checker

    points = [Point("a.module:A", RFC3161), Point("b.module:B", object())]
    monkeypatch.setattr(certified, "_known", [])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    with pytest.raises(
        BadAuthority, match=r"one checker of timestamps installed.*got a\.module:A, b\.module:B"
    ) as refused:
        certified.timestamps()
    assert "只安装一个时间戳核验组件" in refused.value.text("zh")
    points.pop()
    assert certified.timestamps() is RFC3161
    points.append(Point("b.module:B", object()))
    assert certified.timestamps() is RFC3161, "what was found stays"
    named: Any = object()
    certified.register(named)
    assert certified.timestamps() is named
