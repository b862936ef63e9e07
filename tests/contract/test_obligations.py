"""What is owed, on each database: states at any instant, two hops, corrections, roll calls, and an outage."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from tests.contract.weekly import (
    FIRST,
    FLOW,
    NOTHING,
    PROGRESS,
    SECOND,
    Weekly,
    make_weekly,
    shanghai,
    states,
    weeklies,
    who,
)
from tests.contract.world import World
from workflow import obligations, rollcall, views
from workflow.acts import Migrate, Open
from workflow.cli.main import app
from workflow.clock import SystemClock, moment
from workflow.definition.load import loads
from workflow.definition.shipped import shipped_flow
from workflow.engine import Engine
from workflow.errors import (
    BadMaterial,
    GateClosed,
    LimitReached,
    OutOfTurn,
    ReasonRequired,
    Stale,
    Unknown,
    WrongStage,
    ZeroRefused,
)
from workflow.evidence import canonical
from workflow.health import health
from workflow.rules.obligations import STATES, state
from workflow.run import run_until
from workflow.store import items, tables
from workflow.sweep import tick
from workflow.trace import trace_unit
from workflow.why import why

WEEK = "2019-W38"  # Monday 16 September 2019
NOON = shanghai("2019-09-16 12:00")
ALL = [f"o{n}" for n in range(1, 12)]


@pytest.fixture
def weekly(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    yield from weeklies(database_url, tmp_path / "home")


def test_every_unit_is_in_exactly_one_state_at_any_instant_past_ones_included(weekly: Weekly) -> None:
    """R023, R054, R058, R061, R083."""
    w = weekly
    w.at("2019-09-12 09:00")
    w.report("o1", WEEK)
    zero = w.report("o2", WEEK, NOTHING)
    false_zero = w.report("o3", WEEK, NOTHING)
    with w.engine.desk() as desk:
        obligations.exempt(desk, FLOW, "o4", WEEK, who("secretary", "t1"), "moved away, invented")
    w.at("2019-09-13 09:00")
    w.engine.supplement(zero, who("secretary", "o2"), w.seen(zero), PROGRESS, "one matter was found since")
    w.at("2019-09-14 09:00")
    w.engine.contradict(false_zero, who("department", "t1"), w.seen(false_zero), "visited", "photograph 7")
    w.submit("o5", WEEK)  # drawn up, not signed: not in
    w.at("2019-09-16 12:00")
    w.report("o6", WEEK)
    w.report("o7", WEEK, NOTHING)
    expected = {
        "2019-09-12 08:59": dict.fromkeys(ALL, "DUE"),
        "2019-09-12 09:00": {"o1": "SUBMITTED", "o2": "ZERO", "o3": "ZERO", "o4": "EXEMPT"},
        "2019-09-13 09:00": {"o1": "SUBMITTED", "o2": "SUPPLEMENTED", "o3": "ZERO", "o4": "EXEMPT"},
        "2019-09-14 09:00": {"o1": "SUBMITTED", "o2": "SUPPLEMENTED", "o3": "CONTRADICTED", "o4": "EXEMPT"},
    }
    after = {"o1": "SUBMITTED", "o2": "SUPPLEMENTED", "o3": "CONTRADICTED", "o4": "EXEMPT", "o6": "LATE", "o7": "LATE"}
    with w.look() as desk:
        for when, some in expected.items():
            assert states(desk, FIRST, WEEK, shanghai(when)) == {**dict.fromkeys(ALL, "DUE"), **some}, when
        assert states(desk, FIRST, WEEK, NOON - 1)["o8"] == "DUE"
        assert states(desk, FIRST, WEEK, NOON) == {**dict.fromkeys(ALL, "MISSING"), **after}
    assert w.verify().failures == [] and w.verify().rules == "hold"


def test_the_database_and_the_rules_agree_on_the_state_of_every_report(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-12 09:00")
    for unit, values in (("o1", PROGRESS), ("o2", NOTHING), ("o3", NOTHING), ("o4", PROGRESS)):
        w.report(unit, WEEK, values)
    w.at("2019-09-16 11:00")
    for unit in ("o2", "o4"):
        item = obligations.report_id(FLOW, unit, WEEK)
        w.engine.supplement(item, who("secretary", unit), w.seen(item), PROGRESS, "corrected")
    item = obligations.report_id(FLOW, "o3", WEEK)
    w.engine.contradict(item, who("department", "t1"), w.seen(item), "visited", "photograph 7")
    w.at("2019-09-16 12:30")
    w.engine.supplement(item, who("secretary", "o3"), w.seen(item), PROGRESS, "too late")
    w.report("o5", WEEK)
    with w.engine.desk() as desk:
        obligations.exempt(desk, FLOW, "o6", WEEK, who("secretary", "t1"), "invented")
    seen = set()
    with w.look() as desk:
        for when in ("2019-09-11 00:00", "2019-09-13 00:00", "2019-09-16 11:30", "2019-09-16 12:30"):
            at = shanghai(when)
            for row in obligations.owed(desk, FLOW, FIRST, WEEK, at):
                said, received, zero = _from_entries(desk.connection, row.unit, at)
                wanted = state(
                    received=received,
                    zero=zero,
                    missed=NOON,
                    at=at,
                    exempt="exempt" in said,
                    supplemented="supplement" in said,
                    contradicted="contradict" in said,
                )
                assert (row.state, row.received, row.zero) == (wanted, received, zero), (when, row)
                seen.add(row.state)
    assert seen == set(STATES)


def _from_entries(connection: sa.Connection, unit: str, at: int) -> tuple[set[str], int | None, bool]:
    """What the chain of a report says by an instant: acts, when it was in, whether that was a zero."""
    said: set[str] = set()
    received, zero = None, False
    for entry in items.entries(connection, obligations.report_id(FLOW, unit, WEEK)):
        if entry.at > at:
            break
        said.add(entry.act)
        for effect in canonical.decode(entry.body)["effects"]:
            if effect["e"] == "entered" and effect.get("final"):
                received, zero = entry.at, effect["stage"] == "zero-reported"
    return said, received, zero


def test_the_second_hop_goes_out_with_ten_of_eleven_and_a_later_arrival_does_not_alter_it(weekly: Weekly) -> None:
    """R082, on the Monday of the holiday, which the definition reads as Tuesday 8 October.

    Source: S0 「国资委巡回指导组每周一向中央巡回指导组报…」, M10.
    """
    w, week = weekly, "2019-W41"
    w.at("2019-10-06 09:00")
    w.report_all([u for u in ALL if u != "o7"], week)
    report = w.open("t1", week)
    w.at("2019-10-08 11:59")
    with pytest.raises(GateClosed) as closed:
        w.engine.submit(report, who("handler", "t1"), PROGRESS, outcome="reported")
    assert closed.value.facts["actual"] == ["o7"]
    w.at("2019-10-08 12:00")
    w.submit("t1", week)
    w.engine.sign(report, who("handler", "t1"), w.seen(report))
    roll = {"expected": 11, "in": 10, "missing": ["o7"]}
    content = w.seen(report)
    w.at("2019-10-08 12:30")
    late = w.report("o7", week)
    assert w.seen(report) == content  # what the secretary is shown is what the handler signed
    w.sign(report)
    case = w.engine.case_of(report)[0]
    assert case.final and case.roll == roll and case.manifest["roll"] == roll
    assert len(case.relies) == 10 and late not in [r["item"] for r in case.relies]
    with w.look() as desk:
        assert states(desk, SECOND, week, w.clock.now()) == {"t1": "SUBMITTED", "t2": "DUE"}
        before = obligations.rates(desk, FLOW, FIRST, week, shanghai("2019-10-08 12:00"))
        assert (str(before), before.missing, before.share("MISSING")) == ("10 of 11", 1, (1, 11))
        now = obligations.rates(desk, FLOW, FIRST, week, w.clock.now())
        assert (str(now), now.missing, now.counts["LATE"]) == ("11 of 11", 0, 1)
    assert w.verify().failures == []


def test_a_report_over_nobody_counts_nobody_and_one_not_drawn_up_over_the_children_is_not_signed(
    weekly: Weekly,
) -> None:
    w = weekly
    w.at("2019-09-16 10:00")
    report = w.report("t2", WEEK)
    assert w.engine.case_of(report)[0].roll == {"expected": 0, "in": 0, "missing": []}


def test_an_exempt_child_is_not_expected(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-16 10:00")
    w.report_all(ALL[:-1], WEEK)
    with w.engine.desk() as desk:
        obligations.exempt(desk, FLOW, "o11", WEEK, who("secretary", "t1"), "invented: being wound up")
    report = w.report("t1", WEEK)
    assert w.engine.case_of(report)[0].roll == {"expected": 10, "in": 10, "missing": [], "exempt": ["o11"]}


def test_a_class_of_units_is_exempt_for_as_long_as_the_definition_says_and_why(
    database_url: str, tmp_path: Path
) -> None:
    """Not missing, not expected, never reminded; the second hop names them as exempt. Other weeks bind them as ever."""
    text = shipped_flow("weekly-report").read_text(encoding="utf-8")
    rule = 'at: "12:00", ladder: overdue}'
    assert text.count(rule) == 1
    text = text.replace(
        rule,
        'at: "12:00", ladder: overdue, excused: [{units: [o10, o11], until: 2019-09-20, '
        "reason: {zh: 抗洪期间, en: while the river is high}}]}",
    )
    w = make_weekly(database_url, tmp_path / "home", definition=loads(text))
    try:
        w.at("2019-09-16 10:00")
        w.report_all(ALL[:-2], WEEK)
        w.at("2019-09-16 12:00")
        tick(w.engine)  # also the week before: nobody of the class is followed up for either
        with w.look() as desk:
            now = w.clock.now()
            asked = sa.select(tables.item.c.id).where(tables.item.c.unit.in_(["o10", "o11"]))
            assert desk.connection.execute(asked).all() == []
            found = states(desk, FIRST, WEEK, now)
            assert (found["o10"], found["o11"], found["o1"]) == ("EXEMPT", "EXEMPT", "SUBMITTED")
            rates = obligations.rates(desk, FLOW, FIRST, WEEK, now)
            assert (rates.expected, rates.received, rates.counts["EXEMPT"]) == (9, 9, 2)
            assert obligations.missing(desk, FLOW, FIRST, WEEK, now) == []
        report = w.report("t1", WEEK)
        assert w.engine.case_of(report)[0].roll == {"expected": 9, "in": 9, "missing": [], "exempt": ["o10", "o11"]}
        w.at("2019-09-23 12:00")
        with w.look() as desk:
            assert states(desk, FIRST, "2019-W39", w.clock.now())["o10"] == "MISSING"
        assert w.verify().failures == []
    finally:
        w.engine.close()


def test_a_zero_that_its_own_unit_corrected_before_any_check_cannot_be_contradicted(weekly: Weekly) -> None:
    """R055, R063: the correction is a revision with a reason; the first version stays readable."""
    w = weekly
    w.at("2019-09-12 09:00")
    item = w.report("o1", WEEK, NOTHING)
    first = w.engine.case_of(item)[0]
    with pytest.raises(ReasonRequired):
        w.engine.supplement(item, who("secretary", "o1"), w.seen(item), PROGRESS, " ")
    with pytest.raises(OutOfTurn):
        w.engine.supplement(item, who("handler", "o1"), w.seen(item), PROGRESS, "a handler does not sign")
    with pytest.raises(OutOfTurn):
        w.engine.supplement(item, who("secretary", "t1"), w.seen(item), PROGRESS, "not its own unit")
    with pytest.raises(Stale):
        w.engine.supplement(item, who("secretary", "o1"), "sha256:" + "0" * 64, PROGRESS, "another version")
    w.engine.supplement(item, who("secretary", "o1"), w.seen(item), PROGRESS, "one matter came up since")
    with pytest.raises(WrongStage) as refused:
        w.engine.contradict(item, who("department", "t1"), w.seen(item), "visited", "photograph 7")
    assert "补报" in str(refused.value)
    after = w.engine.case_of(item)[0]
    assert after.materials["zero-statement"] == first.materials["zero-statement"]
    assert set(after.marks) == {"supplemented"} and after.content != first.content
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, w.clock.now())["o1"] == "SUPPLEMENTED"
        assert [r.kind for r in views.signatures(desk, item, w.clock.now())] == ["sign", "sign"]
    assert w.verify().failures == []


def test_a_contradicted_zero_stays_as_it_was_signed_whatever_is_handed_in_after(weekly: Weekly) -> None:
    """R055: who found it, when, and what is on record."""
    w = weekly
    w.at("2019-09-12 09:00")
    item, found = w.report("o1", WEEK, NOTHING), who("department", "t1")
    before = w.engine.case_of(item)[0]
    with pytest.raises(OutOfTurn):
        w.engine.contradict(item, who("secretary", "o1"), w.seen(item), "visited", "photograph 7")
    w.engine.contradict(item, found, w.seen(item), "visited on Thursday, invented", "photograph 7")
    after = w.engine.case_of(item)[0]
    assert (after.stage, after.materials, after.content) == ("zero-reported", before.materials, before.content)
    with pytest.raises(LimitReached):
        w.engine.contradict(item, found, w.seen(item), "again", "photograph 8")
    w.at("2019-09-13 09:00")
    w.engine.supplement(item, who("secretary", "o1"), w.seen(item), PROGRESS, "only now")
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, w.clock.now())["o1"] == "CONTRADICTED"
        body = canonical.decode(
            next(e for e in items.entries(desk.connection, item) if e.act == "contradict").body,
        )
    assert body["statement"]["person"] == "t1-department" and body["effects"][0]["finding"] == "photograph 7"
    assert w.verify().failures == []


def test_a_finding_about_a_missing_report_leaves_it_missing_and_what_comes_late_is_late(weekly: Weekly) -> None:
    """R055: nothing was reported and a finding shows what there was. The state is judged by what came in and when."""
    w = weekly
    w.at("2019-09-12 09:00")
    item, found = w.open("o1", WEEK), who("department", "t1")
    with pytest.raises(WrongStage):
        w.engine.contradict(item, found, w.seen(item), "too early: it is not missing yet", "photograph 7")
    w.at("2019-09-17 09:00")
    w.engine.contradict(item, found, w.seen(item), "visited", "photograph 7")
    with pytest.raises(LimitReached):
        w.engine.contradict(item, found, w.seen(item), "again", "photograph 8")
    then = w.clock.now()
    w.at("2019-09-18 09:00")
    w.report("o1", WEEK, NOTHING)
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, then)["o1"] == "MISSING"
        assert states(desk, FIRST, WEEK, w.clock.now())["o1"] == "LATE"
    w.at("2019-09-19 09:00")
    w.engine.contradict(item, found, w.seen(item), "the late zero does not hold either", "photograph 9")
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, w.clock.now())["o1"] == "CONTRADICTED"
    assert w.verify().failures == []


def test_only_a_zero_can_be_contradicted_and_only_a_missing_report_exempted(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-12 09:00")
    item = w.report("o1", WEEK)
    with pytest.raises(WrongStage):
        w.engine.contradict(item, who("department", "t1"), w.seen(item), "visited", "photograph 7")
    with pytest.raises(WrongStage):
        w.engine.exempt(item, who("department", "t1"), w.seen(item), "late thought")
    open_ = w.open("o2", WEEK)
    with pytest.raises(WrongStage):
        w.engine.supplement(open_, who("secretary", "o2"), w.seen(open_), PROGRESS, "it is not in yet")
    with pytest.raises(OutOfTurn):
        w.engine.exempt(open_, who("secretary", "o2"), w.seen(open_), "we would rather not")
    w.engine.exempt(open_, who("secretary", "s1"), w.seen(open_), "invented")
    case = w.engine.case_of(open_)[0]
    assert case.final and not case.open_slots and not case.dues
    with pytest.raises(WrongStage):
        w.engine.submit(open_, who("handler", "o2"), PROGRESS, outcome="reported")


def test_a_correction_is_a_revision_and_on_time_is_judged_on_the_first_valid_report(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-16 11:00")
    item = w.report("o1", WEEK)
    w.at("2019-09-17 11:00")
    w.engine.supplement(item, who("secretary", "o1"), w.seen(item), PROGRESS, "a number was wrong")
    w.engine.supplement(item, who("secretary", "o1"), w.seen(item), PROGRESS, "and another")
    with w.look() as desk:
        (row,) = [o for o in obligations.owed(desk, FLOW, FIRST, WEEK, w.clock.now()) if o.unit == "o1"]
        assert (row.state, row.received) == ("SUPPLEMENTED", shanghai("2019-09-16 11:00"))
        assert states(desk, FIRST, WEEK, shanghai("2019-09-16 23:00"))["o1"] == "SUBMITTED"
    assert w.verify().failures == []


def test_who_corrected_a_late_report_was_late_and_who_corrected_one_in_time_was_not(weekly: Weekly) -> None:
    """A correction takes the state over, not the day: rates of in time and late are those of the first valid report. R063."""
    w = weekly
    w.at("2019-09-12 09:00")
    w.report_all(["o1", "o2", "o3"], WEEK)
    for unit in ("o4", "o5"):
        w.report(unit, WEEK, NOTHING)
    w.at("2019-09-16 13:00")
    w.report_all(["o6", "o7"], WEEK)
    for unit in ("o1", "o6"):
        item = obligations.report_id(FLOW, unit, WEEK)
        w.engine.supplement(item, who("secretary", unit), w.seen(item), PROGRESS, "a visit was left out")
    wrong = obligations.report_id(FLOW, "o5", WEEK)
    w.engine.contradict(wrong, who("secretary", "t1"), w.seen(wrong), "a leak was seen there", finding="visit 7")
    with w.look() as desk:
        for under in ("", "t1"):  # counted by the database, and row by row
            found = obligations.rates(desk, FLOW, FIRST, WEEK, w.clock.now(), under)
            assert (found.expected, found.received, found.missing) == (11, 7, 4)
            assert (found.on_time, found.late, found.zero) == (4, 2, 1)  # o1 to o4; o6 and o7; o4
            told = found.on_time + found.late + found.missing + found.counts["DUE"] + found.counts["CONTRADICTED"]
            assert told == found.expected
        before = obligations.rates(desk, FLOW, FIRST, WEEK, NOON - 1)
        assert (before.on_time, before.late, before.missing, before.counts["DUE"]) == (5, 0, 0, 6)


def test_a_zero_report_is_a_signed_statement_and_an_empty_report_is_refused(weekly: Weekly) -> None:
    """R058."""
    w = weekly
    w.at("2019-09-12 09:00")
    item = w.open("o1", WEEK)
    w.engine.submit(item, who("handler", "o1"), {"matters": []}, outcome="reported")
    with pytest.raises(ZeroRefused):
        w.engine.sign(item, who("handler", "o1"), w.seen(item))


def test_a_units_report_has_one_id_and_only_for_a_period_that_it_owes_and_that_has_begun(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-12 09:00")
    right = obligations.report_id(FLOW, "o1", WEEK)
    with pytest.raises(BadMaterial):
        w.engine.open(FLOW, "o1", item="another", campaign=WEEK)
    for campaign in ("", "2019", "2019-09-16", "2019-W36"):
        with pytest.raises(BadMaterial):
            w.engine.open(FLOW, "o1", item=right, campaign=campaign)
    with pytest.raises(BadMaterial):  # s1 owes none
        w.engine.open(FLOW, "s1", item=obligations.report_id(FLOW, "s1", WEEK), campaign=WEEK)
    with pytest.raises(WrongStage):
        w.engine.open(FLOW, "o1", item=obligations.report_id(FLOW, "o1", "2019-W40"), campaign="2019-W40")
    assert w.open("o1", WEEK) == right == w.open("o1", WEEK)
    with w.look() as desk:
        for call in (obligations.owed, obligations.rates, obligations.missing):
            with pytest.raises(Unknown):
                call(desk, FLOW, "third-hop", WEEK, NOON)
            with pytest.raises(Unknown):
                call(desk, FLOW, FIRST, "2019-W36", NOON)


def test_a_period_in_other_digits_is_no_second_report_of_it(weekly: Weekly) -> None:
    """A campaign called ２０１９-W38 is the same week to a person, and was another report to us."""
    weekly.at("2019-09-12 09:00")
    with pytest.raises(BadMaterial, match="a period for which o1"):
        weekly.engine.open(FLOW, "o1", item=report_of("o1", "２０１９-W38"), campaign="２０１９-W38")
    assert weekly.open("o1", WEEK) == report_of("o1", WEEK)


def report_of(unit: str, name: str) -> str:
    return obligations.report_id(FLOW, unit, name)


def test_rates_of_any_subtree_at_any_past_instant_sum_to_its_roster(weekly: Weekly) -> None:
    """R001, R061."""
    w = weekly
    w.at("2019-09-12 09:00")
    w.report_all(ALL[:4], WEEK)
    w.report("o5", WEEK, NOTHING)
    w.at("2019-09-16 13:00")
    w.report("o6", WEEK)
    with w.look() as desk:
        for under, many in (("", 11), ("g1", 11), ("t1", 11), ("t2", 0), ("o3", 1)):
            for at in (shanghai("2019-09-10 00:00"), NOON - 1, NOON, w.clock.now()):
                rates = obligations.rates(desk, FLOW, FIRST, WEEK, at, under)
                assert sum(rates.counts.values()) == many and rates.expected == many
                listed = obligations.owed(desk, FLOW, FIRST, WEEK, at, under)
                assert {s: [o.state for o in listed].count(s) for s in STATES} == dict(rates.counts)
        counts = obligations.rates(desk, FLOW, FIRST, WEEK, w.clock.now(), "t1").counts
        assert (counts["SUBMITTED"], counts["ZERO"], counts["LATE"], counts["MISSING"]) == (4, 1, 1, 5)
        assert obligations.missing(desk, FLOW, FIRST, WEEK, w.clock.now(), "g1") == ALL[6:]


def test_an_obligation_may_be_kept_to_some_subtrees(database_url: str, tmp_path: Path) -> None:
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    narrowed = text.replace("second-hop: {owed-by: third,", "second-hop: {owed-by: third, under: [t2],")
    w = make_weekly(database_url, tmp_path / "home", definition=loads(narrowed))
    with w.look() as desk:
        assert states(desk, SECOND, WEEK, NOON) == {"t2": "DUE"}
        assert obligations.rates(desk, FLOW, SECOND, WEEK, NOON, "t1").expected == 0
        assert obligations.rates(desk, FLOW, SECOND, WEEK, NOON, "g1").expected == 1
    w.engine.close()


def kept(database_url: str, home: Path, **scopes: str) -> Weekly:
    """The weekly report with each hop kept to some subtrees; ``extra`` is a further obligation."""
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    for hop, owed_by in (("first_hop", "organisation"), ("second_hop", "third")):
        if hop in scopes:
            before = f"{hop.replace('_', '-')}: {{owed-by: {owed_by},"
            assert text.count(before) == 1
            text = text.replace(before, f"{before} under: [{scopes[hop]}],")
    if "extra" in scopes:
        text = text.replace("\nstages:", f"\n  {scopes['extra']}\n\nstages:", 1)
    return make_weekly(database_url, home, definition=loads(text))


def test_whoever_is_outside_the_subtrees_of_an_obligation_opens_no_report_of_it(
    database_url: str, tmp_path: Path
) -> None:
    w = kept(database_url, tmp_path / "home", first_hop="o1, o2", second_hop="t1")
    try:
        w.at("2019-09-12 09:00")
        for unit, by in (("o3", who("handler", "o3")), ("o3", None), ("t2", who("handler", "t2"))):
            item = obligations.report_id(FLOW, unit, WEEK)
            with pytest.raises(BadMaterial, match=f"for which {unit}"):
                w.engine.act(Open(item=item, by=by, flow=FLOW, unit=unit, campaign=WEEK))
        w.report("o1", WEEK)
        w.at("2019-09-16 12:00")
        assert tick(w.engine).opened == 4  # o2 of this week; o1, o2 and t1 of the one before, in which nobody reported
        w.at("2019-09-16 13:00")
        report = w.report("t1", WEEK)
        assert w.engine.case_of(report)[0].roll == {"expected": 2, "in": 1, "missing": ["o2"]}  # nobody from outside
        with w.look() as desk:
            assert [o.unit for o in obligations.owed(desk, FLOW, FIRST, WEEK, w.clock.now())] == ["o1", "o2"]
        found = w.verify()
        assert (found.failures, found.rules) == ([], "hold")
    finally:
        w.engine.close()


def test_a_unit_adds_a_weekly_duty_of_its_own_below_the_one_above_and_nothing_is_entered_twice(
    database_url: str, tmp_path: Path
) -> None:
    """What t1 asks of its own is t1's alone, and what t1 reports on rests on it entry by entry; t2 asks nothing and owes
    the superior all the same. Source: S0 「公司将继续在第二批主题教育中执行周动态上报工作」, R085.
    """
    w = kept(database_url, tmp_path / "home", first_hop="t1")
    w.at("2019-09-12 09:00")
    w.report_all(ALL, WEEK)
    w.submit("t1", WEEK)
    report = w.open("t1", WEEK)
    w.sign(report)
    case = w.engine.case_of(report)[0]
    assert case.final and case.roll == {"expected": 11, "in": 11, "missing": []}
    assert {r["item"] for r in case.relies} == {obligations.report_id(FLOW, u, WEEK) for u in ALL}
    w.at("2019-09-16 17:00")
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, w.clock.now()) == dict.fromkeys(ALL, "SUBMITTED")
        assert states(desk, SECOND, WEEK, w.clock.now()) == {"t1": "SUBMITTED", "t2": "MISSING"}
    assert w.verify().failures == []
    w.engine.close()


def test_of_two_obligations_for_different_subtrees_each_unit_owes_its_own(database_url: str, tmp_path: Path) -> None:
    """The same level and cycle, another hour below another unit: date, ladder and second hop are those of the unit's own."""
    extra = (
        "first-hop-far: {owed-by: organisation, every: week, on: monday, from: 2019-09-09, reading: next-workday, "
        'at: "15:00", ladder: overdue, under: [o2]}'
    )
    w = kept(database_url, tmp_path / "home", first_hop="o1", extra=extra)
    try:
        w.at("2019-09-12 09:00")
        dues = {u: w.engine.case_of(w.open(u, WEEK))[0].dues["report/1/owed"] for u in ("o1", "o2")}
        assert (dues["o1"]["missed"], dues["o2"]["missed"]) == (NOON, NOON + 3 * 3_600_000_000)
        assert [dues[u]["basis"]["obligation"] for u in ("o1", "o2")] == [FIRST, "first-hop-far"]
        report = w.open("t1", WEEK)
        w.report("o1", WEEK)
        w.at("2019-09-16 14:59")
        with pytest.raises(GateClosed) as closed:
            w.engine.submit(report, who("handler", "t1"), PROGRESS, outcome="reported")
        assert closed.value.facts["actual"] == ["o2"]  # its own time has not passed
        w.at("2019-09-16 15:00")
        w.report("t1", WEEK)
        assert w.engine.case_of(report)[0].roll == {"expected": 2, "in": 1, "missing": ["o2"]}
        assert w.verify().failures == []
    finally:
        w.engine.close()


