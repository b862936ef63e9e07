"""One transaction: where acts are decided, sealed and written. Its owner, we or the host, commits."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from workflow import log, personal, removals, sealing
from workflow.acts import (
    Act,
    Actor,
    Fire,
    HandOver,
    Migrate,
    MoveItem,
    Open,
    OpenBallot,
    Signature,
    Submit,
    Supplement,
    View,
)
from workflow.calendar import Calendar
from workflow.case import Case
from workflow.clock import Clock, local_day, micros
from workflow.definition.definition import Definition
from workflow.errors import (
    BadMaterial,
    BadSignature,
    Conflict,
    NotHolder,
    OneByOne,
    RequestReused,
    Unknown,
    WorkflowError,
    WrongMeaning,
    WrongStage,
)
from workflow.events import Subscribers
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import KeyProvider
from workflow.keybook import ED25519, Rings
from workflow.receipt import Receipt, Shown
from workflow.recording import PREPARED_SECONDS, Confirm, KeyOf, body_of
from workflow.rules import Asked, Context, Decision, Facts, Need, authority, decide, materials, needs, signing
from workflow.store import facts, items, library
from workflow.store.items import Written
from workflow.store.known import alone, last_moment, write_rows
from workflow.store.org import refuse_clashes
from workflow.verbs import Verbs, closed_and_unchanged

if TYPE_CHECKING:
    from workflow.org.importing import OrgImport
    from workflow.store.org import OrgReader


class House(Protocol):
    """What lives longer than a transaction, and a desk draws on: the engine."""

    key: KeyProvider
    contents: ContentStore
    clock: Clock
    origin: str
    key_of: KeyOf | None
    confirm: Confirm | None
    memory: facts.OrgMemory
    rings: Rings
    subscribers: Subscribers

    def definition(self, connection: Any, digest_: str) -> Definition: ...

    def newest(self, connection: Any, flow: str) -> Definition: ...

    def calendar(self, connection: Any, name: str, *, fresh: bool = False) -> Calendar: ...
    def calendars(self, connection: Any, name: str, at: int) -> list[tuple[int, Calendar]]: ...

    def now(self, connection: Any) -> int: ...


_NONCE = re.compile(r"[0-9a-f]{24}")
_GIVEN_ID = re.compile(
    r"(?!view:|org$|log$|flows$|keys$|access$|erasures$|draws$|i[0-9a-f]{20}$)[^\x00-\x1f\x7f]{1,64}"
)


def _check_given(act: Open) -> None:
    """What a caller may say when opening: never an entrance or a cause that no signed entry made, nor an id of ours.

    Raises:
        WrongMeaning: says which.
    """
    if act.enter or act.cites:
        raise WrongMeaning(
            expected="an item opened at its first stage; only what a signed entry leads to is opened behind it",
            actual=f"enter={act.enter or '-'}, cites={act.cites or '-'}",
            place=f"{act.flow}: enter",
        )
    if not _GIVEN_ID.fullmatch(act.item):
        raise WrongMeaning(
            expected="an id of 1 to 64 characters, none of the engine's own (i + 20 hex digits, view:…, org, log, flows, "
            "keys, access, erasures, draws)",
            actual=act.item[:80] or "nothing",
        )


Contexts = dict[tuple[str, int, str], Context]
"""What acts of one moment share, by definition, the number of the item's last entry, and calendar."""


@dataclass(slots=True, eq=False)
class _Made:
    """An act decided but not yet sealed. Nobody changes it; to freeze it would double what it costs to make."""

    asked: Asked
    decision: Decision
    before: Case
    case: Case
    prev: bytes
    org: bytes | None
    request_id: str | None = None
    request_digest: bytes | None = None


@dataclass(frozen=True)
class Moving:
    """What became of one item of a batch, or would become of it: before, after and the effects between, or why not."""

    item: str
    before: Case | None = None
    after: Case | None = None
    effects: list[dict[str, Any]] = field(default_factory=list)
    seq: int = 0
    refusal: WorkflowError | None = None


def _moving(made: _Made) -> Moving:
    return Moving(made.asked.act.item, made.before, made.case, made.decision.effects, made.asked.context.seq)


def _first_need(asked: Asked) -> Need | None:
    """The fact that every act of a kind rests on: the line of units of what is opened or has a due, whoever signs."""
    act = asked.act
    if isinstance(act, Signature):
        return authority.own_need(asked) if act.by is not None else None
    if isinstance(act, Open):
        return ("path", act.unit, asked.context.day)
    return ("path", asked.case.unit, asked.context.day) if isinstance(act, Fire) else None


def _remember(asked: Asked, memory: Mapping[Need, Any]) -> None:
    """Take over what is remembered of the facts that such an act always rests on: spares asking it what it needs."""
    first, loaded = _first_need(asked), asked.facts.loaded
    if first is None or first not in memory:
        return
    loaded[" ".join(first)] = memory[first]
    same = memory.get(facts.SAME_PERSONS)
    if same is not None and isinstance(asked.act, Signature):
        person = asked.actor.person
        loaded[f"same-person {person}"] = same.get(person, [])


