"""Cycles, the days they fall on, and the one state of an obligation: no database."""

# ruff: noqa: E501  a table reads better with one case a line
from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.calendar_file import load_calendar
from workflow.clock import start_of_day
from workflow.definition.definition import Definition
from workflow.definition.load import examine, load, loads
from workflow.definition.problem import render
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.errors import Unknown
from workflow.rules import obligations as rules

WEEKLY = shipped_flow("weekly-report").read_text(encoding="utf-8")
FIRST = next(line for line in WEEKLY.splitlines() if line.startswith("  first-hop: {owed-by:"))
CALENDAR = load_calendar(shipped_calendar("cn"))
ZONE = "Asia/Shanghai"


def owing(spec: str) -> Definition:
    """The shipped weekly report with another first obligation."""
    return loads(WEEKLY.replace(FIRST, f"  first-hop: {{owed-by: organisation, {spec}}}"))


def days(spec: str, since: str, until: str) -> list[str]:
    """name@day of every period between two days."""
    found = rules.periods(owing(spec), CALENDAR, "first-hop", date.fromisoformat(since), date.fromisoformat(until))
    return [f"{p.name}@{p.day}" for p in found]


@pytest.mark.parametrize(
    ("spec", "since", "until", "expected"),
    [
        # R083: daily, and the weekly bulletin; R084: every two weeks; R089, R091, R092, R093, R096: the longer cycles
        ("every: day, from: 2019-09-29", "2019-09-01", "2019-10-02", ["2019-09-29@2019-09-29", "2019-09-30@2019-09-30", "2019-10-01@2019-10-01", "2019-10-02@2019-10-02"]),
        ("every: workday, from: 2019-09-28", "2019-09-28", "2019-10-09", ["2019-09-29@2019-09-29", "2019-09-30@2019-09-30", "2019-10-08@2019-10-08", "2019-10-09@2019-10-09"]),
        ("every: week, on: monday, from: 2019-09-30, reading: keep", "2019-10-01", "2019-10-14", ["2019-W41@2019-10-07", "2019-W42@2019-10-14"]),
        ("every: week, on: monday, from: 2019-09-30, reading: next-workday", "2019-10-01", "2019-10-14", ["2019-W41@2019-10-08", "2019-W42@2019-10-14"]),
        ("every: week, on: monday, from: 2019-09-30, reading: previous-workday", "2019-10-01", "2019-10-14", ["2019-W41@2019-09-30", "2019-W42@2019-10-14"]),
        ("every: week, on: friday, from: 2019-12-20, reading: keep", "2019-12-20", "2020-01-03", ["2019-W51@2019-12-20", "2019-W52@2019-12-27", "2020-W01@2020-01-03"]),
        ("every: 2 weeks, from: 2019-09-24, reading: keep", "2019-09-01", "2019-10-30", ["2w-2019-09-24@2019-09-24", "2w-2019-10-08@2019-10-08", "2w-2019-10-22@2019-10-22"]),
        ("every: month, on: last, from: 2020-01-01, reading: keep", "2020-01-01", "2020-04-30", ["2020-01@2020-01-31", "2020-02@2020-02-29", "2020-03@2020-03-31", "2020-04@2020-04-30"]),
        ("every: month, on: last, from: 2019-08-01, reading: previous-workday", "2019-08-01", "2019-09-30", ["2019-08@2019-08-30", "2019-09@2019-09-30"]),
        ("every: month, on: 5, from: 2019-10-01, reading: next-workday", "2019-10-01", "2019-11-30", ["2019-10@2019-10-08", "2019-11@2019-11-05"]),
        ("every: quarter, on: last, from: 2019-01-01, reading: keep", "2019-02-01", "2019-12-31", ["2019-Q1@2019-03-31", "2019-Q2@2019-06-30", "2019-Q3@2019-09-30", "2019-Q4@2019-12-31"]),
        ("every: half-year, on: 20, from: 2019-01-01, reading: keep", "2019-01-01", "2020-06-30", ["2019-H1@2019-06-20", "2019-H2@2019-12-20", "2020-H1@2020-06-20"]),
        ("every: year, on: last, from: 2019-01-01, reading: keep", "2019-01-01", "2021-12-30", ["2019@2019-12-31", "2020@2020-12-31"]),
        ("every: week, on: monday, from: 2019-10-07, until: 2019-10-20, reading: keep", "2019-01-01", "2021-12-30", ["2019-W41@2019-10-07", "2019-W42@2019-10-14"]),
    ],
)  # fmt: skip
def test_a_cycle_falls_on_these_days(spec: str, since: str, until: str, expected: list[str]) -> None:
    """R067, R082, R083, R084, R089, R091, R092, R093, R096; M01, M33."""
    assert days(spec, since, until) == expected


