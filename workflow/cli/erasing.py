"""``workflow erase``: destroy what is kept of a person, while every proof stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Database, DryRun, Home, Lang, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language


def register(app: typer.Typer) -> None:
    app.command()(erase)


def erase(
    db: Database,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A person's id, or item:ID · 人员编号或 item:事项")],
    by: Annotated[str, typer.Option("--by", help="Who answers for it · 责任人")],
    reason: Annotated[str, typer.Option("--reason", help="Why; on record for good, so name nobody · 原因(勿写姓名)")],
    dry_run: DryRun = False,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Erase the personal data kept of a person: the key and the plain text; the evidence stays as it was · 删除个人信息

    It cannot be undone. Backups made before still hold it; so does a PostgreSQL table until its next VACUUM.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            if dry_run:
                _tell(*engine.kept_of(person), language)
                return
            made = engine.erase(person, by=by, reason=reason)
        finally:
            engine.close()
        say(
            f"已删除,记录为 {made.item}#{made.seq}"
            if language == "zh"
            else f"erased; on record as {made.item}#{made.seq}"
        )


def _tell(values: int, places: list[tuple[str, str, int]], lang: Language) -> None:
    zh = lang == "zh"
    say(
        f"试运行,未作任何改动;将删除 {values} 项个人信息:"
        if zh
        else f"a dry run: nothing was changed. {values} values would be erased:"
    )
    for item, document, n in places:
        say(f"  {item}/{document}: {n}")
