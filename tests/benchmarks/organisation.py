"""A large organisation: 40,000 units and 200,000 tenures brought in, who may sign asked, a report traced, and a hundred
signatures in one call beside one by one."""

from __future__ import annotations

from itertools import islice
from statistics import median
from time import process_time
from typing import Any

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs, quartiles, rates, timed
from tests.benchmarks.signing import ready
from workflow.acts import Sign
from workflow.org.importing import OrgImport
from workflow.store.org import _NOW, OrgReader
from workflow.trace import trace

UNITS, IMPORT_GOAL = 40_000, 15.0
TRACE_GOAL, ASK_GOAL, BULK_GOAL = 200.0, 2.0, 5.0  # ms; times the raw query; times one by one
BULK, BULK_TURNS = 100, 15
DAY = "2019-08-20"


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, 100)  # the flow, the calendar, the first hundred
        with world.engine_on(url, home, durable=False) as engine:
            whole = OrgImport.from_rows(world.Invented(UNITS).to_rows())
            busy = process_time()
            took = timed(lambda: engine.import_org(whole))
            busy = process_time() - busy
            tenures, whole = len(whole.tenures), OrgImport()
            name, beside = f"import {UNITS:,} units with {tenures:,} tenures", f"{busy:.1f} s of this process"
            rows = [_seconds(name, kind, [took], IMPORT_GOAL, beside)]
        databases.settle(url)
        with world.engine_on(url, home, durable=False) as engine:
            waiting = list(_first_places(engine, (3 if quick else BULK_TURNS) + 1))
            rows += [_who_may_sign(kind, engine, 20 if quick else 60), _trace(kind, engine, 5 if quick else 15)]
        with world.engine_on(url, home) as engine:
            rows.append(_bulk(kind, engine, waiting, 3 if quick else BULK_TURNS))
    return rows


def _seconds(name: str, kind: Kind, seconds: list[float], goal: float, aside: str) -> Result:
    low, high = quartiles(seconds)
    return Result(name, kind, "s", median(seconds), None, None, low, high, goal, False, aside)


def _who_may_sign(kind: Kind, engine: Any, turns: int) -> Result:
    """Both sides ask on one connection: two connections are answered by two processes of the server, and where the
    machine puts those made equal queries differ by a factor of 1.7."""
    asks = 20
    with engine.reading() as connection:
        cursor: Any = connection.connection.dbapi_connection.cursor()
        text, order, fixed = _NOW.answer._of(connection)
        given = {**fixed, "unit": "b500", "post": "secretary", "day": DAY}
        values = given if order is None else [given[n] for n in order]

        def ours() -> float:
            def work() -> None:
                for _ in range(asks):
                    (held,) = OrgReader(connection).answerable("b500", "secretary", DAY, True)
                    assert held["person"] == "secretary.b500"

            return timed(work) / asks

        def bare() -> float:
            def work() -> None:
                for _ in range(asks):
                    assert cursor.execute(text, values).fetchall()

            return timed(work) / asks

        alternate(2, ours, bare)
        o, b = alternate(turns, ours, bare)
    return costs("who may sign this slot now", kind, o, b, ASK_GOAL)


def _trace(kind: Kind, engine: Any, turns: int) -> Result:
    (item, by, seen), *_ = list(ready(engine, 4, "t"))
    engine.sign(item, by, seen, opinion=world.OPINION)

    def once() -> float:
        def work() -> None:
            with engine.look() as desk:
                assert trace(desk, item, engine.clock.now()).root.signers

        return timed(work) * 1000

    once()
    took = [once() for _ in range(turns)]
    low, high = quartiles(took)
    return Result(f"trace among {UNITS:,} units", kind, "ms", median(took), None, None, low, high, TRACE_GOAL, False)


def _bulk(kind: Kind, engine: Any, some: list[Any], turns: int) -> Result:
    """Each turn signs a hundred items in one call, and as many one by one, a commit each."""
    waiting = iter(some)

    def together() -> float:
        acts = [Sign(item=i, by=b, seen=s, opinion=world.OPINION) for i, b, s in islice(waiting, BULK)]

        def work() -> None:
            with engine.desk() as desk:
                assert len(desk.sign_many(acts)) == BULK

        return timed(work) / BULK

    def alone() -> float:
        acts = list(islice(waiting, BULK))

        def work() -> None:
            for item, by, seen in acts:
                engine.sign(item, by, seen, opinion=world.OPINION)

        return timed(work) / BULK

    alternate(1, together, alone)
    t, a = alternate(turns, together, alone)
    return rates(f"sign_many of {BULK}, beside one by one", kind, "acts/s", t, a, BULK_GOAL)


def _first_places(engine: Any, turns: int) -> Any:
    """Items that wait for their first signature."""
    for n in range(2 * BULK * turns):
        unit = f"b{n % 90 + 1}"
        item = f"bulk-{n}"
        yield item, world.holder("handler", unit), world.prepared(engine, item, unit)
