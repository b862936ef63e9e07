"""Who may do what, answered before acting, agrees with what the verb then does; and signing in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.contract.test_clocks import CLOCKS, at_work
from tests.contract.world import SHEET, SHEETS, World, flow_text, worlds
from workflow import Actor, loads
from workflow.acts import KINDS, Act, Sign
from workflow.errors import OneByOne, Stale, WorkflowError
from workflow.possible import may


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


STAGES = ("report", "plan", "work", "vote", "acceptance", "published", "closed")
ASKED = (
    Actor("o1-handler", "handler", "o1"),
    Actor("o1-secretary", "secretary", "o1"),
    Actor("o1-scrutineer", "scrutineer", "o1"),
)
ASKED += (Actor("t1-secretary", "secretary", "t1"), Actor("s1-secretary", "secretary", "s1"))
ASKED += (Actor("s1-department", "department", "s1"), Actor("t1-department", "handler", "t1"))
ASKED += (Actor("nobody", "secretary", "o1"), Actor("o3-handler", "handler", "o3"))


def agree(world: World, item: str, people: tuple[Actor, ...], due: str = "2019-12-20") -> Counter[str]:
    """Ask every verb for each person, then do each act and take it back: the same refusal, or none. How many of which."""
    found: Counter[str] = Counter()
    before = world.entries(item)
    for person in people:
        with world.engine.look() as desk:
            answers = may(desk, item, person, due=due)
        for answer in answers:
            assert answer.act is not None
            refusal = done(world, answer.act)
            assert type(refusal) is type(answer.refusal), f"{person}: {answer} but {refusal!r}"
            found[answer.verb if refusal is None else f"no {answer.verb}"] += 1
    assert world.entries(item) == before
    return found


def done(world: World, act: Act) -> WorkflowError | None:
    """Do it, and take it back as a host that changes its mind: the refusal, or None."""
    try:
        with world.engine.desk() as desk:
            desk.act(act)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return None
    except WorkflowError as refusal:
        return refusal


def test_what_may_be_done_is_what_every_verb_then_does(world: World) -> None:
    found: Counter[str] = Counter()
    for n, stage in enumerate(STAGES):
        item = f"m{n}"
        if stage == "report":
            world.begin(item)
        else:
            world.walk_to(stage, item)
        found += agree(world, item, ASKED)
        if stage == "report":
            world.sign(item)
            found += agree(world, item, ASKED)
    world.clock.advance(timedelta(days=100))
    for item in ("m0", "m1", f"m{len(STAGES) - 1}"):
        found += agree(world, item, ASKED)
    world.engine.open("survey", "o1", item="survey-o1", campaign="c1")
    found += agree(world, "survey-o1", ASKED)
    world.engine.report_zero("survey-o1", ASKED[0], {"statement": {"statement": "looked at, nothing found"}})
    world.through("survey-o1")
    found += agree(world, "survey-o1", ASKED)
    allowed = {"sign", "accept", "return", "withdraw", "submit", "urge", "name-lead", "close-line", "post-notice"}
    allowed |= {"objection", "add-signer", "exempt", "contradict", "look-back", "reopen"}
    assert not [verb for verb in allowed if not found[verb]], found


def test_what_may_be_done_about_clocks_is_what_each_then_does(world: World) -> None:
    """Extended, paused and resumed by those above only, within the cap, and while the clock still runs: R067-R069."""
    world.engine.publish(loads(flow_text(CLOCKS)))
    item = at_work(world)
    people = (*ASKED, Actor("t1-department", "department", "t1"))
    found = agree(world, item, people, "2019-08-30")
    assert found["extend"] == 2 and found["pause"] and not found["resume"]  # extended at s1, by either post there
    case = world.case(item)
    rule = next(iter(case.dues))
    world.engine.pause(item, Actor("t1-secretary", "secretary", "t1"), case.content, "invented", rule=rule)
    found = agree(world, item, people, "2019-08-30")
    assert found["resume"] >= 2 and not found["pause"] and not found["extend"]  # by either party
    case = world.case(item)
    world.engine.resume(item, Actor("t1-secretary", "secretary", "t1"), case.content, "invented", rule=rule)
    world.clock.advance(timedelta(days=60))
    found = agree(world, item, people, "2019-12-20")
    assert found["no extend"] and not found["extend"]  # what is overdue is not extended


def test_what_may_be_said_of_a_report_is_what_each_then_says(world: World) -> None:
    """Exempted and contradicted from above, corrected by its own unit, and never twice: R055, R063."""
    world.engine.open("survey", "o1", item="survey-o1", campaign="c1")
    found = agree(world, "survey-o1", ASKED)
    assert found["exempt"] == 4 and not found["supplement"]  # by those at t1 and s1; there is nothing to correct yet
    world.engine.report_zero("survey-o1", ASKED[0], {"statement": {"statement": "looked at, nothing found"}})
    world.through("survey-o1")
    found = agree(world, "survey-o1", ASKED)
    assert found["contradict"] and found["supplement"] and not found["exempt"]
    seen = world.case("survey-o1").content
    world.engine.contradict("survey-o1", Actor("t1-secretary", "secretary", "t1"), seen, "visited", "photograph 7")
    found = agree(world, "survey-o1", ASKED)
    assert not found["contradict"] and found["no contradict"]


RANDOM_STEPS = 16
OWN = {"open", "fire", "reproject-due", "move-item"}  # about no item yet, or the engine's own
ELSEWHERE = {
    "open-ballot",
    "record-tally",
    "report-zero",
    "reverse",
    "close-line",
    "adopt-nodes",
    "record-check",
    "look-back",
    "reopen",
}
ELSEWHERE |= {
    "name-lead",
    "post-notice",
    "objection",
    "exempt",
    "supplement",
    "contradict",
}  # of the flows above, not this


@pytest.mark.parametrize("seed", [2, 5])
def test_whatever_happened_before_what_may_be_done_is_what_every_verb_then_does(world: World, seed: int) -> None:
    """A random walk through what is allowed: delegated, handed over, added to, overridden, suspended, sent back."""
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="m1")
    world.engine.submit("m1", ASKED[0], SHEET)
    world.engine.publish(loads(flow_text(SHEETS, "2")))
    people = (*ASKED, Actor("o1-scrutineer", "secretary", "o1"), Actor("t1-department", "department", "t1"))
    people += (Actor("g1-secretary", "secretary", "g1"),)
    random, found, walked = Random(seed), Counter[str](), Counter[str]()
    for _ in range(RANDOM_STEPS):
        found += agree(world, "m1", people)
        ways: dict[str, list[Act]] = {}
        for person in people:
            with world.engine.look() as desk:
                for one in may(desk, "m1", person, due="2019-12-20"):
                    if one.allowed and one.act is not None and one.verb not in ("view", "migrate", "submit"):
                        ways.setdefault(one.verb, []).append(one.act)
        rare = [verb for verb in ways if verb != "sign" and not walked[verb]]
        verb = random.choice(rare or sorted(ways))
        walked[verb] += 1
        world.engine.act(random.choice(ways[verb]))
        world.clock.advance(timedelta(hours=random.choice([1, 30])))
        if world.case("m1").final:
            break
    asked = {name.removeprefix("no ") for name in found}
    assert set(KINDS) - OWN - ELSEWHERE - {"decide", "accept", "close-out"} <= asked, set(KINDS) - asked
    allowed = {"delegate", "hand-over", "view", "migrate", "return", "suspend", "activate", "add-signer"}
    assert not [verb for verb in allowed if not found[verb]], found
    assert len(walked) >= 8, walked
    assert world.verify().rules == "hold"


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
