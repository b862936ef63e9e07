"""Changing a running clock: extending it, stopping it, letting it run again, and counting it anew when a calendar comes.

All but the last are signed acts, possible only where the definition says so. A rung that fired is never recomputed and
a ladder never steps back: an extension or a pause moves what is still ahead. An overdue fact stays: nobody extends or
stops a clock that has run out. Source: time semantics; R067, R079.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from workflow.acts import Extend, Pause, ReprojectDue, Resume, Signature
from workflow.case import Effect
from workflow.clock import local_day
from workflow.definition.model import Due, Extending, Pausing, Who
from workflow.errors import (
    Conflict,
    DateRequired,
    LimitReached,
    OutOfTurn,
    ReasonRequired,
    Said,
    Stale,
    Unknown,
    WrongStage,
)
from workflow.rules import authority, dues, reckoning
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.obligations import period
from workflow.rules.reckoning import NEVER, Basis


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority, and the units above the item."""
    return [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]


def _asked_for(asked: Asked, act: Extend | Pause | Resume) -> tuple[str, dict[str, Any], Due]:
    """The due an act is about: by key, or the present stage's own.

    Raises:
        WrongStage: no such clock runs, or it is not one that the definition lets anybody touch.
    """
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    own = [r for r in case.dues if r == dues.rule_of(stage, case.stays) or "/appointed/" in r]
    rule = act.rule or (own[0] if own else dues.rule_of(stage, case.stays))
    held = case.dues.get(rule)
    if held is None or stage.due is None or rule not in own:
        raise WrongStage(
            act=Said(f"{act.kind} of {rule}", f"{rule} 的 {act.kind}"),
            expected=own or "a stage whose own due runs",
            actual=case.stage,
            place=definition.place("stages", case.stage, "due"),
        )
    return rule, held, stage.due


def _signed(asked: Asked, act: Signature) -> dict[str, Any]:
    """The authority of whoever changes a clock, who saw what the item holds now and gives a reason."""
    place = asked.definition.place("stages", asked.case.stage, "due")
    held = authority.authority(asked)
    if act.slot:
        raise OutOfTurn(expected="no place: a clock is no place of the chain", actual=act.slot, place=place)
    if act.seen != asked.case.content:
        raise Stale(expected=asked.case.content, actual=act.seen or "nothing", place=place)
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=place)
    return held


def _allowed(asked: Asked, due: Due, kind: str, spec: Extending | Pausing | None) -> None:
    if spec is None:
        raise WrongStage(
            act=kind,
            expected=[s.stage for s in asked.definition.flow.stages if s.due and getattr(s.due, kind, None)]
            or f"a due whose definition says {kind}",
            actual=asked.case.stage,
            place=asked.definition.place("stages", asked.case.stage, "due", kind),
        )


def _runs(asked: Asked, rule: str, held: dict[str, Any], kind: str) -> None:
    place = asked.definition.place("stages", asked.case.stage, "due", kind)
    if "paused" in held:
        raise LimitReached(expected=f"a {rule} whose clock runs", actual="it is paused; resume it first", place=place)
    if asked.context.at >= held["missed"]:
        raise LimitReached(
            expected=f"an act before {rule} is missed", actual="it is overdue, and stays so", place=place
        )


def extend(asked: Asked, act: Extend) -> Decision:
    """Give a due a later date.

    Raises:
        WrongStage: the definition allows no extension here. OutOfTurn: the actor is not of that unit or above.
        DateRequired: no date, or one not after the present one. ReasonRequired: no reason.
        LimitReached: beyond the cap, too often, or the date has passed.
    """
    context, definition = asked.context, asked.definition
    rule, held, due = _asked_for(asked, act)
    _allowed(asked, due, "extend", due.extend)
    spec = due.extend
    assert spec is not None
    authority_ = _signed(asked, act)
    place = definition.place("stages", asked.case.stage, "due", "extend")
    path: Path = asked.facts.get("path", asked.case.unit, context.day)
    units = [u["unit"] for u in path]
    above = units[units.index(unit_at(definition, path, spec.by)["unit"]) :]
    if asked.actor.unit not in above:
        raise OutOfTurn(expected=f"somebody of {', '.join(above)}", actual=str(asked.actor), place=place)
    _runs(asked, rule, held, "extend")
    times = held.get("extended", 0)
    if times >= spec.times:
        raise LimitReached(expected=f"{spec.times} extension(s)", actual=f"extension {times + 1}", place=place)
    first = _day_of(asked, held)
    cap, _ = reckoning.count(context.calendar, first, spec.at_most.n, spec.at_most.unit)
    limit = held.get("limit") or cap.isoformat()
    to = date.fromisoformat(act.due) if dues.may_be_due(context, act.due) else None
    if to is None or to <= first:
        raise DateRequired(
            act="extend", expected=f"due=YYYY-MM-DD after {first}", actual=act.due or "none", place=place
        )
    if to.isoformat() > limit:
        raise LimitReached(expected=f"{spec.at_most} beyond the first date, {limit}", actual=act.due, place=place)
    effect = _changed(asked, "due-extended", rule, held, {**held["basis"], "to": act.due})
    return Decision([{**effect, "extended": times + 1, "limit": limit}], authority_)


