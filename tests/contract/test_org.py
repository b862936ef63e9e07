"""Who stands above whom and who answers, on a day, from every database; and held against the same asked in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from workflow.errors import OrgInvalid, Unknown
from workflow.org.hindsight import Hindsight
from workflow.org.importing import MANY_HOLDERS, OrgImport, read_org
from workflow.org.model import ALWAYS, Org, Parent, ParentKind, Person, Tenure, Unit
from workflow.store import org as store
from workflow.store import scan, schema, tables
from workflow.store.database import connect, reading, writing
from workflow.store.org import OrgReader

EXAMPLE = Path(__file__).parents[2] / "definitions" / "org" / "example"
B1, B2, B3, B6, B7 = "g1-s1-t1-b1", "g1-s1-t1-b2", "g1-s1-t1-b3", "g1-s2-b6", "g2-s3-t3-b7"
DAY = "2019-09-20"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    found = connect(database_url)
    schema.upgrade(found)
    yield found
    found.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """The example organisation, in a transaction that is rolled back."""
    with engine.connect() as found:
        store.write_import(found, read_org(EXAMPLE))
        yield found
        found.rollback()


@pytest.fixture
def org(connection: Connection) -> OrgReader:
    return OrgReader(connection)


def units_of(path: list[dict[str, Any]]) -> list[str]:
    return [p["unit"] for p in path]


def test_a_path_leads_from_the_unit_to_the_root(org: OrgReader) -> None:
    assert org.path(B1, DAY) == [
        {"unit": B1, "level": "organisation", "name": "示例党支部1", "established": True},
        {"unit": "g1-s1-t1", "level": "third", "name": "示例集团1 三级单位1", "established": True},
        {"unit": "g1-s1", "level": "second", "name": "示例集团1 二级单位1", "established": True},
        {"unit": "g1", "level": "group", "name": "示例集团1", "established": True},
        {"unit": "r", "level": "regulator", "name": "示例监管机构", "established": True},
    ]


def test_a_missing_level_is_passed_over(org: OrgReader) -> None:
    assert units_of(org.path(B6, DAY)) == [B6, "g1-s2", "g1", "r"]


def test_the_entrusted_parent_takes_the_managing_ones_place_for_its_days_and_no_longer(org: OrgReader) -> None:
    managed, entrusted = [B7, "g2-s3-t3", "g2-s3", "g2", "r"], [B7, "g1-s1-t1", "g1-s1", "g1", "r"]
    days = ("2019-08-31", "2019-09-01", "2019-11-30", "2019-12-01")
    assert [units_of(org.path(B7, day)) for day in days] == [managed, entrusted, entrusted, managed]
    assert org.children("g1-s1-t1", "2019-09-01") == [B1, B7, B2, B3]
    assert org.children("g2-s3-t3", "2019-09-01") == []
    assert org.children("g2-s3-t3", "2019-12-01") == [B7]


def test_a_guiding_parent_is_above_nobody(org: OrgReader) -> None:
    assert org.children("r", DAY) == ["g1", "g2"]


def test_a_unit_that_is_not_yet_established_is_a_child_and_says_so_in_its_path(org: OrgReader) -> None:
    assert B3 in org.children("g1-s1-t1", DAY)
    assert [p["established"] for p in org.path(B3, DAY)] == [False, True, True, True, True]


def test_a_dissolved_unit_is_a_child_until_the_day_before(org: OrgReader) -> None:
    assert "g1-s1-t2-b5" in org.children("g1-s1-t2", "2019-06-30")
    assert "g1-s1-t2-b5" not in org.children("g1-s1-t2", "2019-07-01")
    assert org.path("g1-s1-t2-b5", "2019-07-01")[0]["established"] is False


def test_an_unknown_unit_is_told_and_not_taken_for_a_vacancy(org: OrgReader) -> None:
    with pytest.raises(Unknown, match="no unit called 'nowhere'"):
        org.path("nowhere", DAY)
    with pytest.raises(Unknown):
        org.authority("p001", "nowhere", "secretary", DAY, backstop=True)
    with pytest.raises(Unknown):
        org.subtree("nowhere", DAY)


def test_holder_then_acting_then_successor_each_on_their_days(org: OrgReader) -> None:
    days = ("2019-09-15", "2019-09-16", "2019-10-31", "2019-11-01")
    held = [org.tenures("g1-s1-t2", "secretary", day) for day in days]
    assert [[(h["person"], h["acting"]) for h in on_day] for on_day in held] == [
        [("p026", False)],
        [("p027", True)],
        [("p027", True)],
        [("p028", False)],
    ]
    found = org.authority("p027", "g1-s1-t2", "secretary", "2019-10-31", backstop=True)
    assert found == {
        "tenure": held[2][0]["tenure"],
        "person": "p027",
        "post": "secretary",
        "unit": "g1-s1-t2",
        "as": "acting",
        "at": "g1-s1-t2",
    }
    assert org.authority("p026", "g1-s1-t2", "secretary", "2019-10-31", backstop=True) is None


def test_nobody_else_answers_where_there_is_a_holder(org: OrgReader) -> None:
    (holder,) = org.answerable(B1, "secretary", DAY, backstop=True)
    assert (holder["as"], holder["at"]) == ("holder", B1)
    (superior,) = org.tenures("g1-s1-t1", "secretary", DAY)
    assert org.authority(superior["person"], B1, "secretary", DAY, backstop=True) is None


@pytest.mark.parametrize("unit", [B2, B3])
def test_the_superior_answers_for_a_vacancy_and_for_a_unit_yet_to_be_established(org: OrgReader, unit: str) -> None:
    (superior,) = org.tenures("g1-s1-t1", "secretary", DAY)
    expected = {
        "tenure": superior["tenure"],
        "person": superior["person"],
        "post": "secretary",
        "unit": unit,
        "as": "backstop",
        "at": "g1-s1-t1",
    }
    assert org.answerable(unit, "secretary", DAY, backstop=True) == [expected]
    assert org.authority(superior["person"], unit, "secretary", DAY, backstop=True) == expected
    assert org.answerable(unit, "secretary", DAY, backstop=False) == []
    assert org.authority(superior["person"], unit, "secretary", DAY, backstop=False) is None


def test_the_backstop_of_an_entrusted_unit_is_at_its_entrusted_superior(org: OrgReader) -> None:
    at = [
        org.answerable(B7, "handler", day, backstop=True)[0]["at"] for day in ("2019-08-31", "2019-09-01", "2019-12-01")
    ]
    assert at == ["g2-s3-t3", "g1-s1-t1", "g2-s3-t3"]


def test_a_person_is_awaited_for_own_posts_and_for_vacant_ones_below(org: OrgReader) -> None:
    (superior,) = org.tenures("g1-s1-t1", "secretary", DAY)
    person = superior["person"]
    assert org.posts_of(person, DAY) == [
        {"unit": "g1-s1-t1", "post": "secretary", "tenure": superior["tenure"], "acting": False}
    ]
    assert org.awaited_by(person, DAY) == [("g1-s1-t1", "secretary"), (B2, "secretary"), (B3, "secretary")]
    assert org.awaited_by(person, DAY, backstops=["secretary"]) == org.awaited_by(person, DAY)
    assert org.awaited_by(person, DAY, backstops=["handler"]) == [("g1-s1-t1", "secretary")]
    assert org.awaited_by(person, DAY, backstops=[]) == [("g1-s1-t1", "secretary")]
    assert org.awaited_by("nobody", DAY) == []


def test_subtree_and_roster_keep_the_order_of_the_organisation(org: OrgReader) -> None:
    first = ["g1-s1", "g1-s1-t1", B1, B7, B2, B3, "g1-s1-t2", "g1-s1-t2-b4"]
    assert org.subtree("g1-s1", DAY) == first
    whole = ["r", "g1", *first, "g1-s2", B6, "g2", "g2-s3", "g2-s3-t3"]
    assert org.subtree("r", DAY) == whole
    assert org.subtree("g1-s1", DAY) == first  # now from the day that was loaded for the root
    assert org.roster(["organisation"], DAY) == [B1, B7, B2, B3, "g1-s1-t2-b4", B6]
    assert org.roster(["group", "second"], DAY) == ["g1", "g1-s1", "g1-s2", "g2", "g2-s3"]


def test_names_are_given_for_units_and_persons(org: OrgReader) -> None:
    assert org.names(["g1", "p001", "nobody", "g1"]) == {
        "g1": {"zh": "示例集团1", "en": "Example group 1"},
        "p001": {"zh": "示例人员001", "en": "Example person 001"},
    }
    assert list(org.names(["g1", "p001"], of="person")) == ["p001"]
    assert org.names([]) == {}
    assert org.names([f"x{n}" for n in range(1200)] + ["g2"])["g2"]["zh"] == "示例集团2"


def test_what_is_returned_may_be_changed_without_changing_what_is_remembered(org: OrgReader) -> None:
    org.path(B1, DAY).clear()
    org.answerable(B1, "secretary", DAY, backstop=True)[0]["as"] = "nobody"
    assert len(org.path(B1, DAY)) == 5
    assert org.answerable(B1, "secretary", DAY, backstop=True)[0]["as"] == "holder"


def test_the_head_of_the_chain_is_nothing_before_and_its_number_after(connection: Connection) -> None:
    assert store.head(connection) == 0
    connection.execute(sa.insert(tables.chain).values(chain="org", seq=7, head=b"\0" * 32))
    connection.execute(sa.insert(tables.chain).values(chain="views", seq=9, head=b"\0" * 32))
    assert store.head(connection) == 7


def test_what_is_written_is_read_back_the_same_and_twice_is_once(engine: Engine) -> None:
    wanted = read_org(EXAMPLE)
    with writing(engine) as connection:
        first = store.write_import(connection, wanted)
        assert store.write_import(connection, wanted) == first
    assert first == {"units": 16, "persons": 64, "parents": 17, "tenures": 64}
    with reading(engine) as connection:
        found = Org.from_rows(store.stored(connection))
    assert set(found.units) == set(wanted.units)
    assert set(found.parents) == set(wanted.parents)
    assert set(found.persons) == set(wanted.persons)
    assert set(found.tenures) == set(wanted.tenures)


def test_a_later_import_ends_a_tenure_renames_a_unit_and_leaves_the_rest(connection: Connection) -> None:
    known = Org.from_rows(store.stored(connection))
    head = "id,level,parent,name_zh,name_en,ordinal,established_on,dissolved_on,parent_kind,from_on,until_on"
    later = read_org(
        {
            "units.csv": f"{head}\ng2,group,r,示例集团2(更名),Example group 2 renamed,2,2010-01-01,,,,\n".encode(),
            "tenures.csv": b"person,unit,post,from_on,until_on,acting\n"
            b"p001,r,secretary,2018-01-01,2019-10-01,\np002,r,secretary,2019-10-01,,\n",
        },
        known=known,
    )
    store.write_import(connection, later)
    org = OrgReader(connection)
    assert org.names(["g2"])["g2"]["en"] == "Example group 2 renamed"
    holders = [org.tenures("r", "secretary", day)[0]["person"] for day in ("2019-09-30", "2019-10-01")]
    assert holders == ["p001", "p002"]
    assert len(store.stored(connection)["tenures"]) == len(known.tenures) + 1


def test_an_import_that_clashes_with_what_is_stored_is_refused(connection: Connection) -> None:
    second = OrgImport(
        parents=(Parent(B1, "g1-s2", "managing", "2019-01-01"),),
        tenures=(Tenure("t-other", "p064", "g1", "secretary", "2019-01-01"),),
    )
    with pytest.raises(OrgInvalid) as refused:
        store.write_import(connection, second)
    assert refused.value.facts["count"] == 2
    assert "would both hold secretary at once" in str(refused.value)
    assert "would both be its managing parent at once" in str(refused.value)


def test_a_line_of_parents_deeper_than_any_organisation_ends(connection: Connection) -> None:
    deep = [f"d{n:03}" for n in range(store.DEEPEST + 10)]
    chain = OrgImport(
        units=tuple(Unit(d, "third", d, d, 1, "2010-01-01") for d in deep),
        parents=tuple(Parent(low, up, "managing", ALWAYS) for low, up in pairwise(deep)),
    )
    store.write_import(connection, chain)
    org = OrgReader(connection)
    assert units_of(org.path(deep[0], DAY)) == deep[: store.DEEPEST]
    assert org.subtree(deep[-1], DAY) == deep[::-1]


def test_quotes_and_odd_letters_come_through_an_import_as_they_are(connection: Connection) -> None:
    odd = 'O\'Neil "x" \\ {} 😀 %s :name $1'
    store.write_import(connection, OrgImport(units=(Unit(odd, "third", odd, odd, 1),)))
    assert OrgReader(connection).path(odd, DAY)[0]["name"] == odd


# --- the two ways of asking, held against each other ---------------------------------------------------------------

DAYS = ("2018-12-31", "2019-01-01", "2019-06-01", "2019-12-31", "2020-01-01")
NAMES = tuple("abcdefg")
PERSONS = tuple(f"p{n}" for n in range(4))


@dataclass(frozen=True)
class AnyOrg:
    """Rows that may be in the tables, cycles among them, whether or not an import would let them in."""

    org: Org
    many_holders: frozenset[str] = MANY_HOLDERS

    def to_rows(self) -> dict[str, list[dict[str, Any]]]:
        return self.org.to_rows()


def any_org(seed: int) -> AnyOrg:
    draw = random.Random(seed)

    def day() -> str:
        return draw.choice(DAYS)

    units = tuple(
        Unit(
            n,
            draw.choice(["third", "organisation"]),
            n,
            n,
            draw.randint(0, 2),
            draw.choice([None, ALWAYS, ALWAYS, day()]),
            draw.choice([None, None, None, day()]),
        )
        for n in NAMES
    )
    parents: list[Parent] = []
    for n in NAMES:
        kinds: list[ParentKind] = ["managing", "entrusted", "guiding"]
        for kind, chance in zip(kinds, (0.9, 0.3, 0.3), strict=True):
            turn = day()
            if draw.random() < chance:
                parents.append(Parent(n, draw.choice(NAMES), kind, ALWAYS, turn))
            if draw.random() < chance:
                parents.append(Parent(n, draw.choice(NAMES), kind, turn, draw.choice([None, "2020-06-01"])))
    tenures = [
        Tenure(f"t{n}", draw.choice(PERSONS), draw.choice(NAMES), "handler", day(), None, draw.random() < 0.3)
        for n in range(draw.randint(0, 12))
    ]
    persons = tuple(Person(p, p, p) for p in PERSONS)
    return AnyOrg(Org(units, tuple(parents), persons, tuple(tenures)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), day=st.sampled_from(DAYS))
def test_the_database_answers_as_the_values_in_memory_do(engine: Engine, seed: int, day: str) -> None:
    any_ = any_org(seed)
    today = any_.org.on(day)
    with engine.connect() as connection:
        store.write_import(connection, any_)
        org, then = OrgReader(connection), Hindsight(scan.organisation(connection))
        awaited: dict[str, set[tuple[str, str]]] = {p: set() for p in PERSONS}
        for unit in NAMES:
            assert units_of(org.path(unit, day)) == today.path(unit)
            assert org.path(unit, day) == then.path(unit, day, 0)
            assert org.children(unit, day) == today.children(unit)
            assert [p["established"] for p in org.path(unit, day)] == [today.established(u) for u in today.path(unit)]
            assert org.subtree(unit, day) == today.subtree(unit)
            for backstop in (False, True):
                answers = org.answerable(unit, "handler", day, backstop)
                assert answers == then.answerable(unit, "handler", day, 0, backstop)
                expected = today.answerable(unit, "handler", backstop)
                assert [(a["tenure"], a["as"], a["at"]) for a in answers] == [
                    (t.id, as_, t.unit) for t, as_ in expected
                ]
            for answer in org.answerable(unit, "handler", day, backstop=True):
                awaited[answer["person"]].add((unit, "handler"))
        for person in PERSONS:
            assert set(org.awaited_by(person, day)) == awaited[person]
        listed = [u.id for u in any_.org.units if u.listed(day)]
        assert sorted(org.roster(["third", "organisation"], day)) == sorted(listed)
        connection.rollback()


def test_who_answers_is_found_without_going_through_every_tenure_once_sizes_are_known(
    connection: Connection, org: OrgReader
) -> None:
    """SQLite would make a filter of all tenures for one line upwards, after ANALYZE: 20 ms of 48,000 for each signature."""
    sqlite = connection.dialect.name == "sqlite"
    some = [
        {"id": f"{n}/1", "person": f"p{n}", "unit": B1, "post": f"post-{n}", "from_on": ALWAYS, "until_on": None}
        for n in range(3_000)
    ]
    connection.execute(tables.tenure.insert(), [{**row, "acting": False} for row in some])
    connection.exec_driver_sql("ANALYZE")
    statement = store._NOW._answer_statement()
    values = {"unit": B1, "post": "secretary", "day": DAY}
    text = statement.compile(dialect=connection.dialect)
    bound: Any = {**text.params, **values}
    if sqlite:
        bound = tuple(bound[name] for name in text.positiontup or ())
    asked = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{text}", bound)
    plans = [row[3] if sqlite else row[0] for row in asked]
    assert any("wf_tenure" in plan for plan in plans)
    through_all = ("BLOOM", "SCAN wf_") if sqlite else ("Seq Scan on wf_tenure",)
    assert not [plan for plan in plans if any(way in plan for way in through_all)]
