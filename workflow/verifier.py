"""Checking the chains of a database, each alone: what ``verify`` says of V1 and of the rules, entry by entry. Read only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflow import orgcheck, personal, removals
from workflow.acts import Signature, Submit, Supplement, act_of
from workflow.calendar import Calendar
from workflow.case import Case, ending, stands
from workflow.definition.definition import Definition
from workflow.errors import ContentMissing, NotCanonical, Unknown, WorkflowError
from workflow.evidence import canonical, keyring, signatures
from workflow.evidence.checkpoint import BadNote, NoteKey, parse_mark
from workflow.evidence.content import ContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import BadSeal, SealVerifier, entry_hash, read_body
from workflow.evidence.keyring import BadEvent, Keyring, Use
from workflow.evidence.keys import KEY_ID_LENGTH, key_id_of
from workflow.evidence.standalone import Policy
from workflow.recording import STRENGTHS, WET, holds, statement
from workflow.retold import Retold, differences
from workflow.rules import RULES, Asked, Context, Facts, decide, materials
from workflow.store import ballots, library, log, scan
from workflow.verified import Report

if TYPE_CHECKING:
    from workflow.evidence.certified import Authorities

Progress = Callable[[int, int], None]
"""Told how many of how many entries were looked at."""
UNOPENED = Case.of_snapshot(Case().snapshot())
"""An item before its first entry, as a snapshot has it: only what is said of it is carried along from entry to entry."""
_BRINGING = frozenset({"materials", "minutes", "evidence", "text", "plan", "paper", "content", "parts"})
"""Members of an act that name documents."""
_TOLD = frozenset({"ballot", "ending", "lines", "line"})
"""Facts that are read again from what they were read from."""
_PLACE = ("chain", "seq", "prev")
_COLUMNS = ("seq", "at", "act", "request_id")
_OF_ITEM = ("flow", "definition", "campaign", "unit", "stage", "round", "klass", "category", "final")
_OWN = {"S2": (True, False, False), "S3": (True, True, True)}  # has a signature, a certificate, a timestamp
_NOT_OWN = (False, False, False)
UNREADABLE = (WorkflowError, LookupError, TypeError, ValueError, AttributeError, StopIteration)
"""What effects of another shape than the rules write end in."""
SHORT, REMEMBERED = 4_096, 1_000  # bytes of a document that is remembered, and how many are


class Verifier:
    """Verifies all chains of a database, item by item. Read only.

    Args:
        policy: whose keys count: with engine keys in it the seals must be by these, else by those the database names.
        rules, seals: leave the replay, or the engine's signatures, to another run.

    Raises:
        Unknown: the policy names authorities for timestamps, and nothing is installed that reads these.
    """

    def __init__(
        self,
        connection: Any,
        contents: ContentStore | None = None,
        policy: Policy | None = None,
        *,
        rules: bool = True,
        seals: bool = True,
    ) -> None:
        self.connection = connection
        self.contents = contents
        self.policy = policy or Policy()
        self._certified = _authorities(self.policy)
        self.rules, self.seals = rules, seals
        self.report = Report()
        self.origin = scan.origin(connection)
        self._keys: dict[bytes, Ed25519PublicKey | None] = {}
        self._seals = SealVerifier(self._key)
        self._definitions: dict[str, Definition | None] = {}
        self._calendars: dict[str, Calendar | None] = {}
        self._seen: set[str] = set()  # documents that were there and right, or removed on record
        self._lists: dict[str, _List] = {}  # of the item that is being read
        self._retold = Retold()  # its working tables
        self._last: tuple[Case, list[Any], int] = UNOPENED, [], 0  # its last entry that did not only remind: the case
        # before it, its effects and number
        self._papers: dict[tuple[str, str, str], _Paper] = {}  # by version, name and digest
        self._read: dict[str, bytes] = {}  # what the entry that is being read brought
        self._gone: dict[str, removals.Removal] | None = None
        self._working: scan.Working | None = None
        self._told = orgcheck.Told(connection)
        self._ring = Keyring.of(scan.bodies(connection, keyring.CHAIN))

    @cached_property
    def _total(self) -> int:
        return scan.count(self.connection)

    @cached_property
    def _passed_on(self) -> scan.Passed:
        return scan.passed_on(self.connection)

    def _key(self, key_id: bytes) -> Ed25519PublicKey | None:
        if key_id not in self._keys:
            pinned = self.policy.engine_keys
            try:
                raw = pinned.get(key_id, (None,))[0] if pinned else scan.public_key(self.connection, key_id)
                good = raw is not None and signatures.algorithm(signatures.ED25519).valid_key(raw)
                self._keys[key_id] = Ed25519PublicKey.from_public_bytes(raw) if raw and good else None
            except ValueError:  # not a key: nothing it should have signed holds
                self._keys[key_id] = None
        return self._keys[key_id]

    def run(self, progress: Progress | None = None, part: scan.Range = scan.EVERYTHING) -> Report:
        """Check the chains of a range, and report on it alone; what ties them to others is left to ``settle``. What was read
        for one range (versions, documents, the organisation) is known for the next."""
        self.report = Report(unvouched=sorted(k.id for k in self._ring.keys.values() if not k.vouched))
        items = scan.items(self.connection, part)
        heads = scan.chain_heads(self.connection, part)
        self._working = scan.Working(self.connection, part, self._passed_on)
        chains: dict[str, Any] = {}
        for chain, rows in scan.chains(self.connection, part):
            chains[chain] = True
            self._chain(chain, rows, items.get(chain), heads.get(chain))
            if progress:
                progress(self.report.entries, self._total)
        for missing in (items.keys() | heads.keys()) - chains.keys():
            self._fail("entries-missing", missing, "an item or chain head without a single entry")
        for stray in self._working.left() - items.keys():
            self._fail("projection", stray, "the working tables have rows of an item that is not there")
        if not part[0]:
            self._library()
            self._late()
            self._published()
        return self.report

    def _fail(self, code: str, place: str, detail: str) -> None:
        self.report.fail(code, place, detail)

    def _chain(self, chain: str, rows: list[Any], item: Any, head: Any) -> None:
        self.report.chains += 1
        case, prev, seq, at, events = UNOPENED, "", 0, 0, Keyring()
        foldable, self._lists, self._retold = True, {}, Retold()
        self._last = UNOPENED, [], 0
        for row in rows:
            seq += 1
            place = f"{chain}#{row.seq}"
            self.report.entries += 1
            body = self._entry(row, chain, seq, prev, place)
            prev = row.hash.hex()
            if body is None:
                foldable = False
                continue
            if row.at < at:
                self.report.backwards.append(place)
            at = row.at
            self._read.clear()
            if item is not None and foldable:
                before = case
                foldable, case = self._follow(body, before, place)
                if foldable and not stands(body["effects"]):
                    self._last = before, body["effects"], seq
            try:
                self._contents(body["act"], place)
                self.report.crossing.note(body, prev, case.campaign, place)
            except (LookupError, TypeError, AttributeError) as error:
                self._fail("body", place, f"its act cannot be read: {type(error).__name__} {error}")
            if chain == keyring.CHAIN:
                self._key_event(events, body, place)
        self._head(chain, rows, item, head, case if foldable else None)

    def _entry(self, row: Any, chain: str, seq: int, prev: str, place: str) -> dict[str, Any] | None:
        """One entry alone: canonical, in place, linked, hashed, sealed, and equal to its columns."""
        _, row_seq, row_at, row_act, stored, seal, row_hash, request_id, request_digest = row
        try:
            body = read_body(stored)
            act: Any = body.get("act")
            request: Any = body.get("request", {})
            for name, value in (("act", act), ("request", request)):
                if not isinstance(value, dict):
                    raise NotCanonical(path=f"$.{name}", expected="an object", actual=type(value).__name__)
        except WorkflowError as error:
            self._fail("body", place, str(error))
            return None
        at = body["at"]
        self._same("chain", place, "", _PLACE, (chain, seq, prev), (body["chain"], body["seq"], body["prev"]))
        if body["v"] != 1:
            self._fail("body", place, f"an entry of version {body['v']}; this verifier knows 1")
        about = act.get("item", chain)
        if about not in (chain, chain.removeprefix("view:")):
            self._fail("chain", place, f"its act is about {about!r}")
        said = (body["seq"], at, act.get("kind"), request.get("id"))
        self._same("column", place, "column ", _COLUMNS, said, (row_seq, row_at, row_act, request_id))
        if (request_digest.hex() if request_digest else None) != request.get("digest"):
            self._fail("column", place, "column request_digest: not the digest in the body")
        if entry_hash(stored, seal) != row_hash:
            self._fail("hash", place, "the stored hash is not that of the stored bytes")
        if self.seals:
            try:
                self._seals.verify(stored, seal)
                self._good(seal[:KEY_ID_LENGTH], at, place)
            except BadSeal as error:
                self._fail("seal", place, error.reason)
        return body

    def _same(
        self, code: str, place: str, what: str, names: Sequence[str], expected: Sequence[Any], found: Sequence[Any]
    ) -> None:
        """Values under their names are those expected."""
        if expected == found:
            return
        for name, one, other in zip(names, expected, found, strict=True):
            if one != other:
                self._fail(code, place, f"{what}{name}: expected {one!r}; got {other!r}")

    def _good(self, key_id: bytes, at: int, place: str) -> None:
        """The key of a seal is one that a key event brought, and was good at that moment."""
        self.report.keys[key_id.hex()] += 1
        if not self._ring:
            return
        key = self._ring.engine(key_id)
        if key is None:
            self._fail("key-unregistered", place, f"no key event brought the key {key_id.hex()} that sealed it")
        elif key.algorithm != signatures.ED25519:
            self._fail("key-not-good", place, f"key {key.id} is for {key.algorithm}; seals are by {signatures.ED25519}")
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

    def _published(self) -> None:
        """Checkpoints and cosignatures by keys that were revoked by then. Of keys without events nothing is said."""
        if not self._ring:
            return
        for epoch in log.epochs(self.connection):
            named = scan.meta(self.connection).get(f"log/{epoch.epoch}", "")
            made: list[tuple[Use, str, int, int]] = [
                ("checkpoint", named, one.at, one.size) for one in log.checkpoints(self.connection, epoch.epoch)
            ]
            for row in log.cosignatures(self.connection, epoch.epoch):
                try:
                    made.append(("witness", row.witness, parse_mark(row.line).seconds * 1_000_000, row.size))
                except BadNote:
                    continue  # told where cosignatures are looked at
            for use, text, at, size in made:
                try:
                    key = self._ring.keys.get((use, NoteKey.parse(text).public.hex()))
                except BadNote:
                    continue
                if key is not None and key.since is not None and at >= key.since:
                    self._fail("key-not-good", f"checkpoint {epoch.epoch}/{size}", key.fault(at))

    def _own_key(self, person: str, proof: dict[str, Any], at: int, place: str, certified: bool) -> None:
        """Where key events name a person's own keys, a signature is by one of them that was good at that moment."""
        public, owned = proof.get("key"), self._ring.signers(person)
        pinned = self.policy.signers.get(person)
        if pinned is None:
            self.report.unpinned += not certified
        elif public not in {key.hex() for key in pinned}:
            self._fail("signature", place, f"by another key than the policy has for {person}")
        of = self._ring.keys.get(("signer", str(public)))
        if of is None and not owned:
            self.report.unregistered += 1
        elif of is None or of.of != person:
            self._fail("signature", place, f"its key is not registered as one of {person}")
        elif (named := proof.get("algorithm", signatures.ED25519)) != of.algorithm:
            self._fail("signature", place, f"its key is registered for {of.algorithm}, not for {named}")
        elif fault := of.fault(at):
            self._fail("key-not-good", place, fault)

    def _follow(self, body: dict[str, Any], case: Case, place: str) -> tuple[bool, Case]:
        """Fold the entry, and replay it through the rules with the facts and the moment it recorded."""
        try:
            definition, calendar = self._definition(body["definition"]), self._calendar(body["calendar"])
            self.report.rests(body["definition"], body["calendar"], at=body["at"])
            if definition is None or calendar is None:
                self._fail(
                    "library", place, "its definition or calendar is not published here, or not as its digest says"
                )
                return True, self._folded(body, case)
            self._facts(body, place)
            if self.rules:
                for fact, value in body["facts"].items():
                    if fault := self._told.fault(body.get("org", ""), fact, value):
                        self._fail("org-fact", place, fault)
                self._replay(body, case, definition, calendar, place)
            self._listed(body, definition, place)
            return True, self._folded(body, case)
        except UNREADABLE as error:
            self._fail("fold", place, f"its effects cannot be applied: {type(error).__name__} {error}")
            return False, case

    def _folded(self, body: dict[str, Any], case: Case) -> Case:
        after = case.fold(body["effects"], body["seq"], body["at"])
        self._retold.entry(body, case, after)
        return after

    def _replay(self, body: dict[str, Any], case: Case, definition: Definition, calendar: Calendar, place: str) -> None:
        try:
            act = act_of(body["act"])
            rules = body.get("rules", 1)
            if rules not in range(1, RULES + 1):
                self._fail("rules-version", place, f"decided by rules {rules}; this verifier knows 1 to {RULES}")
                return
            told = {d: c for f, d in body["facts"].items() if f.startswith("calendar ") and (c := self._calendar(d))}
            context = Context(definition, calendar, body["at"], body["seq"], rules, told)
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

    def _facts(self, body: dict[str, Any], place: str) -> None:
        """The lines of a list that the rules were told are those of the document, where it is there to be read."""
        for fact, value in body["facts"].items():
            words = fact.split(" ")
            if words[0] not in _TOLD:
                continue
            if words[0] == "ballot" and value != ballots.result(self.connection, " ".join(words[1:-1]), int(words[-1])):
                self._fail("facts", place, f"{fact}: the box was not counted so")
            if words[0] == "ending" and (
                words[1:] != [body["chain"], str(body["seq"] - 1)] or value != ending(*self._last)
            ):
                self._fail("facts", place, f"{fact}: the entry before says something else")
            held = self._lists.get(words[2]) if words[0] in ("lines", "line") else None
            if held is None or held.lines is None:
                continue
            if words[0] == "lines":
                expected: Any = [{"no": no, "cells": cells} for no, cells in enumerate(held.lines, start=1)]
            else:
                no = int(words[3])
                expected = "closed" if no in held.closed else "open" if 0 < no <= len(held.lines) else "absent"
            if value != expected:
                self._fail("facts", place, f"{fact}: the rules were told something else than the document says")

    def _listed(self, body: dict[str, Any], definition: Definition, place: str) -> None:
        """The figures of an act are those of the documents it hands in; and which lines are closed from here on."""
        for effect in body["effects"]:
            if effect["e"] == "line-closed":
                self._lists[effect["list"]].closed[effect["no"]] = (body["seq"], body["at"])
        act = act_of(body["act"]) if body["act"].get("materials") else None
        if not isinstance(act, (Submit, Supplement)):
            return
        for name, one in act.materials.items():
            given = dict(act.figures.get(name, {}))
            kept, before = given.pop("closed", []), self._lists.get(name, _List())
            paper = self._paper(body["definition"], definition, name, one)
            value = paper.value
            if value is not None:
                for held in paper.committed:
                    self.report.committed.setdefault(held, place)
                if paper.refused:
                    self._fail("figures", place, paper.refused)
                    continue
                if given != paper.figures:
                    self._fail(
                        "figures", place, f"{name}: the document says {paper.figures}; the rules were told {given}"
                    )
                if kept and before.lines is not None:
                    stand = [n for n in sorted(before.closed) if before.lines[n - 1 : n] == value[n - 1 : n] != []]
                    if kept != stand:
                        self._fail(
                            "figures", place, f"{name}: the closed lines {stand} stand unchanged; said was {kept}"
                        )
            if "lines" in given:
                closed = {no: before.closed[no] for no in kept if no in before.closed}
                self._lists[name] = _List(value if isinstance(value, list) else None, closed)

    def _paper(self, version: str, definition: Definition, name: str, one: str) -> _Paper:
        """What a document says. Those handed in often, empty lists and reports of nothing, are read and checked once."""
        asked = version, name, one
        if asked in self._papers:
            return self._papers[asked]
        try:
            data = self._content(self.contents, one) if self.contents is not None else b""
            value = canonical.decode(data) if data else None
        except WorkflowError:
            value = None  # told where the documents are looked at
        if value is None:
            return _UNREAD
        committed = tuple(personal.committed(definition.flow.materials.get(name), value))
        try:
            paper = _Paper(value, committed, materials.check(definition, name, value))
        except WorkflowError as error:
            paper = _Paper(value, committed, {}, str(error))
        if len(data) <= SHORT:
            if len(self._papers) >= REMEMBERED:
                self._papers.clear()
            self._papers[asked] = paper
        return paper

    def _statement(self, body: dict[str, Any], asked: Asked, decision: Any, place: str) -> None:
        held = body.get("statement", {})
        slot = asked.case.slot(decision.signed_slot or asked.act.slot)  # type: ignore[attr-defined]
        made = statement(asked, slot, decision.authority, self.origin, held.get("nonce", ""), held.get("at", 0))
        if made != held:
            differing = sorted(k for k in made.keys() | held.keys() if made.get(k) != held.get(k))
            self._fail("statement", place, f"the signed statement does not fit the act: {', '.join(differing)}")
        if not (type(held.get("at")) is int and asked.case.entered <= held["at"] <= asked.context.at):
            self._fail("statement", place, "it was made before the stage was entered, or after it was recorded")
        self.report.crossing.once(held.get("nonce"), place)
        self._proof(body.get("proof", {}), held, body["at"], place)

    def _proof(self, proof: dict[str, Any], held: dict[str, Any], at: int, place: str) -> None:
        """How strongly the statement is bound to the person. A key that only the proof names proves nothing of them."""
        strength, certified = proof.get("strength", "none"), False
        if strength not in STRENGTHS:
            self._fail("strength", place, f"{strength}: nothing here gives that; known are {', '.join(STRENGTHS)}")
        elif ("paper" in held) != (strength == WET):
            self._fail("signature", place, "its strength is not that of a signature in ink")
        elif ("signature" in proof, "certificate" in proof, "timestamp" in proof) != _OWN.get(strength, _NOT_OWN):
            self._fail("signature", place, "its strength is not that of its proof")
        elif "signature" in proof:
            try:
                if not holds(proof, canonical.encode(held)):
                    self._fail("signature", place, "the person's signature does not cover the recorded statement")
            except Unknown as unknown:
                self._fail("signature", place, str(unknown))
            certified = strength == "S3" and self._vouched(proof, held, at, place)
            self._own_key(held.get("person", ""), proof, at, place, certified)
        if strength == "S3" and not certified:
            strength = "S3?"
        asked, worth = self.policy.strength, "S2" if strength == "S3?" else strength
        if not (asked == "S0" or self.policy.wet if strength == WET else worth >= asked):
            self._fail("strength", place, f"{strength}; the policy demands {self.policy.strength}")
        self.report.strengths[strength] += 1

    def _vouched(self, proof: dict[str, Any], held: dict[str, Any], at: int, place: str) -> bool:
        """Whether authorities of the policy say whose key it is, and when its signature was there."""
        from workflow.evidence.certified import MEMBERS, NotCertified, written

        try:
            for member in MEMBERS:
                written(proof, member)
            if self._certified is None:
                self.report.uncertified += 1
                return False
            self._certified.check(proof, held["person"], held["at"], at)
        except NotCertified as bad:
            self._fail(bad.code, place, str(bad))
        except (LookupError, TypeError, ValueError) as error:
            self._fail("certificate", place, f"it cannot be read: {type(error).__name__} {error}")
        else:
            return True
        return False

    def _contents(self, act: dict[str, Any], place: str) -> None:
        if self.contents is None:
            return
        if _BRINGING.isdisjoint(act):  # a signature, as most are
            return
        named = [
            *act.get("materials", {}).values(),
            *(act[k] for k in ("minutes", "evidence", "text", "plan") if act.get(k)),
            *([act["paper"]["scan"]] if act.get("paper") else []),
            *([act["content"]] if act.get("kind") == "import-org" else []),
            *act.get("parts", ()),
        ]
        for one in named:
            if one in self._seen or one in self.report.missing:
                continue
            try:
                self._content(self.contents, one)
                self.report.checked.add(one)
            except ContentMissing as error:
                if self.contents.has(one) or not self._removed(one):
                    self._fail("content", place, str(error))
                    self.report.missing[one] = self.report.failures[-1]
                    continue
                self.report.retired.add(one)
            self._seen.add(one)

    def _content(self, contents: ContentStore, one: str) -> bytes:
        """A document, read once for the entry that brings it."""
        if one not in self._read:
            self._read[one] = contents.get(one)
        return self._read[one]

    def _removed(self, one: str) -> bool:
        """An entry of chain ``erasures`` says that this document was removed when its period was over. Which ones it
        removed lies among the contents: without these, any of them may be."""
        if self.contents is None:
            return any(removals.RETIRE.encode() in body for body in scan.bodies(self.connection, removals.CHAIN))
        if self._gone is None:
            self._gone = removals.removed(self.connection, self.contents)
        return one in self._gone

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
        try:  # effects of no known shape may fold, and lead to a case that nothing can be said of
            if case.snapshot() != item.snapshot:
                self._fail("snapshot", chain, "the stored snapshot is not the fold of the entries")
            self._projections(chain, case)
        except UNREADABLE as error:
            self._fail("fold", chain, f"what its entries lead to cannot be read: {type(error).__name__} {error}")
        held = tuple([getattr(case, name) for name in _OF_ITEM])
        found = tuple([getattr(item, name) for name in _OF_ITEM])
        self._same("column", chain, "item column ", _OF_ITEM, held, found)
        self._same("column", chain, "item column ", ("opened_at",), (rows[0].at,), (item.opened_at,))

    def _projections(self, item: str, case: Case) -> None:
        """The working tables say what the entries led to: who is waited for, where it stood when, what was due and met."""
        lists = {
            name: (case.materials.get(name, ""), held["lines"], self._lists.get(name, _List()).closed)
            for name, held in case.lists.items()
            if held["lines"]
        }
        expected = self._retold.rows(case, lists)
        assert self._working is not None
        found = self._working.of(item)
        for name in expected.lists.keys() - found.lists.keys():
            if self._removed(expected.lists[name][0]):  # the lines went with their document
                del expected.lists[name]
        for difference in differences(expected, found):
            self._fail("projection", item, difference)

    def _library(self) -> None:
        fields: dict[str, dict[str, set[str]]] = {}  # by the key of their order and by material
        calendars: set[str] = set()
        for digest_, body, columns in scan.published(self.connection):
            if digest(body) != digest_:
                self._fail("library", digest_, "a published definition or calendar is not what its digest says")
                continue
            plain = canonical.decode(body)
            materials_of = plain.get("materials", {}).items()
            fields[library.layout_key(digest_)] = {name: set(m.get("fields", ())) for name, m in materials_of}
            if "calendar" in columns:
                calendars.add(digest_)
            for member, said in columns.items():
                if plain.get(member) != said:
                    self._fail("library", digest_, f"column {member}: expected {plain.get(member)!r}; got {said!r}")
        named = scan.meta(self.connection)
        for key, value in named.items():
            kind, _, name = key.partition("/")
            if kind == "key" and not _is_key(name, value):
                self._fail("key", key, "a registered key that is not the one it is named after")
            if kind == "layout" and not _is_layout(value, fields.get(key)):
                self._fail("library", key, "an order of other fields than those of a published definition")
            if kind == "followed" and (value not in calendars or key != library.followed_key(value)):
                self._fail("library", key, "a calendar is said to have been followed that is not published")
        for known in self._ring.keys.values():
            if known.use == "engine" and f"key/{known.id}" not in named:
                self._fail("key", f"key/{known.id}", f"registered by keys#{known.seq}, and not named in the database")

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


