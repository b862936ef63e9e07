"""A year of 40,000 organisations that owe a report every week: 2,000 reports with 20,000 signatures, the rest computed.

The real engine under a clock that is moved; nothing is prepared. Organisations, persons and reports are invented.
"""

from __future__ import annotations

from datetime import date
from time import perf_counter

from tests.benchmarks import world
from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result
from tests.benchmarks.obligations import world_calendar
from workflow import Engine, loads, obligations
from workflow.acts import Open, Sign
from workflow.case import Case
from workflow.definition.shipped import shipped_flow
from workflow.org.importing import OrgImport
from workflow.receipt import Receipt
from workflow.run import run_until
from workflow.store import items

ON: tuple[Kind, ...] = ("sqlite",)  # the embedded database: a simulation needs no server
FLOW, RULE = "weekly-report", "first-hop"
CHAIN = ["handler", "department", "secretary", "seal-keeper"] * 2 + ["handler", "secretary"]
GOAL = 60.0


def definition() -> str:
    """The shipped weekly report with ten signatures and no ladder; one hop."""
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    text = text.replace("own: [handler, secretary]", f"own: [{', '.join(CHAIN)}]").replace(", ladder: overdue}", "}")
    text = text.replace("posts:\n", "posts:\n  seal-keeper: {title: seal-keeper, may: seal}\n", 1)
    return text.replace("    gate: {children: counted}", "    # one hop:")


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    units, reports = (4_000, 200) if quick else (40_000, 2_000)
    with dbs.new(kind) as url, world.engine_on(url, dbs.home(), durable=False) as engine:
        world_calendar(engine)
        engine.publish(loads(definition()))
        engine.import_org(OrgImport.from_rows(world.Invented(units).to_rows()))
        began = perf_counter()
        with engine.look() as desk:
            weeks = obligations.periods(desk, FLOW, RULE, date(2019, 9, 9), date(2020, 9, 6))
        each, signed, missing, computed = reports // len(weeks) + 1, 0, 0, 0.0
        left = reports
        for n, week in enumerate(weeks):
            # two Mondays of one long holiday are read as the same working day: never back
            run_until(engine, max(engine.clock.now(), week.missed - 3_600_000_000))
            some = min(each, left)
            left -= some
            whom = [f"b{(n * each + i) % units + 1}" for i in range(some)]
            signed += _report(engine, whom, week.name)
            run_until(engine, week.missed)
            start = perf_counter()
            with engine.look() as desk:
                rates = obligations.rates(desk, FLOW, RULE, week.name, week.missed)
            computed += perf_counter() - start
            missing += rates.missing
            if (rates.expected, rates.received) != (units, some):
                raise AssertionError(f"{week.name}: {rates}, expected {some} of {units}")
        whole = perf_counter() - began
    if (signed, missing) != (reports * len(CHAIN), units * len(weeks) - reports):
        raise AssertionError(f"{signed} signatures, {missing} missing")
    aside = f"{len(weeks)} roll calls in {computed:.1f} s, {signed:,} signatures, {missing:,} computed as missing"
    name = f"a year of {units:,} organisations owing weekly"
    return [Result(name, kind, "s", whole, None, None, whole, whole, GOAL, False, aside)]


def _report(engine: Engine, whom: list[str], week: str) -> int:
    """Open, hand in and sign through the reports of some units; how many signatures that took."""
    opens = [Open(item=obligations.report_id(FLOW, u, week), flow=FLOW, unit=u, campaign=week) for u in whom]
    engine.open_many(opens)
    paper = {"matters": [{"kind": "progress", "matter": f"week {week}"}]}
    for o in opens:
        engine.submit(o.item, world.holder("handler", o.unit), paper, outcome="reported")
    signed = 0
    for post in CHAIN:
        with engine.desk() as desk:
            heads = items.lock_many(desk.connection, [o.item for o in opens])
            acts = [
                Sign(item=o.item, by=world.holder(post, o.unit), seen=Case.of_snapshot(heads[o.item].snapshot).content)
                for o in opens
            ]
            signed += sum(isinstance(r, Receipt) for r in desk.sign_many(acts))
    return signed
