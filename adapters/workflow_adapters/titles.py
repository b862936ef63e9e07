"""What a flow calls its parts, for people: codes are for programs."""

from __future__ import annotations

import re

from workflow.definition.definition import Definition
from workflow.definition.model import FieldSpec
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
CLASSES = {  # of items
    "register": ("名册", "register"),
    "watch": ("关注", "watch"),
    "unannounced": ("不打招呼", "unannounced"),
    "carried-out": ("已实施", "carried out"),
}
TYPES = {  # of a field that is written short, such as ``unit: unit``
    "text": ("文字", "text"),
    "integer": ("数量", "number"),
    "date": ("日期", "date"),
    "choice": ("选项", "choice"),
    "boolean": ("是否", "yes or no"),
    "decimal": ("数值", "figure"),
    "unit": ("单位", "unit"),
    "person": ("人员", "person"),
    "digest": ("材料摘要", "digest"),
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


def code(definition: Definition, name: str, lang: Language) -> str:
    """A code that has no title of its own, as ``titles`` of the flow call it: a node, a claim, a choice, a way out."""
    title = definition.flow.titles.get(name)
    return title.get(lang) if title is not None else name


def field(definition: Definition, name: str, spec: FieldSpec, lang: Language) -> str:
    """A field of a document: by its own title, by that of its code, or by what it takes where it has neither."""
    if spec.title is not None:
        return spec.title.get(lang)
    if name in definition.flow.titles or name != spec.type:
        return code(definition, name, lang)
    return TYPES[spec.type][lang == "en"]


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
    return code(definition, own, lang)


def obligation(definition: Definition, name: str, lang: Language) -> str:
    """A report that is owed again and again: nothing where it has no title and the flow asks for no other."""
    known = name in definition.flow.titles or len(definition.flow.obligations) > 1
    return code(definition, name, lang) if known else ""
