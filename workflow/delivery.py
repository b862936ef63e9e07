"""Handing messages over: at least once, under a key that never changes; nobody unreachable holds up the others.

The rows were written with the act that caused them, in one transaction. Here they are claimed, sent outside any
transaction by whatever the host gives, and marked. A crash between sending and marking sends the same notice again,
with the same key and the same items, so that a receiver who remembers keys keeps one.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from workflow import log
from workflow.clock import local_day, moment, start_of_day, steady
from workflow.engine import Engine
from workflow.evidence import canonical
from workflow.store import outbox, queries

if TYPE_CHECKING:
    from workflow.desk import Desk

MINUTE = 60_000_000
LEASE = 5 * MINUTE  # how long a process may take to send what it claimed before another one tries
FIRST, MOST = MINUTE, 6 * 60 * MINUTE  # back-off: doubles from the first to the most, and never gives up
SLOW = 2_000_000  # a failure that took so long would take as long with each further notice for the same recipient
RECIPIENTS = 200  # a claim, where each gets one notice a cycle
MESSAGES = 200  # a claim, where each message is a notice: no more than can be sent before the lease ends


@dataclass(frozen=True)
class Message:
    """One thing to tell: why (``reminded``, ``proposed``, ``urged``), when it arose (µs UTC), and its plain facts.

    Attributes:
        flow: the flow of the item it is about.
        classified: that flow says ``classified``: no channel that leads outside may carry it.
    """

    key: str
    topic: str
    at: int
    facts: dict[str, Any]
    flow: str = ""
    classified: bool = False


@dataclass(frozen=True)
class Notice:
    """What one recipient is handed in one go. ``key`` is the same at every try: a receiver drops what it has seen.

    Attributes:
        attempt: the how-manieth round this is in which its recipient is tried; where one notice took long to fail, the
            others of its recipient waited for another round without a try of their own.
    """

    key: str
    recipient: str
    messages: tuple[Message, ...]
    attempt: int


class Withheld(Exception):
    """Raised by a channel that must not carry a notice at all: it is done with, and nobody was told by it.

    Attributes:
        why: a word for whoever operates it, such as ``classified``; never a word of the matter.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Hangs(Exception):
    """A channel did not come back in time, or still hangs over an earlier notice: as slow a failure as there is."""


