"""Reports that are owed once, by a node of a campaign: level by level who reported, with zero, not yet, or not at all.

Missing is not zero (应报未报, 零报告), so each has a column of its own. Source: S0 「99家企业共有39家上报,60家零报告」, R023.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from workflow.definition.definition import Definition
from workflow.errors import Unknown
from workflow.obligations import OwedOnce
from workflow_adapters import titles
from workflow_adapters.web.pages.overview import top
from workflow_adapters.web.pages.registers import first
from workflow_adapters.web.visit import Looking, Visit

A_PAGE = 100


def once(see: Looking, under: str, at: int, on: str) -> list[dict[str, Any]]:
    """Each campaign of which reports are owed once, with a row of counts for each level that owes one."""
    found: list[dict[str, Any]] = []
    for definition, campaign in _owing(see):
        rows = []
        for level in _levels(definition):
            counts = Counter(r.state for r in _called(see, definition.name, campaign, level, at, on, under))
            if counts:
                rows.append({"level": level, "title": _title(see, level), "owed": _owed(counts), "counts": counts})
        if rows:
            found.append({"flow": definition, "campaign": campaign, "rows": rows})
    return found


def roll(visit: Visit) -> Response:
    """Every unit of a level that owes the report of a campaign, and what came of it."""
    q = visit.query
    with visit.look() as see:
        at, on = see.as_of()
        unit = top(see)
        under = "" if see.sight.units is None and "unit" not in q else unit
        asked = _asked(see)
        if asked is None:
            raise Unknown(kind="campaign", name=f"{q.get('flow', '')}/{q.get('campaign', '')}"[:100])
        definition, campaign, level = asked
        call = _called(see, definition.name, campaign, level, at, on, under)
        counts = Counter(r.state for r in call)
        wanted = q.get("state", "")
        rows = [r for r in call if wanted in ("", r.state)]
        begin = first(visit, len(rows))
        shown = rows[begin : begin + A_PAGE]
        see.learn(r.unit for r in shown)
        return visit.page(
            "roll.html",
            see=see,
            definition=definition,
            campaign=campaign,
            title=_title(see, level),
            asked={"flow": definition.name, "campaign": campaign, "level": level, "unit": under, "on": on},
            rows=shown,
            owed=_owed(counts),
            counts=counts,
            states=titles.STATES,
            wanted=wanted,
            at=at,
            q=dict(q),
            first=begin,
            per=A_PAGE,
            every=len(rows),
        )


def _owing(see: Looking) -> Iterator[tuple[Definition, str]]:
    """Each flow of which reports are owed once, with each campaign that has any item of it."""
    for definition in see.newest():
        if definition.flow.reports is not None:
            for flow, campaign, _ in see.seen.campaigns(counted=see.items):
                if flow == definition.name:
                    yield definition, campaign


def _asked(see: Looking) -> tuple[Definition, str, str] | None:
    """The flow, campaign and level asked for; without a word, the first there are."""
    q = see.visit.query
    for definition, campaign in _owing(see):
        levels = _levels(definition)
        if q.get("flow", definition.name) == definition.name and q.get("campaign", campaign) == campaign:
            level = q.get("level", levels[0])
            return (definition, campaign, level) if level in levels else None
    return None


def _levels(definition: Definition) -> tuple[str, ...]:
    reports = definition.flow.reports
    return reports.owed_by if reports is not None else ()


def _called(see: Looking, flow: str, campaign: str, level: str, at: int, on: str, under: str) -> list[OwedOnce]:
    """Who of a level owes, and what came of it, as far as this reader sees: of a unit and all below it, or of all."""
    rows = see.kept("roll", lambda: see.seen.owed_once(flow, campaign, level, at), flow, campaign, level, on)
    if not under:
        return rows
    inside = see.org.union(frozenset((under,)), see.sight.day)
    return [row for row in rows if row.unit in inside]


def _owed(counts: Counter[str]) -> int:
    return counts.total() - counts["EXEMPT"]


def _title(see: Looking, level: str) -> str:
    """A level, as whichever flow gives it a title calls it."""
    said = (titles.code(d, level, see.visit.lang) for d in see.newest() if level in d.flow.titles)
    return next(said, level)
