"""``workflow publish``, ``diff`` and ``migrate``: putting a version in force, what it means, moving live items to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import By, Database, Home, Lang, actor, home_of, key_held, say, told, url_of

if TYPE_CHECKING:
    from workflow.definition.definition import Definition
    from workflow.engine import Engine
    from workflow.errors import Language
    from workflow.migration import Done, ItemPlan, Plan

group = typer.Typer(help="Move live items to another version · 将在办事项迁移到另一版本", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes on record · 理由,记录在案")]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The file that `migrate plan` wrote · 迁移方案文件")]
LISTED = 20


def register(app: typer.Typer) -> None:
    app.command()(publish)
    app.command()(diff)
    app.add_typer(group, name="migrate")


@contextmanager
def _engine(db: str, home: Path | None, lang: Language) -> Iterator[Engine]:
    from workflow.engine import Engine

    engine = Engine.at(url_of(db, lang), home_of(db, home, lang), upgrade=False, key=key_held())
    try:
        yield engine
    finally:
        engine.close()


def publish(
    db: Database,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="A flow file, or a shipped one · 流程文件或名称")],
    by: By,
    reason: Reason,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Put a version of a flow in force by one signed entry; immutable from then on · 发布流程版本(签名记录,不可更改)

    Open items stay on the version they began with: see `workflow migrate`. A calendar of the flow, or of units in it, that
    the database has not, is published with it: the project's own, or the shipped one. Exit code 2: nothing was published,
    and why.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.cli.flows import calendar_of, calendars_of_units, flow_of
        from workflow.store import library

        definition, path = flow_of(flow)
        with _engine(db, home, language) as engine:
            with engine.reading() as connection:
                named = {definition.flow.calendar, *definition.flow.calendars.values()}
                lacking = {name for name in named if library.newest_calendar(connection, name) is None}
            found = [calendar_of(definition, path), *calendars_of_units(definition, path)] if lacking else []
            receipt = engine.put_in_force(definition, actor(by), reason)
            for calendar in found:
                if calendar.name not in lacking:
                    continue
                engine.publish_calendar(calendar)
                say(
                    f"已同时发布日历 {calendar.name}"
                    if language == "zh"
                    else f"published the calendar {calendar.name} with it"
                )
            begun = _open_reports(engine, definition.name) if definition.flow.obligations else 0
        name = f"{definition.name}@{definition.version}"
        if language == "zh":
            say(f"已发布 {name}:{definition.digest};flows 链第 {receipt.seq} 条记录")
        else:
            say(f"published {name}: {definition.digest}; entry {receipt.seq} of the chain flows")
        if begun:
            say(
                f"已开出、尚未到期的报送件 {begun} 件仍按原版本计时和催办,改按新版本请用 workflow migrate"
                if language == "zh"
                else f"{begun} open reports of periods that are not over are still timed and reminded of by the version they "
                "began with; workflow migrate moves them to this one"
            )


def _open_reports(engine: Engine, flow: str) -> int:
    """How many reports of a flow are open whose date has not passed."""
    from workflow.rules.obligations import OWED
    from workflow.store import queries

    with engine.reading() as connection:
        running = sorted(queries.running(connection, engine.now(connection), f"/{OWED}"))
        return sum(named == flow for _, named, _ in queries.flows_of(connection, running))


def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A flow file, a shipped flow, or FLOW@VERSION in --db · 旧版")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same · 新版")],
    db: Annotated[str, typer.Option("--db", help="Count the open items it concerns there · 统计所涉在办事项")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable · 以 JSON 输出")] = False,
    lang: Lang = "",
) -> None:
    """Say what a new version means: what it asks for sooner, later, more or less, and whom it concerns · 版本差异

    Exit code 0: no difference. 1: there are differences. 2: a file does not hold.
    """
    language = cast("Language", lang)
    with told(language):
        from workflow.cli.flows import flow_of
        from workflow.definition.difference import differences
        from workflow.engine import Engine
        from workflow.migration import concerned

        found: dict[str, Any] = {}
        if db:
            engine = Engine.looking(url_of(db, language, read_only=True))
            try:
                before, after = _version_of(engine, old), _version_of(engine, new)
                found = concerned(engine, after)
            finally:
                engine.close()
        else:
            before, after = flow_of(old)[0], flow_of(new)[0]
        changes = differences(before, after)
    if as_json:
        rows = [
            {
                "path": list(c.path),
                "before": c.before,
                "after": c.after,
                "direction": c.direction,
                "en": c.text("en"),
                "zh": c.text("zh"),
            }
            for c in changes
        ]
        counts = {s: {"open": c.open, "overdue-at-once": c.overdue_at_once} for s, c in found.items()}
        say(json.dumps({"changes": rows, "open": counts}, ensure_ascii=False, indent=2))
        raise typer.Exit(1 if changes else 0)
    zh = language == "zh"
    for change in changes:
        tail = ""
        if change.stage in found:
            c = found[change.stage]
            if zh:
                tail = f";在办 {c.open} 件,其中 {c.overdue_at_once} 件即刻逾期"
            else:
                tail = f"; {c.open} open items, {c.overdue_at_once} overdue at once"
        say(f"{change.text(language)}{tail}")
    for stage, c in found.items():
        if c.without_stage:
            say(
                f"{stage}:新版无此阶段,在办 {c.open} 件"
                if zh
                else f"{stage}: the new version has no such stage; {c.open} open items"
            )
    if not changes:
        say("两版含义相同" if zh else "the two versions mean the same")
    raise typer.Exit(1 if changes else 0)


def _version_of(engine: Engine, given: str) -> Definition:
    """A file, a published version (``flow@version``; ``flow`` alone is the last one), or a shipped flow."""
    from workflow.cli.flows import flow_of
    from workflow.migration import version_of
    from workflow.store import library

    path = Path(given)
    if path.is_file() or path.suffix in (".yaml", ".yml"):
        return flow_of(given)[0]
    name, at, version = given.partition("@")
    with engine.reading() as connection:
        if at:
            return engine.definition(connection, version_of(connection, name, version))
        if library.versions(connection, name):
            return engine.newest(connection, name)
    return flow_of(given)[0]


@group.command("plan")
def plan_(
    db: Database,
    flow: Annotated[str, typer.Argument(help="The flow · 流程")],
    version: Annotated[str, typer.Argument(help="The published version to move to · 目标版本")],
    by: By,
    out: Annotated[Path, typer.Option("--out", help="Where the plan is written · 方案文件")],
    count: Annotated[str, typer.Option("--count", help="now: dates from the migration on · now 为自迁移之日起算")] = "",
    stage: Annotated[
        list[str] | None, typer.Option("--stage", metavar="OLD=NEW", help="A stage called otherwise · 更名的阶段")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--item", help="Only this item · 仅此事项")] = None,
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Write down what moving every open item would do; nothing happens · 拟订迁移方案(不作任何改动)"""
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as engine:
        from workflow import migration
        from workflow.errors import Said, Unknown

        for one in stage or ():
            if not re.fullmatch("[^=]+=[^=]+", one):
                raise Unknown(kind="stage", name=one, hint=Said("; write OLD=NEW", ",应写作 旧阶段=新阶段"))
        stages = dict(s.split("=", 1) for s in stage or ())
        made = migration.plan(engine, flow, version, actor(by), count=count, stages=stages, only=only or ())
        out.write_bytes(made.body)
        _tell(made, language)
        say(f"方案已写入 {out}" if language == "zh" else f"the plan is in {out}")


