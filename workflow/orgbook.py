"""Acts on the organisation: each one signed entry in the chain ``org``, with who did it, why, and the rows it led to.

Functions on a ``Desk``, so that an act on the organisation and what follows from it are one transaction. Nothing is
deleted: what holds no longer gets an end date, and what was known before stays readable (``OrgReader(known_at=...)``).
Days are ISO text; ends are exclusive. Who may change what is said and checked in ``workflow.orgrights``; ``by=None`` is
the engine's administrator, and marked so. A mandate is given by the holder of the post alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from workflow.acts import Actor, MoveItem
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.errors import (
    MandateBeyondTenure,
    MandateCircular,
    MandateExpired,
    MandateRevoked,
    NotHandedOn,
    NotHolder,
    OrgInvalid,
    ReasonRequired,
    Said,
    Unknown,
)
from workflow.org.importing import MANY_HOLDERS, tenure_id
from workflow.org.model import ALWAYS, ParentKind
from workflow.orgrights import entitled
from workflow.receipt import Receipt
from workflow.store import items, mandates
from workflow.store.groups import SECONDARY, SUPERVISION
from workflow.store.known import find
from workflow.store.org import OrgReader

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Moved:
    """What became of a unit that is no more: the entry, and the open items that went on at its successor."""

    receipt: Receipt
    items: tuple[str, ...]


@dataclass(frozen=True)
class NewUnit:
    """A unit to be established, below ``parent``."""

    id: str
    level: str
    parent: str
    name_zh: str
    name_en: str
    ordinal: int = 0

    def rows(self, on: str) -> Rows:
        unit: dict[str, Any] = {"id": self.id, "level": self.level, "name_zh": self.name_zh, "name_en": self.name_en}
        unit |= {"ordinal": self.ordinal, "established_on": on, "dissolved_on": None}
        line = {"unit": self.id, "kind": "managing", "from_on": on, "until_on": None, "parent": self.parent}
        return {"units": [unit], "parents": [line]}


def _record(
    desk: Desk,
    kind: str,
    by: Actor | None,
    reason: str,
    rows: Rows,
    *,
    below: Iterable[str] | None = (),
    within: Iterable[str] = (),
    many_holders: AbstractSet[str] = MANY_HOLDERS,
    units: Iterable[str] = (),
    at: int | None = None,
    **more: Any,
) -> Receipt:
    """``below``: the units whose superior decides; ``within``: those that may be the actor's own too. None: the act
    names who may (mandates)."""
    if not reason.strip():
        raise ReasonRequired(act=kind, expected="a written reason", actual="none")
    if below is None and by is not None:
        who: dict[str, Any] = {"by": {"person": by.person, "post": by.post, "unit": by.unit}}
    else:
        who = entitled(desk, kind, by, below or (), within)
    act = {"kind": kind, **who, "reason": reason, **more, "rows": rows}
    return desk.change_org(act, rows, many_holders, sorted(set(units)), at=at)


def _one(desk: Desk, name: str, what: str, id_: str) -> dict[str, Any]:
    found = find(desk.connection, name, id=id_)
    if not found:
        raise Unknown(kind=what, name=id_)
    return found[0]


def _id(prefix: str, *parts: str) -> str:
    return f"{prefix}-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _ended(row: Mapping[str, Any], on: str) -> dict[str, Any]:
    """The row with its end on a day; one that would begin later never holds."""
    return {**row, "until_on": max(row["from_on"], on)}


def _open_after(row: Mapping[str, Any], on: str) -> bool:
    return row["until_on"] is None or row["until_on"] > on


# --- posts -----------------------------------------------------------------------------------------------------------


def appoint(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    person: str,
    unit: str,
    post: str,
    from_on: str,
    until_on: str | None = None,
    acting: bool = False,
    many_holders: AbstractSet[str] = MANY_HOLDERS,
) -> Receipt:
    """Give a person a post from a day on.

    Raises:
        OrgInvalid: another person would hold the post at the same time. Source: S0 「党委书记是第一责任人」, R007.
        Unknown: no such person or unit.
    """
    _one(desk, "persons", "person", person)
    held = _one(desk, "units", "unit", unit)
    begun, ended = held["established_on"], held["dissolved_on"]
    if begun is None or from_on < begun or (ended is not None and (until_on is None or until_on > ended)):
        _refuse(f"{unit} exists from {begun or 'a day yet to come'} to {ended or 'no end'}; hold its posts within that")
    row: dict[str, Any] = {
        "id": tenure_id(person, unit, post, from_on, acting),
        "person": person,
        "unit": unit,
        "post": post,
    }
    row |= {"from_on": from_on, "until_on": until_on, "acting": acting}
    return _record(
        desk, "appoint", by, reason, {"tenures": [row]}, below=[unit], many_holders=many_holders, units=[unit]
    )


def end_tenure(desk: Desk, by: Actor | None, reason: str, *, tenure: str, on: str) -> Receipt:
    """End a tenure: ``on`` is the first day on which the post is no longer held."""
    row = _ended(_one(desk, "tenures", "tenure", tenure), on)
    return _record(desk, "end-tenure", by, reason, {"tenures": [row]}, below=[row["unit"]], units=[row["unit"]])


def remove_from_posts(desk: Desk, by: Actor | None, reason: str, *, person: str, on: str) -> Receipt:
    """End every post of a person from a day on. What waits for them waits for whoever answers then; what they signed
    stays. Source: S4 「清理出村干部队伍」, R175."""
    _one(desk, "persons", "person", person)
    held = [_ended(t, on) for t in find(desk.connection, "tenures", person=person) if _open_after(t, on)]
    return _record(
        desk, "remove-from-posts", by, reason, {"tenures": held}, below=[t["unit"] for t in held], person=person, on=on
    )


def merge_persons(desk: Desk, by: Actor | None, reason: str, *, person: str, into: str, on: str) -> Receipt:
    """One person was registered twice: the posts of the one go on as the other's from a day. Nothing signed changes."""
    for one in (person, into):
        _one(desk, "persons", "person", one)
    rows: Rows = {"tenures": []}
    for held in find(desk.connection, "tenures", person=person):
        if _open_after(held, on):
            since = max(held["from_on"], on)
            id_ = tenure_id(into, held["unit"], held["post"], since, bool(held["acting"]))
            rows["tenures"] += [_ended(held, on), {**held, "id": id_, "person": into, "from_on": since}]
    units = [t["unit"] for t in rows["tenures"]]
    return _record(desk, "merge-persons", by, reason, rows, below=units, units=units, person=person, into=into)


