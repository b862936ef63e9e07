"""What people ask: what waits for me, what is due, who reported. Read only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.evidence import canonical
from workflow.store import tables as t
from workflow.store.moves import units_then
from workflow.store.statement import Statement

_pending = (
    sa.select(
        t.slot.c.item,
        t.slot.c.key,
        t.slot.c.unit,
        t.slot.c.post,
        t.slot.c.kind,
        t.slot.c.stage,
        t.slot.c.opened_at,
        t.item.c.flow,
        t.item.c.campaign,
        t.item.c.unit.label("about"),
    )
    .join(t.item, t.item.c.id == t.slot.c.item)
    .where(t.slot.c.unit == bindparam("unit"), t.slot.c.post == bindparam("post"))
    .order_by(t.slot.c.opened_at, t.slot.c.item)
    .limit(bindparam("limit"))
)
_pending_fast = Statement(_pending)
_pending_of = (
    sa.select(*_pending.selected_columns)
    .select_from(t.slot.join(t.item, t.item.c.id == t.slot.c.item))
    .where(t.slot.c.item.in_(bindparam("items", expanding=True)))
    .order_by(t.slot.c.opened_at, t.slot.c.item, t.slot.c.key)
)
_provisional = (
    sa.select(t.due.c.item)
    .where(t.due.c.provisional, t.due.c.state.in_((0, 2)), t.due.c.item > bindparam("after"))
    .group_by(t.due.c.item)
    .order_by(t.due.c.item)
    .limit(bindparam("limit"))
)
_running = (
    sa.select(t.due.c.item, t.due.c.rule)
    .where(t.due.c.state.in_((0, 2)), t.due.c.missed_at > bindparam("at"))
    .order_by(t.due.c.item, t.due.c.rule)
)
_next_due = Statement(sa.select(sa.func.min(t.due.c.next_at)).where(sa.text("state = 0")))
_overdue = (
    sa.select(t.due.c.item, t.due.c.rule, t.due.c.missed_at, t.due.c.step, t.due.c.met_at, t.item.c.unit, t.item.c.flow)
    .join(t.item, t.item.c.id == t.due.c.item)
    .where(
        t.due.c.missed_at <= bindparam("at"),
        t.due.c.state != 3,
        sa.or_(t.due.c.met_at.is_(None), t.due.c.met_at >= t.due.c.missed_at),
    )
    .order_by(t.due.c.missed_at, t.due.c.item)
)
_items = (
    sa.select(
        t.item.c.id,
        t.item.c.unit,
        t.item.c.klass,
        t.item.c.category,
        t.item.c.opened_at,
        t.stay.c.round,
        t.stay.c.stage,
        t.stay.c.entered_at,
    )
    .join(t.stay, t.stay.c.item == t.item.c.id)
    .where(
        t.item.c.flow == bindparam("flow"),
        t.item.c.campaign == bindparam("campaign"),
        t.stay.c.entered_at <= bindparam("at"),
        sa.or_(t.stay.c.left_at.is_(None), t.stay.c.left_at > bindparam("at")),
    )
    .order_by(t.item.c.opened_at, t.item.c.id)
)
_stays_by = (
    sa.select(t.stay.c.item, t.stay.c.stage)
    .join(t.item, t.item.c.id == t.stay.c.item)
    .where(
        t.item.c.flow == bindparam("flow"),
        t.item.c.campaign == bindparam("campaign"),
        t.stay.c.entered_at <= bindparam("at"),
    )
    .order_by(t.stay.c.item, t.stay.c.n)
)
_stays = (
    sa.select(t.stay.c.n, t.stay.c.stage, t.stay.c.round, t.stay.c.entered_at, t.stay.c.left_at, t.stay.c.exit)
    .where(t.stay.c.item == bindparam("item"))
    .order_by(t.stay.c.n)
)
_returns = (
    sa.select(t.entry.c.chain, t.entry.c.at, t.entry.c.body)
    .where(t.entry.c.chain.in_(bindparam("items", expanding=True)), t.entry.c.act == "return")
    .order_by(t.entry.c.id)
)
_stays_of = (
    sa.select(t.stay.c.item, *_stays.selected_columns)
    .where(t.stay.c.item.in_(bindparam("items", expanding=True)))
    .order_by(t.stay.c.item, t.stay.c.n)
)
_fired = sa.select(t.entry.c.chain, t.entry.c.at, t.entry.c.body).where(t.entry.c.act == "fire").order_by(t.entry.c.id)
_dues_of = (
    sa.select(t.due.c.rule, t.due.c.ladder, t.due.c.missed_at, t.due.c.step, t.due.c.state, t.due.c.met_at)
    .where(t.due.c.item == bindparam("item"))
    .order_by(t.due.c.missed_at, t.due.c.id)
)
_places = sa.select(t.slot.c.item, t.slot.c.key, t.slot.c.unit, t.slot.c.post, t.slot.c.opened_at)
_waiting = _places.order_by(t.slot.c.opened_at, t.slot.c.item)
_waiting_after = (
    _places.where(sa.tuple_(t.slot.c.item, t.slot.c.key) > sa.tuple_(bindparam("item"), bindparam("key")))
    .order_by(t.slot.c.item, t.slot.c.key)
    .limit(bindparam("limit"))
)
_delegated = (  # whoever is let do something is told: these messages are kept
    sa.select(t.outbox.c.payload)
    .where(t.outbox.c.recipient == bindparam("person"), sa.text("topic IN ('delegated', 'handed-over', 'copied')"))
    .where(t.outbox.c.topic != "copied")
    .order_by(t.outbox.c.id)
)
_copied = sa.select(t.outbox.c.payload).where(t.outbox.c.recipient == bindparam("person"), t.outbox.c.topic == "copied")
_came_back = (
    sa.select(t.stay.c.item)
    .join(t.item, t.item.c.id == t.stay.c.item)
    .where(
        *(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign")),
        (t.stay.c.stage + "/" + t.stay.c.exit).in_(bindparam("exits", expanding=True)),
        t.stay.c.left_at <= bindparam("at"),
    )
)
_closings = (
    sa.select(t.stay.c.item, sa.func.min(t.stay.c.entered_at))
    .join(t.item, t.item.c.id == t.stay.c.item)
    .where(
        t.item.c.flow == bindparam("flow"),
        t.item.c.campaign == bindparam("campaign"),
        t.stay.c.stage.in_(bindparam("stages", expanding=True)),
        t.stay.c.entered_at <= bindparam("at"),
    )
    .group_by(t.stay.c.item)
)
_acted = (
    sa.select(t.item.c.id)
    .where(
        sa.exists().where(
            t.entry.c.chain == t.item.c.id, t.entry.c.at >= bindparam("since"), t.entry.c.at < bindparam("until")
        )
    )
    .order_by(t.item.c.id)
)
_flows_of = sa.select(t.item.c.id, t.item.c.flow, t.item.c.definition).where(
    t.item.c.id.in_(bindparam("items", expanding=True))
)
_units_of = sa.select(t.item.c.id, t.item.c.unit).where(t.item.c.id.in_(bindparam("items", expanding=True)))
_snapshots = sa.select(t.item.c.id, t.item.c.snapshot).where(
    t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign")
)
_any_of = sa.select(t.item.c.id).where(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign"))
_of_campaign = (
    sa.select(t.item.c.id, t.item.c.unit)
    .where(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign"))
    .order_by(t.item.c.opened_at, t.item.c.id)
)
_contradictions = (
    sa.select(t.entry.c.chain, t.entry.c.body)
    .where(sa.text(t.MARKS), t.entry.c.act == "contradict", t.entry.c.at <= bindparam("at"))
    .order_by(t.entry.c.chain, t.entry.c.seq)
)
_checks = (
    sa.select(t.entry.c.chain, t.entry.c.body)
    .where(sa.text(t.CHECKS), t.entry.c.at <= bindparam("at"))
    .order_by(t.entry.c.chain, t.entry.c.seq)
)
_contradicted = (
    sa.select(t.item.c.id, t.item.c.unit, sa.func.max(t.entry.c.at).label("at"))
    .join(t.entry, t.entry.c.chain == t.item.c.id)
    .where(
        sa.text(f"wf_entry.{t.MARKS}"),
        t.entry.c.act == "contradict",
        t.entry.c.at <= bindparam("at"),
        t.item.c.flow == bindparam("flow"),
        t.item.c.campaign == bindparam("campaign"),
    )
    .group_by(t.item.c.id, t.item.c.unit)
    .order_by(t.item.c.id)
)
_claims = (
    sa.select(
        *(t.claim.c.item, t.item.c.unit, t.claim.c.claimed, t.claim.c.claimed_at),
        *(t.claim.c.verified, t.claim.c.verified_at, t.claim.c.finding),
    )
    .join(t.item, t.item.c.id == t.claim.c.item)
    .where(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign"))
    .order_by(t.item.c.opened_at, t.item.c.id)
)
_size = sa.select(
    sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(t.entry.c.body) + sa.func.length(t.entry.c.seal)), 0)
).select_from(t.entry)


def pending(connection: Connection, awaited: Iterable[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
    """Open slots of posts at units, oldest first within each."""
    found: list[dict[str, Any]] = []
    for unit, post in awaited:
        rows = _pending_fast.run(connection, {"unit": unit, "post": post, "limit": limit - len(found)})
        names = tuple(rows.keys())
        found += [dict(zip(names, row, strict=True)) for row in rows]
        if len(found) >= limit:
            break
    return found


def provisional(connection: Connection, after: str, limit: int) -> list[str]:
    """Items with a date that a calendar still to come may move, in order of their ids, beginning after one."""
    return list(connection.execute(_provisional, {"after": after, "limit": limit}).scalars())


def running(connection: Connection, at: int, ending: str = "") -> dict[str, list[str]]:
    """Items with dues whose date has not passed at an instant, and the rules of these: all, or those
    that end so."""
    found: dict[str, list[str]] = {}
    for item, rule in connection.execute(_running, {"at": at}):
        if rule.endswith(ending):
            found.setdefault(item, []).append(rule)
    return found


def next_due(connection: Connection) -> int | None:
    """The earliest moment at which any rung fires."""
    row = _next_due.one(connection, {})
    return None if row is None else row[0]


def overdue(connection: Connection, at: int) -> list[dict[str, Any]]:
    """Every due missed by then, met late or not met, from the dues and the moment asked for alone; each with the unit its
    item was about then."""
    return _as_of(connection, connection.execute(_overdue, {"at": at}), at, "item")


def _as_of(connection: Connection, found: Iterable[Any], at: int, name: str) -> list[dict[str, Any]]:
    """Rows about items, ``name`` the column of the item, with the unit that each was about at an instant."""
    then = units_then(connection, at)
    rows = [dict(r._mapping) for r in found]
    return [{**r, "unit": then[r[name]]} if r[name] in then else r for r in rows] if then else rows


def items_at(connection: Connection, flow: str, campaign: str, at: int) -> list[dict[str, Any]]:
    """Items of a flow as they stood at an instant, about the unit of then, in order of opening."""
    found = connection.execute(_items, {"flow": flow, "campaign": campaign, "at": at})
    return _as_of(connection, found, at, "id")


def stays_by(connection: Connection, flow: str, campaign: str, at: int) -> Sequence[Any]:
    """Every stage that items of a flow had come to by an instant: item, stage; by item, in order."""
    return connection.execute(_stays_by, {"flow": flow, "campaign": campaign, "at": at}).all()


def stays(connection: Connection, item: str) -> list[dict[str, Any]]:
    """The stages an item went through, in order."""
    return [dict(r._mapping) for r in connection.execute(_stays, {"item": item})]


def returns(connection: Connection, items: Sequence[str]) -> Sequence[Any]:
    """The entries that sent items back, in the order they were written: chain, at, body."""
    return connection.execute(_returns, {"items": list(items)}).all() if items else ()


def stays_of(connection: Connection, wanted: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The same of some items: item -> its stages."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item, *stay in connection.execute(_stays_of, {"items": list(wanted)}):
        found.setdefault(item, []).append(dict(zip(_stays.selected_columns.keys(), stay, strict=True)))
    return found


def fired(connection: Connection) -> Sequence[Any]:
    """The entries of rungs that fired, in the order they were written: chain, at, body."""
    return connection.execute(_fired).all()


def dues_of(connection: Connection, item: str) -> Sequence[Any]:
    """Every due an item ever had: rule, ladder, missed_at, step, state, met_at."""
    return connection.execute(_dues_of, {"item": item}).all()


def units_of(connection: Connection, wanted: Sequence[str]) -> dict[str, str]:
    """The unit of each item."""
    return {r.id: r.unit for r in connection.execute(_units_of, {"items": list(wanted)})}


def flows_of(connection: Connection, some: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The flow of each of some items and the digest of its version: ``(item, flow, digest)``."""
    for start in range(0, len(some), 500):
        for row in connection.execute(_flows_of, {"items": list(some[start : start + 500])}):
            yield row.id, row.flow, row.definition


