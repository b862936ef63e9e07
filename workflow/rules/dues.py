"""Deadlines: which clocks run, what each is counted from, and when each rung of its ladder fires.

A date means the whole day: a duty due on day D is missed at D+1 00:00 local time. A span of days is counted from the
local day of the stage's entry; "days" without "work" are calendar days. Two clocks run for a responsibility: the
stage's (办结), and where a chain says ``within`` one for each level's or place's share (响应); they are independent.
Source: time semantics; S0 「8月底前」, R067.

The rule of a due is its key: ``plan/3`` is the due of the third stay, in stage plan; ``plan/3/<node>`` a further due,
``plan/3/look-back-1`` a look-back, ``plan/3/slot-4`` the share of the level whose first place is 4, ``plan/3/step-4`` and
``plan/3/group-4`` the share of one place and of a group, ``plan/3/pause-1`` the other party's clock during a pause. What
starts anew within a stay (after a return, for a successor) adds ``/2``, ``/3``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from workflow.case import Case, Effect
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.model import AlsoDue, Due, Rung, Span, Stage
from workflow.errors import BadMaterial, Said
from workflow.rules import reckoning
from workflow.rules.authority import backstop
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Context, Need
from workflow.rules.materials import is_day
from workflow.rules.reckoning import Basis, Reckoned

CATCH_UP = 5_000_000  # µs between two rungs of a due that are both behind: as long as between two sweeps of a node
FIRST_YEAR, LAST_YEAR = "1900", "2999"  # of dates that dues rest on: beyond, a slip of the pen


def binding_nodes(definition: Definition, day: date) -> str:
    """The node set in force on a day: the latest whose ``in-force`` has come; the first one before any has."""
    sets = sorted(definition.flow.nodes.items(), key=lambda kv: kv[1].in_force)
    if not sets:
        return ""
    in_force = [name for name, nodes in sets if nodes.in_force <= day]
    return in_force[-1] if in_force else sets[0][0]


def node_day(definition: Definition, nodes: str, node: str) -> date | None:
    """The date of a node in a set; None where the set has no such node."""
    held = definition.flow.nodes[nodes].nodes.get(node) if nodes else None
    return held.on if held else None


def from_moment(context: Context, start: int, span: Span) -> Basis:
    """What a span that begins at a moment rests on."""
    if span.unit == "hours":
        return {"at": start, "span": str(span)}
    return {"from": local_day(start, context.definition.flow.timezone).isoformat(), "span": str(span)}


def reckon(context: Context, basis: Basis) -> Reckoned:
    """The date that rests on a basis, by the calendar of this decision."""
    return reckoning.reckon(context.calendar, context.definition.flow.timezone, basis)


def after(context: Context, start: int, span: Span) -> int:
    """The first instant at which a span from ``start`` has run out, microseconds UTC."""
    return reckon(context, from_moment(context, start, span)).missed


def rung_at(context: Context, rung: Rung, missed: int) -> int:
    """When a rung fires; see ``reckoning.rung_at``."""
    return reckoning.rung_at(context.calendar, context.definition.flow.timezone, rung, missed)[0]


def upcoming(context: Context, ladder: str, step: int, missed: int) -> tuple[int | None, bool]:
    """The moment of a ladder's next rung, None where there is none left; and whether a calendar may still move it."""
    known: tuple[int | None, bool] | None = context.worked.get((ladder, step, missed))
    if known is None:
        flow = context.definition.flow
        rungs = flow.ladder.get(ladder, ())
        if step >= len(rungs):
            return None, False
        known = reckoning.rung_at(context.calendar, flow.timezone, rungs[step], missed)
        context.worked[ladder, step, missed] = known
    return known


def armed(context: Context, rule: str, ladder: str, basis: Basis, clock: str = "") -> Effect:
    """The effect that starts a due. Rungs "before" whose moment has passed already are not fired late."""
    found = reckon(context, basis)
    rungs = context.definition.flow.ladder.get(ladder, ())
    step = 0
    while (
        step < len(rungs)
        and rungs[step].before is not None
        and rung_at(context, rungs[step], found.missed) <= context.at
    ):
        step += 1
    return _effect(context, rule, ladder, basis, found, step, clock)


