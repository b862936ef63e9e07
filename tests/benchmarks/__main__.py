"""``python -m tests.benchmarks [--json FILE] [--only NAME] [--quick]``: what it costs, and whether the goals hold.

Exits with 1 when a goal does not hold. A benchmark is a module of this package with ``measure(dbs, kind, quick)``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from tests.benchmarks.databases import KINDS, Databases
from tests.benchmarks.measure import Result

NAMES = (
    "signing",
    "history",
    "opening",
    "pending",
    "obligations",
    "escalation",
    "year",
    "log",
    "organisation",
    "verifying",
    "rollup",
    "cold_start",
    "linting",
    "votes",
    "hosts",
)
HEAD = ("what", "on", "ours", "floor", "", "ratio", "middle half", "goal", "holds", "beside it")


def cells(r: Result) -> tuple[str, ...]:
    def figure(value: float | None) -> str:
        return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

    goal = "" if r.goal is None else f"{'>=' if r.at_least else '<='} {r.goal:g}"
    ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
    holds = "" if r.goal is None else "yes" if r.holds else "NO"
    spread = f"{r.low:.2f}..{r.high:.2f}"
    return r.name, r.database, figure(r.ours), figure(r.floor), r.unit, ratio, spread, goal, holds, r.aside


def table(results: list[Result]) -> str:
    rows = [HEAD, *(cells(r) for r in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    numbers = {2, 3, 5}
    return "\n".join(
        "  ".join(
            c.rjust(w) if i in numbers else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    asked.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to a file")
    asked.add_argument("--only", choices=NAMES, action="append", help="measure this one (may be given several times)")
    asked.add_argument("--quick", action="store_true", help="fewer turns, and 100,000 entries of history at most")
    args = asked.parse_args()
    # Processes that are measured find bytecode, as in an installed package; without it each would compile the library.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results: list[Result] = []
    dbs = Databases()
    try:
        for name in args.only or NAMES:
            benchmark = importlib.import_module(f"tests.benchmarks.{name}")
            for kind in getattr(benchmark, "ON", KINDS):
                print(f"measuring {name} on {kind}", file=sys.stderr, flush=True)
                results += benchmark.measure(dbs, kind, args.quick)
    finally:
        dbs.stop()
    print(table(results))
    if args.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "quick": args.quick}
        args.json.write_text(json.dumps({**machine, "results": [r.record() for r in results]}, indent=2) + "\n")
    return 0 if all(r.holds for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
