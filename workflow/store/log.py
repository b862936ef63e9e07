"""The log's tables: which entries are in it, at which index, and the few nodes that proofs are made of.

Entries are found *by visibility*: an entry whose transaction commits late has a lower id than others that are in the log
already, so ``id > last`` would lose it. Ids that were not visible when later ones were are kept as gaps and looked at
again every time. The entry row itself is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from workflow.errors import Conflict
from workflow.store import tables as t

TILE = 256
WIDE = 1_000  # ids asked for in one statement; a gap that is wider is asked for as a range


class Epoch(NamedTuple):
    """One tree over all entries. ``frontier`` is that of ``size`` leaves; every entry up to ``low`` is in it or in a gap."""

    epoch: int
    origin: str
    algorithm: str
    opened_seq: int | None
    previous: str | None
    size: int
    frontier: bytes
    low: int


class Gap(NamedTuple):
    """Ids from ``first`` to ``last``, both included, none of which was visible."""

    first: int
    last: int


class Leaf(NamedTuple):
    """A leaf with the entry that it stands for; the entry's columns are None when there is none."""

    idx: int
    leaf: bytes
    entry: int
    chain: str | None
    seq: int | None
    body: bytes | None
    seal: bytes | None
    hash: bytes | None


class Stored(NamedTuple):
    """A signed checkpoint."""

    epoch: int
    size: int
    root: bytes
    at: int
    note: str


_e, _l = t.entry.c, t.log_leaf.c
_epochs = sa.select(*(t.log_epoch.c[name] for name in Epoch._fields)).order_by(t.log_epoch.c.epoch)
_newest = sa.select(*(t.log_epoch.c[name] for name in Epoch._fields)).order_by(t.log_epoch.c.epoch.desc()).limit(1)
_after = sa.select(_e.id).where(_e.id > bindparam("low")).order_by(_e.id).limit(bindparam("most"))
_among = sa.select(_e.id).where(_e.id.in_(bindparam("ids", expanding=True)))
_between = sa.select(_e.id).where(_e.id.between(bindparam("first"), bindparam("last"))).order_by(_e.id)
_by_id = (
    sa.select(_e.id, _e.chain, _e.seq, _e.body, _e.seal, _e.hash)
    .where(_e.id.in_(bindparam("ids", expanding=True)))
    .order_by(_e.id)
)
_gaps = (
    sa.select(t.log_gap.c.first, t.log_gap.c.last)
    .where(t.log_gap.c.epoch == bindparam("epoch"))
    .order_by(t.log_gap.c.first)
)
_drop_gap = t.log_gap.delete().where(
    t.log_gap.c.epoch == bindparam("b_epoch"), t.log_gap.c.first == bindparam("b_first")
)
_grow = (
    t.log_epoch.update()
    .where(
        t.log_epoch.c.epoch == bindparam("b_epoch"),
        t.log_epoch.c.size == bindparam("b_size"),
        t.log_epoch.c.low == bindparam("b_low"),
    )
    .values(size=bindparam("size"), frontier=bindparam("frontier"), low=bindparam("low"))
)
_unnest_leaves = sa.text(  # one statement rather than one for each leaf
    "INSERT INTO wf_log_leaf (epoch, idx, entry, leaf) SELECT CAST(:epoch AS integer), u.* FROM "
    "unnest(CAST(:idx AS bigint[]), CAST(:entry AS bigint[]), CAST(:leaf AS bytea[])) AS u"
)
_leaf_tile = (
    sa.select(_l.leaf)
    .where(_l.epoch == bindparam("epoch"), _l.idx >= bindparam("first"), _l.idx < bindparam("last"))
    .order_by(_l.idx)
)
_node_tile = (
    sa.select(t.log_node.c.hash)
    .where(
        t.log_node.c.epoch == bindparam("epoch"),
        t.log_node.c.level == bindparam("level"),
        t.log_node.c.idx >= bindparam("first"),
        t.log_node.c.idx < bindparam("last"),
    )
    .order_by(t.log_node.c.idx)
)
_nodes = (
    sa.select(t.log_node.c.level, t.log_node.c.idx, t.log_node.c.hash)
    .where(t.log_node.c.epoch == bindparam("epoch"))
    .order_by(t.log_node.c.level, t.log_node.c.idx)
)
_leaves = (
    sa.select(_l.idx, _l.leaf, _l.entry, _e.chain, _e.seq, _e.body, _e.seal, _e.hash)
    .select_from(t.log_leaf.outerjoin(t.entry, _e.id == _l.entry))
    .where(_l.epoch == bindparam("epoch"), _l.idx >= bindparam("first"), _l.idx < bindparam("last"))
    .order_by(_l.idx)
)
_beyond = sa.select(_l.idx).where(_l.epoch == bindparam("epoch"), _l.idx >= bindparam("size")).limit(1)
_placed = (
    sa.select(_e.chain, _e.seq, _l.idx, _l.leaf)
    .select_from(t.entry.join(t.log_leaf, _l.entry == _e.id))
    .where(_l.epoch == bindparam("epoch"), sa.tuple_(_e.chain, _e.seq).in_(bindparam("places", expanding=True)))
)
_stored = sa.select(*(t.checkpoint.c[name] for name in Stored._fields))
_checkpoints = _stored.where(t.checkpoint.c.epoch == bindparam("epoch")).order_by(t.checkpoint.c.size)
_checkpoint = _stored.where(t.checkpoint.c.epoch == bindparam("epoch"), t.checkpoint.c.size == bindparam("size"))
_newest_checkpoint = _stored.order_by(t.checkpoint.c.epoch.desc(), t.checkpoint.c.size.desc()).limit(1)
_cosignatures = (
    sa.select(t.cosignature.c.size, t.cosignature.c.witness, t.cosignature.c.line)
    .where(t.cosignature.c.epoch == bindparam("epoch"))
    .order_by(t.cosignature.c.size, t.cosignature.c.witness)
)
_cosigned = sa.select(sa.func.max(t.cosignature.c.size)).where(
    t.cosignature.c.epoch == bindparam("epoch"), t.cosignature.c.witness == bindparam("witness")
)
_tops = (
    sa.select(_e.chain, sa.func.max(_e.seq).label("top"))
    .select_from(t.entry.join(t.log_leaf, _l.entry == _e.id))
    .where(_l.epoch == bindparam("epoch"), _l.idx < bindparam("size"), _e.at <= bindparam("at"))
    .group_by(_e.chain)
    .subquery()
)
_heads = (
    sa.select(_e.chain, _e.seq, _e.body, _e.seal, _l.leaf)
    .select_from(
        t.entry.join(_tops, (_e.chain == _tops.c.chain) & (_e.seq == _tops.c.top)).join(t.log_leaf, _l.entry == _e.id)
    )
    .where(_l.epoch == bindparam("epoch"))
)
_outside = (
    sa.select(_e.id, _e.chain, _e.seq)
    .where(~sa.exists().where(_l.epoch == bindparam("epoch"), _l.entry == _e.id))
    .order_by(_e.id)
)
_last = sa.select(_e.at).order_by(_e.id.desc()).limit(100).subquery()
_last_moment = sa.select(sa.func.max(_last.c.at))
_chain_entry = sa.select(_e.body, _e.seal).where(_e.chain == bindparam("chain"), _e.seq == bindparam("seq"))


