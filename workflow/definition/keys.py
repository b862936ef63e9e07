"""Every key of a flow file in both languages, and the way from one to the other.

A key has one English name, which is canonical, and one Chinese alias; a file may use either, or both side by side. What a
file *means* does not depend on the language of its keys: they are put into English before anything looks at them, so the
digest is the same. Codes and values are not keys and stay as they are: ``职务: {secretary: {名称: 书记}}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from workflow.definition.model import Chain, Flow, NodeSet, Step
from workflow.definition.positions import Path, Place, Positions
from workflow.definition.problem import Problem, Said, shown

CHINESE: Mapping[str, str] = {
    # the head
    "flow": "流程",
    "version": "版本",
    "title": "名称",
    "timezone": "时区",
    "calendar": "日历",
    "calendars": "单位日历",
    "levels": "层级",
    "label": "标签",
    "titles": "代码名称",
    "liability": "责任声明",
    "nodes": "节点表",
    "categories": "类别",
    "watch-class": "关注类别",
    "posts": "职务",
    "bodies": "会议机构",
    "materials": "材料",
    "chains": "签字链",
    "ladder": "督办",
    "stages": "阶段",
    "reports": "应报",
    "obligations": "定期应报",
    "overlays": "下级加严",
    "counters": "累计计次",
    "quiet": "免打扰",
    "meant": "有意如此",
    "burden": "减负",
    "persons": "人次",
    "colour": "颜色",
    # texts, spans, nodes
    "zh": "中文",
    "en": "英文",
    "in-force": "生效日",
    "on": "日期",
    "reading": "读法",
    # posts and fields
    "may": "可办",
    "first-responsible": "第一责任人",
    "backstop": "兜底",
    "type": "类型",
    "required": "必填",
    "max": "最大",
    "min": "最小",
    "choices": "选项",
    "choices-from": "选项来源",
    "personal": "个人信息",
    "own-words": "逐件说明",
    "line-of": "所属条目",
    "compiled": "汇总自",
    "covering": "逐条对应",
    "masked": "可隐去",
    "keep-lines": "保留编号",
    "and-lists": "连同清单",
    "delicate": "敏感信息",
    "purpose": "用途",
    "readers": "可查阅",
    "keep-for": "保存期限",
    "kind": "种类",
    "fields": "字段",
    "at-least": "至少",
    # places in a chain
    "post": "岗位",
    "of": "所属",
    "body": "机构",
    "decision": "会议研究",
    "recorded-by": "记录",
    "seal": "盖章",
    "minutes": "会议纪要",
    "in-person": "亲签",
    "within": "期限",
    "weight": "权重",
    "together": "并行",
    "in-turn": "依次",
    "need": "须达",
    "veto": "一票否决",
    "turnout": "参与率",
    "from": "自",
    "to": "至",
    "each": "每级",
    "at": "在",
    "needs": "须有",
    "steps": "环节",
    "requires": "签批须写",
    "return": "退回",
    "two-persons": "不得同一人",
    "apart": "须分离",
    "delegable": "可委托",
    "straight": "直送退回人",
    "override": "可越签",
    "suspend": "暂停办理",
    "wet-ink": "手写签名",
    "classified": "涉密",
    # dues
    "due": "时限",
    "also-due": "另有时限",
    "materials-for": "分类材料",
    "materials-at": "分级材料",
    "node": "节点",
    "set-by": "定期限者",
    "field": "字段名",
    "event": "事件",
    "before": "之前",
    "after": "之后",
    "ahead": "提前",
    "festival": "节日",
    "by": "由",
    "at-most": "至多",
    "not-after": "不晚于",
    "or-within": "逾节点期限",
    "extend": "延期",
    "pause": "中止计时",
    "starts": "另起计时",
    "times": "次数",
    "whole-days": "整日不计",
    "met-by": "以何满足",
    # stages
    "stage": "阶段名",
    "duty": "责任",
    "chain": "用链",
    "slots": "签位",
    "exits": "去向",
    "exit": "去向名",
    "gate": "门槛",
    "compare": "比对",
    "severity": "轻重字段",
    "with": "与之比对",
    "children": "下级",
    "prior": "前置",
    "assigned": "指派",
    "sole": "专人",
    "named-by": "提名职务",
    "opened": "所立事项",
    "everyone": "全部事项",
    "guards": "外部条件",
    "in": "已至阶段",
    "signers": "签字人",
    "notice": "公示",
    "content": "内容",
    "posted": "张贴",
    "for": "为期",
    "both-ends": "首尾",
    "channels": "公示方式",
    "objection": "异议",
    "close-out": "销号",
    "each-needs": "逐项须有",
    "list": "清单",
    "tally": "计票",
    "material": "材料名",
    "aware": "知情率",
    "dissatisfied": "不满意率",
    "ballot": "投票",
    "box": "票箱",
    "issuer": "发票人",
    "mode": "投票方式",
    "below": "人数不足",
    "by-choice": "可自选",
    "score": "评分",
    "assess": "综合评定",
    "sources": "评价方",
    "source": "某一方",
    "part": "分项",
    "parts": "评分项",
    "whole": "总数",
    "points": "分值",
    "methods": "评价方式",
    "evidence": "佐证",
    "floors": "底线",
    "holds": "须满足",
    "grades": "等次",
    "ties": "同分",
    "decimals": "小数位",
    "pass": "及格",
    "passed": "通过",
    "failed": "未通过",
    "zero": "零报告",
    "counts": "计入",
    "contradicted": "查实后立项",
    "enter": "进入",
    "not-by": "回避",
    "other-body-than": "另一单位",
    "looks-after": "联系单位",
    "checked": "抽查认定",
    "back": "退至",
    "one-by-one": "逐个",
    "new-round": "新一轮",
    "then": "其后",
    "tracking": "跟踪",
    "look-backs": "回头看",
    "early": "可提前",
    "longer": "延长跟踪",
    "dated": "须注日期",
    "held": "巩固",
    "rebound": "反弹",
    "class": "分类",
    "final": "终结",
    "lead": "包抓人",
    "opens": "立项",
    "at-level": "立项层级",
    "unit-by": "单位字段",
    "exit-by": "去向字段",
    "reverses": "撤销计入",
    "claims": "申报为",
    "first": "限前几名",
    "while": "以累计为据",
    # counts of persons
    "person": "人员字段",
    "held-on": "进行日期",
    "held-by": "主持人",
    "sitting": "同一次",
    "period": "累计期间",
    "propose": "建议流程",
    # ladders
    "do": "措施",
    "item": "启动流程",
    "whom": "针对",
    # what is owed again and again
    "owed-by": "应报单位",
    "excused": "免报范围",
    "units": "所列单位",
    "reason": "理由",
    "every": "周期",
    "until": "止于",
    "under": "限于",
    "extra-steps": "可增环节",
    # overlays
    "overlay": "加严",
    "over": "所依",
}
ENGLISH: Mapping[str, str] = {zh: en for en, zh in CHINESE.items()}

# Keys that only a short form has; the model knows what they are written out to.
_SHORT: Mapping[type[BaseModel], tuple[str, ...]] = {Step: ("decision", "recorded-by", "seal")}
# A map whose own keys are codes beside the keys of the model: ``{in-force: 2019-08-01, plan: 2019-08-31}``.
_MIXED: Mapping[type[BaseModel], str] = {NodeSet: "nodes"}
# A list stands for one field: ``within-level: [handler, secretary]``.
_LISTED: Mapping[type[BaseModel], str] = {Chain: "steps"}


def bare(annotation: Any) -> Any:
    """A type without its annotations and without ``None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif type(None) in get_args(annotation):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The English keys that a file may write for a model, those of its short forms too."""
    return (*(f.alias or n for n, f in model.model_fields.items()), *_SHORT.get(model, ()))


def type_of(model: type[BaseModel], key: str) -> Any:
    return next((bare(f.annotation) for f in model.model_fields.values() if f.alias == key), None)


def _below(value: Any, annotation: Any) -> Iterator[tuple[str | int, Any, Any, bool]]:
    """Every entry of a value: its key or index, itself, its type, and whether its key is a key of the format."""
    annotation = bare(annotation)
    if isinstance(value, dict):
        if get_origin(annotation) is tuple:  # one entry stands for a list of one
            annotation = bare(get_args(annotation)[0])
        if get_origin(annotation) is dict:
            yield from ((k, v, get_args(annotation)[1], False) for k, v in value.items())
        elif is_model(annotation):
            known = keys_of(annotation)
            mixed = _MIXED.get(annotation)
            rest = get_args(type_of(annotation, mixed))[1] if mixed else None
            for key, below in value.items():
                name = ENGLISH.get(key, key)
                if name in known:
                    yield key, below, type_of(annotation, name), True
                else:
                    yield key, below, rest, False
    elif isinstance(value, list):
        if is_model(annotation) and annotation in _LISTED:
            annotation = type_of(annotation, _LISTED[annotation])
        inner = get_args(annotation)[0] if get_origin(annotation) is tuple else None
        yield from ((n, v, inner, False) for n, v in enumerate(value))


@dataclass
class Translated:
    """Data with every key in English. By their paths in the file: ``ours``, the keys of the format with their English
    names; ``renamed``, those among them that the file writes in Chinese; ``twice``, those in both languages."""

    data: Any = None
    ours: dict[Path, str] = field(default_factory=dict)
    renamed: dict[Path, str] = field(default_factory=dict)
    twice: list[tuple[Path, str]] = field(default_factory=list)

    def path(self, path: Path) -> Path:
        """A path of the file as a path of the data."""
        return tuple(self.renamed.get(path[: n + 1], part) for n, part in enumerate(path))


def translate(data: Any, root: type[BaseModel] = Flow) -> Translated:
    """A file's data with every key in English; a key that stands there in both languages counts once."""
    done = Translated()
    done.data = _english(data, root, (), done)
    return done


