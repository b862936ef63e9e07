"""Items and their entries: read one under its lock, append what an act led to, keep the projections in step.

All statements are built once. A write of an item is guarded by its version (``seq``); a lost race raises and never
overwrites. PostgreSQL adds ``FOR UPDATE``; our own SQLite engines write under ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from workflow.case import Case, Effect, Slot, stands
from workflow.case import ending as case_ending
from workflow.errors import Conflict, Said, Unknown
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.store import tables as t
from workflow.store.statement import About, Insert, Statement, Update

ORG = "org"
ASKED_AT_ONCE = 500  # items or units a statement
FLOWS = "flows"  # who put which version of a flow in force


class Head(NamedTuple):
    """An item as it stands: its version, the hash of its last entry, its snapshot, and the head of the org chain."""

    seq: int
    head: bytes
    definition: str
    snapshot: bytes
    org: bytes | None
    now: Any = None


_org_head = sa.select(t.chain.c.head).where(t.chain.c.chain == ORG).scalar_subquery()
_head = sa.select(t.item.c.seq, t.item.c.head, t.item.c.definition, t.item.c.snapshot, _org_head).where(
    t.item.c.id == bindparam("item")
)
_locked = _head.with_for_update(of=t.item)
_locked_now = _head.add_columns(sa.func.clock_timestamp()).with_for_update(of=t.item)
_lock_one, _lock_one_now, _head_one = Statement(_locked), Statement(_locked_now), Statement(_head)
# With the head of the organisation's chain under a share lock: a change of it that was committed before is seen, and one
# that commits later comes after in both chains. Waiting for a row reads it anew; a subquery would not be read again.
_with_org = (
    sa.select(t.item.c.seq, t.item.c.head, t.item.c.definition, t.item.c.snapshot, t.chain.c.head)
    .join(t.chain, t.chain.c.chain == ORG)
    .where(t.item.c.id == bindparam("item"))
    .suffix_with("FOR SHARE OF wf_chain", dialect="postgresql")
)
_lock_both = Statement(_with_org.with_for_update(of=t.item))
_lock_both_now = Statement(_with_org.add_columns(sa.func.clock_timestamp()).with_for_update(of=t.item))
_stands = sa.select(t.item.c.id, t.item.c.seq, t.item.c.head, t.item.c.definition, t.item.c.snapshot)
_lock_some = About(_stands.order_by(t.item.c.id).with_for_update(of=t.item), t.item.c.id)
_heads_with_org = _stands.add_columns(_org_head).where(t.item.c.id.in_(bindparam("items", expanding=True)))
_present = sa.select(t.item.c.id).where(t.item.c.id.in_(bindparam("items", expanding=True)))
_org_only = sa.select(t.chain.c.head).where(t.chain.c.chain == ORG)
_org_held = _org_only.with_for_update(read=True)

_insert_entry = Insert(t.entry, ("chain", "seq", "at", "act", "body", "seal", "hash", "request_id", "request_digest"))
_in_item = ("stage", "round", "klass", "category", "final", "seq", "head", "snapshot")
_insert_item = Insert(t.item, ("id", "flow", "definition", "campaign", "unit", "opened_at", *_in_item))
_update_item = Update(t.item, {"b_item": "id", "b_seq": "seq"}, _in_item)
# the same where an item stays where it stands: SQLite writes an index anew for every column that is named
_advance_item = Update(t.item, {"b_item": "id", "b_seq": "seq"}, ("seq", "head", "snapshot"))
_chain_head = sa.select(t.chain.c.seq, t.chain.c.head).where(t.chain.c.chain == bindparam("chain")).with_for_update()
_insert_chain = t.chain.insert()
_update_chain = (
    t.chain.update()
    .where(t.chain.c.chain == bindparam("b_chain"), t.chain.c.seq == bindparam("b_seq"))
    .values(seq=bindparam("seq"), head=bindparam("head"))
)

_insert_slot = Insert(t.slot, ("item", "key", "unit", "post", "kind", "stage", "opened_at"))
_delete_slot = Statement(
    t.slot.delete().where(t.slot.c.item == bindparam("b_item"), t.slot.c.key == bindparam("b_key"))
)
_move_slot = Update(t.slot, {"b_item": "item", "b_key": "key"}, ("key", "unit", "post", "kind", "stage", "opened_at"))
_insert_stay = Insert(t.stay, ("item", "n", "stage", "round", "entered_at", "left_at", "exit"))
_leave_stay = Update(t.stay, {"b_item": "item", "b_n": "n"}, ("left_at", "exit"))
_insert_due = Insert(t.due, ("item", "rule", "ladder", "missed_at", "step", "next_at", "state", "provisional"))
_forget_due = Statement(
    t.due.delete().where(t.due.c.item == bindparam("b_item"), t.due.c.rule == bindparam("b_rule"), t.due.c.state == 3)
)
_rearm_due = Update(
    t.due,
    {"b_item": "item", "b_rule": "rule"},
    ("ladder", "missed_at", "step", "next_at", "state", "provisional"),
    attempts=0,
)
_end_due = Update(t.due, {"b_item": "item", "b_rule": "rule"}, ("state", "met_at"), next_at=None)
_move_item = Statement(t.item.update().where(t.item.c.id == bindparam("b_item")).values(unit=bindparam("unit")))
_set_version = Statement(
    t.item.update().where(t.item.c.id == bindparam("b_item")).values(definition=bindparam("definition"))
)
_rename_stay = Statement(
    t.stay.update()
    .where(t.stay.c.item == bindparam("b_item"), t.stay.c.n == bindparam("b_n"))
    .values(stage=bindparam("stage"))
)
_delete_lines = Statement(
    t.line.delete().where(t.line.c.item == bindparam("b_item"), t.line.c.list == bindparam("b_list"))
)
_insert_line = Insert(t.line, ("item", "list", "no", "cells", "closed_seq", "closed_at"))
_close_line = Statement(
    t.line.update()
    .where(t.line.c.item == bindparam("b_item"), t.line.c.list == bindparam("b_list"), t.line.c.no == bindparam("b_no"))
    .values(closed_seq=bindparam("closed_seq"), closed_at=bindparam("closed_at"))
)
_lines = Statement(
    sa.select(t.line.c.no, t.line.c.cells, t.line.c.closed_seq, t.line.c.closed_at)
    .where(t.line.c.item == bindparam("item"), t.line.c.list == bindparam("list"))
    .order_by(t.line.c.no)
)
_line = sa.select(t.line.c.closed_seq).where(
    t.line.c.item == bindparam("item"), t.line.c.list == bindparam("list"), t.line.c.no == bindparam("no")
)
_about_units = About(
    sa.select(t.item.c.unit, t.item.c.id, t.item.c.seq, t.item.c.head, t.item.c.stage, t.item.c.final).where(
        t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign")
    ),
    t.item.c.unit,
)
_one_entry = sa.select(t.entry.c.body).where(t.entry.c.chain == bindparam("chain"), t.entry.c.seq == bindparam("seq"))
_migrations = (
    sa.select(t.entry.c.seq, t.entry.c.body)
    .where(t.entry.c.chain == bindparam("chain"), t.entry.c.act == "migrate")
    .order_by(t.entry.c.seq.desc())
)
_live = (
    sa.select(t.item.c.id, t.item.c.definition, t.item.c.stage, t.item.c.unit)
    .where(t.item.c.flow == bindparam("flow"), sa.not_(t.item.c.final))
    .order_by(t.item.c.id)
)
_states = sa.select(t.item.c.id, t.item.c.unit, t.item.c.stage, t.item.c.seq, t.item.c.head, t.item.c.final).where(
    t.item.c.id.in_(bindparam("items", expanding=True))
)
_open_of_units = sa.select(t.item.c.id).where(
    t.item.c.unit.in_(bindparam("units", expanding=True)), sa.not_(t.item.c.final)
)
_waiting_at = sa.select(t.slot.c.item).where(t.slot.c.unit == bindparam("unit"))
_insert_count = Insert(
    t.count, ("counter", "person", "n", "item", "seq", "held_on", "held_by", "campaign", "opened", "reversed_seq")
)
_reverse_count = Statement(
    t.count.update()
    .where(
        t.count.c.item == bindparam("b_item"),
        t.count.c.counter == bindparam("b_counter"),
        t.count.c.reversed_seq.is_(None),
    )
    .values(reversed_seq=bindparam("reversed_seq"))
)
_in_claim = ("claimed", "claimed_at", "verified", "verified_at", "finding")
_insert_claim = Insert(t.claim, ("item", *_in_claim))
_update_claim = Update(t.claim, {"b_item": "item"}, _in_claim)
_delete_burden = Statement(t.burden.delete().where(t.burden.c.item == bindparam("b_item")))
_insert_burden = Insert(t.burden, ("kind", "unit", "n", "item", "flow", "from_on", "until_on", "state", "persons"))
_end_burden = Statement(
    t.burden.update()
    .where(t.burden.c.item == bindparam("b_item"))
    .values(state=bindparam("state"), persons=bindparam("persons"))
)
_delete_seat = Statement(
    t.seat.delete().where(t.seat.c.item == bindparam("b_item"), t.seat.c.seat == bindparam("b_seat"))
)
_insert_seat = Insert(t.seat, ("seat", "n", "item"))
_delete_words = Statement(
    t.words.delete().where(t.words.c.item == bindparam("b_item"), t.words.c.field == bindparam("b_field"))
)
_insert_words = Insert(t.words, ("item", "field", "no", "flow", "campaign", "digest"))
_insert_outbox = Insert(t.outbox, ("dedupe", "topic", "recipient", "payload", "created_at", "next_try_at"))
_request = sa.select(t.entry.c.chain, t.entry.c.seq, t.entry.c.hash, t.entry.c.at, t.entry.c.request_digest).where(
    t.entry.c.request_id == bindparam("request_id")
)
_last_of = (
    sa.select(t.entry.c.body)
    .where(t.entry.c.chain == bindparam("chain"), t.entry.c.act == bindparam("act"))
    .order_by(t.entry.c.seq.desc())
    .limit(1)
)
_hash_at = sa.select(t.entry.c.hash).where(t.entry.c.chain == bindparam("chain"), t.entry.c.seq == bindparam("seq"))
_entries = (
    sa.select(t.entry.c.seq, t.entry.c.at, t.entry.c.act, t.entry.c.body, t.entry.c.seal, t.entry.c.hash)
    .where(t.entry.c.chain == bindparam("chain"))
    .order_by(t.entry.c.seq)
)

_holding = sa.select(sa.func.min(t.entry.c.seq)).where(t.entry.c.chain == bindparam("chain"))
_with = _holding.where(sa.func.instr(t.entry.c.body, bindparam("word", type_=sa.LargeBinary)) > 0)
_with_pg = _holding.where(sa.func.position(bindparam("word", type_=sa.LargeBinary).op("IN")(t.entry.c.body)) > 0)


@dataclass(slots=True, eq=False)
class Written:
    """One entry ready to be stored, with the item as it stands after it. Nobody changes it; to freeze it would double
    what it costs to make."""

    case: Case
    before: Case
    seq: int
    at: int
    act: str
    effects: list[Effect]
    body: bytes
    seal: bytes
    hash: bytes
    snapshot: bytes
    request_id: str | None = None
    request_digest: bytes | None = None


def lock(connection: Connection, item: str, *, with_now: bool = False) -> Head:
    """An item under its lock, and the org chain's head under a share lock, in the same statement.

    Raises:
        Unknown: there is no such item.
    """
    values = {"item": item}
    if connection.dialect.name == "postgresql":
        row = (_lock_both_now if with_now else _lock_both).one(connection, values)
        if row is None:  # no such item, or nothing was imported yet
            row = (_lock_one_now if with_now else _lock_one).one(connection, values)
    else:
        row = _lock_one.one(connection, values)
    if row is None:
        raise Unknown(kind="item", name=item)
    return Head(*tuple(row))


def read(connection: Connection, item: str) -> Head:
    """An item as it stands, without a lock."""
    row = _head_one.one(connection, {"item": item})
    if row is None:
        raise Unknown(kind="item", name=item)
    return Head(*tuple(row))


def lock_many(connection: Connection, items: Sequence[str]) -> dict[str, Head]:
    """Several items under their locks, always in order of their ids."""
    rows = _lock_some.all(connection, sorted(items), {})
    return {id_: Head(seq, head, definition, snapshot, None) for id_, seq, head, definition, snapshot in rows}


def read_many(connection: Connection, items: Iterable[str]) -> dict[str, Head]:
    """Several items as they stand, without a lock; those that are not there are left out."""
    wanted, found = sorted(set(items)), {}
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        rows = connection.execute(_heads_with_org, {"items": wanted[start : start + ASKED_AT_ONCE]})
        found.update({r[0]: Head(*r[1:]) for r in rows})
    return found


def present(connection: Connection, wanted: Sequence[str]) -> set[str]:
    """Which of these items exist."""
    return set(connection.execute(_present, {"items": list(wanted)}).scalars())


def org_head(connection: Connection, *, hold: bool = False) -> bytes | None:
    """The hash of the org chain's last entry; None before any import.

    Args:
        hold: keep it as it is until the transaction ends (a share lock, on PostgreSQL).
    """
    return connection.execute(_org_held if hold else _org_only).scalar()


def now(connection: Connection) -> Any:
    """The database's own clock where it has one (PostgreSQL), else None."""
    return (
        connection.execute(sa.select(sa.func.clock_timestamp())).scalar()
        if connection.dialect.name == "postgresql"
        else None
    )


