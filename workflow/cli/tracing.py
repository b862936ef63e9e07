"""``workflow trace``: from a finding to everyone who answers for it, as a tree or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.access import noted
from workflow.cli.arguments import Home, Lang, say, say_error, told, url_of
from workflow.cli.evidence import contents_at

if TYPE_CHECKING:
    from workflow.desk import Desk
    from workflow.errors import Language
    from workflow.past import Handed, Irregular, Named, Remark
    from workflow.trace import Head, Owed, Statement, Trace
    from workflow.views import SignatureRow

Db = Annotated[str, typer.Option("--db", help="A SQLite file or a database URL · 数据库文件或 URL")]
WORDS = {
    "finding": ("事项", "finding"),
    "report": ("上报", "report"),
    "opened by": ("据以立项", "opened by"),
    "relies on": ("所依据的下级上报", "relies on"),
    "about": ("所涉事项", "about"),
    "due": ("逾期", "missed"),
    "signature": ("待签未签", "signature owed"),
    "passed-over": ("被越过未签", "passed over, not signed"),
    "holder": ("", ""),
    "acting": ("主持", "acting"),
    "backstop": ("兜底", "backstop"),
    "mandate": ("受委托", "by mandate"),
    "delegate": ("受委派", "by delegation"),
    "vacant": ("空缺", "vacant"),
    "hidden": ("另一单位的事项,不在可见范围", "an item of another unit, not shown"),
    "below": ("下级上报(未被依据)", "report below, not relied on"),
    "rested on": ("前置或关联事项", "prior or linked item"),
    "checked": ("所抽查事项", "checked item"),
    "contradicts": ("被反证的上报", "contradicted report"),
    "exempt": ("免报", "exempted"),
    "supplement": ("补报", "corrected"),
    "contradict": ("反证", "contradicted"),
    "return": ("退回", "returned"),
    "extend": ("延期", "extended"),
    "pause": ("中止计时", "paused"),
    "resume": ("恢复计时", "resumed"),
    "reverse": ("撤销计次", "taken off the count"),
    "record-check": ("抽查认定", "checked"),
    "reversed": ("已撤销计次", "taken off the count"),
    "suspend": ("挂起", "suspended"),
    "activate": ("激活", "activated"),
    "open-ballot": ("组织投票", "opened the vote"),
    "delegated": ("委派", "delegated"),
    "recall": ("收回委派", "took back what was delegated"),
    "hand-over": ("交接", "handed over"),
    "ask-override": ("提请越过", "asked to pass over"),
    "override": ("同意越过", "passed over"),
    "reopen": ("重启", "reopened"),
    "exempted": ("已免报", "exempted"),
    "supplemented": ("已补报", "corrected"),
    "contradicted": ("已被反证", "contradicted"),
    "beside": ("一岗双责", "answering second"),
    "lead": ("包抓责任人", "lead"),
    "submit": ("提交材料", "handed in"),
    "report-zero": ("零报告填报", "drew up the zero report"),
    "record-tally": ("录入票数", "recorded the tally"),
    "close-line": ("逐条销号", "closed lines"),
    "agree": ("表决同意", "voted for it"),
    "against": ("表决反对", "voted against it"),
    "abstain": ("表决弃权", "abstained"),
}


def register(app: typer.Typer) -> None:
    app.command()(trace)


def trace(
    item: Annotated[str, typer.Argument(help="The item; or a flow, with --unit · 事项,或与 --unit 同用的流程")],
    db: Db,
    unit: Annotated[str, typer.Option("--unit", help="The unit that a report is, or should be, about · 所涉单位")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="With --unit: the campaign · 专项行动")] = "",
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="As of the end of this day; now when not given · 截至"),
    ] = None,
    seq: Annotated[
        int | None, typer.Option("--seq", min=1, help="One signature: the item as of this entry · 指某一条签字记录")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Every report relied on, not only one line of units · 列出所依据的全部上报")
    ] = False,
    contents: Annotated[
        Path | None,
        typer.Option(
            "--contents",
            help="Also what each signer saw: the engine's home, or the word database · 同列签字时所见内容:内容目录或 database",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    by: Annotated[str, typer.Option("--by", help="Who asks; put on record first, with --home · 查询人")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, on record with --by · 事由")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Who signed what they saw, and who owed a signature: facts for an inquiry, not a verdict · 责任追溯

    workflow trace ITEM --db DB traces an item; workflow trace FLOW --unit UNIT --db DB what was reported about a unit.
    A day is a day of the flow's own time zone; what came after it is left out: asked again later, the answer has the same
    bytes. How much came later is told beside it. Personal values stay the commitments that were signed over.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow import trace as tracing
        from workflow.engine import Engine

        _refuse_idle(language, unit, campaign, seq, whole)
        url = url_of(db, language, read_only=True)
        with contents_at(contents, url) as kept, closing(Engine.looking(url, kept)) as engine, engine.look() as desk:
            zone = _zone(desk, item, unit)
            at = engine.now(desk.connection) if on is None else _end_of(on, zone)
            if unit:
                found = tracing.trace_unit(desk, item, campaign, unit, at)
            else:
                found = tracing.trace(desk, item, at, seq=seq, whole=whole)
            about = " ".join(x for x in (item, f"unit={unit}", f"campaign={campaign}" if campaign else "") if x)
            noted(db, home, language, "trace", by, about if unit else item, reason, quiet=as_json)
            if as_json:
                record = found.record()
                if kept is not None:
                    _with_what_was_seen(desk, found.root, record["root"])
                say(json.dumps(record, ensure_ascii=False, indent=2))
            else:
                for line in lines(desk, found, language, saw=kept is not None, dated=on is not None):
                    say(line)
            if found.later:
                say_error(
                    f"此后另有 {found.later} 条记录。" if language == "zh" else f"{found.later} entries came later."
                )


def _with_what_was_seen(desk: Desk, statement: Statement, record: dict[str, Any]) -> None:
    """Beside each signature of a trace's plain data, ``saw``: the documents it covers, by name."""
    from workflow.trace import seen_by

    for row, plain in zip(statement.signers, record["signers"], strict=True):
        plain["saw"] = seen_by(desk, row, reveal=False)
    for below, plain in zip(statement.rests_on, record["rests_on"], strict=True):
        _with_what_was_seen(desk, below, plain)


