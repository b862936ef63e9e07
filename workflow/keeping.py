"""What is kept and for how long: contents that nobody cites, and contents whose period is over. Never an entry.

A content goes, its digest stays: in the manifest that was signed, and in the entry of chain ``erasures`` that says what was
removed, when, by whom and why. A verification then counts it as removed on record rather than missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Protocol

from workflow import sealing
from workflow.clock import moment
from workflow.engine import Engine
from workflow.errors import Said, Unknown
from workflow.evidence import canonical
from workflow.evidence.content import ContentStore
from workflow.personal import CHAIN
from workflow.receipt import Receipt
from workflow.store import scan

RETIRE = "retire-contents"
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")


class Iterable(ContentStore, Protocol):
    """A store that can say what it holds."""

    def iterate(self) -> Iterator[str]: ...


def orphans(engine: Engine) -> list[str]:
    """Contents that no entry cites: put for an act that was refused, or rolled back. One that is being put right now is
    among them; look again later before anything is removed."""
    store: Any = engine.contents
    lying = list(store.iterate())  # before the entries: what is put in between is not counted
    with engine.reading() as connection:
        cited = {one for _, rows in scan.chains(connection) for row in rows for one in _cited(row)}
    return [one for one in lying if one not in cited]


def expiring(connection: Any, contents: ContentStore, before: int) -> dict[str, list[str]]:
    """Contents that only items closed before a moment (microseconds UTC) cite, and that are still there, sorted, by the
    first such item that cites each."""
    finished = {i.id for i in scan.items(connection).values() if i.final}
    gone: dict[str, str] = {}
    kept: set[str] = set()
    for chain, rows in scan.chains(connection):
        cited = {one for row in rows for one in _cited(row)}
        if chain in finished and rows[-1].at < before:
            for one in cited:
                gone.setdefault(one, chain)
        else:
            kept |= cited
    found: dict[str, list[str]] = {}
    for one, item in sorted(gone.items()):
        if one not in kept and contents.has(one):
            found.setdefault(item, []).append(one)
    return dict(sorted(found.items()))


def expired(connection: Any, contents: ContentStore, before: int) -> list[str]:
    """The same, without saying of which item."""
    return sorted(one for some in expiring(connection, contents, before).values() for one in some)


def retire(engine: Engine, before: int, *, by: str, reason: str) -> Receipt:
    """Remove what ``expired`` names. First the entry is committed, then the contents go: interrupted, it is finished by
    calling it again.

    Raises:
        Unknown: nothing is over.
    """
    with engine.desk() as desk:
        found = expired(desk.connection, desk.contents, before)
        if not found:
            raise Unknown(
                kind=Said("content whose period is over by", "此前办结且保管期已满的内容"),
                name=f"{moment(before):%Y-%m-%d}",
                hint=Said("; nothing is to be removed", ";没有可移除的"),
            )
        text = desk.contents.put(canonical.encode(found))
        act = {"kind": RETIRE, "text": text, "count": len(found), "before": before, "by": by, "reason": reason}
        made = sealing.append(desk.connection, engine.key, CHAIN, act, engine.now(desk.connection))
    for one in found:
        engine.contents.remove(one)
    return made


def _cited(row: Any) -> list[str]:
    return [one.decode() for one in _DIGEST.findall(row.body)]
