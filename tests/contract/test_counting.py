"""What was held with persons, counted for each over all items: two is enough, one sitting, a successor, a reversal, races.

Source: S4 「累计约谈两次以上的要进行组织处理」, R170; 「要逐支部说明原因」, R108; 「不能简单以谈话提醒、批评教育代替组织处理」, R174.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.test_races import at_once
from tests.contract.world import World, flow_text, worlds
from workflow import Actor, bundle, loads
from workflow.calendar_file import load_calendar
from workflow.definition.definition import Definition
from workflow.definition.load import examine
from workflow.definition.model import Counter
from workflow.definition.shipped import shipped_calendar
from workflow.errors import Avoidance, BadMaterial, Conflict, LimitReached, NotReached, OutOfTurn, ReasonRequired
from workflow.errors import WorkflowError as Refusal
from workflow.evidence import canonical
from workflow.evidence.standalone import Policy, Verifier
from workflow.orgbook import merge_persons
from workflow.rules.counting import sittings, within
from workflow.store import counting, items, tables
from workflow.targets import target
from workflow.why import counts_of_person

SIT = """flow: sit
title: {zh: 虚构约谈, en: an invented talk}
materials:
  why: {title: why, fields: {reason: {type: text, own-words: true}}}
  talks:
    title: talks
    kind: list
    fields: {who: person, day: date, by: person}
