"""What goes on record: the statement a person signs, and the body of the entry that carries it.

The statement is bound to slot, round, content, definition and authority, not to the item's head: an unrelated entry
must not void a signature, and a moved or replayed one is refused by slot, round and nonce. The entry adds position,
previous hash, the facts the rules read and the effects they led to, so that a replay needs nothing else.

A signature's ``proof`` says how the person proved who they are:
    nonce, at: as ``prepare`` gave them, so that the statement recorded is byte for byte the one prepared;
    method: what the host made the person do (a PIN, a token); with it the strength is S1, without S0 (a click);
    key, signature: hex; the person's own Ed25519 key over the prepared bytes; then the strength is S2.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow.acts import Signature, Supplement
from workflow.calendar import Calendar
from workflow.case import Slot
from workflow.definition.definition import Definition
from workflow.errors import BadSignature
from workflow.evidence import canonical
from workflow.evidence.digest import digest, pae
from workflow.rules import Asked, Decision

STATEMENT = "application/vnd.signoff.statement+v1"
KeyOf = Callable[[str], bytes | None]


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
        "stay": case.stays,
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
    for name in ("outcome", "vote", "due", "minutes", "rule", "to", "finding"):
        value = getattr(act, name, "")  # rule: which due an extension or a pause is about; to: where a return leads
        if value:
            out[name] = value
    for name in ("opinion", "reason"):
        value = getattr(act, name)
        if value:
            out[name] = digest(value.encode())
    if isinstance(act, Supplement):
        out["materials"] = act.materials
    return out


def new_nonce() -> str:
    return secrets.token_hex(12)


def signed_statement(
    asked: Asked, decision: Decision, origin: str, key_of: KeyOf | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The statement of an act and how strongly it is bound to the person.

    Raises:
        BadSignature: a signature by the person's own key does not verify, or no such key is known.
    """
    act = asked.act
    assert isinstance(act, Signature) and decision.authority is not None
    proof = act.proof
    nonce = proof.get("nonce") or new_nonce()
    at = proof.get("at", asked.context.at) if "nonce" in proof else asked.context.at
    if not asked.case.entered <= at <= asked.context.at:
        raise BadSignature(expected="a moment since the stage was entered, and not to come", actual=str(at))
    slot = asked.case.slot(decision.signed_slot or act.slot)
    made = statement(asked, slot, decision.authority, origin, nonce, at)
    if "signature" in proof:
        _verify(act, canonical.encode(made), key_of(asked.actor.person) if key_of else None)
        return made, {"strength": "S2", "key": proof["key"], "signature": proof["signature"]}
    if "method" in proof:
        return made, {"strength": "S1", "method": proof["method"]}
    return made, {"strength": "S0"}


def _verify(act: Signature, made: bytes, known: bytes | None) -> None:
    given = act.proof.get("key", "")
    if known is None or known.hex() != given:
        raise BadSignature(expected=f"the registered key of {act.by and act.by.person}", actual=given or "no key")
    if not holds(act.proof, made):
        raise BadSignature(expected="a signature over the prepared statement", actual="other bytes were signed")


def holds(proof: Mapping[str, Any], made: bytes) -> bool:
    """Whether a proof's signature, by the key named in it, covers the bytes of a statement."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(proof["key"]))
        key.verify(bytes.fromhex(proof["signature"]), pae(STATEMENT, made))
    except (InvalidSignature, ValueError, TypeError, KeyError):
        return False
    return True


def body_of(
    asked: Asked,
    decision: Decision,
    *,
    prev: bytes,
    org: bytes | None,
    calendar: Calendar,
    definition: Definition,
    origin: str,
    key_of: KeyOf | None,
    request_id: str | None,
    request_digest: bytes | None,
) -> bytes:
    """The canonical bytes of an entry."""
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
        body["statement"], body["proof"] = signed_statement(asked, decision, origin, key_of)
        if proof and "nonce" in proof:
            body["proof"]["prepared"] = True
    return canonical.encode(body)
