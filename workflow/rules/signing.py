"""Signing a slot: is it open, may this person, did they see what is there, what follows.

Every act on a slot goes through ``sign``: signing, deciding, accepting, closing out and look-backs differ only in what
the slot asks for. Source: S0 「谁签字上报谁负责」, R036, R037.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from workflow.acts import Accept, CloseOut, Decide, LookBack, Reopen, Return, Sign, Signature
from workflow.case import Case, Effect, Slot
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.model import Chain, Stage, Tally
from workflow.errors import (
    DateRequired,
    ExitOpen,
    LinesOpen,
    MaterialMissing,
    NoSuchExit,
    OutOfTurn,
    ReasonRequired,
    Said,
    Stale,
    WindowOpen,
    WrongMeaning,
    WrongStage,
    ZeroRefused,
)
from workflow.rules import (
    apart,
    assessing,
    authority,
    ballots,
    bodies,
    burdens,
    comparing,
    compiling,
    counting,
    dues,
    gates,
    handing,
    linking,
    paper,
    persons,
    standing,
)
from workflow.rules.chain import Path, advance, restart
from workflow.rules.context import RULES, Asked, Decision, Need
from workflow.rules.materials import wanted
from workflow.rules.moving import leave, look_back_rule
from workflow.rules.opening import of_lines
from workflow.rules.plan import ABSTAIN, AGAINST, AGREE, Progress, at_one_unit, downstream, keys, votes
from workflow.rules.stages import REFUSED_EXIT, RETURN_EXIT, choosable, returning, to_choose, ways

MEANS: dict[str, tuple[type[Signature], ...]] = {
    "prepare": (Sign,),
    "review": (Sign,),
    "sign": (Sign, Accept, CloseOut),
    "seal": (Sign,),
    "decision": (Decide,),
    "look-back": (LookBack,),
}


def needs(asked: Asked, act: Signature) -> list[Need]:
    """The facts a signature rests on: the actor's tenure always; the rest only where this signature may end the stage."""
    case, definition, day = asked.case, asked.definition, asked.context.day
    wanted: list[Need] = [authority.own_need(asked)]
    stage = definition.stage(case.stage)
    slot = place_of(asked, act)
    ends = slot is None or isinstance(act, (Return, Reopen, LookBack)) or _ahead(asked, act, slot).verdict != "open"
    if ends or stage.not_by:
        wanted.append(("path", case.unit, day))
    if stage.not_by and ("path", case.unit, day) in asked.facts:
        wanted += authority.barred_needs(asked, asked.facts.peek("path", case.unit, day))
    if act.paper:
        wanted += paper.needs(asked, act)
    chain = definition.chain_of(stage)
    if chain.two_persons or chain.apart or stage.not_by:
        wanted += persons.needs_to_sign(asked, slot, wanted[0])
    if slot is not None and chain.apart:
        wanted += apart.needs(asked, slot)
    if stage.compare is not None and not isinstance(act, Return):
        wanted += comparing.needs(asked, stage)
    if stage.gate is not None and not isinstance(act, Return):
        wanted += gates.needs_to_sign(asked)
    if stage.assess is not None:
        wanted += assessing.needs(asked, stage)
    wanted += compiling.needs(asked, stage)
    if ends:
        wanted += counting.needs(asked, stage)
        wanted += burdens.needs(asked, stage)
        wanted += standing.needs(asked, stage)
        wanted += [("lines", case.item, e.opens.list) for e in stage.exits.values() if e.opens is not None][:1]
    return wanted


def place_of(asked: Asked, act: Signature) -> Slot | None:
    """The slot an act is about: by key, or the open one (else the nearest one) of the actor's post and unit."""
    worked = asked.worked
    if "place" not in worked:
        worked["place"] = _find(asked.case, act)
    found: Slot | None = worked["place"]
    return found


def _find(case: Case, act: Signature) -> Slot | None:
    if act.slot:
        return case.slot(act.slot)
    by = act.by
    if by is None:
        return None
    mine = [s for s in case.slots if s.post == by.post and s.unit == by.unit]
    for slot in mine:
        if slot.state == "open":
            return slot
    return mine[0] if mine else None


