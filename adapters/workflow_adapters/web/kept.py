"""What took long to add up, for a few seconds: a campaign's totals are asked for by everybody every morning."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")
WORTH = 0.01  # seconds: what is made faster is made each time
TIMES = 50  # a value is kept so many times as long as it took to make,
LONGEST = 30.0  # and no longer than this, which the pages say
MOST = 256


@dataclass(frozen=True)
class _Held:
    value: Any
    until: float
    longest: float
    head: Hashable

    def good(self, now: float, head: Hashable) -> bool:
        return now < (self.longest if head is not None and head == self.head else self.until)


class Kept:
    """Values by key. One thread makes a value; others that want it meanwhile get the last one, or wait for the first."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], head: Hashable = None) -> T:
        """The value of a key: made now, or within the last seconds.

        Args:
            head: what it is made of. As long as that is the same the value is kept, however quickly it was made.
        """
        with self._lock:
            held = self._held.get(key)
            making = self._making.setdefault(key, threading.Lock())
        now = perf_counter()
        if held is not None and held.good(now, head):
            return held.value  # type: ignore[no-any-return]
        last = held if held is not None and now < held.until + LONGEST else None
        if not making.acquire(blocking=last is None):
            assert last is not None
            return last.value  # type: ignore[no-any-return]
        try:
            again = self._held.get(key)
            if again is not None and again.good(perf_counter(), head):  # made while we waited
                return again.value  # type: ignore[no-any-return]
            begun = perf_counter()
            made = make()
            took = perf_counter() - begun
            with self._lock:
                self._held.pop(key, None)
                if took >= WORTH or head is not None:
                    ended = perf_counter()
                    until = ended + min(LONGEST, TIMES * took) if took >= WORTH else ended
                    self._held[key] = _Held(made, until, ended + LONGEST, head)
                while len(self._held) > MOST:
                    self._held.popitem(last=False)
                if len(self._making) > 4 * MOST:
                    self._making = {k: v for k, v in self._making.items() if v.locked() or k in self._held}
            return made
        finally:
            making.release()
