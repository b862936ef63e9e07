"""The engine inside the host's own transaction: together or not at all, on default drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.contract.world import SHEET, World, make_world
from workflow import Actor, Receipt
from workflow.errors import DatabaseBusy, OutOfTurn, Refused, RequestReused, Unknown

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")


class Base(DeclarativeBase):
    pass


class Order(Base):
    """A table of the host's own."""

    __tablename__ = "host_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]


@pytest.fixture
def host(world: World) -> Iterator[sa.Engine]:
    """The host's engine on the same database: a plain ``create_engine``, driver defaults and all."""
    engine = sa.create_engine(world.url)
    Base.metadata.create_all(engine)
    world.begin("m1")
    yield engine
    engine.dispose()


Opened = AbstractContextManager[Session | Connection]
KINDS: dict[str, Callable[[sa.Engine], Any]] = {"session": Session, "connection": lambda engine: engine.connect()}


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, host: sa.Engine) -> Iterator[Session | Connection]:
    """A Session, and a Connection, of the host's."""
    with KINDS[request.param](host) as work:
        yield work


def order(work: Session | Connection, state: str = "new") -> None:
    """The host writes a row of its own, the way it is used to."""
    if isinstance(work, Session):
        work.add(Order(state=state))
    else:
        work.execute(sa.insert(Order).values(state=state))


def orders(host: sa.Engine) -> int:
    with host.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(Order)).scalar_one()


def sign(world: World, work: Any, by: Actor = HANDLER, **more: Any) -> Receipt:
    with world.engine.on(work) as desk:
        return desk.sign("m1", by, desk.case_of("m1")[0].content, **{"opinion": "agreed", **more})


