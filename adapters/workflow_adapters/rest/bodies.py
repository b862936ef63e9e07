"""What each verb takes, read from the verbs themselves, so that a new one is here at once and never says otherwise."""

from __future__ import annotations

import base64
import binascii
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from workflow.acts import Accept, Actor, CloseOut, LookBack, Return, Sign
from workflow.verbs import Verbs

PLUMBING = frozenset({"self", "item", "by", "request_id"})
CALLS = {"sign_in_ink": "registrar"}  # whose act it is where that is not ``by``: who registers paper is who is calling
SIGNATURES = {a.__name__.lower(): a for a in (Sign, Accept, CloseOut, LookBack, Return)}
BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
INK = ("opinion", "outcome", "reason")  # of what was signed on paper, beside the act itself


class Body(BaseModel):
    """Nothing unknown is taken: a misspelt reason is told, not lost."""

    model_config = ConfigDict(extra="forbid", strict=True)


class As(Body):
    """In which capacity somebody acts; the person is whoever the host says is calling."""

    post: str = Field(min_length=1, max_length=64)
    unit: str = Field(min_length=1, max_length=64)


class Named(As):
    """Somebody else who is named in an act."""

    person: str = Field(min_length=1, max_length=64)


@dataclass(frozen=True)
class Verb:
    """One verb: its name, what it takes, whether nobody may do it (an objection from outside), and whether an
    idempotency key makes a retry of it harmless."""

    name: str
    says: str
    body: type[Body]
    hints: Mapping[str, Any]
    anonymous: bool
    opens: bool
    keyed: bool

    def arguments(self, given: Body, person: str) -> dict[str, Any]:
        """The arguments of a call.

        Raises:
            ValueError: a document is not base64.
        """
        out: dict[str, Any] = {}
        for name in self.body.model_fields:
            value = getattr(given, name)
            if name == "as_":
                caller = CALLS.get(self.name, "by")
                out[caller] = None if value is None else Actor(person, value.post, value.unit)
            elif name == "verb":
                out[name] = SIGNATURES[value]
            elif isinstance(value, Named):
                out[name] = Actor(value.person, value.post, value.unit)
            elif self.hints.get(name) is bytes:
                try:
                    out[name] = base64.b64decode(value, validate=True)
                except binascii.Error as error:
                    raise ValueError(f"{name}: expected base64; got {value[:40]!r}") from error
            else:
                out[name] = value
        return out


@cache
def verbs() -> dict[str, Verb]:
    """Every verb that makes an entry, by name."""
    found = {}
    for name, method in vars(Verbs).items():
        if name.startswith("_") or name == "act" or not callable(method):
            continue
        if method.__annotations__.get("return") == "Receipt":
            found[name] = _verb(name, method)
    return found


def _verb(name: str, method: Any) -> Verb:
    hints = get_type_hints(method)
    fields: dict[str, Any] = {}
    anonymous = hints["by"] == Actor | None
    fields["as_"] = (As | None, Field(None, alias="as")) if anonymous else (As, Field(alias="as"))
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            fields |= {n: (str, Field("", max_length=100_000)) for n in INK if n not in fields}
        elif parameter.name == "verb":
            fields["verb"] = (Literal[tuple(SIGNATURES)], "sign")
        elif parameter.name == CALLS.get(name):
            fields["by"] = (Named, Field(description="who signed on paper"))
        elif parameter.name not in PLUMBING or (name == "open" and parameter.name == "item"):
            fields[parameter.name] = _field(hints[parameter.name], parameter.default)
    says = inspect.getdoc(method) or ""
    body = create_model(f"{name.title().replace('_', '')}Body", __base__=Body, **fields)
    kinds = [p.kind for p in inspect.signature(method).parameters.values()]
    keyed = "request_id" in hints or inspect.Parameter.VAR_KEYWORD in kinds  # what is handed on takes one as well
    return Verb(name, says.split("\n\n")[0].replace("\n", " "), body, hints, anonymous, name == "open", keyed)


def _field(hint: Any, default: Any) -> Any:
    required = default is inspect.Parameter.empty
    kind: Any = hint
    if hint is Actor:
        kind = Named
    elif hint is bytes:
        return (str, Field(description="base64", pattern=BASE64, max_length=6_000_000))
    elif hint == date | str:
        said: dict[str, Any] = {"description": "a day: YYYY-MM-DD", "pattern": r"^(\d{4}-\d{2}-\d{2})?$"}
        return (str, Field(**said)) if required else (str, Field("", **said))
    elif "Mapping" in str(hint):
        kind = dict[str, Any] | None if "None" in str(hint) else dict[str, Any]
    limit: dict[str, Any] = {"max_length": 100_000} if kind is str else {}
    return (kind, Field(**limit)) if required else (kind, Field(default, **limit))
