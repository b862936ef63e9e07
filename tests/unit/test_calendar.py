"""The working-day calendar against what was published, against two other packages, and against its own laws."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from timeit import timeit
from typing import Any

import chinese_calendar  # type: ignore[import-untyped]
import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.calendar import Calendar, Unit, YearDays
from workflow.calendar_file import load_calendar
from workflow.errors import CalendarMissing, DefinitionInvalid, Unknown

FILE = Path(__file__).parents[2] / "definitions" / "calendars" / "cn.yaml"
CN = load_calendar(FILE)
DAY = timedelta(days=1)
ALL_DAYS = [date(2004, 1, 1) + n * DAY for n in range((date(2026, 12, 31) - date(2004, 1, 1)).days + 1)]

# Far enough from both ends that a count of 400 working days stays inside the published years.
days = st.dates(date(2006, 6, 1), date(2024, 6, 30))
counts = st.integers(1, 400)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-02-13", 1, "2026-02-14"),  # a make-up Saturday
        ("2026-04-30", 3, "2026-05-08"),
        ("2026-09-28", 5, "2026-10-10"),  # a make-up Saturday
        ("2025-09-26", 3, "2025-09-30"),  # over the make-up Sunday 09-28
        ("2026-09-22", 10, "2026-10-13"),
        ("2019-09-30", 1, "2019-10-08"),
        ("2019-10-08", -1, "2019-09-30"),
        ("2018-12-28", 1, "2018-12-29"),  # arranged by the notice for 2019
        ("2019-10-10", 0, "2019-10-10"),
        ("2019-10-20", 0, "2019-10-20"),  # nothing is counted, so a Sunday stays
    ],
)
def test_working_days_end_on_the_published_date(start: str, n: int, end: str) -> None:
    assert CN.add_workdays(day(start), n) == day(end)


def test_a_monday_to_friday_count_would_end_a_week_early() -> None:
    naive = day("2026-09-22")
    left = 10
    while left:
        naive += DAY
        left -= naive.weekday() < 5
    assert naive == day("2026-10-06")
    assert CN.add_workdays(day("2026-09-22"), 10) == day("2026-10-13") != naive


def test_the_autumn_of_2019_is_as_the_notice_says() -> None:
    assert CN.is_workday(day("2019-09-29")), "a make-up Sunday"
    assert not CN.is_workday(day("2019-10-07")), "a Monday inside the National Day holiday, R082"
    assert not CN.is_workday(day("2019-10-20")), "中旬前 of node set 2 read as the 20th, a Sunday, R068"
    assert CN.is_workday(day("2019-10-31")), "10月底前, R067"
    assert not CN.is_workday(day("2019-08-31")), "8月底前 is a Saturday, R067"


def test_the_make_up_days_of_2026_are_the_six_published() -> None:
    published = ("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
    assert CN.years[2026].workdays == set(map(day, published))


def test_every_day_agrees_with_chinesecalendar_but_the_saturday_the_notice_for_2006_made_a_working_day() -> None:
    assert len(ALL_DAYS) == 8401
    differing = [d for d in ALL_DAYS if CN.is_workday(d) != chinese_calendar.is_workday(d)]
    assert differing == [day("2005-12-31")]
    assert CN.is_workday(day("2005-12-31")), "国办发明电〔2005〕35号: 12月31日(星期六)上班"


def test_every_day_agrees_with_holidays() -> None:
    other = holidays.country_holidays("CN", years=range(2004, 2027))
    assert [d for d in ALL_DAYS if CN.is_workday(d) != other.is_working_day(d)] == []


def test_every_year_from_2004_to_2026_is_published() -> None:
    assert list(CN.years) == list(range(2004, 2027))


def test_no_published_day_is_both_off_and_worked() -> None:
    off = frozenset[date]().union(*(year.holidays for year in CN.published))
    worked = frozenset[date]().union(*(year.workdays for year in CN.published))
    assert not off & worked
    assert {d.weekday() for d in worked} == {5, 6}


@pytest.mark.parametrize(
    "ask",
    [
        lambda: CN.is_workday(day("2027-01-01")),
        lambda: CN.is_workday(day("2003-12-31")),
        lambda: CN.add_workdays(day("2026-12-28"), 5),
        lambda: CN.add_workdays(day("2004-01-05"), -5),
        lambda: CN.count_workdays(day("2026-12-01"), day("2027-01-01"), both_ends=True),
        lambda: CN.explain(day("2026-12-31"), 1),
        lambda: CN.roll(day("2027-01-03"), "next-workday"),
        lambda: CN.festival("National Day", 2027),
    ],
)
def test_a_year_outside_the_published_ones_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(CalendarMissing) as refused:
        ask()
    assert refused.value.facts["year"] in (2003, 2027)
    assert "2004-2026" in str(refused.value)
    assert "2004-2026" in refused.value.text("zh")


def test_a_gap_between_published_years_is_not_jumped() -> None:
    gap = Calendar(CN.name, CN.title, CN.weekend, CN.festivals, tuple(y for y in CN.published if y.year != 2020))
    assert gap.add_workdays(day("2019-12-30"), 1) == day("2019-12-31")
    with pytest.raises(CalendarMissing, match="2004-2019, 2021-2026"):
        gap.add_workdays(day("2019-12-30"), 2)
    with pytest.raises(CalendarMissing):
        gap.count_workdays(day("2019-12-30"), day("2021-01-04"), both_ends=True)


def test_the_last_week_before_an_unpublished_year_is_not_settled() -> None:
    assert CN.settled(day("2025-12-31"))
    assert CN.settled(day("2026-12-24"))
    assert not CN.settled(day("2026-12-25"))
    assert not CN.settled(day("2027-06-01"))


def test_a_notice_changes_no_settled_day_of_the_year_before() -> None:
    for last in range(2004, 2026):
        before = Calendar(CN.name, CN.title, CN.weekend, CN.festivals, tuple(y for y in CN.published if y.year <= last))
        for d in (date(last, 12, 31) - n * DAY for n in range(60)):
            assert not before.settled(d) or before.is_workday(d) == CN.is_workday(d), d


@pytest.mark.parametrize(
    ("start", "n", "unit", "end"),
    [
        ("2019-09-27", 2, "workdays", "2019-09-30"),
        ("2019-09-27", 2, "days", "2019-09-29"),
        ("2019-09-27", -1, "weeks", "2019-09-20"),
        ("2019-08-31", 1, "months", "2019-09-30"),
        ("2020-01-31", 1, "months", "2020-02-29"),
        ("2019-03-31", -1, "months", "2019-02-28"),
        ("2019-01-15", -1, "months", "2018-12-15"),
        ("2019-11-30", 1, "quarters", "2020-02-29"),
        ("2020-02-29", 1, "years", "2021-02-28"),
        ("2019-11-20", 12, "months", "2020-11-20"),
        ("2031-05-31", 1, "months", "2031-06-30"),  # plain arithmetic needs no published year
    ],
)
def test_a_span_is_added_in_its_unit(start: str, n: int, unit: Unit, end: str) -> None:
    assert CN.add(day(start), n, unit) == day(end)


def test_an_unknown_unit_or_reading_is_refused() -> None:
    unit: Any = "fortnights"
    with pytest.raises(Unknown, match="workdays, days"):
        CN.add(day("2019-10-01"), 1, unit)
    with pytest.raises(Unknown, match="next-workday"):
        CN.roll(day("2019-10-01"), unit)


def test_a_monday_inside_a_holiday_means_what_the_definition_states() -> None:
    monday = day("2019-10-07")
    assert CN.roll(monday, "keep") == monday
    assert CN.roll(monday, "next-workday") == day("2019-10-08")
    assert CN.roll(monday, "previous-workday") == day("2019-09-30")
    assert CN.roll(day("2019-10-14"), "next-workday") == day("2019-10-14")


def test_ends_are_counted_as_told() -> None:
    monday, friday = day("2019-10-14"), day("2019-10-18")
    assert CN.count_workdays(monday, friday, both_ends=True) == 5
    assert CN.count_workdays(monday, friday, both_ends=False) == 4
    assert CN.count_workdays(day("2019-10-01"), day("2019-10-07"), both_ends=True) == 0
    assert CN.count_workdays(day("2019-01-01"), day("2019-12-31"), both_ends=True) == 250
    with pytest.raises(ValueError, match="on or after 2019-10-18"):
        CN.count_workdays(friday, monday, both_ends=True)


def test_a_due_may_stand_before_a_festival_in_either_language() -> None:
    for name in ("National Day", "national-day", "国庆节"):
        assert CN.festival(name, 2019) == (day("2019-10-01"), day("2019-10-07"))
    first, _ = CN.festival("国庆节", 2019)
    assert CN.add_workdays(first, -1) == day("2019-09-30"), "国庆节前, R078"
    assert CN.festival("中秋节", 2020) == CN.festival("国庆节", 2020) == (day("2020-10-01"), day("2020-10-08"))
    assert CN.festival("元旦", 2019) == (day("2018-12-30"), day("2019-01-01"))


def test_a_festival_that_is_not_there_is_unknown() -> None:
    with pytest.raises(Unknown, match="Spring Festival"):
        CN.festival("Easter", 2019)
    with pytest.raises(Unknown, match="2004"):
        CN.festival("Mid-Autumn Festival", 2004)


def test_a_count_is_explained_day_by_day() -> None:
    steps = CN.explain(day("2026-09-30"), 3)
    assert [s.day for s in steps] == [day("2026-09-30") + n * DAY for n in range(11)]
    assert [s.day for s in steps if s.counted] == [day("2026-10-08"), day("2026-10-09"), day("2026-10-10")]
    reasons = {s.day: s.reason for s in steps}
    assert reasons[day("2026-09-30")] == ("起算日,不计入", "the day it runs from, not counted")
    assert reasons[day("2026-10-04")] == (
        "国庆节放假(2026-10-01 至 2026-10-07)",
        "National Day holiday (2026-10-01 to 2026-10-07)",
    )
    assert reasons[day("2026-10-08")] == ("周四,第 1 个工作日", "Thursday, working day 1")
    assert reasons[day("2026-10-10")] == ("周六调休上班,第 3 个工作日", "make-up working Saturday, working day 3")
    assert CN.explain(day("2026-10-12"), -1)[1].reason.en == "Sunday, weekend"
    joined = CN.explain(day("2025-09-30"), 1)[1].reason
    assert joined.zh.startswith("国庆节、中秋节放假") and joined.en.startswith("National Day and Mid-Autumn Festival")
    assert len(CN.explain(day("2026-10-12"), 0)) == 1


@given(days, counts)
def test_going_forward_and_back_returns_to_the_working_day(start: date, n: int) -> None:
    start = CN.roll(start, "next-workday")
    assert CN.add_workdays(CN.add_workdays(start, n), -n) == start
    assert CN.add_workdays(CN.add_workdays(start, -n), n) == start


@given(days, counts)
def test_a_count_ends_on_a_working_day_and_the_next_ends_later(start: date, n: int) -> None:
    end = CN.add_workdays(start, n)
    assert CN.is_workday(end)
    assert start < end < CN.add_workdays(start, n + 1)
    assert CN.add_workdays(start, -n) < start


@given(days, days, counts)
def test_a_later_start_never_ends_earlier(one: date, two: date, n: int) -> None:
    early, late = sorted((one, two))
    assert CN.add_workdays(early, n) <= CN.add_workdays(late, n)
    assert CN.add_workdays(early, -n) <= CN.add_workdays(late, -n)


@given(days, counts, counts)
def test_two_counts_in_a_row_are_one_count_of_their_sum(start: date, a: int, b: int) -> None:
    assert CN.add_workdays(CN.add_workdays(start, a // 2), b // 2) == CN.add_workdays(start, a // 2 + b // 2)


@given(days, counts)
def test_counting_agrees_with_adding_and_with_explaining(start: date, n: int) -> None:
    end = CN.add_workdays(start, n)
    assert CN.count_workdays(start, end, both_ends=False) == n
    assert CN.count_workdays(start, end, both_ends=True) == n + CN.is_workday(start)
    steps = CN.explain(start, n)
    assert sum(s.counted for s in steps) == n
    assert steps[-1].day == end and steps[-1].counted
    back = CN.explain(start, -n)
    assert sum(s.counted for s in back) == n and back[-1].day == CN.add_workdays(start, -n)


@given(days, st.integers(0, 800))
def test_counting_is_the_sum_over_the_days(start: date, length: int) -> None:
    end = start + length * DAY
    by_hand = sum(CN.is_workday(start + n * DAY) for n in range(length + 1))
    assert CN.count_workdays(start, end, both_ends=True) == by_hand


@given(days, st.integers(-60, 60))
def test_months_keep_the_day_or_clamp_to_the_last(start: date, n: int) -> None:
    end = CN.add(start, n, "months")
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == n
    assert end.day == start.day or (end.day < start.day and (end + DAY).day == 1)


def test_ten_working_days_take_less_than_twenty_microseconds() -> None:
    start = day("2026-09-22")
    CN.add_workdays(start, 10)
    best = min(timeit(lambda: CN.add_workdays(start, 10), number=1000) for _ in range(5)) / 1000
    assert best < 20e-6


def test_a_moment_is_not_a_date() -> None:
    noon = datetime(2019, 10, 7, 12)
    for ask in (
        lambda: CN.is_workday(noon),
        lambda: CN.add_workdays(noon, 0),
        lambda: CN.add(noon, 1, "days"),
        lambda: CN.count_workdays(noon, noon, both_ends=True),
    ):
        with pytest.raises(TypeError, match="local day"):
            ask()


def test_the_canonical_form_round_trips_and_carries_the_digest() -> None:
    content = CN.to_canonical()
    again = Calendar.from_canonical(content)
    assert again == CN and again.to_canonical() == content and again.digest == CN.digest
    assert CN.digest.startswith("sha256:") and len(CN.digest) == 71
    assert pickle.loads(pickle.dumps(CN)) == CN
    assert {again: 1}[CN] == 1

    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(k, str) and k.isascii() and plain(v) for k, v in value.items())
        return all(map(plain, value)) if isinstance(value, list) else type(value) in (str, int)

    assert plain(content)


def test_order_layout_and_chinese_keys_do_not_change_the_digest() -> None:
    english = """
