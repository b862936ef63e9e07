"""An operator changes a rule: publish, read what it means, plan, try, apply, take back; every step at the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.world import MATTER, World, flow_text, make_world
from workflow import Actor, loads
from workflow.cli.main import app
from workflow.clock import SystemClock
from workflow.errors import VersionTaken
from workflow.evidence.canonical import encode

BY = ["--by", "g1-secretary/secretary@g1"]
PLAN = "    notice: {content: plan}\n    due: 10 workdays"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, World]]:
    folder = tmp_path_factory.mktemp("office")
    world = make_world(f"sqlite:///{folder / 'w.db'}", folder / "w.db.home")
    world.clock.set(SystemClock().now())
    world.clock.advance(timedelta(hours=-1))
    for n in range(3):
        world.begin(f"m{n}")
        world.through(f"m{n}")
    (folder / "old.yaml").write_text(flow_text(MATTER))
    (folder / "new.yaml").write_text(flow_text(MATTER, "2").replace(PLAN, PLAN.replace("10", "7")))
    yield folder, world
    world.engine.close()


def run(*given: Any, code: int = 0) -> str:
    said = CliRunner().invoke(app, [str(g) for g in given])
    assert said.exit_code == code, said.output
    return said.output


def publish_second(world: World) -> None:
    """Version 2, where no test before published it."""
    with suppress(VersionTaken):
        made = loads(flow_text(MATTER, "2").replace(PLAN, PLAN.replace("10", "7")))
        world.engine.put_in_force(made, Actor("g1-secretary", "secretary", "g1"), "decided")


def test_a_rule_is_changed_from_end_to_end(office: tuple[Path, World]) -> None:
    folder, world = office
    db, plan = folder / "w.db", folder / "plan.json"
    out = run("diff", folder / "old.yaml", folder / "new.yaml", "--db", db, "--lang", "en", code=1)
    assert "plan due 10 → 7 working days: tighter; 3 open items, 0 overdue at once" in out
    assert "更严" in run("diff", folder / "old.yaml", folder / "new.yaml", "--lang", "zh", code=1)
    assert "same" in run("diff", folder / "old.yaml", folder / "old.yaml", "--lang", "en")
    assert "published matter@2" in run("publish", db, folder / "new.yaml", *BY, "--reason", "decided", "--lang", "en")
    assert "matter@2" in run("publish", db, folder / "new.yaml", *BY, "--reason", "again", "--lang", "en", code=2)
    out = run("migrate", "plan", db, "matter", "2", *BY, "--out", plan, "--lang", "en")
    assert "3 move" in out and len(json.loads(plan.read_bytes())["items"]) == 3
    assert "matter -> 2: 3 move" in run("migrate", "dry-run", db, plan, *BY, "--lang", "en")
    before = {i: world.case(i).snapshot() for i in ("m0", "m1", "m2")}
    assert "3 moved" in run("migrate", "apply", db, plan, *BY, "--reason", "decided", "--lang", "en")
    assert world.case("m0").dues["plan/2"]["basis"]["span"] == "7 workdays"
    assert "3 were moved before" in run("migrate", "apply", db, plan, *BY, "--reason", "decided", "--lang", "en")
    assert "3 move" in run("migrate", "roll-back", db, plan, *BY, "--lang", "en")
    assert world.case("m0").dues["plan/2"]["basis"]["span"] == "7 workdays"
    assert "已迁移 3 件" in run("migrate", "roll-back", db, plan, *BY, "--reason", "taken back", "--lang", "zh")
    assert {i: world.case(i).snapshot() for i in before} == before
    assert "nothing" not in run("verify", db)


def test_what_is_wrong_is_told_in_a_sentence(office: tuple[Path, World]) -> None:
    folder, _ = office
    db = folder / "w.db"
    (folder / "other.json").write_text("{}")
    assert "PERSON/POST@UNIT" in run(
        "publish", db, folder / "new.yaml", "--by", "me", "--reason", "x", "--lang", "en", code=2
    )
    assert "migrate plan" in run("migrate", "apply", db, folder / "other.json", *BY, "--reason", "x", code=2)
    for at, said in enumerate(
        [{}, {"items": 5}, {"items": [7]}, {"items": [{"item": 1, "from": "x"}]}, {"stages": [1]}]
    ):
        whole = {"count": "", "flow": "matter", "items": [], "made-at": 1, "stages": {}, "to": "2", "undoes": ""}
        whole |= {"v": 1, "version": "2"} | said if said else {}
        (folder / "other.json").write_bytes(encode(whole) if said else b"[1]")
        for verb in (["dry-run"], ["apply", "--reason", "x"], ["roll-back"]):
            told = run("migrate", verb[0], db, folder / "other.json", *BY, *verb[1:], "--lang", "zh", code=2)
            assert told.startswith("plan 无法使用:应为 ") and " wrote" not in told, (at, verb)
    out = ["--out", folder / "p", "--lang", "zh"]
    assert "没有名为 'plan' 的 环节,应写作 旧阶段=新阶段" in run(
        "migrate", "plan", db, "matter", "1", *BY, "--stage", "plan", *out, code=2
    )
    assert "没有名为 'me' 的 办理人,应写作" in run("migrate", "plan", db, "matter", "1", "--by", "me", *out, code=2)
    assert "已发布的有" in run("migrate", "plan", db, "matter", "9", *BY, *out, code=2)
    assert "published are" in run(
        "migrate", "plan", db, "matter", "9", *BY, "--out", folder / "p", "--lang", "en", code=2
    )


def test_two_published_versions_are_compared_by_name_and_a_slip_of_the_pen_is_told(office: tuple[Path, World]) -> None:
    folder, world = office
    db = folder / "w.db"
    publish_second(world)
    out = run("diff", "matter@1", "matter@2", "--db", db, "--lang", "en", code=1)
    assert "plan due 10 → 7 working days: tighter; 3 open items" in out
    assert run("diff", "matter@1", folder / "new.yaml", "--db", db, "--lang", "en", code=1) == out
    assert "是否应为 matter?" in run("diff", "mater@1", "matter@2", "--db", db, "--lang", "zh", code=2)
    assert "已发布的有 2, 1" in run("diff", "matter@7", "matter@2", "--db", db, "--lang", "zh", code=2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["mater", "2"], "是否应为 matter?"),
        (["matter", "2", "--stage", "plann=plan"], "没有名为 'plann' 的 环节;是否应为 plan?"),
        (["matter", "2", "--stage", "plan=plann"], "没有名为 'plann' 的 环节;是否应为 plan?"),
        (["matter", "2", "--count", "then"], "请写 now"),
    ],
)
def test_a_plan_with_a_slip_of_the_pen_is_not_written(given: list[str], said: str, office: tuple[Path, World]) -> None:
    folder, world = office
    publish_second(world)
    assert said in run("migrate", "plan", folder / "w.db", *given, *BY, "--out", folder / "no", "--lang", "zh", code=2)
    assert not (folder / "no").exists()
