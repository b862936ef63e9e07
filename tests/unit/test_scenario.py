"""Scenario tests as a tool: where a file is wrong, where a scenario fails, what was not tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from workflow.cli import scenarios
from workflow.definition.problem import Problem
from workflow.errors import DefinitionInvalid
from workflow.scenario import report
from workflow.scenario.read import load_suite, read_suite, refusal_codes
from workflow.scenario.run import Result, run

FLOW = """\
flow: small
version: "1"
title: {zh: 小流程, en: small}
timezone: Asia/Shanghai
calendar: cn
levels: [branch, committee]
liability: {zh: 谁签字谁负责, en: whoever signs answers for it}
posts:
  handler: {title: {zh: 经办人, en: handler}, may: prepare, backstop: superior}
  secretary: {title: {zh: 书记, en: secretary}, first-responsible: true, backstop: superior}
materials:
  sheet: {title: {zh: 表, en: sheet}, fields: {words: {type: text, max: 100}}}
ladder:
  overdue:
    - {before: 1 workday, do: remind, to: responsible}
    - {after: 0 workdays, do: remind, to: [responsible, {secretary: superior}]}
stages:
  - stage: drafting
    due: 2 workdays
    materials: sheet
    slots: [handler, secretary]
    exits: {good: done, bad: {to: dropped, needs: reason}}
  - {stage: done, title: {zh: 办结, en: done}, final: true}
  - {stage: dropped, title: {zh: 放弃, en: dropped}, final: true}
"""
HEAD = """\
flow: small
org:   # invented
  units:
    c1: committee
    b1: {level: branch, parent: c1}
    b2: {level: branch, parent: c1}
  posts:
    handler@b1: p1
    secretary@b1: p2
    handler@c1: p3
    secretary@c1: p4
scenarios:
"""
GOOD = """\
  - scenario: drafted
    name: {zh: 起草, en: drafted}
    start: 2019-08-20 09:00
    steps:
      - {do: open, unit: b1, expect: {stage: drafting, open: handler@b1, dues: {drafting: 2019-08-22}}}
      - {do: submit, by: handler@b1, materials: {sheet: {words: words that say something}}}
