"""Every key has a Chinese alias; what a file means does not depend on the language of its keys, and fmt goes both ways."""

from __future__ import annotations

import inspect
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from workflow.definition import model, shipped
from workflow.definition.fmt import formatted
from workflow.definition.keys import CHINESE, ENGLISH, keys_of, translate
from workflow.definition.load import examine, loads
from workflow.definition.problem import render
from workflow.definition.source import read
from workflow.errors import DefinitionInvalid

NEVER_WRITTEN = {"op", "numerator", "denominator", "n", "unit"}  # thresholds and spans are always written as a text
FLOWS = [shipped.shipped_flow(n) for n in shipped.shipped_flows()]
FLOWS += [shipped.shipped_root() / "lessons" / f"{n}.yaml" for n in ("hazard", "report", "weekly")]
MAIN = shipped.shipped_flow("organisation-rectification").read_text(encoding="utf-8")


def test_every_key_of_the_format_has_exactly_one_alias() -> None:
    classes = [c for _, c in inspect.getmembers(model, inspect.isclass) if issubclass(c, BaseModel)]
    keys = {k for c in classes if c is not model.Model and c.__module__ == model.__name__ for k in keys_of(c)}
    assert keys - CHINESE.keys() - NEVER_WRITTEN == set(), "give each new key a Chinese alias in definition/keys.py"
    assert len(ENGLISH) == len(CHINESE)
    assert not any(alias.isascii() for alias in ENGLISH)


@pytest.mark.parametrize("path", FLOWS, ids=lambda p: p.stem)
def test_a_flow_in_chinese_keys_means_the_same_and_comes_back_byte_for_byte(path: object) -> None:
    raw = path.read_bytes()  # type: ignore[attr-defined]
    chinese = formatted(raw, keys="zh")
    found = examine(chinese, str(path))
    said = [p.code for p in examine(raw, str(path)).problems]
    assert [p.code for p in found.problems] == said, [render(p) for p in found.problems]
    assert found.definition is not None and found.definition.digest == loads(raw.decode()).digest
    assert re.search(
        r"\n阶段:[^\n]*(\n *#[^\n]*)*\n  - \{?阶段名: ", chinese.decode()
    ) and "stage:" not in chinese.decode().replace("# ", "")
    assert formatted(chinese, keys="en") == raw
    assert formatted(chinese, keys="zh") == chinese


@given(st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_keys_of_both_languages_may_stand_side_by_side(rng: random.Random) -> None:
    source = read(MAIN.encode())
    lines = list(source.positions.lines)
    ours = translate(source.data).ours
    chosen = rng.sample(sorted(ours, key=str), rng.randint(1, len(ours)))
    for path in sorted(chosen, key=lambda p: source.positions.keys[p], reverse=True):
        line, column = source.positions.keys[path]
        text = lines[line - 1]
        end = column - 1 + len(str(path[-1]))
        lines[line - 1] = text[: column - 1] + CHINESE[ours[path]] + text[end:]
    found = examine("\n".join(lines).encode())
    assert found.definition is not None, [render(p) for p in found.problems]
    assert found.definition.digest == loads(MAIN).digest


def test_a_fault_behind_chinese_keys_is_told_at_its_place() -> None:
    text = formatted(MAIN.encode(), keys="zh").decode().replace("用链: report-up", "用链: reprot-up")
    problem = next(p for p in examine(text.encode()).problems if p.code == "unknown-chain")
    assert text.split("\n")[problem.line - 1][problem.column - 1 :].startswith("reprot-up")


def test_a_key_in_both_languages_is_one_key_written_twice() -> None:
    text = MAIN.replace("calendar: cn ", "日历: cn\ncalendar: cn ")
    assert [(p.code, p.line) for p in examine(text.encode()).problems] == [("duplicate-key", 11)]


def test_a_misspelt_chinese_key_is_answered_with_the_nearest_chinese_one() -> None:
    problems = examine(MAIN.replace("calendar: cn ", "日厉: cn ").encode()).problems
    unknown = next(p for p in problems if p.code == "unknown-key")
    assert unknown.hint.get("zh") == "是否应为 日历?" and "日历" in unknown.expected.get("zh")


def test_a_key_is_not_taken_for_a_code_nor_a_code_for_a_key() -> None:
    """Where codes stand, a Chinese word is no key: ``职务: {名称: ...}`` would be a post called 名称."""
    text = MAIN.replace("  handler: {title: {zh: 经办人", "  名称: {title: {zh: 经办人")
    assert "not-a-code" in {p.code for p in examine(text.encode()).problems}


def test_fmt_mends_line_ends_trailing_blanks_and_the_byte_order_mark_and_nothing_else() -> None:
    crooked = "\ufeff" + MAIN.replace("\n", "  \r\n", 5) + "\n\n"
    assert formatted(crooked.encode()).decode() == MAIN
    block = 'a: |\n  kept  \n  text\nb: "x  "\n'
    assert formatted(block.encode()).decode() == block


def test_fmt_refuses_what_cannot_be_read() -> None:
    with pytest.raises(DefinitionInvalid, match="syntax"):
        formatted(b'a: "x\nb: 1\n', keys="zh")
