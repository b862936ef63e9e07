"""Which schema a database has, and bringing it to the one this library needs.

The migrations are a private alembic environment: its own folder, its own version table, only tables named ``wf_``. A
host's tables and its own ``alembic_version`` are never looked at. ``check`` reads one row and does not import alembic,
which takes longer to load than everything else here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateSchema

from workflow.errors import DatabaseNewer, DatabaseOld, Unknown, among
from workflow.store.database import OF_THIS_SCHEMA, reading, schema_of, writing
from workflow.store.tables import metadata

VERSION_TABLE = "wf_alembic_version"
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)  # oldest first; a test holds this against the files
NEEDED = REVISIONS[-1]
NONE = "none"
DIALECTS = ("postgresql", "sqlite")

_VERSION = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(VERSION_TABLE))
_LOCK = sa.text(
    f"SELECT pg_advisory_xact_lock(5497558138891 + {OF_THIS_SCHEMA})"
)  # a number of ours, for upgrades only
_ONE_AT_A_TIME = threading.Lock()  # alembic keeps its context in globals


@dataclass(frozen=True)
class SchemaState:
    """The revision a database is at and the one this library needs."""

    revision: str
    needed: str = NEEDED


def check(db: Engine | Connection) -> SchemaState:
    """The state of a database that this library can use.

    Raises:
        DatabaseOld: there is no schema yet, or an older one.
        DatabaseNewer: the schema was made by a newer version of this library.
    """
    with _connection(db) as connection:
        state = _state(connection)
    if state.revision != NEEDED:
        raise DatabaseOld(actual=state.revision, expected=NEEDED)
    return state


def upgrade(db: Engine | Connection) -> SchemaState:
    """Bring a database to the schema this library needs, in one transaction; a no-op when it is there.

    An engine's transaction is ours and committed. A connection's is the caller's, who commits. Several nodes may call
    this at once: one migrates and the others wait.

    Raises:
        DatabaseNewer: the schema was made by a newer version of this library; nothing was changed.
    """
    if isinstance(db, Engine):
        with db.connect() as connection:
            state = _state(connection)
        if state.revision == NEEDED:
            return state
        with writing(db) as connection:
            if name := schema_of(db):
                connection.execute(CreateSchema(name, if_not_exists=True))
            return _migrate(connection)
    return _migrate(db)


create = upgrade


def sql(dialect_name: str) -> str:
    """The whole schema as plain SQL, version row included, for administrators who run it themselves.

    Raises:
        Unknown: the dialect is not one of ``DIALECTS``.
    """
    if dialect_name not in DIALECTS:
        raise Unknown(kind="dialect", name=dialect_name, hint=among(DIALECTS))
    out = StringIO()
    _run(out, dialect=dialect_name)
    return out.getvalue()


def include_object(object_: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """For ``include_object=`` of a host's own alembic environment: leaves our tables alone, so that its autogenerate
    does not propose to drop them."""
    table = name if type_ == "table" else getattr(getattr(object_, "table", None), "name", None)
    return table not in metadata.tables and table != VERSION_TABLE


@contextmanager
def _connection(db: Engine | Connection) -> Iterator[Connection]:
    if isinstance(db, Connection):
        yield db
    else:
        with reading(db) as connection:  # on SQLite without waiting for a writer
            yield connection


def _state(connection: Connection) -> SchemaState:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return SchemaState(NONE)
    found = [str(v) for v in connection.execute(_VERSION).scalars()]
    unknown = [v for v in found if v not in REVISIONS]
    if unknown:
        raise DatabaseNewer(actual=unknown[0], expected=NEEDED)
    return SchemaState(max(found, key=REVISIONS.index, default=NONE))


def _migrate(connection: Connection) -> SchemaState:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    state = _state(connection)  # again: another node may have been faster
    if state.revision != NEEDED:
        if not connection.in_transaction():
            connection.begin()
        _run(StringIO(), connection=connection)
    return SchemaState(NEEDED)


def _run(out: StringIO, **attributes: Any) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(output_buffer=out, stdout=StringIO(), attributes=attributes)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head", sql="dialect" in attributes)
