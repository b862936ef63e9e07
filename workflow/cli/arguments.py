"""What the commands share: which database is meant, in which language to speak, and how an error is told."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workflow.acts import Actor
    from workflow.errors import Language
    from workflow.evidence.keys import KeyProvider

COULD_NOT = 2  # the exit code of whatever could not be done or checked
ENGINE_KEY = "WORKFLOW_ENGINE_KEY"


def _language(given: str) -> str:
    if given in ("zh", "en"):
        return given
    if given:
        raise wrong(f"expected zh or en; got {given}", f"应为 zh 或 en;实为 {given}")
    named = next((v for v in map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG")) if v), "")
    return "zh" if named.startswith("zh") else "en"


def spoken(words: Sequence[str]) -> str:
    """The language of a command line that may be wrong: what ``--lang`` says in it, else the terminal's."""
    said = re.search(r"--lang[ =](zh|en)\b", " ".join(words))
    return said[1] if said else _language("")


def wrong(en: str, zh: str, at: str | None = None) -> typer.BadParameter:
    """What is wrong with a command line, to be raised; told in the reader's language. ``at`` names the option."""
    from workflow.errors import Said

    return typer.BadParameter(Said(en, zh), param_hint=at)


Database = Annotated[
    str,
    typer.Argument(metavar="DB", help="A SQLite file, or a URL such as postgresql://host/name · 数据库文件或 URL"),
]
Lang = Annotated[
    str,
    typer.Option("--lang", callback=_language, help="zh or en; from LANG when not given · 语言", show_default=False),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", "--preview", help="Say what would happen, item by item; change nothing · 试运行,不作改动"
    ),
]
By = Annotated[
    str, typer.Option("--by", metavar="PERSON/POST@UNIT", help="Who does it, in which post · 办理人及其职务")
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="WORKFLOW_HOME",
        help="The folder with the engine's key and contents; DB.home beside a SQLite file when not given · 密钥与内容目录",
    ),
]


def url_of(db: str, lang: Language, *, new: bool = False, read_only: bool = False) -> str:
    """The SQLAlchemy URL of a database argument.

    Args:
        new: a SQLite file that is not there yet may be made.

    Raises:
        Unknown: there is no such file.
    """
    from workflow.errors import Said, Unknown
    from workflow.store.database import file_url

    path = file_of(db)
    if path is None:
        return db
    if not new and not path.is_file():
        hint = Said(". Look at the path; workflow db upgrade makes one", ",请核对路径;新建请运行:workflow db upgrade")
        raise Unknown(kind="database file", name=db, hint=hint)
    return file_url(path, read_only=read_only)


@contextmanager
def opened(db: str, lang: Language, *, new: bool = False) -> Iterator[Any]:
    """The database of an argument, to be read only unless it may be ``new``; let go at the end.

    Raises:
        Unknown: there is no such file. DatabaseOld, DatabaseNewer: it is to be read, and has other tables.
    """
    from workflow.store import database, schema

    engine = database.connect(url_of(db, lang, new=new, read_only=not new), read_only=not new)
    try:
        if not new:
            schema.check(engine)
        yield engine
    finally:
        engine.dispose()


def actor(given: str) -> Actor:
    """Who acts, of ``p7/secretary@g1`` or ``p7,secretary,g1``.

    Raises:
        Unknown: it is written otherwise.
    """
    from workflow.acts import Actor
    from workflow.errors import Said, Unknown

    parts = re.fullmatch(r"([^/@,]+)(?:/([^/@,]+)@|,([^/@,]+),)([^/@,]+)", given)
    if parts is None:
        hint = Said("; write PERSON/POST@UNIT, such as p7/secretary@g1", ",应写作 人员/职务@单位,如 p7/secretary@g1")
        raise Unknown(kind="actor", name=given, hint=hint)
    return Actor(parts[1], parts[2] or parts[3], parts[4])


def key_held() -> KeyProvider | None:
    """The engine's key where the environment holds it (``WORKFLOW_ENGINE_KEY``, base64 of 32 bytes); None: in a file.

    Raises:
        KeyUnavailable: the variable holds anything else. Its value is never quoted.
    """
    if ENGINE_KEY not in os.environ:
        return None
    from workflow.evidence.keys import EnvironmentKeyProvider

    return EnvironmentKeyProvider(ENGINE_KEY)


def home_of(db: str, home: Path | None, lang: Language) -> Path:
    """The folder with the engine's key and contents.

    Raises:
        Unknown: none was given and the database is no file that one could stand beside.
    """
    from workflow.errors import Said, Unknown

    path = file_of(db)
    if home is not None:
        return home
    if path is None:
        raise Unknown(kind="folder for the engine's key", name=db, hint=Said("; give --home", ";请用 --home 指定"))
    return path.with_name(f"{path.name}.home")


def file_of(db: str) -> Path | None:
    """The SQLite file that is meant, or None for another database."""
    if "://" not in db:
        return Path(db)
    rest = db.removeprefix("sqlite:///")
    return None if rest == db or not rest or rest.startswith("file:") or "?" in rest else Path(rest)


@contextmanager
def told(lang: Language) -> Iterator[None]:
    """Whatever goes wrong inside is told in one sentence, and the command ends with exit code 2."""
    from workflow.errors import WorkflowError, why_not

    try:
        yield
    except WorkflowError as error:
        say_error(error.text(lang))
        raise typer.Exit(COULD_NOT) from None
    except BrokenPipeError:
        raise  # whoever read our output has seen enough; typer ends quietly
    except OSError as error:
        say_error(f"{error.filename or '-'}: {why_not(error).get(lang)}")
        raise typer.Exit(COULD_NOT) from None
    except Exception as error:
        if not _of_the_driver(error):
            raise
        first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        say_error(f"无法使用该数据库:{first}" if lang == "zh" else f"the database cannot be used: {first}")
        raise typer.Exit(COULD_NOT) from None


def _of_the_driver(error: Exception) -> bool:
    from workflow.store.database import DriverError

    return isinstance(error, DriverError)


def say(text: str) -> None:
    typer.echo(text)


def say_error(text: str) -> None:
    typer.echo(text, err=True)


def on_a_terminal() -> bool:
    """Whether a person is watching."""
    return sys.stderr.isatty()
