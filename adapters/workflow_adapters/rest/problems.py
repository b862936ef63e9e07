"""Refusals as ``application/problem+json`` (RFC 9457), with the rule's place, what was expected and what came."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from starlette.responses import JSONResponse

from workflow.errors import Conflict, DatabaseBusy, Refused, RequestReused, Said, Unknown, WorkflowError

TYPE = "urn:signoff:problem:"


def problem(status: int, code: str, title: str, **more: Any) -> JSONResponse:
    body = {"type": TYPE + code, "status": status, "title": title, **more}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def faults(error: ValidationError) -> list[dict[str, str]]:
    """What does not fit in a body, without the values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [{"at": ".".join(map(str, e["loc"])), "expected": e["msg"]} for e in found]


def refused(error: WorkflowError) -> JSONResponse:
    """An error of the engine. ``detail`` is English, ``detail_zh`` Chinese; ``place`` says where in the flow the rule is."""
    zh = {k: v.zh for k, v in error.facts.items() if isinstance(v, Said)}
    return problem(
        status_of(error),
        error.code,
        type(error).__name__,
        detail=error.text("en"),
        detail_zh=error.text("zh"),
        place=str(error.facts.get("place", "")),
        facts={k: _plain(v) for k, v in error.facts.items()},
        **({"facts_zh": zh} if zh else {}),
    )


def status_of(error: WorkflowError) -> int:
    if isinstance(error, Unknown):
        return 404
    if isinstance(error, RequestReused):
        return 422
    if isinstance(error, (Refused, Conflict)):
        return 409
    return 503 if isinstance(error, DatabaseBusy) else 400


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)
