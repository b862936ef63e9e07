"""The text of a flow file: plain data, where everything stands in it, and what is wrong with it, said with a place.

YAML 1.2 is read event by event from ruamel.yaml's pure parser, so that limits bite while reading, before anything is
built; a text without a fault is read by quick.py, to the same tree and the same places. Anchors, aliases, tags and
merge keys are refused, so a small file cannot unfold into a large one. Dates, versions and ``yes`` stay texts; what
they mean is the model's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from workflow.definition.grammar import (
    BOOL,
    FLOAT,
    FORBIDDEN,
    IN_VALUES,
    INT,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_SCALAR,
    MAX_VALUES,
    NULL,
    OTHER_INT,
    STRUCTURAL,
    WIDE,
    WIDE_QUOTES,
    misplaced,
    paired,
)
from workflow.definition.positions import Path, Place, Positions
from workflow.definition.problem import NOTHING, Problem, Said, nearest, render, shown
from workflow.definition.quick import quick
from workflow.definition.source_words import SAID, SYNTAX

__all__ = ["Place", "Positions", "Problem", "Said", "Source", "nearest", "read", "render", "shown"]

MAX_PROBLEMS = 200


@dataclass(frozen=True)
class Source:
    """What a text holds: its data (``None`` when it cannot be read at all), the places, the faults in file order.
    ``bad`` are the paths of values that were faulted already, so that nobody complains about them again."""

    data: Any
    positions: Positions
    problems: tuple[Problem, ...]
    bad: frozenset[Path] = frozenset()


def read(raw: bytes, file: str = "<text>") -> Source:
    """Read the bytes of a flow file. Never raises for what stands in them."""
    if len(raw) > MAX_BYTES:
        return _only(
            file,
            "file-too-large",
            (1, 1),
            SAID["file-too-large"],
            Said(f"{MAX_BYTES:,} bytes at most", f"不超过 {MAX_BYTES:,} 字节"),
            f"{len(raw):,}",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _undecodable(raw, error, file)
    text = text.replace("\r\n", "\n")
    swift = quick(text)
    if swift is not None:
        data, keys, values = swift
        return Source(data, Positions(file, tuple(text.split("\n")), keys, values, data), ())
    return carefully(text, file)


def carefully(text: str, file: str) -> Source:
    """The reading that finds every fault and its place; ``read`` is the same, quicker where there is none."""
    return _Reading(text, file).run()


def _only(
    file: str,
    code: str,
    place: Place,
    message: Said,
    expected: Said = NOTHING,
    actual: str = "",
    hint: Said = NOTHING,
    lines: tuple[str, ...] = (),
) -> Source:
    positions = Positions(file, lines)
    return Source(None, positions, (positions.problem(code, place, message, expected, actual, hint),))


def _undecodable(raw: bytes, error: UnicodeDecodeError, file: str) -> Source:
    before = raw[: error.start].decode("utf-8")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    hint = Said("save the file as UTF-8", "请将文件另存为 UTF-8 编码")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        hint = Said("the file looks like UTF-16; save it as UTF-8", "文件疑为 UTF-16 编码,请另存为 UTF-8")
    else:
        try:
            raw.decode("gb18030")
            hint = Said("the file looks like GBK; save it as UTF-8", "文件疑为 GBK 编码,请另存为 UTF-8")
        except UnicodeDecodeError:
            pass
    lines = tuple(raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"))
    return _only(
        file,
        "wrong-encoding",
        (line, column),
        SAID["wrong-encoding"],
        Said("UTF-8", "UTF-8 编码"),
        f"0x{raw[error.start]:02x}",
        hint,
        lines,
    )


_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


# The parser meets some broken escapes and directives with plain Python errors.
_PARSER_TRIPS = (
    YAMLError,
    YAMLStreamError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
)


class _Stop(Exception):
    """Nothing after this place can be read sensibly."""


class _Frame:
    """A map or list being filled."""

    __slots__ = ("into", "key", "path", "waiting")

    def __init__(self, path: Path, into: dict[str, Any] | list[Any]) -> None:
        self.path = path
        self.into = into
        self.key: str | None = None
        self.waiting = False


class _Reading:
    """One pass over one text."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.bad: set[Path] = set()
        self.problems: list[Problem] = []
        self.data: Any = None
        self.stack: list[_Frame] = []
        self.last_line = 1
        self.places = Positions(file, tuple(self.text.split("\n")))

    def run(self) -> Source:
        try:
            self._characters()
            self._parse()
        except _Stop:
            self.data = None
        positions = Positions(self.places.file, self.places.lines, self.keys, self.values, self.data)
        return Source(self.data, positions, tuple(self.problems), frozenset(self.bad))

    def _say(
        self,
        code: str,
        place: Place,
        expected: Said = NOTHING,
        actual: str = "",
        hint: Said = NOTHING,
        message: Said | None = None,
    ) -> None:
        self.problems.append(self.places.problem(code, place, message or SAID[code], expected, actual, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def _characters(self) -> None:
        if self.text.startswith("\ufeff"):
            hint = Said('save it as "UTF-8" without a byte order mark', "请另存为“UTF-8(无 BOM)”")
            self._say("bom", (1, 1), Said("UTF-8 without a byte order mark", "不带 BOM 的 UTF-8"), "U+FEFF", hint)
            self.text = self.text[1:]
            self.places = Positions(self.places.file, tuple(self.text.split("\n")))
        if not FORBIDDEN.search(self.text):
            return
        for number, line in enumerate(self.places.lines, 1):
            match = FORBIDDEN.search(line)
            if match:
                code = {"\t": "tab", "\0": "nul"}.get(match[0], "control-character")
                hint = (
                    Said("indent with spaces", "请用空格缩进") if code == "tab" else Said("delete it", "请删除该字符")
                )
                self._say(
                    code,
                    (number, match.start() + 1),
                    Said("printable characters and spaces", "可见字符与空格"),
                    f"U+{ord(match[0]):04X}",
                    hint,
                )
        raise _Stop

    def _parse(self) -> None:
        yaml = YAML(typ="safe", pure=True)
        documents = 0
        events: Iterator[Any] = yaml.parse(self.text)
        try:
            for event in events:
                documents += isinstance(event, DocumentStartEvent)
                self._event(event, documents)
        except _Stop:
            raise
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            begun = error.context_mark
            if begun is not None and (begun.line, begun.column) < (mark.line, mark.column):
                unclosed = re.search(
                    r"expected ':'|end of stream|document separator|expected ',' or", error.problem or ""
                )
                if unclosed and begun.line != mark.line:  # what was never closed is found where it began
                    mark = begun
            self._syntax(error.problem or error.context or "", mark)
        except _PARSER_TRIPS:
            self._syntax("", None)
        if self.data is None and not self.problems:
            self._say("empty-file", (1, 1), Said("flow: ... and the rest of a definition", "flow: … 等流程定义内容"))

    def _event(self, event: Any, documents: int) -> None:
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        self.last_line = place[0]
        if isinstance(event, DocumentStartEvent):
            if event.version is not None or event.tags:
                self._say("directive", place)
                raise _Stop
            if documents > 1:
                self._say(
                    "several-documents",
                    place,
                    Said("one document", "一个文档"),
                    hint=Said("put it in a file of its own", "请另存为单独的文件"),
                )
                raise _Stop
            return
        if isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self.stack.pop()
            return
        if isinstance(event, AliasEvent):
            self._say("anchor", place, Said("the text itself", "直接写出内容"), f"*{shown(event.anchor, 30)}")
            self._place(None, place, faulty=True)
            return
        if not isinstance(event, (ScalarEvent, MappingStartEvent, SequenceStartEvent)):
            return
        if event.anchor is not None:
            self._say("anchor", place, Said("the text itself", "直接写出内容"), f"&{shown(event.anchor, 30)}")
        if event.ctag is not None:
            self._say("tag", place, Said("a plain value", "普通的值"), shown(event.tag, 30))
        if isinstance(event, ScalarEvent):
            self._scalar(event, place)
        else:
            self._open({} if isinstance(event, MappingStartEvent) else [], place)

    def _open(self, into: dict[str, Any] | list[Any], place: Place) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._say("too-deep", place, Said(f"at most {MAX_DEPTH} levels", f"最多 {MAX_DEPTH} 层"))
            raise _Stop
        if not self.stack and isinstance(into, list):
            self._say("not-a-map", place, Said("key: value", "键: 值"), "a list")
        path = self._place(into, place)
        self.stack.append(_Frame(path, into))

    def _place(self, value: Any, place: Place, faulty: bool = False) -> Path:
        """Put a value where it belongs and remember where it stands; returns its path."""
        path: Path = ()
        if not self.stack:
            self.data = value
        else:
            frame = self.stack[-1]
            if isinstance(frame.into, list):
                path = (*frame.path, len(frame.into))
                frame.into.append(value)
            elif not frame.waiting:
                return self._key(frame, value, place)
            else:
                frame.waiting = False
                path = (*frame.path, frame.key if frame.key is not None else "\0dropped")
                if frame.key is not None:
                    frame.into[frame.key] = value
        self.values.setdefault(path, place)
        if len(self.values) > MAX_VALUES:
            self._say("too-many-values", place, Said(f"at most {MAX_VALUES:,}", f"最多 {MAX_VALUES:,} 项"))
            raise _Stop
        if faulty:
            self.bad.add(path)
        return path

    def _key(self, frame: _Frame, key: Any, place: Place) -> Path:
        frame.waiting = True
        if not isinstance(key, (str, int)):
            self._say("key-not-text", place, Said("text", "文本"), shown(key), Said("put it in quotes", "请加引号"))
            frame.key = None
            return (*frame.path, "\0dropped")
        if not isinstance(key, str):
            self._say(
                "key-not-text",
                place,
                Said("text", "文本"),
                shown(key),
                Said(f'put it in quotes: "{shown(key)}"', f'请加引号:"{shown(key)}"'),
            )
            key = shown(key)
        path = (*frame.path, key)
        if path in self.keys:
            line = self.keys[path][0]
            self._say(
                "duplicate-key",
                place,
                Said("each key once", "每个键只写一次"),
                shown(key),
                Said(f"the first one is on line {line}", f"第一处在第 {line} 行"),
                Said(f"the key {shown(key)} stands here twice", f"键 {shown(key)} 重复"),
            )
            frame.key = None
            return (*frame.path, "\0dropped")
        self.keys[path] = place
        frame.key = key
        return path

    def _scalar(self, event: Any, place: Place) -> None:
        text: str = event.value
        if not self.stack:
            marks = [] if event.style else self._wide_marks(text, event)
            for wide, where in marks:
                self._wide(wide, where)
            if (text or event.style) and not marks:
                self._say("not-a-map", place, Said("key: value", "键: 值"), shown(text))
            return
        if len(text) > MAX_SCALAR:
            self._say(
                "scalar-too-long",
                place,
                Said(f"at most {MAX_SCALAR:,} characters", f"最多 {MAX_SCALAR:,} 字"),
                f"{len(text):,}",
            )
            self._place("", place, faulty=True)
            return
        if event.style:  # quoted or block text: as it stands
            found = IN_VALUES.search(text)
            if found:
                code = "nul" if found[0] == "\0" else "control-character"
                self._say(
                    code,
                    place,
                    Said("printable characters", "可见字符"),
                    f"U+{ord(found[0]):04X}",
                    Said("delete it", "请删除该字符"),
                )
            self._place(text, place, faulty=bool(found))
            return
        self._plain(text, place, event)

    def _plain(self, text: str, place: Place, event: Any) -> None:
        """An unquoted scalar: the core schema of YAML 1.2, without floats and without numbers that look like others."""
        marks = self._wide_marks(text, event)
        if marks:
            for wide, where in marks:
                self._wide(wide, where)
            self._place(text, place, faulty=True)
            return
        frame = self.stack[-1]
        is_key = isinstance(frame.into, dict) and not frame.waiting
        if text in BOOL:
            self._place(BOOL[text], place)
        elif text in NULL:
            if is_key:
                self._place(None, place)
                return
            self._say(
                "no-value",
                place if text else self._before(frame, place),
                Said("a value, or no key at all", "填写值,或删去该键"),
                hint=Said('for an empty text write ""', '空文本请写 ""'),
            )
            self._place(None, place, faulty=True)
        elif INT.fullmatch(text) and len(text) <= MAX_DIGITS:
            self._place(int(text), place)
        elif is_key:  # the key is refused only where it would be read as something else than its text
            self._place(None if FLOAT.fullmatch(text) else text, place)
        elif OTHER_INT.fullmatch(text):
            self._say(
                "number-form",
                place,
                Said(
                    f"plain digits (at most {MAX_DIGITS}), or quotes when it is a text",
                    f"普通数字(最多 {MAX_DIGITS} 位);若为文本请加引号",
                ),
                shown(text),
                Said(f'put it in quotes if it is a text: "{shown(text)}"', f'若为文本请加引号:"{shown(text)}"'),
            )
            self._place(None, place, faulty=True)
        elif FLOAT.fullmatch(text):
            self._say(
                "float",
                place,
                Said("a whole number, or a text in quotes", "整数,或加引号的文本"),
                shown(text),
                Said(f'put it in quotes: "{shown(text)}"', f'请加引号:"{shown(text)}"'),
            )
            self._place(None, place, faulty=True)
        else:
            self._place(text, place)

    def _before(self, frame: _Frame, place: Place) -> Place:
        """An empty value has no place of its own: its key's, where it has one."""
        return self.keys.get((*frame.path, frame.key), place) if frame.key is not None else place

    def _wide_marks(self, text: str, event: Any) -> list[tuple[str, Place]]:
        """Full-width marks that were probably meant as punctuation of the format, the first of each line. Chinese
        quotation marks inside Chinese prose are prose, as long as they come in pairs."""
        pattern = misplaced(text)
        if pattern is None:
            return []
        first, last = event.start_mark, event.end_mark
        marks: list[tuple[str, Place]] = []
        for line in range(first.line, last.line + 1):
            content = self.places.line_text(line + 1)
            start = first.column if line == first.line else 0
            stop = last.column if line == last.line else len(content)
            found = pattern.search(content, start, stop)
            if found:
                marks.append((found[0], (line + 1, found.start() + 1)))
        return marks

    def _wide_at(self, line: int, column: int) -> str:
        """A mark at a place that has a half-width twin and is no letter or digit; none where there is another one."""
        mark = self.places.line_text(line)[column - 1 : column]
        return mark if mark and "\uff01" <= mark <= "\uff5e" and not mark.isalnum() else ""

    def _wide(self, wide: str, place: Place) -> None:
        narrow = STRUCTURAL.get(wide) or (chr(ord(wide) - 0xFEE0) if "\uff01" <= wide <= "\uff5e" else '"')
        name = {" ": ("a space", "空格")}.get(narrow, (narrow, narrow))
        self._say(
            "fullwidth-punctuation",
            place,
            Said(f"{name[0]} (half-width)", f"半角 {name[1]}"),
            f"{wide if wide.strip() else 'wide space'} (U+{ord(wide):04X})",
            Said(
                "type it half-width; if it belongs to a text, put the text in quotes",
                "请改用半角;若属于文本内容,请给文本加半角引号",
            ),
        )

    def _syntax(self, problem: str, mark: Any) -> None:
        line = mark.line + 1 if mark is not None else self.last_line
        column = mark.column + 1 if mark is not None else 1
        while line > 1 and line > len(self.places.lines):
            line, column = line - 1, 1
        said = len(self.problems)
        for number in range(min(self.last_line, line), line + 1):  # a full-width mark nearby is the likelier cause
            content = _QUOTED.sub(lambda m: "x" * len(m[0]), self.places.line_text(number))
            content = re.split(r"(?:^|\s)#", content)[0]
            found = WIDE.search(content) or (WIDE_QUOTES.search(content) if not paired(content) else None)
            known = any(p.code == "fullwidth-punctuation" and p.line == number for p in self.problems)
            if found and not known:
                self._wide(found[0], (number, found.start() + 1))
        if len(self.problems) == said and (wide := self._wide_at(line, column)):
            self._wide(wide, (line, column))
        elif len(self.problems) == said:
            for pattern, message, hint in SYNTAX:
                if re.search(pattern, problem):
                    self._say("syntax", (line, column), message=message, hint=hint)
                    break
            else:
                self._say(
                    "syntax",
                    (line, column),
                    hint=Said(
                        "check quotes, brackets and indentation here and above", "请检查此处及上文的引号、括号和缩进"
                    ),
                )
        raise _Stop
