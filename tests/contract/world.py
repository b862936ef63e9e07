"""A small invented organisation, three small flows and an engine on a database, for every test that needs one.

Units and persons are invented and numbered: group ``g1`` > second-level ``s1`` > third-level ``t1`` and ``t2`` >
organisations ``o1``, ``o2``, ``o3`` below ``t1`` (``o2`` should be established but is not: ``t1`` answers for it).
Whoever holds a post is called by unit and post: ``t1-secretary``. ``t1-department`` also holds the post of handler at t1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from workflow import Actor, Engine, Receipt, SettableClock, loads
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.case import Case, Slot
from workflow.definition.definition import Definition
from workflow.definition.shipped import shipped_calendar
from workflow.org.importing import OrgImport
from workflow.store import schema
from workflow.store.tables import metadata
from workflow.verify import Report, verify

START = datetime(2019, 8, 12, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
POSTS = {
    "organisation": ("handler", "secretary", "scrutineer"),
    "third": ("handler", "department", "secretary"),
    "second": ("handler", "department", "secretary"),
    "group": ("handler", "department", "secretary"),
}
UNITS = {"g1": ("group", None), "s1": ("second", "g1"), "t1": ("third", "s1"), "t2": ("third", "s1")}
UNITS |= {"o1": ("organisation", "t1"), "o2": ("organisation", "t1"), "o3": ("organisation", "t1")}
NOT_ESTABLISHED = "o2"

_HEAD = """
version: "{version}"
timezone: Asia/Shanghai
calendar: cn
levels: [organisation, third, second, group]
liability: {{zh: 谁签字上报谁负责, en: whoever signs and reports upward answers for it}}
posts:
  handler: {{title: {{zh: 经办人, en: handler}}, may: prepare, backstop: superior}}
  department: {{title: {{zh: 部门, en: department}}, may: review}}
  secretary: {{title: {{zh: 书记, en: secretary}}, first-responsible: true, backstop: superior}}
  scrutineer: {{title: {{zh: 监票人, en: scrutineer}}, may: record}}
bodies: {{meeting: {{zh: 会议, en: meeting}}}}
"""

MATTER = """flow: matter
title: {zh: 示例事项, en: an invented matter}
nodes:
  "1": {in-force: 2019-08-01, report: 2019-08-30}
  "2": {in-force: 2019-09-02, report: 2019-09-20}
categories: {leak: {zh: 漏水, en: leak}, crack: {zh: 裂缝, en: crack}}
materials:
  sheet:
    title: sheet
    fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 200}}
  statement: {title: statement, fields: {statement: text}}
  measures:
    title: measures
    kind: list
    at-least: 1
    fields: {measure: {type: text, max: 100}, due: date}
  votes:
    title: votes
    kind: tally
    fields:
      eligible: {type: integer, min: 1}
      voted: {type: integer, min: 0}
      aware: {type: integer, min: 0}
      dissatisfied: {type: integer, min: 0}
  card: {title: card, fields: {total: {type: integer, min: 0, max: 100}}}
chains:
  branch: [handler, secretary]
  level: [handler, department, {decision: meeting, recorded-by: department, minutes: required}, secretary]
  up:
    levels: {from: organisation, to: second, each: level, at: {organisation: branch}}
    requires: [opinion]
    return: {to: previous, needs: reason}
    two-persons: [[handler, department], [department, secretary]]
ladder:
  overdue:
    - {before: 3 workdays, do: remind, to: responsible}
    - {after: 0 workdays, do: remind, to: [responsible, {secretary: superior}]}
    - {after: 5 workdays, do: propose, item: talk, to: {secretary: superior}, whom: responsible}
