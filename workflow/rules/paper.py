"""Signatures in ink: signed on paper, registered later with a scan by somebody else, who stands for having seen it.

A strength of its own (``WET``): no click and no key, but a sheet of paper and a registrar. Both times are on record: the
day it was signed and the moment it was registered. The sheet goes round on paper before it is registered, so what counts is
the order of the days on it: never before its papers were handed in, before it was sent back to be signed anew, or before
those signed who sign earlier. Whoever registers is whom the caller of the verb names; a host that knows who is calling, as
the HTTP interface does, names them and nobody else. Source: R203.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import Signature
from workflow.case import Slot
from workflow.clock import local_day
from workflow.errors import BadSignature, DateRequired, MaterialMissing, NotHolder, OutOfTurn, SamePerson, WrongMeaning
from workflow.rules import authority, persons
from workflow.rules.context import Asked, Need
from workflow.rules.materials import is_day
from workflow.rules.plan import downstream

MEMBERS = {"scan", "on", "person", "post", "unit"}


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The registrar's authority today."""
    if not act.paper.keys() >= MEMBERS:
        return []
    p = act.paper
    registrar = authority.need(asked.definition, p["person"], p["unit"], p["post"], asked.context.day)
    return [registrar, *persons.needs(asked, [p["person"]])]


def dated(asked: Asked) -> dict[str, Any]:
    """What an effect says of the day, where a later signature in ink has to be no older: nothing where the flow takes none."""
    return {"day": asked.given_on} if asked.definition.flow.wet_ink and asked.context.rules >= 5 else {}


def earliest(asked: Asked, slot: Slot) -> str:
    """The first day on which a place can have been signed in ink: the papers were there, it was not sent back since, and
    those before it had signed."""
    case = asked.case
    first = local_day(case.entered, asked.definition.flow.timezone).isoformat()
    if asked.context.rules < 5:
        return first
    before = [s.day for s in case.slots if s.day and slot.key in downstream(case.plan, case.slots, s.key)]
    return max(first, case.handed, slot.day, *before)


def check(asked: Asked, act: Signature, slot: Slot) -> None:
    """Refuse a registration that nobody may make.

    Raises:
        WrongMeaning: the flow knows no signatures in ink. MaterialMissing: the scan, the day or the registrar is absent.
        OutOfTurn, NotHolder: the registrar is not one. SamePerson: nobody registers their own.
        DateRequired: the day is to come, or before the papers were handed in, the place sent back, or those before it signed.
    """
    flow, p = asked.definition.flow, act.paper
    place = asked.definition.place("wet-ink")
    if not flow.wet_ink:
        raise WrongMeaning(expected="a flow that says wet-ink", actual="a signature in ink", place=place)
    if p.keys() != MEMBERS or not all(p.values()):
        raise MaterialMissing(expected=sorted(MEMBERS), actual=sorted(k for k in p if p[k]), place=place)
    if "signature" in act.proof:
        raise BadSignature(expected="a scan of the paper", actual="a signature by a key", place=place)
    if p["post"] not in flow.wet_ink or p["unit"] != slot.unit:
        expected = [f"{post}@{slot.unit}" for post in flow.wet_ink]
        raise OutOfTurn(expected=expected, actual=f"{p['post']}@{p['unit']}", place=place)
    registrar = persons.ids(asked, {p["person"]})
    if asked.actor.person in registrar:
        raise SamePerson(person=p["person"], expected="the registrar", actual=f"{slot.post}@{slot.unit}", place=place)
    found = asked.facts.get(*needs(asked, act)[0])
    if not found.get("tenure"):
        raise NotHolder(
            person=p["person"],
            post=p["post"],
            unit=p["unit"],
            day=asked.context.day,
            expected=[a["person"] for a in found.get("answerable", [])] or "nobody",
            actual=p["person"],
            place=place,
        )
    if asked.context.rules >= 4 and registrar & {slot.giver, slot.delegate}:
        raise SamePerson(person=p["person"], expected="the registrar", actual="whose place it is", place=place)
    first = earliest(asked, slot)
    if not (is_day(p["on"]) and first <= p["on"] <= asked.context.day):
        raise DateRequired(
            act="a signature in ink",
            expected=f"the day it was signed, from {first} to {asked.context.day}",
            actual=p["on"],
            place=place,
        )
