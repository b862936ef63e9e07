"""A vote whose papers the engine counts: from the roll to the signed sheet, and what is refused on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.polling import BAD, FIRST, GOOD, ISSUER, POLL, SECOND, Poll
from tests.contract.test_bundle import verified, written
from tests.contract.world import World, flow_text
from workflow import Actor, loads, voting
from workflow.errors import BadMaterial, BallotRefused, MaterialMissing, OutOfTurn, SamePerson
from workflow.evidence import ballotbox


def sheet(world: World, item: str) -> dict[str, Any]:
    return dict(world.engine.show(item).contents["votes"])


def test_a_vote_is_counted_signed_by_two_and_holds(shared: World) -> None:
    poll = Poll(shared, "p0", 12)
    poll.cast([GOOD] * 7 + [BAD] * 3)
    with shared.engine.look() as desk:
        assert voting.turnout(desk, "p0") == voting.Turnout(12, 10, False)
    poll.count()
    assert sheet(shared, "p0") == {"eligible": 12, "voted": 10, "aware": 10, "dissatisfied": 3}
    papers = shared.engine.show("p0").contents["papers"]
    assert papers == sorted(papers, key=lambda line: line["mark"]) and len({p["mark"] for p in papers}) == 10
    assert poll.sign() == "done"
    report = shared.verify()
    assert report.failures == [] and report.rules == "hold"


@pytest.mark.parametrize(
    ("good", "bad", "blank", "to"),
    [
        (5, 5, 0, "done"),  # "<= 50%" includes the half
        (4, 6, 0, "failing"),
        (9, 0, 1, "done"),  # ">= 90%" includes nine of ten: a blank is not aware
        (8, 0, 2, "failing"),
        (7, 0, 0, "vote"),  # seven of ten voted: no quorum
        (8, 0, 0, "done"),
    ],
)
def test_thresholds_are_exact_and_inclusive(shared: World, good: int, bad: int, blank: int, to: str) -> None:
    """Source: S4 「群众知情度和满意度不高」, R137."""
    item = f"{good}-{bad}-{blank}"
    poll = Poll(shared, item, 10)
    poll.cast([GOOD] * good + [BAD] * bad + [{}] * blank)
    poll.count()
    assert poll.sign() == to


def test_a_repeated_vote_has_a_roll_and_a_box_of_its_own(shared: World) -> None:
    poll = Poll(shared, "p2", 10)
    poll.cast([GOOD] * 6)
    poll.count()
    assert poll.sign() == "vote"
    old = poll.codes[0]
    with pytest.raises(BallotRefused):
        shared.engine.cast("p2", old, GOOD)
    poll.begin()
    with pytest.raises(BallotRefused, match="no such code"):
        shared.engine.cast("p2", old, GOOD)
    poll.cast([GOOD] * 9)
    poll.count()
    assert poll.sign() == "done"
    assert shared.verify().holds


def test_of_fewer_papers_than_can_hide_each_other_nothing_is_opened(shared: World) -> None:
    poll = Poll(shared, "p3", 5)
    poll.cast([GOOD] * 3 + [BAD])
    poll.count()
    assert sheet(shared, "p3") == {"eligible": 5, "voted": 4, "aware": 0, "dissatisfied": 0}
    assert shared.engine.show("p3").contents["papers"] == []
    assert poll.sign() == "vote"
    assert shared.verify().holds


def test_a_unit_too_small_takes_the_way_its_flow_declares(shared: World) -> None:
    poll = Poll(shared, "p4", 4)
    with pytest.raises(BallotRefused):
        shared.engine.cast("p4", poll.codes[0], GOOD)
    poll.count()
    assert poll.sign() == "by-superior"
    assert shared.verify().holds


def test_an_open_vote_is_by_name(shared: World) -> None:
    poll = Poll(shared, "p5", 3, mode="open")
    for voter in poll.roll:
        shared.engine.cast("p5", voter, BAD)
    with pytest.raises(BallotRefused, match="used"):
        shared.engine.cast("p5", poll.roll[0], GOOD)
    with pytest.raises(BallotRefused, match="no such code"):
        shared.engine.cast("p5", "somebody else", GOOD)
    shared.engine.count_ballot("p5", FIRST)
    assert [line["mark"] for line in shared.engine.show("p5").contents["papers"]] == poll.roll
    assert poll.sign() == "failing"
    assert shared.verify().holds


def test_a_code_is_good_once_wherever_its_holder_is(shared: World) -> None:
    """Source: S4 「组织难」, R215: somebody who is away votes with a code like any other, once."""
    poll = Poll(shared, "p6", 6)
    shared.engine.cast("p6", f"  {poll.codes[0].upper()} ", GOOD)
    with pytest.raises(BallotRefused, match="used"):
        shared.engine.cast("p6", poll.codes[0], BAD)
    for code in ("", "0" * 32, ballotbox.hash_of_code(poll.codes[1]).hex()):
        with pytest.raises(BallotRefused, match="no such code") as refused:
            shared.engine.cast("p6", code, GOOD)
        assert not code or code not in str(refused.value) + refused.value.text("zh")
    for answers in ({"heard": "perhaps"}, {"mark": "me"}, {"other": "heard"}):
        with pytest.raises(BadMaterial) as bad:
            shared.engine.cast("p6", poll.codes[1], answers)
        assert "perhaps" not in str(bad.value) and poll.codes[1] not in str(bad.value)
    with shared.engine.look() as desk:
        assert voting.turnout(desk, "p6") == voting.Turnout(6, 1, False)


def test_neither_scrutineer_opens_the_box_alone(shared: World) -> None:
    poll = Poll(shared, "p7", 6)
    poll.cast([GOOD] * 6)
    for keys in ([], poll.keys[:1], [poll.keys[0], ballotbox.new_key()[0]], ["not a key", poll.keys[1]]):
        with pytest.raises(BallotRefused) as refused:
            shared.engine.count_ballot("p7", FIRST, keys)
        assert not any(k in str(refused.value) for k in keys)
    poll.count()
    with pytest.raises(BallotRefused, match="counted"):
        shared.engine.count_ballot("p7", FIRST, poll.keys)
    with pytest.raises(BallotRefused, match="over"):
        shared.engine.cast("p7", poll.codes[0], GOOD)


def test_only_what_the_engine_counted_is_a_sheet(shared: World) -> None:
    poll = Poll(shared, "p8", 6)
    made_up = {"eligible": 6, "voted": 6, "aware": 6, "dissatisfied": 0}
    with pytest.raises(BallotRefused):
        shared.engine.record_tally("p8", FIRST, {"votes": made_up})
    poll.cast([BAD] * 6)
    poll.count()
    for values in (
        {"votes": made_up},
        {"papers": []},
        {"votes": made_up, "papers": [{"mark": "x", **GOOD}] * 6},
        {"votes": {**made_up, "dissatisfied": 6}, "papers": [{"mark": str(n), **BAD} for n in range(6)]},
    ):
        for verb in (shared.engine.record_tally, shared.engine.submit):
            with pytest.raises(BallotRefused):
                verb("p8", FIRST, values)
    again = {name: shared.engine.show("p8").contents[name] for name in ("votes", "papers")}
    shared.engine.record_tally("p8", SECOND, again)
    assert poll.sign() == "failing"


def test_who_issues_the_codes_neither_counts_nor_signs(shared: World) -> None:
    poll = Poll(shared, "p9", 6)
    case = shared.case("p9")
    with pytest.raises(BallotRefused, match="open already"):
        shared.engine.open_ballot("p9", ISSUER, case.content, poll.roll, codes=[], keys=case.ballot["keys"])
    shared.engine.open("poll", "o1", item="q9")
    seen, hashes = shared.case("q9").content, [ballotbox.hash_of_code(c).hex() for c in poll.codes]
    keys = dict(case.ballot["keys"])
    with pytest.raises(OutOfTurn):
        shared.engine.open_ballot("q9", FIRST, seen, poll.roll, codes=hashes, keys=keys)
    with pytest.raises(SamePerson):
        shared.engine.open_ballot("q9", ISSUER, seen, poll.roll, codes=hashes, keys={**keys, ISSUER.person: "00"})
    one = {FIRST.person: keys[FIRST.person], SECOND.person: keys[FIRST.person]}
    for roll, codes, held in (
        (poll.roll, hashes[1:], keys),
        (poll.roll, [hashes[0]] * 6, keys),
        (poll.roll, ["x" * 64] * 6, keys),
        ([*poll.roll[1:], poll.roll[1]], hashes, keys),
        ([], [], keys),
        (poll.roll, hashes, one),
        (poll.roll, hashes, {FIRST.person: keys[FIRST.person]}),
        (poll.roll, hashes, {FIRST.person: "ff", SECOND.person: keys[SECOND.person]}),
    ):
        with pytest.raises(BallotRefused):
            shared.engine.open_ballot("q9", ISSUER, seen, roll, codes=codes, keys=held)
    assert shared.case("q9").ballot == {}
    with pytest.raises(BallotRefused):
        shared.engine.cast("q9", poll.codes[0], GOOD)


def test_the_issuer_who_comes_to_be_a_scrutineer_signs_nothing(world: World) -> None:
    from tests.contract.world import imported, tenure_row

    poll = Poll(world, "p", 6)
    poll.cast([GOOD] * 6)
    poll.count()
    world.engine.import_org(imported(tenures=[tenure_row(ISSUER.person, "o1", "scrutineer", "2019-08-01")]))
    with pytest.raises(SamePerson):
        world.engine.sign("p", Actor(ISSUER.person, "scrutineer", "o1"), world.case("p").content, opinion="counted")


def test_an_auditor_adds_the_sheet_up_again_alone(shared: World) -> None:
    poll = Poll(shared, "audit", 8)
    poll.cast([GOOD] * 5 + [BAD] * 2)
    poll.count()
    poll.sign()
    _, lines, data = written(shared, "item", "audit")
    report = verified(shared, data)
    assert (report.failures, report.recounted, report.level) == ([], 1, "V2")
    assert not any(code in data.decode() for code in (*poll.codes, *poll.keys, *poll.roll))
    papers = shared.case("audit").materials["papers"]
    _, _, less = written(shared, "item", "audit", give=set())
    assert verified(shared, less).unchecked["votes"] == 1
    assert papers in {line["digest"] for line in lines if line["t"] == "content"}


def test_a_sheet_that_an_engine_made_up_is_found_by_both_verifiers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the engine's key and changes its rules seals a false sheet; the papers still say otherwise."""
    from workflow.definition.model import Ballot
    from workflow.rules import ballots as rules

    poll = Poll(world, "forged", 8)
    poll.cast([BAD] * 7)
    honest = Ballot.counts
    with monkeypatch.context() as forged:
        forged.setattr(rules, "check_sheet", lambda asked, act: asked.facts.get("ballot", "forged", "1"))
        forged.setattr(Ballot, "counts", lambda self, figures: {**honest(self, figures), "dissatisfied": 0})
        poll.count()
        assert poll.sign() == "done"
    assert {f.code for f in world.verify().failures} == {"rules-refuse"}
    _, _, data = written(world, "item", "forged")
    assert {code for code, _, _ in verified(world, data).failures} == {"tally"}