@pytest.mark.parametrize("reading", ["keep", "next-workday", "previous-workday"])
def test_there_is_always_time_to_report_within_a_period(reading: str) -> None:
    """R082: a Monday in a long holiday read as the working day before lay a week back, before its own week had begun, so
    that nobody could be in time (2019-W41, 2024-W41, 2025-W06, 2026-W09)."""
    definition = owing(f'every: week, on: monday, from: 2004-01-05, reading: {reading}, at: "12:00"')
    found = list(rules.periods(definition, CALENDAR, "first-hop", date(2004, 1, 5), date(2026, 11, 30)))
    assert len(found) > 1_190
    for each in found:
        assert each.opens < each.missed, each.name
        assert each.opens == start_of_day(min(each.nominal - timedelta(days=6), each.day), ZONE)


def test_the_monday_inside_national_day_is_what_the_definition_says_it_is() -> None:
    """R082: 2019-10-07 is a Monday inside a holiday; the shipped report states the reading, and its hour."""
    shipped = load(shipped_flow("weekly-report"))
    monday = rules.period(shipped, CALENDAR, "first-hop", "2019-W41")
    assert (monday.nominal, monday.day) == (date(2019, 10, 7), date(2019, 10, 8))
    assert monday.missed == start_of_day(date(2019, 10, 8), ZONE) + 12 * 3_600_000_000
    assert not monday.provisional


def test_a_period_in_a_year_without_a_calendar_is_provisional() -> None:
    far = rules.period(
        owing("every: month, on: 1, from: 2019-01-01, reading: next-workday"), CALENDAR, "first-hop", "2090-10"
    )
    assert far.provisional


def test_whether_there_is_a_period_of_a_day_whose_calendar_is_not_published_is_provisional() -> None:
    """Every working day: of a year not published nobody knows yet which these are."""
    daily = owing("every: workday, from: 2019-01-01")
    assert rules.period(daily, CALENDAR, "first-hop", "2090-10-02").provisional
    assert not rules.period(daily, CALENDAR, "first-hop", "2026-09-30").provisional
    assert not rules.period(owing("every: day, from: 2019-01-01"), CALENDAR, "first-hop", "2090-10-02").provisional


CYCLES = [
    "every: day, from: 2019-01-01",
    "every: workday, from: 2019-01-01",
    *(f"every: week, on: {d}, from: 2019-01-01, reading: next-workday" for d in ("monday", "thursday", "sunday")),
    "every: 2 weeks, from: 2019-01-09, reading: keep",
    *(f"every: month, on: {d}, from: 2019-01-01, reading: keep" for d in ("last", 1, 28)),
    *(f"every: {c}, on: last, from: 2019-01-01, reading: keep" for c in ("quarter", "half-year", "year")),
]


@given(st.sampled_from(CYCLES), st.dates(date(2019, 1, 1), date(2024, 12, 31)), st.integers(1, 400))
def test_periods_follow_one_another_without_a_gap_and_are_found_by_name(spec: str, since: date, length: int) -> None:
    definition = owing(spec)
    found = list(rules.periods(definition, CALENDAR, "first-hop", since, since + timedelta(days=length)))
    assert len({p.name for p in found}) == len(found)
    for each in found:
        assert rules.period(definition, CALENDAR, "first-hop", each.name) == each
        assert rules.owed(definition, CALENDAR, "organisation", each.name) == each
        assert rules.owed(definition, CALENDAR, "group", each.name) is None
    for before, after in itertools.pairwise(found):
        assert after.opens == start_of_day(before.nominal + timedelta(days=1), ZONE)


@pytest.mark.parametrize(
    "name", ["", "2019", "2019-W99", "2019-10-07", "2018-W01", "2019-w41", "2w-2019-10-07", "２０１９-W41"]
)
def test_a_name_that_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(Unknown):
        rules.period(load(shipped_flow("weekly-report")), CALENDAR, "first-hop", name)


