"""Opening a database and one transaction on it: ours, or a part of the host's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from workflow.errors import DatabaseBusy, DatabaseUrl, Said, Unreadable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

READING = "signoff-reading"  # in a connection's info: its next transaction only reads
BUSY_MS = 10_000
IDLE = (
    20  # connections to a server kept open: the usual 5 are closed and opened anew all the time once eight ask at once
)
SCHEMA = "wf_schema"  # in an engine's options
_SCHEMA_NAME = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,62}")
_ENTER = sa.text("SELECT current_setting('search_path') AS before, set_config('search_path', :path, true)")
_LEAVE = sa.text("SELECT set_config('search_path', :path, true)")
# Part of a lock's number, so that no tenant waits for another; nothing in a database's usual schema.
OF_THIS_SCHEMA = "CASE current_schema() WHEN 'public' THEN 0 ELSE hashtext(current_schema())::bigint * 16 END"
DriverError = SQLAlchemyError  # for those above who may not know the library


def connect(url: str, *, durable: bool = True, busy_ms: int = BUSY_MS, read_only: bool = False) -> Engine:
    """An engine of our own for a database URL.

    SQLite gets WAL, foreign keys, a busy timeout and ``BEGIN IMMEDIATE``: the default driver mode lost 41 of 100
    concurrent read-modify-writes. ``durable=False`` trades the fsync of each commit for speed (simulations only).

    ``?schema=NAME`` in a PostgreSQL URL puts everything into that schema and looks nowhere else, so that one database
    holds any number of tenants. On SQLite a tenant is a file.

    Args:
        busy_ms: how long to wait for another writer, in milliseconds, before ``DatabaseBusy``.
        read_only: nothing can be written, and a SQLite file is neither made nor switched to WAL.

    Raises:
        DatabaseUrl: the URL cannot be read, or the driver it asks for is not installed.
    """
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    options: dict[str, Any] = {"busy_ms": busy_ms}
    shown = _shown(url)
    url, options[SCHEMA] = _parted(url)
    if read_only and not url.startswith("sqlite"):
        options["postgresql_readonly"] = True
    try:
        if not read_only:
            _own_file(sa.make_url(url))
        engine = sa.create_engine(url, execution_options=options, **_pool(url))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise DatabaseUrl(given=shown, problem=_problem(error)) from error
    name = engine.dialect.name
    if name not in ("sqlite", "postgresql") or engine.dialect.is_async:
        what = f"{name}+{engine.dialect.driver}"
        problem = Said(f"{what} cannot be used here; leave the driver away", f"此处不能使用 {what},请勿指定驱动")
        raise DatabaseUrl(given=shown, problem=problem)
    if engine.dialect.name == "sqlite":
        _tame_sqlite(engine, durable, busy_ms, read_only)
    elif engine.dialect.name == "postgresql":
        _tame_postgresql(engine, busy_ms, options[SCHEMA])
    return engine


def _pool(url: str) -> dict[str, Any]:
    """How connections are kept: a server's by the number, of a database in memory one for each thread."""
    if not url.startswith("sqlite"):
        return {"pool_pre_ping": True, "pool_size": IDLE}
    return {"poolclass": sa.pool.SingletonThreadPool} if "mode=memory" in url else {}


def schema_of(engine: Engine) -> str:
    """The schema in which everything of an engine of ours lies; empty where the URL names none."""
    return str(engine.get_execution_options().get(SCHEMA, ""))


def _parted(url: str) -> tuple[str, str]:
    """A URL without the schema that it names, and the schema.

    Raises:
        DatabaseUrl: it is no name that needs no quoting.
    """
    if not url.startswith("postgresql") or "schema=" not in url:
        return url, ""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrl(given=_shown(url), problem=_problem(error)) from error
    named = parsed.query.get("schema", "")
    if not isinstance(named, str) or not _SCHEMA_NAME.fullmatch(named):
        problem = Said(
            "a schema's name has up to 63 of a-z, 0-9 and _, begins with a letter, and is not one of the server's own",
            "模式名称限 63 个字符以内的 a-z、0-9 和 _,以字母开头,且不得为服务器自有名称",
        )
        raise DatabaseUrl(given=_shown(url), problem=problem)
    return parsed.difference_update_query(["schema"]).render_as_string(hide_password=False), named


