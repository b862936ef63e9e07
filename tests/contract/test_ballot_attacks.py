"""Who looks at everything a database holds learns nothing of who voted how; who pulls the plug loses no vote."""

from __future__ import annotations

import logging
import subprocess
import sys
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.polling import BAD, FIRST, GOOD, Poll
from tests.contract.world import World
from workflow import voting
from workflow.errors import BallotRefused
from workflow.store import ballots
from workflow.store.tables import metadata

VOTERS, SHUFFLES = 60, 4_000


def dump(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table with whatever the database keeps beside it, in the order in which it lies there."""
    out: dict[str, list[dict[str, Any]]] = {}
    with world.engine.reading() as connection:
        hidden = (
            "xmin::text AS xmin, ctid::text AS ctid" if connection.dialect.name == "postgresql" else "rowid AS rowid"
        )
        for name in metadata.tables:
            rows = connection.execute(sa.text(f'SELECT {hidden}, * FROM "{name}"')).mappings()
            out[name] = [dict(r) for r in rows]
    return out


def chance(truth: list[str], guess: list[str], random: Random) -> float:
    """How often a shuffled guess is as good as this one."""

    def hits(some: list[str]) -> int:
        return sum(a == b for a, b in zip(truth, some, strict=True))

    mixed, good = list(guess), hits(guess)
    better = 0
    for _ in range(SHUFFLES):
        random.shuffle(mixed)
        better += hits(mixed) >= good
    return better / SHUFFLES


def orders(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows in every order that the database could have kept, forwards and backwards."""
    found = {"as it lies": rows}
    for column in rows[0]:
        values = [r[column] for r in rows]
        if len({str(v) for v in values}) > 1:
            found[column] = sorted(rows, key=lambda r, c=column: _place(r[c]))  # type: ignore[misc]
    return found | {f"{name}, backwards": some[::-1] for name, some in found.items()}


def _place(value: Any) -> Any:
    text = str(value)
    if text.startswith("("):  # ctid
        return tuple(int(n) for n in text.strip("()").split(","))
    return (int(text),) if text.isdigit() else (text,)


def test_a_full_dump_links_no_voter_to_a_vote(world: World) -> None:
    """The attacker stood at the door and knows who voted in which order, and has every table before, during and after."""
    random = Random(11)
    poll = Poll(world, "p", VOTERS)
    votes = [GOOD if random.random() < 0.5 else BAD for _ in range(VOTERS)]
    order = random.sample(poll.codes, VOTERS)
    seen: set[str] = set()
    arrived: list[str] = []  # the sealed paper that came with each vote: whoever watches the disk sees it
    before = dump(world)
    for code, vote in zip(order, votes, strict=True):
        world.engine.cast("p", code, vote)
        with world.engine.reading() as connection:
            box = ballots.read(connection, "p", 1)
        assert box is not None
        papers = [p.hex() for p in box.papers]
        assert papers == sorted(papers) and len({len(p) for p in papers}) == 1
        (new,) = set(papers) - seen
        seen.add(new)
        arrived.append(new)
    during = dump(world)
    changed = {n for n in during if [_bare(r) for r in during[n]] != [_bare(r) for r in before[n]]}
    assert changed == {"wf_ballot"} and len(during["wf_ballot"]) == 1, "a vote leaves no row of its own anywhere"
    poll.count()
    after = dump(world)
    truth = [v["content"] for v in votes]
    lines = [r for r in after["wf_line"] if r["list"] == "papers"]
    assert len(lines) == VOTERS
    for name, rows in orders(lines).items():
        if name in ("cells", "cells, backwards"):
            continue  # its own text: sorted by mark already, see below
        guess = ["dissatisfied" if b"dissatisfied" in r["cells"] else "satisfied" for r in rows]
        assert chance(truth, guess, random) > 0.001, f"the order of {name} tells how people voted"
    assert len({r.get("xmin") for r in lines}) == 1, "all papers were laid out in one transaction"
    by_paper = {p: n for n, p in enumerate(sorted(arrived))}
    opened = [line["content"] for line in world.engine.show("p").contents["papers"]]
    guess = [opened[by_paper[p]] for p in arrived]
    assert chance(truth, guess, random) > 0.001, "the order of the sealed papers tells how people voted"
    (left,) = after["wf_ballot"]
    assert (bytes(left["box"]), bytes(left["used"]), bytes(left["unused"])) == (b"", b"", b"")


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items() if k not in ("xmin", "ctid")}


