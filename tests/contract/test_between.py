"""Conditions between items, each said in a definition: letters from the top down, talks level by level, a cause that lies
above, a prior procedure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.test_mandates import alone
from tests.contract.world import World, flow_text, imported, person_row, tenure_row, worlds
from workflow import Actor, loads, orgbook
from workflow.errors import (
    BadMaterial,
    DefinitionInvalid,
    GateClosed,
    MaterialMissing,
    NotHolder,
    OutOfTurn,
    SamePerson,
    Stale,
    WrongStage,
)
from workflow.orgbook import NewUnit
from workflow.pairs import pairs
from workflow.trace import trace

LETTER = """flow: letter
title: {zh: 示例责任书, en: an invented letter}
materials: {duties: {title: duties, fields: {text: text}}}
stages:
  - stage: drawn
    duty: {secretary: superior}
    materials: duties
    gate: {prior: {flow: letter, of: superior, in: signed, signers: still-held}}
    slots: [{secretary: superior}, secretary]
    exits: {both: signed}
  - stage: signed
    final: true
"""

CASCADE = """flow: cascade
title: {zh: 示例谈心, en: an invented talk}
materials: {minutes: {title: minutes, fields: {text: text}}}
stages:
  - stage: due-talk
    duty: {secretary: superior}
    gate: {prior: {flow: cascade, of: superior, in: held}}
    slots: [{secretary: superior}, secretary]
    exits: {talked: held}
  - stage: held
    final: true
"""

START_WORK = """flow: start-work
title: {zh: 示例开工, en: an invented start}
stages:
  - stage: ready
    duty: secretary
    gate: {prior: [{flow: talk, in: done}, {flow: letter, in: signed}]}
    slots: secretary
    exits: {begun: working}
  - stage: working
    final: true
"""

CAUSE = """flow: cause
title: {zh: 示例根源, en: an invented cause}
stages:
  - stage: named
    duty: secretary
    slots: secretary
    exits: {above: claim}
  - stage: claim
    duty: secretary
    slots: secretary
    exits: {claimed: mend}
  - stage: mend
    duty: secretary
    slots: secretary
    exits: {mended: mended}
  - stage: mended
    final: true
"""

ROOTED = """flow: rooted
title: {zh: 示例问题, en: an invented problem}
materials:
  causes: {title: causes, kind: list, fields: {unit: unit, way: {type: choice, choices: [above]}}}
stages:
  - stage: found
    duty: secretary
    materials: causes
    slots: secretary
    exits:
      analysed: {to: work, opens: {list: causes, flow: cause, at-level: organisation, unit-by: unit, exit-by: way}}
  - stage: work
    duty: secretary
    gate: {opened: causes}
    slots: secretary
    exits: {done: closed}
  - stage: closed
    final: true
"""


FOUR = """flow: four
title: {zh: 示例四个一, en: four invented assignments}
stages:
  - stage: ready
    duty: secretary
    needs:
      assigned:
        leader: {post: secretary, at-least: second}
        department: {post: department, at-least: third}
        first-secretary: {post: secretary}
        team: {}
    slots: [handler, secretary]
    exits: {begun: working}
  - stage: working
    final: true
