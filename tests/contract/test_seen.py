"""Nobody reads what is not theirs to see, whichever question they ask. Source: S0 「4个清楚」, R157-R160."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.contract.random_reports import DAY, Telling, tell_flow, together
from tests.contract.test_trace import surveyed
from tests.contract.world import SHEET, SHEETS, START, World, flow_text, imported, person_row, worlds
from workflow import Actor, Engine, load, loads, tick
from workflow.acts import Open, Sign
from workflow.cli.tracing import lines
from workflow.clock import local_day
from workflow.definition.shipped import shipped_flow
from workflow.desk import Desk
from workflow.errors import Unknown, WorkflowError
from workflow.irregularities import Thresholds
from workflow.orgbook import assign, form_body, remove_from_posts, seat
from workflow.receipt import Receipt
from workflow.seen import OPERATOR, Seen, seen_by, seen_by_operator
from workflow.sight import all_of
from workflow.store import items
from workflow.store.listing import Wanted
from workflow.targets import target
from workflow.verbs import Verbs

READS = (
    "assessments",
    "voting",
    "batches",
    "blocked",
    "burdens",
    "campaign",
    "claims",
    "clear",
    "irregularities",
    "drafting",
    "likeness",
    "onesided",
    "lists",
    "obligations",
    "pairs",
    "past",
    "possible",
    "receipt",
    "shelf",
    "trace",
    "views",
    "why",
)
NO_READS = {
    "at",
    "looking",
    "close",
    "desk",
    "on",
    "reading",
    "publish",
    "put_in_force",
    "publish_calendar",
    "import_org",
}
NO_READS |= {"definition", "newest", "calendar", "look_for_calendars", "now", "look", "committed", "erase", "open_many"}
NO_READS |= {"subscribe", "kept_of"}  # the last: like erase, which it tries first, for whoever administers
NO_READS |= {"prepare", "pending_on", "act", "cast", "count_ballot", "open_ballot", "run_until", "calendars"}
WORD = re.compile(r"\bu\d+-(?:p\d+|m\d+|\d+(?:-report)?)")
TREES, USERS = 4, 14
SOAK_CROWDS, SOAK_TREES, SOAK_USERS = 20, 4, 51


def test_every_read_there_is_can_be_asked_for_with_somebodys_eyes() -> None:
    """A read that is written tomorrow stands in ``Seen``, or is said to be an operator's; no host can forget the filter."""
    methods = {n for n, _ in inspect.getmembers(Seen, inspect.isfunction) if not n.startswith("_")}
    for name in READS:
        module = import_module(f"workflow.{name}")
        for one, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not one.startswith("_"):
                assert one in methods or f"{name}.{one}" in OPERATOR, f"workflow.{name}.{one} has no form in Seen"
    own = {n for n in dir(Engine) if not n.startswith("_")} - {n for n in dir(Verbs) if not n.startswith("_")}
    assert own - NO_READS <= methods
    assert {"case_of", "lines_of"} <= methods


