"""One sealed entry in a chain that is no item: what the organisation, the log, keys and views say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.evidence import canonical
from workflow.evidence.entry import entry_hash, seal_entries
from workflow.evidence.keys import KeyProvider
from workflow.receipt import Receipt
from workflow.store import appending


def append(
    connection: Any,
    signer: KeyProvider,
    chain: str,
    act: Mapping[str, Any],
    at: int,
    more: Mapping[str, Any] | None = None,
) -> Receipt:
    """Append an act to a chain on the caller's transaction.

    Args:
        at: microseconds UTC.
        more: members of the body beside the act.

    Raises:
        Conflict: another entry came first; nothing of the transaction may be committed.
    """
    sealed = b""

    def make(seq: int, prev: bytes) -> dict[str, Any]:
        nonlocal sealed
        head = {"v": 1, "chain": chain, "seq": seq, "prev": prev.hex(), "at": at}
        body = canonical.encode({**head, "act": dict(act), **(more or {})})
        (sealed,) = seal_entries([body], signer)
        return {"at": at, "act": act["kind"], "body": body, "seal": sealed, "hash": entry_hash(body, sealed)}

    seq, hash_ = appending.append_chain(connection, chain, make)
    return Receipt(chain, seq, hash_, at, "", sealed)
