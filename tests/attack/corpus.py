"""Bundles as attackers would hand them in, by name: ``<case>`` holds, ``<case>_fail`` must not pass for what it is.

Every case says which level an auditor may be told at most who brings everything: policy, checkpoint, witnesses. ``V0``
is a verification that fails. What an attacker can do with stolen keys is done with stolen keys.

    python -m tests.attack.corpus FOLDER     writes all of them, with policy.json and checkpoint.txt
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.attack.making import (
    NEXT_NODE,
    NODE,
    STRANGER,
    WITNESSES,
    Bundle,
    Held,
    Honest,
    body_of,
    make_honest,
    rehash,
    with_body,
)
from tests.contract.authorities import CA, Authority, der, known_as
from workflow.clock import moment
from workflow.evidence import canonical, merkle, standalone
from workflow.evidence.checkpoint import Checkpoint, Note, cosign, sign
from workflow.evidence.digest import digest, pae
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.recording import STATEMENT


@dataclass(frozen=True)
class Attack:
    """One case: what is done to which honest bundle, the level it may still claim, and what the verifier must say."""

    name: str
    base: str
    change: Callable[[Bundle, Honest], bytes | None]
    claims: str
    code: str


ATTACKS: list[Attack] = []


def attack(
    claims: str, code: str, base: str = "campaign"
) -> Callable[[Callable[[Bundle, Honest], Any]], Callable[[Bundle, Honest], Any]]:
    def register(change: Callable[[Bundle, Honest], Any]) -> Callable[[Bundle, Honest], Any]:
        ATTACKS.append(Attack(f"{change.__name__}_fail", base, change, claims, code))
        return change

    return register


def edit(made: Bundle, chain: str, seq: int, change: Callable[[dict[str, Any]], Any], *, log: bool = False) -> None:
    """Change the body of one entry in place; hashes and seals stay as they are, and with ``log`` its place there."""
    line = made.entries(chain)[seq - 1]
    body = body_of(line)
    change(body)
    with_body(line, body)
    made.touched.append(line)
    if not log:
        unlog(line)


def unlog(line: dict[str, Any]) -> None:
    line.pop("index", None)
    line.pop("path", None)


def forged(made: Bundle, honest: Honest, chain: str, seq: int, change: Callable[[dict[str, Any]], Any]) -> None:
    """The same with the stolen engine key: everything behind it linked and sealed anew."""
    edit(made, chain, seq, change)
    rehash(made, chain, honest.engine_key)


def signed_at(made: Bundle, chain: str, nth: int = 0) -> int:
    """The number of the nth signature of a chain."""
    return [body_of(e)["seq"] for e in made.entries(chain) if "statement" in body_of(e)][nth]


def find(made: Bundle, chain: str, kind: str) -> int:
    """The number of the first entry with an act of a kind."""
    return next(body_of(e)["seq"] for e in made.entries(chain) if body_of(e)["act"]["kind"] == kind)


# --- edits by somebody without keys -------------------------------------------------------------------------------------


@attack("V0", "chain")
def opinion_edited(made: Bundle, honest: Honest) -> None:
    edit(made, "m1", 3, lambda b: b["act"].update(opinion="另一意见"))


@attack("V0", "head")
def last_entry_edited(made: Bundle, honest: Honest) -> None:
    edit(made, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] + 1))


@attack("V0", "chain")
def time_edited(made: Bundle, honest: Honest) -> None:
    edit(made, "m2", 4, lambda b: b.update(at=b["at"] - 86_400_000_000))


@attack("V0", "chain")
def entry_deleted_in_the_middle(made: Bundle, honest: Honest) -> None:
    made.drop(made.entries("m2")[5])


@attack("V0", "chain")
def first_entry_deleted(made: Bundle, honest: Honest) -> None:
    made.drop(made.entries("m2")[0])


@attack("V0", "head")
def last_entry_deleted(made: Bundle, honest: Honest) -> None:
    made.drop(made.entries("m2")[-1])


@attack("V0", "chain")
def two_entries_exchanged(made: Bundle, honest: Honest) -> None:
    a, b = made.entries("m2")[3:5]
    a["body"], b["body"] = b["body"], a["body"]
    a["seal"], b["seal"] = b["seal"], a["seal"]


@attack("V0", "inclusion")
def two_lines_exchanged(made: Bundle, honest: Honest) -> None:
    a, b = made.entries("m2")[3:5]
    i, j = (next(n for n, known in enumerate(made.lines) if known is x) for x in (a, b))
    made.lines[i], made.lines[j] = b, a


@attack("V0", "chain")
def entry_repeated(made: Bundle, honest: Honest) -> None:
    line = made.entries("m2")[5]
    made.after(line, dict(line))


@attack("V0", "chain")
def entry_of_another_item_inserted(made: Bundle, honest: Honest) -> None:
    made.after(made.entries("m2")[2], {**made.entries("m1")[3], "chain": "m2"})


@attack("V0", "chain")
def item_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(*made.entries("m3"), *(h for h in made.of_kind("head") if h["chain"] == "m3"))


@attack("V0", "chain")
def item_asked_for_that_is_not_there(made: Bundle, honest: Honest) -> None:
    made.lines[0]["chains"].append("m99")


@attack("V0", "chain")
def line_renumbered(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[4]["seq"] = 50


@attack("V0", "chain")
def seal_of_another_entry(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[4]["seal"] = made.entries("m2")[6]["seal"]


@attack("V0", "head")
def head_renumbered(made: Bundle, honest: Honest) -> None:
    made.of_kind("head")[0]["seq"] += 1


@attack("V0", "head")
def head_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(made.of_kind("head")[0])


@attack("V0", "head")
def head_twice(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("head")[0]
    made.after(line, dict(line))


# --- what entries rest on -----------------------------------------------------------------------------------------------


@attack("V0", "library")
def definition_changed(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("library")[0]
    line["body"] = base64.b64encode(base64.b64decode(line["body"]).replace(b"1", b"2", 1)).decode()


@attack("V0", "library")
def definition_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(next(line for line in made.of_kind("library") if line["kind"] == "definition"))


@attack("V0", "library")
def calendar_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(next(line for line in made.of_kind("library") if line["kind"] == "calendar"))


@attack("V0", "library")
def calendar_told_to_the_rules_that_is_not_there(made: Bundle, honest: Honest) -> None:
    """Days were counted by a calendar that nobody can look into."""
    number = find(made, "m2", "submit")
    forged(made, honest, "m2", number, lambda b: b["facts"].update({"calendar x": digest(b"an invented calendar")}))


@attack("V0", "statement")
def definition_exchanged_under_signatures(made: Bundle, honest: Honest) -> None:
    first = made.of_kind("library")[0]
    plain = json.loads(base64.b64decode(first["body"]))
    target = next(
        line
        for line in made.of_kind("library")
        if line["kind"] == "definition"
        and {b'"flow":"matter"', b'"version":"1"'}
        <= set(re.findall(rb'"(?:flow|version)":"[^"]*"', base64.b64decode(line["body"])))
    )
    plain = json.loads(base64.b64decode(target["body"]))
    plain["liability"]["zh"] = "无人负责"
    body = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    old, new = target["digest"], digest(body)
    target |= {"digest": new, "body": base64.b64encode(body).decode()}
    for line in made.of_kind("entry"):
        text = base64.b64decode(line["body"]).replace(old.encode(), new.encode())
        line["body"] = base64.b64encode(text).decode()
    for chain in ("m1", "m2", "m3"):
        rehash(made, chain, honest.engine_key)


@attack("V0", "content")
def document_changed(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("content")[0]
    line["body"] = base64.b64encode(base64.b64decode(line["body"]) + b" ").decode()


@attack("V0", "content")
def document_left_out_silently(made: Bundle, honest: Honest) -> None:
    made.drop(made.of_kind("content")[0])


@attack("V0", "content")
def minutes_left_out_silently(made: Bundle, honest: Honest) -> None:
    named = {body_of(e)["act"].get("minutes") for e in made.of_kind("entry")}
    made.drop(next(line for line in made.of_kind("content") if line["digest"] in named))


def _left_out(name: str, document: Callable[[dict[str, Any]], Any]) -> None:
    """A document that an act names is neither in the bundle nor listed."""

    def run(made: Bundle, honest: Honest) -> None:
        named = {document(body_of(e)["act"]) for e in made.of_kind("entry")} - {None}
        made.drop(*(line for line in made.lines if line["t"] in ("content", "withheld") and line["digest"] in named))

    ATTACKS.append(Attack(f"{name}_left_out_silently_fail", "campaign", run, "V0", "content"))


_left_out("evidence_of_lines", lambda act: act.get("evidence"))
_left_out("text_of_an_objection", lambda act: act.get("text") or None)
_left_out("scan_of_a_paper", lambda act: act.get("paper", {}).get("scan"))
_left_out("table_of_an_import", lambda act: act["content"] if act["kind"] == "import-org" else None)


@attack("V0", "content")
def document_under_another_digest(made: Bundle, honest: Honest) -> None:
    one, other = made.of_kind("content")[:2]
    one["body"], other["body"] = other["body"], one["body"]


@attack("V0", "cite")
def cited_report_left_out(made: Bundle, honest: Honest) -> None:
    made.lines[0]["chains"].remove("s-o1")
    made.drop(*made.entries("s-o1"), *(h for h in made.of_kind("head") if h["chain"] == "s-o1"))


@attack("V0", "cite")
def organisation_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(*made.entries("org"), *(h for h in made.of_kind("head") if h["chain"] == "org"))


@attack("V0", "cite")
def cited_report_rewritten(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "s-o1", 1, lambda b: b.update(at=b["at"] - 1))


@attack("V0", "cite")
def appointment_back_dated(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "org", 1, lambda b: b["act"]["rows"].update(tenures=22))


def _opened(made: Bundle) -> str:
    return next(e["chain"] for e in made.of_kind("entry") if body_of(e)["act"].get("cites"))


@attack("V0", "cite")
def opened_item_left_out(made: Bundle, honest: Honest) -> None:
    gone = _opened(made)
    if gone in made.lines[0]["chains"]:
        made.lines[0]["chains"].remove(gone)
    made.drop(*made.entries(gone), *(h for h in made.of_kind("head") if h["chain"] == gone))


@attack("V0", "cite")
def opened_item_without_a_name(made: Bundle, honest: Honest) -> None:
    """A list where a name belongs, which nothing can be looked up by."""

    def change(body: dict[str, Any]) -> None:
        next(e for e in body["effects"] if e["e"] == "item-opened")["item"] = []

    entry = next(
        e for e in made.of_kind("entry") if any(x["e"] == "item-opened" for x in body_of(e).get("effects", ()))
    )
    forged(made, honest, entry["chain"], entry["seq"], change)


@attack("V0", "cite")
def cited_entry_at_a_number_that_is_none(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["cites"]["seq"] = "3"

    forged(made, honest, _opened(made), 1, change)


@attack("V0", "cite")
def opened_item_cites_another_entry(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["cites"]["seq"] -= 1

    forged(made, honest, _opened(made), 1, change)


# --- forgeries with the stolen engine key that do not fit together ------------------------------------------------------


@attack("V0", "statement")
def signature_moved_to_another_item(made: Bundle, honest: Honest) -> None:
    stolen = body_of(made.entries("m1")[signed_at(made, "m1") - 1])["statement"]
    forged(made, honest, "m3", len(made.entries("m3")), lambda b: None)
    target = signed_at(made, "m2")
    forged(made, honest, "m2", target, lambda b: b.update(statement=stolen))


@attack("V0", "statement")
def signature_moved_to_another_slot(made: Bundle, honest: Honest) -> None:
    stolen = body_of(made.entries("m2")[signed_at(made, "m2") - 1])["statement"]["slot"]
    forged(made, honest, "m2", signed_at(made, "m2", 1), lambda b: b["statement"].update(slot=stolen))


@attack("V0", "statement")
def signature_of_another_round(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2", 5), lambda b: b["statement"].update(round=2))


@attack("V0", "statement")
def signature_of_another_log(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2", 5), lambda b: b["statement"].update(origin="other.example/log"))


@attack("V0", "statement")
def content_exchanged_under_a_signature(made: Bundle, honest: Honest) -> None:
    other = digest(b"other papers")

    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["materials"] = dict.fromkeys(place["materials"], other)

    made.lines.append({"t": "withheld", "digest": other})
    forged(made, honest, "m2", find(made, "m2", "submit"), change)


@attack("V0", "effect")
def materials_told_apart_from_the_act(made: Bundle, honest: Honest) -> None:
    other = digest(b"other papers")
    number = find(made, "m2", "submit")
    forged(made, honest, "m2", number, lambda b: b["act"].update(materials={"sheet": other}))
    made.lines.append({"t": "withheld", "digest": other})


@attack("V0", "statement")
def opinion_exchanged_under_a_signature(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["act"].update(opinion="不同意"))


@attack("V0", "effect")
def another_person_put_in_the_act(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["act"]["by"].update(person="nobody"))


@attack("V0", "statement")
def tenure_exchanged(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["statement"].update(tenure="another"))


@attack("V0", "nonce")
def nonce_used_twice(made: Bundle, honest: Honest) -> None:
    first = body_of(made.entries("m2")[signed_at(made, "m2") - 1])["statement"]["nonce"]
    forged(made, honest, "m2", signed_at(made, "m2", 1), lambda b: b["statement"].update(nonce=first))


@attack("V0", "effect")
def machine_signs_for_a_person(made: Bundle, honest: Honest) -> None:
    chain = next(e["chain"] for e in made.of_kind("entry") if body_of(e)["act"]["kind"] == "fire")
    signed = {
        "e": "signed",
        "slot": "1",
        "person": "o3-handler",
        "unit": "o3",
        "post": "handler",
        "as": "holder",
        "late": False,
    }
    forged(made, honest, chain, find(made, chain, "fire"), lambda b: b["effects"].append(signed))


@attack("V0", "effect")
def signature_without_effect(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["effects"].pop(0))


@attack("V0", "statement")
def level_skipped(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for effect in body["effects"]:
            if effect["e"] == "signed":
                effect["slot"] = "3"
        body["statement"]["slot"] = "3"

    forged(made, honest, "m2", signed_at(made, "m2"), change)


@attack("V0", "statement")
def statement_on_an_act_that_is_no_signature(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", find(made, "m2", "submit"), lambda b: b.update(statement={}, proof={"strength": "S3"}))


@attack("V0", "statement")
def statement_alone_on_an_act_that_is_no_signature(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", find(made, "m2", "submit"), lambda b: b.update(statement={}))


@attack("V0", "statement")
def proof_alone_on_an_act_that_is_no_signature(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", find(made, "m2", "submit"), lambda b: b.update(proof={"strength": "S1"}))


@attack("V0", "act")
def act_about_another_item(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", find(made, "m2", "submit"), lambda b: b["act"].update(item="m1"))


@attack("V0", "act")
def signature_in_a_chain_that_is_no_item(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "org", 1, lambda b: b["act"].update(kind="sign"))


@attack("V0", "act")
def item_opened_twice(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        body.pop("statement"), body.pop("proof")
        body["act"] = {**body_of(made.entries("m2")[0])["act"]}
        body["effects"] = []

    forged(made, honest, "m2", signed_at(made, "m2"), change)


@attack("V0", "signer")
def personal_signature_damaged(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        body["proof"]["signature"] = "00" * 64

    forged(made, honest, "m1", _personal(made), change)


@attack("V0", "signer")
def personal_signature_by_a_stranger(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        held = json.dumps(body["statement"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        signature = STRANGER.sign(pae(STATEMENT, held)).hex()
        body["proof"] |= {"key": STRANGER.public_key().hex(), "signature": signature}

    forged(made, honest, "m1", _personal(made), change)


@attack("V0", "signer")
def personal_statement_changed(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        body["act"]["opinion"] = "不同意"
        body["statement"]["opinion"] = digest("不同意".encode())

    forged(made, honest, "m1", _personal(made), change)


@attack("V0", "signer")
def personal_signature_invented_under_another_algorithm(made: Bundle, honest: Honest) -> None:
    """The key is the person's; what the proof calls it is no reason not to check."""
    forged(made, honest, "m1", _personal(made), lambda b: b["proof"].update(algorithm="sm2", signature="00" * 64))


