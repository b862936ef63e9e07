"""APScheduler as the wake-up of the sweep, and nothing else.

Interval jobs in memory: one that sweeps, one that counts again by new calendars, one that hands notices over; never its
job stores (four processes sharing one fired ten ticks 37 times). On a host's scheduler too they are kept in memory and
run in threads, whatever its own jobs are kept and run in. They survive every time that raises, coalesce what they slept
through, and a sweep leaves a heartbeat row behind.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress
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
from workflow.reprojection import follow_published
from workflow.sequencer import drain
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
    that puts entries into the log; beside it, what calendars published meanwhile move; and once a day the look at what is
    kept longer than its flow says.

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

    following = _Following(engine)

    def wake() -> None:
        following.published = tick(engine, node=name).calendars
        drain(engine.db)

    job = scheduler.add_job(_surviving(name, wake), "interval", id=f"signoff-workflow-tick-{id(engine)}", **how)
    calendars = _surviving(name, following.look)  # in a job of its own: ten thousand dates keep no rung waiting
    scheduler.add_job(calendars, "interval", id=f"signoff-workflow-calendars-{id(engine)}", **how)
    hourly = {**how, "seconds": HOUR}
    look = _surviving(name, _once_a_day(engine))
    scheduler.add_job(look, "interval", id=f"signoff-workflow-keeping-{id(engine)}", **hourly)
    if send is not None:
        run = _surviving(name, partial(_hand_over, engine, Patient(send, PATIENCE), policy))
        scheduler.add_job(run, "interval", id=f"signoff-workflow-deliver-{id(engine)}", **how)
    return job


def _hand_over(engine: Engine, patient: Patient, policy: Policy) -> Delivered:
    """One round, after which no thread waits for a next one that may not come."""
    with closing(patient):
        return deliver(engine, patient, policy=policy)


class _Following:
    """Counts dates again by calendars that were published meanwhile, by a host that only published them too.

    What was followed is on record in the database, so a process that comes later, or one whose first try failed, goes on.
    An idle sweep asks nothing for it: it is looked when the sweep has seen another number of calendars, and a minute
    after a look that left something or failed.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.published = 0
        self._seen = 0  # how many there were when it looked last
        self._looked: int | None = None  # when that was, while something is left

    def look(self) -> None:
        now, seen = self.engine.clock.now(), self.published
        if seen == self._seen and (self._looked is None or 0 <= now - self._looked < KEPT):
            return
        self._seen, self._looked = seen, now
        if not follow_published(self.engine):
            self._looked = None


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
    """One round of everything, for cron: sweep, put entries into the log, count again by calendars that were published
    since, hand over (from a thread of its own, as ``attach`` does). Each run is another process, so the heartbeat is its
    machine's."""
    name = node or f"{socket.gethostname()}:tick"[:96]
    swept = tick(engine, node=name)
    drain(engine.db)
    _surviving(name, partial(follow_published, engine))()
    return Round(swept, _hand_over(engine, Patient(send, PATIENCE), policy) if send is not None else NOTHING)


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
