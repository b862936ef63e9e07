"""What an HR export says about who holds which post, as the changes it makes to what is stored.

An export is one flat list with a line a person and post, in whatever words the personnel system uses: columns are known
by the usual Chinese and English headings, days by year, month and day in any of the usual writings, titles by the flows'
own words for their posts. What the list holds besides is not read at all. Source: R012.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workflow.definition.problem import Said, nearest, shown
from workflow.errors import OrgInvalid
from workflow.evidence import canonical
from workflow.evidence.digest import sha256
from workflow.org.cells import YES, is_day, meant
from workflow.org.consistency import clashes
from workflow.org.importing import MANY_HOLDERS, OrgImport, listing, tenure_id
from workflow.org.model import Org, Person, Tenure
from workflow.org.sheet import Fault, Faults, SourceFile, decoded

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "person": ("工号", "人员编号", "员工编号", "职工编号", "person", "employee", "employee id", "id"),
    "name": ("姓名", "name"),
    "unit": ("单位编号", "组织编号", "部门编号", "机构编号", "单位", "部门", "unit", "department"),
    "post": ("职务", "岗位", "职务名称", "岗位名称", "post", "title", "position"),
    "from": ("任职日期", "任职时间", "任职起", "任职开始日期", "from", "since", "from_on", "start"),
    "until": ("免职日期", "离任日期", "任职止", "任职结束日期", "until", "until_on", "end"),
    "acting": ("代理", "是否代理", "主持工作", "acting"),
}
NEEDED = ("person", "name", "unit", "post")
Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Staff:
    """The changes, ready to be previewed and imported; and what the importing person should know of the list."""

    imported: OrgImport
    remarks: tuple[Said, ...]


def read_staff(data: bytes, file: str, known: Org, on: str, titles: Mapping[str, str], *, whole: bool = False) -> Staff:
    """Read an export as CSV, UTF-8 or GB18030. See ``staff_of``."""
    faults = Faults()
    encoding, text = decoded(file, data, faults)
    table: list[list[str]] = []
    if not faults:
        try:
            table = list(csv.reader(io.StringIO(unicodedata.normalize("NFC", text), newline=""), strict=True))
        except csv.Error as error:
            faults.add("csv", file, len(table) + 1, "-", f"not CSV: {error}", f"不是 CSV:{error}")
    _raise(file, faults)
    found = staff_of(table, file, known, on, titles, whole=whole)
    (made,) = found.imported.files
    source = replace(made, encoding=encoding, digest=sha256(data))
    found = replace(found, imported=replace(found.imported, files=(source,)))
    if encoding == "utf-8":
        return found
    said = Said(
        f"{file} is not UTF-8 and was read as {encoding.upper()}; look at the names before you go on",
        f"{file} 不是 UTF-8,已按 {encoding.upper()} 读取;请先核对姓名",
    )
    return replace(found, remarks=(said, *found.remarks))


def staff_of(
    table: Sequence[Sequence[str]], file: str, known: Org, on: str, titles: Mapping[str, str], *, whole: bool = False
) -> Staff:
    """The changes that a list makes to what is stored.

    Args:
        table: the cells, the headings first.
        on: the day of the list, ISO; whoever has no other first day begins on it, and whoever left is without a post on it.
        titles: from a title, as the list has it, to the code of the post. A line with another title is left out and told.
        whole: the list has everybody, in the units that stand in it and the posts that ``titles`` names: whoever holds one
            of these and is not in it has left. Otherwise nobody leaves by being absent.

    Raises:
        OrgInvalid: every fault with its row and the list's own heading.
    """
    reading = _Reading(file, known, on, {**titles, **{p: p for p in titles.values()}})
    rows = reading.rows(table)
    _raise(file, reading.faults)
    for row in rows:
        reading.take(*row)
    _raise(file, reading.faults)
    if whole:
        reading.leave()
    reading.check()
    _raise(file, reading.faults)
    source = SourceFile(file, "utf-8", sha256(canonical.encode([list(row) for row in table])), len(rows))
    return Staff(reading.imported(source), tuple(reading.remarks()))


def titles_of(flows: Iterable[Any]) -> dict[str, str]:
    """The words that flows have for their posts, in both languages, and the codes; a word for two posts names neither."""
    found: dict[str, set[str]] = {}
    for flow in flows:
        for code, post in flow.posts.items():
            for word in (post.title.zh, post.title.en, code):
                found.setdefault(word, set()).add(code)
    return {word: min(codes) for word, codes in found.items() if len(codes) == 1}


def _raise(file: str, faults: Sequence[Fault]) -> None:
    if faults:
        problems = sorted(faults, key=lambda f: f.row)
        raise OrgInvalid(count=len(problems), file=file, listing=listing(problems), problems=problems)


class _Reading:
    """One reading of one list."""

    def __init__(self, file: str, known: Org, on: str, titles: Mapping[str, str]) -> None:
        self.file, self.known, self.on, self.titles = file, known, on, titles
        self.faults = Faults()
        self.headings: dict[str, str] = {}  # what a column is -> how the list calls it
        self.unread: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.gone: list[Tenure] = []
        self.persons: dict[str, tuple[Person, int]] = {}
        self.tenures: list[tuple[Tenure, int]] = []
        self.units = {u.id: u.id for u in known.units}
        names = Counter(u.name_zh for u in known.units)
        self.units |= {u.name_zh: u.id for u in known.units if names[u.name_zh] == 1 and u.name_zh not in self.units}
        self.held: dict[tuple[str, str, str], list[Tenure]] = {}
        for t in known.tenures:
            if t.until_on is None or t.until_on > on:
                self.held.setdefault((t.person, t.unit, t.post), []).append(t)

    def rows(self, table: Sequence[Sequence[str]]) -> list[Row]:
        """The lines below the headings, by what each column is."""
        numbered = [(n, [c.strip() for c in cells]) for n, cells in enumerate(table, 1)]
        lines = [(n, cells) for n, cells in numbered if any(cells)]
        if not lines:
            self.faults.add("header", self.file, 1, "-", "the list is empty", "名单为空")
            return []
        first, heads = lines[0]
        for head in heads:
            what = next((w for w, words in HEADINGS.items() if head.lower() in words), None)
            if what is None or what in self.headings:
                self.unread.append(head)
            else:
                self.headings[what] = head
        for what in NEEDED:
            if what not in self.headings:
                words = ", ".join(HEADINGS[what])
                hint = nearest(next(iter(self.unread), ""), HEADINGS[what])
                en, zh = f"no column {what}; expected one of {words}. {hint}", f"缺少列 {what},应为 {words} 之一"
                self.faults.add("header", self.file, first, what, en, zh)
        at = {what: heads.index(head) for what, head in self.headings.items()}
        return [(n, {what: cells[i] if i < len(cells) else "" for what, i in at.items()}) for n, cells in lines[1:]]

    def take(self, row: int, cells: dict[str, str]) -> None:
        post = self.titles.get(cells["post"])
        if post is None:
            self.left_out[cells["post"]] += 1
            return
        unit = self.units.get(cells["unit"])
        if unit is None:
            hint, given = nearest(cells["unit"], self.units), shown(cells["unit"], 40) or "-"
            self._fault("unit", row, "unit", f"no unit {given} is stored. {hint}", f"库中没有单位 {given}。{hint.zh}")
        id_ = cells["person"]
        if not id_ or len(id_) > 64:
            self._fault(
                "id",
                row,
                "person",
                "expected 1 to 64 characters; got " + (shown(id_, 40) or "nothing"),
                "应为 1 至 64 个字符",
            )
        begun, ended = self._day(row, "from", cells), self._day(row, "until", cells)
        if unit is None or not id_ or begun is None or ended is None:
            return
        before = self.known.person_by_id.get(id_)
        english = before.name_en if before is not None and before.name_zh == cells["name"] else cells["name"]
        person = Person(id_, cells["name"], english)
        other, first = self.persons.setdefault(id_, (person, row))
        if other != person:
            en, zh = (
                f"row {first} calls {id_} {shown(other.name_zh, 40)}",
                f"第 {first} 行中 {id_} 名为 {shown(other.name_zh, 40)}",
            )
            self._fault("name", row, "name", en, zh)
        held = self.held.get((id_, unit, post), [])
        acting = cells.get("acting", "").lower() in YES
        now = next((t for t in held if not begun or t.from_on == begun), held[-1] if held and not begun else None)
        if now is None:
            first_day = begun or self.on
            now = Tenure(tenure_id(id_, unit, post, first_day, acting), id_, unit, post, first_day, None, acting)
        self.tenures.append((replace(now, until_on=ended or now.until_on), row))

    def _day(self, row: int, column: str, cells: Mapping[str, str]) -> str | None:
        """A day in one of the usual writings; empty where the cell is, None and a fault where it is none."""
        text = cells.get(column, "")
        day = text if not text or is_day(text) else meant(text.split(" ")[0])
        if day is None:
            given = shown(text, 40)
            self._fault(
                "day",
                row,
                column,
                f"expected a day such as 2019-08-31; got {given}",
                f"应为 2019-08-31 形式的日期;实为 {given}",
            )
        return day

    def _fault(self, code: str, row: int, column: str, en: str, zh: str) -> None:
        self.faults.add(code, self.file, row, self.headings.get(column, column), en, zh)

    def leave(self) -> None:
        """Whoever holds a post of the list's in a unit of the list's, and is not in it, leaves: for a successor's first
        day where there is one after the list's last, else on the day of the list."""
        units, posts = {t.unit for t, _ in self.tenures}, set(self.titles.values())
        listed = {(t.person, t.unit, t.post) for t, _ in self.tenures}
        begins = {(t.unit, t.post): t.from_on for t, _ in self.tenures}
        for key, held in self.held.items():
            _, unit, post = key
            if unit in units and post in posts and key not in listed:
                for t in (t for t in held if t.from_on < self.on):
                    end = begins.get((unit, post), self.on) if post not in MANY_HOLDERS else self.on
                    self.gone.append(replace(t, until_on=end if t.from_on < end <= self.on else self.on))

    def check(self) -> None:
        """What clashes with what is stored, or within the list, at the line that takes part in it."""
        rows: dict[Any, int] = dict(self.tenures)
        persons = {p.id: p for p in self.known.persons} | {p.id: p for p, _ in self.persons.values()}
        tenures = {t.id: t for t in self.known.tenures}
        tenures |= {t.id: t for t in (*(t for t, _ in self.tenures), *self.gone)}
        org = Org(self.known.units, self.known.parents, tuple(persons.values()), tuple(tenures.values()))
        for clash in clashes(org, None, MANY_HOLDERS, org.unit_by_id.keys(), org.person_by_id.keys()):
            row = next((rows[r] for r in clash.of if r in rows), None)
            if row is not None:
                column = {"from_on": "from", "until_on": "until"}.get(clash.column, clash.column)
                self.faults.append(Fault(clash.code, self.file, row, self.headings.get(column, column), clash.message))

    def imported(self, source: SourceFile) -> OrgImport:
        """Only what is not stored just so."""
        stored = {*self.known.persons, *self.known.tenures}
        persons = [p for p, _ in self.persons.values() if p not in stored]
        tenures = {t.id: t for t in (*(t for t, _ in self.tenures), *self.gone) if t not in stored}
        return OrgImport((), (), tuple(persons), tuple(tenures.values()), (source,))

    def remarks(self) -> Iterable[Said]:
        if self.unread:
            named = ", ".join(shown(h, 20) for h in self.unread)
            yield Said(f"not read: {named}", f"未读取的列:{named}")
        for title, n in self.left_out.most_common():
            hint = nearest(title, self.titles)
            yield Said(
                f"left out: {n} line(s) with the title {shown(title, 40) or '-'}, no post of any flow. {hint}".strip(),
                f"略过 {n} 行:{shown(title, 40) or '-'} 不是流程中的职务。{hint.zh}",
            )
        for t in self.gone:
            yield Said(
                f"not in the list, so without the post from {t.until_on} on: {t.person} {t.post} {t.unit}",
                f"名单中没有,自 {t.until_on} 起不再任职:{t.person} {t.post} {t.unit}",
            )
