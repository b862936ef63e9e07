"""A directive comes down level by level, and who has not acknowledged it cannot say what is wanted (一问三不知).

Source: S0 「做到每个层级都清楚中央精神、国资委党委要求,下级党委清楚上级党委工作部署」, R165; 「坚决杜绝“一问三不知”」, R161.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, worlds
from workflow import Actor
from workflow.cli.main import app
from workflow.definition.load import load
from workflow.definition.shipped import shipped_flow
from workflow.errors import GateClosed, NotUnderstood
from workflow.seen import seen_by, seen_by_operator


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(load(shipped_flow("directive-relay")))
        made.clock.set(datetime(2019, 9, 16, 1, tzinfo=UTC))
        yield made


def acknowledged(w: World, unit: str, campaign: str = "c1") -> None:
    item = f"{campaign}-{unit}"
    w.engine.open("directive-relay", unit, item=item, campaign=campaign)
    paper = {"received-on": "2019-09-16", "relayed-to": 9, "first-steps": f"an invented step of {unit}"}
    w.engine.submit(item, Actor(f"{unit}-handler", "handler", unit), {"acknowledgement": paper})
    w.through(item)


def test_each_level_says_who_has_acknowledged_and_whoever_has_not_in_time_is_listed(world: World) -> None:
    world.begin("m1")
    acknowledged(world, "g1")
    acknowledged(world, "s1")
    acknowledged(world, "t1")
    with pytest.raises(GateClosed):
        acknowledged(world, "o1", "c2")  # its superior has not, of that directive
    with seen_by_operator(world.engine) as seen:
        told = seen.clear("matter", "c1")
        assert [(r.level, r.acknowledged, r.owed, r.silent) for r in told.relays] == [
            ("group", 1, 1, ()),
            ("second", 1, 1, ()),
            ("third", 1, 2, ("t2",)),
            ("organisation", 0, 3, ("o1", "o2", "o3")),  # t1 answers for o2
        ]
        assert [g for g in told.gaps if g.question == "directive"] == []  # there is time until the 20th
    acknowledged(world, "o1")
    world.clock.set(datetime(2019, 9, 21, 1, tzinfo=UTC))
    with seen_by_operator(world.engine) as seen:
        gaps = [(g.unit, g.about) for g in seen.clear("matter", "c1").gaps if g.question == "directive"]
        assert gaps == [(unit, ("directive-relay c1",)) for unit in ("t2", "o2", "o3")]
        assert seen.clear("matter", "c1", relays=[("directive-relay", "c2")]).relays[0].acknowledged == 0
        with pytest.raises(NotUnderstood):
            seen.clear("matter", "c1", relays=[("matter", "c1")])
    with seen_by(world.engine, "o3-secretary") as seen:
        assert [(r.level, r.silent) for r in seen.clear("matter", "c1").relays if r.silent] == [
            ("organisation", ("o3",))
        ]
    asked = ["clear", world.url, "--flow", "matter", "--campaign", "c1"]
    said = CliRunner().invoke(app, [*asked, "--lang", "en"])
    assert said.exit_code == 1, said.output
    assert "directive-relay c1 · third: 1 of 2 acknowledged" in said.output and "overdue" in said.output
    said = CliRunner().invoke(app, [*asked, "--lang", "zh", "--relay", "directive-relay:c2"])
    assert "签收 0/1" in said.output and "未签收上级部署" in said.output
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert found["relays"][2]["missing"] == ["t2"]
