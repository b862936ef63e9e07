"""Opening many items, asking what waits, and the short way of statements to the driver: the same answers as one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.benchmarks import world
from workflow import Actor, Engine, Receipt, recording
from workflow.acts import HandOver, Open, Return, Sign, Signature
from workflow.desk import Desk
from workflow.errors import Conflict, Stale, Unknown, WorkflowError
from workflow.store import items, tables
from workflow.store.facts import OrgMemory
from workflow.store.org import OrgReader
from workflow.verify import verify

DAY = world.START.date().isoformat()


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    world.found(database_url, tmp_path / "home", 150)
    with world.engine_on(database_url, tmp_path / "home", durable=False) as made:
        yield made


def _opens(count: int) -> list[Open]:
    return [Open(item=f"i{n}", flow=world.FLOW, unit=f"b{n}", campaign="c") for n in range(1, count + 1)]


def test_opening_many_again_opens_the_rest_and_nothing_twice(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    assert engine.open_many(_opens(30), chunk=20) == 30
    assert engine.open_many(_opens(50), chunk=20, progress=lambda seen, opened: told.append((seen, opened))) == 20
    assert told == [(20, 0), (40, 10), (50, 20)]
    assert engine.open_many([*_opens(2), *_opens(51)[-1:], *_opens(51)[-1:]]) == 1
    with engine.reading() as connection:
        report = verify(connection, engine.contents)
    assert report.holds, report.failures
    assert report.entries == 51 + 1  # and the import


def test_an_item_opened_among_many_is_the_one_opened_alone(engine: Engine) -> None:
    engine.open_many(_opens(2))
    engine.open(world.FLOW, "b3", item="alone", campaign="c")
    many, alone = engine.case_of("i2")[0], engine.case_of("alone")[0]
    assert [(s.key, s.level, s.post, s.kind, s.state) for s in many.slots] == [
        (s.key, s.level, s.post, s.kind, s.state) for s in alone.slots
    ]
    assert many.dues == alone.dues
    assert [s.unit for s in many.slots][:3] == ["b2", "b2", "t1"]


def test_a_person_sees_what_waits_for_their_posts_oldest_first(engine: Engine) -> None:
    engine.open_many(_opens(3))
    seen = engine.pending("handler.b2")
    assert [(p["item"], p["unit"], p["post"], p["about"], p["flow"]) for p in seen] == [
        ("i2", "b2", "handler", "b2", world.FLOW)
    ]
    assert seen == engine.pending([("b2", "handler")])
    assert engine.pending("secretary.b2") == []
    assert [p["item"] for p in engine.pending([("b1", "handler"), ("b3", "handler")], limit=1)] == ["i1"]


def test_the_lines_of_many_units_are_those_of_each(engine: Engine) -> None:
    units = ["b1", "b101", "t2", "r1"]
    with engine.reading() as connection:
        found = OrgReader(connection).paths(units, DAY)
        assert found == {unit: OrgReader(connection).path(unit, DAY) for unit in units}
        with pytest.raises(Unknown):
            OrgReader(connection).paths(["b1", "nowhere"], DAY)


def test_who_listens_to_the_engines_statements_sees_every_one(engine: Engine) -> None:
    seen = world.prepared(engine, "x", "b1")
    heard: list[str] = []

    @event.listens_for(engine.db, "before_cursor_execute")
    def _hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement.split()[0] + " " + next(w for w in statement.split() if w.startswith("wf_")))

    engine.sign("x", world.holder("handler", "b1"), seen, opinion=world.OPINION)
    assert {"INSERT wf_entry", "UPDATE wf_item", "UPDATE wf_slot"} <= set(heard)


def _signatures(engine: Engine) -> list[Signature]:
    """Signatures by everybody in turn, and as people get them wrong; each of an item of its own."""
    out: list[Signature] = []
    for n in range(1, 5):
        item, signers = f"turn-{n}", world.chain_of(f"b{n}", "t1")
        seen = world.prepared(engine, item, f"b{n}")
        for by in signers[: n - 1]:
            engine.sign(item, by, seen, opinion=world.OPINION)
        out.append(Sign(item=item, by=signers[n - 1], seen=seen, opinion=world.OPINION))
    handler = world.holder("handler", "b7")
    wrong: dict[str, dict[str, Any]] = {
        "stale": {"seen": "sha256:" + "0" * 64},
        "nobody": {"by": None},
        "not-theirs": {"by": world.holder("handler", "b8")},
        "not-the-holder": {"by": Actor("handler.b8", "handler", "b7")},
        "no-such-unit": {"by": Actor("handler.b7", "handler", "nowhere")},
        "not-nfc": {"opinion": "cafe\u0301"},
        "no-opinion": {"opinion": " "},
    }
    for item, said in wrong.items():
        right = Sign(item=item, by=handler, seen=world.prepared(engine, item, "b7"), opinion=world.OPINION)
        out.append(replace(right, **said))
    out.append(Sign(item="not-there", by=handler, seen=""))
    seen = world.prepared(engine, "first", "b7")
    out.append(Return(item="first", by=handler, seen=seen, reason="虚构理由"))
    seen = world.prepared(engine, "left", "b7")
    leaves = {"place": "1", "leaver": "handler.b7", "delegate": "handler.b8", "reason": "虚构理由"}
    out.append(HandOver(item="left", by=handler, seen=seen, **leaves))
    return out


def _alone(desk: Desk, act: Signature) -> Receipt | WorkflowError:
    try:
        return desk.act(act)
    except WorkflowError as error:
        return error


def _together(desk: Desk, acts: list[Signature]) -> list[Receipt | WorkflowError]:
    return desk.sign_many(acts)


def _one_by_one(desk: Desk, acts: list[Signature]) -> list[Receipt | WorkflowError]:
    return [_alone(desk, act) for act in acts]


def _done(
    engine: Engine, acts: list[Signature], do: Callable[[Desk, list[Signature]], list[Receipt | WorkflowError]]
) -> tuple[list[str], dict[str, list[bytes]], list[Any]]:
    """What is answered, every entry's body with the snapshot after it, and the open places; then all is taken back."""
    engine.memory = OrgMemory()
    with engine.db.connect() as connection, connection.begin() as transaction:
        desk = Desk(engine, connection, own=True)
        said = [f"{type(r).__name__} {r if isinstance(r, WorkflowError) else r.stage}" for r in do(desk, acts)]
        heads = items.read_many(connection, [a.item for a in acts])
        held = {i: [*(e.body for e in items.entries(connection, i)), head.snapshot] for i, head in heads.items()}
        slots = connection.execute(tables.slot.select().order_by(tables.slot.c.item, tables.slot.c.key)).all()
        transaction.rollback()
    return said, held, list(slots)


