"""Every single byte of stored evidence matters: changed where it lies, it is found. What may change unseen has a name.

A history with acts of every kind, its organisation, log, checkpoints and cosignatures. In the quick run a few bytes of
each column are changed, under ``make soak`` every byte of every row; whoever adds a table says here what it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.attack.making import Honest, make_honest
from tests.attack.test_agreement import Database
from tests.contract.test_checks import VISIT, VISITOR
from tests.contract.test_seats import GUIDED
from tests.contract.world import flow_text
from workflow import Actor, loads, logcheck, orgbook, orgcheck
from workflow.case import Case
from workflow.clock import moment
from workflow.evidence import canonical
from workflow.evidence.standalone import LEADS_TO
from workflow.store import scan
from workflow.store import tables as t
from workflow.store.known import find
from workflow.verify import Verifier

# Columns that nothing rests on. ``part`` spreads rows; when a version was published is tied by the entry that published it
# and by the first that rests on it, and may otherwise be earlier; the number of a row in wf_entry is tied by the log where
# there is one. When the next try of a rung is moves with each try that fails; the number of a due names nothing.
CACHES = {
    "wf_item": {"part"},
    "wf_unit": {"part"},
    "wf_unit_past": {"part"},
    "wf_definition": {"published_at"},
    "wf_calendar": {"published_at"},
    "wf_due": {"id", "part", "next_at", "attempts"},
}
# What is sent out, who was followed up, and who is alive: no evidence. Messages that say what somebody may see have a test
# of their own.
PROJECTIONS = {"wf_outbox", "wf_roll_call", "wf_heartbeat"}
# What the entries lead to and can rebuild, and what pages are read from: told again from the entries.
WORKING = {"wf_slot", "wf_stay", "wf_due", "wf_count", "wf_words", "wf_claim", "wf_burden", "wf_seat"}
# Contents kept in the database lie under their digest and are recomputed by the store whenever they are read. A ballot box
# is sealed, and what was counted stands in the entries.
BESIDE = {"wf_content", "wf_ballot"}
PERSONAL = {"wf_subject", "wf_personal"}
LOG = {x.name for x in (t.log_epoch, t.log_leaf, t.log_node, t.log_gap, t.checkpoint, t.cosignature)}
ORGANISATION = {x.name for x in (*t.ORGANISATION.values(), *t.PAST.values())}
OTHERS = {x.name for x in (t.meta, t.definition, t.calendar, t.entry, t.item, t.chain, t.line)}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Honest]:
    made = make_honest(tmp_path_factory.mktemp("honest"))
    _organised(made)
    _worked(made)
    _with_a_gap(made)
    made.book.sequence()
    made.book.checkpoint()
    yield made
    made.world.engine.close()


def _organised(made: Honest) -> None:
    """Acts on the organisation that no item asks for, so that each of its tables has rows, and a past."""
    by, top, why = Actor("t1-secretary", "secretary", "t1"), Actor("g1-secretary", "secretary", "g1"), "虚构"
    holder = Actor("o3-secretary", "secretary", "o3")
    names = {"name_zh": "新名(虚构)", "name_en": "new name"}
    with made.world.engine.desk() as desk:
        orgbook.rename_unit(desk, by, why, unit="o1", on="2019-12-01", **names)
        orgbook.rename_person(desk, by, why, person="o1-handler", on="2019-12-01", **names)
        for until in (None, "2020-12-01"):
            body = {
                "body": "group-1",
                "kind": "leading-group",
                "unit": "g1",
                "from_on": "2019-12-01",
                "until_on": until,
            }
            orgbook.form_body(desk, top, why, **body, **names)
            orgbook.assign(desk, top, why, body="group-1", units=["o1"], from_on="2019-12-01", until_on=until)
        orgbook.seat(desk, top, why, body="group-1", role="head", person="g1-secretary", from_on="2019-12-01")
        for unit, on in (("o1", "2019-12-01"), ("o3", "2019-12-02")):
            orgbook.enrol(desk, top, why, person="nobody", unit=unit, from_on=on)
        orgbook.answer_beside(desk, top, why, person="o1-handler", unit="o1", from_on="2019-12-01")
        orgbook.move_unit(desk, top, why, unit="o3", parent="s1", from_on="2020-01-01")
        orgbook.revoke_mandate(desk, holder, why, mandate="w1")
        # put right: the day a unit was dissolved on, and how a former name is spelt, which no verb does yet
        orgbook.dissolve(
            desk, Actor("s1-secretary", "secretary", "s1"), why, unit="t2", successor="t1", on="2020-12-01"
        )
        (former,) = find(desk.connection, "former-names", id="o1")
        rows: orgbook.Rows = {"former-names": [former | {"name_zh": "旧名(虚构)"}]}
        orgbook._record(desk, "rename-unit", top, why, rows, below=["o1"])


def _worked(made: Honest) -> None:
    """Words that should be an item's own, a visit that was fixed, a place of which there is one, and personal values."""
    engine, by = made.world.engine, Actor("t1-secretary", "secretary", "t1")
    for text in (VISIT, GUIDED, KNOWN):
        engine.publish(loads(flow_text(text)))
    engine.open("sit", "t1", item="b1-words", campaign="c1")
    engine.submit("b1-words", by, {"why": {"reason": "nothing was to be said (invented)"}}, outcome="dropped")
    day = f"{moment(made.world.clock.now(), 'Asia/Shanghai') + timedelta(days=9):%Y-%m-%d}"
    engine.open("visit", "o1", item="b2-visit", campaign="c1")
    engine.submit("b2-visit", VISITOR, {"plan": {"from": day, "until": day, "focus": "pipes (invented)"}})
    made.world.sign("b2-visit", by=VISITOR)
    engine.open("guided", "o1", item="b3-seat", campaign="c1")
    engine.name_lead("b3-seat", by, Actor("t1-department", "department", "t1"), role="officer")
    engine.open("known", "t1", item="b4-known", campaign="c1")
    engine.submit("b4-known", by, {"sheet": {"words": "three doors down (invented)"}})


