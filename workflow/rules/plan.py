"""The order in which places of a stage sign: in turn, side by side, or by quorum, nested as the definition says.

A plan is a tree of plain data: a place's key, ``{"seq": [...]}`` or ``{"par": [...], "need": ..., "veto": [...]}``. An
empty plan means all places in turn. Where a group is decided before everybody has signed, the rest are not needed: they
are never "done". Deciding early and deciding after the last vote give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from workflow.case import Slot

Node = str | dict[str, Any]
Verdict = Literal["open", "agreed", "refused"]

AGREE, AGAINST, ABSTAIN = "agree", "against", "abstain"
DONE = ("signed", "overridden")  # places that the chain has behind it
ADDED = "+"  # in the key of a place that people added


class Progress(NamedTuple):
    """Where a plan stands: which places are to be open now, which are not needed any more, and the verdict."""

    open: tuple[str, ...]
    not_needed: tuple[str, ...]
    verdict: Verdict


def keys(node: Node) -> Iterator[str]:
    """The places below a node, in plan order."""
    if isinstance(node, str):
        yield node
        return
    for child in node.get("seq") or node.get("par") or ():
        yield from keys(child)


def votes(plan: Sequence[Node], key: str, *, added: bool = True) -> bool:
    """Whether a place stands in a group that the definition lets vote, itself and not within another group there.

    Args:
        added: whoever was added before, after or beside it takes nothing from its vote. Until rules 6 they took it.
    """
    for node in plan:
        if isinstance(node, dict):
            inside = node.get("seq") or node.get("par") or ()
            if "par" in node and not node.get("added"):
                if key in (map(_voter, inside) if added else inside):
                    return True
            elif not added and key in inside:
                return False
            if votes(inside, key, added=added):
                return True
    return False


def _voter(child: Node) -> str:
    """The place whose vote a child of a group is: itself, or the one that others were added to; empty for a group."""
    if isinstance(child, str):
        return "" if ADDED in child else child
    if not child.get("added"):
        return ""
    return next(filter(None, map(_voter, child.get("seq") or child.get("par") or ())), "")


def weighed(plan: Sequence[Node], slots: Sequence[Slot], key: str) -> bool:
    """Whether a place stands in a group where votes weigh differently or somebody has a veto: what is put beside or
    instead of it would change what the group decides."""
    weight = {s.key: s.weight for s in slots}

    def inside(nodes: Sequence[Node]) -> bool:
        for node in nodes:
            if isinstance(node, dict) and key in set(keys(node)):
                children = node.get("seq") or node.get("par") or ()
                uneven = len({weight.get(k, 1) for k in keys(node)}) > 1
                if "par" in node and (node.get("veto") or uneven):
                    return True
                return inside(children)
        return False

    return inside(plan)


def at_one_unit(one: Slot, other: Slot, rules: int) -> bool:
    """Whether two places are of one unit, or were planned at one: merging it into another between the two signatures parts
    nothing, whatever the other's level. Rules 5 knew the level alone."""
    if rules >= 6:
        return one.unit == other.unit or (one.was or one.unit) == (other.was or other.unit)
    planned = ADDED not in one.key and ADDED not in other.key
    return one.unit == other.unit or (rules == 5 and planned and one.level == other.level)


def downstream(plan: Sequence[Node], slots: Sequence[Slot], key: str) -> list[str]:
    """The places that sign only after another: everything behind it in turn, and nothing that signs beside it."""
    out: list[str] = []

    def walk(node: Node) -> bool:
        if isinstance(node, str):
            return node == key
        inside = node.get("seq") or node.get("par") or ()
        for n, child in enumerate(inside):
            if walk(child):
                if "seq" in node:
                    for later in inside[n + 1 :]:
                        out.extend(keys(later))
                return True
        return False

    walk(root(plan, slots))
    return out


def root(plan: Sequence[Node], slots: Sequence[Slot]) -> Node:
    """The plan as one node."""
    return {"seq": list(plan) or [s.key for s in slots]}


def progress(plan: Sequence[Node], slots: Sequence[Slot]) -> Progress:
    """Where the plan stands with the votes given so far."""
    by_key = {s.key: s for s in slots}
    active: list[str] = []
    idle: list[str] = []
    verdict = _walk(root(plan, slots), by_key, active, idle)
    signed = {s.key for s in slots if s.state in DONE}
    if verdict != "open":
        idle += [s.key for s in slots if s.key not in signed]
        active = []
    return Progress(
        tuple(k for k in active if k not in signed),
        tuple(k for k in dict.fromkeys(idle) if k not in signed),
        verdict,
    )


def _walk(node: Node, slots: Mapping[str, Slot], active: list[str], idle: list[str]) -> Verdict:
    if isinstance(node, str):
        slot = slots[node]
        if slot.state not in DONE:
            active.append(node)
            return "open"
        return "refused" if slot.vote == AGAINST else "agreed"
    if "seq" in node:
        for child in node["seq"]:
            verdict = _walk(child, slots, active, idle)
            if verdict != "agreed":
                return verdict
        return "agreed"
    return _parallel(node, slots, active, idle)


def _parallel(node: dict[str, Any], slots: Mapping[str, Slot], active: list[str], idle: list[str]) -> Verdict:
    """All children at once; decided as soon as the votes still out cannot change it."""
    inner_active: list[str] = []
    inner_idle: list[str] = []
    agreed = against = abstained = out = Fraction(0)
    vetoed = False
    for child in node["par"]:
        weight = Fraction(slots[child].weight if isinstance(child, str) else child.get("weight", 1))
        verdict = _walk(child, slots, inner_active, inner_idle)
        voter = child if isinstance(child, str) else _voter(child)
        abstains = bool(voter) and slots[voter].state == "signed" and slots[voter].vote == ABSTAIN
        if abstains and verdict == "agreed":
            abstained += weight
        elif verdict == "agreed":
            agreed += weight
        elif verdict == "refused":
            against += weight
            vetoed |= isinstance(child, str) and slots[child].post in node.get("veto", ())
        else:
            out += weight
    verdict = _decided(node, agreed, against, abstained, out, vetoed, slots)
    if verdict == "open":
        active += inner_active
        idle += inner_idle
    else:
        idle += keys(node)
    return verdict


def _decided(
    node: dict[str, Any],
    agreed: Fraction,
    against: Fraction,
    abstained: Fraction,
    out: Fraction,
    vetoed: bool,
    slots: Mapping[str, Slot],
) -> Verdict:
    if vetoed:
        return "refused"
    need, total = node.get("need", "all"), agreed + against + abstained + out
    veto_out = any(
        isinstance(c, str) and slots[c].state != "signed" and slots[c].post in node.get("veto", ()) for c in node["par"]
    )
    best, worst = _holds(need, agreed + out, total, abstained), _holds(need, agreed, total, abstained)
    voted = agreed + against + abstained
    reached = "turnout" not in node or _holds(node["turnout"], voted, total, Fraction(0))
    if worst and reached and not veto_out:
        return "agreed"
    if not best:
        return "refused"
    return "open" if out else "refused"


def _holds(need: str | int, agreed: Fraction, total: Fraction, abstained: Fraction) -> bool:
    """Whether so much agreement is enough. Ratios are of all weights, abstentions included: abstaining helps nobody."""
    if need == "all":
        return agreed + abstained >= total and agreed > 0
    if need == "any":
        return agreed > 0
    if isinstance(need, int):
        return agreed >= need
    op, ratio = need.split(" ", 1)
    share = Fraction(ratio.rstrip("%")) / 100 if ratio.endswith("%") else Fraction(ratio)
    return agreed >= share * total if op == ">=" else agreed > share * total
