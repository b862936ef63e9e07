"""One ``sign`` act, committed: the engine beside hand-written code that writes the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.floor import Pinned, Signer, Unsigned
from tests.benchmarks.measure import Result, alternate, rates, timed
from workflow import Actor, Engine
from workflow.rules.opening import item_id
from workflow.store.org import OrgReader
from workflow.verify import verify

GOAL = 0.4
UNITS = 20
Turn = tuple[str, Actor, str]


def ready(engine: Engine, count: int, prefix: str) -> Iterator[Turn]:
    """Items prepared, and whose turn it is at each: item, actor, digest of what was shown."""
    for n in range(count):
        unit = f"b{n % UNITS + 1}"
        item = f"b{item_id(prefix, str(n))}"  # spread over the index, as real ids are
        seen = world.prepared(engine, item, unit)
        for by in world.chain_of(unit, "t1"):
            yield item, by, seen


def facts(engine: Engine) -> tuple[Pinned, dict[Actor, dict[str, Any]], dict[Actor, str]]:
    """What the hand-written code is handed: pinned words, each actor's authority, and the name under which it stands."""
    day = world.START.date().isoformat()
    with engine.reading() as connection:
        definition = engine.newest(connection, world.FLOW)
        calendar = engine.calendar(connection, definition.flow.calendar)
        reader = OrgReader(connection)
        held, names = {}, {}
        for n in range(UNITS):
            for by in world.chain_of(f"b{n + 1}", "t1"):
                backed = definition.flow.posts[by.post].backstop == "superior"
                found = reader.authority(by.person, by.unit, by.post, day, backed)
                assert found is not None
                held[by] = found
                names[by] = f"authority {by.person} {by.unit} {by.post} {day} {'backstop' if backed else 'holder'}"
    liability = definition.flow.liability.zh
    pinned = Pinned(definition.name, definition.version, definition.digest, calendar.digest, liability, engine.origin)
    return pinned, held, names


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    """The goal is for commits that wait for the disk; the other row shows what is left when a disk takes no time."""
    return [_measure(dbs, kind, quick, durable) for durable in (True, False)]


def _measure(dbs: Databases, kind: Kind, quick: bool, durable: bool) -> Result:
    turns, acts = (8, 40) if quick else (20, 60)
    items = (turns + 1) * acts // 4
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home, durable=False) as engine:
            mine, theirs = list(ready(engine, items, "a")), list(ready(engine, items, "f"))
            bare = [item for item, _, _ in ready(engine, acts // 4, "u")][::4]
            pinned, held, names = facts(engine)
        databases.settle(url)
        if not durable:
            databases.trust_memory(url)
        with world.engine_on(url, home, durable=durable) as engine:
            connection, plain = databases.raw(url, durable=durable), databases.raw(url, durable=durable)
            signer, unsigned = Signer(connection, engine.key, pinned, held), Unsigned(plain)
            at = engine.clock.now()
            ours, floor, rows = iter(mine), iter(theirs), cycle(bare)
            seqs = dict.fromkeys(bare, 2)

            def by_engine() -> float:
                some = [next(ours) for _ in range(acts)]

                def work() -> None:
                    for item, by, seen in some:
                        engine.sign(item, by, seen, opinion=world.OPINION)

                return timed(work) / acts

            def by_hand() -> float:
                some = [next(floor) for _ in range(acts)]

                def work() -> None:
                    for item, by, seen in some:
                        signer.sign(item, by, seen, world.OPINION, at, names[by])

                return timed(work) / acts

            def no_evidence() -> float:
                body, snapshot = b"x" * 1550, b"x" * 2800

                def work() -> None:
                    for _ in range(acts):
                        item = next(rows)
                        seqs[item] += 1
                        unsigned.sign(item, seqs[item], body, snapshot, at)

                return timed(work) / acts

            alternate(1, by_engine, by_hand, no_evidence)  # warms caches, prepares statements
            o, f, u = alternate(turns, by_engine, by_hand, no_evidence)
            _check(engine, connection, bare)
            connection.close()
            plain.close()
    aside = rates("", kind, "", o, u, None)
    words = f"{aside.ratio:.2f} of plain unsigned rows ({aside.floor:,.0f}/s)"
    name = "sign, one act one commit" if durable else "the same, not waiting for the disk"
    return rates(name, kind, "acts/s", o, f, GOAL if durable else None, words)


def _check(engine: Engine, connection: Any, bare: list[str]) -> None:
    """What the hand-written code wrote is what the engine writes: the whole history verifies and replays."""
    cursor = connection.cursor()
    for item in bare:
        for table, column in (
            ("wf_entry", "chain"),
            ("wf_item", "id"),
            ("wf_slot", "item"),
            ("wf_stay", "item"),
            ("wf_due", "item"),
        ):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = '{item}'")
    connection.commit()
    with engine.reading() as reading:
        report = verify(reading, engine.contents)
    if not report.holds:
        raise AssertionError(f"the floor writes something else: {[str(x) for x in report.failures[:3]]}")
