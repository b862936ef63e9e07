"""What a flow calls its parts, for people: codes are for programs."""

from __future__ import annotations

import re

from workflow.definition.definition import Definition
from workflow.errors import Language, Unknown

OWN = {  # the ends of rules that the engine names itself
    r"look-back-(\d+)": ("第 {} 次回头看", "look-back {}"),
    r"rework-(\d+)": ("第 {} 次返工", "rework {}"),
    r"suspend-(\d+)": ("第 {} 次挂起", "suspension {}"),
    r"pause-(\d+)": ("第 {} 次中止计时", "pause {}"),
    r"slot-(\d+)": ("第 {} 位起的一级", "the level from place {} on"),
    r"group(?:-in)*-(\d+)": ("第 {} 位起的一组", "the group from place {} on"),
    r"step-(\d+)": ("第 {} 位", "place {}"),
    r"owed": ("应报", "owed"),
    r"appointed": ("另定的日期", "the appointed date"),
}
STATES = {
    "DUE": ("未到期", "due"),
    "SUBMITTED": ("已报", "submitted"),
    "ZERO": ("零报告", "zero"),
    "LATE": ("迟报", "late"),
    "MISSING": ("应报未报", "missing"),
    "EXEMPT": ("免报", "exempt"),
    "SUPPLEMENTED": ("补报", "supplemented"),
    "CONTRADICTED": ("与事实不符", "contradicted"),
}
CLAIMS = {"rectified": ("已整改", "rectified")}  # what shipped flows let signers claim


def claim(name: str, lang: Language) -> str:
    """What signers claim of an item; a flow's own word where it is none of the usual ones."""
    return CLAIMS.get(name, (name, name))[lang == "en"]


def stage(definition: Definition, name: str, lang: Language) -> str:
    title = definition.stage(name).title
    return title.get(lang) if title else name


def rule(definition: Definition, name: str, lang: Language) -> str:
    """A due by the title of its stage, and which one it is where a stage has several: ``销号 · 第 1 次回头看``."""
    where, _, rest = name.partition("/")
    own, _, times = rest.partition("/")[2].partition("/")
    try:
        title = stage(definition, where, lang)
    except (Unknown, KeyError):
        return name
    if own.isdigit() and not times:  # the same clock, started again
        own, times = "", own
    said = f"{title} · {_own(definition, own, lang)}" if own else title
    return f"{said} ({times})" if times else said


def _own(definition: Definition, own: str, lang: Language) -> str:
    for pattern, words in OWN.items():
        if found := re.fullmatch(pattern, own):
            return words[lang == "en"].format(*found.groups())
    return node(definition, own, lang)


def node(definition: Definition, name: str, lang: Language) -> str:
    """A dated node of the campaign, as its newest set calls it."""
    for nodes in reversed(definition.flow.nodes.values()):
        if name in nodes.nodes and (title := nodes.nodes[name].title) is not None:
            return title.get(lang)
    return name


def obligation(definition: Definition, name: str, lang: Language) -> str:
    """A report that is owed again and again: its own title where it has one, and none where the flow asks for one only."""
    title = definition.flow.obligations[name].title
    if title is not None:
        return title.get(lang)
    return name if len(definition.flow.obligations) > 1 else ""
