"""The figures of a run, all of them asked of the engine: who reported, what is in the register, what became of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from workflow import obligations, views
from workflow.campaign import coverage
from workflow.clock import local_day
from workflow.demo.frame import (
    CAMPAIGN,
    COUNTED,
    CRITICISM,
    END,
    LAST,
    MEASURES,
    RECTIFY,
    REPORT,
    TALK,
    ZONE,
    report_of,
)
from workflow.demo.history import History
from workflow.demo.people import Told
from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.sight import all_of
from workflow.store import obligations as store
from workflow.store import org, queries
from workflow.trace import trace
from workflow.verify import Report

OUT = ("closed", "archived")  # struck out of the ledger: tracked, or tracked to the end
LEVELS = ("group", "second", "third", "organisation")


def figures(desk: Desk, history: History, report: Report, told: Told) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    calls = {level: views.roll_call(desk, REPORT, CAMPAIGN, COUNTED, level) for level in LEVELS}
    counted = views.register(desk, RECTIFY, CAMPAIGN, COUNTED)
    last = views.register(desk, RECTIFY, CAMPAIGN, END - 1)
    register = [r for r in counted if r.klass == "register"]
    missed = views.missed(desk, END - 1)
    entries, size = queries.size(desk.connection)
    proposals = [
        {"flow": flow, **r}
        for flow in (CRITICISM, TALK, MEASURES)
        for r in queries.items_at(desk.connection, flow, CAMPAIGN, END - 1)
    ]
    return {
        "counted_as_of": local_day(COUNTED, ZONE).isoformat() + "T00:00+08:00",
        "reports": _call(calls["group"]),
        "reports_by_level": {level: _call(call) for level, call in calls.items()},
        "items": {
            "total": len(register),
            "by_category": dict(Counter(r.category for r in register).most_common()),
            "enterprises": len({r.unit.split("-")[0] for r in register}),
            "watch": sum(1 for r in counted if r.klass == "watch"),
        },
        "supervision_groups": {group: list(units) for group, units in guided(desk).items()},
        "final": {
            "by_stage": dict(Counter(r.stage for r in last if r.klass == "register")),
            "watch_by_stage": dict(Counter(r.stage for r in last if r.klass == "watch")),
            "rounds": {str(n): c for n, c in sorted(Counter(r.round for r in last if r.klass == "register").items())},
            "items": sum(1 for r in last if r.klass == "register"),
            "closed": sum(1 for r in last if r.klass == "register" and r.stage in OUT),
            "archived": sum(1 for r in last if r.klass == "register" and r.stage == "archived"),
            "open": [r.item for r in last if r.klass == "register" and r.stage not in OUT],
            "reports": _reports(desk),
        },
        "left_out": _left_out(desk, told.left_out),
        "rebound": {"item": told.rebounding, "look_backs": history.acts["look-back"]},
        "ballot": _ballot(desk, history, told.balloted),
        "missed": {"total": len(missed), "by_rule": dict(Counter(_rule(m.rule) for m in missed).most_common())},
        "rungs": dict(history.kinds),
        "proposals": [
            {
                "flow": r["flow"],
                "item": r["id"],
                "unit": r["unit"],
                "stage": r["stage"],
                "on": local_day(r["opened_at"], ZONE).isoformat(),
            }
            for r in proposals
        ],
        "returns": history.acts["return"],
        "objections": history.acts["objection"],
        "signatures": history.signatures,
        "backstop": {"signatures": history.backstops, "units": len(history.answered_above)},
        "verification": {
            "level": report.level,
            "holds": report.holds,
            "rules": report.rules,
            "failures": [str(f) for f in report.failures[:20]],
        },
        "entries": entries,
        "bytes": size,
    }


def _call(call: views.RollCall) -> dict[str, int]:
    return {
        "owed": len(call.owed),
        "reported": len(call.reported),
        "zero": len(call.zero),
        "missing": len(call.missing),
        "due": len(call.due),
    }


def _reports(desk: Desk) -> dict[str, int]:
    """What the enterprises' reports are worth at the end: a zero that rests on one contradicted below it is none."""
    definition = desk.engine.newest(desk.connection, REPORT)
    below = store.rows(desk.connection, obligations.asked_once(desk, definition, CAMPAIGN, END - 1, ("organisation",)))
    told = coverage(desk, all_of(LAST.isoformat()), REPORT, CAMPAIGN, END - 1, "group")
    return {
        "owed": told.owed,
        "reported": told.covered - told.zero - len(told.contradicted),
        "zero": told.zero,
        "contradicted": len(told.contradicted),
        "missing": len(told.uncovered),
        "supplemented_below": sum(r.state == "SUPPLEMENTED" for r in below),
    }


def _left_out(desk: Desk, item: str) -> dict[str, Any]:
    """What the unannounced check opened: the report it contradicts, and whom the trace names for it."""
    found = trace(desk, item, END - 1)
    reports = [s for s in found.root.walk() if s.flow == REPORT]
    signed = [s for r in reports for s in r.signers if not s.superseded]
    line = [u["unit"] for u in org.OrgReader(desk.connection).path(found.about, local_day(COUNTED, ZONE).isoformat())]
    return {
        "item": item,
        "unit": found.about,
        "report": report_of(found.about),
        "opened": desk.case_of(item)[0].fields_["found-on"],
        "line": [u for u in line if any(r.unit == u for r in reports)],
        "signers": sorted({s.person for s in signed}),
        "moved_on": sorted({s.person for s in signed if s.person not in s.now}),
    }


def _ballot(desk: Desk, history: History, item: str) -> dict[str, Any]:
    """The votes that the engine held, each sheet beside what its opened papers add up to."""
    past = history.pasts[item]
    return {"item": item, "unit": past.unit, "votes": [{**v, "recounted": _recounted(desk, v)} for v in past.votes]}


def _recounted(desk: Desk, vote: dict[str, Any]) -> dict[str, int]:
    papers = canonical.decode(desk.contents.get(vote["papers"]))
    return {
        "voted": len({p["mark"] for p in papers}),
        "aware": sum(p.get("awareness") == "aware" for p in papers),
        "dissatisfied": sum(p.get("satisfaction") == "dissatisfied" for p in papers),
    }


def _rule(rule: str) -> str:
    """A due's stage and, for a further due of the stage, its node; without the number of the stay."""
    stage, _, *more = rule.split("/")
    return "/".join([stage, *more])


def guided(desk: Desk) -> dict[str, tuple[str, ...]]:
    """Supervision group -> the units it guides, from the stored lines. Source: S0 「每组联系 11家企业」, R005."""
    found: dict[str, list[str]] = {}
    for line in org.stored(desk.connection)["parents"]:
        if line["kind"] == "guiding":
            found.setdefault(line["parent"], []).append(line["unit"])
    return {group: tuple(sorted(units)) for group, units in sorted(found.items())}
