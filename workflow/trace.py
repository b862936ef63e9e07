"""From a finding to everyone who answers for it: who signed what they saw, and who owed a signature and gave none.

A trace is facts for an inquiry, not a finding of responsibility. Signers and heads are separate facts, and the head of
the time (时任) stands beside the present one (现任). Source: S0 「谁签字上报谁负责」「责任由相关企业党委一把手承担」, R037, R041.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workflow.clock import local_day, start_of_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Unknown
from workflow.evidence import canonical
from workflow.rules.authority import backstop
from workflow.rules.chain import Path, unit_at
from workflow.rules.dues import binding_nodes, node_day
from workflow.store import items, queries
from workflow.store.org import OrgReader
from workflow.views import SignatureRow, signatures

NOTICE = {
    "zh": "本追溯列明事实,供核查使用,不是责任认定。",
    "en": "This trace lists facts for an inquiry. It is not a finding of responsibility.",
}


@dataclass(frozen=True)
class Head:
    """Who was first responsible at a unit on a day, and who is now. ``as_`` says backstop where the superior answers."""

    unit: str
    post: str
    day: str
    then: tuple[str, ...]
    as_: str
    now: tuple[str, ...]


@dataclass(frozen=True)
class Owed:
    """A duty not done in time: who answered for it on its due day, and what came of it.

    Attributes:
        what: ``due`` (a node of a stage), ``signature`` (a place open now) or ``report`` (none was ever signed).
        rule: the due's rule, the place, or the flow.
        met_at: when it was done after all, microseconds UTC; None: not done.
    """

    what: str
    unit: str
    post: str
    rule: str
    missed_at: int
    met_at: int | None
    persons: tuple[str, ...]
    as_: str
    now: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One item in the trace: what was signed on it, what was owed on it, and the statements it rests on."""

    item: str
    flow: str
    unit: str
    stage: str
    round: int
    why: str
    signers: tuple[SignatureRow, ...]
    owed: tuple[Owed, ...]
    heads: tuple[Head, ...]
    rests_on: tuple[Statement, ...]

    def walk(self) -> Iterator[Statement]:
        """This statement and everything below it, depth first."""
        yield self
        for below in self.rests_on:
            yield from below.walk()


@dataclass(frozen=True)
class Trace:
    """Everything from one finding, as of an instant."""

    about: str
    at: int
    root: Statement

    def persons(self) -> dict[str, set[str]]:
        """Everybody named, with why: ``signed``, ``owed``, ``head`` (of the time), ``head-now``."""
        found: dict[str, set[str]] = {}
        for s in self.root.walk():
            for row in s.signers:
                found.setdefault(row.person, set()).add("signed")
            for o in s.owed:
                for p in o.persons:
                    found.setdefault(p, set()).add("owed")
            for h in s.heads:
                for p in h.then:
                    found.setdefault(p, set()).add("head")
                for p in h.now:
                    found.setdefault(p, set()).add("head-now")
        return found

    def record(self) -> dict[str, Any]:
        """The trace as plain data, for JSON."""
        return {"about": self.about, "at": self.at, "notice": NOTICE, "root": asdict(self.root)}


def trace(desk: Desk, item: str, at: int, *, about: str | None = None) -> Trace:
    """Everyone who answers for an item, or for what a report says about one unit.

    Follows what the item rests on: the report that opened it, and down from there the children's reports on the line to
    the unit the finding is about.

    Args:
        about: the unit the finding concerns, where it is not the item's own (a zero report above it).

    Raises:
        Unknown: no such item.
    """
    case, _ = desk.case_of(item)
    return Trace(about or case.unit, at, _Tracer(desk, about or case.unit, at).statement(item, "finding"))


def trace_unit(desk: Desk, flow: str, campaign: str, unit: str, at: int) -> Trace:
    """Everyone who answers for what was reported, or not reported, about a unit: its line of reports, top first.

    Raises:
        Unknown: nothing of that flow was ever opened on the line above the unit.
    """
    tracer = _Tracer(desk, unit, at)
    held = {r["unit"]: r["item"] for r in items.reports_of(desk.connection, flow, campaign, tracer.line) if "item" in r}
    top = next((held[u] for u in reversed(tracer.line) if u in held), None)
    if top is None:
        raise Unknown(kind=f"report of {flow} above", name=unit)
    return Trace(unit, at, tracer.statement(top, "report"))


