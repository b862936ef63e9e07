"""Workers killed at any moment, and a database that crashes: nothing is lost and nothing is doubled.

The long form is ``make soak``. Source: time semantics, R168.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.world import World, worlds
from tests.postgres import Postgres
from tests.simulation.crashing import MESSAGES, punish
from tests.simulation.signing import killed_while_signing
from workflow.store import tables as t


@pytest.fixture(scope="module")
def crashing_server() -> Iterator[Postgres]:
    """A server of its own, that writes its log at each commit: others would not like to be on one that crashes."""
    server = Postgres({"synchronous_commit": "on"})
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def crashing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'workflow.db'}"
    else:
        server = request.getfixturevalue("crashing_server")
        url = server.url(server.create())
    yield from worlds(url, tmp_path / "home")


def test_workers_killed_at_random_lose_nothing_and_double_nothing(crashing: World) -> None:
    items, crash = 120, crashing.url.startswith("postgresql")
    survived = punish(crashing, items, 8, crash=crash)
    assert (survived.kills, survived.crashes, survived.lost, survived.doubled) == (8, int(crash), 0, 0), survived
    assert survived.at_work > 0 and survived.kept == items * MESSAGES
    report = crashing.verify(contents=False)
    assert report.failures == [] and report.rules == "hold"


def test_processes_killed_while_signing_lose_nothing_that_was_acknowledged(crashing: World) -> None:
    """Whoever holds a receipt has an entry, and the history behind it is whole; a second one of an item there is none."""
    acknowledged = killed_while_signing(crashing, kills=2, seed=3)
    assert len({chain for chain, _, _ in acknowledged}) >= 4
    with crashing.engine.reading() as connection:
        rows = connection.execute(t.entry.select()).all()
    stored = {(row.chain, row.seq): row.hash.hex() for row in rows}
    assert [stored.get((chain, seq)) for chain, seq, _ in acknowledged] == [hash_ for _, _, hash_ in acknowledged]
    report = crashing.verify()
    assert report.failures == [] and report.rules == "hold"


@pytest.mark.soak
def test_many_workers_killed_for_minutes(crashing: World, capsys: pytest.CaptureFixture[str]) -> None:
    items, crash = 1_500, crashing.url.startswith("postgresql")
    survived = punish(crashing, items, 80, workers=4, batch=50, crash=crash)
    with capsys.disabled():
        print(f"\n{crashing.engine.db.dialect.name}, {items * 3:,} rungs: {survived}")
    assert (survived.lost, survived.doubled, survived.crashes) == (0, 0, int(crash)), survived
    assert survived.at_work >= 50, survived
    report = crashing.verify(contents=False)
    assert report.failures == [] and report.rules == "hold"
