"""SQLite keeps in any column whatever is put there: text where bytes belong, a fraction where a number does.

A verification tells of it like of any other change, and no traceback reaches whoever runs it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.attack.making import WITNESSES, policy_of, witness_key
from tests.attack.test_bytes import CACHES, EVIDENCE
from tests.contract.test_keybook import run
from tests.contract.world import World, make_world
from workflow import Actor, orgbook
from workflow.audit import anchor, brought
from workflow.evidence.checkpoint import cosign
from workflow.evidence.standalone import Checkpoint, Policy
from workflow.logbook import Logbook
from workflow.store import tables as t
from workflow.verify import verify

OTHERS: tuple[Any, ...] = ("x", b"x", None, 1.5, -1, 2**62, b"\xff\xfe", "")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Policy, Checkpoint]]:
    """A few entries of many kinds, a log with a heads tree and cosignatures, and what an auditor brings."""
    home = tmp_path_factory.mktemp("small")
    world = make_world(f"sqlite:///{home / 'w.db'}", home / "home")
    world.walk_to("work", "m1")
    with world.engine.desk() as desk:
        by, top = Actor("t1-secretary", "secretary", "t1"), Actor("g1-secretary", "secretary", "g1")
        names = {"name_zh": "新名(虚构)", "name_en": "new name"}
        orgbook.rename_unit(desk, by, "虚构", unit="o1", on="2019-08-12", **names)
        body = {"body": "group-1", "kind": "leading-group", "unit": "g1", "from_on": "2019-08-12"}
        orgbook.form_body(desk, top, "虚构", **body, **names)
        orgbook.seat(desk, top, "虚构", body="group-1", role="head", person="g1-secretary", from_on="2019-08-12")
        orgbook.assign(desk, top, "虚构", body="group-1", units=["o1"], from_on="2019-08-12")
    book = Logbook.at(world.engine, home / "signer")
    book.heads(world.clock.now())
    book.sequence()
    published = book.checkpoint()
    for name, key in WITNESSES.items():
        book.cosigned(str(cosign(published.note.text, name, key, world.clock.now() // 1_000_000)), [witness_key(name)])
    policy = Policy.read(json.dumps(policy_of(world, book)).encode())
    yield world, policy, brought(str(published.note), policy)
    world.engine.close()


def changed(connection: Any, name: str, every: bool) -> Iterator[tuple[str, Any, bool]]:
    """Each column of a row with a value of another type in it, and whether anything rests on that column."""
    rng, table = random.Random(name), t.metadata.tables[name]
    rows = [dict(r._mapping) for r in connection.execute(table.select())]
    if not rows:
        return
    row = rng.choice(rows)
    at = {f"k_{c.name}": row[c.name] for c in table.primary_key}
    where = " AND ".join(f"{c.name} = :k_{c.name}" for c in table.primary_key)
    for column in table.columns:
        for value in OTHERS if every else [rng.choice(OTHERS)]:
            if value == row[column.name]:
                continue
            savepoint = connection.begin_nested()
            try:
                change = sa.text(f'UPDATE {name} SET "{column.name}" = :value WHERE {where}')
                connection.execute(change, {"value": value, **at})
                yield column.name, value, column.name not in CACHES.get(name, ())
            except sa.exc.IntegrityError:
                continue  # the database itself refuses it
            finally:
                savepoint.rollback()


def look(small: tuple[World, Policy, Checkpoint], name: str, every: bool) -> list[str]:
    """The changes that were not told, or ended in a traceback."""
    world, policy, own = small
    missed = []
    with world.engine.db.connect() as connection, connection.begin() as transaction:
        assert anchor(connection, verify(connection, world.engine.contents, None, policy), policy, own).level == "V5"
        for column, value, matters in changed(connection, name, every):
            try:
                report = verify(connection, world.engine.contents, None, policy)
                told = not anchor(connection, report, policy, own).holds
            except Exception as error:  # noqa: BLE001  whatever it is, it is told with its place
                missed.append(f"{name}.{column} = {value!r}: {type(error).__name__} {error}"[:300])
                continue
            if matters and not told:
                missed.append(f"{name}.{column} = {value!r}: not told")
        transaction.rollback()
    return missed


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_value_of_another_type_is_told_and_is_never_a_traceback(
    small: tuple[World, Policy, Checkpoint], name: str
) -> None:
    assert look(small, name, every=False) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", EVIDENCE)
def test_every_value_of_another_type_is_told(small: tuple[World, Policy, Checkpoint], name: str) -> None:
    assert look(small, name, every=True) == []


def test_the_commands_say_so_and_bundles_are_refused(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    with world.engine.db.begin() as connection:
        connection.execute(sa.text("UPDATE wf_entry SET body = CAST(body AS TEXT) WHERE chain = 'm1' AND seq = 1"))
    world.engine.close()
    said = run("verify", tmp_path / "w.db", "--lang", "en", code=1).output
    assert "another type than their column's" in said and "[column-type] wf_entry" in said and "\nlog:" not in said
    out = ["--out", tmp_path / "m1.wfproof", "--lang", "en"]
    assert (
        "column body holds a value of type text" in run("bundle", "m1", "--db", tmp_path / "w.db", *out, code=2).output
    )
    assert not (tmp_path / "m1.wfproof").exists()
