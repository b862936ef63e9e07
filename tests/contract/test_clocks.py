"""Clocks in force, on every database: shares of a chain, appointments, dates that data carries, holidays, extensions,
pauses, dates that wait for a calendar; and the ledger that explains each.

Source: requirements R067-R069, R075, R078, R079; time semantics.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from tests.contract.world import BAD_VOTE, MATTER, World, flow_text, imported, make_world, tenure_row
from workflow import Actor, bundle, loads, tick
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.cli.times import register
from workflow.clock import moment, steady
from workflow.definition.shipped import shipped_calendar
from workflow.errors import (
    BadMaterial,
    CalendarMissing,
    CalendarRefused,
    DateRequired,
    LimitReached,
    NotHolder,
    OutOfTurn,
    ReasonRequired,
    Stale,
    WrongStage,
)
from workflow.evidence.canonical import read
from workflow.evidence.standalone import Policy, Verifier
from workflow.migration import concerned, plan
from workflow.reprojection import publish, reproject
from workflow.rules.reckoning import NEVER
from workflow.schedule import once
from workflow.store import items
from workflow.store.tables import due as due_table
from workflow.views import missed
from workflow.why import Due, _Ledger, lines, why

ZONE = "Asia/Shanghai"
SIX_DAYS = """calendar: six-days
title: {zh: 六日工作制(虚构), en: a week of six days (invented)}
weekend: [sun]
festivals:
  national-day: {zh: 国庆节, en: National Day}
years:
  2019:
    holidays: [{festival: national-day, from: 2019-10-01, to: 2019-10-03}]
    workdays: []
  2020:
    holidays: [{festival: national-day, from: 2020-10-01, to: 2020-10-03}]
    workdays: []
"""
CN = load_calendar(shipped_calendar("cn"))

CLOCKS = """flow: clocks
title: {zh: 示例时限, en: invented clocks}
nodes:
  "1": {in-force: 2019-08-01, start: 2019-08-30, end: {on: 2019-10-31, reading: {zh: 含当日, en: that day included}}}
  "2": {in-force: 2019-09-02, start: 2019-09-20, end: 2019-11-20}
materials:
  plan: {title: plan, fields: {until: date, words: {type: text, max: 50}}}
  steps: {title: steps, kind: list, fields: {step: {type: text, max: 50}, until: {type: date, required: false}}}
chains:
  branch: [handler, secretary]
  level: [handler, {department: own, within: 1 workdays, ladder: respond}, secretary]
  up:
    levels: {from: organisation, to: second, each: level, at: {organisation: branch}, within: 2 workdays, ladder: respond}
    return: {to: previous, needs: reason}
    steps: [{secretary: group, within: 4 hours, ladder: respond}]
ladder:
  overdue:
    - {before: 3 workdays, do: remind, to: responsible}
    - {after: 0 workdays, do: remind, to: [responsible, {secretary: superior}]}
    - {after: 5 workdays, do: propose, item: talk, to: {secretary: superior}, whom: responsible}
  respond:
    - {after: 0 workdays, do: remind, to: [responsible, {secretary: superior}]}
    - {after: 1 workdays, do: remind, to: {secretary: superior}}
stages:
  - stage: report
    duty: secretary
    due: {node: start, extend: {by: superior, at-most: 10 workdays}}
    materials: plan
    chain: up
    exits: {done: work, back: {to: report}}
  - stage: work
    duty: secretary
    slots: secretary
    due:
      within: 10 workdays
      at: "17:00"
      extend: {by: second, at-most: 5 workdays, times: 2}
      pause: {by: [{department: superior}, {secretary: superior}], starts: {within: 3 workdays, duty: handler}}
    exits: {done: carried, hours: hours}
  - stage: hours
    duty: secretary
    slots: secretary
    due: {within: 10 hours, pause: {by: {department: superior}, starts: {within: 3 workdays, duty: handler}, times: 2}}
    exits: {done: carried}
  - stage: carried
    duty: secretary
    materials: [plan, steps]
    slots: secretary
    due: {field: until, not-after: end}
    exits: {done: trained}
  - stage: trained
    duty: secretary
    slots: handler
    due: {event: appointed, within: 6 months}
    exits: {done: festive}
  - stage: festive
    duty: secretary
    slots: secretary
    due: {before: {festival: National Day, by: 3 workdays}, or-within: 5 workdays}
    exits: {done: finished}
  - stage: finished
    final: true
"""

PLAN = {"plan": {"until": "2019-09-20", "words": "a plan"}}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A fresh database with the flow of many clocks beside the usual ones."""
    made = make_world(database_url, tmp_path / "home")
    made.engine.publish(loads(flow_text(CLOCKS)))
    yield made
    made.engine.close()


def person(unit: str, post: str) -> Actor:
    return Actor(f"{unit}-{post}", post, unit)


def local(us: int | None) -> str:
    return f"{moment(us, ZONE):%Y-%m-%d %H:%M}" if us is not None else "-"


def go(world: World, when: str) -> None:
    world.clock.set(datetime.fromisoformat(when).replace(tzinfo=UTC) - timedelta(hours=8))


def dues_of(world: World, item: str) -> dict[str, str]:
    """The open dues of an item: end of the rule -> first instant missed."""
    return {r.split("/", 1)[1]: local(d["missed"]) for r, d in world.case(item).dues.items()}


def ledger(world: World, item: str) -> dict[str, Due]:
    with world.engine.look() as desk:
        return {d.rule: d for d in why(desk, item)}


def rows(world: World, item: str) -> dict[str, Any]:
    with world.engine.reading() as connection:
        return {r.rule: r for r in connection.execute(sa.select(due_table).where(due_table.c.item == item))}


def fires(world: World, item: str) -> list[tuple[str, int, tuple[str, ...]]]:
    """Every rung that fired on an item: rule, step, whom it told."""
    with world.engine.reading() as connection:
        effects = [e for row in items.entries(connection, item) for e in read(row.body)["effects"]]
    told = [e for e in effects if e["e"] in ("reminded", "proposed")]
    return [(e["rule"], e["step"], tuple(f"{p['post']}@{p['unit']}" for p in e["to"])) for e in told]


