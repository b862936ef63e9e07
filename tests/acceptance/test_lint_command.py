"""``workflow lint``, ``explain``, ``fmt`` and ``test`` as an operator types them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from workflow.cli.main import app
from workflow.lint.book import lessons, pages


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LC_ALL": "C.UTF-8", **(env or {})})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(lessons(), tmp_path / "p")
    return tmp_path / "p"


def spoil(project: Path) -> Path:
    path = project / "hazard.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{zh: 方案, en: plan}", '{zh: "方案", en: plan, zz: "x"}'), encoding="utf-8")
    return path


def line_of(path: Path) -> int:
    return path.read_text(encoding="utf-8").split("zz:")[0].count("\n") + 1


def test_a_folder_without_a_fault_gives_0_and_the_sum(project: Path) -> None:
    done = run("lint", str(project), "--on", "2025-03-03")
    assert (done.exit_code, done.output) == (0, "7 files (3 flows): 0 errors, 0 warnings\n")


def test_an_error_gives_1_with_the_caret_under_the_place_behind_double_width_text(project: Path) -> None:
    path = spoil(project)
    at = line_of(path)
    done = run("lint", str(path), "--lang", "zh")
    rows = done.output.splitlines()
    assert done.exit_code == 1 and rows[0].startswith(f"{path}:{at}:")
    column = int(rows[0].removeprefix(f"{path}:{at}:").split(":")[0])
    line = path.read_text(encoding="utf-8").splitlines()[at - 1]
    before = line[: column - 1]
    cells = len(before) + sum(c > "\u2e80" for c in before)
    assert rows[2].index("^") == len(f"  {at} | ") + cells and line[column - 1 :].startswith("zz")
    assert "workflow explain unknown-key" in rows[-1]


def test_json_github_and_sarif_name_the_same_problem(project: Path) -> None:
    path = str(spoil(project))
    at = line_of(Path(path))
    data = json.loads(run("lint", path, "--format", "json").stdout)
    problem = data["problems"][0]
    assert (data["errors"], problem["code"], problem["line"]) == (1, "unknown-key", at)
    said = run("lint", path, "-f", "github").stdout
    assert said.startswith(f"::error file={path},line={at},col={problem['column']},title=unknown-key::")
    log = json.loads(run("lint", path, "-f", "sarif").stdout)
    result = log["runs"][0]["results"][0]
    assert log["version"] == "2.1.0" and result["ruleId"] == "unknown-key" and result["level"] == "error"
    assert log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "unknown-key"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": at, "startColumn": problem["column"]}


# What SARIF 2.1.0 asks for of the objects that are written here: the keys it knows, and among them those it requires.
SARIF_OBJECTS: dict[str, tuple[set[str], set[str]]] = {
    "log": ({"$schema", "version", "runs"}, {"version", "runs"}),
    "run": ({"tool", "results", "columnKind", "language"}, {"tool"}),
    "driver": ({"name", "version", "rules"}, {"name"}),
    "rule": ({"id", "fullDescription", "help"}, {"id"}),
    "result": ({"ruleId", "ruleIndex", "level", "message", "locations"}, {"message"}),
    "location": ({"physicalLocation"}, set()),
    "physicalLocation": ({"artifactLocation", "region"}, {"artifactLocation"}),
    "region": ({"startLine", "startColumn"}, {"startLine"}),
}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sarif_is_written_as_its_specification_asks(project: Path, lang: str) -> None:
    """Checked by hand against the schema of OASIS and the validator of its authors; here against what they ask for."""
    spoil(project).rename(project / "隐患 整改.yaml")
    (project / "empty.yaml").write_text("# nothing yet\n", encoding="utf-8")

    def fits(kind: str, found: dict[str, object]) -> None:
        known, required = SARIF_OBJECTS[kind]
        assert required <= found.keys() <= known, (kind, found)

    log = json.loads(run("lint", str(project), "-f", "sarif", "--lang", lang).stdout)
    fits("log", log)
    (one,) = log["runs"]
    fits("run", one)
    rules = one["tool"]["driver"]["rules"]
    fits("driver", one["tool"]["driver"])
    assert len({r["id"] for r in rules}) == len(rules) >= 2
    for rule in rules:
        fits("rule", rule)
        assert rule["help"].keys() == rule["fullDescription"].keys() == {"text"}
    assert re.fullmatch("[a-z]{2}-[A-Z]{2}", one["language"]) and one["columnKind"] == "unicodeCodePoints"
    assert one["results"]
    for result in one["results"]:
        fits("result", result)
        assert (
            result["level"] in ("none", "note", "warning", "error")
            and rules[result["ruleIndex"]]["id"] == result["ruleId"]
        )
        assert result["message"].keys() == {"text"} and result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        fits("physicalLocation", place)
        fits("region", place["region"])
        assert min(place["region"].values()) >= 1
        uri = place["artifactLocation"]["uri"]
        assert uri.isascii() and " " not in uri and uri.startswith("file:///")
    assert run("lint", str(project), "-f", "sarif", "--lang", lang).exit_code == 1


def test_a_file_without_content_is_an_error_and_one_in_disorder_is_still_known(project: Path) -> None:
    empty = project / "empty.yaml"
    for text in ("", "\n\n", "# only a remark\n"):
        empty.write_text(text, encoding="utf-8")
        done = run("lint", str(empty))
        assert done.exit_code == 1 and "[empty-file]" in done.output, done.output
    flow = (project / "weekly.yaml").read_text(encoding="utf-8")
    empty.write_text(flow.replace(":", "："), encoding="utf-8")
    done = run("lint", str(empty))
    assert done.exit_code == 1 and "[fullwidth-punctuation]" in done.output and "not-recognised" not in done.output
    empty.write_text("".join(f"  {line}" for line in flow.splitlines(keepends=True)), encoding="utf-8")
    assert run("lint", str(empty), str(project)).output.count("not-recognised") == 0


@pytest.mark.parametrize(
    "said",
    [
        "Beijing",
        "Asia/Beijing",
        "北京",
        "北京时间",
        "PEKING",
        "China",
        "UTC+8",
        "GMT+08:00",
        "Asia/Shanghi",
        "shanghai",
    ],
)
def test_a_town_without_a_time_zone_of_its_own_leads_to_the_one_that_is_meant(project: Path, said: str) -> None:
    path = project / "weekly.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("timezone: Asia/Shanghai", f'timezone: "{said}"'), encoding="utf-8")
    assert "did you mean Asia/Shanghai?" in run("lint", str(path)).output


def test_a_warning_fails_only_when_it_is_asked_to(project: Path) -> None:
    path = project / "weekly.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(", reading: next-workday", ""), encoding="utf-8")
    assert run("lint", str(path)).exit_code == 0 and run("lint", str(path), "--strict").exit_code == 1


def test_nothing_to_check_and_a_wrong_format_give_2(tmp_path: Path) -> None:
    done = run("lint", str(tmp_path))
    assert done.exit_code == 2 and "workflow init" in done.output
    assert run("lint", str(tmp_path), "--format", "xml").exit_code == 2


def test_explain_lists_every_code_one_a_line_and_explains_each_in_both_languages() -> None:
    listed = run("explain").stdout.splitlines()
    assert [row.split()[0] for row in listed] == sorted(pages())
    for lang in ("zh", "en"):
        for code in ("quota", "dead-end", "wrong-encoding", "too-many-values", "overlay-loosens", "no-signer"):
            said = run("explain", code, "--lang", lang)
            assert said.exit_code == 0 and pages()[code].get(lang) in said.stdout
            assert ("有误:" if lang == "zh" else "with the fault:") in said.stdout
            assert max(map(len, said.stdout.splitlines())) < 400
    unknown = run("explain", "ded-end")
    assert unknown.exit_code == 2 and "did you mean dead-end?" in unknown.output
    assert run("explain", "ded-end", "--lang", "zh").output == "没有名为 'ded-end' 的 代码。是否应为 dead-end?\n"


def test_fmt_writes_chinese_keys_and_back_and_changes_nothing_on_a_bad_file(project: Path) -> None:
    flow, overlay = project / "hazard.yaml", project / "hazard.plant-two.yaml"
    before = flow.read_bytes(), overlay.read_bytes()
    assert run("fmt", "--keys", "zh", "--check", str(flow)).exit_code == 1 and flow.read_bytes() == before[0]
    assert run("fmt", "--keys", "zh", str(flow), str(overlay)).exit_code == 0
    assert "阶段:" in flow.read_text(encoding="utf-8") and "所依:" in overlay.read_text(encoding="utf-8")
    assert run("lint", str(project), "--on", "2025-03-03").exit_code == 0
    assert run("fmt", "--keys", "en", str(flow), str(overlay)).exit_code == 0
    assert (flow.read_bytes(), overlay.read_bytes()) == before
    bad = project / "bad.yaml"
    bad.write_text('flow: "x\n', encoding="utf-8")
    assert run("fmt", "--keys", "zh", str(flow), str(bad)).exit_code == 2 and flow.read_bytes() == before[0]
    assert not list(project.glob(".*"))


def test_test_says_what_to_do_with_what_is_no_test(project: Path) -> None:
    missing = run("test", str(project / "hazrd.test.yaml"))
    assert missing.exit_code == 2 and "did you mean hazard.test.yaml?" in missing.output
    flow = run("test", str(project / "hazard.yaml"), env={"LC_ALL": "zh_CN.UTF-8"})
    assert flow.exit_code == 2 and f"请运行:workflow test {project / 'hazard.test.yaml'}" in flow.output
    assert "workflow lint" in run("test", str(project / "weekly.yaml")).output
    assert run("test", str(project / "org")).exit_code == 2


def test_test_and_demo_speak_the_language_of_the_terminal(project: Path, tmp_path: Path) -> None:
    chinese = {"LC_ALL": "zh_CN.UTF-8"}
    assert "场景 2 个:通过 2" in run("test", str(project), env=chinese).output
    assert "2 scenarios: 2 passed" in run("test", str(project), env={"LC_ALL": "en_GB.UTF-8"}).output
    assert run("demo", "--lang", "fr", "--out", str(tmp_path / "out")).exit_code == 2
