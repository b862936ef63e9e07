"""A witness: somebody else, who remembers the last checkpoint of a log and cosigns only what continues it.

A superior unit, discipline inspection or an archive runs one with a key of its own. It demands a proof that nothing it
has seen was rewritten, and refuses forks and going back; its cosignature says what it saw and when. It is reached over
HTTP, or where there is no network by files carried from folder to folder.
Source: C2SP tlog-witness (add-checkpoint) and tlog-cosignature (Ed25519), v1.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from workflow import log
from workflow.clock import Clock, SystemClock
from workflow.errors import Said, WitnessRefused, WorkflowError
from workflow.evidence.checkpoint import COSIGNATURE, NOTE_LIMIT, BadNote, Checkpoint, Note, NoteKey, Signer, cosign
from workflow.evidence.lock import Locked, LockFile
from workflow.evidence.merkle import BadProof, empty_root, hash_function, verify_consistency

REQUEST_LIMIT = NOTE_LIMIT + 4096
PROOF_LIMIT = 63
TIMEOUT_SECONDS = 30
_ADDRESS = Said("an address with http or https", "以 http:// 或 https:// 开头的地址")
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    500: "Internal Server Error",
}


_MEANS = {
    200: Said("cosigned", "已联署"),
    400: Said("no request of ours", "请求不合格式"),
    403: Said("not signed by the log's key that the witness knows", "并非见证方所知的日志密钥签署"),
    404: Said(
        "the witness does not watch this log, or this epoch of it; give it the key: workflow log epochs",
        "见证方未见证该日志或该纪元,请将公钥交给见证方:workflow log epochs",
    ),
    409: Said("another size was seen last; the next request begins there", "起点与见证方所见不符,下次请求将由此开始"),
    413: Said("too large", "过大"),
    422: Said("it does not continue what the witness saw", "与见证方此前所见不相接"),
    500: Said("the witness cannot use its memory; its keeper must look", "见证方的记忆无法使用,请其查看"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: an HTTP status; signature lines with 200, the size it knows with 409."""

    status: int
    body: str = ""

    def to_text(self) -> str:
        """For a file: the status on a line, then the body."""
        return f"{self.status}\n{self.body}"

    @classmethod
    def of_text(cls, text: str) -> Answer:
        """Raises BadNote: the text is no answer."""
        status, _, body = text.partition("\n")
        if not re.fullmatch(r"[1-5][0-9]{2}", status):
            raise BadNote("expected a status on the first line")
        return cls(int(status), body)

    @property
    def said(self) -> Said:
        """The status, what it means, and what the witness says of it; for people."""
        means = _MEANS.get(self.status, Said("an answer that is not known", "未知应答"))
        more = f" ({self.body.strip()[:200]})" if self.status != 200 and self.body.strip() else ""
        return Said(f"{self.status} {means}{more}", f"{self.status} {means.zh}{more}")

    @property
    def size(self) -> int | None:
        """The size that the witness knows, where it says so."""
        return int(self.body) if self.status == 409 and re.fullmatch(r"[0-9]{1,19}\n", self.body) else None