def sweep(world: World) -> int:
    return tick(world.engine, at=world.clock.now()).fired


def holds(world: World, *names: str) -> None:
    """The whole history verifies, and counting every date again gives what is on record."""
    report = world.verify()
    assert report.holds, [str(f) for f in report.failures]
    for name in names:
        stored, told = rows(world, name), ledger(world, name)
        assert stored.keys() == told.keys()
        for rule, one in told.items():
            assert one.agrees, rule
            assert stored[rule].missed_at == (NEVER if one.missed_at is None else one.missed_at)


def reported(world: World, item: str = "x") -> str:
    world.engine.open("clocks", "o1", item=item, campaign="c1")
    world.engine.submit(item, person("o1", "handler"), PLAN, outcome="done")
    return item


def at_work(world: World, item: str = "x") -> str:
    reported(world, item)
    world.through(item)
    return item


# --- shares of a chain ---------------------------------------------------------------------------------------------


def test_each_level_has_its_share_of_the_time_from_the_moment_the_item_reaches_it(world: World) -> None:
    item = reported(world)  # Monday 12 August, 09:00
    assert dues_of(world, item) == {"1": "2019-08-31 00:00", "1/slot-1": "2019-08-15 00:00"}
    world.sign(item)
    assert "1/slot-1" in dues_of(world, item)  # the whole level's, not the first place's
    go(world, "2019-08-16 10:00")  # a Friday
    world.sign(item)
    assert dues_of(world, item) == {"1": "2019-08-31 00:00", "1/slot-3": "2019-08-21 00:00"}
    assert ledger(world, item)["report/1/slot-1"].state == "met-late"
    world.sign(item)
    assert dues_of(world, item)["1/step-4"] == "2019-08-20 00:00"  # the department's own, inside the level's
    world.sign(item)
    assert set(dues_of(world, item)) == {"1", "1/slot-3"}
    holds(world, item)


def test_a_share_climbs_its_own_ladder_from_whoever_holds_it_up_and_the_stage_climbs_its_own(world: World) -> None:
    item = reported(world)
    world.sign(item)
    go(world, "2019-08-14 23:59")
    assert sweep(world) == 0
    go(world, "2019-08-15 00:00")
    assert sweep(world) == 1
    assert fires(world, item) == [("report/1/slot-1", 0, ("secretary@o1", "secretary@t1"))]
    world.sign(item)
    go(world, "2019-08-20 10:00")
    sweep(world)
    assert fires(world, item)[1:] == [("report/1/slot-3", 0, ("handler@t1", "handler@t1", "secretary@s1"))]
    go(world, "2019-08-28 10:00")
    sweep(world)
    assert ("report/1", 0, ("secretary@o1",)) in fires(world, item)
    holds(world, item)


def test_a_return_is_an_answer_and_starts_the_share_below_anew_with_its_ladder(world: World) -> None:
    item = reported(world)
    world.sign(item)
    go(world, "2019-08-15 10:00")
    assert sweep(world) == 1
    world.sign(item)
    case = world.case(item)
    world.engine.send_back(item, Actor("t1-department", "handler", "t1"), case.content, "not enough")
    assert dues_of(world, item) == {"1": "2019-08-31 00:00", "1/slot-1/2": "2019-08-20 00:00"}
    told = ledger(world, item)
    assert (told["report/1/slot-1"].state, told["report/1/slot-3"].state) == ("met-late", "met")
    go(world, "2019-08-20 10:00")
    assert sweep(world) == 1  # the second clock climbs from the beginning; the first never fires again
    assert [f[:2] for f in fires(world, item)] == [("report/1/slot-1", 0), ("report/1/slot-1/2", 0)]
    world.sign(item)
    world.sign(item)
    assert "1/slot-3/2" in dues_of(world, item)
    holds(world, item)


def test_handing_in_anew_after_signatures_starts_the_first_share_anew(world: World) -> None:
    item = reported(world)
    world.sign(item)
    world.sign(item)
    world.engine.submit(item, person("o1", "handler"), {"plan": {"until": "2019-09-21", "words": "better"}})
    assert set(dues_of(world, item)) == {"1", "1/slot-1/2"}
    world.engine.submit(item, person("o1", "handler"), {"plan": {"until": "2019-09-22", "words": "better still"}})
    assert set(dues_of(world, item)) == {"1", "1/slot-1/2"}  # it runs already
    holds(world, item)


def test_leaving_the_stage_ends_every_share_and_a_step_may_have_hours(world: World) -> None:
    item = reported(world)
    for _ in range(8):
        world.sign(item)
    assert dues_of(world, item)["1/step-9"] == "2019-08-12 13:00"
    world.sign(item)
    assert (world.case(item).stage, dues_of(world, item)) == ("work", {"2": "2019-08-26 17:00"})
    assert {d.state for d in ledger(world, item).values()} == {"met", "running"}
    holds(world, item)


# --- extensions ----------------------------------------------------------------------------------------------------


def test_an_extension_is_signed_by_somebody_above_with_a_reason_within_the_cap_and_once(world: World) -> None:
    item = reported(world)
    e, seen, boss = world.engine, world.case(item).content, person("t1", "secretary")
    with pytest.raises(OutOfTurn):
        e.extend(item, person("o1", "secretary"), seen, "2019-09-05", "more time")
    with pytest.raises(NotHolder):
        e.extend(item, Actor("o1-secretary", "secretary", "t1"), seen, "2019-09-05", "more time")
    with pytest.raises(ReasonRequired):
        e.extend(item, boss, seen, "2019-09-05", "  ")
    with pytest.raises(Stale):
        e.extend(item, boss, "sha256:" + "0" * 64, "2019-09-05", "more time")
    for wrong in ("2019-08-30", "2019-02-30", ""):
        with pytest.raises(DateRequired):
            e.extend(item, boss, seen, wrong, "more time")
    with pytest.raises(LimitReached, match="2019-09-16"):  # ten working days on, the Mid-Autumn holiday not counted
        e.extend(item, boss, seen, "2019-09-17", "more time")
    with pytest.raises(WrongStage):
        e.extend(item, boss, seen, "2019-09-05", "more time", rule="report/1/slot-1")
    before = world.entries(item)
    e.extend(item, boss, seen, "2019-09-05", "more time")
    assert world.entries(item) == before + 1
    assert dues_of(world, item)["1"] == "2019-09-06 00:00"
    with pytest.raises(LimitReached, match="1 extension"):
        e.extend(item, person("s1", "secretary"), seen, "2019-09-10", "more time")
    told = ledger(world, item)["report/1"]
    assert [s.what for s in told.settings] == ["armed", "extended"]
    assert (told.settings[1].reason, told.settings[1].by) == ("more time", "secretary@t1 (t1-secretary)")
    holds(world, item)