KNOWN = """flow: known
title: {zh: 示例, en: invented}
materials: {sheet: {title: sheet, fields: {words: {type: text, max: 50, personal: true}}}}
stages:
  - {stage: fill, duty: secretary, materials: sheet, slots: secretary, exits: {done: done}}
  - {stage: done, final: true}
"""


def _with_a_gap(made: Honest) -> None:
    """Numbers that no entry has, as transactions leave them on PostgreSQL that drew one each and were rolled back."""
    newest = sa.select(sa.func.max(t.entry.c.id)).scalar_subquery()
    with made.world.engine.db.begin() as connection:
        connection.execute(t.entry.update().where(t.entry.c.id == newest).values(id=t.entry.c.id + 3))


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
    if table.name in PERSONAL:
        return bool(database.engine_says().failures)
    chain = row.get("chain") or row.get("item") or row.get("id")
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


OWN_TEST = {"wf_entry": ("body", "seal", "hash"), "wf_item": ("snapshot",)}
"""Columns of which every byte has a test of its own."""


def unseen(database: Database, table: sa.Table, rows: int, every: bool) -> tuple[int, list[str]]:
    """How many changes of a table were tried, and which of them were not found. ``rows`` of 0 takes all."""
    rng, tried, missed, connection = random.Random(table.name), 0, [], database.connection
    for row, column in cells(database, table, rows, rng):
        if every and column in OWN_TEST.get(table.name, ()):
            continue
        where = sa.and_(*(k == row[str(k.name)] for k in table.primary_key))
        for value in changes(row[column], every, rng):
            savepoint = connection.begin_nested()
            try:
                connection.execute(table.update().where(where).values({column: value}))
            except (sa.exc.IntegrityError, sa.exc.StatementError):
                savepoint.rollback()  # the database itself refuses it
                continue
            tried += 1
            if not found(database, table, row):
                missed.append(
                    f"{table.name}.{column} of {[row[str(k.name)] for k in table.primary_key]}: {value!r:.60}"
                )
            savepoint.rollback()
    return tried, missed


EVIDENCE = sorted(LOG | ORGANISATION | OTHERS | WORKING | PERSONAL)


def test_every_table_is_evidence_or_named_as_what_it_is() -> None:
    assert set(t.metadata.tables) == set(EVIDENCE) | PROJECTIONS | BESIDE
    for name, columns in CACHES.items():
        assert columns < {c.name for c in t.metadata.tables[name].columns}


