"""The API: the same verbs, refusals with their place, retries that add nothing, and nobody's claim believed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.contract.world import SHEET, SHEETS, World, flow_text
from workflow import Actor, loads
from workflow.drafting import Draft
from workflow.verbs import Verbs
from workflow.views import signatures
from workflow_adapters.client import Client
from workflow_adapters.rest import rest
from workflow_adapters.rest.bodies import verbs
from workflow_adapters.web import Identity

FILES = """flow: files
title: {zh: 示例档案, en: an invented file}
materials:
  file:
    title: file
    fields: {members: {type: integer, min: 0, max: 100}, plan: {type: text, max: 500, own-words: true}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: told, due: 5 workdays, materials: file, slots: [secretary, {secretary: third}], exits: {told: done}}
  - {stage: done, title: done, final: true}
"""
ITEM = "m-1"
HANDLER = {"post": "handler", "unit": "o1"}
JSON = {"Content-Type": "application/json"}


def caller(world: World, person: str = "", *, writes: bool = True) -> TestClient:
    return TestClient(rest(world.engine, lambda _: Identity(person, operator=not person), writes=writes))


def test_every_verb_of_the_library_is_there_and_nothing_else() -> None:
    makes = {n for n, m in vars(Verbs).items() if getattr(m, "__annotations__", {}).get("return") == "Receipt"}
    assert set(verbs()) == {n for n in makes if n != "act" and not n.startswith("_")}


def test_a_matter_is_opened_handed_in_and_signed(world: World) -> None:
    client = caller(world, "o1-handler")
    body = {"as": HANDLER, "item": ITEM, "flow": "matter", "unit": "o1", "campaign": "c1", "category": "leak"}
    assert client.post("/v1/items", json=body).status_code == 201
    done = client.post(f"/v1/items/{ITEM}/submit", json={"as": HANDLER, "values": SHEET, "outcome": "found"})
    assert done.status_code == 201, done.text
    shown = client.get(f"/v1/items/{ITEM}/show").json()
    act = {"as": HANDLER, "seen": shown["seen"], "opinion": "agreed"}
    slot = world.case(ITEM).open_slots[0]
    signer = caller(world, world.actor(slot).person)
    act["as"] = {"post": slot.post, "unit": slot.unit}
    signed = signer.post(f"/v1/items/{ITEM}/sign", json=act, headers={"Idempotency-Key": "k1"})
    assert signed.status_code == 201
    again = signer.post(f"/v1/items/{ITEM}/sign", json=act, headers={"Idempotency-Key": "k1"})
    assert again.json() == signed.json()
    other = signer.post(f"/v1/items/{ITEM}/sign", json={**act, "opinion": "no"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422 and other.json()["type"].endswith("request-reused")


def test_a_refusal_says_the_rule_and_its_place(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = caller(world, world.actor(slot).person)
    body = {"as": {"post": slot.post, "unit": slot.unit}, "seen": "sha256:" + "0" * 64}
    got = client.post(f"/v1/items/{ITEM}/sign", json=body)
    assert got.status_code == 409 and got.headers["content-type"] == "application/problem+json"
    assert got.json()["type"] == "urn:signoff:problem:stale" and got.json()["detail_zh"]


def test_a_person_cannot_be_claimed(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = caller(world, "o1-scrutineer")
    body = {"as": {"post": slot.post, "unit": slot.unit}, "seen": world.case(ITEM).content}
    assert client.post(f"/v1/items/{ITEM}/sign", json=body).status_code == 409
    body["as"] = {**body["as"], "person": world.actor(slot).person}  # type: ignore[dict-item]
    assert client.post(f"/v1/items/{ITEM}/sign", json=body).status_code == 422
    assert world.case(ITEM).open_slots[0].key == slot.key


def test_a_trace_has_what_each_signer_saw_where_it_is_asked_for_and_may_be_seen(world: World) -> None:
    """Source: S0 「谁签字上报谁负责」, R037: the digest always, the content itself where it is kept."""
    found = [{"unit": "o3", "result": "found"}]
    for unit, lines in (("o1", found), ("o2", found), ("o3", found), ("t1", found)):
        world.engine.open("survey", unit, item=f"survey-{unit}", campaign="c1")
        by = Actor(f"{'t1' if unit == 'o2' else unit}-handler", "handler", unit)
        world.engine.submit(f"survey-{unit}", by, {"found": lines}, outcome="reported")
        world.through(f"survey-{unit}")
    path = "/v1/items/survey-t1/trace"
    client = caller(world, "t1-secretary")
    assert "saw" not in client.get(path).json()["root"]["signers"][0]
    told = client.get(path, params={"contents": "true", "whole": "true"}).json()["root"]
    assert told["signers"][0]["saw"] == {"found": found}
    assert [s["signers"][1]["saw"] for s in told["rests_on"]] == [{"found": found}] * 3
    first = client.get(path, params={"contents": "true", "seq": "3"}).json()["root"]
    assert [s["seq"] for s in first["signers"]] == [3] and first["signers"][0]["saw"] == {"found": found}
    about = {"flow": "survey", "campaign": "c1", "unit": "o3", "contents": "true"}
    line = client.get("/v1/trace", params=about).json()["root"]
    assert [line["item"], *(s["item"] for s in line["rests_on"])] == ["survey-t1", "survey-o3"]
    assert line["rests_on"][0]["signers"][0]["saw"] == {"found": found}
    assert caller(world, "o1-secretary").get("/v1/trace", params=about).status_code == 404
    for wrong in ({"contents": "1"}, {"whole": "yes"}, {"seq": "x"}):
        assert client.get(path, params=wrong).status_code in (400, 409, 422)
    assert caller(world, "o1-secretary").get(path, params={"contents": "true"}).status_code == 404
    body = world.case("survey-t1").materials["found"]
    Path(world.engine.contents._path(body.removeprefix("sha256:"))).unlink()  # type: ignore[attr-defined]
    gone = client.get(path, params={"contents": "true"}).json()["root"]["signers"][0]["saw"]
    assert gone == {"found": {"digest": body, "kept": False}}


def test_a_version_that_is_gone_is_not_acted_on(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = caller(world, world.actor(slot).person)
    tag = client.get(f"/v1/items/{ITEM}").headers["etag"]
    assert client.get(f"/v1/items/{ITEM}", headers={"If-None-Match": tag}).status_code == 304
    body = {"as": {"post": slot.post, "unit": slot.unit}, "seen": world.case(ITEM).content, "opinion": "agreed"}
    assert client.post(f"/v1/items/{ITEM}/sign", json=body, headers={"If-Match": '"99"'}).status_code == 412
    done = client.post(f"/v1/items/{ITEM}/sign", json=body, headers={"If-Match": tag})
    assert done.status_code == 201 and done.headers["etag"] != tag


def test_what_may_not_be_seen_is_not_there(world: World) -> None:
    world.begin(ITEM, "o3")
    client = caller(world, "o1-secretary")
    assert client.get("/v1/items").json()["items"] == []
    for path in ("", "/show", "/signatures", "/trace", "/why", "/may"):
        assert client.get(f"/v1/items/{ITEM}{path}").status_code == 404
    body = {"as": {"post": "secretary", "unit": "o1"}, "seen": world.case(ITEM).content}
    assert client.post(f"/v1/items/{ITEM}/sign", json=body).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"nul", b"[" * 100_000, b'{"as": 1}', b'{"nope": 1}'])
def test_a_body_that_does_not_fit_is_told(world: World, body: bytes) -> None:
    world.begin(ITEM)
    got = caller(world, "o1-secretary").post(f"/v1/items/{ITEM}/sign", content=body, headers=JSON)
    assert got.status_code in (400, 422) and got.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "said", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_what_another_sites_page_can_have_a_browser_post_is_no_act(world: World, said: str) -> None:
    """Where a host knows its callers by a cookie, the browser sends that along; but it asks first before it sends JSON."""
    world.begin(ITEM)
    case = world.case(ITEM)
    body = json.dumps({"as": {"post": "handler", "unit": "o1"}, "seen": case.content, "opinion": "agreed"})
    client = caller(world, "o1-handler")
    headers = {"Content-Type": said} if said else {}
    for path in (f"/v1/items/{ITEM}/sign", "/v1/foresee"):
        got = client.post(path, content=body.encode(), headers=headers)
        assert (got.status_code, got.json()["type"]) == (415, "urn:signoff:problem:media-type")
    assert world.case(ITEM) == case
    for good in ("application/json; charset=utf-8", "application/vnd.host+json"):
        assert client.post(f"/v1/items/{ITEM}/sign", content=body, headers={"Content-Type": good}).status_code in (
            201,
            409,
        )
    assert world.case(ITEM) != case


@pytest.mark.parametrize("said", ["²", "٣", "-1", "9" * 40, "x", "1e3"])
def test_what_is_no_number_is_told_as_such(world: World, said: str) -> None:
    client = caller(world)
    for path, name in (("/v1/missed", "first"), ("/v1/missed", "limit"), ("/v1/items", "limit"), ("/v1/missed", "on")):
        got = client.get(path, params={name: said})
        assert got.headers["content-type"] == "application/problem+json", (path, name)
        assert (got.status_code, got.json()["type"]) == (400, "urn:signoff:problem:not-understood"), (path, name)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/items/%00",
        "/v1/items?flow=%00",
        "/v1/items?%00=1",
        "/v1/items/m-1/may?post=%00&unit=o1",
        "/v1/register?campaign=%00",
    ],
)
def test_an_address_with_a_character_that_no_text_holds_is_told(world: World, path: str) -> None:
    """PostgreSQL takes it in no text; the other database would, so both are kept from it."""
    world.begin(ITEM)
    got = caller(world, "o1-handler").get(path)
    assert (got.status_code, got.json()["type"]) == (400, "urn:signoff:problem:not-understood")
    assert "空字符" in got.json()["detail_zh"]


@pytest.mark.parametrize("name", ["unit", "seen", "opinion", "proof"])
def test_a_body_with_a_character_that_no_text_holds_is_told(world: World, name: str) -> None:
    world.begin(ITEM)
    case = world.case(ITEM)
    body = {"as": dict(HANDLER), "seen": case.content, "opinion": "agreed"}
    where: Any = body["as"] if name == "unit" else body
    where[name] = {"pin\x00": "1"} if name == "proof" else "o\x001"
    client = caller(world, "o1-handler")
    many = {"acts": [{"verb": "sign", "item": ITEM, **body}]}
    for got in (client.post(f"/v1/items/{ITEM}/sign", json=body), client.post("/v1/foresee", json=many)):
        assert (got.status_code, got.json()["type"]) == (409, "urn:signoff:problem:wrong-meaning")
    assert world.case(ITEM) == case
    good = {"as": HANDLER, "seen": case.content, "opinion": "a backslash: \\u0000"}
    assert client.post(f"/v1/items/{ITEM}/sign", json=good).status_code == 201


def test_reading_only_takes_no_act(world: World) -> None:
    world.begin(ITEM)
    assert (
        caller(world, "o1-handler", writes=False).post(f"/v1/items/{ITEM}/urge", json={"as": HANDLER}).status_code
        == 403
    )
    assert caller(world).post(f"/v1/items/{ITEM}/urge", json={"as": HANDLER}).status_code == 403


def test_a_dry_run_of_many_acts_says_what_each_would_come_to_and_writes_nothing(world: World) -> None:
    world.begin(ITEM)
    world.begin("m-2", "o1")
    slot, before = world.case(ITEM).open_slots[0], world.entries()
    acts_as = {"post": slot.post, "unit": slot.unit}
    fresh = {"as": acts_as, "seen": world.case(ITEM).content, "opinion": "agreed"}
    opened = {"as": HANDLER, "flow": "matter", "unit": "o1", "campaign": "c1", "category": "leak"}
    acts = [
        {"verb": "sign", "item": ITEM, **fresh},
        {"verb": "sign", "item": "m-2", **fresh, "seen": "sha256:" + "0" * 64},
        {"verb": "open", "item": "m-3", **opened},
        {"verb": "open", "item": "m-4", **opened, "unit": "nowhere"},
        {"verb": "sign", "item": "ghost", **fresh},
    ]
    client = caller(world, world.actor(slot).person, writes=False)
    got = client.post("/v1/foresee", json={"acts": acts})
    assert got.status_code == 200, got.text
    signed, stale, new, nowhere, ghost = got.json()["acts"]
    assert (signed["item"], signed["allowed"], signed["stage"]) == (ITEM, True, "report") and "signed" in signed[
        "effects"
    ]
    assert (stale["allowed"], stale["type"], bool(stale["detail_zh"])) == (False, "urn:signoff:problem:stale", True)
    assert (new["allowed"], new["stage"], new["stage_after"]) == (True, "", "report")
    assert [x["type"] for x in (nowhere, ghost)] == ["urn:signoff:problem:unknown"] * 2
    assert world.entries() == before
    done = caller(world, world.actor(slot).person).post(f"/v1/items/{ITEM}/sign", json=fresh)
    assert done.status_code == 201 and done.json()["stage"] == signed["stage_after"]


def test_a_decision_of_a_meeting_is_foreseen_and_its_minutes_are_kept_nowhere(world: World) -> None:
    world.begin(ITEM)
    while (slot := world.case(ITEM).open_slots[0]).kind != "decision":
        world.sign(ITEM)
    by = world.actor(slot)
    one = {
        "verb": "decide",
        "item": ITEM,
        "as": {"post": by.post, "unit": by.unit},
        "seen": world.case(ITEM).content,
        "minutes": "agreed at the meeting",
        "opinion": "agreed",
    }
    held, before = sorted(world.engine.contents.iterate()), world.entries()
    got = caller(world, by.person).post("/v1/foresee", json={"acts": [one]})
    assert got.status_code == 200 and got.json()["acts"][0]["allowed"], got.text
    assert sorted(world.engine.contents.iterate()) == held and world.entries() == before


def test_a_dry_run_reveals_nothing_that_the_caller_may_not_see(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    body = {"as": {"post": slot.post, "unit": slot.unit}, "seen": world.case(ITEM).content}
    other = caller(world, "o3-handler").post("/v1/foresee", json={"acts": [{"verb": "sign", "item": ITEM, **body}]})
    ghost = caller(world, "o3-handler").post("/v1/foresee", json={"acts": [{"verb": "sign", "item": "m-9", **body}]})
    assert other.status_code == 200
    assert other.json()["acts"][0]["type"] == ghost.json()["acts"][0]["type"] == "urn:signoff:problem:unknown"


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ({"acts": []}, "acts"),
        ({"acts": [{"verb": "urge", "item": "m-1"}]}, "acts.0"),
        ({"acts": [{"verb": "sign", "item": "m-1", "as": HANDLER}]}, "acts.0.sign.seen"),
        ({"acts": [{"verb": "sign", "item": "m-1", "x": 1}]}, "acts.0.sign.x"),
        ([], ""),
    ],
)
def test_a_dry_run_that_does_not_fit_says_where(world: World, sent: object, at: str) -> None:
    got = caller(world, "o1-handler").post("/v1/foresee", json=sent)
    assert got.status_code == 422 and at in [f["at"] for f in got.json()["faults"]]


def test_the_description_names_every_path_that_is_served(world: World) -> None:
    client = caller(world)
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1") and "/v1/items/{item}/sign" in described["paths"]
    served = {getattr(r, "path", "") for r in client.app.routes}  # type: ignore[attr-defined]
    assert set(described["paths"]) == served - {"/openapi.json"}


def test_whoever_calls_is_the_registrar_of_paper_that_another_signed(world: World) -> None:
    """Nobody puts paper on record in another's name. Source: R203."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item=ITEM)
    world.engine.submit(ITEM, Actor("o1-handler", "handler", "o1"), SHEET)
    world.sign(ITEM)
    signer = {"person": "o1-secretary", "post": "secretary", "unit": "o1"}
    body = {"as": HANDLER, "by": signer, "seen": world.case(ITEM).content, "scan": "YSBzY2Fu", "on": "2019-08-12"}
    named = caller(world, "o1-secretary").post(f"/v1/items/{ITEM}/sign-in-ink", json={**body, "registrar": {**signer}})
    assert named.status_code == 422  # a registrar is not named
    own = caller(world, "o1-secretary").post(f"/v1/items/{ITEM}/sign-in-ink", json={**body, "as": HANDLER})
    assert own.status_code >= 400 and own.json()["type"].endswith(("same-person", "not-holder"))
    done = caller(world, "o1-handler").post(f"/v1/items/{ITEM}/sign-in-ink", json=body)
    assert done.status_code == 201, done.text
    with world.engine.look() as desk:
        last = signatures(desk, ITEM, world.clock.now())[-1]
    assert (last.person, last.registrar, last.strength) == ("o1-secretary", "o1-handler", "WET")


