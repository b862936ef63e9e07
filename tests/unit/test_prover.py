"""The proof of a flow: what holds is proved, and each fault put into a flow is refuted by a shortest way to it."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.contract.world import MATTER, flow_text, imported, tenure_row
from workflow import loads
from workflow.calendar_file import load_calendar
from workflow.cli.main import app
from workflow.definition.load import load
from workflow.definition.shipped import shipped_calendar, shipped_flow, shipped_flows
from workflow.errors import DefinitionInvalid
from workflow.org.importing import OrgImport
from workflow.prover.proof import Proof, prove

CALENDAR = load_calendar(shipped_calendar("cn"))


# Taking an item over begins a new round; without that the flow has a fault that the proof finds (see below).
SOUND = flow_text(MATTER).replace("  - stage: above\n", "  - stage: above\n    new-round: true\n")


def org_without(*gone: tuple[str, str], plus: tuple[dict[str, Any], ...] = ()) -> OrgImport:
    """The invented organisation with some posts vacant, and with other tenures."""
    rows = imported().to_rows()
    rows["tenures"] = [t for t in rows["tenures"] if (t["unit"], t["post"]) not in gone] + list(plus)
    return OrgImport.from_rows(rows)


def proof_of(*changes: tuple[str, str], text: str = SOUND, **more: object) -> Proof:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return prove(loads(text), CALENDAR, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", shipped_flows())
def test_every_shipped_flow_is_proved(name: str) -> None:
    """Within a minute of processor time: how much else the machine does meanwhile says nothing."""
    began = process_time()
    proof = prove(load(shipped_flow(name)), CALENDAR)
    assert [(c.claim, str(c.why)) for c in proof.counters] == []
    assert proof.exit_code == 0 and proof.states >= 3 and process_time() - began < 60


def test_units_that_are_alike_are_proved_once_and_those_that_are_not_each() -> None:
    proof = proof_of(org=imported(), level="organisation")
    assert proof.units == [("o1", 2), ("o2", 1)]
    (found,) = proof.of("apart")  # o2 is not established: t1 answers for its secretary, and nobody counts its votes
    assert (found.unit, "scrutineer@o2" in str(found.why)) == ("o2", True)
    assert {c.claim for c in proof.counters} == {"apart"}


def test_a_chain_that_leaves_out_a_level_is_refuted_by_the_way_to_the_end() -> None:
    proof = proof_of(("from: organisation, to: second", "from: organisation, to: third"), require=("second",))
    (found, *_) = proof.of("levels-signed")
    assert "without a signature of second" in str(found.why)
    assert found.way[0].startswith("opened at") and found.way[-1].endswith("-> nothing")


def test_a_short_cut_past_the_chain_is_refuted() -> None:
    proof = proof_of(
        ("exits: {accepted: work}", "exits: {accepted: work, given-up: nothing}"),
        (
            "  - stage: report\n    duty: secretary\n    due: {node: report}\n    materials: sheet\n    chain: up",
            "  - stage: first\n    duty: secretary\n    due: 5 workdays\n    slots: secretary\n    exits: {on: report, off: plan}\n"
            "  - stage: report\n    duty: secretary\n    due: {node: report}\n    materials: sheet\n    chain: up",
        ),
    )
    (found, *_) = proof.of("levels-signed")
    assert "without a signature of third, second" in str(found.why)
    assert [step.split(": ")[-1] for step in found.way][-1].endswith("-> nothing")
    assert len(found.way) <= 7  # opened, off, papers, lead, notice, given up


def test_a_stage_without_a_due_is_refuted() -> None:
    (found,) = proof_of(
        ("    due: 20 workdays\n    exits: {lines-closed: vote}", "    exits: {lines-closed: vote}")
    ).of("due-and-ladder")
    assert str(found.why) == "work waits without a due"
    assert found.way[-1].endswith("-> work")


def test_a_ladder_that_ends_at_a_vacant_post_is_refuted() -> None:
    text = "    - {after: 5 workdays, do: propose, item: talk, to: {secretary: superior}, whom: responsible}\n"
    proof = proof_of(
        (text, text + "    - {after: 9 workdays, do: remind, to: {scrutineer: top}}\n"), org=imported(), units=("o1",)
    )
    assert "reaches nobody" in str(proof.of("due-and-ladder")[0].why)


def test_a_limit_that_can_never_be_left_again_is_refuted() -> None:
    """Three votes without a quorum, then up and down for ever: the count is kept for the whole round."""
    (found,) = proof_of(text=flow_text(MATTER)).of("way-out")
    assert "goes round for ever through above" in str(found.why)
    assert sum("record-tally" in step for step in found.way) == 3


def test_two_places_that_one_person_must_not_sign_are_refuted_where_one_holds_both_posts() -> None:
    both = org_without(("t1", "secretary"), plus=(tenure_row("t1-department", "t1", "secretary"),))
    (found, *_) = proof_of(org=both, units=("o1",)).of("apart")
    assert "t1-department" in str(found.why) and "secretary@t1" in str(found.why)
    assert any(step.startswith("department@t1") for step in found.way)


def test_a_post_that_nobody_holds_is_refuted() -> None:
    (found, *_) = proof_of(org=org_without(("o1", "scrutineer")), units=("o1",)).of("apart")
    assert "scrutineer@o1" in str(found.why)


def test_a_stage_whose_only_signers_are_barred_never_comes_to_be_proved() -> None:
    with pytest.raises(DefinitionInvalid, match="all-barred"):
        proof_of(("    not-by: [secretary, lead]", "    not-by: [{secretary: second}, lead]"))


APPRAISAL = shipped_flow("quarterly-appraisal").read_text(encoding="utf-8")


def test_every_grade_of_an_assessment_is_tried() -> None:
    """Figures that an earlier stage handed in count too: the self-assessment is a part of the result (R134)."""
    assert "good: graded, qualified: graded," in APPRAISAL
    shelf = "  - stage: shelf\n    slots: secretary\n    exits: {on: graded}\n  - stage: graded\n"
    for grade in ("good", "qualified"):
        (found,) = proof_of((f"{grade}: graded", f"{grade}: shelf"), ("  - stage: graded\n", shelf), text=APPRAISAL).of(
            "due-and-ladder"
        )
        assert str(found.why) == "shelf waits without a due" and "superior-card (total" in found.way[-2]


def test_an_assessment_that_nobody_can_hand_in_is_refuted() -> None:
    (found,) = proof_of(("    materials: self-card\n", ""), text=APPRAISAL).of("way-out")
    assert "self-card" in str(found.why)


def test_a_bound_that_is_reached_proves_nothing() -> None:
    proof = proof_of(at_most=20)
    assert not proof.whole and proof.exit_code == 2 and proof.counters == []


def test_the_command_prints_claims_states_and_bounds(tmp_path: Path) -> None:
    broken = tmp_path / "matter.yaml"
    broken.write_text(
        flow_text(MATTER).replace(
            "    due: 20 workdays\n    exits: {lines-closed: vote}", "    exits: {lines-closed: vote}"
        )
    )
    said = CliRunner().invoke(app, ["prove", str(broken), "--lang", "en"])
    assert said.exit_code == 1, said.output
    assert "REFUTED" in said.output and "work waits without a due" in said.output and "states" in said.output
    said = CliRunner().invoke(app, ["prove", "weekly-report", "--json"])
    assert said.exit_code == 0 and json.loads(said.output)["whole"] is True
    said = CliRunner().invoke(app, ["prove", "weekly-report", "--lang", "zh"])
    assert "成立" in said.output and "界限" in said.output
    assert CliRunner().invoke(app, ["prove", "no-such-flow"]).exit_code == 2
    assert CliRunner().invoke(app, ["prove", "weekly-report", "--require", "thrid"]).exit_code == 2
