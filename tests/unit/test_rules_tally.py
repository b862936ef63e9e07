"""A tally sheet decides by exact arithmetic, and both measures must hold. Source: R137."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.definition.model import Tally, Threshold
from workflow.rules.signing import tally_exit

TALLY = Tally.model_validate({"material": "v", "turnout": ">= 80%", "aware": ">= 90%", "dissatisfied": "<= 50%"})


@pytest.mark.parametrize(
    ("eligible", "voted", "aware", "dissatisfied", "expected"),
    [
        (10, 8, 8, 0, "passed"),
        (10, 8, 8, 4, "passed"),  # 50% is still within "at most 50%"
        (10, 8, 8, 5, "failed"),
        (10, 7, 7, 0, "no-quorum"),
        (10, 10, 9, 0, "passed"),  # 90% is "90% or more"
        (100, 99, 89, 0, "failed"),  # 89.9%
        (100, 100, 89, 0, "failed"),
        (1, 0, 0, 0, "no-quorum"),
        (3, 3, 3, 1, "passed"),
    ],
)
def test_the_numbers_of_the_sheet_decide(
    eligible: int, voted: int, aware: int, dissatisfied: int, expected: str
) -> None:
    figures = {"eligible": eligible, "voted": voted, "aware": aware, "dissatisfied": dissatisfied}
    assert tally_exit(TALLY, figures) == expected


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 100), st.sampled_from([">=", ">", "<=", "<"]))
def test_a_comparison_is_exact_whatever_the_numbers(part: int, whole: int, percent: int, op: str) -> None:
    share, bound = Fraction(part, whole), Fraction(percent, 100)
    exact = {">=": share >= bound, ">": share > bound, "<=": share <= bound, "<": share < bound}[op]
    assert Threshold.model_validate(f"{op} {percent}%").holds(part, whole) is exact


@given(st.data())
def test_more_people_content_never_turn_a_pass_into_a_failure(data: st.DataObject) -> None:
    eligible = data.draw(st.integers(1, 500))
    voted = data.draw(st.integers(0, eligible))
    aware, dissatisfied = data.draw(st.integers(0, voted)), data.draw(st.integers(0, voted))
    figures = {"eligible": eligible, "voted": voted, "aware": aware, "dissatisfied": dissatisfied}
    if tally_exit(TALLY, figures) == "passed":
        better = {**figures, "aware": data.draw(st.integers(aware, voted))}
        better["dissatisfied"] = data.draw(st.integers(0, dissatisfied))
        assert tally_exit(TALLY, better) == "passed"
