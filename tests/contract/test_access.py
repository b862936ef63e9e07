"""Who looked at what, what is kept for how long, and where contents lie. Source: evidence, access log and retention."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from tests.contract.test_keybook import run
from tests.contract.world import MATTER, START, World, flow_text, make_world
from workflow import Actor, loads
from workflow.access import BULK, record, search
from workflow.clock import micros
from workflow.errors import ContentMissing, TooLarge, Unknown
from workflow.keeping import orphans, over, propose, retire
from workflow.schedule import attach
from workflow.store import tables as t
from workflow.store.contents import DatabaseContentStore

HANDLER, SECRETARY = Actor("o1-handler", "handler", "o1"), Actor("o1-secretary", "secretary", "o1")
FAR = Actor("o3-secretary", "secretary", "o3")
BY = {"by": "p-0001", "reason": "an invented reason"}


def found(world: World, **asked: object) -> list[tuple[str, str, str, tuple[str, ...]]]:
    with world.engine.reading() as connection:
        return [(a.kind, a.person, a.what, a.irregular) for a in search(connection, **asked)]  # type: ignore[arg-type]


def test_looks_and_exports_are_found_by_person_period_unit_and_irregularity(world: World) -> None:
    seen = world.case(world.begin("m1")).content
    world.engine.view("m1", HANDLER, seen)
    world.clock.advance(timedelta(hours=1))
    world.engine.view("m1", FAR, seen)
    record(world.engine, "export", by="p-0001", what="m1", reason="an invented inquiry")
    world.clock.advance(timedelta(hours=1))
    record(world.engine, "export", by="p-0002", what="unit:o1", unit="s1")
    record(world.engine, "verify", by="p-0002", what="database", unit="s1")
    assert [f[:2] for f in found(world)] == [
        ("view", "o1-handler"),
        ("export", "p-0001"),
        ("view", "o3-secretary"),
        ("export", "p-0002"),
        ("verify", "p-0002"),
    ]
    assert [f[0] for f in found(world, person="p-0002")] == ["export", "verify"]
    hour = micros(START + timedelta(hours=1))
    assert [f[1] for f in found(world, since=hour, until=hour + 1)] == ["p-0001", "o3-secretary"]
    assert len(found(world, unit="o1")) == 4 and len(found(world, unit="s1")) == 2 and len(found(world, unit="o3")) == 1
    assert [f[0] for f in found(world, item="m1")] == ["view", "export", "view"] and found(world, item="m") == []
    assert [(f[1], f[3]) for f in found(world, irregular=True)] == [
        ("o3-secretary", ("aside",)),
        ("p-0002", ("no-reason",)),
    ]
    assert world.verify().holds


def test_an_access_is_found_by_the_units_of_who_did_it_and_by_those_it_was_about(world: World) -> None:
    """Nobody says for which unit they export: the posts they hold that day say it, and the words what it was about."""
    world.begin("m1")
    for by, what in (
        ("s1-secretary", "signatures item=m1"),
        ("s1-secretary", "ledger campaign=c1 under=t1"),
        ("nobody-here", "matter unit=o3"),
        ("nobody-here", "unit:o3"),
        ("nobody-here", "campaign:c1"),
        ("nobody-here", "unit= item=none: under"),
    ):
        record(world.engine, "export", by=by, what=what)
    by_unit = {unit: [f[2] for f in found(world, unit=unit)] for unit in ("s1", "o1", "t1", "o3")}
    assert by_unit == {
        "s1": ["signatures item=m1", "ledger campaign=c1 under=t1"],
        "o1": ["signatures item=m1"],
        "t1": ["ledger campaign=c1 under=t1"],
        "o3": ["matter unit=o3", "unit:o3"],
    }


def test_whoever_looks_at_very_many_items_in_an_hour_is_named(world: World) -> None:
    for n in range(BULK + 1):
        world.engine.open("matter", "o1", item=f"m{n}", campaign="c1", category="leak")
        world.engine.view(f"m{n}", SECRETARY, world.case(f"m{n}").content)
        world.clock.advance(timedelta(minutes=1))
    assert all("bulk" in f[3] for f in found(world, irregular=True)) and len(found(world, irregular=True)) == BULK + 1
    assert found(world, person="o1-handler") == []


def test_the_commands_record_and_search(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    world.engine.close()
    db, home = tmp_path / "w.db", ["--home", world.home]
    out = ["--contents", world.home, "--out", tmp_path / "m1.wfproof"]
    run("bundle", "m1", "--db", db, *out, "--by", "p-0001", *home)
    done = run("verify", db, "--by", "p-0002", *home, "--json")
    assert json.loads(done.output)["on_record"] == "access#2"
    run("access", "record", db, "--kind", "search", "--by", "p-0003", "--what", "words", *home)
    said = run("trace", "m1", "--db", db, "--by", "p-0004", "--reason", "an invented inquiry", *home)
    assert "on record in the access log: access#4" in said.stderr
    run(
        "export", db, "xes", "--item", "m1", "-o", tmp_path / "m1.xes", "--by", "p-0005", "--reason", "asked for", *home
    )
    said = run("access", "search", db, "--unit", "o1", "--by", "p-0006", *home, "--lang", "en")
    lines = [line[22:] for line in said.stdout.splitlines()]
    assert lines[:-1] == [
        "export  p-0001  m1  access#1  [no-reason]",
        "trace   p-0004  m1  access#4  an invented inquiry",
        "export  p-0005  xes item=m1  access#5  asked for",
        "search  p-0006  unit=o1  access#6",
    ]
    assert len(json.loads(run("access", "search", db, "--person", "p-0002", "--json").output)) == 1
    assert run("access", "search", db, "--item", "m1", "--lang", "en").stdout.endswith("3 found\n")
    assert run("access", "search", db, "--lang", "en").output.endswith("6 found\n")
    run("backup", db, tmp_path / "kept", "--by", "p-0007", "--reason", "the week's copy", *home)
    (taken,) = json.loads(run("access", "search", db, "--person", "p-0007", "--json").output)
    assert (taken["kind"], taken["what"], taken["reason"]) == ("export", "backup", "the week's copy")
    run("access", "record", db, "--kind", "peek", "--by", "p-0003", "--what", "words", *home, code=2)


def test_what_nobody_is_named_for_or_cannot_be_written_is_done_and_said_not_to_be_on_record(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    world.engine.close()
    db = f"sqlite:///file:{tmp_path / 'w.db'}?mode=ro&uri=true"
    home, out = ["--home", world.home], ["-o", tmp_path / "m1.wfproof", "--force"]
    for command in (
        ["bundle", "m1", "--db", db, *out],
        ["verify", db],
        ["trace", "m1", "--db", db],
        ["export", db, "xes", "--item", "m1", "-o", tmp_path / "m1.xes"],
        ["access", "search", db],
    ):
        said = run(*command, "--lang", "en").stderr
        assert "not on record in the access log: name who asks with --by" in said
        said = run(*command, "--by", "p-0001", *home, "--lang", "en").stderr
        assert "not on record in the access log: this database can only be read here" in said
    assert (tmp_path / "m1.xes").exists() and (tmp_path / "m1.wfproof").exists()
    assert run("access", "search", tmp_path / "w.db").stdout == "0 found\n"
    run(
        "verify", tmp_path / "w.db", "--by", "p-0001", "--home", tmp_path / "elsewhere", code=2
    )  # no key: nothing is done


def test_postgresql_that_may_only_be_read_is_read(postgres_url: str, tmp_path: Path) -> None:
    """The test before says it of SQLite."""
    world = make_world(postgres_url, tmp_path / "home")
    world.begin("m1")
    sign = "&" if "?" in world.url else "?"
    only = f"{world.url}{sign}options=-c%20default_transaction_read_only%3Don"
    said = run("verify", only, "--by", "p-0001", "--home", world.home, "--lang", "en").stderr
    assert "this database can only be read here" in said and found(world) == []
    world.engine.close()


# --- retention ------------------------------------------------------------------------------------------------------


def test_contents_go_after_their_period_and_no_entry_does(world: World) -> None:
    world.engine.open("matter", "o1", item="m1", campaign="c1", category="leak")
    world.engine.submit(
        "m1",
        HANDLER,
        {"sheet": {"count": 0, "words": "one dry pipe"}, "statement": {"statement": "nothing leaks here"}},
        outcome="nothing",
    )
    while not world.case("m1").final:
        world.sign("m1")
    world.begin("m2", "o3")
    gone = set(world.case("m1").materials.values())
    kept = set(world.case("m2").materials.values())
    later = micros(START + timedelta(days=1))
    entries = world.entries()
    with pytest.raises(Unknown):
        retire(world.engine, micros(START), **BY)
    made = retire(world.engine, later, **BY)
    assert made.item == "erasures" and world.entries() == entries + 1
    assert not any(world.engine.contents.has(d) for d in gone) and all(world.engine.contents.has(d) for d in kept)
    report = world.verify()
    assert report.holds and report.retired >= gone and report.contents_missing == 0
    with pytest.raises(Unknown):
        retire(world.engine, later, **BY)
    world.engine.contents.remove(next(iter(kept)))  # not on record
    assert {f.code for f in world.verify().failures} == {"content"}


KEPT = MATTER.replace(
    "fields: {count: {type: integer, min: 0, max: 100}, words: {type: text, max: 200}}",
    """keep-for: 10 years
    fields:
      count: {type: integer, min: 0, max: 100}
      words: {type: text, max: 200, personal: whom, keep-for: 2 years}
      note: {type: text, max: 200, personal: whom, required: false}
      whom: {type: person, required: false, personal: true}""",
).replace("statement: {title: statement, fields", "statement: {title: statement, keep-for: 1 year, fields")
WORDS, NOTE = "a pipe of theirs drips", "told by telephone"


def _kept(world: World, *, upto: str = "nothing") -> None:
    """An item under a flow that says how long its papers are kept, closed as there being nothing."""
    world.engine.publish(loads(flow_text(KEPT, "2")))
    world.engine.open("matter", "o1", item="m1", campaign="c1", category="leak")
    sheet = {"count": 0, "words": WORDS, "note": NOTE, "whom": "visitor-7"}
    papers = {"sheet": sheet, "statement": {"statement": "nothing leaks here"}}
    world.engine.submit("m1", HANDLER, papers, outcome="nothing")
    while world.case("m1").stage != upto:
        world.sign("m1")


def test_what_its_flow_says_is_kept_no_longer_goes_when_its_period_is_over_and_all_else_stays(world: World) -> None:
    """Each period counts from the day the item was closed; values go alone, documents under their digest. Source: R221."""
    _kept(world, upto="report")
    world.clock.advance(timedelta(days=4000))
    with world.engine.look() as desk:
        assert over(desk) == {}, "nothing of an open item is over"
    _kept_is(world, 0, 0)
    while not world.case("m1").final:
        world.sign("m1")
    held = world.case("m1").materials
    world.clock.advance(timedelta(days=370))
    assert _kept_is(world, 1, 0) == [held["statement"]]
    retire(world.engine, **BY)
    assert world.engine.contents.has(held["sheet"]) and not world.engine.contents.has(held["statement"])
    shown = world.engine.show("m1").contents
    assert shown["sheet"]["words"] == WORDS
    assert (shown["statement"]["removed"]["kind"], shown["statement"]["removed"]["place"]) == (
        "retire-contents",
        "erasures#1",
    )
    world.clock.advance(timedelta(days=365))
    _kept_is(world, 0, 1)
    retire(world.engine, **BY)
    shown = world.engine.show("m1").contents
    assert shown["sheet"]["words"].startswith("personal:") and shown["sheet"]["note"] == NOTE
    with pytest.raises(Unknown, match="nothing is to be removed"):
        retire(world.engine, **BY)
    world.clock.advance(timedelta(days=365 * 9))
    _kept_is(world, 1, 2)  # with the document go the values that have no period of their own
    retire(world.engine, **BY)
    _kept_is(world, 0, 0)
    with world.engine.reading() as connection:
        left = [connection.execute(t.metadata.tables[n].select()).all() for n in ("wf_personal", "wf_subject")]
        assert left == [[], []]
    report = world.verify()
    assert report.holds and report.retired >= set(held.values()) and report.rules == "hold"
    assert world.verify(contents=False).holds


def test_a_worker_tells_once_a_day_what_is_kept_too_long_and_removes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    _kept(world)
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start(paused=True)
    attach(world.engine, scheduler, node="host")
    (look,) = (j.func for j in scheduler.get_jobs() if "-keeping-" in j.id)
    world.clock.advance(timedelta(days=370))
    with caplog.at_level("WARNING", "workflow"):
        look()
        look()
        world.clock.advance(timedelta(days=1))
        look()
    told = [r for r in caplog.records if r.message == "contents.kept_too_long"]
    assert [(r.wf_items, r.wf_documents, r.wf_values) for r in told] == [(1, 1, 0)] * 2  # type: ignore[attr-defined]
    assert all(world.engine.contents.has(one) for one in world.case("m1").materials.values())
    scheduler.shutdown(wait=False)


def _kept_is(world: World, documents: int, values: int) -> list[str]:
    with world.engine.look() as desk:
        found = over(desk)
    assert [sum(len(getattr(o, n)) for o in found.values()) for n in ("documents", "values")] == [documents, values]
    assert propose(world.engine) == found
    return [one for each in found.values() for one in each.documents]


def test_a_value_that_another_item_still_needs_stays_until_that_one_is_over_too(world: World) -> None:
    """One value of one person is one commitment: where it stands in an open item as well, it is kept."""
    _kept(world)
    world.engine.open("matter", "o1", item="m2", campaign="c1", category="leak")
    again = {"sheet": {"count": 1, "words": WORDS, "whom": "visitor-7"}}
    world.engine.submit("m2", HANDLER, again, outcome="found")
    world.clock.advance(timedelta(days=800))
    assert len(_kept_is(world, 1, 0)) == 1  # the statement of m1; its words are those of m2


def test_a_list_goes_with_its_lines_and_everything_still_verifies(world: World) -> None:
    """What a list says stands in the working tables too; an earlier removal left it there."""
    world.walk_to("closed", "m1")
    world.clock.advance(timedelta(days=500))
    world.sign("m1")
    world.sign("m1")
    assert world.case("m1").final
    before = world.clock.now() + 1
    lines = t.metadata.tables["wf_line"]
    with world.engine.reading() as connection:
        assert len(connection.execute(lines.select()).all()) == 2
    retire(world.engine, before, **BY)
    with world.engine.reading() as connection:
        assert connection.execute(lines.select()).all() == []
    for contents in (True, False):
        report = world.verify(contents=contents)
        assert report.failures == [], contents


def test_contents_that_nobody_cites_are_found_by_command(tmp_path: Path) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'w.db'}", tmp_path / "home")
    world.begin("m1")
    assert orphans(world.engine) == []
    one = world.engine.contents.put(b"never cited")
    assert orphans(world.engine) == [one]
    world.engine.close()
    asked = ["contents", "orphans", tmp_path / "w.db", "--home", world.home, "--lang", "en"]
    assert one in run(*asked, code=1).output
    assert "1 found, removed" in run(*asked, "--remove").output
    assert run(*asked).output == "0 found\n"


# --- contents in the database ---------------------------------------------------------------------------------------


def test_contents_may_lie_in_the_database_and_go_with_their_transaction(world: World) -> None:
    store = world.engine.contents = DatabaseContentStore(world.engine.db, size_limit=1000)
    world.walk_to("plan", "m1")
    with world.engine.reading() as connection:
        assert all(store.on(connection).has(d) for d in world.case("m1").materials.values())
    assert store.get(store.put(b"abc")) == b"abc" and store.put(b"abc") in set(store.iterate())
    with pytest.raises(TooLarge):
        store.put(bytes(1001))
    for wrong in ("sha256:" + "0" * 64, "../../etc/passwd", "sm3:" + "0" * 64):
        with pytest.raises(ContentMissing):
            store.get(wrong)
    lost = ""
    with suppress(ZeroDivisionError), world.engine.desk() as desk:
        lost = desk.contents.put(b"rolled back")
        raise ZeroDivisionError
    assert lost and not store.has(lost)
    abc = store.put(b"abc")
    assert store.has(abc) and store.remove(abc) and not store.remove(abc)