class Crowd:
    """Random trees that report, bodies that look after units elsewhere, and who may see what, by looking it all up."""

    def __init__(self, world: World, trees: int, seed: int) -> None:
        self.world, self.random = world, Random(seed)
        self.tellings = [Telling(seed * 1000 + n) for n in range(trees)]
        self.by_prefix = {t.prefix: t for t in self.tellings}
        self.looked_after: dict[str, set[str]] = {}
        world.engine.publish(loads(tell_flow()))
        world.engine.import_org(together(self.tellings))
        with world.engine.desk() as desk:
            self._bodies(desk)
            for telling in self.tellings:
                telling.give_mandates(desk)
        for telling in self.tellings:
            world.clock.set(START)
            with world.engine.desk() as desk:
                telling.act(desk, world.clock)
        self.now = max(t.end for t in self.tellings)
        world.clock.set(self.now)
        self.day = local_day(self.now, "Asia/Shanghai").isoformat()
        self.items = [p.item for t in self.tellings for p in t.told.values()]
        deputies = {m[0] for t in self.tellings for m in t.mandates}
        self.people = sorted({h.person for t in self.tellings for h in t.held} | deputies)
        with seen_by_operator(world.engine) as seen:
            self.whole = {r.item: r for r in seen.register("tell", "c1")}
        with world.engine.reading() as connection:
            self.first = {i: items.entries(connection, i)[0].hash for i in self.items}

    def _bodies(self, desk: Desk) -> None:
        """One body for each tree: somebody of any tree is a member, and it looks after a unit of this one."""
        for n, telling in enumerate(self.tellings):
            unit, person = self.random.choice(list(telling.level)), self._anybody()
            said = {"name_zh": "示例督导组", "name_en": "invented group", "from_on": "2015-01-01"}
            form_body(desk, None, "formed", body=f"body{n}", kind="guidance", unit=telling.top, **said)
            seat(desk, None, "joins", body=f"body{n}", role="member", person=person, from_on="2015-01-01")
            assign(desk, None, "looks after", body=f"body{n}", units=[unit], from_on="2015-01-01")
            self.looked_after.setdefault(person, set()).add(unit)

    def _anybody(self) -> str:
        return self.random.choice(self.random.choice(self.tellings).held).person

    def tree(self, unit: str) -> Telling:
        return self.by_prefix[unit[: unit.index("-") + 1]]

    def sees(self, person: str) -> set[str]:
        """The units a person sees: those under each post held today, and under each unit looked after."""
        roots = {h.unit for t in self.tellings for h in t.held if h.person == person and h.on(self.day)}
        roots |= self.looked_after.get(person, set())
        return {u for t in self.tellings for u in t.level if roots & set(t.line(u))}

    def waiting(self, person: str) -> set[str]:
        """The units with an item that waits for a person by mandate."""
        out = set()
        for telling in self.tellings:
            given = {
                (held.unit, held.post)
                for deputy, held, first, last in telling.mandates
                if deputy == person and first <= self.day < last and held.on(self.day)
            }
            for unit, page in telling.told.items():
                stands = page.places[-1]
                if given & {stands.of[key] for key in stands.waiting}:
                    out.add(unit)
        return out

    def named_in(self, units: set[str]) -> set[str]:
        """What the papers of items that wait for somebody name themselves: the reports they rely on. It is signed."""
        below = {u for t in self.tellings for u, above in t.above.items() if above in units}
        return below | {f"{u}-report" for u in below}

    def allowed(self, units: set[str]) -> set[str]:
        """Every word that may stand in an answer to somebody who sees some units."""
        words = {f"{u}-report" for u in units}
        line = {a for u in units for a in self.tree(u).line(u)}
        words |= line | units
        for telling in self.tellings:
            words |= {h.person for h in telling.held if h.unit in words}
            for n, (deputy, held, _, _) in enumerate(telling.mandates):
                if held.unit in words:
                    words |= {deputy, f"{telling.prefix}m{n}"}
        return words


