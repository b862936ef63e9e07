"""``workflow trace`` as an auditor types it. Source: R037, R041."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import SHEET, TALK, World, flow_text, worlds
from workflow import loads
from workflow.cli.main import app


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(sqlite_url, tmp_path / "home"):
        made.begin("m1")
        made.through("m1")
        yield made


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["trace", *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("lang", "verdict"), [("en", "not a finding of responsibility"), ("zh", "不是责任认定")])
def test_it_names_every_signer_with_what_they_saw_and_says_it_is_no_verdict(
    world: World, lang: str, verdict: str
) -> None:
    code, out, _ = run("m1", "--db", world.url, "--lang", lang, "--on", "2019-08-12")
    assert code == 0
    signers = [line for line in out.splitlines() if "✓" in line]
    assert len(signers) == 10
    assert sum("o1-secretary" in line for line in signers) == 1
    assert all("sha256:" in line for line in signers)
    assert verdict in out.splitlines()[-1]


def test_as_json_it_holds_the_same_people(world: World) -> None:
    code, out, _ = run("m1", "--db", world.url, "--json")
    assert code == 0
    signers = json.loads(out)["root"]["signers"]
    assert [s["person"] for s in signers][:2] == ["o1-handler", "o1-secretary"]


def test_an_item_that_is_not_there_is_told_in_one_sentence(world: World) -> None:
    code, out, err = run("m9", "--db", world.url, "--lang", "en")
    assert (code, out) == (2, "")
    assert err.strip() == "no item called 'm9'"


def test_a_day_that_is_past_shows_nothing_later_and_says_that_there_is_more(world: World) -> None:
    code, out, _ = run("m1", "--db", world.url, "--lang", "en", "--on", "2019-08-11")
    assert code == 2 and out == ""  # the item was opened on the 12th
    world.clock.advance(timedelta(days=3))
    item = "m2"
    world.begin(item)
    for _ in range(2):
        world.sign(item)
        world.clock.advance(timedelta(days=1))
    code, out, err = run(item, "--db", world.url, "--lang", "en", "--on", "2019-08-15")
    assert code == 0 and err.endswith("1 entries came later.\n")
    assert len([line for line in out.splitlines() if "✓" in line]) == 1
    assert "As of 2019-08-15 23:59; what came later is not shown." in out
    code, out, err = run(item, "--db", world.url, "--lang", "zh", "--on", "2019-08-15")
    assert "截至 2019-08-15 23:59;此后的记录未列出。" in out and err.endswith("此后另有 1 条记录。\n")


def test_a_day_is_a_day_of_the_flows_own_zone(world: World) -> None:
    text = flow_text(TALK).replace("Asia/Shanghai", "America/New_York")
    world.engine.publish(loads(text.replace('version: "1"', 'version: "2"')))
    world.clock.set(datetime(2019, 8, 20, 3, tzinfo=UTC))  # still the 19th in New York
    world.engine.open("talk", "t1", item="talk-1")
    code, out, _ = run("talk-1", "--db", world.url, "--lang", "en", "--on", "2019-08-19")
    assert code == 0 and "talk-1" in out


def test_an_option_that_would_do_nothing_is_refused(world: World) -> None:
    code, out, err = run("m1", "--db", world.url, "--lang", "en", "--campaign", "c1")
    assert (code, out) == (2, "") and "--unit beside --campaign" in err
    code, _, err = run("m1", "--db", world.url, "--lang", "zh", "--campaign", "c1")
    assert code == 2 and "--unit 与 --campaign 同用" in err
    code, _, err = run("matter", "--db", world.url, "--lang", "en", "--unit", "o1", "--seq", "2")
    assert code == 2 and "--seq and --whole with an item" in err


def test_one_signature_is_traced_as_of_its_entry(world: World) -> None:
    code, out, _ = run("m1", "--db", world.url, "--lang", "en", "--seq", "3")
    assert code == 0
    assert len([line for line in out.splitlines() if "✓" in line]) == 1


def test_a_report_of_a_unit_that_nobody_began_names_who_owed_it(world: World) -> None:
    world.engine.open("survey", "t1", item="survey-t1", campaign="c1")
    code, out, _ = run(
        "survey", "--unit", "o3", "--campaign", "c1", "--db", world.url, "--lang", "en", "--on", "2019-09-02"
    )
    assert code == 0 and "report owed survey of o3" in out and "o3-secretary" in out
    code, _, err = run("survey", "--unit", "o3", "--campaign", "c9", "--db", world.url, "--lang", "en")
    assert code == 2 and "nothing of campaign 'c9'" in err


def test_what_each_signer_saw_is_shown_where_it_is_kept(world: World) -> None:
    """Source: S0 「谁签字上报谁负责」, R037: the digest always, the content itself where it is kept."""
    home = ("--contents", str(world.home))
    code, out, err = run("m1", "--db", world.url, "--lang", "en", *home)
    assert code == 0, err
    told = out.splitlines()
    first = next(n for n, line in enumerate(told) if "✓" in line)
    assert told[first + 1].strip() == 'sheet: {"count": 3, "words": "three pipes drip"}'
    code, out, _ = run("m1", "--db", world.url, "--json", *home)
    assert json.loads(out)["root"]["signers"][0]["saw"] == SHEET
    code, out, _ = run("m1", "--db", world.url, "--json")
    assert "saw" not in json.loads(out)["root"]["signers"][0]
    empty = world.home.parent / "empty"
    empty.mkdir()
    code, out, _ = run("m1", "--db", world.url, "--lang", "zh", "--contents", str(empty))
    assert code == 0 and "sheet: 未保存" in out