class NotYet(Exception):
    """Raised by a channel whose turn has not come, as with a limit of so many a minute. Nothing was tried, so nothing
    failed: the notice comes again at ``at`` (µs UTC; None: a minute on, by the engine's clock), without the waits that
    grow from failure to failure."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__(at)
        self.at = at


@dataclass(frozen=True)
class Policy:
    """When messages go out. Times of day are local, "HH:MM".

    Attributes:
        quiet: from and until, when nobody is disturbed; may pass midnight.
        digest: the times of day at which a cycle ends; each recipient then gets one notice that lists everything of the
            cycle. Empty: every message is a notice of its own, at once.
    """

    zone: str = "Asia/Shanghai"
    quiet: tuple[str, str] | None = None
    digest: tuple[str, ...] = ()

    @classmethod
    def of(cls, quiet: str = "", digest: str = "", zone: str = "Asia/Shanghai") -> Policy:
        """From text: quiet hours ``21:00-08:00``, ends of cycles ``08:30,17:30``; empty for none.

        Raises:
            ValueError: says which part is written otherwise.
        """
        ZoneInfo(zone)  # raises what is a ValueError or a KeyError
        hours = tuple(part.strip() for part in quiet.split("-")) if quiet else ()
        ends = tuple(part.strip() for part in digest.split(",")) if digest else ()
        if len(hours) not in (0, 2) or (hours and hours[0] == hours[-1]):
            raise ValueError(f"expected quiet hours as HH:MM-HH:MM, two different times of day; got {quiet}")
        for one in (*hours, *ends):
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", one):
                raise ValueError(f"expected a time of day as HH:MM; got {one or 'nothing'}")
        return cls(zone, (hours[0], hours[1]) if hours else None, tuple(sorted(set(ends))))

    def is_quiet(self, at: int) -> bool:
        """Whether nothing goes out at this moment."""
        if self.quiet is None:
            return False
        now = moment(at, self.zone).time()
        begins, ends = (time.fromisoformat(t) for t in self.quiet)
        return begins <= now < ends if begins <= ends else now >= begins or now < ends

    def cut(self, at: int) -> int:
        """Messages that arose before this moment go out now: the end of the last cycle, or now."""
        if not self.digest:
            return at + 1
        return max(m for day in self._days(at) for m in self._ends(day) if m <= at)

    def next_moment(self, after: int) -> int:
        """The first moment after an instant at which the policy lets something out that it held back."""
        ends = [m for day in self._days(after) for m in self._ends(day)]
        if self.quiet is not None:
            ends += [start_of_day(day, self.zone, time.fromisoformat(self.quiet[1])) for day in self._days(after)]
        return min((m for m in ends if m > after), default=after)

    def _days(self, at: int) -> list[date]:
        today = local_day(at, self.zone)
        return [today + timedelta(days=n) for n in (-1, 0, 1)]

    def _ends(self, day: date) -> list[int]:
        return [start_of_day(day, self.zone, time.fromisoformat(t)) for t in self.digest]


@dataclass(frozen=True)
class Delivered:
    """What one call did: notices handed over, messages in them, notices that could not be and wait; notices withheld
    because the channel must not carry them, and those whose turn comes later, also because another one for the same
    recipient took long to fail."""

    notices: int = 0
    messages: int = 0
    failed: int = 0
    withheld: int = 0
    later: int = 0


Send = Callable[[Notice], None]
Outcome = Literal["sent", "failed", "withheld", "later", "waits", "given-back"]
AT_ONCE = Policy()


def deliver(engine: Engine, send: Send, at: int | None = None, policy: Policy = AT_ONCE) -> Delivered:
    """Hand over everything whose time has come.

    Args:
        send: hands a notice to its recipient; any exception means that it did not arrive. ``Withheld`` and ``NotYet``
            say that it was not tried.
        at: the moment, µs UTC; the engine's own unless told.
    """
    messages = 0
    done: Counter[Outcome] = Counter()
    begun = _now(engine) if at is None else at
    slow: dict[str, int] = {}  # recipients whom it took long not to reach -> when they are tried again
    while True:
        now = (
            _now(engine) if at is None else at
        )  # a lease runs from its claim: there may be an hour's work before this one
        claimed = [] if policy.is_quiet(now) else _claim(engine, begun, now + LEASE, policy)
        some: list[tuple[Outcome, Notice]] = []
        ends = steady() + LEASE // 2
        for notice in _in_turn(claimed):
            if notice.recipient in slow:
                _wait(engine, notice, slow[notice.recipient])
                some.append(("waits", notice))
            elif steady() > ends:  # the lease would end, and another process hand over the same
                _give_back(engine, notice, begun)
                some.append(("given-back", notice))
            else:
                some.append((_sent(engine, send, notice, now, slow), notice))
        done.update(outcome for outcome, _ in some)
        messages += sum(len(notice.messages) for outcome, notice in some if outcome == "sent")
        if all(outcome == "later" for outcome, _ in some):  # nothing is left, or the rest would only be told the same
            later = done["later"] + done["waits"]
            return Delivered(done["sent"], messages, done["failed"], done["withheld"], later)


def _in_turn(claimed: Sequence[Notice]) -> list[Notice]:
    """The order of trying: the oldest first, and of each recipient one further on at each try, so that notices that nothing
    can hand over keep the others of their recipient waiting a while, wherever they stand, and not for ever."""
    theirs: dict[str, deque[Notice]] = {}
    for notice in claimed:
        theirs.setdefault(notice.recipient, deque()).append(notice)
    for some in theirs.values():
        some.rotate(1 - max(notice.attempt for notice in some))
    return [theirs[notice.recipient].popleft() for notice in claimed]


def _wait(engine: Engine, notice: Notice, next_at: int) -> None:
    """A notice for somebody who was not reached a moment ago comes again with the one that was tried. It keeps the count of
    its claim, which is one of rounds: the recipient's next try is the further off the more of them were in vain."""
    with engine.desk() as desk:
        outbox.try_later(desk.connection, notice.key, next_at)


