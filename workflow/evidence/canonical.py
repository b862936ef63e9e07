"""One value, one sequence of bytes: what is hashed and signed.

The profile is RFC 8785 (JSON Canonicalization Scheme) restricted so that no two implementations can disagree:

* objects with ASCII keys (so that sorting by UTF-16 code units is sorting by bytes), arrays, strings, integers,
  booleans, null;
* strings are in Unicode normalisation form NFC and hold no lone surrogates;
* integers lie strictly between -2**53 and 2**53; there are no floats: scores and money are decimal strings;
* at most ``DEPTH_LIMIT`` containers inside each other and ``SIZE_LIMIT`` bytes.

A tuple is written as an array. Everything else, subclasses of the allowed types included, is refused with its JSON
path. NFC is that of this Python's Unicode tables; it is stable for every character these tables know.
Source: RFC 8785; Unicode Standard Annex 15.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import chain
from typing import Any

import orjson

from workflow.errors import NotCanonical, TooLarge, WorkflowError

SIZE_LIMIT = 4 * 1024 * 1024
DEPTH_LIMIT = 64
INTEGER_LIMIT = 2**53

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_SCALARS = frozenset({str, int, bool, type(None)})
_CONTAINERS = frozenset({dict, list, tuple})
_KINDS = _SCALARS | _CONTAINERS
_EXPECTED = "a dict, list, tuple, str, int, bool or None"
_ASCII = bytes(range(128))
_SHOWN = 40


def encode(value: Any, *, size_limit: int = SIZE_LIMIT, depth_limit: int = DEPTH_LIMIT) -> bytes:
    """The canonical bytes of a value.

    The limits are those of ``decode``, so that nothing is ever written that cannot be read back.

    Raises:
        NotCanonical: the value is outside the profile; ``path`` names the first fault, such as ``$.a[3].b``. The error
            tells types and lengths, never the text itself: that may be somebody's personal data.
        TooLarge: more than ``size_limit`` bytes, or nested deeper than ``depth_limit``.
    """
    try:
        data = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, RecursionError) as refused:  # orjson.JSONEncodeError is a TypeError
        # orjson does not name the place: look again.
        raise _first_fault(value, "$", 0, depth_limit) or NotCanonical(
            path="$", expected=_EXPECTED, actual=str(refused)
        ) from None
    if len(data) > size_limit:
        raise TooLarge(path="$", expected=f"{size_limit} bytes", actual=f"{len(data)} bytes")
    if not _surely_in_profile(value, data, depth_limit):
        fault = _first_fault(value, "$", 0, depth_limit)
        if fault is not None:
            raise fault
    return data


def encode_many(values: Sequence[Any]) -> list[bytes]:
    """``encode`` of several values, which are looked at together: for thousands at once, in half the time.

    Raises:
        NotCanonical, TooLarge: about the first value that has a fault, as ``encode`` would.
    """
    try:
        made = [orjson.dumps(value, option=_OPTIONS) for value in values]
    except (TypeError, RecursionError):
        made = []
    if not made or max(map(len, made)) > SIZE_LIMIT or not _all_surely_in_profile(values, made):
        return [encode(value) for value in values]
    return made


def write(value: Any) -> bytes:
    """The canonical bytes of a value put together from parts that ``encode`` has accepted: not checked again.

    For what the library keeps beside the evidence and can make again from it, never for the evidence.

    Raises:
        TooLarge: more than ``SIZE_LIMIT`` bytes.
    """
    data = orjson.dumps(value, option=_OPTIONS)
    if len(data) > SIZE_LIMIT:
        raise TooLarge(path="$", expected=f"{SIZE_LIMIT} bytes", actual=f"{len(data)} bytes")
    return data


def written(data: bytes) -> Any:
    """Bytes that ``write`` made, to be put into what it is given as they are."""
    return orjson.Fragment(data)


def decode(data: bytes, *, size_limit: int = SIZE_LIMIT, depth_limit: int = DEPTH_LIMIT) -> Any:
    """The value of canonical bytes. Bytes that are JSON but not exactly canonical are refused.

    Safe on hostile input: size is looked at before parsing, and nothing but the two errors below is raised.

    Raises:
        NotCanonical: not JSON, outside the profile, or another spelling than ``encode`` would write (white space,
            key order, a key twice, escapes, ``-0``).
        TooLarge: more than ``size_limit`` bytes, or nested deeper than ``depth_limit``.
    """
    if type(data) is not bytes:
        raise NotCanonical(path="$", expected="bytes", actual=type(data).__name__)
    if len(data) > size_limit:
        raise TooLarge(path="$", expected=f"{size_limit} bytes", actual=f"{len(data)} bytes")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as refused:
        raise NotCanonical(path="$", expected="JSON", actual=refused.msg) from None
    again = encode(value, size_limit=size_limit, depth_limit=depth_limit)
    if again != data:
        place = _first_difference(again, data)
        raise NotCanonical(path="$", expected="canonical bytes", actual=f"another spelling from byte {place} on")
    return value


def read(data: bytes) -> Any:
    """The value of bytes that this library wrote itself and just read from its own store: parsed, not checked again."""
    return orjson.loads(data)


def _surely_in_profile(value: Any, data: bytes, depth_limit: int) -> bool:
    """Whether a value that orjson wrote is in the profile for certain. False means: look closely.

    orjson already refused large integers, lone surrogates, keys that are no str and subclasses. It lets through floats
    (NaN as null), UUIDs, enum members and its own fragments, so every node's exact type is looked at.
    """
    plain = data.isascii()  # then so are all keys, and ASCII is NFC
    names: list[str] = []
    if type(value) in _CONTAINERS:
        nodes = [value]
        for node in nodes:  # grows while it is walked
            if type(node) is dict:
                if not plain:
                    names += node
                node = node.values()
            for child in node:
                kind = type(child)
                if kind not in _SCALARS:
                    if kind not in _CONTAINERS:
                        return False
                    nodes.append(child)
        if len(nodes) > depth_limit and _depth(value) > depth_limit:
            return False
    elif type(value) not in _SCALARS:
        return False
    return plain or ("".join(names).isascii() and _surely_nfc(data))


def _all_surely_in_profile(values: Sequence[Any], made: Sequence[bytes]) -> bool:
    """The same of several values at once, level by level: a step for all nodes of a level instead of one for each."""
    plain = all(map(bytes.isascii, made))
    names: set[str] = set()
    level: list[Any] = list(values)
    for _ in range(DEPTH_LIMIT + 1):
        if not set(map(type, level)) <= _KINDS:
            return False
        inner = [node for node in level if type(node) in _CONTAINERS]
        if not inner:
            return plain or ("".join(names).isascii() and _surely_nfc(b"".join(made)))
        dicts = [node for node in inner if type(node) is dict]
        if not plain:
            names.update(*dicts)
        level = list(chain.from_iterable(map(dict.values, dicts)))
        level += chain.from_iterable([node for node in inner if type(node) is not dict])
    return False


def _surely_nfc(data: bytes) -> bool:
    """Whether every string inside JSON bytes is in NFC for certain.

    Characters that compose with a preceding ASCII character all lie in U+0300..U+036F, lead bytes CC and CD. Without
    those, ASCII takes no part in normalisation, and what is left after dropping it is NFC only if the strings are.
    """
    rest = data.translate(None, _ASCII)
    return b"\xcc" not in rest and b"\xcd" not in rest and unicodedata.is_normalized("NFC", rest.decode())


def _depth(value: Any) -> int:
    """How many containers stand inside each other; 1 for a flat one."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS
        ]
    return depth