@attack("V0", "strength")
def strength_unknown(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["proof"].update(strength="S9"))


@attack("V0", "strength")
def strength_that_nothing_gives(made: Bundle, honest: Honest) -> None:
    """A certified key and a trusted timestamp: nobody checked either, and so nobody may say so."""
    forged(made, honest, "m1", _personal(made), lambda b: b["proof"].update(strength="S3"))


# --- certified keys and timestamps --------------------------------------------------------------------------------------


def _certified(name: str, code: str, change: Callable[[dict[str, Any]], Any], claims: str = "V0") -> None:
    """Something else in the proof of a signature by a certified key, sealed with the stolen engine key."""

    def attacked(made: Bundle, honest: Honest) -> None:
        forged(made, honest, "l2", signed_at(made, "l2"), change)
        if claims != "V0":  # and nothing in the bundle knows what the entry was
            made.drop(*(line for line in made.of_kind("heads") if line["chain"] == "l2"))

    attacked.__name__ = name
    attack(claims, code)(attacked)


def _certificate(
    body: dict[str, Any], *, ca: Authority = CA, key: Any = None, subject: Any = None, also: Any = (), **days: int
) -> None:
    """Another certificate. ``also``: further extensions, each with whether it is critical.
    ``since``, ``until``: in seconds from the moment of the statement."""
    held = body["statement"]
    span = {name: moment(held["at"]) + timedelta(seconds=by) for name, by in days.items()}
    public = key or Held(f"person {held['person']}").certifiable()
    body["proof"]["certificate"] = der(
        ca.issue(public, known_as(held["person"]) if subject is None else subject, also=also, **span)
    ).hex()