@group.command("dry-run")
def dry_run(db: Database, plan: PlanFile, by: By, home: Home = None, lang: Lang = "") -> None:
    """Decide a plan anew by the rules of now, and write nothing; exit code 1 when it differs · 试运行"""
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as engine:
        from workflow import migration

        held = migration.read_plan(plan.read_bytes())
        wanted = [i["item"] for i in held["items"] if "stays" not in i]
        now = migration.plan(
            engine,
            held["flow"],
            held["to"],
            actor(by),
            count=held["count"],
            stages=held["stages"],
            only=wanted,
            undoes={i["item"]: i["undoes"] for i in held["items"] if "undoes" in i},
        )
        _tell(now, language)
        same = {i["item"]: {k: v for k, v in i.items() if k != "undoes"} for i in held["items"]}
        other = [i.item for i in now.items if i.record() != same[i.item]]
    if other:
        listed = ", ".join(other[:LISTED])
        say(f"与方案不同:{listed}" if language == "zh" else f"not as planned any more: {listed}")
        raise typer.Exit(1)


@group.command()
def apply(db: Database, plan: PlanFile, by: By, reason: Reason, home: Home = None, lang: Lang = "") -> None:
    """Move the items of a plan, a signed entry each; run it again after a crash · 执行方案(中断后可重跑)

    Exit code 0: every item moved, now or before. 1: some were refused, and why.
    """
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as engine:
        from workflow import migration

        done = migration.apply(engine, plan.read_bytes(), actor(by), reason)
    _done(done, language)


