"""What somebody may see: the own subtree, the units a body of theirs looks after, and nobody's sibling. What a dissolved unit
left may be seen by whoever sees its successor, or what it stood below: its record does not go with it (R070).

One filter under every list. Who may see nothing of a unit is told that there is no such item, as for one that never was:
that something exists is already an answer. Source: S0 「三级企业清楚每个软弱涣散基层党支部详细情况」, R157-R161.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflow.acts import Actor, Sign
from workflow.case import Case
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.errors import Unknown, WorkflowError
from workflow.rules import authority
from workflow.store import known, listing, mandates, queries
from workflow.store.groups import GroupReader


@dataclass(frozen=True)
class Sight:
    """The units that a person sees in full on one day.

    Attributes:
        person: whose sight it is; empty for an operator at the machine, who sees all.
        units: None: all there are.
        posts: the ``(unit, post)`` pairs held that day, from which it follows.
        own: those among the units that the person neither stands above nor looks after: of these, unannounced checks are
            not seen before they are carried out. Source: S0 「不打招呼」, R119.
    """

    person: str
    day: str
    units: frozenset[str] | None
    posts: tuple[tuple[str, str], ...] = ()
    own: frozenset[str] = frozenset()

    def sees(self, unit: str) -> bool:
        """Whether items about a unit may be seen."""
        return self.units is None or unit in self.units

    def learns(self, unit: str) -> bool:
        """Whether an unannounced check of a unit may be seen before it is carried out."""
        return self.sees(unit) and unit not in self.own


def all_of(day: str) -> Sight:
    """Everything: for an operator at the machine itself, who could read the file as well."""
    return Sight("", day, None)


def sight_of(desk: Desk, person: str, at: int | None = None, *, zone: str = "Asia/Shanghai") -> Sight:
    """What a person may see at an instant, from the posts held and the bodies belonged to on that day.

    Who holds no post and belongs to no body sees nothing.

    Args:
        at: microseconds UTC; now when not given.
        zone: in which the day begins.
    """
    day = local_day(desk.now() if at is None else at, zone).isoformat()
    org = desk.organisation()
    posts = tuple((p["unit"], p["post"]) for p in org.posts_of(person, day))
    held = frozenset(unit for unit, _ in posts)
    cared_for = frozenset(GroupReader(desk.connection).looked_after_by(person, day))
    units = org.union(held | cared_for, day)
    if gone := known.left_to(desk.connection, units, day):
        units |= gone
    below = org.union(cared_for, day) if cared_for else frozenset()
    own = {u for u in held - below if not any(above["unit"] in held for above in org.path(u, day)[1:])}
    return Sight(person, day, units, posts, frozenset(own))


def hidden_from(desk: Desk, sight: Sight) -> frozenset[str]:
    """The unannounced checks that a person may not know of yet: those of the own unit, whoever would see it otherwise."""
    if sight.units is None:
        return frozenset()
    return frozenset(item for item, unit in listing.unannounced(desk.connection) if not sight.learns(unit))


def refuse_unseen(desk: Desk, sight: Sight, item: str, hidden: frozenset[str] | None = None) -> str:
    """The unit an item is about, if it may be seen. It may also be seen by whoever it waits for, as the post, by mandate
    or by delegation, and by whoever was sent a copy of it.

    Args:
        hidden: ``hidden_from``, where it is known already.

    Raises:
        Unknown: there is no such item, or it may not be seen; the two cannot be told apart.
    """
    unit = listing.unit_of(desk.connection, item)
    seen = unit is not None and sight.sees(unit)
    if seen:
        seen = item not in (hidden_from(desk, sight) if hidden is None else hidden)
    if unit is None or not (seen or _waits_for(desk, sight, item)):
        raise Unknown(kind="item", name=item)
    return unit


def _waits_for(desk: Desk, sight: Sight, item: str) -> bool:
    """A signature asked of somebody is asked on a content they may read, wherever it comes from."""
    case, _ = desk.case_of(item)
    if any((s.unit, s.post) in sight.posts for s in case.slots):
        return True
    return bool(sight.person) and (
        _stands_in(desk, sight.person, case) or queries.copied_to(desk.connection, sight.person, item)
    )


def _stands_in(desk: Desk, person: str, case: Case) -> bool:
    """Whether the rules would let the person sign an open place in somebody's stead."""
    given = set(mandates.posts_of(desk.connection, person))
    for slot in case.open_slots:
        if slot.delegate != person and (slot.unit, slot.post) not in given:
            continue
        head = desk.head_of(case.item)
        act = Sign(item=case.item, by=Actor(person, slot.post, slot.unit), seen=case.content, slot=slot.key)
        at = desk.now()
        try:
            authority.authority(desk.ask(act, case, head.org, head.seq + 1, at), slot)
        except WorkflowError:
            continue
        return True
    return False
