"""Moving a live item to another version of its flow: what is signed stays signed, what still runs is counted anew.

An item is never moved by publishing: somebody of the top unit moves it, with a reason, by an entry of its own that says
which dates and places changed. What cannot be moved without dropping a signature is refused and stays on the version it
began with. A rung that fired is never fired again, and a duty that is overdue stays so. Source: R068.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow.acts import Migrate
from workflow.case import Case, Effect, Slot
from workflow.definition.definition import Definition
from workflow.definition.model import Due, Rung, Stage
from workflow.definition.outline import outline
from workflow.errors import CannotMove, OutOfTurn, ReasonRequired, Said, Unknown
from workflow.rules import authority, dues, obligations, shares
from workflow.rules.chain import Path, plan_slots, unit_at
from workflow.rules.context import Asked, Context, Decision, Need
from workflow.rules.moving import look_back_rule
from workflow.rules.plan import ADDED, progress
from workflow.rules.reckoning import Basis
from workflow.rules.stages import choosable, to_choose

COUNTS = ("", "now")  # from when the dates of the new version are counted: the stage's entry, or the migration


def needs(asked: Asked, act: Migrate) -> list[Need]:
    """The actor's authority, the units above, the part of the old version that still runs, and what is undone."""
    case = asked.case
    wanted: list[Need] = [
        authority.own_need(asked),
        ("path", case.unit, asked.context.day),
        ("version", case.definition, case.stage),
    ]
    return [*wanted, ("migrated", case.item, str(act.undoes))] if act.undoes else wanted


def migrate(asked: Asked, act: Migrate) -> Decision:
    """The item goes on by the version that ``act.to`` names.

    Raises:
        CannotMove: a signature would be dropped, a stage is gone, or the new version closes the item.
        ReasonRequired, OutOfTurn: no reason; not somebody of the top unit of the item's line.
        Unknown: the stage named is none of the new version's.
    """
    case, context, new = asked.case, asked.context, asked.definition
    held = authority.authority(asked)
    path: Path = asked.facts.get("path", case.unit, context.day)
    place = new.place("stages", act.stage or case.stage)
    top = unit_at(new, path, "top")["unit"]
    if asked.actor.unit != top:
        raise OutOfTurn(expected=f"somebody of {top}", actual=str(asked.actor), place=place)
    if not act.reason.strip():
        raise ReasonRequired(act="migrate", expected="a written reason", actual="none", place=place)
    old: dict[str, Any] = asked.facts.get("version", case.definition, case.stage)
    _check_versions(asked, act, old, place)
    stage = _counterpart(asked, act, place)
    renamed = stage.stage != case.stage
    if stage.final:
        raise CannotMove(expected="a stage where somebody still acts", actual=f"{stage.stage} is final", place=place)
    if context.rules >= 5:
        _check_waiting(asked, stage)
    if case.outcome and case.outcome not in choosable(stage):
        raise CannotMove(
            expected=f"one of {', '.join(choosable(stage)) or 'no exit'}",
            actual=f"{case.outcome}, which is proposed here; hand in again first",
            place=new.place("stages", stage.stage, "exits"),
        )
    if context.rules >= 7 and not case.outcome and act.undoes is None and (leading := to_choose(stage)):
        _check_unsigned(case, new, stage, leading)
    effect: Effect = {
        "e": "migrated",
        "from": case.definition,
        "to": new.digest,
        "stay": case.stays,
        "was": {rule: {"ladder": due["ladder"], "basis": due["basis"]} for rule, due in case.dues.items()},
    }
    if renamed:
        effect["stage"] = stage.stage
    if case.nodes not in new.flow.nodes:
        effect["nodes"] = dues.binding_nodes(new, context.today)
    slots, plan = _places(asked, stage, old, path)
    if slots is not None:
        effect["slots"], effect["plan"] = [s.record() for s in slots], plan
    after = case.fold([effect], context.seq, context.at)
    return Decision([effect, *clocks(asked, act, after, stage, old)], held)


def _check_unsigned(case: Case, new: Definition, stage: Stage, leading: list[str]) -> None:
    """Whoever signs first names the way out; those who signed where there was only one named none.

    Raises:
        CannotMove: somebody signed here, and the new version has several ways out.
    """
    signed = [f"{s.post}@{s.unit}" for s in case.slots if s.state == "signed"]
    if signed:
        raise CannotMove(
            expected=Said(
                f"a stage with one way out, or one of {', '.join(leading)} named before anybody signed",
                f"只有一个流转去向的阶段,或首签前已写明 {'、'.join(leading)} 之一",
            ),
            actual=Said(f"{', '.join(signed)} signed and named none", f"{'、'.join(signed)} 已签而未写明"),
            place=new.place("stages", stage.stage, "exits"),
        )


