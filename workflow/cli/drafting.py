"""``workflow draft``: what a form can be filled with from what is on record already."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Home, Lang, home_of, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language


def register(app: typer.Typer) -> None:
    app.command()(draft)


def draft(
    item: Annotated[str, typer.Argument(help="The item · 事项")],
    db: Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")],
    home: Home = None,
    person: Annotated[
        str, typer.Option("--as", metavar="PERSON", help="As this person may see it · 按此人可见范围")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, by material · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """What an item's papers can be filled with from the record, and from which items; nothing is handed in · 预填"""
    language = cast("Language", lang)
    with told(language):
        from workflow.engine import Engine
        from workflow.evidence.content import DiskContentStore
        from workflow.seen import seen_by, seen_by_operator

        contents = DiskContentStore(home_of(db, home, language) / "contents")
        engine = Engine.looking(url_of(db, language, read_only=True), contents)
        try:
            with seen_by(engine, person) if person else seen_by_operator(engine) as seen:
                found = seen.draft(item)
        finally:
            engine.close()
        if as_json:
            say(json.dumps([asdict(d) for d in found], ensure_ascii=False, indent=2))
            return
        if not found:
            say("在案记录中没有可预填的内容" if lang == "zh" else "the record has nothing for these papers")
        for d in found:
            of = ", ".join(d.of)
            rests = (f"(依据 {of})" if lang == "zh" else f" (from {of})") if of else ""
            if d.field:
                say(f"{d.material}.{d.field}: {d.value}{rests}")
                continue
            say(f"{d.material}:{rests}")
            for line in d.value:
                say("    " + ", ".join(f"{k} {v}" for k, v in line.items()))
