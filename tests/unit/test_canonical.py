"""Canonical bytes: one spelling, the profile, and hostile input."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from workflow.errors import NotCanonical, TooLarge
from workflow.evidence.canonical import decode, encode, encode_many, read

LIMIT = 2**53 - 1

texts = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text))
keys = st.text(st.characters(max_codepoint=127), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-LIMIT, LIMIT) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)


@dataclasses.dataclass
class Record:
    a: int = 1


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    YES = "yes"


class Plain(enum.Enum):
    ONE = 1


class Text(str):
    pass


class Whole(int):
    pass


class Mapping(dict):  # type: ignore[type-arg]
    pass


class Listing(list):  # type: ignore[type-arg]
    pass


Pair = collections.namedtuple("Pair", "a b")


@given(values)
@example('\u20ac$\u000f\nA\'B"\\\\"/')  # the string of RFC 8785 section 3.2.2
@example("".join(map(chr, range(0x80))) + "\u2028\u2029\ufeff\uffff\U0010ffff")
def test_encode_writes_the_bytes_of_the_reference_implementation_of_rfc_8785(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


@given(values)
def test_decode_gives_back_what_encode_was_given(value: Any) -> None:
    assert decode(encode(value)) == value
    assert read(encode(value)) == value


def test_the_example_string_of_rfc_8785_is_escaped_as_the_rfc_prints_it() -> None:
    assert encode('\u20ac$\u000f\nA\'B"\\\\"/') == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


def test_a_tuple_is_written_as_an_array() -> None:
    assert encode({"a": (1, (2, "x"))}) == b'{"a":[1,[2,"x"]]}'


@pytest.mark.parametrize(
    ("wrong", "actual"),
    [
        (1.5, "float"),
        (1.0, "float"),
        (float("nan"), "float"),
        (float("inf"), "float"),
        (b"x", "builtins.bytes"),
        ({1}, "builtins.set"),
        (datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC), "datetime.datetime"),
        (datetime.date(2025, 1, 1), "datetime.date"),
        (datetime.time(1), "datetime.time"),
        (uuid.UUID(int=1), "uuid.UUID"),
        (orjson.Fragment(b"1.5"), "orjson.Fragment"),
        (Record(), f"{__name__}.Record"),
        (Number.ONE, f"{__name__}.Number"),
        (Word.YES, f"{__name__}.Word"),
        (Plain.ONE, f"{__name__}.Plain"),
        (Text("x"), f"{__name__}.Text"),
        (Whole(1), f"{__name__}.Whole"),
        (Mapping(a=1), f"{__name__}.Mapping"),
        (Listing([1]), f"{__name__}.Listing"),
        (Pair(1, 2), f"{__name__}.Pair"),
        (2**53, "one of 54 bits"),
        (-(2**53), "one of 54 bits"),
        (2**64, "one of 65 bits"),
        ("e\u0301", "U+0065 at character 0"),
        ("\u6c49\u212b", "U+212B at character 1"),
        ("a\ud800", "one at character 1"),
    ],
)
def test_what_is_outside_the_profile_is_refused_with_its_path(wrong: Any, actual: str) -> None:
    with pytest.raises(NotCanonical) as alone:
        encode(wrong)
    assert (alone.value.facts["path"], alone.value.facts["actual"]) == ("$", actual)
    with pytest.raises(NotCanonical) as inside:
        encode({"good": "汉", "a": [0, "x", None, {"b": wrong}]})
    assert (inside.value.facts["path"], inside.value.facts["actual"]) == ("$.a[3].b", actual)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"é": 1}}, "$.a"),
        ({"a": [{1: 2}]}, "$.a[0]"),
        ({"a": {Text("b"): 2}}, "$.a"),
        ({"a": {"\ud800": 2}}, "$.a"),
        ({"a-b": {"": 1.5}}, "$['a-b']['']"),
    ],
)
def test_a_bad_key_is_named_by_the_object_it_stands_in(value: Any, path: str) -> None:
    with pytest.raises(NotCanonical) as refused:
        encode(value)
    assert refused.value.facts["path"] == path


def test_a_refusal_never_quotes_the_text_it_refuses() -> None:
    with pytest.raises(NotCanonical) as refused:
        encode({"opinion": "secret e\u0301 secret"})
    assert "secret" not in str(refused.value) + refused.value.text("zh")


@given(
    st.dictionaries(
        keys, st.text('a\n"\\e\u0301\u0323\u0338\u1100\u1161\u11a8é汉\u212b\u0344=', max_size=8), max_size=4
    )
)
@example({"a": "\n\u0301"})  # escaped, the n of \n would take the accent
@example({"a": "\u0301"})
@example({"a": "汉\u0301 e", "b": "\u0301"})
def test_a_string_is_refused_exactly_when_it_is_not_nfc_by_itself(value: dict[str, str]) -> None:
    if all(unicodedata.is_normalized("NFC", text) for text in value.values()):
        assert decode(encode(value)) == value
    else:
        with pytest.raises(NotCanonical):
            encode(value)


def test_only_characters_from_u0300_to_u036f_compose_with_ascii() -> None:
    """What the quick look at NFC rests on."""
    seconds = set()
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code)).split()
        composed = len(parts) == 2 and not parts[0].startswith("<") and int(parts[0], 16) < 128
        if composed and unicodedata.is_normalized("NFC", chr(code)):
            seconds.add(int(parts[1], 16))
    assert seconds
    assert all(0x300 <= second <= 0x36F for second in seconds)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b"-0",
        b"1.0",
        b"1e3",
        b"1e22",
        b"0.5",
        b"01",
        b"9007199254740992",
        b"18446744073709551616",
        b"1" * 5000,
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\\ud800"',
        b'"\xff"',
        b'"\x01"',
        b'"e\xcc\x81"',
        b'{"\xc3\xa9":1}',
        b"\xef\xbb\xbf1",
        b"NaN",
        b"nul",
        b"[1,]",
        b"[1",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_bytes_that_are_not_exactly_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


@pytest.mark.parametrize("data", ["{}", bytearray(b"{}"), memoryview(b"{}"), None])
def test_decode_takes_bytes_only(data: Any) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE-\\ tfn', max_size=40).map(str.encode))
def test_any_bytes_are_either_refused_or_the_encoding_of_their_value(data: bytes) -> None:
    try:
        value = decode(data)
    except (NotCanonical, TooLarge):
        return
    assert encode(value) == data


@given(values, st.data())
def test_no_changed_byte_decodes_to_the_same_value(value: Any, data: st.DataObject) -> None:
    good = encode(value)
    place = data.draw(st.integers(0, len(good) - 1))
    bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    try:
        changed = decode(bad)
    except (NotCanonical, TooLarge):
        return
    assert json.dumps(changed) != json.dumps(value)


@pytest.mark.parametrize(("shape", "leaf"), [("[%s]", "[]"), ('{"a":%s}', "{}")])
def test_nesting_is_allowed_up_to_the_limit_and_no_deeper(shape: str, leaf: str) -> None:
    def nested(containers: int) -> bytes:
        text = leaf
        for _ in range(containers - 1):
            text = shape % text
        return text.encode()

    assert encode(decode(nested(64))) == nested(64)
    for containers in (65, 300, 1000):
        with pytest.raises(TooLarge) as refused:
            decode(nested(containers))
        assert refused.value.facts["expected"] == "64 levels of nesting"
    with pytest.raises(TooLarge):
        encode(json.loads(nested(65)))
    with pytest.raises(TooLarge):
        decode(nested(3), depth_limit=2)


def test_many_flat_containers_are_not_mistaken_for_deep_ones() -> None:
    value = [{"a": [n]} for n in range(1000)]
    assert decode(encode(value)) == value


def test_a_value_that_contains_itself_is_refused_by_depth() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TooLarge):
        encode(endless)


def test_size_is_held_to_the_byte_on_both_ways() -> None:
    assert decode(encode("x" * 8, size_limit=10), size_limit=10) == "x" * 8
    with pytest.raises(TooLarge) as refused:
        encode("x" * 9, size_limit=10)
    assert (refused.value.facts["expected"], refused.value.facts["actual"]) == ("10 bytes", "11 bytes")
    with pytest.raises(TooLarge):
        decode(b'"xxxxxxxxx"', size_limit=10)
    with pytest.raises(TooLarge):
        decode(b"[" * (4 * 1024 * 1024 + 1))


faults = st.sampled_from(
    [
        1.5,
        float("nan"),
        2**53,
        uuid.UUID(int=1),
        Number.ONE,
        Word.YES,
        Plain.ONE,
        Text("a"),
        Whole(1),
        "e\u0301",
        "\ud800",
        {"\u00fc": 1},
        {1: 2},
        {1},
        Pair(1, 2),
        datetime.date(2019, 8, 20),
    ]
)
suspect = st.recursive(
    scalars | faults, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@given(st.lists(values | suspect, max_size=6))
@example([])
@example([{"a": nested(63)}, 1])
@example([{"a": 1}, {"a": nested(64)}])
@example(["\u00e9", "\u0301"])  # each alone is in NFC
@example([["x"], {"\u540d": "\u540d"}])
def test_several_at_once_are_written_and_refused_as_one_by_one(several: list[Any]) -> None:
    def outcome(of: Callable[[], list[bytes]]) -> list[bytes] | str:
        try:
            return of()
        except (NotCanonical, TooLarge) as refused:
            return f"{type(refused).__name__}: {refused}"

    assert outcome(lambda: encode_many(several)) == outcome(lambda: [encode(value) for value in several])
