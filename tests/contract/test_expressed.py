"""What source documents ask for and a definition says without a line of code: each a small flow, walked through.

One world for all of them; every test has a flow and items of its own.
"""

# ruff: noqa: E501  a flow reads better with one stage a line
from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.contract.world import World, flow_text
from workflow import Actor, loads, obligations, views
from workflow.assessments import assessments
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.definition.load import examine
from workflow.errors import (
    BadMaterial,
    GateClosed,
    MaterialMissing,
    NoSuchExit,
    NotHolder,
    OutOfTurn,
    ReasonRequired,
    WindowOpen,
    WrongMeaning,
)
from workflow.trace import trace

LADDER = "ladder: {overdue: [{after: 0 workdays, do: remind, to: responsible}]}\n"


def published(world: World, name: str, body: str, version: str = "1") -> Definition:
    text = f"flow: {name}\ntitle: {{zh: 示例, en: invented}}\n{LADDER}{body}"
    return world.engine.publish(loads(flow_text(text, version)))


def opened(world: World, name: str, item: str, unit: str = "o1", **more: Any) -> None:
    world.engine.open(name, unit, item=item, **{"campaign": "c1", **more})


def holder(post: str, unit: str) -> Actor:
    return Actor(f"{unit}-{post}", post, unit)


def hand(world: World, item: str, by: Actor, **values: Any) -> None:
    world.engine.submit(item, by, {k.replace("_", "-"): v for k, v in values.items()})


# --- who ------------------------------------------------------------------------------------------------------------


def test_one_person_in_two_posts_signs_once_for_each_and_the_record_says_as_what(shared: World) -> None:
    """Source: S3 「董事长(党支部书记)是……第一责任人」, R012; S0 「党委书记、董事长」, R020."""
    body = """stages:
  - {stage: sign, due: 5 workdays, duty: secretary, slots: [{handler: third}, {department: third}], exits: {done: done}}
  - {stage: done, final: true}
"""
    published(shared, "two-posts", body)
    opened(shared, "two-posts", "tp")
    for post in ("handler", "department"):
        shared.engine.sign("tp", Actor("t1-department", post, "t1"), shared.case("tp").content)
    with shared.engine.look() as desk:
        rows = views.signatures(desk, "tp", shared.clock.now())
    assert [(r.person, r.post) for r in rows] == [("t1-department", "handler"), ("t1-department", "department")]


def test_an_office_prepares_and_urges_and_does_not_give_the_secretarys_signature(shared: World) -> None:
    """Source: S0 「发挥好参谋助手、沟通协调、联络服务等职能」, R010."""
    body = """materials: {sheet: {title: sheet, fields: {words: text}}}
stages:
  - {stage: sign, due: 5 workdays, duty: secretary, materials: sheet, slots: [handler, secretary], exits: {done: done}}
  - {stage: done, final: true}
"""
    published(shared, "office", body)
    opened(shared, "office", "of")
    office = holder("handler", "o1")
    hand(shared, "of", office, sheet={"words": "an invented draft"})
    shared.sign("of")
    seen = shared.case("of").content
    with pytest.raises(OutOfTurn):
        shared.engine.sign("of", office, seen)
    with pytest.raises(NotHolder):
        shared.engine.sign("of", Actor(office.person, "secretary", "o1"), seen)
    shared.engine.urge("of", office)
    shared.engine.sign("of", holder("secretary", "o1"), seen)
    assert shared.case("of").final


def test_responsible_body_first_responsible_person_and_lead_department_are_three_things(shared: World) -> None:
    """Source: S0 「具体工作由党委工作部门牵头」, R009."""
    body = """materials:
  duty: {title: duty, fields: {body: {type: unit}, first-responsible: {type: person}, lead-department: {type: unit}}}
stages:
  - {stage: sign, due: 5 workdays, materials: duty, slots: secretary, exits: {done: done}}
  - {stage: done, final: true}
"""
    published(shared, "three-fields", body)
    opened(shared, "three-fields", "tf")
    whole = {"body": "o1", "first-responsible": "o1-secretary", "lead-department": "t1"}
    by = holder("secretary", "o1")
    for name in whole:
        with pytest.raises(BadMaterial, match=name):
            hand(shared, "tf", by, duty={k: v for k, v in whole.items() if k != name})
    hand(shared, "tf", by, duty=whole)
    assert shared.engine.show("tf").contents["duty"] == whole


LED = """materials: {{sheet: {{title: sheet, fields: {{words: {{type: text, required: false}}}}}}}}
stages:
  - {{stage: sort, due: 5 workdays, slots: {{department: third}}, exits: {{ordinary: ordinary, key: key}}}}
  - stage: ordinary
    due: 5 workdays
    needs: {{assigned: {ordinary}}}
    slots: secretary
    exits: {{begun: done}}
  - stage: key
    due: 5 workdays
    needs: {{assigned: {key}}}
    slots: secretary
    exits: {{begun: done}}
  - {{stage: done, final: true}}
"""


def test_a_difficult_place_is_led_by_the_secretary_above_and_by_nobody_less(shared: World) -> None:
    """Source: S4 「重点村、难点村,乡镇党委书记要直接包抓」, R179."""
    body = LED.format(ordinary="{lead: {}}", key="{lead: {post: secretary, at-least: third}}")
    published(shared, "difficult", body)
    above = holder("secretary", "t1")
    for item, way in (("df-1", "ordinary"), ("df-2", "key")):
        opened(shared, "difficult", item)
        shared.sign(item, outcome=way)
        member = holder("department", "t1")
        if way == "ordinary":
            shared.engine.name_lead(item, above, member, role="lead")
        else:
            with pytest.raises(BadMaterial, match="secretary"):
                shared.engine.name_lead(item, above, member, role="lead")
            with pytest.raises(MaterialMissing, match="lead"):
                shared.sign(item)
            shared.engine.name_lead(item, above, above, role="lead")
        shared.sign(item)
        assert shared.case(item).final


def test_three_degrees_of_lead_are_named_and_changed_while_nobody_has_signed(shared: World) -> None:
    """Source: S3 「牵头主抓……协助抓……具体抓」, R190."""
    degrees = "{chief: {at-least: second}, assisting: {at-least: third}, hands-on: {post: department}}"
    published(shared, "degrees", LED.format(ordinary=degrees, key="{chief: {}}"))
    opened(shared, "degrees", "dg")
    shared.sign("dg", outcome="ordinary")
    by = holder("secretary", "t1")
    shared.engine.name_lead("dg", by, holder("secretary", "s1"), role="chief")
    shared.engine.name_lead("dg", by, holder("secretary", "t2"), role="assisting")
    with pytest.raises(MaterialMissing, match="hands-on"):
        shared.sign("dg")
    shared.engine.name_lead("dg", by, holder("department", "t2"), role="hands-on")
    shared.engine.name_lead("dg", by, holder("department", "t1"), role="hands-on")
    shared.sign("dg")
    named = {role: who["person"] for role, who in shared.case("dg").assigned.items()}
    assert named == {"chief": "s1-secretary", "assisting": "t2-secretary", "hands-on": "t1-department"}


def test_who_proposes_and_who_approves_both_answer(shared: World) -> None:
    """The same rule in another flow. Source: S4 「谁发展谁负责、谁审批谁负责」, R040, M44."""
    body = """liable: {}
stages:
  - {stage: propose, due: 5 workdays, slots: [handler, secretary], exits: {proposed: approve}}
  - {stage: approve, due: 5 workdays, duty: {secretary: third}, slots: {secretary: third}, exits: {approved: done}}
  - {stage: done, final: true}
""".replace("liable: {}\n", "")
    published(shared, "joining", body)
    opened(shared, "joining", "jn")
    shared.through("jn")
    shared.through("jn")
    with shared.engine.look() as desk:
        found = trace(desk, "jn", shared.clock.now())
    told = [(s.person, s.stage, s.unit) for s in found.root.signers]
    assert told == [
        ("o1-handler", "propose", "o1"),
        ("o1-secretary", "propose", "o1"),
        ("t1-secretary", "approve", "t1"),
    ]


# --- what is found, and how far it goes --------------------------------------------------------------------------------

FOUND = """categories: {categories}
materials: {{sheet: {{title: sheet, fields: {{category: {{type: choice, choices-from: categories}}, cause: {{type: text}}}}}}}}
stages:
  - {{stage: look, due: 5 workdays, materials: sheet, slots: secretary, exits: {{found: done}}}}
  - {{stage: done, final: true}}
"""


