"""The testing kit, used as a host would: a test of its own, run by a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEST = """
import pytest
from workflow.errors import Unknown

def test_a_report_is_signed_by_whoever_may_and_reminded_of_when_nobody_does(sign_off):
    sign_off.publish(FLOW)
    sign_off.organise(ORG)
    sign_off.engine.open("small", "g1-s1", item="signed")
    sign_off.engine.open("small", "g1-s1", item="left")
    assert sign_off.outbox() == []
    assert sign_off.signer("signed").post == "secretary"
    sign_off.sign("signed")
    assert sign_off.case("signed").final
    sign_off.forward(days=5)
    assert [m.facts["item"] for m in sign_off.outbox()] == ["left"]
    with pytest.raises(LookupError):
        sign_off.signer("signed")

def test_each_test_has_a_database_of_its_own(sign_off):
    with pytest.raises(Unknown):
        sign_off.case("signed")
"""
FLOW = """
flow: small
version: "1"
title: {zh: 小流程, en: a small flow}
timezone: Asia/Shanghai
calendar: cn
levels: [branch, third, second, group, regulator]
liability: {zh: 谁签字谁负责, en: whoever signs answers for it}
posts:
  secretary: {title: {zh: 书记, en: secretary}, first-responsible: true, backstop: superior}
ladder:
  overdue:
    - {after: 0 workdays, do: remind, to: responsible}
stages:
  - stage: asked
    due: {within: 1 workdays}
    slots: secretary
    exits: {done: done}
  - stage: done
    final: true
"""


def test_a_hosts_own_test_runs_with_the_kit(tmp_path: Path) -> None:
    org = Path(__file__).parents[2] / "definitions" / "org" / "example"
    flow = tmp_path / "small.yaml"
    flow.write_text(FLOW, encoding="utf-8")
    head = f"FLOW, ORG = {str(flow)!r}, {str(org)!r}\n"
    (tmp_path / "test_host.py").write_text(head + TEST, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",  # of the kit's own nothing is left for a strict host to trip over
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
