"""The pages as a browser gets them: every page in both languages, who sees what, and what a form may do."""

from __future__ import annotations

import json
import re
import tempfile
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from tests.adapters.test_rest import FILES
from tests.contract.authorities import Hand, registered
from tests.contract.test_groups import RESTARTING
from tests.contract.weekly import make_weekly
from tests.contract.world import MATTER, SHEET, SHEETS, STATEMENT_OF_NOTHING, World, flow_text, imported
from workflow import Actor, access, bundle, load, loads, orgbook, tick
from workflow.definition.shipped import shipped_flow
from workflow.starting import ORIGIN
from workflow.store import tables
from workflow_adapters import titles
from workflow_adapters.web import Identity, console
from workflow_adapters.web.pages import PAGES
from workflow_adapters.web.pages.item import signing

HANDLER = "o1-handler"
ITEM = "m-1"


def visitor(world: World, person: str = "", *, writes: bool = True) -> TestClient:
    app = console(world.engine, lambda _: Identity(person, operator=not person), writes=writes)
    return TestClient(app, follow_redirects=False)


def unit_row(unit: str, level: str, name: str) -> dict[str, Any]:
    """A unit under another name."""
    dates = {"established_on": "2010-01-01", "dissolved_on": None}
    return {"id": unit, "level": level, "ordinal": 3, "name_zh": name, "name_en": f"invented {unit}", **dates}


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no field {name}"
    return unescape(found[1])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_there_in_both_languages(world: World, lang: str) -> None:
    world.begin(ITEM)
    world.engine.open("survey", "o1", item="s-1", campaign="c1")  # of which there is a roll call
    key = world.case(ITEM).open_slots[0].key
    client = visitor(world)
    name = next(iter(world.case(ITEM).materials))
    for path, _, _, methods in PAGES:
        if "GET" not in methods or "{flow}" in path or "{what}" in path:
            continue
        path = path.format(item=ITEM, slot=key, name=name)
        got = client.get(path, params={"lang": lang})
        assert got.status_code == 200, (path, got.text)
        assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in got.text
        assert "default-src 'none'" in got.headers["content-security-policy"]
        assert "<script" not in got.text and "style=" not in got.text


def test_a_signature_is_given_on_exactly_what_was_shown(world: World) -> None:
    world.begin(ITEM)
    case = world.case(ITEM)
    slot = case.open_slots[0]
    client = visitor(world, world.actor(slot).person)
    page = client.get(f"/items/{ITEM}/slots/{slot.key}").text
    assert field(page, "seen") == case.content
    form = {"token": field(page, "token"), "seen": field(page, "seen"), "verb": "sign", "opinion": "agreed"}
    sent = client.post(f"/items/{ITEM}/slots/{slot.key}/act", data=form)
    assert sent.status_code == 303 and sent.headers["location"] == f"/items/{ITEM}"
    signed = world.case(ITEM).slot(slot.key)
    assert signed is not None and signed.state == "signed"