def test_a_trace_names_nobody_for_a_report_that_the_unit_did_not_owe(database_url: str, tmp_path: Path) -> None:
    """Outside the subtrees of an obligation, or of a class that is exempt from it: neither is 应报未报 (R055)."""
    w = kept(database_url, tmp_path / "home", first_hop="o1, o2, o4], excused: [{units: [o4], reason: {zh: 例, en: e}}")
    try:
        w.at("2019-09-16 13:00")
        w.report("t1", WEEK)
        with w.look() as desk:
            for unit, wanted in (("o2", ["o2"]), ("o3", []), ("o4", [])):
                found = trace_unit(desk, FLOW, WEEK, unit, w.clock.now())
                owed = [o.unit for s in found.root.walk() for o in s.owed if o.what == "report"]
                assert owed == wanted, unit
    finally:
        w.engine.close()


def test_a_past_instant_is_read_by_the_definition_in_force_then(weekly: Weekly) -> None:
    w = weekly
    later = shipped_flow(FLOW).read_text(encoding="utf-8").replace('version: "2019.2"', 'version: "2019.3"')
    w.at("2019-09-20 09:00")
    w.engine.publish(loads(later.replace('at: "12:00"', 'at: "10:00"')))
    with w.look() as desk:
        ten = shanghai("2019-09-16 10:00")
        assert obligations.period(desk, FLOW, FIRST, WEEK, at=ten).missed == NOON
        assert obligations.period(desk, FLOW, FIRST, WEEK).missed == NOON  # it was over by then
        after, before = (obligations.period(desk, FLOW, FIRST, "2019-W39", at=at) for at in (None, ten))
        assert (after.missed, before.missed) == (shanghai("2019-09-23 10:00"), shanghai("2019-09-23 12:00"))
        assert set(states(desk, FIRST, WEEK, ten).values()) == {"DUE"}


