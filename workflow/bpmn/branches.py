"""Parallel branches of a process. Those that divide and meet again become one task that several sign side by side.

A branch that is more than a line of tasks (it chooses, or turns back), and one whose signer signs in another branch too,
cannot be signed side by side in one stage: such branches are put one after the other, so that none is left out. Branches
that do not meet again are left as they are drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from workflow.bpmn.read import GATEWAYS, TASKS, Arrow, Node, Process

PARALLEL = "parallelGateway"
MAX_GATEWAYS, MAX_NODES = 40, 1_500  # of a process whose branches are followed; a drawing for people has far fewer


@dataclass(frozen=True)
class Block:
    """Branches between a gateway that divides and the one where all of them meet again."""

    fork: str
    join: str
    branches: tuple[frozenset[str], ...]  # the elements of each, in the order of the drawing; empty ones are left out
    heads: tuple[str, ...]  # where each begins

    @property
    def size(self) -> int:
        return sum(map(len, self.branches))


@dataclass(frozen=True)
class Folded:
    """What became of one pair of gateways: signed side by side, or one branch after the other."""

    fork: str
    beside: bool


def fold(process: Process, office: Callable[[Node], str]) -> Iterator[Folded]:
    """Lay the parallel branches of a process into tasks and arrows without them, innermost first.

    Args:
        office: who signs a task.
    """
    if len(process.nodes) > MAX_NODES or sum(n.kind == PARALLEL for n in process.nodes.values()) > MAX_GATEWAYS:
        return
    while blocks := [b for n in process.nodes.values() if n.kind == PARALLEL and (b := _block(process, n.id))]:
        block = min(blocks, key=lambda b: b.size)
        lines = [_line(process, head, block.join) for head in block.heads]
        beside = _may_stand_beside(lines, office)
        if beside:
            _put_beside(process, block, tuple(line for line in lines if line))
        else:
            _put_in_turn(process, block)
        yield Folded(block.fork, beside)


def _leaving(process: Process) -> dict[str, list[Arrow]]:
    found: dict[str, list[Arrow]] = {}
    for arrow in process.arrows:
        if arrow.source in process.nodes:  # a boundary timer moves nobody
            found.setdefault(arrow.source, []).append(arrow)
    return found


def _block(process: Process, fork: str) -> Block | None:
    """The branches from a gateway to the first one where all of them meet; None where they do not."""
    leaving = _leaving(process)
    if len(leaving.get(fork, ())) < 2:
        return None
    for join in _reached(leaving, fork):
        if join == fork or process.nodes[join].kind != PARALLEL:
            continue
        heads = [a.target for a in leaving[fork] if a.target != join]
        branches = [_region(leaving, head, join) for head in heads]
        together = frozenset[str]().union(*branches)
        apart = len(together) == sum(map(len, branches)) and not together & {fork, join}
        closed = all(node in process.nodes and leaving.get(node) for node in together)
        entered = all(
            a.source in together or a.source == fork for ns in leaving.values() for a in ns if a.target in together
        )
        met = all(a.source in together or a.source == fork for ns in leaving.values() for a in ns if a.target == join)
        meets = all(any(a.target == join for n in branch for a in leaving.get(n, ())) for branch in branches)
        if branches and apart and closed and entered and met and meets:
            return Block(fork, join, tuple(branches), tuple(heads))
    return None


def _reached(leaving: dict[str, list[Arrow]], start: str) -> Iterator[str]:
    """Every element that a way leads to, the nearest first."""
    seen, waiting = {start}, deque([start])
    while waiting:
        for arrow in leaving.get(waiting.popleft(), ()):
            if arrow.target in leaving and arrow.target not in seen:
                seen.add(arrow.target)
                waiting.append(arrow.target)
                yield arrow.target


def _region(leaving: dict[str, list[Arrow]], head: str, join: str) -> frozenset[str]:
    """What a branch holds: everything that its ways lead to before they meet the others."""
    seen, waiting = {head}, [head]
    while waiting:
        for arrow in leaving.get(waiting.pop(), ()):
            if arrow.target != join and arrow.target not in seen:
                seen.add(arrow.target)
                waiting.append(arrow.target)
    return frozenset(seen)


def _line(process: Process, head: str, join: str) -> tuple[Node, ...] | None:
    """The tasks of a branch that does nothing but lead from one to the next; None of any other."""
    leaving, tasks, at = _leaving(process), [], head
    seen: set[str] = set()
    while at != join:
        node = process.nodes[at]
        if at in seen or len(leaving[at]) != 1 or node.kind in GATEWAYS or node.beside:
            return None
        seen.add(at)
        if node.kind in TASKS:
            tasks.append(node)
        at = leaving[at][0].target
    return tuple(tasks)


def _may_stand_beside(lines: list[tuple[Node, ...] | None], office: Callable[[Node], str]) -> bool:
    """Whether every branch is a line, and nobody signs twice: one signature of a post would stand for two tasks."""
    offices = [office(task) for line in lines for task in line or ()]
    return None not in lines and sum(map(bool, lines)) > 1 and len(set(offices)) == len(offices)


def _put_beside(process: Process, block: Block, lines: tuple[tuple[Node, ...], ...]) -> None:
    tasks = [task for line in lines for task in line]
    names = [task.name or task.id for task in tasks]
    between = " + " if all(name.isascii() for name in names) else "、"
    gone = frozenset[str]().union(*block.branches) | {block.join}
    fork = process.nodes[block.fork]
    name = fork.name or between.join(names)
    both = Node(fork.id, "userTask", name, tasks[0].lane, group=tasks[0].group, within=fork.within, beside=lines)
    process.nodes = {id_: both if id_ == fork.id else node for id_, node in process.nodes.items() if id_ not in gone}
    onward = [replace(a, source=fork.id) for a in process.arrows if a.source == block.join]
    process.arrows = [a for a in process.arrows if a.source not in {*gone, fork.id}] + onward


def _put_in_turn(process: Process, block: Block) -> None:
    after = {
        node: head
        for branch, head in zip(block.branches, (*block.heads[1:], block.join), strict=True)
        for node in branch
    }
    kept = []
    for arrow in process.arrows:
        if arrow.target == block.join and arrow.source in after:
            kept.append(replace(arrow, target=after[arrow.source]))
        elif arrow.source != block.fork:
            kept.append(arrow)
    process.arrows = [*kept, Arrow("", "", block.fork, block.heads[0])]
    for id_ in (block.fork, block.join):
        process.nodes[id_] = replace(process.nodes[id_], kind="exclusiveGateway")  # one way in, one way out
