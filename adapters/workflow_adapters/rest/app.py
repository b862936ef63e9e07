"""The application: one path for each verb, a few for reading, and the guards around both."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workflow import Engine, access, lists
from workflow import why as explaining
from workflow.clock import local_day, start_of_day
from workflow.errors import NotUnderstood, Said, Unknown, WorkflowError, WrongMeaning
from workflow.receipt import Receipt
from workflow.seen import Seen
from workflow.sight import all_of
from workflow.store import items
from workflow.store.listing import Wanted
from workflow.trace import Statement, Trace
from workflow_adapters.rest import foreseeing
from workflow_adapters.rest.bodies import Verb, verbs
from workflow_adapters.rest.describing import described
from workflow_adapters.rest.problems import faults, problem, refused
from workflow_adapters.web.access import NUL, Identity, Resolver, holds_nul
from workflow_adapters.web.looks import Look, Looks
from workflow_adapters.web.sights import Sights

LARGEST = 8 * 1024 * 1024  # bytes of a body
NUL_AS_SENT = b"\\u0000"  # the only way in which JSON can hold it
NO_NUL = Said("text without NUL characters", "不含空字符(NUL)的文本")
AT_A_PLACE = frozenset({"sign", "decide", "accept"})  # whoever may do these is waited for, and so may see the item
Read = Callable[["Call", Seen], Any]


class Call:
    """One call: who makes it and what the path and query say."""

    def __init__(
        self, engine: Engine, request: Request, who: Identity, zone: str, sights: Sights, looks: Looks | None
    ) -> None:
        self.engine, self.request, self.who, self.zone, self.sights = engine, request, who, zone, sights
        self.looks = looks if who.person else None
        self.shown: Look | None = None

    @property
    def item(self) -> str:
        return str(self.request.path_params["item"])

    def asked(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    def opened(self, seen: Seen, kind: access.Kind = "look", item: str = "") -> None:
        """The answer shows what the item says, or traces it: where acts are taken, that is on record before it is given."""
        if self.looks is not None:
            self.shown = self.looks.at(seen, item or self.item, kind)

    def first(self) -> int:
        said = self.asked("first", "0")
        if not (said.isascii() and said.isdigit()) or len(said) > 9:
            raise NotUnderstood(expected="first: how many rows stand before the page", actual=said[:40])
        return int(said)

    def yes(self, name: str) -> bool:
        said = self.asked(name, "false")
        if said not in ("true", "false"):
            raise NotUnderstood(expected=f"{name}: true or false", actual=said[:40])
        return said == "true"

    def limit(self, usual: int = 50) -> int:
        said = self.asked("limit", str(usual))
        if not (said.isascii() and said.isdigit()) or not 1 <= int(said[:6]) <= lists.MOST:
            raise NotUnderstood(expected=f"limit from 1 to {lists.MOST}", actual=said[:40])
        return int(said)

    def at(self, now: int) -> int:
        """The moment asked for: the end of the day ``on``, or now."""
        said = self.asked("on")
        if not said:
            return now
        try:
            end = start_of_day(date.fromisoformat(said) + timedelta(days=1), self.zone) - 1
        except (ValueError, OverflowError):
            raise NotUnderstood(expected="a day: YYYY-MM-DD", actual=said[:40]) from None
        return min(end, now)

    @contextmanager
    def seen(self) -> Iterator[Seen]:
        """What is there, as the caller may see it; the only way here to anything that is read."""
        with self.engine.look() as desk:
            now = desk.looked_at = desk.now()
            if self.who.operator:
                sight = all_of(local_day(now, self.zone).isoformat())
            else:
                sight = self.sights.of(desk, self.who.person, now, self.zone)
            yield Seen(self.engine, desk, sight)


def rest(
    engine: Engine,
    who: Resolver,
    *,
    writes: bool = True,
    hosts: tuple[str, ...] = ("*",),
    zone: str = "Asia/Shanghai",
) -> Starlette:
    """The REST API as an ASGI application; mount it under any prefix.

    Args:
        who: says who is calling; None is answered with 401.
        writes: acts are taken. Otherwise only reading is.
        hosts: the names under which it may be called; a host that mounts it usually checks this itself.
        zone: in which the day of ``on`` ends.
    """

    sights, looks = Sights(), Looks() if writes else None

    async def told(request: Request, answer: Callable[[Call], Response]) -> Response:
        """Who calls and what is answered, in one visit to another thread: each costs as much as reading the body."""

        def both() -> Response:
            identity = who(request)
            if identity is None:
                return problem(401, "not-signed-in", "Nobody known is calling")
            try:
                if holds_nul(request):
                    raise NotUnderstood(expected=NO_NUL, actual="NUL")
                return answer(Call(engine, request, identity, zone, sights, looks))
            except WorkflowError as error:
                return refused(error)

        return await run_in_threadpool(both)

    def reading(read: Read) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await told(request, lambda call: _read(call, read))

        return endpoint

    def acting(verb: Verb) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not writes:
                return problem(403, "read-only", "Only reading is offered here")
            data = await _sent(request)
            if data is None:
                return problem(413, "too-large", f"At most {LARGEST} bytes")
            return await told(request, lambda call: _act(call, verb, data))

        return endpoint

    async def foresee(request: Request) -> Response:
        data = await _sent(request)
        if data is None:
            return problem(413, "too-large", f"At most {LARGEST} bytes")
        return await told(request, lambda call: _foresee(call, data))

    async def openapi(request: Request) -> Response:
        return JSONResponse(described(request.scope.get("root_path", "")))

    routes = [Route(path, reading(read), methods=["GET"], name=name) for path, name, read, _ in READS]
    for verb in verbs().values():
        path = "/v1/items" if verb.opens else f"/v1/items/{{item}}/{verb.name.replace('_', '-')}"
        routes.append(Route(path, acting(verb), methods=["POST"], name=verb.name))
    routes.append(Route("/v1/foresee", foresee, methods=["POST"], name="foresee"))
    routes.append(Route("/openapi.json", openapi, methods=["GET"], name="openapi"))
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        exception_handlers={404: _http, 405: _http},
    )


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    response = problem(status, "http", "There is no such path" if status == 404 else "Not in this way")
    response.headers.update(headers or {})
    return response


async def _sent(request: Request) -> bytes | None:
    """The body as it was sent; None where it is too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            return None
    return bytes(data)


