"""Every single byte of stored evidence matters: changed where it lies, it is found. What may change unseen has a name.

A history with acts of every kind, its organisation, log, checkpoints and cosignatures. In the quick run a few bytes of
each column are changed, under ``make soak`` every byte of every row; whoever adds a table says here what it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.attack.making import Honest, make_honest
from tests.attack.test_agreement import Database
from workflow import Actor, logcheck, orgbook, orgcheck
from workflow.evidence.standalone import LEADS_TO
from workflow.store import scan
from workflow.store import tables as t
from workflow.verify import Verifier

# Columns that nothing rests on. ``part`` spreads rows; the moments of publishing only say which version is the newest,
# and every item names its own; the number of a row in wf_entry is tied by the log where there is one.
CACHES = {
    "wf_item": {"part"},
    "wf_unit": {"part"},
    "wf_unit_past": {"part"},
    "wf_definition": {"published_at"},
    "wf_calendar": {"published_at"},
}
# What the entries lead to and can rebuild, what is sent out, and who is alive: no evidence.
PROJECTIONS = {"wf_slot", "wf_stay", "wf_due", "wf_outbox", "wf_roll_call", "wf_heartbeat", "wf_count", "wf_words"}
PROJECTIONS |= {"wf_claim", "wf_burden"}
# Contents kept in the database lie under their digest and are recomputed by the store whenever they are read; personal
# values and the keys that hide them may be destroyed, and stand beside the commitments in the entries. Not changed here.
# A ballot box is sealed, and what was counted stands in the entries.
BESIDE = {"wf_content", "wf_subject", "wf_personal", "wf_ballot"}
LOG = {x.name for x in (t.log_epoch, t.log_leaf, t.log_node, t.log_gap, t.checkpoint, t.cosignature)}
ORGANISATION = {x.name for x in (*t.ORGANISATION.values(), *t.PAST.values())}
OTHERS = {x.name for x in (t.meta, t.definition, t.calendar, t.entry, t.item, t.chain, t.line)}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Honest]:
    made = make_honest(tmp_path_factory.mktemp("honest"))
    with made.world.engine.desk() as desk:  # so that there is a past of the organisation too
        by = Actor("t1-secretary", "secretary", "t1")
        names = {"name_zh": "新名(虚构)", "name_en": "new name"}
        orgbook.rename_unit(desk, by, "更名(虚构)", unit="o1", on="2019-12-01", **names)
    made.book.sequence()
    made.book.checkpoint()
    yield made
    made.world.engine.close()


@pytest.fixture
def database(honest: Honest) -> Iterator[Database]:
    with honest.world.engine.db.connect() as connection, connection.begin() as transaction:
        yield Database(honest, connection)
        transaction.rollback()


def changes(value: Any, every: bool, rng: random.Random) -> Iterator[Any]:
    """The value with one byte, character or digit changed, at every place or at one that is drawn."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, (bytes, str)) and value:
        for at in range(len(value)) if every else [rng.randrange(len(value))]:
            if isinstance(value, bytes):
                yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
            else:
                yield value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]
    else:
        yield "2001-01-01"  # where nothing stood


def found(database: Database, table: sa.Table, row: Any) -> bool:
    """Whether the part of the verification that reads this table says that something does not hold."""
    connection, contents = database.connection, database.honest.world.engine.contents
    if table.name in LOG:
        return bool(logcheck.check(connection).problems)
    if table.name in ORGANISATION:
        return bool(orgcheck.check(connection, contents)[0])
    if table in (t.definition, t.calendar, t.meta):
        alone = Verifier(connection, contents)
        alone._library()
        if alone.report.failures or database.engine_says().failures:
            return True
        return table is t.meta and bool(logcheck.check(connection).problems)  # it names the log's key
    chain = row.get("chain") or row.get("id") or row.get("item")
    found = Verifier(connection, contents).run(part=(chain, f"{chain}\x00")).failures
    if found or database.engine_says().failures:
        return True
    return table is t.entry and bool(logcheck.check(connection).problems)  # the number of its row


