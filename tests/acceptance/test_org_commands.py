"""``workflow org``: acts on the organisation as an administrator types them, each shown first with ``--preview``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, worlds
from workflow.cli.main import app

DAY = "2030-01-01"
S1 = "s1-secretary,secretary,s1"
T1 = "t1-secretary,secretary,t1"


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(sqlite_url, tmp_path / "home")


def run(world: World, *words: str, lang: str = "en", code: int = 0) -> str:
    command = ["org", words[0], world.url, *words[1:], "--home", str(world.home), "--lang", lang]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == code, result.output
    return result.stdout + result.stderr


APPOINT = ("appoint", "--person", "nobody", "--unit", "o1", "--post", "handler", "--acting", "--on", DAY)
TENURE = "o1-secretary/o1/secretary/2015-01-01"
O9 = "o9,organisation,t1,示例新单位,an invented new unit"
ACTS = {
    "appoint": APPOINT,
    "end-tenure": ("end-tenure", "--tenure", TENURE, "--on", DAY),
    "rename": ("rename", "--unit", "o1", "--name-zh", "示例新名", "--on", DAY),
    "move": ("move", "--unit", "o1", "--parent", "t2", "--on", DAY),
    "merge": ("merge", "--unit", "o1", "--unit", "o3", "--into", O9, "--on", DAY),
    "split": ("split", "--unit", "o1", "--into", O9, "--successor", "o9", "--on", DAY),
    "dissolve": ("dissolve", "--unit", "o1", "--successor", "o3", "--on", DAY),
}


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_preview_shows_the_rows_and_changes_nothing_and_the_act_does_the_same(world: World, name: str) -> None:
    before = world.entries()
    act = (*ACTS[name], "--reason", "as decided", "--by", S1)
    shown = run(world, *act, "--preview").splitlines()
    assert "nothing was changed" in shown[0] and len(shown) > 1
    assert world.entries() == before
    done = run(world, *act).splitlines()
    assert "entry 2 of the chain org" in done[0] and done[1:] == shown[1:]
    assert world.entries() == before + 1
    assert world.verify().exit_code == 0


def test_a_dissolution_for_today_names_the_items_that_move(world: World) -> None:
    world.begin("m1")
    said = run(
        world, "dissolve", "--unit", "o1", "--successor", "o3", "--on", "2019-08-12", "--reason", "r", "--preview"
    )
    assert "item moves: m1" in said
    assert world.case("m1").unit == "o1"


def test_who_may_not_is_told_who_may_and_a_slip_is_one_sentence(world: World) -> None:
    before = world.entries()
    act = ("rename", "--unit", "t1", "--name-zh", "新", "--on", DAY, "--reason", "r")
    assert "secretary@s1" in run(world, *act, "--by", T1, code=2)
    assert "无权" in run(world, *act, "--by", T1, code=2, lang="zh")
    assert "PERSON/POST@UNIT" in run(world, *act, "--by", "s1-secretary", code=2)
    assert "managing, guiding, entrusted" in run(
        world, "move", "--unit", "o1", "--parent", "t2", "--kind", "main", "--on", DAY, "--reason", "r", code=2
    )
    assert "a written reason" in run(world, *act[:-1], " ", code=2)
    assert world.entries() == before


def test_a_mandate_is_given_and_taken_back(world: World, tmp_path: Path) -> None:
    text = tmp_path / "mandate.txt"
    text.write_text("in my place", encoding="utf-8")
    days = ("--on", "2030-01-01", "--until", "2030-02-01")
    given = ("mandate", "--mandate", "w1", "--person", "nobody", *days, "--text", str(text), "--reason", "away")
    assert "mandates" in run(world, *given, "--by", T1)
    assert "o1-secretary" in run(
        world, "revoke", "--mandate", "w1", "--reason", "back", "--by", "o1-secretary,secretary,o1", code=2
    )
    assert "revoked_at" in run(world, "revoke", "--mandate", "w1", "--reason", "back", "--by", T1)
    assert world.verify().exit_code == 0


def test_the_charter_is_shown_and_adopted(world: World) -> None:
    assert "appoint: secretary" in run(world, "charter")
    run(world, "charter", "--allow", "appoint=department", "--reason", "as the group decided")
    said = run(world, "charter")
    assert "appoint: department" in said and "dissolve: nobody" in said
    act = (*APPOINT, "--reason", "r", "--by")
    run(world, *act, S1, code=2)
    run(world, *act, "s1-department,department,s1")
    assert "act=post,post" in run(world, "charter", "--allow", "appoint", "--reason", "r", code=2)


def test_a_slip_in_a_post_is_remarked_with_the_nearest(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "org"
    folder.mkdir()
    (folder / "tenures.csv").write_text("person,unit,post,from_on,until_on,acting\nnobody,o1,secretry,2019-01-01,,\n")
    said = run(world, "import", str(folder))
    assert "no flow knows the post secretry" in said and "secretary" in said
    assert "流程中没有职务 secretry" in run(world, "import", str(folder), lang="zh")


def test_an_empty_database_is_not_taken_for_one_without_vacancies(tmp_path: Path) -> None:
    url = str(tmp_path / "empty.db")
    assert CliRunner().invoke(app, ["db", "upgrade", url]).exit_code == 0
    result = CliRunner().invoke(app, ["org", "check", url, "--lang", "en"])
    assert result.exit_code == 2 and "import an organisation first" in result.stderr