def test_categories_are_of_the_campaigns_definition_and_what_is_none_of_them_is_refused(shared: World) -> None:
    """Source: S0 「应换未换的……历史遗留问题」, R025; 「什么工作都往里面装」, R207; R021."""
    first = "{team: {zh: 班子配备不齐, en: team}, life: {zh: 组织生活不规范, en: life}}"
    published(shared, "sorted", FOUND.format(categories=first))
    opened(shared, "sorted", "so-1", category="team")
    with pytest.raises(BadMaterial, match="skins") as refused:
        opened(shared, "sorted", "so-2", category="skins")
    assert "life, team" in refused.value.text("zh")
    by = holder("secretary", "o1")
    with pytest.raises(BadMaterial, match="skins"):
        hand(shared, "so-1", by, sheet={"category": "skins", "cause": "an invented reorganisation"})
    with pytest.raises(BadMaterial, match="cause"):
        hand(shared, "so-1", by, sheet={"category": "team"})
    published(shared, "sorted", FOUND.format(categories=first[:-1] + ", skins: {zh: 两张皮, en: skins}}"), "2")
    opened(shared, "sorted", "so-3", category="skins")
    hand(shared, "so-3", by, sheet={"category": "skins", "cause": "an invented reorganisation"})
    assert shared.engine.show("so-3").contents["sheet"]["cause"] == "an invented reorganisation"


def test_three_members_should_build_unless_an_exception_is_written_and_fewer_get_an_instructor(shared: World) -> None:
    """Source: S1 「党员人数达到3人以上的」, R034; 「要选派党建指导员」, R035; 「建立巩固或提升台账」, R066, R033, M49."""
    body = """materials:
  file: {title: file, fields: {members: {type: integer, min: 0, max: 1000}}}
  ledger: {title: ledger, kind: list, at-least: 1, fields: {task: text, measure: text, due: date}}
stages:
  - stage: screen
    due: 5 workdays
    materials: file
    slots: secretary
    score: {material: file, field: members, pass: ">= 3", passed: enough, failed: too-few}
    exits: {enough: sound-or-not, too-few: instructed}
  - {stage: sound-or-not, due: 5 workdays, slots: secretary, exits: {consolidate: consolidated, improve: improving, build: building, excepted: {to: gone, needs: reason}, clear-away: {to: gone, needs: reason}}}
  - {stage: building, due: 30 days, slots: secretary, exits: {built: consolidated}}
  - {stage: improving, due: 30 days, materials: ledger, slots: secretary, close-out: {list: ledger}, exits: {improved: consolidated}}
  - {stage: instructed, due: 30 days, needs: {assigned: {instructor: {}}}, slots: secretary, exits: {named: consolidated}}
  - {stage: consolidated, due: 30 days, materials: ledger, slots: secretary, exits: {kept: gone}}
  - {stage: gone, final: true}
"""
    published(shared, "coverage", body)
    by = holder("secretary", "o1")
    for item, members, stage in (("cv-1", 3, "sound-or-not"), ("cv-2", 2, "instructed"), ("cv-3", 12, "sound-or-not")):
        opened(shared, "coverage", item)
        hand(shared, item, by, file={"members": members})
        shared.sign(item)
        assert shared.case(item).stage == stage
    with pytest.raises(ReasonRequired):
        shared.sign("cv-1", outcome="excepted")
    shared.sign("cv-1", outcome="excepted", reason="an invented joint branch")
    with pytest.raises(MaterialMissing, match="instructor"):
        shared.sign("cv-2")
    shared.engine.name_lead("cv-2", holder("secretary", "t1"), holder("department", "t1"), role="instructor")
    shared.sign("cv-2")
    shared.sign("cv-3", outcome="improve")
    lacking = {"task": "an invented task", "measure": "an invented measure"}
    with pytest.raises(BadMaterial, match="due"):
        hand(shared, "cv-3", by, ledger=[lacking])
    hand(shared, "cv-3", by, ledger=[{**lacking, "due": "2019-09-30"}])
    shared.engine.close_line("cv-3", by, "ledger", 1, b"evidence")
    shared.engine.close_out("cv-3", by, shared.case("cv-3").content)
    assert [shared.case(f"cv-{n}").stage for n in (1, 2, 3)] == ["gone", "consolidated", "consolidated"]


def test_what_lasts_is_tracked_beyond_the_campaign_by_its_own_dates(shared: World) -> None:
    """Source: S0 「能解决的立行立改……需要长期坚持的设计时间表、路线图」, R053; S3 「时间表、路线图」, R081."""
    body = """nodes: {"1": {in-force: 2019-08-01, mended: 2019-08-30}}
materials:
  at-once: {title: at once, kind: list, at-least: 1, fields: {measure: text, by: date}}
  lasting: {title: lasting, kind: list, fields: {measure: text, until: date}}
stages:
  - {stage: mend, due: {node: mended}, materials: [at-once, lasting], slots: secretary, close-out: {list: at-once}, exits: {mended: lasting}}
  - {stage: lasting, due: {field: until}, materials: lasting, slots: secretary, close-out: {list: lasting}, exits: {kept: done}}
  - {stage: done, final: true}
"""
    published(shared, "tracks", body)
    opened(shared, "tracks", "tr")
    by = holder("secretary", "o1")
    dated = [{"measure": "meet monthly", "until": "2019-12-31"}, {"measure": "elect", "until": "2019-10-31"}]
    hand(shared, "tr", by, at_once=[{"measure": "mend it", "by": "2019-08-20"}], lasting=dated)
    shared.engine.close_line("tr", by, "at-once", 1, b"evidence")
    shared.engine.close_out("tr", by, shared.case("tr").content)
    hand(shared, "tr", by, lasting=dated)
    (due,) = shared.case("tr").dues.values()
    day = 86_400_000_000
    assert (due["missed"] - shared.clock.now()) // day > 130  # the end of December, long after the node of 30 August
    shared.engine.close_line("tr", by, "lasting", 2, b"evidence")
    with pytest.raises(Exception, match="1 open"):
        shared.engine.close_out("tr", by, shared.case("tr").content)


def test_items_of_one_campaign_go_in_waves_with_dates_of_their_own(shared: World) -> None:
    """Source: S4 「分梯次推进」, R080; S0 「利用 3个月时间」, R077; 「不对集中整顿时间……“一刀切”」, R052."""
    body = """nodes:
  "1": {in-force: 2019-08-01, done: 2019-08-30}
  "2": {in-force: 2019-08-02, done: 2019-10-31}
stages:
  - {stage: work, due: {node: done}, slots: secretary, exits: {done: settle}}
  - {stage: settle, due: 3 months, slots: secretary, exits: {done: done}}
  - {stage: done, final: true}
"""
    published(shared, "waves", body)
    for item, unit in (("wv-1", "o1"), ("wv-2", "o3")):
        opened(shared, "waves", item, unit, campaign="wave")
    top, other = holder("secretary", "g1"), {"1": "2", "2": "1"}
    shared.engine.adopt_nodes("wv-2", top, other[shared.case("wv-2").nodes])
    first, second = (next(iter(shared.case(i).dues.values()))["missed"] for i in ("wv-1", "wv-2"))
    assert {shared.case("wv-1").nodes, shared.case("wv-2").nodes} == {"1", "2"} and first != second
    shared.sign("wv-1")
    (three_months,) = shared.case("wv-1").dues.values()
    assert 90 <= (three_months["missed"] - shared.clock.now()) // 86_400_000_000 <= 93