"""


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (LETTER, CASCADE, START_WORK, CAUSE, ROOTED, FOUR):
            made.engine.publish(loads(flow_text(text)))
        yield made


UNIT = {"name_zh": "示例单位", "name_en": "an invented unit", "established_on": "2010-01-01", "dissolved_on": None}


def head(unit: str) -> Actor:
    return Actor(f"{unit}-secretary", "secretary", unit)


def letter(world: World, unit: str, above: str, item: str = "") -> str:
    """Draw a letter up and let both sign it."""
    item = item or f"letter-{unit}"
    world.engine.open("letter", unit, item=item, campaign="c1")
    world.engine.submit(item, head(above), {"duties": {"text": "look after your own"}})
    world.engine.sign(item, head(above), world.case(item).content)
    world.engine.sign(item, head(unit), world.case(item).content)
    return item


def test_letters_go_from_the_top_down_between_a_unit_and_those_directly_below(world: World) -> None:
    """责任书: a child's letter is impossible before the parent's.

    Source: S2 「集团公司党委与二级单位党委签订」, R042, M32.
    """
    world.engine.open("letter", "t1", item="early", campaign="c1")
    with pytest.raises(GateClosed, match="letter of s1 signed through to signed") as refusal:
        world.engine.submit("early", head("s1"), {"duties": {"text": "x"}})
    assert "s1 的 letter 已签至 signed" in refusal.value.text("zh")
    letter(world, "s1", "g1")
    world.engine.submit("early", head("s1"), {"duties": {"text": "x"}})
    seen = world.case("early").content
    with pytest.raises(OutOfTurn):  # not the superior's superior
        world.engine.sign("early", head("g1"), seen)
    with pytest.raises(NotHolder):  # bound to the person who holds the post
        world.engine.sign("early", Actor("t2-secretary", "secretary", "s1"), seen)
    world.engine.sign("early", head("s1"), seen)
    world.engine.sign("early", head("t1"), seen)
    assert world.case("early").stage == "signed"
    with world.engine.look() as desk:
        third = pairs(desk, "letter", "c1", "third")
        lowest = pairs(desk, "letter", "c1", "organisation")
        found = trace(desk, "early", world.clock.now())
    assert [(p.superior, p.unit, p.state) for p in third] == [("s1", "t1", "signed"), ("s1", "t2", "unsigned")]
    assert [(p.unit, p.state) for p in lowest] == [("o1", "unsigned"), ("o2", "unsigned"), ("o3", "unsigned")]
    assert [(s.item, s.why) for s in found.root.walk()] == [("early", "finding"), ("letter-s1", "rested on")]
    assert world.verify().exit_code == 0


def test_a_new_secretary_signs_anew_before_the_letters_below_count(world: World) -> None:
    """Source: S2 「通过层层签订责任书」, R043."""
    letter(world, "s1", "g1")
    letter(world, "t1", "s1")
    world.clock.advance(timedelta(days=1))
    ended = tenure_row("s1-secretary", "s1", "secretary", until="2019-08-13")
    world.engine.import_org(
        imported(
            persons=[person_row("successor")],
            tenures=[ended, tenure_row("successor", "s1", "secretary", "2019-08-13")],
        )
    )
    successor = Actor("successor", "secretary", "s1")
    with world.engine.look() as desk:
        assert [(p.unit, p.state, p.left) for p in pairs(desk, "letter", "c1", "second")] == [
            ("s1", "void", ("s1-secretary",))
        ]
    world.engine.open("letter", "t2", item="letter-t2", campaign="c1")
    with pytest.raises(GateClosed, match="letter-s1: s1-secretary"):
        world.engine.submit("letter-t2", successor, {"duties": {"text": "x"}})
    world.engine.open("letter", "s1", item="anew", campaign="c1")
    world.engine.submit("anew", head("g1"), {"duties": {"text": "x"}})
    world.engine.sign("anew", head("g1"), world.case("anew").content)
    world.engine.sign("anew", successor, world.case("anew").content)
    world.engine.submit("letter-t2", successor, {"duties": {"text": "x"}})
    with world.engine.look() as desk:
        assert [(p.unit, p.state, p.item) for p in pairs(desk, "letter", "c1", "second")] == [("s1", "signed", "anew")]
        assert [(p.unit, p.state) for p in pairs(desk, "letter", "c1", "third")] == [("t1", "void"), ("t2", "unsigned")]
    assert world.verify().exit_code == 0


def test_a_secretary_under_another_id_is_no_new_secretary(world: World) -> None:
    letter(world, "s1", "g1")
    world.engine.import_org(imported(persons=[person_row("s1-again")]))
    with world.engine.desk() as desk:
        orgbook.merge_persons(desk, None, "twice on file", person="s1-secretary", into="s1-again", on="2019-08-12")
    with world.engine.look() as desk:
        assert [(p.unit, p.state) for p in pairs(desk, "letter", "c1", "second")] == [("s1", "signed")]
    again = Actor("s1-again", "secretary", "s1")
    world.engine.open("letter", "t1", item="letter-t1", campaign="c1")
    world.engine.submit("letter-t1", again, {"duties": {"text": "x"}})
    world.engine.sign("letter-t1", again, world.case("letter-t1").content)
    assert world.verify().exit_code == 0 and world.verify().rules == "hold"


def test_a_unit_that_came_under_another_superior_signs_with_that_one(world: World) -> None:
    """责任书 binds person and organisation: a letter with the former superior is none with the present one. Source: M32."""
    letter(world, "s1", "g1")
    letter(world, "t1", "s1")
    world.engine.import_org(
        imported(
            units=[{**UNIT, "id": "s2", "level": "second", "ordinal": 90}],
            parents=[{"unit": "s2", "kind": "managing", "parent": "g1", "from_on": "2010-01-01", "until_on": None}],
            persons=[person_row("s2-secretary")],
            tenures=[tenure_row("s2-secretary", "s2", "secretary")],
        )
    )
    with world.engine.desk() as desk:
        orgbook.move_unit(desk, None, "regrouped", unit="t1", parent="s2", from_on="2019-08-13")
    world.clock.advance(timedelta(days=1))
    with world.engine.look() as desk:
        assert [
            (p.superior, p.unit, p.state, p.with_) for p in pairs(desk, "letter", "c1", "third") if p.unit == "t1"
        ] == [("s2", "t1", "void", ("s1",))]
    world.engine.open("letter", "o1", item="letter-o1", campaign="c1")
    with pytest.raises(GateClosed, match="t1 is under another superior now"):
        world.engine.submit("letter-o1", head("t1"), {"duties": {"text": "x"}})
    letter(world, "s2", "g1")
    letter(world, "t1", "s2", "anew")
    world.engine.submit("letter-o1", head("t1"), {"duties": {"text": "x"}})
    with world.engine.look() as desk:
        assert [
            (p.superior, p.unit, p.state, p.item) for p in pairs(desk, "letter", "c1", "third") if p.unit == "t1"
        ] == [("s2", "t1", "signed", "anew")]
    assert world.verify().exit_code == 0


def test_talks_go_level_by_level(world: World) -> None:
    """谈心: whoever has not been talked to does not talk to those below.

    Source: S0 「企业各级党组织逐级往下与党组织主要负责同…」, R046, R045, M15.
    """
    for unit in ("s1", "t1"):
        world.engine.open("cascade", unit, item=f"talk-{unit}", campaign="c1")
    with pytest.raises(GateClosed, match="cascade of s1"):
        world.engine.sign("talk-t1", head("s1"), world.case("talk-t1").content)
    for by in ("g1", "s1"):
        world.engine.sign("talk-s1", head(by), world.case("talk-s1").content)
    for by in ("s1", "t1"):
        world.engine.sign("talk-t1", head(by), world.case("talk-t1").content)
    assert world.case("talk-t1").stage == "held"
    with world.engine.look() as desk:  # who has been talked with, and who not yet
        for level, expected in (("second", {"s1": "signed"}), ("third", {"t1": "signed", "t2": "unsigned"})):
            assert {p.unit: p.state for p in pairs(desk, "cascade", "c1", level)} == expected
        found = trace(desk, "talk-t1", world.clock.now())
    assert [s.person for s in found.root.signers] == ["s1-secretary", "t1-secretary"]  # who talked, with whom
    assert world.verify().exit_code == 0


def test_a_stage_waits_for_the_signed_outcome_of_another_procedure(world: World) -> None:
    """前置程序: each that is lacking is named; another campaign's does not count.

    Source: S3 「对实行党组织重大事项决策的前置程序」, R048, M29.
    """
    world.engine.open("start-work", "s1", item="w1", campaign="c1")
    seen = world.case("w1").content
    with pytest.raises(GateClosed, match="talk of s1"):
        world.engine.sign("w1", head("s1"), seen)
    world.engine.open("talk", "s1", item="talk-other", campaign="c2")
    world.engine.sign("talk-other", head("s1"), world.case("talk-other").content, outcome="held")
    with pytest.raises(GateClosed, match="talk of s1"):
        world.engine.sign("w1", head("s1"), seen)
    world.engine.open("talk", "s1", item="talk-1", campaign="c1")
    with pytest.raises(GateClosed, match="talk of s1"):  # under way is not signed
        world.engine.sign("w1", head("s1"), seen)
    world.engine.sign("talk-1", head("s1"), world.case("talk-1").content, outcome="held")
    with pytest.raises(GateClosed, match="letter of s1"):
        world.engine.sign("w1", head("s1"), seen)
    letter(world, "s1", "g1")
    world.engine.sign("w1", head("s1"), seen)
    assert world.case("w1").stage == "working"
    assert world.verify().exit_code == 0 and world.verify().rules == "hold"


def test_a_cause_that_lies_above_holds_the_item_below_open_until_it_is_claimed_and_mended(world: World) -> None:
    """根子在上面: the linked item is the upper unit's to claim. Source: S0 「表现在基层」, R026."""
    world.engine.open("rooted", "o1", item="r1", campaign="c1")
    causes = {"causes": [{"unit": "t1", "way": "above"}, {"unit": "s1", "way": "above"}]}
    for beside in ("o1", "o3", "t2"):  # neither itself nor beside it: the cause lies above
        world.engine.submit("r1", head("o1"), {"causes": [{"unit": beside, "way": "above"}]})
        with pytest.raises(BadMaterial, match="a unit above o1, which this item waits for: t1, s1, g1"):
            world.engine.sign("r1", head("o1"), world.case("r1").content)
    world.engine.submit("r1", head("o1"), causes)
    opened = world.engine.sign("r1", head("o1"), world.case("r1").content).opened
    assert [(world.case(i).unit, world.case(i).stage) for i in opened] == [("t1", "claim"), ("s1", "claim")]

    def close() -> None:
        world.engine.sign("r1", head("o1"), world.case("r1").content)

    with pytest.raises(GateClosed, match=r"of t1 \(claim\).*of s1 \(claim\)"):
        close()
    for item, unit in zip(opened, ("t1", "s1"), strict=True):
        with pytest.raises(OutOfTurn):  # nobody below claims it for them
            world.engine.sign(item, head("o1"), world.case(item).content)
        world.engine.sign(item, head(unit), world.case(item).content)
    with pytest.raises(GateClosed, match=r"of t1 \(mend\)"):
        close()
    for item, unit in zip(opened, ("t1", "s1"), strict=True):
        world.engine.sign(item, head(unit), world.case(item).content)
    close()
    assert world.case("r1").stage == "closed"
    with world.engine.look() as desk:
        found = trace(desk, "r1", world.clock.now())
    assert [(s.flow, s.unit) for s in found.root.walk()] == [("rooted", "o1"), ("cause", "t1"), ("cause", "s1")]
    assert world.verify().exit_code == 0


