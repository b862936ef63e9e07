"""``workflow verify``: does the history of a database hold, and how far was it really checked?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.access import noted, ready
from workflow.cli.arguments import Database, Home, Lang, on_a_terminal, opened, say, told, url_of, wrong

if TYPE_CHECKING:
    from workflow.audit import Audit
    from workflow.errors import Language
    from workflow.logcheck import Begun
    from workflow.verify import Failure, Progress

SHOWN = 50  # failures in plain words; --json has all

NOTE_LIMIT = 1 << 16
IN_DATABASE = Path("database")

REACHED = {
    "V1": (
        "bodies canonical, chains unbroken, columns, snapshots and working tables equal the entries, the engine's seals verify",
        "记录规范、链条完整、各列、快照及办理数据表与记录一致、引擎签名有效",
    ),
    "V2": ("every seal is by a key of your policy", "全部封印均出自核验策略所列密钥"),
    "V3": ("every entry is in the log of your checkpoint", "全部记录均在您的检查点所固定的日志内"),
    "V4": ("a quorum of your witnesses cosigned it", "见证方联署达到法定数"),
    "V5": ("a heads tree in that log shows that no chain was cut", "链首树证明没有链被截短"),
}
ORGANISATION = {"holds": "与组织链一致", "does not hold": "与组织链不符", "not checked": "未检查(须指定 --contents)"}
STRENGTHS = {
    "S0": ("a click, not a signature", "点击确认,非签名"),
    "S1": ("attested by the engine after re-authentication", "重新验证身份后由引擎见证"),
    "S2": ("by the person's own key", "以本人密钥签名"),
    "S3": ("by the person's own key, certified, with a trusted timestamp", "以本人的认证密钥签名,并有可信时间戳"),
    "S3?": (
        "by the person's own key; its certificate and timestamp were not checked",
        "以本人密钥签名,所附证书和时间戳未核验",
    ),
    "WET": ("in ink, registered with a scan", "纸质签字,凭扫描件登记"),
}


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    db: Database,
    contents: Annotated[
        Path | None,
        typer.Option(
            "--contents",
            help="The folder with documents, the engine's home, or the word database: kept there · 内容目录;存于库内:database",
        ),
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Your policy, a JSON file · 核验策略文件")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A checkpoint that you brought yourself · 自带的检查点")
    ] = None,
    since: Annotated[
        list[Path] | None,
        typer.Option(
            "--since",
            help="An earlier bundle, or the receipt of an act: none of it may be gone · 先前取走的证据包或签字回执",
        ),
    ] = None,
    require: Annotated[str, typer.Option("--require", help="The level asked for, V1 to V5 · 要求达到的层级")] = "V1",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    by: Annotated[str, typer.Option("--by", help="Who verifies; put on record, with --home · 核验人")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Check every entry, seal, snapshot, rule and the log of a database, read only · 校验全部办理记录与日志(只读)

    Without a policy of your own V1 at most, without a checkpoint of your own V2. Exit code 0: it holds. 1: it does not.
    2: it could not be checked, or not up to the level asked for, or there was nothing to check.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow import audit as auditing

        if require not in auditing.LEVELS[1:]:
            known = ", ".join(auditing.LEVELS[1:])
            raise wrong(f"expected one of {known}; got {require}", f"应为 {known} 之一;实为 {require}")
        ready(db, home, language, by)
        mine, own = _brought(policy, checkpoint)
        kept = [one for path in since or () for one in auditing.kept_in(str(path), mine)]
        url = url_of(db, language, read_only=True)
        with contents_at(contents, url) as documents, opened(db, language), _progress() as progress:
            found = auditing.audit(url, documents, mine, own, wanted=require, kept=kept, progress=progress)
        # behind the check, or the entry that says so would itself be what no checkpoint fixes yet
        place = noted(db, home, language, "verify", by, "database", quiet=as_json)
    if as_json:
        data = as_data(found, contents is not None) | {"on_record": place}
        say(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        for line in lines(found, language, contents is not None):
            say(line)
    raise typer.Exit(found.exit_code)


def _brought(policy: Path | None, checkpoint: Path | None) -> tuple[Any, Any]:
    """What the auditor brings: the policy, and a checkpoint that it lets count."""
    from workflow import audit as auditing
    from workflow.errors import BadPolicy, Said
    from workflow.evidence.standalone import POLICY_LIMIT, Policy, Unusable

    try:
        mine = Policy.read(_read(policy, POLICY_LIMIT)) if policy else None
    except Unusable as error:
        raise BadPolicy(problem=Said(error.told(), error.told("zh").removeprefix("核验策略不可用:").lstrip())) from None
    if checkpoint is None:
        return mine, None
    return mine, auditing.brought(_read(checkpoint, NOTE_LIMIT).decode("utf-8", "replace"), mine or Policy())


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


@contextmanager
def contents_at(folder: Path | None, url: str) -> Iterator[Any]:
    """The documents of a folder, or those kept in the database itself, where the word ``database`` is given; None without one.

    Raises:
        Unknown: there is no such folder.
    """
    from workflow.errors import Said, Unknown
    from workflow.evidence.content import DiskContentStore

    if folder is None:
        yield None
        return
    if not folder.is_dir():
        if folder == IN_DATABASE:
            from workflow.store.contents import LookedAtContents

            kept = LookedAtContents(url)
            try:
                yield kept
            finally:
                kept.close()
            return
        hint = Said("; documents kept in the database: --contents database", ";材料存于库内的:--contents database")
        raise Unknown(kind="folder of contents", name=str(folder), hint=hint)
    inside = folder / "contents"
    yield DiskContentStore(inside if inside.is_dir() else folder)


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


def as_data(found: Audit, contents: bool) -> dict[str, Any]:
    """What was found as plain data."""
    report, log = found.chains, found.log
    return {
        "level": found.level,
        "wanted": found.wanted,
        "rules": report.rules,
        "holds": found.holds,
        "exit_code": found.exit_code,
        "entries": report.entries,
        "chains": report.chains,
        "replayed": report.replayed,
        "contents": {"checked": report.contents, "missing": report.contents_missing, "retired": len(report.retired)}
        if contents
        else None,
        "organisation": report.organisation,
        "strengths": dict(sorted(report.strengths.items())),
        "keys": dict(sorted(report.keys.items())),
        "keys_unvouched": report.unvouched,
        "moments_backwards": report.backwards,
        "versions_misdated": report.misdated,
        "signer_keys_unregistered": report.unregistered,
        "log": None
        if log is None
        else {
            "epochs": log.epochs,
            "size": log.size,
            "signed": log.signed,
            "waiting": log.waiting,
            "checkpoints": log.checkpoints,
            "entered_late": log.late,
            "begun_anew": [asdict(b) for b in log.begun],
        },
        "kept": found.kept,
        "anchored": found.anchored,
        "unanchored": report.entries - found.anchored,
        "cosigned": found.cosigned,
        "complete_at": found.complete_at,
        "not_checked": dict(found.unchecked),
        "failures": [{"code": f.code, "place": f.place, "detail": f.detail} for f in report.failures],
    }


def lines(found: Audit, lang: Language, contents: bool) -> Iterator[str]:
    """What was found in plain words."""
    zh, report = lang == "zh", found.chains
    if not report.entries:
        yield "V0:没有任何办理记录可供校验" if zh else "V0: nothing was checked; there is not a single entry"
        return
    if report.unread:
        yield (
            f"不成立:{len(report.failures)} 处的值与列的类型不符,数据库被从外部改动;其余未核验"
            if zh
            else f"does not hold: {len(report.failures)} value(s) of another type than their column's, put there from "
            "outside; nothing else was checked"
        )
        yield from _failures(report.failures, zh)
        return
    yield (
        f"已检查 {report.entries} 条记录、{report.chains} 条链"
        if zh
        else (f"checked {report.entries} entries in {report.chains} chains")
    )
    if found.holds:
        yield from (f"{level}{':' if zh else ': '}{REACHED[level][zh]}" for level in REACHED if level <= found.level)
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
        if report.retired:
            n = len(report.retired)
            yield (
                f"内容:{n} 份期满移除,有记录" if zh else f"contents: {n} removed when their period was over, on record"
            )
    else:
        yield "内容:未检查(用 --contents 指定目录)" if zh else "contents: not checked (give --contents DIR)"
    organisation = ORGANISATION[report.organisation] if zh else report.organisation
    yield f"组织机构表:{organisation}" if zh else f"tables of the organisation: {organisation}"
    for strength, count in sorted(report.strengths.items()):
        means = STRENGTHS.get(strength, ("of unknown strength", "强度不明"))[zh]
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
    yield from _moments(found, zh)
    if found.kept:
        yield (
            f"先前取走的记录:{found.kept} 条仍在原处"
            if zh
            else f"kept before: {found.kept} entries are where they were"
        )
    yield from _log(found, zh)
    if found.level < found.wanted and not report.failures:
        yield f"未达到要求的 {found.wanted}" if zh else f"not the {found.wanted} that was asked for"
    for code, count in found.unchecked.items():
        words = words_of(code)[zh]
        number = f" ({count})" if count else ""
        yield f"未核验:{words}{number}" if zh else f"not checked: {words}{number}"
    yield from _failures(report.failures, zh)


def _moments(found: Audit, zh: bool) -> Iterator[str]:
    """What the moments that entries say do not explain by themselves: facts to ask about."""
    told = (
        (
            found.chains.backwards,
            "entries say an earlier moment than the one before them: a clock that was set back, or back-dated",
            "条记录所述时刻早于其前一条:时钟曾被拨回,或记录被倒填",
        ),
        (
            found.log.late if found.log is not None else [],
            "entries came into the log more than an hour after the moment they say: kept back, or back-dated",
            "条记录编入日志比所述时刻晚一小时以上:曾被搁置,或被倒填",
        ),
        (
            found.chains.misdated,
            "versions are said to be published later than something rested on them",
            "个版本所载发布时间晚于首次使用",
        ),
    )
    for places, en, cn in told:
        if places:
            some = ", ".join(places[:5]) + (" ..." if len(places) > 5 else "")
            yield f"待问明:{len(places)} {cn}({some})" if zh else f"to be asked about: {len(places)} {en} ({some})"


def _failures(failures: Sequence[Failure], zh: bool) -> Iterator[str]:
    yield from map(str, failures[:SHOWN])
    if len(failures) > SHOWN:
        more = len(failures) - SHOWN
        yield f"……另有 {more} 处(--json 列出全部)" if zh else f"... and {more} more (--json lists all)"


def words_of(code: str) -> tuple[str, str]:
    from workflow.evidence.standalone import WORDS

    return WORDS[code]


def _begun(one: Begun, zh: bool) -> str:
    """Why a later epoch was begun, and what was lost before it."""
    lost, why = max(0, one.size - one.found), one.because or ("换密钥或算法" if zh else "another key or hash")
    if zh:
        gone = f";此前签署过 {one.size} 条,当时库内只有 {one.found} 条,至少丢失 {lost} 条" if lost else ""
        return f"日志:第 {one.epoch} 纪元由 {one.by} 开启({why}),原因:{one.reason}{gone}"
    gone = (
        f"; {one.size} entries had been signed before, {one.found} were found: at least {lost} are lost" if lost else ""
    )
    return f"log: epoch {one.epoch} was begun by {one.by} ({why}): {one.reason}{gone}"


def _log(found: Audit, zh: bool) -> Iterator[str]:
    """What the log has, and how much of the history nothing outside the database fixes."""
    log, tail = found.log, found.chains.entries - found.anchored
    if log is None:
        yield "日志:尚未建立" if zh else "log: none was begun"
    else:
        yield (
            f"日志:{log.size} 条,其中 {log.signed} 条有检查点签署,{log.waiting} 条尚未编入"
            if zh
            else f"log: {log.size} entries, {log.signed} under a signed checkpoint, {log.waiting} not in it yet"
        )
        yield from (_begun(one, zh) for one in log.begun)
    if found.anchored:
        cosigned = f",{found.cosigned} 个见证方联署" if zh else f", cosigned by {found.cosigned} of your witnesses"
        yield (
            f"已锚定:{found.anchored} 条与您的检查点一致{cosigned}"
            if zh
            else f"anchored: {found.anchored} entries are those of your checkpoint{cosigned}"
        )
        yield f"未锚定的尾部:{tail} 条" if zh else f"unanchored tail: {tail} entries"
        return
    if any(f.code in ("lost", "fork") and f.place.startswith("size ") for f in found.failures):
        yield (
            f"未锚定:全部 {tail} 条。您自带的检查点与本库日志不相接(见下)"
            if zh
            else f"unanchored: all {tail} entries. Your checkpoint does not lead to the log of this database (see below)"
        )
        return
    yield (
        f"未锚定:全部 {tail} 条。未提供库外检查点,持有数据库和引擎密钥者若整体改写,此处无法发现"
        if zh
        else f"unanchored: all {tail} entries. No checkpoint from outside was brought, so a history rewritten as a"
        " whole by whoever holds the database and the engine's key would not be noticed here"
    )
