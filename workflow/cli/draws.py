"""``workflow draw``: freeze a register, bind a seed, draw, and let anybody draw again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workflow.cli.arguments import Lang, say

if TYPE_CHECKING:
    from workflow.errors import Language

group = typer.Typer(help="Draw at random, so that anybody can draw again · 随机抽查抽签", no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the draw · 抽签文件")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="draw")


def _read(path: Path, language: Language) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{path}: {'无法读取' if language == 'zh' else 'cannot be read'}: {type(error).__name__}", err=True)
        raise typer.Exit(2) from None


def _refuse(error: Exception, language: Language) -> typer.Exit:
    from workflow.draw import BadDraw

    typer.echo(error.text(language) if isinstance(error, BadDraw) else str(error), err=True)
    return typer.Exit(1)


@group.command()
def freeze(
    register_: Annotated[Path, typer.Argument(metavar="CSV", help="Columns unit, stratum · 名册(单位,分层)")],
    quota: Annotated[list[str], typer.Option("--quota", help="STRATUM=5 or STRATUM=10% · 各层名额")],
    on: Annotated[str, typer.Option("--on", help="Day of the draw, YYYY-MM-DD · 抽签日期")],
    out: Annotated[Path, typer.Option("--out", help="The file to publish · 公布文件")],
    seed: Annotated[Path, typer.Option("--seed", help="Where the secret seed goes · 种子存放处(保密)")],
    since: Annotated[str, typer.Option("--since", help="Units drawn since stay out · 此后已抽者不再抽")] = "",
    earlier: Annotated[list[Path] | None, typer.Option("--earlier", help="Files of earlier draws · 以往抽签")] = None,
    lang: Lang = "",
) -> None:
    """Freeze a register and bind a new seed; publish FILE, keep the seed · 冻结名册、承诺种子"""
    from workflow import draw

    language = cast("Language", lang)
    try:
        rows = list(csv.DictReader(_read(register_, language).lstrip("\ufeff").splitlines()))
        units = {row["unit"]: row["stratum"] for row in rows}
        if len(units) != len(rows) or not all(units.values()):
            raise draw.BadDraw(("expected each unit once, with its stratum", "每个单位须只列一次并注明分层"))
        quotas = dict(one.rpartition("=")[::2] for one in quota)
        before: list[tuple[str, str]] = []
        for path in earlier or ():
            text = _read(path, language)
            before += [(u, draw.frame_of(text).on) for u in draw.verify(text).drawn]
        frame = draw.Frame(units, quotas, on, since, tuple(before))
    except KeyError:
        say("名册须有列 unit、stratum" if language == "zh" else "expected the columns unit and stratum")
        raise typer.Exit(1) from None
    except draw.BadDraw as error:
        raise _refuse(error, language) from None
    secret = draw.new_seed()
    for path in (out, seed):
        if path.exists():
            say(f"{path}: 已存在,不覆盖" if language == "zh" else f"{path} is there already and is not overwritten")
            raise typer.Exit(1)
    seed.touch(mode=0o600)
    seed.write_text(secret + "\n", encoding="ascii")
    out.write_text(draw.written(frame, draw.commitment(secret)), encoding="utf-8")
    say(f"{'名册' if language == 'zh' else 'register'}: {frame.digest}")
    say(f"{'承诺' if language == 'zh' else 'commitment'}: {draw.commitment(secret)}")


@group.command()
def reveal(
    file: File,
    seed: Annotated[Path, typer.Option("--seed", help="The file with the seed · 种子文件")],
    public: Annotated[
        str,
        typer.Option("--public", help="A value nobody could foresee: a lottery result, an entry's hash · 公共随机值"),
    ] = "",
    lang: Lang = "",
) -> None:
    """Reveal the seed and draw; FILE then has everything · 公开种子并抽取"""
    from workflow import draw

    language = cast("Language", lang)
    try:
        text = draw.revealed(_read(file, language), _read(seed, language).strip(), public)
    except draw.BadDraw as error:
        raise _refuse(error, language) from None
    file.write_text(text, encoding="utf-8")
    for unit in draw.verify(text).drawn:
        say(unit)


@group.command()
def verify(
    file: File,
    register_: Annotated[str, typer.Option("--register", help="Its digest as published · 公布的名册摘要")] = "",
    commitment: Annotated[str, typer.Option("--commitment", help="As published before · 事先公布的承诺")] = "",
    lang: Lang = "",
) -> None:
    """Draw again what a file says was drawn; exit code 1 when it does not hold · 复核抽签"""
    from workflow import draw

    language = cast("Language", lang)
    zh = language == "zh"
    try:
        held = draw.verify(_read(file, language), digest=register_, commitment_=commitment)
    except draw.BadDraw as error:
        raise _refuse(error, language) from None
    say(f"{'抽取结果成立' if zh else 'the draw holds'}: {len(held.drawn)} / {held.units}")
    if not (register_ and commitment):
        say(
            "未与事先公布的名册摘要、承诺比对(--register、--commitment)"
            if zh
            else "not compared with what was published before the draw (--register, --commitment)"
        )
    if not held.public:
        say(
            "无公共随机值:选种子者可能试过多个种子"
            if zh
            else "no public value: whoever chose the seed could have tried others"
        )
    for stratum in held.short:
        say(f"{stratum}: {'名额未满' if zh else 'fewer units left than its quota'}")
