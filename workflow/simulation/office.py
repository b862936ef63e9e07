"""An office to try a flow out in: an engine on a database of its own, invented people, and what they could do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from workflow import guards, obligations
from workflow.acts import Act, CloseLine, Decide, Objection, ReportZero, Submit
from workflow.calendar import Calendar
from workflow.case import Case
from workflow.clock import SettableClock, local_day, start_of_day
from workflow.definition.check_duties import mentioned
from workflow.definition.definition import Definition
from workflow.engine import Engine
from workflow.errors import Said, Unknown, WorkflowError
from workflow.org.importing import MANY_HOLDERS, OrgImport
from workflow.org.model import Org
from workflow.prover.moves import moves
from workflow.prover.offices import Offices, first_day, invented
from workflow.rules import decide
from workflow.run import run_until
from workflow.simulation.papers import paper
from workflow.store import alarms, items
from workflow.sweep import ATTEMPTS

HOUR = 3_600_000_000
DAY = 24 * HOUR
YEARS = 20  # ahead of which a trial looks for reports that are owed


class Office:
    """One world of a simulation. ``day`` is where its clock begins, nine in the morning."""

    def __init__(self, engine: Engine, clock: SettableClock, definition: Definition, org: Org) -> None:
        self.engine = engine
        self.clock = clock
        self.definition = definition
        self.org = org
        self.offices = Offices(org, definition)

    @property
    def today(self) -> date:
        return local_day(self.clock.now(), self.definition.flow.timezone)

    def open(self, item: str, unit: str, period: str = "") -> str:
        """Begin an item about a unit, or its report of a period, which has an id of its own; gives the id.

        Raises:
            WorkflowError: the rules refuse it.
        """
        if period:
            with self.engine.desk() as desk:
                return obligations.open_report(desk, self.definition.name, unit, period)
        category = next(iter(self.definition.flow.categories), "")
        self.engine.open(self.definition.name, unit, item=item, campaign="simulation", category=category)
        return item

    def reports_of(self, unit: str) -> Iterator[tuple[int, str]]:
        """The reports that a unit owes from today on: from when each may be begun (µs UTC), and its period.

        Raises:
            Unknown: it owes none, or no more.
        """
        flow, today = self.definition.flow, self.today
        level = next(u.level for u in self.org.units if u.id == unit)
        while today.year <= self.today.year + YEARS:
            until, found = today + timedelta(days=366), []
            with self.engine.look() as desk:
                for rule, spec in flow.obligations.items():
                    if level in spec.owed_by:
                        found += obligations.periods(desk, flow.flow, rule, today, until, unit=unit)
            yield from sorted((p.opens, p.name) for p in found)
            today = until + timedelta(days=1)
        raise Unknown(kind="period", name=flow.flow, hint=Said(f" that {unit}, a {level}, owes", f"({unit},{level})"))

    def case(self, item: str) -> Case:
        return self.engine.case_of(item)[0]

    def options(self, item: str) -> list[Act]:
        """Every act that the rules allow on an item now, each once."""
        found: list[Act] = []
        with self.engine.look() as desk:
            head = items.read(desk.connection, item)
            case, at = Case.of_snapshot(head.snapshot), self.clock.now()
            if case.final:
                return []
            for act in moves(self.definition, self.offices, case, at):
                try:
                    decide(desk.ask(act, case, head.org, head.seq + 1, at))
                except WorkflowError:
                    continue
                found.append(act)
        return found

    def do(self, act: Act) -> None:
        """Do an act with papers that are really there.

        Raises:
            WorkflowError: the rules refuse it.
        """
        engine, by = self.engine, act.by
        if isinstance(act, Submit):
            assert by is not None
            unit = self.case(act.item).unit
            values = {
                n: paper(self.definition, n, act.figures.get(n, {}), self.today, unit, by.person) for n in act.materials
            }
            if isinstance(act, ReportZero):
                engine.report_zero(act.item, by, values)
            else:
                engine.submit(act.item, by, values, outcome=act.outcome)
        elif isinstance(act, Decide):
            assert by is not None
            engine.decide(
                act.item,
                by,
                act.seen,
                minutes="虚构纪要 invented minutes",
                outcome=act.outcome,
                reason=act.reason,
                due=act.due,
                opinion=act.opinion,
            )
        elif isinstance(act, CloseLine):
            assert by is not None
            engine.close_line(act.item, by, act.list, act.no, b"invented evidence")
        elif isinstance(act, Objection):
            engine.object_to(act.item, "虚构异议 invented objection")
        else:
            engine.act(act)

    def move_to(self, at: int) -> None:
        """Let time pass; rungs fire and roll calls are held on the way, at their moments."""
        if at <= self.clock.now():
            return
        with self.engine.reading() as connection:
            first = alarms.next_after(connection, -1, ATTEMPTS)
        if self.definition.flow.obligations or (first is not None and first <= at):
            run_until(self.engine, at, watch=False)
        else:
            self.clock.set(at)


@contextmanager
def office(
    definition: Definition,
    calendar: Calendar,
    others: Sequence[Definition] = (),
    org: Org | None = None,
    day: date | None = None,
    calendars: Sequence[Calendar] = (),
) -> Iterator[Office]:
    """An office with the flow, and those of the others that it speaks of, in force; gone at the end. The others only take
    in what is opened: reports they ask for are no part of this trial.

    Args:
        calendars: those that units have of their own.
    """
    held = org if org is not None else invented(definition)
    first = day or date.fromisoformat(first_day(definition, held))
    clock = SettableClock(start_of_day(first, definition.flow.timezone) + 9 * HOUR)
    with TemporaryDirectory(prefix="workflow-simulation-") as name:
        folder = Path(name)
        engine = Engine.at(f"sqlite:///{folder / 'simulation.db'}", folder / "home", clock=clock, durable=False)
        try:
            for each in (calendar, *calendars):
                engine.publish_calendar(each)
            for one in (*_spoken_of(definition, others), definition):
                engine.publish(one)
            rows = (held.units, held.parents, held.persons, held.tenures)
            engine.import_org(OrgImport(*rows, many_holders=MANY_HOLDERS | definition.flow.posts.keys()))
            with guards.supposed():
                yield Office(engine, clock, definition, held)
        finally:
            engine.close()


def _spoken_of(definition: Definition, others: Sequence[Definition]) -> list[Definition]:
    """Those of the others that a flow opens, or that these open, without the reports they ask for period by period."""
    known = {d.name: d for d in others if d.name != definition.name}
    found: dict[str, Definition] = {}
    waiting = [definition]
    while waiting:
        for name in {*mentioned(waiting.pop().flow.canonical())} & known.keys() - found.keys():
            found[name] = known[name]
            waiting.append(known[name])
    return [
        Definition.of(d.flow.model_copy(update={"obligations": {}})) if d.flow.obligations else d
        for d in found.values()
    ]
