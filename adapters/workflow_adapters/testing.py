"""A pytest plugin for hosts: a real engine in memory, a clock that is moved, the people, and what would have been sent.

Installed with the library, it gives the fixture ``sign_off``::

    def test_an_order_is_signed(sign_off):
        sign_off.publish("weekly-report")                   # a shipped flow, or a path of your own
        sign_off.organise("tests/org")                      # a folder of units, persons and tenures
        sign_off.engine.open("weekly-report", "unit-1", item="r1")
        sign_off.sign("r1")                                 # whoever it waits for signs what is there
        sign_off.forward(days=3)                            # every reminder on the way fires
        assert [m.topic for m in sign_off.outbox()] == ["reminded"]

Nothing of it sleeps or leaves a file; each test has a database of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from workflow import Actor, Engine, Receipt, SettableClock
    from workflow.case import Case
    from workflow.definition.definition import Definition
    from workflow.delivery import Message

BEGINS = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 9:00 in Shanghai
_number = itertools.count()


class Kit:
    """An engine to test a host with.

    Attributes:
        engine: a real one, on a database in memory. ``url`` is that database's, for a host's own tables beside ours.
        clock: stands still until it is moved; every fixture begins on Monday, 2 March 2026, 9:00 in Shanghai.
    """

    def __init__(self, engine: Engine, clock: SettableClock, url: str) -> None:
        self.engine, self.clock, self.url = engine, clock, url

    # --- what a flow needs ----------------------------------------------------------------------------------------

    def publish(self, flow: str | Path) -> Definition:
        """Publish a flow: a path of your own, or the name of a shipped one; and its calendar.

        Raises:
            DefinitionInvalid, Unknown: as the library says it.
        """
        from workflow import load
        from workflow.definition.shipped import shipped_flow

        path = Path(flow)
        definition = load(path if path.suffix in (".yaml", ".yml") else shipped_flow(str(flow)))
        self.calendar(definition.flow.calendar)
        return self.engine.publish(definition)

    def calendar(self, name: str) -> None:
        """Publish a shipped calendar."""
        from workflow.calendar_file import load_calendar
        from workflow.definition.shipped import shipped_calendar

        self.engine.publish_calendar(load_calendar(shipped_calendar(name)))

    def organise(self, folder: str | Path) -> None:
        """Import an organisation from a folder with units.csv, persons.csv and tenures.csv.

        Raises:
            OrgInvalid: it does not hold together; says every fault with its row.
        """
        from workflow.org.importing import read_org

        self.engine.import_org(read_org(Path(folder)))

    # --- people ---------------------------------------------------------------------------------------------------

    def case(self, item: str) -> Case:
        """The item as it stands."""
        return self.engine.case_of(item)[0]

    def signer(self, item: str, slot: str = "") -> Actor:
        """Who may sign the place that waits: its holder today, or whoever answers for them.

        Raises:
            LookupError: no place waits, or nobody may.
        """
        from workflow import Actor
        from workflow.clock import local_day

        case, definition = self.engine.case_of(item)
        place = next((s for s in case.open_slots if slot in ("", s.key)), None)
        if place is None:
            raise LookupError(f"expected a place of {item} that waits; got none in stage {case.stage}")
        day = local_day(self.clock.now(), definition.flow.timezone).isoformat()
        backed = definition.flow.posts[place.post].backstop == "superior"
        with self.engine.look() as desk:
            found = desk.organisation().answerable(place.unit, place.post, day, backed)
        if not found:
            raise LookupError(f"expected a holder of {place.post} of {place.unit} on {day}; got none")
        return Actor(found[0]["person"], place.post, place.unit)

    def sign(self, item: str, **more: Any) -> Receipt:
        """The next place that waits is signed by whoever may, on exactly what is there."""
        case = self.case(item)
        by = more.pop("by", None) or self.signer(item)
        place = next(s for s in case.open_slots if (s.post, s.unit) == (by.post, by.unit))
        if place.kind == "decision":
            return self.engine.decide(item, by, case.content, **{"minutes": "minutes", "opinion": "agreed", **more})
        if place.kind == "look-back":
            return self.engine.look_back(item, by, case.content, **more)
        return self.engine.sign(item, by, case.content, slot=place.key, **{"opinion": "agreed", **more})

    # --- time -----------------------------------------------------------------------------------------------------

    def forward(self, **span: float) -> None:
        """Move the clock (``days=3``, ``hours=1``); whatever comes on the way fires, at its own moment."""
        from workflow.run import run_until

        run_until(self.engine, self.clock.now() + timedelta(**span) // timedelta(microseconds=1))

    def outbox(self, recipient: str = "") -> list[Message]:
        """Every message that waits to be sent, the oldest first; they stay there."""
        from workflow.delivery import Message
        from workflow.evidence import canonical
        from workflow.store import outbox

        with self.engine.reading() as connection:
            rows = outbox.waiting(connection)
        return [
            Message(r.dedupe, r.topic, r.created_at, canonical.decode(r.payload))
            for r in rows
            if recipient in ("", r.recipient)
        ]


@pytest.fixture
def sign_off(tmp_path: Path) -> Iterator[Kit]:
    """An engine of its own for each test, in memory. See ``workflow_adapters.testing``."""
    from workflow import Engine, SettableClock
    from workflow.clock import micros
    from workflow.store import database

    url = f"sqlite:///file:sign-off-{next(_number)}?mode=memory&cache=shared&uri=true"
    clock = SettableClock(micros(BEGINS))
    keeper = database.connect(url, durable=False).connect()  # the database lives as long as somebody holds it
    engine = Engine.at(url, tmp_path / "home", clock=clock, durable=False)
    yield Kit(engine, clock, url)
    engine.close()
    keeper.close()
    keeper.engine.dispose()