def test_the_statistic_would_see_an_order_that_tells() -> None:
    random = Random(3)
    truth = [random.choice("ab") for _ in range(VOTERS)]
    assert chance(truth, truth, random) < 0.001
    assert chance(truth, ["a" if t == "b" else "b" for t in truth][::-1], random) <= 1


def test_no_code_key_or_answer_is_in_the_database_or_a_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        poll = Poll(world, "p", 8)
        given = poll.cast([GOOD] * 5 + [BAD] * 3)
        during = repr(dump(world))
        with pytest.raises(BallotRefused) as refused:
            world.engine.cast("p", given[0], BAD)
        poll.count()
        poll.sign()
    said = "".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records if r.name.startswith("workflow"))
    assert "item.ballot_opened" in said
    secrets = [*poll.codes, *poll.keys]
    for text in (during, repr(dump(world)), said, str(refused.value), repr(refused.value.facts)):
        assert not any(s in text or s.upper() in text for s in secrets)
    marks = [line["mark"] for line in world.engine.show("p").contents["papers"]]
    assert not any(m in during or m in said for m in marks)
    assert "dissatisfied" not in said


def test_a_killed_process_loses_no_accepted_vote(world: World) -> None:
    poll = Poll(world, "p", 40)
    world.engine.db.dispose()
    command = [sys.executable, "-m", "tests.contract.voter", world.url, str(world.home), "p"]
    waiting, accepted = list(poll.codes), 0
    for kill_after in (1, 5, 9):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **pipes) as voter:  # type: ignore[call-overload]
            voter.stdin.write("\n".join(waiting) + "\n")
            voter.stdin.flush()
            said = [voter.stdout.readline().strip() for _ in range(kill_after)]
            voter.kill()
            said += [line.strip() for line in voter.stdout.read().splitlines()]
        accepted += len(said)
        with world.engine.reading() as connection:
            box = ballots.read(connection, "p", 1)
        assert box is not None and len(box.papers) == len(box.used) >= accepted
        assert len(box.used) + len(box.unused) == 40
        waiting = waiting[len(said) :]
        while waiting:  # accepted by the engine, but killed before it could say so: the code is used, and told to be
            try:
                world.engine.cast("p", waiting[0], GOOD)
            except BallotRefused:
                waiting, accepted = waiting[1:], accepted + 1
                continue
            waiting, accepted = waiting[1:], accepted + 1
            break
    with world.engine.look() as desk:
        assert voting.turnout(desk, "p") == voting.Turnout(40, accepted, False)


def test_a_count_that_fails_anywhere_leaves_the_box_as_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = Poll(world, "p", 6)
    poll.cast([GOOD] * 6)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr("workflow.store.appending.append", broken)
        with pytest.raises(OSError, match="disk"):
            poll.count()
    with world.engine.look() as desk:
        assert voting.turnout(desk, "p") == voting.Turnout(6, 6, False)
    poll.count()
    assert poll.sign() == "done"


def test_papers_that_nobody_cast_are_noticed(world: World) -> None:
    """Somebody with the database and the public keys puts a paper of their own into the box."""
    from workflow.evidence import ballotbox

    poll = Poll(world, "p", 8)
    poll.cast([BAD] * 6)
    with world.engine.desk() as desk:
        box = ballots.lock(desk.connection, "p", 1)
        assert box is not None
        more = ballotbox.seal(bytes(18), world.case("p").ballot["keys"].values())
        ballots.put(desk.connection, "p", 1, box._replace(papers=(*box.papers, more)))
    with pytest.raises(BallotRefused, match="changed the box"):
        world.engine.count_ballot("p", FIRST, poll.keys)
