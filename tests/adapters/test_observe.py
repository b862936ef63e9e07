"""What operators watch: figures that agree with the views, and spans without a word that anybody wrote."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from tests.contract.weekly import NOTHING, Weekly, make_weekly
from tests.contract.world import STATEMENT_OF_NOTHING, World
from workflow import Actor, access, tick
from workflow.errors import Refused
from workflow.store import beat
from workflow_adapters.observe import Gauges, traced

OPINION = "an opinion nobody else may read"


def told(world: World | Weekly) -> dict[str, float]:
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
        world.clock.advance(timedelta(seconds=5))
    with world.engine.desk() as desk:
        beat.record(desk.connection, "node-1", world.clock.now(), 0)
    world.clock.advance(timedelta(hours=1))
    after = told(world)
    assert after["signoff_outbox_age_seconds"] >= 3600
    assert after['signoff_tick_lag_seconds{node="node-1"}'] == 3600


def test_reports_that_nobody_handed_in_are_counted_before_anybody_ever_handed_one_in(
    database_url: str, tmp_path: Path
) -> None:
    """Missing is not zero: eleven owe one on Monday; at first nobody reports, then one does and one says there is nothing."""
    weekly = make_weekly(database_url, tmp_path / "home", start="2019-09-02 09:00")
    weekly.at("2019-09-10 09:00")  # the Tuesday after the first one
    name = 'signoff_reports{flow="weekly-report",period="%s",rule="first-hop",state="%s"}'
    before = told(weekly)
    assert (before[name % ("2019-W37", "missing")], before[name % ("2019-W37", "zero")]) == (11, 0)
    weekly.at("2019-09-16 09:00")
    weekly.report("o1", "2019-W38")
    weekly.report("o2", "2019-W38", NOTHING)
    weekly.at("2019-09-17 09:00")
    after = told(weekly)
    counted = {state: after[name % ("2019-W38", state)] for state in ("missing", "zero", "submitted")}
    assert counted == {"missing": 9, "zero": 1, "submitted": 1}
    weekly.engine.close()


def test_who_did_not_report_in_a_campaign_is_counted_beside_zero(world: World) -> None:
    for unit in ("o1", "o3"):
        world.engine.open("survey", unit, item=f"s-{unit}", campaign="c1")
    world.engine.report_zero("s-o1", Actor("o1-handler", "handler", "o1"), STATEMENT_OF_NOTHING)
    while world.case("s-o1").open_slots:
        world.sign("s-o1")
    name = 'signoff_reports{flow="survey",period="c1",rule="survey",state="%s"}'
    before = told(world)
    assert [before[name % state] for state in ("zero", "due", "missing")] == [
        1,
        4,
        0,
    ]  # o2, o3, t1 and t2 have time left
    world.clock.advance(timedelta(days=30))
    after = told(world)
    assert [after[name % state] for state in ("zero", "due", "missing")] == [1, 0, 4]


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
