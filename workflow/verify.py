"""Checking a database: does its history hold, and how far was it really checked?

V1: bodies are canonical, chains unbroken, columns equal bodies, seals verify, snapshots equal the fold, definitions and
contents match their digests. Beside it the rules: every entry is replayed through the same ``decide`` that made it.
Every failure is collected with a code and its place; a check of nothing is never a success.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow.acts import Signature, act_of
from workflow.calendar import Calendar
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.errors import ContentMissing, NotCanonical, Unknown, WorkflowError
from workflow.evidence import canonical, keyring
from workflow.evidence.content import ContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import BadSeal, SealVerifier, entry_hash, read_body
from workflow.evidence.keyring import BadEvent, Keyring
from workflow.evidence.keys import KEY_ID_LENGTH
from workflow.recording import holds, statement
from workflow.rules import RULES, Asked, Context, Facts, decide
from workflow.store import database, scan
from workflow.store.items import ORG

Progress = Callable[[int, int], None]
WORTH_SHARING = 2_000  # entries; below, starting a process costs more than it saves


@dataclass(frozen=True)
class Failure:
    """One thing that does not hold: a stable code, where, and what was expected and found."""

    code: str
    place: str
    detail: str

    def __str__(self) -> str:
        return f"[{self.code}] {self.place}: {self.detail}"


@dataclass
class Report:
    """What a verification found. ``level`` is what was really reached, never more."""

    entries: int = 0
    chains: int = 0
    replayed: int = 0
    checked: set[str] = field(default_factory=set)  # digests of documents that were there and right
    contents_missing: int = 0
    strengths: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)  # id of each engine key -> entries it sealed
    unregistered: int = 0  # signatures by persons' own keys that no key event brought
    unvouched: list[str] = field(default_factory=list)  # engine keys that no older key signed for
    failures: list[Failure] = field(default_factory=list)

    @property
    def contents(self) -> int:
        """How many documents were there and right."""
        return len(self.checked)

    def add(self, other: Report) -> None:
        """Take in what another range found."""
        self.entries += other.entries
        self.chains += other.chains
        self.replayed += other.replayed
        self.checked |= other.checked
        self.contents_missing += other.contents_missing
        self.strengths.update(other.strengths)
        self.keys.update(other.keys)
        self.unregistered += other.unregistered
        self.failures += other.failures

    @property
    def holds(self) -> bool:
        return self.entries > 0 and not self.failures

    @property
    def level(self) -> str:
        return "V1" if self.holds else "V0"

    @property
    def rules(self) -> str:
        """Whether the history is one the definitions allow."""
        if self.replayed == 0:
            return "not checked"
        return "hold" if not any(f.code.startswith("rules") for f in self.failures) else "do not hold"

    @property
    def exit_code(self) -> int:
        """0 holds, 1 does not hold, 2 could not be checked."""
        return 2 if self.entries == 0 else 0 if self.holds else 1


class Verifier:
    """Verifies all chains of a database, item by item. Read only."""

    def __init__(self, connection: Any, contents: ContentStore | None = None) -> None:
        self.connection = connection
        self.contents = contents
        self.report = Report()
        self.origin = scan.origin(connection)
        self._keys: dict[bytes, Ed25519PublicKey | None] = {}
        self._seals = SealVerifier(self._key)
        self._definitions: dict[str, Definition | None] = {}
        self._calendars: dict[str, Calendar | None] = {}
        self._seen: set[str] = set()
        self._orgs: dict[str, str] = {}  # heads of the organisation's chain as entries cite them -> where first
        self._projected = scan.projected(connection)
        self._ring = Keyring.of(scan.bodies(connection, keyring.CHAIN))
        self.report.unvouched = sorted(k.id for k in self._ring.keys.values() if not k.vouched)

    def _key(self, key_id: bytes) -> Ed25519PublicKey | None:
        if key_id not in self._keys:
            try:
                raw = scan.public_key(self.connection, key_id)
                self._keys[key_id] = Ed25519PublicKey.from_public_bytes(raw) if raw else None
            except ValueError:  # not a key: nothing it should have signed holds
                self._keys[key_id] = None
        return self._keys[key_id]

    def run(self, progress: Progress | None = None, part: scan.Range = scan.EVERYTHING) -> Report:
        """Check everything there is, or one range of chains; every range together is everything."""
        items = scan.items(self.connection, part)
        heads = scan.chain_heads(self.connection, part)
        total = scan.count(self.connection)
        chains: dict[str, Any] = {}
        for chain, rows in scan.chains(self.connection, part):
            chains[chain] = True
            self._chain(chain, rows, items.get(chain), heads.get(chain))
            if progress:
                progress(self.report.entries, total)
        for missing in (items.keys() | heads.keys()) - chains.keys():
            self._fail("entries-missing", missing, "an item or chain head without a single entry")
        for cited in self._orgs.keys() - scan.hashes(self.connection, ORG):
            self._fail("org", self._orgs[cited], "it rests on an organisation that is not in the chain of imports")
        if not part[0]:
            self._library()
            self._late()
        return self.report

    def _fail(self, code: str, place: str, detail: str) -> None:
        self.report.failures.append(Failure(code, place, detail))

    def _chain(self, chain: str, rows: list[Any], item: Any, head: Any) -> None:
        self.report.chains += 1
        case, prev, seq, events = Case(), b"", 0, Keyring()
        foldable = True
        for row in rows:
            seq += 1
            place = f"{chain}#{row.seq}"
            self.report.entries += 1
            body = self._entry(row, chain, seq, prev, place)
            prev = row.hash
            if body is None:
                foldable = False
                continue
            if item is not None and foldable:
                foldable, case = self._follow(body, case, place)
            try:
                self._contents(body["act"], place)
            except (LookupError, TypeError, AttributeError) as error:
                self._fail("body", place, f"its act cannot be read: {type(error).__name__} {error}")
            if chain == keyring.CHAIN:
                self._key_event(events, body, place)
        self._head(chain, rows, item, head, case if foldable else None)

    def _entry(self, row: Any, chain: str, seq: int, prev: bytes, place: str) -> dict[str, Any] | None:
        """One entry alone: canonical, in place, linked, hashed, sealed, and equal to its columns."""
        try:
            body = read_body(row.body)
            for name in ("act", "request"):
                if not isinstance(body.get(name, {} if name == "request" else None), dict):
                    raise NotCanonical(path=f"$.{name}", expected="an object", actual=type(body.get(name)).__name__)
        except WorkflowError as error:
            self._fail("body", place, str(error))
            return None
        for name, expected in (("chain", chain), ("seq", seq), ("prev", prev.hex())):
            if body.get(name) != expected:
                self._fail("chain", place, f"{name}: expected {expected!r}; got {body.get(name)!r}")
        if body["v"] != 1:
            self._fail("body", place, f"an entry of version {body['v']}; this verifier knows 1")
        if body["act"].get("item", chain) not in (chain, chain.removeprefix("view:")):
            self._fail("chain", place, f"its act is about {body['act']['item']!r}")
        request = body.get("request", {})
        columns = {
            "seq": body["seq"],
            "at": body["at"],
            "act": body["act"].get("kind"),
            "request_id": request.get("id"),
        }
        for name, expected in columns.items():
            if getattr(row, name) != expected:
                self._fail("column", place, f"column {name}: expected {expected!r}; got {getattr(row, name)!r}")
        if (row.request_digest.hex() if row.request_digest else None) != request.get("digest"):
            self._fail("column", place, "column request_digest: not the digest in the body")
        if body.get("org"):
            self._orgs.setdefault(body["org"], place)
        if entry_hash(row.body, row.seal) != row.hash:
            self._fail("hash", place, "the stored hash is not that of the stored bytes")
        try:
            self._seals.verify(row.body, row.seal)
            self._good(row.seal[:KEY_ID_LENGTH], body["at"], place)
        except BadSeal as error:
            self._fail("seal", place, error.reason)
        return body

    def _good(self, key_id: bytes, at: int, place: str) -> None:
        """The key of a seal is one that a key event brought, and was good at that moment."""
        self.report.keys[key_id.hex()] += 1
        if not self._ring:
            return
        key = self._ring.engine(key_id)
        if key is None:
            self._fail("key-unregistered", place, f"no key event brought the key {key_id.hex()} that sealed it")
        elif (key.until, key.since, key.at) != (None, None, 0) and (fault := key.fault(at)):
            self._fail("key-not-good", place, fault)

    def _key_event(self, events: Keyring, body: dict[str, Any], place: str) -> None:
        try:
            events.apply(body)
        except (BadEvent, Unknown) as bad:
            self._fail("key-event", place, str(bad))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._fail("key-event", place, f"it cannot be read: {type(error).__name__} {error}")

    def _late(self) -> None:
        """What stands in the log behind the revocation of the key that sealed it, whatever moment it names."""
        for key in self._ring.keys.values():
            if key.use == "engine" and key.revoked_seq is not None:
                revoked = (keyring.CHAIN, key.revoked_seq)
                for chain, seq in scan.sealed_behind(self.connection, bytes.fromhex(key.id), *revoked):
                    self._fail(
                        "key-not-good", f"{chain}#{seq}", f"key {key.id} was revoked before it came into the log"
                    )

    def _own_key(self, person: str, proof: dict[str, Any], at: int, place: str) -> None:
        """Where key events name a person's own keys, a signature is by one of them that was good at that moment."""
        public, owned = proof.get("key"), self._ring.signers(person)
        of = self._ring.keys.get(("signer", str(public)))
        if of is None and not owned:
            self.report.unregistered += 1
        elif of is None or of.of != person:
            self._fail("signature", place, f"its key is not registered as one of {person}")
        elif fault := of.fault(at):
            self._fail("key-not-good", place, fault)

    def _follow(self, body: dict[str, Any], case: Case, place: str) -> tuple[bool, Case]:
        """Fold the entry, and replay it through the rules with the facts and the moment it recorded."""
        try:
            definition, calendar = self._definition(body["definition"]), self._calendar(body["calendar"])
            if definition is None or calendar is None:
                self._fail(
                    "library", place, "its definition or calendar is not published here, or not as its digest says"
                )
                return True, case.fold(body["effects"], body["seq"], body["at"])
            self._replay(body, case, definition, calendar, place)
            return True, case.fold(body["effects"], body["seq"], body["at"])
        except (WorkflowError, LookupError, TypeError, ValueError, AttributeError, StopIteration) as error:
            self._fail("fold", place, f"its effects cannot be applied: {type(error).__name__} {error}")
            return False, case

    def _replay(self, body: dict[str, Any], case: Case, definition: Definition, calendar: Calendar, place: str) -> None:
        try:
            act = act_of(body["act"])
            rules = body.get("rules", 1)
            if rules not in range(1, RULES + 1):
                self._fail("rules-version", place, f"decided by rules {rules}; this verifier knows 1 to {RULES}")
                return
            context = Context(definition, calendar, body["at"], body["seq"], rules)
            asked = Asked(case, act, context, Facts(body["facts"]))
            decision = decide(asked)
        except WorkflowError as refusal:
            self._fail("rules-refuse", place, f"{refusal.code}: {refusal}")
            return
        except KeyError as error:
            self._fail("rules-facts", place, f"the rules need a fact that was not recorded: {error}")
            return
        self.report.replayed += 1
        if canonical.encode(decision.effects) != canonical.encode(body["effects"]):
            self._fail("rules-effects", place, "the rules lead to other effects than those recorded")
        if isinstance(act, Signature):
            self._statement(body, asked, decision, place)

    def _statement(self, body: dict[str, Any], asked: Asked, decision: Any, place: str) -> None:
        held = body.get("statement", {})
        self.report.strengths[body.get("proof", {}).get("strength", "none")] += 1
        slot = asked.case.slot(decision.signed_slot or asked.act.slot)  # type: ignore[attr-defined]
        made = statement(asked, slot, decision.authority, self.origin, held.get("nonce", ""), held.get("at", 0))
        if made != held:
            differing = sorted(k for k in made.keys() | held.keys() if made.get(k) != held.get(k))
            self._fail("statement", place, f"the signed statement does not fit the act: {', '.join(differing)}")
        proof = body.get("proof", {})
        if ("signature" in proof) != (proof.get("strength") == "S2"):
            self._fail("signature", place, "its strength is not that of its proof")
        elif "signature" in proof:
            try:
                if not holds(proof, canonical.encode(held)):
                    self._fail("signature", place, "the person's signature does not cover the recorded statement")
            except Unknown as unknown:
                self._fail("signature", place, str(unknown))
            self._own_key(held.get("person", ""), proof, body["at"], place)

    def _contents(self, act: dict[str, Any], place: str) -> None:
        if self.contents is None:
            return
        named = [
            *act.get("materials", {}).values(),
            *(act[k] for k in ("minutes", "evidence", "text", "plan") if act.get(k)),
        ]
        named += [*([act["content"]] if act.get("kind") == "import-org" else []), *act.get("parts", ())]
        for one in named:
            if one in self._seen:
                continue
            self._seen.add(one)
            try:
                self.contents.get(one)
                self.report.checked.add(one)
            except ContentMissing as error:
                self.report.contents_missing += 1
                self._fail("content", place, str(error))

    def _head(self, chain: str, rows: list[Any], item: Any, head: Any, case: Case | None) -> None:
        last = rows[-1]
        if item is None and head is None:
            self._fail("head", chain, "entries without an item or a chain head")
            return
        stored_seq, stored_hash = (item.seq, item.head) if item is not None else (head.seq, head.head)
        if (stored_seq, stored_hash) != (last.seq, last.hash):
            self._fail("head", chain, f"the head says entry {stored_seq}; the last entry is {last.seq}")
        if item is None or case is None:
            return
        if case.snapshot() != item.snapshot:
            self._fail("snapshot", chain, "the stored snapshot is not the fold of the entries")
        for name, value in (
            ("flow", case.flow),
            ("definition", case.definition),
            ("campaign", case.campaign),
            ("unit", case.unit),
            ("stage", case.stage),
            ("round", case.round),
            ("klass", case.klass),
            ("category", case.category),
            ("final", case.final),
            ("opened_at", rows[0].at),
        ):
            if getattr(item, name) != value:
                self._fail("column", chain, f"item column {name}: expected {value!r}; got {getattr(item, name)!r}")
        self._projections(chain, case)

    def _projections(self, item: str, case: Case) -> None:
        """The working tables say what the entries led to: who is waited for, what is due, which lines are open."""
        lists = {
            name: (case.materials.get(name, ""), held["lines"], held["open"])
            for name, held in case.lists.items()
            if held["lines"]
        }
        expected = scan.Projected(
            slots={(s.key, s.unit, s.post, s.kind, case.stage) for s in case.open_slots},
            dues={(rule, d["ladder"], d["missed"], d["step"], d["next"] is None) for rule, d in case.dues.items()},
            lists=lists,
            counts={
                (counter, r["person"], r["n"], r.get("reversed"), r.get("opened", ""))
                for counter, rows in case.counted.items()
                for r in rows
            },
        )
        found = self._projected(item)
        for name in ("slots", "dues", "lists", "counts"):
            if getattr(found, name) != getattr(expected, name):
                self._fail(
                    "projection", item, f"{name}: expected {getattr(expected, name)}; got {getattr(found, name)}"
                )

    def _library(self) -> None:
        for digest_, body in scan.library(self.connection):
            if digest(body) != digest_:
                self._fail("library", digest_, "a published definition or calendar is not what its digest says")

    def _definition(self, digest_: str) -> Definition | None:
        if digest_ not in self._definitions:
            body = scan.definition(self.connection, digest_)
            self._definitions[digest_] = Definition.from_body(body) if body and digest(body) == digest_ else None
        return self._definitions[digest_]

    def _calendar(self, digest_: str) -> Calendar | None:
        if digest_ not in self._calendars:
            body = scan.calendar(self.connection, digest_)
            known = body is not None and digest(body) == digest_
            self._calendars[digest_] = Calendar.from_canonical(canonical.decode(body)) if body and known else None
        return self._calendars[digest_]


