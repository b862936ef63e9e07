"""What a verification found: how far it went, and every failure with a code and its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from workflow.crossing import Crossing

TYPE = "column-type"
"""Code of a value of another type than its column's: nothing that would stumble over it is read."""


@dataclass(frozen=True)
class Failure:
    """One thing that does not hold: a stable code, where, and what was expected and found."""

    code: str
    place: str
    detail: str

    def __str__(self) -> str:
        return f"[{self.code}] {self.place}: {self.detail}"


@dataclass
class Report:
    """What a verification found. ``level`` is what was really reached, never more."""

    entries: int = 0
    chains: int = 0
    replayed: int = 0
    checked: set[str] = field(default_factory=set)  # digests of documents that were there and right
    missing: dict[str, Failure] = field(default_factory=dict)  # digests of documents that were not, where first cited
    retired: set[str] = field(default_factory=set)  # documents that were removed on record
    strengths: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)  # id of each engine key -> entries it sealed
    unregistered: int = 0  # signatures by persons' own keys that no key event brought
    unvouched: list[str] = field(default_factory=list)  # engine keys that no older key signed for
    backwards: list[str] = field(default_factory=list)  # entries that say an earlier moment than the one before them
    misdated: list[str] = field(default_factory=list)  # versions said to be published after something rested on them
    unpinned: int = 0  # signatures by persons' own keys of persons whom the policy has no keys of
    uncertified: int = 0  # signatures of certified keys for which the policy has no authorities
    organisation: str = "not checked"
    crossing: Crossing = field(default_factory=Crossing)  # settled at the end; empty then
    committed: dict[str, str] = field(default_factory=dict)  # personal values of papers -> the entry that brought them
    used: dict[str, int] = field(default_factory=dict)  # definition or calendar -> moment of its first use
    failures: list[Failure] = field(default_factory=list)

    @property
    def contents(self) -> int:
        """How many documents were there and right."""
        return len(self.checked)

    @property
    def contents_missing(self) -> int:
        """How many documents were not there, or were others."""
        return len(self.missing)

    def add(self, other: Report) -> None:
        """Take in what the range behind this one found."""
        self.entries += other.entries
        self.chains += other.chains
        self.replayed += other.replayed
        self.checked |= other.checked
        told = [again for one, again in other.missing.items() if one in self.missing]
        self.missing = other.missing | self.missing
        self.retired |= other.retired
        self.strengths.update(other.strengths)
        self.keys.update(other.keys)
        self.unregistered += other.unregistered
        self.unpinned += other.unpinned
        self.backwards += other.backwards
        self.uncertified += other.uncertified
        self.crossing.add(other.crossing)
        self.committed |= {one: place for one, place in other.committed.items() if one not in self.committed}
        self.used = {d: min(self.used.get(d, at), other.used.get(d, at)) for d, at in (self.used | other.used).items()}
        self.failures += [failure for failure in other.failures if failure not in told]

    def rests(self, *digests: str, at: int) -> None:
        """An entry of that moment rests on these definitions or calendars."""
        for one in digests:
            if at < self.used.get(one, at + 1):
                self.used[one] = at

    def fail(self, code: str, place: str, detail: str) -> None:
        """Something does not hold."""
        self.failures.append(Failure(code, place, detail))

    @property
    def unread(self) -> bool:
        """Whether columns hold values of other types, so that nothing else was looked at."""
        return any(failure.code == TYPE for failure in self.failures)

    @property
    def holds(self) -> bool:
        return self.entries > 0 and not self.failures

    @property
    def level(self) -> str:
        return "V1" if self.holds else "V0"

    @property
    def rules(self) -> str:
        """Whether the history is one the definitions allow."""
        if self.replayed == 0:
            return "not checked"
        return "hold" if not any(f.code.startswith("rules") for f in self.failures) else "do not hold"

    @property
    def exit_code(self) -> int:
        """0 holds, 1 does not hold, 2 could not be checked."""
        return 2 if self.entries == 0 else 0 if self.holds else 1
