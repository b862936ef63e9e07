"""``workflow init``, ``schema`` and ``tighten``: what an operator gets to begin with runs at once."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from typer.testing import CliRunner, Result

from workflow.cli.main import app
from workflow.definition.load import load
from workflow.definition.source import read
from workflow.lint.book import lessons


def run(*arguments: str, lang: str = "C.UTF-8") -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LC_ALL": lang})


@pytest.mark.parametrize("lang", ["zh_CN.UTF-8", "en_GB.UTF-8"])
def test_a_new_folder_is_checked_and_tested_at_once(lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    assert run("init", str(folder), lang=lang).exit_code == 0
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == {
        "repair.yaml", "repair.test.yaml", "org/units.csv", "org/persons.csv", "org/tenures.csv", "calendars/cn.yaml",
        "schema/flow.schema.json", "GUIDE.zh.md", "GUIDE.en.md",
    }  # fmt: skip
    monkeypatch.chdir(folder)
    checked = run("lint", "--strict")
    assert (checked.exit_code, checked.output) == (0, "4 files (1 flows): 0 errors, 0 warnings\n")
    tested = run("test")
    assert tested.exit_code == 0 and "2 scenarios: 2 passed" in tested.output and "repair@1" in tested.output
    text = (folder / "repair.yaml").read_text(encoding="utf-8")
    assert ("阶段:" in text) == lang.startswith("zh")
    made = json.loads((folder / "schema" / "flow.schema.json").read_text(encoding="utf-8"))
    assert text.startswith("# yaml-language-server: $schema=schema/flow.schema.json\n")
    assert Draft7Validator(made).is_valid(read(text.encode()).data)


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    done = run("init", str(tmp_path))
    assert done.exit_code == 2 and "nothing was changed" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]
    assert run("init", str(tmp_path / "empty" / "deep")).exit_code == 0


@pytest.mark.parametrize("said", [[], ["."]])
def test_an_empty_folder_that_stands_is_filled(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stood = tmp_path.stat().st_ino
    done = run("init", *said)
    assert done.exit_code == 0 and "cd " not in done.output
    assert tmp_path.stat().st_ino == stood and sorted(p.name for p in Path().iterdir()) == [
        "GUIDE.en.md", "GUIDE.zh.md", "calendars", "org", "repair.test.yaml", "repair.yaml", "schema",
    ]  # fmt: skip
    assert run("lint", "--strict").exit_code == 0
    assert run("init", *said).exit_code == 2


def test_a_folder_that_cannot_be_filled_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name == "repair.yaml":
            raise OSError(28, "No space left on device", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    done = run("init", str(tmp_path))
    assert done.exit_code == 2 and "No space left" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_fault_in_the_flow_is_not_told_again_as_many_in_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("init")
    flow = Path("repair.yaml")
    flow.write_text(flow.read_text(encoding="utf-8").replace("duty: head", "duty: haed", 1), encoding="utf-8")
    done = run("lint")
    assert done.exit_code == 1 and "1 errors, 0 warnings" in done.output
    assert done.output.startswith("repair.yaml:") and "test.yaml" not in done.output


def test_calendars_of_units_are_published_with_their_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody could count by them, and nobody would be followed up."""
    folder = tmp_path / "mine"
    run("init", str(folder))
    monkeypatch.chdir(folder)
    cn = Path("calendars/cn.yaml").read_text(encoding="utf-8")
    Path("calendars/works.yaml").write_text(cn.replace("calendar: cn", "calendar: works", 1), encoding="utf-8")
    flow = Path("repair.yaml").read_text(encoding="utf-8")
    flow = re.sub(r"(calendar: cn)(.*)", r"\1\2\ncalendars: {t1: works, t2: cn}", flow, count=1)
    Path("repair.yaml").write_text(flow, encoding="utf-8")
    for step in ("db upgrade o.db", "org import o.db org"):
        assert run(*step.split()).exit_code == 0
    done = run("publish", "o.db", "repair.yaml", "--by", "p3/head@d1", "--reason", "invented")
    assert done.exit_code == 0, done.output
    assert all(f"published the calendar {name} with it" in done.output for name in ("cn", "works"))
    assert run("open", "o.db", "repair", "--item", "r1", "--unit", "t1", "--by", "p1/clerk@t1").exit_code == 0
    assert "calendar works" in run("why", "r1", "--db", "o.db").output
    assert "with it" not in run("publish", "o.db", "repair.yaml", "--by", "p3/head@d1", "--reason", "again").output


