"""A request id makes a retry safe: the same act is answered once more, another act under it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.world import MEASURES, SHEET, World
from workflow import Actor, Receipt
from workflow.errors import Conflict, OutOfTurn, RequestReused, WorkflowError
from workflow.store import appending

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
SCRUTINEER = Actor("o1-scrutineer", "scrutineer", "o1")


def _open(w: World, item: str) -> Callable[[str], Receipt]:
    return lambda r: w.engine.open("matter", "o1", item=item, request_id=r)


def _submit(w: World, item: str) -> Callable[[str], Receipt]:
    w.engine.open("matter", "o1", item=item)
    return lambda r: w.engine.submit(item, HANDLER, SHEET, outcome="found", request_id=r)


def _list(w: World, item: str) -> Callable[[str], Receipt]:
    w.walk_to("plan", item)
    return lambda r: w.engine.submit(item, SECRETARY, MEASURES, request_id=r)


def _sign(w: World, item: str) -> Callable[[str], Receipt]:
    seen = w.case(w.begin(item)).content
    return lambda r: w.engine.sign(item, HANDLER, seen, opinion="agreed", request_id=r)


def _last_signature(w: World, item: str) -> Callable[[str], Receipt]:
    w.begin(item)
    for _ in range(9):
        w.sign(item)
    seen, by = w.case(item).content, Actor("s1-secretary", "secretary", "s1")
    return lambda r: w.engine.sign(item, by, seen, opinion="agreed", request_id=r)


def _return(w: World, item: str) -> Callable[[str], Receipt]:
    w.begin(item)
    w.sign(item)
    seen = w.case(item).content
    return lambda r: w.engine.send_back(item, SECRETARY, seen, "count again", request_id=r)


def _lead(w: World, item: str) -> Callable[[str], Receipt]:
    w.begin(item)
    lead = Actor("t1-department", "department", "t1")
    return lambda r: w.engine.name_lead(item, Actor("t1-secretary", "secretary", "t1"), lead, request_id=r)


def _notice(w: World, item: str) -> Callable[[str], Receipt]:
    w.walk_to("plan", item)
    return lambda r: w.engine.post_notice(item, HANDLER, "plan", channel="board", place="hall", request_id=r)


def _line(w: World, item: str) -> Callable[[str], Receipt]:
    w.walk_to("work", item)
    return lambda r: w.engine.close_line(item, SECRETARY, "measures", 1, b"photo", request_id=r)


def _objection(w: World, item: str) -> Callable[[str], Receipt]:
    w.walk_to("published", item)
    return lambda r: w.engine.object_to(item, "not repaired", request_id=r)


VERBS = {f.__name__.strip("_"): f for f in (_open, _submit, _list, _sign, _last_signature, _return, _lead, _notice)}
VERBS |= {f.__name__.strip("_"): f for f in (_line, _objection)}


@pytest.mark.parametrize("verb", VERBS)
def test_a_retry_after_success_gets_the_same_answer_and_adds_nothing(shared: World, verb: str) -> None:
    item = f"retry-{verb}"
    act = VERBS[verb](shared, item)
    first = act(f"r-{verb}")
    before, entries = shared.case(item), shared.entries()
    for _ in range(2):
        assert act(f"r-{verb}") == first
    assert (shared.case(item), shared.entries()) == (before, entries)


@pytest.mark.parametrize("verb", VERBS)
def test_another_act_under_a_used_request_is_refused_and_adds_nothing(shared: World, verb: str) -> None:
    item = f"reuse-{verb}"
    act = VERBS[verb](shared, item)
    shared.begin(f"other-{verb}")
    shared.sign(f"other-{verb}", request_id=f"u-{verb}")
    entries = shared.entries()
    with pytest.raises(RequestReused, match="Use a new request_id"):
        act(f"u-{verb}")
    assert shared.entries() == entries
    act(f"v-{verb}")


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("verb", VERBS)
def test_a_retry_after_a_crash_before_the_commit_does_the_act(
    shared: World, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = f"crash-{verb}"
    act = VERBS[verb](shared, item)
    written = appending.project

    def crash(*args: Any) -> None:
        written(*args)
        raise Crash

    before = shared.entries()
    with monkeypatch.context() as patch:
        patch.setattr(appending, "project", crash)
        with pytest.raises(Crash):
            act(f"c-{verb}")
    assert shared.entries() == before
    first = act(f"c-{verb}")
    assert shared.entries() == before + 1 + len(first.opened)
    assert act(f"c-{verb}").entry == first.entry


def test_without_a_request_id_a_second_signature_is_refused_not_answered(shared: World) -> None:
    act = _sign(shared, "plain")
    act(None)  # type: ignore[arg-type]
    with pytest.raises(OutOfTurn):
        act(None)  # type: ignore[arg-type]


def test_the_second_submission_with_a_new_request_is_a_new_act(shared: World) -> None:
    act = _submit(shared, "twice")
    assert act("t1").seq + 1 == act("t2").seq


def test_an_answer_stays_the_first_one_however_far_the_item_has_gone(shared: World) -> None:
    act = _sign(shared, "far")
    first = act("far-1")
    shared.through("far")
    assert act("far-1").entry == first.entry


def test_history_with_requests_verifies_and_the_columns_are_covered(world: World) -> None:
    _sign(world, "m1")("r1")
    found = world.verify()
    assert found.exit_code == 0, found.failures


def test_an_act_that_was_refused_leaves_its_request_free(shared: World) -> None:
    act = _sign(shared, "free")
    shared.sign("free")
    with pytest.raises(WorkflowError) as refused:
        act("free-1")
    assert isinstance(refused.value, OutOfTurn) and not isinstance(refused.value, Conflict)
    shared.sign("free", request_id="free-1")
