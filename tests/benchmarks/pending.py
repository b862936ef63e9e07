"""\"My pending slots\": a hundred among 100,000 open items, beside the bare query on the driver."""

from __future__ import annotations

from typing import Any

from tests.benchmarks import bulk, databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs, timed
from workflow.store import queries

GOAL = 2.0
OPEN, WAITING = 100_000, 100
RAW = """SELECT s.item, s.key, s.unit, s.post, s.kind, s.stage, s.opened_at, i.flow, i.campaign, i.unit
    FROM wf_slot s JOIN wf_item i ON i.id = s.item WHERE s.unit = ? AND s.post = ?
    ORDER BY s.opened_at, s.item LIMIT ?"""


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    turns, asks = (10, 20) if quick else (30, 40)
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, OPEN // WAITING)
        with world.engine_on(url, home) as engine:
            with engine.reading() as connection:
                definition = engine.newest(connection, world.FLOW).digest
            bulk.items(url, OPEN, flow=world.FLOW, definition=definition, units=OPEN // WAITING, waiting=WAITING)
            databases.settle(url)
            raw: Any = databases.raw(url)
            cursor = raw.cursor()
            sql = RAW if kind == "sqlite" else RAW.replace("?", "%s")
            pair = ("b500", "secretary")

            def bare() -> float:
                def work() -> None:
                    for _ in range(asks):
                        assert len(cursor.execute(sql, (*pair, WAITING)).fetchall()) == WAITING

                return timed(work) / asks

            def query() -> float:
                with engine.reading() as connection:

                    def work() -> None:
                        for _ in range(asks):
                            assert len(queries.pending(connection, [pair], WAITING)) == WAITING

                    return timed(work) / asks

            def by_posts() -> float:
                def work() -> None:
                    for _ in range(asks):
                        assert len(engine.pending([pair], limit=WAITING)) == WAITING

                return timed(work) / asks

            def by_person() -> float:
                def work() -> None:
                    for _ in range(asks):
                        assert len(engine.pending("secretary.b500", limit=WAITING)) == WAITING

                return timed(work) / asks

            sides = (query, by_posts, by_person, bare)
            alternate(2, *sides)
            q, posts, person, b = alternate(turns, *sides)
            raw.close()
    return [
        costs(f"{WAITING} pending of {OPEN:,}: the query", kind, q, b, GOAL),
        costs("engine.pending(posts), a transaction of its own", kind, posts, b, None),
        costs("engine.pending(person), posts looked up", kind, person, b, None),
    ]
