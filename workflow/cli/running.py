"""``workflow worker``, ``tick`` and ``health``: what fires reminders, and whether it does."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workflow.cli.arguments import Database, DryRun, Home, Lang, home_of, key_held, opened, say, told, url_of, wrong
from workflow.cli.warned import warned

if TYPE_CHECKING:
    from workflow.delivery import Policy, Send
    from workflow.engine import Engine
    from workflow.errors import Language

SECOND = 1_000_000


def register(app: typer.Typer) -> None:
    app.command()(worker)
    app.command()(tick)
    app.command()(health)


Deliver = Annotated[
    str,
    typer.Option(
        "--deliver",
        envvar="WORKFLOW_DELIVER",
        metavar="CHANNEL",
        help="Hand notices over: drop:FOLDER (a file each), console:, or an installed channel · 通知渠道",
    ),
]
Quiet = Annotated[
    str,
    typer.Option("--quiet", envvar="WORKFLOW_QUIET", metavar="HH:MM-HH:MM", help="Hours without notices · 免打扰时段"),
]
Digest = Annotated[
    str,
    typer.Option(
        "--digest",
        envvar="WORKFLOW_DIGEST",
        metavar="HH:MM,...",
        help="One notice for each recipient at these times, listing everything · 汇总通知时刻",
    ),
]
Zone = Annotated[str, typer.Option("--zone", envvar="WORKFLOW_ZONE", help="Time zone of these hours · 时区")]


def worker(
    db: Database,
    home: Home = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between sweeps · 间隔秒数")] = 5,
    deliver: Deliver = "",
    quiet: Quiet = "",
    digest: Digest = "",
    zone: Zone = "Asia/Shanghai",
    lang: Lang = "",
) -> None:
    """Sweep until told to stop (SIGTERM or Ctrl-C); any number of them on one database · 持续巡查时限

    A sweep in progress is finished first. With --deliver notices are handed over as well. What goes wrong meanwhile is said
    on the error output, one line each.
    """
    language = cast("Language", lang)
    with told(language), warned(language):
        from workflow.schedule import background, node_name

        send, policy = _sending(deliver, quiet, digest, zone, lang)
        engine = _engine(db, home, language)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # before the first word, so that whoever reads it may stop us
            signal.signal(number, lambda _number, _frame: stopped.set())
        try:
            scheduler = background(engine, seconds=every, send=send, policy=policy)
            scheduler.start()
            say(
                f"{node_name()}:每 {every} 秒巡查一次,SIGTERM 停止"
                if lang == "zh"
                else f"{node_name()}: sweeping every {every} s until SIGTERM"
            )
            stopped.wait()
            scheduler.shutdown(wait=True)
        finally:
            engine.close()
        say("已停止" if lang == "zh" else "stopped")


def tick(
    db: Database,
    home: Home = None,
    deliver: Deliver = "",
    quiet: Quiet = "",
    digest: Digest = "",
    zone: Zone = "Asia/Shanghai",
    dry_run: DryRun = False,
    lang: Lang = "",
) -> None:
    """Sweep once: fire the reminders and proposals whose moment has come; for cron · 巡查一次

    Exit code 0: swept. 1: a rung could not fire, or a notice could not be handed over, and waits for another try.
    2: the sweep could not be made.
    """
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language), warned(language):
        from workflow.schedule import once

        if dry_run:
            _foretell(db, language)
            return
        send, policy = _sending(deliver, quiet, digest, zone, lang)
        engine = _engine(db, home, language)
        try:
            done = once(engine, send=send, policy=policy)
        finally:
            engine.close()
        swept, sent = done.swept, done.delivered
        say(f"触发 {swept.fired},失败 {swept.failed}" if zh else f"fired {swept.fired}, failed {swept.failed}")
        if swept.opened:
            say(f"应报未报,已开出 {swept.opened} 件" if zh else f"opened {swept.opened} reports that are owed")
        if swept.blocked:
            say(
                f"无人可签,已报上级 {swept.blocked} 处"
                if zh
                else f"told those above of {swept.blocked} places that nobody may sign"
            )
        if send is not None:
            say(
                f"送出通知 {sent.notices} 份,共 {sent.messages} 条;未送达 {sent.failed} 份"
                if zh
                else f"handed over {sent.notices} notices with {sent.messages} messages, {sent.failed} not"
            )
            if sent.withheld:
                say(
                    f"此渠道不得传送,未送出 {sent.withheld} 份"
                    if zh
                    else f"{sent.withheld} withheld, which this channel must not carry"
                )
            if sent.later:
                say(
                    f"{sent.later} 份稍后送出:此渠道已达每分钟上限,或其收件人刚才未能送达"
                    if zh
                    else f"{sent.later} wait for their turn: this channel takes so many a minute, or their recipient was not "
                    "reached a moment ago"
                )
    if swept.failed or sent.failed:
        raise typer.Exit(1)


def _foretell(db: str, lang: Language) -> None:
    """What a sweep would do now: each item with the rung that would fire and who would be told, and the roll calls."""
    from workflow.engine import Engine
    from workflow.sweep import foresee

    zh = lang == "zh"
    engine = Engine.looking(url_of(db, lang, read_only=True))
    try:
        found, calls = foresee(engine)
    finally:
        engine.close()
    say("试运行,未作任何改动" if zh else "a dry run: nothing was changed")
    say(
        f"将触发 {sum(m.refusal is None for m in found)} 项:"
        if zh
        else f"{sum(m.refusal is None for m in found)} would fire:"
    )
    for m in found:
        said = [m.refusal.text(lang)] if m.refusal is not None else [_fired(e, zh) for e in m.effects]
        say(f"  {m.item}: {'; '.join(s for s in said if s)}")
    for flow, rule, period in calls:
        say(f"  {'将点名' if zh else 'roll call'}: {flow} {rule} {period}")


def _fired(effect: dict[str, Any], zh: bool) -> str:
    """One effect of a rung for people; empty where it says nothing to them."""
    kind = effect["e"]
    if kind not in ("reminded", "proposed"):
        return ""
    told = ", ".join(f"{t['post']}@{t['unit']}" + (f" {t['person']}" if t.get("person") else "") for t in effect["to"])
    rung = f"{effect['rule']} {'第' if zh else 'rung '}{effect['step'] + 1}{'级' if zh else ''}"
    word = {"reminded": ("remind", "催办"), "proposed": ("propose", "建议")}[kind][zh]
    item = f" {effect['item']}" if effect.get("item") else ""
    return f"{rung} {word}{item} -> {told or ('无人' if zh else 'nobody')}"


def _sending(name: str, quiet: str, digest: str, zone: str, lang: str) -> tuple[Send | None, Policy]:
    """The channel and the hours that were asked for."""
    from workflow.channels import channel
    from workflow.delivery import Policy

    try:
        policy = Policy.of(quiet, digest, zone)
    except (ValueError, KeyError) as error:
        zh = f"时间须写作 HH:MM,时区如 Asia/Shanghai:{error}"
        raise wrong(str(error), zh, "--quiet / --digest / --zone") from None
    return channel(name, lang) if name else None, policy


def health(
    db: Database,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between sweeps · 巡查间隔秒数")] = 5,
    lang: Lang = "",
) -> None:
    """Tell whether somebody sweeps, and name everything left behind; read only · 运行状况(只读)

    Exit code 0: nothing is left behind. 1: something is. 2: it could not be told.
    """
    language = cast("Language", lang)
    zh = lang == "zh"
    with told(language):
        from workflow.clock import moment
        from workflow.engine import Engine
        from workflow.evidence.content import MemoryContentStore
        from workflow.health import health as look
        from workflow.rollcall import upcoming
        from workflow.store import beat, database, queries

        with opened(db, language) as connected:
            reader = Engine(connected, _NoKey(), MemoryContentStore())
            found = look(reader, seconds=every)
            with database.reading(connected) as connection:
                beats = beat.all_beats(connection)
                due = queries.next_due(connection)
                entries, size = queries.size(connection)
            calls = upcoming(reader, found.at)
            next_ = min((m for m in (due, calls) if m is not None), default=None)
    for b in beats:
        ago = max(0, (found.at - b["at"]) // SECOND)
        say(
            f"{b['node']}:{ago} 秒前巡查,共触发 {b['fired']}"
            if zh
            else f"{b['node']}: swept {ago} s ago, fired {b['fired']} in all"
        )
    say(f"记录 {entries} 条,{size} 字节" if zh else f"{entries} entries, {size} bytes")
    if next_ is not None:
        when = moment(next_).isoformat(timespec="seconds")
        say(f"下一次触发:{when}" if zh else f"next rung: {when}")
    for fault in found.faults:
        say(f"[{FAULTS[fault.code]}] {fault.text('zh')}" if zh else str(fault))
    if not found.ok:
        raise typer.Exit(1)


FAULTS = {
    "no-heartbeat": "从未巡查",
    "stale-heartbeat": "巡查中断",
    "unfired-rung": "措施未触发",
    "parked-rung": "措施搁置",
    "roll-call-not-held": "应报未核",
    "no-calendar": "日历未发布",
    "no-unit": "单位不存在",
    "undelivered": "消息未送达",
    "untried": "无人投递消息",
}


class _NoKey:
    """Who only looks has nothing to sign with."""

    def key_id(self) -> bytes:
        return bytes(8)

    def public_key(self) -> bytes:
        return bytes(32)

    def sign(self, data: bytes) -> bytes:
        from workflow.errors import KeyUnavailable

        raise KeyUnavailable(name="-", expected="a key to sign with", actual="a command that only reads")


def _engine(db: str, home: Any, lang: Language) -> Engine:
    from workflow.engine import Engine

    return Engine.at(url_of(db, lang), home_of(db, home, lang), upgrade=False, key=key_held())
