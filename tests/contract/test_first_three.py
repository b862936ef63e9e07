"""The flag goes to the first three of the excellent, to fewer where fewer are, and to nobody before all are graded.

Source: S2 「对定格为优秀党支部档次中的前三名颁发奖金和流动红旗」, R094, M34.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import UNITS, World, worlds
from workflow import Actor
from workflow.definition.load import load
from workflow.definition.shipped import shipped_flow
from workflow.errors import GateClosed, LimitReached
from workflow.lists import items
from workflow.sight import all_of
from workflow.store.listing import Wanted

MARKS = {"o1": 90, "o3": 95, "t1": 92, "t2": 95, "s1": 84}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(load(shipped_flow("quarterly-appraisal")))
        yield made


def begun(w: World, unit: str, campaign: str = "2019-Q3") -> str:
    item = f"{campaign}-{unit}"
    w.engine.open("quarterly-appraisal", unit, item=item, campaign=campaign)
    w.engine.submit(item, Actor(f"{unit}-handler", "handler", unit), {"self-card": {"total": 100, "text": "invented"}})
    w.through(item)
    return item


def graded(w: World, unit: str, campaign: str = "2019-Q3") -> str:
    item = begun(w, unit, campaign)
    above = str(UNITS[unit][1])
    by = Actor(f"{above}-secretary", "secretary", above)
    w.engine.submit(item, by, {"superior-card": {"total": MARKS[unit], "opinion": "invented"}})
    w.engine.accept(item, by, w.case(item).content)
    return item


def award(w: World, item: str) -> None:
    if not any(s.state == "signed" for s in w.case(item).slots):
        w.sign(item, outcome="awarded")
    w.sign(item)


def test_the_flag_goes_to_the_first_three_of_the_excellent_once_all_are_graded(world: World) -> None:
    made = {unit: graded(world, unit) for unit in ("o3", "t2", "o1")}
    last = begun(world, "t1")
    with pytest.raises(GateClosed, match=last):
        award(world, made["o3"])
    superior = Actor("s1-secretary", "secretary", "s1")
    world.engine.submit(last, superior, {"superior-card": {"total": MARKS["t1"], "opinion": "invented"}})
    world.engine.accept(last, superior, world.case(last).content)
    made |= {"t1": last, "s1": graded(world, "s1")}
    assert world.case(made["s1"]).stage == "graded"  # 88.8 is good, not excellent: it stands outside of the ranking
    with pytest.raises(LimitReached, match="4 of 4"):
        award(world, made["o1"])
    for unit in ("t1", "o3", "t2"):  # two share the first rank, the next is the third
        award(world, made[unit])
    assert {world.case(made[u]).stage for u in ("t1", "o3", "t2")} == {"flag-holder"}
    report = world.verify()
    assert (report.exit_code, report.rules) == (0, "hold")


def test_fewer_excellent_have_fewer_flags_and_each_quarter_has_its_holders(world: World) -> None:
    award(world, graded(world, "o1"))
    again = graded(world, "o1", "2019-Q4")
    award(world, again)
    with world.engine.desk() as desk:
        holders = items(desk, all_of("2019-12-31"), Wanted(flow="quarterly-appraisal", stage="flag-holder")).rows
    assert sorted((r.campaign, r.unit) for r in holders) == [("2019-Q3", "o1"), ("2019-Q4", "o1")]


def test_no_more_than_three_hold_it_even_where_results_are_equal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MARKS, "o1", 95)
    monkeypatch.setitem(MARKS, "t1", 95)
    made = [graded(world, unit) for unit in ("o1", "o3", "t1", "t2")]
    for item in made[:3]:
        award(world, item)
    with pytest.raises(LimitReached, match="3 times at most"):
        award(world, made[3])
