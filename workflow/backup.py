"""Backup and restore of a SQLite office: database, contents and, when asked for, the engine's key; checked both times.

A backup is a folder: ``workflow.db`` as of one moment, ``contents/``, and ``manifest.json`` with the digest of every file.
It is only called one when its history was verified, and so is what was restored from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from workflow.errors import NotUsable
from workflow.evidence.content import DiskContentStore
from workflow.store import backing
from workflow.store.database import file_url
from workflow.verify import Report, verify_database

DATABASE, CONTENTS, KEY, MANIFEST = "workflow.db", "contents", "engine.key", "manifest.json"


@dataclass(frozen=True)
class Made:
    """What a backup or a restoration holds, and what its verification found."""

    files: int
    size: int
    report: Report


def backup(database: Path, home: Path, to: Path, *, key: bool = False) -> Made:
    """Copy an office into a new folder while it is in use, and verify the copy.

    Args:
        key: the engine's private key too. Who holds it can sign as the engine: keep such a copy locked away.

    Raises:
        NotUsable: the folder is not empty, or the copy does not hold.
    """
    if to.exists() and any(to.iterdir()):
        raise NotUsable(item=str(to), expected="a new or empty folder", actual="files in it")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    backing.copy(database, to / DATABASE)  # before the contents: those are only added to, so all it names are there
    if (home / CONTENTS).is_dir():
        shutil.copytree(home / CONTENTS, to / CONTENTS, dirs_exist_ok=True)
    if key:
        shutil.copyfile(home / KEY, to / KEY)
        (to / KEY).chmod(0o600)
    manifest = {"v": 1, "files": _digests(to)}
    report = _verified(to / DATABASE, to / CONTENTS)
    (to / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    return Made(len(manifest["files"]), _size(to), report)  # type: ignore[arg-type]


def restore(folder: Path, database: Path, home: Path) -> Made:
    """Bring a backup back to where nothing stands, after checking it, and verify what came back.

    Raises:
        NotUsable: a file is missing, was changed or was added, something stands there already, or it does not hold.
    """
    check(folder)
    if database.exists() or (home / CONTENTS).exists():
        raise NotUsable(item=str(database), expected="a database and a home that are not there yet", actual="they are")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / CONTENTS).is_dir():
        shutil.copytree(folder / CONTENTS, home / CONTENTS)
    if (folder / KEY).is_file():
        shutil.copyfile(folder / KEY, home / KEY)
        (home / KEY).chmod(0o600)
    half = database.with_name(f"{database.name}.restoring")
    shutil.copyfile(folder / DATABASE, half)
    report = _verified(half, home / CONTENTS)
    os.replace(half, database)  # whole or not at all
    return Made(len(_digests(folder)), _size(folder), report)


def check(folder: Path) -> None:
    """Whether every file of a backup is there and as it was.

    Raises:
        NotUsable: names the first that is not.
    """
    try:
        held = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise NotUsable(item=str(folder), expected=f"a backup with its {MANIFEST}", actual="none") from None
    found = _digests(folder)
    for name in sorted({*held, *found}):
        if held.get(name) != found.get(name):
            raise NotUsable(item=name, expected=held.get(name, "no such file"), actual=found.get(name, "absent"))


def _digests(folder: Path) -> dict[str, str]:
    out = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                out[path.relative_to(folder).as_posix()] = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    return out


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _verified(database: Path, contents: Path) -> Report:
    report = verify_database(file_url(database, read_only=True), DiskContentStore(contents))
    if report.failures:
        first = report.failures[0]
        raise NotUsable(
            item=str(database), expected="a history that holds", actual=f"{len(report.failures)} failure(s): {first}"
        )
    return report
