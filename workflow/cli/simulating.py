"""``workflow simulate``: try a flow out on the real engine, one item by keyboard or many by chance."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Lang, say, told

if TYPE_CHECKING:
    from workflow.acts import Act
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
        from workflow.calendar_file import load_calendar
        from workflow.cli.flows import beside, flow_of
        from workflow.definition.shipped import shipped_calendar
        from workflow.org.importing import read_org
        from workflow.simulation.office import office
        from workflow.simulation.random_walk import Behaviour, with_node
        from workflow.simulation.random_walk import simulate as run

        definition, path = flow_of(flow)
        calendar, others = load_calendar(shipped_calendar(definition.flow.calendar)), beside(path)
        held = read_org(org) if org is not None else None
        if by_hand:
            with office(definition, calendar, others, held) as here:
                _by_hand(here, language)
            return
        behaviour = Behaviour(days=days, lie=lie, send_back=send_back, fail=fail)
        found = {"": run(definition, calendar, items, seed, behaviour, others=others, org=held)}
        for given in node or ():
            name, _, on = given.partition("=")
            try:
                moved = with_node(definition, name, date.fromisoformat(on))
            except ValueError:
                raise typer.BadParameter(f"expected NAME=2019-10-31; got {given}", param_hint="--node") from None
            found[given] = run(moved, calendar, items, seed, behaviour, others=others, org=held)
    if as_json:
        say(json.dumps({given or "as written": _data(f) for given, f in found.items()}, ensure_ascii=False, indent=2))
    else:
        for given, figures in found.items():
            _tell(figures, given, found[""], language)
    if any(f.dead_ends for f in found.values()):
        raise typer.Exit(1)


def _data(f: Figures) -> dict[str, Any]:
    item, path = f.longest
    return {
        "items": f.items,
        "acts": f.acts,
        "seconds": round(f.seconds, 2),
        "ended": dict(sorted(f.finals.items())),
        "dead-ends": [list(d) for d in f.dead_ends],
        "unfinished": f.unfinished,
        "days": {"median": _median(f.days), "most": max(f.days, default=0)},
        "longest": {"item": item, "stages": path},
        "load": dict(f.load.most_common()),
        "stays": dict(f.stays.most_common()),
        "missed": dict(f.missed.most_common()),
        "rungs": dict(sorted(f.rungs.items())),
    }


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2] if values else 0


def _tell(f: Figures, given: str, plain: Figures, lang: Language) -> None:
    zh = lang == "zh"
    if given:
        say(f"—— 若 {given} ——" if zh else f"-- if {given} --")
    ended = ", ".join(f"{stage} {n}" for stage, n in f.finals.most_common()) or "-"
    item, path = f.longest
    rows = [
        ("事项", "items", f"{f.items}"),
        ("办理次数", "acts", f"{f.acts}"),
        ("办结", "ended", ended),
        ("死路", "dead ends", ", ".join(f"{i} in {s}" for i, s in f.dead_ends) or "0"),
        ("未办结", "unfinished", f"{f.unfinished}"),
        ("历时(天)", "days", f"median {_median(f.days)}, most {max(f.days, default=0)}"),
        ("最长路径", "longest path", f"{item}: {' > '.join(path)}"),
        ("各职务签批", "load", ", ".join(f"{post} {n}" for post, n in f.load.most_common())),
        (
            "逾期",
            "missed",
            ", ".join(_against(s, n, plain.missed[s], bool(given)) for s, n in f.missed.most_common()) or "0",
        ),
        ("督办", "rungs", ", ".join(f"{k} {n}" for k, n in sorted(f.rungs.items())) or "0"),
    ]
    if given:
        change = f.missed.total() - plain.missed.total()
        rows.append(("逾期变化", "missed, change", f"{plain.missed.total()} -> {f.missed.total()} ({change:+})"))
    for name_zh, name_en, value in rows:
        say(f"{name_zh}:{value}" if zh else f"{name_en + ':':<14} {value}")
    say(f"{f.seconds:.1f} s")


def _against(stage: str, n: int, before: int, compared: bool) -> str:
    return f"{stage} {n}" + (f" ({n - before:+})" if compared and n != before else "")


def _by_hand(here: Office, lang: Language) -> None:
    """One item: what is there, what may be done, what you choose."""
    from workflow.prover.offices import kinds

    zh, item = lang == "zh", "item"
    unit = next(iter(kinds(here.org, here.definition, here.today.isoformat(), here.definition.flow.levels[0])))[0]
    here.open(item, unit)
    while True:
        case = here.case(item)
        say("")
        say(f"{here.today}  {case.stage}  " + ", ".join(f"{s.post}@{s.unit}" for s in case.open_slots))
        if case.final:
            return
        options = here.options(item)
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


def _said(act: Act) -> str:
    by = f"{act.by.post}@{act.by.unit}: " if act.by is not None else ""
    more = " ".join(str(getattr(act, n)) for n in ("outcome", "vote", "content") if getattr(act, n, ""))
    figures = getattr(act, "figures", {})
    papers = ", ".join(getattr(act, "materials", {}))
    numbers = " ".join(f"{k}={v}" for f in figures.values() for k, v in f.items() if isinstance(v, int))
    return " ".join(x for x in (f"{by}{act.kind}", more, papers, numbers) if x)