# --- units -----------------------------------------------------------------------------------------------------------


def rename_unit(
    desk: Desk, by: Actor | None, reason: str, *, unit: str, on: str, name_zh: str, name_en: str, level: str = ""
) -> Receipt:
    """A unit is called otherwise, or is of another level, from a day on. Earlier days keep the earlier name."""
    row = _one(desk, "units", "unit", unit)
    former = _former(desk, "unit", row, on, row["level"])
    row |= {"name_zh": name_zh, "name_en": name_en, "level": level or row["level"]}
    return _record(desk, "rename-unit", by, reason, {"units": [row], "former-names": [former]}, below=[unit], on=on)


def rename_person(
    desk: Desk, by: Actor | None, reason: str, *, person: str, on: str, name_zh: str, name_en: str
) -> Receipt:
    """A person is called otherwise from a day on."""
    row = _one(desk, "persons", "person", person)
    former = _former(desk, "person", row, on, "")
    row |= {"name_zh": name_zh, "name_en": name_en}
    posts = [t["unit"] for t in find(desk.connection, "tenures", person=person) if _open_after(t, on)]
    rows: Rows = {"persons": [row], "former-names": [former]}
    return _record(desk, "rename-person", by, reason, rows, below=posts, on=on)


def _former(desk: Desk, of: str, row: Mapping[str, Any], on: str, level: str) -> dict[str, Any]:
    earlier = find(desk.connection, "former-names", of=of, id=row["id"])
    since = max((f["until_on"] for f in earlier), default=ALWAYS)
    if on <= since:
        _refuse(f"{row['id']} was renamed on {since}; name a later day than that")
    names = {"level": level, "name_zh": row["name_zh"], "name_en": row["name_en"]}
    return {"of": of, "id": row["id"], "from_on": since, "until_on": on, **names}


