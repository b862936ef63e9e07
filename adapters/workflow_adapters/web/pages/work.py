"""My work: what waits for my signature, what came back to me, which of it is late, which reports my units owe."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.responses import Response

from workflow.evidence import canonical
from workflow.rules.materials import wanted
from workflow.store import queries
from workflow_adapters.web.pages import overview, times
from workflow_adapters.web.visit import Looking, Visit

AT_ONCE = 100


def work(visit: Visit) -> Response:
    if visit.who.operator:
        return overview.campaign(visit)
    engine = visit.console.engine
    waiting = engine.pending(visit.who.person, limit=AT_ONCE)
    with visit.look() as see:
        see.learn([w["about"] for w in waiting] + [w["unit"] for w in waiting] + [visit.who.person])
        back = sent_back(see, [w["item"] for w in waiting])
        rows = [_row(see, w) | {"back": back.get((w["item"], w["opened_at"]))} for w in waiting]
        posts = [(unit, see.name(unit), post) for unit, post in see.sight.posts]
        owed = times.owed_by(see, [unit for unit, _ in see.sight.posts])
        titles = _called(see)
        return visit.page(
            "work.html", titles=titles, rows=rows, posts=posts, owed=owed, more=len(rows) == AT_ONCE, see=see
        )


def _called(see: Looking) -> dict[str, str]:
    """Each post as most of the flows call it."""
    said: dict[str, Counter[str]] = {}
    for definition in see.newest():
        for post, spec in definition.flow.posts.items():
            said.setdefault(post, Counter())[spec.title.get(see.visit.lang)] += 1
    return {post: titles.most_common(1)[0][0] for post, titles in said.items()}


def sent_back(see: Looking, some: list[str]) -> dict[tuple[str, int], dict[str, str]]:
    """What sent an item back, by the item and the moment at which places began to wait again: ``person`` and ``reason``."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    for entry in queries.returns(see.desk.connection, list(dict.fromkeys(some))):
        act = canonical.read(entry.body)["act"]
        found[entry.chain, entry.at] = {"person": act["by"]["person"], "reason": act.get("reason", "")}
    see.learn(one["person"] for one in found.values())
    return found


def _row(see: Looking, waiting: dict[str, Any]) -> dict[str, Any]:
    case, definition = see.desk.case_of(waiting["item"])
    dues = [d.missed_at for d in queries.dues_of(see.desk.connection, waiting["item"]) if d.state == 0]
    due = min(dues, default=None)
    return {
        **waiting,
        "title": see.stage(definition.digest, waiting["stage"]),
        # with an outcome proposed something was handed in: a zero report has a statement, and no list
        "fill": not case.outcome and any(m not in case.materials for m in wanted(definition.stage(case.stage), case)),
        "flow_title": see.flow(definition.digest),
        "post_title": see.post(definition.digest, waiting["post"]),
        "due": due,
        "late": due is not None and due <= see.now,
        "urged": case.urged,
        "round": case.round,
    }
