"""What was tampered with is found, by name; what is honest holds; and nothing checked is never a success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from tests.contract.world import SHEET, World
from workflow import Actor, Engine
from workflow.case import Case
from workflow.evidence import canonical
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import FileKeyProvider
from workflow.store import tables as t
from workflow.verify import Report, verify

HANDLER = Actor("o1-handler", "handler", "o1")


@pytest.fixture(scope="module")
def history(shared: World) -> World:
    """Two matters under way and one dropped; everything as the engine wrote it."""
    shared.begin("m1")
    for _ in range(3):
        shared.sign("m1", request_id=f"r{len(shared.case('m1').signers)}")
    shared.begin("m2", "o3")
    shared.sign("m2")
    shared.engine.view("m1", HANDLER, shared.case("m1").content)
    shared.begin("m3", outcome="")
    shared.through("m3", outcome="dropped", reason="it was never there")
    return shared


@dataclass
class Attack:
    """Somebody with the database's password, on one transaction that is rolled back after the test."""

    world: World
    connection: Connection

    def change(self, statement: Any, **values: Any) -> None:
        done = self.connection.execute(statement.values(**values) if values else statement)
        assert done.rowcount == 1, "expected the attack itself to work"

    def row(self, table: sa.Table, where: Any) -> Any:
        return self.connection.execute(table.select().where(where)).one()

    def verify(self, *, contents: bool = True) -> Report:
        return verify(self.connection, self.world.engine.contents if contents else None)


@pytest.fixture
def honest(history: World) -> Iterator[Attack]:
    """The honest history, about to be attacked."""
    with history.engine.db.connect() as connection, connection.begin() as transaction:
        yield Attack(history, connection)
        transaction.rollback()


def entry_of(item: str, seq: int) -> Any:
    return sa.and_(t.entry.c.chain == item, t.entry.c.seq == seq)


def codes(report: Report) -> set[str]:
    return {f.code for f in report.failures}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --- honest ----------------------------------------------------------------------------------------------------------


def test_an_honest_history_reaches_v1_and_its_rules_hold(honest: Attack) -> None:
    found = honest.verify()
    assert found.failures == []
    assert (found.level, found.rules, found.exit_code, found.holds) == ("V1", "hold", 0, True)
    assert (
        found.entries == honest.world.entries() and found.chains == 5
    )  # three matters, the views of one, the organisation
    assert found.replayed == found.entries - 2 and found.strengths == {"S0": 14}
    assert found.contents == 3 and found.contents_missing == 0


def test_an_empty_database_is_never_a_success(database_url: str, tmp_path: Path) -> None:
    engine = Engine.at(database_url, tmp_path / "home", durable=False)
    with engine.reading() as connection:
        found = verify(connection)
    assert (found.level, found.rules, found.exit_code, found.holds) == ("V0", "not checked", 2, False)
    engine.close()