def _ahead(asked: Asked, act: Signature, slot: Slot) -> Progress:
    """Where the chain stands once the act's slot is signed."""
    known: Progress | None = asked.worked.get("ahead")
    if known is None:
        known = asked.worked["ahead"] = advance(asked.case, slot, act.vote)
    return known


def open_slot(asked: Asked, act: Signature) -> tuple[Slot, dict[str, Any]]:
    """The open slot an act is about and the authority it rests on, with every check that all acts on slots share.

    Raises:
        OutOfTurn, NotHolder, Stale: see there.
    """
    case = asked.case
    slot = place_of(asked, act)
    by = asked.actor
    if slot is None or slot.state != "open" or by.post != slot.post or by.unit != slot.unit:
        waiting = [f"{s.key}:{s.post}@{s.unit}" for s in case.open_slots] or [f"nothing (stage {case.stage})"]
        shown = act.slot or str(by)
        if slot is not None:
            shown = str(by) if slot.state == "open" else f"{slot.key}:{slot.post}@{slot.unit} ({slot.state})"
        raise OutOfTurn(expected=waiting, actual=shown, place=_chain_place(asked))
    held = authority.authority(asked, slot)
    authority.in_person(asked, slot, held)
    authority.assigned(asked, slot, held)
    if act.paper:
        paper.check(asked, act, slot)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=_chain_place(asked))
    return slot, held


def _chain_place(asked: Asked) -> str:
    """Where the definition says who signs here, for refusals."""
    return asked.definition.place("stages", asked.case.stage, "chain")


def may_sign(asked: Asked) -> None:
    """Refuse whoever may not sign the open place, whatever they would write and wherever that would lead.

    Raises:
        Refused: who holds the post, who is to do it in person, who must be somebody else, who stands aside.
    """
    act = asked.act
    assert isinstance(act, Signature)
    slot, held = open_slot(asked, act)
    stage = asked.definition.stage(asked.case.stage)
    _kept_apart(asked, stage, slot, held)


def open_to_holders(definition: Definition, case: Case, slot: Slot) -> bool:
    """Whether any holder of its post may sign an open place: nothing keeps one of them away who is who they are.

    Told from the item alone, for whoever looks at thousands of places. Where it says no, ``may_sign`` tells of each person.
    """
    stage = definition.stage(case.stage)
    chain, post = definition.chain_of(stage), slot.demanded or slot.post
    kept_apart = any(post in rule.posts for rule in chain.apart) or (
        any(post in group for group in chain.two_persons)
        and any(s.state == "signed" and at_one_unit(s, slot, RULES) for s in case.slots)
    )
    barred = slot.in_person or stage.not_by or stage.other_body_than or slot.post in stage.looks_after or case.ballot
    return not (kept_apart or barred)


def _kept_apart(asked: Asked, stage: Stage, slot: Slot, held: dict[str, Any]) -> None:
    chain = asked.definition.chain_of(stage)
    if chain.two_persons:
        authority.apart(asked, slot, held)
    if chain.apart:
        apart.check(asked, slot, {asked.actor.person, held.get("principal", asked.actor.person)})
    if asked.case.ballot:
        ballots.stand_aside(asked)
    if stage.other_body_than:
        bodies.check(asked, stage, slot)
    if stage.not_by:
        authority.stand_aside(asked, asked.facts.get("path", asked.case.unit, asked.context.day), held)


