"""The figures of a run, all of them asked of the engine: who reported, what is in the register, what became of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from workflow import views
from workflow.clock import local_day
from workflow.demo.frame import CAMPAIGN, COUNTED, CRITICISM, END, RECTIFY, REPORT, ZONE
from workflow.demo.history import History
from workflow.desk import Desk
from workflow.store import org, queries
from workflow.verify import Report

LEVELS = ("group", "second", "third", "organisation")


def figures(desk: Desk, history: History, report: Report) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    calls = {level: views.roll_call(desk, REPORT, CAMPAIGN, COUNTED, level) for level in LEVELS}
    counted = views.register(desk, RECTIFY, CAMPAIGN, COUNTED)
    last = views.register(desk, RECTIFY, CAMPAIGN, END - 1)
    register = [r for r in counted if r.klass == "register"]
    missed = views.missed(desk, END - 1)
    entries, size = queries.size(desk.connection)
    proposals = queries.items_at(desk.connection, CRITICISM, CAMPAIGN, END - 1)
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
            "closed": sum(1 for r in last if r.stage == "closed"),
            "open": [r.item for r in last if r.klass == "register" and r.stage != "closed"],
        },
        "missed": {"total": len(missed), "by_rule": dict(Counter(_rule(m.rule) for m in missed).most_common())},
        "rungs": dict(history.kinds),
        "proposals": [
            {"item": r["id"], "unit": r["unit"], "stage": r["stage"], "on": local_day(r["opened_at"], ZONE).isoformat()}
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