counters:
  talks: {list: talks, person: who, held-on: day, held-by: by, sitting: once, period: campaign, times: 2,
    propose: measures, to: {department: superior}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: talk
    due: 10 workdays
    materials: talks
    slots: secretary
    exits: {recorded: {to: done, counts: talks}, dropped: {to: done, needs: why}}
  - {stage: done, title: done, final: true}
"""
MEASURES = """flow: measures
title: {zh: 虚构处理, en: invented measures}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - stage: proposed
    due: 10 workdays
    slots: department
    not-by: concerned
    exits: {apply: {to: done, while: talks}, drop: {to: done, needs: reason}}
  - {stage: done, title: done, final: true}
"""
SECRETARY = Actor("t1-secretary", "secretary", "t1")
ABOVE = Actor("s1-secretary", "secretary", "s1")
BODY = Actor("s1-department", "department", "s1")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for text in (SIT, MEASURES):
            made.engine.publish(loads(flow_text(text)))
        yield made


def prepared(w: World, item: str, *talks: tuple[str, str, str], campaign: str = "c1") -> str:
    """A talk at t1 with its record handed in: (person, day, by) a line; what the secretary signs is shown."""
    w.engine.open("sit", "t1", item=item, campaign=campaign)
    w.engine.submit(
        item, SECRETARY, {"talks": [{"who": p, "day": d, "by": b} for p, d, b in talks]}, outcome="recorded"
    )
    return w.case(item).content


def talk(w: World, item: str, *talks: tuple[str, str, str], campaign: str = "c1") -> list[str]:
    """A talk held and recorded; gives what it opened."""
    seen = prepared(w, item, *talks, campaign=campaign)
    w.engine.sign(item, SECRETARY, seen)
    return [r["opened"] for r in w.case(item).counted["talks"] if "opened" in r]


def proposals(w: World) -> list[str]:
    with w.engine.reading() as connection:
        found = connection.execute(sa.select(tables.item.c.id).where(tables.item.c.flow == "measures"))
        return sorted(found.scalars())


def test_the_second_talk_reaches_two_and_opens_one_item_for_the_competent_body(world: World) -> None:
    """R170: "two or more" includes the second; the superior of several branches gets there first."""
    assert talk(world, "a", ("p1", "2019-08-05", "b1"), ("boss", "2019-08-05", "b1")) == []
    (opened,) = talk(world, "b", ("p2", "2019-08-06", "b1"), ("boss", "2019-08-06", "b1"))
    case = world.case(opened)
    assert (case.unit, case.stage, case.fields_["person"], case.fields_["times"]) == ("s1", "proposed", "boss", 2)
    assert case.fields_["held"] == [
        {"item": "a", "on": "2019-08-05", "by": "b1"},
        {"item": "b", "on": "2019-08-06", "by": "b1"},
    ]
    assert case.cites["item"] == "b" and [s.state for s in case.slots] == ["open"]  # proposed; nothing is decided
    assert talk(world, "c", ("boss", "2019-08-07", "b1")) == []  # one is under way: no second beside it
    with world.engine.reading() as connection:
        told = connection.execute(sa.select(tables.outbox.c.recipient, tables.outbox.c.topic)).all()
    assert told == [("s1-department", "proposed")]
    assert world.verify().exit_code == 0


def test_a_body_that_is_named_twice_is_told_once(world: World) -> None:
    """The superior and the second level are one unit here: what follows from a count once ended in an error."""
    text = SIT.replace("to: {department: superior}", "to: [{department: superior}, {department: second}]")
    world.engine.publish(loads(flow_text(text, "2")))
    talk(world, "a", ("boss", "2019-08-05", "b1"))
    assert len(talk(world, "b", ("boss", "2019-08-06", "b1"))) == 1
    with world.engine.reading() as connection:
        assert connection.execute(sa.select(tables.outbox.c.recipient)).all() == [("s1-department",)]
    assert world.verify().rules == "hold"


def test_a_further_talk_after_a_decision_opens_the_question_again(world: World) -> None:
    talk(world, "a", ("boss", "2019-08-05", "b1"))
    (opened,) = talk(world, "b", ("boss", "2019-08-06", "b1"))
    world.engine.sign(opened, BODY, world.case(opened).content, outcome="drop", reason="a storm, as found")
    (again,) = talk(world, "c", ("boss", "2019-08-07", "b1"))
    assert again != opened and world.case(again).fields_["times"] == 3


def test_a_successor_starts_at_zero(world: World) -> None:
    """A count is a person's, not a post's."""
    talk(world, "a", ("first", "2019-08-05", "b1"))
    assert talk(world, "b", ("second", "2019-08-06", "b1")) == []
    assert talk(world, "c", ("second", "2019-08-07", "b1")) == proposals(world)


def test_one_person_under_two_ids_is_counted_once_over_both(world: World) -> None:
    """Registered twice and merged: a talk under each id are two with one person. Source: S4 「累计约谈两次以上的」, R170."""
    talk(world, "a", ("o1-secretary", "2019-08-09", "t1-secretary"))
    with world.engine.desk() as desk:
        merge_persons(desk, None, "twice on file", person="o1-secretary", into="o1-handler", on="2019-08-12")
    opened = talk(world, "b", ("o1-handler", "2019-08-12", "t1-secretary"))
    assert proposals(world) == opened and len(opened) == 1
    fields = world.case(opened[0]).fields_
    assert (fields["person"], fields["times"]) == ("o1-handler", 2)
    assert [h["item"] for h in fields["held"]] == ["a", "b"]
    with world.engine.reading() as connection:
        for person in ("o1-handler", "o1-secretary"):
            assert {(c.person, c.item) for c in counts_of_person(connection, person)} == {
                ("o1-secretary", "a"),
                ("o1-handler", "b"),
            }
    world.engine.reverse("a", ABOVE, world.case("a").content, "it was in time", finding="platform record 7")
    with pytest.raises(NotReached, match="1 left"):
        world.engine.sign(opened[0], BODY, world.case(opened[0]).content, outcome="apply")
    assert world.verify().exit_code == 0 and world.verify().rules == "hold"


def test_one_sitting_counts_once_where_the_definition_says_so(world: World) -> None:
    assert talk(world, "a", ("boss", "2019-08-05", "b1"), ("boss", "2019-08-05", "b1")) == []
    assert talk(world, "b", ("boss", "2019-08-05", "b1")) == []
    assert len(talk(world, "c", ("boss", "2019-08-05", "b2"))) == 1  # another held it: another sitting


def test_a_talk_of_another_campaign_does_not_count_where_the_period_is_the_campaign(world: World) -> None:
    talk(world, "a", ("boss", "2019-08-05", "b1"))
    assert talk(world, "b", ("boss", "2019-08-06", "b1"), campaign="c2") == []


def test_what_is_still_to_be_held_does_not_count(world: World) -> None:
    seen = prepared(world, "a", ("boss", "2019-08-13", "b1"))
    with pytest.raises(BadMaterial) as refused:
        world.engine.sign("a", SECRETARY, seen)
    assert refused.value.path == "$.talks[1].day" and world.case("a").counted == {}  # type: ignore[attr-defined]
    world.clock.advance(timedelta(days=1))
    world.engine.sign("a", SECRETARY, seen)
    assert [r["times"] for r in world.case("a").counted["talks"]] == [1]


def test_a_reversal_takes_it_off_the_count_and_every_entry_stays(world: World) -> None:
    talk(world, "a", ("boss", "2019-08-05", "b1"))
    seen = world.case("a").content
    for by, reason, finding, refusal in (
        (SECRETARY, "on time after all", "record-1", OutOfTurn),
        (ABOVE, " ", "record-1", ReasonRequired),
    ):
        with pytest.raises(refusal):
            world.engine.reverse("a", by, seen, reason, finding)
    before = world.entries("a")
    world.engine.reverse("a", ABOVE, seen, "on time after all", "record-1")
    assert world.entries("a") == before + 1
    with pytest.raises(LimitReached):
        world.engine.reverse("a", ABOVE, seen, "again", "record-1")
    assert talk(world, "b", ("boss", "2019-08-06", "b1")) == []
    with world.engine.reading() as connection:
        rows = counting.counted(connection, "talks", "boss")
    assert [(r["n"], r.get("reversed", False)) for r in rows] == [(1, True), (2, False)]
    assert world.verify().exit_code == 0


def test_nobody_takes_their_own_count_off_and_measures_cannot_rest_on_a_reversed_talk(world: World) -> None:
    talk(world, "a", ("s1-secretary", "2019-08-05", "b1"))
    with pytest.raises(Avoidance):
        world.engine.reverse("a", ABOVE, world.case("a").content, "it was nothing", "record-1")
    talk(world, "b", ("boss", "2019-08-06", "b1"))
    (opened,) = talk(world, "c", ("boss", "2019-08-07", "b1"))
    world.engine.reverse("b", ABOVE, world.case("b").content, "on time after all", "record-1")
    with pytest.raises(NotReached) as refused:
        world.engine.sign(opened, BODY, world.case(opened).content, outcome="apply")
    assert "boss" in str(refused.value) and "累计次数已不足" in refused.value.text("zh")
    world.engine.sign(opened, BODY, world.case(opened).content, outcome="drop", reason="the ground is gone")
    assert world.case(opened).final and world.verify().exit_code == 0


def test_two_talks_recorded_at_one_moment_open_one_item_and_number_two_counts(world: World) -> None:
    """Two processes must not both find that theirs is the second, nor both that it is the first."""
    talk(world, "z", ("boss", "2019-08-01", "b1"))
    seen = {name: prepared(world, name, ("boss", f"2019-08-0{n}", "b1")) for n, name in enumerate("abcd", start=2)}
    waiting = list(seen)
    for _ in range(len(seen)):
        results = at_once([lambda n=name: world.engine.sign(n, SECRETARY, seen[n]) for name in waiting])  # type: ignore[misc]
        assert all(isinstance(r, Conflict) or not isinstance(r, Refusal) for r in results), results
        waiting = [n for n, r in zip(waiting, results, strict=True) if isinstance(r, Refusal)]
        if not waiting:
            break
    assert waiting == [] and len(proposals(world)) == 1
    with world.engine.reading() as connection:
        assert [r["n"] for r in counting.counted(connection, "talks", "boss")] == [1, 2, 3, 4, 5]
    assert world.verify().exit_code == 0


def test_two_talks_at_one_moment_with_one_person_under_two_ids_are_numbered_one_and_two(world: World) -> None:
    """Registered twice: of the two records the second must find the first, or nobody would be told of two (R170)."""
    with world.engine.desk() as desk:
        merge_persons(desk, None, "twice on file", person="o1-secretary", into="o1-handler", on="2019-08-01")
    ids = {"a": "o1-secretary", "b": "o1-handler"}
    days = {"a": "2019-08-05", "b": "2019-08-06"}
    seen = {name: prepared(world, name, (who, days[name], "b1")) for name, who in ids.items()}
    waiting = list(seen)
    while waiting:
        results = at_once([lambda n=name: world.engine.sign(n, SECRETARY, seen[n]) for name in waiting])  # type: ignore[misc]
        waiting = [n for n, r in zip(waiting, results, strict=True) if isinstance(r, Refusal)]
    assert len(proposals(world)) == 1
    rows = [row for name in ids for row in world.case(name).counted["talks"]]
    assert sorted(r["n"] for r in rows) == [1, 2] and sorted(r["times"] for r in rows) == [1, 2]
    assert {r["person"] for r in rows} == set(ids.values())
    with world.engine.reading() as connection:
        assert [c.n for c in counts_of_person(connection, "o1-secretary")] == [1, 2]
    assert world.verify().exit_code == 0 and world.verify().rules == "hold"


def test_an_auditor_follows_a_talk_its_reversal_and_what_it_led_to_alone(world: World) -> None:
    """The stand-alone verifier knows a reversal as a signed act and follows the item that a count opened."""
    talk(world, "a", ("boss", "2019-08-06", "b1"))
    (opened,) = talk(world, "b", ("boss", "2019-08-07", "b1"))
    world.engine.reverse("b", ABOVE, world.case("b").content, "on time after all", "record-1")
    keys = [{"key": world.engine.key.public_key().hex()}]
    policy = Policy.read(json.dumps({"origin": world.engine.origin, "engine_keys": keys}).encode())
    for item in ("b", opened):
        out = io.BytesIO()
        with world.engine.reading() as connection:
            bundle.write(connection, world.engine.contents, out, "item", item, made_at=world.clock.now())
            stated = canonical.decode(items.entries(connection, "b")[-1].body)["statement"]
        found = Verifier(policy).run(io.BytesIO(out.getvalue()))
        assert found.failures == [] and found.entries > 0
    assert (stated["meaning"], stated["finding"], stated["person"]) == ("reverse", "record-1", "s1-secretary")


def test_a_count_that_somebody_changed_in_the_tables_is_found(world: World) -> None:
    talk(world, "a", ("boss", "2019-08-05", "b1"))
    with world.engine.db.begin() as connection:
        connection.execute(tables.count.update().values(person="somebody-else"))
    found = world.verify()
    assert found.exit_code == 1 and any(f.code == "projection" and "counts" in f.detail for f in found.failures)


def test_the_same_text_for_two_branches_is_flagged_on_the_record_of_the_second(world: World) -> None:
    """R108: a reason of its own for each branch. Full-width signs and spaces make no other text."""
    for item, text in (("a", "The line was down."), ("b", "the line  was down"), ("c", "The road was closed.")):
        world.engine.open("sit", "t1", item=item, campaign="c1")
        world.engine.submit(item, SECRETARY, {"why": {"reason": text}}, outcome="dropped")
    flagged = {}
    for item in "abc":
        with world.engine.reading() as connection:
            bodies = [canonical.decode(e.body) for e in items.entries(connection, item)]
        flagged[item] = [e for b in bodies for e in b["effects"] if e["e"] == "same-words"]
    assert flagged == {
        "a": [],
        "b": [{"e": "same-words", "material": "why", "field": "reason", "items": ["a"]}],
        "c": [],
    }
    world.engine.submit("a", SECRETARY, {"why": {"reason": "A tree fell on it."}}, outcome="dropped")
    world.engine.submit("b", SECRETARY, {"why": {"reason": "The line was down!"}}, outcome="dropped")
    with world.engine.reading() as connection:
        last = canonical.decode(items.entries(connection, "b")[-1].body)["effects"]
    assert not [e for e in last if e["e"] == "same-words"]  # nobody else says so any more
    assert world.verify().exit_code == 0


def test_what_was_counted_is_explained_by_item_and_by_person(world: World) -> None:
    from workflow.why import count_lines, counts_of_item, counts_of_person

    talk(world, "a", ("boss", "2019-08-06", "b1"))
    (opened,) = talk(world, "b", ("boss", "2019-08-07", "b2"))
    world.engine.reverse("a", ABOVE, world.case("a").content, "on time after all", "record-1")
    with world.engine.reading() as connection:
        of_a, of_boss = counts_of_item(connection, "a"), counts_of_person(connection, "boss")
    assert of_a == of_boss[:1] and [c.n for c in of_boss] == [1, 2]
    assert list(count_lines(of_boss, "en")) == [
        f"talks: boss, number 1, held on 2019-08-06 by b1 (item a); taken off by entry {of_a[0].reversed_by}",
        f"talks: boss, number 2, held on 2019-08-07 by b2 (item b), opened {opened}",
    ]
    zh = list(count_lines(of_boss, "zh"))
    assert "号记录撤销,不再计" in zh[0] and f"据以立项 {opened}" in zh[1]


def test_asking_what_is_possible_says_that_a_measure_has_lost_its_ground(world: World) -> None:
    from workflow.possible import may

    talk(world, "a", ("boss", "2019-08-06", "b1"))
    (opened,) = talk(world, "b", ("boss", "2019-08-07", "b1"))
    with world.engine.look() as desk:
        assert {p.verb for p in may(desk, "a", ABOVE) if p.allowed} == {"reverse", "view"}
    world.engine.reverse("a", ABOVE, world.case("a").content, "on time after all", "record-1")
    with world.engine.look() as desk:
        ways = {p.outcome: p.allowed for p in may(desk, opened, BODY) if p.verb == "sign"}
    assert (ways["apply"], ways["drop"]) == (False, True)


# --- the arithmetic ---

CN = load_calendar(shipped_calendar("cn"))
COUNTER = loads(flow_text(SIT)).flow.counters["talks"]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.dates(date(2018, 1, 1), date(2020, 12, 31)).map(str),
            "by": st.sampled_from(["b1", "b2"]),
            "campaign": st.sampled_from(["c1", "c2"]),
            "reversed": st.booleans(),
        }
    ),
    max_size=12,
)


@given(ROWS, st.sampled_from(["campaign", "year", "always", "12 months", "30 days"]))
def test_a_sitting_counted_once_is_never_more_than_counted_each_and_nothing_reversed_counts(
    rows: list[dict[str, Any]], period: str
) -> None:
    new = {"on": "2019-08-12", "by": "b1", "campaign": "c1"}
    each = Counter.model_construct(**{**COUNTER.__dict__, "sitting": "each", "period": period})
    once = Counter.model_construct(**{**COUNTER.__dict__, "sitting": "once", "period": period})
    counted = within(each, rows, new, CN)
    assert counted == within(once, rows, new, CN) and not any(r["reversed"] for r in counted)
    assert len(sittings(once, counted)) == len({(r["on"], r["by"]) for r in counted}) <= len(sittings(each, counted))
    wanted = {
        "campaign": lambda r: r["campaign"] == "c1",
        "year": lambda r: r["on"].startswith("2019"),
        "always": lambda r: True,
        "12 months": lambda r: "2018-08-12" < r["on"] < "2020-08-12",
        "30 days": lambda r: "2019-07-13" < r["on"] < "2019-09-11",
    }[period]
    assert counted == [r for r in rows if not r["reversed"] and wanted(r)]


def test_a_field_called_words_that_is_none_is_refused_by_the_loader_and_when_handed_in(world: World) -> None:
    """A host may have published such a version by itself: what is handed in then is refused by name, never a fault."""
    text = (
        flow_text(SIT)
        .replace("flow: sit\n", "flow: counted-words\n")
        .replace("reason: {type: text, own-words: true}", "words: {type: integer, min: 0}")
    )
    assert "reserved-name" in {p.code for p in examine(text.encode()).problems}
    good = loads(text.replace("words: {type: integer, min: 0}", "number: {type: integer, min: 0}"))
    world.engine.publish(Definition.from_body(good.body.replace(b'"number"', b'"words"')))
    world.engine.open("counted-words", "t1", item="a", campaign="c1")
    with pytest.raises(BadMaterial, match=r"\$\.why\.words.*another name.*integer") as refused:
        world.engine.submit("a", SECRETARY, {"why": {"words": 3}}, outcome="dropped")
    assert "改名" in refused.value.text("zh")


TRAINED = """flow: course
title: {zh: 虚构培训, en: an invented course}
materials:
  days: {title: days, kind: list, at-least: 1, fields: {who: person, day: date, by: person}}
counters:
  trained: {list: days, person: who, held-on: day, held-by: by, sitting: once, period: year, times: 7,
    propose: enough, to: {department: superior}}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: told, due: 10 workdays, materials: days, slots: secretary, exits: {held: {to: done, counts: trained}}}
  - {stage: done, title: done, final: true}
