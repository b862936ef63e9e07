"""Letting the chain pass over a place by the word of two persons, where the definition names who may.

The place is on record as passed over, never as signed, and every later view says so. A place that votes in a group, one
to be done in person, and the last one of a chain are never passed over. Source: S0 「规定动作一个不能少」, R205, M39.
"""

from __future__ import annotations

from workflow.acts import AskOverride, Override, Signature
from workflow.case import Effect, Slot
from workflow.errors import InPerson, OutOfTurn, ReasonRequired, SamePerson, Stale, WrongMeaning
from workflow.rules import authority
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.plan import progress, votes


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority and the line of units."""
    return [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]


def ask(asked: Asked, act: AskOverride) -> Decision:
    """The first person asks; nothing moves.

    Raises:
        WrongMeaning: nobody may pass over this place. OutOfTurn: it is not open, or the actor is none of those who may.
        ReasonRequired, Stale, NotHolder: see there.
    """
    held, slot = _checked(asked, act)
    return Decision([{"e": "override-asked", "place": slot.key, "person": asked.actor.person}], held)


def override(asked: Asked, act: Override) -> Decision:
    """The second person agrees, and the chain goes on behind the place.

    Raises:
        SamePerson: it is the one who asked. OutOfTurn: nobody asked. And what ``ask`` raises.
    """
    case, definition = asked.case, asked.definition
    held, slot = _checked(asked, act)
    place = definition.place("stages", case.stage, "override")
    first = case.overriding.get(slot.key)
    if first is None:
        raise OutOfTurn(expected="ask-override by a first person", actual="nobody asked", place=place)
    if first == asked.actor.person:
        raise SamePerson(person=first, expected="the second person", actual="the first", place=place)
    effects: list[Effect] = [
        {"e": "overridden", "place": slot.key, "person": asked.actor.person, "first": first},
    ]
    after = progress(case.plan, [s._replace(state="overridden") if s.key == slot.key else s for s in case.slots])
    if after.verdict != "open":
        raise WrongMeaning(expected="a place that others sign after", actual="the last one of the chain", place=place)
    open_ = {s.key for s in case.open_slots}
    effects += [{"e": "slot-opened", "slot": k} for k in after.open if k not in open_]
    return Decision(effects, held)


def _checked(asked: Asked, act: AskOverride | Override) -> tuple[dict[str, object], Slot]:
    case, definition, by = asked.case, asked.definition, asked.actor
    stage = definition.stage(case.stage)
    whos = definition.chain_of(stage).override
    place = definition.place("stages", stage.stage, "override")
    if not whos:
        raise WrongMeaning(expected="a chain that says override", actual="nobody may pass over a place", place=place)
    held = authority.authority(asked)
    path: Path = asked.facts.get("path", case.unit, asked.context.day)
    may = [(w.post, unit_at(definition, path, w.of, case.last_unit)["unit"]) for w in whos]
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
    if votes(case.plan, slot.key):
        raise WrongMeaning(expected="a place outside a group that votes", actual=slot.key, place=place)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    return held, slot
