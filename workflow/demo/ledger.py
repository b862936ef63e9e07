"""The ledger (台账): its rows, its CSV file, and the few rows of it that fit a screen."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from workflow import views
from workflow.demo.frame import CAMPAIGN, END, RECTIFY
from workflow.demo.tables import RIGHT, TIGHT, Paper
from workflow.demo.wording import Wording
from workflow.demo.words import shown
from workflow.desk import Desk

HEAD = (
    ("序号", "No"),
    ("党组织", "Organisation"),
    ("上级党组织", "Superior"),
    ("问题类型", "Category"),
    ("具体表现", "Manifestation"),
    ("原因", "Cause"),
    ("措施", "Measures"),
    ("责任单位", "Unit responsible"),
    ("责任人", "Person responsible"),
    ("包抓责任人", "Lead"),
    ("时限", "Due"),
    ("进展", "Progress"),
    ("验收意见", "Acceptance"),
    ("销号日期", "Closed on"),
)
ACCEPTED = {"qualified": ("合格", "qualified"), "unqualified": ("不合格", "not qualified"), "": ("", "")}
ROWS = 3  # of the first ones, on the screen


class Ledger:
    """The ledger as of the end of the year."""

    def __init__(self, desk: Desk, paper: Paper) -> None:
        self.desk = desk
        self.paper = paper
        self.words = Wording(desk, paper)

    def rows(self) -> list[list[str]]:
        """The whole ledger, one row an item, in the columns that such offices print."""
        p, rows = self.paper, []
        for r in views.ledger(self.desk, RECTIFY, CAMPAIGN, END - 1):
            backed = p.say("(兜底)", " (superior)") if r.answered_by_superior else ""
            rounds = p.say(f"(第{r.round}轮)", f" (round {r.round})") if r.round > 1 else ""
            rows.append(
                [
                    str(r.no),
                    self.words.name(r.unit),
                    self.words.name(r.superior),
                    self.words.category(r.category),
                    shown(r.manifestation, self.paper.lang),
                    shown(r.cause, self.paper.lang),
                    p.say(";", "; ").join(shown(m, self.paper.lang) for m in r.measures),
                    self.words.name(r.responsible_unit),
                    self.words.people(r.responsible) + backed,
                    self.words.name(r.lead),
                    r.due,
                    f"{self.words.stage(r.stage)} {r.lines_closed}/{r.lines}{rounds}",
                    p.say(*ACCEPTED[r.acceptance]),
                    r.closed_on,
                ]
            )
        return rows

    def write(self, path: Path) -> int:
        """The ledger as a CSV file that spreadsheet programs open as it is (UTF-8 with BOM)."""
        rows = self.rows()
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([self.paper.say(*head) for head in HEAD])
            writer.writerows(rows)
        return len(rows)

    def show(self) -> None:
        """A few rows on the screen: the first, one in its second round, one answered for by the superior."""
        p, rows = self.paper, self.rows()
        h = [p.say(*head) for head in HEAD]
        second = [r for r in rows if r[11].endswith((")", ")"))]
        backed = [r for r in rows if r[8].endswith((")", ")"))]
        some = sorted({r[0]: r for r in (*rows[:ROWS], *second[:1], *backed[:1])}.values(), key=lambda r: int(r[0]))
        p.heading(
            "5",
            "整改台账",
            "Ledger",
            p.say(
                f"共 {len(rows)} 行,此处 {len(some)} 行,全部见 ledger.csv;按党组织顺序;进展 5/5 为三单(任务、责任、措施)已销号的行数",
                f"{len(rows)} rows in organisation order; {len(some)} here, all of them in ledger.csv. Progress 5/5: lines closed of "
                f"its three lists, tasks, responsibilities and measures",
            ),
        )
        p.table(
            [
                (h[0], RIGHT),
                (f"{h[1]}\n{h[2]}", TIGHT),
                (f"{h[3]}\n{h[4]} / {h[5]}", {"ratio": 5}),
                (h[6], {"ratio": 4}),
                (p.say(f"{h[8]}\n{h[9]}", "Responsible\nLead"), {"min_width": 12}),
                (f"{h[10]}\n{h[11]}\n{h[12]}\n{h[13]}", {"min_width": 14, "max_width": 14}),
            ],
            [
                [
                    r[0],
                    f"{r[1]}\n{r[2]}",
                    f"{r[3]}\n{r[4]} / {r[5]}",
                    "\n".join(re.split(r"[;;]\s*", r[6])),
                    f"{_below(r[8])}\n{r[9]}",
                    f"{r[10]}\n{_below(r[11])}\n{r[12]}\n{r[13]}",
                ]
                for r in some
            ],
            lines=True,
            expand=True,
        )


def _below(cell: str) -> str:
    """What stands in brackets goes on a line of its own."""
    return re.sub(r"\s*([((])", r"\n\1", cell)