calendar: example
title: {zh: 示例, en: Example}
weekend: [sat, sun]
festivals: {national-day: {zh: 国庆节, en: National Day}, new-year: {zh: 元旦, en: New Year}}
years:
  2019:
    holidays:
      - {festival: new-year, from: 2018-12-30, to: 2019-01-01}
      - {festival: national-day, from: 2019-10-01, to: 2019-10-07}
    workdays: [2018-12-29, 2019-09-29]
"""
    chinese = """
年度:
  2019:
    上班: [2019-09-29, 2018-12-29]
    放假:
      - {自: 2019-10-01, 至: 2019-10-07, 节: [national-day]}
      - {自: 2018-12-30, 至: 2019-01-01, 节: new-year}
节日: {new-year: {zh: 元旦, en: New Year}, national-day: {zh: 国庆节, en: National Day}}
周末: [周日, 周六]
名称: {zh: 示例, en: Example}
日历: example
"""
    assert load_calendar(english).digest == load_calendar(chinese).digest


def test_one_changed_day_changes_the_digest() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert load_calendar(text) == CN
    assert load_calendar(text.replace("2026-10-10]", "2026-10-11]")).digest != CN.digest


GOOD = """\
calendar: example
title: {zh: 示例, en: Example}
weekend: [sat, sun]
festivals:
  new-year: {zh: 元旦, en: New Year}
  national-day: {zh: 国庆节, en: National Day}
