"""Opening a database and one transaction on it: ours, or a part of the host's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from workflow.errors import DatabaseBusy

BUSY_MS = 10_000


def connect(url: str, *, durable: bool = True) -> Engine:
    """An engine of our own for a database URL.

    SQLite gets WAL, foreign keys, a busy timeout and ``BEGIN IMMEDIATE``: the default driver mode lost 41 of 100
    concurrent read-modify-writes. ``durable=False`` trades the fsync of each commit for speed (simulations only).
    """
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _tame_sqlite(engine, durable)
    return engine


def _tame_sqlite(engine: Engine, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            f"synchronous = {'FULL' if durable else 'OFF'}",
            "foreign_keys = ON",
        ):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction of our own: committed at the end, rolled back on any error."""
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise _busy(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot for reading; nothing is written."""
    with engine.connect() as plain:
        connection = plain.execution_options(reading=True)
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def _busy(error: OperationalError) -> Exception:
    text = str(error.orig).lower()
    if "locked" in text or "lock timeout" in text or "deadlock" in text:
        return DatabaseBusy(expected=f"{BUSY_MS // 1000} s", actual=str(error.orig))
    return error


@contextmanager
def joined(host: Session | Connection) -> Iterator[Connection]:
    """A part of the host's transaction, in a savepoint: our failure leaves theirs usable, and theirs undoes ours.

    Never commits and never rolls back the host's transaction. With the default pysqlite mode a savepoint after a bare
    SELECT is no transaction and our row would survive the host's rollback, so ``BEGIN`` is emitted first there.
    """
    if isinstance(host, Session):
        host.flush()
        connection = host.connection()
    else:
        connection = host
    if connection.dialect.name == "sqlite":
        raw = connection.connection.dbapi_connection
        if raw is not None and not getattr(raw, "in_transaction", True):
            if not connection.in_transaction():
                connection.begin()
            if not getattr(raw, "in_transaction", True):
                connection.exec_driver_sql("BEGIN")
    with connection.begin_nested():
        yield connection
