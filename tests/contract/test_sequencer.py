"""The sequencer on both databases: every entry comes into the log once, whatever the order of commits and whoever dies."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.logs import Writer, at_every_statement, open_writer
from tests.contract.world import World
from workflow.errors import LogBroken
from workflow.evidence.entry import entry_hash
from workflow.logbook import Logbook, places
from workflow.logcheck import check, holes
from workflow.sequencer import drain, gaps_after, gaps_filled, sequence
from workflow.store import log as store
from workflow.store.log import Gap
from workflow.store.tables import chain as chains
from workflow.store.tables import entry, log_epoch
from workflow.verify import verify


@pytest.fixture
def writer(database_url: str, tmp_path: Path) -> Iterator[Writer]:
    made = open_writer(database_url, tmp_path / "home")
    yield made
    made.engine.close()


@pytest.fixture
def book(writer: Writer) -> Logbook:
    """A log that was begun, before any entry."""
    return Logbook.at(writer.engine, writer.home)


def order(writer: Writer) -> list[tuple[str, int]]:
    """The entries in the order of the newest epoch."""
    with writer.engine.reading() as connection:
        epoch = store.newest_epoch(connection)
        assert epoch is not None
        rows = [row for portion in store.leaves(connection, epoch.epoch, 0, epoch.size) for row in portion]
    assert [row.idx for row in rows] == list(range(len(rows)))
    return [(str(row.chain), int(row.seq or 0)) for row in rows]


def gaps(writer: Writer) -> list[Gap]:
    with writer.engine.reading() as connection:
        return store.gaps(connection, 1)


def test_entries_come_into_the_log_in_order_and_once(writer: Writer, book: Logbook) -> None:
    written = [*writer.add("a", "b"), *writer.add("a"), *writer.add("c", "a")]
    assert book.sequence().added == 5
    assert order(writer) == written
    again = book.sequence()
    assert (again.size, again.added) == (5, 0)
    assert writer.check().holds


def test_nothing_is_sequenced_before_a_log_was_begun(writer: Writer) -> None:
    writer.add("a")
    drained = drain(writer.engine.db)
    assert (drained.size, drained.added) == (0, 0)
    book = Logbook.at(writer.engine, writer.home)
    assert book.sequence().size == 1


@pytest.mark.parametrize("portion", [1, 2, 3, 7, 500])
def test_the_portion_changes_nothing(writer: Writer, book: Logbook, portion: int) -> None:
    written = [one for n in range(7) for one in writer.add(f"c{n % 3}", "d")]
    assert drain(writer.engine.db, portion=portion).added == 14
    assert order(writer) == written
    assert writer.check().holds


def test_the_entry_row_is_never_touched(writer: Writer, book: Logbook) -> None:
    writer.add("a", "b")

    def rows() -> list[Any]:
        with writer.engine.reading() as connection:
            return list(connection.execute(entry.select().order_by(entry.c.id)))

    before = rows()
    book.sequence()
    assert rows() == before


def test_kept_nodes_follow_the_leaves_past_several_tiles(writer: Writer, book: Logbook) -> None:
    for start in range(0, 700, 100):
        writer.add(*(f"c{n}" for n in range(start, start + 100)))
        book.sequence()
    assert writer.check().holds
    with writer.engine.reading() as connection:
        assert len(store.nodes(connection, 1)) == 2
        found = places(connection, 1, [(f"c{n}", 1) for n in range(700)])
    assert sorted(found.values()) == list(range(700))


# --- late commits: PostgreSQL only, SQLite has one writer at a time -------------------------------------------------


@pytest.fixture
def many(postgres_url: str, tmp_path: Path) -> Iterator[Writer]:
    made = open_writer(postgres_url, tmp_path / "home")
    Logbook.at(made.engine, made.home)
    yield made
    made.engine.close()


def test_an_entry_that_commits_late_with_a_lower_id_is_not_lost_on_postgresql(many: Writer) -> None:
    db = many.engine.db
    with db.connect() as slow:
        begun = slow.begin()
        many.write(slow, "late")
        many.write(slow, "late")
        early = many.add("early")
        assert drain(db).added == 1
        assert order(many) == early
        assert gaps(many) == [Gap(1, 2)]
        begun.commit()
    assert drain(db).added == 2
    assert order(many) == [*early, ("late", 1), ("late", 2)]
    assert gaps(many) == []
    assert many.check().holds


def test_what_is_rolled_back_leaves_a_gap_that_loses_nothing_on_postgresql(many: Writer) -> None:
    db = many.engine.db
    with db.connect() as lost, db.connect() as slow:
        undone, begun = lost.begin(), slow.begin()
        many.write(lost, "lost")
        many.write(slow, "late")
        many.write(lost, "lost")
        many.add("early")
        drain(db)
        assert gaps(many) == [Gap(1, 3)]
        undone.rollback()
        assert drain(db).added == 0
        begun.commit()
    assert drain(db).added == 1
    assert gaps(many) == [Gap(1, 1), Gap(3, 3)]
    assert many.check().holds


def test_a_late_entry_stands_before_what_continues_it_on_postgresql(many: Writer) -> None:
    db = many.engine.db
    with db.connect() as slow:
        begun = slow.begin()
        many.write(slow, "a")
        many.add("b", "b", "b")
        drain(db)
        begun.commit()
    many.add("a", "b")
    assert drain(db, portion=2).added == 3
    found = order(many)
    assert [one for one in found if one[0] == "a"] == [("a", 1), ("a", 2)]
    assert many.check().holds


def test_many_late_entries_come_in_portions_before_anything_that_follows_on_postgresql(many: Writer) -> None:
    db = many.engine.db
    with db.connect() as slow:
        begun = slow.begin()
        for _ in range(10):
            many.write(slow, "late")
        many.add("early")
        drain(db)
        begun.commit()
    many.add("late", "early")
    assert drain(db, portion=4).added == 12
    assert many.check().holds


def test_writers_and_two_sequencers_at_once_lose_nothing_on_postgresql(many: Writer) -> None:
    """Transactions overlap and commit in another order than they began; some are rolled back."""
    db = many.engine.db

    def write(worker: int) -> list[tuple[str, int]]:
        kept = []
        for n in range(25):
            with db.connect() as connection:
                transaction = connection.begin()
                written = [many.write(connection, f"w{worker}-{n % 4}"), many.write(connection, f"w{worker}-x")]
                if n % 6 == 5:
                    transaction.rollback()
                else:
                    transaction.commit()
                    kept += written
        return kept

    def sequencer(_: int) -> int:
        return sum(drain(db, portion=5).added for _ in range(60))

    with ThreadPoolExecutor(8) as pool:
        writers, sequencers = [pool.submit(write, n) for n in range(6)], [pool.submit(sequencer, n) for n in range(2)]
        committed = [one for w in writers for one in w.result()]
        added = sum(s.result() for s in sequencers)
    added += drain(db).added
    assert added == len(committed)
    assert sorted(order(many)) == sorted(committed)
    assert many.check().holds


def test_two_sequencers_take_turns_on_postgresql(many: Writer) -> None:
    db = many.engine.db
    many.add("a", "b", "c")
    with db.connect() as first, ThreadPoolExecutor(1) as pool:
        begun = first.begin()
        assert sequence(first, 500)[1] == 3
        second = pool.submit(drain, db)
        assert not second.done()
        begun.commit()
        assert second.result(timeout=20).added == 0
    assert many.check().holds


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_sequencer_that_dies_at_any_statement_leaves_a_whole_log(writer: Writer, book: Logbook) -> None:
    """What waits fills a gap where there can be one (PostgreSQL), and completes a tile, so that every statement runs."""
    db, committed, sizes = writer.engine.db, list[tuple[str, int]](), list[int]()

    def wait() -> None:
        if db.dialect.name == "postgresql":
            with db.connect() as slow:
                begun = slow.begin()
                committed.extend([writer.write(slow, "late"), writer.write(slow, "late")])
                committed.extend(writer.add("early"))
                book.sequence()
                begun.commit()
        committed.extend(writer.add(*(f"c{n}" for n in range(256))))

    def look() -> None:
        report = writer.check()
        assert report.problems == []
        sizes.append(report.size)

    deaths = at_every_statement(db, book.sequence, look, wait)
    assert deaths >= (2 * 8 if db.dialect.name == "postgresql" else 2 * 6)
    assert sizes == sorted(sizes)
    assert sorted(order(writer)) == sorted(committed)
    assert writer.check().waiting == 0


def test_an_act_that_dies_at_any_statement_is_there_as_a_whole_or_not_at_all(writer: Writer, book: Logbook) -> None:
    acknowledged: list[tuple[str, int]] = []

    def look() -> None:
        book.sequence()
        report = writer.check()
        assert report.problems == [] and report.waiting == 0
        assert set(acknowledged) <= set(order(writer))

    deaths = at_every_statement(writer.engine.db, lambda: acknowledged.extend(writer.add("a", "b", "a")), look)
    assert deaths > 6
    assert len(acknowledged) == 6


def test_a_signature_that_dies_at_any_statement_leaves_item_and_log_whole(world: World) -> None:
    """The engine's own act, with all it projects: afterwards everything verifies, replays, and comes into the log."""
    book = Logbook.at(world.engine, world.home)
    item = world.begin("m1")
    signed: list[int] = []

    def look() -> None:
        book.sequence()
        with world.engine.reading() as connection:
            log, report = check(connection), verify(connection)
            assert places(connection, 1, [(item, seq) for seq in signed]).keys() == {(item, seq) for seq in signed}
        assert report.holds and report.rules == "hold", report.failures
        assert log.holds and log.waiting == 0, log.problems

    deaths = at_every_statement(world.engine.db, lambda: signed.append(world.sign(item).seq), look)
    assert deaths > 8
    assert len(signed) == 2


