"""A small world for one scenario: the real engine on a database of its own, a clock that is moved, invented people.

A world is a SQLite file in a temporary folder, so that one can begin where another ended: by copying the file. Keys
and contents are shared by all worlds of a folder; contents lie under their digests and never disagree.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workflow import obligations, orgbook
from workflow.acts import Actor
from workflow.calendar_file import load_calendar
from workflow.case import Case, Slot
from workflow.clock import SettableClock, local_day, moment
from workflow.definition.definition import Definition
from workflow.definition.shipped import calendar_near
from workflow.desk import Desk
from workflow.engine import Engine
from workflow.errors import Unknown
from workflow.evidence import canonical
from workflow.org.model import ALWAYS
from workflow.rules.authority import backstop
from workflow.scenario.model import Body, Post, Rung, Step, Suite
from workflow.store import items, queries, scan, schema
from workflow.store.database import connect
from workflow.store.org import OrgReader
from workflow.sweep import tick
from workflow.verify import Report, verify

AGREED = "同意(虚构意见)"
SCAN = "虚构:扫描件"
MINUTES = "会议纪要(虚构):同意"
NOBODY = "nobody"


class Stuck(Exception):
    """A step that cannot be carried out at all: a fault of the scenario, or a rung that could not fire."""


@dataclass
class Vote:
    """What the issuer, the voters and the scrutineers of a vote hold of it, each for themselves; in a scenario nobody is."""

    codes: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """A world put away: where its database lies and what else it held."""

    path: Path
    at: int
    item: str = ""
    named: frozenset[str] = frozenset()
    shown: Mapping[str, str] = field(default_factory=dict)
    vote: Vote = field(default_factory=Vote)


@cache  # making the schema takes longer than most scenarios
def _empty() -> bytes:
    """The bytes of a database with a schema and nothing else."""
    with TemporaryDirectory(prefix="workflow-test-") as folder:
        path = Path(folder) / "empty.db"
        db = connect(f"sqlite:///{path}", durable=False)
        schema.upgrade(db)
        db.dispose()
        return path.read_bytes()


def first_world(folder: Path, suite: Suite) -> Ended:
    """A database with the suite's organisation, calendars and flows in force, and nothing else."""
    clock = SettableClock(0)
    path = folder / "first.db"
    path.write_bytes(_empty())
    engine = Engine.at(f"sqlite:///{path}", folder / "home", clock=clock, durable=False, upgrade=False)
    try:
        for name in {c for d in suite.definitions for c in (d.flow.calendar, *d.flow.calendars.values())}:
            engine.publish_calendar(load_calendar(calendar_near(Path(suite.file).parent, name)))
        for definition in suite.definitions:
            engine.publish(definition)
        engine.import_org(suite.org)
        with engine.desk() as desk:
            for body in suite.bodies:
                _form(desk, body)
    finally:
        engine.close()
    return Ended(path, 0)


def _form(desk: Desk, body: Body) -> None:
    """A body with its seats and the units that it looks after, from the organisation's first day on."""
    why, named = "invented", {"name_zh": f"虚构机构 {body.name}", "name_en": f"invented body {body.name}"}
    orgbook.form_body(desk, None, why, body=body.name, kind=body.kind, unit=body.of, from_on=ALWAYS, **named)
    for post, unit in body.members:
        orgbook.seat(desk, None, why, body=body.name, role="member", unit=unit, post=post, from_on=ALWAYS)
    if body.looks_after:
        orgbook.assign(desk, None, why, body=body.name, units=body.looks_after, from_on=ALWAYS)


