"""``workflow verify``: does the history of a database hold, and how far was it really checked?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Lang, on_a_terminal, opened, say, told, url_of

if TYPE_CHECKING:
    from workflow.errors import Language
    from workflow.verify import Progress, Report

SHOWN = 50  # failures in plain words; --json has all

STRENGTHS = {
    "S0": ("a click, not a signature", "点击确认,非签名"),
    "S1": ("attested by the engine after re-authentication", "重新验证身份后由引擎见证"),
    "S2": ("by the person's own key", "以本人密钥签名"),
    "S3": ("by a certified key, with a trusted timestamp", "以认证密钥签名并附可信时间戳"),
}


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    db: Database,
    contents: Annotated[
        Path | None,
        typer.Option("--contents", help="The folder with documents and evidence, or the engine's home · 内容目录"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Check every entry, seal, snapshot and rule of a database, read only · 校验全部办理记录(只读)

    Exit code 0: it holds. 1: it does not. 2: it could not be checked, or there was nothing to check.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.verify import verify_database

        kept = _contents(contents) if contents else None
        with opened(db, language), _progress() as progress:
            report = verify_database(url_of(db, language, read_only=True), kept, progress)
    if as_json:
        say(json.dumps(as_data(report, contents is not None), ensure_ascii=False, indent=2))
    else:
        for line in lines(report, language, contents is not None):
            say(line)
    raise typer.Exit(report.exit_code)


def _contents(folder: Path) -> Any:
    from workflow.errors import Unknown
    from workflow.evidence.content import DiskContentStore

    if not folder.is_dir():
        raise Unknown(kind="folder of contents", name=str(folder))
    inside = folder / "contents"
    return DiskContentStore(inside if inside.is_dir() else folder)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar for a person who watches; nothing where output goes to a file."""
    if not on_a_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verify")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def as_data(report: Report, contents: bool) -> dict[str, Any]:
    """A report as plain data."""
    return {
        "level": report.level,
        "rules": report.rules,
        "holds": report.holds,
        "exit_code": report.exit_code,
        "entries": report.entries,
        "chains": report.chains,
        "replayed": report.replayed,
        "contents": {"checked": report.contents, "missing": report.contents_missing} if contents else None,
        "strengths": dict(sorted(report.strengths.items())),
        "keys": dict(sorted(report.keys.items())),
        "keys_unvouched": report.unvouched,
        "signer_keys_unregistered": report.unregistered,
        "unanchored": report.entries,
        "failures": [{"code": f.code, "place": f.place, "detail": f.detail} for f in report.failures],
    }


def lines(report: Report, lang: Language, contents: bool) -> Iterator[str]:
    """A report in plain words."""
    zh = lang == "zh"
    if not report.entries:
        yield "V0:没有任何办理记录可供校验" if zh else "V0: nothing was checked; there is not a single entry"
        return
    yield (
        f"已检查 {report.entries} 条记录、{report.chains} 条链"
        if zh
        else (f"checked {report.entries} entries in {report.chains} chains")
    )
    if report.holds:
        yield (
            "V1:记录规范、链条完整、各列及快照与记录一致、引擎签名有效"
            if zh
            else "V1: bodies canonical, chains unbroken, columns and snapshots equal the entries, the engine's seals verify"
        )
    else:
        yield f"不成立:{len(report.failures)} 处问题" if zh else f"does not hold: {len(report.failures)} failure(s)"
    rules = {"hold": "符合", "do not hold": "不符合", "not checked": "未检查"}[report.rules] if zh else report.rules
    yield f"规则:{rules}(重放 {report.replayed} 条)" if zh else f"rules: {rules} ({report.replayed} entries replayed)"
    if contents:
        yield (
            f"内容:已核对 {report.contents} 份,缺失或不符 {report.contents_missing} 份"
            if zh
            else f"contents: {report.contents} match their digests, {report.contents_missing} do not or are missing"
        )
    else:
        yield "内容:未检查(用 --contents 指定目录)" if zh else "contents: not checked (give --contents DIR)"
    for strength, count in sorted(report.strengths.items()):
        means = STRENGTHS.get(strength, ("of unknown strength", "强度不明"))[1 if zh else 0]
        yield f"签名 {strength}:{count}({means})" if zh else f"signatures {strength}: {count} ({means})"
    if report.unregistered:
        yield (
            f"其中 {report.unregistered} 个本人密钥未在本库登记,归属由系统单位说明"
            if zh
            else f"own keys of {report.unregistered} signatures are not registered here; whose they are is the host's word"
        )
    for key, count in sorted(report.keys.items()):
        alone = key in report.unvouched
        note = (",未经原密钥签署移交" if zh else ", which no older key signed for") if alone else ""
        yield f"引擎密钥 {key}:签封 {count} 条{note}" if zh else f"engine key {key}: sealed {count} entries{note}"
    yield (
        f"未锚定:全部 {report.entries} 条。未提供库外检查点,持有数据库和引擎密钥者若整体改写,此处无法发现"
        if zh
        else f"unanchored: all {report.entries} entries. No checkpoint from outside was brought, so a history rewritten as a"
        " whole by whoever holds the database and the engine's key would not be noticed here"
    )
    for failure in report.failures[:SHOWN]:
        yield str(failure)
    if len(report.failures) > SHOWN:
        more = len(report.failures) - SHOWN
        yield f"……另有 {more} 处(--json 列出全部)" if zh else f"... and {more} more (--json lists all)"
