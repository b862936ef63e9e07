"""What pages and sheets call things: titles where a flow has them, names beside ids, and never a code that has a name."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.contract.test_personal import MARKED, SECRET, begin
from tests.contract.world import MATTER, World, flow_text
from workflow import Actor, acts, load, loads, tick
from workflow.definition.definition import Definition
from workflow.definition.shipped import shipped_flow, shipped_flows
from workflow.store import library
from workflow_adapters import titles
from workflow_adapters.web import Identity, console
from workflow_adapters.web.pages import PAGES


@pytest.mark.parametrize(
    ("rule", "zh", "en"),
    [
        ("rectification/3/register-update", "集中整顿 · 更新名册", "rectification · update of the register"),
        ("closed/10/look-back-2", "销号(动态跟踪) · 第 2 次回头看", "closed out (tracked) · look-back 2"),
        ("plan/2/slot-4", "制定方案 · 第 4 位起的一级", "plan · the level from place 4 on"),
        ("plan/2/slot-4/2", "制定方案 · 第 4 位起的一级 (2)", "plan · the level from place 4 on (2)"),
        ("plan/2/group-in-3", "制定方案 · 第 3 位起的一组", "plan · the group from place 3 on"),
        ("plan/2/rework-1", "制定方案 · 第 1 次返工", "plan · rework 1"),
        ("plan/2/2", "制定方案 (2)", "plan (2)"),
        ("plan/2/appointed/2", "制定方案 · 另定的日期 (2)", "plan · the appointed date (2)"),
        ("plan/2", "制定方案", "plan"),
        ("no-such-stage/2", "no-such-stage/2", "no-such-stage/2"),
    ],
)
def test_a_due_is_called_by_its_stage_and_by_what_it_is_there(rule: str, zh: str, en: str) -> None:
    main = load(shipped_flow("organisation-rectification"))
    assert (titles.rule(main, rule, "zh"), titles.rule(main, rule, "en")) == (zh, en)


def test_a_report_that_is_owed_is_called_by_its_title_or_not_at_all() -> None:
    weekly, meeting = load(shipped_flow("weekly-report")), load(shipped_flow("joint-meeting"))
    assert titles.obligation(weekly, "first-hop", "zh") == "基层报上一级"
    assert titles.obligation(meeting, "fortnight", "zh") == "", "there is no other, and the flow says what it is"


def page(world: World, person: str, path: str) -> str:
    app = console(world.engine, lambda _: Identity(person, operator=not person), writes=True)
    got = TestClient(app).get(path, params={"lang": "zh"})
    assert got.status_code == 200
    return got.text


def test_a_document_is_read_with_names_and_titles_beside_the_bytes_that_are_signed(world: World) -> None:
    text = MATTER.replace("words: {type: text, max: 200}", "grade: {type: choice, choices: [light, grave]}, at: unit")
    text = text.replace("categories:", "titles: {grave: {zh: 严重, en: grave}}\ncategories:", 1)
    world.engine.publish(loads(flow_text(text, "2")))
    world.engine.open("matter", "o1", item="m-1", category="leak")
    handler = Actor("o1-handler", "handler", "o1")
    world.engine.submit("m-1", handler, {"sheet": {"count": 1, "grade": "grave", "at": "o3"}}, outcome="found")
    shown = page(world, "o1-handler", "/items/m-1/materials/sheet")
    assert "<td>严重</td>" in shown and "<td>示例单位6 (o3)</td>" in shown
    assert "&#34;grade&#34;:&#34;grave&#34;" in shown, "the bytes as they are signed"
    assert ">严重</option>" in page(world, "o1-handler", "/items/m-1/submit")


def test_what_is_committed_to_is_read_in_plain_by_whoever_may_read_it(world: World) -> None:
    fit = "fit: {type: boolean, personal: true, delicate: criminal-record, purpose: {zh: 资格, en: fitness}, "
    fit += "readers: department, keep-for: 2 years}"
    world.engine.publish(loads(flow_text(MARKED.replace("fit: {type: boolean, personal: true}", fit), "2")))
    begin(world, "m-1")
    own = page(world, "o1-handler", "/items/m-1/materials/sheet")
    assert f"<td>{SECRET}</td>" in own and "✗" not in own and "<td>personal:" in own, "not a reader of the delicate one"
    assert "✗" in page(world, "t1-department", "/items/m-1/materials/sheet")
    assert SECRET in page(world, "o1-handler", "/items/m-1/submit"), "not handed in again as its commitment"


@pytest.mark.parametrize("name", shipped_flows())
def test_no_form_of_a_shipped_flow_asks_for_a_code(name: str) -> None:
    definition = load(shipped_flow(name))
    for material, spec in definition.flow.materials.items():
        for code, field in spec.fields.items():
            where = f"{name}: {material}.{code}"
            assert field.title is not None, where
            for choice in field.choices or ():
                assert titles.code(definition, choice, "zh") != choice, f"{where}: {choice}"


def test_a_field_written_short_is_called_by_what_it_takes() -> None:
    text = MATTER.replace("words: {type: text, max: 200}", "unit: unit, person: person, words: {type: text, max: 200}")
    definition = loads(flow_text(text))
    fields = definition.flow.materials["sheet"].fields
    said = {n: titles.field(definition, n, f, "zh") for n, f in fields.items()}
    assert said == {"count": "count", "unit": "单位", "person": "人员", "words": "words"}
    assert titles.field(definition, "unit", fields["unit"], "en") == "unit"
    titled = loads(flow_text(text.replace("categories:", "titles: {unit: {zh: 支部, en: branch}}\ncategories:", 1)))
    assert titles.field(titled, "unit", fields["unit"], "zh") == "支部"


def test_fields_are_asked_for_and_read_in_the_order_of_the_flow_file(world: World) -> None:
    """Canonical bytes know no order; the one of the file is kept beside them, and is no part of what is signed."""
    fields = "{words: {type: text, max: 200, title: {zh: 情况, en: what}}, count: {type: integer, title: {zh: 处数, en: how many}}}"
    text = MATTER.replace(
        "fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 200}}", f"fields: {fields}"
    )
    assert text != MATTER
    definition = world.engine.publish(loads(flow_text(text, "2")))
    assert list(definition.layout["sheet"]) == ["words", "count"]
    world.engine.open("matter", "o1", item="m-1", category="leak")
    form = page(world, "o1-handler", "/items/m-1/submit")
    assert 0 < form.index("情况") < form.index("处数")
    world.engine.submit(
        "m-1", Actor("o1-handler", "handler", "o1"), {"sheet": {"count": 1, "words": "w"}}, outcome="found"
    )
    for path in ("/items/m-1/materials/sheet", "/items/m-1/slots/1"):
        shown = page(world, "o1-handler", path)
        assert 0 < shown.index("情况") < shown.index("处数"), path
    other = Definition.from_body(definition.body)
    assert other.digest == definition.digest and list(other.layout["sheet"]) == ["count", "words"]
    world.engine.publish(other)  # read back from its bytes: it says no order, and takes none away
    with world.engine.reading() as connection:
        assert library.layout(connection, definition.digest)["sheet"] == ["words", "count"]
    assert world.verify().holds


def test_no_english_page_has_chinese_in_it_but_for_the_way_to_the_chinese_one(world: World) -> None:
    """Names of units, persons and flows are in English too; what is left would be a word of ours that was forgotten."""
    world.begin("m-1")
    world.sign("m-1")
    world.engine.open("survey", "o1", item="s-1", campaign="c1")
    world.clock.advance(timedelta(days=60))
    while tick(world.engine).fired:
        world.clock.advance(timedelta(seconds=5))
    case = world.case("m-1")
    key, name = case.open_slots[0].key, next(iter(case.materials))
    app = console(world.engine, lambda _: Identity(world.actor(case.open_slots[0]).person), writes=True)
    client = TestClient(app)
    for path, _, _, methods in PAGES:
        if "GET" not in methods or "{flow}" in path or "{what}" in path:
            continue
        text = client.get(path.format(item="m-1", slot=key, name=name), params={"lang": "en"}).text
        left = re.findall("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+", text.replace(">中文<", "><"))
        assert not left, (path, left[:5])


def test_every_kind_of_act_has_a_name_in_both_languages() -> None:
    kinds = {c.kind for _, c in inspect.getmembers(acts, inspect.isclass) if isinstance(getattr(c, "kind", None), str)}
    assert kinds - {""} == set(titles.ACTS)
    assert all(re.search("[\u4e00-\u9fff]", zh) and en.isascii() for zh, en in titles.ACTS.values())