def _refuse_idle(lang: Language, unit: str, campaign: str, seq: int | None, whole: bool) -> None:
    """An option that would do nothing is a misunderstanding, not a detail.

    Raises:
        WrongMeaning: says what it goes with.
    """
    from workflow.errors import WrongMeaning

    zh = lang == "zh"
    if campaign and not unit:
        raise WrongMeaning(
            expected="--unit 与 --campaign 同用" if zh else "--unit beside --campaign",
            actual="只有 --campaign" if zh else "--campaign alone",
        )
    if unit and (seq is not None or whole):
        raise WrongMeaning(
            expected="--seq、--whole 只用于事项" if zh else "--seq and --whole with an item",
            actual="--unit",
        )


def _zone(desk: Desk, item: str, unit: str) -> str:
    """The time zone of the flow that is asked about, whose days are meant."""
    if unit:
        return desk.engine.newest(desk.connection, item).flow.timezone
    return desk.case_of(item)[1].flow.timezone


def _end_of(day: datetime, zone: str) -> int:
    from workflow.clock import start_of_day

    return start_of_day(day.date() + timedelta(days=1), zone) - 1


def lines(desk: Desk, found: Trace, lang: Language, *, saw: bool = False, dated: bool = False) -> Iterator[str]:
    """A trace as an indented tree, names beside ids.

    Args:
        saw: under each signature what its signer saw, as far as it is kept.
        dated: it was asked as of a day, and says so.
    """
    from workflow.trace import NOTICE

    names = _Names(desk, found, lang, saw=saw)
    yield from _statement(names, found.root, 0)
    yield ""
    for ids in found.same:
        yield ("同一人:" if lang == "zh" else "one person: ") + " = ".join(f"{names.persons((i,))} ({i})" for i in ids)
    if dated:
        at = names.when(found.at, found.root.flow)
        yield f"截至 {at};此后的记录未列出。" if lang == "zh" else f"As of {at}; what came later is not shown."
    yield NOTICE[lang]


