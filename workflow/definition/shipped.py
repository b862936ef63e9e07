"""Where the data that comes with the library stands: in a wheel, an editable install or a checkout."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from workflow.errors import Said, Unknown

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def shipped_root() -> Path:
    """The folder with ``flows/`` and ``calendars/``: ``workflow/_shipped`` in an installed wheel, ``definitions``
    beside the package in a checkout or an editable install.

    Raises:
        Unknown: neither is there; the installation lacks its data.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_shipped", package.parent / "definitions"):
        if (folder / "flows").is_dir():
            return folder
    raise Unknown(kind="folder", name="definitions", hint=f" beside {package}. Install signoff-workflow again")


@lru_cache(maxsize=1)
def shipped_flows() -> tuple[str, ...]:
    """The names of the shipped flows, in alphabetical order. Scenario tests beside them are not flows."""
    return tuple(sorted(p.stem for p in (shipped_root() / "flows").glob("*.yaml") if "." not in p.stem))


def shipped_flow(name: str) -> Path:
    """The file of a shipped flow. Raises ``Unknown``."""
    return _file("flow", "flows", name)


def calendar_near(folder: Path, name: str) -> Path:
    """The file of a calendar for flows in a folder: the project's own, in it, in ``calendars/`` in it or beside it; else
    the shipped one. Raises ``Unknown``."""
    own = (folder / "calendars", folder, folder.parent / "calendars")
    return next((p / f"{name}.yaml" for p in own if (p / f"{name}.yaml").is_file()), None) or shipped_calendar(name)


@lru_cache(maxsize=1)
def shipped_calendars() -> tuple[str, ...]:
    """The names of the shipped calendars, in alphabetical order."""
    return tuple(sorted(p.stem for p in (shipped_root() / "calendars").glob("*.yaml") if "." not in p.stem))


def shipped_calendar(name: str) -> Path:
    """The file of a shipped calendar. Raises ``Unknown``."""
    return _file("calendar", "calendars", name)


def _file(kind: str, folder: str, name: str) -> Path:
    path = shipped_root() / folder / f"{name}.yaml"
    if not _NAME.fullmatch(name) or not path.is_file():  # a name is a code, never a path out of the folder
        known = sorted(p.stem for p in path.parent.glob("*.yaml") if "." not in p.stem) if _NAME.fullmatch(name) else []
        listed = ", ".join(known)
        hint = Said(f"; shipped are {listed}", f";随附的有 {listed}") if known else ""
        raise Unknown(kind=f"shipped {kind}", name=name, hint=hint)
    return path
