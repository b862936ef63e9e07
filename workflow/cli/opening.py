"""``workflow open``: an item begins. What follows is done where people sign: in the host, the API or the browser."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from workflow.cli.arguments import (
    COULD_NOT,
    By,
    Database,
    Home,
    Lang,
    actor,
    home_of,
    key_held,
    say,
    say_error,
    told,
    url_of,
)


def register(app: typer.Typer) -> None:
    app.command("open")(open_)


def open_(
    db: Database,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="A flow that is published there · 已发布的流程")],
    item: Annotated[str, typer.Option("--item", help="What it is to be called; never again for another · 事项编号")],
    unit: Annotated[str, typer.Option("--unit", help="The unit that it is about · 所涉单位")],
    by: By,
    campaign: Annotated[str, typer.Option("--campaign", help="Of which campaign · 专项行动")] = "",
    category: Annotated[str, typer.Option("--category", help="Its category, where the flow has any · 问题类别")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Begin an item under the version of its flow published last; nothing is signed by it · 立项(不等于签字)

    Exit code 2: it was not opened, and why.
    """
    from workflow.errors import Language

    language = cast("Language", lang)
    zh = language == "zh"
    with told(language):
        from workflow.engine import Engine
        from workflow.errors import Conflict

        engine = Engine.at(url_of(db, language), home_of(db, home, language), upgrade=False, key=key_held())
        try:
            try:
                receipt = engine.open(flow, unit, item=item, by=actor(by), campaign=campaign, category=category)
            except Conflict:
                say_error(
                    f"已有事项 {item},请另取编号" if zh else f"there is an item {item} already; give another --item"
                )
                raise typer.Exit(COULD_NOT) from None
            with engine.look() as desk:
                case, definition = desk.case_of(item)
        finally:
            engine.close()
        titled = definition.stage(case.stage).title
        stage = f"{titled.get(language)} ({case.stage})" if titled is not None else case.stage
        waits = ", ".join(f"{s.post}@{s.unit}" for s in case.open_slots)
        if zh:
            say(f"已立项 {receipt.item}:{stage};待办 {waits or '-'}")
        else:
            say(f"opened {receipt.item}: {stage}; waits for {waits or '-'}")