def _effect(
    context: Context, rule: str, ladder: str, basis: Basis, found: Reckoned, step: int, clock: str = ""
) -> Effect:
    moment, unsure = upcoming(context, ladder, step, found.missed)
    effect: Effect = {
        "e": "due-armed",
        "rule": rule,
        "ladder": ladder,
        "missed": found.missed,
        "step": step,
        "next": moment,
        "basis": basis,
    }
    if found.provisional or unsure:
        effect["provisional"] = True
    if clock:
        effect["clock"] = clock
    return effect


def moved(context: Context, rule: str, due: dict[str, Any], step: int) -> Effect:
    """The effect of a rung that fired: the next one. After an outage it is never before now, and never at once, however
    many nodes sweep: one rung, then the next sweep's."""
    moment, unsure = upcoming(context, due["ladder"], step, due["missed"])
    if moment is not None and moment <= context.at:
        moment = context.at + (CATCH_UP if context.rules >= 8 else 0)
    effect: Effect = {"e": "due-moved", "rule": rule, "step": step, "next": moment}
    if unsure:
        effect["provisional"] = True
    return effect


def met(context: Context, rule: str, due: dict[str, Any]) -> Effect:
    """The effect of a duty done, in time or late; the overdue fact stays on the record."""
    return {"e": "due-met", "rule": rule, "late": context.at >= due["missed"]}


def may_be_due(context: Context, text: object) -> bool:
    """Whether something that people wrote is a date from which, or to which, days can be counted."""
    if not isinstance(text, str) or not is_day(text):
        return False
    return context.rules < 6 or FIRST_YEAR <= text[:4] <= LAST_YEAR


def given_with(context: Context, fields: Mapping[str, object]) -> None:
    """The dates that an item carries for its dues are dates: one mistyped would leave it without a due, or stop it later.

    Raises:
        BadMaterial: names the field.
    """
    named = {s.due.field for s in context.definition.flow.stages if s.due is not None and s.due.field}
    for name in sorted(named & fields.keys()):
        if fields[name] not in (None, "") and not may_be_due(context, fields[name]):
            raise _no_date(context, f"$.fields.{name}", fields[name], context.definition.place("stages"))


def _no_date(context: Context, path: str, got: object, place: str) -> BadMaterial:
    years = f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31"
    wanted = Said(
        f"a date such as 2019-10-31, from {years[0]} to {years[1]}: a due rests on it",
        f"日期,如 2019-10-31,自 {years[0]} 至 {years[1]}(时限以此为据)",
    )
    return BadMaterial(path=path, expected=wanted, actual=repr(got)[:60], place=place)


def rule_of(stage: Stage, stay: int, extra: str = "") -> str:
    """The key of a due: stage, stay and, for a further due of the stage, its node."""
    return f"{stage.stage}/{stay}" + (f"/{extra}" if extra else "")


def again(rule: str, times: int) -> str:
    """The key of a clock that starts for the n-th time in a stay."""
    return rule if times < 2 else f"{rule}/{times}"


def arm_stage(context: Context, stage: Stage, stay: int, nodes: str, due_set: str) -> Iterator[Effect]:
    """The dues of a stage just entered, as its ``stay``-th stay, as far as they rest on nothing outside it.

    Dates that a material carries, and those from an appointment, follow in ``following``.
    """
    if stage.due is not None:
        basis = basis_of(context, stage.due, nodes, due_set)
        if basis is not None:
            yield armed(context, rule_of(stage, stay), stage.due.ladder, basis)
    for also in stage.also_due:
        further = also_basis(context, also, nodes)
        if further is not None:
            yield armed(context, rule_of(stage, stay, also.node), also.ladder, further)


def basis_of(context: Context, due: Due, nodes: str, due_set: str) -> Basis | None:
    """What the due of a stage entered now rests on; None where it does not bind (no such node in the set) or not yet."""
    definition = context.definition
    if due.event is not None or due.field is not None:
        return None
    basis: Basis
    if due.within is not None:
        basis = from_moment(context, context.at, due.within)
    elif due.before is not None:
        year = reckoning.festival_after(context.calendar, due.before.festival, context.today)
        basis = {"festival": due.before.festival, "year": year}
        if due.before.by is not None:
            basis["by"] = str(due.before.by)
    elif due.set_by is not None:
        if not due_set:
            return None
        basis = {"on": due_set, "set-by": due.set_by}
    else:
        day = node_day(definition, nodes, due.node or "")
        if day is None:
            return None
        basis = {"on": day.isoformat(), "node": due.node, "set": nodes}
    return whole(context, due, basis, nodes)


