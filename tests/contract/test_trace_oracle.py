"""A trace says what looking through everything that happened says, whatever the tree. Source: R037, R041, R055."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.contract.random_reports import DAY, Telling, facts_of, tell_flow, together
from tests.contract.world import START, World, worlds
from workflow import loads
from workflow.clock import micros
from workflow.errors import Unknown
from workflow.trace import trace_unit

TREES = 12
SOAK, TOGETHER = 1_000, 50
WHAT = ("due", "signature", "report", "holder", "backstop", "mandate", "fill", "check", "redo", "late", "superseded")
WHAT += ("successor", "delegate", "passed-over", "registrar", "hand-over", "signed after all")
WHAT += ("owed by a delegate", "signer-added", "signer-removed", "transferred", "withdrawn", "the end withdrawn")
WHAT += ("added before", "added after", "added beside")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def agree(world: World, numbers: range) -> Counter[str]:
    """Tell every tree and hold its traces against the notebook, at random instants; how often what was compared."""
    world.engine.publish(loads(tell_flow()))
    tellings = [Telling(n) for n in numbers]
    world.engine.import_org(together(tellings))
    with world.engine.desk() as desk:
        for telling in tellings:
            telling.give_mandates(desk)
    compared: Counter[str] = Counter()
    for telling in tellings:
        world.clock.set(START)
        with world.engine.desk() as desk:
            telling.act(desk, world.clock)
        random = Random(telling.prefix)
        with world.engine.look() as desk:
            for unit in telling.level:
                for at in (telling.end, telling.end + 30 * DAY, random.randint(micros(START), telling.end)):
                    wanted = telling.expected(unit, at)
                    try:
                        got = facts_of(trace_unit(desk, "tell", "c1", unit, at))
                    except Unknown:
                        assert not any(t.told for t in tellings)  # nothing was ever opened
                        continue
                    for what, rows in wanted.items():
                        assert got[what] == rows, f"{what} about {unit} at {at}: {got[what] ^ rows}"
                    compared["traces"] += 1
                    compared.update(o[0] for o in wanted["owed"])
                    compared["owed by a delegate"] += sum(o[6] == "delegate" for o in wanted["owed"])
                    compared.update(s[5] for s in wanted["signers"])
                    compared.update(s[7] for s in wanted["signers"])
                    compared["late"] += sum(s[8] for s in wanted["signers"])
                    compared["superseded"] += sum(s[9] for s in wanted["signers"])
                    compared["registrar"] += sum(bool(s[11]) for s in wanted["signers"])
                    compared["signed after all"] += sum(
                        o[0] == "passed-over" and o[4] is not None for o in wanted["owed"]
                    )
                    compared["successor"] += sum(s[4] not in s[10] for s in wanted["signers"])
        compared.update(telling.did)
    return compared


def test_a_trace_is_what_the_whole_history_says_of_random_trees(world: World) -> None:
    compared = agree(world, range(TREES))
    assert compared["traces"] >= 3 * 3 * TREES
    assert not [what for what in WHAT if not compared[what]], compared
    assert world.verify().exit_code == 0


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000_000, 1_000_000 + SOAK, TOGETHER))
def test_a_trace_is_what_the_whole_history_says_of_a_thousand_trees(world: World, first: int) -> None:
    """A thousand on each database, so many together as one organisation holds without slowing every change of it."""
    assert agree(world, range(first, first + TOGETHER))["traces"] >= 3 * 3 * TOGETHER
