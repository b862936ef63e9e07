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

    Raises:
        FileExistsError: there is something in the folder already; nothing is overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(errno.EEXIST, "there is something already", str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
        here = Path(made) / "new"
        shutil.copytree(shipped_root() / "starter", here)
        (here / "calendars").mkdir(exist_ok=True)
        shutil.copyfile(shipped_calendar("cn"), here / "calendars" / "cn.yaml")
        flow = here / "repair.yaml"
        flow.write_bytes(formatted(flow.read_bytes(), str(flow), keys))
        (here / SCHEMA).parent.mkdir()
        (here / SCHEMA).write_text(json.dumps(schema(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        here.rename(folder)
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
