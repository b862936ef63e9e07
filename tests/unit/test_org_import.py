"""Reading an organisation: what comes in comes in whole, what does not hold is refused with its place."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.definition.model import Post
from workflow.errors import OrgInvalid
from workflow.evidence import canonical
from workflow.evidence.digest import sha256
from workflow.org.cells import is_day
from workflow.org.check import org_check
from workflow.org.importing import INLINE, read_org, tenure_id
from workflow.org.model import ALWAYS, Org, Parent, Tenure, Unit
from workflow.org.sheet import COLUMNS, Fault

EXAMPLE = Path(__file__).parents[2] / "definitions" / "org" / "example"
LEVELS = ("organisation", "third", "second", "group", "regulator")
UNITS, PERSONS, TENURES = ("id,level,parent,name_zh,name_en,ordinal,established_on,dissolved_on,parent_kind,from_on,until_on",
                           "id,name_zh,name_en", "person,unit,post,from_on,until_on,acting")  # fmt: skip
UP = "g,group,,集团1,Group 1,1,2010-01-01,,,,"
BRANCH = "b,organisation,g,支部1,Branch 1,1,2010-01-01,,,,"
PEOPLE = ("p1,人员1,Person 1", "p2,人员2,Person 2")


def files(
    units: tuple[str, ...] = (UP, BRANCH), persons: tuple[str, ...] = PEOPLE, tenures: tuple[str, ...] = ()
) -> dict[str, bytes]:
    sheets = {"units.csv": (UNITS, *units), "persons.csv": (PERSONS, *persons), "tenures.csv": (TENURES, *tenures)}
    return {name: "\n".join(rows).encode() for name, rows in sheets.items()}


def faults(source: dict[str, bytes] | Path, known: Org | None = None) -> list[Fault]:
    with pytest.raises(OrgInvalid) as refused:
        read_org(source, levels=LEVELS, known=known)
    assert refused.value.facts["count"] == len(refused.value.facts["problems"])
    found: list[Fault] = refused.value.facts["problems"]
    return found


def only(source: dict[str, bytes], known: Org | None = None) -> Fault:
    (fault,) = faults(source, known)
    return fault


def test_the_example_is_read_whole_and_says_nothing() -> None:
    org = read_org(EXAMPLE, levels=LEVELS)
    assert (len(org.units), len(org.parents), len(org.persons), len(org.tenures)) == (16, 17, 64, 64)
    assert org.remarks == ()


def test_empty_cells_mean_what_the_file_says_they_mean() -> None:
    org = read_org(files(("g,group,,集团1,,,,,,,", "b,organisation,g,,Branch 1,,,,,,"), tenures=()))
    assert org.units == (Unit("g", "group", "集团1", "集团1", 1), Unit("b", "organisation", "Branch 1", "Branch 1", 2))
    assert org.parents == (Parent("b", "g", "managing", ALWAYS),)


def test_a_unit_may_have_a_managing_a_guiding_and_an_entrusted_parent() -> None:
    rows = ("g,group,,集团1,Group 1,1,2010-01-01,,,,", "h,group,,集团2,Group 2,2,2010-01-01,,,,", BRANCH,
            "b,,h,,,,,,entrusted,2019-09-01,2019-12-01", "b,,h,,,,,,guiding,2019-01-01,")  # fmt: skip
    org = read_org(files(rows), levels=LEVELS)
    assert [(p.kind, p.parent) for p in org.parents] == [("managing", "g"), ("entrusted", "h"), ("guiding", "h")]
    assert [org.on(day).superior["b"] for day in ("2019-08-31", "2019-09-01", "2019-11-30", "2019-12-01")] == [
        "g",
        "h",
        "h",
        "g",
    ]


@pytest.mark.parametrize(
    "encode", [lambda t: t.encode(), lambda t: t.encode("utf-8-sig"), lambda t: t.encode("gb18030")]
)
def test_utf8_with_and_without_mark_and_gb18030_read_the_same(encode: object) -> None:
    assert callable(encode)
    plain = files(tenures=("p1,b,secretary,2019-01-01,,",))
    org = read_org({name: encode(data.decode()) for name, data in plain.items()})
    assert (org.units, org.persons, org.tenures) == (
        read_org(plain).units,
        read_org(plain).persons,
        read_org(plain).tenures,
    )


def test_gb18030_is_said_and_utf8_is_not() -> None:
    source = files()
    source["units.csv"] = source["units.csv"].decode().encode("gb18030")
    org = read_org(source)
    assert [str(r) for r in org.remarks] == [
        "units.csv is not UTF-8 and was read as GB18030; look at the names before you go on"
    ]
    assert org.remarks[0].zh.startswith("units.csv 不是 UTF-8")
    assert [f.encoding for f in org.files] == ["gb18030", "utf-8", "utf-8"]


def test_spreadsheet_line_ends_quotes_blank_rows_and_spaces_do_not_matter() -> None:
    source = files()
    text = source["units.csv"].decode().replace("Branch 1", '" Branch 1 "').replace("\n", "\r\n")
    source["units.csv"] = (text + "\r\n,,,,,,,,,,\r\n").encode()
    assert read_org(source).units == read_org(files()).units


BAD = {
    "unknown parent": (files((UP, BRANCH.replace(",g,", ",gg,"))), "units.csv:3:parent", "no unit gg"),
    "duplicate id": (files((UP, BRANCH, "b,organisation,g,支部2,Branch 2,2,,,,,")), "units.csv:4:name_zh", "duplicate of row 3"),
    "same line twice": (files((UP, BRANCH, BRANCH)), "units.csv:4:id", "duplicate of row 3"),
    "duplicate person": (files(persons=(*PEOPLE, PEOPLE[0])), "persons.csv:4:id", "duplicate of row 2"),
    "duplicate tenure": (files(tenures=("p1,b,handler,2019-01-01,,",) * 2), "tenures.csv:3:person", "duplicate of row 2"),
    "bad day": (files((UP, BRANCH.replace("2010-01-01", "2010/1/1"))), "units.csv:3:established_on", "Write 2010-01-01"),
    "no such day": (files((UP, BRANCH.replace("2010-01-01", "2010-02-30"))), "units.csv:3:established_on", "got 2010-02-30"),
    "until before from": (files(tenures=("p1,b,secretary,2019-02-01,2019-01-01,",)), "tenures.csv:2:until_on", "after from_on 2019-02-01"),
    "until is from": (files(tenures=("p1,b,secretary,2019-02-01,2019-02-01,",)), "tenures.csv:2:until_on", "after from_on 2019-02-01"),
    "dissolved first": (
        files((UP, BRANCH.replace("2010-01-01,", "2010-01-01,2009-01-01"))),
        "units.csv:3:dissolved_on",
        "after established_on",
    ),
    "no beginning": (files(tenures=("p1,b,secretary,,,",)), "tenures.csv:2:from_on", "expected the first day"),
    "unknown person": (files(tenures=("p11,b,secretary,2019-01-01,,",)), "tenures.csv:2:person", "no person p11. did you mean p1?"),
    "unknown unit": (files(tenures=("p1,bx,secretary,2019-01-01,,",)), "tenures.csv:2:unit", "no unit bx"),
    "unknown level": (files((UP, BRANCH.replace("organisation", "organization"))), "units.csv:3:level", "did you mean organisation?"),
    "level not below": (files((UP, BRANCH.replace("organisation", "group"))), "units.csv:3:parent", "is not below group"),
    "before the unit": (files(tenures=("p1,b,secretary,2009-01-01,,",)), "tenures.csv:2:from_on", "established on 2010-01-01"),
    "after the unit": (
        files((UP, BRANCH.replace("2010-01-01,", "2010-01-01,2019-01-01")), tenures=("p1,b,secretary,2018-01-01,,",)),
        "tenures.csv:2:until_on",
        "dissolved on 2019-01-01",
    ),
    "not yet a unit": (
        files((UP, BRANCH.replace("2010-01-01", "")), tenures=("p1,b,secretary,2018-01-01,,",)),
        "tenures.csv:2:from_on",
        "not yet established; its superior answers",
    ),
    "two heads": (
        files(tenures=("p1,b,secretary,2018-01-01,2019-02-01,", "p2,b,secretary,2019-01-31,,")),
        "tenures.csv:3:from_on",
        "p1 (from 2018-01-01 until 2019-02-01) and p2 (from 2019-01-31)",
    ),
    "two managing parents": (
        files((UP, BRANCH, "r,regulator,,监管1,Regulator 1,1,,,,,", "b,,r,,,,,,managing,2019-01-01,")),
        "units.csv:5:from_on",
        "two managing parents at once",
    ),
    "a kind of parent": (
        files((UP, BRANCH.replace("2010-01-01,,,", "2010-01-01,,guide,"))),
        "units.csv:3:parent_kind",
        "did you mean guiding?",
    ),
    "kind without parent": (
        files((UP.replace("2010-01-01,,,", "2010-01-01,,guiding,"), BRANCH)),
        "units.csv:2:parent_kind",
        "without a parent",
    ),
    "post": (files(tenures=("p1,b,Secretary,2019-01-01,,",)), "tenures.csv:2:post", "got Secretary"),
    "acting": (files(tenures=("p1,b,secretary,2019-01-01,,maybe",)), "tenures.csv:2:acting", "expected yes or no"),
    "ordinal": (files((UP, BRANCH.replace("Branch 1,1,", "Branch 1,first,"))), "units.csv:3:ordinal", "whole number"),
    "long id": (files((UP, "x" * 65 + BRANCH[1:])), "units.csv:3:id", "1 to 64 characters"),
    "long name": (files(persons=(*PEOPLE, "p3,员," + "x" * 201)), "persons.csv:4:name_en", "1 to 200 characters"),
    "no name": (files(persons=(*PEOPLE, "p3,,")), "persons.csv:4:name_zh", "a name"),
    "cells": (files((UP, BRANCH + ",")), "units.csv:3:-", "expected 11 cells; got 12"),
    "quotes": (files((UP, 'b,"organisation')), "units.csv:3:-", "not CSV"),
    "nul": (files((UP, BRANCH.replace("Branch", "Bra\0nch"))), "units.csv:3:-", "U+0000"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_fault_is_shown_at_its_file_row_and_column(case: str) -> None:
    source, place, said = BAD[case]
    fault = only(source)
    assert str(fault).startswith(place + ": ")
    assert said in str(fault)
    assert fault.text("zh").startswith(place + ": ") and any("\u4e00" <= c <= "\u9fff" for c in fault.text("zh"))


def test_every_fault_is_collected_in_the_order_of_files_and_rows() -> None:
    broken = files(
        (UP, BRANCH.replace("organisation", "branch"), "c,organisation,zz,支部,Branch,x,,,,,"),
        ("p1,人员1,", "p1,人员1,"),
        ("p9,b,secretary,2019-13-01,,",),
    )
    assert [f"{f.file}:{f.row}:{f.code}" for f in faults(broken)] == [
        "units.csv:3:level",
        "units.csv:4:ordinal",
        "units.csv:4:unknown-parent",
        "persons.csv:3:duplicate-id",
        "tenures.csv:2:day",
    ]


def test_a_refused_row_is_not_also_unknown() -> None:
    broken = files((UP, BRANCH.replace("organisation", "branch")), tenures=("p1,b,secretary,2019-01-01,,",))
    assert only(broken).code == "level"


def test_a_cycle_is_shown_link_by_link() -> None:
    rows = ("a,group,c,甲,A,1,,,,,", "b,group,a,乙,B,1,,,,,", "c,group,b,丙,C,1,,,,,", "d,group,c,丁,D,1,,,,,")
    with pytest.raises(OrgInvalid) as refused:
        read_org(files(rows))
    (fault,) = refused.value.facts["problems"]
    assert fault.code == "cycle"
    assert "a > c > b > a" in str(fault) and "a > c > b > a" in fault.text("zh")


def test_a_unit_above_itself_is_a_cycle() -> None:
    with pytest.raises(OrgInvalid, match="a > a"):
        read_org(files(("a,group,a,甲,A,1,,,,,",)))


def test_two_units_that_swap_places_over_time_are_no_cycle() -> None:
    rows = ("a,group,,甲,A,1,,,,,", "b,group,a,乙,B,1,,,managing,,2019-01-01", "a,,b,,,,,,managing,2019-01-01,")
    today = read_org(files(rows)).on("2019-06-01")
    assert (today.path("a"), today.path("b")) == (["a", "b"], ["b"])


def test_one_day_of_overlap_between_swapped_places_is_a_cycle_of_that_day() -> None:
    rows = ("a,group,,甲,A,1,,,,,", "b,group,a,乙,B,1,,,managing,,2019-01-02", "a,,b,,,,,,managing,2019-01-01,")
    with pytest.raises(OrgInvalid, match="on 2019-01-01: a > b > a"):
        read_org(files(rows))


def test_an_acting_holder_beside_one_and_many_handlers_are_fine() -> None:
    rows = (
        "p1,b,secretary,2019-01-01,,",
        "p2,b,secretary,2019-03-01,2019-04-01,yes",
        "p1,b,handler,2019-01-01,,",
        "p2,b,handler,2019-01-01,,是",
    )
    assert [t.acting for t in read_org(files(tenures=rows)).tenures] == [False, True, False, True]  # fmt: skip


def test_posts_of_many_holders_are_told() -> None:
    rows = ("p1,b,lead,2019-01-01,,", "p2,b,lead,2019-01-01,,")
    assert only(files(tenures=rows)).code == "two-holders"
    assert len(read_org(files(tenures=rows), many_holders=frozenset({"lead"})).tenures) == 2


def test_a_successor_may_begin_on_the_day_the_predecessor_ends() -> None:
    rows = ("p1,b,secretary,2018-01-01,2019-02-01,", "p2,b,secretary,2019-02-01,,")
    today = read_org(files(tenures=rows)).on("2019-02-01")
    assert [t.person for t in today.holders("b", "secretary")] == ["p2"]


def test_a_wrong_header_names_the_nearest_column() -> None:
    source = files()
    source["units.csv"] = source["units.csv"].replace(b"established_on", b"establised_on")
    found = [str(f) for f in faults(source)]
    assert found == [
        "units.csv:1:establised_on: no such column. did you mean established_on?",
        "units.csv:1:established_on: the column is missing",
    ]


def test_columns_may_stand_in_any_order() -> None:
    source = files(persons=())
    source["persons.csv"] = b"name_en,id,name_zh\nPerson 1,p1,\xe4\xba\xba\xe5\x91\x98\n"
    assert [(p.id, p.name_en) for p in read_org(source).persons] == [("p1", "Person 1")]


def test_bytes_that_are_no_text_a_file_of_another_name_and_no_file_are_told(tmp_path: Path) -> None:
    assert only(files() | {"units.csv": b"\xff\xff\xff"}).code == "encoding"
    assert only(files() | {"unit.csv": b""}).message == "no file of this name is read. did you mean units.csv?"
    assert only(files() | {"persons.csv": b""}).code == "header"
    assert faults(tmp_path)[0].code == "file"


def test_a_long_list_of_faults_is_cut_in_the_sentence_only() -> None:
    rows = tuple(f"u{n},organisation,nowhere,支部,Branch,1,,,,," for n in range(300))
    with pytest.raises(OrgInvalid) as refused:
        read_org(files(rows))
    assert refused.value.facts["count"] == 300
    assert str(refused.value).endswith("... and 100 more")
    again = pickle.loads(pickle.dumps(refused.value))
    assert again.facts == refused.value.facts


def test_part_of_an_organisation_is_checked_with_what_is_known() -> None:
    known = read_org(files(tenures=("p1,b,secretary,2018-01-01,,",)))
    successor = {"tenures.csv": f"{TENURES}\np2,b,secretary,2019-02-01,,\n".encode()}
    assert only(successor, known).code == "two-holders"
    ended = f"{TENURES}\np1,b,secretary,2018-01-01,2019-02-01,\np2,b,secretary,2019-02-01,,\n".encode()
    part = read_org({"tenures.csv": ended}, known=known)
    assert part.tenures[0].id == known.tenures[0].id
    assert part.units == ()


def test_a_unit_dissolved_under_a_known_tenure_is_told_at_the_unit() -> None:
    known = read_org(files(tenures=("p1,b,secretary,2018-01-01,,",)))
    source = {"units.csv": f"{UNITS}\n{BRANCH.replace('2010-01-01,', '2010-01-01,2019-01-01')}\n".encode()}
    assert str(only(source, known)).startswith("units.csv:2:id: the tenure has no end")


def test_the_id_of_a_tenure_keeps_when_its_end_is_added() -> None:
    id_ = tenure_id("p1", "b", "secretary", "2019-01-01", False)
    assert id_ == "t-9cc3ad5af21c6ec1a019afdc"
    assert (
        len(
            {
                id_,
                tenure_id("p1", "b", "secretary", "2019-01-01", True),
                tenure_id("p1b", "", "secretary", "2019-01-01", False),
            }
        )
        == 3
    )


def test_the_canonical_form_does_not_depend_on_the_order_of_rows() -> None:
    rows = ("p1,b,secretary,2019-01-01,,", "p2,b,handler,2019-01-01,,")
    one, other = read_org(files((UP, BRANCH), tenures=rows)), read_org(files((BRANCH, UP), PEOPLE[::-1], rows[::-1]))
    assert one.canonical()["tables"] == other.canonical()["tables"]
    assert canonical.decode(canonical.encode(one.canonical())) == one.canonical()
    assert one.parts() == {}


def test_a_large_import_names_its_parts_by_digest() -> None:
    persons = tuple(f"p{n},人员{n},Person {n}" for n in range(INLINE + 1))
    org = read_org(files(persons=persons))
    named = [d for table in org.canonical()["tables"].values() for d in table["parts"]]
    assert sorted(named) == sorted(org.parts())
    assert all(sha256(data) == name for name, data in org.parts().items())
    assert sum(len(canonical.decode(data)) for data in org.parts().values()) == 2 + 1 + len(persons)
    assert len(canonical.encode(org.canonical())) < 4_000


def test_rows_and_back_is_the_same_organisation() -> None:
    org = read_org(EXAMPLE)
    assert Org.from_rows(org.to_rows()) == Org(org.units, org.parents, org.persons, org.tenures)


def test_names_are_brought_to_one_unicode_form() -> None:
    org = read_org(files(persons=("p1,e\u0301,", "p2,\u00e9,")))
    assert [p.name_zh for p in org.persons] == ["\u00e9", "\u00e9"]


@given(st.dictionaries(st.sampled_from(list(COLUMNS)), st.binary(max_size=200)))
def test_whatever_the_bytes_only_the_one_error_comes_out(source: dict[str, bytes]) -> None:
    count = 0
    try:
        org = read_org(source)
    except OrgInvalid as refused:
        count = len(refused.facts["problems"])
    else:
        assert org.files and not org.units  # a header by chance, and nothing below it
    assert count or "units.csv" in source


@given(st.dates().map(str) | st.text(alphabet="0123456789-/年", max_size=10))
def test_a_day_is_what_the_calendar_has_and_sorts_as_it_stands(text: str) -> None:
    try:
        expected = date.fromisoformat(text).isoformat() == text
    except ValueError:
        expected = False
    assert is_day(text) == expected


POSTS = {
    "secretary": Post.model_validate(
        {"title": {"zh": "书记", "en": "secretary"}, "first-responsible": True, "backstop": "superior"}
    ),
    "handler": Post.model_validate({"title": {"zh": "经办人", "en": "handler"}, "may": "prepare"}),
}


def test_vacancies_of_the_example_are_shown_with_who_answers_meanwhile() -> None:
    found = org_check(read_org(EXAMPLE), POSTS, "2019-09-20")
    assert [(f.code, f.unit, f.persons, f.at) for f in found] == [
        ("vacant", "g1-s1-t1-b2", ("p013",), "g1-s1-t1"),
        ("not-established", "g1-s1-t1-b3", ("p013",), "g1-s1-t1"),
    ]
    assert found[0].text("en") == (
        "Example branch 2 (g1-s1-t1-b2): secretary is vacant on 2019-09-20; Example person 013, secretary of "
        "Example group 1, third-level unit 1 (g1-s1-t1), answers meanwhile"
    )
    assert found[1].text("zh").endswith("应建未建;由 示例集团1 三级单位1(g1-s1-t1) 书记 示例人员013 代为登记、签批")


def test_only_the_levels_asked_for_are_looked_at() -> None:
    assert org_check(read_org(EXAMPLE), POSTS, "2019-09-20", levels=["group"]) == []


def test_without_a_backstop_or_a_superior_nobody_answers_and_nobody_signs() -> None:
    alone = read_org(files((UP, BRANCH), tenures=("p1,b,secretary,2019-01-01,,",)))
    assert [(f.code, f.unit) for f in org_check(alone, POSTS, "2019-06-01")] == [
        ("vacant-nobody", "g"),
        ("no-signer", "g"),
    ]
    none = {"secretary": POSTS["secretary"].model_copy(update={"backstop": None})}
    below = read_org(files((UP, BRANCH), tenures=("p1,g,secretary,2019-01-01,,",)))
    assert [(f.code, f.unit) for f in org_check(below, none, "2019-06-01")] == [
        ("vacant-nobody", "b"),
        ("no-signer", "b"),
    ]
    assert org_check(below, POSTS, "2019-06-01")[0].code == "vacant"


def test_the_check_reaches_units_in_a_cycle() -> None:
    ring = Org((Unit("a", "group", "甲", "A", 1, "2010-01-01"), Unit("b", "group", "乙", "B", 2, "2010-01-01")),
               (Parent("a", "b", "managing", ALWAYS), Parent("b", "a", "managing", ALWAYS)),
               tenures=(Tenure("t1", "p", "a", "secretary", "2019-01-01"),))  # fmt: skip
    assert [(f.code, f.unit, f.at) for f in org_check(ring, POSTS, "2019-06-01")] == [("vacant", "b", "a")]


def test_a_folder_without_any_of_the_files_is_told_and_imports_nothing(tmp_path: Path) -> None:
    with pytest.raises(OrgInvalid, match=r"none of units\.csv, persons\.csv, tenures\.csv is there"):
        read_org(tmp_path / "nowhere")