def test_what_changed_since_is_shown_again_and_nothing_is_signed(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = visitor(world, world.actor(slot).person)
    page = client.get(f"/items/{ITEM}/slots/{slot.key}").text
    form = {"token": field(page, "token"), "seen": "sha256:" + "0" * 64, "verb": "sign"}
    sent = client.post(f"/items/{ITEM}/slots/{slot.key}/act", data=form)
    assert sent.status_code == 409 and field(sent.text, "seen") == world.case(ITEM).content
    assert world.case(ITEM).open_slots[0].key == slot.key


@pytest.mark.parametrize("token", ["", "0" * 64, "other"])
def test_a_form_that_was_not_made_for_this_browser_and_person_does_nothing(world: World, token: str) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    mine, other = visitor(world, world.actor(slot).person), visitor(world, "g1-secretary")
    page = mine.get(f"/items/{ITEM}/slots/{slot.key}").text
    if token == "other":
        token = field(other.get("/verify").text, "token")
    form = {"token": token, "seen": field(page, "seen"), "verb": "sign", "opinion": "agreed"}
    assert mine.post(f"/items/{ITEM}/slots/{slot.key}/act", data=form).status_code == 403
    assert world.case(ITEM).open_slots[0].key == slot.key


def test_a_cookie_that_somebody_else_set_is_thrown_away(world: World) -> None:
    client = visitor(world)
    client.cookies.set("wf_seat", "chosen-by-another.0000")
    assert "wf_seat=" in client.get("/").headers["set-cookie"]


def test_nobody_sees_a_siblings_item_and_cannot_tell_it_from_none(world: World) -> None:
    world.begin(ITEM, "o3")
    client = visitor(world, "o1-secretary")
    assert ITEM not in client.get("/items").text
    there, not_there = client.get(f"/items/{ITEM}"), client.get("/items/m-2")
    assert there.status_code == not_there.status_code == 404
    assert there.text.replace(ITEM, "X") == not_there.text.replace("m-2", "X")


def test_pages_that_only_show_do_nothing(world: World) -> None:
    world.begin(ITEM)
    slot = world.case(ITEM).open_slots[0]
    client = visitor(world, world.actor(slot).person, writes=False)
    page = client.get(f"/items/{ITEM}/slots/{slot.key}").text
    assert 'name="seen"' not in page
    form = {"token": field(client.get("/verify").text, "token"), "seen": world.case(ITEM).content, "verb": "sign"}
    assert client.post(f"/items/{ITEM}/slots/{slot.key}/act", data=form).status_code == 409
    assert world.case(ITEM).open_slots[0].key == slot.key


def test_another_host_name_is_refused(world: World) -> None:
    assert visitor(world).get("/", headers={"host": "evil.example"}).status_code == 400


def test_who_is_nobody_sees_nothing(world: World) -> None:
    client = TestClient(console(world.engine, lambda _: None))
    world.begin(ITEM)
    for path in ("/", "/items", f"/items/{ITEM}", "/ledger"):
        assert client.get(path).status_code == 401 and ITEM not in client.get(path).text.replace(path, "")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/items/../../x"]
)
def test_no_path_leads_out(world: World, path: str) -> None:
    assert visitor(world).get(path).status_code == 404


def test_whoever_is_signed_in_finds_the_way_out_where_the_host_has_one(world: World) -> None:
    def pages(person: str, logout: str) -> str:
        app = console(world.engine, lambda _: Identity(person, operator=not person), logout=logout)
        return TestClient(app).get("/items").text

    assert 'href="/logout"' in pages(HANDLER, "/logout")
    assert "logout" not in pages(HANDLER, "") and "logout" not in pages("", "/logout")


