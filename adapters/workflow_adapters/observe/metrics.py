"""Gauges, computed when they are asked for, so that a process that does nothing else shows them too.

``REGISTRY.register(Gauges(engine))``; then serve them as prometheus_client does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from workflow import access, lists, obligations
from workflow.clock import local_day
from workflow.errors import CalendarMissing
from workflow.evidence import canonical
from workflow.sight import all_of
from workflow.store import beat, items, listing, outbox, queries
from workflow.store import obligations as owing
from workflow.store.listing import Wanted

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from workflow.desk import Desk
    from workflow.engine import Engine

SECOND = 1_000_000
BACK = timedelta(days=40)


class Gauges:
    """A collector for prometheus_client.

    Args:
        zone: whose day it is.
        prefix: of every name.
    """

    def __init__(self, engine: Engine, *, zone: str = "Asia/Shanghai", prefix: str = "signoff") -> None:
        self.engine, self.zone, self.prefix = engine, zone, prefix

    def collect(self) -> Iterator[Metric]:
        """Every gauge, from one consistent moment of the database."""
        with self.engine.look() as desk:
            now = desk.now()
            yield self._open_items(desk, now)
            yield self._oldest_due(desk, now)
            yield self._reports(desk, now)
            yield self._outbox(desk, now)
            yield self._ticks(desk, now)
            yield from self._verified(desk, now)

    def _gauge(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        return GaugeMetricFamily(f"{self.prefix}_{name}", says, labels=labels)

    def _open_items(self, desk: Desk, now: int) -> Metric:
        gauge = self._gauge("open_items", "Items that are open", ("flow", "stage", "level"))
        levels = desk.organisation().levels(local_day(now, self.zone).isoformat())
        counted: Counter[tuple[str, str, str]] = Counter()
        for row in listing.counts(desk.connection, Wanted(final=False)):
            counted[row.flow, row.stage, levels.get(row.unit, "")] += row.items
        for key, n in sorted(counted.items()):
            gauge.add_sample(gauge.name, dict(zip(("flow", "stage", "level"), key, strict=True)), n)
        return gauge

    def _oldest_due(self, desk: Desk, now: int) -> Metric:
        says = "How long the rung that should have fired first has been waiting; 0 when none is late"
        gauge = self._gauge("oldest_unfired_due_seconds", says)
        upcoming = queries.next_due(desk.connection)
        gauge.add_sample(gauge.name, {}, max(0, now - upcoming) / SECOND if upcoming is not None else 0)
        return gauge

    def _reports(self, desk: Desk, now: int) -> Metric:
        labels = ("flow", "rule", "period", "state")
        says = "Reports of the last period that ended, and of each campaign; missing is not zero"
        gauge = self._gauge("reports", says, labels)
        today = local_day(now, self.zone)
        found: dict[tuple[str, str, str, str], int] = {}
        for flow in sorted(owing.published(desk.connection)):  # also one of which nobody ever reported anything
            definition = obligations.in_force(desk, flow, now)
            for rule in definition.flow.obligations:
                try:
                    periods = obligations.periods(desk, flow, rule, today - BACK, today, now)
                except CalendarMissing:
                    continue
                ended = [p for p in periods if p.missed <= now]
                if ended:
                    told = obligations.rates(desk, flow, rule, ended[-1].name, now)
                    found |= {(flow, rule, ended[-1].name, s.lower()): n for s, n in told.counts.items()}
        for flow, campaign, _ in lists.campaigns(desk, all_of(today.isoformat())):
            definition = obligations.in_force(desk, flow, now)
            if (owed := definition.flow.reports) is not None:  # once, by a node of the campaign
                asked = obligations.asked_once(desk, definition, campaign, now, owed.owed_by)
                counts, _ = owing.counts(desk.connection, asked)
                for state in ("DUE", "SUBMITTED", "ZERO", "MISSING", *sorted(counts)):
                    values = (flow, owed.node, campaign, state.lower())
                    found[values] = counts.get(state, 0)
        for values, n in found.items():
            gauge.add_sample(gauge.name, dict(zip(labels, values, strict=True)), n)
        return gauge

    def _outbox(self, desk: Desk, now: int) -> Metric:
        gauge = self._gauge("outbox_age_seconds", "How long the oldest message has been waiting to be handed over")
        oldest = outbox.oldest(desk.connection)
        gauge.add_sample(gauge.name, {}, max(0, now - oldest) / SECOND if oldest is not None else 0)
        return gauge

    def _ticks(self, desk: Desk, now: int) -> Metric:
        gauge = self._gauge("tick_lag_seconds", "How long ago a node swept last", ("node",))
        for one in beat.all_beats(desk.connection):
            gauge.add_sample(gauge.name, {"node": one["node"]}, max(0, now - one["at"]) / SECOND)
        return gauge

    def _verified(self, desk: Desk, now: int) -> Iterator[Metric]:
        last = items.last_of(desk.connection, access.CHAIN, "verify")
        if last is not None:
            gauge = self._gauge("verification_age_seconds", "How long ago somebody verified the database, on record")
            gauge.add_sample(gauge.name, {}, max(0, now - canonical.decode(last)["at"]) / SECOND)
            yield gauge
