"""``workflow alike``: texts of an item that others say too, with the passages."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Home, Lang, home_of, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language


def register(app: typer.Typer) -> None:
    app.command()(alike)


def alike(
    item: Annotated[str, typer.Argument(help="The item · 事项")],
    db: Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")],
    home: Home = None,
    person: Annotated[
        str, typer.Option("--as", metavar="PERSON", help="As this person may see it · 按此人可见范围")
    ] = "",
    at_least: Annotated[int, typer.Option("--at-least", min=50, max=100, help="Of 100 · 相同程度(百分制)")] = 80,
    among: Annotated[
        int, typer.Option("--among", min=1, max=1_000_000, help="Other items compared, nearest first · 比对件数上限")
    ] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Plan texts that are nearly those of another unit, with the passages: flags for people to judge · 雷同文本

    Exit code 0: none. 1: some. 2: it could not be asked.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.evidence.content import DiskContentStore
        from workflow.seen import seen_by, seen_by_operator

        contents = DiskContentStore(home_of(db, home, language) / "contents")
        engine = Engine.looking(url_of(db, language, read_only=True), contents)
        try:
            with seen_by(engine, person) if person else seen_by_operator(engine) as seen:
                found = seen.alike(item, at_least, among)
        finally:
            engine.close()
        if as_json:
            say(json.dumps([asdict(a) for a in found], ensure_ascii=False))
        elif not found:
            say("未见雷同" if lang == "zh" else "nothing alike")
        for a in [] if as_json else found:
            there = f"{a.other} ({a.other_unit})"
            if lang == "zh":
                say(f"{a.material}.{a.field} 第 {a.line} 条 与 {there} 第 {a.other_line} 条:{a.of_100}%")
            else:
                say(f"{a.material}.{a.field} line {a.line} and {there} line {a.other_line}: {a.of_100} %")
            for passage in a.passages:
                say(f"    「{passage}」")
    if found:
        raise typer.Exit(1)
