"""Which required behaviours a test names, and which are open: ``make requirements``.

``tests/requirements.csv`` holds what the source documents ask for: behaviours ``R...`` and mechanisms ``M...``, each
with the Chinese phrase, where it stands (``S0:26`` is line 26 of source document 0) and what must work; ``star`` marks
what a plain state machine with one deadline per state would miss. A test covers a row by naming its id, in its
docstring, a comment or a parameter. Named is not proven: the reader of a test judges whether it shows the behaviour.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_name("requirements.csv")

_ID = re.compile(r"(?<![A-Za-z0-9_])(?:R\d{3}|M\d{2})(?![A-Za-z0-9_])")


@dataclass(frozen=True)
class Requirement:
    """One row of the table."""

    id: str
    phrase: str
    file_line: str
    star: bool
    behaviour: str


def requirements(table: Path = TABLE) -> tuple[Requirement, ...]:
    """All rows, in the order of the table."""
    with table.open(encoding="utf-8", newline="") as file:
        return tuple(
            Requirement(row["id"], row["phrase"], row["file_line"], row["star"] == "1", row["behaviour"])
            for row in csv.DictReader(file)
        )


def named_in(root: Path) -> dict[str, tuple[str, ...]]:
    """The ids that tests and scenarios under a project's root name, each with the places that do, sorted.

    A place is ``tests/unit/test_x.py::test_name`` where the id stands in a test function or its decorators, and the
    file's path elsewhere.
    """
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path in [*sorted(root.glob("tests/**/*.py")), *sorted(root.glob("definitions/**/*.test.yaml"))]:
        text = path.read_text(encoding="utf-8")
        tests = _tests_by_line(text) if path.suffix == ".py" else {}
        for number, line in enumerate(text.splitlines(), start=1):
            for found in _ID.findall(line):
                file = path.relative_to(root).as_posix()
                places[found].add(f"{file}::{tests[number]}" if number in tests else file)
    return {found: tuple(sorted(where)) for found, where in sorted(places.items())}


def _tests_by_line(source: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            names.update(dict.fromkeys(range(first, (node.end_lineno or first) + 1), node.name))
    return names


def report(rows: Iterable[Requirement], named: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """What is covered and what is open, ready for JSON. ``unknown`` are ids that tests name and the table lacks."""
    rows = tuple(rows)
    known = {row.id for row in rows}
    return {
        "counts": {
            kind: {
                "covered": sum(row.id in named for row in rows if chosen(row)),
                "of": sum(1 for row in rows if chosen(row)),
            }
            for kind, chosen in {
                "behaviours": lambda row: row.id.startswith("R"),
                "starred behaviours": lambda row: row.star,
                "mechanisms": lambda row: row.id.startswith("M"),
            }.items()
        },
        "covered": {row.id: list(named[row.id]) for row in rows if row.id in named},
        "open": [asdict(row) for row in rows if row.id not in named],
        "unknown": {found: list(where) for found, where in named.items() if found not in known},
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make requirements", description="Required behaviours with and without a test."
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    asked = parser.parse_args(arguments)
    found = report(requirements(), named_in(ROOT))
    if asked.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print(found)
    return 1 if found["unknown"] else 0


def _print(found: Mapping[str, object]) -> None:
    match found:
        case {"counts": dict(counts), "covered": dict(covered), "open": list(still_open), "unknown": dict(unknown)}:
            print(f"Covered: {len(covered)}")
            for name, places in covered.items():
                print(f"  {name}  {places[0]}")
                for place in places[1:]:
                    print(f"        {place}")
            print(f"\nOpen: {len(still_open)}  (* what a plain state machine with one deadline per state would miss)")
            for row in still_open:
                print(f"  {row['id']} {'*' if row['star'] else ' '} {row['phrase']}  ({row['file_line']})")
            print()
            for kind, count in counts.items():
                print(f"{kind:<20} {count['covered']:>3} of {count['of']:>3} named by a test")
            for name, places in unknown.items():
                print(f"unknown id {name}, named in {', '.join(places)}: not in {TABLE.name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