def latest_day(context: Context, due: Due, nodes: str) -> date | None:
    """The cap on a due of a stage entered now: the earlier of its node and its span; None where nothing caps it."""
    caps = _caps(context, due, nodes)
    return min(caps)[0] if caps else None


def _caps(context: Context, due: Due, nodes: str) -> list[tuple[date, str]]:
    caps: list[tuple[date, str]] = []
    fixed = node_cap(context.definition, due, nodes, context.today)
    if fixed is not None:
        caps.append(fixed)
    if due.at_most is not None:
        caps.append((reckon(context, from_moment(context, context.at, due.at_most)).day, ""))
    return caps


def node_cap(definition: Definition, due: Due, nodes: str, entered: date) -> tuple[date, str] | None:
    """The day of the node that caps a due of a stage entered on a day, and the node; None where none does, or it had
    passed by then."""
    day = node_day(definition, nodes, due.not_after) if due.not_after is not None else None
    return (day, due.not_after or "") if day is not None and day >= entered else None


def whole(context: Context, due: Due, basis: Basis, nodes: str) -> Basis:
    """A basis with what the definition adds to every anchor: the reading, the time of day, the span that stands in for
    a day already passed, and the cap. A cap that has passed itself when the stage is entered binds nobody."""
    if due.after is not None:
        basis["plus"] = str(due.after)
    if due.ahead is not None:
        basis["minus"] = str(due.ahead)
    if due.or_within is not None and due.within is None and reckon(context, basis).day < context.today:
        basis = from_moment(context, context.at, due.or_within)
    if due.or_within is not None and due.event is not None and reckon(context, basis).missed <= context.at:
        held = {k: v for k, v in basis.items() if k in ("event", "person", "tenure")}
        basis = {**from_moment(context, context.at, due.or_within), **held}
    if due.reading != "keep":
        basis["reading"] = due.reading
    if due.at is not None:
        basis["cut"] = due.at
    caps = _caps(context, due, nodes)
    if caps:
        cap, because = min(caps)
        basis["cap"] = cap.isoformat()
        if because:
            basis["cap-node"] = because
    return basis


def also_basis(context: Context, due: AlsoDue, nodes: str) -> Basis | None:
    """What a further due of a stage entered now rests on; None where the set has no such node."""
    day = node_day(context.definition, nodes, due.node)
    if day is None:
        return None
    basis: Basis = {"on": day.isoformat(), "node": due.node, "set": nodes}
    if due.or_within is not None and day < context.today:
        basis = from_moment(context, context.at, due.or_within)
    if due.reading != "keep":
        basis["reading"] = due.reading
    if due.at is not None:
        basis["cut"] = due.at
    return basis


def end_all(context: Context, case: Case) -> Iterator[Effect]:
    """Leaving a stage ends its dues: met, in time or late; the overdue fact stays on the record."""
    for rule, due in case.dues.items():
        yield met(context, rule, due)


def rearm(context: Context, case: Case, nodes: str) -> Iterator[Effect]:
    """Dues of an item that moves to another node set: those of nodes are set anew, those that a node caps have its cap, an
    extension falls away with the date it extended, and fired rungs are never recomputed. All other clocks run on."""
    stage = context.definition.stage(case.stage)
    entered = Context(context.definition, context.calendar, case.entered, context.seq, context.rules)
    wanted: dict[str, tuple[str, Basis | None]] = {}
    if stage.due is not None and stage.due.node is not None:
        wanted[rule_of(stage, case.stays)] = (stage.due.ladder, basis_of(entered, stage.due, nodes, case.due_set))
    for also in stage.also_due:
        rule = rule_of(stage, case.stays, also.node)
        if rule in case.dues or node_day(context.definition, case.nodes, also.node) is None:  # not one already met
            wanted[rule] = (also.ladder, also_basis(entered, also, nodes))
    for rule, (ladder, basis) in wanted.items():
        held = case.dues.get(rule)
        if basis is None:
            if held is not None:
                yield {"e": "due-cancelled", "rule": rule}
        elif held is None:
            yield armed(context, rule, ladder, basis)
        else:
            if "to" in held["basis"] and held["basis"].get("on") == basis.get("on"):
                basis = {**basis, "to": held["basis"]["to"]}
            if basis != held["basis"]:
                yield _rearmed(context, rule, held, basis)
    if context.rules >= 6 and stage.due is not None and stage.due.node is None and stage.due.not_after is not None:
        yield from _capped_anew(context, entered, case, stage.due, rule_of(stage, case.stays), nodes)


