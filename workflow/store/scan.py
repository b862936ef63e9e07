"""Reading everything for verification, in order, without holding it all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.errors import ColumnType, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.store import library as lib
from workflow.store import tables as t

# In the order in which ``verifier`` takes a row apart.
_all = sa.select(
    t.entry.c.chain,
    t.entry.c.seq,
    t.entry.c.at,
    t.entry.c.act,
    t.entry.c.body,
    t.entry.c.seal,
    t.entry.c.hash,
    t.entry.c.request_id,
    t.entry.c.request_digest,
).order_by(t.entry.c.chain, t.entry.c.seq)

_slots = sa.select(
    *(t.slot.c.item, t.slot.c.key, t.slot.c.unit, t.slot.c.post, t.slot.c.kind, t.slot.c.stage, t.slot.c.opened_at)
)
_stays = sa.select(
    *(t.stay.c.item, t.stay.c.n, t.stay.c.stage, t.stay.c.round, t.stay.c.entered_at, t.stay.c.left_at, t.stay.c.exit)
)
_dues = sa.select(
    *(t.due.c.item, t.due.c.rule, t.due.c.ladder, t.due.c.missed_at, t.due.c.step, t.due.c.state, t.due.c.met_at),
    *(t.due.c.provisional, t.due.c.next_at.is_(None)),
)
_counts = sa.select(
    *(t.count.c.item, t.count.c.counter, t.count.c.person, t.count.c.n, t.count.c.seq, t.count.c.held_on),
    *(t.count.c.held_by, t.count.c.campaign, t.count.c.opened, t.count.c.reversed_seq),
)
_claims = sa.select(
    t.claim.c.item,
    *(t.claim.c.claimed, t.claim.c.claimed_at, t.claim.c.verified, t.claim.c.verified_at, t.claim.c.finding),
)
_burdens = sa.select(
    *(t.burden.c.item, t.burden.c.flow),
    *(t.burden.c.kind, t.burden.c.unit, t.burden.c.n, t.burden.c.from_on, t.burden.c.until_on),
    *(t.burden.c.state, t.burden.c.persons),
)
_seats = sa.select(t.seat.c.item, t.seat.c.seat, t.seat.c.n)
_words = sa.select(
    *(t.words.c.item, t.words.c.field, t.words.c.no, t.words.c.flow, t.words.c.campaign, t.words.c.digest)
)
PLACES = ("delegated", "handed-over", "copied")
"""Topics of messages that say what somebody may see: a place, or a paper, was passed to them."""
_messages = sa.select(
    *(t.outbox.c.payload, t.outbox.c.dedupe, t.outbox.c.topic, t.outbox.c.recipient, t.outbox.c.created_at)
).where(sa.text("topic IN ('delegated', 'handed-over', 'copied')"))
_listed = sa.select(t.line.c.item).distinct()
_lines = (
    sa.select(t.line.c.list, t.line.c.no, t.line.c.cells, t.line.c.closed_seq, t.line.c.closed_at)
    .where(t.line.c.item == sa.bindparam("item"))
    .order_by(t.line.c.list, t.line.c.no)
)

_revoked = (
    sa.select(t.log_leaf.c.epoch, t.log_leaf.c.idx)
    .join(t.entry, t.entry.c.id == t.log_leaf.c.entry)
    .where(t.entry.c.chain == sa.bindparam("chain"), t.entry.c.seq == sa.bindparam("seq"))
)
_behind = (
    sa.select(t.entry.c.chain, t.entry.c.seq)
    .join(t.log_leaf, t.log_leaf.c.entry == t.entry.c.id)
    .where(
        t.log_leaf.c.epoch == sa.bindparam("epoch"),
        t.log_leaf.c.idx > sa.bindparam("idx"),
        sa.func.substr(t.entry.c.seal, 1, 8) == sa.bindparam("key", type_=sa.LargeBinary),
    )
    .order_by(t.log_leaf.c.idx)
)
bodies = lib.bodies
definition = lib.definition
calendar = lib.calendar


def origin(connection: Connection) -> str:
    """The name of this log."""
    return lib.meta(connection, "origin") or ""


def public_key(connection: Connection, key_id: bytes) -> bytes | None:
    """The raw public key of an engine key registered here."""
    held = lib.meta(connection, f"key/{key_id.hex()}")
    return bytes.fromhex(held) if held else None


def first_key(connection: Connection) -> str:
    """The id of the key that sealed the first entry there is, in hex; empty without one."""
    seal = connection.execute(sa.select(t.entry.c.seal).order_by(t.entry.c.id).limit(1)).scalar()
    return bytes(seal)[:8].hex() if seal is not None else ""


def sealed_behind(connection: Connection, key_id: bytes, chain: str, seq: int) -> list[tuple[str, int]]:
    """Entries sealed by a key that stand behind an entry in the first epoch of the log that holds it."""
    first = connection.execute(_revoked.order_by(t.log_leaf.c.epoch).limit(1), {"chain": chain, "seq": seq}).first()
    if first is None:
        return []
    rows = connection.execute(_behind, {"epoch": first.epoch, "idx": first.idx, "key": key_id})
    return [(row.chain, row.seq) for row in rows]


Range = tuple[str, str]
"""From a chain's id (inclusive) to another (exclusive); an empty end is open."""

