"""``workflow backup`` and ``restore``: a checked copy of an office, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.access import noted
from workflow.cli.arguments import Database, Home, Lang, file_of, home_of, say, told, url_of

if TYPE_CHECKING:
    from workflow.backup import Made
    from workflow.errors import Language

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the backup is · 备份目录")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    db: Database,
    folder: Folder,
    key: Annotated[bool, typer.Option("--key", help="The engine's private key too · 含引擎私钥")] = False,
    by: Annotated[str, typer.Option("--by", help="Who takes it; put on record first · 备份人")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, on record with --by · 事由")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Copy an office while it is in use, SQLite or PostgreSQL, and verify the copy · 备份并核验

    The same form from either database: one SQLite file as of one moment, the contents, and a manifest of digests.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.backup import backup as made

        url_of(db, language)  # a file that is not there is told
        noted(db, home, language, "export", by, "backup", reason, quiet=not by)  # one that a timer makes has nobody
        _tell(made(file_of(db) or db, home_of(db, home, language), folder, key=key), language)


def restore(folder: Folder, db: Database, home: Home = None, lang: Lang = "") -> None:
    """Bring a backup back to where nothing stands, and verify what came back · 恢复并核验

    DB is a SQLite file that is not there yet, or an empty PostgreSQL database; whichever the backup was of.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.backup import restore as back

        _tell(back(folder, file_of(db) or db, home_of(db, home, language)), language)


def _tell(made: Made, lang: Language) -> None:
    r = made.report
    if lang == "zh":
        say(f"{made.files} 个文件,{made.size} 字节;核验 {r.level}:记录 {r.entries} 条,材料 {r.contents} 份")
    else:
        say(f"{made.files} files, {made.size} bytes; verified {r.level}: {r.entries} entries, {r.contents} documents")
