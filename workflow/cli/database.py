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
def sql(
    dialect: Annotated[str, typer.Option("--dialect", help="postgresql or sqlite")] = "postgresql",
    lang: Lang = "",
) -> None:
    """Print the whole schema as SQL, for administrators who run it themselves · 输出建表 SQL"""
    with told(cast("Language", lang)):
        from workflow.store import schema

        say(schema.sql(dialect))
