"""Deadlines: when a duty counts as missed, and when each rung of its ladder fires.

A date means the whole day: a duty due on day D is missed at D+1 00:00 local time. A span of days is counted from the
local day of the stage's entry; "days" without "work" are calendar days. Source: time semantics; S0 「8月底前」, R067.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from workflow.case import Case, Effect
from workflow.clock import local_day, start_of_day
from workflow.definition.definition import Definition
from workflow.definition.model import Due, Rung, Span, Stage
from workflow.rules.context import Context

HOUR = 3_600_000_000
_DAY = timedelta(days=1)


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


def after(context: Context, start: int, span: Span) -> int:
    """The first instant at which a span from ``start`` has run out, microseconds UTC."""
    if span.unit == "hours":
        return start + span.n * HOUR
    zone = context.definition.flow.timezone
    last = context.calendar.add(local_day(start, zone), span.n, span.unit)
    return start_of_day(last + _DAY, zone)


def missed_at(context: Context, due: Due, nodes: str, due_set: str) -> int | None:
    """The first instant at which the due counts as missed, or None where it does not bind (no such node in the set)."""
    definition = context.definition
    zone = definition.flow.timezone
    if due.within is not None:
        return after(context, context.at, due.within)
    if due.node is not None:
        day = node_day(definition, nodes, due.node)
        if day is not None and day < context.today and due.or_within is not None:
            return after(context, context.at, due.or_within)
    else:
        day = date.fromisoformat(due_set) if due_set else None
    if day is None:
        return None
    if due.reading != "keep":
        day = context.calendar.roll(day, due.reading)
    return start_of_day(day + _DAY, zone)


def rung_at(context: Context, rung: Rung, missed: int) -> int:
    """When a rung fires: spans count from the due day; ``after: 0 workdays`` is the first instant of being late."""
    zone = context.definition.flow.timezone
    due_day = local_day(missed - 1, zone)
    if rung.before is not None:
        if rung.before.unit == "hours":
            return missed - rung.before.n * HOUR
        return start_of_day(context.calendar.add(due_day, -rung.before.n, rung.before.unit), zone)
    assert rung.after is not None
    if rung.after.unit == "hours":
        return missed + rung.after.n * HOUR
    return start_of_day(context.calendar.add(due_day, rung.after.n, rung.after.unit) + _DAY, zone)


def armed(context: Context, rule: str, ladder: str, missed: int) -> Effect:
    """The effect that starts a due. Rungs "before" whose moment has passed already are not fired late."""
    rungs = context.definition.flow.ladder.get(ladder, ())
    step = 0
    while step < len(rungs) and rungs[step].before is not None and rung_at(context, rungs[step], missed) <= context.at:
        step += 1
    return {
        "e": "due-armed",
        "rule": rule,
        "ladder": ladder,
        "missed": missed,
        "step": step,
        "next": rung_at(context, rungs[step], missed) if step < len(rungs) else None,
    }


def rule_of(stage: Stage, stay: int, extra: str = "") -> str:
    """The key of a due: stage, stay and, for a further due of the stage, its node."""
    return f"{stage.stage}/{stay}" + (f"/{extra}" if extra else "")


def arm_stage(context: Context, stage: Stage, stay: int, nodes: str, due_set: str) -> Iterator[Effect]:
    """The dues of a stage just entered, as its ``stay``-th stay."""
    if stage.due is not None:
        missed = missed_at(context, stage.due, nodes, due_set)
        if missed is not None:
            yield armed(context, rule_of(stage, stay), stage.due.ladder, missed)
    for also in stage.also_due:
        day = node_day(context.definition, nodes, also.node)
        if day is not None:
            if also.reading != "keep":
                day = context.calendar.roll(day, also.reading)
            missed = start_of_day(day + _DAY, context.definition.flow.timezone)
            yield armed(context, rule_of(stage, stay, also.node), also.ladder, missed)


def end_all(context: Context, case: Case) -> Iterator[Effect]:
    """Leaving a stage ends its dues: met, in time or late; the overdue fact stays on the record."""
    for rule, due in case.dues.items():
        yield {"e": "due-met", "rule": rule, "late": context.at >= due["missed"]}


def rearm(context: Context, case: Case, nodes: str) -> Iterator[Effect]:
    """Dues of an item that moves to another node set: those of nodes are set anew, fired rungs are never recomputed."""
    stage = context.definition.stage(case.stage)
    wanted = {e["rule"]: e for e in arm_stage(_entered_then(context, case), stage, case.stays, nodes, case.due_set)}
    for rule in case.dues:
        if rule not in wanted:
            yield {"e": "due-cancelled", "rule": rule}
    for rule, effect in wanted.items():
        held = case.dues.get(rule)
        if held is None:
            yield armed(context, rule, effect["ladder"], effect["missed"])
        elif held["missed"] != effect["missed"]:
            step = held["step"]
            rungs = context.definition.flow.ladder.get(effect["ladder"], ())
            upcoming = rung_at(context, rungs[step], effect["missed"]) if step < len(rungs) else None
            yield {**effect, "step": step, "next": upcoming}


def _entered_then(context: Context, case: Case) -> Context:
    return Context(context.definition, context.calendar, case.entered, context.seq)
