"""From a BPMN process to a flow file that loads: tasks become stages, lanes posts, gateways exits, boundary timers dues.

Parallel branches become one stage that is signed side by side (see ``branches``); what is drawn inside an embedded process
stands among the others. Whatever is drawn, the file lints: a circle without a way out gets one, and it is told.

It is a beginning. BPMN knows no levels, no liability and no ladder of posts, so these are put in as examples to be decided,
and whatever has no counterpart is listed with its element and id, and stands in the file's head.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from workflow.bpmn.branches import fold
from workflow.bpmn.read import BEHIND, EMBEDDED, GATEWAYS, TASKS, Arrow, Node, Process, Timer, read, refusal
from workflow.definition.problem import Said

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:\d+M)?(?:\d+S)?)?")
DUE = "5 workdays"
POST = "handler"
TITLES = {
    "organisation": "{zh: 本单位, en: organisation}",
    "superior-organisation": "{zh: 上级单位, en: superior organisation}",
    "overdue": "{zh: 逾期督办, en: when it is overdue}",
}
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
        self.leaving = _leaving(process)
        self.drawn = dict(process.nodes)  # as drawn, before branches are laid together
        self.posts: dict[str, str] = {}  # of every task
        self._told: set[str] = set()  # timers that a stage took its due from

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
        tasks = self._folded()
        posts = {"": POST} | {id_: self.code(id_, name, "post") for id_, name in process.lanes.items()}
        self.posts = {id_: posts.get(self._lane(task), POST) for id_, task in self._single(tasks).items()}
        used = set(self.posts.values())
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
        first = self.posts[self._places(tasks[0])[0][0].id]
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
        ways = {task.id: self._exits(task) for task in tasks}
        self._end(tasks, ways)
        for task in tasks:
            out += self._stage(task, ways[task.id])
        at = out.index("posts:")
        out[at:at] = ["titles:", *(f"  {code}: {title}" for code, title in self._named(ways).items())]
        out += ["  - stage: archived", "    title: {zh: 归档, en: archived}", "    final: true"]
        self._elsewhere()
        head = [f"# Imported from BPMN 2.0 ({self.path.name}); a beginning, to be completed before publishing."]
        head += [f"# not carried over: {x.element} {x.id}: {x.why}" for x in self.lost]
        return Carried("\n".join([*(_one_line(h) for h in head), *out]) + "\n", self.lost)

    def _named(self, ways: dict[str, dict[str, str]]) -> dict[str, str]:
        """What people read for levels, the ladder and each way out: as the drawing names it, else where it leads."""
        goes = {self.codes[n.id]: n.name for n in self.process.nodes.values() if n.id in self.codes and n.name}
        out = dict(TITLES)
        for code, to in (way for exits in ways.values() for way in exits.items()):
            drawn, whither = self.titles.get(code, ""), _one_line(goes.get(to, ""))[:100]
            if drawn and drawn != code:
                out[code] = _quoted(drawn)
            elif not drawn and to == "archived":
                out[code] = "{zh: 办结归档, en: to the archive}"
            elif not drawn and whither:
                out[code] = f"{{zh: {_quoted('转' + whither)}, en: {_quoted('to ' + whither)}}}"
        return out

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

    def _folded(self) -> list[Node]:
        """The tasks once branches that run side by side are laid into one, or put in turn; what that changes is told."""
        asked = [a.id for a in self.process.arrows if a.condition]
        for done in fold(self.process, self._lane):
            if not done.beside:
                self.lose(
                    "parallelGateway",
                    done.fork,
                    "its branches come one after the other: side by side stand plain tasks of different posts",
                    "各分支改为先后办理:并行须为不同职务的单纯任务",
                )
        self.leaving = _leaving(self.process)
        kept = {a.id for a in self.process.arrows}
        for id_ in asked:
            if id_ not in kept:
                self.lose("conditionExpression", id_, "every branch is signed", "各分支均须签批")
        return self._begun([node for node in self._in_order().values() if node.kind in TASKS])

    def _begun(self, tasks: list[Node]) -> list[Node]:
        """The tasks, and before them a stage where somebody chooses, where a process begins in more than one way."""
        starts = self._starts()
        firsts = list(dict.fromkeys(target for _, target in self._ways(*starts)))
        if len(firsts) < 2:
            return sorted(tasks, key=lambda task: task.id not in firsts)  # stable: only the first stage comes first
        at = self.process.nodes[starts[0]]
        for start in starts:
            self.lose(
                "startEvent",
                start,
                f"it begins in {len(firsts)} ways: a stage was put before them, where somebody chooses",
                f"有 {len(firsts)} 种开始方式:其前已加一个阶段,由人选择",
            )
        begin = Node(at.id, "userTask", at.name or "登记 registration", at.lane)
        self.codes[at.id] = next(c for c in ("begin", "begin-first", f"begin-{len(self._used)}") if c not in self._used)
        self._used.add(self.codes[at.id])
        return [begin, *tasks]

    def _places(self, task: Node) -> tuple[tuple[Node, ...], ...]:
        """The tasks behind a stage: those of each branch in turn, or the one."""
        return task.beside or ((task,),)

    def _single(self, tasks: list[Node]) -> dict[str, Node]:
        return {each.id: each for task in tasks for line in self._places(task) for each in line}

    def _tasks(self) -> list[Node]:
        """The tasks that a way from a start event leads to, in the order of the ways; the others are told."""
        reached = self._in_order()
        for node in self.process.nodes.values():
            if node.id not in reached and not (node.kind in EMBEDDED and node.id.endswith(BEHIND)):
                self.lose(node.kind, node.id, "no way leads to it from the beginning", "从起点无路可达")
        return [node for node in reached.values() if node.kind in TASKS]

    def _starts(self) -> list[str]:
        return [n.id for n in self.process.nodes.values() if n.kind == "startEvent" and not n.within]

    def _in_order(self) -> dict[str, Node]:
        """Every element that a way from a beginning leads to, the nearest first."""
        nodes = self.process.nodes
        found: dict[str, Node] = {}
        waiting = deque(self._starts() or [n.id for n in nodes.values() if n.kind in TASKS][:1])
        while waiting:
            at = waiting.popleft()
            if at not in found and at in nodes:
                found[at] = nodes[at]
                waiting += [arrow.target for arrow in self.leaving.get(at, ())]
        return found

    def _stage(self, task: Node, exits: dict[str, str]) -> list[str]:
        code = self.code(task.id, task.name, "stage")
        lines = self._places(task)
        out = [f"  - stage: {code}"]
        for each in (each for line in lines for each in line):
            if each.notes:
                out.append(f"    # {_one_line(each.notes)[:200]}")
            self._details(each)
        out += [
            f"    title: {_quoted(task.name or code)}",
            f"    duty: {self.posts[lines[0][0].id]}",
            f"    slots: {self._slots(lines)}",
            f"    due: {self._due(lines)}",
        ]
        listed = ", ".join(f"{name}: {to}" for name, to in exits.items())
        return [*out, f"    exits: {{{listed}}}"]

    def _slots(self, lines: tuple[tuple[Node, ...], ...]) -> str:
        said = []
        for line in lines:
            posts = [self.posts[each.id] for each in line]
            said.append(posts[0] if len(posts) == 1 else f"{{in-turn: [{', '.join(posts)}]}}")
        return (
            said[0]
            if len(said) == 1
            else f"[{{together: [{', '.join(said)}]}}]       # side by side: parallel branches"
        )

    def _details(self, task: Node) -> None:
        """What a task says beyond who does it, which nothing stands for."""
        if task.kind != "userTask":
            self.lose(task.kind, task.id, "taken for a task that somebody signs", "按须签批的任务处理")
        for detail in task.details:
            if detail.endswith("LoopCharacteristics"):
                self.lose(f"{task.kind}/{detail}", task.id, "one place is signed once", "按一处签批一次处理")
            else:
                self.lose(f"{task.kind}/{detail}", task.id, NOTHING_LIKE_IT, NOTHING_LIKE_IT.zh)

    def _due(self, lines: tuple[tuple[Node, ...], ...]) -> str:
        """The due of a stage: that of its task; of branches side by side the longest, the tasks of each added up."""
        found = [[span for task in line if (span := self._span_of(task))] for line in lines]
        added = [_sum(spans) for spans in found if spans]
        if not added:
            none_given = not any(t.task == task.id for line in lines for task in line for t in self.process.timers)
            return f"{DUE}                                              # example" + (
                ": no timer in the process" if none_given else ""
            )
        count, unit = max(added, key=_days)
        return f"{count} {unit}"

    def _span_of(self, task: Node) -> tuple[int, str] | None:
        timers = self._timers(task)
        for timer in timers[1:]:
            self.lose(
                "boundaryEvent", timer.id, "a stage has one due: the first timer", "每个阶段一个时限,取首个定时器"
            )
        for timer in timers[:1]:
            if timer.id in self.leaving:
                self.lose(
                    "boundaryEvent",
                    timer.id,
                    "a timer moves nobody: its way out became the ladder overdue",
                    "到期不自动流转,改为督办措施 overdue",
                )
            span = _span(timer.duration)
            if span is None:
                self.lose(
                    "boundaryEvent",
                    timer.id,
                    f"{timer.duration or 'no duration'} is no span in days or hours; {DUE} stands in",
                    f"{timer.duration or '无时长'} 不是以日、时计的时长,暂以 {DUE} 代替",
                )
            return span
        if not task.due:
            return None
        span = _span(task.due)
        if span is None:
            self.lose(
                f"{task.kind}/dueDate",
                task.id,
                f"{task.due[:60]} is no span in days or hours; {DUE} stands in",
                f"{task.due[:60]} 不是以日、时计的时长,暂以 {DUE} 代替",
            )
        return span

    def _timers(self, task: Node) -> list[Timer]:
        """The timers of a task; one of an embedded process is that of its only task."""
        ids = {task.id}
        within = task.within
        while within and sum(within in self._around(n) for n in self.drawn.values() if n.kind in TASKS) == 1:
            ids.add(within)
            within = self.drawn[within].within
        found = [t for t in self.process.timers if t.task in ids]
        self._told |= {t.id for t in found}
        return found

    def _around(self, node: Node) -> list[str]:
        """The embedded processes that an element stands in, the innermost first."""
        found = []
        while node.within:
            found.append(node.within)
            node = self.drawn[node.within]
        return found

    def _exits(self, task: Node) -> dict[str, str]:
        """Where a task leads, through gateways to the next tasks or the end. Each way keeps the name it had."""
        exits: dict[str, str] = {}
        begins = self._starts() if task.id in self._starts() else [task.id]
        for name, target in self._ways(*begins):
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

    def _end(self, tasks: list[Node], ways: dict[str, dict[str, str]]) -> None:
        """Give tasks that only lead round in a circle a way to the end, one in each circle; it is told of each."""
        stage = {task.id: self.code(task.id, task.name, "stage") for task in tasks}
        while True:
            ending = {"archived"}
            while more := {s for i, s in stage.items() if s not in ending and ending & set(ways[i].values())}:
                ending |= more
            stuck = [task for task in tasks if stage[task.id] not in ending]
            if not stuck:
                return
            last = stuck[-1]
            code = next(
                c for n in range(1, len(tasks) + 2) if (c := f"ended-{n}" if n > 1 else "ended") not in ways[last.id]
            )
            ways[last.id][code] = "archived"
            self.lose(
                last.kind,
                last.id,
                f"its ways only lead round in a circle: {code} leads to the end",
                f"其去向只在原地循环,已加 {code} 通往归档",
            )

    def _ways(self, *sources: str) -> list[tuple[str, str]]:
        """Each way on from a task, or from all beginnings, with its name, to the next task or ("") the end, in the order of the drawing."""
        found: list[tuple[str, str]] = []
        seen: set[tuple[str, str]] = set()
        waiting = [(arrow, "") for source in reversed(sources) for arrow in reversed(self.leaving.get(source, []))]
        while waiting:
            arrow, before = waiting.pop()
            node = self.process.nodes.get(arrow.target)
            said = arrow.name or before or (node.name if node is not None and node.kind == "endEvent" else "")
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
            elif (node.kind == "endEvent" and not node.within) or not self.leaving.get(node.id):
                found.append((said or node.name, ""))
            elif (node.id, said) not in seen:  # a gateway, or what is told to have no counterpart: it goes on behind it
                seen.add((node.id, said))
                if node.kind == "parallelGateway":
                    self.lose(
                        node.kind,
                        node.id,
                        "taken for a choice of one way: its branches do not all meet again in one place",
                        "按择一处理:各分支未在同一处全部汇合",
                    )
                elif node.kind in GATEWAYS and node.kind != "exclusiveGateway":
                    self.lose(
                        node.kind,
                        node.id,
                        "taken for a choice of one way, by whoever signs; several at once have no counterpart",
                        "按择一处理,由签批人选择;同时走多条没有对应物",
                    )
                waiting += [(way, said) for way in reversed(self.leaving[node.id])]
        return found

    def _elsewhere(self) -> None:
        for timer in self.process.timers:
            if timer.id not in self._told:
                self.lose(
                    "boundaryEvent",
                    timer.id,
                    f"{timer.task} is no single task here; every stage has a due of its own",
                    f"{timer.task} 在此不是单一任务;每个阶段各有时限",
                )
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


def _leaving(process: Process) -> dict[str, list[Arrow]]:
    found: dict[str, list[Arrow]] = {}
    for arrow in process.arrows:
        found.setdefault(arrow.source, []).append(arrow)
    return found


_UNITS = {"years": 365.0, "months": 30.0, "weeks": 7.0, "days": 1.0, "hours": 1 / 24}  # in days, to compare by


def _span(duration: str) -> tuple[int, str] | None:
    match = _DURATION.fullmatch(duration)
    if not match:
        return None
    given = [(int(n), u) for n, u in zip(match.groups(), _UNITS, strict=True) if n]
    if len(given) != 1 or not 0 < given[0][0] <= 9999:
        return None
    return given[0]


def _sum(spans: list[tuple[int, str]]) -> tuple[int, str]:
    """Spans one after the other; of different units the longest, as no unit holds them all."""
    if len({unit for _, unit in spans}) == 1:
        return min(9999, sum(n for n, _ in spans)), spans[0][1]
    return max(spans, key=_days)


def _days(span: tuple[int, str]) -> float:
    return span[0] * _UNITS[span[1]]


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes, on one line."""
    kept = _one_line(text)[:120] or "-"
    return '"' + str(DoubleQuotedScalarString(kept)).replace("\\", "\\\\").replace('"', '\\"') + '"'
