"""One item's clocks against a model that counts days one by one, through every order of acts that Hypothesis finds.

The model knows nothing of the engine: its own days, its own ladders, plain local datetimes. After every step the open
dues, the table of dues and what ``why`` explains agree with it; each rung fired once, not before its moment, not after
its due was met; and in the end the whole history verifies.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.contract.world import World, flow_text, make_world
from tests.postgres import Postgres
from workflow import Actor, Engine, SettableClock, loads, tick
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.clock import moment
from workflow.definition.shipped import shipped_calendar
from workflow.errors import Refused
from workflow.evidence.canonical import read
from workflow.reprojection import publish
from workflow.store import items
from workflow.store.tables import due as due_table
from workflow.why import why

DAY = timedelta(days=1)
SWEEP = timedelta(seconds=5)
CN = load_calendar(shipped_calendar("cn")).to_canonical()
BEGIN = datetime(2019, 11, 11, 9, 0)
ENDS = {"1": date(2019, 12, 10), "2": date(2020, 1, 1)}
IN_FORCE = date(2019, 11, 20)
FLOW = """flow: walked
title: {zh: 示例, en: an invented walk}
nodes:
  "1": {in-force: 2019-08-01, end: 2019-12-10}
  "2": {in-force: 2019-11-20, end: 2020-01-01}
chains:
  both: [handler, secretary]
  up:
    levels: {from: organisation, to: third, each: both, within: 2 workdays, ladder: respond}
    return: {to: previous, needs: reason}
ladder:
  overdue:
    - {before: 3 workdays, do: remind, to: responsible}
    - {after: 0 workdays, do: remind, to: responsible}
    - {after: 5 workdays, do: remind, to: responsible}
  respond:
    - {after: 0 workdays, do: remind, to: responsible}
    - {after: 2 workdays, do: remind, to: responsible}
stages:
  - stage: report
    duty: secretary
    due: {node: end, or-within: 5 workdays, reading: next-workday, extend: {at-most: 6 workdays}}
    chain: up
    exits: {done: work}
  - stage: work
    duty: secretary
    slots: secretary
    due:
      within: 7 workdays
      at: "17:00"
      extend: {at-most: 4 workdays, times: 2}
      pause: {by: {department: superior}, times: 3, starts: {within: 1 workdays, duty: handler, ladder: respond}}
    exits: {done: finished, again: report}
  - stage: finished
    final: true