def _check_waiting(asked: Asked, stage: Stage) -> None:
    """What was begun can be ended by the new version too.

    Raises:
        CannotMove: an item that rests could not be activated, or a vote is open whose papers were cast by its rules.
    """
    case, new = asked.case, asked.definition
    if case.suspended and new.flow.suspend is None:
        raise CannotMove(
            expected=Said("a version that says suspend, or an item that goes on", "新版写明暂停办理,或先恢复办理"),
            actual=Said(
                f"{new.version} lets nobody activate an item that rests", f"事项已暂停,{new.version} 版无人可恢复"
            ),
            place=new.place("suspend"),
        )
    if case.ballot:
        raise CannotMove(
            expected=Said("a stage without an open vote", "没有正在进行的投票"),
            actual=Said(
                "papers are cast by the rules the vote was opened under; it ends on its own version",
                "投票正在进行,选票须按开箱时的规则投完;该次投票在原版本上结束",
            ),
            place=new.place("stages", stage.stage, "tally"),
        )


def _check_versions(asked: Asked, act: Migrate, old: dict[str, Any], place: str) -> None:
    case, new = asked.case, asked.definition
    if case.flow != new.name or case.definition == new.digest or act.to != new.digest:
        raise CannotMove(
            expected=f"another version of {case.flow} than {old['version']}",
            actual=f"{new.name}@{new.version}",
            place=place,
        )
    if act.count not in COUNTS:
        raise CannotMove(expected="count: now, or nothing (from the stage's entry)", actual=act.count, place=place)
    if not act.undoes:
        return
    undone = asked.facts.get("migrated", case.item, str(act.undoes))
    if {**(undone or {}), "was": 0} != {"from": new.digest, "to": case.definition, "stay": case.stays, "was": 0}:
        raise CannotMove(
            expected=f"entry {act.undoes} to have moved it from {new.version} to {old['version']} in this stay",
            actual=str(undone or "no migration"),
            place=place,
        )


def _counterpart(asked: Asked, act: Migrate, place: str) -> Stage:
    """The stage of the new version that the item stands in.

    Raises:
        CannotMove: it is gone and none was named, or another was named although people signed here.
    """
    case, new = asked.case, asked.definition
    name = act.stage or case.stage
    if name not in new.stages:
        if act.stage:
            raise Unknown(
                kind="stage", name=name, hint=Said(*[f"{w}{new.name}@{new.version}" for w in (" in ", ",流程版本 ")])
            )
        raise CannotMove(
            expected=f"a stage {name}, or the stage that stands for it (stage=...)",
            actual=Said(f"{new.version} has {', '.join(new.stages)}", f"{new.version} 版有 {'、'.join(new.stages)}"),
            place=place,
        )
    if name != case.stage and _signed(case):
        raise CannotMove(
            expected=f"nobody to have signed in {case.stage}, which becomes {name}",
            actual=f"{len(_signed(case))} signature(s), given on {case.stage}",
            place=place,
        )
    return new.stages[name]


def _signed(case: Case) -> list[Slot]:
    return [s for s in case.slots if s.state == "signed"]


def _settled(asked: Asked) -> list[Slot]:
    """The places that nobody opens again: signed, or passed over by two persons."""
    states = ("signed", "overridden") if asked.context.rules >= 5 else ("signed",)
    return [s for s in asked.case.slots if s.state in states]


def _places(asked: Asked, stage: Stage, old: dict[str, Any], path: Path) -> tuple[list[Slot] | None, list[Any]]:
    """The places of the new version with every signature where it was; None where the chain is the same.

    Raises:
        CannotMove: signatures would be dropped, or nobody would be left to sign.
    """
    case, new = asked.case, asked.definition
    place = new.place("stages", stage.stage, "chain")
    if outline(new, stage)["chain"] == old["chain"]:
        return None, []
    if stage.tracking is not None or old["tracking"]:
        raise CannotMove(
            expected="the tracking it began with", actual="another one; it ends on its own version", place=place
        )
    signed = _settled(asked)
    steps = [leaf for step in new.chain_of(stage).steps for _, leaf in step.leaves()]
    if signed and any(step.of == "next-above" for step in steps):
        raise CannotMove(
            expected="places that do not depend on who signs last", actual="next-above, and people signed", place=place
        )
    slots, plan = plan_slots(new, stage, path, case.last_unit)
    if not slots:
        raise CannotMove(expected="somebody who signs", actual=f"no place in {stage.stage}", place=place)
    if signed:
        slots = _kept(case, signed, slots, plan, place)
    opening = progress(plan, slots).open if plan else (slots[len(signed)].key,)
    slots = [s._replace(state="open") if s.key in opening and s not in signed else s for s in slots]
    return _handed_on(asked, slots, place) if asked.context.rules >= 5 else slots, plan


