"""The sweep: each rung once and in order, one for each due in a sweep, whatever else is broken or late."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.test_keybook import run
from tests.contract.world import BAD_VOTE, World, make_world
from workflow import Actor, sweep, tick
from workflow.acts import Fire
from workflow.clock import SystemClock, micros
from workflow.errors import Conflict
from workflow.evidence import canonical
from workflow.store import appending, beat, items, queries, tables
from workflow.sweep import ATTEMPTS, MINUTE, parked, retry

HANDLER = Actor("o1-handler", "handler", "o1")


def shanghai(text: str) -> int:
    return micros(datetime.fromisoformat(text + "+08:00").astimezone(UTC))


def fired(world: World, item: str) -> list[tuple[int, str, list[str]]]:
    """The rungs on record: step, what it did, whom it told."""
    out = []
    with world.engine.reading() as connection:
        for entry in items.entries(connection, item):
            body = canonical.decode(entry.body)
            if body["act"]["kind"] == "fire":
                effect = body["effects"][0]
                out.append((effect["step"], effect["e"], [p["person"] for p in effect["to"]]))
    return out


def outbox(world: World) -> list[tuple[str, str]]:
    with world.engine.reading() as connection:
        rows = connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id)).all()
    return [(r.topic, r.recipient) for r in rows]


RUNGS = [
    ("2019-08-27T00:00", (0, "reminded", ["o1-secretary"])),
    ("2019-08-31T00:00", (1, "reminded", ["o1-secretary", "t1-secretary"])),
    ("2019-09-07T00:00", (2, "proposed", ["t1-secretary"])),
]


RUNGS_FIRED = [rung for _, rung in RUNGS]


def test_the_rungs_of_a_due_fire_in_order_each_at_its_moment_and_once(world: World) -> None:
    """Due 30 August, a Friday: three working days before, when missed, five working days after. Source: S4, R169."""
    world.begin("m1")
    expected = []
    for moment, rung in RUNGS:
        world.clock.set(shanghai(moment) - 1)
        assert tick(world.engine).fired == 0, f"before {moment}"
        world.clock.set(shanghai(moment))
        assert tick(world.engine).fired == 1, f"at {moment}"
        assert tick(world.engine).fired == 0, f"again at {moment}"
        expected.append(rung)
        assert fired(world, "m1") == expected
    world.clock.advance(timedelta(days=400))
    assert tick(world.engine).fired == 0
    assert outbox(world) == [(do, person) for _, do, told in expected for person in told]
    assert world.verify().exit_code == 0


def test_after_an_outage_one_rung_fires_in_each_sweep(world: World) -> None:
    world.begin("m1")
    world.clock.set(shanghai("2019-10-08T09:00"))
    for n in range(1, 4):
        assert tick(world.engine).fired == 1
        assert [step for step, _, _ in fired(world, "m1")] == list(range(n))
        world.clock.advance(timedelta(seconds=5))
    assert tick(world.engine).fired == 0
    assert world.verify().exit_code == 0


def test_after_an_outage_no_two_rungs_of_a_due_fire_at_once_however_many_nodes_sweep(world: World) -> None:
    """Time semantics: three days of downtime fire no three rungs in one second. Three nodes that sweep at one moment did."""
    world.begin("m1")
    world.clock.set(shanghai("2019-10-08T09:00"))
    nodes = [type(world.engine).at(world.url, world.home, clock=world.clock, durable=False) for _ in range(3)]
    for n in range(1, 4):
        assert sum(tick(node).fired for node in nodes) == 1
        assert [step for step, _, _ in fired(world, "m1")] == list(range(n))
        world.clock.advance(timedelta(seconds=5))
    assert sum(tick(node).fired for node in nodes) == 0
    for node in nodes:
        node.close()
    assert world.verify().exit_code == 0


def test_a_due_that_was_met_fires_nothing(world: World) -> None:
    world.begin("m1")
    world.through("m1")
    with world.engine.reading() as connection:
        state = connection.execute(
            sa.select(tables.due.c.state, tables.due.c.met_at).where(tables.due.c.rule == "report/1")
        ).one()
    assert state.state == 1 and state.met_at == world.clock.now()
    world.clock.set(shanghai("2019-08-31T00:00"))
    tick(world.engine)
    assert [d["item"] for d in _overdue(world)] == ["m1"]  # the plan's ten working days; the report's due was met
    assert all(e["rule"] != "report/1" for e in _overdue(world))
    with world.engine.desk() as desk:
        assert desk.fire([Fire(item="m1", rule="report/1", step=0)], world.clock.now()) == []


def _overdue(world: World) -> list[dict]:
    with world.engine.reading() as connection:
        return queries.overdue(connection, world.clock.now() + 10 * 86_400_000_000)


def test_what_is_overdue_is_known_without_any_sweep_having_run(world: World) -> None:
    world.begin("m1")
    moment = shanghai("2019-08-31T00:00")
    with world.engine.reading() as connection:
        assert queries.overdue(connection, moment - 1) == []
        assert [d["rule"] for d in queries.overdue(connection, moment)] == ["report/1"]


def test_a_proposal_opens_one_item_for_people_to_decide_and_sanctions_nobody(world: World) -> None:
    world.begin("m1")
    world.clock.set(shanghai("2019-10-08T09:00"))
    for _ in range(6):
        tick(world.engine)
        world.clock.advance(timedelta(seconds=5))
    with world.engine.reading() as connection:
        talks = connection.execute(sa.select(tables.item).where(tables.item.c.flow == "talk")).all()
    assert len(talks) == 1 and talks[0].unit == "t1"
    case = world.case(talks[0].id)
    assert case.stage == "proposed" and case.cites["item"] == "m1"
    assert case.fields_["whom"] == [{"unit": "o1", "post": "secretary", "person": "o1-secretary", "as": "holder"}]
    assert [s.state for s in case.slots] == ["open"]  # nothing has been decided
    assert world.verify().exit_code == 0


def test_who_is_told_is_resolved_on_the_day_a_rung_fires(world: World) -> None:
    from tests.contract.world import imported, person_row, tenure_row

    world.begin("m1")
    old = tenure_row("o1-secretary", "o1", "secretary", until="2019-08-20")
    rows = [old, tenure_row("successor", "o1", "secretary", "2019-08-20")]
    world.engine.import_org(imported(persons=[person_row("successor")], tenures=rows))
    world.clock.set(shanghai("2019-08-28T00:00"))
    tick(world.engine)
    assert fired(world, "m1") == [(0, "reminded", ["successor"])]


def test_a_rung_that_cannot_fire_waits_and_keeps_no_other_from_firing(world: World) -> None:
    for n in range(5):
        world.begin(f"m{n}")
    with world.engine.db.begin() as connection:  # a broken row, as no act makes one
        connection.execute(
            tables.item.update().where(tables.item.c.id == "m2").values(snapshot=canonical.encode({"v": 1}))
        )
    world.clock.set(shanghai("2019-08-28T00:00"))
    swept = tick(world.engine)
    assert (swept.fired, swept.failed) == (4, 1)
    assert [len(fired(world, f"m{n}")) for n in range(5)] == [1, 1, 0, 1, 1]
    tries = 1
    for _ in range(2 * ATTEMPTS):
        world.clock.advance(timedelta(microseconds=MINUTE * 2**tries))
        tries += tick(world.engine).failed
    assert tries == ATTEMPTS  # then it is parked for good and costs no sweep anything


def test_a_rung_in_quiet_hours_fires_at_its_moment_and_its_message_waits_for_the_morning(world: World) -> None:
    """R168: nobody is disturbed at midnight, and the record carries the true moment and the colour."""
    from tests.contract.world import MATTER, flow_text
    from workflow import loads
    from workflow.delivery import deliver
    from workflow.why import lines, why

    text = flow_text(MATTER).replace('version: "1"', 'version: "2"')
    text = text.replace("ladder:\n", 'quiet: {from: "18:00", until: "08:30"}\nladder:\n')
    text = text.replace("{before: 3 workdays, do: remind,", "{before: 3 workdays, colour: blue, do: remind,")
    world.engine.publish(loads(text))
    world.begin("m1")
    world.clock.set(shanghai("2019-08-27T00:00"))
    assert tick(world.engine).fired == 1
    sent: list[str] = []
    assert deliver(world.engine, lambda n: sent.append(n.recipient)).notices == 0
    world.clock.set(shanghai("2019-08-27T08:30") - 1)
    assert deliver(world.engine, lambda n: sent.append(n.recipient)).notices == 0
    world.clock.set(shanghai("2019-08-27T08:30"))
    assert deliver(world.engine, lambda n: sent.append(n.recipient)).notices == 1 and sent == ["o1-secretary"]
    with world.engine.look() as desk:
        (due,) = [d for d in why(desk, "m1") if d.rule == "report/1"]
    (rung,) = due.rungs
    assert (rung.at, rung.colour, rung.told_at) == (shanghai("2019-08-27T00:00"), "blue", shanghai("2019-08-27T08:30"))
    said = {lang: "\n".join(lines([due], "Asia/Shanghai", lang)) for lang in ("zh", "en")}  # type: ignore[arg-type]
    assert "催办 [蓝色]" in said["zh"] and "免打扰时段,2019-08-27 08:30 起送达" in said["zh"]
    assert "[blue]" in said["en"] and "quiet hours: told from 2019-08-27 08:30" in said["en"]
    world.clock.set(shanghai("2019-08-31T09:00"))  # a Saturday morning: by day nothing waits
    tick(world.engine)
    assert deliver(world.engine, lambda n: sent.append(n.recipient)).notices == 2
    assert world.verify().exit_code == 0


def park(world: World, item: str) -> bytes:
    """Break an item as no act does, until its rung is parked; gives back what stood there."""
    with world.engine.reading() as connection:
        whole = items.read(connection, item).snapshot
    with world.engine.db.begin() as connection:
        connection.execute(tables.item.update().where(tables.item.c.id == item).values(snapshot=b"{}"))
    world.clock.set(shanghai("2019-08-28T00:00"))
    for tried in range(ATTEMPTS):
        tick(world.engine)
        world.clock.advance(timedelta(microseconds=MINUTE * 2**tried))
    return whole


def test_a_parked_rung_fires_once_an_operator_has_mended_the_cause_and_says_so(world: World) -> None:
    """R168: what could not be told is told as soon as it can be, and never twice."""
    world.begin("m1")
    whole = park(world, "m1")
    (waiting,) = parked(world.engine)
    assert (waiting.item, waiting.rule, waiting.step, waiting.attempts) == ("m1", "report/1", 0, ATTEMPTS)
    with world.engine.db.begin() as connection:
        connection.execute(tables.item.update().where(tables.item.c.id == "m1").values(snapshot=whole))
    world.clock.advance(timedelta(days=1))
    assert tick(world.engine).fired == 0  # it is mended, and nobody has said so
    assert retry(world.engine, "m2") == [] and retry(world.engine, "m1", "report/2") == []
    assert [p.item for p in retry(world.engine, "m1")] == ["m1"]
    assert retry(world.engine) == [] and parked(world.engine) == []
    assert tick(world.engine).fired == 1
    assert fired(world, "m1") == RUNGS_FIRED[:1] and world.verify().exit_code == 0


@pytest.mark.parametrize(("lang", "meaning"), [("en", ": a rung could not fire;"), ("zh", ":措施未能触发")])
def test_what_goes_wrong_in_a_sweep_is_said_while_it_works(tmp_path: Path, lang: str, meaning: str) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    with world.engine.db.begin() as connection:
        connection.execute(tables.item.update().values(snapshot=b"{}"))
    world.engine.close()
    done = run("tick", tmp_path / "w.db", "--home", world.home, "--lang", lang, code=1)
    (line,) = done.stderr.splitlines()
    assert line[:4].isdigit() and f"Z warning rung.parked item=m1 rule=report/1 step=0 attempts=1{meaning}" in line
    again = run("tick", tmp_path / "w.db", "--home", world.home)
    assert again.stderr == ""  # it waits for its next try


def test_every_warning_of_the_library_has_words() -> None:
    from workflow import log
    from workflow.cli.warned import WORDS

    said = re.findall(r'logger\.(?:warning|error)\("([^"]+)"', Path(log.__file__).read_text(encoding="utf-8"))
    assert set(said) == set(WORDS) and len(said) == 11


def test_an_operator_lists_parked_rungs_and_has_one_tried_again(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    whole = park(world, "m1")
    db, home = tmp_path / "w.db", ("--home", world.home)
    listed = run("rungs", "list", db, *home, "--lang", "en", code=1).output
    assert "m1 report/1" in listed and f"{ATTEMPTS} times" in listed
    with world.engine.db.begin() as connection:
        connection.execute(tables.item.update().where(tables.item.c.id == "m1").values(snapshot=whole))
    assert "no such rung" in run("rungs", "retry", db, "--item", "m2", *home, "--lang", "en", code=1).output
    assert "will be tried again" in run("rungs", "retry", db, "--item", "m1", *home, "--lang", "en").output
    assert "没有搁置的督办措施" in run("rungs", "list", db, *home, "--lang", "zh").output
    world.clock.advance(timedelta(days=10_000))  # the command asked the machine's own clock
    assert tick(world.engine).fired == 1 and parked(world.engine) == []
    world.engine.close()


def test_a_rung_that_fails_again_after_a_retry_is_parked_again(world: World) -> None:
    world.begin("m1")
    whole = park(world, "m1")
    retry(world.engine)
    tries = 0
    for tried in range(2 * ATTEMPTS):
        tries += tick(world.engine).failed
        world.clock.advance(timedelta(microseconds=MINUTE * 2**tried))
    assert tries == ATTEMPTS and len(parked(world.engine)) == 1
    with world.engine.db.begin() as connection:
        connection.execute(tables.item.update().where(tables.item.c.id == "m1").values(snapshot=whole))


def test_names_as_long_as_the_tables_hold_make_a_key_that_fits_and_stays_the_same() -> None:
    words = ("i" * 64, "s" * 64 + "/12/look-back-3", 2, "u" * 64, "p" * 64, "某" * 64)
    assert len(appending.message_key(*words)) == appending.KEY and appending.message_key(
        *words
    ) == appending.message_key(*words)
    assert appending.message_key(*words) != appending.message_key(*words[:-1], "乙" * 64)
    assert appending.message_key("m1", "report/1", 0, "o1", "secretary", "p1") == "m1 report/1 0 o1 secretary p1"


def test_a_rung_that_waited_fires_when_it_can_and_its_count_begins_anew(world: World) -> None:
    world.begin("m1")
    with world.engine.reading() as connection:
        snapshot = items.read(connection, "m1").snapshot
    for broken in (b"{}", snapshot):
        with world.engine.db.begin() as connection:
            connection.execute(tables.item.update().where(tables.item.c.id == "m1").values(snapshot=broken))
        world.clock.set(shanghai("2019-08-28T00:00") if broken == b"{}" else shanghai("2019-08-28T00:01"))
        swept = tick(world.engine)
    assert (swept.fired, swept.failed) == (1, 0)
    with world.engine.reading() as connection:
        assert connection.execute(sa.select(tables.due.c.attempts)).scalars().all() == [0]


def test_a_reminder_does_not_touch_what_a_person_is_about_to_sign(world: World) -> None:
    world.begin("m1")
    seen = world.engine.show("m1").digest
    world.clock.set(shanghai("2019-08-28T00:00"))
    tick(world.engine)
    assert world.engine.show("m1").digest == seen
    world.engine.sign("m1", HANDLER, seen, opinion="agreed")


def test_firing_a_rung_by_hand_before_its_moment_is_refused(world: World) -> None:
    world.begin("m1")
    with pytest.raises(Conflict):
        world.engine.act(Fire(item="m1", rule="report/1", step=0))
    with pytest.raises(Conflict):
        world.engine.act(Fire(item="m1", rule="report/1", step=2))
    assert fired(world, "m1") == []


def test_every_sweep_of_a_named_node_leaves_a_heartbeat(world: World) -> None:
    world.begin("m1")
    tick(world.engine, node="a")
    world.clock.set(shanghai("2019-08-28T00:00"))
    tick(world.engine, node="b")
    tick(world.engine, node="a")
    with world.engine.reading() as connection:
        beats = beat.all_beats(connection)
    assert {b["node"]: (b["at"], b["fired"]) for b in beats} == {
        "a": (world.clock.now(), 0),
        "b": (world.clock.now(), 1),
    }


def test_thousands_of_rungs_at_one_moment_fire_in_one_sweep(world: World) -> None:
    from workflow.acts import Open

    opens = [Open(item=f"bulk-{n}", flow="matter", unit="o1", campaign="c2") for n in range(450)]
    with world.engine.desk() as desk:
        desk.open_many(opens)
    world.clock.set(shanghai("2019-08-28T00:00"))
    assert tick(world.engine).fired == 450
    assert world.verify(contents=False).exit_code == 0


def test_a_later_round_is_due_by_the_date_the_acceptor_set(world: World) -> None:
    """R079."""
    world.walk_to("vote", "m1")
    world.engine.record_tally("m1", Actor("o1-scrutineer", "scrutineer", "o1"), BAD_VOTE)
    case = world.through("m1", due="2019-10-15")
    ((rule, due),) = case.dues.items()
    assert rule.startswith("rework/") and due["missed"] == shanghai("2019-10-16T00:00")


def test_an_idle_sweep_asks_one_question(world: World) -> None:
    """The moment, what was published and the first due, together: round trips are what an idle sweep costs."""
    world.begin("m1")
    tick(world.engine)
    asked: list[str] = []
    listener = (world.engine.db, "before_cursor_execute", lambda c, cursor, text, *more: asked.append(text))
    sa.event.listen(*listener)
    try:
        assert tick(world.engine).fired == 0
        assert len(asked) == 1
        world.clock.now = lambda: shanghai("2019-09-02T00:00")  # type: ignore[method-assign]
        assert tick(world.engine).fired == 1
    finally:
        sa.event.remove(*listener)


def test_a_node_begins_where_it_left_off_and_now_and_then_at_the_beginning(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The low-water mark, only under the clock of PostgreSQL; any other clock may be set back."""
    world = make_world(postgres_url, tmp_path / "home")
    e, then, now = world.engine, world.clock, SystemClock()
    e.clock = now
    assert tick(e).fired == 0
    e.clock = then
    world.begin("m2")  # armed years behind the mark
    e.clock = now
    assert tick(e).fired == 0
    sweep._marks[e].scanned_at -= sweep.RESCAN  # type: ignore[operator]
    assert tick(e).fired == 1
    now.now = lambda: SystemClock().now() + 90_000_000  # type: ignore[method-assign]
    with caplog.at_level("WARNING", logger="workflow"):
        tick(e, node="n")
    (said,) = (r for r in caplog.records if r.getMessage() == "clock.skewed")
    assert said.wf_node == "n" and 85_000_000 < said.wf_by_us < 95_000_000
    e.close()
