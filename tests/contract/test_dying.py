"""A process that dies at any statement of a real act: the act is there as a whole, with all it leads to, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.contract.logs import at_every_statement
from tests.contract.world import SHEET, World
from workflow import Actor, tick
from workflow.logbook import Logbook

HANDLER = Actor("o1-handler", "handler", "o1")


def opened(world: World, n: int) -> None:
    world.engine.open("matter", "o1", item=f"m{n}", campaign="c1", category="leak")


def handed_in(world: World, n: int) -> None:
    world.engine.submit(f"m{n}", HANDLER, SHEET, outcome="found", request_id=f"hand-in-{n}")


def signed(world: World, n: int) -> None:
    """Each place of the stage, and so the entry into the next one."""
    while world.case(f"m{n}").stage == "report":
        world.sign(f"m{n}")


def looked(world: World, n: int) -> None:
    world.engine.view(f"m{n}", HANDLER, world.case(f"m{n}").content)


def reminded(world: World, n: int) -> None:
    world.clock.advance(timedelta(days=60))
    tick(world.engine)


ACTS: dict[str, tuple[Callable[[World, int], None], ...]] = {
    "open": (opened,),
    "submit": (opened, handed_in),
    "sign": (opened, handed_in, signed),
    "view": (opened, handed_in, looked),
    "fire": (opened, handed_in, reminded),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_there_as_a_whole_or_not_at_all(world: World, name: str) -> None:
    """Chains, columns, snapshots, open places, dues, the outbox's log and the rules: a full check is clean after each death,
    nothing acknowledged is gone, and what died is done again without a trace of the first try."""
    *before, act = ACTS[name]
    book = Logbook.at(world.engine, world.home)
    rounds, acknowledged = iter(range(100)), 0
    number = 0

    def first() -> None:
        nonlocal number, acknowledged
        number = next(rounds)
        for one in before:
            one(world, number)
        acknowledged = world.entries()

    def do() -> None:
        act(world, number)

    def look() -> None:
        nonlocal acknowledged
        book.sequence()
        report = world.verify()
        assert report.holds, report.failures
        assert world.entries() >= acknowledged
        acknowledged = world.entries()

    assert at_every_statement(world.engine.db, do, look, first) > 4
    chains = [f"view:m{n}" if name == "view" else f"m{n}" for n in (0, 1)]
    counts = [world.entries(chain) for chain in chains]
    assert number == 1 and min(counts) > 0
    assert counts[0] == counts[1] or name == "fire", (
        "what was tried often is on record once"
    )  # a later sweep fires both
    assert book.checkpoint().size == world.entries()
