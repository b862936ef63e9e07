"""The JSON Schema says of the shape of a flow what the loader says: what one refuses, the other refuses."""

# ruff: noqa: E501  values stand side by side
from __future__ import annotations

import copy
import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker
from pydantic import ValidationError

from workflow.definition import shipped
from workflow.definition.fmt import formatted
from workflow.definition.keys import translate
from workflow.definition.model import Flow
from workflow.definition.schema import schema, unknown_forms
from workflow.definition.source import read

FLOWS = [shipped.shipped_flow(n) for n in shipped.shipped_flows()]
FLOWS += [shipped.shipped_root() / "lessons" / f"{n}.yaml" for n in ("hazard", "report", "weekly")]


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(schema(), format_checker=FormatChecker())


@cache
def plain(index: int, lang: str) -> Any:
    raw = FLOWS[index].read_bytes()
    return read(formatted(raw, keys="zh") if lang == "zh" else raw).data


def loads(data: Any) -> bool:
    done = translate(data)
    if done.twice:
        return False
    try:
        Flow.model_validate(done.data)
    except ValidationError:
        return False
    return True


def test_the_schema_is_a_draft_07_schema_that_lets_nothing_unknown_pass() -> None:
    made = schema()
    Draft7Validator.check_schema(made)
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert made["definitions"]["Stage"]["additionalProperties"] is False
    assert {"stages", "阶段"} <= made["definitions"]["Flow"]["properties"].keys()
    json.dumps(made)


def test_every_form_of_the_model_is_known_to_the_schema() -> None:
    assert unknown_forms() == [], "say each new short form or validator in definition/schema.py"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("index", range(len(FLOWS)), ids=[p.stem for p in FLOWS])
def test_every_shipped_flow_fits_in_either_language(index: int, lang: str) -> None:
    assert [e.message for e in validator().iter_errors(plain(index, lang))] == []


VALUES: list[Any] = [
    "", "x", "X y", "secretary", "5 workdays", "0 days", "five days", "2019-10-31", "2019-13-01", "20191031", ">= 2/3", "> 50%", "<= 70", "17:00",
    "own", "all", "remind", "propose", 0, 1, -1, 10_001, True, False, [], ["x"], ["secretary", "secretary"], {}, {"x": "y"}, {"zh": "x"}, {"post": "x"},
    {"secretary": "superior"}, {"secretary": "own", "deputy": "own"}, {"secretary": "own", "within": "2 days"}, {"within": "5 days"}, {"within": "2 days", "ladder": "x"},
    {"node": "x"}, {"node": "x", "within": "2 days"}, {"event": "appointed"}, {"event": "appointed", "within": "2 days"}, {"together": ["a", "b"], "need": ">= 2/3"},
    {"together": []}, {"in-turn": ["a"], "need": "all"}, {"decision": "x"}, {"decision": "x", "recorded-by": "y"}, {"seal": "x"}, {"在": "x"}, {"期限": "2 days"},
]  # fmt: skip
KEYS = ["x", "X", "of", "post", "within", "event", "veto", "期限", "在", "名称", "title", "at", "to", "需", "1"]


def mutate(data: Any, rng: random.Random) -> Any:
    """The data with one thing changed somewhere: a value, a key, an entry more or less."""
    data = copy.deepcopy(data)
    places: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        here = waiting.pop()
        for key, below in here.items() if isinstance(here, dict) else enumerate(here):
            places.append((here, key))
            if isinstance(below, (dict, list)):
                waiting.append(below)
    into, key = rng.choice(places)
    how = rng.randrange(5)
    if how == 0:
        del into[key]
    elif how == 1 and isinstance(into, dict):
        into[rng.choice(KEYS)] = into.pop(key)
    elif how == 2 and isinstance(into, dict):
        into[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
    elif how == 3:
        into[key] = copy.deepcopy(rng.choice([place[0][place[1]] for place in places]))
    else:
        into[key] = copy.deepcopy(rng.choice(VALUES))
    return data


@given(st.integers(0, len(FLOWS) - 1), st.sampled_from(["en", "zh"]), st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_what_the_loader_refuses_for_its_shape_the_schema_refuses_and_the_other_way_round(
    index: int, lang: str, rng: random.Random
) -> None:
    data = mutate(plain(index, lang), rng)
    assert validator().is_valid(data) == loads(data), data


def _below(data: Any, wanted: set[str]) -> list[dict[str, Any]]:
    """Every map that stands under one of some keys, or is one of a list or map that does."""
    found: list[dict[str, Any]] = []
    waiting = [data]
    while waiting:
        here = waiting.pop()
        for key, value in here.items() if isinstance(here, dict) else enumerate(here):
            if isinstance(value, (dict, list)):
                waiting.append(value)
            if key in wanted:
                inner = (
                    value if isinstance(value, list) else [value, *value.values()] if isinstance(value, dict) else []
                )
                found += [one for one in inner if isinstance(one, dict)]
    return found


@pytest.mark.parametrize("name", ["yearly-appraisal", "quarterly-appraisal", "organisation-file"])
def test_keys_that_exclude_one_another_do_so_in_the_schema_too(name: str) -> None:
    """A source, a floor and a due, each with one key less and with each that may not stand beside the others."""
    index = [p.stem for p in FLOWS].index(name)
    data, tried = plain(index, "en"), 0
    more = {"flow": "x", "times": 2, "material": "x", "field": "x", "part": "x", "whole": "x", "source": "x"}
    more |= {"after": "2 days", "ahead": "2 days", "node": "x"}
    for spec in _below(data, {"sources", "floors", "due"}):
        held = dict(spec)
        for key, value in [*((k, None) for k in held), *more.items()]:
            spec.clear()
            spec.update({k: v for k, v in held.items() if k != key} if value is None else {**held, key: value})
            assert validator().is_valid(data) == loads(data), spec
            tried += 1
        spec.clear()
        spec.update(held)
    assert tried > 10 and validator().is_valid(data)
