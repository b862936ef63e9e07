"""The application: routes, guards, and how a refusal becomes a page."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from workflow import Engine
from workflow.errors import Conflict, DatabaseBusy, Refused, RequestReused, Unknown, WorkflowError
from workflow_adapters.web.access import FIELD, NUL, Identity, Resolver, Seats, holds_nul
from workflow_adapters.web.kept import Kept
from workflow_adapters.web.looks import Looks
from workflow_adapters.web.sights import Sights
from workflow_adapters.web.visit import LANGUAGE, Visit

HERE = Path(__file__).parent
LOCAL = ("localhost", "127.0.0.1", "[::1]", "testserver")
LARGEST = 64 * 1024 * 1024  # bytes of an upload: a bundle of a campaign
LARGEST_FORM = 2 * 1024 * 1024
AT_ONCE = 2  # pages that one process makes at a time
T = TypeVar("T")

GUARDS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Page = Callable[[Visit], Response]


class Console:
    """What lives as long as the application."""

    def __init__(
        self, engine: Engine, who: Resolver, *, writes: bool, zone: str, secret: bytes | None, logout: str
    ) -> None:
        from workflow_adapters.web.pages.files import endings

        self.engine = engine
        self.who = who
        self.writes = writes
        self.zone = zone
        self.logout = logout
        self.seats = Seats(secret or secrets.token_bytes(32))
        self.sights = Sights()
        self.kept = Kept()
        self.looks = Looks()
        self.paths: dict[str, str] = {}
        self.layouts: dict[str, dict[str, list[str]]] = {}  # of definitions, which never change
        self._turns: RunVar[CapacityLimiter] = RunVar("pages at once")  # of each event loop
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.globals["endings"] = endings()

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Make a page in a thread, ``AT_ONCE`` of them at a time: more of them would only take the interpreter from each
        other at every statement, and all be answered late."""
        try:
            turns = self._turns.get()
        except LookupError:
            turns = CapacityLimiter(AT_ONCE)
            self._turns.set(turns)
        return await to_thread.run_sync(work, limiter=turns)


def console(
    engine: Engine,
    who: Resolver,
    *,
    writes: bool = False,
    hosts: Sequence[str] = LOCAL,
    zone: str = "Asia/Shanghai",
    secret: bytes | None = None,
    logout: str = "",
) -> Starlette:
    """The pages as an ASGI application; mount it anywhere, start it explicitly.

    Args:
        who: says who is at the other end; the pages themselves have no passwords.
        writes: people may sign, hand in and send back here. Otherwise every page only shows.
        hosts: the names under which it may be called; others are refused.
        zone: the zone in which moments are shown.
        secret: at least 32 bytes, the same on every node, where there are several behind one address.
        logout: where the host ends a login; every page of somebody who is signed in has a link there.

    Raises:
        ValueError: the secret is shorter.
    """
    if secret is not None and len(secret) < 32:
        raise ValueError(f"expected a secret of at least 32 bytes; got {len(secret)}")
    from workflow_adapters.web.pages import PAGES, UNNAMED

    home = Console(engine, who, writes=writes, zone=zone, secret=secret, logout=logout)
    home.paths = {name: path for path, _, name, _ in PAGES} | {"static": "/static/{path}"}
    routes = [
        Route(path, (_unnamed if name in UNNAMED else _endpoint)(home, page, name), methods=list(methods), name=name)
        for path, page, name, methods in PAGES
    ]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=HERE / "static"), name="static")],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts])],
        exception_handlers={404: _lost(home), 405: _lost(home)},
    )
    app.state.console = home
    return app


