"""The list of items, the register (名册) as of any day, and the ledger (台账) as such offices print it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from workflow.shelf import within
from workflow.store.listing import Wanted
from workflow_adapters.web.visit import Looking, Visit

A_PAGE = 50


def wanted_of(visit: Visit) -> Wanted:
    """Which items a list is narrowed to."""
    q = visit.query
    return Wanted(
        flow=q.get("flow", ""),
        campaign=q.get("campaign", ""),
        stage=q.get("stage", ""),
        klass=q.get("klass", ""),
        final={"open": False, "closed": True}.get(q.get("state", "")),
    )


def items_page(visit: Visit) -> Response:
    q = visit.query
    with visit.look() as see:
        wanted = wanted_of(visit)
        page = see.seen.items(wanted, under=see.unit_asked(), after=q.get("after", ""), limit=A_PAGE)
        see.learn(r.unit for r in page.rows)
        flows = see.newest()
        chosen = next((d for d in flows if d.name == wanted.flow), None)
        stages = [(s.stage, see.stage(chosen.digest, s.stage)) for s in chosen.flow.stages] if chosen else []
        return visit.page("items.html", see=see, page=page, flows=flows, stages=stages, q=dict(q))


def register(visit: Visit) -> Response:
    with visit.look() as see:
        klass = visit.query.get("klass", "")
        asked_for = _listed(see, klass if klass in CLASSES else "")
        see.learn(r.unit for r in asked_for["rows"])
        classes = [(code, visit.say(*words)) for code, words in CLASSES.items()]
        return visit.page("register.html", see=see, classes=classes, **asked_for)


def ledger(visit: Visit) -> Response:
    with visit.look() as see:
        asked_for = _listed(see, "register")
        rows = see.seen.ledger_rows(asked_for["rows"], asked_for["at"], first=asked_for["first"] + 1)
        see.learn(p for r in rows for p in (r.unit, r.superior, r.responsible_unit, r.lead, *r.responsible))
        verdicts = {code: visit.say(*words) for code, words in VERDICTS.items()}
        return visit.page("ledger.html", see=see, **{**asked_for, "rows": rows, "verdicts": verdicts})


CLASSES = {"register": ("名册", "register"), "watch": ("关注", "watch")}


def under(see: Looking) -> frozenset[str] | None:
    """The units at and below the one asked for; None where none was.

    Raises:
        Unknown: it may not be seen, or there is none.
    """
    unit = see.unit_asked()
    if not unit:
        return None
    return see.org.union(frozenset((unit,)), see.sight.day)


def _listed(see: Looking, klass: str = "") -> dict[str, Any]:
    """A page of a register as of a day, and what its template needs beside."""
    at, on = see.as_of()
    flow, campaign = _campaign(see)
    below = under(see)
    shelf = see.shelf(flow, campaign, at, on, klass) if flow else None
    shelf = within(shelf, below) if shelf is not None and below is not None else shelf
    every = shelf.every if shelf else 0
    begin = first(see.visit, every)
    return {
        "rows": see.seen.page(shelf, begin, A_PAGE) if shelf else [],
        "first": begin,
        "every": every,
        "per": A_PAGE,
        "on": on,
        "at": at,
        "digest": see.desk.engine.newest(see.desk.connection, flow).digest if flow else "",
        "q": dict(see.visit.query),
        "flow": flow,
        "campaigns": see.seen.campaigns(counted=see.items)[:40],
        "chosen": f"{flow}/{campaign}",
    }


VERDICTS = {"qualified": ("验收合格", "qualified"), "unqualified": ("验收不合格", "unqualified")}


def _campaign(see: Looking, klass: str = "register") -> tuple[str, str]:
    """The flow and campaign asked for; without a word, the one with the most items of a class that may be seen."""
    flow, campaign = see.visit.query.get("flow", ""), see.visit.query.get("campaign", "")
    if "/" in (of := see.visit.query.get("of", "")):
        flow, _, campaign = of.partition("/")
        return flow, campaign
    if flow and campaign:
        return flow, campaign
    counted = see.items
    told = see.seen.campaigns(Wanted(klass=klass), counted=counted) or see.seen.campaigns(counted=counted)
    fitting = [c for c in told if not flow or c[0] == flow]
    return (fitting[0][0], fitting[0][1]) if fitting else (flow, campaign)


def first(visit: Visit, every: int) -> int:
    """Which row of so many a page begins with."""
    said = visit.query.get("from", "0")
    return min(int(said), max(0, every - 1)) if said.isascii() and said.isdigit() and len(said) < 9 else 0


def asked(see: Looking) -> dict[str, Any]:
    flow, campaign = _campaign(see)
    return {"flow": flow, "campaign": campaign}
