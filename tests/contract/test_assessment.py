"""Self, mass and superior put together into a grade: exactly, with floors, explained, the same when reckoned again.

Source: S0 「结合基层党组织自评情况,通过职工群众测评、上级党组织考评相结合方式」, R134; S3 「16个方面的内容……量化评分」, R130; R136, R137.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.contract.world import World, flow_text, worlds
from workflow import Actor, loads
from workflow.assessments import assessments, ranking
from workflow.cli.main import app
from workflow.definition.load import examine
from workflow.definition.model import Assess, Threshold
from workflow.errors import Avoidance, BadMaterial, MaterialMissing, NoSuchExit
from workflow.rules import assessing, materials

FLOW = """flow: judged
title: {zh: 虚构评定, en: an invented assessment}
materials:
  own-card:
    title: {zh: 自评表, en: self card}
    kind: scorecard
    methods: {documents: 查阅资料, talk: 座谈了解}
    parts:
      life: {title: 组织生活, points: 60, methods: [documents, talk]}
      team: {title: 班子, points: 40, evidence: false}
  votes:
    title: votes
    kind: tally
    fields:
      eligible: {type: integer, min: 1}
      voted: {type: integer, min: 0}
      aware: {type: integer, min: 0}
      dissatisfied: {type: integer, min: 0}
      satisfied: {type: integer, min: 0}
  card: {title: card, fields: {total: {type: integer, min: 0, max: 100}}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: own
    due: 5 workdays
    materials: own-card
    slots: secretary
    exits: {done: mass}
  - stage: mass
    due: 5 workdays
    materials: votes
    slots: secretary
    exits: {done: judged}
  - stage: judged
    duty: {secretary: second}
    due: 5 workdays
    materials: card
    slots: {secretary: second}
    one-by-one: true
    assess:
      sources:
        self: {material: own-card, weight: 20}
        mass: {material: votes, part: satisfied, whole: voted, weight: 30}
        superior: {material: card, field: total, weight: 50}
      floors:
        aware: {material: votes, part: aware, whole: voted, holds: ">= 90%"}
        dissatisfied: {material: votes, part: dissatisfied, whole: voted, holds: "<= 20%"}
        life: {material: own-card, part: life, holds: ">= 30"}
        superior: {source: superior, holds: "> 50"}
      grades:
        excellent: {from: ">= 90", exit: qualified}
        qualified: {from: "> 70", exit: qualified}
      failed: unqualified
      ties: superior
    exits: {qualified: closed, unqualified: rework}
  - stage: rework
    due: {set-by: acceptor}
    new-round: true
    at-most: {times: 3, then: closed}
    slots: secretary
    exits: {done: own}
  - {stage: closed, title: closed, final: true}
"""
DEFINITION = loads(flow_text(FLOW))
SECRETARY, ABOVE = Actor("o1-secretary", "secretary", "o1"), Actor("s1-secretary", "secretary", "s1")
VOTES = {"eligible": 20, "voted": 18, "aware": 17, "dissatisfied": 1, "satisfied": 17}


def own_card(life: str = "50.5", team: str = "40") -> dict[str, Any]:
    line = {"points": life, "method": "talk", "evidence": "invented: six talks"}
    return {"own-card": {"parts": {"life": line, "team": {"points": team}}}}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        made.engine.publish(DEFINITION)
        yield made


def to_judging(
    w: World, item: str, unit: str = "o1", *, card: Any = None, votes: Any = None, total: int = 80, begin: bool = True
) -> None:
    if begin:
        w.engine.open("judged", unit, item=item, campaign="c1")
    by = Actor(f"{unit}-secretary", "secretary", unit)
    for paper in (card or own_card(), {"votes": votes or VOTES}):
        w.engine.submit(item, by, paper)
        w.sign(item)
    w.engine.submit(item, ABOVE, {"card": {"total": total}})


def judged(w: World, item: str, **more: Any) -> dict[str, Any]:
    to_judging(w, item, **more)
    w.engine.accept(item, ABOVE, w.case(item).content, due="2019-12-02")
    with w.engine.desk() as desk:
        return vars(assessments(desk, item)[-1])


def test_three_judgements_make_one_grade_exactly_and_say_how(world: World) -> None:
    """Source: S0 「要对整顿情况进行全面自查」, R134, M16."""
    found = judged(world, "m1")
    total = (Fraction(181, 2) * 20 + Fraction(1700, 18) * 30 + 80 * 50) / 100
    assert (found["total"], found["shown"], found["grade"], found["ours"]) == (total, "86.43", "qualified", True)
    assert found["sources"]["self"] == {
        "material": "own-card",
        "of-100": "181/2",
        "weight": 20,
        "from": {"points": {"life": "50.5", "team": "40"}, "of": "100"},
    }
    assert found["floors"]["aware"] == {"value": "17/18", "wanted": ">= 90%", "holds": True}
    assert world.case("m1").stage == "closed" and world.verify().exit_code == 0


@pytest.mark.parametrize(
    ("votes", "total", "failing"),
    [
        ({**VOTES, "dissatisfied": 4}, 100, "dissatisfied"),  # 4/18 > 20 %: satisfied all the same
        ({**VOTES, "aware": 16}, 100, "aware"),  # 16/18 < 90 %
        (VOTES, 50, "superior"),  # > 50 excludes 50
    ],
)
def test_a_good_score_fails_on_a_floor(world: World, votes: dict[str, int], total: int, failing: str) -> None:
    """R136, R137, R145: awareness and satisfaction are two measures, and neither is bought with points."""
    found = judged(world, "m1", votes=votes, total=total)
    assert [n for n, f in found["floors"].items() if not f["holds"]] == [failing]
    assert (found["grade"], found["exit"], world.case("m1").stage) == ("", "unqualified", "rework")


def test_every_judgement_is_asked_for_item_by_item_and_the_way_out_is_not_chosen(world: World) -> None:
    to_judging(world, "m1", votes={**VOTES, "voted": 0, "aware": 0, "dissatisfied": 0, "satisfied": 0})
    with pytest.raises(NoSuchExit):
        world.engine.accept("m1", ABOVE, world.case("m1").content, outcome="qualified")
    with pytest.raises(BadMaterial, match="voted"):  # nobody voted: that is no share of anything
        world.engine.accept("m1", ABOVE, world.case("m1").content)
    assert world.case("m1").stage == "judged"


def test_a_round_carries_nothing_over_and_stays_readable(world: World) -> None:
    first = judged(world, "m1", total=40)
    world.engine.sign("m1", SECRETARY, world.case("m1").content)
    assert (world.case("m1").round, world.case("m1").assessed, world.case("m1").materials) == (2, {}, {})
    with pytest.raises(MaterialMissing, match="own-card"):
        world.engine.sign("m1", SECRETARY, world.case("m1").content)
    to_judging(world, "m1", total=90, begin=False)
    world.engine.accept("m1", ABOVE, world.case("m1").content)
    with world.engine.desk() as desk:
        both = assessments(desk, "m1")
    assert [(a.round, a.grade) for a in both] == [(1, ""), (2, "excellent")] and vars(both[0]) == first
    assert both[1].total == Fraction(90) + Fraction(43, 30)


@pytest.mark.parametrize(
    ("card", "path"),
    [
        (own_card(life="60.5"), "$.own-card.parts.life.points"),
        (own_card(team="-1"), "$.own-card.parts.team.points"),
        ({"own-card": {"parts": {"team": {"points": "1"}}}}, "$.own-card.parts.life"),
        ({"own-card": {"parts": {"life": {"points": "1", "method": "guess", "evidence": "x"}}}}, "$.own-card.parts.life.method"),
        ({"own-card": {"parts": {"life": {"points": "1", "method": "talk", "evidence": "无"}}}}, "$.own-card.parts.life.evidence"),
        ({"own-card": {"parts": {"life": {"points": 1, "method": "talk", "evidence": "x"}}}}, "$.own-card.parts.life.points"),
        ({"own-card": {}}, "$.own-card.parts"),
        ({"own-card": {"parts": {**own_card()["own-card"]["parts"], "zeal": {"points": "9"}}}}, "$.own-card.parts.zeal"),
    ],
)  # fmt: skip
def test_a_scorecard_wants_points_a_method_and_evidence_for_each_part(card: Any, path: str) -> None:
    """R130: a method for each part; R060: an empty word is no evidence."""
    with pytest.raises(BadMaterial) as refused:
        materials.check(DEFINITION, "own-card", card["own-card"])
    assert refused.value.path == path  # type: ignore[attr-defined]
    assert materials.check(DEFINITION, "own-card", own_card()["own-card"]) == {"points": {"life": "50.5", "team": "40"}}


def test_equal_results_are_ordered_by_the_stated_rule_or_share_a_rank(world: World) -> None:
    """The ties of this flow go by the superior's judgement."""
    judged(world, "a", total=80)
    judged(world, "b", unit="o3", total=80)
    judged(world, "c", total=90)
    judged(world, "d", card=own_card("60", "30.5"), total=80)  # the same total as a and b
    with world.engine.desk() as desk:
        rows = ranking(desk, "judged", "c1")
    assert [(r.rank, r.result.item, r.unit) for r in rows] == [(1, "c", "o1"), (2, "a", "o1"), (2, "b", "o3"), (2, "d", "o1")]  # fmt: skip
    even = {
        "x": {"total": "80", "sources": {"s": {"of-100": "70"}}},
        "y": {"total": "80", "sources": {"s": {"of-100": "90"}}},
    }
    assert assessing.ranked(even, ("s",)) == [(1, "y"), (2, "x")] and assessing.ranked(even, "shared") == [
        (1, "x"),
        (1, "y"),
    ]


def test_the_command_explains_a_result_and_gives_it_as_json(world: World) -> None:
    judged(world, "m1")
    told = CliRunner().invoke(app, ["assessment", "m1", "--db", world.url, "--lang", "zh"])
    assert told.exit_code == 0, told.output
    assert "总分 86.43 = 5186/60" not in told.output and "总分 86.43 = 2593/30" in told.output
    assert "底线 aware: 17/18 >= 90%: 达到" in told.output
    plain = CliRunner().invoke(app, ["assessment", "judged", "--campaign", "c1", "--db", world.url, "--json"])
    (row,) = json.loads(plain.output)
    assert (row["rank"], row["total"], row["grade"], row["ours"]) == (1, "2593/30", "qualified", True)
    none = CliRunner().invoke(app, ["assessment", "nothing", "--db", world.url, "--lang", "en"])
    assert "has not been assessed" in none.output


WEIGHTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 100)), min_size=1, max_size=5
)