def sign(asked: Asked, act: Signature) -> Decision:
    """Sign the open slot; at the end of the chain leave the stage.

    Raises:
        Refused: one of its classes, naming the rule, what was expected and what came.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    slot, held = open_slot(asked, act)
    stage = definition.stage(case.stage)
    chain = definition.chain_of(stage)
    _kept_apart(asked, stage, slot, held)
    _check_kind(asked, act, slot, chain)
    ahead = _ahead(asked, act, slot)
    _check_window(asked, slot, stage, ends=ahead.verdict != "open")
    outcome, effects = _outcome(asked, act, slot, stage)
    first = "signed" not in [s.state for s in case.slots]
    if first and not outcome and context.rules >= 7 and ahead.verdict != "refused" and slot.kind != "look-back":
        _check_led(asked, stage)
    if first or ahead.verdict == "agreed":
        _check_complete(asked, stage, outcome)
    if stage.compare is not None:
        effects += comparing.compared(asked, act, stage)
    signed = _signed(asked, slot, held)
    if act.vote:
        signed["vote"] = act.vote
    effects.append(signed)
    if slot.kind == "look-back":
        rule = look_back_rule(stage, case.stays, slot.key)
        if rule in case.dues:
            effects.append({"e": "due-met", "rule": rule, "late": context.at >= case.dues[rule]["missed"]})
    rebound = stage.tracking is not None and act.outcome == stage.tracking.rebound
    if rebound:
        seen_since(asked, stage)
    needless = [k for k in ahead.not_needed if context.rules < 5 or _state(case, k) != "not-needed"]
    if needless:
        effects.append({"e": "not-needed", "slots": needless})
    if ahead.verdict == "open" and not rebound:
        effects += [{"e": "slot-opened", "slot": k} for k in ahead.open if _state(case, k) != "open"]
        if "date" in chain.return_.needs:
            effects += _reworked(asked, ahead.open)
        return Decision(effects, held, slot.key)
    so_far = case.fold(effects, context.seq, context.at)
    if ahead.verdict == "refused" and REFUSED_EXIT not in stage.exits:
        again = _begun_anew(asked, so_far) if context.rules >= 7 else _restarted(asked, so_far, so_far.slots[0])
        return Decision([*effects, *again], held, slot.key)
    if stage.assess is not None and ahead.verdict != "refused":
        effects.append(assessing.result(definition, stage, so_far, assessing.earlier(asked, stage)))
        exit_name = str(effects[-1]["exit"])
    else:
        exit_name = REFUSED_EXIT if ahead.verdict == "refused" else _exit(asked, act, stage, outcome, so_far)
    _check_exit(asked, act, stage, exit_name)
    counting.holds(asked, stage, exit_name)
    taken = standing.among(asked, stage, exit_name)
    effects += counting.follow(asked, stage, exit_name)
    effects += burdens.follow(asked, stage, exit_name)
    path: Path = asked.facts.get("path", case.unit, context.day)
    opens, claims = stage.exits[exit_name].opens, stage.exits[exit_name].claims
    if claims is not None:
        persons = sorted({s.person for s in so_far.slots if s.state == "signed"})
        effects.append({"e": "claimed", "as": claims, "by": persons})
    effects += [*leave(context, so_far, exit_name, path, due_set=act.due), *taken]
    if opens is not None and case.level == opens.at_level:
        lines = asked.facts.get("lines", case.item, opens.list)
        if context.rules >= 3:
            gates.named_above(asked, opens, lines, path)
        after = definition.stage(stage.exits[exit_name].to)
        effects += of_lines(context, case, lines, opens, again=not after.final)
    return Decision(effects, held, slot.key)


def _signed(asked: Asked, slot: Slot, held: dict[str, Any]) -> Effect:
    definition, stage = asked.definition, asked.case.stage
    signed: Effect = {
        "e": "signed",
        "slot": slot.key,
        "person": asked.actor.person,
        "unit": slot.unit,
        "post": slot.post,
        "as": held["as"],
        **authority.standing_in(held),
        "late": any(asked.context.at >= d["missed"] for d in asked.case.dues.values()),
        **paper.dated(asked),
    }
    if stage in bodies.remembered(definition):
        signed["body"] = stage
    if post := apart.kept(asked, slot):
        signed["kept"] = post
    return signed


def _check_kind(asked: Asked, act: Signature, slot: Slot, chain: Chain) -> None:
    wanted = MEANS[slot.kind]
    if not isinstance(act, wanted):
        raise WrongMeaning(expected=" or ".join(c.kind for c in wanted), actual=act.kind, place=_chain_place(asked))
    if act.vote:
        may_vote = votes(asked.case.plan, slot.key, added=asked.context.rules >= 6)
        if not (may_vote and act.vote in (AGREE, AGAINST, ABSTAIN)):
            raise WrongMeaning(
                expected="agree, against or abstain in a group that votes; elsewhere sign or return",
                actual=act.vote,
                place=_chain_place(asked),
            )
    if slot.minutes and not act.minutes:
        expected = "the minutes of the meeting"
        raise ReasonRequired(act=act.kind, expected=expected, actual="none", place=_chain_place(asked))
    if "opinion" in chain.requires and not act.opinion.strip():
        raise ReasonRequired(act=act.kind, expected="an opinion", actual="none", place=_chain_place(asked))


def _check_window(asked: Asked, slot: Slot, stage: Stage, *, ends: bool) -> None:
    """A notice must be posted, have run its full window and be free of objections; tracking must have run out."""
    case, at = asked.case, asked.context.at
    if slot.not_before and at < slot.not_before:
        raise WindowOpen(
            expected=f"a day from {local_day(slot.not_before, asked.definition.flow.timezone)} on",
            actual=asked.context.day,
            place=asked.definition.place("stages", stage.stage, "tracking"),
        )
    spec = stage.notice
    if spec is None or not ends:
        return
    place = asked.definition.place("stages", stage.stage, "notice")
    posted = case.notices.get(spec.content)
    if posted is None or posted["stay"] != case.stays:
        raise WindowOpen(expected=f"a posted notice of {spec.content}", actual="none posted in this stage", place=place)
    if posted.get("papers", case.papers) != case.papers:
        raise WindowOpen(
            expected=f"a notice of {spec.content} as it is now, posted again",
            actual="the papers were changed after it was posted",
            place=place,
        )
    unposted = [c for c in spec.channels if c not in posted.get("channels", ())]
    if unposted:
        wanted = f"a notice of {spec.content} by {', '.join(spec.channels)}"
        raise WindowOpen(expected=wanted, actual=f"none by {', '.join(unposted)}", place=place)
    until = posted.get("until", 0)
    if "from" in posted and spec.for_ is not None:  # counted before its year was published: now that it is, it counts
        until, _ = handing.window(asked.context, spec.for_, date.fromisoformat(posted["from"]))
    if case.objections == 0 and at < until:
        raise WindowOpen(expected=f"{spec.for_}, both end days counted", actual=asked.context.day, place=place)


def _outcome(asked: Asked, act: Signature, slot: Slot, stage: Stage) -> tuple[str, list[Effect]]:
    """The exit that is proposed. Only whoever signs first may set it: everyone after signs over it.

    Raises:
        NoSuchExit: the outcome is no exit of the stage. ReasonRequired: the exit needs a reason.
        WrongMeaning: the outcome differs from the one others have already signed.
    """
    case = asked.case
    if not act.outcome:
        return case.outcome, []
    place = asked.definition.place("stages", stage.stage, "exits")
    if slot.kind == "look-back" and act.outcome in stage.exits:
        return act.outcome, []
    if act.outcome not in choosable(stage):
        expected = choosable(stage) or f"none: the way out of {stage.stage} is computed"
        raise NoSuchExit(expected=expected, actual=act.outcome, place=place)
    if slot.kind == "look-back" or act.outcome == case.outcome:
        return act.outcome, []
    signed = any(s.state == "signed" for s in case.slots)
    if case.outcome or signed:
        theirs = f"the outcome the others signed ({case.outcome or 'none'}), or a return"
        ours = Said(  # proposed with the papers, or by a signature that was sent back
            f"the outcome that was proposed ({case.outcome}); hand in again, with another, to propose that",
            f"已提出的去向({case.outcome});如需另提,请重新提交并写明去向",
        )
        raise WrongMeaning(expected=theirs if signed else ours, actual=act.outcome, place=place)
    if "reason" in stage.exits[act.outcome].needs and not act.reason.strip():
        raise ReasonRequired(act=act.outcome, expected="a written reason", actual="none", place=place)
    return act.outcome, [{"e": "outcome-set", "outcome": act.outcome}]


def _check_led(asked: Asked, stage: Stage) -> None:
    """Where several ways lead out and nothing computes which, the first signature names one: nobody after it could, as
    all of them sign over it, and the place could only be returned.

    Raises:
        ExitOpen: none was proposed, neither with the papers nor here.
    """
    leading = to_choose(stage)
    objected = stage.notice is not None and stage.notice.objection and asked.case.objections
    if leading and not objected:
        raise ExitOpen(
            expected=sorted(leading),
            actual=Said("none", "未写明"),
            place=asked.definition.place("stages", stage.stage, "exits"),
        )


def _check_complete(asked: Asked, stage: Stage, outcome: str) -> None:
    """Everything the stage demands is there: materials, the lead, closed lines, the children's reports as cited.

    Raises:
        MaterialMissing, LinesOpen, GateClosed: see there.
    """
    case, definition = asked.case, asked.definition
    lacking = [m for m in wanted(stage, case) if m not in case.materials]
    ballot = stage.tally.ballot if stage.tally is not None else None
    if ballot is not None and ballots.on_paper(ballot, case):
        lacking = [m for m in lacking if m != ballot.box]
    if outcome:
        exit_ = stage.exits.get(outcome)
        known = definition.flow.materials
        lacking += [n for n in (exit_.needs if exit_ else ()) if n in known and n not in case.materials]
        if stage.zero is not None and outcome == stage.zero.exit:
            lacking = [m for m in lacking if m != stage.zero.list]
    if lacking:
        raise MaterialMissing(
            expected=lacking,
            actual=sorted(case.materials) or "nothing",
            place=definition.place("stages", stage.stage, "materials"),
        )
    if stage.needs is not None and stage.needs.lead and not case.lead:
        raise MaterialMissing(
            expected="a named lead", actual="none", place=definition.place("stages", stage.stage, "needs")
        )
    if stage.needs is not None and (unfilled := [r for r in stage.needs.assigned if r not in case.assigned]):
        raise MaterialMissing(
            expected=unfilled,
            actual=sorted(case.assigned) or "nobody",
            place=definition.place("stages", stage.stage, "needs", "assigned"),
        )
    if case.lists and any("links" in held for held in case.lists.values()):
        linking.linked(definition, stage, case)
    compiling.as_registered(asked, stage)
    if stage.close_out is not None:
        for name in linking.closing(stage.close_out):
            held = case.lists.get(name, {"open": 0, "lines": 0})
            if held["open"]:
                raise LinesOpen(
                    expected=f"all {held['lines']} lines of {name} closed",
                    actual=f"{held['open']} open",
                    place=definition.place("stages", stage.stage, "close-out"),
                )
    if stage.assess is not None:
        assessing.complete(definition, stage, case, assessing.earlier(asked, stage))
    if stage.zero is not None:
        _check_zero(asked, stage, outcome)
    if stage.gate is not None:
        gates.unchanged(asked)


def _check_zero(asked: Asked, stage: Stage, outcome: str) -> None:
    """No line of the main class and a zero statement go together, and only together. Source: R058."""
    case, zero = asked.case, stage.zero
    assert zero is not None
    counts = case.figures.get(zero.list, {}).get("counts", {})
    found = sum(counts.get(field, {}).get(v, 0) for field, values in zero.counts.items() for v in values)
    place = asked.definition.place("stages", stage.stage, "zero")
    if outcome == zero.exit and found:
        raise ZeroRefused(expected="no line of the main class", actual=f"{found} line(s)", place=place)
    if outcome != zero.exit and not found:
        raise ZeroRefused(expected="a zero statement (report-zero)", actual="a report without a line", place=place)


def _exit(asked: Asked, act: Signature, stage: Stage, outcome: str, case: Case) -> str:
    """Which way the completed chain leads: computed where the definition computes, else as signed, else the only one."""
    place = asked.definition.place("stages", stage.stage, "exits")
    if stage.tally is not None:
        box = stage.tally.ballot
        counted = box is not None and not ballots.on_paper(box, case)
        return tally_exit(stage.tally, case.figures[stage.tally.material], counted=counted)
    if stage.score is not None:
        computed = stage.score.passed if _score(stage, case) else stage.score.failed
        if outcome and outcome != computed:
            raise WrongMeaning(expected=f"{computed} (by the score {stage.score.pass_})", actual=outcome, place=place)
        return computed
    if stage.tracking is not None:
        return outcome or stage.tracking.held
    if stage.notice is not None and stage.notice.objection and case.objections:
        return stage.notice.objection
    leading = ways(stage)
    name = outcome or (leading[0] if len(leading) == 1 else "")
    if not name:
        raise NoSuchExit(expected=sorted(leading), actual="none chosen", place=place)
    return name


def _check_exit(asked: Asked, act: Signature, stage: Stage, name: str) -> None:
    """What the way out needs, however it was found: proposed, computed, or the only one.

    Raises:
        ReasonRequired: a reason that nobody wrote; whoever proposed the exit wrote theirs. MaterialMissing: see there.
    """
    case, definition = asked.case, asked.definition
    place = definition.place("stages", stage.stage, "exits", name)
    wanted = stage.exits[name].needs
    if "reason" in wanted and case.outcome != name and not act.reason.strip():
        raise ReasonRequired(act=name, expected="a written reason", actual="none", place=place)
    lacking = [n for n in wanted if n in definition.flow.materials and n not in case.materials]
    if lacking:
        raise MaterialMissing(expected=lacking, actual=sorted(case.materials) or "nothing", place=place)


def _score(stage: Stage, case: Case) -> bool:
    assert stage.score is not None
    return stage.score.pass_.holds(int(case.figures[stage.score.material][stage.score.field]), 1)


def tally_exit(tally: Tally, figures: dict[str, int], *, counted: bool = True) -> str:
    """What a tally sheet's numbers say: no-quorum, failed or passed. Exact; ``>=`` includes. Source: R137.

    Args:
        counted: by the engine, where the definition has it count; else by hand, of papers that it never held.
    """
    secret = tally.ballot if counted and tally.ballot is not None and tally.ballot.mode == "secret" else None
    if secret is not None and secret.below is not None and figures["eligible"] < secret.at_least:
        return secret.below
    if secret is not None and figures["voted"] < secret.at_least:
        return "no-quorum"
    if not tally.turnout.holds(figures["voted"], figures["eligible"]):
        return "no-quorum"
    if not figures["voted"]:
        return "no-quorum"
    aware = tally.aware.holds(figures["aware"], figures["voted"])
    content = tally.dissatisfied.holds(figures["dissatisfied"], figures["voted"])
    return "passed" if aware and content else "failed"


def send_back(asked: Asked, act: Return) -> Decision:
    """Return with a reason: to the stage's beginning where it has such an exit, else within the chain.

    Raises:
        ReasonRequired: no reason was written. Source: S0 「层层把关」, R038.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    slot, held = open_slot(asked, act)
    stage = definition.stage(case.stage)
    chain = definition.chain_of(stage)
    place = definition.place("stages", case.stage, "return")
    if not act.reason.strip():
        raise ReasonRequired(act="return", expected="a written reason", actual="none", place=place)
    back: Effect = {"e": "returned", "slot": slot.key, "person": asked.actor.person, "as": held["as"]}
    back |= authority.standing_in(held)
    path: Path = asked.facts.get("path", case.unit, context.day)
    within = chain.return_.to == "any" and case.slot(act.to) is not None and context.rules >= 2
    dated = "date" in chain.return_.needs
    if dated and context.rules >= 3 and not (dues.may_be_due(context, act.due) and act.due > context.day):
        raise DateRequired(
            act="return", expected=f"due=YYYY-MM-DD after {context.day}", actual=act.due or "none", place=place
        )
    if not within and (way := _way_back(stage, act)):
        if act.straight and context.rules >= 5:
            wanted = "a return to a place of this stage: from another stage nothing comes straight back"
            raise WrongMeaning(expected=wanted, actual=f"straight, by {way}", place=place)
        again = stage.exits[way].to == stage.stage
        undone = [s.key for s in case.slots if s.state == "signed"] if context.rules >= 2 else []
        gone: list[Effect] = [{"e": "superseded", "slots": undone}] if undone else []
        effects = [back, *gone, *leave(context, case, way, path, due_set=act.due, again=again)]
        if dated and context.rules >= 3:
            effects += _reworked_by(asked, act, definition.stage(stage.exits[way].to), chain.return_.ladder)
        return Decision(effects, held, slot.key)
    index = case.slots.index(slot)
    if index == 0 or (context.rules >= 2 and not within and _stands_first(case, slot)):
        raise OutOfTurn(
            expected="an earlier place to return to", actual=f"{slot.post}@{slot.unit} is the first", place=place
        )
    if dated and not (dues.may_be_due(context, act.due) and act.due > context.day):
        raise DateRequired(
            act="return", expected=f"due=YYYY-MM-DD after {context.day}", actual=act.due or "none", place=place
        )
    if act.straight and not chain.return_.straight:
        raise WrongMeaning(expected="a chain that lets a return come straight back", actual="straight", place=place)
    target = case.slots[0] if chain.return_.to == "first" else _level_below(case, slot, index)
    if chain.return_.to == "any" and act.to:
        chosen = case.slot(act.to)
        if chosen is None or case.slots.index(chosen) >= index:
            raise OutOfTurn(expected=f"a place before {slot.key}", actual=act.to, place=place)
        target = chosen
    effects = [back, *_restarted(asked, case, target, straight=act.straight)]
    if dated:
        number = case.armed.get("rework", 0) + 1
        rule = dues.rule_of(stage, case.stays, f"rework-{number}")
        basis = {"on": act.due, "set-by": f"{slot.post}@{slot.unit}"}
        effects.append(dues.armed(context, rule, chain.return_.ladder, basis, "rework") | {"back": slot.key})
    return Decision(effects, held, slot.key)


