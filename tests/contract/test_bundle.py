"""What goes into a bundle, on both databases, and the commands that make and check one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.contract.world import World
from workflow import Actor, bundle
from workflow.cli import bundles
from workflow.errors import Unknown
from workflow.evidence.standalone import Policy, Report, Verifier
from workflow.logbook import Logbook

ORIGIN = "signoff.local/log"


def written(world: World, kind: Any, name: str, **more: Any) -> tuple[bundle.Made, list[dict[str, Any]], bytes]:
    out = io.BytesIO()
    with world.engine.reading() as connection:
        made = bundle.write(connection, world.engine.contents, out, kind, name, made_at=world.clock.now(), **more)
    return made, [json.loads(line) for line in out.getvalue().splitlines()], out.getvalue()


def verified(world: World, data: bytes) -> Report:
    pinned = {"origin": ORIGIN, "engine_keys": [{"key": world.engine.key.public_key().hex()}]}
    return Verifier(Policy.read(json.dumps(pinned).encode())).run(io.BytesIO(data))


def test_a_bundle_of_an_item_has_the_item_and_what_it_rests_on(shared: World) -> None:
    shared.begin("alone")
    shared.sign("alone")
    made, lines, data = written(shared, "item", "alone")
    chains = {line["chain"] for line in lines if line["t"] == "entry"}
    assert chains == {"alone", "org"}
    assert (made.chains, made.entries, made.size) == (2, 4, len(data))
    assert lines[0]["what"] == {"kind": "item", "name": "alone"} and lines[0]["chains"] == ["alone"]
    assert {line["kind"] for line in lines if line["t"] == "library"} == {"definition", "calendar"}
    report = verified(shared, data)
    assert (report.level, report.failures, report.withheld) == ("V2", [], 0)


def test_a_bundle_of_a_report_has_the_reports_below_it_and_the_items_it_opened(shared: World) -> None:
    engine = shared.engine
    for unit in ("o1", "o2", "o3", "t1"):
        by = Actor("t1-handler" if unit in ("o2", "t1") else f"{unit}-handler", "handler", unit)
        engine.open("survey", unit, item=f"s-{unit}", campaign="survey-1")
        if unit == "t1":
            engine.submit("s-t1", by, {"found": [{"unit": "o1", "result": "found"}]}, outcome="reported")
        else:
            engine.report_zero(f"s-{unit}", by, {"statement": {"statement": "nothing of the kind here"}})
        shared.through(f"s-{unit}")
    made, lines, data = written(shared, "item", "s-t1")
    chains = {line["chain"] for line in lines if line["t"] == "entry"}
    assert {"s-t1", "s-o1", "s-o2", "s-o3", "org"} < chains and len(chains) == made.chains == 6
    assert verified(shared, data).failures == []
    campaign, _, data = written(shared, "campaign", "survey-1")
    assert campaign.chains == 6 and "selection" in verified(shared, data).unchecked


def test_a_bundle_of_a_unit_has_every_item_about_it(shared: World) -> None:
    shared.begin("about-o3", "o3")
    _, lines, data = written(shared, "unit", "o3")
    assert "about-o3" in lines[0]["chains"]
    assert verified(shared, data).failures == []


@pytest.mark.parametrize(("kind", "name"), [("item", "nowhere"), ("unit", "nowhere"), ("campaign", "nowhere")])
def test_there_is_no_bundle_of_nothing(kind: str, name: str, shared: World) -> None:
    with pytest.raises(Unknown):
        written(shared, kind, name)


def test_what_may_not_be_given_out_is_listed_by_digest(shared: World) -> None:
    shared.begin("withheld")
    all_of_it, lines, _ = written(shared, "item", "withheld")
    one = next(line["digest"] for line in lines if line["t"] == "content")
    some, lines, data = written(shared, "item", "withheld", give={one})
    assert [line["digest"] for line in lines if line["t"] == "content"] == [one]
    assert some.contents == 1 and some.withheld == all_of_it.contents - 1
    report = verified(shared, data)
    assert (report.failures, report.withheld, report.unchecked["withheld"]) == ([], some.withheld, some.withheld)


def test_before_the_first_checkpoint_there_are_no_proofs(world: World) -> None:
    with world.engine.reading() as connection, pytest.raises(Unknown):
        bundle.LogProofs(connection)


def test_an_entry_that_the_checkpoint_does_not_cover_goes_in_without_a_proof(world: World, tmp_path: Path) -> None:
    world.begin("late")
    book = Logbook.at(world.engine, tmp_path / "signer")
    book.sequence()
    book.checkpoint()
    world.sign("late")
    book.sequence()
    with world.engine.reading() as connection:
        out = io.BytesIO()
        proofs = bundle.LogProofs(connection)
        bundle.write(connection, world.engine.contents, out, "item", "late", made_at=0, log=proofs)
    entries = [json.loads(line) for line in out.getvalue().splitlines()]
    assert ["index" in e for e in entries if e["t"] == "entry" and e["chain"] == "late"] == [True, True, False]
    assert verified(world, out.getvalue()).failures == []


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    bundles.register(app)
    return app


def test_the_commands_write_a_bundle_and_check_it(world: World, tmp_path: Path, command: typer.Typer) -> None:
    world.begin("m1")
    world.sign("m1")
    world.engine.db.dispose()
    file, pinned = tmp_path / "m1.wfproof", tmp_path / "policy.json"
    pinned.write_text(json.dumps({"origin": ORIGIN, "engine_keys": [{"key": world.engine.key.public_key().hex()}]}))
    run = CliRunner().invoke
    arguments = ["bundle", "m1", "--db", world.url, "-o", str(file), "--contents", str(world.home), "--lang", "en"]
    done = run(command, arguments)
    assert done.exit_code == 0, done.output
    assert "2 chains, 4 entries, 2 documents (0 by digest only)" in done.output and "V2 at most" in done.output
    assert run(command, arguments).exit_code == 2
    assert run(command, [*arguments, "--force"]).exit_code == 0
    done = run(command, ["verify-bundle", str(file), "--policy", str(pinned), "--require", "V2", "--lang", "zh"])
    assert (done.exit_code, "结论: 成立; 层级 V2" in done.output) == (0, True)
    later = tmp_path / "later.wfproof"
    world.sign("m1")
    assert run(command, ["bundle", "--unit", "o1", "--db", world.url, "-o", str(later), "--lang", "zh"]).exit_code == 0
    done = run(command, ["verify-bundle", str(later), "--since", str(file), "--json"])
    assert (done.exit_code, json.loads(done.output)["not_checked"]["withdrawn"]) == (0, 2)
    done = run(command, ["verify-bundle", str(file), "--since", str(later), "--json"])
    assert (done.exit_code, {f["code"] for f in json.loads(done.output)["failures"]}) == (1, {"lost"})


def test_a_bundle_is_of_exactly_one_thing(world: World, tmp_path: Path, command: typer.Typer) -> None:
    run = CliRunner().invoke
    out = ["-o", str(tmp_path / "x"), "--lang", "en"]
    assert run(command, ["bundle", "--db", world.url, *out]).exit_code == 2
    assert run(command, ["bundle", "m1", "--unit", "o1", "--db", world.url, *out]).exit_code == 2
    assert run(command, ["bundle", "nowhere", "--db", world.url, *out]).exit_code == 2
    assert run(command, ["bundle", "m1", *out]).exit_code == 2
    done = run(command, ["bundle", "some.db", "m1", *out], env={"COLUMNS": "300"})
    assert done.exit_code == 2 and "workflow bundle m1 --db some.db" in done.output
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.part").exists()


def test_documents_that_are_nowhere_are_said_to_be_so_and_nothing_is_written(
    world: World, tmp_path: Path, command: typer.Typer
) -> None:
    world.begin("m1")
    gone = ["--contents", str(tmp_path / "gone"), "--lang", "en"]
    done = CliRunner().invoke(command, ["bundle", "m1", "--db", world.url, "-o", str(tmp_path / "x"), *gone])
    assert done.exit_code == 2 and "no folder of contents" in done.output
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["unit", "campaign"])
def test_a_unit_and_a_campaign_come_as_bundles_from_the_command_line(
    kind: str, world: World, tmp_path: Path, command: typer.Typer
) -> None:
    world.begin("m1")
    name = {"unit": "o1", "campaign": "c1"}[kind]
    file = tmp_path / "all.wfproof"
    done = CliRunner().invoke(command, ["bundle", f"--{kind}", name, "--db", world.url, "-o", str(file)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(command, ["verify-bundle", str(file), "--json"])
    told = json.loads(done.output)
    assert (told["result"], told["what"]) == ("holds", {"kind": kind, "name": name})


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path, command: typer.Typer) -> None:
    done = CliRunner().invoke(command, ["verifier", "--out", str(tmp_path / "gone" / "x.py"), "--lang", "en"])
    assert done.exit_code == 2 and "No such file or directory" in done.output


def test_the_verifier_says_by_which_name_it_was_called(
    command: typer.Typer, capsys: pytest.CaptureFixture[str]
) -> None:
    from workflow.evidence import standalone

    with pytest.raises(SystemExit):
        standalone.main(["verify"], program="workflow verify-bundle")
    assert "usage: workflow verify-bundle" in capsys.readouterr().err


def test_the_verifier_is_copied_out_and_runs_alone(tmp_path: Path, command: typer.Typer) -> None:
    run = CliRunner().invoke
    assert run(command, ["verifier"]).output.strip().endswith("standalone.py")
    copy = tmp_path / "check.py"
    assert run(command, ["verifier", "--out", str(copy)]).exit_code == 0
    assert run(command, ["verifier", "--out", str(copy)]).exit_code == 2
    done = subprocess.run([sys.executable, "-I", copy, "verify", copy], capture_output=True, check=False, cwd=tmp_path)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert b"could not be checked" in done.stdout
