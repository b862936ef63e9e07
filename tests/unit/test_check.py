"""Every rule of sense has a code; each is broken once in a shipped flow and found at the exact line."""

# ruff: noqa: E501  a table reads better with one case a line
from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflow.definition import shipped
from workflow.definition.check import check, check_project
from workflow.definition.load import Examined, examine
from workflow.definition.problem import Problem, render

MAIN = shipped.shipped_flow("organisation-rectification").read_text(encoding="utf-8")
REPORT = shipped.shipped_flow("investigation-report").read_text(encoding="utf-8")


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with each old part, which must stand there once, replaced by its new one."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def look(text: str) -> Examined:
    return examine(text.encode(), "flow.yaml")


def line_of(text: str, mark: str) -> int:
    assert mark in text, mark
    return text[: text.index(mark)].count("\n") + 1


# code, the parts to change, where the problem stands (the first line with this text), severity
MAIN_BREAKS: list[tuple[str, list[tuple[str, str]], str]] = [
    ("unknown-stage", [("found: determination", "found: determinaton")], "found: determinaton"),
    ("unknown-stage", [("at-most: {times: 2, then: superior}", "at-most: {times: 2, then: superiors}")], "then: superiors"),
    ("unknown-post", [("slots: {secretary: third}", "slots: {secretery: third}")], "slots: {secretery"),
    ("unknown-post", [("duty: {secretary: next-above}", "duty: {chief: next-above}")], "duty: {chief"),
    ("unknown-post", [("branch: [handler, secretary]", "branch: [handlr, secretary]")], "handlr"),
    ("unknown-post", [("not-by: [secretary, lead]", "not-by: [secretary, leader]")], "leader]"),
    ("unknown-post", [("remind, to: responsible}", "remind, to: irresponsible}")], "irresponsible"),
    ("unknown-post", [("whom: [responsible, {secretary: superior}]", "whom: [lead]")], "whom: [lead]"),
    ("unknown-post", [("recorded-by: department, minutes: required}\n    - secretary", "recorded-by: clerk}\n    - secretary")], "clerk"),
    ("unknown-post", [("{seal: seal-keeper}", "{seal: sealer}")], "sealer"),
    ("unknown-post", [("two-persons: [[scrutineer]]", "two-persons: [[scrutiner]]")], "[[scrutiner]]"),
    ("unknown-post", [("      by: {department: second}\n      held", "      by: {committee: second}\n      held")], "committee: second"),
    ("unknown-of", [("duty: {secretary: third}", "duty: {secretary: thrid}")], "thrid"),
    ("unknown-of", [("slots: {department: third}", "slots: {department: next}")], "{department: next}"),
    ("unknown-of", [("of: second}\n      - {secretary: second}\n    exits", "of: scond}\n      - {secretary: second}\n    exits")], "of: scond"),
    ("unknown-chain", [("chain: report-up", "chain: report-upp")], "report-upp"),
    ("unknown-chain", [("to: second, each: within-level", "to: second, each: within-levl")], "each: within-levl"),
    ("unknown-chain", [("at: {organisation: branch}, within", "at: {organisation: brnch}, within")], "brnch"),
    ("unknown-body", [("committee-meeting: {zh: 党委会", "committee: {zh: 党委会")], "decision: committee-meeting"),
    ("unknown-material", [("materials: self-check-report", "materials: self-chek-report")], "self-chek-report"),
    ("unknown-material", [("met-by: measure-list", "met-by: measures")], "met-by: measures"),
    ("unknown-material", [("needs: zero-statement", "needs: zero-report")], "needs: zero-report"),
    ("unknown-material", [("requires: [opinion]", "requires: [opinoin]")], "opinoin"),
    ("unknown-material", [("to: previous, needs: reason", "to: previous, needs: reasn")], "needs: reasn"),
    ("unknown-material", [("close-out: {list: measure-list", "close-out: {list: measures")], "list: measures"),
    ("unknown-material", [("      material: mass-tally", "      material: tally-sheet")], "tally-sheet"),
    ("unknown-material", [("{material: acceptance-scorecard", "{material: acceptance-card")], "acceptance-card,"),
    ("unknown-node", [("due: {node: investigation}", "due: {node: investigaton}")], "investigaton}"),
    ("unknown-node", [("also-due: [{node: register-update", "also-due: [{node: register")], "{node: register,"),
    ("node-dropped", [("    rectification: 2019-10-31      # S0\n", "")], "due: {node: rectification,"),
    ("unknown-ladder", [("due: 20 workdays ", "due: {within: 20 workdays, ladder: overdo} ")], "overdo}"),
    ("unknown-ladder", [("or-within: 10 workdays}]", "or-within: 10 workdays, ladder: late}]")], "ladder: late"),
    ("unknown-ladder", [("held: held\n", "held: held\n      ladder: late\n")], "ladder: late"),
    ("unknown-level", [("levels: {from: organisation, to: second", "levels: {from: organization, to: second")], "organization"),
    ("unknown-level", [("from: organisation, to: superior", "from: organisation, to: superiour")], "superiour"),
    ("unknown-level", [("at: {organisation: branch}, within", "at: {org: branch}, within")], "{org: branch}"),
    ("chain-not-rising", [("from: organisation, to: second", "from: group, to: second")], "from: group"),
    ("chain-nested", [("to: second, each: within-level", "to: second, each: direct-superior")], "each: direct-superior"),
    ("empty-chain", [("branch: [handler, secretary]", "branch: []")], "branch: []"),
    ("duplicate-level", [("group, regulator]", "group, group, regulator]")], "group, group"),
    ("reserved-name", [("group, regulator]", "group, regulator, top]")], "regulator, top"),
    ("duplicate-category", [("watch-class:\n", "watch-class:\n  other: {zh: 其他, en: other}\n")], "  other: {zh: 其他, en"),
    ("duplicate-stage", [("  - stage: clearing", "  - stage: watched")], "  - stage: watched                #"),
    ("unreachable-stage", [("nothing-found: {to: zero-reported", "nothing-found: {to: archived"), ("not-confirmed: {to: zero-reported", "not-confirmed: {to: archived")], "stage: zero-reported"),
    ("dead-end", [("    exits: {cleared: archived}\n", "")], "stage: clearing"),
    ("exit-to-itself-only", [("exits: {cleared: archived}", "exits: {again: clearing}")], "exits: {again: clearing}"),
    ("final-with-exits", [("归档, en: archived}\n    final: true", "归档, en: archived}\n    final: true\n    exits: {again: plan}")], "exits: {again: plan}"),
    ("no-due", [("    due: 10 workdays               # example\n    exits: {accepted", "    exits: {accepted")], "- stage: plan"),
    ("nobody-signs", [("    slots: {secretary: next-above}\n", "")], "stage: superior"),
    ("tally-exits", [("no-quorum: mass-evaluation", "no-quorm: mass-evaluation")], "    tally:"),
    ("not-a-tally", [("    kind: tally\n", "")], "      material: mass-tally"),
    ("tally-fields", [("      aware: {type", "      awareness: {type")], "      material: mass-tally"),
    ("field-not-integer", [("aware: {type: integer, min: 0, max: 1000000,", "aware: {type: text,")], "      material: mass-tally"),
    ("material-not-in-stage", [("materials: [mass-tally, mass-papers]", "materials: [root-cause, mass-papers]")], "      material: mass-tally"),
    ("threshold", [('turnout: ">= 80%"', 'turnout: ">= 80"')], '      turnout: ">'),
    ("threshold", [('aware: ">= 90%"', 'aware: ">= 3/0"')], '      aware: ">'),
    ("threshold", [('aware: ">= 90%"', 'aware: "> 100%"')], '      aware: ">'),
    ("threshold", [('pass: ">= 70"', 'pass: ">= 70%"')], "score: {"),
    ("unknown-exit", [("passed: qualified", "passed: qualifed")], "qualifed,"),
    ("unknown-field", [("field: total", "field: totl")], "totl"),
    ("field-not-integer", [("field: total", "field: opinion")], "field: opinion"),
    ("material-not-in-stage", [("materials: acceptance-scorecard", "materials: superior-checks\n    # below")], "score: {"),
    ("not-a-list", [("close-out: {list: measure-list", "close-out: {list: root-cause")], "list: root-cause"),
    ("not-a-list", [("en: root cause}\n", "en: root cause}\n    at-least: 1\n")], "at-least: 1\n    fields: {root"),
    ("unknown-field", [("each-needs: [evidence, lead]", "each-needs: [evidence, leader]")], "leader]"),
    ("gate-without-reports", [("    chain: report-up\n", "    chain: report-up\n    gate: {children: settled}\n")], "gate:"),
    ("duplicate-key", [("    register-update: {on", "    rectification: 2019-10-20\n    register-update: {on")], "    rectification: 2019-10-31      # S0\n"),
    ("duplicate-in-force", [("in-force: 2019-09-26", "in-force: 2019-08-01")], '  "2":'),
    ("ladder-not-rising", [("after: 5 workdays", "after: 15 workdays")], "after: 10 workdays"),
    ("ladder-not-rising", [("before: 3 workdays", "after: 3 workdays")], "after: 0 workdays"),
    ("ladder-not-rising", [("after: 0 workdays", "before: 4 workdays")], "before: 4 workdays"),
    ("proposal-without-recipient", [("to: {department: superior}, whom: responsible}", "to: {department: superior}}")], "item: circulated-criticism"),
    ("proposal-without-recipient", [("to: {department: superior}, whom", "to: [], whom")], "to: [], whom"),
    ("rung-without-recipient", [("remind, to: responsible}", "remind, to: []}")], "remind, to: []"),
    ("no-first-responsible", [("first-responsible: true, ", "")], "posts:"),
    ("no-acceptor", [("    slots: {secretary: third}\n", "")], "exits: {passed: look-back-first, failed: rework, sent-back: rework}"),
    ("acceptor-date-optional", [("due: {set-by: acceptor}", "due: {set-by: acceptor, required: false}")], "required: false}\n    at-most"),
    ("duplicate-two-persons", [("two-persons: [[scrutineer]]", "two-persons: [[scrutineer, scrutineer]]")], "[[scrutineer, s"),
    ("duplicate-two-persons", [("two-persons: [[scrutineer]]", "two-persons: [[scrutineer], [scrutineer]]")], "[[scrutineer], ["),
    ("chain-and-slots", [("    chain: report-up\n", "    chain: report-up\n    slots: secretary\n")], "slots: secretary"),
    ("chain-and-slots", [("    chain: report-up\n", "    chain: report-up\n    two-persons: [[handler, secretary]]\n")], "two-persons: [[handler, secretary]]"),
    ("window-ends", [("for: 5 workdays, both-ends: counted,", "for: 5 workdays,")], "for: 5 workdays,"),
    ("window-longer-than-due", [("for: 5 workdays, both-ends", "for: 11 workdays, both-ends")], "for: 11 workdays"),
    ("unknown-exit", [("objection: objected}", "objection: acceptance}")], "objection: acceptance"),
    ("unknown-exit", [("held: held\n", "held: hold\n")], "held: hold"),
    ("look-back-too-late", [("look-backs: [90 days, 180 days]", "look-backs: [90 days, 2 years]")], "2 years"),
    ("look-backs-not-rising", [("look-backs: [90 days, 180 days]", "look-backs: [180 days, 90 days]")], "180 days, 90 days"),
    ("zero-span", [("due: 20 workdays ", "due: 0 workdays ")], "due: 0 workdays"),
    ("zero-span", [("branch}, within: 2 workdays}", "branch}, within: 0 workdays}")], "within: 0 workdays}"),
    ("zero-span", [("for: 5 workdays, both-ends", "for: 0 workdays, both-ends")], "for: 0 workdays"),
    ("zero-span", [("look-backs: [90 days, 180 days]", "look-backs: [0 days, 180 days]")], "look-backs: [0 days"),
    ("zero-span", [("due: 20 workdays ", "due: {within: 20 days, pause: {by: department, starts: {within: 0 days, duty: secretary}}} ")], "within: 0 days"),
    ("names-too-long", [("also-due: [{node: register-update, met-by", f"also-due: [{{node: {'n' * 64}, met-by"), ("  - stage: rectification", f"  - stage: {'r' * 30}")], f"node: {'n' * 64}"),
    ("unknown-flow", [("item: admonitory-talk", "item: admonitory-tlak")], "admonitory-tlak"),
    ("due-shorter-than-chain", [("    due: {node: investigation}\n", "    due: 5 workdays    # short\n")], "# short"),
    ("or-within-without-node", [("due: 20 workdays ", "due: {within: 20 workdays, or-within: 5 days} ")], "or-within: 5 days"),
    ("pause-of-fixed-date", [("due: 20 workdays ", "due: {node: acceptance, pause: {by: department, starts: {within: 5 days, duty: secretary}}} ")], "pause: {by"),
    ("unknown-post", [("due: 20 workdays ", "due: {within: 20 days, pause: {by: deparment, starts: {within: 5 days, duty: secretary}}} ")], "by: deparment"),
    ("unknown-ladder", [("due: 20 workdays ", "due: {within: 20 days, pause: {by: department, starts: {within: 5 days, duty: secretary, ladder: late}}} ")], "ladder: late"),
    ("unknown-of", [("due: 20 workdays ", "due: {within: 20 days, extend: {by: secnd, at-most: 5 days}} ")], "by: secnd"),
    ("unknown-node", [("due: 20 workdays ", "due: {within: 20 days, not-after: aceptance} ")], "aceptance}"),
    ("unknown-festival", [("due: 20 workdays ", "due: {before: Natonal Day} ")], "Natonal"),
    ("ladder-without-within", [("branch}, within: 2 workdays}", "branch}, ladder: overdue}")], "ladder: overdue}"),
    ("unknown-ladder", [("branch}, within: 2 workdays}", "branch}, within: 2 workdays, ladder: late}")], "ladder: late}"),
    ("unknown-field", [("due: 20 workdays ", "due: {field: until} ")], "{field: until}"),
    ("unknown-timezone", [("timezone: Asia/Shanghai", "timezone: Asia/Shanghi")], "timezone:"),
    ("unknown-timezone", [("timezone: Asia/Shanghai", "timezone: ../../etc/passwd")], "timezone:"),
    ("unknown-calendar", [("calendar: cn ", "calendar: nc ")], "calendar:"),
    ("wrong-type", [('version: "2019.5"', "version: 2019")], "version:"),
    ("float", [('version: "2019.5"', "version: 2019.2")], "version:"),
    ("field-choices", [("{type: choice, choices: [at-once, long-term],", "{type: choice,")], "track:"),
    ("field-choices", [("measure: {type: text, max: 1000,", "measure: {type: text, choices: [a],")], "measure: {type"),
    ("min-above-max", [("measure: {type: text, max: 1000,", "measure: {type: text, max: -5,")], "max: -5"),
    ("min-above-max", [("{type: integer, min: 0, max: 100,", "{type: integer, min: 101, max: 100,")], "min: 101"),
    ("quota", [("    class: register\n", "    class: register\n    quota: 10\n")], "quota: 10"),
    ("quota", [("    class: register\n", "    class: register\n    target: 10\n")], "    target: 10"),
    ("quota", [("    class: register\n", "    class: register\n    ratio: 10\n")], "ratio: 10"),
    ("quota", [("    class: register\n", "    class: register\n    指标: 10\n")], "指标: 10"),
    ("quota", [("fields: {findings: {type: text", "fields: {target-count: {type: text")], "target-count"),
    ("quota", [("zh: 研判认定, en: determination", "zh: 按软弱涣散比例认定, en: determination")], "按软弱涣散比例"),
    ("quota", [("zh: 研判认定, en: determination", "zh: 研判认定, en: reach the target number of findings")], "target number"),
]  # fmt: skip

