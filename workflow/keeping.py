"""What is kept and for how long: contents that nobody cites, and contents whose period is over. Never an entry.

A content goes, its digest stays: in the manifest that was signed, and in the entry of chain ``erasures`` that says what was
removed, when, by whom and why. A verification then counts it as removed on record rather than missing.

How long is said by the flow (``keep-for`` of a material, or of a personal field), counted from the last entry of an item
that is closed; or by whoever removes, as a day before which items were closed. Of a personal field the value goes and the
document stays: it carries a commitment, which opens to nothing any more. With a document go its lines in the working
tables and the personal values that stand in no other one. What is still cited by an open item, or kept for longer
elsewhere, stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from workflow import log, personal, removals, sealing
from workflow.clock import moment
from workflow.engine import Engine
from workflow.errors import ContentMissing, Said, Unknown
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.receipt import Receipt
from workflow.rules import dues
from workflow.rules.context import Context
from workflow.store import appending, scan
from workflow.store import personal as values

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.definition.model import Material, Span
    from workflow.desk import Desk

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")


class Iterable(ContentStore, Protocol):
    """A store that can say what it holds."""

    def iterate(self) -> Iterator[str]: ...


def orphans(engine: Engine) -> list[str]:
    """Contents that no entry cites: put for an act that was refused, or rolled back. One that is being put right now is
    among them; look again later before anything is removed."""
    store: Any = engine.contents
    lying = list(store.iterate())  # before the entries: what is put in between is not counted
    with engine.reading() as connection:
        cited = {one for _, rows in scan.chains(connection) for row in rows for one in _cited(row)}
    return [one for one in lying if one not in cited]


@dataclass
class Over:
    """What of an item is kept no longer.

    Attributes:
        documents: by digest, sorted.
        lists: names of the lists whose lines, in the working tables, go with their documents.
        values: of persons, by commitment, sorted: those inside these documents, and those whose own period is over.
    """

    documents: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Paper:
    """A document as an item's entry handed it in."""

    item: str
    name: str
    digest: str
    material: Material | None
    over: Callable[[Span | None], bool]
    """Whether a period of its item has run out; never of an item that is open."""


def over(desk: Desk, before: int | None = None) -> dict[str, Over]:
    """What is kept no longer, and still there, by the item that had it.

    Args:
        before: everything that items closed before that moment (microseconds UTC) handed in. Not given: what their flows
            say is kept no longer, as of now.
    """
    if before is None and not any(b'"keep-for"' in body for _, body, _ in scan.published(desk.connection)):
        return {}  # no flow says anything of it
    found = _Found(desk, before)
    found.documents()
    found.values()
    return dict(sorted(found.over.items()))


