"""职责分离: who must be another person, of another unit, or not subordinate, among those who sign one item.

Asked when a person or a place is assigned and again when it is signed. Whoever signs by mandate or delegation counts for
both persons. Source: S0 「各项资料要层层把关」, R038.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflow.case import Slot
from workflow.definition.model import Apart
from workflow.errors import NotApart, SamePerson
from workflow.rules import persons
from workflow.rules.context import Asked, Need


def _rules(asked: Asked, post: str) -> list[Apart]:
    chain = asked.definition.chain_of(asked.definition.stage(asked.case.stage))
    return [r for r in chain.apart if post in r.posts]


def _others(asked: Asked, slot: Slot, rule: Apart) -> Iterator[tuple[str, str, set[str]]]:
    """Post, unit and persons of every signature the rule looks at, this place's own aside."""
    here = slot.demanded or slot.post
    found = [
        (s.demanded or s.post, s.unit, {s.person, s.principal or s.person})
        for s in asked.case.slots
        if s.state == "signed" and s.key != slot.key
    ]
    if rule.over == "item":
        found += [(a["post"], a["unit"], {a["person"], a.get("principal", a["person"])}) for a in asked.case.acted]
    for post, unit, signers in found:
        if post in rule.posts and (post != here or len(rule.posts) == 1):
            yield post, unit, signers


def needs(asked: Asked, slot: Slot) -> list[Need]:
    """What became of the units that must be apart, and the lines of those that must not stand one above the other."""
    wanted: dict[Need, None] = {}
    day = asked.context.day
    for rule in _rules(asked, slot.demanded or slot.post):
        if rule.by == "person":
            continue
        units = [slot.unit, *(u for _, u, _ in _others(asked, slot, rule))]
        if asked.context.rules >= 6:
            became: list[Need] = [("became", u, day) for u in units]
            wanted |= dict.fromkeys(became)
            units = [asked.facts.peek(*need) for need in became if need in asked.facts]
        if rule.by == "subordinate":
            wanted |= dict.fromkeys(("path", u, day) for u in units)
    return list(wanted)


def _today(asked: Asked, unit: str) -> str:
    """The unit that stands in a unit's place today: one that was merged into another is that other. Since rules 6."""
    if asked.context.rules < 6:
        return unit
    return str(asked.facts.get("became", unit, asked.context.day))


def kept(asked: Asked, slot: Slot) -> str:
    """The post under which this signature is remembered for the rounds and stages to come; empty where no rule asks."""
    over = asked.definition.apart_over_items
    if not over:
        return ""
    post = slot.demanded or slot.post
    if asked.context.rules >= 5:
        return post if post in over else ""
    return post if any(r.over == "item" for r in _rules(asked, post)) else ""


def check(asked: Asked, slot: Slot, given: set[str]) -> None:
    """Refuse who may not sign here beside those who signed.

    Args:
        given: whoever would sign, and in whose place; none where only the place is known yet.

    Raises:
        SamePerson: one of them signed already where another must. NotApart: of the same unit, or one above the other.
    """
    case, day = asked.case, asked.context.day
    stage = asked.definition.stage(case.stage)
    place = asked.definition.place("stages", stage.stage, "apart")
    rules = _rules(asked, slot.demanded or slot.post)
    if rules:
        given = persons.ids(asked, given)
    for rule in rules:
        for post, unit, signed in _others(asked, slot, rule):
            said = {"expected": f"{slot.post}@{slot.unit}", "actual": f"{post}@{unit}", "place": place}
            if both := given & signed:
                raise SamePerson(person=min(both), **said)
            if rule.by == "person":
                continue
            here, there = _today(asked, slot.unit), _today(asked, unit)
            if rule.by == "unit" and here == there:
                raise NotApart(how="the same unit", **said)
            if rule.by == "subordinate" and here != there:
                above = [u["unit"] for u in asked.facts.get("path", here, day)]
                below = [u["unit"] for u in asked.facts.get("path", there, day)]
                if there in above or here in below:
                    raise NotApart(how="one subordinate to the other", **said)