stages:
  - stage: report
    duty: secretary
    due: {node: report}
    materials: sheet
    chain: up
    exits: {found: plan, nothing: {to: nothing, needs: statement}, dropped: {to: nothing, needs: reason}}
  - stage: plan
    needs: {lead: named}
    duty: secretary
    materials: measures
    slots: secretary
    notice: {content: plan}
    due: 10 workdays
    exits: {accepted: work}
  - stage: work
    duty: secretary
    materials: measures
    slots: secretary
    close-out: {list: measures, each-needs: [evidence, lead]}
    due: 20 workdays
    exits: {lines-closed: vote}
  - stage: vote
    duty: secretary
    materials: votes
    slots: [scrutineer, scrutineer]
    two-persons: [[scrutineer]]
    tally: {material: votes, turnout: ">= 80%", aware: ">= 90%", dissatisfied: "<= 50%"}
    due: 5 workdays
    at-most: {times: 3, then: above}
    exits: {passed: acceptance, failed: rework, no-quorum: vote}
  - stage: acceptance
    duty: {secretary: second}
    materials: card
    slots: {secretary: second}
    not-by: [secretary, lead]
    score: {material: card, field: total, pass: ">= 70", passed: qualified, failed: unqualified}
    one-by-one: true
    due: 10 workdays
    exits: {qualified: published, unqualified: rework}
  - stage: rework
    duty: secretary
    new-round: true
    slots: secretary
    due: {set-by: acceptor}
    at-most: {times: 1, then: above}
    exits: {done: vote}
  - stage: published
    duty: {department: second}
    slots: {department: second}
    notice: {content: result, for: 5 workdays, both-ends: counted, objection: objected}
    due: 10 workdays
    exits: {unopposed: closed, objected: acceptance}
  - stage: closed
    duty: {department: second}
    tracking: {for: 12 months, look-backs: [90 days], by: {department: second}, held: held, rebound: rebound}
    exits: {held: archived, rebound: work}
  - stage: above
    duty: {secretary: next-above}
    slots: {secretary: next-above}
    due: 20 workdays
    exits: {done: vote}
  - stage: nothing
    final: true
  - stage: archived
    final: true
"""

TALK = """flow: talk
title: {zh: 示例约谈, en: an invented talk}
stages:
  - stage: proposed
    duty: secretary
    slots: secretary
    exits: {held: done, dropped: {to: done, needs: reason}}
  - stage: done
    final: true
"""

SURVEY = """flow: survey
title: {zh: 示例摸底, en: an invented survey}
nodes: {"1": {in-force: 2019-08-01, survey: 2019-08-30}}
categories: {leak: {zh: 漏水, en: leak}}
materials:
  found:
    title: found
    kind: list
    fields: {unit: unit, result: {type: choice, choices: [found]}}
  statement: {title: statement, fields: {statement: text}}
chains:
  own: [handler, secretary]
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
reports: {owed-by: [organisation, third], node: survey}
stages:
  - stage: fill
    duty: secretary
    due: {node: survey}
    materials: found
    gate: {children: settled}
    chain: own
    zero: {exit: zero, list: found, counts: {result: found}}
    exits:
      reported: {to: reported, opens: {list: found, flow: matter, at-level: third, unit-by: unit, exit-by: result}}
      zero: {to: zero-reported, needs: statement}
  - stage: reported
    final: true
  - stage: zero-reported
    final: true
"""

# Published by those tests that need it: a chain that may be delegated, returned, overridden, suspended, signed in ink.
SHEETS = """flow: sheets
title: {zh: 示例汇总, en: an invented summary}
wet-ink: handler
suspend:
  by: {secretary: second}
  starts: {within: 10 workdays, duty: {department: second}}
materials:
  sheet:
    title: sheet
    fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 200}}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
chains:
  level: [handler, department, {decision: meeting, recorded-by: department, minutes: required}, secretary]
  branch: [handler, {secretary: own, delegable: true}]
  up:
    levels: {from: organisation, to: second, each: level, at: {organisation: branch}}
    return: {to: any, needs: [reason, date], straight: true}
    override: [{secretary: second}, {department: second}]
    apart:
      - {posts: [handler, department], by: person, over: item}
stages:
  - stage: report
    duty: secretary
    due: 20 workdays
    materials: sheet
    chain: up
    exits: {done: check, returned-anew: report}
  - stage: check
    duty: {department: third}
    slots: [{department: third}, {secretary: second}]
    apart: [{posts: [department, secretary], by: subordinate}]
    due: 10 workdays
    exits: {held: archived}
  - stage: archived
    final: true
