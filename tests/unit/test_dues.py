"""Dates counted from what they rest on: golden dates, readings, caps, holidays, years not published, rungs.

Source: requirements R067-R069, R075, R078, R079.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.contract.world import flow_text
from workflow import loads
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.clock import moment, start_of_day
from workflow.definition.definition import Definition
from workflow.definition.model import Due, Rung, Span
from workflow.definition.shipped import shipped_calendar
from workflow.errors import CalendarMissing, DefinitionInvalid, Unknown
from workflow.rules import dues, handing, reckoning
from workflow.rules.context import Context
from workflow.rules.reckoning import Basis, days, reckon
from workflow.why import sentence

ZONE = "Asia/Shanghai"
CN = load_calendar(shipped_calendar("cn"))
FLOW = """flow: dated
title: dated
nodes:
  "1": {in-force: 2019-08-01, end: 2019-10-31, register: 2019-10-20}
ladder:
  overdue:
    - {before: 3 workdays, do: remind, to: responsible}
    - {after: 0 workdays, do: remind, to: responsible}
    - {after: 5 workdays, do: remind, to: responsible}
stages:
  - {stage: only, duty: secretary, slots: secretary, due: 5 workdays, exits: {done: end}}
  - {stage: end, final: true}
"""


@pytest.fixture(scope="module")
def definition() -> Definition:
    return loads(flow_text(FLOW))


def at(definition: Definition, day: str, hour: int = 10, calendar: Calendar = CN) -> Context:
    """A decision on a local day and hour."""
    when = datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC) - timedelta(hours=8)
    return Context(definition, calendar, int(when.timestamp()) * 1_000_000, 1)


def day_of(calendar: Calendar, basis: Basis) -> str:
    return reckon(calendar, ZONE, basis).day.isoformat()


def local(us: int) -> str:
    return f"{moment(us, ZONE):%Y-%m-%d %H:%M}"


def without(*years: int) -> Calendar:
    """The calendar as it was before these years were published."""
    content = CN.to_canonical()
    content["years"] = {y: d for y, d in content["years"].items() if int(y) not in years}
    return Calendar.from_canonical(content)


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        ("2026-02-13", 1, "2026-02-14"),  # a working Saturday before Spring Festival
        ("2026-04-30", 3, "2026-05-08"),
        ("2026-09-28", 5, "2026-10-10"),  # a working Saturday after National Day
        ("2025-09-26", 3, "2025-09-30"),  # Sunday the 28th is worked
    ],
)
def test_golden_dates_count_working_days_as_published_and_never_by_the_week(start: str, n: int, due: str) -> None:
    found = reckon(CN, ZONE, {"from": start, "span": f"{n} workdays"})
    assert (found.day.isoformat(), found.provisional) == (due, False)
    assert local(found.missed) == f"{found.day + timedelta(days=1)} 00:00"
    counted = [d for d in days(CN, {"from": start, "span": f"{n} workdays"}) if d.counted]
    assert (len(counted), counted[-1].day.isoformat()) == (n, due)


def test_days_without_the_word_workdays_are_calendar_days() -> None:
    assert day_of(CN, {"from": "2019-09-30", "span": "5 days"}) == "2019-10-05"
    assert day_of(CN, {"from": "2019-08-31", "span": "1 months"}) == "2019-09-30"
    assert days(CN, {"from": "2019-09-30", "span": "5 days"}) == []


def test_a_date_means_the_whole_day_and_a_time_of_day_ends_it() -> None:
    assert local(reckon(CN, ZONE, {"on": "2019-10-31"}).missed) == "2019-11-01 00:00"
    assert local(reckon(CN, ZONE, {"on": "2019-10-31", "cut": "17:00"}).missed) == "2019-10-31 17:00"


@pytest.mark.parametrize(
    ("reading", "day"), [("keep", "2019-10-20"), ("next-workday", "2019-10-21"), ("previous-workday", "2019-10-18")]
)
def test_a_sunday_means_what_the_definition_says_it_means(reading: str, day: str) -> None:
    assert day_of(CN, {"on": "2019-10-20", "reading": reading}) == day


def test_hours_run_through_nights_and_holidays() -> None:
    start = start_of_day(date(2019, 9, 30), ZONE) + 23 * reckoning.HOUR
    assert local(reckon(CN, ZONE, {"at": start, "span": "2 hours"}).missed) == "2019-10-01 01:00"


@pytest.mark.parametrize(
    ("name", "year", "by", "day"),
    [
        ("National Day", 2019, "", "2019-09-30"),
        ("国庆节", 2019, "3 workdays", "2019-09-27"),  # 30, then Sunday 29 is worked, then 27
        ("national-day", 2020, "", "2020-09-30"),
        ("spring-festival", 2026, "2 days", "2026-02-13"),
    ],
)
def test_before_a_holiday_counts_back_from_its_first_day_off(name: str, year: int, by: str, day: str) -> None:
    basis: Basis = {"festival": name, "year": year} | ({"by": by} if by else {})
    assert day_of(CN, basis) == day


def test_the_holiday_meant_is_the_next_one(definition: Definition) -> None:
    due = Due.model_validate({"before": {"festival": "National Day"}})
    assert day_of(CN, dues.basis_of(at(definition, "2019-08-20"), due, "1", "") or {}) == "2019-09-30"
    assert day_of(CN, dues.basis_of(at(definition, "2019-10-01"), due, "1", "") or {}) == "2020-09-30"
    assert reckoning.festival_after(CN, "new-year", date(2018, 12, 1)) == 2019  # its days off begin in December
    with pytest.raises(Unknown):
        reckoning.festival_after(CN, "carnival", date(2018, 12, 1))


def test_a_year_not_published_is_counted_by_the_week_and_provisional() -> None:
    known = without(2026)
    with pytest.raises(CalendarMissing):
        known.add_workdays(date(2025, 12, 30), 5)
    basis: Basis = {"from": "2025-12-30", "span": "5 workdays"}
    found = reckon(known, ZONE, basis)
    assert (found.day, found.provisional) == (date(2026, 1, 6), True)
    assert "not published" in days(known, basis)[-1].reason.en
    again = reckon(CN, ZONE, basis)  # 1 to 3 January off, Sunday the 4th worked
    assert (again.day, again.provisional) == (date(2026, 1, 7), False)


def test_the_last_week_of_the_last_published_year_is_provisional_too() -> None:
    known = without(2026)
    assert reckon(known, ZONE, {"from": "2025-12-22", "span": "5 workdays"}).provisional
    assert not reckon(known, ZONE, {"from": "2025-12-15", "span": "5 workdays"}).provisional
    assert not reckon(known, ZONE, {"on": "2025-12-31"}).provisional  # a date rests on no calendar
    assert reckon(known, ZONE, {"on": "2026-01-03", "reading": "next-workday"}).provisional


def test_a_holiday_of_a_year_not_published_is_taken_from_the_last_one_and_provisional() -> None:
    found = reckon(without(2026), ZONE, {"festival": "national-day", "year": 2026})
    assert (found.day, found.provisional) == (date(2026, 9, 30), True)


@given(st.dates(date(2004, 1, 1), date(2026, 11, 30)), st.integers(-60, 60))
def test_counting_published_years_is_the_calendars_own_count_and_so_is_what_is_explained(day: date, n: int) -> None:
    try:
        expected = CN.add_workdays(day, n)
    except CalendarMissing:
        return
    found, _ = reckoning.count(CN, day, n, "workdays")
    assert found == expected
    if n > 0:
        told = days(CN, {"from": day.isoformat(), "span": f"{n} workdays"})
        assert [d.day for d in told] == [day + timedelta(days=i) for i in range((expected - day).days + 1)]
        assert sum(d.counted for d in told) == n


@given(st.dates(date(2025, 10, 1), date(2026, 6, 1)), st.integers(1, 60))
def test_what_is_explained_of_a_year_not_published_ends_on_the_day_that_was_counted(day: date, n: int) -> None:
    known = without(2026)
    basis: Basis = {"from": day.isoformat(), "span": f"{n} workdays"}
    told = days(known, basis)
    assert told[-1].day == reckon(known, ZONE, basis).day
    assert [d.day for d in told] == [day + timedelta(days=i) for i in range(len(told))]


@given(st.dates(date(2019, 1, 1), date(2019, 12, 1)), st.integers(1, 40), st.integers(0, 60))
def test_what_is_left_of_a_span_is_what_remains_to_be_counted(day: date, n: int, spent: int) -> None:
    last = CN.add_workdays(day, n)
    paused = min(day + timedelta(days=spent), last)
    left = reckoning.left_between(CN, paused, last, "workdays")
    assert left == CN.count_workdays(paused, last, both_ends=False)
    assert reckoning.count(CN, paused, left, "workdays")[0] == last or left == 0


def test_caps_cut_a_date_and_say_which_node_cut_it(definition: Definition) -> None:
    due = Due.model_validate({"within": "60 workdays", "not-after": "end"})
    basis = dues.basis_of(at(definition, "2019-09-02"), due, "1", "") or {}
    assert (basis["cap"], basis["cap-node"], day_of(CN, basis)) == ("2019-10-31", "end", "2019-10-31")
    short = Due.model_validate({"within": "5 workdays", "not-after": "end"})
    assert day_of(CN, dues.basis_of(at(definition, "2019-09-02"), short, "1", "") or {}) == "2019-09-09"
    later = dues.basis_of(at(definition, "2019-11-04"), due, "1", "") or {}
    assert "cap" not in later  # a cap already passed binds nobody
    assert dues.latest_day(
        at(definition, "2019-09-02"), Due.model_validate({"set-by": "acceptor", "at-most": "10 days"}), "1"
    ) == date(2019, 9, 12)


def test_a_node_already_passed_gives_way_to_the_span_beside_it(definition: Definition) -> None:
    due = Due.model_validate({"node": "end", "or-within": "10 workdays"})
    assert day_of(CN, dues.basis_of(at(definition, "2019-10-31"), due, "1", "") or {}) == "2019-10-31"
    assert day_of(CN, dues.basis_of(at(definition, "2019-11-01"), due, "1", "") or {}) == "2019-11-15"


@pytest.mark.parametrize(
    ("rung", "missed", "fires"),
    [
        ({"before": "3 workdays"}, "2019-11-01 00:00", "2019-10-28 00:00"),
        ({"after": "0 workdays"}, "2019-11-01 00:00", "2019-11-01 00:00"),
        ({"after": "5 workdays"}, "2019-11-01 00:00", "2019-11-08 00:00"),
        ({"after": "0 workdays"}, "2019-10-31 17:00", "2019-10-31 17:00"),
        ({"after": "1 workdays"}, "2019-10-31 17:00", "2019-11-01 17:00"),
        ({"after": "2 hours"}, "2019-10-31 17:00", "2019-10-31 19:00"),
        ({"before": "2 hours"}, "2019-11-01 00:00", "2019-10-31 22:00"),
    ],
)
def test_rungs_count_from_the_due_day_at_the_time_it_ends(rung: dict[str, str], missed: str, fires: str) -> None:
    spec = Rung.model_validate({**rung, "do": "remind", "to": "responsible"})
    us = int((datetime.fromisoformat(missed).replace(tzinfo=UTC) - timedelta(hours=8)).timestamp()) * 1_000_000
    found, unsure = reckoning.rung_at(CN, ZONE, spec, us)
    assert (local(found), unsure) == (fires, False)


def test_a_rung_that_reaches_into_a_year_not_published_makes_its_due_provisional(definition: Definition) -> None:
    context = at(definition, "2025-12-18", calendar=without(2026))
    moved = dues.moved(context, "only/1", {"ladder": "overdue", "missed": reckoning.NEVER - 1}, 3)
    assert moved["next"] is None and "provisional" not in moved
    effect = dues.armed(context, "only/1", "overdue", {"on": "2025-12-29"})
    assert (effect["step"], effect["next"] is not None, effect.get("provisional")) == (0, True, True)


def _faults(due: str, stage: str = "") -> set[str]:
    text = FLOW.replace("due: 5 workdays", f"due: {due}{stage}")
    try:
        loads(flow_text(text))
    except DefinitionInvalid as error:
        return {p.code for p in error.problems}
    return set()


@pytest.mark.parametrize(
    ("due", "codes"),
    [
        ("{node: end, within: 3 days}", {"due-anchor"}),
        ("{event: appointed}", {"due-anchor"}),
        ("{event: appointed, within: 6 months}", set()),
        ("{event: appointed, within: 6 months, or-within: 30 days}", set()),
        ("{before: National Day}", set()),
        ("{before: {festival: 国庆节, by: 3 workdays}}", set()),
        ("{before: Carnival}", {"unknown-festival"}),
        ('{node: end, at: "17:00"}', set()),
        ("{node: end, at: 1700}", {"not-a-time"}),
        ('{node: end, at: "25:00"}', {"not-a-time"}),
        ("{within: 3 days, not-after: nowhere}", {"unknown-node"}),
        ("{within: 3 days, at-most: 5 days}", set()),
        ("{node: end, pause: {by: department, starts: {within: 5 days, duty: secretary}}}", {"pause-of-fixed-date"}),
        ("{within: 9 days, pause: {by: {department: third}, starts: {within: 5 days, duty: secretary}}}", set()),
        ("{within: 9 days, pause: {by: boss, starts: {within: 5 days, duty: secretary}}}", {"unknown-post"}),
        ("{within: 9 days, pause: {by: department}}", {"missing-key"}),
        ("{within: 9 days, extend: {by: superior, at-most: 10 workdays, times: 1}}", set()),
        ("{within: 9 days, extend: {by: moon, at-most: 10 workdays}}", {"unknown-of"}),
        ("{within: 9 days, extend: {by: superior}}", {"missing-key"}),
    ],
)
def test_a_due_that_cannot_be_meant_is_refused_when_the_file_is_read(due: str, codes: set[str]) -> None:
    assert _faults(due) == codes


def test_a_ladder_of_a_place_needs_a_span_and_must_exist() -> None:
    def codes(step: str) -> set[str]:
        try:
            loads(flow_text(FLOW.replace("slots: secretary", f"slots: [{step}]")))
        except DefinitionInvalid as error:
            return {p.code for p in error.problems}
        return set()

    assert codes("{secretary: own, within: 2 workdays, ladder: overdue}") == set()
    assert codes("{secretary: own, ladder: overdue}") == {"ladder-without-within"}
    assert codes("{secretary: own, within: 2 workdays, ladder: steep}") == {"unknown-ladder"}


def test_two_files_that_mean_the_same_due_have_one_digest() -> None:
    short, long = (
        loads(flow_text(FLOW.replace("due: 5 workdays", d)))
        for d in ("due: 5 workdays", "due: {within: 5 workdays, reading: keep, ladder: overdue}")
    )
    assert short.digest == long.digest


def test_a_basis_is_plain_data_that_can_be_recorded(definition: Definition) -> None:
    from workflow.evidence import canonical

    anchors: list[dict[str, Any]] = [
        {"node": "end", "at": "17:00", "reading": "next-workday"},
        {"within": "5 workdays", "not-after": "end"},
        {"within": "5 hours"},
        {"set-by": "acceptor"},
        {"before": {"festival": "National Day", "by": "3 workdays"}},
    ]
    for anchor in anchors:
        basis = dues.basis_of(at(definition, "2019-08-20"), Due.model_validate(anchor), "1", "2019-09-09")
        assert basis is not None
        assert canonical.decode(canonical.encode(basis)) == basis
        assert reckon(CN, ZONE, basis).missed > at(definition, "2019-08-20").at


# --- so long after a date, or before it ---


@pytest.mark.parametrize(
    ("due", "basis_day", "day"),
    [
        ("{node: end, after: 5 workdays}", "2019-10-31", "2019-11-07"),
        ("{node: end, ahead: 3 workdays}", "2019-10-31", "2019-10-28"),
        (
            "{node: register, ahead: 11 workdays}",
            "2019-10-20",
            "2019-09-30",
        ),  # over National Day, Sat 12 October worked
        ("{node: end, after: 1 month}", "2019-10-31", "2019-11-30"),
        ("{node: register, after: 1 day, reading: next-workday}", "2019-10-20", "2019-10-21"),
    ],
)
def test_a_due_may_lie_so_long_after_a_node_or_before_it(due: str, basis_day: str, day: str) -> None:
    found = loads(flow_text(FLOW.replace("due: 5 workdays", f"due: {due}")))
    context, spec = at(found, "2019-09-02"), found.first.due
    assert spec is not None
    basis = dues.basis_of(context, spec, "1", "")
    assert basis is not None and basis["on"] == basis_day and day_of(CN, basis) == day
    counted = [d for d in days(CN, basis) if d.counted]
    assert not counted or counted[-1].day.isoformat() == day
    assert "其后" in sentence(basis, ZONE, "zh") or "提前" in sentence(basis, ZONE, "zh")
    assert " it" in sentence(basis, ZONE, "en")


def test_an_offset_into_a_year_not_published_is_provisional() -> None:
    basis = {"on": "2019-12-27", "plus": "5 workdays"}
    assert reckon(without(2020, 2021), ZONE, basis).provisional and not reckon(CN, ZONE, basis).provisional


@pytest.mark.parametrize(
    "due",
    [
        "{within: 5 days, after: 2 days}",
        "{node: end, after: 2 days, ahead: 1 day}",
        "{before: Labour Day, after: 2 hours}",
    ],
)
def test_an_offset_that_counts_from_nothing_is_refused(due: str) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        loads(flow_text(FLOW.replace("due: 5 workdays", f"due: {due}")))
    assert "due-offset" in str(refused.value)


@pytest.mark.parametrize(
    ("due", "missed"),
    [
        ("{node: end, after: 2 hours}", "2019-11-01 02:00"),  # a date means the whole day: hours begin when it ends
        ("{node: end, ahead: 48 hours}", "2019-10-30 00:00"),
        ('{node: end, after: 2 hours, at: "17:00"}', "2019-10-31 19:00"),
        ("{node: register, after: 3 hours, reading: next-workday}", "2019-10-22 03:00"),  # a Sunday, read as Monday
        ("{set-by: acceptor, after: 6 hours}", "2019-09-10 06:00"),
    ],
)
def test_hours_after_a_date_run_from_the_moment_at_which_that_day_ends(due: str, missed: str) -> None:
    spec = Due.model_validate(YAML(typ="safe").load(due))
    found = loads(flow_text(FLOW))
    basis = dues.basis_of(at(found, "2019-09-02"), spec, "1", "2019-09-09")
    assert basis is not None and local(reckon(CN, ZONE, basis).missed) == missed
    assert "hours" in sentence(basis, ZONE, "en") and "小时" in sentence(basis, ZONE, "zh")
    days(CN, basis)  # explained without a fault


def test_hours_since_an_appointment_run_from_the_end_of_its_day_and_keep_to_the_cap() -> None:
    """Of an appointment the day alone is known, so a day and 24 hours are the same. Source: R075."""
    basis = {"from": "2019-09-02", "span": "24 hours", "event": "appointed", "person": "p", "tenure": "t"}
    assert reckon(CN, ZONE, basis) == reckon(CN, ZONE, {**basis, "span": "1 days"})
    assert local(reckon(CN, ZONE, {**basis, "span": "99 hours", "cap": "2019-09-03"}).missed) == "2019-09-04 00:00"


@pytest.mark.parametrize(
    ("due", "code"),
    [
        ("{within: 40 days, at-most: 2 hours}", "span-of-days"),
        ("{before: {festival: National Day, by: 2 hours}}", "span-of-days"),
        ("{within: 5 days, extend: {at-most: 5 hours}}", "span-of-days"),
        ("{within: 5 days, extend: {at-most: 9999 years}}", "span-too-long"),
        ("{within: 5 hours, reading: next-workday}", "hours-have-no-day"),
        ('{within: 5 hours, at: "17:00"}', "hours-have-no-day"),
    ],
)
def test_hours_are_refused_where_only_days_can_be_counted(due: str, code: str) -> None:
    """Such a flow was taken, and the first item of it could not be opened, or its cap was another one than it said."""
    with pytest.raises(DefinitionInvalid) as refused:
        loads(flow_text(FLOW.replace("due: 5 workdays", f"due: {due}")))
    assert code in str(refused.value)


@pytest.mark.parametrize(
    ("span", "rules", "over"),
    [
        ("5 workdays", 6, "2019-10-11 00:00"),  # posted on a Sunday that is worked; National Day between
        ("5 days", 6, "2019-10-04 00:00"),
        ("2 weeks", 6, "2019-10-13 00:00"),
        ("1 month", 6, "2019-10-29 00:00"),
        ("1 month", 5, "2019-09-30 00:00"),  # what was posted then is over as it was told then
    ],
)
def test_a_window_of_weeks_or_months_hangs_so_long_both_ends_counted(span: str, rules: int, over: str) -> None:
    """Source: S4 「整顿工作全过程要在本村进行公示」, R162."""
    base = at(loads(flow_text(FLOW)), "2019-09-29")
    context = Context(base.definition, base.calendar, base.at, 1, rules)
    assert local(handing.window(context, Span.model_validate(span), date(2019, 9, 29))[0]) == over
