"""One signature committed by hand: what somebody would write who needed exactly this act and nothing else.

It writes byte for byte what the engine writes (``workflow.verify`` accepts the result) and leaves every rule out that
does not change a byte: no definition, no window, no two persons, no materials, no gate. The organisation's answer is
handed to it. SQL goes straight to the driver.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from workflow import Actor
from workflow.evidence.keys import KeyProvider

SORTED = orjson.OPT_SORT_KEYS
ONE = (1).to_bytes(4, "big")

SQLITE = {
    "begin": "BEGIN IMMEDIATE",
    "read": "SELECT seq, head, snapshot, (SELECT head FROM wf_chain WHERE chain = 'org') FROM wf_item WHERE id = ?",
    "entry": "INSERT INTO wf_entry (chain, seq, at, act, body, seal, hash) VALUES (?, ?, ?, 'sign', ?, ?, ?)",
    "item": "UPDATE wf_item SET seq = ?, head = ?, snapshot = ? WHERE id = ? AND seq = ?",
    "slot": "UPDATE wf_slot SET key = ?, unit = ?, post = ?, kind = ?, opened_at = ? WHERE item = ? AND key = ?",
    "commit": "COMMIT",
}
POSTGRESQL = {name: sql.replace("?", "%s") for name, sql in SQLITE.items()}
POSTGRESQL |= {"begin": "BEGIN", "read": POSTGRESQL["read"] + " FOR UPDATE OF wf_item"}


@dataclass(frozen=True)
class Pinned:
    """What the hand-written code may take as given: digests and words of the definition in force."""

    flow: str
    version: str
    definition: str
    calendar: str
    liability: str
    origin: str


def pae(kind: bytes, payload: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sealed(body: bytes, key: KeyProvider) -> tuple[bytes, bytes]:
    """Seal and hash of an entry written alone."""
    leaf = sha256(b"\x00" + body).digest()
    signed = key.sign(pae(b"application/vnd.signoff.seal+v1", leaf + ONE))
    seal = key.key_id() + signed + bytes(4) + ONE
    return seal, entry_hash(body, seal)


def entry_hash(body: bytes, seal: bytes) -> bytes:
    parts = (b"signoff/entry/v1", body, seal)
    return sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()


def manifest_digest(case: Mapping[str, Any]) -> str:
    """What everyone in the chain signs over."""
    manifest = {
        "item": case["item"],
        "round": case.get("round", 1),
        "stage": case["stage"],
        "stay": case["stays"],
        "outcome": case.get("outcome", ""),
        "category": case.get("category", ""),
        "fields": case.get("fields_", {}),
        "materials": case.get("materials", {}),
        "lists": case.get("lists", {}),
        "relies": case.get("relies", []),
    }
    if case.get("form", 1) > 1 and case.get("figures"):
        manifest["figures"] = case["figures"]
    return "sha256:" + sha256(orjson.dumps(manifest, option=SORTED)).hexdigest()


class Signer:
    """Signs open slots on one raw connection, one durable transaction each."""

    def __init__(self, connection: Any, key: KeyProvider, pinned: Pinned, held: Mapping[Actor, dict[str, Any]]) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.sql = SQLITE if type(connection).__module__.startswith("sqlite3") else POSTGRESQL
        self.key = key
        self.pinned = pinned
        self.held = held

    def sign(self, item: str, by: Actor, seen: str, opinion: str, at: int, fact: str) -> None:
        """Read and lock, make the chained entry and the next snapshot, write entry, item and slot, commit."""
        run, sql = self.cursor.execute, self.sql
        run(sql["begin"])
        seq, head, snapshot, org = run(sql["read"], (item,)).fetchone()
        case = orjson.loads(snapshot)
        slots = case["slots"]
        place = next(i for i, s in enumerate(slots) if s["state"] == "open")
        slot, following = slots[place], slots[place + 1]
        content = manifest_digest(case)
        if content != seen or (slot["unit"], slot["post"]) != (by.unit, by.post):
            raise ValueError("not this one's turn, or other content")
        held = self.held[by]
        body = orjson.dumps(
            self._body(case, slot, following, held, by, seq, head, org, opinion, content, at, fact), option=SORTED
        )
        seal, hash_ = sealed(body, self.key)
        slot |= {"state": "signed", "person": by.person, "seq": seq + 1}
        following["state"] = "open"
        case["signers"] = [*case.get("signers", ()), by.person]
        case["last_unit"] = slot["unit"]
        after = orjson.dumps(case, option=SORTED)
        run(sql["entry"], (item, seq + 1, at, body, seal, hash_))
        if run(sql["item"], (seq + 1, hash_, after, item, seq)).rowcount != 1:
            raise ValueError("lost the race")
        where = (following["key"], following["unit"], following["post"], following["kind"], at, item, slot["key"])
        run(sql["slot"], where)
        run(sql["commit"])

    def _body(
        self,
        case: dict[str, Any],
        slot: dict[str, Any],
        following: dict[str, Any],
        held: dict[str, Any],
        by: Actor,
        seq: int,
        head: bytes,
        org: bytes | None,
        opinion: str,
        content: str,
        at: int,
        fact: str,
    ) -> dict[str, Any]:
        pinned = self.pinned
        who = {"person": by.person, "post": by.post, "unit": by.unit}
        late = any(at >= d["missed"] for d in case["dues"].values())
        return {
            "v": 1,
            "chain": case["item"],
            "seq": seq + 1,
            "prev": head.hex(),
            "at": at,
            "act": {"kind": "sign", "item": case["item"], "by": who, "seen": content, "opinion": opinion},
            "definition": pinned.definition,
            "calendar": pinned.calendar,
            "org": org.hex() if org else "",
            "facts": {fact: held},
            "effects": [
                {"e": "signed", "slot": slot["key"], **who, "as": held["as"], "late": late},
                {"e": "slot-opened", "slot": following["key"]},
            ],
            "statement": {
                "v": 1,
                "origin": pinned.origin,
                "item": case["item"],
                "round": case.get("round", 1),
                "stage": case["stage"],
                "stay": case["stays"],
                "slot": slot["key"],
                "flow": pinned.flow,
                "version": pinned.version,
                "definition": pinned.definition,
                "content": content,
                "meaning": "sign",
                "liability": pinned.liability,
                **who,
                "level": slot["level"],
                "tenure": held["tenure"],
                "as": held["as"],
                "relies": [s["seq"] for s in case["slots"] if s["state"] == "signed"],
                "nonce": secrets.token_hex(12),
                "at": at,
                "opinion": "sha256:" + sha256(opinion.encode()).hexdigest(),
            },
            "proof": {"strength": "S0"},
        }


class Unsigned:
    """The same rows with nothing computed: no digest, no hash, no signature. What plain bookkeeping would cost."""

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor()
        self.sql = SQLITE if type(connection).__module__.startswith("sqlite3") else POSTGRESQL

    def sign(self, item: str, seq: int, body: bytes, snapshot: bytes, at: int) -> None:
        run, sql = self.cursor.execute, self.sql
        run(sql["begin"])
        run(sql["entry"], (item, seq, at, body, b"", b""))
        run(sql["item"], (seq, b"", snapshot, item, seq - 1))
        run(sql["slot"], ("1", "b1", "handler", "prepare", at, item, "1"))
        run(sql["commit"])
