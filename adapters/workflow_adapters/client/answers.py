"""What the API answers, as values: its objects typed, its problems the engine's own errors again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from workflow import errors
from workflow.errors import Conflict, Said, WorkflowError
from workflow.receipt import Receipt

TYPE = "urn:signoff:problem:"
T = TypeVar("T")


class Answered(WorkflowError):
    """An answer that no rule of the engine gave: the caller is not known, only reading is offered, the body does not fit.

    Attributes:
        status: of HTTP. problem: its code. detail: what was expected and what came.
    """

    code = "answered"
    en = "the server answered {status} ({problem}): {detail}"
    zh = "服务器答复 {status}({problem}):{detail}"


@dataclass(frozen=True)
class Me:
    """Who the server takes the caller for, and the posts they hold today as (unit, post)."""

    person: str
    operator: bool
    posts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Item:
    """An item as it is now. ``version`` counts its entries; ``content`` is what ``seen`` must equal."""

    item: str
    version: int
    flow: str
    definition: str
    campaign: str
    unit: str
    stage: str
    round: int
    klass: str
    category: str
    final: bool
    outcome: str
    materials: dict[str, str]
    content: str
    slots: tuple[dict[str, Any], ...]
    dues: dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What is to be read before acting: the content by name, what waits, and the digest that goes into the act."""

    digest: str
    contents: dict[str, Any]
    waiting: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class May:
    """Whether a verb is allowed to the caller, and why not, in both languages."""

    verb: str
    slot: str
    outcome: str
    allowed: bool
    why: str
    why_zh: str


@dataclass(frozen=True)
class Foreseen:
    """What an act would come to: where the item would stand and which effects it would have, or why it would be refused."""

    item: str
    allowed: bool
    stage: str = ""
    stage_after: str = ""
    final: bool = False
    effects: tuple[str, ...] = ()
    type: str = ""
    detail: str = ""
    detail_zh: str = ""


@dataclass(frozen=True)
class Stages:
    """What items add up to: ``stages`` by flow and stage, ``klasses`` by class."""

    unit: str
    items: int
    open: int
    closed: int
    units: int
    stages: tuple[dict[str, Any], ...]
    klasses: dict[str, int] = field(default_factory=dict)


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def read(kind: type[T], value: Any) -> T:
    """A value of a dataclass out of its plain form."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind)
    found: T = adapter.validate_python(value)
    return found


def item(told: Mapping[str, Any]) -> Item:
    return read(Item, {("klass" if k == "class" else k): v for k, v in told.items()})


def receipt(told: Mapping[str, Any]) -> Receipt:
    return Receipt(
        told["item"],
        told["seq"],
        bytes.fromhex(told["entry"]),
        told["at"],
        told["stage"],
        bytes.fromhex(told["seal"]),
        tuple(told["opened"]),
    )


def error(status: int, told: Any, item: str = "") -> WorkflowError:
    """A problem as the error that the engine raised over there, with its facts; else ``Answered``."""
    if not isinstance(told, Mapping):
        return Answered(status=status, problem="-", detail=str(told)[:200])
    code = str(told.get("type", "")).removeprefix(TYPE)
    if code == "changed":
        return Conflict(item=item, expected=told.get("expected", "-"), actual=told.get("actual", "-"))
    kind = _kinds().get(code)
    if kind is None:
        faults = "; ".join(f"{f.get('at', '-')}: {f.get('expected', '-')}" for f in told.get("faults", ()))
        detail = faults or told.get("detail") or told.get("title", "-")
        return Answered(status=status, problem=code or "-", detail=detail)
    zh = told.get("facts_zh", {})
    facts = {k: Said(v, zh[k]) if k in zh else v for k, v in told.get("facts", {}).items()}
    facts.pop("rule", None)
    return kind(**facts)


@cache
def _kinds() -> dict[str, type[WorkflowError]]:
    """Every error of the engine by its code."""
    every = (e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, WorkflowError))
    return {e.code: e for e in every}
