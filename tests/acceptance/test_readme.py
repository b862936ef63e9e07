"""What the README shows is run here as it stands, so that it stays true."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from workflow import SettableClock
from workflow.verify import verify

ROOT = Path(__file__).parents[2]


def example(name: str) -> str:
    """The one block of Python between ``name:begin`` and ``name:end``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (part,) = re.findall(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", readme, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    return str(code)


def test_the_hosts_row_and_the_signature_of_the_readme_live_and_die_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "definitions").symlink_to(ROOT / "definitions")
    monkeypatch.setattr("workflow.engine.SystemClock", lambda: SettableClock(datetime(2019, 8, 20, 1, tzinfo=UTC)))
    shown: dict[str, Any] = {}
    exec(compile(example("embed"), "README.md", "exec"), shown)
    engine, host = shown["engine"], shown["host"]
    with host.connect() as connection:
        assert len(connection.execute(sa.text("select * from visit")).all()) == 1
    case, _ = engine.case_of("item-1")
    assert [s.post for s in case.slots if s.state == "signed"] == ["handler"]
    assert shown["receipt"].seal and shown["receipt"].seq == 3
    with engine.reading() as connection:
        assert verify(connection, engine.contents).exit_code == 0
    engine.close()
    host.dispose()


def test_the_example_is_short_enough_to_be_read() -> None:
    lines = [line for line in example("embed").splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 25 and all(len(line) <= 120 for line in lines)
