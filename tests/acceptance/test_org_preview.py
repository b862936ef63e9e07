"""An HR export is looked at before it counts: what is new, what changes, what waits for whom; nothing is written."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tests.contract.world import make_world
from workflow.cli.main import app


def test_a_preview_says_what_would_change_and_writes_nothing(tmp_path: Path) -> None:
    db, folder = tmp_path / "w.db", tmp_path / "hr"
    world = make_world(f"sqlite:///{db}", tmp_path / "w.db.home")
    world.begin("m1")
    entries = world.entries()
    folder.mkdir()
    (folder / "persons.csv").write_text("id,name_zh,name_en\np9,示例人员 9,invented person 9\n", encoding="utf-8")
    (folder / "tenures.csv").write_text(
        "person,unit,post,from_on,until_on,acting\no1-handler,o1,handler,2015-01-01,2019-08-12,\n"
        "p9,o1,handler,2019-08-12,,\n",
        encoding="utf-8",
    )
    said = CliRunner().invoke(app, ["org", "import", str(db), str(folder), "--dry-run", "--lang", "en"])
    assert said.exit_code == 0, said.output
    assert "new person: p9" in said.output and "until_on - -> 2019-08-12" in said.output
    assert "o1 handler: 1 places wait for it" in said.output and "nothing was written" in said.output
    assert world.entries() == entries
    said = CliRunner().invoke(app, ["org", "import", str(db), str(folder), "--lang", "en"])
    assert said.exit_code == 0 and world.entries() == entries + 1
    world.engine.close()
