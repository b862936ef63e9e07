"""A statement compiled once for each database and handed to the driver as text.

Compiling, caching and checking parameters again at each execution costs more than SQLite takes to run a statement: on
the few statements of every act that is a fifth of the act. They still go through the SQLAlchemy connection, so that
its events, its transaction and its errors stay what a host expects; only on a driver that we know, where nobody listens
to events and nothing is echoed, they go straight to the driver's connection, inside the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, CursorResult

PLAIN = frozenset({"sqlite", "postgresql"})
"""Where our column types need no conversion on their way in or out. Elsewhere SQLAlchemy converts, as always."""
DRIVERS = frozenset({"pysqlite", "psycopg"})
"""Those handed a statement without SQLAlchemy in between."""

CURSOR = "wf_cursor"  # in what SQLAlchemy keeps with a driver's connection, for as long as that lives
FEW = 1_000  # rows; a cursor holds what it found last, and one that found more is not kept

_Compiled = tuple[str, tuple[str, ...] | None, dict[str, Any]]


class Statement:
    """One statement with named parameters. An INSERT or UPDATE must name its columns and return nothing."""

    def __init__(self, core: Any, *, binary: bool = False) -> None:
        self.core = core
        self._binary = binary  # psycopg: send parameters as they are in memory; large arrays of bytes in half the time
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Execute with one set of values."""
        if connection.dialect.name not in PLAIN:
            result: CursorResult[Any] = connection.execute(self.core, values)
            return result
        text, order, fixed = self._of(connection)
        if fixed:
            values = {**fixed, **values}
        return connection.exec_driver_sql(text, values if order is None else tuple([values[n] for n in order]))

    def one(self, connection: Connection, values: dict[str, Any]) -> Sequence[Any] | None:
        """The first row, or None."""
        direct = self._direct(connection, values)
        if direct is not None:
            row: Sequence[Any] | None = direct.fetchone()
            return row
        return self.run(connection, values).first()

    def all(self, connection: Connection, values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """Every row."""
        direct = self._direct(connection, values)
        if direct is not None:
            rows: Sequence[Sequence[Any]] = direct.fetchall()
            if len(rows) > FEW:
                connection.connection.info.pop(CURSOR, None)
            return rows
        return self.run(connection, values).all()

    def change(self, connection: Connection, values: dict[str, Any]) -> int:
        """Execute and tell how many rows were changed."""
        direct = self._direct(connection, values)
        changed: int = (direct if direct is not None else self.run(connection, values)).rowcount
        return changed

    def _direct(self, connection: Connection, values: dict[str, Any]) -> Any:
        """The driver's own cursor after execution, or None where SQLAlchemy must see the statement."""
        driver = _driver(connection)
        if driver is None:
            return None
        text, order, fixed = self._of(connection)
        if fixed:
            values = {**fixed, **values}
        given = values if order is None else [values[n] for n in order]
        try:
            return _cursor(connection, driver).execute(text, given)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _ours(connection, driver, text, error) from error

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Execute with each of several sets of values."""
        if connection.dialect.name not in PLAIN:
            connection.execute(self.core, rows)
            return
        self._many(connection, rows)

    def _many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """The same; tells how many rows were changed in all."""
        text, order, fixed = self._of(connection)
        if fixed:
            rows = [{**fixed, **values} for values in rows]
        given: Any = rows
        if order is not None:
            given = list(map(itemgetter(*order), rows)) if len(order) > 1 else [(row[order[0]],) for row in rows]
        driver = _driver(connection)
        if driver is None:
            return connection.exec_driver_sql(text, given).rowcount
        cursor = driver.cursor()
        try:
            cursor.executemany(text, given)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _ours(connection, driver, text, error) from error
        changed: int = cursor.rowcount
        return changed

    def _of(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        known = self._compiled.get(dialect.driver)
        if known is None:
            compiled = self.core.compile(dialect=dialect)
            order = tuple(compiled.positiontup) if compiled.positional else None
            fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
            text = str(compiled)
            if self._binary and dialect.driver == "psycopg":
                text = re.sub(r"%\((\w+)\)s", r"%(\1)b", text)
            known = self._compiled[dialect.driver] = text, order, fixed
        return known


class About:
    """A SELECT about some values of a column, of any number, bound as one parameter: compiled once for each database,
    where a list of each length would be compiled anew."""

    def __init__(self, core: Any, column: Any) -> None:
        self._core, self._column = core, column
        self._compiled: dict[str, Statement] = {}

    def all(self, connection: Connection, some: Iterable[str], values: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """Every row about some of them."""
        dialect = connection.dialect.name
        statement = self._compiled.get(dialect)
        if statement is None:
            asked = self._core.where(among(connection, self._column, "some"))
            statement = self._compiled[dialect] = Statement(asked)
        return statement.all(connection, {**values, "some": orjson.dumps(list(some)).decode()})


def among(connection: Connection, column: Any, name: str = "units") -> sa.ColumnElement[bool]:
    """A column's value is one of a list of any length, bound as one parameter (JSON text)."""
    if connection.dialect.name == "postgresql":
        each: Any = sa.func.json_array_elements_text(sa.cast(sa.bindparam(name, type_=sa.Text), sa.JSON))
        return column.in_(sa.select(each.column_valued("one")))  # type: ignore[no-any-return]
    rows = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(rows.c.value))  # type: ignore[no-any-return]


