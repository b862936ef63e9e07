"""A report beside what is known of the unit from elsewhere: an inspection's feedback, an appraisal, an earlier round.

What the report leaves out is listed, and whoever signs first says why; nothing is refused for being a surprise. Source: S0
「不排除有的企业巡视反馈存在问题却没上报」, R056; 「巡视反馈问题比上报问题多得多、严重得多」, R057; S4 「重新摸排」, R065.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from workflow.acts import Signature
from workflow.case import Effect
from workflow.definition.model import Stage
from workflow.errors import ReasonRequired
from workflow.rules.context import Asked, Need


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """What is known of the unit, and what the report says of it; only where the flow compares, and nobody has signed."""
    if stage.compare is None or any(s.state == "signed" for s in asked.case.slots):
        return []
    wanted: list[Need] = [("known-of", flow, asked.case.unit, asked.case.item) for flow in stage.compare.with_]
    if stage.compare.list in asked.case.lists:
        wanted.append(("lines", asked.case.item, stage.compare.list))
    return wanted


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
        known += asked.facts.get("known-of", flow, case.unit, case.item)
    less = missing(known, told)
    if less and not act.reason.strip():
        shown = ", ".join(f"{category} {n}" for category, n in less.items())
        raise ReasonRequired(
            act=act.kind,
            expected=f"a written reason why the report has less than is known of {case.unit}: {shown}",
            actual="none",
            place=asked.definition.place("stages", stage.stage, "compare"),
        )
    return [{"e": "compared", "known": known, "told": dict(sorted(told.items())), "less": less}]


def missing(known: list[dict[str, Any]], told: Counter[str]) -> dict[str, int]:
    """By category, how many are known beyond those told; categories in order, none that agrees."""
    before = Counter(str(k["category"]) for k in known)
    return {c: n - told[c] for c, n in sorted(before.items()) if n > told[c]}
