"""The organisation out of a workbook with the sheets 单位 (units), 人员 (persons) and 任期 (tenures)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workflow.engine import Engine
from workflow.errors import OrgInvalid, Said
from workflow.evidence.digest import sha256
from workflow.org.importing import OrgImport, read_org
from workflow.org.model import Org
from workflow.org.preview import preview
from workflow.org.remarks import changes_nothing
from workflow.org.sheet import COLUMNS, PERSONS, TENURES, UNITS
from workflow.receipt import Receipt
from workflow.store import database
from workflow.store.org import stored, write_import
from workflow_adapters.importing.book import BadSheet, Book, CellFault, Sheet, Unconfirmed, place, read_book

SHEETS = {"单位": UNITS, "units": UNITS, "人员": PERSONS, "persons": PERSONS, "任期": TENURES, "tenures": TENURES}
HEADERS = {
    "编号": "id", "层级": "level", "上级": "parent", "名称": "name_zh", "姓名": "name_zh", "英文名称": "name_en",
    "序号": "ordinal", "成立日期": "established_on", "撤销日期": "dissolved_on", "隶属关系": "parent_kind",
    "起始日期": "from_on", "终止日期": "until_on", "人员": "person", "单位": "unit", "职务": "post", "主持": "acting",
}  # fmt: skip


@dataclass(frozen=True)
class OrgPlan:
    """What an import would do. ``changes`` says it row by row; ``token`` stands for exactly this on exactly that file."""

    imported: OrgImport
    changes: tuple[Said, ...]
    token: str

    def carry_out(self, engine: Engine, token: str) -> Receipt | None:
        """Write it, if ``token`` is the one that was shown; None where nothing changes.

        Raises:
            Unconfirmed: it is not: the file, or what is stored, has changed since.
        """
        if token != self.token:
            raise Unconfirmed(expected=self.token, actual=token or "-")
        return engine.import_org(self.imported) if self.changes else None


class _Undone(Exception):
    """Ends a transaction that was only tried."""


def plan_org(engine: Engine, path: str | Path) -> OrgPlan:
    """Read a workbook and say what it would change; nothing is written. Columns that a sheet leaves away are empty.

    Raises:
        BadSheet: every fault with its cell.
    """
    book = read_book(path)
    sheets = {SHEETS[s.title.strip().lower()]: s for s in book.sheets if s.title.strip().lower() in SHEETS}
    if not sheets:
        said = Said("expected sheets called 单位/units, 人员/persons, 任期/tenures", "应有工作表:单位、人员、任期")
        raise BadSheet.of(book.name, [CellFault(book.name, "", said)])
    with engine.reading() as connection:
        known = Org.from_rows(stored(connection))
    tables, columns = {}, {}
    for file in (UNITS, PERSONS, TENURES):
        tables[file], columns[file] = _table(file, sheets.get(file))
    try:
        imported = read_org(tables, known=known)
        with suppress(_Undone), database.writing(engine.db) as connection:  # tried as a whole, and taken back
            write_import(connection, imported, at=engine.now(connection))
            raise _Undone
    except OrgInvalid as error:
        raise _at_cells(error, book, sheets, columns) from None
    changes = () if changes_nothing(imported, known) else tuple(preview(imported, known))
    return OrgPlan(imported, changes, sha256("\n".join([book.digest, *map(str, changes)]).encode())[7:23])


def _table(file: str, sheet: Sheet | None) -> tuple[bytes, dict[str, int]]:
    """A sheet as the CSV file that the library reads, line by line; and where its columns stand."""
    rows = [list(r) for r in sheet.rows] if sheet else []
    head = [HEADERS.get(h.strip(), h.strip()) for h in rows[0]] if rows else []
    missing = [c for c in COLUMNS[file] if c not in head]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, *missing] if rows else COLUMNS[file])
    for row in rows[1:]:
        cells = [c.replace("\n", " ") for c in (*row, *[""] * (len(head) - len(row)))]
        writer.writerow([*cells, *[""] * len(missing)])
    return out.getvalue().encode(), {name: n for n, name in enumerate(head)}


def _at_cells(
    error: OrgInvalid, book: Book, sheets: Mapping[str, Sheet], columns: Mapping[str, Mapping[str, int]]
) -> BadSheet:
    faults = []
    for fault in error.facts.get("problems", ()):
        sheet = sheets.get(fault.file)
        column = columns.get(fault.file, {}).get(fault.column)
        cell = "" if not fault.row else place(column, fault.row) if column is not None else f"{fault.row}:{fault.row}"
        faults.append(CellFault(sheet.title if sheet else fault.file, cell, fault.message))
    return BadSheet.of(book.name, faults)