def _reworked_by(asked: Asked, act: Return, target: Stage, ladder: str) -> list[Effect]:
    """The date of a rework that another stage begins: it runs in that stage, until it is left."""
    if target.final or (target.due is not None and target.due.set_by is not None):  # which takes it as its own
        return []
    rule = dues.rule_of(target, asked.case.stays + 1, "rework-1")
    basis = {"on": act.due, "set-by": f"{asked.actor.post}@{asked.actor.unit}"}
    return [dues.armed(asked.context, rule, ladder, basis, "rework")]


def _reworked(asked: Asked, opened: Collection[str]) -> list[Effect]:
    """The date of a rework is met when whoever returned it has it again."""
    held = asked.case.dues.items()
    return [dues.met(asked.context, rule, due) for rule, due in held if due.get("back", "-") in opened]


def _way_back(stage: Stage, act: Return) -> str:
    """The exit by which a return leaves the stage: the one that it names, else the only plain one; empty for none."""
    if returning(act.to) and act.to in stage.exits:
        return act.to
    return RETURN_EXIT if RETURN_EXIT in stage.exits else ""


def _stands_first(case: Case, slot: Slot) -> bool:
    """Whether nothing signs before a place but what signs beside it."""
    return bool(case.plan) and not any(slot.key in downstream(case.plan, case.slots, s.key) for s in case.slots)