class _Tracer:
    def __init__(self, desk: Desk, about: str, at: int) -> None:
        self.desk = desk
        self.at = at
        self.org = OrgReader(desk.connection)
        self.seen: set[str] = set()
        day = local_day(at, "UTC").isoformat()
        self.line = [u["unit"] for u in self.org.path(about, day)]

    def statement(self, item: str, why: str) -> Statement:
        """One item and what it rests on. An item is followed once."""
        self.seen.add(item)
        case, definition = self.desk.case_of(item)
        zone = definition.flow.timezone
        signers = tuple(signatures(self.desk, item, self.at))
        below = []
        for cited, reason in self._rests_on(item):
            if cited not in self.seen:
                below.append(self.statement(cited, reason))
        days = [local_day(s.at, zone).isoformat() for s in signers] or [local_day(case.entered, zone).isoformat()]
        path = self.org.path(case.unit, days[-1])
        return Statement(
            item=item,
            flow=case.flow,
            unit=case.unit,
            stage=case.stage,
            round=case.round,
            why=why,
            signers=signers,
            owed=tuple(self._owed(item, definition, path)),
            heads=tuple(self._heads(signers, case.unit, days[-1], definition)),
            rests_on=tuple(below),
        )

    def _rests_on(self, item: str) -> Iterator[tuple[str, str]]:
        """The items an item cites: what opened it, what its reports rely on (on the line of the finding)."""
        case, _ = self.desk.case_of(item)
        if case.cites.get("item"):
            yield case.cites["item"], "opened by"
        about = case.fields_.get("about")
        if isinstance(about, str) and about:
            yield about, "about"
        relied = [r["item"] for r in case.relies]
        if relied:
            units = queries.units_of(self.desk.connection, relied)
            for one in relied:
                if units.get(one) in self.line:
                    yield one, "relies on"

    def _owed(self, item: str, definition: Definition, path: Path) -> Iterator[Owed]:
        """Duties missed on the item, with those who answered for them on the due day; and the place open now."""
        zone = definition.flow.timezone
        today = local_day(self.at, zone).isoformat()
        case, _ = self.desk.case_of(item)
        for due in queries.dues_of(self.desk.connection, item):
            late = due.met_at is None or due.met_at >= due.missed_at
            if due.state == 3 or due.missed_at > self.at or not late:
                continue
            stage = definition.stage(due.rule.split("/", 1)[0])
            unit = unit_at(definition, path, stage.duty.of, case.last_unit)["unit"]
            day = local_day(due.missed_at - 1, zone).isoformat()
            yield self._answer(
                "due", unit, stage.duty.post, due.rule, due.missed_at, due.met_at, day, today, definition
            )
        for slot in case.open_slots:
            missed = [d["missed"] for d in case.dues.values() if d["missed"] <= self.at]
            if missed:
                day = local_day(min(missed) - 1, zone).isoformat()
                rule = f"{case.stage}/{slot.key}"
                yield self._answer("signature", slot.unit, slot.post, rule, min(missed), None, day, today, definition)
        yield from self._unreported(case, definition, today)

    def _unreported(self, case: Any, definition: Definition, today: str) -> Iterator[Owed]:
        """Children on the line whose report of this flow is owed and not there. Source: S0 「应报未报」, R055."""
        reports = definition.flow.reports
        if reports is None or not case.nodes:
            return
        node = node_day(
            definition, binding_nodes(definition, local_day(self.at, definition.flow.timezone)), reports.node
        )
        if node is None:
            return
        missed = start_of_day(node, definition.flow.timezone) + 86_400_000_000
        if missed > self.at:
            return
        below = [u for u in self.org.children(case.unit, node.isoformat()) if u in self.line]
        for report in items.reports_of(self.desk.connection, case.flow, case.campaign, below):
            if not report.get("item"):
                post = self._first_responsible(definition)
                rule = f"{case.flow} of {report['unit']}"
                yield self._answer(
                    "report", report["unit"], post, rule, missed, None, node.isoformat(), today, definition
                )

    def _answer(
        self,
        what: str,
        unit: str,
        post: str,
        rule: str,
        missed: int,
        met: int | None,
        day: str,
        today: str,
        definition: Definition,
    ) -> Owed:
        mode = backstop(definition, post) == "backstop"
        then = self.org.answerable(unit, post, day, mode)
        now = self.org.answerable(unit, post, today, mode)
        return Owed(
            what,
            unit,
            post,
            rule,
            missed,
            met,
            tuple(a["person"] for a in then),
            then[0]["as"] if then else "vacant",
            tuple(a["person"] for a in now),
        )

    def _first_responsible(self, definition: Definition) -> str:
        return next(name for name, post in definition.flow.posts.items() if post.first_responsible)

    def _heads(self, signers: tuple[SignatureRow, ...], own: str, day: str, definition: Definition) -> Iterator[Head]:
        """The first-responsible person of every unit that signed, on the day of its last signature, and today."""
        zone = definition.flow.timezone
        post = self._first_responsible(definition)
        mode = backstop(definition, post) == "backstop"
        today = local_day(self.at, zone).isoformat()
        last: dict[str, str] = {own: day}
        for s in signers:
            last[s.unit] = local_day(s.at, zone).isoformat()
        for unit, on in last.items():
            then = self.org.answerable(unit, post, on, mode)
            now = self.org.answerable(unit, post, today, mode)
            yield Head(
                unit,
                post,
                on,
                tuple(a["person"] for a in then),
                then[0]["as"] if then else "vacant",
                tuple(a["person"] for a in now),
            )


def seen_by(desk: Desk, row: SignatureRow) -> dict[str, Any]:
    """What a signer saw, where it is still kept: the documents named in the manifest at that moment, by name."""
    out: dict[str, Any] = {}
    for name, one in row.materials:
        out[name] = (
            canonical.decode(desk.contents.get(one)) if desk.contents.has(one) else {"digest": one, "kept": False}
        )
    return out
