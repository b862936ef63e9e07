"""What a check found of an item, on record beside what its own signers claim: confirmed, or refuted and sent back.

The claim stays as it was signed. Whoever signed it does not check it, nor does anybody of the unit itself; a finding that
sends back carries a new date. Source: S0 「组织开展抽查,对问题没有完全解决的,督促限期整改到位」, R122; S2 「至今各单位党委
……都已制定」 beside 「至今还没有制定」, R114, R115.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import CONFIRMED, REFUTED, RecordCheck
from workflow.case import Effect
from workflow.definition.model import Checked
from workflow.errors import (
    Avoidance,
    LimitReached,
    MaterialMissing,
    OutOfTurn,
    ReasonRequired,
    Said,
    Stale,
    WrongMeaning,
    WrongStage,
)
from workflow.rules import authority, persons
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.moving import leave
from workflow.rules.signing import seen_since


def needs(asked: Asked) -> list[Need]:
    """The actor's authority and other ids, and the units above the item's."""
    path: Need = ("path", asked.case.unit, asked.context.day)
    return [authority.own_need(asked), path, *persons.needs(asked, [asked.actor.person])]


def record(asked: Asked, act: RecordCheck) -> Decision:
    """Put a check's finding on record.

    Raises:
        WrongStage: nobody checks here, or nothing was claimed that could be confirmed. WrongMeaning: neither confirmed nor
            refuted, or a method that the definition does not know. OutOfTurn: another post checks. Avoidance: the person
            signed what is checked. LimitReached: this finding is on record. MaterialMissing: no finding is named.
            ReasonRequired: nobody says what was seen. DateRequired: a finding sends back with a new date. Stale, NotHolder,
            NotAssigned: see there.
    """
    case, definition, context = asked.case, asked.definition, asked.context
    stage = definition.stage(case.stage)
    place = definition.place("stages", case.stage, "checked")
    spec = stage.checked
    if spec is None:
        where = [s.stage for s in definition.flow.stages if s.checked is not None]
        raise WrongStage(act=act.kind, expected=where, actual=case.stage, place=place)
    held = authority.authority(asked)
    path: Path = asked.facts.get("path", case.unit, context.day)
    _checker(asked, spec, path, held, place)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if act.outcome not in (CONFIRMED, REFUTED):
        raise WrongMeaning(
            expected=Said(f"{CONFIRMED} or {REFUTED}", f"{CONFIRMED} 或 {REFUTED}"),
            actual=act.outcome or "nothing",
            place=place,
        )
    if spec.methods and act.method not in spec.methods:
        wanted = f"how it was checked: {', '.join(spec.methods)}"
        raise WrongMeaning(expected=wanted, actual=act.method or "nothing", place=place)
    if not act.finding.strip():
        raise MaterialMissing(expected="the check, document or digest that shows it", actual="none", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="what was seen, in writing", actual="none", place=place)
    if case.verified.get("finding") == act.finding:
        raise LimitReached(
            expected="a finding that is not on record",
            actual=Said(f"{act.finding} is", f"{act.finding} 已在案"),
            place=place,
        )
    if act.outcome == CONFIRMED and not case.claimed:
        raise WrongStage(
            act=act.kind, expected="an item whose signers claim something", actual="nothing is claimed", place=place
        )
    checked: Effect = {"e": "checked", "says": act.outcome, "finding": act.finding, "unit": asked.actor.unit}
    if act.method:
        checked["method"] = act.method
    if act.outcome == CONFIRMED:
        return Decision([checked], held)
    if stage.tracking is not None and spec.back == stage.tracking.rebound:
        seen_since(asked, stage)
    undone = [s.key for s in case.slots if s.state == "signed"] if stage.tracking is None else []
    gone: list[Effect] = [{"e": "superseded", "slots": undone}] if undone else []
    return Decision([checked, *gone, *leave(context, case, spec.back, path, due_set=act.due)], held)


def _checker(asked: Asked, spec: Checked, path: Path, held: dict[str, Any], place: str) -> None:
    """Whether the actor is one of those who check, and another than those who signed what is checked."""
    case, by = asked.case, asked.actor
    places = {(who.post, unit_at(asked.definition, path, who.of, case.last_unit)["unit"]) for who in spec.by}
    places = {(post, unit) for post, unit in places if unit != case.unit}  # at the top there is nobody above
    if (by.post, by.unit) not in places:
        expected = ", ".join(f"{post}@{unit}" for post, unit in sorted(places)) or f"somebody above {case.unit}"
        raise OutOfTurn(expected=expected, actual=str(by), place=place)
    authority.looks_after(asked, by.post, held)
    both = persons.ids(asked, {by.person}) & set(case.claimed.get("by", ()))
    if both:
        raise Avoidance(person=by.person, expected="who signed what is checked", actual=min(both), place=place)