EVERYTHING: Range = ("", "")


def _within(column: sa.Column[str], part: Range) -> sa.ColumnElement[bool]:
    low, high = part
    clauses = [column >= low] if low else []
    clauses += [column < high] if high else []
    return sa.and_(sa.true(), *clauses)


def count(connection: Connection) -> int:
    """How many entries there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(t.entry)).scalar() or 0)


def cuts(connection: Connection, parts: int) -> list[Range]:
    """So many ranges of chains with about as many entries each, in the database's own order of ids."""
    sizes = connection.execute(
        sa.select(t.entry.c.chain, sa.func.count()).group_by(t.entry.c.chain).order_by(t.entry.c.chain)
    ).all()
    share = sum(n for _, n in sizes) / max(parts, 1)
    bounds, passed = [""], 0
    for chain, n in sizes:
        if passed >= share * len(bounds) and len(bounds) < parts:
            bounds.append(chain)
        passed += n
    return list(zip(bounds, [*bounds[1:], ""], strict=True))


def items(connection: Connection, part: Range = EVERYTHING) -> dict[str, Any]:
    """Every item of a range by id."""
    return {r.id: r for r in connection.execute(sa.select(t.item).where(_within(t.item.c.id, part)))}


def chain_heads(connection: Connection, part: Range = EVERYTHING) -> dict[str, Any]:
    """The heads of chains that are no items."""
    return {r.chain: r for r in connection.execute(sa.select(t.chain).where(_within(t.chain.c.chain, part)))}


# What acts when somebody writes: its name, its table and its text. A host's own, which names no table of ours, is not told.
_ON_WRITING = {
    "sqlite": sa.text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"),
    "postgresql": sa.text(
        "SELECT g.tgname, c.relname, '' FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid "
        "WHERE NOT g.tgisinternal AND c.relnamespace = CAST(current_schema() AS regnamespace) "
        "UNION ALL SELECT r.rulename, c.relname, '' FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
        "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = CAST(current_schema() AS regnamespace) ORDER BY 1"
    ),
}
UNPLAIN = 20  # faults of the file itself that are told
_KINDS = {bytes: "blob", str: "text", int: "integer", bool: "integer"}


