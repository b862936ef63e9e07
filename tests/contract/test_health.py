"""Is anything not looked after? Each fault is named; and running ahead under a clock that is moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.weekly import FIRST, FLOW, Weekly, make_weekly, shanghai
from workflow.clock import SystemClock, moment
from workflow.delivery import MOST, deliver
from workflow.health import UNTRIED, health
from workflow.obligations import report_id
from workflow.run import Ran, next_moment, run_until
from workflow.schedule import once
from workflow.store import tables
from workflow.store.beat import all_beats
from workflow.sweep import ATTEMPTS, Swept, tick

WEEK = "2019-W38"
ITEM = report_id(FLOW, "o7", WEEK)


@pytest.fixture
def weekly(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    made = make_weekly(database_url, tmp_path / "home", start="2019-09-12 09:00")
    yield made
    made.engine.close()


def faults(w: Weekly) -> list[str]:
    return [f.code for f in health(w.engine).faults]


def test_a_heartbeat_older_than_three_ticks_is_a_fault(weekly: Weekly) -> None:
    w = weekly
    assert faults(w) == ["no-heartbeat"]
    tick(w.engine, node="gone")
    w.clock.advance(timedelta(seconds=10))
    tick(w.engine, node="alive")
    w.clock.advance(timedelta(seconds=15))
    assert health(w.engine).ok  # three ticks old, not older; the node that is gone is no fault
    w.clock.advance(timedelta(microseconds=1))
    (fault,) = health(w.engine).faults
    assert (fault.code, fault.about) == ("stale-heartbeat", "alive")
    assert str(fault) == "stale-heartbeat: alive since 2019-09-12T01:00:10Z"
    assert health(w.engine, seconds=60).ok


def test_an_overdue_rung_nobody_fired_is_named(weekly: Weekly) -> None:
    """R168: what nobody fired shows."""
    w = weekly
    tick(w.engine, node="n")
    w.open("o7", WEEK)
    w.at("2019-09-16 12:00")
    with w.engine.desk() as desk:  # somebody beats, and nobody sweeps
        desk.connection.execute(tables.heartbeat.update().values(at=w.clock.now()))
    assert health(w.engine).ok  # it is due only just now
    w.clock.advance(timedelta(seconds=15))
    named = {f.code: f.about for f in health(w.engine).faults}
    assert named == {
        "unfired-rung": f"{ITEM} report/1/owed rung 1",
        "roll-call-not-held": f"{FLOW} {FIRST} {WEEK} rung 1",
    }
    tick(w.engine, node="n")
    assert health(w.engine).ok


def test_a_parked_rung_is_named_and_what_waits_for_a_try_is_not(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-16 11:00")
    w.open("o7", WEEK)
    with w.engine.desk() as desk:
        query = sa.select(tables.item.c.snapshot).where(tables.item.c.id == ITEM)
        whole = desk.connection.execute(query).scalar_one()
        desk.connection.execute(tables.item.update().where(tables.item.c.id == ITEM).values(snapshot=b"{}"))
    ran = run_until(w.engine, shanghai("2019-09-16 16:59"))
    assert (ran.opened, ran.fired) == (10, 10) and ran.failed == ATTEMPTS
    tick(w.engine, node="n")
    (fault,) = health(w.engine).faults
    assert (fault.code, fault.about) == ("parked-rung", f"{ITEM} report/1/owed rung 1, tried {ATTEMPTS} times")
    with w.engine.desk() as desk:
        desk.connection.execute(tables.item.update().where(tables.item.c.id == ITEM).values(snapshot=whole))


def test_a_recipient_who_is_never_reached_is_named(weekly: Weekly) -> None:
    w = weekly
    w.at("2019-09-16 12:00")
    tick(w.engine, node="n")

    def dead(notice: object) -> None:
        raise ConnectionError("invented")

    for _ in range(8):
        deliver(w.engine, dead)
        w.clock.set(w.clock.now() + MOST)
        tick(w.engine, node="n")
    found = [f.about for f in health(w.engine).faults]
    assert "1 message(s) for o7-secretary, who was tried in 8 rounds" in found
    assert "11 message(s) for t1-secretary, who was tried in 8 rounds" in found


def test_running_ahead_fires_every_rung_at_its_own_moment(weekly: Weekly) -> None:
    w = weekly
    w.report("o1", WEEK)
    swept: list[Swept] = []
    end = shanghai("2019-09-23 12:00")
    ran = run_until(w.engine, end, each=swept.append)
    assert w.clock.now() == end
    assert [(s.at, s.opened, s.fired) for s in swept if s.fired] == [
        (shanghai("2019-09-16 12:00"), 10, 10),
        (shanghai("2019-09-16 17:00"), 2, 2),
        (shanghai("2019-09-18 12:00"), 0, 10),
        (shanghai("2019-09-18 17:00"), 0, 2),
        (shanghai("2019-09-23 12:00"), 11, 11),
    ]
    assert (ran.fired, ran.opened, ran.failed) == (35, 23, 0) and ran.sweeps == len(swept)
    assert next_moment(w.engine, end) == shanghai("2019-09-23 17:00")
    assert run_until(w.engine, end) == w.engine.run_until(end) == Ran(sweeps=1)
    assert w.engine.run_until(
        moment(shanghai("2019-09-23 17:00"), "Asia/Shanghai")
    ).opened == 2 and w.clock.now() == shanghai("2019-09-23 17:00")
    assert w.verify().failures == []


def test_running_ahead_needs_a_clock_that_can_be_set_and_never_runs_back(weekly: Weekly) -> None:
    with pytest.raises(ValueError, match="not before"):
        run_until(weekly.engine, weekly.clock.now() - 1)
    weekly.engine.clock = SystemClock()
    with pytest.raises(TypeError, match="SettableClock"):
        run_until(weekly.engine, 0)


def test_that_nobody_hands_messages_over_at_all_is_a_fault(weekly: Weekly) -> None:
    """A digest may hold a message for a day; one never tried after that, nobody delivers."""
    w = weekly
    w.at("2019-09-16 12:00")
    swept = tick(w.engine, node="n")
    assert swept.fired or swept.opened
    assert "untried" not in faults(w)
    w.clock.set(w.clock.now() + UNTRIED)
    (fault,) = [f for f in health(w.engine).faults if f.code == "untried"]
    assert "nobody tries" in fault.about and fault.since == shanghai("2019-09-16 12:00")
    deliver(w.engine, lambda notice: None)
    assert "untried" not in faults(w)


def test_sweeps_from_cron_leave_one_heartbeat_and_nodes_long_gone_are_forgotten(weekly: Weekly) -> None:
    """Each run of ``workflow tick`` is another process; a row for each would be a hundred thousand a year."""
    w = weekly
    for _ in range(3):
        once(w.engine)
    with w.engine.reading() as connection:
        (beat,) = all_beats(connection)
    assert beat["node"].endswith(":tick") and faults(w) == []
    w.clock.advance(timedelta(days=31))
    tick(w.engine, node="new")
    with w.engine.reading() as connection:
        assert [b["node"] for b in all_beats(connection)] == ["new"]