_TWO_NAMES = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in ("o1-secretary", "o1-handler")])
_NUMBERED = x509.Name(
    [
        x509.NameAttribute(NameOID.COMMON_NAME, "o1-secretary"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "o1-handler"),
    ]
)
_ENCIPHERS = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
_LOGIN = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
_OTHER_KIND = ec.generate_private_key(ec.SECP256R1()).public_key()

for _case, _change in {
    "of_another_key": lambda b: _certificate(b, key=STRANGER.certifiable()),
    "of_another_kind_of_key": lambda b: _certificate(b, key=_OTHER_KIND),
    "of_another_person": lambda b: _certificate(b, subject=known_as("o1-handler")),
    "of_nobody": lambda b: _certificate(b, subject=x509.Name([])),
    "of_two_persons": lambda b: _certificate(b, subject=_TWO_NAMES),
    "of_another_number": lambda b: _certificate(b, subject=_NUMBERED),
    "by_another_authority": lambda b: _certificate(b, ca=Authority("invented authority")),
    "for_other_things": lambda b: _certificate(b, also=((_ENCIPHERS, True),)),
    "with_a_demand_unknown_here": lambda b: _certificate(b, also=((_LOGIN, True),)),
    "that_was_over": lambda b: _certificate(b, until=-61),
    "that_was_not_begun": lambda b: _certificate(b, since=61),
    "that_is_none": lambda b: b["proof"].update(certificate="3000"),
    "that_is_empty": lambda b: b["proof"].update(certificate=""),
    "in_capital_letters": lambda b: b["proof"].update(certificate=b["proof"]["certificate"].upper()),
    "of_a_key_called_another_kind": lambda b: b["proof"].update(algorithm="sm2"),
    "beside_an_unwritten_timestamp": lambda b: b["proof"].update(timestamp="x"),
}.items():
    _certified(f"certificate_{_case}", "certificate", _change)
_certified("certificate_of_any_number", "body", lambda b: b["proof"].update(certificate=77))
_certified("certificate_left_out", "strength", lambda b: b["proof"].pop("certificate"))
_certified("timestamp_left_out", "strength", lambda b: b["proof"].pop("timestamp"))
_certified("certified_signature_called_s2", "strength", lambda b: b["proof"].update(strength="S2"))
_certified("certified_signature_of_something_else", "signer", lambda b: b["proof"].update(signature="00" * 64))
# What only the package's verifier can see, which reads timestamps: here nothing is claimed of them.
_certified("timestamp_of_something_else", "no-timestamps", lambda b: b["proof"].update(timestamp="3000"), "V2")
_certified("certificate_just_over", "no-timestamps", lambda b: _certificate(b, until=-60), "V2")
_certified("certificate_just_begun", "no-timestamps", lambda b: _certificate(b, since=60), "V2")


def _personal(made: Bundle) -> int:
    return next(body_of(e)["seq"] for e in made.entries("m1") if body_of(e).get("proof", {}).get("strength") == "S2")


