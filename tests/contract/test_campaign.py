"""A campaign at a glance, targets as people write them, and who could not answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.contract.test_trace import survey, surveyed
from tests.contract.world import World, imported, tenure_row
from workflow import Actor, load
from workflow.campaign import by_matter, by_person, statistics, workload
from workflow.cli.main import app
from workflow.clock import start_of_day
from workflow.definition.shipped import shipped_flow
from workflow.errors import NotUnderstood
from workflow.orgbook import assign, form_body
from workflow.seen import seen_by, seen_by_operator
from workflow.sight import all_of
from workflow.targets import target


@pytest.mark.parametrize("text", ["one-person:secretary+director 超过35%", "closed more than 35%", "closed > 35%"])
def test_more_than_leaves_the_figure_out(text: str) -> None:
    """Source: S4 「要超过35%达到28个」, R072: 28 of 79 passes, 27 does not."""
    wanted = target(text)
    assert wanted.holds(28, 79) and not wanted.holds(27, 79)
    assert not wanted.holds(35, 100) and wanted.holds(36, 100)


def test_both_parts_of_a_target_are_kept_or_it_is_not() -> None:
    """Source: S4 「到今年年底」, R072, M45."""
    wanted = target("one-person:secretary+director 超过35%达到28个")
    assert [str(b) for b in wanted.bounds] == ["> 35%", ">= 28"]
    assert wanted.holds(28, 79) and not wanted.holds(27, 60)


def test_what_is_wanting_to_a_target_is_told() -> None:
    """Source: S4 「仅有11个村」「任务欠账非常大」, R073: 11 of 79 are 17 short of 28, by either reading."""
    for text in ("one-person:secretary+director 超过35%", "one-person:secretary+director 达到28个"):
        assert target(text).shortfall(11, 79) == 17 and target(text).shortfall(28, 79) == 0
    assert target("covered >= 50%").shortfall(2, 5) == 1 and target("covered 不超过50%").shortfall(0, 5) == 0


@given(part=st.integers(0, 300), whole=st.integers(1, 300), n=st.integers(0, 100), op=st.sampled_from(["超过", "达到"]))
def test_with_the_shortfall_made_good_the_target_is_kept_and_with_one_less_it_is_not(
    part: int, whole: int, n: int, op: str
) -> None:
    wanted = target(f"covered {op}{n}%")
    short = wanted.shortfall(part, whole)
    assert wanted.holds(part + short, whole) and (not short or not wanted.holds(part + short - 1, whole))


@pytest.mark.parametrize(
    "text", ["ready 95%以上", "ready 达到95%", "ready at least 95%", "ready >= 95%", "ready 不低于95%"]
)
def test_from_a_figure_upward_takes_it_in(text: str) -> None:
    """Source: S2 「达95%以上」, R074."""
    assert target(text).holds(95, 100) and not target(text).holds(94, 100)


@given(part=st.integers(0, 500), whole=st.integers(0, 500), n=st.integers(0, 120))
def test_the_two_readings_differ_by_the_figure_itself(part: int, whole: int, n: int) -> None:
    over, from_ = target(f"closed 超过{n}%"), target(f"closed {n}%以上")
    assert from_.holds(part, whole) == (whole > 0 and (over.holds(part, whole) or part * 100 == n * whole))


@pytest.mark.parametrize("what", ["findings", "items", "registered", "found", "发现", "软弱涣散", "one-person:", ""])
def test_nobody_sets_a_target_on_what_is_found(what: str) -> None:
    """Source: S4 「不设比例、不定指标、应整尽整」, R049, R051."""
    with pytest.raises(NotUnderstood, match="R049") as refused:
        target(f"{what} >= 10%")
    assert "不设比例" in refused.value.text("zh")


@pytest.mark.parametrize(
    "text", ["covered", "covered 50%", "covered about 50%", "covered >= 50% or so", "covered >= x"]
)
def test_a_reading_that_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        target(text)


def test_coverage_and_claims_are_told_as_of_any_instant(world: World) -> None:
    """R061, R071, R114, R115, R223: a share is reckoned from what is on record, as of any day."""
    before = world.clock.now()
    surveyed(world)
    with world.engine.look() as desk:
        item = desk.connection.exec_driver_sql("SELECT id FROM wf_item WHERE flow = 'matter'").scalar()
    with seen_by_operator(world.engine) as seen:
        told = seen.coverage("survey", "c1", "organisation")
        assert (told.owed, told.covered, told.zero, told.uncovered) == (3, 3, 2, ())
        assert seen.coverage("survey", "c1", "organisation", before - 1).uncovered == ("o1", "o2", "o3")
        assert {c.unit: (c.claimed, c.verified) for c in seen.claims("survey", "c1", "organisation")} == {
            "o1": ("zero", ""),
            "o2": ("zero", ""),
            "o3": ("reported", ""),
        }
    by = Actor("s1-secretary", "secretary", "s1")
    world.clock.advance(timedelta(days=1))
    then = world.clock.now() - 1
    world.engine.contradict("survey-o1", by, world.case("survey-o1").content, "seen on a visit", finding=item)
    with seen_by_operator(world.engine) as seen:
        assert [c.verified for c in seen.claims("survey", "c1", "organisation")] == ["contradicted", "", ""]
        assert [c.verified for c in seen.claims("survey", "c1", "organisation", then)] == ["", "", ""]
        assert seen.measure(target("covered >= 100%"), "survey", "c1", "organisation") == (3, 3)
        told = seen.coverage("survey", "c1", "organisation")
        assert (told.covered, told.zero, told.contradicted) == (3, 1, ("o1",))
        third = {c.unit: (c.claimed, c.verified) for c in seen.claims("survey", "c1", "third")}
        assert third["t1"] == ("reported", "contradicted-below")
    with seen_by(world.engine, "o3-secretary") as seen:
        assert [c.unit for c in seen.claims("survey", "c1", "organisation")] == ["o3"]
        assert seen.measure(target("covered >= 100%"), "survey", "c1", "organisation") == (1, 1)


def test_a_zero_that_rests_on_one_found_false_below_is_no_longer_counted_as_one(world: World) -> None:
    """The zero above stays as it was signed; whoever reads the campaign is told that it does not stand. Source: R055, R023."""
    for unit in ("o1", "o2", "o3", "t1"):
        survey(world, unit, None)
    world.clock.advance(timedelta(days=1))
    before = world.clock.now() - 1
    by = Actor("s1-secretary", "secretary", "s1")
    world.engine.contradict("survey-o2", by, world.case("survey-o2").content, "seen on a visit", finding="photograph 7")
    with seen_by_operator(world.engine) as seen:
        told = seen.coverage("survey", "c1", "third")
        assert (told.covered, told.zero, told.contradicted, told.uncovered) == (1, 0, ("t1",), ("t2",))
        assert [(c.unit, c.claimed, c.verified) for c in seen.claims("survey", "c1", "third")] == [
            ("t1", "zero", "contradicted-below")
        ]
        then = seen.coverage("survey", "c1", "third", before)
        assert (then.zero, then.contradicted) == (1, ())
    asked = ["campaign", world.url, "--flow", "survey", "--campaign", "c1", "--reports", "survey", "--level", "third"]
    for lang, words in (("en", "0 zero, 1 zero contradicted"), ("zh", "零报告被查否 1")):
        assert words in CliRunner().invoke(app, [*asked, "--lang", lang]).output


def test_a_unit_is_ready_when_nothing_is_lacking(world: World) -> None:
    """Source: S0 「全部制定工作方案…全部明确领导小组、工作机构和巡回指导组」, R006."""
    needs = ["flow:survey", "body:leading-group", "looked-after:guidance", "one-person:handler+department"]
    survey(world, "o1", None)
    survey(world, "o2", None)
    survey(world, "o3", None)
    survey(world, "t1", None)
    with world.engine.desk() as desk:
        said = {"name_zh": "示例组", "name_en": "invented group", "from_on": "2019-01-01"}
        form_body(desk, None, "formed", body="b1", kind="leading-group", unit="t1", **said)
        form_body(desk, None, "formed", body="b2", kind="guidance", unit="g1", **said)
        assign(desk, None, "round one", body="b2", units=["t1"], from_on="2019-01-01")
    with seen_by_operator(world.engine) as seen:
        told = {r.unit: r.lacks for r in seen.readiness("c1", "third", needs)}
        assert told == {"t1": (), "t2": tuple(needs)}
        assert seen.measure(target("ready 超过35%"), "survey", "c1", "third", needs=needs) == (1, 2)
        assert seen.measure(target("one-person:handler+department >= 1"), "survey", "c1", "third") == (1, 2)
        with pytest.raises(NotUnderstood):
            seen.readiness("c1", "third", ["plan"])


def test_overdue_by_person_by_matter_and_by_unit(world: World) -> None:
    """Source: S0 「紧盯不落实的人」, R133."""
    world.begin("m1")
    world.begin("m2", "o3")
    with seen_by_operator(world.engine) as seen:
        assert seen.late("matter", "c1") == [] and seen.heat() == {}
    world.clock.advance(timedelta(days=60))
    with seen_by_operator(world.engine) as seen:
        rows = seen.late("matter", "c1")
        assert [(r.item, r.stage, r.of, r.persons) for r in rows] == [
            ("m1", "report", "o1", ("o1-secretary",)),
            ("m2", "report", "o3", ("o3-secretary",)),
        ]
        assert by_person(rows) == {"o1-secretary": 1, "o3-secretary": 1}
        assert by_matter(rows) == {("m1", "report"): 1, ("m2", "report"): 1}
        assert seen.heat("s1") == {("t1", "report"): 2}
        assert seen.heat("t1", flow="matter", campaign="c1") == {("o1", "report"): 1, ("o3", "report"): 1}
        assert seen.late("matter", "c1", seen.now - 59 * 86_400_000_000) == []
    with seen_by(world.engine, "o3-secretary") as seen:
        assert [r.item for r in seen.late("matter", "c1")] == ["m2"] and seen.heat() == {("o3", "report"): 1}


def test_statistics_by_category_level_and_days_to_close(world: World) -> None:
    """Source: S0 「认真总结问题发生特点及规律」, R156."""
    world.begin("m1", "o3")
    opened = world.clock.now()
    world.walk_to("closed", "m2")
    days = (world.clock.now() - opened) // 86_400_000_000
    with seen_by_operator(world.engine) as seen:
        told = seen.statistics("matter", "c1")
        assert told["category"]["leak"].items == told["level"]["organisation"].items == 2
        assert told["category"]["leak"].days == (days,) and told["level"]["organisation"].middle == days
        assert seen.statistics("matter", "c1", opened)["category"]["leak"].closed == 0
        assert seen.measure(target("closed >= 50%"), "matter", "c1", "", opened) == (0, 2)
    with seen_by(world.engine, "o1-secretary") as seen:
        assert seen.statistics("matter", "c1")["category"]["leak"].closed == 1
    with seen_by(world.engine, "o3-secretary") as seen:
        assert seen.statistics("matter", "c1")["category"]["leak"].closed == 0


def test_rebounds_are_counted_by_category_and_open_items_by_lead(world: World) -> None:
    """Source: S0 「有的甚至容易反弹」, R151; S4 「统筹安排工作力量」, R116."""
    world.walk_to("closed", "m1")
    before = world.clock.now()
    world.clock.advance(timedelta(minutes=1))
    world.walk_to("plan", "m2")
    with seen_by_operator(world.engine) as seen:
        assert seen.statistics("matter", "c1")["category"]["leak"].back == 0
        loads_before = seen.workload("matter", "c1", before)
        assert loads_before == {}  # what is closed out is nobody's load any more
        assert seen.workload("matter", "c1") == {"t1-department": 1}
    world.clock.advance(timedelta(days=1))
    world.engine.reopen("m1", Actor("s1-department", "department", "s1"), world.case("m1").content, "it is back")
    with seen_by_operator(world.engine) as seen:
        assert seen.statistics("matter", "c1")["category"]["leak"].back == 1
        assert seen.statistics("matter", "c1", before)["category"]["leak"].back == 0
        assert seen.workload("matter", "c1") == {"t1-department": 2}
    with seen_by(world.engine, "o3-secretary") as seen:
        assert seen.workload("matter", "c1") == {}


def test_causes_and_leads_of_many_items_cost_no_statement_more_than_of_few(world: World) -> None:
    """R116, R156: what was read item by item is read at once."""
    counts: list[int] = []

    def count(*_: object) -> None:
        counts[-1] += 1

    for n in range(12):
        world.begin(f"more-{n}", "o1" if n % 2 else "o3")
        if n not in (0, 11):
            continue
        with world.engine.look() as desk:
            sa.event.listen(desk.connection, "before_cursor_execute", count)
            for ask in (statistics, workload):
                counts.append(0)
                ask(desk, all_of("2019-08-12"), "matter", "c1", world.clock.now())
            sa.event.remove(desk.connection, "before_cursor_execute", count)
    assert counts[2] <= counts[0] and counts[3] <= counts[1], counts  # the first also read the definition


def test_each_level_answers_at_once_and_who_cannot_is_listed(world: World) -> None:
    """Source: S0 「4个清楚」「坚决杜绝“一问三不知”」, R157, R158, R159, R160, R161, M08."""
    world.engine.open("survey", "t1", item="survey-t1", campaign="c1")
    world.begin("m1")
    survey(world, "o1", None)
    with seen_by_operator(world.engine) as seen:
        told = seen.clear("matter", "c1")
        assert told.nodes["1"] == {"report": "2019-08-30"} and told.totals == {"report": 1}
        assert told.lists == {"s1": ("m1",)}
        (detail,) = told.details["t1"]
        assert (detail.item, detail.unit, detail.category, detail.who) == ("m1", "o1", "leak", ("o1-secretary",))
        assert detail.due is not None
        silent = {(g.unit, g.question, g.about) for g in told.gaps}
        assert silent == {(u, q, ("o2", "o3")) for u, q in (("t1", "detail"), ("s1", "list"), ("g1", "totals"))}
    survey(world, "o2", None)
    survey(world, "o3", None)
    with seen_by_operator(world.engine) as seen:
        assert seen.clear("matter", "c1").gaps == ()
    world.engine.open("matter", "o3", item="m3", campaign="c1")
    with seen_by_operator(world.engine) as seen:
        assert [(g.unit, g.question, g.about) for g in seen.clear("matter", "c1").gaps] == [("t1", "what", ("m3",))]
    with seen_by(world.engine, "o1-secretary") as seen:
        told = seen.clear("matter", "c1")
        assert told.totals == {"report": 1} and not told.details and not told.gaps


def test_the_commands_tell_it_in_both_languages(world: World) -> None:
    surveyed(world)
    world.clock.advance(timedelta(days=60))
    run = CliRunner()
    asked = [
        "--reports",
        "survey",
        "--needs",
        "flow:survey",
        "--target",
        "covered 超过35%",
        "--target",
        "closed >= 50%",
    ]
    for lang, words in (
        ("zh", ("覆盖:应报 3,已报 3", "按类别", "未达到")),
        ("en", ("covered: 3 of 3", "by category", "not kept")),
    ):
        made = run.invoke(app, ["campaign", world.url, "--flow", "matter", *asked, "--lang", lang])
        assert made.exit_code == 1, made.output
        assert all(w in made.output for w in words), made.output
    assert run.invoke(app, ["campaign", world.url, "--flow", "matter", "--json", "--on", "2019-08-12"]).exit_code == 0
    refused = run.invoke(app, ["campaign", world.url, "--flow", "matter", "--target", "findings >= 3", "--lang", "zh"])
    assert refused.exit_code == 2 and "不设比例" in refused.output
    made = run.invoke(app, ["clear", world.url, "--flow", "matter", "--lang", "zh"])
    assert made.exit_code == 1 and "答不上来的:1" in made.output and "成因" not in made.output, made.output
    made = run.invoke(app, ["clear", world.url, "--flow", "nothing", "--lang", "en"])
    assert made.exit_code == 2 and "nothing" in made.output
    made = run.invoke(app, ["clear", world.url, "--as", "o1-secretary", "--lang", "en"])
    assert "o3" not in made.output


def test_a_progress_plan_has_monthly_numbers_for_each_township_and_is_measured_from_the_posts(world: World) -> None:
    """What was planned is signed, what was reached is nobody's claim: who holds both posts on the last day of each month.

    Source: S4 「工作推进计划」, R222, M45; 「超过35%」 reads as it is written, R071.
    """
    world.engine.publish(load(shipped_flow("progress-plan")))
    planned = ((date(2019, 8, 31), 0), (date(2019, 9, 30), 1), (date(2019, 10, 31), 3))
    item, secretary = "plan-t1", Actor("t1-secretary", "secretary", "t1")
    world.engine.open("progress-plan", "t1", item=item, campaign="both-posts")
    lines = [{"until": day.isoformat(), "reached": n} for day, n in planned]
    world.engine.submit(item, Actor("t1-handler", "handler", "t1"), {"months": lines})
    world.sign(item, by=Actor("t1-handler", "handler", "t1"))
    world.sign(item, by=secretary)
    world.sign(item, by=Actor("s1-department", "department", "s1"))
    both = [("o1-secretary", "o1", "2019-09-05"), ("o3-secretary", "o3", "2019-10-08")]
    world.engine.import_org(imported(tenures=[tenure_row(p, u, "handler", day) for p, u, day in both]))
    world.clock.set(datetime(2019, 11, 1, 2, tzinfo=UTC))
    told = {}
    with seen_by(world.engine, "t1-secretary") as seen:
        for line in seen.lines_of(item, "months"):
            until, units = date.fromisoformat(line["cells"]["until"]), line["cells"]["reached"]
            wanted = target(f"one-person:secretary+handler 达到{units}个")
            at = start_of_day(until + timedelta(days=1), "Asia/Shanghai") - 1
            part, whole = seen.measure(wanted, "survey", "c1", "organisation", at)
            told[until.month] = (part, whole, wanted.holds(part, whole), wanted.shortfall(part, whole))
    assert told == {8: (0, 3, True, 0), 9: (1, 3, True, 0), 10: (2, 3, False, 1)}
    with seen_by_operator(world.engine) as seen:
        ready = seen.readiness("c1", "organisation", ["one-person:secretary+handler"], seen.now)
        assert [r.unit for r in ready if r.lacks] == ["o2"]  # which has no secretary
    command = ["campaign", world.url, "--flow", "progress-plan", "--campaign", "both-posts", "--level", "organisation"]
    asked = [*command, "--on", "2019-10-31", "--as", "t1-secretary", "--lang", "zh"]
    said = CliRunner().invoke(app, [*asked, "--target", "one-person:secretary+handler 达到3个"])
    assert said.exit_code == 1 and all(x in said.output for x in ("2/3", "未达到", "欠 1")), said.output
