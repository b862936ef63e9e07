"""The picture of an item's progress: the stages behind it in order, the one it is in, and the usual way on."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from workflow.case import Case
    from workflow.definition.definition import Definition
    from workflow_adapters.web.visit import Looking

A_ROW, WIDE, HIGH, GAP = 6, 132, 46, 26


def progress(see: Looking, definition: Definition, case: Case, stays: list[dict[str, Any]]) -> Markup:
    """An SVG without styles or scripts; the sheet colours it by class. The same is said in words in the list of stays."""
    been = {s["stage"]: s for s in stays}
    codes = list(dict.fromkeys([*(s["stage"] for s in stays if s["stage"] != case.stage), case.stage]))
    codes += _ahead(definition, case.stage, codes, case.outcome)
    stages = [definition.stage(code) for code in codes]
    rows = (len(stages) + A_ROW - 1) // A_ROW
    wide = min(len(stages), A_ROW) * (WIDE + GAP) - GAP + 8
    high = rows * (HIGH + GAP) - GAP + 8
    said = see.visit.say("办理进度", "progress")
    out = [f'<svg class="progress" width="{wide}" viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(said)}">']
    for n, stage in enumerate(stages):
        row, column = divmod(n, A_ROW)
        x, y = 4 + column * (WIDE + GAP), 4 + row * (HIGH + GAP)
        here = "here over" if case.final else "here"
        kind = here if stage.stage == case.stage else "been" if stage.stage in been else "ahead"
        if n and column:
            out.append(f'<path class="line" d="M{x - GAP} {y + HIGH // 2}h{GAP - 5}m-5 -4l5 4l-5 4"/>')
        title = see.stage(definition.digest, stage.stage)
        out.append(f'<g class="{kind}"><rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6"/>')
        out.append(f'<text x="{x + WIDE // 2}" y="{y + 20}">{escape(_short(title))}</text>')
        entered = been.get(stage.stage)
        if entered is not None:
            when = see.when(entered["entered_at"], day=True)
            again = f" ({entered['round']})" if entered["round"] > 1 else ""
            out.append(f'<text class="small" x="{x + WIDE // 2}" y="{y + 37}">{when}{again}</text>')
        out.append("</g>")
    out.append("</svg>")
    return Markup("".join(out))


def _ahead(definition: Definition, stage: str, behind: list[str], outcome: str = "") -> list[str]:
    """The usual way on: the way out that is proposed, then always the one that leads through most. Side ways are not
    drawn."""
    exits = definition.stage(stage).exits
    onward = [exits[outcome].to] if outcome in exits else list(dict.fromkeys(e.to for e in exits.values()))
    found = [[to, *_straight(definition, to, [*behind, to])] for to in onward if to not in behind]
    if not found:
        return []
    first = max(found, key=len)[0]
    return [first, *_ahead(definition, first, [*behind, first])]


def _straight(definition: Definition, stage: str, behind: list[str]) -> list[str]:
    """Where the first way out that leads somewhere new leads to, and so on."""
    onward = (e.to for e in definition.stage(stage).exits.values())
    to = next((to for to in onward if to not in behind), "")
    return [to, *_straight(definition, to, [*behind, to])] if to else []


def _short(title: str) -> str:
    """A title that fits its box; a Chinese character is about two letters wide."""
    room, kept = 16, ""
    for character in title:
        room -= 2 if ord(character) > 0x2E7F else 1
        if room < 0:
            return kept + "…"
        kept += character
    return kept
