"""The engine's verifier on a database and the stand-alone one on the bundle made of it say the same."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attack.making import Honest, make_honest
from workflow import bundle
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.standalone import Policy, Report, Verifier
from workflow.store import tables as t
from workflow.verify import verify


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Honest]:
    made = make_honest(tmp_path_factory.mktemp("honest"))
    yield made
    made.world.engine.close()


class Database:
    """The honest database on one transaction that is rolled back, in the hands of somebody with all the engine's keys."""

    def __init__(self, honest: Honest, connection: Any) -> None:
        self.honest, self.connection = honest, connection

    def forge(self, chain: str, seq: int, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change a body, then link and seal anew everything behind it, heads included."""
        rows = self.connection.execute(t.entry.select().where(t.entry.c.chain == chain).order_by(t.entry.c.seq)).all()
        previous = b""
        for row in rows:
            body, seal = row.body, row.seal
            if row.seq >= seq:
                plain = canonical.decode(body)
                if row.seq == seq:
                    change(plain)
                plain["prev"] = previous.hex()
                body = canonical.encode(plain)
                (seal,) = seal_entries([body], self.honest.engine_key)
                values = {"body": body, "seal": seal, "hash": entry_hash(body, seal), "at": plain["at"]}
                self.connection.execute(t.entry.update().where(t.entry.c.id == row.id).values(**values))
            previous = entry_hash(body, seal)
        for table, key in ((t.item, t.item.c.id), (t.chain, t.chain.c.chain)):
            self.connection.execute(table.update().where(key == chain).values(head=previous))

    def first(self, chain: str, wanted: Callable[[dict[str, Any]], bool]) -> int:
        query = t.entry.select().where(t.entry.c.chain == chain).order_by(t.entry.c.seq)
        return next(row.seq for row in self.connection.execute(query) if wanted(canonical.decode(row.body)))

    def engine_says(self) -> Any:
        return verify(self.connection, self.honest.world.engine.contents)

    def bundle_says(self) -> Report:
        out = io.BytesIO()
        bundle.write(self.connection, self.honest.world.engine.contents, out, "campaign", "c1", made_at=0)
        out.seek(0)
        return Verifier(Policy.read(json.dumps(self.honest.policy).encode())).run(out)


@pytest.fixture
def database(honest: Honest) -> Iterator[Database]:
    with honest.world.engine.db.connect() as connection, connection.begin() as transaction:
        yield Database(honest, connection)
        transaction.rollback()


def signature(body: dict[str, Any]) -> bool:
    return "statement" in body


def with_own_key(body: dict[str, Any]) -> bool:
    return bool(body.get("proof", {}).get("strength") == "S2")


def revocation(body: dict[str, Any]) -> bool:
    return bool(body["act"]["kind"] == "revoke-key")


def submission(body: dict[str, Any]) -> bool:
    return bool(body["act"]["kind"] == "submit")


BOTH: dict[str, tuple[str, Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Any]]] = {
    "an opinion under its statement": ("m2", signature, lambda b: b["act"].update(opinion="不同意")),
    "a statement's person": ("m2", signature, lambda b: b["statement"].update(person="nobody")),
    "a statement's round": ("m2", signature, lambda b: b["statement"].update(round=9)),
    "a statement's slot": ("m2", signature, lambda b: b["statement"].update(slot="9")),
    "a statement's content": ("m2", signature, lambda b: b["statement"].update(content=digest(b"x"))),
    "a statement's definition": ("m2", signature, lambda b: b["statement"].update(definition=digest(b"x"))),
    "a statement's authority": ("m2", signature, lambda b: b["statement"].update({"as": "backstop"})),
    "a statement's origin": ("m2", signature, lambda b: b["statement"].update(origin="other.example/log")),
    "a statement's liability": ("m2", signature, lambda b: b["statement"].update(liability="无人负责")),
    "what was seen": ("m2", signature, lambda b: b["act"].update(seen=digest(b"x"))),
    "who signed": ("m2", signature, lambda b: b["act"]["by"].update(person="nobody")),
    "a statement left out": ("m2", signature, lambda b: b.pop("statement")),
    "an effect left out": ("m2", signature, lambda b: b["effects"].pop(0)),
    "a strength that nothing gives": ("m2", signature, lambda b: b["proof"].update(strength="S3")),
    "a strength above all": ("m2", signature, lambda b: b["proof"].update(strength="Z")),
    "a person's key called another kind": (
        "m1",
        with_own_key,
        lambda b: b["proof"].update(algorithm="sm3", signature="00" * 64),
    ),
    "a person's key in other letters": ("m1", with_own_key, lambda b: b["proof"].update(key=b["proof"]["key"].upper())),
    "a revocation of a key in other letters": (
        "keys",
        revocation,
        lambda b: b["act"].update(key=b["act"]["key"].upper()),
    ),
    "a revoked key registered again in other letters": (
        "keys",
        revocation,
        lambda b: b["act"].update(kind="register-key", key=b["act"]["key"].upper(), of="x", algorithm="ed25519"),
    ),
    "materials": ("m2", submission, lambda b: b["act"].update(materials={"sheet": digest(b"x")})),
    "figures": ("m2", submission, lambda b: b["act"]["figures"]["sheet"].update(count=1)),
    "the version": ("m2", submission, lambda b: b.update(v=2)),
    "the item": ("m2", submission, lambda b: b["act"].update(item="m1")),
    "the kind of an act": ("m2", submission, lambda b: b["act"].update(kind="sign")),
    "the definition": ("m2", submission, lambda b: b.update(definition=digest(b"x"))),
    "the calendar": ("m2", submission, lambda b: b.update(calendar=digest(b"x"))),
}


@pytest.mark.parametrize("case", BOTH)
def test_both_refuse_a_forgery_sealed_with_the_engines_own_key(case: str, database: Database) -> None:
    chain, wanted, change = BOTH[case]
    database.forge(chain, database.first(chain, wanted), change)
    engine, alone = database.engine_says(), database.bundle_says()
    assert (engine.holds, alone.exit_code) == (False, 1), (engine.failures, alone.failures)


def test_a_signature_by_an_algorithm_that_nobody_knows_is_not_checked_and_worth_no_s2(database: Database) -> None:
    """The stand-alone one knows Ed25519 alone. Of persons that its policy does not name it says so, and counts nothing."""
    bogus = {"algorithm": "bogus", "signature": "00" * 64}
    database.forge("m1", database.first("m1", with_own_key), lambda body: body["proof"].update(bogus))
    assert not database.engine_says().holds
    policy = {name: value for name, value in database.honest.policy.items() if name != "signers"}
    database.honest = dataclasses.replace(database.honest, policy=policy)
    alone = database.bundle_says()
    assert (alone.failures, alone.unchecked["no-algorithm"]) == ([], 1)
    database.honest.policy["strength"] = "S2"
    told = [detail for code, _, detail in database.bundle_says().failures if code == "strength"]
    assert "S2 by bogus; the policy demands S2" in told


def test_a_history_that_only_the_rules_refuse_is_said_to_be_unchecked_by_the_stand_alone_one(
    database: Database,
) -> None:
    database.forge("m2", 1, lambda body: body["effects"].pop())  # a due that was not armed
    engine, alone = database.engine_says(), database.bundle_says()
    assert engine.rules == "do not hold"
    assert (alone.level, "rules" in alone.unchecked) == ("V2", True)


def test_both_hold_on_what_is_honest(database: Database) -> None:
    engine, alone = database.engine_says(), database.bundle_says()
    assert (engine.failures, alone.failures) == ([], [])
    assert (engine.level, alone.level) == ("V1", "V2")
    counted = sum(engine.strengths.values())
    assert sum(alone.strengths.values()) == counted > 60


@pytest.mark.parametrize("column", ["body", "seal"])
def test_both_see_a_changed_byte_of_an_entry(column: str, database: Database) -> None:
    row = database.connection.execute(t.entry.select().where(t.entry.c.chain == "m1", t.entry.c.seq == 4)).one()
    data = getattr(row, column)
    for place in range(0, len(data), 307):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        database.connection.execute(t.entry.update().where(t.entry.c.id == row.id).values({column: changed}))
        assert not database.engine_says().holds
        assert database.bundle_says().exit_code == 1, place


def test_both_miss_a_document_that_was_changed_on_disk(honest: Honest, database: Database) -> None:
    contents = honest.world.engine.contents
    victim = next(line["digest"] for line in honest.campaign.of_kind("content"))
    path = contents._path(victim.split(":")[1])
    with open(path, "rb") as file:
        held = file.read()
    try:
        with open(path, "wb") as file:
            file.write(held + b" ")
        assert "content" in {f.code for f in database.engine_says().failures}
        alone = database.bundle_says()
        assert (alone.withheld, alone.exit_code, alone.unchecked["withheld"]) == (1, 0, 1)
    finally:
        with open(path, "wb") as file:
            file.write(held)


def _other_tenure(body: dict[str, Any]) -> None:
    fact = next(f for f in body["facts"] if f.startswith("authority "))
    body["facts"][fact]["tenure"] = body["statement"]["tenure"] = "an-invented-tenure"


def _other_path(body: dict[str, Any]) -> None:
    path = next(v for f, v in body["facts"].items() if f.startswith("path "))
    path[-1]["name"] = "另一上级(虚构)"


def _no_organisation(body: dict[str, Any]) -> None:
    body["org"] = ""


@pytest.mark.parametrize(
    ("seq", "change"),
    [(0, _other_tenure), (1, _other_path), (0, _no_organisation)],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_what_rules_were_told_of_the_organisation_is_asked_of_its_chain_again(
    seq: int, change: Callable[[dict[str, Any]], Any], database: Database
) -> None:
    """Whoever holds the engine's key can write an authority that nobody gave, with a statement and effects that fit it."""
    database.forge("m2", seq or database.first("m2", signature), change)
    assert "org-fact" in {failure.code for failure in database.engine_says().failures}


def _children(body: dict[str, Any]) -> list[dict[str, Any]]:
    children: list[dict[str, Any]] = next(v for f, v in body["facts"].items() if f.startswith("children "))
    return children


def _unit_left_out(body: dict[str, Any]) -> None:
    del _children(body)[0]


def _unit_invented(body: dict[str, Any]) -> None:
    _children(body).append({"unit": "o9"})


def _report_denied(body: dict[str, Any]) -> None:
    body["at"] += 3 * 86_400_000_000
    _children(body)[0] = {"unit": _children(body)[0]["unit"]}


def _report_called_unfinished(body: dict[str, Any]) -> None:
    _children(body)[0]["stage"] = "reporting-still"


def _report_of_another_unit(body: dict[str, Any]) -> None:
    first, second = _children(body)[:2]
    first |= {name: second[name] for name in ("item", "seq", "head", "stage")}


def _report_as_it_stood_before(body: dict[str, Any]) -> None:
    _children(body)[0]["seq"] -= 1


@pytest.mark.parametrize(
    "change",
    [
        _unit_left_out,
        _unit_invented,
        _report_denied,
        _report_called_unfinished,
        _report_of_another_unit,
        _report_as_it_stood_before,
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_what_rules_were_told_of_the_reports_below_is_asked_of_them_again(
    change: Callable[[dict[str, Any]], Any], database: Database
) -> None:
    """Whoever holds the engine's key can let a superior sign over reports that were otherwise. Source: R055."""

    def relies(body: dict[str, Any]) -> bool:
        return any(fact.startswith("children ") and value for fact, value in body.get("facts", {}).items())

    database.forge("s-t1", database.first("s-t1", relies), change)
    assert "facts" in {failure.code for failure in database.engine_says().failures}


def test_what_rules_were_told_before_the_organisation_changed_holds_afterwards(database: Database) -> None:
    """A tenure that ends today, and a unit called otherwise, change no earlier answer."""
    connection = database.connection
    honest = database.engine_says()
    assert honest.failures == []
    heads = {canonical.decode(row.body)["org"] for row in connection.execute(t.entry.select()) if row.chain == "m1"}
    org = connection.execute(t.entry.select().where(t.entry.c.chain == "org").order_by(t.entry.c.seq)).all()
    assert heads & {row.hash.hex() for row in org[:-1]}, "expected entries from before the last change"
