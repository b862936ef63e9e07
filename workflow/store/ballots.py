"""The box of a vote. One row a vote, one statement a paper, and nothing anywhere that belongs to one paper alone.

What is sorted in a row says nothing of the order in which it came. A database's own journal (WAL, dead row versions,
backups taken meanwhile) does: it shows which sealed paper came when. That is why papers are sealed to keys that never lie
here, and why their marks are known only to the paper itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.evidence import canonical
from workflow.store.tables import ballot

HASH = 32
_c = ballot.c
_one = sa.select(_c.unused, _c.used, _c.box, _c.result).where(
    _c.item == sa.bindparam("of"), _c.stay == sa.bindparam("in")
)
_lock = _one.with_for_update()
_begin = ballot.insert()
_set = ballot.update().where(_c.item == sa.bindparam("of"), _c.stay == sa.bindparam("in"))
_put = _set.values(unused=sa.bindparam("left"), used=sa.bindparam("gone"), box=sa.bindparam("papers"))
_counted = _set.values(unused=b"", used=b"", box=b"", result=sa.bindparam("what"))


class Box(NamedTuple):
    """What lies in a row, read apart."""

    unused: frozenset[bytes]
    used: frozenset[bytes]
    papers: tuple[bytes, ...]
    result: dict[str, Any] | None


def begin(connection: Connection, item: str, stay: int, hashes: list[bytes]) -> None:
    """An empty box, with the hashes of those who may vote."""
    row = {"item": item, "stay": stay, "unused": b"".join(sorted(hashes)), "used": b"", "box": b"", "result": None}
    connection.execute(_begin, row)


def read(connection: Connection, item: str, stay: int) -> Box | None:
    """The box as it is now; None where no vote was opened."""
    return _box(connection.execute(_one, {"of": item, "in": stay}).first())


def lock(connection: Connection, item: str, stay: int) -> Box | None:
    """The same, held until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what a box was before is overwritten in the file
    return _box(connection.execute(_lock, {"of": item, "in": stay}).first())


def _box(row: Any) -> Box | None:
    if row is None:
        return None
    papers = canonical.decode(row.box) if row.box else []
    result = canonical.decode(row.result) if row.result is not None else None
    return Box(_apart(row.unused), _apart(row.used), tuple(bytes.fromhex(p) for p in papers), result)


def put(connection: Connection, item: str, stay: int, box: Box) -> None:
    """The box as it is from now on."""
    values = {"of": item, "in": stay, "left": b"".join(sorted(box.unused)), "gone": b"".join(sorted(box.used))}
    connection.execute(
        _put, {**values, "papers": canonical.encode(sorted(p.hex() for p in box.papers), size_limit=MOST)}
    )


def close(connection: Connection, item: str, stay: int, result: dict[str, Any]) -> None:
    """What was counted; the sealed papers and the hashes are no more."""
    connection.execute(_counted, {"of": item, "in": stay, "what": canonical.encode(result)})


def result(connection: Connection, item: str, stay: int) -> dict[str, Any] | None:
    """What was counted (``{"cast": n, "box": digest}``); None while nothing was."""
    row = connection.execute(_one, {"of": item, "in": stay}).first()
    return canonical.decode(row.result) if row is not None and row.result is not None else None


MOST = 16 * 1024 * 1024


def _apart(data: bytes) -> frozenset[bytes]:
    return frozenset(data[n : n + HASH] for n in range(0, len(data), HASH))
