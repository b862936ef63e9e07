"""Random invented organisations that report up, signed by whoever answers on the day; and what a trace of them must say.

``Telling`` drives the real engine and writes down what it did. ``expected`` answers from that notebook alone, by looking
through all of it each time: the oracle that a trace is held against. Units are numbered, depth and breadth are random, a
level may be missing; posts change hands, stand vacant and are signed for by mandate; signers are added before, after and
beside a place and taken away, places are handed on, signatures are taken back (加签、减签、转办、撤回).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from tests.contract.world import STATEMENT_OF_NOTHING, flow_text, person_row, tenure_row
from workflow import Actor, SettableClock
from workflow.case import Case, Slot
from workflow.clock import local_day, micros
from workflow.desk import Desk
from workflow.errors import WorkflowError
from workflow.org.importing import OrgImport
from workflow.orgbook import give_mandate
from workflow.past import CHANGES
from workflow.rules.plan import ADDED
from workflow.trace import Trace

TELL = """flow: tell
title: {zh: 示例上报, en: an invented report}
nodes: {"1": {in-force: 2019-08-01, tell: 2019-08-30}}
wet-ink: handler
materials:
  found: {title: found, kind: list, fields: {result: {type: choice, choices: [found]}}}
  statement: {title: statement, fields: {statement: {type: text, own-words: true}}}
chains:
  own:
    steps: [handler, {secretary: own, delegable: true}]
    return: {to: first, needs: reason}
    override: [{secretary: superior}, {handler: superior}]
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
reports: {owed-by: [organisation, third, second, group], node: tell}
stages:
  - stage: fill
    duty: secretary
    due: {node: tell}
    materials: found
    gate: {children: settled}
    chain: own
    zero: {exit: zero, list: found, counts: {result: found}}
    exits: {reported: check, zero: {to: zero-reported, needs: statement}}
  - stage: check
    duty: secretary
    slots: secretary
    due: 3 days
    exits: {good: reported, bad: redo}
  - stage: redo
    duty: handler
    new-round: true
    chain: own
    due: 2 days
    at-most: {times: 4, then: check}
    exits: {done: check}
  - stage: reported
    final: true
  - stage: zero-reported
    final: true
"""

ZONE = "Asia/Shanghai"
LEVELS = ("group", "second", "third", "organisation")
NODE_MISSED = micros(datetime(2019, 8, 30, 16, tzinfo=UTC))  # the first instant after the node's day in Shanghai
DAY = 86_400_000_000


@dataclass(frozen=True)
class Held:
    person: str
    unit: str
    post: str
    from_on: str
    until_on: str | None

    def on(self, day: str) -> bool:
        return self.from_on <= day and (self.until_on is None or day < self.until_on)


@dataclass
class Signed:
    """One signature as it was made, of the place ``key``; ``undone`` when it was superseded."""

    at: int
    key: str
    unit: str
    post: str
    person: str
    as_: str
    principal: str
    stage: str
    late: bool
    registrar: str = ""
    paper_on: str = ""
    stay: int = 0
    undone: int | None = None


@dataclass
class Passed:
    """A place that two persons let the chain pass over; ``met`` when it was signed after all."""

    at: int
    unit: str
    post: str
    day: str
    persons: tuple[str, str]
    stay: int
    met: int | None = None


@dataclass(frozen=True)
class Delegated:
    """Since when a stage's second place was delegated to whom, and by whom; to nobody where it was taken back."""

    at: int
    stay: int
    delegate: str = ""
    giver: str = ""


@dataclass(frozen=True)
class Changed:
    """A chain changed by people: what was done at a place of whose post, by whom, and the post it was taken from."""

    at: int
    what: str
    unit: str
    post: str
    place: str
    person: str
    was: str = ""


@dataclass(frozen=True)
class Places:
    """How the places of a stay stood from a moment on: whose each is, and which of them wait, by key."""

    at: int
    stay: int
    of: dict[str, tuple[str, str]]
    waiting: tuple[str, ...]


@dataclass
class Stay:
    """The time a report spent in a stage: whose duty it was and from when on it counted as missed."""

    post: str
    missed: int
    left: int | None = None


