"""What operators watch: figures that agree with the views, and spans without a word that anybody wrote."""

from __future__ import annotations

from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from tests.contract.world import World
from workflow import access, tick
from workflow.errors import Refused
from workflow.store import beat
from workflow_adapters.observe import Gauges, traced

OPINION = "an opinion nobody else may read"


def told(world: World) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(Gauges(world.engine))
    text = generate_latest(registry).decode()
    assert OPINION not in text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_the_gauges_say_what_is_open_late_and_waiting(world: World) -> None:
    world.begin("m-1")
    world.begin("m-2", "o3")
    before = told(world)
    assert before['signoff_open_items{flow="matter",level="organisation",stage="report"}'] == 2
    assert before["signoff_oldest_unfired_due_seconds"] == 0
    world.clock.advance(timedelta(days=30))
    assert told(world)["signoff_oldest_unfired_due_seconds"] > 0
    while tick(world.engine).fired:
        pass
    with world.engine.desk() as desk:
        beat.record(desk.connection, "node-1", world.clock.now(), 0)
    world.clock.advance(timedelta(hours=1))
    after = told(world)
    assert after["signoff_outbox_age_seconds"] >= 3600
    assert after['signoff_tick_lag_seconds{node="node-1"}'] == 3600


def test_who_verified_last_and_how_long_ago(world: World) -> None:
    assert "signoff_verification_age_seconds" not in told(world)
    access.record(world.engine, "verify", by="auditor-1", what="database")
    world.clock.advance(timedelta(minutes=5))
    assert told(world)["signoff_verification_age_seconds"] == 300


def test_an_act_is_a_span_that_names_no_person_and_no_word(world: World) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    world.begin("m-1")
    with traced(world.engine, provider):
        case = world.case("m-1")
        with pytest.raises(Refused):
            world.engine.sign("m-1", world.actor(case.open_slots[0]), "sha256:" + "0" * 64, opinion=OPINION)
        world.sign("m-1", opinion=OPINION)
    world.sign("m-1")
    refused, signed = spans.get_finished_spans()
    assert refused.attributes is not None and refused.attributes["signoff.refusal"] == "stale"
    assert signed.attributes is not None and signed.attributes["signoff.stage"] == "report"
    text = refused.to_json() + signed.to_json()
    assert OPINION not in text and case.open_slots[0].unit + "-" not in text
