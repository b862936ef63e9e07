"""What each person may see, remembered for the pages and the API: finding it out costs more than most of what is asked."""

from __future__ import annotations

from workflow.clock import local_day
from workflow.desk import Desk
from workflow.sight import Sight, sight_of
from workflow.store import org


class Sights:
    """What persons may see, kept until the organisation changes or the day does."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, int], Sight] = {}

    def of(self, desk: Desk, person: str, now: int, zone: str) -> Sight:
        day = local_day(now, zone).isoformat()
        key = (person, day, org.head(desk.connection))
        found = self._held.get(key)
        if found is None:
            if len(self._held) > 1000:
                self._held.clear()
            found = self._held[key] = sight_of(desk, person, now, zone=zone)
        return found