def test_progress_tells_how_many_of_how_many_entries_were_checked(honest: Attack) -> None:
    told: list[tuple[int, int]] = []
    verify(honest.connection, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (honest.world.entries(), honest.world.entries()) and told == sorted(told)


def test_without_the_contents_the_rest_is_checked_and_none_are_claimed(honest: Attack) -> None:
    found = honest.verify(contents=False)
    assert (found.exit_code, found.contents) == (0, 0)


# --- entries ---------------------------------------------------------------------------------------------------------

ENTRY_COLUMNS: dict[str, tuple[Any, set[str]]] = {
    "seq": (77, {"chain", "head"}),
    "at": (1, {"column"}),
    "act": ("view", {"column"}),
    "request_id": ("r-other", {"column"}),
    "request_digest": (b"\x01" * 32, {"column"}),
    "hash": (b"\x01" * 32, {"hash"}),
    "chain": ("m9", {"chain"}),
}


@pytest.mark.parametrize("column", ENTRY_COLUMNS)
def test_a_changed_column_of_an_entry_is_found(honest: Attack, column: str) -> None:
    value, expected = ENTRY_COLUMNS[column]
    honest.change(t.entry.update().where(entry_of("m1", 4)), **{column: value})
    found = honest.verify()
    assert expected <= codes(found) and found.exit_code == 1 and found.level == "V0"


def test_every_evidence_column_of_an_entry_is_among_those_attacked_here() -> None:
    """The number of the row is no evidence: nothing rests on it."""
    assert {c.name for c in t.entry.columns} == {*ENTRY_COLUMNS, "body", "seal", "id"}


@pytest.mark.parametrize(("column", "step"), [("body", 31), ("seal", 3), ("hash", 3)])
def test_any_changed_byte_of_an_entry_is_found(honest: Attack, column: str, step: int) -> None:
    stored = getattr(honest.row(t.entry, entry_of("m2", 3)), column)
    seen: set[str] = set()
    for at in range(0, len(stored), step):
        honest.change(t.entry.update().where(entry_of("m2", 3)), **{column: flipped(stored, at)})
        found = honest.verify(contents=False)
        assert found.exit_code == 1, f"byte {at} of {column}"
        seen |= codes(found)
        honest.change(t.entry.update().where(entry_of("m2", 3)), **{column: stored})
    assert {"body": {"body", "hash", "seal"}, "seal": {"hash", "seal"}, "hash": {"hash", "head"}}[column] <= seen
    assert honest.verify().exit_code == 0


@pytest.mark.parametrize("column", ["body", "seal", "hash"])
def test_bytes_that_are_no_evidence_at_all_are_a_finding_and_no_crash(honest: Attack, column: str) -> None:
    for value in (b"", b"{", b"[]", b'{"v":1}', b"\xff" * 40, b"0" * 5000):
        honest.change(t.entry.update().where(entry_of("m1", 3)), **{column: value})
        assert honest.verify().exit_code == 1, value[:8]


def test_an_entry_deleted_in_the_middle_is_found(honest: Attack) -> None:
    honest.change(t.entry.delete().where(entry_of("m1", 3)))
    found = honest.verify()
    assert "chain" in codes(found) and any(f.place == "m1#4" for f in found.failures)


def test_the_last_entry_deleted_is_found(honest: Attack) -> None:
    honest.change(t.entry.delete().where(entry_of("m1", 5)))
    assert {"head", "snapshot"} <= codes(honest.verify())


def test_an_item_whose_entries_are_all_gone_is_found(honest: Attack) -> None:
    honest.connection.execute(t.entry.delete().where(t.entry.c.chain == "m2"))
    assert "entries-missing" in codes(honest.verify())


def test_an_item_deleted_beside_its_entries_is_found(honest: Attack) -> None:
    honest.change(t.item.delete().where(t.item.c.id == "m2"))
    assert "head" in codes(honest.verify())


def test_two_entries_that_changed_places_are_found(honest: Attack) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        honest.change(t.entry.update().where(entry_of("m1", old)), seq=new)
    found = honest.verify()
    assert {"chain", "column"} <= codes(found)
    assert {"m1#3", "m1#4"} <= {f.place for f in found.failures}


def test_an_entry_copied_from_another_item_is_found(honest: Attack) -> None:
    other = honest.row(t.entry, entry_of("m2", 3))
    values = {c: getattr(other, c) for c in ("body", "seal", "hash", "act", "at")}
    honest.change(t.entry.update().where(entry_of("m1", 3)), **values)
    assert "chain" in codes(honest.verify())


# --- forgers ---------------------------------------------------------------------------------------------------------


def forge(connection: Connection, item: str, seq: int, tamper: Callable[[dict[str, Any]], None], key: Any) -> None:
    """Rewrite an entry and everything that rests on it: later entries, the item's head and its snapshot."""
    rows = connection.execute(t.entry.select().where(t.entry.c.chain == item).order_by(t.entry.c.seq)).all()
    case, prev = Case(), b""
    for r in rows:
        body = canonical.decode(r.body)
        if r.seq == seq:
            tamper(body)
        body["prev"] = prev.hex()
        data = canonical.encode(body) if r.seq >= seq else r.body
        (seal,) = seal_entries([data], key) if r.seq >= seq else (r.seal,)
        prev = entry_hash(data, seal)
        values = {"body": data, "seal": seal, "hash": prev}
        connection.execute(t.entry.update().where(t.entry.c.id == r.id).values(**values))
        case = case.fold(body["effects"], r.seq, body["at"])
    final = {"head": prev, "snapshot": case.snapshot(), "stage": case.stage, "final": case.final}
    connection.execute(t.item.update().where(t.item.c.id == item).values(**final))


def skip_the_levels(body: dict[str, Any]) -> None:
    body["effects"][-1]["slot"] = "10"


def test_an_entry_hashed_anew_by_somebody_without_the_key_is_found(honest: Attack, tmp_path: Path) -> None:
    forge(honest.connection, "m1", 5, skip_the_levels, FileKeyProvider.create(tmp_path / "other.key"))
    found = honest.verify()
    assert "seal" in codes(found) and not codes(found) & {"hash", "chain", "head", "snapshot"}


def test_effects_changed_and_sealed_with_the_engines_own_key_are_found_by_the_rules_alone(honest: Attack) -> None:
    """Somebody with the key jumps to the last signature. Every hash, seal and snapshot fits; the rules do not."""
    forge(honest.connection, "m1", 5, skip_the_levels, honest.world.engine.key)
    found = honest.verify()
    assert codes(found) - {"projection"} == {"rules-effects"} and found.rules == "do not hold"
    assert [f.place for f in found.failures if f.code == "rules-effects"] == ["m1#5"]


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "somebody else signed": (lambda b: b["act"]["by"].update(person="t1-department"), {"rules-facts", "rules-refuse"}),
    "it was signed over other content": (lambda b: b["act"].update(seen="sha256:" + "0" * 64), {"rules-refuse"}),
    "the opinion was another": (lambda b: b["act"].update(opinion="not agreed"), {"statement"}),
    "the statement named another person": (lambda b: b["statement"].update(person="nobody"), {"statement"}),
    "it was signed a month later": (lambda b: b.update(at=b["at"] + 30 * 86_400_000_000), {"rules-facts", "column"}),
    "the facts were left out": (lambda b: b.update(facts={}), {"rules-facts"}),
    "nobody held the post": (lambda b: b.update(facts={k: {} for k in b["facts"]}), {"rules-refuse"}),
    "another definition bound it": (lambda b: b.update(definition="sha256:" + "0" * 64), {"library"}),
    "another calendar counted": (lambda b: b.update(calendar="sha256:" + "0" * 64), {"library"}),
    "another organisation stood": (lambda b: b.update(org="0" * 64), {"org"}),
    "it was no act": (lambda b: b.update(act=[]), {"body"}),
    "it was an act nobody knows": (lambda b: b["act"].update(kind="abracadabra"), {"fold", "rules-facts"}),
    "the request was another": (lambda b: b["request"].update(id="r9"), {"column"}),
    "the request was none": (lambda b: b.update(request="r2"), {"body"}),
}


