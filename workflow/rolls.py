"""Who may vote, out of the documents that the opening of a vote names: the roll, and the hashes of one-time codes."""

from __future__ import annotations

from workflow.acts import OpenBallot
from workflow.definition.model import Ballot
from workflow.errors import BallotRefused
from workflow.evidence import ballotbox, canonical
from workflow.evidence.content import ContentStore

HASH = 32
MOST = 10_000
"""Names on one roll: a box is written anew as a whole by every paper."""


def hashes(contents: ContentStore, act: OpenBallot, ballot: Ballot) -> list[bytes]:
    """The hashes of those who may vote; none where a roll is too short for a secret vote.

    Raises:
        BallotRefused: the roll is not what the act says of it, or there is not one code for each name.
        ContentMissing: a document is not in the store.
    """
    names = canonical.decode(contents.get(act.roll)) if act.roll else []
    if names != sorted(set(names)) or len(names) != act.eligible or not 0 < len(names) <= MOST:
        raise _no(f"1 to {MOST} names, each once, and sorted", f"{len(names)}, {act.eligible} said")
    if ballot.mode == "open":
        return [ballotbox.hash_of_voter(n) for n in names]
    if len(names) < ballot.at_least:
        return []
    codes = canonical.decode(contents.get(act.codes)) if act.codes else []
    if codes != sorted(set(codes)) or len(codes) != len(names) or not all(map(_is_hash, codes)):
        raise _no(f"{len(names)} different hashes of codes, one a name, and sorted", f"{len(codes)}")
    if not all(map(ballotbox.is_public, act.keys.values())):
        raise _no("public keys of scrutineers (workflow ballot key)", "another text")
    return [bytes.fromhex(c) for c in codes]


def _is_hash(text: object) -> bool:
    try:
        return isinstance(text, str) and len(bytes.fromhex(text)) == HASH and text == text.lower()
    except ValueError:
        return False


def _no(expected: str, actual: str) -> BallotRefused:
    return BallotRefused(act=OpenBallot.kind, expected=expected, actual=actual)
