"""Bulk escalation: rungs of thousands of dues at one moment, beside hand-written set-wise code.

The hand-written side is what somebody would write who needed exactly this rung and nothing else: it claims, reads the
snapshots, makes the chained entries, signs them once a transaction, and writes entry, item, due and message set-wise on
the driver. What it writes is checked: the whole history verifies and replays.

Run as a program (``python -m tests.benchmarks.escalation URL HOME AT``) it says that it is ready, waits for a line, and
sweeps until nothing is due: four of these are measured beside one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import sqlalchemy as sa

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.floor import SORTED, entry_hash
from tests.benchmarks.measure import Result, alternate, rates, timed
from tests.benchmarks.opening import opens, sealed
from workflow import Engine, SettableClock
from workflow.evidence import canonical
from workflow.evidence.keys import KeyProvider
from workflow.store import items, tables
from workflow.sweep import BATCH, tick
from workflow.verify import verify

ITEMS, TURN = 24_000, 2_000
GOAL, TOGETHER = 0.5, 1.3
RULE = "investigation/1"
SECOND = 1_000_000

CLAIM = """SELECT d.id, i.id, i.unit, i.seq, i.head, i.snapshot, (SELECT head FROM wf_chain WHERE chain = 'org')
    FROM wf_due d JOIN wf_item i ON i.id = d.item WHERE d.state = 0 AND d.next_at <= ? AND d.attempts < 8
    ORDER BY d.next_at, d.id LIMIT ?"""
WRITES = {
    "entry": "INSERT INTO wf_entry (chain, seq, at, act, body, seal, hash) VALUES (?, ?, ?, 'fire', ?, ?, ?)",
    "item": "UPDATE wf_item SET seq = ?, head = ?, snapshot = ? WHERE id = ? AND seq = ?",
    "due": "UPDATE wf_due SET step = ?, next_at = ? WHERE id = ?",
    "outbox": """INSERT INTO wf_outbox (dedupe, topic, recipient, payload, created_at, next_try_at)
        VALUES (?, 'reminded', ?, ?, ?, ?)""",
}
SET_WISE = {
    "entry": """INSERT INTO wf_entry (chain, seq, at, act, body, seal, hash)
        SELECT a, b, c, 'fire', d, e, f FROM unnest(%b::text[], %b::int[], %b::bigint[], %b::bytea[], %b::bytea[],
        %b::bytea[]) AS n(a, b, c, d, e, f)""",
    "item": """UPDATE wf_item SET seq = a, head = b, snapshot = c
        FROM unnest(%b::int[], %b::bytea[], %b::bytea[], %b::text[], %b::int[]) AS n(a, b, c, d, e)
        WHERE id = d AND seq = e""",
    "due": """UPDATE wf_due SET step = a, next_at = b
        FROM unnest(%b::int[], %b::bigint[], %b::bigint[]) AS n(a, b, c) WHERE id = c""",
    "outbox": """INSERT INTO wf_outbox (dedupe, topic, recipient, payload, created_at, next_try_at)
        SELECT a, 'reminded', b, c, d, e FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::bigint[], %b::bigint[])
        AS n(a, b, c, d, e)""",
}


class Escalator:
    """Fires the first rung set-wise on one raw connection, modelled on the body of an entry that the engine wrote."""

    def __init__(self, connection: Any, key: KeyProvider, model: dict[str, Any]) -> None:
        self.cursor = connection.cursor()
        self.key, self.model = key, model
        self.sqlite = type(connection).__module__.startswith("sqlite3")
        self.above: dict[str, str | None] = {}
        self.steps: dict[str, dict[str, Any]] = {}
        self.holders: dict[str, tuple[str, str]] = {}

    def know_organisation(self, day: str) -> None:
        self.cursor.execute(
            """SELECT u.id, u.level, u.name_zh, u.established_on, p.parent FROM wf_unit u
            LEFT JOIN wf_parent p ON p.unit = u.id AND p.kind = 'managing'"""
        )
        for unit, level, name, since, parent in self.cursor.fetchall():
            self.above[unit] = parent
            self.steps[unit] = {"unit": unit, "level": level, "name": name, "established": since <= day}
        self.cursor.execute("SELECT unit, id, person FROM wf_tenure WHERE post = 'secretary' AND NOT acting")
        self.holders = {unit: (id_, person) for unit, id_, person in self.cursor.fetchall()}

    def path(self, unit: str) -> list[dict[str, Any]]:
        at: str | None = unit
        found = []
        while at is not None:
            found.append(self.steps[at])
            at = self.above[at]
        return found

    def claim(self, at: int) -> list[Any]:
        self.cursor.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")
        claim = CLAIM if self.sqlite else CLAIM.replace("?", "%s") + " FOR UPDATE OF i, d SKIP LOCKED"
        self.cursor.execute(claim, (at, BATCH))
        return list(self.cursor.fetchall())

    def sweep(self, at: int, day: str) -> int:
        """Everything due, so many a commit."""
        fired = 0
        while rows := self.claim(at):
            if not self.steps:
                self.know_organisation(day)
            made = [self._made(row, at, day) for row in rows]
            seals = sealed([body for body, *_ in made], self.key)
            out: dict[str, list[tuple[Any, ...]]] = {table: [] for table in WRITES}
            for (due, item, _, seq, *_), (body, snapshot, told), seal in zip(rows, made, seals, strict=True):
                hash_ = entry_hash(body, seal)
                out["entry"].append((item, seq + 1, at, body, seal, hash_))
                out["item"].append((seq + 1, hash_, snapshot, item, seq))
                out["due"].append((self.step, self.next, due))
                payload = orjson.dumps({"item": item, "rule": RULE, "step": self.step - 1, "to": told}, option=SORTED)
                dedupe = f"{item} {RULE} {self.step - 1} {told['unit']} {told['post']} {told['person']}"
                out["outbox"].append((dedupe, told["person"], payload, at, at))
            self.write(out)
            fired += len(rows)
        self.cursor.execute("COMMIT")
        return fired

    def _made(self, row: Any, at: int, day: str) -> tuple[bytes, bytes, dict[str, Any]]:
        _, item, unit, seq, head, snapshot, org = row
        case, model = orjson.loads(snapshot), self.model
        reminded, moved = model["effects"]
        self.step, self.next = moved["step"], moved["next"]
        tenure, person = self.holders[unit]
        told = {"unit": unit, "post": "secretary", "person": person, "as": "holder"}
        answer = {"tenure": tenure, "person": person, "post": "secretary", "unit": unit, "as": "holder", "at": unit}
        body = {
            **model,
            "act": {**model["act"], "item": item},
            "chain": item,
            "seq": seq + 1,
            "prev": head.hex(),
            "at": at,
            "org": org.hex(),
            "facts": {
                f"path {unit} {day}": self.path(unit),
                f"answerable {unit} secretary {day} backstop": [answer],
            },
            "effects": [{**reminded, "to": [told]}, moved],
        }
        case["dues"][RULE] |= {"step": moved["step"], "next": moved["next"]}
        return orjson.dumps(body, option=SORTED), orjson.dumps(case, option=SORTED), told

    def write(self, out: dict[str, list[tuple[Any, ...]]]) -> None:
        for table, rows in out.items():
            if self.sqlite:
                self.cursor.executemany(WRITES[table], rows)
            else:
                self.cursor.execute(SET_WISE[table], [list(column) for column in zip(*rows, strict=True)])
        self.cursor.execute("COMMIT")


class Unsigned(Escalator):
    """The same rows with nothing computed: no digest, no hash, no signature, a snapshot of the same size."""

    def sweep(self, at: int, day: str) -> int:
        fired, body, snapshot = 0, b"x" * 1_700, b"x" * 2_800
        moved = self.model["effects"][1]
        while rows := self.claim(at):
            out: dict[str, list[tuple[Any, ...]]] = {table: [] for table in WRITES}
            for due, item, unit, seq, *_ in rows:
                out["entry"].append((item, seq + 1, at, body, b"", b""))
                out["item"].append((seq + 1, b"", snapshot, item, seq))
                out["due"].append((moved["step"], moved["next"], due))
                out["outbox"].append((f"{item} {RULE} 0", unit, b"x" * 150, at, at))
            self.write(out)
            fired += len(rows)
        self.cursor.execute("COMMIT")
        return fired


def _lay(dbs: Databases, url: str, home: Path, count: int, start: int) -> None:
    """``count`` items whose first rung has come; every ``TURN`` of them are due a second after those before."""
    world.found(url, home, count)
    with world.engine_on(url, home, durable=False) as engine:
        engine.open_many(opens(count))
        with engine.desk() as desk:
            due = tables.due
            desk.connection.execute(due.update().values(next_at=start + (due.c.id - 1) // TURN * SECOND))
    databases.settle(url)


def _first_rung(engine: Engine) -> int:
    with engine.reading() as connection:
        return int(connection.execute(sa.select(sa.func.min(tables.due.c.next_at))).scalar_one())


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    count = 6_000 if quick else ITEMS
    turns = count // TURN
    with dbs.new(kind) as url, dbs.new(kind) as other, dbs.new(kind) as third:
        home = dbs.home()
        with dbs.new(kind) as small:
            world.found(small, home, 1)
            with world.engine_on(small, home) as engine:
                engine.open_many(opens(1))
                start = _first_rung(engine)
                assert tick(engine, start).fired == 1
                chain = next(opens(1)).item
                with engine.reading() as connection:
                    model = canonical.decode(items.entries(connection, chain)[1].body)
        for each in (url, other, third):
            _lay(dbs, each, home, count, start)
        day = next(name for name in model["facts"] if name.startswith("path ")).split()[2]
        with world.engine_on(url, home) as engine, world.engine_on(other, home) as second:
            by_hand = Escalator(databases.raw(other), second.key, model)
            unsigned = Unsigned(databases.raw(third), second.key, model)
            moments = [start + n * SECOND for n in range(turns)]
            queues = [iter(moments) for _ in range(3)]

            def ours() -> float:
                at = next(queues[0])
                return timed(lambda: _all(tick(engine, at).fired)) / TURN

            def floor() -> float:
                at = next(queues[1])
                return timed(lambda: _all(by_hand.sweep(at, day))) / TURN

            def plain() -> float:
                at = next(queues[2])
                return timed(lambda: _all(unsigned.sweep(at, day))) / TURN

            o, f, u = alternate(turns, ours, floor, plain)
            for one in (engine, second):
                _hold(one, count)
            _same(engine, second)
    beside = rates("", kind, "", o, u, None)
    aside = f"{beside.ratio:.2f} of plain unsigned rows ({beside.floor:,.0f}/s)"
    found = [rates(f"bulk escalation, {BATCH} a commit", kind, "rungs/s", o, f, GOAL, aside)]
    return found + ([_together(dbs, count, start)] if kind == "postgresql" else [])


def _all(fired: int) -> None:
    if fired != TURN:
        raise AssertionError(f"{fired} rungs of {TURN}")


def _hold(engine: Engine, count: int) -> None:
    """Each rung once, and every entry verifies and replays."""
    with engine.reading() as connection:
        report = verify(connection, engine.contents)
        fired = connection.execute(sa.select(sa.func.count()).where(tables.entry.c.act == "fire")).scalar_one()
    if not report.holds or fired != count:
        raise AssertionError(f"{fired} rungs of {count}: {[str(x) for x in report.failures[:3]]}")


def _same(engine: Engine, other: Engine) -> None:
    """Both sides left the same dues and messages behind."""
    columns = {tables.due: ("item", "step", "next_at", "state"), tables.outbox: ("dedupe", "recipient", "payload")}
    for table, names in columns.items():
        query = sa.select(*(table.c[n] for n in names)).order_by(table.c[names[0]])
        with engine.reading() as one, other.reading() as two:
            if one.execute(query).all() != two.execute(query).all():
                raise AssertionError(f"{table.name} differs")


def _together(dbs: Databases, count: int, start: int) -> Result:
    """Rungs a second of four processes on one database, to those of one; each at a moment at which all are due."""
    walls: dict[int, list[float]] = {1: [], 4: []}
    at = start + count * SECOND
    for number in (1, 4, 4, 1):
        with dbs.new("postgresql") as url:
            home = dbs.home()
            _lay(dbs, url, home, count, start)
            walls[number].append(_processes(url, home, at, number, count))
    best = {n: min(w) for n, w in walls.items()}
    ratio = best[1] / best[4]
    aside = f"{count:,} rungs; each the better of two runs"
    name = "the same, four processes to one"
    return Result(
        name, "postgresql", "rungs/s", count / best[4], count / best[1], ratio, ratio, ratio, TOGETHER, True, aside
    )


def _processes(url: str, home: Path, at: int, number: int, count: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.escalation", url, str(home), str(at)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(number)
    ]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    began = perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    fired = 0
    for child in children:
        said, _ = child.communicate()
        fired += int(said)
    wall = perf_counter() - began
    if fired != count:
        raise AssertionError(f"{number} processes fired {fired} of {count}")
    return wall


def main(url: str, home: str, at: str) -> None:
    engine = Engine.at(url, home, clock=SettableClock(int(at)))
    with engine.reading() as connection:
        items.org_head(connection)
    print("ready", flush=True)
    sys.stdin.readline()
    print(tick(engine, int(at)).fired, flush=True)
    engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
