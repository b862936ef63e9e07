"""A check that nobody announced changes no page, no answer and no file of the unit that is to be checked.

What is there before it is ordered is held, byte by byte, against what is there after: through every page of the console, every
read of the API and every file, so that also a total, a page number or an empty heading that told of it would be found.
Source: S0 「后续中央巡回督导组还要“不打招呼”随机深入到企业总部和基层单位」, R119, M12.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.contract.world import World
from workflow import Actor, load, tick
from workflow.definition.shipped import shipped_flow
from workflow_adapters.rest import rest
from workflow_adapters.rest.app import READS
from workflow_adapters.web import Identity, console
from workflow_adapters.web.pages import PAGES

ITEM = "covert-7"
INSPECTOR = Actor("t1-department", "department", "t1")
CHECKED = ("o1-secretary", "nobody")
QUERY = "flow=spot-check&campaign=c1&of=spot-check/c1&post=secretary&unit=o1"
FILES = ("ledger", "register", "overdue", "ladders", "signatures")


def _paths(item: str) -> list[str]:
    """Every page, read and file there is, about one item where it is about one; none of them about a period of reports."""
    pages = [path for path, _, _, methods in PAGES if "GET" in methods and "{what}" not in path]
    files = [f"/files/{what}.csv" for what in FILES]
    reads = [path for path, *_ in READS]
    known = {"item": item, "name": "check-sheet", "slot": "check/1:department@t1"}
    return [p.format(**known) for p in (*pages, *files, *reads) if "{flow}" not in p]


def everything(world: World, person: str, item: str = ITEM) -> dict[str, tuple[int, str]]:
    """What one person gets on every path, asked plainly and asked for the check's own flow and campaign."""

    def who(_: object) -> Identity:
        return Identity(person)

    clients = {"/v1": TestClient(rest(world.engine, who)), "": TestClient(console(world.engine, who, secret=b"x" * 32))}
    out = {}
    for path in _paths(item):
        client = clients["/v1" if path.startswith("/v1") else ""]
        for query in ("", f"?{QUERY}&item={item}"):
            got = client.get(path + query)
            text = re.sub(r'name="token" value="[^"]*"', "", got.text).replace(item, "ITEM")
            out[(path + query).replace(item, "ITEM")] = got.status_code, text
    return out


@pytest.fixture
def ready(world: World) -> World:
    """A matter of the unit's own is under way; nobody has ordered a check yet."""
    world.engine.publish(load(shipped_flow("spot-check")))
    world.engine.publish(load(shipped_flow("circulated-criticism")))
    world.begin("m1")
    return world


def test_nothing_is_another_before_the_check_is_carried_out(ready: World) -> None:
    before = {person: everything(ready, person) for person in CHECKED}
    assert before["o1-secretary"]["/items"] != before["nobody"]["/items"]  # they do see their own
    ready.engine.open("spot-check", "o1", item=ITEM, campaign="c1", by=INSPECTOR)
    for person in CHECKED:
        now = everything(ready, person)
        assert [path for path, told in now.items() if told != before[person][path]] == []
    above = everything(ready, INSPECTOR.person)
    told = [path for path, (_, text) in above.items() if "ITEM" in text]
    assert {"/items", "/items/ITEM", "/v1/items", "/v1/pending"} <= {p.partition("?")[0] for p in told}


def test_nothing_tells_of_it_when_it_is_overdue_and_all_of_it_when_it_is_carried_out(ready: World) -> None:
    ready.engine.open("spot-check", "o1", item=ITEM, campaign="c1", by=INSPECTOR)
    for _ in range(40):
        ready.clock.advance(timedelta(days=1))
        tick(ready.engine)
    there, not_there = everything(ready, "o1-secretary"), everything(ready, "o1-secretary", "covert-8")
    assert [path for path, told in there.items() if told != not_there[path]] == []
    assert [path for path, (_, text) in there.items() if "ITEM" in text and "ITEM" not in path] == []
    sheet = {"check-sheet": {"method": "covert-visit", "checked-on": "2019-09-02", "seen": "an invented record"}}
    ready.engine.submit(ITEM, INSPECTOR, sheet, outcome="sound")
    ready.engine.sign(ITEM, INSPECTOR, ready.case(ITEM).content)
    known = everything(ready, "o1-secretary")
    assert known["/items/ITEM"][0] == known["/v1/items/ITEM"][0] == 200 and "ITEM" in known["/items"][1]
