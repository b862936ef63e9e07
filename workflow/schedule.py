"""APScheduler as the wake-up of the sweep, and nothing else.

Interval jobs in memory, one that sweeps and one that hands notices over; never its job stores (four processes sharing
one fired ten ticks 37 times). On a host's scheduler too they are kept in memory and run in threads, whatever its own jobs
are kept and run in. They survive every time that raises, coalesce what they slept through, and a sweep leaves a heartbeat
row behind.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

from workflow import log
from workflow.channels import Patient
from workflow.clock import local_day
from workflow.delivery import AT_ONCE, Delivered, Policy, Send, deliver
from workflow.engine import KEPT, Engine
from workflow.errors import WorkflowError
from workflow.keeping import propose
from workflow.reprojection import follow
from workflow.sequencer import drain
from workflow.store import beat, library
from workflow.sweep import SECONDS, Swept, tick

NOTHING = Delivered()
HOUR = 3_600  # seconds
PATIENCE = 60.0  # seconds for one notice, before its channel is given up on for this time
OURS = "signoff-workflow"  # the job store and executor that our jobs have on any scheduler


def node_name() -> str:
    """This process's name in the heartbeat table."""
    return f"{socket.gethostname()}:{os.getpid()}"[:96]


def attach(
    engine: Engine,
    scheduler: BaseScheduler,
    *,
    seconds: int = SECONDS,
    node: str | None = None,
    send: Send | None = None,
    policy: Policy = AT_ONCE,
) -> Any:
    """Let a scheduler (the host's own, or one of ours) wake the sweep every ``seconds``, and behind it the sequencer
    that puts entries into the log; and once a day the look at what is kept longer than its flow says.

    Args:
        send: hands notices over, in a job of its own, so that a slow channel holds no sweep up, and in a thread of its
            own, so that a call that hangs holds no other notice up (``channels.Patient``). None: nobody here does.

    Returns:
        The job that sweeps.
    """
    name = node or node_name()
    with suppress(ValueError):  # another engine has brought them
        scheduler.add_jobstore(MemoryJobStore(), OURS)
        scheduler.add_executor(ThreadPoolExecutor(), OURS)
    how: dict[str, Any] = {
        "coalesce": True,
        "max_instances": 1,
        "misfire_grace_time": None,
        "jitter": 1,
        "seconds": seconds,
    }
    how |= {"jobstore": OURS, "executor": OURS}

    look_for_calendars = _surviving(name, _following(engine))

    def wake() -> None:
        look_for_calendars()
        tick(engine, node=name)
        drain(engine.db)

    job = scheduler.add_job(_surviving(name, wake), "interval", id=f"signoff-workflow-tick-{id(engine)}", **how)
    hourly = {**how, "seconds": HOUR}
    look = _surviving(name, _once_a_day(engine))
    scheduler.add_job(look, "interval", id=f"signoff-workflow-keeping-{id(engine)}", **hourly)
    if send is not None:
        run = _surviving(name, partial(deliver, engine, Patient(send, PATIENCE), policy=policy))
        scheduler.add_job(run, "interval", id=f"signoff-workflow-deliver-{id(engine)}", **how)
    return job


def _following(engine: Engine) -> Callable[[], object]:
    """Count dates again by calendars that were published since a node last swept: by a host that only published them. And
    once more when no process counts by the ones before any longer, for what was opened by those meanwhile."""
    since: list[int] = []
    once_more: dict[str, int] = {}

    def look() -> None:
        with engine.reading() as connection:
            now = engine.now(connection)
            if not since:
                since.append(max((b["at"] for b in beat.all_beats(connection)), default=0))
            found = library.calendars_since(connection, since[0])
            again = [name for name, at in once_more.items() if at <= now]
            calendars = [engine.calendar(connection, name, fresh=True) for name in dict.fromkeys((*found, *again))]
        for calendar in calendars:
            follow(engine, calendar)
        for name in again:
            del once_more[name]
        once_more.update((name, at + 2 * KEPT) for name, at in found.items() if at + 2 * KEPT > now)
        since[0] = max([since[0], *(at + 1 for at in found.values())])

    return look


def _once_a_day(engine: Engine) -> Callable[[], object]:
    """Name what is kept longer than its flow says, where this process has not yet done so on this day."""
    last: list[str] = []

    def look() -> None:
        today = local_day(engine.clock.now(), "UTC").isoformat()
        if last != [today]:
            last[:] = [today]
            propose(engine)

    return look


def _surviving(node: str, run: Callable[[], object]) -> Callable[[], None]:
    """What a scheduler may call: nothing that goes wrong this time keeps the next time from coming."""

    def job() -> None:
        try:
            run()
        except WorkflowError as error:
            log.tick_failed(node, error.code)
        except Exception as error:  # noqa: BLE001  a database that is being restarted, say
            log.tick_failed(node, type(error).__name__)

    return job


@dataclass(frozen=True)
class Round:
    """What one round did: the sweep, and what was handed over behind it."""

    swept: Swept
    delivered: Delivered = NOTHING


def once(engine: Engine, *, node: str | None = None, send: Send | None = None, policy: Policy = AT_ONCE) -> Round:
    """One round of everything, for cron: sweep, put entries into the log, hand over (from a thread of its own, as
    ``attach`` does). Each run is another process, so the heartbeat is its machine's."""
    name = node or f"{socket.gethostname()}:tick"[:96]
    _surviving(name, _following(engine))()
    swept = tick(engine, node=name)
    drain(engine.db)
    return Round(swept, deliver(engine, Patient(send, PATIENCE), policy=policy) if send is not None else NOTHING)


def worker(
    engine: Engine, *, seconds: int = SECONDS, send: Send | None = None, policy: Policy = AT_ONCE
) -> BlockingScheduler:
    """A scheduler that blocks when started; any number of processes on one database."""
    scheduler = BlockingScheduler(timezone="UTC")
    attach(engine, scheduler, seconds=seconds, send=send, policy=policy)
    return scheduler


def background(
    engine: Engine, *, seconds: int = SECONDS, send: Send | None = None, policy: Policy = AT_ONCE
) -> BackgroundScheduler:
    """The same in a thread of the host's process: what ``workflow worker`` runs."""
    scheduler = BackgroundScheduler(timezone="UTC")
    attach(engine, scheduler, seconds=seconds, send=send, policy=policy)
    return scheduler
