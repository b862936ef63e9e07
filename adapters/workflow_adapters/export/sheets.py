"""The register, the ledger, the signature sheet and other lists of the views, with titles and names, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workflow import lists, obligations, views
from workflow.cli.tracing import WORDS, called, irregular
from workflow.clock import local_day, moment
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Language
from workflow.lists import Row as ItemRow
from workflow.past import Irregular, past
from workflow.sight import Sight, hidden_from, refuse_unseen
from workflow.store.listing import Wanted
from workflow_adapters import titles


@dataclass(frozen=True)
class Sheet:
    """One table for people: a title, a line below it, columns, and as many cells in each row. All are text.

    Attributes:
        signers: who signs it by hand at the foot, where it is printed.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    signers: tuple[str, ...] = ()


class _Words:
    """Names and titles in one language."""

    def __init__(self, desk: Desk, definition: Definition, lang: Language, ids: Iterable[str]) -> None:
        self.lang, self.flow, self.zone = lang, definition.flow, definition.flow.timezone
        self.definition = definition
        self._org = desk.organisation()
        self._names = self._org.names({i for i in ids if i})
        self._then: dict[tuple[str, str], dict[str, str]] = {}

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def learn_then(self, signed: Iterable[tuple[str, int]]) -> None:
        """Ask what units were called at the moments at which they signed."""
        self._then = self._org.names_on((unit, local_day(at, self.zone).isoformat()) for unit, at in signed)

    def called(self, unit: str, at: int) -> str:
        """What a unit was called when it signed, and what it is called now, where that is not the same."""
        then = self._then.get((unit, local_day(at, self.zone).isoformat()), {}).get(self.lang, "")
        return called(then or self.name(unit), self.name(unit), self.lang)

    def name(self, one: str) -> str:
        return self._names.get(one, {}).get(self.lang, one)

    def stage(self, name: str) -> str:
        return titles.stage(self.definition, name, self.lang)

    def category(self, name: str) -> str:
        text = self.flow.categories.get(name) or self.flow.watch_class.get(name)
        return text.get(self.lang) if text else name

    def verified(self, name: str) -> str:
        """What a check found; nothing where nobody has checked."""
        return {"confirmed": self.say("属实", "confirmed"), "refuted": self.say("不符", "refuted")}.get(name, name)

    def post(self, name: str) -> str:
        return self.flow.posts[name].title.get(self.lang) if name in self.flow.posts else name

    def when(self, at: int) -> str:
        return f"{moment(at, self.zone):%Y-%m-%d %H:%M}"

    def as_of(self, at: int, rows: int) -> str:
        return self.say(f"截至 {self.when(at)},共 {rows} 行", f"as of {self.when(at)}: {rows} rows")

    @property
    def signers(self) -> tuple[str, ...]:
        return (
            self.say("填报人", "filled in by"),
            self.say("审核人", "checked by"),
            self.say("书记", "secretary"),
        )


def register(desk: Desk, sight: Sight, flow: str, campaign: str, at: int, lang: Language, of_class: str = "") -> Sheet:
    """The register (名册) of a campaign as of an instant, as far as it may be seen; ``of_class`` empty: of any class."""
    hidden = hidden_from(desk, sight)
    every = (r for r in views.register(desk, flow, campaign, at) if of_class in ("", r.klass))
    found = [r for r in every if sight.sees(r.unit) and r.item not in hidden]
    w = _Words(desk, desk.engine.newest(desk.connection, flow), lang, (r.unit for r in found))
    rows = tuple(
        (
            str(n),
            r.number,
            w.name(r.unit),
            w.say(*titles.CLASSES.get(r.klass, (r.klass, r.klass))),
            w.category(r.category),
            w.stage(r.stage),
            str(r.round),
            titles.code(w.definition, r.claimed, lang),
            w.verified(r.verified),
            w.when(r.opened_at),
            r.item,
        )
        for n, r in enumerate(found, 1)
    )
    columns = (
        *(w.say("序号", "no"), w.say("编号", "number"), w.say("单位", "unit"), w.say("类别", "class")),
        w.say("问题类型", "category"),
        *(w.say("环节", "stage"), w.say("轮次", "round"), w.say("申报", "claimed"), w.say("核实", "verified")),
        *(w.say("列入时间", "opened"), w.say("事项", "item")),
    )
    return Sheet(w.say("整顿对象名册", "Register"), w.as_of(at, len(rows)), columns, rows, w.signers)


