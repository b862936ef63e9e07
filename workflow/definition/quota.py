"""Quotas on what is found are refused: in keys, in codes and in titles.

Source: S4 「按照不设比例、不定指标、应整尽整的原则」, R049; S0 「不对“软弱涣散”设比例、定指标」, R050.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflow.definition.model import Flow, Text
from workflow.definition.positions import Place, Positions
from workflow.definition.problem import Problem, Said

_KEY = re.compile(r"(quotas?|ratios?|targets?|target-(count|number|ratio|share)s?|指标|比例|名额|定额)", re.IGNORECASE)
_CODE = re.compile(r"(^|-)(quotas?|target-(count|number|ratio|share)s?|finding-ratio|(minimum|required)-findings)(-|$)")
_TITLE = re.compile(
    r"(?:软弱涣散|整顿对象|排查|认定|发现|列入|倒排|问题)[^,。;、]{0,8}(?:比例|指标|名额|定额)"
    r"|(?:按|下达|设定?|完成)(?:比例|指标|名额|定额)"
    r"|\bquotas?\b"
    r"|\b(?:target|required|minimum) (?:number|count|share|ratio) of (?:findings?|items?|organi[sz]ations?)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"[不无未](?:设|定|下|按|对|得|以)|\b(?:no|not|without|never)\b", re.IGNORECASE)

_Loc = tuple[str | int, ...]


def quotas(flow: Flow, positions: Positions) -> list[Problem]:
    """A problem for every code and title that sets a quota, ratio or target number of findings. A title that says
    there is none passes."""
    problems: list[Problem] = []
    for loc, text in _titles(flow):
        found = _TITLE.search(text)
        if found and not _DENIED.search(text):
            problems.append(_problem(found[0].strip(), positions.at(*loc), positions))
    for loc in _codes(flow):
        if _CODE.search(str(loc[-1])):
            problems.append(_problem(str(loc[-1]), positions.key(*loc), positions))
    return problems


def quota_key(name: str, place: Place, positions: Positions) -> Problem | None:
    """The refusal of an unknown key that would set a quota, or ``None`` for any other key."""
    name = name.replace("_", "-")
    return _problem(name, place, positions) if _KEY.fullmatch(name) or _CODE.search(name.lower()) else None


def _problem(term: str, place: Place, positions: Positions) -> Problem:
    return positions.problem(
        "quota",
        place,
        Said(
            f"{term}: no quota, ratio or target number may be set for what is found (R049 「不设比例、不定指标」)",
            f"{term}:不得对排查发现设比例、定指标(R049 「不设比例、不定指标」)",
        ),
        Said("no such rule: whatever should be rectified is", "应整尽整,不设此项"),
        term,
        Said("delete it", "请删除"),
    )


def _codes(flow: Flow) -> Iterator[_Loc]:
    yield from (("categories", n) for n in flow.categories)
    yield from (("watch-class", n) for n in flow.watch_class)
    yield from (("nodes", s, "nodes", n) for s, nodes in flow.nodes.items() for n in nodes.nodes)
    for name, material in flow.materials.items():
        yield ("materials", name)
        yield from (("materials", name, "fields", n) for n in material.fields)


def _titles(flow: Flow) -> Iterator[tuple[_Loc, str]]:
    """Every title and label in both languages, with its place."""
    texts: list[tuple[_Loc, Text | None]] = [(("title",), flow.title), (("label",), flow.label)]
    texts += [(("categories", n), t) for n, t in flow.categories.items()]
    texts += [(("watch-class", n), t) for n, t in flow.watch_class.items()]
    texts += [(("bodies", n), t) for n, t in flow.bodies.items()]
    texts += [(("posts", n, "title"), p.title) for n, p in flow.posts.items()]
    for name, material in flow.materials.items():
        texts.append((("materials", name, "title"), material.title))
        texts += [(("materials", name, "fields", n, "title"), f.title) for n, f in material.fields.items()]
    texts += [(("stages", i, "title"), s.title) for i, s in enumerate(flow.stages)]
    for loc, text in texts:
        if text is not None:
            yield (*loc, "zh"), text.zh
            if text.en != text.zh:
                yield (*loc, "en"), text.en
