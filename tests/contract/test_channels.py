"""Notices on their way out: the wiring of scheduler, tick and channels, on each database."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import sqlalchemy as sa
from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from typer.testing import CliRunner

from tests.contract.weekly import Weekly, make_weekly
from tests.contract.world import World
from workflow import channels
from workflow.channels import Console, Drop, channel, record
from workflow.cli.main import app
from workflow.clock import SystemClock, moment
from workflow.delivery import LEASE, Notice, Policy, deliver
from workflow.errors import Unknown
from workflow.schedule import attach, once
from workflow.store import beat, tables


@pytest.fixture
def weekly(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    """Eleven organisations owe a report since this noon; nobody has swept yet."""
    made = make_weekly(database_url, tmp_path / "home", start="2019-09-12 09:00")
    made.at("2019-09-16 12:00")
    yield made
    made.engine.close()


def dropped(folder: Path) -> list[dict]:
    return [json.loads(path.read_bytes()) for path in sorted(folder.iterdir())]


def test_one_round_sweeps_and_hands_over_what_the_sweep_wrote(weekly: Weekly, tmp_path: Path) -> None:
    """The outbox row stands in the transaction of its rung, and the round hands it over."""
    box = tmp_path / "box"
    done = once(weekly.engine, node="n", send=Drop(box))
    assert (done.swept.opened, done.swept.fired) == (11, 11)
    assert (done.delivered.notices, done.delivered.messages, done.delivered.failed) == (22, 22, 0)
    files = dropped(box)
    with weekly.engine.reading() as connection:
        keys = set(connection.execute(sa.select(tables.outbox.c.dedupe)).scalars())
    assert {m["key"] for f in files for m in f["messages"]} == keys and len(files) == 22
    assert all(f["v"] == 1 and f["recipient"] and "提醒" in f["messages"][0]["zh"] for f in files)
    again = once(weekly.engine, node="n", send=Drop(box))
    assert (again.swept.fired, again.delivered.notices) == (0, 0) and len(dropped(box)) == 22


def test_a_notice_dropped_twice_is_one_file_and_whole(weekly: Weekly, tmp_path: Path) -> None:
    drop, box = Drop(tmp_path / "box"), tmp_path / "box"
    once(weekly.engine)

    class Died(BaseException):
        pass

    def dies(notice: Notice) -> None:
        drop(notice)
        raise Died

    with pytest.raises(Died):
        deliver(weekly.engine, dies)
    before = {p.name: p.read_bytes() for p in box.iterdir()}
    assert len(before) == 1
    weekly.clock.set(weekly.clock.now() + LEASE)
    assert deliver(weekly.engine, drop).notices == 22
    assert len(list(box.iterdir())) == 22 and all((box / n).read_bytes() == b for n, b in before.items())


def test_a_folder_that_cannot_be_written_loses_nothing_and_blocks_nobody(weekly: Weekly, tmp_path: Path) -> None:
    drop, box = Drop(tmp_path / "box"), tmp_path / "box"
    box.rmdir()
    box.write_text("a file where the folder should be")
    done = once(weekly.engine, send=drop)
    assert (done.delivered.notices, done.delivered.failed) == (0, 22)
    box.unlink()
    box.mkdir()
    weekly.clock.set(weekly.clock.now() + LEASE)
    assert deliver(weekly.engine, drop).messages == 22


def test_a_hosts_own_scheduler_sweeps_delivers_and_looks_at_what_is_kept_in_jobs_that_survive_anything(
    weekly: Weekly, tmp_path: Path
) -> None:
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start(paused=True)  # nothing runs by itself: the test calls the jobs
    sweeps = attach(weekly.engine, scheduler, node="host", send=Drop(tmp_path / "box"))
    jobs = {job.id: job for job in scheduler.get_jobs()}
    assert sweeps.id in jobs and len(jobs) == 4
    assert all(j.coalesce and j.max_instances == 1 and j.misfire_grace_time is None for j in jobs.values())
    words = ("-deliver-", "-keeping-", "-calendars-")
    delivers, keeps, counts = (next(j for n, j in jobs.items() if word in n) for word in words)
    counts.func()
    keeps.func()
    delivers.func()
    assert dropped(tmp_path / "box") == []
    sweeps.func()
    counts.func()
    delivers.func()
    assert len(dropped(tmp_path / "box")) == 22
    with weekly.engine.db.begin() as connection:
        connection.execute(sa.text("DROP TABLE wf_outbox"))
    delivers.func()  # told in the log, and the next time comes
    keeps.func()
    scheduler.shutdown(wait=False)


@pytest.mark.parametrize("kind", [BackgroundScheduler, AsyncIOScheduler])
def test_a_hosts_scheduler_may_keep_its_own_jobs_in_a_database_and_run_them_in_processes(
    kind: type, weekly: Weekly, tmp_path: Path
) -> None:
    """Ours cannot be written down or sent to a process, and are neither; another engine may share the scheduler."""
    kept = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    swept = threading.Event()

    async def run() -> None:
        scheduler = kind(jobstores={"default": kept}, executors={"default": ProcessPoolExecutor(1)}, timezone="UTC")
        sweeps = attach(weekly.engine, scheduler, node="host")
        again = make_weekly(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "other")
        attach(again.engine, scheduler, node="other")
        scheduler.add_listener(lambda event: swept.set() if event.job_id == sweeps.id else None, EVENT_JOB_EXECUTED)
        scheduler.start(paused=True)
        assert len(scheduler.get_jobs()) == 6 and kept.get_all_jobs() == []
        sweeps.modify(next_run_time=moment(SystemClock().now()))
        scheduler.resume()
        assert await asyncio.to_thread(swept.wait, 30)
        scheduler.shutdown()
        again.engine.close()

    asyncio.run(run())
    with weekly.engine.reading() as connection:
        assert [b["node"] for b in beat.all_beats(connection)] == ["host"]


def test_the_console_says_whom_and_what_in_either_language(weekly: Weekly) -> None:
    for lang, word in (("zh", "【提醒】事项"), ("en", "reminder: item")):
        out = io.StringIO()
        weekly.clock.set(weekly.clock.now() + 1)
        with weekly.engine.db.begin() as connection:
            connection.execute(tables.outbox.update().values(sent_at=None, next_try_at=0))
        once(weekly.engine, send=Console(lang, out))
        lines = out.getvalue().splitlines()
        assert len(lines) == 22 and all(word in line for line in lines)
        assert any(line.startswith("o7-secretary: ") for line in lines)


def test_a_package_may_offer_a_channel_and_an_unknown_one_is_told_which_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Source: S1 「运用好微信」, R217."""
    offered = EntryPoint("pager", f"{__name__}:pager", channels.GROUP)
    monkeypatch.setattr(channels, "entry_points", lambda group: [offered] if group == channels.GROUP else [])
    monkeypatch.setattr(EntryPoint, "load", lambda self: pager)
    send = channel("pager:night-shift")
    send(Notice("k", "p", (), 1))
    assert PAGED == [("night-shift", "k")]
    assert isinstance(channel(f"drop:{tmp_path / 'x'}"), Drop) and isinstance(channel("console:"), Console)
    for wrong in ("pigeon:loft", "drop:", "drop"):
        with pytest.raises(Unknown, match=r"drop:FOLDER, console:, pager:"):
            channel(wrong)