def test_occurrences_and_the_next_moment_tell_the_same() -> None:
    """R168: before and at the node."""
    text = WEEKLY.replace(
        "    - {after: 0 workdays", "    - {before: 1 workday, do: remind, to: responsible}\n    - {after: 0 workdays"
    )
    definition = loads(text)
    since, until = start_of_day(date(2019, 9, 1), ZONE), start_of_day(date(2019, 12, 1), ZONE)
    found = rules.occurrences(definition, CALENDAR, "first-hop", since, until)
    assert len(found) == 37  # three for each of twelve Mondays, and the first for 2 December
    walked, at = [], since
    while (moment := rules.next_moment(definition, CALENDAR, "first-hop", at)) is not None and moment <= until:
        walked.append(moment)
        at = moment
    assert walked == sorted({o.moment for o in found})


def test_exactly_one_state_holds_in_every_case() -> None:
    """R023, R054, R055, R058."""
    seen = set()
    for received, zero, at, exempt, supplemented, contradicted in itertools.product(
        (None, 5, 10, 15), (False, True), (4, 9, 10, 20), *(((False, True),) * 3)
    ):
        if received is not None and received > at:
            continue
        state = rules.state(
            received=received,
            zero=zero,
            missed=10,
            at=at,
            exempt=exempt,
            supplemented=supplemented,
            contradicted=contradicted,
        )
        assert state in rules.STATES
        seen.add(state)
        if exempt:
            assert state == "EXEMPT"
        elif received is None:
            assert state == ("MISSING" if at >= 10 else "DUE")
    assert seen == set(rules.STATES)


def test_on_time_is_a_matter_of_the_first_instant_after() -> None:
    common = {"zero": False, "missed": 10, "exempt": False, "supplemented": False, "contradicted": False}
    assert rules.state(received=9, at=10, **common) == "SUBMITTED"
    assert rules.state(received=10, at=10, **common) == "LATE"
    assert rules.state(received=None, at=9, **common) == "DUE"
    assert rules.state(received=None, at=10, **common) == "MISSING"


# code, what is changed, where the problem stands, severity
BREAKS = [
    ("reading-not-stated", (", reading: next-workday, at: \"12:00\"", ""), "warning"),
    ("obligation-day", ("on: monday, from: 2019-09-09, reading: next-workday, at: \"12:00\"", "on: mondy, from: 2019-09-09, reading: keep"), "error"),
    ("obligation-day", ("every: week, on: monday, from: 2019-09-09, reading: next-workday, at: \"12:00\"", "every: month, on: 31, from: 2019-09-09, reading: keep"), "error"),
    ("obligation-day", ("every: week, on: monday, from: 2019-09-09, reading: next-workday, at: \"12:00\"", "every: 2 weeks, on: monday, from: 2019-09-09, reading: keep"), "error"),
    ("obligation-reading", ("every: week, on: monday, from: 2019-09-09, reading: next-workday, at: \"12:00\"", "every: day, from: 2019-09-09, reading: next-workday"), "error"),
    ("obligation-ends-early", ("from: 2019-09-09, reading: next-workday, at: \"12:00\"", "from: 2019-09-09, until: 2019-09-01, reading: keep"), "error"),
    ("obligation-twice", ("second-hop: {owed-by: third", "second-hop: {owed-by: [third, organisation]"), "error"),
    ("unknown-level", ("owed-by: third", "owed-by: thrid"), "error"),
    ("unknown-ladder", ("at: \"17:00\", ladder: overdue", "at: \"17:00\", ladder: late"), "error"),
    ("obligation-not-final", ("      reported: reported\n", "      reported: checking\n"), "error"),
    ("obligation-without-zero", ("    zero: {exit: zero, list: matters, counts: {kind: [progress, problem]}}\n", ""), "warning"),
]  # fmt: skip
CHECKING = """  - stage: checking
    due: 2 workdays
    slots: secretary
    exits: {done: reported}
"""


@pytest.mark.parametrize(("code", "change", "severity"), BREAKS, ids=[f"{b[0]}: {b[1][1][:30]}" for b in BREAKS])
def test_a_rule_of_sense_about_obligations_is_found(code: str, change: tuple[str, str], severity: str) -> None:
    text = WEEKLY
    if code == "obligation-not-final":
        text = text.replace("  - stage: reported\n", CHECKING + "  - stage: reported\n")
    assert text.count(change[0]) == 1
    found = examine(text.replace(*change).encode(), "flow.yaml")
    assert (code, severity) in [(p.code, p.severity) for p in found.problems], "\n".join(map(render, found.problems))


def test_the_shipped_weekly_report_breaks_no_rule() -> None:
    assert examine(WEEKLY.encode(), "weekly-report.yaml").problems == ()
