"""委派, 收回委派, 工作交接: who else may do what waits at one place, said by whoever answers for it.

Whoever delegates still answers: both names stand in the signature. A place to prepare or review may be delegated; one to
sign, decide or seal only where the definition says so, and one to be done in person never. Source: R044.
"""

from __future__ import annotations

from workflow.acts import Delegate, HandOver, Recall, Signature
from workflow.case import Effect, Slot
from workflow.errors import NotHandedOn, NotHolder, OutOfTurn, ReasonRequired, Stale, WrongMeaning
from workflow.rules import authority
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.signing import open_slot


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority, and that of whoever is to do it."""
    wanted: list[Need] = [authority.own_need(asked)]
    slot = asked.case.slot(act.place if isinstance(act, HandOver) else act.slot)
    if slot is None:
        return wanted
    day = asked.context.day
    if isinstance(act, Delegate):
        wanted.append(("authority", act.delegate, slot.unit, act.post, day, "holder"))
        wanted += authority.assign_needs(asked, slot, [act.delegate, asked.actor.person])
    elif isinstance(act, HandOver):
        wanted.append(("path", slot.unit, day))
        wanted.append(_successor(asked, act, slot))
        wanted += authority.assign_needs(asked, slot, [act.delegate, slot.giver])
        if asked.context.rules >= 5:
            wanted += [authority.need(asked.definition, act.leaver, slot.unit, slot.post, day)]
            wanted += [("held", act.leaver, slot.unit, slot.post)]
    return wanted


def delegate(asked: Asked, act: Delegate) -> Decision:
    """Let another person of the unit do what waits at one's own open place.

    Raises:
        OutOfTurn, NotHolder, InPerson, Stale: as for a signature there. NotHandedOn: the actor does it by mandate or
            delegation themselves. WrongMeaning: the place is to be signed by its holder. SamePerson, NotApart,
            Avoidance: the other person may not sign there.
    """
    case, definition = asked.case, asked.definition
    slot, held = open_slot(asked, act)
    place = definition.place("stages", case.stage, "chain")
    said = {"person": act.delegate, "principal": asked.actor.person, "mandate": "-", "place": place}
    if held["as"] in ("mandate", "delegate"):
        raise NotHandedOn(expected="somebody who holds the post", actual=str(held["as"]), **said)
    if slot.in_person or not (slot.kind in ("prepare", "review") or slot.delegable):
        raise WrongMeaning(
            expected="a place to prepare or review, or one that the definition lets delegate",
            actual=f"{slot.kind}{', in person' if slot.in_person else ''}",
            place=place,
        )
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    other = asked.facts.get("authority", act.delegate, slot.unit, act.post, asked.context.day, "holder")
    if not other.get("tenure") or act.delegate == asked.actor.person:
        raise NotHolder(
            person=act.delegate,
            post=act.post,
            unit=slot.unit,
            day=asked.context.day,
            expected=[a["person"] for a in other.get("answerable", [])] or "another person of the unit",
            actual=act.delegate,
            place=place,
        )
    authority.may_be_given(asked, slot, {act.delegate, asked.actor.person})
    effect: Effect = {"e": "delegated", "slot": slot.key, "delegate": act.delegate, "giver": asked.actor.person}
    if asked.context.rules >= 5:
        effect |= {"post": act.post, "day": asked.context.day}
    return Decision([effect], held, slot.key)


def recall(asked: Asked, act: Recall) -> Decision:
    """Take back what was delegated and not done yet, by whoever holds the place.

    Raises:
        WrongMeaning: nothing was delegated there. OutOfTurn, NotHolder, Stale: as for a signature there.
    """
    slot, held = open_slot(asked, act)
    if not slot.delegate or held["as"] == "delegate":
        raise WrongMeaning(
            expected="a place of one's own that was delegated",
            actual=slot.delegate or "nobody",
            place=asked.definition.place("stages", asked.case.stage, "chain"),
        )
    return Decision([{"e": "recalled", "slot": slot.key}], held, slot.key)


def hand_over(asked: Asked, act: HandOver) -> Decision:
    """What waits at an open place passes from somebody who leaves to a successor, by the leaver or somebody above.

    The successor holds the post by then, or answers for it: a hand-over gives nobody a post. What was delegated to the
    leaver is delegated by the same giver to the successor, who holds the post that the leaver was given it as. What the
    leaver delegated ends; what somebody else delegated to somebody else stands.

    Raises:
        OutOfTurn: the place is not open, or the actor neither holds it nor stands above. NotHolder: the leaver never held
            the post and was delegated nothing there; or the successor does not hold it: appoint them first.
    """
    case, definition, by = asked.case, asked.definition, asked.actor
    place = definition.place("stages", case.stage, "chain")
    held = authority.authority(asked)
    slot = case.slot(act.place)
    if slot is None or slot not in case.open_slots:
        waiting = [f"{s.key}:{s.post}@{s.unit}" for s in case.open_slots] or ["nothing"]
        raise OutOfTurn(expected=waiting, actual=act.place, place=place)
    line = [u["unit"] for u in asked.facts.get("path", slot.unit, asked.context.day)]
    own = (by.post, by.unit) == (slot.post, slot.unit) and by.person == act.leaver
    if not own and by.unit not in line[1:]:
        raise OutOfTurn(expected=f"{act.leaver}, or somebody above {slot.unit}", actual=str(by), place=place)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    if asked.context.rules >= 5:
        _leaves(asked, act, slot)
    need = _successor(asked, act, slot)
    successor = asked.facts.get(*need)
    if not successor.get("tenure") or act.delegate == act.leaver:
        raise NotHolder(
            person=act.delegate,
            post=need[3],
            unit=slot.unit,
            day=asked.context.day,
            expected=[a["person"] for a in successor.get("answerable", [])] or "a successor, appointed first",
            actual=act.delegate,
            place=place,
        )
    effect: Effect = {"e": "handed-over", "place": slot.key, "leaver": act.leaver, "delegate": act.delegate}
    if _passed_on(act, slot):
        effect["giver"] = slot.giver
        if asked.context.rules >= 5:
            effect |= {"post": slot.own_post, "day": asked.context.day}
    elif asked.context.rules >= 5 and slot.giver and act.leaver not in (slot.giver, slot.delegate):
        effect["kept"] = True
    authority.may_be_given(asked, slot, {act.delegate, *([slot.giver] if slot.giver else [])})
    return Decision([effect], held)


def _passed_on(act: HandOver, slot: Slot) -> bool:
    """Whether what the leaver was delegated goes on, by the same giver, to the successor."""
    return slot.delegate == act.leaver and slot.giver != act.delegate


def _successor(asked: Asked, act: HandOver, slot: Slot) -> Need:
    """The fact about the successor: that they hold the post, or what the leaver was when it was delegated to them."""
    day = asked.context.day
    if asked.context.rules >= 5 and slot.own_post and _passed_on(act, slot):
        return ("authority", act.delegate, slot.unit, slot.own_post, day, "holder")
    return authority.need(asked.definition, act.delegate, slot.unit, slot.post, day)


def _leaves(asked: Asked, act: HandOver, slot: Slot) -> None:
    """Whoever is said to leave holds the post, held it, or had it delegated.

    Raises:
        NotHolder: none of these.
    """
    now = asked.facts.get(*authority.need(asked.definition, act.leaver, slot.unit, slot.post, asked.context.day))
    before = asked.facts.get("held", act.leaver, slot.unit, slot.post)
    if not now.get("tenure") and not before and slot.delegate != act.leaver:
        raise NotHolder(
            person=act.leaver,
            post=slot.post,
            unit=slot.unit,
            day=asked.context.day,
            expected="whoever holds the post, held it before, or had the place delegated",
            actual=act.leaver,
            place=asked.definition.place("stages", asked.case.stage, "chain"),
        )
