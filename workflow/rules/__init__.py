"""Pure decisions: no I/O, no clock, no SQL.

``needs`` names the facts an act rests on; it is asked again after loading, until it names nothing new. ``decide`` turns
an act into effects, or refuses with an exception that names the rule. The same two functions serve the engine, the
scenario tests and the replay of history: there is exactly one interpreter of a definition.
"""

from __future__ import annotations

from workflow.acts import (
    Accept,
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
)
from workflow.rules.context import RULES, Asked, Context, Decision, Facts, Need, key

__all__ = ["RULES", "Asked", "Context", "Decision", "Facts", "Need", "decide", "key", "needs"]


CLOCKS = (Extend, Pause, Resume)
MARKS = (Exempt, Supplement, Contradict)
CHANGES = (Withdraw, AddSigner, RemoveSigner, Transfer, Urge, Copy)
GIVEN = (Delegate, Recall, HandOver)
OVERRIDES = (AskOverride, Override)
RESTS = (Suspend, Activate)


def needs(asked: Asked) -> list[Need]:
    """The facts the decision rests on and that are not loaded yet."""
    act = asked.act
    wanted: list[Need]
    if isinstance(act, Fire):  # the engine's own act, of which a sweep asks thousands: nobody's authority is asked
        wanted, more = ladder.needs(asked, act), dues.needs(asked)
        return wanted + [need for need in more if need not in asked.facts] if more else wanted
    if isinstance(act, CLOCKS):
        wanted = clocks.needs(asked, act)
    elif isinstance(act, MARKS):
        wanted = marking.needs(asked, act)
    elif isinstance(act, Migrate):
        return [need for need in migrating.needs(asked, act) if need not in asked.facts]
    elif isinstance(act, OpenBallot):
        wanted = ballots.needs(asked)
    elif isinstance(act, Reverse):
        wanted = counting.reverse_needs(asked)
    elif isinstance(act, RecordCheck):
        wanted = checking.needs(asked)
    elif isinstance(act, ReprojectDue):
        wanted = []
    elif isinstance(act, MoveItem):
        wanted = relocating.needs(asked, act)
    elif isinstance(act, GIVEN):
        wanted = delegating.needs(asked, act)
    elif isinstance(act, OVERRIDES):
        wanted = overriding.needs(asked, act)
    elif isinstance(act, RESTS):
        wanted = suspending.needs(asked, act)
    elif isinstance(act, Signature):
        wanted = signing.needs(asked, act)
    elif isinstance(act, Open):
        wanted = opening.needs(asked, act)
    elif isinstance(act, CHANGES):
        wanted = changing.needs(asked, act)
    else:
        wanted = handing.needs(asked, act)
    wanted += [*authority.mandate_needs(asked), *dues.needs(asked)]
    return [need for need in wanted if need not in asked.facts]


def decide(asked: Asked) -> Decision:
    """What follows from the act.

    Raises:
        Refused: one of its classes; nothing has happened.
    """
    act = asked.act
    _check_said(asked)
    if isinstance(act, ReprojectDue):
        return clocks.reproject(asked, act)
    if isinstance(act, Fire):
        passed = dues.passed_on(asked, act.rule)
        return Decision(passed) if passed else ladder.fire(asked, act)
    if isinstance(act, Extend):
        return clocks.extend(asked, act)
    if isinstance(act, Pause):
        return clocks.pause(asked, act)
    if isinstance(act, Resume):
        return clocks.resume(asked, act)
    if isinstance(act, MARKS):
        return marking.decide(asked, act)
    if isinstance(act, Reverse):
        return counting.reverse(asked, act)
    if isinstance(act, RESTS):
        return suspending.suspend(asked, act) if isinstance(act, Suspend) else suspending.activate(asked, act)
    decision = _decide(asked)
    if isinstance(act, Migrate):  # says itself what becomes of every clock
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
    if isinstance(act, MoveItem):
        return relocating.move(asked, act)
    if isinstance(act, Delegate):
        return delegating.delegate(asked, act)
    if isinstance(act, Recall):
        return delegating.recall(asked, act)
    if isinstance(act, HandOver):
        return delegating.hand_over(asked, act)
    if isinstance(act, AskOverride):
        return overriding.ask(asked, act)
    if isinstance(act, Override):
        return overriding.override(asked, act)
    if isinstance(act, OpenBallot):
        return ballots.open_ballot(asked, act)
    if isinstance(act, Migrate):
        return migrating.migrate(asked, act)
    if isinstance(act, Return):
        return signing.send_back(asked, act)
    if isinstance(act, RecordCheck):
        return checking.record(asked, act)
    if isinstance(act, Reopen):
        return signing.reopen(asked, act)
    if isinstance(act, Signature):
        return signing.sign(asked, act)
    if isinstance(act, Submit):
        return handing.submit(asked, act)
    if isinstance(act, Withdraw):
        return changing.withdraw(asked, act)
    if isinstance(act, AddSigner):
        return changing.add_signer(asked, act)
    if isinstance(act, RemoveSigner):
        return changing.remove_signer(asked, act)
    if isinstance(act, Transfer):
        return changing.transfer(asked, act)
    if isinstance(act, Urge):
        return changing.urge(asked, act)
    if isinstance(act, Copy):
        return changing.copy(asked, act)
    if isinstance(act, CloseLine):
        return handing.close_line(asked, act)
    if isinstance(act, NameLead):
        return handing.name_lead(asked, act)
    if isinstance(act, PostNotice):
        return handing.post_notice(asked, act)
    if isinstance(act, Objection):
        return handing.object_to(asked, act)
    if isinstance(act, AdoptNodes):
        return handing.adopt_nodes(asked, act)
    raise TypeError(f"expected an act the rules know; got {type(act).__name__}")
