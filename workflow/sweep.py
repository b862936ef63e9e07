"""The sweep: fire the rungs whose moment has come, one rung for each due, each exactly once.

One transaction moves the due, the item, the entry and the outbox row. Any number of nodes may sweep: an item is locked
first, the rung is checked under the lock, and the entry's place in the chain is unique. A rung that fails is counted
and tried later; it blocks no other. After an outage one rung fires for each sweep, not three in one second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from workflow import blocked, log, rollcall
from workflow.acts import Fire
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import DatabaseBusy
from workflow.store import alarms, beat, claims, database
from workflow.store.appending import Written
from workflow.store.claims import BEGINNING, Claimed, Place
from workflow.store.pulse import Pulse, pulse
from workflow.together import Moving, no_collection

SECONDS = 5  # between two sweeps of a node, unless told
BATCH = 500
ATTEMPTS = 8
MINUTE = 60_000_000
MANY = 10_000  # parked rungs that are told in one go
RESCAN = MINUTE  # how long a node may begin where it left off before it looks from the beginning again
LOOKED_AT = 500  # places that a node looks at in a minute, for those that nobody may sign
SKEW = 2_000_000  # a node's own clock may be so far from the database's before we say so


@dataclass(frozen=True)
class Swept:
    """What a sweep did: rungs fired, rungs and roll calls that failed and wait for another try."""

    at: int
    fired: int
    failed: int
    opened: int = 0  # reports opened by roll calls
    blocked: int = 0  # places that nobody may sign, told of now to whoever is first responsible above
    calendars: int = field(
        default=0, compare=False
    )  # how many are published: whoever follows them asks nothing until it changes


@dataclass(frozen=True)
class Parked:
    """A rung that could not fire: of which item and due, which rung, since when it waits (µs UTC), how often tried."""

    item: str
    rule: str
    step: int
    since: int
    attempts: int


@dataclass
class _Mark:
    """Where a node's next sweep begins: behind everything that waited for nothing when it last looked."""

    place: Place = BEGINNING
    scanned_at: int | None = None  # when it last looked from the beginning
    published: tuple[int, int] | None = None  # how many definitions and calendars there were then
    waits: tuple[str, str] = ("", "")  # behind which place it goes on to look for those that nobody may sign
    waits_at: int | None = None  # when it last did


_marks: WeakKeyDictionary[Engine, _Mark] = WeakKeyDictionary()


def tick(engine: Engine, at: int | None = None, *, node: str = "", watch: bool = True) -> Swept:
    """One sweep at the database's moment (or at ``at``, which a simulation gives); ``watch``: look for blocked places."""
    found = _pulse(engine, at)  # all that an idle sweep asks
    moment, start = found.at, found.first
    calls = rollcall.waits(engine, sum(found.published), moment)
    nobody = _nobody(engine, moment) if watch else []
    if at is None and engine.clock.in_database:
        skew = engine.clock.now() - moment
        if abs(skew) > SKEW:
            log.clock_skewed(node, skew)
    opened, not_held = rollcall.sweep(engine, moment) if calls else (0, 0)
    if opened:  # what was missed long ago is armed far behind the mark
        start = _pulse(engine, moment, anew=True).first
    fired, failed = (0, 0) if start is None else _sweep(engine, start, moment)
    told = 0
    if nobody:
        with engine.desk() as desk:
            told = len(blocked.tell(desk, nobody, moment))
    if node:
        with database.single(engine.db, write=True) as connection:
            beat.record(connection, node, moment, fired)
    return Swept(moment, fired, failed + not_held, opened, told, found.published[1])


def _nobody(engine: Engine, at: int) -> list[blocked.Blocked]:
    """Some of the places that wait, once a minute, in turn: those that nobody may sign and of which nobody above was told.

    Whether a place is blocked depends on the day, the organisation and the item; looking at every place in every sweep
    would cost more than the sweep. Of 40,000 places each is looked at within an hour and a half.
    """
    mark = _marks.setdefault(engine, _Mark())
    if mark.waits_at is not None and 0 <= at - mark.waits_at < MINUTE:
        return []
    with engine.look() as desk:
        found, mark.waits = blocked.blocked_after(desk, at, mark.waits, LOOKED_AT)
        mark.waits_at = at
        return blocked.untold(desk, found)


def _pulse(engine: Engine, at: int | None, *, anew: bool = False) -> Pulse:
    """The moment, and the place behind which something is due, or None where nothing is; calendars that another process
    published are taken up.

    On PostgreSQL under the database's own clock a node begins where it left off: while an old snapshot is open anywhere,
    every due that was ever moved on stays in the way of whoever begins at the beginning. Now and then it does, for what
    was armed behind its mark. On any other clock, which may be set back, it always does.
    """
    mark = _marks.setdefault(engine, _Mark())
    by_database = engine.clock.in_database and engine.db.dialect.name == "postgresql"
    here = engine.clock.now() if at is None else at
    again = anew or not by_database or mark.scanned_at is None or not 0 <= here - mark.scanned_at < RESCAN
    with database.single(engine.db) as connection:
        asked = None if at is None and by_database else here
        found = pulse(connection, asked, ATTEMPTS, BEGINNING if again else mark.place)
    if again:
        mark.place, mark.scanned_at = BEGINNING, here
    if found.first is None:
        mark.place = max(mark.place, Place(found.at, 0))  # whatever falls due now, or later, stands behind it
    else:
        mark.place = Place(found.first.next_at, found.first.id - 1)
    if found.published != mark.published:
        with engine.reading() as connection:
            engine.look_for_calendars(connection)
        mark.published = found.published
    return found._replace(first=None if found.first is None else mark.place)


