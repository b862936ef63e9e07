"""Roving groups: a member of a body signs only for the units that it looks after. Source: S0 「一级督一级」, R005, R011."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import START, World, flow_text, worlds
from workflow import Actor, loads, orgbook
from workflow.cli.main import app
from workflow.errors import NotAssigned
from workflow.possible import may
from workflow.store.groups import GroupReader

ROVING = """flow: roving
title: {zh: 示例巡回督导, en: an invented roving inspection}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: look
    duty: {department: group}
    slots: [{department: group}, {secretary: group}]
    looks-after: [department]
    due: 5 workdays
    exits: {seen: done}
  - stage: done
    final: true
"""
MEMBER, HEAD = Actor("g1-department", "department", "g1"), Actor("g1-secretary", "secretary", "g1")
BY = Actor("g1-secretary", "secretary", "g1")
ONE = {"units": ["o1"], "from_on": "2019-01-01"}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(ROVING)))
        with made.engine.desk() as desk:
            for n, member in (("1", "g1-department"), ("2", "nobody")):
                formed = {"name_zh": f"示例督导{n}组", "name_en": f"invented roving group {n}", "from_on": "2019-01-01"}
                orgbook.form_body(desk, BY, "round one", body=f"r{n}", kind="roving", unit="g1", **formed)
                orgbook.seat(desk, BY, "a member", body=f"r{n}", role="member", person=member, from_on="2019-01-01")
            orgbook.assign(desk, BY, "round one", body="r1", units=["o1"], from_on="2019-01-01", until_on="2019-09-01")
            orgbook.assign(desk, BY, "round one", body="r2", units=["o3"], from_on="2019-01-01")
        yield made


def seen(world: World, item: str) -> str:
    return world.case(item).content


def test_a_member_signs_only_for_the_units_of_the_group_on_that_day(world: World) -> None:
    """Source: S0 「工作按照一个标准来抓」, R213."""
    for item, unit in (("m1", "o1"), ("m3", "o3"), ("m4", "o1")):
        world.engine.open("roving", unit, item=item)
    world.engine.sign("m1", MEMBER, seen(world, "m1"))
    world.engine.sign("m1", HEAD, seen(world, "m1"))  # a place that nobody has to look after the unit for
    with pytest.raises(NotAssigned) as refused:
        world.engine.sign("m3", MEMBER, seen(world, "m3"))
    assert "o1" in refused.value.text("zh") and "looks-after" in refused.value.text("en")
    with world.engine.look() as desk:
        refusals = [p.refusal for p in may(desk, "m3", MEMBER) if p.verb == "sign"]
    assert {type(r) for r in refusals} == {NotAssigned}
    world.clock.set(START + timedelta(days=21))
    with pytest.raises(NotAssigned, match="looks after nobody"):
        world.engine.sign("m4", MEMBER, seen(world, "m4"))
    assert world.case("m1").definition == world.case("m3").definition  # one version for every group
    assert world.case("m1").final and world.entries("m3") == 1
    assert world.verify().rules == "hold"


def test_who_is_left_out_and_who_is_looked_after_twice_is_told(world: World) -> None:
    levels = {"o1": "organisation", "o2": "organisation", "o3": "organisation", "t1": "third"}
    with world.engine.reading() as connection:
        assert GroupReader(connection).gaps(levels, "2019-08-12") == {"roving": (["o2"], {})}
    row = {"id": "a-both", "duty": "supervision", "body": "r2", "person": "", "unit": "o1", "item": ""}
    with world.engine.desk() as desk:  # an office may write what ``assign`` would refuse, by an entry of its own
        desk.change_org(
            {"kind": "assign"}, {"assignments": [{**row, "from_on": "2019-01-01", "until_on": None}]}, set(), []
        )
    with world.engine.reading() as connection:
        assert GroupReader(connection).gaps(levels, "2019-08-12") == {"roving": (["o2"], {"o1": ["r1", "r2"]})}
    for lang, left, twice in (
        ("en", "no body looks after o2", "o1 (r1, r2)"),
        ("zh", "无督导组联系 o2", "o1 (r1, r2)"),
    ):
        said = CliRunner().invoke(app, ["org", "check", world.url, "--on", "2019-08-12", "--lang", lang])
        assert said.exit_code == 0 and left in said.output and twice in said.output, said.output
