"""Where a run writes: a hidden folder beside its destination, renamed when everything in it is done.

A process that is killed leaves the old result as it was, or the new one whole, never half of one. The next run removes
what dead runs left behind; a live one holds a lock on its folder and is left alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

RESULT = "result.json"  # what marks a folder as one of ours, and as complete


class CannotRun(Exception):
    """The demonstration was asked to write where it may not; nothing was touched. Says so in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.zh = zh


class NotOurs(CannotRun):
    """The destination holds something that no run of the demonstration made; it is left alone."""


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """A new folder to write in, which takes the place of ``out`` when the block ends without an error.

    Raises:
        NotOurs: ``out`` is a file, or a folder with other things in it.
    """
    out = out.absolute()
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise NotOurs(f"{out} is not a folder", f"{out} 不是目录")
    if out.is_dir() and any(out.iterdir()) and not (out / RESULT).is_file():
        raise NotOurs(
            f"{out} holds other things than a demonstration; name another folder with --out",
            f"{out} 中有并非演示留下的内容;请用 --out 另指定目录",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    part = Path(mkdtemp(prefix=f".{out.name}.part-", dir=out.parent))
    part.chmod(0o755)  # an ordinary folder; the keys in it guard themselves
    lock = _lock(part)
    try:
        yield part
        _take_place(part, out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _take_place(part: Path, out: Path) -> None:
    (part / "lock").unlink()
    old = part.with_name(part.name.replace(".part-", ".old-"))
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(out: Path) -> None:
    """Remove what killed runs left: folders whose lock nobody holds."""
    for kind in ("part", "old"):
        for stale in out.parent.glob(f".{out.name}.{kind}-*"):
            try:
                held = _lock(stale)
            except OSError:  # a live run
                continue
            shutil.rmtree(stale, ignore_errors=True)
            os.close(held)


def _lock(folder: Path) -> int:
    """Hold the folder's lock until the descriptor is closed or the process dies.

    Raises:
        OSError: another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # no such locks on this system: two runs at once into one folder are not told apart there
        pass
    except OSError:
        os.close(handle)
        raise
    return handle