def _sweep(engine: Engine, start: Place, at: int) -> tuple[int, int]:
    """Everything due behind a place, in batches; a due once, even where its next rung has come as well."""
    fired = failed = 0
    seen: set[int] = set()
    place, left = start, False
    while True:
        with no_collection():
            batch = _batch(engine, place, at, seen)
        fired, failed, left = fired + batch.fired, failed + batch.failed, left or batch.left
        if batch.last is not None:
            place = batch.last
        elif left:
            place, left = start, False
        else:
            return fired, failed


@dataclass(frozen=True)
class _Batch:
    """What a batch did; ``left``: an item in it has a further due; ``last``: behind it there may be more."""

    fired: int
    failed: int
    left: bool
    last: Place | None


def _batch(engine: Engine, place: Place, at: int, seen: set[int]) -> _Batch:
    """The dues behind a place, one for each item, in one transaction; where anything in it fails, one by one.

    Raises:
        DatabaseBusy: a SQLite database is held by another writer.
    """
    claimed: list[Claimed] = []
    rows: list[Claimed] = []
    failed = 0
    try:
        with engine.desk() as desk:
            claimed = claims.claim(desk.connection, at, BATCH, ATTEMPTS, place)
            rows = _one_of_each([c for c in claimed if c.id not in seen])
            written = _fire(desk, rows, at)
        _tell(written)
        fired = len(written)
    except Exception as error:
        # A broken row may fail in any way; none may keep the others from firing. SQLite is held as a whole.
        if not rows or (isinstance(error, DatabaseBusy) and engine.db.dialect.name == "sqlite"):
            raise
        fired, failed = _one_by_one(engine, rows, at)
    seen.update(c.id for c in rows)
    left = any(c.id not in seen for c in claimed)
    return _Batch(fired, failed, left, claimed[-1].place if len(claimed) == BATCH else None)


def _one_of_each(claimed: Sequence[Claimed]) -> list[Claimed]:
    """The earliest due of each item: an item has one entry in a batch."""
    first: dict[str, Claimed] = {}
    for each in claimed:
        first.setdefault(each.item, each)
    return list(first.values())


def _one_by_one(engine: Engine, rows: Sequence[Claimed], at: int) -> tuple[int, int]:
    """Each in a transaction of its own, so that only the culprit waits. What somebody else holds by now is theirs."""
    fired = failed = 0
    for row in rows:
        try:
            with engine.desk() as desk:
                again = claims.claim_one(desk.connection, row.id, at, ATTEMPTS)
                written = _fire(desk, [again], at) if again is not None else []
            _tell(written)
            fired += len(written)
        except DatabaseBusy:
            if engine.db.dialect.name == "sqlite":
                raise
        except Exception:  # noqa: BLE001  the culprit: counted, told, tried again later, and in the end parked
            failed += _park(engine, row, at)
    return fired, failed


def _fire(desk: Desk, rows: Sequence[Claimed], at: int) -> list[Written]:
    fires = [Fire(item=r.item, rule=r.rule, step=r.step) for r in rows]
    return desk.fire(fires, at, {r.item: r.head for r in rows}) if fires else []


def _tell(written: Sequence[Written]) -> None:
    """Once it is committed: what was rolled back did not fire."""
    for w in written if log.listening() else ():
        log.rung(w.case.item, w.effects)


def _park(engine: Engine, row: Claimed, at: int) -> int:
    with engine.desk() as desk:
        claims.count_failure(desk.connection, row.id, row.step, at + MINUTE * 2**row.attempts)
    log.parked(row.item, row.rule, row.step, row.attempts + 1)
    return 1


def foresee(engine: Engine, at: int | None = None) -> tuple[list[Moving], list[tuple[str, str, str]]]:
    """A dry run of ``tick``: the next rung of every due whose moment has come, by item, and the roll calls that would be
    held: flow, obligation, period. Nothing is written."""
    with engine.look() as desk:
        moment = at if at is not None else engine.now(desk.connection)
        due = claims.find(desk.connection, moment, MANY, ATTEMPTS)
        found = desk.foresee_fires([Fire(item=d.item, rule=d.rule, step=d.step) for d in due], moment)
    calls = dict.fromkeys((flow, rule, period) for flow, rule, period, _, _ in rollcall.pending(engine, moment))
    return found, list(calls)


def parked(engine: Engine) -> list[Parked]:
    """Every rung that was tried too often and waits for somebody to look, the earliest first."""
    with engine.reading() as connection:
        return [Parked(*tuple(row)) for row in alarms.parked(connection, ATTEMPTS, MANY)]


def retry(engine: Engine, item: str = "", rule: str = "", at: int | None = None, *, dry: bool = False) -> list[Parked]:
    """An operator has mended what kept parked rungs from firing: they are tried again at the next sweep.

    Nothing of an item changes by it: which rung comes next is on record, when it is tried is not.

    Args:
        item, rule: which; all that are parked unless told. Returns those that will be tried.
        dry: only say which these would be.
    """
    if dry:
        return [p for p in parked(engine) if item in ("", p.item) and rule in ("", p.rule)]
    with engine.desk() as desk:
        now = engine.now(desk.connection) if at is None else at
        found = [Parked(*tuple(row)[1:]) for row in alarms.retry(desk.connection, now, ATTEMPTS, item, rule)]
    for each in found:
        log.retried(each.item, each.rule, each.step)
    return found
