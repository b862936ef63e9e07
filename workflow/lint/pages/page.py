"""One page of ``workflow explain``."""

from __future__ import annotations

from dataclasses import dataclass

REST = "…"
MARK = "⟪"  # stands before the place that the fault is told at; not a part of the example


@dataclass(frozen=True)
class Page:
    """Why a code is told, and what to do; with two examples.

    ``good`` stands once in the lesson ``base`` (a file under ``definitions/lessons``); with ``bad`` in its stead the
    lesson has this fault and no other, at the place after ``MARK``. Where ``good`` ends with ``REST``, all that follows in
    the lesson goes with it. A fault of the text itself has whole texts instead: ``base`` is empty, ``bad`` may be bytes.
    """

    code: str
    zh: str
    en: str
    good: str
    bad: str | bytes
    base: str = "hazard.yaml"
    at: str = ""  # where the fault is told when that is not inside ``bad``, with ``MARK`` before the place

    def get(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    def broken(self, lesson: str) -> tuple[bytes, tuple[int, int]]:
        """The lesson with the fault, and the line and column at which it is told."""
        if isinstance(self.bad, bytes):
            text = self.bad.decode("utf-8", "replace")
        elif self.good.endswith(REST):
            text = lesson[: lesson.index(self.good.removesuffix(REST))] + self.bad
        else:
            text = lesson.replace(self.good, self.bad) if self.base else self.bad
        if self.at:
            text = text.replace(self.at.replace(MARK, ""), self.at, 1)
        before = text[: text.index(MARK)] if MARK in text else ""
        place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raw = self.bad if isinstance(self.bad, bytes) else text.replace(MARK, "").encode("utf-8", "surrogatepass")
        return raw, place