def test_what_came_back_says_who_sent_it_and_why_and_urging_says_when(world: World) -> None:
    world.begin(ITEM)
    world.sign(ITEM)
    slot = world.case(ITEM).open_slots[0]
    world.engine.send_back(ITEM, world.actor(slot), world.case(ITEM).content, "数字与附件不符")
    world.clock.advance(timedelta(hours=3))
    world.engine.urge(ITEM, Actor("o1-secretary", "secretary", "o1"))
    client = visitor(world, world.actor(world.case(ITEM).open_slots[0]).person)
    for page in ("/", f"/items/{ITEM}"):
        shown = client.get(page, params={"lang": "zh"}).text
        assert "退回" in shown and "数字与附件不符" in shown, page
    assert "催办 2019-08-12" in client.get("/").text
    world.sign(ITEM)
    assert "数字与附件不符" not in client.get(f"/items/{ITEM}").text.split('id="signed"')[0]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ("两人同意越过,无人签批", "加签", "受委派", "代 ", "提请越过", "委派")),
        ("en", ("passed over by two persons, signed by nobody", "signer added", "by delegation", "for ", "delegated")),
    ],
)
def test_what_is_irregular_stands_on_the_item_on_its_sheet_and_in_its_trace(
    world: World, lang: str, words: tuple[str, ...]
) -> None:
    e, secretary = world.engine, Actor("o1-secretary", "secretary", "o1")
    e.publish(loads(flow_text(SHEETS)))
    e.open("sheets", "o1", item=ITEM, campaign="c1")
    e.submit(ITEM, Actor(HANDLER, "handler", "o1"), SHEET)
    why = (world.case(ITEM).content, "1", "nobody there may")
    e.ask_override(ITEM, Actor("s1-department", "department", "s1"), *why)
    e.override(ITEM, Actor("s1-secretary", "secretary", "s1"), *why)
    e.add_signer(ITEM, secretary, "2", "t1", "department", "after")
    e.delegate(ITEM, secretary, world.case(ITEM).content, "2", "o1-scrutineer", "scrutineer", "away")
    e.sign(ITEM, Actor("o1-scrutineer", "secretary", "o1"), world.case(ITEM).content)
    client = visitor(world)
    for page in (f"/items/{ITEM}", f"/items/{ITEM}/signatures", f"/items/{ITEM}/trace"):
        shown = client.get(page, params={"lang": lang})
        assert shown.status_code == 200, page
        said = words if page.endswith("trace") else words[:4]
        assert not [word for word in said if word not in shown.text], page


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh", ("表决反对", "意见:not like this")), ("en", ("voted against it", "opinion: not like this"))],
)
def test_a_member_of_a_group_votes_on_the_page_and_is_told_with_the_vote_and_the_opinion(
    world: World, lang: str, words: tuple[str, ...]
) -> None:
    """The page once had no field for it, so that everybody in a group could only agree."""
    world.engine.publish(loads(flow_text(RESTARTING)))
    world.engine.open("restarting", "o1", item=ITEM)
    world.engine.sign(ITEM, Actor(HANDLER, "handler", "o1"), world.case(ITEM).content)
    client = visitor(world, "t1-department")
    page = client.get(f"/items/{ITEM}/slots/2", params={"lang": lang}).text
    assert [one for one in ("agree", "against", "abstain") if f'<option value="{one}">' not in page] == []
    form = {"token": field(page, "token"), "seen": field(page, "seen"), "verb": field(page, "verb")}
    done = client.post(f"/items/{ITEM}/slots/2/act", data={**form, "vote": "against", "opinion": "not like this"})
    assert done.status_code == 303, done.text
    place = world.case(ITEM).slot("2")
    assert place is not None and (place.state, place.vote) == ("signed", "against")
    for where in (f"/items/{ITEM}", f"/items/{ITEM}/signatures", f"/items/{ITEM}/trace"):
        shown = client.get(where, params={"lang": lang}).text
        assert not [word for word in words if word not in shown], where
    sheet = client.get("/files/signatures.csv", params={"item": ITEM, "lang": lang})
    assert not [word for word in words if word not in sheet.text]


def test_a_meeting_that_is_one_voice_of_a_group_may_decide_against(world: World) -> None:
    """The page offered the choice, and put agreement on record whatever was chosen."""
    place = "{decision: meeting, of: third, recorded-by: department, minutes: required}"
    text = RESTARTING.replace("[{department: third},", f"[{place},").replace("flow: restarting", "flow: meeting")
    world.engine.publish(loads(flow_text(text)))
    world.engine.open("meeting", "o1", item=ITEM)
    world.engine.sign(ITEM, Actor(HANDLER, "handler", "o1"), world.case(ITEM).content)
    client = visitor(world, "t1-department")
    page = client.get(f"/items/{ITEM}/slots/2").text
    form = {"token": field(page, "token"), "seen": field(page, "seen"), "verb": field(page, "verb")}
    assert form["verb"] == "decide"
    said = {"vote": "against", "opinion": "not like this", "minutes": "invented minutes"}
    done = client.post(f"/items/{ITEM}/slots/2/act", data={**form, **said})
    assert done.status_code == 303, done.text
    slot = world.case(ITEM).slot("2")
    assert slot is not None and (slot.kind, slot.state, slot.vote) == ("decision", "signed", "against")