# --- acting ----------------------------------------------------------------------------------------------------------


def _act(call: Call, verb: Verb, data: bytes) -> Response:
    if not _json_said(call.request):
        return _no_json()
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return problem(400, "not-json", "Expected a JSON object")
    if NUL_AS_SENT in data and _holds_nul(body):
        raise WrongMeaning(expected=NO_NUL, actual="NUL")
    try:
        given = verb.body.model_validate(body)
        arguments = verb.arguments(given, call.who.person)
    except ValidationError as error:
        return problem(422, "body", "The body does not fit", faults=faults(error))
    except ValueError as error:
        return problem(422, "body", "The body does not fit", detail=str(error))
    if not call.who.person:
        return problem(403, "read-only", "An operator looks and does not sign")
    wanted = _tags(call.request.headers.get("if-match", "*"))
    at_once = verb.name in AT_A_PLACE and "*" in wanted
    if not at_once:
        _refuse_unseen(call, verb, arguments)
    if verb.keyed:
        key = call.request.headers.get("idempotency-key", "")
        if len(key) > 100:
            return problem(422, "body", "Idempotency-Key: at most 100 characters")
        arguments["request_id"] = f"{call.who.person[:20]}:{key}" if key else None
    if not verb.opens:
        arguments["item"] = call.item
    try:
        if "*" in wanted or verb.opens:
            receipt: Receipt = getattr(call.engine, verb.name)(**arguments)
        else:
            receipt = _done_at(call, verb, arguments, wanted)
    except _Changed as changed:
        expected, actual = ", ".join(sorted(wanted)), f'"{changed.version}"'
        told = f"expected {expected}; got {actual}"
        return problem(412, "changed", "The item changed", detail=told, expected=expected, actual=actual)
    except WorkflowError:
        if at_once:
            _refuse_unseen(call, verb, arguments)  # for whom there is no such item, there is no refusal of it either
        raise
    headers = {"ETag": f'"{receipt.seq}"'} if receipt.item == call.request.path_params.get("item") else {}
    return JSONResponse(_receipt(receipt), status_code=201, headers=headers)


