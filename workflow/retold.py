"""What the working tables must say of an item, told again from its entries alone.

Pages, lists, counts of reports owed and overdue nodes are read from these tables: who is waited for and since when, which
stage from when to when, what was met and when. They are written beside the entries, so whoever edits a row makes a late
report one in time without touching an entry. Here each entry is followed anew, by other code than wrote the rows.

Left out: when the next try of a rung is, which a try that failed moves, and how often it was tried; when messages were
sent; and messages that pass on no place (reminders, urgings, proposals), which can be missing unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflow.case import Case, Slot
from workflow.store import scan

Effect = dict[str, Any]
_ENDED = {"due-met": 1, "due-cancelled": 3, "due-passed-on": 4}
OPEN, WAITING_FOR_NONE = 0, 2
_BURDEN = ("kind", "unit", "n", "from", "until", "state")


class Retold:
    """The rows of one item, entry by entry."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}  # key of an open place -> the moment of the entry that opened it
        self._stays: dict[int, tuple[Any, ...]] = {}
        self._ended: dict[str, tuple[Any, ...]] = {}  # rule of a due that ended -> its row
        self._counts: dict[tuple[str, str, int], tuple[Any, ...]] = {}
        self._words: dict[str, set[tuple[Any, ...]]] = {}
        self._messages: set[tuple[Any, ...]] = set()

    def entry(self, body: Mapping[str, Any], before: Case, after: Case) -> None:
        """Follow the next entry of the item, from the case before it to the one after it."""
        seq, at = body["seq"], body["at"]
        self._places(before, after, at)
        for effect in body["effects"]:
            tell = _TELL.get(effect["e"])
            if tell is not None:
                tell(self, effect, before, after, seq, at)

    def rows(self, case: Case, lists: Mapping[str, tuple[str, int, scan.Closings]]) -> scan.Projected:
        """What the tables must say now.

        Args:
            case: as it stands after the last entry.
            lists: of the lists it has: the digest of their lines, how many, and which are closed.
        """
        return scan.Projected(
            slots={(s.key, s.unit, s.post, s.kind, case.stage, self._since.get(s.key)) for s in case.open_slots},
            stays={(n, *stay) for n, stay in self._stays.items()},
            dues={
                (rule, *_due(d, OPEN if d["next"] is not None else WAITING_FOR_NONE)) for rule, d in case.dues.items()
            }
            | {(rule, *row) for rule, row in self._ended.items() if rule not in case.dues},
            lists=dict(lists),
            counts={(*key, *row) for key, row in self._counts.items()},
            claim=_claim(case),
            burden=_burden(case),
            seats=set(case.seats.items()),
            words=set().union(*self._words.values()),
            messages=self._messages,
        )

    def _places(self, before: Case, after: Case, at: int) -> None:
        """A place waits since the entry that opened it, or that asked another of it, or after which the item went on."""
        stayed = (before.stays, before.stage) == (after.stays, after.stage)
        if stayed and before.suspended is after.suspended and after.stands_as(before):
            return
        was = {s.key: _asked(s) for s in before.open_slots} if stayed else {}
        self._since = {
            s.key: self._since[s.key] if was.get(s.key) == _asked(s) and s.key in self._since else at
            for s in after.open_slots
        }

    def _entered(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        self._stays[after.stays] = (e["stage"], after.round, at, None, None)

    def _left(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        stage, round_, entered, *_ = self._stays[before.stays]
        self._stays[before.stays] = (stage, round_, entered, at, e["exit"])

    def _migrated(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        if "stage" in e:
            self._stays[after.stays] = (e["stage"], *self._stays[after.stays][1:])

    def _due_ended(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        state = _ENDED[e["e"]]
        self._ended[e["rule"]] = _due(before.dues[e["rule"]], state, at if e["e"] == "due-met" else None)

    def _counted(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        key = str(e["counter"]), str(e.get("under", e["person"])), int(e["n"])
        self._counts[key] = (seq, e["on"], e["by"], after.campaign, e.get("opened", ""), None)

    def _count_reversed(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        for key, (*said, reversed_) in self._counts.items():
            if key[0] == e["counter"] and reversed_ is None:
                self._counts[key] = (*said, seq)

    def _submitted(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        for name, figures in e.get("figures", {}).items():
            for field, digests in figures.get("words", {}).items():
                where = f"{name}.{field}"
                self._words[where] = {
                    (where, no, after.flow, after.campaign, one) for no, one in enumerate(digests, start=1) if one
                }

    def _passed_to(self, e: Effect, before: Case, after: Case, seq: int, at: int) -> None:
        to = e.get("delegate") or e["person"]
        self._messages.add((f"{after.item} {e['e']} {seq} {to}", e["e"], to, at))


_TELL: dict[str, Callable[[Retold, Effect, Case, Case, int, int], None]] = {
    "entered": Retold._entered,
    "left": Retold._left,
    "migrated": Retold._migrated,
    **dict.fromkeys(_ENDED, Retold._due_ended),
    "counted": Retold._counted,
    "count-reversed": Retold._count_reversed,
    "submitted": Retold._submitted,
    **dict.fromkeys(scan.PLACES, Retold._passed_to),
}


def _asked(slot: Slot) -> tuple[str, str, str]:
    return slot.unit, slot.post, slot.kind


def _due(due: Mapping[str, Any], state: int, met: int | None = None) -> tuple[Any, ...]:
    return due["ladder"], due["missed"], due["step"], state, met, "provisional" in due


def _claim(case: Case) -> tuple[Any, ...] | None:
    """What is said of a claim and of what a check found."""
    claimed, verified = case.claimed, case.verified
    if not claimed and not verified:
        return None
    found = (verified.get("says", ""), verified.get("at"), verified.get("finding", ""))
    return (claimed.get("as", ""), claimed.get("at"), *found)


def _burden(case: Case) -> tuple[Any, ...] | None:
    held = case.burden
    return (case.flow, *(held[n] for n in _BURDEN), held.get("persons", 0)) if held else None


def differences(expected: scan.Projected, found: scan.Projected) -> Iterable[str]:
    """What the tables say otherwise than the entries, table by table: only the rows that differ."""
    for name in scan.Projected.__dataclass_fields__:
        ours, theirs = getattr(expected, name), getattr(found, name)
        if ours != theirs:
            if isinstance(ours, set):
                ours, theirs = sorted(ours - theirs, key=repr), sorted(theirs - ours, key=repr)
            yield f"{name}: expected {ours}; got {theirs}"
