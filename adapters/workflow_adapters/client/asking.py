"""The two clients: one waits, the other is awaited. Both say the same and read the same."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from workflow.acts import Actor, Open, Signature
from workflow.drafting import Draft
from workflow.errors import DatabaseBusy
from workflow.likeness import Alike, Repeated
from workflow.lists import Page
from workflow.obligations import Owed
from workflow.receipt import Receipt
from workflow.verbs import Verbs
from workflow.views import MissedRow, RegisterRow, SignatureRow
from workflow_adapters.client import answers
from workflow_adapters.client.answers import Foreseen, Item, May, Me, Shown, Stages
from workflow_adapters.client.calls import Call, acting, asking, foreseeing, signatures

P = ParamSpec("P")
R = TypeVar("R")
On = date | str
TRIES = 3  # of a request that may be sent again


def _read(call: Call, response: httpx2.Response) -> Any:
    """What an answer holds.

    Raises:
        WorkflowError: as the engine raised it over there; ``Answered`` for what is no rule's.
    """
    try:
        told = response.json() if response.status_code != 304 else None
    except ValueError:
        raise answers.error(response.status_code, response.text, call.item) from None
    if response.status_code >= 400:
        raise answers.error(response.status_code, told, call.item)
    return told


def _refuse_another(by: Actor | None, me: Me) -> None:
    """The server signs for whoever it knows the caller to be, never for whom an act names.

    Raises:
        ValueError: the act names another person.
    """
    if by is not None and by.person != me.person:
        raise ValueError(f"expected an act of {me.person or 'nobody'}, as whom the server knows us; got {by.person}")


class Client(Verbs):
    """The engine over HTTP. Every verb of ``Engine`` is here under its name, with its arguments, its receipt, its errors.

    A verb is sent with an idempotency key of its own and, when no answer comes, sent again with the same key: it is done
    once. ``by`` must be the person as whom the server knows the caller.

    Args:
        http: an ``httpx2.Client`` with the server's address as ``base_url`` and with whatever the host asks for to know
            the caller (a header, a cookie, ``auth``). It stays the caller's to close.
    """

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self._version: int | None = None
        self._me: list[Me] = []  # shared by the copies that ``expecting`` makes

    def expecting(self, version: int) -> Self:
        """A client whose verbs are refused with ``Conflict`` unless the item is still at this version."""
        other = copy.copy(self)
        other._version = version
        return other

    # --- reading --------------------------------------------------------------------------------------------------

    def me(self) -> Me:
        """As whom the server knows the caller, with the posts of today."""
        return answers.read(Me, self._ask(asking("/v1/me")))

    def items(self, *, after: str = "", limit: int = 50, **wanted: str) -> Page:
        """A page of the items that may be seen, those opened last first.

        Args:
            wanted: flow, campaign, stage, class_, category, claimed, verified, state (open, closed), under (a unit).
        """
        return _page(self._ask(_items(after, limit, wanted)))

    def every_item(self, **wanted: str) -> Iterator[Any]:
        """The rows of all pages, asked for as they are read."""
        after = ""
        while True:
            page = self.items(after=after, limit=500, **wanted)
            yield from page.rows
            after = page.after
            if not after:
                return

    def item(self, item: str, known: Item | None = None) -> Item:
        """An item as it is now; ``known`` is given back when nothing changed since."""
        told = self._ask(asking("/v1/items/{}", item, known=known.version if known else None))
        return known if told is None and known is not None else answers.item(told)

    def show(self, item: str) -> Shown:
        """What is to be read before acting."""
        return _shown(self._ask(asking("/v1/items/{}/show", item)))

    def signatures(self, item: str, *, on: On = "") -> list[SignatureRow]:
        """Every signature up to the end of a day, superseded ones marked."""
        told = self._ask(asking("/v1/items/{}/signatures", item, on=on))
        return [answers.read(SignatureRow, r) for r in told["signatures"]]

    def trace(self, item: str, *, on: On = "", whole: bool = False, contents: bool = False) -> dict[str, Any]:
        """Everyone who answers for an item, as ``trace.record()`` gives it: facts, not a verdict.

        Args:
            whole: every report that a report relies on, not only one line of units.
            contents: beside each signature ``saw``, the documents it covers as far as they are kept.
        """
        return dict(self._ask(_trace(item, on, whole, contents)))

    def trace_unit(self, flow: str, campaign: str, unit: str, *, on: On = "", contents: bool = False) -> dict[str, Any]:
        """Everyone who answers for what was reported, or not reported, about a unit."""
        return dict(self._ask(_trace_unit(flow, campaign, unit, on, contents)))

    def draft(self, item: str) -> list[Draft]:
        """What the item's papers can be filled with from the record; nothing is handed in."""
        return [answers.read(Draft, d) for d in self._ask(asking("/v1/items/{}/draft", item))["values"]]

    def alike(self, item: str) -> tuple[list[Alike], list[Repeated]]:
        """Texts of the item that are nearly those of others that may be seen, and those that are word for word."""
        return _alike(self._ask(asking("/v1/items/{}/alike", item)))

    def why(self, item: str) -> dict[str, list[str]]:
        """Every date of the item in sentences, in ``en`` and ``zh``."""
        return dict(self._ask(asking("/v1/items/{}/why", item)))

    def may(self, item: str, post: str, unit: str) -> list[May]:
        """What the caller may do as a post, and why not."""
        told = self._ask(asking("/v1/items/{}/may", item, post=post, unit=unit))
        return [answers.read(May, r) for r in told["verbs"]]

    def foresee(self, acts: Sequence[Signature | Open]) -> list[Foreseen]:
        """What each of some acts would come to, or why it would be refused, in their order. Nothing is written.

        Raises:
            ValueError: they are not all of the person as whom the server knows the caller.
        """
        call = foreseeing(acts)
        self._refuse(call.by)
        return [answers.read(Foreseen, one) for one in self._ask(call)["acts"]]

    def pending(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """What waits for the caller, as ``Engine.pending`` gives it."""
        return list(self._ask(asking("/v1/pending", limit=limit))["pending"])

    def tally(self, *, flow: str = "", campaign: str = "", under: str = "") -> Stages:
        """What the items that may be seen add up to."""
        return answers.read(Stages, self._ask(asking("/v1/tally", flow=flow, campaign=campaign, under=under)))

    def register(self, flow: str, campaign: str, *, on: On = "") -> Iterator[RegisterRow]:
        """The register of a campaign at the end of a day, asked for a page at a time as it is read."""
        yield from self._rows(RegisterRow, "/v1/register", flow=flow, campaign=campaign, on=on)

    def missed(self, *, on: On = "") -> list[MissedRow]:
        """Every node missed by the end of a day, the oldest first."""
        return list(self._rows(MissedRow, "/v1/missed", on=on))

    def owed(self, flow: str, rule: str, period: str, *, on: On = "", under: str = "") -> list[Owed]:
        """Who owes a report of a period, and what came of it."""
        return list(self._rows(Owed, "/v1/reports/{}/{}/{}", flow, rule, period, on=on, under=under))

    def _rows(self, kind: type[R], path: str, /, *parts: str, **query: Any) -> Iterator[R]:
        """The rows of all pages."""
        first, every = 0, 1
        while first < every:
            told = self._ask(asking(path, *parts, first=first, **query))
            yield from (answers.read(kind, r) for r in told["rows"])
            first, every = first + max(len(told["rows"]), 1), told["every"]

    # --- sending --------------------------------------------------------------------------------------------------

    def _do(self, name: str, args: tuple[Any, ...], more: Mapping[str, Any]) -> Receipt:
        call = acting(name, args, more, self._version)
        self._refuse(call.by)
        return answers.receipt(self._ask(call))

    def _refuse(self, by: Actor | None) -> None:
        if by is not None:
            if not self._me:
                self._me.append(self.me())
            _refuse_another(by, self._me[0])

    def _ask(self, call: Call) -> Any:
        for left in range(TRIES if call.again else 1, 0, -1):
            try:
                return _read(call, self.http.request(**_request(call)))
            except (httpx2.TransportError, DatabaseBusy):
                if left == 1:
                    raise
        raise AssertionError("one try at least")


class AsyncClient:
    """The same, awaited. A verb is named as the engine's own: ``await client.do(Verbs.sign, item, by, seen)``; its
    arguments are checked by the types of that verb."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self._version: int | None = None
        self._me: list[Me] = []

    def expecting(self, version: int) -> Self:
        """See ``Client.expecting``."""
        other = copy.copy(self)
        other._version = version
        return other

    async def do(self, verb: Callable[Concatenate[Verbs, P], Receipt], /, *args: P.args, **more: P.kwargs) -> Receipt:
        """Do a verb."""
        call = acting(verb.__name__, args, more, self._version)
        await self._refuse(call.by)
        return answers.receipt(await self._ask(call))

    async def foresee(self, acts: Sequence[Signature | Open]) -> list[Foreseen]:
        call = foreseeing(acts)
        await self._refuse(call.by)
        return [answers.read(Foreseen, one) for one in (await self._ask(call))["acts"]]

    async def _refuse(self, by: Actor | None) -> None:
        if by is not None:
            if not self._me:
                self._me.append(await self.me())
            _refuse_another(by, self._me[0])

    async def me(self) -> Me:
        return answers.read(Me, await self._ask(asking("/v1/me")))

    async def items(self, *, after: str = "", limit: int = 50, **wanted: str) -> Page:
        return _page(await self._ask(_items(after, limit, wanted)))

    async def every_item(self, **wanted: str) -> AsyncIterator[Any]:
        after = ""
        while True:
            page = await self.items(after=after, limit=500, **wanted)
            for row in page.rows:
                yield row
            after = page.after
            if not after:
                return

    async def item(self, item: str, known: Item | None = None) -> Item:
        told = await self._ask(asking("/v1/items/{}", item, known=known.version if known else None))
        return known if told is None and known is not None else answers.item(told)

    async def show(self, item: str) -> Shown:
        return _shown(await self._ask(asking("/v1/items/{}/show", item)))

    async def trace(self, item: str, *, on: On = "", whole: bool = False, contents: bool = False) -> dict[str, Any]:
        return dict(await self._ask(_trace(item, on, whole, contents)))

    async def trace_unit(
        self, flow: str, campaign: str, unit: str, *, on: On = "", contents: bool = False
    ) -> dict[str, Any]:
        return dict(await self._ask(_trace_unit(flow, campaign, unit, on, contents)))

    async def signatures(self, item: str, *, on: On = "") -> list[SignatureRow]:
        told = await self._ask(asking("/v1/items/{}/signatures", item, on=on))
        return [answers.read(SignatureRow, r) for r in told["signatures"]]

    async def draft(self, item: str) -> list[Draft]:
        return [answers.read(Draft, d) for d in (await self._ask(asking("/v1/items/{}/draft", item)))["values"]]

    async def alike(self, item: str) -> tuple[list[Alike], list[Repeated]]:
        return _alike(await self._ask(asking("/v1/items/{}/alike", item)))

    async def why(self, item: str) -> dict[str, list[str]]:
        return dict(await self._ask(asking("/v1/items/{}/why", item)))

    async def may(self, item: str, post: str, unit: str) -> list[May]:
        told = await self._ask(asking("/v1/items/{}/may", item, post=post, unit=unit))
        return [answers.read(May, m) for m in told["verbs"]]

    async def tally(self, *, flow: str = "", campaign: str = "", under: str = "") -> Stages:
        return answers.read(Stages, await self._ask(asking("/v1/tally", flow=flow, campaign=campaign, under=under)))

    def register(self, flow: str, campaign: str, *, on: On = "") -> AsyncIterator[RegisterRow]:
        return self._rows(RegisterRow, "/v1/register", flow=flow, campaign=campaign, on=on)

    async def missed(self, *, on: On = "") -> list[MissedRow]:
        return [row async for row in self._rows(MissedRow, "/v1/missed", on=on)]

    async def owed(self, flow: str, rule: str, period: str, *, on: On = "", under: str = "") -> list[Owed]:
        return [row async for row in self._rows(Owed, "/v1/reports/{}/{}/{}", flow, rule, period, on=on, under=under)]

    async def _rows(self, kind: type[R], path: str, /, *parts: str, **query: Any) -> AsyncIterator[R]:
        first, every = 0, 1
        while first < every:
            told = await self._ask(asking(path, *parts, first=first, **query))
            for row in told["rows"]:
                yield answers.read(kind, row)
            first, every = first + max(len(told["rows"]), 1), told["every"]

    async def pending(self, *, limit: int = 50) -> list[dict[str, Any]]:
        return list((await self._ask(asking("/v1/pending", limit=limit)))["pending"])

    async def _ask(self, call: Call) -> Any:
        for left in range(TRIES if call.again else 1, 0, -1):
            try:
                return _read(call, await self.http.request(**_request(call)))
            except (httpx2.TransportError, DatabaseBusy):
                if left == 1:
                    raise
        raise AssertionError("one try at least")


def _request(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        "headers": dict(call.headers),
        "content": call.body or None,
    }


def _items(after: str, limit: int, wanted: Mapping[str, Any]) -> Call:
    return asking("/v1/items", after=after, limit=limit, **wanted)


def _trace(item: str, on: On, whole: bool, contents: bool) -> Call:
    return asking("/v1/items/{}/trace", item, on=on, whole=_yes(whole), contents=_yes(contents))


def _trace_unit(flow: str, campaign: str, unit: str, on: On, contents: bool) -> Call:
    return asking("/v1/trace", flow=flow, campaign=campaign, unit=unit, on=on, contents=_yes(contents))


def _yes(said: bool) -> str:
    return "true" if said else ""


def _page(told: Mapping[str, Any]) -> Page:
    return answers.read(Page, {"rows": told["items"], "after": told["after"]})


def _alike(told: Mapping[str, Any]) -> tuple[list[Alike], list[Repeated]]:
    return [answers.read(Alike, a) for a in told["alike"]], [answers.read(Repeated, r) for r in told["same"]]


def _shown(told: Mapping[str, Any]) -> Shown:
    return Shown(told["seen"], told["contents"], tuple(told["waiting"]))


def _verb(name: str) -> Callable[..., Receipt]:
    def verb(self: Client, *args: Any, **more: Any) -> Receipt:
        return self._do(name, args, more)

    verb.__name__, verb.__doc__ = name, getattr(Verbs, name).__doc__
    return verb


for _name in signatures():
    setattr(Client, _name, _verb(_name))