def misfits(connection: Connection) -> list[tuple[str, str, str, str]]:
    """Where a table holds something of another type than its column says: table, key, column, and what is there.

    SQLite keeps in any column whatever is put there; PostgreSQL does not. Whoever reads such a row would stumble over it.
    """
    if connection.dialect.name != "sqlite":
        return []
    found = []
    there = sa.inspect(connection).get_table_names()  # a database of an earlier version lacks some
    for table in (t.metadata.tables[name] for name in there if name in t.metadata.tables):
        keys = len(table.primary_key)
        for row in connection.execute(_misfits_of(table)):
            key = "#".join(str(each).strip("'") for each in row[:keys])
            for column, kind in zip(table.columns, row[keys:], strict=True):
                if kind not in _allowed(column):
                    found.append((table.name, key, column.name, kind))
    return found


@cache
def _misfits_of(table: sa.Table) -> sa.Select[Any]:
    """The rows with a value of another type: their key, and the type of each value."""
    kinds = [sa.func.typeof(column) for column in table.columns]
    wrong = [kind.not_in(_allowed(column)) for column, kind in zip(table.columns, kinds, strict=True)]
    keys = [sa.func.quote(column) for column in table.primary_key]  # bytes that are no text are told in hex
    return sa.select(*keys, *kinds).where(sa.or_(*wrong))


def unplain(connection: Connection) -> list[tuple[str, str]]:
    """Where the database would tell a reader something else than its rows say: a name, and what is wrong with it.

    Pages read through indexes, and some from an index alone; on SQLite whoever can write the file can have an index that
    says something else than its table. A view in the place of a table can answer one reader otherwise than another. A
    trigger or a rule changes what is written: one on the outbox swallows every message to come. None of ours are made.
    """
    found = [
        (name, "a view stands where a table belongs")
        for name in sorted(set(sa.inspect(connection).get_view_names()) & t.metadata.tables.keys())
    ]
    for name, on, sql in connection.execute(_ON_WRITING[connection.dialect.name]):
        if on.lower() in t.metadata.tables or "wf_" in sql.lower():
            found.append((on, f"{name} changes what is written there, or does more than was asked; expected none"))
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql(f"PRAGMA integrity_check({UNPLAIN})").scalars()
        found += [("database", str(one)) for one in said if one != "ok"]
    return found


def refuse_misfits(connection: Connection) -> None:
    """Before a database is read as a whole by somebody who would stumble over them.

    Raises:
        ColumnType: a table holds a value of another type than its column.
    """
    for table, key, column, held in misfits(connection):
        raise ColumnType(table=table, key=key, column=column, actual=held)


def _allowed(column: sa.Column[Any]) -> list[str]:
    return [_KINDS[column.type.python_type], *(["null"] if column.nullable else [])]


def lists(connection: Connection) -> set[tuple[str, str]]:
    """Every item and list that the working tables have lines of."""
    return {(r.item, r.list) for r in connection.execute(sa.select(t.line.c.item, t.line.c.list).distinct())}