def move_unit(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    unit: str,
    parent: str,
    from_on: str,
    kind: ParentKind = "managing",
    until_on: str | None = None,
) -> Receipt:
    """Put a unit below another from a day on. A new managing line ends the one before it; an entrusted one (代管) stands
    beside the managing one and signs in its place for its dates. Source: S4 「代管的县委机关工委」, R014, R015.

    Raises:
        OrgInvalid: the unit would stand above itself, or two lines of a kind would hold at once.
    """
    _one(desk, "units", "unit", unit)
    _one(desk, "units", "unit", parent)
    line = {"unit": unit, "kind": kind, "from_on": from_on, "until_on": until_on, "parent": parent}
    if kind != "guiding" and any(u["unit"] == unit for u in OrgReader(desk.connection).path(parent, from_on)):
        _refuse(f"{parent} stands below {unit} on {from_on}; a unit is not its own superior")
    rows = [line]
    if kind == "managing":
        held = find(desk.connection, "parents", unit=unit, kind=kind)
        rows += [_ended(p, from_on) for p in held if p["from_on"] < from_on and _open_after(p, from_on)]
    return _record(desk, "move-unit", by, reason, {"parents": rows}, below=[unit], within=[parent], units=[unit])


def dissolve(desk: Desk, by: Actor | None, reason: str, *, unit: str, on: str, successor: str) -> Moved:
    """A unit is no more from a day on: posts end, its units and its members go to the successor, and its open items too,
    as soon as the day has come. Source: S1 「撤销」, R070."""
    rows = _dissolved(desk, unit, on, successor)
    return _reorganise(desk, "dissolve", by, reason, rows, {unit: successor}, on, [successor])


def merge(desk: Desk, by: Actor | None, reason: str, *, units: Sequence[str], into: NewUnit | str, on: str) -> Moved:
    """Several units become one, a new one or one that exists."""
    rows: Rows = into.rows(on) if isinstance(into, NewUnit) else {}
    successor = into.id if isinstance(into, NewUnit) else into
    gone = [u for u in units if u != successor]
    for unit in gone:
        _gather(rows, _dissolved(desk, unit, on, successor, new=isinstance(into, NewUnit)))
    above = into.parent if isinstance(into, NewUnit) else into
    return _reorganise(desk, "merge", by, reason, rows, dict.fromkeys(gone, successor), on, [above])


def split(
    desk: Desk, by: Actor | None, reason: str, *, unit: str, into: Sequence[NewUnit], successor: str, on: str
) -> Moved:
    """One unit becomes several; ``successor`` is the one of them that its open items, units and members go to first."""
    if successor not in [n.id for n in into]:
        _refuse(f"{successor} is none of {', '.join(n.id for n in into)}; name the one that takes over")
    rows: Rows = {}
    for new in into:
        _gather(rows, new.rows(on))
    _gather(rows, _dissolved(desk, unit, on, successor, new=True))
    return _reorganise(desk, "split", by, reason, rows, {unit: successor}, on, [n.parent for n in into])


def follow(desk: Desk, unit: str) -> tuple[str, ...]:
    """Move what is still open of a dissolved unit to its successor: for a day of dissolution that lay ahead, and for
    items opened meanwhile. Doing it twice moves nothing twice.

    Raises:
        Unknown: the unit was not dissolved in favour of another.
    """
    found = find(desk.connection, "successions", unit=unit)
    if not found:
        raise Unknown(kind="successor of", name=unit)
    last = items.entries(desk.connection, items.ORG)[-1]
    cites = {"item": items.ORG, "seq": last.seq, "entry": last.hash.hex()}
    return _move(
        desk, unit, found[-1]["successor"], found[-1]["from_on"], _concerned(desk, unit, found[-1]["from_on"]), cites
    )


def _gather(rows: Rows, more: Rows) -> None:
    for name, some in more.items():
        rows.setdefault(name, []).extend(some)


def _dissolved(desk: Desk, unit: str, on: str, successor: str, new: bool = False) -> Rows:
    row = _one(desk, "units", "unit", unit)
    if successor == unit:
        _refuse(f"{unit} cannot be its own successor")
    if not new:
        _one(desk, "units", "unit", successor)
    connection = desk.connection
    rows: Rows = {"units": [{**row, "dissolved_on": on}]}
    rows["tenures"] = [_ended(t, on) for t in find(connection, "tenures", unit=unit) if _open_after(t, on)]
    rows["parents"] = []
    for line in find(connection, "parents", parent=unit):
        if not _open_after(line, on):
            continue
        since = max(line["from_on"], on)
        if line["from_on"] < on:
            rows["parents"].append(_ended(line, on))
        if line["unit"] != successor:
            rows["parents"].append({**line, "from_on": since, "parent": successor})
    rows["members"] = []
    for member in find(connection, "members", of="unit", group=unit):
        if _open_after(member, on):
            rows["members"].append(_ended(member, on))
            rows["members"].append(
                _membership(member["person"], successor, max(member["from_on"], on), member["until_on"])
            )
    rows["successions"] = [{"unit": unit, "successor": successor, "from_on": on}]
    return rows


