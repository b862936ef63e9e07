"""Letting the chain pass over a place by the word of two persons, where the definition names who may.

The place is on record as passed over, never as signed, and every later view says so. A place that votes in a group, one
to be done in person, and the last one of a chain are never passed over. Source: S0 「规定动作一个不能少」, R205.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import AskOverride, Override, Signature
from workflow.case import Case, Effect, Slot
from workflow.errors import InPerson, NotHolder, OutOfTurn, ReasonRequired, SamePerson, Stale, WrongMeaning
from workflow.rules import authority, persons
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.plan import ADDED, downstream, progress, votes


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority and the line of units."""
    wanted: list[Need] = [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]
    first = asked.case.overriding.get(getattr(act, "place", ""))
    if isinstance(act, Override) and isinstance(first, dict):
        wanted += [_office(asked, first), *persons.needs(asked, [asked.actor.person])]
    return wanted


def _office(asked: Asked, first: dict[str, Any]) -> Need:
    return authority.need(asked.definition, first["person"], first["unit"], first["post"], asked.context.day)


def ask(asked: Asked, act: AskOverride) -> Decision:
    """The first person asks; nothing moves.

    Raises:
        WrongMeaning: nobody may pass over this place. OutOfTurn: it is not open, or the actor is none of those who may.
        ReasonRequired, Stale, NotHolder: see there.
    """
    held, slot = _checked(asked, act)
    effect: Effect = {"e": "override-asked", "place": slot.key, "person": asked.actor.person}
    if asked.context.rules >= 5:
        effect |= {"post": asked.actor.post, "unit": asked.actor.unit, "seq": asked.context.seq}
    return Decision([effect], held)


def override(asked: Asked, act: Override) -> Decision:
    """The second person agrees, and the chain goes on behind the place.

    Raises:
        SamePerson: it is the one who asked. OutOfTurn: nobody asked, it was sent back and signed anew since, or none of those
            who may. NotHolder: who asked has
            left the post since; somebody asks anew. And what ``ask`` raises.
    """
    case, definition = asked.case, asked.definition
    held, slot = _checked(asked, act)
    place = definition.place("stages", case.stage, "override")
    first = case.overriding.get(slot.key)
    if first is None:
        raise OutOfTurn(expected="ask-override by a first person", actual="the second person", place=place)
    both = {asked.actor.person}
    if isinstance(first, dict):
        _still_may(asked, first, place)
        _not_sent_back(asked, first, slot, place)
        first, both = first["person"], persons.ids(asked, both)
    if first in both:
        raise SamePerson(person=first, expected="the second person", actual="the first", place=place)
    effects: list[Effect] = [
        {"e": "overridden", "place": slot.key, "person": asked.actor.person, "first": first},
    ]
    passed = [s._replace(state="overridden") if s.key == slot.key else s for s in case.slots]
    after = progress(case.plan, passed)
    if after.verdict != "open" or (asked.context.rules >= 8 and _only_added_left(case, passed)):
        raise WrongMeaning(expected="a place that others sign after", actual="the last one of the chain", place=place)
    open_ = {s.key for s in case.open_slots}
    effects += [{"e": "slot-opened", "slot": k} for k in after.open if k not in open_]
    return Decision(effects, held)


def _only_added_left(case: Case, slots: list[Slot]) -> bool:
    """Whether nobody whom the definition demands would sign any more: adding a signer makes no place one that may go."""
    demanded = [s._replace(state="overridden") if ADDED in s.key else s for s in slots]
    return progress(case.plan, demanded).verdict != "open"


def _may(asked: Asked) -> list[tuple[str, str]]:
    """Those of whom two may: (post, unit)."""
    case, definition = asked.case, asked.definition
    path: Path = asked.facts.get("path", case.unit, asked.context.day)
    whos = definition.chain_of(definition.stage(case.stage)).override
    return [(w.post, unit_at(definition, path, w.of, case.last_unit)["unit"]) for w in whos]


def _still_may(asked: Asked, first: dict[str, Any], place: str) -> None:
    """Whoever asked is in office still, and the office one of those that may.

    Raises:
        NotHolder: asks for somebody in office to ask anew.
    """
    held = asked.facts.get(*_office(asked, first))
    if not held.get("tenure") or (first["post"], first["unit"]) not in _may(asked):
        raise NotHolder(
            person=first["person"],
            post=first["post"],
            unit=first["unit"],
            day=asked.context.day,
            expected="ask-override anew, by somebody in office",
            actual=f"{first['person']}, who asked and is not any more",
            place=place,
        )


def _not_sent_back(asked: Asked, first: dict[str, Any], slot: Slot, place: str) -> None:
    """Nobody before the place has signed anew since the first person asked.

    Raises:
        OutOfTurn: asks for somebody to ask anew.
    """
    slots, plan = asked.case.slots, asked.case.plan
    if any(s.seq > first.get("seq", asked.context.seq) and slot.key in downstream(plan, slots, s.key) for s in slots):
        was = f"{first['person']} asked before it was sent back"
        raise OutOfTurn(expected="ask-override anew by a first person", actual=was, place=place)


def _checked(asked: Asked, act: AskOverride | Override) -> tuple[dict[str, object], Slot]:
    case, definition, by = asked.case, asked.definition, asked.actor
    stage = definition.stage(case.stage)
    place = definition.place("stages", stage.stage, "override")
    if not definition.chain_of(stage).override:
        raise WrongMeaning(expected="a chain that says override", actual="nobody may pass over a place", place=place)
    held = authority.authority(asked)
    may = _may(asked)
    if (by.post, by.unit) not in may:
        raise OutOfTurn(expected=[f"{post}@{unit}" for post, unit in may], actual=str(by), place=place)
    slot = case.slot(act.place)
    if slot is None or slot not in case.open_slots:
        waiting = [f"{s.key}:{s.post}@{s.unit}" for s in case.open_slots] or ["nothing"]
        raise OutOfTurn(expected=waiting, actual=act.place, place=place)
    if slot.in_person:
        raise InPerson(
            person=by.person, expected=f"the holder of {slot.post} of {slot.unit}", actual="override", place=place
        )
    if votes(case.plan, slot.key, added=asked.context.rules >= 6):
        raise WrongMeaning(expected="a place outside a group that votes", actual=slot.key, place=place)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    return held, slot