def _restarted(asked: Asked, case: Case, target: Slot, *, straight: bool = False) -> list[Effect]:
    """Everything behind a place signs anew; what was signed there stays on record as superseded. What signs beside it
    stands. ``straight``: only the place itself signs anew, and it comes back to whoever returned it."""
    if asked.context.rules >= 2:
        behind = set(downstream(case.plan, case.slots, target.key))
        wanted = [s for s in case.slots if s.key == target.key or s.key in behind]
        undone = [
            s.key for s in wanted if s.state != "waiting" and (not straight or s.key == target.key or not _done(s))
        ]
    else:
        start = next(i for i, s in enumerate(case.slots) if s.key == target.key)
        undone = [s.key for s in case.slots[start:] if s.state != "waiting"]
    opened = restart(case, undone)
    gone: Effect = {"e": "superseded", "slots": undone, **paper.dated(asked)}
    return [gone, *({"e": "slot-opened", "slot": k} for k in opened)]


def _begun_anew(asked: Asked, case: Case) -> list[Effect]:
    """A stage that was voted down and has no way out for it begins anew, with everybody who stands at its beginning."""
    undone = [s.key for s in case.slots if s.state != "waiting"]
    gone: Effect = {"e": "superseded", "slots": undone, **paper.dated(asked)}
    return [gone, *({"e": "slot-opened", "slot": k} for k in restart(case, undone))]