@attack("V0", "effect")
def place_signed_by_nobody(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        open_one = next(s for s in body["effects"][0]["slots"] if s["state"] == "open")
        open_one |= {"state": "signed", "seq": 2, "person": "o3-secretary"}

    forged(made, honest, "m4", find(made, "m4", "add-signer"), change)


@attack("V0", "effect")
def place_signed_by_nobody_and_at_no_number(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        open_one = next(s for s in body["effects"][0]["slots"] if s["state"] == "open")
        open_one |= {"state": "signed", "person": "o3-secretary"}
        open_one.pop("seq", None)

    forged(made, honest, "m4", find(made, "m4", "add-signer"), change)


@attack("V0", "effect")
def signature_taken_back_by_another(made: Bundle, honest: Honest) -> None:
    number = find(made, "m4", "withdraw")
    forged(made, honest, "m4", number, lambda b: b["effects"][0].update(person="o3-secretary"))


@attack("V0", "statement")
def principal_of_a_mandate_exchanged(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m5", _by_mandate(made), lambda b: b["statement"].update(principal="t1-secretary"))


@attack("V0", "body")
def mandate_invented(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m5", _by_mandate(made), lambda b: b["statement"].update(mandate="w9"))


def _by_mandate(made: Bundle) -> int:
    return next(body_of(e)["seq"] for e in made.entries("m5") if body_of(e).get("statement", {}).get("as") == "mandate")


@attack("V0", "statement")
def correction_of_other_papers(made: Bundle, honest: Honest) -> None:
    number = find(made, "s-o1", "supplement")
    forged(made, honest, "s-o1", number, lambda b: b["statement"].update(materials={"statement": digest(b"x")}))


@attack("V0", "effect")
def finding_exchanged(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "s-o3", find(made, "s-o3", "contradict"), lambda b: b["effects"][0].update(finding="x"))


@attack("V0", "statement")
def exemption_about_a_place(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "s-owed", find(made, "s-owed", "exempt"), lambda b: b["act"].update(slot="1"))


@attack("V0", "statement")
def evidence_of_a_line_exchanged(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["evidence"] = digest(b"another photograph")

    made.lines.append({"t": "withheld", "digest": digest(b"another photograph")})
    forged(made, honest, "m7", find(made, "m7", "close-line"), change)


@attack("V0", "statement")
def outcome_left_out_of_the_statement(made: Bundle, honest: Honest) -> None:
    number = next(e["seq"] for e in made.entries("m9") if "outcome" in body_of(e).get("statement", {}))
    forged(made, honest, "m9", number, lambda b: b["statement"].pop("outcome"))


@attack("V0", "statement")
def what_was_seen_exchanged(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["act"].update(seen=digest(b"x")))


@attack("V0", "effect")
def item_opened_under_another_definition_than_it_says(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m3", 1, lambda b: b["effects"][0].update(definition=digest(b"x")))


@attack("V2", "seal-only")
def act_of_an_unknown_kind(made: Bundle, honest: Honest) -> None:
    chain = next(e["chain"] for e in made.of_kind("entry") if body_of(e)["act"]["kind"] == "fire")
    forged(made, honest, chain, find(made, chain, "fire"), lambda b: b["act"].update(kind="bless"))
    made.drop(*made.of_kind("heads"))


@attack("V2", "tail")
def engines_own_act_in_an_items_chain(made: Bundle, honest: Honest) -> None:
    """It says nothing of the item, and is of a kind that is known."""
    chain = next(e["chain"] for e in made.of_kind("entry") if body_of(e)["act"]["kind"] == "fire")
    forged(made, honest, chain, find(made, chain, "fire"), lambda b: b["act"].update(kind="incarnation"))
    made.drop(*made.of_kind("heads"))


@attack("V0", "heads")
def heads_that_are_no_hex(made: Bundle, honest: Honest) -> None:
    made.of_kind("heads")[0]["proof"]["head"]["path"][0] = "zz"


@attack("V2", "tail")
def heads_fixed_by_another_chain_than_the_logs(made: Bundle, honest: Honest) -> None:
    """Taken for the log's own it would prove a chain of two entries where there are three."""
    last = made.entries("org")[-1]
    body = body_of(last)
    root = "sha256:" + "00" * 32
    body["act"] = {"kind": "heads", "node": 1, "algorithm": "sha256", "chains": 1, "root": root}
    new = {"t": "entry", "chain": "org", "seq": 0, "body": "", "seal": last["seal"]}
    with_body(new, body)
    made.after(last, new)
    made.touched.append(new)
    rehash(made, "org", honest.engine_key)


# --- bodies that are not what they look like ----------------------------------------------------------------------------


def _raw(made: Bundle, honest: Honest, change: Callable[[bytes], bytes]) -> None:
    """Other bytes as the last body of m2, sealed with the stolen key."""
    line = made.entries("m2")[-1]
    line["body"] = base64.b64encode(change(base64.b64decode(line["body"]))).decode()
    body, seal = (base64.b64decode(line[k]) for k in ("body", "seal"))
    (seal,) = seal_entries([body], honest.engine_key)
    line["seal"] = base64.b64encode(seal).decode()
    unlog(line)
    next(h for h in made.of_kind("head") if h["chain"] == "m2")["hash"] = entry_hash(body, seal).hex()


def _raw_attack(name: str, code: str, change: Callable[[bytes], bytes]) -> None:
    def run(made: Bundle, honest: Honest) -> None:
        _raw(made, honest, change)

    ATTACKS.append(Attack(f"{name}_fail", "campaign", run, "V0", code))


_raw_attack("body_with_space", "body", lambda b: b.replace(b",", b", ", 1))
_raw_attack("body_with_a_key_twice", "body", lambda b: b[:-1] + b',"v":1}')
_raw_attack("body_with_keys_out_of_order", "body", lambda b: b'{"zz":1,' + b[1:])
_raw_attack("body_with_a_float", "body", lambda b: b[:-1] + b',"z":1.5}')
_raw_attack("body_with_nan", "body", lambda b: b[:-1] + b',"z":NaN}')
_raw_attack("body_with_a_huge_integer", "body", lambda b: b[:-1] + b',"z":9007199254740992}')
_raw_attack("body_with_endless_digits", "body", lambda b: b[:-1] + b',"z":' + b"9" * 6000 + b"}")
_raw_attack("body_with_minus_zero", "body", lambda b: b[:-1] + b',"z":-0}')
_raw_attack("body_with_an_escape", "body", lambda b: b[:-1] + b',"z":"\\u4e2d"}')
_raw_attack("body_with_a_lone_surrogate", "body", lambda b: b[:-1] + b',"z":"\\ud800"}')
_raw_attack("body_with_decomposed_text", "body", lambda b: b[:-1] + ',"z":"e\u0301"}'.encode())
_raw_attack("body_with_a_key_beyond_ascii", "body", lambda b: b[:-1] + ',"签":1}'.encode())
_raw_attack("body_with_a_quoted_key_beyond_ascii", "body", lambda b: b[:-1] + ',"z\\"签\\"a":1}'.encode())
_raw_attack("body_with_bad_utf8", "body", lambda b: b[:-1] + b',"z":"\xff"}')
_raw_attack("body_too_deep", "size", lambda b: b[:-1] + b',"z":' + b"[" * 70 + b"]" * 70 + b"}")
_raw_attack("body_endlessly_deep", "size", lambda b: b[:-1] + b',"z":' + b"[" * 90_000 + b"]" * 90_000 + b"}")
_raw_attack("body_that_is_a_list", "body", lambda b: b"[]")
_raw_attack("body_that_is_empty", "body", lambda b: b"")
_raw_attack("body_without_an_act", "body", lambda b: b.replace(b'"act"', b'"acu"'))
_raw_attack("body_of_another_version", "body", lambda b: b.replace(b'"v":1}', b'"v":2}'))
_raw_attack(
    "body_with_a_number_as_text",
    "body",
    lambda b: b.replace(b'"seq":', b'"seq":"').replace(b',"statement"', b'","statement"'),
)


# --- without the engine's key -------------------------------------------------------------------------------------------


@attack("V0", "seal")
def everything_rehashed_under_old_seals(made: Bundle, honest: Honest) -> None:
    edit(made, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] + 1))
    rehash(made, "m2")


@attack("V0", "seal")
def everything_sealed_by_a_stranger(made: Bundle, honest: Honest) -> None:
    edit(made, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] + 1))
    rehash(made, "m2", STRANGER)


@attack("V0", "seal")
def bundle_with_its_own_key(made: Bundle, honest: Honest) -> None:
    everything_sealed_by_a_stranger(made, honest)
    made.of_kind("key")[0] |= {"id": STRANGER.key_id().hex(), "public": STRANGER.public_key().hex()}


@attack("V0", "seal")
def strangers_seal_under_the_engines_key_id(made: Bundle, honest: Honest) -> None:
    everything_sealed_by_a_stranger(made, honest)
    line = made.entries("m2")[-1]
    seal = base64.b64decode(line["seal"])
    line["seal"] = base64.b64encode(honest.engine_key.key_id() + seal[8:]).decode()
    rehash(made, "m2")


@attack("V0", "seal")
def size_of_a_sealed_batch_changed(made: Bundle, honest: Honest) -> None:
    batched = [e for e in made.of_kind("entry") if len(base64.b64decode(e["seal"])) > 80]
    line = batched[-1]
    seal = bytearray(base64.b64decode(line["seal"]))
    seal[79] ^= 3
    line["seal"] = base64.b64encode(bytes(seal)).decode()
    unlog(line)
    rehash(made, line["chain"])


@attack("V0", "seal")
def seal_too_short(made: Bundle, honest: Honest) -> None:
    line = made.entries("m2")[-1]
    line["seal"] = base64.b64encode(b"short").decode()
    unlog(line)
    rehash(made, "m2")


@attack("V0", "origin")
def bundle_of_another_log(made: Bundle, honest: Honest) -> None:
    made.lines[0]["origin"] = "other.example/log"


# --- with the engine's key: only the log tells --------------------------------------------------------------------------


@attack("V2", "tail")
def history_rewritten_with_the_engines_key(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] - 1))
    made.drop(*made.of_kind("heads"))


