"""One item as it stood at an instant: its case then, what it had missed by then, and what was said about it.

Folded from its entries up to the instant, so that a question about the past is not answered with what came later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workflow.case import Case
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.rules.chain import Path, duty_of
from workflow.rules.shares import side
from workflow.store import known
from workflow.store.org import OrgReader

_ENDS = {"due-met": True, "due-passed-on": False}


@dataclass(frozen=True)
class Remark:
    """A signed act on an item beside its chain: an exemption, a correction, a contradiction, a return, a later date.

    Attributes:
        finding: what a contradiction rests on; ``until`` the date that an extension gives.
        whom: to whom a place was delegated or handed over; ``leaver`` who handed it over.
        paper_on: of a return in ink, the day on the paper; ``registrar`` who stands for it.
    """

    seq: int
    at: int
    kind: str
    unit: str
    post: str
    person: str
    as_: str
    reason: str
    finding: str = ""
    until: str = ""
    principal: str = ""
    paper_on: str = ""
    registrar: str = ""
    whom: str = ""
    leaver: str = ""


CHANGES = ("signer-added", "signer-removed", "transferred")


@dataclass(frozen=True)
class Irregular:
    """What is out of the ordinary beside the marks of a signature: nobody signed a place, people changed who signs, or an
    act says that it happened earlier than it was recorded.

    Attributes:
        kind: ``overridden`` (two persons let the chain pass over the place), ``early-closed`` (a group was decided
            before anybody signed it), ``signer-added``, ``signer-removed``, ``transferred`` (加签、减签、转办),
            ``withdrawn`` (撤回: somebody took their signature back) or ``back-dated``.
        unit, post: the place's; after a transfer, the post that took it over.
        persons: who let it be passed over, whose signature decided the group, who added, removed, handed over or took
            back, or who said so.
        on: the day that a back-dated act claims.
        stage: where the place stood; ``met_at`` when it was signed after all, sent back meanwhile, and not taken back
            (µs UTC), or None.
        was: the post that a transferred place was taken from.
        delegate: to whom a place that was passed over had been delegated.
    """

    kind: str
    seq: int
    at: int
    unit: str
    post: str
    place: str
    persons: tuple[str, ...]
    on: str = ""
    stage: str = ""
    met_at: int | None = None
    was: str = ""
    delegate: str = ""


@dataclass(frozen=True)
class Missed:
    """A due that was missed: since when, when it was met after all (µs UTC; None: not), and the case while it ran."""

    rule: str
    since: int
    met_at: int | None
    case: Case

    def duty(self, definition: Definition, path: Path) -> tuple[str, str]:
        """The unit and the post whose duty it was, seen from the line of units on its last day."""
        stage, seen = side(definition, self.case, self.rule, path)
        who = duty_of(definition, stage, seen, self.case)
        return who.of, who.post

    def last_day(self, zone: str) -> str:
        """The last day on which it could have been met."""
        return local_day(self.since - 1, zone).isoformat()


_HANDED_IN = ("submit", "report-zero", "record-tally", "close-line")


@dataclass(frozen=True)
class Named:
    """An officer who was named to guide an item (包抓), or to fill one of its roles (四个一): beside whoever answers, never
    instead. Source: R178, R179.

    Attributes:
        role: one of the roles of the stage; empty for the lead.
        unit, post: as what they were named. by: who named them.
    """

    role: str
    person: str
    unit: str
    post: str
    at: int
    by: str


@dataclass(frozen=True)
class Handed:
    """Papers handed in, or lines closed with their evidence: by somebody who need not have signed anything, and who is asked
    first where what was signed above turns out to be untrue.

    Attributes:
        kind: ``submit``, ``report-zero``, ``record-tally``, or ``close-line``: several in a row by one person stand once.
        seq, at: of the entry; of several, of the last.
        times: how many lines.
    """

    kind: str
    seq: int
    at: int
    unit: str
    post: str
    person: str
    times: int = 1


@dataclass(frozen=True)
class Past:
    """An item at an instant. ``later`` counts the entries that came after it; ``rested`` are the other items whose
    outcome its acts rested on, as their entries say."""

    case: Case
    definition: Definition
    remarks: tuple[Remark, ...]
    missed: tuple[Missed, ...]
    later: int
    rested: tuple[str, ...] = ()
    irregular: tuple[Irregular, ...] = ()
    named: tuple[Named, ...] = ()
    handed: tuple[Handed, ...] = ()

    @property
    def zero(self) -> bool:
        """Whether it stands as a zero report."""
        zeros = {s.exits[s.zero.exit].to for s in self.definition.flow.stages if s.zero is not None}
        return self.case.stage in zeros


def organisation_at(desk: Desk, at: int) -> OrgReader:
    """The organisation as it was known at an instant: what was learnt later, though it be about days before, changes no
    answer given then."""
    if desk.is_now(at) or at >= known.last_moment(desk.connection):  # nothing was learnt since
        return desk.organisation()
    return OrgReader(desk.connection, at)


def past(desk: Desk, item: str, at: int, seq: int | None = None) -> Past | None:
    """An item as of an instant, or as of one of its entries; None where nothing of it was there yet."""
    states: list[tuple[int, Case]] = []
    ended: list[tuple[str, int, int | None, Case]] = []
    remarks: list[Remark] = []
    rested: dict[str, None] = {}
    irregular: list[Irregular] = []
    named: list[Named] = []
    handed: list[Handed] = []
    moments: dict[int, int] = {}
    begun = [0]  # when each stay began; one that goes on after what ended it was taken back, when it first did
    case, later = Case(), 0
    for entry in desk.entries_of(item):
        if entry.at > at or (seq is not None and entry.seq > seq):
            later += 1
            continue
        moments[entry.seq] = entry.at
        body = canonical.read(entry.body)
        if "statement" in body and not any(e["e"] == "signed" for e in body["effects"]):
            remarks.append(_remark(entry, body))
        for name, fact in body.get("facts", {}).items():
            if name.startswith(("prior ", "opened ")):
                rested.update(dict.fromkeys(row["item"] for row in fact))
        for effect in body["effects"]:
            if effect["e"] in _ENDS and effect["rule"] in case.dues:
                met = entry.at if _ENDS[effect["e"]] else None
                ended.append((effect["rule"], case.dues[effect["rule"]]["missed"], met, case))
            if effect["e"] in ("overridden", "not-needed"):
                irregular += _passed(entry, body, effect, case)
            elif effect["e"] in CHANGES:
                irregular.append(_rearranged(entry, body, effect, case))
            elif effect["e"] == "signed":
                irregular = [_signed_after_all(i, entry, effect, begun[-1]) for i in irregular]
            elif effect["e"] == "withdrawn":
                irregular = [_not_signed_after_all(i, effect, case, moments, begun[-1]) for i in irregular]
                irregular.append(_taken_back(entry, effect, case))
            elif effect["e"] == "lead-named":
                named.append(_named(entry, body, effect))
            elif effect["e"] == "entered":
                begun.append(begun[-2] if "entries" in effect else entry.at)
            case = case.fold([effect], entry.seq, entry.at)
        _hand_in(handed, entry, body)
        states.append((entry.at, case))
        if body["act"].get("on"):
            irregular.append(_dated(entry, body))
    if not states:
        return None
    rest = case.suspended.get("at", at)  # while an item rests no clock of it runs out
    ended += [(r, d["missed"], None, case) for r, d in case.dues.items() if d["missed"] <= rest]
    definition = desk.engine.definition(desk.connection, case.definition)
    zone = definition.flow.timezone
    odd = [i for i in irregular if not i.on or i.on < local_day(i.at, zone).isoformat()]
    told = tuple(remarks), tuple(_missed(states, ended, at))
    return Past(case, definition, *told, later, tuple(rested), tuple(odd), tuple(named), tuple(handed))


def _hand_in(handed: list[Handed], entry: Any, body: dict[str, Any]) -> None:
    kind, by = body["act"]["kind"], body["act"].get("by")
    if kind not in _HANDED_IN or by is None:
        return
    one = Handed(kind, entry.seq, entry.at, by["unit"], by["post"], by["person"])
    last = handed[-1] if handed else None
    if last is not None and kind == "close-line" and replace(one, seq=last.seq, at=last.at, times=last.times) == last:
        handed[-1] = replace(one, times=last.times + 1)
    else:
        handed.append(one)


def _named(entry: Any, body: dict[str, Any], effect: dict[str, Any]) -> Named:
    by = (body["act"].get("by") or {}).get("person", "")
    return Named(effect.get("role", ""), effect["person"], effect["unit"], effect["post"], entry.at, by)


def _passed(entry: Any, body: dict[str, Any], effect: dict[str, Any], case: Case) -> Iterator[Irregular]:
    """Places that the chain went on behind without their signature."""
    over = effect["e"] == "overridden"
    by = (body["act"].get("by") or {}).get("person", "")
    persons = (effect["first"], effect["person"]) if over else (by,) if by else ()
    for key in [effect["place"]] if over else effect["slots"]:
        slot = case.slot(key)
        if slot is not None and slot.state == "not-needed":  # since an earlier signature
            continue
        unit, post = (slot.unit, slot.post) if slot is not None else ("", "")
        kind = "overridden" if over else "early-closed"
        delegate = slot.delegate if over and slot is not None else ""
        yield Irregular(kind, entry.seq, entry.at, unit, post, key, persons, stage=case.stage, delegate=delegate)


def _rearranged(entry: Any, body: dict[str, Any], effect: dict[str, Any], case: Case) -> Irregular:
    """Somebody at a place added a signer to the chain, took one away, or handed the place to another post."""
    key, before = effect["slot"], case.slot(effect["slot"])
    after = next((s for s in effect["slots"] if s["key"] == key), None)
    unit, post = (after["unit"], after["post"]) if after else (before.unit, before.post) if before else ("", "")
    was = before.post if before is not None and effect["e"] == "transferred" else ""
    by = (body["act"]["by"]["person"],)
    return Irregular(effect["e"], entry.seq, entry.at, unit, post, key, by, stage=case.stage, was=was)


def _signed_after_all(one: Irregular, entry: Any, effect: dict[str, Any], begun: int) -> Irregular:
    """A place that was passed over and stands in a chain that was sent back is signed like any other."""
    if one.kind != "overridden" or one.met_at is not None or one.at < begun:
        return one
    return replace(one, met_at=entry.at) if one.place == effect["slot"] else one


def _not_signed_after_all(
    one: Irregular, effect: dict[str, Any], case: Case, moments: dict[int, int], begun: int
) -> Irregular:
    """The very signature by which a place was signed after all is taken back."""
    slot = case.slot(effect["slot"]) if "stage" not in effect else None
    own = slot is not None and one.place == slot.key and one.at >= begun
    if own and slot is not None and one.met_at == moments[slot.seq]:
        return replace(one, met_at=None)
    return one


def _taken_back(entry: Any, effect: dict[str, Any], case: Case) -> Irregular:
    """A signature taken back; the effect names stage, unit and post where it had ended a stage."""
    slot, key = case.slot(effect["slot"]), effect["slot"]
    unit, post = (slot.unit, slot.post) if slot is not None else ("", "")
    unit, post, stage = effect.get("unit", unit), effect.get("post", post), effect.get("stage", case.stage)
    return Irregular("withdrawn", entry.seq, entry.at, unit, post, key, (effect["person"],), stage=stage)


def _dated(entry: Any, body: dict[str, Any]) -> Irregular:
    by = body["act"].get("by") or {"person": "", "post": "", "unit": ""}
    place = body.get("statement", {}).get("slot", "")
    on = body["act"]["on"]
    return Irregular("back-dated", entry.seq, entry.at, by["unit"], by["post"], place, (by["person"],), on)


def _missed(
    states: list[tuple[int, Case]], ended: list[tuple[str, int, int | None, Case]], at: int
) -> Iterator[Missed]:
    for rule, since, met, last in sorted(ended, key=lambda e: (e[1], e[0])):
        if since > at or (met is not None and met < since):
            continue
        ran = (case for moment, case in reversed(states) if moment < since and rule in case.dues)
        yield Missed(rule, since, met, next(ran, last))


def _remark(entry: Any, body: dict[str, Any]) -> Remark:
    act, statement = body["act"], body["statement"]
    return Remark(
        seq=entry.seq,
        at=entry.at,
        kind=act["kind"],
        unit=statement["unit"],
        post=statement["post"],
        person=statement["person"],
        as_=statement["as"],
        reason=act.get("reason", ""),
        finding=act.get("finding", ""),
        until=act.get("due", "") if act["kind"] == "extend" else "",
        principal=statement.get("principal", ""),
        paper_on=act.get("paper", {}).get("on", ""),
        registrar=act.get("paper", {}).get("person", ""),
        whom=act.get("delegate", ""),
        leaver=act.get("leaver", ""),
    )
