"""Two tenants in one server, a schema or a file each: neither sees, waits for or touches the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.command import upgrade as upgrade_to
from alembic.config import Config
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from tests.contract.world import World, make_world
from workflow import Actor, Engine
from workflow.cli.main import app as command
from workflow.errors import DatabaseOld, DatabaseUrl, Unknown
from workflow.events import Event
from workflow.run import run_until
from workflow.seen import seen_by_operator
from workflow.store import database, schema
from workflow.sweep import tick

DAY = 86_400 * 1_000_000


def url_of(database_url: str, tenant: str) -> str:
    """A schema of the database, or a file beside it."""
    if database_url.startswith("sqlite"):
        return database_url.replace("workflow.db", f"{tenant}.db")
    return f"{database_url}{'&' if '?' in database_url else '?'}schema={tenant}"


@pytest.fixture
def tenants(database_url: str, tmp_path: Path) -> Iterator[tuple[World, World]]:
    made = [make_world(url_of(database_url, name), tmp_path / name) for name in ("north", "south")]
    yield made[0], made[1]
    for world in made:
        world.engine.close()


def test_the_same_ids_are_two_items_and_nothing_of_one_is_seen_in_the_other(tenants: tuple[World, World]) -> None:
    north, south = tenants
    north.begin("m1")
    with pytest.raises(Unknown):
        south.case("m1")
    south.begin("m1", "o3")
    north.sign("m1")
    assert (north.case("m1").unit, south.case("m1").unit) == ("o1", "o3")
    assert [s.state for s in south.case("m1").slots][:1] == ["open"]
    for world, unit in ((north, "o1"), (south, "o3")):
        with seen_by_operator(world.engine) as seen:
            assert [r.unit for r in seen.items().rows] == [unit]
        assert {w["about"] for w in world.engine.pending(f"{unit}-secretary")} <= {unit}
    assert north.engine.pending("o3-handler") == [] == south.engine.pending("o1-secretary")
    with north.engine.reading() as here, south.engine.reading() as there:
        keys = [north.engine.rings.of(here), south.engine.rings.of(there)]
        assert north.engine.key.key_id != south.engine.key.key_id and keys[0] is not keys[1]
    for world in tenants:
        assert world.verify().holds


def test_a_sweep_of_one_fires_nothing_of_the_other(tenants: tuple[World, World]) -> None:
    north, south = tenants
    north.begin("m1")
    south.begin("m1")
    told: list[Event] = []
    south.engine.subscribe(Event, told.append)
    run_until(north.engine, north.clock.now() + 40 * DAY)
    with seen_by_operator(north.engine) as seen:
        assert seen.rungs()
    with seen_by_operator(south.engine) as seen:
        assert seen.rungs() == [] and told == []
    south.clock.set(south.clock.now() + 40 * DAY)
    assert tick(south.engine).fired == 1 and {e.item for e in told} >= {"m1"}


def test_the_command_line_works_in_a_tenant_by_its_url(
    tenants: tuple[World, World], database_url: str, tmp_path: Path
) -> None:
    north, _ = tenants
    north.through(north.begin("m1"))
    run = CliRunner()
    for tenant in ("north", "south"):
        url, home = url_of(database_url, tenant), str(tmp_path / tenant)
        done = run.invoke(command, ["verify", url, "--contents", home])
        assert done.exit_code == 0, done.output
    done = run.invoke(command, ["trace", "m1", "--db", url_of(database_url, "north")])
    assert done.exit_code == 0 and "o1-handler" in done.output
    done = run.invoke(command, ["trace", "m1", "--db", url_of(database_url, "south")])
    assert done.exit_code == 2 and "m1" in done.output
    done = run.invoke(command, ["tick", url_of(database_url, "south"), "--home", str(tmp_path / "south")])
    assert done.exit_code == 0, done.output


# --- a schema of PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture
def schemas(postgres_url: str, tmp_path: Path) -> Iterator[tuple[World, sa.Engine]]:
    """A tenant in a schema, and a host on the same database whose own tables are in the usual one."""
    world = make_world(url_of(postgres_url, "north"), tmp_path / "home")
    host = sa.create_engine(postgres_url)
    with host.begin() as connection:
        connection.execute(sa.text("CREATE TABLE host_order (item text)"))
        connection.execute(sa.text("CREATE TABLE wf_item (trap text)"))  # of the same name, and none of ours
    yield world, host
    host.dispose()
    world.engine.close()


def paths(work: Session) -> str:
    return str(work.execute(sa.text("SHOW search_path")).scalar())


def test_every_table_is_in_the_schema_and_a_missing_one_is_looked_for_nowhere_else(
    schemas: tuple[World, sa.Engine], postgres_url: str
) -> None:
    _, host = schemas
    with host.connect() as connection:
        found = connection.execute(
            sa.text("SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE 'wf%'")
        ).all()
    ours = {t for s, t in found if s == "north"}
    assert {t for s, t in found if s != "north"} == {"wf_item"}
    assert ours == {t.name for t in schema.metadata.tables.values()} | {schema.VERSION_TABLE}
    absent = database.connect(url_of(postgres_url, "nowhere"))
    with pytest.raises(DatabaseOld):
        schema.check(absent)
    absent.dispose()
    looking = Engine.looking(url_of(postgres_url, "north"))
    assert looking.case_of
    looking.close()


def test_a_signature_on_a_hosts_transaction_goes_into_the_schema_and_leaves_the_hosts_path(
    schemas: tuple[World, sa.Engine],
) -> None:
    world, host = schemas
    world.begin("m1")
    told: list[Event] = []
    world.engine.subscribe(Event, told.append)
    with Session(host) as work:
        usual = paths(work)
        work.execute(sa.text("INSERT INTO host_order VALUES ('m1')"))
        with world.engine.on(work) as desk:
            case = desk.case_of("m1")[0]
            desk.sign("m1", world.actor(case.open_slots[0]), case.content, opinion="agreed")
        assert paths(work) == usual
        work.execute(sa.text("INSERT INTO wf_item VALUES ('the host''s')"))
        with pytest.raises(ZeroDivisionError), world.engine.on(work) as desk:  # noqa: PT012
            desk.case_of("m1")
            raise ZeroDivisionError
        assert paths(work) == usual
        work.commit()
        assert paths(work) == usual
        assert work.execute(sa.text("SELECT count(*) FROM host_order")).scalar() == 1
    assert world.case("m1").slots[0].state == "signed" and told
    assert world.verify().holds


def test_an_older_schema_of_a_tenant_is_upgraded_and_the_others_are_left_alone(postgres_url: str) -> None:
    engines = [database.connect(url_of(postgres_url, name)) for name in ("north", "south")]
    north, south = engines
    with database.writing(north) as connection:
        connection.execute(sa.schema.CreateSchema("north"))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        upgrade_to(config, "0005")
    with pytest.raises(DatabaseOld, match="0005"):
        schema.check(north)
    assert schema.upgrade(south).revision == schema.NEEDED
    with pytest.raises(DatabaseOld, match="0005"):
        schema.check(north)
    schema.upgrade(north)
    assert schema.check(north).revision == schema.NEEDED
    for engine in engines:
        engine.dispose()


def test_tenants_do_not_wait_for_each_others_organisation(postgres_url: str) -> None:
    from workflow.store.known import alone

    engines = [database.connect(url_of(postgres_url, name), busy_ms=200) for name in ("north", "south")]
    for engine in engines:
        schema.upgrade(engine)
    with database.writing(engines[0]) as here, database.writing(engines[1]) as there:
        alone(here)
        alone(there)
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("name", ["", "pg_catalog", 'a"; DROP SCHEMA public', "Größe", "A", "a" * 64, "1a"])
def test_a_name_that_is_none_is_refused_before_anything_is_opened(name: str) -> None:
    with pytest.raises(DatabaseUrl) as told:
        database.connect(f"postgresql://somebody:secret@nowhere/db?schema={name}")
    assert "secret" not in str(told.value) and told.value.text("zh")


def test_one_who_acts_in_one_tenant_is_nobody_in_the_other(tenants: tuple[World, World]) -> None:
    north, south = tenants
    north.begin("m1")
    with pytest.raises(Unknown):
        south.engine.urge("m1", Actor("t1-secretary", "secretary", "t1"))
