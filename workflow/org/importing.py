"""Reading an organisation from three CSV files, with every fault at its place, or not at all.

``units.csv``    ``id, level, parent, name_zh, name_en, ordinal, established_on, dissolved_on, parent_kind, from_on, until_on``
``persons.csv``  ``id, name_zh, name_en``
``tenures.csv``  ``person, unit, post, from_on, until_on, acting``

A unit with several parents (managing, guiding, entrusted; or one after the other) takes several rows: the first says
what the unit is, the others repeat the id, name a further parent and leave the unit's own columns empty or the same.
Empty cells: ``parent_kind`` is managing; a parent's ``from_on`` is "always"; ``established_on`` says not yet established;
``ordinal`` is the order in the file; one name stands for both languages; ``acting`` is no. Ends are exclusive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

from workflow.definition.problem import NOTHING, Said, nearest
from workflow.errors import OrgInvalid, why_not
from workflow.evidence import canonical
from workflow.evidence.digest import sha256
from workflow.org.cells import Line
from workflow.org.consistency import clashes
from workflow.org.model import ALWAYS, PARENT_KINDS, Org, Parent, Person, Tenure, Unit
from workflow.org.sheet import COLUMNS, PERSONS, TENURES, UNITS, Fault, Faults, Sheet, SourceFile

MANY_HOLDERS = frozenset({"scrutineer", "committee-member", "handler", "department"})
"""Posts that several persons hold side by side. Every other post has one holder at a time."""

LISTED = 200  # faults in the sentence of the error; ``problems`` has all
INLINE = 2_000  # rows that an evidence entry carries itself
PART = 4_000  # rows of a part that it carries by digest

_OF_THE_UNIT = ("level", "name_zh", "name_en", "ordinal", "established_on", "dissolved_on")

Rows = Iterable[tuple[int, dict[str, str]]]
Source = str | Path | Mapping[str, bytes]


@dataclass(frozen=True)
class OrgImport(Org):
    """An organisation, or the part of one that changes, checked and ready to be written."""

    files: tuple[SourceFile, ...] = ()
    many_holders: AbstractSet[str] = MANY_HOLDERS

    @property
    def remarks(self) -> tuple[Said, ...]:
        """What the importing person should know although nothing is wrong."""
        return tuple(
            Said(
                f"{f.name} is not UTF-8 and was read as {f.encoding.upper()}; look at the names before you go on",
                f"{f.name} 不是 UTF-8,已按 {f.encoding.upper()} 读取;请先核对名称",
            )
            for f in self.files
            if f.encoding != "utf-8"
        )

    def canonical(self) -> dict[str, Any]:
        """The import as plain data for its one evidence entry, whatever the order of the rows.

        Up to ``INLINE`` rows stand in it; a larger import names its ``parts`` by digest, as an entry has a size limit.
        """
        tables = self._tables
        inline = _count(tables) <= INLINE
        return {
            "files": [{"name": f.name, "encoding": f.encoding, "digest": f.digest, "rows": f.rows} for f in self.files],
            "many-holders": sorted(self.many_holders),
            "tables": {
                name: {
                    "columns": columns,
                    "count": len(rows),
                    **({"rows": rows} if inline else {"parts": list(self._parts[name])}),
                }
                for name, (columns, rows) in tables.items()
            },
        }

    def parts(self) -> dict[str, bytes]:
        """The parts that ``canonical`` names by digest, as canonical bytes; empty for an import that fits inline."""
        if _count(self._tables) <= INLINE:
            return {}
        return {digest: part for parts in self._parts.values() for digest, part in parts.items()}

    @cached_property
    def _parts(self) -> dict[str, dict[str, bytes]]:
        return {name: {sha256(part): part for part in _parts(rows)} for name, (_, rows) in self._tables.items()}

    @cached_property
    def _tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        found = {}
        for name, rows in self.to_rows().items():
            columns = list(rows[0]) if rows else []
            # the id, or of a parent its unit, parent, kind and beginning: all of them text
            key = itemgetter(0, 1, 2, 3) if name == "parents" else itemgetter(0)
            found[name] = (columns, sorted((list(r.values()) for r in rows), key=key))
        return found


def _count(tables: Mapping[str, tuple[list[str], list[list[Any]]]]) -> int:
    return sum(len(rows) for _, rows in tables.values())


def _parts(rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    for start in range(0, len(rows), PART):
        yield canonical.encode(rows[start : start + PART])


def read_org(
    folder_or_files: Source,
    *,
    levels: Sequence[str] | None = None,
    many_holders: AbstractSet[str] = MANY_HOLDERS,
    known: Org | None = None,
) -> OrgImport:
    """Read and check an organisation.

    Args:
        folder_or_files: the folder that holds the three files, or their contents by name.
        levels: the levels of the definitions, lowest first; without them levels are not checked.
        many_holders: posts that may have several holders at once.
        known: what is already stored. An import may then name units and persons that only stand there, is checked
            together with it, and leaves out files that change nothing.

    Returns:
        Only what the files say, not what is ``known``. ``remarks`` says when a file was not UTF-8.

    Raises:
        OrgInvalid: ``problems`` lists every ``Fault`` in the order of files and rows.
    """
    reading = _Reading(levels, many_holders, known or Org())
    imported = reading.read(_contents(folder_or_files, reading.faults))
    if reading.faults:
        order = {name: n for n, name in enumerate(COLUMNS)}
        faults = sorted(reading.faults, key=lambda f: (order.get(f.file, -1), f.row))
        where = str(folder_or_files) if isinstance(folder_or_files, (str, Path)) else ", ".join(folder_or_files)
        raise OrgInvalid(count=len(faults), file=where or "-", listing=listing(faults), problems=faults)
    return imported


def listing(faults: Sequence[Fault]) -> Said:
    """The first faults, a line each, in both languages."""
    more = len(faults) - LISTED
    tail = Said(f"\n... and {more} more", f"\n……另有 {more} 处") if more > 0 else NOTHING
    first = faults[:LISTED]
    return Said("\n".join(f.text("en") for f in first) + tail, "\n".join(f.text("zh") for f in first) + tail.zh)


def _contents(source: Source, faults: Faults) -> dict[str, bytes]:
    if isinstance(source, Mapping):
        for name in source:
            if name not in COLUMNS:
                hint = nearest(name, COLUMNS)
                faults.add(
                    "file", name, 0, "-", f"no file of this name is read. {hint}", f"不读取此名的文件。{hint.zh}"
                )
        return {name: source[name] for name in COLUMNS if name in source}
    found = {}
    for name in COLUMNS:
        try:
            found[name] = (Path(source) / name).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            why = why_not(error)
            faults.add("file", name, 0, "-", f"cannot be read: {why}", f"无法读取:{why.zh}")
    if not found and not faults:
        looked = ", ".join(COLUMNS)
        faults.add(
            "file",
            str(source),
            0,
            "-",
            f"none of {looked} is there; look at the path of the folder",
            f"其中没有 {looked};请核对目录路径",
        )
    return found


def tenure_id(person: str, unit: str, post: str, from_on: str, acting: bool) -> str:
    """The id of a tenure: the same in every import that names it. Its end is not in it, so that an end can be added."""
    # no cell holds a NUL, so the parts stay apart
    fields = "\0".join((person, unit, post, from_on, "acting" if acting else ""))
    return "t-" + hashlib.sha256(fields.encode()).hexdigest()[:24]


def _merged(known: Iterable[Any], new: Iterable[Any], key: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(({key(k): k for k in known} | {key(n): n for n in new}).values())


def _line_key(parent: Parent) -> tuple[str, str, str]:
    return (parent.unit, parent.kind, parent.from_on)


@dataclass
class _Reading:
    """One reading of one import: what is wrong so far, and where each row stands."""

    levels: Sequence[str] | None
    many_holders: AbstractSet[str]
    known: Org
    faults: Faults = field(default_factory=Faults)
    places: dict[Unit | Parent | Tenure, tuple[str, int]] = field(default_factory=dict)
    # every id that has a row, refused ones too, and its first row
    units: dict[str, Line] = field(default_factory=dict)
    persons: dict[str, int] = field(default_factory=dict)

    def read(self, contents: Mapping[str, bytes]) -> OrgImport:
        if UNITS not in contents and not self.known.units and not self.faults.of(UNITS):
            self.faults.add(
                "file", UNITS, 0, "-", "no such file, and no units are stored yet", "缺此文件,且库中尚无单位"
            )
        sheets = {name: Sheet(name, data, self.faults) for name, data in contents.items()}
        units, parents = self._units(sheets.get(UNITS, ()))
        persons = list(self._persons(sheets.get(PERSONS, ())))
        tenures = self._tenures(sheets.get(TENURES, ()))
        if not any(f.code in ("file", "header", "encoding", "csv") for f in self.faults):  # else all would be unknown
            self._check(
                Org(
                    _merged(self.known.units, units, lambda u: u.id),
                    _merged(self.known.parents, parents, _line_key),
                    _merged(self.known.persons, persons, lambda p: p.id),
                    _merged(self.known.tenures, tenures, lambda t: t.id),
                )
            )
        files = tuple(s.source for s in sheets.values())
        return OrgImport(tuple(units), tuple(parents), tuple(persons), tuple(tenures), files, self.many_holders)

    def _units(self, rows: Rows) -> tuple[list[Unit], list[Parent]]:
        units: list[Unit] = []
        parents: dict[tuple[str, str, str], Parent] = {}
        for row, cells in rows:
            line = Line(UNITS, row, cells, self.faults)
            id_ = line.id("id")
            if id_ is None:
                continue
            first = self.units.setdefault(id_, line)
            if first is line:
                unit = self._unit(id_, line)
                if unit is not None:
                    units.append(unit)
                    self.places[unit] = (UNITS, row)
            elif not _continues(line, first):
                continue
            parent = _parent(id_, line)
            if parent is None:
                continue
            if _line_key(parent) in parents:
                _twice(line, "id", self.places[parents[_line_key(parent)]][1])
            else:
                parents[_line_key(parent)] = parent
                self.places[parent] = (UNITS, row)
        return units, list(parents.values())

    def _unit(self, id_: str, line: Line) -> Unit | None:
        level = line.code("level")
        if level is not None and self.levels is not None:
            level = line.one_of("level", "level", self.levels)
        names, ordinal = line.names(), line.ordinal(len(self.units))
        life = line.period("established_on", "dissolved_on")
        if level is None or names is None or ordinal is None or life is None:
            return None
        return Unit(id_, level, *names, ordinal, *life)

    def _persons(self, rows: Rows) -> Iterator[Person]:
        for row, cells in rows:
            line = Line(PERSONS, row, cells, self.faults)
            id_, names = line.id("id"), line.names()
            if id_ is None:
                continue
            first = self.persons.setdefault(id_, row)
            if first != row:
                _twice(line, "id", first)
            elif names is not None:
                yield Person(id_, *names)

    def _tenures(self, rows: Rows) -> list[Tenure]:
        found: dict[str, Tenure] = {}
        for row, cells in rows:
            line = Line(TENURES, row, cells, self.faults)
            person, unit, post = line.id("person"), line.id("unit"), line.code("post")
            period, acting = line.period("from_on", "until_on"), line.yes("acting")
            if not cells["from_on"]:
                line.fault("day", "from_on", "expected the first day of the tenure; got nothing", "缺任期首日")
            if person is None or unit is None or post is None or period is None or period[0] is None or acting is None:
                continue
            id_ = tenure_id(person, unit, post, period[0], acting)
            tenure = Tenure(id_, person, unit, post, period[0], period[1], acting)
            if id_ in found:
                _twice(line, "person", self.places[found[id_]][1])
                continue
            found[id_] = tenure
            self.places[tenure] = (TENURES, row)
        return list(found.values())

    def _check(self, org: Org) -> None:
        """What clashes is shown at the row of this import that takes part in it; what was stored is not its fault."""
        units, persons = self.units.keys() | org.unit_by_id.keys(), self.persons.keys() | org.person_by_id.keys()
        for clash in clashes(org, self.levels, self.many_holders, units, persons):
            row = next((r for r in clash.of if r in self.places), None)
            if row is not None:
                column = clash.column if row is clash.of[0] else COLUMNS[self.places[row][0]][0]
                self.faults.append(Fault(clash.code, *self.places[row], column, clash.message))


def _continues(line: Line, first: Line) -> bool:
    """Whether a further row of a unit only adds a parent."""
    other = [c for c in _OF_THE_UNIT if line.cells[c] and line.cells[c] != first.cells[c]]
    if not other and line.cells["parent"]:
        return True
    _twice(line, other[0] if other else "id", first.row)
    return False


def _twice(line: Line, column: str, first: int) -> None:
    id_ = line.cells["person" if line.file == TENURES else "id"]
    rule = {
        UNITS: Said("A further row of a unit only names a further parent", "同一单位的其他行只用于增加上级"),
        PERSONS: Said("One person has one row", "一人一行"),
        TENURES: Said("One tenure has one row", "一个任期一行"),
    }[line.file]
    en = f"duplicate of row {first}: {id_} already stands there. {rule}"
    line.fault("duplicate-id", column, en, f"与第 {first} 行重复:{id_} 已见于该行。{rule.zh}")


def _parent(id_: str, line: Line) -> Parent | None:
    above = line.cells["parent"]
    if not above:
        for column in ("parent_kind", "from_on", "until_on"):
            if line.cells[column]:
                line.fault("parent", column, "stands without a parent", "未填上级而填了此项")
        return None
    kind = line.one_of("parent-kind", "parent_kind", PARENT_KINDS, default="managing")
    period = line.period("from_on", "until_on")
    if kind is None or period is None:
        return None
    return Parent(id_, above, next(k for k in PARENT_KINDS if k == kind), period[0] or ALWAYS, period[1])
