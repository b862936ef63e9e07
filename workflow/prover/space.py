"""Every state one item can come to, by the real rules: ``decide`` is asked for each act in each state.

What rules cannot tell apart is one state: moments, digests and numbers of rounds are left out, so that the space is
finite although an item may go round for ever. It is walked breadth first, so that the first state found to break a claim
is one with a shortest way to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from workflow.acts import Act, Fire, NameLead, Open, Return, Signature, Submit
from workflow.calendar import Calendar
from workflow.case import Case, Effect
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import WorkflowError
from workflow.prover.moves import PAPER, judged, moves, waits_until
from workflow.prover.offices import Offices
from workflow.rules import Asked, Context, Facts, decide, needs
from workflow.rules.chain import plan_slots
from workflow.rules.obligations import Period, periods, report_id
from workflow.rules.stages import RETURN_EXIT

MINUTE = 60_000_000
ITEM = "item"


@dataclass(frozen=True)
class State:
    """One state: an item as it may stand, and how it came there. ``signed`` are the levels that signed on the way."""

    case: Case
    at: int
    signed: frozenset[str]
    before: int  # the number of the state before it, or -1
    step: str  # what was done there, for people


@dataclass
class Space:
    """All states from one way in. ``cut`` where a limit on their number was reached: then nothing is proved."""

    states: list[State] = field(default_factory=list)
    following: list[list[int]] = field(default_factory=list)
    refusals: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)  # a stage left with a place unsigned
    signable: set[tuple[str, str, str]] = field(default_factory=set)  # places that somebody signs somewhere
    decisions: int = 0
    cut: bool = False

    def way_to(self, number: int) -> list[str]:
        """What was done from the beginning to a state."""
        steps: list[str] = []
        while number >= 0:
            steps.append(self.states[number].step)
            number = self.states[number].before
        return steps[::-1]


def chain_levels(definition: Definition, path: list[dict[str, Any]]) -> frozenset[str]:
    """The levels whose signature the chains through the levels ask for, as far as they stand on a unit's line."""
    found: set[str] = set()
    for stage in definition.flow.stages:
        chain = definition.chain_of(stage)
        if chain.levels is not None:
            slots, _ = plan_slots(definition, stage, path, "")
            found |= {s.level for s in slots[: len(slots) - sum(len(list(x.leaves())) for x in chain.steps)]}
    return frozenset(found)


