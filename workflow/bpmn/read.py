"""A BPMN 2.0 file as plain facts: tasks, lanes, gateways, flows and timers. Entities, and whatever expands, are refused.

A process embedded in another is read as a part of it: what led to it leads to its beginning, and its ends lead on behind
it. What editors add in namespaces of their own (groups, persons, due dates, forms, listeners) is read by its local name,
whichever editor wrote it; the drawing itself (BPMNDI) says nothing about the process and is passed over. Texts are read
in NFC, whichever form the editor wrote them in: a flow is recorded in no other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from workflow.definition.problem import Problem, Said
from workflow.errors import DefinitionInvalid, why_not

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
MAX_BYTES = 4_000_000
MAX_DEPTH = 12  # of processes embedded in one another
_READ = ("assignee", "candidateUsers", "candidateGroups", "dueDate")  # of an editor's own attributes
PASSED = (
    "subProcess",
    "callActivity",
    "transaction",
    "adHocSubProcess",
)  # with every other task and event: walked through
EMBEDDED = ("subProcess", "transaction")  # those of the passed that are laid out among the others
BEHIND = "/end"  # after the id of an embedded process: the place behind its ends
TASKS = ("userTask", "manualTask", "task")
GATEWAYS = ("exclusiveGateway", "inclusiveGateway", "parallelGateway", "eventBasedGateway", "complexGateway")


@dataclass(frozen=True)
class Node:
    """One element of a process that flows lead to or from."""

    id: str
    kind: str
    name: str
    lane: str = ""
    details: tuple[str, ...] = ()  # names of what stands inside: timerEventDefinition, multiInstanceLoopCharacteristics
    group: str = ""  # of those who may do it, as an editor's own attribute says
    persons: tuple[str, ...] = ()  # whom an editor's own attribute names
    due: str = ""  # an ISO 8601 duration, as an editor's own attribute says
    notes: str = ""  # its documentation
    inside: tuple[tuple[str, str], ...] = ()  # tasks of a process inside that is not laid out: (element, id)
    within: str = ""  # the embedded process that it stands in
    beside: tuple[tuple[Node, ...], ...] = ()  # the tasks of parallel branches, where it stands for all of them


@dataclass(frozen=True)
class Arrow:
    id: str
    name: str
    source: str
    target: str
    condition: str = ""


@dataclass(frozen=True)
class Timer:
    """A boundary timer: on which task, with which ISO 8601 duration, leading where."""

    id: str
    task: str
    duration: str
    target: str = ""


@dataclass
class Process:
    """One process of the file; ``other`` are elements that are none of these: (element, id, name)."""

    id: str
    name: str
    nodes: dict[str, Node] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    lanes: dict[str, str] = field(default_factory=dict)  # id -> name
    other: list[tuple[str, str, str]] = field(default_factory=list)


def read(path: Path) -> list[Process]:
    """The processes of a file.

    Raises:
        DefinitionInvalid: it is no BPMN, too large, not well-formed, or declares entities or a document type.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = why_not(error)
        raise refusal(path, 1, f"the file cannot be read: {why}", f"无法读取文件:{why.zh}") from None
    if len(raw) > MAX_BYTES:
        raise refusal(path, 1, f"the file has more than {MAX_BYTES} bytes", f"文件超过 {MAX_BYTES} 字节")
    try:
        root = fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        en = "the file declares a document type or entities, which can expand without end: it is not read"
        raise refusal(path, 1, en, "文件含有文档类型或实体声明,可能无限展开,不予读取") from None
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        line = getattr(error, "position", (1, 0))[0]
        raise refusal(path, line, f"not well-formed XML: {error}", f"不是规范的 XML:{error}") from None
    if root.tag != f"{BPMN}definitions":
        raise refusal(
            path, 1, f"expected BPMN 2.0 definitions; got {root.tag}", f"应为 BPMN 2.0 definitions;实为 {root.tag}"
        )
    _compose(root)
    found = [_process(p) for p in root.findall(f"{BPMN}process")]
    for process in found:
        for pool in root.iterfind(f"{BPMN}collaboration/{BPMN}participant"):
            if pool.get("processRef") == process.id and process.name == process.id:
                process.name = pool.get("name", "") or process.id
    if found:
        messages = root.iterfind(f"{BPMN}collaboration/{BPMN}messageFlow")
        found[0].other += [("messageFlow", m.get("id", ""), m.get("name", "") or "") for m in messages]
    if not found:
        raise refusal(path, 1, "there is no process in the file", "文件中没有流程(process)")
    return found


def refusal(path: Path, line: int, en: str, zh: str) -> DefinitionInvalid:
    problem = Problem("bpmn", str(path), line, 1, Said(en, zh))
    listing = Said(f"{path}:{line}: error: {en} [bpmn]", f"{path}:{line}: 错误:{zh} [bpmn]")
    return DefinitionInvalid(count=1, file=str(path), listing=listing, problems=[problem])


def _compose(root: Any) -> None:
    """Every text of a document in NFC."""
    for element in root.iter():
        element.text = element.text and unicodedata.normalize("NFC", element.text)
        for name, value in element.attrib.items():
            element.attrib[name] = unicodedata.normalize("NFC", value)


