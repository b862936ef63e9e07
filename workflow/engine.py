"""The engine: load, ask the rules, save. One path for every act, whoever hands it in.

``Engine`` holds what lives long (database, key, calendars, definitions); a ``Desk`` is the engine on one transaction:
its own for each act, or the host's (``engine.on(session)``). The verbs a host calls are in ``workflow.verbs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow import keybook, log, personal, starting
from workflow.acts import Act, Actor, Open
from workflow.case import Case
from workflow.clock import Clock, SystemClock, local_day, micros, steady
from workflow.errors import ReasonRequired, Said, Unknown, VersionTaken, WorkflowError, near
from workflow.events import E, Subscribers
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore, DiskContentStore, MemoryContentStore
from workflow.evidence.keys import KeyProvider, NoKey
from workflow.receipt import Receipt, Shown
from workflow.store import database, facts, items, library, queries, schema
from workflow.store import personal as erased
from workflow.verbs import Verbs

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.calendar import Calendar
    from workflow.definition.definition import Definition
    from workflow.desk import Desk
    from workflow.evidence.certified import Authorities
    from workflow.org.importing import OrgImport
    from workflow.recording import Confirm, KeyOf, Prepared
    from workflow.run import Ran
    from workflow.store.appending import Written
    from workflow.sweep import Swept

MANDATED = 2_000  # places looked at for whoever has mandates
CHUNK = 500  # items opened in one transaction
KEPT = 60_000_000  # µs for which a calendar is taken to be the newest without asking


class Engine(Verbs):
    """A workflow engine on one database.

    Args:
        db: from ``workflow.store.database.connect``.
        key: signs entries; one per node.
        contents: where documents and evidence lie.
        origin: the name of this log, in every signed statement.
        key_of: a person's own public key, raw 32 bytes, or None, where a host keeps them; else the key events tell.
        confirm: the host's re-authentication. With it a signature is S1 only when it confirms the person's answer to the
            challenge of ``prepare``; without, S1 is what the host says it made the person do.
        certified: who certifies keys and who puts timestamps on signatures (``evidence.certified.Authorities``). With it a
            signature by the person's own key that carries both is S3; without, such a one is refused.
    """

    def __init__(
        self,
        db: Any,
        key: KeyProvider,
        contents: ContentStore,
        *,
        clock: Clock | None = None,
        origin: str = starting.ORIGIN,
        key_of: KeyOf | None = None,
        confirm: Confirm | None = None,
        certified: Authorities | None = None,
    ) -> None:
        self.db = db
        self.schema = database.schema_of(db)
        self.key = key
        self.contents = contents
        self.clock = clock or SystemClock()
        self.origin = origin
        self.key_of = key_of
        self.confirm = confirm
        self.certified = certified
        self.rings = keybook.Rings()
        self.subscribers = Subscribers()
        self.memory = facts.OrgMemory()
        self._definitions: dict[str, Definition] = {}
        self._newest: dict[str, Definition] = {}
        self._calendars: dict[str, Calendar] = {}
        self._asked: dict[str, int] = {}  # name of a calendar -> when the database was last asked for it
        self._former: dict[str, Calendar] = {}  # by digest

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
        key: KeyProvider | None = None,
        new_key: tuple[str, str] | None = None,
        origin: str | None = None,
        restored: bool = False,
        **options: Any,
    ) -> Engine:
        """Open a database with a folder for its key and contents; for a database without keys both are made.

        Args:
            busy_ms: how long to wait for another writer before ``DatabaseBusy``.
            key: another holder of this node's key than the file ``engine.key`` in ``home``.
            new_key: who asks for a key of its own for this node, and why. The key is registered, for good, as one that no
                older key vouches for.
            origin: the name of this log; that of the database unless told.
            restored: the database is known to be older than its lock, and is opened only to say so on record.

        Raises:
            DatabaseOld, DatabaseNewer: the schema is not the one this library knows.
            KeyUnavailable: the database names keys and none of them is here: a wrong ``home`` must not sign on with a
                key that nobody knows. Or the key file is readable by others, not a key, or not good any more.
            LogRefused: the database, the clock and the lock in ``home`` do not fit each other (``workflow.starting``).
        """
        home = Path(home)
        db = database.connect(url, durable=durable, busy_ms=busy_ms)
        try:
            if upgrade:
                schema.upgrade(db)
            else:
                schema.check(db)
            clock = clock or SystemClock()
            with database.reading(db) as connection:
                named = starting.origin_here(connection, origin)
                read = items.now(connection) if clock.in_database else None
                now = clock.now() if read is None else micros(read)
                if not restored:
                    starting.refuse(connection, home, named, now)
                if key is None:
                    held, tell = keybook.key_for(connection, home / "engine.key", at=now, given=new_key)
                else:
                    held, tell = key, keybook.unknown(connection, key, at=now, given=new_key)
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            engine = cls(
                db, held, DiskContentStore(home / "contents", fsync=durable), clock=clock, origin=named, **options
            )
            if tell:
                with database.writing(db) as connection:
                    keybook.told(connection, held, engine.now(connection), new_key)
                    library.set_meta(connection, "origin", engine.origin)
        except BaseException:
            db.dispose()
            raise
        return engine

    @classmethod
    def looking(cls, url: str, contents: ContentStore | None = None) -> Engine:
        """An engine for looking only: it opens the database read only, has no key and can write nothing.

        Raises:
            DatabaseOld, DatabaseNewer: the schema is not the one this library knows.
        """
        db = database.connect(url, read_only=True)
        try:
            schema.check(db)
        except BaseException:
            db.dispose()
            raise
        return cls(db, NoKey(), contents or MemoryContentStore())

    def close(self) -> None:
        self.db.dispose()

    # --- transactions ---------------------------------------------------------------------------------------------

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The engine on a transaction of its own, committed at the end."""
        with database.writing(self.db) as connection:
            desk = self._desk(connection)
            yield desk
        if desk.noted:
            self.subscribers.tell(desk.noted)

    @contextmanager
    def on(self, host: Any, *, later: Callable[[Callable[[], None]], object] | None = None) -> Iterator[Desk]:
        """The engine on the host's Session or Connection, in a savepoint. Never commits, never rolls back the host's.

        Args:
            later: how to have something called after the host's commit, where SQLAlchemy does not do the commit.
        """
        with database.joined(host, self.schema) as connection:
            desk = self._desk(connection, own=False)
            yield desk
        if desk.noted:
            noted = desk.noted
            if later is None:
                database.after_commit(host, lambda: self._tell(noted))
            else:
                later(lambda: self._tell(noted))

    def subscribe(self, kind: type[E], hear: Callable[[E], object]) -> Callable[[], None]:
        """Have the host's code called with each event of a kind (``workflow.events``) after its commit, in this process.

        On the host's own transaction too: after the host has committed, never after a roll-back. What ``hear`` raises is
        logged; the act stands and the others are told. It must not write on the transaction that was just committed.

        Returns:
            A function that ends the subscription.
        """
        return self.subscribers.add(kind, hear)

    def _tell(self, noted: list[Written]) -> None:
        """Tell of what was done on a host's transaction, as far as it is there: a savepoint may have taken it back."""
        try:
            with self.reading() as connection:
                kept = [w for w in noted if items.holds(connection, w.case.item, w.seq, w.hash)]
        except Exception as error:  # noqa: BLE001  the host has committed: nothing of ours may look like a failure of it
            log.not_told(error)
        else:
            self.subscribers.tell(kept)

    def _desk(self, connection: Any, *, own: bool = True) -> Desk:
        from workflow.desk import Desk  # with it come the rules and definitions: opening a database needs neither

        return Desk(self, connection, own=own)

    def reading(self) -> AbstractContextManager[Any]:
        """A connection for reading one consistent moment."""
        return database.reading(self.db)

    # --- definitions and calendars --------------------------------------------------------------------------------

    def publish(self, definition: Definition) -> Definition:
        """Publish a definition: immutable from now on, pinned by every item it governs. The same bytes twice are one.

        Raises:
            VersionTaken: the version is published with other content. Changing anything means a new version.
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
                raise VersionTaken(
                    version=f"{definition.name}@{definition.version}", expected=definition.digest, actual=held
                )
            library.set_layout(connection, definition.digest, definition.layout)
        self._newest.pop(definition.name, None)
        return definition

    def put_in_force(self, definition: Definition, by: Actor, reason: str) -> Receipt:
        """Publish a new version by a person: immutable, under its digest, with one signed entry in the chain ``flows``
        that names who, as which post, why, and which version it replaces. Open items stay on the version they pinned.

        Raises:
            NotHolder: the person does not hold that post today. ReasonRequired: no reason.
            NotPublisher: the flow is that of another unit, and this one is not above it.
            VersionTaken: the version is published already; changing anything means a new version.
        """
        if not reason.strip():
            raise ReasonRequired(act="publish", expected="a written reason", actual="none")
        from workflow import publishing  # rare, and it needs the organisation

        with self.desk() as desk:
            at = self.now(desk.connection)
            day = local_day(at, definition.flow.timezone).isoformat()
            known = library.versions(desk.connection, definition.name)
            held = publishing.entitled(desk.connection, definition.name, by, day, known=bool(known))
            same = next((k for k in known if k.version == definition.version), None)
            if same is not None:
                raise VersionTaken(
                    version=f"{definition.name}@{definition.version}", expected=definition.digest, actual=same.digest
                )
            receipt = desk.publish(definition, by, reason, held, known[0].digest if known else "")
        self._newest.pop(definition.name, None)
        return receipt

    def publish_calendar(self, calendar: Calendar) -> None:
        """Publish a calendar. Acts from now on count by it. Dates that waited for it are counted again by the next worker or
        tick (``workflow.schedule``), or at once by ``workflow.reprojection.publish``, which also refuses one that lacks a
        year."""
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
                raise Unknown(kind="definition", name=digest_, hint=Said("; publish it first", ";请先发布"))
            from workflow.definition.definition import Definition

            held = self._definitions[digest_] = Definition.from_body(body)
        return held

    def newest(self, connection: Any, flow: str) -> Definition:
        """The version of a flow published last."""
        found = library.versions(connection, flow)
        if not found:
            first = Said("; publish its definition first", ";请先发布其定义")
            raise Unknown(kind="flow", name=flow, hint=near(flow, library.flows(connection), first))
        return self.definition(connection, found[0].digest)

    def calendar(self, connection: Any, name: str, *, fresh: bool = False) -> Calendar:
        """The calendar published last under a name. The database is asked once a minute whether there is a later one, so
        that a process that only serves pages takes up what another one published; ``fresh`` asks it now."""
        held = self._calendars.get(name)
        if held is None or fresh or steady() - self._asked.get(name, 0) > KEPT:
            self._asked[name] = steady()
            newest = library.newest_calendar(connection, name)
            if newest is None:
                raise Unknown(kind="calendar", name=name, hint=Said("; publish it first", ";请先发布"))
            if held is not None and held.digest == newest:
                return held
            body = library.calendar(connection, newest)
            assert body is not None
            from workflow.calendar import Calendar

            held = self._calendars[name] = Calendar.from_canonical(canonical.decode(body))
        return held

    def calendars(self, connection: Any, name: str, at: int) -> list[tuple[int, Calendar]]:
        """Every calendar published under a name by an instant, with the moment of it, the oldest first. Before any was,
        the newest alone."""
        newest = self.calendar(connection, name)
        found = [row for row in reversed(library.calendars(connection, name)) if row.published_at <= at]
        if len(found) < 2:
            return [(0, self._of_digest(connection, found[0].digest, newest) if found else newest)]
        return [(row.published_at, self._of_digest(connection, row.digest, newest)) for row in found]

    def _of_digest(self, connection: Any, digest: str, newest: Calendar) -> Calendar:
        if digest == newest.digest:
            return newest
        if digest not in self._former:
            body = library.calendar(connection, digest)
            assert body is not None
            from workflow.calendar import Calendar

            self._former[digest] = Calendar.from_canonical(canonical.decode(body))
        return self._former[digest]

    def look_for_calendars(self, connection: Any) -> None:
        """Take up calendars that another process published. The sweep does so; acts in between count by the one before,
        which their entries name."""
        for name in list(self._calendars):
            self.calendar(connection, name, fresh=True)

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
            yield self._desk(connection)

    def case_of(self, item: str) -> tuple[Case, Definition]:
        with self.look() as desk:
            return desk.case_of(item)

    def committed(self, item: str, definition: Definition, name: str, value: Any) -> Any:
        if not personal.marked(definition.flow.materials[name]):
            return value
        with database.writing(self.db) as connection:
            return personal.commit(connection, definition.flow.materials[name], value, item)

    def kept_of(self, subject: str) -> tuple[int, list[tuple[str, str, int]]]:
        """A dry run of ``erase``: how many values are kept of somebody, and in which documents of which items."""
        with self.look() as desk:
            return personal.kept(desk.connection, desk.contents, subject)

    def erase(self, subject: str, *, by: str, reason: str) -> Receipt:
        """Destroy the personal data kept of a person, or of an item (``item:<id>``), with the key it lies under.

        Every hash, signature and proof stays as it was; what was committed to can no longer be opened. The erasure itself
        is an entry of chain ``erasures``.

        Raises:
            Unknown: nothing personal is kept of them.
        """
        with self.desk() as desk:
            at = self.now(desk.connection)
            made = personal.erase(desk.connection, self.key, desk.contents, subject, by=by, reason=reason, at=at)
        erased.settle(self.db)
        return made

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

    def pending(self, whom: str | Iterable[tuple[str, str]], *, limit: int = 100) -> list[dict[str, Any]]:
        """What waits for somebody now: open slots, own posts first, the oldest first within each post.

        Args:
            whom: a person's id, whose posts are those held today and, where a definition backs a post up by the
                superior (兜底), those vacant below; or ``(unit, post)`` pairs.

        Returns:
            ``item, key, unit, post, kind, stage, opened_at`` of each slot, and ``flow, campaign, about`` (the unit it is
            about) of its item; ``principal`` too, and they come last, where a person waits in somebody's place, by
            mandate or delegation: only what the mandate covers here and now.
        """
        with self.reading() as connection:
            return self.pending_on(connection, whom, limit)

    def pending_on(self, connection: Any, whom: str | Iterable[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
        """The same on a connection that is open already."""
        if not isinstance(whom, str):
            return queries.pending(connection, list(whom), limit)
        found = queries.pending(connection, self._awaited(connection, whom), limit)
        if len(found) < limit:
            held = {(row["item"], row["key"]) for row in found}
            for row in chain(self._standing_in(connection, whom), self._delegated(connection, whom)):
                if (row["item"], row["key"]) not in held and len(found) < limit:
                    found.append(row)
        return found

    def _delegated(self, connection: Any, person: str) -> Iterator[dict[str, Any]]:
        """Open slots that were delegated to a person, not recalled, where the rules would let them sign."""
        desk, at = self._desk(connection), self.now(connection)
        for row in queries.pending_of(connection, queries.delegated_to(connection, person)):
            held = self._in_stead(desk, person, row, at)
            if held is not None and held["as"] == "delegate":
                yield {**row, "principal": held["principal"]}

    def _standing_in(self, connection: Any, person: str) -> Iterator[dict[str, Any]]:
        """Open slots of posts that a person has a mandate for, where the rules would let them sign in that place."""
        from workflow.store import mandates

        desk, at = self._desk(connection), self.now(connection)
        for row in queries.pending(connection, mandates.posts_of(connection, person), MANDATED):
            held = self._in_stead(desk, person, row, at)
            if held is not None and held.get("principal"):
                yield {**row, "principal": held["principal"]}

    def _in_stead(self, desk: Desk, person: str, row: Mapping[str, Any], at: int) -> dict[str, Any] | None:
        """The authority with which the rules would let a person sign an open slot, or None."""
        from workflow.acts import Actor, Sign
        from workflow.rules import authority

        head = items.read(desk.connection, row["item"])
        case = Case.of_snapshot(head.snapshot)
        by = Actor(person, row["post"], row["unit"])
        act = Sign(item=row["item"], by=by, seen=case.content, slot=row["key"])
        slot = case.slot(row["key"])
        asked = desk.ask(act, case, head.org, head.seq + 1, at)
        try:
            held = authority.authority(asked, slot)
            if slot is not None:
                authority.in_person(asked, slot, held)
        except WorkflowError:
            return None
        return held

    def _awaited(self, connection: Any, person: str) -> list[tuple[str, str]]:
        at = self.now(connection)
        backed: dict[str, set[str]] = {}  # by day: the zones of two flows may be on two days
        for digest in library.digests(connection):
            flow = self.definition(connection, digest).flow
            posts = (name for name, post in flow.posts.items() if post.backstop == "superior")
            backed.setdefault(local_day(at, flow.timezone).isoformat(), set()).update(posts)
        from workflow.store.org import OrgReader

        reader, memory = OrgReader(connection), self.memory.at(items.org_head(connection))
        found: list[tuple[str, str]] = []
        for day, some in sorted(backed.items()):
            key = ("awaited", person, day, *sorted(some))
            if key not in memory:  # the walk down is as long as the unit is wide
                memory[key] = reader.awaited_by(person, day, some)
            found += memory[key]
        return list(dict.fromkeys(found))

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
                from workflow.desk import answered

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

    def open_ballot(self, item: str, by: Actor, seen: str, roll: Sequence[str], **more: Any) -> Receipt:
        """Freeze the roll of a vote and open its box. See ``voting.open_ballot``."""
        from workflow import voting  # few flows hold a vote

        with self.desk() as desk:
            return voting.open_ballot(desk, item, by, seen, roll, **more)

    def cast(self, item: str, code: str, answers: Mapping[str, str]) -> None:
        """Put one paper into the box of a vote: when this returns it is there, and stays. See ``voting.cast``."""
        from workflow import voting

        with self.desk() as desk:
            voting.cast(desk, item, code, answers)

    def count_ballot(self, item: str, by: Actor, keys: Sequence[str] = (), **more: Any) -> Receipt:
        """Close a vote, open its box with all scrutineers' keys and hand in the sheet. See ``voting.count``."""
        from workflow import voting

        with self.desk() as desk:
            return voting.count(desk, item, by, keys, **more)

    def prepare(self, act: Any) -> Prepared:
        """The bytes a person signs for an act on a slot, with a fresh nonce. Hand them back through ``act.proof``.

        Raises:
            Refused: the slot is not open, the person does not hold the post, or the content changed.
        """
        from workflow.recording import Prepared, prepared_nonce, statement
        from workflow.rules.signing import open_slot

        with self.reading() as connection:
            desk = self._desk(connection)
            head = items.read(connection, act.item)
            asked = desk.ask(act, Case.of_snapshot(head.snapshot), head.org, head.seq + 1, self.now(connection))
            slot, held = open_slot(asked, act)
            nonce = prepared_nonce(act.item)
            at = asked.context.at
            made = statement(asked, slot, held, self.origin, nonce, at)
        return Prepared(act, canonical.encode(made), nonce, at)

    def run_until(self, at: int | datetime, *, each: Callable[[Swept], None] | None = None, watch: bool = True) -> Ran:
        """Run ahead to a moment (µs UTC, or an aware datetime), sweeping at every moment on the way: a simulation is this
        engine, under a clock that is set. See ``run.run_until``.

        Raises:
            TypeError: the engine's clock cannot be set. ValueError: the moment lies before the clock's.
        """
        from workflow.run import run_until  # it drives the engine from above, as a host does; nothing below calls this

        return run_until(self, at, each=each, watch=watch)

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
