"""What another version of a flow means for the people it governs: every difference, said as a rule and not as a line.

Nothing is left out: what has no words of its own is told by its place and its two values. A change is tighter where it
asks for more, or sooner; looser where it asks for less, or later; otherwise it is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workflow.definition.definition import Definition
from workflow.definition.keys import CHINESE
from workflow.definition.model import Threshold
from workflow.errors import Language

Direction = Literal["tighter", "looser", ""]
Path = tuple[str, ...]
ABSENT = None

_UNITS = {
    "workdays": ("working days", "个工作日"),
    "days": ("days", "日"),
    "hours": ("hours", "小时"),
    "weeks": ("weeks", "周"),
    "months": ("months", "个月"),
    "years": ("years", "年"),
}
_LONG = {"hours": 1, "workdays": 34, "days": 24, "weeks": 168, "months": 730, "years": 8766}  # to compare, in hours
_SPAN = re.compile(r"(\d+) (workdays|days|hours|weeks|months|years)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MORE_IS_TIGHTER = frozenset(
    ["materials", "needs", "requires", "not-by", "looks-after", "two-persons", "each-needs", "steps", "slots", "look-backs", "fields",
     "also-due", "ladder", "veto", "nodes", "obligations", "levels"]
)  # fmt: skip
_TRUE_IS_TIGHTER = frozenset(
    ["one-by-one", "required", "in-person", "notice", "close-out", "gate", "minutes", "classified"]
)
_SOONER = frozenset(["within", "due", "or-within", "at-most"])  # a shorter span asks for more
_LONGER = frozenset(["for"])  # a longer one does


@dataclass(frozen=True)
class Change:
    """One difference. ``stage`` is the stage it is about, or empty; ``before`` or ``after`` is None where there is none."""

    path: Path
    before: Any
    after: Any
    direction: Direction = ""

    @property
    def stage(self) -> str:
        return self.path[1] if self.path[0] == "stages" and len(self.path) > 1 else ""

    def text(self, lang: Language) -> str:
        path = self.path[1:] if self.stage else self.path
        if path[:1] == ("nodes",) and len(path) > 3:  # nodes, the set, nodes, the node, on
            path = (*path[:2], path[3], *(p for p in path[4:] if p != "on"))
        name = " ".join(_word(p, lang) for p in path)
        word = {"tighter": (": tighter", ":更严"), "looser": (": looser", ":更宽"), "": ("", "")}[self.direction]
        tail = word[1] if lang == "zh" else word[0]
        if self.before is ABSENT:
            return (
                f"{name}:新增 {said(self.after, lang)}{tail}"
                if lang == "zh"
                else f"{name} added: {said(self.after, lang)}{tail}"
            )
        if self.after is ABSENT:
            return (
                f"{name}:删去 {said(self.before, lang)}{tail}"
                if lang == "zh"
                else f"{name} removed: {said(self.before, lang)}{tail}"
            )
        return f"{name} {_pair(self.before, self.after, lang)}{tail}"


def differences(old: Definition, new: Definition) -> list[Change]:
    """Every difference between two versions but their number, in the order of the format."""
    before, after = _comparable(old.flow.canonical()), _comparable(new.flow.canonical())
    return [c for c in _walk((), before, after) if c.path != ("version",)]


def _comparable(flow: Mapping[str, Any]) -> dict[str, Any]:
    """Stages by name, so that one put between two others is one difference."""
    stages = {s["stage"]: {k: v for k, v in s.items() if k != "stage"} for s in flow["stages"]}
    return {**flow, "stages": stages, "order": [s["stage"] for s in flow["stages"]]}


def _walk(path: Path, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if path == ("order",):
        both = [s for s in before if s in after]
        if both != [s for s in after if s in before] or before[0] != after[0]:
            yield Change(path, before, after)
        return
    dicts = isinstance(before, dict) and isinstance(after, dict)
    if dicts and path and path[-1] == "due" and before.keys() == after.keys() == {"within"}:
        way = _direction((*path, "within"), before["within"], after["within"])
        yield Change(path, before["within"], after["within"], way)
        return
    if dicts and not _leaf(path):
        for key in [*before, *(k for k in after if k not in before)]:
            yield from _walk((*path, key), before.get(key), after.get(key))
        return
    yield Change(path, before, after, _direction(path, before, after))


def _leaf(path: Path) -> bool:
    titled = len(path) == 2 and path[0] == "titles"
    return titled or (bool(path) and path[-1] in ("title", "label", "liability", "duty", "by"))


def _direction(path: Path, before: Any, after: Any) -> Direction:
    key = path[-1]
    lists = isinstance(before, list) and isinstance(after, list)
    if lists or ((before is ABSENT or after is ABSENT) and isinstance(before or after, list)):
        if key not in _MORE_IS_TIGHTER and "ladder" not in path:
            return ""
        return _more(before or [], after or [])
    if before is ABSENT or after is ABSENT:
        parent = path[-2] if len(path) > 1 else ""
        asked = (
            key in _TRUE_IS_TIGHTER
            or key in ("due", "within", "not-after")
            or parent in ("materials", "fields", "chains", "nodes")
        )
        return "" if not asked else "tighter" if before is ABSENT else "looser"
    if isinstance(before, bool) and isinstance(after, bool):
        return "" if key not in _TRUE_IS_TIGHTER else "tighter" if after else "looser"
    if isinstance(before, int) and isinstance(after, int):
        sign = {"times": -1, "max": -1, "min": 1, "at-least": 1}.get(key, 0)
        return _sign(sign * (after - before))
    if isinstance(before, str) and isinstance(after, str):
        return _strings(path, before, after)
    return ""


def _strings(path: Path, before: str, after: str) -> Direction:
    one, other = _SPAN.fullmatch(before), _SPAN.fullmatch(after)
    if one and other:
        longer = int(other[1]) * _LONG[other[2]] - int(one[1]) * _LONG[one[2]]
        return _sign(longer if path[-1] in _LONGER else -longer)
    if path[0] == "nodes" and _DAY.fullmatch(before) and _DAY.fullmatch(after) and path[-1] != "in-force":
        return "tighter" if after < before else "looser"
    try:
        low, high = Threshold.model_validate(before), Threshold.model_validate(after)
    except ValueError:
        return ""
    if low.op[0] != high.op[0]:
        return ""
    grown = high.numerator * low.denominator - low.numerator * high.denominator
    return _sign(grown if low.op[0] == ">" else -grown)


def _more(before: Sequence[Any], after: Sequence[Any]) -> Direction:
    """More is asked for where everything asked before is still asked, in its order."""
    if _within(before, after):
        return "tighter"
    return "looser" if _within(after, before) else ""


def _within(few: Sequence[Any], many: Sequence[Any]) -> bool:
    rest = iter(many)
    return all(any(one == other for other in rest) for one in few)


def _sign(amount: int) -> Direction:
    return "tighter" if amount > 0 else "looser" if amount < 0 else ""


# --- words ---------------------------------------------------------------------------------------------------------


def _word(key: str, lang: Language) -> str:
    return CHINESE.get(key, key) if lang == "zh" else key


def _pair(before: Any, after: Any, lang: Language) -> str:
    one, other = (_SPAN.fullmatch(x) if isinstance(x, str) else None for x in (before, after))
    if one and other and one[2] == other[2]:
        unit = _UNITS[one[2]][lang == "zh"]
        return f"{one[1]} → {other[1]} {unit}"
    return f"{said(before, lang)} → {said(after, lang)}"


def said(value: Any, lang: Language) -> str:
    """A value of a definition as people say it."""
    if isinstance(value, bool):
        return ("是" if value else "否") if lang == "zh" else "yes" if value else "no"
    if isinstance(value, str):
        span = _SPAN.fullmatch(value)
        return f"{span[1]} {_UNITS[span[2]][lang == 'zh']}" if span else value
    if isinstance(value, list):
        return "、".join(said(v, lang) for v in value) if lang == "zh" else ", ".join(said(v, lang) for v in value)
    if isinstance(value, dict):
        if value.keys() == {"zh", "en"}:
            return str(value[lang])
        if "post" in value:
            rest = {k: v for k, v in value.items() if k not in ("post", "of", "kind", "minutes")}
            at = f"@{value['of']}" if "of" in value else ""
            kind = f" ({value['kind']})" if value.get("kind") in ("decision", "seal") else ""
            more = f" [{said(rest, lang)}]" if rest else ""
            return f"{value['post']}{at}{kind}{more}"
        return "; ".join(f"{_word(k, lang)} {said(v, lang)}" for k, v in value.items())
    return str(value)
