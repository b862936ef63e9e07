"""The invented world, and the pages over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import World, worlds


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A fresh database with the invented organisation and flows; the test runs once on each kind."""
    yield from worlds(database_url, tmp_path / "home")