def test_rungs_that_fired_are_not_recomputed_by_an_extension_and_the_rest_move_with_it(world: World) -> None:
    item = reported(world)
    go(world, "2019-08-28 00:00")
    sweep(world)
    fired = [f for f in fires(world, item) if f[0] == "report/1"]
    assert [f[1] for f in fired] == [0]  # three working days before the 30th
    world.engine.extend(item, person("s1", "secretary"), world.case(item).content, "2019-09-12", "more time")
    go(world, "2019-09-12 23:00")
    while sweep(world):
        world.clock.advance(timedelta(seconds=5))
    assert [f for f in fires(world, item) if f[0] == "report/1"] == fired
    go(world, "2019-09-13 00:00")
    sweep(world)
    assert [f[1] for f in fires(world, item) if f[0] == "report/1"] == [0, 1]
    holds(world, item)


def test_an_overdue_duty_is_not_extended_and_a_silent_definition_extends_nothing(world: World) -> None:
    item = reported(world)
    go(world, "2019-08-31 00:00")
    with pytest.raises(LimitReached, match="overdue"):
        world.engine.extend(item, person("t1", "secretary"), world.case(item).content, "2019-09-05", "too late")
    world.begin("m")
    with pytest.raises(WrongStage, match="says extend"):
        world.engine.extend("m", person("t1", "secretary"), world.case("m").content, "2019-09-30", "please")
    with pytest.raises(WrongStage, match="says pause"):
        world.engine.pause("m", person("t1", "secretary"), world.case("m").content, "please")


def test_two_extensions_together_stay_within_the_cap_of_the_first_date(world: World) -> None:
    item = at_work(world)  # within 10 workdays until 17:00: 2019-08-26
    e, seen, group = world.engine, world.case(item).content, person("s1", "secretary")
    with pytest.raises(OutOfTurn):  # the definition says second, and t1 is below it
        e.extend(item, person("t1", "secretary"), seen, "2019-08-28", "more time")
    e.extend(item, group, seen, "2019-08-28", "more time")
    assert dues_of(world, item) == {"2": "2019-08-28 17:00"}
    with pytest.raises(LimitReached, match="2019-09-02"):
        e.extend(item, group, seen, "2019-09-03", "and more")
    e.extend(item, group, seen, "2019-09-02", "and more")
    assert dues_of(world, item) == {"2": "2019-09-02 17:00"}
    holds(world, item)


def test_another_node_set_moves_node_dates_drops_their_extension_and_leaves_other_clocks_alone(world: World) -> None:
    item = reported(world)
    world.engine.extend(item, person("t1", "secretary"), world.case(item).content, "2019-09-05", "more time")
    share = dues_of(world, item)["1/slot-1"]
    go(world, "2019-09-03 10:00")
    top = person("g1", "secretary")
    world.engine.adopt_nodes(item, top, "2")
    assert dues_of(world, item) == {"1": "2019-09-21 00:00", "1/slot-1": share}
    with pytest.raises(LimitReached):  # that the one extension was used is not forgotten
        world.engine.extend(item, person("t1", "secretary"), world.case(item).content, "2019-09-25", "again")
    told = ledger(world, item)["report/1"]
    assert [s.basis["set"] for s in told.settings] == ["1", "1", "2"]
    holds(world, item)


def test_a_span_that_a_node_caps_has_the_cap_of_the_node_set_that_binds(world: World) -> None:
    """R068: adopting the later nodes moved the dates of nodes, and left a span under the node it had been capped by."""
    text = CAPPED.replace(
        '  "1": {in-force: 2019-08-01, end: 2019-08-23}',
        """  "1": {in-force: 2019-08-01, end: 2019-08-23}
  "2": {in-force: 2019-08-15, end: 2019-09-06}""",
    )
    world.engine.publish(loads(flow_text(text)))
    for item in ("x", "paused"):
        world.engine.open("capped", "o1", item=item)
    assert dues_of(world, "x") == {"1": "2019-08-24 00:00"} and world.case("x").nodes == "1"
    top = person("g1", "secretary")
    go(world, "2019-08-16 10:00")
    world.engine.pause("paused", person("t1", "department"), world.case("paused").content, "papers are lacking")
    for item in ("x", "paused"):
        world.engine.adopt_nodes(item, top, "2")
    assert dues_of(world, "x") == {"1": "2019-09-07 00:00"} and world.case("x").nodes == "2"
    world.engine.resume("paused", person("t1", "department"), world.case("paused").content, "here they are")
    assert dues_of(world, "paused") == {"1": "2019-09-07 00:00"}
    holds(world, "x", "paused")


def test_look_backs_run_on_when_another_node_set_is_adopted(world: World) -> None:
    item = "m"
    world.walk_to("closed", item)
    before = dues_of(world, item)
    assert len(before) == 2
    go(world, "2019-10-08 10:00")
    world.engine.adopt_nodes(item, person("g1", "secretary"), "2")
    assert dues_of(world, item) == before
    holds(world, item)


# --- pauses --------------------------------------------------------------------------------------------------------


