"""A backup has one form whatever database it is of, comes back into either, verified, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from tests.contract.test_keybook import run
from tests.contract.test_schema import MIGRATIONS
from tests.contract.world import World
from workflow import Engine
from workflow.backup import DATABASE, backup, restore
from workflow.errors import DatabaseOld, NotEmpty, NotUsable
from workflow.store import backing, database, schema
from workflow.verify import Report, verify


def of(world: World) -> Path | str:
    return Path(world.url.removeprefix("sqlite:///")) if world.url.startswith("sqlite") else world.url


def found(engine: Engine) -> dict[str, Any]:
    with engine.reading() as connection:
        return asdict(verify(connection, engine.contents))


def test_it_comes_back_into_either_database_and_goes_on(world: World, database_url: str, tmp_path: Path) -> None:
    world.walk_to("plan", "m1")
    made = backup(of(world), world.home, tmp_path / "copy", key=True)
    before = found(world.engine)
    assert made.report.entries == before["entries"] > 0 and made.report.failures == []
    file = tmp_path / "back.db"
    restore(tmp_path / "copy", file, tmp_path / "home-file")
    again = Engine.at(f"sqlite:///{file}", tmp_path / "home-file", clock=world.clock, durable=False)
    assert found(again) == before
    again.close()
    world.engine.close()
    emptied(database_url)
    restore(tmp_path / "copy", of(world), tmp_path / "home-new")
    back = Engine.at(database_url, tmp_path / "home-new", clock=world.clock, durable=False)
    assert found(back) == before
    world.clock.advance(timedelta(seconds=1))
    later = World(back, world.clock, database_url, tmp_path / "home-new")
    later.begin("m2", "o3")
    assert later.verify().holds and found(back)["entries"] == before["entries"] + 2
    back.close()
    with pytest.raises((NotEmpty, NotUsable)):
        restore(tmp_path / "copy", of(world), tmp_path / "home-third")


def test_the_commands_take_a_file_or_a_url(world: World, database_url: str, tmp_path: Path) -> None:
    world.begin("m1")
    said = run("backup", of(world), tmp_path / "copy", "--home", world.home, "--lang", "en").output
    assert "verified V1" in said
    world.engine.close()
    emptied(database_url)
    said = run("restore", tmp_path / "copy", of(world), "--home", tmp_path / "home-new", "--lang", "zh").output
    assert "核验 V1" in said
    run("verify", of(world), "--home", tmp_path / "home-new")
    again = run("restore", tmp_path / "copy", of(world), "--home", tmp_path / "home-new", "--lang", "zh", code=2)
    assert "empty" not in again.stderr and ("尚不存在" in again.stderr or "空数据库" in again.stderr)


def test_what_does_not_hold_is_not_restored_and_can_be_tried_again(
    world: World, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin("m1")
    backup(of(world), world.home, tmp_path / "copy")
    world.engine.close()
    emptied(database_url)
    for name in ("verify", "verify_database"):
        monkeypatch.setattr(f"workflow.backup.{name}", lambda *_a, **_k: broken())
    with pytest.raises(NotUsable, match="a history that holds"):
        restore(tmp_path / "copy", of(world), tmp_path / "home-new")
    monkeypatch.undo()
    assert restore(tmp_path / "copy", of(world), tmp_path / "home-new").report.failures == []


def broken() -> Report:
    report = Report()
    report.fail("hash", "m1/1", "invented")
    return report


def test_a_backup_is_one_file_that_needs_no_other_and_one_moment(world: World, tmp_path: Path) -> None:
    world.begin("m1")
    backup(of(world), world.home, tmp_path / "copy")
    world.begin("m2", "o3")
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["contents", "manifest.json", DATABASE]
    engine = Engine.looking(database.file_url(tmp_path / "copy" / DATABASE, read_only=True))
    assert engine.case_of("m1")[0].unit
    with pytest.raises(Exception, match="m2"):
        engine.case_of("m2")
    engine.close()


def emptied(url: str) -> None:
    """Take away what a database holds, as a disaster does."""
    if url.startswith("sqlite"):
        for path in Path(url.removeprefix("sqlite:///")).parent.glob("*.db*"):
            if path.is_file():
                path.unlink()
        return
    engine = database.connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


def test_a_backup_of_an_older_version_is_brought_up_to_the_tables_of_this_one(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    engine = database.connect(database.file_url(file))
    with engine.connect() as connection, connection.begin():
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, schema.REVISIONS[-2])
    with pytest.raises(DatabaseOld):
        schema.check(engine)
    engine.dispose()
    backing.brought_up(file)
    again = database.connect(database.file_url(file, read_only=True), read_only=True)
    assert schema.check(again).revision == schema.NEEDED
    again.dispose()
    assert [p.name for p in tmp_path.iterdir()] == ["old.db"]
