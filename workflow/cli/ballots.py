"""``workflow ballot``: codes for the issuer, keys for scrutineers, a place to vote. None of them needs the others' secrets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from typing import cast as typed

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language

group = typer.Typer(help="Secret votes: codes, keys, casting · 无记名投票", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="ballot")


def _fresh(path: Path, text: str) -> None:
    """A new file that only its owner reads."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        typer.echo(f"{path}: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


@group.command()
def codes(
    number: Annotated[int, typer.Option("--number", min=1, max=10_000, help="How many · 张数")],
    out: Annotated[Path, typer.Option("--out", help="The codes, to hand out at random; keep them nowhere · 选票码")],
    hashes: Annotated[Path, typer.Option("--hashes", help="What the engine is told · 交引擎的摘要")],
) -> None:
    """Make one-time codes, for the issuer alone; needs no database · 生成一次性选票码(发票人)"""
    from workflow.evidence import ballotbox

    made = ballotbox.new_codes(number)
    _fresh(out, "\n".join(made) + "\n")
    _fresh(hashes, json.dumps(sorted(ballotbox.hash_of_code(c).hex() for c in made), indent=0) + "\n")


@group.command()
def key(
    out: Annotated[Path, typer.Option("--out", help="The private key; it stays with the scrutineer · 私钥文件")],
) -> None:
    """Make a scrutineer's key for one vote and print its public part · 生成监票人密钥"""
    from workflow.evidence import ballotbox

    private, public = ballotbox.new_key()
    _fresh(out, private + "\n")
    say(public)


@group.command()
def cast(
    db: Database,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item that is voted on · 事项")],
    answer: Annotated[list[str], typer.Option("--answer", help="QUESTION=CHOICE; left out is blank · 题目=选项")],
    code: Annotated[str, typer.Option(prompt="code · 选票码", hide_input=True)] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Put one paper into the box; the code is asked for, not shown · 投票"""
    language = typed("Language", lang)
    with told(language):
        from workflow.engine import Engine

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            engine.cast(item, code, dict(one.partition("=")[::2] for one in answer))
        finally:
            engine.close()
    say("已投票" if language == "zh" else "the paper is in the box")
