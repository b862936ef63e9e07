"""Texts that should be an item's own and are nearly those of another: with the passages, for people to judge.

A flag is a fact, not a refusal. Only fields marked ``own-words`` are compared, and only with what the reader may see: the
superior who judges two plans sees that they are one, a unit is told nothing of its neighbour's. What is word for word the
same is known at once from its digest (``repeated``), what is nearly so takes reading every text of the campaign (``alike``).
Source: S0 「简单照搬照抄,缺乏针对性」, R111; S4 「要逐支部说明原因」, R108.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from workflow.case import Case
from workflow.desk import Desk
from workflow.errors import ContentMissing
from workflow.evidence import canonical
from workflow.sight import Sight, hidden_from
from workflow.store import counting, items, queries

ALIKE = 80  # of 100: from here on two texts are nearly the same
PASSAGE = 8  # letters: what is shorter is a coincidence of wording
SHORT = 12  # letters: a text shorter than this says too little to be compared
AMONG = 2_000  # other items whose texts are read: those of the units nearest to the item's, where there are more


@dataclass(frozen=True)
class Alike:
    """Two texts that are nearly one. ``line`` is 0 in a document; ``of_100`` how much of both is the same, rounded down;
    ``passages`` what stands in both, the longest first. ``item == other`` for two lines of one list."""

    item: str
    material: str
    field: str
    line: int
    other: str
    other_unit: str
    other_line: int
    of_100: int
    passages: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """A text of an item that stands word for word elsewhere too. ``others``: item, unit and line of each that may be seen, the
    item's own further lines among them; ``line`` counts from 1, also in a document, which is one line."""

    material: str
    field: str
    line: int
    others: tuple[tuple[str, str, int], ...]


def repeated(desk: Desk, sight: Sight, item: str) -> list[Repeated]:
    """The texts handed in last that another line, or another item of the flow and campaign, has too, in order of fields and
    lines. Signs and spaces do not make a text another one."""
    hidden = hidden_from(desk, sight)
    found: dict[tuple[str, int], list[tuple[str, str, int]]] = {}
    for row in counting.repeated(desk.connection, item):
        if row.other == item or (sight.sees(row.unit) and row.other not in hidden):
            found.setdefault((row.field, row.no), []).append((row.other, row.unit, row.other_no))
    out: list[Repeated] = []
    for (where, no), others in found.items():
        material, _, field = where.partition(".")
        out.append(Repeated(material, field, no, tuple(others)))
    return out


@dataclass(frozen=True)
class _Text:
    line: int
    text: str
    plain: str


def alike(desk: Desk, sight: Sight, item: str, *, at_least: int = ALIKE, among: int = AMONG) -> list[Alike]:
    """What an item says that others of its flow and campaign that may be seen, or other lines of its own, say too; the
    likest first.

    Args:
        at_least: of 100, from where on two texts are told.
        among: how many other items are compared at most, those under the nearest superior first.
    """
    case = Case.of_snapshot(items.read(desk.connection, item).snapshot)
    own = _texts(desk, case)
    found: list[Alike] = []
    for key, texts in own.items():
        for n, one in enumerate(texts):
            found += _same(item, key, one, item, case.unit, texts[n + 1 :], at_least)
    every = queries.of_campaign(desk.connection, case.flow, case.campaign) if any(own.values()) else {}
    hidden = hidden_from(desk, sight)
    seen = {o: u for o, u in every.items() if o != item and sight.sees(u) and o not in hidden}
    for other, unit in _nearest(desk, sight, case.unit, seen, among):
        theirs = _texts(desk, Case.of_snapshot(items.read(desk.connection, other).snapshot))
        for key, texts in own.items():
            for one in texts:
                found += _same(item, key, one, other, unit, theirs.get(key, []), at_least)
    return sorted(found, key=lambda a: (-a.of_100, a.material, a.field, a.line, a.other, a.other_line))


def _nearest(desk: Desk, sight: Sight, unit: str, others: dict[str, str], most: int) -> list[tuple[str, str]]:
    """As many items as are compared, those of units under the nearest superior first: a plan is copied from a neighbour."""
    if len(others) <= most:
        return list(others.items())
    org = desk.organisation()
    found: dict[str, str] = {}
    for above in org.path(unit, sight.day):
        below = org.union(frozenset([above["unit"]]), sight.day)
        found |= {o: u for o, u in others.items() if u in below}
        if len(found) >= most:
            break
    return list((found | others).items())[:most]


def _texts(desk: Desk, case: Case) -> dict[tuple[str, str], list[_Text]]:
    """The texts of an item's own, by material and field; a document that is not in the store says nothing."""
    definition = desk.engine.definition(desk.connection, case.definition)
    out: dict[tuple[str, str], list[_Text]] = {}
    for name, digest in case.materials.items():
        fields = definition.flow.materials[name].fields
        wanted = [k for k, f in fields.items() if f.own_words and not f.personal and f.delicate is None]
        if not wanted:
            continue
        try:
            value: Any = canonical.decode(desk.contents.get(digest))
        except ContentMissing:
            continue
        lines = list(enumerate(value, start=1)) if isinstance(value, list) else [(0, value)]
        for field in wanted:
            texts = [_Text(no, str(line.get(field) or ""), _plain(str(line.get(field) or ""))) for no, line in lines]
            out[name, field] = [t for t in texts if len(t.plain) >= SHORT]
    return out


def _plain(text: str) -> str:
    """Letters and figures only, in one width and case: signs between them do not make a text another one."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _same(
    item: str, key: tuple[str, str], one: _Text, other: str, unit: str, texts: list[_Text], at_least: int
) -> Iterator[Alike]:
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(one.plain)  # what stays the same is prepared once
    for their in texts:
        matcher.set_seq1(their.plain)
        if matcher.real_quick_ratio() * 100 < at_least or matcher.quick_ratio() * 100 < at_least:
            continue
        blocks = matcher.get_matching_blocks()
        same = sum(b.size for b in blocks)
        of_100 = 200 * same // (len(one.plain) + len(their.plain))
        if of_100 < at_least:
            continue
        longest = sorted((b for b in blocks if b.size >= PASSAGE), key=lambda b: (-b.size, b.b))
        passages = tuple(one.plain[b.b : b.b + b.size] for b in longest[:5])
        yield Alike(item, *key, one.line, other, unit, their.line, of_100, passages)
