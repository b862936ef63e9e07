"""Places that nobody may sign: shown and escalated, never passed.

A place is blocked when everybody who holds its post, answers for it, or may do it by mandate or delegation is refused by
the definition's own rules (vacant, to be done in person, two persons, kept apart, to stand aside). Computed at the moment of
asking; what is escalated goes once, as a message, to whoever is first responsible above the unit. Source: R017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from workflow.acts import Actor, Sign
from workflow.case import Case, Slot
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Refused, Unknown, WorkflowError
from workflow.evidence import canonical
from workflow.rules import signing
from workflow.rules.authority import backstop
from workflow.store import appending, items, mandates, outbox, queries


@dataclass(frozen=True)
class Blocked:
    """One place that waits and that nobody may sign.

    Attributes:
        why: person -> the refusal each would get; empty where nobody holds the post nor answers for it.
        above: who is first responsible above the unit, each {person, unit, post}: whom it is escalated to.
    """

    item: str
    slot: str
    unit: str
    post: str
    stage: str
    since: int
    why: tuple[tuple[str, WorkflowError], ...]
    above: tuple[dict[str, str], ...]


def blocked(desk: Desk, at: int, *, sees: Callable[[str], bool] = lambda item: True) -> list[Blocked]:
    """Every blocked place, the longest waiting first.

    Args:
        sees: which items whoever asks may see.
    """
    rows = [row for row in queries.waiting(desk.connection) if sees(row["item"])]
    look = _Look(desk, rows, at)
    return [found for row in rows if (found := look.at_place(row)) is not None]


def blocked_after(desk: Desk, at: int, after: tuple[str, str], limit: int) -> tuple[list[Blocked], tuple[str, str]]:
    """The blocked ones of the next places behind one, in order of item and key; and behind which to go on, ``("", "")``
    at the end: so that a sweep looks at some at a time. An item that cannot be read holds up none of the others; what is
    wrong with it ``verify`` says."""
    rows = queries.waiting_after(desk.connection, after, limit)
    last = (rows[-1]["item"], rows[-1]["key"]) if len(rows) == limit else ("", "")
    look, found = _Look(desk, rows, at), []
    for row in rows:
        with suppress(LookupError, TypeError, ValueError, AttributeError, WorkflowError):
            if (one := look.at_place(row)) is not None:
                found.append(one)
    return found, last


class _Look:
    """One look at many places: the items and the holders are read together, not place by place."""

    def __init__(self, desk: Desk, rows: Sequence[dict[str, Any]], at: int) -> None:
        self.desk, self.at = desk, at
        self.org = desk.organisation()
        self.heads = items.read_many(desk.connection, (row["item"] for row in rows))
        units: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            with suppress(LookupError, ValueError, WorkflowError):  # of one that cannot be read nothing is read ahead
                day = self._day(desk.engine.definition(desk.connection, self.heads[row["item"]].definition))
                units.setdefault((row["post"], day), []).append(row["unit"])
        for (post, day), some in units.items():
            self.org.look_up(some, post, day)

    def at_place(self, row: dict[str, Any]) -> Blocked | None:
        """What keeps everybody from signing a place; None where somebody may."""
        head = self.heads.get(row["item"])
        if head is None:
            raise Unknown(kind="item", name=row["item"])
        case = Case.of_snapshot(head.snapshot)
        definition = self.desk.engine.definition(self.desk.connection, case.definition)
        slot = case.slot(row["key"])
        if slot is None:
            return None
        answerable = self._answerable(definition, slot)
        if answerable and signing.open_to_holders(definition, case, slot):
            return None
        why: list[tuple[str, WorkflowError]] = []
        for person in self._candidates(slot, answerable):
            by = Actor(person, slot.post, slot.unit)
            act = Sign(item=case.item, by=by, seen=case.content, slot=slot.key)
            try:
                signing.may_sign(self.desk.ask(act, case, head.org, head.seq + 1, self.at))
            except Refused as refusal:
                why.append((person, refusal))
            else:
                return None
        above = tuple(self._above(definition, slot))
        return Blocked(case.item, slot.key, slot.unit, slot.post, case.stage, row["opened_at"], tuple(why), above)

    def _day(self, definition: Definition) -> str:
        return local_day(self.at, definition.flow.timezone).isoformat()

    def _answerable(self, definition: Definition, slot: Slot) -> list[str]:
        """Whoever holds the post, and whoever answers for it where nobody does."""
        mode = backstop(definition, slot.post) == "backstop"
        return [a["person"] for a in self.org.answerable(slot.unit, slot.post, self._day(definition), mode)]

    def _candidates(self, slot: Slot, answerable: Sequence[str]) -> Iterator[str]:
        """Everybody who could sign: those who answer for the post, then those with mandates or a delegation."""
        yield from dict.fromkeys(answerable)
        others = [*mandates.persons_for(self.desk.connection, slot.unit, slot.post), slot.delegate]
        yield from (person for person in dict.fromkeys(others) if person and person not in answerable)

    def _above(self, definition: Definition, slot: Slot) -> Iterator[dict[str, str]]:
        """Whoever is first responsible at the nearest unit above where somebody is."""
        day = self._day(definition)
        post = next((name for name, spec in definition.flow.posts.items() if spec.first_responsible), "")
        path = self.org.path(slot.unit, day)
        for unit in path[1:] or path:
            heads = self.org.answerable(unit["unit"], post, day, False)
            if heads:
                yield from ({"person": h["person"], "unit": unit["unit"], "post": post} for h in heads)
                return


def escalate(desk: Desk, at: int) -> list[Blocked]:
    """Tell whoever is first responsible above each blocked place, once for each time it opened.

    Returns:
        Those that were told of now.
    """
    return tell(desk, blocked(desk, at), at)


def tell(desk: Desk, found: Sequence[Blocked], at: int) -> list[Blocked]:
    """Tell of some, each once for each time it opened, and give those that were told of now."""
    told: list[Blocked] = []
    for one in found:
        new = False
        for to in one.above:
            payload = {"item": one.item, "slot": one.slot, "unit": one.unit, "post": one.post, "to": to}
            dedupe = _known_as(one, to["person"])
            new |= outbox.once(desk.connection, dedupe, "blocked", to["person"], canonical.encode(payload), at)
        if new:
            told.append(one)
    return told


def untold(desk: Desk, found: Sequence[Blocked]) -> list[Blocked]:
    """Those of which somebody above has not been told."""
    return [b for b in found if any(not outbox.known(desk.connection, _known_as(b, to["person"])) for to in b.above)]


def _known_as(one: Blocked, person: str) -> str:
    return appending.message_key(one.item, "blocked", one.slot, one.since, person)
