"""The one mass evaluation of the run that is a secret vote of the engine's own; the others are counted on paper.

Nobody but the invented voters knows which paper is whose. Codes and keys are gone when this returns: they were the
issuer's and the scrutineers', and stand in no database. Source: S0 「通过职工群众测评」, R134, R137, R215.
"""

from __future__ import annotations

from workflow import voting
from workflow.case import Case
from workflow.demo.people import People
from workflow.desk import Desk
from workflow.evidence import ballotbox
from workflow.receipt import Receipt


def hold(desk: Desk, case: Case, people: People, wanted: dict[str, int]) -> Receipt:
    """A vote from its roll to its sheet, turning out as the sheet wanted says; the engine counts it for itself."""
    roll = [f"{case.unit}-voter-{n:02}" for n in range(1, wanted["eligible"] + 1)]
    issuer = people.actor(people.superior(case.unit), "department")
    first = people.actor(case.unit, "scrutineer", case.unit)
    second = people.actor(case.unit, "scrutineer", case.unit, frozenset({first.person}))
    keys = {s.person: ballotbox.new_key() for s in (first, second)}
    codes = ballotbox.new_codes(len(roll))
    public = {person: key for person, (_, key) in keys.items()}
    hashes = [ballotbox.hash_of_code(c).hex() for c in codes]
    voting.open_ballot(desk, case.item, issuer, case.content, roll, codes=hashes, keys=public)
    people.told.balloted = case.item
    people.told.acts += 1
    for n, code in enumerate(codes[: wanted["voted"]]):
        satisfied = "dissatisfied" if n < wanted["dissatisfied"] else "satisfied"
        aware = "aware" if n < wanted["aware"] else "unaware"
        voting.cast(desk, case.item, code, {"awareness": aware, "satisfaction": satisfied})
    return voting.count(desk, case.item, first, [private for private, _ in keys.values()])
