"""What was found of an item in each of its rounds, with everything the result rests on; and items ranked by it.

Read only, from the entries: an earlier round stays as readable as the present one. Source: S4 「逐个评估」, R134, R148.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.rules import assessing
from workflow.store import items, queries
from workflow.views import SignatureRow, signatures


@dataclass(frozen=True)
class Assessment:
    """One result. ``total`` is exact, of 100; ``shown`` the same rounded for people; ``sources`` and ``floors`` as in the
    entry: what each rests on, and whether it held. ``ours`` is whether reckoning it again from these gives it."""

    item: str
    round: int
    stage: str
    seq: int
    at: int
    total: Fraction
    shown: str
    grade: str
    exit: str
    sources: dict[str, Any]
    floors: dict[str, Any]
    ours: bool


def assessments(desk: Desk, item: str) -> list[Assessment]:
    """Every assessment of an item, in order, those of earlier rounds too."""
    found: list[Assessment] = []
    round_, stage = 1, ""
    for row in items.entries(desk.connection, item):
        body = canonical.read(row.body)
        definition = desk.engine.definition(desk.connection, body["definition"])
        for effect in body["effects"]:
            if effect["e"] == "entered":
                round_, stage = effect.get("round", round_), effect["stage"]
            elif effect["e"] == "assessed":
                found.append(_read(definition, item, round_, stage, body, effect))
    return found


def _read(definition: Definition, item: str, round_: int, stage: str, body: Any, effect: dict[str, Any]) -> Assessment:
    spec = definition.stage(stage).assess
    assert spec is not None
    total = Fraction(effect["total"])
    shares = {name: Fraction(one["of-100"]) for name, one in effect["sources"].items()}
    floors = effect.get("floors", {})
    held = all(assessing.meets(spec.floors[name].holds, Fraction(f["value"])) for name, f in floors.items())
    grade = assessing.graded(spec, total) if held else ""
    again = assessing.weighed(shares, {name: s.weight for name, s in spec.sources.items()})
    return Assessment(
        item,
        round_,
        stage,
        body["seq"],
        body["at"],
        total,
        assessing.shown(total, spec.decimals),
        effect["grade"],
        effect["exit"],
        effect["sources"],
        floors,
        again == total and grade == effect["grade"],
    )


@dataclass(frozen=True)
class Ranked:
    """An item in the order of results; equal results share a rank, the next rank counts them all (1, 2, 2, 4)."""

    rank: int
    unit: str
    result: Assessment


def ranking(desk: Desk, flow: str, campaign: str) -> list[Ranked]:
    """The items of a flow and campaign by their last assessment, under the tie rule of the newest version."""
    units = queries.of_campaign(desk.connection, flow, campaign)
    last: dict[str, Assessment] = {}
    for item in units:
        if every := assessments(desk, item):
            last[item] = every[-1]
    definition = desk.engine.newest(desk.connection, flow)
    ties = next((s.assess.ties for s in reversed(definition.flow.stages) if s.assess is not None), "shared")
    results = {item: {"total": str(a.total), "sources": a.sources} for item, a in last.items()}
    return [Ranked(rank, units[item], last[item]) for rank, item in assessing.ranked(results, ties)]


def acceptors(desk: Desk, item: str, at: int) -> dict[int, list[SignatureRow]]:
    """Who let an item pass, round by round, up to an instant: every standing signature in a stage that scores, assesses
    or posts the result. Where an item comes back, these are who accepted it before. Source: R148."""
    out: dict[int, list[SignatureRow]] = {}
    _, definition = desk.case_of(item)
    for row in signatures(desk, item, at):
        stage = definition.stages.get(row.stage)
        judged = stage is not None and (stage.score is not None or stage.assess is not None)
        if not row.superseded and (judged or row.kind == "accept"):
            out.setdefault(row.round, []).append(row)
    return out


def words(found: Assessment, lang: str) -> list[str]:
    """How a result came about, line by line. Every step is there; nothing has to be looked up."""
    zh = lang == "zh"
    head = (
        f"{found.item} 第 {found.round} 轮 {found.stage}" if zh else f"{found.item} round {found.round} {found.stage}"
    )
    out = [head]
    for name, one in found.sources.items():
        rests = ", ".join(f"{k} {_plain(v)}" for k, v in one["from"].items())
        share = assessing.shown(one["of-100"], 2)
        exact = f" = {one['of-100']}" if "/" in one["of-100"] else ""
        says = f"{share}{exact} 分,权重 {one['weight']}" if zh else f"{share}{exact} of 100, weight {one['weight']}"
        out.append(f"  {name} ({one['material']}: {rests}): {says}")
    exact = f" = {found.total}" if found.total.denominator != 1 else ""
    out.append(f"  总分 {found.shown}{exact}" if zh else f"  total {found.shown}{exact}")
    for name, floor in found.floors.items():
        holds = ("达到" if floor["holds"] else "未达到") if zh else ("holds" if floor["holds"] else "fails")
        out.append(f"  {'底线' if zh else 'floor'} {name}: {floor['value']} {floor['wanted']}: {holds}")
    grade = found.grade or ("不合格" if zh else "none")
    out.append(f"  等次 {grade},去向 {found.exit}" if zh else f"  grade {grade}, leads to {found.exit}")
    if not found.ours:
        out.append("  !! 重新计算与记录不符" if zh else "  !! reckoning it again gives another result")
    return out


def _plain(value: Any) -> str:
    return " + ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
