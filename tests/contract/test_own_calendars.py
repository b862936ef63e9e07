"""Reports owed by units that count by a calendar of their own: each by its own date, in all states and sweeps; and the
past as it was: the roster as it was known, the version and the calendar that a period was under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

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
    who,
)
from workflow import bundle, obligations, orgbook
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.clock import moment
from workflow.definition.load import loads
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.desk import Desk
from workflow.errors import GateClosed, Unknown, WorkflowError
from workflow.evidence.standalone import main as check_alone
from workflow.health import health
from workflow.org.importing import OrgImport
from workflow.reprojection import follow_published, publish
from workflow.schedule import _Following, once
from workflow.store import library, queries
from workflow.sweep import foresee, tick
from workflow.trace import trace_unit
from workflow.why import lines, why

WEEK = "2019-W41"  # Monday 7 October 2019: by the notice the last day of the holiday, so read as Tuesday the 8th
LEFT = ("no-calendar", "roll-call-not-held", "unfired-rung")
CN = load_calendar(shipped_calendar("cn")).to_canonical()
CN_AGAIN = Calendar.from_canonical({**CN, "title": {"zh": "重印", "en": "printed again"}})
ALL = [f"o{n}" for n in range(1, 12)]
SIX_DAYS = """calendar: six-days
title: {zh: 示例单位日历, en: an invented unit's calendar}
weekend: [sun]
festivals: {national: {zh: 国庆节, en: National Day}}
years:
  2019: {holidays: [{festival: national, from: 2019-10-01, to: 2019-10-03}], workdays: []}
"""


def numbered(version: str) -> str:
    """The shipped flow's file under another version."""
    text, found = re.subn(r"(?m)^version: .*$", f'version: "{version}"', shipped_flow(FLOW).read_text(encoding="utf-8"))
    assert found == 1
    return text


def flow(calendars: str, version: str = "2019.1") -> Any:
    text = numbered(version)
    return loads(text.replace("calendar: cn\n", f"calendar: cn\ncalendars: {calendars}\n"))


def made(url: str, home: Path, calendars: str) -> Weekly:
    w = make_weekly(url, home, definition=flow(calendars))
    w.engine.publish_calendar(load_calendar(SIX_DAYS))
    return w


@pytest.fixture
def mine(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    """o7 works on Saturdays and on 7 October; everybody else by the notice."""
    w = made(database_url, tmp_path / "home", "{o7: six-days}")
    yield w
    w.engine.close()


def test_who_counts_by_another_calendar_owes_by_its_own_date_in_every_state_at_any_instant(mine: Weekly) -> None:
    w = mine
    w.at("2019-10-06 09:00")
    w.report("o1", WEEK)
    w.report("o2", WEEK, NOTHING)
    w.at("2019-10-07 12:30")
    late = w.report("o7", WEEK)
    w.report("o3", WEEK)
    w.at("2019-10-09 09:00")
    w.report("o4", WEEK)
    w.engine.supplement(late, who("secretary", "o7"), w.seen(late), PROGRESS, "one more matter was found")
    due = dict.fromkeys(ALL, "DUE") | {"o1": "SUBMITTED", "o2": "ZERO"}
    expected = {
        "2019-10-07 11:59": due,
        "2019-10-07 12:00": due | {"o7": "MISSING"},
        "2019-10-07 12:30": due | {"o7": "LATE", "o3": "SUBMITTED"},
        "2019-10-08 11:59": due | {"o7": "LATE", "o3": "SUBMITTED"},
        "2019-10-08 12:00": {u: "MISSING" if s == "DUE" else s for u, s in due.items()}
        | {"o7": "LATE", "o3": "SUBMITTED"},
    }
    with w.look() as desk:
        for when, wanted in expected.items():
            at = shanghai(when)
            assert states(desk, FIRST, WEEK, at) == wanted, when
            rates = obligations.rates(desk, FLOW, FIRST, WEEK, at)
            assert sum(rates.counts.values()) == len(ALL) == rates.expected
            assert {s: n for s, n in rates.counts.items() if n} == {
                s: [*wanted.values()].count(s) for s in wanted.values()
            }
            waits = [u for u in ALL if wanted[u] in ("DUE", "MISSING")]
            assert obligations.missing(desk, FLOW, FIRST, WEEK, at) == waits  # as offices list them
            own = obligations.rates(desk, FLOW, FIRST, WEEK, at, under="o7")
            assert (own.expected, own.counts[wanted["o7"]]) == (1, 1)  # type: ignore[index]
            assert (own.period.day, rates.period.day) == (date(2019, 10, 7), date(2019, 10, 8))
        told = {o.unit: o.missed for o in obligations.owed(desk, FLOW, FIRST, WEEK, w.clock.now())}
        assert told == dict.fromkeys(ALL, shanghai("2019-10-08 12:00")) | {"o7": shanghai("2019-10-07 12:00")}
        assert list(told) == ALL
        after = obligations.rates(desk, FLOW, FIRST, WEEK, w.clock.now())
        assert (after.counts["SUPPLEMENTED"], after.supplemented_late, after.late) == (1, 1, 2)
        assert (after.expected, after.on_time, after.missing) == (11, 3, 6)
        early = obligations.overdue(desk, shanghai("2019-10-07 12:00"), date(2019, 10, 1))
        assert early == {(FLOW, FIRST, WEEK): 1}
        mine_, theirs = (obligations.period(desk, FLOW, FIRST, WEEK, unit=u).day for u in ("o7", "o8"))
        assert (mine_, theirs) == (date(2019, 10, 7), date(2019, 10, 8))
        (one,) = obligations.periods(desk, FLOW, FIRST, date(2019, 10, 5), date(2019, 10, 9), unit="o7")
        assert one.day == mine_
    assert w.verify().exit_code == 0 and w.verify().rules == "hold"


def test_the_roll_call_of_another_calendar_is_held_at_its_own_moment_once(mine: Weekly) -> None:
    w = mine
    w.engine.run_until(shanghai("2019-10-06 09:00"))
    w.at("2019-10-07 11:59")
    assert tick(w.engine).opened == 0
    w.at("2019-10-07 12:00")
    _, calls = foresee(w.engine)
    assert (FLOW, f"{FIRST}@six-days", WEEK) in calls
    swept = tick(w.engine)
    assert swept.opened == 1
    item = obligations.report_id(FLOW, "o7", WEEK)
    (due,) = w.engine.case_of(item)[0].dues.values()
    assert due["missed"] == shanghai("2019-10-07 12:00")
    assert tick(w.engine).opened == 0
    with w.look() as desk:
        (told,) = why(desk, item)
        text = "\n".join(lines([told], "Asia/Shanghai", "en"))
    assert told.agrees and f"the date of its period by obligation {FIRST}: 2019-10-07" in text
    assert "报送义务" in "\n".join(lines([told], "Asia/Shanghai", "zh"))
    w.at("2019-10-08 12:00")
    assert tick(w.engine).opened == 10
    w.at("2019-10-08 12:01")
    assert not [f for f in health(w.engine).faults if f.code == "roll-call-not-held"]
    assert w.verify().exit_code == 0


def test_with_nobody_sweeping_the_answer_is_the_same_and_each_is_followed_up_once(
    database_url: str, tmp_path: Path
) -> None:
    """The longest names there may be, too: a roll call is kept under obligation and calendar."""
    long = "s" + "ix-days" * 9
    text = SIX_DAYS.replace("calendar: six-days", f"calendar: {long}")
    w = make_weekly(database_url, tmp_path / "home", definition=flow(f"{{t1: {long}, o7: cn}}"))
    w.engine.publish_calendar(load_calendar(text))
    w.engine.run_until(shanghai("2019-10-05 09:00"))
    asleep = w.at("2019-10-09 09:00")
    with w.look() as desk:
        before = {r: states(desk, r, WEEK, asleep) for r in (FIRST, SECOND)}
        assert obligations.missing(desk, FLOW, FIRST, WEEK, shanghai("2019-10-07 12:00"), "t1")[6] == "o7"
    assert tick(w.engine).opened == 13 and tick(w.engine).opened == 0
    with w.look() as desk:
        assert {r: states(desk, r, WEEK, asleep) for r in (FIRST, SECOND)} == before
        missed = {
            u: next(iter(desk.case_of(obligations.report_id(FLOW, u, WEEK))[0].dues.values()))["missed"] for u in ALL
        }
    assert missed == dict.fromkeys(ALL, shanghai("2019-10-07 12:00")) | {"o7": shanghai("2019-10-08 12:00")}
    assert w.verify().exit_code == 0
    w.engine.close()


def test_a_report_over_the_children_awaits_each_by_its_own_calendar(database_url: str, tmp_path: Path) -> None:
    """At 13:00 on the Monday one child, by the notice, has until Tuesday: the second hop cannot call it missing yet."""
    w = made(database_url, tmp_path / "home", "{t1: six-days, o7: cn}")
    w.at("2019-10-06 09:00")
    w.report_all([u for u in ALL if u not in ("o7", "o8")], WEEK)
    report = w.open("t1", WEEK)
    w.at("2019-10-07 13:00")
    with pytest.raises(GateClosed) as closed:
        w.engine.submit(report, who("handler", "t1"), PROGRESS, outcome="reported")
    assert closed.value.facts["actual"] == ["o7"]
    w.report("o7", WEEK)
    w.submit("t1", WEEK)
    w.sign(report)
    assert w.engine.case_of(report)[0].roll == {"expected": 11, "in": 10, "missing": ["o8"]}
    assert w.verify().exit_code == 0 and w.verify().rules == "hold"
    file = tmp_path / "bundle.jsonl"
    with file.open("wb") as out, w.engine.reading() as connection:
        bundle.write(connection, w.engine.contents, out, "item", report, made_at=w.clock.now())
    assert check_alone(["verify", str(file)]) == 0
    cut = [one for one in file.read_bytes().splitlines(keepends=True) if b'"kind":"calendar"' not in one]
    file.write_bytes(b"".join(cut))
    assert check_alone(["verify", str(file)]) == 1
    w.engine.close()


def test_a_trace_of_a_unit_that_did_not_report_knows_its_own_date(mine: Weekly) -> None:
    """R055: on the Monday afternoon one unit's time has passed, the other's has not."""
    w = mine
    w.at("2019-10-06 09:00")
    w.report("o1", WEEK)
    at = w.at("2019-10-07 13:00")
    with w.look() as desk:
        for unit, wanted in (("o7", ["o7"]), ("o8", [])):
            found = trace_unit(desk, FLOW, WEEK, unit, at)
            assert [o.unit for s in found.root.walk() for o in s.owed if o.what == "report"] == wanted, unit


def test_a_period_that_only_another_calendar_has_is_owed_by_its_units_alone(database_url: str, tmp_path: Path) -> None:
    """Daily on working days: on a Saturday only those who work then owe."""
    text = (
        shipped_flow(FLOW)
        .read_text(encoding="utf-8")
        .replace("calendar: cn\n", "calendar: cn\ncalendars: {o7: six-days}\n")
        .replace("every: week, on: monday", "every: workday")
        .replace("reading: next-workday, ", "")
    )
    w = make_weekly(database_url, tmp_path / "home", definition=loads(text))
    w.engine.publish_calendar(load_calendar(SIX_DAYS))
    at = w.at("2019-09-21 13:00")  # a Saturday
    with w.look() as desk:
        assert states(desk, FIRST, "2019-09-21", at) == {"o7": "MISSING"}
        assert obligations.overdue(desk, at, date(2019, 9, 21)) == {(FLOW, FIRST, "2019-09-21"): 1}
        assert obligations.period(desk, FLOW, FIRST, "2019-09-21").name == "2019-09-21"
        with pytest.raises(Unknown):
            obligations.period(desk, FLOW, FIRST, "2019-09-21", unit="o8")
        sunday = obligations.rates(desk, FLOW, FIRST, "2019-09-29", at)  # worked by the notice, and not by the other
        assert sunday.expected == 10 and "o7" not in states(desk, FIRST, "2019-09-29", at)
        assert "o7" not in obligations.missing(desk, FLOW, FIRST, "2019-09-29", at)
        found = obligations.periods(desk, FLOW, FIRST, date(2019, 9, 20), date(2019, 9, 23))
        assert [p.name for p in found] == ["2019-09-20", "2019-09-21", "2019-09-23"]
        assert [
            p.name for p in obligations.periods(desk, FLOW, FIRST, *(date(2019, 9, d) for d in (20, 23)), unit="o8")
        ] == [
            "2019-09-20",
            "2019-09-23",
        ]
    w.engine.close()


def test_a_calendar_that_nobody_published_holds_up_its_own_flow_alone_and_is_told(
    database_url: str, tmp_path: Path
) -> None:
    w = make_weekly(database_url, tmp_path / "home")
    text = shipped_flow(FLOW).read_text(encoding="utf-8").replace(f"flow: {FLOW}\n", "flow: other\n")
    w.engine.publish(loads(text.replace("calendar: cn\n", "calendar: cn\ncalendars: {o7: six-days}\n")))
    w.engine.run_until(shanghai("2019-09-16 12:00"))
    w.at("2019-09-16 12:01")
    found = [(f.code, f.text("en"), f.text("zh")) for f in health(w.engine).faults if f.code in LEFT]
    assert [code for code, _, _ in found] == ["no-calendar"]
    assert "other counts by a calendar six-days that nobody has published" in found[0][1] and "尚未发布" in found[0][2]
    with w.look() as desk:
        assert desk.case_of(obligations.report_id(FLOW, "o7", "2019-W38"))[0].dues
        with pytest.raises(Unknown, match="no calendar called 'six-days'; publish it first"):
            obligations.rates(desk, "other", FIRST, "2019-W38", w.clock.now())
    w.engine.publish_calendar(load_calendar(SIX_DAYS))
    assert tick(w.engine).opened > 0
    assert not [f for f in health(w.engine).faults if f.code in LEFT]
    w.engine.close()


# --- what was known then -------------------------------------------------------------------------------------------


def test_a_past_instant_is_answered_by_what_was_known_of_the_organisation_then(
    database_url: str, tmp_path: Path
) -> None:
    """A branch entered in October as established in May owed September's reports for whoever asks in October; what was told
    in September stays what was told."""
    w = make_weekly(database_url, tmp_path / "home")
    w.at("2019-09-16 13:00")
    with w.look() as desk:
        told = obligations.rates(desk, FLOW, FIRST, "2019-W38", w.clock.now())
    w.at("2019-10-09 10:00")
    w.engine.import_org(OrgImport.from_rows(more()))
    with w.look() as desk:
        again = obligations.rates(desk, FLOW, FIRST, "2019-W38", shanghai("2019-09-16 13:00"))
        now = obligations.rates(desk, FLOW, FIRST, "2019-W38", w.clock.now())
        assert again == told and again.expected == 11
        assert (now.expected, now.missing) == (12, 12)
        for at, n in (("2019-09-16 13:00", 11), ("2019-10-09 10:00", 12)):
            some = obligations.missing(desk, FLOW, FIRST, "2019-W38", shanghai(at), "t1")
            assert (len(some), "o12" in some) == (n, n == 12)
            assert len(obligations.owed(desk, FLOW, FIRST, "2019-W38", shanghai(at), "t2")) == 0
    w.engine.close()


def more() -> dict[str, list[dict[str, Any]]]:
    name = {"name_zh": "示例单位十二", "name_en": "invented unit twelve"}
    dates = {"established_on": "2019-05-01", "dissolved_on": None}
    line = {"unit": "o12", "kind": "managing", "parent": "t1", "from_on": "2019-05-01", "until_on": None}
    unit = {"id": "o12", "level": "organisation", "ordinal": 40, **name, **dates}
    return {"units": [unit], "parents": [line], "persons": [], "tenures": []}


def test_a_unit_that_rose_to_another_level_owes_for_the_days_before_as_it_was(
    database_url: str, tmp_path: Path
) -> None:
    w = make_weekly(database_url, tmp_path / "home")
    w.at("2019-09-25 10:00")
    with w.engine.desk() as desk:
        called = {"name_zh": "示例单位", "name_en": "invented unit"}
        orgbook.rename_unit(desk, None, "invented", unit="o11", on="2019-09-20", level="third", **called)
    now = w.clock.now()
    with w.look() as desk:
        for week, first, second in (("2019-W38", 11, 2), ("2019-W39", 10, 3)):
            found = {r: obligations.owed(desk, FLOW, r, week, now) for r in (FIRST, SECOND)}
            assert {r: len(rows) for r, rows in found.items()} == {FIRST: first, SECOND: second}
            for rule, rows in found.items():
                assert obligations.rates(desk, FLOW, rule, week, now).expected == len(rows)
                assert obligations.missing(desk, FLOW, rule, week, now) == [o.unit for o in rows]
    w.engine.close()


def test_a_later_version_changes_nothing_of_what_was_over_and_what_came_in_under_an_earlier_one_is_in(
    database_url: str, tmp_path: Path
) -> None:
    """Noon becomes ten o'clock, and the stage has another name: who was in at eleven was in time."""
    w = make_weekly(database_url, tmp_path / "home")
    w.at("2019-09-16 11:00")
    w.report("o1", "2019-W38")
    w.at("2019-09-20 09:00")
    w.report("o1", "2019-W39")
    text = numbered("2020.1").replace('"12:00"', '"10:00"')
    w.engine.publish(loads(text.replace("reported: reported", "reported: in").replace("stage: reported", "stage: in")))
    w.at("2019-09-23 10:30")
    w.report("o2", "2019-W39")
    now = w.clock.now()
    with w.look() as desk:
        over = states(desk, FIRST, "2019-W38", now)
        assert (over["o1"], over["o2"]) == ("SUBMITTED", "MISSING")
        assert obligations.period(desk, FLOW, FIRST, "2019-W38").missed == shanghai("2019-09-16 12:00")
        running = states(desk, FIRST, "2019-W39", now)
        assert (running["o1"], running["o2"], running["o3"]) == ("SUBMITTED", "LATE", "MISSING")
        found = obligations.periods(desk, FLOW, FIRST, date(2019, 9, 10), date(2019, 9, 30))
        assert [p.missed for p in found] == [
            shanghai("2019-09-16 12:00"),
            shanghai("2019-09-23 10:00"),
            shanghai("2019-09-30 10:00"),
        ]
    w.engine.close()


def test_a_notice_moves_a_date_that_waited_for_it_and_none_that_was_settled(database_url: str, tmp_path: Path) -> None:
    """Monday 6 January 2020 waits for the notice of 2020; a correction that comes after the day moves nothing."""
    whole = CN
    years = whole["years"]
    w = make_weekly(database_url, tmp_path / "home", calendar=until(whole, 2019), start="2019-12-02 09:00")
    name = "2020-W02"
    with w.look() as desk:
        before = obligations.period(desk, FLOW, FIRST, name)
        assert (before.day, before.provisional) == (date(2020, 1, 6), True)
    w.at("2020-01-08 09:00")
    off = {"festival": ["new-year"], "from": "2020-01-01", "to": "2020-01-06"}
    longer = {**years["2020"], "holidays": [off, *years["2020"]["holidays"][1:]]}
    publish(
        w.engine,
        Calendar.from_canonical({**whole, "years": {**until(whole, 2019).to_canonical()["years"], "2020": longer}}),
    )
    with w.look() as desk:
        found = obligations.period(desk, FLOW, FIRST, name)
        assert (found.day, found.provisional) == (date(2020, 1, 7), False)
        then = obligations.period(desk, FLOW, FIRST, name, at=shanghai("2020-01-07 09:00"))
        assert then == before
    w.at("2020-01-09 09:00")
    publish(w.engine, Calendar.from_canonical({**whole, "years": {y: d for y, d in years.items() if int(y) <= 2020}}))
    with w.look() as desk:
        assert obligations.period(desk, FLOW, FIRST, name) == found
    w.engine.close()


def longer(until: str) -> Calendar:
    """The calendar with the National Day holiday of 2019 extended while it runs."""
    year = CN["years"]["2019"]
    days = [{**h, "to": until} if h["festival"] == ["national-day"] else h for h in year["holidays"]]
    return Calendar.from_canonical({**CN, "years": {**CN["years"], "2019": {**year, "holidays": days}}})


def test_a_correction_moves_a_report_that_is_open_with_its_period_so_that_nobody_is_late_by_one_of_them(
    database_url: str, tmp_path: Path
) -> None:
    """2020: the State Council extended a holiday while it ran. The period moved, the clock of a report already begun did not:
    its secretary was reminded of being late, and was counted as in time."""
    w = make_weekly(database_url, tmp_path / "home", start="2019-09-30 09:00")
    w.at("2019-09-30 12:00")
    tick(w.engine)
    gone = obligations.report_id(FLOW, "o1", "2019-W40")  # missed before the correction
    w.at("2019-10-04 09:00")
    item = w.open("o1", WEEK)
    w.at("2019-10-05 09:00")
    assert publish(w.engine, CN_AGAIN).moved == 0  # a new title moves nothing
    w.at("2019-10-05 10:00")
    done = publish(w.engine, longer("2019-10-08"))
    assert (done.items, done.moved, done.failed) == (0, 1, 0)
    assert publish(w.engine, longer("2019-10-08")).moved == 0  # again: it is done
    with w.look() as desk:
        (due,), (missed,) = why(desk, item), why(desk, gone)
        found = obligations.period(desk, FLOW, FIRST, WEEK)
        assert due.missed_at == found.missed == shanghai("2019-10-09 12:00")
        assert [s.what for s in due.settings] == ["armed", "reprojected"] and due.agrees
        assert "2019-10-08   National Day holiday (2019-10-01 to 2019-10-08)" in "\n".join(
            lines([due], "Asia/Shanghai", "en")
        )
        assert missed.state == "overdue" and len(missed.settings) == 1
    w.at("2019-10-08 12:00")
    tick(w.engine)
    with w.look() as desk:
        assert len(why(desk, item)[0].rungs) == 0
    w.at("2019-10-09 11:00")
    w.engine.submit(item, who("handler", "o1"), PROGRESS, outcome="reported")
    w.sign(item)
    with w.look() as desk:
        assert why(desk, item)[0].state == "met"
        assert states(desk, FIRST, WEEK, w.clock.now())["o1"] == "SUBMITTED"
    report = w.verify()
    assert report.failures == [] and report.rules == "hold"
    w.engine.close()


def test_a_report_that_another_process_opened_by_the_calendar_before_follows_it_too(
    database_url: str, tmp_path: Path
) -> None:
    w = make_weekly(database_url, tmp_path / "home", start="2019-10-04 09:00")
    server = type(w.engine).at(w.url, w.home, clock=w.clock, durable=False)
    with server.reading() as connection:
        server.calendar(connection, "cn")  # it serves pages, and counts by this one for up to a minute
    once(w.engine)
    w.clock.advance(timedelta(minutes=1))
    w.engine.publish_calendar(longer("2019-10-08"))
    once(w.engine)  # each run is another process, and the second look is theirs too
    w.clock.advance(timedelta(seconds=30))
    with server.desk() as desk:
        item = obligations.open_report(desk, FLOW, "o1", WEEK)
    with w.look() as desk:
        assert why(desk, item)[0].missed_at == shanghai("2019-10-08 12:00")
    w.clock.advance(timedelta(minutes=2))
    once(w.engine)
    with w.look() as desk:
        assert why(desk, item)[0].missed_at == shanghai("2019-10-09 12:00")
        assert obligations.period(desk, FLOW, FIRST, WEEK).missed == shanghai("2019-10-09 12:00")
    with w.engine.reading() as connection:
        assert library.not_followed(connection) == []  # nothing is counted again in a run after that
    entries = w.verify()
    once(w.engine)
    w.clock.advance(timedelta(minutes=5))
    once(w.engine)
    assert w.verify().entries == entries.entries and entries.rules == "hold"
    server.close()
    w.engine.close()


@pytest.mark.parametrize("how", ["cron", "worker"])
def test_a_correction_that_could_not_be_followed_is_followed_by_the_next_process(
    how: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A heartbeat says that somebody swept, not that what was published was followed: the mark stands by itself."""
    w = make_weekly(database_url, tmp_path / "home", start="2019-10-04 09:00")
    item = w.open("o1", WEEK)
    w.clock.advance(timedelta(minutes=5))
    once(w.engine)
    w.engine.publish_calendar(longer("2019-10-08"))

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("invented")

    monkeypatch.setattr(queries, "running", fails)
    w.clock.advance(timedelta(minutes=5))
    with caplog.at_level("WARNING", logger="workflow"):
        once(w.engine)  # it beats
    assert [r.getMessage() for r in caplog.records] == ["tick.failed"]
    monkeypatch.undo()
    with w.look() as desk:
        assert why(desk, item)[0].missed_at == shanghai("2019-10-08 12:00")
    if how == "cron":
        once(w.engine)
    else:
        following = _Following(w.engine)
        following.published = tick(w.engine, node="restarted").calendars
        following.look()
    with w.look() as desk:
        assert why(desk, item)[0].missed_at == shanghai("2019-10-09 12:00")
    with w.engine.reading() as connection:
        assert library.not_followed(connection) == []
    assert w.verify().rules == "hold"
    with w.engine.db.begin() as connection:
        library.set_followed(connection, ["sha256:" + "0" * 64])
    assert [f.place for f in w.verify().failures] == ["followed/" + "0" * 48]
    w.engine.close()


def test_a_worker_asks_about_calendars_when_there_is_another_or_something_is_left_and_else_never(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = make_weekly(database_url, tmp_path / "home", start="2019-10-04 09:00")
    asked: list[bool] = []

    def asks(engine: Any) -> bool:
        asked.append(True)
        if fails:
            raise RuntimeError("invented")
        asked[-1] = follow_published(engine)
        return asked[-1]

    monkeypatch.setattr("workflow.schedule.follow_published", asks)
    following, fails = _Following(w.engine), False

    def looks(seconds: int) -> list[bool]:
        """What it was told whenever it asked: whether something is left."""
        asked.clear()
        for _ in range(0, seconds, 5):
            w.clock.advance(timedelta(seconds=5))
            following.published = tick(w.engine, node="n").calendars
            with suppress(RuntimeError):
                following.look()
        return list(asked)

    following.look()
    assert asked == []  # no sweep yet
    assert looks(300) == [True, True, False]
    w.engine.publish_calendar(longer("2019-10-08"))
    assert looks(300) == [True, True, False]
    fails = True
    w.engine.publish_calendar(CN_AGAIN)
    assert looks(120) == [True, True]
    fails = False
    assert looks(120) == [False] and looks(60) == []
    w.engine.close()


def test_a_correction_that_another_version_followed_before_anybody_looked_moves_what_is_owed(
    database_url: str, tmp_path: Path
) -> None:
    """The correction, and a minute later the next year's notice, which differs from it in no year that it has."""
    w = make_weekly(database_url, tmp_path / "home", calendar=until(CN, 2019), start="2019-10-04 09:00")
    item = w.open("o1", WEEK)
    w.clock.advance(timedelta(minutes=5))
    once(w.engine)
    with w.engine.reading() as connection:
        assert library.not_followed(connection) == []
    corrected = longer("2019-10-08")
    w.engine.publish_calendar(until(corrected.to_canonical(), 2019))
    w.clock.advance(timedelta(minutes=1))
    w.engine.publish_calendar(corrected)
    w.clock.advance(timedelta(seconds=5))
    once(w.engine)
    with w.look() as desk:
        assert why(desk, item)[0].missed_at == shanghai("2019-10-09 12:00")
    assert w.verify().rules == "hold"
    w.engine.close()


def test_a_working_day_that_is_taken_away_is_owed_no_more(database_url: str, tmp_path: Path) -> None:
    spec = "every: week, on: monday, from: 2019-09-09, reading: next-workday"
    daily = loads(numbered("2019.9").replace(spec, "every: workday, from: 2019-09-09", 1))
    w = make_weekly(database_url, tmp_path / "home", definition=daily, start="2019-10-07 09:00")
    w.at("2019-10-08 09:00")
    item, other = w.open("o1", "2019-10-08"), w.open("t1", WEEK)
    w.clock.advance(timedelta(minutes=1))
    assert publish(w.engine, longer("2019-10-08")).moved == 2
    with w.look() as desk:
        assert why(desk, item)[0].state == "cancelled"
        assert why(desk, other)[0].missed_at == shanghai("2019-10-09 17:00")
        with pytest.raises(Unknown):
            obligations.period(desk, FLOW, FIRST, "2019-10-08")
    w.at("2019-10-08 12:00")
    assert tick(w.engine).fired == 0
    report = w.verify()
    assert report.failures == [] and report.rules == "hold"
    w.engine.close()


def until(whole: dict[str, Any], year: int) -> Calendar:
    return Calendar.from_canonical({**whole, "years": {y: d for y, d in whole["years"].items() if int(y) <= year}})


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_later_an_instant_keeps_the_answer_it_had(
    seed: int, database_url: str, tmp_path: Path
) -> None:
    """Reports, exemptions, corrections, versions, calendars, units entered late: asked again, the past says what it said."""
    random, weeks = Random(seed), [f"2019-W{n}" for n in range(37, 42)]
    w = make_weekly(database_url, tmp_path / "home", below=5, calendar=until(CN, 2019))
    w.engine.publish_calendar(load_calendar(SIX_DAYS))
    told: dict[int, list[Any]] = {}
    done: set[str] = set()

    def answers(desk: Desk, at: int) -> list[Any]:
        found: list[Any] = [obligations.periods(desk, FLOW, FIRST, date(2019, 9, 1), date(2019, 10, 20), at)]
        for week in weeks:
            found.append(obligations.owed(desk, FLOW, FIRST, week, at))
            found.append(obligations.rates(desk, FLOW, FIRST, week, at, under=random.choice(["", "t1"])))
            found.append(obligations.missing(desk, FLOW, FIRST, week, at))
            assert found[-2].counts == obligations.rates_of(at, found[-2].period, found[-3]).counts
            assert set(found[-1]) == {o.unit for o in found[-3] if o.state in ("DUE", "MISSING")}
        return found

    def happen(n: int) -> None:
        unit, week = f"o{random.randint(1, 5)}", random.choice(weeks)
        item = obligations.report_id(FLOW, unit, week)
        kind = random.choice(["report", "zero", "exempt", "supplement", "version", "calendar", "enter", "rise"])
        if kind in ("report", "zero"):
            w.report(unit, week, PROGRESS if kind == "report" else NOTHING)
        elif kind == "exempt":
            with w.engine.desk() as desk:
                obligations.exempt(desk, FLOW, unit, week, who("secretary", "t1"), "invented")
        elif kind == "supplement":
            w.engine.supplement(item, who("secretary", unit), w.seen(item), PROGRESS, "one more was found")
        elif kind == "version":
            own = random.choice(["", "calendars: {o2: six-days}\n", "calendars: {t1: six-days, o3: cn}\n"])
            text = numbered(f"2020.{n}")
            text = text.replace('"12:00"', random.choice(['"09:00"', '"15:00"']))
            w.engine.publish(loads(text.replace("calendar: cn\n", f"calendar: cn\n{own}")))
        elif kind == "calendar":
            text = SIX_DAYS.replace("to: 2019-10-03", f"to: 2019-10-{random.randint(4, 7):02}")
            w.engine.publish_calendar(load_calendar(text.replace("an invented unit's", f"the {n}th invented")))
        elif kind == "enter":
            w.engine.import_org(OrgImport.from_rows(more()))
        else:
            with w.engine.desk() as desk:
                called = {"name_zh": "示例单位", "name_en": "invented unit", "level": "third"}
                day = moment(w.clock.now(), "Asia/Shanghai").date() - timedelta(days=random.randint(0, 9))
                orgbook.rename_unit(desk, None, "invented", unit=unit, on=day.isoformat(), **called)
        done.add(kind)

    for n in range(24):
        w.clock.advance(timedelta(hours=random.randint(5, 60)))
        with suppress(WorkflowError):
            happen(n)
        with w.look() as desk:
            state = random.getstate()
            told[w.clock.now()] = [state, *answers(desk, w.clock.now())]
        w.clock.advance(timedelta(seconds=1))
    with w.look() as desk:
        for at, (state, *said) in told.items():
            random.setstate(state)
            assert answers(desk, at) == said, moment(at, "Asia/Shanghai")
    assert len(done) >= 6, done
    w.engine.close()