def ledger(desk: Desk, sight: Sight, flow: str, campaign: str, at: int, lang: Language) -> Sheet:
    """The ledger (台账) of a campaign as of an instant. Source: S3 「台账销号」, R100."""
    hidden = hidden_from(desk, sight)
    every = views.register(desk, flow, campaign, at)
    listed = [r for r in every if r.klass == "register" and sight.sees(r.unit) and r.item not in hidden]
    found = views.ledger_rows(desk, listed, at)
    ids = (i for r in found for i in (r.unit, r.superior, r.responsible_unit, r.lead, *r.responsible))
    w = _Words(desk, desk.engine.newest(desk.connection, flow), lang, ids)
    rows = tuple(
        (
            str(r.no),
            r.number,
            w.name(r.unit),
            w.name(r.superior),
            w.category(r.category),
            r.manifestation,
            r.cause,
            "\n".join(f"{n}. {m}" for n, m in enumerate(r.measures, 1)),
            "、".join(w.name(p) for p in r.responsible) + (w.say("(兜底)", " (backstop)") * r.answered_by_superior),
            w.name(r.lead),
            r.due,
            w.stage(r.stage),
            f"{r.lines_closed}/{r.lines}",
            titles.code(w.definition, r.claimed, lang),
            w.verified(r.verified),
            r.acceptance,
            r.closed_on,
        )
        for r in found
    )
    columns = (
        *(w.say("序号", "no"), w.say("编号", "number"), w.say("单位", "unit"), w.say("上级", "above")),
        w.say("问题类型", "category"),
        *(w.say("具体表现", "what"), w.say("原因", "why"), w.say("整改措施", "measures")),
        *(w.say("责任人", "responsible"), w.say("包抓责任人", "lead"), w.say("时限", "due")),
        *(w.say("环节", "stage"), w.say("销号", "closed"), w.say("申报", "claimed"), w.say("核实", "verified")),
        *(w.say("验收意见", "accepted"), w.say("销号日期", "on")),
    )
    return Sheet(w.say("整改台账", "Ledger"), w.as_of(at, len(rows)), columns, rows, w.signers)


