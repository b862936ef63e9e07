"""Who looked at an item over the pages or the API is on record before they are shown it. Source: evidence, access log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.adapters.test_console import HANDLER, ITEM, field, visitor
from tests.adapters.test_rest import caller
from tests.contract.world import World
from workflow import Actor, access, views
from workflow.errors import AlreadySeen, DatabaseBusy

SECRETARY = "o1-secretary"
PAGES = (f"/items/{ITEM}", f"/items/{ITEM}/signatures", f"/items/{ITEM}/materials/sheet")


def looks(world: World, **asked: str) -> list[tuple[str, str, str]]:
    with world.engine.reading() as connection:
        return [(a.kind, a.person, a.what) for a in access.search(connection, **asked)]  # type: ignore[arg-type]


def test_an_items_pages_are_one_look_and_its_trace_is_a_trace(world: World) -> None:
    world.begin(ITEM)
    client = visitor(world, SECRETARY)
    for page in (*PAGES, *PAGES):
        assert client.get(page).status_code == 200
    assert looks(world) == [("view", SECRETARY, ITEM)]
    for _ in range(2):
        assert client.get(f"/items/{ITEM}/trace").status_code == 200
    assert sorted(looks(world)) == [("trace", SECRETARY, ITEM), ("view", SECRETARY, ITEM)]
    world.clock.advance(timedelta(minutes=11))
    assert client.get(PAGES[0]).status_code == 200
    assert looks(world)[2:] == [("view", SECRETARY, ITEM)]
    for quiet in ("/", "/items", "/overdue", f"/items/{ITEM}/why"):  # lists and dates say nothing of what an item says
        assert client.get(quiet).status_code == 200
    assert len(looks(world)) == 3 and looks(world, unit="o1") == looks(world)
    assert world.verify().holds


def test_a_look_after_something_new_is_a_look_of_its_own(world: World) -> None:
    """A later state of the item is something else to have seen: 撤回 asks who of those next looked since."""
    world.begin(ITEM)
    client = visitor(world, SECRETARY)
    client.get(PAGES[0])
    world.sign(ITEM)
    first = next(s for s in world.case(ITEM).slots if s.state == "signed")
    client.get(PAGES[0])
    assert looks(world) == [("view", SECRETARY, ITEM)] * 2
    with pytest.raises(AlreadySeen, match=SECRETARY):
        world.engine.withdraw(ITEM, world.actor(first), first.key)


def test_a_copy_that_is_opened_here_is_read(world: World) -> None:
    world.begin(ITEM)
    world.engine.copy_to(ITEM, Actor(HANDLER, "handler", "o1"), Actor("t1-department", "department", "t1"))
    assert visitor(world, "t1-department").get(PAGES[0]).status_code == 200
    with world.engine.look() as desk:
        (copy,) = views.copies(desk, ITEM)
    assert copy.read_at is not None


def test_who_has_no_post_is_on_record_too_and_to_be_asked_about(world: World) -> None:
    world.begin(ITEM)
    access.record(world.engine, "look", by="auditor-1", what=ITEM)
    with world.engine.reading() as connection:
        (found,) = access.search(connection, irregular=True)
    assert (found.kind, found.person, found.irregular, found.units) == ("look", "auditor-1", ("aside",), ("o1",))


def test_nothing_is_recorded_where_people_only_look_and_the_page_says_so(world: World) -> None:
    world.begin(ITEM)
    for client in (visitor(world, SECRETARY, writes=False), visitor(world)):
        page = client.get(PAGES[0], params={"lang": "en"})
        assert page.status_code == 200 and "is not put on record" in page.text
    assert "is not put on record" not in visitor(world, SECRETARY).get("/", params={"lang": "en"}).text
    assert caller(world, SECRETARY, writes=False).get(f"/v1/items/{ITEM}/show").status_code == 200
    assert caller(world).get(f"/v1/items/{ITEM}/show").status_code == 200
    assert looks(world) == []


def test_a_look_that_cannot_be_recorded_is_not_given_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin(ITEM)

    def busy(*_: object, **__: object) -> None:
        raise DatabaseBusy(expected="1 s", actual="locked")

    monkeypatch.setattr(world.engine, "view", busy)
    got = visitor(world, SECRETARY).get(PAGES[0])
    assert got.status_code == 503 and "示例单位" not in got.text
    assert caller(world, SECRETARY).get(f"/v1/items/{ITEM}/show").status_code == 503


def test_many_who_look_first_at_once_are_all_on_record(world: World) -> None:
    world.begin(ITEM)
    persons = [SECRETARY, HANDLER, "t1-secretary", "t1-department", "s1-secretary", "g1-secretary"]
    pages = [visitor(world, person) for person in persons]
    with ThreadPoolExecutor(len(pages)) as pool:
        got = list(pool.map(lambda client: client.get(PAGES[0]).status_code, pages))
        got += list(pool.map(lambda client: client.get(f"/items/{ITEM}/trace").status_code, pages))
    assert set(got) == {200}
    assert sorted(looks(world)) == sorted((kind, p, ITEM) for kind in ("view", "trace") for p in persons)
    assert world.verify().holds


def test_over_the_api_showing_is_a_look_and_asking_where_it_stands_is_none(world: World) -> None:
    world.begin(ITEM)
    client = caller(world, SECRETARY)
    for quiet in ("", "/why", "/may?post=secretary&unit=o1"):
        assert client.get(f"/v1/items/{ITEM}{quiet}").status_code == 200
    assert looks(world) == []
    for said in ("/show", "/signatures", "/trace"):
        assert client.get(f"/v1/items/{ITEM}{said}").status_code == 200
    assert sorted(looks(world)) == [("trace", SECRETARY, ITEM), ("view", SECRETARY, ITEM)]
    assert caller(world, "o3-secretary").get(f"/v1/items/{ITEM}/show").status_code == 404
    assert len(looks(world)) == 2


def test_who_checked_which_bundle_here_is_on_record(world: World) -> None:
    client: TestClient = visitor(world, SECRETARY)
    form = {"token": field(client.get("/verify").text, "token")}
    assert client.post("/verify/bundle", data=form, files={"bundle": ("b", b"none\n")}).status_code == 200
    ((kind, person, what),) = looks(world)
    assert (kind, person) == ("verify", SECRETARY) and what.startswith("bundle sha256:")
