"""Who may change the organisation: whoever is first responsible at a unit above everything that changes.

A head decides about the units below theirs, and about nobody above, beside or at their own unit; only at the top, where
there is nobody above, does the head decide about the own unit. Which posts may do which act is said by the charter in
force, an entry of the organisation's chain; before there is one, it is every post that a published flow calls first
responsible. Nobody else may: an empty list lets nobody pass.

The engine's administrator (``by=None``: whoever holds its key) brings the first organisation in and adopts charters. Each
such entry says ``as: administrator``, so that it is never taken for the act of a head.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workflow.acts import Actor
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.errors import NotAbove, NotHolder, ReasonRequired, Said, Unknown, among
from workflow.evidence import canonical
from workflow.receipt import Receipt
from workflow.store import items, library
from workflow.store.org import OrgReader

ADMINISTRATOR = "administrator"
CHARTER = "adopt-charter"
KINDS: tuple[str, ...] = ("appoint", "end-tenure", "remove-from-posts", "merge-persons", "rename-unit", "rename-person")
KINDS += ("move-unit", "dissolve", "merge", "split", "enrol", "form-body", "seat", "assign", "answer-beside")


def adopt_charter(desk: Desk, reason: str, posts: Mapping[str, Sequence[str]]) -> Receipt:
    """Say which posts may do which act on the organisation, from now on; by the engine's administrator.

    Args:
        posts: kind of act -> posts. ``*`` stands for all acts not named. What is not named at all, nobody may do.

    Raises:
        Unknown: no such act. ReasonRequired: no reason was written.
    """
    for kind in posts:
        if kind not in (*KINDS, "*"):
            raise Unknown(kind="act", name=kind, hint=among(KINDS))
    if not reason.strip():
        raise ReasonRequired(act=CHARTER, expected="a written reason", actual="none")
    act: dict[str, Any] = {"kind": CHARTER, "as": ADMINISTRATOR, "reason": reason}
    act["posts"] = {kind: sorted(some) for kind, some in sorted(posts.items())}
    return desk.change_org(act, {}, frozenset(), [])


def charter(desk: Desk) -> dict[str, list[str]] | None:
    """The charter in force: kind of act -> posts; None where none was adopted."""
    body = items.last_of(desk.connection, items.ORG, CHARTER)
    return None if body is None else canonical.read(body)["act"]["posts"]


def posts_for(desk: Desk, kind: str) -> list[str]:
    """The posts that may do an act: by the charter, else those that a published flow calls first responsible."""
    adopted = charter(desk)
    if adopted is not None:
        return adopted.get(kind, adopted.get("*", []))
    flows = [desk.engine.definition(desk.connection, d).flow for d in library.digests(desk.connection)]
    return sorted({name for flow in flows for name, post in flow.posts.items() if post.first_responsible})


def entitled(desk: Desk, kind: str, by: Actor | None, below: Iterable[str], within: Iterable[str]) -> dict[str, Any]:
    """That somebody may do an act, as what stands in its entry: who, as what, on which tenure.

    Args:
        below: units that must lie below the actor's. ``within``: units that may also be the actor's own.

    Raises:
        NotHolder: the actor does not hold the post today. NotAbove: it is no post that may, or not above the units.
    """
    if by is None:
        return {"as": ADMINISTRATOR}
    allowed = posts_for(desk, kind)
    if by.post not in allowed:
        raise NotAbove(act=kind, expected=allowed or _NOBODY, actual=str(by), units=_ANY_UNIT)
    org, day = OrgReader(desk.connection), _today(desk)
    held = org.authority(by.person, by.unit, by.post, day, backstop=False)
    if held is None:
        holders = [a["person"] for a in org.answerable(by.unit, by.post, day, backstop=False)] or "nobody"
        raise NotHolder(person=by.person, post=by.post, unit=by.unit, day=day, expected=holders, actual=by.person)
    below, within = sorted(set(below)), sorted(set(within))
    lines = {u: [step["unit"] for step in org.path(u, day)] for u in {*below, *within, by.unit}}
    beyond = [u for u in below if by.unit not in (lines[u][1:] or lines[u])]
    beyond += [u for u in within if by.unit not in lines[u] and u not in beyond]
    if not (below or within) and len(lines[by.unit]) > 1:  # what is at no unit is the top's
        beyond = [by.unit]
    if beyond:
        top = lines[by.unit][-1:]
        nearest = {u for b in beyond for u in ((lines[b][1:] or lines[b])[:1] if b != by.unit or below else top)}
        above = sorted(f"{post}@{u}" for u in nearest for post in allowed)
        raise NotAbove(act=kind, expected=above, actual=str(by), units=beyond)
    who = {"person": by.person, "post": by.post, "unit": by.unit}
    return {"by": who, "as": held["as"], "tenure": held["tenure"]}


_NOBODY = Said("nobody: neither a charter nor a published flow names a post", "无人:组织章程与已发布流程均未指定职务")
_ANY_UNIT = Said("any unit", "任何单位")


def _today(desk: Desk) -> str:
    """The day, as the flows of this database count days."""
    digests = library.digests(desk.connection)
    zone = desk.engine.definition(desk.connection, digests[0]).flow.timezone if digests else "UTC"
    return local_day(desk.engine.now(desk.connection), zone).isoformat()
