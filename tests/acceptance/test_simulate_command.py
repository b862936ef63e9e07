"""A flow is tried out before it is in force: by chance with a seed, by keyboard, and with a node on another date."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.world import MATTER, TALK, flow_text
from workflow import load, loads
from workflow.calendar_file import load_calendar
from workflow.cli.main import app
from workflow.definition.definition import Definition
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.errors import Unknown
from workflow.org.model import Org
from workflow.prover.offices import invented
from workflow.simulation.behaviour import Behaviour, fails
from workflow.simulation.random_walk import Figures, simulate, with_node

SOUND = flow_text(MATTER).replace("  - stage: above\n", "  - stage: above\n    new-round: true\n")
CALENDAR = load_calendar(shipped_calendar("cn"))
FLOW, TALKS = loads(SOUND), loads(flow_text(TALK))
MAIN = load(shipped_flow("organisation-rectification"))


def run(n: int = 2, seed: int = 1, flow: Definition = FLOW, **how: Any) -> Figures:
    return simulate(flow, CALENDAR, n, seed, Behaviour(**how), others=[TALKS], at_most=150 if flow is MAIN else 60)


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    one, again, other = run(), run(), run(seed=2)
    assert (one.finals, one.paths, one.load, one.missed) == (again.finals, again.paths, again.load, again.missed)
    assert one.paths != other.paths
    assert one.finals.total() + len(one.dead_ends) + one.unfinished.total() == 2
    assert one.dead_ends == [] and one.load["secretary@second"] > 0
    assert one.longest[1][0] == "report"


def test_people_who_let_duties_lie_miss_more_and_climb_the_ladder() -> None:
    prompt, idle = run(days=0.1), run(days=0.1, lie=1.0)
    assert idle.missed.total() > prompt.missed.total()
    assert idle.rungs["reminded"] > prompt.rungs["reminded"]


def test_an_earlier_node_is_missed_more_often_and_the_same_people_do_the_same() -> None:
    moved, said = with_node(FLOW, "report", date(2019, 8, 2))
    before, after = run(), run(flow=moved)
    assert before.missed["report"] < after.missed["report"] <= after.armed["report"] == 2
    assert before.paths == after.paths and before.nodes["report"] == "report"
    assert [p.code for p in said] == ["node-before-in-force"]
    with pytest.raises(Unknown):
        with_node(FLOW, "reprot", date(2019, 8, 2))


def test_reports_that_are_owed_again_and_again_are_tried_period_by_period(tmp_path: Path) -> None:
    """Each unit's next report begins when its period does, and units with a calendar of their own are found with it."""
    calendar = shipped_calendar("cn").read_text(encoding="utf-8")
    (tmp_path / "works.yaml").write_text(calendar.replace("calendar: cn", "calendar: works", 1), encoding="utf-8")
    text = shipped_flow("weekly-report").read_text(encoding="utf-8")
    text = text.replace("calendar: cn\n", "calendar: cn\ncalendars: {organisation-1: works}\n")
    (tmp_path / "weekly.yaml").write_text(text, encoding="utf-8")
    told = CliRunner().invoke(
        app, ["simulate", str(tmp_path / "weekly.yaml"), "--items", "5", "--days", "0.1", "--json"]
    )
    found = json.loads(told.output)["as written"]
    assert told.exit_code == 0 and (found["items"], found["dead-ends"], found["unfinished"]) == (5, [], {})
    assert sum(found["ended"].values()) == 5 == found["dues"]["report/owed"]["items"]
    by_hand = CliRunner().invoke(app, ["simulate", str(tmp_path / "weekly.yaml"), "--by-hand"], input="q\n")
    assert by_hand.exit_code == 0 and "report  " in by_hand.output


def test_a_date_that_breaks_the_order_of_nodes_is_told_with_its_figures() -> None:
    _, said = with_node(MAIN, "acceptance", date(2019, 10, 1))
    assert {p.code for p in said} == {"nodes-out-of-order"}


def test_what_fails_is_known_of_every_way_out() -> None:
    poor = {f"{s.stage}.{e}" for s in MAIN.flow.stages for e in s.exits if fails(MAIN, s, e)}
    assert poor == {
        "plan.returned", "mass-evaluation.failed", "mass-evaluation.no-quorum", "preliminary-acceptance.failed",
        "look-back-first.gaps", "acceptance.unqualified", "result-notice.objected", "closed.rebound",
        "watched.worse", "watched.keep", "mass-evaluation.too-few", "evaluation-by-talks.discontent",
    } | {f"{s.stage}.sent-back" for s in MAIN.flow.stages if "sent-back" in s.exits}  # fmt: skip


