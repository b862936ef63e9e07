"""Targets that people set themselves, read as they are written: 超过 excludes the figure, 以上 and 达到 include it.

Exact, in whole numbers: of 79 units 28 are more than 35 %, 27 are not. A target says how far work is to go. On what is
found nobody may set one: whatever should be rectified is. Source: R071, R072, R074; S4 「不设比例、不定指标」, R049, R051.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workflow.errors import NotUnderstood, Said

MEASURES = ("covered", "closed", "ready")
PREFIXES = ("flow:", "body:", "looked-after:", "one-person:")
_PART = re.compile(
    r"(?P<op>>=|<=|>|<|超过|不低于|达到|不超过|低于|more than|at least|at most|less than)?\s*"
    r"(?P<n>[0-9]{1,7})\s*(?P<per>%)?\s*(?:个|家)?(?P<incl>以上)?\s*"
)
_OPS = {"超过": ">", "more than": ">", "达到": ">=", "不低于": ">=", "at least": ">=", "不超过": "<=", "at most": "<="}
_OPS |= {"低于": "<", "less than": "<"}


@dataclass(frozen=True)
class Bound:
    """One comparison: of a share in hundredths (``percent``) or of a number."""

    op: str
    n: int
    percent: bool

    def holds(self, part: int, whole: int) -> bool:
        """Whether ``part`` of ``whole`` keeps it; of nothing no share is reached."""
        if self.percent and not whole:
            return False
        ours, bound = (part * 100, self.n * whole) if self.percent else (part, self.n)
        return {">": ours > bound, ">=": ours >= bound, "<": ours < bound, "<=": ours <= bound}[self.op]

    def least(self, whole: int) -> int | None:
        """The least that keeps it; None where it sets no lower bound."""
        if self.op not in (">", ">="):
            return None
        bound = self.n * whole if self.percent else self.n
        per = 100 if self.percent else 1
        return bound // per + 1 if self.op == ">" else -(-bound // per)

    def __str__(self) -> str:
        return f"{self.op} {self.n}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class Target:
    """What is measured, and every bound that it is to keep."""

    what: str
    bounds: tuple[Bound, ...]

    def holds(self, part: int, whole: int) -> bool:
        return all(b.holds(part, whole) for b in self.bounds)

    def shortfall(self, part: int, whole: int) -> int:
        """How many more are wanted until every lower bound is kept. Source: S4 「任务欠账非常大」, R073."""
        return max([0, *(least - part for b in self.bounds if (least := b.least(whole)) is not None)])

    def __str__(self) -> str:
        return f"{self.what} {' '.join(map(str, self.bounds))}"


def target(text: str) -> Target:
    """A target as written: ``covered >= 50%``, ``one-person:secretary+director 超过35%达到28个``, ``ready 95%以上``.

    Raises:
        NotUnderstood: it measures what is found, or nothing that is known, or its reading is not clear.
    """
    what, _, rest = text.strip().partition(" ")
    if what not in MEASURES and not (what.startswith(PREFIXES) and what.partition(":")[2]):
        raise NotUnderstood(
            expected=Said(
                f"a measure of work done ({', '.join(MEASURES)}, {'…, '.join(PREFIXES)}…); none on what is found (R049)",
                f"工作进展类指标({'、'.join(MEASURES)}、{'…、'.join(PREFIXES)}…);对排查发现不设比例、不定指标(R049)",
            ),
            actual=what[:80] or "-",
        )
    bounds, at = [], 0
    rest = rest.strip()
    while at < len(rest):
        found = _PART.match(rest, at)
        if found is None or not (found["op"] or found["incl"]):
            break
        op = _OPS.get(found["op"] or "", found["op"]) or ">="
        bounds.append(Bound(op, int(found["n"]), bool(found["per"])))
        at = found.end()
    if at < len(rest) or not bounds:
        expected = Said('a reading such as ">= 50%", "more than 35%"', "如“超过35%”“50%以上”“达到28个”的表述")
        raise NotUnderstood(expected=expected, actual=rest[:80] or "-")
    return Target(what, tuple(bounds))
