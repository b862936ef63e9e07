"""Moving a database to another one, SQLite to PostgreSQL or back: every row with the number it has.

Positions in the log name entries by their ids, so the ids go along, and the counters of the new database go on behind
them. Bytes are copied, never made again: what verified before verifies the same afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from workflow.errors import NotEmpty, Said
from workflow.store import database, schema
from workflow.store import tables as t

PORTION = 1_000  # rows a statement
Progress = Callable[[str, int], None]


def copy(
    source: Engine,
    target: Engine,
    progress: Progress | None = None,
    before_commit: Callable[[Connection], None] | None = None,
) -> dict[str, int]:
    """Copy everything from one consistent moment into an empty database, in one transaction.

    Args:
        progress: told of each table and how many rows it had.
        before_commit: looks at what was written; whatever it raises leaves the target empty.

    Returns:
        How many rows each table had.

    Raises:
        NotEmpty: the target holds rows already; nothing was written.
        DatabaseOld, DatabaseNewer: one of them is not at the schema this library knows.
    """
    schema.check(source)
    schema.upgrade(target)
    copied = {}
    with database.reading(source) as read, database.writing(target) as written:
        for table in t.metadata.sorted_tables:
            if written.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
                raise NotEmpty(
                    expected=Said("an empty database", "空数据库"),
                    actual=Said(f"rows in {table.name}", f"表 {table.name} 已有数据"),
                )
        for table in t.metadata.sorted_tables:
            copied[table.name] = _copy(table, read, written)
            if progress is not None:
                progress(table.name, copied[table.name])
        _go_on(written)
        if before_commit is not None:
            before_commit(written)
    return copied


def _copy(table: sa.Table, read: Connection, written: Connection) -> int:
    found = 0
    rows = read.execute(sa.select(table).order_by(*table.primary_key).execution_options(yield_per=PORTION))
    for portion in rows.partitions():
        values: list[dict[str, Any]] = [dict(row._mapping) for row in portion]
        written.execute(table.insert(), values)
        found += len(values)
    return found


def _go_on(connection: Connection) -> None:
    """Let PostgreSQL's counters go on behind the numbers that came along; SQLite looks for itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in t.metadata.sorted_tables:
        for column in table.primary_key:
            if column.autoincrement is True:
                last = connection.execute(sa.select(sa.func.max(column))).scalar()
                if last is not None:
                    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
                    connection.execute(sa.select(sa.func.setval(sequence, last)))