def test_issuer_scrutineer_and_voter_each_have_a_command(shared: World, tmp_path: Path) -> None:
    """From codes and keys to a sheet that two sign, each by the command of whoever does it. Source: R134, R215."""
    from typer.testing import CliRunner

    from workflow.cli.main import app

    def run(*args: str, code: int = 0, said: str = "", typed: str = "") -> str:
        done = CliRunner().invoke(app, ["ballot", *args], input=typed)
        assert done.exit_code == code and "Traceback" not in done.output, done.output
        assert said in done.output
        return done.output

    codes, hashes, roll = tmp_path / "codes", tmp_path / "hashes.json", tmp_path / "roll.txt"
    files = ["--out", str(codes), "--hashes", str(hashes)]
    assert run("codes", "--number", "6", *files) == "" and codes.stat().st_mode & 0o077 == 0
    run("codes", "--number", "6", *files, code=2)
    public = [run("key", "--out", str(tmp_path / f"key{n}")).strip() for n in (1, 2)]
    keys = [f"--key={who.person}={key}" for who, key in zip((FIRST, SECOND), public, strict=True)]
    roll.write_text("\n".join(f"voter-{n}" for n in range(6)) + "\n\n", encoding="utf-8-sig")
    shared.engine.publish(loads(flow_text(POLL)))
    shared.engine.open("poll", "o1", item="by-command")
    here = [shared.url, "by-command", "--home", str(shared.home)]
    issuer, counter = (f"--by={a.person},{a.post},{a.unit}" for a in (ISSUER, FIRST))
    run("status", *here, "--lang", "en", code=1, said="no vote was opened")
    run("open", *here, issuer, "--roll", str(roll), "--hashes", str(codes), *keys, code=2, said=codes.name)
    run("open", *here, "--by=somebody", "--roll", str(roll), *keys, "--lang", "zh", code=2, said="人员/职务@单位")
    run("open", *here, issuer, "--roll", str(tmp_path / "none"), code=2, said="none")
    run("open", *here, issuer, "--roll", str(roll), "--hashes", str(hashes), *keys[:1], code=2, said="1 key")
    opening = ["open", *here, issuer, "--roll", str(roll), "--hashes", str(hashes), *keys]
    run(*opening, "--lang", "zh", said="名册 6 人,无记名")
    run(*opening, "--lang", "en", code=2, said="open already")
    given = codes.read_text().split()
    cast = ["cast", *here, "--answer", "heard=heard"]
    for n, one in enumerate(given):
        assert one not in run(*cast, "--lang", "zh" if n % 2 else "en", typed=one + "\n")
    assert given[0] not in run(*cast, "--lang", "zh", code=2, typed=given[0] + "\n")
    run("status", *here, "--lang", "en", said="6 of 6 voted, open")
    private = [f"--key-file={tmp_path / f'key{n}'}" for n in (1, 2)]
    run("count", *here, counter, private[0], "--lang", "en", code=2, said="1 key(s) that do not open it")
    assert public[0] not in run("count", *here, counter, *private, "--lang", "en", said="voted: 6")
    run("status", *here, "--lang", "zh", said="应到 6,已投 6,已计票")
    assert sheet(shared, "by-command") == {"eligible": 6, "voted": 6, "aware": 6, "dissatisfied": 0}
    first, second = (f"--by={a.person},{a.post},{a.unit}" for a in (FIRST, SECOND))
    content = shared.case("by-command").content
    run(
        "sign",
        *here,
        first,
        "--lang",
        "en",
        code=1,
        said=f"nothing is signed. Where it is right, add --seen {content[:16]}",
    )
    run("sign", *here, first, "--seen", "0" * 16, "--lang", "en", code=2, said=content[:12])
    assert not any(s.state == "signed" for s in shared.case("by-command").slots)
    run("sign", *here, first, "--seen", content[:16], "--opinion", "counted", "--lang", "zh", said="已签字,现处 vote")
    run("sign", *here, first, "--seen", content[:16], "--lang", "en", code=2)  # one person is not both
    run("sign", *here, second, "--seen", content[:16], "--opinion", "counted", "--lang", "en", said="stands at done")
    run("sign", *here, second, "--lang", "en", code=2)  # there is no sheet any more
    assert shared.case("by-command").stage == "done" and shared.verify().holds


