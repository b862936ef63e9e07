"""Databases to measure on: SQLite files and a PostgreSQL of our own, both with real fsync on every commit."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg

from tests.postgres import Postgres

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}


class Databases:
    """Gives new empty databases, and raw driver connections to them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wf-bench-"))
        self._postgres: Postgres | None = None
        self._made = 0

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            self._postgres = Postgres(DURABLE)
        return self._postgres

    @contextmanager
    def new(self, kind: Kind) -> Iterator[str]:
        """The URL of a new database, removed at the end."""
        self._made += 1
        if kind == "postgresql":
            name = self.postgres.create()
            yield self.postgres.url(name)
            self.postgres.drop(name)
        else:
            folder = self.folder / str(self._made)
            folder.mkdir()
            yield f"sqlite:///{folder / 'workflow.db'}"
            shutil.rmtree(folder)

    def home(self) -> Path:
        """A new folder for a key and contents."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def stop(self) -> None:
        if self._postgres is not None:
            self._postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def raw(url: str, *, durable: bool = True) -> Any:
    """A driver connection, in the mode the engine's own connections have."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        disk = f"synchronous = {'FULL' if durable else 'OFF'}"
        for pragma in ("busy_timeout = 10000", "journal_mode = WAL", disk, "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection
    return psycopg.connect(url.replace("+psycopg", ""))


def trust_memory(url: str) -> None:
    """From now on commits on a PostgreSQL database do not wait for the disk. (On SQLite each connection says so.)"""
    if not url.startswith("sqlite"):
        with raw(url) as connection:
            (name,) = connection.execute("SELECT current_database()").fetchone()
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')


def settle(url: str) -> None:
    """After bulk work: statistics are known and nothing is left to be written later."""
    connection = raw(url)
    if url.startswith("sqlite"):
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    connection.close()
