"""A refusal read in Chinese is Chinese all through: every phrase that a rule puts into one has its Chinese."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workflow
from workflow.errors import BadMaterial, MaterialMissing, NoSuchExit, OutOfTurn, ReasonRequired, Said, Unknown
from workflow.phrases import PHRASES, chinese

PACKAGE = Path(workflow.__file__).parent
FACTS = {"expected", "actual", "act", "how"}
PLACES = [
    "rules",
    "desk.py",
    "deciding.py",
    "together.py",
    "engine.py",
    "orgbook.py",
    "voting.py",
    "draws.py",
    "migration.py",
    "store/items.py",
    "store/appending.py",
]
HELD = "x7"  # what stands where a phrase has a place to fill
CODES = {
    "-",
    "own",
    "false",
    "override",
    f"enter={HELD}, cites={HELD}",
}  # what stands in a call or a file as it is written there


def leaves(value: ast.expr) -> Iterator[ast.expr]:
    """What a fact may be: each side of a condition, each of several."""
    if isinstance(value, ast.IfExp):
        yield from leaves(value.body)
        yield from leaves(value.orelse)
    elif isinstance(value, ast.BoolOp):
        for each in value.values:
            yield from leaves(each)
    else:
        yield value


def worded(value: ast.expr) -> str:
    """A text of the code as a reader would see it, with something in each place; empty where it is no text."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.JoinedStr):
        parts = [str(p.value) if isinstance(p, ast.Constant) else HELD for p in value.values]
        return "".join(parts) if any(c.isalpha() for p in parts if p != HELD for c in p) else ""
    return ""


def phrases() -> Iterator[tuple[str, str, bool]]:
    for place in PLACES:
        whole = PACKAGE / place
        for path in sorted(whole.glob("*.py")) if whole.is_dir() else [whole]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for keyword in node.keywords if isinstance(node, ast.Call) else ():
                    if keyword.arg in FACTS:
                        for leaf in leaves(keyword.value):
                            if text := worded(leaf):
                                yield f"{path.name}:{leaf.lineno}", text, keyword.arg == "act"


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def test_every_phrase_of_a_rule_has_its_chinese() -> None:
    found = list(phrases())
    assert len(found) > 200
    lacking = [
        f"{place}: {text}"
        for place, text, act in found
        if text not in CODES and not has_chinese(chinese(text, act=act))
    ]
    assert lacking == []


def test_a_phrase_and_its_chinese_have_the_same_places_to_fill() -> None:
    for phrase, said in PHRASES.items():
        places = phrase.count("{}")
        filled = said.format(*(f"<{n}>" for n in range(places)))
        assert all(f"<{n}>" in filled for n in range(places)), phrase


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ReasonRequired(act="publish", expected="a written reason", actual="none"), "发布 须填写 书面理由(-);实为 无"),
        (ReasonRequired(act="nothing", expected="a written reason", actual="none"), "nothing 须填写 书面理由"),
        (BadMaterial(path="$.x", expected="a whole number from 1 to 9", actual="12"), "应为 1 至 9 的整数;实为 12"),
        (OutOfTurn(expected="somebody of g1", actual="p1/clerk@t1"), "应为 g1 的任职人员"),
        (
            OutOfTurn(expected=["nobody", "a"], actual="x"),
            "应为 nobody, a",
        ),  # a list holds codes, never phrases
        (
            NoSuchExit(expected=Said("e", "甲"), actual="nothing at all"),
            "nothing at all 不是本阶段的流转去向(-):应为 甲 之一",
        ),
        (MaterialMissing(expected="evidence for line 12", actual="none"), "应有 第 12 条的佐证;已交 无"),
        (Unknown(kind="item", name="nothing"), "没有名为 'nothing' 的 事项"),
    ],
)
def test_a_refusal_is_read_in_chinese_and_names_are_left_alone(error: Exception, said: str) -> None:
    assert said in error.text("zh")  # type: ignore[attr-defined]
    assert not has_chinese(str(error).replace("甲", ""))
