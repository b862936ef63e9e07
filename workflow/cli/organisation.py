"""``workflow org``: bring an organisation in, and see who answers for what is vacant."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Home, Lang, home_of, opened, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language

group = typer.Typer(help="Units, posts and persons · 组织、职务与人员", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="org")


@group.command("import")
def import_(
    db: Database,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="With units.csv, persons.csv, tenures.csv · 数据目录")
    ],
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Import an organisation from CSV files, as one signed entry; all or nothing · 导入组织数据

    Rows that the files do not name stay as they are. Exit code 2: nothing was imported, and why.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.org.importing import read_org
        from workflow.org.model import Org
        from workflow.store.org import stored

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False)
        try:
            with engine.reading() as connection:
                known = Org.from_rows(stored(connection))
            imported = read_org(folder, known=known)
            receipt = engine.import_org(imported)
        finally:
            engine.close()
        for remark in imported.remarks:
            say(remark.get(language))
        counts = [len(imported.units), len(imported.persons), len(imported.tenures)]
        if language == "zh":
            say(f"已导入:单位 {counts[0]}、人员 {counts[1]}、任期 {counts[2]};组织链第 {receipt.seq} 条记录")
        else:
            say(
                f"imported {counts[0]} units, {counts[1]} persons, {counts[2]} tenures; entry {receipt.seq} of the chain org"
            )


@group.command()
def check(
    db: Database,
    on: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day; today · 日期")] = None,
    flow: Annotated[Path | None, typer.Option("--flow", help="Whose posts are asked for · 流程文件")] = None,
    lang: Lang = "",
) -> None:
    """Tell what is vacant or not yet established on a day, and who answers meanwhile · 检查空缺与兜底

    Nothing told here is an error, so the exit code is 0; 2 when it could not be checked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.clock import SystemClock, local_day
        from workflow.definition.load import load
        from workflow.definition.shipped import shipped_flow
        from workflow.org.check import org_check
        from workflow.org.model import Org
        from workflow.store import database
        from workflow.store.org import stored

        asked = load(flow or shipped_flow("organisation-rectification")).flow
        with opened(db, language) as engine, database.reading(engine) as connection:
            org = Org.from_rows(stored(connection))
        day = on.date() if on else local_day(SystemClock().now(), asked.timezone)
        findings = org_check(org, asked.posts, day.isoformat(), asked.levels)
        for finding in findings:
            say(finding.text(language))
        if language == "zh":
            say(f"{day} 共 {len(org.units)} 个单位,{len(findings)} 处空缺或应建未建")
        else:
            say(f"{day}: {len(org.units)} units, {len(findings)} vacant or not established")
