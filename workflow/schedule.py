"""APScheduler as the wake-up of the sweep, and nothing else.

One interval job in memory; never its job stores (four processes sharing one fired ten ticks 37 times). It survives
every tick that raises, coalesces what it slept through, and leaves a heartbeat row behind.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

from workflow import log
from workflow.engine import Engine
from workflow.errors import WorkflowError
from workflow.sequencer import drain
from workflow.sweep import SECONDS, tick


def node_name() -> str:
    """This process's name in the heartbeat table."""
    return f"{socket.gethostname()}:{os.getpid()}"[:96]


def attach(engine: Engine, scheduler: BaseScheduler, *, seconds: int = SECONDS, node: str | None = None) -> Any:
    """Let a scheduler (the host's own, or one of ours) wake the sweep every ``seconds``, and behind it the sequencer
    that puts entries into the log. Returns the job."""
    name = node or node_name()

    def wake() -> None:
        try:
            tick(engine, node=name)
            drain(engine.db)
        except WorkflowError as error:
            log.tick_failed(name, error.code)

    return scheduler.add_job(
        wake,
        "interval",
        seconds=seconds,
        jitter=1,
        id=f"signoff-workflow-tick-{id(engine)}",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )


def worker(engine: Engine, *, seconds: int = SECONDS) -> BlockingScheduler:
    """A scheduler that blocks when started: what ``workflow worker`` runs, any number of processes on one database."""
    scheduler = BlockingScheduler(timezone="UTC")
    attach(engine, scheduler, seconds=seconds)
    return scheduler


def background(engine: Engine, *, seconds: int = SECONDS) -> BackgroundScheduler:
    """The same in a thread of the host's process."""
    scheduler = BackgroundScheduler(timezone="UTC")
    attach(engine, scheduler, seconds=seconds)
    return scheduler
