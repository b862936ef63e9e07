"""A statement compiled once for each database and handed to the driver as text.

Compiling, caching and checking parameters again at each execution costs more than SQLite takes to run a statement: on
the few statements of every act that is a fifth of the act. They still go through the SQLAlchemy connection, so that
its events, its transaction and its errors stay what a host expects.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection, CursorResult

PLAIN = frozenset({"sqlite", "postgresql"})
"""Where our column types need no conversion on their way in or out. Elsewhere SQLAlchemy converts, as always."""


class Statement:
    """One statement with named parameters. An INSERT or UPDATE must name its columns and return nothing."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def run(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Execute with one set of values."""
        dialect = connection.dialect
        if dialect.name not in PLAIN:
            result: CursorResult[Any] = connection.execute(self.core, values)
            return result
        known = self._compiled.get(dialect.driver)
        if known is None:
            compiled = self.core.compile(dialect=dialect)
            order = tuple(compiled.positiontup) if compiled.positional else None
            fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
            known = self._compiled[dialect.driver] = str(compiled), order, fixed
        text, order, fixed = known
        if fixed:
            values = {**fixed, **values}
        return connection.exec_driver_sql(text, values if order is None else tuple([values[n] for n in order]))