def questions(seen: Seen, crowd: Crowd, item: str, unit: str) -> dict[str, Callable[[], Any]]:
    """Every read there is, asked about one item and one unit, whoever's they are."""
    level = crowd.tree(unit).level[unit]
    flow, at = ("tell", "c1"), crowd.now + 30 * DAY
    week = ("weekly-report", "first-hop", "2019-W40")
    acts = [
        Sign(item=item, by=Actor("nobody", "secretary", unit), seen=""),
        Open(item="one-more", flow="tell", unit=unit, campaign="c1"),
    ]
    return {
        "case_of": lambda: seen.case_of(item),
        "refuse": lambda: seen.refuse(item),
        "version": lambda: seen.version(item),
        "past": lambda: seen.past(item, crowd.now),
        "show": lambda: seen.show(item),
        "contents": lambda: seen.contents(item),
        "lines_of": lambda: seen.lines_of(item, "found"),
        "stays": lambda: seen.stays(item),
        "signatures": lambda: seen.signatures(item),
        "notices": lambda: seen.notices(item),
        "why": lambda: seen.why(item),
        "counts_of_item": lambda: seen.counts_of_item(item),
        "counts_of_person": lambda: seen.counts_of_person(crowd.tree(unit).held[0].person),
        "assessments": lambda: seen.assessments(item),
        "acceptors": lambda: seen.acceptors(item),
        "copies": lambda: seen.copies(item),
        "one_sided": lambda: seen.one_sided(*flow),
        "draft": lambda: seen.draft(item),
        "alike": lambda: seen.alike(item, 50),
        "repeated": lambda: seen.repeated(item),
        "turnout": lambda: seen.turnout(item),
        "ranking": lambda: seen.ranking(*flow),
        "may": lambda: seen.may(item, "secretary", unit),
        "receipt": lambda: seen.receipt(Receipt(item, 1, crowd.first[item], 0, "")),
        "saw": lambda: seen.saw(item, at),
        "trace": lambda: seen.trace(item, at, whole=True),
        "trace_unit": lambda: seen.trace_unit(*flow, unit, at),
        "pending": lambda: seen.pending(),
        "items": lambda: seen.items(limit=500),
        "tally": lambda: seen.tally(),
        "by_unit": lambda: seen.by_unit([unit]),
        "by_body": lambda: seen.by_body("guidance"),
        "campaigns": lambda: seen.campaigns(),
        "register": lambda: seen.register(*flow),
        "ledger": lambda: seen.ledger(*flow),
        "ledger_rows": lambda: seen.ledger_rows([crowd.whole[item]]),
        "roll_call": lambda: seen.roll_call(*flow, level, at),
        "missed": lambda: seen.missed(at),
        "rungs": lambda: seen.rungs(),
        "blocked": lambda: seen.blocked(),
        "pairs": lambda: seen.pairs(*flow, level),
        "irregularities": lambda: seen.irregularities(0, at),
        "foresee": lambda: [
            m for m in seen.foresee(acts) if not isinstance(m.refusal, Unknown)
        ],  # Unknown names what was asked
        "owing": lambda: [d.name for d in seen.owing()],
        "periods": lambda: seen.periods(*week[:2], date(2019, 9, 2), date(2019, 10, 1)),
        "owed": lambda: seen.owed(*week, at),
        "owed_once": lambda: seen.owed_once(*flow, level, at),
        "rates": lambda: seen.rates(*week, at),
        "missing": lambda: seen.missing(*week, at),
        "overdue": lambda: seen.overdue(date(2019, 8, 1), at),
        "readiness": lambda: seen.readiness("c1", level, ["flow:tell", "body:guidance", "looked-after:guidance"], at),
        "coverage": lambda: seen.coverage(*flow, level, at),
        "claims": lambda: seen.claims(*flow, level, at),
        "compare": lambda: seen.compare("tell", "c1", "c2", at),
        "item_claims": lambda: seen.item_claims(*flow, at),
        "burdens": lambda: seen.burdens("visit", date(2019, 8, 1), date(2019, 12, 31)),
        "roster": lambda: seen.roster(level, date(2019, 10, 1)),
        "shelf": lambda: seen.shelf(*flow, at),
        "page": lambda: seen.page(seen.shelf(*flow), 0, 500),
        "first_missed": lambda: seen.first_missed(at),
        "met_late": lambda: seen.met_late(at),
        "missed_page": lambda: seen.missed_page(at),
        "missed_count": lambda: seen.missed_count(at),
        "heat_of_flows": lambda: seen.heat_of_flows("", at),
        "late": lambda: seen.late(*flow, at),
        "heat": lambda: seen.heat("", at),
        "statistics": lambda: seen.statistics(*flow, at),
        "workload": lambda: seen.workload(*flow, at),
        "measure": lambda: seen.measure(target("covered >= 50%"), *flow, level, at),
        "clear": lambda: seen.clear(*flow, at),
        "names": lambda: seen.names(seen.line(unit), "en"),
        "lowest": lambda: seen.lowest("tell"),
        "children": lambda: seen.children(unit),
        "line": lambda: seen.line(unit),
    }


