"""Signed notes, checkpoints and cosignatures against what other people's logs and witnesses signed."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from workflow.evidence.checkpoint import (
    COSIGNATURE,
    NOTE_LIMIT,
    SIGNATURE,
    BadNote,
    Checkpoint,
    Mark,
    Note,
    NoteKey,
    cosign,
    parse_mark,
    sign,
)

# The key and the note with which the implementation that signed notes come from tests itself.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
SAYING = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SAYING_MARK = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# Two checkpoints of Go's checksum database.
GO = NoteKey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
GO_NOTES = [
    "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n",
    "go.sum database tree\n49189689\nftjbAOzaupaIvaPo/G+Dk63nxOZ2s1OPOKIaPtXs7S4=\n\n"
    "— sum.golang.org Az3grlKZssqRoMNPpZfKt0TphbbcF+pzXqElURJKRNFKfaUAgqeI5k2AORH0QAhg/ebRwyIqD/OqP4oLtLnNumvOBAM=\n",
]

# A checkpoint of a certificate transparency log with the cosignatures of five public witnesses, and keys of three of them.
WITNESSED = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501
LOG_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
WITNESS_KEYS = [
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
]
WITNESSED_AT = 0x6A122120


class Key:
    """A signer in memory."""

    def __init__(self, secret: bytes = bytes(range(32))) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


def test_a_note_is_signed_as_the_first_implementation_signs_it() -> None:
    mark = sign(SAYING, "PeterNeumann", Key(PETER_SECRET))
    assert str(mark) == SAYING_MARK
    assert str(NoteKey("PeterNeumann", SIGNATURE, Key(PETER_SECRET).public_key())) == PETER
    note = Note.parse(SAYING + "\n" + SAYING_MARK)
    assert note.verified([NoteKey.parse(PETER)]) == {NoteKey.parse(PETER): mark}
    assert str(note) == SAYING + "\n" + SAYING_MARK


@pytest.mark.parametrize("text", GO_NOTES)
def test_checkpoints_of_a_public_log_verify(text: str) -> None:
    note = Note.parse(text)
    assert list(note.verified([GO])) == [GO]
    checkpoint = Checkpoint.parse(note.text)
    assert checkpoint.origin == "go.sum database tree"
    assert checkpoint.text == note.text


def test_cosignatures_of_public_witnesses_verify() -> None:
    note = Note.parse(WITNESSED)
    keys = [NoteKey.parse(LOG_KEY), *map(NoteKey.parse, WITNESS_KEYS)]
    held = note.verified(keys)
    assert list(held) == keys
    assert [held[k].seconds for k in keys[1:]] == [WITNESSED_AT] * 3
    assert [k.kind for k in keys] == [SIGNATURE, COSIGNATURE, COSIGNATURE, COSIGNATURE]
    assert Checkpoint.parse(note.text).size == 1432088532


@pytest.mark.parametrize("key", [LOG_KEY, *WITNESS_KEYS])
def test_one_changed_digit_of_the_size_voids_every_signature(key: str) -> None:
    note = Note.parse(WITNESSED.replace("1432088532", "1432088533"))
    with pytest.raises(BadNote, match="does not cover"):
        note.verified([NoteKey.parse(key)])


def test_signatures_by_strangers_are_left_aside() -> None:
    assert Note.parse(WITNESSED).verified([GO]) == {}
    stranger = NoteKey("sum.golang.org", SIGNATURE, Key().public_key())  # the name of a known log, another key
    assert Note.parse(GO_NOTES[0]).verified([stranger]) == {}


def test_a_witness_signs_the_moment_with_the_text() -> None:
    text = Checkpoint("example.org/log", 7, bytes(32), ("epoch 1 sha256", "at 1")).text
    mark = cosign(text, "witness-1.example", Key(), 1_566_262_800)
    key = NoteKey("witness-1.example", COSIGNATURE, Key().public_key())
    assert Note(text, (mark,)).verified([key])[key].seconds == 1_566_262_800
    later = Mark(mark.name, mark.key_id, (1_566_262_801).to_bytes(8, "big") + mark.signature[8:])
    with pytest.raises(BadNote, match="does not cover"):
        Note(text, (later,)).verified([key])


def test_a_cosignature_is_no_signature_of_a_log_by_the_same_key() -> None:
    text = Checkpoint("example.org/log", 7, bytes(32)).text
    cosigned, signed = cosign(text, "one", Key(), 5), sign(text, "one", Key())
    assert cosigned.key_id != signed.key_id
    as_log = NoteKey("one", SIGNATURE, Key().public_key())
    assert Note(text, (cosigned,)).verified([as_log]) == {}


@given(
    st.from_regex(r"[a-z0-9./-]{1,40}", fullmatch=True),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.from_regex(r"[!-~ ]{1,30}", fullmatch=True), max_size=4),
)
def test_checkpoints_survive_their_text(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    made = Checkpoint(origin, size, root, tuple(extensions))
    assert Checkpoint.parse(made.text) == made
    note = Note(made.text, (sign(made.text, "a.example", Key()),))
    assert Note.parse(str(note)) == note


def test_an_extension_is_found_by_its_word() -> None:
    made = Checkpoint("log", 1, bytes(32), ("epoch 2 sm3", "atlas 5", "at 99"))
    assert made.extension("at") == "99"
    assert made.extension("epoch") == "2 sm3"
    assert made.extension("previous") is None


ROOT64 = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n1\n",
        f"log\n1\n{ROOT64}",
        f"\n1\n{ROOT64}\n",
        f"log\n01\n{ROOT64}\n",
        f"log\n-1\n{ROOT64}\n",
        f"log\n+1\n{ROOT64}\n",
        f"log\n1\n{ROOT64[:-1]}\n",
        f"log\n1\n{base64.b64encode(bytes(31)).decode()}\n",
        f"log\n1\n{ROOT64[:-2]}B=\n",
        f"log\n1\n{ROOT64}\n\nx\n",
        f"log\n{'9' * 20}\n{ROOT64}\n",
        f"log\n\u0661\n{ROOT64}\n",
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n— name AAAAAAA=".encode(),
        "text\n\n— name\n".encode(),
        "text\n\n— na me AAAAAAA=\n".encode(),
        "text\n\n— a+b AAAAAAA=\n".encode(),
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— name AAAAAAB=\n".encode(),
        "text\t\n\n— name AAAAAAA=\n".encode(),
        b"text\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        ("text\n\n" + "— name AAAAAAA=\n" * 101).encode(),
        b"x" * (NOTE_LIMIT + 1),
    ],
)
def test_what_is_no_note_is_refused_without_a_traceback_of_another_kind(data: bytes) -> None:
    with pytest.raises(BadNote):
        Note.parse(data)


@given(st.text(max_size=80))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    for read in (Note.parse, Checkpoint.parse, NoteKey.parse, parse_mark):
        with suppress(BadNote):
            read(text)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10",
        "PeterNeumann+c74f20a3+",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_key_that_is_not_what_it_says_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        NoteKey.parse(text)


def test_a_line_cannot_be_slipped_into_a_checkpoint() -> None:
    with pytest.raises(BadNote):
        _ = Checkpoint("log", 1, bytes(32), ("a\nb",)).text
    with pytest.raises(BadNote):
        _ = Checkpoint("", 1, bytes(32)).text
