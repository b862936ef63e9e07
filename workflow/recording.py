"""What goes on record: the statement a person signs, and the body of the entry that carries it.

The statement is bound to slot, round, content, definition and authority, not to the item's head: an unrelated entry
must not void a signature, and a moved or replayed one is refused by slot, round and nonce. The entry adds position,
previous hash, the facts the rules read and the effects they led to, so that a replay needs nothing else.

A signature's ``proof`` says how the person proved who they are:
    nonce, at: as ``prepare`` gave them, so that the statement recorded is byte for byte the one prepared;
    method: what the host made the person do (a PIN, a token); with it the strength is S1, without S0 (a click);
    answer: what the host's re-authentication hook is handed to confirm; never recorded;
    A signature in ink (``act.paper``) is WET, a strength of its own: a scan and a registrar, no click and no key.
    key, signature: hex; the person's own key over the prepared bytes; then the strength is S2.
    algorithm: of that key, when it is not Ed25519 (``sm2``, by an adapter).
    certificate, timestamp: DER in hex, both or neither; the certificate of that key, and an RFC 3161 token over the bytes
        of the signature. Where the engine was given authorities (``evidence.certified``) and both hold, it is S3.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from workflow.acts import Signature, Supplement
from workflow.calendar import Calendar
from workflow.case import Slot
from workflow.clock import moment
from workflow.definition.definition import Definition
from workflow.errors import BadSignature, ClockBehind, Said
from workflow.evidence import canonical, signatures
from workflow.evidence.digest import digest, hash_parts, pae
from workflow.rules import Asked, Decision

if TYPE_CHECKING:
    from workflow.evidence.certified import Authorities

WET = "WET"
STRENGTHS = ("S0", "S1", "S2", "S3", WET)
# What the statement repeats of its act: ``rule`` is which due an extension is about, ``to`` where a return leads,
# ``place`` and ``delegate`` who may do what in whose place, ``paper`` what was signed in ink and who registered it.
STATED: tuple[str, ...] = ("outcome", "vote", "due", "minutes", "rule", "to", "finding")
STATED += ("roll", "eligible", "codes", "keys")
STATED += ("method",)
STATED += ("on", "paper", "straight", "delegate", "place", "leaver")
STATEMENT = "application/vnd.signoff.statement+v1"
_NONCE, _HEX = "signoff/nonce/v1", re.compile(r"[0-9a-f]{24}")
PREPARED_SECONDS = 120
"""How long what was prepared may be signed. Source: the single-use nonce of a re-authentication, at most 120 s."""
KeyOf = Callable[[str], bytes | None]
"""From a person to the Ed25519 key that a host holds for that person, raw 32 bytes."""
OwnKeys = Callable[[str], list[tuple[str, bytes]]]
"""From a person to their own keys, each with its algorithm."""


@dataclass(frozen=True)
class Challenge:
    """What a person confirms anew: that they, now, sign exactly this.

    Attributes:
        digest: of the prepared statement, and with it of what was seen.
        nonce: good once, for ``PREPARED_SECONDS``.
        at: when it was prepared, microseconds UTC.
    """

    person: str
    digest: str
    nonce: str
    at: int


Confirm = Callable[[Challenge, str], str | None]
"""A host's re-authentication: from the challenge and the person's answer to the method that confirmed it, or None."""


@dataclass(frozen=True)
class Prepared:
    """The bytes a person signs, and what makes them unique."""

    act: Signature
    statement: bytes
    nonce: str
    at: int

    def to_sign(self) -> bytes:
        """What a key of the person's own signs: the statement under its type."""
        return pae(STATEMENT, self.statement)

    def challenge(self) -> Challenge:
        """What the host's re-authentication binds the person's answer to."""
        assert self.act.by is not None
        return Challenge(self.act.by.person, digest(self.to_sign()), self.nonce, self.at)


# What of STATED each kind of act has, and what reads it.
_HAS: dict[type, tuple[tuple[str, ...], Callable[[Signature], tuple[Any, ...]]]] = {}


def _stated(act: Signature) -> dict[str, Any]:
    """What a statement repeats of its act: of STATED, whatever it says."""
    kind = type(act)
    known = _HAS.get(kind)
    if known is None:
        names = tuple(name for name in STATED if hasattr(act, name))
        known = _HAS[kind] = names, attrgetter(*names)
    names, values = known
    return {name: value for name, value in zip(names, values(act), strict=True) if value}