def test_a_pause_stops_one_clock_and_starts_the_other_partys(world: World) -> None:
    item = at_work(world)
    e, seen, office = world.engine, world.case(item).content, person("t1", "department")
    go(world, "2019-08-14 10:00")
    with pytest.raises(OutOfTurn):
        e.pause(item, person("o1", "secretary"), seen, "papers are lacking")
    with pytest.raises(ReasonRequired):
        e.pause(item, office, seen, "")
    with pytest.raises(LimitReached, match="paused"):
        e.resume(item, office, seen, "nothing to resume")
    e.pause(item, office, seen, "papers are lacking")
    assert world.case(item).dues["work/2"]["missed"] == NEVER
    assert dues_of(world, item)["2/pause-1"] == "2019-08-20 00:00"
    with pytest.raises(LimitReached, match="resume it first"):
        e.pause(item, office, seen, "again")
    with pytest.raises(LimitReached, match="resume it first"):
        e.extend(item, person("s1", "secretary"), seen, "2019-08-28", "more time")
    go(world, "2019-08-20 00:00")
    assert sweep(world) == 1 and sweep(world) == 0
    assert fires(world, item)[-1] == ("work/2/pause-1", 1, ("handler@o1", "secretary@t1"))
    go(world, "2019-10-09 10:00")  # long after the date it had; nothing of it fired, nothing is overdue
    with world.engine.look() as desk:
        assert [m.rule for m in missed(desk, world.clock.now()) if m.item == item and m.rule == "work/2"] == []
    e.resume(item, person("o1", "handler"), seen, "here they are")
    # eight working days were left on 14 August; the 12th of October was worked
    assert dues_of(world, item) == {"2": "2019-10-18 17:00"}
    told = ledger(world, item)
    assert [s.what for s in told["work/2"].settings] == ["armed", "paused", "resumed"]
    assert told["work/2/pause-1"].state == "met-late"
    with pytest.raises(LimitReached, match="1 pause"):
        e.pause(item, office, seen, "once more")
    holds(world, item)


CAPPED = """flow: capped
title: {zh: 示例, en: invented}
nodes:
  "1": {in-force: 2019-08-01, end: 2019-08-23}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: only
    duty: secretary
    slots: secretary
    due: {within: 30 workdays, not-after: end, pause: {by: {department: superior}, starts: {within: 3 workdays, duty: handler}}}
    exits: {done: heard}
  - stage: heard
    duty: secretary
    slots: secretary
    due: {within: 5 workdays, pause: {by: {department: superior}, starts: {within: 3 workdays, duty: handler}, times: 3, whole-days: true}}
    exits: {done: end}
  - {stage: end, final: true}
"""


def test_a_node_that_caps_a_clock_does_not_wait_while_it_is_stopped(world: World) -> None:
    """A fixed date cannot be paused, only extended: a pause would have carried the span beyond it."""
    world.engine.publish(loads(flow_text(CAPPED)))
    world.engine.open("capped", "o1", item="x")
    assert dues_of(world, "x") == {"1": "2019-08-24 00:00"}
    seen, office = world.case("x").content, person("t1", "department")
    world.engine.pause("x", office, seen, "papers are lacking")
    paused = ledger(world, "x")["only/1"]
    assert (paused.state, local(paused.missed_at)) == ("paused", "2019-08-24 00:00")
    go(world, "2019-08-24 00:00")
    assert sweep(world) == 2 and ledger(world, "x")["only/1"].state == "overdue"  # and the other party's clock
    with world.engine.look() as desk:
        assert "only/1" in {m.rule for m in missed(desk, world.clock.now())}
        assert "its node does not wait: missed from 2019-08-24 00:00" in "\n".join(lines(why(desk, "x"), ZONE, "en"))
    go(world, "2019-09-02 10:00")
    world.engine.resume("x", office, seen, "here they are")
    assert dues_of(world, "x") == {"1": "2019-08-24 00:00"}
    assert sweep(world) == 0
    holds(world, "x")


def test_a_pause_within_its_node_takes_nothing_from_the_span(world: World) -> None:
    world.engine.publish(
        loads(flow_text(CAPPED.replace("30 workdays", "8 workdays").replace("end: 2019-08-23", "end: 2019-08-30")))
    )
    world.engine.open("capped", "o1", item="x")
    assert dues_of(world, "x") == {"1": "2019-08-23 00:00"}
    seen, office = world.case("x").content, person("t1", "department")
    go(world, "2019-08-14 10:00")
    world.engine.pause("x", office, seen, "papers are lacking")
    go(world, "2019-08-16 10:00")
    world.engine.resume("x", office, seen, "here they are")
    assert dues_of(world, "x") == {"1": "2019-08-27 00:00"}  # six working days were left on the 14th
    holds(world, "x")


def test_days_of_a_hearing_are_not_counted_be_it_for_an_hour(world: World) -> None:
    """听证所需时间不计入期限: a day on which the clock stood still is none of the five, however often it did."""
    world.engine.publish(loads(flow_text(CAPPED)))
    world.engine.open("capped", "o1", item="x")
    world.sign("x")
    office = person("t1", "department")
    assert dues_of(world, "x") == {"2": "2019-08-20 00:00"}  # from Monday the 12th: 13, 14, 15, 16, 19
    go(world, "2019-08-14 09:00")
    seen = world.case("x").content
    for begins, ends in (("09:00", "11:00"), ("14:00", "15:00")):
        go(world, f"2019-08-14 {begins}")
        world.engine.pause("x", office, seen, "a hearing")
        go(world, f"2019-08-14 {ends}")
        world.engine.resume("x", office, seen, "it was held")
    assert dues_of(world, "x") == {"2": "2019-08-21 00:00"}  # 13, 15, 16, 19, 20: the 14th is left out once
    go(world, "2019-08-15 09:00")
    world.engine.pause("x", office, seen, "a second hearing")
    go(world, "2019-08-16 09:00")
    world.engine.resume("x", office, seen, "it was held over two days")
    assert dues_of(world, "x") == {"2": "2019-08-23 00:00"}
    holds(world, "x")


def test_hours_stand_still_to_the_microsecond(world: World) -> None:
    item = at_work(world)
    world.sign(item, outcome="hours")
    seen, office = world.case(item).content, person("t1", "department")
    for spent, rest in ((3, 50), (4, 1)):
        world.clock.advance(timedelta(hours=spent, microseconds=1))
        world.engine.pause(item, office, seen, "a question")
        world.clock.advance(timedelta(hours=rest))
        world.engine.resume(item, office, seen, "answered")
    left = world.case(item).dues["hours/3"]["missed"] - world.clock.now()
    assert left == 3 * 3_600_000_000 - 2
    holds(world, item)