def _day_of(asked: Asked, held: dict[str, Any]) -> date:
    """The local day on which a due ends."""
    return local_day(held["missed"] - 1, asked.definition.flow.timezone)


def _changed(asked: Asked, kind: str, rule: str, held: dict[str, Any], basis: Basis) -> Effect:
    """A due that runs on towards another date: its ladder stands where it stood."""
    found = dues.reckon(asked.context, basis)
    upcoming, unsure = dues.upcoming(asked.context, held["ladder"], held["step"], found.missed)
    effect: Effect = {"e": kind, "rule": rule, "missed": found.missed, "next": upcoming, "basis": basis}
    if found.provisional or unsure:
        effect["provisional"] = True
    elif "provisional" in held:
        effect["provisional"] = None
    return effect


def pause(asked: Asked, act: Pause) -> Decision:
    """Stop a clock; what is left stands still, and the other party's clock starts.

    Raises:
        WrongStage: the definition allows no pause here. OutOfTurn: the actor is none of those who may.
        LimitReached: a fixed date, too often, paused already, or the date has passed. ReasonRequired: no reason.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    rule, held, due = _asked_for(asked, act)
    _allowed(asked, due, "pause", due.pause)
    spec = due.pause
    assert spec is not None
    authority_ = _signed(asked, act)
    place = definition.place("stages", case.stage, "due", "pause")
    one_of(asked, spec.by, place)
    basis: Basis = held["basis"]
    if due.fixed or not ("span" in basis or "left" in basis):
        raise LimitReached(expected="a span of time", actual="a fixed date, which can only be extended", place=place)
    _runs(asked, rule, held, "pause")
    times = held.get("pauses", 0)
    if times >= spec.times:
        raise LimitReached(expected=f"{spec.times} pause(s)", actual=f"pause {times + 1}", place=place)
    paused: dict[str, Any] = {"at": context.at, "left": left_of(asked, held, whole_days=spec.whole_days)}
    stage = definition.stage(case.stage)
    number = case.armed.get("pause", 0) + 1
    other = dues.rule_of(stage, case.stays, f"pause-{number}")
    paused["other"] = other
    missed, next_ = _meanwhile(asked, rule, held)
    stopped: Effect = {
        "e": "due-paused",
        "rule": rule,
        "missed": missed,
        "next": next_,
        "paused": paused,
        "pauses": times + 1,
    }
    if "provisional" in held:
        stopped["provisional"] = None
    started = dues.armed(
        context, other, spec.starts.ladder, dues.from_moment(context, context.at, spec.starts.within), "pause"
    )
    return Decision([stopped, started], authority_)


def left_of(asked: Asked, held: dict[str, Any], *, whole_days: bool = False) -> int | str:
    """What is left of a span: microseconds of hours, else a number of days as a span says it. A node that caps the span
    takes nothing from it: that date comes anyway.

    Args:
        whole_days: the day on which the clock stops is not counted either, unless the span begins with it.
    """
    context, basis = asked.context, held["basis"]
    missed = held["missed"]
    if context.rules >= 6 and "cap-node" in basis and "to" not in basis:
        missed = dues.reckon(context, {k: v for k, v in basis.items() if k not in ("cap", "cap-node")}).missed
    if "at" in basis or basis["span"].endswith("hours"):
        return int(missed - context.at)
    unit = "workdays" if basis["span"].endswith("workdays") else "days"
    counted = context.today
    if whole_days:
        counted = max(date.fromisoformat(basis["from"]), counted - timedelta(days=1))
    last = local_day(missed - 1, asked.definition.flow.timezone)
    return f"{reckoning.left_between(context.calendar, counted, last, unit)} {unit}"


def _fixed_cap(asked: Asked, rule: str, held: dict[str, Any]) -> Basis:
    """The node that caps a due, as a basis has it: a fixed date does not wait while the span below it does. Nothing where
    none does, where somebody extended the due, and by rules before 6."""
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    own = dues.rule_of(stage, case.stays)
    if asked.context.rules < 6 or "to" in held["basis"] or stage.due is None:
        return {}
    if rule != own and not rule.startswith(f"{own}/appointed"):
        return {}
    found = dues.node_cap(definition, stage.due, case.nodes, local_day(case.entered, definition.flow.timezone))
    return {} if found is None else {"cap": found[0].isoformat(), "cap-node": found[1]}


def _meanwhile(asked: Asked, rule: str, held: dict[str, Any]) -> tuple[int, int | None]:
    """When a due whose clock stands still is missed all the same, and its next rung: at its node, else never."""
    cap = _fixed_cap(asked, rule, held)
    if not cap:
        return NEVER, None
    ends: Basis = {"on": cap["cap"], **{k: v for k, v in held["basis"].items() if k == "cut"}}
    missed = dues.reckon(asked.context, ends).missed
    return missed, dues.upcoming(asked.context, held["ladder"], held["step"], missed)[0]


def going_on(asked: Asked, rule: str, held: dict[str, Any]) -> Effect:
    """A stopped clock that runs again with what was left of it, up to the node that caps it."""
    context, left = asked.context, held["paused"]["left"]
    basis = {k: v for k, v in held["basis"].items() if k not in ("from", "span", "at", "left", "to", "cap", "cap-node")}
    basis |= _fixed_cap(asked, rule, held)
    basis |= {"at": context.at, "left": left} if isinstance(left, int) else {"from": context.day, "span": left}
    return {**_changed(asked, "due-resumed", rule, held, basis), "paused": None}


def one_of(asked: Asked, whos: tuple[Who, ...], place: str) -> None:
    """Refuse who is none of these.

    Raises:
        OutOfTurn: names those who may.
    """
    path: Path = asked.facts.get("path", asked.case.unit, asked.context.day)
    may = [(w.post, unit_at(asked.definition, path, w.of, asked.case.last_unit)["unit"]) for w in whos]
    if (asked.actor.post, asked.actor.unit) not in may:
        raise OutOfTurn(expected=[f"{post}@{unit}" for post, unit in may], actual=str(asked.actor), place=place)


def resume(asked: Asked, act: Resume) -> Decision:
    """Let a paused clock run again, by those who may pause it or by the other party: what was left is counted from the
    day after, hours from now. The other party's clock ends.

    Raises:
        WrongStage, OutOfTurn, ReasonRequired: as for a pause. LimitReached: the clock is not paused.
    """
    context = asked.context
    rule, held, due = _asked_for(asked, act)
    _allowed(asked, due, "pause", due.pause)
    assert due.pause is not None
    authority_ = _signed(asked, act)
    place = asked.definition.place("stages", asked.case.stage, "due", "pause")
    one_of(asked, (*due.pause.by, due.pause.starts.duty), place)
    paused = held.get("paused")
    if paused is None:
        raise LimitReached(expected="a paused clock", actual=f"{rule} runs", place=place)
    effects: list[Effect] = [going_on(asked, rule, held)]
    other = asked.case.dues.get(paused["other"])
    if other is not None:
        effects.append(dues.met(context, paused["other"], other))
    return Decision(effects, authority_)


def reproject(asked: Asked, act: ReprojectDue) -> Decision:
    """Count the provisional dates of an item again, by the calendar of now; what is settled is provisional no longer. And
    those dates that the act names although they were settled, as long as they have not passed. A report whose period the
    calendar has no more is not owed, and its due ends.

    Raises:
        Conflict: nothing of the item is to be counted again, or nothing changes.
    """
    effects: list[Effect] = []
    for rule, held in asked.case.dues.items():
        named = rule in act.settled and asked.context.at < held["missed"]
        if "paused" in held or ("provisional" not in held and not named):
            continue
        if asked.context.rules >= 8 and _owed_no_more(asked, held):
            effects.append({"e": "due-cancelled", "rule": rule})
            continue
        effect = _changed(asked, "due-reprojected", rule, held, held["basis"])
        settles = "provisional" in held and effect.get("provisional") is not True
        if not settles and effect["missed"] == held["missed"] and effect["next"] == held["next"]:
            continue
        effects.append({k: v for k, v in effect.items() if k != "basis"})
    if not effects:
        raise Conflict(item=asked.case.item, expected="a date that the calendar settles", actual="none")
    return Decision(effects)


def _owed_no_more(asked: Asked, held: dict[str, Any]) -> bool:
    """Whether a due is that of a report for a period that is none by the calendar of now: a working day that became a
    day off."""
    name = held["basis"].get("obligation")
    if name is None:
        return False
    try:
        period(asked.definition, asked.context.calendar, name, asked.case.campaign)
    except Unknown:
        return True
    return False
