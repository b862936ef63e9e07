"""Typed documents and lists: what a value must be, and the few figures of it that rules decide on."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from fractions import Fraction
from typing import Any

from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.definition.model import FieldSpec, Material, Stage
from workflow.errors import BadMaterial, LimitReached, Said, Unknown
from workflow.evidence.digest import digest

LINES = 10_000
TEXT = 20_000
COMMITMENT = re.compile(r"personal:[0-9a-f]{64}")
"""What stands in a document for a personal value (``workflow.personal``)."""
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_OF_LISTS = frozenset({"lines", "closed", "links"})
MASKED = "**"
"""What stands for a number that is not told: unknown, never zero (R031)."""
_HOLLOW = {"无", "略", "同上", "n/a", "na", "none", "todo", "tbd", "xxx", "...", "……", "待定", "待补充"}


def wanted(stage: Stage, case: Case) -> list[str]:
    """The materials that a stage asks for of an item as it stands: of everyone, of its category, of the levels that sign."""
    out = [*stage.materials, *stage.materials_for.get(case.category, ())]
    if stage.materials_at:
        levels = dict.fromkeys(s.level for s in case.slots)
        out += [name for level in levels for name in stage.materials_at.get(level, ())]
    return list(dict.fromkeys(out))


def check(definition: Definition, name: str, value: Any) -> dict[str, Any]:
    """Check a document, list or tally against its fields and give the figures rules need.

    Args:
        value: a document as a map of fields; a list as a list of such maps, first line is line 1.

    Returns:
        For lists ``{"lines": n, "counts": {field: {choice: n}}}``; for other materials every whole number and choice.
        Dates that a due of the flow rests on are among them, of a list the latest: ``{"latest": {field: date}}``.

    Raises:
        BadMaterial: names the path ($.measures[3].due), what was expected and what came.
    """
    material = definition.flow.materials.get(name)
    if material is None:
        raise Unknown(
            kind="material", name=name, hint=f"; {definition.name} knows {', '.join(definition.flow.materials)}"
        )
    place = definition.place("materials", name)
    if material.kind == "list":
        return _list(definition, material, name, value, place)
    if not isinstance(value, dict):
        raise BadMaterial(path=f"$.{name}", expected="a map of fields", actual=_shown(value), place=place)
    points: dict[str, Any] = {}
    if material.kind == "scorecard":
        points = {"points": _points(material, f"$.{name}", value.get("parts"), place)}
        value = {k: v for k, v in value.items() if k != "parts"}
    _fields(definition, material, f"$.{name}", value, place)
    told = {k for k, f in material.fields.items() if f.type in ("integer", "choice", "boolean") and not f.personal}
    told |= _dated(definition, material)
    if "words" in told:  # by a version published before the loader refused it
        raise BadMaterial(
            path=f"$.{name}.words",
            expected=Said(
                "a version of the flow that gives this field another name: words are texts that must be an item's own",
                "流程须先发布新版本为此字段改名:words 专指须自行撰写的文字",
            ),
            actual=material.fields["words"].type,
            place=place,
        )
    return {k: v for k, v in value.items() if k in told and v is not None} | points | _words(material, [value])


def _points(material: Material, path: str, given: Any, place: str) -> dict[str, str]:
    """The points of every part of a scorecard, as written; each judged in a way that is allowed, with its evidence."""
    if not isinstance(given, dict):
        raise BadMaterial(
            path=f"{path}.parts", expected="a map of parts to their points", actual=_shown(given), place=place
        )
    for code in given:
        if code not in material.parts:
            expected = f"one of {', '.join(material.parts)}"
            raise BadMaterial(path=f"{path}.parts.{code}", expected=expected, actual=code, place=place)
    for code, part in material.parts.items():
        here, one = f"{path}.parts.{code}", given.get(code)
        if not isinstance(one, dict):
            wanted = f"points of {part.points} as text, a method and evidence"
            raise BadMaterial(path=here, expected=wanted, actual=_shown(one), place=place)
        if more := sorted(one.keys() - {"points", "method", "evidence"}):
            raise BadMaterial(
                path=f"{here}.{more[0]}", expected="points, method, evidence", actual=more[0], place=place
            )
        points = one.get("points")
        if not (isinstance(points, str) and _DECIMAL.fullmatch(points) and 0 <= Fraction(points) <= part.points):
            wanted = f"points from 0 to {part.points} as text, such as 8.5"
            raise BadMaterial(path=f"{here}.points", expected=wanted, actual=_shown(points), place=place)
        method = one.get("method")
        if (part.methods or method is not None) and method not in part.methods:
            wanted = f"one of {', '.join(part.methods)}" if part.methods else "no method"
            raise BadMaterial(path=f"{here}.method", expected=wanted, actual=_shown(method), place=place)
        shown = one.get("evidence")
        hollow = not isinstance(shown, str) or not shown.strip() or shown.strip().lower() in _HOLLOW
        if (part.evidence or shown is not None) and hollow:
            wanted = "what the points rest on, as a text or digest"
            raise BadMaterial(path=f"{here}.evidence", expected=wanted, actual=_shown(shown), place=place)
    return {code: given[code]["points"] for code in material.parts}


def lists_only(definition: Definition, figures: dict[str, dict[str, Any]]) -> None:
    """Only a list has lines: figures that say so of anything else would make one of it, with lines nobody handed in.

    Raises:
        BadMaterial: names the material.
    """
    for name, given in figures.items():
        material = definition.flow.materials.get(name)
        told = _OF_LISTS & given.keys()
        if told and (material is None or material.kind != "list"):
            raise BadMaterial(
                path=f"$.figures.{name}",
                expected="the figures of a document: its whole numbers and choices",
                actual=f"those of a list ({', '.join(sorted(told))})",
                place=definition.place("materials", name),
            )


def _dated(definition: Definition, material: Material) -> set[str]:
    """The dates of a material that dues of the flow rest on, and those of a visit."""
    named = {s.due.field for s in definition.flow.stages if s.due is not None}
    if (burden := definition.flow.burden) is not None and definition.flow.materials.get(
        burden.material or ""
    ) is material:
        named |= {burden.from_, burden.until}
    return {k for k, f in material.fields.items() if f.type == "date" and k in named}


def _list(definition: Definition, material: Material, name: str, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, list):
        raise BadMaterial(path=f"$.{name}", expected="a list of lines", actual=_shown(value), place=place)
    if len(value) > LINES:
        raise LimitReached(expected=f"{LINES} lines", actual=f"{len(value)} lines", place=place)
    if material.at_least is not None and len(value) < material.at_least:
        raise BadMaterial(
            path=f"$.{name}", expected=f"at least {material.at_least} line(s)", actual=len(value), place=place
        )
    if material.at_most is not None and len(value) > material.at_most:
        raise BadMaterial(
            path=f"$.{name}", expected=f"at most {material.at_most} line(s)", actual=len(value), place=place
        )
    counts: dict[str, dict[str, int]] = {}
    latest: dict[str, str] = {}
    dated = _dated(definition, material)
    for i, line in enumerate(value, start=1):
        if not isinstance(line, dict):
            raise BadMaterial(path=f"$.{name}[{i}]", expected="a map of fields", actual=_shown(line), place=place)
        _fields(definition, material, f"$.{name}[{i}]", line, place)
        for field, spec in material.fields.items():
            if spec.type == "choice" and line.get(field) and not spec.personal:
                of = counts.setdefault(field, {})
                of[line[field]] = of.get(line[field], 0) + 1
            if field in dated and line.get(field):
                latest[field] = max(latest.get(field, ""), line[field])
    figures: dict[str, Any] = {"lines": len(value)}
    if counts:
        figures["counts"] = counts
    if latest:
        figures["latest"] = latest
    links = {k: [line.get(k) or 0 for line in value] for k, spec in material.fields.items() if spec.line_of}
    if links:
        figures["links"] = links
    return figures | _words(material, value)


def _words(material: Material, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """For fields that want words of their own, a digest of each line's: letters and figures only, whatever stands
    between them. The same digest twice is the same text twice. Source: S4 「要逐支部说明原因」, R108."""
    wanted = [k for k, spec in material.fields.items() if spec.own_words and not spec.personal]
    if not wanted:
        return {}
    return {"words": {k: [words_of(str(line.get(k) or "")) for line in lines] for k in wanted}}


def words_of(text: str) -> str:
    """The first 16 hex digits of a digest over a text's letters and figures, in one width and case; empty for none."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    return digest(plain.encode()).removeprefix("sha256:")[:16] if plain else ""


