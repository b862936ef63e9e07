"""A database that was moved, or dumped and restored, verifies identically and goes on."""

from __future__ import annotations

import sqlite3
import subprocess
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.world import World, make_world
from tests.postgres import Postgres, binaries
from workflow import Engine
from workflow.errors import NotEmpty
from workflow.logbook import Logbook
from workflow.logcheck import check
from workflow.store import database
from workflow.store.copying import copy
from workflow.verify import verify


def found(engine: Engine) -> tuple[dict[str, Any], Any]:
    with engine.reading() as connection:
        return asdict(verify(connection, engine.contents)), check(connection)


@pytest.fixture
def filled(tmp_path: Path):  # type: ignore[no-untyped-def]
    world = make_world(f"sqlite:///{tmp_path / 'old.db'}", tmp_path / "home")
    world.walk_to("plan", "m1")
    world.begin("m2", "o3")
    log = Logbook.at(world.engine, world.home)
    log.sequence()
    log.checkpoint()
    yield world
    world.engine.close()


def test_moved_it_verifies_identically_and_goes_on(filled: World, database_url: str, tmp_path: Path) -> None:
    before = found(filled.engine)
    assert not before[0]["failures"]
    target = database.connect(database_url)
    copied = copy(filled.engine.db, target)
    assert copied["wf_entry"] == before[0]["entries"]
    with pytest.raises(NotEmpty):
        copy(filled.engine.db, target)
    target.dispose()
    moved = Engine.at(database_url, filled.home, clock=filled.clock, durable=False)
    assert found(moved) == before
    world = World(moved, filled.clock, database_url, filled.home)
    filled.clock.advance(timedelta(seconds=1))
    world.sign("m2")
    log = Logbook.at(moved, filled.home)
    log.sequence()
    assert log.checkpoint().size == before[0]["entries"] + 1
    assert world.verify().holds
    moved.close()


def test_dumped_and_restored_it_verifies_identically(filled: World, tmp_path: Path) -> None:
    before = found(filled.engine)
    with sqlite3.connect(tmp_path / "old.db") as old, sqlite3.connect(tmp_path / "new.db") as new:
        new.executescript("\n".join(old.iterdump()))
    old.close()
    new.close()
    restored = Engine.at(f"sqlite:///{tmp_path / 'new.db'}", filled.home, clock=filled.clock, durable=False)
    assert found(restored) == before
    restored.close()


def test_dumped_by_the_servers_own_tools_and_restored_it_verifies_identically(
    filled: World, postgres_server: Postgres, postgres_url: str
) -> None:
    before, name = found(filled.engine), postgres_server.create()
    target = database.connect(postgres_url)
    copy(filled.engine.db, target)
    target.dispose()
    tools, plain = binaries(), postgres_url.replace("+psycopg", "")
    new = postgres_server.url(name)
    try:
        dumped = subprocess.run([tools / "pg_dump", plain], check=True, capture_output=True).stdout
        command = [tools / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", new.replace("+psycopg", "")]
        subprocess.run(command, input=dumped, check=True, capture_output=True)
        restored = Engine.at(new, filled.home, clock=filled.clock, durable=False)
        assert found(restored) == before
        restored.close()
    finally:
        postgres_server.drop(name)


def test_the_command_copies_and_says_what_to_do_next(filled: World, database_url: str, tmp_path: Path) -> None:
    from tests.contract.test_keybook import run

    said = run("db", "copy", tmp_path / "old.db", database_url).output
    assert "run workflow verify" in said
    run("verify", database_url)
    assert "in use" in run("db", "copy", tmp_path / "old.db", database_url, code=2).stderr
