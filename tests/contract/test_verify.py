"""What was tampered with is found, by name; what is honest holds; and nothing checked is never a success."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from tests.contract.world import SHEET, World, worlds
from workflow import Actor, Engine
from workflow.case import Case
from workflow.evidence import canonical
from workflow.evidence.content import DiskContentStore
from workflow.evidence.digest import digest
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import FileKeyProvider
from workflow.evidence.standalone import Policy
from workflow.store import tables as t
from workflow.verify import Report, verify, verify_database

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
        assert done.is_insert or done.rowcount == 1, "expected the attack itself to work"

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
    """Source: S2 「每个联系点要建立“云岭先锋”工程工作档案」, R104, M35."""
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
    assert codes(honest.verify()) == {"org", "organisation"}


PROJECTIONS: dict[str, Callable[[], Any]] = {
    "a due was called met": lambda: t.due.update().where(t.due.c.item == "m1").values(state=1),
    "a due was moved": lambda: t.due.update().where(t.due.c.item == "m1").values(missed_at=1),
    "a due was deleted": lambda: t.due.delete().where(t.due.c.item == "m1"),
    "a due was made up": lambda: t.due.update().where(t.due.c.item == "m3").values(state=0),
    "a slot waits for an item that is not there": lambda: (
        t.slot.update().where(t.slot.c.item == "m1").values(item="m9")
    ),
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


# --- what the rules decided on --------------------------------------------------------------------------------------


def figures(body: dict[str, Any], **given: Any) -> None:
    """Other figures in the act and its effect, as somebody with the engine's key writes them."""
    for place in (body["act"], body["effects"][0]):
        place["figures"]["sheet"] = {**place["figures"]["sheet"], **given}


def test_figures_that_are_not_those_of_the_document_are_found(honest: Attack) -> None:
    """Every hash, seal and rule fits; only the document says another number."""
    forge(honest.connection, "m3", 2, lambda b: figures(b, count=99), honest.world.engine.key)
    assert "figures" in codes(honest.verify())
    assert "figures" not in codes(honest.verify(contents=False))


def test_figures_are_part_of_what_was_signed(honest: Attack) -> None:
    """Even without the document: the signatures that follow cover the figures they were given with."""
    forge(honest.connection, "m1", 2, lambda b: figures(b, count=99), honest.world.engine.key)
    found = honest.verify(contents=False)
    assert {"m1#3", "m1#4"} <= {f.place for f in found.failures if f.code == "rules-refuse"}


def test_a_document_said_to_have_lines_is_refused_by_the_rules(honest: Attack) -> None:
    forge(honest.connection, "m3", 2, lambda b: figures(b, lines=3), honest.world.engine.key)
    assert "m3#2" in {f.place for f in honest.verify(contents=False).failures if f.code == "rules-refuse"}


def test_a_signature_given_before_its_stage_was_entered_is_found(honest: Attack) -> None:
    forge(honest.connection, "m1", 3, lambda b: b["statement"].update(at=b["at"] - 10**12), honest.world.engine.key)
    assert "statement" in codes(honest.verify())


def test_a_single_use_number_used_in_two_items_is_found(honest: Attack) -> None:
    used = canonical.decode(honest.row(t.entry, entry_of("m2", 3)).body)["statement"]["nonce"]
    forge(honest.connection, "m1", 3, lambda b: b["statement"].update(nonce=used), honest.world.engine.key)
    assert "nonce" in codes(honest.verify())


# --- from chain to chain ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A survey that opened a matter behind its signed list, on a database of its own."""
    folder = tmp_path_factory.mktemp("opened")
    for world in worlds(f"sqlite:///{folder / 'workflow.db'}", folder / "home"):
        for unit in ("o1", "o2", "o3"):
            by = Actor("t1-handler" if unit == "o2" else f"{unit}-handler", "handler", unit)
            world.engine.open("survey", unit, item=f"s-{unit}", campaign="c1")
            world.engine.report_zero(f"s-{unit}", by, {"statement": {"statement": "nothing found"}})
            world.through(f"s-{unit}")
        world.engine.open("survey", "t1", item="s-t1", campaign="c1")
        found = {"found": [{"unit": "o1", "result": "found"}]}
        world.engine.submit("s-t1", Actor("t1-handler", "handler", "t1"), found, outcome="reported")
        world.through("s-t1")
        yield world


@pytest.fixture
def behind(opened: World) -> Iterator[Attack]:
    with opened.engine.db.connect() as connection, connection.begin() as transaction:
        yield Attack(opened, connection)
        transaction.rollback()


def opened_item(attack: Attack) -> str:
    rows = attack.connection.execute(t.item.select().where(t.item.c.id.like("i%"))).all()
    return str(rows[0].id)


