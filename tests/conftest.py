"""Databases for the tests: a fresh, empty one for each test that asks, on SQLite and on PostgreSQL.

A test that takes ``database_url`` runs on both. PostgreSQL is never skipped: when it does not start, that is an
error, with the server's log in it. A test that only takes ``sqlite_url`` or ``postgres_url`` says why in its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres

# Properties that open a database are slow by Hypothesis' measure; how long one example takes proves nothing here.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("soak", settings.get_profile("project"), max_examples=5_000, stateful_step_count=200)
settings.load_profile("project")

# Typer makes all commands anew for every call of a runner, which takes longer than most of them.
typer.testing._get_command = cache(typer.testing._get_command)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for the test run, or for each of its workers; started by the first test that needs it."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A new, empty PostgreSQL database, dropped after the test even if connections are left open."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'workflow.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A new, empty database; the test runs once on each kind."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url
