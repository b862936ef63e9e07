"""Changing the chain of a stage under way: withdrawing a signature, adding and removing signers, handing over, urging.

What the definition demands is never taken away: only places that people added can be removed. Source: S0 「规定动作一个
不能少」, R205.
"""

from __future__ import annotations

from typing import Any

from workflow.acts import Act, AddSigner, Copy, RemoveSigner, Transfer, Urge, Withdraw
from workflow.case import Case, Effect, Slot
from workflow.errors import (
    AlreadySeen,
    LimitReached,
    NotHolder,
    OutOfTurn,
    Refused,
    Said,
    Unknown,
    WrongMeaning,
    WrongStage,
    among,
)
from workflow.rules import authority, ladder, paper, plan, taking_back
from workflow.rules.chain import restart
from workflow.rules.context import Asked, Decision, Need
from workflow.rules.plan import ADDED

ADDED_AT_MOST = 10
URGE_EVERY = 86_400_000_000
_NOTHING_TO_WITHDRAW = Said(
    "a place signed by you in this stage; what ended a stage is sent back by whoever acts next",
    "您在本环节已签的位置;使环节结束的签字由下一经办人退回",
)


def needs(asked: Asked, act: Act) -> list[Need]:
    """The actor's authority; for a withdrawal who has looked since; for an addition the new signer's unit."""
    wanted: list[Need] = [authority.own_need(asked)]
    if isinstance(act, Withdraw):
        slot = asked.case.slot(act.slot)
        if asked.context.rules >= 7 and not _signed_here(asked, slot):
            wanted += taking_back.needs(asked, act)
        elif slot is not None and slot.seq:
            wanted.append(("viewed-since", asked.case.item, str(slot.seq)))
    if isinstance(act, (AddSigner, Transfer)):
        wanted.append(("path", act.unit, asked.context.day))
        slot = asked.case.slot(act.slot)
        if slot is not None and asked.context.rules >= 8:
            wanted.append(_who_signs(asked, slot._replace(post=act.post, unit=act.unit)))
            wanted.append(("became", act.unit, asked.context.day))
        if slot is not None and _kept_apart(asked):
            demanded = (slot.demanded or slot.post) if isinstance(act, Transfer) else ""
            there = slot._replace(post=act.post, unit=act.unit, demanded=demanded)
            who = _who_signs(asked, there)
            given = [h["person"] for h in asked.facts.peek(*who)] if who in asked.facts else []
            wanted += [*authority.assign_needs(asked, there, given), who]
    if isinstance(act, Copy):
        wanted.append(("authority", act.person, act.unit, act.post, asked.context.day, "holder"))
        wanted.append(("path", asked.case.unit, asked.context.day))
    return wanted


def _kept_apart(asked: Asked) -> bool:
    stage = asked.definition.stage(asked.case.stage)
    chain = asked.definition.chain_of(stage)
    return bool(chain.apart or (asked.context.rules >= 3 and (chain.two_persons or stage.not_by)))


def _who_signs(asked: Asked, slot: Slot) -> Need:
    mode = authority.backstop(asked.definition, slot.post)
    return ("answerable", slot.unit, slot.post, asked.context.day, mode)


def _assigned(asked: Asked, slot: Slot) -> None:
    """A place is given only to a post of which somebody may sign it.

    Raises:
        WrongMeaning: nobody holds the post, nor answers for it; or the unit is no more.
        SamePerson, NotApart, Avoidance: nobody who holds the post may, beside those who signed.
    """
    if asked.context.rules >= 8 and (now := asked.facts.get("became", slot.unit, asked.context.day)) != slot.unit:
        there = Said(f"a unit that is there: {now} took its matters over", f"现存单位:{now} 已承接其事项")
        raise WrongMeaning(expected=there, actual=slot.unit, place=asked.definition.place("posts", slot.post))
    if asked.context.rules >= 8 and not asked.facts.get(*_who_signs(asked, slot)):
        wanted = Said("a post that somebody holds or answers for; appoint them first", "有人任职或兜底的职务;请先任命")
        vacant = Said(f"{slot.post}@{slot.unit}, which is vacant", f"{slot.post}@{slot.unit} 空缺")
        raise WrongMeaning(expected=wanted, actual=vacant, place=asked.definition.place("posts", slot.post))
    if not _kept_apart(asked):
        return
    refusal: Refused | None = None
    for who in asked.facts.get(*_who_signs(asked, slot)) or [{"person": ""}]:
        try:
            authority.may_be_given(asked, slot, {who["person"]} - {""})
        except Refused as refused:
            refusal = refused
        else:
            return
    if refusal is not None:
        raise refusal


