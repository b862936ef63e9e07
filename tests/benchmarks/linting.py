"""``workflow lint`` over 200 flows that stand together: seconds in all, beside libyaml alone on the same files."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from yaml.cyaml import CParser

from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, timed
from workflow.definition.shipped import shipped_flow, shipped_flows
from workflow.definition.source import carefully
from workflow.lint.project import lint

GOAL = 5.0
ON: tuple[Kind, ...] = ("sqlite",)
FLOWS = 200
DAY = date(2026, 1, 5)


def project(folder: Path, count: int = FLOWS) -> list[Path]:
    """So many flows, each shipped one in turn with a version of its own: long ones and short ones, as they come."""
    names = shipped_flows()
    for n in range(count):
        text = shipped_flow(names[n % len(names)]).read_text(encoding="utf-8")
        head, tail = text.split("\nversion: ", 1)
        text = f'{head}\nversion: "{n}"\n{tail.split(chr(10), 1)[1]}'
        (folder / f"{names[n % len(names)]}-{n}.yaml").write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


def parse(files: list[Path]) -> None:
    """The least any linter that points at places has to do: the events of every file, with their marks."""
    for path in files:
        parser = CParser(path.read_text(encoding="utf-8"))
        while parser.check_event():
            parser.get_event()


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    with tempfile.TemporaryDirectory() as made:
        files = project(Path(made))
        size = sum(p.stat().st_size for p in files)
        taken = []
        for _ in range(1 if quick else 3):
            taken.append(timed(lambda: lint([made], DAY)))
        floor = timed(lambda: parse(files))
        careful = timed(lambda: [carefully(p.read_text(encoding="utf-8"), p.name) for p in files])
    ours = min(taken)
    aside = f"{size / 1e6:.1f} MB; libyaml alone {floor:.2f} s; read carefully {careful:.1f} s"
    return [Result("lint 200 flows together", kind, "s", ours, None, None, ours, max(taken), GOAL, False, aside)]
