"""``workflow access`` and ``workflow contents``: who looked at what, and what is kept for how long."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import (
    Database,
    DryRun,
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
    from workflow.access import Kind
    from workflow.engine import Engine
    from workflow.errors import Language
    from workflow.keeping import Over

group = typer.Typer(help="Who viewed, exported or verified what · 查阅记录", no_args_is_help=True)
kept = typer.Typer(help="Documents and evidence: what nobody cites, what is over · 内容保管", no_args_is_help=True)
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="access")
    app.add_typer(kept, name="contents")


def _engine(db: str, home: Path | None, language: Language) -> Engine:
    from workflow.engine import Engine

    return Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())


def _micros(given: datetime | None) -> int | None:
    from datetime import UTC

    from workflow.clock import micros

    return None if given is None else micros(given.replace(tzinfo=UTC))


def recorded(db: str, home: Path | None, language: Language, kind: Kind, by: str, what: str, reason: str = "") -> str:
    """Record an access before its result is given out. Returns the entry that says so, ``access#4``."""
    from workflow.access import record

    engine = _engine(db, home, language)
    try:
        made = record(engine, kind, by=by, what=what, reason=reason)
    finally:
        engine.close()
    return f"{made.item}#{made.seq}"


def ready(db: str, home: Path | None, language: Language, by: str) -> None:
    """Hear before a long check what would keep it from being put on record: a key that is not here."""
    from workflow.store.database import DriverError, only_read

    if by:
        try:
            _engine(db, home, language).close()
        except DriverError as error:
            if not only_read(error):
                raise


def noted(
    db: str,
    home: Path | None,
    language: Language,
    kind: Kind,
    by: str,
    what: str,
    reason: str = "",
    *,
    quiet: bool = False,
) -> str:
    """The same where somebody is named and the database can be written; otherwise say that it is not on record.

    Args:
        quiet: say nothing: the output is for a program.

    Returns:
        The entry; empty where there is none.
    """
    from workflow.store.database import DriverError, only_read

    zh, place = language == "zh", ""
    said = "未登入查阅记录:请用 --by 写明何人" if zh else "not on record in the access log: name who asks with --by"
    if by:
        try:
            place = recorded(db, home, language, kind, by, what, reason)
            said = f"已登入查阅记录:{place}" if zh else f"on record in the access log: {place}"
        except DriverError as error:
            if not only_read(error):
                raise
            said = (
                "未登入查阅记录:该数据库在此只能读取"
                if zh
                else "not on record in the access log: this database can only be read here"
            )
    if not quiet:
        say_error(said)
    return place