def said(found: Any) -> str:
    """Everything an answer says, refusals in it included."""
    if isinstance(found, WorkflowError):
        return f"{found.text('zh')} {found.text('en')} {vars(found)!r}"
    if isinstance(found, (list, tuple)) and not hasattr(found, "_fields"):
        return " ".join(map(said, found))
    return f"{found!r} " + (said(found.refusal) if getattr(found, "refusal", None) else "")


def leaks(world: World, trees: int, users: int, seed: int) -> Counter[str]:
    """Ask everything with everybody's eyes and hold it against what may be seen; how often what was answered."""
    world.engine.publish(load(shipped_flow("weekly-report")))
    crowd = Crowd(world, trees, seed)
    r, told = crowd.random, Counter[str]()
    everybody = [*crowd.people, "a-stranger"]
    some = r.sample(everybody, users) if users <= len(everybody) else everybody
    for person in some:
        sees, waits = crowd.sees(person), crowd.waiting(person)
        allowed = crowd.allowed(sees | waits) | crowd.named_in(waits) | {person}
        with seen_by(world.engine, person) as seen:
            own = [i for i in crowd.items if i.removesuffix("-report") in sees | waits]
            assert {x.item for x in seen.items(limit=500).rows} == {f"{u}-report" for u in sees} & set(crowd.items)
            assert seen.tally().items == len({f"{u}-report" for u in sees} & set(crowd.items))
            for item in {r.choice(crowd.items), r.choice(own or crowd.items)}:
                unit = item.removesuffix("-report")
                for name, ask in questions(seen, crowd, item, unit).items():
                    try:
                        words = set(WORD.findall(said(ask())))
                    except Unknown as refused:
                        words = set(WORD.findall(said(refused))) - {item, unit}  # what was asked about, and is not told
                        told[f"{name} refused"] += 1
                    else:
                        told[name] += 1
                    assert words <= allowed, (
                        f"{person} asked {name} of {item} and was told of {sorted(words - allowed)}"
                    )
    told["users"] = len(some)
    methods = {n for n, _ in inspect.getmembers(Seen, inspect.isfunction) if not n.startswith("_")}
    assert methods <= set(told), f"never answered: {sorted(methods - set(told))}"
    return told