REPORT_BREAKS: list[tuple[str, list[tuple[str, str]], str]] = [
    ("unknown-exit", [("zero: {exit: zero", "zero: {exit: zro")], "exit: zro"),
    ("not-a-list", [("zero: {exit: zero, list: found-list", "zero: {exit: zero, list: analysis-sheet")], "list: analysis-sheet"),
    ("unknown-field", [("counts: {result: found}", "counts: {reslt: found}")], "reslt"),
    ("unknown-choice", [("counts: {result: found}", "counts: {result: fond}")], "result: fond"),
    ("unknown-category", [("counts: {result: found}", "counts: {category: two-skin}")], "two-skin}"),
    ("material-not-in-stage", [("materials: [analysis-sheet, found-list]", "materials: [analysis-sheet]")], "zero: {exit"),
    ("unknown-level", [("owed-by: [organisation, third", "owed-by: [organisation, thrid")], "thrid"),
    ("unknown-node", [("second, group], node: investigation}", "second, group], node: investigatio}")], "investigatio}"),
    ("unknown-level", [("reported: {to: reported, opens: {list: found-list, flow: organisation-rectification, at-level: group", "reported: {to: reported, opens: {list: found-list, flow: organisation-rectification, at-level: grop")], "grop"),
    ("unknown-field", [("unit-by: unit, exit-by: result}}\n      zero", "unit-by: units, exit-by: result}}\n      zero")], "unit-by: units"),
    ("no-final-stage", [("已上报, en: reported}\n    final: true", "已上报, en: reported}\n    exits: {again: report}"), ("零报告, en: zero reported}\n    final: true", "零报告, en: zero reported}\n    exits: {again: report}")], "stages:"),
    ("no-acceptor", [("due: {node: investigation}", "due: {set-by: acceptor}")], "due: {set-by"),
    ("gate-without-reports", [("reports: {owed-by: [organisation, third, second, group], node: investigation}", "#")], "gate:"),
]  # fmt: skip

