"""Who looked at an item here, in the access log before it is given out. Source: R063, the access log of the evidence.

A page or an answer that shows what an item says is a look at it, recorded as the post the reader holds; a trace is
recorded as a trace. Lists, totals and dates are not. Where people only look, nothing can be recorded, and the pages say so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from workflow import Engine, access
from workflow.acts import Actor
from workflow.errors import NotHolder
from workflow.seen import Seen

AGAIN = 600 * 1_000_000
"""Microseconds within which somebody who looks again, and finds nothing new, has looked once."""
MOST = 10_000


@dataclass(frozen=True)
class Look:
    """What somebody is about to be shown.

    Attributes:
        version: how many entries the item has.
        content: the digest of what it says.
        by: the post they look as; None where they hold none.
    """

    kind: access.Kind
    item: str
    version: int
    content: str
    person: str
    by: Actor | None
    at: int


class Looks:
    """Puts looks on record, each once, in the process that shows them."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str, str, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, seen: Seen, item: str, kind: access.Kind = "look") -> Look | None:
        """The look that showing an item is; None where it is on record already."""
        person, version = seen.sight.person, seen.version(item)
        with self._lock:
            last = self._last.get((person, kind, item, version))
        if last is not None and 0 <= seen.now - last < AGAIN:
            return None
        by = _post(seen, item) if kind == "look" else None
        return Look(kind, item, version, seen.case_of(item)[0].content, person, by, seen.now)

    def record(self, engine: Engine, look: Look) -> None:
        """Put it on record.

        Raises:
            DatabaseBusy: it could not be in time; then it is not shown either.
        """
        try:
            if look.by is None:
                access.record(engine, look.kind, by=look.person, what=look.item)
            else:
                access.view(engine, look.item, look.by, look.content)
        except NotHolder:  # a post that ended meanwhile: who looked is on record nevertheless
            access.record(engine, look.kind, by=look.person, what=look.item)
        with self._lock:
            self._last[look.person, look.kind, look.item, look.version] = look.at
            while len(self._last) > MOST:
                self._last.popitem(last=False)


def _post(seen: Seen, item: str) -> Actor | None:
    """As what somebody looks: a post for which the item waits, else one that was sent a copy, else any they hold."""
    person, held = seen.sight.person, seen.sight.posts
    waits = {(s.unit, s.post) for s in seen.case_of(item)[0].open_slots}
    sent = {(c.unit, c.post) for c in seen.copies(item) if c.person == person and c.read_at is None}
    for some in (waits, sent, set(held)):
        for unit, post in held:
            if (unit, post) in some:
                return Actor(person, post, unit)
    return None
