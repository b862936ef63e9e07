"""Who answers: the tree of units with their heads, and the trace from one item to everyone who signed or owed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from workflow import trace as tracing
from workflow.cli.tracing import WORDS, irregular, remarked
from workflow.errors import Unknown
from workflow_adapters.web.pages.item import seen_of
from workflow_adapters.web.pages.overview import UNITS, of_units, top
from workflow_adapters.web.pages.registers import first
from workflow_adapters.web.visit import Looking, Visit


def tree(visit: Visit) -> Response:
    """A unit, who answers for it, and the units below; one level at a time, so that no tree is too large."""
    with visit.look() as see:
        unit, day = top(see), see.sight.day
        posts = {p: spec for d in see.newest() for p, spec in d.flow.posts.items() if spec.first_responsible}
        post = next(iter(posts), "secretary")
        title = posts[post].title.get(visit.lang) if post in posts else post
        every = see.org.children(unit, day) if unit else []
        begin = first(visit, len(every))
        below = every[begin : begin + UNITS]
        rows = []
        shown = [unit, *below] if unit else []
        counts = see.seen.by_unit(shown, counted=see.items)
        see.org.look_up(shown, post, day)
        for one, counted in zip(shown, counts, strict=True):
            heads = see.org.answerable(one, post, day, True) if one else []
            rows.append((one, heads, counted))
        see.learn([unit, *below, *(h["person"] for _, heads, _ in rows for h in heads)])
        path = see.org.path(unit, day)[1:] if unit else []
        see.learn(p["unit"] for p in path)
        more = of_units(visit, begin, len(every))
        return visit.page("organisation.html", see=see, unit=unit, rows=rows, path=path, title=title, **more)


def trace(visit: Visit) -> Response:
    """From the item to everyone who signed or owed: names, marks and links, as facts for an inquiry."""
    with visit.look() as see:
        name = visit.path("item")
        at, on = see.as_of()
        found = see.seen.trace(name, at)
        see.opened(name, "trace")
        case, definition = see.seen.case_of(name)
        statements = list(found.root.walk())
        see.learn([case.unit, *found.persons(), *(one for s in statements for one in _named(s))])
        see.learn_then(row for s in statements for some in (s.signers, s.remarks, s.named, s.handed) for row in some)
        return visit.page(
            "trace.html",
            see=see,
            case=case,
            definition=definition,
            found=found,
            notice=tracing.NOTICE[visit.lang],
            word=lambda code: visit.say(*WORDS.get(code, (code, code))),
            remarked=remarked,
            irregular=lambda row, was: irregular(row, visit.lang, was),
            flow=see.flow_named,
            saw=_saw(see, statements) if visit.query.get("contents") else None,
            linked={s.item for s in statements if s.item and see.sight.sees(s.unit)},
            on=on,
        )


def _saw(see: Looking, statements: Iterable[tracing.Statement]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """What each signer saw, of the items that this visitor may see. Source: S0 「谁签字上报谁负责」, R037."""
    saw: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for s in statements:
        with suppress(Unknown):  # a mark stands there for what may not be seen
            saw |= seen_of(see, s.item, s.signers) if s.signers else {}
    return saw


def _named(s: tracing.Statement) -> Iterator[str]:
    """The units a statement names, and who holds the posts of its signers and debtors now."""
    yield s.unit
    for some in (s.signers, s.owed, s.heads, s.remarks, s.irregular, s.named, s.handed):
        yield from (row.unit for row in some)
    for row in s.signers:
        yield from row.now
    for owed in s.owed:
        yield from owed.now
    yield from (one.by for one in s.named)
