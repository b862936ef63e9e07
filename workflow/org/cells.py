"""One row of an import: its cells to values, or a fault that says what was expected there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from workflow.definition.problem import NOTHING, nearest, shown
from workflow.org.sheet import Faults

ID_LIMIT = 64
NAME_LIMIT = 200
YES = frozenset({"1", "yes", "true", "是"})
NO = frozenset({"", "0", "no", "false", "否"})

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OTHER_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", re.ASCII)
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ORDINAL = re.compile(r"[0-9]{1,9}")


@lru_cache(maxsize=10_000)
def is_day(text: str) -> bool:
    """Whether the text is a day of the calendar, written ``2019-08-31``."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def meant(text: str) -> str | None:
    """The day a person probably meant: proposed, never taken."""
    match = _OTHER_DAY.fullmatch(text)
    if match is None:
        return None
    day = f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
    return day if is_day(day) else None


@dataclass(frozen=True)
class Line:
    """A row and where it stands. Every method gives a value, or None and a fault."""

    file: str
    row: int
    cells: Mapping[str, str]
    faults: Faults

    def fault(self, code: str, column: str, en: str, zh: str) -> None:
        self.faults.add(code, self.file, self.row, column, en, zh)

    def _unexpected(self, code: str, column: str, expected: str, zh: str) -> None:
        text = shown(self.cells[column], 40)
        self.fault(code, column, f"expected {expected}; got {text or 'nothing'}", f"应为{zh};实为 {text or '空'}")

    def id(self, column: str) -> str | None:
        text = self.cells[column]
        if text and len(text) <= ID_LIMIT:
            return text
        self._unexpected("id", column, f"1 to {ID_LIMIT} characters", f" 1 至 {ID_LIMIT} 个字符")
        return None

    def code(self, column: str) -> str | None:
        """A level or a post: the word by which definitions name it."""
        text = self.cells[column]
        if _CODE.fullmatch(text):
            return text
        self._unexpected(
            "code", column, "a code of small letters, digits and hyphens", "小写字母、数字、连字符组成的代码"
        )
        return None

    def one_of(self, code: str, column: str, known: Iterable[str], default: str = "") -> str | None:
        text, words = self.cells[column] or default, list(known)
        if text in words:
            return text
        hint = nearest(text, words) if text else NOTHING
        listed, actual = ", ".join(words), shown(text, 40)
        self.fault(code, column, f"expected {listed}; got {actual}. {hint}", f"应为 {listed};实为 {actual}。{hint.zh}")
        return None

    def day(self, column: str) -> str | None:
        """None for an empty cell, too."""
        text = self.cells[column]
        if not text or is_day(text):
            return text or None
        other, actual = meant(text), shown(text, 40)
        en = f"expected a day such as 2019-08-31; got {actual}." + (f" Write {other}" if other else "")
        zh = f"应为 2019-08-31 形式的日期;实为 {actual}。" + (f"请写作 {other}" if other else "")
        self.fault("day", column, en, zh)
        return None

    def period(self, first: str, then: str) -> tuple[str | None, str | None] | None:
        """The days of two columns, the second exclusive and after the first; None if they are not."""
        before = len(self.faults)
        begun, ended = self.day(first), self.day(then)
        if begun is not None and ended is not None and ended <= begun:
            en = f"expected a day after {first} {begun}; got {ended}. It is the first day on which this no longer holds"
            self.fault("period", then, en, f"应晚于 {first} {begun};实为 {ended}。此为不再有效的首日")
        return (begun, ended) if len(self.faults) == before else None

    def names(self) -> tuple[str, str] | None:
        """Chinese and English; one name stands for both."""
        zh, en = self.cells["name_zh"] or self.cells["name_en"], self.cells["name_en"] or self.cells["name_zh"]
        if zh and max(len(zh), len(en)) <= NAME_LIMIT:
            return zh, en
        column = "name_zh" if len(zh) >= len(en) else "name_en"
        self._unexpected("name", column, f"a name of 1 to {NAME_LIMIT} characters", f" 1 至 {NAME_LIMIT} 个字的名称")
        return None

    def ordinal(self, default: int) -> int | None:
        text = self.cells["ordinal"] or str(default)
        if _ORDINAL.fullmatch(text):
            return int(text)
        self._unexpected("ordinal", "ordinal", "a whole number", "整数")
        return None

    def yes(self, column: str) -> bool | None:
        text = self.cells[column].lower()
        if text in YES or text in NO:
            return text in YES
        self._unexpected("yes-no", column, "yes or no", "“是”或“否”")
        return None
