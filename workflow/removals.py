"""What was removed on record: documents and personal values whose digest stays while they are gone.

Chain ``erasures`` says of each removal what went, when, by whom and why; this reads it back, so that a page says "removed
under retention" where it would otherwise say "lost", and a verification tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflow.clock import local_day
from workflow.errors import ContentMissing, Said, WorkflowError
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.store import items

CHAIN = "erasures"
"""The chain of what was removed, sealed entries like all others."""
RETIRE, ERASE = "retire-contents", "erase"


@dataclass(frozen=True)
class Removal:
    """One entry of chain ``erasures``.

    Attributes:
        kind: ``retire-contents`` (its period was over) or ``erase`` (a person's data).
        at: microseconds UTC.
        by, reason: as they were told.
        place: where it stands, ``erasures#n``.
    """

    kind: str
    at: int
    by: str
    reason: str
    place: str

    def said(self, zone: str = "UTC") -> Said:
        """A sentence for whoever looks for what is gone."""
        day = local_day(self.at, zone).isoformat()
        if self.kind == RETIRE:
            return Said(f"removed under retention on {day} ({self.place})", f"保管期满,{day} 已移除({self.place})")
        return Said(f"erased on {day} ({self.place})", f"{day} 已删除({self.place})")

    def record(self) -> dict[str, Any]:
        """As plain data, for a host's pages."""
        return {"kind": self.kind, "at": self.at, "by": self.by, "reason": self.reason, "place": self.place}


def removed(connection: Any, contents: ContentStore) -> dict[str, Removal]:
    """Every digest and commitment that entries of the chain name, with the removal. What an entry lists lies in the
    content it cites; one that cannot be read removes nothing here (verification tells of it)."""
    found: dict[str, Removal] = {}
    for row in items.entries(connection, CHAIN):
        try:
            act = canonical.decode(row.body)["act"]
            made = Removal(act["kind"], row.at, act["by"], act["reason"], f"{CHAIN}#{row.seq}")
            found |= dict.fromkeys(canonical.decode(contents.get(act["text"])), made)
        except (WorkflowError, LookupError, TypeError):
            continue
    return found


def removal_of(connection: Any, contents: ContentStore, one: str) -> Removal | None:
    """The removal of a document that is not there any more; None where it is there, or went off the record."""
    return None if contents.has(one) else removed(connection, contents).get(one)


def read(connection: Any, contents: ContentStore, one: str) -> Any:
    """A document; or, where it was removed on record, ``{"removed": {kind, at, by, reason, place}}``.

    Raises:
        ContentMissing: it is neither there nor on record as removed, or is not what its digest says.
    """
    try:
        return canonical.decode(contents.get(one))
    except ContentMissing:
        gone = removal_of(connection, contents, one)
        if gone is None:
            raise
        return {"removed": gone.record()}
