"""Pure decisions: no I/O, no clock, no SQL.

``needs`` names the facts an act rests on; it is asked again after loading, until it names nothing new. ``decide`` turns
an act into effects, or refuses with an exception that names the rule. The same two functions serve the engine, the
scenario tests and the replay of history: there is exactly one interpreter of a definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflow.acts import (
    Accept,
    Act,
    Activate,
    AddSigner,
    AdoptNodes,
    AskOverride,
    CloseLine,
    CloseOut,
    Contradict,
    Copy,
    Decide,
    Delegate,
    Exempt,
    Extend,
    Fire,
    HandOver,
    LookBack,
    Migrate,
    MoveItem,
    NameLead,
    Objection,
    Open,
    OpenBallot,
    Override,
    Pause,
    PostNotice,
    Recall,
    RecordCheck,
    RemoveSigner,
    Reopen,
    ReprojectDue,
    Resume,
    Return,
    Reverse,
    Sign,
    Signature,
    Submit,
    Supplement,
    Suspend,
    Transfer,
    Urge,
    Withdraw,
)
from workflow.errors import DateRequired, WrongMeaning, WrongStage
from workflow.rules import (
    authority,
    ballots,
    changing,
    checking,
    clocks,
    counting,
    delegating,
    dues,
    handing,
    ladder,
    marking,
    materials,
    migrating,
    opening,
    overriding,
    relocating,
    shares,
    signing,
    suspending,
    taking_back,
)
from workflow.rules.context import RULES, Asked, Context, Decision, Facts, Need, key

__all__ = ["RULES", "Asked", "Context", "Decision", "Facts", "Need", "decide", "key", "needs"]


CLOCKS = (Extend, Pause, Resume)
MARKS = (Exempt, Supplement, Contradict)
CHANGES = (Withdraw, AddSigner, RemoveSigner, Transfer, Urge, Copy)
GIVEN = (Delegate, Recall, HandOver)
OVERRIDES = (AskOverride, Override)
RESTS = (Suspend, Activate)


_NEEDS: dict[type[Act], Callable[[Asked, Any], list[Need]]] = {
    **dict.fromkeys(CLOCKS, clocks.needs),
    **dict.fromkeys(MARKS, marking.needs),
    **dict.fromkeys(GIVEN, delegating.needs),
    **dict.fromkeys(OVERRIDES, overriding.needs),
    **dict.fromkeys(RESTS, suspending.needs),
    **dict.fromkeys(CHANGES, changing.needs),
    OpenBallot: lambda asked, _: ballots.needs(asked),
    Reverse: lambda asked, _: counting.reverse_needs(asked),
    RecordCheck: lambda asked, _: checking.needs(asked),
    ReprojectDue: lambda asked, _: [],
    MoveItem: relocating.needs,
    Open: opening.needs,
}
"""Of acts that are neither signatures on a place nor what is handed in."""


def needs(asked: Asked) -> list[Need]:
    """The facts the decision rests on and that are not loaded yet."""
    act = asked.act
    wanted: list[Need]
    if isinstance(act, Fire):  # the engine's own act, of which a sweep asks thousands: nobody's authority is asked
        wanted, more = ladder.needs(asked, act), dues.needs(asked)
        return wanted + [need for need in more if need not in asked.facts] if more else wanted
    if isinstance(act, Migrate):
        return [need for need in migrating.needs(asked, act) if need not in asked.facts]
    own = _NEEDS.get(type(act))
    if own is not None:
        wanted = own(asked, act)
    else:
        wanted = signing.needs(asked, act) if isinstance(act, Signature) else handing.needs(asked, act)
    wanted += [*authority.mandate_needs(asked), *dues.needs(asked)]
    return [need for need in wanted if need not in asked.facts]


_WHOLE: dict[type[Act], Callable[[Asked, Any], Decision]] = {
    **dict.fromkeys(MARKS, marking.decide),
    ReprojectDue: clocks.reproject,
    Extend: clocks.extend,
    Pause: clocks.pause,
    Resume: clocks.resume,
    Reverse: counting.reverse,
    Suspend: suspending.suspend,
    Activate: suspending.activate,
}
"""Acts that say everything that follows from them, the clocks included; they are done on finished items too."""


def decide(asked: Asked) -> Decision:
    """What follows from the act.

    Raises:
        Refused: one of its classes; nothing has happened.
    """
    act = asked.act
    _check_said(asked)
    if isinstance(act, Fire):
        passed = dues.passed_on(asked, act.rule)
        return Decision(passed) if passed else ladder.fire(asked, act)
    whole = _WHOLE.get(type(act))
    if whole is not None:
        return whole(asked, act)
    decision = _decide(asked)
    if isinstance(act, Migrate) or taking_back.goes_back(decision.effects):  # these say what becomes of every clock
        return decision
    decision.effects.extend([*dues.following(asked, decision.effects), *shares.following(asked, decision.effects)])
    return decision


WHILE_IT_RESTS = (Activate, Suspend, Fire, ReprojectDue, MoveItem, Migrate, Copy, Objection, *MARKS)
INKED = (Sign, Decide, Accept, CloseOut, LookBack, Return)


def _check_said(asked: Asked) -> None:
    """What holds for every act: nobody acts on an item that rests; what is said to have happened has; only signatures on
    a place are given in ink.

    Raises:
        WrongStage, DateRequired, WrongMeaning: in this order.
    """
    act, case = asked.act, asked.case
    if case.suspended and not isinstance(act, WHILE_IT_RESTS):
        raise WrongStage(
            act=act.kind,
            expected="an item that goes on; activate it first",
            actual=f"{case.stage} (suspended)",
            place=asked.definition.place("suspend"),
        )
    if act.on and not (materials.is_day(act.on) and act.on <= asked.context.day):
        raise DateRequired(
            act=act.kind,
            expected=f"on=YYYY-MM-DD not after {asked.context.day}",
            actual=act.on,
            place=asked.definition.place("stages", case.stage),
        )
    if isinstance(act, Signature) and act.paper and not isinstance(act, INKED):
        raise WrongMeaning(
            expected="a signature on a place",
            actual=f"{act.kind} in ink",
            place=asked.definition.place("wet-ink"),
        )


_OWN: dict[type[Act], Callable[[Asked, Any], Decision]] = {
    MoveItem: relocating.move,
    Delegate: delegating.delegate,
    Recall: delegating.recall,
    HandOver: delegating.hand_over,
    AskOverride: overriding.ask,
    Override: overriding.override,
    OpenBallot: ballots.open_ballot,
    Migrate: migrating.migrate,
    Return: signing.send_back,
    RecordCheck: checking.record,
    Reopen: signing.reopen,
    Withdraw: changing.withdraw,
    AddSigner: changing.add_signer,
    RemoveSigner: changing.remove_signer,
    Transfer: changing.transfer,
    Urge: changing.urge,
    Copy: changing.copy,
    CloseLine: handing.close_line,
    NameLead: handing.name_lead,
    PostNotice: handing.post_notice,
    Objection: handing.object_to,
    AdoptNodes: handing.adopt_nodes,
}


def _decide(asked: Asked) -> Decision:
    """What follows from a person's act itself, before the clocks that follow from that."""
    act = asked.act
    if isinstance(act, Open):
        return opening.open_item(asked, act)
    if asked.case.final:
        raise WrongStage(
            act=act.kind,
            expected="an item still under way",
            actual=asked.case.stage,
            place=asked.definition.place("stages", asked.case.stage),
        )
    own = _OWN.get(type(act))
    if own is not None:
        return own(asked, act)
    if isinstance(act, Signature):
        return signing.sign(asked, act)
    if isinstance(act, Submit):
        return handing.submit(asked, act)
    raise TypeError(f"expected an act the rules know; got {type(act).__name__}")
