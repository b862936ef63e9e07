"""Every refusal a rule can raise: its class, its words, and that nothing was written."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.world import BAD_VOTE, MEASURES, SHEET, START, World, imported, person_row, tenure_row
from workflow import Actor, Receipt, errors
from workflow.acts import Sign
from workflow.clock import micros
from workflow.errors import (
    AlreadySeen,
    Avoidance,
    BadMaterial,
    ClockBehind,
    Conflict,
    DateRequired,
    ExitOpen,
    GateClosed,
    LimitReached,
    LinesOpen,
    MaterialMissing,
    NoSuchExit,
    NotHolder,
    OneByOne,
    OutOfTurn,
    ReasonRequired,
    Refused,
    SamePerson,
    Stale,
    Unknown,
    WindowOpen,
    WorkflowError,
    WrongMeaning,
    WrongStage,
    ZeroRefused,
)
from workflow.store.tables import item as item_table

HANDLER = Actor("o1-handler", "handler", "o1")
SECRETARY = Actor("o1-secretary", "secretary", "o1")
SCRUTINEER = Actor("o1-scrutineer", "scrutineer", "o1")
T1 = Actor("t1-secretary", "secretary", "t1")
S1 = Actor("s1-secretary", "secretary", "s1")
OFFICE = Actor("s1-department", "department", "s1")

Case = tuple[type[WorkflowError], str, Callable[[World, str], Any]]
CASES: dict[str, Case] = {}


def refusal(
    expected: type[WorkflowError], words: str
) -> Callable[[Callable[[World, str], Any]], Callable[[World, str], Any]]:
    """The decorated function prepares an item called by its second argument and returns the act that is refused."""

    def register(prepare: Callable[[World, str], Any]) -> Callable[[World, str], Any]:
        CASES[prepare.__name__] = (expected, words, prepare)
        return prepare

    return register


def signing(w: World, item: str, by: Actor, **more: Any) -> Callable[[], Any]:
    seen = more.pop("seen", w.case(item).content)
    return lambda: w.engine.sign(item, by, seen, **{"opinion": "agreed", **more})


# --- who -------------------------------------------------------------------------------------------------------------


@refusal(NotHolder, "o1-handler")
def somebody_who_does_not_hold_the_post(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, Actor("nobody", "handler", "o1"))


@refusal(NotHolder, "nobody (vacant, no backstop)")
def a_post_that_is_vacant_and_not_backed_up(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: (
        w.engine.close_line(item, Actor("nobody", "scrutineer", "t2"), "measures", 1, b"photo")
        if w.case(item).stage == "work"
        else w.engine.submit(item, Actor("nobody", "department", "o1"), SHEET)
    )


@refusal(ClockBehind, "set the clock of the database or of this machine right")
def a_clock_that_stands_before_the_stage(w: World, item: str) -> Any:
    """It says that a signature "does not verify" of a person who did nothing wrong; the clock is to be set right."""
    w.begin(item)
    w.clock.advance(timedelta(hours=-1))
    return signing(w, item, HANDLER)


@refusal(OutOfTurn, "Every lower place signs first")
def the_level_above_before_the_level_below(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, T1)


@refusal(OutOfTurn, "1:handler@o1")
def the_secretary_before_the_handler(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, SECRETARY)


@refusal(OutOfTurn, "3:handler@t1")
def a_slot_that_is_named_but_not_open(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, Actor("t1-handler", "handler", "t1"), slot="3")


@refusal(OutOfTurn, "1:handler@o1")
def an_open_slot_of_somebody_else_named_by_key(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, SECRETARY, slot="1")


@refusal(OutOfTurn, "ghost")
def a_slot_that_does_not_exist(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, HANDLER, slot="ghost")


@refusal(OutOfTurn, "expected 1:secretary@o1")
def somebody_above_who_saw_nothing(w: World, item: str) -> Any:
    w.walk_to("plan", item)
    w.engine.sign(item, SECRETARY, w.case(item).content)
    return signing(w, item, S1, seen="sha256:0")


@refusal(SamePerson, "must be another person")
def one_person_for_two_posts_that_must_be_two_persons(w: World, item: str) -> Any:
    """R020 allows concurrent posts; the definition asks for two persons here."""
    w.begin(item)
    w.sign(item)
    w.sign(item)
    w.sign(item, by=Actor("t1-department", "handler", "t1"))
    return signing(w, item, Actor("t1-department", "department", "t1"))


@refusal(SamePerson, "must be another person")
def one_scrutineer_for_both_places(w: World, item: str) -> Any:
    w.walk_to("vote", item)
    w.sign(item)
    return signing(w, item, SCRUTINEER)


@refusal(Avoidance, "lead of o1")
def the_lead_accepts_their_own_work(w: World, item: str) -> Any:
    """回避: who guided the work does not accept it."""
    w.walk_to("plan", item)
    w.engine.name_lead(item, T1, S1)
    w.engine.sign(item, SECRETARY, w.case(item).content)
    for no in (1, 2):
        w.engine.close_line(item, SECRETARY, "measures", no, b"photo")
    w.through(item)
    w.engine.record_tally(item, SCRUTINEER, {"votes": {"eligible": 2, "voted": 2, "aware": 2, "dissatisfied": 0}})
    w.through(item)
    w.engine.submit(item, S1, {"card": {"total": 80}})
    return lambda: w.engine.accept(item, S1, w.case(item).content)


# --- what was seen, what it means -------------------------------------------------------------------------------------


@refusal(Stale, "Show it again")
def content_that_changed_after_it_was_shown(w: World, item: str) -> Any:
    w.begin(item)
    seen = w.case(item).content
    w.engine.submit(item, HANDLER, {"sheet": {"count": 9, "words": "nine pipes"}}, outcome="found")
    return signing(w, item, HANDLER, seen=seen)


@refusal(Stale, "nothing")
def nothing_seen_at_all(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, HANDLER, seen="")


@refusal(WrongMeaning, "decide")
def a_plain_signature_where_a_meeting_decides(w: World, item: str) -> Any:
    w.begin(item)
    for _ in range(4):
        w.sign(item)
    return signing(w, item, Actor("t1-department", "department", "t1"))


@refusal(WrongMeaning, "sign")
def a_meetings_decision_where_a_person_signs(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.decide(item, HANDLER, w.case(item).content, minutes="minutes", opinion="agreed")


@refusal(WrongMeaning, "or a return")
def another_outcome_than_the_one_already_signed(w: World, item: str) -> Any:
    w.begin(item)
    w.sign(item)
    return signing(w, item, SECRETARY, outcome="dropped")


@refusal(WrongMeaning, "by the score")
def an_outcome_against_the_score(w: World, item: str) -> Any:
    w.walk_to("acceptance", item)
    return lambda: w.engine.accept(item, S1, w.case(item).content, outcome="unqualified", due="2020-12-01")


@refusal(NoSuchExit, "dropped, found, nothing")
def an_outcome_that_is_no_exit(w: World, item: str) -> Any:
    w.begin(item, outcome="")
    return signing(w, item, HANDLER, outcome="forgotten")


@refusal(NoSuchExit, "expected one of dropped, found, nothing")
def a_proposed_outcome_that_is_no_exit(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return lambda: w.engine.submit(item, HANDLER, SHEET, outcome="forgotten")


@refusal(ExitOpen, "expected one of dropped, found, nothing; got none")
def a_first_signature_that_leaves_the_way_out_open(w: World, item: str) -> Any:
    """Everybody after signs over it: nobody could name it any more, and the place could only be returned."""
    w.begin(item, outcome="")
    return signing(w, item, HANDLER)


@refusal(AlreadySeen, "secretary@o1")
def a_signature_taken_back_after_the_next_one(w: World, item: str) -> Any:
    w.begin(item)
    w.sign(item)
    w.sign(item)
    return lambda: w.engine.withdraw(item, HANDLER, "1")


@refusal(AlreadySeen, "o1-secretary")
def a_signature_taken_back_after_somebody_looked(w: World, item: str) -> Any:
    w.begin(item)
    w.sign(item)
    w.engine.view(item, SECRETARY, w.case(item).content)
    return lambda: w.engine.withdraw(item, HANDLER, "1")


@refusal(OutOfTurn, "a place signed by you")
def a_signature_of_somebody_else_taken_back(w: World, item: str) -> Any:
    w.begin(item)
    w.sign(item)
    return lambda: w.engine.withdraw(item, SECRETARY, "1")


# --- what must be there -----------------------------------------------------------------------------------------------


@refusal(MaterialMissing, "sheet")
def a_first_signature_without_the_material(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return signing(w, item, HANDLER, outcome="found")


@refusal(MaterialMissing, "statement")
def an_exit_without_what_it_needs(w: World, item: str) -> Any:
    w.begin(item, outcome="nothing")
    return signing(w, item, HANDLER)


@refusal(MaterialMissing, "card")
def a_material_of_another_stage(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return lambda: w.engine.submit(item, HANDLER, {"card": {"total": 9}})


@refusal(MaterialMissing, "a named lead")
def a_plan_without_a_lead(w: World, item: str) -> Any:
    w.begin(item)
    w.through(item)
    w.engine.submit(item, SECRETARY, MEASURES)
    w.engine.post_notice(item, HANDLER, "plan", channel="board", place="hall")
    return signing(w, item, SECRETARY)


@refusal(MaterialMissing, "evidence for line 1")
def a_line_closed_without_evidence(w: World, item: str) -> Any:
    w.walk_to("work", item)
    return lambda: w.engine.close_line(item, SECRETARY, "measures", 1, b"")


@refusal(LinesOpen, "1 open")
def a_stage_left_with_an_open_line(w: World, item: str) -> Any:
    w.walk_to("work", item)
    w.engine.close_line(item, SECRETARY, "measures", 1, b"photo")
    return signing(w, item, SECRETARY)


@refusal(LinesOpen, "line 1 is closed")
def a_line_closed_twice(w: World, item: str) -> Any:
    w.walk_to("work", item)
    w.engine.close_line(item, SECRETARY, "measures", 1, b"photo")
    return lambda: w.engine.close_line(item, SECRETARY, "measures", 1, b"another photo")


@refusal(LinesOpen, "line 7 is absent")
def a_line_that_is_not_there(w: World, item: str) -> Any:
    w.walk_to("work", item)
    return lambda: w.engine.close_line(item, SECRETARY, "measures", 7, b"photo")


@refusal(OutOfTurn, "secretary@o1, or a preparing post")
def a_line_closed_by_another_unit(w: World, item: str) -> Any:
    w.walk_to("work", item)
    return lambda: w.engine.close_line(item, Actor("o3-secretary", "secretary", "o3"), "measures", 1, b"photo")


@refusal(ReasonRequired, "the minutes of the meeting")
def a_decision_without_minutes(w: World, item: str) -> Any:
    w.begin(item)
    for _ in range(4):
        w.sign(item)
    by = Actor("t1-department", "department", "t1")
    return lambda: w.engine.decide(item, by, w.case(item).content, minutes="", opinion="agreed")


@refusal(ReasonRequired, "an opinion")
def a_signature_without_the_opinion_the_chain_asks_for(w: World, item: str) -> Any:
    w.begin(item)
    return signing(w, item, HANDLER, opinion="   ")


@refusal(ReasonRequired, "a written reason")
def a_return_without_a_reason(w: World, item: str) -> Any:
    w.begin(item)
    w.sign(item)
    return lambda: w.engine.send_back(item, SECRETARY, w.case(item).content, " ")


@refusal(ReasonRequired, "a written reason")
def an_exit_that_needs_a_reason_without_one(w: World, item: str) -> Any:
    w.begin(item, outcome="")
    return signing(w, item, HANDLER, outcome="dropped")


@refusal(ReasonRequired, "choose this way when signing")
def an_exit_that_needs_a_reason_proposed_by_a_paper_that_carries_none(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return lambda: w.engine.submit(item, HANDLER, SHEET, outcome="dropped")


@refusal(MaterialMissing, "statement")
def an_exit_chosen_by_the_first_signer_without_what_it_needs(w: World, item: str) -> Any:
    w.begin(item, outcome="")
    return signing(w, item, HANDLER, outcome="nothing")


@refusal(OutOfTurn, "is the first")
def a_return_from_the_first_place(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.send_back(item, HANDLER, w.case(item).content, "no")


@refusal(ReasonRequired, "a written reason")
def a_reopening_without_a_reason(w: World, item: str) -> Any:
    w.walk_to("closed", item)
    return lambda: w.engine.reopen(item, OFFICE, w.case(item).content, "")


@refusal(DateRequired, "due=YYYY-MM-DD")
def rework_without_a_date(w: World, item: str) -> Any:
    """R079."""
    w.walk_to("vote", item)
    w.engine.record_tally(item, SCRUTINEER, BAD_VOTE)
    w.sign(item)
    return signing(w, item, Actor("o1-scrutineer-2", "scrutineer", "o1"))


@refusal(DateRequired, "2019-08-01")
def rework_by_a_date_that_has_passed(w: World, item: str) -> Any:
    w.walk_to("vote", item)
    w.engine.record_tally(item, SCRUTINEER, BAD_VOTE)
    w.sign(item)
    return signing(w, item, Actor("o1-scrutineer-2", "scrutineer", "o1"), due="2019-08-01")


# --- windows, gates, zero ---------------------------------------------------------------------------------------------


@refusal(WindowOpen, "none posted")
def a_plan_that_was_never_posted(w: World, item: str) -> Any:
    w.begin(item)
    w.through(item)
    w.engine.name_lead(item, T1, Actor("t1-department", "department", "t1"))
    w.engine.submit(item, SECRETARY, MEASURES)
    return signing(w, item, SECRETARY)


@refusal(WindowOpen, "both end days counted")
def a_result_before_its_notice_has_run(w: World, item: str) -> Any:
    w.walk_to("published", item)
    w.clock.advance(timedelta(days=2))
    return signing(w, item, OFFICE)


@refusal(WindowOpen, "a day from 2020")
def the_end_of_tracking_before_the_period_is_over(w: World, item: str) -> Any:
    w.walk_to("closed", item)
    w.clock.advance(timedelta(days=80))
    w.sign(item)
    return lambda: w.engine.look_back(item, OFFICE, w.case(item).content)


@refusal(BadMaterial, "$.place")
def a_notice_posted_nowhere(w: World, item: str) -> Any:
    w.walk_to("plan", item)
    return lambda: w.engine.post_notice(item, HANDLER, "plan", channel="board", place=" ")


@refusal(WrongStage, "published")
def a_notice_in_a_stage_that_posts_none(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.post_notice(item, HANDLER, "result", channel="board", place="hall")


@refusal(WrongStage, "published")
def an_objection_where_nothing_is_posted(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.object_to(item, "I object")


@refusal(GateClosed, "missing: o1, o2, o3")
def a_report_before_any_child_has_reported(w: World, item: str) -> Any:
    """R036: a unit reports up only when every child has."""
    w.engine.open("survey", "t1", item=item, campaign=item)
    found = {"found": [{"unit": "o1", "result": "found"}]}
    return lambda: w.engine.submit(item, Actor("t1-handler", "handler", "t1"), found, outcome="reported")


@refusal(GateClosed, "missing: o2, o3")
def a_report_while_children_are_still_missing(w: World, item: str) -> Any:
    _zero(w, f"{item}-o1", "o1", item)
    w.engine.open("survey", "o3", item=f"{item}-o3", campaign=item)
    w.engine.open("survey", "t1", item=item, campaign=item)
    by = Actor("t1-handler", "handler", "t1")
    return lambda: w.engine.report_zero(item, by, {"statement": {"statement": "nil"}})


def _zero(w: World, item: str, unit: str, campaign: str) -> None:
    holder = "t1" if unit == "o2" else unit
    w.engine.open("survey", unit, item=item, campaign=campaign)
    w.engine.report_zero(item, Actor(f"{holder}-handler", "handler", unit), {"statement": {"statement": "nil"}})
    w.through(item)


@refusal(ZeroRefused, "1 line(s)")
def a_zero_report_beside_findings(w: World, item: str) -> Any:
    """R058."""
    w.engine.open("survey", "o1", item=item, campaign=item)
    lists = {"found": [{"unit": "o1", "result": "found"}], "statement": {"statement": "nil"}}
    w.engine.report_zero(item, HANDLER, lists)
    return signing(w, item, HANDLER)


@refusal(ZeroRefused, "a report without a line")
def an_empty_report_that_is_no_zero_statement(w: World, item: str) -> Any:
    w.engine.open("survey", "o1", item=item, campaign=item)
    w.engine.submit(item, HANDLER, {"found": []}, outcome="reported")
    return signing(w, item, HANDLER)


@refusal(WrongStage, "a stage with a zero report")
def a_zero_report_where_none_is_owed(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return lambda: w.engine.report_zero(item, HANDLER, {"statement": {"statement": "nil"}})


# --- materials that do not fit ----------------------------------------------------------------------------------------


def _bad(values: Any) -> Callable[[World, str], Any]:
    def prepare(w: World, item: str) -> Any:
        w.engine.open("matter", "o1", item=item)
        return lambda: w.engine.submit(item, HANDLER, values, outcome="found")

    return prepare


_BAD: dict[str, tuple[type[WorkflowError], str, Any]] = {
    "a_number_as_text": (BadMaterial, "$.sheet.count does not fit", {"sheet": {"count": "3", "words": "drips"}}),
    "a_truth_for_a_number": (BadMaterial, "$.sheet.count", {"sheet": {"count": True, "words": "drips"}}),
    "a_number_above_its_bound": (BadMaterial, "from 0 to 100", {"sheet": {"count": 101, "words": "drips"}}),
    "a_hollow_word": (BadMaterial, "that says something", {"sheet": {"count": 1, "words": "略"}}),
    "a_text_too_long": (BadMaterial, "1 to 200 characters", {"sheet": {"count": 1, "words": "x" * 201}}),
    "an_absent_field": (BadMaterial, "$.sheet.words", {"sheet": {"count": 1}}),
    "a_field_nobody_asked_for": (BadMaterial, "$.sheet.extra", {"sheet": {"count": 1, "words": "a", "extra": 1}}),
    "a_list_for_a_document": (BadMaterial, "a map of fields", {"sheet": [1]}),
    "a_document_for_a_list": (BadMaterial, "a list of lines", {"measures": {"measure": "x"}}),
    "a_list_below_its_least": (BadMaterial, "at least 1", {"measures": []}),
    "a_date_that_is_none": (
        BadMaterial,
        "$.measures[2].due",
        {"measures": [{"measure": "x y", "due": "2019-10-01"}, {"measure": "x y", "due": "2019-02-30"}]},
    ),
    "a_line_that_is_no_map": (BadMaterial, "$.measures[1]", {"measures": ["x"]}),
    "too_many_lines": (LimitReached, "10001 lines", {"measures": [{"measure": "x", "due": "2019-10-01"}] * 10_001}),
    "a_material_the_flow_does_not_know": (Unknown, "matter knows card, measures", {"letter": {}}),
}
for _name, (_class, _words, _values) in _BAD.items():
    CASES[_name] = (_class, _words, _bad(_values))


# --- stages -----------------------------------------------------------------------------------------------------------


@refusal(WrongStage, "an item still under way")
def anything_on_an_archived_item(w: World, item: str) -> Any:
    w.begin(item, outcome="")
    w.through(item, outcome="dropped", reason="it was never there")
    return lambda: w.engine.submit(item, HANDLER, SHEET)


@refusal(WrongStage, "closed")
def a_reopening_of_what_was_never_closed(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.reopen(item, HANDLER, w.case(item).content, "because")


@refusal(WrongStage, "work")
def a_line_closed_before_its_stage(w: World, item: str) -> Any:
    w.walk_to("plan", item)
    return lambda: w.engine.close_line(item, SECRETARY, "measures", 1, b"photo")


@refusal(OutOfTurn, "or a preparing post there")
def material_handed_in_by_another_unit(w: World, item: str) -> Any:
    w.engine.open("matter", "o1", item=item)
    return lambda: w.engine.submit(item, Actor("o3-handler", "handler", "o3"), SHEET)


@refusal(OutOfTurn, "somebody of t1, s1, g1")
def a_lead_named_by_the_unit_itself(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.name_lead(item, SECRETARY, Actor("t1-department", "department", "t1"))


@refusal(NotHolder, "t1-department")
def a_lead_who_does_not_hold_the_post_named(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.name_lead(item, T1, Actor("nobody", "department", "t1"))


@refusal(WrongStage, "other than 1")
def nodes_that_bind_already(w: World, item: str) -> Any:
    w.clock.set(START)
    w.begin(item)
    return lambda: w.engine.adopt_nodes(item, Actor("g1-secretary", "secretary", "g1"), "1")


@refusal(WrongStage, "in force on 2019-08-12")
def nodes_that_are_not_in_force_yet(w: World, item: str) -> Any:
    w.clock.set(START)
    w.begin(item)
    return lambda: w.engine.adopt_nodes(item, Actor("g1-secretary", "secretary", "g1"), "2")


@refusal(OutOfTurn, "somebody of g1")
def nodes_adopted_by_somebody_below_the_top(w: World, item: str) -> Any:
    w.clock.set(START)
    w.begin(item)
    w.clock.advance(timedelta(days=30))
    return lambda: w.engine.adopt_nodes(item, S1, "2")


@refusal(Unknown, "known are 1, 2")
def nodes_that_do_not_exist(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.adopt_nodes(item, Actor("g1-secretary", "secretary", "g1"), "9")


@refusal(Unknown, "unit")
def an_item_about_a_unit_nobody_knows(w: World, item: str) -> Any:
    w.begin(item)
    return lambda: w.engine.open("matter", "atlantis", item=f"{item}-lost")


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_words_that_say_what_to_do_and_nothing_is_written(shared: World, name: str) -> None:
    expected, words, prepare = CASES[name]
    shared.clock.set(max(shared.clock.now(), micros(START)))
    act = prepare(shared, f"r-{name}"[:60])
    before, entries = shared.case(f"r-{name}"[:60]), shared.entries()
    with pytest.raises(expected) as caught:
        act()
    error = caught.value
    assert type(error) is expected and words in str(error)
    assert not re.search(r"\{[a-z_]+[!}]", error.text("zh")) and error.text("zh") != str(error)
    if isinstance(error, Refused):
        assert error.rule == error.code and error.place.startswith(("matter@1: ", "survey@1: "))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is expected and str(again) == str(error) and again.facts.keys() == error.facts.keys()
    assert (shared.case(f"r-{name}"[:60]), shared.entries()) == (before, entries)


ELSEWHERE = {  # refusals that are shown where what they are about is
    "NotAssigned": "test_roving.py",
    "NotReached": "test_counting.py",
    "NotAbove": "test_org_rights.py",
    "NotPublisher": "test_migration.py",
    "BurdenHeld": "test_checks.py",
    "NotApart": "test_places.py",
    "BallotRefused": "test_ballots.py",
    "CannotMove": "test_migration.py",
}


def test_every_refusal_that_a_rule_can_raise_is_shown_here() -> None:
    """``bad-signature`` is shown with the verbs, ``one-by-one`` below: it is an answer, not an exception. Mandates and
    steps in person are shown in test_mandates."""
    refusals = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Refused)} - {Refused}
    refusals = {c for c in refusals if not issubclass(c, errors.MandateRefused)} - {errors.InPerson}
    here = Path(__file__).parent
    for name, file in ELSEWHERE.items():
        assert name in (here / file).read_text(encoding="utf-8"), f"{file} no longer shows {name}"
        refusals.discard(getattr(errors, name))
    shown = {expected for expected, _, _ in CASES.values()} | {errors.BadSignature, errors.OneByOne}
    assert refusals == shown & refusals


def test_a_child_report_that_changed_meanwhile_closes_the_gate_again(world: World) -> None:
    """A report rests on the exact entries its children signed."""
    for unit in ("o1", "o2", "o3"):
        _zero(world, f"z-{unit}", unit, "c1")
    world.engine.open("survey", "t1", item="z-t1", campaign="c1")
    by = Actor("t1-handler", "handler", "t1")
    world.engine.report_zero("z-t1", by, {"statement": {"statement": "nil"}})
    relied = world.case("z-t1").relies
    assert [r["item"] for r in relied] == ["z-o1", "z-o2", "z-o3"]
    with world.engine.db.begin() as connection:  # no verb changes a settled report: an attacker's hand does
        connection.execute(item_table.update().where(item_table.c.id == "z-o1").values(head=b"\x01" * 32))
    with pytest.raises(GateClosed, match="changed meanwhile"):
        world.engine.sign("z-t1", by, world.case("z-t1").content)


def test_who_left_the_post_can_no_longer_sign_and_what_they_signed_stays(world: World) -> None:
    world.begin("m1")
    receipt = world.sign("m1")
    old = tenure_row("o1-handler", "o1", "handler", until="2019-08-13")
    new = tenure_row("successor", "o1", "handler", "2019-08-13")
    world.engine.import_org(imported(persons=[person_row("successor")], tenures=[old, new]))
    world.engine.send_back("m1", SECRETARY, world.case("m1").content, "count again")
    world.clock.advance(timedelta(days=1))
    with pytest.raises(NotHolder, match="successor"):
        world.engine.sign("m1", HANDLER, world.case("m1").content, opinion="agreed")
    world.engine.sign("m1", Actor("successor", "handler", "o1"), world.case("m1").content, opinion="agreed")
    assert receipt.seq == 3 and world.verify().exit_code == 0


def test_nobody_accepts_as_superior_what_they_answer_for_below(world: World) -> None:
    """回避: whoever holds the unit's own post stands aside, whatever other posts they hold."""
    rows = [tenure_row("s1-secretary", "o3", "secretary", "2016-01-01")]
    rows.append(tenure_row("o3-secretary", "o3", "secretary", until="2016-01-01"))
    world.engine.import_org(imported(tenures=rows))
    o3 = Actor("s1-secretary", "secretary", "o3")
    e = world.engine
    e.open("matter", "o3", item="m1", campaign="c1")
    e.submit("m1", Actor("o3-handler", "handler", "o3"), SHEET, outcome="found")
    while (case := world.case("m1")).stage == "report":
        own = (case.open_slots[0].unit, case.open_slots[0].post) == ("o3", "secretary")
        world.sign("m1", **({"by": o3} if own else {}))
    e.name_lead("m1", T1, Actor("t1-department", "department", "t1"))
    e.submit("m1", o3, MEASURES)
    e.post_notice("m1", Actor("o3-handler", "handler", "o3"), "plan", channel="board", place="hall")
    world.sign("m1", by=o3)
    for no in (1, 2):
        e.close_line("m1", o3, "measures", no, b"photo")
    world.sign("m1", by=o3)
    votes = {"votes": {"eligible": 2, "voted": 2, "aware": 2, "dissatisfied": 0}}
    e.record_tally("m1", Actor("o3-scrutineer", "scrutineer", "o3"), votes)
    world.through("m1")
    e.submit("m1", S1, {"card": {"total": 80}})
    with pytest.raises(Avoidance, match="secretary of o3"):
        e.accept("m1", S1, world.case("m1").content)


def test_what_is_to_be_accepted_one_by_one_is_not_accepted_in_bulk_and_holds_no_other(world: World) -> None:
    """Source: S0 「逐个评估」, R134."""
    world.walk_to("acceptance", "m1")
    world.begin("m2")
    for _ in range(9):
        world.sign("m2")
    seen = {"ghost": "", **{item: world.case(item).content for item in ("m1", "m2")}}
    acts = [Sign(item=i, by=S1, seen=seen[i], opinion="agreed") for i in ("m1", "m2", "ghost", "m2")]
    with world.engine.desk() as desk:
        results = desk.sign_many(acts)
    assert [type(r) for r in results] == [OneByOne, Receipt, Unknown, Conflict]
    assert (world.case("m1").stage, world.case("m2").stage) == ("acceptance", "plan")
    assert world.engine.accept("m1", S1, world.case("m1").content).stage == "published"
    assert world.verify().exit_code == 0
