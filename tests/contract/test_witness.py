"""Witnesses: what continues what they saw is cosigned, over HTTP and by files; forks and going back never are."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import typer
from typer.testing import CliRunner

from tests.contract.logs import Died, Writer, dying_in_files, open_writer
from workflow import SettableClock
from workflow.cli import logs
from workflow.epochs import open_epoch
from workflow.errors import LockDamaged, WitnessRefused
from workflow.evidence.checkpoint import COSIGNATURE, Checkpoint, Note, NoteKey, sign
from workflow.evidence.keys import FileKeyProvider
from workflow.evidence.merkle import consistency_path, leaf_hash, root
from workflow.logbook import Logbook, published
from workflow.witness import Answer, TrustedLog, Witness, parse_request, post, request_text


@pytest.fixture
def writer(database_url: str, tmp_path: Path) -> Iterator[Writer]:
    made = open_writer(database_url, tmp_path / "home")
    yield made
    made.engine.close()


@pytest.fixture
def lite(sqlite_url: str, tmp_path: Path) -> Iterator[Writer]:
    made = open_writer(sqlite_url, tmp_path / "home")
    yield made
    made.engine.close()


def book_with(writer: Writer, *chains: str) -> Logbook:
    """The log with one more entry in each chain, signed."""
    writer.add(*chains)
    book = Logbook.at(writer.engine, writer.home)
    book.sequence()
    writer.clock.advance(timedelta(seconds=1))
    book.checkpoint()
    return book


def witness_of(book: Logbook, folder: Path, name: str = "witness-1.example", epoch: int = 1) -> Witness:
    folder.mkdir(exist_ok=True)
    path = folder / "witness.key"
    key = FileKeyProvider(path) if path.exists() else FileKeyProvider.create(path)
    with book.engine.reading() as connection:
        found = published(connection)
    assert found is not None
    log = TrustedLog.parse(f"{book.note_key(epoch)} {found.algorithm}")
    return Witness(name, key, folder / "seen", [log], clock=book.engine.clock)


def test_a_witness_cosigns_what_continues_what_it_saw(writer: Writer, tmp_path: Path) -> None:
    book = book_with(writer, "a", "b")
    witness = witness_of(book, tmp_path / "w")
    for n in range(4):
        made = book.ask(witness.key, witness.add_checkpoint)
        held = made.note.verified([book.note_key(1), witness.key])
        assert held[witness.key].seconds == writer.clock.now() // 1_000_000
        assert witness.seen(made.origin) == made.size
        book = book_with(writer, *(f"c{i}" for i in range(n + 1)))
    assert writer.check().holds


def test_a_quorum_gathers_under_one_checkpoint(writer: Writer, tmp_path: Path) -> None:
    book = book_with(writer, "a")
    witnesses = [witness_of(book, tmp_path / f"w{n}", f"witness-{n}.example") for n in range(3)]
    for witness in witnesses:
        made = book.ask(witness.key, witness.add_checkpoint)
    assert set(made.note.verified([w.key for w in witnesses])) == {w.key for w in witnesses}
    assert sorted(writer.check().witnesses) == [w.key.name for w in witnesses]


def test_a_witness_that_saw_more_than_we_remember_is_asked_again_from_there(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a", "b", "c")
    witness = witness_of(book, tmp_path / "w")
    assert witness.add_checkpoint(book.request(witness.key)).status == 200  # the answer is lost on its way
    book = book_with(lite, "a")
    asked: list[int] = []

    def send(request: bytes) -> Answer:
        asked.append(parse_request(request)[0])
        return witness.add_checkpoint(request)

    assert book.ask(witness.key, send).size == 4
    assert asked == [0, 3]


def test_a_log_hashed_with_sm3_is_witnessed(lite: Writer, tmp_path: Path) -> None:
    Logbook.at(lite.engine, lite.home, algorithm="sm3")
    book = book_with(lite, "a", "b", "c")
    witness = witness_of(book, tmp_path / "w")
    book.ask(witness.key, witness.add_checkpoint)
    book = book_with(lite, "a", "b")
    assert book.ask(witness.key, witness.add_checkpoint).size == 5


# --- what a witness refuses -----------------------------------------------------------------------------------------


class Log:
    """A log under a test's full control: it signs whatever it is told to."""

    def __init__(self, folder: Path) -> None:
        self.key = FileKeyProvider.create(folder / "log.key")
        self.trusted = TrustedLog.parse(str(NoteKey("log.example/1", 1, self.key.public_key())))

    def note(self, leaves: list[bytes], origin: str = "log.example/1") -> Note:
        text = Checkpoint(origin, len(leaves), root(leaves)).text
        return Note(text, (sign(text, origin, self.key),))