def act_digest(act: Act) -> bytes:
    return bytes.fromhex(digest(canonical.encode(act.record())).split(":")[1])


def answered(connection: Any, request_id: str, act: Act) -> Receipt | None:
    """The first answer to a request, if there was one.

    Raises:
        RequestReused: it was another act.
    """
    row = items.request(connection, request_id)
    if row is None:
        return None
    if row.request_digest != act_digest(act):
        raise RequestReused(
            request_id=request_id, expected=row.request_digest.hex()[:16], actual=act_digest(act).hex()[:16]
        )
    stage, opened, seal = "", (), b""
    for entry in items.entries(connection, row.chain):
        effects = canonical.read(entry.body)["effects"]
        stage = next((e["stage"] for e in reversed(effects) if e["e"] == "entered"), stage)
        if entry.seq == row.seq:
            opened, seal = tuple(e["item"] for e in effects if e["e"] == "item-opened"), entry.seal
            break
    return Receipt(row.chain, row.seq, row.hash, row.at, stage, seal, opened)


ONE_BY_ONE = (Supplement, OpenBallot)  # what they bring along is vouched for in an act of its own


class Desk(Verbs):
    """The engine on one transaction: where acts are decided and written."""

    def __init__(self, engine: House, connection: Any, *, own: bool) -> None:
        self.engine = engine
        self.connection = connection
        bound = getattr(engine.contents, "on", None)  # contents in the database go with the transaction
        self.contents: ContentStore = bound(connection) if bound is not None else engine.contents
        self.own = own
        self.eyes: Callable[[], Collection[str]] | None = (
            None  # the posts of the one person who reads here, if it is one
        )
        self._organisation: OrgReader | None = None
        self.looked_at: int | None = None  # the one moment at which somebody reads, where they keep to one
        self._head: tuple[str, items.Head] | None = None  # of the item that was read last, while they do
        self._chain: tuple[str, list[Any]] | None = None
        self.noted: list[Written] = []  # what subscribers are told once it is committed

    def organisation(self) -> OrgReader:
        """The organisation as this transaction finds it now. Whole days, lines and who answers are remembered between
        transactions, until the organisation changes."""
        from workflow.store.org import OrgReader

        if self._organisation is not None:
            return self._organisation
        memory = self.engine.memory.at(items.org_head(self.connection))
        found = OrgReader(
            self.connection,
            forests=memory.setdefault(("forests",), {}),
            paths=memory.setdefault(("paths",), {}),
            answers=memory.setdefault(("answers",), {}),
        )
        if self.looked_at is not None:  # of one moment, the organisation does not change
            self._organisation = found
        return found

    def is_now(self, at: int) -> bool:
        """Whether an instant is not before the moment of reading, so that what is there now is the answer. The clock has gone
        on since whoever reads looked at it."""
        return at >= self.now()

    def now(self) -> int:
        """The moment at which somebody reads, microseconds UTC."""
        return self.engine.now(self.connection) if self.looked_at is None else self.looked_at

    def head_of(self, item: str) -> items.Head:
        """An item as it stands, without a lock; where one moment is kept to, not asked for twice in a row."""
        if self.looked_at is None:
            return items.read(self.connection, item)
        if self._head is None or self._head[0] != item:
            self._head = item, items.read(self.connection, item)
        return self._head[1]

    def entries_of(self, item: str) -> list[Any]:
        """An item's entries in order, as stored; the same way."""
        if self.looked_at is None:
            return items.entries(self.connection, item)
        if self._chain is None or self._chain[0] != item:
            self._chain = item, items.entries(self.connection, item)
        return self._chain[1]

    def case_of(self, item: str) -> tuple[Case, Definition]:
        case = Case.of_snapshot(self.head_of(item).snapshot)
        return case, self.engine.definition(self.connection, case.definition)

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        held = items.lines(self.connection, item, list_)
        if not any(personal.found(held)):
            return held
        return list(self.reveal(self.case_of(item)[1], list_, held))

    def reveal(self, definition: Definition, name: str, value: Any) -> Any:
        """A document or list with what it says of persons in plain, as far as it is there and for these eyes."""
        material = definition.flow.materials.get(name)
        return personal.reveal(self.connection, value, personal.withheld(material, self.eyes))

    def committed(self, item: str, definition: Definition, name: str, value: Any) -> Any:
        if not personal.marked(definition.flow.materials[name]):
            return value
        return personal.commit(self.connection, definition.flow.materials[name], value, item)

    def show(self, item: str) -> Shown:
        """What a person is shown before acting on an item."""
        case, definition = self.case_of(item)
        stored = {name: removals.read(self.connection, self.contents, d) for name, d in case.materials.items()}
        held = {name: self.reveal(definition, name, value) for name, value in stored.items()}
        return Shown(case, case.content, held, tuple(case.open_slots))

    def ask(
        self, act: Act, case: Case, org: bytes | None, seq: int, at: int, definition: Definition | None = None
    ) -> Asked:
        """An act in front of its rules, with the facts they name loaded."""
        engine = self.engine
        pinned = definition or engine.definition(self.connection, case.definition)
        memory = engine.memory.at(org)
        name = self.calendar_of(pinned, case.unit or getattr(act, "unit", ""), at, memory)
        context = Context(pinned, engine.calendar(self.connection, name), at, seq)
        asked = Asked(case, act, context, Facts({}))
        _remember(asked, memory)
        while wanted := needs(asked):
            for need in wanted:
                found = asked.facts.loaded[" ".join(need)] = facts.load(self.connection, need, memory)
                if need[0] == "calendar":
                    context.calendars[found] = engine.calendar(self.connection, need[1], fresh=True)
        return asked

    def calendar_of(
        self, pinned: Definition, unit: str, at: int, memory: dict[tuple[str, ...], Any] | None = None
    ) -> str:
        """The name of the calendar that an item of a unit counts by: that of the nearest unit above it that has its own
        in the definition, else the flow's. The entry names the calendar, so that a replay counts the same."""
        own = pinned.flow.calendars
        if own:
            day = local_day(at, pinned.flow.timezone).isoformat()
            for above in facts.load(self.connection, ("path", unit, day), {} if memory is None else memory):
                if above["unit"] in own:
                    return own[above["unit"]]
        return pinned.flow.calendar

    def act(self, act: Act, *, request_id: str | None = None, lists: Mapping[str, list[Any]] | None = None) -> Receipt:
        """Do one act here. See ``Engine.act``; the transaction's owner commits."""
        if request_id is not None:
            earlier = answered(self.connection, request_id, act)
            if earlier is not None:
                return earlier
        return self.do(act, request_id, lists)

    def do(self, act: Act, request_id: str | None, lists: Mapping[str, list[Any]] | None) -> Receipt:
        """The same for a request that is known, or assumed, to be new: a second one fails when it is written."""
        if isinstance(act, View):
            return self._view(act)
        if isinstance(act, Open):
            _check_given(act)
        if isinstance(act, MoveItem):
            raise WrongMeaning(expected="an act of a person", actual="a move, which only follows a change of units")
        made = self._decided(act, request_id)
        written = self._seal([made])
        self._write(written, self._lists(act) if isinstance(act, (Submit, Supplement)) else None)
        if isinstance(act, OpenBallot):
            self._begin_ballot(act, made)
        opened = self._open_behind(written).get(made.case.item, ())
        log.acted(act, made.case, made.asked.context.seq)
        w = written[0]
        return Receipt(w.case.item, w.seq, w.hash, w.at, w.case.stage, w.seal if self.own else b"", opened)

    def _decided(self, act: Act, request_id: str | None = None) -> _Made:
        engine = self.engine
        if isinstance(act, Open):
            definition = engine.newest(self.connection, act.flow)
            at = engine.now(self.connection)
            return self._decide(act, Case(), b"", items.org_head(self.connection), 1, at, request_id, definition)
        head = items.lock(self.connection, act.item, with_now=engine.clock.in_database)
        at = micros(head.now) if head.now is not None else engine.clock.now()
        case = Case.of_snapshot(head.snapshot)
        if isinstance(act, (Submit, Supplement)):
            self._vouch(act, case)
        to = engine.definition(self.connection, act.to) if isinstance(act, Migrate) else None
        return self._decide(act, case, head.head, head.org, head.seq + 1, at, request_id, to)

    def _begin_ballot(self, act: OpenBallot, made: _Made) -> None:
        """An empty box for those who may vote.

        Raises:
            BallotRefused: the roll or the codes are not what the act says of them; nothing may be committed.
        """
        from workflow import rolls
        from workflow.store import ballots

        tally = made.asked.definition.stage(made.case.stage).tally
        assert tally is not None and tally.ballot is not None  # the rules saw to that
        may = rolls.hashes(self.contents, act, tally.ballot)
        ballots.begin(self.connection, made.case.item, made.case.stays, may)

    def _lists(self, act: Submit | Supplement) -> dict[str, list[Any]]:
        """The lines of the lists handed in, read from the documents that the act names and nowhere else."""
        held = {
            n: canonical.decode(self.contents.get(d))
            for n, d in act.materials.items()
            if "lines" in act.figures.get(n, {})
        }
        return {name: value for name, value in held.items() if isinstance(value, list)}

    def _vouch(self, act: Submit | Supplement, case: Case) -> None:
        """The figures that rules will decide on are those of the documents handed in, read from the store again.

        Raises:
            BadMaterial: they are not. ContentMissing: a document is not in the store.
        """
        definition = self.engine.definition(self.connection, case.definition)
        for name, one in act.materials.items():
            value = canonical.decode(self.contents.get(one))
            wanted = materials.check(definition, name, value)
            self._vouch_personal(definition, name, value, case)
            given = dict(act.figures.get(name, {}))
            closed = given.pop("closed", [])
            if given != wanted:
                raise BadMaterial(
                    path=f"$.figures.{name}",
                    expected=str(wanted),
                    actual=str(given),
                    place=definition.place("materials", name),
                )
            if closed and closed != closed_and_unchanged(items.lines(self.connection, case.item, name), value):
                raise BadMaterial(
                    path=f"$.figures.{name}.closed",
                    expected="the lines closed before that stand unchanged",
                    actual=str(closed),
                    place=definition.place("materials", name),
                )

    def _vouch_personal(self, definition: Definition, name: str, value: Any, case: Case) -> None:
        """Personal values of a document are commitments, and each stands for something, or did in the paper before.

        Raises:
            BadMaterial: a plain value, or a commitment to nothing.
        """
        material = definition.flow.materials[name]
        if not personal.marked(material):
            return
        place = definition.place("materials", name)
        if personal.in_plain(material, value):
            raise BadMaterial(
                path=f"$.{name}", expected="personal values as commitments", actual="plain text", place=place
            )
        held = case.materials.get(name)
        before = canonical.decode(self.contents.get(held)) if held else None
        if unknown := personal.unknown(self.connection, value, before):
            raise BadMaterial(
                path=f"$.{name}", expected="personal values that are kept here", actual=unknown[0], place=place
            )

    def _decide(
        self,
        act: Act,
        case: Case,
        prev: bytes,
        org: bytes | None,
        seq: int,
        at: int,
        request_id: str | None = None,
        definition: Definition | None = None,
    ) -> _Made:
        if isinstance(act, Signature):
            self._refuse_replay(act, at)
        return self._decided_on(self.ask(act, case, org, seq, at, definition), prev, org, request_id, definition)

    def _decided_on(
        self,
        asked: Asked,
        prev: bytes,
        org: bytes | None,
        request_id: str | None = None,
        definition: Definition | None = None,
    ) -> _Made:
        """What follows from an act that has its facts."""
        act, case, seq, at = asked.act, asked.case, asked.context.seq, asked.context.at
        decision = decide(asked)
        if any("provisional" in e for e in decision.effects):  # another process may have published the year meanwhile
            calendar = self.engine.calendar(self.connection, asked.context.calendar.name, fresh=True)
            if calendar is not asked.context.calendar:
                asked = self.ask(act, case, org, seq, at, definition)
                decision = decide(asked)
        after = case.fold(decision.effects, seq, at)
        request_digest = act_digest(act) if request_id is not None else None
        return _Made(asked, decision, case, after, prev, org, request_id, request_digest)

    def _refuse_replay(self, act: Signature, at: int) -> None:
        """What was prepared once is signed once: after a return the same bytes must not be handed in again.

        Raises:
            BadSignature: the nonce stands in an entry of this item already, or was prepared after now or too long ago.
        """
        if act.paper.get("scan"):
            self.contents.get(str(act.paper["scan"]))  # a scan that is not there proves nothing
        nonce = act.proof.get("nonce")
        if nonce is None:
            return
        if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
            raise BadSignature(
                expected="a nonce as prepare gives it: 24 hex digits", actual=str(nonce)[:40] or "nothing"
            )
        used = items.entry_with(self.connection, act.item, f'"nonce":"{nonce}"'.encode())
        if used is not None:
            raise BadSignature(expected="a statement prepared for this signature", actual=f"that of entry {used}")
        prepared = act.proof.get("at", at)
        if not isinstance(prepared, int) or prepared > at:
            raise BadSignature(expected="a statement prepared before now", actual=f"one of {prepared}")
        if at - prepared > PREPARED_SECONDS * 1_000_000:
            raise BadSignature(
                expected=f"a statement prepared at most {PREPARED_SECONDS} s ago; prepare it and confirm it anew",
                actual=f"one of {(at - prepared) // 1_000_000} s ago",
            )

    def _body(self, made: _Made) -> dict[str, Any]:
        """What an entry says.

        Raises:
            BadSignature: the person's own key did not sign what the entry says.
        """
        return body_of(
            made.asked,
            made.decision,
            prev=made.prev,
            org=made.org,
            calendar=made.asked.context.calendar,
            definition=made.asked.definition,
            origin=self.engine.origin,
            own_keys=self._own_keys,
            confirm=self.engine.confirm,
            request_id=made.request_id,
            request_digest=made.request_digest,
        )

    def _seal(self, made: Sequence[_Made], bodies: Sequence[bytes] | None = None) -> list[Written]:
        """Entries out of decisions, sealed with one signature together."""
        engine = self.engine
        bodies = canonical.encode_many([self._body(m) for m in made]) if bodies is None else bodies
        return [
            Written(
                case=m.case,
                before=m.before,
                seq=m.asked.context.seq,
                at=m.asked.context.at,
                act=m.asked.act.kind,
                effects=m.decision.effects,
                body=body,
                seal=seal,
                hash=entry_hash(body, seal),
                snapshot=m.case.snapshot(),
                request_id=m.request_id,
                request_digest=m.request_digest,
            )
            for m, body, seal in zip(made, bodies, seal_entries(bodies, engine.key), strict=True)
        ]

    def _write(self, written: Sequence[Written], lists: dict[str, list[Any]] | None = None) -> None:
        items.append(self.connection, written, lists)
        self._head = self._chain = None
        if self.engine.subscribers:
            self.noted += written

    def _own_keys(self, person: str) -> list[tuple[str, bytes]]:
        """A person's own keys: as the host holds them; else as the key events have them, good at this moment."""
        engine = self.engine
        if engine.key_of is not None:
            held = engine.key_of(person)
            return [(ED25519, held)] if held is not None else []
        at = engine.now(self.connection)
        own = engine.rings.of(self.connection).signers(person)
        return [(k.algorithm, bytes.fromhex(k.public)) for k in own if not k.fault(at)]

    def _open_behind(self, written: Sequence[Written]) -> dict[str, tuple[str, ...]]:
        """Open the items that the effects name, each citing the entry that led to it; sealed together.

        Returns:
            What was opened behind each item.
        """
        opened: dict[str, tuple[str, ...]] = {}
        acts: list[tuple[Open, Definition, int]] = []
        for w in written:
            for effect in w.effects:
                if effect["e"] != "item-opened":
                    continue
                cites = {"item": w.case.item, "seq": w.seq, "entry": w.hash.hex()}
                if "line" in effect:
                    cites["line"] = effect["line"]
                act = Open(
                    item=effect["item"],
                    flow=effect["flow"],
                    unit=effect["unit"],
                    campaign=w.case.campaign,
                    enter=effect.get("enter", ""),
                    category=effect.get("category", ""),
                    fields_=effect.get("fields_", {}),
                    cites=cites,
                )
                acts.append((act, self.engine.newest(self.connection, act.flow), w.at))
                opened[w.case.item] = (*opened.get(w.case.item, ()), act.item)
        if acts:
            org = items.org_head(self.connection)
            made = [self._decide(a, Case(), b"", org, 1, at, None, d) for a, d, at in acts]
            self._write(self._seal(made))
        return opened

    def open_many(self, opens: Sequence[Open]) -> int:
        """Open several items of flows, sealed with one signature. Items that exist already are left as they are.

        Returns:
            How many were opened now.
        """
        for o in opens:
            _check_given(o)
        present = items.present(self.connection, [o.item for o in opens])
        fresh = list({o.item: o for o in opens if o.item not in present}.values())
        if fresh:
            org, at = items.org_head(self.connection), self.engine.now(self.connection)
            flows = {name: self.engine.newest(self.connection, name) for name in {o.flow for o in fresh}}
            memory = self.engine.memory.at(org)
            with no_collection():
                for name, flow in flows.items():
                    day = local_day(at, flow.flow.timezone).isoformat()
                    facts.load_paths(self.connection, [o.unit for o in fresh if o.flow == name], day, memory)
                made = [self._decide(o, Case(), b"", org, 1, at, None, flows[o.flow]) for o in fresh]
                self._write(self._seal(made))
        return len(fresh)

    def sign_many(self, acts: Sequence[Signature]) -> list[Receipt | WorkflowError]:
        """Several signatures of listed items, each with its own seen digest: a result per item, in the order given.

        What one item refuses does not hold the others, nor does a signature that does not verify. Stages and places
        marked one by one refuse to be signed in bulk. Source: S0 「逐个评估」, R134.
        """
        heads = items.lock_many(self.connection, [a.item for a in acts])
        org, at = items.org_head(self.connection, hold=True), self.engine.now(self.connection)
        opened: dict[str, tuple[str, ...]] = {}
        with no_collection():
            made, bodies, refused = self._decided_each(acts, heads, org, at)
            written = self._seal(list(made.values()), bodies)
            if written:
                self._write(written)
                opened = self._open_behind(written)
        receipts = {
            w.case.item: Receipt(
                w.case.item,
                w.seq,
                w.hash,
                w.at,
                w.case.stage,
                w.seal if self.own else b"",
                opened.get(w.case.item, ()),
            )
            for w in written
        }
        return [refused[n] if n in refused else receipts[a.item] for n, a in enumerate(acts)]

    def _decided_each(
        self, acts: Sequence[Signature], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> tuple[dict[str, _Made], list[bytes], dict[int, WorkflowError]]:
        """Signatures in bulk: what follows by item, the bytes of each in this order, and by place in the order given what
        is refused."""
        asked, refused = self._ask_each(acts, heads, org, at)
        made: dict[str, _Made] = {}
        bodies: dict[str, dict[str, Any]] = {}
        places: dict[str, int] = {}
        for n, act in enumerate(acts):
            if act.item in made:
                refused[n] = Conflict(item=act.item, expected="each item once", actual="twice in one call")
            elif n in asked:
                try:
                    one = self._decided_on(asked[n], heads[act.item].head, org)
                    bodies[act.item] = self._body(one)
                    made[act.item], places[act.item] = one, n
                except WorkflowError as error:
                    refused[n] = error
        try:
            return made, canonical.encode_many(list(bodies.values())), refused
        except WorkflowError:  # something in one of them cannot go on record
            encoded: list[bytes] = []
            for item, body in bodies.items():
                try:
                    encoded.append(canonical.encode(body))
                except WorkflowError as error:
                    refused[places[item]] = error
                    del made[item]
            return made, encoded, refused

    def _ask_each(
        self, acts: Sequence[Signature], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> tuple[dict[int, Asked], dict[int, WorkflowError]]:
        """Signatures in bulk in front of their rules, by place in the order given, and what is refused before that."""
        asked: dict[int, Asked] = {}
        refused: dict[int, WorkflowError] = {}
        memory = self.engine.memory.at(org)
        contexts: Contexts = {}
        for n, act in enumerate(acts):
            try:
                if isinstance(act, ONE_BY_ONE):
                    raise WrongMeaning(expected="an act on a place, in bulk", actual=act.kind)
                if act.item not in heads:
                    raise Unknown(kind="item", name=act.item)
                one = self._in_front(act, heads[act.item], at, memory, contexts)
                if len(acts) > 1:
                    self._refuse_together(act, one, len(acts))
                self._refuse_replay(act, at)
                asked[n] = one
            except WorkflowError as error:
                refused[n] = error
        refused |= self._load_together(asked, memory)
        return {n: one for n, one in asked.items() if n not in refused}, refused

    def foresee(self, acts: Sequence[Signature | Open]) -> list[Moving]:
        """A dry run of ``sign_many`` or ``open_many``: what each item would come to, or why it would be refused, by the
        same rules and in the order given. Nothing is written, and nothing is held.

        An item to be opened that is there already would be left as it is: before and after are the same, with no effect.
        """
        opens = {n: a for n, a in enumerate(acts) if isinstance(a, Open)}
        signs = {n: a for n, a in enumerate(acts) if not isinstance(a, Open)}
        org, at = items.org_head(self.connection), self.engine.now(self.connection)
        heads = {i: items.read(self.connection, i) for i in items.present(self.connection, [a.item for a in acts])}
        made, _, refused = self._decided_each(list(signs.values()), heads, org, at)
        out = {
            n: Moving(a.item, refusal=refused[place]) if place in refused else _moving(made[a.item])
            for place, (n, a) in enumerate(signs.items())
        }
        for n, act in opens.items():
            if act.item in heads:
                case = Case.of_snapshot(heads[act.item].snapshot)
                out[n] = Moving(act.item, case, case)
                continue
            try:
                _check_given(act)
                flow = self.engine.newest(self.connection, act.flow)
                out[n] = _moving(self._decide(act, Case(), b"", org, 1, at, None, flow))
            except WorkflowError as refusal:
                out[n] = Moving(act.item, refusal=refusal)
        return [out[n] for n in range(len(acts))]

    def foresee_fires(self, fires: Sequence[Fire], at: int) -> list[Moving]:
        """The same of rungs of different items. Dues met meanwhile are left out."""
        org = items.org_head(self.connection)
        heads = {f.item: items.read(self.connection, f.item) for f in fires}
        out: list[Moving] = []
        for asked, head in self._ask_together(fires, heads, org, at):
            try:
                out.append(_moving(self._decided_on(asked, head.head, org)))
            except Conflict:
                continue
            except WorkflowError as refusal:
                out.append(Moving(asked.case.item, refusal=refusal))
        return out

    def _refuse_together(self, act: Signature, asked: Asked, count: int) -> None:
        """A stage or place marked one by one is signed by a call of its own. That each was also read is not asked here: who
        calls once for each item in a loop stands in the list of bursts and of signatures given unopened (R039). What waits
        for a leaver passes on together, whatever it waits for: that signs nothing.

        Raises:
            OneByOne: it is one of several.
        """
        if isinstance(act, HandOver):
            return
        stage = asked.definition.stage(asked.case.stage)
        place = signing.place_of(asked, act) if not stage.one_by_one else None
        if stage.one_by_one or (place is not None and place.one_by_one):
            raise OneByOne(
                expected="one item in one act",
                actual=f"{count} items",
                place=asked.definition.place("stages", stage.stage, "one-by-one"),
            )

    def fire(self, fires: Sequence[Fire], at: int, heads: Mapping[str, items.Head] | None = None) -> list[Written]:
        """Fire rungs of different items, sealed with one signature. Dues met meanwhile are left out.

        Args:
            heads: the items under their locks, where the caller holds them already.
        """
        if heads is None:
            heads = items.lock_many(self.connection, [f.item for f in fires])
        org = items.org_head(self.connection)
        made: list[_Made] = []
        for asked, head in self._ask_together(fires, heads, org, at):
            try:
                made.append(self._decided_on(asked, head.head, org))
            except Conflict:
                continue
        if not made:
            return []
        written = self._seal(made)
        self._write(written)
        self._open_behind(written)
        return written

    def _ask_together(
        self, fires: Sequence[Fire], heads: Mapping[str, items.Head], org: bytes | None, at: int
    ) -> list[tuple[Asked, items.Head]]:
        """Rungs of different items in front of their rules."""
        memory = self.engine.memory.at(org)
        contexts: Contexts = {}
        asked = [self._in_front(f, heads[f.item], at, memory, contexts) for f in fires]
        for refused in self._load_together(dict(enumerate(asked)), memory).values():
            raise refused
        return [(one, heads[one.case.item]) for one in asked]

    def _in_front(
        self, act: Signature | Fire, head: items.Head, at: int, memory: dict[Need, Any], contexts: Contexts
    ) -> Asked:
        """One of several acts in front of its rules, with no fact yet; those that may share a context do."""
        case = Case.of_snapshot(head.snapshot)
        pinned = self.engine.definition(self.connection, case.definition)
        name = self.calendar_of(pinned, case.unit, at, memory)
        context = contexts.get((case.definition, head.seq, name))
        if context is None:
            calendar = self.engine.calendar(self.connection, name)
            context = contexts[case.definition, head.seq, name] = Context(pinned, calendar, at, head.seq + 1)
        return Asked(case, act, context, Facts({}))

    def _load_together(self, some: Mapping[int, Asked], memory: dict[Need, Any]) -> dict[int, WorkflowError]:
        """Load what several acts need; what they need of the organisation for all of them at once.

        Returns:
            Which of them need something that is not to be had.
        """
        first = dict.fromkeys([need for one in some.values() if (need := _first_need(one)) is not None])
        facts.load_together(self.connection, first, memory)
        for one in some.values():
            _remember(one, memory)
        refused: dict[int, WorkflowError] = {}
        left = dict(some)
        while left:
            wanted: dict[int, list[Need]] = {}
            for n, one in left.items():
                try:
                    if found := needs(one):
                        wanted[n] = found
                except WorkflowError as error:
                    refused[n] = error
            facts.load_together(self.connection, dict.fromkeys(chain.from_iterable(wanted.values())), memory)
            for n, found in wanted.items():
                try:
                    for need in found:
                        left[n].facts.loaded[" ".join(need)] = facts.load(self.connection, need, memory)
                except WorkflowError as error:
                    refused[n] = error
            left = {n: left[n] for n in wanted if n not in refused}
        return refused

    def _view(self, act: View) -> Receipt:
        """Somebody opened the content: an entry in the item's own log of views, not in its chain.

        It says whether a place of the present stage is theirs (``aside`` where none is), and whether one that is open now
        (``next``): only a look of those who act next holds up a withdrawal.

        Raises:
            NotHolder: the person neither holds the post they look as, nor answers for it, nor has a mandate for it.
        """
        head = items.read(self.connection, act.item)
        case = Case.of_snapshot(head.snapshot)
        pinned = self.engine.definition(self.connection, case.definition)
        place = self.may_look(act, case, pinned, head.org)
        more: dict[str, Any] = {"head": head.seq, "next": self._acts_next(act, case, pinned, head.org)}
        if not place:
            more["aside"] = True
        return self._alone(f"view:{act.item}", act.record(), more)

    def _acts_next(self, act: View, case: Case, pinned: Definition, org: bytes | None) -> bool:
        """Whether an open place is that of whoever looks, in whatever post they look."""
        by = act.by
        assert by is not None
        waiting = case.open_slots
        if any((s.post, s.unit) == (by.post, by.unit) or s.delegate == by.person for s in waiting):
            return True
        day, memory = self._today(pinned), self.engine.memory.at(org)
        held = (authority.need(pinned, by.person, s.unit, s.post, day) for s in waiting)
        return any(facts.load(self.connection, need, memory).get("tenure") for need in held)

    def _today(self, pinned: Definition) -> str:
        return local_day(self.now(), pinned.flow.timezone).isoformat()

    def may_look(self, act: View, case: Case, pinned: Definition, org: bytes | None) -> bool:
        """Whether a place of the present stage is that of whoever looks: of their post, or delegated to them.

        Raises:
            NotHolder: as for a look. Unknown: nobody looks.
        """
        by = act.by
        if by is None:
            raise Unknown(kind="actor", name="nobody", hint="; view is a person's act: by=Actor(person, post, unit)")
        day = self._today(pinned)
        need = authority.need(pinned, by.person, by.unit, by.post, day)
        found = facts.load(self.connection, need, self.engine.memory.at(org))
        given = any(s.delegate == by.person for s in case.open_slots)
        if not found.get("tenure") and not found.get("mandates") and not given:
            raise NotHolder(
                person=by.person,
                post=by.post,
                unit=by.unit,
                day=day,
                expected=[a["person"] for a in found.get("answerable", [])] or "nobody (vacant, no backstop)",
                actual=by.person,
                place=pinned.place("posts", by.post),
            )
        return given or any((s.post, s.unit) == (by.post, by.unit) for s in case.slots)

    def import_org(self, imported: OrgImport) -> Receipt:
        """Write an organisation import and its one signed entry, together. See ``Engine.import_org``."""
        content = self.contents.put(canonical.encode(imported.canonical()))
        parts = [self.contents.put(part) for part in imported.parts().values()]
        rows = imported.to_rows()
        counts = {table: len(all_rows) for table, all_rows in rows.items()}
        act = {"kind": "import-org", "as": "administrator", "content": content, "parts": parts, "rows": counts}
        return self.change_org(act, rows, imported.many_holders)

    def change_org(
        self,
        act: dict[str, Any],
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        many_holders: AbstractSet[str],
        units: Collection[str] | None = None,
        *,
        at: int | None = None,
    ) -> Receipt:
        """Write rows of the organisation and the one signed entry that records them, as of one moment.

        Args:
            units: where two holders or two parents at once are looked for; None looks everywhere.
            at: from ``org_moment``, where the rows name it.

        Raises:
            OrgInvalid: two persons would hold one post, or two units be above another, at once.
        """
        at = self.org_moment() if at is None else at
        write_rows(self.connection, rows, at)
        refuse_clashes(self.connection, many_holders, units)
        return self._alone(items.ORG, act, {}, at)

    def org_moment(self) -> int:
        """The moment of the next change of the organisation, which is ours alone from here on. It is later than the
        last, so that what was known at a moment is one state."""
        alone(self.connection)
        return max(self.engine.now(self.connection), last_moment(self.connection) + 1)

    def move_items(self, moves: Sequence[MoveItem]) -> list[str]:
        """Move open items to a successor, sealed with one signature; the caller holds their locks (``items.lock_many``).

        Returns:
            The items that were moved; those that do not concern the unit are left alone.
        """
        heads = items.lock_many(self.connection, [m.item for m in moves])
        org, at = items.org_head(self.connection), self.engine.now(self.connection)
        made: list[_Made] = []
        for m in moves:
            head = heads[m.item]
            try:
                made.append(self._decide(m, Case.of_snapshot(head.snapshot), head.head, org, head.seq + 1, at))
            except WrongStage:
                continue
        if made:
            self._write(self._seal(made))
        return [m.case.item for m in made]

    def migrate_many(self, moves: Sequence[Migrate], *, dry: bool = False) -> list[Moving]:
        """Move several items to another version, sealed with one signature: a result per item, in the order given.
        What one item refuses does not hold the others.

        Args:
            dry: decide everything by the same rules, and write nothing.
        """
        ids = [m.item for m in moves]
        heads = items.lock_many(self.connection, ids) if not dry else {i: items.read(self.connection, i) for i in ids}
        org, at = items.org_head(self.connection, hold=not dry), self.engine.now(self.connection)
        made: dict[str, _Made] = {}
        out: list[Moving] = []
        for move in moves:
            try:
                if move.item not in heads:
                    raise Unknown(kind="item", name=move.item)
                head = heads[move.item]
                case, definition = Case.of_snapshot(head.snapshot), self.engine.definition(self.connection, move.to)
                made[move.item] = m = self._decide(move, case, head.head, org, head.seq + 1, at, None, definition)
                out.append(_moving(m))
            except WorkflowError as refusal:
                out.append(Moving(move.item, refusal=refusal))
        if made and not dry:
            self._write(self._seal(list(made.values())))
        return out

    def publish(self, definition: Definition, by: Actor, reason: str, held: dict[str, Any], replaces: str) -> Receipt:
        """Write a definition and the one signed entry that puts it in force. See ``Engine.publish``."""
        at = self.engine.now(self.connection)
        library.publish(
            self.connection,
            digest=definition.digest,
            flow=definition.name,
            version=definition.version,
            body=definition.body,
            at=at,
        )
        library.set_layout(self.connection, definition.digest, definition.layout)
        act: dict[str, Any] = {
            "kind": "publish",
            "by": {"person": by.person, "post": by.post, "unit": by.unit},
            "flow": definition.name,
            "version": definition.version,
            "definition": definition.digest,
            "reason": reason,
        }
        if replaces:
            act["replaces"] = replaces
        return self._alone(items.FLOWS, act, {"facts": {"authority": held}}, at)

    def _alone(self, chain: str, act: dict[str, Any], more: dict[str, Any], at: int | None = None) -> Receipt:
        """One entry in a chain that is no item."""
        at = self.engine.now(self.connection) if at is None else at
        made = sealing.append(self.connection, self.engine.key, chain, act, at, more)
        return made if self.own else replace(made, seal=b"")


@contextmanager
def no_collection() -> Iterator[None]:
    """While many items are decided at once, all that is made is kept: looking for garbage among it took a quarter of
    the time. It is bounded by the size of the batch."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
