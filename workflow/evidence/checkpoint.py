"""Checkpoints: what a log says of itself at one size, as text that anybody's tools can read and check.

    signoff.local/log
    1234
    <base64 of the root>
    epoch 1 sha256
    at 1566262800000000

    — signoff.local/log <base64 of key id and signature>
    — witness-1.example <base64 of key id, seconds and signature>

The first three lines are the checkpoint, the next ones extensions: the epoch and its hash, the moment in microseconds
UTC, and in a later epoch ``previous <origin> <size> <root>``, the checkpoint that it continues from. A witness signs
the text with the moment at which it saw it. Nothing in a note is trusted: whoever verifies brings the keys.
Source: C2SP signed-note, tlog-checkpoint and tlog-cosignature (Ed25519), v1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from workflow.evidence import signatures
from workflow.evidence.merkle import HASH_LENGTH

SIGNATURE = 0x01
"""Ed25519 over the text of a note: how a log signs."""
COSIGNATURE = 0x04
"""Ed25519 over the moment and the text: how a witness signs."""

NOTE_LIMIT = 65_536
SIGNATURES_LIMIT = 100
_MARK = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")
_KEY_LENGTH, _ID_LENGTH, _ED25519_LENGTH = 32, 4, 64


class BadNote(ValueError):
    """A note, a checkpoint, a key or a signature is malformed or does not hold."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Signer(Protocol):
    """What signs: ``workflow.evidence.keys.KeyProvider`` is one."""

    def sign(self, data: bytes) -> bytes: ...

    def public_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key under a name, for one kind of signature."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadNote(f"expected a key name without spaces and plus signs; got {self.name!r}")
        if self.kind not in (SIGNATURE, COSIGNATURE) or len(self.public) != _KEY_LENGTH:
            raise BadNote(f"expected an Ed25519 key of kind 1 or 4 for {self.name}")

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """A key as people hand it on: ``name+hash+base64``.

        Raises:
            BadNote: it is not one, of another kind, or its hash is not that of its key.
        """
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise BadNote("expected a key as name+hash+base64")
        data = _base64(parts[2])
        key = cls(parts[0], data[0] if data else 0, data[1:])
        if parts[1] != key.key_id.hex():
            raise BadNote(f"expected the hash {key.key_id.hex()} for the key of {key.name}; got {parts[1]}")
        return key

    @property
    def key_id(self) -> bytes:
        """4 bytes over name, kind and key. A label to find the key by, not a proof."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_LENGTH]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_text64(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Mark:
    """One signature line: who, the key's label, and the bytes after it."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_MARK}{self.name} {_text64(self.key_id + self.signature)}\n"

    @property
    def seconds(self) -> int:
        """When a witness signed, seconds since 1970 UTC. Only meaningful after ``Note.verified`` held it.

        Raises:
            BadNote: a signature of this length carries no moment.
        """
        if len(self.signature) != 8 + _ED25519_LENGTH:
            raise BadNote(f"the signature of {self.name} is no cosignature")
        return int.from_bytes(self.signature[:8], "big")


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures under it. Holding a note says nothing; ``verified`` says whose signatures hold."""

    text: str
    marks: tuple[Mark, ...]

    @classmethod
    def parse(cls, data: str | bytes) -> Note:
        """Take a note apart.

        Raises:
            BadNote: it is too large, no UTF-8, holds control characters, or is otherwise no note.
        """
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > NOTE_LIMIT:
            raise BadNote(f"expected a note of at most {NOTE_LIMIT} bytes; got {len(raw)}")
        try:
            note = raw.decode()
        except UnicodeDecodeError:
            raise BadNote("expected UTF-8") from None
        if any(c < " " and c != "\n" for c in note):
            raise BadNote("expected no control characters but newlines")
        text, gap, lines = note.rpartition("\n\n")
        if not gap or not lines.endswith("\n"):
            raise BadNote("expected a text, an empty line and signature lines")
        found = lines[:-1].split("\n")
        if len(found) > SIGNATURES_LIMIT:
            raise BadNote(f"expected at most {SIGNATURES_LIMIT} signatures; got {len(found)}")
        return cls(text + "\n", tuple(parse_mark(line) for line in found))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.marks))

    def verified(self, keys: Iterable[NoteKey]) -> dict[NoteKey, Mark]:
        """The signatures by these keys. Signatures by others are left aside, as if they were not there.

        Raises:
            BadNote: a signature that claims to be by one of these keys does not hold.
        """
        held: dict[NoteKey, Mark] = {}
        for key in keys:
            for mark in self.marks:
                if (mark.name, mark.key_id) == (key.name, key.key_id):
                    _verify(key, mark, self.text)
                    held.setdefault(key, mark)
        return held

    def with_mark(self, mark: Mark) -> Note:
        """The note with one more signature; the same one twice is one."""
        return self if mark in self.marks else Note(self.text, (*self.marks, mark))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's origin, size and root, with lines of its own after them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note as a checkpoint.

        Raises:
            BadNote: it is not exactly one.
        """
        if not text.endswith("\n"):
            raise BadNote("expected a newline at the end of a checkpoint")
        lines = text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise BadNote("expected three lines or more, none of them empty")
        if not _SIZE.fullmatch(lines[1]):
            raise BadNote(f"expected a tree size; got {lines[1][:40]!r}")
        root = _base64(lines[2])
        if len(root) != HASH_LENGTH:
            raise BadNote(f"expected a root of {HASH_LENGTH} bytes; got {len(root)}")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))

    @property
    def text(self) -> str:
        """What is signed."""
        for line in (self.origin, *self.extensions):
            if not line or any(c < " " for c in line):
                raise BadNote("expected lines that are not empty and hold no control characters")
        return "".join(f"{line}\n" for line in (self.origin, self.size, _text64(self.root), *self.extensions))

    def extension(self, word: str) -> str | None:
        """What follows a word at the beginning of an extension line; None when no line begins so."""
        return next((e[len(word) + 1 :] for e in self.extensions if e.startswith(word + " ")), None)

    def cited(self) -> str:
        """Origin, size and root in one line, as the next epoch and its entry cite it."""
        return f"{self.origin} {self.size} {_text64(self.root)}"