@attack("V2", "tail")
def entry_appended_with_an_earlier_time(made: Bundle, honest: Honest) -> None:
    last = made.entries("m3")[-1]
    body = body_of(last)
    act = {"kind": "fire", "item": "m3", "rule": "report/1", "step": 9}
    body |= {"act": act, "effects": [], "at": body["at"] - 86_400_000_000}
    body.pop("statement", None), body.pop("proof", None)
    new = {"t": "entry", "chain": "m3", "seq": 0, "body": "", "seal": last["seal"]}
    with_body(new, body)
    made.after(last, new)
    made.touched.append(new)
    rehash(made, "m3", honest.engine_key)


@attack("V2", "tail")
def strength_raised_with_the_engines_key(made: Bundle, honest: Honest) -> None:
    number = signed_at(made, "m2", 15)
    forged(made, honest, "m2", number, lambda b: b.update(proof={"strength": "S1", "method": "token"}))
    made.drop(*made.of_kind("heads"))


@attack("V0", "heads")
def rewritten_beside_a_heads_tree(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] - 1))


@attack("V0", "inclusion")
def rewritten_under_its_old_place_in_the_log(made: Bundle, honest: Honest) -> None:
    edit(made, "m2", len(made.entries("m2")), lambda b: b.update(at=b["at"] - 1), log=True)
    rehash(made, "m2", honest.engine_key, log=True)


@attack("V0", "inclusion")
def places_in_the_log_exchanged(made: Bundle, honest: Honest) -> None:
    a, b = made.entries("m2")[3:5]
    a["index"], b["index"] = b["index"], a["index"]


