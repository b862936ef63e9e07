"""A vote from its roll to its sheet: opening it, casting, counting. Source: R134, R137, R215.

Four parties hold one thing each: the issuer the codes, the voter one of them, the engine the sealed papers, the two
scrutineers the keys. Not promised: that issuer, engine and both scrutineers together could not find out; nor anything
against coercion, a spied-out screen, or a group so small or so unanimous that its result says how each one voted.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflow.acts import Actor, OpenBallot
from workflow.case import Case
from workflow.definition.definition import Definition
from workflow.definition.model import Ballot, Tally
from workflow.errors import BadMaterial, BallotRefused
from workflow.evidence import ballotbox, canonical
from workflow.evidence.digest import digest
from workflow.receipt import Receipt
from workflow.store import ballots

if TYPE_CHECKING:
    from workflow.desk import Desk

MARK = "mark"


@dataclass(frozen=True)
class Turnout:
    """How many may vote and how many have. Who, nobody can tell; for an open vote see the sheet once it is counted."""

    eligible: int
    cast: int
    counted: bool


def open_ballot(
    desk: Desk,
    item: str,
    by: Actor,
    seen: str,
    roll: Sequence[str],
    *,
    codes: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
    proof: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> Receipt:
    """Freeze a roll and open the box, signed by the issuer of the codes.

    Args:
        roll: ids of those who may vote, each once, those who are away too: a remote vote is a code like any other.
        codes: hashes (``ballotbox.hash_of_code``, hex) of as many codes; their order is not kept. None in an open vote.
        keys: by scrutineer, the public key that papers are sealed to.

    Raises:
        BallotRefused: a name or hash stands there twice, or the two are not equally many. And what the rules refuse.
    """
    names, hashes = sorted(set(roll)), sorted(set(codes))
    ballot = _spec(*desk.case_of(item), OpenBallot.kind)[1]
    secret = ballot.mode == "secret" and len(names) >= ballot.at_least
    if len(names) != len(roll):
        raise _no(OpenBallot.kind, "each name once", f"{len(roll)}, {len(names)} of them different")
    act = OpenBallot(
        item=item,
        by=by,
        seen=seen,
        roll=desk.contents.put(canonical.encode(names)),
        eligible=len(names),
        codes=desk.contents.put(canonical.encode(hashes)) if secret else "",
        keys=dict(sorted((keys or {}).items())) if secret else {},
        proof=dict(proof or {}),
    )
    return desk.act(act, request_id=request_id)


def cast(desk: Desk, item: str, code: str, answers: Mapping[str, str]) -> None:
    """Put one paper into the box, on a transaction of the engine's own: once that is committed it is there, and stays.

    Nothing is logged, nobody is told, and no receipt is given: it would show somebody else how one voted.

    Args:
        code: the one-time code; in an open vote the voter's id.
        answers: question -> choice. A question left out is left blank.

    Raises:
        BallotRefused: no vote is open, or the code is not good, or was used. BadMaterial: no such question or choice.
    """
    if not desk.own:  # a host's rollback must not take a vote back, nor its transaction hold others up
        raise _no("cast", "a transaction of the engine's own (engine.cast)", "the host's")
    case, definition = desk.case_of(item)
    _, ballot = _spec(case, definition, "cast")
    asked = _questions(definition, ballot)
    for field, choice in answers.items():
        if field not in asked or choice not in asked[field]:
            raise BadMaterial(
                path=f"$.{field}" if field in asked else "$",
                expected=", ".join(asked.get(field, asked)),
                actual="another answer" if field in asked else "another question",
                place=definition.place("materials", ballot.box),
            )
    box, who = _entitled(ballots.lock(desk.connection, item, case.stays), ballot, code)
    if ballot.mode == "open":
        paper = canonical.encode({MARK: code, **dict(answers)})
    else:
        chosen = bytes(1 + asked[f].index(answers[f]) if f in answers else 0 for f in sorted(asked))
        paper = ballotbox.seal(secrets.token_bytes(ballotbox.MARK) + chosen, case.ballot["keys"].values())
    after = ballots.Box(box.unused - {who}, box.used | {who}, (*box.papers, paper), None)
    ballots.put(desk.connection, item, case.stays, after)


@dataclass(frozen=True)
class Paper:
    """What a code lets somebody fill in: question -> choices. ``secret``: nobody learns who did."""

    case: Case
    definition: Definition
    questions: Mapping[str, tuple[str, ...]]
    secret: bool


def paper(desk: Desk, item: str, code: str) -> Paper:
    """The paper that a code which was not used yet lets somebody fill in; nothing is written, and the code stays good.

    Raises:
        BallotRefused, Unknown: as when it is cast.
    """
    case, definition = desk.case_of(item)
    _, ballot = _spec(case, definition, "cast")
    _entitled(ballots.read(desk.connection, item, case.stays), ballot, code)
    return Paper(case, definition, _questions(definition, ballot), ballot.mode == "secret")


def _entitled(box: ballots.Box | None, ballot: Ballot, code: str) -> tuple[ballots.Box, bytes]:
    """The open box, and the hash of a code that is good for one paper in it."""
    if box is None or box.result is not None:
        raise _no("cast", "an open vote", "it is over" if box else "none was opened")
    who = ballotbox.hash_of_voter(code) if ballot.mode == "open" else ballotbox.hash_of_code(code)
    if who not in box.unused:
        raise _no("cast", "a code that was handed out and not used", "used" if who in box.used else "no such code")
    return box, who


def count(
    desk: Desk, item: str, by: Actor, keys: Sequence[str] = (), *, more: Mapping[str, Any] | None = None
) -> Receipt:
    """Close the box, open it with the keys of all scrutineers, count, and hand in the sheet that they then sign.

    All in one transaction: interrupted anywhere, the box is as it was. Papers are opened only where there are enough of
    them to hide in; else the sheet says how many there were, and nothing more. The sealed papers are gone afterwards; the
    opened ones, sorted by their random marks, are a list of the item under a digest that the sheet's signers sign.

    Args:
        by: a scrutineer, who hands it in.
        keys: the private keys of all scrutineers; none in an open vote.
        more: what the sheet asks for beside the numbers.

    Raises:
        BallotRefused: nothing is open, or these keys do not open it.
    """
    case, definition = desk.case_of(item)
    tally, ballot = _spec(case, definition, "count")
    box = ballots.lock(desk.connection, item, case.stays)
    if box is None or box.result is not None:
        raise _no("count", "an open vote", "it was counted" if box else "none was opened")
    if len(box.papers) != len(box.used):
        raise _no(
            "count", f"a paper for each code used, {len(box.used)}", f"{len(box.papers)}; somebody changed the box"
        )
    asked = _questions(definition, ballot)
    lines: list[dict[str, str]] = []
    if ballot.mode == "open":
        lines = sorted((canonical.decode(p) for p in box.papers), key=lambda line: str(line[MARK]))
    elif len(box.papers) >= ballot.at_least:
        lines = [_line(paper, asked) for paper in _opened(box.papers, keys, case)]
    answers = [f for wanted in (ballot.aware, ballot.dissatisfied) for f in wanted]
    told = {f: {c: sum(line.get(f) == c for line in lines) for c in asked[f]} for f in answers}
    sheet = {**(more or {}), "eligible": case.ballot["eligible"]}
    sheet |= {**ballot.counts({"lines": len(lines), "counts": told}), "voted": len(box.papers)}
    ballots.close(desk.connection, item, case.stays, {"cast": len(box.papers), "box": digest(canonical.encode(lines))})
    return desk.record_tally(item, by, {tally.material: sheet, ballot.box: lines})


def turnout(desk: Desk, item: str) -> Turnout | None:
    """How a vote stands; None where none is open."""
    case, _ = desk.case_of(item)
    if not case.ballot:
        return None
    box = ballots.read(desk.connection, item, case.stays)
    if box is None:
        return None
    cast_ = box.result["cast"] if box.result is not None else len(box.papers)
    return Turnout(case.ballot["eligible"], cast_, box.result is not None)


def _opened(sealed: Sequence[bytes], keys: Sequence[str], case: Case) -> list[bytes]:
    try:
        given = {ballotbox.public_of(k.strip()) for k in keys}
        if given != set(case.ballot["keys"].values()):
            raise ValueError
        return ballotbox.unseal(sealed, [k.strip() for k in keys])
    except ValueError:
        names = ", ".join(case.ballot["keys"])
        raise _no("count", f"the keys of {names} together", f"{len(keys)} key(s) that do not open it") from None


def _line(paper: bytes, asked: Mapping[str, Sequence[str]]) -> dict[str, str]:
    chosen = zip(sorted(asked), paper[ballotbox.MARK :], strict=False)  # what is no answer is a blank
    return {MARK: paper[: ballotbox.MARK].hex(), **{f: asked[f][n - 1] for f, n in chosen if 0 < n <= len(asked[f])}}


def _spec(case: Case, definition: Definition, act: str) -> tuple[Tally, Ballot]:
    tally = definition.stage(case.stage).tally
    if tally is None or tally.ballot is None:
        raise BallotRefused(
            act=act,
            expected="a stage with a vote",
            actual=case.stage,
            place=definition.place("stages", case.stage),
        )
    return tally, tally.ballot


def _questions(definition: Definition, ballot: Ballot) -> dict[str, tuple[str, ...]]:
    fields = definition.flow.materials[ballot.box].fields
    return {name: spec.choices or () for name, spec in fields.items() if name != MARK}


def _no(act: str, expected: str, actual: str) -> BallotRefused:
    return BallotRefused(act=act, expected=expected, actual=actual)
