"""Every page of ``workflow explain``, by code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from workflow.definition.problem import nearest
from workflow.definition.shipped import shipped_root
from workflow.errors import Said, Unknown
from workflow.lint.pages import project, sense, text
from workflow.lint.pages.page import Page


@cache
def pages() -> dict[str, Page]:
    """Every code and its page, in the order in which a file is read: text, shape, sense, project."""
    return {page.code: page for page in (*text.PAGES, *sense.PAGES, *project.PAGES)}


def page(code: str) -> Page:
    """Raises ``Unknown``, with the nearest code."""
    found = pages().get(code.strip().strip("[]").lower())
    if found is None:
        near = nearest(code, pages())
        raise Unknown(kind="code", name=code, hint=Said(f". {near}", f"。{near.zh}") if near else "")
    return found


def lessons() -> Path:
    """The folder with the project that the examples change: it has no fault itself."""
    return shipped_root() / "lessons"