def request(connection: Connection, request_id: str) -> Any:
    """The entry that a request led to, or None."""
    return connection.execute(_request, {"request_id": request_id}).first()


def entry_with(connection: Connection, chain: str, word: bytes) -> int | None:
    """The place of the first entry of a chain whose body holds these bytes, or None."""
    postgresql = connection.dialect.name == "postgresql"
    return connection.execute(_with_pg if postgresql else _with, {"chain": chain, "word": word}).scalar()


def holds(connection: Connection, chain: str, seq: int, hash_: bytes) -> bool:
    """Whether an entry is there, with this hash."""
    return connection.execute(_hash_at, {"chain": chain, "seq": seq}).scalar() == hash_


def entries(connection: Connection, chain: str) -> list[Any]:
    """All entries of a chain in order, as stored."""
    return list(connection.execute(_entries, {"chain": chain}))


def last_of(connection: Connection, chain: str, act: str) -> bytes | None:
    """The body of the last entry of a chain that records such an act, or None."""
    found: bytes | None = connection.execute(_last_of, {"chain": chain, "act": act}).scalar()
    return found


def lines(connection: Connection, item: str, list_: str) -> list[dict[str, Any]]:
    """The lines of a list, in order: {no, cells, closed_seq, closed_at}."""
    return [
        {"no": r[0], "cells": canonical.read(r[1]), "closed_seq": r[2], "closed_at": r[3]}
        for r in _lines.all(connection, {"item": item, "list": list_})
    ]