def test_an_item_does_not_start_without_the_four_and_ranks_are_checked(world: World) -> None:
    """四个一: a leader, a department, a first secretary and a team, each of the rank asked for.

    Source: S4 「由1名县级党员领导干部联村」, R178, R189, M38.
    """
    e, by = world.engine, head("t1")
    e.open("four", "o1", item="f1", campaign="c1")
    handler = Actor("o1-handler", "handler", "o1")
    with pytest.raises(MaterialMissing, match="department, first-secretary, leader, team"):
        e.sign("f1", handler, world.case("f1").content)
    with pytest.raises(BadMaterial, match="second or above"):
        e.name_lead("f1", by, head("t1"), role="leader")
    with pytest.raises(BadMaterial, match="secretary"):
        e.name_lead("f1", by, Actor("s1-handler", "handler", "s1"), role="leader")
    with pytest.raises(NotHolder):
        e.name_lead("f1", by, Actor("nobody", "secretary", "s1"), role="leader")
    with pytest.raises(WrongStage, match="naming a chief"):
        e.name_lead("f1", by, head("s1"), role="chief")
    with pytest.raises(OutOfTurn):  # nobody names their own
        e.name_lead("f1", head("o1"), head("s1"), role="leader")
    e.name_lead("f1", by, head("s1"), role="leader")
    e.name_lead("f1", by, Actor("t1-department", "department", "t1"), role="department")
    e.name_lead("f1", by, head("o1"), role="first-secretary")
    with pytest.raises(SamePerson, match="department"):  # four assignments are not three
        e.name_lead("f1", by, Actor("t1-department", "handler", "t1"), role="team")
    seen = world.case("f1").content
    with pytest.raises(MaterialMissing, match="team"):
        e.sign("f1", handler, seen)
    e.name_lead("f1", by, Actor("t2-handler", "handler", "t2"), role="team")
    with pytest.raises(Stale):  # the four are a part of what is signed
        e.sign("f1", handler, seen)
    e.sign("f1", handler, world.case("f1").content)
    with pytest.raises(WrongStage, match="nobody has signed"):
        e.name_lead("f1", by, Actor("t2-handler", "handler", "t2"), role="team")
    e.sign("f1", head("o1"), world.case("f1").content)
    case = world.case("f1")
    assert (case.stage, case.lead, sorted(case.assigned)) == (
        "working",
        {},
        ["department", "first-secretary", "leader", "team"],
    )
    assert world.verify().exit_code == 0 and world.verify().rules == "hold"
    assert alone(world, "f1") == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("in: signed,", "in: singed,", "singed"),
        ("of: superior, in", "of: own, in", "wait for itself"),
        ("{prior: {flow: letter, of: superior, in: signed, signers: still-held}}", "{}", "without a condition"),
        ("{prior: {flow: letter, of: superior, in: signed, signers: still-held}}", "{opened: duties}", "duties"),
    ],
)
def test_a_gate_that_cannot_be_meant_is_told(old: str, new: str, code: str) -> None:
    with pytest.raises(DefinitionInvalid, match=code):
        loads(flow_text(LETTER.replace(old, new)))