def test_what_is_signed_together_is_byte_for_byte_what_each_signs_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "new_nonces", lambda count: ["0" * 24] * count)
    acts = _signatures(engine)
    together, alone = _done(engine, acts, _together), _done(engine, acts, _one_by_one)
    assert together == alone
    said, held, _ = together
    assert [s.split()[0] for s in said] == ["Receipt"] * 4 + [
        *("Stale", "Unknown", "OutOfTurn", "NotHolder", "Unknown", "NotCanonical", "ReasonRequired"),
        *("Unknown", "OutOfTurn", "NotHolder"),
    ]
    assert len(held["turn-4"]) == len(held["stale"]) + 4


def test_of_two_signatures_of_one_item_in_one_call_the_first_that_may_be_counts(engine: Engine) -> None:
    right = _signatures(engine)[0]
    wrong = replace(right, seen="sha256:" + "0" * 64)
    with engine.desk() as desk:
        results = desk.sign_many([wrong, right, right])
    assert [type(r) for r in results] == [Stale, Receipt, Conflict]


def test_who_may_sign_is_asked_of_the_organisation_for_all_at_once(engine: Engine) -> None:
    """So many statements, however many units the signatures are from."""
    counts = []
    for units in ((1, 2), tuple(range(3, 33))):
        acts = []
        for n in units:
            seen = world.prepared(engine, f"m{n}", f"b{n}")
            acts.append(Sign(item=f"m{n}", by=world.holder("handler", f"b{n}"), seen=seen, opinion=world.OPINION))
        engine.memory = OrgMemory()
        heard: list[str] = []

        def hear(_connection: object, _cursor: object, statement: str, *_: object, to: list[str] = heard) -> None:
            to.append(statement)

        event.listen(engine.db, "before_cursor_execute", hear)
        with engine.desk() as desk:
            assert all(isinstance(r, Receipt) for r in desk.sign_many(acts))
        event.remove(engine.db, "before_cursor_execute", hear)
        counts.append(len(heard))
    assert counts[0] == counts[1]
