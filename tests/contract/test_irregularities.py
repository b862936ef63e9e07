"""What is out of the ordinary is listed with its times, and what was registered later by its nature is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, person_row, worlds
from workflow import Actor, loads, orgbook
from workflow.acts import CloseLine, Sign
from workflow.cli import irregular
from workflow.evidence.digest import digest
from workflow.irregularities import Dated, Irregularities, Reported, Thresholds, Turned, irregularities
from workflow.views import signatures

HANDLER = Actor("o1-handler", "handler", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(SHEETS)))
        yield made


def looked(world: World, thresholds: Thresholds | None = None, **more: Any) -> Irregularities:
    with world.engine.look() as desk:
        return irregularities(desk, 0, world.clock.now() + 1, thresholds, **more)


def begin(world: World, item: str) -> None:
    world.engine.open("sheets", "o1", item=item)
    world.engine.submit(item, HANDLER, SHEET)


def test_a_superior_who_signs_at_once_without_opening_it_is_listed_and_one_who_reads_it_is_not(world: World) -> None:
    """Source: S0 「上级把关不严格不到位,下面报什么是什么」, R039."""
    begin(world, "m1")
    world.sign("m1")
    world.sign("m1")
    world.clock.advance(timedelta(seconds=5))
    unread = world.sign("m1", by=Actor("t1-handler", "handler", "t1"))
    department = Actor("t1-department", "department", "t1")
    world.engine.view("m1", department, world.case("m1").content)
    world.clock.advance(timedelta(seconds=5))
    world.sign("m1", by=department)
    world.clock.advance(timedelta(minutes=2))
    world.sign("m1", by=department)
    found = looked(world).to_look_into
    assert [(f.kind, f.who, f.shown[0].seq) for f in found] == [("unread-at-once", "t1-handler", unread.seq)]
    assert looked(world, Thresholds(seconds=5)).to_look_into == ()
    shown = "\n".join(irregular.lines(looked(world), "zh"))
    assert "到件即签,未打开内容: t1-handler" in shown and "到件 5 秒后, 未打开" in shown and "待核查" in shown


def test_many_in_one_burst_are_listed_and_what_was_signed_in_ink_never_is(world: World) -> None:
    """Source: R039, R203."""
    for n in range(4):
        begin(world, f"m{n}")
        world.sign(f"m{n}")
        world.sign(f"m{n}")
    world.clock.advance(timedelta(days=1))
    registrar = Actor("t1-handler", "handler", "t1")
    for n in range(4):
        world.engine.sign(f"m{n}", registrar, world.case(f"m{n}").content)
    assert [f.kind for f in looked(world, Thresholds(burst=4)).to_look_into] == ["burst"]
    assert looked(world, Thresholds(burst=5)).to_look_into == ()
    world.clock.advance(timedelta(days=1))
    for n in range(4):
        department = Actor("t1-department", "department", "t1")
        world.engine.sign_in_ink(
            f"m{n}", department, world.case(f"m{n}").content, scan=b"a scan", on="2019-08-13", registrar=registrar
        )
    found = looked(world, Thresholds(burst=4)).to_look_into
    assert [f.who for f in found if f.kind == "burst"] == ["t1-handler"]
    assert not [f for f in found if f.who == "t1-department"]
    with world.engine.look() as desk:
        row = signatures(desk, "m1", world.clock.now())[-1]
    assert (row.strength, row.paper_on, row.registrar) == ("WET", "2019-08-13", "t1-handler")


def test_what_was_recorded_days_later_just_before_an_inspection_is_listed_with_both_times(world: World) -> None:
    """Source: S0 「打印机冒烟,碎纸机烧坏」, R203."""
    world.walk_to("work", "m1")
    secretary = Actor("o1-secretary", "secretary", "o1")
    world.clock.advance(timedelta(days=9))
    for no in (1, 2):
        act = CloseLine(item="m1", by=secretary, list="measures", no=no, evidence=digest(b"x"), on=f"2019-08-{12 + no}")
        world.engine.contents.put(b"x")
        world.engine.act(act)
    today = date(2019, 8, 21)
    twice = Thresholds(dated=2)
    (found,) = looked(world, twice, inspection=today + timedelta(days=2)).to_look_into[-1:]
    assert found.kind == "back-dated" and found.who == "o1"
    assert [getattr(d, "on", "") for d in found.shown] == ["2019-08-13", "2019-08-14"]
    assert not [f for f in looked(world, twice, inspection=date(2019, 9, 20)).to_look_into if f.kind == "back-dated"]
    assert "said to be of 2019-08-13, recorded 2019-08-21" in "\n".join(irregular.lines(looked(world, twice), "en"))


def test_days_back_are_counted_where_the_flow_is_done_not_in_greenwich(world: World) -> None:
    """Half past seven in Shanghai is still yesterday in Greenwich. R203."""
    world.walk_to("work", "m1")
    world.clock.set(datetime(2019, 8, 20, 23, 30, tzinfo=UTC))
    world.engine.contents.put(b"x")
    by = Actor("o1-secretary", "secretary", "o1")
    world.engine.act(CloseLine(item="m1", by=by, list="measures", no=1, evidence=digest(b"x"), on="2019-08-18"))
    (found,) = [f for f in looked(world, Thresholds(dated=1)).to_look_into if f.kind == "back-dated"]
    assert [(d.on, d.day) for d in found.shown if isinstance(d, Dated)] == [("2019-08-18", "2019-08-21")]


def test_an_entry_recorded_before_the_one_it_follows_is_recorded_and_listed_with_both_times(world: World) -> None:
    """A host's own clock was set back, or is behind another node's: the chain keeps the order, and people look into it."""
    begin(world, "m1")
    world.clock.advance(timedelta(hours=3))
    world.sign("m1")
    world.clock.advance(timedelta(seconds=-2))  # as far as clocks may differ
    world.sign("m1")
    assert looked(world, Thresholds()).to_look_into == ()
    world.clock.advance(timedelta(minutes=-90))
    world.engine.urge("m1", Actor("t1-secretary", "secretary", "t1"))
    world.clock.advance(timedelta(hours=4))
    found = looked(world, Thresholds())
    (one,) = found.to_look_into
    (shown,) = one.shown
    assert (one.kind, one.who) == ("clock-back", "m1") and isinstance(shown, Turned)
    assert (shown.kind, shown.person, shown.before - shown.at) == ("urge", "t1-secretary", 90 * 60 * 1_000_000)
    said = "\n".join(irregular.lines(found, "en"))
    assert f"m1#{shown.seq} urge t1-secretary secretary@t1: " in said and ", the one before " in said
    assert "记录时间早于前一条: m1 (1)" in "\n".join(irregular.lines(found, "zh"))
    assert world.verify().exit_code == 0


def test_who_acts_for_whom_and_what_was_passed_over_stays_marked_in_every_later_view(world: World) -> None:
    begin(world, "m1")
    world.sign("m1")
    world.engine.delegate(
        "m1",
        Actor("o1-secretary", "secretary", "o1"),
        world.case("m1").content,
        "2",
        "o1-scrutineer",
        "scrutineer",
        "away",
    )
    world.sign("m1", by=Actor("o1-scrutineer", "secretary", "o1"))
    args = (world.case("m1").content, "3", "nobody there may")
    world.engine.ask_override("m1", Actor("s1-department", "department", "s1"), *args)
    world.engine.override("m1", Actor("s1-secretary", "secretary", "s1"), *args)
    found = looked(world)
    assert [(s.person, s.principal, s.marks) for s in found.typed] == [("o1-scrutineer", "o1-secretary", ("delegate",))]
    assert [(p.place, p.post, p.persons) for p in found.passed] == [("3", "handler", ("s1-department", "s1-secretary"))]
    assert "无人签批" in "\n".join(irregular.lines(found, "zh"))


def test_whoever_has_a_mandate_sees_what_waits_for_the_principal_and_only_what_it_covers(world: World) -> None:
    world.engine.import_org(imported(persons=[person_row("deputy")]))
    for flow, item in (("sheets", "m1"), ("matter", "m2")):
        world.engine.open(flow, "o1", item=item, campaign="c1")
        world.engine.submit(item, HANDLER, SHEET, outcome="found" if flow == "matter" else "")
        world.sign(item)
    assert world.engine.pending("deputy") == []
    with world.engine.desk() as desk:
        orgbook.give_mandate(
            desk,
            Actor("o1-secretary", "secretary", "o1"),
            "away",
            mandate="w1",
            person="deputy",
            from_on="2019-08-12",
            until_on="2019-09-01",
            text=b"a mandate",
            flow="sheets",
        )
    assert [(p["item"], p["principal"]) for p in world.engine.pending("deputy")] == [("m1", "o1-secretary")]
    assert [p["item"] for p in world.engine.pending("o1-secretary")] == ["m1", "m2"]
    seen = world.case("m1").content
    world.engine.act(Sign(item="m1", by=Actor("deputy", "secretary", "o1"), seen=seen))
    assert world.engine.pending("deputy") == []


# --- what reports say ------------------------------------------------------------------------------------------------

FEEDBACK = """flow: feedback
title: {zh: 虚构巡视反馈, en: an invented inspection's feedback}
categories: {light: {zh: 轻, en: light}, grave: {zh: 重, en: grave}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: told, due: 30 days, slots: secretary, exits: {taken: done}}
  - {stage: done, title: done, final: true}
"""
WEIGHED = """flow: weighed
title: {zh: 虚构排查, en: an invented screening}
materials:
  found:
    title: found
    kind: list
    fields: {unit: unit, severity: {type: choice, choices: [light, grave]}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: fill
    due: 5 workdays
    materials: found
    compare: {with: [feedback], list: found, field: severity}
    slots: [handler, secretary]
    exits: {reported: done}
  - {stage: done, title: done, final: true}
"""


def test_who_reports_only_light_things_where_grave_ones_were_found_is_listed(world: World) -> None:
    """Source: S0 「上报小问题、容易整改的问题,回避大问题、不好整改的问题」, R059; R057."""
    for text in (FEEDBACK, WEIGHED):
        world.engine.publish(loads(flow_text(text)))
    for unit, item in (("o1", "f1"), ("o1", "f2"), ("o3", "f3")):
        world.engine.open("feedback", unit, item=item, campaign="inspection-2018", category="grave")
    for unit, told in (("o1", ("light", "light", "light")), ("o3", ("light", "grave"))):
        by = Actor(f"{unit}-handler", "handler", unit)
        world.engine.open("weighed", unit, item=f"r-{unit}")
        world.engine.submit(f"r-{unit}", by, {"found": [{"unit": unit, "severity": s} for s in told]})
        seen = world.case(f"r-{unit}").content
        world.engine.sign(f"r-{unit}", by, seen, reason="the grave ones are old" if unit == "o1" else "")
    found = looked(world)
    (one,) = found.to_look_into
    (shown,) = one.shown
    assert (one.kind, one.who) == ("told-less", "o1") and isinstance(shown, Reported)
    assert (shown.less, shown.known, shown.reason) == ({"grave": 2}, ("f1", "f2"), "the grave ones are old")
    assert "fewer than known: grave 2 (by f1, f2); the reason given: the grave ones are old" in "\n".join(
        irregular.lines(found, "en")
    )
    assert "所报少于已知: o1" in "\n".join(irregular.lines(found, "zh"))
    assert world.verify().exit_code == 0
