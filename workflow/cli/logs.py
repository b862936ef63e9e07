"""``workflow log``: the transparency log over all entries; and ``workflow log cosign``, to be a witness of another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, key_held, opened, say, told, url_of, wrong
from workflow.cli.warned import warned

if TYPE_CHECKING:
    from workflow.engine import Engine
    from workflow.errors import Language
    from workflow.logbook import Published
    from workflow.witness import Witness

group = typer.Typer(
    help="The log that auditors and witnesses check against · 可供核验与见证的日志", no_args_is_help=True
)
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Also write the checkpoint to a file to be kept · 另存检查点")
]
Algorithm = Annotated[str, typer.Option("--algorithm", help="The log's hash: sha256 or sm3 · 杂凑算法")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="log")


@contextmanager
def _engine(db: str, home: Path | None, language: Language, *, restored: bool = False) -> Iterator[tuple[Engine, Path]]:
    """The engine under the name that the database's log has."""
    from workflow.engine import Engine

    folder = home_of(db, home, language)
    engine = Engine.at(url_of(db, language), folder, upgrade=False, key=key_held(), restored=restored)
    try:
        yield engine, folder
    finally:
        engine.close()


@group.command()
def sequence(db: Database, home: Home = None, lang: Lang = "") -> None:
    """Bring every entry that is not in the log yet into it; for cron, on any node · 将新记录编入日志"""
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as (engine, _):
        from workflow.errors import Unknown
        from workflow.sequencer import drain

        drained = drain(engine.db)
        if drained.epoch == 0:
            hint = ";请先运行:workflow log checkpoint" if lang == "zh" else "; begin it: workflow log checkpoint"
            raise Unknown(kind="log", name=engine.origin, hint=hint)
    say(
        f"新编入 {drained.added} 条,日志共 {drained.size} 条"
        if lang == "zh"
        else f"{drained.added} entries added; the log has {drained.size}"
    )


@group.command()
def checkpoint(
    db: Database, home: Home = None, out: Out = None, algorithm: Algorithm = "sha256", lang: Lang = ""
) -> None:
    """Sign the log as it stands; the first time, begin it · 签署检查点

    Refuses, with exit code 2, when the database, the clock and the lock beside the key do not fit each other. Keep the
    folder of the key and the lock out of the database's backup. --algorithm counts only for a log that is begun now.
    """
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as (engine, folder):
        from workflow.logbook import Logbook

        book = Logbook.at(engine, folder, algorithm=algorithm)
        book.sequence()
        _show(book.checkpoint(), out)