def called(then: str, now: str, lang: Language) -> str:
    """What a unit was called when it signed, and what it is called now, where that is not the same."""
    if then == now:
        return now
    return f"{then}(现 {now})" if lang == "zh" else f"{then} (now {now})"


class _Names:
    def __init__(self, desk: Desk, found: Trace, lang: Language, *, saw: bool) -> None:
        from workflow.past import organisation_at

        units, persons = set(), set(found.persons())
        for s in found.root.walk():
            units |= {s.unit, *(r.unit for r in s.signers), *(o.unit for o in s.owed), *(h.unit for h in s.heads)}
            units |= {row.unit for some in (s.remarks, s.irregular, s.named, s.handed) for row in some}
            persons |= {p for i in s.irregular for p in i.persons} | {one.by for one in s.named}
            persons |= {p for r in s.signers for p in r.now} | {p for o in s.owed for p in o.now}
        self._org, self._at = organisation_at(desk, found.at), found.at
        self._units, self._persons = self._org.names(units, "unit"), self._org.names(persons, "person")
        self._then: dict[tuple[str, str], str] = {}
        self.desk, self.lang, self.saw, self.found = desk, lang, saw, found

    def word(self, code: str) -> str:
        zh, en = WORDS.get(code, (code, code))
        return zh if self.lang == "zh" else en

    def unit(self, one: str) -> str:
        return self._units.get(one, {}).get(self.lang, one)

    def unit_then(self, one: str, at: int, flow: str) -> str:
        """What a unit was called on the day of a signature; what it is called now beside it, where that is not the same."""
        from workflow.clock import local_day

        day = local_day(at, self._flow(flow).timezone).isoformat()
        if (one, day) not in self._then:
            then = self._org.names([one], "unit", day).get(one, {}).get(self.lang, one)
            self._then[one, day] = called(then, self.unit(one), self.lang)
        return self._then[one, day]

    def persons(self, some: tuple[str, ...]) -> str:
        return "、".join(self._persons.get(p, {}).get(self.lang, p) for p in some) or self.word("vacant")

    def when(self, at: int, flow: str) -> str:
        from workflow.clock import moment

        return f"{moment(at, self._flow(flow).timezone):%Y-%m-%d %H:%M}"

    def post(self, flow: str, post: str) -> str:
        spec = self._flow(flow).posts.get(post)
        return spec.title.get(self.lang) if spec else post

    def _flow(self, name: str) -> Any:
        from workflow.obligations import in_force

        return in_force(self.desk, name, self._at).flow


def _statement(names: _Names, s: Statement, depth: int) -> Iterator[str]:
    pad = "  " * depth
    zh = names.lang == "zh"
    round_ = "" if s.round == 1 else f" · 第 {s.round} 轮" if zh else f" · round {s.round}"
    marks = "".join(f" · {names.word(m)}" for m in s.marks)
    what = f"{s.item} · {s.stage}{round_}{marks}" if s.item else ("未见任何上报" if zh else "no report was begun")
    if s.hidden:
        yield f"{pad}● {names.word(s.why)}: {names.word('hidden')}"
    else:
        yield f"{pad}● {names.word(s.why)}: {names.unit(s.unit)} · {s.flow} · {what}"
    for row in s.signers:
        yield f"{pad}  {_signature(names, s.flow, row)}"
        if names.saw:
            yield from (f"{pad}    {one}" for one in _saw(names, row))
    for remark in s.remarks:
        yield f"{pad}  {_remark(names, s.flow, remark)}"
    for odd in s.irregular:
        yield f"{pad}  {_irregular(names, s.flow, odd)}"
    for owed in s.owed:
        yield f"{pad}  {_owed(names, s.flow, owed)}"
    for head in s.heads:
        yield f"{pad}  {_head(names, s.flow, head)}"
    for one in s.named:
        yield f"{pad}  {_named(names, s.flow, one)}"
    for paper in s.handed:
        yield f"{pad}  {_handed(names, s.flow, paper)}"
    for below in s.rests_on:
        yield from _statement(names, below, depth + 1)


