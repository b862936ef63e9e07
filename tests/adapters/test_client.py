"""The client against the real application: the same verbs, receipts and errors as on the engine, and each done once."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.contract.world import SHEET, World
from workflow import Actor
from workflow.acts import Open, Return, Sign
from workflow.errors import Conflict, DatabaseBusy, OutOfTurn, RequestReused, Stale, Unknown, WorkflowError
from workflow.verbs import Verbs
from workflow_adapters.client import Answered, AsyncClient, Client
from workflow_adapters.client import answers as reading
from workflow_adapters.client.calls import acting, signatures
from workflow_adapters.rest import rest
from workflow_adapters.rest.app import READS
from workflow_adapters.rest.bodies import verbs
from workflow_adapters.rest.problems import refused
from workflow_adapters.web import Identity

ITEM = "m-1"
HANDLER = Actor("o1-handler", "handler", "o1")


def app(world: World, person: str, **more: Any) -> Any:
    return rest(world.engine, lambda _: Identity(person, operator=not person), **more)


def client(world: World, person: str, **more: Any) -> Client:
    return Client(TestClient(app(world, person, **more)))


def test_every_verb_of_the_engine_can_be_called_with_its_own_arguments() -> None:
    assert set(signatures()) == set(verbs())
    for name in signatures():
        assert getattr(Client, name).__doc__ == getattr(Verbs, name).__doc__
        assert getattr(Client, name) is not getattr(Verbs, name)


def test_what_is_opened_handed_in_and_signed_far_away_is_what_stands_in_the_engine(world: World) -> None:
    far = client(world, "o1-handler")
    assert far.me().posts == (("o1", "handler"),)
    far.open("matter", "o1", item=ITEM, by=HANDLER, campaign="c1", category="leak")
    far.submit(ITEM, HANDLER, SHEET, outcome="found")
    slot = world.case(ITEM).open_slots[0]
    signer = world.actor(slot)
    far = client(world, signer.person)
    assert [w["item"] for w in far.pending()] == [ITEM]
    shown = far.show(ITEM)
    assert shown.digest == world.case(ITEM).content and shown.contents == world.engine.show(ITEM).contents
    may = {m.verb: m.allowed for m in far.may(ITEM, slot.post, slot.unit)}
    assert may["sign"]
    done = far.sign(ITEM, signer, shown.digest, opinion="agreed")
    assert world.engine.receipt(done) == done
    assert [s.person for s in far.signatures(ITEM)][-1] == signer.person
    item = far.item(ITEM)
    assert (item.version, item.stage, item.content) == (done.seq, done.stage, world.case(ITEM).content)
    assert far.item(ITEM, item) is item, "what did not change is not sent again"
    assert [r.item for r in far.items(flow="matter").rows] == [ITEM] == [r.item for r in far.every_item()]
    assert far.tally().items == 1 and [r.item for r in far.register("matter", "c1")] == [ITEM]
    assert far.why(ITEM)["zh"] and far.trace(ITEM)["root"]
    assert far.trace(ITEM, whole=True, contents=True)["root"]["signers"][0]["saw"]
    assert far.missed() == []


def test_an_error_over_there_is_the_same_error_here_in_both_languages(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    signer = world.actor(slot)
    far, wrong = client(world, signer.person), "sha256:" + "0" * 64
    for call, kind in (
        (lambda e: e.sign(ITEM, signer, wrong), Stale),
        (lambda e: e.sign("nothing", signer, wrong), Unknown),
        (lambda e: e.sign(ITEM, Actor(signer.person, "secretary", "g1"), wrong), OutOfTurn),
        (lambda e: e.urge(ITEM, Actor(signer.person, "secretary", "g1")), WorkflowError),
    ):
        with pytest.raises(kind) as there:
            call(far)
        with pytest.raises(kind) as here:
            call(world.engine)
        assert type(there.value) is type(here.value)
        assert [there.value.text(lang) for lang in ("en", "zh")] == [here.value.text(lang) for lang in ("en", "zh")]


def test_every_error_of_the_library_survives_the_way() -> None:
    import json

    from workflow import errors

    every = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, WorkflowError)]
    for kind in every:
        made = kind(expected=["a", "b"], actual=3, item="m-1")
        told = json.loads(bytes(refused(made).body))
        back = reading.error(told["status"], told)
        assert type(back) is kind or kind.code in {k.code for k in every if k is not kind}, kind
        assert back.text("zh") == made.text("zh")


def test_an_item_that_moved_on_is_a_conflict(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    signer = world.actor(slot)
    far = client(world, signer.person)
    version = far.item(ITEM).version
    with pytest.raises(Conflict):
        far.expecting(version + 7).sign(ITEM, signer, world.case(ITEM).content, opinion="agreed")
    assert far.expecting(version).sign(ITEM, signer, world.case(ITEM).content, opinion="agreed").seq == version + 1


def test_another_person_cannot_be_meant_by_mistake(world: World) -> None:
    world.begin(ITEM)
    with pytest.raises(ValueError, match="expected an act of o1-handler"):
        client(world, "o1-handler").urge(ITEM, Actor("t1-secretary", "secretary", "t1"))


class Losing(httpx2.BaseTransport):
    """The server does what is asked, and the first answers are lost on the way."""

    def __init__(self, served: TestClient, lose: int) -> None:
        self.served, self.lose, self.asked = served, lose, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        got = self.served.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        if request.method == "POST" and self.lose:
            self.lose -= 1
            raise httpx2.ReadError("the answer was lost")
        return httpx2.Response(got.status_code, content=got.content, headers=got.headers)


def test_a_lost_answer_is_asked_for_again_and_the_act_is_done_once(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    signer, before = world.actor(slot), world.case(ITEM)
    way = Losing(TestClient(app(world, signer.person)), 2)
    far = Client(httpx2.Client(transport=way, base_url="http://testserver"))
    done = far.sign(ITEM, signer, before.content, opinion="agreed")
    assert done.seq == far.item(ITEM).version and len(far.signatures(ITEM)) == 1
    way.lose = 3
    with pytest.raises(httpx2.TransportError):
        far.urge(ITEM, signer)


def test_a_key_of_ones_own_is_sent_as_it_is(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    signer, content = world.actor(slot), world.case(ITEM).content
    far = client(world, signer.person)
    first = far.sign(ITEM, signer, content, opinion="agreed", request_id="mine")
    assert far.sign(ITEM, signer, content, opinion="agreed", request_id="mine") == first
    with pytest.raises(RequestReused):
        far.sign(ITEM, signer, content, opinion="otherwise", request_id="mine")


def test_what_no_rule_said_is_told_as_an_answer(world: World) -> None:
    world.begin(ITEM)
    nobody = Client(TestClient(rest(world.engine, lambda _: None)))
    with pytest.raises(Answered) as told:
        nobody.item(ITEM)
    assert told.value.facts["status"] == 401
    reader = client(world, "o1-handler", writes=False)
    with pytest.raises(Answered) as told:
        reader.urge(ITEM, HANDLER)
    assert told.value.facts["problem"] == "read-only"
    far = client(world, "o1-handler")
    with pytest.raises(Answered, match="values: Input should be"):
        far.submit(ITEM, HANDLER, 3, outcome="found")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        far.sign(ITEM)  # type: ignore[call-arg]


def test_every_verb_makes_a_body_that_the_server_takes() -> None:
    for name, verb in verbs().items():
        arguments: dict[str, Any] = {}
        for p in inspect.signature(getattr(Verbs, name)).parameters.values():
            if p.default is not p.empty or p.name == "self" or p.kind is p.VAR_KEYWORD:
                continue
            hint = str(verb.hints[p.name])
            arguments[p.name] = (
                HANDLER
                if "Actor" in hint
                else b"x"
                if "bytes" in hint
                else 1
                if "int" in hint
                else {"sheet": {}}
                if "Mapping" in hint
                else "2026-01-02"
            )
        call = acting(name, (), arguments, None)
        verb.body.model_validate_json(call.body)
        assert call.again is verb.keyed


def test_busy_is_tried_again_and_told_in_the_end() -> None:
    asked: list[str] = []

    def busy(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers.get("idempotency-key", ""))
        if request.url.path == "/v1/me":
            return httpx2.Response(200, json={"person": "o1-handler", "operator": False, "posts": []})
        answer = refused(DatabaseBusy(expected="10 s", actual="locked"))
        return httpx2.Response(answer.status_code, content=bytes(answer.body))

    far = Client(httpx2.Client(transport=httpx2.MockTransport(busy), base_url="http://testserver"))
    with pytest.raises(DatabaseBusy):
        far.urge(ITEM, HANDLER)
    assert len(asked) == 4 and len(set(asked[1:])) == 1


def test_the_awaited_one_does_the_same(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    signer = world.actor(slot)

    async def walk() -> None:
        way = httpx2.ASGITransport(app(world, signer.person))
        async with httpx2.AsyncClient(transport=way, base_url="http://testserver") as http:
            far = AsyncClient(http)
            shown = await far.show(ITEM)
            with pytest.raises(OutOfTurn):
                await far.do(Verbs.sign, ITEM, signer, shown.digest, slot="nowhere")
            item = await far.item(ITEM)
            done = await far.expecting(item.version).do(Verbs.sign, ITEM, signer, shown.digest, opinion="agreed")
            assert done.seq == item.version + 1
            assert [r.item async for r in far.every_item()] == [ITEM]
            assert (await far.me()).person == signer.person and (await far.trace(ITEM))["root"]
            assert await far.pending() == []

    asyncio.run(walk())
    assert world.case(ITEM).slot(slot.key).state == "signed"  # type: ignore[union-attr]


def test_what_acts_would_come_to_is_asked_before_they_are_done(world: World) -> None:
    world.begin(ITEM)
    case = world.case(ITEM)
    by = world.actor(case.open_slots[0])
    acts = [
        Sign(item=ITEM, by=by, seen=case.content, opinion="agreed"),
        Sign(item=ITEM, by=by, seen="sha256:" + "0" * 64, opinion="agreed"),
        Return(item="m-9", by=by, seen=case.content, reason="a figure is wrong"),
    ]
    far = client(world, by.person)
    good, stale, unknown = far.foresee(acts)
    with world.engine.look() as desk:
        own = desk.foresee(acts[:2])
    assert (
        good.allowed and good.effects == tuple(str(e["e"]) for e in own[0].effects) and good.stage_after == case.stage
    )
    assert not stale.allowed and own[1].refusal is not None and stale.detail_zh == own[1].refusal.text("zh")
    assert unknown.type == "urn:signoff:problem:unknown" and world.case(ITEM) == case

    async def awaited() -> list[Any]:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app(world, by.person)), base_url="http://h"
        ) as http:
            return list(await AsyncClient(http).foresee(acts))

    assert asyncio.run(awaited()) == [good, stale, unknown]
    with pytest.raises(ValueError, match="expected an act of"):
        far.foresee([Sign(item=ITEM, by=Actor("o3-handler", "handler", "o3"), seen=case.content)])
    with pytest.raises(ValueError, match="one person"):
        far.foresee([*acts, Sign(item=ITEM, by=Actor("o3-handler", "handler", "o3"), seen=case.content)])
    opened = client(world, "o1-handler").foresee(
        [Open(item="m-2", by=Actor("o1-handler", "handler", "o1"), flow="matter", unit="o1", category="leak")]
    )
    assert opened[0].allowed and opened[0].stage == "" and opened[0].stage_after == "report"


def test_the_client_can_ask_all_that_the_api_can_tell() -> None:
    told = {name for _, name, _, _ in READS} | {"foresee"}
    asked = {n for n, m in vars(Client).items() if callable(m) and not n.startswith("_")}
    assert {"owed" if name == "reports" else name for name in told} <= asked


def test_both_clients_can_be_asked_the_same_things() -> None:
    asked = {n for n, m in vars(Client).items() if callable(m) and not n.startswith("_")} - set(signatures())
    assert asked == {n for n, m in vars(AsyncClient).items() if callable(m) and not n.startswith("_")} - {"do"}


def test_long_lists_come_a_page_at_a_time_and_are_read_whole(world: World) -> None:
    for n, unit in enumerate(("o1", "o3", "o1")):
        world.begin(f"m-{n}", unit)
    world.clock.advance(timedelta(days=90))
    http = TestClient(app(world, ""))
    pages = [http.get("/v1/missed", params={"first": n, "limit": 2}).json() for n in (0, 2, 4)]
    every = pages[0]["every"]
    assert every == 3 and [len(p["rows"]) for p in pages] == [2, 1, 0] and all(p["every"] == every for p in pages)
    assert [r.item for r in Client(http).missed()] == [r["item"] for p in pages for r in p["rows"]]

    async def awaited() -> tuple[list[str], list[str], list[str]]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app(world, "")), base_url="http://h") as far:
            client = AsyncClient(far)
            missed = [r.item for r in await client.missed()]
            register = [r.item async for r in client.register("matter", "c1")]
            return missed, register, [r.person for r in await client.signatures("m-0")]

    missed, register, signed = asyncio.run(awaited())
    assert missed == [r.item for r in Client(http).missed()] and signed == []
    assert register == [r.item for r in Client(http).register("matter", "c1")] and len(register) == 3
