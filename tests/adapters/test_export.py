"""Sheets as files: as of a day, only what may be seen, and nothing that a spreadsheet would calculate."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from tests.contract.world import SHEET, SHEETS, World, flow_text
from workflow import Actor, loads, orgbook, views
from workflow.cli.main import app
from workflow.errors import Unknown
from workflow.sight import all_of, sight_of
from workflow_adapters.export import Sheet, dossier, register, signatures, xes
from workflow_adapters.export.writing import to_csv, to_excel, to_pdf

DAY = "2026-03-02"
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "http://x", "12", "a\nb", "\x00\x1b", "]]>&<")


def sheet(*cells: str) -> Sheet:
    return Sheet("Sheet [1]: a/b", "note", tuple(f"c{n}" for n in range(len(cells))), (cells,), ("signed",))


def test_no_cell_of_a_workbook_is_a_formula_a_number_or_a_link() -> None:
    book = load_workbook(BytesIO(to_excel([sheet(*HOSTILE[:8])])))
    row = next(book.worksheets[0].iter_rows(min_row=4, max_row=4))
    assert [c.value for c in row] == list(HOSTILE[:8])
    assert {c.data_type for c in row} == {"s"} and all(c.hyperlink is None for c in row)


def test_a_csv_cell_that_would_be_calculated_is_marked_as_text() -> None:
    rows = list(csv.reader(StringIO(to_csv(sheet(*HOSTILE[:8])).decode("utf-8-sig"))))
    assert rows[1] == [f"'{c}" if c[0] in "=+-@" else c for c in HOSTILE[:8]]


def test_the_same_sheet_is_the_same_pdf_whatever_its_text_says() -> None:
    one = sheet(*HOSTILE, '#panic("x")', '"); #read("/etc/passwd")', "$x$ *b* _i_ \\")
    first = to_pdf([one], made_at=1_600_000_000)
    assert first.startswith(b"%PDF-") and first == to_pdf([one], made_at=1_600_000_000)


def test_chinese_without_a_chinese_font_is_refused_with_what_to_install(tmp_path: object) -> None:
    with pytest.raises(Unknown, match="fonts-noto-cjk"):
        to_pdf([sheet("整改")], made_at=0, fonts=tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sheets_hold_what_the_views_say_and_what_may_be_seen(world: World, lang: str) -> None:
    world.begin("m-1", "o1")
    world.begin("m-2", "o3")
    with world.engine.look() as desk:
        at = desk.engine.now(desk.connection)
        whole = register(desk, all_of(DAY), "matter", "c1", at, lang)  # type: ignore[arg-type]
        own = register(desk, sight_of(desk, "o1-secretary"), "matter", "c1", at, lang)  # type: ignore[arg-type]
        assert [r[-1] for r in whole.rows] == ["m-1", "m-2"] and [r[-1] for r in own.rows] == ["m-1"]
        with pytest.raises(Unknown):
            signatures(desk, sight_of(desk, "o1-secretary"), "m-2", at, lang)  # type: ignore[arg-type]
        assert len({len(r) for r in whole.rows} | {len(whole.columns)}) == 1


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ("示例单位4(现 新支部)", "受委派、代 ", "两人同意越过,无人签批", "加签")),
        (
            "en",
            ("invented unit 4 (now new branch)", "by delegation、for ", "passed over by two persons", "signer added"),
        ),
    ],
)
def test_a_signature_sheet_says_who_acted_for_whom_and_what_nobody_signed(
    world: World, lang: str, words: tuple[str, ...]
) -> None:
    """Acting-for and overrides stand in every later view, under the name the unit had. R041, R070."""
    e, secretary = world.engine, Actor("o1-secretary", "secretary", "o1")
    e.publish(loads(flow_text(SHEETS)))
    e.open("sheets", "o1", item="m-1", campaign="c1")
    e.submit("m-1", Actor("o1-handler", "handler", "o1"), SHEET)
    why = (world.case("m-1").content, "1", "nobody there may")
    e.ask_override("m-1", Actor("s1-department", "department", "s1"), *why)
    e.override("m-1", Actor("s1-secretary", "secretary", "s1"), *why)
    e.add_signer("m-1", secretary, "2", "t1", "department", "after")
    e.delegate("m-1", secretary, world.case("m-1").content, "2", "o1-scrutineer", "scrutineer", "away")
    e.sign("m-1", Actor("o1-scrutineer", "secretary", "o1"), world.case("m-1").content)
    world.clock.advance(timedelta(days=10))
    renamed = {"name_zh": "新支部", "name_en": "new branch", "on": "2019-08-20"}
    with e.desk() as desk:
        orgbook.rename_unit(desk, Actor("g1-secretary", "secretary", "g1"), "reform", unit="o1", **renamed)
    with e.look() as desk:
        made = signatures(desk, all_of(DAY), "m-1", desk.engine.now(desk.connection), lang)  # type: ignore[arg-type]
    assert {len(r) for r in made.rows} == {len(made.columns)}
    said = "\n".join(" ".join(r) for r in made.rows)
    assert not [word for word in words if word not in said], said


def test_one_file_has_inspections_findings_ones_own_and_the_measures(world: World, tmp_path: Path) -> None:
    """Source: S0 「要提供各企业前期巡视发现的问题……检视问题清单、整改措施清单」, R102."""
    feedback = """flow: feedback
