"""What is claimed and what a check finds: two fields; findings that send back with a new date; visits that are held back.

Source: S0 「组织开展抽查,对问题没有完全解决的,督促限期整改到位」, R122; S2 「至今各单位党委……都已制定」, R114, R115; R120;
「不集中到一个单位去」, R200, R201; 「不能为督导而督导」, R212, R090, R125.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests.contract.test_bundle import verified, written
from tests.contract.world import START, World, flow_text, worlds
from workflow import Actor, loads
from workflow.burdens import burdens, counted, short
from workflow.claims import claims, differing
from workflow.cli.main import app
from workflow.definition.load import examine
from workflow.errors import (
    Avoidance,
    BadMaterial,
    BurdenHeld,
    Conflict,
    DateRequired,
    LimitReached,
    MaterialMissing,
    OutOfTurn,
    ReasonRequired,
    Stale,
    WrongMeaning,
    WrongStage,
)
from workflow.lists import items
from workflow.orgbook import merge_persons
from workflow.possible import may
from workflow.seen import seen_by, seen_by_operator
from workflow.sight import all_of
from workflow.store import burdens as store
from workflow.store.listing import Wanted
from workflow.trace import trace
from workflow.views import register

FLOW = """flow: job
title: {zh: 虚构整改, en: an invented job}
categories: {leak: {zh: 漏水, en: leak}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: work
    duty: secretary
    due: 20 workdays
    slots: [secretary, {secretary: third}]
    exits: {done: {to: accepting, claims: rectified}}
  - stage: rework
    duty: secretary
    due: {set-by: acceptor}
    new-round: true
    slots: [secretary, {secretary: third}]
    exits: {done: {to: accepting, claims: rectified}}
  - stage: accepting
    duty: {secretary: second}
    due: 10 workdays
    slots: [{department: second}, {secretary: second}]
    checked: {by: [{department: group}, {secretary: third}], back: sent-back, methods: [covert-visit, telephone]}
    exits: {accepted: closed, sent-back: rework}
  - stage: closed
    duty: {department: second}
    checked: {by: {department: group}, back: rebound}
    tracking: {for: 6 months, look-backs: [90 days], by: {department: second}, held: held, rebound: rebound, dated: true}
    exits: {held: archived, rebound: work}
  - {stage: archived, title: archived, final: true}
"""
VISIT = """flow: visit
title: {zh: 虚构走访, en: an invented visit}
burden: {kind: visit, material: plan, from: from, until: until, at-most: 2, within: 7 days, persons: {material: record, field: persons}}
materials:
  plan: {title: plan, fields: {from: date, until: date, focus: {type: text, max: 200}}}
  record: {title: record, fields: {persons: {type: integer, min: 1, max: 50}, seen: {type: text, max: 500}}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: planning
    duty: {department: third}
    due: 5 workdays
    materials: plan
    slots: {department: third}
    exits: {fixed: {to: visiting, burden: fixed}}
  - stage: visiting
    duty: {department: third}
    due: 30 days
    materials: record
    slots: {department: third}
    exits:
      found: {to: over, burden: held}
      nothing: {to: over, burden: empty}
      called-off: {to: over, burden: called-off}
      postponed: planning
  - {stage: over, title: over, final: true}
"""
REQUEST = """flow: asking
title: {zh: 虚构索要材料, en: an invented request}
burden: {kind: request, at-most: 2, within: 7 days}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: asked
    duty: {department: third}
    due: 5 workdays
    slots: {department: third}
    exits: {asked: {to: answered, burden: fixed}}
  - stage: answered
    due: 5 workdays
    slots: secretary
    exits: {done: over}
  - {stage: over, title: over, final: true}
"""
OWN, THIRD = Actor("o1-secretary", "secretary", "o1"), Actor("t1-secretary", "secretary", "t1")
CHECKER, VISITOR = Actor("g1-department", "department", "g1"), Actor("t1-department", "department", "t1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for one in (FLOW, VISIT, REQUEST):
            made.engine.publish(loads(flow_text(one)))
        yield made


def claimed(w: World, item: str = "j1", unit: str = "o1") -> str:
    w.engine.open("job", unit, item=item, campaign="c1", category="leak")
    return w.through(item).item


def check(w: World, item: str = "j1", outcome: str = "refuted", by: Actor = CHECKER, **more: Any) -> None:
    said = {"finding": "photo-1", "reason": "the pipe drips", "method": "covert-visit", **more}
    if outcome == "refuted":
        said = {"due": "2019-09-02", **said}
    w.engine.record_check(item, by, w.case(item).content, outcome, **said)


def test_a_finding_sends_back_with_a_new_date_and_the_claim_stays(world: World) -> None:
    """Source: S0 「公司各巡回指导组要组织开展抽查」, R122, M12."""
    claimed(world)
    case = world.case("j1")
    assert (case.claimed["as"], case.claimed["by"], case.verified) == (
        "rectified",
        ["o1-secretary", "t1-secretary"],
        {},
    )
    world.sign("j1")  # the first of two has accepted already
    with pytest.raises(DateRequired):
        check(world, due="")
    with pytest.raises(DateRequired):
        check(world, due="2019-08-12")
    check(world)
    case = world.case("j1")
    assert (case.stage, case.round, [s.post for s in case.open_slots]) == ("rework", 2, ["secretary"])
    assert [d["missed"] for d in case.dues.values()] == [1567440000000000]  # the end of 2 September in Shanghai
    assert (case.claimed["as"], case.claimed["round"], case.verified["says"]) == ("rectified", 1, "refuted")
    assert case.verified["finding"] == "photo-1" and case.verified["unit"] == "g1"
    world.through("j1")
    case = world.case("j1")
    assert (case.claimed["round"], case.verified) == (2, {})  # a new claim, which nobody has checked
    check(world, outcome="confirmed", finding="photo-2")
    assert (world.case("j1").stage, world.case("j1").verified["says"]) == ("accepting", "confirmed")
    report = world.verify()
    assert (report.exit_code, report.rules) == (0, "hold")


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"by": OWN}, OutOfTurn),  # a unit's own look is no check
        ({"by": Actor("s1-department", "department", "s1")}, OutOfTurn),
        ({"by": THIRD}, Avoidance),  # signed what is claimed
        ({"outcome": "perhaps"}, WrongMeaning),
        ({"method": "hearsay"}, WrongMeaning),
        ({"method": ""}, WrongMeaning),
        ({"finding": " "}, MaterialMissing),
        ({"reason": " "}, ReasonRequired),
        ({"on": "2019-08-13"}, DateRequired),  # not yet
    ],
)
def test_who_checks_and_what_a_finding_says_is_asked_for(world: World, more: Any, refusal: type[Exception]) -> None:
    claimed(world)
    before = world.entries()
    with pytest.raises(refusal):
        check(world, **more)
    assert world.entries() == before


def test_whoever_signed_the_claim_under_another_id_does_not_check_it(world: World) -> None:
    claimed(world)
    with world.engine.desk() as desk:
        head = Actor("g1-secretary", "secretary", "g1")
        merge_persons(desk, head, "registered twice", person="t1-secretary", into="g1-department", on="2019-08-13")
    with pytest.raises(Avoidance):
        check(world)


def test_nothing_is_confirmed_twice_nor_where_nothing_is_claimed_or_checked(world: World) -> None:
    world.engine.open("job", "o1", item="j1", campaign="c1")
    with pytest.raises(WrongStage, match="accepting"):
        check(world)
    world.through("j1")
    seen = world.case("j1").content
    check(world, outcome="confirmed")
    with pytest.raises(LimitReached, match="photo-1"):
        check(world, outcome="confirmed")
    world.sign("j1")
    with pytest.raises(Stale):
        world.engine.record_check("j1", CHECKER, "sha256:00", "confirmed", "photo-2", "seen", method="telephone")
    assert world.case("j1").content == seen  # a check changes nothing that people sign


def test_a_check_after_close_out_is_a_rebound_and_stale_evidence_is_none(world: World) -> None:
    """Source: S3 「采取定期或不定期的方式对各企业党建规范化…」, R129."""
    claimed(world)
    world.through("j1")
    world.clock.advance(timedelta(days=3))
    assert world.case("j1").stage == "closed"
    for on in ("", "2019-08-11"):
        with pytest.raises(DateRequired, match="2019-08-12"):
            check(world, method="", on=on)
    check(world, method="", on="2019-08-14")
    assert (world.case("j1").stage, world.case("j1").round) == ("work", 2)
    assert world.verify().exit_code == 0


def test_claimed_and_verified_stand_apart_in_every_list_as_of_any_day(world: World) -> None:
    """Source: S2 「至今各单位党委结合实际」, R114, R115, M37."""
    for item, unit in (("j1", "o1"), ("j2", "o3"), ("j3", "o1")):
        claimed(world, item, unit)
    first = world.clock.now()
    world.clock.advance(timedelta(days=1))
    check(world, "j1")
    check(world, "j2", "confirmed")
    second = world.clock.now()
    world.clock.advance(timedelta(days=1))
    world.through("j1")
    with world.engine.desk() as desk:
        sight = all_of("2019-08-14")

        def listed(**more: str) -> set[str]:
            return {r.item for r in items(desk, sight, Wanted(flow="job", **more)).rows}  # type: ignore[arg-type]

        assert listed(verified="confirmed") == {"j2"} and listed(verified="unchecked") == {"j1", "j3"}
        assert listed(claimed="rectified") == {"j1", "j2", "j3"} and listed(verified="refuted") == set()
        rows = {r.item: (r.claimed, r.verified) for r in items(desk, sight, Wanted(flow="job")).rows}
        assert rows == {"j1": ("rectified", ""), "j2": ("rectified", "confirmed"), "j3": ("rectified", "")}
        then = {r.item: (r.claimed, r.verified) for r in register(desk, "job", "c1", second)}
        assert then == {"j1": ("rectified", "refuted"), "j2": ("rectified", "confirmed"), "j3": ("rectified", "")}
        assert [c.state for c in claims(desk, "job", "c1", first)] == ["unchecked"] * 3
        assert [c.item for c in differing(claims(desk, "job", "c1", second))] == ["j1"]
        assert claims(desk, "job", "c1", first - 10) == []
    said = CliRunner().invoke(
        app, ["campaign", world.url, "--flow", "job", "--campaign", "c1", "--on", "2019-08-13", "--lang", "en"]
    )
    assert said.exit_code == 0, said.output
    assert "items claimed 3, checked 2; 1 found otherwise" in said.output and "rectified → refuted" in said.output


def test_from_the_check_a_trace_leads_to_who_signed_the_claim(world: World) -> None:
    """Source: S0 「或者整顿不到位」, R173."""
    claimed(world)
    world.engine.open("visit", "o1", item="v1", campaign="c1")
    check(world, finding="v1")
    with world.engine.desk() as desk:
        found = trace(desk, "v1", world.clock.now())
    (below,) = found.root.rests_on
    assert (below.item, below.why) == ("j1", "checked")
    assert [s.person for s in below.signers] >= ["o1-secretary", "t1-secretary"]
    assert [(r.kind, r.finding) for r in below.remarks] == [("record-check", "v1")]


def test_an_auditor_alone_reads_a_check_and_nobody_else_sees_it(world: World) -> None:
    claimed(world)
    check(world)
    world.sign("j1")
    _, lines, data = written(world, "item", "j1")
    assert verified(world, data).failures == []
    entries = [line for line in lines if line["t"] == "entry" and line["chain"] == "j1"]
    bodies = [json.loads(base64.b64decode(line["body"])) for line in entries]
    (stated,) = [b["statement"] for b in bodies if b["act"]["kind"] == "record-check"]
    assert (stated["outcome"], stated["finding"], stated["method"], stated["due"]) == (
        *("refuted", "photo-1", "covert-visit", "2019-09-02"),
    )
    visit(world, "v1", "2019-08-20")
    for person, seen_ones in (("t1-secretary", 1), ("o1-secretary", 1), ("o3-secretary", 0), ("nobody", 0)):
        with seen_by(world.engine, person) as seen:
            found = seen.item_claims("job", "c1"), seen.burdens("visit", date(2019, 8, 1), date(2019, 8, 31))
            assert [len(rows) for rows in found] == [seen_ones] * 2, person


def test_may_says_who_checks(world: World) -> None:
    claimed(world)
    with world.engine.look() as desk:
        for by, expected in ((CHECKER, {"confirmed", "refuted"}), (OWN, set()), (THIRD, set())):
            asked = [p for p in may(desk, "j1", by, due="2019-09-02") if p.verb == "record-check"]
            assert len(asked) == 2 and {p.outcome for p in asked if p.allowed} == expected


def test_a_row_that_says_otherwise_is_found_by_verify(world: World) -> None:
    claimed(world)
    check(world, outcome="confirmed")
    with world.engine.desk() as desk:
        desk.connection.execute(text("UPDATE wf_claim SET verified = 'refuted'"))
    assert world.verify().exit_code == 1


# --- what a unit has to bear ---------------------------------------------------------------------------------------


def visit(
    w: World, item: str, first: str, last: str = "", *, unit: str = "o1", persons: int = 3, exit_: str = ""
) -> None:
    """A visit planned and fixed; held as well where an exit is named."""
    w.engine.open("visit", unit, item=item, campaign="c1")
    w.engine.submit(item, VISITOR, {"plan": {"from": first, "until": last or first, "focus": "the pipes"}})
    w.sign(item, by=VISITOR)
    if exit_:
        w.engine.submit(item, VISITOR, {"record": {"persons": persons, "seen": "an invented record"}}, outcome=exit_)
        w.sign(item, by=VISITOR)


def test_two_visits_to_a_unit_on_one_day_are_held_back_before_they_are_fixed(world: World) -> None:
    """Source: S0 「不集中到一个单位去」, R201, M18."""
    visit(world, "v1", "2019-08-20", "2019-08-22")
    with pytest.raises(BurdenHeld) as held:
        visit(world, "v2", "2019-08-22", "2019-08-23")
    assert "2019-08-23" in str(held.value) and "2019-08-20 - 2019-08-22 (visit)" in str(held.value)
    assert "v1" not in str(held.value)  # it may be one that whoever asks must not know of
    assert world.case("v2").stage == "planning"  # held: nothing is lost, other days can be handed in
    world.engine.submit("v2", VISITOR, {"plan": {"from": "2019-08-23", "until": "2019-08-23", "focus": "the pipes"}})
    world.sign("v2", by=VISITOR)
    visit(world, "v3", "2019-08-22", unit="o3")  # another unit
    assert world.case("v2").stage == "visiting"
    report = world.verify()
    assert (report.exit_code, report.rules) == (0, "hold")


def test_more_than_so_many_within_a_week_are_held_back(world: World) -> None:
    visit(world, "v1", "2019-08-19")
    visit(world, "v2", "2019-08-23")
    for n, day in enumerate(("2019-08-21", "2019-08-25", "2019-08-17")):
        with pytest.raises(BurdenHeld, match="at most 2 within 7 days"):
            visit(world, f"w{n}", day)
    visit(world, "v3", "2019-08-26")  # the week of the 19th is over; with the 23rd it is the second
    with pytest.raises(BurdenHeld):
        visit(world, "w9", "2019-08-27")


def test_days_that_have_begun_or_run_backwards_are_no_plan(world: World) -> None:
    for n, (first, last) in enumerate((("2019-08-11", "2019-08-13"), ("2019-08-20", "2019-08-19"))):
        with pytest.raises(BadMaterial, match="first not after the last"):
            visit(world, f"v{n}", first, last)


def test_a_visit_called_off_or_moved_frees_its_days(world: World) -> None:
    visit(world, "v1", "2019-08-20", exit_="called-off")
    visit(world, "v2", "2019-08-20")
    world.engine.submit("v2", VISITOR, {"record": {"persons": 1, "seen": "nobody in"}}, outcome="postponed")
    world.sign("v2", by=VISITOR)
    with pytest.raises(BurdenHeld):
        visit(world, "v3", "2019-08-20")  # until the other days are fixed these are taken
    world.engine.submit("v2", VISITOR, {"plan": {"from": "2019-08-28", "until": "2019-08-28", "focus": "the pipes"}})
    world.sign("v2", by=VISITOR)
    world.sign("v3", by=VISITOR)
    assert world.verify().exit_code == 0


def test_requests_to_one_unit_are_counted_over_all_who_ask(world: World) -> None:
    """Source: S0 「不给基层添太多麻烦」, R200."""
    for n in range(2):
        world.engine.open("asking", "o1", item=f"r{n}", campaign=f"c{n}")
        world.sign(f"r{n}", by=VISITOR)
    world.engine.open("asking", "o1", item="r2", campaign="c2")
    with pytest.raises(BurdenHeld, match="at most 2 within 7 days"):
        world.sign("r2", by=VISITOR)
    world.clock.set(START + timedelta(days=7))
    world.sign("r2", by=VISITOR)
    assert world.case("r2").stage == "answered"


def test_a_visit_without_an_outcome_does_not_count(world: World) -> None:
    """R212; R125: persons and units are counted apart."""
    visit(world, "v1", "2019-08-13", exit_="found")
    visit(world, "v2", "2019-08-19", exit_="nothing", unit="o3")
    visit(world, "v3", "2019-08-22", exit_="found", persons=5)
    visit(world, "v4", "2019-08-30", unit="o3")
    with world.engine.desk() as desk:
        rows = burdens(desk, "visit", date(2019, 8, 1), date(2019, 8, 31))
        early = burdens(desk, "visit", date(2019, 8, 1), date(2019, 8, 19))
    total = counted(rows)
    assert (total.visits, total.units, total.persons, total.empty, total.fixed) == (2, 1, 8, 1, 1)
    assert [r.item for r in early] == ["v1", "v2"]
    assert short(["o1", "o3"], rows, 1) == [("o3", 0)] and short(["o1", "o3"], rows, 3) == [("o1", 2), ("o3", 0)]
    asked = ["visits", world.url, "--since", "2019-08-01", "--until", "2019-08-31"]
    said = CliRunner().invoke(app, [*asked, "--level", "organisation", "--at-least", "1", "--lang", "en"])
    assert said.exit_code == 1, said.output
    assert "2 visits to 1 units by 8 persons" in said.output and "too few" in said.output
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert (found["counted"]["empty"], found["fewer"]) == (1, [])
    with seen_by_operator(world.engine) as seen:
        assert len(seen.burdens("visit", date(2019, 8, 1), date(2019, 8, 31))) == 4


def test_two_visits_fixed_at_the_same_moment_are_not_both_fixed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw a free day: the second to write is refused as a whole and asks again."""
    visit(world, "v1", "2019-08-20")
    for item in ("v2", "v3"):
        world.engine.open("visit", "o1", item=item, campaign="c1")
        world.engine.submit(item, VISITOR, {"plan": {"from": "2019-09-10", "until": "2019-09-10", "focus": "x"}})
    world.sign("v2", by=VISITOR)
    with monkeypatch.context() as patched:
        patched.setattr(store, "around", lambda *_: {"n": 1, "rows": []})  # what it saw before the other was committed
        with pytest.raises(Conflict, match="nothing else fixed"):
            world.sign("v3", by=VISITOR)
    with pytest.raises(BurdenHeld):
        world.sign("v3", by=VISITOR)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("back: sent-back", "back: accepted", "check-without-date"),
        ("{department: group}, {secretary: third}]", "{secretary: own}]", "check-by-own-unit"),
        ("back: sent-back", "back: sent-bak", "unknown-exit"),
    ],
)
def test_a_check_that_could_not_hold_is_refused_at_load(old: str, new: str, code: str) -> None:
    assert old in FLOW
    assert [p.code for p in examine(flow_text(FLOW.replace(old, new)).encode()).problems if p.severity == "error"] == [
        code
    ]


def test_a_burden_that_could_not_be_counted_is_refused_at_load() -> None:
    for old, new in (
        ("until: until,", ""),
        ("from: from,", "from: focus,"),
        ("field: persons}", "field: seen}"),
        ("kind: visit, material: plan, from: from, until: until,", "kind: visit, from: from,"),
    ):
        assert old in VISIT
        found = [p.code for p in examine(flow_text(VISIT.replace(old, new, 1)).encode()).problems]
        assert "burden-field" in found, (old, found)
