"""What both verifiers say of a certified key with a trusted timestamp. Source: evidence, strength S3."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.attack.test_agreement import Database
from tests.contract.authorities import (
    CA,
    HANDLER,
    OURS,
    STAMPS,
    Authority,
    Hand,
    Stamps,
    der,
    doubled,
    known_as,
    newer,
    pem,
    policy,
    registered,
)
from tests.contract.world import START, World
from workflow import bundle
from workflow.audit import anchor
from workflow.cli.evidence import as_data, lines
from workflow.clock import moment
from workflow.errors import BadAuthority
from workflow.evidence import standalone
from workflow.evidence.certified import Authorities, NotCertified
from workflow.evidence.standalone import Policy
from workflow.verify import verify
from workflow.views import signatures

OTHER_CA, OTHER_STAMPS = Authority("invented authority"), Stamps()
NONE: dict[str, Any] = {"authorities": [], "timestamps": []}
TOLD = ("demanded", "no-authorities", "no-timestamps", "signer-unknown")
# How a policy differs from the one that names both. Of the engine's verifier: how it counts the signature, what fails, what it
# says it did not check; of the stand-alone one the latter two.
POLICIES: dict[str, tuple[dict[str, Any], str, str, str, str, str]] = {
    "both": ({}, "S3", "", "", "", "no-timestamps"),
    "both, and S3 demanded": ({"strength": "S3"}, "S3", "", "", "", "demanded"),
    "both, and S2 demanded": ({"strength": "S2"}, "S3", "", "", "", "no-timestamps"),
    "both, and the key": ({"signers": "own"}, "S3", "", "", "", "no-timestamps"),
    "both, and another key": ({"signers": "other"}, "S3", "signature", "", "signer", ""),
    "neither": (NONE, "S3?", "", "no-authorities signer-unknown", "", "no-authorities signer-unknown"),
    "neither, and the key": (NONE | {"signers": "own"}, "S3?", "", "no-authorities", "", "no-authorities"),
    "neither, and S2 demanded": (
        NONE | {"strength": "S2"}, "S3?", "", "no-authorities signer-unknown", "", "no-authorities signer-unknown",
    ),
    "another authority": (
        {"authorities": [pem(OTHER_CA.certificate)]}, "S3?", "certificate", "signer-unknown", "certificate", "no-timestamps",
    ),
    "another name": (
        {"names": {HANDLER.person: "x"}}, "S3?", "certificate", "signer-unknown", "certificate", "no-timestamps",
    ),
    "other timestamps": (
        {"timestamps": [pem(OTHER_STAMPS.root.certificate)]}, "S3?", "timestamp", "signer-unknown", "", "no-timestamps",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def signed(shared: World) -> Hand:
    """One item, signed once: by a certified key with a timestamp."""
    hand = registered(Hand(shared))
    shared.begin("m1")
    hand.sign(hand.proof())
    return hand


def standing_alone(world: World, connection: Any, given: Policy, item: str = "m1") -> standalone.Report:
    out = io.BytesIO()
    bundle.write(connection, world.engine.contents, out, "item", item, made_at=0)
    out.seek(0)
    return standalone.Verifier(given).run(out)


@pytest.mark.parametrize("case", POLICIES)
def test_each_verifier_says_only_what_it_checked(case: str, signed: Hand) -> None:
    differs, counted, failing, untold, failing_alone, untold_alone = POLICIES[case]
    keys = {"own": signed.public.hex(), "other": Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()}
    pinned = {"signers": {signed.person: [keys[differs["signers"]]]}} if "signers" in differs else {}
    mine = policy(**{**differs, **pinned})
    with signed.world.engine.reading() as connection:
        found = verify(connection, policy=mine)
        whole = anchor(connection, found, mine, None)
        alone = standing_alone(signed.world, connection, mine)
    assert dict(found.strengths) == {counted: 1}
    assert [f.code for f in found.failures] == failing.split(), found.failures
    assert [code for code in TOLD if code in whole.unchecked] == untold.split()
    assert [code for code, _, _ in alone.failures] == failing_alone.split(), alone.failures
    assert [code for code in TOLD if code in alone.unchecked] == untold_alone.split()
    assert dict(alone.strengths) == ({} if failing_alone else {"S3?": 1})
    assert whole.exit_code == (1 if failing else 0)
    assert alone.exit_code == (1 if failing_alone else 2 if "demanded" in untold_alone else 0)


def test_s3_is_not_demanded_where_nobody_certifies() -> None:
    with pytest.raises(standalone.Unusable, match="policy-authorities"):
        policy(**NONE, strength="S3")


KEY = Ed25519PrivateKey.generate()
CERTIFICATE = der(CA.issue(KEY.public_key(), known_as("p")))
AT = 1_565_571_600_000_000
TOKEN = STAMPS.token(b"signature", moment(AT)).hex()


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, len(CERTIFICATE) - 1), st.integers(0, 255))
def test_whatever_byte_of_a_certificate_changes_both_say_the_same_of_it(at: int, by: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[at] ^= by
    both_say(bytes(changed))


OTHER_THINGS = x509.KeyUsage(False, False, True, False, False, False, False, False, False)  # keyEncipherment
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
LOGIN = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])


@pytest.mark.parametrize(
    ("extension", "critical", "good"),
    [
        (OTHER_THINGS, True, False),
        (OTHER_THINGS, False, False),
        (UNKNOWN, True, False),
        (UNKNOWN, False, True),
        (LOGIN, True, False),
        (LOGIN, False, True),
    ],
)
def test_both_say_the_same_of_what_a_certificate_is_for(
    extension: x509.ExtensionType, critical: bool, good: bool
) -> None:
    made = CA.issue(KEY.public_key(), known_as("p"), also=((extension, critical),))
    assert both_say(der(made)) == good


def test_both_say_the_same_of_a_certificate_of_no_form() -> None:
    made = CA.issue(KEY.public_key(), known_as("p"))
    assert both_say(der(made)) and not both_say(newer(made)) and not both_say(doubled(made))


@pytest.mark.parametrize(
    "ca",
    [
        pem(Authority("none", also=((OTHER_THINGS, True),)).certificate),
        pem(Authority("none", also=((UNKNOWN, True),)).certificate),
        newer(CA.certificate).hex(),
        doubled(CA.certificate).hex(),
        pem(CA.certificate) + pem(OTHER_CA.certificate),
    ],
)
def test_both_say_the_same_of_what_is_no_authority(ca: str) -> None:
    with pytest.raises(BadAuthority):
        Authorities([ca], [pem(STAMPS.root.certificate)])
    with pytest.raises(standalone.Unusable):
        policy(authorities=[ca])


def both_say(certificate: bytes) -> bool:
    """Whether both verifiers take a certificate; they never differ."""
    proof = {"key": KEY.public_key().public_bytes_raw().hex(), "signature": b"signature".hex(), "timestamp": TOKEN}
    proof |= {"certificate": certificate.hex()}
    alone = SimpleNamespace(policy=policy(), report=standalone.Report())
    try:
        said = standalone.certified(alone, {"proof": proof, "statement": {"person": "p", "at": AT}, "at": AT})
    except (standalone.Bad, *standalone.MALFORMED):
        with pytest.raises(NotCertified):
            OURS.check(proof, "p", AT, AT)
        return False
    assert said and OURS.check(proof, "p", AT, AT) == AT
    return True


def test_what_is_on_record_and_what_was_checked_is_shown_in_both_languages(signed: Hand) -> None:
    with signed.world.engine.look() as desk:
        assert [row.strength for row in signatures(desk, "m1", signed.world.clock.now())] == ["S3"]
    with signed.world.engine.reading() as connection:
        for mine, count, en, zh in (
            (policy(), "S3", "certified, with a trusted timestamp", "认证密钥签名,并有可信时间戳"),
            (policy(**NONE), "S3?", "its certificate and timestamp were not checked", "所附证书和时间戳未核验"),
        ):
            found = anchor(connection, verify(connection, policy=mine), mine, None)
            assert as_data(found, contents=False)["strengths"] == {count: 1}
            english, chinese = (list(lines(found, lang, contents=False)) for lang in ("en", "zh"))
            assert any(line.startswith(f"signatures {count}: 1 (") and en in line for line in english)
            assert any(line.startswith(f"签名 {count}:1(") and zh in line for line in chinese)
            unread = "certificate and timestamp of signatures that say S3: the policy names no authorities (1)"
            assert (f"not checked: {unread}" in english) == (count == "S3?")


# --- a record doctored by whoever holds the database and the engine's key ---------------------------------------------

ANOTHER = der(CA.issue(Ed25519PrivateKey.generate().public_key(), known_as(HANDLER.person))).hex()
ELSEWHERE = STAMPS.token(b"something else", START).hex()
NEWER = newer(CA.certificate).hex()
STAMPED_NEWER = STAMPS.token(b"something else", START, also=[newer(CA.certificate)]).hex()
# Codes of the engine's verifier without and with the authorities, and of the stand-alone one.
DOCTORED: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str, str, str]] = {
    "called S2": (lambda p: p.update(strength="S2"), "signature", "signature", "strength", "strength"),
    "called S0": (lambda p: p.update(strength="S0"), "signature", "signature", "strength", "strength"),
    "no certificate": (lambda p: p.pop("certificate"), "signature", "signature", "strength", "strength"),
    "no timestamp": (lambda p: p.pop("timestamp"), "signature", "signature", "strength", "strength"),
    "no signature": (lambda p: p.pop("signature"), "signature", "signature", "strength", "strength"),
    "an empty certificate": (
        lambda p: p.update(certificate=""),
        "certificate",
        "certificate",
        "certificate",
        "certificate",
    ),
    "a certificate that is none": (lambda p: p.update(certificate="3000"), "", "certificate", "", "certificate"),
    "a number for a certificate": (lambda p: p.update(certificate=7), "certificate", "certificate", "body", "body"),
    "the certificate of another key": (lambda p: p.update(certificate=ANOTHER), "", "certificate", "", "certificate"),
    "a timestamp on something else": (lambda p: p.update(timestamp=ELSEWHERE), "", "timestamp", "", ""),
    "a certificate of version 4": (lambda p: p.update(certificate=NEWER), "", "certificate", "", "certificate"),
    "a version 4 in the timestamp": (lambda p: p.update(timestamp=STAMPED_NEWER), "", "timestamp", "", ""),
    "another signature": (
        lambda p: p.update(signature="00" * 64),
        "signature",
        "signature timestamp",
        "signer",
        "signer",
    ),
    "another algorithm": (
        lambda p: p.update(algorithm="sphincs"),
        "signature signature",
        "signature certificate signature",
        "key-not-good",
        "certificate key-not-good",
    ),
}


@pytest.mark.parametrize("case", DOCTORED)
def test_a_doctored_record_is_never_counted_as_s3(case: str, signed: Hand) -> None:
    change, *expected = DOCTORED[case]
    engine = signed.world.engine
    with engine.db.connect() as connection, connection.begin() as transaction:
        database = Database(SimpleNamespace(engine_key=engine.key), connection)
        seq = database.first("m1", lambda body: body.get("proof", {}).get("strength") == "S3")
        database.forge("m1", seq, lambda body: change(body["proof"]))
        found = [verify(connection, policy=mine) for mine in (policy(**NONE), policy())]
        alone = [standing_alone(signed.world, connection, mine) for mine in (policy(**NONE), policy())]
        transaction.rollback()
    assert [[f.code for f in one.failures] for one in found] == [codes.split() for codes in expected[:2]]
    assert [[code for code, _, _ in one.failures] for one in alone] == [codes.split() for codes in expected[2:]]
    assert not any(one.strengths["S3"] for one in (*found, *alone))


def test_a_signature_by_less_fails_where_s3_is_demanded(signed: Hand) -> None:
    """It could be read to its end, unlike one that says S3."""
    engine = signed.world.engine
    with engine.db.connect() as connection, connection.begin() as transaction:
        database = Database(SimpleNamespace(engine_key=engine.key), connection)
        seq = database.first("m1", lambda body: body.get("proof", {}).get("strength") == "S3")

        def change(body: dict[str, Any]) -> None:
            kept = {m: value for m, value in body["proof"].items() if m not in ("certificate", "timestamp")}
            body["proof"] = kept | {"strength": "S2"}

        database.forge("m1", seq, change)
        alone = standing_alone(signed.world, connection, policy(strength="S3"))
        transaction.rollback()
    assert [code for code, _, _ in alone.failures] == ["strength"] and alone.exit_code == 1
    assert "demanded" not in alone.unchecked
