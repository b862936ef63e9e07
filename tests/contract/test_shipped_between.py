"""Letters, talks, the four and the gate of a roll-up through the flows that are shipped, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.world import World, imported, person_row, tenure_row, worlds
from workflow import Actor, load, orgbook
from workflow.definition.shipped import shipped_flow
from workflow.errors import BadMaterial, GateClosed, InPerson, MaterialMissing, OutOfTurn, SamePerson
from workflow.evidence import canonical
from workflow.pairs import pairs
from workflow.store.items import entries
from workflow.trace import trace

FLOWS = ("responsibility-letter", "talk-cascade", "four-ones", "investigation-report")
RECORD = {"record": {"held-on": "2019-08-12", "points": "invented"}}
ZERO = {
    "zero-statement": {"statement": "looked at, nothing found"},
    "analysis-sheet": {"investigated": 3, "analysis": "invented"},
}


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(database_url, tmp_path / "home"):
        for name in FLOWS:
            made.engine.publish(load(shipped_flow(name)))
        yield made


def head(unit: str, of: str = "") -> Actor:
    return Actor(f"{unit}-secretary", "secretary", of or unit)


def signed(world: World, item: str, *by: Actor) -> None:
    for actor in by:
        world.engine.sign(item, actor, world.case(item).content, opinion="agreed")


def letter(world: World, unit: str, above: str, *, item: str = "") -> str:
    item = item or f"letter-{unit}"
    world.engine.open("responsibility-letter", unit, item=item, campaign="c1")
    world.engine.submit(item, head(above), {"duties": {"text": "invented"}})
    signed(world, item, head(above), head(unit))
    return item


def test_letters_are_signed_from_the_top_down_and_a_new_secretary_signs_again(world: World) -> None:
    """R042, R043, M32: between a unit and the one directly above, bound to persons; unsigned pairs are listed per level."""
    world.engine.open("responsibility-letter", "t1", item="early", campaign="c1")
    with pytest.raises(GateClosed, match="s1"):
        world.engine.submit("early", head("s1"), {"duties": {"text": "invented"}})
    with pytest.raises(OutOfTurn):  # two levels up is nobody's letter
        world.engine.submit("early", head("g1"), {"duties": {"text": "invented"}})
    letter(world, "s1", "g1")
    world.engine.submit("early", head("s1"), {"duties": {"text": "invented"}})
    signed(world, "early", head("s1"), head("t1"))

    def listed(level: str) -> list[tuple[str, str]]:
        with world.engine.look() as desk:
            return [(p.unit, p.state) for p in pairs(desk, "responsibility-letter", "c1", level)]

    assert (listed("second"), listed("third")) == ([("s1", "signed")], [("t1", "signed"), ("t2", "unsigned")])
    world.clock.advance(timedelta(days=1))
    ended = tenure_row("s1-secretary", "s1", "secretary", until="2019-08-13")
    since = tenure_row("successor", "s1", "secretary", "2019-08-13")
    world.engine.import_org(imported(persons=[person_row("successor")], tenures=[ended, since]))
    assert listed("second") == [("s1", "void")]
    world.engine.open("responsibility-letter", "t2", item="letter-t2", campaign="c1")
    with pytest.raises(GateClosed):  # the letter above is no longer whose who would sign here
        world.engine.submit("letter-t2", Actor("successor", "secretary", "s1"), {"duties": {"text": "invented"}})
    world.engine.open("responsibility-letter", "s1", item="letter-s1-anew", campaign="c1")
    world.engine.submit("letter-s1-anew", head("g1"), {"duties": {"text": "invented"}})
    signed(world, "letter-s1-anew", head("g1"), Actor("successor", "secretary", "s1"))
    world.engine.submit("letter-t2", Actor("successor", "secretary", "s1"), {"duties": {"text": "invented"}})
    assert world.verify().exit_code == 0


def test_talks_begin_above_and_are_held_in_person(world: World) -> None:
    """R046, M15, R044: a level talks with those below only once it has been talked with; no deputy holds the talk."""
    for unit in ("s1", "t1"):
        world.engine.open("talk-cascade", unit, item=f"talk-{unit}", campaign="c1")
    with pytest.raises(GateClosed, match="s1"):
        world.engine.submit("talk-t1", head("s1"), RECORD)
    world.engine.submit("talk-s1", head("g1"), RECORD)
    signed(world, "talk-s1", head("g1"), head("s1"))
    world.engine.submit("talk-t1", head("s1"), RECORD)
    with world.engine.desk() as desk:
        orgbook.give_mandate(
            desk,
            head("s1"),
            "away",
            mandate="m1",
            person="nobody",
            from_on="2019-08-01",
            until_on="2019-12-01",
            text=b"in my place",
        )
    with pytest.raises(InPerson):
        signed(world, "talk-t1", Actor("nobody", "secretary", "s1"))
    signed(world, "talk-t1", head("s1"), head("t1"))
    assert world.case("talk-t1").final and world.verify().exit_code == 0


def test_the_four_are_named_before_anybody_signs_and_ranks_are_looked_at(world: World) -> None:
    """四个一, R178, M38."""
    e, by, handler = world.engine, head("t1"), Actor("o1-handler", "handler", "o1")
    e.open("four-ones", "o1", item="f1", campaign="c1")
    with pytest.raises(BadMaterial, match="second or above"):
        e.name_lead("f1", by, head("t1"), role="leader")
    e.name_lead("f1", by, head("s1"), role="leader")
    e.name_lead("f1", by, Actor("t1-department", "department", "t1"), role="department")
    e.name_lead("f1", by, head("o1"), role="first-secretary")
    with pytest.raises(MaterialMissing, match="team"):
        signed(world, "f1", handler)
    with pytest.raises(SamePerson):
        e.name_lead("f1", by, Actor("t1-department", "handler", "t1"), role="team")
    e.name_lead("f1", by, Actor("t2-handler", "handler", "t2"), role="team")
    signed(world, "f1", handler, head("o1"))
    assert world.case("f1").stage == "under-way" and world.verify().exit_code == 0


def test_a_unit_reports_up_when_each_below_is_signed_zero_or_exempt_and_the_refusal_names_every_other(
    world: World,
) -> None:
    """R036, R055, M06: and a group's signature leads to every signature below it."""
    e = world.engine
    for unit in ("o1", "o2", "o3", "t1"):
        e.open("investigation-report", unit, item=f"r-{unit}", campaign="c1")

    def zero(unit: str, by: str) -> None:
        e.report_zero(f"r-{unit}", Actor(f"{by}-handler", "handler", unit), ZERO)

    with pytest.raises(GateClosed) as refused:
        zero("t1", "t1")
    assert all(unit in str(refused.value) for unit in ("o1", "o2", "o3"))
    for unit, by in (("o1", "o1"), ("o2", "t1")):  # o2 has no organisation: its superior registers, signs and answers
        zero(unit, by)
        signed(world, f"r-{unit}", Actor(f"{by}-handler", "handler", unit), head(by, unit))
        signed(world, f"r-{unit}", Actor("t1-department", "department", "t1"))
        assert world.case(f"r-{unit}").final
    with pytest.raises(GateClosed) as refused:
        zero("t1", "t1")
    assert "o3" in str(refused.value) and "o1" not in str(refused.value)
    e.exempt("r-o3", head("t1"), world.case("r-o3").content, "dissolving next week")
    zero("t1", "t1")
    body = canonical.read(entries_of(world, "r-t1")[-1].body)
    assert sorted(r["item"] for r in body["effects"][0]["relies"]) == ["r-o1", "r-o2", "r-o3"]
    world.engine.sign("r-t1", Actor("t1-handler", "handler", "t1"), world.case("r-t1").content, opinion="agreed")
    with world.engine.look() as desk:
        found = trace(desk, "r-t1", world.clock.now(), whole=True)
    assert {s.item for s in found.root.walk()} == {"r-t1", "r-o1", "r-o2", "r-o3"}
    own = next(s for s in found.root.walk() if s.item == "r-o2")
    assert [(r.person, r.as_) for r in own.signers][:2] == [("t1-handler", "backstop"), ("t1-secretary", "backstop")]
    assert world.verify().exit_code == 0


def entries_of(world: World, item: str) -> list:  # type: ignore[type-arg]
    with world.engine.reading() as connection:
        return list(entries(connection, item))