TALK = shipped.shipped_flow("admonitory-talk").read_text(encoding="utf-8")
TALK_BREAKS: list[tuple[str, list[tuple[str, str]], str]] = [
    ("unknown-counter", [("{to: appeal, counts: held-talks}", "{to: appeal, counts: held-talk}")], "counts: held-talk}"),
    ("unknown-counter", [("reverses: held-talks}", "reverses: held-tlaks}")], "held-tlaks"),
    ("counter-never-counts", [("{to: appeal, counts: held-talks}", "appeal")], "  held-talks:"),
    ("counter-field", [("    held-on: held-on", "    held-on: place")], "held-on: place"),
    ("unknown-field", [("    held-by: talker", "    held-by: talkr")], "held-by: talkr"),
    ("not-a-list", [("    list: talk-record", "    list: statement")], "list: statement"),
    ("unknown-flow", [("propose: organisational-measures", "propose: organisational-mesures")], "organisational-mesures"),
    ("not-a-period", [("    period: campaign ", "    period: campain ")], "period: campain"),
    ("missing-key", [("    sitting: once ", "    # ")], "  held-talks:"),
    ("proposal-without-recipient", [("    to: {department: superior}     #", "    to: []     #")], "to: []"),
]  # fmt: skip

CASES = [(MAIN, *b) for b in MAIN_BREAKS] + [(REPORT, *b) for b in REPORT_BREAKS] + [(TALK, *b) for b in TALK_BREAKS]
WARNINGS = {
    "counter-never-counts",
    "node-dropped",
    "no-due",
    "nobody-signs",
    "unknown-calendar",
    "due-shorter-than-chain",
}


