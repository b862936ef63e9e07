"""Acts on an item that sign nothing: handing in materials, closing lines, naming the lead, notices, node sets."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from workflow.acts import Act, AdoptNodes, CloseLine, NameLead, Objection, PostNotice, ReportZero, Submit, Supplement
from workflow.case import Effect, Slot
from workflow.clock import start_of_day
from workflow.definition.model import Assigned, Span
from workflow.errors import (
    BadMaterial,
    LimitReached,
    LinesOpen,
    MaterialMissing,
    NoSuchExit,
    NotHolder,
    OutOfTurn,
    ReasonRequired,
    Said,
    SamePerson,
    Stale,
    Unknown,
    WindowOpen,
    WrongStage,
    among,
)
from workflow.rules import authority, ballots, dues, gates, linking, materials, paper, persons, reckoning, seats
from workflow.rules.chain import restart, unit_at
from workflow.rules.context import Asked, Context, Decision, Need
from workflow.rules.stages import choosable


def needs(asked: Asked, act: Act) -> list[Need]:
    """The facts these acts rest on."""
    case, day = asked.case, asked.context.day
    wanted: list[Need] = [] if isinstance(act, Objection) else [authority.own_need(asked)]
    if isinstance(act, Submit):
        wanted += [*words_needs(asked, act), *ballots.sheet_needs(asked, act)]
    if isinstance(act, Submit) and asked.definition.stage(case.stage).gate is not None:
        wanted += gates.needs(asked)
    if isinstance(act, CloseLine):
        wanted += [("line", case.item, act.list, str(act.no)), *linking.needs(asked, act)]
    if isinstance(act, (NameLead, AdoptNodes, PostNotice)):
        wanted.append(("path", case.unit, day))
    if isinstance(act, NameLead):
        if act.role:
            wanted += [("path", act.unit, day), *persons.needs(asked, [act.person]), *_role_needs(asked, act)]
        wanted.append(("authority", act.person, act.unit, act.post, day, "holder"))
    return wanted


def words_needs(asked: Asked, act: Submit | Supplement) -> list[Need]:
    """For words that should be an item's own: which other items of the flow and campaign have the same."""
    case = asked.case
    found = [
        ("same-words", case.item, case.flow, case.campaign, f"{name}.{field}", one)
        for name, figures in act.figures.items()
        for field, digests in figures.get("words", {}).items()
        for one in dict.fromkeys(digests)
        if one
    ]
    return list(found)


def same_words(asked: Asked, act: Submit | Supplement) -> list[Effect]:
    """One and the same text for several units is flagged, and stays so on the record: it is handed in, since people
    judge it, and whoever signs is shown the flag. Source: S4 「要逐支部说明原因」, R108."""
    case = asked.case
    out: list[Effect] = []
    for name, figures in act.figures.items():
        for field, digests in figures.get("words", {}).items():
            flagged: Effect = {"e": "same-words", "material": name, "field": field}
            seen = Counter(digests)
            twice = [n for n, one in enumerate(digests, start=1) if one and seen[one] > 1]
            elsewhere: dict[str, None] = {}
            for one in filter(None, dict.fromkeys(digests)):
                for item in asked.facts.get("same-words", case.item, case.flow, case.campaign, f"{name}.{field}", one):
                    elsewhere.setdefault(item)
            if twice:
                flagged["lines"] = twice
            if elsewhere:
                flagged["items"] = list(elsewhere)
            if twice or elsewhere:
                out.append(flagged)
    return out


def _preparing(asked: Asked) -> Slot | None:
    """The place of the chain that draws up the materials: its first."""
    return asked.case.slots[0] if asked.case.slots else None


