"""The log: building its tree beside the bare hash calls, and signing with a sequencer running beside signing without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs, rates, timed
from tests.benchmarks.signing import UNITS, Turn, ready
from workflow import Engine
from workflow.evidence.compact import Frontier
from workflow.evidence.merkle import leaf_hash
from workflow.logbook import Logbook
from workflow.logcheck import check
from workflow.sequencer import drain

BUILD_GOAL = 1.25
SIGN_GOAL = 0.9
CLIENTS = 16

# A node of its own: sequences what is visible once a second, until its standard input is closed.
_SEQUENCER = """
import select, sys
from workflow.sequencer import drain
from workflow.store import database
db = database.connect(sys.argv[1])
drain(db)
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 1.0)[0]:
    drain(db)
"""


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    return [_build(quick)] if kind == "sqlite" else [_sign(dbs, kind, quick)]


def _build(quick: bool) -> Result:
    count, turns = (200_000, 5) if quick else (1_000_000, 7)
    leaves = [leaf_hash(b"%d" % n) for n in range(count)]

    def ours() -> float:
        return timed(lambda: Frontier().extended(leaves)) / count

    def floor() -> float:
        left, right = leaves[0], leaves[1]

        def work() -> None:
            for _ in range(count - 1):
                sha256(b"\x01" + left + right).digest()

        return timed(work) / count

    alternate(1, ours, floor)
    o, f = alternate(turns, ours, floor)
    return costs(f"Merkle build, {count:,} leaves", "none", o, f, BUILD_GOAL, "beside as many hash calls")


def _sign(dbs: Databases, kind: Kind, quick: bool) -> Result:
    turns, acts = (4, 20) if quick else (10, 40)  # acts of each client in a turn
    home, items = dbs.home(), (2 * turns + 2) * CLIENTS * acts // 4
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home, durable=False) as engine:
            todo = _dealt(list(ready(engine, items, "a")))
        databases.settle(url)
        with world.engine_on(url, home) as one, world.engine_on(url, home) as two:
            book = Logbook.at(one, home)

            def signing() -> float:
                mine = [[next(hand) for _ in range(acts)] for hand in todo]
                with ThreadPoolExecutor(CLIENTS) as pool:
                    engines = [one, two] * (CLIENTS // 2)
                    return timed(lambda: list(pool.map(_sign_all, engines, mine))) / (acts * CLIENTS)

            def with_log() -> float:
                with _sequencing(url):
                    return signing()

            alternate(1, with_log, signing)
            o, f = alternate(turns, with_log, signing)
            left = drain(one.db).added
            book.checkpoint()
            with one.reading() as connection:
                report = check(connection)
            if not report.holds or report.waiting:
                raise AssertionError(f"the log does not hold: {[str(p) for p in report.problems[:3]]}")
    words = f"{report.size:,} entries in the log; the last {left:,} were left for afterwards"
    return rates(f"sign with the log, {CLIENTS} clients", kind, "acts/s", o, f, SIGN_GOAL, words)


def _dealt(turns: list[Turn]) -> list[Iterator[Turn]]:
    """Whole items dealt out to the clients, four signatures each, so that no two clients meet at one."""
    hands: list[list[Turn]] = [[] for _ in range(CLIENTS)]
    for n in range(0, len(turns), 4):
        hands[n // 4 % CLIENTS] += turns[n : n + 4]
    return [iter(hand) for hand in hands]


def _sign_all(engine: Engine, turns: list[Turn]) -> None:
    for item, by, seen in turns:
        engine.sign(item, by, seen, opinion=world.OPINION)


@contextmanager
def _sequencing(url: str) -> Iterator[None]:
    """A sequencer in a process of its own, that has caught up, until the end."""
    command = [sys.executable, "-c", _SEQUENCER, url]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.stdin.close()
        assert process.wait(60) == 0
