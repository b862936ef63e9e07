"""One fault of a flow file, said in two languages and shown at its place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from workflow.errors import Language
from workflow.errors import Said as Said

Severity = Literal["error", "warning"]


NOTHING = Said("", "")


@dataclass(frozen=True)
class Problem:
    """One fault of a flow file. Lines and columns count from 1, columns in characters; warnings do not stop a load."""

    code: str
    file: str
    line: int
    column: int
    message: Said
    expected: Said = NOTHING
    actual: str = ""
    hint: Said = NOTHING
    line_text: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        return render(self)


_UNSEEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
_SHOWN_WIDTH = 140


def _visible(text: str) -> str:
    """The text with every character that a terminal would act on, or not show, replaced."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(c) in _UNSEEN and c != "\n" else c for c in text)


def shown(value: object, limit: int = 80) -> str:
    """A value as a person wrote it, short enough for one line."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif value is None:
        text = "nothing"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(shown(k, 20) for k in list(value)[:6]) + (", ..." if len(value) > 6 else "") + "}"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(shown(v, 20) for v in value[:6]) + (", ..." if len(value) > 6 else "") + "]"
    else:
        text = str(value)[: limit + 1]
    text = _visible(text).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _cells(text: str) -> int:
    """How many terminal cells a text takes: Chinese characters and full-width marks take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in _visible(text)
    )


def render(problem: Problem, lang: Language = "en") -> str:
    """A problem as people and editors read it: ``file:line:col: error: ... [code]``, the line, a caret under the place,
    what was expected, and what to do."""
    zh = lang == "zh"
    kind = {"error": "错误", "warning": "提醒"}[problem.severity] if zh else problem.severity
    message = problem.message.get(lang)
    where = f"{_visible(problem.file)}:{problem.line}:{problem.column}"
    rows = [f"{where}: {kind}: {_visible(message)} [{problem.code}]"]
    if problem.line_text.strip():
        line, column = problem.line_text, min(problem.column - 1, len(problem.line_text))
        start = 0
        if len(line) > _SHOWN_WIDTH:
            start = max(0, column - _SHOWN_WIDTH // 2)
            line = line[start : start + _SHOWN_WIDTH]
        number = str(problem.line)
        rows.append(f"  {number} | {_visible(line)}")
        rows.append(f"  {' ' * len(number)} | {' ' * _cells(line[: column - start])}^")
    expected = problem.expected.get(lang)
    if expected and expected not in message:
        got = (f";实为:{problem.actual}" if zh else f"; got: {problem.actual}") if problem.actual else ""
        rows.append(f"    {'应为' if zh else 'expected'}: {_visible(expected + got)}")
    hint = problem.hint.get(lang)
    if hint and hint not in message:
        rows.append(f"    {'提示' if zh else 'hint'}: {_visible(hint)}")
    return "\n".join(rows)


def nearest(word: object, known: Iterable[str]) -> Said:
    """``did you mean ...?`` for the known word nearest to one that is not known, or nothing."""
    if not isinstance(word, str) or len(word) > 64:
        return NOTHING
    found = get_close_matches(word.lower().replace("_", "-"), list(known), n=1, cutoff=0.6 if word.isascii() else 0.5)
    return Said(f"did you mean {found[0]}?", f"是否应为 {found[0]}?") if found else NOTHING
