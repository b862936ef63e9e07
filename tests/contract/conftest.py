"""The invented world on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import World, worlds


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A fresh database with the invented organisation and flows; the test runs once on each kind."""
    yield from worlds(database_url, tmp_path / "home")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same, one for all tests of a module that each use items of their own and only look at these."""
    folder = tmp_path_factory.mktemp("shared")
    if request.param == "sqlite":
        yield from worlds(f"sqlite:///{folder / 'workflow.db'}", folder / "home")
        return
    server = request.getfixturevalue("postgres_server")
    name = server.create()
    yield from worlds(server.url(name), folder / "home")
    server.drop(name)
