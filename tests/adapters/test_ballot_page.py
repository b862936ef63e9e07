"""The page on which one votes with a code: nobody is asked who they are, and nothing is left that says so."""

from __future__ import annotations

import logging

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from tests.contract.polling import BAD, GOOD, Poll
from tests.contract.world import World
from workflow import voting
from workflow.store import ballots
from workflow_adapters.web import Identity, console


def nobody_asks(request: Request) -> Identity:
    raise AssertionError("the host was asked who is voting")


def booth(world: World, *, writes: bool = True) -> TestClient:
    return TestClient(console(world.engine, nobody_asks, writes=writes), follow_redirects=False)


def turnout(world: World, item: str) -> int:
    with world.engine.look() as desk:
        found = voting.turnout(desk, item)
    assert found is not None
    return found.cast


def answers(code: str, item: str = "p1") -> dict[str, str]:
    return {"item": item, "code": code, "q.heard": "heard", "q.content": "satisfied"}


def test_a_paper_is_taken_filled_in_and_cast_without_anybody_being_known(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Source: R215."""
    poll = Poll(world, "p1", 6)
    client = booth(world)
    with caplog.at_level(logging.DEBUG):
        for code in poll.codes:
            paper = client.post("/ballot/paper", data={"item": "p1", "code": code}, headers={"Cookie": "wf_seat=x.y"})
            assert paper.status_code == 200 and "满意" in paper.text
            done = client.post("/ballot/cast", data=answers(code))
            assert done.status_code == 200 and "选票已入箱" in done.text
            for got in (paper, done):
                assert "set-cookie" not in got.headers and got.headers["cache-control"] == "no-store"
    ours = [r.getMessage() + str(vars(r)) for r in caplog.records if r.name.startswith("workflow")]
    assert not any(code in line for code in poll.codes for line in ours)
    assert turnout(world, "p1") == 6
    with world.engine.look() as desk:
        box = ballots.read(desk.connection, "p1", desk.case_of("p1")[0].stays)
    assert box is not None and list(box.papers) == sorted(box.papers)
    poll.count()
    assert world.engine.show("p1").contents["votes"]["voted"] == 6
    assert poll.sign() == "done"


def test_what_is_cast_here_is_counted_like_any_other_paper(world: World) -> None:
    poll = Poll(world, "p1", 8)
    client = booth(world)
    for code in poll.codes[:4]:
        client.post("/ballot/cast", data=answers(code))
    client.post("/ballot/cast", data={"item": "p1", "code": poll.codes[4]})  # all blank
    for code in poll.codes[5:7]:
        world.engine.cast("p1", code, BAD)
    world.engine.cast("p1", poll.codes[7], GOOD)
    poll.count()
    sheet = world.engine.show("p1").contents["votes"]
    assert (sheet["voted"], sheet["aware"], sheet["dissatisfied"]) == (8, 7, 2)


def test_a_code_is_one_paper_and_what_is_not_good_tells_nothing(world: World) -> None:
    poll = Poll(world, "p1", 6)
    world.begin("m-1")
    client = booth(world)
    code = poll.codes[0]
    assert client.post("/ballot/cast", data=answers(code)).status_code == 200
    again = client.post("/ballot/cast", data=answers(code))
    assert again.status_code == 409 and "已投过票" in again.text and code not in again.text
    told = [
        client.post(f"/ballot/{step}", data=answers(wrong, item))
        for step in ("paper", "cast")
        for item, wrong in (("p1", "f" * 32), ("m-1", poll.codes[1]), ("no-such", poll.codes[1]))
    ]
    assert {got.status_code for got in told} == {409}
    assert len({got.text.replace("no-such", "p1").replace("m-1", "p1") for got in told}) == 1
    assert turnout(world, "p1") == 1


def test_an_answer_that_is_none_is_told_and_the_code_stays_good(world: World) -> None:
    poll = Poll(world, "p1", 6)
    client = booth(world)
    got = client.post("/ballot/cast", data={**answers(poll.codes[0]), "q.content": "delighted"})
    assert got.status_code == 409 and 'role="alert"' in got.text and "投入票箱" in got.text
    assert turnout(world, "p1") == 0
    assert client.post("/ballot/cast", data=answers(poll.codes[0])).status_code == 200
    assert client.post("/ballot/cast", content=b"x" * 3_000_000).status_code == 413


def test_a_vote_by_name_is_not_held_where_nobody_is_known(world: World) -> None:
    poll = Poll(world, "p1", 6, mode="open")
    client = booth(world)
    for step in ("paper", "cast"):
        got = client.post(f"/ballot/{step}", data=answers(poll.roll[0]))
        assert got.status_code == 409 and "记名投票" in got.text
    assert turnout(world, "p1") == 0


def test_pages_that_only_show_take_no_vote(world: World) -> None:
    poll = Poll(world, "p1", 6)
    client = booth(world, writes=False)
    assert "不能投票" in client.get("/ballot").text
    assert client.post("/ballot/cast", data=answers(poll.codes[0])).status_code == 409
    assert turnout(world, "p1") == 0


def test_the_number_of_the_vote_may_stand_in_a_link_and_the_code_nowhere(world: World) -> None:
    poll = Poll(world, "p1", 6)
    page = booth(world).get("/ballot", params={"item": "p1", "code": poll.codes[0], "lang": "en"})
    assert 'value="p1"' in page.text and poll.codes[0] not in page.text and "set-cookie" not in page.headers
