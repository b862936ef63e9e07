"""Rows of the organisation as they are known now, or as they were known at a moment; and writing them.

A row is never lost: what a later entry of the chain ``org`` replaces moves to the table's past with the moment until
which it was held to be so. Asking what is known now reads the tables alone and costs nothing for it; asking what was
known at a moment reads both. Moments grow from entry to entry, so no two states share one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.errors import Unknown, among
from workflow.store.database import OF_THIS_SCHEMA
from workflow.store.statement import upsert
from workflow.store.tables import ORGANISATION, PAST, entry, parent, succession

CHUNK = 10_000  # rows a statement
DIALECTS = ("sqlite", "postgresql")

KNOWN = sa.bindparam("known", type_=sa.BigInteger)
_AT = sa.bindparam("at", type_=sa.BigInteger)
_OURS = ("part", "recorded_at")  # what nobody hands in
COLUMNS = {name: tuple(str(c.name) for c in t.columns if c.name not in _OURS) for name, t in ORGANISATION.items()}
KEYS = {name: tuple(str(c.name) for c in t.primary_key) for name, t in ORGANISATION.items()}

# Who writes the organisation does so alone, from reading it to the end of the transaction; nobody who signs waits for it.
_ALONE = sa.text(f"SELECT pg_advisory_xact_lock(5497558138892 + {OF_THIS_SCHEMA})")
_MOMENTS = sa.select(entry.c.at).where(entry.c.chain == "org").limit(1)
_FIRST, _LAST = _MOMENTS.order_by(entry.c.seq), _MOMENTS.order_by(entry.c.seq.desc())


def known(name: str) -> sa.Subquery:
    """A table as it was known at the moment ``known``."""
    table, past = ORGANISATION[name], PAST[name]
    now = sa.select(*table.c).where(table.c.recorded_at <= KNOWN)
    then = sa.select(*(past.c[c.name] for c in table.c)).where(
        past.c.recorded_at <= KNOWN, past.c.superseded_at > KNOWN
    )
    return sa.union_all(now, then).subquery(f"known_{table.name}")


def alone(connection: Connection) -> None:
    """Be the only writer of the organisation until the transaction ends. On SQLite every writer is alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE)


def last_moment(connection: Connection) -> int:
    """When the organisation was changed last; 0 before the first import."""
    return connection.execute(_LAST).scalar() or 0


def as_of(connection: Connection, at: int) -> int:
    """The moment as of which the organisation is read for an answer about an instant: that instant; before anything was
    known of it, as it was known first."""
    if at >= last_moment(connection):
        return at
    return max(at, connection.execute(_FIRST).scalar() or 0)


def _sqlite_rows(name: str) -> Any:
    """The handed-in rows and, by column, their cells."""
    each = sa.func.json_each(sa.bindparam("rows", type_=sa.Text)).table_valued("value")
    return each, {c: sa.func.json_extract(each.c.value, sa.literal_column(f"'$.{c}'")) for c in COLUMNS[name]}


def _postgresql_rows(name: str) -> Any:
    table = ORGANISATION[name]
    rows = sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON)
    columns = [sa.column(c, table.c[c].type) for c in COLUMNS[name]]
    each = sa.func.json_to_recordset(rows).table_valued(*columns).render_derived(name="new", with_types=True)
    return each, {c: each.c[c] for c in COLUMNS[name]}


_ROWS = {"sqlite": _sqlite_rows, "postgresql": _postgresql_rows}


# One JSON text a chunk: a third of the time of sending row by row, and the same on both databases. Built when first asked
# for: a process that only signs writes no organisation.
@cache
def _keep_statement(dialect: str, name: str) -> sa.Insert:
    """Copies to the past what the handed-in rows are about to replace."""
    table, past = ORGANISATION[name], PAST[name]
    each, cells = _ROWS[dialect](name)
    same = sa.and_(*(table.c[k] == cells[k] for k in KEYS[name]))
    differs = sa.or_(*(table.c[c].is_distinct_from(cells[c]) for c in COLUMNS[name] if c not in KEYS[name]))
    replaced = sa.select(*table.c, _AT).select_from(each.join(table, same)).where(differs, table.c.recorded_at < _AT)
    return sa.insert(past).from_select([*(c.name for c in table.c), "superseded_at"], replaced)


@cache
def _write_statement(dialect: str, name: str) -> Any:
    table = ORGANISATION[name]
    _, cells = _ROWS[dialect](name)
    # without a WHERE, SQLite takes ON CONFLICT for the condition of a join
    rows = sa.select(*(cells[c] for c in COLUMNS[name]), _AT).where(sa.true())
    insert = upsert(dialect, table)
    new = insert.from_select([*COLUMNS[name], "recorded_at"], rows)
    others = [c for c in COLUMNS[name] if c not in KEYS[name]]
    differs = sa.or_(*(table.c[c].is_distinct_from(new.excluded[c]) for c in others))
    values = {c: new.excluded[c] for c in (*others, "recorded_at")}
    return new.on_conflict_do_update(index_elements=list(KEYS[name]), set_=values, where=differs)


