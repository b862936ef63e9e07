"""Which flow a command means: a file, or one that ships; and the flows that stand beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflow.calendar import Calendar
    from workflow.definition.definition import Definition


def flow_of(given: str) -> tuple[Definition, Path]:
    """The definition in a file, or the shipped one of that name, and its path.

    Raises:
        DefinitionInvalid: the file does not hold. Unknown: neither a file nor a shipped flow.
    """
    from workflow.definition.load import load
    from workflow.definition.shipped import shipped_flow

    path = Path(given)
    if not path.is_file() and path.suffix not in (".yaml", ".yml"):
        path = shipped_flow(given)
    return load(path), path


def calendar_of(definition: Definition, path: Path) -> Calendar:
    """The calendar that a flow counts by: the project's own (see ``calendar_near``), else the shipped one.

    Raises:
        Unknown: there is none of that name. DefinitionInvalid: it does not hold.
    """
    from workflow.calendar_file import load_calendar
    from workflow.definition.shipped import calendar_near

    return load_calendar(calendar_near(path.parent, definition.flow.calendar))


def calendars_of_units(definition: Definition, path: Path) -> list[Calendar]:
    """Those that units of the flow have of their own, found in the same way.

    Raises:
        Unknown: there is none of that name. DefinitionInvalid: one does not hold.
    """
    from workflow.calendar_file import load_calendar
    from workflow.definition.shipped import calendar_near

    names = dict.fromkeys(c for c in definition.flow.calendars.values() if c != definition.flow.calendar)
    return [load_calendar(calendar_near(path.parent, name)) for name in names]


def beside(path: Path) -> list[Definition]:
    """The other flows of the same folder, as far as they hold: what they open leads into a flow."""
    from workflow.definition.load import load
    from workflow.errors import WorkflowError

    found = []
    for other in sorted(path.resolve().parent.glob("*.yaml")):
        if other.name == path.name or other.name.endswith(".test.yaml"):
            continue
        try:
            found.append(load(other))
        except WorkflowError:
            continue  # another file's faults are told when that file is asked about
    return found