def _done(slot: Slot) -> bool:
    return slot.state not in ("open", "waiting")


def _state(case: Case, key: str) -> str:
    slot = case.slot(key)
    return slot.state if slot else ""


def _level_below(case: Case, slot: Slot, index: int) -> Slot:
    """``previous``: the first place of the unit that signed before this unit, or of this unit itself if it began.

    In a plan with groups, the first place of the node before the one this place stands in: never a sibling, who signs
    at the same time.
    """
    if case.plan:
        nodes = [list(keys(node)) for node in case.plan]
        here = next(n for n, inside in enumerate(nodes) if slot.key in inside)
        first = nodes[max(here - 1, 0)][0]
        return next(s for s in case.slots if s.key == first)
    own = next(i for i, s in enumerate(case.slots) if s.unit == slot.unit)
    if own < index:
        return case.slots[own]
    below = case.slots[own - 1].unit
    return next(s for s in case.slots if s.unit == below)


def seen_since(asked: Asked, stage: Stage) -> None:
    """What reopens an item was seen after it was closed out: stale evidence reopens nothing. Source: R148.

    Raises:
        DateRequired: the day on which it was seen is not told, or lies before the close-out.
    """
    if stage.tracking is None or not stage.tracking.dated:
        return
    closed = local_day(asked.case.entered, asked.definition.flow.timezone).isoformat()
    if asked.act.on < closed:  # that it is a day, and not to come, was looked at before
        raise DateRequired(
            act=asked.act.kind,
            expected=f"on=YYYY-MM-DD, the day it was seen, not before {closed} when the item was closed out",
            actual=asked.act.on or "none",
            place=asked.definition.place("stages", stage.stage, "tracking"),
        )


