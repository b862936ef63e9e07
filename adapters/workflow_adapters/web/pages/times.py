"""Reports owed and what came of them; missed nodes by unit and matter; the rungs that fired."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from workflow import campaign as glance
from workflow import lists, obligations
from workflow.clock import local_day
from workflow.errors import CalendarMissing
from workflow.store import listing, shelves
from workflow.store.org import LARGE
from workflow.views import MissedRow
from workflow_adapters import titles
from workflow_adapters.web.pages import rolls
from workflow_adapters.web.pages.overview import UNITS, of_units, top
from workflow_adapters.web.pages.registers import first
from workflow_adapters.web.visit import Looking, Visit

BACK, AHEAD = timedelta(days=70), timedelta(days=14)
A_PAGE, OF_ALL = 100, 2_000


def reports(visit: Visit) -> Response:
    """The calendar of obligations: each period with its counts in every state."""
    with visit.look() as see:
        unit = top(see)
        under = "" if see.sight.units is None and "unit" not in visit.query else unit
        at, on = see.as_of()
        today = local_day(at, see.zone)
        found: list[dict[str, Any]] = []
        for definition in see.newest():
            for rule in definition.flow.obligations:
                try:
                    some = obligations.periods(see.desk, definition.name, rule, today - BACK, today + AHEAD, at)
                except CalendarMissing:
                    some = []
                rows = [see.seen.rates(definition.name, rule, p.name, at, under) for p in some[-10:]]
                title = titles.obligation(definition, rule, visit.lang)
                found.append({"flow": definition, "rule": rule, "title": title, "periods": list(reversed(rows))})
        see.learn([unit])
        return visit.page(
            "reports.html",
            see=see,
            found=found,
            states=titles.STATES,
            once=rolls.once(see, under, at, on),
            unit=under,
            on=on,
            at=at,
        )


def period(visit: Visit) -> Response:
    """Every unit that owes a report of one period, and what came of it."""
    flow, rule, name = visit.path("flow"), visit.path("rule"), visit.path("period")
    with visit.look() as see:
        at, on = see.as_of()
        unit = top(see)
        under = "" if see.sight.units is None and "unit" not in visit.query else unit
        rows = see.seen.owed(flow, rule, name, at, under)
        wanted = visit.query.get("state", "")
        counts = Counter(r.state for r in rows)
        rows = [r for r in rows if not wanted or r.state == wanted]
        shown = rows[:A_PAGE]
        see.learn(r.unit for r in shown)
        definition = see.desk.engine.newest(see.desk.connection, flow)
        return visit.page(
            "period.html",
            see=see,
            rows=shown,
            every=len(rows),
            counts=counts,
            states=titles.STATES,
            rule=rule,
            name=name,
            definition=definition,
            on=on,
            wanted=wanted,
            unit=under,
        )


def owed_by(see: Looking, units: list[str]) -> list[dict[str, Any]]:
    """The reports that some units owe now or have missed lately, a row each."""
    out: list[dict[str, Any]] = []
    today = local_day(see.now, see.zone)
    for definition in see.newest():
        for rule, spec in definition.flow.obligations.items():
            for unit in dict.fromkeys(units):
                since, until = today - timedelta(days=14), today + AHEAD
                try:
                    some = obligations.periods(see.desk, definition.name, rule, since, until, unit=unit)
                except CalendarMissing:
                    continue
                for each in some[-3:]:
                    line = see.org.path(unit, each.day.isoformat())
                    inside = not spec.under or any(p["unit"] in spec.under for p in line)
                    if inside and line[0]["level"] in spec.owed_by and each.opens <= see.now:
                        item = obligations.report_id(definition.name, unit, each.name)
                        if not _settled(see, item):
                            state = "MISSING" if each.missed <= see.now else "DUE"
                            begun = listing.unit_of(see.desk.connection, item) is not None
                            out.append(
                                {
                                    "unit": unit,
                                    "flow": definition,
                                    "rule": rule,
                                    "period": each,
                                    "state": state,
                                    "item": item if begun else "",
                                }
                            )
    return out


def _settled(see: Looking, item: str) -> bool:
    """Whether a report is in, or was excused."""
    if listing.unit_of(see.desk.connection, item) is None:
        return False
    case, _ = see.desk.case_of(item)
    return case.final or "exempted" in case.marks


def overdue(visit: Visit) -> Response:
    """The heat of missed nodes: by unit below the reader's, and by matter."""
    with visit.look() as see:
        at, on = see.as_of()
        unit = top(see)
        written = see.heads.entry  # without which nothing is met, and nothing more was missed of a day that is over
        counted = see.counted(
            "missed", lambda: glance.missed_sums(see.desk, see.sight.day, at), on, head=written if on else None
        )
        late = see.counted("late", lambda: glance.late_sums(see.desk, see.sight.day, at), on, head=written)
        heat = see.seen.heat_of_flows(unit, at, counted=counted)
        rows = _first(see, at, on)
        met = see.seen.met_late(at, counted=late)
        children = see.org.children(unit, see.sight.day) if unit else []
        keys = {(flow, stage) for _, flow, stage in heat}
        places = {(d.name, s.stage): n for d in see.newest() for n, s in enumerate(d.flow.stages)}
        digests = {flow: see.flow_named(flow).digest for flow in {f for f, _ in keys} | {r.flow for r in rows}}
        columns = sorted(keys, key=lambda k: (k[0], places.get(k, 0), k[1]))
        late_ones = list(dict.fromkeys(u for u, _, _ in heat))
        begin = first(visit, len(late_ones))
        units = late_ones[begin : begin + UNITS]
        see.learn([*units, *(r.unit for r in rows)])
        return visit.page(
            "overdue.html",
            see=see,
            heat=Counter({(u, (flow, stage)): n for (u, flow, stage), n in heat.items()}),  # nothing missed is no fault
            units=units,
            rules=[(k, see.rule(digests[k[0]], k[1])) for k in columns],
            digests=digests,
            most=max(heat.values(), default=1),
            rows=rows,
            every=see.seen.missed_count(at, counted=counted),
            met=met,
            on=on,
            at=at,
            children=set(children),
            **of_units(visit, begin, len(late_ones)),
        )


def _first(see: Looking, at: int, on: str) -> list[MissedRow]:
    """What is missed longest. For whoever sees very much, of what was looked up for all."""
    if see.sight.units is not None and len(see.sight.units) <= LARGE:
        return see.seen.first_missed(at, limit=A_PAGE)
    connection = see.desk.connection
    every = see.counted("first", lambda: shelves.missed(connection, at, lists.EVERY, OF_ALL), on)
    return see.kept("missed", lambda: see.seen.first_missed(at, limit=A_PAGE, among=every), on)


def ladders(visit: Visit) -> Response:
    """The ledger of rungs: what the machine reminded of and proposed, newest first. It decides nothing."""
    said = visit.query.get("before", "")
    before = int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None
    with visit.look() as see:
        found = lists.rungs(see.desk, see.sight, before=before, limit=A_PAGE)
        rows = see.seen.rungs(before=before, limit=A_PAGE)
        see.learn([p["unit"] for r in rows for p in r.to] + [f.unit for f in found])
        unit_of = {f.chain: f.unit for f in found}
        definition_of = {f.chain: f.definition for f in found}
        return visit.page(
            "ladders.html",
            see=see,
            rows=rows,
            unit_of=unit_of,
            definition_of=definition_of,
            before=found[-1].id if len(found) == A_PAGE else "",
        )
