"""Writing a bundle (``.wfproof``): everything an auditor needs to check some items alone, in one file.

A bundle holds the requested chains, every chain that their entries rely on (the organisation's imports, cited reports,
the items they opened), what became of keys, the definitions and calendars, and the documents; what is not given out is
listed by digest. With a log it also holds the newest checkpoint, each entry's path to it, and the proofs that it
continues earlier ones.
Nothing in it is trusted by whoever verifies: see ``workflow/evidence/standalone.py``, which also describes the format.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, Protocol

from workflow import logbook
from workflow.errors import ContentMissing, Said, Unknown
from workflow.evidence import canonical, keyring
from workflow.evidence.content import ContentStore
from workflow.store import items, library, scan, selection
from workflow.store import log as logbook_store

FORMAT = "wfproof/1"
LINE_LIMIT = 64 * 1024 * 1024
Kind = Literal["item", "unit", "campaign"]


class Proofs(Protocol):
    """What the log knows of entries, at one checkpoint."""

    @property
    def checkpoint(self) -> str:
        """The signed note of the checkpoint that all proofs lead to, with whatever cosignatures there are."""
        ...

    def inclusion(self, chain: str, entries: int) -> Mapping[int, tuple[int, Sequence[bytes]]]:
        """By number, index and path (nearest first) of the entries of a chain from 1 to ``entries`` that it covers."""
        ...

    def consistency(self) -> Iterable[tuple[int, int, Sequence[bytes]]]:
        """(older size, size, path) from each earlier checkpoint that somebody may have kept."""
        ...

    def chains(self) -> Sequence[str]:
        """The chains whose entries the proofs of heads rest on."""
        ...

    def head(self, chain: str) -> Mapping[str, Any] | None:
        """The proof of a chain's head in the newest heads tree, or that it had none; None without a heads tree."""
        ...


class LogProofs:
    """The proofs of this database's own log, at its newest checkpoint and for its newest heads tree.

    Raises:
        Unknown: nothing was signed yet.
    """

    def __init__(self, connection: Any) -> None:
        scan.refuse_misfits(connection)
        newest = logbook.published(connection)
        if newest is None:
            raise Unknown(
                kind="checkpoint",
                name="newest",
                hint=Said("; sign one: workflow log checkpoint", ";请先签发:workflow log checkpoint"),
            )
        self._connection = connection
        self._newest = newest
        self._tree = logbook.tree(connection, newest.epoch, newest.size)
        heads = logbook.newest_heads(connection)
        self._heads = logbook.heads_tree(connection, heads) if heads is not None else None

    @property
    def checkpoint(self) -> str:
        return str(self._newest.note)

    def inclusion(self, chain: str, entries: int) -> dict[int, tuple[int, Sequence[bytes]]]:
        wanted = [(chain, seq) for seq in range(1, entries + 1)]
        placed = logbook.places(self._connection, self._newest.epoch, wanted)
        return {
            seq: (index, self._tree.inclusion(index)) for (_, seq), index in placed.items() if index < self._newest.size
        }

    def consistency(self) -> Iterator[tuple[int, int, Sequence[bytes]]]:
        for older in logbook_store.checkpoints(self._connection, self._newest.epoch):
            if older.size < self._newest.size:
                yield older.size, self._newest.size, self._tree.consistency(older.size)

    def chains(self) -> Sequence[str]:
        return (logbook.CHAIN,) if self._heads is not None else ()

    def head(self, chain: str) -> Mapping[str, Any] | None:
        return self._heads.tree.prove(chain) if self._heads is not None else None


@dataclass(frozen=True)
class Made:
    """What went into a bundle."""

    chains: int
    entries: int
    contents: int
    withheld: int
    size: int


@dataclass(frozen=True)
class Everything:
    """Somebody who may read all contents. Pass a set of digests to give out only these."""

    def __contains__(self, digest: object) -> bool:
        return True


def write(
    connection: Any,
    contents: ContentStore,
    out: BinaryIO,
    kind: Kind,
    name: str,
    *,
    made_at: int,
    give: Container[str] | None = None,
    log: Proofs | None = None,
) -> Made:
    """Write a bundle of an item, of all items about a unit, or of a campaign.

    Args:
        connection: one consistent moment for reading (``engine.reading()``).
        made_at: microseconds UTC.
        give: digests of the documents that may be given out; the others are listed. None gives all.

    Raises:
        Unknown: there is no such item, or nothing about that unit or in that campaign.
        ColumnType: somebody put values of other types into the tables.
    """
    scan.refuse_misfits(connection)
    wanted = _wanted(connection, kind, name)
    keys = [keyring.CHAIN] if selection.has_chain(connection, keyring.CHAIN) else []
    chains, named, relied = _closure(connection, keys + wanted + list(log.chains() if log is not None else ()))
    file = _Lines(out)
    file.put(
        t="header",
        format=FORMAT,
        origin=scan.origin(connection),
        made_at=made_at,
        what={"kind": kind, "name": name},
        chains=wanted,
    )
    for id_, public in selection.engine_keys(connection).items():
        file.put(t="key", role="engine", id=id_, public=public)
    for of, digest, body in _library(connection, relied):
        file.put(t="library", kind=of, digest=digest, body=_text(body))
    if log is not None:
        file.put(t="checkpoint", note=log.checkpoint)
        for older, size, path in log.consistency():
            file.put(t="consistency", **{"from": older, "to": size, "path": _text(b"".join(path))})
    count = 0
    heads: list[tuple[str, int, bytes]] = []
    for chain in chains:
        rows = items.entries(connection, chain)
        logged = log.inclusion(chain, len(rows)) if log is not None else {}
        for row in rows:
            line = {"t": "entry", "chain": chain, "seq": row.seq, "body": _text(row.body), "seal": _text(row.seal)}
            if row.seq in logged:
                index, path = logged[row.seq]
                line |= {"index": index, "path": _text(b"".join(path))}
            file.put(**line)
        count += len(rows)
        heads += [(chain, row.seq, row.hash) for row in rows[-1:]]
    for chain, seq, hash_ in heads:
        file.put(t="head", chain=chain, seq=seq, hash=hash_.hex())
    for chain in dict.fromkeys([*chains, keyring.CHAIN]) if log is not None else ():  # or that there are no key events
        proof = log.head(chain) if log is not None else None
        if proof is not None:
            file.put(t="heads", chain=chain, proof=dict(proof))
    held, withheld = _contents(file, contents, named, Everything() if give is None else give)
    size = file.end()
    return Made(len(chains), count, held, withheld, size)


