"""What leaves on paper or as a file: sheets as Excel, CSV and PDF, and histories as XES event logs."""

from workflow_adapters.export.sheets import Sheet, ledger, register, signatures

__all__ = ["Sheet", "ledger", "register", "signatures"]
