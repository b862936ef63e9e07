"""Conditions between items. A unit reports up only when every child has. Source: S0 「逐级签字上报」, R036.

Where a flow owes reports for periods, a gate may count instead: who is in is cited, who is missing once their time has
passed is named, and both are a part of what is signed. Source: S0 「每周一报送情况」, R082.
"""

from __future__ import annotations

from typing import Any

from workflow.errors import GateClosed
from workflow.rules import obligations
from workflow.rules.context import Asked, Need


def _counts(asked: Asked) -> bool:
    gate = asked.definition.stage(asked.case.stage).gate
    return gate is not None and gate.children == "counted"


def need(asked: Asked) -> Need:
    """The fact about the reports of the item's direct children; with their levels where the gate counts."""
    case = asked.case
    return ("roll" if _counts(asked) else "children", case.flow, case.campaign, case.unit, asked.context.day)


def needs_to_sign(asked: Asked) -> list[Need]:
    """A roll was frozen when the report was drawn up; other gates look again at every signature."""
    return [] if _counts(asked) else [need(asked)]


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


def drawn_up(asked: Asked) -> dict[str, Any]:
    """What a report over the children holds: ``relies``, and where the gate counts ``roll``: {expected, in, missing}.

    Raises:
        GateClosed: a child is not in, and its time has not passed.
    """
    if not _counts(asked):
        return {"relies": relied(children(asked))}
    case, context = asked.case, asked.context
    found: list[dict[str, Any]] = asked.facts.get(*need(asked))
    expected, came, missing, exempt, awaited = 0, [], [], [], []
    for child in found:
        owed = obligations.owed(asked.definition, context.calendar, child["level"], case.campaign)
        if owed is None:
            continue
        if child.get("exempt"):
            exempt.append(child["unit"])
            continue
        expected += 1
        if child.get("final"):
            came.append(child)
        elif context.at >= owed.missed:
            missing.append(child["unit"])
        else:
            awaited.append(child["unit"])
    if awaited:
        raise GateClosed(
            unit=case.unit,
            expected=f"a report of each of {expected} children, or the end of their time",
            actual=awaited,
            place=asked.definition.place("stages", case.stage, "gate"),
        )
    roll: dict[str, Any] = {"expected": expected, "in": len(came), "missing": missing}
    if exempt:
        roll["exempt"] = exempt
    return {"relies": relied(came), "roll": roll}


def unchanged(asked: Asked) -> None:
    """Before the first and the last signature: a report is over what the children signed last, or over a frozen roll.

    Raises:
        GateClosed: it was never drawn up over the children, or a child's report changed meanwhile.
    """
    case = asked.case
    if _counts(asked):
        holds = bool(case.roll)
    else:
        holds = relied(children(asked)) == list(case.relies)
    if not holds:
        raise GateClosed(
            unit=case.unit,
            expected="a report drawn up over what the children signed last",
            actual="a child's report changed meanwhile; submit again",
            place=asked.definition.place("stages", case.stage, "gate"),
        )
