"""Writing a flow file anew: its keys in the other language, its line ends and trailing blanks in order.

Keys are replaced where they stand, character by character; comments, order, layout and quotes stay as they are, so the
way there and back gives the same bytes. What comes out is read again before anybody may write it: it must mean the same.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel

from workflow.definition.keys import CHINESE, translate
from workflow.definition.model import Flow
from workflow.definition.problem import Problem, Said, render
from workflow.definition.source import Source, read
from workflow.errors import DefinitionInvalid

Keys = Literal["zh", "en"]
_MENDED = ("bom",)  # what tidying puts right by itself
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")


def formatted(raw: bytes, file: str = "<text>", keys: Keys | None = None, root: type[BaseModel] = Flow) -> bytes:
    """The bytes of a flow file with its keys in one language (``None``: as they are), LF line ends, no byte order mark,
    no trailing blanks and one line end at the end.

    Raises:
        DefinitionInvalid: the text cannot be read, so nothing is known of its keys.
    """
    source = read(raw, file)
    broken = [p for p in source.problems if p.code not in _MENDED]
    if broken or not isinstance(source.data, dict):
        raise _refused(file, broken or [*source.problems])
    meant = translate(source.data, root)
    text = "\n".join(_renamed(source, meant.ours, keys) if keys else source.positions.lines)
    tidy = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n") + "\n"
    for wanted in (tidy, text):
        again = read(wanted.encode(), file)
        if not again.problems and translate(again.data, root).data == meant.data:
            return wanted.encode()
    said = Said(
        "the keys of this file cannot be rewritten without a change of meaning", "改写键名将改变文件含义,未作改动"
    )
    raise _refused(file, [Problem("cannot-format", file, 1, 1, said)])


def _renamed(source: Source, ours: dict[Any, str], keys: Keys) -> list[str]:
    lines = list(source.positions.lines)
    places = sorted(((source.positions.keys[path], path, name) for path, name in ours.items()), key=lambda p: p[0])
    for (line, column), path, name in reversed(places):  # from behind, so that earlier columns still hold
        wanted = CHINESE[name] if keys == "zh" and name in CHINESE else name
        text = lines[line - 1]
        quoted = _QUOTED.match(text, column - 1)
        written = quoted[0] if quoted else str(path[-1])
        if text.startswith(written, column - 1) and wanted != path[-1]:
            lines[line - 1] = text[: column - 1] + wanted + text[column - 1 + len(written) :]
    return lines


def _refused(file: str, problems: list[Problem]) -> DefinitionInvalid:
    listing = Said(*("\n".join(render(p, lang) for p in problems) for lang in ("en", "zh")))
    return DefinitionInvalid(count=len(problems), file=file, listing=listing, problems=problems)
