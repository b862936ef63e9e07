"""A snapshot read again is the same case, whatever stands in it: its places are set aside unread until somebody looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from workflow.case import Case, Slot
from workflow.evidence import canonical

TEXT = st.text(alphabet='a书[]{}",\\:1 ', max_size=8) | st.sampled_from(['],"', ',"slots":[', '"slots":[{"key":"1"}]'])
PLACE = st.fixed_dictionaries(
    {
        **dict.fromkeys(("key", "unit", "level", "post", "person"), TEXT),
        "kind": st.just("sign"),
        "state": st.sampled_from(["waiting", "open", "signed"]),
        "seq": st.integers(0, 9),
        "minutes": st.booleans(),
    }
).map(lambda said: Slot(**said))
NESTED: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "slots", "stage", "unit", "v"]), inner, max_size=4)
    ),
    max_leaves=6,
)
MEMBERS = st.dictionaries(st.sampled_from(["a", "slots", "stage", "unit", "v"]), NESTED, max_size=4)
CASES = st.fixed_dictionaries(
    {
        **dict.fromkeys(("item", "stage", "unit"), TEXT),
        **dict.fromkeys(("stays", "standing", "urged"), st.integers(0, 3)),
        "slots": st.lists(PLACE, max_size=3).map(tuple),
        "signers": st.lists(TEXT, max_size=2).map(tuple),
        **dict.fromkeys(("fields_", "behind"), MEMBERS),
        **dict.fromkeys(("suspended", "verified"), st.just({}) | MEMBERS),
        "urging": st.just({}) | st.dictionaries(TEXT, st.integers(0, 9), max_size=2),
    }
).map(lambda said: Case(**said))
PLACES = (Slot("1", "u1", "grass", "secretary", "sign", "open"), Slot("2", "u2", "third", "secretary", "sign"))
LIKE_PLACES = {"a": 1, "slots": [{"key": "1"}], "stage": "s"}


@given(CASES)
@example(Case(item="i", stage="s", signers=("p",)))
@example(Case(item="i", stage="s", fields_=LIKE_PLACES))
@example(Case(item="i", stage="s", fields_=LIKE_PLACES, signers=("p",)))
@example(Case(item="i", stage="s", slots=PLACES, verified=LIKE_PLACES))
@example(Case(item="i", stage="s", slots=PLACES, fields_=LIKE_PLACES, suspended=LIKE_PLACES))
@example(Case(item="i", stage="]", slots=(PLACES[0]._replace(unit='],"stage":"'), PLACES[1])))
def test_a_snapshot_read_again_is_the_same_case(case: Case) -> None:
    data = case.snapshot()
    unseen = Case.of_snapshot(data)
    assert unseen.snapshot() == data
    seen = Case.of_snapshot(data)
    assert seen.slots == case.slots
    assert seen.snapshot() == data
    whole = canonical.read(data)
    assert whole.get("fields_", {}) == seen.fields_ and whole.get("behind", {}) == seen.behind
    assert [s.record() for s in seen.slots] == whole.get("slots", [])


@given(CASES.filter(lambda case: bool(case.slots)))
def test_one_place_that_changes_is_written_as_if_all_were_written_anew(case: Case) -> None:
    read = Case.of_snapshot(case.snapshot())
    changed = read.slots[0]._replace(state="signed", person="p1", seq=7)
    after = read.but(slots=(changed, *read.slots[1:]))
    assert after.snapshot() == replace(case, slots=(changed, *case.slots[1:])).snapshot()
    assert read.but(urged=5).stands_as(read) and not after.stands_as(read)
    unseen = Case.of_snapshot(case.snapshot())
    assert unseen.but(urged=5).stands_as(unseen) and not unseen.but(slots=after.slots).stands_as(unseen)


@given(CASES.filter(lambda case: bool(case.slots)), TEXT)
def test_items_with_the_same_places_share_what_was_read_and_no_change_of_one_reaches_the_other(
    case: Case, other: str
) -> None:
    one, two = Case.of_snapshot(case.snapshot()), Case.of_snapshot(replace(case, item=other).snapshot())
    before = two.snapshot()
    key = one.slots[-1].key
    signed = {"e": "signed", "slot": key, "person": "p1", "unit": "u1"}
    after = one.fold([signed, {"e": "slot-opened", "slot": key}], 7, 1)
    assert after.snapshot() != one.snapshot()
    assert two.slots == case.slots and two.snapshot() == before
    assert Case.of_snapshot(before).slots == case.slots
