"""A BPMN process becomes a flow that loads; what is not in it is told by element; hostile XML is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from workflow.bpmn.carry import Carried, carry
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
@example(name="\uf900", label="e\u0301")  # other than NFC writes them
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
        ["report-hazard", "repair-secure-the-place", "look-at-it", "close", "archived"],
        ["handler", "safety-officer", "workshop-head"],
        {"userTask/assignee sid-secure", "userTask/candidateGroups sid-close", "userTask/dueDate sid-secure"}
        | {"userTask/formKey sid-report", "userTask/formProperty sid-report", "userTask/initiator-can-complete sid-report"}
        | {"scriptTask sid-count", "userTask/multiInstanceLoopCharacteristics sid-secure"}
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


def drawn(elements: str, ways: str, lanes: str = "") -> str:
    """A process of these elements; ``ways`` such as ``s>a a>b``, each named by its two ends."""
    flows = "".join(
        f'<sequenceFlow id="{way}" sourceRef="{way.split(">")[0]}" targetRef="{way.split(">")[1]}"/>'.replace(
            f'id="{way}"', f'id="{way.replace(">", "-")}"'
        )
        for way in ways.split()
    )
    held = "".join(
        f'<lane id="L{n}" name="{lane.split(":")[0]}">'
        + "".join(f"<flowNodeRef>{task}</flowNodeRef>" for task in lane.split(":")[1].split(","))
        + "</lane>"
        for n, lane in enumerate(lanes.split())
    )
    return (
        f'{HEAD}<process id="p" name="drawn"><laneSet id="ls">{held}</laneSet>{elements}{flows}</process></definitions>'
    )


def tasks(*ids: str) -> str:
    return "".join(f'<userTask id="{i}" name="{i}"/>' for i in ids)


def gateways(kind: str, *ids: str) -> str:
    return "".join(f'<{kind}Gateway id="{i}"/>' for i in ids)


ENDS = '<startEvent id="s"/><endEvent id="e"/>'
LANES = "clerk:draft,paint office:check head:approve keeper:seal"


def slots_of(carried: Carried, stage: str) -> list[list[str]]:
    """The posts of each branch that sign a stage side by side."""
    (step,) = loads(carried.text).stage(stage).slots
    return [[leaf.post or "" for _, leaf in branch.leaves()] for branch in step.together]


def test_parallel_branches_are_signed_side_by_side_each_in_its_own_turn(tmp_path: Path) -> None:
    """Two branches, one of two tasks: nobody's signature is left out, and only timers of different length are weighed."""
    timers = "".join(
        f'<boundaryEvent id="late-{t}" attachedToRef="{t}"><timerEventDefinition><timeDuration>{d}</timeDuration>'
        "</timerEventDefinition></boundaryEvent>"
        for t, d in (("check", "P2D"), ("approve", "P3D"), ("seal", "P4D"))
    )
    ways = "s>draft draft>fork fork>check check>approve approve>join fork>seal seal>join join>e"
    elements = ENDS + tasks("draft", "check", "approve", "seal") + gateways("parallel", "fork", "join") + timers
    carried = carry(written(tmp_path, drawn(elements, ways, LANES)))
    draft, both, archived = loads(carried.text).flow.stages
    assert (draft.stage, both.stage, archived.stage) == ("draft", "check-approve-seal", "archived")
    assert slots_of(carried, both.stage) == [["office", "head"], ["keeper"]]
    assert str(both.due and both.due.within) == "5 days"  # two and then three, longer than four
    assert carried.lost == [] and examine(carried.text.encode(), "drawn").problems == ()
    assert prove(loads(carried.text), load_calendar(shipped_calendar("cn"))).exit_code == 0