def test_who_publishes_a_version_is_told_of_reports_that_stay_on_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "workflow.db"
    w = make_weekly(f"sqlite:///{path}", tmp_path / "home", start="2019-10-08 09:00")
    now = moment(SystemClock().now(), "Asia/Shanghai").date()
    week = f"{now.isocalendar().year}-W{now.isocalendar().week:02}"
    with w.look() as desk:
        due = obligations.period(desk, FLOW, FIRST, week)
    w.clock.set(due.opens)
    w.open("o1", week)
    w.engine.close()
    file = tmp_path / "weekly.yaml"
    file.write_text(re.sub(r"(?m)^version: .*$", 'version: "2999"', shipped_flow(FLOW).read_text(encoding="utf-8")))
    args = ["publish", str(path), str(file), "--home", str(tmp_path / "home"), "--reason", "decided"]
    done = CliRunner().invoke(app, [*args, "--by", "g1-secretary/secretary@g1", "--lang", "en"])
    assert done.exit_code == 0, done.output
    still = SystemClock().now() < due.missed
    assert ("1 open reports of periods that are not over" in " ".join(done.output.split())) == still


# --- roll calls ----------------------------------------------------------------------------------------------------


def reminded(w: Weekly, week: str = WEEK) -> dict[str, int]:
    """unit -> rungs fired on its report of a week."""
    found: dict[str, int] = {}
    with w.look() as desk:
        for rung in views.rungs(desk):
            case, _ = desk.case_of(rung.item)
            if case.campaign == week:
                found[case.unit] = found.get(case.unit, 0) + 1
    return found


