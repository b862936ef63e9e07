"""Groups of places: in turn, side by side, by quorum; early decision equals late decision."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.case import Slot
from workflow.rules.plan import ABSTAIN, AGAINST, AGREE, keys, progress, root, votes

VOTES = (AGREE, AGAINST, ABSTAIN)


def slots(count: int, **votes: str) -> list[Slot]:
    """Slots 1..count; those named v1, v2 ... have voted."""
    return [
        Slot(
            str(n),
            "unit-1",
            "third",
            f"post-{n}",
            "sign",
            "signed" if f"v{n}" in votes else "waiting",
            vote=votes.get(f"v{n}", ""),
        )
        for n in range(1, count + 1)
    ]


def test_without_a_plan_places_sign_in_turn() -> None:
    assert progress((), slots(3)).open == ("1",)
    assert progress((), slots(3, v1="")).open == ("2",)
    assert progress((), slots(3, v1="", v2="", v3="")).verdict == "agreed"


def test_side_by_side_opens_all_and_waits_for_all() -> None:
    plan = ["1", {"par": ["2", "3"], "need": "all"}, "4"]
    assert progress(plan, slots(4, v1="")).open == ("2", "3")
    assert progress(plan, slots(4, v1="", v3="")).open == ("2",)
    assert progress(plan, slots(4, v1="", v2="", v3="")).open == ("4",)


def test_any_of_a_group_makes_the_others_not_needed_never_done() -> None:
    plan = [{"par": ["1", "2", "3"], "need": "any"}, "4"]
    stands = progress(plan, slots(4, v2=AGREE))
    assert (stands.open, stands.not_needed, stands.verdict) == (("4",), ("1", "3"), "open")


@pytest.mark.parametrize(
    ("need", "votes", "verdict"),
    [
        (">= 2/3", {"v1": AGREE, "v2": AGREE}, "agreed"),  # 以上 includes
        ("> 2/3", {"v1": AGREE, "v2": AGREE}, "open"),  # 超过 does not
        ("> 2/3", {"v1": AGREE, "v2": AGREE, "v3": ABSTAIN}, "refused"),
        (2, {"v1": AGREE, "v3": AGREE}, "agreed"),
        (2, {"v1": AGAINST, "v3": AGAINST}, "refused"),
        ("all", {"v1": AGREE, "v2": AGREE, "v3": ABSTAIN}, "agreed"),
        ("all", {"v1": AGAINST}, "refused"),
        ("all", {"v1": ABSTAIN, "v2": ABSTAIN, "v3": ABSTAIN}, "refused"),
        ("any", {"v1": AGAINST, "v2": AGAINST}, "open"),
    ],
)
def test_a_quorum_is_decided_as_soon_as_nothing_can_change_it(need: Any, votes: dict[str, str], verdict: str) -> None:
    assert progress([{"par": ["1", "2", "3"], "need": need}], slots(3, **votes)).verdict == verdict


def test_a_veto_refuses_and_is_waited_for() -> None:
    plan = [{"par": ["1", "2", "3"], "need": ">= 1/2", "veto": ["post-3"]}]
    assert progress(plan, slots(3, v1=AGREE, v2=AGREE)).verdict == "open"
    assert progress(plan, slots(3, v1=AGREE, v2=AGREE, v3=AGAINST)).verdict == "refused"
    assert progress(plan, slots(3, v1=AGREE, v2=AGREE, v3=AGREE)).verdict == "agreed"


def test_weights_count_and_turnout_is_waited_for() -> None:
    heavy = [s._replace(weight=3) if s.key == "1" else s for s in slots(3, v1=AGREE)]
    plan: list[Any] = [{"par": ["1", "2", "3"], "need": ">= 60%"}]
    assert progress(plan, heavy).verdict == "agreed"
    assert progress([{**plan[0], "turnout": ">= 80%"}], heavy).verdict == "open"


def test_a_sequence_inside_a_group_keeps_its_own_turn() -> None:
    plan = [{"par": [{"seq": ["1", "2"]}, "3"], "need": "all"}]
    assert progress(plan, slots(3)).open == ("1", "3")
    assert progress(plan, slots(3, v1="")).open == ("2", "3")


groups = st.recursive(
    st.just("leaf"),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda c: {"seq": c}),
        st.tuples(
            st.lists(inner, min_size=1, max_size=4),
            st.sampled_from(["all", "any", 1, 2, ">= 1/2", "> 50%", ">= 2/3"]),
        ).map(lambda g: {"par": g[0], "need": g[1]}),
    ),
    max_leaves=7,
)


def _numbered(node: Any, count: list[int]) -> Any:
    if node == "leaf":
        count[0] += 1
        return str(count[0])
    name = "seq" if "seq" in node else "par"
    return {**node, name: [_numbered(c, count) for c in node[name]]}


@given(groups, st.data())
def test_deciding_early_equals_deciding_after_every_vote(shape: Any, data: st.DataObject) -> None:
    count = [0]
    plan = [_numbered(shape, count)]
    votes = {f"v{n}": data.draw(st.sampled_from(VOTES)) for n in range(1, count[0] + 1)}
    late = progress(plan, slots(count[0], **votes)).verdict
    given_so_far: dict[str, str] = {}
    while (stands := progress(plan, slots(count[0], **given_so_far))).verdict == "open":
        assert stands.open, "an undecided plan waits for somebody"
        key = data.draw(st.sampled_from(stands.open))
        given_so_far[f"v{key}"] = votes[f"v{key}"]
    assert stands.verdict == late


@given(groups)
def test_every_place_of_a_plan_is_named_once(shape: Any) -> None:
    count = [0]
    plan = [_numbered(shape, count)]
    assert list(keys(root(plan, []))) == [str(n) for n in range(1, count[0] + 1)]


def _with_added(node: Any, data: st.DataObject) -> Any:
    """The plan with signers added before, after or beside some of its places."""
    if isinstance(node, str):
        where = data.draw(st.sampled_from(["nowhere", "before", "after", "beside"]))
        pair = [f"{node}+1", node] if where == "before" else [node, f"{node}+1"]
        return node if where == "nowhere" else {"par" if where == "beside" else "seq": pair, "added": True}
    name = "seq" if "seq" in node else "par"
    return {**node, name: [_with_added(c, data) for c in node[name]]}


@given(groups, st.data())
def test_whoever_is_added_to_a_place_changes_neither_its_vote_nor_what_the_group_decides(
    shape: Any, data: st.DataObject
) -> None:
    count = [0]
    plain = [_numbered(shape, count)]
    plan = [_with_added(node, data) for node in plain]
    given = {f"v{n}": data.draw(st.sampled_from(VOTES)) for n in range(1, count[0] + 1)}
    added = [Slot(k, "u", "l", "p", "review") for k in keys(root(plan, [])) if "+" in k]
    assert [votes(plain, str(n)) for n in range(1, count[0] + 1)] == [
        votes(plan, str(n)) for n in range(1, count[0] + 1)
    ]
    assert not any(votes(plan, s.key) for s in added)
    everybody = [*slots(count[0], **given), *(s._replace(state="signed") for s in added)]
    late = progress(plan, everybody).verdict
    assert late == progress(plain, slots(count[0], **given)).verdict
    so_far: dict[str, str] = {}
    signed: set[str] = set()
    while (
        stands := progress(
            plan,
            [
                *slots(count[0], **so_far),
                *(s._replace(state="signed" if s.key in signed else "open") for s in added),
            ],
        )
    ).verdict == "open":
        key = data.draw(st.sampled_from(stands.open))
        if "+" in key:
            signed.add(key)
        else:
            so_far[f"v{key}"] = given[f"v{key}"]
    assert stands.verdict == late