def reopen(asked: Asked, act: Reopen) -> Decision:
    """A rebound found at any time in tracking: the same item, next round. Source: S4 「防止旧问题反弹」, R148."""
    stage = asked.definition.stage(asked.case.stage)
    if stage.tracking is None:
        raise WrongStage(
            act=act.kind,
            expected=[s.stage for s in asked.definition.flow.stages if s.tracking],
            actual=stage.stage,
            place=asked.definition.place("stages", stage.stage),
        )
    if not act.reason.strip():
        raise ReasonRequired(
            act=act.kind,
            expected="a written reason",
            actual="none",
            place=asked.definition.place("stages", stage.stage, "tracking"),
        )
    seen_since(asked, stage)
    slot, held = open_slot(asked, act)
    path: Path = asked.facts.get("path", asked.case.unit, asked.context.day)
    signed = _signed(asked, slot, held)
    if asked.context.rules >= 5:
        _kept_apart(asked, stage, slot, held)
    else:
        signed["late"] = False
        signed.pop("body", None)
        signed.pop("kept", None)
    so_far = asked.case.fold([signed], asked.context.seq, asked.context.at)
    return Decision(
        [signed, *leave(asked.context, so_far, stage.tracking.rebound, path, due_set=act.due)], held, slot.key
    )
