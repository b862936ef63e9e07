"""``workflow db``: the schema of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, Lang, opened, say, told

if TYPE_CHECKING:
    from workflow.errors import Language

group = typer.Typer(help="Make or check the tables · 建立或检查数据表", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="db")


@group.command()
def upgrade(db: Database, lang: Lang = "") -> None:
    """Bring a database to the schema this library needs; make it when there is none · 建立或升级数据表"""
    language = cast("Language", lang)
    with told(language):
        from workflow.store import schema

        with opened(db, language, new=True) as engine:
            state = schema.upgrade(engine)
        say(f"数据表已为版本 {state.needed}" if lang == "zh" else f"the tables are at revision {state.needed}")


@group.command()
def check(db: Database, lang: Lang = "") -> None:
    """Say whether this library can use a database; exit code 2 when it cannot · 检查数据表版本"""
    language = cast("Language", lang)
    with told(language):
        from workflow.store import schema

        with opened(db, language) as engine:
            state = schema.check(engine)
        say(
            f"可用:数据表版本 {state.revision}"
            if lang == "zh"
            else f"usable: the tables are at revision {state.revision}"
        )


@group.command()
def copy(
    db: Database,
    to: Annotated[str, typer.Argument(metavar="TO", help="An empty database: a SQLite file or a URL · 空数据库")],
    lang: Lang = "",
) -> None:
    """Copy everything into an empty database, SQLite to PostgreSQL or back; it verifies the same there · 迁移数据库

    Stop whatever writes first, and put the old database away afterwards: two that go on writing are two histories. The
    home folder with keys, lock and contents stays as it is and goes with the new one.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.store import copying

        with opened(db, language) as source, opened(to, language, new=True) as target:
            copied = copying.copy(source, target)
    rows, entries = sum(copied.values()), copied["wf_entry"]
    say(
        f"已复制 {rows} 行,其中办理记录 {entries} 条;请运行 workflow verify 核对,并封存原库"
        if lang == "zh"
        else f"{rows} rows copied, {entries} entries among them; run workflow verify, and put the old database away"
    )


@group.command()
def sql(
    dialect: Annotated[str, typer.Option("--dialect", help="postgresql or sqlite")] = "postgresql",
    lang: Lang = "",
) -> None:
    """Print the whole schema as SQL, for administrators who run it themselves · 输出建表 SQL"""
    with told(cast("Language", lang)):
        from workflow.store import schema

        say(schema.sql(dialect))
