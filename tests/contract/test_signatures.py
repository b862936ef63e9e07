"""How a person proves anew who they are, and keys of other kinds. Source: evidence, strengths S1 and S2."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.contract.world import World
from workflow import Actor, bundle
from workflow.acts import Sign
from workflow.errors import BadSignature, KeyEventRefused, Unknown
from workflow.evidence import canonical, checkpoint, entry, keys, signatures, standalone
from workflow.keybook import Keybook
from workflow.recording import PREPARED_SECONDS, Challenge, Prepared
from workflow.store import tables as t
from workflow.verify import Verifier, verify

HANDLER = Actor("o1-handler", "handler", "o1")
BY = {"by": "p-0001", "reason": "an invented reason"}

# GB/T 32918.5-2017, A.2: user id 1234567812345678, message "message digest".
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
R = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
S = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
DER = bytes.fromhex("3046022100" + R + "022100" + S)


def prepared(world: World, item: str = "m1") -> Prepared:
    seen = world.case(item).content
    return world.engine.prepare(Sign(item=item, by=HANDLER, seen=seen, opinion="agreed"))


def sign(world: World, made: Prepared, **proof: str) -> None:
    given = {"nonce": made.nonce, "at": made.at, **proof}
    world.engine.sign(made.act.item, HANDLER, made.act.seen, opinion="agreed", proof=given)


# --- re-authentication ----------------------------------------------------------------------------------------------


def test_the_hosts_hook_confirms_exactly_what_is_signed(world: World) -> None:
    asked: list[tuple[Challenge, str]] = []

    def confirm(challenge: Challenge, answer: str) -> str | None:
        asked.append((challenge, answer))
        return "token" if answer == "right" else None

    world.engine.confirm = confirm
    world.begin("m1")
    made = prepared(world)
    with pytest.raises(BadSignature, match="confirms"):
        sign(world, made, method="pin", answer="wrong")
    with pytest.raises(BadSignature, match="no nonce"):
        world.engine.sign("m1", HANDLER, made.act.seen, opinion="agreed", proof={"method": "pin"})
    sign(world, made, method="pin", answer="right")
    assert asked[-1][0] == made.challenge() == asked[0][0] and asked[-1][0].person == "o1-handler"
    assert world.verify().strengths == {"S1": 1}
    with world.engine.reading() as connection:
        body = connection.execute(t.entry.select().where(t.entry.c.act == "sign")).mappings().one()["body"]
    assert canonical.decode(body)["proof"] == {"strength": "S1", "method": "token", "prepared": True}
    assert b"right" not in body


def test_what_was_prepared_is_good_for_two_minutes(world: World) -> None:
    world.begin("m1")
    made = prepared(world)
    world.clock.advance(timedelta(seconds=PREPARED_SECONDS, microseconds=1))
    with pytest.raises(BadSignature, match="at most 120 s ago"):
        sign(world, made, method="pin")
    made = prepared(world)
    world.clock.advance(timedelta(seconds=PREPARED_SECONDS))
    sign(world, made, method="pin")


# --- algorithms -----------------------------------------------------------------------------------------------------


def test_an_algorithm_that_is_not_installed_is_named_and_never_called_good() -> None:
    with pytest.raises(Unknown, match=r"sphincs.*known are.*ed25519"):
        signatures.verifies("sphincs", "00" * 32, "00" * 64, b"data")
    assert not signatures.verifies("ed25519", "not hex", "00" * 64, b"data")
    assert not signatures.verifies("ed25519", "00" * 32, "00", b"data")


@pytest.fixture
def sm2():  # type: ignore[no-untyped-def]
    gmssl_pyx = pytest.importorskip("gmssl_pyx")
    from workflow_adapters.sm2 import SM2

    signatures.register(SM2)
    return gmssl_pyx


def test_sm2_verifies_the_standards_own_example(sm2: object) -> None:
    known = signatures.algorithm("sm2")
    public = bytes.fromhex(X + Y)
    assert known.valid_key(public) and known.verify(public, DER, b"message digest")
    assert not known.verify(public, DER, b"message digesT")
    for n in range(0, len(DER), 7):
        assert not known.verify(public, DER[:n] + bytes([DER[n] ^ 1]) + DER[n + 1 :], b"message digest")
    for wrong in (b"", bytes(64), public[:-1], bytes([public[0] ^ 1]) + public[1:]):
        assert not known.valid_key(wrong) and not known.verify(wrong, DER, b"message digest")
    assert not known.verify(public, b"", b"message digest") and not known.verify(public, DER + b"\0", b"message digest")


def test_a_person_signs_with_an_sm2_key_of_their_own(world: World, sm2) -> None:  # type: ignore[no-untyped-def]
    public, secret = sm2.sm2_key_generate()
    world.begin("m1")
    with world.engine.desk() as desk:
        book = Keybook(desk.connection, world.engine.key, world.clock.now())
        with pytest.raises(KeyEventRefused, match="a public key of sm2"):
            book.register("signer", "o1-handler", bytes(64), algorithm="sm2", **BY)
        book.register("signer", "o1-handler", public, algorithm="sm2", **BY)
    made = prepared(world)
    signature = sm2.sm2_sign(secret, public, made.to_sign()).hex()
    with pytest.raises(BadSignature, match="registered key"):
        sign(world, made, key=public.hex(), signature=signature)  # it says nothing of its kind
    with pytest.raises(BadSignature, match="other bytes"):
        sign(world, made, key=public.hex(), algorithm="sm2", signature=sm2.sm2_sign(secret, public, b"other").hex())
    sign(world, made, key=public.hex(), algorithm="sm2", signature=signature)
    report = world.verify()
    assert report.holds and report.strengths == {"S2": 1} and report.unregistered == 0


class Anything:
    """An algorithm by which every signature holds."""

    name = "anything"

    def valid_key(self, public: bytes) -> bool:
        return True

    def verify(self, public: bytes, signature: bytes, data: bytes) -> bool:
        return True


def test_a_registered_key_is_for_its_own_algorithm_and_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the engine's key could else call the proof another kind, which fewer look through."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    public = key.public_key().public_bytes_raw()
    world.begin("m1")
    with world.engine.desk() as desk:
        Keybook(desk.connection, world.engine.key, world.clock.now()).register("signer", "o1-handler", public, **BY)
    made = prepared(world)
    sign(world, made, key=public.hex(), signature=key.sign(made.to_sign()).hex())
    assert world.verify().holds
    monkeypatch.setitem(signatures._known, "anything", Anything())
    with world.engine.db.begin() as connection:
        last = connection.execute(
            t.entry.select().where(t.entry.c.chain == "m1").order_by(t.entry.c.seq.desc()).limit(1)
        ).one()
        plain = canonical.decode(last.body)
        plain["proof"].update(algorithm="anything", signature="00" * 64)
        body = canonical.encode(plain)
        (seal,) = entry.seal_entries([body], world.engine.key)
        head = entry.entry_hash(body, seal)
        connection.execute(t.entry.update().where(t.entry.c.id == last.id).values(body=body, seal=seal, hash=head))
        connection.execute(t.item.update().where(t.item.c.id == "m1").values(head=head))
        said = [f.detail for f in verify(connection).failures if f.code == "signature"]
        assert said == ["its key is registered for ed25519, not for anything"]
        out = io.BytesIO()
        bundle.write(connection, world.engine.contents, out, "item", "m1", made_at=0)
    out.seek(0)
    policy = json.dumps({"origin": world.engine.origin, "engine_keys": [{"key": world.engine.key.public_key().hex()}]})
    alone = standalone.Verifier(standalone.Policy.read(policy.encode())).run(out)
    id_ = keys.key_id_of(public).hex()
    assert [(code, detail) for code, _, detail in alone.failures] == [
        ("key-not-good", f"key {id_} is for ed25519, not for anything")
    ]


# Every encoding of the eight points of small order, those beyond the prime too, with either sign.
@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize(
    "low",
    [
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ],
)
def test_a_key_that_fits_anybodys_signatures_is_no_key(low: str, sign: int) -> None:
    """Whoever had one registered could say of each of their signatures that somebody else wrote it. Source: R037."""
    key = bytes.fromhex(low)
    key = key[:31] + bytes([key[31] | sign])
    assert not signatures.algorithm("ed25519").valid_key(key)
    for text in range(
        32
    ):  # signatures with S = 0 and R of small order, which the bare check takes about every eighth time
        for point in ("01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32):
            assert not signatures.verifies("ed25519", key.hex(), point + "00" * 32, b"%d" % text)
            assert not standalone.signed_by(key, bytes.fromhex(point) + bytes(32), b"%d" % text)


def test_such_a_key_signs_no_checkpoint_and_no_seal(world: World) -> None:
    """The bare check would take it: the identity as key and as R, and S = 0, fit any text."""
    key, anybodys = bytes([1]) + bytes(31), bytes([1]) + bytes(63)
    Ed25519PublicKey.from_public_bytes(key).verify(anybodys, b"anything")
    for kind, before in ((checkpoint.SIGNATURE, b""), (checkpoint.COSIGNATURE, bytes(8))):
        named = checkpoint.NoteKey("log.example", kind, key)
        mark = checkpoint.Mark(named.name, named.key_id, before + anybodys)
        with pytest.raises(checkpoint.BadNote, match="does not cover"):
            checkpoint.Note("log.example\n1\n", (mark,)).verified([named])
    world.begin("m1")
    id_ = keys.key_id_of(key)
    with world.engine.db.begin() as connection:
        connection.execute(t.meta.insert().values(key=f"key/{id_.hex()}", value=key.hex()))
        body = connection.execute(sa.select(t.entry.c.body).where(t.entry.c.chain == "m1").limit(1)).scalar_one()
        held = Verifier(connection)._seals
        (sound,) = entry.seal_entries([body], world.engine.key)
        assert held.verify(body, sound) is None
        with pytest.raises(entry.BadSeal):
            held.verify(body, id_ + anybodys + sound[len(id_) + len(anybodys) :])


def test_such_a_key_is_not_registered(world: World) -> None:
    with world.engine.desk() as desk, pytest.raises(KeyEventRefused, match="ed25519"):
        Keybook(desk.connection, world.engine.key, world.clock.now()).register(
            "signer", "o1-handler", bytes([1]) + bytes(31), **BY
        )
