"""What a unit has to bear: visits at the same time and too many requests are held back before they are fixed.

A flow says what kind of burden it is; kinds are shared by all flows that count together. Days are fixed by a signature, and
only once: whoever comes second is told of the days that are taken. A visit counts when it was held with an outcome. Source:
S0 「不集中到一个单位去」, R201; 「不能弄得下面忙于接待、忙于准备材料」, R200; 「不能为督导而督导」, R212.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from workflow.case import Effect
from workflow.definition.model import Burden, Stage
from workflow.errors import BadMaterial, BurdenHeld, Said, WrongStage
from workflow.rules import reckoning
from workflow.rules.context import Asked, Need

DAY = timedelta(days=1)
Row = dict[str, Any]


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """What the unit has to bear around the days that would be fixed."""
    spec = asked.definition.flow.burden
    if spec is None or not any(e.burden == "fixed" for e in stage.exits.values()):
        return []
    days = _days(asked, spec)
    return [] if days is None else [_need(asked, spec, days[0])]


def _need(asked: Asked, spec: Burden, first: str) -> Need:
    back, _ = reckoning.count(asked.context.calendar, date.fromisoformat(first), -spec.within.n, spec.within.unit)
    return ("burden", spec.kind, asked.case.unit, back.isoformat(), asked.case.item)


def _days(asked: Asked, spec: Burden) -> tuple[str, str] | None:
    """The first and the last day, both included: as the papers say, else today; None where the papers do not say yet."""
    if spec.material is None:
        return asked.context.day, asked.context.day
    told = asked.case.figures.get(spec.material, {})
    first, last = told.get(spec.from_), told.get(spec.until)
    return (str(first), str(last)) if first and last else None


def follow(asked: Asked, stage: Stage, exit_name: str) -> list[Effect]:
    """What leaving a stage this way does to the unit's burden.

    Raises:
        BurdenHeld: the days overlap others, or there are too many. BadMaterial: the days are none, or have begun.
        WrongStage: nothing was fixed that could be held or called off.
    """
    state, spec, case = stage.exits[exit_name].burden, asked.definition.flow.burden, asked.case
    if state is None or spec is None:
        return []
    place = asked.definition.place("stages", stage.stage, "exits", exit_name, "burden")
    if state != "fixed":
        if case.burden.get("state") != "fixed":
            raise WrongStage(act=exit_name, expected="what was fixed before", actual="nothing is fixed", place=place)
        persons = case.figures.get(spec.persons.material, {}).get(spec.persons.field, 0) if spec.persons else 0
        return [{"e": "burden-ended", "state": state, "persons": int(persons) if state != "called-off" else 0}]
    days = _days(asked, spec)
    if days is None or days[0] > days[1] or days[0] < asked.context.day:
        raise BadMaterial(
            path=f"$.{spec.material}.{spec.from_}",
            expected=Said("days to come, the first not after the last", "尚未开始的日期,且起日不晚于止日"),
            actual=" - ".join(days) if days else "none",
            place=place,
        )
    held = asked.facts.get(*_need(asked, spec, days[0]))
    _overlapping(asked, spec, days, held["rows"], place)
    _too_many(asked, spec, days[0], held["rows"], place)
    fixed = {"kind": spec.kind, "unit": case.unit, "n": held["n"] + 1, "from": days[0], "until": days[1]}
    return [{"e": "burden-fixed", **fixed}]


def _overlapping(asked: Asked, spec: Burden, days: tuple[str, str], rows: Sequence[Row], place: str) -> None:
    taken = [r for r in rows if r["from"] <= days[1] and r["until"] >= days[0]] if spec.material is not None else []
    if taken:
        free = (date.fromisoformat(max(r["until"] for r in taken)) + DAY).isoformat()
        raise BurdenHeld(
            unit=asked.case.unit,
            expected=Said(f"days on which nobody else is there, such as {free}", f"无人前往之日,如 {free}"),
            actual=[_shown(r) for r in taken],
            place=place,
        )


def _too_many(asked: Asked, spec: Burden, first: str, rows: Sequence[Row], place: str) -> None:
    """No stretch of the length that the definition names, with the first day in it, has more than it allows."""
    begun = sorted([*(r["from"] for r in rows), first])
    for start in begun:
        end, _ = reckoning.count(asked.context.calendar, date.fromisoformat(start), spec.within.n, spec.within.unit)
        within = [d for d in begun if start <= d < end.isoformat()]
        if start <= first < end.isoformat() and len(within) > spec.at_most:
            raise BurdenHeld(
                unit=asked.case.unit,
                expected=Said(
                    f"at most {spec.at_most} within {spec.within}", f"{spec.within} 之内至多 {spec.at_most} 次"
                ),
                actual=[_shown(r) for r in rows if start <= r["from"] < end.isoformat()],
                place=place,
            )


def _shown(row: Row) -> str:
    """Its days and its flow; never which item: it may be one that the asking person does not see."""
    days = row["from"] if row["from"] == row["until"] else f"{row['from']} - {row['until']}"
    return f"{days} ({row['flow']})"
