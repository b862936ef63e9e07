"""One person under two ids: rules that ask for another person ask of the person, not of the id.

Who was registered twice and then merged is one for every rule that keeps persons apart, whichever id signed. Source: R020,
M15.
"""

from __future__ import annotations

from collections.abc import Iterable

from workflow.case import Slot
from workflow.rules.context import Asked, Need


def needs(asked: Asked, persons: Iterable[str]) -> list[Need]:
    """The facts about the other ids of persons."""
    if asked.context.rules < 5:
        return []
    return [("same-person", p) for p in dict.fromkeys(persons) if p]


def ids(asked: Asked, persons: Iterable[str]) -> set[str]:
    """All ids of persons, those of whom nobody knows another included."""
    found = set(persons)
    for need in needs(asked, sorted(found)):
        found |= {*asked.facts.get(*need)}
    return found


def signing(asked: Asked, slot: Slot | None, own: Need) -> list[str]:
    """Whoever signs a place, and in whose place they might: the person, those they have a mandate of, the giver."""
    by = asked.actor
    found = [by.person]
    if own in asked.facts:
        found += [m["principal"] for m in asked.facts.peek(*own).get("mandates", ())]
    if slot is not None and slot.delegate == by.person:
        found.append(slot.giver)
    return found
