"""How a sheet looks on a terminal: one table style, two languages, columns aligned for Chinese text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST, PIPED = 120, 110


def console(width: int | None = None) -> Console:
    """A console as wide as the terminal, at most 120 columns (sheets are laid out for 100 and more); 110 where none is."""
    plain = Console(highlight=False)
    fits = min(plain.width, WIDEST) if plain.is_terminal else PIPED
    return Console(width=width or fits, highlight=False, soft_wrap=False)


@dataclass(frozen=True)
class Paper:
    """Where sheets are printed and in which language."""

    console: Console
    lang: str

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def title(self, seed: int) -> None:
        """What this is, before anything moves."""
        zh, en = (
            "软弱涣散基层党组织集中整顿 · 演示",
            "Concentrated rectification of grass-roots organisations · demonstration",
        )
        self.console.print(Text(self.say(zh, en), style="bold cyan"), Text(self.say(en, zh), style="dim"), sep="\n")
        self.line(
            "2019-08-20 至 2020-12-31,逐事推进,全部数字由引擎查询得出。",
            "2019-08-20 to 2020-12-31, act by act; every figure is asked of the engine.",
        )
        self.line(
            f"仅汇总数据有出处;单位、人员均为编号虚构(种子 {seed})。",
            f"Only the aggregates are real; units and persons are numbered and invented (seed {seed}).",
        )

    def heading(self, number: str, zh: str, en: str, note: str = "") -> None:
        """A numbered heading in both languages, the chosen one first."""
        first, second = (zh, en) if self.lang == "zh" else (en, zh)
        line = Text()
        line.append(f"{number} ", style="bold cyan")
        line.append(first, style="bold")
        line.append(f"  {second}", style="dim")
        self.console.print()
        self.console.print(line)
        if note:
            self.console.print(Text(note, style="dim"))

    def table(
        self,
        columns: Sequence[Any],
        rows: Iterable[Sequence[Any]],
        *,
        lines: bool = False,
        expand: bool = False,
    ) -> None:
        """A table. A column is its heading, or (heading, options for rich)."""
        table = Table(box=box.SQUARE if lines else box.SIMPLE_HEAD, show_lines=lines, expand=expand, pad_edge=lines)
        table.header_style = "bold"
        table.border_style = "dim"
        for column in columns:
            name, options = column if isinstance(column, tuple) else (column, {})
            table.add_column(name, **{"overflow": "fold", **options})
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
        self.console.print(table)

    def line(self, zh: str, en: str, style: str = "") -> None:
        self.console.print(Text(self.say(zh, en), style=style))


RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}
TIGHT: dict[str, Any] = {"no_wrap": True}
