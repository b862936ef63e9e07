"""Activity records of an outside platform: its own time decides who was late, and people decide what follows.

A period's records are judged against the roster of an obligation: in time, late or missing by the moment the platform
recorded, whenever the records reached us. For whoever was late or missing an item is opened (a talk with both secretaries,
say) that states the duty and the record and decides nothing. Everything may be done again: nothing is opened twice.
Source: S4 「凡是不能按期通过党建信息化平台开展活动的……对支部书记及上级党组织书记进行约谈」, R169; R214.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from workflow import obligations
from workflow.acts import Actor, Open
from workflow.clock import micros
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import Said
from workflow.evidence import canonical
from workflow.rules.obligations import Period
from workflow.store import items
from workflow.store.org import OrgReader

State = Literal["IN_TIME", "LATE", "MISSING", "DUE"]
COLUMNS = {"记录编号": "id", "单位": "unit", "时间": "at", "活动": "what"}


@dataclass(frozen=True)
class Activity:
    """One record of the platform: its id and unit code over there, and the moment the platform says it was made.

    Raises:
        ValueError: the moment has no time zone; nobody would know which day it was.
    """

    id: str
    unit: str
    at: datetime
    what: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"expected a moment with its time zone; got {self.at.isoformat()} of record {self.id}")


@dataclass(frozen=True)
class Judged:
    """One unit of the roster: its state by the platform's time, the record that decides it and when that was made (µs UTC)."""

    unit: str
    state: State
    record: str
    at: int | None


@dataclass(frozen=True)
class Judgement:
    """A period by the platform's time.

    Attributes:
        units: everybody who owes, in offices' order.
        unknown: records of units that nobody here has heard of: ``(id, code)``. elsewhere: of units that owe nothing.
        disputed: ids that came with two different contents; none of these counts. ahead: records of a later moment than now.
    """

    flow: str
    rule: str
    period: Period
    units: tuple[Judged, ...]
    unknown: tuple[tuple[str, str], ...]
    elsewhere: tuple[str, ...]
    disputed: tuple[str, ...]
    ahead: tuple[str, ...]
    records: tuple[Activity, ...]

    def of(self, *states: State) -> list[str]:
        """The units in some states."""
        return [j.unit for j in self.units if j.state in states]


@dataclass(frozen=True)
class Followed:
    """What was opened now; what stands open although its unit turned out to be in time, for people to end."""

    opened: tuple[str, ...]
    unfounded: tuple[str, ...]


def judge(
    desk: Desk,
    flow: str,
    rule: str,
    period: str,
    records: Iterable[Activity],
    *,
    units: Mapping[str, str] | None = None,
    at: int | None = None,
) -> Judgement:
    """Who did what a period asks for, by the platform's own time. The same record twice is one.

    Args:
        rule: the obligation of ``flow`` whose roster and date are asked. period: its name, ``2019-W41``.
        units: the platform's code of a unit -> its id here; the same where none is given.
        at: the instant it is judged at, µs UTC; now unless told.

    Raises:
        Unknown: no such flow, obligation or period.
    """
    at = desk.now() if at is None else at
    roster = [o.unit for o in obligations.owed(desk, flow, rule, period, at) if o.state != "EXEMPT"]
    found = obligations.period(desk, flow, rule, period, at)
    own = (
        {unit: obligations.period(desk, flow, rule, period, at, unit) for unit in roster}
        if _several(desk, flow, at)
        else {}
    )
    by_id: dict[str, set[Activity]] = {}
    for record in records:
        by_id.setdefault(record.id, set()).add(record)
    sure = {i: next(iter(some)) for i, some in by_id.items() if len(some) == 1}
    named = {r.unit: units.get(r.unit, "") if units is not None else r.unit for r in sure.values()}
    known = desk.organisation().names([u for u in named.values() if u], "unit")
    first: dict[str, tuple[int, str]] = {}
    unknown, elsewhere, ahead = [], [], []
    for record in sure.values():
        unit, moment = named[record.unit], micros(record.at)
        if unit not in known:
            unknown.append((record.id, record.unit))
        elif moment > at:
            ahead.append(record.id)
        elif unit not in roster:
            elsewhere.append(record.id)
        elif moment >= own.get(unit, found).opens:  # what is earlier belongs to a period before
            first[unit] = min(first.get(unit, (moment, record.id)), (moment, record.id))
    judged = tuple(_judged(unit, first.get(unit), own.get(unit, found), at) for unit in roster)
    disputed = tuple(sorted(i for i, some in by_id.items() if len(some) > 1))
    kept = tuple(sorted(sure.values(), key=lambda r: r.id))
    return Judgement(
        *(
            flow,
            rule,
            found,
            judged,
            tuple(sorted(unknown)),
            tuple(sorted(elsewhere)),
            disputed,
            tuple(sorted(ahead)),
            kept,
        )
    )


def _several(desk: Desk, flow: str, at: int) -> bool:
    """Whether some units of a flow have a calendar of their own, and with it other dates."""
    return bool(obligations.in_force(desk, flow, at).flow.calendars)


def _judged(unit: str, first: tuple[int, str] | None, period: Period, at: int) -> Judged:
    if first is None:
        return Judged(unit, "MISSING" if at >= period.missed else "DUE", "", None)
    moment, record = first
    return Judged(unit, "LATE" if moment >= period.missed else "IN_TIME", record, moment)