def calls(w: Weekly) -> list[tuple[str, str, int, int, int]]:
    """Every roll call that is done: rule, period, step, missing, opened."""
    table = tables.roll_call
    query = sa.select(table).where(table.c.done_at.is_not(None)).order_by(table.c.moment, table.c.rule)
    with w.engine.reading() as connection:
        return [(r.rule, r.period, r.step, r.missing, r.opened) for r in connection.execute(query)]


@pytest.fixture
def monday(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    """A flow first published in the week that is looked at."""
    made = make_weekly(database_url, tmp_path / "home", start="2019-09-12 09:00")
    yield made
    made.engine.close()


def test_a_report_that_is_moved_to_a_later_version_keeps_its_clock_by_that_version(weekly: Weekly) -> None:
    """R068: migrating an open report cancelled its clock, and nobody was reminded of it any more."""
    weekly.at("2019-09-16 12:00")
    tick(weekly.engine)
    late = obligations.report_id(FLOW, "o1", "2019-W38")
    weekly.at("2019-10-08 09:00")
    item = weekly.open("o1", "2019-W41")
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^version: .*$", 'version: "2019.9"', text)
    later, daily = loads(text.replace('"12:00"', '"15:00"')), text.replace('"2019.9"', '"2019.10"')
    weekly.at("2019-10-08 09:30")
    weekly.engine.publish(later)
    for each in (item, late):
        weekly.engine.act(Migrate(item=each, by=who("secretary", "g1"), to=later.digest, reason="the one in force"))
    with weekly.look() as desk:
        (due,), (missed,) = why(desk, item), why(desk, late)
        assert due.missed_at == obligations.period(desk, FLOW, FIRST, "2019-W41").missed == shanghai("2019-10-08 15:00")
        assert (due.state, missed.state) == ("running", "overdue")
        assert missed.missed_at == shanghai("2019-09-16 12:00")  # an overdue stays so
    gone = loads(daily.replace("from: 2019-09-09", "from: 2020-09-07", 1))
    weekly.at("2019-10-08 10:00")
    weekly.engine.publish(gone)
    weekly.engine.act(Migrate(item=item, by=who("secretary", "g1"), to=gone.digest, reason="owed from next year"))
    with weekly.look() as desk:
        assert why(desk, item)[0].state == "cancelled"
    report = weekly.verify()
    assert report.failures == [] and report.rules == "hold"


def test_a_roll_call_opens_the_reports_of_the_missing_and_of_nobody_else(monday: Weekly) -> None:
    """R054, R168: at the node, to the right person, once."""
    w = monday
    w.report_all(ALL[:8], WEEK)
    w.submit("o9", WEEK)
    with w.engine.desk() as desk:
        obligations.exempt(desk, FLOW, "o10", WEEK, who("secretary", "t1"), "invented")
    assert tick(w.engine).opened == 0
    w.at("2019-09-16 11:59")
    assert tick(w.engine).fired == 0
    w.at("2019-09-16 12:00")
    swept = tick(w.engine)
    assert (swept.opened, swept.fired) == (1, 2)  # o11 had nothing open; o9 had, and is late as well
    assert reminded(w) == {"o9": 1, "o11": 1}
    assert calls(w) == [(FIRST, WEEK, 0, 2, 1)]
    again = tick(w.engine)
    assert (again.opened, again.fired) == (0, 0)
    assert w.verify().failures == []


def test_several_sweepers_hold_each_roll_call_and_fire_each_rung_once(monday: Weekly) -> None:
    w = monday
    w.at("2019-09-16 12:00")
    engines = [Engine.at(w.url, w.home, clock=w.clock, durable=False) for _ in range(4)]
    swept, faults = [], []

    def run(engine: Engine) -> None:
        try:
            swept.append(tick(engine))
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=run, args=(e,)) for e in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.close()
    assert faults == []
    assert sum(s.opened for s in swept) == 11
    tick(w.engine)  # whatever a busy item left to the next sweep
    assert reminded(w) == dict.fromkeys(ALL, 1)
    assert calls(w) == [(FIRST, WEEK, 0, 11, 11)]
    assert w.verify().failures == []