@given(WEIGHTS)
def test_a_total_is_exact_stays_within_its_parts_and_shows_rounded_half_up(parts: list[tuple[int, int, int]]) -> None:
    shares = {str(n): Fraction(min(p, w) * 100, w) for n, (p, w, _) in enumerate(parts)}
    weights = {str(n): weight for n, (_, _, weight) in enumerate(parts)}
    total = assessing.weighed(shares, weights)
    assert min(shares.values()) <= total <= max(shares.values())
    assert total * sum(weights.values()) == sum(shares[n] * weights[n] for n in shares)
    gap = Fraction(assessing.shown(total, 2)) - total
    assert Fraction(-1, 200) < gap <= Fraction(1, 200)


@given(st.integers(0, 400), st.integers(1, 400))
def test_above_excludes_and_at_least_includes(part: int, whole: int) -> None:
    """「以上」 includes, 「超过」 does not."""
    value = Fraction(part, whole)
    assert assessing.meets(Threshold.model_validate(">= 35%"), value) == (value >= Fraction(35, 100))
    assert assessing.meets(Threshold.model_validate("> 35%"), value) == (value > Fraction(35, 100))
    assert assessing.meets(Threshold.model_validate("> 70"), value) == (value > 70)


def test_a_grade_is_the_first_that_is_reached() -> None:
    spec = Assess.model_validate(
        {
            "sources": {"x": {"material": "m", "weight": 1}},
            "grades": {"a": {"from": ">= 90", "exit": "y"}, "b": {"from": "> 70", "exit": "y"}},
            "failed": "n",
        }
    )
    totals = ("90", "179/2", "70", "71")
    assert [assessing.graded(spec, Fraction(t)) for t in totals] == ["a", "b", "", "b"]