@dataclass
class Told:
    """The notebook's page of one report."""

    item: str
    opened: int
    signed: list[Signed] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    places: list[Places] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)
    relied: list[tuple[int, bool]] = field(default_factory=list)  # since when it relied on every child
    passed: list[Passed] = field(default_factory=list)
    delegated: list[Delegated] = field(default_factory=list)
    floor: str = ""  # the day before which nothing more is dated


@dataclass(frozen=True)
class _Moving:
    """A desk and the clock that is moved while it acts."""

    desk: Desk
    clock: SettableClock

    def case(self, item: str) -> Case:
        return self.desk.case_of(item)[0]


class Telling:
    """One random organisation, numbered so that many fit into one database."""

    def __init__(self, number: int) -> None:
        self.random = Random(number)
        self.prefix = f"u{number}-"
        self.above: dict[str, str] = {}
        self.level: dict[str, str] = {}
        self.held: list[Held] = []
        self.told: dict[str, Told] = {}
        self.mandates: list[tuple[str, Held, str, str]] = []  # person, the holder's tenure, from, until
        self.did: Counter[str] = Counter()
        self.persons = 0
        self._tree()
        self._tenures()

    # --- what is given ---------------------------------------------------------------------------------------------

    def _tree(self) -> None:
        r = self.random
        top = f"{self.prefix}0"
        self.level[top] = LEVELS[0]
        for n in range(1, r.randint(3, 7)):
            over = r.choice([u for u in self.level if self.level[u] != LEVELS[-1]])
            depth = LEVELS.index(self.level[over]) + 1
            unit = f"{self.prefix}{n}"
            self.level[unit] = LEVELS[min(depth + (r.random() < 0.15), len(LEVELS) - 1)]
            self.above[unit] = over
        self.top = top

    def _person(self) -> str:
        self.persons += 1
        return f"{self.prefix}p{self.persons}"

    def _tenures(self) -> None:
        r = self.random
        for unit in self.level:
            for post in ("handler", "secretary"):
                marks = sorted(r.sample(range(60), r.choice([0, 0, 1, 2])))
                days = ["2015-01-01", *((date(2019, 8, 13) + timedelta(days=m)).isoformat() for m in marks)]
                for n, begun in enumerate(days):
                    if unit != self.top and r.random() < 0.2:
                        continue  # a gap: the superior answers
                    ended = days[n + 1] if n + 1 < len(days) else None
                    self.held.append(Held(self._person(), unit, post, begun, ended))

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The organisation as rows to import."""
        units, parents = [], []
        for n, (unit, level) in enumerate(self.level.items()):
            names = {"name_zh": f"示例{unit}", "name_en": f"invented {unit}"}
            dates = {"established_on": "2010-01-01", "dissolved_on": None}
            units.append({"id": unit, "level": level, "ordinal": n, **names, **dates})
            if unit in self.above:
                line = {"unit": unit, "kind": "managing", "parent": self.above[unit]}
                parents.append({**line, "from_on": "2010-01-01", "until_on": None})
        persons = [person_row(f"{self.prefix}p{n}") for n in range(1, self.persons + 40)]
        tenures = [tenure_row(h.person, h.unit, h.post, h.from_on, h.until_on) for h in self.held]
        return {"units": units, "parents": parents, "persons": persons, "tenures": tenures}

    # --- what happens ----------------------------------------------------------------------------------------------

    def give_mandates(self, desk: Desk) -> None:
        r = self.random
        for held in list(self.held):
            if held.post != "secretary" or r.random() > 0.35:
                continue
            first = max(held.from_on, "2019-08-12")
            last = held.until_on or "2019-11-01"
            if not first < last:
                continue
            deputy = self._person()
            give_mandate(
                desk,
                Actor(held.person, held.post, held.unit),
                "away on duty",
                mandate=f"{self.prefix}m{len(self.mandates)}",
                person=deputy,
                from_on=first,
                until_on=last,
                text=b"in my place",
            )
            self.mandates.append((deputy, held, first, last))

    def act(self, desk: Desk, clock: SettableClock) -> None:
        """Everybody reports, or does not, from the bottom up; days pass in between. All in one transaction."""
        world = _Moving(desk, clock)
        for unit in sorted(self.level, key=lambda u: -LEVELS.index(self.level[u])):
            self._pass(world)
            if self.random.random() < 0.12:
                continue
            self._report(world, unit)
        self._pass(world)
        self.end = world.clock.now()

    def _pass(self, world: _Moving) -> None:
        world.clock.advance(timedelta(hours=self.random.choice([1, 1, 5, 30, 80])))

    def _report(self, world: _Moving, unit: str) -> None:
        r, item = self.random, f"{unit}-report"
        world.desk.open("tell", unit, item=item, campaign="c1")
        told = self.told[unit] = Told(item, world.clock.now())
        self._entered(world, told, "secretary", NODE_MISSED)
        if r.random() < 0.08:
            return
        below = [u for u in self.above if self.above[u] == unit]
        if any(not world.case(f"{u}-report").final if u in self.told else True for u in below):
            return  # the gate holds it; that it does is tested elsewhere
        self._pass(world)
        by = self._first(unit, "handler", world)
        if r.random() < 0.5:
            world.desk.report_zero(item, by, STATEMENT_OF_NOTHING)
        else:
            world.desk.submit(item, by, {"found": [{"result": "found"}]}, outcome="reported")
        told.relied.append((world.clock.now(), True))
        told.floor = self._day(world.clock.now())
        while not world.case(item).final:
            self._pass(world)
            if r.random() < 0.06:
                return
            self._sign(world, told, unit)

    def _sign(self, world: _Moving, told: Told, unit: str) -> None:
        case, r, at = world.case(told.item), self.random, world.clock.now()
        slot = r.choice(case.open_slots)
        own, planned = case.stage != "check", slot.unit == unit and ADDED not in slot.key
        if own and slot.key == "1" and r.random() < 0.12 and self._pass_over(world, told, unit, at):
            return
        if own and planned and r.random() < 0.3 and self._rearrange(world, told, case, slot):
            return
        if planned and r.random() < 0.2:
            self._hand_over(world, told, unit, slot.post, slot.key)
        by, as_, principal = self._any(slot.unit, slot.post, world)
        if own and slot.key == "2" and as_ != "mandate" and r.random() < 0.25:
            by, as_, principal = self._delegated(world, told, unit, by, as_)
            if as_ == "delegate" and r.random() < 0.4:
                return  # it waits for the delegate
        if slot.key == "2" and r.random() < (0.5 if told.passed and told.passed[-1].met is None else 0.2):
            world.desk.send_back(told.item, by, case.content, "look again")
            self._stands(world, told)
            told.floor = self._day(at)
            return
        outcome = ("bad" if r.random() < 0.3 and case.round < 3 else "good") if case.stage == "check" else ""
        late = at >= told.stays[-1].missed
        registrar = paper_on = ""
        if planned and r.random() < 0.2:
            on = self._paper_day(told, at)
            in_ink, as_on = self.answering(unit, slot.post, on)
            clerk = self.answering(unit, "handler", self._day(at))[0]
            given_to = world.case(told.item).slot(slot.key)
            assert given_to is not None
            if in_ink and clerk and clerk[0] not in (in_ink[0], given_to.delegate, given_to.giver):
                by, as_, principal, registrar = Actor(in_ink[0], slot.post, unit), as_on, "", clerk[0]
                told.floor = paper_on = on
                given = {"scan": b"a scan", "on": on, "registrar": Actor(registrar, "handler", unit)}
                world.desk.sign_in_ink(told.item, by, case.content, outcome=outcome, slot=slot.key, **given)
        if not registrar:
            world.desk.sign(told.item, by, case.content, outcome=outcome, slot=slot.key)
            told.floor = self._day(at)
        for one in told.passed:
            if one.met is None and one.stay == len(told.stays) and slot.key == "1":
                one.met = at
        ink = {"registrar": registrar, "paper_on": paper_on, "stay": len(told.stays)}
        told.signed.append(
            Signed(at, slot.key, slot.unit, slot.post, by.person, as_, principal, case.stage, late, **ink)
        )
        after = world.case(told.item)
        if after.stays == case.stays:
            self._stands(world, told)
            if not registrar and r.random() < 0.15:
                self._take_back(world, told, by, slot.key)
            return
        told.stays[-1].left = at
        told.floor = self._day(at)
        if not late and not registrar and r.random() < 0.25 and self._take_back_the_end(world, told, by, slot):
            return
        if after.final:
            self._stands(world, told)
            told.entered.append(at)
            return
        span = 3 if after.stage == "check" else 2
        day = datetime.fromisoformat(self._day(at)).replace(tzinfo=UTC) + timedelta(days=span + 1, hours=-8)
        self._entered(world, told, "handler" if after.stage == "redo" else "secretary", micros(day))

    def _stands(self, world: _Moving, told: Told) -> None:
        """Note how the places stand now, and which signatures of this stay do not stand any more."""
        case, at = world.case(told.item), world.clock.now()
        of = {s.key: (s.unit, s.post) for s in case.slots}
        told.places.append(Places(at, len(told.stays), of, tuple(s.key for s in case.open_slots)))
        for s in told.signed:
            if s.undone is None and s.stay == len(told.stays) and not case.final:
                place = case.slot(s.key)
                if place is None or place.state != "signed":
                    s.undone = at

    def _rearrange(self, world: _Moving, told: Told, case: Case, slot: Slot) -> bool:
        """Whoever stands at a place adds a signer, takes an added one away, or hands a place of preparing on."""
        r, at = self.random, world.clock.now()
        by = self._first(slot.unit, slot.post, world)
        added = [s for s in case.slots if s.key.startswith(f"{slot.key}{ADDED}") and s.state != "signed"]
        if added and r.random() < 0.8:
            gone = r.choice(added)
            world.desk.remove_signer(told.item, by, gone.key)
            told.changed.append(Changed(at, "signer-removed", gone.unit, gone.post, gone.key, by.person))
        elif slot.kind == "prepare" and r.random() < 0.4:
            post = "secretary" if slot.post == "handler" else "handler"
            world.desk.transfer(told.item, by, slot.key, slot.unit, post)
            told.changed.append(Changed(at, "transferred", slot.unit, post, slot.key, by.person, slot.post))
        elif len([s for s in case.slots if ADDED in s.key]) < 3:
            unit = r.choice([slot.unit, self.above.get(slot.unit, slot.unit)])
            post, where = r.choice(["handler", "secretary"]), r.choice(["before", "after", "beside"])
            keys = {s.key for s in case.slots}
            world.desk.add_signer(told.item, by, slot.key, unit, post, where)
            (key,) = {s.key for s in world.case(told.item).slots} - keys
            told.changed.append(Changed(at, "signer-added", unit, post, key, by.person))
            self.did[f"added {where}"] += 1
        else:
            return False
        self.did[told.changed[-1].what] += 1
        self._stands(world, told)
        return True

    def _take_back(self, world: _Moving, told: Told, by: Actor, key: str) -> None:
        """A signature is taken back before anybody has signed behind it."""
        at = world.clock.now()
        try:
            world.desk.withdraw(told.item, by, key)
        except WorkflowError:  # done by delegation: whoever delegated takes it back, or nobody
            return
        for one in told.passed:
            if one.met == at and key == "1":
                one.met = None
        place = world.case(told.item).slot(key)
        assert place is not None
        told.changed.append(Changed(at, "withdrawn", place.unit, place.post, key, by.person))
        self._stands(world, told)
        told.floor = self._day(at)
        self.did["withdrawn"] += 1

    def _take_back_the_end(self, world: _Moving, told: Told, by: Actor, slot: Slot) -> bool:
        """The signature that ended a stage is taken back: the stage goes on where it was, by the same date."""
        at, ended = world.clock.now(), len(told.stays)
        try:
            world.desk.withdraw(told.item, by, slot.key)
        except WorkflowError:  # it turned the round, ended the whole or was done by delegation
            return False
        told.signed[-1].undone = at
        told.changed.append(Changed(at, "withdrawn", slot.unit, slot.post, slot.key, by.person))
        told.stays.append(Stay(told.stays[-1].post, told.stays[-1].missed))
        told.entered.append(at)
        for one in (*told.signed, *told.passed):
            if one.stay == ended:
                one.stay += 1
        told.delegated = [replace(d, stay=d.stay + (d.stay == ended)) for d in told.delegated]
        for passed in told.passed:
            if passed.met == at and slot.key == "1":
                passed.met = None
        self._stands(world, told)
        self.did["the end withdrawn"] += 1
        return True

    def _paper_day(self, told: Told, at: int) -> str:
        """A day between the last thing on the sheet and today."""
        first, last = date.fromisoformat(told.floor), date.fromisoformat(self._day(at))
        return (first + timedelta(days=self.random.randint(0, (last - first).days))).isoformat()

    def _pass_over(self, world: _Moving, told: Told, unit: str, at: int) -> bool:
        """Two persons of the unit above let the chain pass over the handler, where there are two."""
        over, day = self.above.get(unit), self._day(at)
        if over is None:
            return False
        first, second = (self.answering(over, post, day)[0] for post in ("handler", "secretary"))
        if not first or not second or first[0] == second[0]:
            return False
        seen = world.case(told.item).content
        world.desk.ask_override(told.item, Actor(first[0], "handler", over), seen, "1", "nobody there")
        world.desk.override(told.item, Actor(second[0], "secretary", over), seen, "1", "nobody there")
        place = world.case(told.item).slot("1")
        assert place is not None
        told.passed.append(Passed(at, place.unit, place.post, day, (first[0], second[0]), len(told.stays)))
        self._stands(world, told)
        return True

    def _delegated(self, world: _Moving, told: Told, unit: str, by: Actor, as_: str) -> tuple[Actor, str, str]:
        """Let the unit's own handler do it, where there is another person of that post."""
        day, case = self._day(world.clock.now()), world.case(told.item)
        own = [h.person for h in self.held if (h.unit, h.post) == (unit, "handler") and h.on(day)]
        if not own or own[0] == by.person:
            return by, as_, ""
        world.desk.delegate(told.item, by, case.content, "2", own[0], "handler", "away for the day")
        told.delegated.append(Delegated(world.clock.now(), len(told.stays), own[0], by.person))
        return Actor(own[0], by.post, unit), "delegate", by.person

    def _hand_over(self, world: _Moving, told: Told, unit: str, post: str, key: str) -> None:
        """From somebody who held the post to whoever answers for it now: what the leaver had delegated ends."""
        day, over = self._day(world.clock.now()), self.above.get(unit)
        gone = [h.person for h in self.held if (h.unit, h.post) == (unit, post) and h.until_on and h.until_on <= day]
        heirs = self.answering(unit, post, day)[0]
        above = self.answering(over, "secretary", day)[0] if over else ()
        if over and gone and heirs and above and heirs[0] != gone[-1]:
            by, seen = Actor(above[0], "secretary", over), world.case(told.item).content
            world.desk.hand_over(told.item, by, seen, key, gone[-1], heirs[0], "left")
            if key == "2" and self._delegation(told, world.clock.now()).giver == gone[-1]:
                told.delegated.append(Delegated(world.clock.now(), len(told.stays)))  # what the leaver delegated ends
            self.did["hand-over"] += 1

    def _delegation(self, told: Told, until: int) -> Delegated:
        """To whom the second place of the present stage is delegated at a moment, that one included."""
        found = [d for d in told.delegated if d.at <= until and d.stay == len(told.stays)]
        return found[-1] if found else Delegated(0, 0)

    def _entered(self, world: _Moving, told: Told, post: str, missed: int) -> None:
        told.stays.append(Stay(post, missed))
        told.entered.append(world.clock.now())
        self._stands(world, told)

    def _day(self, at: int) -> str:
        return local_day(at, ZONE).isoformat()

    def _first(self, unit: str, post: str, world: _Moving) -> Actor:
        return Actor(self.answering(unit, post, self._day(world.clock.now()))[0][0], post, unit)

    def _any(self, unit: str, post: str, world: _Moving) -> tuple[Actor, str, str]:
        day = self._day(world.clock.now())
        for person, held, first, last in self.mandates:
            given = (held.unit, held.post) == (unit, post) and first <= day < last and held.on(day)
            if given and self.random.random() < 0.7:
                return Actor(person, post, unit), "mandate", held.person
        persons, as_ = self.answering(unit, post, day)
        return Actor(persons[0], post, unit), as_, ""

    # --- what a trace must say -------------------------------------------------------------------------------------

    def answering(self, unit: str, post: str, day: str) -> tuple[tuple[str, ...], str]:
        """Who answers for a post on a day: its holder, else the nearest above."""
        at: str | None = unit
        while at is not None:
            found = tuple(h.person for h in self.held if (h.unit, h.post) == (at, post) and h.on(day))
            if found:
                return found, "holder" if at == unit else "backstop"
            at = self.above.get(at)
        return (), "vacant"

    def line(self, unit: str) -> list[str]:
        found = [unit]
        while found[-1] in self.above:
            found.append(self.above[found[-1]])
        return found

    def expected(self, about: str, at: int) -> dict[str, Any]:
        """Every fact that a trace about a unit has to show as of an instant."""
        line, today = self.line(about), self._day(at)
        pages = {u: self.told[u] for u in line if u in self.told and self.told[u].opened <= at}
        signers, owed, heads, changed = set(), set(), set(), set()
        for unit, page in pages.items():
            mine = [s for s in page.signed if s.at <= at]
            for s in mine:
                now = self.answering(s.unit, s.post, today)[0]
                gone = s.undone is not None and s.undone <= at
                what = (page.item, s.at, s.unit, s.post, s.person, s.as_, s.principal, s.stage, s.late, gone, now)
                signers.add((*what, s.registrar))
            changed |= {
                (page.item, c.at, c.what, c.unit, c.post, c.place, c.person, c.was) for c in page.changed if c.at <= at
            }
            owes = set()
            for p in page.passed:
                if p.at <= at:
                    met = p.met if p.met is not None and p.met <= at else None
                    then, as_ = self.answering(p.unit, p.post, p.day)
                    now = self.answering(p.unit, p.post, today)[0]
                    owes.add(("passed-over", p.unit, p.post, p.at, met, then, as_, now, "1"))
            stays = [s for s, begun in zip(page.stays, page.entered, strict=False) if begun <= at]
            for s in stays:
                met = s.left if s.left is not None and s.left <= at else None
                if s.missed <= at and (met is None or met >= s.missed):
                    owes.add(self._owes("due", unit, s.post, s.missed, met, today))
            running = stays[-1] if stays[-1].left is None or stays[-1].left > at else None
            if running and running.missed <= at:
                stood = [p for p in page.places if p.at <= at]
                before = [p for p in stood if p.at < running.missed and p.stay == len(stays)]
                for key in stood[-1].waiting:
                    there = stood[-1].of[key]
                    line_of = self._owes(
                        "signature", *(before[-1].of.get(key, there) if before else there), running.missed, None, today
                    )
                    line_of = (*line_of[:7], self.answering(*there, today)[0], key)
                    owes.add(line_of)
                    if key == "2":
                        owes |= self._owes_delegated(page, len(stays), running.missed, at, line_of)
            owed |= owes
            heads |= self._heads(page, unit, at, mine, owes)
        for unit in line:
            if unit not in pages and at >= NODE_MISSED:
                owed.add(self._owes("report", unit, "secretary", NODE_MISSED, None, today))
                then, as_ = self.answering(unit, "secretary", self._day(NODE_MISSED - 1))
                heads.add(("", unit, self._day(NODE_MISSED - 1), then, as_, self.now(unit, today)))
        named = {("registrar", s[11]) for s in signers if s[11]}
        named |= {("passed-over", who) for p in pages.values() for o in p.passed if o.at <= at for who in o.persons}
        named |= {("owed", who) for o in owed for who in o[5]}
        named |= {("head", who) for h in heads for who in h[3]} | {("head-now", who) for h in heads for who in h[5]}
        named |= {("changed-chain", c[6]) for c in changed if c[2] in CHANGES}
        items = {p.item for p in pages.values()}
        return {
            "signers": signers,
            "owed": owed,
            "heads": heads,
            "items": items,
            "named": named,
            "changed": changed,
        }

    def _heads(
        self, page: Told, own: str, at: int, signed: list[Signed], owes: set[tuple[Any, ...]]
    ) -> set[tuple[Any, ...]]:
        """Who headed each unit on the days on which it signed or owed, one line for each who did, as of the last such day."""
        days: dict[str, set[str]] = {own: set()}
        for s in signed:
            days.setdefault(s.unit, set()).add(s.paper_on or self._day(s.at))
        for o in owes:
            days.setdefault(o[1], set()).add(self._day(o[3] if o[0] == "passed-over" else o[3] - 1))
        last = self._day(signed[-1].at if signed else [e for e in page.entered if e <= at][-1])
        found = set()
        for unit, some in days.items():
            headed = {self.answering(unit, "secretary", on): on for on in sorted(some or {last})}
            for (then, as_), on in headed.items():
                found.add((page.item if unit == own else "", unit, on, then, as_, self.now(unit, self._day(at))))
        return found

    def now(self, unit: str, today: str) -> tuple[str, ...]:
        return self.answering(unit, "secretary", today)[0]

    def _owes_delegated(
        self, page: Told, stay: int, missed: int, at: int, holder: tuple[Any, ...]
    ) -> set[tuple[Any, ...]]:
        """The same place owed by the delegate as well, who could sign it on the due day; ``holder`` is the holder's line."""
        unit, day = holder[1], self._day(missed - 1)
        told = [d for d in page.delegated if d.stay == stay and d.at <= at]
        before = [d for d in told if d.at < missed]
        if not before or not before[-1].delegate:
            return set()
        one = before[-1]
        gave = one.giver in self.answering(unit, "secretary", day)[0]
        could = any(h.person == one.delegate and (h.unit, h.post) == (unit, "handler") and h.on(day) for h in self.held)
        now = (told[-1].delegate,) if told[-1].delegate else ()
        return {(*holder[:5], (one.delegate,), "delegate", now, "2")} if gave and could else set()

    def _owes(self, what: str, unit: str, post: str, missed: int, met: int | None, today: str) -> tuple[Any, ...]:
        then, as_ = self.answering(unit, post, self._day(missed - 1))
        return (what, unit, post, missed, met, then, as_, self.answering(unit, post, today)[0], "")


