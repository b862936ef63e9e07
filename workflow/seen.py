"""Everything that can be read, as one person may see it: the reader that hosts use, so that no filter is forgotten.

One rule under every read: a person sees items about the units below the own posts, about the units that a body of theirs
looks after, and what waits for them or was sent to them as a copy. Silent means nothing; an item or a unit that may not be
seen cannot be told from one that is not there. An item that may be seen is seen whole, with everybody who signs it, for a
signature is bound to its content; what it leads to elsewhere is shown only as far as that may be seen. Every public read of
the library is here, or is named as an operator's own in ``OPERATOR``; a test holds the two together.
Source: S0 「4个清楚」, R157-R160.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

from workflow import assessments as judging
from workflow import batches as batching
from workflow import blocked as blocking
from workflow import burdens as bearing
from workflow import campaign as glance
from workflow import claims as saying
from workflow import clear as clearing
from workflow import drafting, likeness, lists, obligations, onesided, possible, receipt, views, voting
from workflow import irregularities as irregular
from workflow import pairs as letters
from workflow import past as history
from workflow import shelf as shelving
from workflow import trace as tracing
from workflow import why as explaining
from workflow.acts import Actor, Open, Signature
from workflow.case import Case
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import Language, Unknown
from workflow.evidence import canonical
from workflow.rules.obligations import Period
from workflow.sight import Sight, all_of, hidden_from, refuse_unseen, sight_of
from workflow.store import items, listing, mandates, queries, shelves
from workflow.store.listing import Wanted
from workflow.sums import Sums
from workflow.targets import Target
from workflow.together import Moving

OPERATOR = {  # reads that are no person's: of somebody at the machine, a sweep, an auditor with a database
    "blocked.escalate",
    "blocked.tell",
    "blocked.untold",
    "blocked.blocked_after",  # of the sweep
    "obligations.open_report",  # acts, which the rules refuse
    "obligations.exempt",
    "obligations.asked_once",
    "past.past",
    "past.organisation_at",  # an instant, of nobody
    "views.marks_of",
    "views.rungs_of",
    "trace.seen_by",
    "trace.as_seen",
    "why.ledger",
    "why.definition_of",
    "why.lines",  # what was read already, told in words
    "why.count_lines",
    "why.sentence",
    "assessments.words",
    "batches.numbers",  # of the register's rows, which are filtered
    "batches.numbers_about",
    "lists.asked",  # the filter itself
    "lists.seen_below",
    "shelf.within",  # of a shelf that was filtered
    "lists.sums",  # of everything, for what is read through the filter
    "campaign.missed_sums",
    "campaign.late_sums",
    "batches.carried",
    "burdens.counted",
    "burdens.short",
    "claims.differing",
    "campaign.by_person",
    "campaign.by_matter",
    "voting.open_ballot",  # acts
    "voting.cast",
    "voting.paper",  # asked with a code and by nobody
    "voting.count",
    "obligations.in_force",  # definitions and calendars are everybody's: 全体党员职工群众清楚在开展集中整顿
    "obligations.owing",
    "obligations.periods",
    "obligations.period",
    "obligations.report_id",
    "obligations.rates_of",  # of rows that were filtered
}


class Seen:
    """One consistent moment, read with one person's eyes. Every method gives what its namesake gives, as far as that may
    be seen, and raises ``Unknown`` where it is asked about an item or a unit that may not.

    Attributes:
        sight: what may be seen.
        now: the moment, microseconds UTC.
    """

    def __init__(self, engine: Engine, desk: Desk, sight: Sight) -> None:
        self._engine, self._desk, self.sight = engine, desk, sight
        desk.eyes = self._posts if sight.person else None
        self.now = desk.looked_at = desk.now()
        self._may_be_seen: set[str] = set()

    # --- one item -------------------------------------------------------------------------------------------------

    def case_of(self, item: str) -> tuple[Case, Definition]:
        """An item as it is now. What opened it is named only where that may be seen as well."""
        self.refuse(item)
        case, definition = self._desk.case_of(item)
        return self._own(case), definition

    def refuse(self, item: str) -> None:
        """Raises ``Unknown`` where an item may not be seen, as where there is none."""
        if item not in self._may_be_seen:  # this is one moment: what may be seen of it stays so
            refuse_unseen(self._desk, self.sight, item, self._hidden)
            self._may_be_seen.add(item)

    def version(self, item: str) -> int:
        """How many entries an item has."""
        self.refuse(item)
        return int(self._desk.head_of(item).seq)

    def past(self, item: str, at: int) -> history.Past | None:
        """An item as it stood at an instant."""
        self.refuse(item)
        found = history.past(self._desk, item, at)
        if found is None:
            return None
        remarks = tuple(self._remark(r) for r in found.remarks)
        missed = tuple(replace(m, case=self._own(m.case)) for m in found.missed)
        rested = tuple(i for i in found.rested if self._sees_item(i))
        return replace(found, case=self._own(found.case), remarks=remarks, missed=missed, rested=rested)

    def show(self, item: str) -> receipt.Shown:
        """What a person is shown before acting: the whole content, for the signature is bound to it."""
        self.refuse(item)
        shown = self._desk.show(item)
        return replace(shown, case=self._own(shown.case))

    def contents(self, item: str) -> dict[str, Any]:
        self.refuse(item)
        return views.contents(self._desk, item)

    def lines_of(self, item: str, list_: str) -> list[dict[str, Any]]:
        self.refuse(item)
        return self._desk.lines_of(item, list_)

    def stays(self, item: str) -> list[dict[str, Any]]:
        """The stages an item went through."""
        self.refuse(item)
        return queries.stays(self._desk.connection, item)

    def signatures(self, item: str, at: int | None = None) -> list[views.SignatureRow]:
        """Every signature on an item, whoever gave it: of those above and of those beside as well."""
        self.refuse(item)
        return views.signatures(self._desk, item, self._at(at))

    def copies(self, item: str) -> list[views.CopyRow]:
        """The copies sent of an item and when they were read."""
        self.refuse(item)
        return views.copies(self._desk, item)

    def notices(self, item: str) -> dict[str, dict[str, Any]]:
        """The notices posted about an item, by name."""
        return self.case_of(item)[0].notices

    def why(self, item: str, at: int | None = None) -> list[explaining.Due]:
        self.refuse(item)
        found = explaining.why(self._desk, item, at)
        return [replace(d, rungs=tuple(replace(r, opened=self._id(r.opened)) for r in d.rungs)) for d in found]

    def counts_of_item(self, item: str) -> list[explaining.Counted]:
        """What an item put on the count of persons."""
        self.refuse(item)
        found = explaining.counts_of_item(self._desk.connection, item)
        return [replace(c, opened=self._id(c.opened)) for c in found]

    def counts_of_person(self, person: str) -> list[explaining.Counted]:
        """What items that may be seen put on a person's count; the rest of it is not told."""
        found = explaining.counts_of_person(self._desk.connection, person)
        return [replace(c, opened=self._id(c.opened)) for c in found if self._sees_item(c.item)]

    def assessments(self, item: str) -> list[judging.Assessment]:
        """How an item was assessed, round by round."""
        self.refuse(item)
        return judging.assessments(self._desk, item)

    def acceptors(self, item: str, at: int | None = None) -> dict[int, list[views.SignatureRow]]:
        """Who let an item pass, round by round, up to an instant."""
        self.refuse(item)
        return judging.acceptors(self._desk, item, self._at(at))

    def turnout(self, item: str) -> voting.Turnout | None:
        """How many of those entitled have voted; nothing of what."""
        self.refuse(item)
        return voting.turnout(self._desk, item)

    def may(self, item: str, post: str, unit: str, *, due: str = "") -> list[possible.Possible]:
        """What this person may do with an item, and why not; nobody asks for another."""
        self.refuse(item)
        return possible.may(self._desk, item, Actor(self.sight.person, post, unit), due=due)

    def foresee(self, acts: Sequence[Signature | Open]) -> list[Moving]:
        """What each of these acts would come to, or why not, in their order; what may not be seen is not there. Nothing
        is written."""
        hidden: dict[int, Moving] = {}
        for n, act in enumerate(acts):
            try:
                if not isinstance(act, Open):
                    self.refuse(act.item)
                elif not self.sight.sees(act.unit):
                    raise Unknown(kind="unit", name=act.unit)
            except Unknown as unknown:
                hidden[n] = Moving(act.item, refusal=unknown)
        found = iter(self._desk.foresee([act for n, act in enumerate(acts) if n not in hidden]))
        return [hidden[n] if n in hidden else next(found) for n in range(len(acts))]

    def receipt(self, claim: receipt.Receipt) -> receipt.Receipt:
        """The receipt of an act on an item that may be seen, or of an act of one's own."""
        rows = items.entries(self._desk.connection, claim.item)
        row = next((r for r in rows if r.seq == claim.seq and r.hash == claim.entry), None)
        by = canonical.read(row.body)["act"].get("by") if row is not None else None
        own = bool(self.sight.person) and by is not None and by["person"] == self.sight.person
        if not own:
            self.refuse(claim.item)
        if row is None:
            raise Unknown(kind="committed entry", name=f"{claim.item}#{claim.seq}")
        opened = tuple(i for i in claim.opened if self._sees_item(i))
        return receipt.Receipt(claim.item, claim.seq, row.hash, row.at, claim.stage, row.seal, opened)

    # --- who answers ----------------------------------------------------------------------------------------------

    def trace(
        self, item: str, at: int | None = None, *, about: str | None = None, seq: int | None = None, whole: bool = False
    ) -> tracing.Trace:
        """Who answers for an item. Of items about other units only a mark stands there, with what may be seen below."""
        self.refuse(item)
        if about is not None:
            self._refuse_unit(about)
        found = tracing.trace(self._desk, item, self._at(at), about=about, seq=seq, whole=whole)
        return self._traced(found)

    def saw(self, item: str, at: int | None = None) -> dict[int, dict[str, Any]]:
        """What each signer of an item saw, by the number of their entry: the documents by name, ``{"digest", "kept": False}``
        for one that is kept no more. Source: S0 「谁签字上报谁负责」, R037."""
        self.refuse(item)
        _, definition = self._desk.case_of(item)
        found: dict[int, dict[str, Any]] = {}
        for row in views.signatures(self._desk, item, self._at(at)):
            held = tracing.seen_by(self._desk, row, reveal=False)
            found[row.seq] = {name: self._desk.reveal(definition, name, value) for name, value in held.items()}
        return found

    def trace_unit(self, flow: str, campaign: str, unit: str, at: int | None = None) -> tracing.Trace:
        """Who answers for what was reported about a unit; the reports above the own are marks."""
        self._refuse_unit(unit)
        spec = self._engine.newest(self._desk.connection, flow).flow
        if (
            self.sight.person and spec.reports is None and not spec.obligations
        ):  # a check is no report, and tells of itself
            raise Unknown(kind=f"report of {flow} above", name=unit, hint=f"; nothing of campaign {campaign!r}")
        found = tracing.trace_unit(self._desk, flow, campaign, unit, self._at(at))
        if self.sight.sees(found.root.unit):
            return self._traced(found)
        return found.as_seen(tracing.as_seen(found.root, self.sight.sees, root=False, hidden=self._hidden))

    # --- lists ----------------------------------------------------------------------------------------------------

    def pending(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """What waits for this person."""
        if not self.sight.person:
            return []
        return self._engine.pending_on(self._desk.connection, self.sight.person, limit)

    def items(self, wanted: Wanted = lists.EVERY, *, under: str = "", after: str = "", limit: int = 50) -> lists.Page:
        self._refuse_unit(under)
        return lists.items(self._desk, self.sight, wanted, under=under, after=after, limit=limit)

    def tally(
        self, wanted: Wanted = lists.EVERY, under: str = "", *, counted: Sums[lists.Key] | None = None
    ) -> lists.Tally:
        """``counted`` is ``lists.sums``, where they are known already; so in what follows."""
        self._refuse_unit(under)
        return lists.tally(self._desk, self.sight, wanted, under, counted=counted)

    def by_unit(
        self, units: Sequence[str], wanted: Wanted = lists.EVERY, *, counted: Sums[lists.Key] | None = None
    ) -> list[lists.Tally]:
        for unit in units:
            self._refuse_unit(unit)
        return lists.by_unit(self._desk, self.sight, wanted, units, counted=counted)

    def by_body(self, kind: str, wanted: Wanted = lists.EVERY) -> list[lists.Tally]:
        return lists.by_body(self._desk, self.sight, wanted, kind)

    def campaigns(
        self, wanted: Wanted = lists.EVERY, *, counted: Sums[lists.Key] | None = None
    ) -> list[tuple[str, str, int]]:
        return lists.campaigns(self._desk, self.sight, wanted, counted=counted)

    def register(
        self, flow: str, campaign: str, at: int | None = None, *, carried: Sequence[str] = ()
    ) -> list[views.RegisterRow]:
        return [r for r in views.register(self._desk, flow, campaign, self._at(at), carried=carried) if self._sees(r)]

    def compare(self, flow: str, first: str, second: str, at: int | None = None) -> list[batching.Compared]:
        """Two rounds over the units that may be seen."""
        hidden = self._hidden
        rows = batching.compare(self._desk, flow, first, second, self._at(at), hidden=hidden)
        return [r for r in rows if self.sight.sees(r.unit)]

    def shelf(
        self,
        flow: str,
        campaign: str,
        at: int | None = None,
        klass: str = "",
        *,
        counted: Sums[lists.Key] | None = None,
    ) -> shelving.Shelf:
        """Where each unit's items stand in a register of what may be seen, for ``page``."""
        return shelving.shelf(self._desk, self.sight, flow, campaign, self._at(at), klass, counted=counted)

    def page(self, on: shelving.Shelf, first: int = 0, limit: int = 50) -> list[views.RegisterRow]:
        """Some rows of a register; those only that may be seen, whoever the shelf was made for."""
        return [r for r in shelving.page(self._desk, on, first, limit) if self._sees(r)]

    def ledger(self, flow: str, campaign: str, at: int | None = None) -> list[views.LedgerRow]:
        listed = (r for r in self.register(flow, campaign, at) if r.klass == "register")
        return views.ledger_rows(self._desk, listed, self._at(at))

    def ledger_rows(
        self, rows: Sequence[views.RegisterRow], at: int | None = None, *, first: int = 1
    ) -> list[views.LedgerRow]:
        units, hidden = queries.units_of(self._desk.connection, [r.item for r in rows]), self._hidden
        seen = (r for r in rows if r.item in units and self.sight.sees(units[r.item]) and r.item not in hidden)
        return views.ledger_rows(self._desk, seen, self._at(at), first=first)

    def roll_call(self, flow: str, campaign: str, level: str, at: int | None = None) -> views.RollCall:
        found = views.roll_call(self._desk, flow, campaign, self._at(at), level)
        owed, reported, zero, missing, due = (
            tuple(filter(self.sight.sees, units))
            for units in (found.owed, found.reported, found.zero, found.missing, found.due)
        )
        return views.RollCall(found.at, found.level, owed, reported, zero, missing, due)

    def missed(self, at: int | None = None) -> list[views.MissedRow]:
        return [r for r in views.missed(self._desk, self._at(at)) if self._sees(r)]

    def missed_page(
        self, at: int | None = None, first: int = 0, limit: int = lists.MOST
    ) -> tuple[list[views.MissedRow], int]:
        """Some of them, those missed first at first: those behind ``first`` others; and how many there are."""
        wanted = lists.asked(self._desk, self.sight)
        found, every = shelves.ever_missed(self._desk.connection, self._at(at), wanted, first, limit)
        rows = [views.MissedRow(r.item, r.unit, r.flow, r.rule, r.missed_at, r.met_at, r.step) for r in found]
        return [r for r in rows if self._sees(r)], every

    def first_missed(
        self, at: int | None = None, *, limit: int = 100, among: Sequence[Any] | None = None
    ) -> list[views.MissedRow]:
        """The nodes missed and not met by an instant, those missed first at first, no more than ``limit``.

        Args:
            among: ``store.shelves.missed`` of everybody's nodes, where the first of them are known already: who sees nearly
                all finds enough there.
        """
        rows: list[Any] = [r for r in among or () if self._sees(r)][:limit]
        if len(rows) < limit:
            wanted = lists.asked(self._desk, self.sight)
            rows = list(shelves.missed(self._desk.connection, self._at(at), wanted, limit))
        found = [views.MissedRow(r.item, r.unit, r.flow, r.rule, r.missed_at, None, r.step) for r in rows]
        return [r for r in found if self._sees(r)]

    def met_late(self, at: int | None = None, *, counted: Sums[bool] | None = None) -> int:
        """How many nodes were met late by an instant. ``counted`` is ``campaign.late_sums``, where they are known already."""
        return glance.met_late(self._desk, self.sight, self._at(at), counted=counted)

    def missed_count(self, at: int | None = None, *, counted: Sums[glance.Node] | None = None) -> int:
        """How many nodes were missed and not met by an instant. ``counted`` is ``campaign.missed_sums``."""
        return glance.missed_count(self._desk, self.sight, self._at(at), counted=counted)

    def ranking(self, flow: str, campaign: str) -> list[judging.Ranked]:
        """The assessed items that may be seen, ranked among themselves: a rank among all would tell of the others."""
        rows = [r for r in judging.ranking(self._desk, flow, campaign) if self._sees(r)]
        return [replace(r, rank=1 + sum(o.rank < r.rank for o in rows)) for r in rows]

    def rungs(self, *, before: int | None = None, limit: int = 100) -> list[views.RungRow]:
        """The rungs that fired about units that may be seen, newest first; ``before`` as ``lists.rungs``."""
        entries = lists.rungs(self._desk, self.sight, before=before, limit=limit)
        return [replace(r, opened=self._id(r.opened)) for r in views.rungs_of(entries)]

    def blocked(self, at: int | None = None) -> list[blocking.Blocked]:
        return blocking.blocked(self._desk, self._at(at), sees=self._sees_item)

    def pairs(self, flow: str, campaign: str, level: str, *, stages: Sequence[str] = ()) -> list[letters.Pair]:
        found = letters.pairs(self._desk, flow, campaign, level, stages=stages)
        return [p for p in found if self.sight.sees(p.unit)]

    def irregularities(
        self,
        since: int,
        until: int,
        thresholds: irregular.Thresholds | None = None,
        *,
        inspection: date | None = None,
    ) -> irregular.Irregularities:
        return irregular.irregularities(
            self._desk, since, until, thresholds, inspection=inspection, sees=self._sees_item
        )

    # --- a campaign -----------------------------------------------------------------------------------------------

    def readiness(self, campaign: str, level: str, needs: Sequence[str], at: int | None = None) -> list[glance.Ready]:
        return glance.readiness(self._desk, self.sight, campaign, self._at(at), level, needs)

    def coverage(self, flow: str, campaign: str, level: str, at: int | None = None) -> glance.Coverage:
        return glance.coverage(self._desk, self.sight, flow, campaign, self._at(at), level)

    def claims(self, flow: str, campaign: str, level: str, at: int | None = None) -> list[glance.Claim]:
        return glance.claims(self._desk, self.sight, flow, campaign, self._at(at), level)

    def item_claims(self, flow: str, campaign: str, at: int | None = None) -> list[saying.Claimed]:
        """What items are claimed to be, and what checks found of them."""
        rows = saying.claims(self._desk, flow, campaign, self._at(at))
        return [replace(c, finding=self._id(c.finding)) for c in rows if self._sees(c)]

    def burdens(self, kind: str, since: date, until: date) -> list[bearing.Borne]:
        """Visits to units, or requests to them, that begin between two days, both included."""
        return [b for b in bearing.burdens(self._desk, kind, since, until) if self._sees(b)]

    def late(self, flow: str, campaign: str, at: int | None = None) -> list[glance.Late]:
        return glance.late(self._desk, self.sight, flow, campaign, self._at(at))

    def heat(
        self, under: str = "", at: int | None = None, *, flow: str = "", campaign: str = ""
    ) -> dict[tuple[str, str], int]:
        self._refuse_unit(under)
        return glance.heat(self._desk, self.sight, self._at(at), under, flow=flow, campaign=campaign)

    def heat_of_flows(
        self,
        under: str = "",
        at: int | None = None,
        *,
        flow: str = "",
        campaign: str = "",
        counted: Sums[glance.Node] | None = None,
    ) -> dict[tuple[str, str, str], int]:
        """``counted`` is ``campaign.missed_sums``, where they are known already."""
        self._refuse_unit(under)
        return glance.heat_of_flows(
            self._desk, self.sight, self._at(at), under, flow=flow, campaign=campaign, counted=counted
        )

    def one_sided(self, flow: str, campaign: str, at: int | None = None) -> list[onesided.OneSided]:
        """Reports that name only themselves or only those below, of units that may be seen."""
        return onesided.one_sided(self._desk, self.sight, flow, campaign, self._at(at))

    def alike(self, item: str, at_least: int = likeness.ALIKE, among: int = likeness.AMONG) -> list[likeness.Alike]:
        """Texts of an item that are nearly those of others that may be seen, with the passages."""
        self.refuse(item)
        return likeness.alike(self._desk, self.sight, item, at_least=at_least, among=among)

    def repeated(self, item: str) -> list[likeness.Repeated]:
        """Texts of an item that others that may be seen have word for word."""
        self.refuse(item)
        return likeness.repeated(self._desk, self.sight, item)

    def draft(self, item: str) -> list[drafting.Draft]:
        """What an item's papers can be filled with from what may be seen of its unit."""
        refuse_unseen(self._desk, self.sight, item)
        return drafting.draft(self._desk, self.sight, item)

    def statistics(self, flow: str, campaign: str, at: int | None = None) -> dict[str, dict[str, glance.Group]]:
        return glance.statistics(self._desk, self.sight, flow, campaign, self._at(at))

    def workload(self, flow: str, campaign: str, at: int | None = None) -> dict[str, int]:
        return glance.workload(self._desk, self.sight, flow, campaign, self._at(at))

    def measure(
        self,
        wanted: Target,
        flow: str,
        campaign: str,
        level: str,
        at: int | None = None,
        needs: Sequence[str] = (),
    ) -> tuple[int, int]:
        """Part and whole of what a target measures, among what may be seen."""
        return glance.measure(self._desk, self.sight, wanted, flow, campaign, self._at(at), level, needs)

    def clear(
        self, flow: str, campaign: str, at: int | None = None, relays: Sequence[tuple[str, str]] = ()
    ) -> clearing.Clear:
        return clearing.clear(self._desk, self.sight, flow, campaign, self._at(at), relays)

    # --- reports owed ---------------------------------------------------------------------------------------------

    def owing(self, at: int | None = None) -> list[Definition]:
        """The flows of which reports are owed by period; a definition is everybody's to read."""
        return obligations.owing(self._desk, self._at(at))

    def periods(
        self, flow: str, rule: str, since: date, until: date, at: int | None = None, unit: str = ""
    ) -> list[Period]:
        self._refuse_unit(unit)
        return obligations.periods(self._desk, flow, rule, since, until, self._at(at), unit)

    def owed(self, flow: str, rule: str, name: str, at: int | None = None, under: str = "") -> list[obligations.Owed]:
        self._refuse_unit(under)
        found = obligations.owed(self._desk, flow, rule, name, self._at(at), under)
        return [r for r in found if self.sight.sees(r.unit)]

    def owed_once(self, flow: str, campaign: str, level: str, at: int | None = None) -> list[obligations.OwedOnce]:
        found = obligations.owed_once(self._desk, flow, campaign, level, self._at(at))
        return [row for row in found if self.sight.sees(row.unit)]

    def rates(self, flow: str, rule: str, name: str, at: int | None = None, under: str = "") -> obligations.Rates:
        """How many of the units that may be seen are in each state."""
        self._refuse_unit(under)
        if self.sight.units is None or (under and self.sight.units.issuperset(self._below(under))):
            return obligations.rates(self._desk, flow, rule, name, self._at(at), under)
        period = obligations.period(self._desk, flow, rule, name, self._at(at))
        return obligations.rates_of(self._at(at), period, self.owed(flow, rule, name, at, under))

    def missing(self, flow: str, rule: str, name: str, at: int | None = None, under: str = "") -> list[str]:
        self._refuse_unit(under)
        found = obligations.missing(self._desk, flow, rule, name, self._at(at), under)
        return [u for u in found if self.sight.sees(u)]

    def overdue(self, since: date, at: int | None = None) -> dict[tuple[str, str, str], int]:
        return obligations.overdue(self._desk, self._at(at), since, sees=self.sight.sees)

    # --- the organisation -----------------------------------------------------------------------------------------

    def roster(self, level: str, on: date) -> list[str]:
        """The units of a level on a day that may be seen, in the order of offices' lists."""
        return [u for u in self._desk.organisation().roster([level], on.isoformat()) if self.sight.sees(u)]

    def children(self, unit: str) -> list[str]:
        """The units directly below one that may be seen."""
        self._refuse_unit(unit)
        return self._desk.organisation().children(unit, self.sight.day)

    def line(self, unit: str) -> list[str]:
        """A unit that may be seen and those above it, which answer for it; the lowest first."""
        self._refuse_unit(unit)
        return [str(u["unit"]) for u in self._desk.organisation().path(unit, self.sight.day)]

    def names(self, ids: Sequence[str], lang: Language) -> dict[str, str]:
        """What units and persons that were read are called: id -> name, the id where there is none. Ids are told by the
        other reads; a name adds nothing to them."""
        known = self._desk.organisation().names(dict.fromkeys(i for i in ids if i))
        return {i: known.get(i, {}).get(lang, i) for i in ids}

    def lowest(self, flow: str, at: int | None = None) -> str:
        """The lowest level of a flow: whose matters it is about."""
        return str(obligations.in_force(self._desk, flow, self._at(at)).flow.levels[0])

    # --- the filter -----------------------------------------------------------------------------------------------

    def _at(self, at: int | None) -> int:
        return self.now if at is None else at

    def _refuse_unit(self, unit: str) -> None:
        """Raises ``Unknown``, as for a unit that never was."""
        if unit and not self.sight.sees(unit):
            raise Unknown(kind="unit", name=unit)

    def _below(self, unit: str) -> list[str]:
        return self._desk.organisation().subtree(unit, self.sight.day)

    def _sees_item(self, item: str) -> bool:
        unit = listing.unit_of(self._desk.connection, item)
        return unit is not None and self.sight.sees(unit) and item not in self._hidden

    @cached_property
    def _hidden(self) -> frozenset[str]:
        """Checks that this person may not know of yet."""
        return hidden_from(self._desk, self.sight)

    def _sees(self, row: Any) -> bool:
        return self.sight.sees(row.unit) and row.item not in self._hidden

    def _id(self, item: str) -> str:
        """The id of an item that may be seen, or nothing. What is no item's id stays as it is."""
        unit = listing.unit_of(self._desk.connection, item) if item else None
        return item if unit is None or (self.sight.sees(unit) and item not in self._hidden) else ""

    def _posts(self) -> set[str]:
        """The posts as which the person reads: held, and stood in for by mandate."""
        given = mandates.posts_of(self._desk.connection, self.sight.person)
        return {post for _, post in (*self.sight.posts, *given)}

    def _own(self, case: Case) -> Case:
        """A case without the ids of what opened it and of the check that was made of it, where these may not be seen: they
        are no part of what is signed."""
        opener, finding = case.cites.get("item", ""), case.verified.get("finding", "")
        if opener and not self._id(opener):
            case = case.but(cites={})
        if finding and not self._id(finding):
            case = case.but(verified={**case.verified, "finding": ""})
        return case

    def _remark(self, remark: history.Remark) -> history.Remark:
        return replace(remark, finding=self._id(remark.finding))

    def _traced(self, found: tracing.Trace) -> tracing.Trace:
        return found.as_seen(self._findings(tracing.as_seen(found.root, self.sight.sees, hidden=self._hidden)))

    def _findings(self, s: tracing.Statement) -> tracing.Statement:
        remarks = tuple(self._remark(r) for r in s.remarks)
        return replace(s, remarks=remarks, rests_on=tuple(self._findings(b) for b in s.rests_on))


@contextmanager
def seen_by(engine: Engine, person: str, *, zone: str = "Asia/Shanghai") -> Iterator[Seen]:
    """Everything that a person may read, at one consistent moment.

    Args:
        zone: in which the day begins on which their posts are looked at.
    """
    with engine.look() as desk:
        yield Seen(engine, desk, sight_of(desk, person, zone=zone))


@contextmanager
def seen_by_operator(engine: Engine, *, zone: str = "Asia/Shanghai") -> Iterator[Seen]:
    """The same for somebody at the machine itself, who could read the file as well."""
    with engine.look() as desk:
        day = local_day(desk.now(), zone).isoformat()
        yield Seen(engine, desk, all_of(day))