def test_a_key_list_is_submitted_below_and_decided_above_with_a_reserve_beside_it(shared: World) -> None:
    """Source: S0 「公司共上报了重点督导名单」, R105; 「也在备选名单」, R106."""
    body = """stages:
  - {stage: submitted, due: 5 workdays, slots: secretary, exits: {sent: deciding}}
  - {stage: deciding, due: 5 workdays, duty: {secretary: second}, slots: {secretary: second}, exits: {chosen: chosen, reserve: reserve, declined: {to: declined, needs: reason}}}
  - {stage: reserve, class: watch, due: 60 days, duty: {secretary: second}, slots: {secretary: second}, exits: {moved-up: chosen, declined: {to: declined, needs: reason}}}
  - {stage: chosen, class: register, due: 60 days, slots: secretary, exits: {over: declined}}
  - {stage: declined, final: true}
"""
    published(shared, "key-list", body)
    for item, unit, way in (("kl-1", "o1", "chosen"), ("kl-3", "o3", "reserve")):
        opened(shared, "key-list", item, unit)
        shared.sign(item)
        with pytest.raises(NoSuchExit):
            shared.sign(item)
        shared.sign(item, outcome=way)
    at = shared.clock.now()
    shared.clock.advance(timedelta(minutes=5))
    shared.sign("kl-3", outcome="moved-up")
    with shared.engine.look() as desk:
        then = {r.item: r.stage for r in views.register(desk, "key-list", "c1", at)}
        now = {r.item: r.stage for r in views.register(desk, "key-list", "c1", shared.clock.now())}
        signed = views.signatures(desk, "kl-3", shared.clock.now())
    assert then == {"kl-1": "chosen", "kl-3": "reserve"} and now == {"kl-1": "chosen", "kl-3": "chosen"}
    assert [s.unit for s in signed] == ["o3", "s1", "s1"]  # moving up is an act of its own, by those who decide


# --- judging ------------------------------------------------------------------------------------------------------------


def test_members_and_workers_are_asked_apart_and_either_can_fail_it(shared: World) -> None:
    """Source: S0 「广泛听取党员和职工群众意见」, R135."""
    fields = "{eligible: {type: integer, min: 1}, voted: {type: integer, min: 0}, aware: {type: integer, min: 0}, dissatisfied: {type: integer, min: 0}}"
    of = 'turnout: ">= 80%", aware: ">= 90%", dissatisfied: "<= 20%"'
    body = f"""materials:
  members: {{title: members, kind: tally, fields: {fields}}}
  workers: {{title: workers, kind: tally, fields: {fields}}}
stages:
  - {{stage: members, due: 5 workdays, materials: members, slots: secretary, tally: {{material: members, {of}}}, at-most: {{times: 3, then: failed}}, exits: {{passed: workers, failed: failed, no-quorum: members}}}}
  - {{stage: workers, due: 5 workdays, materials: workers, slots: secretary, tally: {{material: workers, {of}}}, at-most: {{times: 3, then: failed}}, exits: {{passed: passed, failed: failed, no-quorum: workers}}}}
  - {{stage: passed, final: true}}
  - {{stage: failed, final: true}}
"""
    published(shared, "populations", body)
    by = holder("secretary", "o1")
    few = {"eligible": 10, "voted": 9, "aware": 9, "dissatisfied": 0}
    for item, many, end in (
        ("pp-1", {"eligible": 300, "voted": 280, "aware": 270, "dissatisfied": 20}, "passed"),
        ("pp-2", {"eligible": 300, "voted": 280, "aware": 270, "dissatisfied": 90}, "failed"),
    ):
        opened(shared, "populations", item)
        hand(shared, item, by, members=few)
        shared.sign(item)
        hand(shared, item, by, workers=many)
        shared.sign(item)
        held = shared.engine.show(item).contents
        assert (held["members"]["eligible"], held["workers"]["voted"], shared.case(item).stage) == (10, 280, end)


CARDS = """categories: {committee: {zh: 党委, en: committee}, branch: {zh: 党支部, en: branch}, member: {zh: 党员, en: member}}
materials:
  committee-card: {title: card, kind: scorecard, methods: {accounts: 财务报表, talk: 座谈}, parts: {team: {title: 领导班子好, points: 20}, ranks: {title: 队伍素质好, points: 20}, rules: {title: 制度建设好, points: 20}, results: {title: 工作业绩好, points: 20, methods: [accounts]}, masses: {title: 群众反映好, points: 20, methods: [talk]}}}
  branch-card: {title: card, fields: {place: {type: choice, choices: [yes, no]}, equipment: {type: choice, choices: [yes, no]}, sign: {type: choice, choices: [yes, no]}, flag: {type: choice, choices: [yes, no]}, books: {type: choice, choices: [yes, no]}, rules: {type: choice, choices: [yes, no]}}}
  member-card: {title: card, kind: scorecard, parts: {study: {title: study, points: 20, evidence: false}, work: {title: work, points: 20, evidence: false}, service: {title: service, points: 20, evidence: false}, law: {title: law, points: 20, evidence: false}, conduct: {title: conduct, points: 20, evidence: false}}}
stages:
  - {stage: judge, due: 5 workdays, duty: {secretary: third}, materials-for: {committee: committee-card, branch: branch-card, member: member-card}, slots: {secretary: third}, exits: {judged: done}}
  - {stage: done, final: true}
""".replace("[yes, no]", '["yes", "no"]')


def test_each_kind_of_subject_has_the_scorecard_of_its_kind(shared: World) -> None:
    """Source: S2 「进行了细化和量化」, R141; five parts of a body, R140, five leads of a member, R139; 「“六有”标准」, R198;
    「用生产经营的成果来检验」, R144."""
    published(shared, "cards", CARDS)
    by = holder("secretary", "t1")
    five = {p: {"points": "18", "evidence": "as seen"} for p in ("team", "ranks", "rules")}
    five |= {"results": {"points": "15.5", "method": "accounts", "evidence": "the year's output"}}
    five |= {"masses": {"points": "17", "method": "talk", "evidence": "ten talks"}}
    leads = {p: {"points": "19"} for p in ("study", "work", "service", "law", "conduct")}
    six = dict.fromkeys(("place", "equipment", "sign", "flag", "books", "rules"), "yes")
    cards: dict[str, tuple[str, dict[str, Any], str]] = {
        "committee": ("committee-card", {"parts": five}, "masses"),
        "branch": ("branch-card", six, "books"),
        "member": ("member-card", {"parts": leads}, "law"),
    }
    for kind, (name, whole, part) in cards.items():
        item = f"cd-{kind}"
        opened(shared, "cards", item, category=kind)
        other = next(n for k, (n, _, _) in cards.items() if k != kind)
        with pytest.raises(MaterialMissing):
            hand(shared, item, by, **{other.replace("-", "_"): cards[next(k for k in cards if k != kind)][1]})
        less = {k: v for k, v in whole.get("parts", whole).items() if k != part}
        with pytest.raises(BadMaterial, match=part):
            hand(shared, item, by, **{name.replace("-", "_"): {"parts": less} if "parts" in whole else less})
        hand(shared, item, by, **{name.replace("-", "_"): whole})
        shared.sign(item)
        assert shared.case(item).final


def test_sixteen_parts_each_with_its_method_or_the_card_is_refused(shared: World) -> None:
    """Source: S3 「等16个方面的内容,采取查阅资料、听取汇报、座谈了解等方式」, R130."""
    parts = (
        "{" + ", ".join(f"p{n}: {{title: part {n}, points: 5, methods: [papers, talk]}}" for n in range(1, 17)) + "}"
    )
    body = f"""materials: {{card: {{title: card, kind: scorecard, methods: {{papers: 查阅资料, report: 听取汇报, talk: 座谈了解}}, parts: {parts}}}}}
stages:
  - {{stage: judge, due: 5 workdays, materials: card, duty: {{secretary: third}}, slots: {{secretary: third}}, exits: {{judged: done}}}}
  - {{stage: done, final: true}}
"""
    published(shared, "sixteen", body)
    by = holder("secretary", "t1")
    line = {"points": "4.5", "method": "talk", "evidence": "as seen"}
    whole = {f"p{n}": line for n in range(1, 17)}
    for unit in ("o1", "o3"):  # one card for all that are judged
        opened(shared, "sixteen", f"sx-{unit}", unit)
        with pytest.raises(BadMaterial, match="p16"):
            hand(shared, f"sx-{unit}", by, card={"parts": {k: v for k, v in whole.items() if k != "p16"}})
        with pytest.raises(BadMaterial, match="method"):
            hand(shared, f"sx-{unit}", by, card={"parts": whole | {"p3": {**line, "method": "report"}}})
        hand(shared, f"sx-{unit}", by, card={"parts": whole})
        shared.sign(f"sx-{unit}")
    assert shared.case("sx-o1").definition == shared.case("sx-o3").definition


