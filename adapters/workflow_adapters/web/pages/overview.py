"""The campaign at a glance, from the level of the reader down: totals, each unit below, stages, claimed and missed."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from workflow.errors import Unknown
from workflow.store.listing import Wanted
from workflow_adapters.web.pages.registers import asked, first
from workflow_adapters.web.visit import Looking, Visit

UNITS = 100  # a page


def of_units(visit: Visit, begin: int, every: int) -> dict[str, Any]:
    """What the links between the pages of a list of units need."""
    return {"q": dict(visit.query), "first": begin, "per": UNITS, "every_unit": every}


def campaign(visit: Visit) -> Response:
    with visit.look() as see:
        chosen = asked(see)
        unit = top(see)
        wanted = Wanted(flow=chosen["flow"], campaign=chosen["campaign"])
        told = see.seen.tally(wanted, unit, counted=see.items)
        every = see.org.children(unit, see.sight.day) if unit else []
        begin = first(visit, len(every))
        below = every[begin : begin + UNITS]
        rows = see.seen.by_unit(below, wanted, counted=see.items)
        see.learn([unit, *below])
        definition = see.desk.engine.newest(see.desk.connection, chosen["flow"]) if chosen["flow"] else None
        stages = []
        if definition is not None:
            for stage in definition.flow.stages:
                n = told.stages.get((definition.name, stage.stage), 0)
                if n:
                    stages.append((see.stage(definition.digest, stage.stage), stage.stage, n))
        most = max((n for _, _, n in stages), default=1)
        return visit.page(
            "campaign.html",
            see=see,
            told=told,
            rows=rows,
            unit=unit,
            chosen=chosen,
            stages=stages,
            most=most,
            campaigns=see.seen.campaigns(counted=see.items),
            definition=definition,
            **of_units(visit, begin, len(every)),
            path=see.org.path(unit, see.sight.day)[1:] if unit else [],
        )


def top(see: Looking) -> str:
    """The unit a page is about: the one asked for, else the reader's own, else the root of the organisation.

    Raises:
        Unknown: it may not be seen.
    """
    asked_for = see.visit.query.get("unit", "")
    if asked_for:
        if not see.sight.sees(asked_for):
            raise Unknown(kind="unit", name=asked_for)
        return asked_for
    if see.sight.posts:
        return see.sight.posts[0][0]
    return see.org.root(see.sight.day) if see.sight.units is None else ""
