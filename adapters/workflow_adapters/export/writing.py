"""A sheet as a file. Whatever a cell says, no program that opens the file calculates it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from workflow.errors import Said, Unknown
from workflow_adapters.export.sheets import Sheet

FORMULA = ("=", "+", "-", "@", "\t", "\r")
FONTS = ("Noto Serif CJK SC", "Noto Sans CJK SC", "Source Han Serif SC", "SimSun", "Songti SC")
LONGEST = 32_767  # characters of an Excel cell


def to_csv(sheet: Sheet) -> bytes:
    """CSV with a mark that Excel reads as UTF-8. A cell that a program would calculate begins with an apostrophe."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(sheet.columns)
    writer.writerows([_plain(c) for c in row] for row in sheet.rows)
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def to_excel(sheets: Sequence[Sheet]) -> bytes:
    """An Excel workbook, a sheet each; every cell is written as text, so none is a formula or a link."""
    import xlsxwriter

    data = BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(data, options) as book:
        bold = book.add_format({"bold": True, "border": 1, "text_wrap": True, "bg_color": "#F3F5F8"})
        cell = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
        title = book.add_format({"bold": True, "font_size": 14})
        for n, sheet in enumerate(sheets, 1):
            page = book.add_worksheet(_name(sheet.title, n))
            page.set_landscape()
            page.set_paper(9)
            page.fit_to_pages(1, 0)
            page.repeat_rows(2)
            page.write_string(0, 0, sheet.title, title)
            page.write_string(1, 0, sheet.note)
            for c, column in enumerate(sheet.columns):
                page.write_string(2, c, column, bold)
                page.set_column(c, c, _width(column, [row[c] for row in sheet.rows[:200]]))
            for r, row in enumerate(sheet.rows, 3):
                for c, text in enumerate(row):
                    page.write_string(r, c, text[:LONGEST], cell)
            page.freeze_panes(3, 1)
            foot = len(sheet.rows) + 5
            for c, signer in enumerate(sheet.signers):
                page.write_string(foot, c * 2, f"{signer}:")
    return data.getvalue()


def _name(title: str, n: int) -> str:
    """A name that Excel takes: at most 31 characters, none of its own signs, no two the same."""
    kept = "".join(c for c in title if c not in "[]:*?/\\'")[:27].strip() or "sheet"
    return kept if n == 1 else f"{kept} {n}"


def _width(column: str, cells: Sequence[str]) -> float:
    """Columns as wide as their longest line, a Chinese character counting two, between 6 and 40."""
    lines = [line for c in (column, *cells) for line in c.split("\n")]
    longest = max(sum(2 if ord(x) > 0x2E7F else 1 for x in line) for line in lines)
    return float(min(40, max(6, longest + 2)))


def to_pdf(sheets: Sequence[Sheet], *, made_at: int, fonts: Path | None = None) -> bytes:
    """A PDF, a sheet after the other, with places for signatures and a seal. The same input gives the same bytes.

    Args:
        made_at: the moment in the file, in seconds UTC.
        fonts: a folder with a font that has Chinese; the system's fonts when not given.

    Raises:
        Unknown: no font with Chinese was found.
    """
    import typst

    folders = [str(fonts)] if fonts is not None else []
    families = {f.lower() for f in typst.Fonts(font_paths=folders, include_system_fonts=fonts is None).families()}
    known = [f for f in FONTS if f.lower() in families]
    if not known and _chinese(sheets):
        hint = Said(
            ". Install one (on Debian: fonts-noto-cjk), or name a folder with --fonts",
            "。请安装(Debian:fonts-noto-cjk),或用 --fonts 指定目录",
        )
        raise Unknown(kind=Said("font with Chinese", "中文字体"), name=FONTS[0], hint=hint)
    compiler: Any = typst.compile  # its types want one type for the source and for the folders
    made: bytes = compiler(
        _typst(sheets, known).encode(),
        font_paths=[*folders],
        ignore_system_fonts=fonts is not None,
        format="pdf",
        timestamp=made_at,
    )
    return made


def _chinese(sheets: Sequence[Sheet]) -> bool:
    return any(
        ord(x) > 0x2E7F for s in sheets for t in (s.title, *s.columns, *(c for r in s.rows for c in r)) for x in t
    )


def _typst(sheets: Sequence[Sheet], fonts: Sequence[str]) -> str:
    """The document. Every text goes in as a quoted string, so that nothing in it is markup."""
    out = [
        '#set page(paper: "a4", flipped: true, margin: 15mm, numbering: "1 / 1")',
        f"#set text(size: 9pt, font: ({', '.join(json.dumps(f) for f in (*fonts, 'Libertinus Serif'))},))",
    ]
    for n, sheet in enumerate(sheets):
        if n:
            out.append("#pagebreak()")
        out.append(f'#align(center, text(size: 15pt, weight: "bold", {_quoted(sheet.title)}))')
        out.append(f"#text(fill: gray, {_quoted(sheet.note)})")
        head = ", ".join(f'text(weight: "bold", {_quoted(c)})' for c in sheet.columns)
        cells = ", ".join(_quoted(c) for row in sheet.rows for c in row)
        columns = ", ".join(["auto"] + ["1fr"] * (len(sheet.columns) - 1))
        out.append(
            f"#table(columns: ({columns},), stroke: 0.4pt, inset: 4pt, table.header({head}){', ' + cells if cells else ''})"
        )
        places = ", ".join(f"[#{_quoted(s)}:#box(width: 32mm, stroke: (bottom: 0.4pt))[]]" for s in sheet.signers)
        if places:
            out.append(f"#v(14mm)#grid(columns: {len(sheet.signers) + 1}, gutter: 10mm, {places}, [(盖章)])")
    return "\n".join(out)


def _quoted(text: str) -> str:
    safe = "".join(c if c == "\n" or ord(c) >= 32 else " " for c in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
