"""Pure decisions: no I/O, no clock, no SQL.

``needs`` names the facts an act rests on; it is asked again after loading, until it names nothing new. ``decide`` turns
an act into effects, or refuses with an exception that names the rule. The same two functions serve the engine, the
scenario tests and the replay of history: there is exactly one interpreter of a definition.
"""

from __future__ import annotations

from workflow.acts import (
    AddSigner,
    AdoptNodes,
    CloseLine,
    Contradict,
    Exempt,
    Extend,
    Fire,
    Migrate,
    MoveItem,
    NameLead,
    Objection,
    Open,
    Pause,
    PostNotice,
    RemoveSigner,
    Reopen,
    ReprojectDue,
    Resume,
    Return,
    Reverse,
    Signature,
    Submit,
    Supplement,
    Transfer,
    Urge,
    Withdraw,
)
from workflow.errors import WrongStage
from workflow.rules import (
    authority,
    changing,
    clocks,
    counting,
    dues,
    handing,
    ladder,
    marking,
    migrating,
    opening,
    relocating,
    shares,
    signing,
)
from workflow.rules.context import RULES, Asked, Context, Decision, Facts, Need, key

__all__ = ["RULES", "Asked", "Context", "Decision", "Facts", "Need", "decide", "key", "needs"]


CLOCKS = (Extend, Pause, Resume)
MARKS = (Exempt, Supplement, Contradict)
CHANGES = (Withdraw, AddSigner, RemoveSigner, Transfer, Urge)


def needs(asked: Asked) -> list[Need]:
    """The facts the decision rests on and that are not loaded yet."""
    act = asked.act
    wanted: list[Need]
    if isinstance(act, CLOCKS):
        wanted = clocks.needs(asked, act)
    elif isinstance(act, MARKS):
        wanted = marking.needs(asked, act)
    elif isinstance(act, Migrate):
        return [need for need in migrating.needs(asked, act) if need not in asked.facts]
    elif isinstance(act, Reverse):
        wanted = counting.reverse_needs(asked)
    elif isinstance(act, ReprojectDue):
        wanted = []
    elif isinstance(act, MoveItem):
        wanted = relocating.needs(asked, act)
    elif isinstance(act, Signature):
        wanted = signing.needs(asked, act)
    elif isinstance(act, Fire):
        wanted = ladder.needs(asked, act)
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
    decision = _decide(asked)
    if isinstance(act, Migrate):  # says itself what becomes of every clock
        return decision
    decision.effects.extend([*dues.following(asked, decision.effects), *shares.following(asked, decision.effects)])
    return decision


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
    if isinstance(act, Migrate):
        return migrating.migrate(asked, act)
    if isinstance(act, Return):
        return signing.send_back(asked, act)
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
