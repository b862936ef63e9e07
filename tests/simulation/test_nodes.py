"""Several nodes whose clocks disagree, and signers who race them: each occurrence once, and nothing twice over."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.weekly import FLOW, Weekly, make_weekly, shanghai, who
from workflow import Engine, SettableClock, tick
from workflow.errors import Conflict, DatabaseBusy, WorkflowError
from workflow.evidence import canonical
from workflow.run import next_moment
from workflow.store import items, tables

SKEWS = (-90_000_000, 0, 90_000_000)  # µs


def nodes(w: Weekly) -> list[Engine]:
    """Three nodes, each with a clock of its own."""
    return [Engine.at(w.url, w.home, clock=SettableClock(w.clock.now()), durable=False) for _ in SKEWS]


def walk(w: Weekly, until: int) -> tuple[Counter[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """Every node sweeps at every moment that comes, by its own clock. Gives the rungs and the roll calls on record."""
    engines, at = nodes(w), w.clock.now()
    turn = 0
    while (upcoming := next_moment(engines[0], at)) is not None and upcoming <= until:
        at = upcoming
        for when in (at, at + 180_000_000):  # when it comes for some of them, and when it has come for all
            for n in range(len(SKEWS)):  # not always in one order
                k = (n + turn) % len(SKEWS)
                engines[k].clock.set(when + SKEWS[k])  # type: ignore[attr-defined]
                tick(engines[k])
        at, turn = at + 180_000_000, turn + 1
    for engine in engines:
        engine.close()
    with w.engine.reading() as connection:
        bodies = connection.execute(sa.select(tables.entry.c.body).where(tables.entry.c.act == "fire")).scalars()
        acts = [canonical.decode(body)["act"] for body in bodies]
        calls = connection.execute(
            sa.select(tables.roll_call.c.rule, tables.roll_call.c.period, tables.roll_call.c.step)
        )
        return Counter((a["item"], a["rule"], a["step"]) for a in acts), [tuple(row) for row in calls]


def check(w: Weekly, start: str, end: str, weeks: int) -> None:
    w.at(start)
    fired, calls = walk(w, shanghai(end))
    assert set(fired.values()) == {1}
    assert len(calls) == len(set(calls))
    first = [c for c in calls if c[0] == "first-hop" and c[2] == 0]
    assert len(first) == weeks
    with w.engine.reading() as connection:
        reports = connection.execute(sa.select(sa.func.count()).where(tables.item.c.flow == FLOW)).scalar_one()
        late = connection.execute(sa.select(sa.func.count()).where(tables.due.c.state == 0)).scalar_one()
    assert reports == weeks * 3  # o1, t1 and t2, opened once each
    assert len(fired) == sum(1 for _ in range(weeks * 3)) * 2 - late
    assert w.verify().failures == []


@pytest.fixture
def alone(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    made = make_weekly(database_url, tmp_path / "home", below=1, start="2019-09-02 09:00")
    yield made
    made.engine.close()


def test_nodes_whose_clocks_are_ninety_seconds_apart_hold_each_occurrence_once(alone: Weekly) -> None:
    check(alone, "2019-09-02 09:00", "2019-10-25 18:00", 7)


@pytest.mark.soak
def test_the_same_for_three_years(alone: Weekly) -> None:
    w = alone
    fired, calls = walk(w, shanghai("2022-09-02 09:00"))
    assert set(fired.values()) == {1} and len(calls) == len(set(calls)) > 600
    assert w.verify().failures == []


class Ticking(SettableClock):
    """Every reading is a millisecond after the last: time passes as fast as things happen."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self._lock = threading.Lock()

    def now(self) -> int:
        with self._lock:
            self._us += 1_000
            return self._us


class Watching(SettableClock):
    """Shows the time of another clock, and makes none pass."""

    def __init__(self, other: Ticking) -> None:
        super().__init__(0)
        self._other = other

    def now(self) -> int:
        return self._other._us


def test_signers_who_race_sweepers_are_in_time_or_escalated_never_both(database_url: str, tmp_path: Path) -> None:
    """No deadlock, and a report whose last signature came in time has no overdue rung."""
    units = 24
    w = make_weekly(database_url, tmp_path / "home", below=units, start="2019-09-12 09:00")
    reports = {f"o{n}": w.submit(f"o{n}", "2019-W38") for n in range(1, units + 1)}
    noon = shanghai("2019-09-16 12:00")
    clock = Ticking(noon - 40_000)
    clocks = [clock] * 4 + [Watching(clock)] * 2
    engines = [Engine.at(w.url, w.home, clock=c, durable=False) for c in clocks]
    done, faults = threading.Event(), []

    def sign(n: int) -> None:
        engine = engines[n]
        for unit in list(reports)[n::4]:
            for post in ("handler", "secretary"):
                while True:
                    try:
                        engine.sign(reports[unit], who(post, unit), engine.case_of(reports[unit])[0].content)
                        break
                    except (Conflict, DatabaseBusy):
                        continue

    def sweep(n: int) -> None:
        while not done.is_set():
            try:
                tick(engines[n])
            except DatabaseBusy as busy:
                if "deadlock" in str(busy):
                    faults.append(str(busy))
            except WorkflowError as error:
                faults.append(repr(error))

    with ThreadPoolExecutor(6) as pool:
        sweeps = [pool.submit(sweep, n) for n in (4, 5)]
        signs = [pool.submit(sign, n) for n in range(4)]
        for each in signs:
            each.result()
        done.set()
        for each in sweeps:
            each.result()
    for engine in engines:
        engine.close()
    assert faults == []
    in_time = escalated = 0
    for item in reports.values():
        with w.engine.reading() as connection:
            bodies = [canonical.decode(row.body) for row in items.entries(connection, item)]
        effects = [(b["at"], e) for b in bodies for e in b["effects"]]
        (met,) = ((at, e) for at, e in effects if e["e"] == "due-met" and e["rule"].endswith("/owed"))
        rungs = [at for at, e in effects if e["e"] in ("reminded", "proposed")]
        assert met[1]["late"] == (met[0] >= noon)
        assert not (rungs and met[0] < noon), item
        assert len(rungs) == len(set(rungs)) <= 1
        in_time, escalated = in_time + (met[0] < noon), escalated + bool(rungs)
    assert in_time and in_time < units
    assert w.verify().failures == []
    w.engine.close()
