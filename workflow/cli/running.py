"""``workflow worker``, ``tick`` and ``health``: what fires reminders, and whether it does."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, opened, say, told, url_of

if TYPE_CHECKING:
    from workflow.engine import Engine
    from workflow.errors import Language

SECOND = 1_000_000


def register(app: typer.Typer) -> None:
    app.command()(worker)
    app.command()(tick)
    app.command()(health)


def worker(
    db: Database,
    home: Home = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between sweeps · 间隔秒数")] = 5,
    lang: Lang = "",
) -> None:
    """Sweep until told to stop (SIGTERM or Ctrl-C); any number of them on one database · 持续巡查时限

    A sweep in progress is finished first.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.schedule import background, node_name

        engine = _engine(db, home, language)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # before the first word, so that whoever reads it may stop us
            signal.signal(number, lambda _number, _frame: stopped.set())
        scheduler = background(engine, seconds=every)
        scheduler.start()
        say(
            f"{node_name()}:每 {every} 秒巡查一次,SIGTERM 停止"
            if lang == "zh"
            else f"{node_name()}: sweeping every {every} s until SIGTERM"
        )
        stopped.wait()
        scheduler.shutdown(wait=True)
        engine.close()
        say("已停止" if lang == "zh" else "stopped")


def tick(db: Database, home: Home = None, lang: Lang = "") -> None:
    """Sweep once: fire the reminders and proposals whose moment has come; for cron · 巡查一次

    Exit code 0: swept. 1: a rung could not fire and waits for another try. 2: the sweep could not be made.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.schedule import node_name
        from workflow.sweep import tick as sweep

        engine = _engine(db, home, language)
        try:
            swept = sweep(engine, node=node_name())
        finally:
            engine.close()
        say(
            f"触发 {swept.fired},失败 {swept.failed}" if lang == "zh" else f"fired {swept.fired}, failed {swept.failed}"
        )
    if swept.failed:
        raise typer.Exit(1)


def health(
    db: Database,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between sweeps · 巡查间隔秒数")] = 5,
    lang: Lang = "",
) -> None:
    """Tell whether somebody sweeps, and name everything left behind; read only · 运行状况(只读)

    Exit code 0: nothing is left behind. 1: something is. 2: it could not be told.
    """
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language):
        from workflow.clock import moment
        from workflow.engine import Engine
        from workflow.evidence.content import MemoryContentStore
        from workflow.health import health as look
        from workflow.store import beat, database, queries

        with opened(db, language) as connected:
            reader = Engine(connected, _NoKey(), MemoryContentStore())
            found = look(reader, seconds=every)
            with database.reading(connected) as connection:
                beats = beat.all_beats(connection)
                upcoming = queries.next_due(connection)
                entries, size = queries.size(connection)
    for b in beats:
        ago = max(0, (found.at - b["at"]) // SECOND)
        say(
            f"{b['node']}:{ago} 秒前巡查,共触发 {b['fired']}"
            if zh
            else f"{b['node']}: swept {ago} s ago, fired {b['fired']} in all"
        )
    say(f"记录 {entries} 条,{size} 字节" if zh else f"{entries} entries, {size} bytes")
    if upcoming is not None:
        when = moment(upcoming).isoformat(timespec="seconds")
        say(f"下一次触发:{when}" if zh else f"next rung: {when}")
    for fault in found.faults:
        say(f"[{FAULTS[fault.code]}] {fault}" if zh else str(fault))
    if not found.ok:
        raise typer.Exit(1)


FAULTS = {
    "no-heartbeat": "从未巡查",
    "stale-heartbeat": "巡查中断",
    "unfired-rung": "措施未触发",
    "parked-rung": "措施搁置",
    "roll-call-not-held": "应报未核",
    "undelivered": "消息未送达",
}


class _NoKey:
    """Who only looks has nothing to sign with."""

    def key_id(self) -> bytes:
        return bytes(8)

    def public_key(self) -> bytes:
        return bytes(32)

    def sign(self, data: bytes) -> bytes:
        from workflow.errors import KeyUnavailable

        raise KeyUnavailable(name="-", expected="a key to sign with", actual="a command that only reads")


def _engine(db: str, home: Any, lang: Language) -> Engine:
    from workflow.engine import Engine

    return Engine.at(url_of(db, lang), home_of(db, home, lang), upgrade=False)