def test_a_roll_call_that_was_cut_short_is_completed_and_opens_nothing_twice(monday: Weekly) -> None:
    """What a crash after the first chunk leaves: some reports open, the row not marked as done."""
    w = monday
    w.at("2019-09-16 12:00")
    with w.engine.desk() as desk:
        desk.open_many(
            [Open(item=obligations.report_id(FLOW, u, WEEK), flow=FLOW, unit=u, campaign=WEEK) for u in ALL[:5]]
        )
        values = {"flow": FLOW, "rule": FIRST, "period": WEEK, "step": 0, "moment": NOON, "opened": 5}
        desk.connection.execute(tables.roll_call.insert(), values)
    swept = tick(w.engine)
    assert (swept.opened, swept.fired) == (6, 11)
    assert calls(w) == [(FIRST, WEEK, 0, 11, 11)]


@pytest.mark.parametrize("where", ["under: nosuch, ", "excused: [{units: [nosuch], reason: {zh: 无, en: none}}], "])
def test_a_flow_that_names_a_unit_nobody_knows_stops_no_sweep_and_is_told(where: str, weekly: Weekly) -> None:
    """A slip of the pen in one flow stopped every reminder of every other: each sweep ended at it."""
    text = shipped_flow(FLOW).read_text(encoding="utf-8").replace("flow: weekly-report", "flow: another-report", 1)
    weekly.engine.publish(loads(text.replace("reading: next-workday", f"{where}reading: next-workday", 1)))
    weekly.at("2019-09-16 12:00")
    swept = tick(weekly.engine)
    assert swept.failed == 0 and set(ALL) <= reminded(weekly).keys()
    owe = 0 if where.startswith("under") else 11
    with weekly.look() as desk:
        assert len(obligations.owed(desk, "another-report", FIRST, WEEK, weekly.clock.now())) == owe
        with pytest.raises(Unknown, match="nosuch"):  # a question about a unit that is not there is a mistake
            obligations.owed(desk, FLOW, FIRST, WEEK, weekly.clock.now(), "nosuch")
    (fault,) = [f for f in health(weekly.engine).faults if f.code == "no-unit"]
    assert "another-report" in str(fault) and "nosuch" in fault.text("zh")


