"""``workflow pairs`` as an office types it: which letters are unsigned, level by level. Source: S0 「层层签订责任书」, M32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.test_between import LETTER, letter
from tests.contract.world import World, flow_text, imported, person_row, tenure_row, worlds
from workflow import loads
from workflow.cli.main import app


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    for made in worlds(sqlite_url, tmp_path / "home"):
        made.engine.publish(loads(flow_text(LETTER)))
        letter(made, "s1", "g1")
        letter(made, "t1", "s1")
        yield made


def run(world: World, *words: str, lang: str = "en") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["pairs", world.url, "letter", "--campaign", "c1", "--lang", lang, *words])
    return done.exit_code, done.stdout, done.stderr


def test_every_level_says_how_many_stand_and_names_each_that_does_not(world: World) -> None:
    code, out, _ = run(world)
    assert code == 1
    assert out.splitlines() == [
        "group: 0 signed, 0 void, 0 unsigned",
        "second: 1 signed, 0 void, 0 unsigned",
        "third: 1 signed, 0 void, 1 unsigned",
        "  s1 – t2: unsigned",
        "organisation: 0 signed, 0 void, 3 unsigned",
        *(f"  t1 – {unit}: unsigned" for unit in ("o1", "o2", "o3")),
    ]
    code, out, _ = run(world, "--level", "second", lang="zh")
    assert (code, out.strip()) == (0, "second:已签 1,失效 0,未签 0")


def test_a_letter_is_void_once_its_signer_left_and_says_who(world: World) -> None:
    ended = tenure_row("s1-secretary", "s1", "secretary", until="2019-08-12")
    since = tenure_row("successor", "s1", "secretary", "2019-08-12")
    world.engine.import_org(imported(persons=[person_row("successor")], tenures=[ended, since]))
    code, out, _ = run(world, "--level", "second")
    assert code == 1 and "letter-s1 is void: s1-secretary left the post" in out
    code, out, _ = run(world, "--level", "third", "--json")
    found = json.loads(out)["third"]
    assert code == 1
    assert [(p["unit"], p["state"], p["left"]) for p in found] == [
        ("t1", "void", ["s1-secretary"]),
        ("t2", "unsigned", []),
    ]


@pytest.mark.parametrize(("lang", "said"), [("en", "levels are organisation"), ("zh", "层级有 organisation")])
def test_a_level_or_flow_that_is_not_there_is_told_in_one_sentence(world: World, lang: str, said: str) -> None:
    code, out, err = run(world, "--level", "village", lang=lang)
    assert (code, out) == (2, "") and said in err and "Traceback" not in err
    done = CliRunner().invoke(app, ["pairs", world.url, "leter", "--lang", lang])
    assert done.exit_code == 2 and "leter" in done.stderr
