"""Hints over a real RabbitMQ: erase every queue, kill a worker in mid-batch, and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from tests.contract.world import World, worlds
from workflow import lists, tick, views
from workflow.sight import all_of
from workflow_adapters.celery import QUEUE, CeleryHint, sign_off_app

ITEMS = 60
ROOT = Path(__file__).parents[2]
PAUSE = Event()  # never set: waits a moment for what another process does


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Many matters whose next rung has come."""
    for made in worlds(database_url, tmp_path / "home"):
        for n in range(ITEMS):
            made.begin(f"m-{n:03}")
        made.clock.advance(timedelta(days=30))
        yield made


def until(true: Callable[[], bool], seconds: int = 60) -> bool:
    """Whether something that another process does becomes true in time."""
    for _ in range(seconds * 20):
        if true():
            return True
        PAUSE.wait(0.05)
    return False


@contextmanager
def worker(world: World, broker: str, drop: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {
        "WF_BROKER": broker,
        "WF_URL": world.url,
        "WF_HOME": str(world.home),
        "WF_AT": str(world.clock.now()),
        "WF_DROP": str(drop),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}",
    }
    command = [
        *(sys.executable, "-W", "ignore", "-m", "celery", "-A", "tests.broker.worker", "worker"),
        *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning"),
    ]
    with (drop.parent / f"{drop.name}.log").open("ab") as out:
        running = subprocess.Popen(command, env=env, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)


def fired(world: World) -> Counter[tuple[str, str, int]]:
    with world.engine.look() as desk:
        return Counter((r.item, r.rule, r.step) for r in views.rungs(desk))


def expected(world: World) -> int:
    """One rung of each matter's first due: one fires for each sweep."""
    with world.engine.look() as desk:
        return len({r.item for r in views.missed(desk, world.clock.now())})


def test_a_hint_is_looked_at_by_whoever_works(world: World, broker: str, tmp_path: Path) -> None:
    app = sign_off_app(broker)
    hint = CeleryHint(app)
    with worker(world, broker, tmp_path / "drop"):
        hint("sweep")
        assert until(lambda: len(fired(world)) >= ITEMS), len(fired(world))
        hint("deliver")
        assert until(lambda: len(list((tmp_path / "drop").glob("*.json"))) > 0)
    assert set(fired(world).values()) == {1}
    notices = [json.loads(p.read_bytes()) for p in (tmp_path / "drop").glob("*.json")]
    assert len({m["key"] for n in notices for m in n["messages"]}) == sum(len(n["messages"]) for n in notices)
    app.close()


def test_a_hint_is_in_the_queue_when_the_broker_has_confirmed_it(world: World, broker: str) -> None:
    app = sign_off_app(broker)
    hint = CeleryHint(app)
    with app.connection_for_write() as connection:
        channel = connection.channel()
        queue = app.amqp.queues[QUEUE](channel)
        queue.declare()
        queue.purge()
        for _ in range(3):
            hint("sweep")
        assert queue.purge() == 3  # at once: nothing is still on its way
    app.close()


def test_with_every_queue_erased_nothing_is_lost_or_doubled(world: World, broker: str, tmp_path: Path) -> None:
    app = sign_off_app(broker)
    hint = CeleryHint(app)
    for _ in range(20):
        hint("sweep")
    with app.connection_for_write() as connection:
        channel = connection.channel()
        queue = app.amqp.queues[QUEUE](channel)
        assert until(lambda: (queue.purge() or 0) > 0)
        queue.purge()
    assert fired(world) == Counter()
    while tick(world.engine).fired:  # the sweep that looks without being told
        world.clock.advance(timedelta(seconds=5))
    once = fired(world)
    with worker(world, broker, tmp_path / "drop"):
        for _ in range(5):
            hint("sweep")
        hint("deliver")
        assert until(lambda: len(list((tmp_path / "drop").glob("*.json"))) > 0)
    assert fired(world) == once and set(once.values()) == {1} and len({k[0] for k in once}) == expected(world)
    app.close()


def test_a_worker_killed_in_mid_batch_leaves_the_rest_to_the_next(world: World, broker: str, tmp_path: Path) -> None:
    app = sign_off_app(broker)
    hint = CeleryHint(app)
    with worker(world, broker, tmp_path / "first") as first:
        hint("sweep")
        until(lambda: len(fired(world)) > 0, 60)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    killed_after = len(fired(world))
    with worker(world, broker, tmp_path / "second"):
        assert until(lambda: _hinted(hint, world) >= ITEMS, 90), (killed_after, len(fired(world)))
    counted = fired(world)
    assert set(counted.values()) == {1}
    assert {k[0] for k in counted} == {f"m-{n:03}" for n in range(ITEMS)}
    assert world.verify().holds
    app.close()


def test_a_campaign_is_opened_in_parts_by_several_workers_and_nothing_twice(
    world: World, broker: str, tmp_path: Path
) -> None:
    app, parts = sign_off_app(broker), 6
    hint = CeleryHint(app)

    def opened() -> int:
        with world.engine.look() as desk:
            return sum(n for _, campaign, n in lists.campaigns(desk, all_of("2019-08-12")) if campaign == "bulk")

    def ask() -> int:
        for part in range(parts):
            hint("open", part, "bulk")
        PAUSE.wait(1)
        return opened()

    with worker(world, broker, tmp_path / "first") as first, worker(world, broker, tmp_path / "second"):
        for part in range(parts):
            hint("open", part, "bulk")
        until(lambda: opened() > 0)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert until(lambda: ask() == 60, 60), opened()
    assert {world.entries(f"bulk-{n:03}") for n in range(60)} == {1}
    assert world.verify().holds
    app.close()


def _hinted(hint: CeleryHint, world: World) -> int:
    hint("sweep")
    PAUSE.wait(1)
    return len({k[0] for k in fired(world)})


def test_without_a_broker_a_hint_is_lost_and_nobody_waits_or_hears_of_it() -> None:
    app = sign_off_app("amqp://guest:guest@127.0.0.1:1//", broker_connection_timeout=1)
    CeleryHint(app)("sweep")
    app.close()
