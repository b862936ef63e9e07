"""Who changed a chain, who owed beside whom, and who headed those that did not sign: all of it stands in the trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import SHEET, SHEETS, World, flow_text, worlds
from workflow import Actor, loads, orgbook
from workflow.cli.tracing import lines
from workflow.trace import Trace, trace

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
ABOVE = Actor("s1-secretary", "secretary", "s1")
OFFICE = Actor("s1-department", "department", "s1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(SHEETS)))
        made.engine.open("sheets", "o1", item="m1", campaign="c1")
        made.engine.submit("m1", HANDLER, SHEET)
        yield made


def seen(world: World) -> str:
    return world.case("m1").content


def traced(world: World) -> Trace:
    with world.engine.look() as desk:
        return trace(desk, "m1", world.clock.now())


def told(world: World, language: str) -> str:
    with world.engine.look() as desk:
        return "\n".join(lines(desk, trace(desk, "m1", world.clock.now()), language))  # type: ignore[arg-type]


def test_who_added_removed_or_handed_on_a_place_is_in_the_trace(world: World) -> None:
    e = world.engine
    e.transfer("m1", HANDLER, "1", "o1", "secretary")
    e.sign("m1", SECRETARY, seen(world), opinion="agreed")
    e.add_signer("m1", SECRETARY, "2", "t1", "department", "before")
    e.remove_signer("m1", SECRETARY, "2+1")
    found = traced(world)
    assert [(i.kind, i.post, i.unit, i.place, i.persons, i.was) for i in found.root.irregular] == [
        ("transferred", "secretary", "o1", "1", ("o1-handler",), "handler"),
        ("signer-added", "department", "t1", "2+1", ("o1-secretary",), ""),
        ("signer-removed", "department", "t1", "2+1", ("o1-secretary",), ""),
    ]
    assert found.persons()["o1-handler"] == {"changed-chain", "prepared"}
    assert "changed-chain" in found.persons()["o1-secretary"]
    zh, en = told(world, "zh"), told(world, "en")
    for words in ("转办,原 经办人", "加签", "减签"):
        assert words in zh
    for words in ("handed on from handler", "signer added", "added signer taken away"):
        assert words in en


def test_a_place_delegated_and_missed_was_owed_by_the_delegate_beside_whoever_gave_it(world: World) -> None:
    """Two facts, not one: the holder answers for the post, the delegate for what was taken over."""
    world.sign("m1")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-handler", "handler", "away for the day")
    world.clock.advance(timedelta(days=60))
    owed = [o for o in traced(world).root.owed if o.what == "signature"]
    assert [(o.persons, o.as_, o.now) for o in owed] == [
        (("o1-secretary",), "holder", ("o1-secretary",)),
        (("o1-handler",), "delegate", ("o1-handler",)),
    ]
    assert {o.missed_at for o in owed} == {owed[0].missed_at}
    assert "owed" in traced(world).persons()["o1-handler"] and "delegate" in traced(world).persons()["o1-handler"]
    assert "委派" in told(world, "zh") and "(受委派)" in told(world, "zh")
    world.engine.recall("m1", SECRETARY, seen(world), "2")
    assert [o.now for o in traced(world).root.owed if o.as_ == "delegate"] == [()]


def test_what_was_delegated_only_after_the_day_was_not_owed_by_the_delegate(world: World) -> None:
    world.sign("m1")
    world.clock.advance(timedelta(days=60))
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-handler", "handler", "away for the day")
    assert [o.persons for o in traced(world).root.owed if o.what == "signature"] == [("o1-secretary",)]


def test_a_delegated_place_that_was_passed_over_names_the_delegate_too(world: World) -> None:
    world.sign("m1")
    world.engine.delegate("m1", SECRETARY, seen(world), "2", "o1-handler", "handler", "away for the day")
    world.engine.ask_override("m1", ABOVE, seen(world), "2", "nobody answers")
    world.engine.override("m1", OFFICE, seen(world), "2", "nobody answers")
    owed = [(o.persons, o.as_) for o in traced(world).root.owed if o.what == "passed-over"]
    assert owed == [(("o1-secretary",), "holder"), (("o1-handler",), "delegate")]


def test_the_head_of_a_unit_that_owed_and_did_not_sign_stands_beside_those_of_the_signers(world: World) -> None:
    """Source: R041 「责任由相关企业党委一把手承担」, 时任、现任."""
    for _ in range(2):
        world.sign("m1")  # o1 has signed; nobody of t1 has
    assert {h.unit for h in traced(world).root.heads} == {"o1"}
    world.clock.advance(timedelta(days=60))
    heads = {h.unit: h for h in traced(world).root.heads}
    assert set(heads) == {"o1", "t1"}
    assert (heads["t1"].then, heads["t1"].now) == (("t1-secretary",), ("t1-secretary",))
    assert heads["t1"].day == "2019-09-09"  # the last day of what it owed


def test_what_is_learnt_later_changes_no_trace_of_before_and_signatures_keep_the_old_name(world: World) -> None:
    """The same question about the same instant has the same answer, whatever is said afterwards of days before it. R175."""
    world.sign("m1")
    world.clock.advance(timedelta(days=60))
    at = world.clock.now()
    before = traced(world).record()
    world.clock.advance(timedelta(hours=1))
    with world.engine.desk() as desk:
        of_old = {"name_zh": "示例新名", "name_en": "a new name"}
        orgbook.rename_unit(desk, None, "reform", unit="o1", on="2019-09-01", **of_old)
        orgbook.remove_from_posts(desk, None, "said to have left long ago", person="o1-secretary", on="2019-08-01")
        orgbook.dissolve(desk, None, "reform", unit="t2", successor="t1", on="2019-08-01")
    with world.engine.look() as desk:
        again = trace(desk, "m1", at).record()
    assert {k: v for k, v in again.items() if k != "later"} == {k: v for k, v in before.items() if k != "later"}
    assert traced(world).root.owed[0].persons != tuple(before["root"]["owed"][0]["persons"])  # as it is known now
    signed = next(line for line in told(world, "zh").splitlines() if "✓" in line)
    assert "示例单位4(现 示例新名) 经办人" in signed
