"""Places that nobody may sign: shown and escalated, never passed.

A place is blocked when everybody who holds its post, answers for it, or may do it by mandate or delegation is refused by
the definition's own rules (vacant, to be done in person, two persons, kept apart, to stand aside). Computed at the moment of
asking; what is escalated goes once, as a message, to whoever is first responsible above the unit. Source: M44, R017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workflow.acts import Actor, Sign
from workflow.case import Case, Slot
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Refused, WorkflowError
from workflow.evidence import canonical
from workflow.rules import signing
from workflow.rules.authority import backstop
from workflow.store import items, mandates, outbox, queries
from workflow.store.org import OrgReader


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
    return _among(desk, [row for row in queries.waiting(desk.connection) if sees(row["item"])], at)


def blocked_after(desk: Desk, at: int, after: tuple[str, str], limit: int) -> tuple[list[Blocked], tuple[str, str]]:
    """The blocked ones of the next places behind one, in order of item and key; and behind which to go on, ``("", "")``
    at the end: so that a sweep looks at some at a time. An item that cannot be read holds up none of the others; what is
    wrong with it ``verify`` says."""
    rows = queries.waiting_after(desk.connection, after, limit)
    last = (rows[-1]["item"], rows[-1]["key"]) if len(rows) == limit else ("", "")
    found: list[Blocked] = []
    for row in rows:
        try:
            found += _among(desk, [row], at)
        except (LookupError, TypeError, ValueError, AttributeError, WorkflowError):
            continue
    return found, last


def _among(desk: Desk, rows: Sequence[dict[str, Any]], at: int) -> list[Blocked]:
    out: list[Blocked] = []
    org = OrgReader(desk.connection)
    for row in rows:
        head = items.read(desk.connection, row["item"])
        case = Case.of_snapshot(head.snapshot)
        definition = desk.engine.definition(desk.connection, case.definition)
        slot = case.slot(row["key"])
        if slot is None:
            continue
        why: list[tuple[str, WorkflowError]] = []
        for person in _candidates(desk, org, definition, slot, at):
            by = Actor(person, slot.post, slot.unit)
            act = Sign(item=case.item, by=by, seen=case.content, slot=slot.key)
            try:
                signing.may_sign(desk.ask(act, case, head.org, head.seq + 1, at))
            except Refused as refusal:
                why.append((person, refusal))
            else:
                break
        else:
            above = tuple(_above(org, definition, slot, at))
            found = Blocked(case.item, slot.key, slot.unit, slot.post, case.stage, row["opened_at"], tuple(why), above)
            out.append(found)
    return out


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
    return items.message_key(one.item, "blocked", one.slot, one.since, person)


def _candidates(desk: Desk, org: OrgReader, definition: Definition, slot: Slot, at: int) -> Iterator[str]:
    """Everybody who could sign: holders, those who answer for them, and those with mandates or a delegation."""
    day = local_day(at, definition.flow.timezone).isoformat()
    mode = backstop(definition, slot.post) == "backstop"
    found: dict[str, Any] = dict.fromkeys(a["person"] for a in org.answerable(slot.unit, slot.post, day, mode))
    found |= dict.fromkeys(mandates.persons_for(desk.connection, slot.unit, slot.post))
    if slot.delegate:
        found[slot.delegate] = None
    yield from found


def _above(org: OrgReader, definition: Definition, slot: Slot, at: int) -> Iterator[dict[str, str]]:
    """Whoever is first responsible at the nearest unit above where somebody is."""
    day = local_day(at, definition.flow.timezone).isoformat()
    post = next((name for name, spec in definition.flow.posts.items() if spec.first_responsible), "")
    path = org.path(slot.unit, day)
    for unit in path[1:] or path:
        heads = org.answerable(unit["unit"], post, day, False)
        if heads:
            yield from ({"person": h["person"], "unit": unit["unit"], "post": post} for h in heads)
            return
