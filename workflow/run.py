"""Running ahead: the real engine under a clock that is moved from moment to moment. There is no other simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workflow import rollcall
from workflow.clock import SettableClock, micros
from workflow.engine import Engine
from workflow.store import alarms
from workflow.sweep import ATTEMPTS, Swept, tick


@dataclass(frozen=True)
class Ran:
    """What happened on the way: sweeps made, rungs fired, tries that failed, reports opened by roll calls."""

    sweeps: int = 0
    fired: int = 0
    failed: int = 0
    opened: int = 0


def run_until(
    engine: Engine, at: int | datetime, *, each: Callable[[Swept], None] | None = None, watch: bool = True
) -> Ran:
    """Move the engine's clock to a moment, and sweep at every moment on the way at which a rung or a roll call comes.

    One rung of a due fires for each sweep, so a moment is swept until nothing fires at it any more.

    Args:
        at: where to stop, µs UTC or an aware datetime; what comes at that very moment happens.
        each: told of every sweep.
        watch: also look for places that nobody may sign, as a node's sweep does.

    Raises:
        TypeError: the engine's clock cannot be set.
        ValueError: the moment lies before the clock's.
    """
    clock, until = engine.clock, at if isinstance(at, int) else micros(at)
    if not isinstance(clock, SettableClock):
        raise TypeError(f"expected an engine with a SettableClock; got {type(clock).__name__}")
    if until < clock.now():
        raise ValueError(f"expected a moment not before {clock.now()}; got {until}")
    sweeps = fired = failed = opened = 0
    while True:
        swept = tick(engine, clock.now(), watch=watch)
        sweeps, fired, failed, opened = sweeps + 1, fired + swept.fired, failed + swept.failed, opened + swept.opened
        if each is not None:
            each(swept)
        if swept.fired or swept.opened:
            continue
        upcoming = next_moment(engine, clock.now())
        if upcoming is None or upcoming > until:
            break
        clock.set(upcoming)
    clock.set(until)
    return Ran(sweeps, fired, failed, opened)


def next_moment(engine: Engine, after: int) -> int | None:
    """The first moment after an instant at which a rung fires or a roll call comes; None where nothing is to come."""
    with engine.reading() as connection:
        due = alarms.next_after(connection, after, ATTEMPTS)
    found = [m for m in (due, rollcall.upcoming(engine, after)) if m is not None]
    return min(found, default=None)
