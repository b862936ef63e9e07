"""Invented papers that fit a definition: every field filled with something valid, or with a figure that was asked for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from workflow.definition.definition import Definition
from workflow.definition.model import FieldSpec, Material

INVENTED = "虚构 invented"


def paper(definition: Definition, name: str, figures: dict[str, Any], day: date, unit: str, person: str) -> Any:
    """One material's value. ``figures`` are those a rule decides on: of a list how many lines, of others single values."""
    material = definition.flow.materials[name]
    if material.kind == "list":
        fixed = {field: next(iter(values)) for field, values in figures.get("counts", {}).items()}
        least = max(int(figures.get("lines", 1)), 0)
        return [_filled(definition, material, fixed, day, unit, person) for _ in range(least)]
    filled = _filled(definition, material, figures, day, unit, person)
    if material.kind == "scorecard":
        filled["parts"] = {
            code: {"points": figures.get("points", {}).get(code, str(part.points))}
            | ({"method": part.methods[0]} if part.methods else {})
            | ({"evidence": INVENTED} if part.evidence else {})
            for code, part in material.parts.items()
        }
    return filled


def _filled(
    definition: Definition, material: Material, fixed: dict[str, Any], day: date, unit: str, person: str
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, spec in material.fields.items():
        value = fixed.get(field)
        out[field] = value if value is not None else _value(definition, spec, day, unit, person)
    return out


def _value(definition: Definition, spec: FieldSpec, day: date, unit: str, person: str) -> Any:
    if spec.type == "integer":
        return spec.min if spec.min is not None else min(1, spec.max if spec.max is not None else 1)
    if spec.type == "choice":
        return (spec.choices or tuple(definition.flow.categories))[0]
    plain: dict[str, Any] = {
        "text": INVENTED[: spec.max or None],
        "date": (day + timedelta(days=30)).isoformat(),
        "boolean": True,
        "decimal": "1.0",
        "unit": unit,
        "person": person,
        "digest": "sha256:" + "0" * 64,
    }
    return plain[spec.type]
