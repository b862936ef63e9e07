"""The one place that reads the wall clock. Everything else is told what time it is.

All moments inside the library are integers: microseconds since 1970-01-01T00:00:00Z. They are exact, sort as
they stand in every database, and have one canonical form. A zone appears only where people read or write dates.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import perf_counter_ns
from typing import Protocol
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds UTC of an aware moment.

    Raises:
        ValueError: the moment is naive; a time without a zone is not a time.
    """
    if moment.tzinfo is None:
        raise ValueError(f"expected an aware datetime; got naive {moment.isoformat()}. Attach a time zone")
    return (moment - EPOCH) // _MICRO


def moment(us: int, zone: str = "UTC") -> datetime:
    """The aware datetime of microseconds UTC, shown in a zone."""
    return (EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(zone))


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: str, at: time = time(0)) -> int:
    """Microseconds UTC of a local time (midnight unless told) on a local date."""
    return micros(datetime.combine(day, at, tzinfo=ZoneInfo(zone)))


@lru_cache(maxsize=4096)
def local_day(us: int, zone: str) -> date:
    """The local date on which a moment falls."""
    return moment(us, zone).date()


def steady() -> int:
    """Microseconds of this process's own clock, which no one sets: for how long something was kept, never for when it was."""
    return perf_counter_ns() // 1_000


class Clock(Protocol):
    """Where an act or a sweep reads its one moment.

    ``in_database`` clocks are read by the store inside the transaction (PostgreSQL ``clock_timestamp()``), so that
    many nodes share one clock; ``now`` is then only a fallback for databases without one.
    """

    in_database: bool

    def now(self) -> int:
        """Microseconds UTC."""
        ...


class SystemClock:
    """The database's clock where it has one, this machine's otherwise (SQLite runs in this process)."""

    in_database = True

    def now(self) -> int:
        return micros(datetime.now(UTC))


class SettableClock:
    """A clock that stands still until it is moved. For simulations, scenario tests and hosts' own tests."""

    in_database = False

    def __init__(self, start: datetime | int) -> None:
        self._us = start if isinstance(start, int) else micros(start)

    def now(self) -> int:
        return self._us

    def set(self, to: datetime | int) -> None:
        """Move to a moment, forwards or backwards; whether going back is allowed is the engine's rule, not the clock's."""
        self._us = to if isinstance(to, int) else micros(to)

    def advance(self, by: timedelta) -> None:
        self._us += by // _MICRO