@pytest.mark.parametrize("claim", FORGERIES)
def test_a_forgery_sealed_with_the_engines_own_key_is_found(honest: Attack, claim: str) -> None:
    tamper, expected = FORGERIES[claim]
    forge(honest.connection, "m1", 5, tamper, honest.world.engine.key)
    found = honest.verify()
    assert codes(found) & expected and found.exit_code == 1, found.failures


def test_a_signature_by_a_persons_own_key_cannot_be_exchanged(world: World) -> None:
    """The recorded signature is checked again, so that not even the engine's key holder can make one up."""
    key = Ed25519PrivateKey.generate()
    world.engine.key_of = {"o1-handler": key.public_key().public_bytes_raw()}.get
    from workflow.acts import Sign

    seen = world.case(world.begin("m1")).content
    made = world.engine.prepare(Sign(item="m1", by=HANDLER, seen=seen, opinion="agreed"))
    proof = {"nonce": made.nonce, "at": made.at, "key": key.public_key().public_bytes_raw().hex()}
    proof["signature"] = key.sign(made.to_sign()).hex()
    world.engine.sign("m1", HANDLER, seen, opinion="agreed", proof=proof)
    assert world.verify().exit_code == 0
    with world.engine.db.begin() as connection:
        forge(connection, "m1", 3, lambda b: b["proof"].update(signature="00" * 64), world.engine.key)
    assert "signature" in codes(world.verify())


# --- items and heads -------------------------------------------------------------------------------------------------

ITEM_COLUMNS: dict[str, Any] = {
    "flow": "talk",
    "definition": "sha256:" + "0" * 64,
    "campaign": "c9",
    "unit": "o3",
    "stage": "archived",
    "round": 9,
    "klass": "watch",
    "category": "crack",
    "final": True,
    "opened_at": 1,
    "seq": 2,
    "head": b"\x01" * 32,
    "snapshot": b"{}",
    "id": "m9",
}


@pytest.mark.parametrize("column", ITEM_COLUMNS)
def test_a_changed_column_of_an_item_is_found(honest: Attack, column: str) -> None:
    honest.change(t.item.update().where(t.item.c.id == "m1"), **{column: ITEM_COLUMNS[column]})
    found = honest.verify()
    assert found.exit_code == 1
    wanted = {"seq": "head", "head": "head", "snapshot": "snapshot", "id": "entries-missing"}.get(column, "column")
    assert wanted in codes(found)


def test_every_column_of_an_item_is_among_those_attacked_here() -> None:
    """``part`` only spreads rows; nothing rests on it."""
    assert {c.name for c in t.item.columns} == {*ITEM_COLUMNS, "part"}


@pytest.mark.parametrize("values", [{"seq": 9}, {"head": b"\x01" * 32}, {"chain": "view:m9"}])
def test_a_changed_head_of_another_chain_is_found(honest: Attack, values: dict[str, Any]) -> None:
    honest.change(t.chain.update().where(t.chain.c.chain == "view:m1"), **values)
    assert codes(honest.verify()) & {"head", "entries-missing"}


