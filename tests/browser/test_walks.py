"""What people do with the pages, in a browser without JavaScript, in both languages; and what axe says of every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import DESK, PHONE, Site
from tests.contract.polling import Poll
from workflow import bundle
from workflow.sight import all_of
from workflow.store import database
from workflow_adapters.export import signatures
from workflow_adapters.export.writing import to_pdf
from workflow_adapters.web.pages import PAGES

ITEM = "m-1"
SAID = {
    "zh": {"open": "去签办", "sign": "签字", "opinion": "意见", "back": "退回", "why": "退回理由", "fill": "去填报"},
    "en": {"open": "Open to sign", "sign": "sign", "opinion": "Opinion", "back": "Send back", "why": "Reason"},
}
SAID["en"]["fill"] = "Fill in"
both = pytest.mark.parametrize("lang", ["zh", "en"])


@both
def test_somebody_signs_what_the_page_shows(site: Site, lang: str) -> None:
    site.world.begin(ITEM)
    slot = site.world.case(ITEM).open_slots[0]
    page, said = site.enter(site.world.actor(slot).person, lang), SAID[lang]
    page.get_by_role("link", name=said["open"]).first.click()
    shown = page.locator("#digest").inner_text()
    assert shown == site.world.case(ITEM).content
    page.get_by_label(said["opinion"]).first.fill("情况属实")
    page.get_by_role("button", name=said["sign"], exact=True).click()
    page.wait_for_url(f"{site.address}/items/{ITEM}")
    signed = site.world.case(ITEM).slot(slot.key)
    assert signed is not None and signed.state == "signed"
    assert shown[7:19] in page.locator("table.signatures").inner_text()


@both
def test_somebody_sends_back_and_must_say_why(site: Site, lang: str) -> None:
    site.world.begin(ITEM)
    site.world.sign(ITEM)
    slot = site.world.case(ITEM).open_slots[0]
    page, said = site.enter(site.world.actor(slot).person, lang), SAID[lang]
    page.get_by_role("link", name=said["open"]).first.click()
    back = page.locator("form.act").nth(1)
    back.get_by_role("button", name=said["back"]).click()
    assert "/slots/" in page.url and site.world.case(ITEM).open_slots[0].key == slot.key  # nothing without a reason
    back.get_by_label(said["why"]).fill("数字与附件不符")
    back.get_by_role("button", name=said["back"]).click()
    page.wait_for_url(f"{site.address}/items/{ITEM}")
    assert site.world.case(ITEM).open_slots[0].post == "handler"
    page.goto(f"{site.address}/items/{ITEM}/trace")
    assert "数字与附件不符" in page.locator("main").inner_text()


@both
def test_a_zero_report_is_handed_in_and_signed_at_every_place(site: Site, lang: str) -> None:
    site.world.engine.open("survey", "o1", item="s-1", campaign="c1")
    page = site.enter("o1-handler", lang)
    page.goto(f"{site.address}/items/s-1")
    page.get_by_role("link", name=SAID[lang]["fill"]).first.click()
    page.locator("select[name=outcome]").select_option("zero")
    page.locator("input[name='statement:use']").check()
    page.locator("textarea[name='statement.statement']").fill("经排查,未发现问题")
    page.locator("button.primary").click()
    page.wait_for_url(f"{site.address}/items/s-1")
    while open_slots := site.world.case("s-1").open_slots:
        page = site.enter(site.world.actor(open_slots[0]).person, lang)
        page.get_by_role("link", name=SAID[lang]["open"]).first.click()
        assert "经排查,未发现问题" in page.locator("main").inner_text()
        page.locator("button.primary").first.click()
        page.wait_for_url(f"{site.address}/items/s-1")
    case = site.world.case("s-1")
    assert case.stage == "zero-reported" and case.final


@both
def test_a_secret_vote_is_cast_with_a_code_by_nobody_known(site: Site, lang: str) -> None:
    """Source: R215."""
    poll = Poll(site.world, "p1", 6)
    page = site.enter("o1-secretary", lang)
    for n, code in enumerate(poll.codes):
        page.goto(f"{site.address}/ballot?item=p1")
        assert not page.locator("header nav").is_visible(), "whoever votes is signed in nowhere"
        page.locator("input[name=code]").fill(code)
        page.locator("button.primary").click()
        page.get_by_label("满意" if lang == "zh" else "satisfied", exact=True).check()
        page.get_by_label("知晓" if lang == "zh" else "heard of it", exact=True).check()
        assert code not in page.url
        page.locator("button.primary").click()
        page.locator(".verdict.code-0").wait_for()
        assert n == 0 or code not in page.content()
    page.goto(f"{site.address}/ballot?item=p1")
    page.locator("input[name=code]").fill(poll.codes[0])
    page.locator("button.primary").click()
    assert page.locator("[role=alert]").is_visible()
    poll.count()
    assert site.world.engine.show("p1").contents["votes"]["dissatisfied"] == 0
    assert poll.sign() == "done"


@both
def test_an_item_is_looked_up_and_led_to_everyone_who_signed(site: Site, lang: str) -> None:
    site.world.begin(ITEM)
    site.world.sign(ITEM)
    page = site.enter("t1-secretary", lang)
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("e => e === document.activeElement")
    page.locator("header nav a[href='/items']").click()
    page.locator("select[name=state]").select_option("open")
    page.locator(".filters button").click()
    page.get_by_role("link", name="示例单位4" if lang == "zh" else "invented unit 4").click()
    page.locator(f"a[href='/items/{ITEM}/trace']").click()
    assert "o1-handler" in page.locator("article.statement").first.inner_text()


@both
def test_a_bundle_is_verified_and_a_changed_one_is_not(site: Site, lang: str, tmp_path: Path) -> None:
    site.world.through(site.world.begin(ITEM))
    path = tmp_path / "item.wfproof"
    reading = database.connect(site.world.url, read_only=True)
    with database.reading(reading) as connection, path.open("wb") as out:
        bundle.write(connection, site.world.engine.contents, out, "item", ITEM, made_at=site.world.clock.now())
    reading.dispose()
    page = site.enter("t1-secretary", lang)
    for changed in (False, True):
        if changed:
            path.write_bytes(_changed(path.read_bytes()))
        page.goto(f"{site.address}/verify")
        page.locator("input[name=bundle]").set_input_files(path)
        page.locator("button.primary").click()
        shown = page.locator(".verdict")
        shown.wait_for()
        assert ("code-0" in str(shown.get_attribute("class"))) is not changed, shown.inner_text()


def _changed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@both
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_serious_on_any_page_and_none_is_wider_than_its_window(
    site: Site, lang: str, size: tuple[int, int]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    site.world.begin(ITEM)
    site.world.sign(ITEM)
    site.world.walk_to("plan", "m-2")  # which asks for a list
    site.world.engine.open("survey", "o1", item="s-1", campaign="c1")  # of which there is a roll call
    case = site.world.case(ITEM)
    slot, name = case.open_slots[0], next(iter(case.materials))
    page, axe, found = site.enter(site.world.actor(slot).person, lang, size=size, script=True), Axe(), []
    paths = [
        path for path, _, _, methods in PAGES if "GET" in methods and "{flow}" not in path and "{what}" not in path
    ]
    for path in [*(p.format(item=ITEM, slot=slot.key, name=name) for p in paths), "/items/m-2/submit"]:
        answered = page.goto(site.address + path)
        assert answered is not None and answered.status == 200, path
        serious = [v for v in axe.run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        found += [f"{path}: {v['id']}: {v['nodes'][0]['html'][:120]}" for v in serious]
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{path}: {wide} pixels wide"] if wide > size[0] else []
    assert not found, "\n".join(found)


@both
def test_what_is_printed_has_places_to_sign_and_for_the_seal_and_no_forms(site: Site, lang: str) -> None:
    site.world.begin(ITEM)
    site.world.engine.open("survey", "o1", item="s-1", campaign="c1")
    page = site.enter("o1-secretary", lang, script=True)
    page.emulate_media(media="print")
    sheet = f"/items/{ITEM}/materials/{next(iter(site.world.case(ITEM).materials))}"
    for path in ("/ledger", "/register", "/roll", f"/items/{ITEM}/signatures", f"/items/{ITEM}/trace", sheet):
        page.goto(site.address + path)
        assert page.locator(".seals .seal").is_visible(), path
        assert not page.locator("header nav").is_visible()
        assert all(not form.is_visible() for form in page.locator("form").all()), path


def test_a_ledger_is_printed_across_from_its_first_page_on(site: Site) -> None:
    """A heading alone on an upright page, and the table on the next one lying across, is no ledger."""
    site.world.through(site.world.begin(ITEM))
    page = site.enter("t1-secretary", "zh")
    page.goto(f"{site.address}/ledger")
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", page.pdf(prefer_css_page_size=True))
    assert len(boxes) == 1 and float(boxes[0][0]) > float(boxes[0][1])


def test_a_sheet_with_chinese_text_is_the_same_pdf_every_time_with_the_fonts_of_this_machine(site: Site) -> None:
    site.world.begin(ITEM)
    site.world.sign(ITEM)
    with site.world.engine.look() as desk:
        at = desk.engine.now(desk.connection)
        made = [signatures(desk, all_of("2026-03-02"), ITEM, at, "zh") for _ in range(2)]
    first, second = (to_pdf([one], made_at=1_600_000_000) for one in made)
    assert first.startswith(b"%PDF-") and first == second and b"CJK" in first
