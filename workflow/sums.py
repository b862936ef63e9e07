"""How many of something there are about each unit, counted once and added up for any part of the organisation in a few steps.

The order of the organisation goes depth first, so that what is below a unit stands in it in one piece. What was counted is
kept as places in that order; how many there are in a piece of it is the distance between two of them. So a total of a
campaign of any size takes no longer for the top than for a village. Whoever adds up says for whose eyes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from workflow.store.org import Stretches

if TYPE_CHECKING:
    from workflow.store.org import OrgReader

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Sums(Generic[K]):
    """What was counted, by key.

    Attributes:
        day: on which the organisation is looked at.
        covert: what only some may know of, one by one: ``(key, unit)``. It is in no sum; whoever asks adds what may be seen.
    """

    def __init__(
        self, org: OrgReader, day: str, counted: Iterable[tuple[K, Iterable[str]]], covert: Iterable[tuple[K, str]] = ()
    ) -> None:
        """
        Args:
            counted: by key the units, each as many times as there is something about it.
        """
        self._places: Mapping[str, int] = org.places(day)
        self._order = list(self._places)
        self._held: dict[K, array[int]] = {}
        self._strays: dict[K, Counter[str]] = {}
        self.day = day
        self._known: dict[Hashable, object] = {}
        self.covert = tuple(covert)
        for key, units in counted:
            every = list(units)
            listed = [place for u in every if (place := self._places.get(u)) is not None]
            self._held[key] = array("l", sorted(listed))
            if len(listed) < len(every):
                self._strays[key] = Counter(u for u in every if u not in self._places)

    @property
    def keys(self) -> Collection[K]:
        return self._held.keys()

    def below(self, org: OrgReader, unit: str) -> Stretches:
        """A unit and all that is below it."""
        span = org.span(unit, self.day)
        return Stretches((span,)) if span is not None else self.part(org, frozenset(org.subtree(unit, self.day)))

    def part(self, org: OrgReader, units: frozenset[str] | None) -> Stretches:
        """Some units; all there are for None."""
        return Stretches(((0, len(self._places)),), None) if units is None else org.stretches(units, self.day)

    def holds(self, part: Stretches, unit: str) -> bool:
        """Whether a unit belongs to a part."""
        place = self._places.get(unit)
        if place is None:
            return part.strays is None or unit in part.strays
        return any(begin <= place < end for begin, end in part.spans)

    def count(self, key: K, part: Stretches) -> int:
        """How many there are of a key."""
        held, strays, found = self._held.get(key, ()), self._strays.get(key), 0
        for begin, end in part.spans:
            found += bisect_left(held, end) - bisect_left(held, begin)
        if strays is not None:
            found += sum(n for u, n in strays.items() if part.strays is None or u in part.strays)
        return found

    def units(self, keys: Iterable[K], part: Stretches) -> int:
        """How many units have something of any of these keys."""
        wanted = frozenset(keys)
        held, strays = self.once(("units", wanted), lambda: self._distinct(wanted))
        found = sum(bisect_left(held, end) - bisect_left(held, begin) for begin, end in part.spans)
        return found + (len(strays) if part.strays is None else len(strays & part.strays))

    def has(self, keys: Iterable[K], unit: str) -> bool:
        """Whether a unit has something of any of these keys."""
        place = self._places.get(unit)
        return bool(
            self.units(keys, Stretches((), frozenset((unit,))) if place is None else Stretches(((place, place + 1),)))
        )

    def _distinct(self, keys: Collection[K]) -> tuple[array[int], frozenset[str]]:
        places = {place for key in keys for place in self._held.get(key, ())}
        return array("l", sorted(places)), frozenset(u for key in keys for u in self._strays.get(key, ()))

    def by_unit(self, keys: Iterable[K], part: Stretches) -> Counter[str]:
        """How many each unit of a part has of some keys together; only units that have any."""
        found: Counter[int] = Counter()
        told: Counter[str] = Counter()
        for key in keys:
            held = self._held.get(key, array("l"))
            for begin, end in part.spans:
                found.update(held[bisect_left(held, begin) : bisect_left(held, end)])
            for unit, n in self._strays.get(key, {}).items():
                if part.strays is None or unit in part.strays:
                    told[unit] += n
        for place, n in found.items():
            told[self._order[place]] = n
        return told

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Something that follows from these sums, found out once."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]  # type: ignore[return-value]