def statement(
    asked: Asked, slot: Slot | None, held: dict[str, Any], origin: str, nonce: str, at: int
) -> dict[str, Any]:
    """The statement of a signature as plain data.

    ``relies`` are the entries of this chain that the person relies on; the organisation's line is bound by its digest.
    """
    act, case, definition = asked.act, asked.case, asked.definition
    assert isinstance(act, Signature)
    by = asked.actor
    out: dict[str, Any] = {
        "v": 1,
        "origin": origin,
        "item": case.item,
        "round": case.round,
        "stage": case.stage,
        "stay": case.standing or case.stays,
        "slot": slot.key if slot else "",
        "flow": definition.name,
        "version": definition.version,
        "definition": definition.digest,
        "content": act.seen,
        "meaning": act.kind,
        "liability": definition.flow.liability.zh,
        "person": by.person,
        "post": by.post,
        "unit": by.unit,
        "level": slot.level if slot else "",
        "tenure": held["tenure"],
        "as": held["as"],
        "relies": [s.seq for s in case.slots if s.state == "signed"],
        "nonce": nonce,
        "at": at,
    }
    for name in ("mandate", "principal"):
        if name in held:
            out[name] = held[name]
    out |= _stated(act)
    for name in ("opinion", "reason"):
        value = getattr(act, name)
        if value:
            out[name] = digest(value.encode())
    if isinstance(act, Supplement):
        out["materials"] = act.materials
    return out


def new_nonce() -> str:
    """A single-use number that nobody was shown before it went on record."""
    return new_nonces(1)[0]


def new_nonces(count: int) -> list[str]:
    """So many of them, drawn at once."""
    drawn = secrets.token_hex(12 * count)
    return [drawn[at : at + 24] for at in range(0, len(drawn), 24)]


def prepared_nonce(item: str) -> str:
    """A single-use number to be handed back: 8 digits drawn, and 16 that follow from them and the item.

    So one of another item is told without asking every chain, and nobody can hand in the same one for two items, which
    would let no verification of the database hold any more. Whether it was used on this item its chain is asked.
    """
    drawn = secrets.token_hex(4)
    return drawn + _of_item(drawn, item)


def is_prepared(nonce: object, item: str) -> bool:
    """Whether a number is one that ``prepare`` gives for this item."""
    return isinstance(nonce, str) and bool(_HEX.fullmatch(nonce)) and nonce[8:] == _of_item(nonce[:8], item)


def _of_item(drawn: str, item: str) -> str:
    return hash_parts(_NONCE, drawn.encode(), item.encode())[:8].hex()


