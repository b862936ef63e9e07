"""A fresh process that imports the library and opens an existing SQLite database, less a bare ``python -c pass``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from tests.benchmarks import world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, quartiles, timed

GOAL = 0.6
ON: tuple[Kind, ...] = ("sqlite",)
OPENS = "import sys, workflow; workflow.Engine.at(sys.argv[1], sys.argv[2]).close()"
ACTS = """
import sys
from tests.benchmarks.world import START, holder
from workflow import Engine, SettableClock
engine = Engine.at(sys.argv[1], sys.argv[2], clock=SettableClock(START))
engine.sign("x", holder("handler", "b1"), engine.show("x").digest, opinion="虚构")
"""
ROOT = Path(__file__).parents[2]


def _process(code: str, *arguments: str) -> float:
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return timed(lambda: subprocess.run(command, check=True, cwd=ROOT, env=environment))


def _processor_seconds() -> float:
    """What all ended child processes have used; on a busy machine this says more than the clock on the wall."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    turns = 7 if quick else 15
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, 1)
        with world.engine_on(url, home) as engine:
            world.prepared(engine, "x", "b1")
        _process(OPENS, url, str(home))  # bytecode is written, files are in memory
        before = _processor_seconds()
        opened, bare = alternate(turns, lambda: _process(OPENS, url, str(home)), lambda: _process("pass"))
        busy = (_processor_seconds() - before) / turns
        acted = _process(ACTS, url, str(home))
    spent = [o - b for o, b in zip(opened, bare, strict=True)]
    low, high = quartiles(spent)
    aside = (
        f"best {min(spent):.2f} s, {busy:.2f} s of processor; a first signature as well: {acted - median(bare):.2f} s"
    )
    name = "cold start: import and open a database"
    return [Result(name, kind, "s", median(spent), None, None, low, high, GOAL, False, aside)]
