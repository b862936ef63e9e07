"""What a run of scenario tests says, to people in either language and to machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import Language
from workflow.scenario.coverage import Coverage
from workflow.scenario.run import Outcome, Result

_KINDS = {"stages": "阶段", "exits": "流转去向", "limits": "次数上限", "rungs": "督办措施"}


def coverages(results: Iterable[Result]) -> dict[str, Coverage]:
    """The coverage of each flow under test, over all files: what any of them reached of it counts."""
    results = list(results)
    merged = {r.suite.definition.digest: Coverage(r.suite.definition) for r in results}
    for result in results:
        for coverage in result.coverage.values():
            if coverage.definition.digest in merged:
                merged[coverage.definition.digest].add(coverage)
    return {c.definition.name: c for c in merged.values()}


def lines(results: list[Result], lang: Language) -> Iterator[str]:
    """The report as text, line by line: each scenario, then the coverage of each flow, then the total."""
    zh = lang == "zh"
    for result in results:
        yield result.suite.file
        for outcome in result.outcomes:
            yield from _outcome(outcome, result.suite.file, lang)
    for name, coverage in coverages(results).items():
        yield ""
        yield from _coverage(name, coverage, zh)
    outcomes = [o for r in results for o in r.outcomes]
    passed, skipped = sum(o.passed for o in outcomes), sum(o.skipped for o in outcomes)
    failed = len(outcomes) - passed - skipped
    yield ""
    if zh:
        yield f"场景 {len(outcomes)} 个:通过 {passed},失败 {failed},未运行 {skipped}"
    else:
        yield f"{len(outcomes)} scenarios: {passed} passed, {failed} failed, {skipped} not run"


def _outcome(outcome: Outcome, file: str, lang: Language) -> Iterator[str]:
    zh = lang == "zh"
    name = outcome.scenario.name(lang)
    if outcome.skipped:
        yield f"  {'未运行' if zh else 'not run'}  {name}"
        return
    failure = outcome.failure
    if failure is None:
        yield f"  {'通过' if zh else 'ok'}  {name}"
        return
    yield f"  {'失败' if zh else 'FAILED'}  {name} [{outcome.scenario.code}]"
    step = (
        (f"第 {failure.step} 步" if zh else f"step {failure.step}")
        if failure.step
        else ("核验" if zh else "at the end")
    )
    for mismatch in failure.mismatches:
        yield f"    {file}:{mismatch.line}: {step}: {failure.text}, {failure.at}"
        yield f"      {'应为' if zh else 'expected'}: {mismatch.expected.get(lang)}"
        yield f"      {'实为' if zh else 'actual'}:   {mismatch.actual.get(lang)}"


def _coverage(name: str, coverage: Coverage, zh: bool) -> Iterator[str]:
    parts = [f"{_KINDS[k] if zh else k} {n}/{all_}" for k, (n, all_) in coverage.counts().items() if all_]
    yield f"{name}@{coverage.definition.version}: " + (",".join(parts) if zh else ", ".join(parts))
    for kind, names in coverage.missing().items():
        if names:
            yield f"  {'未覆盖' + _KINDS[kind] if zh else 'uncovered ' + kind}: {', '.join(names)}"
    seen = ", ".join(sorted(coverage.refusals)) or ("无" if zh else "none")
    yield f"  {'出现过的拒绝' if zh else 'refusals seen'}: {seen}"


def as_data(results: list[Result], lang: Language) -> dict[str, Any]:
    """The report as plain data, for ``--json``."""
    return {
        "passed": all(r.passed for r in results),
        "files": [
            {"file": r.suite.file, "flow": r.suite.definition.name, "scenarios": [_data(o, lang) for o in r.outcomes]}
            for r in results
        ],
        "coverage": {
            name: {
                **{k: {"reached": n, "of": all_} for k, (n, all_) in c.counts().items()},
                "uncovered": c.missing(),
                "refusals": dict(sorted(c.refusals.items())),
            }
            for name, c in coverages(results).items()
        },
    }


def _data(outcome: Outcome, lang: Language) -> dict[str, Any]:
    failure = outcome.failure
    out: dict[str, Any] = {
        "scenario": outcome.scenario.code,
        "name": outcome.scenario.name(lang),
        "line": outcome.scenario.line,
        "result": "passed" if outcome.passed else "skipped" if outcome.skipped else "failed",
        "seconds": round(outcome.seconds, 3),
        "entries": outcome.entries,
    }
    if failure is not None:
        out["failure"] = {
            "step": failure.step,
            "act": failure.text,
            "at": failure.at,
            "mismatches": [
                {"line": m.line, "expected": m.expected.get(lang), "actual": m.actual.get(lang)}
                for m in failure.mismatches
            ],
        }
    return out
