"""``workflow sheets``: the organisation and ledgers out of Excel or CSV, shown first and written when confirmed."""

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