LEAVES = [leaf_hash(b"%d" % n) for n in range(9)]
FORK = [*LEAVES[:3], leaf_hash(b"another"), *LEAVES[4:]]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Witness:
    key = FileKeyProvider.create(tmp_path / "witness.key")
    return Witness(
        "witness-1.example", key, tmp_path / "seen", [log.trusted], clock=SettableClock(1_565_571_600_000_000)
    )


def asked(witness: Witness, log: Log, old: int, leaves: list[bytes]) -> Answer:
    return witness.add_checkpoint(request_text(old, consistency_path(old, leaves), log.note(leaves)))


def test_going_forward_and_standing_still_are_cosigned(witness: Witness, log: Log) -> None:
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 9)):
        answer = asked(witness, log, old, LEAVES[:new])
        assert answer.status == 200
        note = Note.parse(str(log.note(LEAVES[:new])) + answer.body)
        assert note.verified([witness.key])[witness.key].seconds == 1_565_571_600


def test_going_back_is_told_the_size_that_was_seen(witness: Witness, log: Log) -> None:
    asked(witness, log, 0, LEAVES[:5])
    for old, new in ((0, 3), (3, 4), (0, 5), (0, 9), (4, 9)):
        assert asked(witness, log, old, LEAVES[:new]) == Answer(409, "5\n")
    assert asked(witness, log, 5, LEAVES[:5]).status == 200
    assert witness.add_checkpoint(request_text(5, [], log.note(LEAVES[:4]))).status == 400


def test_a_fork_is_never_cosigned(witness: Witness, log: Log) -> None:
    asked(witness, log, 0, LEAVES[:5])
    assert asked(witness, log, 5, FORK[:5]) == Answer(409, "5\n")
    assert asked(witness, log, 5, FORK).status == 422
    assert witness.add_checkpoint(request_text(5, [], log.note(LEAVES))).status == 422
    assert asked(witness, log, 5, LEAVES).status == 200


def test_a_stranger_is_not_cosigned(witness: Witness, log: Log, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Log(tmp_path / "other")
    assert asked(witness, other, 0, LEAVES).status == 403  # the name of a known log, another key
    assert witness.add_checkpoint(request_text(0, [], log.note(LEAVES, "log.example/2"))).status == 404
    tampered = str(log.note(LEAVES)).replace("\n9\n", "\n8\n")
    assert witness.add_checkpoint(f"old 0\n\n{tampered}".encode()).status == 403
    assert witness.seen("log.example/1") == 0


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"old -1\n\nlog\n1\n",
        b"old 01\n\nx",
        b"new 0\n\nx",
        b"old 0\nnot base64!\n\nx",
        b"old 0\n" + base64.b64encode(bytes(32)) + b"\n" + b"\n\nx",
        b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\nx",
        b"old 0\n\n" + b"x" * 100_000,
        b"\xff\n\n\xff",
    ],
)
def test_what_is_no_request_is_refused_and_nothing_is_remembered(witness: Witness, request_: bytes) -> None:
    assert witness.add_checkpoint(request_).status == 400
    assert witness.seen("log.example/1") == 0


def test_a_proof_of_wrong_lengths_is_refused(witness: Witness, log: Log) -> None:
    asked(witness, log, 0, LEAVES[:5])
    assert witness.add_checkpoint(request_text(5, [b"short"], log.note(LEAVES))).status == 422


