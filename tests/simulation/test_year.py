"""A quarter of 400 organisations under the real engine and a clock that is moved, with every number known beforehand.

The whole year of 40,000 is ``tests/benchmarks/year.py``.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.contract.weekly import FIRST, FLOW, NOTHING, PROGRESS, SECOND, make_weekly, shanghai
from workflow import loads, obligations, views
from workflow.definition.shipped import shipped_flow
from workflow.run import run_until

UNITS = 400
HOUR = 3_600_000_000


def kinds(week: int, unit: int) -> str:
    """Who reports in which week, and how: ten of 400 a week; of these every second a zero, two too late."""
    if (unit + week) % 40:
        return "MISSING"
    if unit % 200 <= 20:
        return "LATE"
    return "ZERO" if unit % 2 else "SUBMITTED"


def test_a_quarter_of_weekly_reports_is_counted_exactly(sqlite_url: str, tmp_path: Path) -> None:
    """R054, R061, R082, R083: the roster of every week, what came in, and what climbed where the ladder says so."""
    text = shipped_flow(FLOW).read_text(encoding="utf-8")
    silent = text.replace('at: "12:00", ladder: overdue}', 'at: "12:00"}')  # the first hop is only computed
    assert silent != text
    w = make_weekly(sqlite_url, tmp_path / "home", definition=loads(silent), below=UNITS, start="2019-10-01 09:00")
    with w.look() as desk:
        weeks = obligations.periods(desk, FLOW, FIRST, date(2019, 10, 1), date(2019, 12, 31))
    assert [p.name for p in weeks] == [f"2019-W{n}" for n in range(41, 53)] + ["2020-W01"]
    expected: dict[str, dict[str, int]] = {}
    late: list[tuple[str, str]] = []
    for n, week in enumerate(weeks):
        run_until(w.engine, week.missed - HOUR)
        states = {u: kinds(n, u) for u in range(1, UNITS + 1)}
        for unit, kind in states.items():
            if kind in ("ZERO", "SUBMITTED"):
                w.report(f"o{unit}", week.name, NOTHING if kind == "ZERO" else PROGRESS)
        run_until(w.engine, week.missed)
        for unit, kind in states.items():
            if kind == "LATE":
                w.report(f"o{unit}", week.name)
                late.append((week.name, f"o{unit}"))
        expected[week.name] = {k: list(states.values()).count(k) for k in ("MISSING", "LATE", "ZERO", "SUBMITTED")}
    end = shanghai("2020-01-02 18:00")
    ran = run_until(w.engine, end)
    assert ran.failed == 0
    with w.look() as desk:
        total = dict.fromkeys(("MISSING", "LATE", "ZERO", "SUBMITTED"), 0)
        for week in weeks:
            counts = obligations.rates(desk, FLOW, FIRST, week.name, end).counts
            assert {k: n for k, n in counts.items() if n} == {k: n for k, n in expected[week.name].items() if n}
            just_then = obligations.rates(desk, FLOW, FIRST, week.name, week.missed - 1)
            assert just_then.missing == 0 and just_then.counts["DUE"] == UNITS - counts["ZERO"] - counts["SUBMITTED"]
            total = {k: total[k] + counts[k] for k in total}  # type: ignore[index]
        assert sum(total.values()) == 13 * UNITS
        assert total["MISSING"] == 13 * UNITS - 130  # ten of them reported in each of thirteen weeks
        assert total["LATE"] == len(late) > 0
        # two units owe the second hop and never send it: two rungs for each week, none of them twice
        rungs = views.rungs(desk)
        fired = {(r.item, r.step) for r in rungs}
        assert len(rungs) == len(fired) == 13 * 2 * 2
        assert obligations.rates(desk, FLOW, SECOND, "2019-W52", end).missing == 2
    report = w.verify()
    assert report.failures == [] and report.rules == "hold"
    w.engine.close()