def _english(value: Any, annotation: Any, path: Path, done: Translated) -> Any:
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        entries = list(_below(value, annotation))
        if not entries:
            return value
        for key, below, inner, ours in entries:
            at = (*path, key)
            name = ENGLISH.get(str(key), str(key)) if ours else str(key)
            if ours:
                done.ours[at] = name
            if name != key:
                if name in out or name in value:
                    done.twice.append((at, name))
                    continue
                done.renamed[at] = name
            out[name] = _english(below, inner, at, done)
        return out
    if isinstance(value, list):
        return [_english(below, inner, (*path, key), done) for key, below, inner, _ in _below(value, annotation)]
    return value


def in_english(
    data: Any, positions: Positions, root: type[BaseModel] = Flow
) -> tuple[Positions, list[Problem], Translated]:
    """A reading with every key in English: its positions, with their ``data``, and keys that stand there twice."""
    done = translate(data, root)
    problems = []
    for path, name in done.twice:
        message = Said(
            f"the key {shown(path[-1])} is {name}, which stands here too",
            f"键 {shown(path[-1])} 即 {name},此处已有",
        )
        place = positions.keys.get(path, (1, 1))
        problems.append(positions.problem("duplicate-key", place, message, Said("each key once", "每个键只写一次")))
    lost = {path for path, _ in done.twice}

    def moved(table: Mapping[Path, Place]) -> dict[Path, Place]:
        return {done.path(p): place for p, place in table.items() if not any(p[: n + 1] in lost for n in range(len(p)))}

    table = Positions(positions.file, positions.lines, moved(positions.keys), moved(positions.values), done.data)
    return table, problems, done


def written_in_chinese(positions: Positions) -> bool:
    """Whether any key could be a Chinese alias; spares the walk where none is."""
    return any(path[-1] in ENGLISH for path in positions.keys)