def _capped_anew(context: Context, entered: Context, case: Case, due: Due, rule: str, nodes: str) -> Iterator[Effect]:
    """The cap of another node set on a running due. What somebody extended, or stopped, keeps the date it has."""
    held = case.dues.get(rule)
    if held is None or "paused" in held or "to" in held["basis"]:
        return
    basis = {k: v for k, v in held["basis"].items() if k not in ("cap", "cap-node")}
    went_on = "left" in basis or basis.get("from", entered.day) != entered.day  # after a pause: its node alone caps it
    fixed = node_cap(context.definition, due, nodes, entered.today)
    caps = ([fixed] if fixed is not None else []) if went_on else _caps(entered, due, nodes)
    if caps:
        cap, because = min(caps)
        basis |= {"cap": cap.isoformat(), **({"cap-node": because} if because else {})}
    if basis != held["basis"]:
        yield _rearmed(context, rule, held, basis)


def _rearmed(context: Context, rule: str, held: dict[str, Any], basis: Basis) -> Effect:
    """A due that runs already, on another date: its ladder stands where it stood."""
    effect = _effect(context, rule, held["ladder"], basis, reckon(context, basis), held["step"])
    return effect | {k: held[k] for k in ("extended", "moved") if k in held}


def moved_to(context: Context, rule: str, held: dict[str, Any], ladder: str, basis: Basis, step: int) -> Effect:
    """A due that runs already, by another version of its flow: on another date, on another ladder from ``step`` on.
    Rungs "before" whose moment has passed are not fired late. Where rungs to come have numbers of such that fired on the
    ladder before, ``moved``, the entry that says so, keeps them apart."""
    found = reckon(context, basis)
    rungs = context.definition.flow.ladder.get(ladder, ())
    while (
        step < len(rungs)
        and rungs[step].before is not None
        and rung_at(context, rungs[step], found.missed) <= context.at
    ):
        step += 1
    kept: dict[str, Any] = {k: held[k] for k in ("extended", "limit", "pauses", "moved") if k in held}
    if step < held["step"] and context.rules >= 8:
        kept["moved"] = context.seq
    return {**_effect(context, rule, ladder, basis, found, step), **kept}


def carried(context: Context, case: Case, due: Due) -> Basis | None:
    """The date that a material or the item carries for a due; None where neither does."""
    value = _carried_date(case, due.field or "")
    if not may_be_due(context, value):
        return None
    return whole(context, due, {"on": value, "field": due.field}, case.nodes)


# --- what follows from an act --------------------------------------------------------------------------------------


def needs(asked: Asked) -> list[Need]:
    """Whose appointment a date rests on: of the stage the item is in, and of every stage an act might lead to."""
    case, definition, day = asked.case, asked.definition, asked.context.day
    bound_stages = _bound_to_events(definition)
    if not bound_stages:
        return []
    if case.stage:
        here = definition.stage(case.stage)
        near = [here, *(definition.stage(e.to) for e in here.exits.values())]
        near += [definition.stage(s.at_most.then) for s in near if s.at_most is not None]
    else:
        near = [definition.first, *(definition.stage(e.to) for e in definition.first.exits.values())]
    bound = [s for s in near if s.stage in bound_stages]
    if not bound:
        return []
    unit = case.unit or getattr(asked.act, "unit", "")
    path_need: Need = ("path", unit, day)
    if path_need not in asked.facts:
        return [path_need]
    path = asked.facts.peek(*path_need)
    return [path_need, *dict.fromkeys(_appointed_need(asked, stage, path) for stage in bound)]


@lru_cache(maxsize=256)
def _bound_to_events(definition: Definition) -> frozenset[str]:
    return frozenset(s.stage for s in definition.flow.stages if s.due is not None and s.due.event is not None)


def _appointed_need(asked: Asked, stage: Stage, path: Path) -> Need:
    unit = unit_at(asked.definition, path, stage.duty.of, asked.case.last_unit)["unit"]
    post = stage.duty.post
    return ("appointed", unit, post, asked.context.day, backstop(asked.definition, post))


