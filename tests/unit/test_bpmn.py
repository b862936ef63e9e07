"""A BPMN process becomes a flow that loads; what is not in it is told by element; hostile XML is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from workflow.bpmn.carry import carry
from workflow.calendar_file import load_calendar
from workflow.cli.main import app
from workflow.definition.load import examine, loads
from workflow.definition.shipped import shipped_calendar
from workflow.errors import DefinitionInvalid
from workflow.prover.proof import prove

HEAD = '<?xml version="1.0"?>\n<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">'
LEAVE = (
    HEAD
    + """
  <process id="leave" name="请假审批">
    <laneSet id="ls">
      <lane id="Lane_staff" name="Applicant"><flowNodeRef>start</flowNodeRef><flowNodeRef>apply</flowNodeRef></lane>
      <lane id="Lane_head" name="部门负责人"><flowNodeRef>approve</flowNodeRef><flowNodeRef>gw</flowNodeRef></lane>
    </laneSet>
    <startEvent id="start"/>
    <userTask id="apply" name="填写申请"/>
    <userTask id="approve" name="Approve it"/>
    <exclusiveGateway id="gw"/>
    <endEvent id="end"/>
    <boundaryEvent id="late" attachedToRef="approve">
      <timerEventDefinition><timeDuration>P3D</timeDuration></timerEventDefinition></boundaryEvent>
    <serviceTask id="mail" name="send a mail"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="apply"/>
    <sequenceFlow id="f2" sourceRef="apply" targetRef="approve"/>
    <sequenceFlow id="f3" sourceRef="approve" targetRef="gw"/>
    <sequenceFlow id="f4" name="agreed" sourceRef="gw" targetRef="end"><conditionExpression>${ok}</conditionExpression></sequenceFlow>
    <sequenceFlow id="f5" name="back" sourceRef="gw" targetRef="apply"/>
  </process>