class Explorer:
    """Walks the states of one item of a definition about one unit."""

    def __init__(
        self,
        definition: Definition,
        calendar: Calendar,
        offices: Offices,
        unit: str,
        start: int,
        *,
        required: frozenset[str],
        at_most: int,
    ) -> None:
        self.definition = definition
        self.calendar = calendar
        self.offices = offices
        self.unit = unit
        self.start = start
        self.at_most = at_most
        self.required = required
        flow = definition.flow
        self._limits = [(s.stage, s.at_most.times) for s in flow.stages if s.at_most is not None]
        self._led = any(who.post == "lead" for s in flow.stages for who in s.not_by)
        steps = [leaf for s in flow.stages for x in definition.chain_of(s).steps for _, leaf in x.leaves()]
        self._next_above = any(x.of == "next-above" for x in steps) or any(
            s.duty.of == "next-above" for s in flow.stages
        )
        self._deciding = {
            s.stage: [x.material for x in (s.tally, s.score) if x] for s in flow.stages if s.tally or s.score
        }
        ahead = {s.stage: _stages_ahead(definition, s.stage) for s in flow.stages}
        self._judged = {
            name: sorted(judged(definition)) if any(s.assess for s in stages) else [] for name, stages in ahead.items()
        }
        self._papers = {name: _papers_ahead(stages) | {*self._judged[name]} for name, stages in ahead.items()}
        self._matters = self._barred_leads() if self._led else frozenset()

    # --- asking the rules -------------------------------------------------------------------------------------------

    def effects(self, act: Act, case: Case, at: int) -> list[Effect]:
        """What follows from an act.

        Raises:
            WorkflowError: the rules refuse it.
        """
        asked = Asked(case, act, Context(self.definition, self.calendar, at, case.stays + 2), Facts({}))
        while wanted := needs(asked):
            for need in wanted:
                known = self._counted_papers(act) if need[0] == "ballot" else self.offices.fact(need, case)
                asked.facts.loaded[" ".join(need)] = known
        return decide(asked).effects

    def _counted_papers(self, act: Act) -> dict[str, Any]:
        """What the engine counted, where it counted what a sheet says."""
        assert isinstance(act, Submit)
        cast = next((f["voted"] for f in act.figures.values() if "eligible" in f), 0)
        return {"cast": cast, "box": PAPER}

    def path(self, at: int) -> list[dict[str, Any]]:
        return self.offices.path(self.unit, local_day(at, self.definition.flow.timezone).isoformat())

    # --- walking ----------------------------------------------------------------------------------------------------

    def walk(self, enters: Sequence[str] = ("",)) -> Space:
        """Every state from opening an item, by each of several ways in: ``""`` at the first stage; otherwise the exit of
        the first stage by which a signed report leads in, whose chain has then been signed in that report."""
        space = Space()
        known: dict[Any, int] = {}
        waiting: deque[int] = deque()
        for enter in enters:
            opened = self._opened(enter)
            key = self._key(opened.case, opened.at, opened.signed)
            if key not in known:
                known[key] = len(space.states)
                waiting.append(len(space.states))
                space.states.append(opened)
        while waiting:
            number = waiting.popleft()
            out: dict[int, None] = {}
            for after in self._next(space, number):
                key = self._key(after.case, after.at, after.signed)
                found = known.get(key)
                if found is None:
                    if len(space.states) >= self.at_most:
                        space.cut = True
                        continue
                    found = known[key] = len(space.states)
                    space.states.append(after)
                    waiting.append(found)
                out[found] = None
            assert len(space.following) == number
            space.following.append(list(out))
        return space

    def _opened(self, enter: str) -> State:
        flow = self.definition.flow
        item, campaign = ITEM, "proof"
        if flow.obligations and (owed := self._owed()):
            item, campaign = report_id(flow.flow, self.unit, owed.name), owed.name
            self.start = max(self.start, owed.opens)
        opened = Open(
            item=item,
            flow=flow.flow,
            unit=self.unit,
            campaign=campaign,
            enter=enter,
            category=next(iter(flow.categories), ""),
            cites={"item": "report", "seq": 1, "entry": "0"} if enter else {},
        )
        case = Case().fold(self.effects(opened, Case(), self.start), 1, self.start)
        signed: frozenset[str] = frozenset()
        if enter:
            slots, _ = plan_slots(self.definition, self.definition.first, self.path(self.start), "")
            signed = self._counted({s.level for s in slots})
        how = f"opened behind a signed report ({enter})" if enter else "opened"
        return State(case, self.start, signed, -1, f"{how} at {self.unit}: {case.stage}")

    def _owed(self) -> Period | None:
        """The first period for which the unit owes a report of this flow."""
        level = self.path(self.start)[0]["level"]
        for rule, spec in self.definition.flow.obligations.items():
            if level in spec.owed_by:
                until = spec.from_ + timedelta(days=800)
                return next(iter(periods(self.definition, self.calendar, rule, spec.from_, until)), None)
        return None

    def _next(self, space: Space, number: int) -> list[State]:
        state = space.states[number]
        case, at = state.case, state.at + MINUTE
        if case.final:
            return []
        found: list[State] = []
        for act in moves(self.definition, self.offices, case, at, self._matters):
            space.decisions += 1
            try:
                effects = self.effects(act, case, at)
            except WorkflowError as refusal:
                if isinstance(act, Signature):
                    space.refusals.setdefault(number, []).append((refusal.code, str(refusal)))
                continue
            if isinstance(act, Signature) and not isinstance(act, Return):
                space.signable.add(place_of(case, act.slot))
            after = case.fold(effects, case.stays + 2, at)
            signed = state.signed | self._levels(space, number, case, effects)
            found.append(State(after, at, signed, number, self._said(act, case, after)))
        until = waits_until(case, self.definition.stage(case.stage), at)
        if until is not None:
            day = local_day(until, self.definition.flow.timezone)
            found.append(State(case, until, state.signed, number, f"wait until {day}"))
        return found

    def _levels(self, space: Space, number: int, case: Case, effects: list[Effect]) -> frozenset[str]:
        """The levels whose signature a stage had when it was left; and whether a place was passed over."""
        left = next((e for e in effects if e["e"] == "left"), None)
        checked = self.definition.stage(case.stage).checked
        if left is None or left["exit"] in (RETURN_EXIT, checked.back if checked is not None else RETURN_EXIT):
            return frozenset()
        before = case.fold(effects[: effects.index(left)], case.stays + 2, 0)
        stage = self.definition.stage(case.stage)
        lacking = [s for s in before.slots if s.state not in ("signed", "not-needed")]
        if lacking and stage.tracking is None:
            space.skipped.append((number, ", ".join(f"{s.post}@{s.unit}" for s in lacking)))
        return self._counted({s.level for s in before.slots if s.state == "signed"})

    def _counted(self, levels: set[str]) -> frozenset[str]:
        """As much of these signatures as a claim asks about: the levels required; where none is, whether there is one."""
        return frozenset(levels) & self.required if self.required else frozenset(["any"] if levels else [])

    def _said(self, act: Act, case: Case, after: Case) -> str:
        by = f"{act.by.post}@{act.by.unit}" if act.by else "somebody"
        if act.by is not None and not act.by.person.startswith(by):
            by += f" ({act.by.person})"
        what = act.kind
        outcome = getattr(act, "outcome", "")
        if outcome:
            what += f" {outcome}"
        if getattr(act, "vote", ""):
            what += f" ({act.vote})"  # type: ignore[attr-defined]
        if isinstance(act, Submit):
            shown = [f"{n} {_figures(f)}".strip() for n, f in act.figures.items()]
            what += " " + ", ".join([*(n for n in act.materials if n not in act.figures), *shown])
        if isinstance(act, NameLead):
            what += f" {act.person}"
        return f"{by}: {what}" + (f" -> {after.stage}" if after.stays != case.stays else "")

    def _barred_leads(self) -> frozenset[str]:
        """Persons whom it bars from a place somewhere that they were named lead."""
        path, found = self.path(self.start), set()
        for stage in self.definition.flow.stages:
            if any(who.post == "lead" for who in stage.not_by):
                for last in ("", *(u["unit"] for u in path)):
                    found |= {(s.unit, s.post) for s in plan_slots(self.definition, stage, path, last)[0]}
        day = local_day(self.start, self.definition.flow.timezone).isoformat()
        return frozenset(a.person for unit, post in found for a in self.offices.actors(unit, post, day))

    def _key(self, case: Case, at: int, signed: frozenset[str]) -> Any:
        """What of a state rules can tell apart."""
        stage = self.definition.stage(case.stage)
        persons = bool(self.definition.chain_of(stage).two_persons)
        notice: Any = None
        if stage.notice is not None:
            posted = case.notices.get(stage.notice.content, {})
            if posted.get("stay") == case.stays:
                notice = at + MINUTE >= posted.get("until", 0), tuple(posted.get("channels", ()))
        deciding = tuple(
            str(case.figures.get(m)) for m in (*self._deciding.get(case.stage, ()), *self._judged[case.stage])
        )
        return (
            case.stage,
            tuple(
                (s.key, s.state, s.vote, s.person if persons else "", s.not_before > at + MINUTE) for s in case.slots
            ),
            tuple(s.unit for s in case.slots) if self._next_above else (),
            case.last_unit if self._next_above else "",
            case.outcome,
            tuple(sorted(n for n in case.materials if n in self._papers[case.stage])),
            tuple(
                sorted(
                    (n, bool(v["open"]), bool(v["lines"]))
                    for n, v in case.lists.items()
                    if n in self._papers[case.stage]
                )
            ),
            deciding,
            bool(case.lead),
            tuple(sorted(case.assigned)),
            tuple(sorted(self._matters.intersection(case.led))),
            notice,
            case.objections > 0,
            case.ballot.get("eligible", 0),
            case.ballot.get("issuer", "") if persons else "",
            tuple(min(case.entries.get(s, 0), times) for s, times in self._limits),
            bool(case.dues),
            signed,
        )

    # --- ladders ----------------------------------------------------------------------------------------------------

    def climb(self, state: State, rule: str) -> list[tuple[str, list[str]]]:
        """Every rung of a due as it would fire from a state: what it does and whom it reaches (persons; none: vacant)."""
        case, at = state.case, state.at
        fired: list[tuple[str, list[str]]] = []
        while (due := case.dues.get(rule)) is not None and due["next"] is not None:
            at = max(at, due["next"])
            effects = self.effects(Fire(item=case.item, rule=rule, step=due["step"]), case, at)
            told = next((e for e in effects if e["e"] in ("reminded", "proposed")), None)
            if told is None:
                break
            fired.append((told["e"], [p["person"] for p in told["to"] if p["person"]]))
            case = case.fold(effects, case.stays + 2, at)
        return fired


