"""Where keys come from, and what is refused."""

from __future__ import annotations

import base64
import copy
import os
import pickle
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workflow.errors import KeyUnavailable
from workflow.evidence.keys import EnvironmentKeyProvider, FileKeyProvider, key_id_of

# RFC 8032 section 7.1, test 1
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNED_EMPTY = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    password: bytes | None = None,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> bytes:
    if password is None:
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(password))


def test_a_created_key_file_signs_the_same_after_loading(tmp_path: Path) -> None:
    made = FileKeyProvider.create(tmp_path / "engine.pem")
    loaded = FileKeyProvider(str(tmp_path / "engine.pem"))
    assert made.public_key() == loaded.public_key()
    assert made.sign(b"x") == loaded.sign(b"x")
    Ed25519PublicKey.from_public_bytes(loaded.public_key()).verify(made.sign(b"x"), b"x")
    assert loaded.key_id() == key_id_of(loaded.public_key()) == sha256(loaded.public_key()).digest()[:8]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_a_created_key_file_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        FileKeyProvider.create(tmp_path / "engine.pem")
    finally:
        os.umask(before)
    assert (tmp_path / "engine.pem").stat().st_mode & 0o7777 == 0o600


def test_two_created_keys_differ(tmp_path: Path) -> None:
    assert FileKeyProvider.create(tmp_path / "a").key_id() != FileKeyProvider.create(tmp_path / "b").key_id()


def test_create_never_overwrites(tmp_path: Path) -> None:
    FileKeyProvider.create(tmp_path / "engine.pem")
    before = (tmp_path / "engine.pem").read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "engine.pem", tmp_path / "link", tmp_path):
        with pytest.raises(KeyUnavailable, match="never overwritten"):
            FileKeyProvider.create(path)
    assert (tmp_path / "engine.pem").read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


def test_create_in_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="No such file or directory"):
        FileKeyProvider.create(tmp_path / "absent" / "engine.pem")


def test_a_failed_create_leaves_no_half_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="No space"):
        FileKeyProvider.create(tmp_path / "engine.pem")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777])
def test_a_key_file_open_to_group_or_others_is_refused_and_told_how_to_mend_it(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "engine.pem", pem(Ed25519PrivateKey.generate()), mode)
    with pytest.raises(KeyUnavailable, match=f"chmod 600 {path}") as refused:
        FileKeyProvider(path)
    assert refused.value.facts["actual"] == f"mode {mode:04o}"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_the_owner_alone_loads(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "engine.pem", pem(Ed25519PrivateKey.from_private_bytes(SECRET)), mode)
    assert FileKeyProvider(path).public_key() == PUBLIC


def test_a_key_file_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "engine.pem", pem(Ed25519PrivateKey.generate()))
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyUnavailable, match="chown") as refused:
        FileKeyProvider(path)
    assert refused.value.facts["actual"] == f"owned by user {owner}"


def test_a_symbolic_link_is_refused_even_to_a_good_key(tmp_path: Path) -> None:
    FileKeyProvider.create(tmp_path / "engine.pem")
    (tmp_path / "link").symlink_to(tmp_path / "engine.pem")
    with pytest.raises(KeyUnavailable) as refused:
        FileKeyProvider(tmp_path / "link")
    assert refused.value.facts["actual"] == "a symbolic link"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(KeyUnavailable, match="regular file"):
            FileKeyProvider(path)


def test_an_absent_file_is_told_how_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match=r"create.*no file"):
        FileKeyProvider(tmp_path / "engine.pem")


GOOD = Ed25519PrivateKey.from_private_bytes(SECRET)


@pytest.mark.parametrize(
    ("content", "actual"),
    [
        (lambda: b"", "a file of another format"),
        (lambda: SECRET, "a file of another format"),
        (lambda: pem(GOOD, password=b"x"), "a file of another format"),
        (lambda: pem(GOOD, form=serialization.PrivateFormat.OpenSSH), "a file of another format"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "a key of another kind"),
        (lambda: pem(GOOD)[:60], "a damaged key"),
        (lambda: pem(GOOD).replace(b"MC4", b"MC5"), "a damaged key"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a damaged key"),
        (lambda: pem(GOOD) + b" " * 5000, "5119 bytes"),
    ],
)
def test_a_file_that_holds_anything_but_one_such_key_is_refused(
    tmp_path: Path, content: Callable[[], bytes], actual: str
) -> None:
    path = write(tmp_path / "engine.pem", content())
    with pytest.raises(KeyUnavailable) as refused:
        FileKeyProvider(path)
    assert refused.value.facts["actual"] == actual


def test_a_key_from_the_environment_signs_the_vector_of_rfc_8032(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_KEY", base64.b64encode(SECRET).decode() + "\n")
    held = EnvironmentKeyProvider("SIGNOFF_KEY")
    assert held.public_key() == PUBLIC
    assert held.sign(b"") == SIGNED_EMPTY


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        (None, "nothing"),
        ("", "nothing"),
        ("geheim!geheim!", "text that is not base64"),
        ("密钥", "text that is not base64"),
        (base64.b64encode(SECRET[:31]).decode(), "31 bytes"),
        (base64.b64encode(SECRET + PUBLIC).decode(), "64 bytes"),
    ],
)
def test_a_variable_with_anything_else_is_refused_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, text: str | None, actual: str
) -> None:
    monkeypatch.delenv("SIGNOFF_KEY", raising=False)
    if text is not None:
        monkeypatch.setenv("SIGNOFF_KEY", text)
    with pytest.raises(KeyUnavailable) as refused:
        EnvironmentKeyProvider("SIGNOFF_KEY")
    assert refused.value.facts["actual"] == actual
    assert not text or text not in str(refused.value)


def test_a_provider_shows_and_hands_over_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNOFF_KEY", base64.b64encode(SECRET).decode())
    path = write(tmp_path / "engine.pem", pem(GOOD))
    for held in (EnvironmentKeyProvider("SIGNOFF_KEY"), FileKeyProvider(path)):
        shown = f"{held!r} {held}"
        assert held.key_id().hex() in shown
        assert SECRET.hex() not in shown
        assert base64.b64encode(SECRET).decode() not in shown
        assert not hasattr(held, "__dict__")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="secret"):
                pickle.dumps(held, protocol)
        for copying in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="secret"):
                copying(held)