"""
SIGNED = """\
  - scenario: signed
    given: drafted
    name: {zh: 签字, en: signed}
    steps:
      - {do: sign-through, outcome: good, expect: {stage: done, final: true}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(FLOW, encoding="utf-8")
    return tmp_path


def ran(folder: Path, body: str) -> Result:
    return run(read_suite((HEAD + body).encode(), str(folder / "small.test.yaml")))


def problems(folder: Path, body: str, head: str = HEAD) -> list[Problem]:
    with pytest.raises(DefinitionInvalid) as caught:
        read_suite((head + body).encode(), str(folder / "small.test.yaml"))
    found: list[Problem] = caught.value.facts["problems"]
    return found


def step(text: str) -> str:
    return GOOD + f"      - {text}\n"


LINE = len((HEAD + GOOD).splitlines()) + 1

CLOCKS = """due: {within: 5 workdays, extend: {by: superior, at-most: 5 workdays}, pause: {by: secretary,
      starts: {within: 3 workdays, duty: {secretary: superior}}}}"""

# --- what runs ---


def test_every_act_on_clocks_and_chains_can_be_written_in_a_scenario(folder: Path) -> None:
    """An extension, a pause that starts the other party's clock, a withdrawal, one more signer, handing over, urging."""
    (folder / "small.yaml").write_text(FLOW.replace("due: 2 workdays", CLOCKS), encoding="utf-8")
    body = """\
  - scenario: clocks
    name: {zh: 时限与签批变更, en: clocks and chains}
    start: 2019-08-20 09:00
    steps:
      - {do: open, unit: b1, expect: {dues: {drafting: 2019-08-27}}}
      - {do: extend, by: secretary@b1, due: 2019-08-29, reason: too early, expect: {refused: out-of-turn}}
      - {do: extend, by: secretary@c1, due: 2019-08-29, reason: a storm, expect: {dues: {drafting: 2019-08-29}}}
      - {do: extend, by: secretary@c1, due: 2019-08-30, reason: a storm, expect: {refused: limit-reached}}
      - {do: pause, by: secretary@b1, reason: waiting for the committee, expect: {dues: {drafting: paused, drafting/pause-1: 2019-08-23}}}
      - {at: 2019-08-22 09:00, do: resume, by: secretary@c1, reason: answered,
         expect: {dues: {drafting: 2019-09-02, drafting/pause-1: none}}}
      - {do: urge, by: secretary@c1}
      - {do: urge, by: secretary@c1, expect: {refused: limit-reached}}
      - {do: submit, by: handler@b1, materials: {sheet: {words: words that say something}}}
      - {do: sign, by: handler@b1, outcome: good, expect: {open: secretary@b1}}
      - {do: withdraw, by: handler@b1, expect: {open: handler@b1}}
      - {do: transfer, by: handler@b1, signer: secretary@b1, expect: {open: secretary@b1}}
      - {do: add-signer, by: secretary@b1, signer: handler@b1, where: before, expect: {open: handler@b1}}
      - {do: remove-signer, by: secretary@b1, slot: 1+1, expect: {open: secretary@b1}}
"""
    result = ran(folder, body)
    assert result.passed, "\n".join(report.lines([result], "en"))


def test_acts_on_clocks_say_what_they_lack_and_names_in_them_are_checked(folder: Path) -> None:
    found = [(p.code, p.line - LINE) for p in problems(folder, step("{do: extend, by: secretary@c1}"))]
    assert found == [("missing-key", 0), ("missing-key", 0)]
    assert [p.code for p in problems(folder, step("{do: add-signer, by: handler@b1, signer: handlr@b1}"))] == [
        "unknown-post"
    ]
    assert [p.code for p in problems(folder, step("{expect: {owed: MISING}}"))] == ["unknown-state"]


def test_a_scenario_begins_where_the_one_it_names_ended(folder: Path) -> None:
    result = ran(folder, GOOD + SIGNED)
    assert result.passed, "\n".join(report.lines([result], "en"))
    assert [o.entries for o in result.outcomes] == [3, 5]  # one of them is the organisation's


def test_two_scenarios_from_one_beginning_do_not_see_each_other(folder: Path) -> None:
    other = SIGNED.replace("signed", "dropped-it").replace(
        "outcome: good, expect: {stage: done", "outcome: bad, reason: no longer wanted, expect: {stage: dropped"
    )
    assert ran(folder, GOOD + SIGNED + other).passed


def test_the_clock_stops_at_every_rung_so_that_each_carries_its_own_date(folder: Path) -> None:
    """R168: after weeks at once the two reminders are dated as they fell due."""
    body = step(
        "{at: 2019-09-20 09:00, expect: {rungs: [{do: remind, on: 2019-08-21, to: secretary@b1}, "
        "{do: remind, on: 2019-08-23, to: [secretary@b1, secretary@c1]}]}}"
    )
    result = ran(folder, body)
    assert result.passed, "\n".join(report.lines([result], "en"))


def test_a_vacant_post_is_answered_by_its_backstop_and_says_so(folder: Path) -> None:
    body = """\
  - scenario: vacant
    name: vacant
    start: 2019-08-20 09:00
    steps:
      - {do: open, unit: b2}
      - {do: submit, by: handler@b2, materials: {sheet: {words: words that say something}}}
      - {do: sign, by: handler@b2, outcome: good, expect: {as: backstop}}
"""
    assert ran(folder, body).passed


# --- where a scenario fails ---


@pytest.mark.parametrize(
    ("text", "expected", "actual"),
    [
        ("{do: sign, by: secretary@b1}", "sign by secretary@b1 is done", "refused (out-of-turn)"),
        ("{do: sign, by: secretary@b1, expect: {refused: stale}}", "refused (stale)", "refused (out-of-turn)"),
        ("{do: sign, by: handler@b1, outcome: good, expect: {refused: stale}}", "refused (stale)", "it was done"),
        ("{expect: {stage: done}}", "stage done", "drafting"),
        ("{expect: {round: 2}}", "round 2", "1"),
        ("{expect: {open: [secretary@b1]}}", "open secretary@b1", "handler@b1"),
        ("{expect: {final: true}}", "final True", "False"),
        ("{expect: {class: watch}}", "class watch", "none"),
        ("{expect: {items: 1}}", "items 1", "0"),
        ("{expect: {dues: {drafting: 2019-08-23}}}", "dues drafting 2019-08-23", "drafting 2019-08-22"),
        ("{expect: {rungs: [remind]}}", "rungs remind", "none"),
        ("{do: sign, by: handler@b1, outcome: good, expect: {as: backstop}}", "as backstop", "holder"),
        ("{at: 2019-08-19 09:00}", "the clock moves", "the clock stands at 2019-08-20 09:00"),
        ("{do: sign, by: handler@b1, item: another}", "can be carried out", "no item another; there are item"),
        (
            "{do: sign, by: secretary@b1, expect: {refused: out-of-turn, names: p9}}",
            "the refusal names p9",
            "1:handler@b1",
        ),
    ],
)
def test_a_failure_names_the_step_its_line_what_was_expected_and_what_came(
    folder: Path, text: str, expected: str, actual: str
) -> None:
    result = ran(folder, step(text) + SIGNED)
    failure = result.outcomes[0].failure
    assert failure is not None and failure.step == 3
    assert [m.line for m in failure.mismatches] == [LINE]
    assert expected in failure.mismatches[0].expected and actual in failure.mismatches[0].actual
    assert result.outcomes[1].skipped and not result.passed
    told = "\n".join(report.lines([result], "en"))
    assert f"small.test.yaml:{LINE}: step 3" in told and "FAILED  drafted" in told and "not run  signed" in told


def test_the_report_is_told_in_chinese_as_well(folder: Path) -> None:
    told = "\n".join(report.lines([ran(folder, step("{expect: {stage: done}}"))], "zh"))
    assert "失败  起草" in told and "第 3 步" in told and "应为: 阶段 done" in told and "未覆盖流转去向" in told


# --- what was tried ---


def test_coverage_names_what_no_scenario_reached(folder: Path) -> None:
    coverage = report.coverages([ran(folder, GOOD + SIGNED)])["small"]
    assert coverage.missing() == {
        "stages": ["dropped"],
        "exits": ["drafting.bad"],
        "limits": [],
        "rungs": ["overdue[1] remind before 1 workdays", "overdue[2] remind after 0 workdays"],
    }
    assert coverage.counts()["exits"] == (1, 2) and not coverage.whole


def test_only_expected_refusals_count_as_seen(folder: Path) -> None:
    body = (
        step("{do: sign, by: secretary@b1, expect: {refused: out-of-turn}}") + "      - {do: sign, by: secretary@b1}\n"
    )
    assert report.coverages([ran(folder, body)])["small"].refusals == {"out-of-turn": 1}


# --- where a file is wrong ---


@pytest.mark.parametrize(
    ("text", "code", "column", "hint"),
    [
        ("{do: sing, by: handler@b1}", "unknown-act", 14, "sign"),
        ("{do: sign, by: handlr@b1}", "unknown-post", 24, "handler"),
        ("{do: sign, by: handler@b9}", "unknown-unit", 24, ""),
        ("{do: sign, by: handler}", "not-a-post", 24, ""),
        ("{do: sign, by: handler@b1, persn: p1}", "unknown-key", 36, "person"),
        ("{do: sign, by: handler@b1, person: p11}", "unknown-person", 44, "p1"),
        ("{do: sign, by: handler@b1, outcome: goodd}", "unknown-exit", 45, "good"),
        ("{do: sign, outcome: good}", "missing-key", 9, ""),
        ("{do: submit, by: handler@b1, materials: {shet: {words: a}}}", "unknown-material", 50, "sheet"),
        ("{expect: {stage: draftin}}", "unknown-stage", 26, "drafting"),
        ("{expect: {stge: drafting}}", "unknown-key", 19, "stage"),
        ("{expect: {refused: out-of-trun}}", "unknown-refusal", 28, "out-of-turn"),
        ("{expect: {dues: {drafting: soon}}}", "not-a-date", 36, ""),
        ("{expect: {rungs: [remnd]}}", "unknown-rung", 27, "remind"),
        ("{expect: {as: backstp}}", "unknown-capacity", 23, "backstop"),
        ("{expect: {round: two}}", "wrong-type", 26, ""),
        ("{at: 2019-08-21}", "not-a-moment", 14, ""),
    ],
)
def test_a_typo_is_told_at_its_place_with_the_nearest_name(
    folder: Path, text: str, code: str, column: int, hint: str
) -> None:
    (problem,) = problems(folder, step(text))
    assert (problem.code, problem.line, problem.column) == (code, LINE, column)
    assert (f"did you mean {hint}?" if hint else "") == problem.hint


def test_where_a_refusal_is_expected_wrong_names_are_the_point_of_the_step(folder: Path) -> None:
    assert ran(folder, step("{do: sign, by: handler@b1, outcome: great, expect: {refused: no-such-exit}}")).passed


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("flow: small", "flow: smal", "unknown-flow"),
        ("level: branch, parent: c1}\n    b2", "level: brnch, parent: c1}\n    b2", "unknown-level"),
        ("parent: c1}\n    b2", "parent: c9}\n    b2", "unknown-unit"),
        ("handler@b1: p1", "handler@b7: p1", "unknown-unit"),
        ("scenarios:", "scenarioz:", "unknown-key"),
    ],
)
def test_what_stands_above_the_scenarios_is_checked_too(folder: Path, old: str, new: str, code: str) -> None:
    assert code in [p.code for p in problems(folder, GOOD, HEAD.replace(old, new))]


