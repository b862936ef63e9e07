"""From a flow file to a definition in force, or to every fault in it, each with its place.

Three passes: the text (source.py), the shape (model.py, its complaints said in plain words here), the sense
(check.py). A pass that fails ends the reading; all faults of that pass and of those before it are told together.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workflow.definition.check import check, check_project
from workflow.definition.definition import Definition
from workflow.definition.grammar import MAX_BYTES
from workflow.definition.keys import CHINESE, bare, in_english, keys_of, written_in_chinese
from workflow.definition.model import Flow
from workflow.definition.positions import Positions
from workflow.definition.problem import NOTHING, Problem, Said, nearest, render, shown
from workflow.definition.quota import quota_key
from workflow.definition.source import MAX_PROBLEMS, Source, read
from workflow.errors import DefinitionInvalid, NotCanonical, why_not


@dataclass(frozen=True)
class Examined:
    """What a reading found: the definition where there is no error, the flow where it has at least its shape. ``meant``:
    the warnings that were left out because the flow says why they are as they should be."""

    problems: tuple[Problem, ...]
    positions: Positions
    flow: Flow | None = None
    definition: Definition | None = None
    meant: frozenset[str] = frozenset()

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")


_KEPT = 128
_compiled: dict[bytes, Definition] = {}
_lock = threading.Lock()


def load(path: str | Path) -> Definition:
    """The definition in a file. The same bytes are compiled once in a process.

    Raises:
        DefinitionInvalid: with every error in file order. Warnings do not raise; ``check_file`` gives them.
    """
    raw = bytes_of(Path(path))
    if not isinstance(raw, bytes):
        _refuse(str(path), (raw,))
    return _load(raw, str(path))


def loads(text: str, file: str = "<text>") -> Definition:
    """The definition in a text; ``file`` is the name that problems are told under. Raises ``DefinitionInvalid``."""
    return _load(text.encode("utf-8", "surrogatepass"), file)


def check_file(path: str | Path) -> list[Problem]:
    """Every error and warning of a file, in file order. Never raises for what stands in the file."""
    raw = bytes_of(Path(path))
    return list(examine(raw, str(path)).problems) if isinstance(raw, bytes) else [raw]


def check_files(paths: Iterable[str | Path]) -> list[Problem]:
    """Every error and warning of several files that stand together, and of what one of them says about another."""
    problems: list[Problem] = []
    flows: list[tuple[Flow, Positions]] = []
    for path in paths:
        raw = bytes_of(Path(path))
        if not isinstance(raw, bytes):
            problems.append(raw)
            continue
        found = examine(raw, str(path))
        problems += found.problems
        if found.flow is not None:
            flows.append((found.flow, found.positions))
    return problems + check_project(flows)


def examine(raw: bytes, file: str = "<text>") -> Examined:
    """Read the bytes of a flow file as far as they can be read."""
    source = _in_english(read(raw, file))
    problems = list(source.problems)
    flow: Flow | None = None
    answered: frozenset[str] = frozenset()
    if isinstance(source.data, dict) and (source.data or not problems):
        try:
            flow = Flow.model_validate(source.data)
        except ValidationError as error:
            problems += shape_problems(error, source) or ([] if problems else [_unreadable(source)])
        else:
            found, answered = unmeant(flow, check(flow, source.positions))
            problems += found
    problems.sort(key=lambda p: (p.line, p.column))
    definition: Definition | None = None
    if flow is not None and not any(p.severity == "error" for p in problems):
        try:
            definition = Definition.of(flow)
        except NotCanonical as error:
            said = Said(error.text("en"), error.text("zh"))
            problems.insert(0, source.positions.problem("not-canonical", source.positions.at(), said))
    return Examined(tuple(problems), source.positions, flow, definition, answered)


def unmeant(flow: Flow, problems: Iterable[Problem]) -> tuple[list[Problem], frozenset[str]]:
    """Problems of a flow without the warnings that it means, and the codes of these."""
    kept, answered = [], set()
    for one in problems:
        if one.severity == "warning" and one.code in flow.meant:
            answered.add(one.code)
        else:
            kept.append(one)
    return kept, frozenset(answered)


def _in_english(source: Source) -> Source:
    """A reading whose keys are all in English, whatever the file writes."""
    if not written_in_chinese(source.positions):
        return source
    positions, problems, done = in_english(source.data, source.positions)
    bad = frozenset(done.path(path) for path in source.bad)
    return Source(positions.data, positions, (*source.problems, *problems), bad)


def _load(raw: bytes, file: str) -> Definition:
    key = sha256(raw).digest()
    known = _compiled.get(key)
    if known is not None:
        return known
    found = examine(raw, file)
    if found.definition is None:
        _refuse(file, found.errors)
    with _lock:
        while len(_compiled) >= _KEPT:
            del _compiled[next(iter(_compiled))]
        _compiled[key] = found.definition
    return found.definition


def _refuse(file: str, problems: Sequence[Problem]) -> NoReturn:
    listing = Said(*("\n".join(render(p, lang) for p in problems) for lang in ("en", "zh")))
    raise DefinitionInvalid(count=len(problems), file=file, listing=listing, problems=list(problems))


def bytes_of(path: Path) -> bytes | Problem:
    """A file's bytes, as many as a flow may have and one more; or why it cannot be read, with the nearest name there."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = why_not(error) if isinstance(error, OSError) else Said("not a usable path", "不是可用的路径")
        near = _nearest_file(path) if isinstance(error, FileNotFoundError) else NOTHING
        return Problem(
            "unreadable-file",
            str(path),
            1,
            1,
            Said(f"the file cannot be read: {why}", f"无法读取文件:{why.zh}"),
            hint=near or Said("check the path and the permissions", "请检查路径与权限"),
        )


