"""A vote of 650 counted, signed and verified; a sample of 1,000 drawn from 40,000. Both against what they cannot do without."""

from __future__ import annotations

import hashlib
import secrets
from statistics import median

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.benchmarks.databases import Databases, Kind
from tests.benchmarks.measure import Result, alternate, quartiles, timed
from tests.contract.polling import Poll
from tests.contract.world import World, make_world
from workflow import draw
from workflow.evidence import ballotbox
from workflow.store import ballots, database

VOTERS, UNITS, DRAWN = 650, 40_000, 1_000
GOAL_VOTE, GOAL_DRAW = 1.0, 0.1  # seconds


def measure(dbs: Databases, kind: Kind, quick: bool) -> list[Result]:
    drawn = [_draw(quick)] if kind == "sqlite" else []
    return [_vote(dbs, kind, quick), *drawn]


def _row(name: str, kind: str, ours: list[float], floor: list[float], goal: float) -> Result:
    ratios = [a / b for a, b in zip(ours, floor, strict=True)]
    one = median(ours)
    aside = f"{median(ratios):.1f} x its floor; goal in seconds"
    return Result(name, kind, "s", one, median(floor), None, *quartiles(ours), goal, False, aside)


def _vote(dbs: Databases, kind: Kind, quick: bool) -> Result:
    """Floor: the two key agreements of each paper, which whoever opens the box has to do."""
    turns, ours, floor = (3 if quick else 7), [], []
    with dbs.new(kind) as url:
        world = make_world(url, dbs.home())
        for n in range(turns):
            poll = Poll(world, f"v{n}", VOTERS)
            _fill(world.engine.db, f"v{n}", poll)
            ours.append(timed(lambda: _counted(poll, world)))  # noqa: B023
            floor.append(timed(_agreements))
        world.engine.close()
    return _row(f"vote of {VOTERS} counted, sealed, signed and verified", kind, ours, floor, GOAL_VOTE)


def _counted(poll: Poll, world: World) -> None:
    poll.count()
    poll.sign()
    world.verify()


def _fill(db: object, item: str, poll: Poll) -> None:
    """All papers at once; casting them one by one is not what is measured here."""
    keys = list(poll.world.case(item).ballot["keys"].values())
    with database.writing(db) as connection:  # type: ignore[arg-type]
        box = ballots.lock(connection, item, 1)
        assert box is not None
        papers = [ballotbox.seal(secrets.token_bytes(16) + bytes([1 + n % 3, 1]), keys) for n in range(VOTERS)]
        ballots.put(connection, item, 1, ballots.Box(frozenset(), box.unused, tuple(papers), None))


def _agreements() -> None:
    first, second = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    public = first.public_key().public_bytes_raw()
    for _ in range(VOTERS):
        other = X25519PublicKey.from_public_bytes(public)
        first.exchange(other), second.exchange(other)


def _draw(quick: bool) -> Result:
    """Floor: one SHA-256 for each unit."""
    units = {f"unit-{n:05}": f"stratum-{n % 8}" for n in range(UNITS)}
    quotas = {f"stratum-{n}": str(DRAWN // 8) for n in range(8)}
    tickets = [f"{s}\0{u}".encode() for u, s in units.items()]
    frame, seed = draw.Frame(units, quotas, "2019-09-20"), draw.new_seed()
    assert len(draw.draw(frame, seed)) == DRAWN
    ours, floor = alternate(
        5 if quick else 15,
        lambda: timed(lambda: draw.draw(frame, seed)),
        lambda: timed(lambda: [hashlib.sha256(t).digest() for t in tickets]),
    )
    return _row(f"draw of {DRAWN:,} from {UNITS:,}", "none", ours, floor, GOAL_DRAW)