def following(asked: Asked, effects: Sequence[Effect]) -> list[Effect]:
    """The dues that follow from what an act led to: a date that a material carries, the span of whoever is responsible
    now."""
    definition, case = asked.definition, asked.case
    entered: Effect | None = None
    for effect in effects:
        if effect["e"] == "entered":
            entered = effect
    stage = definition.stage(entered["stage"] if entered else case.stage)
    out: list[Effect] = []
    due = stage.due
    if due is not None and due.field is not None:
        out += _carried(asked, effects, entered, stage, due)
    elif due is not None and due.event is not None:
        out += _appointed(asked, entered, stage)
    return out


def _carried(asked: Asked, effects: Sequence[Effect], entered: Effect | None, stage: Stage, due: Due) -> list[Effect]:
    """A date that a material carries is armed when it is handed in and again when it changes, until it has passed:
    a date once missed is not written away. A material's date goes before the item's own."""
    case, context = asked.case, asked.context
    if entered is None and not any(e["e"] == "submitted" for e in effects):
        return []
    assert due.field is not None
    so_far = case.fold([e for e in effects if e["e"] in ("opened", "submitted", "entered")], context.seq, context.at)
    value = _carried_date(so_far, due.field)
    rule = rule_of(stage, so_far.stays)
    held = None if entered else case.dues.get(rule)
    if not value or (held is not None and context.at >= held["missed"]):
        return []
    if not may_be_due(context, value):
        raise _no_date(context, f"$.{due.field}", value, asked.definition.place("stages", stage.stage, "due", "field"))
    basis = whole(context, due, {"on": value, "field": due.field}, case.nodes or so_far.nodes)
    if held is None:
        return [armed(context, rule, due.ladder, basis)]
    same = {k: v for k, v in held["basis"].items() if k not in ("to", "cap")} == {
        k: v for k, v in basis.items() if k != "cap"
    }
    return [] if same else [_rearmed(context, rule, held, {**basis, **_cap_of(held["basis"])})]


def _cap_of(basis: Basis) -> Basis:
    """The cap as it was when the stage was entered: handing in again does not move it."""
    return {k: basis[k] for k in ("cap", "cap-node") if k in basis}


def _carried_date(case: Case, field: str) -> str:
    for figures in case.figures.values():
        found = figures.get(field) or figures.get("latest", {}).get(field)
        if isinstance(found, str):
            return found
    own = case.fields_.get(field)
    return own if isinstance(own, str) else ""


def _appointed(asked: Asked, entered: Effect | None, stage: Stage) -> list[Effect]:
    """The span since the appointment of whoever is responsible; a successor's begins with the successor's tenure.

    Seen on the next act or rung after the change. What the predecessor missed stays missed, its ladder ends.
    Source: S1 「新任党组织书记要在半年内完成任职培训」, R075.
    """
    case, context, due = asked.case, asked.context, stage.due
    assert due is not None and due.within is not None
    unit = case.unit or str(getattr(asked.act, "unit", ""))
    path = asked.facts.get("path", unit, context.day)
    now = asked.facts.get(*_appointed_need(asked, stage, path)) or {}
    out: list[Effect] = []
    stay, times = (case.stays + 1, 0) if entered else (case.stays, case.armed.get("appointed", 0))
    rule = again(rule_of(stage, stay) + ("/appointed" if times > 1 else ""), times)
    held = None if entered else case.dues.get(rule)
    if held is not None:
        if held["basis"]["tenure"] == now.get("tenure"):
            return []
        late = context.at >= held["missed"]
        out.append({"e": "due-passed-on" if late else "due-cancelled", "rule": rule})
    if now.get("tenure"):
        basis = whole(context, due, _since(due.within, now), case.nodes)
        successor = again(rule_of(stage, stay) + ("/appointed" if times else ""), times + 1)
        out.append(armed(context, successor, due.ladder, basis, "appointed"))
    return out


def _since(within: Span, now: dict[str, Any]) -> Basis:
    return {
        "from": now["from"],
        "span": str(within),
        "event": "appointed",
        "person": now["person"],
        "tenure": now["tenure"],
    }


def passed_on(asked: Asked, rule: str) -> list[Effect]:
    """Before a rung fires: whether its due is a predecessor's. Then the successor's begins instead, and nothing fires."""
    stage = asked.definition.stage(asked.case.stage)
    due = asked.case.dues.get(rule)
    if due is None or "tenure" not in due.get("basis", {}):
        return []
    return _appointed(asked, None, stage)
