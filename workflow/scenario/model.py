"""A scenario test as frozen values: who did what when, and what must follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.definition.definition import Definition
from workflow.org.importing import OrgImport

Post = tuple[str, str]  # post, unit


@dataclass(frozen=True, slots=True)
class Verb:
    """What a step of this name takes beside ``at``, ``by``, ``person``, ``item`` and ``expect``."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    by: bool = True  # whether somebody must be named


_SIGNING = ("opinion", "outcome", "reason", "due", "seen")

VERBS: Mapping[str, Verb] = {
    "open": Verb(("unit",), ("flow", "campaign", "category", "fields"), by=False),
    "submit": Verb(("materials",), ("outcome",)),
    "report-zero": Verb(("materials",)),
    "record-tally": Verb(("materials",)),
    "sign": Verb((), (*_SIGNING, "vote")),
    "decide": Verb((), (*_SIGNING, "minutes")),
    "accept": Verb((), ("opinion", "outcome", "due", "seen")),
    "return": Verb((), ("reason", "to", "due", "straight", "seen")),
    "close-line": Verb(("list", "no"), ("evidence", "note")),
    "close-out": Verb((), ("opinion", "seen")),
    "look-back": Verb((), ("opinion", "outcome", "seen", "on")),
    "reopen": Verb((), ("reason", "seen", "on")),
    "name-lead": Verb(("lead",), ("role",)),
    "post-notice": Verb(("content",), ("channel", "place")),
    "object": Verb(("text",), by=False),
    "adopt-nodes": Verb(("nodes",)),
    "extend": Verb(("due", "reason"), ("rule", "seen")),
    "pause": Verb(("reason",), ("rule", "seen")),
    "resume": Verb(("reason",), ("rule", "seen")),
    "withdraw": Verb((), ("slot",)),
    "add-signer": Verb(("signer",), ("where", "slot")),
    "remove-signer": Verb(("slot",)),
    "transfer": Verb(("signer",), ("slot",)),
    "urge": Verb(),
    "delegate": Verb(("signer", "reason"), ("slot", "seen")),
    "recall": Verb((), ("slot", "seen")),
    "hand-over": Verb(("slot", "leaver", "successor", "reason"), ("seen",)),
    "copy-to": Verb(("reader",)),
    "ask-override": Verb(("slot", "reason"), ("seen",)),
    "override": Verb(("slot", "reason"), ("seen",)),
    "suspend": Verb(("reason",), ("seen",)),
    "activate": Verb(("reason",), ("seen",)),
    "sign-in-ink": Verb(("on", "registrar"), ("scan", "opinion", "outcome", "reason", "slot", "seen")),
    "exempt": Verb(("reason",), ("seen",)),
    "supplement": Verb(("materials", "reason"), ("seen",)),
    "contradict": Verb(("finding", "reason"), ("seen",)),
    "reverse": Verb(("finding", "reason"), ("seen",)),
    "open-ballot": Verb(("roll",), ("seen",)),
    "cast": Verb((), ("papers", "answers", "code"), by=False),
    "count-ballot": Verb((), ("keys",)),
    "record-check": Verb(("says", "finding", "reason"), ("seen", "method", "due", "on")),
    "show": Verb(("keep",), by=False),
    "sign-through": Verb((), ("opinion", "outcome", "reason", "minutes", "due", "until"), by=False),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung that fired, as far as a scenario cares: ``what`` is ``remind`` or the flow that was proposed."""

    what: str
    on: str = ""
    to: tuple[str, ...] = ()
    whom: tuple[str, ...] = ()
    line: int = 0

    def __str__(self) -> str:
        parts = [self.what]
        if self.on:
            parts.append(f"on {self.on}")
        if self.to:
            parts.append("to " + "+".join(self.to))
        if self.whom:
            parts.append("about " + "+".join(self.whom))
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold after a step. ``lines`` says where each expectation stands; nothing is asked that is not there."""

    stage: str | None = None
    round: int | None = None
    open: tuple[str, ...] | None = None
    refused: str | None = None
    names: tuple[str, ...] | None = None
    dues: Mapping[str, str] | None = None
    rungs: tuple[Rung, ...] | None = None
    items: int | Mapping[str, int] | None = None
    klass: str | None = None
    category: str | None = None
    final: bool | None = None
    signed_as: str | None = None
    owed: str | None = None
    flagged: tuple[str, ...] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def line(self, name: str, otherwise: int) -> int:
        return self.lines.get(name, otherwise)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Without ``do`` only the clock moves."""

    line: int
    do: str = ""
    at: int | None = None
    by: Post | None = None
    person: str = ""
    item: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    expect: Expect = Expect()

    def __str__(self) -> str:
        who = f" by {self.by[0]}@{self.by[1]}" if self.by else ""
        return (self.do or "wait") + who + (f" ({self.person})" if self.person else "")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of steps. ``given`` is the code of an earlier scenario at whose end this one begins."""

    code: str
    zh: str
    en: str
    line: int
    start: int
    given: str = ""
    steps: tuple[Step, ...] = ()

    def name(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Body:
    """A body with its seats, each a post of a unit, and the units that it looks after."""

    name: str
    kind: str
    of: str
    members: tuple[Post, ...]
    looks_after: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """One ``*.test.yaml``: the flow under test, the flows it opens items of, an invented organisation, scenarios."""

    file: str
    definition: Definition
    others: tuple[Definition, ...]
    org: OrgImport
    scenarios: tuple[Scenario, ...]
    campaign: str = "test"
    bodies: tuple[Body, ...] = ()

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return (self.definition, *self.others)