def verify(connection: Any, contents: ContentStore | None = None, progress: Progress | None = None) -> Report:
    """Verify a whole database. See ``Report`` for what was reached."""
    return Verifier(connection, contents).run(progress)


def _verify_part(url: str, contents: ContentStore | None, part: scan.Range) -> Report:
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            return Verifier(connection, contents).run(part=part)
    finally:
        db.dispose()


def verify_database(
    url: str, contents: ContentStore | None = None, progress: Progress | None = None, processes: int = 0
) -> Report:
    """Verify a whole database on several cores: ranges of chains, each from one consistent moment of its own.

    Args:
        contents: a store that processes can share (on disk).
        processes: how many; all cores of this machine unless told. A small database is read by one.
    """
    db = database.connect(url, read_only=True)
    try:
        with database.reading(db) as connection:
            wanted = processes or os.cpu_count() or 1
            parts = scan.cuts(connection, wanted if scan.count(connection) >= WORTH_SHARING else 1)
            own, *others = parts
            if not others:
                return Verifier(connection, contents).run(progress)
            with ProcessPoolExecutor(len(others), mp_context=get_context("spawn")) as pool:
                waiting = [pool.submit(_verify_part, url, contents, part) for part in others]
                share = (lambda done, total: progress(min(done * len(parts), total), total)) if progress else None
                report = Verifier(connection, contents).run(share, own)
                for one in waiting:
                    report.add(one.result())
            return report
    finally:
        db.dispose()
