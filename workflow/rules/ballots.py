"""A vote whose papers the engine counts: who opens it, and that the sheet is what the box says.

Source: S0 「通过职工群众测评、上级党组织考评相结合方式」, R134; S4 「群众知情度和满意度不高」, R137.
"""

from __future__ import annotations

from workflow.acts import OpenBallot, Submit, Supplement
from workflow.case import Case, Effect
from workflow.definition.model import Ballot
from workflow.errors import BallotRefused, Said, SamePerson, Stale, WrongStage
from workflow.rules import authority, clocks
from workflow.rules.context import Asked, Decision, Need


def needs(asked: Asked) -> list[Need]:
    """To open a vote: the issuer's authority and the line of units."""
    return [authority.own_need(asked), ("path", asked.case.unit, asked.context.day)]


def of(asked: Asked) -> Ballot | None:
    """The vote of the present stage, where it holds one that the engine counts."""
    tally = asked.definition.stage(asked.case.stage).tally
    return tally.ballot if tally is not None else None


def _place(asked: Asked) -> str:
    return asked.definition.place("stages", asked.case.stage, "tally", "ballot")


def open_ballot(asked: Asked, act: OpenBallot) -> Decision:
    """Freeze the roll and open the box.

    Raises:
        WrongStage: this stage holds no vote. OutOfTurn, NotHolder, Stale: see there.
        BallotRefused: it is open already, nobody is on the roll, or codes or keys are lacking.
    """
    case, ballot, place = asked.case, of(asked), _place(asked)
    if ballot is None:
        expected = [s.stage for s in asked.definition.flow.stages if s.tally and s.tally.ballot]
        raise WrongStage(act=act.kind, expected=expected or "a flow with a vote", actual=case.stage, place=place)
    held = authority.authority(asked)
    clocks.one_of(asked, (ballot.issuer,), place)
    if act.seen != case.content:
        raise Stale(expected=case.content, actual=act.seen or "nothing", place=place)
    if case.ballot:
        raise BallotRefused(act=act.kind, expected="one vote in a stage", actual="it is open already", place=place)
    sheet = asked.definition.stage(case.stage).tally
    if ballot.by_choice and sheet is not None and sheet.material in case.materials:
        raise BallotRefused(
            act=act.kind, expected="a vote nobody has counted yet", actual="the sheet is handed in", place=place
        )
    secret = ballot.mode == "secret" and act.eligible >= ballot.at_least
    if act.eligible < 1 or not act.roll:
        raise BallotRefused(act=act.kind, expected="a roll with names", actual="none", place=place)
    keys = len(set(act.keys.values()))
    if secret and (not act.codes or len(act.keys) < 2 or keys < 2):
        raise BallotRefused(
            act=act.kind,
            expected="the hashes of one code for each name, and a key of each of two scrutineers",
            actual=Said(
                f"{'codes' if act.codes else 'no codes'}, {keys} key(s)",
                f"{'有' if act.codes else '无'}投票码,密钥 {keys} 把",
            ),
            place=place,
        )
    if asked.actor.person in act.keys:
        raise SamePerson(
            person=asked.actor.person, expected="scrutineer", actual="as the issuer of the codes", place=place
        )
    opened: Effect = {"e": "ballot-opened", "issuer": asked.actor.person, "roll": act.roll, "eligible": act.eligible}
    opened |= {"codes": act.codes} if act.codes else {}
    opened |= {"keys": act.keys} if act.keys else {}
    return Decision([opened], held)


def sheet_needs(asked: Asked, act: Submit | Supplement) -> list[Need]:
    """For a tally sheet: what the engine counted."""
    tally = asked.definition.stage(asked.case.stage).tally
    if tally is None or tally.ballot is None or not {tally.material, tally.ballot.box} & act.materials.keys():
        return []
    return [("ballot", asked.case.item, str(asked.case.stays))]


def check_sheet(asked: Asked, act: Submit) -> None:
    """The sheet and the papers handed in are those that the engine counted, and nothing else.

    Raises:
        BallotRefused: nothing was counted, or it says something else.
    """
    for need in sheet_needs(asked, act):
        tally, ballot, place = asked.definition.stage(asked.case.stage).tally, of(asked), _place(asked)
        assert tally is not None and ballot is not None
        if on_paper(ballot, asked.case) and ballot.box not in act.materials:
            continue
        counted = asked.facts.get(*need)
        if counted is None or not asked.case.ballot:
            raise BallotRefused(act=act.kind, expected="a vote that was opened and counted", actual="none", place=place)
        figures = act.figures.get(ballot.box, {})
        expected = {"eligible": asked.case.ballot["eligible"], **ballot.counts(figures)}
        if ballot.mode == "secret" and counted["cast"] < ballot.at_least:
            expected["voted"] = counted["cast"]  # the papers were never opened
            whole = figures.get("lines", 0) == 0
        else:
            whole = counted["cast"] == expected["voted"]
        said = {k: act.figures.get(tally.material, {}).get(k) for k in expected}
        if said != expected or not whole or act.materials.get(ballot.box) != counted["box"]:
            raise BallotRefused(
                act=act.kind, expected=f"the sheet of the papers counted, {expected}", actual=str(said), place=place
            )


def on_paper(ballot: Ballot, case: Case) -> bool:
    """Whether a unit that had the choice votes on paper: scrutineers count by hand, and there is no box to hold papers."""
    return ballot.by_choice and not case.ballot


def stand_aside(asked: Asked) -> None:
    """Whoever issued the codes signs nothing in that stage.

    Raises:
        SamePerson: this is the issuer.
    """
    if asked.case.ballot["issuer"] == asked.actor.person:
        raise SamePerson(
            person=asked.actor.person,
            expected="whoever signs the sheet",
            actual="as the issuer of the codes",
            place=_place(asked),
        )
