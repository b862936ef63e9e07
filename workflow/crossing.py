"""What ties chains to each other: citations, items that entries opened, numbers that are used once.

A chain is checked alone, and several processes check several chains; what one says of another is collected meanwhile
and settled at the end, when all of them have been read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workflow.below import Below, Told
from workflow.evidence import canonical
from workflow.store import items, scan
from workflow.store import log as logstore

Json = dict[str, Any]
Fault = tuple[str, str, str]
"""Code, place, and what was expected and found."""

# What an item that another one opened repeats of the effect that opened it.
_REPEATED = (("flow", ""), ("unit", ""), ("enter", ""), ("category", ""), ("fields_", None), ("line", 0))


@dataclass
class Crossing:
    """The loose ends of some chains.

    Attributes:
        cited: (chain, number or 0 for any, hash in hex) -> where it is first relied on.
        opens: item -> where an effect opened it, and what it must cite and be.
        opened: item -> what its own first entry cites and is.
        nonces: -> where the single-use number was used.
        told: what rules were told of the reports below, each once.
    """

    cited: dict[tuple[str, int, str], str] = field(default_factory=dict)
    opens: dict[str, tuple[str, Json]] = field(default_factory=dict)
    opened: dict[str, tuple[str, Json]] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    told: dict[tuple[str, str, str], Told] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def add(self, other: Crossing) -> None:
        """Take in the loose ends of other chains."""
        for key, place in other.cited.items():
            self.cited.setdefault(key, place)
        for item, (place, expected) in other.opens.items():
            self._opens(item, place, expected)
        self.opened.update(other.opened)
        for nonce, place in other.nonces.items():
            self.once(nonce, place)
        for fact, told in other.told.items():
            self.told.setdefault(fact, told)
        self.faults += other.faults

    def once(self, nonce: Any, place: str) -> None:
        """A signature's single-use number."""
        if not isinstance(nonce, str) or not nonce:
            self.faults.append(("nonce", place, "the statement has no single-use number"))
        elif nonce in self.nonces:
            self.faults.append(("nonce", place, f"its single-use number was used at {self.nonces[nonce]}"))
        else:
            self.nonces[nonce] = place

    def note(self, body: Json, hash_: str, campaign: str, place: str) -> None:
        """What an entry relies on and what it opens.

        Args:
            hash_: of the entry, in hex.
            campaign: that of its item once it is applied.
        """
        act, chain, seq = body["act"], body["chain"], body["seq"]
        if body.get("org"):
            self.cited.setdefault((items.ORG, 0, body["org"]), place)
        if act.get("cites", {}).get("entry"):
            cites = act["cites"]
            self.cited.setdefault((cites["item"], cites["seq"], cites["entry"]), place)
        for name, value in body.get("facts", {}).items():
            if name.startswith("children "):
                for child in value:
                    if "head" in child:
                        self.cited.setdefault((child["item"], child["seq"], child["head"]), place)
        for fact, told in Told.of(body, place):
            self.told.setdefault(fact, told)
        for effect in body.get("effects", ()):
            for child in effect.get("relies", ()):
                self.cited.setdefault((child["item"], child["seq"], child["head"]), place)
            if effect["e"] == "item-opened":
                self._opens(effect["item"], place, _opening(effect, chain, seq, hash_, campaign))
        if act["kind"] == "open" and (act.get("cites") or act.get("enter")):
            self.opened[chain] = (place, _told(act))

    def _opens(self, item: str, place: str, expected: Json) -> None:
        if item in self.opens:
            self.faults.append(("cite", place, f"{item} was opened before, at {self.opens[item][0]}"))
        else:
            self.opens[item] = (place, expected)

    def settle(self, connection: Any) -> Iterator[Fault]:
        """What does not fit, with the database as it stands after all chains were read."""
        yield from self.faults
        below = Below(connection) if self.told else None
        for told in self.told.values():
            yield from below.faults(told) if below else ()
        chains = {chain for chain, _, _ in self.cited}
        exact, somewhere = set(), set()
        for chain, seq, hash_ in scan.hashes(connection, chains):
            exact.add((chain, seq, hash_.hex()))
            somewhere.add((chain, hash_.hex()))
        for (chain, seq, hash_), place in self.cited.items():
            if (chain, seq, hash_) not in exact and (seq or (chain, hash_) not in somewhere):
                code = "org" if chain == items.ORG else "cite"
                yield code, place, f"it rests on {chain}#{seq or '?'}, which is not there or is another entry"
        for item in self.opens.keys() | self.opened.keys():
            expected, found = self.opens.get(item), self.opened.get(item)
            if expected is None and found is not None:  # its source may have been written after its chain was read
                expected = _source(connection, item, found[1]["cites"])
            if found is None:
                found = _first(connection, item)
            if expected is None or found is None:
                place = (found or expected or ("", {}))[0]
                what = (
                    "no entry opened it as it says" if expected is None else f"the item {item} it opened is not there"
                )
                yield "cite", place, what
            elif expected[1] != found[1]:
                differing = sorted(k for k in expected[1].keys() | found[1] if expected[1].get(k) != found[1].get(k))
                yield "cite", found[0], f"other than {expected[0]} opened it: {', '.join(differing)}"


def _repeated(of: Json) -> Json:
    return {name: of.get(name) or nothing for name, nothing in _REPEATED}


def _told(act: Json) -> Json:
    """What an act of opening says of itself."""
    cites = act.get("cites", {})
    return {**_repeated({**act, **cites}), "cites": cites, "campaign": act.get("campaign", "")}


def _opening(effect: Json, chain: str, seq: int, hash_: str, campaign: str) -> Json:
    cites = {"item": chain, "seq": seq, "entry": hash_}
    if "line" in effect:
        cites["line"] = effect["line"]
    return {**_repeated(effect), "cites": cites, "campaign": campaign}


def _source(connection: Any, item: str, cites: Json) -> tuple[str, Json] | None:
    """The effect that opened an item, read from the entry that it cites."""
    chain, seq = cites.get("item", ""), cites.get("seq", 0)
    for row in items.entries(connection, chain):
        body = canonical.read(row.body)
        if row.seq == 1:
            campaign = body["act"].get("campaign", "")
        if row.seq == seq:
            for effect in body.get("effects", ()):
                if effect["e"] == "item-opened" and effect["item"] == item:
                    return f"{chain}#{seq}", _opening(effect, chain, seq, row.hash.hex(), campaign)
    return None


def _first(connection: Any, item: str) -> tuple[str, Json] | None:
    """What an item's own first entry cites and is."""
    stored = logstore.entry(connection, item, 1)
    if stored is None:
        return None
    return f"{item}#1", _told(canonical.read(stored[0])["act"])
