"""What leaves on paper or as a file: sheets as Excel, CSV and PDF, and histories as XES event logs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow_adapters.export.sheets import Sheet, dossier, ladders, ledger, overdue, register, reports, signatures

__all__ = ["Sheet", "dossier", "ladders", "ledger", "overdue", "register", "reports", "signatures"]

_HOME = {  # imported when first asked for: the ``workflow`` command loads this package for each of its commands
    "Sheet": "workflow_adapters.export.sheets",
    "dossier": "workflow_adapters.export.sheets",
    "ladders": "workflow_adapters.export.sheets",
    "ledger": "workflow_adapters.export.sheets",
    "overdue": "workflow_adapters.export.sheets",
    "reports": "workflow_adapters.export.sheets",
    "register": "workflow_adapters.export.sheets",
    "signatures": "workflow_adapters.export.sheets",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
