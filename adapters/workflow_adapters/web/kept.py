"""What took long to add up, for a few seconds: a campaign's totals are asked for by everybody every morning."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")
WORTH = 0.05  # seconds: what is made faster is made each time
TIMES = 50  # a value is kept so many times as long as it took to make,
LONGEST = 30.0  # and no longer than this, which the pages say
MOST = 256


class Kept:
    """Values by key. One thread makes a value; others that want it meanwhile get the last one, or wait for the first."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()  # until when, what
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key: made now, or within the last seconds."""
        with self._lock:
            held = self._held.get(key)
            making = self._making.setdefault(key, threading.Lock())
        now = perf_counter()
        if held is not None and now < held[0]:
            return held[1]  # type: ignore[no-any-return]
        last = held if held is not None and now < held[0] + LONGEST else None
        if not making.acquire(blocking=last is None):
            assert last is not None
            return last[1]  # type: ignore[no-any-return]
        try:
            again = self._held.get(key)
            if again is not None and perf_counter() < again[0]:  # made while we waited
                return again[1]  # type: ignore[no-any-return]
            begun = perf_counter()
            made = make()
            took = perf_counter() - begun
            with self._lock:
                self._held.pop(key, None)
                if took >= WORTH:
                    self._held[key] = (perf_counter() + min(LONGEST, TIMES * took), made)
                while len(self._held) > MOST:
                    self._held.popitem(last=False)
                if len(self._making) > 4 * MOST:
                    self._making = {k: v for k, v in self._making.items() if v.locked() or k in self._held}
            return made
        finally:
            making.release()
