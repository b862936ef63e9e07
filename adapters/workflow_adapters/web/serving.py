"""``workflow serve``: the pages alone, on this machine, for one database. Shows unless told who signs."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Home, Lang, home_of, say, say_error, told, url_of

if TYPE_CHECKING:
    from workflow import Engine
    from workflow.errors import Language

PORT = 8350


def register(app: typer.Typer) -> None:
    """Called by the ``workflow`` command, which finds it by its entry point."""
    app.command()(serve)


def serve(
    db: Annotated[
        str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")
    ] = "demo-out/demo.db",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one · 端口")] = PORT,
    act_as: Annotated[
        str,
        typer.Option(
            "--act-as", help="Sign as this person, for trying things out on this machine · 以此人身份办理,仅供本机试用"
        ),
    ] = "",
    see_as: Annotated[
        str, typer.Option("--see-as", help="Show only what this person may see · 以此人的可见范围查看")
    ] = "",
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, max=64, help="Processes that answer, one for each core at most · 进程数"),
    ] = 1,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Show a database in the browser, on this machine only; read only unless --act-as names somebody · 在浏览器中查看"""
    language = cast("Language", lang)
    if workers > 1 and not hasattr(os, "fork"):
        zh, en = (
            "本系统只能使用一个进程:请去掉 --workers",
            "this system can have one process only: leave --workers away",
        )
        say_error(zh if lang == "zh" else en)
        raise typer.Exit(2)
    with told(language):
        import secrets

        gc.disable()  # what is imported stays; looking through it again and again takes a tenth of the start
        try:
            import uvicorn  # noqa: F401  before the database: a server that is not installed is said first

            engine = _engine(db, home, language, act_as)
        except BaseException:
            gc.enable()
            raise
        from workflow_adapters.web import Identity
        from workflow_adapters.web.workers import Served, alone, several

        who = Identity(person=act_as or see_as, operator=not (act_as or see_as))
        served = Served(
            lambda: _engine(db, home, language, act_as), lambda _request: who, bool(act_as), secrets.token_bytes(32)
        )
        sock = _socket(port, language)
        address = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        say(f"{address}  (Ctrl-C 停止)" if lang == "zh" else f"{address}  (Ctrl-C ends it)")
        if workers == 1:
            alone(served, engine, sock)
            return
        engine.close()  # it was opened to hear early what is wrong with it
        if not several(served, sock, workers):
            zh, en = "一个工作进程已退出,其余进程已停止", "a worker ended by itself; the others were stopped"
            say_error(zh if lang == "zh" else en)
            raise typer.Exit(1)


def _engine(db: str, home: Path | None, lang: Language, act_as: str) -> Engine:
    from workflow import Engine
    from workflow.evidence.content import DiskContentStore

    if act_as:
        return Engine.at(url_of(db, lang), _home(db, home, lang))
    inside = _contents(db, home, lang)
    store = DiskContentStore(inside) if inside is not None else None
    return Engine.looking(url_of(db, lang, read_only=True), store)


def _home(db: str, home: Path | None, lang: Language) -> Path:
    """The folder of the engine's key: the one named, else where it lies by itself, or where a demonstration leaves it."""
    named = home_of(db, home, lang)
    left = named.parent / "home"
    return left if home is None and not named.exists() and (left / "engine.key").is_file() else named


def _socket(port: int, lang: Language) -> socket.socket:
    from workflow_adapters.web.workers import listening

    try:
        return listening(port)
    except OSError as error:
        from workflow.errors import why_not

        zh = f"端口 {port} 不能使用:{why_not(error).zh};请另选 --port,0 为任取一个空闲端口"
        en = f"port {port} cannot be used: {why_not(error)}. Choose another with --port; 0 takes a free one"
        say_error(zh if lang == "zh" else en)
        raise typer.Exit(2) from None


def _contents(db: str, home: Path | None, lang: Language) -> Path | None:
    """Where the documents lie: in the folder of the engine's key, or in a folder called home beside the database."""
    from workflow.errors import Unknown

    try:
        named = home_of(db, home, lang)
    except Unknown:
        return None
    return next((f for f in (named / "contents", named.parent / "home" / "contents") if f.is_dir()), None)
