"""A draw on record: bound before, revealed after, with a public value that nobody could choose."""

from __future__ import annotations

import pytest

from tests.contract.world import World
from workflow import Actor, draw, draws
from workflow.errors import BallotRefused, NotHolder

UNITS = {f"u{n}": "x" for n in range(30)}
FRAME = draw.Frame(UNITS, {"x": "5"}, "2019-08-12")
BY = Actor("g1-department", "department", "g1")


def test_a_draw_is_bound_revealed_and_verified_from_its_file(world: World) -> None:
    """Source: S0 「随机抽查」, R118."""
    seed = draw.new_seed()
    with pytest.raises(BallotRefused, match="no such commitment"), world.engine.desk() as desk:
        draws.reveal(desk, BY, FRAME, seed)
    with pytest.raises(NotHolder), world.engine.desk() as desk:
        draws.commit(desk, Actor("nobody", "department", "g1"), FRAME, draw.commitment(seed))
    with world.engine.desk() as desk:
        bound = draws.commit(desk, BY, FRAME, draw.commitment(seed))
    other = draw.Frame({**UNITS, "u30": "x"}, {"x": "5"}, "2019-08-12")
    for frame, one in ((FRAME, draw.new_seed()), (other, seed)):
        with pytest.raises(BallotRefused, match="no such commitment"), world.engine.desk() as desk:
            draws.reveal(desk, BY, frame, one)
    with world.engine.desk() as desk:
        _, text = draws.reveal(desk, BY, FRAME, seed)
    held = draw.verify(text, digest=FRAME.digest, commitment_=draw.commitment(seed))
    assert held.public == bound.entry.hex() and len(held.drawn) == 5
    with pytest.raises(BallotRefused, match="before"), world.engine.desk() as desk:
        draws.reveal(desk, BY, FRAME, seed)
    assert world.verify().holds
