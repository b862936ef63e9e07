"""Handing messages over, on each database: at least once under a stable key, nobody unreachable in the way, digests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.weekly import FLOW, Weekly, make_weekly, shanghai
from tests.contract.world import TALK, flow_text
from workflow import loads
from workflow.acts import Open
from workflow.channels import Patient
from workflow.delivery import LEASE, MINUTE, MOST, Delivered, Hangs, Notice, NotYet, Policy, Withheld, deliver
from workflow.engine import Engine
from workflow.errors import Conflict
from workflow.hint import WAITING, Inline, Thread, looks
from workflow.schedule import once
from workflow.store import outbox, scan, tables
from workflow.sweep import tick

NOON = "2019-09-16 12:00"


@pytest.fixture
def weekly(database_url: str, tmp_path: Path) -> Iterator[Weekly]:
    """Eleven organisations have just been reminded: each secretary, and t1's for every one of them."""
    made = make_weekly(database_url, tmp_path / "home", start="2019-09-12 09:00")
    made.at(NOON)
    tick(made.engine)
    yield made
    made.engine.close()


class Inbox:
    """Receives notices; remembers keys as a receiver should, and fails for whom it is told to."""

    def __init__(self, dead: str = "") -> None:
        self.dead = dead
        self.notices: list[Notice] = []
        self.tries: Counter[str] = Counter()

    def __call__(self, notice: Notice) -> None:
        self.tries[notice.recipient] += 1
        if notice.recipient == self.dead:
            raise ConnectionError("invented")
        self.notices.append(notice)

    @property
    def kept(self) -> dict[str, Notice]:
        """What is left when what was seen before is dropped."""
        return {n.key: n for n in self.notices}

    def messages(self) -> list[str]:
        return sorted(m.key for n in self.kept.values() for m in n.messages)


def written(w: Weekly) -> list[str]:
    """The key of every message there is."""
    with w.engine.reading() as connection:
        return sorted(connection.execute(sa.select(tables.outbox.c.dedupe)).scalars())


def waiting(w: Weekly) -> int:
    with w.engine.reading() as connection:
        query = sa.select(sa.func.count()).where(tables.outbox.c.sent_at.is_(None)).select_from(tables.outbox)
        return int(connection.execute(query).scalar_one())


def test_every_message_is_handed_over_once_and_then_nothing_is_left(weekly: Weekly) -> None:
    """R168: repeated sends are not duplicated."""
    inbox = Inbox()
    assert deliver(weekly.engine, inbox) == Delivered(22, 22, 0)
    assert inbox.messages() == written(weekly) and waiting(weekly) == 0
    assert deliver(weekly.engine, inbox) == Delivered()
    assert {m.topic for n in inbox.notices for m in n.messages} == {"reminded"}
    assert all(m.facts["step"] == 0 and m.at == shanghai(NOON) for n in inbox.notices for m in n.messages)


def test_a_digest_is_one_notice_for_each_recipient_that_lists_every_item(weekly: Weekly) -> None:
    """Counts in equal counts out."""
    inbox, policy = Inbox(), Policy(digest=("08:30", "17:30"))
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered()  # the cycle has not ended
    weekly.at("2019-09-16 17:30")
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered(12, 22, 0)
    by = {n.recipient: len(n.messages) for n in inbox.notices}
    assert by == {"t1-secretary": 11, **{f"o{n}-secretary": 1 for n in range(1, 12)}}
    assert len({n.key for n in inbox.notices}) == 12
    assert inbox.messages() == written(weekly)
    tick(weekly.engine)  # t1 and t2 are late since five
    weekly.at("2019-09-17 08:29")
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered()
    weekly.at("2019-09-17 08:30")
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered(3, 4, 0)
    assert inbox.messages() == written(weekly)


def test_a_crash_between_sending_and_marking_sends_the_same_notice_again_under_the_same_key(weekly: Weekly) -> None:
    inbox, policy = Inbox(), Policy(digest=("12:00",))

    class Died(BaseException):
        pass

    def dies(notice: Notice) -> None:
        inbox(notice)
        raise Died

    weekly.at("2019-09-16 12:01")
    policy = Policy(digest=("12:01",))
    with pytest.raises(Died):
        deliver(weekly.engine, dies, policy=policy)
    assert len(inbox.notices) == 1
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered()  # claimed by the one that died, for a while
    weekly.clock.set(weekly.clock.now() + LEASE)
    assert deliver(weekly.engine, inbox, policy=policy) == Delivered(12, 22, 0)
    again = [n for n in inbox.notices if n.key == inbox.notices[0].key]
    assert len(again) == 2 and again[0].messages == again[1].messages
    assert len(inbox.notices) == 13 and inbox.messages() == written(weekly)