def test_a_witness_that_dies_in_any_file_call_never_cosigns_a_fork(
    witness: Witness, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(witness, log, 0, LEAVES[:4])
    for call in range(1, 12):
        with dying_in_files(monkeypatch, call):
            try:
                done = asked(witness, log, 4, LEAVES).status
            except Died:
                done = 0
        assert asked(witness, log, witness.seen("log.example/1"), FORK).status in (409, 422)
        if done:
            break
    assert done in (200, 409)
    assert asked(witness, log, 9, LEAVES).status == 200


def test_a_witness_with_a_damaged_memory_does_not_guess(witness: Witness, log: Log, tmp_path: Path) -> None:
    asked(witness, log, 0, LEAVES[:4])
    (memory,) = (tmp_path / "seen").glob("*.seen")
    memory.write_bytes(b"{}")
    with pytest.raises(LockDamaged):
        asked(witness, log, 0, FORK)


# --- what the log does not take in ----------------------------------------------------------------------------------


def test_a_cosignature_by_somebody_else_is_not_taken_in(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a")
    witness, other = witness_of(book, tmp_path / "w"), witness_of(book, tmp_path / "o", "other.example")
    with pytest.raises(WitnessRefused, match="another's"):
        book.ask(witness.key, other.add_checkpoint)
    lies = NoteKey(witness.key.name, COSIGNATURE, other.key.public)
    assert book.cosigned("", [lies]) == []
    assert lite.check().witnesses == []


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
def test_a_refusal_is_told_with_what_the_witness_said(lite: Writer, tmp_path: Path, status: int) -> None:
    book = book_with(lite, "a")
    witness = witness_of(book, tmp_path / "w")
    with pytest.raises(WitnessRefused, match=rf"got {status} .*\(in words\)") as refused:
        book.ask(witness.key, lambda _: Answer(status, "in words\n"))
    assert "(in words)" in refused.value.text("zh") and f"实为 {status}" in refused.value.text("zh")


def test_a_witness_that_saw_a_larger_log_than_ours_ends_the_asking(lite: Writer, tmp_path: Path) -> None:
    """What a restored log meets, whose lock was restored with it."""
    book = book_with(lite, "a")
    witness = witness_of(book, tmp_path / "w")
    with pytest.raises(WitnessRefused, match="size 7"):
        book.ask(witness.key, lambda _: Answer(409, "7\n"))


def test_a_cosignature_over_other_bytes_is_refused(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a")
    witness = witness_of(book, tmp_path / "w")
    earlier = witness.add_checkpoint(book.request(witness.key))
    book = book_with(lite, "b")
    with pytest.raises(WitnessRefused, match="does not cover"):
        book.ask(witness.key, lambda _: earlier)
    assert lite.check().witnesses == []


def test_a_new_epoch_is_cosigned_only_by_who_was_told_of_it(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a")
    witness = witness_of(book, tmp_path / "w")
    book.ask(witness.key, witness.add_checkpoint)
    open_epoch(lite.engine, lite.home, reason="invented", by="admin-1")
    book = Logbook.at(lite.engine, lite.home)
    with pytest.raises(WitnessRefused, match="404"):
        book.ask(witness.key, witness.add_checkpoint)
    consenting = witness_of(book, tmp_path / "w", epoch=2)
    assert book.ask(consenting.key, consenting.add_checkpoint).epoch == 2


# --- how it is reached ----------------------------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def served(witness: Witness) -> Iterator[str]:
    """The witness over HTTP, on this machine only."""
    with make_server("127.0.0.1", 0, witness.application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/w1"
        server.shutdown()
        thread.join()


def test_over_http_a_witness_answers_as_it_would_here(served: str, witness: Witness, log: Log) -> None:
    send = post(served)
    assert send(request_text(0, [], log.note(LEAVES[:4]))).status == 200
    assert witness.seen("log.example/1") == 4
    assert send(request_text(0, [], log.note(LEAVES[:4]))) == Answer(409, "4\n")
    assert send(b"nonsense").status == 400
    assert send(b"x" * 200_000).status == 413
    assert post(served + "/elsewhere?")(b"x").status == 404


def test_over_http_a_damaged_memory_cosigns_nothing_and_is_told_to_the_keeper(
    served: str, witness: Witness, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    send = post(served)
    assert send(request_text(0, [], log.note(LEAVES[:4]))).status == 200
    (memory,) = witness._folder.glob("*.seen")
    memory.write_bytes(b"nonsense")
    answer = send(request_text(4, [], log.note(LEAVES[:4])))
    assert (answer.status, answer.body) == (500, "")
    assert [r.message for r in caplog.records] == ["witness.failed"] and "keeper" in answer.said


def test_a_witness_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(WitnessRefused, match="an answer"):
        post("http://127.0.0.1:9")(b"x")
    with pytest.raises(WitnessRefused, match="http"):
        post("file:///etc/passwd")


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"PATH_INFO": "/"}, "404"),
        ({"PATH_INFO": "/add-checkpoint", "REQUEST_METHOD": "GET"}, "405"),
        ({"PATH_INFO": "/add-checkpoint", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "x"}, "413"),
    ],
)
def test_other_requests_get_their_status(witness: Witness, environ: dict[str, str], status: str) -> None:
    said: list[str] = []
    witness.application(environ, lambda line, headers: said.append(line))
    assert said[0].startswith(status)


def test_by_files_where_there_is_no_network(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a", "b")
    witness, folder = witness_of(book, tmp_path / "w"), tmp_path / "carried"
    assert book.exchange(witness.key, folder) is False
    assert [a.status for a in witness.serve_folder(folder, folder).values()] == [200]
    assert witness.serve_folder(folder, folder) == {}
    assert book.exchange(witness.key, folder) is True
    book = book_with(lite, "c")
    assert book.exchange(witness.key, folder) is False
    witness.serve_folder(folder, folder)
    assert book.exchange(witness.key, folder) is True
    assert lite.check().witnesses == [witness.key.name]


def test_by_files_a_lost_answer_is_made_good(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a", "b")
    witness, folder = witness_of(book, tmp_path / "w"), tmp_path / "carried"
    book.exchange(witness.key, folder)
    witness.serve_folder(folder, tmp_path / "lost")
    book = book_with(lite, "c")
    assert book.exchange(witness.key, folder) is False
    assert sorted(a.status for a in witness.serve_folder(folder, folder).values()) == [409, 409]
    assert book.exchange(witness.key, folder) is False  # from the size the witness told
    witness.serve_folder(folder, folder)
    assert book.exchange(witness.key, folder) is True


def test_by_files_a_refusal_is_told(lite: Writer, tmp_path: Path) -> None:
    book = book_with(lite, "a")
    witness, folder = witness_of(book, tmp_path / "w"), tmp_path / "carried"
    book.exchange(witness.key, folder)
    (request,) = folder.glob("*.request")
    request.with_suffix(".answer").write_text("403\nnot signed by the log's key\n")
    with pytest.raises(WitnessRefused, match="403"):
        book.exchange(witness.key, folder)
    request.with_suffix(".answer").write_text("nonsense")
    with pytest.raises(WitnessRefused, match="a status"):
        book.exchange(witness.key, folder)


# --- from the command line ------------------------------------------------------------------------------------------


def test_the_commands_sign_fix_witness_and_list(lite: Writer, tmp_path: Path, sqlite_url: str) -> None:
    runner, db = CliRunner(), sqlite_url.removeprefix("sqlite:///")
    lite.add("a", "b")
    at_home = ["--home", str(lite.home), "--lang", "en"]

    def run(*words: str, code: int = 0) -> str:
        result = runner.invoke(logs.group, list(words), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    assert "begin it" in run("sequence", db, *at_home, code=2)
    kept = tmp_path / "checkpoint.txt"
    assert "signoff.local/log\n2\n" in run("checkpoint", db, "--out", str(kept), *at_home)
    assert Checkpoint.parse(Note.parse(kept.read_text(encoding="utf-8")).text).size == 2
    assert "0 entries added" in run("sequence", db, *at_home)
    assert "chains fixed by log#1" in run("heads", db, *at_home)
    watched = tmp_path / "logs.txt"
    key_of_log = run("epochs", db, "--lang", "en").split()[-1]
    watched.write_text(f"# watched\n{key_of_log}\n")
    folder = str(tmp_path / "carried")
    mine = ["--home", str(tmp_path / "witness"), "--logs", str(watched), "--lang", "en"]
    Path(folder).mkdir()
    key = run("cosign", "witness-1.example", folder, folder, *mine).strip()
    assert "a request lies" in run("witness", db, key, "--folder", folder, *at_home, code=1)
    nobody = mine[:2] + mine[4:]
    assert ": 404" in run("cosign", "witness-1.example", folder, folder, *nobody, code=1)
    assert "does not watch this log" in run("witness", db, key, "--folder", folder, *at_home, code=2)
    assert ": 200 cosigned" in run("cosign", "witness-1.example", folder, folder, *mine)  # it is told of the log by now
    assert run("cosign", "witness-1.example", folder, folder, *mine).strip() == key
    assert "— witness-1.example" in run("witness", db, key, "--folder", folder, *at_home)
    assert "did not cosign" in run("witness", db, "nonsense", "--folder", folder, *at_home, code=2)
    opened = run("epochs", db, "--open", "--reason", "invented", "--by", "admin-1", "--algorithm", "sm3", *at_home)
    assert "signoff.local/log/2" in opened
    listed = run("epochs", db, "--lang", "zh").splitlines()[::2]
    assert [line.split()[2] for line in listed] == ["sha256", "sm3"]


def test_a_witness_attends_over_http_until_it_is_told_to_stop(lite: Writer, tmp_path: Path, sqlite_url: str) -> None:
    """As a person at each end would: one watches, the other asks; the cosigned checkpoint is V4 for who names the witness."""
    lite.add("a", "b")
    book_with(lite, "c")
    runner, db = CliRunner(), sqlite_url.removeprefix("sqlite:///")
    asked = ["--home", str(lite.home), "--lang", "en"]
    (tmp_path / "logs.txt").write_text(runner.invoke(logs.group, ["epochs", db, "--lang", "en"]).output.splitlines()[1])
    own = ["--home", str(tmp_path / "witness"), "--logs", str(tmp_path / "logs.txt"), "--port", "0", "--lang", "en"]
    command = [sys.executable, "-m", "typer", "workflow.cli.main", "run", "log", "attend", "witness-1.example", *own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attending:
        assert attending.stdout is not None
        key, address = attending.stdout.readline().strip(), attending.stdout.readline().split()[0]
        done = runner.invoke(logs.group, ["witness", db, key, "--url", address, *asked])
        assert done.exit_code == 0 and "— witness-1.example" in done.output
        attending.send_signal(signal.SIGTERM)
        assert attending.communicate(timeout=30)[0] == "stopped\n" and attending.returncode == 0
    gone = runner.invoke(logs.group, ["witness", db, key, "--url", address, *asked])
    assert gone.exit_code == 2 and "did not cosign: expected an answer" in gone.output
    assert lite.check().witnesses == ["witness-1.example"]


@pytest.mark.parametrize("gone", ["inbox", "outbox"])
def test_a_folder_that_is_not_there_is_an_error_and_no_success(gone: str, tmp_path: Path) -> None:
    """A stick that was not plugged in must not look like one without requests."""
    app = typer.Typer()
    logs.register(app)
    folders = {name: tmp_path / name for name in ("inbox", "outbox")}
    for name, folder in folders.items():
        if name != gone:
            folder.mkdir()
    command = ["log", "cosign", "w.example", *map(str, folders.values()), "--home", str(tmp_path / "w"), "--lang", "en"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and str(folders[gone]) in done.output
    assert not (tmp_path / "w").exists()
