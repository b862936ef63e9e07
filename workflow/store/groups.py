"""Bodies whose members sit elsewhere in the tree, what they look after, and who belonged where on a day.

Source: S0 「两个巡回督导组(每组联系 11家企业)」, S3 「相关10家单位主要负责人为成员」, R005, R011, R013, R218.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.store.known import known, last_moment
from workflow.store.org import in_force
from workflow.store.tables import ORGANISATION

SUPERVISION = "supervision"
SECONDARY = "secondary"


class _Statements:
    def __init__(self, tables: Mapping[str, Any]) -> None:
        body, member, given, tenure = (tables[n] for n in ("bodies", "members", "assignments", "tenures"))
        word = {n: sa.bindparam(n, type_=sa.String) for n in ("of", "group", "person", "unit", "duty", "kind", "item")}
        self.members = (
            sa.select(member.c.id, member.c.person, member.c.unit, member.c.post, member.c.role, tenure.c.person)
            .select_from(
                member.outerjoin(
                    tenure,
                    sa.and_(tenure.c.unit == member.c.unit, tenure.c.post == member.c.post, in_force(tenure)),
                )
            )
            .where(member.c.of == word["of"], member.c.group == word["group"], in_force(member))
        )
        self.counts = (
            sa.select(member.c.group, sa.func.count(sa.distinct(member.c.person)))
            .where(member.c.of == "unit", in_force(member))
            .group_by(member.c.group)
        )
        self.looks_after = (
            sa.select(given.c.unit, given.c.body)
            .join(body, body.c.id == given.c.body)
            .where(body.c.kind == word["kind"], given.c.duty == word["duty"], in_force(given), in_force(body))
        )
        self.by_kind = (
            sa.select(body.c.kind, given.c.unit, given.c.body)
            .join(body, body.c.id == given.c.body)
            .where(given.c.duty == word["duty"], in_force(given), in_force(body))
        )
        self.assigned_to = (
            sa.select(given.c.unit)
            .join(body, body.c.id == given.c.body)
            .join(member, sa.and_(member.c.of == "body", member.c.group == body.c.id))
            .outerjoin(
                tenure, sa.and_(tenure.c.unit == member.c.unit, tenure.c.post == member.c.post, in_force(tenure))
            )
            .where(
                given.c.duty == word["duty"],
                sa.or_(member.c.person == word["person"], tenure.c.person == word["person"]),
                in_force(given),
                in_force(body),
                in_force(member),
            )
            .distinct()
        )
        self.formed = sa.select(body.c.unit).where(body.c.kind == word["kind"], in_force(body)).distinct()
        self.bodies_of_unit = (
            sa.select(given.c.body)
            .join(body, body.c.id == given.c.body)
            .where(given.c.unit == word["unit"], given.c.duty == word["duty"], in_force(given), in_force(body))
        )
        self.beside = sa.select(given.c.person, given.c.item).where(
            given.c.unit == word["unit"],
            given.c.duty == SECONDARY,
            given.c.item.in_([sa.literal(""), word["item"]]),
            in_force(given),
        )


_NOW = _Statements(ORGANISATION)
_KNOWN = _Statements({name: known(name) for name in ("bodies", "members", "assignments", "tenures")})


class GroupReader:
    """Answers about bodies and memberships on a day, as known now or (``known_at``, microseconds UTC) as known then."""

    def __init__(self, connection: Connection, known_at: int | None = None) -> None:
        self._connection = connection
        now = known_at is None or known_at >= last_moment(connection)
        self._ask, self._known = (_NOW, {}) if now else (_KNOWN, {"known": known_at})

    def _rows(self, statement: Any, values: Mapping[str, Any]) -> list[Any]:
        return list(self._connection.execute(statement, {**values, **self._known}))

    def members(self, body: str, day: str) -> list[dict[str, str]]:
        """The members of a body on the day: ``person, role``, and ``unit, post`` where whoever holds a post is one. A
        vacant post stands there with no person."""
        found = [
            {"person": person or holder or "", "role": role, "unit": unit, "post": post}
            for _, person, unit, post, role, holder in self._rows(
                self._ask.members, {"of": "body", "group": body, "day": day}
            )
        ]
        return sorted(found, key=lambda m: (m["role"], m["unit"], m["post"], m["person"]))

    def assigned(self, person: str, unit: str, day: str, duty: str = SUPERVISION) -> list[str]:
        """The bodies through which the person looks after the unit on the day; none: the person has no say there.

        Source: S0 「一级督一级」: acting further down needs an explicit assignment, R011.
        """
        bodies = {b for (b,) in self._rows(self._ask.bodies_of_unit, {"unit": unit, "day": day, "duty": duty})}
        return sorted(b for b in bodies if any(m["person"] == person for m in self.members(b, day)))

    def looked_after_by(self, person: str, day: str, duty: str = SUPERVISION) -> list[str]:
        """The units that a person looks after on the day as a member of a body, sorted."""
        values = {"person": person, "day": day, "duty": duty}
        return sorted(u for (u,) in self._rows(self._ask.assigned_to, values))

    def formed(self, kind: str, day: str) -> set[str]:
        """The units that formed a body of a kind which stands on the day."""
        return {u for (u,) in self._rows(self._ask.formed, {"kind": kind, "day": day})}

    def coverage(
        self, kind: str, units: Iterable[str], day: str, duty: str = SUPERVISION
    ) -> tuple[list[str], dict[str, list[str]]]:
        """Which of the units no body of the kind looks after, and which more than one does (unit -> bodies)."""
        by_unit: dict[str, set[str]] = {}
        for unit, body in self._rows(self._ask.looks_after, {"kind": kind, "day": day, "duty": duty}):
            by_unit.setdefault(unit, set()).add(body)
        wanted = list(dict.fromkeys(units))
        twice = {u: sorted(by_unit[u]) for u in wanted if len(by_unit.get(u, ())) > 1}
        return [u for u in wanted if u not in by_unit], twice

    def looked_after(self, kind: str, day: str, duty: str = SUPERVISION) -> dict[str, list[str]]:
        """Each body of a kind with the units that it looks after on the day, both in order of their ids."""
        found: dict[str, list[str]] = {}
        for unit, body in sorted(self._rows(self._ask.looks_after, {"kind": kind, "day": day, "duty": duty})):
            found.setdefault(body, []).append(unit)
        return dict(sorted(found.items()))

    def gaps(
        self, levels: Mapping[str, str], day: str, duty: str = SUPERVISION
    ) -> dict[str, tuple[list[str], dict[str, list[str]]]]:
        """For each kind of body that looks after units on the day: which units of the levels it is concerned with none of
        them looks after, and which more than one does. Source: S0 「每组联系 11家企业」, S3 「7个督查组,与67个…」, R005, R018.

        Args:
            levels: the level of each unit, in the order in which they are to be told.
        """
        kinds: dict[str, dict[str, set[str]]] = {}
        for kind, unit, body in self._rows(self._ask.by_kind, {"day": day, "duty": duty}):
            kinds.setdefault(kind, {}).setdefault(unit, set()).add(body)
        found = {}
        for kind, by_unit in sorted(kinds.items()):
            concerned = {levels[u] for u in by_unit if u in levels}
            wanted = [u for u, level in levels.items() if level in concerned]
            twice = {u: sorted(by_unit[u]) for u in wanted if len(by_unit.get(u, ())) > 1}
            found[kind] = ([u for u in wanted if u not in by_unit], twice)
        return found

    def head_counts(self, day: str) -> Counter[str]:
        """How many persons belong to each unit on the day. Source: S3 「挂靠了其他党组织的党员」, R218."""
        return Counter({r[0]: r[1] for r in self._rows(self._ask.counts, {"day": day})})

    def beside(self, unit: str, day: str, item: str = "") -> list[str]:
        """Who answers second, for the unit or this item of it; beside the first-responsible person, never instead.
        Source: S0 「一岗双责」, R008."""
        return sorted({p for p, _ in self._rows(self._ask.beside, {"unit": unit, "day": day, "item": item})})