def forget_lines(connection: Connection, lists: Iterable[tuple[str, str]]) -> None:
    """Remove the lines of lists whose document was removed on record: each an item and the list's name."""
    for item, name in lists:
        _delete_lines.run(connection, {"b_item": item, "b_list": name})


def line_state(connection: Connection, item: str, list_: str, no: int) -> str:
    """open, closed or absent."""
    row = connection.execute(_line, {"item": item, "list": list_, "no": no}).first()
    return "absent" if row is None else "open" if row[0] is None else "closed"


def viewed_since(connection: Connection, item: str, seq: int) -> list[str]:
    """Who of those that were to act then opened the content after the item's entry ``seq`` was written, each person
    once."""
    found: dict[str, None] = {}
    for row in entries(connection, f"view:{item}"):
        body = canonical.read(row.body)
        acts_next = body.get("next", "aside" not in body)  # looks recorded before that was said count as they did
        if body["head"] >= seq and acts_next:
            found.setdefault(body["act"]["by"]["person"])
    return list(found)


def ending(connection: Connection, item: str, seq: int) -> dict[str, Any]:
    """What the last entry of an item up to ``seq`` that did not only remind says, if it ended a stage by a signature, with
    the case before it; else nothing."""
    case, last = Case(), (Case(), list[Effect](), 0)
    for row in entries(connection, item):
        effects = canonical.read(row.body)["effects"]
        if row.seq <= seq and not stands(effects):
            last = case, effects, row.seq
        case = case.fold(effects, row.seq, row.at)
    return case_ending(*last)


