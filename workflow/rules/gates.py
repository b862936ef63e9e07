"""Conditions between items. A unit reports up only when every child has. Source: S0 「逐级签字上报」, R036.

What has to be signed first, here or above, is a condition of the same kind: a letter of the superior before the letters
below it, talks level by level, a prior procedure; and a cause that lies above holds open what it was found in.

Where a flow owes reports for periods, a gate may count instead: who is in is cited, who is missing once their time has
passed is named, and both are a part of what is signed. Source: S0 「每周一报送情况」, R082.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from workflow.calendar import Calendar
from workflow.definition.model import Everyone, Gate, Opens, Prior
from workflow.errors import BadMaterial, GateClosed, Said
from workflow.rules import obligations, persons
from workflow.rules.authority import backstop
from workflow.rules.context import Asked, Need
from workflow.rules.opening import item_id


def _gate(asked: Asked) -> Gate:
    return asked.definition.stage(asked.case.stage).gate or _OPEN


_OPEN = Gate()


def _counts(asked: Asked) -> bool:
    return _gate(asked).children == "counted"


def _need(asked: Asked) -> Need:
    """The fact about the reports of the item's direct children; with their levels where the gate counts."""
    case = asked.case
    return ("roll" if _counts(asked) else "children", case.flow, case.campaign, case.unit, asked.context.day)


def needs(asked: Asked) -> list[Need]:
    """The facts that handing in papers rests on."""
    if not _gate(asked).children:
        return _others(asked)
    return [_need(asked), *_path_needs(asked), *_calendar_needs(asked), *_others(asked)]


def needs_to_sign(asked: Asked) -> list[Need]:
    """A roll was frozen when the report was drawn up; other gates look again at every signature."""
    return _others(asked) if _counts(asked) else needs(asked)


def _others(asked: Asked) -> list[Need]:
    """The facts about items that come before this one, who holds the posts they were signed as, and items it opened."""
    gate, case, day = _gate(asked), asked.case, asked.context.day
    wanted: list[Need] = [("opened", *ids) for name in gate.opened if (ids := _opened_ids(asked, name))]
    wanted += [_everyone(asked, e) for e in gate.everyone]
    wanted += [_guard(asked, name) for name in gate.guards]
    if not gate.prior:
        return wanted
    path: Need = ("path", case.unit, day)
    if path not in asked.facts:
        return [*wanted, path]
    for prior in gate.prior:
        need = _prior_need(asked, prior)
        if need is None:
            continue
        wanted.append(need)
        if prior.signers and need in asked.facts:
            signed = [s for found in asked.facts.peek(*need) for s in found["signed"]]
            wanted += [_holds(asked, s) for s in signed]
            wanted += persons.needs(asked, [s.get("principal") or s["person"] for s in signed])
    return [path, *dict.fromkeys(wanted)]


def _everyone(asked: Asked, every: Everyone) -> Need:
    return ("everyone", every.flow, asked.case.campaign, ",".join(every.in_))


def _guard(asked: Asked, name: str) -> Need:
    case = asked.case
    return ("guard", name, case.item, case.flow, case.unit, case.level, case.stage, case.campaign, asked.context.day)


def _opened_ids(asked: Asked, name: str) -> list[str]:
    """What a list opened, whenever it did: handing in a shorter one frees nobody from waiting. Source: R026."""
    lines = asked.case.lists.get(name, {}).get("lines", 0)
    now = [item_id(asked.case.item, name, str(no)) for no in range(1, lines + 1)]
    return list(dict.fromkeys([*(b["item"] for b in asked.case.behind.get(name, ())), *now]))


def _prior_need(asked: Asked, prior: Prior) -> Need | None:
    """None where it asks for the item of a superior and there is none: above the top, and of this same flow (a letter
    with one's superior) at the top itself."""
    path = asked.facts.peek("path", asked.case.unit, asked.context.day)
    if prior.of == "superior" and len(path) <= (2 if prior.flow == asked.case.flow else 1):
        return None
    unit = path[1]["unit"] if prior.of == "superior" else path[0]["unit"]
    return ("prior", prior.flow, asked.case.campaign, unit, ",".join(prior.in_))


