"""A report beside what is known of the unit from elsewhere: an inspection's feedback, an appraisal, an earlier round.

What the report leaves out is listed, and whoever signs first says why; nothing is refused for being a surprise. Source: S0
「不排除有的企业巡视反馈存在问题却没上报」, R056; 「巡视反馈问题比上报问题多得多、严重得多」, R057; S4 「重新摸排」, R065.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from workflow.acts import Signature
from workflow.case import Effect
from workflow.clock import start_of_day
from workflow.definition.model import Compare, Stage
from workflow.errors import ReasonRequired
from workflow.rules import reckoning
from workflow.rules.context import Asked, Need


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """What is known of the unit, and what the report says of it; only where the flow compares, and nobody has signed."""
    if stage.compare is None or any(s.state == "signed" for s in asked.case.slots):
        return []
    wanted: list[Need] = [_need(asked, stage.compare, flow) for flow in stage.compare.with_]
    if stage.compare.list in asked.case.lists:
        wanted.append(("lines", asked.case.item, stage.compare.list))
    return wanted


def _need(asked: Asked, spec: Compare, flow: str) -> Need:
    need = ("known-of", flow, asked.case.unit, asked.case.item)
    if spec.within is None and spec.severity is None:
        return need
    since = ""
    if spec.within is not None:
        day, _ = reckoning.count(asked.context.calendar, asked.context.today, -spec.within.n, spec.within.unit)
        since = str(start_of_day(day, asked.definition.flow.timezone))
    return (*need, since, spec.severity or "")


def compared(asked: Asked, act: Signature, stage: Stage) -> list[Effect]:
    """What is known and not reported, on record with the first signature.

    Raises:
        ReasonRequired: something known is left out, or less of it is told, and nobody says why.
    """
    spec, case = stage.compare, asked.case
    if spec is None or any(s.state == "signed" for s in case.slots):
        return []
    lines = asked.facts.get("lines", case.item, spec.list) if spec.list in case.lists else []
    told = Counter(str(r["cells"].get(spec.field)) for r in lines if r["cells"].get(spec.unit_by) == case.unit)
    known: list[dict[str, Any]] = []
    for flow in spec.with_:
        known += asked.facts.get(*_need(asked, spec, flow))
    less = missing(known, told)
    lighter = _lighter(asked, spec, known, lines)
    if (less or lighter) and not act.reason.strip():
        shown = ", ".join(
            [*(f"{category} {n}" for category, n in less.items()), *(f"{k} {v}" for k, v in lighter.items())]
        )
        raise ReasonRequired(
            act=act.kind,
            expected=f"a written reason why the report has less than is known of {case.unit}: {shown}",
            actual="none",
            place=asked.definition.place("stages", stage.stage, "compare"),
        )
    found: Effect = {"e": "compared", "known": known, "told": dict(sorted(told.items())), "less": less}
    return [{**found, "lighter": lighter} if lighter else found]


def _lighter(asked: Asked, spec: Compare, known: list[dict[str, Any]], lines: list[dict[str, Any]]) -> dict[str, str]:
    """上报小问题、回避大问题: the gravest that is known beside the gravest of the report, where it is lighter. R059."""
    if spec.severity is None:
        return {}
    scale = list(asked.definition.flow.materials[spec.list].fields[spec.severity].choices or ())
    own = [str(r["cells"].get(spec.severity)) for r in lines if r["cells"].get(spec.unit_by) == asked.case.unit]

    def gravest(names: list[str]) -> int:
        return max([scale.index(n) for n in names if n in scale], default=-1)

    ours, theirs = gravest(own), gravest([k.get("severity", "") for k in known])
    return {spec.severity: scale[theirs]} if theirs > ours else {}


def missing(known: list[dict[str, Any]], told: Counter[str]) -> dict[str, int]:
    """By category, how many are known beyond those told; categories in order, none that agrees."""
    before = Counter(str(k["category"]) for k in known)
    return {c: n - told[c] for c, n in sorted(before.items()) if n > told[c]}
