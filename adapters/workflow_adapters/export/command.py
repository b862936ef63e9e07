"""``workflow export``: sheets and event logs out of a database, read only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.access import noted
from workflow.cli.arguments import Database, Home, Lang, say, told, url_of, wrong

if TYPE_CHECKING:
    from workflow.errors import Language

KINDS = ("ledger", "register", "dossier", "signatures", "overdue", "ladders", "reports", "xes")
ENDINGS = (".xlsx", ".csv", ".pdf", ".xes")


def register(app: typer.Typer) -> None:
    """Called by the ``workflow`` command, which finds it by its entry point."""
    app.command()(export)


def export(
    db: Database,
    what: Annotated[
        str,
        typer.Argument(
            help="ledger, register, dossier, signatures, overdue, ladders, reports or xes · "
            "台账、名册、迎检材料、签批单、逾期、督办、报送、事件日志"
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="FILE.xlsx, .csv, .pdf or .xes · 输出文件")],
    flow: Annotated[str, typer.Option("--flow", help="Of which flow · 流程")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="Of which campaign · 专项行动")] = "",
    item: Annotated[str, typer.Option("--item", help="Of which item (signatures, xes) · 事项")] = "",
    rule: Annotated[str, typer.Option("--rule", help="Of which obligation (reports) · 报送义务")] = "",
    findings: Annotated[
        list[str] | None,
        typer.Option("--findings", metavar="FLOW", help="What inspections found before (dossier) · 前期巡视发现的问题"),
    ] = None,
    period: Annotated[str, typer.Option("--period", help="Of which period (reports), such as 2019-W41 · 报送期")] = "",
    on: Annotated[str, typer.Option("--on", help="As of the end of this day (YYYY-MM-DD); now when not given")] = "",
    fonts: Annotated[Path | None, typer.Option("--fonts", help="A folder with fonts, for PDF · 字体目录")] = None,
    by: Annotated[str, typer.Option("--by", help="Who exports; put on record first, with --home · 导出人")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, on record with --by · 事由")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Write a ledger, a register, a signature sheet, another list or an event log to a file · 导出"""
    if what not in KINDS:
        raise wrong(f"expected one of {', '.join(KINDS)}; got {what}", f"应为 {'、'.join(KINDS)} 之一;实为 {what}")
    if out.suffix not in ENDINGS or (what == "xes") != (out.suffix == ".xes"):
        ending = ".xes" if what == "xes" else ".xlsx, .csv, .pdf"
        raise wrong(f"expected a file that ends in {ending}; got {out}", f"文件名应以 {ending} 结尾;实为 {out}")
    if what == "signatures" and not item:
        raise wrong("name the item with --item", "请用 --item 指明事项")
    if what == "reports" and not (flow and rule and period):
        raise typer.BadParameter("name the reports with --flow, --rule and --period")
    language = cast("Language", lang)
    with told(language):
        data = _made(db, what, out.suffix, flow, campaign, item, (rule, period), on, fonts, findings or (), language)
        asked = {"flow": flow, "campaign": campaign, "item": item, "rule": rule, "period": period, "on": on}
        noted(db, home, language, "export", by, " ".join([what, *(f"{k}={v}" for k, v in asked.items() if v)]), reason)
        out.write_bytes(data)
        say(str(out))


def _made(
    db: str,
    what: str,
    ending: str,
    flow: str,
    campaign: str,
    item: str,
    owed: tuple[str, str],
    on: str,
    fonts: Path | None,
    findings: Sequence[str],
    lang: Language,
) -> bytes:
    from workflow import lists
    from workflow.clock import local_day, start_of_day
    from workflow.engine import Engine
    from workflow.errors import Unknown
    from workflow.sight import all_of
    from workflow.store.listing import Wanted
    from workflow_adapters.export import sheets, writing, xes

    engine = Engine.looking(url_of(db, lang, read_only=True))
    try:
        with engine.look() as desk:
            now = engine.now(desk.connection)
            sight = all_of(local_day(now, "Asia/Shanghai").isoformat())
            if what in ("ledger", "register", "dossier") and not (flow and campaign):
                known = [c for c in lists.campaigns(desk, sight, Wanted(klass="register")) if flow in ("", c[0])]
                if not known:
                    if flow:
                        raise Unknown(kind="flow", name=flow)
                    zh = "此库尚无列入台账的事项;请用 --flow、--campaign 指明"
                    raise wrong("nothing here is in a register yet; name it with --flow and --campaign", zh)
                flow, campaign = flow or known[0][0], campaign or known[0][1]
            at = now
            if on:
                try:
                    day = date.fromisoformat(on)
                    zone = desk.engine.newest(desk.connection, flow).flow.timezone if flow else "Asia/Shanghai"
                    at = min(now, start_of_day(day + timedelta(days=1), zone) - 1)
                except (ValueError, OverflowError):
                    raise wrong(
                        f"expected a day such as 2019-12-31; got {on}", f"应为日期,如 2019-12-31;实为 {on}"
                    ) from None
            if what == "xes":
                wanted = [item] if item else _every(desk, sight, flow, campaign)
                return "".join(xes.log(desk, wanted, at)).encode()
            if what == "signatures":
                sheet = sheets.signatures(desk, sight, item, at, lang)
            elif what == "reports":
                sheet = sheets.reports(desk, sight, flow, *owed, at, lang)
            elif what == "dossier":
                sheet = sheets.dossier(desk, sight, flow, campaign, findings, at, lang)
            elif what in ("overdue", "ladders"):
                sheet = (sheets.overdue if what == "overdue" else sheets.ladders)(desk, sight, at, lang)
            else:
                sheet = (sheets.ledger if what == "ledger" else sheets.register)(desk, sight, flow, campaign, at, lang)
    finally:
        engine.close()
    if ending == ".csv":
        return writing.to_csv(sheet)
    if ending == ".xlsx":
        return writing.to_excel([sheet])
    return writing.to_pdf([sheet], made_at=at // 1_000_000, fonts=fonts)


def _every(desk: object, sight: object, flow: str, campaign: str) -> list[str]:
    from workflow import lists
    from workflow.store.listing import Wanted

    found: list[str] = []
    after = ""
    while True:
        page = lists.items(desk, sight, Wanted(flow=flow, campaign=campaign), after=after, limit=lists.MOST)  # type: ignore[arg-type]
        found += [r.item for r in page.rows]
        after = page.after
        if not after:
            return sorted(found)