@pytest.mark.parametrize(
    ("ways", "lanes", "order"),
    [
        # paint is the clerk's like draft: one signature would stand for two tasks
        ("s>fork fork>draft draft>join fork>paint paint>join join>e", LANES, ["draft", "paint"]),
        # one branch turns back
        ("s>fork fork>draft draft>gw gw>draft gw>join fork>seal seal>join join>e", LANES, ["draft", "seal"]),
        # three branches of which one is empty
        ("s>fork fork>draft draft>join fork>paint paint>join fork>join join>e", LANES, ["draft", "paint"]),
    ],
)
def test_branches_that_cannot_be_signed_in_one_stage_come_one_after_the_other(
    ways: str, lanes: str, order: list[str], tmp_path: Path
) -> None:
    elements = ENDS + tasks(*order) + gateways("parallel", "fork", "join") + gateways("exclusive", "gw")
    carried = carry(written(tmp_path, drawn(elements, ways, lanes)))
    flow = loads(carried.text).flow
    assert [s.stage for s in flow.stages] == [*order, "archived"]
    assert order[1] in [way.to for way in flow.stages[0].exits.values()]
    assert ("parallelGateway", "fork") in {(x.element, x.id) for x in carried.lost}
    assert examine(carried.text.encode(), "drawn").problems == ()


def test_branches_inside_branches_are_laid_together_from_within(tmp_path: Path) -> None:
    ways = "s>f1 f1>draft draft>j1 f1>f2 f2>check check>j2 f2>approve approve>j2 j2>j1 j1>seal seal>e"
    elements = ENDS + tasks("draft", "check", "approve", "seal") + gateways("parallel", "f1", "j1", "f2", "j2")
    carried = carry(written(tmp_path, drawn(elements, ways, LANES)))
    assert [s.stage for s in loads(carried.text).flow.stages] == ["draft", "check-approve", "seal", "archived"]
    assert slots_of(carried, "check-approve") == [["office"], ["head"]]
    assert [(x.element, x.id) for x in carried.lost] == [("parallelGateway", "f1")]


def test_branches_that_never_meet_again_are_told_as_a_choice(tmp_path: Path) -> None:
    elements = ENDS + '<endEvent id="e2"/>' + tasks("draft", "seal") + gateways("parallel", "fork")
    carried = carry(written(tmp_path, drawn(elements, "s>draft draft>fork fork>e fork>seal seal>e2", LANES)))
    assert set(loads(carried.text).flow.stages[0].exits) == {"to-archived", "to-seal"}
    assert [(x.element, x.id) for x in carried.lost] == [("parallelGateway", "fork")]


def test_an_embedded_process_is_laid_out_where_it_stands_and_its_only_task_takes_its_timer(tmp_path: Path) -> None:
    inner = (
        '<subProcess id="sub"><startEvent id="is"/>{tasks}{ways}<endEvent id="ie" name="looked at"/></subProcess>'
        '<boundaryEvent id="late" attachedToRef="sub"><timerEventDefinition><timeDuration>P7D</timeDuration>'
        "</timerEventDefinition></boundaryEvent>"
    )

    def flow_of(*within: str) -> tuple[Carried, list[str]]:
        hops = ["is", *within, "ie"]
        ways = "".join(
            f'<sequenceFlow id="i{n}" sourceRef="{a}" targetRef="{b}"/>' for n, (a, b) in enumerate(pairwise(hops))
        )
        elements = ENDS + tasks("draft", "seal") + inner.format(tasks=tasks(*within), ways=ways)
        lanes = "clerk:draft office:sub keeper:seal"
        carried = carry(written(tmp_path, drawn(elements, "s>draft draft>sub sub>seal seal>e", lanes)))
        assert examine(carried.text.encode(), "drawn").problems == ()
        return carried, [f"{s.stage} {s.duty.post}" for s in loads(carried.text).flow.stages[:-1]]

    carried, stages = flow_of("look")
    assert stages == ["draft clerk", "look office", "seal keeper"] and carried.lost == []
    assert str(loads(carried.text).stage("look").due) != "" and "due: 7 days" in carried.text
    deeper = f'<subProcess id="deep">{tasks("more")}</subProcess>'
    ways = arrow("is", "look") + arrow("look", "deep") + arrow("deep", "ie")
    text = drawn(ENDS + inner.format(tasks=tasks("look") + deeper, ways=ways), "s>sub sub>e")
    beside = carry(written(tmp_path, text))
    assert [(x.element, x.id) for x in beside.lost] == [("boundaryEvent", "late")], "the timer is of two tasks"
    carried, stages = flow_of("look", "note")
    assert stages == ["draft clerk", "look office", "note office", "seal keeper"]
    assert [(x.element, x.id) for x in carried.lost] == [("boundaryEvent", "late")]