def test_a_scenario_begins_only_after_an_earlier_one_and_each_code_stands_once(folder: Path) -> None:
    assert [p.code for p in problems(folder, SIGNED + GOOD)] == ["unknown-earlier-scenario"]
    assert [p.code for p in problems(folder, GOOD + GOOD)] == ["duplicate-scenario"]


def test_every_fault_is_told_at_once_in_file_order(folder: Path) -> None:
    body = step("{do: sign, by: handlr@b1}") + "      - {expect: {stage: draftin}}\n"
    assert [(p.code, p.line) for p in problems(folder, body)] == [("unknown-post", LINE), ("unknown-stage", LINE + 1)]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid, match="the file cannot be read"):
        load_suite(tmp_path / "none.test.yaml")


def test_every_refusal_of_the_library_can_be_expected() -> None:
    assert {"out-of-turn", "stale", "gate-closed", "unknown", "calendar-missing"} <= set(refusal_codes())


# --- the command ---


def command(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    scenarios.register(app)
    app.callback()(lambda: None)
    done = CliRunner().invoke(app, ["test", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_runs_a_folder_and_exits_with_success(folder: Path) -> None:
    (folder / "small.test.yaml").write_text(HEAD + GOOD + SIGNED, encoding="utf-8")
    code, out, _ = command(str(folder))
    assert code == 0 and "2 scenarios: 2 passed, 0 failed, 0 not run" in out
    assert command(str(folder), "--complete")[0] == 1  # one exit was not tried


def test_the_command_exits_with_one_when_a_scenario_fails_or_a_file_does_not_hold(folder: Path) -> None:
    path = folder / "small.test.yaml"
    path.write_text(HEAD + step("{expect: {stage: done}}"), encoding="utf-8")
    assert command(str(path))[0] == 1
    path.write_text(HEAD + step("{expect: {stage: don}}"), encoding="utf-8")
    code, _, err = command(str(path), "--lang", "zh")
    assert code == 1 and f"small.test.yaml:{LINE}:26: 错误: 没有名为 don 的阶段" in err and "是否应为 done?" in err


def test_the_command_runs_one_scenario_with_those_it_begins_after_and_refuses_unknown_ones(folder: Path) -> None:
    path = folder / "small.test.yaml"
    other = GOOD.replace("drafted", "alone")
    path.write_text(HEAD + GOOD + other + SIGNED, encoding="utf-8")
    code, out, _ = command(str(path), "--json", "-s", "signed")
    assert code == 0
    assert [s["scenario"] for s in json.loads(out)["files"][0]["scenarios"]] == ["drafted", "signed"]
    code, _, err = command(str(path), "-s", "singed")
    assert code != 0 and "signed" in err


def test_json_says_what_failed_and_what_is_uncovered(folder: Path) -> None:
    path = folder / "small.test.yaml"
    path.write_text(HEAD + step("{expect: {stage: done}}"), encoding="utf-8")
    code, out, _ = command(str(path), "--json")
    data = json.loads(out)
    (scenario,) = data["files"][0]["scenarios"]
    assert code == 1 and data["passed"] is False and scenario["result"] == "failed"
    assert scenario["failure"]["mismatches"] == [{"line": LINE, "expected": "stage done", "actual": "drafting"}]
    assert data["coverage"]["small"]["exits"] == {"reached": 0, "of": 2}
    assert data["coverage"]["small"]["uncovered"]["exits"] == ["drafting.good", "drafting.bad"]