@pytest.mark.parametrize(
    ("lang", "then", "now"), [("zh", "示例单位4", "(现 新支部)"), ("en", "invented unit 4", " (now new branch)")]
)
def test_what_was_signed_stands_under_the_name_of_then_with_what_was_seen(
    world: World, lang: str, then: str, now: str
) -> None:
    """A unit that was renamed signed as what it was called, and its trace shows what its signers saw. R037, R070."""
    world.begin(ITEM)
    world.sign(ITEM)
    world.clock.advance(timedelta(days=10))
    renamed = {"name_zh": "新支部", "name_en": "new branch", "on": "2019-08-20"}
    with world.engine.desk() as desk:
        orgbook.rename_unit(desk, Actor("g1-secretary", "secretary", "g1"), "reform", unit="o1", **renamed)
    client = visitor(world, "o1-secretary")
    for page in (f"/items/{ITEM}", f"/items/{ITEM}/signatures", f"/items/{ITEM}/trace"):
        assert f"{then}{now}" in client.get(page, params={"lang": lang}).text, page
    words = SHEET["sheet"]["words"]
    digests = client.get(f"/items/{ITEM}/trace", params={"lang": lang}).text
    assert words not in digests and "?contents=1" in digests
    assert words in client.get(f"/items/{ITEM}/trace", params={"lang": lang, "contents": "1"}).text


def test_nodes_missed_in_several_flows_and_units_are_shown_together(world: World) -> None:
    world.begin(ITEM, "o1")
    world.engine.open("survey", "o3", item="s-1", campaign="c1")
    world.clock.advance(timedelta(days=90))
    shown = visitor(world).get("/overdue", params={"lang": "en"})
    assert shown.status_code == 200 and shown.text.count("heat-4") == 2


def test_what_is_claimed_and_not_checked_yet_is_shown_so(world: World) -> None:
    claiming = MATTER.replace("flow: matter", "flow: claiming")
    first = re.search(r"exits: \{found: (\w+)", claiming)
    assert first is not None
    claiming = claiming.replace(first[0], f"exits: {{found: {{to: {first[1]}, claims: found}}")
    world.engine.publish(loads(flow_text(claiming)))
    world.engine.open("claiming", "o1", item=ITEM, category="leak")
    world.engine.submit(ITEM, Actor(HANDLER, "handler", "o1"), SHEET, outcome="found")
    while world.case(ITEM).stage == "report":
        world.sign(ITEM)
    assert world.case(ITEM).claimed and not world.case(ITEM).verified
    shown = visitor(world).get(f"/items/{ITEM}", params={"lang": "en"})
    assert shown.status_code == 200 and "not checked yet" in shown.text


def test_a_place_is_signed_under_the_word_that_its_stage_means(world: World) -> None:
    for stage, word in (("report", "sign"), ("work", "close-out")):
        definition = world.engine.case_of(world.walk_to(stage, f"m-{stage}").item)[1]
        assert signing(definition, stage) == word
    main = load(shipped_flow("organisation-rectification"))
    words = {s.stage: signing(main, s.stage) for s in main.flow.stages}
    assert words["investigation"] == "sign" and words["rectification"] == "close-out"
    assert [s for s, w in words.items() if w == "accept"] == ["preliminary-acceptance", "acceptance"]


def test_an_analysis_sheet_is_printed_with_its_signatures_and_places_for_more(world: World) -> None:
    """Source: S0 「填写分析研判表,逐级签字上报」."""
    world.begin(ITEM)
    world.sign(ITEM)
    name = next(iter(world.case(ITEM).materials))
    page = visitor(world).get(f"/items/{ITEM}/materials/{name}", params={"lang": "zh"}).text
    assert "o1-handler" in page.split("在此内容上的签字")[1] and 'class="seals"' in page and "单位(盖章)" in page


def test_what_a_page_lists_is_taken_along_as_a_file_as_far_as_it_may_be_seen(world: World) -> None:
    world.begin(ITEM, "o1")
    world.begin("m-2", "o3")
    world.engine.open("survey", "o1", item="s-1", campaign="c1")
    world.clock.advance(timedelta(days=90))
    while tick(world.engine).fired:
        world.clock.advance(timedelta(seconds=5))
    own, every = visitor(world, "o1-secretary"), visitor(world)
    for what, query in (
        ("register", {"flow": "matter", "campaign": "c1"}),
        ("ledger", {"flow": "matter", "campaign": "c1"}),
        ("overdue", {}),
        ("ladders", {}),
        ("items", {"flow": "matter", "state": "open"}),
        ("signatures", {"item": ITEM}),
    ):
        page = every.get(f"/items/{ITEM}/signatures" if what == "signatures" else f"/{what}").text
        assert f"/files/{what}.csv" in page and f"/files/{what}.xlsx" in page
        got = own.get(f"/files/{what}.csv", params={"lang": "zh", **query})
        assert got.status_code == 200 and got.headers["content-disposition"].startswith("attachment"), got.text
        assert ITEM in got.text or what in ("signatures", "ledger")
        assert "m-2" not in got.text and "示例单位6" not in got.text
        book = every.get(f"/files/{what}.xlsx", params=query)
        assert book.status_code == 200 and book.content.startswith(b"PK")
    assert "m-2" in every.get("/files/overdue.csv").text
    for wrong in ("/files/nothing.csv", "/files/ledger.exe", "/files/signatures.csv?item=m-2"):
        assert own.get(wrong).status_code == 404
    with world.engine.reading() as connection:
        taken = [a for a in access.search(connection, person="o1-secretary") if a.kind == "export"]
    assert len(taken) == 6