years:
  2019:
    holidays:
      - {festival: new-year, from: 2018-12-30, to: 2019-01-01}
      - {festival: national-day, from: 2019-10-01, to: 2019-10-07}
    workdays: [2018-12-29, 2019-09-29]
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "code"),
    [
        ("to: 2019-10-07", "to: 2019-10-32", "11:56", "calendar-date"),
        ("to: 2019-10-07", "to: 10月7日", "11:56", "calendar-date"),
        ("to: 2019-10-07", "to: 2019-09-30", "11:56", "calendar-order"),
        ("to: 2019-10-07", "to: 2020-01-01", "11:56", "calendar-date"),
        ("from: 2018-12-30", "from: 2018-12-24", "10:36", "calendar-date"),
        ("from: 2019-10-01", "from: 2019-01-01", "11:9", "calendar-overlap"),
        ("to: 2019-10-07", "til: 2019-10-07", "11:52", "calendar-key"),
        (", to: 2019-10-07", "", "11:9", "calendar-lacking"),
        ("festival: national-day", "festival: national-dya", "11:20", "calendar-festival"),
        ("festival: national-day", "festival: new-year", "11:20", "calendar-overlap"),
        ("festival: national-day", "festival: []", "11:20", "calendar-festival"),
        ("2019-09-29]", "2019-09-30]", "12:28", "calendar-workday"),
        ("2019-09-29]", "2019-10-06]", "12:28", "calendar-overlap"),
        ("2019-09-29]", "2018-12-29]", "12:28", "calendar-overlap"),
        ("[2018-12-29, 2019-09-29]", "2019-09-29", "12:15", "calendar-shape"),
        ("  2019:\n", "  2O19:\n", "8:3", "calendar-year"),
        ("  new-year: {zh: 元旦, en: New Year}", "  new-year: {zh: 元旦}", "5:13", "calendar-lacking"),
        ("  new-year: {zh: 元旦, en: New Year}", "  new-year: {zh: '', en: New Year}", "5:18", "calendar-text"),
        ("  national-day: {", "  new-year: {", "6:3", "calendar-twice"),
        ("calendar: example", "calendar: 示例", "1:11", "calendar-code"),
        ("[sat, sun]", "[sat, sunday]", "3:16", "calendar-weekday"),
        ("[sat, sun]", "[sat, sun", "4:10", "calendar-yaml"),
        ("years:\n", "years:\n  2018: {holidays: [], workdays: []}\n", "8:20", "calendar-empty"),
        ("years:\n", "years: {}\nrest:\n", "7:8", "calendar-empty"),
        (
            "years:\n",
            "years:\n  2018: {holidays: [{festival: new-year, from: 2018-12-31, to: 2018-12-31}], workdays: []}\n",
            "11:9",
            "calendar-overlap",
        ),
    ],
)
def test_a_broken_file_points_at_line_and_column(old: str, new: str, place: str, code: str) -> None:
    load_calendar(GOOD)
    assert old in GOOD
    with pytest.raises(DefinitionInvalid) as refused:
        load_calendar(GOOD.replace(old, new, 1), file="example.yaml")
    lines = str(refused.value).splitlines()[1:]
    assert any(line.startswith(f"example.yaml:{place}: error: ") and line.endswith(f"[{code}]") for line in lines), (
        lines
    )
    assert refused.value.facts["count"] == len(lines) == len(refused.value.facts["problems"])
    chinese = refused.value.text("zh").splitlines()[1:]
    assert len(chinese) == len(lines)
    assert all(": 错误:" in line and "expected" not in line and "already" not in line for line in chinese), chinese