def _problem(error: Exception) -> Said:
    """Why no engine could be made of a URL, for a person."""
    if isinstance(error, ImportError):
        return Said(
            f"its driver {error.name} is not installed. Run pip install 'signoff-workflow[postgresql]' for PostgreSQL",
            f"未安装驱动 {error.name};PostgreSQL 请运行 pip install 'signoff-workflow[postgresql]'",
        )
    if isinstance(error, NoSuchModuleError):
        return Said("that kind of database is not known", "不认识这种数据库")
    return Said("it cannot be read as a URL. Look at its port and its quoting", "无法解析,请核对端口与转义")


def _shown(url: str) -> str:
    """A URL without its password, even one that cannot be parsed."""
    before, at, after = url.rpartition("@")
    scheme, colon, rest = before.partition("://")
    return f"{scheme}{colon}{rest.partition(':')[0]}{at}{after}" if at else url


def file_url(path: Path, *, read_only: bool = False) -> str:
    """The URL of a SQLite file, whatever characters its name has.

    A file in WAL mode needs two others beside it even to be read. Where those cannot be made (a disc, a folder nobody may
    write to) it is read as one that nobody changes; but not while one of them holds commits that the file lacks.

    Raises:
        Unreadable: commits in the file's WAL cannot be read where it lies.
    """
    query = {"mode": "ro" if read_only else "rwc", "uri": "true"}
    if read_only and not _opens(path):
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            raise Unreadable(path=str(path), actual=f"{wal.name} with {wal.stat().st_size} bytes")
        query["immutable"] = "1"
    url = sa.URL.create("sqlite", database=f"file:{quote(os.fsencode(path.absolute()))}", query=query)
    return url.render_as_string(hide_password=False)


def _opens(path: Path) -> bool:
    """Whether SQLite can read a file where it lies; False only where it cannot make the files that WAL needs."""
    import sqlite3

    try:
        with closing(sqlite3.connect(f"file:{quote(os.fsencode(path.absolute()))}?mode=ro", uri=True)) as probe:
            probe.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return getattr(error, "sqlite_errorname", "") not in ("SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY")
    except sqlite3.DatabaseError:
        return True  # told by whoever reads it
    return True


