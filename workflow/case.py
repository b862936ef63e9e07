"""Case: what the rules need to know of one item, folded from its entries. Frozen.

An entry's effects are small plain facts (``{"e": "signed", ...}``); ``fold`` applies them one by one. The stored
snapshot is ``Case.snapshot()`` as canonical bytes; folding an item's entries gives it again, byte for byte. The open
round is held in full, closed rounds as a digest and their signers, list lines as counts: a long history costs an act
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from workflow.evidence import canonical
from workflow.evidence.digest import digest

SNAPSHOT = 1
T = TypeVar("T")
Effect = dict[str, Any]


class Slot(NamedTuple):
    """One place in a chain. ``state``: waiting, open, signed, not-needed when its group was decided without it, or
    overridden when two persons let the chain pass over it.
    ``seq`` is the entry that signed it; ``principal`` in whose place ``person`` did, by mandate."""

    key: str
    unit: str
    level: str
    post: str
    kind: str
    state: str = "waiting"
    minutes: bool = False
    in_person: bool = False
    person: str = ""
    seq: int = 0
    not_before: int = 0
    weight: int = 1
    vote: str = ""
    demanded: str = ""  # the post the definition asks for, where the place was handed to another
    principal: str = ""
    one_by_one: bool = False
    delegable: bool = False
    delegate: str = ""  # who may do it beside whoever holds the post, and
    giver: str = ""  # who let them
    own_post: str = ""  # what the delegate is at the unit, and
    given_on: str = ""  # the day it was delegated
    day: str = ""  # where the flow takes ink: the day it was signed, or sent back to be signed anew
    was: str = ""  # the unit it was planned at, where it moved to the successor of a unit
    then: str = ""  # signed at a unit that is no more: the unit at which it waits should it be sent back, and
    then_level: str = ""  # the level of that unit

    def record(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "key": self.key,
            "unit": self.unit,
            "level": self.level,
            "post": self.post,
            "kind": self.kind,
            "state": self.state,
        }
        if self[6:] == _NOTHING_MORE:
            return out
        if self.seq:
            out["seq"] = self.seq
        if self.person:
            out["person"] = self.person
        if self.minutes:
            out["minutes"] = self.minutes
        if self.in_person:
            out["in_person"] = self.in_person
        if self.not_before:
            out["not_before"] = self.not_before
        if self.weight != 1:
            out["weight"] = self.weight
        if self.vote:
            out["vote"] = self.vote
        if self.demanded:
            out["demanded"] = self.demanded
        if self.principal:
            out["principal"] = self.principal
        if self.one_by_one:
            out["one_by_one"] = True
        if self.delegable:
            out["delegable"] = True
        if self.delegate:
            out["delegate"] = self.delegate
            out["giver"] = self.giver
        if self.own_post:
            out["own_post"] = self.own_post
        if self.given_on:
            out["given_on"] = self.given_on
        if self.day:
            out["day"] = self.day
        if self.was:
            out["was"] = self.was
        if self.then:
            out["then"] = self.then
            out["then_level"] = self.then_level
        return out


_SAID = Slot._fields[:6]  # of a place of which nothing special is said
_said_of = itemgetter(*_SAID)
_NOTHING_MORE = Slot("", "", "", "", "")[6:]  # as most places are: nobody has signed, nothing special is asked
_PLACE = {name: n for n, name in enumerate(Slot._fields)}
_new_slot = partial(tuple.__new__, Slot)


def _read_slots(records: list[dict[str, Any]]) -> tuple[Slot, ...]:
    """``Slot(**record)`` of each; for those of which nothing special is said at a fifth of its cost."""
    plain = len(_SAID)
    return tuple([_new_slot(_said_of(r) + _NOTHING_MORE) if len(r) == plain else Slot(**r) for r in records])


class _computed(Generic[T]):  # noqa: N801  stands where a decorator of the library's would
    """``functools.cached_property`` without the lock that it takes before Python 3.12: two that compute the same get the
    same."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name = compute, compute.__name__

    def __get__(self, case: Any, owner: type | None = None) -> T:
        value = case.__dict__[self.name] = self.compute(case)
        return value


