"""``workflow backup`` and ``restore``: a checked copy of an office, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, say, told

if TYPE_CHECKING:
    from workflow.backup import Made
    from workflow.errors import Language

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the backup is · 备份目录")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def _file(db: str, lang: Language) -> Path:
    from workflow.errors import Unknown

    path = Path(db.removeprefix("sqlite:///"))
    if "://" in str(path) or "://" in db.removeprefix("sqlite:///"):
        hint = (
            ";PostgreSQL 请用 pg_dump,并备份 --home 目录"
            if lang == "zh"
            else "; for PostgreSQL use pg_dump, and copy the home"
        )
        raise Unknown(kind="SQLite file", name=db, hint=hint)
    return path


def backup(
    db: Database,
    folder: Folder,
    key: Annotated[bool, typer.Option("--key", help="The engine's private key too · 含引擎私钥")] = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Copy a SQLite office while it is in use, and verify the copy · 备份并核验"""
    language = cast("Language", lang)
    with told(language):
        from workflow.backup import backup as made

        path = _file(db, language)
        if not path.is_file():
            raise FileNotFoundError(2, "没有此文件" if language == "zh" else "no such file", str(path))
        _tell(made(path, home_of(db, home, language), folder, key=key), language)


def restore(folder: Folder, db: Database, home: Home = None, lang: Lang = "") -> None:
    """Bring a backup back to where nothing stands, and verify what came back · 恢复并核验"""
    language = cast("Language", lang)
    with told(language):
        from workflow.backup import restore as back

        _tell(back(folder, _file(db, language), home_of(db, home, language)), language)


def _tell(made: Made, lang: Language) -> None:
    r = made.report
    if lang == "zh":
        say(f"{made.files} 个文件,{made.size} 字节;核验 {r.level}:记录 {r.entries} 条,材料 {r.contents} 份")
    else:
        say(f"{made.files} files, {made.size} bytes; verified {r.level}: {r.entries} entries, {r.contents} documents")
