"""Who may act as what on that day. Silence means nobody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workflow.acts import Signature, Withdraw
from workflow.case import Case, Slot
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import Avoidance, InPerson, NotAssigned, NotHolder, Said, SamePerson
from workflow.rules import apart as apart_rules
from workflow.rules import mandates, persons
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Need
from workflow.rules.plan import at_one_unit


def backstop(definition: Definition, post: str) -> str:
    """Whether the direct superior answers where the post is vacant (兜底), as a word of a need. Source: R017."""
    spec = definition.flow.posts.get(post)
    return "backstop" if spec is not None and spec.backstop == "superior" else "holder"


def need(definition: Definition, person: str, unit: str, post: str, day: str) -> Need:
    return ("authority", person, unit, post, day, backstop(definition, post))


def own_need(asked: Asked) -> Need:
    """The fact about the actor's own authority today; for a signature in ink, on the day it was given."""
    known: Need | None = asked.__dict__.get("_own_need")  # asked for six times in a signature
    if known is None:
        by = asked.actor
        known = asked.__dict__["_own_need"] = need(asked.definition, by.person, by.unit, by.post, asked.given_on)
    return known


def giver_need(asked: Asked, slot: Slot) -> Need:
    """The fact about whoever delegated a place."""
    return need(asked.definition, slot.giver, slot.unit, slot.post, _stood_in_on(asked))


def _stood_in_on(asked: Asked) -> str:
    return asked.given_on if asked.context.rules >= 5 else asked.context.day


def delegate_needs(asked: Asked, slot: Slot) -> list[Need]:
    """What a delegation rests on: whoever gave it, and the delegate's own post at the unit."""
    found = [giver_need(asked, slot)]
    if slot.own_post:
        found.append(("authority", slot.delegate, slot.unit, slot.own_post, _stood_in_on(asked), "holder"))
    return found


def mandate_needs(asked: Asked) -> list[Need]:
    """What the actor's mandates rest on beside their own rows."""
    if asked.act.by is None or not isinstance(asked.act, (Signature, Withdraw)) or own_need(asked) not in asked.facts:
        return []
    by, found = asked.act.by, asked.facts.peek(*own_need(asked))
    wanted = mandates.needs(asked, found)
    if by.post in asked.definition.stage(asked.case.stage).looks_after:
        whose = [by.person, *(m["principal"] for m in found.get("mandates", ()))]
        whose += [s.giver for s in asked.case.slots if s.giver and s.delegate == by.person]
        wanted += [_looks_after(asked, p) for p in dict.fromkeys(whose)]
    if not found.get("tenure"):
        mine = [s for s in asked.case.slots if s.delegate == by.person and (s.post, s.unit) == (by.post, by.unit)]
        wanted += [need for s in mine for need in delegate_needs(asked, s)]
    return wanted


def authority(asked: Asked, slot: Slot | None = None) -> dict[str, Any]:
    """The tenure an actor rests on, marked holder, acting, backstop or mandate.

    Args:
        slot: the place the act is about. Mandates are for signing places; anything else is done by those who answer.

    Raises:
        NotHolder: nobody of that name holds the post at that unit on the day, nor answers for it.
        MandateRefused: the actor has a mandate for the post, and it does not hold here and now.
    """
    by = asked.actor
    found: dict[str, Any] = asked.facts.get(*own_need(asked))
    if not found.get("tenure"):
        if slot is None and isinstance(asked.act, Withdraw):
            slot = asked.case.slot(asked.act.slot)
        if slot is not None and slot.delegate == by.person and slot.giver:
            giver, *own = [asked.facts.get(*need) for need in delegate_needs(asked, slot)]
            stands = giver.get("tenure") and all(o.get("tenure") for o in own)
            if stands and slot.given_on <= _stood_in_on(asked):
                out = {"person": by.person, "as": "delegate", "principal": slot.giver, "tenure": giver["tenure"]}
                return out | {"post": slot.post, "unit": slot.unit, "at": slot.unit}
        if slot is not None and found.get("mandates"):
            return mandates.stand_in(asked, slot, found)
        raise NotHolder(
            person=by.person,
            post=by.post,
            unit=by.unit,
            day=asked.context.day,
            expected=[a["person"] for a in found.get("answerable", [])] or "nobody (vacant, no backstop)",
            actual=by.person,
            place=asked.definition.place("posts", by.post),
        )
    return found


