"""What people look at: the roll call, the register, the ledger, the signature sheet, missed nodes.

Read only; each view is computed at the moment of asking from the calendar, the clock and what is recorded, never from a
job having run. Rows are plain values; how they are printed is somebody else's work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workflow import batches, obligations, removals
from workflow.case import Case
from workflow.claims import claims
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import WorkflowError
from workflow.evidence import canonical
from workflow.past import organisation_at, past
from workflow.rules.authority import backstop
from workflow.rules.linking import closing
from workflow.store import items, queries
from workflow.store import obligations as store


@dataclass(frozen=True)
class RollCall:
    """Who owed a report at an instant, and what came of it. The four states are disjoint and sum to ``owed``.

    Attributes:
        missing: owed, the node has passed, nothing signed through (应报未报); ``due``: the node has not passed yet.
    """

    at: int
    level: str
    owed: tuple[str, ...]
    reported: tuple[str, ...]
    zero: tuple[str, ...]
    missing: tuple[str, ...]
    due: tuple[str, ...]


def roll_call(desk: Desk, flow: str, campaign: str, at: int, level: str) -> RollCall:
    """The roster of a level minus what came in, as of an instant. Source: S0 「99家企业共有 39家上报,60家零报告」, R023."""
    definition = obligations.in_force(desk, flow, at)
    asked = obligations.asked_once(desk, definition, campaign, at, (level,))
    owed: list[str] = []
    found: dict[str, list[str]] = {"reported": [], "zero": [], "missing": [], "due": []}
    for row in store.rows(desk.connection, asked):
        if row.state == "EXEMPT":
            continue
        owed.append(row.unit)
        where = "missing" if row.state == "MISSING" else "due" if row.state == "DUE" else "reported"
        found["zero" if row.zero else where].append(row.unit)
    return RollCall(at, level, tuple(owed), *(tuple(found[k]) for k in ("reported", "zero", "missing", "due")))


@dataclass(frozen=True)
class RegisterRow:
    """One item in the register (名册) as of an instant. ``claimed`` is what its own signers say it is, ``verified`` what a
    check found since: ``confirmed``, ``refuted``, or empty where nobody has checked (R114, R115). ``number`` is its own for
    good (``batches.numbers``); ``campaign`` the batch it comes from."""

    item: str
    unit: str
    klass: str
    category: str
    stage: str
    round: int
    opened_at: int
    claimed: str = ""
    verified: str = ""
    number: str = ""
    campaign: str = ""


def register(desk: Desk, flow: str, campaign: str, at: int, *, carried: Sequence[str] = ()) -> list[RegisterRow]:
    """The items of a flow as they stood at an instant, in organisation order.

    Args:
        carried: earlier batches; what was still open of them when this one began stands here too (R027).
    """
    over = batches.carried(desk, flow, campaign, carried) if carried else {}
    rows = queries.items_at(desk.connection, flow, campaign, at)
    known = [(r, campaign) for r in rows]
    for batch in carried:
        known += [(r, batch) for r in queries.items_at(desk.connection, flow, batch, at) if r["id"] in over]
    definition = obligations.in_force(desk, flow, at)
    day = local_day(at, definition.flow.timezone).isoformat()
    order = {unit: n for n, unit in enumerate(organisation_at(desk, at).roster(definition.flow.levels, day))}
    every = (campaign, *carried)
    said = {c.item: (c.claimed, c.verified) for one in every for c in claims(desk, flow, one, at)}
    no = {item: number for one in every for item, number in batches.numbers(desk, flow, one).items()}
    then = {} if desk.is_now(at) else _classes(desk, definition, flow, every, at)
    placed = (
        RegisterRow(
            *(r["id"], r["unit"], then.get(r["id"], r["klass"]), r["category"], r["stage"], r["round"], r["opened_at"]),
            *said.get(r["id"], ("", "")),
            number=no[r["id"]],
            campaign=batch,
        )
        for r, batch in known
    )
    return sorted(
        placed,
        key=lambda r: (order.get(r.unit, len(order)), r.opened_at, r.item),
    )


def _classes(desk: Desk, definition: Definition, flow: str, campaigns: Sequence[str], at: int) -> dict[str, str]:
    """item -> the class it was in by an instant: that of the last stage it had come to which has one. Left out where it
    came through a stage that the newest version does not have."""
    classes = {s.stage: s.class_ for s in definition.flow.stages}
    out: dict[str, str] = {}
    unknown: set[str] = set()
    for campaign in campaigns:
        for item, stage in queries.stays_by(desk.connection, flow, campaign, at):
            out[item] = classes.get(stage) or out.get(item, "")
            unknown |= set() if stage in classes else {item}
    return {item: klass for item, klass in out.items() if item not in unknown}


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger (台账), in the columns such offices print. Persons and units are ids; ``names`` has names."""

    no: int
    item: str
    unit: str
    superior: str
    category: str
    manifestation: str
    cause: str
    measures: tuple[str, ...]
    responsible_unit: str
    responsible: tuple[str, ...]
    answered_by_superior: bool
    lead: str
    due: str
    stage: str
    round: int
    lines_closed: int
    lines: int
    acceptance: str
    closed_on: str
    number: str = ""
    claimed: str = ""
    verified: str = ""