def test_a_roll_call_that_cannot_be_held_keeps_no_other_from_being_held_and_is_tried_again(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = rollcall._hold

    def hold(engine: Engine, call: Any, at: int) -> int:
        if call.rule == FIRST:
            raise RuntimeError("invented")
        return whole(engine, call, at)

    weekly.at("2019-09-16 11:00")
    tick(weekly.engine)  # those of the week before
    monkeypatch.setattr(rollcall, "_hold", hold)
    weekly.at("2019-09-16 17:00")
    with caplog.at_level("WARNING", logger="workflow"):
        swept = tick(weekly.engine)
    assert (swept.opened, swept.failed) == (2, 1) and swept.fired >= 2  # the second hop, which is due at five
    (said,) = [r for r in caplog.records if r.getMessage() == "roll_call.failed"]
    assert (said.wf_flow, said.wf_rule, said.wf_error) == (FLOW, FIRST, "RuntimeError")
    monkeypatch.undo()
    weekly.clock.advance(timedelta(seconds=5))
    assert tick(weekly.engine).opened == 11


def test_the_calls_behind_one_that_could_not_be_held_wait_for_it(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done last tells what is still to be done: a later one that is done would hide it for good."""
    whole, tried = rollcall._hold, []

    def hold(engine: Engine, call: Any, at: int) -> int:
        tried.append(call.key)
        if len(tried) == 1:
            raise RuntimeError("invented")
        return whole(engine, call, at)

    weekly.at("2019-09-30 17:00")
    waiting = [call[:4] for call in rollcall.pending(weekly.engine, weekly.clock.now())]
    monkeypatch.setattr(rollcall, "_hold", hold)
    assert rollcall.sweep(weekly.engine, weekly.clock.now())[1] == 1
    left = [call[:4] for call in rollcall.pending(weekly.engine, weekly.clock.now())]
    assert left == [call for call in waiting if call[:2] == tried[0][:2]] and len(left) > 1
    rollcall.sweep(weekly.engine, weekly.clock.now())
    assert rollcall.pending(weekly.engine, weekly.clock.now()) == [] and sorted(tried[1:]) == sorted(waiting)


def test_a_unit_that_cannot_be_opened_keeps_nobody_else_from_being_followed_up(
    monday: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workflow import deciding
    from workflow.rules import decide

    def broken(asked: object) -> object:
        if isinstance(asked.act, Open) and asked.act.unit == "o6":  # type: ignore[attr-defined]
            raise RuntimeError("invented")
        return decide(asked)  # type: ignore[arg-type]

    w = monday
    w.at("2019-09-16 12:00")
    monkeypatch.setattr(deciding, "decide", broken)
    swept = tick(w.engine)
    assert (swept.opened, swept.fired) == (10, 10)
    with w.look() as desk:
        assert states(desk, FIRST, WEEK, NOON)["o6"] == "MISSING"  # it is missing all the same


def test_after_three_days_without_a_sweep_the_first_query_shows_the_same_and_rungs_fire_one_by_one(
    database_url: str, tmp_path: Path
) -> None:
    """R054, R168: MISSING and overdue are computed; a job that did not run changes only the hour of a reminder."""
    w = make_weekly(database_url, tmp_path / "stopped", start="2019-09-12 09:00")
    other = make_weekly(f"sqlite:///{tmp_path / 'running.db'}", tmp_path / "running", start="2019-09-12 09:00")
    thursday = shanghai("2019-09-19 12:30")
    for each in (w, other):
        each.report_all(ALL[:6], WEEK)
        each.open("o7", WEEK)
    run_until(other.engine, thursday)
    w.clock.set(thursday)
    with w.look() as stopped, other.look() as running:
        for rule in (FIRST, SECOND):
            assert states(stopped, rule, WEEK, thursday) == states(running, rule, WEEK, thursday)
            assert obligations.missing(stopped, FLOW, rule, WEEK, thursday) == obligations.missing(
                running, FLOW, rule, WEEK, thursday
            )
        since = date(2019, 9, 1)
        assert obligations.overdue(stopped, thursday, since) == obligations.overdue(running, thursday, since)
        mine = {r.item: r.missed_at for r in views.missed(stopped, thursday)}
        theirs = {r.item: r.missed_at for r in views.missed(running, thursday)}
        assert mine.items() <= theirs.items() and obligations.report_id(FLOW, "o7", WEEK) in mine
    assert reminded(other) == {**dict.fromkeys(ALL[6:], 2), "t1": 2, "t2": 2}
    ran = []
    for _ in range(3):
        swept = tick(w.engine)
        ran.append(swept.fired)
        w.clock.advance(timedelta(seconds=5))
    assert ran == [7, 7, 0]  # one rung of each for a sweep, not two in one second
    assert reminded(w) == reminded(other)
    w.engine.close()
    other.engine.close()


def test_a_reminder_before_the_date_goes_to_those_who_have_not_reported(database_url: str, tmp_path: Path) -> None:
    """R168."""
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    early = "    - {before: 1 workday, do: remind, to: responsible}\n    - {after: 0 workdays"
    definition = loads(text.replace("    - {after: 0 workdays", early))
    w = make_weekly(database_url, tmp_path / "home", definition=definition, start="2019-09-11 09:00")
    w.report_all(ALL[:9], WEEK)
    run_until(w.engine, shanghai("2019-09-12 23:59"))
    assert reminded(w) == {"o10": 1, "o11": 1, "t1": 1, "t2": 1}  # Friday 13 September 2019 is a holiday: on Thursday
    w.at("2019-09-13 10:00")
    w.report("o10", WEEK)
    run_until(w.engine, shanghai("2019-09-16 12:00"))
    assert reminded(w)["o10"] == 1 and reminded(w)["o11"] == 2
    w.engine.close()


def test_whoever_opens_their_report_late_is_not_reminded_of_what_is_behind(database_url: str, tmp_path: Path) -> None:
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    early = "    - {before: 1 workday, do: remind, to: responsible}\n    - {after: 0 workdays"
    definition = loads(text.replace("    - {after: 0 workdays", early))
    w = make_weekly(database_url, tmp_path / "home", definition=definition, start="2019-09-14 09:00")
    item = obligations.report_id(FLOW, "o1", WEEK)
    w.engine.open(FLOW, "o1", item=item, campaign=WEEK, by=who("handler", "o1"))
    (due,) = w.engine.case_of(item)[0].dues.values()
    assert (due["step"], due["next"]) == (1, NOON)
    w.engine.close()


def test_one_computation_answers_for_reports_owed_once_and_again(world: World) -> None:
    """R023: reported, zero and missing are three classes; an exempt unit is in none."""
    e = world.engine
    e.open("survey", "o1", item="s-o1", campaign="c1")
    e.exempt("s-o1", who("secretary", "t1"), world.case("s-o1").content, "invented")
    for unit in ("o2", "o3"):
        e.open("survey", unit, item=f"s-{unit}", campaign="c1")
    handler = who("handler", "o3")
    e.report_zero("s-o3", handler, {"statement": {"statement": "we looked and found nothing"}})
    for post in ("handler", "secretary"):
        e.sign("s-o3", who(post, "o3"), world.case("s-o3").content)
    with e.look() as desk:
        call = views.roll_call(desk, "survey", "c1", world.clock.now(), "organisation")
        assert (call.owed, call.reported, call.zero, call.missing, call.due) == (("o2", "o3"), (), ("o3",), (), ("o2",))
        end = shanghai("2019-08-31 00:00")
        assert views.roll_call(desk, "survey", "c1", end, "organisation").missing == ("o2",)


# --- at the terminal -------------------------------------------------------------------------------------------------


def told(w: Weekly, *arguments: str, code: int = 0) -> str:
    done = CliRunner(env={"LANG": "C", "LC_ALL": "C"}).invoke(app, ["owed", w.url, *arguments])
    assert done.exit_code == code and isinstance(done.exception, (SystemExit, type(None))), done.output
    return done.output


def test_who_owes_and_who_is_missing_is_asked_at_the_terminal_of_any_instant(weekly: Weekly) -> None:
    """R054, R061: in both languages, of a subtree, of a past instant, as somebody sees it, and for a program."""
    w = weekly
    w.at("2019-09-12 09:00")
    w.report_all([u for u in ALL if u not in ("o6", "o7")], WEEK)
    w.at("2019-09-16 13:00")
    w.report("o6", WEEK)
    then = told(w, "--period", WEEK, "--rule", FIRST, "--at", "2019-09-16T12:00", code=1)
    assert "2019-W38 (until 2019-09-16 12:00): 9 of 11 in; 9 in time, 0 late, 0 zero; 2 missing" in then
    assert "missing 2: invented unit 9, invented unit 10" in then
    now = told(w, "--period", WEEK, "--rule", FIRST, "--at", "2019-09-16", "--lang", "zh", code=1)
    assert "应报 11,已报 10(按时 9,迟报 1,零报告 0),缺报 1" in now and "应报未报 1:示例单位10" in now
    assert "1 of 1 in" in told(w, "--period", WEEK, "--under", "o6", "--rule", FIRST, "--at", "2019-09-16")
    assert "1 of 1 in" in told(w, "--period", WEEK, "--rule", FIRST, "--as", "o1-secretary", "--at", "2019-09-16")
    (one,) = json.loads(told(w, "--period", WEEK, "--rule", FIRST, "--at", "2019-09-16", "--json", code=1))
    assert (one["on-time"], one["late"], one["missing"], len(one["units"])) == (9, 1, 1, 11)
    every = told(w, "--at", "2019-09-16", code=1)
    assert "from the organisation up (first-hop) · as of 2019-09-16 23:59" in every
    assert "(second-hop)" in every and "2019-W37" in every
    midnight = told(w, "--period", WEEK, "--rule", FIRST, "--at", "2019-09-16T00:00")
    assert "as of 2019-09-16 00:00" in midnight and "not yet due 2" in midnight
    assert "as of 2019-09-16 12:00" in told(w, "--rule", FIRST, "--at", "2019-09-16T04:00+00:00", code=1)
    assert "expected a day or a moment such as" in told(w, "--at", "noon", code=2).replace("\n", " ")
    for wrong in (["--flow", "weekly"], ["--rule", "third-hop"], ["--period", "2019-W99"], ["--under", "o99"]):
        assert "known are" in (said := told(w, *wrong, "--at", "2019-09-16", code=2)) or "called" in said
