"""A flow as SVG, without any other program: stages one below the other, ways on in lanes to the right, ways back to the left.

Every way out is a row of its stage, so that no label ever lies on a line or on another; all ways to one stage share a
lane, in that stage's colour. The way to the stage just below is a short arrow. Widths are reckoned: a Chinese character
is one em, others a little more than half.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from html import escape

from workflow.drawing.picture import Box, Picture, Way

WIDTH = 560  # of a box
LANE = 16
GAP = 34  # between boxes
PAD = 12
TITLE, TEXT = 16, 12.5
LEADING = 18
FONT = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','Microsoft YaHei','PingFang SC','WenQuanYi Micro Hei',sans-serif"
COLOURS = ("#1b6ca8", "#b3541e", "#2e7d32", "#7b3fa0", "#a8326b", "#00796b", "#8a6d00", "#455a94", "#c0392b", "#5d4037")
_INK = {
    "duty": "#333",
    "chain": "#1f3d5c",
    "due": "#a02020",
    "rule": "#555",
    "done": "#2e7d32",
    "open": "#a02020",
    "waiting": "#888",
}
_FILL = {"": ("#ffffff", "#9aa5b1", 1.2), "past": ("#eef7ee", "#2e7d32", 1.6), "now": ("#fff6e0", "#d07000", 2.8)}


@dataclass
class _Placed:
    """A box with its place, and the heights of its rows."""

    box: Box
    y: float
    height: float
    rows: dict[int, float] = field(default_factory=dict)  # way -> y
    texts: list[tuple[float, str, str]] = field(default_factory=list)


def width_of(text: str, size: float) -> float:
    """How wide a text is, about, in pixels."""
    return sum(size if unicodedata.east_asian_width(c) in "WF" else size * 0.56 for c in text)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """A text in lines no wider than that: broken at spaces, Chinese anywhere."""
    lines, line, used = [], "", 0.0
    for piece in _pieces(text):
        wide = width_of(piece, size)
        if line.strip() and used + wide > width:
            lines.append(line.rstrip())
            line, used = "    ", width_of("    ", size)
            piece = piece.lstrip()
        line += piece
        used += wide
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    out: list[str] = []
    for c in text:
        joins = out and not _wide(c) and not _wide(out[-1][-1]) and not out[-1].endswith(" ")
        if joins:
            out[-1] += c
        else:
            out.append(c)
    return out


def _wide(c: str) -> bool:
    return unicodedata.east_asian_width(c) in "WF"


def svg(picture: Picture) -> str:
    """The picture as one SVG document."""
    number = {box.code: n for n, box in enumerate(picture.boxes)}
    colour = {box.code: COLOURS[n % len(COLOURS)] for n, box in enumerate(picture.boxes)}
    right, left = _lanes(picture, number)
    x = 40 + LANE * (max(left.values(), default=-1) + 1)
    y = 84.0
    placed: list[_Placed] = []
    for n, box in enumerate(picture.boxes):
        one = _place(picture, box, n, number, y)
        placed.append(one)
        y += one.height + GAP
    edge = x + WIDTH
    side = edge + 36 + LANE * (max(right.values(), default=-1) + 1)
    out = [*_lines(picture, placed, number, colour, right, left, x)]
    out += [part for n, one in enumerate(placed) for part in _drawn(picture, one, n, number, colour, x)]
    ladder, tall, wide = _ladders(picture, side, 84.0)
    out += ladder
    width, height = side + wide + 24, max(y, 84 + tall + 20)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" role="img">',
        f"<title>{escape(picture.title)}</title>",
        '<rect width="100%" height="100%" fill="#fbfcfd"/>',
        _text(x, 38, picture.title, 22, "#111", bold=True),
        _text(x, 60, picture.subtitle, TEXT, "#666"),
    ]
    return "\n".join([*head, *out, "</svg>"]) + "\n"


def _lanes(picture: Picture, number: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """For each stage the lane in which ways from above (right) and from below (left) come; the shortest lie innermost."""
    spans: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]] = ({}, {})
    for n, box in enumerate(picture.boxes):
        for way in box.ways:
            to = number[way.to]
            if to == n + 1:
                continue
            held = spans[to <= n].get(way.to, (n, n))
            spans[to <= n][way.to] = (min(held[0], n, to), max(held[1], n, to))
    return _packed(spans[0]), _packed(spans[1])


def _packed(spans: dict[str, tuple[int, int]]) -> dict[str, int]:
    lanes: list[list[tuple[int, int]]] = []
    found: dict[str, int] = {}
    for name, span in sorted(spans.items(), key=lambda kv: (kv[1][1] - kv[1][0], kv[1])):
        free = (n for n, held in enumerate(lanes) if all(span[1] < a or span[0] > b for a, b in held))
        lane = next(free, len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append(span)
        found[name] = lane
    return found


def _place(picture: Picture, box: Box, n: int, number: dict[str, int], y: float) -> _Placed:
    one = _Placed(box, y, 0)
    at = y + PAD + TITLE + 2
    if box.note:
        at += LEADING
        one.texts.append((at, "past" if box.state == "past" else "open", box.note))
    for line in box.lines:
        for part in wrapped(line.text, TEXT, WIDTH - 2 * PAD):
            at += LEADING
            one.texts.append((at, line.kind, part))
    back = [i for i, way in enumerate(box.ways) if number[way.to] <= n]
    ahead = [i for i in range(len(box.ways)) if i not in back]
    at += 5 if box.ways else 0
    for k in range(max(len(back), len(ahead))):
        at += LEADING
        for some in (back, ahead):
            if k < len(some):
                one.rows[some[k]] = at
    one.height = at - y + PAD
    return one


def _drawn(
    picture: Picture, one: _Placed, n: int, number: dict[str, int], colour: dict[str, str], x: float
) -> list[str]:
    box, y = one.box, one.y
    fill, stroke, thick = _FILL[box.state]
    stroke = stroke if box.state else colour[box.code]
    radius = 18 if box.final else 6
    out = [
        f'<g id="stage-{escape(box.code)}">',
        f'<rect x="{x}" y="{y:.1f}" width="{WIDTH}" height="{one.height:.1f}" rx="{radius}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="{thick}"/>',
        _text(x + PAD, y + PAD + TITLE - 2, box.title, TITLE, colour[box.code], bold=True),
    ]
    if box.title != box.code:
        out.append(_text(x + WIDTH - PAD, y + PAD + TITLE - 3, box.code, 11, "#888", anchor="end"))
    out += [_text(x + PAD, at, text, TEXT, _INK.get(kind, "#2e7d32")) for at, kind, text in one.texts]
    titles = {b.code: b.title for b in picture.boxes}
    for i, way in enumerate(box.ways):
        out.append(_row(way, one.rows[i], number[way.to] <= n, titles[way.to], colour[way.to], x))
    return [*out, "</g>"]


def _row(way: Way, y: float, back: bool, title: str, colour: str, x: float) -> str:
    times = f" ×{way.taken}" if way.taken > 1 else ""
    bold = way.taken > 0
    if back:
        return _text(x + PAD + 4, y, f"◂ {title} · {way.name}{times}", TEXT, colour, bold=bold)
    return _text(x + WIDTH - PAD - 4, y, f"{way.name}{times} · {title} ▸", TEXT, colour, anchor="end", bold=bold)


def _lines(
    picture: Picture,
    placed: list[_Placed],
    number: dict[str, int],
    colour: dict[str, str],
    right: dict[str, int],
    left: dict[str, int],
    x: float,
) -> list[str]:
    """The lanes: from each row of a way out along the lane of its target, and into the target's side."""
    out: list[str] = []
    for n, one in enumerate(placed):
        for i, way in enumerate(one.box.ways):
            to, y = placed[number[way.to]], one.rows[i] - 4
            style = f'fill="none" stroke="{colour[way.to]}" stroke-width="{2.6 if way.taken else 1.5}"'
            style += ' stroke-dasharray="5 4"' if way.limit else ""
            if number[way.to] == n + 1:
                bottom, top = one.y + one.height, to.y
                mid = x + WIDTH - 60
                out.append(
                    f'<path d="M{x + WIDTH - 2:.1f} {y:.1f} h8 V{(bottom + top) / 2:.1f} H{mid} V{top - 7:.1f}" {style}/>'
                )
                out.append(_head(mid, top, "down", colour[way.to]))
                continue
            back = number[way.to] <= n
            side = x if back else x + WIDTH
            lane = x - 18 - LANE * left[way.to] if back else x + WIDTH + 18 + LANE * right[way.to]
            enter = to.y + PAD + 8
            gap = 8 if not back else -8
            out.append(
                f'<path d="M{side:.1f} {y:.1f} H{lane:.1f} V{enter:.1f} H{side + gap:.1f}" {style} stroke-linejoin="round"/>'
            )
            out.append(_head(side, enter, "right" if back else "left", colour[way.to]))
    return out