def test_a_retry_of_what_was_done_at_a_version_is_answered_as_it_was(world: World) -> None:
    """The answer was lost on the way: asked again with the same key and the same version, it is no conflict."""
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = caller(world, world.actor(slot).person)
    tag = client.get(f"/v1/items/{ITEM}").headers["etag"]
    body = {"as": {"post": slot.post, "unit": slot.unit}, "seen": world.case(ITEM).content, "opinion": "agreed"}
    head = {"If-Match": f'"77", {tag}', "Idempotency-Key": "k1"}
    done = client.post(f"/v1/items/{ITEM}/sign", json=body, headers=head)
    again = client.post(f"/v1/items/{ITEM}/sign", json=body, headers=head)
    assert done.status_code == again.status_code == 201 and again.json() == done.json()
    other = client.post(f"/v1/items/{ITEM}/sign", json={**body, "opinion": "no"}, headers=head)
    assert other.status_code == 422 and other.json()["type"].endswith("request-reused")
    late = client.post(f"/v1/items/{ITEM}/sign", json=body, headers={**head, "Idempotency-Key": "k2"})
    assert late.status_code == 412 and late.json()["actual"] == done.headers["etag"]


def test_of_two_acts_on_one_version_one_is_done(world: World) -> None:
    world.begin(ITEM)
    handler = caller(world, "o1-handler")
    tag = handler.get(f"/v1/items/{ITEM}").headers["etag"]
    body, together = {"as": HANDLER}, 4
    with ThreadPoolExecutor(together) as pool:
        done = list(
            pool.map(
                lambda _: handler.post(f"/v1/items/{ITEM}/urge", json=body, headers={"If-Match": tag}).status_code,
                range(together),
            )
        )
    assert sorted(done) == [201, *[412] * (together - 1)]
    assert handler.get(f"/v1/items/{ITEM}").headers["etag"] == f'"{int(tag[1:-1]) + 1}"'