def ended_by(connection: Connection, item: str, seq: int) -> tuple[str, str] | None:
    """Who ended a stage by that entry, and at which place; None where it ended none."""
    effects: list[Effect] = []
    while seq and stands(effects):
        body = connection.execute(_one_entry, {"chain": item, "seq": seq}).scalar()
        effects, seq = canonical.read(body)["effects"] if body is not None else [], seq - 1
    signed = next((e for e in effects if e["e"] == "signed"), None)
    left = any(e["e"] == "left" for e in effects)
    return (signed["person"], signed["slot"]) if left and signed is not None else None


def migration(connection: Connection, item: str, seq: int) -> dict[str, Any] | None:
    """What an entry that moved an item to another version says: {from, to, stay, was}; None where it is none."""
    body = connection.execute(_one_entry, {"chain": item, "seq": seq}).scalar()
    effects = canonical.read(body)["effects"] if body is not None else []
    effect = next((e for e in effects if e["e"] == "migrated"), None)
    return effect and {k: effect[k] for k in ("from", "to", "stay", "was")}


def moved_by(connection: Connection, item: str, plan: str) -> int | None:
    """The last entry of an item that moved it to another version by a plan, or None."""
    rows = connection.execute(_migrations, {"chain": item})
    return next((r.seq for r in rows if canonical.read(r.body)["act"].get("plan") == plan), None)


def live(connection: Connection, flow: str) -> list[Any]:
    """The open items of a flow, whatever their version: id, definition, stage, unit; by id."""
    return list(connection.execute(_live, {"flow": flow}))


def concerned(connection: Connection, unit: str, below: Sequence[str]) -> list[str]:
    """Open items that may concern a unit: its own, those of the units below it, and those that wait for it; by id."""
    found = set(connection.execute(_waiting_at, {"unit": unit}).scalars())
    wanted = [unit, *below]
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        found.update(connection.execute(_open_of_units, {"units": wanted[start : start + ASKED_AT_ONCE]}).scalars())
    return sorted(found)


def reports_of(connection: Connection, flow: str, campaign: str, units: list[str]) -> list[dict[str, Any]]:
    """The report of each unit in the order given; a unit without one stands there with no item. A unit that took over
    another's has both, by id: each of them was owed."""
    held: dict[str, list[dict[str, Any]]] = {}
    for unit, id_, seq, head, stage, final in _items_about(connection, flow, campaign, units):
        report = {"unit": unit, "item": id_, "seq": seq, "head": head.hex(), "stage": stage, "final": bool(final)}
        held.setdefault(unit, []).append(report)
    return [report for u in units for report in held.get(u, [{"unit": u}])]


def _items_about(connection: Connection, flow: str, campaign: str, units: list[str]) -> list[Sequence[Any]]:
    """The items of a flow about some units, by id: ``unit, id, seq, head, stage, final``."""
    rows = _about_units.all(connection, units, {"flow": flow, "campaign": campaign})
    return sorted(rows, key=lambda row: str(row[1]))


def came_to(connection: Connection, flow: str, campaign: str, unit: str, stages: Sequence[str]) -> list[dict[str, Any]]:
    """The items of a unit that are in one of these stages, by id: ``item, seq, head, stage`` and who ``signed`` them in
    their last round, each ``person, unit, post``, with the ``principal`` of a mandate."""
    return [
        {"item": id_, "seq": seq, "head": head.hex(), "stage": stage, "signed": _signers(connection, id_)}
        for _, id_, seq, head, stage, _ in _items_about(connection, flow, campaign, [unit])
        if stage in stages
    ]


def known_of(
    connection: Connection, flow: str, unit: str, but: str, since: str = "", severity: str = ""
) -> list[dict[str, str]]:
    """The items of a flow about a unit, of every campaign, without one of them: {item, campaign, category}, by id.

    Args:
        since: only those opened at or after this moment, microseconds UTC.
        severity: the field that says how grave an item is; told as ``severity`` of those that say it.
    """
    mine = sa.select(t.item.c.id, t.item.c.campaign, t.item.c.category, t.item.c.snapshot).where(
        t.item.c.flow == flow, t.item.c.unit == unit, t.item.c.id != but, t.item.c.category != ""
    )
    if since:
        mine = mine.where(t.item.c.opened_at >= int(since))
    out: list[dict[str, str]] = []
    for r in connection.execute(mine.order_by(t.item.c.id).limit(1000)):
        row = {"item": r.id, "campaign": r.campaign, "category": r.category}
        grave = canonical.read(r.snapshot).get("fields_", {}).get(severity) if severity else None
        out.append({**row, "severity": str(grave)} if grave else row)
    return out


def register_of(connection: Connection, flow: str, campaign: str) -> list[dict[str, Any]]:
    """How many items of a flow and campaign stand where: ``[{category, stands-at, items}]``, in order of these."""
    columns = (t.item.c.category, t.item.c.stage)
    mine = (t.item.c.flow == flow, t.item.c.campaign == campaign)
    rows = connection.execute(sa.select(*columns, sa.func.count()).where(*mine).group_by(*columns))
    return [{"category": r[0], "stands-at": r[1], "items": r[2]} for r in sorted(tuple(r) for r in rows)]


_seats = sa.select(t.seat.c.n, t.seat.c.item).where(t.seat.c.seat == bindparam("seat")).order_by(t.seat.c.n)