def _handed_on(asked: Asked, slots: list[Slot], place: str) -> list[Slot]:
    """The new places with what people arranged at the open ones: whoever one was delegated to still does it.

    Raises:
        CannotMove: the new chain has no such place, or somebody was asked to sign beside it, or one of two persons asked
            to pass over a place. It is taken back first, so that nobody's arrangement is dropped unsaid.
    """
    case = asked.case
    for what, found in (
        ("a signer was added", [s.key for s in case.slots if ADDED in s.key]),
        ("somebody asked to pass over a place", [k for k in case.overriding if k in {s.key for s in case.open_slots}]),
        ("a place was transferred", [s.key for s in case.open_slots if s.demanded]),
    ):
        if found:
            raise CannotMove(
                expected="a chain as the version has it",
                actual=f"{what} ({', '.join(found)}); end that first",
                place=place,
            )
    for held in (s for s in case.open_slots if s.delegate):
        same = [
            n for n, s in enumerate(slots) if s.state == "open" and (s.unit, s.post, s.kind) == held[1:2] + held[3:5]
        ]
        if len(same) != 1:
            raise CannotMove(
                expected=f"the open place of {held.post} of {held.unit}, which is delegated",
                actual="a chain that waits for others; recall it first",
                place=place,
            )
        arranged = {n: getattr(held, n) for n in ("delegate", "giver", "own_post", "given_on")}
        slots[same[0]] = slots[same[0]]._replace(**arranged)
    return slots


def _kept(case: Case, signed: list[Slot], slots: list[Slot], plan: list[Any], place: str) -> list[Slot]:
    """The new places behind those signed, which are its first ones."""
    first = [(s.unit, s.post, s.kind) for s in slots[: len(signed)]]
    in_turn = not plan and not case.plan and list(case.slots[: len(signed)]) == signed
    if not in_turn or any(ADDED in s.key for s in case.slots) or first != [(s.unit, s.post, s.kind) for s in signed]:
        raise CannotMove(
            expected=f"the {len(signed)} place(s) already signed to be the first of the new chain",
            actual=", ".join(f"{s.post}@{s.unit}" for s in slots[: len(signed)]),
            place=place,
        )
    if len(slots) == len(signed):
        raise CannotMove(expected="a place still to be signed", actual="all of them are signed already", place=place)
    return [*signed, *slots[len(signed) :]]


# --- the clocks ----------------------------------------------------------------------------------------------------


