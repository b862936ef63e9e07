"""An invented organisation that reports every Monday in two hops, for the tests of obligations, delivery and health.

Eleven organisations ``o1``..``o11`` below the third-level unit ``t1``, and ``t2`` with none; above them ``s1`` and ``g1``.
Whoever holds a post is called by unit and post: ``o7-secretary``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.world import lay, person_row, tenure_row
from workflow import Actor, Engine, SettableClock, load
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.clock import micros
from workflow.definition.definition import Definition
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.desk import Desk
from workflow.obligations import open_report
from workflow.org.importing import OrgImport
from workflow.verify import Report, verify

FLOW, FIRST, SECOND = "weekly-report", "first-hop", "second-hop"
POSTS = ("handler", "department", "secretary")
PROGRESS = {"matters": [{"kind": "progress", "matter": "three visits made"}]}
NOTHING: dict[str, Any] = {"zero-statement": {"statement": "there was nothing this week"}}


def shanghai(text: str) -> int:
    """Microseconds UTC of a local time such as ``2019-10-08 12:00``."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")))


def organisation(below: int = 11) -> OrgImport:
    """``below`` organisations under t1."""
    units: list[tuple[str, str, str | None]] = [("g1", "group", None), ("s1", "second", "g1")]
    units += [("t1", "third", "s1"), ("t2", "third", "s1")]
    units += [(f"o{n}", "organisation", "t1") for n in range(1, below + 1)]
    rows: dict[str, list[dict[str, Any]]] = {"units": [], "parents": [], "persons": [], "tenures": []}
    for n, (unit, level, above) in enumerate(units):
        name = {"name_zh": f"示例单位{n}", "name_en": f"invented unit {n}"}
        dates = {"established_on": "2010-01-01", "dissolved_on": None}
        rows["units"].append({"id": unit, "level": level, "ordinal": n, **name, **dates})
        if above:
            line = {"unit": unit, "kind": "managing", "parent": above, "from_on": "2010-01-01", "until_on": None}
            rows["parents"].append(line)
        for post in POSTS:
            rows["persons"].append(person_row(f"{unit}-{post}"))
            rows["tenures"].append(tenure_row(f"{unit}-{post}", unit, post))
    return OrgImport.from_rows(rows)


def who(post: str, unit: str) -> Actor:
    return Actor(f"{unit}-{post}", post, unit)


@dataclass
class Weekly:
    """An engine with the shipped weekly report in force since 2 September 2019."""

    engine: Engine
    clock: SettableClock
    url: str
    home: Path

    def at(self, text: str) -> int:
        """Move the clock to a local time."""
        self.clock.set(shanghai(text))
        return self.clock.now()

    def open(self, unit: str, week: str) -> str:
        with self.engine.desk() as desk:
            return open_report(desk, FLOW, unit, week)

    def submit(self, unit: str, week: str, values: dict[str, Any] = PROGRESS) -> str:
        """A report drawn up and waiting for its first signature; zero where it lists nothing."""
        item = self.open(unit, week)
        if "matters" in values:
            self.engine.submit(item, who("handler", unit), values, outcome="reported")
        else:
            self.engine.report_zero(item, who("handler", unit), values)
        return item

    def sign(self, item: str) -> None:
        """Handler, then secretary."""
        while slots := self.engine.case_of(item)[0].open_slots:
            case, _ = self.engine.case_of(item)
            self.engine.sign(item, who(slots[0].post, slots[0].unit), case.content)

    def report(self, unit: str, week: str, values: dict[str, Any] = PROGRESS) -> str:
        item = self.submit(unit, week, values)
        self.sign(item)
        return item

    def report_all(self, units: Iterable[str], week: str) -> None:
        for unit in units:
            self.report(unit, week)

    def seen(self, item: str) -> str:
        return self.engine.case_of(item)[0].content

    def look(self) -> Any:
        return self.engine.look()

    def verify(self) -> Report:
        with self.engine.reading() as connection:
            return verify(connection, self.engine.contents)


def make_weekly(
    url: str,
    home: Path,
    *,
    definition: Definition | None = None,
    below: int = 11,
    start: str = "2019-09-02 09:00",
    calendar: Calendar | None = None,
) -> Weekly:
    clock = SettableClock(shanghai(start))
    lay(url)
    engine = Engine.at(url, home, clock=clock, durable=False)
    engine.publish_calendar(calendar or load_calendar(shipped_calendar("cn")))
    engine.publish(definition or load(shipped_flow(FLOW)))
    engine.import_org(organisation(below))
    return Weekly(engine, clock, url, home)


def weeklies(url: str, home: Path) -> Iterator[Weekly]:
    made = make_weekly(url, home)
    yield made
    made.engine.close()


def states(desk: Desk, rule: str, week: str, at: int, under: str = "") -> dict[str, str]:
    """unit -> state."""
    from workflow.obligations import owed

    return {o.unit: o.state for o in owed(desk, FLOW, rule, week, at, under)}