@dataclass(frozen=True)
class Case:
    """The state of one item.

    Attributes:
        stays: how many stages it has entered; numbers each stay.
        entries: how often each stage was entered, in this round unless the stage starts rounds itself.
        dues: by rule; ``missed`` is the first instant that counts as missed, ``step`` the next rung, ``next`` its
            moment or null, ``basis`` what the date was counted from (``rules.reckoning``).
        armed: how often a clock of this stay was started anew: base of its rule -> times.
        materials: name -> digest; ``lists``: name -> lines, open lines, closings as a running digest.
        closed: finished rounds as {round, digest, signers}.
        roll: who had reported when a report over the children was drawn up: {expected, in, missing, exempt}.
        counted: what it put on the count of persons: counter -> [{person, n, on, by, times, line}], ``opened`` where it
            proposed something, ``reversed`` the entry that took it off again.
        form: how the manifest is made. 1: without figures (items opened before they were bound); 2: with them.
        assigned: who was named in which role: role -> {person, post, unit}.
        claimed: what its own signers say it is: {as, by, stage, round, seq, at}; ``verified`` what a check found since:
            {says, finding, method, unit, seq, at}.
        burden: the days fixed at its unit: {kind, unit, n, from, until, state}, ``persons`` once it was held.
        seats: places that only so many items have at once: seat -> its number (see rules/seats.py).
        marks: what was said about a report from outside its chain: exempted, supplemented, contradicted -> {seq, at}.
        handed: where the flow takes ink, the day on which papers were handed in last.
        standing: the stay that this one is the rest of, since what ended it was taken back: what was signed there still covers
            exactly what is here. 0: it is its own.
        urging: when each place of this stay was urged last: stay and key -> moment.
        behind: what lists of this item opened, where it goes on afterwards: list -> [{item, is}], ``is`` the digest of the
            line. Never forgotten, whatever the list says later.
    """

    item: str = ""
    flow: str = ""
    definition: str = ""
    campaign: str = ""
    unit: str = ""
    level: str = ""
    stage: str = ""
    entered: int = 0
    stays: int = 0
    round: int = 1
    klass: str = ""
    category: str = ""
    nodes: str = ""
    final: bool = False
    outcome: str = ""
    due_set: str = ""
    last_unit: str = ""
    slots: tuple[Slot, ...] = ()
    plan: tuple[Any, ...] = ()
    materials: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    relies: tuple[dict[str, Any], ...] = ()
    lead: dict[str, str] = field(default_factory=dict)
    led: tuple[str, ...] = ()  # everybody who was ever named lead: naming another frees nobody from standing aside
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    objections: int = 0
    urged: int = 0
    entries: dict[str, int] = field(default_factory=dict)
    dues: dict[str, dict[str, Any]] = field(default_factory=dict)
    armed: dict[str, int] = field(default_factory=dict)
    fields_: dict[str, Any] = field(default_factory=dict)
    cites: dict[str, Any] = field(default_factory=dict)
    signers: tuple[str, ...] = ()
    closed: tuple[dict[str, Any], ...] = ()
    roll: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, dict[str, int]] = field(default_factory=dict)
    assigned: dict[str, dict[str, str]] = field(default_factory=dict)
    counted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    assessed: dict[str, Any] = field(default_factory=dict)  # what this round was last found to be (``rules.assessing``)
    bodies: dict[str, list[str]] = field(default_factory=dict)  # stage -> the units that signed there, where it matters
    form: int = 1
    suspended: dict[str, Any] = field(default_factory=dict)  # {seq, at}: nobody acts on it until it goes on
    overriding: dict[str, Any] = field(default_factory=dict)  # place -> the first of the two who let it be passed over
    ballot: dict[str, Any] = field(default_factory=dict)  # the vote of this stay: roll, codes, keys, who issued them
    acted: tuple[dict[str, str], ...] = ()  # who signed as what in this item, where the definition asks across rounds
    handed: str = ""
    behind: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    claimed: dict[str, Any] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)
    burden: dict[str, Any] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    standing: int = 0
    urging: dict[str, int] = field(default_factory=dict)

    @property
    def open_slots(self) -> list[Slot]:
        """The places that wait for somebody; none while the item is suspended."""
        return [] if self.suspended else [s for s in self.slots if s.state == "open"]

    def slot(self, key: str) -> Slot | None:
        for slot in self.slots:
            if slot.key == key:
                return slot
        return None

    @_computed
    def manifest(self) -> dict[str, Any]:
        """What a signature on this item covers: every material with the figures that rules decide on, every list and
        cited report, the outcome, the stage and round.

        Posting a notice is an act of its own and changes nothing that anybody signed, so it stands beside.
        """
        out: dict[str, Any] = {
            "item": self.item,
            "round": self.round,
            "stage": self.stage,
            "stay": self.standing or self.stays,
            "outcome": self.outcome,
            "category": self.category,
            "fields": self.fields_,
            "materials": self.materials,
            "lists": self.lists,
            "relies": list(self.relies),
        }
        if self.form > 1 and self.figures:
            out["figures"] = self.figures
        if self.assigned:
            out["assigned"] = self.assigned
        if self.ballot:
            out["ballot"] = self.ballot
        return {**out, "roll": self.roll} if self.roll else out

    @_computed
    def content(self) -> str:
        """The digest of the manifest: what ``seen`` must equal."""
        return digest(canonical.write(self.manifest))

    @_computed
    def papers(self) -> str:
        """The digest of what a notice shows: materials and cited reports of the round, whatever the outcome and however
        many lines of a list were closed since."""
        shown = ("item", "round", "category", "fields", "materials", "relies")
        return digest(canonical.write({name: self.manifest[name] for name in shown}))

    def snapshot(self) -> bytes:
        """The canonical bytes of this case, empty fields left out."""
        held = self.__dict__
        out = {n: value for n, value in held.items() if value != _BESIDE.get(n, value)}
        out["v"] = SNAPSHOT
        slots, read = held.get("slots"), held.get("_read")
        if read is not None and (slots is None or slots is read.made):  # nobody looked at them, or changed one
            out["slots"] = canonical.written(read.data)
        elif slots:
            out["slots"] = self._records()
        return canonical.write(out)

    def _records(self) -> list[dict[str, Any]]:
        """Every place as plain data; those that stand as they were read, as they were read."""
        read: _Read | None = self.__dict__.get("_read")
        slots, before = self.slots, () if read is None else read.slots()
        if read is None or len(before) != len(slots):
            return [s.record() for s in slots]
        return [r if s is b else s.record() for s, b, r in zip(slots, before, read.records, strict=True)]

    def stands_as(self, before: Case) -> bool:
        """Whether the places are those of the case it came from, untouched."""
        one, other = self.__dict__, before.__dict__
        if "slots" in one and "slots" in other:
            return one["slots"] is other["slots"]
        read, was = one.get("_read"), other.get("_read")
        if read is None or was is None:
            return read is was and "slots" not in one and "slots" not in other  # neither has any
        return read.data is was.data and _unread(one) and _unread(other)

    @classmethod
    def of_snapshot(cls, data: bytes) -> Case:
        data, places = _parted(data)
        plain = canonical.read(data)
        plain.pop("v")
        if records := plain.pop("slots", None):
            places = canonical.write(records)
        if not plain.keys() <= _DEFAULTS.keys():
            raise TypeError(f"expected fields of a case; got {sorted(plain.keys() - _DEFAULTS.keys())}")
        for name in _TUPLES:
            if name in plain:
                plain[name] = tuple(plain[name])
        if places:
            plain["_read"] = _Read(places)
        case = object.__new__(cls)
        case.__dict__.update(plain)  # what is not said is as the class has it
        return case

    def fold(self, effects: list[Effect], seq: int, at: int) -> Case:
        """The case after an entry's effects."""
        case = self
        for effect in effects:
            case = _APPLY[effect["e"]](case, effect, seq, at)
        return case

    def but(self, **changes: Any) -> Case:
        """The same with other values. ``dataclasses.replace`` without its cost: a signature asks for this four times."""
        after = object.__new__(Case)
        state = after.__dict__
        state.update(self.__dict__)
        state.pop("manifest", None)  # what was computed of the one before
        state.pop("content", None)
        state.pop("papers", None)
        state.update(changes)
        return after


