"""A process that signs through the engine and says what was acknowledged, for a test that kills it."""

from __future__ import annotations

import os
import random
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.contract.world import World
from tests.simulation.crashing import CONTEXT
from workflow import Engine, SettableClock


def sign_on(url: str, home: str, at: int, name: str) -> None:
    """Open, hand in and sign matters until killed; each receipt is written to disk once the engine has returned it."""
    clock = SettableClock(at)
    world = World(Engine.at(url, home, clock=clock, durable=True), clock, url, Path(home))
    told = os.open(Path(home) / f"told-{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in range(10_000):
        item = world.begin(f"{name}-{number}", "o3")
        for _ in range(2):
            receipt = world.sign(item)
            os.write(told, f"{receipt.item} {receipt.seq} {receipt.entry.hex()}\n".encode())


def killed_while_signing(world: World, kills: int, seed: int) -> list[tuple[str, int, str]]:
    """Two processes sign; each is killed at some moment after it has signed something. What they had been acknowledged."""
    dice, found = random.Random(seed), []
    for turn in range(kills):
        names = [f"k{turn}{side}" for side in "ab"]
        running: list[BaseProcess] = []
        for name in names:
            job = (world.url, str(world.home), world.clock.now(), name)
            running.append(CONTEXT.Process(target=sign_on, args=job))
            running[-1].start()
        for name, process in zip(names, running, strict=True):
            told = world.home / f"told-{name}"
            while process.is_alive() and not (told.exists() and told.stat().st_size):
                process.join(0.01)
            process.join(dice.uniform(0.0, 0.15))
        for process in running:
            assert process.is_alive(), "expected a process that signs until it is killed"
            process.kill()
            process.join()
        for name in names:
            for line in (world.home / f"told-{name}").read_text().splitlines():
                chain, seq, hash_ = line.split(" ")
                found.append((chain, int(seq), hash_))
    return found
