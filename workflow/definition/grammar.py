"""The small grammar that flow files keep to: limits, characters that have no place in them, and what an unquoted word is.

The core schema of YAML 1.2, without floats, and without numbers that look like something else.
"""

from __future__ import annotations

import re

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
MAX_SCALAR = 20_000
MAX_DIGITS = 15
MAX_VALUES = 20_000

# Lone CR, other C0 and C1, line separators, zero-width and bidirectional marks, surrogates. CRLF became LF before.
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]"
)
IN_VALUES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")

NULL = frozenset(("", "~", "null", "Null", "NULL"))
BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INT = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
OTHER_INT = re.compile(r"[-+]?\d[\d_]*|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
STRUCTURAL = {
    "\uff1a": ":",
    "\uff0c": ",",
    "\uff5b": "{",
    "\uff5d": "}",
    "\uff3b": "[",
    "\uff3d": "]",
    "\uff02": '"',
    "\uff07": "'",
    "\u3000": " ",
    "\xa0": " ",
}
WIDE = re.compile("[" + re.escape("".join(STRUCTURAL)) + "]")
WIDE_QUOTES = re.compile("[\u201c\u201d]")
_WIDE_OR_QUOTES = re.compile("[\u201c\u201d" + re.escape("".join(STRUCTURAL)) + "]")
_HAN = re.compile("[\u3400-\u9fff]")


def misplaced(text: str) -> re.Pattern[str] | None:
    """What finds the full-width marks of an unquoted text that were probably meant as punctuation of the format; None
    where it has none. Chinese quotation marks inside Chinese prose are prose, as long as they come in pairs."""
    if text.isascii():
        return None
    pattern = WIDE if paired(text) and _HAN.search(text) else _WIDE_OR_QUOTES
    return pattern if pattern.search(text) else None


def paired(text: str) -> bool:
    """Whether Chinese quotation marks open and close in turn."""
    depth = 0
    for mark in WIDE_QUOTES.findall(text):
        depth += 1 if mark == "\u201c" else -1
        if depth not in (0, 1):
            return False
    return depth == 0
