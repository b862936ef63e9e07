"""A flow as text that other programs draw: Mermaid for pages and tickets, DOT for Graphviz."""

from __future__ import annotations

from workflow.drawing.picture import Box, Picture


def mermaid(picture: Picture) -> str:
    """A Mermaid flowchart; ladders are boxes of their own beside it."""
    wide = "config: {flowchart: {wrappingWidth: 480}}"  # or every line of a box is broken after twelve characters
    out = ["---", f"title: {_yaml(picture.title)}", wide, "---", "flowchart TD"]
    names = {box.code: f"s{n}" for n, box in enumerate(picture.boxes)}
    for box in picture.boxes:
        label = "<br/>".join(_mermaid(t) for t in _label(box))
        shape = ('(["', '"])') if box.final else ('["', '"]')
        out.append(f"  {names[box.code]}{shape[0]}{label}{shape[1]}" + (f":::{box.state}" if box.state else ""))
    for box in picture.boxes:
        for way in box.ways:
            arrow = "-.->" if way.limit else "==>" if way.taken else "-->"
            out.append(f'  {names[box.code]} {arrow}|"{_mermaid(way.name)}"| {names[way.to]}')
    for n, (name, rungs) in enumerate(picture.ladders.items()):
        label = "<br/>".join(_mermaid(t) for t in (f"▲ {name}", *rungs))
        out.append(f'  l{n}["{label}"]:::ladder')
    out += [
        "  classDef past fill:#eef7ee,stroke:#2e7d32",
        "  classDef now fill:#fff6e0,stroke:#d07000,stroke-width:3px",
        "  classDef ladder fill:#fff,stroke:#d8a0a0,text-align:left",
    ]
    return "\n".join(out) + "\n"


def dot(picture: Picture) -> str:
    """A Graphviz digraph; ladders are notes of their own beside it."""
    out = [
        "digraph flow {",
        f"  label={_dot(picture.title)}; labelloc=t; rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Noto Sans CJK SC"];',
        '  edge [fontname="Noto Sans CJK SC", fontsize=10];',
    ]
    fill = {"": "white", "past": "#eef7ee", "now": "#fff6e0"}
    for box in picture.boxes:
        label = "\\l".join(_escaped(t) for t in _label(box)) + "\\l"
        more = ", shape=oval" if box.final else ""
        out.append(f'  {_dot(box.code)} [label="{label}", fillcolor="{fill[box.state]}"{more}];')
    for box in picture.boxes:
        for way in box.ways:
            style = ", style=dashed" if way.limit else ", penwidth=2.5" if way.taken else ""
            out.append(f"  {_dot(box.code)} -> {_dot(way.to)} [label={_dot(way.name)}{style}];")
    for name, rungs in picture.ladders.items():
        label = "\\l".join(_escaped(t) for t in (f"▲ {name}", *rungs)) + "\\l"
        out.append(f'  {_dot("ladder " + name)} [label="{label}", shape=note, color="#d8a0a0"];')
    return "\n".join([*out, "}"]) + "\n"


def _label(box: Box) -> list[str]:
    return [box.title, *([box.note] if box.note else []), *(line.text for line in box.lines)]


def _mermaid(text: str) -> str:
    for char, code in (("&", "&amp;"), ('"', "#quot;"), ("<", "&lt;"), (">", "&gt;"), ("|", "#124;")):
        text = text.replace(char, code)
    return text


def _yaml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _dot(text: str) -> str:
    return f'"{_escaped(text)}"'
