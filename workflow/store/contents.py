"""Documents and evidence in the database itself, for hosts that back up one thing only."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection, Engine

from workflow.errors import ContentMissing, TooLarge
from workflow.evidence.digest import parse, sha256
from workflow.store import database
from workflow.store import tables as t
from workflow.store.statement import upsert

SIZE_LIMIT = 32 * 1024 * 1024  # as on disk
_get = sa.select(t.content.c.data).where(t.content.c.digest == bindparam("digest"))
_has = sa.select(sa.literal(1)).where(t.content.c.digest == bindparam("digest"))


class DatabaseContentStore:
    """Keeps contents in table ``wf_content``. On an engine every call is a transaction of its own; ``on`` makes it a part
    of the caller's, so that what was put goes with a transaction that rolls back."""

    def __init__(self, db: Engine, size_limit: int = SIZE_LIMIT) -> None:
        self.db = db
        self.size_limit = size_limit

    def on(self, connection: Connection) -> ConnectionContents:
        return ConnectionContents(connection, self.size_limit)

    def put(self, data: bytes) -> str:
        with database.writing(self.db) as connection:
            return self.on(connection).put(data)

    def get(self, digest: str) -> bytes:
        with database.reading(self.db) as connection:
            return self.on(connection).get(digest)

    def has(self, digest: str) -> bool:
        with database.reading(self.db) as connection:
            return self.on(connection).has(digest)

    def iterate(self) -> Iterator[str]:
        """All digests, sorted."""
        with database.reading(self.db) as connection:
            yield from connection.execute(sa.select(t.content.c.digest).order_by(t.content.c.digest)).scalars().all()

    def remove(self, digest: str) -> bool:
        """Remove a content; whether there was one."""
        with database.writing(self.db) as connection:
            return self.on(connection).remove(digest)


class LookedAtContents(DatabaseContentStore):
    """The contents of a database that is only read, by its URL, so that several processes can share it."""

    def __init__(self, url: str) -> None:
        super().__init__(database.connect(url, read_only=True))
        self.url = url

    def __reduce__(self) -> tuple[type[LookedAtContents], tuple[str]]:
        return type(self), (self.url,)

    def close(self) -> None:
        """Let the database go."""
        self.db.dispose()


class ConnectionContents:
    """The same on one transaction."""

    def __init__(self, connection: Connection, size_limit: int) -> None:
        self.connection = connection
        self.size_limit = size_limit

    def put(self, data: bytes) -> str:
        if len(data) > self.size_limit:
            raise TooLarge(path="content", expected=f"{self.size_limit} bytes", actual=f"{len(data)} bytes")
        insert = upsert(self.connection.dialect.name, t.content)
        digest = sha256(data)
        made = insert.values(digest=digest, data=data)
        # what lies there already is written again: a damaged row is mended by whoever has the bytes
        self.connection.execute(
            made.on_conflict_do_update(index_elements=["digest"], set_={"data": made.excluded.data})
        )
        return digest

    def get(self, digest: str) -> bytes:
        known = parse(digest)
        if known is None or known[0] != "sha256":
            expected = "sha256: and 64 lowercase hex digits"
            raise ContentMissing(digest=repr(digest)[:80], expected=expected, actual="something else")
        data = self.connection.execute(_get, {"digest": digest}).scalar()
        if data is None:
            raise ContentMissing(digest=digest, expected="its bytes", actual="nothing")
        if len(data) > self.size_limit:
            raise TooLarge(path=digest, expected=f"{self.size_limit} bytes", actual=f"{len(data)} bytes")
        made = sha256(bytes(data))
        if made != digest:
            raise ContentMissing(digest=digest, expected="its bytes", actual=f"bytes with the digest {made}")
        return bytes(data)

    def has(self, digest: str) -> bool:
        return self.connection.execute(_has, {"digest": digest}).first() is not None

    def remove(self, digest: str) -> bool:
        """Remove a content; whether there was one. SQLite overwrites the pages it frees; PostgreSQL at its next VACUUM."""
        if self.connection.dialect.name == "sqlite":
            self.connection.exec_driver_sql("PRAGMA secure_delete = ON")
        return self.connection.execute(t.content.delete().where(t.content.c.digest == digest)).rowcount > 0