@attack("V0", "inclusion")
def path_too_short(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[3]["path"] = ""


@attack("V0", "inclusion")
def path_too_long(made: Bundle, honest: Honest) -> None:
    line = made.entries("m2")[3]
    line["path"] = base64.b64encode(base64.b64decode(line["path"]) + bytes(32)).decode()


@attack("V0", "inclusion")
def path_of_odd_length(made: Bundle, honest: Honest) -> None:
    line = made.entries("m2")[3]
    line["path"] = base64.b64encode(base64.b64decode(line["path"]) + b"x").decode()


@attack("V0", "inclusion")
def place_beyond_the_log(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[3]["index"] = 10_000


@attack("V0", "inclusion")
def place_without_a_checkpoint(made: Bundle, honest: Honest) -> None:
    made.drop(*made.of_kind("checkpoint"))


@attack("V2", "no-log")
def log_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(*made.of_kind("checkpoint"))
    for line in made.of_kind("entry"):
        unlog(line)


@attack("V0", "checkpoint")
def checkpoint_by_a_stranger(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("checkpoint")[0]
    text = Note.parse(line["note"]).text
    line["note"] = str(Note(text, (sign(text, Checkpoint.parse(text).origin, STRANGER),)))


@attack("V0", "checkpoint")
def checkpoint_of_another_log(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("checkpoint")[0]
    known = Checkpoint.parse(Note.parse(line["note"]).text)
    text = Checkpoint("other.example/log", known.size, known.root).text
    line["note"] = str(Note(text, (sign(text, known.origin, honest.book.key),)))


@attack("V0", "format")
def checkpoint_twice(made: Bundle, honest: Honest) -> None:
    line = made.of_kind("checkpoint")[0]
    made.after(line, dict(line))


@attack("V0", "format")
def checkpoint_that_is_no_note(made: Bundle, honest: Honest) -> None:
    made.of_kind("checkpoint")[0]["note"] = "signoff.local/log\n12\n"


def _tree(made: Bundle, honest: Honest, size: int) -> None:
    """A log of this size over the bundle's entries as they now are, signed with the true checkpoint key."""
    entries = made.of_kind("entry")
    hashes = [entry_hash(base64.b64decode(e["body"]), base64.b64decode(e["seal"])) for e in entries]
    leaves = [merkle.leaf_hash(h) for h in hashes] + [bytes([n]) * 32 for n in range(size - len(entries))]
    root, paths = merkle.paths(leaves)
    for n, line in enumerate(entries):
        line |= {"index": n, "path": base64.b64encode(b"".join(paths[n])).decode()}
    line = made.of_kind("checkpoint")[0]
    text = Checkpoint("signoff.local/log", size, root).text
    marks = [sign(text, "signoff.local/log", honest.book.key)]
    line["note"] = str(Note(text, tuple(marks)))


def _own_size(honest: Honest) -> int:
    return Checkpoint.parse(Note.parse(honest.checkpoint).text).size


@attack("V0", "fork")
def forked_log_of_the_same_size(made: Bundle, honest: Honest) -> None:
    history_rewritten_with_the_engines_key(made, honest)
    _tree(made, honest, _own_size(honest))


@attack("V2", "older")
def forked_log_that_is_shorter(made: Bundle, honest: Honest) -> None:
    history_rewritten_with_the_engines_key(made, honest)
    _tree(made, honest, len(made.of_kind("entry")))


@attack("V2", "no-consistency")
def forked_log_that_is_longer(made: Bundle, honest: Honest) -> None:
    history_rewritten_with_the_engines_key(made, honest)
    _tree(made, honest, _own_size(honest) + 5)


@attack("V0", "fork")
def forked_log_with_an_invented_proof(made: Bundle, honest: Honest) -> None:
    forked_log_that_is_longer(made, honest)
    proof = {"from": _own_size(honest), "to": _own_size(honest) + 5, "path": base64.b64encode(bytes(96)).decode()}
    made.after(made.of_kind("checkpoint")[0], {"t": "consistency", **proof})


@attack("V2", "older", base="early")
def restored_backup(made: Bundle, honest: Honest) -> None:
    """Honest in itself, and older than what the auditor has seen."""


# --- what is said twice --------------------------------------------------------------------------------------------------

LEFT_OUT = ("outcome", "due", "minutes", "finding", "method", "paper", "roll", "eligible", "codes", "keys", "delegate")
LEFT_OUT += ("place", "leaver", "opinion", "reason")


def _differing(kind: str, member: str) -> None:
    """What the first effect of an act repeats of it is something else."""

    def run(made: Bundle, honest: Honest) -> None:
        entry = next(e for e in made.of_kind("entry") if body_of(e)["act"]["kind"] == kind)
        forged(made, honest, entry["chain"], entry["seq"], lambda b: b["effects"][0].update({member: "other"}))

    name = f"{member.strip('_')}_of_{kind.replace('-', '_')}_differs_in_its_effect_fail"
    ATTACKS.append(Attack(name, "campaign", run, "V0", "effect"))


def _unsaid(member: str) -> None:
    """A statement is silent about what its act says."""

    def run(made: Bundle, honest: Honest) -> None:
        entry = next(e for e in made.of_kind("entry") if member in body_of(e).get("statement", {}))
        forged(made, honest, entry["chain"], entry["seq"], lambda b: b["statement"].pop(member))

    ATTACKS.append(Attack(f"statement_without_its_{member}_fail", "campaign", run, "V0", "statement"))


for _kind, (_, _members) in standalone.LEADS_TO.items():
    for _member in _members:
        _differing(_kind, _member)
for _member in LEFT_OUT:
    _unsaid(_member)


@attack("V0", "cite")
def report_told_to_the_rules_that_is_another(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        next(v for f, v in body["facts"].items() if f.startswith("children "))[0]["head"] = "00" * 32

    entry = next(e for e in made.entries("s-t1") if any(f.startswith("children ") for f in body_of(e).get("facts", {})))
    forged(made, honest, "s-t1", entry["seq"], change)


@attack("V0", "cite")
def report_relied_on_that_is_another(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        next(e for e in body["effects"] if e.get("relies"))["relies"][0]["head"] = "00" * 32

    forged(made, honest, "s-t1", find(made, "s-t1", "submit"), change)


@attack("V0", "algorithm")
def document_named_by_an_algorithm_the_policy_does_not_allow(made: Bundle, honest: Honest) -> None:
    other = digest(b"other papers", "sm3")

    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["materials"] = dict.fromkeys(place["materials"], other)

    made.lines.append({"t": "withheld", "digest": other})
    forged(made, honest, "m3", find(made, "m3", "submit"), change)


@attack("V0", "algorithm")
def heads_by_an_algorithm_the_policy_does_not_allow(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "log", find(made, "log", "heads"), lambda b: b["act"].update(algorithm="sm3"))


@attack("V0", "nonce")
def statement_at_a_moment_that_is_no_number(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "m2", signed_at(made, "m2"), lambda b: b["statement"].update(at=str(b["statement"]["at"])))


@attack("V0", "statement")
def figure_of_an_earlier_paper_kept(made: Bundle, honest: Honest) -> None:
    """The paper that came in its place has no such figure; what was signed is said to have one."""
    number = [body_of(e)["seq"] for e in made.entries("l1") if body_of(e)["act"]["kind"] == "submit"][-1]

    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["figures"] = {"sheet": {"count": 3}}

    forged(made, honest, "l1", number, change)


@attack("V0", "content")
def part_of_an_import_left_out_silently(made: Bundle, honest: Honest) -> None:
    forged(made, honest, "org", 1, lambda b: b["act"].update(parts=[digest(b"an invented part")]))


# --- votes ---------------------------------------------------------------------------------------------------------------


def _sheet(made: Bundle, honest: Honest, nth: int, **figures: Any) -> None:
    """A sheet that says something else, in act and effect alike."""
    numbers = [body_of(e)["seq"] for e in made.entries("v1") if body_of(e)["act"]["kind"] == "record-tally"]

    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["figures"]["votes"].update(figures)

    forged(made, honest, "v1", numbers[nth], change)


@attack("V0", "tally")
def votes_counted_otherwise(made: Bundle, honest: Honest) -> None:
    _sheet(made, honest, 1, dissatisfied=0)


@attack("V0", "tally")
def more_votes_than_papers(made: Bundle, honest: Honest) -> None:
    _sheet(made, honest, 1, voted=7)


@attack("V0", "tally")
def papers_not_opened_though_there_are_enough(made: Bundle, honest: Honest) -> None:
    _sheet(made, honest, 0, voted=5)


@attack("V0", "tally")
def sheet_of_another_roll(made: Bundle, honest: Honest) -> None:
    _sheet(made, honest, 1, eligible=7)


@attack("V0", "tally")
def one_paper_counted_for_another(made: Bundle, honest: Honest) -> None:
    """The paper that is not content is another copy of one that is; the sheet that is signed over them says so too."""
    line = next(c for c in made.of_kind("content") if b'"mark"' in base64.b64decode(c["body"]))
    papers = json.loads(base64.b64decode(line["body"]))
    bad = next(n for n, p in enumerate(papers) if p["content"] == "dissatisfied")
    papers[bad] = papers[bad - 1]
    body = json.dumps(papers, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    old, new = line["digest"], digest(body)
    line |= {"digest": new, "body": base64.b64encode(body).decode()}
    for entry in made.entries("v1"):
        entry["body"] = base64.b64encode(base64.b64decode(entry["body"]).replace(old.encode(), new.encode())).decode()
    _sheet(made, honest, 1, dissatisfied=0)


@attack("V5", "votes")
def papers_not_given_out(made: Bundle, honest: Honest) -> None:
    """Nothing is wrong, and nothing is claimed of the count either."""
    line = next(c for c in made.of_kind("content") if b'"mark"' in base64.b64decode(c["body"]))
    made.drop(line)
    made.lines.append({"t": "withheld", "digest": line["digest"]})


@attack("V0", "statement")
def roll_exchanged_under_the_issuers_signature(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["roll"] = digest(b"another roll")

    forged(made, honest, "v1", find(made, "v1", "open-ballot"), change)


@attack("V0", "statement")
def finding_of_a_check_exchanged(made: Bundle, honest: Honest) -> None:
    def change(body: dict[str, Any]) -> None:
        for place in (body["act"], body["effects"][0]):
            place["method"] = "telephone"

    forged(made, honest, "j1", find(made, "j1", "record-check"), change)


# --- keys: handed over, revoked, stolen -----------------------------------------------------------------------------------


def _sealed_with(made: Bundle, key: Held, at: int) -> None:
    """A sweep's entry at the end of m3, of any moment, sealed with another key than the engine's."""
    last = made.entries("m3")[-1]
    body = body_of(last)
    body |= {"act": {"kind": "fire", "item": "m3", "rule": "report/1", "step": 9}, "effects": [], "at": at}
    body.pop("statement", None), body.pop("proof", None)
    new = {"t": "entry", "chain": "m3", "seq": 0, "body": "", "seal": last["seal"]}
    with_body(new, body)
    made.after(last, new)
    made.touched.append(new)
    rehash(made, "m3", key)


def _event(made: Bundle, kind: str) -> dict[str, Any]:
    return next(b for e in made.entries("keys") if (b := body_of(e))["act"]["kind"] == kind)


@attack("V0", "key-not-good")
def sealed_with_a_key_before_it_was_registered(made: Bundle, honest: Honest) -> None:
    _sealed_with(made, NODE, _event(made, "rotate-key")["at"] - 1)


@attack("V2", "tail")
def sealed_with_a_key_in_its_last_hour(made: Bundle, honest: Honest) -> None:
    """Honest keys may seal until they are handed over: nothing shows yet, and nothing above V2 is claimed."""
    _sealed_with(made, NODE, _event(made, "rotate-key")["act"]["until"])


@attack("V0", "key-not-good")
def sealed_with_a_key_that_was_handed_over(made: Bundle, honest: Honest) -> None:
    _sealed_with(made, NODE, _event(made, "rotate-key")["act"]["until"] + 1)


@attack("V0", "key-not-good")
def sealed_with_a_revoked_key(made: Bundle, honest: Honest) -> None:
    _sealed_with(made, NEXT_NODE, _event(made, "revoke-key")["act"]["since"])


@attack("V0", "key-not-good")
def back_dated_with_a_revoked_key(made: Bundle, honest: Honest) -> None:
    _sealed_with(made, NEXT_NODE, _event(made, "revoke-key")["act"]["since"] - 1)


@attack("V0", "inclusion")
def back_dated_in_the_log_with_a_revoked_key(made: Bundle, honest: Honest) -> None:
    """It stands in a log of its own at the place of the tree's last leaf; the log of the bundle is another."""
    _sealed_with(made, NEXT_NODE, _event(made, "revoke-key")["act"]["since"] - 1)
    made.entries("m3")[-1] |= {"index": _own_size(honest) - 1, "path": ""}


@attack("V4", "no-heads")
def key_events_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(*made.entries("keys"), *(h for h in made.lines if h.get("chain") == "keys"))


@attack("V0", "cut")
def revocation_cut_off(made: Bundle, honest: Honest) -> None:
    made.drop(*made.entries("keys")[-2:])
    rehash(made, "keys", log=True)


@attack("V0", "cut")
def key_events_left_out_under_their_own_proof(made: Bundle, honest: Honest) -> None:
    made.drop(*made.entries("keys"), *(h for h in made.of_kind("head") if h["chain"] == "keys"))


@attack("V0", "heads")
def key_events_denied_by_neighbours_that_are_none(made: Bundle, honest: Honest) -> None:
    heads = [h for h in _heads_of(made) if h["chain"] != "keys"]
    first, last = next((a, b) for a, b in pairwise(heads) if b["index"] == a["index"] + 1)
    key_events_left_out_under_their_own_proof(made, honest)
    line = next(h for h in made.of_kind("heads") if h["chain"] == "keys")
    line["proof"] = {"before": first, "after": last}


@attack("V0", "heads")
def key_events_denied_by_neighbours_apart(made: Bundle, honest: Honest) -> None:
    held = next(h["proof"]["head"] for h in made.of_kind("heads") if h["chain"] == "keys")
    before = [h for h in _heads_of(made) if h["index"] < held["index"]][-1]
    after = next(h for h in _heads_of(made) if h["index"] > held["index"])
    key_events_left_out_under_their_own_proof(made, honest)
    next(h for h in made.of_kind("heads") if h["chain"] == "keys")["proof"] = {"before": before, "after": after}


def _heads_of(made: Bundle) -> list[dict[str, Any]]:
    heads = [h["proof"]["head"] for h in made.of_kind("heads") if "head" in h["proof"]]
    return sorted(heads, key=lambda h: int(h["index"]))


def _changed_event(name: str, code: str, kind: str, change: Callable[[dict[str, Any]], Any], nth: int = 0) -> None:
    def run(made: Bundle, honest: Honest) -> None:
        events = [body_of(e)["seq"] for e in made.entries("keys") if body_of(e)["act"]["kind"] == kind]
        forged(made, honest, "keys", events[nth], lambda b: change(b["act"]))

    ATTACKS.append(Attack(f"{name}_fail", "campaign", run, "V0", code))


def _event_more(made: Bundle, honest: Honest, **act: Any) -> None:
    """An event more at the end of the chain of keys, sealed with the stolen key, at the moment of the last."""
    last = made.entries("keys")[-1]
    new = {"t": "entry", "chain": "keys", "seq": 0, "body": "", "seal": last["seal"]}
    with_body(new, body_of(last) | {"act": act})
    made.after(last, new)
    made.touched.append(new)
    rehash(made, "keys", honest.engine_key)
    made.drop(*made.of_kind("heads"))


def _handed_over(made: Bundle, honest: Honest, use: str, old: Any, new: Any, later: int) -> None:
    """A key is handed over; both sign, as they must."""
    act = {"kind": "rotate-key", "use": use, "key": old.public_key().hex(), "to": new.public_key().hex()}
    act |= {"algorithm": "ed25519", "until": body_of(made.entries("keys")[-1])["at"] + later}
    covered = pae(standalone.KEY_EVENT, canonical.encode(act))
    _event_more(made, honest, **act, old=old.sign(covered).hex(), new=new.sign(covered).hex())


def _hand_over_attack(name: str, claims: str, use: str, old: Any, new: Any, later: int = 1) -> None:
    def run(made: Bundle, honest: Honest) -> None:
        _handed_over(made, honest, use, old or honest.engine_key, new, later)

    ATTACKS.append(Attack(f"{name}_fail", "campaign", run, claims, "keys" if claims == "V0" else "tail"))


_WITNESS = WITNESSES["archive.example"]
_LATER = Held("a key for later")
_hand_over_attack("key_handed_over_at_the_end", "V2", "witness", _WITNESS, _LATER)
_hand_over_attack("key_handed_over_at_once", "V2", "witness", _WITNESS, _LATER, 0)
_hand_over_attack("key_handed_over_for_a_time_that_is_past", "V0", "witness", _WITNESS, _LATER, -1)
_hand_over_attack("key_handed_over_to_one_that_is_known", "V0", "witness", _WITNESS, STRANGER)
_hand_over_attack("key_handed_over_by_one_that_was_handed_over", "V0", "engine", NODE, _LATER)
_hand_over_attack("key_handed_over_by_one_that_was_revoked", "V0", "engine", NEXT_NODE, _LATER)
_hand_over_attack("key_handed_over_by_one_of_another_use", "V0", "signer", _WITNESS, _LATER)


@attack("V0", "keys")
def key_handed_over_by_a_signature_of_another_algorithm(made: Bundle, honest: Honest) -> None:
    """What the new key is does not say how the old one signs."""
    act = {"kind": "rotate-key", "use": "witness", "key": _WITNESS.public_key().hex(), "to": "aa" * 65}
    act |= {"algorithm": "sm2", "until": body_of(made.entries("keys")[-1])["at"] + 1}
    _event_more(made, honest, **act, old="00" * 64, new="00" * 64)


@attack("V0", "keys")
def key_registered_that_fits_any_signature(made: Bundle, honest: Honest) -> None:
    """A point of small order: one signature fits about one text in eight, and so did one of these registrations."""
    act = {"kind": "register-key", "use": "signer", "key": "01" + "00" * 31, "of": "x", "algorithm": "ed25519"}
    _event_more(made, honest, **act, proof="01" + "00" * 63)


@attack("V0", "keys")
def key_handed_over_twice_while_it_is_good(made: Bundle, honest: Honest) -> None:
    _handed_over(made, honest, "witness", _WITNESS, _LATER, 10)
    _handed_over(made, honest, "witness", _WITNESS, Held("a second key for later"), 10)


@attack("V2", "tail")
def key_of_another_algorithm_registered_unchecked(made: Bundle, honest: Honest) -> None:
    """No policy can pin it, and so nothing that it signed ever counts."""
    act = {"kind": "register-key", "use": "signer", "key": "aa" * 65, "of": "x", "algorithm": "sm2", "proof": "00"}
    _event_more(made, honest, **act)


_changed_event("key_handed_over_without_the_old_one", "keys", "rotate-key", lambda a: a.update(old="00" * 64))
_changed_event("key_handed_over_without_the_new_one", "keys", "rotate-key", lambda a: a.update(new="00" * 64))
_changed_event("key_handed_over_unsigned", "keys", "rotate-key", lambda a: a.pop("old"))
_changed_event("key_handed_over_for_longer", "keys", "rotate-key", lambda a: a.update(until=a["until"] + 1))
_changed_event("key_registered_without_holding_it", "keys", "register-key", lambda a: a.update(proof="00" * 64))
_changed_event(
    "key_registered_twice", "keys", "revoke-key", lambda a: a.update(kind="register-key", of="x", algorithm="x")
)
_changed_event(
    "key_revoked_that_was_never_registered", "keys", "revoke-key", lambda a: a.update(key=STRANGER.public_key().hex())
)
_changed_event("key_revoked_for_later", "keys", "revoke-key", lambda a: a.update(since=a["since"] + 10**12))
_changed_event("key_event_of_no_kind", "keys", "revoke-key", lambda a: a.update(kind="forgive-key"))
_changed_event("key_event_without_a_key", "body", "revoke-key", lambda a: a.pop("key"))


@attack("V0", "key-not-good")
def personal_key_registered_for_somebody_else(made: Bundle, honest: Honest) -> None:
    """The person has a registered key, and it is another one than the one that signed."""
    person = body_of(made.entries("m1")[_personal(made) - 1])["statement"]["person"]
    event = next(b for e in made.entries("keys") if (b := body_of(e))["act"]["use"] == "signer")
    forged(made, honest, "keys", event["seq"], lambda b: b["act"].update(of=person))


# --- with the log's key too: only witnesses and heads tell ---------------------------------------------------------------


def _cosigned(made: Bundle, cosigners: dict[str, Held], text: str | None = None) -> None:
    line = made.of_kind("checkpoint")[0]
    note = Note.parse(line["note"])
    marks = [cosign(text or note.text, name, key, 1_574_643_600) for name, key in cosigners.items()]
    line["note"] = str(Note(note.text, (note.marks[0], *marks)))


@attack("V3", "no-quorum")
def cosignatures_left_out(made: Bundle, honest: Honest) -> None:
    _cosigned(made, {})


@attack("V3", "no-quorum")
def cosigned_by_one(made: Bundle, honest: Honest) -> None:
    _cosigned(made, {"archive.example": WITNESSES["archive.example"]})


@attack("V3", "no-quorum")
def cosigned_by_strangers(made: Bundle, honest: Honest) -> None:
    _cosigned(made, {name: Held(f"not {name}") for name in WITNESSES})


@attack("V3", "no-quorum")
def cosigned_by_one_twice(made: Bundle, honest: Honest) -> None:
    _cosigned(made, {"archive.example": WITNESSES["archive.example"]})
    line = made.of_kind("checkpoint")[0]
    line["note"] += line["note"].splitlines()[-1] + "\n"


@attack("V3", "no-quorum")
def cosignatures_of_another_checkpoint(made: Bundle, honest: Honest) -> None:
    _cosigned(made, WITNESSES, "signoff.local/log\n1\nAAAA\n")


@attack("V0", "cut")
def tail_cut_off_though_the_log_has_it(made: Bundle, honest: Honest) -> None:
    last = made.entries("m3")[-1]
    made.drop(last)
    rehash(made, "m3", log=True)


@attack("V4", "no-heads")
def proof_of_heads_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(*made.of_kind("heads"))


@attack("V4", "no-heads")
def proof_of_one_head_left_out(made: Bundle, honest: Honest) -> None:
    made.drop(next(h for h in made.of_kind("heads") if h["chain"] == "m3"))


@attack("V4", "no-heads")
def dated_heads_cut_off(made: Bundle, honest: Honest) -> None:
    tail_cut_off_though_the_log_has_it(made, honest)
    made.drop(*made.entries("log"), *(h for h in made.of_kind("head") if h["chain"] == "log"))


@attack("V0", "heads")
def head_of_another_chain(made: Bundle, honest: Honest) -> None:
    one, other = made.of_kind("heads")[:2]
    one["proof"], other["proof"] = other["proof"], one["proof"]


@attack("V0", "heads")
def head_that_is_invented(made: Bundle, honest: Honest) -> None:
    made.of_kind("heads")[0]["proof"]["head"]["seq"] = 1


# --- files that are no bundles ------------------------------------------------------------------------------------------


def _file_attack(name: str, claims: str, code: str, change: Callable[[bytes], bytes]) -> None:
    ATTACKS.append(Attack(f"{name}_fail", "campaign", lambda made, honest: change(made.data), claims, code))


_file_attack("file_empty", "V0", "empty", lambda data: b"")
_file_attack("file_cut_after_a_line", "V0", "end", lambda data: data[: data.rindex(b"\n", 0, -1) + 1])
_file_attack("file_cut_in_a_line", "V0", "end", lambda data: data[:-5])
_file_attack("file_with_another_end", "V0", "end", lambda data: data.replace(b'"made_at":1', b'"made_at":2', 1))
_file_attack("file_going_on_after_its_end", "V0", "format", lambda data: data + data.splitlines()[-1] + b"\n")
_file_attack("file_of_two_bundles", "V0", "format", lambda data: data + data)
_file_attack("file_without_a_header", "V0", "format", lambda data: data.split(b"\n", 1)[1])
_file_attack("file_of_deep_json", "V0", "format", lambda data: b"[" * 100_000 + b"\n")
_file_attack("file_of_no_json", "V0", "format", lambda data: b"\x00\xff\n" + data)
_file_attack("file_of_lists", "V0", "format", lambda data: b"[]\n")
_file_attack("file_with_a_member_twice", "V0", "format", lambda data: data.replace(b'"body":', b'"body":"","body":', 1))
_file_attack("file_in_another_encoding", "V0", "format", lambda data: data.decode().encode("utf-16-le"))
_file_attack("file_of_another_format", "V0", "format", lambda data: data.replace(b"wfproof/1", b"wfproof/9", 1))


@attack("V0", "format")
def line_of_an_unknown_kind(made: Bundle, honest: Honest) -> None:
    made.lines.insert(3, {"t": "trust-me"})


@attack("V0", "format")
def line_with_a_member_more(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[3]["hash"] = "00"


@attack("V0", "format")
def line_with_a_member_less(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[3].pop("seal")


@attack("V0", "format")
def kinds_of_lines_out_of_order(made: Bundle, honest: Honest) -> None:
    made.lines.append(made.lines.pop(1))


@attack("V0", "format")
def bytes_that_are_no_base64(made: Bundle, honest: Honest) -> None:
    made.entries("m2")[-1]["body"] = "!!!!"


@attack("V0", "empty")
def no_entry_at_all(made: Bundle, honest: Honest) -> None:
    made.drop(*made.of_kind("entry"), *made.of_kind("head"))
    made.lines[0]["chains"] = []


HONEST = {"item": "V5", "campaign": "V5", "early": "V2", "plain": "V2"}
"""What the honest bundles may claim when the auditor brings everything."""


def bundles(honest: Honest) -> Iterator[tuple[str, bytes, str]]:
    """Every case by name: its bytes, and the level it may claim at most."""
    for name, level in HONEST.items():
        yield name, getattr(honest, name).data, level
    for case in ATTACKS:
        yield case.name, attacked(case, honest), case.claims


def attacked(case: Attack, honest: Honest) -> bytes:
    made = getattr(honest, case.base).copy()
    data = case.change(made, honest)
    return data if isinstance(data, bytes) else made.data


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        honest = make_honest(Path(home))
        for name, data, _ in bundles(honest):
            (folder / f"{name}.wfproof").write_bytes(data)
        (folder / "policy.json").write_text(json.dumps(honest.policy, indent=1))
        (folder / "checkpoint.txt").write_text(honest.checkpoint)
        honest.world.engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
