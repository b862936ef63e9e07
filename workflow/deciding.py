"""How an act becomes an entry, on one transaction: its facts loaded, decided by the rules, sealed, written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from workflow.acts import Act, Fire, Open, Signature
from workflow.calendar import Calendar
from workflow.case import Case
from workflow.clock import Clock, local_day
from workflow.definition.definition import Definition
from workflow.errors import BadSignature, WrongMeaning
from workflow.events import Subscribers
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import KeyProvider
from workflow.keybook import ED25519, Rings
from workflow.recording import PREPARED_SECONDS, Confirm, KeyOf, body_of, is_prepared
from workflow.rules import Asked, Context, Decision, Facts, Need, authority, decide, needs
from workflow.store import appending, facts, items
from workflow.store.appending import Written

if TYPE_CHECKING:
    from workflow.evidence.certified import Authorities
    from workflow.store.org import OrgReader


class House(Protocol):
    """What lives longer than a transaction, and a desk draws on: the engine."""

    key: KeyProvider
    contents: ContentStore
    clock: Clock
    origin: str
    key_of: KeyOf | None
    confirm: Confirm | None
    certified: Authorities | None
    memory: facts.OrgMemory
    rings: Rings
    subscribers: Subscribers

    def definition(self, connection: Any, digest_: str) -> Definition: ...

    def newest(self, connection: Any, flow: str) -> Definition: ...

    def calendar(self, connection: Any, name: str, *, fresh: bool = False) -> Calendar: ...
    def calendars(self, connection: Any, name: str, at: int) -> list[tuple[int, Calendar]]: ...

    def now(self, connection: Any) -> int: ...


_GIVEN_ID = re.compile(
    r"(?!view:|org$|log$|flows$|keys$|access$|erasures$|draws$|i[0-9a-f]{20}$)[^\x00-\x1f\x7f]{1,64}"
)


def check_given(act: Open) -> None:
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


@dataclass(slots=True, eq=False)
class Made:
    """An act decided but not yet sealed. Nobody changes it; to freeze it would double what it costs to make."""

    asked: Asked
    decision: Decision
    before: Case
    case: Case
    prev: bytes
    org: bytes | None
    request_id: str | None = None
    request_digest: bytes | None = None


def first_need(asked: Asked) -> Need | None:
    """The fact that every act of a kind rests on: the line of units of what is opened or has a due, whoever signs."""
    act = asked.act
    if isinstance(act, Signature):
        return authority.own_need(asked) if act.by is not None else None
    if isinstance(act, Open):
        return ("path", act.unit, asked.context.day)
    return ("path", asked.case.unit, asked.context.day) if isinstance(act, Fire) else None


def remember(asked: Asked, first: Need | None, memory: Mapping[Need, Any]) -> None:
    """Take over what is remembered of the facts that such an act always rests on: spares asking it what it needs.

    Args:
        first: the need of ``first_need``.
    """
    loaded = asked.facts.loaded
    if first is None or first not in memory:
        return
    loaded[" ".join(first)] = memory[first]
    same = memory.get(facts.SAME_PERSONS)
    if same is not None and isinstance(asked.act, Signature):
        person = asked.actor.person
        loaded[f"same-person {person}"] = same.get(person, [])


def act_digest(act: Act) -> bytes:
    return bytes.fromhex(digest(canonical.encode(act.record())).split(":")[1])


class Deciding:
    """One transaction of the engine: what is there is read, and what acts lead to is written. Its owner commits."""

    def __init__(self, engine: House, connection: Any, *, own: bool) -> None:
        self.engine = engine
        self.connection = connection
        bound = getattr(engine.contents, "on", None)  # contents in the database go with the transaction
        self.contents: ContentStore = bound(connection) if bound is not None else engine.contents
        self.own = own
        self.eyes: Callable[[], Collection[str]] | None = None  # the posts of the one who reads here, if it is one
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
        remember(asked, first_need(asked), memory)
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
    ) -> Made:
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
    ) -> Made:
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
        return Made(asked, decision, case, after, prev, org, request_id, request_digest)

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
        if not is_prepared(nonce, act.item):
            raise BadSignature(
                expected="a nonce as prepare gives it for this item: 24 hex digits", actual=str(nonce)[:40] or "nothing"
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

    def _body(self, made: Made, nonce: str = "") -> dict[str, Any]:
        """What an entry says.

        Args:
            nonce: of a signature that was not prepared; drawn here unless it is given.

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
            certified=self.engine.certified,
            request_id=made.request_id,
            request_digest=made.request_digest,
            drawn=nonce,
        )

    def _seal(self, made: Sequence[Made], bodies: Sequence[bytes] | None = None) -> list[Written]:
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
        appending.append(self.connection, written, lists)
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
