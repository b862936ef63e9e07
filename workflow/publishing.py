"""Who may put a version of a flow in force: a flow is the publishing unit's, and that of every unit above it."""

from __future__ import annotations

from typing import Any

from workflow.acts import Actor
from workflow.errors import NotHolder, NotPublisher, Said
from workflow.evidence import canonical
from workflow.store import facts, items
from workflow.store.org import OrgReader


def entitled(connection: Any, flow: str, by: Actor, day: str, *, known: bool) -> dict[str, Any]:
    """The authority on which somebody publishes a version of a flow.

    A new flow is anybody's who holds a post. A version is replaced by the unit that published it or by one above that:
    a lower unit that tightens a flow gives it a name of its own. What the engine's administrator brought in is replaced
    where there is no unit above.

    Args:
        day: today, YYYY-MM-DD. known: there are versions of the flow.

    Raises:
        NotHolder: the person does not hold that post today. NotPublisher: the flow is another unit's.
    """
    held: dict[str, Any] = facts.load(connection, ("authority", by.person, by.unit, by.post, day, "holder"), {})
    if not held.get("tenure"):
        holders = [a["person"] for a in held.get("answerable", [])] or "nobody"
        raise NotHolder(person=by.person, post=by.post, unit=by.unit, day=day, expected=holders, actual=by.person)
    if known:
        _may_replace(connection, flow, by, day)
    return held


def _may_replace(connection: Any, flow: str, by: Actor, day: str) -> None:
    published = [canonical.read(entry.body)["act"] for entry in items.entries(connection, items.FLOWS)]
    owner = next((act["by"]["unit"] for act in reversed(published) if act.get("flow") == flow), None)
    org = OrgReader(connection)
    if owner is None:
        if len(org.path(by.unit, day)) > 1:
            raise NotPublisher(flow=flow, publisher=_ADMINISTRATOR, expected=_TOP, actual=_said(by))
        return
    line = [step["unit"] for step in org.path(owner, day)]
    if by.unit not in line:
        raise NotPublisher(flow=flow, publisher=owner, expected=", ".join(line), actual=_said(by))


def _said(by: Actor) -> Said:
    return Said(str(by), f"{by.unit} {by.post} {by.person} ")


_ADMINISTRATOR = Said("the engine's administrator", "引擎管理员")
_TOP = Said("a unit with none above it", "没有上级的单位")