def test_a_bundle_reaches_the_level_that_what_the_auditor_brought_allows(world: World, tmp_path: Path) -> None:
    world.through(world.begin(ITEM))
    with world.engine.reading() as connection, (tmp_path / "b").open("wb") as out:
        bundle.write(connection, world.engine.contents, out, "item", ITEM, made_at=world.clock.now())
    data, client = (tmp_path / "b").read_bytes(), visitor(world)
    pinned = json.dumps({"origin": ORIGIN, "engine_keys": [{"key": world.engine.key.public_key().hex()}]}).encode()

    def checked(**files: bytes) -> str:
        form = {"token": field(client.get("/verify").text, "token")}
        sent = {name: (name, value) for name, value in {"bundle": data, **files}.items()}
        got = client.post("/verify/bundle", data=form, files=sent, params={"lang": "en"})
        assert got.status_code == 200
        return got.text

    assert "code-0" in checked() and "V1" in checked()
    assert "code-0" in checked(policy=pinned) and "V2" in checked(policy=pinned)
    assert "code-0" not in checked(policy=pinned.replace(b'"key": "', b'"key": "00')[:-4])
    assert "code-0" not in checked(bundle=data[:-200])
    assert str(tempfile.gettempdir()) not in checked(policy=b"no policy"), "where it lay is nobody's business"


def test_what_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    client = visitor(world)
    token = {"token": field(client.get("/verify").text, "token")}
    large = b"x" * (65 << 20)
    assert client.post("/verify/bundle", data=token, files={"bundle": ("b", large)}).status_code == 413
    world.begin(ITEM)
    key = world.case(ITEM).open_slots[0].key
    form = {**token, "opinion": "x" * (3 << 20)}
    assert client.post(f"/items/{ITEM}/slots/{key}/act", data=form).status_code == 413
    chunked = client.post(f"/items/{ITEM}/slots/{key}/act", content=iter([b"token=1"]))
    assert chunked.status_code == 413, "a form whose length nobody says is not read at all"


def test_a_register_is_narrowed_to_a_campaign_a_class_and_a_unit_on_paper_and_as_a_file(world: World) -> None:
    world.begin(ITEM, "o1")
    world.begin("m-2", "o3")
    world.engine.open("survey", "o1", item="s-1", campaign="c1")
    client = visitor(world)
    for what in ("/register", "/files/register.csv"):
        for query, shown, not_shown in (
            ({"of": "matter/c1"}, ("o1", "o3"), ()),
            ({"of": "matter/c1", "unit": "o1"}, ("o1",), ("o3",)),
            ({"of": "matter/c1", "unit": "t1"}, ("o1", "o3"), ()),
            ({"of": "matter/c1", "klass": "watch"}, (), ("o1", "o3")),
        ):
            text = client.get(what, params={**query, "lang": "en"}).text
            rows = text if what.endswith("csv") else text.split("<tbody>")[1]
            items = {"o1": ITEM, "o3": "m-2"}
            assert all(items[u] in rows for u in shown) and not any(items[u] in rows for u in not_shown), (what, query)
    assert "s-1" in client.get("/register", params={"of": "survey/c1"}).text
    for path in ("/register", "/ledger", "/files/ledger.csv"):
        assert client.get(path, params={"unit": "nowhere"}).status_code == 404
        assert visitor(world, "o1-secretary").get(path, params={"unit": "o3"}).status_code == 404