</definitions>
"""
)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "process.bpmn"
    file.write_text(text, encoding="utf-8")
    return file


def test_tasks_lanes_gateways_and_timers_become_a_flow_that_loads_and_is_proved(tmp_path: Path) -> None:
    carried = carry(written(tmp_path, LEAVE))
    flow = loads(carried.text).flow
    apply, approve, archived = flow.stages
    assert (apply.stage, str(apply.title and apply.title.zh), approve.stage, archived.final) == (
        "apply",
        "填写申请",
        "approve-it",
        True,
    )
    assert (apply.duty.post, approve.duty.post) == ("applicant", "lane-head")
    assert flow.posts["lane-head"].title.zh == "部门负责人"
    assert {n: e.to for n, e in approve.exits.items()} == {"agreed": "archived", "back": "apply"}
    assert str(approve.due and approve.due.within) == "3 days"
    assert {(x.element, x.id) for x in carried.lost} == {("serviceTask", "mail"), ("conditionExpression", "f4")}
    assert prove(loads(carried.text), load_calendar(shipped_calendar("cn"))).exit_code == 0


def test_what_has_no_counterpart_is_told_and_stands_in_the_head_of_the_file(tmp_path: Path) -> None:
    text = (
        LEAVE.replace("exclusiveGateway", "parallelGateway")
        .replace("P3D", "R3/PT10H")
        .replace(
            '<userTask id="apply" name="填写申请"/>',
            '<userTask id="apply"><multiInstanceLoopCharacteristics/></userTask>',
        )
    )
    carried = carry(written(tmp_path, text))
    loads(carried.text)
    told = {(x.element, x.id) for x in carried.lost}
    assert {
        ("parallelGateway", "gw"),
        ("boundaryEvent", "late"),
        ("userTask/multiInstanceLoopCharacteristics", "apply"),
    } <= told
    assert all(f"# not carried over: {e} {i}" in carried.text for e, i in told)


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + LEAVE.split("?>", 1)[
    1
].replace("请假审批", "&b;")
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + LEAVE.split("?>", 1)[1].replace(
    "请假审批", "&f;"
)


@pytest.mark.parametrize(
    "text",
    [BOMB, FILE, "", "<a/>", "not xml", HEAD + "</definitions>", LEAVE[:400], HEAD + '<process id="p"/></definitions>'],
)
def test_hostile_and_broken_files_are_refused_with_a_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        carry(written(tmp_path, text))
    assert "process.bpmn:" in str(refused.value)
    said = CliRunner().invoke(app, ["import", "bpmn", str(tmp_path / "process.bpmn"), "--lang", "zh"])
    assert said.exit_code == 2 and "Traceback" not in said.output


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(max_size=40), label=st.text(max_size=40))
@example(name="null", label="0")
@example(name="2019-01-01", label="no")
def test_any_names_give_a_flow_that_loads(name: str, label: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    from xml.sax.saxutils import escape, quoteattr

    clean = [("".join(c for c in t if c.isprintable())) for t in (name, label)]
    text = LEAVE.replace('"Approve it"', quoteattr(clean[0])).replace('name="back"', f"name={quoteattr(clean[1])}")
    text = text.replace("${ok}", escape(clean[0]))
    loads(carry(written(tmp_path_factory.mktemp("b"), text)).text)


def test_the_command_writes_a_file_and_never_over_one(tmp_path: Path) -> None:
    file, out = written(tmp_path, LEAVE), tmp_path / "leave.yaml"
    said = CliRunner().invoke(app, ["import", "bpmn", str(file), "-o", str(out), "--lang", "en"])
    assert said.exit_code == 1 and "serviceTask mail" in said.output
    assert loads(out.read_text(encoding="utf-8")).name == "leave"
    assert CliRunner().invoke(app, ["import", "bpmn", str(file), "-o", str(out)]).exit_code == 2


SHAPES = Path(__file__).parent / "fixtures" / "bpmn"
EDITORS = {
    "as-camunda-modeler.bpmn": (
        ["activity-fill", "activity-check", "activity-stamp", "archived"],
        ["lane-clerk", "lane-keeper", "lane-office-head"],
        {"userTask/assignee Activity_fill", "userTask/formData Activity_fill", "userTask/formKey Activity_fill"}
        | {"userTask/taskListener Activity_fill", "conditionExpression Flow_yes", "process/executionListener Process_0seal1"}
        | {"serviceTask Activity_number", "sendTask Activity_remind", "boundaryEvent Event_late", "messageFlow Flow_msg1"}
        | {"textAnnotation TextAnnotation_1", "association Association_1", "startEvent/messageEventDefinition Event_begin"}
        | {"startEvent/initiator Event_begin"},
    ),
    "as-flowable.bpmn20.xml": (
        ["report-hazard", "repair", "secure-the-place", "close", "archived"],
        ["handler", "safety-officer", "workshop-head"],
        {"userTask/assignee sid-secure", "userTask/candidateGroups sid-close", "userTask/dueDate sid-secure"}
        | {"userTask/formKey sid-report", "userTask/formProperty sid-report", "userTask/initiator-can-complete sid-report"}
        | {"parallelGateway sid-fork", "parallelGateway sid-join", "userTask sid-look", "scriptTask sid-count"}
        | {"userTask/multiInstanceLoopCharacteristics sid-secure", "subProcess sid-inspect"}
        | {"endEvent/terminateEventDefinition sid-end", "startEvent/formFieldValidation startEvent1"},
    ),
    "as-bpmn-io.bpmn": (
        ["activity-0draft", "activity-sign", "archived"],
        ["handler", "leader"],
        {"task Activity_0draft", "task Activity_forgotten", "userTask/assignee Activity_sign", "userTask Activity_sign"}
        | {"userTask/formDefinition Activity_sign", "intermediateCatchEvent Event_wait", "group Group_1"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITORS)
def test_a_file_in_the_shape_of_a_known_editor_lints_and_tells_each_thing_that_is_not_in_it(name: str) -> None:
    stages, posts, told = EDITORS[name]
    carried = carry(SHAPES / name)
    found = examine(carried.text.encode(), name)
    assert found.problems == () and found.definition is not None
    flow = found.definition.flow
    assert ([s.stage for s in flow.stages], sorted(flow.posts)) == (stages, posts)
    assert {f"{x.element} {x.id}" for x in carried.lost} == told and len(carried.lost) == len(told)
    assert prove(found.definition, load_calendar(shipped_calendar("cn"))).exit_code == 0


def test_what_lies_behind_a_step_without_counterpart_is_reached_and_ways_keep_their_names() -> None:
    flow = loads(carry(SHAPES / "as-camunda-modeler.bpmn").text).flow
    check = flow.stages[1]
    assert {name: way.to for name, way in check.exits.items()} == {
        "agreed": "activity-stamp",
        "to-activity-fill": "activity-fill",
    }
    assert flow.titles["to-activity-fill"].zh == "退回"
    assert str(check.due and check.due.within) == "3 days"  # the boundary timer, not the editor's own due date
    repair = loads(carry(SHAPES / "as-flowable.bpmn20.xml").text).flow.stages[1]
    assert (repair.duty.post, str(repair.due and repair.due.within)) == ("workshop-head", "5 days")


def test_many_gateways_one_behind_the_other_are_walked_once_each(tmp_path: Path) -> None:
    """Forty diamonds have more than a million million ways through them."""
    rows = ['<startEvent id="s"/><userTask id="t" name="first"/>', '<sequenceFlow id="f" sourceRef="s" targetRef="t"/>']
    last = "t"
    for n in range(40):
        rows.append(f'<exclusiveGateway id="g{n}"/><exclusiveGateway id="a{n}"/><exclusiveGateway id="b{n}"/>')
        ways = [(last, f"g{n}"), *([(f"a{n - 1}", f"g{n}")] if n else []), (f"g{n}", f"a{n}"), (f"g{n}", f"b{n}")]
        rows += [f'<sequenceFlow id="w{n}-{k}" sourceRef="{a}" targetRef="{b}"/>' for k, (a, b) in enumerate(ways)]
        last = f"b{n}"
    text = f'{HEAD}<process id="p" name="long">{"".join(rows)}</process></definitions>'
    assert [s.stage for s in loads(carry(written(tmp_path, text)).text).flow.stages] == ["first", "archived"]