def test_embedded_processes_nest_without_starts_or_ends_and_event_ones_are_told(tmp_path: Path) -> None:
    nested = (
        f'<subProcess id="outer"><subProcess id="within">{tasks("look")}</subProcess></subProcess>'
        f'<subProcess id="alarm" triggeredByEvent="true">{tasks("shout")}</subProcess>'
    )
    carried = carry(written(tmp_path, drawn(ENDS + nested + tasks("seal"), "s>outer outer>seal seal>e")))
    assert [s.stage for s in loads(carried.text).flow.stages] == ["look", "seal", "archived"]
    assert {f"{x.element} {x.id}" for x in carried.lost} == {"subProcess alarm", "userTask shout"}


@pytest.mark.parametrize("depth", [13, 5_000])
def test_processes_in_processes_without_end_are_told_and_not_followed(depth: int, tmp_path: Path) -> None:
    deep = "".join(f'<subProcess id="d{n}">' for n in range(depth)) + tasks("deepest") + "</subProcess>" * depth
    carried = carry(written(tmp_path, drawn(ENDS + tasks("draft") + deep, "s>draft draft>d0 d0>e")))
    assert "userTask deepest" in {f"{x.element} {x.id}" for x in carried.lost}
    loads(carried.text)


def test_ways_have_names_for_people_and_one_called_like_a_ladder_is_no_second_title(tmp_path: Path) -> None:
    text = drawn(ENDS + tasks("draft", "check"), "s>draft draft>check check>e", LANES)
    text = text.replace('id="check-e"', 'id="check-e" name="overdue"').replace('name="check"', 'name="核对"')
    flow = loads(carry(written(tmp_path, text)).text).flow
    assert flow.stages[1].exits["overdue"].to == "archived"
    assert (flow.titles["to-check"].zh, flow.titles["to-check"].en) == ("转核对", "to 核对")
    assert flow.titles["superior-organisation"].zh == "上级单位"


def test_a_circle_without_a_way_out_gets_one_and_it_is_told(tmp_path: Path) -> None:
    ways = "s>draft draft>check check>approve approve>check"
    carried = carry(written(tmp_path, drawn(ENDS + tasks("draft", "check", "approve"), ways, LANES)))
    assert examine(carried.text.encode(), "drawn").problems == ()
    assert loads(carried.text).stage("approve").exits["ended"].to == "archived"
    assert {(x.element, x.id) for x in carried.lost} == {("userTask", "approve"), ("endEvent", "e")}


