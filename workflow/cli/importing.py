"""``workflow import bpmn``: a BPMN 2.0 process as a beginning for a flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Lang, say, say_error, told

if TYPE_CHECKING:
    from workflow.errors import Language

group = typer.Typer(help="Begin a flow from something else · 从其他格式导入", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="import")


@group.command()
def bpmn(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A BPMN 2.0 file · BPMN 2.0 文件")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The flow file; printed without one · 输出文件")
    ] = None,
    process: Annotated[str, typer.Option("--process", help="Which process; the first · 流程 id")] = "",
    lang: Lang = "",
) -> None:
    """Tasks become stages, lanes posts, gateways exits, boundary timers dues; the rest is listed by element · 导入 BPMN

    Parallel branches that meet again are signed side by side, or one after the other; embedded processes are laid out.
    Exit code 0: everything was carried over. 1: not everything was. 2: the file was not read, and why.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.bpmn.carry import carry

        carried = carry(file, process)
        if out is not None:
            if out.exists():
                raise FileExistsError(
                    17, "已存在,不覆盖" if language == "zh" else "is there already, and is not overwritten", str(out)
                )
            out.write_text(carried.text, encoding="utf-8")
        else:
            say(carried.text.rstrip())
    for lost in carried.lost:
        say_error(f"{lost.element} {lost.id}: {lost.why.get(language)}")
    raise typer.Exit(1 if carried.lost else 0)