def _own_open(asked: Asked, key: str) -> Slot:
    """The open place the actor stands at.

    Raises:
        OutOfTurn: the place is not open, or is another's.
    """
    case, by = asked.case, asked.actor
    slot = case.slot(key)
    place = asked.definition.place("stages", case.stage, "chain")
    waiting = [f"{s.key}:{s.post}@{s.unit}" for s in case.open_slots] or ["nothing"]
    if slot is None or slot.state != "open" or (slot.post, slot.unit) != (by.post, by.unit):
        raise OutOfTurn(expected=waiting, actual=Said(f"{key} by {by}", f"{by} 的 {key}"), place=place)
    return slot


def withdraw(asked: Asked, act: Withdraw) -> Decision:
    """撤回: take one's own signature back, until anybody else has signed after it, or whoever acts next has opened the
    content since. A look of those who signed before, or whose turn comes later, holds nothing up. For the signature that ended
    a stage see ``taking_back``.

    Raises:
        OutOfTurn: the place was not signed by this person in this stage. AlreadySeen: somebody has acted or looked since.
    """
    case = asked.case
    slot = case.slot(act.slot)
    if asked.context.rules >= 7 and not _signed_here(asked, slot):
        return taking_back.withdraw(asked, act)
    held = authority.authority(asked)
    place = asked.definition.place("stages", case.stage, "chain")
    if slot is None or slot.state != "signed" or slot.person != asked.actor.person:
        own = [s.key for s in case.slots if s.state == "signed" and s.person == asked.actor.person]
        raise OutOfTurn(expected=own or _NOTHING_TO_WITHDRAW, actual=act.slot, place=place)
    behind = plan.downstream(case.plan, case.slots, slot.key) if asked.context.rules >= 5 else []
    over = {s.key for s in case.slots if s.key in behind and s.state == "overridden"}
    later = [f"{s.post}@{s.unit}" for s in case.slots if s.seq > slot.seq or s.key in over]
    looked = [p for p in asked.facts.get("viewed-since", case.item, str(slot.seq)) if p != asked.actor.person]
    if later or looked:
        raise AlreadySeen(
            expected="nobody after you has signed it, nor the next to act opened it",
            actual=[*later, *looked],
            place=place,
        )
    if asked.context.rules >= 5:
        undone = _hanging_on(case, slot.key, behind)
    else:
        undone = [s.key for s in case.slots if s.key == slot.key or (s.state != "waiting" and s.seq == 0)]
    opened = restart(case, undone)
    if asked.context.rules >= 5:
        opened = tuple(k for k in opened if k in undone)
    effects: list[Effect] = [{"e": "withdrawn", "slot": slot.key, "person": slot.person}]
    effects.append({"e": "superseded", "slots": undone, **paper.dated(asked)})
    effects += [{"e": "slot-opened", "slot": k} for k in opened]
    return Decision(effects, held)


def _signed_here(asked: Asked, slot: Slot | None) -> bool:
    """Whether a place of this stage was signed by the actor."""
    return slot is not None and slot.state == "signed" and slot.person == asked.actor.person


def _hanging_on(case: Case, key: str, behind: list[str]) -> list[str]:
    """A signed place with what stands as it does because of it: what comes behind, and those beside whom it made needless.
    What was passed over or needless before stays so."""
    without = [s._replace(state="waiting", vote="") if s.key == key else s for s in case.slots]
    needless = plan.progress(case.plan, without).not_needed
    found: list[str] = []
    for s in case.slots:
        after = s.key in behind and s.state != "waiting"
        if s.key == key or after or (s.state == "not-needed" and s.key not in needless):
            found.append(s.key)
    return found