def test_a_recipient_nobody_can_reach_blocks_nobody_and_is_tried_less_and_less(weekly: Weekly) -> None:
    inbox = Inbox(dead="o3-secretary")
    assert deliver(weekly.engine, inbox) == Delivered(21, 21, 1)
    tried = [1]
    for _ in range(6):
        weekly.clock.set(weekly.clock.now() + MINUTE)
        deliver(weekly.engine, inbox)
        tried.append(inbox.tries["o3-secretary"])
    assert tried == [1, 2, 2, 3, 3, 3, 3]  # after one minute, then two, then four
    for _ in range(20):
        weekly.clock.set(weekly.clock.now() + MOST)
        deliver(weekly.engine, inbox)
    assert inbox.tries["o3-secretary"] == 23  # and never given up
    inbox.dead = ""
    weekly.clock.set(weekly.clock.now() + MOST)
    assert deliver(weekly.engine, inbox) == Delivered(1, 1, 0)
    assert inbox.messages() == written(weekly)


def test_a_recipient_whom_it_takes_long_not_to_reach_is_tried_once_a_round_however_much_waits(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """t1's secretary is told of eleven organisations: eleven times a channel's time-out was everybody's wait."""
    now = [0]
    monkeypatch.setattr("workflow.delivery.steady", lambda: now[0])
    inbox = Inbox(dead="t1-secretary")

    def slow(notice: Notice) -> None:
        if notice.recipient == inbox.dead:
            now[0] += 10_000_000
        inbox(notice)

    assert deliver(weekly.engine, slow) == Delivered(11, 11, 1, later=10)
    assert (inbox.tries["t1-secretary"], now[0]) == (1, 10_000_000)
    first = inbox.tries.copy()
    weekly.clock.set(weekly.clock.now() + MINUTE)
    assert deliver(weekly.engine, slow) == Delivered(0, 0, 1, later=10)
    assert inbox.tries - first == Counter({"t1-secretary": 1})
    weekly.clock.set(weekly.clock.now() + MINUTE)
    assert deliver(weekly.engine, slow) == Delivered()  # two minutes now, for all of them
    inbox.dead = ""
    weekly.clock.set(weekly.clock.now() + MINUTE)
    assert deliver(weekly.engine, slow) == Delivered(11, 11, 0)
    assert inbox.messages() == written(weekly)


def test_a_notice_that_nothing_can_hand_over_does_not_keep_the_others_of_its_recipient_for_ever(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, inbox = [0], Inbox()
    monkeypatch.setattr("workflow.delivery.steady", lambda: now[0])
    poison = [written(weekly)[-1]]
    (whose,) = {r.recipient for r in _outbox(weekly) if r.dedupe == poison[0]}
    own = [r.dedupe for r in _outbox(weekly) if r.recipient == "t1-secretary"]
    poison = own[:1] if whose != "t1-secretary" else poison

    def slow(notice: Notice) -> None:
        if notice.key in poison:
            now[0] += 10_000_000
            raise TimeoutError
        inbox(notice)

    for _ in range(3):
        deliver(weekly.engine, slow)
        weekly.clock.set(weekly.clock.now() + 4 * MINUTE)
    assert inbox.messages() == sorted(set(written(weekly)) - set(poison))


def test_bad_notices_at_both_ends_of_what_a_recipient_waits_for_do_not_keep_those_between_for_ever(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round begins one notice further on, and goes on until one takes long to fail."""
    now, inbox = [0], Inbox()
    monkeypatch.setattr("workflow.delivery.steady", lambda: now[0])
    own = [r.dedupe for r in _outbox(weekly) if r.recipient == "t1-secretary"]
    poison, tried = {own[0], own[5], own[-1]}, []

    def slow(notice: Notice) -> None:
        tried.append(notice.key)
        if notice.key in poison:
            now[0] += 10_000_000
            raise TimeoutError
        inbox(notice)

    assert deliver(weekly.engine, slow) == Delivered(11, 11, 1, later=10)
    for _ in range(11):
        weekly.clock.set(weekly.clock.now() + MOST)
        deliver(weekly.engine, slow)
    assert inbox.messages() == sorted(set(written(weekly)) - poison)
    assert [k for k in tried if k in own][:6] == [own[0], *own[1:6]]  # the second round begins behind the first's
    assert all(tried.count(key) >= 2 for key in poison)


def test_a_call_that_still_hangs_is_slow_however_soon_it_says_so(weekly: Weekly) -> None:
    """Each further notice of the recipient would fail for itself, at once, and wait for its own try."""
    tries: list[str] = []

    def hangs(notice: Notice) -> None:
        if notice.recipient == "t1-secretary":
            tries.append(notice.key)
            raise Hangs

    assert deliver(weekly.engine, hangs) == Delivered(11, 11, 1, later=10)
    assert len(tries) == 1


def _outbox(w: Weekly) -> list[Any]:
    with w.engine.reading() as connection:
        return list(connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id)))


def test_what_cannot_be_tried_before_a_lease_ends_is_given_back_and_not_handed_over_twice(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, inbox = [0], Inbox()
    monkeypatch.setattr("workflow.delivery.steady", lambda: now[0])
    claimed: list[int] = []

    def slow(notice: Notice) -> None:
        now[0] += 60_000_000
        if len(inbox.notices) == 4:  # more than the half of a lease: the rest is free again, or is claimed anew
            claimed.append(waiting(weekly))
        inbox(notice)

    assert deliver(weekly.engine, slow) == Delivered(22, 22, 0)
    assert len(inbox.notices) == 22 and inbox.messages() == written(weekly)
    assert {r.attempts for r in _outbox(weekly)} == {1}


def test_a_call_that_hangs_keeps_no_other_notice_from_going_out(weekly: Weekly) -> None:
    inbox, let_go, held = Inbox(), threading.Event(), Held()

    def hangs(notice: Notice) -> None:
        if notice.recipient == "o3-secretary":
            held.threads.append(threading.current_thread())
            let_go.wait(30)
        inbox(notice)

    patient = Patient(hangs, seconds=0.2)
    assert deliver(weekly.engine, patient) == Delivered(21, 21, 1)
    weekly.clock.set(weekly.clock.now() + MINUTE)
    assert deliver(weekly.engine, patient) == Delivered(0, 0, 1)  # it still hangs: at once, and no second thread
    assert inbox.tries["o3-secretary"] == 0
    let_go.set()
    held.ended()
    weekly.clock.set(weekly.clock.now() + 2 * MINUTE)
    assert deliver(weekly.engine, patient) == Delivered(1, 1, 0)
    assert inbox.tries["o3-secretary"] == 1 and waiting(weekly) == 0  # it had arrived, late, and is not sent again
    assert inbox.messages() == written(weekly)
    patient.close()


class Held:
    """The threads in which calls ran: each ends with the call it was left to."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def ended(self) -> None:
        for thread in set(self.threads):
            thread.join(10)
        assert self.threads and not any(thread.is_alive() for thread in self.threads)


def test_a_call_that_was_given_up_on_and_failed_late_is_made_anew() -> None:
    let_go, held, came = threading.Event(), Held(), []

    def hangs(notice: Notice) -> None:
        came.append(notice.key)
        held.threads.append(threading.current_thread())
        if len(came) == 1:
            let_go.wait(30)
            raise ConnectionError("invented")

    patient = Patient(hangs, seconds=0.05)
    first, other = (Notice(key, "p", (), 1) for key in "ab")
    for notice in (first, first, other):
        with pytest.raises(Hangs):
            patient(notice)
    assert came == ["a"]
    let_go.set()
    held.ended()
    patient(other)
    patient(first)
    assert came == ["a", "b", "a"]
    patient.close()
    held.ended()


def test_of_calls_that_came_back_late_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.channels.KEPT", 2)
    gates, held = [threading.Event() for _ in range(5)], Held()

    def hangs(notice: Notice) -> None:
        held.threads.append(threading.current_thread())
        gates[int(notice.key)].wait(30)

    patient = Patient(hangs, seconds=0.05)
    for n, gate in enumerate(gates):
        with pytest.raises(Hangs):
            patient(Notice(str(n), "p", (), 1))
        gate.set()
        held.ended()
    assert list(patient._left) == ["2", "3", "4"]  # two that came back, when the last was left


def test_no_thread_stays_behind_a_round_and_a_later_round_gets_another(weekly: Weekly) -> None:
    """A host that calls ``once`` had a thread more each time."""
    held = Held()

    def send(notice: Notice) -> None:
        held.threads.append(threading.current_thread())

    assert once(weekly.engine, send=send).delivered == Delivered(22, 22, 0)
    held.ended()
    with weekly.engine.db.begin() as connection:
        connection.execute(tables.outbox.update().values(sent_at=None, next_try_at=0))
    assert once(weekly.engine, send=send).delivered == Delivered(22, 22, 0)
    held.ended()
    assert len(set(held.threads)) == 2
    patient = Patient(send)
    for n in (3, 4):
        patient(Notice("k", "p", (), 1))
        patient.close()
        patient.close()
        held.ended()
        assert len(set(held.threads)) == n


def test_with_too_many_calls_hanging_nothing_is_tried_and_nothing_failed(weekly: Weekly) -> None:
    let_go = threading.Event()
    patient = Patient(lambda notice: let_go.wait(30) and None, seconds=0.05, most=2)
    done = deliver(weekly.engine, patient)
    assert (done.notices, done.failed, done.failed + done.later) == (0, 2, 22)
    # its next try is a minute on by the engine's clock, which here says 2019: this machine's would be years off
    assert {r.next_try_at for r in _outbox(weekly)} == {weekly.clock.now() + MINUTE}
    let_go.set()
    patient.close()


def test_a_channel_that_takes_so_many_a_minute_is_through_in_as_many_minutes_as_that_takes(weekly: Weekly) -> None:
    """What waits for its turn is no failure: with the waits of failures, which double, 22 messages would take hours."""
    inbox, began = Inbox(), weekly.clock.now()
    taken: list[int] = []

    def five_a_minute(notice: Notice) -> None:
        now = weekly.clock.now()
        if len(taken) >= 5 and taken[-5] > now - MINUTE:
            raise NotYet(taken[-5] + MINUTE)
        taken.append(now)
        inbox(notice)

    assert deliver(weekly.engine, five_a_minute) == Delivered(5, 5, 0, later=17)
    with weekly.engine.reading() as connection:
        tried = connection.execute(
            sa.select(tables.outbox.c.attempts).where(tables.outbox.c.sent_at.is_(None))
        ).scalars()
        assert set(tried) == {0}
    while waiting(weekly):
        weekly.clock.set(weekly.clock.now() + MINUTE)
        deliver(weekly.engine, five_a_minute)
    assert weekly.clock.now() == began + 4 * MINUTE
    assert inbox.messages() == written(weekly) and len(inbox.notices) == 22


def test_a_channel_without_a_turn_is_not_asked_about_all_that_waits(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.delivery.MESSAGES", 4)
    asked: list[str] = []

    def shut(notice: Notice) -> None:
        asked.append(notice.key)
        raise NotYet(weekly.clock.now() + MINUTE)

    assert deliver(weekly.engine, shut) == Delivered(later=4)
    assert len(asked) == 4 and waiting(weekly) == 22


def test_what_a_channel_must_not_carry_is_done_with_and_told_to_whoever_operates_it(
    weekly: Weekly, caplog: pytest.LogCaptureFixture
) -> None:
    def outside(notice: Notice) -> None:
        raise Withheld("classified")

    assert deliver(weekly.engine, outside) == Delivered(withheld=22)
    assert waiting(weekly) == 0
    told = [vars(r) for r in caplog.records if r.getMessage() == "notice.withheld"]
    assert len(told) == 22 and {t["wf_why"] for t in told} == {"classified"}


def test_a_message_says_of_which_flow_its_item_is(weekly: Weekly) -> None:
    inbox = Inbox()
    deliver(weekly.engine, inbox)
    assert {(m.flow, m.classified) for n in inbox.notices for m in n.messages} == {(FLOW, False)}


def test_nobody_is_disturbed_in_quiet_hours(weekly: Weekly) -> None:
    inbox, policy = Inbox(), Policy(quiet=("21:00", "08:00"))
    for when in ("2019-09-16 21:00", "2019-09-17 00:00", "2019-09-17 07:59"):
        weekly.at(when)
        assert deliver(weekly.engine, inbox, policy=policy) == Delivered()
    assert policy.next_moment(weekly.clock.now()) == shanghai("2019-09-17 08:00")
    weekly.at("2019-09-17 08:00")
    assert deliver(weekly.engine, inbox, policy=policy).messages == 22
    assert not Policy(quiet=("12:00", "14:00")).is_quiet(shanghai("2019-09-17 14:00"))
    assert Policy(quiet=("12:00", "14:00")).is_quiet(shanghai("2019-09-17 13:59"))


def test_a_lease_runs_from_its_claim_and_what_failed_is_not_tried_again_in_the_same_round(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow channel: what is claimed an hour after the round began must not look abandoned to another process."""
    w, tries = weekly, Counter[str]()
    monkeypatch.setattr("workflow.delivery.MESSAGES", 5)

    def slow(notice: Notice) -> None:
        tries[notice.key] += 1
        w.clock.set(w.clock.now() + 10 * MINUTE)
        with w.engine.reading() as connection:
            held = connection.execute(
                sa.select(tables.outbox.c.next_try_at).where(tables.outbox.c.notice == notice.key)
            )
            leased.append(held.scalar_one() - w.clock.now())
        if notice.recipient == "t1-secretary":
            raise ConnectionError("invented")

    leased: list[int] = []
    done = deliver(w.engine, slow)
    assert (done.notices, done.failed) == (11, 11) and set(tries.values()) == {1}
    assert leased[::5] == [LEASE - 10 * MINUTE] * 5  # the first of each claim had its whole lease
    assert deliver(w.engine, slow).failed == 11


def test_several_deliverers_together_hand_over_each_message_once(weekly: Weekly) -> None:
    engines = [Engine.at(weekly.url, weekly.home, clock=weekly.clock, durable=False) for _ in range(4)]
    inbox, faults = Inbox(), []

    def run(engine: Engine) -> None:
        try:
            deliver(engine, inbox)
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=run, args=(e,)) for e in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.close()
    assert faults == []
    assert len(inbox.notices) == 22 and inbox.messages() == written(weekly)


# --- hints ---------------------------------------------------------------------------------------------------------


def test_of_several_deliverers_one_makes_the_digest_of_a_recipient(postgres_url: str, tmp_path: Path) -> None:
    """One notice for each recipient and cycle: two processes that claimed at once took some of the messages each."""
    w = make_weekly(postgres_url, tmp_path / "home", start="2019-09-12 09:00")
    at = w.at("2019-09-16 18:00")
    engines = [Engine.at(w.url, w.home, clock=w.clock, durable=False) for _ in range(2)]
    for turn in range(4):
        told: list[tuple[str, int]] = []
        with w.engine.db.begin() as connection:
            connection.execute(
                tables.outbox.insert(), [_reminder(f"{turn}/{n}", f"p{n % 2}", at) for n in range(3_000)]
            )
        begin = threading.Barrier(2)
        threads = [threading.Thread(target=_digest, args=(engine, told, begin)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [("p0", 1_500), ("p1", 1_500)]
    for engine in (*engines, w.engine):
        engine.close()


def _reminder(key: str, recipient: str, at: int) -> dict[str, Any]:
    told = {"dedupe": key, "topic": "reminded", "recipient": recipient, "payload": b'{"item":"x"}'}
    return {**told, "created_at": at - LEASE, "next_try_at": at - LEASE}


def _digest(engine: Engine, told: list[tuple[str, int]], begin: threading.Barrier) -> None:
    begin.wait()
    policy = Policy(digest=("17:59",))
    deliver(engine, lambda notice: told.append((notice.recipient, len(notice.messages))), policy=policy)


def test_a_hint_makes_somebody_look_at_once_in_this_thread_or_in_another(database_url: str, tmp_path: Path) -> None:
    for n, kind in enumerate((Inline, Thread)):
        url = database_url if n == 0 else f"sqlite:///{tmp_path / 'other.db'}"
        w = make_weekly(url, tmp_path / f"home{n}", start="2019-09-12 09:00")
        w.at(NOON)
        inbox = Inbox()
        hint = kind(looks(w.engine, inbox))
        hint("sweep")
        if isinstance(hint, Thread):
            hint.stop()
            hint = Thread(looks(w.engine, inbox))
        hint("deliver", 0, "t1")
        hint("unheard-of")
        if isinstance(hint, Thread):
            hint.stop()
        assert inbox.messages() == written(w) != []
        w.engine.close()


def entries(weekly: Weekly) -> int:
    with weekly.engine.reading() as connection:
        return scan.count(connection)


@pytest.mark.parametrize("kind", [Inline, Thread])
def test_a_host_spreads_its_bulk_work_by_hints_of_its_own_that_may_come_twice(weekly: Weekly, kind: type) -> None:
    def open_part(part: int, ref: str) -> None:
        numbers = range(part * 3, part * 3 + 3)
        weekly.engine.open_many(Open(item=f"{ref}-{n}", flow="talk", unit="t1", campaign=ref) for n in numbers)

    def refused(part: int, ref: str) -> None:
        raise Conflict(item=ref, expected="one", actual="another")

    weekly.engine.publish(loads(flow_text(TALK)))
    before = entries(weekly)
    hint = kind(looks(weekly.engine, more={"open": open_part, "refused": refused}))
    for part in (0, 1, 0, 2, 1):
        hint("open", part, "bulk")
    hint("open", 0, "other")
    hint("refused", 0, "x")  # told in the log, and raised to nobody
    if isinstance(hint, Thread):
        hint.stop()
    assert entries(weekly) == before + 12, "3 + 3 + 3 of one campaign, 3 of the other"


def test_losing_every_hint_loses_nothing(weekly: Weekly) -> None:
    """Erase the queue at any moment: the next poll finds the same."""
    started, go = threading.Event(), threading.Event()

    def hold(part: int, ref: str) -> None:
        started.set()
        go.wait(10)

    inbox = Inbox()
    hint = Thread({"hold": hold, "deliver": lambda part, ref: pytest.fail("it was erased")})
    hint("hold")
    assert started.wait(10)
    for _ in range(2 * WAITING):  # more than are kept, and it neither raises nor waits
        hint("deliver")
    with hint._waiting.mutex:
        hint._waiting.queue.clear()
    go.set()
    hint.stop()
    assert waiting(weekly) == 22
    assert deliver(weekly.engine, inbox).messages == 22


def test_a_claim_looks_at_no_more_messages_than_it_takes_and_keeps_a_notice_together(weekly: Weekly) -> None:
    """A million may wait; a notice that was made once goes out whole, whoever claims it."""
    w = weekly
    everything = written(w)
    assert len(everything) > 5
    at = w.clock.now()
    with w.engine.desk() as desk:
        rows = outbox.claim_some(desk.connection, at, at + LEASE, 3)
        assert len(rows) == 3 and [r.id for r in rows] == sorted(r.id for r in rows)
        outbox.group(desk.connection, [(r.id, "digest of three") for r in rows])
        outbox.try_later(desk.connection, "digest of three", at)
        assert len(outbox.claim_some(desk.connection, at, at, 2)) in (2, 3)
        again = [r for r in outbox.claim_some(desk.connection, at, at + LEASE, len(everything)) if r.notice]
        assert [r.id for r in again] == [r.id for r in rows]
    inbox = Inbox()
    w.clock.set(at + LEASE)
    deliver(w.engine, inbox)
    assert inbox.messages() == everything
    assert sorted(len(n.messages) for n in inbox.notices)[-2:] == [1, 3]


def test_a_claim_by_recipients_looks_at_some_of_those_that_waited_longest_and_leaves_nobody_out(
    weekly: Weekly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million may wait: counts in are counts out however few a claim looks at, and each gets one notice of a cycle."""
    monkeypatch.setattr(outbox, "WINDOW", 3)
    weekly.at("2019-09-16 17:30")
    at = weekly.clock.now()
    with weekly.engine.db.connect() as connection:
        rows = outbox.claim(connection, at, at + LEASE, at, 200)
        connection.rollback()
    assert 0 < len({r.recipient for r in rows}) <= 3
    inbox = Inbox()
    assert deliver(weekly.engine, inbox, policy=Policy(digest=("17:30",))) == Delivered(12, 22, 0)
    assert inbox.messages() == written(weekly)
    assert max(Counter(n.recipient for n in inbox.notices).values()) == 1
    if weekly.engine.db.dialect.name == "sqlite":
        theirs = outbox._theirs.params(at=at, cut=at, recipients=["somebody"])
        text = theirs.compile(dialect=weekly.engine.db.dialect, compile_kwargs={"literal_binds": True})
        with weekly.engine.reading() as connection:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        assert any("wf_outbox_recipient" in step for step in plan), plan