def ledger(desk: Desk, flow: str, campaign: str, at: int, *, carried: Sequence[str] = ()) -> list[LedgerRow]:
    """The ledger of all registered items, in organisation order; ``no`` is the row's, ``number`` the item's for good.
    Source: S3 「台账销号」, R100, R101."""
    rows = register(desk, flow, campaign, at, carried=carried)
    return ledger_rows(desk, (r for r in rows if r.klass == "register"), at)


def _closed_out(definition: Definition) -> set[str]:
    """The lists of a flow that are closed line by line: papers of a vote, say, are lines of no ledger."""
    return {name for s in definition.flow.stages if s.close_out is not None for name in closing(s.close_out)}


def ledger_rows(desk: Desk, rows: Iterable[RegisterRow], at: int, *, first: int = 1) -> list[LedgerRow]:
    """The rows of a ledger for some rows of a register, a page of it perhaps; ``first`` is the number of its first row."""
    out: list[LedgerRow] = []
    org = organisation_at(desk, at)
    listed = _as_they_stood(desk, list(rows), at)
    by_day: dict[str, list[str]] = {}
    for _, case, definition in listed:
        by_day.setdefault(local_day(at, definition.flow.timezone).isoformat(), []).append(case.unit)
    paths = {}
    for day, units in by_day.items():  # of all rows at once
        paths.update({(unit, day): path for unit, path in org.paths(units, day).items()})
        org.look_up(units, "secretary", day)
    been = queries.stays_of(desk.connection, [case.item for _, case, _ in listed])
    for row, case, definition in listed:
        day = local_day(at, definition.flow.timezone).isoformat()
        path = paths[case.unit, day]
        answerable = org.answerable(case.unit, "secretary", day, backstop(definition, "secretary") == "backstop")
        lists = [name for name in case.lists if name in _closed_out(definition)]
        cells = [line for name in lists for line in _cells(desk, case, name)]
        stays = [_by_then(s, at) for s in been.get(case.item, ()) if s["entered_at"] <= at]
        closed = next((s for s in reversed(stays) if definition.stage(s["stage"]).tracking), None)
        dues = [line["due"] for line in cells if line.get("due")]
        out.append(
            LedgerRow(
                no=first + len(out),
                item=case.item,
                unit=case.unit,
                superior=path[1]["unit"] if len(path) > 1 else "",
                category=case.category,
                manifestation=str(case.fields_.get("manifestation", "")),
                cause=str(case.fields_.get("cause", "")),
                measures=tuple(str(line["measure"]) for line in cells if line.get("measure")),
                responsible_unit=answerable[0]["at"] if answerable else "",
                responsible=tuple(a["person"] for a in answerable),
                answered_by_superior=any(a["as"] == "backstop" for a in answerable),
                lead=case.lead.get("person", ""),
                due=max(dues) if dues else "",
                stage=row.stage,
                round=case.round,
                lines_closed=sum(case.lists[name]["lines"] - case.lists[name]["open"] for name in lists),
                lines=sum(case.lists[name]["lines"] for name in lists),
                acceptance=_acceptance(definition, stays),
                closed_on=local_day(closed["entered_at"], definition.flow.timezone).isoformat() if closed else "",
                number=row.number,
                claimed=row.claimed,
                verified=row.verified,
            )
        )
    return out


def _as_they_stood(desk: Desk, rows: Sequence[RegisterRow], at: int) -> list[tuple[RegisterRow, Case, Definition]]:
    """The item of each row at an instant, and its definition."""
    heads = items.read_many(desk.connection, [r.item for r in rows])
    present = desk.is_now(at)
    out = []
    for row in rows:
        case = Case.of_snapshot(heads[row.item].snapshot)
        definition = desk.engine.definition(desk.connection, case.definition)
        then = None if present else past(desk, row.item, at)
        out.append((row, then.case if then is not None else case, definition))
    return out