# --- what does not fit ----------------------------------------------------------------------------------------------


def tamper(writer: Writer, where: str, seq: int, **values: Any) -> None:
    with writer.engine.db.begin() as connection:
        done = connection.execute(entry.update().where(entry.c.chain == where, entry.c.seq == seq).values(**values))
        assert done.rowcount == 1


def stored(writer: Writer, chain: str, seq: int) -> Any:
    with writer.engine.reading() as connection:
        return connection.execute(entry.select().where(entry.c.chain == chain, entry.c.seq == seq)).one()


@pytest.mark.parametrize("column", ["body", "seal", "hash"])
def test_the_log_stops_in_front_of_an_entry_whose_bytes_were_changed(
    writer: Writer, book: Logbook, column: str
) -> None:
    writer.add("a", "b")
    writer.add("a")
    changed = bytearray(getattr(stored(writer, "a", 2), column))
    changed[10] ^= 1
    tamper(writer, "a", 2, **{column: bytes(changed)})
    with pytest.raises(LogBroken) as caught:
        book.sequence()
    assert caught.value.facts["place"] == "a#2"


def test_the_log_stops_in_front_of_an_entry_that_continues_another_history(writer: Writer, book: Logbook) -> None:
    """The seam between chain and log: what an entry continues must be the leaf that the log holds."""
    writer.add("a")
    writer.add("a")
    book.sequence()
    first = stored(writer, "a", 1)
    tamper(writer, "a", 2, hash=first.hash)  # rewritten after it was sequenced
    tamper(writer, "a", 2, body=first.body.replace(b'"seq":1', b'"seq":2'), seal=first.seal)
    again = stored(writer, "a", 2)
    tamper(writer, "a", 2, hash=entry_hash(again.body, again.seal))
    with writer.engine.db.begin() as connection:
        connection.execute(chains.update().where(chains.c.chain == "a").values(head=entry_hash(again.body, again.seal)))
    writer.add("a")  # continues the rewritten one, with an honest seal
    with pytest.raises(LogBroken, match="to continue the leaf at 1"):
        book.sequence()