def _authorities(policy: Policy) -> Authorities | None:
    if not policy.authorities:
        return None
    from workflow.evidence.certified import Authorities

    return Authorities(policy.authorities, policy.timestamps, policy.names)


@dataclass
class _List:
    """A list of the item that is being read.

    Attributes:
        lines: of its document; None when that could not be read.
        closed: by number, the entry that closed a line and its moment.
    """

    lines: list[Any] | None = None
    closed: scan.Closings = field(default_factory=dict)


@dataclass(frozen=True)
class _Paper:
    """A document as a version of a flow reads it.

    Attributes:
        value: what it says; None when it could not be read.
        committed: its personal values, as commitments.
        figures: those that rules decide on; ``refused`` says why there are none.
    """

    value: Any
    committed: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    refused: str = ""


_UNREAD = _Paper(None)


def _is_layout(value: str, fields: dict[str, set[str]] | None) -> bool:
    """Whether it is an order of the fields of a definition, which pages show them in. Nothing else rests on it."""
    try:
        held = json.loads(value)
    except ValueError:
        return False
    if fields is None or not isinstance(held, dict) or json.dumps(held, ensure_ascii=False) != value:
        return False
    return {n: sorted(map(str, one)) for n, one in held.items() if isinstance(one, list)} == {
        n: sorted(one) for n, one in fields.items()
    }


def _is_key(name: str, value: str) -> bool:
    try:
        return key_id_of(bytes.fromhex(value)).hex() == name
    except ValueError:
        return False