def test_after_a_merge_both_reports_are_still_owed(world: World) -> None:
    """A unit that took over another's report answers for both: the gate above waits for each. R070."""
    day = "2019-08-12"
    for unit in ("o1", "o2", "o3", "t1"):
        world.engine.open("survey", unit, item=f"survey-{unit}", campaign="c1")
    joint = NewUnit("o9", "organisation", "t1", "示例合并单位", "an invented joint unit")
    with world.engine.desk() as desk:
        orgbook.merge(desk, head("s1"), "reform", units=["o1", "o3"], into=joint, on=day)
        for post in ("secretary", "handler"):
            orgbook.appoint(desk, head("s1"), "joint", person=f"o1-{post}", unit="o9", post=post, from_on=day)
    nothing = {"statement": {"statement": "looked at, nothing found"}}
    for item, unit, holder in (("survey-o2", "o2", "t1"), ("survey-o1", "o9", "o1")):
        for post in ("handler", "secretary"):
            by = Actor(f"{holder}-{post}", post, unit)
            if post == "handler":
                world.engine.report_zero(item, by, nothing)
            world.engine.sign(item, by, world.case(item).content)
    assert world.case("survey-o1").final and not world.case("survey-o3").final
    with pytest.raises(GateClosed, match="o9"):
        world.engine.report_zero("survey-t1", Actor("t1-handler", "handler", "t1"), nothing)
