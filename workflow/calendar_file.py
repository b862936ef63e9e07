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
from workflow.errors import DefinitionInvalid


class Problem(NamedTuple):
    """One fault of a calendar file. Lines and columns count from 1."""

    line: int
    column: int
    code: str
    text: str


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
            listing="\n".join(f"{file}:{p.line}:{p.column}: error: {p.text} [{p.code}]" for p in problems),
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
            self.problems.append(Problem(1, 1, "calendar-encoding", f"expected UTF-8; got {fault.reason}"))
            return None
        except MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            begun = f", {fault.context} of line {fault.context_mark.line + 1}" if fault.context_mark else ""
            text = f"expected YAML 1.2; got {fault.problem}{begun}"
            self.problems.append(Problem(line, column, "calendar-yaml", text))
            return None
        except YAMLError as fault:
            self.problems.append(Problem(1, 1, "calendar-yaml", f"expected YAML 1.2; got {str(fault).splitlines()[0]}"))
            return None
        if root is None:
            self.problems.append(Problem(1, 1, "calendar-empty", "expected a calendar; got an empty file"))
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
                self._fault(key, "calendar-year", "a year such as 2019", key)
        if not years:
            self._fault(top["years"], "calendar-empty", "at least one published year", top["years"])
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
                    self._say(each, "calendar-overlap", f"{day} is already arranged in line {_line(taken)}")
                    break
                self.off[day] = each
            stretches.append(stretch)
        if not self._list(parts["holidays"]):
            self._fault(parts["holidays"], "calendar-empty", "the year's holidays", parts["holidays"])
        made_up: list[date] = []
        for each in self._list(parts["workdays"]):
            found = self._day(each, year)
            if found is None:
                continue
            taken = self.off.get(found) or self.worked.get(found)
            if taken:
                self._say(each, "calendar-overlap", f"{found} is already arranged in line {_line(taken)}")
            elif found.weekday() not in weekend:
                self._fault(
                    each, "calendar-workday", "a day of the weekend", f"{found}, a {WEEKDAYS_EN[found.weekday()]}"
                )
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
                wanted = f"one of festivals{f' (did you mean {near[0]}?)' if near else ''}"
                self._fault(each, "calendar-festival", wanted, each)
            elif code in seen:
                self._say(each, "calendar-overlap", f"{code} is already arranged in {year}")
            seen.add(code)
            codes.append(code)
        if not codes:
            self._fault(one, "calendar-festival", "a festival", one)
        first, last = self._day(parts["from"], year), self._day(parts["to"], year)
        if first is None or last is None:
            return None
        if last < first:
            self._fault(parts["to"], "calendar-order", f"a date on or after {first}", str(last))
            return None
        return Holiday(tuple(codes), first, last)

    def _day(self, node: Node, year: int) -> date | None:
        value = node.value if isinstance(node, ScalarNode) else ""
        try:
            day = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
        except ValueError:
            day = None
        if day is None:
            self._fault(node, "calendar-date", "a date such as 2019-10-01", node)
        elif not date(year, 1, 1) - REACH <= day <= date(year, 12, 31):
            self._fault(node, "calendar-date", f"a date of {year} or of the last week before it", node)
            return None
        return day

    def _weekday(self, node: Node) -> int | None:
        value = node.value if isinstance(node, ScalarNode) else ""
        value = _ALIASES.get(value, value)
        if value in WEEKDAYS:
            return WEEKDAYS.index(value)
        self._fault(node, "calendar-weekday", f"one of {', '.join(WEEKDAYS)}", node)
        return None

    def _code(self, node: Node) -> str:
        if isinstance(node, ScalarNode) and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", node.value):
            return str(node.value)
        self._fault(node, "calendar-code", "a code of small letters, digits and hyphens", node)
        return ""

    def _text(self, node: Node) -> Text:
        parts = self._fields(node, "zh", "en")
        if parts is None:
            return Text("", "")
        for each in parts.values():
            if not isinstance(each, ScalarNode) or not each.value.strip():
                self._fault(each, "calendar-text", "a text", each)
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
            wanted = f"one of {', '.join(names)}{f' (did you mean {near[0]}?)' if near else ''}"
            self._fault(key, "calendar-key", wanted, key)
        lacking = [name for name in names if name not in found]
        if lacking and isinstance(node, MappingNode):
            self._say(node, "calendar-lacking", f"expected {', '.join(names)}; {', '.join(lacking)} is lacking")
        return None if lacking else found

    def _pairs(self, node: Node) -> list[tuple[ScalarNode, Node]]:
        if not isinstance(node, MappingNode):
            self._fault(node, "calendar-shape", "keys with values", node)
            return []
        pairs: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, "calendar-key", "a plain key", key)
                continue
            name = _ALIASES.get(key.value, key.value)
            if name in pairs:
                self._say(key, "calendar-twice", f"{key.value} is already given in line {_line(pairs[name][0])}")
            pairs.setdefault(name, (key, value))
        return list(pairs.values())

    def _list(self, node: Node) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        self._fault(node, "calendar-shape", "a list", node)
        return []

    def _fault(self, node: Node, code: str, expected: str, got: Node | str) -> None:
        if not isinstance(got, str):
            got = _shown(got)
        self._say(node, code, f"expected {expected}; got {got}")

    def _say(self, node: Node, code: str, text: str) -> None:
        self.problems.append(Problem(_line(node), node.start_mark.column + 1, code, text))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return repr(node.value)[:60]
    kind = "list" if isinstance(node, SequenceNode) else "mapping"
    return f"a {kind}" if node.value else f"an empty {kind}"
