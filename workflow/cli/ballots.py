"""``workflow ballot``: codes and the box for the issuer, keys and the count for scrutineers, a place to vote. None of them
needs the others' secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from typing import cast as typed

import typer

from workflow.cli.arguments import By, Database, Home, Lang, actor, home_of, key_held, say, told, url_of
from workflow.errors import WrongStage

if TYPE_CHECKING:
    from workflow.engine import Engine
    from workflow.errors import Language

group = typer.Typer(
    help="Votes that the engine counts: codes, keys, opening, casting, counting · 投票", no_args_is_help=True
)
SEEN_AT_LEAST = 16  # hex digits of the digest: enough that nobody signs another sheet by mistake
Item = Annotated[str, typer.Argument(metavar="ITEM", help="The item that is voted on · 事项")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="ballot")


def _fresh(path: Path, text: str) -> None:
    """A new file that only its owner reads."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


@group.command()
def codes(
    number: Annotated[int, typer.Option("--number", min=1, max=10_000, help="How many · 张数")],
    out: Annotated[Path, typer.Option("--out", help="The codes, to hand out at random; keep them nowhere · 选票码")],
    hashes: Annotated[Path, typer.Option("--hashes", help="What the engine is told · 交引擎的摘要")],
    lang: Lang = "",
) -> None:
    """Make one-time codes, for the issuer alone; needs no database · 生成一次性选票码(发票人)"""
    from workflow.evidence import ballotbox

    made = ballotbox.new_codes(number)
    with told(typed("Language", lang)):
        _fresh(out, "\n".join(made) + "\n")
        _fresh(hashes, json.dumps(sorted(ballotbox.hash_of_code(c).hex() for c in made), indent=0) + "\n")


@group.command()
def key(
    out: Annotated[Path, typer.Option("--out", help="The private key; it stays with the scrutineer · 私钥文件")],
    lang: Lang = "",
) -> None:
    """Make a scrutineer's key for one vote and print its public part · 生成监票人密钥"""
    from workflow.evidence import ballotbox

    private, public = ballotbox.new_key()
    with told(typed("Language", lang)):
        _fresh(out, private + "\n")
    say(public)


@group.command("open")
def open_(
    db: Database,
    item: Item,
    by: By,
    roll: Annotated[Path, typer.Option("--roll", help="Those who may vote, one id a line · 选民名册,每行一人")],
    hashes: Annotated[
        Path | None, typer.Option("--hashes", help="From `ballot codes`; none in an open vote · 选票码摘要")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="PERSON=PUBLIC KEY of a scrutineer, twice · 监票人=公钥")
    ] = None,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Freeze the roll and open the box, signed by the issuer of the codes · 冻结名册、开箱投票"""
    language = typed("Language", lang)
    with told(language), _held(db, home, language) as engine:
        names = [line.strip() for line in _lines(roll, language) if line.strip()]
        given = _hashes(hashes, language) if hashes is not None else []
        keys = dict(one.partition("=")[::2] for one in key or ())
        engine.open_ballot(item, actor(by), engine.show(item).digest, names, codes=given, keys=keys)
        told_ = engine.case_of(item)[0].ballot
    secret = bool(told_.get("keys"))
    if language == "zh":
        say(f"已开箱:名册 {len(names)} 人,{'无记名' if secret else '记名或人数不足'}")
    else:
        say(
            f"the box is open: {len(names)} on the roll, {'secret' if secret else 'by name, or too few to hide anybody'}"
        )


@group.command()
def status(db: Database, item: Item, home: Home = None, lang: Lang = "") -> None:
    """How many may vote and how many have; who, nobody can tell · 投票进度"""
    language = typed("Language", lang)
    zh = language == "zh"
    with told(language), _held(db, home, language) as engine:
        from workflow import voting

        with engine.look() as desk:
            found = voting.turnout(desk, item)
    if found is None:
        say("未开箱" if zh else "no vote was opened in this stage")
        raise typer.Exit(1)
    over = ("已计票" if zh else "counted") if found.counted else ("投票中" if zh else "open")
    say(f"应到 {found.eligible},已投 {found.cast},{over}" if zh else f"{found.cast} of {found.eligible} voted, {over}")


@group.command()
def cast(
    db: Database,
    item: Item,
    answer: Annotated[list[str], typer.Option("--answer", help="QUESTION=CHOICE; left out is blank · 题目=选项")],
    code: Annotated[str, typer.Option(prompt="code · 选票码", hide_input=True)] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Put one paper into the box; the code is asked for, not shown · 投票"""
    language = typed("Language", lang)
    with told(language), _held(db, home, language) as engine:
        engine.cast(item, code, dict(one.partition("=")[::2] for one in answer))
    say("已投票" if language == "zh" else "the paper is in the box")