Send = Callable[[bytes], Answer]


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log that a witness watches: by its origin, its key and its hash, none of them taken from a checkpoint."""

    origin: str
    key: NoteKey
    algorithm: str = "sha256"

    @classmethod
    def parse(cls, line: str) -> TrustedLog:
        """One line of a list: the log's key as it is handed on, and its hash where it is not sha256.

        Raises:
            BadNote: the key is none. Unknown: there is no such hash.
        """
        words = line.split()
        if len(words) not in (1, 2):
            raise BadNote("expected a log's key and perhaps its hash")
        key = NoteKey.parse(words[0])
        algorithm = words[1] if len(words) == 2 else "sha256"
        hash_function(algorithm)
        return cls(key.name, key, algorithm)


class Witness:
    """One witness with its key and its memory.

    Args:
        name: by which its cosignatures are known, such as ``witness-1.example``.
        folder: its memory, one file for each log. A witness that loses it must not go on under the same key.
        logs: what it watches. A log's later epoch is another origin: it is watched from when somebody adds it here.
    """

    def __init__(
        self, name: str, key: Signer, folder: str | Path, logs: Iterable[TrustedLog], *, clock: Clock | None = None
    ) -> None:
        self.key = NoteKey(name, COSIGNATURE, key.public_key())
        self._signer = key
        self._folder = Path(folder)
        self._logs = {log.origin: log for log in logs}
        self._clock = clock or SystemClock()

    def add_checkpoint(self, request: bytes) -> Answer:
        """Cosign a checkpoint if it continues what was seen; remember it before answering.

        Raises:
            LockDamaged: its memory of the log cannot be read; it must not guess.
        """
        try:
            old, proof, note = parse_request(request)
            checkpoint = Checkpoint.parse(note.text)
        except BadNote as bad:
            return Answer(400, f"{bad.reason}\n")
        log = self._logs.get(checkpoint.origin)
        if log is None:
            return Answer(404, "unknown origin\n")
        try:
            if log.key not in note.verified([log.key]):
                return Answer(403, "not signed by the log's key\n")
        except BadNote as bad:
            return Answer(403, f"{bad.reason}\n")
        if old > checkpoint.size:
            return Answer(400, "the old size is beyond the checkpoint\n")
        memory = LockFile(self._folder / f"{sha256(log.origin.encode()).hexdigest()[:32]}.seen")
        with memory.held():
            return self._against(memory, log, old, proof, note, checkpoint)

    def seen(self, origin: str) -> int:
        """The size of the last checkpoint it cosigned; 0 when none."""
        held = LockFile(self._folder / f"{sha256(origin.encode()).hexdigest()[:32]}.seen").read()
        return held.size if held else 0

    def _against(
        self, memory: LockFile, log: TrustedLog, old: int, proof: list[bytes], note: Note, checkpoint: Checkpoint
    ) -> Answer:
        held, new = memory.read(), hash_function(log.algorithm)
        size, root = (held.size, bytes.fromhex(held.root)) if held else (0, empty_root(new))
        if old != size or (old == checkpoint.size and root != checkpoint.root):
            return Answer(409, f"{size}\n")
        try:
            verify_consistency(size, checkpoint.size, root, checkpoint.root, proof, new)
        except BadProof as bad:
            return Answer(422, f"{bad.reason}\n")
        at = self._clock.now()
        seen = Locked(log.origin, 1, log.algorithm, str(log.key), checkpoint.size, checkpoint.root.hex(), at, str(note))
        memory.replace(held, seen)
        return Answer(200, str(cosign(note.text, self.key.name, self._signer, at // 1_000_000)))

    # --- how it is reached ----------------------------------------------------------------------------------------

    def application(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """A WSGI application: ``POST /add-checkpoint``. Any server will do."""
        if not str(environ.get("PATH_INFO", "")).endswith("/add-checkpoint"):
            answer = Answer(404)
        elif environ.get("REQUEST_METHOD") != "POST":
            answer = Answer(405)
        else:
            length = str(environ.get("CONTENT_LENGTH") or "0")
            if not length.isdecimal() or int(length) > REQUEST_LIMIT:
                answer = Answer(413)
            else:
                answer = self._answer(environ["wsgi.input"].read(int(length)))
        kind = "text/x.tlog.size" if answer.size is not None else "text/plain; charset=utf-8"
        body = answer.body.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{answer.status} {_REASONS[answer.status]}", headers)
        return [body]

    def _answer(self, request: bytes) -> Answer:
        """For whoever asks from elsewhere: what is wrong here is for the witness's own keeper, and cosigns nothing."""
        try:
            return self.add_checkpoint(request)
        except (WorkflowError, OSError) as error:
            log.witness_failed(self.key.name, getattr(error, "code", type(error).__name__))
            return Answer(500)

    def serve_folder(self, inbox: str | Path, outbox: str | Path) -> dict[str, Answer]:
        """Answer every ``*.request`` in one folder with an ``*.answer`` in the other; those settled are left alone. A
        request that was refused is looked at again: its log may be one that is watched by now.

        Returns:
            What was answered now, by the request's name.
        """
        answered = {}
        for path in sorted(Path(inbox).glob("*.request")):
            target = Path(outbox) / f"{path.stem}.answer"
            if not _settled(target):
                with path.open("rb") as file:
                    answered[path.stem] = self.add_checkpoint(file.read(REQUEST_LIMIT + 1))
                _write(target, answered[path.stem].to_text().encode())
        return answered


def _settled(answer: Path) -> bool:
    """Whether a request needs no other answer: it was cosigned, or told which size to ask from."""
    try:
        with answer.open("rb") as file:
            return Answer.of_text(file.read(NOTE_LIMIT).decode(errors="replace")).status in (200, 409)
    except (FileNotFoundError, BadNote):
        return False


def request_text(old: int, proof: Iterable[bytes], note: Note) -> bytes:
    """What a witness is asked with: the size it saw last, the proof from there, the signed checkpoint."""
    lines = [f"old {old}", *(base64.b64encode(part).decode() for part in proof), "", str(note)]
    return "\n".join(lines).encode()


def parse_request(request: bytes) -> tuple[int, list[bytes], Note]:
    """Take a request apart: old size, proof, note.

    Raises:
        BadNote: it is none.
    """
    if len(request) > REQUEST_LIMIT:
        raise BadNote(f"expected a request of at most {REQUEST_LIMIT} bytes")
    head, gap, rest = request.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
        proof = [base64.b64decode(line, validate=True) for line in lines]
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise BadNote("expected an old size and a proof in base64") from None
    old = _OLD.fullmatch(first)
    if old is None or not gap or len(proof) > PROOF_LIMIT:
        raise BadNote(f"expected an old size, at most {PROOF_LIMIT} hashes, an empty line and a checkpoint")
    return int(old[1]), proof, Note.parse(rest)


def post(url: str) -> Send:
    """Sends requests to a witness over HTTP; ``url`` is its submission prefix, such as ``https://witness.example/w1``.

    Raises (when sending):
        WitnessRefused: it could not be reached.
    """
    if not url.startswith(("https://", "http://")):
        raise WitnessRefused(witness=url, expected=_ADDRESS, actual=url)

    def send(request: bytes) -> Answer:
        asked = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", data=request, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as response:
                return Answer(response.status, response.read(NOTE_LIMIT).decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(NOTE_LIMIT).decode(errors="replace"))
        except (urllib.error.URLError, OSError) as error:
            actual = str(getattr(error, "reason", error))
            raise WitnessRefused(witness=url, expected=Said("an answer", "应答"), actual=actual) from error

    return send


def _write(path: Path, data: bytes) -> None:
    """A whole file or none, for whoever looks into the folder meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def drop(folder: str | Path, name: str, request: bytes) -> Path:
    """Put a request into a folder that is carried to a witness. Returns its path."""
    path = Path(folder) / f"{name}.request"
    _write(path, request)
    return path


def collect(folder: str | Path) -> dict[str, Answer]:
    """The answers in a folder that came back from a witness, by the request's name.

    Raises:
        BadNote: a file is no answer.
    """
    found = {}
    for path in sorted(Path(folder).glob("*.answer")):
        with path.open("rb") as file:
            found[path.stem] = Answer.of_text(file.read(NOTE_LIMIT).decode(errors="replace"))
    return found
