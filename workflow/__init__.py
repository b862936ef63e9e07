"""Signed responsibility, level by level: a workflow engine that a host application embeds.

What stands in ``__all__`` is imported when it is first asked for: a process that only opens a database and looks does
not wait for what compiles definitions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow.acts import Act, Actor
    from workflow.clock import Clock, SettableClock, SystemClock
    from workflow.definition.load import load, loads
    from workflow.desk import Desk
    from workflow.engine import Engine
    from workflow.errors import Refused, WorkflowError
    from workflow.receipt import Receipt, Shown
    from workflow.recording import Prepared
    from workflow.run import run_until
    from workflow.sweep import tick

__all__ = [
    "Act",
    "Actor",
    "Clock",
    "Desk",
    "Engine",
    "Prepared",
    "Receipt",
    "Refused",
    "SettableClock",
    "Shown",
    "SystemClock",
    "WorkflowError",
    "load",
    "loads",
    "run_until",
    "tick",
]

_HOME = {
    "Act": "acts",
    "Actor": "acts",
    "Clock": "clock",
    "Desk": "desk",
    "Engine": "engine",
    "Prepared": "recording",
    "Receipt": "receipt",
    "Refused": "errors",
    "SettableClock": "clock",
    "Shown": "receipt",
    "SystemClock": "clock",
    "WorkflowError": "errors",
    "load": "definition.load",
    "loads": "definition.load",
    "run_until": "run",
    "tick": "sweep",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
