"""The organisation in the database: imports in, and out who stands above whom and who answers on a day.

One rule says which unit is above another on a day: the managing parent, or for the days of an entrustment the
entrusted one in its place; where rows overlap, the latest beginning. All statements share it (``_above``). It gives one
parent or none, so a walk up is a line and ends: at the root, at ``DEEPEST``, or where it would repeat itself.
Source: S4 「代管的县委机关工委」, R014, R015.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.errors import OrgInvalid, Said, Unknown
from workflow.store.known import COLUMNS, alone, known, last_moment, write_rows
from workflow.store.statement import About, Statement
from workflow.store.tables import ORGANISATION, chain, entry

K = TypeVar("K")
V = TypeVar("V")
DEEPEST = 64  # levels of an organisation; a line of parents is not followed further
ASKED_AT_ONCE = 500  # names a statement
LARGE, REMEMBERED = 1_000, 24
SHOWN = 20  # clashes listed of an import

Order = dict[str | None, list[str]]
Steps = dict[str, dict[str, tuple[dict[str, Any], str | None]]]
"""By day and unit: what a path says of it, and the unit above."""
Paths = dict[tuple[str, str], list[dict[str, Any]]]
Answers = dict[tuple[str, str, str], list[list[dict[str, Any]]]]
ANSWERS_KEPT = 50_000


class Importable(Protocol):
    """What ``write_import`` takes: an import whose rows were checked together."""

    @property
    def many_holders(self) -> AbstractSet[str]: ...

    def to_rows(self) -> Mapping[str, Sequence[Mapping[str, Any]]]: ...


# --- the pieces all statements share --------------------------------------------------------------------------------

_UNIT, _POST, _DAY, _PERSON = (sa.bindparam(n, type_=sa.String) for n in ("unit", "post", "day", "person"))


def in_force(dated: Any) -> sa.ColumnElement[bool]:
    return sa.and_(dated.c.from_on <= _DAY, sa.or_(dated.c.until_on.is_(None), dated.c.until_on > _DAY))


def _signs(line: Any) -> sa.ColumnElement[bool]:
    """Guiding parents urge; they are not in the line that signs."""
    return sa.and_(line.c.kind != "guiding", in_force(line))


def _not_dissolved(u: Any) -> sa.ColumnElement[bool]:
    return sa.or_(u.c.dissolved_on.is_(None), u.c.dissolved_on > _DAY)


def _established(u: Any) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(sa.and_(u.c.established_on <= _DAY, _not_dissolved(u)), sa.false())


def _listed(u: Any) -> sa.ColumnElement[bool]:
    """In the lists of the day: it exists, or should but is not yet established (应建未建)."""
    return sa.and_(sa.or_(u.c.established_on.is_(None), u.c.established_on <= _DAY), _not_dissolved(u))


class _Statements:
    """Every question over one set of tables, built once: the tables as they are, or as they were known."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._unit, self._person = tables["units"], tables["persons"]
        self._parent, self._tenure, self._former = tables["parents"], tables["tenures"], tables["former-names"]
        unit, parent, tenure = self._unit, self._parent, self._tenure
        self.path = Statement(self._path_statement())
        self.steps = self._steps_statement()
        self.answer = Statement(self._answer_statement())  # asked for every act and every trace
        self.below = self._below_statement()
        self.awaited, self.awaited_some = self._awaited_statement(some=False), self._awaited_statement(some=True)
        self.children = (
            sa.select(unit.c.id, unit.c.ordinal)
            .join(parent, parent.c.unit == unit.c.id)
            .where(
                parent.c.parent == _UNIT, _signs(parent), _listed(unit), self._above(parent.c.unit) == parent.c.parent
            )
        )
        self.tenures = sa.select(tenure.c.id, tenure.c.person, tenure.c.acting).where(
            tenure.c.unit == _UNIT, tenure.c.post == _POST, in_force(tenure)
        )
        self.held = About(
            sa.select(tenure.c.unit, tenure.c.id, tenure.c.person, tenure.c.acting)
            .join(unit, unit.c.id == tenure.c.unit)
            .where(tenure.c.post == _POST, in_force(tenure), _established(unit)),
            tenure.c.unit,
        )
        self.posts = sa.select(tenure.c.unit, tenure.c.post, tenure.c.id, tenure.c.acting).where(
            tenure.c.person == _PERSON, in_force(tenure)
        )
        self.every = sa.select(unit.c.id)
        then = self._then("unit")
        self.listed = (
            sa.select(
                unit.c.id,
                sa.func.coalesce(then.c.level, unit.c.level).label("level"),
                unit.c.ordinal,
            )
            .select_from(unit.outerjoin(then, self._called(then, "unit", unit)))
            .where(_listed(unit))
        )
        # of a whole day: the last line of a unit is the one that holds (``_above``)
        self.holding = (
            sa.select(parent.c.unit, parent.c.parent)
            .where(_signs(parent))
            .order_by(parent.c.kind.desc(), parent.c.from_on)
        )
        self.lines = (
            sa.select(parent.c.parent, parent.c.kind, parent.c.from_on, parent.c.until_on)
            .where(parent.c.unit == _UNIT)
            .order_by(parent.c.from_on, parent.c.kind)
        )
        self.names = {of: self._names_statement(of, dated=False) for of in ("unit", "person")}
        self.names_then = {of: self._names_statement(of, dated=True) for of in ("unit", "person")}
        former = self._former.c
        self.former = sa.select(former.id, former.from_on, former.until_on, former.name_zh, former.name_en).where(
            former.of == "unit", former.id.in_(sa.bindparam("ids", expanding=True))
        )
        self.stored = {
            name: sa.select(*(tables[name].c[c] for c in COLUMNS[name])).order_by(
                *(tables[name].c[k.name] for k in ORGANISATION[name].primary_key)
            )
            for name in IMPORTED
        }

        # one unit at a time: over what was known once, a database finds a row by its key, but walks no line
        self.unit_row = sa.select(
            unit.c.level,
            unit.c.name_zh,
            _established(unit).label("established"),
        ).where(unit.c.id == _UNIT)
        former = self._former
        self.called = sa.select(former.c.level, former.c.name_zh).where(
            former.c.of == "unit", former.c.id == _UNIT, former.c.from_on <= _DAY, former.c.until_on > _DAY
        )
        first = sa.select(parent.c.parent).where(parent.c.unit == _UNIT, _signs(parent))
        self.above = first.order_by(parent.c.kind, parent.c.from_on.desc()).limit(1)
        self.under = sa.select(parent.c.unit).where(parent.c.parent == _UNIT, _signs(parent))
        some: Any = sa.bindparam("ids", expanding=True)
        self.unit_rows = sa.select(unit.c.id, unit.c.ordinal).where(unit.c.id.in_(some), _listed(unit))
        self.above_each = (
            sa.select(parent.c.unit, parent.c.parent)
            .where(parent.c.unit.in_(some), _signs(parent))
            .order_by(parent.c.kind.desc(), parent.c.from_on)
        )

    def _then(self, of: str) -> Any:
        return self._former.alias(f"then_{of}")

    def _called(self, then: Any, of: str, table: Any) -> sa.ColumnElement[bool]:
        """What it was called on the day, where that is not what it is called now."""
        return sa.and_(then.c.of == of, then.c.id == table.c.id, then.c.from_on <= _DAY, then.c.until_on > _DAY)

    def _above(self, of: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
        line = self._parent.alias()
        # "entrusted" sorts before "managing"
        first = sa.select(line.c.parent).where(line.c.unit == of, _signs(line)).correlate_except(line)
        return first.order_by(line.c.kind, line.c.from_on.desc()).limit(1).scalar_subquery()

    def _line_up(self) -> sa.CTE:
        unit = self._unit
        up = (
            sa.select(unit.c.id.label("unit"), sa.literal(0).label("depth"))
            .where(unit.c.id == _UNIT)
            .cte("up", recursive=True)
        )
        above = self._above(up.c.unit)
        return up.union_all(sa.select(above, up.c.depth + 1).where(up.c.unit.is_not(None), up.c.depth < DEEPEST - 1))

    def _step(self, then: Any) -> tuple[sa.ColumnElement[Any], ...]:
        unit = self._unit
        return (
            unit.c.id,
            sa.func.coalesce(then.c.level, unit.c.level).label("level"),
            sa.func.coalesce(then.c.name_zh, unit.c.name_zh).label("name"),
            _established(unit).label("established"),
        )

    def _path_statement(self) -> sa.Select[Any]:
        up, unit = self._line_up(), self._unit
        then = self._then("unit")
        return (
            sa.select(*self._step(then))
            .select_from(up.join(unit, up.c.unit == unit.c.id).outerjoin(then, self._called(then, "unit", unit)))
            .order_by(up.c.depth)
        )

    def _steps_statement(self) -> About:
        """Units, each with the one above it."""
        unit = self._unit
        then = self._then("unit")
        steps = sa.select(*self._step(then), self._above(unit.c.id).label("above"))
        return About(steps.select_from(unit.outerjoin(then, self._called(then, "unit", unit))), unit.c.id)

    def _answer_statement(self) -> sa.Select[Any]:
        line, unit, tenure = self._line_up(), self._unit, self._tenure
        # the limit, a literal, tells SQLite that the line is short: else, once it knows its tables' sizes, it goes through
        # every tenure to make a filter for the walk (20 ms of 48,000, instead of 0.05)
        up = sa.select(line.c.unit, line.c.depth).limit(sa.literal_column(str(DEEPEST))).subquery("up_to")
        established = _established(unit).label("established")
        held = sa.and_(tenure.c.unit == unit.c.id, tenure.c.post == _POST, in_force(tenure))
        return (
            sa.select(up.c.depth, unit.c.id, established, tenure.c.id.label("tenure"), tenure.c.person, tenure.c.acting)
            .select_from(up.join(unit, unit.c.id == up.c.unit).outerjoin(tenure, held))
            .order_by(up.c.depth)
        )

    def _below_statement(self) -> sa.Select[Any]:
        """Every unit of a subtree with the one above it. UNION, not UNION ALL: a cycle adds no new row and ends."""
        unit, line, below = self._unit, self._parent.alias(), self._unit.alias()
        nothing = sa.cast(sa.null(), unit.c.id.type).label("above")
        top = sa.select(unit.c.id.label("unit"), nothing).where(unit.c.id == _UNIT)
        down = top.cte("down", recursive=True)
        more = (
            sa.select(below.c.id, line.c.parent)
            .select_from(down.join(line, line.c.parent == down.c.unit).join(below, below.c.id == line.c.unit))
            .where(_signs(line), _listed(below), self._above(line.c.unit) == line.c.parent)
        )
        down = down.union(more)
        return sa.select(down.c.unit, down.c.above, unit.c.ordinal).join(unit, unit.c.id == down.c.unit)

    def _awaited_statement(self, some: bool) -> sa.Select[Any]:
        """Own posts, and from each downwards as long as the units below have nobody in that post."""
        unit, tenure = self._unit, self._tenure
        line, below, theirs = self._parent.alias(), unit.alias(), tenure.alias()
        mine = (
            sa.select(tenure.c.unit, tenure.c.post, sa.literal(0).label("depth"))
            .join(unit, unit.c.id == tenure.c.unit)
            .where(tenure.c.person == _PERSON, in_force(tenure), _established(unit))
        )
        down = mine.cte("down", recursive=True)
        held = sa.exists().where(theirs.c.unit == below.c.id, theirs.c.post == down.c.post, in_force(theirs))
        vacant = sa.not_(sa.and_(_established(below), held))
        more = (
            sa.select(below.c.id, down.c.post, down.c.depth + 1)
            .select_from(down.join(line, line.c.parent == down.c.unit).join(below, below.c.id == line.c.unit))
            .where(_signs(line), vacant, self._above(line.c.unit) == line.c.parent, down.c.depth < DEEPEST - 1)
        )
        if some:
            more = more.where(down.c.post.in_(sa.bindparam("posts", expanding=True)))
        down = down.union(more)
        return sa.select(down.c.unit, down.c.post, sa.func.min(down.c.depth).label("depth")).group_by(
            down.c.unit, down.c.post
        )

    def _names_statement(self, of: str, *, dated: bool) -> sa.Select[Any]:
        table = self._unit if of == "unit" else self._person
        wanted = table.c.id.in_(sa.bindparam("ids", expanding=True))
        if not dated:
            return sa.select(table.c.id, table.c.name_zh, table.c.name_en).where(wanted)
        then = self._then(of)
        return (
            sa.select(
                table.c.id,
                sa.func.coalesce(then.c.name_zh, table.c.name_zh),
                sa.func.coalesce(then.c.name_en, table.c.name_en),
            )
            .select_from(table.outerjoin(then, self._called(then, of, table)))
            .where(wanted)
        )


IMPORTED = ("units", "persons", "parents", "tenures")
_NOW = _Statements(ORGANISATION)
_KNOWN = _Statements({name: known(name) for name in ORGANISATION})
_HEAD = sa.select(chain.c.seq).where(chain.c.chain == "org")
_HEADS = Statement(sa.select(_HEAD.scalar_subquery(), sa.select(sa.func.max(entry.c.id)).scalar_subquery()))


def _two_at_once_statement(some: bool) -> sa.Select[Any]:
    a, b = ORGANISATION["tenures"].alias(), ORGANISATION["tenures"].alias()
    same = sa.and_(a.c.unit == b.c.unit, a.c.post == b.c.post, a.c.id < b.c.id)
    found = (
        sa.select(a.c.unit, a.c.post, a.c.person, b.c.person.label("other"))
        .join(b, same)
        .where(
            _overlap(a, b),
            a.c.acting == b.c.acting,  # an acting one beside the holder answers after the holder
            a.c.post.not_in(sa.bindparam("many", expanding=True)),
        )
        .order_by(a.c.unit, a.c.post)
        .limit(SHOWN)
    )
    return found.where(a.c.unit.in_(sa.bindparam("units", expanding=True))) if some else found


def _two_parents_statement(some: bool) -> sa.Select[Any]:
    a, b = ORGANISATION["parents"].alias(), ORGANISATION["parents"].alias()
    same = sa.and_(a.c.unit == b.c.unit, a.c.kind == b.c.kind, a.c.from_on < b.c.from_on)
    found = (
        sa.select(a.c.unit, a.c.kind, a.c.parent, b.c.parent.label("other"))
        .join(b, same)
        .where(a.c.kind != "guiding", _overlap(a, b))
        .order_by(a.c.unit)
        .limit(SHOWN)
    )
    return found.where(a.c.unit.in_(sa.bindparam("units", expanding=True))) if some else found


def _overlap(a: Any, b: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        sa.or_(a.c.until_on.is_(None), a.c.until_on > b.c.from_on),
        sa.or_(b.c.until_on.is_(None), b.c.until_on > a.c.from_on),
    )


_TWO_AT_ONCE = {some: _two_at_once_statement(some) for some in (False, True)}
_TWO_PARENTS = {some: _two_parents_statement(some) for some in (False, True)}


# --- in and out ------------------------------------------------------------------------------------------------------


def write_import(connection: Connection, imported: Importable, *, at: int = 0) -> dict[str, int]:
    """Write an import: units, persons and tenures by id, parents by (unit, kind, from). Rows it does not name stay.

    Nobody is deleted: people leave by an end date, units by a day of dissolution, and past days keep their answer. What
    the import corrects stays readable as what was known until ``at``, the moment of its entry (microseconds UTC).
    The caller commits, and writes the import's evidence entry in the same transaction.

    Returns:
        How many rows of each table were written.

    Raises:
        OrgInvalid: together with rows already stored, two persons would hold one post, or two units would be above
            another, at once. The caller's transaction must then be rolled back.
        Unknown: the database is neither SQLite nor PostgreSQL.
    """
    alone(connection)
    written = write_rows(connection, imported.to_rows(), at)
    refuse_clashes(connection, imported.many_holders)
    return written


def refuse_clashes(
    connection: Connection, many_holders: AbstractSet[str], units: Collection[str] | None = None
) -> None:
    """Two holders of one post, or two parents of a kind, at once; looked for at ``units`` only, where given.

    Raises:
        OrgInvalid: names them. The caller's transaction must then be rolled back.
    """
    values: dict[str, Any] = {} if units is None else {"units": sorted(units)}
    some = units is not None
    problems = [
        f"{r.unit}: {r.person} and {r.other} would both hold {r.post} at once. End one of the two tenures"
        for r in connection.execute(_TWO_AT_ONCE[some], {"many": sorted(many_holders), **values})
    ]
    problems += [
        f"{r.unit}: {r.parent} and {r.other} would both be its {r.kind} parent at once. End the earlier line first"
        for r in connection.execute(_TWO_PARENTS[some], values)
    ]
    if problems:
        listing = "\n".join(problems)
        raise OrgInvalid(count=len(problems), file="the change with what is stored", listing=listing, problems=problems)


def stored(connection: Connection, known_at: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """Every row of the organisation by table, ordered by key: what ``Org.from_rows`` reads."""
    statements, values = (_NOW, {}) if known_at is None else (_KNOWN, {"known": known_at})
    return {
        name: [
            dict(zip(COLUMNS[name], row, strict=True)) for row in connection.execute(statements.stored[name], values)
        ]
        for name in IMPORTED
    }


class Heads(NamedTuple):
    """Where a database stands: the number of the organisation's last entry, and that of the last entry of all."""

    organisation: int
    entry: int


def called(connection: Connection, name: str) -> list[str]:
    """The units that are called exactly so now, in either language: a few at most."""
    c = ORGANISATION["units"].c
    named = sa.select(c.id).where(sa.or_(c.name_zh == name, c.name_en == name)).order_by(c.id).limit(20)
    return list(connection.execute(named).scalars())


def heads(connection: Connection) -> Heads:
    found = _HEADS.one(connection, {})
    return Heads(0, 0) if found is None else Heads(found[0] or 0, found[1] or 0)


def head(connection: Connection) -> int:
    """The number of the last entry of the organisation's chain; 0 before the first import."""
    return connection.execute(_HEAD).scalar() or 0


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretches:
    """A part of the organisation on a day.

    Attributes:
        spans: pieces of its order, each from a place to before another; they do not overlap.
        strays: units that stand in no list of the day and belong to it all the same; None: all such units.
    """

    spans: tuple[tuple[int, int], ...]
    strays: frozenset[str] | None = frozenset()


@dataclass(frozen=True)
class _Forest:
    """A whole day: the level of each listed unit, in the order of the organisation, and who is below whom.

    ``order`` goes depth first, so that what is below a unit stands behind it in one piece: from its place to ``ends``.
    ``every`` has those that are not listed as well: dissolved, or not yet there.
    """

    levels: dict[str, str]
    below: Order
    order: list[str]
    places: dict[str, int]
    ends: list[int]
    every: frozenset[str]
    large: dict[Any, frozenset[str]]  # sets of very many units, remembered: making one takes longer than asking by it
    stretches: dict[frozenset[str], Stretches]  # where they stand

    @classmethod
    def of(cls, levels: dict[str, str], below: Order, roots: Sequence[str], every: Iterable[str]) -> _Forest:
        """
        Args:
            levels: of every listed unit, in any order. Units in a cycle hang from no root; they come last.
        """
        order = _depth_first(roots, below)
        rooted = len(order)
        order += sorted(levels.keys() - set(order))
        places = {u: n for n, u in enumerate(order)}
        ends = list(range(1, rooted + 1))
        for n in range(rooted - 1, -1, -1):
            last = below.get(order[n])
            if last:
                ends[n] = ends[places[last[-1]]]
        return cls({u: levels[u] for u in order}, below, order, places, ends, frozenset(every), {}, {})

    def under(self, unit: str) -> list[str]:
        """The unit and everything below it."""
        place = self.places.get(unit, len(self.ends))
        return self.order[place : self.ends[place]] if place < len(self.ends) else _depth_first([unit], self.below)


class OrgReader:
    """Answers about one organisation within one transaction. Asked twice, it answers from memory: make a new reader
    after a change.

    Every question names the day on which something held. ``known_at`` (microseconds UTC) asks what was known then; None
    asks what is known now. What was known at a moment that has passed never changes.

    ``forests`` remembers whole days between transactions, ``steps`` the units met on the way up, ``paths`` and ``answers``
    what was found out; whoever hands them over throws them away when the chain ``org`` has grown.
    """

    def __init__(
        self,
        connection: Connection,
        known_at: int | None = None,
        *,
        forests: dict[str, _Forest] | None = None,
        steps: Steps | None = None,
        paths: Paths | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._connection = connection
        now = known_at is None or known_at >= last_moment(connection)  # nothing was learnt since
        self._ask, self._known = (_NOW, {}) if now else (_KNOWN, {"known": known_at})
        self._paths: Paths = _room(paths)
        self._steps: Steps = {} if steps is None else steps
        self._answers: Answers = _room(answers)
        self._forests: dict[str, _Forest] = {} if forests is None else forests

    def _run(self, statement: Any, values: Mapping[str, Any]) -> Any:
        return self._connection.execute(statement, {**values, **self._known})

    def path(self, unit: str, day: str) -> list[dict[str, Any]]:
        """The unit and everything above it on the day, own unit first: ``unit, level, name, established``.

        ``name`` is Chinese. ``established`` is False for a unit that is not yet, or no longer.

        Raises:
            Unknown: there is no such unit.
        """
        key = (unit, day)
        if key not in self._paths:
            found: dict[str, dict[str, Any]] = {}
            asked = {"unit": unit, "day": day}
            rows = self._walked(unit, day) if self._known else self._ask.path.all(self._connection, asked)
            for at, level, name, established in rows:
                if at in found:  # a cycle
                    break
                found[at] = {"unit": at, "level": level, "name": name, "established": bool(established)}
            if not found:
                raise _unknown(unit)
            self._paths[key] = list(found.values())
        return list(self._paths[key])

    def _walked(self, unit: str, day: str) -> Iterator[tuple[str, str, str, bool]]:
        """The same of what was known once, a unit at a time."""
        at: str | None = unit
        for _ in range(DEEPEST):
            row = self._run(self._ask.unit_row, {"unit": at, "day": day}).first()
            if at is None or row is None:
                return
            then = self._run(self._ask.called, {"unit": at, "day": day}).first()
            level, name = (then[0] or row[0], then[1] or row[1]) if then is not None else (row[0], row[1])
            yield at, level, name, bool(row[2])
            at = self._run(self._ask.above, {"unit": at, "day": day}).scalar()

    def paths(self, units: Iterable[str], day: str) -> dict[str, list[dict[str, Any]]]:
        """``path`` of many units, in as many statements as the organisation has levels.

        Raises:
            Unknown: there is no such unit.
        """
        wanted, known = list(dict.fromkeys(units)), self._steps.setdefault(day, {})
        asked = [u for u in wanted if u not in known]
        while asked:
            rows = self._ask.steps.all(self._connection, asked, {"day": day, **self._known})
            for u, level, name, established, above in rows:
                known[u] = {"unit": u, "level": level, "name": name, "established": bool(established)}, above
            above_them = {known[u][1] for u in asked if u in known}
            asked = [u for u in above_them if u is not None and u not in known]

        def walked(at: str | None) -> list[dict[str, Any]]:
            line: dict[str, dict[str, Any]] = {}
            while at in known and at not in line and len(line) < DEEPEST:
                line[at], at = known[at]
            return list(line.values())

        found: dict[str, list[dict[str, Any]]] = {}
        lines: dict[str | None, list[dict[str, Any]]] = {}  # of units above, which are mostly the same
        for of in wanted:
            if of not in known:
                raise _unknown(of)
            step, above = known[of]
            if above not in lines:
                lines[above] = walked(above)
            higher = lines[above]
            found[of] = walked(of) if step in higher or len(higher) >= DEEPEST else [step, *higher]
        return found

    def children(self, unit: str, day: str) -> list[str]:
        """The units directly below on the day, as offices list them: those that exist and those not yet established."""
        if self._known:
            return self._children_known(unit, day)
        rows = self._run(self._ask.children, {"unit": unit, "day": day})
        return _in_order(rows)

    def _children_known(self, unit: str, day: str) -> list[str]:
        """Set-wise, in three statements for any number of children: the last line of a unit is the one that holds."""
        under = list(dict.fromkeys(self._run(self._ask.under, {"unit": unit, "day": day}).scalars()))
        found: list[tuple[str, int]] = []
        for start in range(0, len(under), ASKED_AT_ONCE):
            values = {"ids": under[start : start + ASKED_AT_ONCE], "day": day}
            above: dict[str, str] = dict(self._run(self._ask.above_each, values).all())
            found += [(u, n) for u, n in self._run(self._ask.unit_rows, values) if above.get(u) == unit]
        return _in_order(found)

    def tenures(self, unit: str, post: str, day: str) -> list[dict[str, Any]]:
        """Who holds the post on the day, ``tenure, person, acting``: holders before acting ones, then by tenure id."""
        rows = self._run(self._ask.tenures, {"unit": unit, "post": post, "day": day})
        held = [{"tenure": t, "person": p, "acting": bool(a)} for t, p, a in rows]
        return sorted(held, key=_holders_first)

    def authority(self, person: str, unit: str, post: str, day: str, backstop: bool) -> dict[str, Any] | None:
        """In which capacity the person acts as the post of the unit on the day; None: in none.

        The capacities are those of ``answerable``. A person with two of them acts as holder rather than as acting.
        """
        for found in self.answerable(unit, post, day, backstop):
            if found["person"] == person:
                return found
        return None

    def answerable(self, unit: str, post: str, day: str, backstop: bool) -> list[dict[str, Any]]:
        """Who answers for the post of the unit on the day: ``tenure, person, post, unit, as, at``.

        The unit's own holders and acting holders; nobody else while there is one. Where the post is vacant or the unit
        is not established (or no more), and ``backstop`` is set, whoever holds the same post at the nearest superior
        that has somebody: ``as`` is then ``backstop`` and ``at`` that superior.
        Source: S1 「由园区、乡镇(场、街道)、村(社区)党组织兜底管理」, R017.

        Raises:
            Unknown: there is no such unit.
        """
        own, above = self._answers.get((unit, post, day)) or self._answer(unit, post, day)
        return [dict(a) for a in (own or (above if backstop else []))]

    def look_up(self, units: Iterable[str], post: str, day: str) -> None:
        """Who holds a post at many units, in few statements: ``answerable`` then asks only where it is vacant."""
        wanted = list(dict.fromkeys(u for u in units if (u, post, day) not in self._answers))
        held: dict[str, list[dict[str, Any]]] = {}
        rows = self._ask.held.all(self._connection, wanted, {"post": post, "day": day, **self._known}) if wanted else ()
        for of, tenure, person, acting in rows:
            answer = {"tenure": tenure, "person": person, "post": post, "unit": of}
            held.setdefault(of, []).append({**answer, "as": "acting" if acting else "holder", "at": of})
        for of, own in held.items():
            if len(own) > 1:
                own.sort(key=lambda h: (h["as"] == "acting", h["tenure"]))
            self._answers[of, post, day] = [own, []]  # nobody above answers where somebody holds the post

    def _answer(self, of: str, post: str, day: str) -> list[list[dict[str, Any]]]:
        values = {"unit": of, "post": post, "day": day, **self._known}
        rows = list(self._held_known(of, post, day)) if self._known else self._ask.answer.all(self._connection, values)
        if not rows:
            raise _unknown(of)
        by_depth: dict[int, list[dict[str, Any]]] = {}
        for depth, at, established, held, holder, acting in rows:
            if held is None or not established or (at == of and depth):
                continue
            as_ = "backstop" if depth else "acting" if acting else "holder"
            answer = {"tenure": held, "person": holder, "post": post, "unit": of, "as": as_, "at": at}
            by_depth.setdefault(depth, []).append(answer | {"acting": acting})
        for held_there in by_depth.values():
            held_there.sort(key=_holders_first)
            for answer in held_there:
                del answer["acting"]
        above = min((d for d in by_depth if d), default=0)
        self._answers[of, post, day] = [by_depth.get(0, []), by_depth[above] if above else []]
        return self._answers[of, post, day]

    def _held_known(self, of: str, post: str, day: str) -> Iterator[Sequence[Any]]:
        for depth, step in enumerate(self.path(of, day)):
            held = self._run(self._ask.tenures, {"unit": step["unit"], "post": post, "day": day}).all()
            for tenure, person, acting in held or [(None, None, None)]:
                yield depth, step["unit"], step["established"], tenure, person, acting

    def posts_of(self, person: str, day: str) -> list[dict[str, Any]]:
        """The posts a person holds on the day, by unit and post: ``unit, post, tenure, acting``."""
        rows = self._run(self._ask.posts, {"person": person, "day": day})
        held = [{"unit": u, "post": p, "tenure": t, "acting": bool(a)} for u, p, t, a in rows]
        return sorted(held, key=lambda h: (h["unit"], h["post"], h["acting"], h["tenure"]))

    def awaited_by(self, person: str, day: str, backstops: Collection[str] | None = None) -> list[tuple[str, str]]:
        """The (unit, post) pairs that wait for this person on the day: own posts first, then those backed up (兜底).

        From each own post the walk goes down to every child where the same post is vacant or which is not established
        or no longer, and on below it: exactly the pairs for which ``answerable`` with backstop names the person. It
        stops at a child that has a holder.

        Args:
            backstops: the posts that the definition backs up by the superior; None takes all. A post that few units
                have walks far without it.
        """
        values: dict[str, Any] = {"person": person, "day": day}
        if backstops is None:
            rows = self._run(self._ask.awaited, values)
        else:
            rows = self._run(self._ask.awaited_some, values | {"posts": sorted(backstops)})
        found = sorted((min(depth, 1), u, p) for u, p, depth in rows)
        return [(u, p) for _, u, p in found]

    def subtree(self, unit: str, day: str) -> list[str]:
        """The unit and everything below it on the day, depth first, siblings as offices list them.

        Raises:
            Unknown: there is no such unit.
        """
        if day in self._forests and unit in self._forests[day].places:
            return self._forests[day].under(unit)
        above_it = self.path(unit, day)[1:]
        if not above_it or day in self._forests:  # nearly everything: one scan is four times as fast as a walk down
            return self._forest(day).under(unit)
        rows = self._run(self._ask.below, {"unit": unit, "day": day})
        return _depth_first([unit], _by_parent((u, above, ordinal) for u, above, ordinal in rows))

    def roster(self, levels: Collection[str], day: str) -> list[str]:
        """Every unit of the levels in the lists of the day, in the order of the whole organisation.

        Units not yet established are on it: somebody answers for them too. Source: S0 「应报必报」, R054, R017.
        """
        wanted = frozenset(levels)
        return [u for u, level in self._forest(day).levels.items() if level in wanted]

    def levels(self, day: str) -> dict[str, str]:
        """The level of every unit in the lists of the day."""
        return dict(self._forest(day).levels)

    def size(self, day: str) -> int:
        """How many units are in the lists of the day."""
        return len(self._forest(day).levels)

    def union(self, units: frozenset[str], day: str) -> frozenset[str]:
        """Some units and everything below any of them.

        Raises:
            Unknown: there is no such unit.
        """
        forest = self._forests.get(day)
        if forest is not None and units in forest.large:
            return forest.large[units]
        found = frozenset(one for unit in units for one in self.subtree(unit, day))
        return self._large(day, units, found) if len(found) > LARGE else found

    def without(self, units: frozenset[str], day: str) -> frozenset[str]:
        """Every unit there is or was, listed on the day or not, that is not among some."""
        forest = self._forest(day)
        if ("but", units) in forest.large:
            return forest.large["but", units]
        return self._large(day, ("but", units), forest.every.difference(units))

    def known(self, day: str) -> int:
        """How many units there are or were."""
        return len(self._forest(day).every)

    def _large(self, day: str, key: Any, found: frozenset[str]) -> frozenset[str]:
        large = self._forest(day).large
        if len(large) >= REMEMBERED:
            large.clear()
        large[key] = found
        return found

    def places(self, day: str) -> Mapping[str, int]:
        """The place of every listed unit in the order of the organisation, in that order."""
        return self._forest(day).places

    def span(self, unit: str, day: str) -> tuple[int, int] | None:
        """Where a unit and everything below it stand in that order: from a place to before another. None where the unit is
        not listed, or hangs from no root."""
        forest = self._forest(day)
        place = forest.places.get(unit, len(forest.ends))
        return (place, forest.ends[place]) if place < len(forest.ends) else None

    def stretches(self, units: frozenset[str], day: str) -> Stretches:
        """Where some units stand in that order."""
        forest = self._forest(day)
        if units in forest.stretches:
            return forest.stretches[units]
        spans: list[tuple[int, int]] = []
        for place in sorted(place for u in units if (place := forest.places.get(u)) is not None):
            if spans and spans[-1][1] == place:
                spans[-1] = (spans[-1][0], place + 1)
            else:
                spans.append((place, place + 1))
        found = Stretches(tuple(spans), units.difference(forest.places))
        if len(units) > LARGE:
            if len(forest.stretches) >= 10 * REMEMBERED:
                forest.stretches.clear()
            forest.stretches[units] = found
        return found

    def root(self, day: str) -> str:
        """The first unit of the organisation's order: where a walk down begins. Empty where nothing was imported."""
        return next(iter(self._forest(day).levels), "")

    def _forest(self, day: str) -> _Forest:
        if day not in self._forests:
            rows = self._run(self._ask.listed, {"day": day}).all()
            held: dict[str, str] = dict(self._run(self._ask.holding, {"day": day}).all())
            level_of = {u: level for u, level, _ in rows}
            below = _by_parent((u, held.get(u), ordinal) for u, _, ordinal in rows)
            # a unit whose parent is not listed begins a tree of its own; cycles hang from no root
            roots = sorted((ordinal, u) for u, _, ordinal in rows if held.get(u) not in level_of)
            every = self._run(self._ask.every, {}).scalars()
            self._forests[day] = _Forest.of(level_of, below, [u for _, u in roots], every)
        return self._forests[day]

    def names(
        self, ids: Iterable[str], of: Literal["unit", "person", "any"] = "any", day: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Names by id: ``{"zh": ..., "en": ...}``. Ids nobody has are left out.

        ``any`` looks among units first and then among persons; say which where ids of the two may be equal.

        Args:
            day: gives what they were called on that day; None what they are called now.
        """
        wanted, found = sorted(set(ids)), {}
        statements = self._ask.names if day is None else self._ask.names_then
        dated: dict[str, Any] = {} if day is None else {"day": day}
        for table in ("unit", "person") if of == "any" else (of,):
            for start in range(0, len(wanted), ASKED_AT_ONCE):
                some = wanted[start : start + ASKED_AT_ONCE]
                for id_, zh, en in self._run(statements[table], {"ids": some, **dated}):
                    found[id_] = {"zh": zh, "en": en}
            wanted = [w for w in wanted if w not in found]
        return found

    def names_on(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
        """What units were called on days, each asked for as ``(unit, day)``, where another name of theirs held then: names as
        ``names`` gives them. What was signed keeps the name it was signed under."""
        wanted = sorted(set(asked))
        ids = sorted({unit for unit, _ in wanted})
        held: dict[str, list[tuple[str, str, dict[str, str]]]] = {}
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = ids[start : start + ASKED_AT_ONCE]
            for unit, since, until, zh, en in self._run(self._ask.former, {"ids": some}):
                held.setdefault(unit, []).append((since, until, {"zh": zh, "en": en}))
        found: dict[tuple[str, str], dict[str, str]] = {}
        for unit, day in wanted:
            for since, until, names in held.get(unit, ()):
                if since <= day < until:
                    found[unit, day] = names
        return found

    def lines(self, unit: str) -> list[dict[str, Any]]:
        """Every line a unit ever had upwards, oldest first: ``parent, kind, from, until``.

        Which one signed on a day is ``path``; here stands whether it did so as managing or entrusted (R015).
        """
        rows = self._run(self._ask.lines, {"unit": unit})
        return [{"parent": p, "kind": k, "from": f, "until": u} for p, k, f, u in rows]


def _room(remembered: dict[K, V] | None) -> dict[K, V]:
    """What is remembered, as long as it is not too much."""
    if remembered is None:
        return {}
    if len(remembered) > ANSWERS_KEPT:
        remembered.clear()
    return remembered


def _unknown(name: str) -> Unknown:
    return Unknown(
        kind="unit",
        name=name,
        hint=Said(". Import the organisation first, or look at the id", "。请先导入组织,或核对编号"),
    )


def _holders_first(held: Mapping[str, Any]) -> tuple[bool, str]:
    return (bool(held["acting"]), held["tenure"])


def _in_order(rows: Iterable[Any]) -> list[str]:
    """Ids by ordinal and id. Sorted here, because databases sort text each in its own way."""
    return [u for _, u in sorted({(ordinal, u) for u, ordinal in rows})]


def _by_parent(rows: Iterable[tuple[str, str | None, int]]) -> Order:
    found: dict[str | None, list[tuple[int, str]]] = {}
    for u, above, ordinal in rows:
        found.setdefault(above, []).append((ordinal, u))
    return {above: [u for _, u in sorted(siblings)] for above, siblings in found.items()}


def _depth_first(roots: Sequence[str], below: Order) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(reversed(roots))
    while waiting:
        at = waiting.pop()
        if at not in found:
            found[at] = None
            waiting.extend(reversed(below.get(at, [])))
    return list(found)
