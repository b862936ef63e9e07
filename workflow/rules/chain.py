"""Who signs next, at which level: building the slots of a stage, opening them in turn, resolving posts to units."""

from __future__ import annotations

from collections.abc import Container
from copy import deepcopy
from functools import lru_cache
from typing import Any, NamedTuple

from workflow.case import Case, Slot
from workflow.definition.definition import Definition
from workflow.definition.model import Chain, Stage, Step, Who
from workflow.rules.plan import DONE, Progress, progress

Path = list[dict[str, Any]]


class At(NamedTuple):
    """A post at a unit by name."""

    post: str
    of: str


def unit_at(definition: Definition, path: Path, of: str, last_unit: str = "") -> dict[str, Any]:
    """The unit that ``of`` means, seen from the item's unit.

    ``path`` is the item's unit and everything above it, lowest first. A level that is absent there is answered by the
    next level above; above the top there is only the top.
    """
    if of == "own":
        return path[0]
    if of == "superior":
        return path[min(1, len(path) - 1)]
    if of == "top":
        return path[-1]
    if of == "next-above":
        index = next((i for i, u in enumerate(path) if u["unit"] == last_unit), 0)
        return path[min(index + 1, len(path) - 1)]
    order = definition.flow.levels.index
    wanted = order(of)
    return next((u for u in path if u["level"] in definition.flow.levels and order(u["level"]) >= wanted), path[-1])


def _span(definition: Definition, path: Path, chain: Chain) -> Path:
    """The units at which the inner chain is repeated, lowest first."""
    levels = chain.levels
    if levels is None:
        return []
    order = {name: i for i, name in enumerate(definition.flow.levels)}
    first = path[0] if levels.from_ in ("own", definition.flow.levels[0]) else unit_at(definition, path, levels.from_)
    last = unit_at(definition, path, levels.to)
    start, stop = path.index(first), path.index(last)
    return [u for u in path[start : stop + 1] if u["level"] in order]


def plan_slots(definition: Definition, stage: Stage, path: Path, last_unit: str) -> tuple[list[Slot], list[Any]]:
    """The slots of a stage for an item whose units are ``path``, all waiting, in signing order; and their plan where
    they do not simply sign in turn (see ``rules.plan``)."""
    units = [u["unit"] for u in path]
    last = units.index(last_unit) if last_unit in units else -1
    slots, plan = _layout(definition, stage.stage, tuple([u["level"] for u in path]), last)
    return [Slot._make((s[0], units[int(s[1])], *s[2:])) for s in slots], deepcopy(plan) if plan else []


@lru_cache(maxsize=4096)
def _layout(
    definition: Definition, stage: str, levels: tuple[str, ...], last: int
) -> tuple[tuple[Slot, ...], list[Any]]:
    """The same for all lines of units with these levels, lowest first; each slot's unit is the place in that line.
    ``last`` is the place of the unit that signed last, or -1."""
    path: Path = [{"unit": str(i), "level": level} for i, level in enumerate(levels)]
    last_unit = str(last)
    chain = definition.chain_of(definition.stage(stage))
    slots: list[Slot] = []
    nodes: list[Any] = []

    def place(step: Step, unit: dict[str, Any] | None) -> Any:
        if step.together:
            group: dict[str, Any] = {"par": [place(s, unit) for s in step.together], "need": step.need or "all"}
            if step.veto:
                group["veto"] = list(step.veto)
            if step.turnout:
                group["turnout"] = step.turnout
            return group
        if step.in_turn:
            return {"seq": [place(s, unit) for s in step.in_turn]}
        at = unit if unit is not None and step.of == "own" else unit_at(definition, path, step.of, last_unit)
        assert step.post is not None
        slots.append(
            Slot(
                key=str(len(slots) + 1),
                unit=at["unit"],
                level=at["level"],
                post=step.post,
                kind=definition.kind_of(step),
                minutes=step.minutes is not None,
                in_person=step.in_person,
                weight=step.weight,
                one_by_one=step.one_by_one,
                delegable=step.delegable,
            )
        )
        return slots[-1].key

    for unit in _span(definition, path, chain):
        assert chain.levels is not None
        inner = definition.flow.chains[chain.levels.at.get(unit["level"], chain.levels.each)]
        nodes += [place(step, unit) for step in inner.steps]
    nodes += [place(step, None) for step in chain.steps]
    return tuple(slots), nodes if any(not isinstance(n, str) for n in nodes) else []


def advance(case: Case, slot: Slot, vote: str) -> Progress:
    """Where the chain stands once ``slot`` is signed with ``vote``: what opens, what is not needed, whether it is over."""
    if not case.plan:
        index = case.slots.index(slot)
        after = case.slots[index + 1 : index + 2]
        if after and after[0].state in DONE:  # it came straight back: those between stand as they signed
            signed = [s._replace(state="signed", vote=vote) if s.key == slot.key else s for s in case.slots]
            return progress(case.plan, signed)
        upcoming = tuple(s.key for s in after)
        return Progress(upcoming, (), "open" if upcoming else "agreed")
    signed = [s._replace(state="signed", vote=vote) if s.key == slot.key else s for s in case.slots]
    return progress(case.plan, signed)


def restart(case: Case, undone: Container[str]) -> tuple[str, ...]:
    """The places that open when those in ``undone`` have to sign anew."""
    reset = [s._replace(state="waiting", vote="") if s.key in undone else s for s in case.slots]
    return progress(case.plan, reset).open


def resolve(definition: Definition, stage: Stage, who: Who, path: Path, case: Case, answering: str) -> At:
    """A post at a unit by name, for a rung: ``responsible`` is the stage's duty; ``of`` becomes the unit's id.

    ``superior`` is one up from ``answering``, the unit of whoever answers for the duty, not from the item's unit: when a
    higher unit misses its duty, or answers in the place of one without a head, no proposal about it goes to itself or to
    a unit below it. ``next-above`` is where the stage's slots were planned: signing there does not move it up.
    """
    if who.post == "responsible":
        who = stage.duty
    elif who.of == "superior":
        units = [u["unit"] for u in path]
        path = path[units.index(answering) :] if answering in units else path
    return At(who.post, _planned(definition, stage, who.of, path, case))


def duty_of(definition: Definition, stage: Stage, path: Path, case: Case) -> At:
    """The post that has the duty of a stage already entered, at its unit by id."""
    return At(stage.duty.post, _planned(definition, stage, stage.duty.of, path, case))


def _planned(definition: Definition, stage: Stage, of: str, path: Path, case: Case) -> str:
    """The unit that ``of`` means in a stage already entered."""
    chain = definition.chain_of(stage)
    if of == "next-above" and chain.levels is None:
        for slot, step in zip(case.slots, chain.steps, strict=False):
            if step.of == of:
                return slot.unit
    unit: str = unit_at(definition, path, of, case.last_unit)["unit"]
    return unit
