"""Places that only so many items can have at once: the first of a grade, an officer who is dedicated to one item.

Each is a numbered row of its own, so that of two at the same moment the second is refused as a whole and done again. Source:
S2 「对定格为优秀党支部档次中的前三名颁发……流动红旗」, R094; S4 「指派工委科级干部专人包抓」, R180.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workflow.case import Case, Effect
from workflow.definition.model import Stage
from workflow.rules.context import Need

FIRST, SOLE = "first", "sole"


def of_first(case: Case, stage: str) -> str:
    """The seats of a stage that only the first of a grade come to, in one campaign."""
    return f"{FIRST}/{case.flow}/{case.campaign}/{stage}"


def of_person(person: str) -> str:
    """The one seat of a person who is dedicated to an item (专人), whichever flow it is of."""
    return f"{SOLE}/{person}"


def need(seat: str) -> Need:
    """Who has it: ``[{n, item}]``."""
    return ("seats", seat)


def taken(seat: str, n: int) -> Effect:
    return {"e": "seat-taken", "seat": seat, "n": n}


def left(seats: Iterable[str]) -> list[Effect]:
    return [{"e": "seat-left", "seat": seat} for seat in seats]


def free(numbers: Sequence[int]) -> int:
    """The least number that nobody has."""
    return next(n for n in range(1, len(numbers) + 2) if n not in numbers)


def on_leaving(case: Case, stage: Stage, target: Stage) -> list[Effect]:
    """What an item gives up with a stage: its place among the first who came there; with close-out, whoever was dedicated
    to it alone is free for another."""
    over = target.final or target.tracking is not None
    here = of_first(case, stage.stage)
    return left(s for s in case.seats if s == here or (over and s.startswith(f"{SOLE}/")))