"""
ENOUGH = """flow: enough
title: {zh: 虚构培训达标, en: enough training}
ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}
stages:
  - {stage: proposed, due: 10 workdays, slots: department, exits: {confirmed: done}}
  - {stage: done, title: done, final: true}
"""


def test_days_of_training_are_counted_for_each_person_from_signed_courses_and_who_has_too_few_is_short(
    world: World,
) -> None:
    """Nobody types a year's sum: it is what the courses' signed lists come to. Source: S1 「每年参加培训时间不少于7天」, R076."""
    for text in (TRAINED, ENOUGH):
        world.engine.publish(loads(flow_text(text)))

    def course(item: str, *days: tuple[str, str]) -> None:
        world.engine.open("course", "t1", item=item, campaign="training")
        lines = [{"who": who, "day": day, "by": "b1"} for who, day in days]
        world.engine.submit(item, SECRETARY, {"days": lines})
        world.engine.sign(item, SECRETARY, world.case(item).content)

    def year(person: str, of: str) -> int:
        with world.engine.reading() as connection:
            return len({c.on for c in counts_of_person(connection, person) if c.on.startswith(of)})

    spring = [f"2019-04-{n:02}" for n in (1, 2, 3, 4)]
    course("spring", *(("p1", day) for day in spring), *(("p2", day) for day in spring), ("p1", spring[0]))
    with pytest.raises(BadMaterial, match="only what was held counts"):
        course("to-come", ("p1", "2019-12-01"))
    course("summer", *(("p1", f"2019-07-0{n}") for n in (1, 2, 3)), ("p2", "2019-07-01"))
    least = target("covered >= 7")  # a number: so many days, whoever it is
    assert {p: (year(p, "2019"), least.shortfall(year(p, "2019"), 0)) for p in ("p1", "p2", "p3")} == {
        "p1": (7, 0),
        "p2": (5, 2),
        "p3": (0, 7),
    }
    opened = [r["opened"] for r in world.case("summer").counted["trained"] if "opened" in r]
    assert len(opened) == 1 and world.case(opened[0]).fields_["person"] == "p1"
    world.clock.advance(timedelta(days=200))
    course("next-year", ("p1", "2020-01-06"), ("p2", "2020-01-06"))
    assert (year("p1", "2020"), year("p1", "2019")) == (1, 7)
    assert not [r for r in world.case("next-year").counted["trained"] if "opened" in r]
    assert world.verify().exit_code == 0
