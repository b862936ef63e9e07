"""工作交接: everything that waits for somebody who leaves passes to a successor, each place by a signed entry of its own."""

from __future__ import annotations

from collections.abc import Sequence

from workflow.acts import Actor, HandOver
from workflow.case import Case
from workflow.desk import Desk
from workflow.errors import WorkflowError
from workflow.receipt import Receipt
from workflow.rules import decide
from workflow.store import items, queries
from workflow.store.known import find

ALL = 100_000  # places at most, of one person


def hand_over(
    desk: Desk, by: Actor, leaver: str, successor: str, reason: str, *, also: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str, Receipt | WorkflowError]]:
    """Hand over every place that waits for a post the leaver holds or held, or that was delegated to them.

    Args:
        by: the leaver, as the post, or somebody above the units concerned.
        successor: who holds those posts by now; a hand-over gives nobody a post.
        also: further (unit, post) pairs to look at.

    Returns:
        For each place: the item, the place, and the receipt, or why it was refused. One refusal holds up no other.
    """
    waiting = places(desk, leaver, also=also)
    out: dict[tuple[str, str], Receipt | WorkflowError] = {}
    rest = waiting
    while rest:  # one entry of an item in each seal: a second place of the same item goes with the next
        taken: dict[str, str] = {}
        later: list[tuple[str, str]] = []
        for item, key in rest:
            if item in taken:
                later.append((item, key))
            else:
                taken[item] = key
        acts = [_act(desk, by, leaver, successor, reason, item, key) for item, key in taken.items()]
        out |= {(a.item, a.place): result for a, result in zip(acts, desk.sign_many(acts), strict=True)}
        rest = later
    return [(item, key, out[item, key]) for item, key in waiting]


def preview(
    desk: Desk, by: Actor, leaver: str, successor: str, reason: str, *, also: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str, WorkflowError | None]]:
    """What ``hand_over`` would do, by the same rules: item, place, and why it would be refused, or None. Writes nothing."""
    at = desk.engine.now(desk.connection)
    out: list[tuple[str, str, WorkflowError | None]] = []
    for item, key in places(desk, leaver, also=also):
        head = items.read(desk.connection, item)
        act = _act(desk, by, leaver, successor, reason, item, key)
        try:
            decide(desk.ask(act, Case.of_snapshot(head.snapshot), head.org, head.seq + 1, at))
        except WorkflowError as refusal:
            out.append((item, key, refusal))
        else:
            out.append((item, key, None))
    return out


def places(desk: Desk, leaver: str, *, also: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """What waits for somebody, as (item, place): for posts they hold or held, and what was delegated to them."""
    posts = dict.fromkeys((t["unit"], t["post"]) for t in find(desk.connection, "tenures", person=leaver))
    rows = queries.pending(desk.connection, [*posts, *also], ALL)
    held = {(r["item"], r["key"]) for r in rows}
    waiting = [(r["item"], r["key"]) for r in rows]
    for item in queries.delegated_to(desk.connection, leaver):
        case = Case.of_snapshot(items.read(desk.connection, item).snapshot)
        mine = [s.key for s in case.open_slots if s.delegate == leaver]
        waiting += [(item, key) for key in mine if (item, key) not in held]
    return waiting


def _act(desk: Desk, by: Actor, leaver: str, successor: str, reason: str, item: str, key: str) -> HandOver:
    seen = Case.of_snapshot(items.read(desk.connection, item).snapshot).content
    return HandOver(item=item, by=by, seen=seen, place=key, leaver=leaver, delegate=successor, reason=reason)
