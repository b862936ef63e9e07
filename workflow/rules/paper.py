"""Signatures in ink: signed on paper, registered later with a scan by somebody else, who stands for having seen it.

A strength of its own (``WET``): no click and no key, but a sheet of paper and a registrar. Both times are on record: the
day it was signed and the moment it was registered. Source: R203.
"""

from __future__ import annotations

from workflow.acts import Signature
from workflow.case import Slot
from workflow.clock import local_day
from workflow.errors import BadSignature, DateRequired, MaterialMissing, NotHolder, OutOfTurn, SamePerson, WrongMeaning
from workflow.rules import authority
from workflow.rules.context import Asked, Need
from workflow.rules.materials import is_day

MEMBERS = {"scan", "on", "person", "post", "unit"}


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The registrar's authority today."""
    if not act.paper.keys() >= MEMBERS:
        return []
    p = act.paper
    return [authority.need(asked.definition, p["person"], p["unit"], p["post"], asked.context.day)]


def check(asked: Asked, act: Signature, slot: Slot) -> None:
    """Refuse a registration that nobody may make.

    Raises:
        WrongMeaning: the flow knows no signatures in ink. MaterialMissing: the scan, the day or the registrar is absent.
        OutOfTurn, NotHolder: the registrar is not one. SamePerson: nobody registers their own.
        DateRequired: the day is to come, or before the item came to this stage.
    """
    case, flow, p = asked.case, asked.definition.flow, act.paper
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
    if p["person"] == asked.actor.person:
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
    first = local_day(case.entered, flow.timezone).isoformat()
    if asked.context.rules >= 4 and p["person"] in (slot.giver, slot.delegate):
        raise SamePerson(person=p["person"], expected="the registrar", actual="whose place it is", place=place)
    if not (is_day(p["on"]) and first <= p["on"] <= asked.context.day):
        raise DateRequired(
            act="a signature in ink",
            expected=f"the day it was signed, from {first} to {asked.context.day}",
            actual=p["on"],
            place=place,
        )
