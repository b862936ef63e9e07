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
ACTS: dict[str, tuple[str, str]] = {  # every kind of act by what a person calls it: (Chinese, English)
    "sign": ("签字", "sign"),
    "accept": ("验收", "accept"),
    "close-out": ("销号", "close out"),
    "decide": ("会议决定", "record a decision"),
    "look-back": ("回访", "look back"),
    "return": ("退回", "send back"),
    "withdraw": ("撤回", "withdraw"),
    "reopen": ("重新列入", "reopen"),
    "submit": ("填报", "hand in"),
    "urge": ("催办", "urge"),
    "report-zero": ("零报告", "report zero"),
    "record-tally": ("计票", "record the tally"),
    "open-ballot": ("开启投票", "open the ballot"),
    "add-signer": ("加签", "add a signer"),
    "remove-signer": ("减签", "remove a signer"),
    "transfer": ("转办", "transfer"),
    "delegate": ("委派", "delegate"),
    "recall": ("收回委派", "recall"),
    "hand-over": ("工作交接", "hand over"),
    "ask-override": ("提请越过", "ask to pass over"),
    "override": ("越过", "pass over"),
    "suspend": ("挂起", "suspend"),
    "activate": ("激活", "activate"),
    "copy": ("抄送", "send a copy"),
    "view": ("查看", "view"),
    "migrate": ("迁移版本", "move to another version"),
    "extend": ("延期", "extend"),
    "pause": ("中止计时", "pause the clock"),
    "resume": ("恢复计时", "resume the clock"),
    "name-lead": ("确定包抓责任人", "name the lead"),
    "close-line": ("台账销号", "close a line"),
    "post-notice": ("公示", "post a notice"),
    "objection": ("提出异议", "object"),
    "adopt-nodes": ("采用新节点", "adopt later nodes"),
    "exempt": ("免报", "exempt"),
    "supplement": ("补报", "supplement"),
    "contradict": ("以核查推翻", "contradict"),
    "reverse": ("撤销计次", "take off the count"),
    "record-check": ("登记核查", "record a check"),
    "open": ("立项", "open"),
    "fire": ("触发督办", "fire a rung"),
    "move-item": ("随机构变动转移", "move with its unit"),
    "reproject-due": ("重新推算时限", "count a date again"),
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
