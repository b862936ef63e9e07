"""Reading a calendar file: every fault with its line and column, nothing constructed but strings and dates.

The shape of the file and how to add a year: ``definitions/calendars/README.md``. A module of its own: a calendar that comes
from the database (``Calendar.from_canonical``) must not cost a YAML parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from os import PathLike
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import normalize

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workflow.calendar import REACH, WEEKDAYS, WEEKDAYS_EN, WEEKDAYS_ZH, Calendar, Holiday, Text, YearDays
from workflow.errors import DefinitionInvalid, Said


class Problem(NamedTuple):
    """One fault of a calendar file. Lines and columns count from 1."""

    line: int
    column: int
    code: str
    text: Said


# Every key has one Chinese alias, accepted anywhere.
_ALIASES = {
    "日历": "calendar",
    "名称": "title",
    "周末": "weekend",
    "节日": "festivals",
    "年度": "years",
    "放假": "holidays",
    "上班": "workdays",
    "节": "festival",
    "自": "from",
    "至": "to",
}
_ALIASES.update(zip(WEEKDAYS_ZH, WEEKDAYS, strict=True))


def load_calendar(source: str | PathLike[str], file: str | None = None) -> Calendar:
    """A calendar from a file (a path) or from its text (a string).

    Args:
        source: a ``Path`` is opened; a ``str`` is the YAML text itself.
        file: what errors call it; the path unless told.

    Raises:
        DefinitionInvalid: every fault with ``file:line:column``, in file order.
        OSError: the path cannot be read.
    """
    if isinstance(source, str):
        return read_calendar(source.encode(), file or "<text>")
    with open(source, "rb") as opened:
        return read_calendar(opened.read(), file or str(source))


@lru_cache(maxsize=8)  # a calendar is frozen and its file takes 0.1 s to parse
def read_calendar(source: bytes, file: str) -> Calendar:
    """The calendar that the bytes of a file (UTF-8) describe; ``file`` is what errors call it.

    Raises:
        DefinitionInvalid: every fault with ``file:line:column``, in file order.
    """
    reader = _Reader()
    calendar = reader.read(source)
    if calendar is None or reader.problems:
        problems = sorted(set(reader.problems))
        raise DefinitionInvalid(
            count=len(problems),
            file=file,
            listing=Said(
                "\n".join(f"{file}:{p.line}:{p.column}: error: {p.text} [{p.code}]" for p in problems),
                "\n".join(f"{file}:{p.line}:{p.column}: 错误:{p.text.zh} [{p.code}]" for p in problems),
            ),
            problems=problems,
        )
    return calendar


class _Reader:
    """Walks the node tree, so that every fault has its place; nothing in the file is ever constructed as an object."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        # Over all years, because the notice of one year reaches into the December of the year before.
        self.off: dict[date, Node] = {}
        self.worked: dict[date, Node] = {}

    def read(self, source: bytes) -> Calendar | None:
        try:
            root = YAML(typ="safe", pure=True).compose(source.decode("utf-8-sig"))
        except UnicodeDecodeError as fault:
            said = Said(f"expected UTF-8; got {fault.reason}", "文件不是 UTF-8 编码,请另存为 UTF-8")
            self.problems.append(Problem(1, 1, "calendar-encoding", said))
            return None
        except MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            begun = f", {fault.context} of line {fault.context_mark.line + 1}" if fault.context_mark else ""
            self.problems.append(Problem(line, column, "calendar-yaml", _unreadable(f"{fault.problem}{begun}")))
            return None
        except YAMLError as fault:
            self.problems.append(Problem(1, 1, "calendar-yaml", _unreadable(str(fault).splitlines()[0])))
            return None
        if root is None:
            said = Said("expected a calendar; got an empty file", "文件为空,应为日历")
            self.problems.append(Problem(1, 1, "calendar-empty", said))
            return None
        return self._calendar(root)

    def _calendar(self, root: Node) -> Calendar | None:
        top = self._fields(root, "calendar", "title", "weekend", "festivals", "years")
        if top is None:
            return None
        name = self._code(top["calendar"])
        title = self._text(top["title"])
        weekend = frozenset(n for n in map(self._weekday, self._list(top["weekend"])) if n is not None)
        festivals = {self._code(key): self._text(value) for key, value in self._pairs(top["festivals"])}
        years = []
        for key, value in self._pairs(top["years"]):
            if re.fullmatch(r"(19|20|21)\d\d", key.value):
                years.append(self._year(int(key.value), value, weekend, festivals))
            else:
                self._fault(key, "calendar-year", Said("a year such as 2019", "年度,如 2019"), key)
        if not years:
            self._fault(
                top["years"], "calendar-empty", Said("at least one published year", "至少一个已公布年度"), top["years"]
            )
        return Calendar(name, title, weekend, MappingProxyType(festivals), tuple(sorted(years, key=lambda y: y.year)))

    def _year(self, year: int, node: Node, weekend: frozenset[int], festivals: Mapping[str, Text]) -> YearDays:
        parts = self._fields(node, "holidays", "workdays")
        if parts is None:
            return YearDays(year, (), frozenset())
        stretches: list[Holiday] = []
        seen: set[str] = set()
        for each in self._list(parts["holidays"]):
            stretch = self._stretch(year, each, festivals, seen)
            if stretch is None:
                continue
            for day in stretch.days():
                taken = self.off.get(day) or self.worked.get(day)
                if taken:
                    self._say(each, "calendar-overlap", _arranged(day, taken))
                    break
                self.off[day] = each
            stretches.append(stretch)
        if not self._list(parts["holidays"]):
            wanted = Said("the year's holidays", "该年的放假安排")
            self._fault(parts["holidays"], "calendar-empty", wanted, parts["holidays"])
        made_up: list[date] = []
        for each in self._list(parts["workdays"]):
            found = self._day(each, year)
            if found is None:
                continue
            taken = self.off.get(found) or self.worked.get(found)
            if taken:
                self._say(each, "calendar-overlap", _arranged(found, taken))
            elif found.weekday() not in weekend:
                got = Said(f"{found}, a {WEEKDAYS_EN[found.weekday()]}", f"{found},{WEEKDAYS_ZH[found.weekday()]}")
                self._fault(each, "calendar-workday", Said("a day of the weekend", "周末的一天"), got)
            self.worked[found] = each
            made_up.append(found)
        return YearDays(year, tuple(sorted(stretches, key=lambda s: s.first)), frozenset(made_up))

    def _stretch(self, year: int, node: Node, festivals: Mapping[str, Text], seen: set[str]) -> Holiday | None:
        parts = self._fields(node, "festival", "from", "to")
        if parts is None:
            return None
        one = parts["festival"]
        codes = []
        for each in [one] if isinstance(one, ScalarNode) else self._list(one):
            code = self._code(each)
            if code not in festivals:
                near = get_close_matches(code, festivals, 1)
                wanted = Said(
                    f"one of festivals{f' (did you mean {near[0]}?)' if near else ''}",
                    f"节日(festivals)之一{f'(是否应为 {near[0]}?)' if near else ''}",
                )
                self._fault(each, "calendar-festival", wanted, each)
            elif code in seen:
                said = Said(f"{code} is already arranged in {year}", f"{year} 年的 {code} 已有安排")
                self._say(each, "calendar-overlap", said)
            seen.add(code)
            codes.append(code)
        if not codes:
            self._fault(one, "calendar-festival", Said("a festival", "节日"), one)
        first, last = self._day(parts["from"], year), self._day(parts["to"], year)
        if first is None or last is None:
            return None
        if last < first:
            wanted = Said(f"a date on or after {first}", f"{first} 当日或之后")
            self._fault(parts["to"], "calendar-order", wanted, Said(str(last)))
            return None
        return Holiday(tuple(codes), first, last)

    def _day(self, node: Node, year: int) -> date | None:
        value = node.value if isinstance(node, ScalarNode) else ""
        try:
            day = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
        except ValueError:
            day = None
        if day is None:
            self._fault(node, "calendar-date", Said("a date such as 2019-10-01", "日期,如 2019-10-01"), node)
        elif not date(year, 1, 1) - REACH <= day <= date(year, 12, 31):
            wanted = Said(f"a date of {year} or of the last week before it", f"{year} 年或上年末周的日期")
            self._fault(node, "calendar-date", wanted, node)
            return None
        return day

    def _weekday(self, node: Node) -> int | None:
        value = node.value if isinstance(node, ScalarNode) else ""
        value = _ALIASES.get(value, value)
        if value in WEEKDAYS:
            return WEEKDAYS.index(value)
        listed = ", ".join(WEEKDAYS)
        self._fault(node, "calendar-weekday", Said(f"one of {listed}", f"{listed} 之一"), node)
        return None

    def _code(self, node: Node) -> str:
        if isinstance(node, ScalarNode) and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", node.value):
            return str(node.value)
        wanted = Said("a code of small letters, digits and hyphens", "由小写字母、数字和连字符组成的代码")
        self._fault(node, "calendar-code", wanted, node)
        return ""

    def _text(self, node: Node) -> Text:
        parts = self._fields(node, "zh", "en")
        if parts is None:
            return Text("", "")
        for each in parts.values():
            if not isinstance(each, ScalarNode) or not each.value.strip():
                self._fault(each, "calendar-text", Said("a text", "文本"), each)
        return Text(*(normalize("NFC", str(parts[lang].value)) for lang in ("zh", "en")))

    def _fields(self, node: Node, *names: str) -> dict[str, Node] | None:
        """The values of exactly these keys; None when one is lacking."""
        found: dict[str, Node] = {}
        for key, value in self._pairs(node):
            name = _ALIASES.get(key.value, key.value)
            if name in names:
                found[name] = value
                continue
            near = get_close_matches(name, names, 1)
            listed = ", ".join(names)
            wanted = Said(
                f"one of {listed}{f' (did you mean {near[0]}?)' if near else ''}",
                f"{listed} 之一{f'(是否应为 {near[0]}?)' if near else ''}",
            )
            self._fault(key, "calendar-key", wanted, key)
        lacking = [name for name in names if name not in found]
        if lacking and isinstance(node, MappingNode):
            all_, gone = ", ".join(names), ", ".join(lacking)
            said = Said(f"expected {all_}; {gone} is lacking", f"应有 {all_};缺 {gone}")
            self._say(node, "calendar-lacking", said)
        return None if lacking else found

    def _pairs(self, node: Node) -> list[tuple[ScalarNode, Node]]:
        if not isinstance(node, MappingNode):
            self._fault(node, "calendar-shape", Said("keys with values", "“键: 值”"), node)
            return []
        pairs: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, "calendar-key", Said("a plain key", "普通的键"), key)
                continue
            name = _ALIASES.get(key.value, key.value)
            if name in pairs:
                line = _line(pairs[name][0])
                said = Said(f"{key.value} is already given in line {line}", f"{key.value} 在第 {line} 行已写")
                self._say(key, "calendar-twice", said)
            pairs.setdefault(name, (key, value))
        return list(pairs.values())

    def _list(self, node: Node) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        self._fault(node, "calendar-shape", Said("a list", "列表"), node)
        return []

    def _fault(self, node: Node, code: str, expected: Said, got: Node | Said) -> None:
        came = got if isinstance(got, Said) else _shown(got)
        self._say(node, code, Said(f"expected {expected}; got {came}", f"应为 {expected.zh};实为 {came.zh}"))

    def _say(self, node: Node, code: str, text: Said) -> None:
        self.problems.append(Problem(_line(node), node.start_mark.column + 1, code, text))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _arranged(day: date, where: Node) -> Said:
    return Said(f"{day} is already arranged in line {_line(where)}", f"{day} 在第 {_line(where)} 行已有安排")


def _unreadable(why: str) -> Said:
    return Said(
        f"expected YAML 1.2; got {why}",
        "此处无法读取:请检查此处及上文的引号、括号、冒号和缩进",
    )


def _shown(node: Node) -> Said:
    if isinstance(node, ScalarNode):
        return Said(repr(node.value)[:60], f"“{node.value[:60]}”")
    if isinstance(node, SequenceNode):
        return Said("a list", "列表") if node.value else Said("an empty list", "空列表")
    return Said("a mapping", "“键: 值”") if node.value else Said("an empty mapping", "空的“键: 值”")
