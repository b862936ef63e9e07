"""What happened, told to the host's own code after the commit: typed events, and who wants to hear of which.

An event is a value made from an entry that is on record; it says ids and names, never what people wrote. It is told in the
process that did the act, once, after the commit, and never of what was rolled back. It is no queue: a process that dies in
between tells nobody. What must not be missed (a reminder, a task that waits) is in the outbox, which ``workflow worker``
delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from workflow import log
from workflow.acts import Actor
from workflow.evidence import canonical
from workflow.store.appending import Written

E = TypeVar("E", bound="Event")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that is on record. Every entry of an item leads to at least one event; ask for ``Event`` to hear of all.

    Attributes:
        item, seq, entry: the item, the entry's place in its chain, from 1, and its hash in hex.
        at: microseconds UTC.
        act: the kind of act (``sign``, ``return``, ``fire``). by: who did it; None for what the engine itself did.
        flow, campaign, unit: the flow, the campaign, and the unit the item is about.
        stage, round: where the item is after the act.
    """

    item: str
    seq: int
    entry: str
    at: int
    act: str
    by: Actor | None
    flow: str
    campaign: str
    unit: str
    stage: str
    round: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened(Event):
    """An item was opened; ``behind`` names the item whose entry led to it, if one did."""

    behind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedIn(Event):
    """Documents were handed in: ``materials`` names them; ``zero``: as a zero report."""

    materials: tuple[str, ...]
    zero: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed(Event):
    """A place was signed, in whatever way (``act``: sign, decide, accept, close-out, look-back).

    Attributes:
        slot: the place. post, person: which post at it, and who signed. as_: holder, acting, backstop, mandate or delegate.
        late: after its due.
    """

    slot: str
    post: str
    person: str
    as_: str
    late: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned(Event):
    """An item was sent back from a place; ``person`` did it. The reason is on record."""

    slot: str
    person: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits(Event):
    """A place began to wait for somebody: ``post`` of ``at_unit``."""

    slot: str
    post: str
    at_unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered(Event):
    """An item came to another stage (``stage``), from ``before``."""

    before: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished(Event):
    """An item came to a stage where nothing more is to be done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminded(Event):
    """A rung of a ladder reminded the persons in ``to``; ``missed`` is when the due is, or was, missed, µs UTC."""

    rule: str
    step: int
    to: tuple[str, ...]
    missed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Overdue(Reminded):
    """The same, of a due that was missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposed(Event):
    """A rung proposed that people look into something: ``opened`` is the item they decide on. Nothing was decided."""

    rule: str
    step: int
    to: tuple[str, ...]
    opened: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Acted(Event):
    """Anything else that is on record; ``act`` says what."""


def events_of(written: Written) -> Iterator[Event]:
    """The events of one entry, in the order of what followed from the act."""
    case, act = written.case, canonical.read(written.body)["act"]
    by = act.get("by")
    common: dict[str, Any] = {
        "item": case.item,
        "seq": written.seq,
        "entry": written.hash.hex(),
        "at": written.at,
        "act": written.act,
        "by": Actor(by["person"], by["post"], by["unit"]) if by else None,
        "flow": case.flow,
        "campaign": case.campaign,
        "unit": case.unit,
        "stage": case.stage,
        "round": case.round,
    }
    told = False
    for event in _told(written, common):
        told = True
        yield event
    if not told:
        yield Acted(**common)


def _told(written: Written, common: dict[str, Any]) -> Iterator[Event]:
    case, before = written.case, written.before
    for effect in written.effects:
        match effect["e"]:
            case "opened":
                yield Opened(behind=case.cites.get("item", ""), **common)
            case "submitted":
                zero = written.act == "report-zero"
                yield HandedIn(materials=tuple(effect["materials"]), zero=zero, **common)
            case "signed":
                names = {"slot": effect["slot"], "post": effect["post"], "person": effect["person"]}
                yield Signed(as_=effect["as"], late=effect["late"], **names, **common)
            case "returned":
                yield Returned(slot=effect["slot"], person=effect["person"], **common)
            case "entered":
                yield Entered(before=before.stage, **common)
            case "reminded":
                kind = Overdue if written.at >= effect["missed"] else Reminded
                yield kind(**_rung(effect), missed=effect["missed"], **common)
            case "proposed":
                yield Proposed(**_rung(effect), opened=effect["item"], **common)
    if case.final and not before.final:
        yield Finished(**common)
    waited = {s.key for s in before.open_slots} if case.stays == before.stays else set()
    for slot in case.open_slots:
        if slot.key not in waited:
            yield Waits(slot=slot.key, post=slot.post, at_unit=slot.unit, **common)


def _rung(effect: dict[str, Any]) -> dict[str, Any]:
    return {"rule": effect["rule"], "step": effect["step"], "to": tuple(p["person"] for p in effect["to"])}


class Subscribers:
    """Who hears of what. Truthy while somebody does, so that nothing is kept for nobody."""

    def __init__(self) -> None:
        self._all: tuple[tuple[type[Event], Callable[[Any], object]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, kind: type[E], hear: Callable[[E], object]) -> Callable[[], None]:
        """Begin to tell; what is returned ends it."""
        one = (kind, hear)
        self._all = (*self._all, one)

        def end() -> None:
            self._all = tuple(o for o in self._all if o is not one)

        return end

    def tell(self, written: Sequence[Written]) -> None:
        """Tell of entries that are committed. What a subscriber raises is logged and harms nobody: the act stands."""
        for event in (e for w in written for e in events_of(w)):
            for kind, hear in self._all:
                if isinstance(event, kind):
                    try:
                        hear(event)
                    except Exception as error:  # noqa: BLE001  whatever a host's code raises
                        log.not_heard(type(event).__name__, event.item, event.seq, error)