class _Read:
    """The places of a snapshot, as they stand there until somebody looks at them: what reminds looks at none."""

    __slots__ = ("data", "made", "records")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.made: tuple[Slot, ...] | None = None
        self.records: list[dict[str, Any]] = []

    def slots(self) -> tuple[Slot, ...]:
        if self.made is None:
            self.records, self.made = _read_places(self.data)
        return self.made


@lru_cache(maxsize=1_024)
def _read_places(data: bytes) -> tuple[list[dict[str, Any]], tuple[Slot, ...]]:
    """The places as plain data and as they are. Nobody changes either, and items of a unit that go on in step have the same:
    whoever signs a hundred of them reads theirs once."""
    records = canonical.read(data)
    return records, _read_slots(records)


_PLACES = b',"slots":['
_BEHIND = re.compile(rb',"stage":"[^"\\]*"(,"standing":\d+)?(,"stays":\d+)?(,"unit":"[^"\\]*")?(,"urged":\d+)?,"v":1\}')


def _parted(data: bytes) -> tuple[bytes, bytes]:
    """A snapshot without its places, and the bytes of those; the whole and nothing where they cannot be told by sight.

    Members stand in the order of their names. What is behind the list is all that can be behind it in an item that is not
    suspended, and ends the snapshot: so the list is the item's own, whatever other lists of its name there are. It has no
    bracket but its own: so it ends where it seems to.
    """
    begin = data.rfind(_PLACES) + len(_PLACES) - 1
    end = data.find(b"]", begin) + 1
    if begin < len(_PLACES) or not _BEHIND.fullmatch(data, end) or data.count(b"[", begin, end) > 1:
        return data, b""
    return data[: begin - len(_PLACES) + 1] + data[end:], data[begin:end]


