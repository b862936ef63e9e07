"""What a signer takes home, and what anybody is shown before signing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflow.case import Case, Slot


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which entry an act became, where, and the engine's seal over it.

    Inside a host's transaction ``seal`` is empty until the host has committed: ask ``engine.receipt(claim)`` then.

    Attributes:
        item: the item, or the chain the entry stands in.
        seq: the entry's place in that chain, from 1.
        entry: the entry's hash, 32 bytes.
        at: microseconds UTC.
        stage: where the item is after the act.
        opened: items opened behind this one.
    """

    item: str
    seq: int
    entry: bytes
    at: int
    stage: str
    seal: bytes = b""
    opened: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """What a person is shown before acting: the content by name, what waits, and the digest that ``seen`` must equal."""

    case: Case
    digest: str
    contents: dict[str, Any]
    waiting: tuple[Slot, ...]
