"""What a form can be filled with from what is on record already, so that nobody types a fact twice. Read only.

Nothing is handed in: whoever prepares the papers takes it over, or not, and answers for what is signed. Each value says which
item it is from. Source: S0 「不做重复工作,减轻基层负担」, R202; 「纳入党组织书记抓党建述职评议考核重要内容」, R176; R097.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflow import views
from workflow.desk import Desk
from workflow.lists import MOST, items
from workflow.rules import compiling
from workflow.rules.materials import wanted
from workflow.sight import Sight, hidden_from
from workflow.store import items as store
from workflow.store.listing import Wanted


@dataclass(frozen=True)
class Draft:
    """One value that a material could have.

    Attributes:
        material, field: where it belongs; ``field`` is empty for the lines of a list.
        value: as it would be handed in.
        of: the items it rests on; of a compiled list none: it is the whole register's.
    """

    material: str
    field: str
    value: Any
    of: tuple[str, ...]


def draft(desk: Desk, sight: Sight, item: str) -> list[Draft]:
    """Everything the papers asked for at an item's stage could be filled with; fields of a material by their codes.

    A field is what a material of the same name last said of the same unit, in whichever flow; personal and delicate fields are
    left out. A list that is compared holds what is known of the unit; a compiled one what the register says.
    """
    case, definition = desk.case_of(item)
    stage = definition.stage(case.stage)
    held = _held(desk, sight, item, case.unit)
    out: list[Draft] = []
    for name in wanted(stage, case):
        spec = definition.flow.materials[name]
        if spec.compiled is not None:
            rows = compiling.cells(store.register_of(desk.connection, spec.compiled, case.campaign), spec.fields)
            out.append(Draft(name, "", rows, ()))
        elif stage.compare is not None and stage.compare.list == name:
            out += _known(desk, sight, item)
        elif spec.kind == "document":
            for code, field in spec.fields.items():
                said = held.get((name, code))
                if said is not None and not field.personal and field.delicate is None:
                    out.append(Draft(name, code, said[1], (said[0],)))
    return out


def _held(desk: Desk, sight: Sight, item: str, unit: str) -> dict[tuple[str, str], tuple[str, Any]]:
    """(material, field) -> the newest item about the unit that says it, and what it says."""
    found: dict[tuple[str, str], tuple[str, Any]] = {}
    for row in items(desk, sight, Wanted(units=(unit,)), limit=MOST).rows:  # opened last first
        if row.item == item:
            continue
        _, definition = desk.case_of(row.item)
        for name, value in views.contents(desk, row.item).items():
            fields = definition.flow.materials[name].fields
            for code, one in value.items() if isinstance(value, dict) else ():
                spec = fields.get(code)
                if (
                    spec is not None and not spec.personal and spec.delicate is None
                ):  # nor are they there, where they are from
                    found.setdefault((name, code), (row.item, one))
    return found


def _known(desk: Desk, sight: Sight, item: str) -> Iterator[Draft]:
    """The lines of a list that is set beside what is known: one for each item of the unit that may be seen."""
    case, definition = desk.case_of(item)
    spec = definition.stage(case.stage).compare
    assert spec is not None
    fields, hidden = definition.flow.materials[spec.list].fields, hidden_from(desk, sight)
    lines: list[dict[str, Any]] = []
    of: list[str] = []
    for flow in spec.with_:
        for row in store.known_of(desk.connection, flow, case.unit, item, "", spec.severity or ""):
            if row["item"] in hidden:
                continue
            said = {spec.unit_by: case.unit, spec.field: row["category"], "item": row["item"]}
            if spec.severity is not None and "severity" in row:
                said[spec.severity] = row["severity"]
            lines.append({code: one for code, one in said.items() if code in fields})
            of.append(row["item"])
    if lines:
        yield Draft(spec.list, "", lines, tuple(of))
