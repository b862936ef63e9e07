"""Messages waiting to be handed over: claimed for a while, grouped into notices for good, marked when sent.

A claim is an UPDATE that moves the next try ahead: a process that dies leaves its messages to the next one. Which
messages went into a notice is written down before it is sent, so that a second try sends exactly the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

_o = t.outbox.c
_columns = (_o.id, _o.dedupe, _o.topic, _o.recipient, _o.payload, _o.created_at, _o.attempts, _o.notice)
_waits = sa.and_(
    sa.text("sent_at IS NULL"),
    _o.next_try_at <= bindparam("at"),
    # a message that belongs to a notice goes with it; a new one waits for the end of its cycle
    sa.or_(_o.notice.is_not(None), _o.created_at < bindparam("cut")),
)
# Whose messages go next is read from those that have waited longest, so many at most: with a million waiting, grouping them
# all at each claim would take seconds.
_longest = (
    sa.select(_o.recipient, _o.next_try_at)
    .where(_waits)
    .order_by(_o.next_try_at, _o.id)
    .limit(bindparam("window"))
    .subquery()
)
_recipients = (
    sa.select(_longest.c.recipient)
    .group_by(_longest.c.recipient)
    .order_by(sa.func.min(_longest.c.next_try_at), _longest.c.recipient)
    .limit(bindparam("limit"))
)
# One by one, a claim looks at no more than it takes.
_first = (
    sa.select(_o.id, _o.notice)
    .where(_waits)
    .order_by(_o.next_try_at, _o.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_fellows = (
    sa.select(_o.id, _o.notice)
    .where(_o.notice.in_(bindparam("notices", expanding=True)), sa.text("sent_at IS NULL"))
    .with_for_update(skip_locked=True)
)
_whose = _o.recipient.in_(bindparam("recipients", expanding=True))
# Whoever holds the first message of a recipient claims them all; locked each for itself, two processes got some each, and
# sent two notices in one cycle.
_heads = (
    sa.select(_o.recipient)
    .where(_waits, _o.id.in_(sa.select(sa.func.min(_o.id)).where(_waits, _whose).group_by(_o.recipient)))
    .order_by(_o.id)
    .with_for_update(skip_locked=True)
)
_theirs = sa.select(_o.id).where(_waits, _whose).order_by(_o.id).with_for_update(skip_locked=True)
_members = (
    sa.select(_o.notice, sa.func.count())
    .where(_o.notice.in_(bindparam("notices", expanding=True)), sa.text("sent_at IS NULL"))
    .group_by(_o.notice)
)
_claim = (
    t.outbox.update()
    .where(_o.id.in_(bindparam("ids", expanding=True)), sa.text("sent_at IS NULL"))
    .values(attempts=_o.attempts + 1, next_try_at=bindparam("until"))
    .returning(*_columns)
)
_name = t.outbox.update().where(_o.id == bindparam("b_id")).values(notice=bindparam("name"))
_sent = (
    t.outbox.update().where(_o.notice == bindparam("name"), sa.text("sent_at IS NULL")).values(sent_at=bindparam("at"))
)
_later = (
    t.outbox.update()
    .where(_o.notice == bindparam("name"), sa.text("sent_at IS NULL"))
    .values(next_try_at=bindparam("next_at"))
)
_put_off = (
    t.outbox.update()
    .where(_o.notice == bindparam("name"), sa.text("sent_at IS NULL"))
    .values(next_try_at=bindparam("next_at"), attempts=_o.attempts - 1)
)
_stuck = (
    sa.select(_o.recipient, sa.func.count(), sa.func.max(_o.attempts))
    .where(sa.text("sent_at IS NULL"), _o.attempts >= bindparam("attempts"))
    .group_by(_o.recipient)
    .order_by(_o.recipient)
)
_untried = (
    sa.select(_o.recipient, _o.next_try_at)
    .where(sa.text("sent_at IS NULL"), _o.next_try_at <= bindparam("before"), _o.attempts == 0)
    .order_by(_o.next_try_at, _o.id)
    .limit(bindparam("limit"))
)
SOME = 500
WINDOW = 10_000  # messages that a claim by recipients looks at to see whose turn it is


def claim_some(connection: Connection, at: int, until: int, messages: int) -> list[Any]:
    """The messages that have waited longest, so many at most, claimed until a moment. One that belongs to a notice of
    an earlier try comes with all the others of it, or, where somebody else holds one of them, not at all."""
    rows = connection.execute(_first, {"at": at, "cut": at + 1, "limit": messages}).all()
    ids = {row.id for row in rows if row.notice is None}
    if notices := sorted({row.notice for row in rows if row.notice is not None}):
        held: dict[str, list[int]] = {}
        for row in connection.execute(_fellows, {"notices": notices}):
            held.setdefault(row.notice, []).append(row.id)
        whole = {r[0]: r[1] for r in connection.execute(_members, {"notices": notices})}
        ids.update(id_ for name, some in held.items() if len(some) == whole.get(name) for id_ in some)
    return _take(connection, sorted(ids), until)


def claim(connection: Connection, at: int, until: int, cut: int, recipients: int) -> list[Any]:
    """Every message of some recipients whose time has come, claimed until a moment: nobody else takes them before.

    Args:
        cut: messages created before this moment; younger ones wait for the next cycle.
        recipients: how many recipients at most; those who have waited longest come first.
    """
    oldest_first = {"at": at, "cut": cut, "limit": recipients, "window": WINDOW}
    names = list(connection.execute(_recipients, oldest_first).scalars())
    waits = {"at": at, "cut": cut}
    ours = list(connection.execute(_heads, {**waits, "recipients": names}).scalars()) if names else []
    ids = list(connection.execute(_theirs, {**waits, "recipients": ours}).scalars()) if ours else []
    return _take(connection, ids, until)


def _take(connection: Connection, ids: Sequence[int], until: int) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(ids), SOME):
        found += connection.execute(_claim, {"ids": ids[start : start + SOME], "until": until}).all()
    return sorted(found, key=lambda r: int(r.id))


def group(connection: Connection, named: Sequence[tuple[int, str]]) -> None:
    """Write down which notice each message goes into: (message, notice)."""
    if named:
        connection.execute(_name, [{"b_id": id_, "name": name} for id_, name in named])


def sent(connection: Connection, notice: str, at: int) -> int:
    """A notice was handed over. Returns how many messages it held that nobody had marked before."""
    return connection.execute(_sent, {"name": notice, "at": at}).rowcount


def try_later(connection: Connection, notice: str, next_at: int) -> None:
    """A notice could not be handed over."""
    connection.execute(_later, {"name": notice, "next_at": next_at})


def put_off(connection: Connection, notice: str, next_at: int) -> None:
    """A notice was not tried, because its turn comes later: the claim counts as no attempt."""
    connection.execute(_put_off, {"name": notice, "next_at": next_at})


def stuck(connection: Connection, attempts: int) -> list[tuple[str, int, int]]:
    """Recipients who could not be reached so often: recipient, messages waiting, rounds in which they were tried."""
    return [(r[0], r[1], r[2]) for r in connection.execute(_stuck, {"attempts": attempts})]


def untried(connection: Connection, before: int, limit: int) -> list[tuple[str, int]]:
    """Messages that might have gone out by a moment and that nobody ever tried to hand over: recipient, since when."""
    return [(r[0], r[1]) for r in connection.execute(_untried, {"before": before, "limit": limit})]


def waiting(connection: Connection) -> Sequence[Any]:
    """Every message that was not handed over yet, the oldest first."""
    return connection.execute(sa.select(*_columns).where(sa.text("sent_at IS NULL")).order_by(_o.id)).all()


def oldest(connection: Connection) -> int | None:
    """When the oldest message arose that was not handed over yet."""
    return connection.execute(sa.select(sa.func.min(_o.created_at)).where(sa.text("sent_at IS NULL"))).scalar()


def known(connection: Connection, dedupe: str) -> bool:
    """Whether a message known so ever was."""
    return connection.execute(sa.select(_o.id).where(_o.dedupe == dedupe)).first() is not None


def once(connection: Connection, dedupe: str, topic: str, recipient: str, payload: bytes, at: int) -> bool:
    """Put a message in the outbox unless the same one, by ``dedupe``, ever was. Tells whether it is new."""
    if known(connection, dedupe):
        return False
    row = {"dedupe": dedupe, "topic": topic, "recipient": recipient, "payload": payload}
    connection.execute(t.outbox.insert(), {**row, "created_at": at, "next_try_at": at})
    return True