def _nearest_file(path: Path) -> Said:
    """``did you mean ...?`` for a file of the same folder."""
    try:
        names = [p.name for p in path.parent.iterdir() if p.is_file()]
    except OSError:
        return NOTHING
    found = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return Said(f"did you mean {found[0]}?", f"是否应为 {found[0]}?") if found else NOTHING


def _unreadable(source: Source) -> Problem:
    return source.positions.problem("wrong-value", source.positions.at(), Said("not a definition", "不是流程定义"))


def shape_problems(error: ValidationError, source: Source, root: type[BaseModel] = Flow) -> list[Problem]:
    """The model's complaints in plain words. Those about values that the text pass refused already are left out, and
    one unreadable post (``{secretary: a, deputy: b}``) is one problem, not one for each key."""
    details = error.errors(include_url=False)
    no_post = {d["loc"][:-1] for d in details if d["type"] == "missing" and d["loc"][-1:] == ("post",)}
    problems: list[Problem] = []
    for detail in details:
        if len(problems) >= MAX_PROBLEMS:
            break
        loc = detail["loc"]
        path, _ = source.positions.resolve(loc)
        if any(path[:n] in source.bad for n in range(len(path) + 1)):
            continue
        if detail["type"] == "no_post":
            problems.append(_not_a_post(detail, source.positions, loc))
            continue
        if loc[:-1] in no_post:
            if detail["type"] == "missing":
                problems.append(_not_a_post(detail, source.positions, loc[:-1]))
            continue
        problems.append(_plain(detail, source.positions, root))
    return problems


