"""Items and their entries, read: one under its lock, several, what is known of them. ``appending`` writes them.

All statements are built once. PostgreSQL adds ``FOR UPDATE``; our own SQLite engines write under ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.case import Case, Effect, stands
from workflow.case import ending as case_ending
from workflow.errors import Unknown
from workflow.evidence import canonical
from workflow.store import tables as t
from workflow.store.statement import About, Statement

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
