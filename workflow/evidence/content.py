"""Where documents, minutes and scans lie: bytes under the digest of themselves."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from workflow.errors import ContentMissing, TooLarge
from workflow.evidence.digest import parse, sha256

SIZE_LIMIT = 32 * 1024 * 1024

_SHARD = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")
_NOT_A_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO}


class ContentStore(Protocol):
    """Keeps bytes under their SHA-256 digest. What lies there never changes; putting it twice is putting it once."""

    @property
    def size_limit(self) -> int:
        """The most bytes that one content may have."""
        ...

    def put(self, data: bytes) -> str:
        """Keep bytes and give their digest. When it returns they are as durable as the store promises.

        Raises:
            TooLarge: more than ``size_limit`` bytes.
        """
        ...

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, recomputed before they are given out.

        Raises:
            ContentMissing: nothing lies there, something else does, or ``digest`` is not one of this store's.
        """
        ...

    def has(self, digest: str) -> bool:
        """Whether something lies under a digest; whether it is the right thing only ``get`` knows."""
        ...

    def remove(self, digest: str) -> bool:
        """Remove what lies under a digest, for good; whether there was anything."""
        ...


class MemoryContentStore:
    """Keeps contents in this process's memory. For tests and simulations."""

    def __init__(self, size_limit: int = SIZE_LIMIT) -> None:
        self.size_limit = size_limit
        self._contents: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        _check_size(data, self.size_limit)
        digest = sha256(data)
        self._contents[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        _hex(digest)
        data = self._contents.get(digest)
        if data is None:
            raise ContentMissing(digest=digest, expected="its bytes", actual="nothing")
        return _verified(data, digest)

    def has(self, digest: str) -> bool:
        return digest in self._contents

    def remove(self, digest: str) -> bool:
        return self._contents.pop(digest, None) is not None

    def iterate(self) -> Iterator[str]:
        """All digests, sorted."""
        yield from sorted(self._contents)


class DiskContentStore:
    """Keeps each content in a file ``root/sha256/ab/cdef...`` that its owner alone can read.

    A file appears under its name only when it is whole. With ``fsync`` it also survives a power cut once ``put`` has
    returned; without, only a crash of this process. Errors of the disk itself (full, failing) pass through as OSError.
    """

    def __init__(self, root: str | os.PathLike[str], size_limit: int = SIZE_LIMIT, fsync: bool = True) -> None:
        self.size_limit = size_limit
        self._fsync = fsync
        self._root = Path(root)
        self._folder = self._root / "sha256"

    def put(self, data: bytes) -> str:
        _check_size(data, self.size_limit)
        digest = sha256(data)
        path = self._path(_hex(digest))
        if self._holds(path, data):
            if self._fsync:  # whoever wrote it may not have come to that yet
                _sync(path)
                self._sync_folders(path)
            return digest
        temporary = f"{os.path.dirname(path)}/.{secrets.token_hex(8)}.part"
        try:
            handle = _create(temporary)
        except FileNotFoundError:
            for folder in (self._root, self._folder, os.path.dirname(path)):  # makedirs keeps only the last to oneself
                os.makedirs(folder, mode=0o700, exist_ok=True)
            handle = _create(temporary)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                if self._fsync:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if self._fsync:
            self._sync_folders(path)
        return digest

    def get(self, digest: str) -> bytes:
        path = self._path(_hex(digest))
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in _NOT_A_FILE:
                raise
            raise ContentMissing(digest=digest, expected="its bytes", actual="nothing") from None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ContentMissing(digest=digest, expected="its bytes", actual=stat.filemode(status.st_mode))
            if status.st_size > self.size_limit:
                raise TooLarge(path=digest, expected=f"{self.size_limit} bytes", actual=f"{status.st_size} bytes")
            with open(handle, "rb", buffering=0, closefd=False) as file:
                data = file.read()
        finally:
            os.close(handle)
        return _verified(data, digest)

    def has(self, digest: str) -> bool:
        known = parse(digest)
        if known is None or known[0] != "sha256":
            return False
        try:
            return stat.S_ISREG(os.lstat(self._path(known[1])).st_mode)
        except OSError as error:
            if error.errno not in _NOT_A_FILE:
                raise
            return False

    def remove(self, digest: str) -> bool:
        path = self._path(_hex(digest))
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        if self._fsync:
            _sync(os.path.dirname(path))
        return True

    def iterate(self) -> Iterator[str]:
        """All digests that lie here, sorted. Half-written files are passed over.

        What no entry cites is an orphan: content is put before the transaction that cites it commits.
        """
        if not self._folder.is_dir():
            return
        for shard in sorted(os.listdir(self._folder)):
            folder = self._folder / shard
            if _SHARD.fullmatch(shard) and folder.is_dir():
                for rest in sorted(os.listdir(folder)):
                    if _REST.fullmatch(rest):
                        yield f"sha256:{shard}{rest}"

    def _path(self, digits: str) -> str:
        return f"{self._folder}/{digits[:2]}/{digits[2:]}"

    def _holds(self, path: str, data: bytes) -> bool:
        """Whether exactly these bytes lie at a path; a damaged file is written again."""
        try:
            status = os.lstat(path)
        except OSError as error:
            if error.errno not in _NOT_A_FILE:
                raise
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == len(data) and Path(path).read_bytes() == data

    def _sync_folders(self, path: str) -> None:
        # The name of a new file is durable only with its folder, and the folder only with those above it.
        for folder in (os.path.dirname(path), str(self._folder), str(self._root)):
            _sync(folder)


def _create(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hex(digest: str) -> str:
    """The hex digits of a digest. Nothing else ever becomes part of a path."""
    known = parse(digest)
    if known is None or known[0] != "sha256":
        expected = "sha256: and 64 lowercase hex digits"
        raise ContentMissing(digest=repr(digest)[:80], expected=expected, actual="something else")
    return known[1]


def _check_size(data: bytes, size_limit: int) -> None:
    if len(data) > size_limit:
        raise TooLarge(path="content", expected=f"{size_limit} bytes", actual=f"{len(data)} bytes")


def _verified(data: bytes, digest: str) -> bytes:
    actual = sha256(data)
    if actual != digest:
        raise ContentMissing(digest=digest, expected="its bytes", actual=f"bytes with the digest {actual}")
    return data
