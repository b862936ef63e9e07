"""Many hands at one slot: one effect, clear refusals for the rest, and a chain that still verifies."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.world import SHEET, World, make_world
from workflow import Actor, Engine, SettableClock, tick
from workflow.errors import Conflict, DatabaseBusy, OutOfTurn, RequestReused, Stale, WorkflowError
from workflow.evidence import canonical
from workflow.store import items, tables

HANDLER = Actor("o1-handler", "handler", "o1")
FIFTY = 50
LOST = (Conflict, OutOfTurn, DatabaseBusy)


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Every act in a thread of its own, all let go at one moment; what each gave, or the error it raised."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return act()
        except WorkflowError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_of_fifty_threads_at_one_slot_one_signs_and_the_rest_are_told_why(world: World) -> None:
    seen = world.case(world.begin("m1")).content
    before = world.entries()
    results = at_once([lambda: world.engine.sign("m1", HANDLER, seen, opinion="agreed")] * FIFTY)
    won = [r for r in results if not isinstance(r, WorkflowError)]
    assert len(won) == 1, results
    assert all(isinstance(r, LOST) for r in results if r is not won[0])
    assert world.entries() == before + 1
    assert [s.key for s in world.case("m1").open_slots] == ["2"]
    assert world.verify().exit_code == 0


def test_of_fifty_threads_with_one_request_all_get_the_one_answer(world: World) -> None:
    seen = world.case(world.begin("m1")).content
    before = world.entries()
    results = at_once([lambda: world.engine.sign("m1", HANDLER, seen, opinion="agreed", request_id="r1")] * FIFTY)
    assert {r.entry for r in results} == {results[0].entry}, results
    assert world.entries() == before + 1


def test_acts_that_do_not_exclude_each_other_all_happen_and_stand_in_one_chain(world: World) -> None:
    world.begin("m1")
    before = world.entries("m1")
    above = Actor("t1-secretary", "secretary", "t1")
    lead = Actor("t1-department", "department", "t1")

    def patient() -> Any:
        while True:
            try:
                return world.engine.name_lead("m1", above, lead)
            except (Conflict, DatabaseBusy):
                continue

    at_once([patient] * 8)
    assert world.entries("m1") == before + 8
    assert world.verify().exit_code == 0


def test_a_signature_and_a_new_submission_at_once_never_let_a_signature_cover_the_other_content(world: World) -> None:
    for n in range(6):
        item = world.begin(f"m{n}")
        seen = world.case(item).content
        changed = {"sheet": {"count": n + 10, "words": "changed"}}
        results = at_once(
            [
                lambda item=item, seen=seen: world.engine.sign(item, HANDLER, seen, opinion="agreed"),
                lambda item=item, changed=changed: world.engine.submit(item, HANDLER, changed, outcome="found"),
            ]
        )
        assert all(not isinstance(r, WorkflowError) or isinstance(r, (*LOST, Stale)) for r in results), results
        case = world.case(item)
        if case.content != seen:
            assert not [s for s in case.slots if s.state == "signed"]
    assert world.verify().exit_code == 0


def test_one_of_many_openings_of_the_same_item_wins(world: World) -> None:
    results = at_once([lambda: world.engine.open("matter", "o1", item="m1")] * 8)
    assert sum(not isinstance(r, WorkflowError) for r in results) == 1
    assert all(isinstance(r, (Conflict, DatabaseBusy)) for r in results if isinstance(r, WorkflowError))
    assert world.case("m1").stage == "report" and world.verify().exit_code == 0


def test_views_at_once_stand_one_behind_the_other(world: World) -> None:
    seen = world.case(world.begin("m1")).content

    def patient() -> Any:
        while True:
            try:
                return world.engine.view("m1", HANDLER, seen)
            except (Conflict, DatabaseBusy):
                continue

    results = at_once([patient] * 8)
    assert sorted(r.seq for r in results) == list(range(1, 9))
    assert world.verify().exit_code == 0


# --- processes -------------------------------------------------------------------------------------------------------


def sign_in_a_process(url: str, home: str, at: int, item: str, seen: str) -> str:
    """What one process of four does: opens the database for itself and signs. Gives the class of what came of it."""
    engine = Engine.at(url, home, clock=SettableClock(at), durable=False)
    try:
        engine.sign(item, HANDLER, seen, opinion="agreed")
        return "signed"
    except WorkflowError as error:
        return type(error).__name__
    finally:
        engine.close()


def tick_in_a_process(url: str, home: str, at: int, sweeps: int) -> int:
    """How many rungs one process of several fired."""
    engine = Engine.at(url, home, clock=SettableClock(at), durable=False)
    fired = 0
    for n in range(sweeps):
        try:
            fired += tick(engine, at + n * 5_000_000).fired
        except DatabaseBusy:
            continue
    engine.close()
    return fired


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        yield pool


def sign_many_times(url: str, home: str, at: int, item: str, seen: str, requests: Sequence[str]) -> list[str]:
    """What one process of several does with a thread for each request, all at once: the class of what came of each."""
    engine = Engine.at(url, home, clock=SettableClock(at), durable=False)

    def sign(request: str) -> str:
        try:
            receipt = engine.sign(item, HANDLER, seen, opinion="agreed", request_id=request or None)
            return f"signed {receipt.entry.hex()}"
        except WorkflowError as error:
            return type(error).__name__

    try:
        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(sign, requests))
    finally:
        engine.close()


def test_of_fifty_signers_in_four_processes_one_signs_and_the_rest_are_told_why(
    world: World, processes: ProcessPoolExecutor
) -> None:
    seen = world.case(world.begin("m1")).content
    before = world.entries()
    job = (world.url, str(world.home), world.clock.now(), "m1", seen)
    shares = [[""] * (13 if n < 2 else 12) for n in range(4)]
    results = [r for f in [processes.submit(sign_many_times, *job, share) for share in shares] for r in f.result()]
    told = Counter(r.split()[0] for r in results)
    assert told.total() == FIFTY and told["signed"] == 1, told
    assert set(told) <= {"signed", "Conflict", "OutOfTurn", "DatabaseBusy"}
    assert world.entries() == before + 1
    assert [s.key for s in world.case("m1").open_slots] == ["2"]
    assert world.verify().exit_code == 0


def test_of_fifty_retries_of_one_request_in_four_processes_all_get_the_one_receipt(
    world: World, processes: ProcessPoolExecutor
) -> None:
    seen = world.case(world.begin("m1")).content
    before = world.entries()
    job = (world.url, str(world.home), world.clock.now(), "m1", seen)
    shares = [["r1"] * (13 if n < 2 else 12) for n in range(4)]
    results = [r for f in [processes.submit(sign_many_times, *job, share) for share in shares] for r in f.result()]
    assert len(set(results) - {"DatabaseBusy"}) == 1 and results.count("DatabaseBusy") < FIFTY, Counter(results)
    assert world.entries() == before + 1
    with pytest.raises(RequestReused):
        world.engine.sign("m1", HANDLER, seen, opinion="other words", request_id="r1")


def test_of_four_processes_at_one_slot_one_signs(world: World, processes: ProcessPoolExecutor) -> None:
    for n in range(3):
        seen = world.case(world.begin(f"m{n}")).content
        job = (world.url, str(world.home), world.clock.now(), f"m{n}", seen)
        results = [f.result() for f in [processes.submit(sign_in_a_process, *job) for _ in range(4)]]
        assert Counter(results)["signed"] == 1, results
        assert set(results) <= {"signed", "Conflict", "OutOfTurn", "DatabaseBusy"}
    assert world.verify().exit_code == 0


def rungs(world: World) -> Counter[tuple[str, str, int]]:
    found: Counter[tuple[str, str, int]] = Counter()
    with world.engine.reading() as connection:
        for body in connection.execute(sa.select(tables.entry.c.body).where(tables.entry.c.act == "fire")).scalars():
            act = canonical.decode(body)["act"]
            found[act["item"], act["rule"], act["step"]] += 1
    return found


def test_two_sweepers_at_once_fire_each_rung_once(world: World) -> None:
    for n in range(40):
        world.engine.open("matter", "o1", item=f"m{n}")
    world.clock.set(world.clock.now() + 60 * 86_400_000_000)
    for _ in range(3):
        at_once([lambda: tick(world.engine)] * 2)
        world.clock.advance(timedelta(seconds=5))
    for _ in range(3):
        tick(world.engine)
        world.clock.advance(timedelta(seconds=5))
    found = rungs(world)
    assert len(found) == 40 * 3 and set(found.values()) == {1}
    with world.engine.reading() as connection:
        assert connection.execute(sa.select(tables.due.c.state).distinct()).scalars().all() == [2]
        talks = connection.execute(sa.select(sa.func.count()).where(tables.item.c.flow == "talk")).scalar()
    assert talks == 40
    assert world.verify(contents=False).exit_code == 0


def test_four_sweeping_processes_fire_each_rung_once(world: World, processes: ProcessPoolExecutor) -> None:
    for n in range(40):
        world.engine.open("matter", "o1", item=f"m{n}")
    at = world.clock.now() + 60 * 86_400_000_000
    jobs = [processes.submit(tick_in_a_process, world.url, str(world.home), at, 4) for _ in range(4)]
    fired = sum(job.result() for job in jobs)
    at += 60_000_000
    while left := tick(world.engine, at).fired:  # what each passed over because another held it waits for a next sweep
        fired, at = fired + left, at + 5_000_000
    found = rungs(world)
    assert fired == len(found) == 40 * 3 and set(found.values()) == {1}
    assert world.verify(contents=False).exit_code == 0


# --- locked out ------------------------------------------------------------------------------------------------------


def test_a_locked_sqlite_database_is_busy_and_nothing_was_written(sqlite_url: str, tmp_path: Path) -> None:
    """Only SQLite is locked as a whole."""
    world = make_world(sqlite_url, tmp_path / "home", busy_ms=50)
    seen = world.case(world.begin("m1")).content
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy, match=r"waited 0\.05 s"):
        world.engine.sign("m1", HANDLER, seen, opinion="agreed", request_id="r1")
    with pytest.raises(DatabaseBusy):
        tick(world.engine, node="n")
    assert world.case("m1").open_slots  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert world.engine.sign("m1", HANDLER, seen, opinion="agreed", request_id="r1").seq == 3
    world.engine.close()


def test_an_item_locked_on_postgresql_is_busy_and_no_other_is(postgres_url: str, tmp_path: Path) -> None:
    """Only PostgreSQL locks single rows."""
    world = make_world(postgres_url, tmp_path / "home", busy_ms=50)
    for item in ("m1", "m2"):
        world.begin(item)
    world.clock.set(world.clock.now() + 60 * 86_400_000_000)
    with world.engine.db.connect() as other, other.begin():
        items.lock(other, "m1")
        with pytest.raises(DatabaseBusy):
            world.sign("m1")
        world.sign("m2")
        swept = tick(world.engine)
    assert (swept.fired, swept.failed) == (1, 0)
    world.clock.set(world.clock.now() + 5_000_000)  # what is behind as well waits so long behind what fired
    assert tick(world.engine).fired == 2  # the busy one was only passed over
    assert world.verify().exit_code == 0
    world.engine.close()


def test_a_deadlock_of_a_host_with_us_ends_in_a_clear_error(postgres_url: str, tmp_path: Path) -> None:
    """Two items locked in opposite orders by two hosts; only PostgreSQL can do this."""
    world = make_world(postgres_url, tmp_path / "home", busy_ms=3_000)
    for item in ("m1", "m2"):
        world.begin(item)
    both = threading.Barrier(2)

    def host(first: str, second: str) -> Callable[[], None]:
        def run() -> None:
            with world.engine.db.begin() as connection, world.engine.on(connection) as desk:
                desk.submit(first, HANDLER, SHEET, outcome="found")
                both.wait()
                desk.submit(second, HANDLER, SHEET, outcome="found")

        return run

    results = at_once([host("m1", "m2"), host("m2", "m1")])
    assert sorted(type(r).__name__ for r in results) == ["DatabaseBusy", "NoneType"]
    assert world.verify().exit_code == 0
    world.engine.close()
