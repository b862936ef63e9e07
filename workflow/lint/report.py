"""What the linter found, for people, for programs, for GitHub and for whatever reads SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workflow.definition.problem import Problem, render
from workflow.errors import Language
from workflow.lint.book import pages
from workflow.lint.project import Linted

SARIF = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json"


def text(done: Linted, lang: Language) -> Iterator[str]:
    """Each problem with its line and a caret, then the sum."""
    for problem in done.problems:
        yield render(problem, lang)
    files = sum(done.files.values())
    flows = done.files.get("flow", 0)
    if lang == "zh":
        yield f"检查 {files} 个文件(流程 {flows} 个):错误 {done.errors},提醒 {done.warnings}"
        if done.problems:
            yield f"说明:workflow explain {done.problems[0].code}"
    else:
        yield f"{files} files ({flows} flows): {done.errors} errors, {done.warnings} warnings"
        if done.problems:
            yield f"why: workflow explain {done.problems[0].code}"


def as_data(done: Linted, lang: Language) -> dict[str, Any]:
    """Plain data: ``files`` by kind, ``problems`` with file, line, column (from 1), code, severity and sentences."""
    return {
        "files": dict(sorted(done.files.items())),
        "errors": done.errors,
        "warnings": done.warnings,
        "problems": [
            {
                "file": p.file,
                "line": p.line,
                "column": p.column,
                "severity": p.severity,
                "code": p.code,
                "message": p.message.get(lang),
                "expected": p.expected.get(lang),
                "actual": p.actual,
                "hint": p.hint.get(lang),
            }
            for p in done.problems
        ],
    }


def github(done: Linted, lang: Language) -> Iterator[str]:
    """Workflow commands that GitHub shows beside the line."""
    for p in done.problems:
        said = ". ".join(s for s in (p.message.get(lang), p.hint.get(lang)) if s)
        place = f"file={_property(p.file)},line={p.line},col={p.column},title={_property(p.code)}"
        yield f"::{p.severity} {place}::{_data(said)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(done: Linted, lang: Language, version: str) -> dict[str, Any]:
    """A SARIF log with one run; columns count characters, as the problems do."""
    codes = sorted({p.code for p in done.problems})
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "workflow lint",
                        "version": version,
                        "rules": [{"id": code, **_rule(code, lang)} for code in codes],
                    }
                },
                "language": {"zh": "zh-CN", "en": "en-GB"}[lang],
                "columnKind": "unicodeCodePoints",
                "results": [_result(p, codes, lang) for p in done.problems],
            }
        ],
    }


def _rule(code: str, lang: Language) -> dict[str, Any]:
    page = pages().get(code)
    return {"fullDescription": {"text": page.get(lang)}, "help": {"text": f"workflow explain {code}"}} if page else {}


def _uri(path: Path) -> str:
    """A file as a URI, relative where the path is; Chinese and blanks are percent-encoded."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _result(p: Problem, codes: list[str], lang: Language) -> dict[str, Any]:
    said = ". ".join(s for s in (p.message.get(lang), p.hint.get(lang)) if s)
    return {
        "ruleId": p.code,
        "ruleIndex": codes.index(p.code),
        "level": p.severity,
        "message": {"text": said},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(Path(p.file))},
                    "region": {"startLine": p.line, "startColumn": p.column},
                }
            }
        ],
    }