def _own_file(url: sa.URL) -> None:
    """A SQLite file that is not there yet is made for its owner alone; its journals take its rights. One that is there
    keeps the rights somebody gave it."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    name = url.database
    path = Path(unquote(name.removeprefix("file:")) if name.startswith("file:") else name)
    if "mode" in url.query and url.query["mode"] != "rwc":
        return
    with suppress(OSError):  # whatever stands in the way, SQLite says it better
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _tame_sqlite(engine: Engine, durable: bool, busy_ms: int, read_only: bool) -> None:
    pragmas = [f"busy_timeout = {busy_ms}", "foreign_keys = ON"]
    if read_only:
        pragmas.append("query_only = ON")
    else:
        pragmas += ["journal_mode = WAL", f"synchronous = {'FULL' if durable else 'OFF'}"]

    @event.listens_for(engine, "connect")
    def _on_connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        for pragma in pragmas:
            dbapi.execute(f"PRAGMA {pragma}")

    def do_begin(connection: Any) -> None:
        reading = connection.info.pop(READING, read_only)
        connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")

    # Not the event "begin": with a listener every statement would take SQLAlchemy's slower path through all its events.
    setattr(engine.dialect, "do_begin", do_begin)  # noqa: B010


def _tame_postgresql(engine: Engine, busy_ms: int, schema: str) -> None:
    """A row lock held by a transaction that hangs must not hold us for ever; and a tenant is looked for in its schema."""

    @event.listens_for(engine, "connect")
    def _on_connect(dbapi: Any, _record: Any) -> None:
        with dbapi.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(busy_ms)}")
            if schema:
                cursor.execute(f'SET search_path TO "{schema}"')
        dbapi.commit()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction of our own: committed at the end, rolled back on any error.

    Raises:
        DatabaseBusy: another writer did not let go in time. Nothing was written.
    """
    with _told(engine.get_execution_options()), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot for reading; nothing is written."""
    with _told(engine.get_execution_options()), engine.connect() as plain:
        connection = plain
        if engine.dialect.name == "postgresql":
            connection = plain.execution_options(isolation_level="REPEATABLE READ")
        elif engine.dialect.name == "sqlite":
            plain.connection.info[READING] = True
        with connection.begin():
            yield connection


@contextmanager
def single(engine: Engine, *, write: bool = False) -> Iterator[Connection]:
    """For one statement, which is a transaction by itself: on PostgreSQL one round trip instead of three.

    Raises:
        DatabaseBusy: another writer did not let go in time. Nothing was written.
    """
    if engine.dialect.name != "postgresql":
        with (writing if write else reading)(engine) as connection:
            yield connection
        return
    with _told(engine.get_execution_options()), engine.connect() as plain:
        yield plain.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def _told(options: Any) -> Iterator[None]:
    """The database's word for "somebody else holds this" as ours."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).lower()
        if not any(word in text for word in ("locked", "lock timeout", "deadlock")):
            raise
        waited = options.get("busy_ms")
        expected = f"{waited / 1000:g} s" if waited is not None else "as long as the host's connection waits"
        raise DatabaseBusy(expected=expected, actual=str(error.orig).splitlines()[0]) from error


def only_read(error: Exception) -> bool:
    """Whether a database refused to be written because it, its file, or who asks may only read it."""
    cause = getattr(error, "orig", None)
    named, state = getattr(cause, "sqlite_errorname", ""), getattr(cause, "sqlstate", "")
    return named.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or state in ("25006", "42501")


@contextmanager
def joined(host: Session | Connection, schema: str = "") -> Iterator[Connection]:
    """A part of the host's transaction, in a savepoint: our failure leaves theirs usable, and theirs undoes ours.

    Never commits and never rolls back the host's transaction. With the default pysqlite mode a savepoint after a bare
    SELECT is no transaction and our row would survive the host's rollback, so ``BEGIN`` is emitted first there.

    Args:
        schema: where our tables are; the host's own search path is as it was afterwards, also when we fail.
    """
    if not isinstance(host, Connection):
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
    with _told({}), connection.begin_nested():
        before = connection.execute(_ENTER, {"path": f'"{schema}"'}).scalar_one() if schema else ""
        yield connection
        if schema:
            connection.execute(_LEAVE, {"path": before})


def after_commit(host: Session | Connection, then: Callable[[], None]) -> None:
    """Call something when the host's transaction has been committed, and forget it when it is rolled back.

    SQLAlchemy's own event comes before the commit, which may still fail; so the connection's commit itself is watched,
    for this one transaction. The host's engine and session are not touched. A savepoint of the host's that is rolled
    back is not seen here: ``then`` reads back what is there.
    """
    connection = host if isinstance(host, Connection) else host.connection()
    waiting: list[Callable[[], None]] = connection.__dict__.get(_AFTER, [])
    if waiting:
        waiting.append(then)
        return
    waiting.append(then)
    ends = {name: getattr(connection, name) for name in _ENDS}

    def ending(name: str) -> Callable[..., None]:
        def end(*args: Any) -> None:
            for watched in (*_ENDS, _AFTER):
                connection.__dict__.pop(watched, None)
            ends[name](*args)
            if "commit" in name:
                for each in waiting:
                    each()

        return end

    connection.__dict__.update({_AFTER: waiting, **{name: ending(name) for name in _ENDS}})


_AFTER = "_wf_after_commit"
_ENDS = ("_commit_impl", "_rollback_impl", "_commit_twophase_impl", "_rollback_twophase_impl")  # a test holds these
