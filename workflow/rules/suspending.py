"""挂起 and 激活: an item rests, and somebody's clock runs until it goes on.

Spans of time stand still and go on with what was left; fixed dates do not wait. Nobody acts on an item that rests.
"""

from __future__ import annotations

from workflow.acts import Activate, Signature, Suspend
from workflow.case import Effect
from workflow.definition.model import Suspending
from workflow.errors import LimitReached, ReasonRequired, Stale, WrongStage
from workflow.rules import authority, clocks, dues
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.reckoning import NEVER


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The actor's authority and the line of units."""
    return [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]


def suspend(asked: Asked, act: Suspend) -> Decision:
    """Let the item rest; the clock of whoever must see to it that it goes on starts.

    Raises:
        WrongStage: the definition lets nobody suspend. LimitReached: it rests already. OutOfTurn, NotHolder, Stale,
        ReasonRequired: see there.
    """
    case, context = asked.case, asked.context
    spec, held = _checked(asked, act)
    if case.suspended:
        raise LimitReached(expected="an item that goes on", actual="it is suspended already", place=_place(asked))
    clocks.one_of(asked, spec.by, _place(asked))
    stopped: list[Effect] = []
    for rule, due in case.dues.items():
        if "paused" in due or context.at >= due["missed"] or not {"span", "left"} & due["basis"].keys():
            continue
        if "to" in due["basis"]:
            continue  # extended to a date, which is fixed
        paused = {"at": context.at, "left": clocks.left_of(asked, due)}
        effect: Effect = {"e": "due-paused", "rule": rule, "missed": NEVER, "next": None, "paused": paused}
        stopped.append(effect | ({"provisional": None} if "provisional" in due else {}))
    stage = asked.definition.stage(case.stage)
    other = dues.rule_of(stage, case.stays, f"suspend-{case.armed.get('suspend', 0) + 1}")
    basis = dues.from_moment(context, context.at, spec.starts.within)
    started = dues.armed(context, other, spec.starts.ladder, basis, "suspend")
    return Decision([{"e": "suspended", "other": other}, *stopped, started], held)


def activate(asked: Asked, act: Activate) -> Decision:
    """Let it go on, by those who may suspend or whoever had to see to it.

    Raises:
        LimitReached: it does not rest. And what ``suspend`` raises.
    """
    case, context = asked.case, asked.context
    spec, held = _checked(asked, act)
    if not case.suspended:
        raise LimitReached(expected="a suspended item", actual="it goes on already", place=_place(asked))
    clocks.one_of(asked, (*spec.by, spec.starts.duty), _place(asked))
    effects: list[Effect] = [{"e": "activated"}]
    for rule, due in case.dues.items():
        if "paused" in due and "other" not in due["paused"]:
            effects.append(clocks.going_on(asked, rule, due))
    other = case.dues.get(case.suspended["other"])
    if other is not None:
        effects.append(dues.met(context, case.suspended["other"], other))
    return Decision(effects, held)


def _place(asked: Asked) -> str:
    return asked.definition.place("suspend")


def _checked(asked: Asked, act: Signature) -> tuple[Suspending, dict[str, object]]:
    spec = asked.definition.flow.suspend
    if spec is None:
        raise WrongStage(
            act=act.kind, expected="a flow that says suspend", actual=asked.case.stage, place=_place(asked)
        )
    held = authority.authority(asked)
    if act.seen != asked.case.content:
        raise Stale(expected=asked.case.content, actual=act.seen or "nothing", place=_place(asked))
    if not act.reason.strip():
        raise ReasonRequired(act=act.kind, expected="a written reason", actual="none", place=_place(asked))
    return spec, held