def standing_in(held: dict[str, Any]) -> dict[str, str]:
    """In whose place somebody acts, and by which mandate; nothing for those who act in their own."""
    if "principal" not in held and "mandate" not in held:
        return {}
    return {name: held[name] for name in ("mandate", "principal") if name in held}


def in_person(asked: Asked, slot: Slot, held: dict[str, Any]) -> None:
    """亲自: a place so marked is the holder's alone. Source: S4 「亲自研究」「亲自抓促」「亲自解决」, R044.

    Raises:
        InPerson: whoever acts does so by mandate, as acting holder or in the place of a unit without a head.
    """
    if slot.in_person and held["as"] != "holder":
        raise InPerson(
            person=asked.actor.person,
            expected=f"the holder of {slot.post} of {slot.unit}",
            actual=held["as"],
            place=asked.definition.place("stages", asked.case.stage, "chain"),
        )


def _looks_after(asked: Asked, person: str) -> Need:
    return ("looks-after", person, asked.context.day)


def assigned(asked: Asked, slot: Slot, held: dict[str, Any]) -> None:
    """一级督一级: whoever signs as a member of a body does so for the units that the body looks after, and no others.

    Raises:
        NotAssigned: names the units that the person, or whoever they stand for, does look after.
    """
    looks_after(asked, slot.post, held)


def looks_after(asked: Asked, post: str, held: dict[str, Any]) -> None:
    """The same for an act that no place waits for.

    Raises:
        NotAssigned: see there.
    """
    if post not in asked.definition.stage(asked.case.stage).looks_after:
        return
    person = held.get("principal", asked.actor.person)
    mine = asked.facts.get(*_looks_after(asked, person))
    if asked.case.unit not in mine:
        raise NotAssigned(
            person=person,
            unit=asked.case.unit,
            day=asked.context.day,
            expected=Said(
                f"a member of a body that looks after {asked.case.unit}", f"联系 {asked.case.unit} 的督导组成员"
            ),
            actual=mine or Said("nobody", "无"),
            place=asked.definition.place("stages", asked.case.stage, "looks-after"),
        )


def apart(asked: Asked, slot: Slot, held: dict[str, Any]) -> None:
    """Two persons where the definition says two: at one unit, within the stage's present signatures.

    A group of several posts wants another person for each post; a group of one post, another for each of its slots.
    A signature by mandate counts for both: nobody signs beside a deputy of their own, or beside whoever they stand for.

    Raises:
        SamePerson: names the slot the person already signed.
    """
    two_persons(asked, slot, {asked.actor.person, held.get("principal", asked.actor.person)})


def two_persons(asked: Asked, slot: Slot, mine: set[str]) -> None:
    """The same for persons who would sign a place, by themselves or in whose place.

    Raises:
        SamePerson: names the slot that one of them already signed.
    """
    stage = asked.definition.stage(asked.case.stage)
    groups = asked.definition.chain_of(stage).two_persons
    if not groups:
        return
    signed = [
        s
        for s in asked.case.slots
        if s.state == "signed" and s.key != slot.key and at_one_unit(s, slot, asked.context.rules)
    ]
    if not signed:
        return
    mine = persons.ids(asked, mine)
    for other in signed:
        both = mine & {other.person, other.principal or other.person}
        if not both:
            continue
        for group in groups:
            here, there = slot.demanded or slot.post, other.demanded or other.post
            if here in group and there in group and (here != there or len(group) == 1):
                raise SamePerson(
                    person=min(both),
                    expected=f"{slot.post}@{slot.unit}",
                    actual=f"{other.post}@{other.unit}",
                    place=asked.definition.place("stages", stage.stage, "two-persons"),
                )