def _first_fault(value: Any, path: str, depth: int, depth_limit: int) -> WorkflowError | None:
    """The first fault of a value in its own order, or None. Slow, and only asked when something looked wrong."""
    kind = type(value)
    if kind in _CONTAINERS:
        if depth >= depth_limit:
            return TooLarge(path=path, expected=f"{depth_limit} levels of nesting", actual="more")
        places = value.items() if kind is dict else enumerate(value)
        for place, child in places:
            if kind is not dict:
                below = f"{path}[{place}]"
            elif type(place) is not str:
                return NotCanonical(path=path, expected="keys that are str", actual=f"a {type(place).__name__}")
            elif not place.isascii():
                return NotCanonical(path=path, expected="ASCII keys", actual=f"the key {place[:_SHOWN]!a}")
            elif place.isidentifier() and len(place) <= _SHOWN:
                below = f"{path}.{place}"
            else:
                below = f"{path}[{place[:_SHOWN]!r}]"
            fault = _first_fault(child, below, depth + 1, depth_limit)
            if fault is not None:
                return fault
        return None
    if kind is str:
        return _fault_of_text(value, path)
    if kind is int and not -INTEGER_LIMIT < value < INTEGER_LIMIT:
        size = f"one of {value.bit_length()} bits"
        return NotCanonical(path=path, expected="an int strictly between -2**53 and 2**53", actual=size)
    if kind is float:
        return NotCanonical(path=path, expected=f"{_EXPECTED} (decimals as str)", actual="float")
    if kind not in _SCALARS:
        return NotCanonical(path=path, expected=_EXPECTED, actual=f"{kind.__module__}.{kind.__qualname__}")
    return None


def _fault_of_text(text: str, path: str) -> WorkflowError | None:
    for place, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            return NotCanonical(path=path, expected="text without lone surrogates", actual=f"one at character {place}")
    if unicodedata.is_normalized("NFC", text):
        return None
    place = _first_difference(text, unicodedata.normalize("NFC", text))
    # A text that NFC only lengthens differs inside itself, never past its end.
    return NotCanonical(
        path=path,
        expected="text in NFC (mend: unicodedata.normalize)",
        actual=f"U+{ord(text[place]):04X} at character {place}",
    )


def _first_difference(one: str | bytes, other: str | bytes) -> int:
    common = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(common) if a != b), min(len(one), len(other)))