def test_a_form_is_filled_from_the_record_and_says_from_where_and_nothing_is_handed_in(world: World) -> None:
    """Source: S0 「不做重复工作,减轻基层负担」, R202."""
    world.engine.publish(loads(flow_text(FILES)))
    by = Actor("o1-secretary", "secretary", "o1")
    world.engine.open("files", "o1", item="f-1", campaign="c1")
    world.engine.submit("f-1", by, {"file": {"members": 7, "plan": "an invented plan of this unit alone"}})
    world.engine.open("files", "o1", item="f-2", campaign="c2")
    client = visitor(world, "o1-secretary")
    page = client.get("/items/f-2/submit?lang=en").text
    assert re.search(r'name="file.members"[^>]* value="7"', page) and "an invented plan of this unit alone" in page
    assert "Filled in from the record" in page and 'href="/items/f-1"' in page
    assert world.case("f-2").materials == {}
    form = {
        "token": field(page, "token"),
        "as": "o1/secretary",
        "file:use": "on",
        "file.members": "9",
        "file.plan": "x",
    }
    sent = client.post("/items/f-2/hand-in", data={**form, "file.plan": "another invented plan"})
    assert sent.status_code == 303, sent.text
    shown = client.get("/items/f-2/submit?lang=en").text
    assert re.search(r'name="file.members"[^>]* value="9"', shown) and "Filled in from the record" not in shown


def test_words_that_another_unit_has_too_are_shown_where_they_are_signed(world: World) -> None:
    """Source: S0 「简单照搬照抄,缺乏针对性」, R111; nobody learns of a sibling's, R160."""
    world.engine.publish(loads(flow_text(FILES)))
    for unit in ("o1", "o3"):
        by = Actor(f"{unit}-secretary", "secretary", unit)
        world.engine.open("files", unit, item=f"f-{unit}", campaign="c1")
        world.engine.submit(f"f-{unit}", by, {"file": {"members": 7, "plan": "meet on the first Monday (invented)"}})
    world.sign("f-o1", by=Actor("o1-secretary", "secretary", "o1"))
    key = world.case("f-o1").open_slots[0].key
    above, mine = visitor(world, "t1-secretary"), visitor(world, "o1-secretary")
    for path in ("/items/f-o1", f"/items/f-o1/slots/{key}"):
        page = above.get(f"{path}?lang=en").text
        assert "The same words elsewhere" in page and 'href="/items/f-o3"' in page
        assert "The same words elsewhere" not in mine.get(f"{path}?lang=en").text
    compared = above.get("/items/f-o1/alike?lang=en").text
    assert "100 %" in compared and "meetonthefirstmonday" in compared and 'href="/items/f-o3"' in compared
    assert "Nothing is alike" in mine.get("/items/f-o1/alike?lang=en").text
    assert mine.get("/items/f-o3/alike").status_code == 404


def test_a_unit_is_found_by_its_full_name_and_a_name_of_several_or_none_is_told(world: World) -> None:
    world.begin(ITEM, "o1")
    world.begin("m-2", "o3")
    world.engine.import_org(imported(units=[unit_row("t2", "third", "示例单位2")]))  # now called as t1 is
    name = {u: visitor(world).get("/organisation", params={"unit": u}).text for u in ("o1",)}
    assert "示例单位4" in name["o1"]
    client = visitor(world)
    for what in ("/items", "/register", "/files/register.csv"):
        text = client.get(what, params={"of": "matter/c1", "unit": " 示例单位4 "}).text
        assert ITEM in text and "m-2" not in text, what
    several = client.get("/items", params={"unit": "示例单位2", "lang": "zh"})
    assert several.status_code == 404 and "t1、t2" in several.text
    hidden = visitor(world, "o1-secretary").get("/items", params={"unit": "示例单位6"})  # o3, a sibling
    ghost = visitor(world, "o1-secretary").get("/items", params={"unit": "示例单位66"})
    assert hidden.status_code == 404 and hidden.text.replace("示例单位6", "") == ghost.text.replace("示例单位66", "")


