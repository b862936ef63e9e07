"""What rules were told of the reports below, asked of those reports' own chains and of the organisation again.

A superior signs over the reports of the units below (facts ``children`` and ``roll``). Whoever holds the engine's key
could record a report as finished that was not, leave a unit out, or call a report missing that was there; the entry
alone looks whole. So each unit, and each report as it stood at the entry cited, is looked up where it was written.

A report called missing is held against those opened more than a day earlier only: what another transaction had not yet
committed could not be seen. Source: R055 「应报未报」; S2 「谁签字上报谁负责」.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflow.errors import WorkflowError
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.store import items
from workflow.store import log as logstore
from workflow.store.org import OrgReader

Json = dict[str, Any]
Fault = tuple[str, str, str]
KINDS = ("children ", "roll ")
UNSEEN = 86_400_000_000  # microseconds: no transaction stays open for longer


@dataclass(frozen=True)
class Told:
    """One such fact, where it was first recorded: at which entry, moment and head of the organisation's chain."""

    fact: str
    head: str
    at: int
    place: str
    reports: list[Json]

    @classmethod
    def of(cls, body: Json, place: str) -> Iterator[tuple[tuple[str, str, str], Told]]:
        """Those of an entry, by what makes them one and the same."""
        for fact, value in body.get("facts", {}).items():
            if fact.startswith(KINDS):
                one = cls(fact, body.get("org", ""), body["at"], place, value)
                yield (fact, one.head, digest(canonical.encode(value))), one

    @property
    def asked(self) -> tuple[str, str, str, str]:
        """Flow, campaign, unit and day."""
        words = self.fact.split(" ")
        return words[1], " ".join(words[2:-2]), words[-2], words[-1]


@dataclass(frozen=True)
class Stood:
    """A report at one of its entries: hash, stage, and whose it was."""

    hash: str
    stage: str
    of: tuple[str, str, str]  # flow, campaign, unit


class Below:
    """Looks up what was told, each report once. Read only."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._moments = {entry.hash.hex(): entry.at for entry in items.entries(connection, items.ORG)}
        self._units: dict[tuple[str, str, str], list[str]] = {}
        self._stood: dict[str, dict[int, Stood]] = {}

    def faults(self, told: Told) -> Iterator[Fault]:
        flow, campaign, unit, day = told.asked
        try:
            units = list(dict.fromkeys(report["unit"] for report in told.reports))
            if told.head in self._moments and units != (there := self._below(told.head, unit, day)):
                yield "facts", told.place, f"{told.fact}: below were {there}; the rules were told of {units}"
            for report in told.reports:
                if "head" in report:
                    found = self._stands(report["item"]).get(report["seq"])
                    expected = Stood(report["head"], report["stage"], (flow, campaign, report["unit"]))
                    if found != expected:
                        what = f"told was {expected}; there is {found}"
                        yield "facts", told.place, f"{told.fact}: {report['item']}#{report['seq']}: {what}"
                elif missed := self._missed(flow, campaign, report["unit"], told.at - UNSEEN):
                    yield "facts", told.place, f"{told.fact}: {report['unit']} was told to have none; there is {missed}"
        except (WorkflowError, LookupError, TypeError, ValueError, AttributeError) as error:
            yield "facts", told.place, f"{told.fact}: cannot be read: {type(error).__name__} {error}"

    def _below(self, head: str, unit: str, day: str) -> list[str]:
        asked = (head, unit, day)
        if asked not in self._units:
            self._units[asked] = OrgReader(self.connection, self._moments[head]).children(unit, day)
        return self._units[asked]

    def _stands(self, item: str) -> dict[int, Stood]:
        """A report at each of its entries."""
        if item not in self._stood:
            made, stage, of = self._stood.setdefault(item, {}), "", ("", "", "")
            for row in items.entries(self.connection, item):
                for effect in canonical.read(row.body).get("effects", ()):
                    if effect["e"] in ("entered", "migrated"):
                        stage = effect.get("stage", stage)
                    elif effect["e"] == "opened":
                        of = (effect["flow"], effect.get("campaign", ""), effect["unit"])
                    elif effect["e"] == "moved":
                        of = (*of[:2], effect["to"])
                made[row.seq] = Stood(row.hash.hex(), stage, of)
        return self._stood[item]

    def _missed(self, flow: str, campaign: str, unit: str, before: int) -> str:
        """A report of the unit that was opened for it before a moment; empty where there is none."""
        for report in items.reports_of(self.connection, flow, campaign, [unit]):
            first = logstore.entry(self.connection, report["item"], 1) if "item" in report else None
            body = canonical.read(first[0]) if first else None
            if body is not None and body["at"] < before and body["act"].get("unit") == unit:
                return str(report["item"])
        return ""
