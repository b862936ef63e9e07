"""What only the host can answer: a flow names a guard, the host's own code says whether the way is open, and the answer goes on
record with what rested on it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, guards, loads
from workflow.calendar_file import load_calendar
from workflow.clock import local_day
from workflow.definition.load import examine
from workflow.definition.shipped import shipped_calendar
from workflow.drawing.picture import picture
from workflow.drawing.svg import svg
from workflow.errors import GateClosed, Said, Unknown
from workflow.evidence import canonical
from workflow.possible import may
from workflow.prover.proof import prove
from workflow.simulation.random_walk import simulate
from workflow.store import items

HANDLER = Actor("o1-handler", "handler", "o1")
GUARDED = """flow: guarded
title: {zh: 示例核对, en: an invented check of the stock}
materials:
  sheet: {title: sheet, fields: {words: {type: text, max: 200}}}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: counting
    duty: secretary
    due: 5 workdays
    materials: sheet
    slots: [handler, secretary]
    gate: {guards: [stock-checked]}
    exits: {counted: done}
  - stage: done
    final: true
"""
WORDS = {"sheet": {"words": "示例"}}


class Stock:
    """A host's own system: which units have checked their stock, and what it was asked."""

    def __init__(self) -> None:
        self.checked: set[str] = set()
        self.asked: list[guards.About] = []

    def __call__(self, about: guards.About) -> Said | None:
        self.asked.append(about)
        return None if about.unit in self.checked else Said("the stock is not checked", "库存未核对")


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> Stock:
    """Registered for the length of a test."""
    monkeypatch.setattr(guards, "_registered", {})
    made = Stock()
    guards.register("stock-checked", made)
    return made


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(GUARDED)))
        made.engine.open("guarded", "o1", item="m1", campaign="c1")
        yield made


def test_the_way_is_closed_until_the_host_says_it_is_open_and_the_answer_is_on_record(
    world: World, stock: Stock
) -> None:
    with pytest.raises(GateClosed, match="the stock is not checked") as refused:
        world.engine.submit("m1", HANDLER, WORDS)
    assert "缺:库存未核对" in refused.value.text("zh") and "外部条件 stock-checked" in refused.value.text("zh")
    assert world.entries("m1") == 1
    stock.checked.add("o1")
    world.engine.submit("m1", HANDLER, WORDS)
    world.sign("m1")
    stock.checked.clear()  # what was true at the first signature must be true at the last
    with pytest.raises(GateClosed):
        world.sign("m1")
    stock.checked.add("o1")
    world.sign("m1")
    assert world.case("m1").stage == "done"
    day = local_day(world.clock.now(), "Asia/Shanghai").isoformat()
    assert set(stock.asked) == {guards.About("m1", "guarded", "o1", "organisation", "counting", "c1", day)}
    with world.engine.reading() as connection:
        held = [canonical.decode(e.body)["facts"] for e in items.entries(connection, "m1")]
    assert [f[key] for f in held for key in f if key.startswith("guard stock-checked m1")] == [{}, {}, {}]
    asked = len(stock.asked)
    stock.checked.clear()
    report = world.verify()
    assert report.holds and report.rules == "hold" and len(stock.asked) == asked, "a replay asks nobody"


def test_who_asks_what_may_be_done_is_told_what_the_host_says(world: World, stock: Stock) -> None:
    with world.engine.look() as desk:
        (handing,) = [p for p in may(desk, "m1", HANDLER) if p.verb == "submit"]
    assert isinstance(handing.refusal, GateClosed) and "the stock is not checked" in str(handing.refusal)


def test_a_guard_that_is_not_installed_is_never_taken_for_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_registered", {"stock-chekced": lambda about: None})
    with pytest.raises(Unknown, match="did you mean stock-chekced") as refused:
        world.engine.submit("m1", HANDLER, WORDS)
    assert "外部条件" in refused.value.text("zh") and world.entries("m1") == 1


def test_whatever_goes_wrong_in_a_guard_goes_through_and_nothing_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(about: guards.About) -> None:
        raise ConnectionError("the stock does not answer")

    monkeypatch.setattr(guards, "_registered", {"stock-checked": broken})
    with pytest.raises(ConnectionError):
        world.engine.submit("m1", HANDLER, WORDS)
    assert world.entries("m1") == 1


def test_a_package_offers_a_guard_as_an_entry_point(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = EntryPoint("stock-checked", f"{__name__}:always_open", guards.ENTRY_POINTS)

    def points(group: str, name: str = "stock-checked") -> list[EntryPoint]:
        return [offered] if (group, name) == (guards.ENTRY_POINTS, offered.name) else []

    monkeypatch.setattr(guards, "_registered", {})
    monkeypatch.setattr(guards, "entry_points", points)
    monkeypatch.setattr(EntryPoint, "load", lambda self: always_open)
    assert guards.installed() == ["stock-checked"]
    world.engine.submit("m1", HANDLER, WORDS)
    world.through("m1")
    assert world.case("m1").stage == "done"


def always_open(about: guards.About) -> None:
    """A guard that lets everything pass."""


def test_a_flow_with_a_guard_is_tried_and_drawn_where_none_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guards, "_registered", {})
    found = examine(flow_text(GUARDED).encode(), "guarded.yaml")
    assert [(p.code, p.severity) for p in found.problems if p.code == "guard-not-here"] == [
        ("guard-not-here", "warning")
    ]
    assert found.definition is not None
    calendar = load_calendar(shipped_calendar("cn"))
    assert prove(found.definition, calendar).exit_code == 0
    assert simulate(found.definition, calendar, 3, 1).finals == {"done": 3}
    assert "外部条件 stock-checked" in svg(picture(found.definition, "zh"))
