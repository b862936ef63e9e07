"""Who may act as what on that day. Silence means nobody."""

from __future__ import annotations

from typing import Any

from workflow.case import Slot
from workflow.definition.definition import Definition
from workflow.errors import Avoidance, NotHolder, SamePerson
from workflow.rules.chain import Path, unit_at
from workflow.rules.context import Asked, Need


def backstop(definition: Definition, post: str) -> str:
    """Whether the direct superior answers where the post is vacant (兜底), as a word of a need. Source: R017."""
    spec = definition.flow.posts.get(post)
    return "backstop" if spec is not None and spec.backstop == "superior" else "holder"


def need(definition: Definition, person: str, unit: str, post: str, day: str) -> Need:
    return ("authority", person, unit, post, day, backstop(definition, post))


def own_need(asked: Asked) -> Need:
    """The fact about the actor's own authority today."""
    by = asked.actor
    return need(asked.definition, by.person, by.unit, by.post, asked.context.day)


def authority(asked: Asked) -> dict[str, Any]:
    """The tenure an actor rests on, marked holder, acting or backstop.

    Raises:
        NotHolder: nobody of that name holds the post at that unit on the day, nor answers for it.
    """
    by = asked.actor
    found: dict[str, Any] = asked.facts.get(*own_need(asked))
    if not found.get("tenure"):
        raise NotHolder(
            person=by.person,
            post=by.post,
            unit=by.unit,
            day=asked.context.day,
            expected=[a["person"] for a in found.get("answerable", [])] or "nobody (vacant, no backstop)",
            actual=by.person,
            place=asked.definition.place("posts", by.post),
        )
    return found


def apart(asked: Asked, slot: Slot) -> None:
    """Two persons where the definition says two: at one unit, within the stage's present signatures.

    A group of several posts wants another person for each post; a group of one post, another for each of its slots.

    Raises:
        SamePerson: names the slot the person already signed.
    """
    stage = asked.definition.stage(asked.case.stage)
    groups = asked.definition.chain_of(stage).two_persons
    person = asked.actor.person
    for other in asked.case.slots:
        if other.state != "signed" or other.person != person or other.unit != slot.unit or other.key == slot.key:
            continue
        for group in groups:
            if slot.post in group and other.post in group and (slot.post != other.post or len(group) == 1):
                raise SamePerson(
                    person=person,
                    expected=f"{slot.post}@{slot.unit}",
                    actual=f"{other.post}@{other.unit}",
                    place=asked.definition.place("stages", stage.stage, "two-persons"),
                )


def barred_needs(asked: Asked, path: Path) -> list[Need]:
    """Who holds the posts that this stage bars."""
    stage = asked.definition.stage(asked.case.stage)
    return [
        ("answerable", unit_at(asked.definition, path, who.of)["unit"], who.post, asked.context.day, "holder")
        for who in stage.not_by
        if who.post != "lead"
    ]


def stand_aside(asked: Asked, path: Path) -> None:
    """回避: nobody who holds a barred post at the item's unit, and not its lead, may take this step.

    Raises:
        Avoidance: names the capacity in which the person is barred.
    """
    stage = asked.definition.stage(asked.case.stage)
    person = asked.actor.person
    barred = [f"{need[2]} of {need[1]}" for need in barred_needs(asked, path) if _holds(asked, need, person)]
    if any(who.post == "lead" for who in stage.not_by) and asked.case.lead.get("person") == person:
        barred.append(f"lead of {asked.case.unit}")
    if barred:
        raise Avoidance(
            person=person,
            expected=barred,
            actual=person,
            place=asked.definition.place("stages", stage.stage, "not-by"),
        )


def _holds(asked: Asked, need: Need, person: str) -> bool:
    return any(h["person"] == person for h in asked.facts.get(*need))
