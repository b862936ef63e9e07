"""Moving live items to another version of their flow: plan, dry run, apply, roll back.

A plan is plain data that people read before anything happens: which items would move, what becomes of each of their
clocks and places, and which stay on their version, and why. Applying it moves the items in it and no others, a signed
entry each, many in one transaction; after a kill every item is either wholly moved or not at all, and the same call
moves the rest. Source: R068.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflow.acts import Actor, Migrate
from workflow.case import Case
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.outline import outline
from workflow.engine import Engine
from workflow.errors import Conflict, NotUsable, Refused, Said, Unknown, WorkflowError, near
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.rules import Asked, Context, Facts, migrating
from workflow.rules.reckoning import NEVER
from workflow.store import items, library
from workflow.together import Moving

CHUNK = 200  # items moved in one transaction


@dataclass(frozen=True)
class ClockChange:
    """What becomes of one clock. Days are local; ``after`` is empty where it is cancelled, ``before`` where it begins."""

    rule: str
    before: str
    after: str
    overdue_at_once: bool

    @property
    def word(self) -> str:
        if not self.before:
            return "begins"
        if not self.after:
            return "cancelled"
        return "earlier" if self.after < self.before else "later" if self.after > self.before else "another-ladder"


@dataclass(frozen=True)
class ItemPlan:
    """What would become of one item: its clocks, who is waited for before and after, or why it stays."""

    item: str
    unit: str
    stage: str
    origin: str = ""  # the digest of the version it is on
    clocks: tuple[ClockChange, ...] = ()
    waits: tuple[str, ...] = ()
    will_wait: tuple[str, ...] = ()
    signed: int = 0
    refusal: WorkflowError | None = None

    @property
    def moves(self) -> bool:
        return self.refusal is None

    @property
    def overdue_at_once(self) -> bool:
        return any(c.overdue_at_once for c in self.clocks)

    def record(self) -> dict[str, Any]:
        """As plain data for the plan's file."""
        out: dict[str, Any] = {"item": self.item, "unit": self.unit, "stage": self.stage, "from": self.origin}
        if self.refusal is not None:
            return {**out, "stays": self.refusal.code, "because": str(self.refusal)}
        if self.clocks:
            out["clocks"] = [
                {"rule": c.rule, "before": c.before, "after": c.after, "overdue-at-once": c.overdue_at_once}
                for c in self.clocks
            ]
        if self.waits != self.will_wait:
            out["waits"], out["will-wait"] = list(self.waits), list(self.will_wait)
        return {**out, "signed": self.signed}


@dataclass(frozen=True)
class Plan:
    """A batch before it happens. ``digest`` is what every entry of it cites."""

    flow: str
    to: str
    version: str
    at: int
    count: str = ""
    stages: dict[str, str] = field(default_factory=dict)
    undoes: str = ""
    items: tuple[ItemPlan, ...] = ()

    @property
    def moving(self) -> tuple[ItemPlan, ...]:
        return tuple(i for i in self.items if i.moves)

    @property
    def staying(self) -> tuple[ItemPlan, ...]:
        return tuple(i for i in self.items if not i.moves)

    @property
    def overdue_at_once(self) -> int:
        return sum(i.overdue_at_once for i in self.items)

    def record(self) -> dict[str, Any]:
        return {
            "v": 1,
            "flow": self.flow,
            "to": self.to,
            "version": self.version,
            "made-at": self.at,
            "count": self.count,
            "stages": self.stages,
            "undoes": self.undoes,
            "items": [i.record() for i in self.items],
        }

    @property
    def body(self) -> bytes:
        return canonical.encode(self.record(), size_limit=2**28)

    @property
    def digest(self) -> str:
        return digest(self.body)


@dataclass
class Done:
    """What an application did: items moved now, items of the plan found moved already, and those refused since."""

    moved: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    refused: list[tuple[str, WorkflowError]] = field(default_factory=list)


