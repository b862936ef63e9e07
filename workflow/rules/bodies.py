"""Different bodies for stages of one round: whoever passed the work provisionally does not pass it finally.

Where a level is absent both would fall to one unit; the later then goes to the next unit above it. Source: S4
「各党(工)委按要求进行了初验」, R138.
"""

from __future__ import annotations

from functools import lru_cache

from workflow.case import Case, Slot
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import Avoidance
from workflow.rules.chain import Path
from workflow.rules.context import Asked


@lru_cache(maxsize=256)
def remembered(definition: Definition) -> frozenset[str]:
    """The stages whose signing units another stage asks for."""
    return frozenset(name for stage in definition.flow.stages for name in stage.other_body_than)


def taken(case: Case, stage: Stage) -> set[str]:
    """The units that may not sign in a stage, since they signed where it wants another."""
    return {unit for name in stage.other_body_than for unit in case.bodies.get(name, ())}


def moved_up(case: Case, stage: Stage, slots: list[Slot], path: Path, levels: tuple[str, ...]) -> list[Slot]:
    """Places that would fall to a unit that may not sign here go to the next one above; where there is none they stay,
    and nobody signs them."""
    gone, units = taken(case, stage), [u["unit"] for u in path]
    out: list[Slot] = []
    for slot in slots:
        above = path[units.index(slot.unit) :] if slot.unit in gone and slot.unit in units else []
        free = next((u for u in above if u["unit"] not in gone and u["level"] in levels), None)
        out.append(slot if free is None else slot._replace(unit=free["unit"], level=free["level"]))
    return out


def check(asked: Asked, stage: Stage, slot: Slot) -> None:
    """Refuse a unit that signed where another one had to.

    Raises:
        Avoidance: there is no unit above it that could have taken the place.
    """
    if slot.unit in taken(asked.case, stage):
        raise Avoidance(
            person=asked.actor.person,
            expected=f"of a unit that signed {', '.join(stage.other_body_than)}",
            actual=slot.unit,
            place=asked.definition.place("stages", stage.stage, "other-body-than"),
        )