def carried_or_refused(file: Path) -> Carried | str:
    try:
        return carry(file)
    except DefinitionInvalid as refused:
        return str(refused)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_drawing_gives_a_flow_that_loads_and_every_task_is_in_it_or_told(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds = {n: data.draw(st.sampled_from("ttttpx")) for n in "abcdfghk"}
    elements = ENDS + "".join(
        tasks(n) if k == "t" else gateways("parallel" if k == "p" else "exclusive", n) for n, k in kinds.items()
    )
    names = st.sampled_from([*kinds, "e"])
    ways = {f"s>{data.draw(names)}"} | {
        f"{n}>{data.draw(names)}" for n in kinds for _ in range(data.draw(st.integers(1, 3)))
    }
    lanes = " ".join(f"{n}:{n}" for n in "abcd")
    file = written(tmp_path_factory.mktemp("b"), drawn(elements, " ".join(sorted(ways)), lanes))
    carried = carried_or_refused(file)
    if isinstance(carried, str):
        assert "no user task" in carried
        return
    found = examine(carried.text.encode(), "drawn")
    assert found.definition is not None and found.problems == ()
    flow, told = found.definition.flow, {x.id for x in carried.lost}
    titles = [name for s in flow.stages for name in (s.title.en if s.title else "").split(" + ")]
    for task in (n for n, k in kinds.items() if k == "t"):
        assert titles.count(task) == 1 or task in told


def nested(rng: random.Random, ids: Iterator[int], found: list[str], depth: int = 0) -> tuple[str, str, str]:
    """Elements with their flows, the first of them and the last: blocks inside blocks, each begun and ended properly."""
    n = next(ids)
    kind = rng.choice(
        ["task", "task", "task", *(["turn", "parallel", "parallel", "exclusive", "loop", "sub"] if depth < 4 else [])]
    )
    if kind == "task":
        found.append(f"t{n}")
        return tasks(f"t{n}"), f"t{n}", f"t{n}"
    inner = [nested(rng, ids, found, depth + 1) for _ in range({"turn": 2, "parallel": 3, "exclusive": 2}.get(kind, 1))]
    elements = "".join(text for text, _, _ in inner)
    (_, first, last), final = inner[0], inner[-1]
    if kind == "turn":
        return elements + arrow(last, final[1]), first, final[2]
    if kind == "loop":
        ways = arrow(f"m{n}", first) + arrow(last, f"x{n}") + arrow(f"x{n}", f"m{n}")
        return elements + gateways("exclusive", f"m{n}", f"x{n}") + ways, f"m{n}", f"x{n}"
    if kind == "sub":
        ends = f'<startEvent id="s{n}"/><endEvent id="e{n}"/>{arrow(f"s{n}", first)}{arrow(last, f"e{n}")}'
        return f'<subProcess id="p{n}">{ends}{elements}</subProcess>', f"p{n}", f"p{n}"
    ways = "".join(arrow(f"g{n}", a) + arrow(b, f"j{n}") for _, a, b in inner)
    return elements + gateways(kind, f"g{n}", f"j{n}") + ways, f"g{n}", f"j{n}"


def arrow(source: str, target: str) -> str:
    return f'<sequenceFlow id="{source}-{target}" sourceRef="{source}" targetRef="{target}"/>'


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_in_a_well_formed_drawing_every_task_is_signed_by_somebody_and_no_branch_is_a_choice(
    rng: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found: list[str] = []
    text, first, last = nested(rng, count(1), found)
    lanes = " ".join(f"post{n}:{','.join(found[n::6])}" for n in range(6) if found[n::6])
    file = written(tmp_path_factory.mktemp("b"), drawn(ENDS + text + arrow("s", first) + arrow(last, "e"), "", lanes))
    carried = carry(file)
    examined = examine(carried.text.encode(), "drawn")
    assert examined.definition is not None and examined.problems == () and "choice of one way" not in carried.text
    named = [n for s in examined.definition.flow.stages for n in (s.title.en if s.title else "").split(" + ")]
    assert sorted(n for n in named if n in found) == sorted(found)


def test_a_process_that_begins_in_several_ways_gets_a_stage_where_somebody_chooses(tmp_path: Path) -> None:
    ways = "s>gw gw>draft gw>check draft>e check>e"
    elements = ENDS + tasks("draft", "check") + gateways("exclusive", "gw")
    carried = carry(written(tmp_path, drawn(elements, ways, LANES)))
    flow = loads(carried.text).flow
    assert [s.stage for s in flow.stages] == ["begin", "draft", "check", "archived"]
    assert {way.to for way in flow.stages[0].exits.values()} == {"draft", "check"}
    assert [(x.element, x.id) for x in carried.lost] == [("startEvent", "s")]
    assert examine(carried.text.encode(), "drawn").problems == ()


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
