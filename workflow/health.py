"""Is anything not looked after? What monitoring asks: each fault named, so that somebody knows where to look.

That a process runs proves nothing; a fresh heartbeat and no moment left behind do. Source: time semantics, R168.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workflow import rollcall
from workflow.clock import moment
from workflow.engine import Engine
from workflow.store import alarms, beat, outbox
from workflow.sweep import ATTEMPTS, SECONDS

TICKS = 3
NAMED = 20  # of a kind
SECOND = 1_000_000
UNREACHED = 8
UNTRIED = (
    26 * 3_600 * SECOND
)  # a digest may hold a message for a day; what is older and was never tried, nobody hands over

Code = Literal[
    "no-heartbeat",
    "stale-heartbeat",
    "unfired-rung",
    "parked-rung",
    "roll-call-not-held",
    "no-calendar",
    "no-unit",
    "undelivered",
    "untried",
]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: a stable code, what it is about, and since when (µs UTC; 0 where it has no moment)."""

    code: Code
    about: str
    since: int = 0
    zh: str = ""  # the same as about, in Chinese

    def __str__(self) -> str:
        return f"{self.code}: {self.text('en')}"

    def text(self, lang: str) -> str:
        """What it is about and since when, without the code."""
        at = f"{moment(self.since):%Y-%m-%dT%H:%M:%SZ}"
        if lang == "zh":
            return (self.zh or self.about) + (f",自 {at} 起" if self.since else "")
        return self.about + (f" since {at}" if self.since else "")


@dataclass(frozen=True)
class Health:
    """How things stand at a moment. ``ok`` only when nothing is left behind."""

    at: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def health(engine: Engine, at: int | None = None, *, seconds: int = SECONDS) -> Health:
    """Every fault at a moment, at most ``NAMED`` of a kind.

    Args:
        seconds: how often nodes sweep. A heartbeat, or a rung's moment, older than three sweeps is a fault.
    """
    with engine.reading() as connection:
        now = engine.now(connection) if at is None else at
        late = now - TICKS * seconds * SECOND
        beats = beat.all_beats(connection)
        faults = [] if beats else [Fault("no-heartbeat", "no node has ever swept", zh="尚无任何节点巡查过")]
        if beats and beats[0]["at"] < late:  # the freshest; nodes come and go, one has to live
            faults.append(Fault("stale-heartbeat", beats[0]["node"], beats[0]["at"]))
        for row in alarms.unfired(connection, late, ATTEMPTS, NAMED):
            faults.append(
                Fault(
                    "unfired-rung",
                    f"{row.item} {row.rule} rung {row.step + 1}",
                    row.next_at,
                    f"事项 {row.item} 时限 {row.rule} 第 {row.step + 1} 级措施",
                )
            )
        for row in alarms.parked(connection, ATTEMPTS, NAMED):
            about = f"{row.item} {row.rule} rung {row.step + 1}, tried {row.attempts} times"
            zh = f"事项 {row.item} 时限 {row.rule} 第 {row.step + 1} 级措施,已试 {row.attempts} 次"
            faults.append(Fault("parked-rung", about, row.next_at, zh))
        for recipient, waiting, attempts in outbox.stuck(connection, UNREACHED)[:NAMED]:
            about = f"{waiting} message(s) for {recipient}, who was tried in {attempts} rounds"
            faults.append(Fault("undelivered", about, zh=f"收件人 {recipient}:{waiting} 条,已试送 {attempts} 轮"))
        for recipient, since in outbox.untried(connection, now - UNTRIED, 1):  # one says it: nobody delivers
            about = f"nobody tries to hand messages over; the oldest is for {recipient}"
            faults.append(Fault("untried", about, since, zh=f"无人投递消息,最早一条的收件人为 {recipient}"))
    for flow, rule, period, step, since in rollcall.pending(engine, late)[:NAMED]:
        about = f"{flow} {rule} {period} rung {step + 1}"
        faults.append(Fault("roll-call-not-held", about, since, f"{flow} {rule} {period} 第 {step + 1} 级核对"))
    for flow, name in rollcall.lacking(engine, now)[:NAMED]:
        about = f"{flow} counts by a calendar {name} that nobody has published; nobody is followed up for its reports"
        zh = f"流程 {flow} 所用日历 {name} 尚未发布,其应报事项无人催报"
        faults.append(Fault("no-calendar", about, zh=zh))
    for flow, unit in rollcall.unknown_units(engine, now)[:NAMED]:
        about = f"{flow} says who owes its reports by a unit {unit} that is not in the organisation"
        faults.append(Fault("no-unit", about, zh=f"流程 {flow} 的应报范围所列单位 {unit} 不在组织中"))
    return Health(now, tuple(faults))
