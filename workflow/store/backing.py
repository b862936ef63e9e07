"""A copy of a database while others write, as it stands at one moment, in one SQLite file.

Of SQLite by its own online backup; of any other row by row, so that no tool of the server is needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Connection

from workflow.errors import DatabaseOld
from workflow.store import copying, database, schema


def copy(source: Path, target: Path) -> None:
    """Write one consistent moment of a SQLite database into a new file.

    Raises:
        OSError: the file cannot be read or written, or is no database.
    """
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(target)) as to,
        ):
            read.backup(to)
            to.execute("PRAGMA journal_mode=DELETE")  # one file, without others beside it
    except sqlite3.Error as error:
        raise OSError(5, f"SQLite: {error}", str(source)) from None


def export(url: str, target: Path) -> None:
    """Write one consistent moment of any database into a new SQLite file.

    Raises:
        DatabaseUrl, DatabaseOld, DatabaseNewer: it cannot be read, or has other tables than this library knows.
    """
    read = database.connect(url, read_only=True)
    to = database.connect(database.file_url(target), durable=False)
    try:
        copying.copy(read, to)
    finally:
        read.dispose()
        to.dispose()
    alone(target)


def imported(path: Path, url: str, before_commit: Callable[[Connection], None]) -> None:
    """Write everything of a SQLite file into an empty database, in one transaction.

    Args:
        before_commit: looks at what was written; whatever it raises leaves the database without rows.

    Raises:
        NotEmpty: it has rows already. DatabaseUrl, DatabaseNewer: see ``export``.
    """
    read = database.connect(database.file_url(path, read_only=True), read_only=True)
    to = database.connect(url)
    try:
        copying.copy(read, to, before_commit=before_commit)
    finally:
        read.dispose()
        to.dispose()


def brought_up(path: Path) -> None:
    """Bring a SQLite file that an older version of this library wrote to the tables of this one.

    Raises:
        DatabaseNewer: a newer version wrote it.
    """
    engine = database.connect(database.file_url(path))
    try:
        schema.check(engine)
    except DatabaseOld:
        schema.upgrade(engine)
    finally:
        engine.dispose()
    alone(path)


def alone(path: Path) -> None:
    """Let a SQLite database be one file, without others beside it."""
    with closing(sqlite3.connect(path)) as held:
        held.execute("PRAGMA journal_mode=DELETE")
