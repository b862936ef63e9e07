"""Who may do what, answered before acting: the rules are asked, nothing is written.

The same ``decide`` that the verb will run answers here, so the two agree; what a person still has to write (a reason, an
opinion, minutes) is taken as written. Where somebody has to be named (whom to delegate to, who succeeds a leaver) or a way
chosen (whither to return), it may be done if there is one for which it may; ``act`` names that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workflow.acts import (
    CONFIRMED,
    REFUTED,
    Accept,
    Act,
    Activate,
    Actor,
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
    HandOver,
    LookBack,
    Migrate,
    NameLead,
    Objection,
    OpenBallot,
    Override,
    Pause,
    PostNotice,
    Recall,
    RecordCheck,
    RecordTally,
    RemoveSigner,
    Reopen,
    ReportZero,
    Resume,
    Return,
    Reverse,
    Sign,
    Submit,
    Supplement,
    Suspend,
    Transfer,
    Urge,
    View,
    Withdraw,
)
from workflow.case import Case, Slot
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Avoidance, NotApart, NotHolder, SamePerson, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.rules import decide, materials
from workflow.rules.authority import backstop
from workflow.rules.linking import closing
from workflow.rules.stages import returning
from workflow.store import items
from workflow.store.org import OrgReader

WRITTEN = "…"
OF_THE_PERSON = (NotHolder, SamePerson, NotApart, Avoidance)


@dataclass(frozen=True)
class Possible:
    """One verb, for one actor on one item. ``refusal`` is None where it may be done; else why not.

    Attributes:
        verb: the act's kind; ``slot`` and ``outcome`` where it is about one.
        act: what was asked about: the act as it would be, with ``WRITTEN`` where a person still has to write.
    """

    verb: str
    slot: str = ""
    outcome: str = ""
    refusal: WorkflowError | None = None
    act: Act | None = None

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
    head = desk.head_of(item)
    case = Case.of_snapshot(head.snapshot)
    definition = desk.engine.definition(desk.connection, case.definition)
    at = desk.now()
    out: list[Possible] = []
    org = desk.organisation()
    tracking = definition.stage(case.stage).tracking
    today = local_day(at, definition.flow.timezone).isoformat()
    for act in (*_candidates(case, definition, actor, due), *_ended(desk, case, head.seq, actor)):
        if tracking is not None and tracking.dated and isinstance(act, (Reopen, LookBack, RecordCheck)):
            act = replace(act, on=today)
        out.append(_asked(desk, act, case, head, at))
    for ways in (
        *_returns(case, definition, actor, due),
        *_delegations(org, case, definition, actor, today),
        *_hand_overs(org, case, definition, actor, today),
    ):
        out.append(_any(desk, ways, case, head, at))
    if definition.flow.reports is not None or definition.flow.obligations:
        out.append(_asked(desk, _correction(desk, case, definition, actor), case, head, at))
    newest = desk.engine.newest(desk.connection, case.flow)
    if newest.digest != case.definition:
        moved = Migrate(item=item, by=actor, to=newest.digest, reason=WRITTEN)
        out.append(_asked(desk, moved, case, head, at, newest))
    look = View(item=item, by=actor, seen=case.content)
    try:
        desk.may_look(look, case, definition, head.org)
    except WorkflowError as refusal:
        out.append(Possible(look.kind, refusal=refusal, act=look))
    else:
        out.append(Possible(look.kind, act=look))
    return out


def _ended(desk: Desk, case: Case, seq: int, actor: Actor) -> Iterator[Act]:
    """Take back the signature by which one ended the stage before, where that was the last that happened."""
    ended = items.ended_by(desk.connection, case.item, seq) if case.stays > 1 else None
    if ended is not None and ended[0] == actor.person:
        yield Withdraw(item=case.item, by=actor, slot=ended[1])


def _asked(desk: Desk, act: Act, case: Case, head: Any, at: int, to: Definition | None = None) -> Possible:
    refused: WorkflowError | None = None
    try:
        decide(desk.ask(act, case, head.org, head.seq + 1, at, to))
    except WorkflowError as refusal:
        refused = refusal
    return Possible(act.kind, getattr(act, "slot", ""), getattr(act, "outcome", ""), refused, act)


def _any(desk: Desk, ways: list[Act], case: Case, head: Any, at: int) -> Possible:
    """The first of several ways in which an act may be done; where there is none, why the first may not. Of those that name
    somebody the next is asked only where it was the person that was refused."""
    first: Possible | None = None
    for act in ways:
        found = _asked(desk, act, case, head, at)
        if found.allowed:
            return found
        first = first or found
        if isinstance(act, (Delegate, HandOver)) and not isinstance(found.refusal, OF_THE_PERSON):
            break
    assert first is not None
    return first


def _returns(case: Case, definition: Definition, actor: Actor, due: str) -> Iterator[list[Act]]:
    """Back as the chain says, or whither it lets one choose: an exit that returns, or an earlier place."""
    stage = definition.stage(case.stage)
    whither = ["", *filter(returning, stage.exits)]
    if definition.chain_of(stage).return_.to == "any":
        whither += [s.key for s in case.slots if s.state == "signed"]
    for slot in _at(case, actor):
        said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "slot": slot.key}
        yield [Return(**said, reason=WRITTEN, due=due, to=to) for to in whither]


def _persons(org: OrgReader, definition: Definition, unit: str, day: str) -> Iterator[tuple[str, str]]:
    """Who holds which post at a unit: (person, post)."""
    for post in definition.flow.posts:
        for held in org.answerable(unit, post, day, False):
            yield held["person"], post


def _delegations(org: OrgReader, case: Case, definition: Definition, actor: Actor, day: str) -> Iterator[list[Act]]:
    for slot in _at(case, actor):
        said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "slot": slot.key}
        others = [(p, post) for p, post in _persons(org, definition, slot.unit, day) if p != actor.person]
        yield [
            Delegate(**said, reason=WRITTEN, delegate=person, post=post)
            for person, post in others or [(actor.person, actor.post)]
        ]


def _hand_overs(org: OrgReader, case: Case, definition: Definition, actor: Actor, day: str) -> Iterator[list[Act]]:
    """What waits at each open place, from each who may leave it to each who may take it over."""
    for slot in case.open_slots:
        said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "place": slot.key}
        held = [
            a["person"]
            for a in org.answerable(slot.unit, slot.post, day, backstop(definition, slot.post) == "backstop")
        ]
        leavers = [*held, *([slot.delegate] if slot.delegate else [])] or [actor.person]
        own = [p for p, post in _persons(org, definition, slot.unit, day) if slot.own_post and post == slot.own_post]
        yield [
            HandOver(**said, reason=WRITTEN, leaver=leaver, delegate=successor)
            for leaver in leavers
            for successor in [p for p in dict.fromkeys([*held, *own]) if p != leaver] or [leaver]
        ]


def _at(case: Case, actor: Actor) -> list[Slot]:
    """The places that somebody stands at: the open ones of the post, else its first; where it has none, the first open."""
    mine = [s for s in case.slots if (s.post, s.unit) == (actor.post, actor.unit)]
    return [s for s in mine if s.state == "open"] or mine[:1] or case.open_slots[:1]


def _candidates(case: Case, definition: Definition, actor: Actor, due: str) -> Iterator[Act]:
    """One act of each verb that a person could try on the item as it stands."""
    stage = definition.stage(case.stage)
    mine = [s for s in case.slots if (s.post, s.unit) == (actor.post, actor.unit)]
    seen = case.content
    said: dict[str, Any]
    outcomes = [""] if case.outcome or not stage.exits else ["", *stage.exits]
    for slot in _at(case, actor):
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
            for outcome in outcomes:
                said = {"slot": slot.key, "outcome": outcome, "opinion": WRITTEN, "reason": WRITTEN}
                yield Accept(item=case.item, by=actor, seen=seen, due=due, **said)
            yield CloseOut(item=case.item, by=actor, seen=seen, slot=slot.key, opinion=WRITTEN)
    for slot in mine:
        if slot.state == "signed":
            yield Withdraw(item=case.item, by=actor, slot=slot.key)
    if stage.tracking is not None:
        yield Reopen(item=case.item, by=actor, seen=seen, reason=WRITTEN, due=due)
    if stage.checked is not None:
        said = {"item": case.item, "by": actor, "seen": seen, "reason": WRITTEN, "finding": WRITTEN}
        method = next(iter(stage.checked.methods), "")
        for found, date in ((CONFIRMED, ""), (REFUTED, due)):
            yield RecordCheck(**said, outcome=found, method=method, due=date)
    if case.counted:
        yield Reverse(item=case.item, by=actor, seen=seen, reason=WRITTEN, finding=WRITTEN)
    for handing in (Submit, *([ReportZero] if stage.zero else []), *([RecordTally] if stage.tally else [])):
        yield handing(item=case.item, by=actor)
    if stage.tally is not None and stage.tally.ballot is not None:
        word = digest(WRITTEN.encode())
        keys = {WRITTEN: "1", WRITTEN * 2: "2"}
        yield OpenBallot(item=case.item, by=actor, seen=seen, roll=word, codes=word, eligible=100, keys=keys)
    yield Urge(item=case.item, by=actor)
    yield from _changes_of_places(case, definition, actor, mine)
    yield from _about_dues(case, actor, due)
    yield from _beside_the_chain(case, definition, actor)


def _changes_of_places(case: Case, definition: Definition, actor: Actor, mine: list[Slot]) -> Iterator[Act]:
    """One more signature from the own post, a place added before taken away, a place handed to another post."""
    for slot in mine:
        if slot.state != "open":
            continue
        for where in ("before", "after", "beside"):
            yield AddSigner(item=case.item, by=actor, slot=slot.key, unit=slot.unit, post=slot.post, where=where)
        for post in definition.flow.posts:
            if post != slot.post:
                yield Transfer(item=case.item, by=actor, slot=slot.key, unit=slot.unit, post=post)
        yield Recall(item=case.item, by=actor, seen=case.content, slot=slot.key)
    said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "reason": WRITTEN}
    for slot in case.open_slots:
        yield AskOverride(**said, place=slot.key)
        yield Override(**said, place=slot.key)
    yield Suspend(**said)
    yield Activate(**said)
    yield Copy(item=case.item, by=actor, person=actor.person, post=actor.post, unit=actor.unit)
    for slot in case.slots:
        if "+" in slot.key:
            yield RemoveSigner(item=case.item, by=actor, slot=slot.key)


def _about_dues(case: Case, actor: Actor, due: str) -> Iterator[Act]:
    for rule, held in case.dues.items():
        said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "reason": WRITTEN, "rule": rule}
        yield Extend(**said, due=due)
        yield Resume(**said) if "paused" in held else Pause(**said)


def _correction(desk: Desk, case: Case, definition: Definition, actor: Actor) -> Supplement:
    """The unit corrects its report: a document it holds stands for the one that it will hand in."""
    said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "reason": WRITTEN}
    if actor.unit != case.unit or not definition.stage(case.stage).final:
        return Supplement(**said)  # refused for that, whatever it brings
    for name, held in case.materials.items():
        try:
            figures = materials.check(definition, name, canonical.decode(desk.contents.get(held)))
        except WorkflowError:  # destroyed, or out of reach
            continue
        return Supplement(**said, materials={name: held}, figures={name: figures} if figures else {})
    return Supplement(**said)


def _beside_the_chain(case: Case, definition: Definition, actor: Actor) -> Iterator[Act]:
    """What is done to an item, or said of it, without a place in its chain."""
    stage, word = definition.stage(case.stage), digest(WRITTEN.encode())
    yield NameLead(item=case.item, by=actor, person=actor.person, post=actor.post, unit=actor.unit)
    if stage.close_out is not None:
        for name in closing(stage.close_out):
            for no in range(1, case.lists.get(name, {"lines": 0})["lines"] + 1):
                yield CloseLine(item=case.item, by=actor, list=name, no=no, evidence=word)
    if stage.notice is not None:
        channel = next(iter(stage.notice.channels), WRITTEN)
        posted = {"content": stage.notice.content, "channel": channel, "place": WRITTEN}
        yield PostNotice(item=case.item, by=actor, seen=case.content, **posted)
    if case.notices:
        yield Objection(item=case.item, by=actor, text=word)
    for nodes in definition.flow.nodes:
        if nodes != case.nodes:
            yield AdoptNodes(item=case.item, by=actor, nodes=nodes)
    if definition.flow.reports is not None or definition.flow.obligations:
        said: dict[str, Any] = {"item": case.item, "by": actor, "seen": case.content, "reason": WRITTEN}
        yield Exempt(**said)
        yield Contradict(**said, finding=WRITTEN)
