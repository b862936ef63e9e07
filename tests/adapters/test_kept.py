"""What is added up for everybody is made once at a time, kept a little while, and never older than is said."""

from __future__ import annotations

import threading

import pytest

from workflow_adapters.web import kept as keeping
from workflow_adapters.web.kept import Kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(keeping, "perf_counter", lambda: now[0])
    return now


def slow(clock: list[float], value: int, seconds: float = 1.0) -> int:
    clock[0] += seconds
    return value


def test_what_is_quick_is_made_each_time_and_what_is_slow_is_kept_as_long_as_it_is_worth(clock: list[float]) -> None:
    some = Kept()
    assert [some.get("a", lambda n=n: slow(clock, n, 0.005)) for n in range(3)] == [0, 1, 2]  # type: ignore[misc]
    assert some.get("b", lambda: slow(clock, 1, 0.1)) == 1
    clock[0] += 4.9
    assert some.get("b", lambda: slow(clock, 2)) == 1
    clock[0] += 0.2
    assert some.get("b", lambda: slow(clock, 3)) == 3
    clock[0] += keeping.LONGEST + 0.1
    assert some.get("b", lambda: slow(clock, 4)) == 4


def test_what_was_made_of_the_same_is_kept_however_quickly_it_was_made_and_what_was_not_is_made_anew(
    clock: list[float],
) -> None:
    some = Kept()
    assert [some.get("a", lambda n=n: slow(clock, n, 0.001), head=7) for n in range(3)] == [0, 0, 0]  # type: ignore[misc]
    assert some.get("a", lambda: slow(clock, 5, 0.001), head=8) == 5
    assert some.get("b", lambda: slow(clock, 1, 0.1), head=8) == 1
    clock[0] += 4.9
    assert some.get("b", lambda: slow(clock, 2), head=9) == 1, "it is still worth what it took to make"
    clock[0] += 0.2
    assert some.get("b", lambda: slow(clock, 3), head=9) == 3
    clock[0] += keeping.LONGEST + 0.1
    assert some.get("b", lambda: slow(clock, 4), head=9) == 4, "what is shown is never older than the pages say"


def test_one_makes_it_and_the_others_get_the_last_value_or_wait_for_the_first(clock: list[float]) -> None:
    some, begun, go = Kept(), threading.Event(), threading.Event()
    some.get("a", lambda: slow(clock, 1))
    clock[0] += 30.1  # gone by, and not by much

    def make() -> int:
        begun.set()
        assert go.wait(10)
        return slow(clock, 2)

    thread = threading.Thread(target=lambda: some.get("a", make))
    thread.start()
    assert begun.wait(10)
    assert some.get("a", lambda: slow(clock, 9)) == 1, "nobody waits while it is made anew"
    go.set()
    thread.join(10)
    assert some.get("a", lambda: slow(clock, 9)) == 2


def test_a_value_of_long_ago_is_given_to_nobody(clock: list[float]) -> None:
    some, begun, go, told = Kept(), threading.Event(), threading.Event(), []
    some.get("a", lambda: slow(clock, 1))
    clock[0] += 3600

    def make() -> int:
        begun.set()
        assert go.wait(10)
        return slow(clock, 2)

    first = threading.Thread(target=lambda: some.get("a", make))
    second = threading.Thread(target=lambda: told.append(some.get("a", lambda: slow(clock, 9))))
    first.start()
    assert begun.wait(10)
    second.start()
    go.set()
    first.join(10)
    second.join(10)
    assert told == [2]


def test_it_holds_no_more_than_so_many(clock: list[float]) -> None:
    some = Kept()
    for n in range(2 * keeping.MOST):
        some.get(n, lambda: slow(clock, 1))
    assert len(some._held) == keeping.MOST