def cells(database: Database, table: sa.Table, rows: int, rng: random.Random) -> Iterator[tuple[dict[str, Any], str]]:
    every = [dict(r._mapping) for r in database.connection.execute(table.select())]
    for row in every if rows == 0 else rng.sample(every, min(rows, len(every))):
        for column in table.columns:
            if column.name not in CACHES.get(table.name, ()):
                yield row, str(column.name)


def unseen(database: Database, table: sa.Table, rows: int, every: bool) -> list[str]:
    """The cells of a table that can be changed without being found. ``rows`` of 0 takes all."""
    rng, missed, connection = random.Random(table.name), [], database.connection
    for row, column in cells(database, table, rows, rng):
        if table is t.entry and column in ("body", "seal", "hash") and every:
            continue  # every byte of these has a test of its own
        where = sa.and_(*(k == row[str(k.name)] for k in table.primary_key))
        for value in changes(row[column], every, rng):
            savepoint = connection.begin_nested()
            try:
                connection.execute(table.update().where(where).values({column: value}))
            except (sa.exc.IntegrityError, sa.exc.StatementError):
                savepoint.rollback()  # the database itself refuses it
                continue
            if not found(database, table, row):
                missed.append(
                    f"{table.name}.{column} of {[row[str(k.name)] for k in table.primary_key]}: {value!r:.60}"
                )
            savepoint.rollback()
    return missed


EVIDENCE = sorted(LOG | ORGANISATION | OTHERS)


def test_every_table_is_evidence_or_named_as_what_it_is() -> None:
    assert set(t.metadata.tables) == set(EVIDENCE) | PROJECTIONS | BESIDE
    for name, columns in CACHES.items():
        assert columns < {c.name for c in t.metadata.tables[name].columns}


def test_the_history_has_acts_of_every_kind(database: Database) -> None:
    seen = set(database.connection.execute(sa.select(t.entry.c.act)).scalars())
    assert database.honest.world.entries() >= 30
    assert LEADS_TO.keys() - seen == set(), "expected acts of every kind that an item's content rests on"


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_changed_byte_of_any_column_is_found(database: Database, name: str) -> None:
    assert unseen(database, t.metadata.tables[name], rows=2, every=False) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", EVIDENCE)
def test_every_changed_byte_of_every_column_of_every_row_is_found(database: Database, name: str) -> None:
    """Of items three: a snapshot is long, and each of its bytes takes a check of the whole chain."""
    rows = 3 if name == "wf_item" else 0
    assert unseen(database, t.metadata.tables[name], rows, every=True) == []


def entries_found(database: Database, step: int) -> tuple[int, list[str]]:
    """How many bytes of body, seal and hash were changed, and where that was not found by looking at the entry alone."""
    connection, tried, missed = database.connection, 0, []
    verifier = Verifier(connection)
    for chain, rows in scan.chains(connection):
        previous = b""
        for number, row in enumerate(rows, 1):
            honest = row._mapping
            for column in ("body", "seal", "hash"):
                stored = honest[column]
                for at in range((number * 3) % step, len(stored), step):
                    tried += 1
                    flipped = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
                    before = len(verifier.report.failures)
                    verifier._entry(SimpleNamespace(**{**honest, column: flipped}), chain, number, previous, "here")
                    if len(verifier.report.failures) == before:
                        missed.append(f"{chain}#{number} {column} byte {at}")
            verifier.report.failures.clear()
            previous = row.hash
    return tried, missed


def test_a_changed_byte_of_any_entry_is_found_at_that_entry(database: Database) -> None:
    tried, missed = entries_found(database, step=61)
    assert tried > 4_000 and missed == []


@pytest.mark.soak
def test_every_changed_byte_of_every_entry_is_found_at_that_entry(database: Database) -> None:
    tried, missed = entries_found(database, step=1)
    assert tried > 250_000 and missed == []