@pytest.mark.parametrize(
    ("text", "code", "changes", "mark"), CASES, ids=[f"{c[1]}: {c[3].strip()[:40]}" for c in CASES]
)
def test_a_broken_rule_is_found_at_its_line(text: str, code: str, changes: list[tuple[str, str]], mark: str) -> None:
    broken = changed(text, *changes)
    expected = line_of(broken, mark)
    if code == "duplicate-in-force":
        expected += 1
    found = look(broken)
    assert (code, expected) in [(p.code, p.line) for p in found.problems], "\n".join(map(render, found.problems))
    problem = next(p for p in found.problems if (p.code, p.line) == (code, expected))
    assert problem.severity == ("warning" if code in WARNINGS else "error")
    assert (found.definition is None) == any(p.severity == "error" for p in found.problems)
    assert re.search("[\u4e00-\u9fff]", problem.message.get("zh")) and not re.search("[\u4e00-\u9fff]", problem.message.replace("「不设比例、不定指标」", "").replace(problem.actual, ""))  # fmt: skip


def test_shipped_flows_break_no_rule() -> None:
    assert look(MAIN).problems == () and look(REPORT).problems == ()


def test_the_nearest_known_name_is_offered() -> None:
    problem = found(MAIN, ("chain: report-up", "chain: reprot-up"))[0]
    assert problem.hint == "did you mean report-up?" and problem.hint.get("zh") == "是否应为 report-up?"
    assert problem.expected == "one of branch, within-level, report-up, direct-superior"
    zone = found(MAIN, ("timezone: Asia/Shanghai", "timezone: Shanghai"))[0]
    assert zone.hint == "did you mean Asia/Shanghai?"


