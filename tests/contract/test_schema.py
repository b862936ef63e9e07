"""The schema by migration is the schema of the tables, on every database, and nobody else's tables are touched."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

import workflow
from workflow.errors import DatabaseNewer, DatabaseOld, Unknown
from workflow.store import schema, tables
from workflow.store.database import connect

MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    found = connect(database_url)
    yield found
    found.dispose()


def differences(engine: Engine, metadata: sa.MetaData, **options: Any) -> list[Any]:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True} | options
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def is_ours(name: str | None, type_: str, _parents: Any) -> bool:
    return type_ != "table" or name != schema.VERSION_TABLE


def shape(engine: Engine) -> dict[str, Any]:
    """What stands in the database, without the names that PostgreSQL makes up."""
    look = sa.inspect(engine)
    return {
        name: {
            "columns": [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name)],
            "key": look.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(u["column_names"] for u in look.get_unique_constraints(name)),
            "indexes": sorted((str(i["name"]), str(i["column_names"])) for i in look.get_indexes(name)),
        }
        for name in look.get_table_names()
        if name != schema.VERSION_TABLE
    }


def test_the_migrated_schema_is_that_of_the_tables(engine: Engine) -> None:
    schema.upgrade(engine)
    assert differences(engine, tables.metadata, include_name=is_ours) == []


def test_the_migrated_schema_has_every_constraint_and_default_that_the_tables_have(engine: Engine) -> None:
    schema.upgrade(engine)
    migrated = shape(engine)
    with engine.begin() as connection:
        tables.metadata.drop_all(connection)
        tables.metadata.create_all(connection)
    assert migrated == shape(engine)
    assert set(migrated) == set(tables.metadata.tables)


def test_open_dues_have_their_partial_index(engine: Engine) -> None:
    schema.upgrade(engine)
    (index,) = [i for i in sa.inspect(engine).get_indexes("wf_due") if i["name"] == "wf_due_open"]
    where = index["dialect_options"][f"{engine.dialect.name}_where"]
    assert str(where).strip("()") == "state = 0"


def test_an_empty_database_is_old_and_after_the_upgrade_it_is_right(engine: Engine) -> None:
    with pytest.raises(DatabaseOld) as refused:
        schema.check(engine)
    assert str(refused.value) == (
        f"the database is at schema none; this library needs {schema.NEEDED}. Run: workflow db upgrade"
    )
    assert schema.upgrade(engine) == schema.SchemaState(schema.NEEDED, schema.NEEDED)
    assert schema.check(engine) == schema.SchemaState(schema.NEEDED, schema.NEEDED)
    assert schema.upgrade(engine) == schema.SchemaState(schema.NEEDED, schema.NEEDED)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(engine: Engine) -> None:
    schema.create(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE wf_alembic_version SET version_num = '0999'"))
    for ask in (schema.check, schema.upgrade):
        with pytest.raises(DatabaseNewer) as refused:
            ask(engine)
        assert str(refused.value) == (
            f"the database is at schema 0999, newer than this library knows ({schema.NEEDED}). Upgrade signoff-workflow"
        )
        assert "高于本程序所知" in refused.value.text("zh")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM wf_alembic_version")).scalar() == "0999"


def test_a_hosts_tables_and_its_own_version_are_untouched(engine: Engine) -> None:
    host = sa.MetaData()
    orders = sa.Table("orders", host, sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.Text))
    with engine.begin() as connection:
        host.create_all(connection)
        connection.execute(sa.insert(orders).values(id=1, note="kept"))
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('host7')"))
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.select(orders)).all() == [(1, "kept")]
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == ["host7"]
        assert connection.execute(sa.text("SELECT version_num FROM wf_alembic_version")).scalars().all() == [
            schema.NEEDED
        ]
    found = differences(engine, host, include_object=schema.include_object)
    assert found == []
    without = [d[0] for d in differences(engine, host) if isinstance(d, tuple)]
    assert "remove_table" in without  # what a host would get without include_object


def test_include_object_leaves_a_hosts_own_things_in() -> None:
    host = sa.Table("orders", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.Text))
    index = sa.Index("orders_note", host.c.note)
    assert schema.include_object(host, "orders", "table", False, None)
    assert schema.include_object(index, "orders_note", "index", True, None)
    assert schema.include_object(host.c.note, "note", "column", True, None)
    assert not schema.include_object(tables.item, "wf_item", "table", True, None)
    assert not schema.include_object(tables.item.c.seq, "seq", "column", True, None)
    assert not schema.include_object(None, "wf_alembic_version", "table", True, None)


@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_every_earlier_schema_is_called_old_and_brought_up_with_its_rows(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, revision)
        connection.execute(sa.insert(tables.meta).values(key="kept", value="as it was"))
    with pytest.raises(DatabaseOld, match=f"at schema {revision}; this library needs {schema.NEEDED}"):
        schema.check(engine)
    assert schema.upgrade(engine).revision == schema.NEEDED
    assert differences(engine, tables.metadata, include_name=is_ours) == []
    with engine.connect() as connection:
        assert connection.execute(sa.select(tables.meta.c.value)).scalars().all() == ["as it was"]


def test_a_failed_upgrade_leaves_nothing_behind(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE wf_heartbeat (mine INTEGER)"))  # the last table to be created
    with pytest.raises(sa.exc.DBAPIError):
        schema.upgrade(engine)
    assert sa.inspect(engine).get_table_names() == ["wf_heartbeat"]


def test_on_a_connection_the_transaction_is_the_callers(engine: Engine) -> None:
    with engine.connect() as connection:
        schema.upgrade(connection)
        assert schema.check(connection).revision == schema.NEEDED
        connection.rollback()
    with pytest.raises(DatabaseOld):
        schema.check(engine)
    with engine.connect() as connection:
        schema.upgrade(connection)
        connection.commit()
    assert schema.check(engine).revision == schema.NEEDED


def test_several_nodes_may_upgrade_at_once(database_url: str) -> None:
    failed: list[BaseException] = []

    def node() -> None:
        engine = connect(database_url)
        try:
            schema.upgrade(engine)
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            engine.dispose()

    nodes = [threading.Thread(target=node) for _ in range(4)]
    for thread in nodes:
        thread.start()
    for thread in nodes:
        thread.join()
    assert failed == []
    engine = connect(database_url)
    assert schema.check(engine).revision == schema.NEEDED
    engine.dispose()


def test_the_sql_for_administrators_makes_the_same_schema(engine: Engine) -> None:
    script = schema.sql(engine.dialect.name)
    plain = [s.strip() for s in script.split(";\n") if s.strip() and s.strip() not in ("BEGIN", "COMMIT")]
    with engine.begin() as connection:
        for statement in plain:
            connection.exec_driver_sql(statement)
    assert schema.check(engine).revision == schema.NEEDED
    assert differences(engine, tables.metadata, include_name=is_ours) == []


def test_the_sql_for_administrators_is_one_transaction_and_known_for_two_databases_only() -> None:
    for dialect in schema.DIALECTS:
        script = schema.sql(dialect).strip()
        assert script.startswith("BEGIN;") and script.endswith("COMMIT;")
        for revision in schema.REVISIONS:
            assert f"'{revision}'" in script
    with pytest.raises(Unknown, match="no dialect called 'oracle'"):
        schema.sql("oracle")


def test_the_revisions_named_are_those_of_the_files_in_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.NEEDED]
    assert tuple(s.revision for s in reversed(list(script.walk_revisions()))) == schema.REVISIONS


def test_migrations_write_the_schema_out_and_do_not_follow_the_tables_of_today() -> None:
    for file in (MIGRATIONS / "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "workflow" not in text.split('"""', 2)[2]
        assert "create_all" not in text


def test_a_check_does_not_load_alembic(sqlite_url: str) -> None:
    engine = connect(sqlite_url)
    schema.upgrade(engine)
    engine.dispose()
    program = (
        "import sys; from workflow.store import database, schema\n"
        "engine = database.connect(sys.argv[1]); schema.check(engine); schema.upgrade(engine)\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, sqlite_url], check=False).returncode == 0


def test_opening_a_sqlite_database_does_not_load_what_only_postgresql_needs(sqlite_url: str, tmp_path: Path) -> None:
    program = (
        "import sys, workflow; workflow.Engine.at(sys.argv[1], sys.argv[2]).close()\n"
        "sys.exit('sqlalchemy.dialects.postgresql' in sys.modules)"
    )
    workflow.Engine.at(sqlite_url, tmp_path / "home").close()
    child = [sys.executable, "-c", program, sqlite_url, str(tmp_path / "home")]
    assert subprocess.run(child, check=False).returncode == 0