def said(connection: Connection, flow: str, campaign: str, *names: str) -> dict[str, dict[str, Any]]:
    """What each item of a flow and campaign holds now under some names of its case, read in one statement; what is empty is
    not there."""
    found = connection.execute(_snapshots, {"flow": flow, "campaign": campaign})
    return {r.id: {n: v for n, v in canonical.read(r.snapshot).items() if n in names} for r in found}


def any_of(connection: Connection, flow: str, campaign: str) -> bool:
    """Whether any item of a flow was ever opened for a campaign."""
    return connection.execute(_any_of.limit(1), {"flow": flow, "campaign": campaign}).first() is not None


def of_campaign(connection: Connection, flow: str, campaign: str) -> dict[str, str]:
    """The items of a flow and campaign in order of opening: item -> unit."""
    return {r.id: r.unit for r in connection.execute(_of_campaign, {"flow": flow, "campaign": campaign})}


def contradicted_by(connection: Connection, finding: str, at: int) -> list[str]:
    """The reports that were contradicted by a finding by an instant, each once. Reads the contradictions alone, which are
    few."""
    rows = connection.execute(_contradictions, {"at": at})
    return list({r.chain: None for r in rows if _finding(r.body) == finding})


def contradicted(connection: Connection, flow: str, campaign: str, at: int) -> list[tuple[str, str, int]]:
    """The reports of a campaign that were contradicted by an instant, their units, and when: few, if any."""
    asked = {"flow": flow, "campaign": campaign, "at": at}
    return [(r.id, r.unit, r.at) for r in connection.execute(_contradicted, asked)]