def place_of(case: Case, key: str) -> tuple[str, str, str]:
    """A place of a stage, whatever the stay: the stage, the place's key, its unit."""
    slot = case.slot(key)
    return case.stage, key, slot.unit if slot else ""


def _stages_ahead(definition: Definition, stage: str) -> list[Stage]:
    """A stage and every one reachable from it."""
    seen, found = {stage}, [definition.stage(stage)]
    for spec in found:
        ahead = [e.to for e in spec.exits.values()]
        ahead += [t.at_most.then for n in ahead if (t := definition.stage(n)).at_most is not None]
        for name in ahead:
            if name not in seen:
                seen.add(name)
                found.append(definition.stage(name))
    return found


def _asked(stage: Stage) -> list[str]:
    """The materials that a stage may ask for, whatever the category and the level."""
    by = (*stage.materials_for.values(), *stage.materials_at.values())
    return [*stage.materials, *(name for names in by for name in names)]


def _papers_ahead(ahead: list[Stage]) -> frozenset[str]:
    """The materials that some stages ask for."""
    return frozenset(n for s in ahead for n in (*_asked(s), *(m for e in s.exits.values() for m in e.needs)))


def _figures(figures: dict[str, Any]) -> str:
    return "(" + " ".join(f"{k} {v}" for k, v in figures.items() if not isinstance(v, dict)) + ")"
