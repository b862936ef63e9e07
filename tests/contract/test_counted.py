"""Totals added up from what was counted once are those that the database gives, for whoever asks and whatever is covert."""

from __future__ import annotations

import pytest

from tests.contract.test_shelf import DAY, READERS, busy, reader
from tests.contract.test_unannounced import SPOT
from tests.contract.world import World, flow_text
from workflow import campaign, lists, loads
from workflow.run import run_until
from workflow.seen import Seen
from workflow.store import shelves
from workflow.store.listing import Wanted

__all__ = ["busy"]
UNITS = ("g1", "t1", "t2", "o1", "o2", "o3")


@pytest.fixture
def mixed(busy: World) -> World:
    """The same with checks that nobody announced, two of them late."""
    busy.engine.publish(loads(flow_text(SPOT)))
    busy.engine.open("spot", "o1", item="u1", campaign="c1")
    busy.engine.open("spot", "o2", item="u2", campaign="c1")
    run_until(busy.engine, busy.clock.now() + 40 * DAY)
    return busy


def seen_units(seen: Seen) -> list[str]:
    return [u for u in UNITS if seen.sight.sees(u)]


def test_totals_registers_and_missed_nodes(mixed: World) -> None:
    for who in READERS:
        with reader(mixed, who) as seen:
            totals(seen)
            registers(seen)
            missed(seen)


def totals(seen: Seen) -> None:
    counted = lists.sums(seen._desk, seen.sight.day)
    spot = Wanted(flow="spot", campaign="c1")
    for wanted in (Wanted(), Wanted(flow="matter"), spot, Wanted(klass="register"), Wanted(final=False)):
        for unit in ("", *seen_units(seen)):
            assert seen.tally(wanted, unit, counted=counted) == seen.tally(wanted, unit)
        assert seen.by_unit(seen_units(seen), wanted, counted=counted) == seen.by_unit(seen_units(seen), wanted)
        assert seen.campaigns(wanted, counted=counted) == seen.campaigns(wanted)
    covert = {"": 2, "g1-secretary": 2, "t1-secretary": 2, "o1-secretary": 0, "nobody": 0}
    assert seen.tally(spot, counted=counted).items == covert[seen.sight.person]
    asked_for_more = Wanted(category="no-such-category")
    assert seen.tally(asked_for_more, counted=counted).items == 0, "what the counting does not know is asked anew"


def registers(seen: Seen) -> None:
    counted = lists.sums(seen._desk, seen.sight.day)
    for flow, klass in (("matter", ""), ("matter", "register"), ("spot", ""), ("spot", "register")):
        shelf = seen.shelf(flow, "c1", klass=klass)
        assert seen.shelf(flow, "c1", klass=klass, counted=counted) == shelf
        assert seen.shelf(flow, "c1", klass=klass, counted=counted) == shelf, "also when it was found out before"


def missed(seen: Seen) -> None:
    rows = [r for r in seen.missed() if r.met_at is None]
    counted = campaign.missed_sums(seen._desk, seen.sight.day, seen.now)
    assert seen.missed_count(counted=counted) == seen.missed_count() == len(rows)
    for unit in seen_units(seen):
        below = set(seen._below(unit))
        heat = seen.heat_of_flows(unit, counted=counted)
        assert sum(heat.values()) == sum(r.unit in below for r in rows)
        assert heat == seen.heat_of_flows(unit)
    if seen.sight.units is None:
        assert {"matter", "spot"} <= {r.flow for r in rows}
    every = shelves.missed(seen._desk.connection, seen.now, lists.EVERY, 4)
    for limit in (1, 3, 100):
        assert seen.first_missed(limit=limit, among=every) == seen.first_missed(limit=limit)
    assert seen.met_late() == sum(r.met_at is not None for r in seen.missed())
    whole = sorted(seen.missed(), key=lambda r: (r.missed_at, r.item, r.rule))
    for size in (1, 3, 100):
        pages = [seen.missed_page(first=n, limit=size) for n in range(0, len(whole) + 1, size)]
        assert [r for rows, _ in pages for r in rows] == whole and {every for _, every in pages} == {len(whole)}
