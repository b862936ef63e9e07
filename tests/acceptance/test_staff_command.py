"""What a personnel system exports is previewed, told by row and heading where it is wrong, and taken over in one entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_keybook import run
from tests.contract.world import World, make_world
from workflow.errors import OrgInvalid
from workflow.org.model import Org, Person, Tenure, Unit
from workflow.org.staff import Staff, staff_of

HEAD = ["工号", "姓名", "单位编号", "职务", "任职日期", "手机号"]
TITLES = {"书记": "secretary", "经办人": "handler"}
ON = "2026-01-05"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "w.db.home")
    yield made
    made.engine.close()


def org() -> Org:
    unit = Unit("u1", "team", "示例一队", "team one", 1, "2010-01-01")
    persons = (Person("p1", "示例 1", "one"), Person("p2", "示例 2", "two"))
    tenures = (
        Tenure("t1", "p1", "u1", "secretary", "2020-01-01"),
        Tenure("t2", "p2", "u1", "handler", "2020-01-01"),
    )
    return Org((unit,), (), persons, tenures)


def read(*rows: list[str], whole: bool = False) -> Staff:
    return staff_of([HEAD, *rows], "hr.csv", org(), ON, TITLES, whole=whole)


def changes(found: Staff) -> list[tuple[str, str, str, str | None]]:
    return [(t.person, t.post, t.from_on, t.until_on) for t in found.imported.tenures]


def test_who_is_there_already_changes_nothing_and_what_is_not_wanted_is_not_read() -> None:
    found = read(["p1", "示例 1", "u1", "书记", "", "000"], ["p2", "示例 2", "示例一队", "经办人", "2020/1/1", "000"])
    assert changes(found) == [] and found.imported.persons == ()
    assert [str(r) for r in found.remarks] == ["not read: 手机号"]
    assert "000" not in repr(found.imported)


def test_a_successor_ends_the_tenure_before_where_the_list_is_whole() -> None:
    rows = (["p9", "示例 9", "u1", "书记", "2026年1月1日", ""], ["p8", "示例 8", "u1", "会计", "2026-01-01", ""])
    with pytest.raises(OrgInvalid) as caught:
        read(*rows)
    (fault,) = caught.value.facts["problems"]
    assert (fault.file, fault.row) == ("hr.csv", 2) and fault.column in ("工号", "职务", "任职日期")
    found = read(*rows, whole=True)
    assert set(changes(found)) == {
        ("p9", "secretary", "2026-01-01", None),
        ("p1", "secretary", "2020-01-01", "2026-01-01"),
        ("p2", "handler", "2020-01-01", ON),
    }
    said = "\n".join(map(str, found.remarks))
    assert "left out: 1 line(s) with the title 会计" in said and "from 2026-01-05 on: p2 handler u1" in said


def test_every_fault_is_told_with_its_row_and_the_lists_own_heading() -> None:
    with pytest.raises(OrgInvalid) as caught:
        read(
            ["p3", "示例 3", "u9", "书记", "", ""],
            ["", "示例 4", "u1", "书记", "", ""],
            ["p5", "示例 5", "u1", "经办人", "2026-02-30", ""],
            ["p6", "示例 6", "u1", "经办人", "", ""],
            ["p6", "示例 7", "u1", "书记", "", ""],
        )
    found = [(f.row, f.column) for f in caught.value.facts["problems"]]
    assert found == [(2, "单位编号"), (3, "工号"), (4, "任职日期"), (6, "姓名")]


def test_a_list_without_its_headings_says_which_words_are_known() -> None:
    for table in ([], [["工号", "姓名", "单位编号", "职务 "[:1], "x"], ["p1", "a", "u1", "书记", ""]]):
        with pytest.raises(OrgInvalid) as caught:
            staff_of(table, "hr.csv", org(), ON, TITLES)
        assert caught.value.facts["problems"][0].code == "header"


def test_the_command_previews_then_takes_over(world: World, tmp_path: Path) -> None:
    db, file = tmp_path / "w.db", tmp_path / "hr.csv"
    world.begin("m1")
    entries = world.entries()
    text = "工号,姓名,单位编号,职务,任职日期,身份证号\np9,示例人员 9,o1,handler,2019/8/12,虚构\n"
    file.write_bytes(text.encode("gb18030"))
    given = ("org", "staff", db, file, "--on", "2019-08-12")
    said = run(*given, "--dry-run", "--lang", "zh").output
    assert "GB18030" in said and "未读取的列:身份证号" in said and "新增人员:p9" in said and "未写入" in said
    assert world.entries() == entries
    said = run(*given, "--lang", "en").output
    assert "imported 0 units, 1 persons, 1 tenures" in said and world.entries() == entries + 1
    assert "nothing changed" in run(*given, "--lang", "en").output
    file.write_text("工号,姓名,单位编号,职务\np9,示例人员 9,o77,经办\n", encoding="utf-8")
    assert "hr.csv:2:单位编号" in run(*given, "--post", "经办=handler", "--lang", "zh", code=2).stderr
    run(*given, "--post", "=handler", code=2)
    assert world.verify().holds
