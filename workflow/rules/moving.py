"""Leaving a stage and entering the next: slots are planned, dues end and begin, rounds turn."""

from __future__ import annotations

from workflow.case import Case, Effect, Slot
from workflow.clock import local_day, start_of_day
from workflow.definition.model import Span, Stage, Tracking
from workflow.errors import DateRequired, Said
from workflow.rules import bodies, dues, reckoning, seats
from workflow.rules.chain import Path, plan_slots, unit_at
from workflow.rules.context import Context
from workflow.rules.plan import progress
from workflow.rules.stages import destination

END_OF_TRACKING = Span.model_construct(n=1, unit="months")
EARLY = Span.model_construct(n=2, unit="weeks")


def enter(
    context: Context,
    case: Case,
    stage: Stage,
    path: Path,
    *,
    turn: bool = False,
    due_set: str = "",
    again: bool = False,
) -> list[Effect]:
    """The effects of entering a stage: the first slot opens, the stage's dues are armed.

    ``turn`` begins the item's next round; ``again`` is a return into the same stage and does not count as an entry.
    """
    definition = context.definition
    slots, plan = (
        (_tracking_slots(context, stage, path, case.category), [])
        if stage.tracking
        else plan_slots(definition, stage, path, case.last_unit)
    )
    if stage.other_body_than and not turn:
        slots = bodies.moved_up(case, stage, slots, path, definition.flow.levels)
    entered: Effect = {"e": "entered", "stage": stage.stage}
    if slots:
        opening = progress(plan, slots).open if plan else (slots[0].key,)
        entered["slots"] = [(s._replace(state="open") if s.key in opening else s).record() for s in slots]
    if plan:
        entered["plan"] = plan
    if turn:
        entered["round"] = case.round + 1
        entered["counted"] = sorted(s.stage for s in definition.flow.stages if s.new_round)
    if stage.class_:
        entered["klass"] = stage.class_
    if stage.final:
        entered["final"] = True
    if due_set:
        entered["due_set"] = due_set
    if again:
        entered["again"] = True
    if stage.tally is not None and stage.tally.material in case.materials and not turn and context.rules >= 2:
        entered["without"] = [stage.tally.material]  # a vote held again is counted again: the old sheet says nothing
    stay = case.stays + 1
    effects = [entered, *dues.arm_stage(context, stage, stay, case.nodes, due_set or case.due_set)]
    if stage.tracking:
        effects += _look_back_dues(context, stage, stay, case.category)
    return effects


def _tracking_slots(context: Context, stage: Stage, path: Path, category: str) -> list[Slot]:
    """One slot for each look-back, then one for the end of the tracking period, which may not be signed before it."""
    tracking = stage.tracking
    assert tracking is not None
    unit = unit_at(context.definition, path, tracking.by.of)
    end = dues.after(context, context.at, tracking.longer.get(category, tracking.for_))
    count = len(tracking.look_backs) + 1
    first = [_first_day(context, tracking, span) for span in tracking.look_backs] if context.rules >= 2 else []
    return [
        Slot(
            key=str(n),
            unit=unit["unit"],
            level=unit["level"],
            post=tracking.by.post,
            kind="look-back",
            not_before=end if n == count else first[n - 1] if first else 0,
        )
        for n in range(1, count + 1)
    ]


def _first_day(context: Context, tracking: Tracking, span: Span) -> int:
    """The first instant at which a look-back may be held: its day, less what the definition lets it be early."""
    day = local_day(dues.after(context, context.at, span) - 1, context.definition.flow.timezone)
    early = tracking.early or EARLY
    first, _ = reckoning.count(context.calendar, day, -early.n, early.unit)
    return max(context.at, start_of_day(first, context.definition.flow.timezone))


def look_back_rule(stage: Stage, stay: int, slot: str) -> str:
    """The key of the due of one look-back."""
    return dues.rule_of(stage, stay, f"look-back-{slot}")


def _look_back_dues(context: Context, stage: Stage, stay: int, category: str) -> list[Effect]:
    """Each look-back is due by its span from close-out; the end of tracking within a month after the period."""
    tracking = stage.tracking
    assert tracking is not None
    bases = [dues.from_moment(context, context.at, span) for span in tracking.look_backs]
    bases.append(
        dues.from_moment(
            context, dues.after(context, context.at, tracking.longer.get(category, tracking.for_)), END_OF_TRACKING
        )
    )
    return [
        dues.armed(context, look_back_rule(stage, stay, str(n)), tracking.ladder, basis)
        for n, basis in enumerate(bases, start=1)
    ]


def leave(
    context: Context, case: Case, exit_name: str, path: Path, *, due_set: str = "", again: bool = False
) -> list[Effect]:
    """The effects of leaving the present stage by an exit.

    Raises:
        NoSuchExit: the stage has no such exit.
        DateRequired: the exit leads to a stage whose date the acceptor sets, and none was given or it is not after today.
    """
    definition = context.definition
    stage = definition.stage(case.stage)
    target = destination(definition, stage, exit_name, case.entries)
    rebound = stage.tracking is not None and exit_name == stage.tracking.rebound
    if target.due is not None and target.due.set_by is not None:
        _check_date(context, case, stage, exit_name, target, due_set)
    left: Effect = {"e": "left", "stage": stage.stage, "exit": exit_name}
    return [
        left,
        *(seats.on_leaving(case, stage, target) if case.seats else ()),
        *dues.end_all(context, case),
        *enter(
            context,
            case,
            target,
            path,
            turn=rebound or (target.new_round and not again),
            due_set=due_set,
            again=again,
        ),
    ]


def _check_date(context: Context, case: Case, stage: Stage, exit_name: str, target: Stage, due_set: str) -> None:
    assert target.due is not None
    cap = dues.latest_day(context, target.due, case.nodes)
    if (
        not dues.may_be_due(context, due_set)
        or due_set <= context.day
        or (cap is not None and due_set > cap.isoformat())
    ):
        until = Said(f" and not after {cap}", f",且不晚于 {cap}") if cap is not None else Said("")
        raise DateRequired(
            act=Said(f"{exit_name} of {stage.stage}", f"{stage.stage} 的 {exit_name}"),
            expected=Said(
                f"due=YYYY-MM-DD after {context.day}{until}, by which {target.stage} must be done",
                f"due=年-月-日,晚于 {context.day}{until.zh},{target.stage} 须于当日前办结",
            ),
            actual=due_set or "none",
            place=context.definition.place("stages", target.stage, "due"),
        )