def _process(element: Any) -> Process:
    process = Process(element.get("id", ""), element.get("name", "") or element.get("id", ""))
    held: dict[str, str] = {}
    for lane in element.iter(f"{BPMN}lane"):
        process.lanes[lane.get("id", "")] = lane.get("name", "") or lane.get("id", "")
        for ref in lane.findall(f"{BPMN}flowNodeRef"):
            held[(ref.text or "").strip()] = lane.get("id", "")
    _gather(process, element, held)
    embedded = [n for n in process.nodes.values() if n.kind in EMBEDDED and not n.inside]
    for each in embedded:  # the outer ones come first, so that an inner one at the end of an outer one leads on too
        _lead_on(process, each)
    for each in embedded:
        _lead_in(process, each.id)
    return process


def _gather(process: Process, element: Any, held: dict[str, str], within: str = "", depth: int = 0) -> None:
    """Everything that stands in a process, or in one embedded in it. ``held``: the lane that each element lies in."""
    for child in element:
        kind = str(child.tag).removeprefix(BPMN)
        id_, name = child.get("id", ""), child.get("name", "") or ""
        lane = held.get(id_) or held.get(within, "")
        if kind in ("laneSet", "documentation", "extensionElements"):
            owner = ("subProcess", within) if within else ("process", process.id)
            process.other += [(f"{owner[0]}/{added}", owner[1], "") for added in _added(child, kind)]
        elif kind in ("incoming", "outgoing"):
            continue
        elif kind.endswith("LoopCharacteristics"):
            process.other.append((f"subProcess/{kind}", within, ""))
        elif kind == "sequenceFlow":
            condition = child.find(f"{BPMN}conditionExpression")
            text = (condition.text or "").strip() if condition is not None else ""
            process.arrows.append(Arrow(id_, name, child.get("sourceRef", ""), child.get("targetRef", ""), text))
        elif kind == "boundaryEvent" and child.find(f"{BPMN}timerEventDefinition") is not None:
            duration = child.find(f"{BPMN}timerEventDefinition/{BPMN}timeDuration")
            text = (duration.text or "").strip() if duration is not None else ""
            process.timers.append(Timer(id_, child.get("attachedToRef", ""), text))
        elif kind in (*TASKS, *GATEWAYS, "startEvent", "endEvent"):
            process.nodes[id_] = _node(child, kind, id_, name, lane, within)
        elif (
            id_
            and kind in EMBEDDED
            and child.get("triggeredByEvent") != "true"
            and depth < MAX_DEPTH
            and _tasks_in(child)
        ):
            process.nodes[id_] = Node(id_, kind, name, lane, within=within)
            held[id_] = lane
            _gather(process, child, held, id_, depth + 1)
        else:
            process.other.append((kind.rpartition("}")[2], id_, name))
            if kind in PASSED or (kind.endswith(("Event", "Task")) and kind != "boundaryEvent"):
                process.nodes[id_] = Node(id_, kind, name, lane, inside=_tasks_in(child), within=within)


def _tasks_in(element: Any) -> tuple[tuple[str, str], ...]:
    return tuple((_local(x), x.get("id", "")) for x in element.iter() if x is not element and _local(x) in TASKS)


def _lead_on(process: Process, embedded: Node) -> None:
    """What led on from an embedded process leads on from behind its ends."""
    begun = {a.source for a in process.arrows}
    ends = [n.id for n in process.nodes.values() if n.within == embedded.id and n.id not in begun]
    if not ends:
        return
    behind = Node(f"{embedded.id}{BEHIND}", embedded.kind, "", embedded.lane, within=embedded.within)
    process.nodes[behind.id] = behind
    process.arrows = [replace(a, source=behind.id) if a.source == embedded.id else a for a in process.arrows]
    process.arrows += [Arrow("", "", end, behind.id) for end in ends]


def _lead_in(process: Process, embedded: str) -> None:
    """An embedded process leads to its beginnings: its start events, else whatever nothing in it leads to."""
    within = [n for n in process.nodes.values() if n.within == embedded]
    reached = {a.target for a in process.arrows}
    begins = [n.id for n in within if n.kind == "startEvent"] or [n.id for n in within if n.id not in reached]
    process.arrows += [Arrow("", "", embedded, begin) for begin in begins or [n.id for n in within][:1]]


def _node(element: Any, kind: str, id_: str, name: str, lane: str, within: str) -> Node:
    said: dict[str, str] = {}
    for each in (element, *(x for e in element.findall(f"{BPMN}extensionElements") for x in e.iter())):
        for key, value in each.attrib.items():
            if (key.startswith("{") or each is not element) and value.strip():
                said.setdefault(key.rpartition("}")[2], value.strip())
    persons = tuple(said[key] for key in ("assignee", "candidateUsers") if key in said)
    notes = " ".join((e.text or "").strip() for e in element.findall(f"{BPMN}documentation"))
    group, due = said.get("candidateGroups", ""), said.get("dueDate", "")
    own = (key.rpartition("}")[2] for key in element.attrib if key.startswith("{"))
    details = (*_inside(element), *(key for key in own if key not in _READ))
    return Node(id_, kind, name, lane, details, group, persons, due, notes, within=within)


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _inside(element: Any) -> Iterator[str]:
    for child in element:
        kind = str(child.tag).removeprefix(BPMN)
        if kind in ("documentation", "extensionElements"):
            yield from _added(child, kind)
        elif kind not in ("incoming", "outgoing"):
            yield kind.rpartition("}")[2]


def _added(element: Any, kind: str) -> Iterator[str]:
    """What an editor added of its own, but who does it, which is read."""
    if kind == "extensionElements":
        yield from (_local(x) for x in element if _local(x) not in ("assignmentDefinition", "taskSchedule", "userTask"))
