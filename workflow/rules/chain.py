"""Who signs next, at which level: building the slots of a stage, opening them in turn, resolving posts to units."""

from __future__ import annotations

from typing import Any

from workflow.case import Slot
from workflow.definition.definition import Definition
from workflow.definition.model import Chain, Stage, Step, Who

Path = list[dict[str, Any]]


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


def plan_slots(definition: Definition, stage: Stage, path: Path, last_unit: str) -> list[Slot]:
    """The slots of a stage for an item whose units are ``path``, all waiting, in signing order."""
    chain = definition.chain_of(stage)
    places: list[tuple[dict[str, Any], Step]] = []
    for unit in _span(definition, path, chain):
        assert chain.levels is not None
        inner = definition.flow.chains[chain.levels.at.get(unit["level"], chain.levels.each)]
        places += [(unit, step) for step in inner.steps]
    places += [(unit_at(definition, path, step.of, last_unit), step) for step in chain.steps]
    return [
        Slot(
            key=str(n),
            unit=unit["unit"],
            level=unit["level"],
            post=step.post,
            kind=definition.kind_of(step),
            minutes=step.minutes is not None,
            in_person=step.in_person,
        )
        for n, (unit, step) in enumerate(places, start=1)
    ]


def following(slots: tuple[Slot, ...], after: Slot) -> Slot | None:
    """The slot that opens when ``after`` has been signed; None at the end of the chain."""
    index = slots.index(after)
    return slots[index + 1] if index + 1 < len(slots) else None


def resolve(definition: Definition, stage: Stage, who: Who, path: Path, last_unit: str) -> Who:
    """A post at a unit by name: ``responsible`` is the stage's duty; ``of`` becomes the unit's id."""
    if who.post == "responsible":
        who = stage.duty
    return Who.model_construct(post=who.post, of=unit_at(definition, path, who.of, last_unit)["unit"])
