"""The commands an administrator runs: what they say, in both languages, and the exit codes scripts rest on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.contract.world import World, worlds
from workflow.cli.main import app
from workflow.store import tables as t
from workflow.store.schema import NEEDED

EXAMPLE = Path(__file__).parents[2] / "definitions" / "org" / "example"
COMMAND = [sys.executable, "-m", "typer", "workflow.cli.main", "run"]


def run(*arguments: str | Path, code: int = 0) -> Result:
    """Run a command in this process; its exit code must be the one given, and no traceback may be seen."""
    result = CliRunner(env={"LANG": "C", "LC_ALL": "C", "WORKFLOW_HOME": ""}).invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output and isinstance(result.exception, (SystemExit, type(None)))
    return result


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    yield from worlds(database_url, tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite file with the tables, under a name that a careless URL would break."""
    path = tmp_path / "整改 100%?#.db"
    run("db", "upgrade", path)
    return path


# --- db --------------------------------------------------------------------------------------------------------------


def test_a_database_is_made_and_then_found_usable(database_url: str) -> None:
    assert NEEDED in run("db", "upgrade", database_url).output
    assert NEEDED in run("db", "upgrade", database_url).output
    assert run("db", "check", database_url).output.startswith("usable")


def test_a_database_without_tables_is_told_how_to_get_them(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    for command in (["db", "check"], ["verify"], ["health"], ["org", "check"], ["tick", "--home", "h"]):
        said = run(*command[:2], database_url, *command[2:], code=2) if command[0] in ("db", "org") else None
        said = said or run(command[0], database_url, *command[1:], code=2)
        assert "Run: workflow db upgrade" in said.stderr, command


def test_a_file_with_any_name_is_the_file_meant(file: Path) -> None:
    assert file.is_file() and [p.name for p in file.parent.iterdir() if p.suffix == ".db"] == [file.name]
    run("db", "check", file)


def test_a_newer_database_is_not_touched(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE wf_alembic_version SET version_num = '9999'")
    for command in ("check", "upgrade"):
        assert "Upgrade signoff-workflow" in run("db", command, file, code=2).stderr


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_the_schema_is_printed_for_administrators(dialect: str) -> None:
    printed = run("db", "sql", "--dialect", dialect).output
    assert all(f"CREATE TABLE {table}" in printed for table in ("wf_entry", "wf_item", "wf_due"))


def test_an_unknown_dialect_names_those_there_are() -> None:
    assert "known are postgresql, sqlite" in run("db", "sql", "--dialect", "oracle", code=2).stderr


# --- errors ----------------------------------------------------------------------------------------------------------


WRONG_CALLS = [
    (["lnit"], "没有命令 lnit,是否应为 lint?", "No such command 'lnit'. Did you mean 'lint', 'init'?"),
    (["migrate", "plann"], "没有命令 plann,是否应为 plan?", "No such command 'plann'. Did you mean 'plan'?"),
    (["lint", "--fromat", "json"], "没有选项 --fromat,是否应为 --format?", "there is no option --fromat; did you mean --format?"),
    (["lint", "--format"], "选项 --format 之后须写值", "Option '--format' requires an argument."),
    (["lint", "-f", "xml"], "--format:应为 text、json、github、sarif 之一;实为 xml",
     "--format: expected one of text, json, github, sarif; got xml"),
    (["lint", "--on", "13-1"], "--on:应为日期,如 2019-12-31", "--on: expected a day such as 2019-12-31"),
    (["graph"], "缺少 FLOW|ITEM", "FLOW|ITEM is missing"),
    (["publish", "a.db", "repair"], "缺少 --by", "--by is missing"),
    (["simulate", "repair", "-n", "x"], "--items:应为整数", "--items: expected a whole number"),
    (["simulate", "repair", "-n", "0"], "--items:不得小于 1", "--items: expected at least 1"),
    (["init", "a", "b", "c"], "多余的内容:b c", "Got unexpected extra argument(s) (b c)"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "zh", "en"), WRONG_CALLS, ids=[" ".join(c[0]) for c in WRONG_CALLS])
def test_a_command_that_is_written_wrongly_is_told_how_in_either_language(command: list[str], zh: str, en: str) -> None:
    for lang, said in (("zh_CN.UTF-8", f"错误:{zh}\n"), ("C", f"error: {en}\n")):
        result = CliRunner(env={"LANG": lang, "LC_ALL": lang}).invoke(app, command)
        assert result.exit_code == 2 and result.output.startswith(said), result.output
        if "requires" not in en:
            assert f"workflow {command[0]}".split(" lnit")[0] in result.output and "--help" in result.output
    spoken = CliRunner(env={"LANG": "C", "LC_ALL": "C"}).invoke(app, ["lint", "--lang", "zh", *command[1:], "--nosuch"])
    assert spoken.exit_code == 2 and spoken.output.startswith("错误:")


def test_a_part_that_is_not_installed_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = CliRunner(env={"LANG": "C", "LC_ALL": "C"}).invoke(app, ["serve"])
    assert said.exit_code == 2 and said.output == "uvicorn is not installed. Run: pip install 'signoff-workflow[web]'\n"
    assert "尚未安装 uvicorn,请运行:" in CliRunner().invoke(app, ["serve", "--lang", "zh"]).output


def test_what_cannot_be_printed_is_no_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from workflow.cli.main import app; app()", "schema", "--overlay"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0 and "Traceback" not in done.stderr and "No space left" in done.stderr


@pytest.mark.parametrize("command", [["verify"], ["health"], ["tick"], ["db", "check"], ["org", "check"]])
def test_a_file_that_is_not_there_is_one_clear_sentence_in_either_language(command: list[str], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.db"
    said = run(*command, nowhere, code=2).stderr
    assert said.count("\n") == 1 and "nowhere.db" in said and "workflow db upgrade" in said
    assert "没有名为" in run(*command, nowhere, "--lang", "zh", code=2).stderr
    assert not nowhere.exists()


def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("dear all, " * 200)
    assert "the database cannot be used: file is not a database" in run("verify", other, code=2).stderr
    assert "无法使用该数据库" in run("verify", other, "--lang", "zh", code=2).stderr
    assert other.read_text() == "dear all, " * 200


def test_a_server_that_does_not_answer_is_one_clear_sentence() -> None:
    said = run("health", "postgresql://127.0.0.1:1/nothing", code=2).stderr
    assert said.startswith("the database cannot be used: ") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/name", "driver"),
        ("postgresql://u:secret@h:bad/name", "URL"),
        ("nope://x", "not known"),
        ("sqlite+aiosqlite:///x.db", "cannot be used here"),
    ],
)
@pytest.mark.parametrize("command", [["verify"], ["health"], ["db", "check"]])
def test_a_url_that_names_no_database_is_one_clear_sentence(command: list[str], url: str, said: str) -> None:
    result = run(*command, url, code=2)
    assert said in result.stderr and "postgresql://HOST/NAME" in result.stderr
    assert "secret" not in result.output


def test_a_console_without_chinese_shows_a_mark_and_no_traceback(file: Path) -> None:
    env = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*COMMAND, "db", "check", file, "--lang", "zh"], env=env, capture_output=True, check=False)
    assert done.returncode == 0 and b"?" in done.stdout and b"Traceback" not in done.stderr


