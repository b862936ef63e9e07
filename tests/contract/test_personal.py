"""Personal data of third parties is committed to, shown while it is kept, and erased without touching the evidence.

Source: evidence, erasure.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.contract.world import MATTER, World, flow_text
from workflow import Actor, loads
from workflow.acts import Submit
from workflow.errors import BadMaterial, DefinitionInvalid, Unknown
from workflow.evidence import canonical
from workflow.seen import seen_by, seen_by_operator
from workflow.store import tables as t
from workflow.views import contents

HANDLER = Actor("o1-handler", "handler", "o1")
SECRET = "three doors down, invented"
BY = {"by": "p-0001", "reason": "an invented request"}
MARKED = MATTER.replace(
    "fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 200}}",
    "fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 60, personal: whom}, "
    "whom: {type: person, required: false, personal: true}, fit: {type: boolean, personal: true}}",
)


@pytest.fixture
def marked(world: World) -> World:
    world.engine.publish(loads(flow_text(MARKED, "2")))
    return world


def begin(world: World, item: str = "m1", whom: str | None = "visitor-7") -> dict[str, object]:
    sheet: dict[str, object] = {"count": 3, "words": SECRET, "fit": False, **({"whom": whom} if whom else {})}
    world.engine.open("matter", "o1", item=item, campaign="c1", category="leak")
    world.engine.submit(item, HANDLER, {"sheet": sheet}, outcome="found")
    return sheet


def stored(world: World, item: str = "m1") -> dict[str, str]:
    found = canonical.decode(world.engine.contents.get(world.case(item).materials["sheet"]))
    return dict(found)


def test_a_personal_value_is_signed_as_a_commitment_and_shown_in_plain(marked: World) -> None:
    sheet = begin(marked)
    held = stored(marked)
    assert held["fit"].startswith("personal:")
    assert held["count"] == 3 and held["words"].startswith("personal:") and held["whom"].startswith("personal:")
    assert marked.engine.show("m1").contents["sheet"] == sheet
    with marked.engine.look() as desk:
        assert contents(desk, "m1")["sheet"] == sheet
    marked.through("m1")
    assert marked.verify().holds
    with marked.engine.reading() as connection:
        for body in connection.execute(t.entry.select()).mappings():
            assert (
                SECRET.encode() not in body["body"]
                and b'"fit"' not in body["body"]
                and b"visitor-7" not in body["body"]
            )


def test_a_delicate_value_is_shown_to_its_readers_only_and_signed_by_all(world: World) -> None:
    """Who may read a field is said by the definition and holds for each read. Source: R028, R152, R221."""
    fit = "fit: {type: boolean, personal: true, delicate: criminal-record, purpose: {zh: 资格, en: fitness}, "
    fit += "readers: department, keep-for: 2 years}"
    text = MARKED.replace("fit: {type: boolean, personal: true}", fit)
    assert text != MARKED
    world.engine.publish(loads(flow_text(text, "2")))
    sheet = begin(world)
    closed = stored(world)["fit"]
    with seen_by(world.engine, "o1-handler") as seen:
        assert seen.contents("m1")["sheet"] == seen.show("m1").contents["sheet"] == {**sheet, "fit": closed}
        digest = seen.show("m1").digest
    with seen_by(world.engine, "g1-secretary") as seen:  # standing above is no reason to read it
        assert seen.contents("m1")["sheet"]["fit"] == closed
    with seen_by_operator(world.engine) as seen:
        assert seen.contents("m1")["sheet"] == sheet
    with seen_by(world.engine, "t1-department") as seen:
        assert seen.contents("m1")["sheet"] == sheet
    world.engine.sign("m1", HANDLER, digest, opinion="agreed")  # on the commitment, whoever may read what it stands for
    assert world.verify().holds


def test_after_erasing_everything_still_verifies_and_nothing_opens(marked: World, tmp_path: Path) -> None:
    begin(marked)
    begin(marked, "m2", "visitor-8")
    marked.sign("m1")
    before, held = marked.case("m1").content, stored(marked)
    receipt = marked.engine.erase("visitor-7", **BY)
    assert (receipt.item, receipt.seq) == ("erasures", 1)
    shown = marked.engine.show("m1")
    assert shown.digest == before and shown.contents["sheet"]["words"] == held["words"]
    assert marked.engine.show("m2").contents["sheet"]["words"] == SECRET  # of another person
    marked.sign("m1")  # whoever comes next still signs the same content
    assert marked.verify().holds
    with pytest.raises(Unknown):
        marked.engine.erase("visitor-7", **BY)
    with marked.engine.reading() as connection:
        body = connection.execute(t.entry.select().where(t.entry.c.chain == "erasures")).mappings().one()["body"]
    assert b"visitor-7" not in body  # the erasure does not bring back whom it erased


def test_a_field_that_names_nobody_belongs_to_its_item(marked: World) -> None:
    begin(marked, whom=None)
    marked.engine.erase("item:m1", **BY)
    assert marked.engine.show("m1").contents["sheet"]["words"].startswith("personal:")
    assert marked.verify().holds


def test_an_erased_paper_can_be_handed_in_again_as_it_is_but_no_made_up_commitment(marked: World) -> None:
    begin(marked)
    marked.engine.erase("item:m1", **BY)  # whom itself is the item's
    marked.engine.erase("visitor-7", **BY)
    again = dict(marked.engine.show("m1").contents["sheet"])
    marked.engine.submit("m1", HANDLER, {"sheet": again}, outcome="found")
    with pytest.raises(BadMaterial, match="kept here"):
        marked.engine.submit("m1", HANDLER, {"sheet": again | {"words": "personal:" + "0" * 64}}, outcome="found")


def test_a_host_that_hands_in_plain_text_past_the_verbs_is_refused(marked: World) -> None:
    sheet = begin(marked)
    digest = marked.engine.contents.put(canonical.encode(sheet))
    with pytest.raises(BadMaterial, match="commitments"):
        marked.engine.act(
            Submit(item="m1", by=HANDLER, materials={"sheet": digest}, figures={"sheet": {"count": 3}}, outcome="found")
        )


def test_on_sqlite_the_erased_words_are_in_no_file(sqlite_url: str, tmp_path: Path) -> None:
    from tests.contract.world import make_world

    world = make_world(sqlite_url, tmp_path / "home")
    world.engine.publish(loads(flow_text(MARKED, "2")))
    begin(world)
    key = next(
        iter(sqlite3.connect(tmp_path / "workflow.db").execute("SELECT key FROM wf_subject WHERE subject='visitor-7'"))
    )
    world.engine.erase("visitor-7", **BY)
    world.engine.erase("item:m1", **BY)
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            data = (Path(folder) / name).read_bytes()
            assert key[0] not in data and SECRET.encode() not in data and b"visitor-7" not in data, name
    world.engine.close()


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("{type: integer, personal: true}", "personal-decides"),
        ("{type: text, personal: count}", "personal-of-whom"),
        ("{type: text, personal: nobody}", "personal-of-whom"),
    ],
)
def test_a_field_that_rules_decide_on_or_that_names_no_person_is_not_personal(field: str, code: str) -> None:
    text = MATTER.replace("words: {type: text, max: 200}", f"words: {field}")
    if code == "personal-decides":
        text = MATTER.replace("{total: {type: integer,", "{total: {type: integer, personal: true,")
    with pytest.raises(DefinitionInvalid) as refused:
        loads(flow_text(text))
    assert code in str(refused.value.facts)
