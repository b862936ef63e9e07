"""``workflow serve``: the pages alone, on this machine, for one database. Shows unless told who signs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Home, Lang, home_of, say, say_error, told, url_of

if TYPE_CHECKING:
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
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Show a database in the browser, on this machine only; read only unless --act-as names somebody · 在浏览器中查看"""
    language = cast("Language", lang)
    with told(language):
        import uvicorn

        from workflow import Engine
        from workflow.evidence.content import DiskContentStore
        from workflow_adapters.web import Identity, console

        if act_as:
            engine = Engine.at(url_of(db, language), home_of(db, home, language))
        else:
            inside = _contents(db, home, language)
            store = DiskContentStore(inside) if inside is not None else None
            engine = Engine.looking(url_of(db, language, read_only=True), store)
        person = act_as or see_as
        who = Identity(person=person, operator=not person)
        app = console(engine, lambda _request: who, writes=bool(act_as))
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", server_header=False)
        server, sock = uvicorn.Server(config), _socket(port, language)
        address = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        say(f"{address}  (Ctrl-C 停止)" if lang == "zh" else f"{address}  (Ctrl-C ends it)")
        try:
            server.run(sockets=[sock])
        finally:
            engine.close()


def _socket(port: int, lang: Language) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
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