# --- epochs ---------------------------------------------------------------------------------------------------------


def newest_epoch(connection: Connection, *, lock: bool = False) -> Epoch | None:
    """The epoch that grows; None before the log was begun. With ``lock`` nobody else appends until the transaction ends."""
    row = connection.execute(_newest.with_for_update() if lock else _newest).first()
    return Epoch(*row) if row else None


def epochs(connection: Connection) -> list[Epoch]:
    """All epochs, the first one first."""
    return [Epoch(*row) for row in connection.execute(_epochs)]


def open_epoch(connection: Connection, epoch: Epoch) -> None:
    """Begin a tree. It is empty; the sequencer fills it with every entry there is."""
    connection.execute(t.log_epoch.insert(), epoch._asdict())


# --- appending ------------------------------------------------------------------------------------------------------


def visible(connection: Connection, epoch: Epoch, most: int) -> tuple[list[int], list[int]]:
    """The ids of entries that are not in the log: those in gaps, and those after ``low``; at most ``most`` together, the
    lowest ones, in order.

    An entry continues only what was committed before it was written, and that has a lower id. So ids are read from the
    highest down: whatever an entry continues is visible by the time it is looked for.
    """
    after = list(connection.execute(_after, {"low": epoch.low, "most": most}).scalars())
    late: list[int] = []
    single: list[int] = []
    for gap in reversed(gaps(connection, epoch.epoch)):
        if gap.last - gap.first >= WIDE:
            late += _looked_for(connection, single)
            single = []
            late += connection.execute(_between, gap._asdict()).scalars()
        else:
            single += range(gap.last, gap.first - 1, -1)
    late += _looked_for(connection, single)
    late = sorted(late)[:most]
    return late, after[: most - len(late)]


