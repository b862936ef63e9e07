"""Sheets that offices keep, taken in: the organisation with its tenures, and ledgers; from Excel or CSV.

First a preview: what would change, and every fault at its cell. Nothing is written before it is confirmed, and what is
written is what was shown. Excel needs the extra ``importing``; CSV needs nothing.
"""

from workflow_adapters.importing.book import BadSheet, CellFault, Unconfirmed, read_book
from workflow_adapters.importing.ledger import LedgerPlan, plan_ledger
from workflow_adapters.importing.organisation import OrgPlan, plan_org

__all__ = ["BadSheet", "CellFault", "LedgerPlan", "OrgPlan", "Unconfirmed", "plan_ledger", "plan_org", "read_book"]