def _reorganise(
    desk: Desk,
    kind: str,
    by: Actor | None,
    reason: str,
    rows: Rows,
    followed: Mapping[str, str],
    on: str,
    within: Iterable[str],
) -> Moved:
    at = desk.org_moment()
    concerned = {unit: _concerned(desk, unit, on) for unit in followed}
    # items before the organisation, as everybody who signs
    items.lock_many(desk.connection, sorted({i for some in concerned.values() for i in some}))
    touched = [p["unit"] for p in rows["parents"]] + [t["unit"] for t in rows["tenures"]]
    receipt = _record(
        desk,
        kind,
        by,
        reason,
        rows,
        below=followed,
        within=within,
        units=touched,
        at=at,
        followed=dict(followed),
        on=on,
    )
    cites = {"item": items.ORG, "seq": receipt.seq, "entry": receipt.entry.hex()}
    moved: list[str] = []
    for unit, successor in followed.items():
        moved += _move(desk, unit, successor, on, concerned[unit], cites)
    return Moved(receipt, tuple(moved))


def _concerned(desk: Desk, unit: str, on: str) -> list[str]:
    before = (date.fromisoformat(on) - timedelta(days=1)).isoformat()
    below = OrgReader(desk.connection).subtree(unit, before)
    return items.concerned(desk.connection, unit, below)


def _move(
    desk: Desk, unit: str, successor: str, on: str, concerned: Sequence[str], cites: dict[str, Any]
) -> tuple[str, ...]:
    now = desk.engine.now(desk.connection)
    moves = []
    for item in concerned:
        _, definition = desk.case_of(item)
        if local_day(now, definition.flow.timezone).isoformat() >= on:
            moves.append(MoveItem(item=item, gone=unit, successor=successor, cites=cites))
    return tuple(desk.move_items(moves))


# --- bodies, members, second responsibility --------------------------------------------------------------------------


def _membership(person: str, unit: str, from_on: str, until_on: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"id": _id("m", "unit", unit, person, from_on), "of": "unit", "group": unit, "person": person}
    return row | {"unit": "", "post": "", "role": "member", "from_on": from_on, "until_on": until_on}


def enrol(
    desk: Desk, by: Actor | None, reason: str, *, person: str, unit: str, from_on: str, until_on: str | None = None
) -> Receipt:
    """A person belongs to a unit from a day on, and no longer to the one before. Source: R218."""
    _one(desk, "persons", "person", person)
    _one(desk, "units", "unit", unit)
    held = [m for m in find(desk.connection, "members", of="unit", person=person) if _open_after(m, from_on)]
    if later := [m for m in held if m["from_on"] >= from_on]:
        _refuse(f"{person} already belongs to {later[0]['group']} from {later[0]['from_on']}")
    rows = [*(_ended(m, from_on) for m in held), _membership(person, unit, from_on, until_on)]
    return _record(desk, "enrol", by, reason, {"members": rows}, below=(), within=[unit])


def form_body(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    body: str,
    kind: str,
    unit: str,
    name_zh: str,
    name_en: str,
    from_on: str,
    until_on: str | None = None,
) -> Receipt:
    """Form a body whose members may sit anywhere in the tree (领导小组, 巡回督导组). Source: R005, R013."""
    _one(desk, "units", "unit", unit)
    row: dict[str, Any] = {"id": body, "kind": kind, "unit": unit, "name_zh": name_zh, "name_en": name_en}
    row |= {"from_on": from_on, "until_on": until_on}
    return _record(desk, "form-body", by, reason, {"bodies": [row]}, within=[unit])


def seat(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    body: str,
    role: str,
    person: str = "",
    unit: str = "",
    post: str = "",
    from_on: str,
    until_on: str | None = None,
) -> Receipt:
    """Give a person, or whoever holds a post of a unit, a seat in a body.

    Raises:
        OrgInvalid: neither a person nor a post of a unit was named.
    """
    formed_by = _one(desk, "bodies", "body", body)["unit"]
    if bool(person) == bool(unit and post):
        _refuse("a seat is a person's, or that of whoever holds a post of a unit: name one of the two")
    row: dict[str, Any] = {"id": _id("m", "body", body, role, person, unit, post, from_on), "of": "body", "group": body}
    row |= {"person": person, "unit": unit, "post": post, "role": role, "from_on": from_on, "until_on": until_on}
    return _record(desk, "seat", by, reason, {"members": [row]}, within=[formed_by])


