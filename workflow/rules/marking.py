"""What is said about a report that is owed from outside its chain: exempted, corrected by its own unit, contradicted.

All three are signed acts with a reason. The report's own signatures stay as they are. Source: S0 「如发现企业软弱涣散基层
党组织应报未报」, R055; R063.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import Contradict, Exempt, Signature, Supplement
from workflow.case import Effect
from workflow.definition.model import Opening
from workflow.errors import LimitReached, MaterialMissing, OutOfTurn, ReasonRequired, Stale, WrongStage
from workflow.rules import authority, handing, materials
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.opening import item_id


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority and the units above the report's."""
    wanted: list[Need] = [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]
    if isinstance(act, Supplement):
        return [*wanted, *handing.words_needs(asked, act)]
    if isinstance(act, Contradict) and not asked.definition.stage(asked.case.stage).final:
        path_need = wanted[1]
        return [*wanted, _duty(asked, asked.facts.peek(*path_need))] if path_need in asked.facts else wanted
    return wanted


def _duty(asked: Asked, path: Path) -> Need:
    """Who answers for a report that is not in."""
    duty = asked.definition.stage(asked.case.stage).duty
    unit = unit_at(asked.definition, path, duty.of, asked.case.last_unit)["unit"]
    return ("answerable", unit, duty.post, asked.context.day, authority.backstop(asked.definition, duty.post))


def decide(asked: Asked, act: Signature) -> Decision:
    """Mark a report.

    Raises:
        WrongStage: this flow owes no reports, or the report is not in the state the act is about.
        OutOfTurn: exemptions and contradictions come from above, corrections from the unit itself.
        LimitReached: it was exempted or contradicted already. ReasonRequired, Stale, NotHolder: see there.
    """
    definition, case = asked.definition, asked.case
    place = definition.place("obligations")
    if not definition.flow.obligations and definition.flow.reports is None:
        raise WrongStage(act=act.kind, expected="a flow whose reports are owed", actual=definition.name, place=place)
    held = authority.authority(asked)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    received = definition.stage(case.stage).final
    if isinstance(act, Supplement):
        return Decision(_supplement(asked, act, received, place), held)
    _from_above(asked, act, place)
    if isinstance(act, Exempt):
        return Decision(_exempt(asked, received, place), held)
    assert isinstance(act, Contradict)
    return Decision(_contradict(asked, act, received, place), held)


def _from_above(asked: Asked, act: Signature, place: str) -> None:
    path: Path = asked.facts.get("path", asked.case.unit, asked.context.day)
    above = [u["unit"] for u in path[1:]]
    if asked.actor.unit not in above:
        raise OutOfTurn(
            expected=f"somebody of {', '.join(above) or 'a superior'}", actual=str(asked.actor), place=place
        )


def _exempt(asked: Asked, received: bool, place: str) -> list[Effect]:
    case = asked.case
    if received or case.final:
        raise WrongStage(act="exempt", expected="a report that is not in", actual=_state(asked), place=place)
    return [{"e": "exempted"}, *({"e": "due-cancelled", "rule": rule} for rule in case.dues)]


def _supplement(asked: Asked, act: Supplement, received: bool, place: str) -> list[Effect]:
    case, definition = asked.case, asked.definition
    if not received:
        raise WrongStage(act="supplement", expected="a report that is in", actual=_state(asked), place=place)
    post = definition.flow.posts.get(asked.actor.post)
    if asked.actor.unit != case.unit or post is None or post.may != "sign":
        raise OutOfTurn(
            expected=f"a post of {case.unit} that signs: the unit corrects its own report",
            actual=str(asked.actor),
            place=place,
        )
    first = definition.first
    allowed = {*first.materials, *(n for e in first.exits.values() for n in e.needs)}
    for name in act.materials or {"nothing": ""}:
        if name not in allowed:
            raise MaterialMissing(expected=sorted(allowed), actual=name, place=place)
    materials.lists_only(definition, act.figures)
    handed: dict[str, Any] = {"e": "submitted", "materials": act.materials}
    if act.figures:
        handed["figures"] = act.figures
    if case.outcome:
        handed["outcome"] = case.outcome
    return [handed, {"e": "supplemented"}, *handing.same_words(asked, act)]


def _contradict(asked: Asked, act: Contradict, received: bool, place: str) -> list[Effect]:
    case, definition = asked.case, asked.definition
    zeros = {s.exits[s.zero.exit].to for s in definition.flow.stages if s.zero is not None}
    missing = not received and not case.final and any(asked.context.at >= d["missed"] for d in case.dues.values())
    if not missing and not (received and case.stage in zeros):
        raise WrongStage(
            act="contradict",
            expected="a zero report that is in, or a report that is missing",
            actual=_state(asked),
            place=place,
        )
    if "contradicted" in case.marks and (missing or case.marks["contradicted"]["at"] >= case.entered):
        raise LimitReached(expected="one contradiction", actual="it is contradicted already", place=place)
    if "supplemented" in case.marks:
        raise WrongStage(
            act="contradict",
            expected="a zero that its unit had not corrected by then",
            actual="corrected by its own unit before any check (补报)",
            place=place,
        )
    if not act.finding.strip():
        raise MaterialMissing(expected="the finding that shows it", actual="none", place=place)
    effects: list[Effect] = [{"e": "contradicted", "finding": act.finding}]
    zero = definition.first.zero
    if zero is not None and zero.contradicted is not None:
        effects.append(_left_out(asked, act, zero.contradicted, missing=missing))
    return effects


def _left_out(asked: Asked, act: Contradict, opening: Opening, *, missing: bool) -> Effect:
    """应报未报: the item that was left out, with who found it on which day, and who answers for the report: whoever signed
    the zero, or whose duty it was. The report stays as it is. Source: R055."""
    case, by = asked.case, asked.actor
    if missing:
        path: Path = asked.facts.get("path", case.unit, asked.context.day)
        need = _duty(asked, path)
        whom = [
            {"unit": need[1], "post": need[2], "person": h["person"], "as": h["as"]} for h in asked.facts.get(*need)
        ]
    else:
        whom = [{"unit": "", "post": "", "person": p, "as": "signed"} for p in dict.fromkeys(case.signers)]
    effect: Effect = {
        "e": "item-opened",
        "item": item_id(case.item, "contradicted", str(asked.context.seq)),
        "flow": opening.flow,
        "unit": case.unit,
        "fields_": {
            "about": case.item,
            "finding": act.finding,
            "found-on": asked.context.day,
            "found-by": {"person": by.person, "post": by.post, "unit": by.unit},
            "said": "nothing" if missing else "zero",
            "whom": whom,
        },
    }
    return {**effect, "enter": opening.enter} if opening.enter is not None else effect


def _state(asked: Asked) -> str:
    return "exempted" if "exempted" in asked.case.marks else f"stage {asked.case.stage}"