def _holds(asked: Asked, signed: dict[str, str]) -> Need:
    unit, post = signed["unit"], signed["post"]
    return ("answerable", unit, post, asked.context.day, backstop(asked.definition, post))


def others(asked: Asked) -> None:
    """What has to come before has, and what was opened is finished.

    Raises:
        GateClosed: names each item that is missing, under way or void since its signer left the post; what a guard says.
    """
    gate, case = _gate(asked), asked.case
    place = asked.definition.place("stages", case.stage, "gate")
    if gate.prior:
        asked.facts.get("path", case.unit, asked.context.day)
    for prior in gate.prior:
        need = _prior_need(asked, prior)
        if need is None:
            continue
        found = asked.facts.get(*need)
        void = [f"{f['item']}: {s['person']}" for f in found if prior.signers for s in f["signed"] if _left(asked, s)]
        moved = [f for f in found if prior.signers and _moved_away(asked, prior, f["signed"])]
        void += [f"{f['item']}: {need[3]} is under another superior now" for f in moved]
        if not any(not prior.signers or not any(_left(asked, s) for s in f["signed"]) for f in found if f not in moved):
            raise GateClosed(unit=case.unit, expected=_wanted(prior, need[3]), actual=void or [need[3]], place=place)
    for every in gate.everyone:
        found = asked.facts.get(*_everyone(asked, every))
        if found["others"] or not found["items"]:
            wanted = Said(
                f"every item of {every.flow} in {case.campaign} at {', '.join(every.in_)}",
                f"{case.campaign} 的 {every.flow} 全部已至 {', '.join(every.in_)}",
            )
            raise GateClosed(
                unit=case.unit, expected=wanted, actual=found["others"] or ["none was opened"], place=place
            )
    for name in gate.guards:
        if said := asked.facts.get(*_guard(asked, name)):
            expected = Said(f"the guard {name} to be open", f"外部条件 {name} 成立")
            raise GateClosed(unit=case.unit, expected=expected, actual=Said(said["en"], said["zh"]), place=place)
    for name in gate.opened:
        ids = _opened_ids(asked, name)
        rows = asked.facts.get("opened", *ids) if ids else []
        if still := [f"{r['item']} of {r['unit']} ({r['stage']})" for r in rows if not r["final"]]:
            wanted = Said(f"every item opened by {name} to be finished", f"{name} 所立事项全部办结")
            raise GateClosed(unit=case.unit, expected=wanted, actual=still, place=place)


def named_above(asked: Asked, opens: Opens, lines: list[dict[str, Any]], path: list[dict[str, Any]]) -> None:
    """根子在上面: what is opened at units that this item then waits for is opened above it, never beside or below.

    Raises:
        BadMaterial: a line names another unit.
    """
    flow = asked.definition.flow
    if not any(s.gate is not None and opens.list in s.gate.opened for s in flow.stages):
        return
    above = [u["unit"] for u in path[1:]]
    for line in lines:
        if (unit := line["cells"].get(opens.unit_by)) not in above:
            raise BadMaterial(
                path=f"$.{opens.list}[{line['no'] - 1}].{opens.unit_by}",
                expected=Said(
                    f"a unit above {asked.case.unit}, which this item waits for: {', '.join(above)}",
                    f"本事项所等待的上级单位:{'、'.join(above)}",
                ),
                actual=str(unit),
                place=asked.definition.place("materials", opens.list),
            )


def _wanted(prior: Prior, unit: str) -> Said:
    stages = ", ".join(prior.in_)
    en = f"{prior.flow} of {unit} signed through to {stages}"
    zh = f"{unit} 的 {prior.flow} 已签至 {stages}"
    if prior.signers:
        return Said(f"{en} by those who hold the posts today", f"{zh},且签字人仍在任")
    return Said(en, zh)


