"""``workflow trace``: from a finding to everyone who answers for it, as a tree or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.desk import Desk
    from workflow.errors import Language
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
    "holder": ("", ""),
    "acting": ("主持", "acting"),
    "backstop": ("兜底", "backstop"),
    "mandate": ("受委托", "by mandate"),
    "vacant": ("空缺", "vacant"),
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
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Who signed what they saw, and who owed a signature: facts for an inquiry, not a verdict · 责任追溯

    workflow trace ITEM --db DB traces an item; workflow trace FLOW --unit UNIT --db DB what was reported about a unit.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow import trace as tracing
        from workflow.clock import start_of_day
        from workflow.engine import Engine

        engine = Engine.looking(url_of(db, language, read_only=True))
        with engine.look() as desk:
            at = (
                engine.now(desk.connection)
                if on is None
                else start_of_day(on.date() + timedelta(days=1), "Asia/Shanghai") - 1
            )
            if unit:
                found = tracing.trace_unit(desk, item, campaign, unit, at)
            else:
                found = tracing.trace(desk, item, at)
            if as_json:
                say(json.dumps(found.record(), ensure_ascii=False, indent=2))
            else:
                for line in lines(desk, found, language):
                    say(line)
        engine.close()


def lines(desk: Desk, found: Trace, lang: Language) -> Iterator[str]:
    """A trace as an indented tree, names beside ids."""
    from workflow.trace import NOTICE

    names = _Names(desk, found, lang)
    yield from _statement(names, found.root, 0)
    yield ""
    yield NOTICE[lang]


class _Names:
    def __init__(self, desk: Desk, found: Trace, lang: Language) -> None:
        from workflow.store.org import OrgReader

        units, persons = set(), set(found.persons())
        for s in found.root.walk():
            units |= {s.unit, *(r.unit for r in s.signers), *(o.unit for o in s.owed), *(h.unit for h in s.heads)}
            persons |= {p for r in s.signers for p in r.now} | {p for o in s.owed for p in o.now}
        org = OrgReader(desk.connection)
        self._units, self._persons = org.names(units, "unit"), org.names(persons, "person")
        self.desk, self.lang = desk, lang

    def word(self, code: str) -> str:
        zh, en = WORDS.get(code, (code, code))
        return zh if self.lang == "zh" else en

    def unit(self, one: str) -> str:
        return self._units.get(one, {}).get(self.lang, one)

    def persons(self, some: tuple[str, ...]) -> str:
        return "、".join(self._persons.get(p, {}).get(self.lang, p) for p in some) or self.word("vacant")

    def when(self, at: int) -> str:
        from workflow.clock import moment

        return f"{moment(at, 'Asia/Shanghai'):%Y-%m-%d %H:%M}"

    def post(self, item: str, post: str) -> str:
        _, definition = self.desk.case_of(item)
        spec = definition.flow.posts.get(post)
        return spec.title.get(self.lang) if spec else post


def _statement(names: _Names, s: Statement, depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield f"{pad}● {names.word(s.why)}: {names.unit(s.unit)} · {s.flow} · {s.item} · {s.stage}"
    for row in s.signers:
        yield f"{pad}  {_signature(names, s.item, row)}"
    for owed in s.owed:
        yield f"{pad}  {_owed(names, s.item, owed)}"
    for head in s.heads:
        yield f"{pad}  {_head(names, s.item, head)}"
    for below in s.rests_on:
        yield from _statement(names, below, depth + 1)


def _signature(names: _Names, item: str, row: SignatureRow) -> str:
    zh = names.lang == "zh"
    marks: list[Any] = [names.word(row.as_) if row.as_ != "holder" else ""]
    marks += [
        ("逾期" if zh else "late") if row.late else "",
        ("已作废" if zh else "superseded") if row.superseded else "",
    ]
    said = ", ".join(m for m in (*marks, row.strength) if m)
    who = f"{names.unit(row.unit)} {names.post(item, row.post)} {names.persons((row.person,))}"
    now = "" if row.person in row.now else f" → {'现任' if zh else 'now'} {names.persons(row.now)}"
    saw = f"{'所见' if zh else 'saw'} {row.content[:19]}…"
    return f"✓ {names.when(row.at)} {row.stage} {who} ({said}){now} · {saw}"


def _owed(names: _Names, item: str, owed: Owed) -> str:
    zh = names.lang == "zh"
    done = (
        ("至今未办" if zh else "still not done")
        if owed.met_at is None
        else f"{'办结于' if zh else 'done'} {names.when(owed.met_at)}"
    )
    what = {
        "report": ("应报未报", "report owed"),
        "due": ("逾期", "missed"),
        "signature": ("待签未签", "signature owed"),
    }
    said = what[owed.what][0 if zh else 1]
    who = f"{names.unit(owed.unit)} {names.post(item, owed.post)} {names.persons(owed.persons)}"
    mark = f" ({names.word(owed.as_)})" if owed.as_ not in ("holder", "vacant") else ""
    return f"✗ {said} {owed.rule}: {names.when(owed.missed_at)} · {who}{mark} · {done}"


def _head(names: _Names, item: str, head: Head) -> str:
    zh = names.lang == "zh"
    then = f"{'时任' if zh else 'then'} {names.persons(head.then)} ({head.day})"
    now = f"{'现任' if zh else 'now'} {names.persons(head.now)}"
    mark = f" ({names.word(head.as_)})" if head.as_ not in ("holder", "vacant") else ""
    return f"◆ {names.unit(head.unit)} {names.post(item, head.post)}: {then}{mark} · {now}"