@group.command()
def count(
    db: Database,
    item: Item,
    by: By,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key-file", help="The private key of each scrutineer; none in an open vote · 监票人私钥文件"),
    ] = None,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Close the box, open it with all keys together and hand in the sheet, which two then sign · 开箱计票"""
    language = typed("Language", lang)
    zh = language == "zh"
    with told(language), _held(db, home, language) as engine:
        keys = ["".join(_lines(path, language)).strip() for path in key or ()]
        engine.count_ballot(item, actor(by), keys)
        content = _sheet(engine, item, language)
    say(
        f"计票单已提交,请两名监票人核对后签字:workflow ballot sign … --seen {content[:SEEN_AT_LEAST]}"
        if zh
        else f"the sheet is handed in; two scrutineers look at it and sign it: workflow ballot sign … --seen {content[:SEEN_AT_LEAST]}"
    )


@group.command()
def sign(
    db: Database,
    item: Item,
    by: By,
    seen: Annotated[
        str, typer.Option("--seen", help="The sheet as `count` showed it; none: it is shown · 所见内容")
    ] = "",
    opinion: Annotated[str, typer.Option("--opinion", help="In the scrutineer's words · 意见")] = "",
    due: Annotated[
        str, typer.Option("--due", help="YYYY-MM-DD; a failed vote sends back with a date · 限期整改日期")
    ] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Sign the counted sheet as a scrutineer, over exactly what was looked at · 监票人在计票单上签字

    Without --seen the sheet is shown and nothing is signed. Exit code 0: signed. 1: shown only.
    """
    language = typed("Language", lang)
    zh = language == "zh"
    with told(language), _held(db, home, language) as engine:
        if len(seen) < SEEN_AT_LEAST:
            content = _sheet(engine, item, language)
            say(
                f"未签字。核对无误后加 --seen {content[:SEEN_AT_LEAST]}"
                if zh
                else f"nothing is signed. Where it is right, add --seen {content[:SEEN_AT_LEAST]}"
            )
            raise typer.Exit(1)
        case, definition = engine.case_of(item)
        if definition.stage(case.stage).tally is None:
            raise WrongStage(act="ballot sign", expected="a stage whose sheet is counted", actual=case.stage)
        whole = case.content if case.content.startswith(seen) else seen  # another one is refused as stale
        receipt = engine.sign(item, actor(by), whole, opinion=opinion, due=due)
    say(f"已签字,现处 {receipt.stage}" if zh else f"signed; the item stands at {receipt.stage}")


def _sheet(engine: Engine, item: str, language: Language) -> str:
    """Show the sheet of the present vote, and say under which digest it is signed."""
    case, definition = engine.case_of(item)
    tally = definition.stage(case.stage).tally
    figures = case.figures.get(tally.material, {}) if tally is not None else {}
    if tally is None or not figures:
        raise WrongStage(act="ballot sign", expected="a sheet that was counted", actual=case.stage)
    fields = definition.flow.materials[tally.material].fields
    for name, number in figures.items():
        title = fields[name].title if name in fields else None
        say(f"{title.get(language) if title is not None else name}: {number}")
    return case.content


@contextmanager
def _held(db: str, home: Path | None, language: Language) -> Iterator[Engine]:
    from workflow.engine import Engine

    engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
    try:
        yield engine
    finally:
        engine.close()


def _lines(path: Path, language: Language) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _unreadable(path, "UTF-8 文本" if language == "zh" else "text in UTF-8") from None


def _hashes(path: Path, language: Language) -> list[str]:
    """What ``ballot codes`` wrote for the engine; whoever gives the codes themselves is stopped before they get there."""
    try:
        held = json.loads("\n".join(_lines(path, language)))
    except ValueError:
        held = None
    if not isinstance(held, list) or not all(isinstance(h, str) for h in held):
        raise _unreadable(
            path,
            "ballot codes --hashes 写出的文件" if language == "zh" else "the file that `ballot codes --hashes` wrote",
        )
    return held


def _unreadable(path: Path, expected: str) -> typer.Exit:
    typer.echo(f"{path}: {expected}?", err=True)
    return typer.Exit(2)
