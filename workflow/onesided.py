"""Reports that look only upward or only downward: of a unit with others below it, about itself alone or about them alone.

A flag for people to look into, never a refusal: there may be nothing else to say. Source: S0 「不能虚晃一枪,更不能走极端,只浮在上面或只限于
下面」, R062.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workflow.clock import local_day
from workflow.desk import Desk
from workflow.obligations import in_force
from workflow.past import organisation_at
from workflow.sight import Sight, hidden_from
from workflow.store import items, queries


@dataclass(frozen=True)
class OneSided:
    """A report with findings of one side only. ``about``: ``itself`` alone, or only units ``below``; ``lines`` of them;
    ``level`` that of the unit that reports."""

    item: str
    unit: str
    about: Literal["itself", "below"]
    lines: int
    level: str


def one_sided(desk: Desk, sight: Sight, flow: str, campaign: str, at: int) -> list[OneSided]:
    """Every report of a campaign that is in and names units of one side only, in order of opening. Units with nobody below
    them are about themselves and stand in no such list; nor does a zero report, which names nobody."""
    hidden, org = hidden_from(desk, sight), organisation_at(desk, at)
    day = local_day(at, in_force(desk, flow, at).flow.timezone).isoformat()
    found: list[OneSided] = []
    for row in queries.items_at(desk.connection, flow, campaign, at):
        if not sight.sees(row["unit"]) or row["id"] in hidden or not org.children(row["unit"], day):
            continue
        case, definition = desk.case_of(row["id"])
        zero = definition.first.zero
        if zero is None or zero.list not in case.lists or not definition.stage(row["stage"]).final:
            continue
        fields = definition.flow.materials[zero.list].fields
        where = next((code for code, spec in fields.items() if spec.type == "unit"), "")
        named = [line["cells"].get(where) for line in items.lines(desk.connection, row["id"], zero.list)]
        own = sum(unit == row["unit"] for unit in named)
        if where and named and own in (0, len(named)):
            found.append(OneSided(row["id"], row["unit"], "itself" if own else "below", len(named), case.level))
    return found
