"""Roll calls of a million units, finding what is due among a million open dues, and a sweep that finds nothing.

Rows are made in bulk inside the database; the raw side is the statement somebody would write by hand for this alone.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks import databases, world
from tests.benchmarks.bulk import _NUMBERS, _run
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs, quartiles, timed
from workflow import load, obligations
from workflow.definition.shipped import shipped_flow
from workflow.store import claims
from workflow.sweep import ATTEMPTS, tick

UNITS = 1_000_000
DUE = 1_000
MOVED = 50_000
FLOW, RULE, WEEK = "weekly-report", "first-hop", "2019-W38"
EVERY = 50  # one in fifty has not reported
IN = 1_568_500_000_000_000  # a moment before the Monday's noon, µs UTC
AT = 1_568_700_000_000_000

MISSING = """
SELECT u.id, u.ordinal FROM wf_unit u
WHERE u.level = 'organisation' AND (u.established_on IS NULL OR u.established_on <= '2019-09-16')
  AND (u.dissolved_on IS NULL OR u.dissolved_on > '2019-09-16')
  AND NOT EXISTS (SELECT 1 FROM wf_item i JOIN wf_stay s ON s.item = i.id
    WHERE i.flow = 'weekly-report' AND i.campaign = '2019-W38' AND i.unit = u.id
      AND s.entered_at <= {at} AND s.stage IN ('reported', 'zero-reported'))
"""
COUNTS = """
SELECT CASE WHEN r.received IS NULL THEN 'MISSING' WHEN r.received >= 1568606400000000 THEN 'LATE'
            WHEN r.stage = 'zero-reported' THEN 'ZERO' ELSE 'SUBMITTED' END AS state, count(*)
FROM wf_unit u LEFT JOIN (SELECT i.unit, s.entered_at AS received, s.stage FROM wf_item i JOIN wf_stay s ON s.item = i.id
    WHERE i.flow = 'weekly-report' AND i.campaign = '2019-W38' AND s.entered_at <= {at}
      AND s.stage IN ('reported', 'zero-reported')) r ON r.unit = u.id
WHERE u.level = 'organisation' AND (u.established_on IS NULL OR u.established_on <= '2019-09-16')
  AND (u.dissolved_on IS NULL OR u.dissolved_on > '2019-09-16')
