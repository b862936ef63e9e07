"""The first so many of a grade: what only the best of those who reached it may have.

Everybody is assessed before anybody is first; equal results are told apart by the stated rule, and share a rank where it tells
them not. Fewer reach the grade, fewer have it. Source: S2 「对定格为优秀党支部档次中的前三名颁发……流动红旗」, R094.
"""

from __future__ import annotations

from typing import Any

from workflow.case import Effect
from workflow.definition.model import Stage
from workflow.errors import GateClosed, LimitReached, Said, WrongStage
from workflow.rules import assessing, seats
from workflow.rules.context import Asked, Need


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """The results of the others with the same grade; only where a way out is for the first of them."""
    if not any(e.first for e in stage.exits.values()) or not asked.case.assessed:
        return []
    taken = [seats.need(seats.of_first(asked.case, e.to)) for e in stage.exits.values() if e.first]
    return [_need(asked), *(taken if asked.context.rules >= 6 else ())]


def _need(asked: Asked) -> Need:
    case = asked.case
    return ("standing", case.flow, case.campaign, str(case.assessed.get("grade", "")), case.item)


def among(asked: Asked, stage: Stage, exit_name: str) -> list[Effect]:
    """Refuse a way out that is for the first of a grade to an item that is not among them; whoever is has a numbered place,
    so that of two at the same moment the second is refused.

    Raises:
        WrongStage: the item has no grade. GateClosed: others are not assessed yet. LimitReached: it is not among the first,
            or so many have it already.
    """
    most, case, definition = stage.exits[exit_name].first, asked.case, asked.definition
    if most is None:
        return []
    place = definition.place("stages", stage.stage, "exits", exit_name, "first")
    if not case.assessed.get("grade"):
        raise WrongStage(act=exit_name, expected="an item that was graded", actual="no grade", place=place)
    found: dict[str, Any] = asked.facts.get(*_need(asked))
    if found["waiting"]:
        raise GateClosed(
            unit=case.unit,
            expected=Said(f"every item of {case.campaign} assessed first", f"{case.campaign} 全部事项已评定"),
            actual=found["waiting"],
            place=place,
        )
    grade = case.assessed["grade"]
    own = {"total": case.assessed["total"], "sources": case.assessed["sources"]}
    results = {r["item"]: r for r in found["rows"]} | {case.item: own}
    rank = next(rank for rank, item in assessing.ranked(results, _ties(asked)) if item == case.item)
    if rank > most:
        raise LimitReached(
            expected=f"the first {most} of {grade}",
            actual=Said(f"{rank} of {len(results)}", f"{len(results)} 件中第 {rank} 位"),
            place=place,
        )
    to = stage.exits[exit_name].to
    having = [r["item"] for r in found["rows"] if r["stage"] == to]
    if len(having) >= most:
        raise LimitReached(
            expected=f"{to} given {most} times at most", actual=f"given {len(having)} times", place=place
        )
    if asked.context.rules < 6:
        return []
    seat = seats.of_first(case, to)
    return [seats.taken(seat, seats.free([r["n"] for r in asked.facts.get(*seats.need(seat))]))]


def _ties(asked: Asked) -> Any:
    graded = (s.assess for s in reversed(asked.definition.flow.stages) if s.assess is not None)
    return next((spec.ties for spec in graded), "shared")