def sign(text: str, name: str, signer: Signer) -> Mark:
    """A log's signature over the text of a note."""
    key = NoteKey(name, SIGNATURE, signer.public_key())
    return Mark(name, key.key_id, signer.sign(text.encode()))


def cosign(text: str, name: str, signer: Signer, seconds: int) -> Mark:
    """A witness's signature over the text of a checkpoint and the moment (seconds since 1970 UTC).

    Source: C2SP tlog-cosignature, "two newline (U+000A) terminated lines (one header line and one timestamp line)
    followed by the whole note body of the cosigned checkpoint".
    """
    if not 0 <= seconds < 1 << 63:
        raise BadNote(f"expected seconds since 1970; got {seconds}")
    key = NoteKey(name, COSIGNATURE, signer.public_key())
    signature = signer.sign(_cosigned(text, seconds))
    return Mark(name, key.key_id, seconds.to_bytes(8, "big") + signature)


def parse_mark(line: str) -> Mark:
    """One signature line, with or without its newline.

    Raises:
        BadNote: it is not one.
    """
    line = line.removesuffix("\n")
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not space or not _NAME.fullmatch(name):
        raise BadNote("expected a signature line: a dash, a name and base64")
    data = _base64(encoded)
    if len(data) <= _ID_LENGTH:
        raise BadNote(f"the signature of {name} is too short")
    return Mark(name, data[:_ID_LENGTH], data[_ID_LENGTH:])


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _verify(key: NoteKey, mark: Mark, text: str) -> None:
    signature, signed = mark.signature, text.encode()
    if key.kind == COSIGNATURE:
        seconds = mark.seconds
        if seconds >= 1 << 63:
            raise BadNote(f"the signature of {key.name} carries a moment that is none")
        signature, signed = signature[8:], _cosigned(text, seconds)
    if not signatures.algorithm(signatures.ED25519).verify(key.public, signature, signed):
        raise BadNote(f"the signature of {key.name} does not cover this text")


def _text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64(text: str) -> bytes:
    """Strictly: one encoding for one value.

    Raises:
        BadNote: it is not base64, or not the only way to write its bytes.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("expected base64") from None
    if _text64(data) != text:
        raise BadNote("expected base64 in its one form")
    return data
