"""Sheets that offices keep, taken in: the organisation with its tenures, and ledgers; from Excel or CSV.

First a preview: what would change, and every fault at its cell. Nothing is written before it is confirmed, and what is
written is what was shown. Excel needs the extra ``importing``; CSV needs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow_adapters.importing.book import BadSheet, CellFault, Unconfirmed, read_book
    from workflow_adapters.importing.ledger import LedgerPlan, plan_ledger
    from workflow_adapters.importing.organisation import OrgPlan, plan_org

__all__ = ["BadSheet", "CellFault", "LedgerPlan", "OrgPlan", "Unconfirmed", "plan_ledger", "plan_org", "read_book"]

_HOME = {  # imported when first asked for: the ``workflow`` command loads this package for each of its commands
    "BadSheet": "workflow_adapters.importing.book",
    "CellFault": "workflow_adapters.importing.book",
    "Unconfirmed": "workflow_adapters.importing.book",
    "read_book": "workflow_adapters.importing.book",
    "LedgerPlan": "workflow_adapters.importing.ledger",
    "plan_ledger": "workflow_adapters.importing.ledger",
    "OrgPlan": "workflow_adapters.importing.organisation",
    "plan_org": "workflow_adapters.importing.organisation",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
