"""Lists show what somebody may see and nothing else; page by page they are what they are at once."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.contract.world import UNITS, World, imported
from workflow.cli.main import app
from workflow.errors import NotUnderstood, Unknown
from workflow.lists import by_unit, items, tally
from workflow.orgbook import assign, form_body
from workflow.seen import seen_by, seen_by_operator
from workflow.sight import all_of, refuse_unseen, sight_of
from workflow.store.listing import Wanted

DAY = "2026-03-02"
BELOW = {
    "g1": {"g1", "s1", "t1", "t2", "o1", "o2", "o3"},
    "s1": {"s1", "t1", "t2", "o1", "o2", "o3"},
    "t1": {"t1", "o1", "o2", "o3"},
    "t2": {"t2"},
    "o1": {"o1"},
    "o3": {"o3"},
}


@pytest.fixture(scope="module")
def many(shared: World) -> World:
    """Items about several units, most of them at the first signature, one of them handed in and not opened further."""
    for n, unit in enumerate(["o1", "o3", "o1", "o3", "o1"]):
        shared.begin(f"m-{n}", unit)
    shared.engine.open("survey", "o3", item="s-o3", campaign="c2")
    shared.engine.open("survey", "o2", item="s-o2", campaign="c2")
    return shared


@pytest.mark.parametrize("unit", BELOW)
def test_everybody_sees_the_own_subtree_and_nobodys_sibling(many: World, unit: str) -> None:
    """Source: S0 「三级企业清楚每个软弱涣散基层党支部详细情况」, R160."""
    with many.engine.look() as desk:
        sight = sight_of(desk, f"{unit}-secretary")
        assert sight.units == BELOW[unit]
        seen = {r.item: r.unit for r in items(desk, sight, Wanted()).rows}
        every = {r.item: r.unit for r in items(desk, all_of(DAY), Wanted()).rows}
    assert len(every) == 7
    assert seen == {i: u for i, u in every.items() if u in BELOW[unit]}


def test_who_holds_no_post_sees_nothing(many: World) -> None:
    with many.engine.look() as desk:
        sight = sight_of(desk, "a-stranger")
        assert sight.units == frozenset()
        assert items(desk, sight, Wanted()).rows == () and tally(desk, sight, Wanted()).items == 0
        assert items(desk, sight, Wanted(units=["o1"]), under="g1").rows == ()


def test_an_item_that_may_not_be_seen_cannot_be_told_from_one_that_is_not_there(many: World) -> None:
    with many.engine.look() as desk:
        sight = sight_of(desk, "o1-secretary")
        assert refuse_unseen(desk, sight, "m-0") == "o1"
        said = []
        for item in ("m-1", "m-9"):
            with pytest.raises(Unknown) as refused:
                refuse_unseen(desk, sight, item)
            said.append(str(refused.value).replace(item, "X"))
    assert said[0] == said[1]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_page_by_page_is_the_whole_list_once(many: World, limit: int) -> None:
    with many.engine.look() as desk:
        sight = all_of(DAY)
        whole = [r.item for r in items(desk, sight, Wanted()).rows]
        paged, after = [], ""
        while True:
            page = items(desk, sight, Wanted(), after=after, limit=limit)
            paged += [r.item for r in page.rows]
            after = page.after
            if not after:
                break
    assert paged == whole and len(set(paged)) == len(whole)


@pytest.mark.parametrize("mark", ["x", "1", "1.", ".m-1", "-1.m"])
def test_a_mark_that_is_none_is_refused(many: World, mark: str) -> None:
    with many.engine.look() as desk, pytest.raises(NotUnderstood):
        items(desk, all_of(DAY), Wanted(), after=mark)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(flow="matter"),
        Wanted(campaign="c2"),
        Wanted(flow="matter", stage="report"),
        Wanted(units=["o3", "t1"]),
        Wanted(final=True),
        Wanted(final=False, category="leak"),
        Wanted(klass="register"),
    ],
)
def test_what_is_counted_is_what_is_listed(many: World, wanted: Wanted) -> None:
    with many.engine.look() as desk:
        sight = all_of(DAY)
        for under in ("", *UNITS):
            rows = items(desk, sight, wanted, under=under).rows
            told = tally(desk, sight, wanted, under)
            assert told.items == len(rows) == told.open + told.closed == sum(told.stages.values())
            assert told.units == len({r.unit for r in rows})
        each = by_unit(desk, sight, wanted, UNITS)
        assert [t.items for t in each] == [tally(desk, sight, wanted, u).items for u in UNITS]


def test_an_unknown_unit_is_said(many: World) -> None:
    with many.engine.look() as desk, pytest.raises(Unknown):
        tally(desk, all_of(DAY), Wanted(), "nowhere")


def test_a_province_is_a_second_dimension_that_lists_are_filtered_and_added_up_by(world: World) -> None:
    """Source: S0 「公司共有 700多个三级单位分布在各省市区」, R003; 「形成了三级单位分省分区清单」, R004."""
    many = {f"x{n:03}": f"province-{n % 31:02}" for n in range(710)}
    since = {"established_on": "2010-01-01", "dissolved_on": None}
    units = [
        {"id": u, "level": "third", "ordinal": 100 + n, "name_zh": u, "name_en": u, **since} for n, u in enumerate(many)
    ]
    dated = {"from_on": "2010-01-01", "until_on": None}
    parents = [{"unit": u, "kind": "managing", "parent": "s1", **dated} for u in many]
    world.engine.import_org(imported(units=units, parents=parents))
    day = {"from_on": "2019-01-01"}
    with world.engine.desk() as desk:
        for province in sorted(set(many.values())):
            names = {"name_zh": "示例省", "name_en": "invented province"}
            form_body(desk, None, "by province", body=province, kind="province", unit="g1", **names, **day)
            theirs = [u for u, p in many.items() if p == province]
            assign(desk, None, "by province", body=province, units=theirs, **day)
    for n, unit in enumerate(("x000", "x031", "x001", "t1")):
        world.engine.open("talk", unit, item=f"pr-{n}", campaign="c1")
    with seen_by_operator(world.engine) as seen:
        told = {t.unit: t.items for t in seen.by_body("province", Wanted(flow="talk"))}
        assert (len(told), told["province-00"], told["province-01"], sum(told.values())) == (31, 2, 1, 3)
        theirs = [u for u, p in many.items() if p == "province-00"]
        assert {r.item for r in seen.items(Wanted(flow="talk", units=theirs)).rows} == {"pr-0", "pr-1"}
    asked = ["campaign", world.url, "--flow", "talk", "--campaign", "c1", "--by-body", "province", "--lang", "en"]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0 and "province-00: 2, open 2" in said.output, said.output
    with seen_by(world.engine, "t1-secretary") as seen:
        assert {t.items for t in seen.by_body("province", Wanted(flow="talk"))} == {0}  # its own tree, and no province
