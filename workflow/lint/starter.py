"""``workflow init``: a folder that runs, from what ships with the library."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from pathlib import Path

from workflow.definition.fmt import Keys, formatted
from workflow.definition.schema import schema
from workflow.definition.shipped import shipped_calendar, shipped_root

SCHEMA = Path("schema") / "flow.schema.json"


def start(folder: Path, keys: Keys) -> list[Path]:
    """Make the folder, all of it or nothing, with keys in one language; the files made, relative to it.

    An empty folder that stands already is filled, not replaced: somebody may be working in it.

    Raises:
        FileExistsError: there is something in the folder already; nothing is overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(errno.EEXIST, "there is something already", str(folder))
    stands = folder.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder if stands else folder.parent, prefix=".new.") as made:
        here = Path(made) / "new"
        shutil.copytree(shipped_root() / "starter", here)
        (here / "calendars").mkdir(exist_ok=True)
        shutil.copyfile(shipped_calendar("cn"), here / "calendars" / "cn.yaml")
        flow = here / "repair.yaml"
        flow.write_bytes(formatted(flow.read_bytes(), str(flow), keys))
        (here / SCHEMA).parent.mkdir()
        (here / SCHEMA).write_text(json.dumps(schema(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if stands:
            _fill(folder, here)
        else:
            here.rename(folder)
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())


def _fill(folder: Path, made: Path) -> None:
    """Move everything that was made into a folder that stands; what was moved goes again where one thing cannot be."""
    moved: list[Path] = []
    try:
        for path in sorted(made.iterdir()):
            moved.append(path.rename(folder / path.name))
    except OSError:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
