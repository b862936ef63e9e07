"""Every code has a page in both languages; its good example has no fault, its bad one exactly this fault at this place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest

from workflow.definition import load as loading
from workflow.definition.load import examine
from workflow.definition.problem import render
from workflow.definition.source import read
from workflow.definition.source_words import SAID
from workflow.lint.book import lessons, page, pages
from workflow.lint.pages.page import MARK, REST, Page
from workflow.lint.pages.project import PAGES as PROJECT
from workflow.lint.pages.sense import PAGES as SENSE
from workflow.lint.pages.text import PAGES as TEXT
from workflow.lint.project import lint
from workflow.scenario.read import load_suite
from workflow.scenario.run import run

HAN = re.compile("[\u4e00-\u9fff]")
DAY = date(2025, 3, 3)
FLOWS = (*TEXT, *SENSE)
ELSEWHERE = {"not-allowed"}  # for a sentence of the model that has no code yet; a test below keeps it empty


def lesson(each: Page) -> str:
    return (lessons() / each.base).read_text(encoding="utf-8") if each.base else ""


@pytest.mark.parametrize("name", ["hazard.yaml", "report.yaml", "weekly.yaml"])
def test_the_lessons_have_no_fault(name: str) -> None:
    found = examine((lessons() / name).read_bytes(), str(lessons() / name))
    assert [render(p) for p in found.problems] == [] and found.definition is not None


@pytest.mark.parametrize("each", FLOWS, ids=lambda p: p.code)
def test_the_bad_example_has_exactly_this_fault_at_its_place(each: Page) -> None:
    text = lesson(each)
    assert not each.base or text.count(each.good.removesuffix(REST)) == 1
    raw, place = each.broken(text)
    problems = examine(raw, str(lessons() / each.base)).problems if each.base else read(raw).problems
    assert {p.code for p in problems} == {each.code}, "\n".join(map(render, problems))
    assert (problems[0].line, problems[0].column) == place, render(problems[0])


@pytest.mark.parametrize("each", [p for p in FLOWS if not p.base], ids=lambda p: p.code)
def test_the_good_example_of_a_text_has_no_fault(each: Page) -> None:
    assert read(each.good.encode()).problems == ()


@pytest.mark.parametrize("each", pages().values(), ids=lambda p: p.code)
def test_a_page_speaks_both_languages(each: Page) -> None:
    assert HAN.search(each.zh) and len(each.en) > 20
    assert each.good or each.bad, "a page shows what is wrong and what is right"
    quoted = re.sub("「[^」]*」|\\([^)]*\\)", "", each.en)
    assert not HAN.search(quoted), quoted


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lessons")
    shutil.copytree(lessons(), folder, dirs_exist_ok=True)
    return folder


def test_the_project_of_the_lessons_has_no_fault_and_its_tests_pass(project: Path) -> None:
    done = lint([project], DAY)
    assert [render(p) for p in done.problems] == []
    assert done.files == {"flow": 3, "test": 1, "overlay": 1, "calendar": 1, "org": 1}
    assert run(load_suite(project / "hazard.test.yaml")).passed


@pytest.mark.parametrize("each", [p for p in PROJECT if p.base], ids=lambda p: p.code)
def test_the_bad_example_of_a_project_has_exactly_this_fault_at_its_place(each: Page, project: Path) -> None:
    path = project / each.base
    text = path.read_text(encoding="utf-8")
    assert text.count(each.good.removesuffix(REST)) == 1 or isinstance(each.bad, bytes)
    raw, place = each.broken(text)
    path.write_bytes(raw)
    try:
        problems = lint([project], DAY).problems
    finally:
        path.write_text(text, encoding="utf-8")
    assert {p.code for p in problems} == {each.code}, "\n".join(map(render, problems))
    if each.base == "org/tenures.csv":  # told at the row of the unit
        assert problems[0].line_text.startswith(each.at) and problems[0].file.endswith("units.csv")
    elif MARK in str(each.bad) + each.at:
        assert (problems[0].line, problems[0].column) == place, render(problems[0])


def test_one_flow_in_two_files_a_strange_file_and_none_at_all_are_told(project: Path) -> None:
    (project / "again.yaml").write_bytes((project / "weekly.yaml").read_bytes())
    (project / "strange.yaml").write_text("a: 1\n")
    try:
        found = [(p.code, Path(p.file).name) for p in lint([project, project / "none.yaml"], DAY).problems]
    finally:
        (project / "again.yaml").unlink()
        (project / "strange.yaml").unlink()
    assert found == [
        ("unreadable-file", "none.yaml"),
        ("not-recognised", "strange.yaml"),
        ("duplicate-flow", "weekly.yaml"),
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-be"])
def test_a_flow_in_another_encoding_is_told_so_even_when_no_key_can_be_read(encoding: str, tmp_path: Path) -> None:
    text = "流程: 报修\n阶段: []\n"
    (tmp_path / "f.yaml").write_bytes(text.encode(encoding))
    assert [p.code for p in lint([tmp_path], DAY).problems if p.severity == "error"][:1] in (
        ["wrong-encoding"],
        ["nul"],
    )


def test_the_same_project_is_told_in_the_same_order() -> None:
    """Several keys may be missing at one place, and the order of a set changes from run to run."""
    script = "from workflow.lint.project import lint; import sys, datetime; "
    script += "print([p.message for p in lint([sys.argv[1]], datetime.date(2026, 1, 1)).problems])"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f.yaml").write_text("flow: x\nstages: []\n")
        told = {
            subprocess.run(
                [sys.executable, "-c", script, folder],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2", "3")
        }
    assert len(told) == 1 and b"calendar" in told.pop()


def test_what_has_no_one_form_in_bytes_is_refused() -> None:
    text = (lessons() / "weekly.yaml").read_text(encoding="utf-8").replace("安全周报", "e\u0301")
    assert {p.code for p in examine(text.encode()).problems} <= {"not-canonical"}


def test_every_code_that_can_be_told_has_a_page() -> None:
    folder = Path(loading.__file__).parent
    source = "".join(p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.py")))
    said = {*SAID, *re.findall(r'\.say\(\s*"([a-z-]+)"', source), *re.findall(r'code="([a-z-]+)"', source)}
    said |= {f"unknown-{noun}" for noun in re.findall(r'\.known\(\s*"([a-z]+)"', source)} - {
        "unknown-unit",
        "unknown-list",
    }
    said |= set(re.findall(r'\.problem\(\s*"([a-z-]+)"', source)) | {code for _, code, _ in loading._OWN}
    said |= set(re.findall(r'": \("(unused-[a-z]+)"', source))
    others = (folder.parent / "lint", folder.parent / "scenario")
    source = "".join(p.read_text(encoding="utf-8") for f in others for p in sorted(f.glob("*.py")))
    said |= set(re.findall(r'(?:problem|Problem|say)\(\s*"([a-z-]+)"', source))
    said |= {f"unknown-{n.replace(' ', '-')}" for n in re.findall(r'known\(\s*Said\("([a-z ]+)"', source)}
    said |= set(re.findall(r'"(calendar-[a-z]+)"', (folder.parent / "calendar_file.py").read_text(encoding="utf-8")))
    assert len(said) > 120
    assert said - set(pages()) - ELSEWHERE == set()


def test_every_sentence_of_the_model_has_a_code_of_its_own() -> None:
    model = (Path(loading.__file__).parent / "model.py").read_text(encoding="utf-8")
    sentences = re.findall(r'ValueError\(\s*f?[\'"](expected [^\'"{]{8,40})', model)
    assert len(sentences) > 8
    assert [s for s in sentences if not any(s.startswith(start[: len(s)]) for start, _, _ in loading._OWN)] == []


def test_a_misspelt_code_is_answered_with_the_nearest() -> None:
    with pytest.raises(Exception, match="did you mean dead-end"):
        page("ded-end")
