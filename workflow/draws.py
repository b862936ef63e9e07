"""Draws on record: chain ``draws`` has the commitment before the seed is known, and the seed after, each a sealed entry.

The hash of the entry that commits is the public value of the draw: it has the moment and the engine's seal in it, which
nobody who chose the seed could know.
"""

from __future__ import annotations

from typing import Any

from workflow import draw, sealing
from workflow.acts import Actor
from workflow.clock import local_day
from workflow.desk import Desk
from workflow.errors import BallotRefused, NotHolder
from workflow.evidence import canonical
from workflow.receipt import Receipt
from workflow.store import facts, items

CHAIN = "draws"
COMMIT = "commit-draw"
REVEAL = "reveal-draw"


def commit(desk: Desk, by: Actor, frame: draw.Frame, commitment: str, *, zone: str = "Asia/Shanghai") -> Receipt:
    """Freeze the register and bind the seed, by somebody who holds the post today.

    Returns:
        The receipt; ``receipt.entry.hex()`` is the public value to reveal with.

    Raises:
        NotHolder: the person does not hold the post today.
    """
    at, tenure = _authority(desk, by, zone)
    text = desk.contents.put(canonical.encode(frame.plain(), size_limit=MOST))
    act = {"kind": COMMIT, "by": _plain(by), "text": text, "digest": frame.digest, "commitment": commitment}
    return sealing.append(desk.connection, desk.engine.key, CHAIN, {**act, "tenure": tenure}, at)


def reveal(desk: Desk, by: Actor, frame: draw.Frame, seed: str, *, zone: str = "Asia/Shanghai") -> tuple[Receipt, str]:
    """Reveal the seed and draw.

    Returns:
        The receipt, and the file of the draw for everybody.

    Raises:
        BallotRefused: no such commitment, or it was revealed before. NotHolder: see there.
    """
    at, tenure = _authority(desk, by, zone)
    bound = draw.commitment(seed)
    public = ""
    for entry in items.entries(desk.connection, CHAIN):
        act = canonical.decode(entry.body)["act"]
        if (act["commitment"], act["digest"]) == (bound, frame.digest):
            if act["kind"] == REVEAL:
                raise BallotRefused(act=REVEAL, expected="a draw not revealed yet", actual="it was revealed before")
            public = entry.hash.hex()
    if not public:
        raise BallotRefused(act=REVEAL, expected="a seed and register committed to before", actual="no such commitment")
    drawn = draw.draw(frame, seed, public)
    done = {"kind": REVEAL, "by": _plain(by), "digest": frame.digest, "commitment": bound, "seed": seed}
    done |= {"public": public, "drawn": drawn, "tenure": tenure}
    made = sealing.append(desk.connection, desk.engine.key, CHAIN, done, at)
    return made, draw.written(frame, bound, seed=seed, public=public, drawn=drawn)


MOST = 16 * 1024 * 1024


def _authority(desk: Desk, by: Actor, zone: str) -> tuple[int, str]:
    at = desk.engine.now(desk.connection)
    day = local_day(at, zone).isoformat()
    held: dict[str, Any] = facts.load(desk.connection, ("authority", by.person, by.unit, by.post, day, "holder"), {})
    if not held.get("tenure"):
        expected = [a["person"] for a in held.get("answerable", [])] or "nobody"
        raise NotHolder(person=by.person, post=by.post, unit=by.unit, day=day, expected=expected, actual=by.person)
    return at, str(held["tenure"])


def _plain(by: Actor) -> dict[str, str]:
    return {"person": by.person, "post": by.post, "unit": by.unit}
