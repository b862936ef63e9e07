"""Whatever stands in several flows that speak of one another: never a traceback, always a place in one of the files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.unit.test_bad_input import mutated
from workflow.definition.problem import render
from workflow.definition.shipped import shipped_flow
from workflow.definition.source import read
from workflow.lint import report
from workflow.lint.book import lessons, pages
from workflow.lint.project import lint

DAY = date(2025, 3, 3)
NAMES = ("investigation-report", "organisation-rectification", "joint-meeting", "decided-task", "admonitory-talk")
TEXTS = {f"{n}.yaml": shipped_flow(n).read_text(encoding="utf-8") for n in NAMES}
TEXTS |= {
    name: (lessons() / name).read_text(encoding="utf-8")
    for name in ("hazard.yaml", "hazard.plant-two.yaml", "org/units.csv", "org/persons.csv", "org/tenures.csv")
}
TREES = {name: read(text.encode()).data for name, text in TEXTS.items() if name.endswith(".yaml")}
Path_ = tuple[Any, ...]


def inside(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Everything in a tree, with its path."""
    yield path, value
    for key, more in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from inside(more, (*path, key))


ALL = [value for tree in TREES.values() for _, value in inside(tree)]
WORDS = [w for tree in TREES.values() for p, v in inside(tree) for w in (v, *p[-1:]) if isinstance(w, str)]
ODD = ["", 0, -1, 10**14, True, None, [], {}, "2019-02-30", "0 days", "9999 years", "> 200%", "next-above", "superior"]


def regrown(tree: Any, rng: random.Random) -> str:
    """A tree of which some parts are gone, called otherwise, or those of another flow; as a text."""
    tree = deepcopy(tree)
    for _ in range(rng.randint(1, 4)):
        path = rng.choice([p for p, _ in inside(tree)][1:] or [()])
        if not path:
            break
        parent = tree
        for part in path[:-1]:
            parent = parent[part]
        how = rng.randrange(5)
        if how == 0:
            del parent[path[-1]]
        elif how == 1:
            parent[path[-1]] = rng.choice(ODD)
        elif how == 2:
            parent[path[-1]] = rng.choice(WORDS)
        elif how == 3 and isinstance(parent, dict):
            parent[rng.choice(WORDS)] = parent.pop(path[-1])
        else:
            parent[path[-1]] = deepcopy(rng.choice(ALL))
    out, yaml = StringIO(), YAML(typ="safe", pure=True)
    yaml.allow_unicode = True
    yaml.dump(tree, out)
    return out.getvalue()


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)
@given(st.randoms(use_true_random=False))
def test_mutated_projects_are_told_at_places(tmp_path: Path, rng: random.Random) -> None:
    """Each of some files is as it was, lacks something of its tree, or has slips in its text; some are not there."""
    folder = tmp_path / f"{rng.randrange(10**12)}"
    lines = {}
    for name in rng.sample(sorted(TEXTS), rng.randint(2, len(TEXTS))):
        text, how = TEXTS[name], rng.random()
        if how < 0.4 and name in TREES:
            raw = regrown(TREES[name], rng).encode("utf-8", "replace")
        else:
            raw = mutated(text, rng) if how < 0.65 else text.encode()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
        lines[str(folder / name)] = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    done = lint([folder], DAY)
    for problem in done.problems:
        assert problem.code in pages() and render(problem, "en") and render(problem, "zh")
        if problem.file in lines:
            assert 1 <= problem.line <= len(lines[problem.file]) + 1, problem
    assert report.sarif(done, "zh", "0")["runs"] and len(list(report.github(done, "en"))) >= len(done.problems)


@pytest.mark.parametrize("fault", ["flow: [", "version: 1", "stages: []", "posts: {}"])
def test_a_flow_whose_opened_flow_has_an_error_is_checked_all_the_same(fault: str, tmp_path: Path) -> None:
    """What it opens is told once, in the file that has the fault."""
    key = fault.split(":")[0]
    opened = "\n".join(fault if row.startswith(f"{key}:") else row for row in TEXTS["decided-task.yaml"].split("\n"))
    (tmp_path / "joint-meeting.yaml").write_text(TEXTS["joint-meeting.yaml"], encoding="utf-8")
    (tmp_path / "decided-task.yaml").write_text(opened, encoding="utf-8")
    found = lint([tmp_path], DAY).problems
    assert any(p.file.endswith("decided-task.yaml") and p.severity == "error" for p in found)
    assert not [p for p in found if p.file.endswith("joint-meeting.yaml") and p.severity == "error"]
