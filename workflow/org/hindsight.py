"""The organisation on any day as it was known at any moment, answered in memory from every row it ever had.

Verification asks again all that signers were told. It asks here, not the reader that told them: this is written a second
time, over the rows as they lie in the tables, and tests hold the two against each other. Thousands of questions, each of
another day and another moment, cost a few lookups each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import Unknown

DEEPEST = 64  # levels; a line of parents is not followed further
HANDS = 16  # how often a mandate may be handed on

Held = tuple[int, int | None, Any]
"""A row with the moment it was recorded and the one until which it was held to be so (None: still), microseconds UTC."""


class Hindsight:
    """What was known of the organisation, by moment and by day.

    Args:
        rows: table, row, and until when it was held to be so: of units, parents, tenures, former names, mandates and
            successions, past ones included. Other tables are passed over.
        merges: of persons registered twice: when it was recorded, the one id and the other.
    """

    def __init__(
        self, rows: Iterable[tuple[str, Any, int | None]], merges: Iterable[tuple[int, str, str]] = ()
    ) -> None:
        self._merges = tuple(merges)
        self._units: dict[str, list[Held]] = {}
        self._called: dict[str, list[Held]] = {}
        self._lines: dict[str, list[Held]] = {}
        self._posts: dict[tuple[str, str], list[Held]] = {}
        self._tenures: dict[str, list[Held]] = {}
        self._given: dict[tuple[str, str, str], list[Held]] = {}
        self._mandates: dict[str, list[Held]] = {}
        self._successions: dict[str, list[Held]] = {}
        for table, row, until in rows:
            if table not in _ASKED:
                continue
            held = (row.recorded_at, until, row)
            if table == "units":
                self._units.setdefault(row.id, []).append(held)
            elif table == "parents":
                self._lines.setdefault(row.unit, []).append(held)
            elif table == "tenures":
                self._posts.setdefault((row.unit, row.post), []).append(held)
                self._tenures.setdefault(row.id, []).append(held)
            elif table == "mandates":
                self._given.setdefault((row.person, row.unit, row.post), []).append(held)
                self._mandates.setdefault(row.id, []).append(held)
            elif table == "successions":
                self._successions.setdefault(row.unit, []).append(held)
            elif row.of == "unit":
                self._called.setdefault(row.id, []).append(held)

    def fact(self, need: tuple[str, ...], known_at: int) -> Any:
        """One of ``path``, ``answerable``, ``appointed``, ``authority``, ``held``, ``same-person`` and ``became``, as rules are
        told it: plain data.

        Raises:
            Unknown: there was no such unit then.
        """
        kind, *words = need
        if kind == "path":
            unit, day = words
            return self.path(unit, day, known_at)
        if kind == "authority":
            person, unit, post, day, backstop = words
            answerable = self.answerable(unit, post, day, known_at, backstop == "backstop")
            found = next((a for a in answerable if a["person"] == person), None)
            if found is not None:
                return found
            mandates = self.mandates(person, unit, post, known_at)
            return {"answerable": answerable, **({"mandates": mandates} if mandates else {})}
        if kind == "held":
            person, unit, post = words
            held = [t for t in _known(self._posts.get((unit, post), ()), known_at) if t.person == person]
            held.sort(key=lambda t: str(t.id))
            return [{"tenure": t.id, "from": t.from_on, "until": t.until_on} for t in held]
        if kind == "same-person":
            return self.same_person(words[0], known_at)
        if kind == "became":
            return self.became(words[0], words[1], known_at)
        unit, post, day, backstop = words
        answerable = self.answerable(unit, post, day, known_at, backstop == "backstop")
        if kind == "answerable":
            return answerable
        if kind != "appointed":
            raise KeyError(f"expected a fact of the organisation; got {' '.join(need)}")
        if not answerable:
            return None
        began = next((t.from_on for t in _known(self._tenures.get(answerable[0]["tenure"], ()), known_at)), None)
        return {**answerable[0], "from": began}

    def path(self, unit: str, day: str, known_at: int) -> list[dict[str, Any]]:
        """The unit and everything above it, own unit first: ``unit, level, name, established``."""
        found: dict[str, dict[str, Any]] = {}
        at: str | None = unit
        while at is not None and at not in found and len(found) < DEEPEST:
            row = next(_known(self._units.get(at, ()), known_at), None)
            if row is None:
                break
            called = next((c for c in _known(self._called.get(at, ()), known_at) if c.from_on <= day < c.until_on), row)
            found[at] = {
                "unit": at,
                "level": called.level or row.level,
                "name": called.name_zh or row.name_zh,
                "established": _established(row, day),
            }
            at = self._above(at, day, known_at)
        if not found:
            raise Unknown(kind="unit", name=unit)
        return list(found.values())

    def _above(self, unit: str, day: str, known_at: int) -> str | None:
        """The one unit above: the entrusted parent before the managing one, of two lines the one begun last."""
        lines = [
            line
            for line in _known(self._lines.get(unit, ()), known_at)
            if line.kind != "guiding" and _in_force(line, day)
        ]
        if not lines:
            return None
        kind = min(line.kind for line in lines)
        return str(max((line for line in lines if line.kind == kind), key=lambda line: line.from_on).parent)

    def answerable(self, unit: str, post: str, day: str, known_at: int, backstop: bool) -> list[dict[str, Any]]:
        """Who answers for the post: its holders, then those who act for them; where there is nobody, or the unit is not
        established, and ``backstop``, those of the nearest unit above that has somebody (兜底, R017)."""
        for depth, step in enumerate(self.path(unit, day, known_at)):
            at = step["unit"]
            held = [t for t in _known(self._posts.get((at, post), ()), known_at) if _in_force(t, day)]
            if held and step["established"]:
                held.sort(key=lambda t: (bool(t.acting), t.id))
                return [
                    {
                        "tenure": t.id,
                        "person": t.person,
                        "post": post,
                        "unit": unit,
                        "as": "backstop" if depth else "acting" if t.acting else "holder",
                        "at": at,
                    }
                    for t in held
                ]
            if not backstop:
                break
        return []

    def same_person(self, person: str, known_at: int) -> list[str]:
        """The other ids of a person: whatever merges lead to, from either side."""
        found, before = {person}, 0
        while len(found) > before:
            before = len(found)
            for at, one, other in self._merges:
                if at <= known_at and (one in found or other in found):
                    found |= {one, other}
        return sorted(found - {person})

    def became(self, unit: str, day: str, known_at: int) -> str:
        """The unit in whose place another stands on the day: the last of its successors, itself where it has none."""
        line = [unit]
        while True:
            held = [s for s in _known(self._successions.get(line[-1], ()), known_at) if s.from_on <= day]
            if not held or (after := max(held, key=lambda s: (s.from_on, s.successor)).successor) in line:
                return line[-1]
            line.append(after)

    def mandates(self, person: str, unit: str, post: str, known_at: int) -> list[dict[str, Any]]:
        """The person's mandates for a post, newest first, each with the hands it came through; expired ones too."""
        found = []
        for row in _known(self._given.get((person, unit, post), ()), known_at):
            tenure = next(_known(self._tenures.get(row.tenure, ()), known_at), None)
            if tenure is not None:
                found.append((row, tenure))
        found.sort(key=lambda both: both[0].id)
        found.sort(key=lambda both: both[0].from_on, reverse=True)
        return [
            {
                "mandate": row.id,
                "principal": row.principal,
                "tenure": row.tenure,
                "tenure_from": tenure.from_on,
                "tenure_until": tenure.until_on,
                "links": [_link(one) for one in self._hands(row, known_at)],
            }
            for row, tenure in found
        ]

    def _hands(self, row: Any, known_at: int) -> list[Any]:
        """The mandates that one rests on, the holder's own first, and itself."""
        hands = [row]
        while hands[0].under and len(hands) < HANDS:
            under = next(_known(self._mandates.get(hands[0].under, ()), known_at), None)
            if under is None:
                raise Unknown(kind="mandate", name=hands[0].under)
            hands.insert(0, under)
        return hands


_ASKED = frozenset({"units", "parents", "tenures", "former-names", "mandates", "successions"})


def _known(rows: Iterable[Held], at: int) -> Iterator[Any]:
    """The rows that were known at the moment."""
    return (row for since, until, row in rows if since <= at and (until is None or at < until))


def _in_force(dated: Any, day: str) -> bool:
    return bool(dated.from_on <= day and (dated.until_on is None or day < dated.until_on))


def _established(unit: Any, day: str) -> bool:
    begun = unit.established_on is not None and unit.established_on <= day
    return begun and (unit.dissolved_on is None or day < unit.dissolved_on)


def _link(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "giver": row.giver,
        "person": row.person,
        "from": row.from_on,
        "until": row.until_on,
        "flow": row.flow,
        "stage": row.stage,
        "kind": row.kind,
        "units": json.loads(row.units),
        "handing_on": bool(row.handing_on),
        "revoked": row.revoked_at,
    }
