"""Conditions between items. A unit reports up only when every child has. Source: S0 「逐级签字上报」, R036."""

from __future__ import annotations

from typing import Any

from workflow.errors import GateClosed
from workflow.rules.context import Asked, Need


def need(asked: Asked) -> Need:
    """The fact about the reports of the item's direct children."""
    case = asked.case
    return ("children", case.flow, case.campaign, case.unit, asked.context.day)


def children(asked: Asked) -> list[dict[str, Any]]:
    """The reports of all direct children, each {unit, item, seq, head, stage, final}, in organisation order.

    Raises:
        GateClosed: names every child that has not reported, and every one whose report is still under way.
    """
    case = asked.case
    found: list[dict[str, Any]] = asked.facts.get(*need(asked))
    missing = [c["unit"] for c in found if not c.get("final")]
    if missing:
        raise GateClosed(
            unit=case.unit,
            expected=f"a signed or zero-signed report of each of {len(found)} children",
            actual=missing,
            place=asked.definition.place("stages", case.stage, "gate"),
        )
    return found


def relied(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a report cites of its children: the item and the exact entry, so that a later change shows."""
    return [{"item": c["item"], "seq": c["seq"], "head": c["head"]} for c in found]