class _Slots:
    """The places of a case read from a snapshot, made when they are first looked at."""

    def __get__(self, case: Case | None, owner: type[Case]) -> tuple[Slot, ...]:
        read: _Read | None = None if case is None else case.__dict__.get("_read")
        if case is None or read is None:
            return ()
        made = case.__dict__["slots"] = read.slots()
        return made


setattr(Case, "slots", _Slots())  # noqa: B010  behind its field: what an instance holds goes before it


def _unread(state: dict[str, Any]) -> bool:
    """Whether the places are as the snapshot had them, looked at or not."""
    return "slots" not in state or state["_read"].made is state["slots"]


def _opened(case: Case, e: Effect, seq: int, at: int) -> Case:
    changes = {k: v for k, v in e.items() if k != "e"}
    if not changes.keys() <= _DEFAULTS.keys():
        raise TypeError(f"expected fields of a case; got {sorted(changes.keys() - _DEFAULTS.keys())}")
    return case.but(**changes)


def _entered(case: Case, e: Effect, seq: int, at: int) -> Case:
    stage, new_round = e["stage"], e.get("round", case.round)
    changes: dict[str, Any] = {}
    entries = dict(case.entries)
    if new_round != case.round:
        changes["closed"] = (*case.closed, _closing(case))
        changes["signers"] = ()
        changes["materials"] = {k: v for k, v in case.materials.items() if k in case.lists}
        changes["figures"] = {k: v for k, v in case.figures.items() if k in case.lists}
        changes["notices"] = {}
        changes["assessed"] = {}
        changes["bodies"] = {}
        keep = set(e.get("counted", ()))
        entries = {k: v for k, v in entries.items() if k in keep}
    elif "without" in e:
        changes["materials"] = {k: v for k, v in case.materials.items() if k not in e["without"]}
        changes["figures"] = {k: v for k, v in case.figures.items() if k not in e["without"]}
    if "entries" in e:  # a stage goes on whose end was taken back
        entries = dict(e["entries"])
    elif not e.get("again"):
        entries[stage] = entries.get(stage, 0) + 1
    return case.but(
        stage=stage,
        entered=at,
        stays=case.stays + 1,
        round=new_round,
        klass=e.get("klass", case.klass),
        final=e.get("final", False),
        outcome="",
        overriding=e.get("overriding", {}),
        ballot={},
        slots=tuple([Slot(**s) for s in e.get("slots", ())]),
        plan=tuple(e.get("plan", ())),
        entries=entries,
        armed=e.get("armed", {}),
        standing=e.get("stay", 0),
        due_set=e.get("due_set", case.due_set),
        **changes,
    )