def test_seven_groups_mark_seventy_one_units_by_one_card_and_no_group_anothers(world: World) -> None:
    """Source: S3 「组建了7个督查组,与67个县直属机关、事业单位党组织进行同督查、同考核」, M25, R018, R194: 67 and 4 enterprises."""
    from tests.contract.world import imported, person_row, tenure_row
    from workflow import orgbook
    from workflow.errors import NotAssigned
    from workflow.org.importing import OrgImport

    parts = (
        "{"
        + ", ".join(f"p{n}: {{title: part {n}, points: 5, methods: [papers, report, talk]}}" for n in range(1, 17))
        + "}"
    )
    published(
        world,
        "marked",
        f"""materials: {{card: {{title: card, kind: scorecard, methods: {{papers: 查阅资料, report: 听取汇报, talk: 座谈了解}}, parts: {parts}}}}}
stages:
  - stage: judge
    due: 5 workdays
    materials: card
    duty: {{department: group}}
    looks-after: department
    slots: {{department: group}}
    assess: {{sources: {{card: {{material: card, weight: 1}}}}, grades: {{good: {{from: ">= 80", exit: good}}}}, failed: poor}}
    exits: {{good: done, poor: done}}
  - {{stage: done, final: true}}
""",
    )
    units = [f"k{n:02}" for n in range(1, 72)]
    inspectors = [f"inspector-{n}" for n in range(1, 8)]
    since = {"established_on": "2010-01-01", "dissolved_on": None}
    line = {"kind": "managing", "parent": "t1", "from_on": "2010-01-01", "until_on": None}
    names = {"name_zh": "示例单位", "name_en": "invented unit"}
    rows = imported(
        persons=[person_row(p) for p in inspectors], tenures=[tenure_row(p, "g1", "department") for p in inspectors]
    )
    more = OrgImport.from_rows(
        {
            "units": [
                {"id": u, "level": "organisation", "ordinal": 100 + n, **names, **since} for n, u in enumerate(units)
            ],
            "parents": [{"unit": u, **line} for u in units],
            "persons": [],
            "tenures": [],
        }
    )
    world.engine.import_org(rows)
    world.engine.import_org(more)
    rounds: dict[str, str] = {}
    with world.engine.desk() as desk:
        for n, person in enumerate(inspectors):
            orgbook.form_body(
                desk, None, "formed", body=f"b{n}", kind="inspection", unit="g1", from_on="2019-01-01", **names
            )
            orgbook.seat(desk, None, "joins", body=f"b{n}", role="member", person=person, from_on="2019-01-01")
            orgbook.assign(desk, None, "round one", body=f"b{n}", units=units[n::7], from_on="2019-01-01")
            rounds |= dict.fromkeys(units[n::7], person)
    assert len(rounds) == 71
    judged = {"method": "talk", "evidence": "as seen (invented)"}
    for n, unit in enumerate((units[0], units[8], units[70])):
        item, by = f"mk-{unit}", Actor(rounds[unit], "department", "g1")
        opened(world, "marked", item, unit, campaign="2019")
        points = "4.5" if n else "3"
        hand(world, item, by, card={"parts": {f"p{k}": {**judged, "points": points} for k in range(1, 17)}})
        other = next(p for p in inspectors if p != rounds[unit])
        with pytest.raises(NotAssigned):
            world.engine.sign(item, Actor(other, "department", "g1"), world.case(item).content)
        world.engine.sign(item, by, world.case(item).content)
        assert world.case(item).final
    from workflow.assessments import ranking

    with world.engine.look() as desk:
        ranked = [(r.rank, r.unit, r.result.shown) for r in ranking(desk, "marked", "2019")]
    assert ranked == [(1, units[8], "90.00"), (1, units[70], "90.00"), (3, units[0], "60.00")]


def test_four_audiences_know_to_four_degrees_and_each_shows_it_in_its_own_way(shared: World) -> None:
    """Officials pass a paper, organisations hold the text, members were told by name, the masses have a notice before them; nothing
    is over while one is missing. Source: S2 「党务干部精通,基层党组织掌握,党员干部熟悉,广大群众了解」, R166."""
    body = """materials:
  officials: {title: officials, kind: list, at-least: 1, fields: {person: {type: person}, of-100: {type: integer, min: 80, max: 100}}}
  held: {title: held, fields: {text-kept-at: text, head: {type: person}}}
  members: {title: members, fields: {told: {type: integer, min: 0}, of: {type: integer, min: 1}}}
stages:
  - {stage: officials, due: 5 workdays, duty: {department: third}, materials: officials, slots: {department: third}, exits: {master-it: organisation}}
  - {stage: organisation, due: 5 workdays, materials: held, slots: secretary, exits: {hold-it: members}}
  - stage: members
    due: 10 workdays
    materials: members
    slots: secretary
    assess: {sources: {told: {material: members, part: told, whole: of, weight: 1}}, grades: {familiar: {from: ">= 90", exit: familiar}}, failed: not-yet}
    exits: {familiar: masses, not-yet: {to: members}}
  - {stage: masses, due: 10 workdays, notice: {content: plan, channels: [board, meeting]}, slots: secretary, exits: {have-heard: done}}
  - {stage: done, final: true}
"""
    published(shared, "four-degrees", body)
    opened(shared, "four-degrees", "fd")
    secretary = holder("secretary", "o1")
    with pytest.raises(BadMaterial, match="of-100"):  # 精通: 79 is not mastery
        hand(shared, "fd", holder("department", "t1"), officials=[{"person": "o1-handler", "of-100": 79}])
    hand(shared, "fd", holder("department", "t1"), officials=[{"person": "o1-handler", "of-100": 80}])
    shared.sign("fd")
    hand(shared, "fd", secretary, held={"text-kept-at": "an invented shelf", "head": "o1-secretary"})
    shared.sign("fd")
    hand(shared, "fd", secretary, members={"told": 8, "of": 9})  # 88.9 %
    shared.sign("fd")
    assert shared.case("fd").stage == "members"
    hand(shared, "fd", secretary, members={"told": 9, "of": 10})  # exactly 90 %
    shared.sign("fd")
    with pytest.raises(WindowOpen):
        shared.sign("fd")
    for channel in ("board", "meeting"):
        with pytest.raises(WindowOpen):
            shared.sign("fd")
        shared.engine.post_notice("fd", secretary, "plan", channel=channel, place="an invented hall")
    shared.sign("fd")
    assert shared.case("fd").final


def test_two_targets_go_through_four_steps_together_and_neither_half_alone(shared: World) -> None:
    """Source: S2 「两个目标一起定,两个责任一起落实,两项工作一起检查,两个成果一起考核」, R192, M36; 「“双目标管理”」, R191, M30."""
    pair = "party-{0}: {{title: party, fields: {{words: text}}}}, work-{0}: {{title: work, fields: {{words: text}}}}"
    steps = ("set", "carried", "checked")
    papers = ", ".join(pair.format(s) for s in steps)
    stages = "".join(
        f"  - {{stage: {s}, due: 5 workdays, materials: [party-{s}, work-{s}], slots: secretary, exits: {{done: {n}}}}}\n"
        for s, n in zip(steps, (*steps[1:], "appraised"), strict=True)
    )
    body = f"""materials: {{{papers}, party-card: {{title: card, fields: {{total: {{type: integer, min: 0, max: 100}}}}}}, work-card: {{title: card, fields: {{total: {{type: integer, min: 0, max: 100}}}}}}}}
stages:
{stages}  - stage: appraised
    due: 5 workdays
    duty: {{secretary: third}}
    materials: [party-card, work-card]
    slots: {{secretary: third}}
    one-by-one: true
    assess:
      sources: {{party: {{material: party-card, field: total, weight: 50}}, work: {{material: work-card, field: total, weight: 50}}}}
      floors: {{party: {{source: party, holds: ">= 60"}}, work: {{source: work, holds: ">= 60"}}}}
      grades: {{good: {{from: ">= 80", exit: good}}}}
      failed: poor
    exits: {{good: good, poor: poor}}
  - {{stage: good, final: true}}
  - {{stage: poor, final: true}}
"""
    published(shared, "pairs-of-targets", body)
    own, above = holder("secretary", "o1"), holder("secretary", "t1")
    for item, work, end in (("pt-1", 90, "good"), ("pt-2", 50, "poor")):
        opened(shared, "pairs-of-targets", item)
        for step in steps:
            hand(shared, item, own, **{f"party_{step}": {"words": "x"}})
            with pytest.raises(MaterialMissing, match=f"work-{step}"):
                shared.sign(item)
            hand(shared, item, own, **{f"work_{step}": {"words": "y"}})
            shared.sign(item)
        hand(shared, item, above, party_card={"total": 95})
        with pytest.raises(MaterialMissing, match="work-card"):
            shared.sign(item)
        hand(shared, item, above, work_card={"total": work})
        shared.sign(item)
        assert shared.case(item).stage == end  # however good the other half is


