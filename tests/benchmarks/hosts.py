"""The pages and the API as a host serves them: an item page, lists, the first page, and signatures through REST.

Pages: a campaign of 40,000 units and 100,000 items; ``workflow serve``'s two processes, and eight readers in processes of
their own, each somebody else, on the same cores: once as people read, a page a second each, and once asking for one page
after the other without a pause, which keeps both cores busy all the time. What counts is the server's own time, waiting for
others included. Signatures through REST: a server in a process of its own and several callers beside the same signatures
given to the engine one after the other, which is their floor.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.benchmarks import bulk, databases, reading, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, Timed, alternate, quartiles, rates, timed
from tests.benchmarks.serving import Clients, Post, served

UNITS, ITEMS = 40_000, 100_000
WORKERS = 2
LOOKING = 1.0  # seconds that a reader looks at a page, as quick as somebody who pages through a list
READERS = ("", "secretary.r1", "secretary.s1", "secretary.t7", "secretary.t300", "secretary.b5", "handler.b5", "")
ITEM = "measured"
LISTS = (
    "/items",
    "/register",
    "/register?from=700",
    "/ledger",
    "/overdue",
    "/campaign",
    "/organisation",
    "/ladders",
    "/",
)
GOAL_ITEM, GOAL_LIST, GOAL_FIRST = 50.0, 100.0, 2.0
GOAL_RATE, GOAL_SHARE = 200, 0.5
CALLERS = 4


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    return [*_pages(dbs, kind, quick), *_signing(dbs, kind, quick)]


def _pages(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    rounds, home = (2 if quick else 8), dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home) as engine:
            seen = world.prepared(engine, ITEM, "b5")
            for by in world.chain_of("b5", "t1"):
                engine.sign(ITEM, by, seen, opinion=world.OPINION)
            definition = engine.case_of(ITEM)[1].digest
            bulk.items(url, ITEMS, flow=world.FLOW, definition=definition, units=UNITS, waiting=2)
            bulk.like(url, ITEM, "b5")
            databases.settle(url)
        return [*_read(url, home, kind, rounds), _first(url, home, kind, 3 if quick else 7)]


def _read(url: str, home: Path, kind: Kind, rounds: int) -> list[Result]:
    """The server's own time for each answer, from the request's arrival until it is made, others waiting before it included;
    beside it what a reader waits, from connecting until the last byte, on the cores that both share."""
    item, rows = f"/items/{ITEM}", []
    with reading.served(url, home, WORKERS) as port:
        for _ in range(2):  # so that each process has been asked everything
            reading.asked(port, READERS, (item, *LISTS), 2)
        for pause, words in ((LOOKING, f"a page every {LOOKING:g} s each"), (0.0, "without a pause")):
            answers = reading.asked(port, READERS, (item, *LISTS), max(rounds // 2, 1) if pause else rounds, pause)
            assert {status for _, status, _, _ in answers} <= {200, 404}, "404: who may not see the item"
            took = [(path, own, waited) for path, status, own, waited in answers if status == 200]
            name = f"at p95, {WORKERS} processes, {len(READERS)} readers {words}, {UNITS:,} units, {ITEMS:,} items"
            rows += [
                _p95(f"item page {name}", kind, [one[1:] for one in took if one[0] == item], GOAL_ITEM),
                _p95(f"lists {name}", kind, [one[1:] for one in took if one[0] != item], GOAL_LIST),
            ]
    return rows


def _first(url: str, home: Path, kind: Kind, turns: int) -> Result:
    """``workflow serve`` on the same database: from its start to the first page."""
    took = [reading.first_page(url, home) for _ in range(turns + 1)][1:]
    seconds, busy = sorted(t for t, _ in took), sorted(b for _, b in took)
    middle = len(took) // 2
    aside = f"{busy[middle]:.2f} s of processor"
    name = f"the first page after workflow serve, {UNITS:,} units, {ITEMS:,} items"
    return Result(name, kind, "s", seconds[middle], None, None, *quartiles(seconds), GOAL_FIRST, False, aside)


def _p95(name: str, kind: Kind, values: list[tuple[float, float]], goal: float) -> Result:
    own, waited = sorted(one for one, _ in values), sorted(one for _, one in values)
    last = len(own) - 1
    middle, p95 = last // 2, round(last * 0.95)
    aside = f"middle half: median and worst; its reader waits {waited[middle]:.0f}, at p95 {waited[p95]:.0f}"
    return Result(name, kind, "ms", own[p95], None, None, own[middle], own[-1], goal, False, aside)


def _signing(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    """The first signature of fresh items: by callers of a server, and on the engine in one process."""
    each, turns, home = 48, (4 if quick else 12), dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, 200)
        with world.engine_on(url, home) as engine, served(url, home) as port:
            numbers = count()

            def ready() -> list[tuple[str, str, str]]:
                made = []
                for n in (next(numbers) for _ in range(each)):
                    unit = f"b{n % 200 + 1}"
                    made.append((f"i{n}x", unit, world.prepared(engine, f"i{n}x", unit)))
                return made

            def through(clients: Clients) -> Timed:
                def turn() -> float:
                    posts = [_post(*one) for one in ready()]
                    return timed(lambda: clients.post(posts)) / each

                return turn

            def direct() -> float:
                some = ready()

                def work() -> None:
                    for item, unit, seen in some:
                        engine.sign(
                            item, world.holder("handler", unit), seen, opinion=world.OPINION, request_id=f"k{item}"
                        )

                return timed(work) / each

            several, alone = Clients(port, CALLERS), Clients(port, 1)
            sides = (through(several), through(alone), direct)
            alternate(2, *sides)
            ours, one, floor = alternate(turns, *sides)
            several.close()
            alone.close()
    found = rates(f"signatures through REST, a server and {CALLERS} callers", kind, "/s", ours, floor, None)
    enough = found.ours >= GOAL_RATE  # or half of the engine's own rate, whichever is lower
    reached = f"{GOAL_RATE} /s {'reached' if enough else 'not reached'}"
    single = rates("", kind, "/s", one, floor, None)
    aside = f"{reached}; one caller: {single.ours:,.0f}/s, {single.ratio:.2f}"
    return [replace(found, goal=None if enough else GOAL_SHARE, aside=aside)]


def _post(item: str, unit: str, seen: str) -> Post:
    body = {"as": {"post": "handler", "unit": unit}, "seen": seen, "opinion": world.OPINION}
    return f"/v1/items/{item}/sign", body, {"X-User": f"handler.{unit}", "Idempotency-Key": item}