def found(text: str, *changes: tuple[str, str]) -> list[Problem]:
    return list(look(changed(text, *changes)).problems)


def test_a_rework_without_a_date_is_refused() -> None:
    """A return for rework carries a new date; a flow in which one could lie for ever is not published. R079."""
    (problem,) = [p for p in found(MAIN, ("    due: {set-by: acceptor}\n", "")) if p.code == "no-due"]
    assert problem.severity == "error" and "rework" in problem.message


def test_warnings_do_not_stop_a_load() -> None:
    result = look(changed(MAIN, ("calendar: cn ", "calendar: nc ")))
    assert [p.severity for p in result.problems] == ["warning"]
    assert result.definition is not None


def test_a_calendar_beside_the_file_is_known(tmp_path: Path) -> None:
    text = changed(MAIN, ("calendar: cn ", "calendar: county "))
    (tmp_path / "county.yaml").write_text("calendar: county\n")
    assert examine(text.encode(), str(tmp_path / "flow.yaml")).problems == ()


def test_a_node_that_has_passed_may_be_lacking_in_a_later_set() -> None:
    assert "investigation" not in MAIN[MAIN.index('  "2":') : MAIN.index("categories:")]
    assert not [p for p in look(MAIN).problems if p.code == "node-dropped"]


def test_a_title_may_say_that_there_is_no_quota() -> None:
    assert (
        found(MAIN, ("zh: 研判认定, en: determination", "zh: 不对“软弱涣散”设比例、定指标, en: no quota is set")) == []
    )


