"""A backup is verified when it is made and when it comes back; a changed byte, or something in the way, is refused."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tests.contract.world import make_world
from workflow.cli.main import app


def run(*given: object, code: int = 0) -> str:
    said = CliRunner().invoke(app, [str(g) for g in given])
    assert said.exit_code == code, said.output
    return said.output


def test_an_office_comes_back_as_it_was_and_nothing_changed_does(tmp_path: Path) -> None:
    db, copy, back = tmp_path / "w.db", tmp_path / "copy", tmp_path / "back.db"
    world = make_world(f"sqlite:///{db}", tmp_path / "w.db.home")
    world.walk_to("plan", "m1")
    assert "verified V1" in run("backup", db, copy, "--lang", "en")  # while the engine has it open
    assert not (copy / "engine.key").exists()
    before = world.case("m1").snapshot()
    world.engine.close()
    assert "核验 V1" in run("restore", copy, back, "--lang", "zh")
    again = make_world_at(back)
    assert again == before
    run("restore", copy, back, code=2)  # something stands there
    run("backup", db, copy, code=2)  # and there
    one = next(p for p in (copy / "contents").rglob("*") if p.is_file())
    one.chmod(0o600)
    one.write_bytes(one.read_bytes() + b" ")
    assert one.name in run("restore", copy, tmp_path / "third.db", "--lang", "en", code=2)
    assert not (tmp_path / "third.db").exists()
    run("backup", tmp_path / "none.db", tmp_path / "y", code=2)


def make_world_at(db: Path) -> bytes:
    """The snapshot of the one item of a database."""
    from workflow import Engine

    engine = Engine.looking(f"sqlite:///{db}")
    try:
        return engine.case_of("m1")[0].snapshot()
    finally:
        engine.close()
