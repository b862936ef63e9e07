"""Timing on a machine that others use too: short turns in alternation, medians, and the spread beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

Timed = Callable[[], float]
"""Does one turn and returns seconds for each unit of work in it."""


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        ours, floor: in ``unit``.
        ratio: ours to floor; the median of the turns' own ratios. ``low`` and ``high`` are its middle half.
        goal: the bound on ``ratio``, or on ``ours`` where there is no floor; None where a row only informs.
        at_least: whether the goal is a lower bound.
        aside: what else was measured, in words.
    """

    name: str
    database: str
    unit: str
    ours: float
    floor: float | None
    ratio: float | None
    low: float
    high: float
    goal: float | None
    at_least: bool
    aside: str = ""

    @property
    def holds(self) -> bool:
        if self.goal is None:
            return True
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.goal if self.at_least else value <= self.goal

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def alternate(turns: int, *sides: Timed) -> list[list[float]]:
    """Each side's seconds, turn by turn; all sides take their turn before any takes the next."""
    found: list[list[float]] = [[] for _ in sides]
    for turn in range(turns):
        order = list(enumerate(sides))
        for i, side in order if turn % 2 == 0 else reversed(order):  # nobody always comes first
            found[i].append(side())
    return found


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The bounds of the middle half."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(last * 0.25)], ordered[round(last * 0.75)]


def rates(
    name: str,
    database: str,
    unit: str,
    ours: Sequence[float],
    floor: Sequence[float],
    goal: float | None,
    aside: str = "",
) -> Result:
    """Compare by rate: units of work a second, more is better."""
    ratios = [f / o for o, f in zip(ours, floor, strict=True)]
    low, high = quartiles(ratios)
    return Result(
        name, database, unit, 1 / median(ours), 1 / median(floor), median(ratios), low, high, goal, True, aside
    )


def costs(
    name: str, database: str, ours: Sequence[float], floor: Sequence[float], goal: float | None, aside: str = ""
) -> Result:
    """Compare by cost: milliseconds for each unit of work, less is better."""
    ratios = [o / f for o, f in zip(ours, floor, strict=True)]
    low, high = quartiles(ratios)
    mine, base = median(ours) * 1000, median(floor) * 1000
    return Result(name, database, "ms", mine, base, median(ratios), low, high, goal, False, aside)