def plan(
    engine: Engine,
    flow: str,
    version: str,
    by: Actor,
    *,
    count: str = "",
    stages: dict[str, str] | None = None,
    only: Sequence[str] = (),
    undoes: Mapping[str, int] | None = None,
) -> Plan:
    """What moving every open item of a flow to a published version would do, decided by the rules themselves.

    Args:
        by: who would move them; of the top unit of their line.
        count: ``now`` counts dates from the migration, otherwise from each stage's entry.
        stages: stages of the old version -> those of the new one that stand for them, where they are called otherwise.
        only: these items and no others.
        undoes: by item, the entry that is taken back.

    Raises:
        Unknown: no such flow, version, item or stage; ``count`` is neither ``now`` nor empty.
    """
    with engine.look() as desk:
        to = version_of(desk.connection, flow, version)
        definition = engine.definition(desk.connection, to)
        rows = {r.id: r for r in items.live(desk.connection, flow) if r.definition != to}
        if count not in ("", "now"):
            hint = Said("; write now, or nothing for the stage's entry", ";请写 now,不写则自进入阶段之日起算")
            raise Unknown(kind=Said("day to count from", "起算日"), name=count, hint=hint)
        olds = {r.definition for r in rows.values()}
        _check_stages(stages or {}, definition, [engine.definition(desk.connection, old) for old in olds])
        for name in only:
            if name not in rows:
                raise Unknown(kind="open item of another version", name=name)
        wanted = [rows[i] for i in (only or rows)]
        moves = [
            Migrate(
                item=r.id,
                by=by,
                to=to,
                reason="plan",
                stage=(stages or {}).get(r.stage, ""),
                count=count,
                undoes=(undoes or {}).get(r.id),
            )
            for r in wanted
        ]
        at = engine.now(desk.connection)
        found = desk.migrate_many(moves, dry=True)
        listed = tuple(_item_plan(row, m, definition, at) for row, m in zip(wanted, found, strict=True))
    return Plan(flow, to, definition.version, at, count, dict(stages or {}), "", listed)


def _check_stages(stages: Mapping[str, str], new: Definition, olds: Sequence[Definition]) -> None:
    """A stage that is called otherwise is one of an older version, and what stands for it one of the new version's."""
    known = {name for old in olds for name in old.stages}
    for before, after in stages.items():
        if olds and before not in known:
            raise Unknown(kind="stage", name=before, hint=near(before, sorted(known)))
        if after not in new.stages:
            raise Unknown(kind="stage", name=after, hint=near(after, new.stages))


@dataclass
class Concerned:
    """The open items of one stage: how many there are, and how many a new version would make overdue at once."""

    open: int = 0
    overdue_at_once: int = 0
    without_stage: bool = False


def concerned(engine: Engine, new: Definition) -> dict[str, Concerned]:
    """By stage, what a version that need not be published yet would mean for the open items of its flow."""
    found: dict[str, Concerned] = {}
    with engine.look() as desk:
        at = engine.now(desk.connection)
        for row in items.live(desk.connection, new.name):
            one = found.setdefault(row.stage, Concerned())
            one.open += 1
            stage = new.stages.get(row.stage)
            if stage is None:
                one.without_stage = True
                continue
            case, old = desk.case_of(row.id)
            act = Migrate(item=row.id, to=new.digest, reason="")
            calendar = engine.calendar(desk.connection, desk.calendar_of(new, case.unit, at))
            asked = Asked(case, act, Context(new, calendar, at, 0), Facts({}))
            try:
                effects = list(migrating.clocks(asked, act, case, stage, outline(old, old.stage(row.stage))))
            except Refused:
                continue  # such an item stays on its version, and on its dates
            after = case.fold(effects, 0, at)
            before = {rule: due["missed"] for rule, due in case.dues.items()}
            late = any(at >= due["missed"] and at < before.get(rule, NEVER) for rule, due in after.dues.items())
            one.overdue_at_once += late
    return found


def version_of(connection: Any, flow: str, version: str) -> str:
    """The digest of a published version. Raises ``Unknown``, with what is published."""
    known = library.versions(connection, flow)
    if not known:
        raise Unknown(kind="flow", name=flow, hint=near(flow, library.flows(connection)))
    found = next((k.digest for k in known if k.version == version or k.digest == version), None)
    if found is None:
        listed = ", ".join(k.version for k in known)
        raise Unknown(
            kind=Said(f"published version of {flow}", f"{flow} 已发布版本"),
            name=version,
            hint=Said(f"; published are {listed}", f";已发布的有 {listed}"),
        )
    return str(found)


