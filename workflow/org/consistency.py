"""What must hold between the rows of an organisation: references, levels, lives, lines without cycles, one holder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from workflow.definition.problem import NOTHING, Said, nearest, shown
from workflow.org.model import ALWAYS, Org, Parent, Tenure, Unit

GUESSES = 20  # "did you mean" for so many unknown ids of an import; each looks through all known ones

Dated = TypeVar("Dated", Parent, Tenure)


@dataclass(frozen=True)
class Clash:
    """Rows that do not fit. ``of`` names the row to mend, then the others it clashes with."""

    code: str
    of: tuple[Unit | Parent | Tenure, ...]
    column: str
    message: Said


def clashes(
    org: Org,
    levels: Sequence[str] | None,
    many_holders: AbstractSet[str],
    units: AbstractSet[str],
    persons: AbstractSet[str],
) -> Iterator[Clash]:
    """Everything that does not fit together.

    Args:
        levels: lowest first; None leaves levels alone.
        many_holders: posts that several persons may hold at once.
        units, persons: ids that are named somewhere, so that a row refused for another reason is not also unknown.
    """
    yield from _lines(org, levels, _Guess(units))
    yield from _one_line_at_a_time(org.parents)
    yield from _cycles(org)
    yield from _references(org, _Guess(units), _Guess(persons))
    yield from _lives(org)
    yield from _one_holder_at_a_time(org.tenures, many_holders)


class _Guess:
    """Known ids, and a few guesses at what an unknown one was meant to be."""

    def __init__(self, known: AbstractSet[str]) -> None:
        self.known = known
        self._guesses: dict[str, Said] = {}

    def hint(self, id_: str) -> Said:
        if id_ not in self._guesses:
            if len(self._guesses) >= GUESSES:
                return NOTHING
            self._guesses[id_] = nearest(id_, self.known)
        return self._guesses[id_]

    def unknown(self, id_: str, what: Said) -> Said:
        hint = self.hint(id_)
        return Said(f"no {what} {shown(id_)}. {hint}".strip(), f"没有{what.zh} {shown(id_)}。{hint.zh}")


_A_UNIT, _A_PERSON = Said("unit", "单位"), Said("person", "人员")


def _lines(org: Org, levels: Sequence[str] | None, units: _Guess) -> Iterator[Clash]:
    """A signing line leads to a known unit of a higher level. Source: S0 「一级抓一级」, R002; a guiding line may lead
    anywhere, since it signs nothing (R014)."""
    height = {level: n for n, level in enumerate(levels or ())}
    for line in org.parents:
        if line.parent not in units.known:
            yield Clash("unknown-parent", (line,), "parent", units.unknown(line.parent, _A_UNIT))
            continue
        lower, upper = org.unit_by_id.get(line.unit), org.unit_by_id.get(line.parent)
        if line.kind == "guiding" or lower is None or upper is None:
            continue
        if lower.level in height and upper.level in height and height[lower.level] >= height[upper.level]:
            yield Clash(
                "level-order",
                (line,),
                "parent",
                Said(
                    f"{line.unit} is of level {lower.level}, which is not below {upper.level}, the level of {line.parent}",
                    f"{line.unit} 的层级 {lower.level} 不低于其上级 {line.parent} 的层级 {upper.level}",
                ),
            )


def _one_line_at_a_time(parents: Iterable[Parent]) -> Iterator[Clash]:
    lines = (p for p in parents if p.kind != "guiding")
    for earlier, later in _overlaps(lines, lambda p: (p.unit, p.kind)):
        yield Clash(
            "two-parents",
            (later, earlier),
            "from_on",
            Said(
                f"{later.unit} has two {later.kind} parents at once: {earlier.parent} ({_period(earlier)}) and "
                f"{later.parent} ({_period(later)}). End the earlier line first",
                f"{later.unit} 同时有两个 {later.kind} 上级:{earlier.parent}({_period(earlier).zh})、"
                f"{later.parent}({_period(later).zh})。请先填前者的终止日",
            ),
        )


def _one_holder_at_a_time(tenures: Iterable[Tenure], many_holders: AbstractSet[str]) -> Iterator[Clash]:
    """One holder, and one acting beside or instead of them: one person is first responsible at any instant. R007."""
    heads = (t for t in tenures if t.post not in many_holders)
    for earlier, later in _overlaps(heads, lambda t: (t.unit, f"{t.post} {t.acting}")):
        yield Clash(
            "two-holders",
            (later, earlier),
            "from_on",
            Said(
                f"two persons hold {later.post} of {later.unit} at once: {earlier.person} ({_period(earlier)}) and "
                f"{later.person} ({_period(later)}). "
                + ("End the earlier one" if later.acting else "End the earlier tenure, or mark one as acting"),
                f"{later.unit} 的 {later.post} 同时由两人担任:{earlier.person}({_period(earlier).zh})、"
                f"{later.person}({_period(later).zh})。"
                + ("请填前者的终止日" if later.acting else "请填前任的终止日,或将其一标为代理"),
            ),
        )


def _period(dated: Parent | Tenure) -> Said:
    begun, ended = dated.from_on, dated.until_on
    return Said(
        f"from {begun}" + (f" until {ended}" if ended else ""),
        f"自 {begun} 起" + (f"至 {ended} 前" if ended else ""),
    )


def _overlaps(rows: Iterable[Dated], key: Callable[[Dated], tuple[str, str]]) -> Iterator[tuple[Dated, Dated]]:
    """Each row that begins before an earlier one of the same key has ended, with that earlier one."""
    open_: dict[tuple[str, str], Dated] = {}
    for row in sorted(rows, key=lambda r: r.from_on):
        before = open_.get(key(row))
        if before is None:
            open_[key(row)] = row
            continue
        if before.until_on is None or row.from_on < before.until_on:
            yield before, row
        if before.until_on is not None and (row.until_on is None or row.until_on > before.until_on):
            open_[key(row)] = row


def _cycles(org: Org) -> Iterator[Clash]:
    """Units that would stand above themselves on some day."""
    knot = _knot([p for p in org.parents if p.kind != "guiding"])
    if not knot:
        return
    tied = Org(
        units=tuple(u for u in org.units if u.id in knot),
        parents=tuple(p for p in org.parents if p.unit in knot),
    )
    # the line of a day changes only where a row begins or ends
    days = sorted({p.from_on for p in tied.parents} | {p.until_on for p in tied.parents if p.until_on is not None})
    seen: set[frozenset[str]] = set()
    for day in days:
        above = tied.on(day).superior
        for ring in _rings(above):
            if frozenset(ring) in seen:
                continue
            seen.add(frozenset(ring))
            inside = [p for p in tied.parents if p.unit in ring and above[p.unit] == p.parent and p.in_force(day)]
            way = " > ".join([*ring, ring[0]])
            since = "" if day == ALWAYS else day
            yield Clash(
                "cycle",
                tuple(inside),
                "parent",
                Said(
                    f"a unit would be its own superior{f' on {since}' if since else ''}: {way}",
                    f"{f'{since} ' if since else ''}上下级成环:{way}",
                ),
            )


def _knot(lines: Sequence[Parent]) -> set[str]:
    """The units that may be part of a cycle: what is left after taking away, again and again, those nothing is above
    and those nothing is below."""
    left = {(p.unit, p.parent) for p in lines}
    while True:
        lower, upper = {u for u, _ in left}, {p for _, p in left}
        kept = {(u, p) for u, p in left if p in lower and u in upper}
        if len(kept) == len(left):
            return lower
        left = kept


def _rings(above: dict[str, str]) -> Iterator[list[str]]:
    done: set[str] = set()
    for start in sorted(above):
        walk: dict[str, int] = {}
        at: str | None = start
        while at is not None and at not in done and at not in walk:
            walk[at] = len(walk)
            at = above.get(at)
        if at is not None and at in walk:
            yield list(walk)[walk[at] :]
        done.update(walk)


def _references(org: Org, units: _Guess, persons: _Guess) -> Iterator[Clash]:
    for tenure in org.tenures:
        if tenure.person not in persons.known:
            yield Clash("unknown-person", (tenure,), "person", persons.unknown(tenure.person, _A_PERSON))
        if tenure.unit not in units.known:
            yield Clash("unknown-unit", (tenure,), "unit", units.unknown(tenure.unit, _A_UNIT))


def _lives(org: Org) -> Iterator[Clash]:
    """Posts are held only while the unit exists; before that its superior answers (兜底, R017)."""
    for tenure in org.tenures:
        unit = org.unit_by_id.get(tenure.unit)
        if unit is None:
            continue
        begun, ended = unit.established_on, unit.dissolved_on
        if begun is None or tenure.from_on < begun:
            yield Clash(
                "outside-life",
                (tenure, unit),
                "from_on",
                Said(
                    f"the tenure begins {tenure.from_on}, but {unit.id} is "
                    + (f"established on {begun}" if begun else "not yet established; its superior answers meanwhile"),
                    f"任期始于 {tenure.from_on},而 {unit.id} "
                    + (f"成立于 {begun}" if begun else "尚未成立,其间由上级兜底"),
                ),
            )
        elif ended is not None and (tenure.until_on is None or tenure.until_on > ended):
            yield Clash(
                "outside-life",
                (tenure, unit),
                "until_on",
                Said(
                    f"the tenure {f'ends {tenure.until_on}' if tenure.until_on else 'has no end'}, "
                    f"but {unit.id} is dissolved on {ended}. End it by then",
                    f"任期{f'止于 {tenure.until_on}' if tenure.until_on else '无终止日'},"
                    f"而 {unit.id} 撤销于 {ended}。请填不晚于该日的终止日",
                ),
            )