def test_every_fault_of_a_file_is_listed_in_order_and_survives_pickling() -> None:
    broken = (
        GOOD.replace("2019-10-07", "2019-10-99").replace("[sat, sun]", "[sat, sonntag]").replace("2018-12-29, ", "x, ")
    )
    with pytest.raises(DefinitionInvalid) as refused:
        load_calendar(broken)
    problems = refused.value.facts["problems"]
    assert [(p.line, p.code) for p in problems] == [
        (3, "calendar-weekday"),
        (11, "calendar-date"),
        (12, "calendar-date"),
        (12, "calendar-workday"),
    ]
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "hello\n", "a: 1\n---\nb: 2\n", "? [a]\n: b\n", "x: !!python/object:os.system a\n"]
)
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(DefinitionInvalid):
        load_calendar(text)


def test_a_file_that_is_not_utf_8_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "gbk.yaml"
    path.write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(DefinitionInvalid, match=r"gbk.yaml:1:1: error: expected UTF-8"):
        load_calendar(path)
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_calendar(path) == load_calendar(GOOD)


def test_a_year_of_a_calendar_is_a_plain_value() -> None:
    year = CN.years[2019]
    assert isinstance(year, YearDays)
    assert day("2019-10-05") in year.holidays, "weekends inside a holiday belong to it"
    assert pickle.loads(pickle.dumps(year)) == year
