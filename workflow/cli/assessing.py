"""``workflow assessment``: how a result came about, round by round; and how items rank by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.assessments import Assessment
    from workflow.errors import Language


def register(app: typer.Typer) -> None:
    app.command()(assessment)


def assessment(
    item: Annotated[str, typer.Argument(help="The item; or a flow, with --campaign · 事项,或与 --campaign 同用的流程")],
    db: Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")],
    campaign: Annotated[str, typer.Option("--campaign", help="Rank all items of the flow · 按结果排名")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, every number exact · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Explain every result of an item, and reckon it again: each judgement, weight, floor and grade · 评定结果说明

    Exit code 0: every result is what reckoning again gives. 1: one is not. 2: it could not be asked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.assessments import assessments, ranking, words
        from workflow.engine import Engine

        engine = Engine.looking(url_of(db, language, read_only=True))
        try:
            with engine.look() as desk:
                rows = ranking(desk, item, campaign) if campaign else []
                found = [r.result for r in rows] if campaign else assessments(desk, item)
        finally:
            engine.close()
        if as_json:
            ranks = [{"rank": r.rank, "unit": r.unit} for r in rows] or [{} for _ in found]
            say(
                json.dumps(
                    [{**more, **_plain(one)} for more, one in zip(ranks, found, strict=True)], ensure_ascii=False
                )
            )
        elif not found:
            say(f"{item} 尚无评定结果" if lang == "zh" else f"{item} has not been assessed")
        elif campaign:
            for row in rows:
                say(f"{row.rank:>4}  {row.unit}  {row.result.item}  {row.result.shown}  {row.result.grade or '-'}")
        else:
            for one in found:
                for line in words(one, lang):
                    say(line)
    if not all(one.ours for one in found):
        raise typer.Exit(1)


def _plain(one: Assessment) -> dict[str, Any]:
    names = ("item", "round", "stage", "seq", "at", "shown", "grade", "exit", "sources", "floors", "ours")
    return {"total": str(one.total)} | {name: getattr(one, name) for name in names}