def test_reports_owed_once_are_told_level_by_level_and_missing_is_not_zero(world: World) -> None:
    """Source: S0 「99家企业共有39家上报,60家零报告」, R023."""
    for unit in ("o1", "o3"):
        world.engine.open("survey", unit, item=f"s-{unit}", campaign="c1")
    world.engine.report_zero("s-o1", Actor("o1-handler", "handler", "o1"), STATEMENT_OF_NOTHING)
    while world.case("s-o1").open_slots:
        world.sign("s-o1")
    client = visitor(world)
    before = client.get("/reports", params={"lang": "zh"}).text
    row = re.search(r"level=organisation.*?</tr>", before, re.DOTALL)
    assert row is not None and re.findall(r'<td class="n[^"]*">(\d+)</td>', row[0]) == told(due=2, zero=1)
    world.clock.advance(timedelta(days=30))
    client = visitor(world)
    after = client.get("/reports", params={"lang": "zh"}).text
    row = re.search(r"level=organisation.*?</tr>", after, re.DOTALL)
    assert row is not None and re.findall(r'<td class="n[^"]*">(\d+)</td>', row[0]) == told(missing=2, zero=1)
    asked = {"flow": "survey", "campaign": "c1", "level": "organisation", "lang": "zh"}
    listed = client.get("/roll", params=asked).text
    assert states(listed) == ["zero", "missing", "missing"], (
        "t1 answers for o2, which is not established yet, and owes it"
    )
    assert states(client.get("/roll", params={**asked, "state": "MISSING"}).text) == ["missing", "missing"]
    assert states(client.get("/roll", params={**asked, "on": "2019-08-13"}).text) == ["zero", "due", "due"]
    own = visitor(world, "o1-secretary").get("/roll", params=asked).text
    assert states(own) == ["zero"], "nobody sees a sibling's report"
    assert client.get("/files/roll.csv", params=asked).text.count("应报未报") == 2
    for wrong in ({"level": "nowhere"}, {"flow": "matter"}, {"flow": "nowhere"}):
        for path in ("/roll", "/files/roll.csv"):
            assert client.get(path, params={**asked, **wrong}).status_code == 404, (path, wrong)


def told(**counts: int) -> list[str]:
    """A row of counts: how many owe, then each state."""
    return [str(sum(counts.values())), *(str(counts.get(state.lower(), 0)) for state in titles.STATES)]


def states(page: str) -> list[str]:
    return re.findall(r'class="state-(\w+)"', page)


def test_whoever_waits_for_papers_is_led_to_the_form_and_then_to_the_place(world: World) -> None:
    world.engine.open("matter", "o1", item=ITEM, campaign="c1", category="leak")
    client = visitor(world, HANDLER)
    assert f'href="/items/{ITEM}/submit">Fill in' in client.get("/", params={"lang": "en"}).text
    world.engine.submit(ITEM, Actor(HANDLER, "handler", "o1"), SHEET, outcome="found")
    page = client.get("/").text
    assert f"/items/{ITEM}/submit" not in page and f"/items/{ITEM}/slots/1" in page
    assert f'href="/items/{ITEM}/submit"' in client.get(f"/items/{ITEM}/slots/1").text, (
        "what was typed wrong can be mended"
    )


def test_a_zero_report_that_was_handed_in_is_to_be_signed_and_not_filled_in_again(world: World) -> None:
    world.engine.open("survey", "o1", item="s-1", campaign="c1")
    client = visitor(world, HANDLER)
    assert 'href="/items/s-1/submit">' in client.get("/").text
    world.engine.report_zero("s-1", Actor(HANDLER, "handler", "o1"), STATEMENT_OF_NOTHING)
    assert "/items/s-1/submit" not in client.get("/").text and "/items/s-1/slots/1" in client.get("/").text


