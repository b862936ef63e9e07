"""Who may do what, answered before acting: the rules are asked, nothing is written.

The same ``decide`` that the verb will run answers here, so the two agree; what a person still has to write (a reason, an
opinion, minutes) is taken as written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow.acts import (
    Accept,
    Act,
    Actor,
    CloseOut,
    Decide,
    LookBack,
    Reopen,
    Return,
    Reverse,
    Sign,
    Submit,
    Urge,
    Withdraw,
)
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Refused, WorkflowError
from workflow.rules import decide
from workflow.store import items

WRITTEN = "…"


@dataclass(frozen=True)
class Possible:
    """One verb, for one actor on one item. ``refusal`` is None where it may be done; else why not.

    Attributes:
        verb: the act's kind; ``slot`` and ``outcome`` where it is about one.
    """

    verb: str
    slot: str = ""
    outcome: str = ""
    refusal: WorkflowError | None = None

    @property
    def allowed(self) -> bool:
        return self.refusal is None


def may(desk: Desk, item: str, actor: Actor, *, due: str = "") -> list[Possible]:
    """Every verb on an item for an actor, with the refusal of each that is not possible now.

    Args:
        due: the date a failing outcome would carry (YYYY-MM-DD), where one is asked for.

    Raises:
        Unknown: no such item.
    """
    head = items.read(desk.connection, item)
    case = Case.of_snapshot(head.snapshot)
    definition = desk.engine.definition(desk.connection, case.definition)
    at = desk.engine.now(desk.connection)
    out: list[Possible] = []
    for act in _candidates(case, definition, actor, due):
        slot, outcome = getattr(act, "slot", ""), getattr(act, "outcome", "")
        try:
            decide(desk.ask(act, case, head.org, head.seq + 1, at))
        except (Refused, WorkflowError) as refusal:
            out.append(Possible(act.kind, slot, outcome, refusal))
        else:
            out.append(Possible(act.kind, slot, outcome))
    return out


def _candidates(case: Case, definition: Definition, actor: Actor, due: str) -> Iterator[Act]:
    """One act of each verb that a person could try on the item as it stands."""
    stage = definition.stage(case.stage)
    mine = [s for s in case.slots if (s.post, s.unit) == (actor.post, actor.unit)]
    asked = [s for s in mine if s.state == "open"] or mine[:1] or case.open_slots[:1]
    seen = case.content
    outcomes = [""] if case.outcome or not stage.exits else ["", *stage.exits]
    for slot in asked:
        verb = {"decision": Decide, "look-back": LookBack}.get(slot.kind, Sign)
        for outcome in outcomes:
            yield verb(
                item=case.item,
                by=actor,
                seen=seen,
                slot=slot.key,
                outcome=outcome,
                opinion=WRITTEN,
                reason=WRITTEN,
                minutes=WRITTEN if slot.minutes else "",
                due=due,
            )
        if slot.kind == "sign":
            yield Accept(item=case.item, by=actor, seen=seen, slot=slot.key, opinion=WRITTEN, due=due)
            yield CloseOut(item=case.item, by=actor, seen=seen, slot=slot.key, opinion=WRITTEN)
        yield Return(item=case.item, by=actor, seen=seen, slot=slot.key, reason=WRITTEN, due=due)
    for slot in mine:
        if slot.state == "signed":
            yield Withdraw(item=case.item, by=actor, slot=slot.key)
    if stage.tracking is not None:
        yield Reopen(item=case.item, by=actor, seen=seen, reason=WRITTEN, due=due)
    if case.counted:
        yield Reverse(item=case.item, by=actor, seen=seen, reason=WRITTEN, finding=WRITTEN)
    yield Submit(item=case.item, by=actor)
    yield Urge(item=case.item, by=actor)
