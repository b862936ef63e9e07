"""What people could do next with one item: every act that leads somewhere, with typical contents.

A proof asks what follows from what people choose, not from what they write: one valid paper of each kind is enough, one
for each way a tally or a score may turn out, a list with one line and, where a flow knows zero reports, one without.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

from workflow.acts import (
    REFUTED,
    Act,
    Actor,
    CloseLine,
    Decide,
    LookBack,
    NameLead,
    Objection,
    OpenBallot,
    PostNotice,
    RecordCheck,
    RecordTally,
    Reopen,
    ReportZero,
    Return,
    Sign,
    Submit,
)
from workflow.case import Case, Slot
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.model import Stage, Tally, Threshold
from workflow.errors import WorkflowError
from workflow.prover.offices import Offices
from workflow.rules import assessing
from workflow.rules.ballots import on_paper
from workflow.rules.chain import unit_at
from workflow.rules.linking import closing
from workflow.rules.materials import wanted as materials_wanted
from workflow.rules.plan import ABSTAIN, AGAINST, AGREE, votes
from workflow.rules.stages import choosable

PAPER = "sha256:" + "0" * 64
WRITTEN = "…"
WHOLE = 10_000  # names on the roll of a vote
AHEAD = (20, 1)  # days: the date a failing outcome carries, and a nearer one where that is capped


def moves(
    definition: Definition, offices: Offices, case: Case, at: int, matters: frozenset[str] = frozenset()
) -> Iterator[Act]:
    """Acts that people could try on an item as it stands; the rules say which are possible.

    Args:
        matters: persons of whom it matters that they are named lead; of all others one is enough.
    """
    stage = definition.stage(case.stage)
    day = local_day(at, definition.flow.timezone)
    yield from _votes(definition, offices, case, stage, at)
    yield from _checks(definition, offices, case, stage, at)
    yield from _papers(definition, offices, case, stage, day.isoformat())
    yield from _beside(definition, offices, case, stage, day.isoformat(), matters)
    dates = [(day + timedelta(days=n)).isoformat() for n in AHEAD] if _needs_date(definition, stage) else [""]
    for slot in case.open_slots:
        actors = offices.actors(slot.unit, slot.post, day.isoformat())
        apart = stage.not_by or definition.chain_of(stage).two_persons
        for by in actors if apart else actors[:1]:
            yield from _on_slot(definition, case, stage, slot, by, dates, day.isoformat())


def _needs_date(definition: Definition, stage: Stage) -> bool:
    targets = [definition.stage(e.to) for e in stage.exits.values()]
    return any(t.due is not None and t.due.set_by is not None for t in targets)


def _on_slot(
    definition: Definition, case: Case, stage: Stage, slot: Slot, by: Actor, dates: list[str], day: str
) -> Iterator[Act]:
    given: dict[str, Any] = {"item": case.item, "by": by, "seen": case.content, "slot": slot.key, "reason": WRITTEN}
    if slot.kind == "look-back":
        assert stage.tracking is not None
        seen_on: dict[str, Any] = {"on": day} if stage.tracking.dated else {}
        for outcome in (stage.tracking.held, stage.tracking.rebound):
            yield LookBack(**given, **seen_on, opinion=WRITTEN, outcome=outcome, due=dates[0])
        yield Reopen(**given, **seen_on, due=dates[0])
        return
    fresh = not case.outcome and not any(s.state == "signed" for s in case.slots)
    outcomes = ["", *choosable(stage)] if fresh else [""]
    ballots = ("", AGAINST, ABSTAIN) if votes(case.plan, slot.key) else ("",)
    verb = Decide if slot.kind == "decision" else Sign
    for due in dates:
        for outcome in outcomes:
            for vote in ballots:
                minutes = PAPER if slot.minutes else ""
                yield verb(**given, opinion=WRITTEN, minutes=minutes, outcome=outcome, vote=vote or "", due=due)
        yield Return(**given, due=due)


def _papers(definition: Definition, offices: Offices, case: Case, stage: Stage, day: str) -> Iterator[Act]:
    """Handing in what is lacking; figures that decide are handed in again while nobody has signed."""
    if not case.slots or stage.tracking is not None:
        return
    known = definition.flow.materials
    wanted = [
        *materials_wanted(stage, case),
        *(n for e in stage.exits.values() for n in e.needs if n in known),
    ]
    deciding = {*([stage.tally.material] if stage.tally else []), *([stage.score.material] if stage.score else [])}
    deciding |= judged(definition) & set(stage.materials)
    box = stage.tally.ballot if stage.tally is not None else None
    by_hand = box is not None and on_paper(box, case)
    if box is not None and not case.ballot and not by_hand:
        return
    if box is not None and by_hand:
        wanted = [n for n in wanted if n != box.box]
    elif box is not None:
        deciding.add(box.box)
    signed = any(s.state == "signed" for s in case.slots)
    lacking = [n for n in dict.fromkeys(wanted) if n not in case.materials]
    if signed or not (lacking or deciding):
        return
    hand_in = list(dict.fromkeys([*lacking, *deciding]))
    by = _preparer(offices, case, day)
    if by is None:
        return
    papers = dict.fromkeys(hand_in, PAPER)
    for figures in _figures(definition, case, stage, hand_in, day):
        if box is not None and by_hand:
            figures.pop(box.box, None)
        kind = RecordTally if stage.tally is not None else Submit
        yield kind(item=case.item, by=by, materials=papers, figures=figures)
    if stage.zero is not None:
        empty = {**_plain(definition, hand_in, day), stage.zero.list: {"lines": 0}}
        yield ReportZero(item=case.item, by=by, materials=papers, figures=empty)


def _preparer(offices: Offices, case: Case, day: str) -> Actor | None:
    first = case.slots[0]
    found = offices.actors(first.unit, first.post, day)
    return found[0] if found else None


def _plain(definition: Definition, names: list[str], day: str) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name in names:
        spec = definition.flow.materials[name]
        if spec.kind == "list":
            counts = {
                f: {(s.choices or tuple(definition.flow.categories))[0]: 1}
                for f, s in spec.fields.items()
                if s.type == "choice" and (s.choices or definition.flow.categories)
            }
            dates = {f: day for f, s in spec.fields.items() if s.type == "date"}
            out[name] = {"lines": 1, **({"counts": counts} if counts else {}), **({"latest": dates} if dates else {})}
        elif name in judged(definition):
            out[name] = _judgement(definition, name, 100)
        elif spec.kind == "scorecard":
            out[name] = {"points": {code: str(part.points) for code, part in spec.parts.items()}}
        elif dates := {f: day for f, s in spec.fields.items() if s.type == "date"}:
            out[name] = dates
    return out


def _votes(definition: Definition, offices: Offices, case: Case, stage: Stage, at: int) -> Iterator[Act]:
    """A vote is opened: with many on its roll; where it is secret, with too few to hide anybody too."""
    ballot = stage.tally.ballot if stage.tally is not None else None
    if ballot is None or case.ballot:
        return
    day = local_day(at, definition.flow.timezone).isoformat()
    unit = unit_at(definition, offices.path(case.unit, day), ballot.issuer.of, case.last_unit)["unit"]
    for by in offices.actors(unit, ballot.issuer.post, day)[:1]:
        for eligible in (WHOLE, 1) if ballot.mode == "secret" else (WHOLE,):
            keys = {"first": "1", "second": "2"}
            yield OpenBallot(
                item=case.item, by=by, seen=case.content, roll=PAPER, codes=PAPER, keys=keys, eligible=eligible
            )


def _checks(definition: Definition, offices: Offices, case: Case, stage: Stage, at: int) -> Iterator[Act]:
    """A check finds that it is otherwise than claimed; that it is as claimed leads nowhere."""
    if stage.checked is None:
        return
    day = local_day(at, definition.flow.timezone)
    path = offices.path(case.unit, day.isoformat())
    method = next(iter(stage.checked.methods), "")
    for who in stage.checked.by:
        unit = unit_at(definition, path, who.of, case.last_unit)["unit"]
        for by in offices.actors(unit, who.post, day.isoformat())[:1]:
            due = (day + timedelta(days=AHEAD[0])).isoformat()
            said: dict[str, Any] = {"outcome": REFUTED, "finding": PAPER, "method": method, "reason": WRITTEN}
            yield RecordCheck(item=case.item, by=by, seen=case.content, due=due, on=day.isoformat(), **said)
            return


def _papers_of(tally: Tally, sheet: dict[str, int]) -> dict[str, dict[str, Any]]:
    """The figures of the opened papers that a sheet would be the sum of."""
    assert tally.ballot is not None
    counts: dict[str, dict[str, int]] = {}
    for wanted, n in ((tally.ballot.aware, sheet["aware"]), (tally.ballot.dissatisfied, sheet["dissatisfied"])):
        for field, chosen in wanted.items():
            counts.setdefault(field, {})[chosen[0]] = n
    return {tally.ballot.box: {"lines": sheet["voted"], "counts": counts}}


@lru_cache(maxsize=64)
def judged(definition: Definition) -> frozenset[str]:
    """The materials whose numbers an assessment of the flow rests on."""
    specs = [s.assess for s in definition.flow.stages if s.assess is not None]
    found = {source.material for spec in specs for source in spec.sources.values() if source.flow is None}
    return frozenset(found | {f.material for spec in specs for f in spec.floors.values() if f.material is not None})


def _judgement(definition: Definition, name: str, percent: int) -> dict[str, Any]:
    """The numbers of a material that is judged, at so many percent of the best there is."""
    spec = definition.flow.materials[name]
    out: dict[str, Any] = {}
    if spec.kind == "scorecard":
        out["points"] = {code: str(part.points * percent // 100) for code, part in spec.parts.items()}

    def put(field: str, whole: str | None, good: bool, atleast: int = 0) -> None:
        share = percent if good else 100 - percent
        most = WHOLE if whole is not None else max(spec.fields[field].max or 100, atleast)
        out[field] = max(most * share // 100, spec.fields[field].min or 0)
        out.update({whole: WHOLE} if whole is not None else {})

    for assess in (s.assess for s in definition.flow.stages if s.assess is not None):
        for floor in assess.floors.values():
            if floor.material == name and floor.part is not None and floor.part in spec.fields:
                edge = floor.holds.numerator // floor.holds.denominator + 1
                put(floor.part, floor.whole, floor.holds.op in (">", ">="), edge)
        for source in assess.sources.values():
            if source.material == name and (field := source.field or source.part) is not None:
                put(field, source.whole, good=True)
    return out


def _judgements(
    definition: Definition, case: Case, stage: Stage, plain: dict[str, dict[str, Any]]
) -> Iterator[dict[str, dict[str, Any]]]:
    """Figures for every way out of an assessment that what is handed in here can still lead to; the rules reckon it."""
    own = [n for n in plain if n in judged(definition)]
    if stage.assess is None:
        yield plain
        if own:
            yield plain | {n: _judgement(definition, n, 0) for n in own}
        return
    found: set[str] = set()
    for percent in range(100, -1, -1) if own else (100,):
        figures = plain | {n: _judgement(definition, n, percent) for n in own}
        try:
            judged_ = case.but(figures={**case.figures, **figures})
            way = str(assessing.result(definition, stage, judged_, assessing.supposed(stage))["exit"])
        except WorkflowError:  # a judgement of an earlier stage is not in: that the rules say when it is signed
            way = ""
        if way not in found:
            found.add(way)
            yield figures


def _figures(
    definition: Definition, case: Case, stage: Stage, names: list[str], day: str
) -> Iterator[dict[str, dict[str, Any]]]:
    """Figures for every way in which a tally, a score, an assessment or a list of findings may turn out."""
    plain = _plain(definition, names, day)
    whole = case.ballot.get("eligible", WHOLE)
    if stage.tally is not None:
        ways = ((whole, whole, 0), (whole, 0, whole), (0, 0, 0)) if whole == WHOLE else ((0, 0, 0),)
        for voted, aware, against in ways:
            sheet = {"eligible": whole, "voted": voted, "aware": aware, "dissatisfied": against}
            box = _papers_of(stage.tally, sheet) if stage.tally.ballot is not None else {}
            more = plain.get(stage.tally.material, {})
            yield {**plain, stage.tally.material: {**more, **sheet}, **box}
    elif stage.score is not None:
        for value in _around(stage.score.pass_):
            yield {**plain, stage.score.material: {**plain.get(stage.score.material, {}), stage.score.field: value}}
    elif stage.zero is not None:
        for field, values in stage.zero.counts.items():
            yield {**plain, stage.zero.list: {"lines": 1, "counts": {field: {values[0]: 1}}}}
            return
    else:
        yield from _judgements(definition, case, stage, plain)


def _around(threshold: Threshold) -> tuple[int, int]:
    """A value that passes and one that does not."""
    edge = threshold.numerator // threshold.denominator
    tried = (edge + 1, edge, edge - 1)
    passing = next(v for v in tried if threshold.holds(v, 1))
    return passing, next(v for v in tried if not threshold.holds(v, 1))


def _beside(
    definition: Definition, offices: Offices, case: Case, stage: Stage, day: str, matters: frozenset[str]
) -> Iterator[Act]:
    """Acts that sign nothing: closing a line, naming the lead, notices and objections."""
    path = [u["unit"] for u in offices.path(case.unit, day)]
    everyone = [a for u in path for p in definition.flow.posts for a in offices.actors(u, p, day)]
    close = stage.close_out
    lead = (stage.needs is not None and stage.needs.lead) or (close is not None and "lead" in close.each_needs)
    if lead and not case.lead:
        above = [a for a in everyone if a.unit == path[min(1, len(path) - 1)]]
        for named in {a.person if a.person in matters else "": a for a in above}.values():
            yield NameLead(item=case.item, by=above[0], person=named.person, post=named.post, unit=named.unit)
    for role, spec_ in (stage.needs.assigned if stage.needs is not None else {}).items():
        if role not in case.assigned and everyone:
            for named in everyone:
                if spec_.post in (None, named.post):
                    yield NameLead(
                        item=case.item,
                        by=everyone[-1],
                        person=named.person,
                        post=named.post,
                        unit=named.unit,
                        role=role,
                    )
            break  # one after another: the order in which roles are filled changes nothing
    for name in closing(close) if close is not None else ():
        if case.lists.get(name, {}).get("open") and (by := _preparer(offices, case, day)):
            yield CloseLine(item=case.item, by=by, list=name, no=1, evidence=PAPER)
    spec = stage.notice
    if spec is not None and everyone:
        held = case.notices.get(spec.content, {})
        posted = held.get("stay") == case.stays and held.get("papers", case.papers) == case.papers
        lacking = [c for c in spec.channels if not posted or c not in held.get("channels", ())]
        if not posted or lacking:
            yield PostNotice(
                item=case.item,
                by=everyone[0],
                content=spec.content,
                channel=lacking[0] if lacking else WRITTEN,
                place=WRITTEN,
                seen=case.content,
            )
        elif spec.objection is not None and not case.objections:
            yield Objection(item=case.item, text=PAPER)


def waits_until(case: Case, stage: Stage, at: int) -> int | None:
    """The next moment before which nothing more can be done here: the end of a window or of a tracking period."""
    moments = [s.not_before for s in case.open_slots if s.not_before > at]
    if stage.notice is not None:
        posted = case.notices.get(stage.notice.content, {})
        if posted.get("stay") == case.stays and posted.get("until", 0) > at:
            moments.append(posted["until"])
    return min(moments, default=None)


__all__ = ["AGREE", "PAPER", "judged", "moves", "waits_until"]
