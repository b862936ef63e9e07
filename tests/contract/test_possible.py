"""Who may do what, answered before acting, agrees with what the verb then does; and signing in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import POSTS, UNITS, World, worlds
from workflow import Actor
from workflow.acts import Sign
from workflow.errors import OneByOne, Stale, WorkflowError
from workflow.possible import may

PEOPLE = [Actor(f"{u}-{p}", p, u) for u, (level, _) in UNITS.items() for p in POSTS[level]]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


@pytest.mark.parametrize("stage", ["report", "plan", "work", "acceptance"])
def test_what_may_be_done_is_what_the_verb_then_does(world: World, stage: str) -> None:
    item = world.begin("m1") if stage == "report" else "m1"
    if stage != "report":
        world.walk_to(stage, item)
    seen = world.case(item).content
    with world.engine.look() as desk:
        answers = {str(p): [a for a in may(desk, item, p) if a.verb in ("sign", "return")] for p in PEOPLE}
    tried = 0
    for person in PEOPLE:
        for answer in answers[str(person)]:
            verb = world.engine.sign if answer.verb == "sign" else world.engine.send_back
            more = {"slot": answer.slot, "opinion": "…"} if answer.verb == "sign" else {}
            if answer.verb == "sign" and answer.outcome:
                more["outcome"] = answer.outcome
            more["reason"] = "…"
            before = world.entries(item)
            refusal = attempt(world, verb.__name__, item, person, seen, more)
            assert type(refusal) is type(answer.refusal), f"{person}: {answer} but {refusal}"
            assert world.entries(item) == before
            tried += 1
    assert tried >= len(PEOPLE)


def attempt(world: World, verb: str, item: str, person: Actor, seen: str, more: dict[str, str]) -> WorkflowError | None:
    """Do it, and take it back as a host that changes its mind: the refusal, or None."""
    try:
        with world.engine.desk() as desk:
            getattr(desk, verb)(item, person, seen, **more)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return None
    except WorkflowError as refusal:
        return refusal


def test_bulk_signs_only_what_is_listed_each_with_its_own_digest(world: World) -> None:
    items = [world.begin(f"m{n}") for n in range(5)]
    by = Actor("o1-handler", "handler", "o1")
    acts = [Sign(item=i, by=by, seen=world.case(i).content, opinion="同意") for i in items]
    acts[2] = Sign(item="m2", by=by, seen=acts[0].seen, opinion="同意")
    with world.engine.desk() as desk:
        results = desk.sign_many(acts)
    assert [isinstance(r, Stale) for r in results] == [False, False, True, False, False]
    assert [world.case(i).open_slots[0].key for i in items] == ["2", "2", "1", "2", "2"]
    assert world.verify().holds
    assert world.verify().rules == "hold"


def test_what_is_accepted_one_by_one_refuses_bulk(world: World) -> None:
    """Source: S0 「逐个评估」, R134."""
    for item in ("m1", "m2"):
        world.walk_to("acceptance", item)
    by = Actor("s1-secretary", "secretary", "s1")
    acts = [Sign(item=i, by=by, seen=world.case(i).content) for i in ("m1", "m2")]
    with world.engine.desk() as desk:
        assert [type(r) for r in desk.sign_many(acts)] == [OneByOne, OneByOne]
        (alone,) = desk.sign_many(acts[:1])
    assert not isinstance(alone, WorkflowError)
    assert world.case("m1").stage == "published"
