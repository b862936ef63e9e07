"""Letters between a unit and each unit directly below it (责任书), level by level: which stand, which are missing.

A letter stands while it is signed through, whoever signed it holds the post they signed as, and it is with the unit directly
above today; a successor signs anew, and so does a unit that came under another superior.
Source: S0 「层层签订责任书」, M32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workflow.clock import local_day
from workflow.desk import Desk
from workflow.rules.authority import backstop
from workflow.store import items, known
from workflow.store.org import OrgReader

State = Literal["signed", "void", "unsigned"]


@dataclass(frozen=True)
class Pair:
    """A superior and a unit directly below it.

    Attributes:
        state: ``signed``; ``void`` where a signer has left the post since, or the letter is with another superior;
            ``unsigned`` where there is no letter.
        item: the letter, empty where there is none; ``signers`` who signed it, ``left`` those of them who have left.
        with_: the other units that signed, where the superior of today is none of them.
    """

    superior: str
    unit: str
    state: State
    item: str = ""
    signers: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()


def pairs(desk: Desk, flow: str, campaign: str, level: str, *, stages: Sequence[str] = ()) -> list[Pair]:
    """The letters of every unit of a level with its superior, now, in the order of the organisation.

    Args:
        stages: in which a letter counts as signed; the final stages of the flow where none are named.

    Raises:
        Unknown: no such flow.
    """
    connection = desk.connection
    definition = desk.engine.newest(connection, flow)
    wanted = stages or [s.stage for s in definition.flow.stages if s.final]
    day = local_day(desk.engine.now(connection), definition.flow.timezone).isoformat()
    org, same = OrgReader(connection), known.merged(connection)
    roster = org.roster([level], day)
    found = []
    for unit, path in org.paths(roster, day).items():
        if len(path) == 1:
            continue
        pair = Pair(path[1]["unit"], unit, "unsigned")
        for letter in items.came_to(connection, flow, campaign, unit, wanted):
            gone = []
            for s in letter["signed"]:
                mode = backstop(definition, s["post"]) == "backstop"
                answer = [a["person"] for a in org.answerable(s["unit"], s["post"], day, mode)]
                mine = s.get("principal", s["person"])
                if not {mine, *same.get(mine, ())} & {*answer}:
                    gone.append(s["person"])
            signers = tuple(s["person"] for s in letter["signed"])
            others = tuple(dict.fromkeys(s["unit"] for s in letter["signed"] if s["unit"] != unit))
            away = others if pair.superior not in others else ()
            state: State = "void" if gone or away else "signed"
            pair = Pair(pair.superior, unit, state, letter["item"], signers, tuple(gone), away)
            if state == "signed":
                break
        found.append(pair)
    return found