class World:
    """One scenario under way. ``item`` is the item that steps act on unless they name another."""

    def __init__(self, suite: Suite, before: Ended, folder: Path, name: str) -> None:
        self.suite = suite
        self.path = folder / f"{name}.db"
        shutil.copyfile(before.path, self.path)
        self.clock = SettableClock(before.at)
        self.engine = Engine.at(
            f"sqlite:///{self.path}", folder / "home", clock=self.clock, durable=False, upgrade=False
        )
        self.item = before.item
        self.named = set(before.named)
        self.shown = dict(before.shown)
        self.vote = Vote(list(before.vote.codes), list(before.vote.used), list(before.vote.keys))
        self.signed_as = ""
        self.flagged: list[str] = []

    def end(self) -> Ended:
        """Put the world away."""
        self.engine.close()
        return Ended(self.path, self.clock.now(), self.item, frozenset(self.named), dict(self.shown), self.vote)

    # --- the clock ------------------------------------------------------------------------------------------------

    def move(self, to: int) -> None:
        """Move the clock to a moment, stopping wherever a rung is due: one sweep there, one rung of each due.

        Raises:
            Stuck: the moment is before the present, or a rung could not fire.
        """
        if to < self.clock.now():
            raise Stuck(f"the clock stands at {self.said(self.clock.now())}; {self.said(to)} is before it")
        while True:
            with self.engine.reading() as connection:
                upcoming = queries.next_due(connection)
            if upcoming is None or upcoming > to:
                break
            self.clock.set(max(upcoming, self.clock.now()))
            swept = tick(self.engine, self.clock.now())
            if swept.failed or not swept.fired:
                raise Stuck(f"a rung due at {self.said(upcoming)} could not fire")
        self.clock.set(to)

    @property
    def zone(self) -> str:
        return self.suite.definition.flow.timezone

    def said(self, at: int) -> str:
        return moment(at, self.zone).strftime("%Y-%m-%d %H:%M")

    def due_day(self, due: Mapping[str, Any]) -> str:
        """The last day on which the duty is still in time, or ``paused``."""
        return "paused" if "paused" in due else local_day(due["missed"] - 1, self.zone).isoformat()

    def owed(self, case: Case) -> str:
        """The state of the obligation that a report answers, now; ``none`` where the item answers none."""
        with self.engine.look() as desk:
            definition = desk.engine.definition(desk.connection, case.definition)
            for rule, spec in definition.flow.obligations.items():
                if case.level in spec.owed_by:
                    now = self.clock.now()
                    try:
                        rows = obligations.owed(desk, case.flow, rule, case.campaign, now, under=case.unit)
                    except Unknown:  # a period of another obligation of the same level
                        continue
                    if state := next((r.state for r in rows if r.unit == case.unit), ""):
                        return state
        return "none"

    # --- people and items -----------------------------------------------------------------------------------------

    def actor(self, definition: Definition, post: Post, case: Case | None = None, person: str = "") -> Actor:
        """Whoever answers for a post now. Of several the first who has not signed for it in this stay."""
        if person:
            return Actor(person, *post)
        day = local_day(self.clock.now(), self.zone).isoformat()
        with self.engine.reading() as connection:
            held = OrgReader(connection).answerable(post[1], post[0], day, backstop(definition, post[0]) == "backstop")
        signed = {s.person for s in case.slots if (s.post, s.unit) == post and s.person} if case else set()
        persons = [h["person"] for h in held]
        fresh = [p for p in persons if p not in signed]
        return Actor((fresh or persons or [NOBODY])[0], *post)

    def find(self, name: str) -> str:
        """The id of an item: one that a step opened under this name, or ``flow@unit`` (``#2`` for the second of several,
        else the latest).

        Raises:
            Stuck: there is none.
        """
        if name in self.named or name == self.item:
            return name
        wanted, _, number = name.partition("#")
        found = [row.id for row in self.rows() if f"{row.flow}@{row.unit}" == wanted]
        if number:
            found = found[int(number) - 1 : int(number)]
        if not found:
            known = [*sorted(self.named), *(f"{r.flow}@{r.unit}" for r in self.rows() if r.id not in self.named)]
            raise Stuck(f"no item {name or '(none opened yet)'}; there are {', '.join(known) or 'none'}")
        return str(found[-1])

    def rows(self) -> list[Any]:
        """All items in order of opening."""
        with self.engine.reading() as connection:
            return sorted(scan.items(connection).values(), key=lambda r: (r.opened_at, r.id))

    def effects(self, item: str) -> list[tuple[int, dict[str, Any]]]:
        """Everything that happened to an item: (moment, effect), in order."""
        with self.engine.reading() as connection:
            bodies = [canonical.decode(e.body) for e in items.entries(connection, item)]
        return [(b["at"], e) for b in bodies for e in b["effects"]]

    def rungs(self, item: str) -> list[Rung]:
        """The rungs that fired on an item, in order."""
        flows = {row.id: row.flow for row in self.rows()}
        return [
            Rung(
                what="remind" if e["e"] == "reminded" else flows[e["item"]],
                on=local_day(at, self.zone).isoformat(),
                to=_posts(e["to"]),
                whom=_posts(e.get("whom", ())),
            )
            for at, e in self.effects(item)
            if e["e"] in ("reminded", "proposed")
        ]

    def verify(self) -> Report:
        with self.engine.reading() as connection:
            return verify(connection, self.engine.contents)

    # --- acts -----------------------------------------------------------------------------------------------------

    def act(self, step: Step) -> None:
        """Do what a step says.

        Raises:
            WorkflowError: the engine refused. Stuck: the step cannot be carried out.
        """
        self.signed_as = ""
        if step.do == "open":
            self._open(step)
            return
        item = self.find(step.item or self.item)
        self.item = item
        before = len(self.effects(item))
        _DO[step.do](self, step, item)
        news = self.effects(item)[before:]
        self.flagged = [f"{e['material']}.{e['field']}" for _, e in news if e["e"] == "same-words"]
        signed = [e for _, e in news if e["e"] in ("signed", "returned")]
        self.signed_as = signed[-1].get("as", "") if signed else ""

    def _open(self, step: Step) -> None:
        a = step.args
        item = step.item or "item"
        flow = a.get("flow", self.suite.definition.name)
        definition = next(d for d in self.suite.definitions if d.name == flow)
        self.engine.open(
            flow,
            a["unit"],
            item=item,
            by=self.actor(definition, step.by, None, step.person) if step.by else None,
            campaign=a.get("campaign", self.suite.campaign),
            category=a.get("category", ""),
            fields=a.get("fields", {}),
        )
        self.item = item
        self.named.add(item)

    def _by(self, step: Step, item: str) -> tuple[Actor, Case]:
        case, definition = self.engine.case_of(item)
        assert step.by is not None
        return self.actor(definition, step.by, case, step.person), case

    def _hand_in(self, step: Step, item: str) -> None:
        by, _ = self._by(step, item)
        values = step.args["materials"]
        if step.do == "submit":
            self.engine.submit(item, by, values, outcome=step.args.get("outcome", ""))
        elif step.do == "report-zero":
            self.engine.report_zero(item, by, values)
        else:
            self.engine.record_tally(item, by, values)

    def _sign(self, step: Step, item: str) -> None:
        """Any act on a slot: what the verb takes goes on as it stands; ``seen`` names what a ``show`` step kept."""
        by, case = self._by(step, item)
        a = dict(step.args)
        seen = self._seen(a.pop("seen", ""), case)
        if step.do == "return":
            self.engine.send_back(item, by, seen, a.pop("reason", ""), **a)
        elif step.do == "reopen":
            self.engine.reopen(item, by, seen, a.pop("reason", ""), **a)
        elif step.do == "decide":
            self.engine.decide(item, by, seen, minutes=a.pop("minutes", MINUTES), **{"opinion": AGREED, **a})
        else:
            verbs: dict[str, Callable[..., Any]] = {
                "sign": self.engine.sign,
                "accept": self.engine.accept,
                "close-out": self.engine.close_out,
                "look-back": self.engine.look_back,
            }
            verbs[step.do](item, by, seen, **{"opinion": AGREED, **a})

    def _seen(self, name: str, case: Case) -> str:
        if not name:
            return case.content
        if name not in self.shown:
            raise Stuck(f"seen: nothing was kept as {name}; kept are {', '.join(self.shown) or 'none'}")
        return self.shown[name]

    def _through(self, step: Step, item: str) -> None:
        """Every slot of the stage is signed by its holder in turn; ``until`` stops before a post's slot."""
        a = step.args
        case, definition = self.engine.case_of(item)
        stay, outcome = case.stays, a.get("outcome", "")
        until = tuple(a["until"].split("@")) if a.get("until") else None
        while case.stays == stay:
            if not case.open_slots:
                raise Stuck(f"nobody signs in {case.stage}")
            slot = case.open_slots[0]
            if (slot.post, slot.unit) == until:
                return
            self._one(slot, item, case, definition, a, outcome)
            outcome = ""
            case, _ = self.engine.case_of(item)
        if until is not None:
            raise Stuck(f"until {'@'.join(until)}: the stage was left before that post's turn")

    def _one(
        self, slot: Slot, item: str, case: Case, definition: Definition, a: Mapping[str, Any], outcome: str
    ) -> None:
        by = self.actor(definition, (slot.post, slot.unit), case)
        opinion = a.get("opinion", AGREED)
        if slot.kind == "look-back":
            self.engine.look_back(item, by, case.content, outcome=outcome, opinion=opinion)
            return
        rest = {"outcome": outcome, "opinion": opinion, "reason": a.get("reason", ""), "due": a.get("due", "")}
        if slot.kind == "decision":
            self.engine.decide(item, by, case.content, minutes=a.get("minutes", MINUTES), **rest)
        else:
            self.engine.sign(item, by, case.content, **rest)

    def _close_line(self, step: Step, item: str) -> None:
        by, _ = self._by(step, item)
        a = step.args
        evidence = a.get("evidence", "").encode()
        self.engine.close_line(item, by, a["list"], a["no"], evidence, note=a.get("note", ""))

    def _name_lead(self, step: Step, item: str) -> None:
        by, case = self._by(step, item)
        post, unit = step.args["lead"].split("@")
        definition = self.engine.case_of(item)[1]
        lead = self.actor(definition, (post, unit), case)
        self.engine.name_lead(item, by, lead, **({"role": step.args["role"]} if "role" in step.args else {}))

    def _post_notice(self, step: Step, item: str) -> None:
        by, _ = self._by(step, item)
        a = step.args
        self.engine.post_notice(item, by, a["content"], channel=a.get("channel", "board"), place=a.get("place", "hall"))

    def _object(self, step: Step, item: str) -> None:
        by = self._by(step, item)[0] if step.by else None
        self.engine.object_to(item, step.args["text"], by=by)

    def _adopt(self, step: Step, item: str) -> None:
        self.engine.adopt_nodes(item, self._by(step, item)[0], step.args["nodes"])

    def _clock(self, step: Step, item: str) -> None:
        """Extending, pausing and resuming a due; exempting and contradicting a report: signed, and no place of a chain."""
        by, case = self._by(step, item)
        a = dict(step.args)
        seen = self._seen(a.pop("seen", ""), case)
        verbs: dict[str, Callable[..., Any]] = {
            "extend": self.engine.extend,
            "pause": self.engine.pause,
            "resume": self.engine.resume,
            "exempt": self.engine.exempt,
            "contradict": self.engine.contradict,
            "reverse": self.engine.reverse,
        }
        verbs[step.do](item, by, seen, **a)

    def _record_check(self, step: Step, item: str) -> None:
        by, case = self._by(step, item)
        a = dict(step.args)
        seen = self._seen(a.pop("seen", ""), case)
        self.engine.record_check(item, by, seen, a.pop("says"), **a)

    def _supplement(self, step: Step, item: str) -> None:
        by, case = self._by(step, item)
        a = dict(step.args)
        self.engine.supplement(item, by, self._seen(a.pop("seen", ""), case), a["materials"], a["reason"])

    def _change(self, step: Step, item: str) -> None:
        """Changing who signs: the place is the actor's own unless the step names one."""
        by, case = self._by(step, item)
        a = step.args
        wanted = "signed" if step.do == "withdraw" else "open"
        own = [s.key for s in case.slots if (s.post, s.unit) == (by.post, by.unit) and s.state == wanted]
        slot = str(a.get("slot", "")) or (own[-1] if own else "")
        if step.do == "withdraw":
            self.engine.withdraw(item, by, slot)
        elif step.do == "remove-signer":
            self.engine.remove_signer(item, by, slot)
        elif step.do == "urge":
            self.engine.urge(item, by)
        else:
            post, unit = a["signer"].split("@")
            if step.do == "transfer":
                self.engine.transfer(item, by, slot, unit, post)
            else:
                self.engine.add_signer(item, by, slot, unit, post, a.get("where", "after"))

    def _given(self, step: Step, item: str) -> None:
        """Who may do what waits at a place, whether the chain goes on behind it, and whether the item rests: signed acts."""
        by, case = self._by(step, item)
        a = dict(step.args)
        seen = self._seen(a.pop("seen", ""), case)
        definition = self.engine.case_of(item)[1]
        own = next((s.key for s in case.open_slots if (s.post, s.unit) == (by.post, by.unit)), "")
        slot = str(a.pop("slot", "")) or own
        if step.do == "delegate":
            post, unit = a["signer"].split("@")
            to = self.actor(definition, (post, unit))
            self.engine.delegate(item, by, seen, slot, to.person, post, a["reason"])
        elif step.do == "recall":
            self.engine.recall(item, by, seen, slot)
        elif step.do == "hand-over":
            self.engine.hand_over(item, by, seen, slot, a["leaver"], a["successor"], a["reason"])
        elif step.do == "ask-override":
            self.engine.ask_override(item, by, seen, slot, a["reason"])
        elif step.do == "override":
            self.engine.override(item, by, seen, slot, a["reason"])
        elif step.do == "suspend":
            self.engine.suspend(item, by, seen, a["reason"])
        elif step.do == "activate":
            self.engine.activate(item, by, seen, a["reason"])
        else:
            post, unit = a.pop("registrar").split("@")
            scan = str(a.pop("scan", SCAN)).encode()
            registrar = self.actor(definition, (post, unit))
            self.engine.sign_in_ink(item, by, seen, slot=slot, scan=scan, on=a.pop("on"), registrar=registrar, **a)

    def _copy(self, step: Step, item: str) -> None:
        by, _ = self._by(step, item)
        post, unit = step.args["reader"].split("@")
        self.engine.copy_to(item, by, self.actor(self.engine.case_of(item)[1], (post, unit)))

    def _open_ballot(self, step: Step, item: str) -> None:
        """A vote for so many invented names: codes by the issuer, a key by each of two scrutineers."""
        from workflow.evidence import ballotbox

        by, case = self._by(step, item)
        roll = [f"voter-{n:04}" for n in range(1, step.args["roll"] + 1)]
        codes, keys = ballotbox.new_codes(len(roll)), [ballotbox.new_key() for _ in range(2)]
        told = {f"scrutineer-{n}": public for n, (_, public) in enumerate(keys, start=1)}
        hashes = [ballotbox.hash_of_code(c).hex() for c in codes]
        seen = self._seen(step.args.get("seen", ""), case)
        self.engine.open_ballot(item, by, seen, roll, codes=hashes, keys=told)
        secret = bool(self.engine.case_of(item)[0].ballot.get("keys"))
        self.vote = Vote(codes if secret else roll, [], [private for private, _ in keys] if secret else [])

    def _cast(self, step: Step, item: str) -> None:
        """So many papers with these answers; ``code: used`` or ``unknown`` tries one that is not good."""
        answers, code = step.args.get("answers", {}), step.args.get("code", "")
        if code not in ("", "used", "unknown"):
            raise Stuck(f"code: used or unknown; got {code}")
        for _ in range(step.args.get("papers", 1)):
            held = {"": self.vote.codes[:1], "used": self.vote.used[-1:], "unknown": []}[code]
            given = held[0] if held else "none"
            self.engine.cast(item, given, answers)
            self.vote.codes.remove(given)
            self.vote.used.append(given)

    def _count_ballot(self, step: Step, item: str) -> None:
        """The box is opened with the keys of both scrutineers, or with as many of them as the step says."""
        by, _ = self._by(step, item)
        self.engine.count_ballot(item, by, self.vote.keys[: step.args.get("keys", len(self.vote.keys))])

    def _show(self, step: Step, item: str) -> None:
        self.shown[step.args["keep"]] = digest = self.engine.show(item).digest
        if step.by is not None:
            self.engine.view(item, self._by(step, item)[0], digest)


_DO: dict[str, Callable[[World, Step, str], None]] = {
    "submit": World._hand_in,
    "report-zero": World._hand_in,
    "record-tally": World._hand_in,
    **dict.fromkeys(("sign", "decide", "accept", "return", "close-out", "look-back", "reopen"), World._sign),
    "close-line": World._close_line,
    "name-lead": World._name_lead,
    "post-notice": World._post_notice,
    "object": World._object,
    "adopt-nodes": World._adopt,
    **dict.fromkeys(("extend", "pause", "resume", "exempt", "contradict", "reverse"), World._clock),
    "record-check": World._record_check,
    "supplement": World._supplement,
    **dict.fromkeys(("withdraw", "add-signer", "remove-signer", "transfer", "urge"), World._change),
    **dict.fromkeys(
        ("delegate", "recall", "hand-over", "ask-override", "override", "suspend", "activate", "sign-in-ink"),
        World._given,
    ),
    "copy-to": World._copy,
    "open-ballot": World._open_ballot,
    "cast": World._cast,
    "count-ballot": World._count_ballot,
    "show": World._show,
    "sign-through": World._through,
}


def _posts(people: Any) -> tuple[str, ...]:
    return tuple(f"{p['post']}@{p['unit']}" for p in people)
