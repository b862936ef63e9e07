"""Who viewed, exported or verified what: a log of its own, chained and sealed like all evidence, and searched by auditors.

Looks at an item stand in the chain of views beside it (``view:<item>``), everything else in chain ``access``. What a host
gives out without telling us is not here, nor what somebody reads who has the database itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workflow import sealing
from workflow.acts import Actor
from workflow.clock import local_day
from workflow.engine import Engine
from workflow.errors import Conflict
from workflow.evidence import canonical
from workflow.receipt import Receipt
from workflow.store import scan
from workflow.store.org import OrgReader

CHAIN = "access"
Kind = Literal["export", "verify", "search", "trace", "look"]
KINDS: tuple[Kind, ...] = ("export", "verify", "search", "trace", "look")
Irregular = Literal["aside", "bulk", "no-reason"]
ZONE = "Asia/Shanghai"  # in which the day of a post is meant
HOUR = 3_600_000_000
BULK = 50
"""So many different items looked at by one person within an hour are named."""


@dataclass(frozen=True)
class Access:
    """One look, export, trace, verification or search.

    Attributes:
        at: microseconds UTC.
        what: the item, or what was given out, as it was told.
        units: those whose posts the person held that day, or the one they looked for, and those it was about.
        irregular: ``aside``: no place of the item, or no post at all, was theirs; ``bulk``: one of many items within an hour;
            ``no-reason``: an export without one. Facts to ask about, not a verdict.
        place: where it stands, ``chain#seq``.
    """

    at: int
    kind: str
    person: str
    what: str
    units: tuple[str, ...]
    reason: str
    irregular: tuple[Irregular, ...]
    place: str


def record(engine: Engine, kind: Kind, *, by: str, what: str, reason: str = "", unit: str = "") -> Receipt:
    """Record an export, a trace, a verification or a search, before its result is given out; a look with it where the
    person has no post to look as (``Engine.view``).

    Args:
        by: the person; a host says who it is.
        what: an item, ``unit:<id>``, ``campaign:<id>``, or words among which ``item=<id>`` and ``under=<unit>`` are known.
        unit: for which they do it; those of their posts unless told.
    """
    act = {"kind": kind, "person": by, "unit": unit, "what": what, "reason": reason}

    def write() -> Receipt:
        with engine.desk() as desk:
            return sealing.append(desk.connection, engine.key, CHAIN, act, engine.now(desk.connection))

    return _once_more(write)


def view(engine: Engine, item: str, by: Actor, seen: str) -> Receipt:
    """``Engine.view``, tried again where another's look came first: it is no signature, and takes nothing from theirs."""
    return _once_more(lambda: engine.view(item, by, seen))


def _once_more(write: Callable[[], Receipt]) -> Receipt:
    """Only the first entry of a chain can be come before; those that follow wait for each other."""
    try:
        return write()
    except Conflict:
        return write()


def search(
    connection: Any,
    *,
    person: str = "",
    since: int | None = None,
    until: int | None = None,
    unit: str = "",
    item: str = "",
    irregular: bool = False,
) -> list[Access]:
    """Accesses in the order of time. Whatever is not given is not asked.

    Args:
        since, until: microseconds UTC; ``until`` is exclusive.
        unit: of the person or of the item.
        item: looked at, or named by what was given out.
        irregular: only those with something to ask about.
    """
    found = sorted(_all(connection), key=lambda a: (a.at, a.place))
    many = _bulk(found)
    marked = [
        Access(a.at, a.kind, a.person, a.what, a.units, a.reason, (*a.irregular, "bulk"), a.place)
        if a.place in many
        else a
        for a in found
    ]
    return [
        a
        for a in marked
        if (not person or a.person == person)
        and (since is None or a.at >= since)
        and (until is None or a.at < until)
        and (not unit or unit in a.units)
        and (not item or a.what == item or f"item={item}" in a.what.split())
        and (not irregular or a.irregular)
    ]


def _all(connection: Any) -> Iterator[Access]:
    units = scan.units_of_items(connection)
    posts = _Posts(connection)
    for row in scan.accesses(connection, CHAIN):
        body = canonical.decode(row.body)
        act, place = body["act"], f"{row.chain}#{row.seq}"
        odd: tuple[Irregular, ...]
        if row.chain == CHAIN:
            odd = ("aside",) if act["kind"] == "look" else ()
            odd = ("no-reason",) if act["kind"] == "export" and not act["reason"] else odd
            who = [act["unit"]] if act["unit"] else posts.units(act["person"], row.at)
            of = tuple(dict.fromkeys([*who, *_about(act["what"], units)]))
            yield Access(row.at, act["kind"], act["person"], act["what"], of, act["reason"], odd, place)
        else:
            by, item = act["by"], row.chain.removeprefix("view:")
            odd = ("aside",) if body.get("aside") else ()
            of = tuple(dict.fromkeys(u for u in (by["unit"], units.get(item, "")) if u))
            yield Access(row.at, "view", by["person"], item, of, "", odd, place)


class _Posts:
    """The units of the posts that persons held, asked for once a person and day."""

    def __init__(self, connection: Any) -> None:
        self._org = OrgReader(connection)
        self._held: dict[tuple[str, str], list[str]] = {}

    def units(self, person: str, at: int) -> list[str]:
        day = local_day(at, ZONE).isoformat()
        if (person, day) not in self._held:
            self._held[person, day] = [p["unit"] for p in self._org.posts_of(person, day)]
        return self._held[person, day]


def _about(what: str, units: Mapping[str, str]) -> Iterator[str]:
    """The units that something given out was about, as far as its words name them or an item of theirs."""
    if what in units:
        yield units[what]
        return
    for word in what.split():
        name, _, value = word.replace(":", "=", 1).partition("=")
        if name in ("unit", "under") and value:
            yield value
        elif name == "item" and value in units:
            yield units[value]


def _bulk(found: list[Access]) -> set[str]:
    """The places of looks that are among more than ``BULK`` items one person looked at within an hour."""
    out: set[str] = set()
    by: dict[str, list[Access]] = {}
    for a in found:
        if a.kind in ("view", "look"):
            by.setdefault(a.person, []).append(a)
    for looks in by.values():
        first = 0
        for n, last in enumerate(looks):
            while last.at - looks[first].at >= HOUR:
                first += 1
            if len({a.what for a in looks[first : n + 1]}) > BULK:
                out |= {a.place for a in looks[first : n + 1]}
    return out