def submit(asked: Asked, act: Submit) -> Decision:
    """Hand in materials. Done by whoever signs first at that unit, or by a post there that prepares.

    Signatures already given in this stage no longer cover the content: they are superseded and the chain starts anew.

    Raises:
        OutOfTurn: the actor neither prepares nor signs first here.
        NoSuchExit: the proposed outcome is no exit of the stage. ReasonRequired: that exit needs a reason, which only a
            signature carries.
        GateClosed: children are missing; each is named.
    """
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    place = definition.place("stages", stage.stage, "materials")
    held = authority.authority(asked)
    first = _preparing(asked)
    by = asked.actor
    prepares = definition.flow.posts[by.post].may == "prepare" if by.post in definition.flow.posts else False
    if first is None or by.unit != first.unit or not (prepares or by.post == first.post):
        expected = f"{first.post}@{first.unit}, or a preparing post there" if first else "no material in this stage"
        raise OutOfTurn(expected=expected, actual=str(by), place=place)
    outcome = act.outcome
    if isinstance(act, ReportZero):
        if stage.zero is None:
            raise WrongStage(act=act.kind, expected="a stage with a zero report", actual=stage.stage, place=place)
        outcome = stage.zero.exit
    if outcome and outcome not in choosable(stage):
        raise NoSuchExit(
            expected=choosable(stage) or f"none: the way out of {stage.stage} is computed",
            actual=outcome,
            place=definition.place("stages", stage.stage, "exits"),
        )
    if outcome and "reason" in stage.exits[outcome].needs:
        raise ReasonRequired(
            act=f"proposing {outcome}",
            expected="a written reason: choose this way when signing",
            actual="a submission, which carries none",
            place=definition.place("stages", stage.stage, "exits", outcome),
        )
    allowed = {*materials.wanted(stage, case), *(n for e in stage.exits.values() for n in e.needs)}
    for name in act.materials:
        if name not in allowed:
            raise MaterialMissing(expected=sorted(allowed) or "none in this stage", actual=name, place=place)
    loose = [name for name in act.figures if name not in act.materials]
    if loose:
        raise MaterialMissing(
            expected=[f"the document behind the figures of {n}" for n in loose], actual="none", place=place
        )
    materials.lists_only(definition, act.figures)
    ballots.check_sheet(asked, act)
    linking.numbers_kept(asked, act)
    effect: Effect = {"e": "submitted", **paper.dated(asked)}
    if act.materials:
        effect["materials"] = act.materials
    if act.figures:
        effect["figures"] = act.figures
    if outcome or case.outcome:
        effect["outcome"] = outcome
    if stage.gate is not None:
        effect.update(gates.drawn_up(asked))
    effects: list[Effect] = [effect, *same_words(asked, act)]
    if any(s.state == "signed" for s in case.slots):
        undone = [s.key for s in case.slots if s.state != "waiting"]
        effects.append({"e": "superseded", "slots": undone, **paper.dated(asked)})
        effects += [{"e": "slot-opened", "slot": k} for k in restart(case, undone)]
    for also in stage.also_due:
        rule = dues.rule_of(stage, case.stays, also.node)
        if also.met_by in act.materials and rule in case.dues:
            effects.append({"e": "due-met", "rule": rule, "late": asked.context.at >= case.dues[rule]["missed"]})
    return Decision(effects, held)


def close_line(asked: Asked, act: CloseLine) -> Decision:
    """Close one line of a list with its evidence. Source: S3 「台账销号」, R101.

    Raises:
        WrongStage: the stage closes no such list. LinesOpen: the line is not open. MaterialMissing: what each needs.
    """
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    place = definition.place("stages", stage.stage, "close-out")
    if stage.close_out is None or act.list not in linking.closing(stage.close_out):
        stages = definition.flow.stages
        expected = [s.stage for s in stages if s.close_out and act.list in linking.closing(s.close_out)]
        raise WrongStage(
            act=f"closing a line of {act.list}", expected=expected or "no stage", actual=stage.stage, place=place
        )
    held = authority.authority(asked)
    by, first = asked.actor, _preparing(asked)
    spec = definition.flow.posts.get(by.post)
    prepares = spec is not None and spec.may == "prepare"
    if by.unit != case.unit or not (prepares or (first is not None and by.post == first.post)):
        raise OutOfTurn(
            expected=f"{first.post if first else 'a preparing post'}@{case.unit}, or a preparing post there",
            actual=str(by),
            place=place,
        )
    state = asked.facts.get("line", case.item, act.list, str(act.no))
    if state != "open":
        raise LinesOpen(expected=f"line {act.no} of {act.list} open", actual=f"line {act.no} is {state}", place=place)
    linking.closed_below(asked, act, place)
    if not act.evidence:
        raise MaterialMissing(expected=f"evidence for line {act.no}", actual="none", place=place)
    if "lead" in stage.close_out.each_needs and not case.lead:
        raise MaterialMissing(expected="a named lead", actual="none", place=place)
    return Decision([{"e": "line-closed", "list": act.list, "no": act.no, "evidence": act.evidence}], held)