def _cells(desk: Desk, case: Case, name: str) -> list[dict[str, Any]]:
    """The lines of a list as the case has it: of its document, or, where that is not kept here, as they are now."""
    try:
        held = canonical.decode(desk.contents.get(case.materials[name])) if name in case.materials else None
    except WorkflowError:
        held = None
    return list(held) if isinstance(held, list) else [line["cells"] for line in desk.lines_of(case.item, name)]


def _by_then(stay: dict[str, Any], at: int) -> dict[str, Any]:
    """A stay as it stood at an instant: not left yet, where it was left later."""
    return stay if stay["left_at"] is None or stay["left_at"] <= at else {**stay, "left_at": None, "exit": None}


def _acceptance(definition: Definition, stays: list[dict[str, Any]]) -> str:
    """The exit by which a scored stage was left last: the acceptance's verdict."""
    for stay in reversed(stays):
        stage = definition.stage(stay["stage"])
        if stay["exit"] and (stage.score is not None or stage.assess is not None):
            return str(stay["exit"])
    return ""


@dataclass(frozen=True)
class SignatureRow:
    """One signature on an item. ``person`` is the head of the time (时任); ``now`` those who hold the post today (现任).

    ``marks`` say what is out of the ordinary about it: late, acting, backstop, mandate, delegate, early-closed. One in ink
    has the day it was signed on paper and who registered it. ``vote`` is what a member of a group that votes said: agree
    (also where empty), against or abstain; ``opinion`` and ``reason`` are in the signer's words, ``minutes`` the digest of a
    meeting's.
    """

    seq: int
    at: int
    kind: str
    stage: str
    round: int
    unit: str
    level: str
    post: str
    person: str
    as_: str
    outcome: str
    late: bool
    superseded: bool
    strength: str
    content: str
    materials: tuple[tuple[str, str], ...]
    now: tuple[str, ...]
    principal: str = ""
    marks: tuple[str, ...] = ()
    paper_on: str = ""
    registrar: str = ""
    vote: str = ""
    opinion: str = ""
    reason: str = ""
    minutes: str = ""


