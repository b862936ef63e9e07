"""工作交接: everything that waits for somebody who leaves passes to a successor, each place by a signed entry of its own."""

from __future__ import annotations

from collections.abc import Sequence

from workflow.acts import Actor, HandOver
from workflow.case import Case
from workflow.desk import Desk
from workflow.errors import WorkflowError
from workflow.receipt import Receipt
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
    posts = dict.fromkeys((t["unit"], t["post"]) for t in find(desk.connection, "tenures", person=leaver))
    rows = queries.pending(desk.connection, [*posts, *also], ALL)
    held = {(r["item"], r["key"]) for r in rows}
    waiting = [(r["item"], r["key"]) for r in rows]
    for item in queries.delegated_to(desk.connection, leaver):
        case = Case.of_snapshot(items.read(desk.connection, item).snapshot)
        mine = [s.key for s in case.open_slots if s.delegate == leaver]
        waiting += [(item, key) for key in mine if (item, key) not in held]
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
        acts = [
            HandOver(
                item=item,
                by=by,
                seen=Case.of_snapshot(items.read(desk.connection, item).snapshot).content,
                place=key,
                leaver=leaver,
                delegate=successor,
                reason=reason,
            )
            for item, key in taken.items()
        ]
        out |= {(a.item, a.place): result for a, result in zip(acts, desk.sign_many(acts), strict=True)}
        rest = later
    return [(item, key, out[item, key]) for item, key in waiting]
