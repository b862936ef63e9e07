"""From a finding to everyone who answers for it. Source: R037, R041, R055."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, loads
from workflow.acts import Return
from workflow.clock import micros
from workflow.errors import Unknown
from workflow.store.tables import item as item_table
from workflow.trace import NOTICE, Trace, seen_by, trace, trace_unit

STATEMENT = {"statement": {"statement": "looked at, nothing found"}}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def survey(world: World, unit: str, found: list[dict[str, str]] | None) -> str:
    """A unit's report, signed through: with lines, or zero."""
    item = f"survey-{unit}"
    world.engine.open("survey", unit, item=item, campaign="c1")
    holder = "t1" if unit == "o2" else unit
    by = Actor(f"{holder}-handler" if unit != "t1" else "t1-handler", "handler", unit)
    if found:
        world.engine.submit(item, by, {"found": found}, outcome="reported")
    else:
        world.engine.report_zero(item, by, STATEMENT)
    world.through(item)
    return item


def surveyed(world: World) -> None:
    """Everybody below t1 reports: o1 and o2 zero, o3 finds one."""
    line = [{"unit": "o3", "result": "found"}]
    survey(world, "o1", None)
    world.clock.advance(timedelta(hours=1))
    survey(world, "o2", None)
    survey(world, "o3", line)
    survey(world, "t1", line)


def test_a_contradicted_zero_report_leads_to_every_signer_at_every_level(world: World) -> None:
    surveyed(world)
    world.clock.set(datetime(2019, 9, 26, 2, tzinfo=UTC))
    with world.engine.look() as desk:
        found = trace_unit(desk, "survey", "c1", "o1", world.clock.now())
    by_unit = {s.unit: s for s in found.root.walk()}
    assert list(by_unit) == ["t1", "o1"]
    assert [r.person for r in by_unit["o1"].signers] == ["o1-handler", "o1-secretary"]
    assert [r.person for r in by_unit["t1"].signers] == ["t1-handler", "t1-secretary"]
    assert "o3" not in by_unit
    with world.engine.look() as desk:
        saw = seen_by(desk, by_unit["o1"].signers[0])
    assert saw == {"statement": {"statement": "looked at, nothing found"}}


def test_whoever_answered_for_a_unit_without_a_head_is_named_as_backstop(world: World) -> None:
    surveyed(world)
    with world.engine.look() as desk:
        found = trace_unit(desk, "survey", "c1", "o2", world.clock.now())
    rows = next(s for s in found.root.walk() if s.unit == "o2").signers
    assert [(r.person, r.as_) for r in rows] == [("t1-handler", "backstop"), ("t1-secretary", "backstop")]


def test_an_item_behind_a_report_leads_back_through_it(world: World) -> None:
    surveyed(world)
    item = next(r["id"] for r in items_of(world) if r["flow"] == "matter")
    with world.engine.look() as desk:
        found = trace(desk, item, world.clock.now())
    assert [(s.flow, s.unit, s.why) for s in found.root.walk()] == [
        ("matter", "o3", "finding"),
        ("survey", "t1", "opened by"),
        ("survey", "o3", "relies on"),
    ]


def items_of(world: World) -> list[dict[str, str]]:
    with world.engine.reading() as connection:
        return [dict(r._mapping) for r in connection.execute(item_table.select())]


def test_whoever_owed_a_signature_on_the_due_day_is_named_beside_todays_head(world: World) -> None:
    world.begin("m1")
    world.engine.import_org(
        imported(
            persons=[person_row("newcomer")],
            tenures=[
                tenure_row("o1-secretary", "o1", "secretary", until="2019-09-10"),
                tenure_row("newcomer", "o1", "secretary", "2019-09-10"),
            ],
        )
    )
    at = micros(datetime(2019, 9, 30, 2, tzinfo=UTC))
    world.clock.set(at)
    with world.engine.look() as desk:
        found = trace(desk, "m1", at)
    owed = {o.what: o for o in found.root.owed}
    assert (owed["due"].persons, owed["due"].now) == (("o1-secretary",), ("newcomer",))
    assert (owed["signature"].post, owed["signature"].persons) == ("handler", ("o1-handler",))
    assert "head-now" in found.persons()["newcomer"]
    assert "owed" not in found.persons()["newcomer"]


def test_a_report_owed_and_never_given_names_who_owed_it(world: World) -> None:
    world.engine.open("survey", "t1", item="survey-t1", campaign="c1")
    survey(world, "o1", None)
    at = micros(datetime(2019, 9, 2, 2, tzinfo=UTC))
    world.clock.set(at)
    with world.engine.look() as desk:
        found = trace_unit(desk, "survey", "c1", "o3", at)
    missing = [o for o in found.root.owed if o.what == "report"]
    assert [(o.unit, o.persons) for o in missing] == [("o3", ("o3-secretary",))]


def test_a_trace_says_that_it_is_facts_and_not_a_verdict(world: World) -> None:
    surveyed(world)
    with world.engine.look() as desk:
        record = trace_unit(desk, "survey", "c1", "o1", world.clock.now()).record()
    assert record["notice"] == NOTICE
    assert "not a finding of responsibility" in record["notice"]["en"]