_ANY = {name: sa.select(sa.literal(1)).select_from(t).limit(1) for name, t in ORGANISATION.items()}


def write_rows(connection: Connection, rows: Mapping[str, Sequence[Mapping[str, Any]]], at: int) -> dict[str, int]:
    """Write rows by their keys; those they replace are kept as past. Rows that change nothing keep their moment.

    Args:
        rows: by table of ``ORGANISATION``, with every column of ``COLUMNS``.
        at: the moment of the entry that records them, microseconds UTC.

    Returns:
        How many rows of each table were handed in.

    Raises:
        Unknown: the database is neither SQLite nor PostgreSQL.
    """
    dialect = connection.dialect.name
    if dialect not in DIALECTS:
        raise Unknown(kind="database", name=dialect, hint=among(DIALECTS))
    written = {}
    for name, some in rows.items():
        had_any = bool(some) and connection.execute(_ANY[name]).first() is not None
        for start in range(0, len(some), CHUNK):
            values = {"rows": orjson.dumps(some[start : start + CHUNK]).decode(), "at": at}
            if had_any:
                connection.execute(_keep_statement(dialect, name), values)
            connection.execute(_write_statement(dialect, name), values)
        written[name] = len(some)
    return written


def find(connection: Connection, name: str, **equal: str) -> list[dict[str, Any]]:
    """Rows of a table with these values, by key, as they are known now."""
    table = ORGANISATION[name]
    asked = sa.select(*(table.c[c] for c in COLUMNS[name])).where(*(table.c[c] == v for c, v in equal.items()))
    rows = connection.execute(asked.order_by(*(table.c[k] for k in KEYS[name])))
    return [dict(zip(COLUMNS[name], row, strict=True)) for row in rows]


_SUCCEEDED = sa.select(succession.c.successor).where(
    succession.c.unit == sa.bindparam("unit"), succession.c.from_on <= sa.bindparam("day")
)
_SUCCEEDED = _SUCCEEDED.order_by(succession.c.from_on.desc(), succession.c.successor.desc())


def became(connection: Connection, unit: str, day: str) -> str:
    """The unit that stands in a unit's place on a day: its successor, or that one's; itself where there is none."""
    met = {unit}
    while True:
        after = connection.execute(_SUCCEEDED, {"unit": unit, "day": day}).scalar()
        if after is None or after in met:
            return unit
        met.add(after)
        unit = after


_GONE = sa.select(succession.c.unit, succession.c.successor).where(succession.c.from_on <= sa.bindparam("day"))
_ABOVE = (
    sa.select(parent.c.unit, parent.c.parent)
    .join(succession, succession.c.unit == parent.c.unit)
    .where(
        parent.c.kind != "guiding",
        succession.c.from_on <= sa.bindparam("day"),
        sa.or_(parent.c.until_on.is_(None), parent.c.until_on >= succession.c.from_on),
    )
)


def left_to(connection: Connection, units: Collection[str], day: str) -> frozenset[str]:
    """The units that are no more by a day and whose record is some units' to read: their work went to one of them, or they
    stood below one of them at the end."""
    goes: dict[str, set[str]] = {}
    for unit, to in connection.execute(_GONE, {"day": day}):
        goes.setdefault(unit, set()).add(to)
    for unit, above in connection.execute(_ABOVE, {"day": day}) if goes else ():
        goes[unit].add(above)
    found: set[str] = set()
    while more := {u for u, to in goes.items() if not (u in found or (to.isdisjoint(units) and to.isdisjoint(found)))}:
        found |= more
    return frozenset(found)


_MERGES = sa.select(entry.c.at, entry.c.body).where(entry.c.chain == "org", entry.c.act == "merge-persons")


def merged(connection: Connection, at: int | None = None) -> dict[str, list[str]]:
    """Persons who were registered more than once: each id with the others of the same person, in order.

    Read from the entries that merged them, so that nothing but those says who is one person.

    Args:
        at: what was known of this at an instant (µs UTC); now when not given.
    """
    same: dict[str, set[str]] = {}
    for moment, body in connection.execute(_MERGES):
        if at is not None and moment > at:
            continue
        act = orjson.loads(body)["act"]
        one, other = act["person"], act["into"]
        together = same.get(one, {one}) | same.get(other, {other})
        for person in together:
            same[person] = together
    return {person: sorted(ids - {person}) for person, ids in same.items()}