def upsert(dialect: str, table: sa.Table) -> Any:
    """An INSERT that may say what to do about a row that is there already, as this database spells it."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # reads every driver's types: slow, and not for those on SQLite

    return postgresql.insert(table)


def _driver(connection: Connection) -> Any:
    """The driver's own connection, or None where SQLAlchemy must see what is executed."""
    dialect = connection.dialect
    if dialect.driver not in DRIVERS or dialect.is_async or _watched(connection):
        return None
    return connection.connection.dbapi_connection


def _cursor(connection: Connection, driver: Any) -> Any:
    """What executes on a driver's connection. psycopg takes longer to make a cursor than the server to find a row by its
    key, so one is kept with the connection; its rows are always taken before it executes anything else."""
    if connection.dialect.driver != "psycopg":
        return driver
    kept = connection.connection.info
    cursor = kept.get(CURSOR)
    if cursor is None:
        cursor = kept[CURSOR] = driver.cursor()
    return cursor


def _ours(connection: Connection, driver: Any, text: str, error: Any) -> BaseException:
    """A driver's error as SQLAlchemy would raise it; a connection that is lost is not used again."""
    dialect = connection.dialect
    if lost := dialect.is_disconnect(error, driver, None):
        connection.invalidate(error)
    base: type[Exception] = dialect.loaded_dbapi.Error
    made: BaseException = exc.DBAPIError.instance(text, None, error, base, connection_invalidated=lost, dialect=dialect)
    return made


def _watched(connection: Connection) -> bool:
    """Whether somebody listens to this connection's statements, or they have yet to begin a transaction."""
    listened = getattr(connection, "_has_events", True) or getattr(connection.engine, "_has_events", True)
    return bool(listened or connection.engine.echo) or not connection.in_transaction()


class Insert(Statement):
    """Rows for one table, always with the same columns. PostgreSQL takes many as one array a column, in one statement:
    a fifth of the time of sending row by row."""

    def __init__(self, table: sa.Table, columns: Sequence[str]) -> None:
        super().__init__(table.insert().values({c: sa.bindparam(c) for c in columns}).inline())
        self.table, self.columns = table, tuple(columns)

    @cached_property
    def _set_wise(self) -> Statement:
        from sqlalchemy.dialects.postgresql import ARRAY

        arrays = [sa.bindparam(c, type_=ARRAY(self.table.c[c].type)) for c in self.columns]
        rows = sa.func.unnest(*arrays).table_valued(*self.columns).render_derived(name="new")
        selected = sa.select(*(rows.c[c] for c in self.columns))
        return Statement(self.table.insert().from_select(self.columns, selected).inline(), binary=True)

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        if connection.dialect.name == "postgresql":
            self._set_wise.change(connection, {c: [row[c] for row in rows] for c in self.columns})
        else:
            super().run_many(connection, rows)


class Update(Statement):
    """Rows of one table changed by key, always the same columns. PostgreSQL takes many in one statement, as ``Insert``.

    Args:
        keys: parameter -> column; a row whose columns differ from them is not changed.
        values: columns that take the parameter of their name.
        fixed: columns that always take the same number, or none: it stands in the statement.
    """

    def __init__(self, table: sa.Table, keys: dict[str, str], values: Sequence[str], **fixed: int | None) -> None:
        where = [table.c[column] == sa.bindparam(name) for name, column in keys.items()]
        said = {c: sa.null() if v is None else sa.literal_column(f"{v:d}") for c, v in fixed.items()}
        super().__init__(table.update().where(*where).values({**{v: sa.bindparam(v) for v in values}, **said}))
        self.table, self.keys, self.values, self.fixed = table, keys, tuple(values), said

    @cached_property
    def _set_wise(self) -> Statement:
        from sqlalchemy.dialects.postgresql import ARRAY

        columns = {**self.keys, **{v: v for v in self.values}}
        arrays = [sa.bindparam(n, type_=ARRAY(self.table.c[c].type)) for n, c in columns.items()]
        rows = sa.func.unnest(*arrays).table_valued(*columns).render_derived(name="new")
        where = [self.table.c[column] == rows.c[name] for name, column in self.keys.items()]
        values = {**{v: rows.c[v] for v in self.values}, **self.fixed}
        return Statement(self.table.update().where(*where).values(values), binary=True)

    def change_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """Execute with each of several sets of values, of different keys, and tell how many rows were changed."""
        if len(rows) > 1 and connection.dialect.name == "postgresql":
            columns = (*self.keys, *self.values)
            return self._set_wise.change(connection, {c: [row[c] for row in rows] for c in columns})
        if len(rows) > 1 and connection.dialect.name == "sqlite":  # whose driver adds the rows of all up
            return self._many(connection, rows)
        return sum(self.change(connection, row) for row in rows)

    def run_many(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        if connection.dialect.name == "postgresql":
            last = {tuple([row[k] for k in self.keys]): row for row in rows}  # of two for one row the second holds
            self.change_many(connection, list(last.values()))
        else:
            super().run_many(connection, rows)
