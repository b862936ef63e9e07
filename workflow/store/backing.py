"""A copy of a SQLite database while others write, as it stands at one moment: by SQLite's own online backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Write one consistent moment of a database into a new file.

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
