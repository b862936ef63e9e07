"""Why a date is what it is: the ledger of every due of an item, folded from the entries that touched it.

For each due, open or past: what it was counted from, by which calendar, every day counted or skipped with its reason,
extensions, pauses and recounts in order, when it was missed, which rungs fired when. Every date is counted again here,
from what the entry says it rests on and by the calendar the entry names, and held against the date on record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.calendar import Calendar, Explained, Text
from workflow.case import Case, Effect
from workflow.clock import moment
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Language, Said, Unknown
from workflow.evidence import canonical
from workflow.rules import reckoning
from workflow.store import counting, items, known, library

What = Literal["armed", "extended", "paused", "resumed", "reprojected"]
State = Literal["running", "overdue", "paused", "met", "met-late", "cancelled", "passed-on"]

_SETS: dict[str, What] = {
    "due-armed": "armed",
    "due-extended": "extended",
    "due-paused": "paused",
    "due-resumed": "resumed",
    "due-reprojected": "reprojected",
}
_ENDS = ("due-met", "due-cancelled", "due-passed-on")


@dataclass(frozen=True)
class Setting:
    """One entry that gave a due its date, or stopped its clock.

    Attributes:
        missed: the first instant that counts as missed, microseconds UTC; None while the clock stands still.
        basis: what the date was counted from (``rules.reckoning``).
        calendar: digest of the calendar of that entry, ``calendar_name`` what it is called; ``days``: each day it counted or skipped.
        agrees: whether counting again gives the date on record.
    """

    seq: int
    at: int
    act: str
    by: str
    what: What
    reason: str
    missed: int | None
    provisional: bool
    basis: dict[str, Any]
    reading: Text | None
    calendar: str
    calendar_name: str
    days: tuple[Explained, ...]
    agrees: bool


@dataclass(frozen=True)
class Rung:
    """A rung that fired: a reminder, or a proposal with the item it opened; its colour; ``told_at`` where its messages
    waited for the end of quiet hours (µs UTC)."""

    seq: int
    at: int
    step: int
    what: str
    to: tuple[dict[str, str], ...]
    whom: tuple[dict[str, str], ...]
    opened: str
    colour: str = ""
    told_at: int | None = None


@dataclass(frozen=True)
class Due:
    """One due of an item with its whole ledger. ``state`` is as of the moment asked for."""

    rule: str
    title: Text
    ladder: str
    settings: tuple[Setting, ...]
    rungs: tuple[Rung, ...]
    state: State
    ended_at: int | None

    @property
    def missed_at(self) -> int | None:
        """The first instant that counts as missed, as the ledger stands; None while the clock stands still."""
        return self.settings[-1].missed

    @property
    def agrees(self) -> bool:
        """Whether every date of the ledger is what counting again gives."""
        return all(s.agrees for s in self.settings)


@dataclass
class _Row:
    rule: str
    title: Text
    ladder: str
    settings: list[Setting] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    ended: str = ""
    ended_at: int | None = None
    late: bool = False


def why(desk: Desk, item: str, at: int | None = None) -> list[Due]:
    """Every due of an item, in the order in which they began.

    Args:
        at: whether an open due is overdue is asked of this moment; of now unless told. The ledger is always whole.

    Raises:
        Unknown: no such item.
    """
    now = desk.now() if at is None else at
    return ledger(desk.connection, item, now)


def ledger(connection: Any, item: str, at: int) -> list[Due]:
    """The same from a database that is only read, without an engine and its key."""
    definition = definition_of(connection, item)
    folding = _Ledger(connection, definition)
    for entry in items.entries(connection, item):
        folding.take(canonical.read(entry.body), entry.seq, entry.at)
    return [_as_of(row, at) for row in folding.rows.values()]


def definition_of(connection: Any, item: str) -> Definition:
    """The definition that an item is pinned to. Raises ``Unknown``."""
    digest = items.read(connection, item).definition
    body = library.definition(connection, digest)
    if body is None:
        raise Unknown(
            kind="definition",
            name=digest,
            hint=Said(", which the item is pinned to; the database is not whole", ";该事项所用,数据库不完整"),
        )
    return Definition.from_body(body)


def _as_of(row: _Row, now: int) -> Due:
    missed = row.settings[-1].missed
    state: State
    if row.ended == "due-met":
        state = "met-late" if row.late else "met"
    elif row.ended:
        state = "cancelled" if row.ended == "due-cancelled" else "passed-on"
    elif missed is not None and now >= missed:
        state = "overdue"  # a node that caps the due does not wait for a pause to end
    else:
        state = "paused" if row.settings[-1].what == "paused" else "running"
    return Due(row.rule, row.title, row.ladder, tuple(row.settings), tuple(row.rungs), state, row.ended_at)


class _Ledger:
    """Folds entries, and keeps for each due what touched it."""

    def __init__(self, connection: Any, definition: Definition) -> None:
        self.connection = connection
        self.definition = definition
        self.zone = definition.flow.timezone
        self.case = Case()
        self.rows: dict[str, _Row] = {}
        self._calendars: dict[str, Calendar] = {}
        self._definitions: dict[str, Definition] = {definition.digest: definition}

    def take(self, body: dict[str, Any], seq: int, at: int) -> None:
        for effect in body["effects"]:
            rule = effect.get("rule", "")
            self.case = self.case.fold([effect], seq, at)
            if effect["e"] in _SETS:
                then = self._definition(body["definition"])  # of a migrated item: the version that its date was set by
                self._row(effect, then).settings.append(self._setting(body, effect, seq, at, then))
            elif effect["e"] in _ENDS:
                row = self.rows[rule]
                row.ended, row.ended_at, row.late = effect["e"], at, effect.get("late", False)
            elif effect["e"] in ("reminded", "proposed") and rule in self.rows:
                whom, opened = tuple(effect.get("whom", ())), effect.get("item", "")
                more = effect.get("colour", ""), effect.get("tell-at")
                fired = Rung(seq, at, effect["step"], effect["e"], tuple(effect["to"]), whom, opened, *more)
                self.rows[rule].rungs.append(fired)

    def _row(self, effect: Effect, definition: Definition) -> _Row:
        rule = effect["rule"]
        row = self.rows.get(rule)
        if row is None:
            stage = definition.stage(rule.split("/")[0])
            title = Text(stage.title.zh, stage.title.en) if stage.title else Text(stage.stage, stage.stage)
            row = self.rows[rule] = _Row(rule, title, effect["ladder"])
        row.ended, row.ended_at = "", None  # a node set that names the node again
        return row

    def _setting(self, body: dict[str, Any], effect: Effect, seq: int, at: int, definition: Definition) -> Setting:
        calendar = self._calendar(body["calendar"])
        due = self.case.dues[effect["rule"]]
        basis, act = due.get("basis", {}), body["act"]
        by = act.get("by")
        paused = "paused" in due
        found = reckoning.reckon(calendar, self.zone, basis) if basis and not paused else None
        nodes = definition.flow.nodes.get(basis.get("set", ""))
        node = nodes.nodes.get(basis["node"]) if nodes is not None else None
        return Setting(
            seq=seq,
            at=at,
            act=act["kind"],
            by=f"{by['post']}@{by['unit']} ({by['person']})" if by else "",
            what=_SETS[effect["e"]],
            reason=act.get("reason", "") if effect["e"] != "due-armed" else "",
            missed=None if due["missed"] == reckoning.NEVER else due["missed"],
            provisional="provisional" in due,
            basis=basis,
            reading=Text(node.reading.zh, node.reading.en) if node is not None and node.reading else None,
            calendar=body["calendar"],
            calendar_name=calendar.name,
            days=tuple(reckoning.days(calendar, basis)) if found else (),
            agrees=found is None or found.missed == due["missed"],
        )

    def _definition(self, digest: str) -> Definition:
        if digest not in self._definitions:
            body = library.definition(self.connection, digest)
            self._definitions[digest] = self.definition if body is None else Definition.from_body(body)
        return self._definitions[digest]

    def _calendar(self, digest: str) -> Calendar:
        if digest not in self._calendars:
            body = library.calendar(self.connection, digest)
            if body is None:
                raise Unknown(
                    kind="calendar",
                    name=digest,
                    hint=Said(", which an entry names; the database is not whole", ";有记录引用它,数据库不完整"),
                )
            self._calendars[digest] = Calendar.from_canonical(canonical.decode(body))
        return self._calendars[digest]


@dataclass(frozen=True)
class Counted:
    """One thing held with a person that counts, or counted until it was reversed.

    Attributes:
        n: its number among all of this person and counter; ``on`` the day it was held, by ``by``.
        opened: the proposal it led to, or empty; ``reversed_by`` the entry of the item that took it off the count.
    """

    counter: str
    person: str
    n: int
    item: str
    on: str
    by: str
    campaign: str
    opened: str = ""
    reversed_by: int | None = None


def counts_of_item(connection: Any, item: str) -> list[Counted]:
    """What an item put on the count of persons, in order."""
    case = Case.of_snapshot(items.read(connection, item).snapshot)
    return [
        Counted(
            *(name, r["person"], r["n"], item, r["on"], r["by"], case.campaign),
            r.get("opened", ""),
            r.get("reversed"),
        )
        for name, rows in case.counted.items()
        for r in rows
    ]


def counts_of_person(connection: Any, person: str) -> list[Counted]:
    """Everything ever put on a person's count, by counter, id and number; under each id where the person has several.
    Facts for those who decide, not a verdict."""
    return [
        Counted(r.counter, r.person, r.n, r.item, r.held_on, r.held_by, r.campaign, r.opened, r.reversed_seq)
        for each in [person, *known.merged(connection).get(person, ())]
        for r in counting.of_person(connection, each)
    ]


# --- in words ------------------------------------------------------------------------------------------------------

_WHAT: dict[str, Text] = {
    "armed": Text("起算", "set"),
    "extended": Text("延期", "extended"),
    "paused": Text("中止计时", "paused"),
    "resumed": Text("恢复计时", "resumed"),
    "reprojected": Text("按新公布的日历重新推算", "counted again by a new calendar"),
    "reminded": Text("催办", "reminded"),
    "proposed": Text("提出建议", "proposed"),
}
_STATE: dict[str, Text] = {
    "running": Text("计时中", "running"),
    "overdue": Text("已逾期", "overdue"),
    "paused": Text("已中止", "paused"),
    "met": Text("按期办结", "done in time"),
    "met-late": Text("逾期办结", "done late"),
    "cancelled": Text("不再适用", "no longer binding"),
    "passed-on": Text("逾期,职务已易人", "overdue when the post changed hands"),
}
_COLOURS = {
    "blue": Text("蓝色", "blue"),
    "yellow": Text("黄色", "yellow"),
    "orange": Text("橙色", "orange"),
    "red": Text("红色", "red"),
}
_UNITS = {"workdays": "个工作日", "days": "天", "hours": "小时", "weeks": "周", "months": "个月", "years": "年"}
_READINGS = {
    "next-workday": Text("遇休息日顺延至下一工作日", "on a day off: the next working day"),
    "previous-workday": Text("遇休息日提前至上一工作日", "on a day off: the working day before"),
}


def lines(dues: Sequence[Due], zone: str, lang: Language) -> Iterator[str]:
    """The ledger as people read it, day by day."""
    zh = lang == "zh"
    for due in dues:
        state = _in(_STATE[due.state], lang)
        ended = f", {_moment(due.ended_at, zone)}" if due.ended_at is not None else ""
        when = _moment(due.missed_at, zone) if due.missed_at is not None else ("—" if zh else "-")
        title = _in(due.title, lang)
        yield (
            f"{title}({due.rule}):{state}{ended};自 {when} 起为逾期"
            if zh
            else f"{title} ({due.rule}): {state}{ended}; missed from {when}"
        )
        for s in due.settings:
            yield from _setting_lines(s, zone, lang)
        for rung in due.rungs:
            to = ", ".join(f"{p['post']}@{p['unit']} ({p['person'] or '-'})" for p in rung.to)
            opened = f" -> {rung.opened}" if rung.opened else ""
            what = _in(_WHAT[rung.what], lang)
            number = f"第 {rung.step + 1} 项督办措施" if zh else f"rung {rung.step + 1}"
            colour = f" [{_in(_COLOURS[rung.colour], lang)}]" if rung.colour else ""
            yield f"  {_moment(rung.at, zone)}  {number} {what}{colour}: {to}{opened}"
            if rung.told_at is not None:
                told = _moment(rung.told_at, zone)
                yield f"    免打扰时段,{told} 起送达" if zh else f"    quiet hours: told from {told}"
        yield ""


def count_lines(rows: Sequence[Counted], lang: Language) -> Iterator[str]:
    """What was counted about persons as people read it."""
    for r in rows:
        opened = (f",据以立项 {r.opened}" if lang == "zh" else f", opened {r.opened}") if r.opened else ""
        off = ""
        if r.reversed_by is not None:
            off = f";第 {r.reversed_by} 号记录撤销,不再计" if lang == "zh" else f"; taken off by entry {r.reversed_by}"
        if lang == "zh":
            yield f"{r.counter}:{r.person} 第 {r.n} 次,{r.on},由 {r.by} 主持(事项 {r.item}){opened}{off}"
        else:
            yield f"{r.counter}: {r.person}, number {r.n}, held on {r.on} by {r.by} (item {r.item}){opened}{off}"


def _setting_lines(s: Setting, zone: str, lang: Language) -> Iterator[str]:
    zh = lang == "zh"
    by = f"  {s.by}" if s.by else ""
    reason = (f"  理由:{s.reason}" if zh else f"  reason: {s.reason}") if s.reason else ""
    entry = f"第 {s.seq} 号记录 {s.act}" if zh else f"entry {s.seq}, {s.act}"
    yield f"  {_moment(s.at, zone)}  {_in(_WHAT[s.what], lang)} ({entry}){by}{reason}"
    if s.what == "paused":
        if s.missed is not None:
            missed = _moment(s.missed, zone)
            yield (
                f"    节点日期不顺延:自 {missed} 起为逾期"
                if zh
                else f"    its node does not wait: missed from {missed}"
            )
        return
    if s.missed is None:
        return
    yield "    " + sentence(s.basis, zone, lang)
    if s.reading is not None:
        yield "    " + _in(s.reading, lang)
    for day in s.days:
        mark = "+" if day.counted else " "
        yield f"    {day.day} {mark} {_in(day.reason, lang)}"
    if s.days:
        named = f"{s.calendar_name} {s.calendar[:19]}"
        yield f"    日历 {named}" if zh else f"    calendar {named}"
    if s.provisional:
        yield "    暂定:所涉年度日历尚未公布" if zh else "    provisional: a calendar year it rests on is not published"
    missed = _moment(s.missed, zone)
    yield f"    自 {missed} 起为逾期" if zh else f"    missed from {missed}"
    if not s.agrees:
        yield "    !! 重新推算与记录不符" if zh else "    !! counting again gives another date than the one on record"


def sentence(basis: dict[str, Any], zone: str, lang: Language) -> str:
    """What a date was counted from, in one sentence."""
    zh = lang == "zh"
    parts = [_anchor(basis, zone, zh)]
    if "plus" in basis:
        parts.append(f"其后 {_span(basis['plus'], zh)}" if zh else f"{_span(basis['plus'], zh)} after it")
    if "minus" in basis:
        parts.append(f"提前 {_span(basis['minus'], zh)}" if zh else f"{_span(basis['minus'], zh)} before it")
    if "reading" in basis:
        parts.append(_in(_READINGS[basis["reading"]], lang))
    if "cut" in basis:
        parts.append(f"截至当日 {basis['cut']}" if zh else f"until {basis['cut']} of that day")
    if "cap" in basis:
        node = f"({basis['cap-node']})" if "cap-node" in basis else ""
        parts.append(f"不晚于 {basis['cap']}{node}" if zh else f"not after {basis['cap']} {node}".rstrip())
    if "to" in basis:
        parts.append(f"延至 {basis['to']}" if zh else f"extended to {basis['to']}")
    return (";" if zh else "; ").join(parts)


def _anchor(basis: dict[str, Any], zone: str, zh: bool) -> str:
    if "node" in basis:
        node, on, of = basis["node"], basis["on"], basis["set"]
        return f"节点 {node}(节点版本 {of}):{on}" if zh else f"node {node} of node set {of}: {on}"
    if "set-by" in basis:
        return f"验收人确定的日期:{basis['on']}" if zh else f"the date set by the acceptor: {basis['on']}"
    if "obligation" in basis:
        rule, on = basis["obligation"], basis["on"]
        return f"报送义务 {rule} 本报送期的日期:{on}" if zh else f"the date of its period by obligation {rule}: {on}"
    if "on" in basis:
        field_, on = basis["field"], basis["on"]
        return f"所交材料载明的日期 {field_}:{on}" if zh else f"the date handed in as {field_}: {on}"
    if "festival" in basis:
        by = _span(basis["by"], zh) if "by" in basis else ""
        name, year = basis["festival"], basis["year"]
        if zh:
            return f"{year} 年 {name} 放假前{by}"
        return f"{by} before the days off of {name} {year}" if by else f"before the days off of {name} {year}"
    if "left" in basis:
        at = _moment(basis["at"], zone)
        return f"中止时所余时间,自 {at} 起" if zh else f"what was left, from {at}"
    start = basis["from"] if "from" in basis else _moment(basis["at"], zone)
    span = _span(basis["span"], zh)
    if "tenure" in basis:
        who = basis["person"]
        return f"{who} 自 {start} 任职起 {span}" if zh else f"{span} from {start}, when {who} was appointed"
    return f"自 {start} 起 {span}" if zh else f"{span} from {start}"


def _span(text: str, zh: bool) -> str:
    n, unit = text.split(" ")
    if zh:
        return f"{n} {_UNITS[unit]}"
    word = unit.replace("workday", "working day")
    return f"{n} {word[:-1] if n == '1' else word}"


def _in(text: Text, lang: Language) -> str:
    return text.zh if lang == "zh" else text.en


def _moment(us: int, zone: str) -> str:
    return f"{moment(us, zone):%Y-%m-%d %H:%M}"
