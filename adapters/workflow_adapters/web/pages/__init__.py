"""Every page there is: its path, who makes it, the name links use, and how it may be asked for."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from workflow_adapters.web.pages import (
    acting,
    ballot,
    evidence,
    files,
    item,
    overview,
    registers,
    responsibility,
    rolls,
    times,
    work,
)
from workflow_adapters.web.visit import Visit

READ, WRITE = ("GET",), ("POST",)

PAGES: tuple[tuple[str, Callable[[Visit], Response], str, tuple[str, ...]], ...] = (
    ("/", work.work, "work", READ),
    ("/items", registers.items_page, "items", READ),
    ("/items/{item}", item.item, "item", READ),
    ("/items/{item}/signatures", item.sheet, "signatures", READ),
    ("/items/{item}/why", item.why, "why", READ),
    ("/items/{item}/alike", item.alike, "alike", READ),
    ("/items/{item}/trace", responsibility.trace, "trace", READ),
    ("/items/{item}/materials/{name}", item.material, "material", READ),
    ("/items/{item}/slots/{slot}", acting.slot, "slot", READ),
    ("/items/{item}/slots/{slot}/act", acting.act, "act", WRITE),
    ("/items/{item}/submit", acting.paper, "paper", READ),
    ("/items/{item}/hand-in", acting.hand_in, "hand-in", WRITE),
    ("/items/{item}/withdraw/{slot}", acting.withdraw, "withdraw", WRITE),
    ("/items/{item}/urge", acting.urge, "urge", WRITE),
    ("/register", registers.register, "register", READ),
    ("/ledger", registers.ledger, "ledger", READ),
    ("/reports", times.reports, "reports", READ),
    ("/reports/{flow}/{rule}/{period}", times.period, "period", READ),
    ("/reports/{flow}/{rule}/{period}/begin", acting.begin, "begin", WRITE),
    ("/roll", rolls.roll, "roll", READ),
    ("/overdue", times.overdue, "overdue", READ),
    ("/ladders", times.ladders, "ladders", READ),
    ("/campaign", overview.campaign, "campaign", READ),
    ("/organisation", responsibility.tree, "organisation", READ),
    ("/files/{what}.{ending}", files.download, "file", READ),
    ("/ballot", ballot.begin, "ballot", READ),
    ("/ballot/paper", ballot.paper, "ballot-paper", WRITE),
    ("/ballot/cast", ballot.cast, "ballot-cast", WRITE),
    ("/verify", evidence.verify, "verify", READ),
    ("/verify/bundle", evidence.checked, "checked", WRITE),
)

UNNAMED = frozenset({"ballot", "ballot-paper", "ballot-cast"})
"""Pages on which nobody is asked who they are: the host's resolver is not called, and no cookie is read or set."""