def dossier(
    desk: Desk, sight: Sight, flow: str, campaign: str, findings: Sequence[str], at: int, lang: Language
) -> Sheet:
    """What an outside inspector asks for, enterprise by enterprise: what inspections found before, what was found by oneself,
    and the measures. Source: S0 「要提供各企业前期巡视发现的问题,特别是党建方面的问题、检视问题清单、整改措施清单」, R102.

    Args:
        findings: the flows in which inspections' feedback is kept, of every campaign.
    """
    hidden, definition = hidden_from(desk, sight), desk.engine.newest(desk.connection, flow)
    listed = [r for r in views.register(desk, flow, campaign, at) if sight.sees(r.unit) and r.item not in hidden]
    classed = any(s.class_ == "register" for s in definition.flow.stages)  # a flow without classes has every item in
    own = views.ledger_rows(desk, (r for r in listed if r.klass == "register" or not classed), at)
    before = [r for name in findings for r in _all_of(desk, sight, name) if r.opened_at <= at]
    day, org = sight.day, desk.organisation()
    lines = org.paths(dict.fromkeys([*(r.unit for r in own), *(r.unit for r in before)]), day)
    heads = {unit: _enterprise(definition.flow.levels, path) for unit, path in lines.items()}
    w = _Words(desk, definition, lang, [*lines, *heads.values(), *(r.lead for r in own)])
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for r in before:
        other = _Words(desk, desk.engine.definition(desk.connection, r.definition), lang, ())
        what = other.flow.title.get(lang)
        cells = (other.category(r.category), what, other.stage(r.stage), r.item)
        found.append((heads[r.unit], r.unit, (w.say("前期巡视发现", "found by an inspection"), *cells)))
    for row in own:
        kind = w.say("检视问题", "found by oneself")
        said = "; ".join(t for t in (row.manifestation, row.cause) if t)
        found.append((heads[row.unit], row.unit, (kind, w.category(row.category), said, w.stage(row.stage), row.item)))
        measure = w.say("整改措施", "measure")
        done = f"{row.lines_closed}/{row.lines}"
        for text in row.measures:
            found.append((heads[row.unit], row.unit, (measure, w.category(row.category), text, done, row.item)))
    order = {head: n for n, head in enumerate(dict.fromkeys(head for head, _, _ in found))}
    found.sort(key=lambda f: order[f[0]])
    rows = tuple((str(n), w.name(head), w.name(unit), *cells) for n, (head, unit, cells) in enumerate(found, 1))
    columns = (
        *(w.say("序号", "no"), w.say("企业", "enterprise"), w.say("单位", "unit"), w.say("来源", "what it is")),
        *(w.say("问题类型", "category"), w.say("内容", "says"), w.say("现状", "stands at"), w.say("事项", "item")),
    )
    title = w.say("问题与整改措施汇总(迎检)", "Findings and measures, enterprise by enterprise")
    return Sheet(title, w.as_of(at, len(rows)), columns, rows, w.signers)


def _all_of(desk: Desk, sight: Sight, flow: str) -> Iterator[lists.Row]:
    after = ""
    while True:
        page = lists.items(desk, sight, Wanted(flow=flow), after=after, limit=lists.MOST)
        yield from page.rows
        after = page.after
        if not after:
            return


def _enterprise(levels: Sequence[str], path: Sequence[dict[str, str]]) -> str:
    """The unit one below the top of a flow's levels on a unit's line; the highest there is where that level is absent."""
    wanted = levels[-2] if len(levels) > 1 else levels[-1]
    return next((u["unit"] for u in path if u["level"] == wanted), path[-1]["unit"])


def signatures(desk: Desk, sight: Sight, item: str, at: int, lang: Language) -> Sheet:
    """Every signature on an item by an instant, superseded ones marked, each under the name its unit had then; and what is
    irregular beside them, in order of time: places passed over, signers added or replaced. Source: R037, R041."""
    refuse_unseen(desk, sight, item)
    case, definition = desk.case_of(item)
    found = views.signatures(desk, item, at)
    then = past(desk, item, at)
    odd = then.irregular if then is not None else ()
    ids = {case.unit, *(i for r in found for i in (r.unit, r.person, r.principal, r.registrar, *r.now))}
    w = _Words(desk, definition, lang, ids | {i for o in odd for i in (o.unit, *o.persons)})
    w.learn_then((r.unit, r.at) for r in found)
    rows = [(r.seq, _signed(w, r)) for r in found] + [(o.seq, _beside(w, o)) for o in odd]
    rows.sort(key=lambda row: row[0])
    columns = (
        *(w.say("时间", "when"), w.say("环节", "stage"), w.say("单位", "unit"), w.say("职务", "post")),
        *(w.say("签字人(时任)", "signed by"), w.say("现任", "now"), w.say("说明", "remarks")),
        w.say("所见内容摘要", "digest of what was seen"),
    )
    title = f"{w.say('签批单', 'Signature sheet')} · {w.name(case.unit)}"
    return Sheet(title, w.as_of(at, len(rows)), columns, tuple(row for _, row in rows), w.signers[::2])


