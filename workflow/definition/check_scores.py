"""Rules of sense for what is counted and scored: a score that can be reached, that counts no findings or papers, and a
standard that names as many parts as it announces. Source: R049 「不设比例、不定指标」, R050."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import Material, Score, Stage, Text
from workflow.definition.problem import Said

_THINGS_EN = (
    r"(?:findings?|problems?|documents?|files?|photos?|pictures?|papers?|minutes|records?|meetings?|reports?|articles?"
    r"|activit(?:y|ies))"
)
_COUNTS_CODE = re.compile(
    rf"(?:^|-)(?:{_THINGS_EN}-(?:count|number|total|sum)s?|(?:count|number|total|sum)s?-(?:of-)?{_THINGS_EN})(?:-|$)"
)
_COUNTS_TITLE = re.compile(
    r"(?:问题|线索|材料|文件|照片|图片|台账|资料|会议|记录|报告|报道|稿件|信息|活动)[^,。;、]{0,4}(?:数量|个数|份数|张数|条数|件数|篇数|次数|数$)"
    rf"|\b(?:number|count|total) of (?:the )?{_THINGS_EN}\b|\b{_THINGS_EN} (?:count|total)\b",
    re.IGNORECASE,
)
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PARTS_ZH = re.compile(
    r"([一二两三四五六七八九十]{1,3}|\d{1,2})(?:项|条|个方面|个部分|个要素)(?:标准|内容|指标|要求|情况)?"
)
_PARTS_EN = re.compile(
    rf"\b({'|'.join(_WORDS)}|\d{{1,2}}) (?:parts|criteria|points|items|aspects|requirements)\b", re.IGNORECASE
)


def _assessed(stage: Stage) -> dict[tuple[str, ...], tuple[str, str]]:
    """What an assessment or its floors read beside whole scorecards: (where) -> (material, field)."""
    if stage.assess is None:
        return {}
    found: dict[tuple[str, ...], tuple[str, str]] = {
        ("sources", name, "field" if s.field is not None else "part"): (s.material, s.field or s.part or "")
        for name, s in stage.assess.sources.items()
        if s.field or s.part
    }
    floors = {n: f for n, f in stage.assess.floors.items() if f.material is not None and f.part is not None}
    return found | {("floors", n, "part"): (str(f.material), str(f.part)) for n, f in floors.items()}


class ScoresChecking(Checking):
    """Scores, standards, choices."""

    def scores(self) -> None:
        for index, stage in enumerate(self.flow.stages):
            if stage.score is not None:
                self._score(("stages", index, "score"), stage.score)
            for name, way in stage.exits.items():
                if way.first is not None and not any(s.assess is not None for s in self.flow.stages):
                    self.say(
                        "first-of-no-grade",
                        ("stages", index, "exits", name, "first"),
                        "a way out for the first of a grade, and no stage gives one",
                        "限前几名,而本流程没有评定等次的阶段",
                        expected=Said("a stage with assess and grades", "设有综合评定(assess)与等次的阶段"),
                        key=True,
                    )
            for at, (judged, code) in _assessed(stage).items():
                sheet = self.flow.materials.get(judged)
                spec = sheet.fields.get(code) if sheet is not None else None
                if spec is not None:
                    self._counted(("stages", index, "assess", *at), (code, *_texts(spec.title)))
        for name, material in self.flow.materials.items():
            self._announced(name, material)
            for code, part in material.parts.items():
                self._counted(("materials", name, "parts", code), (code, *_texts(part.title)))
            for code, spec in material.fields.items():
                self._choices(("materials", name, "fields", code), spec.choices)

    def _score(self, at: Loc, score: Score) -> None:
        sheet = self.flow.materials.get(score.material)
        spec = sheet.fields.get(score.field) if sheet is not None else None
        if sheet is None or spec is None:
            return
        self._counted((*at, "field"), (score.field, *_texts(spec.title)))
        pass_ = score.pass_
        if pass_.denominator != 1 or spec.type != "integer":
            return
        low, high = spec.min, spec.max
        if low is not None and high is not None and low > high:
            return
        best, worst = (high, low) if pass_.op in (">=", ">") else (low, high)
        if best is not None and not pass_.holds(best, 1):
            self.say(
                "threshold-out-of-reach",
                (*at, "pass"),
                f"{pass_} cannot be reached: {score.field} goes from {_end(low)} to {_end(high)}",
                f"{pass_} 无法达到:{score.field} 的范围为 {_end(low)} 至 {_end(high)}",
                expected=Said(
                    f"a number of points within {_end(low)}..{_end(high)}", f"{_end(low)} 至 {_end(high)} 之内的分数"
                ),
                actual=str(pass_),
            )
        elif worst is not None and pass_.holds(worst, 1):
            self.say(
                "threshold-always-met",
                (*at, "pass"),
                f"{pass_} is always met: {score.field} goes from {_end(low)} to {_end(high)}",
                f"{pass_} 恒能达到:{score.field} 的范围为 {_end(low)} 至 {_end(high)}",
                expected=Said("a number of points that can be missed", "可能达不到的分数"),
                actual=str(pass_),
                severity="warning",
            )

    def _counted(self, at: Loc, texts: Iterable[str]) -> None:
        for text in texts:
            if _COUNTS_CODE.search(text) or _COUNTS_TITLE.search(text):
                self.say(
                    "score-counts",
                    at,
                    f"the score is a count ({text}): findings, papers and photos are not counted for marks",
                    f"评分以数量({text})计:不得以问题、材料、照片数量计分",
                    expected=Said("a judgement of the work, as points", "对工作实效的评分"),
                    actual=text,
                    hint=Said("let people judge what was done, not how much was filed", "评价实效,不以痕迹、数量论"),
                )
                break

    def _choices(self, loc: Loc, choices: tuple[str, ...] | None) -> None:
        if choices is None:
            return
        if not choices:
            self.say(
                "empty-choices",
                (*loc, "choices"),
                "there is nothing to choose from",
                "没有可选项",
                expected=Said("at least two choices", "至少两个选项"),
            )
        for index, choice in enumerate(choices):
            if choice in choices[:index]:
                self.say(
                    "duplicate-choice",
                    (*loc, "choices", index),
                    f"the choice {choice} stands here twice",
                    f"选项 {choice} 重复",
                    expected=Said("each choice once", "每个选项只写一次"),
                    actual=choice,
                )

    def _announced(self, name: str, material: Material) -> None:
        """A standard that announces ten parts names ten."""
        if material.kind != "document" or len(material.fields) < 2:
            return
        for lang, number, said in _announcements(material.title):
            if number != len(material.fields):
                self.say(
                    "announced-parts",
                    ("materials", name, "title", lang),
                    f"{said} are announced and {len(material.fields)} fields are named",
                    f"名称写明{said},实列 {len(material.fields)} 个字段",
                    expected=Said(f"{number} fields, or another title", f"{number} 个字段,或修改名称"),
                    actual=str(len(material.fields)),
                    severity="warning",
                )
                return


def _texts(text: Text | None) -> Iterator[str]:
    if text is not None:
        yield from (text.zh, text.en)


def _announcements(title: Text) -> Iterator[tuple[str, int, str]]:
    if found := _PARTS_ZH.search(title.zh):
        yield "zh", _number(found[1]), found[0]
    if found := _PARTS_EN.search(title.en):
        word = found[1].lower()
        yield "en", int(word) if word.isdecimal() else _WORDS.index(word) + 1, found[0]


def _number(written: str) -> int:
    """二十三 -> 23; 十 -> 10; 7 -> 7."""
    if written.isdecimal():
        return int(written)
    tens, ten, ones = written.rpartition("十")
    if not ten:
        return _DIGITS[written[0]]
    return (_DIGITS[tens[0]] if tens else 1) * 10 + (_DIGITS[ones[0]] if ones else 0)


def _end(limit: int | None) -> str:
    return "…" if limit is None else str(limit)