PAGED: list[tuple[str, str]] = []


def pager(rest: str):
    return lambda notice: PAGED.append((rest, notice.key))


def test_what_is_told_of_a_notice_is_the_same_at_every_try() -> None:
    one = Notice("k", "p", (), 1)
    assert record(one) == record(Notice("k", "p", (), 7)) == {"v": 1, "key": "k", "recipient": "p", "messages": []}


@pytest.mark.parametrize(
    ("quiet", "digest", "zone"),
    [("21:00", "", ""), ("21:00-21:00", "", ""), ("9-8", "", ""), ("", "25:00", ""), ("", "", "Mars/Olympus")],
)
def test_hours_that_are_no_hours_are_refused_in_a_sentence(quiet: str, digest: str, zone: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, KeyError)):
        Policy.of(quiet, digest, zone or "Asia/Shanghai")
    (tmp_path / "x.db").touch()
    command = ["tick", str(tmp_path / "x.db"), "--quiet", quiet, "--digest", digest, "--zone", zone or "UTC"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert Policy.of("21:00-08:00", "17:30, 08:30") == Policy(quiet=("21:00", "08:00"), digest=("08:30", "17:30"))


def test_a_tick_of_the_command_delivers_and_says_how_much(world: World, tmp_path: Path) -> None:
    world.begin("m1")  # due in 2019; the command sweeps now
    box = tmp_path / "box"
    command = ["tick", world.url, "--home", str(world.home), "--lang", "en", "--deliver"]
    runner = CliRunner()
    result = runner.invoke(app, [*command, f"drop:{box}"])
    assert result.exit_code == 0, result.output
    assert "handed over 1 notices with 1 messages, 0 not" in result.output
    assert [f["recipient"] for f in dropped(box)] == ["o1-secretary"]
    assert runner.invoke(app, [*command, "pigeon:"]).exit_code == 2
