"""One pass over all entries, for what the run is checked by: a reading of its own, not the engine's.

Nothing here folds cases or asks the rules; it counts what stands in the signed bodies, so that an error of the engine
is not repeated by its own check.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from workflow.demo.frame import PAPERS, SHEET
from workflow.evidence import canonical
from workflow.store import scan


@dataclass
class Stay:
    """One stay of an item in a stage: the places it planned, and who signed them in the end."""

    stage: str
    slots: dict[str, dict[str, Any]]
    signed: dict[str, dict[str, Any]] = field(default_factory=dict)
    exit: str = ""
    issuer: str = ""  # of the codes of a vote held in it


@dataclass
class Past:
    """What stands in one item's chain."""

    item: str
    flow: str = ""
    unit: str = ""
    stays: list[Stay] = field(default_factory=list)
    nodes: str = ""
    settled_at: int = 0
    first_signed_at: int = 0
    zero_statement: bool = False
    marks: list[str] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(
        default_factory=list
    )  # sheets counted out of a box, each with its papers' digest
    look_backs: int = 0


@dataclass
class History:
    """What stands in all chains."""

    pasts: dict[str, Past] = field(default_factory=dict)
    rungs: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    signatures: int = 0
    backstops: int = 0
    answered_above: set[str] = field(default_factory=set)
    superseded: int = 0


def read(connection: Any) -> History:
    """Read every item's chain once."""
    history = History()
    for chain, rows in scan.chains(connection):
        past = Past(chain)
        for row in rows:
            history.acts[row.act] += 1
            body = canonical.read(row.body)
            past.look_backs += row.act == "look-back"
            for effect in body.get("effects", ()):
                _note(history, past, effect, row.at)
            if row.act == "report-zero" and "zero-statement" in body["act"].get("materials", {}):
                past.zero_statement = True
            if row.act == "record-tally" and PAPERS in body["act"].get("materials", {}):
                past.votes.append({**body["act"]["figures"][SHEET], "papers": body["act"]["materials"][PAPERS]})
        if past.flow:
            history.pasts[chain] = past
    return history


def _note(history: History, past: Past, effect: dict[str, Any], at: int) -> None:
    kind = effect["e"]
    if kind == "opened":
        past.flow, past.unit, past.nodes = effect["flow"], effect["unit"], effect.get("nodes", "")
    elif kind == "entered":
        past.stays.append(Stay(effect["stage"], {s["key"]: s for s in effect.get("slots", ())}))
        if effect.get("final"):
            past.settled_at = at
    elif kind == "left":
        past.stays[-1].exit = effect["exit"]
    elif kind == "signed":
        past.stays[-1].signed[effect["slot"]] = effect
        past.first_signed_at = past.first_signed_at or at
        history.signatures += 1
        if effect["as"] == "backstop":
            history.backstops += 1
            history.answered_above.add(effect["unit"])
    elif kind == "ballot-opened":
        past.stays[-1].issuer = effect["issuer"]
    elif kind in ("supplemented", "contradicted"):
        past.marks.append(kind)
    elif kind == "superseded":
        for key in effect["slots"]:
            history.superseded += past.stays[-1].signed.pop(key, None) is not None
    elif kind == "nodes-bound":
        past.nodes = effect["nodes"]
    elif kind in ("reminded", "proposed"):
        history.rungs[past.item, effect["rule"], effect["step"]] += 1
        history.kinds[kind] += 1