def _item_plan(row: Any, moving: Moving, definition: Definition, at: int) -> ItemPlan:
    if moving.before is None or moving.after is None:
        return ItemPlan(row.id, row.unit, row.stage, row.definition, refusal=moving.refusal)
    before, after = moving.before, moving.after
    return ItemPlan(
        row.id,
        row.unit,
        row.stage,
        row.definition,
        tuple(_clocks(moving, definition.flow.timezone, at)),
        tuple(_waits(before)),
        tuple(_waits(after)),
        sum(s.state == "signed" for s in after.slots),
    )


def _waits(case: Case) -> Iterator[str]:
    for slot in case.open_slots:
        yield f"{slot.post}@{slot.unit}"


def _clocks(moving: Moving, zone: str, at: int) -> Iterator[ClockChange]:
    before, after = moving.before, moving.after
    assert before is not None and after is not None
    for effect in moving.effects:
        if effect["e"] not in ("due-armed", "due-cancelled"):
            continue
        rule = effect["rule"]
        old, new = before.dues.get(rule), after.dues.get(rule)
        late = new is not None and at >= new["missed"] and (old is None or at < old["missed"])
        yield ClockChange(rule, _day(old, zone), _day(new, zone), late)


def _day(due: dict[str, Any] | None, zone: str) -> str:
    return "" if due is None else local_day(due["missed"] - 1, zone).isoformat()


