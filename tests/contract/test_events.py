"""Events told to the host's own code: after the commit only, on whoever's transaction, and no subscriber harms anybody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from tests.contract.world import SHEET, World
from workflow import Actor
from workflow.acts import Open, Sign
from workflow.errors import Refused
from workflow.events import (
    Acted,
    Entered,
    Event,
    Finished,
    HandedIn,
    Opened,
    Overdue,
    Proposed,
    Reminded,
    Returned,
    Signed,
    Waits,
)
from workflow.run import run_until

HANDLER = Actor("o1-handler", "handler", "o1")
DAY = 86_400 * 1_000_000


@pytest.fixture
def heard(world: World) -> list[Event]:
    found: list[Event] = []
    world.engine.subscribe(Event, found.append)
    return found


def kinds(heard: list[Event]) -> list[str]:
    return [type(e).__name__ for e in heard]


def sign(world: World, desk: Any) -> None:
    case = desk.case_of("m1")[0]
    desk.sign("m1", world.actor(case.open_slots[0]), case.content, opinion="agreed")


def test_each_act_is_told_with_its_own_type_and_what_followed(world: World, heard: list[Event]) -> None:
    world.begin("m1")
    assert kinds(heard) == ["Opened", "Entered", "Waits", "HandedIn"]
    handed = heard[3]
    assert isinstance(handed, HandedIn) and handed.materials == ("sheet",) and not handed.zero
    heard.clear()
    sign(world, world.engine)
    signed, waits = heard
    assert isinstance(signed, Signed) and isinstance(waits, Waits)
    assert (signed.person, signed.post, signed.by, signed.late) == ("o1-handler", "handler", HANDLER, False)
    assert (waits.post, waits.at_unit) == ("secretary", "o1")
    with world.engine.reading() as connection:
        from workflow.store import items

        assert items.entries(connection, "m1")[signed.seq - 1].hash.hex() == signed.entry
    heard.clear()
    case = world.case("m1")
    world.engine.send_back("m1", world.actor(case.open_slots[0]), case.content, "数字与附件不符")
    assert kinds(heard) == ["Returned", "Waits"] and "数字" not in repr(heard)
    returned = heard[0]
    assert isinstance(returned, Returned) and returned.person == "o1-secretary"
    heard.clear()
    world.engine.urge("m1", Actor("t1-secretary", "secretary", "t1"))
    assert kinds(heard) == ["Acted"] and isinstance(heard[0], Acted) and heard[0].act == "urge"


def test_what_the_machine_did_is_told_too_and_what_is_late_is_told_as_overdue(world: World, heard: list[Event]) -> None:
    world.begin("m1")
    world.sign("m1")
    heard.clear()
    run_until(world.engine, world.clock.now() + 40 * DAY)
    mine = [e for e in heard if e.item == "m1"]
    assert kinds(mine) == ["Reminded", "Overdue", "Proposed"]
    before, after, proposed = mine
    assert isinstance(before, Reminded) and isinstance(after, Overdue) and isinstance(proposed, Proposed)
    assert before.at < before.missed <= after.at and before.by is None
    behind = [e for e in heard if isinstance(e, Opened)]
    assert [(e.item, e.behind) for e in behind] == [(proposed.opened, "m1")]


def test_an_item_that_ends_is_told_as_finished(world: World, heard: list[Event]) -> None:
    world.through(_nothing(world))
    assert [e.stage for e in heard if isinstance(e, Finished)] == ["nothing"]
    assert [e.before for e in heard if isinstance(e, Entered)][-1] == "report"


def _nothing(world: World) -> str:
    world.engine.open("matter", "o1", item="m1", campaign="c1", category="leak")
    values = {**SHEET, "statement": {"statement": "经排查,未发现问题"}}
    world.engine.submit("m1", HANDLER, values, outcome="nothing")
    return "m1"


def test_only_what_was_asked_for_is_told_and_only_until_it_ends(world: World) -> None:
    found: list[Signed] = []
    end = world.engine.subscribe(Signed, found.append)
    world.begin("m1")
    assert found == []
    sign(world, world.engine)
    end()
    end()
    sign(world, world.engine)
    assert [e.post for e in found] == ["handler"]


def test_many_at_once_are_told_one_by_one(world: World, heard: list[Event]) -> None:
    opens = [Open(item=f"m{n}", flow="matter", unit="o1", campaign="c1", category="leak") for n in range(3)]
    world.engine.open_many(opens)
    assert [e.item for e in heard if isinstance(e, Opened)] == ["m0", "m1", "m2"]
    for n in range(2):
        world.engine.submit(f"m{n}", HANDLER, SHEET, outcome="found")
    heard.clear()
    seen = world.case("m0").content
    with world.engine.desk() as desk:
        desk.sign_many([Sign(item=f"m{n}", by=HANDLER, seen=seen, opinion="agreed") for n in range(2)])
        assert heard == [], "nothing is told before the commit"
    assert [e.item for e in heard if isinstance(e, Signed)] == ["m0"]


def test_what_is_refused_or_rolled_back_is_told_to_nobody(world: World, heard: list[Event]) -> None:
    world.begin("m1")
    heard.clear()
    with pytest.raises(Refused):
        world.engine.sign("m1", HANDLER, "sha256:" + "0" * 64)
    with pytest.raises(ZeroDivisionError), world.engine.desk() as desk:  # noqa: PT012
        sign(world, desk)
        raise ZeroDivisionError
    assert heard == [] and world.case("m1").open_slots[0].post == "handler"


# --- on a host's transaction ------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[sa.Engine], Any]] = {"session": Session, "connection": lambda engine: engine.connect()}


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, world: World, heard: list[Event]) -> Iterator[Session | Connection]:
    host = sa.create_engine(world.url)
    world.begin("m1")
    heard.clear()
    with KINDS[request.param](host) as work:
        yield work
    host.dispose()


def on_host(world: World, work: Any) -> None:
    with world.engine.on(work) as desk:
        sign(world, desk)


def test_on_a_hosts_transaction_it_is_told_after_the_hosts_commit(
    world: World, opened: Session | Connection, heard: list[Event]
) -> None:
    seen_there: list[str] = []
    world.engine.subscribe(Signed, lambda e: seen_there.append(world.case(e.item).slots[0].state))
    on_host(world, opened)
    on_host(world, opened)
    assert heard == []
    opened.commit()
    assert [e.post for e in heard if isinstance(e, Signed)] == ["handler", "secretary"]
    assert seen_there == ["signed", "signed"], "whoever is told can read it already"
    opened.commit()
    assert len([e for e in heard if isinstance(e, Signed)]) == 2, "once"


def test_what_the_host_rolls_back_is_not_told_later_either(
    world: World, opened: Session | Connection, heard: list[Event]
) -> None:
    on_host(world, opened)
    opened.rollback()
    assert heard == []
    opened.execute(sa.text("SELECT 1"))
    opened.commit()
    assert heard == []
    on_host(world, opened)
    opened.commit()
    assert [e.post for e in heard if isinstance(e, Signed)] == ["handler"]


def test_what_only_a_savepoint_of_the_hosts_took_back_is_not_told(
    world: World, opened: Session | Connection, heard: list[Event]
) -> None:
    with world.engine.on(opened) as desk:  # begins the transaction also where the driver would not for a SELECT
        desk.case_of("m1")
    savepoint = opened.begin_nested()
    on_host(world, opened)
    savepoint.rollback()
    opened.commit()
    assert heard == [] and world.case("m1").open_slots[0].post == "handler"


def test_a_connection_that_ends_without_a_commit_tells_nothing(world: World, heard: list[Event]) -> None:
    world.begin("m1")
    heard.clear()
    host = sa.create_engine(world.url)
    with host.connect() as connection:
        on_host(world, connection)
    with host.begin() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert heard == []
    with pytest.raises(ZeroDivisionError), host.begin() as connection:  # noqa: PT012
        on_host(world, connection)
        raise ZeroDivisionError
    assert heard == []
    with host.begin() as connection:
        on_host(world, connection)
    assert kinds(heard) == ["Signed", "Waits"]
    host.dispose()


def test_nothing_is_left_on_the_hosts_connection_and_nothing_is_put_there_for_nobody(world: World) -> None:
    world.begin("m1")
    host = sa.create_engine(world.url)
    with host.connect() as connection:
        before = set(vars(connection))
        on_host(world, connection)
        connection.commit()
        assert not {n for n in vars(connection) if "impl" in n or n.startswith("_wf")}
        end = world.engine.subscribe(Event, lambda _: None)
        on_host(world, connection)
        assert "_wf_after_commit" in vars(connection)
        connection.commit()
        assert set(vars(connection)) - before <= {"_nested_transaction", "_trans_context_manager"}
        end()
    host.dispose()


# --- subscribers ------------------------------------------------------------------------------------------------------


def test_a_subscriber_that_fails_harms_nobody_and_is_told_of(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fails(event: Event) -> None:
        raise RuntimeError("意见内容")

    world.engine.subscribe(Event, fails)
    found: list[Event] = []
    world.engine.subscribe(Event, found.append)
    world.begin("m1")
    host = sa.create_engine(world.url)
    with caplog.at_level(logging.ERROR), host.begin() as connection:
        on_host(world, connection)
    host.dispose()
    assert world.case("m1").slots[0].state == "signed" and found
    told = [r for r in caplog.records if r.getMessage() == "event.not_heard"]
    assert told and "意见内容" not in str([vars(r) for r in told])


def test_a_subscriber_may_act_itself(world: World) -> None:
    def next_one(event: Signed) -> None:
        if event.post == "handler":
            world.engine.urge(event.item, Actor("t1-secretary", "secretary", "t1"))

    world.engine.subscribe(Signed, next_one)
    world.begin("m1")
    host = sa.create_engine(world.url)
    with host.begin() as connection:
        on_host(world, connection)
    host.dispose()
    assert world.case("m1").urged
