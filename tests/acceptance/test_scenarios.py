"""The shipped scenario tests, run as an operator runs them: every one passes, and nothing of a flow is left untried.

What they show, by requirement, stands in their names: ``definitions/flows/*.test.yaml``. Among them R017, R024, R033,
R036, R037, R038, R054, R058, R067, R068, R079, R101, R110, R131, R134, R137, R138, R146, R147, R148, R162, R163, R168,
R169.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from workflow.definition.load import check_files
from workflow.definition.problem import render
from workflow.definition.shipped import shipped_flow, shipped_root
from workflow.scenario import report
from workflow.scenario.coverage import Coverage
from workflow.scenario.read import load_suite
from workflow.scenario.run import Result, run

FILES = sorted((shipped_root() / "flows").glob("*.test.yaml"))


@cache
def ran(path: Path) -> Result:
    return run(load_suite(path))


def coverage(name: str) -> Coverage:
    return report.coverages([ran(shipped_flow(name).with_suffix(".test.yaml"))])[name]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_shipped_scenario_passes_on_the_real_engine_and_its_database_verifies(path: Path) -> None:
    result = ran(path)
    assert result.passed, "\n".join(report.lines([result], "en"))
    assert all(o.entries > 0 for o in result.outcomes)


@pytest.mark.parametrize(
    "name",
    [
        *("organisation-rectification", "investigation-report", "circulated-criticism", "admonitory-talk"),
        *("organisational-measures", "responsibility-letter", "talk-cascade", "prior-procedure", "cause-above"),
        "cause-claimed",
        *("four-ones", "village-rectification", "county-enterprise-rectification", "non-public-rectification"),
        *("supervision-visit", "campaign-archive", "organisation-file", "proposed-finding"),
        *("paper-request", "progress-plan"),
        *("quarterly-results", "results-circular", "quarterly-appraisal", "yearly-appraisal", "inspection-feedback"),
    ],
)
def test_every_stage_exit_limit_and_rung_of_a_shipped_flow_is_tried(name: str) -> None:
    assert coverage(name).missing() == {"stages": [], "exits": [], "limits": [], "rungs": []}


def test_the_scenarios_of_the_main_flow_meet_every_refusal_that_protects_it() -> None:
    """R036, R037, R038, R044, R079, R101, R110, R162: each is refused with a code of its own."""
    assert set(coverage("organisation-rectification").refusals) >= {
        "avoidance",
        "bad-material",
        "date-required",
        "lines-open",
        "material-missing",
        "no-such-exit",
        "not-holder",
        "out-of-turn",
        "reason-required",
        "same-person",
        "stale",
        "window-open",
        "wrong-meaning",
        "wrong-stage",
    }
    assert set(coverage("investigation-report").refusals) >= {"gate-closed", "zero-refused"}


def test_flows_that_open_one_another_fit_together() -> None:
    flows = sorted(p for p in (shipped_root() / "flows").glob("*.yaml") if "." not in p.stem)
    found = [p for p in check_files(flows) if p.code != "obligation-without-zero"]  # meant: see test_load
    assert [render(p) for p in found] == []


@pytest.mark.parametrize("name", ["circulated-criticism", "admonitory-talk", "organisational-measures"])
def test_every_number_of_a_proposal_flow_says_that_it_is_an_example(name: str) -> None:
    """The sources name criticism and talks and set no dates for handling them; whoever adopts the flow decides."""
    numbered = [
        line
        for line in shipped_flow(name).read_text(encoding="utf-8").splitlines()
        if any(word in line.split("#")[0] for word in ("workday", " days", "months"))
    ]
    assert numbered and [line for line in numbered if "# example" not in line] == []
