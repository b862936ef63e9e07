"""``workflow explain``: a page as text, with what the linter says of its bad example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from workflow.definition.load import examine
from workflow.definition.problem import Problem, render, shown
from workflow.definition.source import read
from workflow.errors import Language
from workflow.lint.book import lessons, page, pages
from workflow.lint.pages.page import MARK, REST, Page

_LONG = 400  # characters of an example that are shown


def listing(lang: Language) -> Iterator[str]:
    """Every code with the first sentence of its page, one a line."""
    width = max(map(len, pages())) + 2
    for code, each in sorted(pages().items()):
        said = each.get(lang)
        end = "。" if lang == "zh" else ". "
        yield f"{code:{width}}{said.split(end)[0].rstrip('.')}"


def explanation(code: str, lang: Language) -> Iterator[str]:
    """The page of a code. Raises ``Unknown``, with the nearest code."""
    each = page(code)
    zh = lang == "zh"
    yield f"{each.code}"
    yield ""
    yield f"  {each.get(lang)}"
    if not each.good and not each.bad:
        return
    yield ""
    yield "  有误:" if zh else "  with the fault:"
    yield from _example(
        each.bad.decode("utf-8", "replace") if isinstance(each.bad, bytes) else each.bad.replace(MARK, ""), zh
    )
    found = _found(each)
    if found is not None:
        yield from (
            f"    {line}" for line in render(found, lang).splitlines()[: 1 if len(found.line_text) > 100 else None]
        )
    yield ""
    yield "  正确:" if zh else "  without it:"
    yield from _example(each.good.removesuffix(REST), zh)


def _example(text: str, zh: bool) -> Iterator[str]:
    if not text.strip("\n"):
        yield "    | (没有这一行)" if zh else "    | (no such line)"
    for line in text[:_LONG].strip("\n").split("\n")[:12]:
        yield f"    | {shown(line, 150)}"


def _found(each: Page) -> Problem | None:
    """What the linter says of the bad example, where one file is enough to say it."""
    if each.base not in ("", "hazard.yaml", "report.yaml", "weekly.yaml"):
        return None
    raw, _ = each.broken((lessons() / each.base).read_text(encoding="utf-8") if each.base else "")
    name = each.base or "example.yaml"
    problems = examine(raw, str(lessons() / name)).problems if each.base else read(raw, name).problems
    found = next((p for p in problems if p.code == each.code), None)
    return None if found is None else replace(found, file=name)  # where the example lies on this machine is no news
