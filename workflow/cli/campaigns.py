"""``workflow campaign`` and ``workflow clear``: a campaign at a glance, and what each level must know at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, Lang, say, told, url_of

if TYPE_CHECKING:
    from workflow.campaign import Group
    from workflow.clear import Clear
    from workflow.errors import Language
    from workflow.seen import Seen

ZONE = "Asia/Shanghai"
SHOWN = 20  # rows of a list in text; JSON has all
Flow = Annotated[str, typer.Option("--flow", help="The flow; the one with the most items when not given · 流程")]
Of = Annotated[str, typer.Option("--campaign", help="The campaign · 专项行动")]
On = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="As of the end of this day; now when not given · 截至"),
]
As = Annotated[str, typer.Option("--as", metavar="PERSON", help="As this person may see it · 按此人可见范围")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")]
ONE_SIDED = {
    "itself": ("只报本级的报告", "reports about themselves alone"),
    "below": ("只报下级的报告", "reports about lower units alone"),
}
CLAIMS = {
    "zero": ("零报告", "zero"),
    "reported": ("已报", "reported"),
    "contradicted": ("与事实不符", "contradicted"),
    "contradicted-below": ("所依据的下级零报告与事实不符", "contradicted below"),
    "supplemented": ("补报", "supplemented"),
}
GROUPS = {"category": "类别", "cause": "成因", "level": "层级", "class": "名册"}
QUESTIONS = {
    "what": ("问题类别不清", "what the problem is"),
    "why": ("成因不清", "why it came about"),
    "who": ("责任人不清", "who answers for it"),
    "by-when": ("时限不清", "by when"),
    "detail": ("下级未报,情况不清", "details: these below have not reported"),
    "list": ("下级未报,清单不全", "its list: these below have not reported"),
    "directive": ("未签收上级部署", "a directive: not acknowledged"),
    "totals": ("下级未报,总数不全", "its totals: these below have not reported"),
}


def register(app: typer.Typer) -> None:
    app.command()(campaign)
    app.command()(clear)


def campaign(
    db: Database,
    flow: Flow = "",
    of: Of = "",
    reports: Annotated[str, typer.Option("--reports", help="The flow in which units report · 报送流程")] = "",
    level: Annotated[str, typer.Option("--level", help="Whose reports and readiness; the lowest · 层级")] = "",
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--needs", help="To be ready: flow:NAME, body:KIND, looked-after:KIND, one-person:POST+POST · 就绪条件"
        ),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help='"covered >= 50%", "closed 超过35%"; none on findings · 目标')
    ] = None,
    carries: Annotated[
        list[str] | None, typer.Option("--carries", help="Earlier batches: what they left open · 承接的前一批次")
    ] = None,
    against: Annotated[str, typer.Option("--against", help="An earlier round, beside this one · 与前一轮比对")] = "",
    by_body: Annotated[
        str, typer.Option("--by-body", help="Items by bodies of this kind, a province for one · 按机构(如省份)汇总")
    ] = "",
    on: On = None,
    person: As = "",
    as_json: Json = False,
    lang: Lang = "",
) -> None:
    """Readiness, coverage, claimed and verified, overdue, statistics and targets as of any day · 专项行动总览

    Exit code 0: shown. 1: a target is not kept. 2: it could not be shown.
    """
    language = cast("Language", lang)
    with told(language), _seen(db, person, language) as seen:
        from workflow.campaign import by_matter, by_person
        from workflow.store.listing import Wanted
        from workflow.targets import target as read

        flow, of = _chosen(seen, flow, of)
        at = _at(seen, on)
        below = level or seen.lowest(flow, at)
        found: dict[str, Any] = {"flow": flow, "campaign": of, "at": at, "level": below}
        if needs:
            found["readiness"] = [asdict(r) for r in seen.readiness(of, below, needs, at)]
        if reports:
            found["coverage"] = asdict(seen.coverage(reports, of, below, at))
            found["claims"] = [asdict(c) for c in seen.claims(reports, of, below, at)]
            found["one-sided"] = [asdict(r) for r in seen.one_sided(reports, of, at)]
        if carries:
            rows = seen.register(flow, of, at, carried=carries)
            found["carried"] = [asdict(r) for r in rows if r.campaign != of]
        if against:
            found["rounds"] = [
                {**asdict(r), "fresh": r.fresh, "gone": r.gone, "again": r.again}
                for r in seen.compare(flow, against, of, at)
            ]
        found["items"] = [asdict(c) for c in seen.item_claims(flow, of, at)]
        late = seen.late(flow, of, at)
        found["overdue"] = [asdict(r) for r in late]
        found["overdue-by-person"] = by_person(late)
        found["overdue-by-matter"] = [[*key, n] for key, n in by_matter(late).items()]
        found["workload"] = seen.workload(flow, of, at)
        found["heat"] = [[*key, n] for key, n in seen.heat("", at, flow=flow, campaign=of).items()]
        groups = seen.statistics(flow, of, at)
        found["statistics"] = {n: {k: _group(g) for k, g in gs.items()} for n, gs in groups.items()}
        found["targets"] = []
        for text in target or ():
            wanted = read(text)
            of_flow = reports or flow if wanted.what == "covered" else flow
            part, whole = seen.measure(wanted, of_flow, of, below, at, needs or ())
            kept, short = wanted.holds(part, whole), wanted.shortfall(part, whole)
            told_ = {"target": str(wanted), "part": part, "whole": whole, "holds": kept, "shortfall": short}
            found["targets"].append(told_)
        if by_body:
            told_of = seen.by_body(by_body, Wanted(flow=flow, campaign=of))
            found["by-body"] = [{"body": b.unit, "items": b.items, "open": b.open, "units": b.units} for b in told_of]
        if as_json:
            say(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            for line in _lines(seen, found, language):
                say(line)
    if not all(t["holds"] for t in found["targets"]):
        raise typer.Exit(1)


def clear(
    db: Database,
    flow: Flow = "",
    of: Of = "",
    relay: Annotated[
        list[str] | None,
        typer.Option("--relay", metavar="FLOW:CAMPAIGN", help="A directive every level acknowledges · 逐级签收的部署"),
    ] = None,
    on: On = None,
    person: As = "",
    as_json: Json = False,
    lang: Lang = "",
) -> None:
    """What each level must know at once, and who could not say it · 4个清楚,杜绝一问三不知

    Exit code 0: every level can answer. 1: some cannot. 2: it could not be told.
    """
    language = cast("Language", lang)
    with told(language), _seen(db, person, language) as seen:
        flow, of = _chosen(seen, flow, of)
        relays = [(name, (sep and campaign_) or of) for name, sep, campaign_ in (r.partition(":") for r in relay or ())]
        found = seen.clear(flow, of, _at(seen, on), relays)
        if as_json:
            say(json.dumps(asdict(found), ensure_ascii=False, indent=2))
        else:
            for line in _clear(seen, found, language):
                say(line)
    if found.gaps:
        raise typer.Exit(1)


@contextmanager
def _seen(db: str, person: str, lang: Language) -> Iterator[Seen]:
    from workflow.engine import Engine
    from workflow.seen import seen_by, seen_by_operator

    engine = Engine.looking(url_of(db, lang, read_only=True))
    try:
        with seen_by(engine, person) if person else seen_by_operator(engine) as seen:
            yield seen
    finally:
        engine.close()


def _chosen(seen: Seen, flow: str, campaign: str) -> tuple[str, str]:
    """The flow and campaign meant: where none is named, those with the most items in the register.

    Raises:
        Unknown: there are no items.
    """
    from workflow.errors import Said, Unknown
    from workflow.store.listing import Wanted

    known = seen.campaigns(Wanted(klass="register")) + seen.campaigns()
    fitting = [(f, c) for f, c, _ in known if flow in ("", f) and campaign in ("", c)]
    if not fitting:
        hint = Said("; there are no items of it, or none that may be seen", ";没有其事项,或没有可见的事项")
        raise Unknown(kind="campaign", name=" ".join(filter(None, (flow, campaign))) or "-", hint=hint)
    return fitting[0]


def _at(seen: Seen, on: datetime | None) -> int:
    from workflow.clock import start_of_day

    return seen.now if on is None else start_of_day(on.date() + timedelta(days=1), ZONE) - 1


def _group(g: Group) -> dict[str, Any]:
    return {
        "items": g.items,
        "closed": g.closed,
        "middle-days": g.middle,
        "most-days": max(g.days, default=None),
        "back": g.back,
    }


def _lines(seen: Seen, found: dict[str, Any], lang: Language) -> Iterator[str]:
    zh = lang == "zh"
    names = seen.names([*(o["of"] for o in found["overdue"]), *found["overdue-by-person"]], lang)
    yield f"{found['flow']} · {found['campaign']} · {'截至' if zh else 'as of'} {_day(found['at'])}"
    if "readiness" in found:
        rows = found["readiness"]
        lacking = [r for r in rows if r["lacks"]]
        ready = len(rows) - len(lacking)
        yield f"就绪:{ready}/{len(rows)}" if zh else f"ready: {ready} of {len(rows)}"
        called = seen.names([r["unit"] for r in lacking[:SHOWN]], lang)
        for r in lacking[:SHOWN]:
            yield f"  {called[r['unit']]}: {'缺' if zh else 'lacks'} {', '.join(r['lacks'])}"
        yield from _more(len(lacking), zh)
    if "coverage" in found:
        c, claims = found["coverage"], found["claims"]
        against = [x for x in claims if x["verified"]]
        yield (
            f"覆盖:应报 {c['owed']},已报 {c['covered']}(零报告 {c['zero']}"
            + (f",零报告被查否 {len(c['contradicted'])}" if c["contradicted"] else "")
            + f"),未报 {len(c['uncovered'])}"
            if zh
            else f"covered: {c['covered']} of {c['owed']}, {c['zero']} zero"
            + (f", {len(c['contradicted'])} zero contradicted" if c["contradicted"] else "")
            + f"; {len(c['uncovered'])} not"
        )
        called = seen.names([*c["uncovered"][:SHOWN], *(x["unit"] for x in against)], lang)
        for unit in c["uncovered"][:SHOWN]:
            yield f"  {'未报' if zh else 'not reported'}: {called[unit]}"
        yield from _more(len(c["uncovered"]), zh)
        yield from _one_sided(seen, found, lang)
        yield (
            f"申报与核实:申报 {len(claims)},与核实不符 {len(against)}"
            if zh
            else f"claimed {len(claims)}; {len(against)} found otherwise"
        )
        for x in against[:SHOWN]:
            told_ = [CLAIMS[x[key]][0 if zh else 1] for key in ("claimed", "verified")]
            yield f"  {called[x['unit']]}: {' → '.join(told_)}"
    if "carried" in found:
        yield f"承接前一批次未办结:{len(found['carried'])}" if zh else f"carried over: {len(found['carried'])}"
        for x in found["carried"][:SHOWN]:
            yield f"  {x['number']} · {x['campaign']} · {x['stage']} · {x['item']}"
        yield from _more(len(found["carried"]), zh)
    if "rounds" in found:
        yield from _rounds(seen, found["rounds"], lang)
    if said := found["items"]:
        checked = [x for x in said if x["verified"]]
        other = [x for x in checked if x["verified"] == "refuted"]
        yield (
            f"事项申报与核实:申报 {len(said)},已核实 {len(checked)},与申报不符 {len(other)}"
            if zh
            else f"items claimed {len(said)}, checked {len(checked)}; {len(other)} found otherwise"
        )
        called = seen.names([x["unit"] for x in other[:SHOWN]], lang)
        for x in other[:SHOWN]:
            yield f"  {called[x['unit']]} · {x['item']}: {x['claimed'] or '-'} → {x['verified']} ({x['finding']})"
        yield from _more(len(other), zh)
    yield f"逾期未办节点:{len(found['overdue'])}" if zh else f"overdue nodes: {len(found['overdue'])}"
    for person, n in list(found["overdue-by-person"].items())[:SHOWN]:
        yield f"  {names.get(person, person) or ('职务空缺' if zh else 'vacant')}: {n}"
    if found["overdue-by-matter"]:
        yield "按事项:" if zh else "by matter:"
    for item, stage, n in found["overdue-by-matter"][:SHOWN]:
        yield f"  {item} · {stage}: {n}"
    yield from _more(len(found["overdue-by-matter"]), zh)
    if found["heat"]:
        yield "按单位、阶段:" if zh else "by unit and stage:"
    called = seen.names([unit for unit, _, _ in found["heat"][:SHOWN]], lang)
    for unit, stage, n in found["heat"][:SHOWN]:
        yield f"  {called.get(unit, unit)} · {stage}: {n}"
    yield from _more(len(found["heat"]), zh)
    if found["workload"]:
        yield "包抓责任人在办:" if zh else "open items by lead:"
    called = seen.names(list(found["workload"])[:SHOWN], lang)
    for person, n in list(found["workload"].items())[:SHOWN]:
        yield f"  {called.get(person, person)}: {n}"
    yield from _more(len(found["workload"]), zh)
    for name, groups in found["statistics"].items():
        yield f"按{GROUPS[name]}:" if zh else f"by {name}:"
        for key, g in groups.items():
            took = f", {g['middle-days']} {'天(中位)' if zh else 'days (median)'}" if g["closed"] else ""
            back = f", {'反弹' if zh else 'came back'} {g['back']}" if g["back"] else ""
            yield f"  {key or '-'}: {g['items']}, {'办结' if zh else 'closed'} {g['closed']}{took}{back}"
    for b in found.get("by-body", ()):
        yield f"  {b['body']}: {b['items']}, {'未办结' if zh else 'open'} {b['open']}"
    for t in found["targets"]:
        word = ("达到" if t["holds"] else "未达到") if zh else ("kept" if t["holds"] else "not kept")
        share = f" = {t['part'] * 1000 // t['whole'] / 10} %" if t["whole"] else ""
        less = f", {'欠' if zh else 'short of'} {t['shortfall']}" if t["shortfall"] else ""
        yield f"{'目标' if zh else 'target'} {t['target']}: {t['part']}/{t['whole']}{share}, {word}{less}"


def _one_sided(seen: Seen, found: dict[str, Any], lang: Language) -> Iterator[str]:
    """Reports of one side only, counted by level; named are those of the level that was asked about."""
    zh = lang == "zh"
    for way, words in ONE_SIDED.items():
        some = [r for r in found["one-sided"] if r["about"] == way]
        if not some:
            continue
        levels = ", ".join(f"{level} {n}" for level, n in Counter(r["level"] for r in some).items())
        yield (
            f"{words[0]}({len(some)},待核查):{levels}"
            if zh
            else f"{words[1]} ({len(some)}, to be looked into): {levels}"
        )
        units = [r["unit"] for r in some if r["level"] == found["level"]]
        called = seen.names(units[:SHOWN], lang)
        for unit in units[:SHOWN]:
            yield f"  {called[unit]}"
        yield from _more(len(units), zh)


def _rounds(seen: Seen, rows: list[dict[str, Any]], lang: Language) -> Iterator[str]:
    """Two rounds beside each other; what was not looked at again is not gone."""
    zh = lang == "zh"
    told = [r for r in rows if r["fresh"] or r["gone"] or not r["seen_second"]]
    same = len(rows) - len(told)
    yield (
        f"两轮比对:{len(rows)} 个单位,结果一致 {same}" if zh else f"rounds compared: {len(rows)} units, {same} the same"
    )
    called = seen.names([r["unit"] for r in told[:SHOWN]], lang)
    words = (("fresh", "新增", "new"), ("gone", "不再有", "gone"), ("again", "仍有", "again"))
    for r in told[:SHOWN]:
        parts = [f"{z if zh else e} {', '.join(r[key])}" for key, z, e in words if r[key]]
        if not r["seen_second"]:
            parts.append("本轮未排查" if zh else "not looked at again")
        yield f"  {called[r['unit']]}: {'; '.join(parts)}"
    yield from _more(len(told), zh)


def _clear(seen: Seen, found: Clear, lang: Language) -> Iterator[str]:
    zh = lang == "zh"
    yield f"{found.flow} · {found.campaign} · {'截至' if zh else 'as of'} {_day(found.at)}"
    yield "一、全体人员:正在开展本项工作,时间节点" if zh else "1. Everybody: this is being done, with these nodes"
    for name, nodes in found.nodes.items():
        yield f"  {name}: " + ", ".join(f"{n} {day}" for n, day in nodes.items())
    for r in found.relays:
        head = f"{r.flow} {r.campaign} · {r.level}"
        yield (
            f"  {head}:签收 {r.acknowledged}/{r.owed}" if zh else f"  {head}: {r.acknowledged} of {r.owed} acknowledged"
        )
        silent = seen.names(r.silent[:SHOWN], lang)
        for unit in r.silent[:SHOWN]:
            late = (",已逾期" if zh else ", overdue") if unit in r.missing else ""
            yield f"    {'未签收' if zh else 'not yet'}: {silent[unit]}{late}"
        yield from _more(len(r.silent), zh, "    ")
    yield f"二、总体情况:{sum(found.totals.values())} 件" if zh else f"2. Totals: {sum(found.totals.values())} items"
    for stage, n in found.totals.items():
        yield f"  {stage}: {n}"
    units = seen.names([*found.lists, *found.details, *(g.unit for g in found.gaps)], lang)
    yield "三、清单" if zh else "3. Lists"
    for unit, some in found.lists.items():
        yield f"  {units[unit]}: {len(some)}"
    yield "四、每个的详细情况" if zh else "4. Details of each"
    for unit, details in found.details.items():
        yield f"  {units[unit]}"
        called = seen.names([x for d in details[:SHOWN] for x in (d.unit, *d.who)], lang)
        for d in details[:SHOWN]:
            who = "、".join(called[w] for w in d.who) or "-"
            due = _day(d.due) if d.due is not None else "-"
            yield f"    {called[d.unit]} · {d.item} · {d.category or '-'} · {d.stage} · {who} · {due}"
        yield from _more(len(details), zh, "    ")
    yield f"答不上来的:{len(found.gaps)}" if zh else f"Cannot be answered: {len(found.gaps)}"
    for gap in found.gaps:
        zh_word, en_word = QUESTIONS[gap.question]
        yield f"  {units[gap.unit]}: {zh_word if zh else en_word} ({', '.join(gap.about[:5])}{'…' if len(gap.about) > 5 else ''})"


def _more(n: int, zh: bool, pad: str = "  ") -> Iterator[str]:
    if n > SHOWN:
        yield f"{pad}… {'另有' if zh else 'and'} {n - SHOWN}{' 项' if zh else ' more'}"


def _day(at: int) -> str:
    from workflow.clock import moment

    return f"{moment(at, ZONE):%Y-%m-%d}"