@group.command("record")
def record_(
    db: Database,
    kind: Annotated[str, typer.Option("--kind", help="export, verify, search, trace or look · 种类")],
    by: Annotated[str, typer.Option("--by", help="The person · 人员")],
    what: Annotated[
        str, typer.Option("--what", help="An item, unit:ID, campaign:ID, or words (item=ID, under=UNIT) · 对象")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why · 事由")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Record an export, a verification, a search, a trace or a look that happened elsewhere · 登记查阅"""
    from workflow.access import KINDS

    if kind not in KINDS:
        raise wrong(f"expected one of {', '.join(KINDS)}; got {kind}", f"应为 {'、'.join(KINDS)} 之一;实为 {kind}")
    with told(cast("Language", lang)):
        recorded(db, home, cast("Language", lang), kind, by, what, reason)


@group.command("search")
def search_(
    db: Database,
    person: Annotated[str, typer.Option("--person", help="Whose looks · 人员")] = "",
    since: Annotated[datetime | None, typer.Option("--since", formats=DAYS, help="From, UTC · 起")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=DAYS, help="Before, UTC · 止")] = None,
    unit: Annotated[str, typer.Option("--unit", help="Of the person or of the item · 单位")] = "",
    item: Annotated[str, typer.Option("--item", help="What was looked at or given out · 事项")] = "",
    irregular: Annotated[bool, typer.Option("--irregular", help="Only what is to be asked about · 仅列异常")] = False,
    by: Annotated[str, typer.Option("--by", help="Who searches; put on record first, with --home · 检索人")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, on record with --by · 事由")] = "",
    home: Home = None,
    as_json: Json = False,
    lang: Lang = "",
) -> None:
    """Search the access log; it is only read, unless --by says who searches · 检索查阅记录"""
    language = cast("Language", lang)
    asked = {
        "person": person,
        "since": since and f"{since:%Y-%m-%dT%H:%M}",
        "until": until and f"{until:%Y-%m-%dT%H:%M}",
    }
    asked |= {"unit": unit, "item": item, "irregular": "yes" if irregular else ""}
    words = " ".join(f"{name}={value}" for name, value in asked.items() if value) or "everything"
    with told(language):
        noted(db, home, language, "search", by, words, reason, quiet=as_json)
        from workflow.access import search
        from workflow.clock import moment
        from workflow.store import database

        with opened(db, language) as connected, database.reading(connected) as connection:
            found = search(
                connection,
                person=person,
                since=_micros(since),
                until=_micros(until),
                unit=unit,
                item=item,
                irregular=irregular,
            )
    if as_json:
        say(json.dumps([asdict(a) for a in found], ensure_ascii=False, indent=2))
        return
    for a in found:
        odd = f"  [{', '.join(a.irregular)}]" if a.irregular else ""
        why = f"  {a.reason}" if a.reason else ""
        say(f"{moment(a.at):%Y-%m-%dT%H:%M:%SZ}  {a.kind:6}  {a.person}  {a.what}  {a.place}{why}{odd}")
    say(f"共 {len(found)} 条" if language == "zh" else f"{len(found)} found")


@kept.command()
def orphans(
    db: Database,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove them; stop all writers first · 删除(须先停写)")
    ] = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Find contents that no entry cites; exit code 1 when there are some · 查找无记录引用的内容"""
    language = cast("Language", lang)
    with told(language):
        from workflow.keeping import orphans as look

        engine = _engine(db, home, language)
        try:
            found = look(engine)
            for one in found:
                say(one)
                if remove:
                    engine.contents.remove(one)
        finally:
            engine.close()
    say(f"共 {len(found)} 份" if language == "zh" else f"{len(found)} found" + (", removed" if remove else ""))
    if found and not remove:
        raise typer.Exit(1)


@kept.command()
def due(db: Database, home: Home = None, as_json: Json = False, lang: Lang = "") -> None:
    """List what is kept longer than its flow says (keep-for); read only. Exit code 1 when there is some · 列出保管期满的内容"""
    language = cast("Language", lang)
    with told(language):
        from workflow.keeping import over

        engine = _engine(db, home, language)
        try:
            with engine.look() as desk:
                found = over(desk)
        finally:
            engine.close()
    if as_json:
        say(json.dumps({item: asdict(each) for item, each in found.items()}, ensure_ascii=False, indent=2))
    else:
        _list_over(found, language)
    if found:
        raise typer.Exit(1)


@kept.command()
def retire(
    db: Database,
    by: Annotated[str, typer.Option("--by", help="Who answers for it · 责任人")],
    reason: Annotated[str, typer.Option("--reason", help="Why; on record for good · 原因")],
    before: Annotated[
        datetime | None,
        typer.Option("--before", formats=DAYS, help="All of items closed before, UTC · 此前办结事项的全部内容"),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Remove what its flow says is kept no longer (keep-for), or all contents of items closed before a day · 期满移除内容

    Entries stay, and what anything else still cites. Digests stay in what was signed; what was removed is on record, and
    verification and pages say so. Backups made before still hold it.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.keeping import over
        from workflow.keeping import retire as remove

        engine = _engine(db, home, language)
        try:
            if dry_run:
                with engine.look() as desk:
                    found = over(desk, _micros(before))
                say("试运行,未作任何改动" if lang == "zh" else "a dry run: nothing was changed")
                _list_over(found, language)
                return
            made = remove(engine, _micros(before), by=by, reason=reason)
        finally:
            engine.close()
        say(
            f"已移除,记录为 {made.item}#{made.seq}"
            if language == "zh"
            else f"removed; on record as {made.item}#{made.seq}"
        )


def _list_over(found: dict[str, Over], lang: Language) -> None:
    """What is kept no longer, by the item that had it."""
    documents, values = (sum(len(getattr(each, name)) for each in found.values()) for name in ("documents", "values"))
    say(
        f"保管期满的材料 {documents} 份,个人信息 {values} 项"
        if lang == "zh"
        else f"whose period is over: {documents} documents, {values} personal values"
    )
    for item, each in found.items():
        of = [(len(each.documents), "份材料", "documents"), (len(each.values), "项个人信息", "personal values")]
        of.append((len(each.lists), "份清单的条目", "lists of lines"))
        say(f"  {item}: " + ", ".join(f"{n} {zh if lang == 'zh' else en}" for n, zh, en in of if n))
