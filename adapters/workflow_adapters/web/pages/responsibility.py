"""Who answers: the tree of units with their heads, and the trace from one item to everyone who signed or owed."""

from __future__ import annotations

from starlette.responses import Response

from workflow.cli.tracing import lines as told
from workflow_adapters.web.pages.overview import top
from workflow_adapters.web.visit import Visit


def tree(visit: Visit) -> Response:
    """A unit, who answers for it, and the units below; one level at a time, so that no tree is too large."""
    with visit.look() as see:
        unit, day = top(see), see.sight.day
        posts = {p: spec for d in see.newest() for p, spec in d.flow.posts.items() if spec.first_responsible}
        post = next(iter(posts), "secretary")
        title = posts[post].title.get(visit.lang) if post in posts else post
        below = see.org.children(unit, day) if unit else []
        rows = []
        for one, counted in zip(
            [unit, *below] if unit else [], see.seen.by_unit([unit, *below] if unit else []), strict=True
        ):
            heads = see.org.answerable(one, post, day, True) if one else []
            rows.append((one, heads, counted))
        see.learn([unit, *below, *(h["person"] for _, heads, _ in rows for h in heads)])
        path = see.org.path(unit, day)[1:] if unit else []
        see.learn(p["unit"] for p in path)
        return visit.page("organisation.html", see=see, unit=unit, rows=rows, path=path, title=title)


def trace(visit: Visit) -> Response:
    with visit.look() as see:
        name = visit.path("item")
        at, on = see.as_of()
        found = see.seen.trace(name, at)
        case, definition = see.seen.case_of(name)
        lines = list(told(see.desk, found, visit.lang))
        return visit.page("trace.html", see=see, case=case, definition=definition, lines=lines, on=on)
