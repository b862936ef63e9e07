"""A verb and its arguments as a request, read from the verbs themselves, so that a new one can be called at once."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from workflow.acts import Actor, Open, Signature
from workflow.receipt import Receipt
from workflow.verbs import Verbs

CALLERS = {"sign_in_ink": "registrar"}  # whose act it is, where that is not ``by``


@dataclass(frozen=True)
class Call:
    """A request to be sent. ``again``: sending it twice does it once, so that it may be sent again when no answer came."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes
    again: bool
    item: str = ""
    by: Actor | None = None


def asking(path: str, /, *parts: str, known: int | None = None, **query: Any) -> Call:
    """A request that only reads. ``parts`` fill the path; what is empty is left out of the query; ``known`` is the
    version that need not be sent again."""
    said = {k.rstrip("_"): str(v) for k, v in query.items() if v not in ("", None)}
    headers = {} if known is None else {"If-None-Match": f'"{known}"'}
    return Call("GET", path.format(*(quote(p, safe="") for p in parts)), said, headers, b"", True)


def acting(name: str, args: tuple[Any, ...], more: Mapping[str, Any], expecting: int | None) -> Call:
    """A request that does a verb, with a key of its own unless ``request_id`` gives one.

    Raises:
        TypeError: the verb does not take these arguments.
    """
    signature = signatures()[name]
    bound = signature.bind(None, *args, **more).arguments
    del bound["self"]
    given = {k: v for k, v in bound.items() if k != _extra(signature)} | bound.get(_extra(signature), {})
    keyed = "request_id" in signature.parameters or bool(_extra(signature))
    headers = {"Content-Type": "application/json"}
    key = given.pop("request_id", None)
    if keyed:
        headers["Idempotency-Key"] = str(key or uuid4())
    item = "" if name == "open" else str(given.pop("item"))
    if expecting is not None and item:
        headers["If-Match"] = f'"{expecting}"'
    caller = CALLERS.get(name, "by")
    by: Actor | None = given.get(caller)
    body = {("as" if k == caller else k): _plain(v, caller=k == caller) for k, v in given.items() if v is not None}
    path = "/v1/items" if name == "open" else f"/v1/items/{quote(item, safe='')}/{name.replace('_', '-')}"
    return Call("POST", path, {}, headers, json.dumps(body, ensure_ascii=False).encode(), keyed, item, by)


FORESEEN = {  # which acts may be asked about before they are done, and as what
    "open": "open",
    "sign": "sign",
    "decide": "decide",
    "accept": "accept",
    "return": "send_back",
    "close-out": "close_out",
    "look-back": "look_back",
}


def foreseeing(acts: Sequence[Signature | Open]) -> Call:
    """A request that asks what some acts would come to. They must be of one person, the caller.

    Raises:
        ValueError: an act is of a kind that cannot be asked about, or they are of several persons.
    """
    persons = {act.by for act in acts if act.by is not None}
    if len({by.person for by in persons}) > 1:
        raise ValueError("expected acts of one person, the caller")
    body = json.dumps({"acts": [_foreseen(act) for act in acts]}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    return Call("POST", "/v1/foresee", {}, headers, body, True, by=next(iter(persons), None))


def _foreseen(act: Signature | Open) -> dict[str, Any]:
    if act.kind not in FORESEEN:
        raise ValueError(f"expected an act out of {', '.join(FORESEEN)}; got {act.kind}")
    said = {f.name.rstrip("_"): getattr(act, f.name) for f in fields(act)}
    by = said.pop("by")
    more = {} if by is None else {"as": _plain(by, caller=True)}
    return {"verb": FORESEEN[act.kind], **more, **{k: v for k, v in said.items() if v not in ("", {}, None, False)}}


@cache
def signatures() -> dict[str, inspect.Signature]:
    """Every verb that makes an entry, with what it takes."""
    return {
        name: inspect.signature(method)
        for name, method in vars(Verbs).items()
        if not name.startswith("_") and name != "act" and _makes(method)
    }


def _makes(method: Callable[..., Any]) -> bool:
    return getattr(method, "__annotations__", {}).get("return") in ("Receipt", Receipt)


def _extra(signature: inspect.Signature) -> str:
    """The name under which a verb takes whatever else there is, or nothing."""
    kinds = signature.parameters.values()
    return next((p.name for p in kinds if p.kind is inspect.Parameter.VAR_KEYWORD), "")


def _plain(value: Any, *, caller: bool = False) -> Any:
    if isinstance(value, Actor):
        held = {"post": value.post, "unit": value.unit}
        return held if caller else {"person": value.person, **held}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, type) and issubclass(value, Signature):
        return value.__name__.lower()
    return dict(value) if isinstance(value, Mapping) else value