def _remark(names: _Names, flow: str, row: Remark) -> str:
    who = f"{names.unit_then(row.unit, row.at, flow)} {names.post(flow, row.post)} {names.persons((row.person,))}"
    marks = [names.word(row.as_)] if row.as_ not in ("holder", "") else []
    marks += [_in_ink(names, row)] if row.paper_on else []
    mark = f" ({', '.join(marks)})" if marks else ""
    more = "".join(f" · {x}" for x in (row.reason, row.finding, row.until) if x)
    return f"! {names.when(row.at, flow)} {names.word(remarked(row))} {who}{_to_whom(names, row)}{mark}{more}"


def remarked(row: Remark) -> str:
    """The word of ``WORDS`` for an act beside the chain; ``delegate`` alone says in which capacity somebody signs."""
    return "delegated" if row.kind == "delegate" else row.kind


def _to_whom(names: _Names, row: Remark) -> str:
    """From whom and to whom a place passed."""
    zh = names.lang == "zh"
    gone = f"{',移交人 ' if zh else ', from '}{names.persons((row.leaver,))}" if row.leaver else ""
    return f"{gone}{' → '}{names.persons((row.whom,))}" if row.whom else ""


def _in_ink(names: _Names, row: Remark | SignatureRow) -> str:
    said = f"{row.paper_on} 纸质签字,登记人 " if names.lang == "zh" else f"in ink on {row.paper_on}, registered by "
    return said + names.persons((row.registrar,))


def _irregular(names: _Names, flow: str, row: Irregular) -> str:
    what = irregular(row, names.lang, names.post(flow, row.was))
    place = f"{names.unit(row.unit)} {names.post(flow, row.post)}"
    return f"△ {names.when(row.at, flow)} {place}: {what} ({names.persons(row.persons)})"


def irregular(row: Irregular, lang: Language, was: str) -> str:
    """What is irregular, in words; ``was`` names the post that a transferred place was taken from."""
    zh = lang == "zh"
    return {
        "overridden": ("两人同意越过,无人签批", "passed over by two persons, signed by nobody"),
        "early-closed": ("提前表决结束,未签", "not signed: the group was decided before"),
        "back-dated": (f"补录,所称日期 {row.on}", f"recorded later, said to be of {row.on}"),
        "signer-added": ("加签", "signer added"),
        "signer-removed": ("减签", "added signer taken away"),
        "withdrawn": ("撤回签字", "signature taken back"),
        "transferred": (f"转办,原 {was}", f"handed on from {was}"),
    }[row.kind][0 if zh else 1]


