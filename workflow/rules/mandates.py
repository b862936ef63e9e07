"""Standing in by mandate (委托签批): who may sign in the place of the holder, for what, until when.

A mandate reaches back to the holder through every hand that passed it on; each of them must hold on the day of the
signature (in ink, the day on the paper), cover this place, and have been allowed to pass it on; one that was revoked is
refused even to ink from before, for nobody could tell that ink from later ink. The signature names both: who signed, and in whose place.
"""

from __future__ import annotations

from typing import Any

from workflow.case import Slot
from workflow.errors import MandateBeyondTenure, MandateExpired, MandateOutOfScope, MandateRefused, MandateRevoked
from workflow.rules.context import Asked, Need


def needs(asked: Asked, found: dict[str, Any]) -> list[Need]:
    """The item's line of units, where a mandate covers only some units."""
    limited = any(link["units"] for m in found.get("mandates", ()) for link in m["links"])
    return [("path", asked.case.unit, asked.context.day)] if limited else []


def stand_in(asked: Asked, slot: Slot, found: dict[str, Any]) -> dict[str, Any]:
    """The authority of an actor who is not the holder but has a mandate for this place.

    Raises:
        MandateRefused: one of its classes; why the newest of the actor's mandates for this post does not hold here.
    """
    refusal: MandateRefused | None = None
    for mandate in found["mandates"]:
        refused = _refusal(asked, slot, mandate)
        if refused is None:
            return {
                "tenure": mandate["tenure"],
                "person": asked.actor.person,
                "post": slot.post,
                "unit": slot.unit,
                "as": "mandate",
                "at": slot.unit,
                "mandate": mandate["mandate"],
                "principal": mandate["principal"],
            }
        refusal = refusal or refused
    assert refusal is not None
    raise refusal


def _refusal(asked: Asked, slot: Slot, mandate: dict[str, Any]) -> MandateRefused | None:
    day = asked.given_on if asked.context.rules >= 5 else asked.context.day
    said = {
        "person": asked.actor.person,
        "mandate": mandate["mandate"],
        "principal": mandate["principal"],
        "place": asked.definition.place("stages", asked.case.stage, "chain"),
    }
    for link in mandate["links"]:
        if link["revoked"] is not None:  # we see it: it was committed before, whatever the clocks say
            return MandateRevoked(expected="a mandate in force", actual=f"{link['id']} was revoked", **said)
        if not link["from"] <= day < link["until"]:
            period = f"a day from {link['from']} to before {link['until']}"
            return MandateExpired(expected=period, actual=day, **said)
        if outside := _outside(asked, slot, link):
            return MandateOutOfScope(expected=outside[0], actual=outside[1], **said)
    since, until = mandate["tenure_from"], mandate["tenure_until"]
    if not since <= day or (until is not None and until <= day):
        held = f"a day within the tenure of {mandate['principal']}, from {since}" + (
            f" to before {until}" if until else ""
        )
        return MandateBeyondTenure(expected=held, actual=day, **said)
    return None


def _outside(asked: Asked, slot: Slot, link: dict[str, Any]) -> tuple[str, str] | None:
    """What the mandate covers, and what this place is, where that is something else."""
    case = asked.case
    for what, here in (("flow", case.flow), ("stage", case.stage), ("kind", slot.kind)):
        if link[what] and link[what] != here:
            return f"{what} {link[what]}", here
    if link["units"]:
        path = asked.facts.get("path", case.unit, asked.context.day)
        if not any(u["unit"] in link["units"] for u in path):
            return f"items of {', '.join(link['units'])}", case.unit
    return None
