"""Loading the facts that rules name, and remembering those of the organisation while it stays the same."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.errors import Said, Unknown
from workflow.evidence import canonical
from workflow.store import items, known, library
from workflow.store import tables as t

if TYPE_CHECKING:
    from workflow.store.org import OrgReader

ORG_FACTS = frozenset({"path", "authority", "answerable", "appointed", "held", "same-person", "became"})
KEPT = 200_000
SAME_PERSONS = ("same-persons",)  # under which memory has every merge of persons

_began = sa.select(t.tenure.c.from_on).where(t.tenure.c.id == sa.bindparam("tenure"))


class OrgMemory:
    """Facts of the organisation, kept across transactions as long as the head of the org chain is the same.

    Keyed by that head's hash, not its number: an import that a host rolls back leaves nothing behind.
    """

    def __init__(self) -> None:
        self._held: tuple[bytes | None, dict[tuple[str, ...], Any]] = (None, {})

    def at(self, head: bytes | None) -> dict[tuple[str, ...], Any]:
        held = self._held  # read once: another thread may be at another head
        if head != held[0] or len(held[1]) > KEPT:
            held = self._held = (head, {})
        return held[1]


def _reader(connection: Connection) -> OrgReader:
    from workflow.store.org import OrgReader  # its statements take a while to build

    return OrgReader(connection)


def load(connection: Connection, need: tuple[str, ...], memory: dict[tuple[str, ...], Any]) -> Any:
    """One fact, as plain data that can be recorded."""
    kind = need[0]
    if kind == "same-person":
        if SAME_PERSONS not in memory:
            memory[SAME_PERSONS] = known.merged(connection)
        return memory[SAME_PERSONS].get(need[1], [])
    if kind in ORG_FACTS:
        if need not in memory:
            memory[need] = _org_fact(connection, _reader(connection), need)
        return memory[need]
    if kind == "calendar":  # by which a unit below counts: its digest
        newest = library.newest_calendar(connection, need[1])
        if newest is None:
            raise Unknown(kind="calendar", name=need[1], hint=Said("; publish it first", ";请先发布"))
        return newest
    if kind == "children":
        _, flow, campaign, unit, day = need
        below: tuple[str, ...] = ("below", unit, day)
        if below not in memory:
            memory[below] = _reader(connection).children(unit, day)
        return items.reports_of(connection, flow, campaign, memory[below])
    if kind == "roll":
        _, flow, campaign, unit, day = need
        from workflow.store import obligations

        return obligations.roll(connection, flow, campaign, _reader(connection).children(unit, day))
    if kind in ("counted", "same-words"):
        from workflow.store import counting  # few flows count or compare

        if kind == "counted":
            return counting.counted(connection, need[1], need[2])
        return counting.same_words(connection, *need[1:6])
    if kind == "prior":
        _, flow, campaign, unit, stages = need
        return items.came_to(connection, flow, campaign, unit, stages.split(","))
    if kind == "looks-after":
        from workflow.store.groups import GroupReader  # few stages are signed by members of bodies

        return GroupReader(connection).looked_after_by(need[1], need[2])
    if kind == "standing":
        return items.standing(connection, *need[1:5])
    if kind == "register-of":
        return items.register_of(connection, need[1], need[2])
    if kind == "seats":
        return items.seats(connection, need[1])
    if kind == "results":
        return items.results(connection, *need[1:4])
    if kind == "burden":
        from workflow.store import burdens  # few flows ask something of a unit

        return burdens.around(connection, *need[1:5])
    if kind == "known-of":
        return items.known_of(connection, *need[1:])
    if kind == "everyone":
        return items.everyone(connection, need[1], need[2], need[3].split(","))
    if kind == "opened":
        return items.states_of(connection, need[1:])
    if kind == "ballot":
        from workflow.store import ballots  # few flows hold a vote

        return ballots.result(connection, need[1], int(need[2]))
    if kind == "ending":
        return items.ending(connection, need[1], int(need[2]))
    if kind == "viewed-since":
        return items.viewed_since(connection, need[1], int(need[2]))
    if kind == "lines":
        return [{"no": r["no"], "cells": r["cells"]} for r in items.lines(connection, need[1], need[2])]
    if kind == "line":
        return items.line_state(connection, need[1], need[2], int(need[3]))
    if kind == "version":  # what of a version matters to an item in one of its stages
        from workflow.definition.outline import outline_of  # it reads the model of definitions, which is slow to import

        body = library.definition(connection, need[1])
        if body is None:
            raise Unknown(kind="definition", name=need[1], hint="; publish it first")
        return outline_of(canonical.decode(body), need[2])
    if kind == "migrated":
        return items.migration(connection, need[1], int(need[2]))
    if kind == "guard":  # the host's own system answers
        from workflow import guards

        return guards.answer(need[1], guards.About(*need[2:]))
    raise KeyError(f"expected a fact the store can load; got {' '.join(need)}")


def load_paths(connection: Connection, units: Iterable[str], day: str, memory: dict[tuple[str, ...], Any]) -> None:
    """The paths of many units at once, remembered for ``load``: an item for each unit of an organisation needs them."""
    wanted = [u for u in units if ("path", u, day) not in memory]
    if wanted:
        from workflow.store.org import OrgReader

        org = OrgReader(connection, steps=memory.setdefault(("steps",), {}))  # the units above them are mostly the same
        for unit, path in org.paths(wanted, day).items():
            memory["path", unit, day] = path


def load_together(connection: Connection, needs: Iterable[tuple[str, ...]], memory: dict[tuple[str, ...], Any]) -> None:
    """Paths, and who answers for or acts as posts, of many units at once, remembered for ``load``. Other needs are left
    to it, and what it is to say of a unit that is not there."""
    paths: dict[str, list[str]] = {}
    posts: dict[tuple[str, str], dict[tuple[str, ...], str]] = {}  # by post and day: the need about each unit
    for need in needs:
        if need in memory:
            continue
        if need[0] == "path":
            paths.setdefault(need[2], []).append(need[1])
        elif need[0] == "answerable":
            posts.setdefault((need[2], need[3]), {})[need] = need[1]
        elif need[0] == "authority":
            posts.setdefault((need[3], need[4]), {})[need] = need[2]
    for day, units in paths.items():
        with suppress(Unknown):
            load_paths(connection, units, day, memory)
    for (post, day), unit_of in posts.items():
        org = _reader(connection)
        org.look_up(unit_of.values(), post, day)
        for need in unit_of:
            with suppress(Unknown):
                memory[need] = _org_fact(connection, org, need)


def _org_fact(connection: Connection, org: OrgReader, need: tuple[str, ...]) -> Any:
    if need[0] == "path":
        return org.path(need[1], need[2])
    if need[0] == "answerable":
        _, unit, post, day, backstop = need
        return org.answerable(unit, post, day, backstop == "backstop")
    if need[0] == "appointed":  # None where the post is vacant
        _, unit, post, day, backstop = need
        first = next(iter(org.answerable(unit, post, day, backstop == "backstop")), None)
        return first and {**first, "from": connection.execute(_began, {"tenure": first["tenure"]}).scalar()}
    if need[0] == "became":
        return known.became(connection, need[1], need[2])
    if need[0] == "held":  # every tenure, past ones too
        rows = known.find(connection, "tenures", person=need[1], unit=need[2], post=need[3])
        held = [{"tenure": r["id"], "from": r["from_on"], "until": r["until_on"]} for r in rows]
        return sorted(held, key=lambda h: str(h["tenure"]))
    _, person, unit, post, day, backstop = need
    found = org.authority(person, unit, post, day, backstop == "backstop")
    if found:
        return found
    answer: dict[str, Any] = {"answerable": org.answerable(unit, post, day, backstop == "backstop")}
    from workflow.store import mandates  # whoever holds the post needs none

    if standing_in := mandates.given_to(connection, person, unit, post):
        answer["mandates"] = standing_in
    return answer
