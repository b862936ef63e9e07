"""One person under two ids: rules that ask for another person ask of the person, not of the id.

Who was registered twice and then merged is one for every rule that keeps persons apart, whichever id signed. Source: R020.
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


def ids(asked: Asked, persons: set[str]) -> set[str]:
    """All ids of persons, those of whom nobody knows another included."""
    if asked.context.rules < 5:
        return persons
    return persons.union(*(asked.facts.get("same-person", p) for p in persons if p))


def needs_to_sign(asked: Asked, slot: Slot | None, own: Need) -> list[Need]:
    """The same for whoever signs a place, and in whose place they might: those they have a mandate of, the giver."""
    by = asked.actor
    who = [by.person]
    if own in asked.facts and (given := asked.facts.peek(*own).get("mandates")):
        who += [m["principal"] for m in given]
    if slot is not None and slot.delegate == by.person:
        who.append(slot.giver)
    return needs(asked, who)
