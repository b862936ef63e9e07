"""A whole folder under the linter: flows, what they say about one another, their tests, the organisation, calendars,
overlays. Nothing here touches a database, and nothing in a file makes it raise."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from workflow.calendar_file import read_calendar
from workflow.definition.check import check_project
from workflow.definition.check_duties import mentioned
from workflow.definition.grammar import MAX_BYTES
from workflow.definition.load import Examined, bytes_of, examine, load, unmeant
from workflow.definition.model import Flow
from workflow.definition.positions import Positions
from workflow.definition.problem import Problem, Said, nearest
from workflow.definition.shipped import shipped_flow, shipped_flows
from workflow.errors import DefinitionInvalid
from workflow.lint.book import pages
from workflow.lint.org import lint_org
from workflow.org.sheet import UNITS
from workflow.scenario.read import read_suite

Kind = Literal["flow", "test", "calendar", "overlay", "org", "other"]


def _top(key: str) -> re.Pattern[bytes]:
    """A key at the top of a file, in either language; behind a full-width colon too, so that this is what is told."""
    return re.compile(f"^(?:{key})\\s*(?::|\N{FULLWIDTH COLON})".encode(), re.MULTILINE)


_KINDS: tuple[tuple[Kind, re.Pattern[bytes]], ...] = (
    ("overlay", _top("overlay|加严")),
    ("flow", _top("stages|阶段")),
    ("calendar", _top("years|年度")),
    ("flow", _top("flow|流程")),
)
_BEGINS = re.compile(rb"^([ \t]*)[^\s#]", re.MULTILINE)


@dataclass
class Linted:
    """What a run found: every problem, file by file, and how much was looked at."""

    problems: list[Problem] = field(default_factory=list)
    files: dict[Kind, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(p.severity == "error" for p in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


def lint(paths: Iterable[str | Path], day: date) -> Linted:
    """Every problem of the files and folders together.

    Args:
        paths: files, or folders that are searched; a folder with ``units.csv`` is an organisation.
        day: the day on which the organisation is looked at.
    """
    done = Linted()
    found = list(dict.fromkeys(_found(map(Path, paths))))
    for _, kind in found:
        done.files[kind] = done.files.get(kind, 0) + 1
    flows: list[tuple[Flow, Positions]] = []
    answered: dict[str, set[str]] = {}
    for path in (path for path, kind in found if kind == "flow"):
        problems, examined = _examine(path)
        done.problems += problems
        if examined is not None and examined.flow is not None:
            flows.append((examined.flow, examined.positions))
            answered[examined.positions.file] = set(examined.meant)
    together = check_project(flows, _shipped(flows) if flows else {})
    for flow, positions in flows:
        own, more = unmeant(flow, [p for p in together if p.file == positions.file])
        done.problems += own
        done.problems += _meant(flow, positions, answered[positions.file] | more)
    done.problems += [p for p in together if p.file not in answered]
    for path, kind in found:
        if kind == "other":
            said = Said("this is no flow, test, calendar or overlay", "此文件不是流程、测试、日历或加严文件")
            expected = Said("flow:, overlay: or calendar: at the top", "最外层写明 flow:、overlay: 或 calendar:")
            done.problems.append(Problem("not-recognised", str(path), 1, 1, said, expected, severity="warning"))
        elif kind == "test":
            done.problems += _test(path)
        elif kind == "calendar":
            done.problems += _calendar(path)
        elif kind == "org":
            done.problems += lint_org(path, [flow for flow, _ in flows], day)
        elif kind == "overlay":
            done.problems += _overlay(path, flows)
    done.problems = sorted(dict.fromkeys(done.problems), key=lambda p: (p.file, p.line, p.column, p.code))
    return done


def _shipped(flows: Sequence[tuple[Flow, Positions]]) -> dict[str, Flow]:
    """The flows that ship and that this project does not define itself, where it speaks of any."""
    own = {flow.flow for flow, _ in flows}
    named = {text for flow, _ in flows for text in mentioned(flow.canonical())}
    return {name: load(shipped_flow(name)).flow for name in shipped_flows() if name in named - own}


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, Kind]]:
    for path in paths:
        if not path.is_dir():
            yield path, "org" if path.name == UNITS else kind_of(path)
            continue
        for folder, names, files in os.walk(path):
            names[:] = sorted(n for n in names if not n.startswith(".") and not n.endswith((".home", "node_modules")))
            here = Path(folder)
            if UNITS in files:
                yield here, "org"
            for name in sorted(files):
                if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                    yield here / name, kind_of(here / name)


def kind_of(path: Path) -> Kind:
    """What a file is, by its name and its top keys."""
    if path.name.endswith((".test.yaml", ".test.yml")):
        return "test"
    raw = bytes_of(path)
    if isinstance(raw, Problem):
        return "flow"  # and then it is told that it cannot be read
    text = raw.removeprefix(b"\xef\xbb\xbf")
    begins = _BEGINS.search(text)
    if begins is None:
        return "flow"  # nothing stands in it, and then that is told
    if begins[1]:  # all of it is indented
        text = re.sub(b"^" + begins[1], b"", text, flags=re.MULTILINE)
    kind: Kind = next((kind for kind, pattern in _KINDS if pattern.search(text)), "other")
    # A file in another encoding shows no key in Chinese: then it is told how to save it.
    return "flow" if kind == "other" and not _is_utf8(raw) else kind


def _is_utf8(raw: bytes) -> bool:
    try:
        raw[:MAX_BYTES].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # cut off here, in the middle of a character
    return True


def _meant(flow: Flow, positions: Positions, answered: set[str]) -> Iterator[Problem]:
    """What a flow means that nobody warns of: a code that is none, or a warning that is not told here."""
    for code in flow.meant:
        place = positions.key("meant", code)
        if code not in pages():
            said = Said(f"there is no warning {code}", f"没有提醒代码 {code}")
            expected = Said("a code that workflow explain lists", "workflow explain 所列的代码")
            yield positions.problem("meant-unknown", place, said, expected, code, nearest(code, pages()))
        elif code not in answered:
            said = Said(f"the flow means {code}, and nothing here warns of it", f"已说明有意的 {code},此处并无该提醒")
            expected = Said("a warning that is told here, or no such entry", "此处确有的提醒,或删去该条")
            yield positions.problem("meant-for-nothing", place, said, expected, code, severity="warning")


def _examine(path: Path) -> tuple[list[Problem], Examined | None]:
    raw = bytes_of(path)
    if isinstance(raw, Problem):
        return [raw], None
    found = examine(raw, str(path))
    return list(found.problems), found


def _test(path: Path) -> list[Problem]:
    raw = bytes_of(path)
    if isinstance(raw, Problem):
        return [raw]
    try:
        read_suite(raw, str(path))
    except DefinitionInvalid as error:
        return list(error.facts["problems"])
    return []


def _calendar(path: Path) -> list[Problem]:
    raw = bytes_of(path)
    if isinstance(raw, Problem):
        return [raw]
    try:
        read_calendar(raw, str(path))
    except DefinitionInvalid as error:
        lines = raw.decode("utf-8", "replace").splitlines()
        return [
            Problem(
                fault.code,
                str(path),
                fault.line,
                fault.column,
                fault.text,
                line_text=lines[fault.line - 1] if fault.line <= len(lines) else "",
            )
            for fault in error.facts["problems"]
        ]
    return []


def _overlay(path: Path, flows: Sequence[tuple[Flow, Positions]]) -> list[Problem]:
    raw = bytes_of(path)
    if isinstance(raw, Problem):
        return [raw]
    from workflow.definition.overlay import examine_overlay

    return list(examine_overlay(raw, str(path), {f.flow: f for f, _ in flows}).problems)
