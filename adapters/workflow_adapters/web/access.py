"""Who is at the other end, and whether a form was really sent from one of our pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "wf_seat"
FIELD = "token"


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as the host found out.

    Attributes:
        person: the person's id in the organisation; empty for an operator.
        operator: at the machine itself: sees everything and can do nothing.
    """

    person: str = ""
    operator: bool = False


Resolver = Callable[[Request], Identity | None]
"""The host's answer to "who is this?"; None: nobody it knows, and nothing is shown."""


NUL = "\x00"  # a character that no text holds, and that PostgreSQL takes in none


def holds_nul(request: Request) -> bool:
    """Whether an address holds a NUL character, in its path or its query."""
    said = (*request.path_params.values(), *(part for pair in request.query_params.multi_items() for part in pair))
    return any(NUL in str(one) for one in said)


class Seats:
    """Ties each form to the browser and the person it was made for.

    The cookie is random and carries our mark, so that a cookie somebody else put there is thrown away; the token in a
    form is a mark over cookie and person. Another browser's, another person's and an invented token are all refused.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, request: Request) -> tuple[str, bool]:
        """The seat of a browser, and whether it is new and must be set."""
        value, dot, mark = request.cookies.get(COOKIE, "").rpartition(".")
        if dot and hmac.compare_digest(mark.encode(), self._mark("seat", value).encode()):
            return value, False
        return secrets.token_urlsafe(24), True

    def set(self, response: Response, seat: str, request: Request) -> None:
        response.set_cookie(
            COOKIE,
            f"{seat}.{self._mark('seat', seat)}",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path=request.scope.get("root_path") or "/",
        )

    def token(self, seat: str, who: Identity) -> str:
        return self._mark("form", f"{seat}\x00{who.person}")

    def holds(self, seat: str, who: Identity, token: str) -> bool:
        """Whether a form's token is the one made for this browser and person."""
        return hmac.compare_digest(token.encode(), self.token(seat, who).encode())

    def _mark(self, what: str, value: str) -> str:
        return hmac.new(self._secret, f"{what}\x00{value}".encode(), hashlib.sha256).hexdigest()
