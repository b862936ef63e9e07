"""Letters between a unit and each unit directly below it (责任书), level by level: which stand, which are missing.

A letter stands while it is signed through and whoever signed it holds the post they signed as; a successor signs anew.
Source: S0 「层层签订责任书」, M29.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workflow.clock import local_day
from workflow.desk import Desk
from workflow.rules.authority import backstop
from workflow.store import items
from workflow.store.org import OrgReader


@dataclass(frozen=True)
class Pair:
    """A superior and a unit directly below it.

    Attributes:
        state: ``signed``; ``void`` where a signer has left the post since; ``unsigned`` where there is no letter.
        item: the letter, empty where there is none; ``signers`` who signed it, ``left`` those of them who have left.
    """

    superior: str
    unit: str
    state: Literal["signed", "void", "unsigned"]
    item: str = ""
    signers: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


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
    org = OrgReader(connection)
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
                if s.get("principal", s["person"]) not in answer:
                    gone.append(s["person"])
            signers = tuple(s["person"] for s in letter["signed"])
            pair = Pair(pair.superior, unit, "void" if gone else "signed", letter["item"], signers, tuple(gone))
            if not gone:
                break
        found.append(pair)
    return found