def marks_of(signed: dict[str, Any], effects: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """What is out of the ordinary about one signature, from its entry's effects alone."""
    out = ["late"] if signed.get("late") else []
    out += [signed["as"]] if signed["as"] != "holder" else []
    out += ["early-closed"] if any(e["e"] == "not-needed" for e in effects) else []
    return tuple(out)


def signatures(desk: Desk, item: str, at: int) -> list[SignatureRow]:
    """Every signature on an item up to an instant, in order; superseded ones marked, never left out. Source: R037, R041.

    ``principal`` is in whose place the person signed, by mandate.
    """
    out: list[SignatureRow] = []
    case = Case()
    live: dict[tuple[int, str], int] = {}
    for entry in desk.entries_of(item):
        if entry.at > at:
            break
        body = canonical.read(entry.body)
        for effect in body["effects"]:
            if effect["e"] == "withdrawn" and "stage" in effect:  # the last signature, which had ended a stage
                out[-1] = replace(out[-1], superseded=True)
            if effect["e"] == "entered":  # a stage that goes on has the places signed that were
                stood = {s["seq"]: s["key"] for s in effect.get("slots", ()) if s.get("seq")}
                live |= {(case.stays + 1, stood[r.seq]): n for n, r in enumerate(out) if r.seq in stood}
            if effect["e"] == "superseded":
                for key in effect["slots"]:
                    gone = live.pop((case.stays, key), None)
                    if gone is not None:
                        out[gone] = replace(out[gone], superseded=True)
            if effect["e"] == "signed":
                s = body["statement"]
                slot = case.slot(effect["slot"])
                live[(case.stays, effect["slot"])] = len(out)
                out.append(
                    SignatureRow(
                        seq=entry.seq,
                        at=entry.at,
                        kind=body["act"]["kind"],
                        stage=case.stage,
                        round=case.round,
                        unit=effect["unit"],
                        level=slot.level if slot else "",
                        post=effect["post"],
                        person=effect["person"],
                        as_=effect["as"],
                        outcome=body["act"].get("outcome", ""),
                        late=effect["late"],
                        superseded=False,
                        strength=body["proof"]["strength"],
                        content=s["content"],
                        materials=tuple(case.materials.items()),
                        now=(),
                        principal=effect.get("principal", ""),
                        marks=marks_of(effect, body["effects"]),
                        paper_on=body["act"].get("paper", {}).get("on", ""),
                        registrar=body["act"].get("paper", {}).get("person", ""),
                        **{name: body["act"].get(name, "") for name in ("vote", "opinion", "reason", "minutes")},
                    )
                )
            case = case.fold([effect], entry.seq, entry.at)
    return _with_those_who_hold_them(desk, case, out, at)


def _with_those_who_hold_them(desk: Desk, case: Case, rows: list[SignatureRow], at: int) -> list[SignatureRow]:
    """Beside each signature who holds its post at the instant, by the version of the flow that the item had then."""
    if not rows:
        return []
    definition, org = desk.engine.definition(desk.connection, case.definition), organisation_at(desk, at)
    day = local_day(at, definition.flow.timezone).isoformat()
    held: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        if (row.unit, row.post) not in held:
            mode = backstop(definition, row.post) == "backstop"
            found = org.answerable(row.unit, row.post, day, mode)
            held[row.unit, row.post] = tuple(a["person"] for a in found)
    return [replace(row, now=held[row.unit, row.post]) for row in rows]


@dataclass(frozen=True)
class MissedRow:
    """A due that was missed by an instant: met late, or not met."""

    item: str
    unit: str
    flow: str
    rule: str
    missed_at: int
    met_at: int | None
    rungs_fired: int


def missed(desk: Desk, at: int) -> list[MissedRow]:
    """Every node missed by then, from the dues and the moment asked for alone."""
    return [
        MissedRow(r["item"], r["unit"], r["flow"], r["rule"], r["missed_at"], r["met_at"], r["step"])
        for r in queries.overdue(desk.connection, at)
    ]


@dataclass(frozen=True)
class RungRow:
    """A rung that fired: a reminder, or a proposal with the item it opened."""

    at: int
    item: str
    rule: str
    step: int
    what: str
    to: tuple[dict[str, str], ...]
    whom: tuple[dict[str, str], ...]
    opened: str


def rungs(desk: Desk) -> list[RungRow]:
    """Every rung that ever fired, in order."""
    return rungs_of(queries.fired(desk.connection))


def rungs_of(entries: Iterable[Any]) -> list[RungRow]:
    """The rungs that some entries (``chain, at, body``) fired."""
    out: list[RungRow] = []
    for entry in entries:
        for e in canonical.read(entry.body)["effects"]:
            if e["e"] in ("reminded", "proposed"):
                out.append(
                    RungRow(
                        entry.at,
                        entry.chain,
                        e["rule"],
                        e["step"],
                        e["e"],
                        tuple(e["to"]),
                        tuple(e.get("whom", ())),
                        e.get("item", ""),
                    )
                )
    return out


def contents(desk: Desk, item: str) -> dict[str, Any]:
    """The documents an item carries now, by name. One removed on record says so (``removed``: when, by whom and why); one
    that the store has lost is named as lost; none is left out."""
    case, definition = desk.case_of(item)
    out: dict[str, Any] = {}
    for name, one in case.materials.items():
        try:
            out[name] = desk.reveal(definition, name, removals.read(desk.connection, desk.contents, one))
        except WorkflowError as error:
            out[name] = {"lost": str(error)}
    return out


@dataclass(frozen=True)
class CopyRow:
    """One copy for information (抄送): to whom as what, when and by whom it was sent, and when they first opened the
    content since (µs UTC), or None."""

    item: str
    seq: int
    at: int
    person: str
    post: str
    unit: str
    by: str
    read_at: int | None


def copies(desk: Desk, item: str) -> list[CopyRow]:
    """Every copy sent of an item, in order, each with its receipt of reading (阅读回执).

    Raises:
        Unknown: no such item.
    """
    items.read(desk.connection, item)
    looks = [(row.at, canonical.read(row.body)["act"]["by"]) for row in items.entries(desk.connection, f"view:{item}")]
    out: list[CopyRow] = []
    for entry in items.entries(desk.connection, item):
        if entry.act != "copy":
            continue
        act = canonical.read(entry.body)["act"]
        to = (act["person"], act["post"], act["unit"])
        read = (at for at, by in looks if at >= entry.at and (by["person"], by["post"], by["unit"]) == to)
        out.append(CopyRow(item, entry.seq, entry.at, *to, act["by"]["person"], next(read, None)))
    return out