def test_leaving_a_stage_while_its_clock_stands_still_is_in_time(world: World) -> None:
    item = at_work(world)
    seen = world.case(item).content
    world.engine.pause(item, person("t1", "department"), seen, "papers are lacking")
    go(world, "2019-12-02 10:00")
    world.sign(item, outcome="done")
    told = ledger(world, item)
    assert told["work/2"].state == "met" and told["work/2"].missed_at is None
    holds(world, item)


# --- dates that come from elsewhere --------------------------------------------------------------------------------


def test_a_date_that_the_material_carries_is_armed_when_handed_in_and_again_when_it_changes(world: World) -> None:
    item = at_work(world)
    world.sign(item, outcome="done")
    handler = person("o1", "secretary")
    assert dues_of(world, item) == {"3": "2019-09-21 00:00"}  # known from the report already
    e = world.engine
    e.submit(item, handler, {"plan": {"until": "2019-09-10", "words": "sooner"}})
    assert dues_of(world, item) == {"3": "2019-09-11 00:00"}
    e.submit(item, handler, {"plan": {"until": "2020-03-10", "words": "much later"}})
    assert dues_of(world, item) == {"3": "2019-11-01 00:00"}  # capped by the node
    assert "cap-node" in ledger(world, item)["carried/3"].settings[-1].basis
    e.submit(item, handler, {"plan": {"until": "2019-08-20", "words": "soon"}})
    go(world, "2019-08-21 00:00")
    e.submit(item, handler, {"plan": {"until": "2019-09-10", "words": "an excuse"}})
    assert dues_of(world, item) == {"3": "2019-08-21 00:00"}  # a date once missed is not written away
    assert ledger(world, item)["carried/3"].state == "overdue"
    holds(world, item)


CARRIED = """flow: carried
title: {zh: 示例, en: invented}
materials: {plan: {title: plan, fields: {until: {type: date, required: false}}}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: only, duty: secretary, materials: plan, slots: secretary, due: {field: until}, exits: {done: end}}
  - {stage: end, final: true}
"""


def test_a_date_that_an_item_carries_is_a_date_or_nothing_is_opened(world: World) -> None:
    """A field of the item itself; mistyped it left the item without a due, or ended in a fault of ours."""
    world.engine.publish(loads(flow_text(CARRIED)))
    for wrong in ("soon", "2019-02-30", 20190920, "9999-12-31", "0001-01-01", ["2019-09-20"]):
        with pytest.raises(BadMaterial, match="a due rests on it"):
            world.engine.open("carried", "o1", item="w", fields={"until": wrong})
    assert world.entries("w") == 0
    for n, (given, due) in enumerate((("2019-09-20", {"1": "2019-09-21 00:00"}), ("", {}), (None, {}))):
        world.engine.open("carried", "o1", item=f"x{n}", fields={"until": given})
        assert dues_of(world, f"x{n}") == due
    with pytest.raises(BadMaterial, match="1900-01-01 to 2999-12-31"):
        world.engine.submit("x1", person("o1", "handler"), {"plan": {"until": "9999-12-31"}}, outcome="done")
    holds(world, "x0")


def test_of_a_list_the_latest_date_counts(world: World) -> None:
    item = at_work(world)
    world.clock.advance(timedelta(days=1))
    world.sign(item, outcome="done")
    steps = [{"step": "one", "until": "2019-09-25"}, {"step": "two", "until": "2019-10-09"}, {"step": "three"}]
    case = world.case(item)
    assert case.figures["plan"]["until"] == "2019-09-20"
    world.engine.submit(item, person("o1", "secretary"), {"steps": steps})
    assert world.case(item).figures["steps"]["latest"] == {"until": "2019-10-09"}
    holds(world, item)


def _to_trained(world: World, item: str = "x") -> str:
    at_work(world, item)
    world.sign(item, outcome="done")
    world.engine.submit(item, person("o1", "secretary"), {"plan": PLAN["plan"], "steps": [{"step": "one"}]})
    world.through(item)
    assert world.case(item).stage == "trained"
    return item


def test_a_span_from_an_appointment_begins_anew_for_a_successor_and_what_was_missed_stays(world: World) -> None:
    new = tenure_row("nobody", "o1", "secretary", "2019-10-10")
    old = {**tenure_row("o1-secretary", "o1", "secretary", "2019-03-18"), "until_on": "2019-10-10"}
    ended = {**tenure_row("o1-secretary", "o1", "secretary"), "until_on": "2019-03-18"}
    world.engine.import_org(imported(tenures=[ended, old]))
    item = _to_trained(world)
    assert dues_of(world, item) == {"4": "2019-09-19 00:00"}  # appointed 18 March, six months
    go(world, "2019-09-19 00:00")
    while sweep(world):
        world.clock.advance(timedelta(seconds=5))
    assert [f[1] for f in fires(world, item) if f[0] == "trained/4"] == [0, 1]
    go(world, "2019-10-11 10:00")
    world.engine.import_org(imported(tenures=[ended, old, new]))
    sweep(world)  # the rung that is due now is the predecessor's: the successor's clock begins instead
    assert dues_of(world, item) == {"4/appointed/2": "2020-04-11 00:00"}
    assert [f[1] for f in fires(world, item) if f[0] == "trained/4"] == [0, 1]
    told = ledger(world, item)
    assert (told["trained/4"].state, told["trained/4/appointed/2"].state) == ("passed-on", "running")
    with world.engine.look() as desk:
        assert ("trained/4", 2) in [(m.rule, m.rungs_fired) for m in missed(desk, world.clock.now())]
    holds(world, item)


def test_a_successor_before_the_date_is_found_by_the_next_act_and_owes_no_more_than_their_own_time(
    world: World,
) -> None:
    old = {**tenure_row("o1-secretary", "o1", "secretary", "2019-03-18"), "until_on": "2019-09-01"}
    ended = {**tenure_row("o1-secretary", "o1", "secretary"), "until_on": "2019-03-18"}
    world.engine.import_org(imported(tenures=[ended, old]))
    item = _to_trained(world)
    go(world, "2019-09-02 10:00")
    lead = Actor("t1-department", "department", "t1")
    world.engine.name_lead(item, person("t1", "secretary"), lead)  # vacant now: the superior answers for it
    assert ledger(world, item)["trained/4"].state == "cancelled"
    assert ledger(world, item)["trained/4/appointed/2"].settings[0].basis["person"] == "t1-secretary"
    world.engine.import_org(imported(tenures=[ended, old, tenure_row("nobody", "o1", "secretary", "2019-09-02")]))
    world.engine.name_lead(item, person("t1", "secretary"), lead)
    assert dues_of(world, item) == {"4/appointed/3": "2020-03-03 00:00"}
    world.engine.name_lead(item, person("t1", "secretary"), lead)
    assert list(dues_of(world, item)) == ["4/appointed/3"]
    holds(world, item)