def _looked_for(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Which of these ids (descending) are visible now."""
    found: list[int] = []
    for start in range(0, len(ids), WIDE):
        found += connection.execute(_among, {"ids": ids[start : start + WIDE]}).scalars()
    return found


def entries(connection: Connection, ids: Sequence[int]) -> list[Any]:
    """Entries by their ids, in that order: id, chain, seq, body, seal, hash."""
    return list(connection.execute(_by_id, {"ids": list(ids)})) if ids else []


def gaps(connection: Connection, epoch: int) -> list[Gap]:
    """The gaps of an epoch, in order."""
    return [Gap(*row) for row in connection.execute(_gaps, {"epoch": epoch})]


def grow(
    connection: Connection,
    before: Epoch,
    after: Epoch,
    leaves: Sequence[tuple[int, bytes]],
    nodes: Iterable[tuple[int, int, bytes]],
    gaps_gone: Iterable[Gap],
    gaps_new: Iterable[Gap],
) -> None:
    """Append leaves (entry's id, leaf hash) to the newest epoch, and all that follows from it.

    Raises:
        Conflict: the log is not as it was read. Nothing of this call may be committed.
    """
    epoch = before.epoch
    try:
        _insert_leaves(connection, epoch, before.size, leaves)
    except IntegrityError as error:
        raise Conflict(item=f"log epoch {epoch}", expected=before.size, actual="leaves beyond it") from error
    kept = [{"epoch": epoch, "level": level, "idx": idx, "hash": node} for level, idx, node in nodes]
    if kept:
        connection.execute(t.log_node.insert(), kept)
    gone = [{"b_epoch": epoch, "b_first": gap.first} for gap in gaps_gone]
    if gone:
        connection.execute(_drop_gap, gone)
    new = [{"epoch": epoch, "first": gap.first, "last": gap.last} for gap in gaps_new]
    if new:
        connection.execute(t.log_gap.insert(), new)
    guard = {"b_epoch": epoch, "b_size": before.size, "b_low": before.low}
    grown = connection.execute(_grow, {**guard, "size": after.size, "frontier": after.frontier, "low": after.low})
    if grown.rowcount != 1:
        raise Conflict(item=f"log epoch {epoch}", expected=before.size, actual="another size")


def _insert_leaves(connection: Connection, epoch: int, size: int, leaves: Sequence[tuple[int, bytes]]) -> None:
    if not leaves:
        return
    if connection.dialect.name == "postgresql":
        columns = {"idx": list(range(size, size + len(leaves))), "entry": [e for e, _ in leaves]}
        connection.execute(_unnest_leaves, {"epoch": epoch, **columns, "leaf": [leaf for _, leaf in leaves]})
    else:
        rows = [{"epoch": epoch, "idx": size + n, "entry": e, "leaf": leaf} for n, (e, leaf) in enumerate(leaves)]
        connection.execute(t.log_leaf.insert(), rows)


# --- reading --------------------------------------------------------------------------------------------------------


def tile(connection: Connection, epoch: int, level: int, number: int) -> list[bytes]:
    """Up to 256 hashes of a kept level (0, 8, 16 ...), from ``number * 256`` on."""
    span = {"epoch": epoch, "first": number * TILE, "last": (number + 1) * TILE}
    if level == 0:
        return list(connection.execute(_leaf_tile, span).scalars())
    return list(connection.execute(_node_tile, {**span, "level": level}).scalars())


def nodes(connection: Connection, epoch: int) -> dict[tuple[int, int], bytes]:
    """All kept nodes of an epoch by level and index."""
    return {(r.level, r.idx): r.hash for r in connection.execute(_nodes, {"epoch": epoch})}


def leaves(connection: Connection, epoch: int, first: int, last: int, portion: int = 2_000) -> Iterator[list[Leaf]]:
    """The leaves from index ``first`` up to, not including, ``last``, with their entries, in portions."""
    while first < last:
        span = {"epoch": epoch, "first": first, "last": min(last, first + portion)}
        rows = [Leaf(*row) for row in connection.execute(_leaves, span)]
        if rows:
            yield rows
        first += portion


def moments(connection: Connection, epoch: int) -> Iterator[tuple[int, str, int, int]]:
    """Of every leaf that is new in an epoch, in order: index, chain and number of its entry, and the moment that it says."""
    earlier = sa.alias(t.log_leaf)
    taken_over = sa.select(earlier.c.idx).where(earlier.c.epoch < epoch, earlier.c.entry == t.entry.c.id).exists()
    query = sa.select(_l.idx, _e.chain, _e.seq, _e.at).join(t.entry, _e.id == _l.entry)
    query = query.where(_l.epoch == epoch, *([~taken_over] if epoch > 1 else []))
    rows = connection.execute(query.order_by(_l.idx).execution_options(yield_per=2_000))
    for row in rows:
        yield row.idx, row.chain, row.seq, row.at


def placed(
    connection: Connection, epoch: int, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[int, bytes]]:
    """Index and leaf of entries given as (chain, seq); those not in the log are left out."""
    found = connection.execute(_placed, {"epoch": epoch, "places": list(places)}) if places else ()
    return {(r.chain, r.seq): (r.idx, r.leaf) for r in found}


def entry(connection: Connection, chain: str, seq: int) -> tuple[bytes, bytes] | None:
    """Body and seal of one entry."""
    row = connection.execute(_chain_entry, {"chain": chain, "seq": seq}).first()
    return (row.body, row.seal) if row else None


def last_moment(connection: Connection) -> int:
    """When the newest entries were made, microseconds UTC; 0 where there are none."""
    return int(connection.execute(_last_moment).scalar() or 0)


def beyond(connection: Connection, epoch: int, size: int) -> bool:
    """Whether there are leaves that the epoch's size does not count."""
    return connection.execute(_beyond, {"epoch": epoch, "size": size}).first() is not None


def strays(connection: Connection, epochs: Iterable[int]) -> list[str]:
    """Tables of the log with rows of other epochs than these."""
    known = list(epochs)
    found = []
    for table in (t.log_leaf, t.log_node, t.log_gap, t.checkpoint, t.cosignature):
        query = sa.select(table.c.epoch).where(table.c.epoch.not_in(known)).limit(1)
        if connection.execute(query).first() is not None:
            found.append(table.name)
    return found


def heads(connection: Connection, epoch: int, size: int, at: int) -> Iterator[Any]:
    """The last entry of every chain among the first ``size`` leaves that is not later than ``at``: chain, seq, body,
    seal, leaf. In no order."""
    return iter(connection.execute(_heads, {"epoch": epoch, "size": size, "at": at}))


def outside(connection: Connection, epoch: int) -> Iterator[Any]:
    """Every entry that is not in an epoch: id, chain, seq. Reads the whole table."""
    return iter(connection.execute(_outside, {"epoch": epoch}))


# --- checkpoints ----------------------------------------------------------------------------------------------------


def add_checkpoint(connection: Connection, stored: Stored) -> bool:
    """Keep a signed checkpoint; False when there is one of that size already."""
    if checkpoint(connection, stored.epoch, stored.size) is not None:
        return False
    connection.execute(t.checkpoint.insert(), stored._asdict())
    return True


def checkpoint(connection: Connection, epoch: int, size: int) -> Stored | None:
    row = connection.execute(_checkpoint, {"epoch": epoch, "size": size}).first()
    return Stored(*row) if row else None


def checkpoints(connection: Connection, epoch: int) -> list[Stored]:
    """The checkpoints of an epoch, by size."""
    return [Stored(*row) for row in connection.execute(_checkpoints, {"epoch": epoch})]


def newest_checkpoint(connection: Connection) -> Stored | None:
    """The largest checkpoint of the newest epoch that has one."""
    row = connection.execute(_newest_checkpoint).first()
    return Stored(*row) if row else None


def add_cosignature(connection: Connection, epoch: int, size: int, witness: str, line: str) -> bool:
    """Keep a witness's signature line; False when it signed that checkpoint before."""
    if any(row.witness == witness for row in cosignatures(connection, epoch) if row.size == size):
        return False
    connection.execute(t.cosignature.insert(), {"epoch": epoch, "size": size, "witness": witness, "line": line})
    return True


def cosignatures(connection: Connection, epoch: int) -> list[Any]:
    """All cosignatures of an epoch: size, witness, line."""
    return list(connection.execute(_cosignatures, {"epoch": epoch}))


def cosigned_size(connection: Connection, epoch: int, witness: str) -> int:
    """The largest size that a witness cosigned; 0 when it never did."""
    return int(connection.execute(_cosigned, {"epoch": epoch, "witness": witness}).scalar() or 0)