@pytest.mark.parametrize(("lang", "spoken"), [("zh", "zh_CN.UTF-8"), ("en", "en_GB.UTF-8")])
def test_the_guide_can_be_followed_to_the_letter(
    lang: str, spoken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    run("init", str(folder), lang=spoken)
    monkeypatch.chdir(folder)
    guide = (folder / f"GUIDE.{lang}.md").read_text(encoding="utf-8")
    steps = [re.split(r"\s+#", line.strip())[0] for line in guide.split("\n") if line.startswith("    workflow ")]
    assert len(steps) >= 20
    for step in steps:
        if " serve " in step:  # it would wait for a browser
            assert run(*shlex.split(step)[1:2], "--help").exit_code == 0
            continue
        if "repair-2.yaml" in step and not Path("repair-2.yaml").exists():  # "copy the file, give it a new version"
            text = (
                Path("repair.yaml")
                .read_text(encoding="utf-8")
                .replace('"1"', '"2"')
                .replace("5 workdays", "4 workdays")
            )
            Path("repair-2.yaml").write_text(text, encoding="utf-8")
        done = CliRunner().invoke(app, shlex.split(step)[1:], env={"LC_ALL": spoken}, input="1\n+3\nq\n")
        assert done.exit_code == (1 if " diff " in step else 0), (step, done.output)
    assert Path("repair.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "repair@1 · r1" in Path("r1.svg").read_text(encoding="utf-8")
    restored = re.search(r"workflow (restore \S+ \S+\.db)", guide)
    assert restored is not None and run(*restored[1].split()).exit_code == 0
    assert run("health", "office.db").exit_code in (0, 1)  # nobody sweeps yet
    assert run("tick", "office.db", "--dry-run").exit_code == 0  # the calendar came with the flow


def test_an_item_begins_by_a_command_and_a_slip_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    by = ("--by", "p1/clerk@t1")
    for step in (
        ["init"],
        ["db", "upgrade", "office.db"],
        ["org", "import", "office.db", "org"],
        ["publish", "office.db", "repair.yaml", "--by", "p3,head,d1", "--reason", "invented"],
    ):
        assert run(*step).exit_code == 0
    begin = ["open", "office.db", "repair", "--item", "r1", "--unit", "t1"]
    assert "已立项 r1:报修 (reported);待办 clerk@t1" in run(*begin, *by, lang="zh_CN.UTF-8").output
    for wrong, said in (
        ([*begin, *by], "already"),
        (["open", "office.db", "repiar", "--item", "r2", "--unit", "t1", *by], "repiar"),
        (["open", "office.db", "repair", "--item", "r2", "--unit", "t9", *by], "t9"),
        ([*begin[:4], "r2", *begin[5:], "--by", "p9/clerk@t1"], "the holder is p1"),
        ([*begin[:4], "r2", *begin[5:], "--by", "p1"], "PERSON/POST@UNIT"),
    ):
        done = run(*wrong)
        assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output
    assert run("verify", "office.db").exit_code == 0


def test_a_flow_is_tried_with_the_calendar_and_the_organisation_of_its_project() -> None:
    hazard = str(lessons() / "hazard.yaml")
    assert run("prove", str(lessons() / "weekly.yaml"), "--org", str(lessons() / "org")).exit_code in (0, 1)
    done = run("simulate", hazard, "-n", "1", "--days", "0.2", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["as written"]["acts"] > 5
    assert "did you mean hazard.yaml?" in run("lint", hazard.replace("hazard.", "hazrd.")).output
    assert "没有此文件" in run("lint", hazard.replace("hazard.", "hazrd."), "--lang", "zh").output


def test_schema_prints_what_an_editor_reads() -> None:
    made = json.loads(run("schema").stdout)
    Draft7Validator.check_schema(made)
    overlay = json.loads(run("schema", "--overlay").stdout)
    data = read((lessons() / "hazard.plant-two.yaml").read_bytes()).data
    assert Draft7Validator(overlay).is_valid(data) and not Draft7Validator(made).is_valid(data)


def test_an_overlay_laid_over_its_flow_is_a_flow_that_is_tighter(tmp_path: Path) -> None:
    """R209: earlier, shorter, higher, one more place; everything else as above."""
    out = tmp_path / "tight.yaml"
    over, base = lessons() / "hazard.plant-two.yaml", lessons() / "hazard.yaml"
    assert run("tighten", str(over), str(base), "--out", str(out)).exit_code == 0
    tight, loose = load(out), load(base)
    assert (tight.name, tight.version) == ("hazard", "1+plant-two.1")
    assert str(tight.stage("found").due.within) == "8 workdays"  # type: ignore[union-attr]
    assert str(tight.flow.nodes["1"].nodes["plan"].on) == "2025-03-25"
    assert [s.post for s in tight.stage("plan").slots] == ["clerk", "office", "guard", "head"]
    assert str(tight.stage("acceptance").score.pass_) == ">= 80"  # type: ignore[union-attr]
    assert str(tight.stage("evaluation").tally.dissatisfied) == "< 10%"  # type: ignore[union-attr]
    assert [str(s) for s in tight.stage("tracked").tracking.look_backs] == ["30 days", "90 days", "180 days"]  # type: ignore[union-attr]
    assert len(tight.flow.ladder["overdue"]) == len(loose.flow.ladder["overdue"]) + 1
    assert tight.stage("rework") == loose.stage("rework") and tight.flow.liability == loose.flow.liability


LOOSER = [
    ("found: {due: 8 workdays}", "found: {due: 11 workdays}", "stages.found.due.within"),
    (
        "found: {due: 8 workdays}",
        "found: {due: 3 weeks}",
        "stages.found.due.within",
    ),  # three weeks may have 15 workdays
    ('"1": {plan: 2025-03-25}', '"1": {plan: 2025-04-01}', "nodes.1.plan"),
    ("within: 1 workdays", "within: 3 workdays", "chains.upward.levels.within"),
    ('turnout: ">= 85%"', 'turnout: "> 79%"', "stages.evaluation.tally.turnout"),
    ('turnout: ">= 85%"', 'turnout: "<= 85%"', "stages.evaluation.tally.turnout"),
    ('dissatisfied: "< 10%"', 'dissatisfied: "<= 11%"', "stages.evaluation.tally.dissatisfied"),
    ("at-most: {times: 2}", "at-most: {times: 4}", "stages.evaluation.at-most.times"),
    ("notice: {for: 7 workdays}", "notice: {for: 4 workdays}", "stages.posted.notice.for"),
    ("tracking: {for: 18 months", "tracking: {for: 300 days", "stages.tracked.tracking.for"),
]


def test_what_a_lower_level_adds_of_its_own_is_marked_as_its_own_and_no_more_than_is_granted(tmp_path: Path) -> None:
    """Source: S0 「担心主题教育自选动作过多,增加基层负担」, R206: the version names who added it, `diff` says what, and the level above
    limits how many; an added place that is adopted binds like any other."""
    text = (lessons() / "hazard.plant-two.yaml").read_text(encoding="utf-8")
    base, out, over = lessons() / "hazard.yaml", tmp_path / "tight.yaml", tmp_path / "over.yaml"
    assert run("tighten", str(lessons() / "hazard.plant-two.yaml"), str(base), "--out", str(out)).exit_code == 0
    told = run("diff", str(base), str(out)).output
    assert "guard" in told and load(out).version.endswith("+plant-two.1")
    assert "plan: {slots: guard}" in text and load(base).flow.overlays is not None
    over.write_text(text.replace("plan: {slots: guard}", "plan: {slots: [guard, guard]}"), encoding="utf-8")
    done = run("tighten", str(over), str(base))
    assert done.exit_code == 1 and "grants 1 extra places" in done.output and "[overlay-too-many-steps]" in done.output


@pytest.mark.parametrize(("old", "new", "key"), LOOSER, ids=[f"{c[2]} {c[1][-14:]}" for c in LOOSER])
def test_an_overlay_that_loosens_anything_is_refused_and_the_key_named(
    old: str, new: str, key: str, tmp_path: Path
) -> None:
    """R209: a lower level never loosens."""
    text = (lessons() / "hazard.plant-two.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    over = tmp_path / "over.yaml"
    over.write_text(text.replace(old, new), encoding="utf-8")
    done = run("tighten", str(over), str(lessons() / "hazard.yaml"))
    assert done.exit_code == 1 and f"{key}: " in done.output and "[overlay-loosens]" in done.output
