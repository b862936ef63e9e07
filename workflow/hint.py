"""A nudge: look now. It carries no news and may be lost: whatever it is about stands in the database, and the next
sweep finds it without being told. Losing every hint delays things by one poll at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Protocol

from workflow import log
from workflow.delivery import Policy, Send, deliver
from workflow.engine import Engine
from workflow.errors import WorkflowError
from workflow.sweep import tick

Look = Callable[[int, str], None]
"""What to do on a hint of one kind: told the part of the database and a reference, it looks for itself."""

OURS = ("sweep", "deliver")  # which look at everything, whatever a hint was about
WAITING = 1_000  # hints kept; more than that only say the same again


class Hint(Protocol):
    """``hint("sweep", part, ref)``: somebody should look now. Never raises, never waits for the looking."""

    def __call__(self, kind: str, part: int = 0, ref: str = "") -> None: ...


def looks(
    engine: Engine,
    send: Send | None = None,
    policy: Policy | None = None,
    more: Mapping[str, Look] | None = None,
) -> dict[str, Look]:
    """What an engine does on hints: ``sweep`` fires what has come due, ``deliver`` hands messages over.

    Args:
        more: what a host does on hints of its own: to open a part of a campaign, to write a part of a register. It must
            find in the database what is still to be done (``open_many`` opens nothing twice), for its hint may come
            twice, late or never.
    """
    found: dict[str, Look] = {"sweep": lambda part, ref: _quietly(lambda: tick(engine))}
    if send is not None:
        found["deliver"] = lambda part, ref: _quietly(lambda: deliver(engine, send, policy=policy or Policy()))
    for kind, look in (more or {}).items():
        found[kind] = _quiet(look)
    return found


def _quiet(look: Look) -> Look:
    return lambda part, ref: _quietly(lambda: look(part, ref))


def _quietly(look: Callable[[], object]) -> None:
    try:
        look()
    except WorkflowError as error:  # the next sweep comes by itself
        log.tick_failed("hint", error.code)


def _same(kind: str, part: int, ref: str) -> tuple[str, int, str]:
    """What two hints must have alike to be looked at once."""
    return kind, part, "" if kind in OURS else ref


class Inline:
    """Looks at once, in the caller's thread. For tests and hosts with one process; not inside a transaction."""

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = looks

    def __call__(self, kind: str, part: int = 0, ref: str = "") -> None:
        if kind in self._looks:
            self._looks[kind](part, ref)


class Thread:
    """Looks in a thread of its own. Hints of one kind and part that wait together are looked at once."""

    def __init__(self, looks: Mapping[str, Look]) -> None:
        self._looks = looks
        self._waiting: Queue[tuple[str, int, str] | None] = Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="signoff-workflow-hints", daemon=True)
        self._thread.start()

    def __call__(self, kind: str, part: int = 0, ref: str = "") -> None:
        with suppress(Full):  # lost, as any hint may be
            self._waiting.put_nowait((kind, part, ref))

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            together = [first, *self._others()]
            for kind, part, ref in dict.fromkeys(_same(*h) for h in together if h is not None):
                if kind in self._looks:
                    try:
                        self._looks[kind](part, ref)
                    except Exception as error:  # noqa: BLE001  the thread must outlive any one look
                        log.tick_failed("hint", type(error).__name__)
            if None in together:
                return

    def _others(self) -> list[tuple[str, int, str] | None]:
        found: list[tuple[str, int, str] | None] = []
        with suppress(Empty):
            while True:
                found.append(self._waiting.get_nowait())
        return found

    def stop(self, seconds: float = 10) -> None:
        """Look at what waits, then end."""
        self._waiting.put(None)
        self._thread.join(seconds)
