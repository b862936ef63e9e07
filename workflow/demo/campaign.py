"""The run: people of the invented organisation act in office hours from 2019-08-20 to 2020-12-31, event by event.

A heap holds who acts next and when; before each act the sweep runs at every moment at which a rung has come. What
people do next is read from the item itself, what comes of it the engine decides. Source: S0, R036, R055, R058, R067,
R068, R147, R148, R170.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from datetime import date

from workflow import Engine, SettableClock, tick
from workflow.acts import Open
from workflow.demo.duties import Duties
from workflow.demo.frame import (
    ADOPTED,
    CAMPAIGN,
    CHECKED,
    CORRECTED,
    CRITICISM,
    END,
    REPORT,
    REPORT_BY,
    TALK,
    report_of,
)
from workflow.demo.hours import DAY, OfficeHours
from workflow.demo.org import REGULATOR, Change, World
from workflow.demo.people import People, Told
from workflow.desk import Desk
from workflow.errors import GateClosed, WrongStage
from workflow.org.model import Org
from workflow.store import queries

Progress = Callable[[int, int], None]


class Campaign:
    """One run of the campaign on an engine whose clock it moves."""

    def __init__(
        self,
        engine: Engine,
        clock: SettableClock,
        world: World,
        hours: OfficeHours,
        seed: int,
        *,
        change: Callable[[Desk, Change], Org],
        progress: Progress | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.world = world
        self.hours = hours
        self.people = People(world, hours, seed)
        self.duties = Duties(self.people)
        self.random = self.people.random
        self.told = self.people.told
        self._change = change
        self._progress = progress
        self._queue: list[tuple[float, int, str, str]] = []
        self._count = 0
        self._next_due: int | None = None
        self._items: list[str] = []
        self._pending = {u: len(below) for u, below in self.people.below.items()}

    def run(self) -> Told:
        """Run to the end of the year after."""
        self.clock.set(self.hours.moment(0))
        self._open_reports()
        self._at(self.hours.of_day(CORRECTED, 0.4), "correct", self.people.corrects)
        self._at(self.hours.of_day(CHECKED, 0.5), "check", self.world.overlooked)
        self._at(self.hours.of_day(CHECKED, 0.6), "check", self.people.corrects)
        self._at(self.hours.of_day(ADOPTED, 0.8), "adopt", "2")
        for n, change in enumerate(self.world.changes):
            self._at(self.hours.of_day(date.fromisoformat(change.day)), "change", str(n))
        impatient = next(u for u in self.world.groups["sup1"] if u != self.world.watch_enterprise)
        self._at(self.hours.of_day(date(2019, 8, 21), 0.3), "impatient", impatient)
        steps: dict[str, Callable[[Desk, str], None]] = {
            "step": self._step,
            "adopt": self._adopt,
            "change": self._change_secretary,
            "impatient": self._too_early,
            "correct": self._correct,
            "check": self._check,
        }
        while self._queue and self.hours.moment(self._queue[0][0]) < END:
            self._sweep_until(self.hours.moment(self._queue[0][0]))
            with self.engine.desk() as desk:
                self._half_hour(desk, steps)
        self._sweep_until(END)
        return self.told

    def _half_hour(self, desk: Desk, steps: Mapping[str, Callable[[Desk, str], None]]) -> None:
        """What happens before the next rung, at most half an hour of it, on one transaction: each act at its own moment."""
        until = self._queue[0][0] + 30
        while self._queue and self._queue[0][0] < until:
            at = self.hours.moment(self._queue[0][0])
            if at >= END or (self._next_due is not None and self._next_due <= at):
                break
            self.people.now, _, kind, key = heapq.heappop(self._queue)
            self.clock.set(at)
            steps[kind](desk, key)

    def _at(self, minute: float, kind: str, key: str) -> None:
        self._count += 1
        heapq.heappush(self._queue, (minute, self._count, kind, key))

    def _sweep_until(self, at: int) -> None:
        """Fire every rung that comes before the next act, at its own moment."""
        while self._next_due is not None and self._next_due <= at:
            with self.engine.look() as desk:
                due = queries.next_due(desk.connection)  # acts since may have met the due that was next
            self._next_due = due
            if due is None or due > at:
                break
            moment = max(due, self.clock.now())
            self.clock.set(moment)
            self.told.failed += tick(self.engine, moment).failed
            with self.engine.look() as desk:
                self._rearmed(desk)
                self._take_up(desk, moment)
            if self._next_due == due:  # a rung that cannot fire is parked; it is counted, and an invariant fails
                self._next_due = None
        self.clock.set(max(at, self.clock.now()))
        if self._progress:
            self._progress(self.clock.now(), self.told.acts)

    def _take_up(self, desk: Desk, at: int) -> None:
        """The body to which a ladder proposed something takes it up."""
        for flow in (CRITICISM, TALK):
            for n, row in enumerate(queries.items_at(desk.connection, flow, CAMPAIGN, at)):
                if not self.people.known(row["id"]):
                    wait = self.random.uniform(60, DAY) + (3 * DAY * n if flow == TALK else 0)
                    self._at(self.hours.minute(at) + wait, "step", row["id"])

    def _rearmed(self, desk: Desk) -> None:
        self._next_due = queries.next_due(desk.connection)

    def _change_secretary(self, desk: Desk, key: str) -> None:
        """A change of secretary comes about and is imported; from now on the successor signs. Source: 时任/现任, R041."""
        self.people.changed(self._change(desk, self.world.changes[int(key)]))

    def _open_reports(self) -> None:
        """Every unit owes a report. Source: S0 「应报必报」「横向到边,纵向到底」, R054, R061."""
        owing = [u for u in self.world.org.units if u.level in REPORT_BY]
        with self.engine.desk() as desk:
            desk.open_many([Open(item=report_of(u.id), flow=REPORT, unit=u.id, campaign=CAMPAIGN) for u in owing])
            self._rearmed(desk)
        for u in owing:
            if not self._pending[u.id]:
                self._at(self.random.uniform(15, 2.2 * DAY), "step", report_of(u.id))

    def _too_early(self, desk: Desk, unit: str) -> None:
        """An enterprise tries to report before those below it have. The engine refuses. Source: R036."""
        try:
            self.duties.hand_in_report(desk, desk.case_of(report_of(unit))[0])
        except GateClosed as refused:
            self.told.refusals.append(refused.code)

    def _correct(self, desk: Desk, unit: str) -> None:
        """A unit corrects a figure of its own zero report (补报) before anybody checks: no contradiction. Source: R055."""
        by = self.people.actor(unit, "secretary")
        sheet = {"investigated": 1, "analysis": "补报:原表未列明本支部流动党员情况,现予补充;结论不变。(虚构)"}
        item = report_of(unit)
        seen = desk.case_of(item)[0].content
        desk.supplement(item, by, seen, {"analysis-sheet": sheet}, "自查发现原表有遗漏,主动补报(虚构)")
        self.told.acts += 1

    def _check(self, desk: Desk, unit: str) -> None:
        """An unannounced check finds what a zero report left out; a zero that its unit corrected is no false one, and the
        engine refuses. The zero stays as it was signed. Source: 「应报未报」, R055."""
        by = self.people.actor(REGULATOR, "department", "check")
        item = report_of(unit)
        seen = desk.case_of(item)[0].content
        try:
            receipt = desk.contradict(item, by, seen, "暗访发现组织生活记录系事后补写(虚构)", f"暗访记录 {unit}(虚构)")
        except WrongStage as refused:
            self.told.refusals.append(refused.code)
            return
        self.told.acts += 1
        self._rearmed(desk)
        for opened in receipt.opened:
            self.told.left_out = opened
            self._items.append(opened)
            self._at(self.people.now + self.random.uniform(60, DAY / 2), "step", opened)

    def _settled(self, unit: str) -> None:
        """A report is in: whoever waited for the last of its children begins."""
        above = self.people.superior(unit)
        self._pending[above] -= 1
        if not self._pending[above] and above != REGULATOR:
            self._at(self.people.now + self.random.uniform(15, 90), "step", report_of(above))

    def _step(self, desk: Desk, item: str) -> None:
        case, _ = desk.case_of(item)
        if case.final:
            return
        plan = self.people.plan(case)
        receipt = self.duties.act(desk, case, plan)
        self.told.acts += receipt is not None
        moved = receipt is not None and receipt.stage != case.stage
        if moved or plan.revise or case.stage == "watched":
            self._rearmed(desk)
        for opened in receipt.opened if receipt else ():
            self._items.append(opened)
            self._at(self.people.now + self.random.uniform(60, 1.2 * DAY), "step", opened)
        if receipt is not None and moved:
            if case.flow == REPORT:
                self._settled(case.unit)
                return
            if receipt.stage == "closed":
                self._look_back(desk, item)
                return
            delay = self.random.uniform(20, 240)
        elif receipt is not None and case.stage == "closed":
            self._look_back(desk, item)
            return
        else:
            delay = self.people.delay(case, plan)
        self._at(self.people.now + delay, "step", item)

    def _look_back(self, desk: Desk, item: str) -> None:
        """An item closed out is looked at again on its days; a proposal that is closed is at its end. Source: R147."""
        case, _ = desk.case_of(item)
        if not case.final:
            self._at(self.people.look_back_at(case), "step", item)

    def _adopt(self, desk: Desk, nodes: str) -> None:
        """Somebody of the regulator binds every open item to the node set of 2019-09-26. Source: S0, R068."""
        by = self.people.actor(REGULATOR, "department", "adopt")
        for item in self._items:
            case, _ = desk.case_of(item)
            if not case.final and case.nodes != nodes:
                desk.adopt_nodes(item, by, nodes)
                self.told.acts += 1
        self._rearmed(desk)
