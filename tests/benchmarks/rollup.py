"""Roll-ups of a campaign of 40,000 units and 100,000 items for any subtree, and what the visibility filter adds to a list.

The floor of a filtered list is the same list asked for by somebody who sees everything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.benchmarks import bulk, databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs, quartiles, timed
from workflow import lists
from workflow.desk import Desk
from workflow.sight import Sight, all_of, sight_of
from workflow.store.listing import Wanted

ORGANISATIONS, ITEMS = 40_000, 100_000
GOAL_MS, GOAL_FILTER = 200.0, 1.5
MINE = Wanted(flow=world.FLOW, campaign="campaign-0")


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    turns = 5 if quick else 15
    found: list[Result] = []
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, ORGANISATIONS)
        with world.engine_on(url, home) as engine:
            with engine.reading() as connection:
                definition = engine.newest(connection, world.FLOW).digest
            bulk.items(url, ITEMS, flow=world.FLOW, definition=definition, units=ORGANISATIONS, waiting=2)
            databases.settle(url)
            with engine.look() as desk:
                everything = all_of(sight_of(desk, "nobody").day)

                def tally(under: str) -> Any:
                    return lambda: timed(lambda: lists.tally(desk, everything, MINE, under))

                for under, items in (("r1", ITEMS), ("s1", ITEMS), ("t7", None), ("b5", None)):
                    assert items in (None, lists.tally(desk, everything, MINE, under).items)
                    (ours,) = alternate(turns, tally(under))
                    found.append(_plain(f"roll-up under {under}, {ITEMS:,} items, {ORGANISATIONS:,} units", kind, ours))
                thirds = desk.organisation().children("s1", everything.day)
                (ours,) = alternate(turns, lambda: timed(lambda: lists.by_unit(desk, everything, MINE, thirds)))
                found.append(_plain(f"roll-up of each of {len(thirds)} units below s1", kind, ours))
                for who in ("secretary.r1", "secretary.t7", "secretary.b5"):
                    found += _filtered(desk, everything, sight_of(desk, who), kind, who, turns * 3)
    return found


def _filtered(desk: Desk, everything: Sight, sight: Sight, kind: Kind, who: str, turns: int) -> list[Result]:
    """The same pages and counts for a reader who sees part, and for one who sees all and asks for that part."""
    assert sight.units is not None
    under = who.partition(".")[2]
    out = []
    asked: dict[str, Callable[[Sight], object]] = {
        "a page": lambda s: lists.items(desk, s, MINE, under=under),
        "a tally": lambda s: lists.tally(desk, s, MINE, under),
    }
    for what, ask in asked.items():
        assert ask(sight) == ask(everything)
        ours, floor = alternate(turns, partial(timed, partial(ask, sight)), partial(timed, partial(ask, everything)))
        out.append(costs(f"{what} filtered for {who}, {len(sight.units):,} units", kind, ours, floor, GOAL_FILTER))
    return out


def _plain(name: str, kind: Kind, seconds: list[float]) -> Result:
    values = sorted(s * 1000 for s in seconds)
    low, high = quartiles(values)
    return Result(name, kind, "ms", values[len(values) // 2], None, None, low, high, GOAL_MS, False)
