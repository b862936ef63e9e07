"""The description in OpenAPI 3.1, made of the same verbs and paths that are served."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from workflow_adapters.rest.bodies import As, Named, verbs
from workflow_adapters.rest.foreseeing import Foresee

QUERIES = {
    "items": (
        "flow",
        "campaign",
        "stage",
        "class",
        "category",
        "claimed",
        "verified",
        "state",
        "under",
        "after",
        "limit",
    ),
    "signatures": ("on",),
    "trace": ("on", "seq", "whole", "contents"),
    "trace_unit": ("flow", "campaign", "unit", "on", "contents"),
    "may": ("post", "unit"),
    "pending": ("limit",),
    "tally": ("flow", "campaign", "under"),
    "register": ("flow", "campaign", "on", "first", "limit"),
    "missed": ("on", "first", "limit"),
    "reports": ("on", "under", "first", "limit"),
}
TEXT = r"^[^\u0000]*$"  # PostgreSQL takes a NUL character in no text
PROBLEM = {
    "type": "object",
    "required": ["type", "status", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "detail_zh": {"type": "string"},
        "place": {"type": "string", "description": "where in the definition the rule stands"},
        "facts": {"type": "object", "description": "what the error is made of, so that a client can raise it again"},
        "facts_zh": {"type": "object", "description": "those of the facts that have Chinese words of their own"},
        "faults": {"type": "array", "items": {"type": "object"}},
    },
}
RECEIPT = {
    "type": "object",
    "required": ["item", "seq", "entry", "at", "stage", "opened", "seal"],
    "properties": {
        "item": {"type": "string"},
        "seq": {"type": "integer"},
        "entry": {"type": "string", "description": "the entry's hash, hex"},
        "at": {"type": "integer", "description": "microseconds UTC"},
        "stage": {"type": "string"},
        "opened": {"type": "array", "items": {"type": "string"}},
        "seal": {"type": "string"},
    },
}

FORESEEN = {
    "type": "object",
    "required": ["acts"],
    "properties": {
        "acts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["item", "allowed"],
                "properties": {
                    "item": {"type": "string"},
                    "allowed": {"type": "boolean"},
                    "stage": {"type": "string", "description": "where it is; empty where it would be opened"},
                    "stage_after": {"type": "string"},
                    "final": {"type": "boolean"},
                    "effects": {"type": "array", "items": {"type": "string"}},
                    "type": {"type": "string", "description": "of the refusal"},
                    "detail": {"type": "string"},
                    "detail_zh": {"type": "string"},
                },
            },
        }
    },
}


def described(prefix: str) -> dict[str, Any]:
    """The whole description; ``prefix`` is where the host mounted us."""
    from workflow_adapters.rest.app import READS

    paths: dict[str, Any] = {}
    for path, name, _, says in READS:
        parameters = [_in_path(p) for p in _names(path)] + [_in_query(q) for q in QUERIES.get(name, ())]
        paths.setdefault(path, {})["get"] = {
            "operationId": f"get_{name}",
            "summary": says,
            "parameters": parameters,
            "responses": {"200": {"description": "found", "content": _json({"type": "object"})}, **_problems(name)},
        }
    for verb in verbs().values():
        path = "/v1/items" if verb.opens else f"/v1/items/{{item}}/{verb.name.replace('_', '-')}"
        schema = verb.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        headers = [_header("Idempotency-Key")] if verb.keyed else []
        if not verb.opens:
            headers.append(_header("If-Match"))
        paths.setdefault(path, {})["post"] = {
            "operationId": verb.name,
            "summary": verb.says,
            "parameters": [_in_path(p) for p in _names(path)] + headers,
            "requestBody": {"required": True, "content": _json(schema)},
            "responses": {
                "201": {"description": "done", "content": _json({"$ref": "#/components/schemas/Receipt"})},
                **_problems("act"),
            },
        }
    foresee = Foresee.model_json_schema(ref_template="#/components/schemas/{model}")
    wanted = foresee.pop("$defs")
    paths["/v1/foresee"] = {
        "post": {
            "operationId": "foresee",
            "summary": "A dry run of many acts: what each would come to, or why it would be refused. Nothing is written.",
            "requestBody": {"required": True, "content": _json(foresee)},
            "responses": {"200": {"description": "foreseen", "content": _json(FORESEEN)}, **_problems("foresee")},
        }
    }
    schemas = {
        **wanted,
        "Receipt": RECEIPT,
        "Problem": PROBLEM,
        "As": As.model_json_schema(),
        "Named": Named.model_json_schema(),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sign-off chains", "version": version("signoff-workflow")},
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _names(path: str) -> list[str]:
    return [p[1:-1] for p in path.split("/") if p.startswith("{")]


def _in_path(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": TEXT}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "pattern": TEXT}
    if name == "after":
        schema["pattern"] = r"^[0-9]{1,18}\.[^\u0000]+$"  # the mark at the end of a page
    elif name == "limit":
        schema = {"type": "integer", "minimum": 1, "maximum": 500}
    elif name == "first":
        schema = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    elif name == "seq":
        schema = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
    elif name in ("whole", "contents"):
        schema = {"type": "boolean"}
    elif name == "on":
        schema = {"type": "string", "format": "date"}
    elif name == "state":
        schema = {"type": "string", "enum": ["open", "closed"]}
    return {"name": name, "in": "query", "schema": schema}


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string", "maxLength": 100}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _problems(name: str) -> dict[str, Any]:
    codes = {"400": "not understood", "401": "nobody known", "404": "not there, or not to be seen", "503": "busy"}
    if name == "act":
        codes |= {"403": "only reading", "409": "a rule refused", "412": "changed", "413": "too large", "422": "unfit"}
        codes |= {"415": "not said to be JSON"}
    if name == "foresee":
        codes |= {"409": "a text that is none", "413": "too large", "415": "not said to be JSON", "422": "unfit"}
    if name == "item":
        codes |= {"304": "unchanged"}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {c: {"description": d, **({} if c == "304" else {"content": content})} for c, d in codes.items()}
