"""Pictures of flows: everything a definition says of posts, dues and ladders is on them, and where an item stands."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from tests.contract.world import SHEET, SHEETS, World, flow_text
from workflow import Actor
from workflow.cli.main import app
from workflow.definition.load import load, loads
from workflow.definition.shipped import shipped_flow, shipped_flows
from workflow.drawing.picture import picture
from workflow.drawing.progress import progress
from workflow.drawing.svg import WIDTH, svg, width_of, wrapped
from workflow.drawing.text import dot, mermaid
from workflow.errors import Language

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", shipped_flows())
def test_every_stage_way_post_due_and_rung_is_on_the_picture(name: str, lang: Language) -> None:
    definition = load(shipped_flow(name))
    drawn = svg(picture(definition, lang))
    titles = {code: text.get(lang) for code, text in definition.flow.titles.items()}
    root = ElementTree.fromstring(drawn)
    said = "\n".join("".join(t.itertext()) for t in root.iter(f"{SVG}text")).replace("\u00a0", " ")
    for stage in definition.flow.stages:
        group = root.find(f".//{SVG}g[@id='stage-{stage.stage}']")
        assert group is not None
        inside = "\n".join("".join(t.itertext()) for t in group.iter(f"{SVG}text"))
        for exit_ in stage.exits:
            assert titles.get(exit_, exit_) in inside
        if stage.due is not None:
            assert f"▲{titles.get(stage.due.ladder, stage.due.ladder)}" in inside
            assert definition.flow.posts[stage.duty.post].title.get(lang) in inside
    for ladder, rungs in definition.flow.ladder.items():
        assert f"▲ {titles.get(ladder, ladder)}" in said and said.count(f"{len(rungs)}. ") >= 1
    assert len(root.findall(f".//{SVG}path")) == sum(
        len(s.exits) + (s.at_most is not None) for s in definition.flow.stages
    )


def test_the_main_flow_is_drawn_for_chinese_readers_without_codes_but_those_of_its_stages() -> None:
    """Levels, ways out, nodes, ladders and proposed flows have titles; each stage's code stands small beside its own."""
    main = load(shipped_flow("organisation-rectification"))
    root = ElementTree.fromstring(svg(picture(main, "zh")))
    said = [("".join(t.itertext()), t.get("font-size")) for t in root.iter(f"{SVG}text")]
    assert [text for text, size in said if size != "11" and re.search("[a-z]{3}", text)] == [
        f"{main.name}@{main.version}"
    ]


def test_no_text_runs_out_of_its_box_and_no_box_lies_on_another() -> None:
    main = load(shipped_flow("organisation-rectification"))
    root = ElementTree.fromstring(svg(picture(main, "zh")))
    bottom = 0.0
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, height = (float(rect.get(k, "0")) for k in ("x", "y", "height"))
        assert y >= bottom
        bottom = y + height
        rows: dict[float, list[tuple[float, float]]] = {}
        for text in group.iter(f"{SVG}text"):
            at, size, wide = float(text.get("x", "0")), float(text.get("font-size", "0")), "".join(text.itertext())
            long = width_of(wide, size)
            begin = at - long if text.get("text-anchor") == "end" else at
            assert x <= begin and begin + long <= x + WIDTH
            assert y < float(text.get("y", "0")) <= y + height
            rows.setdefault(round(float(text.get("y", "0"))), []).append((begin, begin + long))
        for spans in rows.values():
            for one, other in zip(sorted(spans), sorted(spans)[1:], strict=False):
                assert one[1] <= other[0]


def test_long_text_is_broken_where_it_may_be() -> None:
    assert wrapped("一" * 50, 10, 200)[0] == "一" * 20
    assert all(width_of(line, 10) <= 200 for line in wrapped("word " * 40, 10, 200))
    assert "".join(line.strip() for line in wrapped("甲乙 " * 30, 10, 100)).replace(" ", "") == "甲乙" * 30


def test_mermaid_and_dot_name_every_way_and_escape_what_would_break_them() -> None:
    definition = load(shipped_flow("organisation-rectification"))
    drawn = picture(definition, "zh")
    ways = sum(len(b.ways) for b in drawn.boxes)
    assert len(re.findall(r"^  s\d+ \S+\|", mermaid(drawn), re.MULTILINE)) == ways
    assert dot(drawn).count(" -> ") == ways
    assert "“两张皮”" not in mermaid(drawn) or '"' not in definition.flow.title.zh
    assert all(line.count('"') % 2 == 0 for line in (mermaid(drawn) + dot(drawn)).splitlines())


def test_an_item_stands_where_it_is_with_what_is_signed_awaited_and_due(world: World) -> None:
    world.walk_to("plan", "m1")
    with world.engine.look() as desk:
        definition, where = progress(desk, "m1", "en")
    drawn = picture(definition, "en", where)
    states = {b.code: b.state for b in drawn.boxes}
    assert (states["report"], states["plan"], states["work"]) == ("past", "now", "")
    plan = next(b for b in drawn.boxes if b.code == "plan")
    assert [line.text for line in plan.lines] == [
        "● secretary @ o1 (awaited)",
        "due 2019-08-26 (plan/2); next rung 2019-08-21",
    ]
    taken = {w.name: w.taken for b in drawn.boxes if b.code == "report" for w in b.ways}
    assert taken == {"found": 1, "nothing": 0, "dropped": 0}
    ElementTree.fromstring(svg(drawn))
    assert "==>" in mermaid(drawn) and "penwidth" in dot(drawn)


def test_a_place_that_was_passed_over_is_drawn_as_what_it_is(world: World) -> None:
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="m1")
    world.engine.submit("m1", Actor("o1-handler", "handler", "o1"), SHEET)
    why = (world.case("m1").content, "1", "nobody there may")
    world.engine.ask_override("m1", Actor("s1-department", "department", "s1"), *why)
    world.engine.override("m1", Actor("s1-secretary", "secretary", "s1"), *why)
    with world.engine.look() as desk:
        said = [line.text for line in progress(desk, "m1", "zh")[1].lines]
    assert "△ 经办人 @ o1 (两人同意越过,无人签批)" in said


def test_the_command_draws_flows_and_items(world: World, tmp_path: Path) -> None:
    out = tmp_path / "flow.svg"
    said = CliRunner().invoke(app, ["graph", "organisation-rectification", "-o", str(out), "--lang", "zh"])
    assert said.exit_code == 0 and "排查摸底" in out.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["graph", "weekly-report"]).output.startswith("---\ntitle:")
    assert "digraph" in CliRunner().invoke(app, ["graph", "weekly-report", "--format", "dot"]).output
    assert CliRunner().invoke(app, ["graph", "no-such-flow"]).exit_code == 2
    assert CliRunner().invoke(app, ["graph", "weekly-report", "--format", "png"]).exit_code == 2
    world.begin("m1")
    db = world.url.removeprefix("sqlite:///")
    said = CliRunner().invoke(app, ["graph", "m1", "--db", db, "--format", "svg", "--lang", "en"])
    assert said.exit_code == 0 and "awaited" in said.output
    assert CliRunner().invoke(app, ["graph", "nothing", "--db", db]).exit_code == 2