def barred_needs(asked: Asked, path: Path) -> list[Need]:
    """Who holds the posts that this stage bars."""
    stage = asked.definition.stage(asked.case.stage)
    return [
        ("answerable", unit_at(asked.definition, path, who.of)["unit"], who.post, asked.context.day, "holder")
        for who in stage.not_by
        if who.post not in ("lead", "concerned")
    ]


def stand_aside(asked: Asked, path: Path, held: dict[str, Any]) -> None:
    """回避: nobody who holds a barred post at the item's unit, and not its lead, may take this step; nor may anybody in
    their place.

    Raises:
        Avoidance: names the capacity in which the person is barred.
    """
    person = asked.actor.person
    barred_from(asked, path, person, {person, held.get("principal", person)})


def barred_from(asked: Asked, path: Path, person: str, both: set[str]) -> None:
    """The same for somebody who would take it, and in whose place.

    Raises:
        Avoidance: see there.
    """
    stage = asked.definition.stage(asked.case.stage)
    both = persons.ids(asked, both)
    barred = [f"{need[2]} of {need[1]}" for need in barred_needs(asked, path) if _holds(asked, need, both)]
    if any(who.post == "lead" for who in stage.not_by) and both & set(asked.case.led):
        barred.append(f"lead of {asked.case.unit}")
    if any(who.post == "concerned" for who in stage.not_by) and both & concerned(asked.case):
        barred.append(f"whom {asked.case.item} is about")
    if barred:
        raise Avoidance(
            person=person,
            expected=barred,
            actual=person,
            place=asked.definition.place("stages", stage.stage, "not-by"),
        )


def asks_who(asked: Asked) -> bool:
    """Whether the present stage keeps persons apart."""
    stage = _stage(asked)
    chain = asked.definition.chain_of(stage)
    return bool(chain.apart or chain.two_persons or stage.not_by)


def assign_needs(asked: Asked, slot: Slot, given: Iterable[str] = ()) -> list[Need]:
    """The facts about who may be given a place: units kept apart, and since rules 3 the posts that are barred.

    Args:
        given: whoever would sign there, and in whose place.
    """
    wanted = apart_rules.needs(asked, slot) if asked.definition.chain_of(_stage(asked)).apart else []
    if asks_who(asked):
        wanted += persons.needs(asked, given)
    if _stage(asked).not_by and asked.context.rules >= 3:
        path: Need = ("path", asked.case.unit, asked.context.day)
        wanted.append(path)
        if path in asked.facts:
            wanted += barred_needs(asked, asked.facts.peek(*path))
    return wanted


def may_be_given(asked: Asked, slot: Slot, given: set[str]) -> None:
    """Refuse to give a place to somebody who may not sign it beside those who signed, or must stand aside.

    Args:
        given: whoever would sign, and in whose place; none where only the place is known yet.

    Raises:
        SamePerson, NotApart, Avoidance: as for a signature there.
    """
    apart_rules.check(asked, slot, given)
    if asked.context.rules < 3:
        return
    two_persons(asked, slot, given)
    if _stage(asked).not_by and given:
        path = asked.facts.get("path", asked.case.unit, asked.context.day)
        barred_from(asked, path, min(given), given)


def _stage(asked: Asked) -> Stage:
    return asked.definition.stage(asked.case.stage)


def concerned(case: Case) -> set[str]:
    """The persons whom a proposal is about: nobody decides about himself, in whatever capacity."""
    whom = case.fields_.get("whom", ())
    found = {w.get("person") for w in whom if isinstance(w, dict)} if isinstance(whom, (list, tuple)) else set()
    return {p for p in found if p}


def _holds(asked: Asked, need: Need, some: set[str]) -> bool:
    return any(h["person"] in some for h in asked.facts.get(*need))
