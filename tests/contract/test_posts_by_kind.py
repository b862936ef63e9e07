"""Who answers for what by the kind of body, one liaison for a line, and one round of inspection over everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import MATTER, World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, loads, orgbook
from workflow.blocked import blocked
from workflow.errors import OrgInvalid, OutOfTurn
from workflow.store.groups import GroupReader

OFFICE = Actor("s1-secretary", "secretary", "s1")
DAY = "2019-08-12"
LIAISON = """flow: liaised
title: {zh: 示例联络, en: invented liaison}
stages:
  - {stage: contact, duty: secretary, slots: [{liaison: third}], exits: {done: done}}
  - {stage: done, final: true}
"""


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def places(world: World, item: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for slot in world.case(item).slots:
        found.setdefault(slot.level, []).append((slot.post, slot.kind))
    return found


def test_who_does_what_by_the_kind_of_body_is_said_by_the_definition(world: World) -> None:
    """R016, M50: a branch implements, a committee reviews, decides and signs; another matrix is another text, no code."""
    world.begin("m1")
    committee = [("handler", "prepare"), ("department", "review"), ("department", "decision"), ("secretary", "sign")]
    assert places(world, "m1") == {
        "organisation": [("handler", "prepare"), ("secretary", "sign")],
        "third": committee,
        "second": committee,
    }
    world.engine.urge(
        "m1", Actor("t1-department", "department", "t1")
    )  # the office reminds, and signs nothing for others
    with pytest.raises(OutOfTurn):
        world.engine.sign("m1", Actor("t1-department", "department", "t1"), world.case("m1").content, opinion="agreed")
    text = MATTER.replace("at: {organisation: branch}", "at: {organisation: branch, third: bureau}")
    text = text.replace("  branch: [handler, secretary]\n", "  branch: [handler, secretary]\n  bureau: [department]\n")
    world.engine.publish(loads(flow_text(text, "2")))
    world.begin("m2")
    assert places(world, "m2") == {**places(world, "m1"), "third": [("department", "review")]}


def test_a_line_has_one_liaison_and_a_vacancy_is_told(world: World) -> None:
    """R019, M22: a second one at once is refused; where there is none the place stands as blocked, and is told upward."""
    liaison = "  liaison: {title: {zh: 联络员, en: liaison}, may: sign}\n  scrutineer:"
    text = flow_text(LIAISON).replace("  scrutineer:", liaison)
    world.engine.publish(loads(text))
    held = tenure_row("nobody", "t1", "liaison", "2019-01-01", "2019-08-20")
    world.engine.import_org(imported(tenures=[held], persons=[person_row("second")]))
    with pytest.raises(OrgInvalid, match="would both hold liaison"), world.engine.desk() as desk:
        orgbook.appoint(desk, OFFICE, "another", person="second", unit="t1", post="liaison", from_on="2019-08-15")
    world.engine.open("liaised", "o1", item="m1")
    with world.engine.look() as desk:
        assert blocked(desk, world.clock.now()) == []
    world.clock.advance(timedelta(days=10))
    with world.engine.look() as desk:
        told = blocked(desk, world.clock.now())
    assert [(b.item, b.post, b.unit) for b in told] == [("m1", "liaison", "t1")]
    assert not world.case("m1").final, "a vacant post lets nothing pass"
    with world.engine.desk() as desk:
        orgbook.appoint(desk, OFFICE, "followed", person="second", unit="t1", post="liaison", from_on="2019-08-21")
    world.engine.sign("m1", Actor("second", "liaison", "t1"), world.case("m1").content)
    assert world.case("m1").final and world.verify().exit_code == 0


def test_one_round_of_seven_groups_covers_seventy_one_units_by_one_scorecard(world: World) -> None:
    """S3 「7个督查组,与67个县直属机关、事业单位党组织进行同督查、同考核」 and four enterprises, R018: nobody twice, nobody left out."""
    names = [f"x{n}" for n in range(71)]
    dated = {"established_on": "2010-01-01", "dissolved_on": None}
    units = [
        {
            "id": u,
            "level": "organisation",
            "ordinal": 100 + n,
            "name_zh": f"示例{u}",
            "name_en": f"invented {u}",
            **dated,
        }
        for n, u in enumerate(names)
    ]
    lines = [{"unit": u, "kind": "managing", "parent": "t1", "from_on": "2010-01-01", "until_on": None} for u in names]
    world.engine.import_org(imported(units=units, parents=lines))
    with world.engine.desk() as desk:
        for n in range(7):
            of = {"name_zh": f"示例督查{n}组", "name_en": f"invented inspection group {n}", "from_on": "2019-01-01"}
            orgbook.form_body(desk, OFFICE, "round", body=f"b{n}", kind="inspection", unit="s1", **of)
            orgbook.assign(desk, OFFICE, "round", body=f"b{n}", units=names[n::7], from_on="2019-01-01")
    with world.engine.reading() as connection:
        assert GroupReader(connection).coverage("inspection", names, DAY) == ([], {})
    with pytest.raises(OrgInvalid, match="would both look after it"), world.engine.desk() as desk:
        orgbook.assign(desk, OFFICE, "round", body="b1", units=["x0"], from_on="2019-02-01")
    for unit in names:
        world.engine.open("matter", unit, item=f"card-{unit}", campaign="round", category="leak")
    assert len({world.case(f"card-{u}").definition for u in names}) == 1  # one version, one scorecard
