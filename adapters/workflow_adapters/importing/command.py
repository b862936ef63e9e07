"""``workflow sheets``: the organisation, ledgers and activities out of Excel or CSV, shown first, written when confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language

SHOWN = 40
group = typer.Typer(
    help="Take in what offices keep in spreadsheets; shown first · 导入电子表格(先预览)", no_args_is_help=True
)
File = Annotated[Path, typer.Argument(metavar="FILE", help=".xlsx or .csv · 电子表格")]
Confirm = Annotated[
    str, typer.Option("--confirm", metavar="TOKEN", help="Write what the preview with this token showed · 确认码")
]


def register(app: typer.Typer) -> None:
    """Called by the ``workflow`` command, which finds it by its entry point."""
    app.add_typer(group, name="sheets")


@group.command()
def org(db: Database, file: File, confirm: Confirm = "", home: Home = None, lang: Lang = "") -> None:
    """Units, persons and tenures from a workbook with the sheets 单位, 人员, 任期 · 导入单位、人员、任期"""
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow_adapters.importing.organisation import plan_org

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            plan = plan_org(engine, file)
            if confirm:
                receipt = plan.carry_out(engine, confirm)
        finally:
            engine.close()
        if confirm:
            seq, n = (receipt.seq if receipt else 0), len(plan.changes)
            say(
                f"已写入 {n} 处改动;组织链第 {seq} 条记录"
                if lang == "zh"
                else f"{n} changes; entry {seq} of the chain org"
            )
            return
        _shown([s.get(language) for s in plan.changes], plan.token, language)


@group.command()
def ledger(
    db: Database,
    file: File,
    flow: Annotated[str, typer.Option("--flow", help="Under which flow · 流程")],
    campaign: Annotated[str, typer.Option("--campaign", help="For which campaign · 专项行动")] = "",
    confirm: Confirm = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Items from a ledger: opened, not signed; those that exist stay as they are · 按台账立项(不补签字)"""
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language):
        from workflow.engine import Engine
        from workflow_adapters.importing.ledger import plan_ledger

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            plan = plan_ledger(engine, file, flow, campaign)
            if confirm:
                opened = plan.carry_out(engine, confirm)
        finally:
            engine.close()
        if confirm:
            say(f"已立项 {opened} 件" if zh else f"{opened} items opened")
            return
        if plan.unread:
            say(("未读取的列:" if zh else "columns not read: ") + ", ".join(plan.unread))
        if plan.there:
            say(
                f"已存在、保持不变:{len(plan.there)} 件"
                if zh
                else f"{len(plan.there)} exist already and stay as they are"
            )
        _shown(
            [f"{'立项' if zh else 'open'} {o.item}: {o.unit} {o.category}" for o in plan.opens], plan.token, language
        )


@group.command()
def activity(
    db: Database,
    file: File,
    flow: Annotated[str, typer.Option("--flow", help="Whose report is owed · 报送流程")],
    rule: Annotated[str, typer.Option("--rule", help="Which obligation of it · 报送义务")],
    period: Annotated[str, typer.Option("--period", help="Which period, such as 2019-W41 · 报送期")],
    follow: Annotated[
        str, typer.Option("--open", help="What to open for whoever was late or missing · 对迟报、未报者启动的流程")
    ] = "admonitory-talk",
    campaign: Annotated[str, typer.Option("--campaign", help="For which campaign · 专项行动")] = "",
    post: Annotated[str, typer.Option("--post", help="Who of the unit answers · 责任职务")] = "secretary",
    codes: Annotated[
        Path | None,
        typer.Option("--codes", help="The platform's codes of units, as a sheet: code, unit · 平台单位对照表"),
    ] = None,
    confirm: Confirm = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Records of an outside platform, judged by its own time; people decide what follows · 平台活动记录(以平台时间为准)"""
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language):
        from workflow.engine import Engine
        from workflow.evidence.digest import sha256
        from workflow_adapters.activity import follow_up, item_of, judge, read_activities, read_codes
        from workflow_adapters.importing.book import Unconfirmed

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            with engine.look() as desk:
                zone = engine.newest(desk.connection, flow).flow.timezone
                known = read_codes(codes) if codes is not None else None
                found = judge(desk, flow, rule, period, read_activities(file, zone), units=known)
                states = [(j.unit, j.state) for j in found.units]
                names = desk.organisation().names([unit for unit, _ in states])
            would = follow_up(engine, found, flow=follow, campaign=campaign, post=post, dry=True)
            token = sha256("\n".join([str(states), follow, campaign, post, *would.opened]).encode())[7:23]
            if confirm and confirm != token:
                raise Unconfirmed(expected=token, actual=confirm)
            if confirm:
                opened = follow_up(engine, found, flow=follow, campaign=campaign, post=post).opened
        finally:
            engine.close()
        if confirm:
            say(f"已立项 {len(opened)} 件" if zh else f"{len(opened)} items opened")
            return

        def name(unit: str) -> str:
            return str(names.get(unit, {}).get(language, unit))

        words = {"IN_TIME": "按期", "LATE": "迟报", "MISSING": "未见记录", "DUE": "未到期"}
        for state, word in words.items():
            some = found.of(cast("Any", state))
            said = ", ".join(map(name, some)) if state in ("LATE", "MISSING") else ""
            say(f"{word if zh else state.lower().replace('_', ' ')}: {len(some)}{'  ' if said else ''}{said}")
        strange: dict[tuple[str, str], Sequence[str]] = {
            ("不认识的单位", "records of unknown units"): [f"{i} ({code})" for i, code in found.unknown],
            ("不承担此项报送的单位", "records of units that owe nothing"): found.elsewhere,
            ("同一编号内容不一,不计", "one id with two contents, not counted"): found.disputed,
            ("时间晚于现在,不计", "later than now, not counted"): found.ahead,
            ("已立项但有按期记录,请人工了结", "opened, though in time after all: for people to end"): would.unfounded,
        }
        for (word_zh, word_en), told_of in strange.items():
            if told_of:
                say(f"{word_zh if zh else word_en}: {', '.join(told_of)}")
        fresh = ((u, item_of(found, u, follow)) for u in found.of("LATE", "MISSING"))
        lines = [f"{'立项' if zh else 'open'} {i}: {name(u)}" for u, i in fresh if i in would.opened]
        _shown(lines, token, language)


def _shown(lines: Sequence[Any], token: str, lang: Language) -> None:
    for line in lines[:SHOWN]:
        say(str(line))
    if len(lines) > SHOWN:
        say(f"……另有 {len(lines) - SHOWN} 处" if lang == "zh" else f"... and {len(lines) - SHOWN} more")
    if not lines:
        say("没有改动" if lang == "zh" else "nothing would change")
        return
    say(
        f"共 {len(lines)} 处,未写入。确认写入请加 --confirm {token}"
        if lang == "zh"
        else f"{len(lines)} in all; nothing was written. To write exactly this: --confirm {token}"
    )
