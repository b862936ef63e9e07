"""What was known when, acts on the organisation, and what follows from them for items under way."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.test_mandates import alone
from tests.contract.world import World, imported, person_row, tenure_row
from workflow import Actor, orgbook
from workflow.desk import Desk
from workflow.errors import OrgInvalid, ReasonRequired, SamePerson, WorkflowError
from workflow.evidence import canonical
from workflow.org.hindsight import Hindsight
from workflow.orgbook import NewUnit
from workflow.store import items, scan
from workflow.store.groups import GroupReader
from workflow.store.org import OrgReader, stored
from workflow.trace import trace
from workflow.views import signatures

OFFICE = Actor("g1-secretary", "secretary", "g1")
DAY = "2019-08-12"
TODAY = {"on": DAY}


def every_answer(world: World, known_at: int | None) -> bytes:
    """Everything the readers answer about a few days, as canonical bytes; what verification asks again it answers as
    they do."""
    with world.engine.reading() as connection:
        org, groups = OrgReader(connection, known_at), GroupReader(connection, known_at)
        units = ["g1", "s1", "t1", "t2", "o1", "o2", "o3"]
        then, moment = Hindsight(scan.organisation(connection)), world.clock.now() if known_at is None else known_at
        for day, unit in product(("2015-06-01", DAY, "2019-08-20", "2020-01-01"), units):
            assert then.path(unit, day, moment) == org.path(unit, day)
            for post, backstop in product(("secretary", "handler"), (True, False)):
                assert then.answerable(unit, post, day, moment, backstop) == org.answerable(unit, post, day, backstop)
        found: list[Any] = [stored(connection, known_at)]
        for day in ("2015-06-01", DAY, "2020-01-01"):
            found += [org.path(u, day) for u in units]
            found += [org.paths(units, day), [org.children(u, day) for u in units], [org.lines(u) for u in units]]
            found += [org.answerable(u, p, day, True) for u in units for p in ("secretary", "handler")]
            found += [org.subtree("g1", day), org.roster(["third", "organisation"], day), org.names(units, day=day)]
            found += [org.posts_of("t1-secretary", day), org.awaited_by("t1-secretary", day), org.names(units)]
            found += [dict(groups.head_counts(day)), groups.members("b1", day), groups.beside("o1", day)]
    return canonical.encode(_plain(found))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def test_no_change_of_the_organisation_changes_what_was_known_before(world: World) -> None:
    """Renaming, moving, merging, dissolving, removing people, importing again: the same query, the same bytes. R070,
    R175, R218, M51."""
    known = [world.clock.now() + 1_000]
    answers = [every_answer(world, known[0])]
    assert answers[0] == every_answer(world, None)
    again = imported(tenures=[tenure_row("s1-secretary", "s1", "secretary", until="2019-12-31")])
    acts: list[Any] = [
        lambda d: orgbook.rename_unit(d, OFFICE, "new name", unit="t1", name_zh="新名", name_en="renamed", **TODAY),
        lambda d: orgbook.rename_person(d, OFFICE, "married", person="nobody", name_zh="某", name_en="some", **TODAY),
        lambda d: orgbook.enrol(d, OFFICE, "joined", person="nobody", unit="o1", from_on="2019-01-01"),
        lambda d: orgbook.enrol(d, OFFICE, "moved away", person="nobody", unit="o3", from_on=DAY),
        lambda d: orgbook.move_unit(d, OFFICE, "entrusted", unit="o3", parent="t2", kind="entrusted", from_on=DAY),
        lambda d: orgbook.remove_from_posts(d, OFFICE, "struck off", person="t1-department", **TODAY),
        lambda d: orgbook.merge_persons(d, OFFICE, "twice on file", person="o1-handler", into="nobody", **TODAY),
        lambda d: orgbook.answer_beside(d, OFFICE, "member", person="o1-handler", unit="o1", from_on=DAY),
        lambda d: d.import_org(again),
        lambda d: orgbook.dissolve(d, OFFICE, "closed", unit="t1", successor="t2", **TODAY),
    ]
    for act in acts:
        world.clock.advance(timedelta(minutes=1))
        with world.engine.desk() as desk:
            act(desk)
        known.append(world.clock.now() + 1_000)
        answers.append(every_answer(world, known[-1]))
        assert answers[-1] == every_answer(world, None) != answers[-2]
    world.clock.advance(timedelta(minutes=1))
    assert [every_answer(world, k) for k in known] == answers
    assert world.verify().exit_code == 0


WORDS = st.text("甲乙丙丁", min_size=1, max_size=4)
CHANGES = st.one_of(
    st.tuples(st.just("rename"), st.sampled_from(["s1", "t1", "o1", "o3"]), WORDS),
    st.tuples(st.just("call"), st.sampled_from(["nobody", "t1-secretary", "o1-handler"]), WORDS),
    st.tuples(st.just("move"), st.sampled_from(["o1", "o3"]), st.sampled_from(["t1", "t2"])),
    st.tuples(st.just("leave"), st.sampled_from(["t1-secretary", "t2-handler", "o3-secretary"]), WORDS),
    st.tuples(st.just("merge"), st.sampled_from(["o1", "o3", "t2"]), WORDS),
)


def changed(desk: Desk, what: str, whom: str, to: str, day: str) -> None:
    if what == "rename":
        orgbook.rename_unit(desk, OFFICE, "renamed", unit=whom, name_zh=to, name_en=to, on=day)
    elif what == "call":
        orgbook.rename_person(desk, OFFICE, "renamed", person=whom, name_zh=to, name_en=to, on=day)
    elif what == "move":
        orgbook.move_unit(desk, OFFICE, "moved", unit=whom, parent=to, from_on=day)
    elif what == "leave":
        orgbook.remove_from_posts(desk, OFFICE, "left", person=whom, on=day)
    else:
        orgbook.dissolve(desk, OFFICE, "merged", unit=whom, successor="t1" if whom == "t2" else "t2", on=day)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_the_same_query_gives_the_same_bytes_on_both_axes_whatever_is_changed_later(
    world: World, changes: list[tuple[str, str, str]]
) -> None:
    """Examples go on from one another: what any of them knew is asked again after all later ones. M51."""
    known: dict[int, bytes] = world.__dict__.setdefault("answers", {})
    for change in changes:
        moment = world.clock.now() + 1_000
        known[moment] = every_answer(world, None)
        world.clock.advance(timedelta(minutes=1))
        with (
            suppress(WorkflowError),
            world.engine.desk() as desk,
        ):  # gone already, or its own parent: nothing is written
            changed(desk, *change, DAY)
    for moment in [*known][:1] + [*known][-3:]:
        assert every_answer(world, moment) == known[moment]


def test_each_act_is_one_signed_entry_with_actor_reason_and_rows(world: World) -> None:
    before = world.entries("org")
    with world.engine.desk() as desk:
        appointed = orgbook.appoint(
            desk, OFFICE, "nominated", person="nobody", unit="o1", post="handler", from_on=DAY, acting=True
        )
    with world.engine.reading() as connection:
        last = items.entries(connection, "org")[-1]
    act = canonical.read(last.body)["act"]
    assert (world.entries("org"), last.hash) == (before + 1, appointed.entry)
    assert (act["kind"], act["reason"], act["by"]["person"]) == ("appoint", "nominated", "g1-secretary")
    assert (act["as"], act["tenure"]) == ("holder", "g1-secretary/g1/secretary/2015-01-01")
    assert act["rows"]["tenures"][0]["person"] == "nobody"
    with pytest.raises(ReasonRequired), world.engine.desk() as desk:
        orgbook.remove_from_posts(desk, OFFICE, " ", person="nobody", on=DAY)
    assert world.verify().exit_code == 0


def test_one_person_is_first_responsible_at_any_instant(world: World) -> None:
    """R007, R017, M48: an overlap is refused; a vacancy falls to the superior and says so. R008: who
    answers second stands beside."""
    wanted = {"person": "nobody", "unit": "o1", "post": "secretary"}
    with pytest.raises(OrgInvalid, match="would both hold secretary"), world.engine.desk() as desk:
        orgbook.appoint(desk, OFFICE, "a second one", from_on="2019-09-01", **wanted)
    with pytest.raises(OrgInvalid, match="exists from"), world.engine.desk() as desk:
        orgbook.appoint(desk, OFFICE, "not yet", from_on=DAY, **{**wanted, "unit": "o2"})
    with world.engine.desk() as desk:
        orgbook.end_tenure(desk, OFFICE, "retired", tenure="o1-secretary/o1/secretary/2015-01-01", on="2019-08-20")
        orgbook.appoint(desk, OFFICE, "followed", from_on="2019-09-01", **wanted)
        orgbook.answer_beside(desk, OFFICE, "deputy", person="o1-handler", unit="o1", item="m1", from_on=DAY)
    with world.engine.reading() as connection:
        org, groups = OrgReader(connection), GroupReader(connection)
        days = ("2019-08-19", "2019-08-20", "2019-08-31", "2019-09-01")
        heads = [org.answerable("o1", "secretary", day, True) for day in days]
        assert [[(h["person"], h["as"]) for h in found] for found in heads] == [
            [("o1-secretary", "holder")],
            [("t1-secretary", "backstop")],
            [("t1-secretary", "backstop")],
            [("nobody", "holder")],
        ]
        assert groups.beside("o1", DAY, "m1") == ["o1-handler"] and groups.beside("o1", DAY) == []


def test_an_entrusted_parent_signs_for_the_dates_of_the_entrustment_and_history_shows_which(world: World) -> None:
    """代管. R014, R015."""
    with world.engine.desk() as desk:
        line: dict[str, Any] = {"unit": "o1", "parent": "t2", "kind": "entrusted"}
        orgbook.move_unit(desk, OFFICE, "entrusted", from_on=DAY, until_on="2019-09-01", **line)
        with pytest.raises(OrgInvalid, match="own superior"):
            orgbook.move_unit(desk, OFFICE, "mistaken", unit="s1", parent="o1", from_on=DAY)
    world.begin("m1")
    assert [s.unit for s in world.case("m1").slots if s.level == "third"] == ["t2"] * 4
    with world.engine.reading() as connection:
        org = OrgReader(connection)
        assert [[u["unit"] for u in org.path("o1", day)][1] for day in ("2019-08-31", "2019-09-01")] == ["t2", "t1"]
        assert [(line["parent"], line["kind"]) for line in org.lines("o1")] == [("t1", "managing"), ("t2", "entrusted")]


def test_open_items_go_to_the_successor_and_signatures_keep_the_old_name(world: World) -> None:
    """R070, R175: what is open goes on elsewhere, what was signed stays as it was signed."""
    for item in ("m1", "m2"):
        world.begin(item)
    world.sign("m1")
    world.sign("m1")
    world.sign("m1")  # now at t1, whose handler has signed
    signed_before = [s for s in world.case("m1").slots if s.state == "signed"]
    world.clock.advance(timedelta(hours=1))
    with world.engine.desk() as desk:
        orgbook.rename_unit(desk, OFFICE, "renamed", unit="t2", on=DAY, name_zh="新单位", name_en="new unit")
        done = orgbook.dissolve(desk, OFFICE, "reform", unit="t1", successor="t2", on=DAY)
    assert done.items == ("m1", "m2")
    case = world.case("m1")
    signed = [s for s in case.slots if s.state == "signed"]
    assert [s._replace(then="", then_level="") for s in signed] == signed_before
    assert [(s.unit, s.then) for s in signed] == [("o1", ""), ("o1", ""), ("t1", "t2")]  # should it be sent back
    assert {s.unit for s in case.slots if s.level == "third" and s.state != "signed"} == {"t2"}
    assert case.open_slots[0].unit == "t2" and case.unit == "o1"
    with world.engine.desk() as desk:
        assert orgbook.follow(desk, "t1") == (), "doing it twice moves nothing twice"
        done = orgbook.dissolve(desk, OFFICE, "reform", unit="o1", successor="o3", on=DAY)
    assert done.items == ("m1", "m2") and world.case("m1").unit == "o3"
    assert world.case("m2").open_slots[0].unit == "o3"
    with world.engine.reading() as connection:
        org = OrgReader(connection)
        assert org.path("o3", DAY)[1]["unit"] == "t2"
        assert org.names(["t2"], day="2019-08-11") != org.names(["t2"], day=DAY) == org.names(["t2"])
    with world.engine.look() as desk:
        rows = signatures(desk, "m1", world.clock.now())
    assert [(r.unit, r.person) for r in rows] == [("o1", "o1-handler"), ("o1", "o1-secretary"), ("t1", "t1-handler")]
    world.through("m1")
    assert world.case("m1").stage == "plan"
    assert world.verify().exit_code == 0
    assert alone(world, "m1") == []


def test_a_merger_between_two_signatures_does_not_make_one_person_two(world: World) -> None:
    """Whoever prepared for a unit does not review for the one it was merged into. R070."""
    world.begin("m1")
    for _ in range(3):
        world.sign("m1")  # now at t1, whose handler has signed
    world.clock.advance(timedelta(days=8))
    on = "2019-08-20"
    mover = next(s.person for s in world.case("m1").slots if s.key == "3")
    with world.engine.desk() as desk:
        orgbook.dissolve(desk, OFFICE, "reform", unit="t1", successor="t2", on=on)
        orgbook.remove_from_posts(desk, OFFICE, "reform", person="t2-department", on=on)
        orgbook.appoint(desk, OFFICE, "reform", person=mover, unit="t2", post="department", from_on=on)
    by = Actor(mover, "department", "t2")
    with pytest.raises(SamePerson, match="handler@t1"):
        world.sign("m1", by=by)
    assert world.verify().exit_code == 0


def test_a_merger_into_a_unit_of_another_level_does_not_make_one_person_two_either(world: World) -> None:
    """The unit of the level above takes over what its subordinate had open. R070."""
    world.begin("m1")
    for _ in range(3):
        world.sign("m1")  # now at t1, whose handler has signed
    mover = next(s.person for s in world.case("m1").slots if s.key == "3")
    on = "2019-08-20"
    world.clock.advance(timedelta(days=8))
    with world.engine.desk() as desk:
        orgbook.dissolve(desk, OFFICE, "reform", unit="t1", successor="s1", on=on)
        orgbook.remove_from_posts(desk, OFFICE, "reform", person="s1-department", on=on)
        orgbook.appoint(desk, None, "reform", person=mover, unit="s1", post="department", from_on=on)
    slot = world.case("m1").open_slots[0]
    assert (slot.unit, slot.level, slot.was) == ("s1", "second", "t1")
    with pytest.raises(SamePerson, match="handler@t1"):
        world.sign("m1", by=Actor(mover, "department", "s1"))
    assert world.verify().exit_code == 0
    assert alone(world, "m1") == []


def test_one_person_signs_at_two_units_of_one_level_in_one_line(world: World) -> None:
    """Two persons are asked for at one unit; that two units are of one level makes them not one. R020."""
    on = "2019-08-12"
    with world.engine.desk() as desk:
        orgbook.move_unit(desk, None, "reform", unit="t1", parent="t2", from_on=on)
        orgbook.remove_from_posts(desk, OFFICE, "reform", person="t2-department", on=on)
        orgbook.appoint(desk, OFFICE, "reform", person="t1-department", unit="t2", post="handler", from_on=on)
    world.begin("m1")
    assert [s.unit for s in world.case("m1").slots if s.level == "third"] == ["t1"] * 4 + ["t2"] * 4
    while world.case("m1").open_slots[0].unit != "t2":
        world.sign("m1")
    assert "t1-department" in world.case("m1").signers
    world.sign("m1", by=Actor("t1-department", "handler", "t2"))
    assert world.verify().exit_code == 0


def test_whoever_owed_a_signature_at_a_unit_that_was_merged_since_still_answers_for_it(world: World) -> None:
    """By tenure on the due day, not by where the place went afterwards. R041, R070."""
    world.begin("m1")
    for _ in range(3):
        world.sign("m1")  # now at t1
    world.clock.advance(timedelta(days=60))
    with world.engine.desk() as desk:
        orgbook.dissolve(desk, OFFICE, "reform", unit="t1", successor="t2", on="2019-10-11")
    with world.engine.look() as desk:
        owed = [o for o in trace(desk, "m1", world.clock.now()).root.owed if o.what == "signature"]
    assert [(o.unit, o.post, o.persons, o.now) for o in owed] == [
        ("t1", "department", ("t1-department",), ("t2-department",))
    ]


def test_units_merge_into_a_new_one_and_one_splits_into_several_on_their_day(world: World) -> None:
    """Two bodies are dissolved and one is created. R070."""
    world.begin("m1")
    world.begin("m3", "o3")
    joint = NewUnit("o9", "organisation", "t1", "示例新支部", "invented new branch", 9)
    with world.engine.desk() as desk:
        done = orgbook.merge(desk, OFFICE, "reform", units=["o1", "o3"], into=joint, on="2019-08-20")
    assert done.items == () and world.case("m1").unit == "o1", "the day is not there yet"
    world.clock.advance(timedelta(days=8))
    with world.engine.desk() as desk:
        moved = [orgbook.follow(desk, u) for u in ("o1", "o3")]
    assert moved == [("m1",), ("m3",)]
    assert [world.case(i).unit for i in ("m1", "m3")] == ["o9", "o9"]
    with world.engine.reading() as connection:
        org = OrgReader(connection)
        assert org.children("t1", "2019-08-19") == ["o1", "o2", "o3"]
        assert org.children("t1", "2019-08-20") == ["o2", "o9"]
        assert [a["as"] for a in org.answerable("o9", "secretary", "2019-08-20", True)] == ["backstop"]
    parts = [NewUnit(f"o9{n}", "organisation", "t1", f"示例分支{n}", f"invented part {n}", n) for n in (1, 2)]
    with world.engine.desk() as desk:
        done = orgbook.split(desk, OFFICE, "too large", unit="o9", into=parts, successor="o91", on="2019-08-20")
    assert done.items == ("m1", "m3") and world.case("m1").unit == "o91"
    assert world.verify().exit_code == 0


def test_members_are_counted_where_they_belonged_on_the_day(world: World) -> None:
    """R218, M51."""
    with world.engine.desk() as desk:
        for person, unit in (("nobody", "o1"), ("o1-handler", "o1"), ("o3-handler", "o3")):
            orgbook.enrol(desk, OFFICE, "registered", person=person, unit=unit, from_on="2018-01-01")
        orgbook.enrol(desk, OFFICE, "moved", person="nobody", unit="o3", from_on="2019-07-01")
    with world.engine.reading() as connection:
        groups = GroupReader(connection)
        counts = [groups.head_counts(day) for day in ("2017-12-31", "2019-06-30", "2019-07-01")]
    assert counts == [{}, {"o1": 2, "o3": 1}, {"o1": 1, "o3": 2}]


def test_a_body_has_members_from_elsewhere_and_units_of_its_own(world: World) -> None:
    """R005, R011, R013, M26: assigned sets do not overlap, and whoever is left out is named."""
    with world.engine.desk() as desk:
        for body in ("b1", "b2"):
            names = {"name_zh": f"示例组{body}", "name_en": f"invented group {body}"}
            orgbook.form_body(
                desk, OFFICE, "formed", body=body, kind="roving", unit="g1", from_on="2019-01-01", **names
            )
        orgbook.seat(desk, OFFICE, "leads", body="b1", role="leader", unit="s1", post="secretary", from_on="2019-01-01")
        orgbook.seat(desk, OFFICE, "joins", body="b1", role="member", person="t2-handler", from_on="2019-01-01")
        orgbook.assign(desk, OFFICE, "round one", body="b1", units=["o1", "o2"], from_on="2019-01-01")
        with pytest.raises(OrgInvalid, match="o2: b1 and b2 would both look after it"):
            orgbook.assign(desk, OFFICE, "round one", body="b2", units=["o2"], from_on="2019-06-01")
        with pytest.raises(OrgInvalid, match="name one of the two"):
            orgbook.seat(desk, OFFICE, "nobody", body="b1", role="member", from_on=DAY)
    with world.engine.reading() as connection:
        groups = GroupReader(connection)
        assert [(m["role"], m["person"]) for m in groups.members("b1", DAY)] == [
            ("leader", "s1-secretary"),
            ("member", "t2-handler"),
        ]
        assert groups.assigned("t2-handler", "o1", DAY) == ["b1"] and groups.assigned("t2-handler", "o3", DAY) == []
        assert groups.assigned("s1-secretary", "o2", DAY) == ["b1"]
        assert groups.coverage("roving", ["o1", "o2", "o3"], DAY) == (["o3"], {})


def test_who_is_removed_from_their_posts_signs_no_more_and_the_waiting_goes_to_whoever_answers(world: World) -> None:
    """R175."""
    world.begin("m1")
    world.sign("m1")
    world.engine.import_org(imported(persons=[person_row("successor")]))
    with world.engine.desk() as desk:
        orgbook.remove_from_posts(desk, OFFICE, "struck off", person="o1-secretary", on=DAY)
    world.sign("m1", by=Actor("t1-secretary", "secretary", "o1"))
    slot = world.case("m1").slots[1]
    assert (slot.person, slot.unit) == ("t1-secretary", "o1")
    assert world.verify().exit_code == 0