def hashes(connection: Connection, chains: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """Chain, number and stored hash of every entry of these chains, in no order."""
    wanted, query = list(chains), sa.select(t.entry.c.chain, t.entry.c.seq, t.entry.c.hash)
    for start in range(0, len(wanted), 500):
        few = wanted[start : start + 500]
        yield from map(tuple, connection.execute(query.where(t.entry.c.chain.in_(few))))


def chain_names(connection: Connection) -> set[str]:
    """Every chain there is."""
    return set(connection.execute(sa.select(t.entry.c.chain).distinct()).scalars())


def sealed(connection: Connection, epoch: int) -> Iterator[tuple[str, int, bytes, int | None]]:
    """Of every entry: chain, number, the id of the key that sealed it, and its index in an epoch of the log."""
    leaf = sa.and_(t.log_leaf.c.entry == t.entry.c.id, t.log_leaf.c.epoch == epoch)
    query = sa.select(t.entry.c.chain, t.entry.c.seq, t.entry.c.seal, t.log_leaf.c.idx)
    for row in connection.execute(
        query.select_from(t.entry.outerjoin(t.log_leaf, leaf)).execution_options(yield_per=2_000)
    ):
        yield row.chain, row.seq, row.seal[:8], row.idx


def organisation(connection: Connection) -> Iterator[tuple[str, Any, int | None]]:
    """Every row of the organisation, as it is known now and as it was: table's name, row, until when it was held."""
    for name, table in t.ORGANISATION.items():
        for row in connection.execute(table.select()):
            yield name, row, None
        for row in connection.execute(t.PAST[name].select()):
            yield name, row, row.superseded_at


def chains(connection: Connection, part: Range = EVERYTHING) -> Iterator[tuple[str, list[Any]]]:
    """Every chain of a range with its entries in order."""
    rows = connection.execute(_all.where(_within(t.entry.c.chain, part)).execution_options(yield_per=2_000))
    current = ""
    held: list[Any] = []
    for some in rows.partitions():  # twice as fast as row by row
        for row in some:
            chain = row[0]  # as ``_all`` has it
            if chain != current and held:
                yield current, held
                held = []
            current = chain
            held.append(row)
    if held:
        yield current, held


def published(connection: Connection) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Every published definition and calendar: digest, bytes, and what other columns say of them by member."""
    for row in connection.execute(t.definition.select()):
        yield row.digest, row.body, {"flow": row.flow, "version": row.version}
    for row in connection.execute(t.calendar.select()):
        yield row.digest, row.body, {"calendar": row.name}


def moments(connection: Connection) -> dict[str, int]:
    """When each definition and calendar was published, by digest."""
    return {
        row.digest: row.published_at
        for table in (t.definition, t.calendar)
        for row in connection.execute(table.select())
    }


def meta(connection: Connection) -> dict[str, str]:
    """What the database says of itself."""
    return {row.key: row.value for row in connection.execute(t.meta.select())}


def units_of_items(connection: Connection) -> dict[str, str]:
    """Which unit each item is about."""
    return {row.id: row.unit for row in connection.execute(sa.select(t.item.c.id, t.item.c.unit))}


def accesses(connection: Connection, chain: str) -> list[Any]:
    """The entries of the access log's chain and of all chains of views."""
    named = sa.or_(t.entry.c.chain == chain, t.entry.c.chain.like("view:%"))
    return list(connection.execute(_all.where(named)))


def _item_of(payload: bytes) -> str:
    """The item that a message is about; empty where it cannot be read, which is no item."""
    try:
        return str(canonical.read(payload)["item"])
    except (WorkflowError, LookupError, TypeError, ValueError):
        return ""


Closings = dict[int, tuple[int, int]]
"""Of closed lines, by number: the entry that closed it and its moment."""


@dataclass(frozen=True)
class Projected:
    """What the working tables say of one item.

    Attributes:
        slots: the open ones: key, unit, post, kind, stage, since when.
        stays: the stages it went through: number, stage, round, from when to when, by which exit.
        dues: rule, ladder, first missed moment, next rung, state, when it was met, whether a calendar to come may move it.
        lists: name -> digest of all lines, how many; and of each closed line by number, which entry closed it and when.
        burden: the days fixed at its unit: flow, kind, unit, number, first and last day, state, persons; None for none.
        claim: what is claimed and since when, what a check found and when, and its finding; None where neither is.
        seats: the places it has that only so many have at once: seat, number.
        counts: what it put on counts of persons: counter, person, number, by which entry, on which day, by whom, campaign,
            what it opened, the entry that took it off.
        words: digests of texts that should be its own: field, line, flow, campaign, digest.
        messages: what was passed to whom: key, topic, recipient, when.
    """

    slots: set[tuple[Any, ...]]
    stays: set[tuple[Any, ...]]
    dues: set[tuple[Any, ...]]
    lists: dict[str, tuple[str, int, Closings]]
    counts: set[tuple[Any, ...]]
    claim: tuple[Any, ...] | None
    burden: tuple[Any, ...] | None
    seats: set[tuple[Any, ...]]
    words: set[tuple[Any, ...]]
    messages: set[tuple[Any, ...]]


_Rows = dict[str, set[tuple[Any, ...]]]
Passed = _Rows
"""By item, the messages that pass on a place."""


def passed_on(connection: Connection) -> Passed:
    """Of all items at once: few, and whose they are only what they carry says."""
    found: _Rows = {}
    for payload, *rest in connection.execute(_messages):
        found.setdefault(_item_of(payload), set()).add(tuple(rest))
    return found


class Working:
    """The working tables of a range of items, read at once: four statements an item took a third of the time.

    The moment of a rung is left out: a try that failed moves it. Lines are long, and read item by item.
    """

    def __init__(self, connection: Connection, part: Range, messages: Passed) -> None:
        self._connection, self._first, self._messages = connection, not part[0], messages
        self._slots = self._some(_slots.where(_within(t.slot.c.item, part)))
        self._stays = self._some(_stays.where(_within(t.stay.c.item, part)))
        self._counts = self._some(_counts.where(_within(t.count.c.item, part)))
        self._seats = self._some(_seats.where(_within(t.seat.c.item, part)))
        self._words = self._some(_words.where(_within(t.words.c.item, part)))
        self._dues: _Rows = {}
        for item, *row, provisional, none_left in connection.execute(_dues.where(_within(t.due.c.item, part))):
            state = row[4]
            if (state == 0) == none_left:  # an open one that nothing would ever fire, or an ended one that would
                row[4] = (state, "next rung" if state else "no next rung")
            self._dues.setdefault(item, set()).add((*row, bool(provisional)))
        self._claims: dict[str, tuple[Any, ...]] = {
            item: tuple(rest) for item, *rest in connection.execute(_claims.where(_within(t.claim.c.item, part)))
        }
        self._burdens: dict[str, tuple[Any, ...]] = {
            item: tuple(rest) for item, *rest in connection.execute(_burdens.where(_within(t.burden.c.item, part)))
        }
        self._listed = set(connection.execute(_listed.where(_within(t.line.c.item, part))).scalars())

    def _some(self, query: sa.Select[Any]) -> _Rows:
        """Rows by their first column."""
        found: _Rows = {}
        for row in self._connection.execute(query):
            item, *rest = row
            found.setdefault(item, set()).add(tuple(rest))
        return found

    def of(self, item: str) -> Projected:
        """What they say of one item; asked once."""
        listed = item in self._listed
        self._listed.discard(item)
        return Projected(
            slots=self._slots.pop(item, set()),
            stays=self._stays.pop(item, set()),
            dues=self._dues.pop(item, set()),
            counts=self._counts.pop(item, set()),
            claim=self._claims.pop(item, None),
            burden=self._burdens.pop(item, None),
            seats=self._seats.pop(item, set()),
            words=self._words.pop(item, set()),
            messages=self._messages.get(item, set()),
            lists=self._lists(item) if listed else {},
        )

    def left(self) -> set[str]:
        """Items that nobody asked about, though the tables have rows of them."""
        held = (
            self._slots,
            self._stays,
            self._dues,
            self._counts,
            self._claims,
            self._burdens,
            self._seats,
            self._words,
        )
        strays: set[str] = set()
        if self._messages and self._first:  # they are those of all ranges: told by the first
            strays = self._messages.keys() - units_of_items(self._connection).keys()
        return self._listed.union(strays, *(one.keys() for one in held))

    def _lists(self, item: str) -> dict[str, tuple[str, int, Closings]]:
        held: dict[str, list[Any]] = {}
        for row in self._connection.execute(_lines, {"item": item}):
            held.setdefault(row.list, []).append(row)
        return {
            name: (
                digest(b"[" + b",".join(line.cells for line in lines) + b"]"),
                len(lines) if [line.no for line in lines] == list(range(1, len(lines) + 1)) else -1,
                {line.no: at for line in lines if (at := (line.closed_seq, line.closed_at)) != (None, None)},
            )
            for name, lines in held.items()
        }