title: {zh: 虚构巡视反馈, en: an invented inspection}
categories: {leak: {zh: 漏水, en: leak}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: told, due: 30 days, slots: secretary, exits: {taken: done}}
  - {stage: done, title: done, final: true}
"""
    world.engine.publish(loads(flow_text(feedback)))
    world.engine.open("feedback", "o3", item="f1", campaign="inspection-2018", category="leak")
    world.walk_to("closed", "m-1")
    with world.engine.look() as desk:
        at = desk.engine.now(desk.connection)
        made = dossier(desk, all_of(DAY), "matter", "c1", ["feedback"], at, "en")
        own = dossier(desk, sight_of(desk, "o1-secretary"), "matter", "c1", ["feedback"], at, "en")
    kinds = [(r[3], r[5], r[-1]) for r in made.rows]
    assert kinds[0] == ("found by an inspection", "an invented inspection", "f1")
    assert [k[0] for k in kinds[1:]] == ["found by oneself", "measure", "measure"]
    assert kinds[2][1] == "replace the pipe" and {r[-1] for r in own.rows} == {
        "m-1"
    }  # a neighbour's is nobody's business
    out = tmp_path / "dossier.csv"
    asked = [
        "export",
        world.url,
        "dossier",
        "-o",
        str(out),
        "--flow",
        "matter",
        "--campaign",
        "c1",
        "--findings",
        "feedback",
    ]
    done = CliRunner().invoke(app, [*asked, "--lang", "zh"])
    assert done.exit_code == 0, done.output
    assert "前期巡视发现" in out.read_text(encoding="utf-8-sig") and "整改措施" in out.read_text(encoding="utf-8-sig")


def test_the_ledger_of_a_past_day_says_nothing_that_came_later(world: World) -> None:
    """Source: S3 「台账销号」, R100: what a sheet said on its day, it says for ever."""

    def rows(at: int) -> list[views.LedgerRow]:
        with world.engine.look() as desk:
            return views.ledger_rows(desk, views.register(desk, "matter", "c1", at), at)

    world.walk_to("work", "m-1")
    then = world.clock.now()
    before = rows(then)
    assert before[0].lines == 2 and before[0].lines_closed == 0
    world.clock.advance(timedelta(hours=1))
    secretary = Actor("o1-secretary", "secretary", "o1")
    for no in (1, 2):
        world.engine.close_line("m-1", secretary, "measures", no, b"a photograph")
    assert rows(then) == before
    assert rows(world.clock.now())[0].lines_closed == 2


def test_an_event_log_has_a_trace_for_each_item_and_an_event_for_each_signature(world: World) -> None:
    world.through(world.begin("m-1"))
    with world.engine.look() as desk:
        at = desk.engine.now(desk.connection)
        rows = views.signatures(desk, "m-1", at)
        root = ElementTree.fromstring("".join(xes.log(desk, ["m-1"], at)))
    space = {"x": "http://www.xes-standard.org/"}
    (trace,) = root.findall("x:trace", space)
    events = trace.findall("x:event", space)
    people = [e.find("x:string[@key='org:resource']", space) for e in events]
    assert [p.get("value") for p in people if p is not None] == [r.person for r in rows]
