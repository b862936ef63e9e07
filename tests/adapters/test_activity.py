"""Records of an outside platform: its time decides who was late, whenever they arrive; people decide what follows.

Source: S4 「今后凡是不能按期通过党建信息化平台开展活动的,要逐支部说明原因,并对支部书记及上级党组织书记进行约谈」, R169, R214.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.testing import CliRunner

from tests.contract.weekly import FIRST, FLOW, Weekly, make_weekly
from tests.contract.world import TALK, flow_text
from workflow import Actor, load, loads
from workflow.calendar import Calendar
from workflow.calendar_file import load_calendar
from workflow.definition.shipped import shipped_calendar, shipped_flow
from workflow.errors import Unknown
from workflow.evidence import canonical
from workflow.store.items import entries
from workflow_adapters.activity import Activity, Judgement, follow_up, judge, read_activities
from workflow_adapters.importing import BadSheet
from workflow_adapters.importing import command as sheets

WEEK = "2019-W41"
WITHOUT_HOLIDAYS = {str(year): {"holidays": [], "workdays": []} for year in (2019, 2020)}
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def weekly(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    made = make_weekly(database_url, tmp_path / "home", below=4)
    made.engine.publish(loads(flow_text(TALK)))
    yield made
    made.engine.close()


def moments(weekly: Weekly) -> tuple[datetime, datetime]:
    """The last moment in time for the week, and the first that is late."""
    with weekly.look() as desk:
        from workflow import obligations

        missed = obligations.period(desk, FLOW, FIRST, WEEK).missed
    late = datetime.fromtimestamp(missed / 1_000_000, ZONE)
    return late - timedelta(seconds=1), late


def judged(weekly: Weekly, *records: Activity, **more: object) -> Judgement:
    with weekly.look() as desk:
        return judge(desk, FLOW, FIRST, WEEK, records, **more)  # type: ignore[arg-type]


def test_the_platforms_time_decides_however_late_the_record_arrives(weekly: Weekly) -> None:
    in_time, late = moments(weekly)
    weekly.at("2019-11-20 09:00")  # weeks later
    found = judged(weekly, Activity("a1", "o1", in_time), Activity("a2", "o2", late), Activity("a3", "o3", late))
    assert {j.unit: j.state for j in found.units} == {"o1": "IN_TIME", "o2": "LATE", "o3": "LATE", "o4": "MISSING"}
    first = judged(weekly, Activity("a5", "o2", late), Activity("a4", "o2", in_time))
    assert [(j.state, j.record) for j in first.units if j.unit == "o2"] == [("IN_TIME", "a4")]
    other_zone = in_time.astimezone(ZoneInfo("UTC"))
    assert judged(weekly, Activity("a1", "o1", other_zone)).of("IN_TIME") == ["o1"]


def test_whoever_counts_by_a_calendar_of_its_own_is_judged_by_its_own_date(database_url: str, tmp_path: Path) -> None:
    """o2 works on Monday 7 October: what everybody else may do until Tuesday noon is late for it by then."""
    text = (
        shipped_flow(FLOW)
        .read_text(encoding="utf-8")
        .replace("calendar: cn\n", "calendar: cn\ncalendars: {o2: mine}\n")
    )
    made = make_weekly(database_url, tmp_path / "home", definition=loads(text), below=3)
    content = load_calendar(shipped_calendar("cn")).to_canonical()
    made.engine.publish_calendar(Calendar.from_canonical({**content, "calendar": "mine", "years": WITHOUT_HOLIDAYS}))
    _, late = moments(made)
    made.at("2019-11-20 09:00")
    monday = late - timedelta(hours=23)
    found = judged(made, *(Activity(f"a{n}", f"o{n}", monday) for n in (1, 2)))
    assert {j.unit: j.state for j in found.units} == {"o1": "IN_TIME", "o2": "LATE", "o3": "MISSING"}
    made.engine.close()


def test_before_the_date_nobody_is_late_and_a_record_from_the_future_is_told(weekly: Weekly) -> None:
    in_time, _ = moments(weekly)
    weekly.at("2019-10-08 09:00")
    found = judged(weekly, Activity("a1", "o1", in_time + timedelta(days=30)))
    assert found.ahead == ("a1",) and set(found.of("DUE")) == {"o1", "o2", "o3", "o4"}
    assert follow_up(weekly.engine, found, flow="talk").opened == ()


def test_what_is_strange_is_reported_and_counts_for_nobody(weekly: Weekly) -> None:
    in_time, late = moments(weekly)
    weekly.at("2019-11-20 09:00")
    records = [
        Activity("a1", "P-1", in_time),
        Activity("a1", "P-1", in_time),  # the same twice is one
        Activity("a2", "P-9", in_time),
        Activity("a3", "P-t", in_time),
        *(Activity("a4", "P-2", at) for at in (in_time, late)),  # one id, two contents
    ]
    codes = {"P-1": "o1", "P-2": "o2", "P-t": "t1", "P-x": "nowhere"}
    found = judged(weekly, *records, Activity("a5", "P-x", in_time), units=codes)
    assert found.unknown == (("a2", "P-9"), ("a5", "P-x")) and found.elsewhere == ("a3",)
    assert found.disputed == ("a4",) and found.of("IN_TIME") == ["o1"]
    with pytest.raises(ValueError, match="time zone"):
        Activity("a6", "o1", datetime(2019, 10, 8, 9, 0))
    with pytest.raises(Unknown), weekly.look() as desk:
        judge(desk, FLOW, FIRST, "2019-W99", [])


def test_a_talk_is_opened_once_for_each_unit_at_the_one_above_and_nothing_is_decided(weekly: Weekly) -> None:
    in_time, late = moments(weekly)
    weekly.at("2019-11-20 09:00")
    records = [Activity("a1", "o1", in_time), Activity("a2", "o2", late)]
    found = judged(weekly, *records)
    followed = follow_up(weekly.engine, found, flow="talk")
    assert len(followed.opened) == 3 and followed.unfounded == ()
    case = weekly.engine.case_of(followed.opened[0])[0]
    assert case.unit == "t1" and case.fields_["whom"][0]["person"] == "o2-secretary"
    assert case.fields_["record"] == "a2" and weekly.engine.contents.get(case.fields_["records"])
    assert all(s.state != "signed" for s in case.slots)
    assert follow_up(weekly.engine, judged(weekly, *records), flow="talk").opened == ()
    assert weekly.verify().holds


def test_two_branches_miss_their_week_on_the_platform_and_the_superior_reaches_the_second_talk_first(
    weekly: Weekly,
) -> None:
    """From the platform to the question of measures: each branch's own reason, a talk with both secretaries, the
    count, and people who decide. Source: S4 「凡是不能按期通过党建信息化平台开展活动的,要逐支部说明原因,
    并对支部书记及上级党组织书记进行约谈」「累计约谈两次以上的要进行组织处理」, M43, R169, R170, R174."""
    for name in ("admonitory-talk", "circulated-criticism", "organisational-measures"):
        weekly.engine.publish(load(shipped_flow(name)))
    in_time, _ = moments(weekly)
    weekly.at("2019-11-20 09:00")
    there = [Activity(f"a{n}", f"o{n}", in_time) for n in (1, 4)]
    made = follow_up(weekly.engine, judged(weekly, *there), campaign="2019").opened
    assert len(made) == 2
    office, head = Actor("s1-department", "department", "s1"), Actor("s1-secretary", "secretary", "s1")
    proposed = []
    for n, item in enumerate(made):
        whom = [w["person"] for w in weekly.engine.case_of(item)[0].fields_["whom"]]
        assert whom == [f"o{n + 2}-secretary", "t1-secretary"]  # the branch's and the superior's, both
        weekly.at(f"2019-11-2{1 + n} 09:00")
        duty = {"duty": "the week's activity (invented)", "facts": "no record came (invented)"}
        sheet = {**duty, "reason": "the hall was flooded (invented)"}
        said = {"person": whom[0], "given-on": "2019-11-21", "words": "as found (invented)"}
        weekly.engine.submit(item, office, {"facts-sheet": sheet, "statement": said}, outcome="heard")
        flagged = [e for e in effects_of(weekly, item) if e["e"] == "same-words"]
        assert len(flagged) == n  # 逐支部说明原因: the second branch's reason is the first one's, and says so for good
        seen = lambda: weekly.engine.case_of(item)[0].content  # noqa: B023, E731
        weekly.engine.sign(item, office, seen())
        weekly.engine.decide(item, office, seen(), minutes="minutes (invented)", opinion="hold it", outcome="hold")
        weekly.engine.sign(item, head, seen(), opinion="agreed")
        line = {"talker": "s1-secretary", "held-on": f"2019-11-2{1 + n}", "place": "an invented hall"}
        line |= {"points": "invented", "commitment": "invented", "acknowledged": "signed"}
        weekly.engine.submit(item, office, {"talk-record": [{**line, "person": p} for p in whom]})
        weekly.engine.sign(item, office, seen())
        proposed += weekly.engine.sign(item, head, seen()).opened
    (measures,) = proposed
    case = weekly.engine.case_of(measures)[0]
    assert (case.flow, case.fields_["person"], case.fields_["times"]) == ("organisational-measures", "t1-secretary", 2)
    assert all(s.state != "signed" for s in case.slots) and weekly.verify().holds  # proposed; people decide


def effects_of(weekly: Weekly, item: str) -> list[dict[str, Any]]:
    with weekly.engine.reading() as connection:
        return [e for row in entries(connection, item) for e in canonical.read(row.body)["effects"]]


def test_a_record_that_shows_a_talk_to_be_unfounded_is_told_and_people_end_it(weekly: Weekly) -> None:
    in_time, _ = moments(weekly)
    weekly.at("2019-11-20 09:00")
    (missing,) = (i for i in follow_up(weekly.engine, judged(weekly), flow="talk").opened[:1])
    with weekly.look() as desk:
        unit = desk.case_of(missing)[0].fields_["about"].rpartition("/")[2]
    found = judged(weekly, Activity("a1", unit, in_time))
    followed = follow_up(weekly.engine, found, flow="talk")
    assert followed.opened == () and followed.unfounded == (missing,)
    assert not weekly.engine.case_of(missing)[0].final, "nobody but people end it"


def test_records_are_read_from_a_sheet_with_faults_at_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "platform.csv"
    path.write_text(
        "记录编号,单位,时间,活动\na1,o1,2019-10-08 09:30,主题党日\na2,o2,2019-10-08T09:30+00:00,\n", "utf-8"
    )
    first, second = read_activities(path, "Asia/Shanghai")
    assert second.at - first.at == timedelta(hours=8) and first.what == "主题党日"
    path.write_text("记录编号,单位,时间\na1,o1,yesterday\n,o1,2019-10-08 09:30\na3,o1,2019-10-08\n", "utf-8")
    with pytest.raises(BadSheet) as told:
        read_activities(path, "Asia/Shanghai")
    assert [f.cell for f in told.value.facts["faults"]] == ["C2", "A3", "C4"]


def test_the_command_judges_shows_and_opens_what_was_confirmed(weekly: Weekly, tmp_path: Path) -> None:
    in_time, late = moments(weekly)
    weekly.at("2019-11-20 09:00")
    path, codes = tmp_path / "platform.csv", tmp_path / "codes.csv"
    path.write_text(f"记录编号,单位,时间\na1,P-1,{in_time:%Y-%m-%d %H:%M:%S}\na2,P-2,{late}\na3,P-9,{late}\n", "utf-8")
    codes.write_text("平台编号,单位\nP-1,o1\nP-2,o2\n", "utf-8")
    app, run = typer.Typer(), CliRunner()
    sheets.register(app)
    app.command()(lambda: None)  # so that the group keeps its name
    url = str(weekly.engine.db.url.render_as_string(hide_password=False))
    asked = ["sheets", "activity", url, str(path), "--flow", FLOW, "--rule", FIRST, "--period", WEEK, "--open", "talk"]
    asked += ["--codes", str(codes), "--home", str(tmp_path / "home")]
    shown = run.invoke(app, [*asked, "--lang", "zh"])
    assert shown.exit_code == 0, shown.output
    for said in ("按期: 1", "迟报: 1", "未见记录: 2", "不认识的单位: a3 (P-9)", "共 3 处,未写入"):
        assert said in shown.output, shown.output
    token = shown.output.rsplit("--confirm ", 1)[1].split()[0]
    assert run.invoke(app, [*asked, "--confirm", "f" * 16]).exit_code == 2
    done = run.invoke(app, [*asked, "--confirm", token])
    assert done.exit_code == 0 and "3 items opened" in done.output, done.output
    again = run.invoke(app, asked)
    assert again.exit_code == 0 and "nothing would change" in again.output
    codes.write_text("平台编号,单位\nP-1,o1\nP-1,o2\n,o3\n", "utf-8")
    bad = run.invoke(app, asked)
    assert bad.exit_code == 2 and "B3" in bad.output and "A4" in bad.output and "Traceback" not in bad.output