_REMINDING = frozenset({"reminded", "due-moved", "urged", "copied"})


def stands(effects: list[Effect]) -> bool:
    """Whether effects leave an item as it stood: they remind somebody, or tell of it."""
    return all(e["e"] in _REMINDING for e in effects)


def ending(before: Case, effects: list[Effect], seq: int) -> dict[str, Any]:
    """What an entry says that ended a stage by a signature: who signed which place, its effects by name, and the case before
    it; nothing of any other entry."""
    kinds = [e["e"] for e in effects]
    signed = next((e for e in effects if e["e"] == "signed"), None)
    if signed is None or "left" not in kinds:
        return {}
    said = {"person": signed["person"], "slot": signed["slot"], "seq": seq, "effects": kinds}
    return {**said, "case": canonical.read(before.snapshot())}


def _closing(case: Case) -> dict[str, Any]:
    return {"round": case.round, "digest": case.content, "signers": sorted(set(case.signers))}


def _submitted(case: Case, e: Effect, seq: int, at: int) -> Case:
    materials, figures, lists = dict(case.materials), dict(case.figures), dict(case.lists)
    handed = e.get("materials", {})
    materials.update(handed)
    if case.form > 1:  # a document that says no figure any more takes those of the one it replaces with it
        figures = {k: v for k, v in figures.items() if k not in handed}
    for name, value in e.get("figures", {}).items():
        of_list = ("lines", "closed", "links") if "lines" in value else ()
        figures[name] = {k: v for k, v in value.items() if k not in (*of_list, "words")}
        if "lines" in value:
            kept = len(value.get("closed", ()))
            closings = lists[name]["closings"] if kept else ""
            lists[name] = {"lines": value["lines"], "open": value["lines"] - kept, "closings": closings}
            if "links" in value:
                lists[name]["links"] = value["links"]
    return case.but(
        materials=materials,
        figures=figures,
        lists=lists,
        outcome=e.get("outcome", case.outcome),
        relies=tuple(e["relies"]) if "relies" in e else case.relies,
        roll=e.get("roll", case.roll),
        overriding={} if handed else case.overriding,  # what the first of the two saw is not what is there now
        handed=e.get("day", case.handed),
    )