def test_no_question_tells_anybody_what_is_not_theirs(database_url: str, tmp_path: Path) -> None:
    for world in worlds(database_url, tmp_path / "home"):
        told = leaks(world, TREES, USERS, 1)
        assert told["users"] == USERS and told["case_of"] and told["case_of refused"]


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_question_tells_a_thousand_people_what_is_not_theirs(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    told: Counter[str] = Counter()
    for n in range(SOAK_CROWDS):
        server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
        url = server.url(server.create()) if server else f"sqlite:///{tmp_path / f'{n}.db'}"
        for world in worlds(url, tmp_path / f"home{n}"):
            told += leaks(world, SOAK_TREES, SOAK_USERS, 2 + n)
    print(dict(told))
    assert told["users"] >= 1_000


def test_a_trace_leaves_a_mark_where_another_units_item_stands(database_url: str, tmp_path: Path) -> None:
    """What opened o3's matter is the report of t1, which relies on that of o3: o3 sees its own and that something is above."""
    for world in worlds(database_url, tmp_path / "home"):
        surveyed(world)
        with seen_by_operator(world.engine) as seen:
            (item,) = [r.item for r in seen.items(Wanted(flow="matter")).rows]
            assert seen.case_of(item)[0].cites["item"] == "survey-t1"
            assert [s.item for s in seen.trace(item).root.walk()] == [item, "survey-t1", "survey-o3"]
        with seen_by(world.engine, "o3-secretary") as seen:
            case, _ = seen.case_of(item)
            assert not case.cites and case.content == seen.show(item).digest
            found = list(seen.trace(item).root.walk())
            assert [(s.item, s.why, s.hidden) for s in found] == [
                (item, "finding", False),
                ("", "opened by", True),
                ("survey-o3", "relies on", False),
            ]
            assert found[1] == replace(found[1], signers=(), owed=(), heads=(), unit="", flow="", remarks=(), later=0)
            assert "survey-t1" not in said(seen.trace(item))
            assert [s.item for s in seen.trace_unit("survey", "c1", "o3").root.walk()] == ["", "survey-o3"]
            for lang, word in (("zh", "不在可见范围"), ("en", "not shown")):
                assert word in "\n".join(lines(seen._desk, seen.trace(item), lang))
        with seen_by(world.engine, "o1-secretary") as seen, pytest.raises(Unknown):
            seen.trace(item)


def test_blocked_places_irregularities_and_proposals_are_told_to_those_who_see_the_item(world: World) -> None:
    world.begin("m1")
    world.sign("m1", by=Actor("o1-handler", "handler", "o1"))
    world.sign("m1")
    world.sign("m1")
    with world.engine.desk() as desk:
        remove_from_posts(desk, None, "struck off", person="t1-department", on="2019-08-12")
    world.clock.advance(timedelta(days=60))
    for _ in range(4):
        tick(world.engine)
        world.clock.advance(timedelta(seconds=5))
    told = {}
    for person in ("o1-secretary", "o3-secretary", "t1-secretary"):
        with seen_by(world.engine, person) as seen:
            found = seen.irregularities(0, seen.now + 1, Thresholds(seconds=10**7)).to_look_into
            told[person] = [b.item for b in seen.blocked()], len(found), [r.opened for r in seen.rungs()]
    assert told["o3-secretary"] == ([], 0, [])
    assert told["o1-secretary"][:2] == told["t1-secretary"][:2] == (["m1"], 1)
    opened = {r for r in told["t1-secretary"][2] if r}
    assert opened and not {r for r in told["o1-secretary"][2] if r}, "the talk is t1's, its id is not o1's to know"


def test_who_signs_by_delegation_or_has_a_copy_reads_the_item_and_no_more(world: World) -> None:
    world.engine.import_org(imported(persons=[person_row("clerk")]))
    world.engine.publish(loads(flow_text(SHEETS)))
    world.engine.open("sheets", "o1", item="s1", campaign="c1")
    world.engine.open("sheets", "o1", item="s2", campaign="c1")
    world.engine.submit("s1", Actor("o1-handler", "handler", "o1"), SHEET)
    with seen_by(world.engine, "nobody") as seen, pytest.raises(Unknown):
        seen.show("s1")
    with seen_by(world.engine, "o3-secretary") as seen, pytest.raises(Unknown):
        seen.show("s1")
    world.engine.copy_to("s1", Actor("o1-handler", "handler", "o1"), Actor("o3-secretary", "secretary", "o3"))
    with seen_by(world.engine, "o3-secretary") as seen:
        assert seen.show("s1").contents == SHEET
        assert seen.items().rows == () and seen.tally().items == 0
        with pytest.raises(Unknown):
            seen.show("s2")


def test_the_same_eyes_read_what_the_same_transaction_wrote(world: World) -> None:
    """A reader who keeps to one moment does not ask for an item twice, unless something was written meanwhile."""
    item = world.begin("m1", "o1")
    with world.engine.desk() as desk:
        see = Seen(world.engine, desk, all_of("2019-08-20"))
        signed, version = len(see.signatures(item)), see.version(item)
        by = Actor("o1-handler", "handler", "o1")
        desk.sign(item, by, see.case_of(item)[0].content, opinion="agreed (invented)")
        assert (len(see.signatures(item)), see.version(item)) == (signed + 1, version + 1)
        assert see.case_of(item)[0].slots[0].state == "signed"
