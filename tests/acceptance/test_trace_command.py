"""``workflow trace`` as an auditor types it. Source: R037, R041."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.contract.world import World, worlds
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