def test_every_table_of_evidence_has_rows_to_be_changed(database: Database) -> None:
    held = {n for n in EVIDENCE if database.connection.execute(t.metadata.tables[n].select().limit(1)).first()}
    assert set(EVIDENCE) - held == set()


def test_the_history_has_acts_of_every_kind(database: Database) -> None:
    seen = set(database.connection.execute(sa.select(t.entry.c.act)).scalars())
    assert database.honest.world.entries() >= 30
    assert LEADS_TO.keys() - seen == set(), "expected acts of every kind that an item's content rests on"


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_changed_byte_of_any_column_is_found(database: Database, name: str) -> None:
    tried, missed = unseen(database, t.metadata.tables[name], rows=2, every=False)
    assert missed == [], f"of {tried} changes"


@pytest.mark.soak
@pytest.mark.parametrize("name", EVIDENCE)
def test_every_changed_byte_of_every_column_of_every_row_is_found(database: Database, name: str) -> None:
    """Of items the snapshot has a test of its own: it is long, and each of its bytes takes a check of the whole chain."""
    tried, missed = unseen(database, t.metadata.tables[name], rows=0, every=True)
    print(f"{name}: {tried} changes, {len(missed)} unseen")  # shown by pytest -s
    assert missed == []


def entries_found(database: Database, step: int) -> tuple[int, list[str]]:
    """How many bytes of body, seal and hash were changed, and where that was not found by looking at the entry alone."""
    connection, tried, missed = database.connection, 0, []
    verifier = Verifier(connection)
    for chain, rows in scan.chains(connection):
        previous = ""
        for number, row in enumerate(rows, 1):
            honest = row._mapping
            for column in ("body", "seal", "hash"):
                stored = honest[column]
                for at in range((number * 3) % step, len(stored), step):
                    tried += 1
                    flipped = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
                    before = len(verifier.report.failures)
                    verifier._entry((*{**honest, column: flipped}.values(),), chain, number, previous, "here")
                    if len(verifier.report.failures) == before:
                        missed.append(f"{chain}#{number} {column} byte {at}")
            verifier.report.failures.clear()
            previous = row.hash.hex()
    return tried, missed


def test_a_changed_byte_of_any_entry_is_found_at_that_entry(database: Database) -> None:
    tried, missed = entries_found(database, step=61)
    assert tried > 4_000 and missed == []


def snapshots_found(database: Database, step: int) -> tuple[int, list[str]]:
    """How many bytes of items' snapshots were changed, and where the check of the item's head did not find it."""
    connection, tried, missed = database.connection, 0, []
    held = scan.items(connection)
    for chain, rows in scan.chains(connection):
        if chain not in held:
            continue
        honest, case = held[chain]._mapping, _folded(connection, rows)
        for at in range(0, len(honest["snapshot"]), step):
            tried += 1
            stored = honest["snapshot"]
            flipped = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
            verifier = Verifier(connection)
            verifier._projections = lambda *_: None  # type: ignore[method-assign]  # other tables: not changed here
            verifier._head(chain, rows, SimpleNamespace(**{**honest, "snapshot": flipped}), None, case)
            if [f.code for f in verifier.report.failures] != ["snapshot"]:
                missed.append(f"{chain} byte {at}")
    return tried, missed


def _folded(connection: Any, rows: list[Any]) -> Case:
    case = Case()
    for row in rows:
        body = canonical.read(row.body)
        case = case.fold(body["effects"], body["seq"], body["at"])
    return case


def test_a_changed_byte_of_any_snapshot_is_found_at_its_item(database: Database) -> None:
    tried, missed = snapshots_found(database, step=211)
    assert tried > 100 and missed == []


@pytest.mark.soak
def test_every_changed_byte_of_every_snapshot_is_found_at_its_item(database: Database) -> None:
    tried, missed = snapshots_found(database, step=1)
    print(f"snapshots: {tried} changes, {len(missed)} unseen")
    assert tried > 25_000 and missed == []


@pytest.mark.soak
def test_every_changed_byte_of_every_entry_is_found_at_that_entry(database: Database) -> None:
    tried, missed = entries_found(database, step=1)
    print(f"entries: {tried} changes, {len(missed)} unseen")
    assert tried > 250_000 and missed == []
