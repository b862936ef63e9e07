"""``Engine.open_many``: one item for each organisation of a campaign, beside hand-written set-wise code.

Run as a program (``python -m tests.benchmarks.opening URL HOME COUNT``) it opens them and says how far it is: the
benchmark kills such a process and looks whether another run completes the rest and opens nothing twice.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks import databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.floor import SORTED, entry_hash, pae
from tests.benchmarks.measure import Result, alternate, rates, timed
from tests.benchmarks.signing import GOAL
from workflow import Engine
from workflow.acts import Open
from workflow.evidence import canonical
from workflow.evidence.keys import KeyProvider
from workflow.store import items
from workflow.verify import verify

ITEMS, CHUNK = 40_000, 500
CAMPAIGN, CATEGORY = "campaign-1", "team-incomplete"

COLUMNS = {
    "wf_entry": ("chain", "seq", "at", "act", "body", "seal", "hash"),
    "wf_item": (
        *("id", "flow", "definition", "campaign", "unit", "stage", "round", "klass", "category", "final", "opened_at"),
        *("seq", "head", "snapshot"),
    ),
    "wf_slot": ("item", "key", "unit", "post", "kind", "stage", "opened_at"),
    "wf_stay": ("item", "n", "stage", "round", "entered_at"),
    "wf_due": ("item", "rule", "ladder", "missed_at", "step", "next_at", "state"),
}


def opens(count: int) -> Iterator[Open]:
    for n in range(1, count + 1):
        yield Open(item=f"{CAMPAIGN}.b{n}", flow=world.FLOW, unit=f"b{n}", campaign=CAMPAIGN, category=CATEGORY)


def sealed(bodies: Sequence[bytes], key: KeyProvider) -> list[bytes]:
    """One signature over a Merkle tree of entries: their seals."""
    levels = [[sha256(b"\x00" + b).digest() for b in bodies]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [sha256(b"\x01" + a + b).digest() for a, b in zip(below[::2], below[1::2], strict=False)]
        levels.append(above + below[len(above) * 2 :])
    size = len(bodies).to_bytes(4, "big")
    head = key.key_id() + key.sign(pae(b"application/vnd.signoff.seal+v1", levels[-1][0] + size))
    seals = []
    for n in range(len(bodies)):
        path, at = [], n
        for level in levels[:-1]:
            if at ^ 1 < len(level):
                path.append(level[at ^ 1])
            at >>= 1
        seals.append(b"".join((head, n.to_bytes(4, "big"), size, *path)))
    return seals


class Opener:
    """Opens items set-wise on one raw connection, modelled on an item that the engine opened: the body of its first
    entry, and its snapshot after that."""

    def __init__(self, connection: Any, key: KeyProvider, model: dict[str, Any], after: dict[str, Any]) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.key = key
        self.model, self.after = model, after
        self.sqlite = type(connection).__module__.startswith("sqlite3")
        self.above: dict[str, str | None] = {}
        self.steps: dict[str, dict[str, Any]] = {}

    def know_organisation(self, day: str) -> None:
        """Everybody's superior in one statement."""
        self.cursor.execute(
            """SELECT u.id, u.level, u.name_zh, u.established_on, p.parent FROM wf_unit u
            LEFT JOIN wf_parent p ON p.unit = u.id AND p.kind = 'managing'"""
        )
        for unit, level, name, since, parent in self.cursor.fetchall():
            self.above[unit] = parent
            self.steps[unit] = {"unit": unit, "level": level, "name": name, "established": since <= day}

    def path(self, unit: str) -> list[dict[str, Any]]:
        at: str | None = unit
        found = []
        while at is not None:
            found.append(self.steps[at])
            at = self.above[at]
        return found

    def open_many(self, some: Sequence[Open], at: int, day: str) -> None:
        """One chunk: look which are there, make the entries, write five tables, commit."""
        self.cursor.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")
        if not self.above:
            self.know_organisation(day)
        names = [o.item for o in some]
        if self.sqlite:
            self.cursor.execute(f"SELECT id FROM wf_item WHERE id IN ({','.join('?' * len(names))})", names)
        else:
            self.cursor.execute("SELECT id FROM wf_item WHERE id = ANY(%s)", (names,))
        present = {r[0] for r in self.cursor.fetchall()}
        fresh = [o for o in some if o.item not in present]
        cases = [self._case(o, at, day) for o in fresh]
        seals = sealed([body for body, _ in cases], self.key)
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        for o, (body, case), seal in zip(fresh, cases, seals, strict=True):
            self._rows(rows, o, body, case, seal, at)
        for table, found in rows.items():
            self._write(table, found)
        self.cursor.execute("COMMIT")

    def _case(self, o: Open, at: int, day: str) -> tuple[bytes, dict[str, Any]]:
        path = self.path(o.unit)
        opened, entered, *armed = self.model["effects"]
        levels = {step["level"]: step["unit"] for step in path}
        slots = [{**s, "unit": levels[s["level"]]} for s in entered["slots"]]
        effects = [{**opened, "item": o.item, "unit": o.unit}, {**entered, "slots": slots}, *armed]
        act = {**self.model["act"], "item": o.item, "unit": o.unit}
        facts = {f"path {o.unit} {day}": path}
        body = {**self.model, "act": act, "chain": o.item, "at": at, "effects": effects, "facts": facts}
        case = {**self.after, "item": o.item, "unit": o.unit, "entered": at, "slots": slots}
        return orjson.dumps(body, option=SORTED), case

    def _rows(
        self, rows: dict[str, list[tuple[Any, ...]]], o: Open, body: bytes, case: dict[str, Any], seal: bytes, at: int
    ) -> None:
        hash_, snapshot = entry_hash(body, seal), orjson.dumps(case, option=SORTED)
        stage, slot = case["stage"], case["slots"][0]
        rows["wf_entry"].append((o.item, 1, at, "open", body, seal, hash_))
        fixed = (o.item, o.flow, case["definition"], o.campaign, o.unit, stage, 1, "", o.category, False, at)
        rows["wf_item"].append((*fixed, 1, hash_, snapshot))
        rows["wf_slot"].append((o.item, slot["key"], slot["unit"], slot["post"], slot["kind"], stage, at))
        rows["wf_stay"].append((o.item, 1, stage, 1, at))
        for rule, due in case["dues"].items():
            rows["wf_due"].append((o.item, rule, due["ladder"], due["missed"], due["step"], due["next"], 0))

    def _write(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = ", ".join(COLUMNS[table])
        if self.sqlite:
            places = ", ".join("?" * len(COLUMNS[table]))
            self.cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
            return
        with self.cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    count, turn = (4_000, 500) if quick else (ITEMS, 2_000)
    home = dbs.home()
    day = world.START.date().isoformat()
    with dbs.new(kind) as url, dbs.new(kind) as other:
        for each in (url, other):
            world.found(each, home, ITEMS)
            databases.settle(each)
        with world.engine_on(url, home) as engine, world.engine_on(other, home) as second:
            engine.open(world.FLOW, "b1", item="model", campaign=CAMPAIGN, category=CATEGORY)
            with engine.reading() as connection:
                model = canonical.decode(items.entries(connection, "model")[0].body)
                after = canonical.read(items.read(connection, "model").snapshot)
            opener = Opener(databases.raw(other), second.key, model, after)
            at = engine.clock.now()
            ours, theirs = opens(count), opens(count)

            def by_engine() -> float:
                some = [next(ours) for _ in range(turn)]
                return timed(lambda: engine.open_many(some, chunk=CHUNK)) / turn

            def by_hand() -> float:
                some = [next(theirs) for _ in range(turn)]

                def work() -> None:
                    for start in range(0, turn, CHUNK):
                        opener.open_many(some[start : start + CHUNK], at, day)

                return timed(work) / turn

            o, f = alternate(count // turn, by_engine, by_hand)
            _hold(engine, count + 1)
            _hold(second, count)
            opener.connection.close()
    name = f"open_many of {count:,} items, {CHUNK} a commit"
    return [rates(name, kind, "items/s", o, f, GOAL, f"whole run {sum(o) * turn:.1f} s"), _resumed(dbs, kind)]


def _hold(engine: Engine, count: int) -> None:
    """There are so many items beside the import, and every entry verifies: what the hand-written code wrote is what the
    engine writes."""
    with engine.reading() as connection:
        report = verify(connection, engine.contents)
    if not report.holds or report.entries != count + 1:
        raise AssertionError(f"{report.entries} entries of {count}: {[str(x) for x in report.failures[:3]]}")


def _resumed(dbs: Databases, kind: Kind) -> Result:
    """Kill a process that opens, run again, and count: the share of items that are there exactly once."""
    count = 3_000
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, count)
        command = [sys.executable, "-m", "tests.benchmarks.opening", url, str(home), str(count)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= count // 3:
                break
        child.kill()
        child.wait()
        child.stdout.close()
        with world.engine_on(url, home) as engine:
            rest = engine.open_many(opens(count))
            again = engine.open_many(opens(count))
            _hold(engine, count)
    whole = 1.0 if 0 < rest < count and again == 0 else 0.0
    aside = f"{count - rest:,} were there after kill -9, {rest:,} opened by the second run, {again} by the third"
    return Result(
        "open_many after kill -9: completed, none twice", kind, "", whole, None, None, whole, whole, 1, True, aside
    )


def main(url: str, home: str, count: str) -> None:
    with world.engine_on(url, Path(home)) as engine:
        engine.open_many(opens(int(count)), progress=lambda seen, opened: print(seen, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
