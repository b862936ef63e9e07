"""Attacks on bundles: each is caught at the level that can catch it, and no lower level claims to have."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attack.corpus import ATTACKS, HONEST, Attack, attacked, forged
from tests.attack.making import Honest, body_of, make_honest
from workflow.evidence import standalone
from workflow.evidence.standalone import Checkpoint, Policy, Report, Verifier


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Honest]:
    made = make_honest(tmp_path_factory.mktemp("honest"))
    yield made
    made.world.engine.close()


def verified(honest: Honest, data: bytes, level: str) -> Report:
    """As an auditor does who brings what a level takes."""
    plain, note = honest.give(level)
    policy = Policy.read(json.dumps(plain).encode()) if plain is not None else Policy()
    return Verifier(policy, Checkpoint.read(note) if note is not None else None).run(io.BytesIO(data))


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_an_attack_is_caught_where_it_can_be_and_no_level_claims_more(case: Attack, honest: Honest) -> None:
    data = attacked(case, honest)
    assert data != getattr(honest, case.base).data or case.name == "restored_backup_fail"
    report = verified(honest, data, "V5")
    assert report.level == case.claims
    said = {code for code, _, _ in report.failures} | set(report.unchecked)
    assert case.code in said
    assert (report.exit_code == 0) == (case.claims != "V0")
    for level in ("V1", "V2", "V3", "V4"):
        weaker = verified(honest, data, level)
        assert weaker.level <= min(level, case.claims) or case.claims == "V0" or level == "V4"


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_bundle_holds_at_every_level_it_has_evidence_for(name: str, honest: Honest) -> None:
    for level in ("V1", "V2", "V3"):
        report = verified(honest, getattr(honest, name).data, level)
        assert report.failures == []
        assert report.level == min(level, HONEST[name])
    report = verified(honest, getattr(honest, name).data, "V5")
    assert (report.level, report.failures) == (HONEST[name], [])


def test_the_honest_world_has_acts_of_every_kind(honest: Honest) -> None:
    kinds = {body_of(e)["act"]["kind"] for e in honest.campaign.of_kind("entry")}
    assert standalone.LEADS_TO.keys() - kinds == set()


def test_a_policy_that_wants_more_lets_no_click_count_and_ink_only_where_it_says_so(honest: Honest) -> None:
    clicked, inked = (verified(honest, honest.campaign.data, level) for level in ("S1", "WET"))
    assert {code for code, _, _ in (*clicked.failures, *inked.failures)} == {"strength"}
    assert clicked.failed == inked.failed + 1  # one is in ink
    assert {"S1", "S2?", "S2"} & inked.strengths.keys() and "S0" not in inked.strengths


def test_names_of_cases_are_unique_and_say_that_they_must_fail() -> None:
    names = [case.name for case in ATTACKS]
    assert len(set(names)) == len(names) >= 60
    assert all(name.endswith("_fail") for name in names)


def test_every_changed_byte_of_a_bundle_is_seen(honest: Honest) -> None:
    data = honest.plain.data
    for place in range(0, len(data), 97):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert verified(honest, changed, "V1").exit_code != 0, place


@given(data=st.binary(max_size=400))
def test_random_bytes_are_refused_without_a_traceback(data: bytes) -> None:
    assert Verifier(Policy()).run(io.BytesIO(data)).exit_code == 2


KINDS = [None, True, -1, 2**70, 0.5, "", "x", "signoff.local/log", [], [1], {}, {"a": 1}, "中", "sha256:00"]


@given(st.data())
def test_any_value_in_any_place_of_a_line_is_refused_or_harmless_and_never_a_traceback(
    honest: Honest, draw: st.DataObject
) -> None:
    made = honest.plain.copy()
    line = draw.draw(st.sampled_from(made.lines))
    name = draw.draw(st.sampled_from(sorted(line)))
    line[name] = draw.draw(st.sampled_from(KINDS))
    data = _dumped(made.lines)
    report = verified(honest, data, "V5")
    for lang in ("en", "zh"):
        assert standalone.as_text(report, lang)
    json.loads(standalone.as_json(report))
    if name in ("body", "seal", "chain", "digest", "hash"):
        assert report.exit_code != 0


@given(st.data())
def test_any_value_in_any_place_of_a_sealed_body_is_never_a_traceback(honest: Honest, draw: st.DataObject) -> None:
    made = honest.plain.copy()
    number = draw.draw(st.integers(1, len(made.entries("m1"))))

    def change(body: dict[str, Any]) -> None:
        at: Any = body
        for _ in range(draw.draw(st.integers(0, 3))):
            inner = [v for v in (at.values() if isinstance(at, dict) else at) if isinstance(v, (dict, list)) and v]
            if not inner:
                break
            at = draw.draw(st.sampled_from(inner))
        places = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        at[draw.draw(st.sampled_from(places))] = draw.draw(st.sampled_from([k for k in KINDS if k not in (2**70, 0.5)]))

    try:
        forged(made, honest, "m1", number, change)
    except (TypeError, KeyError):
        return
    report = verified(honest, made.data, "V5")
    assert report.level in ("V0", "V1", "V2")
    standalone.as_text(report, "zh")


def _dumped(lines: list[dict[str, Any]]) -> bytes:
    import hashlib

    out = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    end = {"t": "end", "lines": len(lines) + 1, "digest": "sha256:" + hashlib.sha256(out).hexdigest()}
    return out + json.dumps(end).encode() + b"\n"
