"""Rules of sense for delicate data about persons: said to be so, and why, for whom and how long it is kept.

A rural flow asks whether somebody was punished, believes, or was disciplined; whoever writes it down must say what it is for.
Source: S4 「受过刑事处罚」, R028; S4 「逐一“过筛子”」, R152; S4 「信教参教党员」, R221.
"""

from __future__ import annotations

import re

from workflow.definition.checking import Checking, Loc
from workflow.definition.model import FieldSpec, Material, Text
from workflow.definition.problem import Said

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "criminal-record",
        re.compile(
            r"刑事处罚|受过刑|犯罪|前科|判刑|涉黑|涉恶|村霸|吸毒|\b(?:criminal|convictions?|convicted|prison)\b"
            r"|(?:^|-)(?:criminal|conviction)",
            re.IGNORECASE,
        ),
    ),
    (
        "religion",
        re.compile(
            r"信教|参教|宗教信仰|教徒|\b(?:religion|religious belief|faith)\b|(?:^|-)religio(?:n|us)", re.IGNORECASE
        ),
    ),
    (
        "discipline",
        re.compile(
            r"(?:党纪|政纪|政务|纪律|受过?|曾受|是否).{0,4}处分|处分(?:情况|记录|种类)|违纪(?:情况|记录)"
            r"|\bdisciplinary (?:record|sanction|punishment|measure)s?\b|(?:^|-)disciplin(?:e|ary)-(?:record|sanction)",
            re.IGNORECASE,
        ),
    ),
)


class PrivacyChecking(Checking):
    """Field by field."""

    def privacy(self) -> None:
        for name, material in self.flow.materials.items():
            for code, spec in material.fields.items():
                loc: Loc = ("materials", name, "fields", code)
                for index, reader in enumerate(spec.readers):
                    self.known("post", reader, self.flow.posts, (*loc, "readers", index))
                if spec.keep_for is not None and not spec.personal:
                    self._kept_in_plain((*loc, "keep-for"), code)
                if spec.delicate is None:
                    self._unmarked(loc, code, spec, material)
                else:
                    self._incomplete(loc, code, spec)

    def _unmarked(self, loc: Loc, code: str, spec: FieldSpec, material: Material) -> None:
        if spec.type in ("date", "unit", "digest"):
            return
        for kind, pattern in _KINDS:
            found = next((m for text in (code, *_texts(spec.title)) if (m := pattern.search(text))), None)
            if found:
                self.say(
                    "delicate-unmarked",
                    loc,
                    f"the field {code} ({found[0].strip('-')}) holds delicate data about a person and does not say so",
                    f"字段 {code}({found[0].strip('-')})涉及个人敏感信息而未标明",
                    expected=Said(
                        f"delicate: {kind}, personal: true, purpose, readers, keep-for",
                        f"delicate: {kind}、personal: true、purpose、readers、keep-for",
                    ),
                    hint=Said("or leave the field out, if the work does not need it", "工作无须则不收集"),
                    key=True,
                )
                return

    def _kept_in_plain(self, loc: Loc, code: str) -> None:
        self.say(
            "keep-for-plain",
            loc,
            f"the field {code} is kept for a time, but its value stands in the document itself and cannot go without it",
            f"字段 {code} 规定了保存期限,但其值写在材料正文中,无法单独移除",
            expected=Said(
                "personal: true, or keep-for of the whole material", "personal: true,或对整份材料规定 keep-for"
            ),
            key=True,
        )

    def _incomplete(self, loc: Loc, code: str, spec: FieldSpec) -> None:
        lacking = [
            name
            for name, given in (
                ("personal: true", spec.personal),
                ("purpose", spec.purpose is not None),
                ("readers", bool(spec.readers)),
                ("keep-for", spec.keep_for is not None),
            )
            if not given
        ]
        if lacking:
            self.say(
                "delicate-incomplete",
                (*loc, "delicate"),
                f"the delicate field {code} lacks {', '.join(lacking)}",
                f"敏感字段 {code} 缺少 {'、'.join(lacking)}",
                expected=Said(
                    "why it is gathered (purpose), which posts may read it (readers), how long it is kept (keep-for)",
                    "收集用途(purpose)、可查阅职务(readers)、保存期限(keep-for)",
                ),
                key=True,
            )


def _texts(text: Text | None) -> tuple[str, ...]:
    return (text.zh, text.en) if text is not None else ()
