"""What of a version of a flow matters to an item that stands in one of its stages, as plain data.

Small enough to stand in the entry that moves the item to another version, so that a replay needs nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.errors import Unknown


def outline(definition: Definition, stage: Stage) -> dict[str, Any]:
    """What of a version matters to an item that stands in a stage: its chain with the inner ones, its further dues, its
    tracking, and every ladder; plain data, so that it can stand in an entry."""
    return _outline(definition, stage.stage)


@lru_cache(maxsize=512)
def _outline(definition: Definition, stage: str) -> dict[str, Any]:
    return outline_of(definition.flow.canonical(), stage)


def outline_of(flow: dict[str, Any], stage: str) -> dict[str, Any]:
    """The same of a published body, read back as plain data.

    Raises:
        Unknown: the version has no such stage.
    """
    found = next((s for s in flow["stages"] if s["stage"] == stage), None)
    if found is None:
        raise Unknown(kind="stage", name=stage, hint=f" in {flow['flow']}@{flow['version']}")
    chains = flow.get("chains", {})
    chain = chains[found["chain"]] if "chain" in found else {"steps": found.get("slots", [])}
    levels = chain.get("levels", {})
    inner = sorted({n for n in (levels.get("each"), *levels.get("at", {}).values()) if n})
    posts = {name: post.get("may", "sign") for name, post in flow["posts"].items()}
    laid = {"levels": levels, "steps": chain.get("steps", []), "inner": {n: chains[n] for n in inner}, "posts": posts}
    if "tracking" in found:
        laid["tracking"] = found["tracking"]
    return {
        "version": flow["version"],
        "chain": laid,
        "tracking": "tracking" in found,
        "also": [a["node"] for a in found.get("also-due", [])],
        "due": found.get("due", {}),
        "ladder": flow.get("ladder", {}),
    }