def _signature(names: _Names, flow: str, row: SignatureRow) -> str:
    zh = names.lang == "zh"
    marks: list[Any] = [names.word(row.as_) if row.as_ != "holder" else ""]
    if row.principal:
        marks.append(("代 " if zh else "for ") + names.persons((row.principal,)))
    marks += [
        names.word(row.vote) if row.vote else "",
        ("逾期" if zh else "late") if row.late else "",
        ("提前表决结束" if zh else "group decided early") if "early-closed" in row.marks else "",
        _in_ink(names, row) if row.paper_on else "",
        ("已作废" if zh else "superseded") if row.superseded else "",
    ]
    said = ", ".join(m for m in (*marks, row.strength) if m)
    who = f"{names.unit_then(row.unit, row.at, flow)} {names.post(flow, row.post)} {names.persons((row.person,))}"
    now = (
        "" if names.found.one_person(row.person, row.now) else f" → {'现任' if zh else 'now'} {names.persons(row.now)}"
    )
    saw = f"{'所见' if zh else 'saw'} {row.content[:19]}…"
    return f"✓ {names.when(row.at, flow)} {row.stage} {who} ({said}){now} · {saw}{written(row, names.lang)}"


def written(row: SignatureRow, lang: Language) -> str:
    """What a signer wrote beside the signature: the opinion, and the reason where one was asked for."""
    opinion, reason = ("意见:", "理由:") if lang == "zh" else ("opinion: ", "reason: ")
    said = [opinion + row.opinion if row.opinion else "", reason + row.reason if row.reason else ""]
    return "".join(f" · {one}" for one in said if one)


def _saw(names: _Names, row: SignatureRow) -> Iterator[str]:
    """The documents a signer saw, each on a line."""
    from workflow.trace import seen_by

    for name, held in seen_by(names.desk, row, reveal=False).items():
        lost = isinstance(held, dict) and held.get("kept") is False
        said = ("未保存" if names.lang == "zh" else "not kept") if lost else json.dumps(held, ensure_ascii=False)
        yield f"{name}: {said}"


def _owed(names: _Names, flow: str, owed: Owed) -> str:
    zh = names.lang == "zh"
    done = (
        ("至今未办" if zh else "still not done")
        if owed.met_at is None
        else f"{'办结于' if zh else 'done'} {names.when(owed.met_at, flow)}"
    )
    what = {
        "report": ("应报未报", "report owed"),
        "due": ("逾期", "missed"),
        "signature": ("待签未签", "signature owed"),
        "passed-over": ("被越过未签", "passed over, not signed"),
    }
    said = what[owed.what][0 if zh else 1]
    who = f"{names.unit(owed.unit)} {names.post(flow, owed.post)} {names.persons(owed.persons)}"
    mark = f" ({names.word(owed.as_)})" if owed.as_ not in ("holder", "vacant") else ""
    return f"✗ {said} {owed.rule}: {names.when(owed.missed_at, flow)} · {who}{mark} · {done}"


def _head(names: _Names, flow: str, head: Head) -> str:
    zh = names.lang == "zh"
    then = f"{'时任' if zh else 'then'} {names.persons(head.then)} ({head.day})"
    now = f"{'现任' if zh else 'now'} {names.persons(head.now)}"
    mark = f" ({names.word(head.as_)})" if head.as_ not in ("holder", "vacant") else ""
    beside = f" · {names.word('beside')} {names.persons(head.beside)}" if head.beside else ""
    return f"◆ {names.unit(head.unit)} {names.post(flow, head.post)}: {then}{mark} · {now}{beside}"


def _handed(names: _Names, flow: str, one: Handed) -> str:
    """Who handed in papers, or closed lines."""
    who = f"{names.unit_then(one.unit, one.at, flow)} {names.post(flow, one.post)} {names.persons((one.person,))}"
    times = f" ×{one.times}" if one.times > 1 else ""
    return f"✎ {names.when(one.at, flow)} {names.word(one.kind)}{times} {who}"


def _named(names: _Names, flow: str, one: Named) -> str:
    """Who was named to guide the item, or in one of its roles; and by whom."""
    what = one.role or names.word("lead")
    who = f"{names.unit_then(one.unit, one.at, flow)} {names.post(flow, one.post)} {names.persons((one.person,))}"
    by = ("指定人 " if names.lang == "zh" else "named by ") + names.persons((one.by,))
    return f"◇ {names.when(one.at, flow)} {what}: {who} · {by}"