TWICE = """flow: twice
title: {zh: 虚构初验终验, en: an invented acceptance in two steps}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: preliminary
    duty: {secretary: third}
    due: 5 workdays
    slots: {secretary: third}
    exits: {passed: final, failed: rework}
  - stage: final
    duty: {secretary: second}
    due: 5 workdays
    slots: {secretary: second}
    other-body-than: preliminary
    exits: {passed: closed, failed: rework}
  - stage: rework
    due: 5 workdays
    new-round: true
    at-most: {times: 3, then: closed}
    slots: secretary
    exits: {done: preliminary}
  - {stage: closed, title: closed, final: true}
"""


def test_preliminary_and_final_acceptance_are_of_different_bodies_even_where_a_level_is_absent(world: World) -> None:
    """R138: an initial pass is not closure."""
    world.engine.publish(loads(flow_text(TWICE)))
    places = {}
    for item, unit in (("m1", "o1"), ("m2", "s1"), ("m3", "g1")):
        world.engine.open("twice", unit, item=item)
        world.sign(item, outcome="passed")
        assert world.case(item).stage == "final"
        places[item] = world.case(item).open_slots[0].unit
    assert places == {"m1": "s1", "m2": "g1", "m3": "g1"}  # s1 passed m2 already; above g1 there is nobody
    with pytest.raises(Avoidance, match="preliminary"):
        world.sign("m3", outcome="passed")
    world.sign("m2", outcome="failed")
    world.sign("m2")
    assert (world.case("m2").round, world.case("m2").bodies) == (2, {})
    world.sign("m1", outcome="passed")
    assert world.case("m1").final and world.verify().exit_code == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{material: card, field: total, weight: 50}", "{material: card, field: findings-count, weight: 50}"),
        (
            "{material: votes, part: satisfied, whole: voted, weight: 30}",
            "{material: votes, part: number-of-photos, whole: voted, weight: 30}",
        ),
        (
            'dissatisfied: {material: votes, part: dissatisfied, whole: voted, holds: "<= 20%"}',
            'papers: {material: votes, part: number-of-photos, holds: ">= 20"}',
        ),
    ],
)
def test_an_assessment_that_counts_findings_papers_or_photos_is_refused_at_load(old: str, new: str) -> None:
    """R051 「不以排查摸底出来的“软弱涣散”数量作为考核的衡量指标」, R143, R204: in a source and in a floor alike."""
    text = flow_text(FLOW).replace("fields: {total:", "fields: {findings-count: {type: integer, max: 9}, total:")
    text = text.replace("      satisfied:", "      number-of-photos: {type: integer, min: 0}\n      satisfied:")
    assert [p for p in examine(text.encode()).problems if p.severity == "error"] == []
    assert old in text
    assert [p.code for p in examine(text.replace(old, new).encode()).problems] == ["score-counts"]
