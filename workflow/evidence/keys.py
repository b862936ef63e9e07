"""Where the engine's signing key comes from. Secrets are neither printed nor pickled nor copied."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import NoReturn, Protocol, SupportsIndex

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workflow.errors import KeyUnavailable, why_not

KEY_ID_LENGTH = 8
SECRET_LENGTH = 32
_FILE_LIMIT = 4096
_PEM_BEGIN = b"-----BEGIN PRIVATE KEY-----"


class KeyProvider(Protocol):
    """Holds one Ed25519 key and signs with it; it need not be able to show it (a hardware module does not)."""

    def key_id(self) -> bytes:
        """8 bytes: the beginning of SHA-256 over the raw public key. A label to look keys up by, not a proof."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The 64-byte Ed25519 signature over exactly these bytes."""
        ...

    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        ...


def key_id_of(public_key: bytes) -> bytes:
    """The key id of a raw public key."""
    return sha256(public_key).digest()[:KEY_ID_LENGTH]


class _HeldKey:
    """A private key in this process's memory."""

    __slots__ = ("_key", "_key_id", "_public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()
        self._key_id = key_id_of(self._public)

    def key_id(self) -> bytes:
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def public_key(self) -> bytes:
        return self._public

    def __repr__(self) -> str:
        return f"<{type(self).__name__} key {self._key_id.hex()}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds a secret: it is not pickled or copied. Make one where it is needed"
        )


class NoKey:
    """No key at all: for whoever only looks. Everything that would seal is refused."""

    def key_id(self) -> bytes:
        raise KeyUnavailable(name="engine", expected="a key to seal with", actual="an engine opened for looking only")

    def sign(self, data: bytes) -> bytes:
        raise KeyUnavailable(name="engine", expected="a key to seal with", actual="an engine opened for looking only")

    def public_key(self) -> bytes:
        raise KeyUnavailable(name="engine", expected="a key to seal with", actual="an engine opened for looking only")


class FileKeyProvider(_HeldKey):
    """An Ed25519 key in an unencrypted PKCS8 PEM file that its owner alone can read. POSIX systems only.

    Raises:
        KeyUnavailable: there is no file; it is a symbolic link or otherwise no regular file; it belongs to another
            account; group or others have any permission on it; or it holds anything but one such key.
    """

    __slots__ = ()

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(_load(Path(path)))

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> FileKeyProvider:
        """Make a new key in a new file with mode 0600. The folder must exist; a file that exists is never touched.

        Raises:
            KeyUnavailable: something is at ``path`` already, or the file cannot be made.
        """
        path = Path(path)
        _require_posix(path)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise KeyUnavailable(
                name=str(path),
                expected="a path where nothing is yet (mend: load the key that is there, or choose another path)",
                actual="something is there; a key is never overwritten",
            ) from None
        except OSError as error:
            raise KeyUnavailable(name=str(path), expected="a file that can be made", actual=why_not(error)) from None
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o600)  # a umask may have taken the owner's own rights
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)  # half a key would block the path for good
            raise
        return cls(path)


class EnvironmentKeyProvider(_HeldKey):
    """An Ed25519 key from an environment variable: the raw 32-byte secret in base64.

    Raises:
        KeyUnavailable: the variable is absent or holds anything else. Its value is never quoted.
    """

    __slots__ = ()

    def __init__(self, variable: str) -> None:
        expected = f"base64 of {SECRET_LENGTH} raw bytes in the environment variable"
        text = os.environ.get(variable)
        if not text:
            raise KeyUnavailable(name=variable, expected=expected, actual="nothing")
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise KeyUnavailable(name=variable, expected=expected, actual="text that is not base64") from None
        if len(secret) != SECRET_LENGTH:
            raise KeyUnavailable(name=variable, expected=expected, actual=f"{len(secret)} bytes")
        super().__init__(Ed25519PrivateKey.from_private_bytes(secret))


def _load(path: Path) -> Ed25519PrivateKey:
    _require_posix(path)
    expected = "a regular file that holds the key"
    try:
        # O_NONBLOCK: a named pipe in the key's place must not hang the process.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        mend = f"{expected} (mend: FileKeyProvider.create makes one)"
        raise KeyUnavailable(name=str(path), expected=mend, actual="no file") from None
    except OSError as error:
        actual = "a symbolic link" if error.errno == errno.ELOOP else why_not(error)
        raise KeyUnavailable(name=str(path), expected=expected, actual=actual) from None
    try:
        # All looked at through the open handle: a path could be swapped between looking and reading.
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnavailable(name=str(path), expected=expected, actual=stat.filemode(status.st_mode))
        if status.st_uid != os.geteuid():
            raise KeyUnavailable(
                name=str(path),
                expected=f"a file owned by user {os.geteuid()} of this process (mend: chown {os.geteuid()} {path})",
                actual=f"owned by user {status.st_uid}",
            )
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise KeyUnavailable(
                name=str(path),
                expected=f"mode 0600 (mend: chmod 600 {path}; if others may have read the key, make a new one)",
                actual=f"mode {mode:04o}",
            )
        if status.st_size > _FILE_LIMIT:
            size = f"{status.st_size} bytes"
            raise KeyUnavailable(name=str(path), expected=f"at most {_FILE_LIMIT} bytes", actual=size)
        data = os.read(handle, _FILE_LIMIT)
    finally:
        os.close(handle)
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> Ed25519PrivateKey:
    expected = "one Ed25519 private key as unencrypted PKCS8 PEM"
    if not data.startswith(_PEM_BEGIN):
        raise KeyUnavailable(name=str(path), expected=expected, actual="a file of another format")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnavailable(name=str(path), expected=expected, actual="a damaged key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnavailable(name=str(path), expected=expected, actual="a key of another kind")
    return key


def _require_posix(path: Path) -> None:
    if os.name != "posix":
        raise KeyUnavailable(
            name=str(path),
            expected="a POSIX system, where file rights can be checked (mend: use EnvironmentKeyProvider)",
            actual=os.name,
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