def _plain(detail: ErrorDetails, positions: Positions, root: type[BaseModel]) -> Problem:
    kind, loc, value = detail["type"], detail["loc"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(loc, positions, root)
    if kind == "missing":
        name = str(loc[-1])
        return positions.problem(
            "missing-key",
            positions.key(*loc[:-1]) if len(loc) > 1 else positions.at(),
            Said(f"the key {name} is missing", f"缺少键 {name}"),
            Said(f"{name}: ...", f"{name}: …"),
        )
    place = positions.at(*loc)
    context = detail.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return _own_words(str(context.get("error", detail["msg"])), place, positions)
    if kind == "literal_error":
        options = [shown(o) for o in _options(loc, root)]
        listed = ", ".join(options) or str(context.get("expected", "")).replace("'", "")
        return positions.problem(
            "wrong-value",
            place,
            Said(f"{shown(value)} is not one of the values allowed here", f"{shown(value)} 不是此处允许的值"),
            Said(
                f"one of {listed}" if len(options) != 1 else listed, f"{listed} 之一" if len(options) != 1 else listed
            ),
            shown(value),
            nearest(value, options),
        )
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        words = {
            "greater_than_equal": ("at least", "不小于", "ge"),
            "less_than_equal": ("at most", "不大于", "le"),
            "greater_than": ("more than", "大于", "gt"),
            "less_than": ("less than", "小于", "lt"),
        }[kind]
        limit = context.get(words[2], "")
        return positions.problem(
            "out-of-range",
            place,
            Said(f"{shown(value)} is out of range", f"{shown(value)} 超出范围"),
            Said(f"{words[0]} {limit}", f"{words[1]} {limit}"),
            shown(value),
        )
    expected, hint = _TYPES.get(kind, (NOTHING, NOTHING))
    if kind in ("int_type", "bool_type") and isinstance(value, str):
        if value.isdecimal() or value in ("true", "false"):
            hint = Said("write it without quotes", "请勿加引号")
        elif value.lower() in ("yes", "no", "on", "off"):
            hint = Said("yes, no, on and off are texts here", "yes、no、on、off 在此为文本")
    if kind == "string_type" and isinstance(value, (int, bool)):
        hint = Said(f'put it in quotes: "{shown(value)}"', f'请加引号:"{shown(value)}"')
    if not expected:
        expected = Said("another value", "其他值")
    kinds = _kind_of(value)
    return positions.problem(
        "wrong-type",
        place,
        Said(f"expected {expected}; got {kinds}", f"应为 {expected.zh};实为 {kinds.zh}"),
        expected,
        shown(value),
        hint,
    )


_MAP = (Said("a map of keys and values", "“键: 值”"), Said("write key: value", "请写作 键: 值"))
_LIST = (
    Said("a list", "列表"),
    Said("write [a, b], or one entry a line with a dash", "请写作 [a, b],或每行以短横线开头"),
)
_TEXT = (Said("a text", "文本"), Said("put it in quotes", "请加引号"))
_TYPES: dict[str, tuple[Said, Said]] = {
    "string_type": _TEXT,
    "int_type": (Said("a whole number", "整数"), NOTHING),
    "bool_type": (Said("true or false", "true 或 false"), NOTHING),
    "dict_type": _MAP,
    "mapping_type": _MAP,
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "dict_attributes_type": _MAP,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "iterable_type": _LIST,
    "date_type": (Said("a date such as 2019-10-31", "日期,如 2019-10-31"), NOTHING),
}


def _kind_of(value: object) -> Said:
    """What sort of thing somebody wrote, with the thing itself where it is short."""
    if isinstance(value, bool):
        return Said(shown(value), shown(value))
    if isinstance(value, int):
        return Said(f"the number {shown(value)}", f"数字 {shown(value)}")
    if isinstance(value, str):
        return Said(f"the text {shown(value, 40)}", f"文本 {shown(value, 40)}")
    if isinstance(value, dict):
        return Said(f"a map {shown(value)}", f"“键: 值” {shown(value)}")
    if isinstance(value, (list, tuple)):
        return Said(f"a list {shown(value)}", f"列表 {shown(value)}")
    return Said("nothing", "空值")


def _not_a_post(detail: ErrorDetails, positions: Positions, loc: tuple[int | str, ...]) -> Problem:
    return positions.problem(
        "not-a-post",
        positions.at(*loc),
        Said("this does not name a post", "此处未指明职务"),
        Said("secretary, or {secretary: superior}", "secretary 或 {secretary: superior}"),
        shown(detail["input"]),
    )


def _unknown_key(loc: tuple[int | str, ...], positions: Positions, root: type[BaseModel]) -> Problem:
    name = str(loc[-1])
    place = positions.key(*loc)
    quota = quota_key(name, place, positions)
    if quota is not None:
        return quota
    model = _model_at(loc[:-1], root)
    known = list(keys_of(model)) if model is not None else []
    chinese = [CHINESE.get(k, k) for k in known]
    return positions.problem(
        "unknown-key",
        place,
        Said(f"unknown key {shown(name)}", f"未知的键 {shown(name)}"),
        Said(f"one of {', '.join(known)}", f"{'、'.join(chinese)} 之一") if known else NOTHING,
        shown(name),
        nearest(name, known if name.isascii() else chinese),
    )


# Our own validators' sentences: "expected ...; got ...". Code and Chinese wording by how the sentence begins.
_OWN: tuple[tuple[str, str, str], ...] = (
    (
        "expected a code",
        "not-a-code",
        "应为代码(小写字母、数字和连字符,最多 64 位,如 self-check);实为 {got}",
    ),
    ("expected a share", "not-a-share", '应为比例,如 ">= 2/3" 或 "> 50%";实为 {got}'),
    ("expected exactly one of post", "step-kind", "签位须在 post、together、in-turn 中恰选其一;实为 {got}"),
    ("expected need, veto", "group-keys", "need、veto、turnout 只与 together 同写;此处与 {got} 同写"),
    (
        "expected one day",
        "ambiguous-date",
        "日期不明确:应写明一天,如 2019-11-20,并在 reading 中说明如何读出;实为 {got}",
    ),
    ("expected a date", "not-a-date", "应为日期,如 2019-10-31;实为 {got}"),
    ("expected a span", "not-a-span", "应为时长,如 10 workdays、30 days、2 hours、12 months;实为 {got}"),
    ("expected a comparison", "not-a-comparison", '应为比较式,如 ">= 80%"、"> 2/3"、">= 70";实为 {got}'),
    ("expected recorded-by", "no-recorder", "会议研究须写明 recorded-by(记录会议纪要的职务);未写"),
    (
        "expected exactly one of node",
        "due-anchor",
        "时限须在 node、within、set-by、field、before 中恰选其一,或写明 event 与 within;实为 {got}",
    ),
    ("expected a period", "not-a-period", "应为累计期间:campaign、year、always,或时长如 12 months;实为 {got}"),
    ("expected quiet hours", "quiet-hours", "免打扰时段的起止时刻不得相同;实为 {got}"),
    (
        "expected after or ahead",
        "due-offset",
        "after(之后)与 ahead(提前)只能择一,并与 node、field 或 set-by 同用;实为 {got}",
    ),
    ("expected a time", "not-a-time", '应为时刻,如 "17:00"(加引号);实为 {got}'),
    ("expected exactly one of before", "rung-time", "督办措施须在 before、after 中恰选其一;实为 {got}"),
    (
        "expected a scorecard",
        "source-measure",
        "评价方的依据须为评分表、field(字段)、part 与 whole(比例)或 flow 与 times(其他流程的结果)之一;实为 {got}",
    ),
    ("expected source", "floor-measure", "底线须写 source(某一方),或 material 与 part(可加 whole);实为 {got}"),
    ("expected item", "proposal-without-item", "建议须写明 item(所启动的流程);未写"),
    ("expected no item", "reminder-with-item", "催办不启动流程,不应写 item;实为 {got}"),
)


_DATE_LIKE = re.compile(r"\d{4}[-/.年]\d|\d月|[上中下]旬|月底|日前")


def _own_words(text: str, place: tuple[int, int], positions: Positions) -> Problem:
    parts = re.fullmatch(r"expected (.*?); got (.*?)(?:\. ([A-Z][^.]*))?", text, re.DOTALL)
    expected, got, hint = (parts[1], parts[2], parts[3] or "") if parts else ("", "", "")
    code, chinese = next(((c, z) for start, c, z in _OWN if text.startswith(start)), ("not-allowed", text))
    if hint.startswith("Put numbers"):
        chinese += "。数字及 yes/no 请加引号"
    if len(got) > 120:
        text = text.replace(got, shown(got, 120))
    more = Said(hint, "")
    if code == "not-a-span" and _DATE_LIKE.search(got):
        more = Said(
            "a date stands in nodes; the due then says {node: its name}",
            "日期写在 nodes(节点)中,时限写作 {node: 节点名称}",
        )
    return positions.problem(
        code,
        place,
        Said(text, chinese.replace("{got}", "未写" if got == "none" else shown(got, 120))),
        Said(expected, ""),
        shown(got.strip("'"), 120),
        more,
    )


def _annotation_at(loc: Sequence[int | str], root: type[BaseModel]) -> Any:
    """The type that the model declares at a place."""
    here: Any = root
    for part in loc:
        here = bare(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = next((f.annotation for f in here.model_fields.values() if f.alias == part), None)
        else:
            arguments = get_args(here)
            if not arguments:
                return None
            here = arguments[1] if get_origin(here) is dict else arguments[0]
            if part == "[key]":
                return None
    return bare(here)


def _model_at(loc: Sequence[int | str], root: type[BaseModel]) -> type[BaseModel] | None:
    found = _annotation_at(loc, root)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _options(loc: Sequence[int | str], root: type[BaseModel]) -> tuple[Any, ...]:
    return get_args(_annotation_at(loc, root))
