"""From a finding to everyone who answers for it: who signed what they saw, and who owed a signature and gave none.

A trace is facts for an inquiry, not a finding of responsibility. Signers and heads are separate facts, and the head of
the time (时任) stands beside the present one (现任). Source: S0 「谁签字上报谁负责」「责任由相关企业党委一把手承担」, R037, R041.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from workflow import personal
from workflow.case import Slot
from workflow.clock import local_day, start_of_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Unknown
from workflow.evidence import canonical
from workflow.obligations import in_force
from workflow.past import CHANGES, Handed, Irregular, Missed, Named, Past, Remark, organisation_at, past
from workflow.periods import Periods, calendar_on
from workflow.rules import obligations
from workflow.rules.authority import backstop
from workflow.rules.dues import binding_nodes, node_day
from workflow.store import items, known, queries
from workflow.store.groups import GroupReader
from workflow.store.moves import moves, units_then
from workflow.views import SignatureRow, signatures

NOTICE = {
    "zh": "本追溯列明事实,供核查使用,不是责任认定。",
    "en": "This trace lists facts for an inquiry. It is not a finding of responsibility.",
}


HIDDEN = "hidden"


@dataclass(frozen=True)
class Head:
    """Who was first responsible at a unit on a day it signed on, or on the last day of what it owed and did not do in
    time; and who is now. ``as_`` says backstop where the superior answers. ``beside``: who answered second on that day, for
    the unit or for this item of it (一岗双责): beside the head, never instead. Source: R008."""

    unit: str
    post: str
    day: str
    then: tuple[str, ...]
    as_: str
    now: tuple[str, ...]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owed:
    """A duty not done in time: who answered for it on its due day, and what came of it.

    Attributes:
        what: ``due`` (a node of a stage), ``signature`` (a place open now), ``passed-over`` (a place that others let the
            chain pass over, so that nobody signed it) or ``report`` (none was ever signed).
        as_: in which capacity they owed it; ``delegate``: the place had been delegated to them, and stands here once more
            for whoever holds the post.
        rule: the due's rule, the place, or the flow.
        missed_at: since when it counts as missed; for a place passed over, when it was.
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
    """One item in the trace, as of its instant: what was signed on it, what was owed on it, and what it rests on.

    Attributes:
        item: empty where there is none: a report that was owed and never begun.
        why: how the trace came here: finding, report, opened by, about, contradicts, checked, rested on
            (a prior item, or one it had to wait for), relies on, below.
        zero: whether it stands as a zero report; ``marks`` what was said of it: exempted, supplemented, contradicted.
        remarks: signed acts beside the chain, with their reasons.
        later: entries of the item after the instant; they are not shown.
        irregular: places passed over or not needed, signers added, removed or replaced, signatures taken back, and days
            said to have been earlier; what is irregular about a signature itself stands in its marks.
        named: the officers who were named to guide the item (包抓) or to fill its roles (四个一), replaced ones too.
        handed: who handed in papers or closed lines, whether they signed or not.
    """

    item: str
    flow: str
    unit: str
    stage: str
    round: int
    why: str
    zero: bool
    marks: tuple[str, ...]
    signers: tuple[SignatureRow, ...]
    remarks: tuple[Remark, ...]
    owed: tuple[Owed, ...]
    heads: tuple[Head, ...]
    rests_on: tuple[Statement, ...]
    later: int = 0
    irregular: tuple[Irregular, ...] = ()
    named: tuple[Named, ...] = ()
    handed: tuple[Handed, ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether there is an item that the reader may not see: nothing is told of it but that it is there."""
        return HIDDEN in self.marks

    def walk(self) -> Iterator[Statement]:
        """This statement and everything below it, depth first."""
        yield self
        for below in self.rests_on:
            yield from below.walk()


def as_seen(s: Statement, sees: Callable[[str], bool], *, root: bool = True, hidden: Container[str] = ()) -> Statement:
    """A statement as somebody may see it: what is about other units is left a mark, without its item, unit, persons or
    dates; what lies below it and may be seen stands below the mark. The root is theirs to see, or they would not ask.

    Args:
        sees: whether a unit may be seen.
        hidden: items that may not be seen, whatever unit they are about.
    """
    below = tuple(as_seen(b, sees, root=False, hidden=hidden) for b in s.rests_on)
    if not root and (s.item in hidden or not sees(s.unit)):
        return Statement("", "", "", "", 0, s.why, False, (HIDDEN,), (), (), (), (), below)
    unseen = {o.unit for o in s.owed if o.what == "report" and not sees(o.unit)}
    owed = tuple(o for o in s.owed if o.what != "report" or o.unit not in unseen)
    told = {r.unit for r in s.signers} | {o.unit for o in owed} | {s.unit}
    heads = tuple(h for h in s.heads if h.unit in told or h.unit not in unseen)
    return replace(s, owed=owed, heads=heads, rests_on=below)


@dataclass(frozen=True)
class Trace:
    """Everything from one finding, as of an instant.

    Attributes:
        same: ids among those named that were known to be one person's, each group in order. What was signed keeps the id
            it was signed under.
    """

    about: str
    at: int
    root: Statement
    same: tuple[tuple[str, ...], ...] = ()

    def persons(self) -> dict[str, set[str]]:
        """Everybody named, with why: ``signed``, ``principal`` (signed for by mandate), ``passed-over`` (let the chain
        pass over a place), ``changed-chain`` (added or removed a signer, or handed a place on), ``delegate`` (a place was
        delegated or handed over to them), ``leaver`` (from whom it was), ``registrar`` (stands for paper that others
        signed in ink), ``owed``, ``head`` (of the time), ``head-now``, ``beside`` (answered second beside a head), ``lead``
        (named to guide the item, or in one of its roles), ``prepared`` (handed in papers, or closed lines)."""
        found: dict[str, set[str]] = {}

        def name(why: str, *persons: str) -> None:
            for person in persons:
                if person:
                    found.setdefault(person, set()).add(why)

        for s in self.root.walk():
            said: list[SignatureRow | Remark] = [*s.signers, *s.remarks]
            for row in said:
                name("signed", row.person)
                name("principal", row.principal)
                name("registrar", row.registrar)
            for i in s.irregular:
                if i.kind == "overridden":
                    name("passed-over", *i.persons)
                elif i.kind in CHANGES:
                    name("changed-chain", *i.persons)
            for remark in s.remarks:
                name("delegate", remark.whom)
                name("leaver", remark.leaver)
            for o in s.owed:
                name("owed", *o.persons)
            for h in s.heads:
                name("head", *h.then)
                name("head-now", *h.now)
                name("beside", *h.beside)
            name("lead", *(one.person for one in s.named))
            name("prepared", *(one.person for one in s.handed))
        return found

    @property
    def later(self) -> int:
        """How many entries came after the instant and are left out."""
        return sum(s.later for s in self.root.walk())

    def record(self) -> dict[str, Any]:
        """The trace as plain data, for JSON. How much came later is no part of it: asked again, a question about an instant
        that has passed is answered with the same bytes."""
        found = {"about": self.about, "at": self.at, "notice": NOTICE, "root": _plain(self.root)}
        return {**found, "same": [list(ids) for ids in self.same]} if self.same else found

    def as_seen(self, root: Statement) -> Trace:
        """The same as somebody may see it, ``root`` as ``as_seen`` gives it: ids that are not named any more are left out."""
        shown = replace(self, root=root)
        same = (tuple(i for i in ids if i in shown.named()) for ids in self.same)
        return replace(shown, same=tuple(ids for ids in same if len(ids) > 1))

    def named(self) -> set[str]:
        """Every id of a person in it, those who hold posts now included."""
        now = [row.now for s in self.root.walk() for row in s.signers]
        now += [row.now for s in self.root.walk() for row in s.owed]
        return {*self.persons(), *(person for some in now for person in some)}

    def one_person(self, person: str, among: Container[str]) -> bool:
        """Whether a person is among some, under whichever id."""
        ids = next((ids for ids in self.same if person in ids), (person,))
        return any(one in among for one in ids)


def _plain(s: Statement) -> dict[str, Any]:
    plain = asdict(replace(s, rests_on=()))
    del plain["later"]
    return {**plain, "rests_on": [_plain(below) for below in s.rests_on]}


def trace(
    desk: Desk, item: str, at: int, *, about: str | None = None, seq: int | None = None, whole: bool = False
) -> Trace:
    """Everyone who answers for an item, or for what a report says about one unit, as of an instant (µs UTC).

    Follows what the item rests on: the report that opened it, the zero reports it contradicts, and down from there the
    reports on the line to the unit the finding is about.

    Args:
        about: the unit the finding concerns, where it is not the item's own (a zero report above it).
        seq: begin at one signature: the item as of that entry.
        whole: every report that a report relies on, not only those on the line of the unit.

    Raises:
        Unknown: no such item, or it was not there yet.
    """
    found = past(desk, item, at, seq)
    if found is None:
        items.read(desk.connection, item)  # says so where there is none of that name
        raise Unknown(kind="item", name=item, hint="; it was opened later than the day asked about")
    tracer = _Tracer(desk, about or found.case.unit, at, whole)
    return _told(desk, Trace(tracer.about, at, tracer.statement(item, "finding", found, seq)))


def trace_unit(desk: Desk, flow: str, campaign: str, unit: str, at: int) -> Trace:
    """Everyone who answers for what was reported, or not reported, about a unit: its line of reports, top first.

    Raises:
        Unknown: no such flow or unit, or nothing of that flow was opened for the campaign anywhere.
    """
    tracer = _Tracer(desk, unit, at, False)
    return _told(desk, Trace(unit, at, tracer.line_of_reports(flow, campaign, "report")))


def _told(desk: Desk, found: Trace) -> Trace:
    """With the ids that are one person's, as was known at its instant."""
    same = known.merged(desk.connection, None if desk.is_now(found.at) else found.at)
    if not same:
        return found
    named = found.named()
    groups = {tuple(sorted({person, *same[person]} & named)) for person in named if person in same}
    return replace(found, same=tuple(sorted(ids for ids in groups if len(ids) > 1)))


class _Tracer:
    def __init__(self, desk: Desk, about: str, at: int, whole: bool) -> None:
        self.desk = desk
        self.about = about
        self.at = at
        self.whole = whole
        self.org = organisation_at(desk, at)
        self.groups = GroupReader(desk.connection, None if desk.is_now(at) else at)
        self.seen: set[str] = set()
        self.second: dict[tuple[str, str, str], tuple[str, ...]] = {}  # who answered second: by unit, day and item

    def line(self, day: str) -> list[str]:
        """The unit the finding is about and those above it on a day."""
        return [u["unit"] for u in self.org.path(self.about, day)]

    # --- statements -----------------------------------------------------------------------------------------------

    def statement(self, item: str, why: str, found: Past, seq: int | None = None) -> Statement:
        """One item and what it rests on. An item is followed once."""
        self.seen.add(item)
        case, definition = found.case, found.definition
        zone = definition.flow.timezone
        signers = tuple(s for s in signatures(self.desk, item, self.at) if seq is None or s.seq <= seq)
        days = [local_day(s.at, zone).isoformat() for s in signers] or [local_day(case.entered, zone).isoformat()]
        owed, below = [*self._owed(found)], [*self._cited(item, case)]
        for one in found.rested:
            below += self._follow(one, "rested on")
        if definition.flow.reports is not None or definition.flow.obligations:
            reports, unreported = self._reports_below(found, days[-1])
            below, owed = below + reports, owed + unreported
        return Statement(
            item=item,
            flow=case.flow,
            unit=case.unit,
            stage=case.stage,
            round=case.round,
            why=why,
            zero=found.zero,
            marks=tuple(case.marks),
            signers=signers,
            remarks=found.remarks,
            owed=tuple(owed),
            heads=tuple(self._heads(signers, owed, case.unit, days[-1], definition, item)),
            rests_on=tuple(below),
            later=found.later if seq is None else 0,
            irregular=found.irregular,
            named=found.named,
            handed=found.handed,
        )

    def _follow(self, item: str, why: str) -> Iterator[Statement]:
        if item not in self.seen and (found := past(self.desk, item, self.at)) is not None:
            yield self.statement(item, why, found)

    def _cited(self, item: str, case: Any) -> Iterator[Statement]:
        """What opened it, what it is about, and the reports it contradicts with those above that relied on them."""
        cited = case.cites.get("item")
        if cited and cited == case.fields_.get("about") and cited not in self.seen:
            yield from self._left_out(cited)  # a check opened it: those above who relied on the false report answer too
        if cited:
            yield from self._follow(cited, "opened by")
        about = case.fields_.get("about")
        if isinstance(about, str) and about:
            yield from self._follow(about, "about")
        for report in queries.contradicted_by(self.desk.connection, item, self.at):
            if report not in self.seen:
                yield from self._left_out(report)
        for other in queries.checked_by(self.desk.connection, item, self.at):
            yield from self._follow(other, "checked")

    def _left_out(self, report: str) -> Iterator[Statement]:
        """The line of the report that a check found false, if that is what opened the item. Source: 「应报未报」, R055."""
        found = past(self.desk, report, self.at)
        if found is None or "contradicted" not in found.case.marks:
            return
        tracer = self if found.case.unit == self.about else self._about(found.case.unit)
        yield tracer.line_of_reports(found.case.flow, found.case.campaign, "contradicts")

    def _about(self, unit: str) -> _Tracer:
        other = _Tracer(self.desk, unit, self.at, self.whole)
        other.seen, other.org, other.groups, other.second = self.seen, self.org, self.groups, self.second
        return other

    # --- reports --------------------------------------------------------------------------------------------------

    def line_of_reports(self, flow: str, campaign: str, why: str) -> Statement:
        """The reports on the line above a unit, the topmost first; where there is none, who owed it."""
        connection = self.desk.connection
        definition = in_force(self.desk, flow, self.at)
        line = self.line(self._day(definition, self.at))
        if own := self._first(self._reports(flow, campaign, [self.about]), self.about):
            item, found = own
            signers = signatures(self.desk, item, self.at)
            line = self.line(self._day(definition, signers[-1].at if signers else found.case.entered))
        held = self._reports(flow, campaign, line)
        missing: list[Owed] = []
        for unit in reversed(line):
            if there := self._first(held, unit):
                item, found = there
                if item in self.seen:
                    continue
                top = self.statement(item, why, found)
                above = (h for h in self._heads_of(missing, definition) if h not in top.heads)
                return replace(top, owed=(*missing, *top.owed), heads=(*above, *top.heads))
            missing += self._unreported(definition, flow, campaign, unit)
        if not queries.any_of(connection, flow, campaign):
            raise Unknown(kind=f"report of {flow} above", name=self.about, hint=f"; nothing of campaign {campaign!r}")
        heads = tuple(self._heads_of(missing, definition))
        return Statement("", flow, self.about, "", 1, why, False, (), (), (), tuple(missing), heads, ())

    def _reports(self, flow: str, campaign: str, units: Sequence[str]) -> dict[str, list[str]]:
        """The reports of each unit: its own before one that it took over from a unit that is no more; and of such a unit the
        one that it left to a successor."""
        connection = self.desk.connection
        gone = moves(connection, flow, campaign)
        now = dict.fromkeys(gone, "")
        now |= {r["item"]: r["unit"] for r in items.reports_of(connection, flow, campaign, list(units)) if "item" in r}
        ranked: list[tuple[int, str, str]] = []
        for item, unit in now.items():
            moved = gone.get(item, [])
            ranked.append((0, moved[0].gone if moved else unit, item))
            ranked.append((1, next((m.gone for m in moved if m.at > self.at), unit), item))
        found: dict[str, list[str]] = {}
        for _, unit, item in sorted(ranked):
            if item not in found.setdefault(unit, []):
                found[unit].append(item)
        return found

    def _first(self, held: dict[str, list[str]], unit: str) -> tuple[str, Past] | None:
        """The first of a unit's reports that was there at the instant, as it stood."""
        each = ((item, past(self.desk, item, self.at)) for item in held.get(unit, ()))
        return next(((item, then) for item, then in each if then is not None), None)

    def _reports_below(self, found: Past, day: str) -> tuple[list[Statement], list[Owed]]:
        """The reports it relies on, on the line of the finding as it was then (all of them where the whole is asked
        for). Where the next on the line is not among them: that unit's report as it stands, or who owes it, and on down.
        """
        case, definition = found.case, found.definition
        below: list[Statement] = []
        relied = [r["item"] for r in case.relies]
        units = queries.units_of(self.desk.connection, relied) if relied else {}
        then = units_then(self.desk.connection, self.at) if relied else {}
        units |= {item: then[item] for item in relied if item in then}
        line = self.line(day)
        under = line[: line.index(case.unit)] if case.unit in line else []
        for one in relied:
            if self.whole or units.get(one) in under:
                below += self._follow(one, "relies on")
        if any(units.get(one) in under for one in relied):
            return below, []
        owed: list[Owed] = []
        held = self._reports(case.flow, case.campaign, under) if under else {}
        for unit in reversed(under):
            there = self._first(held, unit)
            if there is not None and there[0] not in self.seen:
                return [*below, self.statement(there[0], "below", there[1])], owed
            owed += self._unreported(definition, case.flow, case.campaign, unit)
        return below, owed

    def _unreported(self, definition: Definition, flow: str, campaign: str, unit: str) -> Iterator[Owed]:
        """Who owed the report of a unit that was never begun, on its last day. Source: S0 「应报未报」, R055."""
        missed = self._node_missed(definition, unit, campaign)
        if missed is None or missed > self.at:
            return
        day = self._day(definition, missed - 1)
        post = _first_responsible(definition)
        yield self._answer("report", unit, post, f"{flow} of {unit}", missed, None, day, definition)

    def _node_missed(self, definition: Definition, unit: str, campaign: str) -> int | None:
        """The first instant that counts as missed for a unit's report; None where it owes none."""
        zone, reports = definition.flow.timezone, definition.flow.reports
        today = self._day(definition, self.at)
        level = self.org.path(unit, today)[0]["level"]
        if reports is not None and level in reports.owed_by:
            node = node_day(definition, binding_nodes(definition, local_day(self.at, zone)), reports.node)
            return start_of_day(node, zone) + 86_400_000_000 if node is not None else None
        if definition.flow.obligations:
            calendar = Periods(self.desk, self.at).calendar(calendar_on(self.org, definition, unit, today))

            def line(period: obligations.Period) -> list[str]:
                return [u["unit"] for u in self.org.path(unit, period.day.isoformat())]

            period = obligations.owed(definition, calendar, level, campaign, line)
            if period is None:
                return None
            spec = definition.flow.obligations[period.rule]
            return None if obligations.excused(spec, period.nominal, line(period)) else period.missed
        return None

    # --- who owed, who headed -------------------------------------------------------------------------------------

    def _day(self, definition: Definition, at: int) -> str:
        return local_day(at, definition.flow.timezone).isoformat()

    def _owed(self, found: Past) -> Iterator[Owed]:
        """Duties missed on the item, with those who answered for them on the due day; and the places open now."""
        case, definition = found.case, found.definition
        for due in found.missed:
            yield self._missed(due, definition)
        missed = [d["missed"] for d in case.dues.values() if d["missed"] <= self.at]
        for slot in case.open_slots if missed else ():
            day, rule = self._day(definition, min(missed) - 1), f"{case.stage}/{slot.key}"
            was = _place_then(found, slot, min(missed))
            owed = self._answer("signature", was.unit, was.post, rule, min(missed), None, day, definition)
            if (was.unit, was.post) != (slot.unit, slot.post):
                owed = replace(owed, now=self._then_and_now(definition, slot.unit, slot.post, day)[2])
            yield owed
            if self._stood_in(was, day, definition):
                now = (slot.delegate,) if slot.delegate else ()
                yield replace(owed, persons=(was.delegate,), as_="delegate", now=now)
        for one in found.irregular:
            if one.kind == "overridden":
                day, rule = self._day(definition, one.at), f"{one.stage}/{one.place}"
                owed = self._answer("passed-over", one.unit, one.post, rule, one.at, one.met_at, day, definition)
                yield owed
                if one.delegate:
                    yield replace(owed, persons=(one.delegate,), as_="delegate", now=())

    def _stood_in(self, slot: Slot, day: str, definition: Definition) -> bool:
        """Whether a place was delegated by a day to somebody who could sign it then: whoever gave it held the post, and the
        delegate their own."""
        if not slot.delegate or slot.given_on > day:
            return False
        mode = backstop(definition, slot.post) == "backstop"
        given = self.org.authority(slot.giver, slot.unit, slot.post, day, mode) is not None
        return given and (
            not slot.own_post or self.org.authority(slot.delegate, slot.unit, slot.own_post, day, False) is not None
        )

    def _missed(self, due: Missed, definition: Definition) -> Owed:
        day = due.last_day(definition.flow.timezone)
        unit, post = due.duty(definition, self.org.path(due.case.unit, day))
        return self._answer("due", unit, post, due.rule, due.since, due.met_at, day, definition)

    def _answer(
        self, what: str, unit: str, post: str, rule: str, missed: int, met: int | None, day: str, definition: Definition
    ) -> Owed:
        persons, as_, now = self._then_and_now(definition, unit, post, day)
        return Owed(what, unit, post, rule, missed, met, persons, as_, now)

    def _then_and_now(
        self, definition: Definition, unit: str, post: str, day: str
    ) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        """Who answered for a post on a day and in which capacity; and who does at the instant asked about."""
        mode = backstop(definition, post) == "backstop"
        then = self.org.answerable(unit, post, day, mode)
        now = self.org.answerable(unit, post, self._day(definition, self.at), mode)
        as_ = then[0]["as"] if then else "vacant"
        return tuple(a["person"] for a in then), as_, tuple(a["person"] for a in now)

    def _heads(
        self,
        signers: tuple[SignatureRow, ...],
        owed: Sequence[Owed],
        own: str,
        day: str,
        definition: Definition,
        item: str = "",
    ) -> Iterator[Head]:
        """The first-responsible person of every unit that signed, on the days on which it did, or that owed, on the last day
        of it; and today: one line for each who headed it meanwhile, as of the last such day in their time. Ink counts on
        the day on the paper, a place passed over on the day on which it was."""
        post = _first_responsible(definition)
        days: dict[str, dict[str, None]] = {own: {}}
        for s in signers:
            days.setdefault(s.unit, {})[s.paper_on or self._day(definition, s.at)] = None
        for o in owed:
            last = o.missed_at if o.what == "passed-over" else o.missed_at - 1
            days.setdefault(o.unit, {})[self._day(definition, last)] = None
        for unit, signed in days.items():
            found: dict[tuple[tuple[str, ...], ...], Head] = {}
            for on in sorted(signed) or [day]:
                then, as_, now = self._then_and_now(definition, unit, post, on)
                asked = unit, on, item
                if asked not in self.second:
                    self.second[asked] = tuple(self.groups.beside(*asked))
                beside = self.second[asked]
                found[then, (as_,), beside] = Head(unit, post, on, then, as_, now, beside)
            yield from found.values()

    def _heads_of(self, owed: Sequence[Owed], definition: Definition) -> Iterator[Head]:
        """The same of units of which nothing is known but what they owed."""
        if owed:
            yield from self._heads((), owed, owed[0].unit, "", definition)


def _place_then(found: Past, slot: Slot, missed: int) -> Slot:
    """A place as it stood on the due day: another unit may have taken it over since, or another post."""
    then = next((m.case for m in found.missed if m.since == missed), found.case)
    return (then.stays == found.case.stays and then.slot(slot.key)) or slot


def _first_responsible(definition: Definition) -> str:
    return next(name for name, post in definition.flow.posts.items() if post.first_responsible)


def seen_by(desk: Desk, row: SignatureRow, *, reveal: bool = True) -> dict[str, Any]:
    """What a signer saw, where it is still kept: the documents named in the manifest at that moment, by name.

    Args:
        reveal: personal values in plain, where they are there; else the commitments that were signed over.
    """
    out: dict[str, Any] = {}
    for name, one in row.materials:
        if not desk.contents.has(one):
            out[name] = {"digest": one, "kept": False}
            continue
        held = canonical.decode(desk.contents.get(one))
        out[name] = personal.reveal(desk.connection, held) if reveal else held
    return out
