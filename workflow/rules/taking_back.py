"""撤回 of the signature that ended a stage: the item stands again where it stood, as long as nobody has acted on it.

Who signed before, what was proposed and every date stay as they were; only the one place is open again. What a signature
set going beyond the item itself (items opened, counts, claims, places taken) is others' already and is sent back by whoever
acts next. Source: S0 「谁签字上报谁负责」, R037, R038.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import Withdraw
from workflow.case import Case, Effect, Slot
from workflow.errors import AlreadySeen, OutOfTurn, Said
from workflow.evidence import canonical
from workflow.rules import authority
from workflow.rules.context import Asked, Decision, Need

WITHIN = frozenset({"outcome-set", "compared", "same-words", "signed", "not-needed", "left", "entered"})
WITHIN |= {"due-met", "due-armed", "due-cancelled"}
RUNNING = frozenset({"ladder", "missed", "step", "next", "basis", "provisional", "extended", "back", "moved"})
_MINE = Said(
    "a place signed by you in this stage, or the signature by which you ended the one before",
    "您在本环节已签的位置,或您使上一环节结束的签字",
)
_NOTHING_ELSE = Said("a signature from which nothing else followed", "未引起其他事项的签字")
_NOBODY_SINCE = Said("nobody to have opened it since", "此后无人打开")


def needs(asked: Asked, act: Withdraw) -> list[Need]:
    """What ended the stage before, if nothing but reminders came since; where it was the actor's signature, who has looked."""
    ending = _ending(asked)
    wanted = [ending]
    if ending in asked.facts and _own(asked, act, told := asked.facts.peek(*ending)):
        wanted.append(("viewed-since", asked.case.item, str(told["seq"])))
        slot = _before(told).slot(act.slot)
        if slot is not None and slot.delegate == asked.actor.person:
            wanted += authority.delegate_needs(asked, slot)
    return wanted


def withdraw(asked: Asked, act: Withdraw) -> Decision:
    """Take back the signature that ended the stage before, if nothing has happened to the item since.

    Raises:
        OutOfTurn: what happened last is no such signature of this person. NotHolder, MandateRefused: what the
            person signed by holds no more. AlreadySeen: whoever acts next has opened it, or something else rests on it.
    """
    case = asked.case
    place = asked.definition.place("stages", case.stage, "chain")
    told: dict[str, Any] = asked.facts.get(*_ending(asked))
    if not _own(asked, act, told):
        authority.authority(asked)
        own = [s.key for s in case.slots if s.state == "signed" and s.person == asked.actor.person]
        raise OutOfTurn(expected=own or _MINE, actual=act.slot, place=place)
    before = _before(told)
    slot = before.slot(act.slot)
    assert slot is not None, "an entry signs a place that there is"
    held = authority.authority(asked, slot)
    if followed := _followed(asked, before, told["effects"]):
        raise AlreadySeen(expected=_NOTHING_ELSE, actual=followed, place=place)
    seen = asked.facts.get("viewed-since", case.item, str(told["seq"]))
    if looked := [p for p in seen if p != asked.actor.person]:
        raise AlreadySeen(expected=_NOBODY_SINCE, actual=looked, place=place)
    return Decision(_undone(case, before, slot, asked.actor.person), held)


def goes_back(effects: list[Effect]) -> bool:
    """Whether these are the effects of such a withdrawal, which say themselves what becomes of every clock."""
    return bool(effects) and effects[0]["e"] == "withdrawn" and "stage" in effects[0]


def _ending(asked: Asked) -> Need:
    return ("ending", asked.case.item, str(asked.context.seq - 1))


def _before(told: dict[str, Any]) -> Case:
    return Case.of_snapshot(canonical.write(told["case"]))


def _own(asked: Asked, act: Withdraw, told: dict[str, Any]) -> bool:
    return bool(told) and (told["person"], told["slot"]) == (asked.actor.person, act.slot)


def _followed(asked: Asked, before: Case, effects: list[str]) -> list[str]:
    """What hinders it: what the signature set going beside the next stage, or what cannot stand again as it stood."""
    case, found = asked.case, sorted(set(effects) - WITHIN)
    hinders = {
        "round": case.round != before.round,
        "materials": case.materials != before.materials,
        "ballot": bool(before.ballot),
        "notice": asked.definition.stage(before.stage).notice is not None,
        "paused": any(not due.keys() <= RUNNING for due in before.dues.values()),
    }
    return [*found, *(name for name, holds in hinders.items() if holds)]


def _undone(case: Case, before: Case, slot: Slot, person: str) -> list[Effect]:
    """The stage that was entered is left by no exit, and the one before goes on where it was. It is a stay of its own, with
    the content of the one it goes on from: who signed there signed exactly what is here."""
    stage = before.stage
    taken: Effect = {"e": "withdrawn", "slot": slot.key, "person": person, "stage": stage}
    entered: Effect = {"e": "entered", "stage": stage, "again": True, "entries": before.entries}
    entered["stay"] = before.standing or before.stays
    entered["slots"] = [s.record() for s in before.slots]
    for name in ("klass", "due_set"):
        if getattr(before, name) != getattr(case, name):
            entered[name] = getattr(before, name)
    for name in ("armed", "overriding"):
        if getattr(before, name):
            entered[name] = getattr(before, name)
    if before.plan:
        entered["plan"] = list(before.plan)
    effects: list[Effect] = [
        {**taken, "unit": slot.unit, "post": slot.post},
        {"e": "left", "stage": case.stage, "exit": ""},
        *({"e": "due-cancelled", "rule": rule} for rule in case.dues),
        entered,
    ]
    if before.outcome:
        effects.append({"e": "outcome-set", "outcome": before.outcome})
    was, now = f"{stage}/{before.stays}", f"{stage}/{case.stays + 1}"
    for rule, due in before.dues.items():
        effects.append({"e": "due-armed", "rule": now + rule.removeprefix(was), **due})
    return effects
