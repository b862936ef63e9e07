"""``workflow org appoint`` and its like: acts on the organisation, each one signed entry; ``--preview`` shows it first."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, actor, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.desk import Desk
    from workflow.errors import Language

By = Annotated[
    str,
    typer.Option("--by", help="PERSON/POST@UNIT of whoever decides; none: the engine's administrator · 办理人"),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes on record · 理由")]
On = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The first day it holds · 生效日")]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d"], help="The first day it no longer holds · 终止日(不含)"),
]
Preview = Annotated[
    bool, typer.Option("--preview", "--dry-run", help="Show what would change and change nothing · 预览")
]
Person = Annotated[str, typer.Option("--person", help="The person's id · 人员")]
UnitId = Annotated[str, typer.Option("--unit", help="The unit's id · 单位")]
NameZh = Annotated[str, typer.Option("--name-zh", help="The Chinese name · 中文名")]
NameEn = Annotated[str, typer.Option("--name-en", help="The English name; the Chinese one when not given · 英文名")]


def register(group: typer.Typer) -> None:
    for command in (appoint, rename, move, merge, split, dissolve, mandate, revoke, charter):
        group.command()(command)
    group.command("end-tenure")(end_tenure)


def appoint(
    db: Database,
    person: Person,
    unit: UnitId,
    post: Annotated[str, typer.Option("--post", help="The post · 职务")],
    on: On,
    reason: Reason,
    until: Until = None,
    acting: Annotated[bool, typer.Option("--acting", help="Acting · 代理(主持工作)")] = False,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Give a person a post from a day on · 任职"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        days: dict[str, Any] = {"from_on": _day(on), "until_on": _day(until) if until else None}
        return orgbook.appoint(desk, _actor(by), reason, person=person, unit=unit, post=post, acting=acting, **days)

    _run(db, home, lang, preview, act)


def end_tenure(
    db: Database,
    tenure: Annotated[str, typer.Option("--tenure", help="The tenure's id · 任期")],
    on: On,
    reason: Reason,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """End a tenure: the day is the first without the post · 免职"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        return orgbook.end_tenure(desk, _actor(by), reason, tenure=tenure, on=_day(on))

    _run(db, home, lang, preview, act)


