"""``workflow bundle``, ``workflow verify-bundle``, ``workflow verifier``: what an auditor takes away, and checks alone.

The check is that of ``workflow/evidence/standalone.py``, the one file that auditors can also run without this package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from workflow.cli.access import noted, ready
from workflow.cli.arguments import Home, Lang, say, told, url_of, wrong
from workflow.cli.evidence import contents_at

if TYPE_CHECKING:
    from workflow.bundle import Kind
    from workflow.errors import Language

Policy = Annotated[Path | None, typer.Option("--policy", help="Your policy, a JSON file · 核验策略文件")]
Checkpoint = Annotated[
    Path | None, typer.Option("--checkpoint", help="A checkpoint that you brought yourself · 自带的检查点")
]
Require = Annotated[str, typer.Option("--require", help="The level asked for, V1 to V5 · 要求达到的层级")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")]


def register(app: typer.Typer) -> None:
    app.command()(bundle)
    app.command("verify-bundle")(verify_bundle)
    app.command()(verifier)


def bundle(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, *.wfproof · 输出文件")],
    item: Annotated[str, typer.Argument(help="The id of an item · 事项编号")] = "",
    old: Annotated[str, typer.Argument(hidden=True)] = "",
    db: Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")] = "",
    unit: Annotated[str, typer.Option("--unit", help="All items about a unit · 某单位的全部事项")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="All items of a campaign · 某专项行动的全部事项")] = "",
    contents: Annotated[
        Path | None,
        typer.Option(
            "--contents",
            help="The folder with documents, the engine's home, or database · 内容目录;存于库内的写 database",
        ),
    ] = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="With proofs from the log · 附日志证明")] = True,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there · 覆盖已有文件")] = False,
    by: Annotated[str, typer.Option("--by", help="Who exports; put on record first, with --home · 导出人")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, on record with --by · 事由")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Write what an auditor needs to check an item, a unit or a campaign alone · 导出可独立核验的证据包

    Without --contents the documents are listed by digest only. Without a signed checkpoint there are no proofs.
    """
    language = cast("Language", lang)
    if old or not db:
        meant = f"workflow bundle {old or item or 'ITEM'} --db {item if old else 'DB'} --out {out}"
        raise wrong(f"the database is named by --db: {meant}", f"数据库请用 --db 指定:{meant}")
    given = [(k, n) for k, n in (("item", item), ("unit", unit), ("campaign", campaign)) if n]
    if len(given) != 1:
        raise wrong("expected one of ITEM, --unit, --campaign", "ITEM、--unit、--campaign 须指定且仅指定一项")
    if out.exists() and not force:
        raise wrong(f"{out} is there; --force writes over it", f"{out} 已存在,可用 --force 覆盖")
    with told(language):
        kind, name = given[0]
        ready(db, home, language, by)
        from workflow import bundle as making
        from workflow import logbook
        from workflow.clock import SystemClock
        from workflow.evidence.content import MemoryContentStore
        from workflow.store import database, schema

        url = url_of(db, language, read_only=True)
        engine = database.connect(url, read_only=True)
        part = out.with_name(out.name + ".part")
        try:
            schema.check(engine)
            with contents_at(contents, url) as kept, database.reading(engine) as connection, _private(part) as file:
                proofs = making.LogProofs(connection) if log and logbook.published(connection) else None
                made = making.write(
                    connection,
                    kept or MemoryContentStore(),
                    file,
                    cast("Kind", kind),
                    name,
                    made_at=SystemClock().now(),
                    give=None if contents is not None else (),
                    log=proofs,
                )
            noted(db, home, language, "export", by, name if kind == "item" else f"{kind}:{name}", reason)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
            engine.dispose()
    if language == "zh":
        say(f"已写入 {out}:链 {made.chains},记录 {made.entries},材料 {made.contents}(仅列摘要 {made.withheld})")
    else:
        documents = f"{made.contents} documents ({made.withheld} by digest only)"
        say(f"wrote {out}: {made.chains} chains, {made.entries} entries, {documents}")
    if proofs is None:
        say("无日志证明:最高可达 V2" if language == "zh" else "no proofs from the log: V2 at most")


def _private(path: Path) -> BinaryIO:
    """A new file for its owner alone: whoever makes a bundle says who may read it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def verify_bundle(
    file: Annotated[Path, typer.Argument(help="The bundle · 证据包")],
    since: Annotated[
        Path | None,
        typer.Option("--since", help="An earlier bundle: nothing of it may be lost or changed · 与先前证据包比对"),
    ] = None,
    policy: Policy = None,
    checkpoint: Checkpoint = None,
    require: Require = "V1",
    as_json: AsJson = False,
    lang: Lang = "",
) -> None:
    """Check a bundle as the stand-alone verifier does · 核验证据包

    Exit code 0: it holds. 1: it does not. 2: it could not be checked, or not up to the level asked for.
    """
    from workflow.evidence import standalone

    with told(cast("Language", lang)):
        language = lang or "en"
    arguments = ["verify-diff", str(since), str(file)] if since else ["verify", str(file)]
    for name, value in (("--policy", policy), ("--checkpoint", checkpoint)):
        if value is not None:
            arguments += [name, str(value)]
    arguments += ["--require", require, "--lang", language, *(["--json"] if as_json else [])]
    raise typer.Exit(standalone.main(arguments, program="workflow verify-bundle"))


def verifier(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Copy it to this file · 复制到该文件")] = None,
    lang: Lang = "",
) -> None:
    """Print where the stand-alone verifier is, or copy it out: one file that runs without this package · 取出独立核验程序"""
    from importlib.util import find_spec

    spec = find_spec("workflow.evidence.standalone")
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin)
    if out is None:
        say(str(source))
        return
    if out.exists():
        raise wrong(f"{out} is there", f"{out} 已存在")
    with told(cast("Language", lang)):
        out.write_bytes(source.read_bytes())
    say(str(out))
