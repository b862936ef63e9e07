"""Moving an open item to the successor of a unit that is no more: its places move, its signatures stay as they are.

Source: S1 「7月底前撤销非公有制经济组织党工委、社会组织党工委,成立新兴组织党工委」, R070.
"""

from __future__ import annotations

from workflow.acts import MoveItem
from workflow.case import Effect, Slot
from workflow.errors import WrongStage
from workflow.rules.chain import Path
from workflow.rules.context import Asked, Decision, Need


def needs(asked: Asked, act: MoveItem) -> list[Need]:
    """The line of units of the one that goes and of the one that follows it."""
    return [("path", act.gone, asked.context.day), ("path", act.successor, asked.context.day)]


def move(asked: Asked, act: MoveItem) -> Decision:
    """The item goes on at the successor: what nobody has signed yet is signed there, and by the line above it.

    A place at a unit above the old one, which does not stand above the new one, goes to the new line's unit of the same
    level, where there is one. What was signed stays where it was; should it be sent back, it waits at the unit that follows.
    Dates stay as they are.

    Raises:
        WrongStage: the item has nothing to do with the unit that goes.
    """
    case, day = asked.case, asked.context.day
    old: Path = asked.facts.get("path", act.gone, day)
    new: Path = asked.facts.get("path", act.successor, day)
    own = case.unit == act.gone
    to = {act.gone: new[0]}
    if own:
        stays = {u["unit"] for u in new}
        by_level = {u["level"]: u for u in reversed(new)}
        gone = [u for u in old[1:] if u["unit"] not in stays and u["level"] in by_level]
        to |= {u["unit"]: by_level[u["level"]] for u in gone}
    remembers = asked.context.rules >= 6
    returns = asked.context.rules >= 8
    slots = tuple(_moved(s, to, remembers=remembers, returns=returns) for s in case.slots)
    if not own and slots == case.slots and case.last_unit != act.gone:
        raise WrongStage(
            act=act.kind,
            expected=f"an item of {act.gone}, or one that waits for it",
            actual=f"an item of {case.unit}",
            place=asked.definition.place("stages", case.stage),
        )
    moved: Effect = {"e": "moved", "from": act.gone, "to": act.successor}
    if own:
        moved |= {"unit": new[0]["unit"], "level": new[0]["level"]}
    if slots != case.slots:
        moved["slots"] = [s.record() for s in slots]
    return Decision([moved])


def _moved(slot: Slot, to: dict[str, dict[str, str]], *, remembers: bool, returns: bool) -> Slot:
    """A place where it goes on; since rules 6 it remembers the unit it was planned at, for those who must be two persons.
    Since rules 8 one that the chain has behind it knows where it goes on if it is sent back."""
    if slot.state not in ("open", "waiting"):
        at = to.get(slot.then or slot.unit) if returns else None
        return slot if at is None else slot._replace(then=at["unit"], then_level=at["level"])
    if slot.unit not in to:
        return slot
    at = to[slot.unit]
    was = (slot.was or slot.unit) if remembers and at["unit"] != slot.unit else slot.was
    return slot._replace(unit=at["unit"], level=at["level"], was=was)