def _foresee(call: Call, data: bytes) -> Response:
    """A dry run of many acts: nothing is written, so it is offered where only reading is."""
    if not _json_said(call.request):
        return _no_json()
    try:
        given = foreseeing.Foresee.model_validate_json(data)
        if NUL_AS_SENT in data and _holds_nul(given.model_dump()):
            raise WrongMeaning(expected=NO_NUL, actual="NUL")
        with call.seen() as seen:
            return JSONResponse({"acts": foreseeing.foreseen(seen, given, call.who.person)})
    except ValidationError as error:
        return problem(422, "body", "The body does not fit", faults=faults(error))


def _json_said(request: Request) -> bool:
    """Whether a body says that it is JSON. Another site's page can have a browser post what it likes, with the cookies by
    which a host may know who calls, but only as a form or as plain text: as JSON the browser first asks whether it may."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return said == "application/json" or (said.startswith("application/") and said.endswith("+json"))


def _no_json() -> Response:
    return problem(415, "media-type", "Expected Content-Type: application/json")


def _holds_nul(value: Any) -> bool:
    """Whether a text with a NUL character is anywhere in a value, as a key too."""
    if isinstance(value, dict):
        return any(map(_holds_nul, (*value, *value.values())))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and NUL in value


class _Changed(Exception):
    """The item is at another version than the caller means."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def _done_at(call: Call, verb: Verb, arguments: dict[str, Any], wanted: frozenset[str]) -> Receipt:
    """An act on an item that is at this version, under its lock; a retry of what was done is answered as it was.

    Raises:
        _Changed: it is at another.
    """
    with call.engine.desk() as desk:
        version = items.lock(desk.connection, call.item).seq
        request = arguments.get("request_id")
        done = request is not None and items.request(desk.connection, request) is not None
        if not done and f'"{version}"' not in wanted:
            raise _Changed(version)
        receipt: Receipt = getattr(desk, verb.name)(**arguments)
        return receipt


def _refuse_unseen(call: Call, verb: Verb, arguments: dict[str, Any]) -> None:
    """Raises ``Unknown`` where the caller may not see what the act is about."""
    with call.seen() as seen:
        if not verb.opens:
            seen.refuse(call.item)
        elif not seen.sight.sees(arguments["unit"]):
            raise Unknown(kind="unit", name=arguments["unit"])


def _tags(said: str) -> frozenset[str]:
    """The versions that a header names: ``"3"``, ``"3", "4"`` or ``*``."""
    return frozenset(tag.strip().removeprefix("W/") for tag in said.split(","))


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "item": receipt.item,
        "seq": receipt.seq,
        "entry": receipt.entry.hex(),
        "at": receipt.at,
        "stage": receipt.stage,
        "opened": list(receipt.opened),
        "seal": receipt.seal.hex(),
    }


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(call: Call, read: Read) -> Response:
    with call.seen() as seen:
        found = read(call, seen)
    if call.looks is not None and call.shown is not None:
        call.looks.record(call.engine, call.shown)
    return found if isinstance(found, Response) else JSONResponse(found)


def _items(call: Call, seen: Seen) -> Any:
    wanted = Wanted(
        flow=call.asked("flow"),
        campaign=call.asked("campaign"),
        stage=call.asked("stage"),
        klass=call.asked("class"),
        category=call.asked("category"),
        claimed=call.asked("claimed"),
        verified=call.asked("verified"),
        final={"open": False, "closed": True}.get(call.asked("state")),
    )
    page = seen.items(wanted, under=call.asked("under"), after=call.asked("after"), limit=call.limit())
    return {"items": [asdict(r) for r in page.rows], "after": page.after}