def test_an_import_deleted_from_the_organisations_chain_is_found(honest: Attack) -> None:
    honest.connection.execute(t.entry.delete().where(t.entry.c.chain == "org"))
    honest.connection.execute(t.chain.delete().where(t.chain.c.chain == "org"))
    assert codes(honest.verify()) == {"org"}


PROJECTIONS: dict[str, Callable[[], Any]] = {
    "a due was called met": lambda: t.due.update().where(t.due.c.item == "m1").values(state=1),
    "a due was moved": lambda: t.due.update().where(t.due.c.item == "m1").values(missed_at=1),
    "a due was deleted": lambda: t.due.delete().where(t.due.c.item == "m1"),
    "a due was made up": lambda: t.due.update().where(t.due.c.item == "m3").values(state=0),
    "a slot waits for somebody else": lambda: t.slot.update().where(t.slot.c.item == "m1").values(post="secretary"),
    "a slot is gone": lambda: t.slot.delete().where(t.slot.c.item == "m1"),
}


@pytest.mark.parametrize("attack", PROJECTIONS)
def test_working_tables_that_say_something_else_than_the_entries_are_found(honest: Attack, attack: str) -> None:
    honest.change(PROJECTIONS[attack]())
    assert codes(honest.verify()) == {"projection"}


@pytest.mark.parametrize("values", [{"cells": b'{"due":"2030-01-01","measure":"nothing"}'}, {"closed_seq": 9}])
def test_a_line_that_is_not_the_one_signed_for_is_found(world: World, values: dict[str, Any]) -> None:
    world.walk_to("work", "m1")
    assert world.verify().exit_code == 0
    with world.engine.db.begin() as connection:
        connection.execute(t.line.update().where(t.line.c.item == "m1", t.line.c.no == 1).values(**values))
    assert codes(world.verify()) == {"projection"}


# --- library and contents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [t.definition, t.calendar], ids=["definition", "calendar"])
@pytest.mark.parametrize("body", [None, b"{}", b"not canonical"])
def test_an_edited_definition_or_calendar_is_found(honest: Attack, table: sa.Table, body: bytes | None) -> None:
    where = table.c.flow == "matter" if table is t.definition else table.c.name == "cn"
    stored = honest.row(table, where).body
    edited = stored.replace(b"2019-08-30", b"2029-08-30") if body is None else body
    honest.change(table.update().where(where), body=edited if edited != stored else flipped(stored, 9))
    assert "library" in codes(honest.verify())


def test_a_definition_that_is_no_longer_there_is_found(honest: Attack) -> None:
    honest.change(t.definition.delete().where(t.definition.c.flow == "matter"))
    found = honest.verify()
    assert "library" in codes(found) and found.exit_code == 1


@contextmanager
def put_back(file: Path) -> Iterator[None]:
    stored = file.read_bytes()
    yield
    file.write_bytes(stored)


def content_file(world: World, item: str) -> Path:
    digits = world.case(item).materials["sheet"].removeprefix("sha256:")
    return world.home / "contents" / "sha256" / digits[:2] / digits[2:]


@pytest.mark.parametrize("attack", ["changed", "removed", "emptied"])
def test_a_content_that_was_changed_or_removed_is_found(honest: Attack, attack: str) -> None:
    file = content_file(honest.world, "m1")
    with put_back(file):
        if attack == "removed":
            file.unlink()
        else:
            file.write_bytes(b"" if attack == "emptied" else canonical.encode({**SHEET["sheet"], "count": 4}))
        found = honest.verify()
    assert codes(found) == {"content"} and found.contents_missing == 1
    assert honest.verify().exit_code == 0


def test_a_content_of_an_import_that_was_removed_is_found(honest: Attack) -> None:
    body = canonical.decode(honest.row(t.entry, entry_of("org", 1)).body)
    digits = body["act"]["content"].removeprefix("sha256:")
    file = honest.world.home / "contents" / "sha256" / digits[:2] / digits[2:]
    with put_back(file):
        file.unlink()
        assert codes(honest.verify()) == {"content"}


@pytest.mark.parametrize("value", ["00" * 32, "not hex", ""])
def test_a_registered_key_that_was_exchanged_is_found(honest: Attack, value: str) -> None:
    honest.change(t.meta.update().where(t.meta.c.key.like("key/%")), value=value)
    assert "seal" in codes(honest.verify())


def test_another_origin_than_the_one_signed_for_is_found(honest: Attack) -> None:
    honest.change(t.meta.update().where(t.meta.c.key == "origin"), value="elsewhere/log")
    assert codes(honest.verify()) == {"statement"}