def test_a_measure_may_have_a_target() -> None:
    assert "      target: {type: text" in MAIN and look(MAIN).problems == ()


@pytest.mark.parametrize(
    "field", ["words: date", "words: {type: integer, min: 0}", "links: text", "lines: text", "closed: text"]
)
def test_what_an_item_keeps_of_its_documents_is_no_name_for_a_field(field: str) -> None:
    """A document's own texts are kept under ``words``, a list's lines under the others: nothing else is called so."""
    (told,) = found(MAIN, ("fields: {statement: {type: text", f"fields: {{{field}, statement: {{type: text"))
    assert (told.code, told.line) == ("reserved-name", line_of(MAIN, "fields: {statement: {type: text"))
    assert not found(MAIN, ("fields: {statement: {type: text", "fields: {words: text, statement: {type: text"))


def test_every_text_of_a_plan_in_the_campaigns_that_ship_is_to_be_the_units_own() -> None:
    """Source: S0 「简单照搬照抄,缺乏针对性」, R111: what is not marked is compared with nothing."""
    plans = {"task", "tasks", "measure", "root"}
    seen = set()
    for name in ("organisation", "village", "county-enterprise", "non-public"):
        made = look(shipped.shipped_flow(f"{name}-rectification").read_text(encoding="utf-8")).definition
        assert made is not None
        for material, spec in made.flow.materials.items():
            for code, field in spec.fields.items():
                if code in plans and field.type == "text":
                    assert field.own_words, f"{name}: {material}.{code}"
                    seen.add((name, code))
    assert len(seen) == 11


def test_a_flow_without_levels_or_stages_is_refused() -> None:
    head, stages = MAIN[: MAIN.index("stages:\n")], "stages: []\n"
    codes = {
        p.code
        for p in look(
            changed(head, ("levels: [organisation, third, second, group, regulator]", "levels: []")) + stages
        ).problems
    }
    assert {"no-level", "no-stage"} <= codes


def test_a_flow_is_checked_without_positions_too() -> None:
    flow = look(MAIN).flow
    assert flow is not None and check(flow) == []
    lame = flow.model_copy(
        update={"posts": {n: p.model_copy(update={"first_responsible": False}) for n, p in flow.posts.items()}}
    )
    assert [(p.code, p.line, p.column) for p in check(lame)] == [("no-first-responsible", 1, 1)]


# --- what flows say about one another ---


def project(*texts: str) -> list[tuple[str, str]]:
    read = [look(t) for t in texts]
    return [(p.code, p.actual) for p in check_project([(r.flow, r.positions) for r in read if r.flow is not None])]


def proposals(*names: str) -> list[str]:
    """Flows for the proposals of the ladder, invented."""
    return [REPORT.replace("flow: investigation-report", f"flow: {n}") for n in names]


def test_flows_that_stand_together_find_one_another() -> None:
    assert project(MAIN, REPORT, *proposals("circulated-criticism", "admonitory-talk")) == []


def test_a_proposal_of_an_unknown_flow_is_found() -> None:
    assert ("unknown-flow", "admonitory-talk") in project(MAIN, REPORT, *proposals("circulated-criticism"))


def test_lines_that_open_an_unknown_flow_are_found() -> None:
    assert ("unknown-flow", "organisation-rectification") in project(REPORT)


def test_reported_lines_must_fit_the_first_stage_they_enter() -> None:
    texts = proposals("circulated-criticism", "admonitory-talk")
    wrong = changed(REPORT, ("choices: [found, watch, clear-away]", "choices: [found, watch, clear-off]"))
    assert set(project(MAIN, wrong, *texts)) == {("unknown-exit", "clear-off")}


def test_one_version_cannot_be_defined_twice() -> None:
    assert "duplicate-flow" in {code for code, _ in project(MAIN, MAIN)}