def add_signer(asked: Asked, act: AddSigner) -> Decision:
    """加签: whoever stands at an open place asks for one more signature: before, after or beside their own.

    Raises:
        OutOfTurn: the actor stands at no such open place. LimitReached: too many were added. Unknown: no such post.
    """
    case, definition = asked.case, asked.definition
    held = authority.authority(asked)
    slot = _own_open(asked, act.slot)
    place = definition.place("stages", case.stage, "chain")
    if act.post not in definition.flow.posts:
        raise Unknown(kind="post", name=act.post, hint=among(definition.flow.posts))
    if act.where not in ("before", "after", "beside"):
        raise WrongMeaning(expected="before, after or beside", actual=act.where, place=place)
    _unweighed(asked, slot, place)
    added = [s for s in case.slots if ADDED in s.key]
    if len(added) >= ADDED_AT_MOST:
        raise LimitReached(expected=f"{ADDED_AT_MOST} added signers in a stage", actual=len(added) + 1, place=place)
    level = asked.facts.get("path", act.unit, asked.context.day)[0]["level"]
    serial = 1 + max((int(s.key.split(ADDED)[1]) for s in added), default=0)
    new = Slot(f"{slot.key.split(ADDED)[0]}{ADDED}{serial}", act.unit, level, act.post, "review")
    _assigned(asked, new)
    new = new._replace(state="waiting" if act.where == "after" else "open")
    mine = slot._replace(state="waiting") if act.where == "before" else slot
    slots: list[Slot] = []
    for s in case.slots:
        pair = {"before": [new, mine], "after": [mine, new], "beside": [mine, new]}[act.where]
        slots += pair if s.key == slot.key else [s]
    nodes = list(case.plan)
    if nodes or act.where == "beside":
        nodes = _inserted(nodes or [s.key for s in case.slots], slot, new.key, act.where, asked.context.rules)
    return Decision([_changed("signer-added", slots, nodes, slot=new.key)], held)


def _unweighed(asked: Asked, slot: Slot, place: str) -> None:
    """Refuse to change a group whose decision hangs on who stands in it.

    Raises:
        WrongMeaning: votes in it weigh differently, or somebody has a veto.
    """
    if asked.context.rules >= 4 and plan.weighed(asked.case.plan, asked.case.slots, slot.key):
        raise WrongMeaning(
            expected="a place outside a group with weights or a veto", actual=f"{slot.post}@{slot.unit}", place=place
        )


def remove_signer(asked: Asked, act: RemoveSigner) -> Decision:
    """减签: take away a place that was added and has not signed, by whoever stands at the place it was added for.

    Raises:
        WrongMeaning: the definition demands the place; it cannot be taken away. OutOfTurn: not yours to take away.
    """
    case = asked.case
    held = authority.authority(asked)
    place = asked.definition.place("stages", case.stage, "chain")
    slot = case.slot(act.slot)
    if slot is None or ADDED not in slot.key:
        raise WrongMeaning(
            expected="a place that was added", actual=f"{act.slot} (the definition demands it)", place=place
        )
    root = slot.key.split(ADDED)[0]
    asker = case.slot(root)
    by = asked.actor
    gone = asker is None or asker.state == "signed"
    if gone or slot.state == "signed" or asker is None or (asker.post, asker.unit) != (by.post, by.unit):
        raise OutOfTurn(
            expected=f"{asker and asker.post}@{asker and asker.unit}, before it is signed", actual=str(by), place=place
        )
    slots = [s for s in case.slots if s.key != slot.key]
    nodes = _without(list(case.plan), slot.key)
    if asked.context.rules >= 5:  # another added place may still come before
        opened = plan.progress(nodes, slots).open
        slots = [s._replace(state="open") if s.state == "waiting" and s.key in opened else s for s in slots]
    elif slot.state == "open" and asker.state == "waiting":
        slots = [s._replace(state="open") if s.key == root else s for s in slots]
    return Decision([_changed("signer-removed", slots, nodes, slot=slot.key)], held)


def transfer(asked: Asked, act: Transfer) -> Decision:
    """转办: hand an open place of preparing or review to another post of the same unit; signatures are never handed on.

    Raises:
        WrongMeaning: the place is one to sign, seal or decide, or is to be done in person (亲自, R044).
    """
    case, definition = asked.case, asked.definition
    held = authority.authority(asked)
    slot = _own_open(asked, act.slot)
    place = definition.place("stages", case.stage, "chain")
    if slot.kind not in ("prepare", "review") or slot.in_person or act.unit != slot.unit:
        raise WrongMeaning(
            expected="a place to prepare or review, to a post of the same unit",
            actual=f"{slot.kind}@{act.unit}",
            place=place,
        )
    _unweighed(asked, slot, place)
    spec = definition.flow.posts.get(act.post)
    if spec is None or spec.may not in ("prepare", "review", "sign"):
        raise Unknown(kind="post that may take it over", name=act.post)
    demanded = slot.demanded or slot.post
    _assigned(asked, slot._replace(post=act.post, demanded=demanded))
    slots = [s._replace(post=act.post, demanded=demanded) if s.key == slot.key else s for s in case.slots]
    return Decision([_changed("transferred", slots, list(case.plan), slot=slot.key)], held)