def test_a_unit_that_has_the_choice_votes_on_paper_or_by_the_box_and_never_both(shared: World) -> None:
    """``by-choice``: the sheet counted by hand stands for itself; once a box is open, only its papers count. R134."""
    text = POLL.replace("flow: poll", "flow: choice").replace("box: papers", "box: papers\n        by-choice: true")
    shared.engine.publish(loads(flow_text(text)))
    made = {"eligible": 3, "voted": 3, "aware": 3, "dissatisfied": 0}
    shared.engine.open("choice", "o1", item="by-hand")
    with pytest.raises(BallotRefused):
        shared.engine.record_tally("by-hand", FIRST, {"papers": [{"mark": "x", **GOOD}]})
    shared.engine.record_tally("by-hand", FIRST, {"votes": made})
    codes = [ballotbox.hash_of_code(c).hex() for c in ballotbox.new_codes(6)]
    keys = {who.person: ballotbox.new_key()[1] for who in (FIRST, SECOND)}
    roll = [f"voter-{n}" for n in range(6)]
    with pytest.raises(BallotRefused, match="handed in"):
        shared.engine.open_ballot("by-hand", ISSUER, shared.case("by-hand").content, roll, codes=codes, keys=keys)
    for by in (FIRST, SECOND):
        shared.engine.sign("by-hand", by, shared.case("by-hand").content, opinion="counted")
    assert shared.case("by-hand").stage == "done"  # three papers: nobody's box has to hide them
    shared.engine.open("choice", "o1", item="by-box")
    shared.engine.open_ballot("by-box", ISSUER, shared.case("by-box").content, roll, codes=codes, keys=keys)
    with pytest.raises(BallotRefused):
        shared.engine.record_tally("by-box", FIRST, {"votes": {**made, "eligible": 6}})
    with pytest.raises(MaterialMissing):
        shared.engine.sign("by-box", FIRST, shared.case("by-box").content, opinion="counted")
    _, _, data = written(shared, "item", "by-hand")
    report = verified(shared, data)
    assert (report.failures, report.recounted) == ([], 0)
    assert shared.verify().holds