def _fields(definition: Definition, material: Material, path: str, value: dict[str, Any], place: str) -> None:
    for field in value:
        if field not in material.fields:
            raise BadMaterial(
                path=f"{path}.{field}", expected=f"one of {', '.join(material.fields)}", actual=field, place=place
            )
    for field, spec in material.fields.items():
        got = value.get(field)
        if got is None or got == "":
            if spec.required:
                raise BadMaterial(
                    path=f"{path}.{field}", expected=_wanted(definition, spec), actual="nothing", place=place
                )
            continue
        if not _fits(definition, spec, got):
            raise BadMaterial(
                path=f"{path}.{field}", expected=_wanted(definition, spec), actual=_shown(got), place=place
            )


def _choices(definition: Definition, spec: FieldSpec) -> tuple[str, ...]:
    return tuple(definition.flow.categories) if spec.choices_from else spec.choices or ()


def _fits(definition: Definition, spec: FieldSpec, got: Any) -> bool:
    if spec.personal and isinstance(got, str) and COMMITMENT.fullmatch(got):
        return True  # that it stands for something is looked at where it is handed in
    if spec.type == "integer":
        if spec.masked and got == MASKED:
            return True
        ok = isinstance(got, int) and not isinstance(got, bool)
        return ok and (spec.min is None or got >= spec.min) and (spec.max is None or got <= spec.max)
    if spec.type == "boolean":
        return isinstance(got, bool)
    if not isinstance(got, str):
        return False
    if spec.type == "text":
        hollow = spec.required and got.strip().lower() in _HOLLOW
        return bool(got.strip()) and not hollow and len(got) <= (spec.max or TEXT)
    if spec.type == "choice":
        return got in _choices(definition, spec)
    if spec.type == "date":
        return is_day(got)
    if spec.type == "decimal":
        return bool(_DECIMAL.fullmatch(got))
    if spec.type == "digest":
        return bool(re.fullmatch(r"(sha256|sm3):[0-9a-f]{64}", got))
    return 0 < len(got) <= 64


def is_day(text: str) -> bool:
    """Whether a text is a date in the one form taken, YYYY-MM-DD: such texts compare as their days do."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _wanted(definition: Definition, spec: FieldSpec) -> str:
    if spec.type == "choice":
        return "one of " + ", ".join(_choices(definition, spec))
    if spec.type == "integer":
        low = "any" if spec.min is None else str(spec.min)
        high = "any" if spec.max is None else str(spec.max)
        return f"a whole number from {low} to {high}" + (f", or {MASKED} where it is unknown" if spec.masked else "")
    if spec.type == "text":
        return f"a text of 1 to {spec.max or TEXT} characters that says something"
    return {
        "date": "a date such as 2019-10-31",
        "boolean": "true or false",
        "decimal": "a decimal number as text, such as 85.50",
        "digest": "a digest such as sha256:<64 hex digits>",
        "unit": "the id of a unit",
        "person": "the id of a person",
    }[spec.type]


def _shown(value: Any) -> str:
    """A value for a sentence: its type and the beginning of it."""
    text = repr(value)
    return (
        f"{text[:60]}… ({type(value).__name__}, {len(text)} characters)"
        if len(text) > 60
        else f"{text} ({type(value).__name__})"
    )
