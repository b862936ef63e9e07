"""The sweep: fire the rungs whose moment has come, one rung for each due, each exactly once.

One transaction moves the due, the item, the entry and the outbox row. Any number of nodes may sweep: an item is locked
first, the rung is checked under the lock, and the entry's place in the chain is unique. A rung that fails is counted
and tried later; it blocks no other. After an outage one rung fires for each sweep, not three in one second.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflow import log, rollcall
from workflow.acts import Fire
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import DatabaseBusy
from workflow.store import alarms, beat, queries

SECONDS = 5  # between two sweeps of a node, unless told
BATCH = 200
ATTEMPTS = 8
MINUTE = 60_000_000
MANY = 10_000  # parked rungs that are told in one go


@dataclass(frozen=True)
class Swept:
    """What a sweep did: rungs fired, rungs that failed and wait for another try."""

    at: int
    fired: int
    failed: int
    opened: int = 0  # reports opened by roll calls


@dataclass(frozen=True)
class Parked:
    """A rung that could not fire: of which item and due, which rung, since when it waits (µs UTC), how often tried."""

    item: str
    rule: str
    step: int
    since: int
    attempts: int


def tick(engine: Engine, at: int | None = None, *, node: str = "") -> Swept:
    """One sweep at the database's moment (or at ``at``, which a simulation gives)."""
    fired = failed = 0
    seen: set[int] = set()
    with engine.reading() as connection:
        moment = at if at is not None else engine.now(connection)
        engine.look_for_calendars(connection)
    opened = rollcall.sweep(engine, moment)
    while True:
        with engine.reading() as connection:
            due = [d for d in queries.due_now(connection, moment, BATCH + len(seen), ATTEMPTS) if d.id not in seen]
        if not due:
            break
        batch: dict[str, object] = {}
        rows = []
        for d in due:
            if d.item not in batch:
                batch[d.item] = d
                rows.append(d)
        seen.update(d.id for d in rows)
        done, lost = _fire_batch(engine, rows, moment)
        fired += done
        failed += lost
    if node:
        with engine.desk() as desk:
            beat.record(desk.connection, node, moment, fired)
    return Swept(moment, fired, failed, opened)


def _fire_batch(engine: Engine, rows: list, at: int) -> tuple[int, int]:  # type: ignore[type-arg]
    """A batch in one transaction; when anything in it fails, row by row, so that only the culprit waits.

    An item somebody else holds just now is left to the next sweep and not counted: it is busy, not broken. SQLite is
    held as a whole, so there the sweep ends.

    Raises:
        DatabaseBusy: a SQLite database is held by another writer.
    """
    try:
        with engine.desk() as desk:
            return len(_fire(desk, rows, at)), 0
    except DatabaseBusy:
        if engine.db.dialect.name == "sqlite":
            raise
        if len(rows) == 1:
            return 0, 1
    except Exception:  # noqa: BLE001  a broken row may fail in any way; none may keep the others from firing
        if len(rows) == 1:
            return 0, _park(engine, rows[0], at)
    fired = failed = 0
    for row in rows:
        done, lost = _fire_batch(engine, [row], at)
        fired += done
        failed += lost
    return fired, failed


def _fire(desk: Desk, rows: list, at: int) -> list:  # type: ignore[type-arg]
    written = desk.fire([Fire(item=r.item, rule=r.rule, step=r.step) for r in rows], at)
    for w in written:
        log.rung(w.case.item, w.effects)
    return written


def _park(engine: Engine, row, at: int) -> int:  # type: ignore[no-untyped-def]
    with engine.desk() as desk:
        queries.count_failure(desk.connection, row.id, row.step, at + MINUTE * 2**row.attempts)
    log.parked(row.item, row.rule, row.step, row.attempts + 1)
    return 1


def parked(engine: Engine) -> list[Parked]:
    """Every rung that was tried too often and waits for somebody to look, the earliest first."""
    with engine.reading() as connection:
        return [Parked(*tuple(row)) for row in alarms.parked(connection, ATTEMPTS, MANY)]


def retry(engine: Engine, item: str = "", rule: str = "", at: int | None = None) -> list[Parked]:
    """An operator has mended what kept parked rungs from firing: they are tried again at the next sweep.

    Nothing of an item changes by it: which rung comes next is on record, when it is tried is not.

    Args:
        item, rule: which; all that are parked unless told. Returns those that will be tried.
    """
    with engine.desk() as desk:
        now = engine.now(desk.connection) if at is None else at
        found = [Parked(*tuple(row)[1:]) for row in alarms.retry(desk.connection, now, ATTEMPTS, item, rule)]
    for each in found:
        log.retried(each.item, each.rule, each.step)
    return found