def _left(asked: Asked, signed: dict[str, str]) -> bool:
    """Whether somebody who signed no longer holds, nor answers for, the post they signed as, under whichever of their ids."""
    mine = persons.ids(asked, {signed.get("principal") or signed["person"]})
    return not mine & {a["person"] for a in asked.facts.get(*_holds(asked, signed))}


def _moved_away(asked: Asked, prior: Prior, signed: list[dict[str, str]]) -> bool:
    """Whether a letter was signed with units above none of which is above its unit today: it binds person and organisation.
    Source: M29."""
    if asked.context.rules < 5:
        return False
    line = [u["unit"] for u in asked.facts.get("path", asked.case.unit, asked.context.day)]
    own = 1 if prior.of == "superior" else 0
    others = {s["unit"] for s in signed} - {line[own]}
    return bool(others) and not others & {*line[own + 1 :]}


def children(asked: Asked) -> list[dict[str, Any]]:
    """The reports of all direct children, each {unit, item, seq, head, stage, final}, in organisation order.

    Raises:
        GateClosed: names every child that has not reported, and every one whose report is still under way.
    """
    case = asked.case
    found: list[dict[str, Any]] = asked.facts.get(*_need(asked))
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
    others(asked)
    if not _gate(asked).children:
        return {}
    if not _counts(asked):
        return {"relies": relied(children(asked))}
    case, context = asked.case, asked.context
    found: list[dict[str, Any]] = asked.facts.get(*_need(asked))
    expected, came, missing, exempt, awaited = 0, [], [], [], []
    for child in found:
        line = partial(_line, asked, child["unit"])
        kept = line if context.rules >= 5 else None
        calendar = _calendar_of(asked, child["unit"])
        owed = obligations.owed(asked.definition, calendar, child["level"], case.campaign, kept)
        if owed is None:
            continue
        spec = asked.definition.flow.obligations[owed.rule]
        classed = bool(spec.excused) and obligations.excused(spec, owed.nominal, line(owed))
        if child.get("exempt") or classed:
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


def _path_needs(asked: Asked) -> list[Need]:
    """The units above, where classes of units may be exempt from reporting, or only those of some subtrees report."""
    specs = asked.definition.flow.obligations.values()
    kept = asked.context.rules >= 5 and any(spec.under for spec in specs)
    if not _counts(asked) or not (kept or any(spec.excused for spec in specs)):
        return []
    return [("path", asked.case.unit, asked.context.day)]


def _calendar_needs(asked: Asked) -> list[Need]:
    """The calendars of the direct children that have one of their own; the others count by that of the item's unit."""
    own, roll = asked.definition.flow.calendars, _need(asked)
    if not own or not _counts(asked) or roll not in asked.facts:
        return []
    return [
        ("calendar", name) for name in sorted({own[c["unit"]] for c in asked.facts.peek(*roll) if c["unit"] in own})
    ]


def _calendar_of(asked: Asked, unit: str) -> Calendar:
    name = asked.definition.flow.calendars.get(unit)
    return asked.context.calendar if name is None else asked.context.calendars[asked.facts.get("calendar", name)]


def _line(asked: Asked, unit: str, period: obligations.Period) -> list[str]:
    """A direct child and everything above it, today: the children counted are those of today."""
    (need_,) = _path_needs(asked)
    return [unit, *(u["unit"] for u in asked.facts.get(*need_))]


def unchanged(asked: Asked) -> None:
    """Before the first and the last signature: a report is over what the children signed last, or over a frozen roll.

    Raises:
        GateClosed: it was never drawn up over the children, or a child's report changed meanwhile.
    """
    case = asked.case
    others(asked)
    if not _gate(asked).children:
        return
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
