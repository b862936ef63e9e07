"""Who may change the organisation: the head of a unit above, by charter, or the administrator and marked so. S0, R007."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.world import World, imported, tenure_row
from workflow import Actor, orgbook
from workflow.errors import NotAbove, NotHolder, OrgInvalid, Unknown
from workflow.evidence import canonical
from workflow.orgbook import NewUnit
from workflow.orgrights import KINDS, adopt_charter
from workflow.store import items

DAY = "2019-08-12"
G1, S1, T1 = (Actor(f"{u}-secretary", "secretary", u) for u in ("g1", "s1", "t1"))
O9 = NewUnit("o9", "organisation", "t1", "示例新单位", "an invented new unit")
APPOINT = {"person": "nobody", "post": "handler", "from_on": DAY, "acting": True}

ACTS: dict[str, Any] = {
    "appoint": lambda d, by: orgbook.appoint(d, by, "r", unit="o1", **APPOINT),
    "end-tenure": lambda d, by: orgbook.end_tenure(
        d, by, "r", tenure="o1-handler/o1/handler/2015-01-01", on="2019-09-01"
    ),
    "remove-from-posts": lambda d, by: orgbook.remove_from_posts(d, by, "r", person="o1-secretary", on=DAY),
    "merge-persons": lambda d, by: orgbook.merge_persons(d, by, "r", person="o1-handler", into="nobody", on=DAY),
    "rename-unit": lambda d, by: orgbook.rename_unit(d, by, "r", unit="o1", on=DAY, name_zh="新", name_en="new"),
    "rename-person": lambda d, by: orgbook.rename_person(
        d, by, "r", person="o1-handler", on=DAY, name_zh="新", name_en="new"
    ),
    "move-unit": lambda d, by: orgbook.move_unit(d, by, "r", unit="o1", parent="t2", from_on=DAY),
    "dissolve": lambda d, by: orgbook.dissolve(d, by, "r", unit="o1", successor="o3", on=DAY),
    "merge": lambda d, by: orgbook.merge(d, by, "r", units=["o1", "o3"], into=O9, on=DAY),
    "split": lambda d, by: orgbook.split(d, by, "r", unit="o1", into=[O9], successor="o9", on=DAY),
    "enrol": lambda d, by: orgbook.enrol(d, by, "r", person="nobody", unit="o1", from_on=DAY),
    "form-body": lambda d, by: orgbook.form_body(
        d, by, "r", body="b1", kind="roving", unit="t1", name_zh="组", name_en="group", from_on=DAY
    ),
    "answer-beside": lambda d, by: orgbook.answer_beside(d, by, "r", person="o1-handler", unit="o1", from_on=DAY),
}
WITHIN = {"enrol": "o1", "form-body": "t1", "answer-beside": "o1"}  # a unit's own head may do these


def attempt(world: World, kind: str, by: Actor | None) -> None:
    """Do it, and take it back."""
    try:
        with world.engine.desk() as desk:
            ACTS[kind](desk, by)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


@pytest.mark.parametrize("kind", sorted(ACTS))
def test_the_head_above_may_and_nobody_beside_or_below_may(world: World, kind: str) -> None:
    head = S1 if kind == "move-unit" else T1  # who moves a unit to another stands above both
    attempt(world, kind, head)
    attempt(world, kind, G1)
    attempt(world, kind, None)
    own = Actor(f"{WITHIN.get(kind, 'o1')}-secretary", "secretary", WITHIN.get(kind, "o1"))
    before = world.entries()
    others = [Actor("o3-secretary", "secretary", "o3"), Actor("t2-secretary", "secretary", "t2")]
    others += [Actor("t1-handler", "handler", "t1"), Actor("t1-department", "department", "t1")]
    if kind in WITHIN:
        attempt(world, kind, own)
    else:
        others.append(own)
    for other in others:
        with pytest.raises(NotAbove, match=f"may not {kind}"), world.engine.desk() as desk:
            ACTS[kind](desk, other)
    with pytest.raises(NotHolder), world.engine.desk() as desk:
        ACTS[kind](desk, Actor("nobody", "secretary", "t1"))
    assert world.entries() == before


def test_the_head_of_the_top_answers_to_nobody_but_the_entry(world: World) -> None:
    with world.engine.desk() as desk:
        orgbook.rename_unit(desk, G1, "renamed", unit="g1", on=DAY, name_zh="新", name_en="new")
    with pytest.raises(NotAbove), world.engine.desk() as desk:
        orgbook.rename_unit(desk, T1, "renamed", unit="t1", on=DAY, name_zh="新", name_en="new")
    with pytest.raises(NotAbove), world.engine.desk() as desk:  # a person without a post is the top's to rename
        orgbook.rename_person(desk, T1, "renamed", person="nobody", on=DAY, name_zh="新", name_en="new")


def test_a_charter_says_which_posts_may_and_what_it_does_not_name_nobody_may(world: World) -> None:
    with pytest.raises(Unknown, match="promote"), world.engine.desk() as desk:
        adopt_charter(desk, "as the group decided", {"promote": ["department"]})
    with world.engine.desk() as desk:
        adopt_charter(desk, "as the group decided", {"appoint": ["department"]})
    attempt(world, "appoint", Actor("t1-department", "department", "t1"))
    for kind, by in (("appoint", T1), ("dissolve", T1), ("dissolve", G1)):
        with pytest.raises(NotAbove), world.engine.desk() as desk:
            ACTS[kind](desk, by)
    attempt(world, "dissolve", None)
    with world.engine.desk() as desk:
        adopt_charter(desk, "a later one", {"appoint": ["department"], "*": ["secretary"]})
    attempt(world, "dissolve", T1)
    assert world.verify().exit_code == 0
    assert set(ACTS) | {"seat", "assign"} == set(KINDS)


def test_what_the_administrator_does_is_marked_so(world: World) -> None:
    with world.engine.desk() as desk:
        ACTS["appoint"](desk, None)
        ACTS["rename-unit"](desk, T1)
    with world.engine.reading() as connection:
        acts = [canonical.read(e.body)["act"] for e in items.entries(connection, "org")]
    assert [(a["kind"], a["as"], a.get("by", {}).get("person")) for a in acts] == [
        ("import-org", "administrator", None),
        ("appoint", "administrator", None),
        ("rename-unit", "holder", "t1-secretary"),
    ]
    assert world.verify().exit_code == 0


def test_one_acts_for_a_post_at_a_time(world: World) -> None:
    """Exactly one person is first responsible at any instant. R007."""
    acting = {"unit": "o1", "post": "secretary", "from_on": "2019-08-20", "acting": True}
    with world.engine.desk() as desk:
        orgbook.appoint(desk, T1, "stands in", person="nobody", **acting)
    with pytest.raises(OrgInvalid, match="both hold secretary"), world.engine.desk() as desk:
        orgbook.appoint(desk, T1, "stands in too", person="o3-handler", **{**acting, "from_on": "2019-09-01"})
    rows = [{**tenure_row(p, "o3", "secretary", "2019-09-01"), "acting": True} for p in ("o1-handler", "o3-handler")]
    for n, row in enumerate(rows):
        row["id"] = f"acting-{n}"
    with pytest.raises(OrgInvalid):
        world.engine.import_org(imported(tenures=rows))