def test_nobody_who_does_well_comes_to_rework_and_who_always_fails_does() -> None:
    found = {("investigation", "found"): 1.0, ("determination", "entered-in-register"): 1.0}
    well = run(3, flow=MAIN, fail=0.0, send_back=0.0, days=0.1, ways=found)
    aside = {"evaluation-by-talks", "rework"}
    names = [s.stage for s in MAIN.flow.stages]
    straight = [n for n in names[: names.index("closed") + 1] if n not in aside] + ["archived"]
    assert set(map(tuple, well.paths.values())) == {tuple(straight)}
    assert well.finals == {"archived": 3} and not well.missed
    ill = run(3, flow=MAIN, fail=1.0, send_back=0.0, days=0.1, ways=found)
    assert all("rework" in path and "acceptance" not in path for path in ill.paths.values())


def test_how_often_a_way_out_is_taken_can_be_said() -> None:
    none_found = run(4, flow=MAIN, ways={("investigation", "nothing-found"): 1.0})
    assert none_found.finals == {"zero-reported": 4}
    for ways, word in (({("investigaton", "found"): 1.0}, "investigaton"), ({("plan", "x"): 1.0}, "accepted")):
        with pytest.raises(Unknown, match=word):
            run(1, flow=MAIN, ways=ways)


def test_a_place_that_nobody_may_sign_is_a_dead_end() -> None:
    rows = invented(FLOW).to_rows()
    rows["tenures"] = [t for t in rows["tenures"] if (t["post"], t["unit"]) != ("handler", "third-1")]
    found = simulate(FLOW, CALENDAR, 1, 1, Behaviour(send_back=0), others=[TALKS], org=Org.from_rows(rows), at_most=60)
    assert found.dead_ends == [] and found.load["handler@third"] > 0  # the superior's handler answers for it
    rows["tenures"] = [t for t in rows["tenures"] if t["post"] != "handler"]
    found = simulate(FLOW, CALENDAR, 1, 1, Behaviour(send_back=0), others=[TALKS], org=Org.from_rows(rows), at_most=60)
    assert found.dead_ends == [("s0000", "report")]


def test_the_command_tells_figures(tmp_path: Path) -> None:
    file = tmp_path / "talk.yaml"
    file.write_text(flow_text(TALK))
    said = CliRunner().invoke(app, ["simulate", str(file), "-n", "2", "--json"])
    assert said.exit_code == 0, said.output
    figures = json.loads(said.output)["as written"]
    assert figures["ended"] == {"done": 2} and figures["unfinished"] == {}
    assert all(0 < load["busiest-week"] <= load["signatures"] for load in figures["load"].values())
    chinese = CliRunner().invoke(app, ["simulate", str(file), "-n", "2", "--lang", "zh"]).output
    assert "最长路径:s000" in chinese and "中位数" in chinese and "时限:逾期的事项数" in chinese


@pytest.mark.parametrize(
    ("option", "given", "expected"),
    [("--node", "report=soon", "NAME=2019-10-31"), ("--way", "report=1", "STAGE.EXIT"), ("--way", "a.b=2", "0 and 1")],
)
def test_a_typo_in_an_option_is_told(option: str, given: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.yaml"
    file.write_text(flow_text(TALK))
    said = CliRunner().invoke(app, ["simulate", str(file), option, given])
    assert said.exit_code == 2
    assert expected in " ".join(said.output.replace("│", " ").split())


def test_one_item_is_handled_by_keyboard(tmp_path: Path) -> None:
    file = tmp_path / "matter.yaml"
    file.write_text(SOUND)
    (tmp_path / "talk.yaml").write_text(flow_text(TALK))
    keys = "1\n9999\nnonsense\n+40\n1\nq\n"
    said = CliRunner().invoke(app, ["simulate", str(file), "--by-hand", "--lang", "en"], input=keys)
    assert said.exit_code == 0, said.output
    assert "submit" in said.output and "expected 1 to" in said.output and "▲ report/1" in said.output


def test_by_hand_no_signature_is_offered_after_which_nobody_could_choose_the_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    env = {"LC_ALL": "C.UTF-8"}
    assert CliRunner().invoke(app, ["init", str(folder)], env=env).exit_code == 0
    order = ["simulate", str(folder / "repair.yaml"), "--org", str(folder / "org"), "--by-hand"]
    said = CliRunner().invoke(app, order, env=env, input="1\n1\n1\n1\n1\n1\n1\n1\n")
    assert said.exit_code == 0 and "  1. clerk@t1: sign repair\n  2. clerk@t1: sign nothing\n" in said.output
    assert "sign\n  2. clerk@t1: sign repair" not in said.output and "acceptance" in said.output