def test_a_reader_who_has_seen_enough_ends_the_command_quietly() -> None:
    command = [*COMMAND, "db", "sql"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    said = running.stderr.read()
    running.stderr.close()
    running.wait()
    assert b"Traceback" not in said and b"Errno" not in said


def test_a_language_nobody_speaks_is_refused(file: Path) -> None:
    assert "expected zh or en" in run("verify", file, "--lang", "fr", code=2).stderr


@pytest.mark.parametrize(("spoken", "expected"), [("zh_CN.UTF-8", "没有任何"), ("en_US.UTF-8", "nothing was checked")])
def test_the_language_comes_from_the_terminals(file: Path, spoken: str, expected: str) -> None:
    result = CliRunner(env={"LANG": spoken, "LC_ALL": "", "LC_MESSAGES": ""}).invoke(app, ["verify", str(file)])
    assert expected in result.output and result.exit_code == 2


def test_the_key_folder_of_a_server_database_must_be_named(world: World) -> None:
    if world.engine.db.dialect.name == "postgresql":
        assert "give --home" in run("tick", world.url, code=2).stderr


# --- verify ----------------------------------------------------------------------------------------------------------


def test_verify_says_how_far_the_history_was_checked(world: World) -> None:
    world.begin("m1")
    world.through("m1")
    said = run("verify", world.url, "--contents", world.home).output
    assert f"checked {world.entries()} entries in 2 chains" in said
    assert "V1: " in said and "rules: hold" in said and "S0: 10 (a click, not a signature)" in said
    assert "unanchored: all" in said and "0 do not or are missing" in said
    zh = run("verify", world.url, "--lang", "zh").output
    assert "V1" in zh and "规则:符合" in zh and "内容:未检查" in zh and "未锚定" in zh


def test_verify_as_json_is_for_machines(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    told = json.loads(run("verify", world.url, "--json", "--contents", world.home / "contents").output)
    assert (told["level"], told["rules"], told["holds"], told["exit_code"]) == ("V1", "hold", True, 0)
    assert told["entries"] == told["unanchored"] == world.entries() and told["failures"] == []
    assert told["strengths"] == {"S0": 1} and told["contents"]["missing"] == 0


def test_verify_names_every_failure_with_its_code_and_place(world: World) -> None:
    world.begin("m1")
    world.sign("m1")
    with world.engine.db.begin() as connection:
        connection.execute(t.entry.update().where(t.entry.c.chain == "m1", t.entry.c.seq == 2).values(at=1))
        connection.execute(t.item.update().values(category="crack"))
    said = run("verify", world.url, code=1).output
    assert "does not hold: 2 failure(s)" in said and "V1" not in said
    assert "[column] m1#2: " in said and "[column] m1: item column category" in said
    told = json.loads(run("verify", world.url, "--json", code=1).output)
    assert [(f["code"], f["place"]) for f in told["failures"]] == [("column", "m1#2"), ("column", "m1")]


def test_verifying_nothing_is_no_success(file: Path) -> None:
    assert "V0: nothing was checked" in run("verify", file, code=2).output
    assert json.loads(run("verify", file, "--json", code=2).output)["level"] == "V0"


def test_contents_that_are_not_there_are_one_clear_sentence(world: World, tmp_path: Path) -> None:
    assert "no folder of contents" in run("verify", world.url, "--contents", tmp_path / "gone", code=2).stderr


def test_verify_writes_nothing(file: Path) -> None:
    """On a copy in a folder nobody may write to, as an auditor gets it."""
    run("org", "import", file, EXAMPLE)
    copy = file.parent / "copy" / "audit.db"
    copy.parent.mkdir()
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    before = copy.read_bytes()
    run("verify", copy)
    assert copy.read_bytes() == before and [p.name for p in copy.parent.iterdir()] == ["audit.db"]


@pytest.mark.parametrize("left", [False, True], ids=["settled", "with commits in its wal"])
def test_a_database_on_a_disc_that_nobody_can_write_is_verified_or_said_to_be_unreadable(
    file: Path, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in WAL mode cannot be opened the usual way there; for root no folder is so, hence the refusal is played."""
    run("org", "import", file, EXAMPLE)
    disc = file.parent / "disc" / "audit.db"
    disc.parent.mkdir()
    with sqlite3.connect(file) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disc.write_bytes(file.read_bytes())
    assert disc.read_bytes()[18] == 2, "expected a file in WAL mode"
    if left:
        disc.with_name("audit.db-wal").write_bytes(b"x")
    monkeypatch.setattr("workflow.store.database._opens", lambda path: False)
    if left:
        assert "cannot be read here in full" in run("verify", disc, code=2).stderr
        return
    assert "V1: " in run("verify", disc).output
    assert [p.name for p in disc.parent.iterdir()] == ["audit.db"]


# --- org -------------------------------------------------------------------------------------------------------------


def test_an_organisation_is_imported_once_more_and_checked(file: Path) -> None:
    said = run("org", "import", file, EXAMPLE).output
    assert "16 units" in said and "entry 1 of the chain org" in said
    before = run("verify", file).output
    assert "未作任何改动" in run("org", "import", file, EXAMPLE, "--lang", "zh").output
    assert "nothing changed" in run("org", "import", file, EXAMPLE).output
    assert run("verify", file).output == before  # no entry was added
    home = file.with_name(f"{file.name}.home")
    assert (home / "engine.key").is_file()
    run("verify", file, "--contents", home)
    said = run("org", "check", file, "--on", "2019-09-01").output
    assert "2019-09-01: 16 units, 2 vacant or not established" in said and "answers meanwhile" in said
    assert "应建未建" in run("org", "check", file, "--on", "2019-09-01", "--lang", "zh").output


def test_an_import_that_does_not_hold_brings_in_nothing(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(EXAMPLE, folder)
    tenures = folder / "tenures.csv"
    tenures.write_text(tenures.read_text().replace("p001,", "p999,"))
    said = run("org", "import", file, folder, code=2).stderr
    assert "p999" in said and "nothing was imported" in said
    assert "nothing was checked" in run("verify", file, code=2).output


def test_an_import_from_nowhere_is_refused(file: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in run("org", "import", file, tmp_path / "gone", code=2).stderr


# --- running ---------------------------------------------------------------------------------------------------------


def test_one_sweep_fires_what_is_due_and_leaves_a_heartbeat(world: World) -> None:
    """The invented matter was due in 2019; the command sweeps now."""
    assert "no-heartbeat: no node has ever swept" in run("health", world.url, code=1).output
    world.begin("m1")
    assert "unfired-rung: m1 report/1 rung 1" in run("health", world.url, code=1).output
    assert "[措施未触发]" in run("health", world.url, "--lang", "zh", code=1).output
    assert "fired 1, failed 0" in run("tick", world.url, "--home", world.home).output
    for _ in range(2):  # years late, one rung in each sweep
        run("tick", world.url, "--home", world.home)
    said = run("health", world.url, "--every", "600").output
    assert "in all" in said and "entries" in said
    assert "秒前巡查" in run("health", world.url, "--every", "600", "--lang", "zh").output


def test_a_sweep_with_a_broken_rung_says_so(world: World) -> None:
    world.begin("m1")
    with world.engine.db.begin() as connection:
        connection.execute(t.item.update().values(snapshot=b"{}"))
    assert "fired 0, failed 1" in run("tick", world.url, "--home", world.home, code=1).output


def test_a_worker_sweeps_until_it_is_told_to_stop_and_ends_cleanly(world: World) -> None:
    world.begin("m1")
    command = [*COMMAND, "worker", world.url, "--home", str(world.home), "--every", "1", "--lang", "en"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as worker:
        assert worker.stdout is not None and "sweeping every 1 s" in worker.stdout.readline()
        while world.entries("m1") < 3:  # the reminder it came for
            assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=30)
    assert (worker.returncode, out, err) == (0, "stopped\n", "")
    assert world.verify().exit_code == 0
    assert "swept" in run("health", world.url, "--every", "600").output


def test_a_worker_told_to_stop_at_once_stops(file: Path) -> None:
    command = [*COMMAND, "worker", str(file), "--every", "60", "--lang", "zh"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        worker.send_signal(signal.SIGINT)
        assert worker.communicate(timeout=30)[0] == "已停止\n" and worker.returncode == 0


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert run("--version").output.strip() == version("signoff-workflow")


def test_without_arguments_the_commands_are_listed() -> None:
    said = run("--help").output
    assert all(name in said for name in ("db", "org", "verify", "worker", "tick", "health"))


def test_documents_kept_in_the_database_are_verified_and_bundled_from_there(world: World, tmp_path: Path) -> None:
    from workflow.store.contents import DatabaseContentStore

    disk, inside = world.engine.contents, DatabaseContentStore(world.engine.db)
    world.begin("m1", "o3")
    for one in disk.iterate():
        inside.put(disk.get(one))
    told = json.loads(run("verify", world.url, "--contents", "database", "--json").output)
    assert (told["level"], told["contents"]["missing"]) == ("V1", 0) and told["contents"]["checked"] > 0
    out = tmp_path / "m1.wfproof"
    run("bundle", "m1", "--db", world.url, "--out", out, "--contents", "database")
    assert b'"t":"content"' in out.read_bytes()
    for one in list(inside.iterate()):
        inside.remove(one)
    assert json.loads(run("verify", world.url, "--contents", "database", "--json", code=1).output)["contents"][
        "missing"
    ]


def test_the_engines_key_may_lie_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    file, home = tmp_path / "w.db", tmp_path / "home"
    monkeypatch.setenv("WORKFLOW_ENGINE_KEY", base64.b64encode(b"k" * 32).decode())
    run("db", "upgrade", file)
    run("org", "import", file, EXAMPLE, "--home", home)
    assert not (home / "engine.key").exists()
    run("verify", file)
    by = ("--by", "an administrator", "--reason", "invented")
    assert "WORKFLOW_ENGINE_KEY" in run("keys", "rotate", file, "--home", home, *by, code=2).stderr
    monkeypatch.setenv("WORKFLOW_ENGINE_KEY", "c2hvcnQ=")
    refused = run("tick", file, "--home", home, code=2).stderr
    assert "5 bytes" in refused and "c2hvcnQ" not in refused
    monkeypatch.delenv("WORKFLOW_ENGINE_KEY")
    assert "engine.key" in run("tick", file, "--home", home, code=2).stderr


@pytest.mark.parametrize("command", [[], ["migrate"], ["migrate", "plan"], ["worker"]])
def test_the_headings_of_help_are_in_the_reader_s_language(command: list[str]) -> None:
    """And back: what was set for one reader does not stay for the next."""
    for lang, words in (
        ("zh_CN.UTF-8", {"用法:", "选项", "显示此说明后退出"}),
        ("en_US.UTF-8", {"Usage:", "Options", "Show this message and exit."}),
        ("zh_CN.UTF-8", {"用法:", "选项", "显示此说明后退出"}),
    ):
        spoken = {"LANG": lang, "LC_ALL": "", "LC_MESSAGES": ""}
        said = CliRunner(env=spoken).invoke(app, [*command, "--help"]).output
        assert all(word in said for word in words), said
        other = {"Usage", "Options", "Commands", "Arguments", "[required]", "Show this"}
        assert lang.startswith("en") or not any(word in said for word in other), said
