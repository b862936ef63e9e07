"""The project's own tools: the databases of the tests, the table of requirements, the ban on reading the clock."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests import requirements_coverage as coverage
from tests.postgres import Postgres, PostgresFailed, binaries

ROOT = Path(__file__).resolve().parents[2]

READS_THE_CLOCK = re.compile(
    r"\b(?:datetime|dt)\.(?:now|utcnow|today)\b|\bdate\.today\b"
    r"|\btime\.(?:time|time_ns|monotonic|monotonic_ns|localtime|gmtime|sleep)\b"
    r"|^\s*from time import\b(?!\s*\(?\s*perf_counter)"
    r"|\bfunc\.(?:now|current_timestamp)\b|\bCURRENT_TIMESTAMP\b",
    re.MULTILINE,
)


def library_files() -> list[Path]:
    return sorted([*ROOT.glob("workflow/**/*.py"), *ROOT.glob("adapters/**/*.py")])


# --- one clock ----------------------------------------------------------------------------------------------------


def test_only_the_clock_module_reads_the_wall_clock() -> None:
    readers = {
        path.relative_to(ROOT).as_posix(): READS_THE_CLOCK.findall(path.read_text(encoding="utf-8"))
        for path in library_files()
        if READS_THE_CLOCK.search(path.read_text(encoding="utf-8"))
    }
    assert readers == {"workflow/clock.py": ["datetime.now"]}


@pytest.mark.parametrize(
    "line",
    [
        "x = datetime.now(UTC)",
        "x = datetime.datetime.utcnow()",
        "x = date.today()",
        "x = time.time()",
        "time.sleep(1)",
        "from time import sleep",
        "Column(server_default=func.now())",
    ],
)
def test_the_search_for_clock_readers_finds(line: str) -> None:
    assert READS_THE_CLOCK.search(line)


@pytest.mark.parametrize(
    "line", ["at = clock.now()", "time.perf_counter()", "from time import perf_counter", "time(8, 30)"]
)
def test_the_search_for_clock_readers_leaves_alone(line: str) -> None:
    assert READS_THE_CLOCK.search(line) is None


@pytest.mark.parametrize("place", ["case.py", "acts.py", "rules", "definition"])
def test_what_decides_is_told_the_moment_and_holds_no_clock(place: str) -> None:
    root = ROOT / "workflow" / place
    files = [root] if root.suffix else sorted(root.rglob("*.py"))
    assert files
    assert [
        path for path in files if re.search(r"\b(?:System|Settable)?Clock\b", path.read_text(encoding="utf-8"))
    ] == []


# --- databases for the tests --------------------------------------------------------------------------------------


def test_a_test_gets_an_empty_database_that_it_may_fill(database_url: str) -> None:
    engine = create_engine(database_url)
    try:
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept (phrase TEXT)"))
            connection.execute(text("INSERT INTO kept VALUES ('谁签字上报谁负责')"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT phrase FROM kept")).scalar_one() == "谁签字上报谁负责"
    finally:
        engine.dispose()


def test_postgresql_databases_share_nothing_and_sort_by_code_point(postgres_server: Postgres) -> None:
    first, second = postgres_server.create(), postgres_server.create()
    engines = [create_engine(postgres_server.url(name)) for name in (first, second)]
    try:
        with engines[0].begin() as connection:
            connection.execute(text("CREATE TABLE only_here (n INTEGER)"))
            shown = connection.execute(
                text("SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = :name"),
                {"name": first},
            ).one()
            assert tuple(shown) == ("C", "UTF8")
        assert inspect(engines[1]).get_table_names() == []
    finally:
        for engine in engines:
            engine.dispose()
        postgres_server.drop(first)
        postgres_server.drop(second)


def test_a_copied_postgresql_database_holds_what_its_template_held(postgres_server: Postgres) -> None:
    template = postgres_server.create()
    engine = create_engine(postgres_server.url(template))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE prepared (n INTEGER)"))
    engine.dispose()  # PostgreSQL copies only a database that nobody is connected to
    copy = postgres_server.create(template)
    engine = create_engine(postgres_server.url(copy))
    try:
        assert inspect(engine).get_table_names() == ["prepared"]
    finally:
        engine.dispose()
        postgres_server.drop(copy)
        postgres_server.drop(template)


def test_a_postgresql_that_does_not_start_says_so_with_its_log() -> None:
    with pytest.raises(PostgresFailed, match='unrecognized configuration parameter "no_such_setting"'):
        Postgres({"no_such_setting": "1"})


def test_postgresql_ends_and_removes_its_files_when_its_owner_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", "from tests.postgres import Postgres; print(Postgres().directory, flush=True); input()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    with owner.stdin, owner.stdout:
        directory = Path(owner.stdout.readline().strip())
        assert (directory / "data" / "postmaster.pid").exists()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    until = time.perf_counter() + 30
    while directory.exists() and time.perf_counter() < until:
        subprocess.run(["true"], check=True)  # gives the processor away; nothing here sleeps
    assert not directory.exists()


def test_the_newest_postgresql_of_the_wheel_is_used() -> None:
    version = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert int(re.findall(r"\d+", version)[0]) >= 18


# --- required behaviours ------------------------------------------------------------------------------------------


def test_the_table_holds_225_behaviours_and_51_mechanisms_numbered_without_gaps() -> None:
    ids = [row.id for row in coverage.requirements()]
    assert ids == [f"R{n:03d}" for n in range(1, 226)] + [f"M{n:02d}" for n in range(1, 52)]


def test_every_required_behaviour_has_a_chinese_phrase_a_source_and_something_to_test() -> None:
    rows = coverage.requirements()
    assert [row.id for row in rows if not re.search(r"[\u4e00-\u9fff]", row.phrase)] == []
    assert [row.id for row in rows if not re.fullmatch(r"S[0-4](?::\d+)?", row.file_line)] == []
    assert [row.id for row in rows if len(row.behaviour) < 10 or "★" in row.behaviour] == []
    assert sum(row.star for row in rows) == 38


def a_project(root: Path) -> Path:
    """A project of two files whose ids are put together here, so that this file covers nothing by naming them."""
    first, second, third = f"R{1:03d}", f"R{2:03d}", f"M{3:02d}"
    (root / "tests").mkdir()
    (root / "definitions").mkdir()
    (root / "tests" / "test_it.py").write_text(
        f'"""{first}."""\n\ndef test_that_it_works():\n    """{second}"""\n    # not X{first}, not {second}0\n',
        encoding="utf-8",
    )
    (root / "definitions" / "main.test.yaml").write_text(f"source: {third}, {first}\n", encoding="utf-8")
    return root


def test_coverage_names_the_test_function_that_names_a_requirement(tmp_path: Path) -> None:
    assert coverage.named_in(a_project(tmp_path)) == {
        f"R{1:03d}": ("definitions/main.test.yaml", "tests/test_it.py"),
        f"R{2:03d}": ("tests/test_it.py::test_that_it_works",),
        f"M{3:02d}": ("definitions/main.test.yaml",),
    }


def test_coverage_counts_what_is_open_and_reports_ids_nobody_asked_for() -> None:
    rows = coverage.requirements()
    stray = f"R{999}"
    found = coverage.report(rows, {rows[0].id: ("tests/test_it.py",), stray: ("tests/test_it.py",)})
    assert found["counts"] == {
        "behaviours": {"covered": 1, "of": 225},
        "starred behaviours": {"covered": 0, "of": 38},
        "mechanisms": {"covered": 0, "of": 51},
    }
    assert found["unknown"] == {stray: ["tests/test_it.py"]}
    assert len(found["open"]) == 275  # type: ignore[arg-type]
    assert json.loads(json.dumps(found)) == found


def test_every_requirement_that_a_test_names_is_in_the_table() -> None:
    known = {row.id for row in coverage.requirements()}
    assert set(coverage.named_in(ROOT)) - known == set()


# --- make ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["demo", "test", "bench", "check", "requirements", "test-sqlalchemy-2.0", "soak", "clean"]
)
def test_make_help_lists(target: str) -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.search(rf"^  make {re.escape(target)} +\S", shown.stdout, re.MULTILINE)
