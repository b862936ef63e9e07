"""Random walks over the rules alone: whatever people try, in whatever order, what was allowed keeps its promises."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.world import BAD_VOTE, GOOD_VOTE, MATTER, MEASURES, START, flow_text, imported
from workflow import Actor, loads
from workflow.acts import (
    Accept,
    Act,
    CloseLine,
    Decide,
    Fire,
    LookBack,
    NameLead,
    Objection,
    Open,
    PostNotice,
    Reopen,
    Return,
    Sign,
    Submit,
    Withdraw,
    act_of,
)
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.case import Case, ending, stands
from workflow.clock import micros
from workflow.definition.definition import Definition
from workflow.definition.shipped import shipped_calendar
from workflow.errors import WorkflowError
from workflow.evidence import canonical
from workflow.evidence.digest import digest
from workflow.org.model import OrgOnDay
from workflow.rules import Asked, Context, Facts, decide, materials, needs

DAY = 86_400_000_000
ORG = imported()
PERSONS = [p.id for p in ORG.persons]
POSTS = sorted({(t.unit, t.post) for t in ORG.tenures})
SHEETS: list[dict[str, Any]] = [{"sheet": {"count": n, "words": f"{n} pipes"}} for n in (1, 2)]
SHEETS += [MEASURES, GOOD_VOTE, BAD_VOTE, {"card": {"total": 80}}, {"card": {"total": 40}}]
SHEETS += [{"statement": {"statement": "nothing found"}}]


@cache
def definition() -> Definition:
    return loads(flow_text(MATTER))


@cache
def calendar() -> Calendar:
    return load_calendar(shipped_calendar("cn"))


@cache
def on(day: str) -> OrgOnDay:
    return ORG.on(day)


class Paper:
    """One matter with no database: what the store would load is answered from the organisation in memory."""

    def __init__(self) -> None:
        self.case, self.at = Case(), micros(START)
        self.entries: list[dict[str, Any]] = []
        self.lines: dict[int, str] = {}
        self.last: tuple[Case, list[dict[str, Any]], int] = Case(), [], 0
        self.covered: dict[int, dict[str, Any]] = {}  # entry that signed -> what it covered
        self.do(Open(item="m1", flow="matter", unit="o1", category="leak"))

    def do(self, act: Act) -> bool:
        """Hand an act to the rules; False when they refused it."""
        asked = Asked(self.case, act, Context(definition(), calendar(), self.at, len(self.entries) + 1), Facts({}))
        try:
            while wanted := needs(asked):
                for need in wanted:
                    asked.facts.loaded[" ".join(need)] = self.load(need)
            decision = decide(asked)
        except WorkflowError:
            return False
        before = self.case
        if not stands(decision.effects):
            self.last = before, decision.effects, asked.context.seq
        self.case = before.fold(decision.effects, asked.context.seq, self.at)
        entry = {"act": act.record(), "at": self.at, "facts": dict(asked.facts.used), "effects": decision.effects}
        self.entries.append(canonical.decode(canonical.encode(entry)))
        self.promises(before, act, decision.effects)
        return True

    def load(self, need: tuple[str, ...]) -> Any:
        kind, day = need[0], on(START.date().isoformat())
        if kind == "path":
            units = [day.org.unit_by_id[u] for u in day.path(need[1])]
            return [{"unit": u.id, "level": u.level, "name": u.name_zh, "established": True} for u in units]
        if kind == "ending":
            return ending(*self.last)
        if kind == "line":
            return self.lines.get(int(need[3]), "absent")
        if kind in ("lines", "children", "viewed-since", "same-person"):
            return []
        unit, post = need[-4:-2] if kind == "authority" else need[1:3]
        found = [
            {"tenure": t.id, "person": t.person, "post": post, "unit": unit, "as": as_, "at": t.unit}
            for t, as_ in day.answerable(unit, post, need[-1] == "backstop")
        ]
        if kind == "answerable":
            return found
        return next((f for f in found if f["person"] == need[1]), {"answerable": found})

    # --- what must be true after every act ---------------------------------------------------------------------------

    def promises(self, before: Case, act: Act, effects: list[dict[str, Any]]) -> None:
        for effect in effects:
            if effect["e"] == "signed":
                assert act.by is not None and effect["person"] == act.by.person, (
                    "the machine signed, or for somebody else"
                )
                slot = before.slot(effect["slot"])
                assert slot is not None and slot.state == "open"
                if before.stage == "report":
                    lower = before.slots[: before.slots.index(slot)]
                    assert all(s.state == "signed" for s in lower), "a higher place signed before a lower one"
                self.covered[len(self.entries)] = self.content(before)
        assert not (before.final and effects), "something happened to what was finished"
        for effect in effects:  # the lines as the store keeps them
            for name, figures in effect.get("figures", {}).items() if effect["e"] == "submitted" else ():
                if name == "measures":
                    self.lines = dict.fromkeys(range(1, figures["lines"] + 1), "open")
            if effect["e"] == "line-closed":
                self.lines[effect["no"]] = "closed"
        for slot in self.case.slots:
            if slot.state == "signed" and slot.kind != "look-back":
                assert self.covered[slot.seq] == self.content(self.case), "a signature survived a change of content"
        signed = [(s.unit, s.post, s.person) for s in self.case.slots if s.state == "signed"]
        for unit, post, person in signed:
            others = {p for u, p, who in signed if (u, who) == (unit, person) and p != post}
            assert not (post == "department" and others & {"handler", "secretary"}), "one person for two"

    def content(self, case: Case) -> dict[str, Any]:
        """What every signer of a chain signs over. The outcome is set by the first of them; lines close by themselves."""
        lists = {name: held["lines"] for name, held in case.lists.items()}
        keys = ("round", "stage", "stay", "category", "fields", "materials", "relies")
        return {**{k: case.manifest[k] for k in keys}, "lists": lists}

    def history_holds(self) -> None:
        """Folding gives the same snapshot, byte for byte; replaying with the recorded facts gives the same effects."""
        case = Case()
        for seq, entry in enumerate(self.entries, start=1):
            context = Context(definition(), calendar(), entry["at"], seq)
            again = decide(Asked(case, act_of(entry["act"]), context, Facts(entry["facts"])))
            assert canonical.encode(again.effects) == canonical.encode(entry["effects"])
            case = case.fold(entry["effects"], seq, entry["at"])
        assert case.snapshot() == self.case.snapshot()
        assert Case.of_snapshot(case.snapshot()).snapshot() == case.snapshot()
        assert Case.of_snapshot(case.snapshot()).content == self.case.content

    # --- what people try ---------------------------------------------------------------------------------------------

    def honest(self) -> Act | None:
        """The signature that is asked for now, by whoever may give it."""
        if not self.case.open_slots:
            return None
        slot = self.case.open_slots[0]
        day = on(START.date().isoformat())
        held = sorted({t.person for t, _ in day.answerable(slot.unit, slot.post, True)} - {"t1-department"})
        held = held or ["t1-department"]
        free = [p for p in held if p not in {s.person for s in self.case.slots if s.unit == slot.unit}] or held
        verb = {"decision": Decide, "look-back": LookBack}.get(slot.kind, Sign)
        minutes = digest(b"minutes") if verb is Decide else ""
        by, due = Actor(free[0], slot.post, slot.unit), "2026-12-30"
        return verb(item="m1", by=by, seen=self.case.content, opinion="agreed", minutes=minutes, due=due)

    def submission(self, by: Actor, sheet: int, outcome: str) -> Act:
        values = SHEETS[sheet % len(SHEETS)]
        digests = {name: digest(canonical.encode(value)) for name, value in values.items()}
        figures = {name: f for name, value in values.items() if (f := materials.check(definition(), name, value))}
        return Submit(item="m1", by=by, materials=digests, figures=figures, outcome=outcome)


OUTCOMES = ["", "found", "nothing", "dropped", "rebound", "qualified", "returned"]
ACTORS = st.builds(
    lambda person, post: Actor(person or f"{post[0]}-{post[1]}", post[1], post[0]),
    st.sampled_from([None, None, None, *PERSONS[:6]]),
    st.sampled_from(POSTS),
)
STEPS = st.one_of(
    st.tuples(st.just("honest"), st.just(0)),
    st.tuples(st.just("honest"), st.just(0)),
    st.tuples(st.just("prepare"), st.just(0)),
    st.tuples(
        st.just("sign"),
        ACTORS,
        st.sampled_from([Sign, Decide, Accept, LookBack, Reopen, Return]),
        st.sampled_from(OUTCOMES),
    ),
    st.tuples(st.just("stale"), st.just(0)),
    st.tuples(st.just("submit"), ACTORS, st.integers(0, 7), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("return"), st.just(0)),
    st.tuples(st.just("withdraw"), ACTORS, st.sampled_from(["1", "2", "3", "5"])),
    st.tuples(st.just("withdraw the last"), st.just(0)),
    st.tuples(st.just("lead"), ACTORS, ACTORS),
    st.tuples(st.just("line"), ACTORS, st.integers(0, 3)),
    st.tuples(st.just("notice"), ACTORS, st.sampled_from(["plan", "result"])),
    st.tuples(st.just("object"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 40)),
    st.tuples(st.just("fire"), st.integers(0, 2)),
)


def take(paper: Paper, step: tuple[Any, ...]) -> None:
    kind, seen = step[0], paper.case.content
    act: Act | None = None
    if kind == "honest":
        act = paper.honest()
    elif kind == "prepare":
        prepare(paper)
    elif kind == "sign":
        _, by, verb, outcome = step
        minutes = digest(b"minutes")
        act = verb(
            item="m1", by=by, seen=seen, opinion="x", reason="y", outcome=outcome, minutes=minutes, due="2026-12-30"
        )
    elif kind == "stale" and (good := paper.honest()) is not None:
        assert not paper.do(act_of({**good.record(), "seen": "sha256:" + "0" * 64})), "something unseen was signed"
    elif kind == "submit":
        act = paper.submission(*step[1:])
    elif kind == "return" and (good := paper.honest()) is not None:
        act = Return(item="m1", by=good.by, seen=seen, reason="count again", due="2026-12-30")
    elif kind == "withdraw":
        act = Withdraw(item="m1", by=step[1], slot=step[2])
    elif kind == "withdraw the last":
        last = paper.entries[-1]
        signed = next((e for e in last["effects"] if e["e"] == "signed"), None)
        act = Withdraw(item="m1", by=Actor(**last["act"]["by"]), slot=signed["slot"]) if signed else None
    elif kind == "lead":
        act = NameLead(item="m1", by=step[1], person=step[2].person, post=step[2].post, unit=step[2].unit)
    elif kind == "line":
        act = CloseLine(item="m1", by=step[1], list="measures", no=step[2], evidence=digest(b"photo"))
    elif kind == "notice":
        act = PostNotice(item="m1", by=step[1], content=step[2], channel="board", place="hall", seen=paper.case.content)
    elif kind == "object":
        act = Objection(item="m1", text=digest(b"I object"))
    elif kind == "wait":
        paper.at += step[1] * DAY
    elif kind == "fire":
        act = next((Fire(item="m1", rule=r, step=step[1]) for r in paper.case.dues), None)
    if act is not None:
        paper.do(act)


def prepare(paper: Paper) -> None:
    """Whatever the stage asks for before its signatures, done as it should be."""
    stage, handler = paper.case.stage, Actor("o1-handler", "handler", "o1")
    secretary = Actor("o1-secretary", "secretary", "o1")
    if stage == "report" and (not paper.case.materials or paper.case.outcome not in ("", "found")):
        paper.do(paper.submission(handler, 0, "found"))
    elif stage == "plan":
        lead = {"person": "t1-department", "post": "department", "unit": "t1"}
        paper.do(NameLead(item="m1", by=Actor("t1-secretary", "secretary", "t1"), **lead))
        paper.do(paper.submission(secretary, 2, ""))
        paper.do(
            PostNotice(item="m1", by=handler, content="plan", channel="board", place="hall", seen=paper.case.content)
        )
    elif stage == "work":
        for no in (1, 2):
            paper.do(CloseLine(item="m1", by=secretary, list="measures", no=no, evidence=digest(b"photo")))
    elif stage == "vote" and not any(s.state == "signed" for s in paper.case.slots):
        paper.do(paper.submission(Actor("o1-scrutineer", "scrutineer", "o1"), 3 if paper.case.round > 1 else 4, ""))
    elif stage == "acceptance":
        paper.do(paper.submission(Actor("s1-secretary", "secretary", "s1"), 5, ""))
    elif stage == "published":
        by = Actor("s1-department", "department", "s1")
        paper.do(PostNotice(item="m1", by=by, content="result", channel="board", place="hall", seen=paper.case.content))
        paper.at += 14 * DAY


@given(st.lists(STEPS, max_size=40))
def test_whatever_people_try_what_was_allowed_keeps_its_promises(steps: list[tuple[Any, ...]]) -> None:
    paper = Paper()
    for step in steps:
        take(paper, step)
    paper.history_holds()


@given(st.lists(st.lists(STEPS, max_size=2), min_size=30, max_size=45))
def test_disturbances_never_break_a_matter_that_goes_its_way(between: list[list[tuple[Any, ...]]]) -> None:
    """Long walks: an honest signature after each disturbance, so that every stage is reached."""
    paper = Paper()
    for steps in between:
        for step in steps:
            take(paper, step)
        prepare(paper)
        take(paper, ("honest", 0))
    assert len(paper.entries) > 10
    paper.history_holds()


def test_an_undisturbed_walk_reaches_the_end_through_a_second_round() -> None:
    paper = Paper()
    stages = [paper.case.stage]
    while not paper.case.final:
        assert len(paper.entries) < 100, f"it is stuck in {paper.case.stage}"
        prepare(paper)
        if paper.case.stage == "closed":
            paper.at += 400 * DAY
        assert paper.do(paper.honest() or Objection(item="m1", text="")), f"refused in {paper.case.stage}"
        if paper.case.stage != stages[-1]:
            stages.append(paper.case.stage)
    assert stages == [
        *("report", "plan", "work", "vote", "rework", "vote", "acceptance", "published", "closed"),
        "archived",
    ]
    assert paper.case.round == 2
    paper.history_holds()


def test_what_ends_a_stage_is_taken_back_and_given_again_all_the_way() -> None:
    """Wherever nothing else followed from it: the stage stands as it stood, by the same dates, over the same content."""
    paper, taken = Paper(), Counter[str]()
    while not paper.case.final:
        assert len(paper.entries) < 200, f"it is stuck in {paper.case.stage}"
        prepare(paper)
        if paper.case.stage == "closed":
            paper.at += 400 * DAY
        before = paper.case
        assert paper.do(paper.honest() or Objection(item="m1", text="")), f"refused in {paper.case.stage}"
        paper.at += 1
        if paper.case.stays == before.stays or taken[f"{before.stage}/{before.stays}"]:
            continue
        taken[f"{before.stage}/{before.stays}"] += 1
        take(paper, ("withdraw the last", 0))
        if paper.case.stage != before.stage:
            continue
        taken[before.stage] += 1
        here = paper.case
        assert here.content == before.content and here.slots == before.slots and here.entries == before.entries
        assert [d for _, d in sorted(here.dues.items())] == [d for _, d in sorted(before.dues.items())]
        taken[f"{here.stage}/{here.stays}"] += 1
    assert {"report", "work", "acceptance"} <= taken.keys(), taken
    paper.history_holds()
