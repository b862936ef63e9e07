"""What an act led to, stored: the entry, the item as it stands after it, and everything projected from that.

A write of an item is guarded by its version (``seq``); a lost race raises and never overwrites. Several items at once go
set-wise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from workflow.case import Case, Effect, Slot
from workflow.errors import Conflict, Said
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.store import tables as t
from workflow.store.items import lines
from workflow.store.statement import Insert, Statement, Update

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
# the same where only the next rung is another: what is not named is not written anew
_step_due = Update(t.due, {"b_item": "item", "b_rule": "rule"}, ("step", "next_at", "state"), attempts=0)
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
    were, are = [] if w.seq == 1 else w.before.open_slots, w.case.open_slots
    if len(were) == len(are) == 1:  # nearly every signature
        (one,), (other,) = were, are
        if not here or one.key != other.key or _place(one) != _place(other):
            put(_move_slot, {"b_item": item, "b_key": one.key, **_slot_row(w, other)})
        return
    before, after = {s.key: s for s in were}, {s.key: s for s in are}
    if here:
        gone = [k for k, slot in before.items() if k not in after or _place(after[k]) != _place(slot)]
        come = [k for k, slot in after.items() if k not in before or _place(before[k]) != _place(slot)]
    else:
        gone, come = list(before), list(after)
    if len(gone) == len(come) == 1:
        put(_move_slot, {"b_item": item, "b_key": gone[0], **_slot_row(w, after[come[0]])})
        return
    for old in gone:
        put(_delete_slot, {"b_item": item, "b_key": old})
    for new in come:
        put(_insert_slot, {"item": item, **_slot_row(w, after[new])})


def _place(slot: Slot) -> tuple[str, str, str]:
    return slot.unit, slot.post, slot.kind


def _slot_row(w: Written, slot: Slot) -> dict[str, Any]:
    return {
        "key": slot.key,
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
    """A due as it stands after the entry, whatever moved it: an extension, a pause, a calendar."""
    due = w.case.dues[e["rule"]]
    state = 0 if due["next"] is not None else 2
    values = {"missed_at": due["missed"], "step": due["step"], "next_at": due["next"], "state": state}
    values |= {"provisional": "provisional" in due, "ladder": due["ladder"]}
    put(_rearm_due, {"b_item": w.case.item, "b_rule": e["rule"], **values})


def _stepped(put: Any, w: Written, e: Effect) -> None:
    """A due whose rung fired."""
    if "provisional" in e:
        _moved(put, w, e)
        return
    where = {"b_item": w.case.item, "b_rule": e["rule"]}
    put(_step_due, {**where, "step": e["step"], "next_at": e["next"], "state": 0 if e["next"] is not None else 2})


def _line_closed(put: Any, w: Written, e: Effect) -> None:
    where = {"b_item": w.case.item, "b_list": e["list"], "b_no": e["no"]}
    put(_close_line, {**where, "closed_seq": w.seq, "closed_at": w.at})


def _told(put: Any, w: Written, e: Effect) -> None:
    moved = [e["moved"]] if "moved" in e else []  # the same rung of the version before had another key
    for p in e["to"]:
        if not p["person"]:
            continue
        put(
            _insert_outbox,
            {
                "dedupe": message_key(w.case.item, e["rule"], e["step"], p["unit"], p["post"], p["person"], *moved),
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
    key = " ".join([str(word) for word in words])
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
    "due-moved": _stepped,
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
    _step_due,
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


def forget_lines(connection: Connection, lists: Iterable[tuple[str, str]]) -> None:
    """Remove the lines of lists whose document was removed on record: each an item and the list's name."""
    for item, name in lists:
        _delete_lines.run(connection, {"b_item": item, "b_list": name})


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
