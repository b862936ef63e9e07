"""Which stages, exits, limits and rungs of a flow the scenarios reached, and which refusals were seen.

Counted from the entries themselves, so that only what the engine really did is covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.definition.definition import Definition

KINDS = ("stages", "exits", "limits", "rungs")


def wanted(definition: Definition) -> dict[str, tuple[str, ...]]:
    """Everything there is to cover in a flow, in file order. ``limits`` are the ways taken when a stage was entered as
    often as it may be."""
    flow = definition.flow
    return {
        "stages": tuple(s.stage for s in flow.stages),
        "exits": tuple(f"{s.stage}.{name}" for s in flow.stages for name in s.exits),
        "limits": tuple(f"{s.stage} > {s.at_most.then}" for s in flow.stages if s.at_most is not None),
        "rungs": tuple(
            f"{ladder}[{n}] {rung.do if rung.item is None else rung.item}"
            + (f" before {rung.before}" if rung.before is not None else f" after {rung.after}")
            for ladder, rungs in flow.ladder.items()
            for n, rung in enumerate(rungs, start=1)
        ),
    }


@dataclass
class Coverage:
    """What was reached of one flow."""

    definition: Definition
    reached: dict[str, set[str]] = field(default_factory=lambda: {k: set() for k in KINDS})
    refusals: dict[str, int] = field(default_factory=dict)

    def missing(self) -> dict[str, list[str]]:
        """What was not reached, by kind, in file order."""
        return {k: [n for n in names if n not in self.reached[k]] for k, names in wanted(self.definition).items()}

    @property
    def whole(self) -> bool:
        return not any(self.missing().values())

    def counts(self) -> dict[str, tuple[int, int]]:
        """Kind -> (reached, there are)."""
        return {k: (len(self.reached[k]), len(names)) for k, names in wanted(self.definition).items()}

    def refused(self, code: str) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + 1

    def add(self, other: Coverage) -> None:
        """Count what another run reached of the same flow."""
        for kind, names in other.reached.items():
            self.reached[kind] |= names
        for code, n in other.refusals.items():
            self.refusals[code] = self.refusals.get(code, 0) + n

    def follow(self, effects: Iterable[Mapping[str, Any]]) -> None:
        """Count what one item went through: all its effects in order."""
        stages = self.definition.stages
        names = {k: iter(v) for k, v in wanted(self.definition).items()}
        rungs = {
            (ladder, n): next(names["rungs"])
            for ladder, all_ in self.definition.flow.ladder.items()
            for n in range(len(all_))
        }
        ladders: dict[str, str] = {}
        left: Mapping[str, Any] = {}
        for e in effects:
            kind = e["e"]
            if kind == "entered":
                self.reached["stages"].add(e["stage"])
                if left:
                    self._limit(stages[left["stage"]].exits[left["exit"]].to, e["stage"])
                left = {}
            elif kind == "left" and e["exit"]:  # by none: what had led here was taken back
                self.reached["exits"].add(f"{e['stage']}.{e['exit']}")
                left = e
            elif kind == "due-armed":
                ladders[e["rule"]] = e["ladder"]
            elif kind in ("reminded", "proposed"):
                self.reached["rungs"].add(rungs[ladders[e["rule"]], e["step"]])

    def _limit(self, meant: str, entered: str) -> None:
        limit = self.definition.stages[meant].at_most
        if limit is not None and meant != entered:
            self.reached["limits"].add(f"{meant} > {limit.then}")
