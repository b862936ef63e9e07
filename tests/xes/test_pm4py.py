"""The event log that we write, read by a process-mining tool: every signature is an event of its item, in order."""

from __future__ import annotations

import warnings
from pathlib import Path

from tests.contract.world import make_world
from workflow_adapters.export import xes


def test_pm4py_reads_every_signature_with_who_when_and_where(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'workflow.db'}", tmp_path / "home")
    for n, unit in enumerate(("o1", "o3")):
        world.begin(f"m{n}", unit)
        world.sign(f"m{n}")
        world.sign(f"m{n}")
    path = tmp_path / "log.xes"
    with world.engine.look() as desk:
        at = world.clock.now()
        path.write_text("".join(xes.log(desk, ["m0", "m1"], at)), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about the libraries beneath it
        import pm4py

        frame = pm4py.read_xes(str(path))
        starts, ends = pm4py.get_start_activities(frame), pm4py.get_end_activities(frame)
    assert sorted(frame["case:concept:name"].unique()) == ["m0", "m1"]
    with world.engine.look() as desk:
        from workflow import views

        signed = [(i, r) for i in ("m0", "m1") for r in views.signatures(desk, i, at)]
    assert len(frame) == len(signed) == 4
    told = list(zip(frame["case:concept:name"], frame["org:resource"], frame["concept:name"], strict=True))
    assert sorted(told) == sorted((i, r.person, f"{r.stage}: {r.kind}") for i, r in signed)
    assert [t.value // 1000 for t in frame["time:timestamp"]] == [r.at for _, r in signed]
    assert starts == {"report: sign": 2} and ends == {"report: sign": 2}
    world.engine.close()
