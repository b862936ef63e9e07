"""The clock of each share of a chain (响应): a level's, a group's or a single place's, independent of the stage's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from workflow.case import Case, Effect, Slot
from workflow.definition.definition import Definition
from workflow.definition.model import OWN, Span, Stage, Step, Who
from workflow.rules.chain import Path
from workflow.rules.context import Asked
from workflow.rules.dues import again, armed, from_moment, met, rule_of


@dataclass(frozen=True, slots=True)
class Share:
    """Places of a chain that have to be done together within a span: a level's, a group's, or a single place."""

    name: str  # the end of its rule: slot-4, group-4, step-4
    keys: frozenset[str]
    span: Span
    ladder: str


def clocked(definition: Definition, stage: Stage) -> bool:
    """Whether a chain of this stage says ``within`` anywhere."""
    return _clocked(definition, stage.stage)


@lru_cache(maxsize=4096)
def _clocked(definition: Definition, name: str) -> bool:
    stage = definition.stage(name)
    chain = definition.chain_of(stage)
    if chain.levels is None and not chain.steps:
        return False
    if any(_timed(s) for s in chain.steps):
        return True
    levels = chain.levels
    if levels is None:
        return False
    if levels.within is not None:
        return True
    return any(_timed(s) for name in (levels.each, *levels.at.values()) for s in definition.flow.chains[name].steps)


def _timed(step: Step) -> bool:
    return step.within is not None or any(_timed(s) for s in (*step.together, *step.in_turn))


def shares(definition: Definition, stage: Stage, slots: Iterable[Slot]) -> tuple[Share, ...]:
    """The shares of a stage's chain over its slots. An added place belongs to the share of the place it was added to."""
    return _shares(definition, stage.stage, tuple([(s.key, s.level) for s in slots]))


@lru_cache(maxsize=4096)
def _shares(definition: Definition, stage: str, places: tuple[tuple[str, str], ...]) -> tuple[Share, ...]:
    """``places``: key and level of each, in order; they are the same for most items of a stage."""
    chain = definition.chain_of(definition.stage(stage))
    by_number: dict[int, list[tuple[str, str]]] = {}
    for key, level in places:
        by_number.setdefault(int(key.partition("+")[0]), []).append((key, level))
    found: list[Share] = []

    def take(first: int, last: int, name: str, span: Span | None, ladder: str | None) -> None:
        if span is not None:
            keys = frozenset(key for n in range(first, last) for key, _ in by_number.get(n, ()))
            found.append(Share(f"{name}-{first}", keys, span, ladder or ""))

    def inside(step: Step, first: int, depth: int) -> int:
        if not step.together and not step.in_turn:
            take(first, first + 1, "step", step.within, step.ladder)
            return first + 1
        last = first
        for part in (*step.together, *step.in_turn):
            last = inside(part, last, depth + 1)
        take(first, last, "group" + "-in" * depth, step.within, step.ladder)
        return last

    tail = sum(1 for step in chain.steps for _ in step.leaves())
    at, levels = 1, chain.levels
    while levels is not None and at <= len(by_number) - tail:
        inner = definition.flow.chains[levels.at.get(by_number[at][0][1], levels.each)]
        begin = at
        for step in inner.steps:
            at = inside(step, at, 0)
        take(begin, at, "slot", levels.within, levels.ladder)
    for step in chain.steps:
        at = inside(step, at, 0)
    return tuple(found)


def following(asked: Asked, effects: Sequence[Effect]) -> list[Effect]:
    """A share's clock starts when one of its places opens, and is met when none of them is open any more: returning
    is an answer too. After a return, or when the level below took its signature back, it starts anew."""
    kinds = {e["e"] for e in effects}
    if kinds.isdisjoint(_MOVES):
        return []
    case, context = asked.case, asked.context
    entered = next(e for e in reversed(effects) if e["e"] == "entered") if "entered" in kinds else None
    stage = asked.definition.stage(entered["stage"] if entered else case.stage)
    if not clocked(asked.definition, stage):
        return []
    slots, moves = case.slots, [e for e in effects if e["e"] in _MOVES]
    if entered is not None or not kinds.isdisjoint(_REPLANS):
        slots = case.fold(moves, context.seq, context.at).slots
        open_ = {s.key for s in slots if s.state == "open"}
    else:  # nearly every signature: no need to build the case after it
        open_ = _open_after(case, moves)
    taken_back = "withdrawn" in kinds
    stay, counts = (case.stays + 1, {}) if entered else (case.stays, case.armed)
    out: list[Effect] = []
    for share in shares(context.definition, stage, slots):
        rule = again(rule_of(stage, stay, share.name), counts.get(share.name, 0))
        runs, running = not open_.isdisjoint(share.keys), entered is None and rule in case.dues
        if running and not runs:
            late = context.at >= case.dues[rule]["missed"]
            idle = taken_back and not late
            out.append({"e": "due-cancelled", "rule": rule} if idle else met(context, rule, case.dues[rule]))
        elif runs and not running:
            rule = again(rule_of(stage, stay, share.name), counts.get(share.name, 0) + 1)
            out.append(armed(context, rule, share.ladder, from_moment(context, context.at, share.span), share.name))
    return out


_REPLANS = frozenset({"signer-added", "signer-removed", "transferred"})
_MOVES = _REPLANS | {"entered", "slot-opened", "signed", "superseded", "not-needed", "overridden"}


def _open_after(case: Case, moves: Sequence[Effect]) -> set[str]:
    """The places open once these effects have come about."""
    found = {s.key for s in case.slots if s.state == "open"}
    for e in moves:
        if e["e"] == "slot-opened":
            found.add(e["slot"])
        elif e["e"] == "signed":
            found.discard(e["slot"])
        elif e["e"] == "overridden":
            found.discard(e["place"])
        else:
            found.difference_update(e["slots"])
    return found


def side(definition: Definition, case: Case, rule: str, path: Path) -> tuple[Stage, Path]:
    """From where a rung's targets are seen: a share's from whoever holds it up now, the other party's clock from that
    party, everything else from the stage's duty."""
    stage = definition.stage(case.stage)
    name = rule.split("/")[2] if rule.count("/") > 1 else ""
    if name.startswith("pause-") and stage.due is not None and stage.due.pause is not None:
        return stage.model_copy(update={"duty": stage.due.pause.starts.duty}), path
    if name.startswith("suspend-") and definition.flow.suspend is not None:
        return stage.model_copy(update={"duty": definition.flow.suspend.starts.duty}), path
    share = next((s for s in shares(definition, stage, case.slots) if s.name == name), None) if name else None
    if share is None:
        return stage, path
    slot = next((s for s in case.slots if s.key in share.keys and s.state == "open"), None)
    if slot is None:
        return stage, path
    units = [u["unit"] for u in path]
    if slot.unit not in units:
        return stage.model_copy(update={"duty": Who.model_construct(post=slot.post, of=OWN)}), path
    return stage.model_copy(update={"duty": Who.model_construct(post=slot.post, of=OWN)}), path[
        units.index(slot.unit) :
    ]
