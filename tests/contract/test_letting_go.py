"""A command lets its database go, also when it is refused: a server has so many connections and no more."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from tests.contract.world import World
from workflow import Engine
from workflow.cli.main import app
from workflow.errors import DatabaseOld
from workflow.store import database

PASSED_ON = ("hand-over", "URL", "--leaver", "x", "--to", "y", "--by", "z/secretary@o1", "--reason", "moves")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[sa.Engine]:
    """Every database that was connected to meanwhile and not let go yet."""
    held: list[sa.Engine] = []
    connect = database.connect

    def remembered(url: str, **options: Any) -> sa.Engine:
        engine = connect(url, **options)
        held.append(engine)
        sa.event.listen(engine, "engine_disposed", lambda _: held.remove(engine))
        return engine

    monkeypatch.setattr(database, "connect", remembered)
    return held


@pytest.mark.parametrize(
    "command",
    [
        ("copies", "URL", "no-such-item"),
        ("pairs", "URL", "no-such-flow"),
        ("pairs", "URL", "matter", "--level", "no-such-level"),
        PASSED_ON,
        (*PASSED_ON, "--preview"),
        ("why", "no-such-item", "--db", "URL"),
        ("bundle", "no-such-item", "--db", "URL", "--out", "OUT"),
        ("irregularities", "--db", "URL", "--until", "1900-01-01"),
        ("blocked", "--db", "URL"),
        ("counts", "nobody", "--db", "URL"),
    ],
    ids=" ".join,
)
def test_a_command_lets_the_database_go_whatever_came_of_it(
    world: World, held: list[sa.Engine], command: tuple[str, ...], tmp_path: Any
) -> None:
    words = [{"URL": world.url, "OUT": str(tmp_path / "out")}.get(w, w) for w in command]
    words += ["--home", str(world.home)] if "hand-over" in words else []
    result = CliRunner().invoke(app, [*words, "--lang", "en"])
    assert result.exit_code != 2 or "Usage" not in result.output, result.output
    assert held == []


def test_a_database_that_cannot_be_looked_at_is_let_go(database_url: str, held: list[sa.Engine]) -> None:
    if database_url.startswith("sqlite"):
        database.connect(database_url).dispose()  # an empty file
    with pytest.raises(DatabaseOld):
        Engine.looking(database_url)
    assert held == []
