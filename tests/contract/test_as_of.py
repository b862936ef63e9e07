"""A question about an instant that has passed is answered with the same bytes, whatever is renamed, merged, dissolved, entered
for earlier days or published afterwards. Source: R070, R175, R218, M51."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from typer.testing import CliRunner

from tests.contract.test_trace import survey
from tests.contract.world import MATTER, SURVEY, World, flow_text, imported, person_row, tenure_row
from workflow import Actor, loads, orgbook
from workflow.cli.main import app
from workflow.desk import Desk
from workflow.evidence import canonical
from workflow.org.importing import OrgImport
from workflow.past import past
from workflow.seen import Seen, seen_by, seen_by_operator

OFFICE = Actor("g1-secretary", "secretary", "g1")
DAY = "2019-09-20"  # before the instant asked about: every change is entered late
ITEMS = ("m1", "m2", "m3", "survey-o1", "survey-o3", "survey-t1", "survey-t2")
UNITS = ("g1", "s1", "t1", "t2", "o1", "o2", "o3")


def lived(world: World) -> int:
    """Reports of everybody but t2, items in several stages, and an instant behind them all."""
    survey(world, "o1", None)
    world.clock.advance(timedelta(hours=1))
    survey(world, "o2", None)
    for unit in ("o3", "t1"):
        survey(world, unit, [{"unit": "o3", "result": "found"}])
    world.engine.open("survey", "t2", item="survey-t2", campaign="c1")
    world.begin("m1")
    for _ in range(3):
        world.sign("m1")
    world.begin("m3", "o3")
    world.walk_to("work", "m2")
    world.clock.set(datetime(2019, 9, 26, 2, tzinfo=UTC))
    then = world.clock.now()
    world.clock.advance(timedelta(hours=1))
    return then


def plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return sorted(value) if isinstance(value, (set, frozenset)) else value


def every_answer(world: World, at: int) -> dict[str, bytes]:
    """Everything that can be asked as of an instant, by question."""
    found: dict[str, Any] = {}
    with seen_by_operator(world.engine) as seen:
        for item in ITEMS:
            found[f"trace {item}"] = seen.trace(item, at, whole=True).record()
            found[f"signatures {item}"] = seen.signatures(item, at)
            then = past(seen._desk, item, at)
            assert then is not None
            found[f"past {item}"] = [then.case.snapshot().decode(), then.remarks, then.irregular, then.missed]
        for unit in UNITS:
            found[f"trace of {unit}"] = seen.trace_unit("survey", "c1", unit, at).record()
        for flow in ("matter", "survey"):
            found[f"register {flow}"] = seen.register(flow, "c1", at)
            found[f"page {flow}"] = seen.page(seen.shelf(flow, "c1", at))
            found[f"ledger {flow}"] = seen.ledger(flow, "c1", at)
            found[f"late {flow}"] = seen.late(flow, "c1", at)
            found[f"claims {flow}"] = seen.item_claims(flow, "c1", at)
            found[f"statistics {flow}"] = seen.statistics(flow, "c1", at)
            found[f"workload {flow}"] = seen.workload(flow, "c1", at)
            found[f"one-sided {flow}"] = seen.one_sided(flow, "c1", at)
        for level in ("organisation", "third"):
            found[f"roll {level}"] = seen.roll_call("survey", "c1", level, at)
            found[f"coverage {level}"] = seen.coverage("survey", "c1", level, at)
            found[f"claimed {level}"] = seen.claims("survey", "c1", level, at)
        found["missed"], found["missed page"] = seen.missed(at), seen.missed_page(at)
        found["first missed"], found["missed count"] = seen.first_missed(at), seen.missed_count(at)
        found["met late"], found["heat"] = seen.met_late(at), sorted(plain(seen.heat(at=at)).items())
    return {question: canonical.encode(plain(answer)) for question, answer in found.items()}


def told(world: World) -> list[str]:
    """What an auditor is shown at a terminal."""
    asked = (["m1"], ["survey-t1", "--whole"], ["survey", "--unit", "o1", "--campaign", "c1"])
    asked += (["survey", "--unit", "t2", "--campaign", "c1", "--json"],)
    runs = [CliRunner().invoke(app, ["trace", *words, "--db", world.url, "--on", "2019-09-25"]) for words in asked]
    assert not [r.output for r in runs if r.exit_code]
    return [r.stdout for r in runs]


def entered(world: World, **rows: list[dict[str, Any]]) -> Callable[[Desk], object]:
    return lambda desk: desk.import_org(
        OrgImport.from_rows({"units": [], "parents": [], "persons": [], "tenures": []} | rows)
    )


def test_the_same_question_has_the_same_bytes_whatever_is_changed_afterwards(world: World) -> None:
    then = lived(world)
    before, shown = every_answer(world, then), told(world)
    new = {"level": "organisation", "ordinal": 9, "name_zh": "示例新支部", "name_en": "an invented branch"}
    line = {"kind": "managing", "parent": "t2", "from_on": "2019-08-01", "until_on": None}
    changes: dict[str, Callable[[Desk], object]] = {
        "renamed": lambda d: orgbook.rename_unit(d, OFFICE, "r", unit="t1", name_zh="新", name_en="new", on=DAY),
        "married": lambda d: orgbook.rename_person(
            d, OFFICE, "r", person="o1-handler", name_zh="某", name_en="x", on=DAY
        ),
        "removed": lambda d: orgbook.remove_from_posts(d, OFFICE, "r", person="o1-secretary", on="2019-08-01"),
        "appointed": lambda d: orgbook.appoint(
            d, OFFICE, "r", person="nobody", unit="o1", post="secretary", from_on="2019-08-01"
        ),
        "two persons are one": lambda d: orgbook.merge_persons(
            d, OFFICE, "r", person="t1-handler", into="t2-handler", on=DAY
        ),
        "entered late": entered(
            world,
            units=[{"id": "o8", "established_on": "2019-08-01", "dissolved_on": None, **new}],
            parents=[{"unit": "o8", **line}],
        ),
        "moved": lambda d: orgbook.move_unit(d, OFFICE, "r", unit="o3", parent="t2", from_on="2019-08-01"),
        "dissolved with a report under way": lambda d: orgbook.dissolve(
            d, OFFICE, "r", unit="t2", successor="t1", on=DAY
        ),
        "dissolved with items under way": lambda d: orgbook.dissolve(d, OFFICE, "r", unit="o1", successor="o3", on=DAY),
        "and its successor": lambda d: orgbook.dissolve(d, OFFICE, "r", unit="o3", successor="o2", on=DAY),
    }
    for what, change in changes.items():
        world.clock.advance(timedelta(minutes=5))
        with world.engine.desk() as desk:
            change(desk)
        if what in ("two persons are one", "moved", "and its successor"):
            after = every_answer(world, then)
            assert not [question for question in before if after[question] != before[question]], what
    later = {"2019-08-30": "2019-09-30"}
    for text in (SURVEY, MATTER):
        world.engine.publish(loads(flow_text(text, "2").replace("2019-08-30", later["2019-08-30"])))
    world.sign("m1")
    after = every_answer(world, then)
    assert not [question for question in before if after[question] != before[question]], "published"
    assert told(world) == shown
    with seen_by_operator(world.engine) as seen:
        assert {r.unit for r in seen.register("matter", "c1") if r.item in ("m1", "m2", "m3")} == {"o2"}
    assert world.verify().exit_code == 0


def test_a_check_that_was_put_on_record_later_is_not_in_an_earlier_trace(world: World) -> None:
    survey(world, "o1", None)
    world.begin("m9", "t2")
    world.clock.advance(timedelta(hours=1))
    then = world.clock.now()
    with world.engine.look() as desk:
        before = Seen(world.engine, desk, _all(world)).trace("m9", then).record()
    world.clock.advance(timedelta(hours=1))
    seen_ = world.case("survey-o1").content
    world.engine.contradict("survey-o1", Actor("s1-secretary", "secretary", "s1"), seen_, "seen on the spot", "m9")
    with world.engine.look() as desk:
        assert Seen(world.engine, desk, _all(world)).trace("m9", then).record() == before


def _all(world: World) -> Any:
    with seen_by_operator(world.engine) as seen:
        return seen.sight


def test_what_a_dissolved_unit_left_is_read_by_its_successor_and_by_those_above_it(world: World) -> None:
    """Its record does not go with it; nobody else learns of it. R070, R157."""
    survey(world, "o1", None)
    world.clock.advance(timedelta(hours=1))
    survey(world, "o2", None)
    for unit in ("o3", "t1"):
        survey(world, unit, [{"unit": "o3", "result": "found"}])
    world.engine.import_org(
        imported(
            units=[
                {
                    "id": "o7",
                    "level": "organisation",
                    "ordinal": 7,
                    "name_zh": "示例单位7",
                    "name_en": "unit 7",
                    "established_on": "2010-01-01",
                    "dissolved_on": None,
                }
            ],
            parents=[{"unit": "o7", "kind": "managing", "parent": "t2", "from_on": "2010-01-01", "until_on": None}],
            persons=[person_row("o7-secretary")],
            tenures=[tenure_row("o7-secretary", "o7", "secretary")],
        )
    )
    world.clock.advance(timedelta(hours=1))
    with world.engine.desk() as desk:
        orgbook.dissolve(desk, OFFICE, "reform", unit="o1", successor="o7", on="2019-08-12")
    for person in ("o7-secretary", "t2-secretary", "t1-secretary", "s1-secretary"):
        with seen_by(world.engine, person) as seen:
            assert seen.case_of("survey-o1")[0].unit == "o1", person
    with seen_by(world.engine, "t1-secretary") as seen:
        assert [s.unit for s in seen.trace("survey-t1", whole=True).root.walk()] == ["t1", "o1", "o2", "o3"]
    with seen_by(world.engine, "o3-secretary") as seen:
        assert not seen.sight.sees("o1")


def test_what_was_signed_keeps_the_name_it_was_signed_under(world: World) -> None:
    """R070, R175."""
    world.begin("m1")
    world.sign("m1")
    world.clock.advance(timedelta(days=10))
    with world.engine.desk() as desk:
        orgbook.rename_unit(desk, OFFICE, "reform", unit="o1", name_zh="新支部", name_en="new branch", on="2019-08-20")
    with world.engine.look() as desk:
        org = desk.organisation()
        assert org.names_on([("o1", "2019-08-12"), ("o1", "2019-08-20"), ("t1", "2019-08-12")]) == {
            ("o1", "2019-08-12"): org.names(["o1"], day="2019-08-12")["o1"]
        }


def test_two_ids_of_one_person_are_told_to_be_one_in_a_trace_from_then_on(world: World) -> None:
    """Nothing signed changes its name; whoever reads is told that it is one person. R020, R041."""
    world.begin("m1")
    world.sign("m1")
    world.clock.advance(timedelta(hours=1))
    then = world.clock.now()
    world.clock.advance(timedelta(days=10))
    with world.engine.desk() as desk:
        orgbook.merge_persons(desk, OFFICE, "twice on file", person="o1-handler", into="nobody", on="2019-08-20")
    world.clock.advance(timedelta(hours=1))
    with seen_by_operator(world.engine) as seen:
        found, before = seen.trace("m1"), seen.trace("m1", then)
    assert [(r.person, r.now) for r in found.root.signers] == [("o1-handler", ("nobody",))]
    assert found.same == (("nobody", "o1-handler"),) and found.record()["same"] == [["nobody", "o1-handler"]]
    assert before.same == () and "same" not in before.record()
    done = CliRunner().invoke(app, ["trace", "m1", "--db", world.url, "--lang", "en"])
    assert "one person: invented person nobody (nobody) = invented person o1-handler (o1-handler)" in done.stdout
    assert " → now " not in next(line for line in done.stdout.splitlines() if "✓" in line)


def test_who_answered_on_a_day_is_told_as_it_was_known_by_another(world: World) -> None:
    """What held then, and what we knew then, are two questions. R007, R017, M51."""

    def who(*words: str) -> str:
        result = CliRunner().invoke(app, ["org", "who", world.url, "--unit", "o1", "--lang", "en", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    held, vacant = "secretary: invented person o1-secretary (o1-secretary)", "[backstop t1]"
    world.clock.advance(timedelta(days=10))
    asked = [
        ("--on", day, "--known", "2019-08-20", *form)
        for day in ("2019-08-12", "2019-08-30")
        for form in ([], ["--json"])
    ]
    before = [who(*words) for words in asked]
    assert held in before[0] and held in before[2]
    with world.engine.desk() as desk:
        orgbook.remove_from_posts(desk, OFFICE, "had left", person="o1-secretary", on="2019-08-01")
        orgbook.rename_unit(desk, OFFICE, "reform", unit="o1", name_zh="新", name_en="renamed", on="2019-08-01")
    world.engine.publish(loads(flow_text(MATTER, "2").replace("title: {zh: 监票人", "title: {zh: 监票")))
    world.clock.advance(timedelta(days=1))
    assert [who(*words) for words in asked] == before
    now = who("--on", "2019-08-12")
    assert vacant in now and "renamed (o1)" in now and held not in now
    assert CliRunner().invoke(app, ["org", "who", world.url, "--unit", "o77", "--lang", "en"]).exit_code == 2