def assign(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    body: str,
    units: Sequence[str],
    from_on: str,
    until_on: str | None = None,
    duty: str = SUPERVISION,
) -> Receipt:
    """Let a body look after units. No unit is looked after by two bodies of a kind at once. Source: S0 「每组联系
    11家企业」, R005, R018.

    Raises:
        OrgInvalid: another body of the kind looks after one of the units in that time.
    """
    formed = _one(desk, "bodies", "body", body)
    kind = formed["kind"]
    rows, problems = [], []
    for unit in units:
        _one(desk, "units", "unit", unit)
        for held in find(desk.connection, "assignments", unit=unit, duty=duty):
            apart = not _open_after(held, from_on) or (until_on is not None and until_on <= held["from_on"])
            other = held["body"]
            if other and other != body and not apart and _one(desk, "bodies", "body", other)["kind"] == kind:
                problems.append(f"{unit}: {other} and {body} would both look after it. End the earlier one")
        row: dict[str, Any] = {
            "id": _id("a", duty, body, unit, from_on),
            "duty": duty,
            "body": body,
            "person": "",
            "unit": unit,
        }
        rows.append(row | {"item": "", "from_on": from_on, "until_on": until_on})
    if problems:
        _refuse(*problems)
    return _record(desk, "assign", by, reason, {"assignments": rows}, within=[formed["unit"], *units])


def answer_beside(
    desk: Desk,
    by: Actor | None,
    reason: str,
    *,
    person: str,
    unit: str,
    item: str = "",
    from_on: str,
    until_on: str | None = None,
) -> Receipt:
    """A person answers second for a unit, or for one item of it: beside the first-responsible person, never instead.
    Source: S0 「一岗双责」, R008."""
    _one(desk, "persons", "person", person)
    _one(desk, "units", "unit", unit)
    row: dict[str, Any] = {
        "id": _id("a", SECONDARY, person, unit, item, from_on),
        "duty": SECONDARY,
        "body": "",
        "person": person,
    }
    row |= {"unit": unit, "item": item, "from_on": from_on, "until_on": until_on}
    return _record(desk, "answer-beside", by, reason, {"assignments": [row]}, within=[unit])


# --- mandates --------------------------------------------------------------------------------------------------------


def give_mandate(
    desk: Desk,
    by: Actor,
    reason: str,
    *,
    mandate: str,
    person: str,
    from_on: str,
    until_on: str,
    text: bytes,
    flow: str = "",
    stage: str = "",
    kind: str = "",
    units: Sequence[str] = (),
    handing_on: bool = False,
    under: str = "",
) -> Receipt:
    """委托签批: the holder of a post lets somebody sign in their place, for a time and for what is named.

    Args:
        by: the holder, as the post; or whoever hands ``under`` on.
        text: the written mandate; its digest stands in the entry.
        flow, stage, kind, units: what it covers; empty is all that the post signs. ``units`` cover those below them.
        handing_on: whether the person may hand it on; not unless said.
        under: the mandate that is handed on, where ``by`` is not the holder.

    Raises:
        NotHolder: the giver does not hold the post on the first day. MandateBeyondTenure: it would outlast the tenure.
        MandateCircular: it would come back to somebody it came from. NotHandedOn: it may not be handed on so.
    """
    at = desk.org_moment()
    _one(desk, "persons", "person", person)
    said = {"mandate": mandate, "principal": by.person, "person": person}
    if find(desk.connection, "mandates", id=mandate):
        _refuse(f"there is a mandate {mandate}; a mandate is not changed but revoked and given anew")
    if not from_on < until_on:
        raise MandateExpired(expected=f"an end after {from_on}", actual=until_on, **said)
    scope = {"flow": flow, "stage": stage, "kind": kind}
    if under:
        tenure, principal = _handed_on(desk, by, under, person, scope, units, from_on, until_on, said)
    else:
        tenure, principal = _own(desk, by, from_on, until_on, said), by.person
    _no_circle(desk, by, person, said)
    row: dict[str, Any] = {
        "id": mandate,
        "tenure": tenure,
        "principal": principal,
        "giver": by.person,
        "person": person,
    }
    row |= {"unit": by.unit, "post": by.post, "from_on": from_on, "until_on": until_on, **scope}
    row |= {"units": orjson.dumps(sorted(units)).decode(), "handing_on": handing_on, "under": under}
    row |= {"content": desk.contents.put(text), "revoked_at": None}
    return _record(desk, "give-mandate", by, reason, {"mandates": [row]}, below=None, at=at)


