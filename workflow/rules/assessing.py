"""Judgements put together into a grade: exactly, with everything the result rests on beside it.

Self, mass and superior are asked for item by item; each is a part of 100, each has its weight, and what a good score must
not hide has a floor of its own. Only whole numbers and fractions: what is shown is rounded, what is compared never is.
Source: S0 「结合基层党组织自评情况,通过职工群众测评、上级党组织考评相结合方式」, R134; R136, R137.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from workflow.case import Case, Effect
from workflow.definition.definition import Definition
from workflow.definition.model import Assess, Floor, Source, Stage, Threshold
from workflow.errors import BadMaterial, MaterialMissing
from workflow.rules.context import Asked, Need

HUNDRED = Fraction(100)


Earlier = Mapping[str, Sequence[Mapping[str, str]]]
"""Of each source that is another flow's results, by its name: {item, campaign, total}."""


def _need(asked: Asked, source: Source) -> Need:
    return ("results", source.flow or "", asked.case.unit, asked.case.campaign)


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """The results that other flows gave the unit within this item's campaign."""
    sources = stage.assess.sources.values() if stage.assess is not None else ()
    return [_need(asked, s) for s in sources if s.flow is not None]


def earlier(asked: Asked, stage: Stage) -> Earlier:
    """The same, once they are loaded."""
    assert stage.assess is not None
    return {name: asked.facts.get(*_need(asked, s)) for name, s in stage.assess.sources.items() if s.flow is not None}


def supposed(stage: Stage) -> Earlier:
    """Results such as others might have given, 75 of 100 each: for trying a flow out with nothing on record."""
    sources = stage.assess.sources if stage.assess is not None else {}
    one = {"item": "-", "campaign": "-", "total": "75"}
    return {name: [one] * (s.times or 1) for name, s in sources.items() if s.flow is not None}


def complete(definition: Definition, stage: Stage, case: Case, others: Earlier) -> None:
    """Every judgement is in, of this round, and says the numbers that are put together.

    Raises:
        MaterialMissing: names each that is not. BadMaterial: a whole that is nothing.
    """
    spec = stage.assess
    assert spec is not None
    place = definition.place("stages", stage.stage, "assess")
    wanted = [s.material for s in spec.sources.values() if s.flow is None]
    wanted += [f.material for f in spec.floors.values() if f.material is not None]
    lacking = [m for m in dict.fromkeys(wanted) if m not in case.materials]
    if lacking:
        raise MaterialMissing(expected=lacking, actual=sorted(case.materials) or "nothing", place=place)
    for name, source in spec.sources.items():
        if source.flow is None:
            _of_hundred(definition, source, case.figures, f"$.{source.material}", place, name)
        elif source.times is not None and len(others[name]) < source.times:
            wanted_ = f"{source.times} results of {source.flow} for {case.unit} in {case.campaign}-…"
            have = [r["campaign"] for r in others[name]]
            raise MaterialMissing(expected=wanted_, actual=have or "none", place=place)
    for floor in spec.floors.values():
        if floor.material is not None:
            _value(floor, {}, case.figures, place)


def result(definition: Definition, stage: Stage, case: Case, others: Earlier) -> Effect:
    """What the judgements come to, and how: every number it rests on, so that anybody can reckon it again.

    Returns:
        ``{"e": "assessed", sources: {name: {of-100, weight, from}}, total, floors: {name: {value, wanted, holds}},
        grade, exit}``. Fractions are texts such as ``255/4``; ``grade`` is empty where none is reached or a floor fails.
    """
    spec = stage.assess
    assert spec is not None
    place = definition.place("stages", stage.stage, "assess")
    shares: dict[str, Fraction] = {}
    told: dict[str, Any] = {}
    for name, source in spec.sources.items():
        if source.flow is not None:
            totals = [Fraction(r["total"]) for r in others[name]]
            shares[name] = sum(totals, Fraction()) / len(totals)
            rests = {f"{r['campaign']} {r['item']}": r["total"] for r in others[name]}
        else:
            shares[name], rests = _of_hundred(definition, source, case.figures, f"$.{source.material}", place, name)
        of = source.flow or source.material
        told[name] = {"material": of, "of-100": str(shares[name]), "weight": source.weight, "from": rests}
    total = weighed(shares, {n: s.weight for n, s in spec.sources.items()})
    out: Effect = {"e": "assessed", "sources": told, "total": str(total)}
    held = True
    if spec.floors:
        out["floors"] = {}
    for name, floor in spec.floors.items():
        value = _value(floor, shares, case.figures, place)
        holds = meets(floor.holds, value)
        out["floors"][name] = {"value": str(value), "wanted": str(floor.holds), "holds": holds}
        held = held and holds
    grade = graded(spec, total) if held else ""
    return {**out, "grade": grade, "exit": spec.grades[grade].exit if grade else spec.failed}


