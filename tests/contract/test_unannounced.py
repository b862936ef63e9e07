"""不打招呼: a check that its unit cannot know of until it is carried out, whichever question is asked.

Source: S0 「不打招呼」, R119; S0 「随机抽查」, R118.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from tests.contract.world import World, flow_text
from workflow import Actor, loads, tick
from workflow.acts import Sign
from workflow.errors import NotUnderstood, Unknown
from workflow.seen import Seen, seen_by
from workflow.store.listing import Wanted
from workflow.targets import target
from workflow.views import RegisterRow

SPOT = """flow: spot
title: {zh: 示例抽查, en: an invented spot check}
materials:
  findings: {title: findings, fields: {said: {type: text, max: 200}}}
ladder:
  overdue: [{after: 0 workdays, do: remind, to: responsible}]
stages:
  - stage: ordered
    class: unannounced
    duty: {department: second}
    due: 5 workdays
    materials: findings
    slots: {department: second}
    exits: {carried-out: reported}
  - stage: reported
    class: carried-out
    duty: secretary
    slots: secretary
    due: 5 workdays
    exits: {answered: done}
  - stage: done
    final: true
"""
INSPECTOR = Actor("s1-department", "department", "s1")


def asked(seen: Seen, world: World) -> list[str]:
    """Where an item shows up, of all questions that could tell of it."""
    at = world.clock.now()
    found = {
        "items": [r.item for r in seen.items().rows],
        "by flow": [r.item for r in seen.items(Wanted(flow="spot")).rows],
        "tally": [""] * seen.tally(Wanted(flow="spot")).items,
        "campaigns": [""] * sum(flow == "spot" for flow, _, _ in seen.campaigns()),
        "by unit": [""]
        * sum(t.stages.get(("spot", "ordered"), 0) for t in (seen.by_unit(["o1"]) if seen.sight.sees("o1") else [])),
        "register": [r.item for r in seen.register("spot", "", at)],
        "missed": [r.item for r in seen.missed(at)],
        "rungs": [""] * len(seen.rungs()),
        "pending": [r["item"] for r in seen.pending()],
        "blocked": [b.item for b in seen.blocked(at)],
    }
    for name in ("case_of", "show", "contents", "stays", "signatures", "why", "trace", "version", "notices", "turnout"):
        try:
            getattr(seen, name)("spot-o1")
        except Unknown as unknown:
            found[f"the words of {name}"] = [""] * (str(unknown) != str(Unknown(kind="item", name="spot-o1")))
        else:
            found[name] = ["spot-o1"]
    return sorted(name for name, some in found.items() if some)


def test_the_unit_knows_of_a_check_when_it_is_carried_out_and_not_before(world: World) -> None:
    """Source: S0 「后续中央巡回督导组还要“不打招呼”随机深…」, R119, M12."""
    engine = world.engine
    engine.publish(loads(flow_text(SPOT)))
    engine.open("spot", "o1", item="spot-o1", by=INSPECTOR)
    checked = ("o1-secretary", "o1-handler", "o1-scrutineer", "o3-secretary", "t2-secretary", "nobody")
    for moment in ("ordered", "overdue"):
        for person in checked:
            with seen_by(engine, person) as seen:
                assert asked(seen, world) == [], f"{person} learns of it ({moment})"
        for person in ("s1-department", "s1-secretary", "t1-secretary", "g1-secretary"):
            with seen_by(engine, person) as seen:
                assert {"items", "show", "tally", "register", "campaigns", "by unit"} <= set(asked(seen, world))
        world.clock.advance(timedelta(days=30))
        tick(engine)
    with engine.reading() as connection:
        told = connection.exec_driver_sql("SELECT recipient FROM wf_outbox").scalars().all()
    assert told and not any("o1" in recipient for recipient in told)
    engine.submit("spot-o1", INSPECTOR, {"findings": {"said": "an invented finding"}})
    engine.sign("spot-o1", INSPECTOR, world.case("spot-o1").content, opinion="seen")
    with seen_by(engine, "o1-secretary") as seen:
        assert {"items", "show", "pending", "tally", "trace"} <= set(asked(seen, world))
    with seen_by(engine, "o3-secretary") as seen:
        assert asked(seen, world) == []
    assert world.verify().holds


def test_a_check_that_tells_its_unit_is_refused_when_it_is_written() -> None:
    from workflow.errors import DefinitionInvalid

    for told in ("    duty: secretary\n", "    duty: {department: second}\n    slots: secretary\n"):
        text = SPOT.replace("    duty: {department: second}\n", told, 1)
        text = text.replace(
            "    slots: {department: second}\n", "" if "slots" in told else "    slots: {department: second}\n", 1
        )
        with pytest.raises(DefinitionInvalid, match="would be told"):
            loads(flow_text(text))


OF_NO_CHECK = {"names", "lowest", "children", "line", "roster"}  # units and levels
OF_NO_CHECK |= {
    "owing",
    "periods",
    "owed",
    "rates",
    "missing",
    "overdue",
    "coverage",
    "claims",
    "one_sided",
    "roll_call",
}
OF_NO_CHECK |= {"pairs"}  # letters that are owed
OF_NO_CHECK |= {"owed_once"}  # reports of a campaign
OF_NO_CHECK |= {"receipt"}  # of an entry that the reader has


def answers(world: World, person: str, item: str) -> dict[str, str]:
    """What one person is told by every read that could count or name a check, in words."""
    flow, day = ("spot", "c1"), date(2019, 8, 1)
    with seen_by(world.engine, person) as seen:
        later = seen.now + 40 * 86_400_000_000
        asked: dict[str, Callable[[], Any]] = {
            "items": lambda: seen.items(Wanted(flow="spot")),
            "tally": lambda: seen.tally(Wanted(flow="spot")),
            "by_unit": lambda: seen.by_unit(["o1"]),
            "campaigns": lambda: seen.campaigns(),
            "register": lambda: seen.register(*flow),
            "ledger": lambda: seen.ledger(*flow),
            "shelf": lambda: replace(seen.shelf(*flow), hidden=frozenset()),
            "page": lambda: seen.page(seen.shelf(*flow), 0, 500),
            "compare": lambda: seen.compare("spot", "c0", "c1"),
            "late": lambda: seen.late(*flow, later),
            "statistics": lambda: seen.statistics(*flow),
            "statistics then": lambda: seen.statistics(*flow, later),
            "workload": lambda: seen.workload(*flow),
            "measure": lambda: seen.measure(target("closed >= 1"), *flow, "organisation"),
            "measure then": lambda: seen.measure(target("closed >= 1"), *flow, "organisation", seen.now - 1),
            "readiness": lambda: seen.readiness("c1", "organisation", ["flow:spot"]),
            "clear": lambda: seen.clear(*flow),
            "heat": lambda: seen.heat("o1", later, flow="spot", campaign="c1"),
            "heat_of_flows": lambda: seen.heat_of_flows("o1", later),
            "missed": lambda: seen.missed(later),
            "first_missed": lambda: seen.first_missed(later),
            "missed_page": lambda: seen.missed_page(later),
            "missed_count": lambda: seen.missed_count(later),
            "met_late": lambda: seen.met_late(later),
            "rungs": lambda: seen.rungs(),
            "blocked": lambda: seen.blocked(later),
            "pending": lambda: seen.pending(),
            "item_claims": lambda: seen.item_claims(*flow),
            "burdens": lambda: seen.burdens("visit", day, date(2020, 12, 31)),
            "ranking": lambda: seen.ranking(*flow),
            "irregularities": lambda: seen.irregularities(0, later),
            "counts_of_person": lambda: seen.counts_of_person("o1-secretary"),
            "by_body": lambda: seen.by_body("guidance"),
            "lines_of": lambda: seen.lines_of(item, "findings"),
            "past": lambda: seen.past(item, seen.now),
            "refuse": lambda: seen.refuse(item),
            "trace_unit": lambda: seen.trace_unit(*flow, "o1"),
            "foresee": lambda: seen.foresee([Sign(item=item, by=Actor(person, "secretary", "o1"), seen="")]),
            "ledger_rows": lambda: seen.ledger_rows([RegisterRow(item, "o1", "unannounced", "", "ordered", 1, 0)]),
            "may": lambda: seen.may(item, "secretary", "o1"),
        }
        for name in (
            "case_of",
            "show",
            "contents",
            "stays",
            "signatures",
            "why",
            "trace",
            "version",
            "notices",
            "turnout",
        ):
            asked[name] = partial(getattr(seen, name), item)
        for name in ("draft", "alike", "repeated", "copies", "acceptors", "assessments", "counts_of_item", "saw"):
            asked[name] = partial(getattr(seen, name), item)
        methods = {n for n, _ in inspect.getmembers(Seen, inspect.isfunction) if not n.startswith("_")}
        assert methods <= asked.keys() | OF_NO_CHECK, f"nobody asks {sorted(methods - asked.keys() - OF_NO_CHECK)}"
        out = {}
        for name, ask in asked.items():
            try:
                out[name] = repr(ask())
            except (Unknown, NotUnderstood) as refused:
                out[name] = str(refused)
    return out


def test_no_total_list_or_share_is_another_for_the_unit_while_a_check_is_under_way(world: World) -> None:
    """An earlier check of the same campaign was carried out, so that the flow itself is no secret; the next one is. R119."""
    engine = world.engine
    engine.publish(loads(flow_text(SPOT)))
    engine.open("spot", "o1", item="earlier", campaign="c1", by=INSPECTOR)
    engine.submit("earlier", INSPECTOR, {"findings": {"said": "an invented finding"}})
    engine.sign("earlier", INSPECTOR, world.case("earlier").content, opinion="seen")
    checked, above = ("o1-secretary", "o1-handler"), ("t1-secretary", "g1-secretary")
    before = {person: answers(world, person, "next") for person in (*checked, *above)}
    engine.open("spot", "o1", item="next", campaign="c1", by=INSPECTOR)
    for person in checked:
        now = answers(world, person, "next")
        assert [name for name, told in now.items() if told != before[person][name]] == []
    for person in above:
        told = {name for name, said in answers(world, person, "next").items() if said != before[person][name]}
        assert {"items", "tally", "register", "statistics", "clear", "late", "missed", "measure", "show"} <= told