def test_an_item_opened_behind_a_report_holds_with_it(behind: Attack) -> None:
    assert behind.verify().failures == [] and behind.verify().organisation == "holds"


def both(body: dict[str, Any], **given: Any) -> None:
    for place in (body["act"], body["effects"][0]):
        place.update(given)


CROSSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "about another unit": lambda b: both(b, unit="o3"),
    "of another campaign": lambda b: both(b, campaign="c9"),
    "citing another entry": lambda b: both(b, cites={**b["act"]["cites"], "seq": b["act"]["cites"]["seq"] - 1}),
    "citing another line": lambda b: both(b, cites={**b["act"]["cites"], "line": 2}),
    "citing nothing": lambda b: [p.pop("cites") for p in (b["act"], b["effects"][0])],
    "of another category": lambda b: both(b, category="crack"),
}


@pytest.mark.parametrize("claim", CROSSED)
def test_an_item_that_is_not_as_its_report_opened_it_is_found(behind: Attack, claim: str) -> None:
    """From an item one call leads to the line that was signed: what it cites must be what led to it."""
    forge(behind.connection, opened_item(behind), 1, CROSSED[claim], behind.world.engine.key)
    assert "cite" in codes(behind.verify())


def test_an_opened_item_deleted_with_everything_of_it_is_found(behind: Attack) -> None:
    item = opened_item(behind)
    for table, column in ((t.entry, t.entry.c.chain), (t.item, t.item.c.id), (t.slot, t.slot.c.item)):
        behind.connection.execute(table.delete().where(column == item))
    found = [f for f in behind.verify().failures if f.code == "cite"]
    assert item in found[0].detail and found[0].place.startswith("s-t1#")


def test_a_report_rewritten_under_the_one_that_relies_on_it_is_found(behind: Attack) -> None:
    last = len(behind.connection.execute(t.entry.select().where(t.entry.c.chain == "s-o3")).all())
    forge(behind.connection, "s-o3", last, lambda b: b["act"].update(opinion="x"), behind.world.engine.key)
    assert any(f.code == "cite" and "s-o3" in f.detail for f in behind.verify().failures)