def _outcome(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(outcome=e["outcome"])


def _changed(case: Case, by_key: dict[str, dict[str, Any]]) -> tuple[Slot, ...]:
    return tuple([_slot_but(s, by_key[s.key]) if s.key in by_key else s for s in case.slots])


def _slot_but(slot: Slot, changes: dict[str, Any]) -> Slot:
    """``slot._replace(**changes)``, which would ask for each of the many fields by name."""
    values = list(slot)
    for name, value in changes.items():
        values[_PLACE[name]] = value
    return _new_slot(values)


def _slots(case: Case, **by_key: dict[str, Any]) -> Case:
    return case.but(slots=_changed(case, by_key))


def _signed(case: Case, e: Effect, seq: int, at: int) -> Case:
    by = {"person": e["person"], "principal": e.get("principal", "")}
    if "day" in e:
        by["day"] = e["day"]
    changes: dict[str, Any] = {
        "slots": _changed(case, {e["slot"]: {"state": "signed", **by, "seq": seq, "vote": e.get("vote", "")}}),
        "signers": (*case.signers, e["person"]),
        "last_unit": e["unit"],
    }
    if "body" in e and e["unit"] not in (units := case.bodies.get(e["body"], [])):
        changes["bodies"] = {**case.bodies, e["body"]: [*units, e["unit"]]}
    if "kept" in e:
        kept = {k: e[k] for k in ("person", "principal", "post", "unit") if e.get(k)}
        changes["acted"] = (*case.acted, {**kept, "post": e["kept"]})
    return case.but(**changes)


def _slot_opened(case: Case, e: Effect, seq: int, at: int) -> Case:
    return _slots(case, **{e["slot"]: {"state": "open"}})


def _chain_changed(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(slots=tuple(Slot(**s) for s in e["slots"]), plan=tuple(e["plan"]))


def _urged(case: Case, e: Effect, seq: int, at: int) -> Case:
    if "places" not in e:
        return case.but(urged=at)
    here = f"{case.stays}/"
    before = {place: when for place, when in case.urging.items() if place.startswith(here)}
    return case.but(urged=at, urging=before | {f"{here}{key}": at for key in e["places"]})


def _not_needed(case: Case, e: Effect, seq: int, at: int) -> Case:
    return _slots(case, **{k: {"state": "not-needed"} for k in e["slots"]})


def _superseded(case: Case, e: Effect, seq: int, at: int) -> Case:
    back = {"state": "waiting", "person": "", "principal": "", "seq": 0, "vote": "", "day": e.get("day", "")}
    return _slots(case, **{s.key: back | _follows(s) for s in case.slots if s.key in e["slots"]})


def _follows(slot: Slot) -> Effect:
    """Where a place waits that was signed at a unit which is no more: at the unit that took its matters over."""
    if not slot.then:
        return {}
    return {"unit": slot.then, "level": slot.then_level, "was": slot.was or slot.unit, "then": "", "then_level": ""}


_NOT_DELEGATED = {"delegate": "", "giver": "", "own_post": "", "given_on": ""}


def _delegated(case: Case, e: Effect, seq: int, at: int) -> Case:
    by = {"delegate": e["delegate"], "giver": e["giver"], "own_post": e.get("post", ""), "given_on": e.get("day", "")}
    return _slots(case, **{e["slot"]: by})


def _recalled(case: Case, e: Effect, seq: int, at: int) -> Case:
    return _slots(case, **{e["slot"]: _NOT_DELEGATED})


def _handed_over(case: Case, e: Effect, seq: int, at: int) -> Case:
    if e.get("kept"):  # delegated by somebody else than the leaver to somebody else: it stands
        return case
    if not e.get("giver"):
        return _slots(case, **{e["place"]: _NOT_DELEGATED})
    return _delegated(case, {**e, "slot": e["place"]}, seq, at)


def _override_asked(case: Case, e: Effect, seq: int, at: int) -> Case:
    first = {k: e[k] for k in ("person", "post", "unit", "seq") if k in e} if "post" in e else e["person"]
    return case.but(overriding={**case.overriding, e["place"]: first})


def _overridden(case: Case, e: Effect, seq: int, at: int) -> Case:
    after = _slots(case, **{e["place"]: {"state": "overridden"}})
    return after.but(overriding={k: v for k, v in case.overriding.items() if k != e["place"]})


def _suspended(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(suspended={"seq": seq, "at": at, **{k: e[k] for k in ("other",) if k in e}})


def _ballot_opened(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(ballot={**{k: v for k, v in e.items() if k != "e"}, "seq": seq})


def _activated(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(suspended={})


def _line_closed(case: Case, e: Effect, seq: int, at: int) -> Case:
    lists = dict(case.lists)
    held = lists[e["list"]]
    chained = digest(canonical.encode([held["closings"], e["no"], e["evidence"]]))
    lists[e["list"]] = {**held, "open": held["open"] - 1, "closings": chained}
    return case.but(lists=lists)


def _lead_named(case: Case, e: Effect, seq: int, at: int) -> Case:
    lead = {"person": e["person"], "post": e["post"], "unit": e["unit"]}
    if "role" in e:
        return case.but(assigned={**case.assigned, e["role"]: lead})
    led = case.led if e["person"] in case.led else (*case.led, e["person"])
    return case.but(lead=lead, led=led)


def _notice_posted(case: Case, e: Effect, seq: int, at: int) -> Case:
    notice: dict[str, Any] = {"seq": seq, "stage": case.stage, "stay": case.stays, "at": at}
    notice |= {k: e[k] for k in ("until", "papers", "from", "text") if k in e}
    if "channel" in e:  # posted by several: those before count while they stand over the same papers
        before = case.notices.get(e["content"], {})
        same = before.get("stay") == case.stays and before.get("papers") == e.get("papers") and not case.objections
        notice["channels"] = sorted({e["channel"], *(before.get("channels", ()) if same else ())})
    return case.but(notices={**case.notices, e["content"]: notice}, objections=0)


def _objection(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(objections=case.objections + 1)


def _due_armed(case: Case, e: Effect, seq: int, at: int) -> Case:
    due = {k: v for k, v in e.items() if k not in ("e", "rule", "clock")}
    dues = {**case.dues, e["rule"]: due}
    if "clock" not in e:
        return case.but(dues=dues)
    return case.but(dues=dues, armed={**case.armed, e["clock"]: case.armed.get(e["clock"], 0) + 1})


def _due_ended(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(dues={k: v for k, v in case.dues.items() if k != e["rule"]})


def _due_moved(case: Case, e: Effect, seq: int, at: int) -> Case:
    due = {**case.dues[e["rule"]], "step": e["step"], "next": e["next"]}
    if "provisional" in e:
        due["provisional"] = True
    return case.but(dues={**case.dues, e["rule"]: due})


def _due_changed(case: Case, e: Effect, seq: int, at: int) -> Case:
    """A due extended, paused, resumed or counted again: new values, and without those that are null now."""
    changed = {k: v for k, v in e.items() if k not in ("e", "rule")}
    due = {k: v for k, v in {**case.dues[e["rule"]], **changed}.items() if v is not None or k == "next"}
    return case.but(dues={**case.dues, e["rule"]: due})


def _nodes_bound(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(nodes=e["nodes"])


def _exempted(case: Case, e: Effect, seq: int, at: int) -> Case:
    return _marked(case, e, seq, at).but(final=True, slots=(), plan=())


def _marked(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(marks={**case.marks, e["e"]: {"seq": seq, "at": at}})


def _counted(case: Case, e: Effect, seq: int, at: int) -> Case:
    row = {k: v for k, v in e.items() if k not in ("e", "counter")}
    return case.but(counted={**case.counted, e["counter"]: [*case.counted.get(e["counter"], ()), row]})


def _uncounted(case: Case, e: Effect, seq: int, at: int) -> Case:
    rows = [r if "reversed" in r else {**r, "reversed": seq} for r in case.counted[e["counter"]]]
    return case.but(counted={**case.counted, e["counter"]: rows})


def _moved(case: Case, e: Effect, seq: int, at: int) -> Case:
    """To the successor of a unit: what was signed keeps the unit it was signed at."""
    changes: dict[str, Any] = {k: e[k] for k in ("unit", "level") if k in e}
    if "slots" in e:
        changes["slots"] = tuple([Slot(**s) for s in e["slots"]])
    if case.last_unit == e["from"]:
        changes["last_unit"] = e["to"]
    return case.but(**changes)


def _migrated(case: Case, e: Effect, seq: int, at: int) -> Case:
    """To another version of the flow: every signature stays where it was given."""
    changes: dict[str, Any] = {k: e[k] for k in ("stage", "nodes") if k in e}
    if "slots" in e:
        changes["slots"] = tuple([Slot(**s) for s in e["slots"]])
        changes["plan"] = tuple(e["plan"])
    return case.but(definition=e["to"], **changes)


def _assessed(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(assessed={k: v for k, v in e.items() if k != "e"} | {"seq": seq, "round": case.round})


def _item_opened(case: Case, e: Effect, seq: int, at: int) -> Case:
    if "is" not in e:
        return case
    before = case.behind.get(e["list"], [])
    return case.but(behind={**case.behind, e["list"]: [*before, {"item": e["item"], "is": e["is"]}]})


def _claimed(case: Case, e: Effect, seq: int, at: int) -> Case:
    """A new claim: nobody has checked it yet."""
    here = {"stage": case.stage, "round": case.round, "seq": seq, "at": at}
    return case.but(claimed={"as": e["as"], "by": e["by"], **here}, verified={})


def _checked(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(verified={k: v for k, v in e.items() if k != "e"} | {"seq": seq, "at": at})


def _burden_fixed(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(burden={k: v for k, v in e.items() if k != "e"} | {"state": "fixed"})


def _burden_ended(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(burden={**case.burden, "state": e["state"], "persons": e["persons"]})


def _seat_taken(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(seats={**case.seats, e["seat"]: e["n"]})


def _seat_left(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case.but(seats={seat: n for seat, n in case.seats.items() if seat != e["seat"]})


def _nothing(case: Case, e: Effect, seq: int, at: int) -> Case:
    return case


_APPLY = {
    "opened": _opened,
    "entered": _entered,
    "submitted": _submitted,
    "outcome-set": _outcome,
    "signed": _signed,
    "slot-opened": _slot_opened,
    "superseded": _superseded,
    "not-needed": _not_needed,
    "withdrawn": _nothing,
    "signer-added": _chain_changed,
    "signer-removed": _chain_changed,
    "transferred": _chain_changed,
    "urged": _urged,
    "line-closed": _line_closed,
    "lead-named": _lead_named,
    "notice-posted": _notice_posted,
    "objection-raised": _objection,
    "due-armed": _due_armed,
    "due-met": _due_ended,
    "due-cancelled": _due_ended,
    "due-moved": _due_moved,
    "due-passed-on": _due_ended,
    "due-extended": _due_changed,
    "due-paused": _due_changed,
    "due-resumed": _due_changed,
    "due-reprojected": _due_changed,
    "nodes-bound": _nodes_bound,
    "delegated": _delegated,
    "recalled": _recalled,
    "handed-over": _handed_over,
    "override-asked": _override_asked,
    "overridden": _overridden,
    "suspended": _suspended,
    "activated": _activated,
    "ballot-opened": _ballot_opened,
    "copied": _nothing,
    "exempted": _exempted,
    "supplemented": _marked,
    "contradicted": _marked,
    "counted": _counted,
    "count-reversed": _uncounted,
    "reversed": _marked,
    "count-reached": _nothing,
    "assessed": _assessed,
    "burden-fixed": _burden_fixed,
    "burden-ended": _burden_ended,
    "seat-taken": _seat_taken,
    "seat-left": _seat_left,
    "claimed": _claimed,
    "checked": _checked,
    "compared": _nothing,
    "same-words": _nothing,
    "moved": _moved,
    "migrated": _migrated,
    "left": _nothing,
    "returned": _nothing,
    "reminded": _nothing,
    "proposed": _nothing,
    "item-opened": _item_opened,
}
_EMPTY = Case()
_DEFAULTS = {name: getattr(_EMPTY, name) for name in Case.__dataclass_fields__}
_BESIDE = {name: value for name, value in _DEFAULTS.items() if name != "slots"}
_TUPLES = frozenset(name for name, value in _BESIDE.items() if value == ())
for _name, _value in _BESIDE.items():  # nobody changes a case in place, so what is empty is one for all of them
    setattr(Case, _name, _value)
