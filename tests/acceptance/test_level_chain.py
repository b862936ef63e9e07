"""A level is more than one signature, and the group's summary relies on every signature below it. Source: R036, R037."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.test_scenarios import ran
from tests.contract.world import World, make_world
from workflow import Actor, loads
from workflow.evidence import canonical
from workflow.scenario import report
from workflow.store import items

FLOW = Path(__file__).with_name("flows") / "level-chain.yaml"


def test_the_scenarios_of_the_chain_pass() -> None:
    result = ran(FLOW.with_suffix(".test.yaml"))
    assert result.passed, "\n".join(report.lines([result], "en"))


def test_the_last_signature_of_the_group_relies_on_every_signature_below_it(tmp_path: Path) -> None:
    """Source: S0 「实行逐级签字上报」, M06."""
    world: World = make_world(f"sqlite:///{tmp_path / 'workflow.db'}", tmp_path / "home")
    text = FLOW.read_text(encoding="utf-8").replace("{seal: seal-keeper}", "{post: secretary, kind: seal}")
    text = text.replace("levels: [organisation, third, group]", "levels: [organisation, third, second, group]")
    world.engine.publish(loads(text))
    world.engine.open("level-chain", "o1", item="m1")
    world.engine.submit("m1", Actor("o1-handler", "handler", "o1"), {"report": {"count": 3}})
    while not world.case("m1").final:
        slot = world.case("m1").open_slots[0]
        world.sign("m1", by=Actor(f"{slot.unit}-{slot.post}", slot.post, slot.unit))
    with world.engine.reading() as connection:
        bodies = [canonical.read(e.body) for e in items.entries(connection, "m1")]
    signed = [b for b in bodies if "statement" in b]
    assert [b["statement"]["unit"] for b in signed] == ["o1"] * 2 + ["t1"] * 5 + ["s1"] * 5 + ["g1"] * 5
    assert signed[-1]["statement"]["relies"] == [b["seq"] for b in signed[:-1]]
    assert world.verify().rules == "hold"
    world.engine.close()
