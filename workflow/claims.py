"""What items are claimed to be by those who signed, and what checks found since: two fields, never one.

Source: S2 「至今各单位党委……都已制定」 beside 「有的……至今还没有制定」, R114, R115, M37.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workflow.desk import Desk
from workflow.past import past
from workflow.store import queries
from workflow.store.moves import units_then


@dataclass(frozen=True)
class Claimed:
    """One item as of an instant. Moments in microseconds UTC, None where there is none.

    Attributes:
        claimed: what the signed way out claims; empty where nothing is.
        verified: ``confirmed`` or ``refuted`` by a check since; empty: nobody has checked, which confirms nothing.
        finding: the check that says so.
    """

    item: str
    unit: str
    claimed: str
    claimed_at: int | None
    verified: str
    verified_at: int | None
    finding: str

    @property
    def state(self) -> str:
        """``confirmed``, ``refuted`` or ``unchecked``."""
        return self.verified or "unchecked"


def claims(desk: Desk, flow: str, campaign: str, at: int) -> list[Claimed]:
    """Every item of a flow and campaign of which something is claimed or found by an instant, in order of opening."""
    found: list[Claimed] = []
    then_about = units_then(desk.connection, at)
    for r in queries.claims(desk.connection, flow, campaign):
        unit = then_about.get(r.item, r.unit)
        last = max(r.claimed_at or 0, r.verified_at or 0)
        if last <= at:
            found.append(Claimed(r.item, unit, r.claimed, r.claimed_at, r.verified, r.verified_at, r.finding))
            continue
        then = past(desk, r.item, at)  # something came later
        if then is None or not (then.case.claimed or then.case.verified):
            continue
        c, v = then.case.claimed, then.case.verified
        told = (v.get("says", ""), v.get("at"), v.get("finding", ""))
        found.append(Claimed(r.item, then.case.unit, c.get("as", ""), c.get("at"), *told))
    return found


def differing(rows: Iterable[Claimed]) -> list[Claimed]:
    """Those of which a check found otherwise than was claimed."""
    return [r for r in rows if r.verified == "refuted"]