"""
LADDERS = {"overdue": [("before", 3), ("after", 0), ("after", 5)], "respond": [("after", 0), ("after", 2)]}
EXTEND = {"report": (6, 1), "work": (4, 2)}
PAUSES = 3


@dataclass
class Days:
    """Working days, looked up one by one. A year that is not there goes by the week."""

    years: dict[int, tuple[set[date], set[date]]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: dict[str, Any]) -> Days:
        made = cls()
        for year, days in content["years"].items():
            off = set()
            for stretch in days["holidays"]:
                day = date.fromisoformat(stretch["from"])
                while day <= date.fromisoformat(stretch["to"]):
                    off.add(day)
                    day += DAY
            made.years[int(year)] = (off, {date.fromisoformat(d) for d in days["workdays"]})
        return made

    def works(self, day: date) -> bool:
        if day.year not in self.years:
            return day.weekday() < 5
        if any(day in made_up for _, made_up in self.years.values()):
            return True
        return day.weekday() < 5 and not any(day in off for off, _ in self.years.values())

    def settled(self, day: date) -> bool:
        return day.year in self.years and (day.year + 1 in self.years or day < date(day.year, 12, 25))

    def add(self, day: date, n: int) -> tuple[date, bool]:
        start = day
        for _ in range(abs(n)):
            day += DAY if n > 0 else -DAY
            while not self.works(day):
                day += DAY if n > 0 else -DAY
        return day, n != 0 and not self.settled(max(start, day))


@dataclass
class Clock:
    """One due in the model. ``day`` is its last day; ``cut`` the hour at which that ends, or none."""

    ladder: str
    day: date
    cut: time | None
    unsure: bool
    step: int = 0
    next: datetime | None = None
    provisional: bool = False
    node: bool = False
    span: tuple[date, int] | None = None
    to: date | None = None
    extended: int = 0
    limit: date | None = None
    pauses: int = 0
    left: int | None = None
    other: str = ""

    @property
    def missed(self) -> datetime:
        return datetime.combine(self.day, self.cut) if self.cut else datetime.combine(self.day + DAY, time())


class Item:
    """The model of one item: where it is, which clocks run, which rungs are to fire."""

    def __init__(self, days: Days, now: datetime) -> None:
        self.days, self.now = days, now
        self.stage, self.stay, self.place, self.nodes = "", 0, 0, "1"
        self.clocks: dict[str, Clock] = {}
        self.counts: dict[str, int] = {}
        self.fired: list[tuple[str, int, datetime]] = []
        self.enter("report")

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def own(self) -> str:
        return f"{self.stage}/{self.stay}"

    def rung(self, clock: Clock) -> tuple[datetime | None, bool]:
        rungs = LADDERS[clock.ladder]
        if clock.step >= len(rungs):
            return None, False
        kind, n = rungs[clock.step]
        if kind == "before":
            day, unsure = self.days.add(clock.day, -n)
            return datetime.combine(day, time()), unsure
        if n == 0:
            return clock.missed, False
        day, unsure = self.days.add(clock.day, n)
        return (datetime.combine(day, clock.cut) if clock.cut else datetime.combine(day + DAY, time())), unsure

    def set(self, clock: Clock, *, new: bool = False) -> Clock:
        while new and clock.step < len(LADDERS[clock.ladder]) and LADDERS[clock.ladder][clock.step][0] == "before":
            at, _ = self.rung(clock)
            if at is None or at > self.now:
                break
            clock.step += 1
        clock.next, unsure = self.rung(clock)
        clock.provisional = clock.unsure or unsure
        return clock

    def within(self, ladder: str, n: int, cut: time | None = None, start: date | None = None) -> Clock:
        begin = start or self.today
        day, unsure = self.days.add(begin, n)
        return Clock(ladder, day, cut, unsure, span=(begin, n))

    def by_node(self, entered: date) -> Clock:
        node = ENDS[self.nodes]
        if node < entered:
            clock = self.within("overdue", 5, start=entered)
            node = clock.day
            rolled = replace(clock)
        else:
            rolled = Clock("overdue", node, None, False, node=True)
        if self.days.works(node):
            rolled.unsure = rolled.unsure or not self.days.settled(node)
        else:
            rolled.day, unsure = self.days.add(node, 1)
            rolled.unsure = rolled.unsure or unsure
        return rolled

    def enter(self, stage: str) -> None:
        self.clocks.clear()
        self.stage, self.stay, self.place, self.counts = stage, self.stay + 1, 0, {}
        self.entered = self.today
        if stage == "report":
            self.clocks[self.own] = self.set(self.by_node(self.today), new=True)
            self.share()
        elif stage == "work":
            self.clocks[self.own] = self.set(self.within("overdue", 7, time(17)), new=True)

    def share(self) -> None:
        """The share of the level the item is at runs; the other does not."""
        running = "slot-1" if self.place < 2 else "slot-3"
        for name in ("slot-1", "slot-3"):
            n = self.counts.get(name, 0)
            rule_ = f"{self.own}/{name}" + (f"/{n}" if n > 1 else "")
            if name != running:
                self.clocks.pop(rule_, None)
            elif rule_ not in self.clocks:
                self.counts[name] = n + 1
                rule_ = f"{self.own}/{name}" + (f"/{n + 1}" if n else "")
                self.clocks[rule_] = self.set(self.within("respond", 2), new=True)

    def sign(self, outcome: str) -> None:
        if self.stage == "work":
            self.enter("finished" if outcome == "done" else "report")
        elif self.place == 3:
            self.enter("work")
        else:
            self.place += 1
            self.share()

    def send_back(self) -> None:
        self.place = {1: 0, 2: 0, 3: 2}[self.place]
        self.share()

    def may_extend(self, to: date) -> bool:
        clock = self.clocks.get(self.own)
        if clock is None or clock.left is not None or self.now >= clock.missed:
            return False
        most, times = EXTEND[self.stage]
        limit = clock.limit or self.days.add(clock.day, most)[0]
        return clock.extended < times and clock.day < to <= limit

    def extend(self, to: date) -> None:
        clock = self.clocks[self.own]
        clock.limit = clock.limit or self.days.add(clock.day, EXTEND[self.stage][0])[0]
        clock.to = clock.day = to
        clock.unsure, clock.extended = False, clock.extended + 1
        self.set(clock)

    def may_pause(self) -> bool:
        clock = self.clocks.get(self.own)
        running = clock is not None and clock.left is None and self.now < clock.missed
        return self.stage == "work" and running and clock is not None and clock.pauses < PAUSES

    def pause(self) -> None:
        clock = self.clocks[self.own]
        clock.left = sum(self.days.works(self.today + i * DAY) for i in range(1, (clock.day - self.today).days + 1))
        clock.next, clock.provisional, clock.pauses = None, False, clock.pauses + 1
        clock.other = f"{self.own}/pause-{clock.pauses}"
        self.clocks[clock.other] = self.set(self.within("respond", 1), new=True)

    def may_resume(self) -> bool:
        clock = self.clocks.get(self.own)
        return clock is not None and clock.left is not None

    def resume(self) -> None:
        clock = self.clocks[self.own]
        assert clock.left is not None
        clock.day, clock.unsure = self.days.add(self.today, clock.left)
        clock.span, clock.to, clock.left = (self.today, clock.left), None, None
        self.clocks.pop(clock.other)
        self.set(clock)

    def adopt(self) -> None:
        self.nodes = "2"
        held = self.clocks.get(self.own)
        if self.stage != "report" or held is None:
            return
        new = self.by_node(self.entered)
        if new.node:  # otherwise both sets' nodes had passed, and the same span binds
            new.step, new.extended = held.step, held.extended
            self.clocks[self.own] = self.set(new)

    def calendar(self, days: Days) -> None:
        self.days = days
        for clock in self.clocks.values():
            if not clock.provisional or clock.left is not None:
                continue
            if clock.to is None and clock.node:
                again = self.by_node(self.entered)
                clock.day, clock.unsure = again.day, again.unsure
            elif clock.to is None and clock.span:
                clock.day, clock.unsure = self.days.add(*clock.span)
                if self.stage == "report" and clock is self.clocks.get(self.own) and not self.days.works(clock.day):
                    clock.day, clock.unsure = self.days.add(clock.day, 1)
            self.set(clock)

    @property
    def due(self) -> list[str]:
        """The rules whose next rung has come."""
        return [r for r, clock in self.clocks.items() if clock.next is not None and clock.next <= self.now]

    def fire(self, rule_: str) -> None:
        clock = self.clocks[rule_]
        assert clock.next is not None and clock.next <= self.now
        self.fired.append((rule_, clock.step, self.now))
        clock.step += 1
        at, unsure = self.rung(clock)
        clock.next = at if at is None or at > self.now else self.now + SWEEP  # two that are behind, not at once
        clock.provisional = clock.provisional or unsure

    def sweep(self) -> int:
        due = self.due
        for rule_ in due:
            self.fire(rule_)
        return len(due)


def us(local: datetime) -> int:
    return int((local - timedelta(hours=8)).replace(tzinfo=UTC).timestamp()) * 1_000_000


def local(at: int) -> datetime:
    return moment(at, "Asia/Shanghai").replace(tzinfo=None)


def content(years: int, worked: set[date]) -> dict[str, Any]:
    """The calendar with the years up to one published, and some days off worked after all."""
    plain = dict(CN)
    plain["years"] = {y: dict(d) for y, d in CN["years"].items() if int(y) <= years}
    for day in worked:
        if day.year <= years:
            each = plain["years"][str(day.year)]
            each["workdays"] = sorted({*each["workdays"], day.isoformat()})
    return plain


class Died(BaseException):
    """A process that ends at this point. No handler of errors sees it, as none sees ``kill -9``."""


class Clocks(RuleBasedStateMachine):
    template: Path
    server: Postgres | None = None  # None: SQLite
    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="clocks-"))
        shutil.copytree(self.template, self.folder, dirs_exist_ok=True)
        self.clock = SettableClock(us(BEGIN))
        self.name = "" if self.server is None else self.server.create((self.folder / "name").read_text())
        self.url = f"sqlite:///{self.folder / 'workflow.db'}" if self.server is None else self.server.url(self.name)
        self.engine = self._open()
        self.requests = 0
        self.years, self.worked = 2019, set[date]()
        self.world = World(self.engine, self.clock, self.url, self.folder / "home")

    def _open(self) -> Engine:
        return Engine.at(self.url, self.folder / "home", clock=self.clock, durable=False, upgrade=False)

    def _again(self) -> None:
        """The process is gone, with all that it remembered; another one takes over."""
        self.engine.close()
        self.engine = self.world.engine = self._open()

    def _dying(self, *, committed: bool, skip: int = 0) -> None:
        """From now on the process dies at its next commit but ``skip``: just before it, or just after."""
        whole, left = self.engine.desk, skip

        @contextmanager
        def desk() -> Iterator[Any]:
            nonlocal left
            left -= 1
            with whole() as opened:
                yield opened
                if left < 0 and not committed:
                    raise Died
            if left < 0:
                raise Died

        self.engine.desk = desk  # type: ignore[method-assign]

    def _take_up(self) -> set[str]:
        """Let the model fire what is on record and it has not fired: each must be its due's next rung, and due."""
        known, found = {f[:2] for f in self.model.fired}, set()
        for at, body in self._bodies():
            for e in body["effects"]:
                if e["e"] == "reminded" and (e["rule"], e["step"]) not in known:
                    assert (self.model.clocks[e["rule"]].step, local(at)) == (e["step"], self.model.now)
                    self.model.fire(e["rule"])
                    found.add(e["rule"])
        return found

    def _bodies(self) -> list[tuple[int, Any]]:
        with self.engine.reading() as connection:
            return [(row.at, read(row.body)) for row in items.entries(connection, "x")]

    @initialize()
    def open(self) -> None:
        self.model = Item(Days.of(content(2019, set())), BEGIN)
        self.engine.open("walked", "o1", item="x", campaign="c1")

    def seen(self) -> str:
        return self.engine.case_of("x")[0].content

    def _refused_unless(self, allowed: bool, act: Callable[[], object], done: Callable[[], object]) -> None:
        if allowed:
            act()
            done()
        else:
            with pytest.raises(Refused):
                act()

    @rule(hours=st.sampled_from([1, 8, 24, 72, 120, 240]), sweeps=st.booleans())
    def advance(self, hours: int, sweeps: bool) -> None:
        self.model.now += timedelta(hours=hours)
        self.clock.set(us(self.model.now))
        if sweeps:
            self.sweep()

    @rule(sweeps=st.booleans())
    def advance_to_the_next_moment(self, sweeps: bool) -> None:
        """A rung's, or the first instant at which a clock has run out."""
        moments = [m for c in self.model.clocks.values() for m in (c.next, c.missed if c.left is None else None)]
        ahead = [m for m in moments if m is not None and m > self.model.now]
        if ahead:
            self.model.now = min(ahead)
            self.clock.set(us(self.model.now))
        if sweeps:
            self.sweep()

    @rule()
    def sweep(self) -> None:
        expected = self.model.sweep()
        assert tick(self.engine, at=self.clock.now()).fired == expected

    @rule(committed=st.booleans(), skip=st.sampled_from([0, 0, 1]))
    def sweep_and_die(self, committed: bool, skip: int) -> None:
        """Of what was due, as much has fired as was committed, and the next process goes on from there."""
        due = set(self.model.due)
        self._dying(committed=committed, skip=skip)
        if len(due) > skip:
            with pytest.raises(Died):
                tick(self.engine, at=self.clock.now())
        else:
            tick(self.engine, at=self.clock.now())
        self._again()
        fired = self._take_up()
        assert fired <= due and len(fired) == min(len(due), skip + committed)

    @precondition(lambda self: self.model.stage != "finished")
    @rule(committed=st.booleans())
    def sign_and_die(self, committed: bool) -> None:
        """Whoever signed does not know whether it came through, and asks again with the same request."""
        slot = self.engine.case_of("x")[0].open_slots[0]
        out = "again" if self.model.stage == "work" else ""
        self.requests += 1
        act = {"seen": self.seen(), "outcome": out, "request_id": f"r{self.requests}"}
        self._dying(committed=committed)
        with pytest.raises(Died):
            self.engine.sign("x", self.world.actor(slot), **act)
        self._again()
        before = len(self._bodies())
        self.engine.sign("x", self.world.actor(slot), **act)
        assert len(self._bodies()) == before + (not committed)
        self.model.sign("again")

    @rule(inside=st.booleans())
    def two_sweepers_interleaved(self, inside: bool) -> None:
        """One looks, the other sweeps everything, the first goes on; on PostgreSQL also while the first holds the item."""
        due, other = set(self.model.due), self._open()
        whole = self.engine.desk
        swept: list[int] = []

        @contextmanager
        def desk() -> Iterator[Any]:
            if not swept and not (inside and self.server):
                swept.append(tick(other, at=self.clock.now()).fired)
            with whole() as opened:
                yield opened
                if not swept:
                    swept.append(tick(other, at=self.clock.now()).fired)

        self.engine.desk = desk  # type: ignore[method-assign]
        fired = tick(self.engine, at=self.clock.now()).fired
        other.close()
        self._again()
        before = len(self.model.fired)
        assert self._take_up() == due  # one rung of each, however many were behind and however many sweep
        assert len(self.model.fired) == before + fired + sum(swept)
        if inside and self.server and due:
            assert swept == [0]

    @precondition(lambda self: self.model.stage != "finished")
    @rule(outcome=st.sampled_from(["again"] * 9 + ["done"]))
    def sign(self, outcome: str) -> None:
        slot = self.engine.case_of("x")[0].open_slots[0]
        out = outcome if self.model.stage == "work" else ""
        self.engine.sign("x", self.world.actor(slot), self.seen(), outcome=out)
        self.model.sign(outcome)

    @precondition(lambda self: self.model.stage == "report")
    @rule()
    def sign_through(self) -> None:
        while self.model.stage == "report":
            self.sign("again")

    @precondition(lambda self: self.model.stage == "report")
    @rule(from_place=st.sampled_from([1, 2, 2, 3]))
    def send_back(self, from_place: int) -> None:
        while self.model.place < from_place:
            self.sign("")
        slot = self.engine.case_of("x")[0].open_slots[0]
        self.engine.send_back("x", self.world.actor(slot), self.seen(), "not enough")
        self.model.send_back()

    @precondition(lambda self: self.model.stage != "finished")
    @rule(days=st.sampled_from([0, 1, 1, 2, 3, 5, 8]))
    def extend(self, days: int) -> None:
        to = self.model.clocks[self.model.own].day + days * DAY
        boss = Actor("t1-secretary", "secretary", "t1")
        self._refused_unless(
            self.model.may_extend(to),
            lambda: self.engine.extend("x", boss, self.seen(), to, "more time"),
            lambda: self.model.extend(to),
        )

    @precondition(lambda self: self.model.stage == "work")
    @rule()
    def pause(self) -> None:
        office = Actor("t1-department", "department", "t1")
        self._refused_unless(
            self.model.may_pause(),
            lambda: self.engine.pause("x", office, self.seen(), "papers are lacking"),
            self.model.pause,
        )

    @precondition(lambda self: self.model.stage == "work")
    @rule()
    def resume(self) -> None:
        handler = Actor("o1-handler", "handler", "o1")
        self._refused_unless(
            self.model.may_resume(),
            lambda: self.engine.resume("x", handler, self.seen(), "here they are"),
            self.model.resume,
        )

    @precondition(lambda self: self.model.stage != "finished" and self.model.nodes == "1")
    @rule()
    def adopt_nodes(self) -> None:
        self._refused_unless(
            self.model.today >= IN_FORCE,
            lambda: self.engine.adopt_nodes("x", Actor("g1-secretary", "secretary", "g1"), "2"),
            self.model.adopt,
        )

    @rule(another_year=st.booleans(), ahead=st.integers(8, 40))
    def edit_calendar(self, another_year: bool, ahead: int) -> None:
        if another_year and self.years < 2022:
            self.years += 1
        else:  # a Saturday or Sunday to come is worked after all
            day = self.model.today + ahead * DAY
            while day.weekday() < 5:
                day += DAY
            if day.year > self.years or day in self.worked:
                return
            self.worked.add(day)
        self.model.now += timedelta(minutes=1)
        self.clock.set(us(self.model.now))
        made = content(self.years, self.worked)
        publish(self.engine, Calendar.from_canonical(made))
        self.model.calendar(Days.of(made))

    @invariant()
    def the_open_dues_are_those_of_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        case = self.engine.case_of("x")[0]
        stored = {
            r: (
                None if "paused" in d else local(d["missed"]),
                d["step"],
                None if d["next"] is None else local(d["next"]),
                "provisional" in d,
            )
            for r, d in case.dues.items()
        }
        wanted = {
            r: (None if c.left is not None else c.missed, c.step, c.next, c.provisional)
            for r, c in self.model.clocks.items()
        }
        assert stored == wanted
        assert (case.stage, case.stays, case.nodes) == (self.model.stage, self.model.stay, self.model.nodes)

    @invariant()
    def each_rung_fired_once_at_its_time_and_never_after_its_due_was_met(self) -> None:
        if not hasattr(self, "model"):
            return
        bodies = self._bodies()
        fired: list[tuple[str, int, datetime]] = []
        open_: dict[str, int | None] = {}
        for at, body in bodies:
            for e in body["effects"]:
                rule_ = e.get("rule", "")
                if e["e"] == "reminded":
                    due_at = open_[rule_]
                    assert due_at is not None and at >= due_at
                    fired.append((rule_, e["step"], local(at)))
                elif e["e"] in ("due-met", "due-cancelled", "due-passed-on"):
                    del open_[rule_]
                elif e["e"].startswith("due-"):
                    open_[rule_] = e["next"]
        assert len({f[:2] for f in fired}) == len(fired)
        assert sorted(fired) == sorted(self.model.fired)

    @invariant()
    def why_explains_every_stored_date(self) -> None:
        if not hasattr(self, "model"):
            return
        with self.engine.look() as desk:
            told = {d.rule: d for d in why(desk, "x")}
            rows = {r.rule: r for r in desk.connection.execute(sa.select(due_table).where(due_table.c.item == "x"))}
        assert told.keys() == rows.keys()
        for rule_, due in told.items():
            assert due.agrees
            assert due.missed_at is None or due.missed_at == rows[rule_].missed_at
            clock = self.model.clocks.get(rule_)
            assert (clock is not None) == (due.state in ("running", "overdue", "paused"))
            if clock is not None and clock.left is None:
                assert due.state == ("overdue" if self.model.now >= clock.missed else "running")

    def teardown(self) -> None:
        report = self.world.verify()
        self.engine.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.server is not None:
            self.server.drop(self.name)
        assert report.holds, [str(f) for f in report.failures]


def lay(url: str, folder: Path) -> Path:
    """A database laid out once; every run of the machine walks on a copy."""
    made = make_world(url, folder / "home")
    made.engine.publish(loads(flow_text(FLOW)))
    made.clock.advance(timedelta(seconds=1))
    made.engine.publish_calendar(
        Calendar.from_canonical({**content(2019, set()), "title": {"zh": "初版", "en": "first"}})
    )
    made.engine.close()
    return folder


class OnSqlite(Clocks):
    pass


class OnPostgres(Clocks):
    pass


@pytest.fixture(scope="module", autouse=True)
def templates(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> None:
    folder = tmp_path_factory.mktemp("sqlite")
    OnSqlite.template = lay(f"sqlite:///{folder / 'workflow.db'}", folder)
    folder, name = tmp_path_factory.mktemp("postgres"), postgres_server.create()
    (folder / "name").write_text(name)
    OnPostgres.template, OnPostgres.server = lay(postgres_server.url(name), folder), postgres_server


class TestClocksOnSqlite(OnSqlite.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=settings.default.max_examples // 8, stateful_step_count=30)


class TestClocksOnPostgres(OnPostgres.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=settings.default.max_examples // 20, stateful_step_count=25)