def _signed(w: _Words, r: views.SignatureRow) -> tuple[str, ...]:
    as_ = w.say(*WORDS[r.as_]) if r.as_ in WORDS else r.as_
    marks = (
        as_,
        w.say("代 ", "for ") + w.name(r.principal) if r.principal else "",
        w.say(*WORDS[r.vote]) if r.vote in WORDS else "",
        w.say("逾期", "late") if r.late else "",
        w.say("提前表决结束", "group decided early") if "early-closed" in r.marks else "",
        w.say(f"{r.paper_on} 纸质签字,登记人 ", f"in ink on {r.paper_on}, registered by ") + w.name(r.registrar)
        if r.paper_on
        else "",
        w.say("已作废", "superseded") if r.superseded else "",
        r.strength,
        w.say("意见:", "opinion: ") + r.opinion if r.opinion else "",
        w.say("理由:", "reason: ") + r.reason if r.reason else "",
    )
    return (
        *(w.when(r.at), w.stage(r.stage), w.called(r.unit, r.at), w.post(r.post), w.name(r.person)),
        "、".join(w.name(p) for p in r.now),
        "、".join(m for m in marks if m),
        r.content,
    )


def _beside(w: _Words, o: Irregular) -> tuple[str, ...]:
    """What is irregular, as a row that nobody signed."""
    what = irregular(o, w.lang, w.post(o.was))
    place = (w.when(o.at), w.stage(o.stage) if o.stage else "", w.name(o.unit), w.post(o.post))
    return (*place, "", "", f"{what} ({'、'.join(w.name(p) for p in o.persons)})", "")


def overdue(desk: Desk, sight: Sight, at: int, lang: Language) -> Sheet:
    """Every node missed by an instant, done late or not done, those missed first at first. Source: S0 「逾期未完成」."""
    hidden = hidden_from(desk, sight)
    found = [r for r in views.missed(desk, at) if sight.sees(r.unit) and r.item not in hidden]
    found.sort(key=lambda r: (r.missed_at, r.item, r.rule))
    flows = {f: desk.engine.newest(desk.connection, f) for f in {r.flow for r in found}}
    names = desk.organisation().names({r.unit for r in found})
    rows = tuple(
        (
            names.get(r.unit, {}).get(lang, r.unit),
            flows[r.flow].flow.title.get(lang),
            titles.rule(flows[r.flow], r.rule, lang),
            _day(r.missed_at - 1, flows[r.flow]),
            "" if r.met_at is None else _day(r.met_at, flows[r.flow]),
            str(r.rungs_fired),
            r.item,
        )
        for r in found
    )
    zh = ("单位", "流程", "时限", "应于", "办结", "已触发督办级数", "事项")
    en = ("unit", "flow", "rule", "due", "done", "rungs fired", "item")
    return _list(("逾期清单", "Overdue nodes"), (zh, en), rows, at, lang)


def ladders(desk: Desk, sight: Sight, at: int, lang: Language) -> Sheet:
    """Every rung that fired by an instant, the latest first: what the machine reminded of and proposed."""
    found: list[Any] = []
    while page := lists.rungs(desk, sight, before=found[-1].id if found else None, limit=lists.MOST):
        found += page
    entries = {e.chain: e for e in found}
    shown = [r for r in views.rungs_of(found) if r.at <= at]
    flows = {e.definition: desk.engine.definition(desk.connection, e.definition) for e in entries.values()}
    names = desk.organisation().names({e.unit for e in found} | {t["unit"] for r in shown for t in r.to})

    def name(one: str) -> str:
        return str(names.get(one, {}).get(lang, one))

    rows = []
    for r in shown:
        definition = flows[entries[r.item].definition]
        posts = definition.flow.posts
        to = (
            f"{name(t['unit'])} {posts[t['post']].title.get(lang) if t['post'] in posts else t['post']}" for t in r.to
        )
        did = ("建议", "proposed") if r.opened else ("催办", "reminded")
        at_ = f"{moment(r.at, definition.flow.timezone):%Y-%m-%d %H:%M}"
        title = titles.rule(definition, r.rule, lang)
        rows.append((at_, name(entries[r.item].unit), title, str(r.step + 1), did[lang == "en"], "、".join(to), r.item))
    zh = ("时间", "单位", "时限", "级", "动作", "对象", "事项")
    en = ("when", "unit", "rule", "rung", "what", "to", "item")
    return _list(("逐级督办台账", "Ledger of rungs"), (zh, en), tuple(rows), at, lang)