"""


def flow_text(text: str, version: str = "1") -> str:
    """A flow file: the head that all invented flows share, then its own part."""
    first, rest = text.split("\n", 1)
    return f"{first}{_HEAD.format(version=version)}{rest}"


def imported(**more: list[dict[str, Any]]) -> OrgImport:
    """The invented organisation as an import. ``more`` adds or replaces rows by table."""
    rows: dict[str, list[dict[str, Any]]] = {"units": [], "parents": [], "persons": [], "tenures": []}
    for n, (unit, (level, above)) in enumerate(UNITS.items()):
        since = None if unit == NOT_ESTABLISHED else "2010-01-01"
        name = {"name_zh": f"示例单位{n}", "name_en": f"invented unit {n}"}
        dates = {"established_on": since, "dissolved_on": None}
        rows["units"].append({"id": unit, "level": level, "ordinal": n, **name, **dates})
        if above:
            line = {"unit": unit, "kind": "managing", "parent": above, "from_on": "2010-01-01", "until_on": None}
            rows["parents"].append(line)
        if since:
            for post in POSTS[level]:
                for person in [f"{unit}-{post}", *([f"{unit}-{post}-2"] if post == "scrutineer" else [])]:
                    rows["persons"].append(person_row(person))
                    rows["tenures"].append(tenure_row(person, unit, post))
    rows["tenures"].append(tenure_row("t1-department", "t1", "handler"))
    rows["persons"].append(person_row("nobody"))
    for table, extra in more.items():
        keys = {r.get("id") for r in extra}
        rows[table] = [r for r in rows[table] if "id" not in r or r["id"] not in keys] + extra
    return OrgImport.from_rows(rows)


def person_row(person: str) -> dict[str, Any]:
    return {"id": person, "name_zh": f"示例人员 {person}", "name_en": f"invented person {person}"}


def tenure_row(
    person: str, unit: str, post: str, from_on: str = "2015-01-01", until: str | None = None
) -> dict[str, Any]:
    held = {"person": person, "unit": unit, "post": post, "from_on": from_on, "until_on": until, "acting": False}
    return {"id": f"{person}/{unit}/{post}/{from_on}", **held}


SHEET = {"sheet": {"count": 3, "words": "three pipes drip"}}
MEASURES = {
    "measures": [{"measure": "replace the pipe", "due": "2019-10-01"}, {"measure": "look again", "due": "2019-10-20"}]
}
GOOD_VOTE = {"votes": {"eligible": 20, "voted": 18, "aware": 18, "dissatisfied": 1}}
STATEMENT_OF_NOTHING = {"statement": {"statement": "looked at, nothing found"}}
BAD_VOTE = {"votes": {"eligible": 20, "voted": 18, "aware": 9, "dissatisfied": 1}}


@dataclass
class World:
    """An engine on a fresh database with the invented organisation and flows, at ``START``; and hands that sign."""

    engine: Engine
    clock: SettableClock
    url: str
    home: Path

    def actor(self, slot: Slot) -> Actor:
        """Who may sign a slot: its holder, or who answers for it."""
        unit = slot.unit
        while unit == NOT_ESTABLISHED:
            unit = str(UNITS[unit][1])
        return Actor(f"{unit}-{slot.post}", slot.post, slot.unit)

    def case(self, item: str) -> Case:
        return self.engine.case_of(item)[0]

    def begin(self, item: str, unit: str = "o1", *, outcome: str = "found") -> str:
        """A matter whose report is handed in and waits for its first signature."""
        self.engine.open("matter", unit, item=item, campaign="c1", category="leak")
        self.engine.submit(item, Actor(f"{unit}-handler", "handler", unit), SHEET, outcome=outcome)
        return item

    def sign(self, item: str, **more: Any) -> Receipt:
        """The next open slot is signed by whoever may, as it asks to be."""
        case = self.case(item)
        slot = case.open_slots[0]
        by = more.pop("by", None) or self.actor(slot)
        if slot.post == "scrutineer" and any(s.person == by.person for s in case.slots):
            by = Actor(f"{by.person}-2", by.post, by.unit)
        if slot.kind == "decision":
            return self.engine.decide(item, by, case.content, minutes="minutes", **{"opinion": "agreed", **more})
        if slot.kind == "look-back":
            return self.engine.look_back(item, by, case.content, **more)
        return self.engine.sign(item, by, case.content, **{"opinion": "agreed", **more})

    def through(self, item: str, **more: Any) -> Case:
        """Everybody signs until the stage is left; ``more`` goes with each signature."""
        stay = self.case(item).stays
        while (case := self.case(item)).stays == stay:
            self.sign(item, **more)
        return case

    def walk_to(self, stage: str, item: str, unit: str = "o1") -> Case:
        """A new matter, walked honestly until it waits in a stage with its materials handed in."""
        e, handler, scrutineer = (
            self.engine,
            Actor(f"{unit}-handler", "handler", unit),
            Actor("o1-scrutineer", "scrutineer", "o1"),
        )
        secretary = Actor(f"{unit}-secretary", "secretary", unit)
        self.begin(item, unit)
        while True:
            now = self.case(item).stage
            if now == "plan":
                e.name_lead(item, Actor("t1-secretary", "secretary", "t1"), Actor("t1-department", "department", "t1"))
                e.submit(item, secretary, MEASURES)
                e.post_notice(item, handler, "plan", channel="board", place="hall")
            elif now == "vote":
                e.record_tally(item, scrutineer, GOOD_VOTE)
            elif now == "acceptance":
                e.submit(item, Actor("s1-secretary", "secretary", "s1"), {"card": {"total": 80}})
            elif now == "published":
                e.post_notice(item, Actor("s1-department", "department", "s1"), "result", channel="board", place="hall")
            if now == stage:
                return self.case(item)
            if now == "work":
                for no in (1, 2):
                    e.close_line(item, secretary, "measures", no, b"a photograph")
            if now == "published":
                self.clock.advance(timedelta(days=14))
            self.through(item)

    def verify(self, *, contents: bool = True) -> Report:
        with self.engine.reading() as connection:
            return verify(connection, self.engine.contents if contents else None)

    def entries(self, item: str | None = None) -> int:
        """How many entries there are, of one chain or of all."""
        table = metadata.tables["wf_entry"]
        query = table.select() if item is None else table.select().where(table.c.chain == item)
        with self.engine.reading() as connection:
            return len(connection.execute(query).all())


def make_world(url: str, home: Path, **options: Any) -> World:
    """The world on an empty database. ``options`` go to ``Engine.at``."""
    clock = SettableClock(START)
    options.setdefault("clock", clock)
    lay(url)
    engine = Engine.at(url, home, durable=False, **options)
    engine.publish_calendar(_calendar())
    for definition in _flows():
        engine.publish(definition)
    engine.import_org(imported())
    return World(engine, clock, url, home)


def lay(url: str) -> None:
    """Make the schema from the SQL for administrators, in a tenth of the time that migrating an empty database takes.
    That both make the same is a test of its own (``test_schema``)."""
    if "?" in url:  # a schema of its own: left to the engine
        return
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.exists():
            path.touch(0o600)
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(_schema("sqlite"))
        return
    with psycopg.connect(url.replace("+psycopg", "")) as server:
        if server.execute("SELECT to_regclass('wf_entry')").fetchone() == (None,):
            server.execute(_schema("postgresql").encode())


@cache
def _schema(dialect: str) -> str:
    return schema.sql(dialect)


@cache
def _calendar() -> Calendar:
    return load_calendar(shipped_calendar("cn"))


@cache
def _flows() -> tuple[Definition, ...]:
    return tuple(loads(flow_text(text)) for text in (MATTER, TALK, SURVEY))


def worlds(url: str, home: Path, **options: Any) -> Iterator[World]:
    """``make_world`` for a fixture: closed at the end."""
    made = make_world(url, home, **options)
    yield made
    made.engine.close()