def test_the_log_stops_where_an_entry_is_missing_before_another(writer: Writer, book: Logbook) -> None:
    writer.add("a")
    writer.add("a")
    with writer.engine.db.begin() as connection:
        connection.execute(entry.delete().where(entry.c.chain == "a", entry.c.seq == 1))
    with pytest.raises(LogBroken, match="a#1 before it in the log"):
        book.sequence()


def test_an_entry_moved_to_another_chain_stops_the_log(writer: Writer, book: Logbook) -> None:
    writer.add("a")
    tamper(writer, "a", 1, chain="b")
    with pytest.raises(LogBroken, match="a#1 in its bytes"):
        book.sequence()


def test_a_damaged_frontier_is_told(writer: Writer, book: Logbook) -> None:
    writer.add("a")
    book.sequence()
    writer.add("a")
    with writer.engine.db.begin() as connection:
        connection.execute(log_epoch.update().values(frontier=b"short"))
    with pytest.raises(LogBroken, match="frontier"):
        book.sequence()


# --- gaps, as arithmetic --------------------------------------------------------------------------------------------


@given(st.lists(st.sets(st.integers(1, 60)), min_size=1, max_size=6))
def test_gaps_are_always_exactly_the_ids_that_were_not_seen(arrivals: list[set[int]]) -> None:
    low, known, seen = 0, [], set[int]()
    for arrived in arrivals:
        fresh = sorted(arrived - seen)
        after, late = [i for i in fresh if i > low], [i for i in fresh if i <= low]
        low, new = gaps_after(low, after)
        gone, left = gaps_filled(known, late)
        known = sorted([*(g for g in known if g not in gone), *left, *new])
        seen |= set(fresh)
        assert known == holes(seen)