def test_nobody_known_is_told_so_before_anything_that_was_sent_is_looked_at(world: World) -> None:
    client = TestClient(rest(world.engine, lambda _: None))
    assert client.post(f"/v1/items/{ITEM}/sign", content=b"not json").status_code == 401
    assert client.get("/v1/items").status_code == 401


def test_papers_are_filled_from_the_record_and_copied_words_are_told_to_who_may_see_both(world: World) -> None:
    """Source: S0 「不做重复工作」, R202; S0 「简单照搬照抄,缺乏针对性」, R111."""
    world.engine.publish(loads(flow_text(FILES)))
    for unit in ("o1", "o3"):
        world.engine.open("files", unit, item=f"f-{unit}", campaign="c1")
        secretary = Actor(f"{unit}-secretary", "secretary", unit)
        plan = "an invented measure: meet on the first Monday of each month"
        world.engine.submit(f"f-{unit}", secretary, {"file": {"members": 7, "plan": plan}})
    world.engine.open("files", "o1", item="g-o1", campaign="c2")
    mine, above = caller(world, "o1-secretary"), caller(world, "t1-secretary")
    values = mine.get("/v1/items/g-o1/draft").json()["values"]
    assert {(v["field"], v["value"], tuple(v["of"])) for v in values} >= {("members", 7, ("f-o1",))}
    assert world.case("g-o1").materials == {}, "nothing is handed in"
    assert mine.get("/v1/items/g-o3/draft").status_code == mine.get("/v1/items/f-o3/draft").status_code == 404
    told = above.get("/v1/items/f-o1/alike").json()
    assert [(a["other"], a["of_100"]) for a in told["alike"]] == [("f-o3", 100)] and len(told["alike"][0]["passages"])
    assert told["same"] == [{"material": "file", "field": "plan", "line": 1, "others": [["f-o3", "o3", 1]]}]
    assert mine.get("/v1/items/f-o1/alike").json() == {"alike": [], "same": []}
    far = Client(TestClient(rest(world.engine, lambda _: Identity("t1-secretary"))))
    near, same = far.alike("f-o1")
    assert (near[0].other_unit, same[0].others) == ("o3", (("f-o3", "o3", 1),))
    assert Draft("file", "members", 7, ("f-o1",)) in far.draft("g-o1")
