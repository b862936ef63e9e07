"""Whether one ``sign`` act costs the same with a long past behind it: in the database, and on the item itself."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

from tests.benchmarks import bulk, databases, world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, costs
from tests.benchmarks.signing import UNITS, ready
from tests.benchmarks.world import FLOW, OPINION, holder, scrutineer
from workflow import Engine, SettableClock
from workflow.clock import local_day

GOAL = 1.2
ROUNDS, LINES = 10, 200


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    return [*_in_database(dbs, kind, quick), _on_item(dbs, kind, quick)]


def _in_database(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    sizes = (0, 100_000) if quick else (0, 100_000, 1_000_000)
    turns, acts = (12, 20) if quick else (30, 24)
    with ExitStack() as stack:
        sides = [_signing(dbs, kind, size, (turns + 3) * acts // 4, acts, stack) for size in sizes]
        alternate(3, *sides)
        none, *others = alternate(turns, *sides)
    return [
        costs(f"sign with {size:,} entries before it (floor: none)", kind, found, none, GOAL)
        for size, found in zip(sizes[1:], others, strict=True)
    ]


def _signing(dbs: Databases, kind: Kind, entries: int, items: int, acts: int, stack: ExitStack) -> Any:
    home = dbs.home()
    url = stack.enter_context(dbs.new(kind))
    world.found(url, home, UNITS)
    with world.engine_on(url, home, durable=False) as engine:
        with engine.reading() as connection:
            definition = engine.newest(connection, FLOW).digest
        if entries:
            bulk.history(url, entries, flow=FLOW, definition=definition, units=UNITS)
        waiting = iter(list(ready(engine, items, "a")))
    databases.settle(url)
    engine = stack.enter_context(world.engine_on(url, home))

    def turn() -> float:
        taken = []
        for _ in range(acts):
            item, by, seen = next(waiting)
            start = perf_counter()
            engine.sign(item, by, seen, opinion=OPINION)
            taken.append(perf_counter() - start)
        return median(taken)

    return turn


def _on_item(dbs: Databases, kind: Kind, quick: bool) -> Result:
    turns = 40 if quick else 120
    home = dbs.home()
    with dbs.new(kind) as url:
        world.found(url, home, UNITS)
        with world.engine_on(url, home, durable=False) as engine:
            for item, rounds, lines in (("young", 1, 1), ("old", ROUNDS, LINES)):
                live_through(engine, item, rounds, lines)
                assert engine.case_of(item)[0].round == rounds
            moment = engine.clock.now()
        databases.settle(url)
        with world.engine_on(url, home) as engine:
            assert isinstance(engine.clock, SettableClock)
            engine.clock.set(moment)
            sides = [_self_check(engine, item) for item in ("young", "old")]
            alternate(3, *sides)
            young, old = alternate(turns, *sides)
    name = f"sign on an item of {ROUNDS} rounds x {LINES} lines (floor: 1 x 1)"
    return costs(name, kind, old, young, GOAL)


def _self_check(engine: Engine, item: str) -> Any:
    """Four signatures of the self-check's chain, timed; then the fifth place sends it back to the first."""
    chain = world.chain_of("b1", "t1")

    def turn() -> float:
        seen = engine.case_of(item)[0].content
        taken = []
        for by in chain:
            start = perf_counter()
            engine.sign(item, by, seen, opinion=OPINION)
            taken.append(perf_counter() - start)
        engine.send_back(item, holder("department", "t1"), seen, "退回重写(虚构)")
        return median(taken)

    return turn


