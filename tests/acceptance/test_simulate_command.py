"""A flow is tried out before it is in force: by chance with a seed, by keyboard, and with a node on another date."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import MATTER, TALK, flow_text
from workflow import loads
from workflow.calendar_file import load_calendar
from workflow.cli.main import app
from workflow.definition.shipped import shipped_calendar
from workflow.errors import Unknown
from workflow.org.model import Org
from workflow.prover.offices import invented
from workflow.simulation.random_walk import Behaviour, Figures, simulate, with_node

SOUND = flow_text(MATTER).replace("  - stage: above\n", "  - stage: above\n    new-round: true\n")
CALENDAR = load_calendar(shipped_calendar("cn"))
FLOW, TALKS = loads(SOUND), loads(flow_text(TALK))


def run(n: int = 2, seed: int = 1, flow: object = FLOW, **how: float) -> Figures:
    return simulate(flow, CALENDAR, n, seed, Behaviour(**how), others=[TALKS], at_most=60)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    one, again, other = run(), run(), run(seed=2)
    assert (one.finals, one.paths, one.load, one.missed) == (again.finals, again.paths, again.load, again.missed)
    assert one.paths != other.paths
    assert one.finals.total() + len(one.dead_ends) + one.unfinished == 2
    assert one.dead_ends == [] and one.load["secretary@second"] > 0
    assert one.longest[1][0] == "report"


def test_people_who_let_duties_lie_miss_more_and_climb_the_ladder() -> None:
    prompt, idle = run(days=0.1), run(days=0.1, lie=1.0)
    assert idle.missed.total() > prompt.missed.total()
    assert idle.rungs["reminded"] > prompt.rungs["reminded"]


def test_an_earlier_node_is_missed_more_often() -> None:
    assert run().missed["report"] < run(flow=with_node(FLOW, "report", date(2019, 8, 2))).missed["report"]
    with pytest.raises(Unknown):
        with_node(FLOW, "reprot", date(2019, 8, 2))


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
    assert json.loads(said.output)["as written"]["ended"] == {"done": 2}
    assert "最长路径:s000" in CliRunner().invoke(app, ["simulate", str(file), "-n", "2", "--lang", "zh"]).output
    assert CliRunner().invoke(app, ["simulate", str(file), "--node", "report=soon"]).exit_code == 2


def test_one_item_is_handled_by_keyboard(tmp_path: Path) -> None:
    file = tmp_path / "matter.yaml"
    file.write_text(SOUND)
    (tmp_path / "talk.yaml").write_text(flow_text(TALK))
    keys = "1\n9999\nnonsense\n+40\n1\nq\n"
    said = CliRunner().invoke(app, ["simulate", str(file), "--by-hand", "--lang", "en"], input=keys)
    assert said.exit_code == 0, said.output
    assert "submit" in said.output and "expected 1 to" in said.output and "▲ report/1" in said.output