def reports(desk: Desk, sight: Sight, flow: str, rule: str, period: str, at: int, lang: Language) -> Sheet:
    """Everybody who owes a report of a period, and what came of it. Source: S0 「每周一报送情况」, R082."""
    definition = desk.engine.newest(desk.connection, flow)
    found = [r for r in obligations.owed(desk, flow, rule, period, at) if sight.sees(r.unit)]
    said = " · ".join(
        x for x in (definition.flow.title.get(lang), titles.obligation(definition, rule, lang), period) if x
    )
    return _reported(desk, said, found, at, lang, definition.flow.timezone)


def roll(
    desk: Desk,
    sight: Sight,
    flow: str,
    campaign: str,
    level: str,
    at: int,
    lang: Language,
    under: frozenset[str] | None,
) -> Sheet:
    """Everybody of a level who owes the report of a campaign, and what came of it. Source: R023.

    Raises:
        Unknown: the flow is not there, or that level owes no report of it.
    """
    definition = desk.engine.newest(desk.connection, flow)
    call = obligations.owed_once(desk, flow, campaign, level, at)
    found = [r for r in call if sight.sees(r.unit) and (under is None or r.unit in under)]
    said = " · ".join(x for x in (definition.flow.title.get(lang), campaign, titles.code(definition, level, lang)) if x)
    return _reported(desk, said, found, at, lang, definition.flow.timezone)


def _reported(
    desk: Desk, title: str, found: Sequence[obligations.Owed | obligations.OwedOnce], at: int, lang: Language, zone: str
) -> Sheet:
    """Units with the state of the report that each owes."""
    names = desk.organisation().names({r.unit for r in found})
    rows = tuple(
        (
            names.get(r.unit, {}).get(lang, r.unit),
            titles.STATES[r.state][lang == "en"],
            "" if r.received is None else f"{moment(r.received, zone):%Y-%m-%d %H:%M}",
            r.item or "",
        )
        for r in found
    )
    zh, en = ("单位", "状态", "收到", "事项"), ("unit", "state", "received", "item")
    return _list((title, title), (zh, en), rows, at, lang, zone)


def items(
    found: Sequence[ItemRow],
    name: Callable[[str], str],
    definition: Callable[[str], Definition],
    at: int,
    lang: Language,
) -> Sheet:
    """Items as a list shows them, with the names and titles of the one who asks."""
    zh, en = (
        ("单位", "流程", "类型", "环节", "轮次", "立项", "事项"),
        ("unit", "flow", "category", "stage", "round", "opened", "item"),
    )
    rows = []
    for row in found:
        w = definition(row.definition)
        text = w.flow.categories.get(row.category) or w.flow.watch_class.get(row.category)
        category = text.get(lang) if text else row.category
        stage = titles.stage(w, row.stage, lang)
        opened = _day(row.opened_at, w)
        rows.append((name(row.unit), w.flow.title.get(lang), category, stage, str(row.round), opened, row.item))
    return _list(("事项", "Items"), (zh, en), tuple(rows), at, lang)


def _day(at: int, definition: Definition) -> str:
    return f"{moment(at, definition.flow.timezone):%Y-%m-%d}"


def _list(
    title: tuple[str, str],
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    rows: tuple[tuple[str, ...], ...],
    at: int,
    lang: Language,
    zone: str = "Asia/Shanghai",
) -> Sheet:
    when, signers = f"{moment(at, zone):%Y-%m-%d %H:%M}", (("制表人", "drawn up by"), ("核对人", "checked by"))
    note = f"截至 {when},共 {len(rows)} 行" if lang == "zh" else f"as of {when}: {len(rows)} rows"
    english = lang == "en"
    return Sheet(title[english], note, columns[english], rows, tuple(s[english] for s in signers))