def _endpoint(home: Console, page: Page, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if holds_nul(request):
            return _no_text(Visit(home, request, Identity(), ""))
        seat, new = home.seats.of(request)
        if request.method == "POST":
            response, refused = await _posted(home, request, seat, page, name)
        else:
            response, refused = await home.in_turn(lambda: _looked_at(home, request, seat, page))
        if refused:
            return _guarded(response)
        if new:
            home.seats.set(response, seat, request)
        lang = request.query_params.get("lang")
        if lang in ("zh", "en"):
            path = request.scope.get("root_path") or "/"
            response.set_cookie(LANGUAGE, lang, samesite="lax", httponly=True, path=path)
        return _guarded(response)

    return endpoint


def _looked_at(home: Console, request: Request, seat: str, page: Page) -> tuple[Response, bool]:
    """What somebody is shown, and whether they were turned away: nobody knows them."""
    visit = _visit(home, request, home.who(request), seat)
    return (_answered(visit, page), False) if isinstance(visit, Visit) else (visit, True)


async def _posted(home: Console, request: Request, seat: str, page: Page, name: str) -> tuple[Response, bool]:
    """The same for a form, which may be refused as well. It may hold a large upload, and waits for no turn."""
    visit = _visit(home, request, await run_in_threadpool(home.who, request), seat)
    if not isinstance(visit, Visit):
        return visit, True
    refused = await _read_form(visit, seat, name)
    if refused is not None:
        return refused, True
    return await run_in_threadpool(_answered, visit, page), False


def _visit(home: Console, request: Request, who: Identity | None, seat: str) -> Visit | Response:
    """A visit, or what somebody is told whom nobody knows."""
    visit = Visit(home, request, who or Identity(), home.seats.token(seat, who or Identity()))
    return visit if who is not None else _told(visit, 401, "请先登录。", "Sign in first.")


def _unnamed(home: Console, page: Page, _name: str) -> Callable[[Request], Awaitable[Response]]:
    """A page that must not know who is there. Its forms carry no token: what they need is a secret in itself."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(home, request, Identity(), "")
        if holds_nul(request):
            return _no_text(visit)
        if request.method == "POST":
            refused = await _read_fields(visit, LARGEST_FORM)
            if refused is not None:
                return _guarded(refused)
        return _guarded(await run_in_threadpool(_answered, visit, page))

    return endpoint


async def _read_form(visit: Visit, seat: str, name: str) -> Response | None:
    """Read a posted form, unless it is too large or was not made for this browser and person."""
    refused = await _read_fields(visit, LARGEST if name == "checked" else LARGEST_FORM)
    if refused is not None:
        return refused
    texts = dict(visit.form)
    if not visit.console.seats.holds(seat, visit.who, texts.pop(FIELD, "")):
        return _told(
            visit,
            403,
            "此表单不是为您当前的登录生成的,未作任何处理。请返回原页面,刷新后重试。",
            "This form was not made for you in this browser; nothing was done. Go back, reload the page and try again.",
        )
    visit.form = texts
    return None


async def _read_fields(visit: Visit, most: int) -> Response | None:
    """Read a posted form, unless it is too large."""
    length = visit.request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 19) or int(length) > most:
        return _told(visit, 413, f"提交内容过大:最多 {most >> 20} MB。", f"That is too large: at most {most >> 20} MB.")
    async with visit.request.form(max_files=3, max_fields=1000, max_part_size=most) as form:
        texts: dict[str, str] = {}
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                visit.files = {**visit.files, key: await value.read()}
            else:
                texts[key] = value
    if any(NUL in part for pair in texts.items() for part in pair):
        return _no_text(visit)
    visit.form = texts
    return None


def _no_text(visit: Visit) -> Response:
    """What somebody is told who sends what no keyboard writes."""
    said = visit.say("地址或表单中含有空字符(NUL),未作任何处理。", "There is a NUL character in it; nothing was done.")
    return _guarded(_told(visit, 400, said, said))


def _answered(visit: Visit, page: Page) -> Response:
    try:
        response = page(visit)
        if visit.shown is not None:
            visit.console.looks.record(visit.console.engine, visit.shown)
        return response
    except Unknown as error:
        return _told(visit, 404, error.text("zh"), error.text("en"))
    except (Refused, Conflict, RequestReused) as error:
        return _told(visit, 409, error.text("zh"), error.text("en"))
    except DatabaseBusy as error:
        return _told(visit, 503, error.text("zh"), error.text("en"))
    except WorkflowError as error:
        return _told(visit, 400, error.text("zh"), error.text("en"))


def _told(visit: Visit, status: int, zh: str, en: str) -> Response:
    return visit.page("told.html", status=status, told=visit.say(zh, en), code=status)


def _guarded(response: Response) -> Response:
    for name, value in GUARDS.items():
        response.headers.setdefault(name, value)
    return response


def _lost(home: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def lost(request: Request, error: Exception) -> Response:
        visit = Visit(home, request, Identity(), "")
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _guarded(_told(visit, status, "没有这个页面。", "There is no such page."))

    return lost