def rename(
    db: Database,
    unit: UnitId,
    name_zh: NameZh,
    on: On,
    reason: Reason,
    name_en: NameEn = "",
    level: Annotated[str, typer.Option("--level", help="Another level · 新层级")] = "",
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Call a unit otherwise from a day on; earlier days keep the earlier name · 更名"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        names = {"name_zh": name_zh, "name_en": name_en or name_zh, "level": level}
        return orgbook.rename_unit(desk, _actor(by), reason, unit=unit, on=_day(on), **names)

    _run(db, home, lang, preview, act)


def move(
    db: Database,
    unit: UnitId,
    parent: Annotated[str, typer.Option("--parent", help="The new superior · 新上级")],
    on: On,
    reason: Reason,
    kind: Annotated[str, typer.Option("--kind", help="managing, guiding or entrusted · 主管、指导、代管")] = "managing",
    until: Until = None,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Put a unit below another from a day on · 划转"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook
        from workflow.errors import Unknown, among
        from workflow.org.model import PARENT_KINDS

        if kind not in PARENT_KINDS:
            raise Unknown(kind="kind of parent", name=kind, hint=among(PARENT_KINDS))
        line: dict[str, Any] = {"kind": kind, "until_on": _day(until) if until else None}
        return orgbook.move_unit(desk, _actor(by), reason, unit=unit, parent=parent, from_on=_day(on), **line)

    _run(db, home, lang, preview, act)


def merge(
    db: Database,
    units: Annotated[list[str], typer.Option("--unit", help="A unit that goes; several · 被并单位")],
    into: Annotated[str, typer.Option("--into", help="A unit, or a new one: id,level,parent,zh[,en] · 并入单位")],
    on: On,
    reason: Reason,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Make one unit of several; their open items go on there · 合并"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        one = _new_unit(into) if "," in into else into
        return orgbook.merge(desk, _actor(by), reason, units=units, into=one, on=_day(on))

    _run(db, home, lang, preview, act)


def split(
    db: Database,
    unit: UnitId,
    into: Annotated[list[str], typer.Option("--into", help="A new unit: id,level,parent,zh[,en]; several · 新单位")],
    successor: Annotated[str, typer.Option("--successor", help="Which of them takes over open items · 承接单位")],
    on: On,
    reason: Reason,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Make several units of one · 拆分"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        new = [_new_unit(one) for one in into]
        return orgbook.split(desk, _actor(by), reason, unit=unit, into=new, successor=successor, on=_day(on))

    _run(db, home, lang, preview, act)


def dissolve(
    db: Database,
    unit: UnitId,
    successor: Annotated[str, typer.Option("--successor", help="Who takes over · 承接单位")],
    on: On,
    reason: Reason,
    by: By = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """End a unit in favour of another; its open items go on there · 撤销"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        return orgbook.dissolve(desk, _actor(by), reason, unit=unit, successor=successor, on=_day(on))

    _run(db, home, lang, preview, act)


def mandate(
    db: Database,
    name: Annotated[str, typer.Option("--mandate", help="Its id · 委托编号")],
    person: Person,
    on: On,
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="Exclusive · 终止日(不含)")],
    text: Annotated[Path, typer.Option("--text", help="The written mandate · 委托书文件")],
    reason: Reason,
    by: Annotated[str, typer.Option("--by", help="PERSON/POST@UNIT of the holder · 委托人")],
    flow: Annotated[str, typer.Option("--flow", help="Only this flow · 仅限流程")] = "",
    stage: Annotated[str, typer.Option("--stage", help="Only this stage · 仅限阶段")] = "",
    unit: Annotated[list[str] | None, typer.Option("--unit", help="Only these units and below · 仅限单位")] = None,
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Let somebody sign in the holder's place, for a time · 委托签批"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        scope: dict[str, Any] = {"flow": flow, "stage": stage, "units": unit or (), "text": text.read_bytes()}
        days: dict[str, Any] = {"from_on": _day(on), "until_on": _day(until)}
        return orgbook.give_mandate(desk, actor(by), reason, mandate=name, person=person, **days, **scope)

    _run(db, home, lang, preview, act)


def revoke(
    db: Database,
    name: Annotated[str, typer.Option("--mandate", help="Its id · 委托编号")],
    reason: Reason,
    by: Annotated[str, typer.Option("--by", help="PERSON/POST@UNIT of who gave it · 委托人")],
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Take a mandate back at once; what was signed under it stays · 撤回委托"""

    def act(desk: Desk) -> Any:
        from workflow import orgbook

        return orgbook.revoke_mandate(desk, actor(by), reason, mandate=name)

    _run(db, home, lang, preview, act)


def charter(
    db: Database,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="act=post,post; * is every other act; several · 授权")
    ] = None,
    reason: Reason = "",
    preview: Preview = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Show which posts may change the organisation; with --allow, adopt another charter · 组织章程"""
    language = cast("Language", lang)

    def act(desk: Desk) -> Any:
        from workflow.errors import Said, Unknown
        from workflow.orgrights import adopt_charter

        posts = {}
        for one in allow or ():
            kind, equals, some = one.partition("=")
            if not (equals and some):
                raise Unknown(kind="rule", name=one, hint=Said("; write act=post,post", ",应写作 act=post,post"))
            posts[kind] = some.split(",")
        return adopt_charter(desk, reason, posts)

    if allow:
        _run(db, home, lang, preview, act)
        return
    with told(language):
        from workflow.engine import Engine
        from workflow.orgrights import KINDS, posts_for
        from workflow.orgrights import charter as in_force

        engine = Engine.looking(url_of(db, language, read_only=True))
        try:
            with engine.look() as desk:
                adopted = in_force(desk) is not None
                rows = [(kind, posts_for(desk, kind)) for kind in KINDS]
        finally:
            engine.close()
        if not adopted:
            say("尚无组织章程:由各级第一责任人办理" if lang == "zh" else "no charter: the first responsible may")
        for kind, posts in rows:
            say(f"{kind}: {', '.join(posts) or ('无人' if lang == 'zh' else 'nobody')}")


class _Undo(Exception):
    """A preview ends its transaction."""


def _run(db: str, home: Path | None, lang: str, preview: bool, act: Callable[[Desk], Any]) -> None:
    """Do an act, or do it and take it back, and tell the rows that change and the items that move."""
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.evidence import canonical
        from workflow.orgbook import Moved
        from workflow.store import items

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        lines: list[str] = []
        try:
            with engine.desk() as desk:
                done = act(desk)
                last = items.entries(desk.connection, items.ORG)[-1]
                record = canonical.read(last.body)["act"]
                for table, rows in sorted(record.get("rows", {}).items()):
                    lines += [f"  {table}: {json.dumps(row, ensure_ascii=False)}" for row in rows]
                lines += [f"  {kind}: {', '.join(posts)}" for kind, posts in record.get("posts", {}).items()]
                moved = done.items if isinstance(done, Moved) else ()
                lines += [f"  {'移交事项' if lang == 'zh' else 'item moves'}: {item}" for item in moved]
                if preview:
                    raise _Undo
        except _Undo:
            pass
        finally:
            engine.close()
        if preview:
            say("预览,未作任何改动:" if lang == "zh" else "preview; nothing was changed:")
        else:
            say(f"组织链第 {last.seq} 条记录:" if lang == "zh" else f"entry {last.seq} of the chain org:")
        for line in lines:
            say(line)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _actor(by: str) -> Any:
    return actor(by) if by else None


def _new_unit(text: str) -> Any:
    from workflow.errors import Unknown
    from workflow.orgbook import NewUnit

    parts = text.split(",")
    if len(parts) not in (4, 5) or not all(parts):
        raise Unknown(
            kind="new unit", name=text, hint="; write id,level,parent,name-zh or id,level,parent,name-zh,name-en"
        )
    unit, level, parent, zh = parts[:4]
    return NewUnit(unit, level, parent, zh, parts[4] if len(parts) == 5 else zh)