def test_a_good_result_is_commended_and_a_poor_one_answered_for(shared: World) -> None:
    """Source: S3 「专门下发文件进行通报表彰」, R146, R199; 「进行追责问责……进行约谈」, R171, M27."""
    body = """materials:
  card: {title: card, fields: {total: {type: integer, min: 0, max: 100}}}
  circular: {title: circular, fields: {number: text, issued-on: date, text: text}}
  answer: {title: answer, fields: {unit: {type: unit}, kind: {type: choice, choices: [low-result, going-through-the-motions]}, evidence: text}}
  talk: {title: talk, kind: list, at-least: 2, fields: {person: {type: person}, held-on: date}}
stages:
  - {stage: judge, due: 5 workdays, duty: {secretary: third}, materials: card, slots: {secretary: third}, one-by-one: true, assess: {sources: {card: {material: card, field: total, weight: 1}}, grades: {excellent: {from: ">= 90", exit: excellent}, good: {from: ">= 60", exit: good}}, failed: poor}, exits: {excellent: commend, good: done, poor: answer}}
  - {stage: commend, due: 10 workdays, duty: {department: third}, materials: circular, slots: [{department: third}, {secretary: third}], exits: {issued: done}}
  - {stage: answer, due: 10 workdays, duty: {secretary: third}, materials: [answer, talk], slots: {secretary: third}, exits: {held: done}}
  - {stage: done, final: true}
"""
    published(shared, "both-signs", body)
    by = holder("secretary", "t1")
    for item, total, stage in (("bs-1", 92, "commend"), ("bs-2", 70, "done"), ("bs-3", 40, "answer")):
        opened(shared, "both-signs", item, campaign="2019-Q3")
        hand(shared, item, by, card={"total": total})
        shared.sign(item)
        assert shared.case(item).stage == stage
    with pytest.raises(MaterialMissing, match="circular"):
        shared.sign("bs-1")
    circular = {"number": "示例〔2019〕1号(虚构)", "issued-on": "2019-10-08", "text": "commended (invented)"}
    hand(shared, "bs-1", holder("department", "t1"), circular=circular)
    shared.through("bs-1")
    answer = {"unit": "o1", "kind": "low-result", "evidence": "the quarter's card"}
    hand(shared, "bs-3", by, answer=answer)
    with pytest.raises(BadMaterial):
        hand(shared, "bs-3", by, talk=[{"person": "o1-secretary", "held-on": "2019-10-08"}])
    both = [{"person": p, "held-on": "2019-10-08"} for p in ("o1-secretary", "o1-handler")]
    hand(shared, "bs-3", by, talk=both)
    shared.sign("bs-3")
    assert shared.case("bs-1").final and shared.case("bs-3").final


def test_going_through_the_motions_is_a_case_of_its_own_and_wants_evidence(shared: World) -> None:
    """Source: S0 「整顿工作搞形式走过场的,严肃追责问责」, R172."""
    body = """materials: {case: {title: case, fields: {kind: {type: choice, choices: [not-reported, going-through-the-motions, poor-result]}, evidence: text}}}
stages:
  - {stage: facts, due: 5 workdays, duty: {secretary: third}, materials: case, slots: {secretary: third}, exits: {heard: done}}
  - {stage: done, final: true}
"""
    published(shared, "motions", body)
    opened(shared, "motions", "mo", fields={"about": "pt-2"})
    by = holder("secretary", "t1")
    for wrong in ({"kind": "going-through-the-motions", "evidence": "无"}, {"kind": "lazy", "evidence": "photographs"}):
        with pytest.raises(BadMaterial):
            hand(shared, "mo", by, case=wrong)
    hand(shared, "mo", by, case={"kind": "going-through-the-motions", "evidence": "three minutes of one text"})
    shared.sign("mo")
    assert shared.case("mo").final


# --- what is looked at again, and what is refused at load ---------------------------------------------------------------


def test_a_finished_process_of_another_kind_is_looked_back_at(shared: World) -> None:
    """Source: S4 「要对各自领域发展党员工作进行“回头看”」, R153."""
    body = """stages:
  - {stage: approve, due: 5 workdays, slots: secretary, exits: {approved: looked-after}}
  - stage: looked-after
    duty: {department: third}
    tracking: {for: 6 months, look-backs: [30 days], by: {department: third}, held: held, rebound: again}
    exits: {held: done, again: approve}
  - {stage: done, final: true}
"""
    published(shared, "admitted", body)
    opened(shared, "admitted", "ad")
    shared.sign("ad")
    with pytest.raises(WrongMeaning, match="look-back"):
        shared.engine.close_out("ad", holder("department", "t1"), shared.case("ad").content)
    shared.clock.advance(timedelta(days=31))
    by = holder("department", "t1")
    shared.engine.look_back("ad", by, shared.case("ad").content, outcome="again", opinion="a step was left out")
    assert (shared.case("ad").stage, shared.case("ad").round) == ("approve", 2)


@pytest.mark.parametrize(
    "code", ["photo-count", "documents-total", "number-of-meetings", "activity-count", "article-count"]
)
def test_a_score_that_counts_papers_activities_or_publicity_is_refused(code: str) -> None:
    """Source: S0 「搞“痕迹党建”」, R204; 「重形式轻内容、重过程轻结果」, R143; S2 「不搞花架子」, R211; R051, M19."""
    body = f"""flow: counted
title: {{zh: 示例, en: invented}}
{LADDER}materials: {{card: {{title: card, fields: {{{code}: {{type: integer, min: 0, max: 100}}}}}}}}
stages:
  - {{stage: judge, due: 5 workdays, duty: {{secretary: third}}, materials: card, slots: {{secretary: third}}, score: {{material: card, field: {code}, pass: ">= 5", passed: good, failed: poor}}, exits: {{good: done, poor: done}}}}
  - {{stage: done, final: true}}
"""
    found = [p for p in examine(flow_text(body).encode()).problems if p.code == "score-counts"]
    assert len(found) == 1 and code in str(found[0].actual)


@pytest.mark.parametrize("title", ["照片数量", "宣传报道篇数", "开展活动次数", "上报信息条数"])
def test_so_is_one_whose_title_says_so_in_chinese(title: str) -> None:
    """R143, R204, R211."""
    body = f"""flow: counted
title: {{zh: 示例, en: invented}}
{LADDER}materials: {{card: {{title: card, fields: {{total: {{type: integer, min: 0, max: 100, title: {{zh: {title}, en: total}}}}}}}}}}
stages:
  - {{stage: judge, due: 5 workdays, duty: {{secretary: third}}, materials: card, slots: {{secretary: third}}, score: {{material: card, field: total, pass: ">= 5", passed: good, failed: poor}}, exits: {{good: done, poor: done}}}}
  - {{stage: done, final: true}}
"""
    assert "score-counts" in [p.code for p in examine(flow_text(body).encode()).problems]


def test_a_standard_that_announces_ten_and_names_nine_is_told_and_nothing_is_made_up() -> None:
    """Source: S3 「规范组织设置……资料归档”等十个方面」, R197, M24."""
    nine = ", ".join(f"norm-{n}: {{type: choice, choices: [kept, not-kept]}}" for n in range(1, 10))
    body = f"""flow: norms
title: {{zh: 示例, en: invented}}
{LADDER}materials: {{norms: {{title: {{zh: 党建工作十个方面, en: ten norms}}, fields: {{{nine}}}}}}}
stages:
  - {{stage: judge, due: 5 workdays, materials: norms, slots: secretary, exits: {{done: done}}}}
  - {{stage: done, final: true}}
"""
    made = examine(flow_text(body).encode())
    (told,) = [p for p in made.problems if p.code == "announced-parts"]
    assert told.severity == "warning" and "9" in str(told.actual)
    assert made.definition is not None and len(made.definition.flow.materials["norms"].fields) == 9


