"""Opening many items, asking what waits, and the short way of statements to the driver: the same answers as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.benchmarks import world
from workflow import Engine
from workflow.acts import Open
from workflow.errors import Unknown
from workflow.store.org import OrgReader
from workflow.verify import verify

DAY = world.START.date().isoformat()


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    world.found(database_url, tmp_path / "home", 150)
    with world.engine_on(database_url, tmp_path / "home", durable=False) as made:
        yield made


def _opens(count: int) -> list[Open]:
    return [Open(item=f"i{n}", flow=world.FLOW, unit=f"b{n}", campaign="c") for n in range(1, count + 1)]


def test_opening_many_again_opens_the_rest_and_nothing_twice(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    assert engine.open_many(_opens(30), chunk=20) == 30
    assert engine.open_many(_opens(50), chunk=20, progress=lambda seen, opened: told.append((seen, opened))) == 20
    assert told == [(20, 0), (40, 10), (50, 20)]
    assert engine.open_many([*_opens(2), *_opens(51)[-1:], *_opens(51)[-1:]]) == 1
    with engine.reading() as connection:
        report = verify(connection, engine.contents)
    assert report.holds, report.failures
    assert report.entries == 51 + 1  # and the import


def test_an_item_opened_among_many_is_the_one_opened_alone(engine: Engine) -> None:
    engine.open_many(_opens(2))
    engine.open(world.FLOW, "b3", item="alone", campaign="c")
    many, alone = engine.case_of("i2")[0], engine.case_of("alone")[0]
    assert [(s.key, s.level, s.post, s.kind, s.state) for s in many.slots] == [
        (s.key, s.level, s.post, s.kind, s.state) for s in alone.slots
    ]
    assert many.dues == alone.dues
    assert [s.unit for s in many.slots][:3] == ["b2", "b2", "t1"]


def test_a_person_sees_what_waits_for_their_posts_oldest_first(engine: Engine) -> None:
    engine.open_many(_opens(3))
    seen = engine.pending("handler.b2")
    assert [(p["item"], p["unit"], p["post"], p["about"], p["flow"]) for p in seen] == [
        ("i2", "b2", "handler", "b2", world.FLOW)
    ]
    assert seen == engine.pending([("b2", "handler")])
    assert engine.pending("secretary.b2") == []
    assert [p["item"] for p in engine.pending([("b1", "handler"), ("b3", "handler")], limit=1)] == ["i1"]


def test_the_lines_of_many_units_are_those_of_each(engine: Engine) -> None:
    units = ["b1", "b101", "t2", "r1"]
    with engine.reading() as connection:
        found = OrgReader(connection).paths(units, DAY)
        assert found == {unit: OrgReader(connection).path(unit, DAY) for unit in units}
        with pytest.raises(Unknown):
            OrgReader(connection).paths(["b1", "nowhere"], DAY)


def test_who_listens_to_the_engines_statements_sees_every_one(engine: Engine) -> None:
    seen = world.prepared(engine, "x", "b1")
    heard: list[str] = []

    @event.listens_for(engine.db, "before_cursor_execute")
    def _hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement.split()[0] + " " + next(w for w in statement.split() if w.startswith("wf_")))

    engine.sign("x", world.holder("handler", "b1"), seen, opinion=world.OPINION)
    assert {"INSERT wf_entry", "UPDATE wf_item", "UPDATE wf_slot"} <= set(heard)
