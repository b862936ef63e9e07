"""From a BPMN process to a flow file that loads: tasks become stages, lanes posts, gateways exits, boundary timers dues.

It is a beginning. BPMN knows no levels, no liability and no ladder of posts, so these are put in as examples to be decided,
and whatever has no counterpart is listed with its element and id, and stands in the file's head.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from workflow.bpmn.read import GATEWAYS, TASKS, Arrow, Node, Process, read, refusal
from workflow.definition.problem import Said

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:\d+M)?(?:\d+S)?)?")
DUE = "5 workdays"
POST = "handler"
NOTHING_LIKE_IT = Said("has no counterpart in a flow of signatures", "签批流程中没有对应物")


@dataclass(frozen=True)
class Lost:
    """One thing that could not be carried over: which element, its id, and what becomes of it."""

    element: str
    id: str
    why: Said


@dataclass
class Carried:
    """A flow file as text, and what is not in it."""

    text: str
    lost: list[Lost] = field(default_factory=list)


def carry(path: Path, process: str = "") -> Carried:
    """The flow that begins from a process of a file; the only one, or the one of that id.

    Raises:
        DefinitionInvalid: the file cannot be read, or holds no task.
    """
    found = read(path)
    chosen = [p for p in found if p.id == process] if process else found[:1]
    if not chosen:
        known = ", ".join(p.id for p in found)
        raise refusal(path, 1, f"no process {process}; there are {known}", f"没有流程 {process};现有 {known}")
    carrier = _Carrier(chosen[0], path)
    for other in found:
        if other is not chosen[0]:
            carrier.lose(
                "process", other.id, "another process; import it by --process", "另一个流程,请用 --process 导入"
            )
    return carrier.flow()


class _Carrier:
    def __init__(self, process: Process, path: Path) -> None:
        self.process = process
        self.path = path
        self.lost: list[Lost] = []
        self.codes: dict[str, str] = {}
        self.titles: dict[str, str] = {}  # of ways out, as the drawing names them
        self._used: set[str] = {"archived"}
        self.leaving: dict[str, list[Arrow]] = {}
        for arrow in process.arrows:
            self.leaving.setdefault(arrow.source, []).append(arrow)

    def lose(self, element: str, id_: str, en: str, zh: str) -> None:
        self.lost.append(Lost(element, id_, Said(en, zh)))

    def code(self, id_: str, name: str, fallback: str) -> str:
        """A code of an element, from its name or id; unique, and kept."""
        if id_ not in self.codes:
            base = next((c for c in map(_code, (name, id_)) if c), fallback)[:48]
            code, n = base, 2
            while code in self._used:
                code, n = f"{base}-{n}", n + 1
            self._used.add(code)
            self.codes[id_] = code
        return self.codes[id_]

    def flow(self) -> Carried:
        process = self.process
        tasks = self._tasks()
        if not tasks:
            raise refusal(self.path, 1, f"process {process.id} has no user task", f"流程 {process.id} 中没有用户任务")
        self._groups(tasks)
        posts = {"": POST} | {id_: self.code(id_, name, "post") for id_, name in process.lanes.items()}
        used = {posts.get(self._lane(t), POST) for t in tasks}
        name = _code(process.name) or _code(process.id) or "imported"
        out = [
            f"flow: {name}",
            'version: "draft-1"',
            f"title: {_quoted(process.name)}",
            "timezone: Asia/Shanghai",
            "calendar: cn",
            "levels: [organisation, superior-organisation]                    # example: BPMN knows no levels",
            "liability: {zh: 谁签字上报谁负责, en: whoever signs and reports upward answers for it}",
            "posts:",
        ]
        titles = {posts[i]: _quoted(n) for i, n in process.lanes.items()}
        titles[POST] = "{zh: 经办人, en: handler}"
        first = posts.get(self._lane(tasks[0]), POST)
        for post in sorted(used):
            more = ", first-responsible: true" if post == first else ""  # example
            out.append(f"  {post}: {{title: {titles[post]}{more}, backstop: superior}}")
        out += [
            "ladder:",
            "  overdue:                                                         # example: BPMN knows no ladder of posts",
            "    - {before: 1 workday, do: remind, to: responsible}",
            f"    - {{after: 0 workdays, do: remind, to: [responsible, {{{first}: superior}}]}}",
            "stages:",
        ]
        for task in tasks:
            out += self._stage(task, posts.get(self._lane(task), POST))
        named = [f"  {code}: {_quoted(title)}" for code, title in self.titles.items() if title and title != code]
        if named:
            at = out.index("posts:")
            out[at:at] = ["titles:", *named]
        out += ["  - stage: archived", "    title: {zh: 归档, en: archived}", "    final: true"]
        self._elsewhere()
        head = [f"# Imported from BPMN 2.0 ({self.path.name}); a beginning, to be completed before publishing."]
        head += [f"# not carried over: {x.element} {x.id}: {x.why}" for x in self.lost]
        return Carried("\n".join([*(_one_line(h) for h in head), *out]) + "\n", self.lost)

    def _groups(self, tasks: list[Node]) -> None:
        """A group that an editor names stands for a lane, where a task lies in none; a person never does."""
        for task in tasks:
            for person in task.persons:
                self.lose(
                    f"{task.kind}/assignee",
                    task.id,
                    f"a flow names posts, never persons; it said {person[:60]}",
                    f"流程只写职务,不写人;原为 {person[:60]}",
                )
            if not task.lane and task.group:
                if "{" in task.group:
                    self.lose(
                        f"{task.kind}/candidateGroups",
                        task.id,
                        f"{task.group[:60]} is reckoned while it runs; {POST} stands in",
                        f"{task.group[:60]} 为运行时计算,暂以 {POST} 代替",
                    )
                else:
                    self.process.lanes.setdefault(f"group {task.group}", task.group)

    def _lane(self, task: Node) -> str:
        group = f"group {task.group}"
        return task.lane or (group if group in self.process.lanes else "")

    def _tasks(self) -> list[Node]:
        """The tasks that a way from a start event leads to, in the order of the ways; the others are told."""
        nodes = self.process.nodes
        starts = [n.id for n in nodes.values() if n.kind == "startEvent"]
        begun = starts or [n.id for n in nodes.values() if n.kind in TASKS][:1]
        for extra in starts[1:]:
            self.lose(
                "startEvent", extra, "only one beginning is kept as the first stage", "仅保留一个起点作为首个阶段"
            )
        seen: dict[str, None] = {}
        waiting = deque(begun)
        while waiting:
            at = waiting.popleft()
            if at in seen or at not in nodes:
                continue
            seen[at] = None
            waiting += [arrow.target for arrow in self.leaving.get(at, ())]
        for node in nodes.values():
            if node.id not in seen:
                self.lose(node.kind, node.id, "no way leads to it from the beginning", "从起点无路可达")
        return [nodes[i] for i in seen if nodes[i].kind in TASKS]

    def _stage(self, task: Node, post: str) -> list[str]:
        code = self.code(task.id, task.name, "stage")
        out = [
            f"  - stage: {code}",
            f"    title: {_quoted(task.name or code)}",
            f"    duty: {post}",
            f"    slots: {post}",
        ]
        if task.notes:
            out.insert(1, f"    # {_one_line(task.notes)[:200]}")
        out.append(f"    due: {self._due(task)}")
        if task.kind != "userTask":
            self.lose(task.kind, task.id, "taken for a task that somebody signs", "按须签批的任务处理")
        for detail in task.details:
            if detail.endswith("LoopCharacteristics"):
                self.lose(f"{task.kind}/{detail}", task.id, "one place is signed once", "按一处签批一次处理")
            else:
                self.lose(f"{task.kind}/{detail}", task.id, NOTHING_LIKE_IT, NOTHING_LIKE_IT.zh)
        exits = self._exits(task)
        listed = ", ".join(f"{name}: {to}" for name, to in exits.items())
        return [*out, f"    exits: {{{listed}}}"]

    def _due(self, task: Node) -> str:
        timers = [t for t in self.process.timers if t.task == task.id]
        for timer in timers[1:]:
            self.lose(
                "boundaryEvent", timer.id, "a stage has one due: the first timer", "每个阶段一个时限,取首个定时器"
            )
        for timer in timers[:1]:
            span = _span(timer.duration)
            if timer.id in self.leaving:
                self.lose(
                    "boundaryEvent",
                    timer.id,
                    "a timer moves nobody: its way out became the ladder overdue",
                    "到期不自动流转,改为督办措施 overdue",
                )
            if span:
                return span
            self.lose(
                "boundaryEvent",
                timer.id,
                f"{timer.duration or 'no duration'} is no span in days or hours; {DUE} stands in",
                f"{timer.duration or '无时长'} 不是以日、时计的时长,暂以 {DUE} 代替",
            )
            return f"{DUE}                                              # example"
        if task.due and not timers:
            if span := _span(task.due):
                return span
            self.lose(
                f"{task.kind}/dueDate",
                task.id,
                f"{task.due[:60]} is no span in days or hours; {DUE} stands in",
                f"{task.due[:60]} 不是以日、时计的时长,暂以 {DUE} 代替",
            )
        return f"{DUE}                                              # example: no timer in the process"

    def _exits(self, task: Node) -> dict[str, str]:
        """Where a task leads, through gateways to the next tasks or the end. Each way keeps the name it had."""
        exits: dict[str, str] = {}
        for name, target in self._ways(task.id):
            to = "archived" if target == "" else self.code(target, self.process.nodes[target].name, "stage")
            title, base = _one_line(name)[:120], _code(name) or f"to-{to}"[:48]
            code, n = base, 2
            while exits.get(code, to) != to or self.titles.get(code, title) != title:
                code, n = f"{base}-{n}", n + 1
            exits[code], self.titles[code] = to, title
        if not exits:
            self.lose(task.kind, task.id, "no way leads on: it leads to the end", "没有去向,改为归档")
            exits = {"done": "archived"}
        return exits

    def _ways(self, task: str) -> list[tuple[str, str]]:
        """Each way on from a task with its name, to the next task or ("") the end, in the order of the drawing."""
        found: list[tuple[str, str]] = []
        seen: set[tuple[str, str]] = set()
        waiting = [(arrow, "") for arrow in reversed(self.leaving.get(task, []))]
        while waiting:
            arrow, before = waiting.pop()
            said = arrow.name or before
            node = self.process.nodes.get(arrow.target)
            if arrow.condition:
                self.lose(
                    "conditionExpression",
                    arrow.id,
                    f"whoever signs chooses; it said {arrow.condition[:80]}",
                    f"由签批人选择;原条件为 {arrow.condition[:80]}",
                )
            if node is None:
                self.lose(
                    "sequenceFlow",
                    arrow.id,
                    f"leads to {arrow.target}, which is not carried over",
                    f"指向未导入的 {arrow.target}",
                )
                found.append((said, ""))
            elif node.kind in TASKS:
                found.append((said, node.id))
            elif node.kind == "endEvent" or not self.leaving.get(node.id):
                found.append((said or node.name, ""))
            elif (node.id, said) not in seen:  # a gateway, or what is told to have no counterpart: it goes on behind it
                seen.add((node.id, said))
                if node.kind in GATEWAYS and node.kind != "exclusiveGateway":
                    self.lose(
                        node.kind,
                        node.id,
                        "taken for a choice of one way; several at once have no counterpart",
                        "按择一处理;并行分支没有对应物",
                    )
                waiting += [(way, said) for way in reversed(self.leaving[node.id])]
        return found

    def _elsewhere(self) -> None:
        for node in self.process.nodes.values():
            for kind, id_ in node.inside:
                self.lose(kind, id_, f"stands inside {node.id}; add it by hand", f"位于 {node.id} 之内,请手工补入")
        for element, id_, name in self.process.other:
            self.lose(element, id_ or name or "-", NOTHING_LIKE_IT, NOTHING_LIKE_IT.zh)
        for node in self.process.nodes.values():
            if node.kind in ("startEvent", "endEvent"):
                for detail in node.details:
                    self.lose(f"{node.kind}/{detail}", node.id, "nothing starts or ends by itself", "不自动启动或结束")
        self.lost = list({(x.element, x.id): x for x in reversed(self.lost)}.values())[::-1]  # each once, as first told


_NOT_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"})


def _code(text: str) -> str:
    """A text as a code; what YAML would read as a number or as yes and no is made a word."""
    if not text.isascii():
        return ""
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", text).lower()).strip("-")
    if slug and (not slug[0].isalpha() or slug in _NOT_WORDS):
        slug = f"n-{slug}"
    return slug[:48].strip("-")


def _span(duration: str) -> str:
    match = _DURATION.fullmatch(duration)
    if not match:
        return ""
    given = [
        (int(n), u) for n, u in zip(match.groups(), ("years", "months", "weeks", "days", "hours"), strict=True) if n
    ]
    if len(given) != 1 or not 0 < given[0][0] <= 9999:
        return ""
    return f"{given[0][0]} {given[0][1]}"


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes, on one line."""
    kept = _one_line(text)[:120] or "-"
    return '"' + str(DoubleQuotedScalarString(kept)).replace("\\", "\\\\").replace('"', '\\"') + '"'