def live_through(engine: Engine, item: str, rounds: int, lines: int) -> None:
    """Take an item of ``b1`` to its self-check in its last round; every round before it ends in a rebound."""
    world.prepared(engine, item, "b1")
    _sign_through(engine, item)
    _sign_through(engine, item, outcome="entered-in-register")
    engine.name_lead(item, holder("secretary", "t1"), holder("department", "t1"))
    handler = holder("handler", "b1")
    people = {"task": 1, "first-responsible": "secretary.b1", "lead-department": "虚构部门"}
    one_task: dict[str, list[Any]] = {
        "task-list": [{"task": "虚构任务", "due": "2030-01-01"}],
        "responsibility-list": [people],
    }
    engine.submit(item, handler, {**_measures(1, lines), **one_task})
    engine.post_notice(item, handler, "plan", channel="board", place="hall")
    _sign_through(engine, item)
    for round_ in range(1, rounds + 1):
        if round_ > 1:
            engine.submit(item, handler, _measures(round_, lines))
        for no in range((round_ - 1) * lines + 1, round_ * lines + 1):
            engine.close_line(item, handler, "measure-list", no, b"evidence (invented)")
        for name in ("responsibility-list", "task-list") if round_ == 1 else ():
            engine.close_line(item, handler, name, 1, b"evidence (invented)")
        engine.post_notice(item, handler, "progress", channel="board", place="hall")
        _sign_through(engine, item)
        engine.submit(item, handler, {"self-check-report": {"result": "虚构:整改到位", "self-evaluation": "虚构:良好"}})
        if round_ < rounds:
            _accept_and_rebound(engine, item)


def _measures(rounds: int, lines: int) -> dict[str, Any]:
    """So many lines of each round so far: a number is never given twice, so a round adds to those before it."""
    line = {"measure": "虚构措施", "target": "虚构目标", "unit": "b1", "person": "secretary.b1", "due": "2030-01-01"}
    rest = {"evidence": "虚构佐证", "track": "at-once", "task": 1}
    numbered = [(round_, n) for round_ in range(1, rounds + 1) for n in range(lines)]
    return {"measure-list": [{"problem": f"虚构问题{round_}-{n}", **line, **rest} for round_, n in numbered]}


def _accept_and_rebound(engine: Engine, item: str) -> None:
    _sign_through(engine, item)
    counts = {"eligible": 20, "voted": 20, "aware": 20, "dissatisfied": 0}
    engine.record_tally(item, scrutineer(1, "b1"), {"mass-tally": counts})
    _sign_through(engine, item)
    engine.submit(item, holder("secretary", "t1"), {"superior-checks": {"findings": "虚构:符合要求"}})
    _sign_through(engine, item, outcome="passed")
    sheet = {"ledger": "虚构:查台账", "plan": "虚构:查方案", "result": "虚构:查结果"}
    engine.submit(item, holder("department", "t1"), {"look-back-sheet": sheet})
    _sign_through(engine, item, outcome="held")
    card = {"acceptance-scorecard": {"total": 90, "opinion": "虚构:合格"}}
    engine.submit(item, holder("department", "s1"), card)
    _sign_through(engine, item)
    engine.post_notice(item, holder("department", "s1"), "result", channel="board", place="hall")
    assert isinstance(engine.clock, SettableClock)
    engine.clock.advance(timedelta(days=15))
    _sign_through(engine, item)
    seen = engine.case_of(item)[0].content
    on = local_day(engine.clock.now(), "Asia/Shanghai").isoformat()
    engine.reopen(item, holder("department", "s1"), seen, "动态跟踪中发现反弹(虚构)", on=on)


def _sign_through(engine: Engine, item: str, outcome: str = "") -> None:
    """Sign every place of the present stage in turn."""
    case = engine.case_of(item)[0]
    stay, number = case.stays, 0
    while case.stays == stay:
        slot = case.open_slots[0]
        number += 1
        by = scrutineer(number, slot.unit) if slot.post == "scrutineer" else holder(slot.post, slot.unit)
        verb: Any = engine.sign
        more: dict[str, Any] = {"opinion": OPINION, "outcome": outcome}
        if slot.kind == "decision":
            verb, more = engine.decide, {**more, "minutes": "虚构会议纪要"}
        verb(item, by, case.content, **more)
        outcome = ""
        case = engine.case_of(item)[0]