def seats(connection: Connection, seat: str) -> list[dict[str, Any]]:
    """Who has a place that only so many have: ``[{n, item}]``, by number."""
    return [{"n": r.n, "item": r.item} for r in connection.execute(_seats, {"seat": seat})]


def results(connection: Connection, flow: str, unit: str, campaign: str) -> list[dict[str, str]]:
    """The results a flow gave a unit in the campaigns within one (``2019-Q1`` within ``2019``): {item, campaign, total},
    by campaign; ``total`` is an exact fraction of 100."""
    mine = sa.select(t.item.c.id, t.item.c.campaign, t.item.c.snapshot).where(
        t.item.c.flow == flow,
        t.item.c.unit == unit,
        t.item.c.campaign.startswith(f"{campaign}-", autoescape=True),
    )
    out: list[dict[str, str]] = []
    for r in connection.execute(mine.order_by(t.item.c.campaign, t.item.c.id).limit(1000)):
        if found := canonical.read(r.snapshot).get("assessed"):
            out.append({"item": r.id, "campaign": r.campaign, "total": found["total"]})
    return out


def standing(connection: Connection, flow: str, campaign: str, grade: str, but: str) -> dict[str, Any]:
    """The results of one grade in a campaign, without one item: ``{"rows": [{item, stage, total, sources: {name: {of-100}}}],
    "waiting": [item]}``; ``waiting`` are the first 20 that are under way and were not assessed yet."""
    asked = sa.select(t.item.c.id, t.item.c.stage, t.item.c.final, t.item.c.snapshot).where(
        t.item.c.flow == flow, t.item.c.campaign == campaign, t.item.c.id != but
    )
    rows: list[dict[str, Any]] = []
    waiting: list[str] = []
    for r in connection.execute(asked.order_by(t.item.c.id)):
        found = canonical.read(r.snapshot).get("assessed", {})
        if not found and not r.final:
            waiting.append(r.id)
        elif found.get("grade") == grade:
            sources = {name: {"of-100": one["of-100"]} for name, one in found["sources"].items()}
            rows.append({"item": r.id, "stage": r.stage, "total": found["total"], "sources": sources})
    return {"rows": rows, "waiting": waiting[:20]}


def everyone(connection: Connection, flow: str, campaign: str, stages: Sequence[str]) -> dict[str, Any]:
    """How many items a flow has in a campaign, and the first 20 of the ``others``: those in none of these stages."""
    mine = (t.item.c.flow == flow, t.item.c.campaign == campaign)
    others = sa.select(t.item.c.id, t.item.c.stage).where(*mine, t.item.c.stage.not_in(stages)).order_by(t.item.c.id)
    count = connection.execute(sa.select(sa.func.count()).select_from(t.item).where(*mine)).scalar()
    return {"items": count, "others": [f"{r.id} ({r.stage})" for r in connection.execute(others.limit(20))]}


def _signers(connection: Connection, item: str) -> list[dict[str, str]]:
    case, live = Case(), dict[tuple[int, str], dict[str, str]]()
    for entry in entries(connection, item):
        for effect in canonical.read(entry.body)["effects"]:
            if effect["e"] == "entered" and effect.get("round", case.round) != case.round:
                live.clear()
            if effect["e"] == "withdrawn" and "stage" in effect:  # it had ended the stay before
                live.pop((case.stays - 1, effect["slot"]), None)
            if effect["e"] == "entered" and "stay" in effect:  # that stay goes on
                went_on = [key for stay, key in live if stay == case.stays - 1]
                live |= {(case.stays + 1, key): live.pop((case.stays - 1, key)) for key in went_on}
            if effect["e"] == "signed":
                names = ("person", "unit", "post", "principal")
                live[case.stays, effect["slot"]] = {n: effect[n] for n in names if effect.get(n)}
            if effect["e"] == "superseded":
                for key in effect["slots"]:
                    live.pop((case.stays, key), None)
            case = case.fold([effect], entry.seq, entry.at)
    return list(live.values())


