"""Whatever stands in a file: never a traceback, always a code that can be looked up, and a place inside the file."""

# ruff: noqa: E501  pieces stand side by side
from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow.definition.fmt import formatted
from workflow.definition.load import examine
from workflow.definition.overlay import examine_overlay
from workflow.definition.problem import Problem, render
from workflow.errors import DefinitionInvalid
from workflow.lint.book import lessons, pages
from workflow.lint.project import lint
from workflow.scenario.read import read_suite

DAY = date(2025, 3, 3)
REPORT = (lessons() / "report.yaml").read_text(encoding="utf-8")
WEEKLY = (lessons() / "weekly.yaml").read_text(encoding="utf-8")
CHINESE = formatted(WEEKLY.encode(), keys="zh").decode()
OVERLAY = (lessons() / "hazard.plant-two.yaml").read_text(encoding="utf-8")
BASE = examine((lessons() / "hazard.yaml").read_bytes(), str(lessons() / "hazard.yaml")).flow
PIECES = [
    "", " ", "\n", "\t", "\ufeff", "\0", "\u200b", "\u202e", "\ud800", ":", ": ", "- ", "-", "{", "}", "[", "]", ",", "#", "&a ", "*a", "!!x ", "!", "|", ">", "%",
    "@", "`", "'", '"', "?", "? ", "---\n", "...\n", "~", "null", "yes", "1e9", "0x1F", ".inf", "9" * 400, "\uff1a", "\uff0c", "\u3000", "\u201c", "<<: ", "é", "e\u0301",
    "阶段", "流程: x\n", "2019-02-30", "月底前", "0 days", "quota: 1\n", "x" * 21_000, "{{{{{{{{{{{{{{{{{{{{{{{{{{", "[" * 300,
]  # fmt: skip


def mutated(text: str, rng: random.Random) -> bytes:
    """The text with one to three things done to it, as slips, spreadsheets and editors do."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        how = rng.randrange(7)
        if how == 0:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif how == 1:
            text = text[:at] + text[at + rng.randint(1, 30) :]
        elif how == 2:
            text = text[:at] + rng.choice(PIECES) + text[at + rng.randint(1, 8) :]
        elif how == 3:
            lines.insert(rng.randrange(len(lines)), lines.pop(line))
            text = "\n".join(lines)
        elif how == 4:
            lines.insert(line, lines[line])
            text = "\n".join(lines)
        elif how == 5:
            lines[line] = rng.choice(["  ", "    ", ""]) + lines[line].lstrip()
            text = "\n".join(lines)
        else:
            words = text.split(" ")
            one, other = rng.randrange(len(words)), rng.randrange(len(words))
            words[one], words[other] = words[other], words[one]
            text = " ".join(words)
    return text.encode("utf-8", "surrogatepass")


def placed(problems: list[Problem] | tuple[Problem, ...], raw: bytes) -> None:
    lines = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    for problem in problems:
        assert problem.code in pages(), problem
        assert 1 <= problem.line <= len(lines), problem
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2, problem
        assert render(problem, "en") and render(problem, "zh")


@given(st.sampled_from([REPORT, WEEKLY, CHINESE]), st.randoms(use_true_random=False))
@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example]
)
def test_a_thousand_mutated_definitions_are_read_or_refused_at_a_place(text: str, rng: random.Random) -> None:
    raw = mutated(text, rng)
    found = examine(raw)
    placed(found.problems, raw)
    assert (found.definition is None) == any(p.severity == "error" for p in found.problems)


@given(st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_mutated_overlay_or_test_is_read_or_refused_at_a_place(rng: random.Random) -> None:
    raw = mutated(OVERLAY, rng)
    assert BASE is not None
    placed(examine_overlay(raw, "o.yaml", {"hazard": BASE}).problems, raw)
    test = mutated((lessons() / "hazard.test.yaml").read_text(encoding="utf-8"), rng)
    try:
        read_suite(test, str(lessons() / "hazard.test.yaml"))
    except DefinitionInvalid as error:
        placed(error.facts["problems"], test)


HOSTILE = {
    "an alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nflow: *c\nstages: []\n",
    "a merge key": b"flow: x\n<<: {stages: []}\n",
    "nesting": b"flow: " + b"[" * 5000,
    "nested maps": b"stages: " + b"{a: " * 3000 + b"1" + b"}" * 3000,
    "a huge scalar": b"flow: " + b"x" * 900_000 + b"\nstages: []\n",
    "a huge quoted scalar": b'flow: "' + b"x\\n" * 300_000 + b'"\nstages: []\n',
    "a python object": b"flow: !!python/object/apply:os.system [echo]\nstages: []\n",
    "utf-16": "flow: x\nstages: []\n".encode("utf-16"),
    "gbk": "flow: x\nstages: 阶段\n".encode("gb18030"),
    "a byte order mark": b"\xef\xbb\xbfflow: x\nstages: []\n",
    "tabs": b"flow: x\nstages:\n\t- stage: a\n",
    "full-width punctuation": b"flow:x\nstages:[]\n",
    "a NUL": b"flow: x\0\nstages: []\n",
    "random bytes": bytes(random.Random(7).randrange(256) for _ in range(4000)),
    "many keys": b"stages: []\n" + b"".join(b"k%d: 1\n" % n for n in range(30_000)),
    "an endless line": b"stages: [" + b"a, " * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("suffix", [".yaml", ".test.yaml"])
def test_a_hostile_file_is_refused_at_a_place_wherever_it_stands(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(HOSTILE[name])
    found = lint([tmp_path], DAY).problems
    assert found and all(p.file == str(path) for p in found)
    placed(found, HOSTILE[name])


@pytest.mark.parametrize("head", [b"calendar: x\nyears: ", b"overlay: x\nversion: "])
@pytest.mark.parametrize("name", ["nesting", "a NUL", "gbk", "random bytes", "an alias bomb", "utf-16"])
def test_a_hostile_calendar_or_overlay_is_refused_too(name: str, head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(head + HOSTILE[name])
    found = lint([tmp_path], DAY).problems
    assert found and all(p.file == str(path) and p.code in pages() for p in found)


@pytest.mark.parametrize("name", ["a NUL", "random bytes", "utf-16", "an endless line"])
def test_a_hostile_organisation_is_refused_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_bytes(HOSTILE[name])
    found = lint([tmp_path], DAY).problems
    assert {p.code for p in found} == {"org-fault"}