def test_a_report_that_is_owed_is_begun_from_my_work_by_whoever_holds_a_post_there(
    database_url: str, tmp_path: Path
) -> None:
    weekly = make_weekly(database_url, tmp_path / "home")
    weekly.at("2019-09-09 09:00")
    app = console(weekly.engine, lambda request: Identity(request.headers["x-user"]), writes=True)
    client = TestClient(app, follow_redirects=False, headers={"x-user": "o1-handler"})
    page = client.get("/", params={"lang": "zh"}).text
    assert "开始填报" in page
    path = re.search(r'action="(/reports/[^"]*/begin)"', page)
    assert path is not None
    sent = {"token": field(page, "token"), "unit": field(page, "unit")}
    begun = client.post(path[1], data=sent)
    assert begun.status_code == 303 and begun.headers["location"].endswith("/submit")
    item = begun.headers["location"].split("/")[2]
    assert client.post(path[1], data=sent).headers["location"] == begun.headers["location"], "once"
    assert f'href="/items/{item}"' in client.get("/").text and "开始填报" not in client.get("/").text
    elsewhere = client.post(path[1], data={**sent, "unit": "o2"})
    assert elsewhere.status_code == 409
    with weekly.engine.reading() as connection:
        assert set(connection.execute(sa.select(tables.item.c.unit)).scalars()) == {"o1"}
    weekly.engine.close()


def test_what_a_strength_means_stands_below_the_signatures(world: World) -> None:
    world.begin(ITEM)
    client = visitor(world)
    assert "点击确认" not in client.get(f"/items/{ITEM}/signatures", params={"lang": "zh"}).text
    world.sign(ITEM)
    for path in ("", "/signatures", "/materials/sheet"):
        assert "S0:点击确认,非签名" in client.get(f"/items/{ITEM}{path}", params={"lang": "zh"}).text


def test_a_certificate_that_no_page_checks_is_told_as_recorded(world: World) -> None:
    hand = registered(Hand(world))
    world.begin(ITEM)
    hand.sign(hand.proof(ITEM), ITEM)
    for lang, said in (("zh", "S3:记录为以本人的认证密钥签名"), ("en", "S3: recorded as by the person&#39;s own key")):
        for path in ("", "/signatures", "/materials/sheet"):
            assert said in visitor(world).get(f"/items/{ITEM}{path}", params={"lang": lang}).text


@pytest.mark.parametrize("said", ["²", "٣", "-1", "9" * 40, "x", "", "1e3", "0x10", " 1"])
def test_what_is_no_number_turns_no_page_into_an_error(world: World, said: str) -> None:
    world.begin(ITEM)
    client = visitor(world)
    for path, name in (
        ("/ladders", "before"),
        ("/register", "from"),
        ("/ledger", "from"),
        ("/organisation", "from"),
        ("/campaign", "from"),
        ("/overdue", "from"),
        ("/items", "after"),
        ("/overdue", "on"),
        ("/roll", "from"),
    ):
        assert client.get(path, params={name: said}).status_code in (200, 400, 404), (path, name)
    seen = visitor(world, HANDLER)
    page = seen.get(f"/items/{ITEM}/slots/1").text
    sent = {"token": field(page, "token"), "seen": field(page, "seen"), "verb": "sign", "due": said, "outcome": said}
    assert seen.post(f"/items/{ITEM}/slots/1/act", data=sent).status_code in (303, 400, 409)


def test_a_character_that_no_text_holds_is_told_on_every_page_and_in_every_form(world: World) -> None:
    """PostgreSQL takes it in no text; the other database would, so both are kept from it."""
    world.begin(ITEM)
    client = visitor(world)
    for path, _, _, methods in PAGES:
        if "GET" in methods:
            found = re.sub(r"\{\w+\}", "%00", path)
            for address in {found, f"{re.sub(r'{.+?}', 'x', path)}?unit=%00", f"{re.sub(r'{.+?}', 'x', path)}?%00=1"}:
                got = client.get(address)
                assert got.status_code == (400 if "%00" in address else got.status_code), address
                assert got.status_code < 500, address
    signer = visitor(world, HANDLER)
    page = signer.get(f"/items/{ITEM}/slots/1").text
    sent = {"token": field(page, "token"), "seen": field(page, "seen"), "verb": "sign", "opinion": "a\x00b"}
    assert signer.post(f"/items/{ITEM}/slots/1/act", data=sent).status_code == 400
    assert signer.post("/ballot/paper", data={"item": "\x00", "code": "x"}).status_code == 400
    assert world.case(ITEM).open_slots[0].key == "1"