def follow_up(
    engine: Engine,
    judgement: Judgement,
    *,
    flow: str = "admonitory-talk",
    campaign: str = "",
    post: str = "secretary",
    by: Actor | None = None,
    dry: bool = False,
) -> Followed:
    """Open an item for every unit that was late or missing, at the unit above it; nothing twice, and nothing decided.

    The records that were judged are kept as one document, whose digest the item names.

    Args:
        flow: what is opened. post: who of the unit, and who of the unit above it, answer and are named (对支部书记及上级党组织书记
            进行约谈, R169). by: who opens it and stands for it on record.
        dry: only say what would be opened.
    """
    day = judgement.period.day.isoformat()
    opens: list[Open] = []
    with engine.look() as desk:
        org = desk.organisation()
        states = {j.unit: j for j in judgement.units}
        ids = {u: item_of(judgement, u, flow) for u in judgement.of("LATE", "MISSING", "IN_TIME")}
        there = items.present(desk.connection, list(ids.values()))
        late = [u for u in judgement.of("LATE", "MISSING") if ids[u] not in there]
        unfounded = [ids[u] for u in judgement.of("IN_TIME") if ids[u] in there and not desk.case_of(ids[u])[0].final]
        if dry:
            engine.newest(desk.connection, flow)
            return Followed(tuple(ids[u] for u in late), tuple(unfounded))
        lines = {u: org.path(u, day) for u in late}
        aboves = {u: lines[u][1]["unit"] if len(lines[u]) > 1 else u for u in late}
        whom = {u: _named(org, post, day, u, aboves[u]) for u in late}
    kept = engine.contents.put(canonical.encode([_plain(r) for r in judgement.records])) if late else ""
    for unit in late:
        told = states[unit]
        fields: dict[str, Any] = {
            "about": f"{judgement.flow}/{judgement.rule}/{judgement.period.name}/{unit}",
            "missed": judgement.period.missed,
            "rule": judgement.rule,
            "whom": whom[unit],
            "records": kept,
        }
        if told.at is not None:
            fields |= {"recorded": told.at, "record": told.record}
        opens.append(Open(item=ids[unit], by=by, flow=flow, unit=aboves[unit], campaign=campaign, fields_=fields))
    if opens:
        engine.open_many(opens, chunk=len(opens))
    return Followed(tuple(o.item for o in opens), tuple(unfounded))


def _named(org: OrgReader, post: str, day: str, *units: str) -> list[dict[str, str]]:
    """Who answered in a post at each of these units on a day, each person once."""
    found: dict[str, dict[str, str]] = {}
    for unit in dict.fromkeys(units):
        for h in org.answerable(unit, post, day, True):
            found.setdefault(h["person"], {"person": h["person"], "post": post, "unit": unit, "as": h["as"]})
    return list(found.values())


def read_activities(path: str | Path, zone: str) -> list[Activity]:
    """Records from Excel or CSV with the columns 记录编号, 单位, 时间, 活动 (id, unit, at, what).

    Args:
        zone: of moments that are written without one, as the platform writes them.

    Raises:
        BadSheet: every fault with its cell.
    """
    from workflow_adapters.importing.book import BadSheet, CellFault, place, read_book

    book = read_book(path)
    sheet, faults, found = book.sheets[0], [], []
    head = [COLUMNS.get(h, h) for h in sheet.rows[0]] if sheet.rows else []
    for name in ("id", "unit", "at"):
        if name not in head:
            faults.append(CellFault(sheet.title, "A1", Said(f"the column {name} is missing", f"缺列:{name}")))
    for number, row in enumerate(sheet.rows[1:] if not faults else [], start=2):
        cells = dict(zip(head, [*row, *[""] * len(head)], strict=False))
        if not any(cells.values()):
            continue
        try:
            at = datetime.fromisoformat(cells["at"])
            if len(cells["at"]) < 16 or not cells["id"] or not cells["unit"]:
                raise ValueError
        except ValueError:
            wrong = next((n for n in ("id", "unit") if not cells[n]), "at")
            said = Said(f"expected {wrong}, a moment as 2019-10-08 09:30; got {cells[wrong] or 'nothing'}",
                        f"应填{wrong}(时间如 2019-10-08 09:30);实为 {cells[wrong] or '空'}")  # fmt: skip
            faults.append(CellFault(sheet.title, place(head.index(wrong), number), said))
            continue
        moment = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
        found.append(Activity(cells["id"], cells["unit"], moment, cells.get("what", "")))
    if faults:
        raise BadSheet.of(book.name, faults)
    return found


def read_codes(path: str | Path) -> dict[str, str]:
    """From the platform's code of a unit to its id here, out of Excel or CSV with the columns 平台编号, 单位 (code, unit).

    Raises:
        BadSheet: every fault with its cell.
    """
    from workflow_adapters.importing.book import BadSheet, CellFault, place, read_book

    book = read_book(path)
    sheet, faults, found = book.sheets[0], [], dict[str, str]()
    for number, row in enumerate(sheet.rows, start=1):
        code, unit = [*row, "", ""][:2]
        if number == 1 or not (code or unit):
            continue
        if not code or not unit:
            said = Said("expected a code and a unit", "应填平台编号和单位")
            faults.append(CellFault(sheet.title, place(0 if not code else 1, number), said))
        elif found.setdefault(code, unit) != unit:
            said = Said(f"{code} is {found[code]} above", f"{code} 在上文对应 {found[code]}")
            faults.append(CellFault(sheet.title, place(1, number), said))
    if faults:
        raise BadSheet.of(book.name, faults)
    return found


def item_of(judgement: Judgement, unit: str, flow: str) -> str:
    """The item that is opened for a unit: the same for the same miss, so that nothing is opened twice."""
    cause = [flow, judgement.flow, judgement.rule, judgement.period.name, unit]
    return "activity-" + hashlib.sha256(canonical.encode(cause)).hexdigest()[:20]


def _plain(record: Activity) -> dict[str, Any]:
    return {"id": record.id, "unit": record.unit, "at": micros(record.at), "what": record.what}