def checked_by(connection: Connection, finding: str, at: int) -> list[str]:
    """The items about which a finding was put on record by an instant, each once. Reads the records of checks alone."""
    rows = connection.execute(_checks, {"at": at})
    return list({r.chain: None for r in rows if _finding(r.body) == finding})


def began(connection: Connection, flow: str, campaign: str) -> int | None:
    """The moment the first item of a flow was opened in a campaign; None where none was."""
    asked = sa.select(sa.func.min(t.item.c.opened_at)).where(t.item.c.flow == flow, t.item.c.campaign == campaign)
    return connection.execute(asked).scalar()


def successors(connection: Connection) -> set[str]:
    """The units to which the work of a dissolved one went."""
    return set(connection.execute(sa.select(t.succession.c.successor).distinct()).scalars())


def claims(connection: Connection, flow: str, campaign: str) -> Sequence[Any]:
    """What is claimed and found of the items of a flow and campaign, as it stands now, in order of opening."""
    return connection.execute(_claims, {"flow": flow, "campaign": campaign}).all()


def _finding(body: bytes) -> str:
    return str(canonical.read(body)["act"].get("finding", ""))


def waiting(connection: Connection) -> list[dict[str, Any]]:
    """Every place that waits: item, key, unit, post, opened_at; the longest waiting first."""
    return [dict(r._mapping) for r in connection.execute(_waiting)]