def test_the_date_an_acceptor_sets_stays_within_the_cap_of_the_definition(world: World) -> None:
    capped = MATTER.replace("due: {set-by: acceptor}", "due: {set-by: acceptor, at-most: 30 days}")
    world.clock.advance(timedelta(seconds=1))
    world.engine.publish(loads(flow_text(capped, "2")))
    world.walk_to("vote", "m")
    world.engine.record_tally("m", person("o1", "scrutineer"), BAD_VOTE)
    world.sign("m", due="2019-08-30")
    with pytest.raises(DateRequired, match="not after 2019-09-11"):
        world.sign("m", due="2019-09-12")
    world.sign("m", due="2019-09-11")
    assert [d for r, d in dues_of(world, "m").items() if "/" not in r] == ["2019-09-12 00:00"]
    holds(world, "m")


def test_before_national_day_means_the_next_one_by_working_days(world: World) -> None:
    item = _to_trained(world)
    world.through(item)
    assert dues_of(world, item) == {"5": "2019-09-28 00:00"}
    told = ledger(world, item)["festive/5"].settings[0]
    assert [d.day.isoformat() for d in told.days if d.counted] == ["2019-09-30", "2019-09-29", "2019-09-27"]
    holds(world, item)


# --- years not published -------------------------------------------------------------------------------------------


def _without(*years: int, extra: dict[str, list[str]] | None = None) -> Calendar:
    content = CN.to_canonical()
    content["title"] = {"zh": "另一版", "en": "another version"}
    content["years"] = {y: d for y, d in content["years"].items() if int(y) not in years}
    for year, workdays in (extra or {}).items():
        content["years"][year]["workdays"] = sorted({*content["years"][year]["workdays"], *workdays})
    return Calendar.from_canonical(content)


@pytest.fixture
def before_2020(database_url: str, tmp_path: Path) -> Iterator[World]:
    """The world as it was while 2020 and later years were not published."""
    made = make_world(database_url, tmp_path / "home")
    made.clock.advance(timedelta(seconds=1))
    made.engine.publish_calendar(_without(*range(2020, 2027)))
    made.engine.publish(loads(flow_text(CLOCKS)))
    yield made
    made.engine.close()


def test_a_date_in_a_year_not_published_is_provisional_and_counted_again_when_it_is(before_2020: World) -> None:
    world = before_2020
    go(world, "2019-12-23 10:00")
    item = at_work(world)
    assert world.case(item).dues["work/2"]["provisional"] is True
    assert dues_of(world, item) == {"2": "2020-01-06 17:00"}  # by the week: New Year's Day is not known to be off
    assert rows(world, item)["work/2"].provisional
    assert reproject(world.engine).entries == 0  # nothing to count by yet
    before = world.entries(item)
    world.clock.advance(timedelta(minutes=1))
    done = publish(world.engine, _without())
    assert (done.items, done.entries) == (1, 1)
    assert dues_of(world, item) == {"2": "2020-01-07 17:00"}
    assert world.entries(item) == before + 1
    assert "provisional" not in world.case(item).dues["work/2"] and not rows(world, item)["work/2"].provisional
    assert publish(world.engine, _without()).entries == 0
    told = ledger(world, item)["work/2"]
    assert [(s.what, s.provisional) for s in told.settings] == [("armed", True), ("reprojected", False)]
    assert told.settings[0].calendar != told.settings[1].calendar == _without().digest
    assert "not published" in told.settings[0].days[-1].reason.en
    holds(world, item)


def test_rungs_that_fired_on_a_provisional_date_do_not_fire_again(before_2020: World) -> None:
    world = before_2020
    go(world, "2019-12-23 10:00")
    item = at_work(world)
    go(world, "2020-01-01 00:00")
    assert sweep(world) == 1  # three days before the provisional date
    publish(world.engine, _without())
    for day in ("2020-01-03 00:00", "2020-01-07 16:59"):
        go(world, day)
        assert sweep(world) == 0
    go(world, "2020-01-07 17:00")
    assert sweep(world) == 1
    assert [f[1] for f in fires(world, item) if f[0] == "work/2"] == [0, 1]
    holds(world, item)


def test_a_date_already_settled_stays_when_a_later_calendar_says_otherwise(world: World) -> None:
    item = at_work(world)
    world.clock.advance(timedelta(minutes=1))
    assert publish(world.engine, _without(extra={"2019": ["2019-08-18"]})).items == 0
    assert dues_of(world, item) == {"2": "2019-08-26 17:00"}
    again = at_work(world, "y")
    assert dues_of(world, again) == {"2": "2019-08-23 17:00"}  # acts from now on count by it
    holds(world, item, again)


def test_an_operator_has_settled_dates_counted_again_by_a_correction_where_they_have_not_passed(world: World) -> None:
    """An extended holiday (2020) moves thousands of running dates; to extend each by a signature is nobody's work."""
    late = at_work(world, "z")
    go(world, "2019-08-26 17:00")
    item = at_work(world)
    assert dues_of(world, item) == {"2": "2019-09-09 17:00"}
    go(world, "2019-08-26 18:00")
    corrected = _without(extra={"2019": ["2019-09-01"]})
    assert publish(world.engine, corrected).moved == 0  # unless told, they stay
    done = publish(world.engine, corrected, every=True)
    assert (done.moved, done.failed) == (1, 0)
    assert (dues_of(world, item), dues_of(world, late)) == ({"2": "2019-09-06 17:00"}, {"2": "2019-08-26 17:00"})
    assert [s.what for s in ledger(world, item)["work/2"].settings] == ["armed", "reprojected"]
    assert publish(world.engine, corrected, every=True).moved == 0
    holds(world, item, late)