def test_a_state_pronounces_no_verdict_and_nobody_is_ranked_by_what_they_found(shared: World) -> None:
    """Source: S0 「不对“软弱涣散” 作定性」, R050, R049."""
    body = f"""flow: labelled
title: {{zh: 示例, en: invented}}
label: {{zh: 软弱涣散, en: weak}}
{LADDER}stages:
  - {{stage: work, due: 5 workdays, slots: secretary, exits: {{done: done}}}}
  - {{stage: done, final: true}}
"""
    assert "verdict-label" in [p.code for p in examine(flow_text(body).encode()).problems]
    from workflow.seen import seen_by_operator

    for n in range(3):
        shared.begin(f"rk-{n}", "o3")
    shared.begin("rk-9", "o1")
    with seen_by_operator(shared.engine) as seen:
        assert set(seen.statistics("matter", "c1")) == {"category", "cause", "level", "class"}  # by no unit
        rows = seen.by_unit(["o1", "o2", "o3"])
        assert [r.unit for r in rows] == ["o1", "o2", "o3"]  # as asked, not as many as they found
        assert next(r.unit for r in seen.register("matter", "c1")) == "o1"  # offices' order


def test_all_three_conditions_of_an_item_stand_on_it(shared: World) -> None:
    """Named lead, supervision by date, open to everybody. Source: S4 「严格落实领导包抓、定期督导、全程公开的整顿要求」, R164."""
    case = shared.walk_to("closed", "three-conditions")
    assert case.lead["person"] == "t1-department"
    assert {s.kind for s in case.open_slots} == {"look-back"} and case.dues
    assert set(case.notices) == {"plan", "result"}


def test_three_levels_have_duties_of_their_own_on_one_branch(shared: World) -> None:
    """Source: S0 「三级党委抓支部建设」, M14."""
    body = """stages:
  - {stage: mend, due: 5 workdays, slots: secretary, exits: {mended: guide}}
  - {stage: guide, due: 5 workdays, duty: {secretary: third}, slots: {secretary: third}, exits: {guided: accept}}
  - {stage: accept, due: 5 workdays, duty: {secretary: second}, slots: {secretary: second}, exits: {accepted: done}}
  - {stage: done, final: true}
"""
    published(shared, "levels", body)
    from workflow.seen import seen_by_operator

    late = []
    for item, signatures in (("lv-0", 0), ("lv-1", 1), ("lv-2", 2)):
        opened(shared, "levels", item, "o3", campaign="three-levels")
        for _ in range(signatures):
            shared.sign(item)
    with seen_by_operator(shared.engine) as seen:
        late = [(r.stage, r.persons) for r in seen.late("levels", "three-levels", seen.now + 30 * 86_400_000_000)]
    assert sorted(late) == [
        ("accept", ("s1-secretary",)),
        ("guide", ("t1-secretary",)),
        ("mend", ("o3-secretary",)),
    ]


def test_what_a_member_was_told_is_taken_note_of_by_leader_and_deputy_within_a_day(shared: World) -> None:
    """Source: S0 「要迅速向本组组长、副组长汇报会议主要精神」, R047."""
    body = """materials: {told: {title: told, fields: {words: text, on: date}}}
stages:
  - {stage: told, due: 1 workday, duty: {department: third}, materials: told, slots: [{department: third}, {together: [{secretary: third}, {secretary: second}], need: all}], exits: {known: done}}
  - {stage: done, final: true}
"""
    published(shared, "told", body)
    opened(shared, "told", "to")
    member = holder("department", "t1")
    hand(shared, "to", member, told={"words": "an invented instruction", "on": "2019-09-26"})
    shared.engine.sign("to", member, shared.case("to").content)
    shared.engine.sign("to", holder("secretary", "t1"), shared.case("to").content)
    assert [(s.post, s.unit) for s in shared.case("to").open_slots] == [
        ("secretary", "s1")
    ]  # the deputy is still awaited
    shared.engine.sign("to", holder("secretary", "s1"), shared.case("to").content)
    assert shared.case("to").final


def test_a_plan_and_the_measures_it_is_appraised_by_are_two_papers(shared: World) -> None:
    """Source: S2 「制定针对性强和可操作性强的实施方案和考核措施」, R113."""
    body = """materials:
  plan: {title: plan, fields: {words: text}}
  appraisal: {title: appraisal, kind: list, at-least: 1, fields: {measure: text}}
stages:
  - {stage: draw-up, due: 5 workdays, materials: [plan, appraisal], slots: secretary, exits: {drawn-up: done}}
  - {stage: done, final: true}
"""
    published(shared, "two-papers", body)
    opened(shared, "two-papers", "tw")
    by = holder("secretary", "o1")
    hand(shared, "tw", by, plan={"words": "an invented plan"})
    with pytest.raises(MaterialMissing, match="appraisal"):
        shared.sign("tw")
    hand(shared, "tw", by, appraisal=[{"measure": "an invented measure"}])
    shared.sign("tw")
    assert shared.case("tw").final


def test_a_weak_measure_is_marked_drawn_up_anew_and_the_mark_stays(shared: World) -> None:
    """Source: S0 「对措施针对性不强、整改效果不好的及时提醒纠正」, R112."""
    body = """materials: {measure: {title: measure, fields: {words: text}}}
stages:
  - {stage: draw-up, due: 5 workdays, new-round: true, materials: measure, slots: secretary, at-most: {times: 3, then: done}, exits: {drawn-up: look}}
  - {stage: look, due: 5 workdays, duty: {department: third}, slots: {department: third}, exits: {sound: done, weak: {to: draw-up, needs: reason}}}
  - {stage: done, final: true}
"""
    published(shared, "weak", body)
    opened(shared, "weak", "wk")
    by = holder("secretary", "o1")
    hand(shared, "wk", by, measure={"words": "strengthen leadership"})
    shared.sign("wk")
    with pytest.raises(ReasonRequired):
        shared.sign("wk", outcome="weak")
    shared.sign("wk", outcome="weak", reason="says nothing that could be looked at")
    assert shared.case("wk").stage == "draw-up"
    with pytest.raises(MaterialMissing, match="measure"):  # the old one is not signed again
        shared.sign("wk")
    hand(shared, "wk", by, measure={"words": "meet on the first Friday of each month"})
    shared.through("wk")
    shared.sign("wk", outcome="sound")
    from workflow.evidence import canonical
    from workflow.store import items

    with shared.engine.reading() as connection:
        said = [canonical.read(e.body)["act"].get("reason") for e in items.entries(connection, "wk")]
    assert "says nothing that could be looked at" in said


def test_a_person_is_given_time_then_taught_then_dealt_with_by_the_organisation(shared: World) -> None:
    """Steps only: nothing about what anybody believes is a field. Source: S4 「对排查发现的信教参教党员」, R221."""
    body = """stages:
  - {stage: time-given, due: 30 days, duty: {secretary: third}, slots: {secretary: third}, exits: {put-right: done, not-yet: taught}}
  - {stage: taught, due: 60 days, duty: {secretary: third}, slots: {secretary: third}, exits: {put-right: done, not-yet: {to: handled, needs: reason}}}
  - {stage: handled, due: 30 days, duty: {secretary: second}, slots: [{decision: meeting, recorded-by: department, minutes: required, of: second}, {secretary: second}], exits: {decided: done}}
  - {stage: done, final: true}
"""
    made = published(shared, "person-by-person", body)
    assert made.flow.materials == {}
    opened(shared, "person-by-person", "pp", fields={"person": "o1-handler"})
    for step in ("taught", "handled"):
        with pytest.raises(NoSuchExit):
            shared.sign("pp", outcome="handled")  # no step is passed over
        shared.sign("pp", outcome="not-yet", reason="an invented reason")
        assert shared.case("pp").stage == step
    shared.through("pp")
    assert shared.case("pp").final


def test_one_campaign_runs_over_two_sectors_with_the_same_dates_and_scorecard(shared: World) -> None:
    """Source: S3 「同安排、同部署、同检查、同考核」, R194; S3 「与67个县直机关、事业单位党组织进行同督查、同考核」."""
    body = """nodes: {"1": {in-force: 2019-08-01, judged: 2020-06-30}}
materials: {card: {title: card, fields: {total: {type: integer, min: 0, max: 100}}}}
stages:
  - {stage: judge, due: {node: judged}, duty: {secretary: third}, materials: card, slots: {secretary: third}, score: {material: card, field: total, pass: ">= 60", passed: good, failed: poor}, exits: {good: done, poor: done}}
  - {stage: done, final: true}
"""
    made = [published(shared, f"sector-{s}", body) for s in ("offices", "enterprises")]
    assert made[0].flow.nodes == made[1].flow.nodes and made[0].flow.materials == made[1].flow.materials
    missed = []
    for sector, unit in (("offices", "o1"), ("enterprises", "o3")):
        opened(shared, f"sector-{sector}", f"sec-{sector}", unit, campaign="joint")
        missed += [d["missed"] for d in shared.case(f"sec-{sector}").dues.values()]
    assert len(missed) == 2 and len(set(missed)) == 1
    from workflow.seen import seen_by_operator

    with seen_by_operator(shared.engine) as seen:
        flows = {flow for flow, campaign, _ in seen.campaigns() if campaign == "joint"}
    assert flows == {"sector-offices", "sector-enterprises"}