def test_processes_that_share_the_chains_find_what_one_finds(opened: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.verify.WORTH_SHARING", 1)
    alone = opened.verify(contents=False)
    shared = verify_database(opened.url, processes=2)
    assert shared.failures == alone.failures == []
    assert (shared.entries, shared.chains, shared.strengths) == (alone.entries, alone.chains, alone.strengths)


def test_many_ranges_lead_to_the_same_failures_as_one_and_tell_how_far_they_are(
    opened: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is ready takes the next range, so which process reads which is chance; what is found must not be."""
    url = f"sqlite:///{tmp_path / 'doctored.db'}"
    with (
        sqlite3.connect(opened.url.removeprefix("sqlite:///")) as one,
        sqlite3.connect(tmp_path / "doctored.db") as other,
    ):
        one.backup(other)
        other.execute("UPDATE wf_entry SET at = at + 1 WHERE act = 'sign'")
        other.execute("UPDATE wf_item SET round = 7")
    zero = digest(
        canonical.encode({"statement": "nothing found"})
    )  # of three chains: told once, where it is first cited
    contents = DiskContentStore(tmp_path / "contents")
    assert isinstance(opened.engine.contents, DiskContentStore)
    for held in set(opened.engine.contents.iterate()) - {zero}:
        contents.put(opened.engine.contents.get(held))
    monkeypatch.setattr("workflow.verify.WORTH_SHARING", 1)
    monkeypatch.setattr("workflow.verify.TAKEN_AT_ONCE", 5)
    told: list[tuple[int, int]] = []
    shared = verify_database(url, contents, lambda done, total: told.append((done, total)), processes=2)
    alone = verify_database(url, contents, processes=1)
    assert Counter(shared.failures) == Counter(alone.failures)
    assert {"column", "content"} <= {f.code for f in shared.failures} and shared.contents_missing == 1
    assert (shared.used, shared.checked) == (alone.used, alone.checked)
    assert told == sorted(told) and told[-1] == (shared.entries, shared.entries)


@pytest.mark.parametrize("unreadable", [False, True])
def test_no_process_that_helped_is_left_when_the_verdict_is_there(
    opened: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: bool
) -> None:
    """One that was still starting found nothing of what they share, and said so in the middle of the verdict."""
    with (
        sqlite3.connect(opened.url.removeprefix("sqlite:///")) as one,
        sqlite3.connect(tmp_path / "copy.db") as other,
    ):
        one.backup(other)
        if unreadable:
            other.execute("UPDATE wf_entry SET body = 'text' WHERE rowid = 1")
    monkeypatch.setattr("workflow.verify.WORTH_SHARING", 1)
    found = verify_database(f"sqlite:///{tmp_path / 'copy.db'}", processes=4)
    assert active_children() == []
    assert bool(found.failures) is unreadable


# --- the organisation's tables ---------------------------------------------------------------------------------------

ORGANISATION: dict[str, Callable[[], Any]] = {
    "a tenure was back-dated": lambda: t.tenure.update().where(t.tenure.c.person == "o1-handler").values(from_on="2001-01-01"),
    "a tenure was made up": lambda: t.tenure.insert().values(
        id="x", person="nobody", unit="o1", post="secretary", from_on="2015-01-01", acting=False
    ),
    "a tenure was deleted": lambda: t.tenure.delete().where(t.tenure.c.person == "o3-handler"),
    "a unit hangs elsewhere": lambda: t.parent.update().where(t.parent.c.unit == "o1").values(parent="t2"),
    "a unit was renamed": lambda: t.unit.update().where(t.unit.c.id == "o1").values(name_zh="x"),
    "a unit was established": lambda: t.unit.update().where(t.unit.c.id == "o2").values(established_on="2010-01-01"),
    "a row was recorded earlier": lambda: t.person.update().where(t.person.c.id == "nobody").values(recorded_at=1),
    "a mandate was made up": lambda: t.mandate.insert().values(
        id="w9", tenure="x", principal="o1-secretary", giver="o1-secretary", person="nobody", unit="o1", post="secretary",
        from_on="2015-01-01", until_on="2030-01-01", flow="", stage="", kind="", units="[]", under="", content="x",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ORGANISATION)
def test_a_row_of_the_organisation_that_no_entry_wrote_is_found(honest: Attack, attack: str) -> None:
    """Who may sign rests on these rows: back-dating one touches no entry."""
    honest.change(ORGANISATION[attack]())
    found = honest.verify()
    assert codes(found) - {"org-fact"} == {"organisation"} and found.organisation == "does not hold"
    assert honest.verify(contents=False).organisation == "not checked"


def test_what_the_organisation_was_is_held_against_its_chain_too(world: World) -> None:
    from workflow import orgbook

    by = Actor("t1-secretary", "secretary", "t1")
    with world.engine.desk() as desk:
        orgbook.rename_unit(desk, by, "invented", unit="o1", on="2019-08-12", name_zh="新名", name_en="new name")
    assert world.verify().organisation == "holds"
    past = t.PAST["units"]
    with world.engine.db.begin() as connection:
        connection.execute(past.update().values(level="third"))
    assert [f.place for f in world.verify().failures] == ["units (past) o1"]
    with world.engine.db.begin() as connection:
        connection.execute(past.delete())
    assert codes(world.verify()) - {"org-fact"} == {"organisation"}


# --- what the auditor brings -----------------------------------------------------------------------------------------


def test_a_personal_key_counts_only_where_the_auditor_has_it(world: World) -> None:
    """A proof names its key itself; that it is the person's is for the auditor's policy to say."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    world.engine.key_of = {"o1-handler": public}.get
    from workflow.acts import Sign

    seen = world.case(world.begin("m1")).content
    made = world.engine.prepare(Sign(item="m1", by=HANDLER, seen=seen, opinion="agreed"))
    proof = {"nonce": made.nonce, "at": made.at, "key": public.hex(), "signature": key.sign(made.to_sign()).hex()}
    world.engine.sign("m1", HANDLER, seen, opinion="agreed", proof=proof)
    assert (dict(world.verify().strengths), world.verify().unpinned) == ({"S2": 1}, 1)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for pinned, expected in ((public, ({"S2": 1}, set())), (other, ({"S2": 1}, {"signature"}))):
        with world.engine.reading() as connection:
            found = verify(connection, policy=Policy(signers={"o1-handler": {pinned}}))
        assert (dict(found.strengths), codes(found)) == expected


def test_seals_by_a_key_that_the_auditor_does_not_know_are_found(honest: Attack) -> None:
    mine, other = honest.world.engine.key.public_key(), Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for key, expected in ((mine, set()), (other, {"seal"})):
        policy = Policy.read(json.dumps({"origin": "signoff.local/log", "engine_keys": [{"key": key.hex()}]}).encode())
        assert codes(verify(honest.connection, policy=policy)) == expected


def test_a_signature_weaker_than_the_auditor_demands_is_found(honest: Attack) -> None:
    found = verify(honest.connection, policy=Policy(strength="S1"))
    assert codes(found) == {"strength"} and len(found.failures) == 14
