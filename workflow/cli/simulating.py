"""``workflow simulate``: try a flow out on the real engine, one item by keyboard or many by chance."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Lang, say, told, wrong

if TYPE_CHECKING:
    from collections import Counter

    from workflow.acts import Act
    from workflow.definition.model import Stage
    from workflow.definition.problem import Problem
    from workflow.errors import Language
    from workflow.simulation.office import Office
    from workflow.simulation.random_walk import Figures


def register(app: typer.Typer) -> None:
    app.command()(simulate)


def simulate(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="A flow file, or a shipped one · 流程文件或名称")],
    items: Annotated[int, typer.Option("--items", "-n", min=1, max=5000, help="How many by chance · 随机事项数")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same figures · 随机种子")] = 1,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="One item, by keyboard · 手动办理一件")] = False,
    org: Annotated[Path | None, typer.Option("--org", help="Invented without one · 组织数据目录")] = None,
    days: Annotated[float, typer.Option("--days", min=0.01, help="Days for an act, on average · 每步平均天数")] = 1.0,
    lie: Annotated[
        float, typer.Option("--lie", min=0, max=1, help="Share of duties let lie past the date · 拖延比例")
    ] = 0.0,
    send_back: Annotated[float, typer.Option("--send-back", min=0, max=1, help="Share of returns · 退回比例")] = 0.05,
    fail: Annotated[
        float, typer.Option("--fail", min=0, max=1, help="Share of votes and scores that fail · 不合格比例")
    ] = 0.2,
    way: Annotated[
        list[str] | None,
        typer.Option("--way", metavar="STAGE.EXIT=SHARE", help="How often a way out is taken · 某出口的比例"),
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option("--node", metavar="NAME=DATE", help="And what if it were then · 节点改期")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Try a flow out before it is in force: dead ends, paths, load, what is missed, another node date · 模拟运行

    Exit code 1: an item came to a dead end.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.cli.flows import beside, calendar_of, calendars_of_units, flow_of
        from workflow.org.importing import read_org
        from workflow.simulation.behaviour import Behaviour
        from workflow.simulation.office import office
        from workflow.simulation.random_walk import simulate as run
        from workflow.simulation.random_walk import with_node

        definition, path = flow_of(flow)
        calendar, others = calendar_of(definition, path), beside(path)
        own = calendars_of_units(definition, path)
        held = read_org(org) if org is not None else None
        if by_hand:
            with office(definition, calendar, others, held, calendars=own) as here:
                _by_hand(here, language)
            return
        behaviour = Behaviour(days=days, lie=lie, send_back=send_back, fail=fail, ways=_ways(way or ()))
        broken: dict[str, list[Problem]] = {}
        found = {"": run(definition, calendar, items, seed, behaviour, others=others, org=held, calendars=own)}
        for given in node or ():
            name, _, on = given.partition("=")
            try:
                moved, broken[given] = with_node(definition, name, date.fromisoformat(on))
            except ValueError:
                raise wrong(
                    f"expected NAME=2019-10-31; got {given}", f"应写作 节点=2019-10-31;实为 {given}", "--node"
                ) from None
            found[given] = run(moved, calendar, items, seed, behaviour, others=others, org=held, calendars=own)
    if as_json:
        say(json.dumps({given or "as written": _data(f) for given, f in found.items()}, ensure_ascii=False, indent=2))
    else:
        for given, figures in found.items():
            for line in _told(figures, given, found[""], broken.get(given, ()), language):
                say(line)
    if any(f.dead_ends for f in found.values()):
        raise typer.Exit(1)


def _ways(given: Iterable[str]) -> dict[tuple[str, str], float]:
    """``STAGE.EXIT=SHARE``, several times."""
    ways: dict[tuple[str, str], float] = {}
    for one in given:
        way, _, share = one.partition("=")
        stage, _, exit_ = way.partition(".")
        try:
            ways[stage, exit_] = float(share)
        except ValueError:
            ways[stage, exit_] = -1.0
        if not exit_ or not 0.0 <= ways[stage, exit_] <= 1.0:
            raise wrong(
                f"expected STAGE.EXIT=0.3, between 0 and 1; got {one}",
                f"应写作 阶段.去向=0.3(0 至 1 之间);实为 {one}",
                "--way",
            )
    return ways


def _data(f: Figures) -> dict[str, Any]:
    item, path = f.longest
    return {
        "items": f.items,
        "acts": f.acts,
        "seconds": round(f.seconds, 2),
        "ended": dict(sorted(f.finals.items())),
        "dead-ends": [list(d) for d in f.dead_ends],
        "unfinished": dict(f.unfinished.most_common()),
        "days": {"median": _median(f.days), "most": max(f.days, default=0)},
        "longest": {"item": item, "stages": path},
        "load": {o: {"signatures": n, "busiest-week": f.busiest[o]} for o, n in f.load.most_common()},
        "stays": dict(f.stays.most_common()),
        "dues": {d: {"items": n, "missed": f.missed[d], "node": f.nodes.get(d, "")} for d, n in f.armed.most_common()},
        "rungs": dict(sorted(f.rungs.items())),
    }


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2] if values else 0


def _told(f: Figures, given: str, plain: Figures, broken: Iterable[Problem], lang: Language) -> Iterator[str]:
    """What happened, for people; beside another date of a node, how it differs from the flow as written."""
    zh = lang == "zh"
    if given:
        yield ""
        yield f"—— 若 {given} ——" if zh else f"-- if {given} --"
        yield from (f"{'注意' if zh else 'note'}: {p.message.get(lang)} [{p.code}]" for p in broken)
    item, path = f.longest
    rows = [
        ("事项", "items", f"{f.items}"),
        ("办理次数", "acts", f"{f.acts}"),
        ("办结", "ended", _counted(f.finals) or "-"),
        ("死路", "dead ends", ", ".join(f"{i}: {s}" for i, s in f.dead_ends) or "0"),
        ("未办结", "unfinished", _counted(f.unfinished) or "0"),
        ("历时(天)", "days", _days(f, zh)),
        ("最长路径", "longest path", f"{item} ({len(path)}): {' > '.join(_turns(path))}"),
        ("督办", "rungs", _counted(f.rungs) or "0"),
    ]
    if given:
        change = f.missed.total() - plain.missed.total()
        rows.append(("逾期变化", "missed, change", f"{plain.missed.total()} -> {f.missed.total()} ({change:+})"))
    for name_zh, name_en, value in rows:
        yield f"{name_zh}:{value}" if zh else f"{name_en + ':':<14} {value}"
    yield (
        "各岗位签批:合计;一个单位一周最多" if zh else "load:          signatures in all; most for one office in a week"
    )
    for post, n in f.load.most_common():
        yield f"  {n:>6} {f.busiest[post]:>5}  {post}"
    yield "时限:逾期的事项数/有此时限的事项数" if zh else "dues:          items that missed it, of those that had it"
    for due in sorted(f.armed, key=lambda d: (-f.missed[d], d)):
        node = f"  ({'节点' if zh else 'node'} {f.nodes[due]})" if due in f.nodes else ""
        more = f.missed[due] - plain.missed[due]
        yield f"  {f.missed[due]:>6} / {f.armed[due]:<5} {due}{node}" + (f"  {more:+}" if given and more else "")
    yield f"{f.seconds:.1f} s"


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in found.most_common())


def _days(f: Figures, zh: bool) -> str:
    if not f.days:
        return "-"
    middle, most = _median(f.days), max(f.days)
    return f"中位数 {middle},最长 {most}" if zh else f"median {middle}, most {most}"


def _turns(path: list[str]) -> Iterator[str]:
    """A path for people: a stage entered several times running stands once."""
    for stage, stays in itertools.groupby(path):
        n = len(list(stays))
        yield stage + (f" x{n}" if n > 1 else "")


def _by_hand(here: Office, lang: Language) -> None:
    """One item: what is there, what may be done, what you choose."""
    from workflow.prover.offices import kinds

    zh, item = lang == "zh", "item"
    unit = next(iter(kinds(here.org, here.definition, here.today.isoformat(), here.definition.flow.levels[0])))[0]
    if here.definition.flow.obligations:
        opens, period = next(here.reports_of(unit))
        here.move_to(opens)
        item = here.open(item, unit, period)
    else:
        here.open(item, unit)
    while True:
        case = here.case(item)
        say("")
        say(f"{here.today}  {case.stage}  " + ", ".join(f"{s.post}@{s.unit}" for s in case.open_slots))
        if case.final:
            return
        options = _chosen(here.options(item), here.definition.stage(case.stage))
        for n, act in enumerate(options, start=1):
            say(f"  {n}. {_said(act)}")
        say("  +N " + ("过 N 天;q 结束" if zh else "let N days pass; q to stop"))
        chosen = typer.prompt("?", default="", show_default=False).strip()
        if chosen in ("q", ""):
            return
        if chosen.startswith("+") and chosen[1:].isdigit():
            before = {r: d["step"] for r, d in case.dues.items()}
            here.move_to(here.clock.now() + min(int(chosen[1:]), 3650) * 86_400_000_000)
            for rule, due in here.case(item).dues.items():
                if due["step"] > before.get(rule, 0):
                    say(f"  ▲ {rule}: {due['step'] - before.get(rule, 0)}")
        elif chosen.isdigit() and 0 < int(chosen) <= len(options):
            with told(lang):
                here.do(options[int(chosen) - 1])
        else:
            say(f"应为 1 至 {len(options)}、+N 或 q" if zh else f"expected 1 to {len(options)}, +N or q; got {chosen}")


def _chosen(options: list[Act], stage: Stage) -> list[Act]:
    """The acts without those that sign and leave open which way it goes, where there are several: nobody after them could
    choose any more, only return it."""
    from workflow.rules.stages import choosable

    if len(choosable(stage)) < 2:
        return options
    ways = {(act.kind, act.by) for act in options if getattr(act, "outcome", "")}
    return [act for act in options if getattr(act, "outcome", "") or (act.kind, act.by) not in ways]


def _said(act: Act) -> str:
    by = f"{act.by.post}@{act.by.unit}: " if act.by is not None else ""
    more = " ".join(str(getattr(act, n)) for n in ("outcome", "vote", "content") if getattr(act, n, ""))
    figures = getattr(act, "figures", {})
    papers = ", ".join(getattr(act, "materials", {}))
    numbers = " ".join(f"{k}={v}" for f in figures.values() for k, v in f.items() if isinstance(v, int))
    return " ".join(x for x in (f"{by}{act.kind}", more, papers, numbers) if x)