def test_each_lead_tells_what_was_done_every_month_and_who_did_nothing_is_listed(shared: World) -> None:
    """Source: S4 「下派的第一书记要专下来、驻下去」, R183; 「主动向包抓县级领导汇报……讲党课」, R184; 「全程参与指导」, R185;
    「包抓责任人就整顿工作进行了汇报」, R186; 「定期督导调度」, R132."""
    from workflow import obligations

    body = """materials: {done: {title: done, kind: list, at-least: 1, fields: {what: {type: choice, choices: [heard, attended, lectured, reported-in-person, dispatched]}, held-on: date, days-resident: {type: integer, min: 0, max: 31}}}}
obligations: {month: {owed-by: organisation, every: month, on: last, from: 2020-03-01, until: 2020-12-31, reading: keep, ladder: overdue}}
stages:
  - {stage: told, materials: done, slots: [handler, {post: secretary, of: third, in-person: true}], exits: {told: done}}
  - {stage: done, final: true}
"""
    published(shared, "lead-log", body)
    from datetime import UTC, datetime

    shared.clock.set(max(datetime(2020, 3, 20, 2, tzinfo=UTC), datetime.fromtimestamp(shared.clock.now() / 1e6, UTC)))
    with shared.engine.desk() as desk:
        item = obligations.open_report(desk, "lead-log", "o1", "2020-03")
    line = {"what": "lectured", "held-on": "2020-03-12", "days-resident": 20}
    with pytest.raises(BadMaterial, match="what"):
        hand(shared, item, holder("handler", "o1"), done=[{**line, "what": "slept"}])
    hand(shared, item, holder("handler", "o1"), done=[line, {**line, "what": "reported-in-person"}])
    shared.through(item)
    shared.clock.set(datetime(2020, 4, 2, 2, tzinfo=UTC))
    with shared.engine.look() as desk:
        silent = obligations.missing(desk, "lead-log", "month", "2020-03", shared.clock.now())
        owed = obligations.owed(desk, "lead-log", "month", "2020-03", shared.clock.now())
    assert set(silent) == {"o2", "o3"} and {r.unit for r in owed} == {"o1", "o2", "o3"}  # no other level owes it: R208
    assert [r["cells"]["days-resident"] for r in shared.engine.lines_of(item, "done")] == [20, 20]


def test_a_monthly_number_below_is_added_up_and_a_meeting_is_owed_by_the_level_named_alone(shared: World) -> None:
    """Source: S0 「上下左右一个样,层层开动员会」, R208; S3 「定期或不定期开展督查工作」, R216, R087."""
    from workflow import obligations

    body = """materials: {number: {title: number, fields: {so-far: {type: integer, min: 0, max: 1000}}}}
obligations:
  number: {owed-by: third, every: month, on: last, from: 2020-03-01, until: 2020-12-31, reading: keep, ladder: overdue}
stages:
  - {stage: told, materials: number, slots: [handler, secretary], exits: {told: done}}
  - {stage: done, final: true}
"""
    published(shared, "progress", body)
    once = """materials: {record: {title: record, fields: {words: text}}}
stages:
  - {stage: held, due: 5 workdays, materials: record, slots: secretary, exits: {held: done}}
  - {stage: done, final: true}
"""
    published(shared, "once-more", once)
    from datetime import UTC, datetime

    shared.clock.set(max(datetime(2020, 4, 3, 2, tzinfo=UTC), datetime.fromtimestamp(shared.clock.now() / 1e6, UTC)))
    for unit, number in (("t1", 7), ("t2", 4)):
        with shared.engine.desk() as desk:
            item = obligations.open_report(desk, "progress", unit, "2020-03")
        hand(shared, item, holder("handler", unit), number={"so-far": number})
        shared.through(item)
    with shared.engine.look() as desk:
        rows = obligations.owed(desk, "progress", "number", "2020-03", shared.clock.now())
        numbers = [views.contents(desk, r.item)["number"]["so-far"] for r in rows if r.item]
    assert [r.unit for r in rows] == ["t1", "t2"] and sum(numbers) == 11
    opened(shared, "once-more", "om", "t1")  # and one that no cycle asked for
    hand(shared, "om", holder("secretary", "t1"), record={"words": "an invented session"})
    shared.sign("om")
    assert shared.case("om").final


def test_one_or_two_are_followed_in_full_and_neither_none_nor_three(shared: World) -> None:
    """Source: S0 「每家选取 1-2个三级单位,全程参与,解剖麻雀」, R123; 36 in all for 22 is between 22 and 44, R124."""
    body = """materials: {followed: {title: followed, kind: list, at-least: 1, at-most: 2, fields: {unit: {type: unit}}}}
stages:
  - {stage: choose, due: 5 workdays, materials: followed, slots: secretary, exits: {chosen: done}}
  - {stage: done, final: true}
"""
    published(shared, "followed", body)
    opened(shared, "followed", "fo", "g1")
    by = holder("secretary", "g1")
    for units, said in (((), "at least 1"), (("t1", "t2", "o1"), "at most 2")):
        with pytest.raises(BadMaterial, match=said):
            hand(shared, "fo", by, followed=[{"unit": u} for u in units])
    for units in (("t1",), ("t1", "t2")):
        hand(shared, "fo", by, followed=[{"unit": u} for u in units])
    shared.sign("fo")
    assert shared.case("fo").lists["followed"]["lines"] == 2
    from workflow.rules.materials import check

    flow = shared.case("fo").definition
    with shared.engine.reading() as connection:
        made = shared.engine.definition(connection, flow)
    chosen = [2] * 14 + [1] * 8  # 22 enterprises follow 36 in all
    lists = [[{"unit": f"e{n}-{k}"} for k in range(many)] for n, many in enumerate(chosen)]
    assert sum(check(made, "followed", one)["lines"] for one in lists) == 36
    for wrong in (0, 3):  # no 22 lists that are allowed come to fewer than 22 or to more than 44
        with pytest.raises(BadMaterial):
            check(made, "followed", [{"unit": f"e-{k}"} for k in range(wrong)])
    for wrong, code in (("at-most: 0", "min-above-max"), ("at-least: 3, at-most: 2", "min-above-max")):
        text = flow_text(f"flow: x\ntitle: x\n{LADDER}" + body.replace("at-least: 1, at-most: 2", wrong))
        assert code in [p.code for p in examine(text.encode()).problems]


def test_one_area_meeting_covers_many_units_of_a_region(shared: World) -> None:
    """Source: S0 「分别采取片区会、明察暗访等方式加强过程督导」, R121."""
    published(
        shared,
        "noted",
        """stages:
  - {stage: open, due: 5 workdays, slots: secretary, exits: {noted: note}}
  - {stage: note, due: 5 workdays, slots: secretary, exits: {done: done}}
  - {stage: done, final: true}
""",
    )
    body = """materials: {present: {title: present, kind: list, at-least: 1, fields: {unit: {type: unit}, way: {type: choice, choices: [noted]}, said: text}}}
stages:
  - {stage: held, due: 5 workdays, materials: present, slots: secretary, exits: {held: {to: done, opens: {list: present, flow: noted, at-level: third, unit-by: unit, exit-by: way}}}}
  - {stage: done, final: true}
"""
    published(shared, "area", body)
    opened(shared, "area", "ar", "t1")
    by = holder("secretary", "t1")
    hand(
        shared,
        "ar",
        by,
        present=[{"unit": u, "way": "noted", "said": f"an invented word to {u}"} for u in ("o1", "o3")],
    )
    made = shared.engine.sign("ar", by, shared.case("ar").content).opened
    assert {(shared.case(i).unit, shared.case(i).stage) for i in made} == {("o1", "note"), ("o3", "note")}


