"""Lists that nobody types: compiled from a campaign's register, line by line as it stands when they are signed.

Source: S0 「集中整顿结束后,将工作情况报送国资委党委」, R097; 「不做重复工作,减轻基层负担」, R202.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import BadMaterial, Said
from workflow.rules.context import Asked, Need
from workflow.rules.materials import wanted

COLUMNS = {"category": "text", "stands-at": "text", "items": "integer"}


def compiled(definition: Definition, stage: Stage, case: Case) -> list[tuple[str, str]]:
    """The lists asked for here that are compiled, each with the flow whose register it is of."""
    if not _compiles(definition):
        return []
    known = definition.flow.materials
    return [(name, flow) for name in wanted(stage, case) if (flow := known[name].compiled) is not None]


@lru_cache(maxsize=256)
def _compiles(definition: Definition) -> bool:
    """Whether any list of a flow is compiled: most have none."""
    return any(m.compiled is not None for m in definition.flow.materials.values())


def _needs(case: Case, name: str, flow: str) -> tuple[Need, Need]:
    return ("register-of", flow, case.campaign), ("lines", case.item, name)


def needs(asked: Asked, stage: Stage) -> list[Need]:
    """The register, and the lines that were handed in for it."""
    return [
        need for name, flow in compiled(asked.definition, stage, asked.case) for need in _needs(asked.case, name, flow)
    ]


def as_registered(asked: Asked, stage: Stage) -> None:
    """Each compiled list says what the register says, in its order.

    Raises:
        BadMaterial: names the first line that does not.
    """
    case = asked.case
    for name, flow in compiled(asked.definition, stage, case):
        register, handed_in = (asked.facts.get(*need) for need in _needs(case, name, flow))
        fields = asked.definition.flow.materials[name].fields
        rows = cells(register, fields)
        given = [line["cells"] for line in handed_in]
        if given == rows:
            continue
        no = next((n for n, (a, b) in enumerate(zip(given, rows, strict=False)) if a != b), min(len(given), len(rows)))
        expected = rows[no] if no < len(rows) else "no further line"
        raise BadMaterial(
            path=f"$.{name}[{no + 1}]",
            expected=Said(f"{expected}: as the register of {flow} has it", f"{expected}:与 {flow} 名册一致"),
            actual=str(given[no] if no < len(given) else "none"),
            place=asked.definition.place("materials", name, "compiled"),
        )


def cells(register: list[dict[str, Any]], fields: Any) -> list[dict[str, Any]]:
    """The lines of a list with these fields: one for each category and stage, with how many items stand there."""
    return [{column: row[column] for column in COLUMNS if column in fields} for row in register]