def _item(call: Call, seen: Seen) -> Any:
    case, _ = seen.case_of(call.item)
    version = seen.version(call.item)
    body = {
        "item": case.item,
        "version": version,
        "flow": case.flow,
        "definition": case.definition,
        "campaign": case.campaign,
        "unit": case.unit,
        "stage": case.stage,
        "round": case.round,
        "class": case.klass,
        "category": case.category,
        "final": case.final,
        "outcome": case.outcome,
        "materials": case.materials,
        "content": case.content,
        "slots": [s.record() for s in case.slots],
        "dues": case.dues,
    }
    tag = f'"{version}"'
    if not _tags(call.request.headers.get("if-none-match", "")).isdisjoint((tag, "*")):
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(body, headers={"ETag": tag})


def _show(call: Call, seen: Seen) -> Any:
    shown = seen.show(call.item)
    call.opened(seen)
    return {"seen": shown.digest, "contents": shown.contents, "waiting": [s.record() for s in shown.waiting]}


def _signatures(call: Call, seen: Seen) -> Any:
    rows = seen.signatures(call.item, call.at(seen.now))
    call.opened(seen)
    return {"signatures": [asdict(r) for r in rows]}


def _trace(call: Call, seen: Seen) -> Any:
    entry = call.asked("seq")
    if entry and not (entry.isdigit() and len(entry) < 10):
        raise NotUnderstood(expected="seq: the number of an entry", actual=entry[:40])
    found = seen.trace(call.item, call.at(seen.now), seq=int(entry) if entry else None, whole=call.yes("whole"))
    told = _traced(call, seen, found)
    call.opened(seen, "trace")
    return told


def _trace_unit(call: Call, seen: Seen) -> Any:
    found = seen.trace_unit(call.asked("flow"), call.asked("campaign"), call.asked("unit"), call.at(seen.now))
    told = _traced(call, seen, found)
    if found.root.item:
        call.opened(seen, "trace", found.root.item)
    return told


def _traced(call: Call, seen: Seen, found: Trace) -> Any:
    record = found.record()
    if call.yes("contents"):
        _with_what_was_seen(seen, found.root, record["root"], found.at)
    return record


def _with_what_was_seen(seen: Seen, statement: Statement, record: dict[str, Any], at: int) -> None:
    """Beside each signature ``saw``: the documents it covers by name, of the items that the caller may see."""
    with suppress(Unknown):  # a mark stands there for what may not be seen
        saw = seen.saw(statement.item, at) if statement.signers else {}
        for plain in record["signers"]:
            plain["saw"] = saw[plain["seq"]]
    for below, plain in zip(statement.rests_on, record["rests_on"], strict=True):
        _with_what_was_seen(seen, below, plain, at)


def _draft(call: Call, seen: Seen) -> Any:
    return {"values": [asdict(d) for d in seen.draft(call.item)]}


def _alike(call: Call, seen: Seen) -> Any:
    return {"alike": [asdict(a) for a in seen.alike(call.item)], "same": [asdict(r) for r in seen.repeated(call.item)]}


def _why(call: Call, seen: Seen) -> Any:
    _, definition = seen.case_of(call.item)
    dues = seen.why(call.item)
    zone = definition.flow.timezone
    return {"en": list(explaining.lines(dues, zone, "en")), "zh": list(explaining.lines(dues, zone, "zh"))}


def _may(call: Call, seen: Seen) -> Any:
    return {
        "verbs": [
            {
                "verb": p.verb,
                "slot": p.slot,
                "outcome": p.outcome,
                "allowed": p.allowed,
                "why": p.refusal.text("en") if p.refusal else "",
                "why_zh": p.refusal.text("zh") if p.refusal else "",
            }
            for p in seen.may(call.item, call.asked("post"), call.asked("unit"))
        ]
    }


