"""Worker processes that sweep and deliver until nothing is left, for tests that kill them."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests.contract.world import World
from workflow import Engine, SettableClock, sweep
from workflow.channels import Drop
from workflow.delivery import LEASE, Notice, deliver
from workflow.errors import WorkflowError
from workflow.evidence import canonical
from workflow.run import next_moment
from workflow.store import tables
from workflow.store.database import DriverError

HOUR = 3_600_000_000
RUNGS = 3  # of a matter nobody works on: two reminders and a proposal
MESSAGES = 1 + 2 + 1
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, "workflow.store.schema"])


class Wire:
    """A receiver that remembers keys, on a line on which everything that crosses is counted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.drop = folder, Drop(folder / "kept")

    def __call__(self, notice: Notice) -> None:
        line = os.open(self.folder / "crossed", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(line, f"{notice.key}\n".encode())
        os.close(line)
        self.drop(notice)

    def crossed(self) -> int:
        return len((self.folder / "crossed").read_text().splitlines())

    def kept(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for path in (self.folder / "kept").glob("*.json"):
            found.update(m["key"] for m in canonical.decode(path.read_bytes())["messages"])
        return found


def work(url: str, home: str, at: int, batch: int) -> None:
    """What a worker process does; whatever is wrong with the database now, it tries again."""
    sweep.BATCH = batch
    wire, idle = Wire(Path(home)), 0
    while idle < 3:
        with suppress(WorkflowError, DriverError):
            clock = SettableClock(at)
            engine = Engine.at(url, home, clock=clock, durable=False, busy_ms=2_000)
            try:
                while idle < 3:
                    swept = sweep.tick(engine)
                    sent = deliver(engine, wire)
                    if swept.fired or swept.failed or sent.notices:
                        idle = 0
                    else:  # on to the next rung of a due that is behind, or to the next try
                        upcoming = next_moment(engine, clock.now())
                        if upcoming is not None and upcoming < at + HOUR:
                            clock.set(upcoming)
                        else:
                            idle += 1
            finally:
                engine.close()


@dataclass(frozen=True)
class Survived:
    """What was done to the workers, and what was left in the end."""

    kills: int
    at_work: int  # of these, while something was left to do
    crashes: int
    lost: int
    doubled: int
    crossed: int
    kept: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kill -9 ({self.at_work} with work left), {self.crashes} database crash(es): "
            f"{self.lost} lost, {self.doubled} doubled; {self.crossed} notices crossed the wire, {self.kept} kept"
        )


def punish(
    world: World, items: int, kills: int, *, workers: int = 3, batch: int = 20, crash: bool = False, seed: int = 1
) -> Survived:
    """Open items, let their time pass, and kill workers at random moments while they fire and deliver; then let them
    finish, and count."""
    dice = random.Random(seed)
    world.engine.open_many([_open(n) for n in range(items)])
    at = world.clock.now() + 60 * 86_400_000_000
    world.clock.set(at)
    job = (world.url, str(world.home), at, batch)

    def start() -> BaseProcess:
        process = CONTEXT.Process(target=work, args=job)
        process.start()
        return process

    running = [start() for _ in range(workers)]
    done = at_work = crashes = 0
    while done < kills:
        victim = dice.randrange(workers)
        running[victim].join(dice.uniform(0.02, 0.4))
        at_work += _left(world)
        running[victim].kill()
        running[victim].join()
        running[victim] = start()
        done += 1
        if crash and done == kills // 2:
            _crash(world)
            crashes += 1
    for process in running:
        process.join()
    wire = Wire(world.home)
    for step in (1, 2):  # what a killed process had claimed is free by then
        world.clock.set(at + step * LEASE)
        deliver(world.engine, wire)
    fired = rungs(world)
    wanted = {(f"x{n}", "report/1", step) for n in range(items) for step in range(RUNGS)}
    with world.engine.reading() as connection:
        keys = set(connection.execute(sa.select(tables.outbox.c.dedupe)).scalars())
        unsent = connection.execute(
            sa.select(sa.func.count()).where(tables.outbox.c.sent_at.is_(None)).select_from(tables.outbox)
        ).scalar_one()
        talks = connection.execute(sa.select(sa.func.count()).where(tables.item.c.flow == "talk")).scalar_one()
    kept = wire.kept()
    lost = len(wanted - fired.keys()) + len(keys - kept.keys()) + unsent + (items - talks)
    doubled = sum(n - 1 for n in (*fired.values(), *kept.values())) + len(fired.keys() - wanted)
    assert len(keys) == items * MESSAGES
    return Survived(done, at_work, crashes, lost, doubled, wire.crossed(), len(kept))


def _open(n: int):  # type: ignore[no-untyped-def]
    from workflow.acts import Open

    return Open(item=f"x{n}", flow="matter", unit="o1", campaign="c1", category="leak")


def _left(world: World) -> bool:
    """Whether a rung waits to be fired or a message to be handed over: both are the workers' work."""
    try:
        with world.engine.reading() as connection:
            rung = sa.select(tables.due.c.id).where(tables.due.c.state == 0).limit(1)
            message = sa.select(tables.outbox.c.id).where(tables.outbox.c.sent_at.is_(None)).limit(1)
            return any(connection.execute(each).first() for each in (rung, message))
    except (WorkflowError, DriverError):  # in recovery: whatever was left is left
        return True


def _crash(world: World) -> None:
    """One of the server's own processes dies as if by a fault: PostgreSQL throws its memory away, ends every connection
    and recovers from its log."""
    with psycopg.connect(world.url.replace("+psycopg", "")) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
    for _ in range(1_000):
        with suppress(psycopg.Error), psycopg.connect(world.url.replace("+psycopg", ""), connect_timeout=5):
            return
    raise AssertionError("PostgreSQL did not come up again")


def rungs(world: World) -> Counter[tuple[str, str, int]]:
    """How often each rung is on record."""
    found: Counter[tuple[str, str, int]] = Counter()
    with world.engine.reading() as connection:
        for body in connection.execute(sa.select(tables.entry.c.body).where(tables.entry.c.act == "fire")).scalars():
            act = canonical.decode(body)["act"]
            found[act["item"], act["rule"], act["step"]] += 1
    return found
