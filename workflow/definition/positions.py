"""Where everything in a flow file stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflow.definition.problem import NOTHING, Problem, Said, Severity

Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True)
class Positions:
    """Where each key and each value of a file stands. Paths are keys and indices from the top, as in the file.

    Lookups also understand paths of the model, where short forms are written out: parts that the file does not have
    are passed over (``due.within`` is found at ``due``), and the place of the nearest known part is given.
    """

    file: str = "<text>"
    lines: tuple[str, ...] = ()
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)
    data: Any = None

    def resolve(self, path: Sequence[str | int]) -> tuple[Path, bool]:
        """The path in the file for a path of the model, and whether to point at its key rather than its value."""
        at: Path = ()
        here, key = self.data, False
        for part in path:
            if part == "[key]":
                return at, True
            if isinstance(here, Mapping) and part not in here:
                part = _short_name(here, part)
                if isinstance(part, tuple):  # the key itself is what the model calls post
                    return (*at, part[0]), True
            found = (
                part in here
                if isinstance(here, Mapping)
                else isinstance(here, list) and isinstance(part, int) and part < len(here)
            )
            if found:
                at, here = (*at, part), here[part]
        return at, key

    def at(self, *path: str | int) -> Place:
        """Line and column of a value, or of the nearest thing around it that the file has."""
        found, key = self.resolve(path)
        return self._place(found, key)

    def key(self, *path: str | int) -> Place:
        """Line and column of the key under which a value stands; of the value itself in a list."""
        return self._place(self.resolve(path)[0], True)

    def _place(self, path: Path, key: bool) -> Place:
        table = self.keys if key else self.values
        while path:
            if path in table:
                return table[path]
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.values.get((), (1, 1))

    def line_text(self, line: int) -> str:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def problem(
        self,
        code: str,
        place: Place,
        message: Said,
        expected: Said = NOTHING,
        actual: str = "",
        hint: Said = NOTHING,
        severity: Severity = "error",
    ) -> Problem:
        line, column = place
        return Problem(code, self.file, line, column, message, expected, actual, hint, self.line_text(line), severity)


_STEP_KEYS = frozenset(("in-person", "within", "kind", "minutes", "of", "decision", "recorded-by", "seal", "body"))


def _short_name(here: Mapping[str, Any], part: str | int) -> Any:
    """What a name of the model is called in a short form: a one-element tuple means "the key itself"."""
    if part == "body" and "decision" in here:
        return "decision"
    if part == "post":
        for name in ("recorded-by", "seal"):
            if name in here:
                return name
    if part in ("post", "of"):
        posts = [k for k in here if k not in _STEP_KEYS]
        if len(posts) == 1 and "post" not in here:
            return (posts[0],) if part == "post" else posts[0]
    return part
