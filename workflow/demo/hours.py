"""Office hours: the working days of the published calendar laid end to end, so that people can plan in minutes of work.

Minute 0 is the beginning of the first office day. A make-up Sunday is a day like any other, a holiday is none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, time, timedelta

from workflow.calendar import Calendar
from workflow.clock import start_of_day

MINUTE = 60_000_000
WINDOWS = ((time(8, 30), 180), (time(14), 210))  # morning and afternoon: when they begin, how many minutes they have
DAY = sum(length for _, length in WINDOWS)


class OfficeHours:
    """Minutes of work and moments (microseconds UTC), each from the other."""

    def __init__(self, calendar: Calendar, first: date, last: date, zone: str) -> None:
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self.days = [d for d in days if calendar.is_workday(d)]
        self._begins = [start_of_day(d, zone, at) for d in self.days for at, _ in WINDOWS]
        self._minutes = [n * DAY + before for n in range(len(self.days)) for before in (0, WINDOWS[0][1])]

    def moment(self, minute: float) -> int:
        """The moment of a minute of work."""
        n = bisect_right(self._minutes, minute) - 1
        return self._begins[n] + int((minute - self._minutes[n]) * MINUTE)

    def minute(self, at: int) -> float:
        """The minute of work at a moment; out of hours, the beginning of the next window."""
        n = bisect_right(self._begins, at) - 1
        if n < 0:
            return 0.0
        passed = (at - self._begins[n]) / MINUTE
        return float(self._minutes[n]) + min(passed, WINDOWS[n % 2][1])

    def of_day(self, day: date, share: float = 0.0) -> float:
        """The minute at which a share of that day's work is done; of the next working day where it is none."""
        return (bisect_left(self.days, day) + share) * DAY
