"""What was counted is added up for any part of the organisation as if each thing were looked at alone."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from workflow.store.org import OrgReader, Stretches, _Forest
from workflow.sums import Sums

DAY = "2019-09-01"
# r has a and b, a has a1 and a2; x and y stand in no list of the day
BELOW = {"r": ["r", "a", "a1", "a2", "b"], "a": ["a", "a1", "a2"], "a1": ["a1"], "a2": ["a2"], "b": ["b"]}
LISTED, STRAY = tuple(BELOW["r"]), ("x", "y")


class Org(OrgReader):
    """An organisation of one day, without a database."""

    def __init__(self) -> None:
        levels = dict.fromkeys(LISTED, "any")
        self._forests = {
            DAY: _Forest.of(levels, {None: ["r"], "r": ["a", "b"], "a": ["a1", "a2"]}, ["r"], LISTED + STRAY)
        }


units = st.lists(st.sampled_from(LISTED + STRAY), max_size=12)
counted = st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), units)
sets = st.none() | st.frozensets(st.sampled_from(LISTED + STRAY))


def about(found: dict[str, list[str]], keys: Collection[str], part: Collection[str]) -> list[str]:
    return [u for key in keys for u in found.get(key, []) if u in part]


@given(found=counted, scope=sets)
def test_a_sum_is_what_counting_one_by_one_gives(found: dict[str, list[str]], scope: frozenset[str] | None) -> None:
    org = Org()
    sums = Sums(org, DAY, found.items())
    part, every = sums.part(org, scope), LISTED + STRAY if scope is None else scope
    for key in ("k1", "k2", "k3", "none"):
        assert sums.count(key, part) == len(about(found, [key], every))
    for keys in (["k1"], ["k1", "k3"], list(found)):
        mine = about(found, keys, every)
        assert sums.units(keys, part) == len(set(mine))
        assert sums.by_unit(keys, part) == {u: mine.count(u) for u in mine}
    for unit in LISTED + STRAY:
        assert sums.holds(part, unit) == (unit in every)
        assert sums.has(list(found), unit) == (unit in about(found, found, LISTED + STRAY))


@given(found=counted, unit=st.sampled_from(LISTED))
def test_what_is_below_a_unit_is_one_piece_of_the_order(found: dict[str, list[str]], unit: str) -> None:
    org = Org()
    sums = Sums(org, DAY, found.items())
    part = sums.below(org, unit)
    assert len(part.spans) == 1 and part == Stretches(part.spans)
    assert [sums.count(key, part) for key in found] == [len(about(found, [key], BELOW[unit])) for key in found]


def test_what_only_some_may_know_of_is_in_no_sum() -> None:
    org = Org()
    sums = Sums(org, DAY, [("k1", ["a"])], [("k1", "a1"), ("k2", "b")])
    everything = sums.part(org, None)
    assert sums.count("k1", everything) == 1 and sums.count("k2", everything) == 0
    assert sums.covert == (("k1", "a1"), ("k2", "b"))
