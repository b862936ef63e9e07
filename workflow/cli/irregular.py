"""``workflow irregularities``: what is out of the ordinary, and what is to be looked into (待核查)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.blocked import Blocked
    from workflow.errors import Language
    from workflow.irregularities import Irregularities, Reported, Signed

Db = Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")]
ZONE = "Asia/Shanghai"
WORDS = {
    "late": ("逾期", "late"),
    "acting": ("主持", "acting"),
    "backstop": ("兜底", "backstop"),
    "mandate": ("受委托", "by mandate"),
    "delegate": ("受委派", "by delegation"),
    "early-closed": ("提前表决结束", "group decided early"),
    "unread-at-once": ("到件即签,未打开内容", "signed at once, unopened"),
    "burst": ("短时间内集中签批", "many in one burst"),
    "back-dated": ("集中补录", "recorded later, in a burst"),
    "clock-back": ("记录时间早于前一条", "recorded before the entry it follows"),
    "told-less": ("所报少于已知", "a report of less than is known"),
}


def register(app: typer.Typer) -> None:
    app.command()(irregularities)
    app.command()(blocked)


def irregularities(
    db: Db,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From this day · 自")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="To the end of this day · 至")] = None,
    inspection: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of an inspection: what was recorded before it · 检查日"),
    ] = None,
    seconds: Annotated[int, typer.Option(min=0, help="Signed so soon after it came · 到件后秒数")] = 60,
    burst: Annotated[int, typer.Option(min=2, help="So many signatures are a burst · 集中签批数")] = 10,
    burst_seconds: Annotated[int, typer.Option(min=1, help="within so many seconds · 集中签批秒数")] = 300,
    days_back: Annotated[int, typer.Option(min=1, help="Recorded so many days later · 补录天数")] = 3,
    dated: Annotated[int, typer.Option(min=1, help="So many recorded later are a burst · 集中补录数")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Typed irregularities, and what is to be looked into: facts, not findings · 异常情形与待核查清单"""
    language = cast("Language", lang)
    with told(language):
        from workflow import irregularities as looking
        from workflow.clock import start_of_day
        from workflow.engine import Engine

        known = looking.Thresholds(seconds, burst, burst_seconds, days_back, dated)
        with closing(Engine.looking(url_of(db, language, read_only=True))) as engine, engine.look() as desk:
            begin = 0 if since is None else start_of_day(since.date(), ZONE)
            end = (
                engine.now(desk.connection) + 1
                if until is None
                else start_of_day(until.date() + timedelta(days=1), ZONE)
            )
            found = looking.irregularities(
                desk, begin, end, known, inspection=inspection.date() if inspection is not None else None
            )
        if as_json:
            say(json.dumps({**asdict(found), "notice": looking.NOTICE}, ensure_ascii=False, indent=2))
        else:
            for line in lines(found, language):
                say(line)


def lines(found: Irregularities, lang: Language) -> Iterator[str]:
    """Both lists for people."""
    from workflow.irregularities import NOTICE, Dated, Reported, Turned

    zh = lang == "zh"
    yield f"{'异常情形' if zh else 'typed irregularities'}: {len(found.typed) + len(found.passed)}"
    for s in found.typed:
        yield f"  {_signed(s, lang)} ({', '.join(_word(m, lang) for m in s.marks)})"
    for p in found.passed:
        said = "经两人同意越过,无人签批" if zh else "passed over by two persons, signed by nobody"
        yield f"  {_when(p.at)} {p.item}#{p.seq} {p.post}@{p.unit}: {said} ({', '.join(p.persons)})"
    yield f"{'待核查' if zh else 'to be looked into'}: {len(found.to_look_into)}"
    for one in found.to_look_into:
        yield f"  {_word(one.kind, lang)}: {one.who} ({len(one.shown)})"
        for shown in one.shown:
            if isinstance(shown, Dated):
                both = (f"所称 {shown.on},录入" if zh else f"said to be of {shown.on}, recorded") + (
                    f" {_when(shown.recorded)}"
                )
                yield f"    {shown.item}#{shown.seq} {shown.kind} {shown.person} {shown.post}@{shown.unit}: {both}"
            elif isinstance(shown, Turned):
                who = f"{shown.person} {shown.post}@{shown.unit}" if shown.person else "系统" if zh else "the engine"
                said = (f"{_when(shown.at)},前一条 " if zh else f"{_when(shown.at)}, the one before ") + _when(
                    shown.before
                )
                yield f"    {shown.item}#{shown.seq} {shown.kind} {who}: {said}"
            elif isinstance(shown, Reported):
                yield f"    {_when(shown.at)} {shown.item}#{shown.seq} {shown.person}: {_reported(shown, lang)}"
            else:
                yield f"    {_signed(shown, lang)}"
    yield ""
    yield NOTICE[lang]


def _reported(r: Reported, lang: Language) -> str:
    less = ", ".join(f"{name} {n}" for name, n in r.less.items())
    known = ", ".join(r.known)
    if lang == "zh":
        return f"较已知少报 {less}(据 {known});所述理由:{r.reason}"
    return f"fewer than known: {less} (by {known}); the reason given: {r.reason}"


def _word(code: str, lang: Language) -> str:
    zh, en = WORDS.get(code, (code, code))
    return zh if lang == "zh" else en


def _when(at: int) -> str:
    from workflow.clock import moment

    return f"{moment(at, ZONE):%Y-%m-%d %H:%M:%S}"


def _signed(s: Signed, lang: Language) -> str:
    zh = lang == "zh"
    for_ = (f"(代 {s.principal})" if zh else f" (for {s.principal})") if s.principal else ""
    after = (s.at - s.arrived) // 1_000_000
    opened = ("已打开" if zh else "opened") if s.opened is not None else ("未打开" if zh else "not opened")
    came = f"到件 {after} 秒后" if zh else f"{after} s after it came"
    return f"{_when(s.at)} {s.item}#{s.seq} {s.person}{for_} {s.post}@{s.unit} · {came}, {opened}"


def blocked(
    db: Db,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Places that wait and that nobody may sign, and who is to be told · 无人可签的环节

    Exit code 0: there is none. 1: there are some. 2: it could not be asked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow import blocked as looking
        from workflow.engine import Engine

        with closing(Engine.looking(url_of(db, language, read_only=True))) as engine, engine.look() as desk:
            found = looking.blocked(desk, engine.now(desk.connection))
        if as_json:
            plain = [{**vars(b), "why": [[p, e.code, e.text(language)] for p, e in b.why]} for b in found]
            say(json.dumps(plain, ensure_ascii=False, indent=2))
        else:
            for line in blocked_lines(found, language):
                say(line)
    if found:
        raise typer.Exit(1)


def blocked_lines(found: Sequence[Blocked], lang: Language) -> Iterator[str]:
    """Blocked places for people: where, since when, why each who holds the post may not, and who is above."""
    zh = lang == "zh"
    yield f"{'无人可签的环节' if zh else 'places that nobody may sign'}: {len(found)}"
    for b in found:
        above = ", ".join(f"{a['person']} {a['post']}@{a['unit']}" for a in b.above) or "-"
        yield f"  {_when(b.since)} {b.item} {b.stage}/{b.slot} {b.post}@{b.unit} → {above}"
        if not b.why:
            yield "    空缺,且无人兜底" if zh else "    vacant, and nobody answers in its place"
        for person, refusal in b.why:
            yield f"    {person}: {refusal.text(lang)}"