class _Found:
    """One pass over the entries for what is cited, one over the papers for what stands in them."""

    def __init__(self, desk: Desk, before: int | None) -> None:
        self.desk, self.before = desk, before
        self.now = desk.now()
        self.over: dict[str, Over] = {}
        self.papers: list[_Paper] = []
        self.gone: dict[str, str] = {}  # digest of a document that goes -> the first item that had it

    def documents(self) -> None:
        connection, contents = self.desk.connection, self.desk.contents
        held = scan.items(connection)
        listed = scan.lists(connection)
        kept: set[str] = set()
        for chain, rows in scan.chains(connection):
            papers = list(self._papers(held[chain], rows)) if chain in held else []
            self.papers += papers
            cited = {one for row in rows for one in _cited(row)}
            goes = self._goes(held.get(chain), rows, cited, papers)
            kept |= cited - goes
            for one in goes:
                self.gone.setdefault(one, chain)
        self.gone = {one: item for one, item in self.gone.items() if one not in kept}
        newest = {(p.item, p.name): p.digest for p in self.papers}
        for (item, name), one in sorted(newest.items()):
            if one in self.gone and (item, name) in listed:
                self.over.setdefault(item, Over()).lists.append(name)
        for one, item in sorted(self.gone.items()):
            if contents.has(one):
                self.over.setdefault(item, Over()).documents.append(one)

    def _papers(self, item: Any, rows: list[Any]) -> Iterator[_Paper]:
        flow = self.desk.engine.definition(self.desk.connection, item.definition).flow
        ends = self._ends(item, rows[-1].at)
        for row in rows:
            if b'"materials"' in row.body:
                for name, one in canonical.read(row.body)["act"].get("materials", {}).items():
                    yield _Paper(item.id, name, one, flow.materials.get(name), ends)

    def _ends(self, item: Any, closed: int) -> Callable[[Span | None], bool]:
        known: dict[str, bool] = {}

        def over(period: Span | None) -> bool:
            if period is None or not item.final:
                return False
            if str(period) not in known:
                known[str(period)] = self._ended(item, closed, period)
            return known[str(period)]

        return over

    def _ended(self, item: Any, closed: int, period: Span) -> bool:
        engine, connection = self.desk.engine, self.desk.connection
        definition: Definition = engine.definition(connection, item.definition)
        calendar = engine.calendar(connection, self.desk.calendar_of(definition, item.unit, self.now))
        return dues.after(Context(definition, calendar, self.now, 0), closed, period) <= self.now

    def _goes(self, item: Any, rows: list[Any], cited: set[str], papers: list[_Paper]) -> set[str]:
        """Of what a chain cites, what it has no need of any more."""
        if item is None or not item.final:
            return set()
        if self.before is not None:
            return cited if rows[-1].at < self.before else set()
        stays = {p.digest for p in papers if not (p.material and p.over(p.material.keep_for))}
        return {p.digest for p in papers} - stays

    def values(self) -> None:
        """Personal values whose period is over, or that stood only in documents that go."""
        ending: dict[str, str] = {}
        for paper in self.papers:
            for one in self._in(paper, self._value_goes):
                ending.setdefault(one, paper.item)
        if not ending:
            return
        for paper in self.papers:
            for one in self._in(paper, lambda *given: not self._value_goes(*given)):
                ending.pop(one, None)
        still = values.held(self.desk.connection, ending)
        for one, item in sorted(ending.items()):
            if one in still:
                self.over.setdefault(item, Over()).values.append(one)

    def _value_goes(self, paper: _Paper, name: str) -> bool:
        assert paper.material is not None
        by_itself = self.before is None and paper.over(paper.material.fields[name].keep_for)
        return by_itself or paper.digest in self.gone

    def _in(self, paper: _Paper, wanted: Callable[[_Paper, str], bool]) -> Iterator[str]:
        """The commitments in some personal fields of a paper."""
        if paper.material is None:
            return
        names = [n for n, spec in paper.material.fields.items() if spec.personal and wanted(paper, n)]
        if not names:
            return
        try:
            value = canonical.decode(self.desk.contents.get(paper.digest))
        except ContentMissing:
            return
        for line in value if isinstance(value, list) else [value]:
            yield from (line[n] for n in names if personal.is_commitment(line.get(n)))


def propose(engine: Engine) -> dict[str, Over]:
    """Tell operators what is kept longer than its flow says, in the log of events. A worker does so once a day; what goes,
    and who answers for it, a person says (``workflow contents retire``)."""
    with engine.look() as desk:
        found = over(desk)
    if found:
        documents, values = (
            {one for each in found.values() for one in getattr(each, name)} for name in ("documents", "values")
        )
        log.kept_too_long(len(found), len(documents), len(values))
    return found


def retire(engine: Engine, before: int | None = None, *, by: str, reason: str) -> Receipt:
    """Remove what ``over`` names. First the entry is committed, and with it lines and personal values go; then the
    documents: interrupted, it is finished by calling it again.

    Raises:
        Unknown: nothing is over.
    """
    with engine.desk() as desk:
        found = over(desk, before)
        documents = sorted({one for each in found.values() for one in each.documents})
        gone = sorted({one for each in found.values() for one in each.values})
        lists = [(item, name) for item, each in found.items() for name in each.lists]
        at = engine.now(desk.connection)
        if not documents and not gone and not lists:
            raise Unknown(
                kind=Said("content whose period is over by", "此前办结且保管期已满的内容"),
                name=f"{moment(at if before is None else before):%Y-%m-%d}",
                hint=Said("; nothing is to be removed", ";没有可移除的"),
            )
        text = desk.contents.put(canonical.encode(documents + gone))
        act = {"kind": removals.RETIRE, "text": text, "count": len(documents), "by": by, "reason": reason}
        act |= {"before": before} if before is not None else {"period": "keep-for"}
        act |= {"values": len(gone)} if gone else {}
        made = sealing.append(desk.connection, engine.key, removals.CHAIN, act, at)
        values.forget(desk.connection, gone)
        appending.forget_lines(desk.connection, lists)
    for one in documents:
        engine.contents.remove(one)
    values.settle(engine.db)
    return made


def _cited(row: Any) -> list[str]:
    return [one.decode() for one in _DIGEST.findall(row.body)]
