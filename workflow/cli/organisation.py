"""``workflow org``: bring an organisation in, and see who answers for what is vacant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli import orgacts, orgwho
from workflow.cli.arguments import Database, DryRun, Home, Lang, home_of, key_held, opened, say, told, url_of, wrong

if TYPE_CHECKING:
    from workflow.engine import Engine
    from workflow.errors import Language, Said
    from workflow.org.importing import OrgImport
    from workflow.org.model import Org

SHOWN = 50
group = typer.Typer(help="Units, posts and persons · 组织、职务与人员", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    orgacts.register(group)
    orgwho.register(group)
    app.add_typer(group, name="org")


@group.command("import")
def import_(
    db: Database,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="With units.csv, persons.csv, tenures.csv · 数据目录")
    ],
    dry_run: DryRun = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Import an organisation from CSV files, as one signed entry; all or nothing · 导入组织数据

    Rows that the files do not name stay as they are; files that change nothing leave no entry. Exit code 2: nothing was
    imported, and why.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.org.importing import read_org
        from workflow.org.model import Org
        from workflow.org.remarks import strange_posts
        from workflow.store import library
        from workflow.store.org import stored

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            with engine.reading() as connection:
                known = Org.from_rows(stored(connection))
                flows = [engine.definition(connection, d).flow for d in library.digests(connection)]
            imported = read_org(folder, known=known)
            posts = {post for flow in flows or _beside(folder) or _shipped() for post in flow.posts}
            remarks = (*imported.remarks, *strange_posts(imported, posts))
            _import(engine, imported, known, remarks, dry_run, language)
        finally:
            engine.close()


@group.command()
def staff(
    db: Database,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The export as CSV, headings first · 人事导出(CSV)")],
    on: Annotated[
        datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day of the list · 名单日期", show_default=False)
    ],
    post: Annotated[
        list[str] | None, typer.Option("--post", metavar="TITLE=POST", help="What a title means · 职务名称对应的代码")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Everybody is in it: who is not has left · 名单完整,未列入者即已离任")
    ] = False,
    dry_run: DryRun = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Take over what an HR export says of who holds which post, as one signed entry; all or nothing · 由人事名单更新任职

    Columns are known by the usual headings; what else the list holds is not read. Exit code 2: nothing was taken over.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.org.model import Org
        from workflow.org.staff import read_staff, titles_of
        from workflow.store import library
        from workflow.store.org import stored

        given = dict(one.rpartition("=")[::2] for one in post or ())
        if "" in given or "" in given.values():
            raise wrong(
                "expected TITLE=POST, as 党委书记=secretary", "应写作 职务名称=职务代码,如 党委书记=secretary", "--post"
            )
        data = file.read_bytes()
        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            with engine.reading() as connection:
                known = Org.from_rows(stored(connection))
                flows = [engine.definition(connection, d).flow for d in library.digests(connection)]
            titles = {**titles_of(flows or _shipped()), **given}
            found = read_staff(data, file.name, known, on.date().isoformat(), titles, whole=whole)
            _import(engine, found.imported, known, found.remarks, dry_run, language)
        finally:
            engine.close()


def _import(
    engine: Engine, imported: OrgImport, known: Org, remarks: Iterable[Said], dry_run: bool, lang: Language
) -> None:
    """Say what to look at, then what would change, or what was taken over."""
    from workflow.org.remarks import changes_nothing

    for remark in remarks:
        say(remark.get(lang))
    if changes_nothing(imported, known):
        say("与库中一致,未作任何改动" if lang == "zh" else "nothing changed: all of it is stored already")
        return
    if dry_run:
        _preview(engine, imported, known, lang)
        return
    receipt = engine.import_org(imported)
    counts = [len(imported.units), len(imported.persons), len(imported.tenures)]
    if lang == "zh":
        say(f"已导入:单位 {counts[0]}、人员 {counts[1]}、任期 {counts[2]};组织链第 {receipt.seq} 条记录")
    else:
        say(
            f"imported {counts[0]} units, {counts[1]} persons, {counts[2]} tenures; entry {receipt.seq} of the chain org"
        )


class _Undone(Exception):
    """Ends a transaction that was only tried."""


def _preview(engine: Engine, imported: OrgImport, known: Org, lang: Language) -> None:
    """What an import would change, whether it clashes with what is stored, and whose open places change hands.

    Raises:
        OrgInvalid: it clashes; the import would be refused.
    """
    from workflow.org.preview import changing_hands, preview
    from workflow.store import database
    from workflow.store.org import write_import

    with suppress(_Undone), database.writing(engine.db) as connection:
        write_import(connection, imported, at=engine.now(connection))
        raise _Undone
    said = list(preview(imported, known))
    for sentence in said[:SHOWN]:
        say(sentence.get(lang))
    if len(said) > SHOWN:
        say(f"……另有 {len(said) - SHOWN} 处" if lang == "zh" else f"... and {len(said) - SHOWN} more")
    for unit, post in changing_hands(imported, known):
        waiting = len(engine.pending([(unit, post)]))
        if waiting:
            say(f"{unit} {post}:待签 {waiting} 处" if lang == "zh" else f"{unit} {post}: {waiting} places wait for it")
    say(f"共 {len(said)} 处改动,未写入" if lang == "zh" else f"{len(said)} changes; nothing was written")


def _beside(folder: Path) -> list[Any]:
    """The flows of the project whose organisation it is, where nothing is published yet."""
    from workflow.cli.flows import beside

    return [d.flow for d in beside(folder.resolve())]


def _shipped() -> list[Any]:
    from workflow.definition.load import load
    from workflow.definition.shipped import shipped_flow, shipped_flows

    return [load(shipped_flow(name)).flow for name in shipped_flows()]


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
        from workflow.errors import Said, Unknown
        from workflow.org.check import org_check
        from workflow.org.model import Org
        from workflow.store import database
        from workflow.store.groups import GroupReader
        from workflow.store.org import stored

        asked = load(flow or shipped_flow("organisation-rectification")).flow
        with opened(db, language) as engine, database.reading(engine) as connection:
            org = Org.from_rows(stored(connection))
            day = on.date() if on else local_day(SystemClock().now(), asked.timezone)
            levels = {u.id: u.level for u in org.units if u.listed(day.isoformat())}
            gaps = GroupReader(connection).gaps(levels, day.isoformat())
        if not org.units:
            raise Unknown(
                kind=Said("unit", "单位"),
                name="-",
                hint=Said(": import an organisation first (workflow org import)", ":请先导入组织(workflow org import)"),
            )
        findings = org_check(org, asked.posts, day.isoformat(), asked.levels)
        for finding in findings:
            say(finding.text(language))
        for line in _bodies(gaps, language):
            say(line)
        if language == "zh":
            say(f"{day} 共 {len(org.units)} 个单位,{len(findings)} 处空缺或应建未建")
        else:
            say(f"{day}: {len(org.units)} units, {len(findings)} vacant or not established")


def _bodies(gaps: Mapping[str, tuple[list[str], dict[str, list[str]]]], lang: Language) -> Iterator[str]:
    """Units that no body of a kind looks after, and those that more than one does; a line for each kind."""
    zh = lang == "zh"
    for kind, (left_out, twice) in gaps.items():
        both = ", ".join(f"{unit} ({', '.join(bodies)})" for unit, bodies in twice.items())
        if left_out:
            units = ", ".join(left_out)
            yield f"{kind}:无督导组联系 {units}" if zh else f"{kind}: no body looks after {units}"
        if both:
            yield f"{kind}:重复联系 {both}" if zh else f"{kind}: more than one body looks after {both}"
        if not left_out and not both:
            yield f"{kind}:联系无遗漏、无重复" if zh else f"{kind}: every unit is looked after once"
