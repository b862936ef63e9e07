"""The state machine of one item, and the only module that knows the library transitions.

One flat machine per definition, shared by all items and threads. Levels and countersigns are slots, never nested
states. Guards are the functions below: named strings would be imported by the library, so none is ever handed over.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from transitions import EventData, Machine

from workflow.definition.definition import Definition
from workflow.definition.model import Limit, Stage
from workflow.errors import NoSuchExit


class _Token:
    """A throw-away model: where an item is, and how often it entered each stage."""

    __slots__ = ("entries", "state")

    def __init__(self, state: str, entries: dict[str, int]) -> None:
        self.state = state
        self.entries = entries


_machines: WeakKeyDictionary[Definition, Machine] = WeakKeyDictionary()


def _within(target: str, limit: Limit) -> Any:
    def within_limit(event: EventData) -> bool:
        token: Any = event.model
        return bool(token.entries.get(target, 0) < limit.times)

    return within_limit


def _machine(definition: Definition) -> Machine:
    known = _machines.get(definition)
    if known is not None:
        return known
    machine = Machine(
        model=None,
        initial=None,
        states=list(definition.stages),
        auto_transitions=False,
        send_event=True,
        queued=False,
    )
    for stage in definition.flow.stages:
        for name, exit_ in stage.exits.items():
            target = definition.stage(exit_.to)
            if target.at_most is None:
                machine.add_transition(name, stage.stage, target.stage)
            else:
                guard = _within(target.stage, target.at_most)
                machine.add_transition(name, stage.stage, target.stage, conditions=[guard])
                machine.add_transition(name, stage.stage, definition.stage(target.at_most.then).stage)
    _machines[definition] = machine
    return machine


RETURN_EXIT = "returned"
REFUSED_EXIT = "refused"


def choosable(stage: Stage) -> list[str]:
    """The exits that a person may propose; none where a tally, an assessment or a look-back decides the way out."""
    if stage.tally is not None or stage.tracking is not None or stage.assess is not None:
        return []
    return ways(stage)


def ways(stage: Stage) -> list[str]:
    """The exits by which signing leads out: not those that an act of another kind takes (a return, a vote that fails, an
    objection, a check)."""
    taken = {REFUSED_EXIT, stage.notice.objection if stage.notice is not None else None}
    taken.add(stage.checked.back if stage.checked is not None else None)
    return [name for name in stage.exits if name not in taken and not returning(name)]


def to_choose(stage: Stage) -> list[str]:
    """The ways out of which somebody has to name one: several, and nothing computes which."""
    leading = ways(stage)
    computed = stage.tally or stage.score or stage.tracking or stage.assess
    return [] if computed or len(leading) < 2 else leading


def returning(name: str) -> bool:
    """Whether an exit is a way back that only a return takes: ``returned``, or ``returned-`` and whither."""
    return name == RETURN_EXIT or name.startswith(f"{RETURN_EXIT}-")


def destination(definition: Definition, stage: Stage, exit_name: str, entries: dict[str, int]) -> Stage:
    """The stage that an exit leads to, bounded loops included.

    Raises:
        NoSuchExit: the stage has no such way out; names those it has.
    """
    if exit_name not in stage.exits:
        raise NoSuchExit(
            expected=sorted(stage.exits),
            actual=exit_name or "none",
            place=definition.place("stages", stage.stage, "exits"),
        )
    token = _Token(stage.stage, entries)
    _machine(definition).events[exit_name].trigger(token)
    return definition.stage(token.state)