def name_lead(asked: Asked, act: NameLead) -> Decision:
    """Name the lead, by somebody of the superior unit or above. The named person must hold the post named.

    Raises:
        OutOfTurn: the actor stands at the item's own unit or outside its line. NotHolder: the lead holds no such post.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    held = authority.authority(asked)
    path = asked.facts.get("path", case.unit, context.day)
    place = definition.place("stages", case.stage, "needs")
    above = [u["unit"] for u in path[1:]] or [path[0]["unit"]]
    role = _role(asked, act)
    if role is not None and role.named_by:
        _nominates(asked, role, held, place)
    elif asked.actor.unit not in above:
        raise OutOfTurn(expected=f"somebody of {', '.join(above)}", actual=str(asked.actor), place=place)
    lead = asked.facts.get("authority", act.person, act.unit, act.post, context.day, "holder")
    if not lead.get("tenure"):
        raise NotHolder(
            person=act.person,
            post=act.post,
            unit=act.unit,
            day=context.day,
            expected=[a["person"] for a in lead.get("answerable", [])] or "nobody",
            actual=act.person,
            place=place,
        )
    named: Effect = {"e": "lead-named", "person": act.person, "post": act.post, "unit": act.unit}
    if act.role:
        _fits_role(asked, act, place)
        named["role"] = act.role
    return Decision([named, *_dedicated(asked, act, place)], held)


def _role(asked: Asked, act: NameLead) -> Assigned | None:
    stage = asked.definition.stage(asked.case.stage)
    return stage.needs.assigned.get(act.role) if stage.needs is not None and act.role else None


def _role_needs(asked: Asked, act: NameLead) -> list[Need]:
    """Whether the named person is dedicated to an item already, and whose units whoever names looks after."""
    role = _role(asked, act)
    if role is None or act.by is None:
        return []
    wanted: list[Need] = [("looks-after", act.by.person, asked.context.day)] if role.named_by else []
    known = persons.needs(asked, [act.person])
    if role.sole and all(need in asked.facts for need in known):
        ids = {act.person}.union(*(asked.facts.peek(*need) for need in known))
        wanted += [seats.need(seats.of_person(p)) for p in sorted(ids)]
    return wanted


def _nominates(asked: Asked, role: Assigned, held: dict[str, Any], place: str) -> None:
    """由市场监管局选派: the role is filled by a body outside the item's line that looks after its unit. Source: R182.

    Raises:
        OutOfTurn: the actor holds another post, or no body of theirs looks after the unit.
    """
    person = held.get("principal", asked.actor.person)
    mine = asked.facts.get("looks-after", person, asked.context.day)
    if asked.actor.post not in role.named_by or asked.case.unit not in mine:
        wanted = f"a {' or '.join(role.named_by)} of a body that looks after {asked.case.unit}"
        raise OutOfTurn(expected=wanted, actual=str(asked.actor), place=place)


def _dedicated(asked: Asked, act: NameLead, place: str) -> list[Effect]:
    """专人包抓: whoever is dedicated to an item is so to no other that is open; whoever is replaced is free. Source: R180.

    Raises:
        LimitReached: the person is dedicated to another item.
    """
    role, case = _role(asked, act), asked.case
    if role is None or not role.sole or asked.context.rules < 6:
        return []
    for person in sorted(persons.ids(asked, {act.person})):
        if any(r["item"] != case.item for r in asked.facts.get(*seats.need(seats.of_person(person)))):
            expected = Said("an officer who is dedicated to no other open item", "未在其他在办事项中专人包抓的干部")
            raise LimitReached(expected=expected, actual=act.person, place=place)
    seat, before = seats.of_person(act.person), case.assigned.get(act.role, {}).get("person", "")
    if seat in case.seats:
        return []
    replaced = [s for s in [seats.of_person(before)] if s in case.seats]
    return [*seats.left(replaced), seats.taken(seat, 1)]


def _fits_role(asked: Asked, act: NameLead, place: str) -> None:
    """The role is one the stage wants filled, the post and the rank are those it asks for, whoever fills it fills no other,
    and nobody has signed yet. Source: S4 「1名县级党员领导干部联村」 to 「1个县以上机关单位结对」, R178.

    Raises:
        WrongStage: no such role here, or it would change what somebody has signed. BadMaterial: another post, or too low.
        SamePerson: they fill another role of the four already.
    """
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    wanted = stage.needs.assigned if stage.needs is not None else {}
    role = wanted.get(act.role)
    if role is None:
        raise WrongStage(act=f"naming a {act.role}", expected=list(wanted) or "no role", actual=case.stage, place=place)
    if any(s.state == "signed" for s in case.slots):
        raise WrongStage(act=f"naming a {act.role}", expected="nobody has signed yet", actual="signatures", place=place)
    mine = persons.ids(asked, {act.person}) if asked.context.rules >= 5 else set()
    for name, held in case.assigned.items():
        if name != act.role and held["person"] in mine:
            raise SamePerson(person=act.person, expected=act.role, actual=f"as the {name}", place=place)
    if role.post is not None and act.post != role.post:
        raise BadMaterial(path=f"$.{act.role}.post", expected=role.post, actual=act.post, place=place)
    if role.at_least is not None:
        level = asked.facts.get("path", act.unit, asked.context.day)[0]["level"]
        levels = definition.flow.levels
        if level not in levels or levels.index(level) < levels.index(role.at_least):
            wanted_level = f"{role.at_least} or above"
            raise BadMaterial(path=f"$.{act.role}.unit", expected=wanted_level, actual=level, place=place)


def post_notice(asked: Asked, act: PostNotice) -> Decision:
    """Record a posted notice; a window counts both end days as working days. Posting again runs it again in full.

    Raises:
        WrongStage: the stage posts nothing of that kind. BadMaterial: channel or place is empty. Stale: what was posted
            is not what the item holds.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    stage = definition.stage(case.stage)
    place = definition.place("stages", stage.stage, "notice")
    spec = stage.notice
    if spec is None or spec.content != act.content:
        expected = [s.stage for s in definition.flow.stages if s.notice and s.notice.content == act.content]
        raise WrongStage(
            act=f"notice of {act.content}", expected=expected or "no stage", actual=stage.stage, place=place
        )
    for name in ("channel", "place"):
        if not getattr(act, name).strip():
            raise BadMaterial(path=f"$.{name}", expected="where it was posted", actual="nothing", place=place)
    if spec.channels and act.channel not in spec.channels:
        wanted = f"one of {', '.join(spec.channels)}"
        raise BadMaterial(path="$.channel", expected=wanted, actual=act.channel, place=place)
    held = authority.authority(asked)
    line = [u["unit"] for u in asked.facts.get("path", case.unit, context.day)]
    if asked.actor.unit not in line:
        raise OutOfTurn(expected=f"somebody of {', '.join(line)}", actual=str(asked.actor), place=place)
    if case.objections and case.notices.get(act.content, {}).get("stay") == case.stays:
        raise WindowOpen(
            expected="the objections answered first, on the way out that leads to it",
            actual=f"{case.objections} open",
            place=place,
        )
    effect: Effect = {"e": "notice-posted", "content": act.content}
    if spec.channels:
        effect["channel"] = act.channel
    if context.rules >= 2:
        if act.seen != case.content:
            raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
        effect["papers"] = case.papers
    if spec.for_ is not None:
        effect["until"], provisional = window(context, spec.for_, context.today)
        if provisional:
            effect |= {"from": context.day, "provisional": True}
    return Decision([effect], held)


