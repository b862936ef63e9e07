"""A register read a page at a time is the register, whoever reads it and as of whatever day; so is the heat of what is late."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.contract.test_unannounced import SPOT
from tests.contract.world import World, flow_text
from workflow import loads, views
from workflow.run import run_until
from workflow.seen import seen_by, seen_by_operator

DAY = 86_400 * 1_000_000
READERS = ("", "g1-secretary", "t1-secretary", "o1-secretary", "nobody")


@pytest.fixture
def busy(world: World) -> World:
    """Nine matters of three units in a few stages, some late, over forty days."""
    for n in range(9):
        item = world.begin(f"m{n}", ("o1", "o3", "t2" if n > 6 else "o1")[n % 3] if n != 8 else "o3")
        if n % 2:
            world.sign(item)
        if n == 0:
            world.through(item)
        world.clock.set(world.clock.now() + DAY // 3)
    run_until(world.engine, world.clock.now() + 40 * DAY)
    return world


def reader(world: World, who: str):  # type: ignore[no-untyped-def]
    return seen_by(world.engine, who) if who else seen_by_operator(world.engine)


@pytest.mark.parametrize("who", READERS)
def test_its_pages_put_together_are_the_whole_register(busy: World, who: str) -> None:
    with reader(busy, who) as seen:
        for at in (seen.now, seen.now - 41 * DAY, seen.now - 42 * DAY):
            whole = seen.register("matter", "c1", at)
            shelf = seen.shelf("matter", "c1", at)
            assert shelf.every == len(whole)
            for size in (1, 2, 4, 50):
                pages = [r for first in range(0, shelf.every + 1, size) for r in seen.page(shelf, first, size)]
                assert pages == whole
            listed = seen.shelf("matter", "c1", at, "register")
            assert seen.page(listed) == [r for r in whole if r.klass == "register"]
            assert seen.page(shelf, -1) == [] == seen.page(shelf, shelf.every)


@pytest.mark.parametrize("who", READERS)
def test_the_heat_and_the_first_rows_are_those_of_every_missed_node(busy: World, who: str) -> None:
    with reader(busy, who) as seen:
        for at in (seen.now, seen.now - 20 * DAY):
            rows = [r for r in seen.missed(at) if r.met_at is None or r.met_at > at]
            assert seen.heat("", at) == dict(Counter((r.unit, r.rule.partition("/")[0]) for r in rows))
            assert sum(seen.heat_of_flows("", at).values()) == len(rows)
            assert [r.item for r in seen.first_missed(at)] == [r.item for r in rows]
            assert seen.first_missed(at, limit=2) == seen.first_missed(at)[:2]
            assert seen.met_late(at) == sum(r.met_at is not None and r.met_at <= at for r in seen.missed(at))


def test_a_check_that_nobody_announced_is_counted_only_for_whoever_may_know(world: World) -> None:
    world.engine.publish(loads(flow_text(SPOT)))
    world.engine.open("spot", "o1", item="u1", campaign="c1")
    for who in ("", "t1-secretary", "o1-secretary"):
        with reader(world, who) as seen:
            whole = seen.register("spot", "c1")
            shelf = seen.shelf("spot", "c1")
            assert seen.page(shelf) == whole and shelf.every == len(whole) == (0 if who.startswith("o1") else 1)
    run_until(world.engine, world.clock.now() + 40 * DAY)
    for who, late in (("", 1), ("t1-secretary", 1), ("o1-secretary", 0)):
        with reader(world, who) as seen:
            assert sum(seen.heat().values()) == len(seen.first_missed()) == late


def test_the_present_is_the_moment_of_looking_though_the_clock_goes_on(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = busy.clock.now()

    def never(*_: object) -> None:
        raise AssertionError("what is there now need not be folded from the past")

    with seen_by_operator(busy.engine) as seen:
        monkeypatch.setattr(busy.clock, "now", lambda: before + DAY)
        monkeypatch.setattr(views, "past", never)
        shelf = seen.shelf("matter", "c1", seen.now)
        assert shelf.now and len(seen.ledger_rows(seen.page(shelf), seen.now)) == shelf.every
        with pytest.raises(AssertionError, match="folded"):
            seen.ledger_rows(seen.page(shelf), seen.now - 1)
