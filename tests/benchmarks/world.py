"""An invented organisation and items of the shipped main flow, brought to where a benchmark starts.

All units and persons are invented and numbered: organisations ``b1``.. under third-level units ``t1``.. (one for each
hundred), these under ``s1``, ``g1`` and ``r1``. Whoever holds a post is named after it: ``secretary.b1``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workflow import Actor, Engine, SettableClock, loads
from workflow.calendar_file import load_calendar
from workflow.definition.definition import Definition
from workflow.org.importing import OrgImport
from workflow.org.model import ALWAYS

SHIPPED = Path(__file__).parents[2] / "definitions"
FLOW = "organisation-rectification"
START = datetime(2019, 8, 20, 1, 0, tzinfo=UTC)
POSTS = ("handler", "department", "secretary", "seal-keeper")
ABOVE = {"s1": "second", "g1": "group", "r1": "regulator"}
PER_THIRD = 100


@dataclass(frozen=True)
class Invented:
    """An organisation of so many grass-roots organisations, as the store imports it."""

    organisations: int

    def lines(self) -> Iterator[tuple[str, str, str | None]]:
        """unit, level, the unit above."""
        yield from (("r1", "regulator", None), ("g1", "group", "r1"), ("s1", "second", "g1"))
        for n in range((self.organisations - 1) // PER_THIRD + 1):
            yield f"t{n + 1}", "third", "s1"
        for n in range(self.organisations):
            yield f"b{n + 1}", "organisation", f"t{n // PER_THIRD + 1}"

    def to_rows(self) -> dict[str, list[dict[str, Any]]]:
        units, parents, persons, tenures = [], [], [], []
        for n, (unit, level, above) in enumerate(self.lines()):
            names = {"name_zh": f"虚构单位{unit}", "name_en": f"Invented unit {unit}"}
            units.append(
                {"id": unit, "level": level, **names, "ordinal": n, "established_on": ALWAYS, "dissolved_on": None}
            )
            if above:
                dated = {"from_on": ALWAYS, "until_on": None}
                parents.append({"unit": unit, "kind": "managing", "parent": above, **dated})
            posts = [(p, p) for p in POSTS] + [("scrutineer", f"scrutineer-{i}") for i in (1, 2)]
            for post, person in posts:
                name = f"{person}.{unit}"
                persons.append({"id": name, "name_zh": f"虚构{name}", "name_en": f"Invented {name}"})
                tenure = {"id": f"{name}/1", "person": name, "unit": unit, "post": post}
                tenures.append({**tenure, "from_on": ALWAYS, "until_on": None, "acting": False})
        return {"units": units, "parents": parents, "persons": persons, "tenures": tenures}


@contextmanager
def engine_on(url: str, home: Path, *, durable: bool = True) -> Iterator[Engine]:
    """An engine on a database; its clock stands at ``START`` until moved."""
    engine = Engine.at(url, home, clock=SettableClock(START), durable=durable)
    try:
        yield engine
    finally:
        engine.close()


def found(url: str, home: Path, organisations: int) -> None:
    """Lay a new database out: schema, calendar, main flow, an organisation."""
    with engine_on(url, home, durable=False) as engine:
        engine.publish_calendar(load_calendar(SHIPPED / "calendars" / "cn.yaml"))
        engine.publish(main_flow())
        engine.import_org(OrgImport.from_rows(Invented(organisations).to_rows()))


def main_flow() -> Definition:
    """The shipped main flow without the clock of each level's share of the chain, so that every signature that is
    measured writes the same three rows: entry, item, slot."""
    text = (SHIPPED / "flows" / f"{FLOW}.yaml").read_text(encoding="utf-8")
    clock = ", within: 2 workdays}"
    assert clock in text
    return loads(text.replace(clock, "}"), f"{FLOW}.yaml")


def holder(post: str, unit: str) -> Actor:
    return Actor(f"{post}.{unit}", post, unit)


PAPERS: dict[str, Mapping[str, Any] | list[Any]] = {
    "organisation-file": {"members": 5},
    "analysis-sheet": {"manifestation": "虚构:书记空缺半年,组织生活中断", "cause": "虚构:企业重组后未及时选配"},
}


def prepared(engine: Engine, item: str, unit: str) -> str:
    """Open an item and hand in its papers: the chain waits for its first signature.

    Returns:
        The digest of what everyone in the chain signs over.
    """
    engine.open(FLOW, unit, item=item, campaign="campaign-1", category="team-incomplete")
    engine.submit(item, holder("handler", unit), PAPERS, outcome="found")
    return engine.case_of(item)[0].content


def chain_of(unit: str, third: str) -> tuple[Actor, ...]:
    """Who signs the first four places of the chain, in turn."""
    return (holder("handler", unit), holder("secretary", unit), holder("handler", third), holder("department", third))


OPINION = "情况属实,同意上报(虚构意见)。"


def scrutineer(number: int, unit: str) -> Actor:
    return Actor(f"scrutineer-{number}.{unit}", "scrutineer", unit)
