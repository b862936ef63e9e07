"""``workflow graph``: a flow as a picture, or where an item stands on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Lang, say, told, url_of, wrong

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.drawing.picture import Progress
    from workflow.errors import Language


def register(app: typer.Typer) -> None:
    app.command()(graph)


def graph(
    what: Annotated[
        str, typer.Argument(metavar="FLOW|ITEM", help="A flow file, a shipped flow; with --db an item · 流程或事项")
    ],
    db: Annotated[str, typer.Option("--db", help="The item's database · 事项所在数据库")] = "",
    form: Annotated[str, typer.Option("--format", help="svg, mermaid or dot · 格式")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; printed without one · 输出文件")] = None,
    lang: Lang = "",
) -> None:
    """Draw a flow with its posts, dues and ladders, or an item's progress on it · 绘制流程图或事项进度

    SVG needs no other program. The format follows the file's name: .svg, .mmd, .dot; without a file it is Mermaid.
    """
    language = cast("Language", lang)
    forms = {".svg": "svg", ".mmd": "mermaid", ".dot": "dot", ".gv": "dot"}
    if out is not None and out.suffix and not form and out.suffix.lower() not in forms:
        raise wrong(
            f"expected a file named .svg, .mmd, .dot or .gv, or --format; got {out.name}",
            f"文件名应以 .svg、.mmd、.dot 或 .gv 结尾,或写明 --format;实为 {out.name}",
            "--out",
        )
    form = form or forms.get(out.suffix.lower() if out else "", "mermaid")
    if form not in ("svg", "mermaid", "dot"):
        raise wrong(f"expected svg, mermaid or dot; got {form}", f"应为 svg、mermaid 或 dot;实为 {form}", "--format")
    with told(language):
        from workflow.drawing.picture import picture
        from workflow.drawing.svg import svg
        from workflow.drawing.text import dot, mermaid

        if db:
            definition, progress = _of_item(db, what, language)
        else:
            from workflow.cli.flows import flow_of

            definition, progress = flow_of(what)[0], None
        drawn = picture(definition, language, progress)
        text = {"svg": svg, "mermaid": mermaid, "dot": dot}[form](drawn)
        if out is not None:
            out.write_text(text, encoding="utf-8")
        else:
            say(text.rstrip())


def _of_item(db: str, item: str, lang: Language) -> tuple[Definition, Progress]:
    from workflow.drawing.progress import progress
    from workflow.engine import Engine

    engine = Engine.looking(url_of(db, lang, read_only=True))
    try:
        with engine.look() as desk:
            return progress(desk, item, lang)
    finally:
        engine.close()