def clocks(asked: Asked, act: Migrate, after: Case, stage: Stage, old: dict[str, Any]) -> Iterator[Effect]:
    """Every clock of this stay as the new version has it: kept, counted anew, begun or cancelled."""
    case, context, new = asked.case, asked.context, asked.definition
    counted = context.at if act.count == "now" else case.entered
    entered = Context(new, context.calendar, counted, context.seq)
    wanted: dict[str, tuple[str, Basis]] = {}
    events = stage.due is not None and stage.due.event is not None, "event" in old["due"]
    if any(events) and (stage.due is None or _plain(stage.due) != old["due"]):
        raise CannotMove(
            expected="the same due",
            actual="one counted from an appointment, before or after",
            place=new.place("stages", stage.stage, "due"),
        )
    if stage.due is not None and not any(events):
        carried = dues.carried(context, after, stage.due) if stage.due.field is not None else None
        basis = carried or dues.basis_of(entered, stage.due, after.nodes, case.due_set)
        if basis is not None:
            wanted[dues.rule_of(stage, case.stays)] = (stage.due.ladder, basis)
    for also in stage.also_due:
        rule = dues.rule_of(stage, case.stays, also.node)
        if rule in case.dues or also.node not in old["also"]:  # not one that was met already
            basis = dues.also_basis(entered, also, after.nodes)
            if basis is not None:
                wanted[rule] = (also.ladder, basis)
    if context.rules >= 8:
        wanted |= _owed(asked)
    if act.undoes:  # back to what each clock was counted from, extensions included
        was = asked.facts.get("migrated", case.item, str(act.undoes))["was"]
        wanted |= {rule: (d["ladder"], d["basis"]) for rule, d in was.items() if rule in wanted or rule in case.dues}
    running = {s.key for s in after.slots if s.state == "open"}
    for share in shares.shares(new, stage, after.slots) if not stage.tracking else ():
        rule = dues.again(dues.rule_of(stage, case.stays, share.name), max(case.armed.get(share.name, 1), 1))
        if rule in case.dues:
            wanted[rule] = (share.ladder, {**case.dues[rule]["basis"], "span": str(share.span)})
        elif not running.isdisjoint(share.keys):
            wanted[rule] = (share.ladder, dues.from_moment(context, context.at, share.span))
    kept = {look_back_rule(stage, case.stays, s.key) for s in case.slots} if stage.tracking else set()
    # clocks of what people did in this stay, which no version says: a pause, a rest, a return with a date
    own = ("pause-", "suspend-", "rework-") if context.rules >= 5 else ("pause-",)
    for rule, due in case.dues.items():
        if rule in wanted:
            yield from _moved(asked, act, rule, due, *wanted.pop(rule), old)
        elif rule in kept or "tenure" in due["basis"] or rule.split("/")[-1].startswith(own):
            yield from _moved(asked, act, rule, due, due["ladder"], due["basis"], old)
        else:
            yield {"e": "due-cancelled", "rule": rule}
    for rule, (ladder, basis) in wanted.items():
        name = rule.split("/")[2] if rule.count("/") > 1 and rule not in case.dues else ""
        clock = name if name.startswith(("slot-", "step-", "group-")) else ""
        yield dues.armed(context, rule, ladder, basis, clock)


def _owed(asked: Asked) -> dict[str, tuple[str, Basis]]:
    """The clock of a report whose period the new version owes too, under the same name of its obligation; by rules before 8
    it was cancelled, and whoever was migrated was reminded no more."""
    flow, campaign = asked.definition.flow, asked.case.campaign
    for held in asked.case.dues.values():
        spec = flow.obligations.get(held["basis"].get("obligation", ""))
        if spec is None:
            continue
        name = held["basis"]["obligation"]
        try:
            found = obligations.period(asked.definition, asked.context.calendar, name, campaign)
        except Unknown:
            continue
        rule = dues.rule_of(asked.definition.first, 1, obligations.OWED)
        return {rule: (spec.ladder or "", obligations.basis(name, spec, found.nominal))}
    return {}


def _plain(due: Due) -> dict[str, Any]:
    return due.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _moved(
    asked: Asked, act: Migrate, rule: str, held: dict[str, Any], ladder: str, basis: Basis, old: dict[str, Any]
) -> Iterator[Effect]:
    """One clock that ran before and runs on: another date, another ladder, or nothing to say."""
    context = asked.context
    before = [Rung.model_validate(r) for r in old["ladder"].get(held["ladder"], ())]
    rungs = list(asked.definition.flow.ladder.get(ladder, ()))
    date = basis
    if "to" in held["basis"] and {k: v for k, v in held["basis"].items() if k != "to"} == basis:
        date = held["basis"]  # extended from that very date
    overdue = context.at >= held["missed"] and not act.undoes
    if overdue:
        date = held["basis"]
    if "paused" in held:
        if date != held["basis"] and {**date} != {k: v for k, v in held["basis"].items() if k != "to"}:
            raise CannotMove(
                expected="a clock that runs",
                actual=f"{rule} is paused; resume it first",
                place=asked.definition.place(),
            )
        if before != rungs:
            raise CannotMove(
                expected="the same ladder", actual=f"{rule} is paused; resume it first", place=asked.definition.place()
            )
        return
    if date == held["basis"] and ladder == held["ladder"] and before == rungs:
        return
    yield dues.moved_to(context, rule, held, ladder, date, _step(context, held, before, rungs))


def _step(context: Context, held: dict[str, Any], before: list[Rung], rungs: list[Rung]) -> int:
    """The next rung of the new ladder: the first beyond the last one that fired, by the date they were counted from."""
    if before == rungs or held["step"] == 0:
        return int(held["step"])
    last = dues.rung_at(context, before[min(held["step"], len(before)) - 1], held["missed"])
    return sum(1 for rung in rungs if dues.rung_at(context, rung, held["missed"]) <= last)
