"""The engine: load, ask the rules, save. One path for every act, whoever hands it in.

``Engine`` holds what lives long (database, key, calendars, definitions); a ``Desk`` is the engine on one transaction:
its own for each act, or the host's (``engine.on(session)``). The verbs a host calls are in ``workflow.verbs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from workflow import log
from workflow.acts import Act, Fire, Open, Signature, View
from workflow.calendar import Calendar
from workflow.case import Case
from workflow.clock import Clock, SystemClock, local_day, micros
from workflow.definition.definition import Definition
from workflow.errors import Conflict, OneByOne, RequestReused, Unknown, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore, DiskContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import FileKeyProvider, KeyProvider
from workflow.receipt import Receipt, Shown
from workflow.recording import KeyOf, Prepared, body_of, new_nonce, statement
from workflow.rules import Asked, Context, Decision, Facts, decide, needs
from workflow.rules.signing import open_slot
from workflow.store import database, facts, items, library, schema
from workflow.store.items import Written
from workflow.store.org import Importable as OrgImport
from workflow.store.org import write_import
from workflow.verbs import Verbs

CHUNK = 500  # items opened in one transaction
IMPORT_PART = 5_000  # rows of an import to one content, so that none passes the limit of what can be read back


@dataclass(frozen=True)
class _Made:
    """An act decided but not yet sealed."""

    asked: Asked
    decision: Decision
    before: Case
    case: Case
    prev: bytes
    org: bytes | None
    request_id: str | None = None
    request_digest: bytes | None = None


class Engine(Verbs):
    """A workflow engine on one database.

    Args:
        db: from ``workflow.store.database.connect``.
        key: signs entries; one per node.
        contents: where documents and evidence lie.
        origin: the name of this log, in every signed statement.
        key_of: a person's own registered public key, raw 32 bytes, or None.
    """

    def __init__(
        self,
        db: Any,
        key: KeyProvider,
        contents: ContentStore,
        *,
        clock: Clock | None = None,
        origin: str = "signoff.local/log",
        key_of: KeyOf | None = None,
    ) -> None:
        self.db = db
        self.key = key
        self.contents = contents
        self.clock = clock or SystemClock()
        self.origin = origin
        self.key_of = key_of
        self.memory = facts.OrgMemory()
        self._definitions: dict[str, Definition] = {}
        self._newest: dict[str, Definition] = {}
        self._calendars: dict[str, Calendar] = {}

    @classmethod
    def at(
        cls,
        url: str,
        home: str | Path,
        *,
        clock: Clock | None = None,
        durable: bool = True,
        upgrade: bool = True,
        busy_ms: int = database.BUSY_MS,
        **options: Any,
    ) -> Engine:
        """Open a database with a folder for its key and contents; both are made when absent.

        Args:
            busy_ms: how long to wait for another writer before ``DatabaseBusy``.

        Raises:
            DatabaseOld, DatabaseNewer: the schema is not the one this library knows.
            KeyUnavailable: the key file is readable by others, or not a key.
        """
        home = Path(home)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        db = database.connect(url, durable=durable, busy_ms=busy_ms)
        if upgrade:
            schema.upgrade(db)
        else:
            schema.check(db)
        path = home / "engine.key"
        key = FileKeyProvider(path) if path.exists() else FileKeyProvider.create(path)
        contents = DiskContentStore(home / "contents", fsync=durable)
        engine = cls(db, key, contents, clock=clock, **options)
        with database.writing(db) as connection:
            library.set_meta(connection, f"key/{key.key_id().hex()}", key.public_key().hex())
            library.set_meta(connection, "origin", engine.origin)
        return engine

    def close(self) -> None:
        self.db.dispose()

    # --- transactions ---------------------------------------------------------------------------------------------

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The engine on a transaction of its own, committed at the end."""
        with database.writing(self.db) as connection:
            yield Desk(self, connection, own=True)

    @contextmanager
    def on(self, host: Any) -> Iterator[Desk]:
        """The engine on the host's Session or Connection, in a savepoint. Never commits, never rolls back the host's."""
        with database.joined(host) as connection:
            yield Desk(self, connection, own=False)

    def reading(self) -> AbstractContextManager[Any]:
        """A connection for reading one consistent moment."""
        return database.reading(self.db)

    # --- definitions and calendars --------------------------------------------------------------------------------

    def publish(self, definition: Definition) -> Definition:
        """Publish a definition: immutable from now on, pinned by every item it governs. The same bytes twice are one.

        Raises:
            Conflict: the version is published with other content. Changing anything means a new version.
        """
        with database.writing(self.db) as connection:
            known = {r.version: r.digest for r in library.versions(connection, definition.name)}
            held = known.get(definition.version)
            if held is None:
                library.publish(
                    connection,
                    digest=definition.digest,
                    flow=definition.name,
                    version=definition.version,
                    body=definition.body,
                    at=self.now(connection),
                )
            elif held != definition.digest:
                raise Conflict(item=f"{definition.name}@{definition.version}", expected=held, actual=definition.digest)
        self._newest.pop(definition.name, None)
        return definition

    def publish_calendar(self, calendar: Calendar) -> None:
        """Publish a calendar. Acts from now on count by it; dates already fixed stay as they are."""
        body = canonical.encode(calendar.to_canonical())
        with database.writing(self.db) as connection:
            if library.calendar(connection, calendar.digest) is None:
                library.publish_calendar(
                    connection, digest=calendar.digest, name=calendar.name, body=body, at=self.now(connection)
                )
        self._calendars.clear()

    def import_org(self, imported: OrgImport) -> Receipt:
        """Import an organisation: its rows, and one signed entry in the chain ``org`` that cites their exact contents.

        Acts from now on rest on it and cite that entry; what was signed before stays as it was.

        Raises:
            OrgInvalid: together with what is stored two persons would hold one post at once. Nothing was imported.
        """
        with self.desk() as desk:
            return desk.import_org(imported)

    def definition(self, connection: Any, digest_: str) -> Definition:
        """A published definition by digest."""
        held = self._definitions.get(digest_)
        if held is None:
            body = library.definition(connection, digest_)
            if body is None:
                raise Unknown(kind="definition", name=digest_, hint="; publish it first")
            held = self._definitions[digest_] = Definition.from_body(body)
        return held

    def newest(self, connection: Any, flow: str) -> Definition:
        """The version of a flow published last."""
        found = library.versions(connection, flow)
        if not found:
            raise Unknown(kind="flow", name=flow, hint="; publish its definition first")
        return self.definition(connection, found[0].digest)

    def calendar(self, connection: Any, name: str) -> Calendar:
        """The calendar published last under a name."""
        held = self._calendars.get(name)
        if held is None:
            newest = library.newest_calendar(connection, name)
            if newest is None:
                raise Unknown(kind="calendar", name=name, hint="; publish it first")
            body = library.calendar(connection, newest)
            assert body is not None
            held = self._calendars[name] = Calendar.from_canonical(canonical.decode(body))
        return held

    def now(self, connection: Any) -> int:
        """The one moment of an act: the database's clock where the clock port says so and there is one."""
        if self.clock.in_database:
            read = items.now(connection)
            if read is not None:
                return micros(read)
        return self.clock.now()

    # --- reading --------------------------------------------------------------------------------------------------

    @contextmanager
    def look(self) -> Iterator[Desk]:
        """The engine on one consistent moment, for reading."""
        with self.reading() as connection:
            yield Desk(self, connection, own=True)

    def case_of(self, item: str) -> tuple[Case, Definition]:
        with self.look() as desk:
            return desk.case_of(item)

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        with self.look() as desk:
            return desk.lines_of(item, list_)

    def show(self, item: str) -> Shown:
        """What a person is shown before acting on an item; ``shown.digest`` is what ``seen`` must equal.

        Raises:
            Unknown: no such item. ContentMissing: a document is not in the store, or is not what its digest says.
        """
        with self.look() as desk:
            return desk.show(item)

    # --- acts -----------------------------------------------------------------------------------------------------

    def act(self, act: Act, *, request_id: str | None = None, lists: Mapping[str, list[Any]] | None = None) -> Receipt:
        """Do one act on a transaction of our own.

        Args:
            request_id: a retry with the same id and the same act returns the first answer and adds nothing.
            lists: the cells of lists that a Submit hands in, whose digests the act carries.

        Raises:
            Refused: a rule said no; nothing was written.
            Conflict: another act on the item came first. RequestReused: the id was used for another act.
        """
        try:
            with self.desk() as desk:
                return desk.do(act, request_id, lists)
        except WorkflowError:
            if request_id is not None:
                with self.reading() as connection:
                    earlier = answered(connection, request_id, act)
                if earlier is not None:
                    return earlier
            raise

    def open_many(
        self, opens: Iterable[Open], *, chunk: int = CHUNK, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Open many items, a transaction for each ``chunk``, each sealed with one signature.

        Items that exist already are left as they are: after a crash, the same call opens the rest and nothing twice.

        Args:
            progress: called after each commit with how many were looked at so far and how many of them were opened.

        Returns:
            How many were opened now.
        """
        waiting, seen, opened = iter(opens), 0, 0
        while some := list(islice(waiting, chunk)):
            with self.desk() as desk:
                made = desk.open_many(some)
            seen, opened = seen + len(some), opened + made
            if progress is not None:
                progress(seen, opened)
        return opened

    def prepare(self, act: Any) -> Prepared:
        """The bytes a person signs for an act on a slot, with a fresh nonce. Hand them back through ``act.proof``.

        Raises:
            Refused: the slot is not open, the person does not hold the post, or the content changed.
        """
        with self.reading() as connection:
            desk = Desk(self, connection, own=True)
            head = items.read(connection, act.item)
            asked = desk.ask(act, Case.of_snapshot(head.snapshot), head.org, head.seq + 1, self.now(connection))
            slot, held = open_slot(asked, act)
            nonce = new_nonce()
            at = asked.context.at
            made = statement(asked, slot, held, self.origin, nonce, at)
        return Prepared(act, canonical.encode(made), nonce, at)

    def receipt(self, claim: Receipt) -> Receipt:
        """The receipt of an act on a host's transaction, once the host has committed: only over what is read back.

        Raises:
            Unknown: the entry is not there; the host has not committed, or rolled back.
        """
        with self.reading() as connection:
            for row in items.entries(connection, claim.item):
                if row.seq == claim.seq and row.hash == claim.entry:
                    return Receipt(claim.item, claim.seq, row.hash, row.at, claim.stage, row.seal, claim.opened)
        raise Unknown(
            kind="committed entry", name=f"{claim.item}#{claim.seq}", hint="; commit the host's transaction first"
        )


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
    stored = next(e for e in items.entries(connection, row.chain) if e.seq == row.seq)
    return Receipt(row.chain, row.seq, row.hash, row.at, "", stored.seal)


class Desk(Verbs):
    """The engine on one transaction: where acts are decided and written."""

    def __init__(self, engine: Engine, connection: Any, *, own: bool) -> None:
        self.engine = engine
        self.connection = connection
        self.contents = engine.contents
        self.own = own

    def case_of(self, item: str) -> tuple[Case, Definition]:
        case = Case.of_snapshot(items.read(self.connection, item).snapshot)
        return case, self.engine.definition(self.connection, case.definition)

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        return items.lines(self.connection, item, list_)

    def show(self, item: str) -> Shown:
        """What a person is shown before acting on an item."""
        case, _ = self.case_of(item)
        held = {name: canonical.decode(self.contents.get(d)) for name, d in case.materials.items()}
        return Shown(case, case.content, held, tuple(case.open_slots))

    def ask(
        self, act: Act, case: Case, org: bytes | None, seq: int, at: int, definition: Definition | None = None
    ) -> Asked:
        """An act in front of its rules, with the facts they name loaded."""
        engine = self.engine
        pinned = definition or engine.definition(self.connection, case.definition)
        context = Context(pinned, engine.calendar(self.connection, pinned.flow.calendar), at, seq)
        asked = Asked(case, act, context, Facts({}))
        memory = engine.memory.at(org)
        while wanted := needs(asked):
            for need in wanted:
                asked.facts.loaded[" ".join(need)] = facts.load(self.connection, need, memory)
        return asked

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
        made = self._decided(act, request_id)
        written = self._seal([made])
        items.append(self.connection, written, dict(lists or {}))
        opened = self._open_behind(written)
        log.acted(act, made.case, made.asked.context.seq)
        w = written[0]
        return Receipt(w.case.item, w.seq, w.hash, w.at, w.case.stage, w.seal if self.own else b"", tuple(opened))

    def _decided(self, act: Act, request_id: str | None = None) -> _Made:
        engine = self.engine
        if isinstance(act, Open):
            definition = engine.newest(self.connection, act.flow)
            at = engine.now(self.connection)
            return self._decide(act, Case(), b"", items.org_head(self.connection), 1, at, request_id, definition)
        head = items.lock(self.connection, act.item, with_now=engine.clock.in_database)
        at = micros(head.now) if head.now is not None else engine.clock.now()
        case = Case.of_snapshot(head.snapshot)
        return self._decide(act, case, head.head, head.org, head.seq + 1, at, request_id)

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
        asked = self.ask(act, case, org, seq, at, definition)
        decision = decide(asked)
        after = case.fold(decision.effects, seq, at)
        request_digest = act_digest(act) if request_id is not None else None
        return _Made(asked, decision, case, after, prev, org, request_id, request_digest)

    def _seal(self, made: Sequence[_Made]) -> list[Written]:
        """Entries out of decisions, sealed with one signature together."""
        engine = self.engine
        bodies = [
            body_of(
                m.asked,
                m.decision,
                prev=m.prev,
                org=m.org,
                calendar=m.asked.context.calendar,
                definition=m.asked.definition,
                origin=engine.origin,
                key_of=engine.key_of,
                request_id=m.request_id,
                request_digest=m.request_digest,
            )
            for m in made
        ]
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

    def _open_behind(self, written: Sequence[Written]) -> list[str]:
        """Open the items that the effects name, each citing the entry that led to it; sealed together."""
        opened: list[str] = []
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
        if acts:
            org = items.org_head(self.connection)
            made = [self._decide(a, Case(), b"", org, 1, at, None, d) for a, d, at in acts]
            items.append(self.connection, self._seal(made))
            opened = [a.item for a, _, _ in acts]
        return opened

    def open_many(self, opens: Sequence[Open]) -> int:
        """Open several items of flows, sealed with one signature. Items that exist already are left as they are.

        Returns:
            How many were opened now.
        """
        present = items.present(self.connection, [o.item for o in opens])
        fresh = list({o.item: o for o in opens if o.item not in present}.values())
        if fresh:
            org, at = items.org_head(self.connection), self.engine.now(self.connection)
            flows = {name: self.engine.newest(self.connection, name) for name in {o.flow for o in fresh}}
            memory = self.engine.memory.at(org)
            for name, flow in flows.items():
                day = local_day(at, flow.flow.timezone).isoformat()
                facts.load_paths(self.connection, [o.unit for o in fresh if o.flow == name], day, memory)
            made = [self._decide(o, Case(), b"", org, 1, at, None, flows[o.flow]) for o in fresh]
            items.append(self.connection, self._seal(made))
        return len(fresh)

    def sign_many(self, acts: Sequence[Signature]) -> list[Receipt | WorkflowError]:
        """Several signatures of listed items, each with its own seen digest: a result per item, in the order given.

        What one item refuses does not hold the others. Steps marked one by one refuse to be signed in bulk.
        """
        heads = items.lock_many(self.connection, [a.item for a in acts])
        org, at = items.org_head(self.connection), self.engine.now(self.connection)
        made: dict[str, _Made] = {}
        refused: dict[int, WorkflowError] = {}
        for n, act in enumerate(acts):
            try:
                if act.item in made:
                    raise Conflict(item=act.item, expected="each item once", actual="twice in one call")
                if act.item not in heads:
                    raise Unknown(kind="item", name=act.item)
                head = heads[act.item]
                case = Case.of_snapshot(head.snapshot)
                stage = self.engine.definition(self.connection, case.definition).stage(case.stage)
                if stage.one_by_one and len(acts) > 1:
                    raise OneByOne(
                        expected="one item in one act", actual=f"{len(acts)} items", place=f"stages.{stage.stage}"
                    )
                made[act.item] = self._decide(act, case, head.head, org, head.seq + 1, at)
            except WorkflowError as error:
                refused[n] = error
        written = self._seal(list(made.values()))
        if written:
            items.append(self.connection, written)
            self._open_behind(written)
        receipts = {
            w.case.item: Receipt(w.case.item, w.seq, w.hash, w.at, w.case.stage, w.seal if self.own else b"")
            for w in written
        }
        return [refused[n] if n in refused else receipts[a.item] for n, a in enumerate(acts)]

    def fire(self, fires: Sequence[Fire], at: int) -> list[Written]:
        """Fire rungs of different items, sealed with one signature. Dues met meanwhile are left out."""
        heads = items.lock_many(self.connection, [f.item for f in fires])
        org = items.org_head(self.connection)
        made: list[_Made] = []
        for f in fires:
            head = heads[f.item]
            try:
                made.append(self._decide(f, Case.of_snapshot(head.snapshot), head.head, org, head.seq + 1, at))
            except Conflict:
                continue
        if not made:
            return []
        written = self._seal(made)
        items.append(self.connection, written)
        self._open_behind(written)
        return written

    def _view(self, act: View) -> Receipt:
        """Somebody opened the content: an entry in the item's own log of views, not in its chain."""
        head = items.read(self.connection, act.item)
        return self._alone(f"view:{act.item}", act.record(), {"head": head.seq})

    def import_org(self, imported: OrgImport) -> Receipt:
        """Write an organisation import and its one signed entry, together. See ``Engine.import_org``."""
        parts = [
            {"table": table, "rows": len(rows), "content": self.contents.put(canonical.encode(rows))}
            for table, all_rows in imported.to_rows().items()
            for rows in _parts(all_rows)
        ]
        act = {"kind": "import-org", "parts": parts, "many-holders": sorted(imported.many_holders)}
        write_import(self.connection, imported)
        return self._alone(items.ORG, act, {})

    def _alone(self, chain: str, act: dict[str, Any], more: dict[str, Any]) -> Receipt:
        """One entry in a chain that is no item."""
        at = self.engine.now(self.connection)
        sealed = b""

        def make(seq: int, prev: bytes) -> dict[str, Any]:
            nonlocal sealed
            head = {"v": 1, "chain": chain, "seq": seq, "prev": prev.hex(), "at": at}
            body = canonical.encode({**head, "act": act, **more})
            (sealed,) = seal_entries([body], self.engine.key)
            return {"at": at, "act": act["kind"], "body": body, "seal": sealed, "hash": entry_hash(body, sealed)}

        seq, hash_ = items.append_chain(self.connection, chain, make)
        return Receipt(chain, seq, hash_, at, "", sealed if self.own else b"")


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), IMPORT_PART):
        yield [dict(row) for row in rows[start : start + IMPORT_PART]]
