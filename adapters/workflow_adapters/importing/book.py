"""A workbook, or a CSV file, as sheets of text cells; and faults that name a cell the way its program does."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from workflow.errors import Said, WorkflowError
from workflow.evidence.digest import sha256

LARGEST = 32 * 1024 * 1024  # bytes of a file, and ten times that unpacked
ROWS = 200_000
LISTED = 200


@dataclass(frozen=True)
class CellFault:
    """A fault at a cell: ``B5`` of a sheet; an empty cell is the sheet as a whole."""

    sheet: str
    cell: str
    message: Said

    def text(self, lang: str = "en") -> str:
        where = f"{self.sheet}!{self.cell}" if self.cell else self.sheet
        return f"{where}: {self.message.zh if lang == 'zh' else self.message}"


class BadSheet(WorkflowError):
    """A file that cannot be taken in. ``faults`` has every one with its cell. Nothing was written."""

    code = "bad-sheet"
    en = "{count} fault(s) in {file}; nothing was written:\n{listing}"
    zh = "{file} 有 {count} 处问题,未写入任何内容:\n{listing}"

    @classmethod
    def of(cls, file: str, faults: Sequence[CellFault]) -> BadSheet:
        some = faults[:LISTED]
        more = f"\n… {len(faults) - LISTED}" if len(faults) > LISTED else ""
        listing = Said("\n".join(f.text() for f in some) + more, "\n".join(f.text("zh") for f in some) + more)
        return cls(file=file, count=len(faults), listing=listing, faults=list(faults))


class Unconfirmed(WorkflowError):
    """What was shown is not what would be written now. Nothing was written."""

    code = "unconfirmed"
    en = "expected the preview {expected} to be confirmed; got {actual}. The file or what is stored has changed; look at it again"
    zh = "应确认预览 {expected};实为 {actual}。文件或库中数据已有变化,请重新预览"


@dataclass(frozen=True)
class Sheet:
    """One sheet: its cells as text, row by row from the first, empty rows included, so that a row keeps its number."""

    title: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Book:
    """What a file holds, and the digest of its exact bytes."""

    name: str
    digest: str
    sheets: tuple[Sheet, ...]


def read_book(path: str | Path) -> Book:
    """Read a workbook (``.xlsx``) or one CSV file.

    Raises:
        BadSheet: it is too large, no such file, or a cell holds a formula whose value the file does not know.
    """
    path = Path(path)
    data = path.read_bytes()
    if len(data) > LARGEST:
        raise BadSheet.of(
            path.name, [_whole(path, f"expected at most {LARGEST >> 20} MB", f"文件最多 {LARGEST >> 20} MB")]
        )
    sheets = _excel(path, data) if path.suffix.lower() == ".xlsx" else (_csv(path, data),)
    return Book(path.name, sha256(data), sheets)


def place(column: int, row: int) -> str:
    """The name of a cell: (0, 5) is A5."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return f"{name}{row}"


def _whole(path: Path, en: str, zh: str) -> CellFault:
    return CellFault(path.name, "", Said(en, zh))


def _csv(path: Path, data: bytes) -> Sheet:
    for encoding in ("utf-8-sig", "gb18030"):  # the second is what spreadsheets in Chinese offices write
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            return Sheet(path.stem, [[c.strip() for c in row] for row in csv.reader(io.StringIO(text, newline=""))])
        except csv.Error as error:
            raise BadSheet.of(path.name, [_whole(path, f"not CSV: {error}", f"不是 CSV:{error}")]) from None
    raise BadSheet.of(path.name, [_whole(path, "neither UTF-8 nor GB18030", "既非 UTF-8 亦非 GB18030")])


def _excel(path: Path, data: bytes) -> tuple[Sheet, ...]:
    from openpyxl import load_workbook

    try:
        with ZipFile(io.BytesIO(data)) as packed:
            if sum(one.file_size for one in packed.infolist()) > 10 * LARGEST:
                raise BadSheet.of(path.name, [_whole(path, "too large when unpacked", "解压后过大")])
        held = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        plain = load_workbook(io.BytesIO(data), read_only=True)
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        said = _whole(path, f"not a workbook (.xlsx): {error}", f"不是 Excel 工作簿(.xlsx):{error}")
        raise BadSheet.of(path.name, [said]) from None
    sheets, faults = [], []
    for values, formulas in zip(held.worksheets, plain.worksheets, strict=True):
        rows: list[list[str]] = []
        pairs = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=True)
        for n, (shown, written) in enumerate(pairs, start=1):
            if n > ROWS:
                faults.append(CellFault(values.title, "", Said(f"more than {ROWS} rows", f"超过 {ROWS} 行")))
                break
            rows.append([_text(v) for v in shown])
            faults += _lost(values.title, n, shown, written)
        sheets.append(Sheet(values.title, rows))
    if faults:
        raise BadSheet.of(path.name, faults)
    return tuple(sheets)


def _lost(sheet: str, row: int, shown: Iterable[Any], written: Iterable[Any]) -> list[CellFault]:
    """Formulas whose result was never saved: they would be read as empty."""
    said = Said("a formula without a saved value; put the value itself there", "公式未保存计算结果,请改填数值或文字")
    return [
        CellFault(sheet, place(n, row), said)
        for n, (value, formula) in enumerate(zip(shown, written, strict=True))
        if value is None and isinstance(formula, str) and formula.startswith("=")
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        whole_day = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if whole_day else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
