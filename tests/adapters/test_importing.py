"""Sheets taken in: shown first, faults at their cells, and nothing written before it is confirmed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from openpyxl import Workbook
from typer.testing import CliRunner

from tests.contract.world import World
from workflow.seen import seen_by_operator
from workflow_adapters.importing import BadSheet, Unconfirmed, plan_ledger, plan_org, read_book
from workflow_adapters.importing import command as sheets

UNITS = [["编号", "层级", "上级", "名称", "成立日期"], ["o9", "organisation", "t1", "示例单位9", date(2019, 8, 1)]]
PERSONS = [["编号", "姓名"], ["p-new", "示例人员"]]
TENURES = [["人员", "单位", "职务", "起始日期"], ["p-new", "o9", "secretary", date(2019, 8, 1)]]
LEDGER = [
    ["编号", "单位", "问题类型", "表现", "原因", "负责人签字"],
    ["k-1", "o1", "漏水", "三处管道漏水", "年久失修", "(已签)"],
    ["k-2", "o3", "crack", "", "", ""],
]


def book(path: Path, tables: dict[str, list[list[Any]]]) -> Path:
    made = Workbook()
    made.remove(made.active)
    for title, rows in tables.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def entries(world: World) -> int:
    from workflow.store import scan

    with world.engine.reading() as connection:
        return scan.count(connection)


def faults(error: BadSheet) -> list[str]:
    return [f.text("zh") for f in error.facts["faults"]]


def test_an_organisation_in_a_workbook_is_shown_and_written_when_confirmed(world: World, tmp_path: Path) -> None:
    path, before = book(tmp_path / "org.xlsx", {"单位": UNITS, "人员": PERSONS, "任期": TENURES}), entries(world)
    plan = plan_org(world.engine, path)
    said = [str(c) for c in plan.changes]
    assert said[:2] == ["new unit: o9", "new person: p-new"] and len(said) == 4
    assert said[2].startswith("new line above: o9 managing") and said[3] == "new tenure: p-new o9 secretary 2019-08-01"
    assert entries(world) == before, "a preview writes nothing"
    with pytest.raises(Unconfirmed):
        plan.carry_out(world.engine, "another")
    assert entries(world) == before
    assert plan_org(world.engine, path).carry_out(world.engine, plan.token) is not None
    with world.engine.look() as desk:
        assert desk.organisation().answerable("o9", "secretary", "2019-08-12", False)[0]["person"] == "p-new"
    again = plan_org(world.engine, path)
    assert again.changes == () and again.carry_out(world.engine, again.token) is None
    assert world.verify().holds


def test_a_fault_of_the_organisation_is_named_by_its_cell(world: World, tmp_path: Path) -> None:
    units = [*UNITS, ["o10", "organisation", "nowhere", "示例单位10", "2019-13-40"]]
    tenures = [*TENURES, ["nobody-known", "o9", "handler", date(2019, 8, 1)]]
    path, before = book(tmp_path / "org.xlsx", {"单位": units, "人员": PERSONS, "任期": tenures}), entries(world)
    with pytest.raises(BadSheet) as told:
        plan_org(world.engine, path)
    cells = {f.partition(":")[0] for f in faults(told.value)}
    assert {"单位!C3", "单位!E3", "任期!A3"} <= cells
    assert entries(world) == before


def test_two_holders_at_once_are_found_before_anything_is_written(world: World, tmp_path: Path) -> None:
    tenures = [TENURES[0], ["nobody", "o1", "secretary", date(2019, 8, 1)]]
    with pytest.raises(BadSheet, match="secretary"):
        plan_org(world.engine, book(tmp_path / "org.xlsx", {"任期": tenures}))


def test_a_ledger_is_opened_and_nobodys_signature_is_made_up(world: World, tmp_path: Path) -> None:
    path, before = book(tmp_path / "ledger.xlsx", {"台账": LEDGER}), entries(world)
    plan = plan_ledger(world.engine, path, "matter", "c1")
    assert [(o.item, o.unit, o.category) for o in plan.opens] == [("k-1", "o1", "leak"), ("k-2", "o3", "crack")]
    assert plan.unread == ("负责人签字",) and entries(world) == before
    assert plan.carry_out(world.engine, plan.token) == 2
    assert world.case("k-1").fields_ == {"manifestation": "三处管道漏水", "cause": "年久失修"}
    assert all(s.state != "signed" for s in world.case("k-1").slots)
    again = plan_ledger(world.engine, path, "matter", "c1")
    assert again.opens == () and again.there == ("k-1", "k-2")
    assert again.carry_out(world.engine, again.token) == 0
    with pytest.raises(Unconfirmed):
        plan_ledger(world.engine, path, "matter", "c1").carry_out(world.engine, plan.token)
    with seen_by_operator(world.engine) as seen:
        assert seen.tally().items == 2
    assert world.verify().holds


def test_faults_of_a_ledger_are_told_together_each_at_its_cell(world: World, tmp_path: Path) -> None:
    rows = [*LEDGER, ["k-1", "o1", "leak"], [], ["k-3", "nowhere", "潮湿"], ["", "o1", ""], ["view:x", "o1", "leak"]]
    before = entries(world)
    with pytest.raises(BadSheet) as told:
        plan_ledger(world.engine, book(tmp_path / "l.xlsx", {"台账": rows}), "matter", "c1")
    found = faults(told.value)
    assert [f.partition(":")[0] for f in found] == ["台账!A4", "台账!B6", "台账!C6", "台账!A7", "台账!B8"]
    assert "第 2 行重复" in found[0] and "已知 裂缝, 漏水" in found[2]
    assert entries(world) == before
    with pytest.raises(BadSheet, match="unit is missing"):
        plan_ledger(world.engine, book(tmp_path / "m.xlsx", {"台账": [["编号"], ["k"]]}), "matter", "c1")


def test_csv_as_chinese_spreadsheets_write_it_is_read_too(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_bytes("编号,单位,问题类型\nk-9,o1,漏水\n".encode("gb18030"))
    assert [o.item for o in plan_ledger(world.engine, path, "matter", "c1").opens] == ["k-9"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing", b"\xff\xfe\x00"])
def test_what_is_no_workbook_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(data)
    with pytest.raises(BadSheet, match="not a workbook"):
        read_book(path)


def test_a_formula_that_was_never_calculated_is_not_read_as_empty(tmp_path: Path) -> None:
    path = book(tmp_path / "f.xlsx", {"台账": [["编号", "单位"], ["k", "=A1"]]})
    with pytest.raises(BadSheet, match="B2"):
        read_book(path)


def test_the_command_shows_first_and_writes_what_it_showed(world: World, tmp_path: Path) -> None:
    app = typer.Typer()
    sheets.register(app)
    app.command()(lambda: None)  # so that the group keeps its name
    path, run = book(tmp_path / "ledger.xlsx", {"台账": LEDGER}), CliRunner()
    asked = [
        "sheets",
        "ledger",
        world.url,
        str(path),
        "--flow",
        "matter",
        "--campaign",
        "c1",
        "--home",
        str(world.home),
    ]
    shown = run.invoke(app, [*asked, "--lang", "zh"])
    assert shown.exit_code == 0, shown.output
    assert "共 2 处,未写入" in shown.output and "未读取的列:负责人签字" in shown.output
    token = shown.output.rsplit("--confirm ", 1)[1].split()[0]
    other = run.invoke(app, [*asked, "--confirm", "f" * 16])
    assert other.exit_code == 2 and "look at it again" in other.output
    done = run.invoke(app, [*asked, "--confirm", token])
    assert done.exit_code == 0 and "2 items opened" in done.output
    org = book(tmp_path / "org.xlsx", {"单位": [*UNITS, ["", "x"]]})
    bad = run.invoke(app, ["sheets", "org", world.url, str(org), "--home", str(world.home), "--lang", "zh"])
    assert bad.exit_code == 2 and "单位!A3" in bad.output and "Traceback" not in bad.output