def waiting_after(connection: Connection, after: tuple[str, str], limit: int) -> list[dict[str, Any]]:
    """The next places that wait, in order of item and key, behind one of them."""
    rows = connection.execute(_waiting_after, {"item": after[0], "key": after[1], "limit": limit})
    return [dict(r._mapping) for r in rows]


def pending_of(connection: Connection, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Open slots of some items, as ``pending`` gives them."""
    rows = connection.execute(_pending_of, {"items": list(wanted)}) if wanted else ()
    return [dict(r._mapping) for r in rows]


def delegated_to(connection: Connection, person: str) -> list[str]:
    """Items of which a place was ever delegated to a person, or handed over to them."""
    rows = connection.execute(_delegated, {"person": person}).scalars()
    return list(dict.fromkeys(canonical.read(payload)["item"] for payload in rows))


def closings(connection: Connection, flow: str, campaign: str, stages: Sequence[str], at: int) -> dict[str, int]:
    """item -> when it first came to one of these stages, by an instant."""
    values = {"flow": flow, "campaign": campaign, "stages": list(stages), "at": at}
    return {r[0]: r[1] for r in connection.execute(_closings, values)}


def came_back(connection: Connection, flow: str, campaign: str, exits: Sequence[str], at: int) -> set[str]:
    """The items that left a tracked stage by one of these ways, by an instant; ``exits`` as ``stage/exit``."""
    if not exits:
        return set()
    values = {"flow": flow, "campaign": campaign, "exits": list(exits), "at": at}
    return set(connection.execute(_came_back, values).scalars())


def copied_to(connection: Connection, person: str, item: str) -> bool:
    """Whether a copy of an item was ever sent to a person."""
    rows = connection.execute(_copied, {"person": person}).scalars()
    return any(canonical.read(payload)["item"] == item for payload in rows)


def acted_between(connection: Connection, since: int, until: int) -> list[str]:
    """Items on which something was recorded from one moment to another (exclusive), in order of their ids."""
    return list(connection.execute(_acted, {"since": since, "until": until}).scalars())


def size(connection: Connection) -> tuple[int, int]:
    """How many entries there are, and how many bytes of bodies and seals."""
    row = connection.execute(_size).one()
    return int(row[0]), int(row[1])
