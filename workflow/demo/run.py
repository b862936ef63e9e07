"""From nothing to a checked database: import the organisation, run the campaign, verify, write the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from workflow import Engine, SettableClock
from workflow.audit import anchor
from workflow.calendar_file import load_calendar
from workflow.definition.definition import Definition
from workflow.definition.load import load
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.demo import history, org
from workflow.demo.campaign import Campaign
from workflow.demo.figures import figures
from workflow.demo.frame import CRITICISM, END, FIRST, LAST, MEASURES, RECTIFY, REPORT, TALK, ZONE
from workflow.demo.hours import OfficeHours
from workflow.demo.invariants import invariants
from workflow.demo.people import Told
from workflow.demo.workspace import RESULT, CannotRun
from workflow.desk import Desk
from workflow.evidence.checkpoint import COSIGNATURE, NoteKey, cosign
from workflow.evidence.keys import FileKeyProvider
from workflow.evidence.standalone import Checkpoint, Policy
from workflow.logbook import Logbook
from workflow.org.importing import OrgImport, read_org
from workflow.org.model import Org
from workflow.store import database, queries, schema
from workflow.verify import verify_database

FLOWS = (RECTIFY, REPORT, CRITICISM, TALK, MEASURES)
DATABASE, HOME, LOG = "demo.db", "home", "log"
WITNESS = "witness.example"
WORK_YEAR = date(2021, 1, 31)  # office hours are laid out to here, so that plans may reach past the year's end


class NotEmpty(CannotRun):
    """The database named already holds items; the demonstration writes only into an empty one."""


@dataclass(frozen=True)
class Steps:
    """Who is told how far a run has come: the simulated moment and the acts so far; entries verified of all."""

    acted: Callable[[int, int], None] = lambda at, acts: None
    verified: Callable[[int, int], None] = lambda done, total: None


def run(folder: Path, seed: int, *, url: str = "", steps: Steps | None = None) -> dict[str, Any]:
    """Run the campaign into a folder and give its figures, with ``invariants`` and ``seconds``.

    Args:
        url: an empty database; without it ``demo.db`` in the folder.

    Raises:
        NotEmpty: the database holds items already.
    """
    steps = steps or Steps()
    began = perf_counter()
    calendar = load_calendar(shipped_calendar("cn"))
    hours = OfficeHours(calendar, FIRST, WORK_YEAR, ZONE)
    clock = SettableClock(hours.moment(0))
    target = url or f"sqlite:///{folder / DATABASE}"
    _refuse_filled(target)
    engine = Engine.at(target, folder / HOME, clock=clock, durable=False)
    try:
        engine.publish_calendar(calendar)
        flows = {name: engine.publish(load(shipped_flow(name))) for name in FLOWS}
        world, change = _import(engine, org.build(seed), flows[RECTIFY].flow.levels)
        told = Campaign(engine, clock, world, hours, seed, change=change, progress=steps.acted).run()
        ran = perf_counter() - began
        pinned = _anchored(engine, folder / LOG)
        result = _measured(engine, target, world, told, flows, steps, pinned)
    finally:
        engine.close()
    result |= {"acts": told.acts, "seed": seed, "seconds_running": round(ran, 2)}
    result["seconds"] = round(perf_counter() - began, 2)
    (folder / RESULT).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return result


def _refuse_filled(url: str) -> None:
    """Before anything of the engine's is asked: a filled database has keys and moments of its own."""
    db = database.connect(url)
    try:
        schema.upgrade(db)
        with database.reading(db) as connection:
            if queries.size(connection)[0]:
                raise NotEmpty(
                    "the database holds entries already; name an empty one with --db",
                    "数据库已有记录;请用 --db 指定空数据库",
                )
    finally:
        db.dispose()


def _import(
    engine: Engine, world: org.World, levels: tuple[str, ...]
) -> tuple[org.World, Callable[[Desk, org.Change], Org]]:
    """Import the organisation, and give what imports each change of secretary on its day."""
    known = (*levels[:-1], "supervision-group", levels[-1])
    current: Org = read_org(world.files(), levels=known)
    assert isinstance(current, OrgImport)
    engine.import_org(current)

    def change(desk: Desk, one: org.Change) -> Org:
        nonlocal current
        imported = read_org(world.files_of(one), levels=known, known=current)
        desk.import_org(imported)
        tenures = {t.id: t for t in (*current.tenures, *imported.tenures)}
        current = Org(current.units, current.parents, (*current.persons, *imported.persons), tuple(tenures.values()))
        return current

    return replace(world, org=current), change


def _anchored(engine: Engine, folder: Path) -> tuple[Policy, Checkpoint]:
    """Sign the log over everything, with the heads of all chains; an invented witness cosigns, an auditor pins the keys."""
    folder.mkdir(exist_ok=True)
    book, witness = Logbook.at(engine, folder), FileKeyProvider.create(folder / "witness.key")
    named = NoteKey(WITNESS, COSIGNATURE, witness.public_key())
    with engine.look() as desk:
        now = engine.now(desk.connection)
    book.heads(now)
    book.sequence()
    published = book.checkpoint()
    book.cosigned(str(cosign(published.note.text, WITNESS, witness, now // 1_000_000)), [named])
    plain = {
        "origin": engine.origin,
        "engine_keys": [{"key": engine.key.public_key().hex()}],
        "checkpoint_keys": [str(book.note_key(published.epoch))],
        "witnesses": [str(named)],
        "quorum": 1,
    }
    note = str(published.note)
    (folder / "policy.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    (folder / "checkpoint.txt").write_text(note, encoding="utf-8")
    return Policy.read(json.dumps(plain).encode()), Checkpoint.read(note)


def _measured(
    engine: Engine,
    url: str,
    world: org.World,
    told: Told,
    flows: dict[str, Definition],
    steps: Steps,
    pinned: tuple[Policy, Checkpoint],
) -> dict[str, Any]:
    began = perf_counter()
    report = verify_database(url, engine.contents, steps.verified, policy=pinned[0])
    with engine.look() as desk:
        found = anchor(desk.connection, report, *pinned, wanted="V5")
        verifying = perf_counter() - began
        past = history.read(desk.connection)
        result = figures(desk, past, report, told)
    result["verification"] |= {"level": found.level, "anchored": found.anchored, "witnesses": found.cosigned}
    result["refusals"] = told.refusals
    result["seconds_verifying"] = round(verifying, 2)
    today = world.org.on(LAST.isoformat())
    below = {u.id: [c for c in today.children(u.id) if c in world.org.unit_by_id] for u in world.org.units}
    held = list(invariants(result, past, flows, below, world, told.failed))
    result["invariants"] = [i._asdict() for i in held]
    return result


def reopened(folder: Path, url: str = "") -> Engine:
    """The engine on what a run left, its clock at the end of the year, for printing."""
    target = url or f"sqlite:///{folder / DATABASE}"
    return Engine.at(target, folder / HOME, clock=SettableClock(END - 1), durable=False, upgrade=False)