def copy(asked: Asked, act: Copy) -> Decision:
    """抄送: somebody with a place in this stage, or of the item's line, sends a copy to the holder of a post.

    Raises:
        OutOfTurn: the actor has nothing to do with the item. NotHolder: whoever is to read it holds no such post.
    """
    case, by = asked.case, asked.actor
    held = authority.authority(asked)
    place = asked.definition.place("stages", case.stage)
    line = [u["unit"] for u in asked.facts.get("path", case.unit, asked.context.day)]
    if by.unit not in line and not any((s.post, s.unit) == (by.post, by.unit) for s in case.slots):
        raise OutOfTurn(expected=f"somebody of {', '.join(line)}", actual=str(by), place=place)
    reader = asked.facts.get("authority", act.person, act.unit, act.post, asked.context.day, "holder")
    if not reader.get("tenure"):
        raise NotHolder(
            person=act.person,
            post=act.post,
            unit=act.unit,
            day=asked.context.day,
            expected=[a["person"] for a in reader.get("answerable", [])] or "nobody",
            actual=act.person,
            place=place,
        )
    return Decision([{"e": "copied", "person": act.person, "post": act.post, "unit": act.unit}], held)


def urge(asked: Asked, act: Urge) -> Decision:
    """催办: a person reminds whoever is awaited; each place that waits at most once a day.

    Raises:
        LimitReached: all that wait were urged less than a day ago. WrongStage: nothing is awaited.
    """
    case, context = asked.case, asked.context
    held = authority.authority(asked)
    place = asked.definition.place("stages", case.stage)
    if not case.open_slots:
        raise WrongStage(act=act.kind, expected="a stage that awaits somebody", actual=case.stage, place=place)
    each = context.rules >= 7
    due = [s for s in case.open_slots if context.at - case.urging.get(f"{case.stays}/{s.key}", 0) >= URGE_EVERY]
    if not due if each else case.urged and context.at - case.urged < URGE_EVERY:
        raise LimitReached(expected="one urging a day", actual="another within a day", place=place)
    whom = dict.fromkeys(
        (s.unit, s.post) for s in (due if each else case.open_slots)
    )  # one message, however many places
    to = [{"unit": unit, "post": post} for unit, post in whom]
    urged: Effect = {"e": "urged", "to": to, **ladder.held_back(asked)}
    return Decision([urged | {"places": [s.key for s in due]} if each else urged], held)


def _changed(what: str, slots: list[Slot], plan: list[Any], *, slot: str) -> Effect:
    return {"e": what, "slot": slot, "slots": [s.record() for s in slots], "plan": plan}


def _inserted(nodes: list[Any], slot: Slot, new: str, where: str, rules: int) -> list[Any]:
    """The plan with a new place beside, before or after another, wherever that stands in the tree. Since rules 6 the two are
    marked as one place's, whose vote and weight count for them."""
    out: list[Any] = []
    for node in nodes:
        if node == slot.key:
            pair = [new, slot.key] if where == "before" else [slot.key, new]
            both: dict[str, Any] = {"par": pair, "need": "all"} if where == "beside" else {"seq": pair}
            if where == "beside" or rules >= 6:
                both["added"] = True
            if rules >= 6 and slot.weight != 1:
                both["weight"] = slot.weight
            out.append(both)
        elif isinstance(node, dict):
            name = "seq" if "seq" in node else "par"
            out.append({**node, name: _inserted(node[name], slot, new, where, rules)})
        else:
            out.append(node)
    return out


def _without(nodes: list[Any], key: str) -> list[Any]:
    """The plan without a place; groups left with nothing go too."""
    out: list[Any] = []
    for node in nodes:
        if node == key:
            continue
        if isinstance(node, dict):
            name = "seq" if "seq" in node else "par"
            inner = _without(node[name], key)
            if inner:
                out.append({**node, name: inner})
        else:
            out.append(node)
    return out