def test_a_finding_that_contradicts_a_zero_names_every_signer_of_the_zero_and_of_what_relied_on_it(
    world: World,
) -> None:
    """Source: S0 「如发现企业软弱涣散基层党组织应报未报」, R055."""
    surveyed(world)
    world.clock.advance(timedelta(days=1))
    world.begin("m9", "t2")
    world.clock.advance(timedelta(hours=1))
    seen = world.case("survey-o1").content
    world.engine.contradict("survey-o1", Actor("s1-secretary", "secretary", "s1"), seen, "seen on the spot", "m9")
    with world.engine.look() as desk:
        found = trace(desk, "m9", world.clock.now())
        before = trace(desk, "m9", world.clock.now() - 1)
    assert [(s.flow, s.unit, s.why) for s in found.root.walk()] == [
        ("matter", "t2", "finding"),
        ("survey", "t1", "contradicts"),
        ("survey", "o1", "relies on"),
    ]
    zero = [*found.root.walk()][-1]
    assert zero.zero and zero.marks == ("contradicted",)
    assert [(r.kind, r.person, r.reason, r.finding) for r in zero.remarks] == [
        ("contradict", "s1-secretary", "seen on the spot", "m9")
    ]
    for person in ("o1-handler", "o1-secretary", "t1-handler", "t1-secretary", "s1-secretary"):
        assert "signed" in found.persons()[person], person
    assert [s.flow for s in before.root.walk()] == ["matter"]


def test_the_whole_of_a_report_names_everybody_it_relies_on(world: World) -> None:
    surveyed(world)
    with world.engine.look() as desk:
        line = trace(desk, "survey-t1", world.clock.now())
        whole = trace(desk, "survey-t1", world.clock.now(), whole=True)
    assert [s.unit for s in line.root.walk()] == ["t1"]
    assert [s.unit for s in whole.root.walk()] == ["t1", "o1", "o2", "o3"]


def test_a_report_that_a_superior_exempts_shows_who_said_so_and_why(world: World) -> None:
    world.engine.open("survey", "o3", item="survey-o3", campaign="c1")
    seen = world.case("survey-o3").content
    world.engine.exempt("survey-o3", Actor("t1-secretary", "secretary", "t1"), seen, "dissolving next week")
    at = micros(datetime(2019, 9, 9, 2, tzinfo=UTC))
    world.clock.set(at)
    with world.engine.look() as desk:
        found = trace_unit(desk, "survey", "c1", "o3", at)
    own = next(s for s in found.root.walk() if s.unit == "o3")
    assert own.marks == ("exempted",)
    assert [(r.kind, r.person, r.unit, r.reason) for r in own.remarks] == [
        ("exempt", "t1-secretary", "t1", "dissolving next week")
    ]
    assert [(o.unit, o.what) for s in found.root.walk() for o in s.owed] == [("t1", "report")]
    with world.engine.look() as desk, pytest.raises(Unknown, match="opened later"):
        trace(desk, "survey-o3", micros(datetime(2019, 8, 1, tzinfo=UTC)))


def test_whoever_headed_a_unit_when_it_signed_is_named_whenever_the_ink_was_registered_and_who_signed_later(
    world: World,
) -> None:
    """Source: R041 「时任」「现任」, R203."""
    engine = world.engine
    engine.publish(loads(flow_text(SHEETS)))
    engine.open("sheets", "o1", item="m1", campaign="c1")
    engine.submit("m1", Actor("o1-handler", "handler", "o1"), SHEET)
    world.sign("m1")
    world.clock.advance(timedelta(days=10))
    left = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-20")
    engine.import_org(imported(tenures=[left, tenure_row("nobody", "o1", "secretary", "2019-08-20")]))
    before, new = Actor("o1-secretary", "secretary", "o1"), Actor("nobody", "secretary", "o1")
    ink = {"scan": b"a sheet", "on": "2019-08-19", "registrar": Actor("o1-handler", "handler", "o1")}
    engine.sign_in_ink("m1", before, world.case("m1").content, opinion="agreed", **ink)

    def heads() -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return [(h.day, h.then, h.now) for h in traced(world, "m1").root.heads if h.unit == "o1"]

    assert heads() == [("2019-08-19", ("o1-secretary",), ("nobody",))]
    clerk, by = Actor("t1-department", "handler", "t1"), Actor("t1-handler", "handler", "t1")
    paper = {"scan": b"a sheet", "on": "2019-08-22", "registrar": clerk}
    why = {"reason": "count again", "to": "2", "due": "2019-09-30"}
    engine.sign_in_ink("m1", by, world.case("m1").content, verb=Return, **why, **paper)
    found = traced(world, "m1")
    assert [(r.kind, r.paper_on, r.registrar) for r in found.root.remarks] == [("return", "2019-08-22", clerk.person)]
    assert found.persons()[clerk.person] == {"registrar"}
    engine.sign("m1", new, world.case("m1").content, opinion="agreed")
    assert heads() == [("2019-08-19", ("o1-secretary",), ("nobody",)), ("2019-08-22", ("nobody",), ("nobody",))]


def traced(world: World, item: str) -> Trace:
    with world.engine.look() as desk:
        return trace(desk, item, world.clock.now())
