"""Places of persons: what was delegated to somebody, what waits for a leaver, who read a copy, what climbs by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from tests.contract.world import SHEET, SHEETS, World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, loads, tick
from workflow.cli.main import app
from workflow.store import queries, tables
from workflow.views import copies

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(SHEETS)))
        made.engine.open("sheets", "o1", item="m1")
        made.engine.submit("m1", HANDLER, SHEET)
        yield made


def seen(world: World) -> str:
    return world.case("m1").content


def run(world: World, *words: str, lang: str = "en", code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--lang", lang])
    assert result.exit_code == code, result.output
    return result.output


def test_what_was_delegated_waits_for_the_delegate_until_it_is_recalled(world: World) -> None:
    world.sign("m1")
    assert world.engine.pending("o1-scrutineer") == []
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-scrutineer", "scrutineer", "away")
    (row,) = world.engine.pending("o1-scrutineer")
    assert (row["item"], row["key"], row["principal"]) == ("m1", "2", "o1-secretary")
    assert [r["item"] for r in world.engine.pending("o1-secretary")] == ["m1"]
    world.engine.recall("m1", SECRETARY, seen(world), "2")
    assert world.engine.pending("o1-scrutineer") == []


def test_a_person_is_found_among_messages_by_an_index(world: World) -> None:
    asked = queries._delegated.params(person="somebody")
    with world.engine.reading() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if not sqlite:  # a small table is read whole unless that is forbidden
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        text = asked.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{text}").all()
    assert "wf_outbox_places" in str(plan)


def test_a_hand_over_is_listed_before_it_is_done(world: World) -> None:
    world.sign("m1")
    words = ("hand-over", world.url, "--leaver", "o1-secretary", "--to", "new-secretary", "--reason", "retired")
    words += ("--by", "t1-secretary,secretary,t1", "--home", str(world.home))
    before = world.entries()
    said = run(world, *words, "--preview", code=1)
    assert "nothing was changed" in said and "0 passed on, 1 not" in said and "m1/2" in said
    until = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-12")
    since = tenure_row("new-secretary", "o1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("new-secretary")], tenures=[until, since]))
    assert "交接 1 处,未能交接 0 处" in run(world, *words, "--preview", lang="zh")
    assert world.entries() == before + 1
    assert json.loads(run(world, *words, "--json"))["places"] == [{"item": "m1", "place": "2", "refused": None}]
    assert world.entries() == before + 2 and world.verify().rules == "hold"
    assert "PERSON/POST@UNIT" in run(world, *words[:-3], "t1-secretary", "--home", str(world.home), code=2)


def test_a_copy_has_a_receipt_once_it_is_read(world: World) -> None:
    reader = Actor("t1-department", "department", "t1")
    world.engine.copy_to("m1", HANDLER, reader)
    assert "1 copies, 0 read" in run(world, "copies", world.url, "m1")
    world.clock.advance(timedelta(hours=1))
    world.engine.view("m1", reader, seen(world))
    with world.engine.look() as desk:
        (row,) = copies(desk, "m1")
    assert (row.person, row.by, row.read_at) == ("t1-department", "o1-handler", world.clock.now())
    assert "已阅 1 份" in run(world, "copies", world.url, "m1", lang="zh")
    assert "m2" in run(world, "copies", world.url, "m2", code=2)


def test_a_place_that_nobody_may_sign_climbs_by_itself_and_is_never_passed(world: World) -> None:
    """The sweep looks at some places each minute; whoever is first responsible above is told once."""
    for _ in range(2):
        world.sign("m1")
    world.sign("m1", by=Actor("t1-department", "handler", "t1"))  # as handler: nobody is left for the department
    at = world.clock.now()
    assert tick(world.engine, at).blocked == 1
    assert tick(world.engine, at + 30_000_000).blocked == 0
    assert tick(world.engine, at + 600_000_000).blocked == 0
    with world.engine.reading() as connection:
        box = tables.outbox.c
        told = connection.execute(sa.select(box.recipient, box.payload).where(box.topic == "blocked")).all()
    assert [(t[0], json.loads(t[1])["slot"]) for t in told] == [("s1-secretary", "4")]
    assert [(s.key, s.state) for s in world.case("m1").slots if s.key == "4"] == [("4", "open")]
