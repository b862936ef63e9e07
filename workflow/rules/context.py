"""What a decision rests on: the definition, the calendar, one moment, and facts from outside the item."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from workflow.acts import Act, Actor, Signature
from workflow.calendar import Calendar
from workflow.case import Case, Effect
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.errors import Unknown

Need = tuple[str, ...]

RULES = 8
"""Which rules decide now; every entry names those that decided it, so that what they led to then is what a replay leads
to. An entry that names none is of 1. 2: a repeated vote begins with a new tally, look-backs have a first day, a notice
is bound to the papers it was posted over, a return inside a group leaves the places beside it alone, and signatures
cover the figures that rules decide on. 3: two persons and standing aside are looked at when a place is assigned too, and
a return by an exit carries the new date where the chain asks for one. 4: a group with weights or a veto keeps its places, and
nobody registers paper for a place that is theirs by delegation. 5: ink is no older than the papers it is on, whoever stands in
does so on the day of the ink and while they hold their own post, one person under two ids is one, what was opened above stays
awaited whatever the list says later, who is apart in an item is so in all its stages, the first half of an override is looked
at again, an obligation kept to some subtrees binds nobody outside them, and an item opened by itself is of a category of its
flow. 6: the node that caps a span does not wait while the clock of the span is stopped, a window of weeks or months hangs so
long, what was held with one person under two ids is counted together, who is among the first of a grade, or dedicated to one
item, has a numbered place that nobody else has, a merger of units parts nothing that two persons, or units, must be apart by,
whoever votes in a group still does when somebody was added to the place, a date that a due rests on lies between 1900 and
2999, and an item that adopts other nodes has their caps too. 7: what is counted of one person under two ids is numbered under
one of them, the first signature names the way out where there are several, a group at the beginning of a stage that votes
against signs anew, all of it, the signature that ended a stage is taken back too, until whoever acts next has opened or signed,
and each place that waits may be urged once a day. 8: of two rungs of a due that are both behind the second waits a sweep's
time, the due of a report ends when a calendar takes its period away and goes on when its item is moved to another version,
what was signed at a unit that is no more and is sent back waits at its successor, a place is not passed over where only
places that people added stand behind it, a rung of another version's ladder is another rung, and no signer is added, and no
place handed on, where nobody could sign or the unit is no more."""


def key(need: Need) -> str:
    """The name under which a fact stands in an entry: its words joined by spaces."""
    return " ".join(need)


@dataclass(frozen=True)
class Context:
    """The frame of one decision. ``at`` is the one moment of the act, microseconds UTC; ``seq`` the entry it will be;
    ``rules`` the version of the rules that decide."""

    definition: Definition
    calendar: Calendar
    at: int
    seq: int
    rules: int = RULES
    calendars: dict[str, Calendar] = field(default_factory=dict, repr=False, compare=False)
    """By digest, those that units below count by where they have one of their own: the facts ``calendar`` name them."""

    @cached_property
    def today(self) -> date:
        return local_day(self.at, self.definition.flow.timezone)

    @cached_property
    def day(self) -> str:
        return self.today.isoformat()

    @cached_property
    def worked(self) -> dict[Any, Any]:
        """What rules worked out from the definition, the calendar and the moment alone: the same for a thousand items."""
        return {}


@dataclass
class Facts:
    """Facts the store loaded for ``needs``. Those a rule really read are remembered: they, and only they, go on record,
    so that a replay has exactly what the decision had."""

    loaded: dict[str, Any]
    used: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, need: Need) -> bool:
        return key(need) in self.loaded

    def peek(self, *need: str) -> Any:
        """A fact read only to know what else is needed; it goes on record when a rule decides on it."""
        return self.loaded[key(need)]

    def get(self, *need: str) -> Any:
        name = key(need)
        value = self.loaded[name]
        self.used[name] = value
        return value


@dataclass
class Decision:
    """What follows from an act: effects on its item, and items to open behind it."""

    effects: list[Effect]
    authority: dict[str, Any] | None = None
    signed_slot: str = ""


@dataclass(eq=False)
class Asked:
    """An act in front of its rules. Nobody changes it; to freeze it would triple what it costs to make."""

    case: Case
    act: Act
    context: Context
    facts: Facts
    worked: dict[str, Any] = field(default_factory=dict, repr=False)
    """What rules worked out from facts already loaded, so that asking again costs nothing. Never on record."""
    definition: Definition = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.definition = self.context.definition  # every rule asks for it

    @property
    def given_on(self) -> str:
        """The day on which the act was done: for a signature in ink the day on the paper, else today."""
        act = self.act
        return act.paper["on"] if isinstance(act, Signature) and "on" in act.paper else self.context.day

    @property
    def actor(self) -> Actor:
        by = self.act.by
        if by is None:
            raise Unknown(
                kind="actor", name="nobody", hint=f"; {self.act.kind} is a person's act: by=Actor(person, post, unit)"
            )
        return by