def _me(call: Call, seen: Seen) -> Any:
    return {"person": call.who.person, "operator": call.who.operator, "posts": [list(p) for p in seen.sight.posts]}


def _pending(call: Call, seen: Seen) -> Any:
    return {"pending": seen.pending(limit=call.limit())}


def _tally(call: Call, seen: Seen) -> Any:
    told = seen.tally(Wanted(flow=call.asked("flow"), campaign=call.asked("campaign")), call.asked("under"))
    stages = [{"flow": f, "stage": s, "items": n} for (f, s), n in sorted(told.stages.items())]
    return asdict(told) | {"stages": stages}


def _register(call: Call, seen: Seen) -> Any:
    shelf = seen.shelf(call.asked("flow"), call.asked("campaign"), call.at(seen.now))
    rows = seen.page(shelf, call.first(), call.limit(lists.MOST))
    return {"rows": [asdict(r) for r in rows], "first": call.first(), "every": shelf.every}


def _missed(call: Call, seen: Seen) -> Any:
    first = call.first()
    rows, every = seen.missed_page(call.at(seen.now), first, call.limit(lists.MOST))
    return {"rows": [asdict(r) for r in rows], "first": first, "every": every}


def _reports(call: Call, seen: Seen) -> Any:
    path = call.request.path_params
    return _paged(call, seen.owed(path["flow"], path["rule"], path["period"], call.at(seen.now), call.asked("under")))


def _paged(call: Call, rows: Sequence[Any]) -> Any:
    """A page of many rows, and how many there are."""
    first = call.first()
    some = rows[first : first + call.limit(lists.MOST)]
    return {"rows": [asdict(r) for r in some], "first": first, "every": len(rows)}


READS: tuple[tuple[str, str, Read, str], ...] = (
    ("/v1/items", "items", _items, "Items that may be seen, those opened last first; `after` leads to the next page."),
    ("/v1/items/{item}", "item", _item, "One item as it is now; its version is the ETag."),
    (
        "/v1/items/{item}/show",
        "show",
        _show,
        "What is to be read before acting; `seen` goes into the act. That the caller looked is put on record.",
    ),
    ("/v1/items/{item}/signatures", "signatures", _signatures, "Every signature, superseded ones marked."),
    (
        "/v1/items/{item}/trace",
        "trace",
        _trace,
        "Who signed what they saw (`contents` adds it, where it is kept), who owed and did not: facts, not a verdict.",
    ),
    (
        "/v1/trace",
        "trace_unit",
        _trace_unit,
        "Who answers for what was reported, or not reported, about a unit in a flow and campaign.",
    ),
    (
        "/v1/items/{item}/draft",
        "draft",
        _draft,
        "What the item's papers can be filled with from the record, each value with the items it is from; nothing is "
        "handed in.",
    ),
    (
        "/v1/items/{item}/alike",
        "alike",
        _alike,
        "Texts that should be the item's own and are nearly, or word for word, those of others that may be seen.",
    ),
    ("/v1/items/{item}/why", "why", _why, "Every date of the item, day by day."),
    ("/v1/items/{item}/may", "may", _may, "What the caller may do as `post` of `unit`, and why not."),
    ("/v1/me", "me", _me, "Who the caller is known as, and the posts they hold today as (unit, post)."),
    ("/v1/pending", "pending", _pending, "What waits for the caller."),
    ("/v1/tally", "tally", _tally, "What the items that may be seen add up to, under one unit."),
    (
        "/v1/register",
        "register",
        _register,
        "A page of the register of a flow and campaign at the end of a day; `every` counts all rows.",
    ),
    (
        "/v1/missed",
        "missed",
        _missed,
        "A page of the nodes missed by the end of a day, the oldest first; `every` counts all.",
    ),
    (
        "/v1/reports/{flow}/{rule}/{period}",
        "reports",
        _reports,
        "A page of those who owe a report of a period, each with its state; `every` counts all.",
    ),
)