class _Lines:
    """Canonical lines into a file, with the running digest that its last line states."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self._lines = self._size = 0

    def put(self, **line: Any) -> None:
        data = canonical.encode(line, size_limit=LINE_LIMIT) + b"\n"
        self._out.write(data)
        self._digest.update(data)
        self._lines, self._size = self._lines + 1, self._size + len(data)

    def end(self) -> int:
        """Close the bundle.

        Returns:
            Its size in bytes.
        """
        self.put(t="end", lines=self._lines + 1, digest="sha256:" + self._digest.hexdigest())
        return self._size


def _wanted(connection: Any, kind: Kind, name: str) -> list[str]:
    if kind == "item":
        found = [name] if selection.has_chain(connection, name) else []
    elif kind == "unit":
        found = selection.items_of_unit(connection, name)
    else:
        found = selection.items_of_campaign(connection, name)
    if not found:
        hint = "" if kind == "item" else Said("; nothing was opened there yet", ";那里尚未立项")
        raise Unknown(kind=kind if kind == "item" else f"item of the {kind}", name=name, hint=hint)
    return found


def _closure(connection: Any, wanted: Sequence[str]) -> tuple[list[str], list[str], set[str]]:
    """Every chain that the wanted ones rely on, the documents they name, the definitions and calendars they pin."""
    chains: dict[str, None] = {}
    named: dict[str, None] = {}
    relied: set[str] = set()
    waiting = list(reversed(wanted))
    while waiting:
        chain = waiting.pop()
        if chain in chains:
            continue
        chains[chain] = None
        for row in items.entries(connection, chain):
            try:
                body = canonical.read(row.body)
                waiting += [c for c in cited_chains(body) if c not in chains]
                named.update(dict.fromkeys(cited_contents(body["act"])))
                relied.update(body[k] for k in ("definition", "calendar") if k in body)
                relied.update(d for fact, d in body.get("facts", {}).items() if fact.startswith("calendar "))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # damaged: its bytes go in as they are, and whoever verifies sees that they do not hold
    return list(chains), list(named), relied


def cited_chains(body: Mapping[str, Any]) -> Iterator[str]:
    """The chains that an entry relies on, or opened."""
    if body.get("org"):
        yield items.ORG
    if body["act"].get("cites", {}).get("entry"):
        yield body["act"]["cites"]["item"]
    for fact, value in body.get("facts", {}).items():
        if fact.startswith("children "):
            yield from (child["item"] for child in value if "head" in child)
    for effect in body.get("effects", ()):
        yield from (one["item"] for one in effect.get("relies", ()))
        if effect["e"] == "item-opened":
            yield effect["item"]


def cited_contents(act: Mapping[str, Any]) -> Iterator[str]:
    """The digests of the documents that an act hands in."""
    yield from act.get("materials", {}).values()
    yield from (act[name] for name in ("minutes", "evidence", "text") if act.get(name))
    if act.get("paper"):
        yield act["paper"]["scan"]
    if act["kind"] == "import-org":
        yield act["content"]
        yield from act.get("parts", ())


def _library(connection: Any, relied: set[str]) -> Iterator[tuple[str, str, bytes]]:
    for digest in sorted(relied):
        for of, read in (("definition", library.definition), ("calendar", library.calendar)):
            body = read(connection, digest)
            if body is not None:
                yield of, digest, body


def _contents(file: _Lines, contents: ContentStore, named: Iterable[str], give: Container[str]) -> tuple[int, int]:
    """Documents that may be given out and are there, then the digests of the others."""
    held, withheld = 0, []
    for digest in named:
        try:
            data = contents.get(digest) if digest in give else None
        except ContentMissing:  # erased after its period, or damaged: the digest says what it was
            data = None
        if data is None:
            withheld.append(digest)
            continue
        file.put(t="content", digest=digest, body=_text(data))
        held += 1
    for digest in withheld:
        file.put(t="withheld", digest=digest)
    return held, len(withheld)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