def test_an_item_that_cannot_be_counted_again_keeps_no_other_from_its_date(
    before_2020: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Poison rows: nothing may block the others."""
    world = before_2020
    go(world, "2019-12-23 10:00")
    for name in ("x", "y"):
        at_work(world, name)
    whole = world.engine.act

    def act(one: Any, **more: Any) -> Any:
        if one.item == "x":
            raise BadMaterial(path="$", expected="invented", actual="invented")
        return whole(one, **more)

    monkeypatch.setattr(world.engine, "act", act)
    world.clock.advance(timedelta(minutes=1))
    with caplog.at_level("WARNING", logger="workflow"):
        done = publish(world.engine, _without())
    assert (done.items, done.entries, done.failed) == (2, 1, 1)
    assert [r.wf_item for r in caplog.records if r.getMessage() == "due.not_counted_again"] == ["x"]
    assert dues_of(world, "y") == {"2": "2020-01-07 17:00"} != dues_of(world, "x")
    monkeypatch.undo()
    assert reproject(world.engine).entries == 1  # done by calling it again
    holds(world, "x", "y")


def test_a_calendar_that_a_host_only_published_is_followed_by_the_next_worker_once(before_2020: World) -> None:
    """The engine's own verb publishes and no more; and an item may be opened by the old one while the new one is written."""
    world = before_2020
    go(world, "2019-12-23 10:00")
    item = at_work(world)
    world.clock.advance(timedelta(seconds=5))
    once(world.engine)
    assert "provisional" in world.case(item).dues["work/2"]
    world.clock.advance(timedelta(seconds=5))
    world.engine.publish_calendar(_without())
    assert "provisional" in world.case(item).dues["work/2"]
    world.clock.advance(timedelta(seconds=5))
    once(world.engine)
    assert dues_of(world, item) == {"2": "2020-01-07 17:00"} and "provisional" not in world.case(item).dues["work/2"]
    entries = world.entries(item)
    for _ in range(2):
        world.clock.advance(timedelta(seconds=5))
        once(world.engine)
    assert world.entries(item) == entries
    holds(world, item)


def test_a_process_that_never_sweeps_takes_up_a_correction_within_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of pages counted by the calendar it was started with, for as long as it ran."""
    server = type(world.engine).at(world.url, world.home, clock=world.clock, durable=False)
    with server.reading() as connection:
        assert server.calendar(connection, "cn") == CN
        world.clock.advance(timedelta(minutes=1))
        publish(world.engine, _without())
    with server.reading() as connection:
        assert server.calendar(connection, "cn") == CN
        now = steady()
        monkeypatch.setattr("workflow.engine.steady", lambda: now + 61_000_000)
        assert server.calendar(connection, "cn") == _without()
    server.close()


def test_a_calendar_published_elsewhere_is_taken_up_before_anything_is_provisional(before_2020: World) -> None:
    world = before_2020
    go(world, "2019-12-23 10:00")
    reported(world)  # the engine knows the old calendar
    other = type(world.engine).at(world.url, world.home, clock=world.clock, durable=False)
    world.clock.advance(timedelta(minutes=1))
    other.publish_calendar(_without())
    other.close()
    world.through("x")
    assert (dues_of(world, "x"), "provisional" in world.case("x").dues["work/2"]) == ({"2": "2020-01-07 17:00"}, False)


def test_nothing_but_the_calendar_ever_answers_for_a_published_year(world: World) -> None:
    go(world, "2026-04-30 10:00")
    item = at_work(world)
    assert dues_of(world, item) == {"2": "2026-05-18 17:00"}  # by the week it would be the 14th
    with pytest.raises(CalendarMissing):
        CN.is_workday(datetime(2027, 1, 1).date())
    holds(world, item)


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_a_signature_on_a_clock_covers_which_due_and_date_and_a_bundle_of_it_verifies_alone(world: World) -> None:
    item = reported(world)
    go(world, "2019-08-13 09:00")
    world.engine.extend(
        item, person("t1", "secretary"), world.case(item).content, "2019-09-05", "more time", rule="report/1"
    )
    with world.engine.reading() as connection:
        stated = read(items.entries(connection, item)[-1].body)["statement"]
    assert (stated["meaning"], stated["rule"], stated["due"]) == ("extend", "report/1", "2019-09-05")
    world.through(item)
    office, seen = person("t1", "department"), world.case(item).content
    world.engine.pause(item, office, seen, "papers are lacking")
    world.engine.resume(item, office, seen, "here they are")
    out = io.BytesIO()
    with world.engine.reading() as connection:
        bundle.write(connection, world.engine.contents, out, "item", item, made_at=world.clock.now())
    keys = [{"key": world.engine.key.public_key().hex()}]
    policy = Policy.read(json.dumps({"origin": world.engine.origin, "engine_keys": keys}).encode())
    assert Verifier(policy).run(io.BytesIO(out.getvalue())).failures == []
    holds(world, item)


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "en",
            ("node start of node set 1: 2019-08-30", "extended to 2019-09-05", "rung 1 reminded", "reason: more time"),
        ),
        ("zh", ("节点 start(节点版本 1):2019-08-30", "延至 2019-09-05", "第 1 项督办措施 催办", "理由:more time")),
    ],
)
def test_why_tells_each_date_day_by_day_in_both_languages(world: World, lang: Any, expected: tuple[str, ...]) -> None:
    item = reported(world)
    go(world, "2019-08-28 10:00")
    while sweep(world):
        world.clock.advance(timedelta(seconds=5))
    world.engine.extend(item, person("t1", "secretary"), world.case(item).content, "2019-09-05", "more time")
    with world.engine.look() as desk:
        told = "\n".join(lines(why(desk, item), ZONE, lang))
    for text in expected:
        assert text in told
    assert "2019-08-14 +" in told and "!!" not in told


def test_why_finds_a_date_that_was_changed_on_record(world: World) -> None:
    item = at_work(world)
    assert ledger(world, item)["work/2"].agrees
    with world.engine.look() as desk:
        folding = _Ledger(desk.connection, desk.case_of(item)[1])
        for row in items.entries(desk.connection, item):
            body = read(row.body)
            for effect in body["effects"]:
                if effect.get("rule") == "work/2":
                    effect["missed"] += 1
            folding.take(body, row.seq, row.at)
    assert not folding.rows["work/2"].settings[0].agrees


def test_the_commands_explain_an_item_and_import_a_calendar(tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    path = tmp_path / "workflow.db"
    made = make_world(f"sqlite:///{path}", tmp_path / "home")
    made.clock.advance(timedelta(seconds=1))
    made.engine.publish_calendar(_without(*range(2020, 2027)))
    made.engine.publish(loads(flow_text(CLOCKS)))
    go(made, "2019-12-23 10:00")
    at_work(made)
    made.engine.close()
    run = CliRunner()
    told = run.invoke(app, ["why", "x", "--db", str(path), "--lang", "en"])
    assert told.exit_code == 0, told.output
    assert "provisional" in told.output and "10 working days from 2019-12-23" in told.output
    file = tmp_path / "cn.yaml"
    file.write_text(shipped_calendar("cn").read_text(encoding="utf-8").replace("en: ", "en: The ", 1), encoding="utf-8")
    done = run.invoke(
        app, ["calendar", "import", str(file), "--db", str(path), "--home", str(tmp_path / "home"), "--lang", "en"]
    )
    assert done.exit_code == 0 and "counted again: 1" in done.output, done.output
    told = run.invoke(app, ["why", "x", "--db", str(path), "--lang", "zh"])
    assert "按新公布的日历重新推算" in told.output
    text = file.read_text(encoding="utf-8").replace("2020-01-19", "2020-01-18")  # the make-up day of the notice
    assert "2020-01-18" in text
    file.write_text(text.replace("en: The ", "en: Corrected ", 1), encoding="utf-8")
    args = ["calendar", "import", str(file), "--db", str(path), "--home", str(tmp_path / "home"), "--every"]
    done = run.invoke(app, [*args, "--lang", "zh"])
    assert done.exit_code == 0 and "已公布日历" in done.output, done.output
    assert run.invoke(app, ["why", "nothing", "--db", str(path), "--lang", "en"]).exit_code == 2


def test_a_calendar_that_takes_years_back_is_not_imported(world: World) -> None:
    """A file with the new year alone took every other year out of force, and importing the whole one again changed nothing."""
    before = CN.digest
    for years, told in (((2004,), "without 2004"), (tuple(range(2004, 2026)), "and others")):
        with pytest.raises(CalendarRefused, match=told) as refused:
            publish(world.engine, _without(*years))
        assert "2004-2026" in str(refused.value) and "新年度加在文件末尾" in refused.value.text("zh")
    assert publish(world.engine, CN).items == 0  # the one in force is imported again and again
    world.clock.advance(timedelta(minutes=1))
    renamed = Calendar.from_canonical({**CN.to_canonical(), "title": {"zh": "更正", "en": "corrected"}})
    publish(world.engine, renamed)
    with pytest.raises(CalendarRefused, match="replaced since"):
        publish(world.engine, CN)
    with world.engine.reading() as connection:
        assert world.engine.calendar(connection, "cn", fresh=True).digest == renamed.digest != before


def test_a_unit_with_a_calendar_of_its_own_counts_by_it_with_all_below_and_the_entry_says_so(world: World) -> None:
    """A mine works six days a week: its dates differ from everybody else's, and a replay counts as it did."""
    world.engine.publish_calendar(load_calendar(SIX_DAYS))
    text = """flow: mining
title: {zh: 示例, en: invented}
calendars: {t1: six-days}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}, {after: 2 workdays, do: remind, to: responsible}]}
stages:
  - {stage: only, duty: secretary, slots: secretary, due: 5 workdays, exits: {done: end}}
  - {stage: end, final: true}
"""
    world.engine.publish(loads(flow_text(text)))
    go(world, "2019-09-27 09:00")
    for item, unit in (("below", "o1"), ("itself", "t1"), ("beside", "t2")):
        world.engine.open("mining", unit, item=item)
    # By the notice Sunday the 29th is worked and 1 to 7 October are off; by the mine's own only Sundays and three days are.
    found = {item: local(world.case(item).dues["only/1"]["missed"] - 1)[:10] for item in ("below", "itself", "beside")}
    assert found == {"below": "2019-10-07", "itself": "2019-10-07", "beside": "2019-10-10"}
    with world.engine.look() as desk:
        (due,) = why(desk, "below")
        text = "\n".join(lines([due], ZONE, "en"))
    assert due.agrees and due.settings[0].calendar_name == "six-days" and "calendar six-days sha256:" in text
    go(world, "2019-10-08 00:00")
    assert sweep(world) == 2  # one sweep, two calendars
    assert (
        world.case("below").dues["only/1"]["next"] < world.case("below").dues["only/1"]["missed"] + 3 * 86_400_000_000
    )
    assert world.verify().exit_code == 0


def test_a_version_that_is_only_tried_counts_each_unit_by_its_own_calendar(world: World) -> None:
    """Whose items would be overdue at once, before and after they are moved: by the mine's calendar three days earlier."""
    world.engine.publish_calendar(load_calendar(SIX_DAYS))
    text = """flow: mining
title: {zh: 示例, en: invented}
calendars: {t1: six-days}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: only, duty: secretary, slots: secretary, due: 20 workdays, exits: {done: end}}
  - {stage: end, final: true}
"""
    world.engine.publish(loads(flow_text(text)))
    go(world, "2019-09-27 09:00")
    for item, unit in (("below", "o1"), ("beside", "t2")):
        world.engine.open("mining", unit, item=item)
    new = loads(flow_text(text.replace("20 workdays", "5 workdays"), "2"))
    for day, late in (("2019-10-07", 0), ("2019-10-08", 1), ("2019-10-11", 2)):
        go(world, f"{day} 09:00")
        assert concerned(world.engine, new)["only"].overdue_at_once == late, day
    go(world, "2019-10-08 09:00")
    world.engine.publish(new)
    found = plan(world.engine, "mining", "2", Actor("g1-secretary", "secretary", "g1"))
    assert {i.item: i.overdue_at_once for i in found.items} == {"below": True, "beside": False}
    assert world.verify().exit_code == 0
