"""One CSV file of an import: its bytes to rows of cells, with every fault at its place."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workflow.definition.problem import Said, nearest, shown
from workflow.evidence.digest import sha256

UNITS, PERSONS, TENURES = "units.csv", "persons.csv", "tenures.csv"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    UNITS: (
        "id",
        "level",
        "parent",
        "name_zh",
        "name_en",
        "ordinal",
        "established_on",
        "dissolved_on",
        "parent_kind",
        "from_on",
        "until_on",
    ),
    PERSONS: ("id", "name_zh", "name_en"),
    TENURES: ("person", "unit", "post", "from_on", "until_on", "acting"),
}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ufffe\uffff]")


@dataclass(frozen=True)
class Fault:
    """One fault of an import. ``row`` is the line of the file, the header being line 1; 0 is the file as a whole."""

    code: str
    file: str
    row: int
    column: str
    message: Said

    def text(self, lang: str = "en") -> str:
        """``file:row:column: what is wrong``."""
        return f"{self.file}:{self.row}:{self.column}: {self.message.zh if lang == 'zh' else self.message}"

    def __str__(self) -> str:
        return self.text()


class Faults(list[Fault]):
    """The faults found so far."""

    def add(self, code: str, file: str, row: int, column: str, en: str, zh: str) -> None:
        self.append(Fault(code, file, row, column, Said(en.strip(), zh.strip())))

    def of(self, file: str) -> bool:
        return any(f.file == file for f in self)


@dataclass(frozen=True)
class SourceFile:
    """A file as it was read: its encoding as detected, and the digest of its exact bytes."""

    name: str
    encoding: str
    digest: str
    rows: int


class Sheet:
    """The rows of a file with their line numbers, read as they are asked for. Cells are stripped and in Unicode form
    NFC; empty rows are left out. What is wrong with the file stands in ``faults`` once it has been read through."""

    def __init__(self, file: str, data: bytes, faults: Faults) -> None:
        self._file, self._faults, self._count = file, faults, 0
        self._digest = sha256(data)
        self._encoding, text = decoded(file, data, faults)
        self._text = unicodedata.normalize("NFC", text)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        self._count = 0
        for found in _rows(self._file, self._text, self._faults):
            self._count += 1
            yield found

    @property
    def source(self) -> SourceFile:
        return SourceFile(self._file, self._encoding, self._digest, self._count)


def decoded(file: str, data: bytes, faults: Faults) -> tuple[str, str]:
    """UTF-8 with or without a byte order mark, else GB18030, which is what spreadsheets in Chinese offices write."""
    encoding, text = "utf-8", ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = "gb18030"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            row = data.count(b"\n", 0, error.start) + 1
            said = ("neither UTF-8 nor GB18030. Save it as UTF-8", "既非 UTF-8 亦非 GB18030,请另存为 UTF-8")
            faults.add("encoding", file, row, "-", *said)
    control = _CONTROL.search(text)
    if control is None:
        return encoding, text
    row, code = text.count("\n", 0, control.start()) + 1, f"U+{ord(control[0]):04X}"
    said = (f"holds the control character {code}. Save it as UTF-8", f"含控制字符 {code},请另存为 UTF-8")
    faults.add("encoding", file, row, "-", *said)
    return encoding, ""


def _rows(file: str, text: str, faults: Faults) -> Iterator[tuple[int, dict[str, str]]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    last = 0
    try:
        for cells in lines:
            row, last = last + 1, lines.line_num  # a quoted cell may hold line breaks: its first line counts
            stripped = [c.strip() for c in cells]
            if not any(stripped):
                continue
            if columns is None:
                columns = stripped
                if not _header(file, row, columns, faults):
                    return
            elif len(stripped) == len(columns):
                yield row, dict(zip(columns, stripped, strict=True))
            else:
                n, m = len(columns), len(stripped)
                en = f"expected {n} cells; got {m}. Put cells with a comma in quotes"
                faults.add("cells", file, row, "-", en, f"应为 {n} 格;实为 {m} 格。含逗号的单元格请加引号")
    except csv.Error as error:
        faults.add("csv", file, lines.line_num, "-", f"not CSV: {error}", f"不是 CSV:{error}")
    if columns is None and not faults.of(file):
        wanted = ", ".join(COLUMNS[file])
        faults.add("header", file, 1, "-", f"expected the columns {wanted}; got nothing", f"应有各列 {wanted};实为空")


def _header(file: str, row: int, columns: Sequence[str], faults: Faults) -> bool:
    wanted, before = COLUMNS[file], len(faults)
    missing = [c for c in wanted if c not in columns]
    for column in dict.fromkeys(columns):
        if column not in wanted:
            every = ", ".join(wanted)
            hint = nearest(column, missing or wanted) or Said(f"expected {every}", f"应为 {every}")
            name = shown(column, 40) or "-"
            faults.add("header", file, row, name, f"no such column. {hint}", f"没有此列。{hint.zh}")
        elif columns.count(column) > 1:
            faults.add("header", file, row, column, "the column stands twice", "此列重复")
    for column in missing:
        faults.add("header", file, row, column, "the column is missing", "缺此列")
    return len(faults) == before