def states_of(connection: Connection, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Where items stand, in the order asked for: ``item, unit, stage, seq, head, final``; those that do not exist are
    left out."""
    found = {r.id: r for r in connection.execute(_states, {"items": list(wanted)})}
    return [
        {"item": i, "unit": r.unit, "stage": r.stage, "seq": r.seq, "head": r.head.hex(), "final": bool(r.final)}
        for i in wanted
        if (r := found.get(i)) is not None
    ]


def append(connection: Connection, written: Sequence[Written], lists: dict[str, list[Any]] | None = None) -> None:
    """Store entries, items and everything projected from them; several at once go set-wise.

    Args:
        lists: the cells of lists just submitted, by name (only with a single entry).

    Raises:
        Conflict: another act on one of the items came first. Nothing of this call may be committed.
    """
    try:
        if len(written) == 1:
            _insert_entry.change(connection, _entry_row(written[0]))
        else:
            _insert_entry.run_many(connection, [_entry_row(w) for w in written])
    except IntegrityError as error:
        w = written[0]
        came = Said("a later version, or the same request twice", "更新的版本,或同一请求重复提交")
        raise Conflict(item=w.case.item, expected=w.seq - 1, actual=came) from error
    new = [w for w in written if w.seq == 1]
    if new:
        _insert_item.run_many(connection, [_item_row(w) for w in new])
    old = [w for w in written if w.seq > 1]
    stands: list[Written] = []
    moves: list[Written] = []
    for w in old:
        (stands if _same_place(w.before, w.case) else moves).append(w)
    changed = _advance_item.change_many(
        connection,
        [
            {"b_item": w.case.item, "b_seq": w.seq - 1, "seq": w.seq, "head": w.hash, "snapshot": w.snapshot}
            for w in stands
        ],
    )
    rows = [{"b_item": w.case.item, "b_seq": w.seq - 1, **_item_values(w)} for w in moves]
    if changed + _update_item.change_many(connection, rows) != len(old):
        raise Conflict(item=old[0].case.item, expected=old[0].seq - 1, actual="another version of it or one with it")
    project(connection, written, lists or {})


def _entry_row(w: Written) -> dict[str, Any]:
    return {
        "chain": w.case.item,
        "seq": w.seq,
        "at": w.at,
        "act": w.act,
        "body": w.body,
        "seal": w.seal,
        "hash": w.hash,
        "request_id": w.request_id,
        "request_digest": w.request_digest,
    }


def _same_place(before: Case, after: Case) -> bool:
    """Whether everything that lists and counts look for is as it was."""
    return (before.stage, before.round, before.klass, before.category, before.final) == (
        after.stage,
        after.round,
        after.klass,
        after.category,
        after.final,
    )


def _item_values(w: Written) -> dict[str, Any]:
    case = w.case
    return {
        "stage": case.stage,
        "round": case.round,
        "klass": case.klass,
        "category": case.category,
        "final": case.final,
        "seq": w.seq,
        "head": w.hash,
        "snapshot": w.snapshot,
    }


def _item_row(w: Written) -> dict[str, Any]:
    case = w.case
    return {
        "id": case.item,
        "flow": case.flow,
        "definition": case.definition,
        "campaign": case.campaign,
        "unit": case.unit,
        "opened_at": w.at,
        **_item_values(w),
    }


def project(connection: Connection, written: Sequence[Written], lists: dict[str, list[Any]]) -> None:
    """Bring slots, stays, dues, lines and the outbox to where the effects lead. Grouped by statement for set-wise work."""
    rows: dict[Statement, list[dict[str, Any]]] = {}

    def put(statement: Statement, row: dict[str, Any]) -> None:
        rows.setdefault(statement, []).append(row)

    for w in written:
        _slots(put, w)
        for effect in w.effects:
            _PROJECT.get(effect["e"], _none)(put, w, effect)
        if lists:
            _lists(connection, put, w, lists)
    for statement in _ORDER:
        found = rows.get(statement)
        if not found:
            continue
        try:
            if len(found) == 1:
                statement.change(connection, found[0])
            else:
                statement.run_many(connection, found)
        except IntegrityError as error:
            row = found[0]
            if statement is _insert_burden:
                raise Conflict(
                    item=row["item"],
                    expected=f"nothing else fixed for {row['unit']} ({row['kind']})",
                    actual="something was at the same moment",
                ) from error
            if statement is _insert_seat:
                raise Conflict(
                    item=row["item"],
                    expected=f"place {row['n']} of {row['seat']} to be free",
                    actual="another item came to it at the same moment",
                ) from error
            if statement is not _insert_count:
                raise
            raise Conflict(
                item=row["item"],
                expected=f"{row['person']} counted {row['n'] - 1} time(s) for {row['counter']}",
                actual="another was put on record at the same moment",
            ) from error


def _slots(put: Any, w: Written) -> None:
    """Open slots before and after: a single one that moves on is one update; several go and come, so that none is written
    over another that has not moved yet."""
    rested = w.before.suspended is not w.case.suspended
    here = w.before.stays == w.case.stays and w.before.stage == w.case.stage  # a migration may rename the stage
    if w.case.stands_as(w.before) and here and not rested:
        return
    item = w.case.item
    before = {} if w.seq == 1 else {s.key: s for s in w.before.open_slots}
    after = {s.key: s for s in w.case.open_slots}
    if here:
        gone = [k for k, slot in before.items() if k not in after or _place(after[k]) != _place(slot)]
        come = [k for k, slot in after.items() if k not in before or _place(before[k]) != _place(slot)]
    else:
        gone, come = list(before), list(after)
    if len(gone) == len(come) == 1:
        put(_move_slot, {"b_item": item, "b_key": gone[0], **_slot_row(w, come[0])})
        return
    for old in gone:
        put(_delete_slot, {"b_item": item, "b_key": old})
    for new in come:
        put(_insert_slot, {"item": item, **_slot_row(w, new)})


def _place(slot: Slot) -> tuple[str, str, str]:
    return slot.unit, slot.post, slot.kind


def _slot_row(w: Written, key: str) -> dict[str, Any]:
    slot = w.case.slot(key)
    assert slot is not None
    return {
        "key": key,
        "unit": slot.unit,
        "post": slot.post,
        "kind": slot.kind,
        "stage": w.case.stage,
        "opened_at": w.at,
    }


def _entered(put: Any, w: Written, e: Effect) -> None:
    stay = {"item": w.case.item, "n": w.case.stays, "stage": e["stage"], "round": w.case.round, "entered_at": w.at}
    put(_insert_stay, {**stay, "left_at": None, "exit": None})


def _left(put: Any, w: Written, e: Effect) -> None:
    put(_leave_stay, {"b_item": w.case.item, "b_n": w.before.stays, "left_at": w.at, "exit": e["exit"]})


def _armed(put: Any, w: Written, e: Effect) -> None:
    values = {"missed_at": e["missed"], "step": e["step"], "next_at": e["next"], "state": 0 if e["next"] else 2}
    values |= {"provisional": "provisional" in e, "ladder": e["ladder"]}
    if e["rule"] in w.before.dues:
        put(_rearm_due, {"b_item": w.case.item, "b_rule": e["rule"], **values})
    else:
        if w.act in ("adopt-nodes", "migrate"):  # a set that lacked the node had cancelled it
            put(_forget_due, {"b_item": w.case.item, "b_rule": e["rule"]})
        put(_insert_due, {"item": w.case.item, "rule": e["rule"], **values})


def _ended(put: Any, w: Written, e: Effect) -> None:
    met, state = e["e"] == "due-met", _ENDED[e["e"]]
    put(
        _end_due,
        {"b_item": w.case.item, "b_rule": e["rule"], "state": state, "met_at": w.at if met else None},
    )


def _moved(put: Any, w: Written, e: Effect) -> None:
    """A due as it stands after the entry, whatever moved it: a rung, an extension, a pause, a calendar."""
    due = w.case.dues[e["rule"]]
    state = 0 if due["next"] is not None else 2
    values = {"missed_at": due["missed"], "step": due["step"], "next_at": due["next"], "state": state}
    values |= {"provisional": "provisional" in due, "ladder": due["ladder"]}
    put(_rearm_due, {"b_item": w.case.item, "b_rule": e["rule"], **values})


def _line_closed(put: Any, w: Written, e: Effect) -> None:
    where = {"b_item": w.case.item, "b_list": e["list"], "b_no": e["no"]}
    put(_close_line, {**where, "closed_seq": w.seq, "closed_at": w.at})


def _told(put: Any, w: Written, e: Effect) -> None:
    for p in e["to"]:
        if not p["person"]:
            continue
        put(
            _insert_outbox,
            {
                "dedupe": message_key(w.case.item, e["rule"], e["step"], p["unit"], p["post"], p["person"]),
                "topic": e["e"],
                "recipient": p["person"],
                "payload": canonical.write({"item": w.case.item, "rule": e["rule"], "step": e["step"], "to": p}),
                "created_at": w.at,
                "next_try_at": e.get("tell-at", w.at),
            },
        )


KEY = 160  # characters that a message's key may have


def message_key(*words: object) -> str:
    """What a message is known by. Long names together may not fit; then the key ends with a digest of all of it."""
    key = " ".join(map(str, words))
    if len(key) <= KEY:
        return key
    return f"{key[: KEY - 33]} {digest(key.encode()).removeprefix('sha256:')[:32]}"


def _urged(put: Any, w: Written, e: Effect) -> None:
    for place in e["to"]:
        put(
            _insert_outbox,
            {
                "dedupe": message_key(w.case.item, "urged", w.seq, place["unit"], place["post"]),
                "topic": "urged",
                "recipient": f"{place['post']}@{place['unit']}",
                "payload": canonical.write({"item": w.case.item, "to": place}),
                "created_at": w.at,
                "next_try_at": e.get("tell-at", w.at),
            },
        )


def _counted(put: Any, w: Written, e: Effect) -> None:
    row = {
        "counter": e["counter"],
        "person": e.get("under", e["person"]),
        "n": e["n"],
        "item": w.case.item,
        "seq": w.seq,
    }
    row |= {"held_on": e["on"], "held_by": e["by"], "campaign": w.case.campaign, "opened": e.get("opened", "")}
    put(_insert_count, {**row, "reversed_seq": None})


def _uncounted(put: Any, w: Written, e: Effect) -> None:
    put(_reverse_count, {"b_item": w.case.item, "b_counter": e["counter"], "reversed_seq": w.seq})


def _reached(put: Any, w: Written, e: Effect) -> None:
    for p in e["to"]:
        if not p["person"]:
            continue
        facts = {"item": w.case.item, "counter": e["counter"], "times": e["times"], "opened": e["item"], "to": p}
        put(
            _insert_outbox,
            {
                "dedupe": message_key(w.case.item, e["counter"], e["item"], p["unit"], p["post"], p["person"]),
                "topic": "proposed",
                "recipient": p["person"],
                "payload": canonical.encode(facts),
                "created_at": w.at,
                "next_try_at": e.get("tell-at", w.at),
            },
        )


def _claimed(put: Any, w: Written, e: Effect) -> None:
    """What is claimed and what was found, as they stand after the entry."""
    claimed, verified = w.case.claimed, w.case.verified
    row = {"claimed": claimed.get("as", ""), "claimed_at": claimed.get("at")}
    row |= {"verified": verified.get("says", ""), "verified_at": verified.get("at")}
    row["finding"] = verified.get("finding", "")
    if w.before.claimed or w.before.verified:
        put(_update_claim, {"b_item": w.case.item, **row})
    else:
        put(_insert_claim, {"item": w.case.item, **row})


def _burden_fixed(put: Any, w: Written, e: Effect) -> None:
    if w.before.burden:
        put(_delete_burden, {"b_item": w.case.item})
    row = {"item": w.case.item, "flow": w.case.flow, "kind": e["kind"], "unit": e["unit"], "n": e["n"]}
    put(_insert_burden, {**row, "from_on": e["from"], "until_on": e["until"], "state": "fixed", "persons": 0})


def _burden_ended(put: Any, w: Written, e: Effect) -> None:
    put(_end_burden, {"b_item": w.case.item, "state": e["state"], "persons": e["persons"]})


def _seat_taken(put: Any, w: Written, e: Effect) -> None:
    put(_insert_seat, {"seat": e["seat"], "n": e["n"], "item": w.case.item})


def _seat_left(put: Any, w: Written, e: Effect) -> None:
    put(_delete_seat, {"b_item": w.case.item, "b_seat": e["seat"]})


def _words(put: Any, w: Written, e: Effect) -> None:
    """The digests of words that should be an item's own, as they were handed in last."""
    for name, figures in e.get("figures", {}).items():
        for field, digests in figures.get("words", {}).items():
            where = f"{name}.{field}"
            put(_delete_words, {"b_item": w.case.item, "b_field": where})
            row = {"item": w.case.item, "field": where, "flow": w.case.flow, "campaign": w.case.campaign}
            for no, one in enumerate(digests, start=1):
                if one:
                    put(_insert_words, {**row, "no": no, "digest": one})


def _lists(connection: Connection, put: Any, w: Written, lists: dict[str, list[Any]]) -> None:
    item = w.case.item
    for effect in w.effects:
        for name, value in effect.get("figures", {}).items() if effect["e"] == "submitted" else ():
            if name not in lists:
                continue
            closed = {r["no"]: r for r in lines(connection, item, name)} if value.get("closed") else {}
            put(_delete_lines, {"b_item": item, "b_list": name})
            for no, cells in enumerate(lists[name], start=1):
                kept = closed.get(no) if no in value.get("closed", ()) else None
                put(
                    _insert_line,
                    {
                        "item": item,
                        "list": name,
                        "no": no,
                        "cells": canonical.encode(cells),
                        "closed_seq": kept["closed_seq"] if kept else None,
                        "closed_at": kept["closed_at"] if kept else None,
                    },
                )


def _relocated(put: Any, w: Written, e: Effect) -> None:
    if "unit" in e:
        put(_move_item, {"b_item": w.case.item, "unit": e["unit"]})


def _migrated(put: Any, w: Written, e: Effect) -> None:
    put(_set_version, {"b_item": w.case.item, "definition": e["to"]})
    if "stage" in e:
        put(_rename_stay, {"b_item": w.case.item, "b_n": w.case.stays, "stage": e["stage"]})


def _passed_to(put: Any, w: Written, e: Effect) -> None:
    """Whoever is let do something, or is to read it, is told."""
    to = e.get("delegate") or e["person"]
    payload: dict[str, Any] = {"item": w.case.item, **{k: e[k] for k in ("slot", "place", "unit", "post") if k in e}}
    put(
        _insert_outbox,
        {
            "dedupe": f"{w.case.item} {e['e']} {w.seq} {to}",
            "topic": e["e"],
            "recipient": to,
            "payload": canonical.encode(payload),
            "created_at": w.at,
            "next_try_at": w.at,
        },
    )


def _none(put: Any, w: Written, e: Effect) -> None:
    return None


_ENDED = {"due-met": 1, "due-passed-on": 4, "due-cancelled": 3}
_PROJECT = {
    "entered": _entered,
    "left": _left,
    "due-armed": _armed,
    "due-met": _ended,
    "due-cancelled": _ended,
    "due-moved": _moved,
    "due-passed-on": _ended,
    "due-extended": _moved,
    "due-paused": _moved,
    "due-resumed": _moved,
    "due-reprojected": _moved,
    "line-closed": _line_closed,
    "counted": _counted,
    "count-reversed": _uncounted,
    "count-reached": _reached,
    "burden-fixed": _burden_fixed,
    "burden-ended": _burden_ended,
    "seat-taken": _seat_taken,
    "seat-left": _seat_left,
    "claimed": _claimed,
    "checked": _claimed,
    "submitted": _words,
    "moved": _relocated,
    "migrated": _migrated,
    "reminded": _told,
    "urged": _urged,
    "delegated": _passed_to,
    "handed-over": _passed_to,
    "copied": _passed_to,
    "proposed": _told,
}
_ORDER: tuple[Statement, ...] = (
    _move_item,
    _set_version,
    _rename_stay,
    _leave_stay,
    _insert_stay,
    _delete_slot,
    _move_slot,
    _insert_slot,
    _end_due,
    _rearm_due,
    _forget_due,
    _insert_due,
    _delete_lines,
    _insert_line,
    _close_line,
    _insert_count,
    _reverse_count,
    _insert_claim,
    _update_claim,
    _delete_burden,
    _insert_burden,
    _end_burden,
    _delete_seat,
    _insert_seat,
    _delete_words,
    _insert_words,
    _insert_outbox,
)


def append_chain(connection: Connection, chain: str, make: Any) -> tuple[int, bytes]:
    """Append to a chain that is no item (org, views). ``make(seq, prev)`` gives the entry's columns.

    Returns:
        The new sequence number and head.

    Raises:
        Conflict: another entry came first. Nothing of this call may be committed.
    """
    row = connection.execute(_chain_head, {"chain": chain}).first()
    seq, prev = (row[0], row[1]) if row else (0, b"")
    columns = {"chain": chain, "seq": seq + 1, "request_id": None, "request_digest": None, **make(seq + 1, prev)}
    try:
        _insert_entry.change(connection, columns)
    except IntegrityError as error:
        raise Conflict(item=chain, expected=seq, actual="a later version") from error
    if row is None:
        connection.execute(_insert_chain, {"chain": chain, "seq": 1, "head": columns["hash"]})
    else:
        done = connection.execute(
            _update_chain, {"b_chain": chain, "b_seq": seq, "seq": seq + 1, "head": columns["hash"]}
        )
        if done.rowcount != 1:
            raise Conflict(item=chain, expected=seq, actual="another version")
    return seq + 1, columns["hash"]