def _give_back(engine: Engine, notice: Notice, at: int) -> None:
    with engine.desk() as desk:
        outbox.put_off(desk.connection, notice.key, at)


def _now(engine: Engine) -> int:
    with engine.reading() as connection:
        return engine.now(connection)


def _claim(engine: Engine, at: int, until: int, policy: Policy) -> list[Notice]:
    """Claim messages that wait at a moment, until another, and group them: those of an earlier try as they were, new ones by
    recipient or one by one."""
    with engine.desk() as desk:
        if policy.digest:
            rows = outbox.claim(desk.connection, at, until, policy.cut(at), RECIPIENTS)
        else:
            rows = outbox.claim_some(desk.connection, at, until, MESSAGES)
        groups: dict[str, list[Any]] = {}
        fresh: list[tuple[int, str]] = []
        first: dict[str, str] = {}
        for row in rows:
            name = row.notice
            if name is None:
                name = first.setdefault(row.recipient, f"digest {row.dedupe}") if policy.digest else row.dedupe
                fresh.append((row.id, name))
            groups.setdefault(name, []).append(row)
        outbox.group(desk.connection, fresh)
        facts = {row.dedupe: canonical.decode(row.payload) for row in rows}
        flows = _flows(desk, facts.values())
    return [_notice(name, members, facts, flows) for name, members in groups.items()]


def _flows(desk: Desk, facts: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, bool]]:
    """The flow of each item that messages are about, and whether it is classified."""
    items = {item for one in facts for item in (one.get("item"), one.get("opened")) if item}
    return {
        item: (flow, desk.engine.definition(desk.connection, digest).flow.classified)
        for item, flow, digest in queries.flows_of(desk.connection, sorted(items))
    }


def _notice(
    name: str, rows: Sequence[Any], facts: Mapping[str, dict[str, Any]], flows: Mapping[str, tuple[str, bool]]
) -> Notice:
    messages = []
    for row in rows:
        told = facts[row.dedupe]
        flow, classified = flows.get(str(told.get("item", "")), ("", False))
        classified = classified or flows.get(str(told.get("opened", "")), ("", False))[1]
        messages.append(Message(row.dedupe, row.topic, row.created_at, told, flow, classified))
    return Notice(name, rows[0].recipient, tuple(messages), max(r.attempts for r in rows))


def _sent(engine: Engine, send: Send, notice: Notice, at: int, slow: dict[str, int]) -> Outcome:
    began = steady()
    try:
        send(notice)
    except Withheld as told:
        with engine.desk() as desk:
            outbox.sent(desk.connection, notice.key, at)
        log.withheld(notice.key, len(notice.messages), told.why)
        return "withheld"
    except NotYet as told:
        with engine.desk() as desk:
            outbox.put_off(desk.connection, notice.key, at + MINUTE if told.at is None else told.at)
        return "later"
    except Exception as error:  # noqa: BLE001  whatever a host's channel raises, it did not arrive, and the others go on
        again = at + min(FIRST * 2 ** (notice.attempt - 1), MOST)
        if isinstance(error, Hangs) or steady() - began >= SLOW:
            slow[notice.recipient] = again
        with engine.desk() as desk:
            outbox.try_later(desk.connection, notice.key, again)
        log.not_delivered(notice.key, notice.attempt, type(error).__name__)
        return "failed"
    with engine.desk() as desk:
        outbox.sent(desk.connection, notice.key, at)
    log.delivered(notice.key, len(notice.messages))
    return "sent"