def test_a_kick_off_and_a_closing_alone_are_no_campaign(shared: World) -> None:
    """Source: S0 「不能只开一个动员部署会、一个总结会」, R086."""
    for name in ("kick-off", "session", "closing"):
        published(
            shared,
            name,
            """stages:
  - {stage: called, due: 5 workdays, slots: secretary, exits: {held: held}}
  - {stage: held, final: true}
""",
        )
    body = """stages:
  - stage: ready
    due: 5 workdays
    gate: {prior: [{flow: kick-off, in: held}, {flow: session, in: held}, {flow: closing, in: held}]}
    slots: secretary
    exits: {archived: done}
  - {stage: done, final: true}
"""
    published(shared, "closed-campaign", body)
    opened(shared, "closed-campaign", "cc", "g1", campaign="meetings")
    for name in ("kick-off", "closing"):
        opened(shared, name, f"cc-{name}", "g1", campaign="meetings")
        shared.sign(f"cc-{name}")
    with pytest.raises(GateClosed, match="session of g1"):
        shared.sign("cc")
    opened(shared, "session", "cc-between", "g1", campaign="meetings")
    shared.sign("cc-between")
    shared.sign("cc")
    assert shared.case("cc").final


def test_courses_are_counted_with_their_days_and_who_came(shared: World) -> None:
    """Source: S3 「举办了4期培训班」, R098."""
    body = """materials: {courses: {title: courses, kind: list, at-least: 1, fields: {held-on: date, days: {type: integer, min: 1, max: 30}, attended: {type: integer, min: 1, max: 1000}}}}
stages:
  - {stage: told, due: 5 workdays, materials: courses, slots: secretary, exits: {told: done}}
  - {stage: done, final: true}
"""
    published(shared, "courses", body)
    opened(shared, "courses", "co")
    by = holder("secretary", "o1")
    four = [{"held-on": f"2019-{m:02}-05", "days": 2, "attended": 40 + m} for m in (3, 5, 7, 8)]
    with pytest.raises(BadMaterial, match="attended"):
        hand(shared, "co", by, courses=[*four[:3], {"held-on": "2019-08-05", "days": 2}])
    hand(shared, "co", by, courses=four)
    shared.sign("co")
    lines = [r["cells"] for r in shared.engine.lines_of("co", "courses")]
    assert (len(lines), sum(c["attended"] for c in lines), lines[-1]["held-on"]) == (4, 183, "2019-08-05")


def test_a_scorecard_in_which_nothing_is_measured_is_warned_about() -> None:
    """Source: S2 「定性的东西多,定量的东西少」, R142."""
    for evidence, told in (("false", True), ("true", False)):
        body = f"""flow: x
title: {{zh: 示例, en: invented}}
{LADDER}materials: {{card: {{title: card, kind: scorecard, parts: {{zeal: {{title: zeal, points: 50, evidence: false}}, order: {{title: order, points: 50, evidence: {evidence}}}}}}}}}
stages:
  - {{stage: judge, due: 5 workdays, materials: card, duty: {{secretary: third}}, slots: {{secretary: third}}, exits: {{done: done}}}}
  - {{stage: done, final: true}}
"""
        made = examine(flow_text(body).encode())
        found = [p.severity for p in made.problems if p.code == "nothing-measured"]
        assert (found == ["warning"]) is told and made.definition is not None


def test_a_contact_point_goes_with_its_leader_and_what_the_former_one_signed_stays(shared: World) -> None:
    """The pair is a post at the contact point. Source: S2 「在集团公司党委常委成员中分别指定了联系点」, R187."""
    from tests.contract.world import imported, tenure_row

    text = flow_text(f"""flow: contact
title: {{zh: 示例, en: invented}}
{LADDER}materials: {{paper: {{title: paper, fields: {{words: text}}}}}}
stages:
  - {{stage: told, due: 20 workdays, materials: paper, slots: [handler, {{together: [contact-leader, {{department: group}}], need: all}}], exits: {{received: done}}}}
  - {{stage: done, final: true}}
""").replace(
        "  scrutineer: {",
        "  contact-leader: {title: {zh: 联系领导, en: contact leader}, may: review}\n  scrutineer: {",
        1,
    )
    shared.engine.publish(loads(text))
    day = local_day(shared.clock.now(), "Asia/Shanghai")
    change = (day + timedelta(days=10)).isoformat()
    pairs = [
        tenure_row("s1-secretary", "o3", "contact-leader", "2019-01-01", change),
        tenure_row("g1-secretary", "o3", "contact-leader", change),
    ]
    shared.engine.import_org(imported(tenures=pairs))
    for item, leader in (("ct-1", "s1-secretary"), ("ct-2", "g1-secretary")):
        opened(shared, "contact", item, "o3")
        hand(shared, item, holder("handler", "o3"), paper={"words": "an invented month"})
        shared.sign(item)
        former = "g1-secretary" if leader == "s1-secretary" else "s1-secretary"
        with pytest.raises(NotHolder):
            shared.engine.sign(item, Actor(former, "contact-leader", "o3"), shared.case(item).content)
        shared.engine.sign(item, Actor(leader, "contact-leader", "o3"), shared.case(item).content)
        assert not shared.case(item).final  # the organisation department is the other recipient
        shared.engine.sign(item, holder("department", "g1"), shared.case(item).content)
        shared.clock.advance(timedelta(days=11))
    with shared.engine.look() as desk:
        rows = [r for r in views.signatures(desk, "ct-1", shared.clock.now()) if r.post == "contact-leader"]
    assert [(r.person, r.now) for r in rows] == [("s1-secretary", ("g1-secretary",))]


def test_three_cycles_run_beside_each_other_and_the_years_mark_is_made_of_the_quarters(shared: World) -> None:
    """A check every month, an inspection every quarter, one mark a year: exact, and refused while a quarter is lacking.

    Source: S3 「月抽查指导、季督查考核、年综合考评」, R095, M21.
    """
    for name, every in (("monthly", "month"), ("quarterly", "quarter"), ("overall", "year")):
        body = f"""materials: {{sheet: {{title: sheet, fields: {{seen: text}}}}}}
obligations: {{owed: {{owed-by: third, every: {every}, on: last, from: 2020-01-01, reading: previous-workday}}}}
stages:
  - {{stage: told, materials: sheet, slots: secretary, exits: {{done: done}}}}
  - {{stage: done, final: true}}
meant: {{obligation-without-zero: {{zh: 照查, en: it is looked at in any case}}}}
"""
        published(shared, name, body)
    first, last = date(2020, 1, 1), date(2020, 12, 31)
    with shared.engine.look() as desk:
        due = {n: obligations.periods(desk, n, "owed", first, last) for n in ("monthly", "quarterly", "overall")}
    assert {n: len(p) for n, p in due.items()} == {"monthly": 12, "quarterly": 4, "overall": 1}
    assert due["monthly"][4].day.isoformat() == "2020-05-29"  # the 31st is a Sunday
    marks = [f"q{n}" for n in range(1, 5)]
    fields = ", ".join(f"{q}: {{type: integer, min: 0, max: 100}}" for q in marks)
    sources = ", ".join(f"{q}: {{material: quarters, field: {q}, weight: 1}}" for q in marks)
    published(
        shared,
        "year",
        f"""materials: {{quarters: {{title: quarters, fields: {{{fields}}}}}}}
stages:
  - stage: marked
    due: 10 workdays
    materials: quarters
    slots: {{secretary: superior}}
    one-by-one: true
    assess:
      sources: {{{sources}}}
      grades: {{good: {{from: ">= 83", exit: good}}}}
      failed: fair
    exits: {{good: done, fair: done}}
  - {{stage: done, final: true}}
""",
    )
    opened(shared, "year", "y-o1", campaign="2020")
    by = holder("secretary", "t1")
    with pytest.raises(BadMaterial, match="q4"):
        hand(shared, "y-o1", by, quarters={"q1": 85, "q2": 90, "q3": 77})
    hand(shared, "y-o1", by, quarters={"q1": 85, "q2": 90, "q3": 77, "q4": 81})
    shared.engine.accept("y-o1", by, shared.case("y-o1").content)
    with shared.engine.look() as desk:
        (found,) = assessments(desk, "y-o1")
    assert (found.total, found.grade) == (Fraction(333, 4), "good")  # 83.25, of four quarters


def test_everything_above_holds_when_it_is_verified(shared: World) -> None:
    report = shared.verify()
    assert report.failures == [] and report.rules == "hold"