@group.command()
def heads(
    db: Database,
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="The node, in --zone; now · 节点时间"),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="The zone of --at · 时区")] = "Asia/Shanghai",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Fix the last entry of every chain at a dated node, so that what is lacking can be proven · 固定节点时各链末条记录"""
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as (engine, folder):
        from zoneinfo import ZoneInfo

        from workflow.clock import micros
        from workflow.logbook import Logbook

        book = Logbook.at(engine, folder)
        with engine.reading() as connection:
            node = micros(at.replace(tzinfo=ZoneInfo(zone))) if at else engine.now(connection)
        fixed = book.heads(node)
        book.sequence()
        made = book.checkpoint()
    say(
        f"已固定 {fixed.tree.size} 条链,log#{fixed.seq},检查点大小 {made.size}"
        if lang == "zh"
        else f"{fixed.tree.size} chains fixed by log#{fixed.seq}, under the checkpoint of size {made.size}"
    )


@group.command()
def witness(
    db: Database,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The witness's key, name+hash+base64 · 见证方公钥")],
    url: Annotated[str, typer.Option("--url", help="Ask it over HTTP · 经网络请求")] = "",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Ask it by files carried there and back · 经文件交换")
    ] = None,
    home: Home = None,
    out: Out = None,
    lang: Lang = "",
) -> None:
    """Have the newest checkpoint cosigned by a witness · 请见证方联署

    Exit code 0: it is cosigned. 1: a request lies in the folder; carry it there, the answer back, and run this again.
    """
    language = cast("Language", lang)
    if bool(url) == bool(folder):
        raise wrong("expected --url or --folder", "须指定 --url 或 --folder 之一")
    with told(language), _engine(db, home, language) as (engine, kept):
        from workflow.errors import Said, WitnessRefused
        from workflow.evidence.checkpoint import BadNote, NoteKey
        from workflow.logbook import Logbook, published
        from workflow.witness import post

        try:
            known = NoteKey.parse(key)
        except BadNote as bad:
            wanted = Said("a key, NAME+HASH+BASE64", "公钥 NAME+HASH+BASE64")
            raise WitnessRefused(witness=key[:40], expected=wanted, actual=bad.reason) from None
        book = Logbook.at(engine, kept)
        if url:
            book.ask(known, post(url))
        elif folder and not book.exchange(known, folder):
            say(
                f"请将 {folder} 中的请求送达见证方"
                if lang == "zh"
                else f"a request lies in {folder}; carry it to the witness"
            )
            raise typer.Exit(1)
        with engine.reading() as connection:
            found = published(connection)
        assert found is not None
        _show(found, out)


@group.command()
def epochs(
    db: Database,
    opening: Annotated[bool, typer.Option("--open", help="Begin a new tree over all entries · 开启新纪元")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, in plain words; on record for good · 原因")] = "",
    by: Annotated[str, typer.Option("--by", help="Who answers for it · 责任人")] = "",
    algorithm: Algorithm = "",
    home: Home = None,
    out: Out = None,
    lang: Lang = "",
) -> None:
    """List the log's epochs and keys, or open a new one: for another hash or key, or after a loss that nothing can mend · 日志纪元

    The way through an honest restore: restore what can be restored, then --open with a reason. The new epoch cites the
    checkpoint that was lost, and has a name of its own that witnesses and auditors must consent to.
    """
    language = cast("Language", lang)
    with told(language):
        if opening:
            if not reason or not by:
                raise wrong("expected --reason and --by", "须填写原因(--reason)与责任人(--by)")
            with _engine(db, home, language, restored=True) as (engine, folder):
                from workflow.epochs import open_epoch

                _show(open_epoch(engine, folder, reason=reason, by=by, algorithm=algorithm or None), out)
            return
        from workflow.store import database, library
        from workflow.store import log as store

        with opened(db, language) as read_only, database.reading(read_only) as connection:
            for one in store.epochs(connection):
                signed = store.checkpoints(connection, one.epoch)
                cites = f"  <- {one.previous}" if one.previous else ""
                size = signed[-1].size if signed else 0
                said = f"共 {one.size} 条,已签署 {size}" if lang == "zh" else f"{one.size} entries, {size} signed"
                say(f"{one.epoch}  {one.origin}  {one.algorithm}  {said}{cites}")
                say(f"   {library.meta(connection, f'log/{one.epoch}')}")


Logs = Annotated[
    Path | None,
    typer.Option(
        "--logs",
        help="A file with the keys of the logs to watch (workflow log epochs prints them), one a line, sm3 behind a key "
        "where so · 所见证日志的公钥文件",
    ),
]
Own = Annotated[Path, typer.Option("--home", help="The witness's own folder: its key and its memory · 见证方目录")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The witness's name · 见证方名称")]


@group.command()
def cosign(
    name: Name,
    inbox: Annotated[Path, typer.Argument(metavar="INBOX", help="Where *.request files come in · 请求目录")],
    outbox: Annotated[Path, typer.Argument(metavar="OUTBOX", help="Where *.answer files go · 应答目录")],
    logs: Logs = None,
    home: Own = Path("witness"),
    lang: Lang = "",
) -> None:
    """Be a witness: cosign what continues what was seen before, by files · 作为见证方联署

    Prints the witness's key, for those who ask it. Exit code 1: something was not cosigned.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.errors import Unknown

        for folder in (inbox, outbox):
            if not folder.is_dir():
                raise Unknown(kind="目录" if language == "zh" else "folder", name=str(folder))
        made = _witness(name, logs, home)
        say(str(made.key))
        answered = made.serve_folder(inbox, outbox)
    for request, answer in answered.items():
        say(f"{request}: {answer.said.get(language)}")
    if any(answer.status != 200 for answer in answered.values()):
        raise typer.Exit(1)


@group.command()
def attend(
    name: Name,
    logs: Logs = None,
    home: Own = Path("witness"),
    host: Annotated[
        str, typer.Option("--host", help="The address to answer at; behind a proxy with https · 监听地址")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one · 端口")] = 8360,
    lang: Lang = "",
) -> None:
    """Be a witness over HTTP (POST /add-checkpoint) until told to stop (SIGTERM or Ctrl-C) · 经网络见证

    Whoever wants it to cosign runs workflow log witness DB KEY --url ADDRESS. It says nothing else to anybody.
    """
    language = cast("Language", lang)
    with told(language), warned(language):
        import signal
        import threading

        from workflow.cli.attending import server

        made = _witness(name, logs, home)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stopped.set())
        with server(made, host, port) as answering:
            thread = threading.Thread(target=answering.serve_forever, daemon=True)
            thread.start()
            say(str(made.key))
            address = f"http://{host}:{answering.server_port}"
            say(f"{address}(SIGTERM 停止)" if language == "zh" else f"{address}  (until SIGTERM)")
            stopped.wait()
            answering.shutdown()
            thread.join()
        say("已停止" if language == "zh" else "stopped")


def _witness(name: str, logs: Path | None, home: Path) -> Witness:
    """The witness of a folder, made with a key of its own where there is none yet."""
    from workflow.errors import Said, WitnessRefused
    from workflow.evidence.checkpoint import BadNote
    from workflow.evidence.keys import FileKeyProvider
    from workflow.witness import TrustedLog, Witness

    text = logs.read_text(encoding="utf-8") if logs else ""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "witness.key"
    key = FileKeyProvider(path) if path.exists() else FileKeyProvider.create(path)
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    try:
        return Witness(name, key, home / "seen", map(TrustedLog.parse, lines))
    except BadNote as bad:
        wanted = Said("a name, and keys of logs in --logs", "名称,以及 --logs 中的日志公钥")
        raise WitnessRefused(witness=name, expected=wanted, actual=bad.reason) from None


def _show(found: Published, out: Path | None) -> None:
    if out is not None:
        out.write_text(str(found.note), encoding="utf-8")
    say(str(found.note).rstrip("\n"))
