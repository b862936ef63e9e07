"""Backup and restore of an office: database, contents and, when asked for, the engine's key; checked both times.

A backup is a folder: ``workflow.db`` as of one moment, ``contents/``, and ``manifest.json`` with the digest of every file.
It has the same form whatever database it is of, SQLite or PostgreSQL, and comes back into either, with the ids that
entries had. It is only called one when its history was verified, and so is what was restored from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workflow.errors import NotUsable, Said
from workflow.evidence.content import DiskContentStore
from workflow.store import backing
from workflow.store.database import file_url
from workflow.verify import Report, verify, verify_database

DATABASE, CONTENTS, KEY, MANIFEST = "workflow.db", "contents", "engine.key", "manifest.json"


@dataclass(frozen=True)
class Made:
    """What a backup or a restoration holds, and what its verification found."""

    files: int
    size: int
    report: Report


def backup(of: Path | str, home: Path, to: Path, *, key: bool = False) -> Made:
    """Copy an office into a new folder while it is in use, and verify the copy.

    Args:
        of: a SQLite file, or the URL of another database.
        key: the engine's private key too. Who holds it can sign as the engine: keep such a copy locked away.

    Raises:
        NotUsable: the folder is not empty, or the copy does not hold.
    """
    if to.exists() and any(to.iterdir()):
        raise NotUsable(
            item=str(to),
            expected=Said("a new or empty folder", "新目录或空目录"),
            actual=Said("files in it", "目录内已有文件"),
        )
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Before the contents: those are only added to, so all it names are there.
    if isinstance(of, Path):
        backing.copy(of, to / DATABASE)
    else:
        backing.export(of, to / DATABASE)
    if (home / CONTENTS).is_dir():
        shutil.copytree(home / CONTENTS, to / CONTENTS, dirs_exist_ok=True)
    if key:
        shutil.copyfile(home / KEY, to / KEY)
        (to / KEY).chmod(0o600)
    manifest = {"v": 1, "files": _digests(to)}
    report = _verified(to / DATABASE, to / CONTENTS)
    (to / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    return Made(len(manifest["files"]), _size(to), report)  # type: ignore[arg-type]


def restore(folder: Path, to: Path | str, home: Path) -> Made:
    """Bring a backup back to where nothing stands, after checking it, and verify what came back. Done again after it was
    broken off, it goes on; a backup of an older version is brought to the tables of this one.

    Args:
        to: a SQLite file that is not there, or the URL of a database without entries.

    Raises:
        NotUsable: a file is missing, was changed or was added, something stands there already, or it does not hold.
        NotEmpty: the database has rows.
    """
    check(folder)
    if isinstance(to, Path) and to.exists():
        raise NotUsable(
            item=str(to),
            expected=Said("a database that is not there yet", "尚不存在的数据库"),
            actual=Said("it is", "已存在"),
        )
    contents, held = home / CONTENTS, _digests(folder / CONTENTS)
    if contents.exists() and _digests(contents) != held:
        raise NotUsable(
            item=str(contents),
            expected=Said("a home without contents, or with those of this backup", "尚无材料或材料与本备份一致的目录"),
            actual=Said("other contents", "其他材料"),
        )
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if held and not contents.exists():
        half = home / f"{CONTENTS}.restoring"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(folder / CONTENTS, half)
        half.rename(contents)
    if (folder / KEY).is_file():
        shutil.copyfile(folder / KEY, home / KEY)
        (home / KEY).chmod(0o600)
    report = _brought_back(folder / DATABASE, to, contents)
    return Made(len(_digests(folder)), _size(folder), report)


def _brought_back(database: Path, to: Path | str, contents: Path) -> Report:
    """Put the database in its place whole, and only once it was verified there; or not at all."""
    if isinstance(to, Path):
        half = to.with_name(f"{to.name}.restoring")
        shutil.copyfile(database, half)
        backing.brought_up(half)
        report = _verified(half, contents)
        os.replace(half, to)
        return report
    with TemporaryDirectory(prefix="workflow-restore-") as name:
        half = Path(name) / DATABASE
        shutil.copyfile(database, half)
        backing.brought_up(half)
        found: list[Report] = []

        def verified(connection: Any) -> None:
            found.append(_held(verify(connection, DiskContentStore(contents)), "the restored database"))

        backing.imported(half, to, verified)
    return found[0]


def check(folder: Path) -> None:
    """Whether every file of a backup is there and as it was.

    Raises:
        NotUsable: names the first that is not.
    """
    try:
        held = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise NotUsable(
            item=str(folder),
            expected=Said(f"a backup with its {MANIFEST}", f"含 {MANIFEST} 的备份"),
            actual=Said("none", "没有"),
        ) from None
    found = _digests(folder)
    for name in sorted({*held, *found}):
        if held.get(name) != found.get(name):
            raise NotUsable(
                item=name,
                expected=held.get(name, Said("no such file", "没有此文件")),
                actual=found.get(name, Said("absent", "缺失")),
            )


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
    return _held(report, str(database))


def _held(report: Report, name: str) -> Report:
    if report.failures:
        first, n = report.failures[0], len(report.failures)
        raise NotUsable(
            item=name,
            expected=Said("a history that holds", "校验无误的办理记录"),
            actual=Said(f"{n} failure(s): {first}", f"{n} 处有误:{first}"),
        )
    return report