GROUP BY 1
"""
FIND = """
SELECT id, item, rule, step, next_at, attempts FROM wf_due WHERE state = 0 AND next_at <= {at} AND attempts < 8
ORDER BY next_at, id LIMIT 1000
"""


def _units(url: str, kind: Kind, count: int) -> None:
    numbers, no = _NUMBERS[kind].format(count=count), "0" if kind == "sqlite" else "false"
    blank = "x'00'" if kind == "sqlite" else "'\\x00'::bytea"
    _run(
        url,
        f"""INSERT INTO wf_unit (id, level, name_zh, name_en, ordinal, established_on)
            SELECT 'u' || i, 'organisation', '虚构单位', 'invented unit', i, '2010-01-01' FROM {numbers}""",
        f"""INSERT INTO wf_item (id, flow, definition, campaign, unit, stage, round, klass, category, final, opened_at, seq,
                head, snapshot)
            SELECT 'r' || i, '{FLOW}', 'd', '{WEEK}', 'u' || i, 'reported', 1, '', '', {no}, {IN}, 4, {blank}, {blank}
            FROM {numbers} WHERE i % {EVERY} <> 0""",
        f"""INSERT INTO wf_stay (item, n, stage, round, entered_at, left_at)
            SELECT 'r' || i, 1, 'report', 1, {IN - 1000}, {IN} FROM {numbers} WHERE i % {EVERY} <> 0""",
        f"""INSERT INTO wf_stay (item, n, stage, round, entered_at)
            SELECT 'r' || i, 2, CASE WHEN i % 3 = 0 THEN 'zero-reported' ELSE 'reported' END, 1, {IN} FROM {numbers}
            WHERE i % {EVERY} <> 0""",
    )


def _dues(url: str, kind: Kind, count: int) -> None:
    """``count`` open dues, ``DUE`` of them passed at ``AT``."""
    numbers = _NUMBERS[kind].format(count=count)
    _run(
        url,
        f"""INSERT INTO wf_due (item, rule, ladder, missed_at, step, next_at, state)
            SELECT 'd' || i, 'work/1', 'overdue', {AT}, 0, {AT} + (CAST(i AS BIGINT) - {DUE}) * 1000000, 0 FROM {numbers}""",
    )
    databases.settle(url)


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    count, turns = (100_000, 3) if quick else (UNITS, 5)
    with dbs.new(kind) as url, world.engine_on(url, dbs.home(), durable=False) as engine:
        world_calendar(engine)
        engine.publish(load(shipped_flow(FLOW)))
        _units(url, kind, count)
        _dues(url, kind, count)
        raw = databases.raw(url)
        found: list[Result] = []

        def ask(sql: str, at: int) -> Any:
            cursor = raw.cursor()
            cursor.execute(sql.format(at=at))
            rows = cursor.fetchall()
            raw.rollback()
            return rows

        def missing() -> list[str]:
            with engine.look() as desk:
                return obligations.missing(desk, FLOW, RULE, WEEK, AT)

        def missing_raw() -> list[str]:
            return [unit for _, unit in sorted((n, u) for u, n in ask(MISSING, AT))]

        assert missing() == missing_raw() and len(missing()) == count // EVERY
        o, f = alternate(turns, lambda: timed(missing), lambda: timed(missing_raw))
        found.append(costs(f"roll call of {count:,} units: the missing by name", kind, o, f, 2.0))

        def rates() -> dict[str, int]:
            with engine.look() as desk:
                counts = obligations.rates(desk, FLOW, RULE, WEEK, AT).counts
                return {state: n for state, n in counts.items() if n}

        assert rates() == dict(ask(COUNTS, AT))
        o, f = alternate(turns, lambda: timed(rates), lambda: timed(lambda: ask(COUNTS, AT)))
        found.append(costs(f"rates of {count:,} units", kind, o, f, 2.0))

        def find() -> Any:
            with engine.reading() as connection:
                return claims.find(connection, AT, DUE, ATTEMPTS)

        assert [d.id for d in find()] == [r[0] for r in ask(FIND, AT)] and len(find()) == DUE
        o, f = alternate(turns * 10, lambda: timed(find), lambda: timed(lambda: ask(FIND, AT)))
        found.append(costs(f"find {DUE:,} due of {count:,} open", kind, o, f, 1.5))

        found += _beside_an_old_snapshot(engine, url, kind, turns, count) if kind == "postgresql" else []

        early = AT - 10**13
        tick(engine, early)
        (idle,) = alternate(turns * 40, lambda: timed(lambda: tick(engine, early)))
        found.append(_plain(f"idle tick, {count:,} open dues", kind, [s * 1000 for s in idle], 2.0))
        raw.close()
    return found


def _beside_an_old_snapshot(engine: Any, url: str, kind: Kind, turns: int, count: int) -> list[Result]:
    """What was moved on while somebody reads an old state cannot be forgotten, and lies in the way of whoever begins at
    the beginning. The raw side is the plain statement before that reader came."""
    plain, reader = databases.raw(url), databases.raw(url)

    def ask() -> Any:
        rows = plain.execute(FIND.format(at=AT)).fetchall()
        plain.rollback()
        return rows

    floor = [timed(ask) for _ in range(turns * 10)]
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT count(*) FROM wf_due WHERE id < 10").fetchall()
    theirs = "WHERE item IN (SELECT 'd' || i FROM generate_series(1, %s) i)"
    for n in range(MOVED // DUE):  # sweep after sweep moved a thousand on; at last these are due once more
        plain.execute(f"UPDATE wf_due SET next_at = %s + id * 1000 {theirs}", (AT - 2 * MOVED * 10**6 + n * 10**9, DUE))
        plain.commit()
    plain.execute(f"UPDATE wf_due SET next_at = %s + id * 1000 {theirs}", (AT - DUE * 10_000, DUE))
    plain.commit()
    place = claims.Place(AT - DUE * 10_000, 0)  # where the sweep before this one left off

    def find() -> Any:
        with engine.reading() as connection:
            return claims.find(connection, AT, DUE, ATTEMPTS, place)

    assert len(find()) == len(ask()) == DUE
    ours, same = alternate(turns * 10, lambda: timed(find), lambda: timed(ask))
    reader.close()
    plain.close()
    beside = costs("", kind, same, floor, None)
    aside = f"{MOVED:,} moved since; the plain statement from the beginning takes {beside.ours:.2f} ms"
    return [costs(f"the same with an old snapshot open, of {count:,}", kind, ours, floor, 2.0, aside)]


def world_calendar(engine: Any) -> None:
    from workflow.calendar_file import load_calendar

    engine.publish_calendar(load_calendar(world.SHIPPED / "calendars" / "cn.yaml"))


def _plain(name: str, kind: Kind, values: list[float], goal: float) -> Result:
    low, high = quartiles(values)
    return Result(name, kind, "ms", sorted(values)[len(values) // 2], None, None, low, high, goal, False)