def weighed(shares: Mapping[str, Fraction], weights: Mapping[str, int]) -> Fraction:
    """The sum of each share times its weight, over the sum of the weights."""
    return sum((shares[n] * w for n, w in weights.items()), Fraction()) / sum(weights.values())


def graded(spec: Assess, total: Fraction) -> str:
    """The first grade, in the order written, whose threshold the total meets; empty for none."""
    return next((name for name, grade in spec.grades.items() if meets(grade.from_, total)), "")


def meets(threshold: Threshold, value: Fraction) -> bool:
    """``>=`` includes (以上), ``>`` does not (超过); a share is compared with a share, points with points."""
    return threshold.holds(value.numerator, value.denominator)


def shown(value: Fraction | str, decimals: int) -> str:
    """A number for people, rounded half up (四舍五入). What decides is never rounded."""
    exact = Fraction(value)
    units = (2 * exact.numerator * 10**decimals + exact.denominator) // (2 * exact.denominator)
    return str(Decimal(units).scaleb(-decimals))


def ranked(results: Mapping[str, Mapping[str, Any]], ties: str | Sequence[str]) -> list[tuple[int, str]]:
    """Items in order of their results, (rank, item): the higher total first, equal ones by the sources that ``ties`` names,
    and what is equal then shares a rank (1, 2, 2, 4)."""

    def worth(item: str) -> tuple[Fraction, ...]:
        one = results[item]
        by = [] if ties == "shared" else [Fraction(one["sources"][name]["of-100"]) for name in ties]
        return (Fraction(one["total"]), *by)

    keys = {item: worth(item) for item in results}
    out: list[tuple[int, str]] = []
    for n, item in enumerate(sorted(results, key=lambda i: ([-v for v in keys[i]], i)), start=1):
        same = bool(out) and keys[out[-1][1]] == keys[item]
        out.append((out[-1][0] if same else n, item))
    return out


def _of_hundred(
    definition: Definition, source: Source, figures: Mapping[str, Any], path: str, place: str, name: str
) -> tuple[Fraction, dict[str, Any]]:
    """A source's part of 100, and the numbers it rests on."""
    material = definition.flow.materials[source.material]
    given = figures.get(source.material, {})
    if source.part is not None and source.whole is not None:
        part, whole = _number(given, source.part, path, place), _number(given, source.whole, path, place)
        share = _share(part, whole, f"{path}.{source.whole}", place)
        return HUNDRED * share, {source.part: str(part), source.whole: str(whole)}
    if source.field is not None:
        most = material.fields[source.field].max or 100
        value = _number(given, source.field, path, place)
        return HUNDRED * value / most, {source.field: str(value), "of": str(most)}
    points = given.get("points")
    if not isinstance(points, dict):
        raise BadMaterial(path=path, expected=f"the points of {name}", actual="none", place=place)
    got = sum((Fraction(points[code]) for code in material.parts), Fraction())
    most = sum(part.points for part in material.parts.values())
    return HUNDRED * got / most, {"points": dict(points), "of": str(most)}


def _value(floor: Floor, shares: Mapping[str, Fraction], figures: Mapping[str, Any], place: str) -> Fraction:
    if floor.source is not None:
        return shares[floor.source]
    assert floor.material is not None and floor.part is not None
    given, path = figures.get(floor.material, {}), f"$.{floor.material}"
    points = given.get("points", {})
    part = Fraction(points[floor.part]) if floor.part in points else _number(given, floor.part, path, place)
    if floor.whole is None:
        return part
    return _share(part, _number(given, floor.whole, path, place), f"{path}.{floor.whole}", place)


def _share(part: Fraction, whole: Fraction, path: str, place: str) -> Fraction:
    """A part of nothing is no share: nobody was asked, so nothing is known."""
    if whole <= 0 or part > whole:
        raise BadMaterial(path=path, expected=f"a whole of {part} or more, and not 0", actual=str(whole), place=place)
    return part / whole


def _number(given: Mapping[str, Any], field: str, path: str, place: str) -> Fraction:
    """A number that is known. Raises BadMaterial where it is unknown (masked) or absent: that is not zero."""
    value = given.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadMaterial(
            path=f"{path}.{field}", expected="a number that is known", actual=str(value or "unknown"), place=place
        )
    return Fraction(value)
