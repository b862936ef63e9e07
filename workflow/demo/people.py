"""Who answers today, what each item's people intend, and how long they take: a seeded model, in minutes of work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random
from zlib import crc32

from workflow import Actor
from workflow.case import Case
from workflow.clock import local_day
from workflow.demo.frame import BACKED, FIRST, LATE, REPORT, REPORT_BY, ZONE
from workflow.demo.hours import DAY, OfficeHours
from workflow.demo.org import World
from workflow.org.model import Org, OrgOnDay


@dataclass
class Plan:
    """What the people of one item intend for its present stay in a stage; minutes are minutes of work."""

    stay: int = 0
    finish: float = 0.0
    times: list[float] = field(default_factory=list)
    update: float = 0.0
    updated: bool = False
    revise: bool = False
    returned: bool = False


@dataclass
class Told:
    """What happened that is no fact of the database: acts refused, and the items with a part to play."""

    acts: int = 0
    failed: int = 0
    refusals: list[str] = field(default_factory=list)
    laggard: str = ""
    failing: str = ""
    objected: str = ""
    rebounding: str = ""
    balloted: str = ""  # the item whose evaluation was a secret vote of the engine's
    left_out: str = ""  # the item that the unannounced check opened
    circulars: int = 0
    talks: list[str] = field(default_factory=list)  # the days of the talks held


class People:
    """The people of the organisation and their plans.

    Attributes:
        now: the present minute of work; ``told``: what happened that is no fact of the database.
        laggard, failing, objected, rebounding: units with a part to play: late with its list, failed by its people,
            objected to, and one whose problem comes back after close-out.
        talked: two units under one superior, so late with their lists that talks are proposed; ``corrects``: a unit that
            corrects its own zero report before anybody checks.
    """

    def __init__(self, world: World, hours: OfficeHours, seed: int) -> None:
        self.world = world
        self.hours = hours
        self.random = Random(f"behaviour {seed}")
        self.told = Told()
        self.now = 0.0
        self.org = world.org.on(FIRST.isoformat())
        self.levels = {u.id: u.level for u in world.org.units}
        self.below = {u: self.org.children(u) for u in self.levels}
        self._plans: dict[str, Plan] = {}
        self.talked = self._two_under_one()
        self.laggard, self.failing, self.objected, self.rebounding = self._choose()
        self.corrects = self._corrects()

    @property
    def today(self) -> date:
        return local_day(self.hours.moment(self.now), ZONE)

    def changed(self, org: Org) -> None:
        """The organisation is another from today."""
        self.org = OrgOnDay(org, self.today.isoformat())

    def known(self, item: str) -> bool:
        """Whether somebody has taken the item up, or has noted to do so; from now on it is."""
        known = item in self._plans
        self._plans.setdefault(item, Plan())
        return known

    def actor(self, unit: str, post: str, about: str = "", avoid: frozenset[str] = frozenset()) -> Actor:
        """Whoever answers for a post today; where several hold it, always the same one for the same unit."""
        held = [t.person for t, _ in self.org.answerable(unit, post, post in BACKED) if t.person not in avoid]
        return Actor(held[crc32(about.encode()) % len(held)], post, unit)

    def superior(self, unit: str) -> str:
        return self.org.superior[unit]

    def _fit(self) -> list[str]:
        """Organisations to be found that stand at the bottom of four levels and keep their secretaries."""
        changed = {c.unit for c in self.world.changes}
        fit = [u for u in self.world.found if self.org.established(u) and len(self.org.path(u)) == 5]
        return [u for u in fit if u not in changed]

    def _choose(self) -> tuple[str, str, str, str]:
        """Organisations with a part to play, one each: late, failed by its people, objected to, and its problem back."""
        a, b, c, d = self.random.sample([u for u in self._fit() if u not in self.talked], 4)
        return a, b, c, d

    def _two_under_one(self) -> tuple[str, ...]:
        """Two organisations with a secretary under one superior whose own secretary stays."""
        staying = {c.unit for c in self.world.changes}
        below: dict[str, list[str]] = {}
        for unit in self._fit():
            held = self.org.answerable(unit, "secretary", True)
            if self.superior(unit) not in staying and all(as_ == "holder" for _, as_ in held):
                below.setdefault(self.superior(unit), []).append(unit)
        return tuple(min((units for units in below.values() if len(units) > 1), key=lambda us: us)[:2])

    def _corrects(self) -> str:
        """An organisation that reports zero in an enterprise that finds something elsewhere."""
        finding = {u.split("-")[0] for u in self.world.found}
        zero = [u for u in self.levels if self.levels[u] == "organisation" and u not in self.world.found]
        return next(u for u in zero if u.split("-")[0] in finding and self.org.established(u))

    def organisations(self, unit: str) -> list[str]:
        return [u for u in self.org.subtree(unit) if self.levels[u] == "organisation"]

    def plan(self, case: Case) -> Plan:
        plan = self._plans.get(case.item)
        if plan is not None and plan.stay == case.stays:
            return plan
        new = Plan(stay=case.stays, returned=plan.returned if plan else False, revise=plan.revise if plan else False)
        self._plans[case.item] = new
        if case.flow == REPORT:
            new.finish = self.hours.of_day(REPORT_BY[case.level], self.random.uniform(0.55, 0.95))
        elif case.stage == "closed":
            new.finish = self.now
        elif case.stage == "rectification":
            self._plan_rectification(case, new)
        else:
            new.finish = self._finish(case)
        return new

    def delay(self, case: Case, plan: Plan) -> float:
        """How long until the next step: what time is left, shared among the steps that are left."""
        if plan.times:
            return max(plan.times.pop(0) - self.now, 10.0)
        left = sum(1 for s in case.slots if s.state != "signed") + 1
        return max((plan.finish - self.now) / left * self.random.uniform(0.4, 1.1), self.random.uniform(6, 25))

    def look_back_at(self, case: Case) -> float:
        """When the next look-back is held: between the day from which it may be and the day by which it must."""
        slot = case.open_slots[0]
        last = next(d["missed"] for rule, d in case.dues.items() if rule.endswith(f"look-back-{slot.key}"))
        begin = max(self.hours.minute(slot.not_before) + 15, self.now + 15)
        return begin + max(self.hours.minute(last - 1) - begin, 0.0) * self.random.uniform(0.1, 0.7)

    def _finish(self, case: Case) -> float:
        missed = min((d["missed"] for d in case.dues.values()), default=None)
        last = self.hours.minute(missed - 1) if missed is not None else self.now + 5 * DAY
        window = min(max(last - self.now, 0.0), 8 * DAY)
        if self.random.random() < LATE:
            return last + self.random.uniform(0.3, 2.5) * DAY
        return self.now + window * self.random.uniform(0.12, 0.5)

    def _plan_rectification(self, case: Case, plan: Plan) -> None:
        """When the list of measures is handed in anew (by 10-20), when lines close, when the stage ends (by 10-31)."""
        day, some = self.hours.of_day, self.random
        begin = max(self.now + 60, day(date(2019, 9, 27)))
        if case.unit == self.laggard:
            plan.update = day(date(2019, 10, 29), 0.4)
        elif case.unit in self.talked:
            plan.update = day(date(2019, 11, 4), 0.3)
        elif some.random() < LATE:
            plan.update = day(date(2019, 10, 21), some.uniform(0.1, 2.8))
        else:
            plan.update = some.uniform(begin, max(begin + DAY, day(date(2019, 10, 18), 0.9)))
        late = some.random() < LATE and case.unit not in (self.failing, *self.talked)
        first = max(plan.update + DAY / 2, day(date(2019, 10, 14)))
        last = max(day(date(2019, 10, 25), 0.9) if case.unit == self.failing else day(date(2019, 10, 31), 0.8), first)
        plan.finish = day(date(2019, 11, 1), some.uniform(0.1, 3.5)) if late else some.uniform(first, last)
        plan.finish = max(plan.finish, self.now + DAY)
        if case.round > 1:
            plan.update = self.now
        lines = case.lists["measure-list"]["lines"]
        times = [plan.update, plan.finish, *(some.uniform(self.now, plan.finish) for _ in range(lines))]
        plan.times = sorted(t for t in times if t > self.now)