def apply(
    engine: Engine,
    body: bytes,
    by: Actor,
    reason: str,
    *,
    chunk: int = CHUNK,
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Move the items of a plan that move, each by a signed entry that cites the plan.

    Items moved already are left as they are: after a kill, the same call moves the rest and none twice. An item that
    changed since the plan is decided anew by the rules; what they refuse then is told and left on its version.

    Args:
        body: the plan's file, as ``Plan.body`` made it.

    Raises:
        NotUsable: the file is no plan for a version that is published here.
    """
    held = read_plan(body)
    with engine.look() as desk:
        version_of(desk.connection, held["flow"], held["to"])
    cited = engine.contents.put(body)
    stages = held["stages"]
    undoes = {i["item"]: i["undoes"] for i in held["items"] if "undoes" in i}
    wanted = [i["item"] for i in held["items"] if "stays" not in i]
    origins = {i["item"]: i["from"] for i in held["items"]}
    done = Done()
    for start in range(0, len(wanted), chunk):
        some = wanted[start : start + chunk]
        with engine.desk() as desk:
            heads = items.lock_many(desk.connection, some)
            moves = []
            for name in some:
                if name in heads and heads[name].definition == held["to"]:
                    done.already.append(name)
                elif name in heads and heads[name].definition != origins[name]:
                    found = Conflict(item=name, expected=origins[name], actual=heads[name].definition)
                    done.refused.append((name, found))
                else:
                    stage = Case.of_snapshot(heads[name].snapshot).stage if name in heads else ""
                    moves.append(
                        Migrate(
                            item=name,
                            by=by,
                            to=held["to"],
                            reason=reason,
                            stage=stages.get(stage, ""),
                            count=held["count"],
                            plan=cited,
                            undoes=undoes.get(name),
                        )
                    )
            result = desk.migrate_many(moves) if moves else []
        done.moved += [m.item for m in result if m.refusal is None]
        done.refused += [(m.item, m.refusal) for m in result if m.refusal is not None]
        if progress is not None:
            progress(min(start + chunk, len(wanted)), len(wanted))
    return done


_A_PLAN = Said("the file that `migrate plan` wrote", "migrate plan 写出的方案文件")


def _is_plan(held: dict[str, Any]) -> bool:
    """Whether every part of a plan's file is of its kind."""
    texts = all(isinstance(held[key], str) for key in ("flow", "to", "version", "count", "undoes"))
    stages = held["stages"]
    return (
        texts
        and isinstance(held["items"], list)
        and isinstance(held["made-at"], int)
        and isinstance(stages, dict)
        and all(isinstance(new, str) for new in stages.values())
    )


def read_plan(body: bytes) -> dict[str, Any]:
    """A plan's file as plain data.

    Raises:
        NotUsable: it is no plan, or was changed by hand into something else than a plan.
    """
    try:
        held = canonical.decode(body)
    except WorkflowError as error:
        raise NotUsable(item="plan", expected=_A_PLAN, actual=Said(str(error), error.text("zh"))) from None
    wanted = {"v", "flow", "to", "version", "made-at", "count", "stages", "undoes", "items"}
    if not isinstance(held, dict) or held.keys() != wanted or held["v"] != 1 or not _is_plan(held):
        raise NotUsable(item="plan", expected=_A_PLAN, actual=Said("another file", "其他文件"))
    for one in held["items"]:
        if not isinstance(one, dict) or not all(isinstance(one.get(key), str) for key in ("item", "from")):
            expected = Said("items, each with its version", "各事项及其版本")
            raise NotUsable(item="plan", expected=expected, actual=str(one)[:80])
    return held


def roll_back(engine: Engine, body: bytes, by: Actor) -> Plan:
    """The plan that takes a batch back, where all of it came from one version (see ``roll_backs``).

    Raises:
        NotUsable: it moved nothing that could be taken back, or items of several versions.
    """
    found = roll_backs(engine, body, by)
    if len(found) > 1:
        expected = Said("items that this plan moved, from one version", "由本方案迁移、且原属同一版本的事项")
        actual = Said(f"items of {len(found)} versions", f"{len(found)} 个版本的事项")
        raise NotUsable(item="plan", expected=expected, actual=actual)
    return found[0]


def roll_backs(engine: Engine, body: bytes, by: Actor) -> list[Plan]:
    """The plans that take a batch back, one for each version that its items came from: every item it moved, in the stay
    it was in.

    An item that went on to another stage since stays where it is: what was done by the new version was done by it.
    Nothing happens yet; ``apply`` the plans it gives.

    Raises:
        NotUsable: it moved nothing that could be taken back.
    """
    held = read_plan(body)
    cited = digest(body)
    back = {new: old for old, new in held["stages"].items()}
    with engine.look() as desk:
        at = engine.now(desk.connection)
        moves: list[Migrate] = []
        rows: list[Any] = []
        for row in items.live(desk.connection, held["flow"]):
            seq = items.moved_by(desk.connection, row.id, cited) if row.definition == held["to"] else None
            if seq is None:
                continue
            effect = items.migration(desk.connection, row.id, seq)
            assert effect is not None
            moves.append(
                Migrate(
                    item=row.id,
                    by=by,
                    to=effect["from"],
                    reason="plan",
                    stage=back.get(row.stage, ""),
                    undoes=seq,
                    plan=cited,
                )
            )
            rows.append(row)
        found = desk.migrate_many(moves, dry=True)
        listed: dict[str, list[tuple[ItemPlan, Migrate]]] = {}
        for row, move, moving in zip(rows, moves, found, strict=True):
            one = _item_plan(row, moving, engine.definition(desk.connection, move.to), at)
            listed.setdefault(move.to, []).append((one, move))
        versions = {to: engine.definition(desk.connection, to).version for to in listed}
    if not listed:
        expected = Said("items that this plan moved", "由本方案迁移的事项")
        raise NotUsable(item="plan", expected=expected, actual=Said("none, or taken back already", "无(或已撤回)"))
    return [
        RollBack(
            held["flow"],
            to,
            versions[to],
            at,
            "",
            back,
            cited,
            tuple(one for one, _ in made),
            tuple({**one.record(), "undoes": move.undoes} for one, move in made),
        )
        for to, made in listed.items()
    ]


@dataclass(frozen=True)
class RollBack(Plan):
    """A plan that undoes another; each item names the entry that is taken back."""

    records: tuple[dict[str, Any], ...] = ()

    def record(self) -> dict[str, Any]:
        return {**super().record(), "items": list(self.records)}
