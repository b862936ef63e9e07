"""What a command waits for before it begins: adapters that are not asked for are not loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.world import worlds
from workflow.errors import KeyUnavailable
from workflow_adapters.web import serving

LOOK = "import json, sys, workflow.cli.main; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "heavy", ["sqlalchemy", "starlette", "jinja2", "uvicorn", "xlsxwriter", "openpyxl", "pydantic"]
)
def test_no_command_waits_for_what_another_needs(loaded: set[str], heavy: str) -> None:
    assert "workflow_adapters.web.serving" in loaded, "the adapters' commands are there"
    assert heavy not in loaded


def test_what_the_packages_offer_is_there_when_asked_for() -> None:
    from workflow_adapters import export, importing, web

    for package in (export, importing, web):
        assert all(getattr(package, name) for name in package.__all__)
        with pytest.raises(AttributeError):
            _ = package.nothing_of_the_kind


def test_pages_from_sqlite_do_not_wait_for_the_types_of_postgresql() -> None:
    look = (
        "import sys, workflow.desk, workflow_adapters.web.pages; print('sqlalchemy.dialects.postgresql' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout == "False\n"


def test_whoever_signs_on_a_demonstrations_database_needs_not_say_where_its_key_is(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A demonstration leaves its key in ``home`` beside the database, which is a file here; a folder that is named counts."""
    for world in worlds(sqlite_url, tmp_path / "home"):
        file = sqlite_url.removeprefix("sqlite:///")
        engine = serving._engine(file, None, "en", "o1-handler")
        assert engine.key.key_id() == world.engine.key.key_id()
        engine.close()
        with pytest.raises(KeyUnavailable):
            serving._engine(file, tmp_path / "elsewhere", "en", "o1-handler")