def _head(x: float, y: float, way: str, colour: str) -> str:
    points = {
        "down": f"{x - 5},{y - 9} {x + 5},{y - 9} {x},{y}",
        "left": f"{x + 9},{y - 5} {x + 9},{y + 5} {x},{y}",
        "right": f"{x - 9},{y - 5} {x - 9},{y + 5} {x},{y}",
    }[way]
    return f'<polygon points="{points}" fill="{colour}"/>'


def _ladders(picture: Picture, x: float, y: float) -> tuple[list[str], float, float]:
    """The ladders as tables at the side: one rung below the other, as they climb."""
    if not picture.ladders:
        return [], 0, 0
    zh, wide = picture.lang == "zh", 380
    out, at = (
        [
            _text(
                x,
                y + 4,
                "督办措施(逾期逐级上升)" if zh else "Ladders (what climbs when a due is missed)",
                14,
                "#a02020",
                bold=True,
            )
        ],
        y + 14,
    )
    for name, rungs in picture.ladders.items():
        lines = [wrapped(f"{n}. {rung}", TEXT, wide - 2 * PAD) for n, rung in enumerate(rungs, start=1)]
        height = 30 + LEADING * sum(len(part) for part in lines) + PAD
        out.append(f'<rect x="{x}" y="{at}" width="{wide}" height="{height}" rx="6" fill="#fff" stroke="#d8a0a0"/>')
        out.append(_text(x + PAD, at + 22, f"▲ {name}", 13, "#a02020", bold=True))
        line_y = at + 26.0
        for part in lines:
            for text in part:
                line_y += LEADING
                out.append(_text(x + PAD, line_y, text, TEXT, "#333"))
        at += height + 14
    return out, at - y, wide


def _text(x: float, y: float, text: str, size: float, colour: str, *, anchor: str = "start", bold: bool = False) -> str:
    more = (f' text-anchor="{anchor}"' if anchor != "start" else "") + (' font-weight="bold"' if bold else "")
    kept = text.replace("  ", "\u00a0\u00a0")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{more}>{escape(kept)}</text>'
