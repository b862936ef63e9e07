"""The quick reading of a text gives what the careful one gives, or leaves the text to it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_bad_input import mutated
from workflow.definition.quick import quick
from workflow.definition.shipped import shipped_flow, shipped_flows, shipped_root
from workflow.definition.source import carefully, read
from workflow.lint.book import lessons

FLOWS = [shipped_flow(name) for name in shipped_flows()]
SHIPPED = [*FLOWS, *sorted(lessons().glob("*.yaml")), shipped_root() / "starter" / "repair.yaml"]
PIECES = [
    "a", "b", "1", ":", ": ", " ", "  ", "\n", "\n  ", "- ", "-", "{", "}", "[", "]", ",", ", ", "'", '"', "#", " #", "|",
    ">", "? ", "%", "中", "：", "“", "”", "\\", "\\n", "@", "!", "~", "=", ".", "0", "|\n  ", ">-\n  ", "é", "\U0001f600",
    "/", "*x", "&x ", "---\n", "...", "a: ", "k: b\n", "<<: ", "true", "1.5",
]  # fmt: skip


def agree(text: str) -> bool:
    """Whether the quick reading took the text. What it took it must have read as the careful one does, to the type of
    every value, the order of keys and every place."""
    got = quick(text)
    if got is None:
        return False
    careful = carefully(text, "f.yaml")
    assert careful.problems == ()
    assert repr(got[0]) == repr(careful.data)
    assert list(got[1].items()) == list(careful.positions.keys.items())
    assert got[2] == careful.positions.values
    return True


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_every_shipped_file_is_read_quickly_and_alike(path: Path) -> None:
    assert agree(path.read_text(encoding="utf-8"))


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([p for p in SHIPPED if p.stat().st_size < 6000]))
def test_a_mutated_flow_is_read_alike_or_left_to_the_careful_reading(rng: random.Random, path: Path) -> None:
    text = mutated(path.read_text(encoding="utf-8"), rng).decode("utf-8", "replace")
    agree(text.replace("\r\n", "\n"))


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(["", "a: ", "k:\n  ", "k:\n  a: "]), st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
def test_any_marks_in_any_order_are_read_alike_or_left_to_the_careful_reading(head: str, pieces: list[str]) -> None:
    agree(head + "".join(pieces))


def test_without_libyaml_the_careful_reading_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = FLOWS[0].read_bytes()
    with_it = read(raw, "f.yaml")
    monkeypatch.setattr("workflow.definition.quick.CParser", None)
    without = read(raw, "f.yaml")
    assert quick(raw.decode()) is None
    assert (with_it.data, with_it.positions) == (without.data, without.positions)
