"""Votes in a process of its own until it is killed: ``python -m tests.contract.voter URL HOME ITEM``, codes on stdin.

Every code whose paper was accepted is printed back, after the engine has said so.
"""

from __future__ import annotations

import sys

from tests.contract.polling import GOOD
from workflow import Engine

if __name__ == "__main__":
    url, home, item = sys.argv[1:]
    engine = Engine.at(url, home, upgrade=False)
    for line in sys.stdin:
        engine.cast(item, line.strip(), GOOD)
        print(line.strip(), flush=True)
