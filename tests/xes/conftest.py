"""Collected only where pm4py is installed (``make test-xes``): its licence keeps it out of what hosts and developers install."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("pm4py") else ["test_*.py"]