@group.command("roll-back")
def roll_back(
    db: Database,
    plan: PlanFile,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Without one it is only shown · 不给理由则仅预览")] = "",
    home: Home = None,
    lang: Lang = "",
) -> None:
    """Take a batch back: every item it moved that is still in the same stay, by an entry of its own · 撤回迁移"""
    language = cast("Language", lang)
    with told(language), _engine(db, home, language) as engine:
        from workflow import migration

        done = migration.Done()
        for made in migration.roll_backs(engine, plan.read_bytes(), actor(by)):
            _tell(made, language)
            if reason:
                each = migration.apply(engine, made.body, actor(by), reason)
                done.moved += each.moved
                done.already += each.already
                done.refused += each.refused
    if reason:
        _done(done, language)


def _tell(plan: Plan, lang: Language) -> None:
    for one in plan.items[:LISTED]:
        say(_line(one, lang))
    more = len(plan.items) - LISTED
    if more > 0:
        say(f"……另有 {more} 件" if lang == "zh" else f"... and {more} more")
    counts = len(plan.moving), plan.overdue_at_once, len(plan.staying)
    if lang == "zh":
        say(f"{plan.flow} → {plan.version}:迁移 {counts[0]} 件(其中 {counts[1]} 件即刻逾期),留在原版本 {counts[2]} 件")
    else:
        say(
            f"{plan.flow} -> {plan.version}: {counts[0]} move ({counts[1]} overdue at once), {counts[2]} stay on their version"
        )


def _line(one: ItemPlan, lang: Language) -> str:
    if one.refusal is not None:
        return f"{one.item} {one.unit} {one.stage}:{'留' if lang == 'zh' else 'stays'}:{one.refusal.text(lang)}"
    changes = [f"{c.rule} {c.before or '-'} → {c.after or '-'}{'!' if c.overdue_at_once else ''}" for c in one.clocks]
    if one.waits != one.will_wait:
        changes.append(f"{', '.join(one.waits)} → {', '.join(one.will_wait)}")
    signed = f"{one.signed} 处签字不变" if lang == "zh" else f"{one.signed} signatures stay"
    return f"{one.item} {one.unit} {one.stage}: {'; '.join([*changes, signed])}"


def _done(done: Done, lang: Language) -> None:
    for item, refusal in done.refused:
        say(f"{item}: {refusal.text(lang)}")
    counts = len(done.moved), len(done.already), len(done.refused)
    if lang == "zh":
        say(f"已迁移 {counts[0]} 件,此前已迁移 {counts[1]} 件,未迁移 {counts[2]} 件")
    else:
        say(f"{counts[0]} moved, {counts[1]} were moved before, {counts[2]} refused")
    if done.refused:
        raise typer.Exit(1)