def test_the_hosts_row_and_the_signature_are_committed_together(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    order(opened)
    sign(world, opened)
    opened.commit()
    assert orders(host) == 1
    assert [s.post for s in world.case("m1").open_slots] == ["secretary"]
    assert world.verify().exit_code == 0


def test_the_hosts_row_and_the_signature_are_rolled_back_together(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    before, entries = world.case("m1"), world.entries()
    order(opened)
    sign(world, opened)
    opened.rollback()
    assert (orders(host), world.case("m1"), world.entries()) == (0, before, entries)


def test_a_signature_before_the_hosts_first_write_is_rolled_back_with_it(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    before = world.entries()
    sign(world, opened)
    order(opened)
    opened.rollback()
    assert (orders(host), world.entries()) == (0, before)


def test_a_select_before_our_savepoint_leaves_nothing_behind_a_rollback(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    """Default pysqlite is not yet in a transaction after a SELECT: a savepoint there would commit by itself."""
    before = world.entries()
    opened.execute(sa.select(Order)).all()
    sign(world, opened)
    opened.rollback()
    assert world.entries() == before and orders(host) == 0


def test_a_select_before_our_savepoint_does_not_hinder_the_commit(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    opened.execute(sa.select(Order)).all()
    receipt = sign(world, opened)
    order(opened)
    opened.commit()
    assert world.engine.receipt(receipt).seal and orders(host) == 1


def test_our_refusal_leaves_the_hosts_transaction_usable(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    order(opened)
    with pytest.raises(OutOfTurn):
        sign(world, opened, SECRETARY)
    order(opened, "later")
    sign(world, opened)
    opened.commit()
    assert orders(host) == 2
    assert [s.post for s in world.case("m1").open_slots] == ["secretary"]


def test_a_write_that_fails_in_the_database_leaves_the_hosts_transaction_usable(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    """An item opened twice breaks a unique key; PostgreSQL would refuse everything after it but for our savepoint."""
    order(opened)
    with pytest.raises(Exception, match="m1 changed meanwhile"), world.engine.on(opened) as desk:
        desk.open("matter", "o3", item="m1")
    order(opened)
    opened.commit()
    assert orders(host) == 2 and world.case("m1").unit == "o1"


def test_several_acts_in_one_part_of_the_hosts_transaction_are_one(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    before = world.entries()

    def both() -> None:
        with world.engine.on(opened) as desk:
            desk.sign("m1", HANDLER, desk.case_of("m1")[0].content, opinion="agreed")
            desk.sign("m1", HANDLER, desk.case_of("m1")[0].content, opinion="agreed again")

    with pytest.raises(Refused):
        both()
    opened.commit()
    assert world.entries() == before


def test_a_receipt_is_given_only_after_the_host_has_committed(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    claim = sign(world, opened)
    assert claim.seal == b""
    with pytest.raises(Unknown, match="commit the host's transaction first"):
        world.engine.receipt(claim)
    opened.commit()
    receipt = world.engine.receipt(claim)
    assert receipt.seal and (receipt.entry, receipt.seq) == (claim.entry, claim.seq)


def test_no_receipt_is_ever_given_for_what_the_host_rolled_back(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    claim = sign(world, opened)
    opened.rollback()
    world.sign("m1")  # another entry takes the place
    with pytest.raises(Unknown):
        world.engine.receipt(claim)


def test_the_hosts_savepoint_undoes_ours_and_the_rest_is_committed(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    if isinstance(opened, Connection) and opened.dialect.name == "sqlite":
        opened.exec_driver_sql("BEGIN")  # what a host on default pysqlite must do for its own savepoints anyway
    order(opened)
    if isinstance(opened, Session):
        opened.flush()
    with opened.begin_nested() as inner:
        order(opened, "undone")
        sign(world, opened)
        inner.rollback()
    opened.commit()
    assert orders(host) == 1
    assert [s.post for s in world.case("m1").open_slots] == ["handler"]


def test_the_hosts_pending_objects_are_written_first_and_the_session_stays_the_hosts(
    world: World, host: sa.Engine
) -> None:
    with Session(host) as session, session.begin():
        mine = Order(state="new")
        session.add(mine)
        with world.engine.on(session) as desk:
            assert mine.id is not None
            desk.submit("m1", HANDLER, {"sheet": {"count": 1, "words": "one pipe"}}, outcome="found")
            assert desk.show("m1").contents == {"sheet": {"count": 1, "words": "one pipe"}}
        mine.state = "handed in"
    with Session(host) as session:
        assert session.scalars(sa.select(Order.state)).all() == ["handed in"]
    assert world.engine.show("m1").contents == {"sheet": {"count": 1, "words": "one pipe"}}


def test_what_is_not_yet_committed_is_seen_by_the_host_and_nobody_else(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    sign(world, opened)
    with world.engine.on(opened) as desk:
        assert [s.post for s in desk.case_of("m1")[0].open_slots] == ["secretary"]
    assert [s.post for s in world.case("m1").open_slots] == ["handler"]


def test_a_retry_inside_a_hosts_transaction_is_answered_and_adds_nothing(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    seen = world.case("m1").content
    with world.engine.on(opened) as desk:
        first = desk.sign("m1", HANDLER, seen, opinion="agreed", request_id="r1")
    opened.commit()
    with world.engine.on(opened) as desk:
        again = desk.sign("m1", HANDLER, seen, opinion="agreed", request_id="r1")
        with pytest.raises(RequestReused):
            desk.sign("m1", HANDLER, seen, opinion="another opinion", request_id="r1")
    opened.commit()
    assert (again.seq, again.entry) == (first.seq, first.entry)


def test_an_organisation_is_imported_with_the_hosts_rows_or_not_at_all(
    world: World, host: sa.Engine, opened: Session | Connection
) -> None:
    from tests.contract.world import imported, person_row, tenure_row

    old = tenure_row("o1-handler", "o1", "handler", until="2019-08-12")
    new = imported(persons=[person_row("new")], tenures=[old, tenure_row("new", "o1", "handler", "2019-08-12")])
    order(opened)
    with world.engine.on(opened) as desk:
        desk.import_org(new)
    opened.rollback()
    sign(world, opened)  # the old holder still holds the post
    opened.rollback()
    with world.engine.on(opened) as desk:
        desk.import_org(new)
    with pytest.raises(Refused, match="new"):
        sign(world, opened)
    sign(world, opened, Actor("new", "handler", "o1"))
    opened.commit()
    assert world.verify().exit_code == 0


def test_a_host_that_is_locked_out_is_told_so(world: World, host: sa.Engine) -> None:
    """Default pysqlite waits five seconds; the host chooses its own time."""
    quick = sa.create_engine(world.url, **({"connect_args": {"timeout": 0.05}} if host.name == "sqlite" else {}))
    with world.engine.desk() as desk, quick.connect() as connection:
        desk.sign("m1", HANDLER, desk.case_of("m1")[0].content, opinion="agreed")
        if host.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = 50")
        with pytest.raises(DatabaseBusy):
            sign(world, connection)
    quick.dispose()
    assert [s.post for s in world.case("m1").open_slots] == ["secretary"]


def test_an_async_host_hands_its_session_over_with_run_sync(database_url: str, tmp_path: Path) -> None:
    """aiosqlite and psycopg's own async mode; the engine itself stays synchronous."""
    import asyncio

    pytest.importorskip("aiosqlite")
    pytest.importorskip("greenlet")
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    world = make_world(database_url, tmp_path / "home")
    world.begin("m1")
    engine = create_async_engine(database_url.replace("sqlite://", "sqlite+aiosqlite://"))

    async def host_work(end: str) -> Receipt:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add(Order(state="new"))
            claim = await session.run_sync(lambda sync: sign(world, sync))
            await getattr(session, end)()
            return claim

    async def run() -> tuple[Receipt, Receipt]:
        undone = await host_work("rollback")
        done = await host_work("commit")
        await engine.dispose()
        return undone, done

    undone, done = asyncio.run(run())
    assert done.seq == undone.seq == 3 and world.engine.receipt(done).seal
    assert world.verify().exit_code == 0
    world.engine.close()


def test_materials_put_by_a_host_that_rolls_back_are_orphans_that_no_entry_cites(world: World, host: sa.Engine) -> None:
    with Session(host) as session:
        with world.engine.on(session) as desk:
            desk.submit("m1", HANDLER, {"sheet": {"count": 77, "words": "never happened"}}, outcome="found")
        session.rollback()
    assert world.engine.show("m1").contents == SHEET
    assert world.verify().exit_code == 0