def revoke_mandate(desk: Desk, by: Actor, reason: str, *, mandate: str) -> Receipt:
    """Take a mandate back, at once; with it goes what was handed on from it. Signatures given under it stay.

    Raises:
        NotHolder: only the principal and whoever gave it take it back.
    """
    at = desk.org_moment()
    row = _one(desk, "mandates", "mandate", mandate)
    if by.person not in (row["principal"], row["giver"]):
        allowed = sorted({row["principal"], row["giver"]})
        raise NotHolder(person=by.person, post=by.post, unit=by.unit, day="-", expected=allowed, actual=by.person)
    if row["revoked_at"] is None:
        row["revoked_at"] = at
    return _record(desk, "revoke-mandate", by, reason, {"mandates": [row]}, below=None, at=at)


def _own(desk: Desk, by: Actor, from_on: str, until_on: str, said: dict[str, str]) -> str:
    org = OrgReader(desk.connection)
    held = org.authority(by.person, by.unit, by.post, from_on, backstop=False)
    if held is None:
        holders = [a["person"] for a in org.answerable(by.unit, by.post, from_on, backstop=False)] or "nobody"
        raise NotHolder(person=by.person, post=by.post, unit=by.unit, day=from_on, expected=holders, actual=by.person)
    tenure = _one(desk, "tenures", "tenure", held["tenure"])
    if tenure["until_on"] is not None and until_on > tenure["until_on"]:
        raise MandateBeyondTenure(expected=f"an end by {tenure['until_on']}", actual=until_on, **said)
    return str(tenure["id"])


def _handed_on(
    desk: Desk,
    by: Actor,
    under: str,
    person: str,
    scope: Mapping[str, str],
    units: Sequence[str],
    from_on: str,
    until_on: str,
    said: dict[str, str],
) -> tuple[str, str]:
    found = mandates.find(desk.connection, under)
    if found is None:
        raise Unknown(kind="mandate", name=under)
    said["principal"] = found["principal"]
    own = found["links"][-1]
    if own["person"] != by.person or not own["handing_on"] or len(found["links"]) >= mandates.HANDS:
        who = f"{own['person']}, if {under} lets them"
        raise NotHandedOn(expected=who, actual=by.person if own["handing_on"] else "it does not", **said)
    for link in found["links"]:
        if link["revoked"] is not None:
            raise MandateRevoked(expected="a mandate in force", actual=f"{link['id']} was revoked", **said)
        if from_on < link["from"] or until_on > link["until"]:
            raise NotHandedOn(
                expected=f"from {link['from']} to before {link['until']}",
                actual=Said(f"{from_on} to {until_on}", f"{from_on} 至 {until_on}"),
                **said,
            )
        wider = [n for n, word in scope.items() if link[n] and word != link[n]]
        if link["units"] and not (units and set(units) <= set(link["units"])):
            wider.append("units")
        if wider:
            raise NotHandedOn(expected=f"no wider than {link['id']}", actual=f"another {', '.join(wider)}", **said)
        if person in (link["giver"], link["person"]):
            raise MandateCircular(expected="somebody it did not come from", actual=person, **said)
    return found["tenure"], found["principal"]


def _no_circle(desk: Desk, by: Actor, person: str, said: dict[str, str]) -> None:
    """Whoever receives it is not its giver, nor somebody from whom the giver holds one for the same post."""
    givers = {by.person}
    for held in mandates.given_to(desk.connection, by.person, by.unit, by.post):
        if all(link["revoked"] is None for link in held["links"]):
            givers.update(link["giver"] for link in held["links"])
    if person in givers:
        raise MandateCircular(expected="somebody it does not come from", actual=person, **said)


def _refuse(*problems: str) -> None:
    listing = "\n".join(problems)
    raise OrgInvalid(count=len(problems), file="the change", listing=listing, problems=list(problems))
