"""Opening items: by a person, behind a signed report's line, or as a proposal of a ladder."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from workflow.acts import Open
from workflow.case import Case, Effect
from workflow.definition.definition import Definition
from workflow.errors import BadMaterial
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.rules import authority, dues, obligations
from workflow.rules.chain import Path
from workflow.rules.context import Asked, Context, Decision, Need
from workflow.rules.moving import enter
from workflow.rules.stages import destination


def item_id(*parts: str) -> str:
    """A stable id for an item that another one opens: the same cause never opens two."""
    return "i" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]


def needs(asked: Asked, act: Open) -> list[Need]:
    """The line above the unit; and, where a person opens, that person's authority."""
    wanted: list[Need] = [("path", act.unit, asked.context.day)]
    if asked.definition.flow.obligations and asked.context.rules >= 5 and wanted[0] in asked.facts:
        wanted += _lines(asked, act)
    return wanted if act.by is None else [*wanted, authority.own_need(asked)]


def _lines(asked: Asked, act: Open) -> list[Need]:
    """The unit's line on the day of each period that an obligation kept to some subtrees might mean."""
    context = asked.context
    level = asked.facts.peek("path", act.unit, context.day)[0]["level"]
    found = obligations.candidates(asked.definition, context.calendar, level, act.campaign)
    return [_line(act, p) for p in found if asked.definition.flow.obligations[p.rule].under]


def _line(act: Open, period: obligations.Period) -> Need:
    return ("path", act.unit, period.day.isoformat())


def open_item(asked: Asked, act: Open) -> Decision:
    """The first entry of an item: what it is about, which definition and nodes bind it, where it enters.

    Raises:
        NotHolder: a person opens as a post they do not hold. NoSuchExit: ``enter`` is no exit of the first stage.
        BadMaterial: the category is none of the flow's; a date that a due rests on is none; the flow owes reports for
            periods, and the unit owes none for this one, or under another id.
    """
    context = asked.context
    definition = context.definition
    held = authority.authority(asked) if act.by is not None else None
    if context.rules >= 5 and not act.cites:
        _fits(definition, act)
    if context.rules >= 6:
        dues.given_with(context, act.fields_)
    path: Path = asked.facts.get("path", act.unit, context.day)
    stage = definition.first
    if act.enter:
        stage = destination(definition, stage, act.enter, {})
    opened: dict[str, Any] = {
        "e": "opened",
        "item": act.item,
        "flow": definition.name,
        "definition": definition.digest,
        "unit": act.unit,
        "level": path[0]["level"],
    }
    if context.rules > 1:
        opened["form"] = 2
    for name, value in (
        ("campaign", act.campaign),
        ("category", act.category),
        ("nodes", dues.binding_nodes(definition, context.today)),
        ("fields_", act.fields_),
        ("cites", act.cites),
    ):
        if value:
            opened[name] = value
    effects: list[Effect] = [opened]
    begun = asked.case.fold(effects, context.seq, context.at)
    effects += enter(context, begun, stage, path)
    if definition.flow.obligations:

        def line(period: obligations.Period) -> list[str]:
            return [u["unit"] for u in asked.facts.get(*_line(act, period))]

        level, by_engine, under = path[0]["level"], act.by is None, line if context.rules >= 5 else None
        effects.append(obligations.opened(context, act.item, act.unit, level, act.campaign, by_engine, under))
    return Decision(effects, held)


def _fits(definition: Definition, act: Open) -> None:
    """Nothing else is put into a campaign's basket. Source: S0 「什么工作都往里面装」, R207.

    Raises:
        BadMaterial: the category is none of the flow's.
    """
    known = (*definition.flow.categories, *definition.flow.watch_class)
    if act.category and definition.flow.categories and act.category not in known:
        raise BadMaterial(
            path="$.category", expected=", ".join(known), actual=act.category, place=definition.place("categories")
        )


def of_lines(
    context: Context, case: Case, lines: list[dict[str, Any]], opens: Any, *, again: bool = False
) -> list[Effect]:
    """One item for each line of a signed list, citing the line.

    Args:
        again: the item goes on afterwards and may come here once more: a line that opened an item does so once, one that
            says something else now opens another.
    """
    again = again and context.rules >= 5
    before = case.behind.get(opens.list, []) if again else []
    opened, left = {b["item"] for b in before}, Counter(b["is"] for b in before)
    effects: list[Effect] = []
    for line in lines:
        cells = line["cells"]
        item, said = item_id(case.item, opens.list, str(line["no"])), ""
        if again:
            said = digest(canonical.encode(cells))
            if left[said]:
                left[said] -= 1
                continue
            if item in opened:
                item = item_id(case.item, opens.list, str(line["no"]), str(case.stays))
        effect: Effect = {
            "e": "item-opened",
            "item": item,
            "flow": opens.flow,
            "unit": cells[opens.unit_by],
            "enter": cells[opens.exit_by],
            "line": line["no"],
        }
        if again:
            effect |= {"list": opens.list, "is": said}
        if cells.get("category"):
            effect["category"] = cells["category"]
        rest = {k: v for k, v in cells.items() if k not in (opens.unit_by, opens.exit_by, "category")}
        if rest:
            effect["fields_"] = rest
        effects.append(effect)
    return effects