def signed_statement(
    asked: Asked,
    decision: Decision,
    origin: str,
    own_keys: OwnKeys,
    confirm: Confirm | None,
    certified: Authorities | None,
    drawn: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The statement of an act and how strongly it is bound to the person.

    Args:
        drawn: the nonce of an act that was not prepared, where the caller drew it (``new_nonces``).

    Raises:
        BadSignature: a signature by the person's own key does not verify, no such key is known, its certificate or
            timestamp does not hold, or the host's re-authentication did not confirm it. ClockBehind: the clock stands
            before the stage was entered.
    """
    act = asked.act
    assert isinstance(act, Signature) and decision.authority is not None
    proof = act.proof
    nonce = proof.get("nonce") or drawn or new_nonce()
    at = proof.get("at", asked.context.at) if "nonce" in proof else asked.context.at
    _since_entered(asked, at)
    slot = asked.case.slot(decision.signed_slot or act.slot)
    made = statement(asked, slot, decision.authority, origin, nonce, at)
    vouched = "certificate" in proof or "timestamp" in proof
    if vouched and (act.paper or "signature" not in proof):
        raise BadSignature(
            expected=Said(
                "a certificate and a timestamp beside a signature by the person's own key (key, signature)",
                "证书和时间戳须与本人密钥签名(key、signature)一并提交",
            ),
            actual=Said("no such signature", "无本人密钥签名"),
        )
    if act.paper:
        return made, {"strength": WET, **({"method": _confirmed(act, made, confirm)} if "method" in proof else {})}
    if "signature" in proof:
        algorithm = _verify(act, canonical.encode(made), own_keys(asked.actor.person))
        other = {} if algorithm == signatures.ED25519 else {"algorithm": algorithm}
        if vouched:
            _vouched(asked, at, certified)
            other |= {"certificate": proof["certificate"], "timestamp": proof["timestamp"]}
        strength = "S3" if vouched else "S2"
        return made, {"strength": strength, "key": proof["key"], "signature": proof["signature"], **other}
    if "method" in proof:
        return made, {"strength": "S1", "method": _confirmed(act, made, confirm)}
    return made, {"strength": "S0"}


def _since_entered(asked: Asked, at: int) -> None:
    """A statement is made while its stage is there: not before it was entered, and not in time to come.

    Raises:
        ClockBehind: the clock itself stands before the stage was entered. BadSignature: the statement was prepared
            before, or for later.
    """
    entered, now, zone = asked.case.entered, asked.context.at, asked.definition.flow.timezone
    if entered <= at <= now:
        return

    def told(us: int) -> str:
        return moment(us, zone).isoformat(timespec="milliseconds")

    if now < entered:
        raise ClockBehind(
            item=asked.case.item,
            stage=asked.case.stage,
            expected=told(entered),
            actual=told(now),
            place=asked.definition.place("stages", asked.case.stage),
        )
    raise BadSignature(
        expected=Said(
            f"a statement prepared between {told(entered)}, when the stage was entered, and now; prepare it anew",
            f"在进入本阶段({told(entered)})之后、此刻之前备好的签署内容,请重新备签",
        ),
        actual=told(at),
        place=asked.definition.place("stages", asked.case.stage),
    )


def _confirmed(act: Signature, made: dict[str, Any], confirm: Confirm | None) -> str:
    """How the person proved anew who they are: as the host's hook says; without one, as the host told us."""
    if confirm is None:
        return str(act.proof["method"])
    if "nonce" not in act.proof:
        raise BadSignature(expected="a statement prepared for this signature (engine.prepare)", actual="no nonce")
    challenge = Prepared(act, canonical.encode(made), made["nonce"], made["at"]).challenge()
    method = confirm(challenge, str(act.proof.get("answer", "")))
    if not method:
        raise BadSignature(expected="an answer that the re-authentication confirms", actual="one that it does not")
    return method


def _verify(act: Signature, made: bytes, known: list[tuple[str, bytes]]) -> str:
    given, algorithm = act.proof.get("key", ""), act.proof.get("algorithm", signatures.ED25519)
    if (algorithm, given) not in [(name, public.hex()) for name, public in known]:
        raise BadSignature(expected=f"the registered key of {act.by and act.by.person}", actual=given or "no key")
    if not holds(act.proof, made):
        raise BadSignature(expected="a signature over the prepared statement", actual="other bytes were signed")
    return str(algorithm)


def _vouched(asked: Asked, prepared: int, certified: Authorities | None) -> None:
    """Authorities outside say that the key is the person's, and when its signature was there.

    Raises:
        BadSignature: they do not, or the engine was given none: what was not checked is not recorded as less.
    """
    act = asked.act
    assert isinstance(act, Signature)
    if certified is None:
        raise BadSignature(
            expected=Said(
                "a signature without certificate and timestamp (S2), since this engine was given no authorities to hold "
                "them against; leave both out, or give it some: Engine.at(..., certified=Authorities(cas, tsas))",
                "不附证书和时间戳的签名(S2):本引擎未配置认证机构和时间戳机构,无从核验;"
                "请不附二者,或在打开引擎时配置:Engine.at(..., certified=Authorities(cas, tsas))",
            ),
            actual=Said("one with a certificate or a timestamp", "附有证书或时间戳的签名"),
        )
    from workflow.evidence.certified import NotCertified

    try:
        certified.check(act.proof, asked.actor.person, prepared, asked.context.at)
    except NotCertified as bad:
        raise BadSignature(expected=bad.expected, actual=bad.actual) from None


def holds(proof: Mapping[str, Any], made: bytes) -> bool:
    """Whether a proof's signature, by the key named in it, covers the bytes of a statement.

    Raises:
        Unknown: its algorithm is not installed, so that nothing can be said.
    """
    key, signature = proof.get("key"), proof.get("signature")
    if not (isinstance(key, str) and isinstance(signature, str)):
        return False
    return signatures.verifies(proof.get("algorithm", signatures.ED25519), key, signature, pae(STATEMENT, made))


def body_of(
    asked: Asked,
    decision: Decision,
    *,
    prev: bytes,
    org: bytes | None,
    calendar: Calendar,
    definition: Definition,
    origin: str,
    own_keys: OwnKeys,
    confirm: Confirm | None,
    certified: Authorities | None,
    request_id: str | None,
    request_digest: bytes | None,
    drawn: str = "",
) -> dict[str, Any]:
    """What an entry says; its canonical bytes go on record."""
    act = asked.act.record()
    proof = act.pop("proof", None)
    body: dict[str, Any] = {
        "v": 1,
        "chain": asked.act.item,
        "seq": asked.context.seq,
        "prev": prev.hex(),
        "at": asked.context.at,
        "act": act,
        "definition": definition.digest,
        "calendar": calendar.digest,
        "org": org.hex() if org else "",
        "facts": asked.facts.used,
        "effects": decision.effects,
        "rules": asked.context.rules,
    }
    if request_id is not None and request_digest is not None:
        body["request"] = {"id": request_id, "digest": request_digest.hex()}
    if isinstance(asked.act, Signature):
        body["statement"], body["proof"] = signed_statement(
            asked, decision, origin, own_keys, confirm, certified, drawn
        )
        if proof and "nonce" in proof:
            body["proof"]["prepared"] = True
    return body