def facts_of(found: Trace) -> dict[str, Any]:
    """A trace as the sets that ``expected`` gives."""
    signers, owed, heads, items, changed = set(), set(), set(), set(), set()
    for s in found.root.walk():
        if s.item:
            items.add(s.item)
        for r in s.signers:
            what = (s.item, r.at, r.unit, r.post, r.person, r.as_, r.principal, r.stage, r.late, r.superseded, r.now)
            row = (*what, r.registrar)
            assert row not in signers
            signers.add(row)
        for o in s.owed:
            place = o.rule.split("/")[-1] if o.what in ("signature", "passed-over") else ""
            line = (o.what, o.unit, o.post, o.missed_at, o.met_at, o.persons, o.as_, o.now, place)
            assert line not in owed
            owed.add(line)
        for i in s.irregular:
            if i.kind in (*CHANGES, "withdrawn"):
                changed.add((s.item, i.at, i.kind, i.unit, i.post, i.place, *i.persons, i.was))
        heads |= {(s.item if h.unit == s.unit else "", h.unit, h.day, h.then, h.as_, h.now) for h in s.heads}
    whys = ("registrar", "passed-over", "changed-chain", "owed", "head", "head-now")
    named = {(why, person) for person, for_ in found.persons().items() for why in for_ if why in whys}
    sets = {"signers": signers, "owed": owed, "heads": heads, "items": items, "named": named}
    return {**sets, "changed": changed}


def together(tellings: list[Telling]) -> OrgImport:
    """All of them as one import."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for telling in tellings:
        for table, some in telling.rows().items():
            rows.setdefault(table, []).extend(some)
    return OrgImport.from_rows(rows)


def tell_flow() -> str:
    return flow_text(TELL)
