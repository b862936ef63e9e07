"""``workflow keys``: which keys there are, what became of them, and the events that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import (
    ENGINE_KEY,
    Database,
    Home,
    Lang,
    home_of,
    key_held,
    opened,
    say,
    say_error,
    told,
    url_of,
    wrong,
)

if TYPE_CHECKING:
    from workflow.engine import Engine
    from workflow.errors import Language

group = typer.Typer(
    help="Keys of nodes, of the log, of witnesses and of signers, and what became of them · 密钥的登记、移交与吊销",
    no_args_is_help=True,
)
By = Annotated[str, typer.Option("--by", help="Who answers for it · 责任人")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in plain words; on record for good · 原因")]
Use = Annotated[str, typer.Option("--use", help="engine, checkpoint, witness or signer · 密钥用途")]
HOUR = 3_600_000_000


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="keys")


@contextmanager
def _engine(
    db: str, home: Path | None, language: Language, new_key: tuple[str, str] | None = None
) -> Iterator[tuple[Engine, Path]]:
    from workflow.engine import Engine

    folder = home_of(db, home, language)
    engine = Engine.at(url_of(db, language), folder, upgrade=False, key=key_held(), new_key=new_key)
    try:
        yield engine, folder
    finally:
        engine.close()


def _answered_for(by: str, reason: str) -> None:
    if not by or not reason:
        raise wrong("expected --by and --reason", "须填写责任人(--by)与原因(--reason)")


@group.command("list")
def list_(db: Database, lang: Lang = "") -> None:
    """List every key with what became of it, read only · 列出密钥"""
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language):
        from workflow.keybook import ring
        from workflow.store import database, library

        with opened(db, language) as connected, database.reading(connected) as connection:
            held, named = ring(connection), library.engine_keys(connection)
    for key in sorted(held.keys.values(), key=lambda k: k.seq):
        say(f"{key.use:10} {key.id}  {key.of or '-'}  {key.algorithm}  {_state(key, zh)}  keys#{key.seq}  {key.public}")
    for key_id in sorted(named.keys() - {k.id for k in held.keys.values() if k.use == "engine"}):
        state = "尚无密钥事项" if zh else "no key event yet"
        say(f"{'engine':10} {key_id}  -  ed25519  {state}  {named[key_id]}")


@group.command()
def policy(
    db: Database,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; printed without one · 输出文件")] = None,
    lang: Lang = "",
) -> None:
    """Print the policy that pins what this database says of itself, read only · 输出核验策略草稿

    It proves nothing by itself. Whoever relies on it compares every key with what reached them another way, and keeps it
    outside: an auditor who takes policy and database from the same hand has learnt what that hand wanted.
    """
    language = cast("Language", lang)
    with told(language):
        import json

        from workflow.audit import as_named_here
        from workflow.store import database

        with opened(db, language) as connected, database.reading(connected) as connection:
            text = json.dumps(as_named_here(connection), ensure_ascii=False, indent=1)
        if out is not None:
            out.write_text(text + "\n", encoding="utf-8")
        else:
            say(text)
    say_error(
        "以上只是该库的自述:请逐一与另行送达的公钥核对后再用,并存放于系统之外"
        if language == "zh"
        else "this is what the database says of itself: compare every key with what reached you another way, and keep it outside"
    )


def _state(key: Any, zh: bool) -> str:
    from workflow.clock import moment

    if key.since is not None:
        when = f"{moment(key.since):%Y-%m-%dT%H:%M:%SZ}"
        return f"已吊销,自 {when} 起不可信" if zh else f"revoked, not good since {when}"
    if key.until is not None:
        when = f"{moment(key.until):%Y-%m-%dT%H:%M:%SZ}"
        return f"已移交,有效至 {when}" if zh else f"handed over, good until {when}"
    if not key.vouched:
        return "有效,未经原密钥签署" if zh else "good; no older key signed for it"
    return "有效" if zh else "good"


@group.command()
def new(db: Database, by: By = "", reason: Reason = "", home: Home = None, lang: Lang = "") -> None:
    """Make an engine key for this node where the database names others already: for another node, or after a loss · 为本节点新建密钥

    It is registered for good as a key that no older one signed for, and every verification says so.
    """
    language = cast("Language", lang)
    _answered_for(by, reason)
    with told(language), _engine(db, home, language, (by, reason)) as (engine, _):
        key_id = engine.key.key_id().hex()
    say(f"引擎密钥:{key_id}" if lang == "zh" else f"engine key: {key_id}")


@group.command()
def rotate(
    db: Database,
    by: By = "",
    reason: Reason = "",
    grace: Annotated[
        int,
        typer.Option("--grace", min=0, help="Hours for which processes may go on with the old key · 旧密钥宽限小时数"),
    ] = 1,
    use: Annotated[str, typer.Option("--use", help="engine, or checkpoint: the log's key · 密钥用途")] = "engine",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Hand over from this node's engine key, or the log's, to a new one; both sign · 移交引擎密钥或日志密钥

    Restart the node's processes within the hours of --grace: what the old key seals later is reported for good. With
    --use checkpoint the new key signs a new epoch of the log, to which witnesses and auditors must consent.
    """
    language = cast("Language", lang)
    _answered_for(by, reason)
    if use not in ("engine", "checkpoint"):
        raise wrong(f"expected engine or checkpoint; got {use}", f"用途应为 engine 或 checkpoint;实为 {use}")
    if use == "checkpoint":
        with told(language), _engine(db, home, language) as (engine, folder):
            from workflow.epochs import hand_over_key

            key, first = hand_over_key(engine, folder, reason=reason, by=by)
        say(
            f"日志密钥已移交 {key.key_id().hex()};新纪元 {first.epoch}:{first.origin},请告知见证方与审计方"
            if lang == "zh"
            else f"the log's key is now {key.key_id().hex()}; epoch {first.epoch}, {first.origin}: tell witnesses and auditors"
        )
        return
    with told(language), _engine(db, home, language) as (engine, folder):
        if key_held() is not None:
            from workflow.errors import KeyUnavailable, Said

            mend = Said(
                f"a key in the file engine.key (mend for {ENGINE_KEY}: put another key there, then workflow keys new)",
                f"存于 engine.key 文件的密钥(密钥在 {ENGINE_KEY} 时:先换上新值,再运行 workflow keys new)",
            )
            raise KeyUnavailable(
                name=ENGINE_KEY, expected=mend, actual=Said("a key in the environment", "环境变量中的密钥")
            )
        from workflow.keybook import handed_over, settle
        from workflow.store import database

        path = folder / "engine.key"
        with database.writing(engine.db) as connection:
            at = engine.now(connection)
            old, made = handed_over(connection, path, at=at, until=at + grace * HOUR, by=by, reason=reason)
        settle(path)
    say(
        f"{old.id} 移交 {made.id};请在 {grace} 小时内重启本节点各进程"
        if lang == "zh"
        else f"{old.id} handed over to {made.id}; restart this node's processes within {grace} hour(s)"
    )


