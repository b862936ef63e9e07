"""What a trace says beside who signed: how a member of a group voted, what signers wrote, and who was named or answered
second beside the head. Source: R008, R037, R041, R178, R179."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.test_groups import HANDLER, RESTARTING, department, vote
from tests.contract.world import MATTER, World, flow_text, imported, tenure_row, worlds
from workflow import Actor, loads, orgbook
from workflow.acts import Migrate
from workflow.cli.tracing import lines
from workflow.trace import Trace, trace
from workflow.views import signatures


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


def traced(world: World) -> Trace:
    with world.engine.look() as desk:
        return trace(desk, "m1", world.clock.now())


def told(world: World, lang: str) -> list[str]:
    with world.engine.look() as desk:
        return list(lines(desk, trace(desk, "m1", world.clock.now()), lang))  # type: ignore[arg-type]


def test_whoever_voted_against_is_not_told_as_having_agreed(world: World) -> None:
    world.engine.publish(loads(flow_text(RESTARTING)))
    world.engine.open("restarting", "o1", item="m1")
    vote(world, HANDLER)
    vote(world, department("t1"), "against")
    vote(world, department("s1"), "agree")
    vote(world, department("g1"), "abstain")  # out of reach: all of it begins anew
    assert [(r.person, r.vote, r.superseded) for r in traced(world).root.signers] == [
        ("o1-handler", "", True),
        ("t1-department", "against", True),
        ("s1-department", "agree", True),
        ("g1-department", "abstain", True),
    ]
    (against,) = (line for line in told(world, "zh") if "表决反对" in line)
    assert "t1-department" in against
    assert sum("voted against it" in line or "abstained" in line for line in told(world, "en")) == 2
    rows = traced(world).record()["root"]["signers"]
    assert [r["vote"] for r in rows] == ["", "against", "agree", "abstain"]


def test_what_a_signer_wrote_stands_beside_the_signature(world: World) -> None:
    """A chain that asks for an opinion shows it to whoever signs above and to whoever asks later."""
    world.begin("m1", outcome="")
    world.engine.sign("m1", HANDLER, world.case("m1").content, outcome="dropped", opinion="it drips", reason="a storm")
    (row,) = traced(world).root.signers
    assert (row.outcome, row.opinion, row.reason) == ("dropped", "it drips", "a storm")
    assert any(line.endswith(" · opinion: it drips · reason: a storm") for line in told(world, "en"))
    assert any(line.endswith(" · 意见:it drips · 理由:a storm") for line in told(world, "zh"))


def test_a_meeting_is_told_with_the_digest_of_its_minutes(world: World) -> None:
    world.begin("m1")
    while not any(r.minutes for r in traced(world).root.signers):
        world.sign("m1")
    (row,) = (r for r in traced(world).root.signers if r.minutes)
    assert (row.kind, world.engine.contents.get(row.minutes)) == ("decide", b"minutes")


def test_who_handed_papers_in_and_closed_lines_is_named_though_they_signed_nothing(world: World) -> None:
    """The secretary alone signs there; whoever wrote what they signed is asked too."""
    world.walk_to("vote", "m1")
    by = Actor("o1-handler", "handler", "o1")
    found = traced(world)
    assert [(h.kind, h.person, h.times) for h in found.root.handed] == [
        ("submit", "o1-handler", 1),
        ("submit", "o1-secretary", 1),
        ("close-line", "o1-secretary", 2),
        ("record-tally", "o1-scrutineer", 1),
    ]
    assert "prepared" in found.persons()["o1-scrutineer"] and "signed" not in found.persons()["o1-scrutineer"]
    assert any("✎" in line and "逐条销号 ×2" in line for line in told(world, "zh"))
    assert sum("✎" in line for line in told(world, "en")) == 4
    world.begin("m2")
    with world.engine.look() as desk:
        before = trace(desk, "m2", world.clock.now()).root.handed
    assert [(h.person, h.post, h.unit) for h in before] == [(by.person, by.post, by.unit)]


def test_who_was_named_lead_and_who_answered_second_stand_beside_the_head(world: World) -> None:
    """包抓 and 一岗双责 are beside the first responsible person, never instead; whoever was replaced stays named."""
    world.walk_to("plan", "m1")
    above = Actor("t1-secretary", "secretary", "t1")
    for lead in (Actor("t1-department", "department", "t1"), Actor("t1-handler", "handler", "t1")):
        world.engine.name_lead("m1", above, lead)
    with world.engine.desk() as desk:
        who = {"unit": "o1", "from_on": "2019-08-01"}
        orgbook.answer_beside(desk, above, "shared duty", person="o1-scrutineer", **who)
        orgbook.answer_beside(desk, above, "shared duty", person="nobody", item="another", **who)
        orgbook.answer_beside(desk, above, "shared duty", person="s1-handler", item="m1", **who)
    found = traced(world)
    assert [(n.person, n.unit, n.post, n.by) for n in found.root.named][-2:] == [
        ("t1-department", "t1", "department", "t1-secretary"),
        ("t1-handler", "t1", "handler", "t1-secretary"),
    ]
    heads = {h.unit: h for h in found.root.heads}
    assert (heads["o1"].then, heads["o1"].beside) == (("o1-secretary",), ("o1-scrutineer", "s1-handler"))
    assert heads["s1"].beside == ()
    persons = found.persons()
    assert {"lead"} <= persons["t1-department"] and "beside" in persons["s1-handler"] and "nobody" not in persons
    zh = told(world, "zh")
    assert any("◇" in line and "包抓责任人" in line and "指定人" in line for line in zh)
    assert any("◆" in line and "一岗双责" in line for line in zh)
    assert world.verify().holds


def test_who_holds_a_post_now_is_told_by_the_version_of_the_flow_that_held_at_the_instant(world: World) -> None:
    """The next version lets nobody answer for an absent handler: what was asked before it keeps its answer."""
    world.begin("m1")
    world.sign("m1")
    world.engine.import_org(imported(tenures=[tenure_row("o1-handler", "o1", "handler", until="2019-08-12")]))
    world.clock.advance(timedelta(hours=1))
    at = world.clock.now()
    with world.engine.look() as desk:
        before = signatures(desk, "m1", at)
        asked = trace(desk, "m1", at).record()
    assert before[0].now == ("t1-department", "t1-handler")
    second = loads(flow_text(MATTER, "2").replace("may: prepare, backstop: superior", "may: prepare"))
    world.engine.publish(second)
    world.clock.advance(timedelta(days=1))
    by = Actor("g1-secretary", "secretary", "g1")
    world.engine.act(Migrate(item="m1", by=by, to=second.digest, reason="nobody answers for an absent handler"))
    with world.engine.look() as desk:
        assert signatures(desk, "m1", at) == before and trace(desk, "m1", at).record() == asked
        assert signatures(desk, "m1", world.clock.now())[0].now == ()
