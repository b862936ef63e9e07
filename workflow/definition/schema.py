"""JSON Schema (draft-07) of a flow file, generated from the model, so that an editor completes and checks while one types.

It says what the loader says of the *shape* of a file: keys in both languages, nothing unknown, short forms, patterns.
What a shape cannot say (names that must exist, stages that must be reached) is the linter's. Hypothesis holds the two
against each other: what one refuses for its shape, the other refuses.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from itertools import combinations
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from workflow.definition import model as m
from workflow.definition.keys import CHINESE

Json = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"

_CODE: Json = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}
_SPAN: Json = {"type": "string", "pattern": "^[0-9]{1,4} (workday|day|hour|week|month|year)s?$"}
_TIME: Json = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
_COMPARISON: Json = {"type": "string", "pattern": "^(>=|>|<=|<) ?[0-9]{1,3}(%|/[0-9]{1,4})?$"}
_DATE: Json = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

# Validators of the model that read a value before its type does.
_READ: dict[Any, Json] = {
    m._code: _CODE,
    m._day: _DATE,
    m._share: {"type": "string", "pattern": r"^(>=|>) ?([0-9]{1,3}%|[0-9]{1,4}/(?!0$)[0-9]{1,4})$"},
    m._need: {
        "anyOf": [
            {"enum": ["all", "any"]},
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": r"^(>=|>) ?([0-9]{1,3}%|[0-9]{1,4}/(?!0$)[0-9]{1,4})$"},
        ]
    },
    m._time: _TIME,
    m._ties: {"anyOf": [{"enum": ["shared"]}, _CODE, {"type": "array", "items": _CODE}]},
    m._period: {
        "anyOf": [
            {"enum": list(m.PERIODS)},
            {"type": "string", "pattern": "^(?!0+ )[0-9]{1,4} (day|week|month|year)s?$"},
        ]
    },
}
_MANY = frozenset({"_one_or_many", "_one_or_many_models"})
# Classes that are always written as a text.
_TEXTS: dict[type[BaseModel], Json] = {m.Span: _SPAN, m.Threshold: _COMPARISON}
# Classes whose short form is a value of one of their fields.
_SHORT: dict[type[BaseModel], str] = {
    m.Node: "on",
    m.FieldSpec: "type",
    m.Chain: "steps",
    m.Before: "festival",
    m.Due: "within",
    m.Exit: "to",
}
_OWN = (m.Text, m.Who, m.NodeSet, m.Step)  # forms of their own, below
_STEP_EXTRAS = m.BESIDE_POST


def schema(root: type[BaseModel] = m.Flow) -> Json:
    """The schema as plain data."""
    making = _Making()
    start = making.of(root)
    return {
        "$schema": DRAFT,
        "$id": f"urn:signoff-workflow:{root.__name__.lower()}",
        "title": "流程定义 · flow definition",
        **start,
        "definitions": dict(sorted(making.made.items())),
    }


def unknown_forms() -> list[str]:
    """Classes and validators of the model that this module does not know how to say; empty when it is up to date."""
    found = []
    for name, cls in inspect.getmembers(m, inspect.isclass):
        if not issubclass(cls, BaseModel) or cls.__module__ != m.__name__:
            continue
        before = any(d.info.mode == "before" for d in cls.__pydantic_decorators__.model_validators.values())
        if before and cls not in (*_TEXTS, *_SHORT, *_OWN) and _one_field_form(cls) is None:
            found.append(name)
        for field in cls.model_fields.values():
            for part in field.metadata:
                if (
                    isinstance(part, BeforeValidator)
                    and part.func not in _READ
                    and not _many(part)
                    and _named(part) is None
                ):
                    found.append(f"{name}: {part.func}")
    return found


def _many(part: object) -> bool:
    return isinstance(part, BeforeValidator) and getattr(part.func, "__name__", "") in _MANY


def _named(part: BeforeValidator) -> Json | None:
    """A validator that publishes the pattern it reads by."""
    pattern = getattr(part.func, "pattern", None)
    return {"type": "string", "pattern": f"^(?:{pattern})$"} if isinstance(pattern, str) else None


def _one_field_form(cls: type[BaseModel]) -> str | None:
    """The field that a bare text stands for, where the class reads one so."""
    for name, field in cls.model_fields.items():
        try:
            read = cls.model_validate("x1")
        except ValueError:
            return None
        if getattr(read, name) == "x1":
            return field.alias or name
    return None


class _Making:
    """The definitions made so far, by class."""

    def __init__(self) -> None:
        self.made: dict[str, Json] = {}

    def of(self, annotation: Any, metadata: Iterable[Any] = ()) -> Json:
        """The schema of a type."""
        metadata = list(metadata)
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            return self.of(annotation, [*more, *metadata])
        if get_origin(annotation) in (Union, types.UnionType):
            inner = [a for a in get_args(annotation) if a is not type(None)]
            return (
                self.of(inner[0], metadata)
                if len(inner) == 1
                else self._read(metadata, {"anyOf": [self.of(a) for a in inner]})
            )
        many = any(_many(part) for part in metadata)
        made = self._read(metadata, self._plain(annotation))
        if many and made.get("type") == "array":
            return {"anyOf": [made, made["items"]]}
        return self._limited(made, metadata)

    def _limited(self, made: Json, metadata: Iterable[Any]) -> Json:
        for part in metadata:
            if isinstance(part, Ge):
                made = {**made, "minimum": part.ge}
            elif isinstance(part, Le):
                made = {**made, "maximum": part.le}
            elif isinstance(part, FieldInfo):
                made = self._limited(made, part.metadata)
        return made

    def _read(self, metadata: Iterable[Any], made: Json) -> Json:
        for part in metadata:
            if isinstance(part, BeforeValidator):
                known = _READ.get(part.func) or _named(part)
                if known is not None:
                    return known
        return made

    def _plain(self, annotation: Any) -> Json:
        origin = get_origin(annotation)
        if origin is Literal:
            return {"enum": list(get_args(annotation))}
        if origin is tuple:
            return {"type": "array", "items": self.of(get_args(annotation)[0])}
        if origin is dict:
            key, value = get_args(annotation)
            return {"type": "object", "propertyNames": self.of(key), "additionalProperties": self.of(value)}
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._ref(annotation)
        simple = {bool: "boolean", int: "integer", str: "string"}
        return {"type": simple[annotation]} if annotation in simple else {}

    def _ref(self, cls: type[BaseModel]) -> Json:
        if cls in _TEXTS:
            return _TEXTS[cls]
        name = cls.__name__
        if name not in self.made:
            self.made[name] = {}  # so that a class may hold itself
            self.made[name] = self._class(cls)
        return {"$ref": f"#/definitions/{name}"}

    def _class(self, cls: type[BaseModel]) -> Json:
        if cls is m.Text:
            whole = self._object(cls)
            whole.pop("allOf", None)
            return {
                "anyOf": [
                    {"type": "string"},
                    {**whole, "minProperties": 1, "allOf": [_not_both("zh"), _not_both("en")]},
                ]
            }
        if cls is m.Who:
            return {"anyOf": [_CODE, self._object(cls), _single(_CODE)]}
        if cls is m.NodeSet:
            return {"anyOf": [self._object(cls), self._listed_nodes()]}
        if cls is m.Step:
            return {"anyOf": [_CODE, *self._steps()]}
        short = _SHORT.get(cls) or _one_field_form(cls)
        if short is None:
            return self._object(cls)
        field = next(f for n, f in cls.model_fields.items() if (f.alias or n) == short)
        return {"anyOf": [self.of(field.annotation, field.metadata), self._object(cls)]}

    def _object(self, cls: type[BaseModel], without: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> Json:
        properties: Json = {}
        rules: list[Json] = []
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if key in without:
                continue
            made = self.of(field.annotation, field.metadata)
            properties |= _both(key, made)
            if key in CHINESE:
                rules.append(_not_both(key))
            if field.is_required() or key in needs:
                rules.append(_has(key))
        rules += _WHOLE.get(cls, [])
        doc = inspect.cleandoc(cls.__doc__ or "").split("\n")[0]
        return {
            "type": "object",
            "description": doc,
            "properties": properties,
            "additionalProperties": False,
            "allOf": rules,
        }

    def _listed_nodes(self) -> Json:
        return {
            "type": "object",
            "properties": {**_both("in-force", _DATE), "nodes": False, "节点表": False},
            "additionalProperties": self.of(m.Node),
            "propertyNames": {"anyOf": [_CODE, {"const": CHINESE["in-force"]}]},
            "allOf": [_has("in-force"), _not_both("in-force")],
        }

    def _steps(self) -> list[Json]:
        whole = self._object(m.Step)
        fields = whole["properties"]
        once = [_not_both(k) for k in (*(k for k in fields if k in CHINESE), "decision", "recorded-by", "seal")]
        no_group: list[Json] = [{"not": _has(k)} for k in ("post", "together", "in-turn", "need", "turnout")]
        decision = {
            **{k: v for k, v in fields.items() if k not in _names("body", "post")},
            **_both("decision", _CODE),
            **_both("recorded-by", _CODE),
        }
        seal = {**{k: v for k, v in fields.items() if k not in _names("post")}, **_both("seal", _CODE)}
        extras = {k: v for k, v in fields.items() if k in _names(*_STEP_EXTRAS)}
        for key in _STEP_EXTRAS:
            self.made[f"has-{key}"] = _has(key)
        taken = {n: False for n in (*fields, *_names("decision", "recorded-by", "seal")) if n not in extras}
        return [
            whole,
            _closed(decision, [*once, _has("decision"), _has("recorded-by"), *no_group, _EMPTY_VETO]),
            _closed(seal, [*once, _has("seal"), {"not": _has("decision")}, *no_group, _EMPTY_VETO]),
            {
                "type": "object",
                "properties": {**extras, **taken},
                "additionalProperties": _CODE,
                "propertyNames": {"anyOf": [_CODE, {"enum": [CHINESE[k] for k in _STEP_EXTRAS]}]},
                "allOf": [*map(_not_both, _STEP_EXTRAS), {"anyOf": _one_post()}],
            },
        ]


def _one_post() -> list[Json]:
    """Any of the keys that may stand beside the post, and one key more: draft-07 cannot count the rest."""
    ways = []
    for n in range(len(_STEP_EXTRAS) + 1):
        for given in combinations(_STEP_EXTRAS, n):
            others = [{"$ref": f"#/definitions/has-{k}"} for k in _STEP_EXTRAS if k not in given]
            way: Json = {"minProperties": n + 1, "maxProperties": n + 1}
            way |= {"allOf": [{"$ref": f"#/definitions/has-{k}"} for k in given]} if given else {}
            way |= {"not": {"anyOf": others}} if others else {}
            ways.append(way)
    return ways


def _names(*keys: str) -> tuple[str, ...]:
    return (*keys, *(CHINESE[k] for k in keys if k in CHINESE))


def _both(key: str, made: Json) -> Json:
    zh = CHINESE.get(key)
    return {key: made, zh: made} if zh else {key: made}


def _has(key: str) -> Json:
    zh = CHINESE.get(key)
    return {"anyOf": [{"required": [key]}, {"required": [zh]}]} if zh else {"required": [key]}


def _any(*keys: str) -> Json:
    return {"anyOf": [_has(key) for key in keys]}


def _none(*keys: str) -> Json:
    return {"not": _any(*keys)}


def _not_both(key: str) -> Json:
    return {"not": {"required": [key, CHINESE[key]]}}


def _closed(properties: Json, rules: list[Json]) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False, "allOf": rules}


def _single(value: Json) -> Json:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"allOf": [_CODE, {"not": {"enum": ["post", "of"]}}]},
        "additionalProperties": value,
    }


def _filled(key: str) -> Json:
    """A list that is there and not empty."""
    return {"anyOf": [{"required": [n], "properties": {n: {"minItems": 1}}} for n in _names(key)]}


def _is(key: str, value: str) -> Json:
    return {"anyOf": [{"required": [n], "properties": {n: {"const": value}}} for n in _names(key)]}


_EMPTY_VETO: Json = {"properties": {n: {"type": "array", "maxItems": 0} for n in _names("veto")}}
_ANCHORS = ("node", "within", "set-by", "field", "before")
_WHOLE: dict[type[BaseModel], list[Json]] = {
    m.Step: [
        {"oneOf": [_has("post"), _filled("together"), _filled("in-turn")]},
        {"anyOf": [_filled("together"), {"allOf": [{"not": _has("need")}, {"not": _has("turnout")}, _EMPTY_VETO]}]},
    ],
    m.Due: [
        {
            "oneOf": [
                *({"allOf": [_has(a), {"not": _has("event")}]} for a in _ANCHORS if a != "within"),
                {"allOf": [_has("within")]},
            ]
        },
        {
            "anyOf": [
                _none("after", "ahead"),
                {"allOf": [{"oneOf": [_has("after"), _has("ahead")]}, _any("node", "field", "set-by")]},
            ]
        },
    ],
    m.Source: [
        {
            "oneOf": [
                {"allOf": [_has("flow"), _has("times"), _none("material")]},
                {"allOf": [_has("material"), _none("flow", "times")]},
            ]
        },
        {"oneOf": [{"allOf": [_has("part"), _has("whole"), _none("field")]}, _none("part", "whole")]},
    ],
    m.Floor: [
        {
            "oneOf": [
                {"allOf": [_has("source"), _none("part", "whole")]},
                {"allOf": [_has("material"), _has("part"), _none("source")]},
            ]
        }
    ],
    m.Rung: [
        {"oneOf": [_has("before"), _has("after")]},
        {
            "oneOf": [
                {"allOf": [_has("item"), _is("do", "propose")]},
                {"allOf": [{"not": _has("item")}, _is("do", "remind")]},
            ]
        },
    ],
}