def window(context: Context, span: Span, first: date) -> tuple[int, bool]:
    """When a notice posted on a day has hung long enough, both end days counted; and whether a calendar still to come may
    move that."""
    unsure = also = False
    if span.unit == "workdays":
        first, unsure = reckoning.roll(context.calendar, first, "next-workday")
        last, also = reckoning.count(context.calendar, first, span.n - 1, "workdays")
    elif span.unit == "days" or context.rules < 6:
        last = first + timedelta(days=span.n - 1)
    else:  # a week from Monday on is over on Sunday, a month from the 5th on is over on the 4th
        last = context.calendar.add(first, span.n, span.unit) - timedelta(days=1)  # type: ignore[arg-type]
    return start_of_day(last + timedelta(days=1), context.definition.flow.timezone), unsure or also


def object_to(asked: Asked, act: Objection) -> Decision:
    """An objection to a posted notice holds the item.

    Raises:
        WrongStage: no notice with objections is posted here.
    """
    case, definition = asked.case, asked.definition
    stage = definition.stage(case.stage)
    posted = stage.notice is not None and case.notices.get(stage.notice.content, {}).get("stay") == case.stays
    if stage.notice is None or stage.notice.objection is None or not posted:
        raise WrongStage(
            act="objection",
            expected=[s.stage for s in definition.flow.stages if s.notice and s.notice.objection],
            actual=stage.stage,
            place=definition.place("stages", stage.stage, "notice"),
        )
    return Decision([{"e": "objection-raised", "text": act.text}])


def adopt_nodes(asked: Asked, act: AdoptNodes) -> Decision:
    """Bind the item to a later node set that is in force; by somebody of the top unit of its line.

    Raises:
        Unknown: no such set. WrongStage: it is not in force yet, or binds already. OutOfTurn: not of the top unit.
    """
    case, context, definition = asked.case, asked.context, asked.definition
    place = definition.place("nodes", act.nodes)
    if act.nodes not in definition.flow.nodes:
        raise Unknown(kind="node set", name=act.nodes, hint=among(definition.flow.nodes))
    if case.final:
        raise WrongStage(act=act.kind, expected="an open item", actual=case.stage, place=place)
    if definition.flow.nodes[act.nodes].in_force > context.today or act.nodes == case.nodes:
        raise WrongStage(
            act=act.kind,
            expected=f"a set in force on {context.day} other than {case.nodes}",
            actual=act.nodes,
            place=place,
        )
    held = authority.authority(asked)
    path = asked.facts.get("path", case.unit, context.day)
    top = unit_at(definition, path, "top")["unit"]
    if asked.actor.unit != top:
        raise OutOfTurn(expected=f"somebody of {top}", actual=str(asked.actor), place=place)
    return Decision([{"e": "nodes-bound", "nodes": act.nodes}, *dues.rearm(context, case, act.nodes)], held)