@group.command("register")
def register_(
    db: Database,
    use: Use,
    of: Annotated[str, typer.Option("--of", help="Whose: a person, a witness, a log · 归属")],
    key: Annotated[str, typer.Option("--key", help="The public key: hex, or name+hash+base64 of a witness · 公钥")],
    algorithm: Annotated[str, typer.Option("--algorithm", help="ed25519, sm2, … · 算法")] = "ed25519",
    by: By = "",
    reason: Reason = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Register a public key of a signer, a witness or a log's checkpoints · 登记公钥"""
    language = cast("Language", lang)
    _answered_for(by, reason)
    if use not in ("checkpoint", "witness", "signer"):
        raise wrong(
            f"expected checkpoint, witness or signer; got {use}. A node's own: workflow keys new",
            f"用途应为 checkpoint、witness 或 signer;实为 {use}。本节点自己的密钥:workflow keys new",
        )
    with told(language), _engine(db, home, language) as (engine, _):
        from workflow.keybook import Keybook
        from workflow.store import database

        public = _public(key)
        with database.writing(engine.db) as connection:
            book = Keybook(connection, engine.key, engine.now(connection))
            made = book.register(cast("Any", use), of, public, by=by, reason=reason, algorithm=algorithm)
    say(f"已登记:keys#{made.seq}" if lang == "zh" else f"registered: keys#{made.seq}")


@group.command()
def revoke(
    db: Database,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id · 密钥编号")],
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="UTC; since when it may be in other hands; now"
        ),
    ] = None,
    by: By = "",
    reason: Reason = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Revoke a key, with the moment since when it may have been in other hands · 吊销密钥

    What it made at or after that moment, or came into the log behind this event, is reported by every verification.
    """
    language = cast("Language", lang)
    _answered_for(by, reason)
    with told(language), _engine(db, home, language) as (engine, _):
        from datetime import UTC

        from workflow.clock import micros
        from workflow.keybook import Keybook
        from workflow.store import database

        with database.writing(engine.db) as connection:
            now = engine.now(connection)
            from_ = micros(since.replace(tzinfo=UTC)) if since else now
            made = Keybook(connection, engine.key, now).revoke(key, since=from_, by=by, reason=reason)
    say(f"已吊销:keys#{made.seq}" if lang == "zh" else f"revoked: keys#{made.seq}")


def _public(text: str) -> bytes:
    """A public key as people hand it on.

    Raises:
        KeyEventRefused: neither hex nor a note key.
    """
    from workflow.errors import KeyEventRefused
    from workflow.evidence.checkpoint import BadNote, NoteKey

    if re.fullmatch(r"(?:[0-9a-f]{2}){32,200}", text):
        return bytes.fromhex(text)
    try:
        return NoteKey.parse(text).public
    except BadNote as bad:
        raise KeyEventRefused(expected="a public key in hex, or name+hash+base64", actual=bad.reason) from None
